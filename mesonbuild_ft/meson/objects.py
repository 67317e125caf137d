# SPDX-License-Identifier: MIT
"""What the objects of a build directory were compiled with: whether each saw Python.h, and which limited API.

Reads compile_commands.json, asks ninja's own tools, and where a source may define Py_LIMITED_API itself, its compiler.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import typing

from .. import tags
from ..diagnostics import Diagnostic
from ..plan import Module


#: Options of cl.exe for what it writes.
_MICROSOFT_OUTPUT: typing.Final = re.compile(r'[/-](?:c$|Fo|Fd|Fp|Yc|Yu|showIncludes)')
#: What a preprocessor says of the lines that follow.
_LINE_MARK: typing.Final = re.compile(r'#(?:line)? (\d+) "([^"]*)"')
_OBJECT_HEAD: typing.Final = re.compile(r'\bPyObject_HEAD\b')


@dataclasses.dataclass(frozen=True)
class Object:
    """An entry of compile_commands.json."""

    output: str
    command: str
    directory: str
    source: str | None


def without_limited_api(
    build_dir: pathlib.Path, modules: typing.Iterable[Module], ninja: str,
) -> tuple[list[Diagnostic], list[str]]:
    """Objects of these stable-ABI modules that see Python.h without Py_LIMITED_API.

    Those of static helper libraries count: mesonbuild/meson#14176. Returns (errors, what
    could not be proven). An object whose command lacks the define is preprocessed, since
    the source may define the macro itself; what cannot be preprocessed is not proven.
    """
    commands = compile_commands(build_dir)
    if not commands:
        return [], ['compile_commands.json is missing, so the objects are not known']
    if all('Py_LIMITED_API=' in c.command for c in commands.values()):
        return [], []
    unproven: list[str] = []
    linked: dict[str, str] = {}
    for module in modules:
        objects = _linked_objects(build_dir, ninja, module.path)
        if objects is None:
            unproven.append(f'{module.name}: ninja cannot list its objects')
        for output in objects or ():
            linked.setdefault(output, module.name)
    suspects = [c for output, c in commands.items() if output in linked and 'Py_LIMITED_API=' not in c.command]
    if not suspects:
        return [], unproven
    including = _objects_with_python_h(build_dir, ninja)
    if including is None:
        return [], [*unproven, 'ninja has no dependency log']
    errors = []
    for suspect in suspects:
        if suspect.output not in including and not _pch_with_python_h(suspect, including):
            continue
        defined = _defines_limited_api(suspect)
        if defined is None:
            unproven.append(f'{suspect.output}: cannot be preprocessed')
        elif not defined:
            module_name = linked[suspect.output]
            errors.append(Diagnostic(
                'object-without-limited-api', 'error',
                f'{suspect.output} includes Python.h but is compiled without Py_LIMITED_API, '
                f'and is linked into the stable-ABI module {module_name}',
                where='meson.build',
                advice='Compile it with the same version: c_args: \'-DPy_LIMITED_API=0x...\' on the static library '
                       '(or cpp_args:), or do not include Python.h there.'))
    return errors, unproven


def compile_commands(build_dir: pathlib.Path) -> dict[str, Object]:
    """How the objects of a build directory are compiled, by their paths in it; {} where Meson did not say."""
    try:
        entries = json.loads((build_dir / 'compile_commands.json').read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return {e['output']: Object(e['output'], e['command'], e['directory'], e.get('file'))
            for e in entries if e.get('output')}


def _linked_objects(build_dir: pathlib.Path, ninja: str, module: str) -> set[str] | None:
    """The objects that a module is linked from, those in its libraries included; None where ninja cannot tell.

    Follows what is linked only: a program that generates a source is needed, but is no part of the module.
    """
    objects: set[str] = set()
    seen = {module}
    queue = [module]
    while queue:
        text = _ninja_tool(build_dir, ninja, 'query', *queue)
        if text is None:
            return None
        queue = []
        is_input = False
        for line in text.splitlines():
            if not line.startswith('    '):
                is_input = line.startswith('  input:')
                continue
            name = line.strip().removeprefix('| ')
            # Order-only inputs ("|| …") are built before, and not linked.
            if not is_input or name.startswith('|| '):
                continue
            if name.endswith(('.o', '.obj')):
                objects.add(name)
            elif name.endswith(('.a', '.lib', '.so', '.dylib', '.dll')) and name not in seen:
                seen.add(name)
                if name.endswith(('.a', '.lib')):
                    queue.append(name)
    return objects


def _ninja_tool(build_dir: pathlib.Path, ninja: str, *arguments: str) -> str | None:
    result = subprocess.run([ninja, '-t', *arguments], cwd=build_dir, capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else None


def _objects_with_python_h(build_dir: pathlib.Path, ninja: str) -> set[str] | None:
    """Outputs whose dependencies, as ninja recorded them, hold a Python.h."""
    text = _ninja_tool(build_dir, ninja, 'deps')
    if text is None:
        return None
    found = set()
    output = ''
    for line in text.splitlines():
        if line and not line.startswith(' '):
            output = line.partition(': #deps')[0]
        elif re.split(r'[/\\]', line.strip())[-1] == 'Python.h':
            found.add(output)
    return found


def _pch_with_python_h(item: Object, including: set[str]) -> bool:
    """Whether the object uses a precompiled header that saw Python.h: with one, only *its* dependencies name it."""
    directory = item.output.rsplit('/', 1)[0]
    headers = {name.rsplit('/', 1)[-1].removesuffix('.gch').removesuffix('.pch')
               for name in including if name.startswith(directory + '/') and name.endswith(('.gch', '.pch'))}
    return any(word.rsplit('/', 1)[-1] in headers for word in item.command.split())


def defines_old_limited_api(build_dir: pathlib.Path, source: pathlib.Path) -> bool:
    """Whether a source, preprocessed as it is compiled, is left with a Py_LIMITED_API before 3.15."""
    for item in _of_source(build_dir, source):
        match = re.fullmatch(r'0[xX][0-9a-fA-F]+', _value_of_limited_api(item, complete=False) or '')
        if match and tags.version_of_hex(int(match[0], 16)) < tags.FIRST_ABI3T:
            return True
    return False


def object_head(build_dir: pathlib.Path, source: pathlib.Path) -> tuple[str, int] | None:
    """Where a PyObject_HEAD is left of a source, preprocessed as it is compiled: the file and the line in it.

    No header defines that macro for abi3t.
    """
    for item in _of_source(build_dir, source):
        try:
            words = split(item.command)
        except ValueError:
            continue
        if _is_microsoft(words):
            done = _preprocess([*(word for word in words if not _MICROSOFT_OUTPUT.match(word)), '/E'], item)
        else:
            done = _preprocess([*_without_output(words), '-E'], item)
        path, number = '', 0
        for line in done.stdout.splitlines() if done is not None else ():
            mark = _LINE_MARK.match(line)
            if mark:
                path, number = mark[2], int(mark[1])
                continue
            if _OBJECT_HEAD.search(line):
                return os.path.normpath(os.path.join(item.directory, path.replace('\\\\', '\\'))), number
            number += 1
    return None


def _of_source(build_dir: pathlib.Path, source: pathlib.Path) -> list[Object]:
    """How a source is compiled, once for each module that it is in."""
    path = os.path.realpath(source)
    return [item for item in compile_commands(build_dir).values() if item.source is not None
            and os.path.realpath(os.path.join(item.directory, item.source)) == path]


def _defines_limited_api(item: Object) -> bool | None:
    """Whether the macro is defined at the end of the preprocessed source; None where that cannot be found out."""
    value = _value_of_limited_api(item)
    return None if value is None else value != ''


def _value_of_limited_api(item: Object, *, complete: bool = True) -> str | None:
    """What Py_LIMITED_API stands for at the end of a source, preprocessed by its own command; '' where undefined.

    None where that does not work. complete: not that of a source that has an #error or misses a header.
    """
    try:
        words = split(item.command)
    except ValueError:
        return None
    if _is_microsoft(words):
        return _value_by_microsoft(item, words)
    done = _preprocess([*_without_output(words), '-dM', '-E'], item)
    if done is None or (complete and done.returncode) or '#define ' not in done.stdout:
        return None
    match = re.search(r'^#define Py_LIMITED_API\b *(.*)', done.stdout, re.MULTILINE)
    return (match[1] or '1') if match else ''


def _is_microsoft(words: typing.Sequence[str]) -> bool:
    return re.split(r'[/\\]', words[0])[-1].removesuffix('.exe').lower() in ('cl', 'clang-cl')


def _without_output(words: typing.Sequence[str]) -> list[str]:
    """The command of a compiler with the syntax of GCC, but for what it writes."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ('-o', '-MF', '-MQ', '-MT'):
            skip = True
        elif word not in ('-c', '-MD', '-MMD'):
            kept.append(word)
    return kept


def _value_by_microsoft(item: Object, words: list[str]) -> str | None:
    """The same where the compiler prints no macros: the macro comes after the source in another one."""
    mark = 'mesonbuild_ft_value'
    kept = [word for word in words if not _MICROSOFT_OUTPUT.match(word) and word != item.source]
    if item.source is None or len(kept) == len(words):
        return None
    # In the directory that the name of the source begins in.
    with tempfile.NamedTemporaryFile(
            'w', encoding='utf-8', dir=item.directory, prefix=f'{mark}-', suffix=pathlib.Path(item.source).suffix,
            delete=False) as file:
        file.write(f'#include "{item.source}"\n{mark} Py_LIMITED_API\n')
    try:
        done = _preprocess([*kept, '/EP', os.path.basename(file.name)], item)
    finally:
        os.unlink(file.name)
    match = re.search(rf'^{mark} (.*)', done.stdout, re.MULTILINE) if done is not None else None
    if match is None:
        return None
    value = match[1].strip()
    return '' if value == 'Py_LIMITED_API' else value or '1'


def _preprocess(command: list[str], item: Object) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            command, cwd=item.directory, capture_output=True, text=True, errors='replace', check=False)
    except OSError:
        return None


def split(command: str) -> list[str]:
    """The words of a command in compile_commands.json. Raises ValueError."""
    if sys.platform != 'win32':
        return shlex.split(command)
    import ctypes

    function = ctypes.windll.shell32.CommandLineToArgvW
    function.argtypes = [ctypes.c_wchar_p, ctypes.POINTER(ctypes.c_int)]
    function.restype = ctypes.POINTER(ctypes.c_wchar_p)
    count = ctypes.c_int()
    # Its memory is left to the end of the process, which is short-lived.
    words = function(command, ctypes.byref(count))
    if not words:
        raise ValueError(command)
    return [words[index] or '' for index in range(count.value)]
