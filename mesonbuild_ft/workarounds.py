# SPDX-License-Identifier: MIT
"""Bugs of other projects that are worked around, each in one place, with the versions that have it.

tests/test_workarounds.py has a test for each that fails once upstream has mended it.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
import re
import shlex
import sys
import typing

from .meson import machine_files


if typing.TYPE_CHECKING:
    from .target import Target


_BUILD_CONFIG: typing.Final = 'python.build_config='


@contextlib.contextmanager
def pre_release_counts_as_release() -> typing.Iterator[None]:
    """Let meson-python see CPython 3.15.0rc2 as 3.15.0 when it looks at requires-python, as pip does.

    meson-python up to 0.22.1 compares platform.python_version(), and `3.15.0rc2` is not in
    `>= 3.15`, pre-releases allowed or not (mesonbuild/meson-python#72 meant to allow them).
    Whether the interpreter is new enough has been judged before, in metadata.py.
    """
    if sys.version_info[3] == 'final':
        yield
        return
    original = platform.python_version
    release = '.'.join(map(str, sys.version_info[:3]))
    platform.python_version = lambda: release
    try:
        yield
    finally:
        platform.python_version = original


@contextlib.contextmanager
def sdist_on_any_version(pyproject: typing.Mapping[str, typing.Any]) -> typing.Iterator[None]:
    """Let meson-python make a source distribution, in which nothing is compiled, whatever requires-python says.

    meson-python up to 0.22.1 holds it against the interpreter that packs the files as well (no issue is filed).
    pyproject: its metadata have been found valid.
    """
    import packaging.specifiers

    original = platform.python_version
    wanted = packaging.specifiers.SpecifierSet(pyproject.get('project', {}).get('requires-python', ''))
    versions = (f'3.{minor}.{micro}' for minor in range(7, 40) for micro in (0, 50))
    admitted = next((version for version in versions if wanted.contains(version)), None)
    if admitted is not None and not wanted.contains(original(), prereleases=True):
        platform.python_version = lambda: admitted
    try:
        yield
    finally:
        platform.python_version = original


@contextlib.contextmanager
def wheels_appear_complete(ending: str) -> typing.Iterator[None]:
    """Let meson-python write `x.whl` under another name, with this ending, until it is complete.

    meson-python up to 0.22.1 writes it under its final name (no issue is filed): a build that is
    killed leaves a file called a wheel that is none.
    """
    import zipfile

    original = zipfile.ZipFile

    class ZipFile(original):  # type: ignore[misc,valid-type]
        _final: str | None = None

        def __init__(self, file: typing.Any, mode: typing.Any = 'r', *args: typing.Any, **kwargs: typing.Any) -> None:
            if mode == 'w' and isinstance(file, (str, os.PathLike)) and os.fspath(file).endswith('.whl'):
                self._final = os.fspath(file)
                file = self._final + ending
            super().__init__(file, mode, *args, **kwargs)

        def close(self) -> None:
            # Once only: the destructor closes again.
            final, self._final = self._final, None
            super().close()
            if final is not None:
                os.replace(final + ending, final)

    zipfile.ZipFile = ZipFile  # type: ignore[misc]
    try:
        yield
    finally:
        zipfile.ZipFile = original  # type: ignore[misc]


def returns_take_no_reference(version: tuple[int, int, int], floor: tuple[int, int]) -> bool:
    """Whether these headers of CPython return None, True, False or NotImplemented without the reference that is due.

    Py_RETURN_NONE and its like rely on immortal objects, also where Py_LIMITED_API asks for 3.11 or older, which counts
    references to them: such an interpreter ends with "deallocating None". python/cpython#134989, mended in 3.13.5;
    Py_RETURN_NOTIMPLEMENTED python/cpython#140487, mended in 3.13.10 and 3.14.1; neither in 3.12.
    version: of the headers. floor: the oldest version that the module is to serve.
    """
    return floor < (3, 12) and ((3, 12, 0) <= version < (3, 13, 10) or version == (3, 14, 0))


def with_mended_returns(include_dir: str, own_dir: pathlib.PurePath) -> list[str]:
    """Flags of GCC and Clang that put the Python.h in `own_dir` in front of that in `include_dir`, which it includes.

    Meson puts what dependencies say before c_args. But of a directory that is given by -I and by -isystem, both
    compilers keep the second only, and look at it after all others that are given by -I.
    """
    return [f'-I{own_dir}', f'-isystem{include_dir}']


def reconfigure_takes_options(meson_version: str) -> bool:
    """Whether `meson setup --reconfigure -D...` compiles with what it was given.

    Meson before 1.8 keeps the old c_args (mesonbuild/meson#7325), 1.8.0 all old values
    (mesonbuild/meson#14575); there the second setup begins anew.
    """
    return _numbers(meson_version) >= (1, 8, 1)


def has_build_config(meson_version: str) -> bool:
    """Whether Meson has the option python.build_config, which came with 1.10."""
    return _numbers(meson_version) >= (1, 10)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r'\d+', version)[:3]))


def without_build_config(arguments: list[str], directory: pathlib.Path) -> list[str]:
    """Arguments of `meson setup` that name no python.build_config any more; machine files that do are copied.

    What it named has been read as the description of the target (target_choice.py). Meson up to 1.12.1 stops at
    CPython's own files (see build_config_for_meson), and on Darwin at any (no issue is filed).
    """
    result: list[str] = []
    skip = False
    for index, argument in enumerate(arguments):
        if skip:
            skip = False
        elif argument == '-D' and ''.join(arguments[index + 1:index + 2]).startswith(_BUILD_CONFIG):
            skip = True
        elif not argument.startswith(f'-D{_BUILD_CONFIG}'):
            result.append(argument)
    for number, (kind, path) in enumerate(machine_files.given(result)):
        try:
            text = path.read_text(encoding='utf-8')
        except (OSError, UnicodeDecodeError):
            continue
        kept = re.sub(rf'(?m)^{re.escape(_BUILD_CONFIG[:-1])}\s*=.*\n?', '', text)
        if kept != text:
            directory.mkdir(parents=True, exist_ok=True)
            copy = directory / f'{kind}-{number}-{path.name}'
            copy.write_text(kept.replace('@DIRNAME@', os.fspath(path.absolute().parent)), encoding='utf-8')
            result = machine_files.with_file(result, number, copy)
    return result


def build_config_for_meson(target: Target, abi: str) -> dict[str, typing.Any]:
    """A PEP 739 description of a Windows interpreter as Meson's python.build_config understands one.

    abi: 'abi3' or 'abi3t' names that library for all that is linked to Python, 'full' that of each.

    Meson up to 1.12.1 wants keys that PEP 739 leaves optional and CPython's own files leave out (KeyError
    'libpython'); it reads `dynamic-stableabi` where PEP 739 says `dynamic_stableabi`; it links to the library of
    abi3 for abi3t as well (no issue is filed); and a limited-API module with a static library that has
    py.dependency() is linked to python3 and to pythonXY (mesonbuild/meson#15172).
    The import libraries are named, not the DLLs, which only GNU ld can link to. For the limited API it holds the
    platform against the machine that it runs on, where it means the one that is compiled for (no issue is filed).
    """
    # Headers lie beside the libraries, in a virtual environment too.
    prefix = os.path.dirname(target.include_dir)
    full, stable = windows_libraries(target, prefix, abi3t=abi == 'abi3t')
    if abi != 'full':
        full = stable
    libpython: dict[str, typing.Any] = {'dynamic': full, 'link_extensions': True}
    libpython |= {'dynamic_stableabi': stable, 'dynamic-stableabi': stable}
    version = {'major': target.version[0], 'minor': target.version[1], 'micro': target.version[2],
               'releaselevel': target.release_level, 'serial': target.release_serial}
    return {
        'schema_version': '1.0',
        'base_prefix': prefix,
        'platform': _platform_of_this_machine(target) or target.platform.replace('_', '-', 1),
        'language': {'version': '{}.{}'.format(*target.version), 'version_info': version},
        'implementation': {'name': target.implementation, 'version': version},
        'abi': {
            'flags': [*(['t'] if target.free_threaded else []), *(['d'] if target.debug else [])],
            'extension_suffix': target.extension_suffixes[0],
            'stable_abi_suffix': '.pyd',
        },
        'suffixes': {'extensions': list(target.extension_suffixes)},
        'libpython': libpython,
        'c_api': {'headers': target.include_dir},
    }


def with_architectures(command: list[str], flags: list[str], path: pathlib.Path) -> list[str]:
    """A compiler for Meson, with -arch flags as Apple's Clang takes them; for two machines it is a script at `path`.

    Meson up to 1.12.1 runs the preprocessor with all flags (mesonbuild/meson#8206), be they in CC or in CFLAGS. Clang
    refuses that for more than one machine, and no compiler is found, or no Python.h.
    """
    if len(set(flags)) < 3:
        return [*command, *flags]
    path.write_text(
        '#!/bin/sh\n# Clang runs the preprocessor for one machine at a time.\nfor argument; do\n'
        f'    [ "$argument" = -E ] && exec {shlex.join([*command, *flags[:2]])} "$@"\n'
        f'done\nexec {shlex.join([*command, *flags])} "$@"\n', encoding='utf-8')
    path.chmod(0o755)
    return [os.fspath(path)]


def _platform_of_this_machine(target: Target) -> str:
    """The platform that Meson takes for the right one; '' where it is the target's, or none of Windows.

    32-bit x86 is the one machine that Meson asks the compiler for.
    """
    machine = platform.machine().lower()
    if machine in ('x86_64', 'amd64'):
        return '' if target.machine == 'i686' else 'win-amd64'
    return 'win-arm64' if machine in ('aarch64', 'arm64') else ''


def windows_libraries(target: Target, prefix: str, *, abi3t: bool) -> tuple[str, str]:
    """What modules of a Windows interpreter are linked to: for the full API, and for the stable ABI."""
    debug = '_d' if target.debug else ''
    flag = 't' if target.free_threaded else ''
    names = (f'python{target.version[0]}{target.version[1]}{flag}{debug}',
             f'python{target.version[0]}{"t" if abi3t or target.free_threaded else ""}{debug}')
    found = []
    for name in names:
        library = os.path.join(prefix, 'libs', f'{name}.lib')
        found.append(library if os.path.exists(library) else os.path.join(prefix, f'{name}.dll'))
    return found[0], found[1]
