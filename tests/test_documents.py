# SPDX-License-Identifier: MIT
"""Pages that are followed step by step: files are written, commands are typed, and print what the page says."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
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


def with_ours(
    directory: pathlib.Path, interpreters: Interpreters, wheels: pathlib.Path,
) -> dict[str, str]:
    """The same, with mesonbuild-ft of this checkout installed already."""
    result = environment(directory, interpreters, wheels)
    ours = [os.fspath(interpreters.get('cp313-cp313')), '-P', '-m', 'mesonbuild_ft']
    result['PATH'] = os.fspath(documents.shims(directory / 'ours', {'mesonbuild-ft': ours})) + (
        os.pathsep + result['PATH'])
    return result


def test_landing_page(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    interpreters.get(support.PYPY)
    place = shutil.copytree(
        support.ROOT / 'examples' / 'greeting', tmp_path / 'greeting', ignore=shutil.ignore_patterns('build', 'dist'))
    page = DOCS / 'index.md'
    done, = documents.follow(page, place, with_ours(tmp_path, interpreters, all_wheels))
    assert done.status == 0
    # README.md shows the same.
    shown = re.search(r'^WHEEL .*?in dist$', page.read_text(encoding='utf-8'), re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert shown[0] in (support.ROOT / 'README.md').read_text(encoding='utf-8')


def test_gil(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """In a copy of the project that the page speaks of, with the mesonbuild-ft of this checkout."""
    place = support.copy_project('gil-on', tmp_path)
    done = documents.follow(DOCS / 'how-to' / 'gil.md', place, with_ours(tmp_path, interpreters, all_wheels))
    assert [one.command for one in done if one.status] == []
    assert len(done) == 14


def test_compile_time_advice(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    place = support.copy_project('advised', tmp_path)
    page = DOCS / 'how-to' / 'compile-time-advice.md'
    done = documents.follow(page, place, with_ours(tmp_path, interpreters, all_wheels))
    assert [one.command for one in done if one.status] == []
    first, second = done
    assert 'warning[' in first.printed
    assert 'warning[' not in second.printed
    # What the page says to write, and is in the project already.
    text = page.read_text(encoding='utf-8')
    assert re.findall(r'^```toml\n(.*?)^```$', text, re.M | re.S)[0] in (place / 'pyproject.toml').read_text()
    assert re.findall(r'^```c\n(.*?)^```$', text, re.M | re.S)[0] in (place / 'advised.h').read_text()
