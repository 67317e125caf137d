# SPDX-License-Identifier: MIT
"""The command `mesonbuild-ft`. What a sub-command needs is imported when it runs."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import pathlib
import sys
import typing

from . import __version__


#: Exit status: nothing to complain about; findings at or above --fail-on; input that cannot be judged.
CLEAN, FINDINGS, UNUSABLE = 0, 1, 2
FORMATS: typing.Final = ('table', 'json', 'github', 'sarif', 'markdown')
MATRIX_FORMATS: typing.Final = ('table', 'json', 'github', 'gitlab', 'azure', 'cibuildwheel', 'nox', 'tox')
#: Seconds until a progress bar appears.
_PATIENCE: typing.Final = 1.0


def main(arguments: typing.Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    # A closed stream is None.
    sys.stdout = sys.stdout or open(os.devnull, 'w')  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, 'w')  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):
            # A name in an archive may have any character, the output not.
            stream.reconfigure(errors='backslashreplace')
    parsed = _parser().parse_args(arguments)
    try:
        status = int(parsed.run(parsed))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the output has seen enough, such as `head`. Nothing may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a shell says that SIGPIPE ended a program
    except OSError as error:
        # Files that are checked have findings of their own: this is the output.
        print(f'mesonbuild-ft: the output cannot be written: {error.strerror or error}', file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNUSABLE
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='mesonbuild-ft', description='Say which wheels a project yields, of extension modules what they are, '
                                           'and whether their tags are true.')
    parser.add_argument('--version', action='version', version=f'mesonbuild-ft {__version__}')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    _add_check(commands)
    _add_inspect(commands)
    _add_explain(commands)
    _add_matrix(commands)
    _add_setup(commands)
    return parser


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        'check', help='check wheels, directories, extension modules and installed packages',
        description='Say of each extension module what it is, whether its wheel may carry the tags it carries, and '
                    'what to change. Without --import nothing is unpacked, imported or executed.',
        epilog='Exit status: 0 clean, 1 findings at or above --fail-on, 2 input that cannot be judged.')
    check.add_argument('named', nargs='+', metavar='NAME', help='a wheel, a directory (the wheels in it, or without '
                       'any the modules below it), a .so, .pyd or .dylib file, or an installed package')
    check.add_argument('--format', choices=FORMATS, default='table', help='of what is printed (default: %(default)s)')
    check.add_argument('--fail-on', choices=('error', 'warning', 'hint'), default='error',
                       help='the least severity that makes the exit status 1 (default: %(default)s)')
    check.add_argument('-v', '--verbose', action='store_true', help='list every finding of a kind, and in the '
                       'formats table and markdown say of every module what it is; json and sarif have everything')
    check.add_argument('--import', action='store_true', dest='do_import', help='also import every module of the wheels '
                       'in each interpreter that their tags admit, and tell what becomes of the GIL')
    check.add_argument('--python', action='append', default=[], metavar='PYTHON',
                       help='an interpreter for --import (default: those found on this machine); installed packages '
                            'that are named are those of the first (default: of the one that runs this)')
    check.add_argument('--fix', default=None, metavar='DIRECTORY',
                       help='write a corrected copy of each wheel whose suffixes, Tag lines or stray import libraries '
                            'are wrong into this directory, and judge the copy instead')
    check.add_argument('--jobs', type=_number, default=0, metavar='N', help='threads (default: one for each processor)')
    check.add_argument('--max-inflated', type=_size, default=None, metavar='SIZE',
                       help='how much the modules of one archive may inflate to, such as 500M or 2G (default: 50 times '
                            'the size of the archive, at least 64M, at most 8G)')
    check.set_defaults(run=_check)


def _add_inspect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    inspect = commands.add_parser(
        'inspect', help='list interpreters, and the wheels that a project yields',
        description='List the interpreters of this machine. In a directory with pyproject.toml and meson.build, also '
                    'say which wheel a build with each of them gives, with which flags, and why. Nothing is built '
                    'or configured.',
        epilog='Exit status: 0 clean, 1 builds that are refused, 2 an interpreter or project that cannot be read.')
    inspect.add_argument('named', nargs='*', metavar='PYTHON', help='instead of those of this machine: an interpreter, '
                         'a prefix directory (of any system) or a build-details.json')
    inspect.add_argument('--all', action='store_true', help='those of this machine as well as those that are named')
    inspect.add_argument('--format', choices=('table', 'json'), default='table',
                         help='of what is printed (default: %(default)s)')
    inspect.add_argument('-C', '--config-setting', action='append', default=[], metavar='KEY=VALUE', type=_setting,
                         help='a config setting as for a build, such as abi=abi3t')
    inspect.set_defaults(run=_inspect)


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser('explain', help='print the page of a finding')
    explain.add_argument('identifier', nargs='?', metavar='ID', help='such as symbol-newer-than-floor; all by default')
    explain.set_defaults(run=_explain)


def _add_matrix(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    matrix = commands.add_parser(
        'matrix', help='say which wheels a project needs, who builds each, and who tests it',
        description='Compute the fewest build jobs and all test jobs of a project from requires-python, limited_api: '
                    'in meson.build, and [tool.meson-python] and [tool.mesonbuild-ft]. Nothing is built or run.',
        epilog='Exit status: 0, or 2 where that cannot be said.')
    matrix.add_argument('directory', nargs='?', default='.', metavar='DIRECTORY',
                        help='of the project (default: the current one)')
    matrix.add_argument('--format', choices=MATRIX_FORMATS, default='table',
                        help='of what is printed (default: %(default)s)')
    matrix.add_argument('--platform', action='append', default=[], metavar='PLATFORM', type=_platform,
                        help='linux, musl, macos, windows or one such as manylinux_aarch64; may be repeated '
                             '(default: all)')
    matrix.add_argument('--floor', type=_floor, default=None, metavar='VERSION',
                        help='the highest limited_api: of the modules, such as 3.9, or none (default: what meson.build '
                             'says)')
    matrix.add_argument('--date', type=_date, default=None, metavar='YYYY-MM-DD',
                        help='which versions of Python are supported is asked for this day (default: today)')
    matrix.add_argument('--end-of-life', action='store_true', default=None,
                        help='also versions that are no longer supported')
    matrix.add_argument('--prereleases', action='store_true', default=None,
                        help='also versions that are not released yet')
    matrix.add_argument('--experimental', action='store_true', default=None, help='also 3.13t')
    matrix.add_argument('--pypy', action='store_true', default=None, help='also PyPy')
    matrix.add_argument('--session', default='tests', metavar='NAME',
                        help='the session in the format nox (default: %(default)s)')
    matrix.add_argument('-o', '--output', default=None, metavar='FILE', help='write to this file')
    matrix.set_defaults(run=_matrix)


def _add_setup(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    setup = commands.add_parser(
        'setup', help='meson setup, configured as a build of a wheel is', usage='%(prog)s [options] BUILDDIR [-- ...]',
        description='Configure a build directory for the project in the current directory as the backend does it: the '
                    'same decision, flags and files. Everything after -- is for `meson setup`. Afterwards meson '
                    'compile, meson test, meson configure and meson setup --reconfigure work as ever.',
        epilog='Exit status: 0, or 1 where that is refused or fails.')
    setup.add_argument('build_dir', type=pathlib.Path, metavar='BUILDDIR')
    setup.add_argument('meson', nargs='*', default=[], metavar='...', help=argparse.SUPPRESS)
    which = setup.add_mutually_exclusive_group()
    which.add_argument('--python', dest='target', default=None, metavar='PYTHON',
                       help='the interpreter to build for (default: the one that runs this)')
    which.add_argument('--target', default=None, metavar='FILE',
                       help='the same, as a build-details.json or the prefix directory of an interpreter')
    setup.add_argument('--abi', choices=('auto', 'full', 'abi3', 'abi3t'), default='auto',
                       help='ask for an ABI (default: %(default)s)')
    setup.add_argument('--print', action='store_true', dest='only_print',
                       help='only print the arguments that meson setup takes; what they name is put into BUILDDIR')
    setup.set_defaults(run=_setup)


def _setup(arguments: argparse.Namespace) -> int:
    from .diagnostics import BuildRefused
    from .meson import standalone

    config = {'setup-args': arguments.meson, 'abi': arguments.abi}
    if arguments.target is not None:
        config['target'] = arguments.target
    try:
        return standalone.run(arguments.build_dir, config, only_print=arguments.only_print)
    except BuildRefused as error:
        from . import report
        report.show(error.diagnostics)
        return FINDINGS


def _platform(text: str) -> str:
    from .matrix.data import PLATFORM_NAMES
    from .settings import nearest

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


def _matrix(arguments: argparse.Namespace) -> int:
    from .diagnostics import BuildRefused
    from .matrix import project

    try:
        text = project.text(arguments)
    except BuildRefused as error:
        from . import report
        report.show(error.diagnostics)
        return UNUSABLE
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        with open(arguments.output, 'w', encoding='utf-8', newline='\n') as file:
            file.write(text)
    return CLEAN


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no number of 1 or more')
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition('=')
    if not key or not equals:
        raise argparse.ArgumentTypeError(f'{text!r} is not KEY=VALUE')
    return key, value


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


def _check(arguments: argparse.Namespace) -> int:
    from . import scanner
    from .check import checker
    from .check.subjects import Options
    from .diagnostics import BuildRefused

    try:
        loaded = scanner.load()
    except BuildRefused as error:
        from . import report
        report.show(error.diagnostics)
        return UNUSABLE
    python = ''
    if arguments.python:
        from . import interpreters
        python = str(interpreters.named(arguments.python[0]))
    options = Options(arguments.jobs, python, arguments.max_inflated)
    # The facts live as long as the process: going through them for cycles costs more than it frees.
    gc.disable()
    try:
        with _Progress() as progress:
            results = checker.check(arguments.named, loaded, options, progress.show if progress.possible else None)
    finally:
        gc.enable()
    if arguments.fix is not None:
        from .check import fix
        with _ends_orderly():
            results, done = fix.run(results, arguments.fix, loaded, options)
        for line in done:
            print(line, file=sys.stderr)
    if arguments.do_import:
        from . import interpreters
        from .check import imports
        try:
            found = interpreters.find(arguments.python)
        except BuildRefused as error:
            from . import report
            report.show(error.diagnostics)
            return UNUSABLE
        if not arguments.python:
            # Of several releases of one version the newest will do.
            found = list({interpreter.tag: interpreter for interpreter in found}.values())
        with _ends_orderly():
            results = imports.run(results, found, arguments.max_inflated)
    status = exit_status(results, arguments.fail_on)
    _write(results, arguments, loaded.stable_abi_source, status)
    return status


def _inspect(arguments: argparse.Namespace) -> int:
    import pathlib

    from .diagnostics import BuildRefused
    from .inspection import outcome, output, surroundings

    config = dict(arguments.config_setting)
    # A build with any interpreter is then for this target.
    target = config.get('target') or os.environ.get('MESONBUILD_FT_TARGET')
    names = [*arguments.named, *([target] if target else [])]
    try:
        project = surroundings.project(pathlib.Path.cwd(), config)
    except BuildRefused as error:
        from . import report
        report.show(error.diagnostics)
        return UNUSABLE
    found, findings = surroundings.find(names, and_machine=arguments.all or not names)
    rows = outcome.rows(found, project) if project is not None else []
    status = CLEAN
    if any(finding.severity == 'error' for row in rows for finding in row.findings):
        status = FINDINGS
    if findings:
        status = UNUSABLE
    if arguments.format == 'json':
        output.write_json(
            found, rows, project, findings, sys.stdout, version=__version__, exit_status=status)
    else:
        output.write(found, rows, project, findings, sys.stdout)
    return status


@contextlib.contextmanager
def _ends_orderly() -> typing.Iterator[None]:
    """SIGTERM and SIGHUP end the command like an exception, so that what is temporary is removed."""
    import signal
    import threading

    def end(number: int, _: object) -> typing.NoReturn:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM, getattr(signal, 'SIGHUP', signal.SIGTERM)]
    before = {number: signal.signal(number, end) for number in dict.fromkeys(numbers)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_status(results: typing.Iterable[typing.Any], fail_on: str) -> int:
    """The worst of all results."""
    failing = ('error', 'warning', 'hint')[:('error', 'warning', 'hint').index(fail_on) + 1]
    verdicts = {result.verdict for result in results}
    if 'unusable' in verdicts:
        return UNUSABLE
    return FINDINGS if verdicts & set(failing) else CLEAN


def _write(results: typing.Any, arguments: argparse.Namespace, stable_abi: str, status: int) -> None:
    stream = sys.stdout
    if arguments.format == 'json':
        from .output import as_json
        as_json.write(results, stream, version=__version__, stable_abi=stable_abi, fail_on=arguments.fail_on,
                          exit_status=status)
    elif arguments.format == 'sarif':
        from .output import sarif
        sarif.write(results, stream, version=__version__, exit_status=status)
    elif arguments.format == 'github':
        from .output import github
        github.write(results, stream, verbose=arguments.verbose)
    elif arguments.format == 'markdown':
        from .output import markdown
        markdown.write(results, stream, verbose=arguments.verbose)
    else:
        from .output import table
        table.write(results, stream, verbose=arguments.verbose)


class _Progress:
    """A bar on a terminal, with rich, once the work has taken some time."""

    def __init__(self) -> None:
        from .output import table

        self.possible = sys.stderr.isatty() and table.wants_rich(sys.stderr)
        self._bar: typing.Any = None
        self._task: typing.Any = None
        self._start = 0.0

    def __enter__(self) -> _Progress:
        import time

        self._start = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """done, total: bytes."""
        import time

        if self._bar is None:
            if time.monotonic() - self._start < _PATIENCE or done >= total:
                return
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

            self._bar = Progress(TextColumn('scanning'), BarColumn(), DownloadColumn(), transient=True,
                                 console=Console(file=sys.stderr))
            self._bar.start()
            self._task = self._bar.add_task('', total=total)
        self._bar.update(self._task, completed=done)


def _explain(arguments: argparse.Namespace) -> int:
    from . import pages
    from .diagnostics import IDENTIFIERS
    from .output import table

    if arguments.identifier is None:
        width = max(map(len, IDENTIFIERS))
        for identifier, meaning in IDENTIFIERS.items():
            print(f'{identifier:{width}}  {meaning}')
        return CLEAN
    if arguments.identifier not in IDENTIFIERS:
        import difflib

        near = difflib.get_close_matches(arguments.identifier, IDENTIFIERS, n=3)
        advice = f'; did you mean {" or ".join(near)}?' if near else '; `mesonbuild-ft explain` lists all'
        print(f'mesonbuild-ft: there is no finding {arguments.identifier!r}{advice}', file=sys.stderr)
        return UNUSABLE
    page = pages.read(arguments.identifier) or f'# {arguments.identifier}\n\n{IDENTIFIERS[arguments.identifier]}\n'
    if table.wants_rich(sys.stdout):
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page))
    else:
        print(page, end='')
    return CLEAN
