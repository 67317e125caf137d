# SPDX-License-Identifier: MIT
"""`mesonbuild-ft setup`: `meson setup` with the plan applied."""

from __future__ import annotations

import argparse
import pathlib

from . import status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s [options] BUILDDIR [-- ...]'
    parser.description = (
        'Configure a build directory for the project in the current directory as the backend does it: the '
        'same decision, flags and files. Everything after -- is for `meson setup`. Afterwards meson '
        'compile, meson test, meson configure and meson setup --reconfigure work as ever.'
    )
    parser.epilog = 'Exit status: 0, or 1 where that is refused or fails.'
    parser.add_argument('build_dir', type=pathlib.Path, metavar='BUILDDIR')
    parser.add_argument('meson', nargs='*', default=[], metavar='...', help=argparse.SUPPRESS)
    which = parser.add_mutually_exclusive_group()
    which.add_argument('--python', dest='target', default=None, metavar='PYTHON',
                       help='the interpreter to build for (default: the one that runs this)')
    which.add_argument('--target', default=None, metavar='FILE',
                       help='the same, as a build-details.json or the prefix directory of an interpreter')
    parser.add_argument('--abi', choices=('auto', 'full', 'abi3', 'abi3t'), default='auto',
                        help='ask for an ABI (default: %(default)s)')
    parser.add_argument('--print', action='store_true', dest='only_print',
                        help='only print the arguments that meson setup takes; what they name is put into BUILDDIR')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    from ..diagnostics import BuildRefused
    from ..meson import standalone

    config = {'setup-args': arguments.meson, 'abi': arguments.abi}
    if arguments.target is not None:
        config['target'] = arguments.target
    try:
        return standalone.run(arguments.build_dir, config, only_print=arguments.only_print)
    except BuildRefused as error:
        return status.refused(error, status.FINDINGS)
