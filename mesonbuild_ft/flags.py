# SPDX-License-Identifier: MIT
"""Compiler flags of ours, added to what the person gave: nothing that was given is lost.

Meson's -Dc_args *replaces* what machine files, default_options and CFLAGS say
(mesonbuild/meson, environment.py and coredata.py), so the option that carries our flags has
to carry all of theirs as well. They are joined in Meson's order of precedence, the weakest
first, since with compilers the last flag wins.
"""

from __future__ import annotations

import ast
import configparser
import os
import pathlib
import shlex
import typing

from . import configured as configured_
from .diagnostics import refuse
from .plan import Plan


#: Meson's option -> the environment variables that feed it, in Meson's order.
ENVIRONMENT: typing.Final[dict[str, tuple[str, ...]]] = {
    'c_args': ('CPPFLAGS', 'CFLAGS'),
    'cpp_args': ('CPPFLAGS', 'CXXFLAGS'),
    'objc_args': ('CPPFLAGS', 'OBJCFLAGS'),
    'objcpp_args': ('CPPFLAGS', 'OBJCXXFLAGS'),
}


def options(
    plan: Plan, build_dir: pathlib.Path, source_dir: pathlib.Path, own_dir: pathlib.Path, arguments: list[str],
    project_options: typing.Callable[[], typing.Mapping[str, list[str]]],
) -> list[str]:
    """The -D options that add the plan's flags in an already configured build directory.

    arguments: those of `meson setup`, for what was given there. project_options: called for the
    array options among the project's default_options where something else has replaced them.
    """
    if not (plan.redirect_to_abi3t or plan.undefine_limited_api or plan.define_gil_disabled):
        return []
    known = {o['name']: o for o in configured_.info(build_dir, 'buildoptions')}
    compilers = configured_.info(build_dir, 'compilers')['host']
    result = []
    for option in ENVIRONMENT:
        language = option.removesuffix('_args')
        if option not in known or language not in compilers:
            continue
        values = merged(option, list(known[option]['value']), arguments, source_dir, project_options)
        values += own_flags(plan, own_dir, compilers[language].get('id', ''))
        result.append(f'-D{option}={values!r}')
    return result


def own_flags(plan: Plan, own_dir: pathlib.Path, compiler: str) -> list[str]:
    """What the plan adds to a compilation, in the syntax of this compiler (Meson's compiler id)."""
    microsoft = compiler in ('msvc', 'clang-cl', 'intel-cl', 'intel-llvm-cl')
    result = []
    if plan.define_gil_disabled:
        result.append('/DPy_GIL_DISABLED=1' if microsoft else '-DPy_GIL_DISABLED=1')
    for wanted, name in ((plan.redirect_to_abi3t, 'redirect_to_abi3t.h'),
                         (plan.undefine_limited_api, 'undefine_limited_api.h')):
        if wanted:
            header = own_dir / name
            # A copy: the installed one is gone when an isolated build environment is.
            header.write_bytes((pathlib.Path(__file__).parent / 'forced_include' / name).read_bytes())
            result += [f'/FI{header}'] if microsoft else ['-include', os.fspath(header)]
    return result


def merged(
    option: str, effective: list[str], arguments: list[str], source_dir: pathlib.Path,
    project_options: typing.Callable[[], typing.Mapping[str, list[str]]],
    environment: typing.Mapping[str, str] | None = None,
) -> list[str]:
    """All values that were given for `option`, weakest first, none twice in full.

    effective: the value that Meson settled on, which is one of the sources, or several.
    """
    environment = os.environ if environment is None else environment
    given = [[word for name in ENVIRONMENT[option] for word in shlex.split(environment.get(name, ''))]]
    given += machine_file_values(option, arguments, source_dir)
    given += command_line_values(option, arguments)
    given = [source for source in given if source]
    result: list[str] = []
    for source in [*([project_options().get(option, [])] if given else []), *given, effective]:
        if source and not _contains(result, source):
            result += source
    return result


def check_quotes(arguments: list[str], where: str) -> None:
    """Refuse flags with an open quote, in the environment or given by -D at the place `where`. Raises BuildRefused."""
    for option, variables in ENVIRONMENT.items():
        for name in variables:
            try:
                shlex.split(os.environ.get(name, ''))
            except ValueError as error:
                raise refuse(
                    'invalid-environment', f'{name} cannot be split into words: {error}', where=name,
                    advice='Close the quote, or unset the variable.') from error
        try:
            command_line_values(option, arguments)
        except ValueError as error:
            raise refuse(
                'invalid-config-setting', f'-D{option} cannot be split into words: {error}', where=where,
                advice='Close the quote.') from error


def project_default_options(syntax_tree: typing.Mapping[str, typing.Any]) -> dict[str, list[str]]:
    """The array options in project(default_options:), from `meson introspect --ast`, as far as they are literal."""
    for line in syntax_tree.get('lines', ()):
        if line.get('node') == 'FunctionNode' and line.get('name') == 'project':
            for keyword in line['args']['kwargs']:
                if keyword['key'].get('value') == 'default_options':
                    return _default_options(_literal(keyword['val']))
    return {}


def _default_options(value: typing.Any) -> dict[str, list[str]]:
    if isinstance(value, dict):
        pairs = list(value.items())
    else:
        texts = value if isinstance(value, list) else [value]
        pairs = [(text.split('=', 1)[0], text.split('=', 1)[1])
                 for text in texts if isinstance(text, str) and '=' in text]
    return {
        name: [str(word) for word in words] if isinstance(words, list) else _array(str(words))
        for name, words in pairs if name in ENVIRONMENT}


def _literal(node: typing.Mapping[str, typing.Any]) -> typing.Any:
    """The value of a literal in Meson's syntax tree; None where it is computed."""
    kind = node.get('node')
    if kind in ('StringNode', 'MultilineStringNode', 'NumberNode', 'BooleanNode'):
        return node['value']
    if kind == 'ArrayNode':
        return [_literal(item) for item in node['args']['positional']]
    if kind == 'DictNode':
        return {_literal(pair['key']): _literal(pair['val']) for pair in node['args']['kwargs']}
    return None


def command_line_values(option: str, arguments: list[str]) -> list[list[str]]:
    """The values of -D<option>= in the order given; Meson itself keeps the last only."""
    values = []
    for index, argument in enumerate(arguments):
        text = None
        if argument.startswith(f'-D{option}='):
            text = argument.split('=', 1)[1]
        elif argument == '-D' and arguments[index + 1:index + 2] and arguments[index + 1].startswith(f'{option}='):
            text = arguments[index + 1].split('=', 1)[1]
        if text is not None:
            values.append(_array(text))
    return values


def machine_files(arguments: list[str]) -> list[tuple[str, pathlib.Path]]:
    """The machine files among the arguments, in order: ('native' or 'cross', the file that Meson reads)."""
    found = []
    for index, argument in enumerate(arguments):
        for kind in ('native', 'cross'):
            flag = f'--{kind}-file'
            if argument == flag and index + 1 < len(arguments):
                found.append((kind, _machine_file(kind, arguments[index + 1])))
            elif argument.startswith(flag + '='):
                found.append((kind, _machine_file(kind, argument.split('=', 1)[1])))
    return found


def _machine_file(kind: str, name: str) -> pathlib.Path:
    """The file that Meson finds under a name: as a path, or where distributions put them (XDG base directories)."""
    path = pathlib.Path(os.path.expanduser(os.path.expandvars(name)))
    if path.exists() or os.name == 'nt':
        return path
    data = [os.environ.get('XDG_DATA_HOME', os.path.expanduser('~/.local/share')),
            *os.environ.get('XDG_DATA_DIRS', '/usr/local/share:/usr/share').split(':')]
    candidates = (pathlib.Path(directory, 'meson', kind, path) for directory in data)
    return next((candidate for candidate in candidates if candidate.is_file()), path)


def machine_file_values(option: str, arguments: list[str], source_dir: pathlib.Path) -> list[list[str]]:
    """The values of `option` under [built-in options] in the machine files. Unreadable ones are Meson's to report."""
    files = machine_files(arguments)
    # With a cross file, the native ones speak of the build machine.
    wanted = 'cross' if any(kind == 'cross' for kind, _ in files) else 'native'
    values = []
    constants: dict[str, typing.Any] = {}
    for path in (path for kind, path in files if kind == wanted):
        parser = configparser.RawConfigParser(delimiters=('=',), inline_comment_prefixes=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            text = path.read_text(encoding='utf-8')
            # Meson expands these two in every value.
            text = text.replace('@DIRNAME@', os.fspath(path.absolute().parent))
            parser.read_string(text.replace('@GLOBAL_SOURCE_ROOT@', os.fspath(source_dir)))
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        if parser.has_section('constants'):
            for key, text in parser.items('constants'):
                constants[key] = _evaluate(text, constants)
        for section in ('properties', 'built-in options'):
            if parser.has_option(section, option):
                value = _evaluate(parser.get(section, option), constants)
                if isinstance(value, str):
                    value = _array(value)
                if isinstance(value, list):
                    values.append([str(item) for item in value])
    return values


def _evaluate(text: str, constants: typing.Mapping[str, typing.Any]) -> typing.Any:
    """A value of a machine file: literals, arrays, constants, + and /. None if it is nothing of these."""
    try:
        return _node(ast.parse(text.strip(), mode='eval').body, constants)
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


def _array(text: str) -> list[str]:
    """An array option as Meson reads it from the command line."""
    if text.startswith('['):
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return [text]
        return [str(item) for item in value] if isinstance(value, list) else [text]
    return shlex.split(text) if text else []


def _contains(words: list[str], part: list[str]) -> bool:
    """Whether `part` stands in `words` as one run."""
    length = len(part)
    return any(words[i:i + length] == part for i in range(len(words) - length + 1))
