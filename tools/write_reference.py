# SPDX-License-Identifier: MIT
"""Write docs/reference/diagnostics.md from mesonbuild_ft/diagnostics.py.

    python tools/write_reference.py [--check]

With --check nothing is written; the status is 1 where the page is not up to date. In either case it
is 1 where an identifier has no page of its own in docs/reference/diagnostics, or a page no identifier.
"""

from __future__ import annotations

import argparse
import pathlib
import sys


ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / 'docs' / 'reference' / 'diagnostics.md'
sys.path.insert(0, str(ROOT))


def page() -> str:
    """The text of the page."""
    from mesonbuild_ft.diagnostics import IDENTIFIERS

    lines = ['<!-- SPDX-License-Identifier: MIT -->', '<!-- Written by tools/write_reference.py -->',
             '# Diagnostics', '',
             'Each message begins with its severity and an identifier that is never renamed and never reused. '
             'It says what is wrong, where, and what to do. `mesonbuild-ft explain IDENTIFIER` prints its page.', '',
             '| Identifier | Meaning |', '|---|---|']
    lines += [f'| [`{name}`](diagnostics/{name}.md) | {meaning} |' for name, meaning in IDENTIFIERS.items()]
    return '\n'.join(lines) + '\n'


def without_page() -> list[str]:
    """Identifiers without a page, and pages without an identifier."""
    from mesonbuild_ft.diagnostics import IDENTIFIERS

    return sorted(set(IDENTIFIERS) ^ {path.stem for path in PAGE.with_suffix('').glob('*.md')})


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('--check', action='store_true')
    arguments = parser.parse_args()
    if without_page():
        print(f'docs/reference/diagnostics: {", ".join(without_page())}: a page or an identifier is missing')
        return 1
    if arguments.check:
        return int(not PAGE.is_file() or PAGE.read_text(encoding='utf-8') != page())
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
