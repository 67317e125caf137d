# SPDX-License-Identifier: MIT
"""`--help`, the manual page and the page of all commands: laid out well, up to date, installed, and their examples run.
"""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import typing

import pytest
import support
import tomlkit
import trees

from mesonbuild_ft import cli
from mesonbuild_ft.commands.help import Example


PAGE: typing.Final = support.ROOT / 'mesonbuild_ft' / 'manual' / 'mesonbuild-ft.1'
EXAMPLES: typing.Final[dict[str, tuple[Example, ...]]] = {
    name: support.command(name).EXAMPLES for name in cli.COMMANDS}
#: Lines of a shell's own configuration are run by that shell, in test_completion.py.
ELSEWHERE: typing.Final = ('eval ', 'mesonbuild-ft completion ')


def test_written_files_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, support.ROOT / 'tools' / 'write_reference.py', '--check'],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_notices_what_is_not_up_to_date(tmp_path: pathlib.Path) -> None:
    copy = tmp_path / 'copy'
    for name in ('tools', 'docs', 'mesonbuild_ft', 'examples'):
        shutil.copytree(support.ROOT / name, copy / name)
    shutil.copytree(support.ROOT / 'tests/real/comparison', copy / 'tests/real/comparison')
    shutil.copy2(support.ROOT / 'action.yml', copy)
    explain = copy / 'mesonbuild_ft' / 'commands' / 'explain.py'
    support.replace(explain, "    parser.set_defaults(run=run)\n",
                    "    parser.add_argument('--loudly', action='store_true', help='read it out')\n"
                    "    parser.set_defaults(run=run)\n")
    command = [sys.executable, copy / 'tools' / 'write_reference.py']
    done = subprocess.run([*command, '--check'], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    named = re.findall(r'^(\S+) is not up to date', done.stdout, re.MULTILINE)
    assert [pathlib.PurePath(path).name for path in named] == [
        'commands.md', 'mesonbuild-ft.1', 'mesonbuild-ft.bash', 'mesonbuild-ft.zsh', 'mesonbuild-ft.fish']
    subprocess.run(command, check=True)
    assert '`--loudly`: read it out' in (copy / 'docs' / 'reference' / 'commands.md').read_text()
    assert subprocess.run([*command, '--check'], check=False).returncode == 0


@pytest.mark.parametrize('width', [80, 120])
@pytest.mark.parametrize('name', ['', *cli.COMMANDS])
def test_help_fits(name: str, width: int, environments: dict[str, pathlib.Path]) -> None:
    for python in (sys.executable, environments[max(tag for tag in environments if tag.startswith('cp'))]):
        done = subprocess.run(
            [python, '-m', 'mesonbuild_ft', *filter(None, [name]), '--help'], cwd=support.ROOT, capture_output=True,
            text=True, check=True, env={**os.environ, 'COLUMNS': str(width), 'NO_COLOR': '1'})
        lines = done.stdout.splitlines()
        # A command of an example is never broken.
        too_long = [line for line in lines if len(line) > width]
        assert [line for line in too_long if not line.startswith('    mesonbuild-ft ')] == []
        assert len(lines[0]) <= 80
        # No word is broken: every word of the texts stands there.
        assert not [line for line in lines if re.search(r'\w-$', line)]
        assert 'examples:' in lines
        assert ('exit status:' in lines) is bool(name)


def test_help_at_80_columns_breaks_no_example() -> None:
    for name, examples in EXAMPLES.items():
        for _, command in examples:
            assert len(f'    {command}') <= 80, name


@pytest.mark.parametrize('name', EXAMPLES)
def test_examples_are_understood(name: str) -> None:
    assert EXAMPLES[name]
    for _, command in EXAMPLES[name]:
        words = re.search(r'mesonbuild-ft( [^)|"]*)', command)
        assert words is not None
        cli.parse(shlex.split(words[1]))


@pytest.fixture(scope='module')
def programs(environments: dict[str, pathlib.Path], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory for PATH: mesonbuild-ft and its tools, nox, and python3.11 and python3.14t."""
    directory = tmp_path_factory.mktemp('programs')
    for name in ('nox', 'uv'):
        (directory / name).symlink_to(pathlib.Path(sys.executable).with_name(name))
    for name, tag in (('python3.11', 'cp311-cp311'), ('python3.14t', 'cp314-cp314t')):
        if tag not in environments:
            trees.missing(f'no interpreter {tag}')
        (directory / name).write_text(f'#!/bin/sh\nexec {shlex.quote(os.fspath(environments[tag]))} "$@"\n')
        (directory / name).chmod(0o755)
    return directory


@pytest.fixture(scope='module')
def project(environments: dict[str, pathlib.Path], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The example project, with two wheels in dist/ and sessions of nox."""
    directory = tmp_path_factory.mktemp('example')
    source = pathlib.Path(shutil.copytree(support.ROOT / 'examples' / 'greeting', directory / 'greeting'))
    for tag in ('cp311-cp311', 'cp314-cp314t'):
        support.call_hook(environments[tag], 'build_wheel', source, source / 'dist')
    (source / 'dist-answer.json').unlink()
    (source / 'noxfile.py').write_text(
        'import nox\nnox.options.error_on_missing_interpreters = False\n'
        '@nox.session(python=[f"3.{n}{t}" for n in range(9, 16) for t in ("", "t")])\n'
        'def tests(session): pass\n')
    return source


@pytest.mark.parametrize('command', [
    command for examples in EXAMPLES.values() for _, command in examples if not command.startswith(ELSEWHERE)])
def test_examples_run(
    command: str, project: pathlib.Path, programs: pathlib.Path, environments: dict[str, pathlib.Path],
    all_wheels: pathlib.Path, tmp_path: pathlib.Path,
) -> None:
    copy = pathlib.Path(shutil.copytree(project, tmp_path / 'greeting'))
    status = 0
    if ' migrate' in command:
        support.replace(copy / 'pyproject.toml', '"mesonbuild_ft"', '"mesonpy"')
        support.replace(copy / 'pyproject.toml', '["mesonbuild-ft"]', '["meson-python"]')
        # Without a terminal nobody can be asked.
        status = 0 if '--yes' in command else 1
    environment = support.clean_environment(
        environments['cp311-cp311'], MESONBUILD_FT_TARGET=None, UV_FIND_LINKS=os.fspath(all_wheels),
        UV_CACHE_DIR=os.fspath(tmp_path / 'uv'))
    environment['PATH'] = os.pathsep.join([os.fspath(programs), environment['PATH']])
    if ' migrate' in command:
        # The environments that build have no tomlkit.
        shutil.copytree(pathlib.Path(tomlkit.__file__).parent, tmp_path / 'more' / 'tomlkit')
        environment['PYTHONPATH'] = os.fspath(tmp_path / 'more')
    done = subprocess.run(['bash', '-euo', 'pipefail', '-c', command], cwd=copy, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert 'Traceback' not in done.stderr


def test_page_is_well_formed() -> None:
    trees.need('mandoc', 'man')
    done = subprocess.run(['mandoc', '-T', 'lint', PAGE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ('', 0)
    done = subprocess.run(['man', '--warnings', '--encoding=UTF-8', '--local-file', '-Tutf8', '-Z', PAGE],
                          capture_output=True, text=True, check=True, env={**os.environ, 'LC_ALL': 'C.UTF-8'})
    assert done.stderr == ''


def shown(page: str | pathlib.Path, **environment: str) -> str:
    """What `man` prints, as one line of words."""
    done = subprocess.run(['man', page], capture_output=True, text=True, check=True, env={
        **os.environ, 'LC_ALL': 'C.UTF-8', 'MANWIDTH': '200', 'MAN_KEEP_FORMATTING': '', **environment})
    return ' '.join(done.stdout.split())


def test_page_says_what_help_says() -> None:
    trees.need('man')
    text = shown(PAGE)
    for name in cli.COMMANDS:
        for action in support.arguments(name):
            assert ' '.join((action.help % {**vars(action), 'prog': ''}).split()) in text
        for _, command in EXAMPLES[name]:
            assert command in text


def test_installed(installed: pathlib.Path) -> None:
    """In an environment, `man` finds the page by the place of the program."""
    trees.need('man')
    path = os.pathsep.join([os.fspath(installed / 'bin'), os.environ['PATH']])
    environment = {name: value for name, value in os.environ.items() if name != 'MANPATH'}
    done = subprocess.run(['man', '--where', 'mesonbuild-ft'], env={**environment, 'PATH': path},
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip() == os.fspath(installed / 'share' / 'man' / 'man1' / 'mesonbuild-ft.1')
    for shell, place in PLACES.items():
        assert (installed / 'share' / place).read_bytes() == PAGE.with_suffix(f'.{shell}').read_bytes()


PLACES: typing.Final = {
    'bash': 'bash-completion/completions/mesonbuild-ft', 'zsh': 'zsh/site-functions/_mesonbuild-ft',
    'fish': 'fish/vendor_completions.d/mesonbuild-ft.fish'}


def test_meson_install(tmp_path: pathlib.Path) -> None:
    """For distributions: `meson install` puts everything into its prefix."""
    meson = [sys.executable, '-m', 'mesonbuild.mesonmain']
    done = subprocess.run([*meson, 'setup', '--prefix', '/usr', tmp_path / 'build'], cwd=support.ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    done = subprocess.run([*meson, 'install', '-C', tmp_path / 'build', '--destdir', tmp_path / 'root'],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    share = tmp_path / 'root' / 'usr' / 'share'
    assert (share / 'man' / 'man1' / 'mesonbuild-ft.1').read_bytes() == PAGE.read_bytes()
    assert all((share / place).is_file() for place in PLACES.values())
