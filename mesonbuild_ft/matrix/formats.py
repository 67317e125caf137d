# SPDX-License-Identifier: MIT
"""The matrix in words: for people, or for what runs the jobs."""

from __future__ import annotations

from .jobs import Matrix


def text(matrix: Matrix, form: str, session: str) -> str:
    """The matrix in one of the formats. session: the name of the one of nox."""
    if form == 'github':
        from . import github
        return github.text(matrix)
    if form == 'gitlab':
        from . import gitlab
        return gitlab.text(matrix)
    if form == 'azure':
        from . import azure
        return azure.text(matrix)
    if form == 'cibuildwheel':
        from . import cibuildwheel
        return cibuildwheel.text(matrix)
    if form in ('nox', 'tox'):
        from . import nox_tox
        return nox_tox.tox(matrix) if form == 'tox' else nox_tox.nox(matrix, session)
    if form == 'json':
        from . import as_json
        return as_json.text(matrix)
    from . import table
    return table.text(matrix)
