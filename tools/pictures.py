# SPDX-License-Identifier: MIT
"""The pictures of docs/explanation, as SVG; tools/write_reference.py writes them.

A file by itself follows the colour scheme of the browser; the site puts it into the page, where `data-theme` of the
theme wins. Lengths are in pixels.
"""

from __future__ import annotations

import dataclasses
import typing
from xml.sax.saxutils import escape


Kind = typing.Literal['full', 'abi3', 'abi3t', 'none', 'plain']

_LIGHT: typing.Final = (
    '--paper:#ffffff; --ink:#1f2328; --soft:#59636e; --line:#b5bdc6; --plain:#f1f3f5; --none:#e6e8eb; --full:#cfe6ff; '
    '--full-line:#2f7fd0; --abi3:#cdeed3; --abi3-line:#2d8a45; --abi3t:#e6d9fb; --abi3t-line:#8250df')
_DARK: typing.Final = (
    '--paper:#16191d; --ink:#e6e9ec; --soft:#9aa4af; --line:#4b535c; --plain:#23282e; --none:#2b3036; --full:#12355b; '
    '--full-line:#58a6ff; --abi3:#143f22; --abi3-line:#4bb764; --abi3t:#382158; --abi3t-line:#b392f0')
_STYLE: typing.Final = f'''
svg.picture {{ {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ svg.picture {{ {_DARK} }} }}
body[data-theme="light"] svg.picture {{ {_LIGHT} }}
body[data-theme="dark"] svg.picture {{ {_DARK} }}
svg.picture text {{ fill:var(--ink); font:13px system-ui,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif; }}
svg.picture .mono {{ font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace; font-size:12px; }}
svg.picture .soft {{ fill:var(--soft); font-size:12px; }}
svg.picture .head {{ font-weight:600; }}
svg.picture .paper {{ fill:var(--paper); }}
svg.picture .arrow {{ stroke:var(--soft); stroke-width:1.5; fill:none; }}
svg.picture .tip {{ fill:var(--soft); }}
svg.picture .link {{ stroke:var(--abi3t-line); stroke-width:2; stroke-dasharray:5 4; fill:none; }}
svg.picture .plain {{ fill:var(--plain); stroke:var(--line); }}
svg.picture .none {{ fill:var(--none); stroke:var(--line); stroke-dasharray:4 3; }}
svg.picture .full {{ fill:var(--full); stroke:var(--full-line); }}
svg.picture .abi3 {{ fill:var(--abi3); stroke:var(--abi3-line); }}
svg.picture .abi3t {{ fill:var(--abi3t); stroke:var(--abi3t-line); }}
'''


class Canvas:
    """What is drawn so far. title: what a screen reader says."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = (width, height)
        self._title = title
        self._parts: list[str] = []

    def text(self, x: float, y: float, words: str, style: str = '', anchor: str = 'middle') -> None:
        """One line; y is that of its middle."""
        self._parts.append(f'<text x="{x:g}" y="{y + 4.5:g}" text-anchor="{anchor}"'
                           f'{f" class={chr(34)}{style}{chr(34)}" if style else ""}>{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, kind: Kind, *lines: str, style: str = '') -> None:
        """A box with centred lines in it."""
        self._parts.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"/>')
        for number, line in enumerate(lines):
            self.text(x + width / 2, y + height / 2 + (number - (len(lines) - 1) / 2) * 17, line, style)

    def bar(self, x: float, y: float, width: float, height: float, kind: Kind, words: str) -> None:
        """A bar that goes on to the right."""
        tip = height / 2
        self._parts.append(f'<path class="{kind}" d="M{x:g} {y:g}h{width:g}l{tip:g} {tip:g}l-{tip:g} {tip:g}H{x:g}z"/>')
        self.text(x + 12, y + tip, words, 'mono', 'start')

    def arrow(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """A straight one, down or to the right."""
        across = to_x != x
        end = (to_x - 7, to_y) if across else (to_x, to_y - 7)
        sides = ((-8, -4.5), (-8, 4.5)) if across else ((-4.5, -8), (4.5, -8))
        corners = ' '.join(f'{to_x + dx:g},{to_y + dy:g}' for dx, dy in ((0, 0), *sides))
        self._parts.append(f'<path class="arrow" d="M{x:g} {y:g}L{end[0]:g} {end[1]:g}"/>'
                           f'<polygon class="tip" points="{corners}"/>')

    def link(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """A curve between two things that are the same."""
        middle = (x + to_x) / 2
        self._parts.append(
            f'<path class="link" d="M{x:g} {y:g}C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"/>')

    def svg(self) -> str:
        width, height = self._size
        return '\n'.join([
            '<!-- SPDX-License-Identifier: MIT -->', '<!-- Written by tools/write_reference.py -->',
            f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img">', f'<title>{escape(self._title)}</title>', f'<style>{_STYLE}</style>',
            f'<rect class="paper" width="{width}" height="{height}" rx="8"/>', *self._parts, '</svg>', ''])


def abis() -> str:
    """Versions of CPython from left to right, and what can be built for them."""
    from mesonbuild_ft.matrix.data import VERSIONS

    left, step, height = 150, 82, 30
    draw = Canvas(left + step * len(VERSIONS) + 50, 332,
                  'The ABIs of CPython 3.9 to 3.15 with the GIL, free-threaded, abi3 and abi3t on a time line')
    rows = {'gil': 70, 'abi3': 114, 'late': 158, 'abi3t': 214, 'free': 270}
    for words, y in (('with the GIL', 70), ('with the GIL', 114), ('both builds', 214), ('free-threaded', 270)):
        draw.text(14, y + 8, words, 'head', 'start')
    for words, y in (('full API', 70), ('abi3, from 3.9', 114), ('abi3, from 3.12', 158), ('abi3t', 214),
                     ('full API', 270)):
        draw.text(14, y + (24 if y != 158 else 15), words, 'soft', 'start')
    for number, one in enumerate(VERSIONS):
        x = left + step * number
        minor = one.version[1]
        draw.text(x + 37, 22, f'3.{minor}', 'head')
        draw.text(x + 37, 42, f'{one.first_release:%b %Y}', 'soft')
        draw.box(x, rows['gil'], 74, height, 'full', f'cp3{minor}', style='mono')
        if one.free_threaded != 'no':
            draw.box(x, rows['free'], 74, height, 'full', f'cp3{minor}t', style='mono')
            if one.free_threaded == 'experimental':
                draw.text(x + 37, rows['free'] + 44, 'experimental', 'soft')
    first = VERSIONS[0].version[1]
    end = left + step * len(VERSIONS) + 14
    draw.box(left + step * 4, rows['abi3t'], step + 74, height, 'none', '3.13t, 3.14t: none')
    for row, minor, kind, tag in (('abi3', 9, 'abi3', 'cp39-abi3'), ('late', 12, 'abi3', 'cp312-abi3'),
                                  ('abi3t', 15, 'abi3t', 'abi3.abi3t')):
        x = left + step * (minor - first)
        draw.bar(x, rows[row], end - x, height, typing.cast(Kind, kind), tag)
    return draw.svg()


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table in docs/explanation/decision.md. tag: an example; '' where any may come out."""

    question: tuple[str, ...]
    kind: Kind
    result: str
    tag: str


DECISION: typing.Final = (
    Row(('Does -Cabi= ask for an ABI?',), 'none', 'that one, or a refusal', ''),
    Row(('Is the target PyPy or GraalPy?',), 'full', 'full API', 'pp311-pypy311_pp73'),
    Row(('Does the project not want', 'the stable ABI?'), 'full', 'full API', 'cp314-cp314'),
    Row(('Free-threaded 3.13 or 3.14?',), 'full', 'full API', 'cp314-cp314t'),
    Row(('Free-threaded 3.15 and newer, and', 'floor 3.15 or abi3t = true?'), 'abi3t', 'abi3t', 'cp315-abi3.abi3t'),
    Row(('Free-threaded 3.15 and newer?',), 'full', 'full API', 'cp315-cp315t'),
    Row(('Older than the floor?',), 'full', 'full API', 'cp311-cp311'),
    Row(('3.15 and newer, floor 3.15 or newer,', 'and abi3t = true?'), 'abi3t', 'abi3t', 'cp315-abi3.abi3t'),
    Row(('Built with Py_TRACE_REFS?',), 'full', 'full API', 'cp313-cp313d'),
    Row(('Anything else: with the GIL',), 'abi3', 'limited API', 'cp39-abi3'),
)


def decision() -> str:
    """The rows of the decision from top to bottom: the first that matches."""
    pitch, height, top = 66, 44, 20
    draw = Canvas(700, top * 2 + pitch * len(DECISION) - (pitch - height),
                  'The decision as a diagram: the first question that is answered with yes decides')
    for number, row in enumerate(DECISION):
        y = top + pitch * number
        last = number == len(DECISION) - 1
        draw.text(22, y + height / 2, str(number + 1), 'soft')
        draw.box(40, y, 290, height, 'plain', *row.question)
        draw.arrow(330, y + height / 2, 420, y + height / 2)
        if not last:
            draw.text(372, y + height / 2 - 11, 'yes', 'soft')
            draw.arrow(185, y + height, 185, y + pitch)
            draw.text(203, y + height + 9, 'no', 'soft')
        draw.box(420, y, 260, height, row.kind)
        draw.text(550, y + height / 2 - (9 if row.tag else 0), row.result)
        if row.tag:
            draw.text(550, y + height / 2 + 9, row.tag, 'mono')
    return draw.svg()


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of PyModuleDef on a 64-bit machine. offset, size: in bytes. path: in C, from the structure."""

    name: str
    offset: int
    size: int
    path: str


def _fields(head: typing.Sequence[tuple[str, int]]) -> tuple[Field, ...]:
    found = []
    offset = 0
    base = [(name, 8) for name in ('m_init', 'm_index', 'm_copy')]
    rest = [(name, 8) for name in ('m_name', 'm_doc', 'm_size', 'm_methods', 'm_slots')]
    for prefix, part in (('m_base.ob_base.', head), ('m_base.', base), ('', rest)):
        for name, size in part:
            found.append(Field(name, offset, size, prefix + name))
            offset += size
    return tuple(found)


#: ob_flags has no name before 3.14.
LAYOUTS: typing.Final[typing.Mapping[str, tuple[Field, ...]]] = {
    'with the GIL': _fields([('ob_refcnt', 8), ('ob_type', 8)]),
    'free-threaded': _fields([
        ('ob_tid', 8), ('ob_flags', 2), ('ob_mutex', 1), ('ob_gc_bits', 1), ('ob_ref_local', 4), ('ob_ref_shared', 8),
        ('ob_type', 8)]),
}


def layout() -> str:
    """PyModuleDef in both builds, side by side, eight bytes a row."""
    row, top, width = 32, 62, 250
    draw = Canvas(700, 498, 'PyModuleDef with the GIL, m_name at 0x28, and free-threaded, m_name at 0x38')
    ends = []
    for number, (build, fields) in enumerate(LAYOUTS.items()):
        x = 60 + number * 370
        draw.text(x + width / 2, 24, build, 'head')
        draw.text(x + width / 2, 43, 'struct PyModuleDef', 'soft mono')
        names = {2: 'flags', 1: ''}
        for field in fields:
            y = top + field.offset // 8 * row
            start = x + field.offset % 8 * width / 8
            kind: Kind = 'abi3t' if field.name == 'm_name' else 'full' if field.name.startswith('ob_') else 'plain'
            shown = field.name if field.size > 2 else names[field.size]
            draw.box(start, y, width / 8 * field.size, row, kind, shown, style='mono')
            if field.offset % 8 == 0:
                draw.text(x - 10, y + row / 2, f'0x{field.offset:02x}', 'soft mono', 'end')
            if field.name == 'm_name':
                ends.append((x if number else x + width, y + row / 2))
    draw.link(*ends[0], ends[1][0] - 46, ends[1][1])
    draw.box(60, 462, 18, 18, 'full')
    draw.text(86, 471, 'header of every object', 'soft', 'start')
    draw.box(250, 462, 18, 18, 'abi3t')
    draw.text(276, 471, 'm_name: the same field, 16 bytes further', 'soft', 'start')
    return draw.svg()


def abi3t() -> str:
    """What a module hands to the interpreter, for abi3 and for abi3t."""
    draw = Canvas(700, 388, 'An abi3 module hands out an object, whose layout only one build has; an abi3t module '
                            'hands out an array of slots that both builds read')
    panels: tuple[tuple[int, Kind, str, str, tuple[str, ...], str], ...] = (
        (20, 'abi3', 'abi3', 'PyInit_hello()', ('object header', 'm_name', 'm_methods', 'm_slots'),
         'PyModuleDef, an object'),
        (220, 'abi3t', 'abi3t', 'PyModExport_hello()', ('Py_mod_name', 'Py_mod_methods', 'Py_mod_abi', 'Py_mod_gil'),
         'PySlot[], plain numbers and pointers'))
    for y, kind, name, hook, fields, what in panels:
        draw.text(20, y + 10, name, 'head', 'start')
        draw.box(20, y + 62, 160, 44, kind, hook, style='mono')
        draw.arrow(180, y + 84, 232, y + 84)
        draw.text(324, y + 10, what, 'soft')
        for number, field in enumerate(fields):
            draw.box(232, y + 26 + number * 30, 184, 30, 'full' if field == 'object header' else 'plain', field,
                     style='' if ' ' in field else 'mono')
        draw.arrow(416, y + 56, 480, y + 56)
        draw.box(480, y + 32, 200, 48, kind, 'with the GIL', '3.15 and newer' if kind == 'abi3t' else '3.9 and newer')
        if kind == 'abi3t':
            draw.arrow(416, y + 116, 480, y + 116)
            draw.box(480, y + 92, 200, 48, kind, 'free-threaded', '3.15 and newer')
        else:
            draw.box(480, y + 92, 200, 48, 'none', 'free-threaded:', 'has another header')
    return draw.svg()


#: File name -> what draws it.
PICTURES: typing.Final[typing.Mapping[str, typing.Callable[[], str]]] = {
    'abis.svg': abis, 'decision.svg': decision, 'object-layout.svg': layout, 'abi3t.svg': abi3t,
}
