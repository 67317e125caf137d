# SPDX-License-Identifier: MIT
"""Compiler flags of ours, added to what the person gave: nothing that was given is lost.

Meson's -Dc_args *replaces* what machine files, default_options and CFLAGS say
(mesonbuild/meson, environment.py and coredata.py), so the option that carries our flags has
to carry all of theirs as well. They are joined in Meson's order of precedence, the weakest
first, since with compilers the last flag wins.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shlex
import typing

from .. import plan as plan_, workarounds
from ..diagnostics import Diagnostic, refuse
from ..plan import Plan
from ..target import Target
from . import configured as configured_, machine_files, tools


#: Meson's option -> the environment variables that feed it, in Meson's order.
ENVIRONMENT: typing.Final[dict[str, tuple[str, ...]]] = {
    'c_args': ('CPPFLAGS', 'CFLAGS'),
    'cpp_args': ('CPPFLAGS', 'CXXFLAGS'),
    'objc_args': ('CPPFLAGS', 'OBJCFLAGS'),
    'objcpp_args': ('CPPFLAGS', 'OBJCXXFLAGS'),
}

_MENDED: typing.Final = 'mended_headers'
#: Meson's ids of the compilers whose flags are written as Microsoft's.
_MICROSOFT: typing.Final = ('msvc', 'clang-cl', 'intel-cl', 'intel-llvm-cl')


def options(
    plan: Plan, build_dir: pathlib.Path, source_dir: pathlib.Path, own_dir: pathlib.Path, arguments: list[str],
    project_options: typing.Callable[[], typing.Mapping[str, list[str]]], include_dir: str,
) -> list[str]:
    """The -D options that add the plan's flags in an already configured build directory.

    arguments: those of `meson setup`, for what was given there. project_options: called for the
    array options among the project's default_options where something else has replaced them.
    include_dir: that of the target.
    """
    if not plan.adds_flags:
        return []
    known = {o['name']: o for o in configured_.info(build_dir, 'buildoptions')}
    compilers = configured_.info(build_dir, 'compilers')['host']
    result = []
    for option in ENVIRONMENT:
        language = option.removesuffix('_args')
        if option not in known or language not in compilers:
            continue
        values = merged(option, list(known[option]['value']), arguments, source_dir, project_options)
        compiler = compilers[language]
        values += own_flags(plan, own_dir, compiler.get('id', ''))
        if plan.advise:
            from ..advice import python_header

            values += python_header.arguments(build_dir, source_dir, own_dir, compiler, include_dir)
        result.append(f'-D{option}={values!r}')
    return result


def fit_to_compilers(plan: Plan, target: Target, compilers: typing.Collection[str]) -> Plan:
    """The plan as these compilers (Meson's ids) can carry it out: Microsoft's has no flags that mend headers."""
    if not plan.mended_headers or not any(compiler in _MICROSOFT for compiler in compilers):
        return plan
    note = Diagnostic(
        'return-takes-no-reference', 'warning',
        f'the headers of {target.name} let Py_RETURN_NONE and the like take no reference, which ends the interpreters '
        f'before 3.12 that {plan.python_tag}-abi3 promises',
        where='Python.h', advice='Build the wheel with CPython 3.11 or older, 3.13.10 or newer, or 3.14.1 or newer; or '
        'set limited_api: to \'3.12\' in meson.build.')
    return dataclasses.replace(
        plan, mended_headers='', notes=(*plan.notes, note),
        reasons=tuple(reason for reason in plan.reasons if reason != plan_.MENDED))


def own_flags(plan: Plan, own_dir: pathlib.Path, compiler: str) -> list[str]:
    """What the plan adds to a compilation, with the headers that it names copied into `own_dir`."""
    package = pathlib.Path(__file__).parent.parent
    # Copies: the installed ones are gone when an isolated build environment is.
    for name in _forced_includes(plan):
        tools.write_changed(own_dir / name, (package / 'forced_include' / name).read_text(encoding='utf-8'))
    if plan.mended_headers:
        (own_dir / _MENDED).mkdir(exist_ok=True)
        tools.write_changed(
            own_dir / _MENDED / 'Python.h', (package / _MENDED / 'Python.h').read_text(encoding='utf-8'))
    return words(plan, own_dir, compiler)


def words(plan: Plan, directory: pathlib.PurePath, compiler: str = '') -> list[str]:
    """The same in the syntax of this compiler (Meson's compiler id); directory: of the headers."""
    microsoft = compiler in _MICROSOFT
    result = []
    if plan.define_gil_disabled:
        result.append('/DPy_GIL_DISABLED=1' if microsoft else '-DPy_GIL_DISABLED=1')
    for name in _forced_includes(plan):
        result += [f'/FI{directory / name}'] if microsoft else ['-include', os.fspath(directory / name)]
    if plan.mended_headers and not microsoft:
        result += workarounds.with_mended_returns(plan.mended_headers, directory / _MENDED)
    return result


def _forced_includes(plan: Plan) -> list[str]:
    wanted = ((plan.redirect_to_abi3t, 'redirect_to_abi3t.h'), (plan.undefine_limited_api, 'undefine_limited_api.h'))
    return [name for is_wanted, name in wanted if is_wanted]


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
            environment_words(name)
        try:
            command_line_values(option, arguments)
        except ValueError as error:
            raise refuse(
                'invalid-config-setting', f'-D{option} cannot be split into words: {error}', where=where,
                advice='Close the quote.') from error


def environment_words(name: str) -> list[str]:
    """The words of an environment variable. Raises BuildRefused where a quote is open."""
    try:
        return shlex.split(os.environ.get(name, ''))
    except ValueError as error:
        raise refuse(
            'invalid-environment', f'{name} cannot be split into words: {error}', where=name,
            advice='Close the quote, or unset the variable.') from error


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
        name: [str(word) for word in words] if isinstance(words, list) else machine_files.array(str(words))
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
    return [machine_files.array(text) for text in machine_files.option_values(option, arguments)]


def machine_file_values(option: str, arguments: list[str], source_dir: pathlib.Path) -> list[list[str]]:
    """The values of `option` under [built-in options] in the machine files. Unreadable ones are Meson's to report."""
    values = []
    for contents in machine_files.for_host(arguments, source_dir):
        for section in ('properties', 'built-in options'):
            value = contents.get(section, {}).get(option)
            if isinstance(value, str):
                value = machine_files.array(value)
            if isinstance(value, list):
                values.append([str(item) for item in value])
    return values


def _contains(words: list[str], part: list[str]) -> bool:
    """Whether `part` stands in `words` as one run."""
    length = len(part)
    return any(words[i:i + length] == part for i in range(len(words) - length + 1))
