# SPDX-License-Identifier: MIT
"""What meson.build says of its extension modules, read without Meson: text in, modules and floors out.

Only what stands there as a literal is taken for known, or a variable that is assigned one literal, once. Everything
else is a reason why only `meson setup` can tell; nothing is guessed.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
import typing

from .. import tags
from ..plan import Configured, Module


_TOKEN: typing.Final = re.compile(
    r"(?P<skip>[ \t\r]+|\\\r?\n|\#[^\n]*)"
    r"|(?P<string>f?'''.*?'''|f?'(?:[^'\\\n]|\\.)*')"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<number>\d\w*)|(?P<sign>[=!<>]=|[+]=|.)", re.DOTALL)
_VERSION: typing.Final = re.compile(r'3\.(\d+)')
_OPENING: typing.Final = {'(': ')', '[': ']', '{': '}'}
#: Functions that make files which a wheel for one platform holds; without any of them it is for all.
_COMPILING: typing.Final = frozenset((
    'executable', 'shared_library', 'static_library', 'library', 'both_libraries', 'build_target', 'custom_target',
    'jar', 'configure_file', 'generator', 'vcs_tag', 'import_library', 'subproject', 'install_subdir'))


class Token(typing.NamedTuple):
    """kind: 'string', 'word', 'number' or 'sign'. line: counted from 1."""

    kind: str
    text: str
    line: int


Tokens = typing.Sequence[Token]


@dataclasses.dataclass(frozen=True)
class StaticModule:
    """A call of py.extension_module().

    name: as written; of a variable, its name. limited_api: None without one. installed: `install: true`, or computed.
    certain: it is built, and installed if it says so, whatever the options and the machine are.
    install_tag: '' where it is computed. problem: why limited_api is not known; '' where it is.
    """

    name: str
    limited_api: tags.Version | None
    installed: bool = True
    certain: bool = True
    install_tag: str = 'runtime'
    problem: str = ''


@dataclasses.dataclass(frozen=True)
class Floors:
    """What the build files of a project say.

    modules: all calls of extension_module(). problem: why there may be others; '' where there are none.
    allow_limited_api: python.allow_limited_api in default_options; None: not set there.
    defines_limited_api: a string of meson.build defines Py_LIMITED_API.
    compiles: something else than extension modules may be for one platform.
    """

    modules: tuple[StaticModule, ...] = ()
    problem: str = ''
    allow_limited_api: bool | None = None
    defines_limited_api: bool = False
    compiles: bool = False

    @property
    def known(self) -> bool:
        """Whether nothing is left for `meson setup` to tell."""
        return not self.why_unknown

    @property
    def why_unknown(self) -> str:
        """The first reason why only `meson setup` can tell; '' where everything is known."""
        problems = [self.problem, *(module.problem for module in self.modules)]
        problems += [f'{module.name} is built or installed on a condition'
                     for module in self.modules if not module.certain]
        return next((problem for problem in problems if problem), '')

    @property
    def versions(self) -> tuple[tags.Version | None, ...] | None:
        """`limited_api:` of each module; None where that is not known."""
        return tuple(module.limited_api for module in self.modules) if self.known else None

    def configured(self, modules: typing.Iterable[StaticModule], allow_limited_api: bool | None) -> Configured:
        """What `meson setup` would find, were these the modules.

        allow_limited_api: as the arguments of meson setup have it, which goes before what meson.build says.
        """
        if allow_limited_api is None:
            allow_limited_api = self.allow_limited_api is not False
        return Configured(
            allow_limited_api=allow_limited_api,
            modules=tuple(Module(m.name, m.name, m.limited_api, installed=m.installed) for m in modules),
            defines_limited_api=('other targets',) if self.defines_limited_api else ())


def read(read_file: typing.Callable[[str], str | None], subprojects: typing.Iterable[str] = ()) -> Floors:
    """The build files of a project.

    read_file: the text of 'meson.build', 'src/meson.build', …; None where there is no such file.
    subprojects: names of those that are there: Meson installs what they build, too.
    """
    reader = _Reader(read_file)
    reader.file('', certain=True)
    for name in subprojects:
        text = read_file(f'subprojects/{name}/meson.build')
        if text and 'extension_module' in text:
            reader.problem = reader.problem or f'the subproject {name} may build extension modules'
    return reader.result()


def tokens(text: str) -> list[Token]:
    """The tokens of a build file, line ends outside of brackets among them; comments left out."""
    found: list[Token] = []
    open_ = 0
    line = 1
    for match in _TOKEN.finditer(text):
        kind, value = str(match.lastgroup), match.group()
        if kind != 'skip' and not (value == '\n' and open_):
            found.append(Token(kind, value, line))
        open_ += (value in _OPENING) - (value in _OPENING.values() and open_ > 0) if kind == 'sign' else 0
        line += value.count('\n')
    return found


class _Call(typing.NamedTuple):
    """An extension_module() that is yet to be understood, when all variables are known."""

    place: str
    positional: list[Tokens]
    keywords: dict[str, Tokens]
    certain: bool


class _Reader:
    def __init__(self, read_file: typing.Callable[[str], str | None]) -> None:
        self._read_file = read_file
        self._seen: set[str] = set()
        self._calls: list[_Call] = []
        #: Variable -> its value, None where it has several or a computed one.
        self._variables: dict[str, Tokens | None] = {}
        self._allow: bool | None = None
        self._defines = False
        self._compiles = False
        self.problem = ''

    def result(self) -> Floors:
        return Floors(
            modules=tuple(map(self._module, self._calls)), problem=self.problem, allow_limited_api=self._allow,
            defines_limited_api=self._defines, compiles=self._compiles)

    def _give_up(self, problem: str) -> None:
        self.problem = self.problem or problem

    def file(self, directory: str, *, certain: bool) -> None:
        path = f'{directory}/meson.build' if directory else 'meson.build'
        if directory in self._seen:
            self._give_up(f'{path} is read more than once')
            return
        self._seen.add(directory)
        text = self._read_file(path)
        if text is None:
            self._give_up(f'there is no {path}')
            return
        found = tokens(text)
        conditions = 0
        index = 0
        while index < len(found):
            token = found[index]
            place = f'{path}, line {token.line}'
            before = found[index - 1].text if index else '\n'
            after = found[index + 1].text if index + 1 < len(found) else '\n'
            if token.kind == 'string':
                self._string(token, found[max(index - 2, 0):index], found[index + 1:index + 3], place)
            elif token.kind != 'word':
                pass
            elif token.text == 'if':
                conditions += 1
            elif token.text == 'endif':
                conditions -= 1
            elif token.text == 'foreach':
                for other in found[index + 1:]:
                    if other.text == ':':
                        break
                    if other.kind == 'word':
                        self._variables[other.text] = None
            elif after in ('=', '+=') and before == '\n':
                self._assign(token.text, after, found[index + 2:], certain=certain and not conditions)
            elif after == '(':
                inner = certain and not conditions
                if token.text == 'subdir_done' and conditions:
                    # What follows is read on the opposite condition.
                    certain = False
                self._call(token.text, before == '.', place, directory, found[index + 1:], certain=inner)
            index += 1

    def _string(self, token: Token, before: Tokens, following: Tokens, place: str) -> None:
        text = _text(token) or token.text
        if 'Py_LIMITED_API' in text:
            self._defines = True
        if 'python.allow_limited_api' in text:
            if len(following) == 2 and following[0].text == ':':
                text += '=' + (_text(following[1]) or following[1].text)
            match = re.fullmatch(r'python\.allow_limited_api=(true|false)', text)
            if match:
                self._allow = match[1] == 'true'
            elif [other.text for other in before] != ['get_option', '(']:
                self._give_up(f'{place}: {text}')

    def _assign(self, name: str, sign: str, following: Tokens, *, certain: bool) -> None:
        value = list(_until_line_end(following))
        literal = sign == '=' and certain and name not in self._variables
        self._variables[name] = value if literal else None

    def _call(
        self, name: str, method: bool, place: str, directory: str, following: Tokens, *, certain: bool,
    ) -> None:
        positional, keywords = _arguments(following)
        if name == 'extension_module' and method:
            self._calls.append(_Call(place, positional, keywords, certain))
        elif name == 'set_variable' and not method:
            # Whichever it is.
            self._give_up(f'{place}: set_variable()')
        elif name == 'subdir' and not method:
            literal = _text(positional[0][0]) if len(positional) == 1 and len(positional[0]) == 1 else None
            if literal is None:
                self._give_up(f'{place}: subdir({_source(positional[0]) if positional else ""})')
            else:
                inner = f'{directory}/{literal}' if directory else literal
                # if_found: makes it a condition.
                self.file(posixpath.normpath(inner).strip('/').removeprefix('.'), certain=certain and not keywords)
        elif name == 'shared_module' and not method:
            # So do some projects build extension modules.
            self._give_up(f'{place}: shared_module() may be an extension module')
        elif name == 'find_installation' and method:
            pure = _source(keywords['pure']) if 'pure' in keywords else 'true'
            self._compiles = self._compiles or pure != 'true'
        elif name in _COMPILING:
            self._compiles = True

    def _module(self, call: _Call) -> StaticModule:
        name = '?'
        if call.positional and call.positional[0]:
            first = call.positional[0]
            name = _literal(first) or _source(first)
        keywords = dict(call.keywords)
        common = self._resolved(keywords.pop('kwargs', ()))
        if common:
            entries = _dictionary(common)
            if entries is None:
                return StaticModule(
                    name, None, certain=call.certain, problem=f'{call.place}: kwargs: {_source(common)}')
            keywords = {**entries, **keywords}
        install = _source(self._resolved(keywords.get('install', ()))) or 'false'
        tag = self._resolved(keywords.get('install_tag', ()))
        module = StaticModule(
            name, None, installed=install != 'false', certain=call.certain and install in ('true', 'false'),
            install_tag=(_literal(tag) or '') if tag else 'runtime')
        value = self._resolved(keywords.get('limited_api', ()))
        text = _literal(value)
        if not value or text == '':
            return module
        match = _VERSION.fullmatch(text or '')
        if match is None:
            return dataclasses.replace(module, problem=f'{call.place}: limited_api: {_source(value)}')
        return dataclasses.replace(module, limited_api=(3, int(match[1])))

    def _resolved(self, value: Tokens) -> Tokens:
        """The value of a variable that is assigned once; any other value as it stands."""
        for _ in range(10):
            if len(value) != 1 or value[0].kind != 'word':
                break
            assigned = self._variables.get(value[0].text)
            if assigned is None:
                break
            value = assigned
        return value


def _text(token: Token) -> str | None:
    """The value of a string; None for other tokens and where it is to be formatted."""
    if token.kind != 'string' or token.text.startswith('f'):
        return None
    if token.text.startswith("'''"):
        return token.text[3:-3]
    # Escapes occur in no name and no version.
    return token.text[1:-1] if '\\' not in token.text else None


def _literal(value: Tokens) -> str | None:
    """The value of a string that stands alone."""
    return _text(value[0]) if len(value) == 1 else None


def _source(value: Tokens) -> str:
    """An expression, about as it was written."""
    text = ' '.join(token.text for token in value)
    text = re.sub(r' ?([().\[\]]) ?', r'\1', text)
    text = re.sub(r' ([,:])', r'\1', text)
    return text if len(text) <= 60 else text[:57] + '...'


def _until_line_end(following: Tokens) -> typing.Iterator[Token]:
    for token in following:
        if token.text == '\n':
            return
        yield token


def _bracketed(following: Tokens) -> list[list[Token]]:
    """What stands in the bracket that `following` begins with, divided at its commas."""
    parts: list[list[Token]] = [[]]
    open_ = 0
    for token in following:
        closes = token.kind == 'sign' and token.text in _OPENING.values()
        open_ -= closes
        if open_ <= 0 and closes:
            break
        if open_ == 1 and token.text == ',' and token.kind == 'sign':
            parts.append([])
        elif open_:
            parts[-1].append(token)
        open_ += token.kind == 'sign' and token.text in _OPENING
    return [part for part in parts if part]


def _arguments(following: Tokens) -> tuple[list[Tokens], dict[str, Tokens]]:
    """(positional, keywords) of a call; `following` begins with its bracket."""
    positional: list[Tokens] = []
    keywords: dict[str, Tokens] = {}
    for part in _bracketed(following):
        if len(part) > 1 and part[0].kind == 'word' and part[1].text == ':':
            keywords[part[0].text] = part[2:]
        else:
            positional.append(part)
    return positional, keywords


def _dictionary(value: Tokens) -> dict[str, Tokens] | None:
    """The entries of a literal dictionary; None where it is none, or a key is computed."""
    if not value or value[0].text != '{' or value[-1].text != '}':
        return None
    entries: dict[str, Tokens] = {}
    for part in _bracketed(value):
        key = _text(part[0])
        if key is None or len(part) < 3 or part[1].text != ':':
            return None
        entries[key] = part[2:]
    return entries
