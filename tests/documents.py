# SPDX-License-Identifier: MIT
"""Follow a page of the documentation as a reader does: write its files, type its commands, compare what is printed.

A code block after a line that ends with "`NAME`:", or a few words more, is a file; one of the language diff changes it.
In a console block lines after `$ ` are typed, and the lines below are what must be printed; `…` stands for any lines.
Sizes, times, the width of columns and the last number of a version differ from machine to machine and are not compared.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import typing


_BLOCK: typing.Final = re.compile(r'^(?P<before>[^\n]*)\n\n?```(?P<language>\w+)\n(?P<text>.*?)^```$', re.M | re.S)
_FILE: typing.Final = re.compile(r'`([\w./-]+\.\w+)`[^`:]*:$')
_END: typing.Final = '@@ended'


class Typed(typing.NamedTuple):
    """A command of a page, its exit status, and what it printed."""

    command: str
    status: int
    printed: str


def follow(
    page: pathlib.Path, directory: pathlib.Path, environment: dict[str, str], *, left_out: tuple[str, ...] = (),
) -> list[Typed]:
    """Do all that a page says, in `directory` and one shell. Raises AssertionError where the page is not true.

    left_out: commands that are not typed.
    """
    done: list[Typed] = []
    shell = subprocess.Popen(
        ['bash', '--norc'], cwd=directory, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding='utf-8')
    name = ''
    with shell:
        for block in _BLOCK.finditer(page.read_text(encoding='utf-8')):
            text = block['text']
            named = _FILE.search(block['before'])
            name = named[1] if named else name
            if block['language'] == 'console':
                for command, expected in _commands(text):
                    if command in left_out:
                        continue
                    status, printed = _type(shell, command)
                    done.append(Typed(command, status, printed))
                    _compare(command, expected, printed)
            elif block['language'] == 'diff':
                _change(pathlib.Path(_type(shell, 'pwd')[1].strip()) / name, text)
            elif named:
                (pathlib.Path(_type(shell, 'pwd')[1].strip()) / name).write_text(text, encoding='utf-8')
        assert shell.stdin is not None
        shell.stdin.close()
    return done


def _commands(text: str) -> typing.Iterator[tuple[str, list[str]]]:
    for part in re.split(r'^\$ ', text, flags=re.MULTILINE)[1:]:
        command, *expected = part.splitlines()
        yield command, expected


def _type(shell: subprocess.Popen[str], command: str) -> tuple[int, str]:
    assert shell.stdin is not None
    assert shell.stdout is not None
    # In braces, so that `cd` and the like last; none of them may read the commands that follow.
    shell.stdin.write(f'{{ {command}\n}} </dev/null; printf "\\n{_END} %s\\n" $?\n')
    shell.stdin.flush()
    lines = []
    for line in shell.stdout:
        if line.startswith(_END):
            return int(line.split()[1]), ''.join(lines)[:-1]
        lines.append(line)
    raise AssertionError(f'the shell ended at: {command}')


def _change(path: pathlib.Path, diff: str) -> None:
    lines = [line if line[:1] in ('+', '-') else f' {line[1:]}' for line in diff.splitlines()]
    old, new = ('\n'.join(line[1:] for line in lines if line[0] in kinds) for kinds in (' -', ' +'))
    text = path.read_text(encoding='utf-8')
    assert text.count(f'{old}\n') == 1, f'{path.name} has not, or not once:\n{old}'
    path.write_text(text.replace(f'{old}\n', f'{new}\n'), encoding='utf-8')


def _compare(command: str, expected: list[str], printed: str) -> None:
    pattern = ''.join(r'(?:.*\n)*?' if line == '…' else f'{re.escape(_normal(line))}\n' for line in expected)
    got = ''.join(f'{_normal(line)}\n' for line in printed.strip('\n').splitlines())
    page = '\n'.join([f'$ {command}', *expected])
    assert re.fullmatch(pattern, got), f'{page}\n\nThe page says that, and it printed:\n{printed}'


def _normal(line: str) -> str:
    line = re.sub(r'\b\d+(\.\d+)? (s|B|kB)\b', r'N \2', line)
    line = re.sub(r'(CPython \d\.\d+|<frozen [\w.]+>)[.:]\d+', r'\1.N', line)
    # Where an interpreter lies.
    line = re.sub(r'\s(~|/)\S*/(python|pypy)\S*$', ' PATH', line)
    return re.sub(r'\s+', ' ', line).strip()


def shims(directory: pathlib.Path, programs: dict[str, list[str]]) -> pathlib.Path:
    """A directory of programs for PATH: name -> command line."""
    directory.mkdir()
    for name, words in programs.items():
        path = directory / name
        path.write_text('#!/bin/sh\nexec ' + ' '.join(f"'{os.fspath(word)}'" for word in words) + ' "$@"\n')
        path.chmod(0o755)
    return directory
