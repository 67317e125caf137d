# SPDX-License-Identifier: MIT
"""What a configured Meson build directory tells: modules, objects and options.

Reads the files that Meson documents (meson-info, compile_commands.json) and asks
ninja's own tools; nothing here changes the build directory.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import shlex
import subprocess
import typing

from . import tags
from .diagnostics import Diagnostic, refuse
from .plan import Configured, Module
from .target import Target


_TOO_HIGH = re.compile(r'Limited API version too high: (\d+)\.(\d+) \(detected')
_DEFINE = re.compile(r'[-/]DPy_LIMITED_API=(0[xX][0-9a-fA-F]+)')


def info(build_dir: pathlib.Path, name: str) -> typing.Any:
    """One file of meson-info, e.g. 'targets'. Raises BuildRefused."""
    path = build_dir / 'meson-info' / f'intro-{name}.json'
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise refuse(
            'unreadable-file', f'cannot read what Meson configured: {error}', where=str(path),
            advice='Remove the build directory and build again.') from error


def read(build_dir: pathlib.Path, target: Target) -> Configured:
    """The extension modules of a build directory and whether they may use the limited API."""
    options = {option['name']: option['value'] for option in info(build_dir, 'buildoptions')}
    modules, defining = [], []
    for entry in info(build_dir, 'targets'):
        module = _module(entry, target) if entry['type'] == 'shared module' else None
        if module is not None:
            modules.append(module)
        if (module is None or module.limited_api is None) and _limited_api_define(entry) is not None:
            defining.append(entry['name'])
    return Configured(
        allow_limited_api=bool(options.get('python.allow_limited_api', True)), modules=tuple(modules),
        defines_limited_api=tuple(defining))


def limited_api_too_high(build_dir: pathlib.Path) -> tags.Version | None:
    """The version in `limited_api:` that made Meson stop, because the target is older; else None."""
    try:
        log = (build_dir / 'meson-logs' / 'meson-log.txt').read_text(encoding='utf-8', errors='replace')
    except OSError:
        return None
    match = _TOO_HIGH.search(log)
    return (int(match[1]), int(match[2])) if match else None


def _module(entry: typing.Mapping[str, typing.Any], target: Target) -> Module | None:
    file = pathlib.PurePath(entry['filename'][0]).name
    if not any(file.endswith(suffix) for suffix in target.extension_suffixes):
        return None
    installed = bool(entry.get('installed')) and any(
        name and pathlib.PurePath(name).name == file for name in entry.get('install_filename', ()))
    # The define is on the sources of this target; the suffix says whether it came from limited_api:.
    parts = tags.module_parts(file)
    tag = parts[1].split('-')[0] if parts else ''
    limited = _limited_api_define(entry) if tag in ('', 'abi3', 'abi3t') else None
    if limited is None and tag in ('abi3', 'abi3t'):
        # limited_api: without a C or C++ source of its own (objects only): the version is not to be seen.
        limited = tags.FIRST_ABI3
    name = file.split('.', 1)[0]
    return Module(name=name, file=file, limited_api=limited, installed=installed)


def _limited_api_define(entry: typing.Mapping[str, typing.Any]) -> tags.Version | None:
    """The version in the -DPy_LIMITED_API= of a target's sources; the last one counts, as for the compiler."""
    version = None
    for group in entry['target_sources']:
        for argument in group.get('parameters', ()):
            match = _DEFINE.fullmatch(argument)
            if match:
                version = tags.version_of_hex(int(match[1], 16))
    return version


@dataclasses.dataclass(frozen=True)
class _Object:
    output: str
    command: str
    directory: str


def objects_without_limited_api(
    build_dir: pathlib.Path, modules: typing.Iterable[Module], ninja: str,
) -> tuple[list[Diagnostic], list[str]]:
    """Objects of these stable-ABI modules that see Python.h without Py_LIMITED_API.

    Those of static helper libraries count: mesonbuild/meson#14176. Returns (errors, what
    could not be proven). An object whose command lacks the define is preprocessed, since
    the source may define the macro itself; what cannot be preprocessed is not proven.
    """
    commands = {c.output: c for c in _compile_commands(build_dir)}
    if all('Py_LIMITED_API=' in c.command for c in commands.values()):
        return [], []
    unproven: list[str] = []
    wanted: dict[str, str] = {}
    paths = _module_outputs(build_dir)
    for module in modules:
        # Not `-t inputs`, which is missing before ninja 1.11 and quotes names from 1.12 on.
        needed = _ninja_tool(build_dir, ninja, 'commands', paths.get(module.file, module.file))
        if needed is None:
            unproven.append(f'{module.name}: ninja cannot list its objects')
            continue
        for line in needed.splitlines():
            wanted.setdefault(line, module.name)
    suspects = [c for output, c in commands.items()
                if c.command in wanted and 'Py_LIMITED_API=' not in c.command
                # A precompiled header is not linked; the objects that use it are.
                and not output.endswith(('.gch', '.pch'))]
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
            module_name = wanted[suspect.command]
            errors.append(Diagnostic(
                'object-without-limited-api', 'error',
                f'{suspect.output} includes Python.h but is compiled without Py_LIMITED_API, '
                f'and is linked into the stable-ABI module {module_name}',
                where='meson.build',
                advice='Compile it with the same version: c_args: \'-DPy_LIMITED_API=0x...\' on the static library '
                       '(or cpp_args:), or do not include Python.h there.'))
    return errors, unproven


def outputs(build_dir: pathlib.Path) -> list[pathlib.Path]:
    """The files that all targets build."""
    return [pathlib.Path(name) for entry in info(build_dir, 'targets') for name in entry['filename']]


def _module_outputs(build_dir: pathlib.Path) -> dict[str, str]:
    """File name of each target -> its path relative to the build directory, as ninja knows it."""
    result = {}
    for path in outputs(build_dir):
        try:
            result[path.name] = path.relative_to(build_dir).as_posix()
        except ValueError:
            result[path.name] = str(path)
    return result


def _compile_commands(build_dir: pathlib.Path) -> list[_Object]:
    try:
        entries = json.loads((build_dir / 'compile_commands.json').read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return []
    return [_Object(e['output'], e['command'], e['directory']) for e in entries if e.get('output')]


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


def _pch_with_python_h(item: _Object, including: set[str]) -> bool:
    """Whether the object uses a precompiled header that saw Python.h: with one, only *its* dependencies name it."""
    directory = item.output.rsplit('/', 1)[0]
    return any(name.startswith(directory + '/') and name.endswith(('.gch', '.pch')) for name in including)


def _defines_limited_api(item: _Object) -> bool | None:
    """Whether the macro is defined at the end of the preprocessed source; None where that cannot be found out."""
    try:
        words = shlex.split(item.command)
    except ValueError:
        return None
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ('-o', '-MF', '-MQ', '-MT'):
            skip = True
        elif word not in ('-c', '-MD', '-MMD'):
            kept.append(word)
    try:
        result = subprocess.run(
            [*kept, '-dM', '-E'], cwd=item.directory, capture_output=True, text=True, errors='replace', check=False)
    except OSError:
        return None
    if result.returncode != 0 or '#define ' not in result.stdout:
        return None
    return re.search(r'^#define Py_LIMITED_API\b', result.stdout, re.MULTILINE) is not None
