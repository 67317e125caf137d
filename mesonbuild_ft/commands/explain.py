# SPDX-License-Identifier: MIT
"""`mesonbuild-ft explain`: the page of a finding."""

from __future__ import annotations

import argparse
import sys
import typing

from . import status


EXIT_STATUS: typing.Final = {
    0: 'it was printed',
    2: 'there is no such finding',
}
EXAMPLES: typing.Final = (
    ('All findings, a line each', 'mesonbuild-ft explain'),
    ('One of them, with wrong and right code', 'mesonbuild-ft explain symbol-newer-than-floor'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s [ID]'
    parser.description = (
        'Print what a finding means, how it is found out, and how to mend it, with wrong and right code.'
    )
    parser.add_argument('identifier', nargs='?', metavar='ID', help='such as symbol-newer-than-floor; all by default')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    from .. import pages
    from ..diagnostics import IDENTIFIERS
    from ..output import table

    if arguments.identifier is None:
        width = max(map(len, IDENTIFIERS))
        for identifier, meaning in IDENTIFIERS.items():
            print(f'{identifier:{width}}  {meaning}')
        return status.CLEAN
    if arguments.identifier not in IDENTIFIERS:
        import difflib

        near = difflib.get_close_matches(arguments.identifier, IDENTIFIERS, n=3)
        advice = f'; did you mean {" or ".join(near)}?' if near else '; `mesonbuild-ft explain` lists all'
        print(f'mesonbuild-ft: there is no finding {arguments.identifier!r}{advice}', file=sys.stderr)
        return status.UNUSABLE
    page = pages.read(arguments.identifier) or f'# {arguments.identifier}\n\n{IDENTIFIERS[arguments.identifier]}\n'
    if table.wants_rich(sys.stdout):
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page))
    else:
        print(page, end='')
    return status.CLEAN
