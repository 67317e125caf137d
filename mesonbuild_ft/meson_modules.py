# SPDX-License-Identifier: MIT
"""The extension modules that meson.build writes out in plain words, without running Meson (0.3 s to import).

Only literal values are read; whatever depends on an option, a variable or a condition
that matters is refused, never guessed.
"""

from __future__ import annotations

import pathlib
import posixpath
import re
import typing

from .diagnostics import BuildRefused, refuse
from .plan import Configured, Module
from .tags import Version


_TOKEN: typing.Final = re.compile(
    r"#[^\n]*|\s+|(?P<string>f?'''.*?'''|f?'(?:\\.|[^'\\\n])*')|(?P<word>[A-Za-z_]\w*)|(?P<other>\d\w*|.)", re.DOTALL)
_OPEN: typing.Final = {'(': ')', '[': ']', '{': '}'}
_OPTION: typing.Final = 'python.allow_limited_api'


class Unreadable(Exception):
    """Something that is not literal. Carries the file, relative to the project, and what it is."""


class _Call(typing.NamedTuple):
    """One py.extension_module(). certain: it is in the wheel of every configuration."""

    file: str
    name: str
    limited_api: Version | None
    certain: bool


class Read(typing.NamedTuple):
    """What the project's meson.build files say.

    languages: of project() and add_languages(); without any, and without modules, there is nothing to compile.
    """

    configured: Configured
    languages: bool


def read(source_dir: pathlib.Path, setup_args: typing.Iterable[str] = ()) -> Read:
    """The modules of a project. Raises Unreadable, and BuildRefused where a file cannot be read."""
    reader = _Reader(source_dir)
    reader.file('meson.build', certain=True, seen=frozenset())
    allow = reader.allow_limited_api
    for argument in setup_args:
        match = re.fullmatch(rf'-D{re.escape(_OPTION)}=(\w+)', argument)
        allow = match[1] == 'true' if match else allow
    certain = {call.limited_api for call in reader.calls if call.certain}
    for call in reader.calls:
        # A module that may be left out must not change the decision: it then has the value of one that is there.
        if not call.certain and certain | {call.limited_api} != (certain or {call.limited_api}):
            raise Unreadable(f'{call.file}: whether {call.name} is installed depends on a condition')
        certain = certain or {call.limited_api}
    return Read(
        Configured(allow_limited_api=allow, modules=tuple(
            Module(call.name, call.name, call.limited_api) for call in reader.calls)),
        reader.languages)


def refused(error: Unreadable) -> BuildRefused:
    """What to tell a person of something unreadable."""
    where, _, what = str(error).partition(': ')
    return refuse(
        'floor-not-readable', f'the limited_api: of the modules cannot be read without running Meson: {what}',
        where=where,
        advice='Name the highest limited_api: of the modules with --floor, such as --floor 3.9, or --floor none '
               'where no module has it.')


class _Reader:
    def __init__(self, source_dir: pathlib.Path) -> None:
        self._source_dir = source_dir
        self.calls: list[_Call] = []
        self.allow_limited_api = True
        self.languages = False

    def file(self, path: str, *, certain: bool, seen: frozenset[str]) -> None:
        if path in seen:
            raise Unreadable(f'{path}: subdir() leads back to it')
        try:
            text = (self._source_dir / path).read_text(encoding='utf-8')
        except OSError as error:
            raise refuse(
                'unreadable-file', error.strerror or str(error), where=str(self._source_dir / path),
                advice='Name the directory of the project, which holds pyproject.toml and meson.build.') from error
        except UnicodeDecodeError as error:
            raise Unreadable(f'{path}: it is not UTF-8') from error
        tokens = [match[0] for match in _TOKEN.finditer(text) if match.lastgroup]
        conditions = 0
        index = 0
        while index < len(tokens):
            token, following = tokens[index], tokens[index + 1] if index + 1 < len(tokens) else ''
            if token == 'if':
                conditions += 1
            elif token == 'endif':
                conditions -= 1
            elif token.strip("f'").startswith(_OPTION) and token.endswith("'"):
                self._option(path, token, tokens[index + 1:index + 3])
            elif following == '(' and token in ('extension_module', 'subdir', 'subproject', 'project', 'add_languages'):
                arguments = _arguments(path, tokens, index + 1)
                self._call(path, token, arguments, certain and not conditions, seen | {path})
            index += 1

    def _call(
        self, path: str, function: str, arguments: list[list[str]], certain: bool, seen: frozenset[str],
    ) -> None:
        named = {words[0]: words[2:] for words in arguments if words[1:2] == [':']}
        positional = [words for words in arguments if words[1:2] != [':']]
        if function == 'project':
            self.languages = self.languages or len(positional) > 1
        elif function == 'add_languages':
            self.languages = True
        elif function == 'subdir':
            name = _literal(positional[0]) if positional else None
            if name is None:
                raise Unreadable(f'{path}: subdir() has no literal name')
            file = posixpath.normpath(posixpath.join(posixpath.dirname(path), name, 'meson.build'))
            self.file(file, certain=certain, seen=seen)
        elif function == 'subproject':
            self._subproject(path, positional)
        else:
            self._module(path, named, positional, certain)

    def _module(self, path: str, named: dict[str, list[str]], positional: list[list[str]], certain: bool) -> None:
        name = (_literal(positional[0]) if positional else None) or 'a module'
        if 'kwargs' in named:
            raise Unreadable(f'{path}: {name} takes arguments from a dictionary (kwargs:)')
        install = named.get('install', ['false'])
        if install == ['false']:
            return
        limited_api = None
        if 'limited_api' in named:
            version = re.fullmatch(r'(\d+)\.(\d+)', _literal(named['limited_api']) or '')
            if version is None:
                raise Unreadable(f'{path}: limited_api: of {name} is {" ".join(named["limited_api"])[:60]}')
            limited_api = (int(version[1]), int(version[2]))
        self.calls.append(_Call(path, name, limited_api, certain and install == ['true']))

    def _subproject(self, path: str, positional: list[list[str]]) -> None:
        """A subproject that is here and builds modules of its own puts them into the wheel too."""
        name = _literal(positional[0]) if positional else None
        root = self._source_dir / 'subprojects' / (name or '')
        if name is None:
            raise Unreadable(f'{path}: subproject() has no literal name')
        for file in sorted(root.rglob('meson.build')) if root.is_dir() else ():
            if 'extension_module' in file.read_text(encoding='utf-8', errors='replace'):
                raise Unreadable(f'{path}: the subproject {name} has extension modules of its own')

    def _option(self, path: str, token: str, following: list[str]) -> None:
        """'python.allow_limited_api=false', or 'python.allow_limited_api': false, of default_options."""
        text = _literal([token]) or ''
        value = text.partition('=')[2]
        if text == _OPTION and following[:1] == [':']:
            value = following[1].strip("'")
        if value not in ('true', 'false'):
            raise Unreadable(f'{path}: {_OPTION} is not written out')
        self.allow_limited_api = value == 'true'


def _arguments(path: str, tokens: list[str], start: int) -> list[list[str]]:
    """The arguments of the call whose parenthesis is at `start`, each as its tokens."""
    arguments: list[list[str]] = [[]]
    open_: list[str] = []
    for token in tokens[start:]:
        if token in _OPEN:
            open_.append(_OPEN[token])
            if len(open_) == 1:
                continue
        elif open_ and token == open_[-1]:
            open_.pop()
            if not open_:
                return [words for words in arguments if words]
        if token == ',' and len(open_) == 1:
            arguments.append([])
        else:
            arguments[-1].append(token)
    raise Unreadable(f'{path}: a parenthesis is not closed')


def _literal(words: list[str]) -> str | None:
    """The value of an argument that is one string without escapes and substitutions; else None."""
    if len(words) != 1 or not words[0].startswith("'") or '\\' in words[0]:
        return None
    return words[0][3:-3] if words[0].startswith("'''") else words[0][1:-1]
