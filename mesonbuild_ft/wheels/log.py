# SPDX-License-Identifier: MIT
"""What the log of a build tells of its failure."""

from __future__ import annotations

import os
import pathlib
import re
import typing

from ..diagnostics import Diagnostic
from ..report import without_colour


#: Lines of a log that are shown of what a compiler said, or of its end where nobody says what is wrong.
_SHOWN: typing.Final = 15
#: An error of a compiler at a line of a source, as GCC and Clang write it, or MSVC.
ERROR: typing.Final = re.compile(r'(?::\d+(?::\d+)?: (?:fatal )?error: |\(\d+(?:,\d+)?\) ?: (?:fatal )?error[ :])')


def failure(what: str, status: int, log: pathlib.Path) -> Diagnostic:
    """What to say of a hook that failed. what: failed, in words. status: of its process."""
    try:
        said = telling(log.read_text(encoding='utf-8', errors='replace').splitlines())
    except OSError:
        said = []
    how = f'it was ended by signal {-status}' if status < 0 else f'it ended with status {status}'
    return Diagnostic(
        'wheel-not-built', 'error', '\n    '.join([f'{what}: {how}', *said]), where=os.fspath(log),
        advice='Correct what is said above; the log has the rest.')


def telling(lines: typing.Sequence[str]) -> list[str]:
    """The lines of a log that tell why a build failed: the first command that failed, and what the backend says."""
    end = next((index for index, line in enumerate(lines) if line.startswith('mesonbuild-ft: error[')), len(lines))
    begin = next((index for index, line in enumerate(lines[:end]) if line.startswith('FAILED: ')), end)
    # The command itself is long, and in the log.
    output = [line for line in lines[begin + 2:end] if not line.startswith(('ninja: ', '['))]
    if begin == end == len(lines):
        return list(lines[-_SHOWN:])
    # Warnings may come first, many of them; the line before an error says in which function it is.
    first = next((index for index, line in enumerate(output) if ERROR.search(without_colour(line))), 0)
    if first and re.search(r': In .*:$', without_colour(output[first - 1])):
        first -= 1
    return [*lines[begin:min(begin + 1, end)], *output[first:first + _SHOWN], *lines[end:]]
