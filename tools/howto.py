# SPDX-License-Identifier: MIT
"""The page of examples/howto: what stands in its README files, and how the two projects of each section differ."""

from __future__ import annotations

import difflib
import pathlib
import re
import typing


ROOT: typing.Final = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES: typing.Final = ROOT / 'examples' / 'howto'

#: Sections of CPython's HOWTO -> the projects for them.
SECTIONS: typing.Final[dict[str, tuple[str, ...]]] = {
    'Identifying the free-threaded build in C': ('identify-the-build',),
    'Module initialisation': ('multi-phase', 'single-phase'),
    'General API guidelines': ('list-macros', 'dict-traversal'),
    'Borrowed references': ('borrowed-references',),
    'Memory allocation APIs': ('memory-allocation', 'object-domain'),
    'Thread state and GIL APIs': ('blocking-calls', 'threads-from-c'),
    'Protecting internal extension state': ('global-state', 'module-state', 'static-library', 'cpp', 'cython'),
    'Critical sections': ('critical-sections',),
    'Building extensions for the free-threaded build': ('limited-api', 'windows'),
}


def page() -> str:
    """docs/how-to/port-an-extension.md."""
    mark, begin = _read(EXAMPLES / 'README.md').split('\n', 1)
    begin = begin.partition('## ')[0].replace(
        'this directory', '[examples/howto](../../examples/howto/README.md)')
    parts = [f'{mark}\n<!-- Written by tools/howto.py from examples/howto -->\n{begin}']
    for heading, projects in SECTIONS.items():
        parts += [f'## {heading}\n\n', *map(_section, projects)]
    return ''.join(parts).rstrip('\n') + '\n'


def difference(name: str) -> str:
    """How the files of a section's two projects differ."""
    before, after = EXAMPLES / name / 'before', EXAMPLES / name / 'after'
    files = sorted({path.relative_to(top) for top in (before, after) for path in top.rglob('*.*') if path.is_file()})
    lines: list[str] = []
    for file in files:
        old, new = (f'{top.name}/{file}' if (top / file).is_file() else '/dev/null' for top in (before, after))
        changed = list(difflib.unified_diff(
            _read(before / file).splitlines(), _read(after / file).splitlines(), old, new, lineterm='', n=1))
        # Numbers of lines say little of so small a file.
        lines += [*changed[:2], *(' …' if line.startswith('@@') else line for line in changed[3:])]
    return '\n'.join(lines)


def _section(name: str) -> str:
    """What README.md of a section says, one level deeper, with the difference before what is printed."""
    text = _read(EXAMPLES / name / 'README.md').split('\n', 1)[1]
    # A link to another section leads to its heading on the page.
    text = re.sub(r'\]\(\.\./([\w-]+)/README\.md\)', lambda found: f'](#{_anchor(found[1])})', text)
    text = text.replace('](../../../docs/how-to/', '](').replace('](../../../docs/', '](../')
    before, fence, after = text.partition('```text\n')
    return f'##{before}```diff\n{difference(name)}\n```\n\n{fence}{after}\n'


def _anchor(name: str) -> str:
    """The anchor that GitHub makes of a section's heading."""
    heading, = re.findall('^# (.+)$', _read(EXAMPLES / name / 'README.md'), re.MULTILINE)
    return re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-')


def _read(path: pathlib.Path) -> str:
    return path.read_text(encoding='utf-8') if path.is_file() else ''
