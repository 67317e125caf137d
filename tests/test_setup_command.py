# SPDX-License-Identifier: MIT
"""`mesonbuild-ft setup`: Meson itself works on the directory afterwards, and keeps what was decided."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess
import typing

import pytest
import support
import trees
from conftest import Interpreters


Copy = typing.Callable[[str], pathlib.Path]


def run(python: pathlib.Path, project: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, '-P', '-m', 'mesonbuild_ft', *arguments], cwd=project, env=support.clean_environment(python),
        capture_output=True, text=True, check=False)


def meson(python: pathlib.Path, project: pathlib.Path, *arguments: str) -> str:
    done = subprocess.run(
        [python.with_name('meson'), *arguments], cwd=project, env=support.clean_environment(python),
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(build_dir: pathlib.Path) -> list[str]:
    """The compile commands, without what only names the directory."""
    entries = json.loads((build_dir / 'compile_commands.json').read_text())
    return sorted(entry['command'].replace(os.fspath(build_dir), 'BUILD') for entry in entries)


def modules(build_dir: pathlib.Path) -> list[str]:
    return sorted(path.name for path in build_dir.rglob('*.so'))


#: The interpreter, what is said, what reaches the compiler, and the module.
DECIDED: typing.Final = [
    ('cp314-cp314', 'limited API 3.9', '-DPy_LIMITED_API=0x03090000', 'limited_abi3t.abi3.so'),
    ('cp314-cp314t', 'full API: free-threaded 3.14', '', 'limited_abi3t.cpython-314t-x86_64-linux-gnu.so'),
    ('cp315-cp315t', 'abi3t 3.15', 'redirect_to_abi3t.h', 'limited_abi3t.abi3t-x86_64-linux-gnu.so'),
]


@pytest.mark.parametrize(('tag', 'said', 'flag', 'module'), DECIDED)
def test_meson_works_on_it_as_ever(
    tag: str, said: str, flag: str, module: str, project: Copy, interpreters: Interpreters,
) -> None:
    python, directory = interpreters.get(tag), project('limited-abi3t')
    done = run(python, directory, 'setup', 'b', '--', '-Dbuildtype=debug')
    assert done.returncode == 0, done.stderr
    assert f'  decided   {said}' in done.stdout
    assert done.stdout.endswith('  next      meson compile -C b\n')
    before = commands(directory / 'b')
    assert all(flag in command and ' -g ' in command for command in before)
    assert all('Py_LIMITED_API' in command for command in before) == (tag != 'cp314-cp314t')
    meson(python, directory, 'compile', '-C', 'b')
    (built,) = modules(directory / 'b')
    assert built.split('.')[0] == module.split('.')[0]
    assert ('abi3' in built) == ('abi3' in module)
    # A person changes something, and Meson configures again: the plan stays.
    meson(python, directory, 'configure', 'b', '-Dwarning_level=3')
    meson(python, directory, 'setup', '--reconfigure', 'b')
    after = commands(directory / 'b')
    assert all(flag in command and '-Wextra' in command for command in after)
    with open(directory / 'meson.build', 'a') as file:
        file.write('# changed\n')
    meson(python, directory, 'compile', '-C', 'b')
    assert commands(directory / 'b') == after
    # Asked again, it says that there is nothing to do, or configures for the same.
    again = run(python, directory, 'setup', 'b', '--', '-Dbuildtype=debug')
    assert again.returncode == 0, again.stderr


def test_for_another_interpreter_and_for_windows(project: Copy, interpreters: Interpreters) -> None:
    python, directory = interpreters.get('cp311-cp311'), project('plain')
    other = interpreters.get('cp314-cp314t').resolve()
    done = run(python, directory, 'setup', 'b', '--python', os.fspath(other))
    assert 'mesonbuild-ft: CPython 3.14.7 free-threaded, linux_x86_64' in done.stdout, done.stderr
    meson(python, directory, 'compile', '-C', 'b')
    assert modules(directory / 'b') == ['plain.cpython-314t-x86_64-linux-gnu.so']
    trees.need('x86_64-w64-mingw32-gcc')
    prefix = trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64')
    done = run(python, directory, 'setup', 'w', '--target', os.fspath(prefix))
    assert done.returncode == 0, done.stderr
    assert all('-DPy_GIL_DISABLED=1' in command for command in commands(directory / 'w'))
    meson(python, directory, 'compile', '-C', 'w')
    assert (directory / 'w' / 'plain.cp314t-win_amd64.pyd').exists()


@pytest.mark.parametrize('tag', ['cp314-cp314t', 'cp315-cp315t'])
def test_printed_arguments_do_the_same(tag: str, project: Copy, interpreters: Interpreters) -> None:
    python, directory = interpreters.get(tag), project('limited-abi3t')
    printed = run(python, directory, 'setup', 'b', '--print', '--', '-Dc_args=-DMINE="a b"')
    assert printed.returncode == 0, printed.stderr
    assert not (directory / 'b' / 'build.ninja').exists()
    assert not list(directory.glob(f'{support.WORK_DIRECTORY}*'))
    meson(python, directory, 'setup', *shlex.split(printed.stdout))
    assert run(python, directory, 'setup', 'c', '--', '-Dc_args=-DMINE="a b"').returncode == 0
    assert commands(directory / 'b') == commands(directory / 'c')
    assert all('MINE' in command for command in commands(directory / 'b'))


def test_refusals(project: Copy, interpreters: Interpreters) -> None:
    python, directory = interpreters.get('cp314-cp314t'), project('limited')
    for arguments, identifier in (
            (['b', '--abi', 'abi3'], 'abi-not-possible'), (['.'], 'unusable-build-directory'),
            (['b', '--target', 'nowhere'], 'unreadable-target'), (['b', '--', '-Dnothing=1'], 'meson-setup-failed')):
        done = run(python, directory, 'setup', *arguments)
        assert done.returncode == 1, arguments
        assert f'error[{identifier}]' in done.stderr, done.stderr
