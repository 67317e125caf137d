# SPDX-License-Identifier: MIT
"""What a person sees of `mesonbuild-ft wheels`: while it runs, and at its end."""

from __future__ import annotations

import os
import re
import time
import typing

from .. import tags
from ..advice import findings
from ..diagnostics import Diagnostic
from ..inspection.outcome import Row
from ..inspection.output import listed
from ..output import table
from ..output.summary import plural, printable
from ..report import without_colour
from .build import Outcome
from .jobs import Job
from .log import ERROR


_HEADER: typing.Final = ('WHEEL', 'SIZE', 'SERVES', 'VERIFIED', 'IMPORTED', 'TIME')
_STYLES: typing.Final = {'error': 'bold red', 'warning': 'bold yellow', 'failed': 'bold red', 'unchanged': 'dim'}


class Lines:
    """A line for each step, as logs want it."""

    def __init__(self, stream: typing.TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def note(self, text: str) -> None:
        # One write: several builds may speak at once.
        self._stream.write(f'mesonbuild-ft: {printable(text)}\n')
        self._stream.flush()

    def stage(self, job: Job, what: str) -> None:
        # The rest takes moments.
        if what == 'building':
            self.note(f'{job.label}: building{_for_whom(job)}')

    def end(self, ended: Outcome) -> None:
        # What is unchanged and what failed is told at the end.
        if ended.state != 'unchanged':
            self.note(f'{ended.job.label}: {ended.state} ({ended.seconds:.1f} s)')


class Live:
    """A table that changes while builds run, by rich."""

    def __init__(self, stream: typing.TextIO) -> None:
        from rich.console import Console
        from rich.live import Live as Screen

        self._running: dict[str, tuple[Job, str, float]] = {}
        self._spinners: dict[str, typing.Any] = {}
        self._console = Console(file=stream, highlight=False)
        self._screen = Screen(get_renderable=self._draw, console=self._console, transient=True, refresh_per_second=10)

    def __enter__(self) -> Live:
        self._screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._screen.stop()

    def note(self, text: str) -> None:
        from rich.text import Text

        # It stays: some of it is nowhere else.
        self._console.print(Text(printable(text), 'dim'))

    def stage(self, job: Job, what: str) -> None:
        _, _, start = self._running.get(job.name, (job, '', time.monotonic()))
        self._running[job.name] = (job, what, start)

    def end(self, ended: Outcome) -> None:
        from rich.text import Text

        self._running.pop(ended.job.name, None)
        if ended.state != 'unchanged':
            mark, style = ('✗', 'red') if ended.state == 'failed' else ('✓', 'green')
            self._console.print(Text.assemble(
                (f'{mark} ', style), f'{ended.job.label} ', (f'{ended.state} in {ended.seconds:.1f} s', 'dim')))

    def _draw(self) -> typing.Any:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        if not self._running:
            grid.add_row(self._spinner(''), Text('preparing', 'dim'))
        for name, (job, what, start) in list(self._running.items()):
            grid.add_row(self._spinner(name), Text.assemble(
                f'{job.label} ', (f'{what}{_for_whom(job)}, {time.monotonic() - start:.0f} s', 'dim')))
        return grid

    def _spinner(self, name: str) -> typing.Any:
        from rich.spinner import Spinner

        # One for each, or they would begin anew with every picture.
        return self._spinners.setdefault(name, Spinner('dots', style='cyan'))


def progress(stream: typing.TextIO) -> Lines | Live:
    """What shows the progress on this stream."""
    return Live(stream) if stream.isatty() and table.wants_rich(stream) else Lines(stream)


def write(
    rows: typing.Sequence[Row], done: typing.Sequence[Outcome], project: str, output: str, stream: typing.TextIO,
) -> None:
    """Print what was found, the wheels, and what is missing. project: its name; output: the directory of wheels."""
    out = table.printer(stream)
    for finding, others in _alike(rows, done):
        out.line(0, f'{finding.severity}[{finding.identifier}]', _STYLES.get(finding.severity, ''))
        for line in finding.what.splitlines():
            out.line(2, printable(line))
        if finding.where:
            out.line(2, f'where: {printable(_short(finding.where))}')
        if others:
            out.line(2, f'the same for: {", ".join(others)}')
        if finding.advice:
            out.line(2, f'to do: {printable(finding.advice)}')
        out.line(0, '')
    if done:
        lines = [_HEADER, *(_line(ended) for ended in done)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
        styles = ['dim', *(_STYLES.get(ended.state, _STYLES.get(ended.verdict, '')) for ended in done)]
        narrow = out.width is not None and sum(widths) + 2 * (len(widths) - 1) > out.width
        for cells, style in zip(lines[narrow:], styles[narrow:], strict=True):
            if narrow:
                # Rows that are folded cannot be read: a line for the name, and one for the rest.
                out.line(0, cells[0], style)
                out.line(2, '  '.join(cell for cell in cells[1:] if cell), style)
                continue
            # Sizes and times are compared by their ends.
            padded = [cell.rjust(width) if column in (1, 5) else cell.ljust(width)
                      for column, (cell, width) in enumerate(zip(cells, widths, strict=True))]
            out.line(0, '  '.join(padded).rstrip(), style)
        out.line(0, '')
    out.line(0, closing(rows, done, output, _earlier(done, project, output)), 'bold')


def _earlier(done: typing.Sequence[Outcome], project: str, output: str) -> int:
    """How many wheels of the project lie there that are not of this run: `twine upload dist/*` takes them too."""
    own = {ended.path.name for ended in done if ended.path is not None and ended.state != 'failed'}
    try:
        names = set(os.listdir(output)) - own
    except OSError:
        return 0
    wanted = tags.normalized(project)
    return sum(name.endswith('.whl') and tags.normalized(name.partition('-')[0]) == wanted for name in names)


#: What names of modules end with: it tells interpreters apart, and nothing else.
_SUFFIX: typing.Final = re.compile(r'\.(?:cpython-|pypy|cp\d|abi3)[\w-]*(?=\.(?:so|pyd)\b)')


def _alike(rows: typing.Sequence[Row], done: typing.Sequence[Outcome]) -> list[tuple[Diagnostic, list[str]]]:
    """What was found, each fault once: (of one that has it, what to call the others that have it too)."""
    found: dict[Diagnostic, dict[str, Diagnostic]] = {}

    def add(finding: Diagnostic, what: str, label: str, *own: str) -> None:
        common = finding._replace(what=_SUFFIX.sub('', finding.what), where=_SUFFIX.sub('', finding.where))
        for text in own:
            common = common._replace(what=common.what.replace(text, ''), where=common.where.replace(text, ''))
        common = common._replace(what=_fault(common.what))
        found.setdefault(common, {}).setdefault(label, finding._replace(what=what))

    # Of sources, and so the same for several interpreters.
    advised = findings.grouped(
        finding for ended in done for finding in ended.findings if findings.is_advice(finding))
    for ended in done:
        for finding in ended.findings:
            if findings.is_advice(finding):
                continue
            add(finding, finding.what, ended.job.label, ended.job.name, ended.job.label,
                ended.job.builder.target.abi_tag)
    for row in rows:
        if row.state == 'refused':
            for finding in row.findings:
                add(finding, f'{row.found.short}: {finding.what}', row.found.short, row.found.target.name)
    result: list[tuple[Diagnostic, list[str]]] = [(each, []) for each in advised]
    for each in found.values():
        # What other ABIs have as well, another ABI does not help.
        shown = min(each, key=lambda label: '-Cabi=' in each[label].what)
        result.append((each[shown], [label for label in each if label != shown]))
    return result


def _fault(what: str) -> str:
    """What tells one fault from another. Where a compiler gives errors it is these.

    Beside them stand the headers of the interpreter, and what the build was for. Sources are compiled in any order.
    """
    lines = (without_colour(line).strip() for line in what.splitlines())
    return '\n'.join(sorted({line for line in lines if ERROR.search(line)})) or what


def closing(rows: typing.Sequence[Row], done: typing.Sequence[Outcome], output: str, earlier: int = 0) -> str:
    """'4 wheels in dist, 3 of them unchanged, beside 1 of earlier runs; 1 build failed; refused for 3.14t'."""
    whole = [ended for ended in done if ended.state != 'failed']
    unchanged = sum(ended.state == 'unchanged' for ended in whole)
    words = [f'{plural(len(whole), "wheel")} in {printable(_short(output))}']
    if unchanged:
        words[0] += f', {"all" if unchanged == len(whole) else f"{unchanged} of them"} unchanged'
    if earlier:
        words[0] += f', beside {earlier} of earlier runs'
    failed = len(done) - len(whole)
    if failed:
        words.append(f'{plural(failed, "build")} failed')
    refused = [row.found.short for row in rows if row.state == 'refused']
    if refused:
        words.append(f'refused for {listed(refused)}')
    return '; '.join(words)


def _line(ended: Outcome) -> tuple[str, ...]:
    label = ended.path.name if ended.path is not None and ended.state != 'failed' else ended.job.label
    size = _size(os.stat(ended.path).st_size) if ended.path is not None else ''
    verified = ended.verdict
    if ended.verdict in ('ok', 'hint'):
        verified = plural(ended.modules, 'module') if ended.modules else 'no modules'
    if ended.state == 'failed' and ended.path is None:
        verified = 'not built'
    took = 'unchanged' if ended.state == 'unchanged' else f'{ended.seconds:.1f} s'
    return label, size, listed(found.short for found in ended.serves) or ended.job.builder.short, verified, (
        _imports(ended)), took


def _imports(ended: Outcome) -> str:
    names = {found.path: found.short for found in ended.serves}
    by_problem: dict[str, list[str]] = {}
    for each in ended.imported:
        by_problem.setdefault(each.problem, []).append(names.get(each.interpreter, each.interpreter))
    everywhere = len(by_problem) == 1 and len(ended.imported) == len(ended.serves)
    words = []
    for problem, pythons in by_problem.items():
        where = 'in all' if everywhere else f'in {listed(pythons)}'
        words.append(f'{problem} {where}' if problem else where)
    return '; '.join(words)


def _for_whom(job: Job) -> str:
    return f' for {listed(found.short for found in job.serves)}' if job.serves else ''


def _size(size: int) -> str:
    return f'{size} B' if size < 10_000 else f'{size / 1000:.0f} kB' if size < 1_000_000 else f'{size / 1e6:.1f} MB'


def _short(path: str) -> str:
    """A path as seen from the current directory, where it is below that."""
    if not os.path.isabs(path):
        return path
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative

