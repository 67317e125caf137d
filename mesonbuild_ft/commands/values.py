# SPDX-License-Identifier: MIT
"""Values of arguments that several sub-commands take."""

from __future__ import annotations

import argparse


def number(text: str) -> int:
    """A number of 1 or more. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no number of 1 or more')
    return int(text)


def setting(text: str) -> tuple[str, str]:
    """KEY=VALUE. Raises ArgumentTypeError."""
    key, equals, value = text.partition('=')
    if not key or not equals:
        raise argparse.ArgumentTypeError(f'{text!r} is not KEY=VALUE')
    return key, value
