# SPDX-License-Identifier: MIT
"""What a person sees: the difference as a patch on standard output, all words beside it on standard error."""

from __future__ import annotations

import difflib
import textwrap
import typing

from ..output import table as output_table
from ..output.summary import printable
from .plan import Change, Plan


_COLOURS: typing.Final = {'+': 'green', '-': 'red', '@': 'cyan'}
_WIDTH: typing.Final = 110


def unified(changes: typing.Iterable[Change]) -> str:
    """The changes as a patch that `git apply` and `patch -p1` take."""
    lines: list[str] = []
    for change in changes:
        for line in difflib.unified_diff(
                _lines(change.before or ''), _lines(change.after),
                '/dev/null' if change.before is None else f'a/{change.path}', f'b/{change.path}'):
            lines.append(line if line.endswith('\n') else f'{line}\n\\ No newline at end of file\n')
    return ''.join(lines)


def _lines(text: str) -> list[str]:
    """The lines as diff counts them: only a line feed ends one."""
    parts = text.split('\n')
    return [part + '\n' for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def show(plan: Plan, out: typing.TextIO, err: typing.TextIO) -> None:
    """Print the difference and what is said of it."""
    patch = unified(plan.changes)
    if output_table.wants_rich(out):
        from rich.console import Console
        from rich.text import Text

        console = Console(file=out, highlight=False, soft_wrap=True)
        for line in patch.splitlines():
            bold = line.startswith(('---', '+++'))
            console.print(Text(printable(line), style='bold' if bold else _COLOURS.get(line[:1], '')))
    else:
        # A patch has to be what it is, tabs and carriage returns among it.
        out.write(patch)
    out.flush()
    for line in ['', *words(plan)] if plan.changes else words(plan):
        err.write(f'{line}\n')
    err.flush()


def words(plan: Plan) -> list[str]:
    """The reasons, what is not proposed, and what is left, a line each."""
    lines: list[str] = []
    if plan.changes:
        lines.append(f'from {plan.origin} to mesonbuild-ft' if plan.origin != 'mesonbuild-ft' else 'settings')
        lines += _entries(plan.why)
    for title, blocks in (('left to you, before it builds', True), ('left to you', False)):
        notes = [note for note in plan.left if note.blocks is blocks]
        lines += ['', title] if notes and lines else [title] if notes else []
        for note in notes:
            head = f'{note.place}: {note.text}' if note.place else note.text
            lines += _entries([head])
            if note.line:
                lines.append(f'      {printable(note.line)[:_WIDTH]}')
    if plan.kept_back:
        lines += ['', 'not proposed'] if lines else ['not proposed']
        lines += _entries(plan.kept_back)
    return lines


def _entries(texts: typing.Iterable[str]) -> list[str]:
    return [textwrap.fill(printable(text), _WIDTH, initial_indent='  ', subsequent_indent='    ',
                          break_long_words=False, break_on_hyphens=False) for text in texts]
