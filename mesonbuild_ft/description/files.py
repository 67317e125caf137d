# SPDX-License-Identifier: MIT
"""What the files of every CPython have in common: patchlevel.h, pyconfig.h, sysconfig's schemes."""

from __future__ import annotations

import ast
import os
import pathlib
import re
import typing

from ..diagnostics import BuildRefused, refuse
from ..target import header_defines, release_text
from . import binary_headers


Scheme = typing.Mapping[str, str]
Info = dict[str, typing.Any]

#: PY_RELEASE_LEVEL -> `sys.version_info.releaselevel`.
_LEVELS: typing.Final = {'ALPHA': 'alpha', 'BETA': 'beta', 'GAMMA': 'candidate', 'FINAL': 'final'}
#: sysconfig's schemes of CPython 3.13 to 3.15, for trees without a standard library; abi_thread is '' with the GIL.
_POSIX: typing.Final = {
    'stdlib': '{installed_base}/{platlibdir}/python{py_version_short}{abi_thread}',
    'platstdlib': '{platbase}/{platlibdir}/python{py_version_short}{abi_thread}',
    'purelib': '{base}/lib/python{py_version_short}{abi_thread}/site-packages',
    'platlib': '{platbase}/{platlibdir}/python{py_version_short}{abi_thread}/site-packages',
    'include': '{installed_base}/include/python{py_version_short}{abiflags}',
    'platinclude': '{installed_platbase}/include/python{py_version_short}{abiflags}',
    'scripts': '{base}/bin',
    'data': '{base}',
}
_WINDOWS: typing.Final = {
    'stdlib': '{installed_base}/Lib', 'platstdlib': '{base}/Lib',
    'purelib': '{base}/Lib/site-packages', 'platlib': '{base}/Lib/site-packages',
    'include': '{installed_base}/Include', 'platinclude': '{installed_base}/Include',
    'scripts': '{base}/Scripts', 'data': '{base}',
}
_SCHEMES: typing.Final = {'posix_prefix': _POSIX, 'nt': _WINDOWS}

ADVICE: typing.Final = (
    'Name a build-details.json, or the directory, the executable or the DLL of a CPython whose headers are installed.')


def refused(what: str, where: pathlib.Path, advice: str = ADVICE) -> BuildRefused:
    """The exception for a target that cannot be read."""
    return refuse('unreadable-target', what, where=os.fspath(where), advice=advice)


def contradiction(one: str, other: str, where: pathlib.Path) -> BuildRefused:
    """The exception for two files that say different things of one target."""
    return refused(f'{one}, and {other}', where, advice=(
        'Files of several Pythons are mixed there: unpack or install one of them into a directory of its own.'))


def text_of(path: pathlib.Path) -> str:
    """The text of a file of the target. Raises BuildRefused."""
    try:
        return path.read_text(encoding='utf-8', errors='replace')
    except OSError as error:
        raise refused(f'{path.name} cannot be read: {error.strerror}', path) from error


def header_of(path: pathlib.Path) -> binary_headers.Header:
    """The headers of an executable or a library of the target. Raises BuildRefused."""
    try:
        return binary_headers.read(path)
    except OSError as error:
        raise refused(f'{path.name} cannot be read: {error.strerror}', path) from error
    except ValueError as error:
        raise refused(f'{path.name} is damaged, or no executable: {error}', path) from error


def child(directory: pathlib.Path, name: str) -> pathlib.Path:
    """A file of a Windows tree, where case does not matter; the path with `name` itself where there is none."""
    exact = directory / name
    if not exact.exists():
        try:
            for other in sorted(os.listdir(directory)):
                if other.lower() == name.lower():
                    return directory / other
        except OSError:
            # What is missing is told by whoever needs the file.
            pass
    return exact


class Version(typing.NamedTuple):
    """(major, minor, micro), and `releaselevel` and `serial` of `sys.version_info`."""

    number: tuple[int, int, int]
    level: str
    serial: int

    @property
    def short(self) -> str:
        return f'{self.number[0]}.{self.number[1]}'

    def __str__(self) -> str:
        """As `platform.python_version()` writes it: '3.15.0rc2'."""
        return release_text(self.number, self.level, self.serial)


def patchlevel(include: pathlib.Path) -> Version:
    """The version of these headers, from patchlevel.h. Raises BuildRefused."""
    path = include / 'patchlevel.h'
    if not path.is_file():
        raise refused('patchlevel.h, which tells the version, is missing: the headers are not installed', path)
    text = text_of(path)
    found = []
    for name in ('PY_MAJOR_VERSION', 'PY_MINOR_VERSION', 'PY_MICRO_VERSION', 'PY_RELEASE_SERIAL'):
        match = re.search(rf'^[ \t]*#[ \t]*define[ \t]+{name}[ \t]+(\d+)', text, re.MULTILINE)
        if match is None:
            raise refused(f'patchlevel.h does not define {name}', path)
        found.append(int(match[1]))
    match = re.search(r'^[ \t]*#[ \t]*define[ \t]+PY_RELEASE_LEVEL[ \t]+PY_RELEASE_LEVEL_(\w+)', text, re.MULTILINE)
    if match is None or match[1] not in _LEVELS:
        raise refused('patchlevel.h does not define PY_RELEASE_LEVEL', path)
    return Version((found[0], found[1], found[2]), _LEVELS[match[1]], found[3])


def defines_gil_disabled(*headers: pathlib.Path) -> bool | None:
    """Whether the first of these pyconfig.h that exists defines Py_GIL_DISABLED; None where none does exist."""
    for path in headers:
        if path.is_file():
            return header_defines(text_of(path), 'Py_GIL_DISABLED')
    return None


def schemes(stdlib: pathlib.Path) -> typing.Mapping[str, Scheme]:
    """sysconfig's install schemes: those in the source of the target's own sysconfig, where it lies there.

    Distributions change them (Debian's deb_system, which Meson looks for). The source is parsed, not run.
    """
    for path in (stdlib / 'sysconfig' / '__init__.py', stdlib / 'sysconfig.py'):
        if not path.is_file():
            continue
        try:
            for node in ast.parse(text_of(path)).body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) \
                        and node.targets[0].id == '_INSTALL_SCHEMES':
                    return {**_SCHEMES, **ast.literal_eval(node.value)}
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
            raise refused(f'sysconfig of the target cannot be understood: {error}', path) from error
    return _SCHEMES


def expand(scheme: Scheme, variables: typing.Mapping[str, typing.Any], where: pathlib.Path) -> dict[str, str]:
    """The paths of a scheme, as `sysconfig.get_paths()` makes them. Raises BuildRefused."""
    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise refused(f'sysconfig of the target uses the unknown variable {match[1]}', where)
        return str(variables[match[1]])

    return {name: os.path.normpath(re.sub(r'\{(\w+)\}', value, path)) for name, path in scheme.items()}


def python_info(
    variables: typing.Mapping[str, typing.Any], *, stdlib: pathlib.Path, windows: bool, version: str, platform: str,
    suffixes: typing.Sequence[str], free_threaded: bool, link_libpython: bool, include: pathlib.Path,
    implementation: str = 'cpython',
) -> Info:
    """The answer of Meson's scripts/python_info.py (Meson 1.3 to 1.12)."""
    all_schemes = schemes(stdlib)
    usual = 'nt' if windows else 'posix_prefix'
    ours = 'deb_system' if 'deb_system' in all_schemes else usual
    default = 'posix_local' if 'posix_local' in all_schemes and not windows else usual
    # On Windows sysconfig takes this from nowhere: it is not what variables say.
    values = {**variables, 'platlibdir': 'lib'} if windows else variables
    paths = expand(all_schemes[ours], values, stdlib)
    sysconfig_paths = expand(all_schemes[default], values, stdlib)
    for found in (paths, sysconfig_paths):
        # Where the headers are, whatever case Windows writes them in.
        found['include'] = os.fspath(include)
        if windows or not os.path.isdir(found['platinclude']):
            found['platinclude'] = os.fspath(include)
    return {
        'variables': dict(variables),
        'paths': paths,
        'sysconfig_paths': sysconfig_paths,
        'install_paths': expand(
            all_schemes[ours], {**values, 'base': '', 'platbase': '', 'installed_base': ''}, stdlib),
        'version': version,
        'platform': platform,
        'is_pypy': implementation == 'pypy',
        'is_venv': False,
        'link_libpython': link_libpython,
        'suffix': suffixes[0],
        'limited_api_suffix': suffixes[1] if len(suffixes) > 1 else suffixes[0],
        'is_freethreaded': free_threaded,
    }
