# SPDX-License-Identifier: MIT
"""Real wheels of other people, of four platforms (tests/real/wheels.toml): nothing false is said of them."""

from __future__ import annotations

import collections
import os
import sys
import typing

import pytest
import support
from real import ground_truth

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker
from mesonbuild_ft.check.subjects import Options


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


WHEELS: typing.Final[list[dict[str, typing.Any]]] = [
    entry for entry in tomllib.loads(
        (support.ROOT / 'tests' / 'real' / 'wheels.toml').read_text(encoding='utf-8'))['wheel']
    if entry.get('ci') or os.environ.get('MESONBUILD_FT_FULL')]


@pytest.mark.parametrize('entry', WHEELS, ids=lambda entry: entry['file'].removesuffix('.whl'))
def test_real_wheel(entry: dict[str, typing.Any]) -> None:
    path = ground_truth.fetch(entry['file'], entry['sha256'])
    result, = checker.check([os.fspath(path)], scanner.load(), Options())
    assert sorted({f'{finding.severity} {finding.identifier}' for finding in result.found}) == entry['findings']
    assert result.modules
    if 'gil' in entry:
        assert collections.Counter(part.gil for module in result.modules for part in module.parts) == entry['gil']
