# SPDX-License-Identifier: MIT
"""A Python.h that is found in place of Python's own, includes it, and declares functions with advice (advice.h).

A forced include would not do: it comes before what a source defines for Python.h, and into sources that do not include
it. Meson puts the directories of dependencies before those of its options, so they are named by -isystem as well, which
makes GCC and Clang search them later ("the -I option is ignored"), and keeps them from warning in headers that the
project only uses, such as those of pybind11.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import typing

from ..headers import INCLUDE_DIRECTORY
from ..meson import objects, tools


#: Compilers (Meson's ids) that have the attributes, and -isystem.
COMPILERS: typing.Final = ('gcc', 'clang')
#: What advice must not turn into an error: warning -> since which version of GCC, which refuses those that it does not
#: know. The last two are said of memory of whose functions it has been told.
_NO_ERRORS: typing.Final = {
    'deprecated-declarations': 4, 'mismatched-dealloc': 11, 'free-nonheap-object': 11, 'use-after-free': 12}
#: The options that name a directory of headers; Meson's include_type: 'system' becomes the second.
_SEARCHED: typing.Final = re.compile('-I|-isystem|-idirafter')
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
    include_dir: str = '',
) -> list[str]:
    """The arguments of a compiler, with the files that they name written into own_dir.

    build_dir: configured without them. compiler: as Meson describes it. include_dir: of the target. [] where no source
    sees a Python.h, or the compiler cannot do it.
    """
    identifier = compiler.get('id', '')
    if identifier not in COMPILERS:
        return []
    searched = _include_directories(build_dir)
    having = [path for path in searched if os.path.isfile(os.path.join(path, 'Python.h'))]
    if not having:
        return []
    # Not that of another Python, whose directory is searched for something else.
    python = next((path for path in having if os.path.realpath(path) == os.path.realpath(include_dir)), having[0])
    _write(own_dir, pathlib.Path(python), is_system=searched[python])
    # The order of the directories of the compiler itself is not to be changed.
    foreign = [path for path, is_system in searched.items() if not is_system and (path == python or (
        is_foreign(path, build_dir, source_dir) and not os.path.exists(os.path.join(path, 'stdlib.h'))))]
    return [f'-I{directory(own_dir)}', *(f'-isystem{path}' for path in foreign),
            *(f'-Wno-error={name}' for name in _no_errors(identifier, compiler.get('version', '')))]


def _no_errors(identifier: str, version: str) -> list[str]:
    if identifier == 'clang':
        return ['deprecated-declarations']
    return [name for name, since in _NO_ERRORS.items() if tools.parse_version(version) >= (since,)]


def _include_directories(build_dir: pathlib.Path) -> dict[str, bool]:
    """Where the compilers of a configured build look for headers, in order, absolute; whether only as a system's."""
    found: dict[str, bool] = {}
    for command in objects.compile_commands(build_dir).values():
        try:
            words = objects.split(command.command)
        except ValueError:
            continue
        for word, following in zip(words, [*words[1:], ''], strict=True):
            option = _SEARCHED.match(word)
            if option is not None:
                path = os.path.normpath(os.path.join(command.directory, word[option.end():] or following))
                found[path] = found.get(path, True) and option[0] != '-I'
    return found


def is_foreign(path: str | os.PathLike[str], build_dir: pathlib.Path, source_dir: pathlib.Path) -> bool:
    """Whether this file or directory is none of the project's authors.

    In the directory of the project, subprojects and what is installed into a virtual environment are not theirs.
    """
    real = pathlib.Path(os.path.realpath(path))
    source, build = pathlib.Path(os.path.realpath(source_dir)), pathlib.Path(os.path.realpath(build_dir))
    if build == real or build in real.parents:
        return False
    if source != real and source not in real.parents:
        return True
    inside = real.relative_to(source)
    if source / _subproject_dir(build_dir) in real.parents or {'site-packages', 'dist-packages'} & set(inside.parts):
        return True
    return any((source / parent / 'pyvenv.cfg').is_file() for parent in (inside, *inside.parents[:-1]))


def _subproject_dir(build_dir: pathlib.Path) -> str:
    try:
        data = json.loads((build_dir / 'meson-info' / 'intro-projectinfo.json').read_text(encoding='utf-8'))
        return str(data['subproject_dir'])
    except (OSError, ValueError, KeyError, TypeError):
        return 'subprojects'


def _write(own_dir: pathlib.Path, python: pathlib.Path, is_system: bool) -> None:
    ours = directory(own_dir)
    ours.mkdir(parents=True, exist_ok=True)
    # A copy: the installed one is gone when an isolated build environment is.
    tools.write_changed(
        own_dir / 'advice.h', (INCLUDE_DIRECTORY / 'mesonbuild_ft' / 'advice.h').read_text(encoding='utf-8'))
    # By its path, it is none of the headers of the system, in whose macros nothing is warned of.
    including = f'#include "{(python / "Python.h").as_posix()}"\n'
    if is_system:
        # The project wants no warning of those.
        tools.write_changed(own_dir / 'system_python.h', f'#pragma GCC system_header\n{including}')
        including = '#include "../system_python.h"\n'
    tools.write_changed(ours / 'Python.h', f'{including}#include "../advice.h"\n')
    for name in _OF_CYTHON:
        tools.write_changed(ours / name, f'#include "{(python / name).as_posix()}"\n{_UNLESS_CYTHON}')
