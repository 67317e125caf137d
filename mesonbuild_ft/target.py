# SPDX-License-Identifier: MIT
"""What the decisions need to know of the interpreter that a wheel is built for."""

from __future__ import annotations

import dataclasses
import sys
import typing


@dataclasses.dataclass(frozen=True)
class Target:
    """The target interpreter.

    implementation: `sys.implementation.name`: 'cpython', 'pypy', 'graalpy'.
    version: (major, minor, micro).
    release_level: 'final', or 'alpha', 'beta', 'candidate' before the release.
    free_threaded: built with `--disable-gil` (PEP 703).
    debug, trace_refs: built with `--with-pydebug`, `--with-trace-refs`.
    platform: platform tag of the running system, e.g. 'linux_x86_64'.
    python_tag, abi_tag: those of a version-specific wheel, e.g. 'cp314', 'cp314t' (PEP 425).
    extension_suffixes: as the interpreter looks for them, in its order.
    pointer_size: in bytes. byte_order: 'little' or 'big'.
    include_dir: where Python.h should be.
    defines_gil_disabled: pyconfig.h itself defines Py_GIL_DISABLED (never on Windows; facts of PEP 703 builds).
    """

    implementation: str
    version: tuple[int, int, int]
    release_level: str
    free_threaded: bool
    debug: bool
    trace_refs: bool
    platform: str
    python_tag: str
    abi_tag: str
    extension_suffixes: tuple[str, ...]
    pointer_size: int
    byte_order: str
    include_dir: str
    defines_gil_disabled: bool

    @property
    def name(self) -> str:
        """For people: 'CPython 3.14.7 free-threaded'."""
        names = {'cpython': 'CPython', 'pypy': 'PyPy', 'graalpy': 'GraalPy'}
        words = [names.get(self.implementation, self.implementation), '.'.join(map(str, self.version))]
        if self.release_level != 'final':
            words[-1] += f' ({self.release_level})'
        if self.free_threaded:
            words.append('free-threaded')
        if self.debug:
            words.append('debug')
        return ' '.join(words)

    @property
    def windows(self) -> bool:
        return self.platform.startswith('win')

    def to_json(self) -> dict[str, typing.Any]:
        """The fields as JSON values, for `from_json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: typing.Mapping[str, typing.Any]) -> Target:
        """The inverse of `to_json`."""
        values = dict(data)
        major, minor, micro = values['version']
        values['version'] = (major, minor, micro)
        values['extension_suffixes'] = tuple(values['extension_suffixes'])
        return cls(**values)


def running() -> Target:
    """The interpreter that runs this code, without starting a subprocess."""
    import importlib.machinery
    import struct
    import sysconfig

    variable = sysconfig.get_config_var
    free_threaded = bool(variable('Py_GIL_DISABLED'))
    pointer_size = struct.calcsize('P')
    return Target(
        implementation=sys.implementation.name,
        version=(sys.version_info[0], sys.version_info[1], sys.version_info[2]),
        release_level=sys.version_info[3],
        free_threaded=free_threaded,
        debug=bool(variable('Py_DEBUG')) or hasattr(sys, 'gettotalrefcount'),
        trace_refs=bool(variable('Py_TRACE_REFS')) or hasattr(sys, 'getobjects'),
        platform=platform_tag(sysconfig.get_platform(), pointer_size),
        python_tag=_python_tag(),
        abi_tag=abi_tag_from_suffix(str(variable('EXT_SUFFIX') or '')) or _default_abi_tag(free_threaded),
        extension_suffixes=tuple(importlib.machinery.EXTENSION_SUFFIXES),
        pointer_size=pointer_size,
        byte_order=sys.byteorder,
        include_dir=sysconfig.get_path('include'),
        defines_gil_disabled=free_threaded and sys.platform != 'win32',
    )


def platform_tag(platform: str, pointer_size: int) -> str:
    """The tag for what `sysconfig.get_platform()` says, e.g. 'linux-x86_64'."""
    if pointer_size == 4:
        # A 32-bit interpreter on a 64-bit kernel.
        platform = {'linux-x86_64': 'linux-i686', 'linux-aarch64': 'linux-armv7l'}.get(platform, platform)
    return platform.replace('-', '_').replace('.', '_').lower()


def abi_tag_from_suffix(suffix: str) -> str:
    """The ABI tag that an EXT_SUFFIX (PEP 3149) names: '.cpython-314t-x86_64-linux-gnu.so' -> 'cp314t'.

    '' where the suffix has no tag.
    """
    parts = suffix.split('.')
    if len(parts) < 3:
        return ''
    words = parts[1].split('-')
    if words[0] == 'cpython':
        abi = 'cp' + words[1]
    elif words[0].startswith('cp'):
        abi = words[0]
    elif words[0].startswith('pypy'):
        abi = '_'.join(words[:2])
    elif words[0].startswith('graalpy'):
        abi = '_'.join(words[:3])
    else:
        abi = parts[1]
    return abi.replace('.', '_').replace('-', '_')


def _python_tag() -> str:
    names = {'cpython': 'cp', 'pypy': 'pp'}
    name = names.get(sys.implementation.name, sys.implementation.name)
    return f'{name}{sys.version_info[0]}{sys.version_info[1]}'


def _default_abi_tag(free_threaded: bool) -> str:
    return f'{_python_tag()}{"t" if free_threaded else ""}{"d" if hasattr(sys, "gettotalrefcount") else ""}'
