# SPDX-License-Identifier: MIT
"""What the pictures of docs/explanation show is what the headers of CPython and the text say."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest
import support
from conftest import Interpreters


sys.path.append(os.fspath(support.ROOT / 'tools'))

import pictures


@pytest.mark.parametrize('tag', [*support.GIL, *support.FREE_THREADED], ids=support.short)
def test_layout_is_that_of_the_headers(tag: str, interpreters: Interpreters, tmp_path: pathlib.Path) -> None:
    """The compiler says where each field is."""
    python = interpreters.get(tag)
    include = subprocess.run(
        [python, '-c', 'import sysconfig; print(sysconfig.get_path("include"))'], capture_output=True, text=True,
        check=True).stdout.strip()
    fields = pictures.LAYOUTS['free-threaded' if support.free_threaded(tag) else 'with the GIL']
    lines = ['#include <Python.h>', '#include <stddef.h>']
    for field in fields:
        if field.name == 'ob_flags' and tag == 'cp313-cp313t':
            continue  # it has no name there
        lines.append(f'_Static_assert(offsetof(PyModuleDef, {field.path}) == {field.offset}, "{field.name}");')
    source = tmp_path / 'layout.c'
    source.write_text('\n'.join(lines) + '\n')

    def compile_with(*flags: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ['cc', '-std=c11', '-fsyntax-only', '-I', include, *flags, source], capture_output=True, text=True,
            check=False)

    done = compile_with()
    assert done.returncode == 0, done.stderr
    source.write_text(source.read_text().replace('m_name) == ', 'm_name) == 8 + '))
    assert 'm_name' in compile_with().stderr


def test_decision_is_the_table() -> None:
    page = (support.ROOT / 'docs' / 'explanation' / 'decision.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\| (\d+) \| .* \| (.*) \| (.*) \|$', page, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, len(pictures.DECISION) + 1))
    for row, (_, built, tags) in zip(pictures.DECISION, rows, strict=True):
        assert built.startswith(row.result)
        assert not row.tag or f'`{row.tag}`' in tags


@pytest.mark.parametrize('name', list(pictures.PICTURES))
def test_well_formed_and_named(name: str) -> None:
    root = xml.etree.ElementTree.fromstring(pictures.PICTURES[name]())
    title = root.find('{http://www.w3.org/2000/svg}title')
    assert title is not None
    assert title.text
    # Nothing lies outside of the picture, or is cut off at its right or lower side.
    width, height = float(root.get('width', '')), float(root.get('height', ''))
    for box in root.iter('{http://www.w3.org/2000/svg}rect'):
        assert float(box.get('x', '0')) + float(box.get('width', '')) <= width
        assert float(box.get('y', '0')) + float(box.get('height', '')) <= height
