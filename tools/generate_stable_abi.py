# SPDX-License-Identifier: MIT
"""Write stable_abi.c, the scanner's table of the stable ABI.

The data is Misc/stable_abi.toml of CPython's source tree:

    python tools/generate_stable_abi.py Misc/stable_abi.toml --python 3.15.0rc2

Entries newer than that version are left out, so a later file gives the same
table for the same version.  The committed table was made from abi3info 2026.9.25,
which holds the same data, rewritten in the form of that file.  Compared with CPython's own:
what entered up to 3.11, 3.12 and 3.13 with the lists that its build makes of that file for
test_stable_abi_ctypes (tests/test_stable_abi_table.py), the 19 and 42 symbols of 3.14 and 3.15
with the file itself, all names with the exports of python3.dll of 3.15.0rc2.
Needs Python 3.11 or newer for tomllib.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple

import tomllib


OUTPUT = Path(__file__).parent.parent / 'mesonbuild_ft' / 'abiscan' / 'stable_abi.c'

KINDS = {'function': 'ABISCAN_SYMBOL_FUNCTION', 'data': 'ABISCAN_SYMBOL_DATA'}


class Symbol(NamedTuple):
    name: str
    since: int
    kind: str
    ifdef: str | None


def read_symbols(text: str, newest_minor: int) -> list[Symbol]:
    """Exported symbols of the file, sorted as strcmp() sorts them."""
    tables = tomllib.loads(text)
    symbols = []
    for kind in KINDS:
        for name, entry in tables[kind].items():
            match = re.fullmatch(r'3\.(\d+)', entry['added'])
            if match is None:
                raise ValueError(f'{kind}.{name}: added = {entry["added"]!r} is not 3.N')
            since = int(match[1])
            if since <= newest_minor:
                symbols.append(Symbol(name, since, kind, entry.get('ifdef')))
    return sorted(symbols, key=lambda symbol: symbol.name.encode())


def render(symbols: list[Symbol], python_version: str, source: str) -> str:
    """The text of stable_abi.c. source: where the data came from, in words."""
    functions = sum(symbol.kind == 'function' for symbol in symbols)
    lines = [
        '/* SPDX-License-Identifier: MIT */',
        '/* Made by tools/generate_stable_abi.py; do not edit.',
        f' * Data: {source}:',
        f' * {functions} functions and {len(symbols) - functions} data objects. */',
        '#include "stable_abi.h"',
        '',
        '#include <string.h>',
        '',
        '#include "image.h"',
        '',
        'const char *abiscan_stable_abi_source(void)',
        '{',
        f'    return "CPython {python_version}";',
        '}',
        '',
        'const abiscan_stable_symbol abiscan_stable_symbols[] = {',
    ]
    for symbol in symbols:
        ifdef = 'NULL' if symbol.ifdef is None else f'"{symbol.ifdef}"'
        lines.append(f'    {{"{symbol.name}", {ifdef}, {symbol.since}, {KINDS[symbol.kind]}}},')
    lines += [
        '};',
        '',
        'const size_t abiscan_stable_symbol_count',
        '    = sizeof abiscan_stable_symbols / sizeof abiscan_stable_symbols[0];',
        '',
        'const abiscan_stable_symbol *abiscan_find_stable_symbol(abiscan_name name)',
        '{',
        '    size_t low = 0, high = abiscan_stable_symbol_count;',
        '    while (low < high) {',
        '        size_t middle = low + (high - low) / 2;',
        '        const abiscan_stable_symbol *symbol = &abiscan_stable_symbols[middle];',
        '        abiscan_name known = {symbol->name, strlen(symbol->name)};',
        '        int order = abiscan_compare_names(known, name);',
        '        if (order == 0) {',
        '            return symbol;',
        '        }',
        '        if (order < 0) {',
        '            low = middle + 1;',
        '        } else {',
        '            high = middle;',
        '        }',
        '    }',
        '    return NULL;',
        '}',
    ]
    return '\n'.join(lines) + '\n'


def main() -> int:
    parser = argparse.ArgumentParser(description='Write the scanner\'s table of the stable ABI.')
    parser.add_argument('toml', type=Path, help='Misc/stable_abi.toml')
    parser.add_argument('--python', required=True, help='its CPython version, e.g. 3.15.0rc2')
    parser.add_argument('--source', help='where the file came from, if not from the source tree of that version')
    parser.add_argument('--output', type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    match = re.match(r'3\.(\d+)', arguments.python)
    if match is None:
        parser.error(f'{arguments.python!r} is not a version of Python 3')
    symbols = read_symbols(arguments.toml.read_text(encoding='utf-8'), int(match[1]))
    source = arguments.source or f'Misc/stable_abi.toml of CPython {arguments.python}'
    arguments.output.write_text(render(symbols, arguments.python, source), encoding='utf-8', newline='\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
