# SPDX-License-Identifier: MIT
"""The tables of docs/explanation/comparison.md, from what tests/real/comparison.py recorded."""

from __future__ import annotations

import json
import pathlib
import re
import typing


ROOT: typing.Final = pathlib.Path(__file__).resolve().parent.parent
RESULTS: typing.Final = ROOT / 'tests' / 'real' / 'comparison' / 'results.json'
PAGE: typing.Final = ROOT / 'docs' / 'explanation' / 'comparison.md'

PYTHONS: typing.Final = {
    'cp312-cp312': '3.12', 'cp313-cp313t': '3.13t', 'cp314-cp314t': '3.14t', 'cp315-cp315': '3.15',
    'cp315-cp315t': '3.15t'}
#: Variant and interpreter -> head of the column.
MISTAKES: typing.Final = {
    ('no-gil-slot', 'cp314-cp314t'): 'no `Py_mod_gil`, 3.14t',
    ('no-gil-slot', 'cp315-cp315t'): 'the same, 3.15t',
    ('symbol-too-new', 'cp312-cp312'): 'function of 3.13, 3.12',
    ('returns-none', 'cp312-cp312'): '`Py_RETURN_NONE`, 3.12',
    ('define-by-hand', 'cp314-cp314t'): '`-DPy_LIMITED_API`, 3.14t'}
CHECKERS: typing.Final = ('mesonbuild-ft check', 'abi3audit', 'abi3t-doctor')
#: Wheel that is checked: who built it, from which variant, with what; and whether it is right.
WHEELS: typing.Final = {
    'correct, `cp39-abi3`': ('setuptools', 'correct', 'cp312-cp312', True),
    'correct, `cp314-cp314t`': ('setuptools', 'correct', 'cp314-cp314t', True),
    'correct, `cp315-abi3.abi3t`': ('setuptools', 'correct', 'cp315-cp315t', True),
    '`cp39-abi3` of 3.15, whose module 3.9 to 3.14 do not find': ('setuptools', 'correct', 'cp315-cp315', False),
    'function of 3.13 in `cp39-abi3`': ('setuptools', 'symbol-too-new', 'cp312-cp312', False),
    'no `Py_mod_gil`, `cp314-cp314t`': ('setuptools', 'no-gil-slot', 'cp314-cp314t', False),
    'no `Py_mod_gil`, `cp315-abi3.abi3t`': ('setuptools', 'no-gil-slot', 'cp315-cp315t', False),
    '`WHEEL` has one `Tag` line for two ABIs': ('meson-python', 'correct', 'cp315-cp315t', False)}

_NOTE: typing.Final = re.compile(r'\{(.*?)\}')

Row = dict[str, typing.Any]


def page() -> str:
    """The page, with the tables as the results are now."""
    text = PAGE.read_text(encoding='utf-8')
    results = json.loads(RESULTS.read_text(encoding='utf-8'))
    for name, write in (('versions', versions), ('lines', lines), ('wheels', wheels), ('old', old),
                        ('mistakes', mistakes), ('checkers', checkers), ('cibuildwheel', cibuildwheel)):
        text, number = re.subn(
            rf'(<!-- {name} -->\n).*?(<!-- end -->)', lambda match: match[1] + table(write(results)) + match[2],  # noqa: B023
            text, flags=re.DOTALL)
        if number != 1:
            raise SystemExit(f'{PAGE.name} has {number} places for {name}')
    return text


def table(rows: list[list[str]] | str) -> str:
    """Markdown of a table, its first row being the head; or of a paragraph. {…} in a cell becomes a note below it."""
    if isinstance(rows, str):
        return f'{rows}\n'
    notes: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f'({notes.setdefault(match[1], len(notes) + 1)})'

    head, *rest = [
        '| ' + ' | '.join(_NOTE.sub(number, cell.replace('|', '\\|')) for cell in row) + ' |' for row in rows]
    lines = ['', head, '|' + '---|' * len(rows[0]), *rest, '']
    lines += [f'{number}. {note}' for note, number in notes.items()]
    return '\n'.join([*lines, *([''] if notes else [])]) + '\n'


def versions(results: Row) -> str:
    """Which versions were run."""
    named = {**results['versions'], 'PyO3': results['builds']['maturin']['correct']['cp312-cp312']['pyo3']}
    programs = ', '.join(f'{name} {version}' for name, version in named.items())
    pythons = ', '.join(
        version + ('t' if python.endswith('t') else '') for python, version in results['pythons'].items())
    return (f'{results["machine"]}; {programs}. Built with CPython {pythons}; imported in those and in 3.9 to 3.14 '
            'with the GIL.')


def lines(results: Row) -> list[list[str]]:
    """How much each project is."""
    rows = [['Tool', 'Files, with their lines', 'Together']]
    for tool, files in results['lines'].items():
        own = {name: number for name, number in files.items() if not name.startswith('src/')}
        note = ('{for 3.13t and 3.14t whoever builds has to say '
                '`-Csetup-args=-Dpython.allow_limited_api=false` as well}' if tool == 'meson-python' else '')
        rows.append([_name(tool), ', '.join(f'`{name}` {number}' for name, number in own.items()),
                     f'{sum(own.values())} {note}'.strip()])
    return rows


def wheels(results: Row) -> list[list[str]]:
    """What the correct project gives."""
    return [['Tool', *PYTHONS.values()], *(
        [_name(tool), *(_cell(rows['correct'][tag]) for tag in PYTHONS)] for tool, rows in results['builds'].items())]


def old(results: Row) -> list[list[str]]:
    """What a project gives that says nothing of free-threaded Pythons."""
    tags = ('cp314-cp314t', 'cp315-cp315t')
    return [['Tool', *(PYTHONS[tag] for tag in tags)], *(
        [_name(tool), *(_cell(rows['abi3-only'][tag]) for tag in tags)] for tool, rows in results['builds'].items())]


def mistakes(results: Row) -> list[list[str]]:
    """What comes of mistakes."""
    return [['Tool', *MISTAKES.values()], *(
        [_name(tool), *(_cell(rows.get(variant, {}).get(tag), rows['correct'][tag]) for variant, tag in MISTAKES)]
        for tool, rows in results['builds'].items())]


def checkers(results: Row) -> list[list[str]]:
    """What programs say that check finished wheels."""
    rows = [['Wheel', *CHECKERS]]
    false_alarms = set()  # (checker, tags): what follows says nothing
    for about, (tool, variant, tag, right) in WHEELS.items():
        row = results['builds'][tool][variant][tag]
        cells = []
        for name in CHECKERS:
            if name not in row['checks']:
                cells.append('not for it')
            elif not row['checks'][name]:
                cells.append('passes' if right else '**passes**')
            elif right:
                cells.append('**false alarm**')
                false_alarms.add((name, row['wheel']))
            else:
                cells.append('the same false alarm' if (name, row['wheel']) in false_alarms else 'found')
        rows.append([about, *cells])
    return rows


def cibuildwheel(results: Row) -> list[list[str]]:
    """What each build of cibuildwheel does."""
    return [['Build', 'What it does'], *(
        [f'`{name}`', ' `'.join(what.split(' ', 1)) + '`'] for name, what in results['cibuildwheel'].items())]


def _name(tool: str) -> str:
    """Of one piece."""
    return tool.replace('-', '&#8209;')


def _cell(row: Row | None, correct: Row | None = None) -> str:
    """What came of one build; what is said of the correct project as well is left out."""
    if row is None:
        return 'cannot be written'
    said = _short(row['said'][0]) if row['said'] and not (correct and correct['said'] == row['said']) else ''
    if not row['wheel']:
        return f'no wheel {{{said}}}'
    text = f'`{row["wheel"]}`' + (f' {{{said}}}' if said else '')
    failed = [python for python, what in row['imports'].items() if what not in ('', 'on', 'off')]
    on = [python for python, what in row['imports'].items() if what == 'on']
    if failed:
        error = _short(row['imports'][failed[0]])
        what = 'ends' if error.startswith('Fatal Python error') else 'not imported by'
        text += f', **{what} {failed[0]}' + (f' to {failed[-1]}' if failed[1:] else '') + f'** {{{error}}}'
    if on:
        text += f', **GIL on in {", ".join(on)}**'
    return text


def _short(said: str) -> str:
    """A message in a cell: its first sentence."""
    said = re.sub(r'\s*\[-W[\w-]+\]', '', re.sub('[\u2018\u2019]', "'", said))
    said = re.split(r'(?<=[^.])\. (?=[A-Z`])', said)[0].rstrip('.')
    said = said.removeprefix('error: ') if '#error' in said else said
    kind, colon, rest = said.partition(': ')
    if re.fullmatch(r'[a-z-]+', rest):
        return f'{kind} [`{rest}`](../reference/diagnostics/{rest}.md)'
    return f'{kind}{colon}{rest}'.replace('`', '').replace('<', '&lt;')
