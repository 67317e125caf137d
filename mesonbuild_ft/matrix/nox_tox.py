# SPDX-License-Identifier: MIT
"""The interpreters to test with, as nox and tox name what runs in them."""

from __future__ import annotations

from .jobs import Matrix


def nox(matrix: Matrix, session: str) -> str:
    """One session on each line, for `nox -s $(…)`: 'tests-3.14t'."""
    return ''.join(f'{session}-{one.request}\n' for one in matrix.interpreters)


def tox(matrix: Matrix) -> str:
    """One line, for `tox -e $(…)`: 'py314,py314t'."""
    return ','.join(one.tox for one in matrix.interpreters) + '\n'
