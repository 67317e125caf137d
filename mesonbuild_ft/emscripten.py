# SPDX-License-Identifier: MIT
"""Emscripten, which Pyodide is compiled for: extension modules are built by pyodide-build, and this backend under it.

Modules have to be compiled by the Emscripten of the Pyodide release, with its flags and exports, or they crash in it.
pyodide-build brings all of that, and presents Pyodide as the running interpreter (`target.TOLD`).
"""

from __future__ import annotations

import pathlib
import typing

from .diagnostics import BuildRefused, refuse


SYSTEM: typing.Final = 'emscripten'
#: What lies in the directory of a Pyodide, in pyodide-build's cross-build environment, or in CPython's own build.
_FILES: typing.Final = (
    'pyodide-lock.json', 'dist/pyodide-lock.json', 'pyodide-root', '_sysconfigdata_*_emscripten_*.py',
    'sysconfigdata/_sysconfigdata_*_emscripten_*.py', 'lib/python3*/_sysconfigdata_*_emscripten_*.py')


def refusal(where: str) -> BuildRefused:
    """What to raise where a Python for Emscripten is named as the target."""
    return refuse(
        'unsupported-target', 'cross-compiling to Emscripten is not supported: the compiler, its flags and what a '
        'module exports have to be those of the Pyodide release', where=where,
        advice='Use pyodide-build, which brings them and runs this backend: pyodide build, or cibuildwheel --platform '
        'pyodide. Nothing else names the target then.')


def is_one(path: pathlib.Path) -> bool:
    """Whether this is the directory or the sysconfig data of a Python for Emscripten."""
    if path.is_dir():
        return any(next(path.glob(pattern), None) is not None for pattern in _FILES)
    return path.name.startswith('_sysconfigdata_') and f'_{SYSTEM}_' in path.name
