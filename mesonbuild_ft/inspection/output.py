# SPDX-License-Identifier: MIT
"""The result of `mesonbuild-ft inspect`: for people, the wheels first; and as JSON.

docs/reference/inspect.schema.json describes the latter.
"""

from __future__ import annotations

import json
import os
import re
import typing

from .. import tags
from ..diagnostics import Diagnostic
from ..output import table
from ..output.summary import plural, printable
from . import outcome
from .outcome import Found, Project, Row, Yielded


#: Raised when a field changes its meaning or goes away, not when one is added.
SCHEMA_VERSION: typing.Final = 1
_SEVERITY_STYLES: typing.Final = {'hint': 'cyan', 'warning': 'bold yellow', 'error': 'bold red'}

#: Columns of a terminal for the end of a path, at least.
_NARROWEST_PATH: typing.Final = 20
_PATH: typing.Final = 'FOUND AT'


class _Printer(typing.Protocol):
    @property
    def width(self) -> int | None: ...

    def line(self, indent: int, text: str, style: str = '') -> None: ...


def write(
    found: typing.Sequence[Found], rows: typing.Sequence[Row], project: Project | None,
    findings: typing.Sequence[Diagnostic], stream: typing.TextIO,
) -> None:
    """Print it for people. rows: empty outside of a project. findings: on what was named."""
    out = table.printer(stream)
    if not found and findings:
        _findings(out, [('', finding) for finding in findings], after=False)
        return
    if project is None:
        _table(out, ('PYTHON', 'GIL', 'TAG', 'PLATFORM', _PATH), [
            ((_name(item), _gil(item), item.tag, item.target.platform, _path(item)), '') for item in found])
        _findings(out, [('', finding) for finding in findings])
        return
    yielded = outcome.wheels(rows)
    out.line(0, closing(rows, yielded, project), 'bold')
    if yielded:
        out.line(0, '')
        _table(out, ('WHEEL', 'BUILT BY', 'SERVES'), [
            ((each.wheel.label, _builders(each.built_by), _names(each.serves)), 'green') for each in yielded])
    out.line(0, '')
    platforms = len({row.found.target.platform for row in rows}) > 1
    header = ('PYTHON', 'GIL', *(['PLATFORM'] if platforms else []), 'BUILDS', _PATH)
    styles = {'refused': 'red', 'undecided': 'yellow', 'excluded': 'dim'}
    _table(out, header, [
        ((_name(row.found), _gil(row.found), *([row.found.target.platform] if platforms else []),
          _builds(row, yielded), _path(row.found)), styles.get(row.state, ''))
        for row in rows])
    for title, lines in _reasons(rows):
        out.line(0, '')
        out.line(0, title, 'bold')
        for text in lines:
            out.line(2, printable(text))
    _findings(out, [('', finding) for finding in findings] + [
        (_names(group), finding) for finding, group in _by_finding(rows)])


def closing(rows: typing.Sequence[Row], yielded: typing.Sequence[Yielded], project: Project) -> str:
    """'greeting: 4 wheels serve 9 of 10 interpreters; for 1, the build is refused'."""
    served = [row for row in rows if outcome.installed(row, yielded)]
    number = len(yielded)
    text = (f'{plural(number, "wheel")} {"serves" if number == 1 else "serve"} '
            f'{len(served)} of {plural(len(rows), "interpreter")}')
    undecided = sum(row.state == 'undecided' for row in rows)
    refused = sum(row.state == 'refused' for row in rows)
    if undecided:
        text += f'; for {undecided}, meson setup decides'
    if refused:
        text += f'; for {refused}, the build is refused'
    return f'{printable(project.name)}: {text}'


def _table(out: _Printer, header: tuple[str, ...], lines: typing.Sequence[tuple[tuple[str, ...], str]]) -> None:
    cells = [header, *(tuple(map(printable, cell)) for cell, _ in lines)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header) - 1)]
    room = out.width - sum(widths) - 2 * len(widths) if out.width and header[-1] == _PATH else 0
    for row, style in zip(cells, ['dim', *(style for _, style in lines)], strict=True):
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        last = row[-1]
        if len(last) > room >= _NARROWEST_PATH:
            # Paths are told apart by their ends; JSON has them in full.
            last = f'…{last[1 - room:]}'
        out.line(0, '  '.join([*padded, last]).rstrip(), style)


def _reasons(rows: typing.Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Why, once for all interpreters for which it is the same."""
    groups: dict[tuple[typing.Any, ...], list[Row]] = {}
    for row in rows:
        if row.state != 'refused':
            # Of those the findings tell.
            groups.setdefault((row.state, row.reasons, row.meson_options, row.flags), []).append(row)
    result = []
    # For many first, as above; what is left out last.
    order = ('built', 'undecided', 'excluded')
    for (state, reasons, options, flags), group in sorted(
            groups.items(), key=lambda item: (order.index(item[0][0]), -len(item[1]))):
        built = list(dict.fromkeys(f'{row.wheel.python}-{row.wheel.abi}' for row in group if row.wheel is not None))
        outcome = {'built': built[0] if len(built) == 1 else 'a wheel for each', 'undecided': 'not decided yet',
                   'excluded': 'not built'}[state]
        lines = list(reasons)
        if options:
            lines.append(f'Meson: {" ".join(options)}')
        if flags:
            lines.append(f'compilers: {" ".join(flags)}')
        result.append((f'{_names(group)}: {outcome}', lines))
    return result


def _by_finding(rows: typing.Sequence[Row]) -> list[tuple[Diagnostic, list[Row]]]:
    found: dict[tuple[str, str], tuple[Diagnostic, list[Row]]] = {}
    for row in rows:
        for finding in row.findings:
            # What differs from one interpreter to the other is its tag.
            key = (finding.identifier, finding.what.replace(row.found.target.abi_tag, ''))
            found.setdefault(key, (finding, []))[1].append(row)
    return list(found.values())


def _findings(out: _Printer, findings: typing.Sequence[tuple[str, Diagnostic]], *, after: bool = True) -> None:
    for number, (names, finding) in enumerate(findings):
        if number or after:
            out.line(0, '')
        out.line(0, f'{finding.severity}[{finding.identifier}]', _SEVERITY_STYLES[finding.severity])
        out.line(2, printable(f'{names}: {finding.what}' if names else finding.what))
        if finding.where:
            out.line(2, printable(f'where: {finding.where}'))
        if finding.advice:
            out.line(2, printable(f'to do: {finding.advice}'))


def _builds(row: Row, yielded: typing.Sequence[Yielded]) -> str:
    if row.wheel is not None:
        return f'{row.wheel.python}-{row.wheel.abi}'
    if row.state == 'excluded':
        wheel = outcome.installed(row, yielded)
        return f'takes {wheel.python}-{wheel.abi}' if wheel is not None else 'not built'
    return {'undecided': 'decided at meson setup', 'refused': 'refused'}[row.state]


def _names(rows: typing.Iterable[Row]) -> str:
    """'3.10 to 3.13, 3.14t, PyPy 3.11', each once."""
    return listed(row.found.short for row in rows)


def _builders(rows: typing.Iterable[Row]) -> str:
    """'3.13, 3.14, for 3.15': the last is a target that does not run here."""
    rows = list(rows)
    others = listed(row.found.short for row in rows if not row.found.runs)
    return ', '.join(filter(None, [
        listed(row.found.short for row in rows if row.found.runs), f'for {others}' if others else '']))


def listed(names: typing.Iterable[str]) -> str:
    """The names, three or more versions that follow one another as a range."""
    runs: list[list[str]] = []
    for name in dict.fromkeys(names):
        last = re.fullmatch(r'3\.(\d+)', runs[-1][-1]) if runs else None
        if last is not None and name == f'3.{int(last[1]) + 1}':
            runs[-1].append(name)
        else:
            runs.append([name])
    return ', '.join(f'{run[0]} to {run[-1]}' if len(run) > 2 else ', '.join(run) for run in runs)


def _name(found: Found) -> str:
    """'CPython 3.15.0rc2': the GIL has a column of its own."""
    return found.target.name.replace(' free-threaded', '')


def _gil(found: Found) -> str:
    return 'free-threaded' if found.target.free_threaded else 'GIL'


def _path(found: Found) -> str:
    home = os.path.expanduser('~')
    if len(home) > 1 and found.path.startswith(home + os.sep):
        return '~' + found.path[len(home):]
    return found.path


def write_json(
    found: typing.Sequence[Found], rows: typing.Sequence[Row], project: Project | None,
    findings: typing.Sequence[Diagnostic], stream: typing.TextIO, *, version: str, exit_status: int,
) -> None:
    """Print one object. version: of mesonbuild-ft."""
    yielded = outcome.wheels(rows)
    row_of = {id(row.found): row for row in rows}
    json.dump({
        'schema_version': SCHEMA_VERSION,
        'tool': {'name': 'mesonbuild-ft', 'version': version},
        'exit_status': exit_status,
        'project': None if project is None else _project(project),
        'summary': {
            'interpreters': len(found), 'wheels': len(yielded),
            'served': sum(outcome.installed(row, yielded) is not None for row in rows),
            **{state: sum(row.state == state for row in rows)
               for state in ('built', 'undecided', 'refused', 'excluded')}},
        'wheels': [{
            'tag': each.wheel.tag, **each.wheel._asdict(),
            'built_by': [row.found.path for row in each.built_by],
            'serves': [row.found.path for row in each.serves],
        } for each in yielded],
        'interpreters': [{
            **_interpreter(item),
            'build': None if project is None else _build(row_of[id(item)], yielded),
        } for item in found],
        'findings': [finding._asdict() for finding in findings],
    }, stream, indent=1)
    stream.write('\n')


def _project(project: Project) -> dict[str, typing.Any]:
    settings = project.settings
    return {
        'name': project.name, 'directory': os.fspath(settings.source_dir), 'limited_api': settings.limited_api,
        'abi3t': settings.project.abi3t, 'abi': settings.abi,
        'modules': [{
            'name': module.name,
            'limited_api': None if module.limited_api is None else tags.version_text(module.limited_api),
            'installed': module.installed, 'conditional': not module.certain, 'problem': module.problem,
        } for module in project.floors.modules],
        'unknown': project.floors.why_unknown,
    }


def _interpreter(found: Found) -> dict[str, typing.Any]:
    target = found.target
    return {
        'path': found.path, 'runs': found.runs, 'name': target.name, 'implementation': target.implementation,
        'version': '.'.join(map(str, target.version)), 'release_level': target.release_level,
        'release_serial': target.release_serial, 'free_threaded': target.free_threaded, 'debug': target.debug,
        'platform': target.platform, 'libc': target.libc, 'python_tag': found.tag,
    }


def _build(row: Row, yielded: typing.Sequence[Yielded]) -> dict[str, typing.Any]:
    wheel = outcome.installed(row, yielded)
    return {
        'state': row.state, 'abi': row.plan.abi if row.plan is not None else None,
        'wheel': row.wheel.tag if row.wheel is not None else None,
        'installs': wheel.tag if wheel is not None else None,
        'reasons': row.reasons, 'meson_options': row.meson_options, 'compiler_flags': row.flags,
        'findings': [finding._asdict() for finding in row.findings],
    }
