# SPDX-License-Identifier: MIT
"""The result of `mesonbuild-ft check` for people: a line for each file, then what was found.

rich draws it in colour where it is installed and the output is a terminal; else it is plain text.
"""

from __future__ import annotations

import os
import typing

from .. import tags
from . import summary
from .summary import plural, printable


if typing.TYPE_CHECKING:
    from ..check.checker import Checked
    from ..modules import Module


_STYLES: typing.Final = {
    'ok': 'green', 'hint': 'cyan', 'warning': 'bold yellow', 'error': 'bold red', 'unusable': 'bold red',
}
#: Columns of a terminal that a column of file names needs.
_NARROWEST_FILE: typing.Final = 40
_HEADER: typing.Final = ('VERDICT', 'MODULES', 'PYTHON', 'GIL', 'FILE')


def wants_rich(stream: typing.TextIO) -> bool:
    """Whether rich is installed and of use here; it decides on NO_COLOR itself."""
    if not (os.environ.get('FORCE_COLOR') or (stream.isatty() and os.environ.get('TERM') != 'dumb')):
        return False
    import importlib.util

    return importlib.util.find_spec('rich') is not None


def printer(stream: typing.TextIO) -> _Plain | _Rich:
    """What prints lines: with rich where that is of use."""
    return _Rich(stream) if wants_rich(stream) else _Plain(stream)


def write(results: typing.Sequence[Checked], stream: typing.TextIO, *, verbose: bool = False) -> None:
    """Print everything. verbose: also what each module is, and every finding of a kind."""
    out = printer(stream)
    out.table([
        (checked.verdict, str(len(checked.modules)), summary.pythons(checked), summary.gil(checked),
         summary.title(checked))
        for checked in results])
    for checked in results:
        if checked.modules and (verbose or checked.kind == 'module'):
            out.line(0, '')
            out.line(0, summary.title(checked), 'bold')
            for module in checked.modules:
                out.line(2, printable(describe(module, checked)))
    for checked in results:
        if checked.imports:
            out.line(0, '')
            out.line(0, f'imported from {summary.title(checked)}', 'bold')
            for line in summary.imports(checked):
                out.line(2, printable(line))
    _findings(results, out, verbose=verbose)
    out.line(0, '')
    out.line(0, closing(results))


def _findings(results: typing.Sequence[Checked], out: _Plain | _Rich, *, verbose: bool) -> None:
    found = summary.groups(results)
    for number, group in enumerate(found):
        before = found[number - 1] if number else None
        if before is None or (before.identifier, before.severity) != (group.identifier, group.severity):
            out.line(0, '')
            out.line(0, f'{group.severity}[{group.identifier}]', _STYLES[group.severity])
        if len(results) > 1:
            out.line(2, summary.title(group.checked), 'bold')
        for line in group.lines(None if verbose else summary.SHOWN):
            out.line(4 if len(results) > 1 else 2, printable(line))
        following = found[number + 1] if number + 1 < len(found) else None
        if following is None or (following.identifier, following.severity) != (group.identifier, group.severity):
            # Once for all files: the advice of all groups with this identifier.
            advice = dict.fromkeys(text for other in found for text in other.advice
                                   if (other.identifier, other.severity) == (group.identifier, group.severity))
            for text in list(advice)[:None if verbose else summary.SHOWN]:
                out.line(2, f'to do: {printable(text)}')


def describe(module: Module, checked: Checked) -> str:
    """One line on a module, with all that matters under the tags that it is judged by."""
    from .. import report
    from ..audit import stable_abi

    name = checked.name
    free_threaded = name is not None and bool(summary.gil(checked))
    words = report.describe(module, free_threaded=free_threaded)
    if not module.parts:
        return words
    if free_threaded:
        evidence = dict.fromkeys(part.gil_evidence for part in module.parts if part.gil == 'unknown')
        words += ''.join(f' ({text})' for text in evidence if text)
    floor = stable_abi.floor_of(module)
    if floor is not None and name is not None and 'abi3' in name.abi.split('.'):
        words += f', symbols of abi3 {tags.version_text(floor)}'
    words += ''.join(f', {text}' for text in dict.fromkeys(
        part.abi_info.words for part in module.parts if part.abi_info is not None))
    frameworks = dict.fromkeys(part.framework for part in module.parts if part.framework)
    return ', '.join([words, *frameworks, ' and '.join(dict.fromkeys(part.machine for part in module.parts))])


def closing(results: typing.Sequence[Checked]) -> str:
    """The last line: '12 checked, 40 modules: 10 ok, 1 with warnings, 1 with errors'."""
    numbers = summary.count(results)
    words = [f'{numbers[verdict]} {text}' for verdict, text in (
        ('ok', 'ok'), ('hint', 'with hints'), ('warning', 'with warnings'), ('error', 'with errors'),
        ('unusable', 'unusable')) if numbers[verdict]]
    line = f'{numbers["checked"]} checked, {plural(numbers["modules"], "module")}: {", ".join(words) or "nothing"}.'
    identifiers = list(dict.fromkeys(group.identifier for group in summary.groups(results)))
    if identifiers:
        line += f' `mesonbuild-ft explain {identifiers[0] if len(identifiers) == 1 else "ID"}` tells more.'
    return line


class _Plain:
    #: Of lines: as long as they are.
    width: int | None = None

    def __init__(self, stream: typing.TextIO) -> None:
        self._stream = stream

    def table(self, rows: typing.Sequence[tuple[str, ...]]) -> None:
        rows = [_HEADER, *rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER) - 1)]
        kept = [column for column, width in enumerate(widths) if any(row[column] for row in rows[1:])]
        for row in rows:
            cells = [row[c].rjust(widths[c]) if c == 1 else row[c].ljust(widths[c]) for c in kept]
            print('  '.join([*cells, row[-1]]), file=self._stream)

    def line(self, indent: int, text: str, style: str = '') -> None:
        print(f'{" " * indent}{text}' if text else '', file=self._stream)


class _Rich:
    def __init__(self, stream: typing.TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)

    @property
    def width(self) -> int | None:
        """Columns of the terminal."""
        return self._console.width

    def table(self, rows: typing.Sequence[tuple[str, ...]]) -> None:
        from rich.table import Table
        from rich.text import Text

        last = len(_HEADER) - 1
        kept = [c for c in range(last) if any(row[c] for row in rows)]
        widths = [max(len(row[c]) for row in [_HEADER, *rows]) for c in kept]
        styles = [{0: _STYLES[row[0]], 3: 'yellow' if row[3] != 'stays off' else ''} for row in rows]
        room = self._console.width - sum(widths) - 2 * len(widths)
        if room < min(_NARROWEST_FILE, max(len(row[last]) for row in [_HEADER, *rows])):
            # Names are told apart by their ends: they get lines of their own.
            for row, style in zip(rows, styles, strict=True):
                cells = [Text(plural(int(row[c]), 'module') if c == 1 else row[c], style.get(c, ''))
                         for c in kept if row[c]]
                self._console.print(Text('  ').join(cells))
                self.line(2, row[last])
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style='dim')
        for column, width in zip(kept, widths, strict=True):
            table.add_column(_HEADER[column], justify='right' if column == 1 else 'left', no_wrap=True, width=width)
        table.add_column(_HEADER[last], overflow='fold')
        for row, style in zip(rows, styles, strict=True):
            table.add_row(*(Text(row[c], style.get(c, '')) for c in [*kept, last]))
        self._console.print(table)

    def line(self, indent: int, text: str, style: str = '') -> None:
        from rich.padding import Padding
        from rich.text import Text

        self._console.print(Padding(Text(text, style, overflow='fold'), (0, 0, 0, indent)))
