# SPDX-License-Identifier: MIT
"""A Python.h that is found in place of Python's own, includes it, and declares functions with advice (advice.h).

A forced include would not do: it comes before what a source defines for Python.h, and into sources that do not include
it. Meson puts the directories of dependencies before those of its options, so they are named by -isystem as well, which
makes GCC and Clang search them later ("the -I option is ignored"), and keeps them from warning in headers that the
project only uses, such as those of pybind11.
"""

from __future__ import annotations

import os
import pathlib
import typing

from ..headers import INCLUDE_DIRECTORY
from . import objects, tools


#: Compilers (Meson's ids) that have the attributes, and -isystem.
COMPILERS: typing.Final = ('gcc', 'clang')
#: What advice must not turn into an error: warning -> since which version of GCC, which refuses those that it does not
#: know. The last two are said of memory of whose functions it has been told.
_NO_ERRORS: typing.Final = {
    'deprecated-declarations': 4, 'mismatched-dealloc': 11, 'free-nonheap-object': 11, 'use-after-free': 12}
#: Headers that every source that Cython generates includes after it has said what it is.
_OF_CYTHON: typing.Final = ('pythread.h', 'structmember.h')
#: Code that no author can change: no advice from there to the end of the source.
_UNLESS_CYTHON: typing.Final = '''\
#ifdef CYTHON_HEX_VERSION
#  pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
'''


def directory(own_dir: pathlib.Path) -> pathlib.Path:
    """Where that Python.h is."""
    return own_dir / 'advice'


def arguments(
    build_dir: pathlib.Path, source_dir: pathlib.Path, own_dir: pathlib.Path, compiler: typing.Mapping[str, typing.Any],
) -> list[str]:
    """The arguments of a compiler, with the files that they name written into own_dir.

    build_dir: configured without them. compiler: as Meson describes it. [] where no source sees a Python.h, or the
    compiler cannot do it.
    """
    identifier = compiler.get('id', '')
    if identifier not in COMPILERS:
        return []
    searched = _include_directories(build_dir)
    python = next((path for path in searched if os.path.isfile(os.path.join(path, 'Python.h'))), None)
    if python is None:
        return []
    _write(own_dir, pathlib.Path(python))
    foreign = [path for path in searched if path == python or _is_foreign(path, build_dir, source_dir)]
    return [f'-I{directory(own_dir)}', *(f'-isystem{path}' for path in foreign),
            *(f'-Wno-error={name}' for name in _no_errors(identifier, compiler.get('version', '')))]


def _no_errors(identifier: str, version: str) -> list[str]:
    if identifier == 'clang':
        return ['deprecated-declarations']
    return [name for name, since in _NO_ERRORS.items() if tools.parse_version(version) >= (since,)]


def _include_directories(build_dir: pathlib.Path) -> list[str]:
    """Where the compilers of a configured build look for headers, in order, absolute and each once."""
    found: dict[str, None] = {}
    for command in objects.compile_commands(build_dir).values():
        try:
            words = objects.split(command.command)
        except ValueError:
            continue
        for word, following in zip(words, [*words[1:], ''], strict=True):
            if word.startswith('-I'):
                found[os.path.normpath(os.path.join(command.directory, word[2:] or following))] = None
    return list(found)


def _is_foreign(directory: str, build_dir: pathlib.Path, source_dir: pathlib.Path) -> bool:
    """Whether these are not headers of the project's authors."""
    path = pathlib.Path(os.path.realpath(directory))
    source, build = pathlib.Path(os.path.realpath(source_dir)), pathlib.Path(os.path.realpath(build_dir))
    if build == path or build in path.parents:
        return False
    if source == path or source in path.parents:
        return source / 'subprojects' in path.parents
    # The order of the directories of the compiler itself is not to be changed.
    return not (path / 'stdlib.h').exists()


def _write(own_dir: pathlib.Path, python: pathlib.Path) -> None:
    ours = directory(own_dir)
    ours.mkdir(parents=True, exist_ok=True)
    # A copy: the installed one is gone when an isolated build environment is.
    _write_file(own_dir / 'advice.h', (INCLUDE_DIRECTORY / 'mesonbuild_ft' / 'advice.h').read_text(encoding='utf-8'))
    # By its path, it is none of the headers of the system, in whose macros nothing is warned of.
    _write_file(ours / 'Python.h', f'#include "{(python / "Python.h").as_posix()}"\n#include "../advice.h"\n')
    for name in _OF_CYTHON:
        _write_file(ours / name, f'#include "{(python / name).as_posix()}"\n{_UNLESS_CYTHON}')


def _write_file(path: pathlib.Path, text: str) -> None:
    """Write a file, unless it says the same already: all would be compiled again for a newer one."""
    try:
        if path.read_text(encoding='utf-8') == text:
            return
    except OSError:
        pass
    path.write_text(text, encoding='utf-8')
