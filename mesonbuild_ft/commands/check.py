# SPDX-License-Identifier: MIT
"""`mesonbuild-ft check`: a verdict on wheels, directories, modules and installed packages."""

from __future__ import annotations

import argparse
import functools
import gc
import sys
import typing

from .. import __version__
from . import status, values


FORMATS: typing.Final = ('table', 'json', 'github', 'sarif', 'markdown')
EXIT_STATUS: typing.Final = {
    0: 'no finding at or above --fail-on',
    1: 'findings at or above --fail-on',
    2: 'something that cannot be judged',
}
EXAMPLES: typing.Final = (
    ('The wheels of a directory', 'mesonbuild-ft check dist'),
    ('Fail on warnings too, such as of a module that switches the GIL on',
     'mesonbuild-ft check --fail-on warning dist/*.whl'),
    ('Import every module as well, in two interpreters',
     'mesonbuild-ft check --import --python python3.11 --python python3.14t dist'),
    ('Write corrected copies of the wheels into another directory', 'mesonbuild-ft check --fix corrected dist'),
    ('Annotations for GitHub Actions, and a summary in Markdown',
     'mesonbuild-ft check --format github --report markdown=summary.md dist'),
    ('An installed package', 'mesonbuild-ft check mesonbuild-ft'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s [options] NAME...'
    parser.description = (
        'Say of each extension module what it is, whether its wheel may carry the tags it carries, and '
        'what to change. Without --import nothing is unpacked, imported or executed.'
    )
    parser.add_argument('named', nargs='+', metavar='NAME', help='a wheel, a directory (the wheels in it, or without '
                        'any the modules below it, but for build directories of Meson, virtual environments and .git, '
                        'which have to be named), a .so, .pyd or .dylib file, or an installed package')
    parser.add_argument('--format', choices=FORMATS, default='table', help='of what is printed (default: %(default)s)')
    parser.add_argument('--report', action='append', default=[], metavar='FORMAT=FILE', type=_report,
                        help='also write the result in another format to a file; may be repeated')
    parser.add_argument('--fail-on', choices=('error', 'warning', 'hint'), default='error',
                        help='the least severity that makes the exit status 1 (default: %(default)s)')
    parser.add_argument('-v', '--verbose', action='store_true', help='list every finding of a kind, and in the '
                        'formats table and markdown say of every module what it is; json and sarif have everything')
    parser.add_argument('--import', action='store_true', dest='do_import', help='also import every module of the '
                        'wheels in each interpreter that their tags admit, and of installed packages in theirs, and '
                        'tell what becomes of the GIL')
    parser.add_argument('--python', action='append', default=[], metavar='PYTHON',
                        help='an interpreter for --import, or its version (default: those found on this machine); '
                             'installed packages that are named are those of the first (default: of the one that '
                             'runs this)')
    parser.add_argument('--fix', default=None, metavar='DIRECTORY',
                        help='write a corrected copy of each wheel whose suffixes, Tag lines or stray import libraries '
                             'are wrong into this directory, and judge the copy instead')
    parser.add_argument('--jobs', type=values.number, default=0, metavar='N',
                        help='threads (default: one for each processor)')
    parser.add_argument('--max-inflated', type=_size, default=None, metavar='SIZE',
                        help='how much the modules of one archive may inflate to, such as 500M or 2G (default: 50 '
                             'times the size of the archive, at least 64M, at most 8G)')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    from .. import scanner
    from ..check import checker
    from ..check.progress import Progress
    from ..check.subjects import Options
    from ..diagnostics import BuildRefused

    try:
        loaded = scanner.load()
    except BuildRefused as error:
        return status.refused(error)
    python = ''
    if arguments.python:
        from .. import interpreters
        try:
            python = str(interpreters.executable(arguments.python[0]))
        except BuildRefused as error:
            return status.refused(error)
    options = Options(arguments.jobs, python, arguments.max_inflated)
    # The facts live as long as the process: going through them for cycles costs more than it frees.
    gc.disable()
    try:
        with Progress() as progress:
            results = checker.check(arguments.named, loaded, options, progress.show if progress.possible else None)
    finally:
        gc.enable()
    if arguments.fix is not None:
        from ..check import fix
        with status.ends_orderly():
            results, done = fix.run(results, arguments.fix, loaded, options)
        for line in done:
            print(line, file=sys.stderr)
    if arguments.do_import:
        from .. import interpreters
        from ..check import imports
        try:
            kinds = {result.kind for result in results}
            found = interpreters.find(arguments.python) if kinds != {'package'} else []
            owner, = interpreters.find([python or sys.executable]) if 'package' in kinds else [None]
        except BuildRefused as error:
            return status.refused(error)
        if not arguments.python:
            # Of several releases of one version the newest will do.
            found = list({interpreter.tag: interpreter for interpreter in found}.values())
        with status.ends_orderly():
            results = imports.run(results, found, arguments.max_inflated, owner)
    partly = [result for result in results if result.left_out]
    if partly:
        from ..output import summary
        for result in partly:
            print(f'mesonbuild-ft: {summary.left_out(result)}', file=sys.stderr)
    ended = _status(results, arguments.fail_on)
    def write(form: str, stream: typing.TextIO) -> None:
        _write(results, form, stream, arguments, loaded.stable_abi_source, ended)

    for form, path in arguments.report:
        _write_file(path, functools.partial(write, form))
    write(arguments.format, sys.stdout)
    return ended


def _report(text: str) -> tuple[str, str]:
    form, equals, path = text.partition('=')
    if form not in FORMATS or not equals or not path:
        raise argparse.ArgumentTypeError(f'{text!r} is not FORMAT=FILE, where FORMAT is {", ".join(FORMATS)}')
    return form, path


def _size(text: str) -> int:
    units = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
    unit = units.get(text[-1:].upper(), 1)
    try:
        size = int(text[:-1] if unit > 1 else text) * unit
        if size < 0:
            raise ValueError
        return size
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is no size such as 1000000, 500M or 2G') from None


def _status(results: typing.Iterable[typing.Any], fail_on: str) -> int:
    """The worst of all results."""
    failing = ('error', 'warning', 'hint')[:('error', 'warning', 'hint').index(fail_on) + 1]
    verdicts = {result.verdict for result in results}
    if 'unusable' in verdicts:
        return status.UNUSABLE
    return status.FINDINGS if verdicts & set(failing) else status.CLEAN


def _write_file(path: str, write: typing.Callable[[typing.TextIO], None]) -> None:
    """Write a whole file, or none. Raises OSError."""
    import io

    text = io.StringIO()
    write(text)
    with open(path, 'w', encoding='utf-8', errors='backslashreplace') as file:
        file.write(text.getvalue())


def _write(
    results: typing.Any, form: str, stream: typing.TextIO, arguments: argparse.Namespace, stable_abi: str, ended: int,
) -> None:
    if form == 'json':
        from ..output import as_json
        as_json.write(results, stream, version=__version__, stable_abi=stable_abi, fail_on=arguments.fail_on,
                      exit_status=ended)
    elif form == 'sarif':
        from ..output import sarif
        sarif.write(results, stream, version=__version__, exit_status=ended)
    elif form == 'github':
        from ..output import github
        github.write(results, stream, verbose=arguments.verbose)
    elif form == 'markdown':
        from ..output import markdown
        markdown.write(results, stream, verbose=arguments.verbose)
    else:
        from ..output import table
        table.write(results, stream, verbose=arguments.verbose)
