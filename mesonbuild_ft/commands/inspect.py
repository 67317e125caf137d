# SPDX-License-Identifier: MIT
"""`mesonbuild-ft inspect`: the interpreters of this machine, and the wheels that a project yields."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import typing

from .. import __version__
from . import status, values


EXIT_STATUS: typing.Final = {
    0: 'every build is possible',
    1: 'builds that are refused',
    2: 'an interpreter or project that cannot be read',
}
EXAMPLES: typing.Final = (
    ('What a project yields with the interpreters of this machine', 'mesonbuild-ft inspect'),
    ('With one of them', 'mesonbuild-ft inspect python3.14t'),
    ('If the full API were asked for', 'mesonbuild-ft inspect -C abi=full'),
    ('For scripts', 'mesonbuild-ft inspect --format json'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s [options] [PYTHON...]'
    parser.description = (
        'List the interpreters of this machine. In a directory with pyproject.toml and meson.build, also '
        'say which wheel a build with each of them gives, with which flags, and why. Nothing is built '
        'or configured.'
    )
    parser.add_argument('named', nargs='*', metavar='PYTHON', help='instead of those of this machine: an interpreter, '
                        'a prefix directory (of any system) or a build-details.json')
    parser.add_argument('--directory', metavar='DIRECTORY',
                        help='of the project: the command runs as if it were started there')
    parser.add_argument('--all', action='store_true', help='those of this machine as well as those that are named')
    parser.add_argument('--format', choices=('table', 'json'), default='table',
                        help='of what is printed (default: %(default)s)')
    parser.add_argument('-C', '--config-setting', action='append', default=[], metavar='KEY=VALUE', type=values.setting,
                        help='a config setting as for a build, such as abi=abi3t')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    from ..diagnostics import BuildRefused
    from ..inspection import outcome, output, surroundings

    config = dict(arguments.config_setting)
    # A build with any interpreter is then for this target.
    target = config.get('target') or os.environ.get('MESONBUILD_FT_TARGET')
    names = [*arguments.named, *([target] if target else [])]
    try:
        status.enter(arguments.directory)
        project = surroundings.project(pathlib.Path.cwd(), config)
    except BuildRefused as error:
        return status.refused(error)
    found, findings = surroundings.find(names, and_machine=arguments.all or not names)
    rows = outcome.rows(found, project) if project is not None else []
    ended = status.CLEAN
    if any(finding.severity == 'error' for row in rows for finding in row.findings):
        ended = status.FINDINGS
    if findings:
        ended = status.UNUSABLE
    if arguments.format == 'json':
        output.write_json(found, rows, project, findings, sys.stdout, version=__version__, exit_status=ended)
    else:
        output.write(found, rows, project, findings, sys.stdout)
        if project is None and any(pathlib.Path(name).is_file() for name in ('pyproject.toml', 'setup.py')):
            print('\nThere is no project here that Meson builds. `mesonbuild-ft migrate` makes one of a project of '
                  'setuptools.')
    return ended
