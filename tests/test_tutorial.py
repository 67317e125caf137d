# SPDX-License-Identifier: MIT
"""The tutorial, followed step by step: every file is written, every command is typed, and prints what the page says."""

from __future__ import annotations

import os
import pathlib
import sys

import documents
import support
from conftest import Interpreters


DOCS = support.ROOT / 'docs'


def environment(directory: pathlib.Path, interpreters: Interpreters, wheels: pathlib.Path) -> dict[str, str]:
    """All interpreters of these tests, mesonbuild-ft where PyPI will have it, and caches of its own."""
    pythons = {f'python{tag[2]}.{tag.split("-")[1][3:]}': [os.fspath(interpreters.get(tag))]
               for tag in (support.OLDEST, *support.GIL, *support.FREE_THREADED)}
    pythons['python3'] = pythons['python3.13']
    path = documents.shims(directory / 'bin', pythons)
    result = support.clean_environment(
        path / 'python3', PIP_FIND_LINKS=os.fspath(wheels), UV_FIND_LINKS=os.fspath(wheels),
        PIP_DISABLE_PIP_VERSION_CHECK='1', XDG_CACHE_HOME=os.fspath(directory / 'cache'),
        UV_CACHE_DIR=os.fspath(directory / 'uv'), UV_PYTHON_DOWNLOADS='never')
    result['PATH'] += os.pathsep + os.path.dirname(sys.executable)
    return result


def test_first_wheels(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    interpreters.get(support.PYPY)
    place = tmp_path / 'reader'
    place.mkdir()
    done = documents.follow(
        DOCS / 'tutorial' / 'first-wheels.md', place, environment(tmp_path, interpreters, all_wheels))
    assert [one for one in done if one.status] == []
    assert len(done) == 14
