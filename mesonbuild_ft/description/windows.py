# SPDX-License-Identifier: MIT
"""A CPython for Windows, read from its tree: headers, DLLs and, from 3.15 on, build-details.json."""

from __future__ import annotations

import os
import pathlib
import re
import typing

from ..target import Target, abi_tag_from_suffix, extension_suffixes, platform_tag, python_tag
from . import files
from .build_details import Details
from .files import child, contradiction, refused


#: The DLL of one version; python3.dll and python3t.dll are for the stable ABI.
_DLL: typing.Final = re.compile(r'python3(\d+)(t?)((?:_d)?)\.dll', re.IGNORECASE)
_EXECUTABLE: typing.Final = re.compile(r'pythonw?(?:3(?:\.\d+t?)?)?(?:_d)?\.exe', re.IGNORECASE)
#: Machine of a DLL -> `sysconfig.get_platform()`.
_PLATFORMS: typing.Final = {'x86_64': 'win-amd64', 'i686': 'win32', 'aarch64': 'win-arm64'}


def looks_like_one(directory: pathlib.Path) -> bool:
    """Whether there is a Python for Windows at the top of a directory."""
    try:
        return any(_DLL.fullmatch(name) or _EXECUTABLE.fullmatch(name) for name in os.listdir(directory))
    except OSError:
        return False


def read(
    prefix: pathlib.Path, named: pathlib.Path | None = None, description: pathlib.Path | None = None,
) -> tuple[Target, files.Info]:
    """The interpreter of a prefix directory. Raises BuildRefused.

    named: its executable or DLL, which tells one of several. description: the file that led here, if another one.
    """
    dll = _dll(prefix, named)
    match = _DLL.fullmatch(dll.name)
    assert match is not None
    header = files.header_of(dll)
    if header.format != 'pe' or header.machines[0] not in _PLATFORMS:
        raise refused(f'{dll.name} is for {header.machines[0]}, which is no machine of Windows', dll)
    free_threaded, debug = match[2] != '', match[3] != ''

    include = child(prefix, 'include')
    version = files.patchlevel(include)
    if version.number[:2] != (3, int(match[1])):
        raise contradiction(
            f'the DLL is {dll.name}', f'{include.name}/patchlevel.h is of Python {version}', prefix)
    platform = _PLATFORMS[header.machines[0]]
    tag = platform.replace('-', '_')
    suffixes = extension_suffixes(
        f'{"_d" if debug else ""}.cp3{match[1]}{match[2].lower()}-{tag}.pyd', version.number, free_threaded)
    json = child(prefix, 'build-details.json')
    if json.is_file():
        details = Details.read(json)
        details.check_version(version, f'{include.name}/patchlevel.h')
        details.check('platform', platform, f'{dll.name} is for {platform}')
        details.check_flag('t', free_threaded, f'the DLL is {dll.name}')
        suffixes = details.suffixes() or suffixes

    target = Target(
        implementation='cpython', version=version.number, release_level=version.level, free_threaded=free_threaded,
        debug=debug, trace_refs=False, platform=platform_tag(platform, header.pointer_size),
        python_tag=python_tag('cpython', version.number), abi_tag=abi_tag_from_suffix(suffixes[0]),
        extension_suffixes=suffixes, pointer_size=header.pointer_size, byte_order=header.byte_order,
        include_dir=os.fspath(include),
        defines_gil_disabled=free_threaded and bool(files.defines_gil_disabled(child(include, 'pyconfig.h'))),
        system='windows', machine=header.machines[0], description=os.fspath(description or named or prefix),
        release_serial=version.serial)
    stdlib = child(prefix, 'Lib')
    return target, files.python_info(
        variables(target, prefix, include, stdlib, dll.name, str(version)), stdlib=stdlib, windows=True,
        version=version.short, platform=platform, suffixes=suffixes, free_threaded=free_threaded,
        link_libpython=True, include=include)


def variables(
    target: Target, prefix: pathlib.Path, include: pathlib.Path, stdlib: pathlib.Path, dll: str,
    version: str,
) -> dict[str, typing.Any]:
    """What `sysconfig.get_config_vars()` says in a CPython for Windows (sysconfig's _init_non_posix)."""
    at = os.fspath(prefix)
    short = f'{target.version[0]}{target.version[1]}'
    found: dict[str, typing.Any] = {
        'prefix': at, 'exec_prefix': at, 'base_prefix': at, 'installed_base': at, 'base': at,
        'installed_platbase': at, 'platbase': at, 'projectbase': at, 'BINDIR': at,
        'py_version': version, 'py_version_short': f'{target.version[0]}.{target.version[1]}',
        'py_version_nodot': short, 'VERSION': short,
        'platlibdir': 'DLLs', 'implementation': 'Python', 'implementation_lower': 'python', 'abiflags': '',
        'abi_thread': 't' if target.free_threaded else '',
        'LIBDEST': os.fspath(stdlib), 'BINLIBDEST': os.fspath(stdlib), 'INCLUDEPY': os.fspath(include),
        'LIBDIR': os.fspath(child(prefix, 'libs')), 'EXT_SUFFIX': target.extension_suffixes[0],
        'SOABI': target.extension_suffixes[0].split('.')[1], 'EXE': '.exe', 'TZPATH': '',
        'LIBRARY': dll, 'LDLIBRARY': dll,
    }
    if target.version >= (3, 13):
        found['Py_GIL_DISABLED'] = int(target.free_threaded)
    if target.version >= (3, 14):
        found['Py_DEBUG'] = int(target.debug)
        found['ABIFLAGS'] = ('t' if target.free_threaded else '') + ('_d' if target.debug else '')
    return found


def _dll(prefix: pathlib.Path, named: pathlib.Path | None) -> pathlib.Path:
    """The python3XY.dll that is meant."""
    found = sorted(name for name in os.listdir(prefix) if _DLL.fullmatch(name))
    if named is not None and named.name in found:
        return named
    if not found:
        raise refused('there is no python3XY.dll beside python.exe', prefix)
    if named is not None and not named.name.lower().endswith('.exe'):
        raise refused(f'{named.name} is not the DLL of one Python version: those are {_listed(found)}', named)
    if named is not None:
        # An executable says itself which DLL it is for; names of executables say it only by custom.
        imports = {name.lower() for name in files.header_of(named).imports}
        wanted = sorted(name for name in imports if _DLL.fullmatch(name))
        if wanted:
            dll = next((name for name in found if name.lower() in imports), None)
            if dll is None:
                raise contradiction(
                    f'{named.name} is for {_listed(wanted)}', f'beside it lies {_listed(found)}', prefix)
            return prefix / dll
    if len(found) > 1:
        raise refused(
            f'there are several interpreters: {_listed(found)}', prefix,
            advice=f'Name the executable or the DLL of the one that is meant, e.g. {prefix / found[0]}.')
    return prefix / found[0]


def _listed(names: typing.Sequence[str]) -> str:
    return ', '.join(names)
