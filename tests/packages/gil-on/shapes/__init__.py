# SPDX-License-Identifier: MIT
"""Four modules, none of which says that it does without the GIL."""

from . import circles, lines, points, solids


__all__ = ['circles', 'lines', 'points', 'solids']
