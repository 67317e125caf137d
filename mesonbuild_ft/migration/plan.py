# SPDX-License-Identifier: MIT
"""What a migration comes to: new texts of files, why, and what is left to a person."""

from __future__ import annotations

import dataclasses
import re
import typing


class Note(typing.NamedTuple):
    """Something for a person to do or to know. place: 'setup.py:12', a file, or ''. line: what stands there, or ''.

    blocks: the project does not build before it is done.
    """

    place: str
    text: str
    line: str = ''
    blocks: bool = False


class Change(typing.NamedTuple):
    """A file to write. path: relative, with '/'. before: None where there is no such file."""

    path: str
    before: str | None
    after: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """origin: the backend that the project has now. changes: none where there is nothing to do.

    why: the reason of each thing that is written. kept_back: settings that are not proposed, and why.
    left: what a person has to do or decide.
    """

    origin: str
    changes: tuple[Change, ...] = ()
    why: tuple[str, ...] = ()
    kept_back: tuple[str, ...] = ()
    left: tuple[Note, ...] = ()


def find_line(text: str, pattern: str) -> int:
    """The number of the first line that the pattern is found in, counted from 1; 0 without any."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(pattern, line):
            return number
    return 0


def place(path: str, line: int) -> str:
    """'setup.py:12', as editors and compilers write it; only the path where the line is not known (0)."""
    return f'{path}:{line}' if line else path
