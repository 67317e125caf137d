# SPDX-License-Identifier: MIT
"""How a sub-command ends."""

from __future__ import annotations

import typing


if typing.TYPE_CHECKING:
    from ..diagnostics import BuildRefused

#: Exit status: nothing to complain about; findings, in `check` at or above --fail-on; input that cannot be judged.
CLEAN, FINDINGS, UNUSABLE = 0, 1, 2


def refused(error: BuildRefused, status: int = UNUSABLE) -> int:
    """Show why; returns the status."""
    from .. import report

    report.show(error.diagnostics)
    return status
