# SPDX-License-Identifier: MIT
"""The page of each diagnostic, which `mesonbuild-ft explain` prints: docs/reference/diagnostics/IDENTIFIER.md.

A wheel of mesonbuild-ft holds a copy beside this file, in `pages`.
"""

from __future__ import annotations

import os

from .diagnostics import IDENTIFIERS


def directory() -> str:
    """Where the pages lie: in an installed package, else in the source tree."""
    package = os.path.dirname(os.path.abspath(__file__))
    installed = os.path.join(package, 'pages')
    return installed if os.path.isdir(installed) else os.path.join(
        os.path.dirname(package), 'docs', 'reference', 'diagnostics')


def read(identifier: str) -> str | None:
    """The text of a page, without the comment at its top; None where there is no such identifier or page."""
    if identifier not in IDENTIFIERS:
        return None
    try:
        with open(os.path.join(directory(), f'{identifier}.md'), encoding='utf-8') as file:
            text = file.read()
    except OSError:
        return None
    return ''.join(line for line in text.splitlines(keepends=True) if not line.startswith('<!--')).lstrip('\n')
