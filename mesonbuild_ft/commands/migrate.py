# SPDX-License-Identifier: MIT
"""`mesonbuild-ft migrate`: change a project to this backend."""

from __future__ import annotations

import argparse
import typing

from . import status


EXIT_STATUS: typing.Final = {
    0: 'nothing to do, or written',
    1: 'there is a difference, and it is not written',
    2: 'a project that cannot be changed',
}
EXAMPLES: typing.Final = (
    ('Show what would change, and ask', 'mesonbuild-ft migrate'),
    ('Only show it', 'mesonbuild-ft migrate --diff'),
    ('Write it, with what a wheel proves of its modules',
     'mesonbuild-ft migrate --yes --wheel dist/*-cp314-cp314t-*.whl'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s [options] [DIRECTORY]'
    parser.description = (
        'Show what changes in pyproject.toml, with the settings that fit what the modules are proven to declare, ask, '
        'and write. For a project of setuptools also write a meson.build where there is none, as far as setup.py says '
        'it in literals; it is never run.'
    )
    parser.add_argument('directory', nargs='?', default='.', metavar='DIRECTORY',
                        help='of the project (default: the current one)')
    parser.add_argument('--wheel', action='append', default=[], metavar='FILE',
                        help='a wheel of the project, which proves what its modules declare; may be repeated (default: '
                             'those of the newest version in dist/)')
    writing = parser.add_mutually_exclusive_group()
    writing.add_argument('-y', '--yes', action='store_true', help='write without asking')
    writing.add_argument('--diff', action='store_true', help='only show the difference, also on a terminal')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    from ..diagnostics import BuildRefused
    from ..migration import command

    try:
        with status.ends_orderly():
            return command.run(arguments)
    except BuildRefused as error:
        return status.refused(error)
