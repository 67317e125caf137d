# SPDX-License-Identifier: MIT
"""Meson's machine files and options: which ones were given, and what they say.

Only what the decisions need is read: literals, arrays, [constants], + and /. What cannot be read is
Meson's to report. https://mesonbuild.com/Machine-files.html
"""

from __future__ import annotations

import ast
import os
import pathlib
import shlex
import typing

from ..diagnostics import refuse


Kind = typing.Literal['native', 'cross']
#: Section -> key -> value.
Contents = dict[str, dict[str, typing.Any]]


#: Shortest spelling that a Meson takes for the option (argparse): of some versions, --namingscheme begins like one.
_SHORTEST: typing.Final[dict[Kind, str]] = {'native': '--n', 'cross': '--cr'}


def given(arguments: typing.Sequence[str]) -> list[tuple[Kind, pathlib.Path]]:
    """The machine files among the arguments, in order: ('native' or 'cross', the file that Meson reads)."""
    found: list[tuple[Kind, pathlib.Path]] = []
    for index, argument in enumerate(arguments):
        kind = _kind(argument)
        _, equals, name = argument.partition('=')
        if kind is not None and (equals or index + 1 < len(arguments)):
            found.append((kind, _find(kind, name if equals else arguments[index + 1])))
    return found


def _kind(argument: str) -> Kind | None:
    """Of which kind the file is that an option names, which Meson takes abbreviated too; None of other arguments."""
    flag = argument.partition('=')[0]
    for kind, shortest in _SHORTEST.items():
        if flag.startswith(shortest) and f'--{kind}-file'.startswith(flag):
            return kind
    return None


def has_cross(arguments: typing.Sequence[str]) -> bool:
    """Whether there is a cross file among the arguments: then native files speak of the build machine."""
    return any(kind == 'cross' for kind, _ in given(arguments))


def with_file(arguments: list[str], number: int, path: pathlib.Path) -> list[str]:
    """The arguments with another file in place of the machine file of this number, counted from 0 as in `given`."""
    result = list(arguments)
    seen = 0
    for index, argument in enumerate(arguments):
        flag, equals, _ = argument.partition('=')
        if _kind(argument) is not None:
            if seen == number:
                result[index if equals else index + 1] = f'{flag}={path}' if equals else os.fspath(path)
            seen += 1
    return result


def _find(kind: str, name: str) -> pathlib.Path:
    """The file that Meson finds under a name: as a path, or where distributions put them (XDG base directories)."""
    path = pathlib.Path(os.path.expanduser(os.path.expandvars(name)))
    if path.exists() or os.name == 'nt':
        return path
    data = [os.environ.get('XDG_DATA_HOME', os.path.expanduser('~/.local/share')),
            *os.environ.get('XDG_DATA_DIRS', '/usr/local/share:/usr/share').split(':')]
    candidates = (pathlib.Path(directory, 'meson', kind, path) for directory in data)
    return next((candidate for candidate in candidates if candidate.is_file()), path)


def option_values(option: str, arguments: typing.Sequence[str]) -> list[str]:
    """The texts of -D<option>= among the arguments of `meson setup`, in the order given."""
    found = []
    for index, argument in enumerate(arguments):
        if argument.startswith(f'-D{option}='):
            found.append(argument.split('=', 1)[1])
        elif argument == '-D' and index + 1 < len(arguments) and arguments[index + 1].startswith(f'{option}='):
            found.append(arguments[index + 1].split('=', 1)[1])
    return found


def for_host(arguments: typing.Sequence[str], source_dir: pathlib.Path) -> list[Contents]:
    """What the machine files among the arguments say of the host machine, in order."""
    wanted = 'cross' if has_cross(arguments) else 'native'
    constants: dict[str, typing.Any] = {}
    return [_read(path, source_dir, constants) for kind, path in given(arguments) if kind == wanted]


def _read(path: pathlib.Path, source_dir: pathlib.Path, constants: dict[str, typing.Any]) -> Contents:
    """The sections of a machine file; constants: those of the files before, and then of this one as well."""
    # Most builds have no machine file of a person's.
    import configparser

    parser = configparser.RawConfigParser(delimiters=('=',), inline_comment_prefixes=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        text = path.read_text(encoding='utf-8')
        # Meson expands these two in every value.
        text = text.replace('@DIRNAME@', os.fspath(path.absolute().parent))
        parser.read_string(text.replace('@GLOBAL_SOURCE_ROOT@', os.fspath(source_dir)))
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    if parser.has_section('constants'):
        for key, text in parser.items('constants'):
            constants[key] = _evaluate(text, constants)
    return {section: {key: _evaluate(text, constants) for key, text in parser.items(section)}
            for section in parser.sections() if section != 'constants'}


def _evaluate(text: str, constants: typing.Mapping[str, typing.Any]) -> typing.Any:
    """A value of a machine file: literals, arrays, constants, + and /. None if it is nothing of these."""
    try:
        # Meson knows no escapes here, for the sake of paths of Windows.
        return _node(ast.parse(text.strip().replace('\\', r'\\'), mode='eval').body, constants)
    except (SyntaxError, ValueError, KeyError, TypeError):
        return None


def _node(node: ast.expr, constants: typing.Mapping[str, typing.Any]) -> typing.Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in ('true', 'false'):
            return node.id == 'true'
        return constants[node.id]
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_node(element, constants) for element in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _node(node.left, constants), _node(node.right, constants)
        if isinstance(left, list) and not isinstance(right, list):
            right = [right]
        return left + right
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return os.path.join(_node(node.left, constants), _node(node.right, constants))
    raise ValueError('not an expression of a machine file')


def array(text: str) -> list[str]:
    """An array option as Meson reads it from the command line."""
    if text.startswith('['):
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return [text]
        return [str(item) for item in value] if isinstance(value, list) else [text]
    return shlex.split(text) if text else []


def quoted(*words: str) -> str:
    """A string, or of several words an array, for a machine file. Raises BuildRefused.

    Meson takes a backslash there for itself, and so a quote cannot be written.
    """
    for word in words:
        if "'" in word:
            raise refuse(
                'unusable-build-directory', "Meson cannot be told a path with an apostrophe in it", where=word,
                advice='Build in another directory: -Cbuild-dir=, or a copy of the project elsewhere.')
    strings = [f"'{word}'" for word in words]
    return strings[0] if len(strings) == 1 else f'[{", ".join(strings)}]'
