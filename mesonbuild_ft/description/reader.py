# SPDX-License-Identifier: MIT
"""What is known of a target interpreter that is not run: read from its files, nothing of it executed."""

from __future__ import annotations

import os
import pathlib
import re
import typing

from ..target import Target


class Description(typing.NamedTuple):
    """A target interpreter as its files describe it.

    target: with `description` set to the path that was read.
    python_info: what Meson's scripts/python_info.py would print in that interpreter, as JSON values. Paths are those
        where the files lie now, not those that were recorded when it was built. Left out of `variables` are LIBPC,
        since the pkg-config files there name recorded paths, the person's `userbase`, and on Windows VPATH, srcdir and
        py_version_nodot_plat, which no file tells.
    """

    target: Target
    python_info: typing.Mapping[str, typing.Any]


def read(path: pathlib.Path) -> Description:
    """The interpreter at a path, which is one of

    - a build-details.json (PEP 739), alone or in the tree that it describes;
    - the prefix directory of CPython for Windows, or its python.exe or python3XY.dll;
    - the prefix directory of CPython for Linux or macOS, or the root above usr, or its bin/python3, or its
      _sysconfigdata_*.py.

    Raises BuildRefused ('unreadable-target') where a file is missing, damaged or contradicts another one, and where
    there are several interpreters; 'unsupported-target' where it is one for Emscripten.
    """
    from .. import emscripten
    from . import build_details, posix, windows
    from .files import refused

    path = pathlib.Path(os.path.abspath(path))
    name = path.name.lower()
    if emscripten.is_one(path.parent if name == 'build-details.json' else path):
        raise emscripten.refusal(os.fspath(path))
    if path.is_file():
        if name.endswith('.json'):
            target, info = build_details.read(path)
        elif name.endswith(('.exe', '.dll')):
            target, info = windows.read(path.parent, path)
        elif re.fullmatch(r'_sysconfigdata.*\.py', name):
            target, info = posix.read(path.parent.parent.parent, data=path)
        elif re.fullmatch(r'(?:python|pypy)(?:3(?:\.\d+[a-z]*)?)?', name):
            target, info = posix.read(path.parent.parent, executable=path)
        else:
            raise refused('the file is none that tells of an interpreter', path)
    elif path.is_dir():
        if windows.looks_like_one(path):
            target, info = windows.read(path)
        else:
            target, info = posix.read(path)
    elif os.path.lexists(path) and path.parent.name == 'bin':
        # In a tree of another machine, a link to an absolute path leads nowhere, or to a Python of this machine.
        target, info = posix.read(path.parent.parent, executable=path)
    else:
        raise refused('there is no such file or directory', path)
    return Description(target, info)
