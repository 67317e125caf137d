# SPDX-License-Identifier: MIT
"""Completion, asked of bash, zsh and fish themselves, with the files that a wheel installs."""

from __future__ import annotations

import os
import pathlib
import shlex
import subprocess
import sys
import typing

import pytest
import support
import trees

from mesonbuild_ft import cli
from mesonbuild_ft.diagnostics import IDENTIFIERS
from mesonbuild_ft.matrix import data


SHELLS: typing.Final = ('bash', 'zsh', 'fish')
MANUAL: typing.Final = support.ROOT / 'mesonbuild_ft' / 'manual'
#: Asks bash's programmable completion for a line, as readline does at Tab.
BASH: typing.Final = r'''
eval "$1"
COMP_LINE=$2 COMP_POINT=${#2}
eval "COMP_WORDS=($2)"
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
read -ra known < <(complete -p mesonbuild-ft)
for ((i = 0; i < ${#known[@]}; i++)); do [[ ${known[i]} == -F ]] && function=${known[i + 1]}; done
compopt() { :; }   # bash refuses it outside of readline
"$function" mesonbuild-ft "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
'''
#: How each shell finds a file below share/, and how a person names a script in its configuration.
FINDS: typing.Final = {
    'bash': 'source /usr/share/bash-completion/bash_completion; _completion_loader mesonbuild-ft || :',
    'zsh': 'fpath=({share}/zsh/site-functions $fpath); autoload -Uz compinit && compinit -u -D', 'fish': 'true'}
CONFIGURES: typing.Final = {
    'bash': 'eval "$(mesonbuild-ft completion bash)"',
    'zsh': 'autoload -Uz compinit && compinit -u -D; eval "$(mesonbuild-ft completion zsh)"',
    'fish': 'mesonbuild-ft completion fish | source'}
#: A line, and everything that is offered at its end. The directory has what `files` makes.
CASES: typing.Final[list[tuple[str, list[str]]]] = [
    ('mesonbuild-ft ', list(cli.COMMANDS)),
    ('mesonbuild-ft wh', ['wheels']),
    ('mesonbuild-ft check --fo', ['--format']),
    ('mesonbuild-ft check --fail-on ', ['error', 'warning', 'hint']),
    ('mesonbuild-ft check --format sa', ['sarif']),
    ('mesonbuild-ft check -v --import --fix ', ['wheelhouse']),
    ('mesonbuild-ft check ', ['one.whl', 'two.so', 'wheelhouse']),
    ('mesonbuild-ft check --verbose one.whl t', ['two.so']),
    ('mesonbuild-ft check wheelhouse/', ['wheelhouse/three.whl']),
    ('mesonbuild-ft explain wheel-', [name for name in IDENTIFIERS if name.startswith('wheel-')]),
    ('mesonbuild-ft matrix --platform win', ['windows', 'win_amd64', 'win_arm64']),
    ('mesonbuild-ft matrix ', ['wheelhouse']),
    ('mesonbuild-ft matrix --output ', ['notes.txt', 'one.whl', 'two.so', 'wheelhouse']),
    ('mesonbuild-ft setup ', ['wheelhouse']),
    ('mesonbuild-ft setup --abi ab', ['abi3', 'abi3t']),
    ('mesonbuild-ft completion ', ['bash', 'zsh', 'fish']),
]


@pytest.fixture
def files(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / 'wheelhouse').mkdir()
    for name in ('one.whl', 'two.so', 'notes.txt', 'wheelhouse/three.whl', 'wheelhouse/four.txt'):
        (tmp_path / name).touch()
    return tmp_path


def offered(shell: str, first: str, line: str, directory: pathlib.Path, **environment: str) -> list[str]:
    """What a shell offers after it has run `first`, without the slashes that mark directories."""
    trees.need(shell)
    if shell == 'bash':
        command = ['bash', '--noprofile', '--norc', '-c', BASH, 'bash', first, line]
    elif shell == 'zsh':
        command = ['zsh', '-f', os.fspath(pathlib.Path(__file__).with_name('zsh_completion.zsh')), first, line]
    else:
        command = ['fish', '-c', f'{first}; complete -C {shlex.quote(line)}']
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
        env={**os.environ, 'HOME': os.fspath(directory / '.home'), 'LC_ALL': 'C.UTF-8', **environment})
    assert done.returncode == 0, done.stderr
    found = [one.partition('\t')[0].rstrip('/') for one in done.stdout.splitlines() if one]
    if shell == 'zsh':
        # It is told the names below a directory, not the paths.
        before = line.rpartition(' ')[2].rpartition('/')
        found = [f'{before[0]}{before[1]}{one}' for one in found]
    return sorted(set(found))


@pytest.mark.parametrize(('line', 'expected'), CASES)
@pytest.mark.parametrize('shell', SHELLS)
def test_offers(shell: str, line: str, expected: list[str], files: pathlib.Path) -> None:
    script = MANUAL / f'mesonbuild-ft.{shell}'
    first = CONFIGURES[shell].replace(f'mesonbuild-ft completion {shell}', f'cat {shlex.quote(os.fspath(script))}')
    assert offered(shell, first, line, files) == sorted(expected)


@pytest.mark.parametrize('shell', SHELLS)
def test_every_option_is_offered(shell: str, files: pathlib.Path) -> None:
    script = MANUAL / f'mesonbuild-ft.{shell}'
    first = CONFIGURES[shell].replace(f'mesonbuild-ft completion {shell}', f'cat {shlex.quote(os.fspath(script))}')
    for name in cli.COMMANDS:
        expected = {option for action in support.arguments(name) for option in action.option_strings
                    if option.startswith('--')}
        assert set(offered(shell, first, f'mesonbuild-ft {name} --', files)) == {*expected, '--help'}


@pytest.mark.parametrize('how', ['found', 'configured'])
@pytest.mark.parametrize('shell', SHELLS)
def test_of_an_installed_wheel(shell: str, how: str, installed: pathlib.Path, files: pathlib.Path) -> None:
    """Where the data directories of a prefix are known, such as of /usr, shells find it; else a person says it."""
    if shell == 'bash' and not pathlib.Path('/usr/share/bash-completion/bash_completion').is_file():
        trees.missing('bash-completion is not installed')
    share = installed / 'share'
    path = os.pathsep.join([os.fspath(installed / 'bin'), os.environ['PATH']])
    first = FINDS[shell].replace('{share}', os.fspath(share)) if how == 'found' else CONFIGURES[shell]
    data = {'XDG_DATA_DIRS': f'{share}:/usr/share'} if how == 'found' else {}
    assert offered(shell, first, 'mesonbuild-ft check --fo', files, PATH=path, **data) == ['--format']


def test_every_placeholder_is_known() -> None:
    """Whoever adds an argument with a new placeholder says what it is completed with."""
    tools = os.fspath(support.ROOT / 'tools')
    sys.path.insert(0, tools)
    try:
        import completion
    finally:
        sys.path.remove(tools)
    used = {action.metavar for name in cli.COMMANDS for action in support.arguments(name)
            if action.nargs != 0 and (action.metavar or not action.choices)}
    assert used == {*completion.FILES, *completion.CHOICES, *completion.FREE}
    assert set(data.PLATFORM_NAMES) == set(completion.CHOICES['PLATFORM'])
