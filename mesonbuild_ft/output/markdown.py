# SPDX-License-Identifier: MIT
"""The result of `mesonbuild-ft check` in Markdown, for job summaries and release notes."""

from __future__ import annotations

import re
import typing

from ..check.checker import Checked
from . import summary, table


_MARKS: typing.Final = {'ok': '✅', 'hint': '💡', 'warning': '⚠️', 'error': '❌', 'unusable': '❌'}


def write(results: typing.Sequence[Checked], stream: typing.TextIO, *, verbose: bool = False) -> None:
    """Print a table, then the findings. verbose: also what each module is, and every finding of a kind."""
    shown = None if verbose else summary.SHOWN
    print('| | File | Modules | Python | GIL |\n|---|---|---:|---|---|', file=stream)
    for checked in results:
        cells = (f'{_MARKS[checked.verdict]} {checked.verdict}', _code(summary.title(checked)),
                 str(len(checked.modules)), _text(summary.pythons(checked)), summary.gil(checked))
        print(f'| {" | ".join(cells)} |', file=stream)
    for checked in results:
        if verbose and checked.modules:
            print(f'\nModules of {_code(summary.title(checked))}:\n', file=stream)
            for module in checked.modules:
                print(f'- {_text(table.describe(module, checked))}', file=stream)
    for checked in results:
        if checked.imports:
            print(f'\nImported from {_code(summary.title(checked))}:\n', file=stream)
        for line in summary.imports(checked):
            print(f'- {_text(line)}', file=stream)
    before = None
    found = summary.groups(results)
    for group in found:
        if (group.identifier, group.severity) != before:
            before = (group.identifier, group.severity)
            print(f'\n### {group.severity}: `{group.identifier}`\n', file=stream)
            for advice in list(dict.fromkeys(
                    text for other in found for text in other.advice
                    if (other.identifier, other.severity) == before))[:shown]:
                print(f'{_text(advice)}\n', file=stream)
        for line in group.lines(shown):
            print(f'- {_code(summary.title(group.checked))}: {_text(line)}', file=stream)
    print(f'\n{table.closing(results)}', file=stream)


def _code(text: str) -> str:
    """Text between backticks, safe in a table."""
    return f'`{summary.printable(text).replace("`", chr(39)).replace("|", chr(92) + "|")}`'


def _text(text: str) -> str:
    return re.sub(r'([\\`*_<>\[\]|#])', r'\\\1', summary.printable(text))
