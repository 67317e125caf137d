# SPDX-License-Identifier: MIT
"""build-details.json (PEP 739): as CPython installs it, and alone.

Of its keys PEP 739 requires schema_version, base_prefix, platform, language.version and implementation. CPython
3.14 for Linux leaves out abi.extension_suffix and libpython, 3.15 for Windows c_api.pkgconfig_path.
"""

from __future__ import annotations

import json
import os
import pathlib
import typing

from ..target import (
    MACHINES,
    Target,
    abi_tag_from_suffix,
    cpu_family,
    extension_suffixes,
    libc_of_names,
    machine_of_platform,
    machine_of_triplet,
    platform_tag,
    python_tag,
    system_of_platform,
)
from . import files
from .files import Version, contradiction, refused


_T = typing.TypeVar('_T')


class Details:
    """A build-details.json whose schema is known."""

    def __init__(self, path: pathlib.Path, data: typing.Mapping[str, typing.Any]) -> None:
        self.path = path
        self._data = data

    @classmethod
    def read(cls, path: pathlib.Path) -> Details:
        """Raises BuildRefused where it is no JSON object, or of another schema version than 1.x."""
        try:
            data = json.loads(files.text_of(path))
        except (ValueError, RecursionError) as error:
            raise refused(f'{path.name} is not JSON: {error}', path) from error
        if not isinstance(data, dict):
            raise refused(f'{path.name} is not a JSON object', path)
        version = cls(path, data).need('schema_version', str)
        if version.split('.')[0] != '1':
            raise refused(
                f'{path.name} has schema_version {version}, and only 1.x is known', path,
                advice='Update mesonbuild-ft, or name the directory of the interpreter instead.')
        return cls(path, data)

    def get(self, key: str, kind: type[_T]) -> _T | None:
        """The value of a dotted key; None where it is missing. Raises BuildRefused where it is of another type."""
        value: typing.Any = self._data
        for word in key.split('.'):
            if not isinstance(value, dict) or word not in value:
                return None
            value = value[word]
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise refused(f'{key} in {self.path.name} is not {_KINDS[kind]}', self.path)
        return value

    def need(self, key: str, kind: type[_T]) -> _T:
        """The same, for what must be there."""
        value = self.get(key, kind)
        if value is None:
            raise refused(
                f'{self.path.name} has no {key}, and nothing else tells it', self.path,
                advice=f'Add {key} to the file (PEP 739), or name the directory of the interpreter instead.')
        return value

    def strings(self, key: str) -> tuple[str, ...] | None:
        """An array of strings. Raises BuildRefused where it is something else."""
        value = self.get(key, list)
        if value is not None and not all(isinstance(item, str) for item in value):
            raise refused(f'{key} in {self.path.name} is not an array of strings', self.path)
        return None if value is None else tuple(value)

    def version(self) -> Version | None:
        """The version of the language, which implementation.version is as well for CPython."""
        keys = ['language.version_info']
        if self.get('implementation.name', str) == 'cpython':
            keys.append('implementation.version')
        for key in keys:
            if self.get(key, dict):
                major, minor, micro = (self.need(f'{key}.{part}', int) for part in ('major', 'minor', 'micro'))
                return Version(
                    (major, minor, micro), self.need(f'{key}.releaselevel', str), self.need(f'{key}.serial', int))
        return None

    def suffixes(self) -> tuple[str, ...]:
        """suffixes.extensions, () where it is missing."""
        return self.strings('suffixes.extensions') or ()

    def path_of(self, key: str) -> pathlib.Path | None:
        """A path; a relative one is relative to base_prefix, and that to the file."""
        value = self.get(key, str)
        return None if value is None else self.base_prefix / value

    @property
    def base_prefix(self) -> pathlib.Path:
        return pathlib.Path(os.path.normpath(self.path.parent / self.need('base_prefix', str)))

    def check(self, key: str, expected: str, other: str) -> None:
        """Raises BuildRefused where the key is there with another value; `other` says where that comes from."""
        value = self.get(key, str)
        if value is not None and value != expected:
            raise contradiction(f'{self.path.name} says {key} = {value}', other, self.path)

    def check_version(self, version: Version, source: str) -> None:
        """Raises BuildRefused where the file tells another version."""
        self.check('language.version', version.short, f'{source} is of Python {version}')
        own = self.version()
        if own is not None and own != version:
            raise contradiction(f'{self.path.name} is of Python {own}', f'{source} is of Python {version}', self.path)

    def check_flag(self, flag: str, expected: bool, source: str) -> None:
        """Raises BuildRefused where abi.flags has the flag and it is not expected, or the other way round."""
        flags = self.strings('abi.flags')
        if flags is not None and (flag in flags) is not expected:
            raise contradiction(f'{self.path.name} says abi.flags = {json.dumps(flags)}', source, self.path)


_KINDS: typing.Final[dict[type, str]] = {
    str: 'a string', int: 'an integer', bool: 'true or false', list: 'an array', dict: 'an object',
}


def read(path: pathlib.Path) -> tuple[Target, files.Info]:
    """The interpreter of a build-details.json: its whole tree where that lies there. Raises BuildRefused."""
    from . import posix, windows as description_windows

    details = Details.read(path)
    if any(path.parent.glob('_sysconfigdata*.py')):
        return posix.read(path.parent.parent.parent, details=path)
    if details.need('platform', str).startswith('win'):
        dll = details.path_of('libpython.dynamic')
        if dll is not None and dll.is_file():
            return description_windows.read(dll.parent, dll, path)
    return _alone(details)


def _alone(details: Details) -> tuple[Target, files.Info]:
    """From nothing but the file, and the headers that it names."""
    implementation = details.need('implementation.name', str)
    platform = details.need('platform', str)
    windows = platform.startswith('win')
    system = system_of_platform(platform)
    multiarch = details.get('implementation._multiarch', str) or ''
    # A 32-bit build on a 64-bit kernel says the platform of the kernel.
    compiled = machine_of_triplet(multiarch) if system == 'linux' and multiarch else machine_of_platform(platform, 0)
    if compiled not in MACHINES:
        raise refused(f'the platform {platform} in {details.path.name} is of an unknown machine', details.path)
    pointer_size, byte_order = MACHINES[compiled][:2]
    machine = machine_of_platform(platform, pointer_size)
    if cpu_family(machine) != cpu_family(compiled):
        raise contradiction(
            f'{details.path.name} says platform = {platform}', f'implementation._multiarch = {multiarch}', details.path)
    include = details.path_of('c_api.headers')
    if include is None:
        include = pathlib.Path(details.need('c_api.headers', str))
    if windows:
        include = files.child(include.parent, include.name)

    version = details.version()
    if (include / 'patchlevel.h').is_file() and implementation == 'cpython':
        headers = files.patchlevel(include)
        details.check_version(headers, os.fspath(include / 'patchlevel.h'))
        version = headers
    if version is None:
        details.need('language.version_info', dict)
        raise AssertionError
    details.check('language.version', version.short, f'version_info is of Python {version}')

    suffixes = details.suffixes()
    if not suffixes:
        suffix = details.get('abi.extension_suffix', str)
        if suffix is None or implementation != 'cpython' or version.number >= (3, 16):
            details.need('suffixes.extensions', list)
        suffixes = extension_suffixes(suffix or '', version.number, abi_tag_from_suffix(suffix or '').endswith('t'))
    abi_tag = abi_tag_from_suffix(suffixes[0])
    flags = details.strings('abi.flags')
    if flags is None:
        if not abi_tag:
            details.need('abi.flags', list)
        flags = tuple(abi_tag.lstrip('cp0123456789')) if implementation == 'cpython' else ()
    free_threaded, debug = 't' in flags, 'd' in flags or '_d' in flags
    tag = python_tag(implementation, version.number)
    if implementation == 'cpython' and abi_tag and ('t' in abi_tag) is not free_threaded:
        raise contradiction(f'{details.path.name} says abi.flags = {json.dumps(flags)}', f'suffix {suffixes[0]}',
                            details.path)
    defined = files.defines_gil_disabled(files.child(include, 'pyconfig.h'))

    target = Target(
        implementation=implementation, version=version.number, release_level=version.level,
        free_threaded=free_threaded, debug=debug, trace_refs=False, platform=platform_tag(platform, pointer_size),
        python_tag=tag, abi_tag=abi_tag or f'{tag}{"".join(flags)}', extension_suffixes=suffixes,
        pointer_size=pointer_size, byte_order=byte_order, include_dir=os.fspath(include),
        defines_gil_disabled=free_threaded and (not windows if defined is None else defined),
        libc=libc_of_names(multiarch if version.number >= (3, 13) else '', multiarch, suffixes[0])
        if system == 'linux' else '',
        system=system, machine=machine, description=os.fspath(details.path),
        release_serial=version.serial)
    return target, _python_info(details, target, version, platform, include)


def _python_info(
    details: Details, target: Target, version: Version, platform: str, include: pathlib.Path,
) -> files.Info:
    from . import posix, windows as description_windows

    prefix = details.base_prefix
    windows = target.system == 'windows'
    library = details.path_of('libpython.dynamic')
    if windows:
        stdlib = files.child(prefix, 'Lib')
        name = library.name if library else f'python3{version.number[1]}{"t" if target.free_threaded else ""}.dll'
        variables = description_windows.variables(target, prefix, include, stdlib, name, str(version))
        # Windows links every module to it (PEP 739 leaves the key optional).
        link = details.get('libpython.link_extensions', bool)
    else:
        stdlib = prefix / 'lib' / f'python{version.short}{"t" if target.free_threaded else ""}'
        variables = posix.usual_variables(
            prefix, version, ''.join(details.strings('abi.flags') or ()), target.free_threaded)
        variables.update({
            'INCLUDEPY': os.fspath(include), 'EXT_SUFFIX': target.extension_suffixes[0],
            'SOABI': target.extension_suffixes[0].split('.')[1], 'Py_DEBUG': int(target.debug),
            'Py_GIL_DISABLED': int(target.free_threaded), 'SIZEOF_VOID_P': target.pointer_size})
        if library is not None:
            variables.update({'LIBDIR': os.fspath(library.parent), 'LDLIBRARY': library.name})
        link = bool(details.get('libpython.link_extensions', bool))
    return files.python_info(
        variables, stdlib=stdlib, windows=windows, version=version.short, platform=platform,
        suffixes=target.extension_suffixes, free_threaded=target.free_threaded,
        link_libpython=windows if link is None else link, include=include, implementation=target.implementation)
