# SPDX-License-Identifier: MIT
"""What a configured Meson build directory tells: modules, objects and options.

Reads the files that Meson documents (meson-info, compile_commands.json) and asks
ninja's own tools; nothing here changes the build directory.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import os
import pathlib
import re
import shlex
import subprocess
import typing

from . import tags
from .diagnostics import Diagnostic, refuse
from .plan import Configured, Module
from .settings import Settings
from .target import Target


_TOO_HIGH = re.compile(r'Limited API version too high: (\d+)\.(\d+) \(detected')
_GIL_DISABLED = re.compile(r'[-/]DPy_GIL_DISABLED(?:=1)?')
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


def read(build_dir: pathlib.Path, target: Target, settings: Settings) -> Configured:
    """The extension modules of a build directory and whether they may use the limited API."""
    options = {option['name']: option['value'] for option in info(build_dir, 'buildoptions')}
    chosen = _in_wheel(build_dir, settings)
    modules, defining = [], []
    defines_gil_disabled = None
    for entry in info(build_dir, 'targets'):
        module = _module(entry, target, build_dir, chosen) if entry['type'] == 'shared module' else None
        if module is not None:
            modules.append(module)
        if (module is None or module.limited_api is None) and _limited_api_define(entry) is not None:
            defining.append(entry['name'])
        for group in entry['target_sources'] if entry.get('machine', 'host') == 'host' else ():
            if group.get('language') in ('c', 'cpp', 'objc', 'objcpp') and group.get('sources'):
                defines = any(_GIL_DISABLED.fullmatch(argument) for argument in group.get('parameters', ()))
                defines_gil_disabled = defines and defines_gil_disabled is not False
    return Configured(
        allow_limited_api=bool(options.get('python.allow_limited_api', True)), modules=tuple(modules),
        defines_limited_api=tuple(defining), defines_gil_disabled=bool(defines_gil_disabled))


def limited_api_too_high(build_dir: pathlib.Path) -> tags.Version | None:
    """The version in `limited_api:` that made Meson stop, because the target is older; else None."""
    try:
        log = (build_dir / 'meson-logs' / 'meson-log.txt').read_text(encoding='utf-8', errors='replace')
    except OSError:
        return None
    match = _TOO_HIGH.search(log)
    return (int(match[1]), int(match[2])) if match else None


def _in_wheel(build_dir: pathlib.Path, settings: Settings) -> set[str]:
    """The built files that meson-python puts into the wheel: by install tags, subprojects and wheel.exclude."""
    parser = _InstallArguments(add_help=False)
    parser.add_argument('--tags')
    parser.add_argument('--skip-subprojects', nargs='?', const='*', default='')
    arguments, _ = parser.parse_known_args(settings.install_args)
    install_tags = {tag.strip() for tag in arguments.tags.split(',')} if arguments.tags else None
    skipped = {name.strip() for name in arguments.skip_subprojects.split(',') if name.strip()}
    chosen = set()
    for built, details in info(build_dir, 'install_plan').get('targets', {}).items():
        subproject, destination = details.get('subproject'), os.path.normpath(details['destination'])
        if install_tags is not None and details.get('tag') not in install_tags:
            continue
        if subproject and ('*' in skipped or subproject in skipped):
            continue
        if _matches(destination, settings.wheel_exclude) and not _matches(destination, settings.wheel_include):
            continue
        chosen.add(built)
    return chosen


class _InstallArguments(argparse.ArgumentParser):
    def error(self, message: str) -> typing.NoReturn:
        raise refuse(
            'invalid-config-setting', message, where='-Cinstall-args or [tool.meson-python.args]',
            advice='It takes the arguments of meson install.')


def _matches(path: str, patterns: typing.Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(path, os.path.normpath(pattern)) for pattern in patterns)


def _module(
    entry: typing.Mapping[str, typing.Any], target: Target, build_dir: pathlib.Path, chosen: set[str],
) -> Module | None:
    path = pathlib.Path(entry['filename'][0])
    file = path.name
    if not any(file.endswith(suffix) for suffix in target.extension_suffixes):
        return None
    parts = tags.module_parts(file)
    tag = parts[1].split('-')[0] if parts else ''
    limited = _limited_api_define(entry) if tag in ('', 'abi3', 'abi3t') else None
    if not tag and limited is None and not any(d.startswith('python') for d in entry.get('dependencies', ())):
        # A plain name, and nothing of Python: a plugin of something else.
        return None
    # The define is on the sources of this target; a module of other objects only does not show its version.
    assumed = limited is None and tag in ('abi3', 'abi3t')
    if assumed:
        limited = target.version[:2]
    return Module(
        name=file.split('.', 1)[0], file=file, limited_api=limited, installed=entry['filename'][0] in chosen,
        path=relative_path(entry, build_dir), assumed=assumed)


def relative_path(entry: typing.Mapping[str, typing.Any], build_dir: pathlib.Path) -> str:
    """The file that a target builds, relative to the build directory, as ninja names it."""
    path = pathlib.Path(entry['filename'][0])
    try:
        return path.relative_to(build_dir).as_posix()
    except ValueError:
        return os.fspath(path)


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
    source: str | None


def objects_without_limited_api(
    build_dir: pathlib.Path, modules: typing.Iterable[Module], ninja: str,
) -> tuple[list[Diagnostic], list[str]]:
    """Objects of these stable-ABI modules that see Python.h without Py_LIMITED_API.

    Those of static helper libraries count: mesonbuild/meson#14176. Returns (errors, what
    could not be proven). An object whose command lacks the define is preprocessed, since
    the source may define the macro itself; what cannot be preprocessed is not proven.
    """
    commands = _compile_commands(build_dir)
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


def outputs(build_dir: pathlib.Path) -> list[pathlib.Path]:
    """The files that all targets build."""
    return [pathlib.Path(name) for entry in info(build_dir, 'targets') for name in entry['filename']]


def _compile_commands(build_dir: pathlib.Path) -> dict[str, _Object]:
    try:
        entries = json.loads((build_dir / 'compile_commands.json').read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return {e['output']: _Object(e['output'], e['command'], e['directory'], e.get('file'))
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


def _pch_with_python_h(item: _Object, including: set[str]) -> bool:
    """Whether the object uses a precompiled header that saw Python.h: with one, only *its* dependencies name it."""
    directory = item.output.rsplit('/', 1)[0]
    headers = {name.rsplit('/', 1)[-1].removesuffix('.gch').removesuffix('.pch')
               for name in including if name.startswith(directory + '/') and name.endswith(('.gch', '.pch'))}
    return any(word.rsplit('/', 1)[-1] in headers for word in item.command.split())


def defines_old_limited_api(build_dir: pathlib.Path, source: pathlib.Path) -> bool:
    """Whether a source, preprocessed as it is compiled, is left with a Py_LIMITED_API before 3.15."""
    for item in _compile_commands(build_dir).values():
        if item.source is not None and _same(pathlib.Path(item.directory, item.source), source):
            macros = _macros(item, complete=False)
            match = re.search(r'^#define Py_LIMITED_API (0[xX][0-9a-fA-F]+)', macros or '', re.MULTILINE)
            if match and tags.version_of_hex(int(match[1], 16)) < tags.FIRST_ABI3T:
                return True
    return False


def _same(left: pathlib.Path, right: pathlib.Path) -> bool:
    return os.path.realpath(left) == os.path.realpath(right)


def _defines_limited_api(item: _Object) -> bool | None:
    """Whether the macro is defined at the end of the preprocessed source; None where that cannot be found out."""
    macros = _macros(item)
    return None if macros is None else re.search(r'^#define Py_LIMITED_API\b', macros, re.MULTILINE) is not None


def _macros(item: _Object, *, complete: bool = True) -> str | None:
    """All macros at the end of a source, by its own command with -dM -E; None where that does not work.

    complete: not those of a source that has an #error or misses a header.
    """
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
    worked = result.returncode == 0 or not complete
    return result.stdout if worked and '#define ' in result.stdout else None
