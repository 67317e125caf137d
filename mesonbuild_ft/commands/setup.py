# SPDX-License-Identifier: MIT
"""`mesonbuild-ft setup`: `meson setup` with the plan applied."""

from __future__ import annotations

import argparse
import pathlib
import typing

from . import status


EXIT_STATUS: typing.Final = {
    0: 'it is configured',
    1: 'that is refused, or Meson failed',
}
EXAMPLES: typing.Final = (
    ('For the Python that runs this', 'mesonbuild-ft setup build'),
    ('For another one, with options of Meson',
     'mesonbuild-ft setup build-314t --python python3.14t -- -Dbuildtype=debug'),
    ('For a script that runs meson setup itself',
     'meson setup $(mesonbuild-ft setup --print build-abi3 --abi abi3)'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s [options] BUILDDIR [-- OPTION...]'
    parser.description = (
        'Configure a build directory for the project in the current directory as the backend does it: the '
        'same decision, flags and files. Everything after -- is for `meson setup`. Afterwards meson '
        'compile, meson test, meson configure and meson setup --reconfigure work as ever.'
    )
    parser.add_argument('build_dir', type=pathlib.Path, metavar='BUILDDIR', help='what is made, and may be there')
    which = parser.add_mutually_exclusive_group()
    which.add_argument('--python', dest='target', default=None, metavar='PYTHON',
                       help='the interpreter to build for, or its version (default: the one that runs this)')
    which.add_argument('--target', default=None, metavar='FILE',
                       help='the same, as a build-details.json or the prefix directory of an interpreter')
    parser.add_argument('--abi', choices=('auto', 'full', 'abi3', 'abi3t'), default='auto',
                        help='ask for an ABI (default: %(default)s)')
    parser.add_argument('--advise', action='store_true',
                        help='compilers warn at each call that CPython\'s HOWTO on free threading names')
    parser.add_argument('--print', action='store_true', dest='only_print',
                        help='only print the arguments that meson setup takes; what they name is put into BUILDDIR')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    from ..diagnostics import BuildRefused
    from ..meson import standalone

    config = {'setup-args': arguments.passed_on, 'abi': arguments.abi}
    if arguments.advise:
        config['advise'] = 'true'
    if arguments.target is not None:
        config['target'] = arguments.target
    try:
        return standalone.run(arguments.build_dir, config, only_print=arguments.only_print)
    except BuildRefused as error:
        return status.refused(error, status.FINDINGS)
