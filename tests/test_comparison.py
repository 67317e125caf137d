# SPDX-License-Identifier: MIT
"""The table that compares tools is what they do: ours always, and the others with MESONBUILD_FT_FULL=1."""

from __future__ import annotations

import json
import os
import pathlib
import typing

import pytest
import support
from conftest import Interpreters
from real import comparison


BUILDS: typing.Final[dict[str, typing.Any]] = json.loads(comparison.RESULTS.read_text(encoding='utf-8'))['builds']
#: Of the others, what is told of them and takes a second.
QUICK: typing.Final = (
    ('meson-python', 'correct', 'cp312-cp312'), ('meson-python', 'abi3-only', 'cp314-cp314t'),
    ('meson-python', 'define-by-hand', 'cp314-cp314t'))
CASES: typing.Final = [
    (tool, variant, tag) for tool, variants in BUILDS.items() for variant, rows in variants.items() for tag in rows
    if tool == comparison.OURS or (tool, variant, tag) in QUICK or os.environ.get('MESONBUILD_FT_FULL')]


def test_all_is_recorded() -> None:
    """Each way to write the project, with each tool that can be written like it and each interpreter."""
    assert {(tool, name): list(rows) for tool, variants in BUILDS.items() for name, rows in variants.items()} == {
        (tool, name): list(variant.tags) for name, variant in comparison.VARIANTS.items() for tool in variant.changes}


@pytest.mark.parametrize(('tool', 'variant', 'tag'), CASES, ids=[
    f'{tool}-{variant}-{support.short(tag)}' for tool, variant, tag in CASES])
def test_as_recorded(
    tool: str, variant: str, tag: str, interpreters: Interpreters, tmp_path: pathlib.Path,
) -> None:
    interpreters.get(tag)
    recorded = BUILDS[tool][variant][tag]
    made = comparison.build(tool, variant, tag, tmp_path)
    assert (made['wheel'], made['said']) == (recorded['wheel'], recorded['said'])
    here = {python: what for python, what in recorded['imports'].items()
            if python in made['imports'] or os.environ.get('CI')}
    assert made['imports'] == here
    if recorded['wheel']:
        assert made['imports'], 'no interpreter of this machine takes the wheel'
