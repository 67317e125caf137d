# SPDX-License-Identifier: MIT
"""`mesonbuild-ft matrix`: which wheels a project needs, who builds each, and who tests it."""

from __future__ import annotations

import argparse
import sys
import typing

from . import status


FORMATS: typing.Final = ('table', 'json', 'github', 'gitlab', 'azure', 'cibuildwheel', 'nox', 'tox')
EXIT_STATUS: typing.Final = {
    0: 'it was printed',
    2: 'the project cannot be read, or meson.build does not say the floor',
}
EXAMPLES: typing.Final = (
    ('All jobs, as a table', 'mesonbuild-ft matrix'),
    ('Matrices for GitHub Actions, for Linux alone',
     'mesonbuild-ft matrix --format github --platform linux --platform musl'),
    ('The selector of cibuildwheel', 'mesonbuild-ft matrix --format cibuildwheel'),
    ('A file for GitLab, whoever runs this on whichever day',
     'mesonbuild-ft matrix --date 2026-11-27 --format gitlab -o wheels.yml'),
    ('Sessions of nox', 'nox -s $(mesonbuild-ft matrix --format nox)'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s [options] [DIRECTORY]'
    parser.description = (
        'Compute the fewest build jobs and all test jobs of a project from requires-python, limited_api: '
        'in meson.build, and [tool.meson-python] and [tool.mesonbuild-ft]. Nothing is built or run.'
    )
    parser.add_argument('directory', nargs='?', default='.', metavar='DIRECTORY',
                        help='of the project (default: the current one)')
    parser.add_argument('--format', choices=FORMATS, default='table',
                        help='of what is printed (default: %(default)s)')
    parser.add_argument('--platform', action='append', default=[], metavar='PLATFORM', type=_platform,
                        help='linux, musl, macos, windows or one such as manylinux_aarch64; may be repeated '
                             '(default: all)')
    parser.add_argument('--floor', type=_floor, default=None, metavar='VERSION',
                        help='the highest limited_api: of the modules, such as 3.9, or none (default: what meson.build '
                             'says)')
    parser.add_argument('--date', type=_date, default=None, metavar='YYYY-MM-DD',
                        help='which versions of Python are supported is asked for this day (default: today)')
    parser.add_argument('--end-of-life', action='store_true', default=None,
                        help='also versions that are no longer supported')
    parser.add_argument('--prereleases', action='store_true', default=None,
                        help='also versions that are not released yet')
    parser.add_argument('--experimental', action='store_true', default=None, help='also 3.13t')
    parser.add_argument('--pypy', action='store_true', default=None, help='also PyPy')
    parser.add_argument('--session', default='tests', metavar='SESSION',
                        help='what it is called in the format nox (default: %(default)s)')
    parser.add_argument('-o', '--output', default=None, metavar='FILE', help='write to this file')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    from ..diagnostics import BuildRefused
    from ..matrix import formats, project

    try:
        text = formats.text(project.compute(arguments), arguments.format, arguments.session)
    except BuildRefused as error:
        return status.refused(error)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        with open(arguments.output, 'w', encoding='utf-8', newline='\n') as file:
            file.write(text)
    return status.CLEAN


def _platform(text: str) -> str:
    from ..matrix.data import PLATFORM_NAMES
    from ..settings import nearest

    if text not in PLATFORM_NAMES:
        raise argparse.ArgumentTypeError(f'there is no platform {text!r}. {nearest(text, PLATFORM_NAMES)}')
    return text


def _floor(text: str) -> tuple[int, int] | str:
    import re

    match = re.fullmatch(r'3\.(\d{1,3})', text)
    if match is None and text != 'none':
        raise argparse.ArgumentTypeError(f'{text!r} is no version such as 3.9')
    return (3, int(match[1])) if match else text


def _date(text: str) -> typing.Any:
    import datetime

    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is no date such as 2026-11-27') from None
