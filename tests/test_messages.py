# SPDX-License-Identifier: MIT
"""Bad input gets one clear error: identifier, what, where, what to do; status 1, no traceback, nothing left behind."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import typing

import pytest
import support

from mesonbuild_ft import diagnostics


TAG = 'cp312-cp312'


def check(result: support.Result, identifier: str, *words: str) -> None:
    """One error of this identifier, with all three parts, and these words in it."""
    assert result.status == 1, result.text
    assert result.findings('error')[:1] == [identifier], result.text
    assert identifier in diagnostics.IDENTIFIERS
    assert 'Traceback (most recent call last)' not in result.text
    shown = result.stderr[result.stderr.index(f'[{identifier}]'):]
    assert re.search(r'^  where: .+', shown, re.MULTILINE)
    assert re.search(r'^  to do: .+', shown, re.MULTILINE)
    for word in words:
        assert word in shown
    assert list(result.output.iterdir()) == []
    assert not list(result.project.glob(f'{support.WORK_DIRECTORY}*'))


@pytest.mark.parametrize(('text', 'identifier', 'words'), [
    ('[broken', 'invalid-pyproject', ('at end of document',)),
    (b'name = "\xff"', 'invalid-pyproject', ('UTF-8',)),
    ('a = ' + '[' * 20000, 'invalid-pyproject', ('deeply',)),
    ('tool = 1', 'invalid-pyproject', ('"tool" is not a table',)),
    ('[tool]\nmesonbuild-ft = 1', 'invalid-pyproject', ('"tool.mesonbuild-ft" is not a table',)),
    ('[tool.mesonbuild-ft]\nabi3 = true', 'unknown-setting', ('Did you mean "abi3t"?',)),
    ('[tool.mesonbuild-ft]\nverfy = "off"', 'unknown-setting', ('Did you mean "verify"?',)),
    ('[tool.mesonbuild-ft]\nabi3t = "yes"', 'invalid-setting', ('true or false',)),
    ('[tool.mesonbuild-ft]\nverify = "never"', 'invalid-setting', ('"error" or "warn" or "off"',)),
    ('[tool.mesonbuild-ft]\ngil = false', 'invalid-setting', ('"not-used"',)),
    ('[tool.meson-python]\nlimited-api = "3.9"', 'invalid-setting', ('true or false',)),
    ('[tool.meson-python]\nlimitedapi = true', 'unknown-setting', ('Did you mean "limited-api"?',)),
    ('[tool.meson-python]\nno-such-key = 1', 'unknown-setting', ('no-such-key',)),
    ('[tool.meson-python]\nargs = "x"', 'invalid-setting', ('a table',)),
    ('[tool.meson-python.args]\nsetup = "x"', 'invalid-setting', ('a list of strings',)),
    ('[tool.meson-python]\nmeson = 5', 'invalid-setting', ('a string',)),
    ('[tool.mesonbuild-ft]\nabi3t = true', 'abi3t-without-limited-api', ('limited-api = true',)),
    ('[project]\nname = "one two"\nversion = "1"', 'invalid-project-metadata', ('one two',)),
    ('[project]\nname = "one"', 'invalid-project-metadata', ('version',)),
    ('[project]\nname = "one"\nversion = "1"\nlicense = "No-Such"', 'invalid-project-metadata', ('no-such',)),
    ('[project]\nname = "one"\nversion = "1"\ndynamic = ["readme"]', 'invalid-project-metadata', ('readme',)),
    ('[project]\nname = "one"\nversion = "1"\nreadme = "NONE.md"', 'invalid-project-metadata', ('NONE.md',)),
    ('[project]\nname = "one"\nversion = "1"\nrequires-python = "<3.10"', 'python-too-new', ('<3.10',)),
], ids=lambda value: None if not isinstance(value, str) or '\n' in value or len(value) > 60 else value)
def test_pyproject(
    text: str | bytes, identifier: str, words: tuple[str, ...], hook: typing.Any, project: typing.Any,
) -> None:
    source = project('plain')
    (source / 'pyproject.toml').write_bytes(text if isinstance(text, bytes) else text.encode())
    result = hook(TAG, 'build_wheel', source)
    check(result, identifier, *words)
    assert result.ran_meson_setup == 0


@pytest.mark.parametrize(('config', 'identifier', 'words'), [
    ({'abi': 'abi4'}, 'invalid-config-setting', ('auto, full, abi3, abi3t',)),
    ({'abi': ['full', 'abi3']}, 'invalid-config-setting', ()),
    ({'verify': 'no'}, 'invalid-config-setting', ('error, warn, off',)),
    ({'advise': 'yes'}, 'invalid-config-setting', ('true, false',)),
    ({'advice': 'true'}, 'unknown-config-setting', ('Did you mean "advise"?',)),
    ({'verfiy': 'off'}, 'unknown-config-setting', ('Did you mean "verify"?',)),
    ({'gil': 'used'}, 'unknown-config-setting', ('[tool.mesonbuild-ft]',)),
    ({'abi3t': 'true'}, 'unknown-config-setting', ('-Cabi=abi3t',)),
    ({'ABI': 'full'}, 'unknown-config-setting', ('Did you mean "abi"?',)),
    ({'build-dir': 'meson.build'}, 'unusable-build-directory', ('is a file',)),
    ({'setup-args': '--native-file=no-such.ini'}, 'unreadable-file', ('no native file no-such.ini', '-Csetup-args')),
    ({'setup-args': "-Dc_args='-DA"}, 'invalid-config-setting', ('quot', '-Csetup-args')),
    ({'builddr': 'x'}, 'unknown-config-setting', ('build-dir',)),
    ({'build-dir': ['a', 'b']}, 'invalid-config-setting', ()),
    ({'setup-args': [1]}, 'invalid-config-setting', ()),
    ({'abi': 'abi3t'}, 'abi-not-possible', ('3.15',)),
], ids=str)
def test_config_setting(
    config: dict[str, typing.Any], identifier: str, words: tuple[str, ...], hook: typing.Any, project: typing.Any,
) -> None:
    result = hook(TAG, 'build_wheel', project('plain'), config=config)
    check(result, identifier, *words)
    assert result.ran_meson_setup == 0


@pytest.mark.parametrize(('environment', 'identifier', 'words'), [
    ({'CC': '/no/such/cc'}, 'missing-compiler', ('/no/such/cc',)),
    ({'MESON': '/no/such/meson'}, 'missing-meson', ('/no/such/meson',)),
    ({'MESON': '/no/such/meson.py'}, 'missing-meson', ('/no/such/meson.py',)),
    ({'MESON': '/bin/false'}, 'missing-meson', ('/bin/false',)),
    ({'NINJA': '/no/such/ninja'}, 'missing-ninja', ('/no/such/ninja',)),
], ids=lambda value: next(iter(value.items())) if isinstance(value, dict) else None)
def test_missing_program(
    environment: dict[str, str], identifier: str, words: tuple[str, ...], hook: typing.Any, project: typing.Any,
) -> None:
    check(hook(TAG, 'build_wheel', project('plain'), environment=environment), identifier, *words)


@pytest.mark.parametrize(('variable', 'value'), [
    ('CFLAGS', "-DA='"), ('CPPFLAGS', '"'), ('SOURCE_DATE_EPOCH', 'yesterday'), ('SOURCE_DATE_EPOCH', '')])
def test_environment(variable: str, value: str, hook: typing.Any, project: typing.Any) -> None:
    result = hook(TAG, 'build_wheel', project('plain'), environment={variable: value})
    check(result, 'invalid-environment', f'where: {variable}')
    assert result.ran_meson_setup == 0


@pytest.mark.parametrize(('config', 'identifier', 'words'), [
    ({'setup-args': '-Dno_such=1'}, 'meson-setup-failed', ('no_such', 'where: -Csetup-args')),
    ({'install-args': '--tags'}, 'invalid-config-setting', ('--tags', 'where: -Cinstall-args')),
], ids=str)
def test_arguments_that_meson_refuses(
    config: dict[str, typing.Any], identifier: str, words: tuple[str, ...], hook: typing.Any, project: typing.Any,
) -> None:
    check(hook(TAG, 'build_wheel', project('plain'), config=config), identifier, *words)


@pytest.mark.parametrize(('wrong', 'right'), [
    ('mesonbuild_ft', 'mesonbuild-ft'), ('mesonbuildft', 'mesonbuild-ft'), ('meson_python', 'meson-python')])
def test_table_misspelled(wrong: str, right: str, hook: typing.Any, project: typing.Any) -> None:
    """The package is spelled with an underscore, and its table with a hyphen."""
    source = project('plain')
    support.add_settings(source, f'[tool.{wrong}]\nabi3t = true')
    result = hook(TAG, 'build_wheel', source)
    check(result, 'unknown-setting', f'[tool.{wrong}]', f'[tool.{right}]')
    assert result.ran_meson_setup == 0


def test_module_not_installed(hook: typing.Any, project: typing.Any) -> None:
    source = project('plain')
    path = source / 'meson.build'
    text = path.read_text(encoding='utf-8')
    assert text.count('install: true') == 1
    path.write_text(text.replace('install: true', 'install: false'), encoding='utf-8')
    result = hook(TAG, 'build_wheel', source)
    assert result.status == 0, result.text
    assert result.findings() == ['module-not-installed']


def test_limited_api_with_pybind11(hook: typing.Any, project: typing.Any) -> None:
    """Hundreds of errors of a compiler, and then the one line that helps."""
    source = project('cpp')
    headers = source / 'headers' / 'pybind11'
    headers.mkdir(parents=True)
    import pybind11
    for name in os.listdir(os.path.join(pybind11.get_include(), 'pybind11')):
        (headers / name).symlink_to(os.path.join(pybind11.get_include(), 'pybind11', name))
    (source / 'cpp.cpp').write_text(
        '#include <pybind11/pybind11.h>\nPYBIND11_MODULE(cpp, m) { m.attr("answer") = 42; }\n')
    support.replace(source / 'meson.build', "'part.c',", "'part.c', include_directories: 'headers',")
    result = hook(TAG, 'build_wheel', source)
    check(result, 'compile-failed', '[pybind11-without-limited-api]: probably: cpp cannot use the limited API')


def test_missing_headers(interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
    """A real interpreter whose headers are hidden by an empty file system, in a mount namespace of its own."""
    python = interpreters.get('cp314-cp314t')
    include = subprocess.run(
        [python, '-c', 'import sysconfig; print(sysconfig.get_path("include"))'], capture_output=True, text=True,
        check=True).stdout.strip()
    wrapper = tmp_path / 'python'
    wrapper.write_text(
        f'#!/bin/sh\nexec unshare -m sh -c \'mount -t tmpfs none "{include}" && exec "{python}" "$@"\' sh "$@"\n')
    wrapper.chmod(0o755)
    if subprocess.run([wrapper, '-c', ''], check=False, capture_output=True).returncode != 0:
        pytest.skip('no mount namespaces here')
    path = os.pathsep.join([os.fspath(python.parent), os.environ['PATH']])
    result = support.call_hook(wrapper, 'build_wheel', project('plain'), environment={'PATH': path})
    check(result, 'missing-python-headers', 'Python.h')


@pytest.mark.parametrize(('name', 'identifier', 'words'), [
    ('broken-meson', 'meson-setup-failed', ('no_such_function', 'where: meson.build, line 3')),
    ('broken-source', 'compile-failed', ('compiler',)),
    ('broken-language', 'meson-setup-failed', ('klingon',)),
])
def test_broken_project(
    name: str, identifier: str, words: tuple[str, ...], hook: typing.Any, project: typing.Any,
) -> None:
    check(hook(TAG, 'build_wheel', project(name)), identifier, *words)


def test_unreadable_pyproject(hook: typing.Any, project: typing.Any) -> None:
    source = project('plain')
    (source / 'pyproject.toml').unlink()
    check(hook(TAG, 'build_wheel', source), 'unreadable-file', 'pyproject.toml')


def test_sdist_outside_a_repository(hook: typing.Any, project: typing.Any) -> None:
    result = hook(TAG, 'build_sdist', project('plain'), environment={'GIT_CEILING_DIRECTORIES': '/'})
    check(result, 'sdist-failed', 'git')


@pytest.mark.parametrize(('environment', 'coloured'), [
    ({}, False), ({'FORCE_COLOR': '1'}, True), ({'FORCE_COLOR': '1', 'NO_COLOR': '1'}, False)], ids=str)
def test_colour(
    environment: dict[str, str], coloured: bool, hook: typing.Any, project: typing.Any,
) -> None:
    """No terminal: plain, unless asked for."""
    result = hook(TAG, 'build_wheel', project('plain'),
                  environment={'NO_COLOR': None, 'FORCE_COLOR': None, **environment})
    line = next(line for line in result.stdout.splitlines() if 'mesonbuild-ft: CPython' in line)
    assert ('\33[' in line) is coloured


def test_quiet_front_end(interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
    python = interpreters.get('cp311-cp311')
    build = support.load_environments().CACHE / 'front-end'
    with support.locked(build.with_name('front-end.lock')):
        if not (build / 'build').is_dir():
            support.load_environments().pip_install(python, '--target', os.fspath(build), 'build')
    for quiet in (['-q'], []):
        done = subprocess.run(
            [python, '-m', 'build', *quiet, '--wheel', '--no-isolation', '--skip-dependency-check',
             '-o', tmp_path / 'o', project('plain') if quiet else tmp_path / 'plain'],
            env={**support.clean_environment(python), 'PYTHONPATH': os.fspath(build)}, capture_output=True, text=True,
            check=True)
        assert ('mesonbuild-ft:' in done.stdout + done.stderr) is not bool(quiet)
