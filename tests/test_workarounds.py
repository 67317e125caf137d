# SPDX-License-Identifier: MIT
"""Each workaround has a test that fails once upstream has mended the bug: then it can go."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing

import pytest
import support

from mesonbuild_ft import workarounds


TAG_OF_A_PRE_RELEASE = 'cp315-cp315'


def bare(python: pathlib.Path, source: pathlib.Path, output: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """meson-python alone."""
    output.mkdir(exist_ok=True)
    return subprocess.run(
        [python, '-c', f'import mesonpy; mesonpy.build_wheel({os.fspath(output)!r})'], cwd=source, check=False,
        capture_output=True, text=True, env=support.clean_environment(python))


def test_pre_release_counts_as_release(
    interpreters: typing.Any, hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """requires-python >= 3.15 on 3.15.0rc2: pip installs it, and meson-python refuses to build it."""
    python = interpreters.get(TAG_OF_A_PRE_RELEASE)
    level = subprocess.run([python, '-c', 'import sys; print(sys.version_info[3])'], capture_output=True, text=True,
                           check=True).stdout.strip()
    if level == 'final':
        pytest.skip(f'{TAG_OF_A_PRE_RELEASE} is not a pre-release here')
    source = project('plain')
    support.replace(source / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">= 3.15"')
    upstream = bare(python, source, tmp_path / 'bare')
    assert upstream.returncode != 0, 'meson-python accepts it now: remove pre_release_counts_as_release()'
    assert 'requires Python version' in upstream.stdout
    assert hook(TAG_OF_A_PRE_RELEASE, 'build_wheel', source).path.is_file()


def test_too_old_an_interpreter_is_still_refused(hook: typing.Any, project: typing.Any) -> None:
    source = project('plain')
    support.replace(source / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">= 3.16"')
    result = hook(TAG_OF_A_PRE_RELEASE, 'build_wheel', source)
    assert result.findings('error') == ['python-too-old']
    assert result.ran_meson_setup == 0


@pytest.mark.parametrize(('version', 'takes'), [
    ('1.3.0', False), ('1.7.2', False), ('1.8.0', False), ('1.8.1', True), ('1.12.1', True), ('1.13.0.rc1', True)])
def test_reconfigure_takes_options_by_version(version: str, takes: bool) -> None:
    assert workarounds.reconfigure_takes_options(version) is takes


@pytest.mark.parametrize('version', ['1.8.0', '1.8.1'])
def test_reconfigure_takes_options(
    version: str, interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """The two Mesons at the border, for real: whether the second setup's c_args reach the compiler."""
    python = interpreters.get('cp312-cp312')
    meson = tmp_path / 'meson'
    environments = support.load_environments()
    environments.pip_install(python, '--target', os.fspath(meson), f'meson=={version}')
    environment = {**support.clean_environment(python), 'PYTHONPATH': os.fspath(meson)}
    source = project('plain')
    for arguments in (['setup'], ['setup', '--reconfigure', '-Dc_args=-DGIVEN_AGAIN']):
        subprocess.run([python, '-m', 'mesonbuild.mesonmain', *arguments, tmp_path / 'build', source], check=True,
                       env=environment, capture_output=True)
    commands = json.loads((tmp_path / 'build' / 'compile_commands.json').read_text())
    assert ('-DGIVEN_AGAIN' in commands[0]['command']) is workarounds.reconfigure_takes_options(version)


def test_wheels_appear_complete(interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
    """meson-python opens the wheel under its final name."""
    python = interpreters.get('cp312-cp312')
    output = tmp_path / 'bare'
    output.mkdir()
    code = ('import mesonpy, zipfile\nopened = []\noriginal = zipfile.ZipFile.__init__\n'
            'def init(self, file, *a, **k):\n    opened.append(str(file))\n    original(self, file, *a, **k)\n'
            f'zipfile.ZipFile.__init__ = init\nmesonpy.build_wheel({os.fspath(output)!r})\nprint("opened", *opened)')
    done = subprocess.run([python, '-c', code], cwd=project('plain'), check=True, capture_output=True, text=True,
                          env=support.clean_environment(python))
    opened = done.stdout.splitlines()[-1].split()[1:]
    assert any(name.endswith('.whl') for name in opened), 'it does not any more: remove wheels_appear_complete()'
