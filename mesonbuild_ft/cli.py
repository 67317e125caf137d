# SPDX-License-Identifier: MIT
"""The command `mesonbuild-ft`. Only the sub-command that is asked for is imported, and what it needs when it runs."""

from __future__ import annotations

import argparse
import importlib
import itertools
import os
import re
import sys
import typing

from . import __version__
from .commands import help, status


#: Each is a module of `commands`. What a list of them says of it.
COMMANDS: typing.Final = {
    'check': 'check wheels, directories, extension modules and installed packages',
    'inspect': 'list interpreters, and the wheels that a project yields',
    'explain': 'print the page of a finding',
    'matrix': 'say which wheels a project needs, who builds each, and who tests it',
    'setup': 'meson setup, configured as a build of a wheel is',
    'migrate': 'change a project from meson-python or setuptools to mesonbuild-ft',
    'wheels': 'build every wheel that a project needs, check it, and import it',
    'completion': 'print the script with which a shell completes all this',
}
#: What stands after -- is for another program. argparse would not take it after an option.
PASSES_ON: typing.Final = ('setup',)
EXAMPLES: typing.Final = (
    ('Which wheels does this project yield, and why', 'mesonbuild-ft inspect'),
    ('Build them, and import each wherever it serves', 'mesonbuild-ft wheels'),
    ('Are they what their tags say', 'mesonbuild-ft check dist'),
)


def main(arguments: typing.Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):
            # A name in an archive may have any character, the output not.
            stream.reconfigure(errors='backslashreplace')
    parsed = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        ended = int(parsed.run(parsed))
        sys.stdout.flush()
        return ended
    except BrokenPipeError:
        # Whoever read the output has seen enough, such as `head`. Nothing may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a shell says that SIGPIPE ended a program
    except OSError as error:
        # Files that are checked have findings of their own: this is the output.
        where = f'{error.filename}: ' if error.filename else ''
        print(f'mesonbuild-ft: the output cannot be written: {where}{error.strerror or error}', file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status.UNUSABLE
    except KeyboardInterrupt:
        return 130


def _open_streams() -> None:
    """Let a standard stream that is closed lead nowhere: else the next file that is opened would take its number."""
    for number, name in enumerate(('stdin', 'stdout', 'stderr')):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, 'w' if number else 'r', closefd=False))  # noqa: SIM115


def parse(arguments: typing.Sequence[str]) -> argparse.Namespace:
    """The arguments of the sub-command that they name, and as `run` what takes them. Raises SystemExit."""
    # None of the options before it takes a value.
    asked = next((argument for argument in arguments if not argument.startswith('-')), '')
    if asked and asked not in COMMANDS:
        _no_such_command(asked)
    end = list(arguments).index('--') if asked in PASSES_ON and '--' in arguments else len(arguments)
    if arguments and arguments[0] in COMMANDS:
        # The parsers of the other commands cost more than most checks.
        command = argparse.ArgumentParser(prog=f'mesonbuild-ft {asked}', formatter_class=help.Formatter)
        _describe(command, asked)
        _check_options(command, asked, arguments[1:end])
        parsed = command.parse_args(arguments[1:end])
    else:
        command = parser(asked)
        _check_options(command, '', itertools.takewhile(lambda argument: argument != asked, arguments))
        parsed = command.parse_args(arguments[:end])
    parsed.passed_on = list(arguments[end + 1:])
    return parsed


def _no_such_command(asked: str) -> typing.NoReturn:
    """Say so, with the one that is likely meant, and end. Raises SystemExit."""
    from . import suggestions

    near = suggestions.nearest(asked, COMMANDS)
    meant = f'is `mesonbuild-ft {near}` meant?' if near else f'there are {", ".join(COMMANDS)}'
    parser().error(f'there is no command {asked}: {meant}')


def _check_options(command: argparse.ArgumentParser, asked: str, arguments: typing.Iterable[str]) -> None:
    """Say of the first option that there is none of that name which one is likely meant. Raises SystemExit.

    argparse would first say what else is missing, and names none that is near.
    """
    known = command._option_string_actions
    rest = itertools.takewhile(lambda argument: argument != '--', arguments)
    for argument in rest:
        name = argument.partition('=')[0]
        if argument in known and known[argument].nargs is None:
            next(rest, None)  # its value, which argparse judges
        # Of short ones the value may follow at once; what has spaces is no option for argparse.
        if not re.match(r'-[-a-zA-Z][a-zA-Z]', name) or ' ' in argument or any(
                option.startswith(name) or (option == name[:2] != '--') for option in known):
            continue
        from . import suggestions

        near = suggestions.option(name, command._actions)
        meant = (f'is {near} meant?' if near else 'what is for meson setup follows after --' if asked in PASSES_ON
                 else f'`{command.prog} --help` lists them')
        command.error(f'there is no option {name}: {meant}')


def parser(*asked: str) -> argparse.ArgumentParser:
    """The parser of the command line, with the arguments of these sub-commands: what they say is read from them."""
    result = argparse.ArgumentParser(
        prog='mesonbuild-ft', formatter_class=help.Formatter,
        description='Say which wheels a project yields, of extension modules what they are, and whether their tags '
                    'are true.',
        epilog='See also: mesonbuild-ft COMMAND --help, man mesonbuild-ft.')
    result.add_argument('--version', action='version', version=f'mesonbuild-ft {__version__}')
    commands = result.add_subparsers(title='commands', required=True, metavar='COMMAND')
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, formatter_class=help.Formatter)
        if name in asked:
            _describe(command, name)
    help.add_sections(result, {}, EXAMPLES)
    return result


def _describe(command: argparse.ArgumentParser, name: str) -> None:
    """Add what the module of a sub-command says of it."""
    module = importlib.import_module(f'{__package__}.commands.{name}')
    module.add_arguments(command)
    help.add_sections(command, module.EXIT_STATUS, module.EXAMPLES)
