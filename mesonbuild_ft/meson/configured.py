# SPDX-License-Identifier: MIT
"""What a configured Meson build directory tells: modules, libraries and options.

Reads the files that Meson documents (meson-info); nothing here changes the build directory.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import pathlib
import re
import typing

from .. import tags
from ..diagnostics import refuse
from ..plan import Configured, Module
from ..settings import Settings
from ..target import Target


_TOO_HIGH = re.compile(r'Limited API version too high: (\d+)\.(\d+) \(detected')
_GIL_DISABLED = re.compile(r'[-/]DPy_GIL_DISABLED(?:=1)?')
#: A file that a module for Windows is linked to; not the options that name one to leave it out.
_PYTHON_LIBRARY = re.compile(r'^(?:.*[\\/])?(python3\d*t?)(?:_d)?\.(?:lib|dll)$', re.IGNORECASE)
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
            if group.get('language') in ('c', 'cpp', 'objc', 'objcpp') and (
                    group.get('sources') or group.get('generated_sources')):
                defines = any(_GIL_DISABLED.fullmatch(argument) for argument in group.get('parameters', ()))
                defines_gil_disabled = defines and defines_gil_disabled is not False
    return Configured(
        allow_limited_api=bool(options.get('python.allow_limited_api', True)), modules=tuple(modules),
        defines_limited_api=tuple(defining), defines_gil_disabled=bool(defines_gil_disabled))


def has_wrong_library(build_dir: pathlib.Path, abi: str) -> bool:
    """Whether a stable-ABI module for Windows is linked to another import library of Python than that of its ABI.

    abi: the plan's, 'full', 'abi3' or 'abi3t'. False where something needs that other library: an executable
    that embeds Python, or a module of the full API.
    """
    if abi == 'full':
        return False
    right = {'python3t' if abi == 'abi3t' else 'python3'}
    wrong = False
    for entry in info(build_dir, 'targets'):
        if entry['type'] == 'executable' and 'python' in entry.get('dependencies', ()):
            return False
        if entry['type'] != 'shared module':
            continue
        libraries = {
            match[1].lower() for group in entry['target_sources'] for argument in group.get('parameters', ())
            if 'linker' in group and (match := _PYTHON_LIBRARY.search(argument))}
        if libraries and _limited_api_define(entry) is None:
            return False
        wrong = wrong or bool(libraries - right)
    return wrong


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


def outputs(build_dir: pathlib.Path) -> list[pathlib.Path]:
    """The files that all targets build."""
    return [pathlib.Path(name) for entry in info(build_dir, 'targets') for name in entry['filename']]
