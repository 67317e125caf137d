# SPDX-License-Identifier: MIT
"""What the parsers of mesonbuild-ft say, as a manual page and as a page of the reference.

The same for every version of Python that writes it: argparse words and breaks usage lines differently in each.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib
import re
import sys
import textwrap
import typing

from mesonbuild_ft import __version__, cli
from mesonbuild_ft.commands.help import Example


#: Environment variables that a person sets.
ENVIRONMENT: typing.Final = {
    'MESONBUILD_FT_TARGET': 'The interpreter to build for: its build-details.json or prefix directory, as -Ctarget.',
    'NO_COLOR, FORCE_COLOR': 'Whether tables have colour, where rich is installed.',
}


@dataclasses.dataclass(frozen=True)
class Argument:
    """A positional argument or an option: how it is written, such as '-o, --output FILE', and what it does."""

    written: str
    help: str


@dataclasses.dataclass(frozen=True)
class Command:
    """A sub-command. usage: what follows the name of the program."""

    name: str
    usage: str
    summary: str
    description: str
    positional: tuple[Argument, ...]
    options: tuple[Argument, ...]
    statuses: typing.Mapping[int, str]
    examples: tuple[Example, ...]


def commands() -> list[Command]:
    """All sub-commands, in the order of `--help`."""
    parser = cli.parser(*cli.COMMANDS)
    sub = subparsers(parser)
    result = []
    for name, summary in cli.COMMANDS.items():
        command, module = sub[name], importlib.import_module(f'mesonbuild_ft.commands.{name}')
        actions = [action for action in command._actions if action.help != argparse.SUPPRESS and action.dest != 'help']
        result.append(Command(
            name, (command.usage or '').replace('%(prog)s', name), summary, command.description or '',
            tuple(_argument(command, action) for action in actions if not action.option_strings),
            tuple(_argument(command, action) for action in actions if action.option_strings),
            module.EXIT_STATUS, module.EXAMPLES))
    return result


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Name of a sub-command -> its parser."""
    action, = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Argument:
    value = ''
    if action.nargs != 0:
        value = str(action.metavar or ('|'.join(map(str, action.choices)) if action.choices else action.dest.upper()))
    written = ' '.join(filter(None, [', '.join(action.option_strings), value]))
    return Argument(written, (action.help or '') % {**vars(action), 'prog': parser.prog})


def markdown() -> str:
    """docs/reference/commands.md."""
    lines = [
        '<!-- SPDX-License-Identifier: MIT -->', '<!-- Written by tools/write_reference.py -->', '# Commands', '',
        _sentence(cli.parser().description or ''), '',
        '`mesonbuild-ft COMMAND --help` prints what stands here, and `man mesonbuild-ft` shows it.', '',
        '| Command | What it does |', '|---|---|']
    found = commands()
    lines += [f'| [`{one.name}`](#mesonbuild-ft-{one.name}) | {one.summary} |' for one in found]
    for one in found:
        lines += ['', f'## mesonbuild-ft {one.name}', '', '```text', f'mesonbuild-ft {one.usage}', '```', '',
                  _markdown(one.description), '']
        lines += [f'- `{argument.written}`: {_markdown(argument.help)}'
                  for argument in (*one.positional, *one.options)]
        lines += ['', '| Exit status | |', '|---|---|']
        lines += [f'| {status} | {_markdown(what)} |' for status, what in one.statuses.items()]
        lines += ['', '```sh']
        for purpose, command in one.examples:
            lines += [f'# {purpose}', command]
        lines += ['```']
    lines += ['', '## Environment', '']
    lines += [f'- `{name}`: {_markdown(what)}' for name, what in ENVIRONMENT.items()]
    return '\n'.join(lines) + '\n'


def _markdown(text: str) -> str:
    """Options and names of files as code."""
    return re.sub(r'(?<![\w`/-])(--?[a-z][\w-]*(?:=\S+[^\s.,;)])?|-C[a-z]+|\w[\w-]*\.(?:json|toml|build)\b)(?!`)',
                  r'`\1`', text)


def _sentence(text: str) -> str:
    return text if text.endswith('.') else f'{text}.'


def man(before: str) -> str:
    """mesonbuild-ft(1). before: the page as it is; its date stays where nothing else changes."""
    match = re.search(r'^\.TH \S+ \S+ "([0-9-]+)"', before, re.MULTILINE)
    if match is not None and _man(match[1]) == before:
        return before
    return _man(datetime.date.today().isoformat())


def _man(date: str) -> str:
    found = commands()
    lines = [
        '.\\" SPDX-License-Identifier: MIT', '.\\" Written by tools/write_reference.py',
        f'.TH MESONBUILD\\-FT 1 "{date}" "mesonbuild\\-ft {_escaped(__version__)}" "User Commands"',
        '.SH NAME', 'mesonbuild\\-ft \\- build and check extension modules for every CPython',
        '.SH SYNOPSIS']
    for one in found:
        lines += ['.B mesonbuild\\-ft', _escaped(one.usage).replace(one.name, f'\\fB{one.name}\\fR', 1), '.br']
    lines += ['.B mesonbuild\\-ft', '\\fB\\-\\-version\\fR | \\fB\\-\\-help\\fR', '.SH DESCRIPTION']
    lines += _paragraph(_sentence(cli.parser().description or ''))
    lines += ['.SH COMMANDS']
    for one in found:
        lines += [f'.SS mesonbuild\\-ft {one.name}', *_paragraph(one.description)]
        for argument in (*one.positional, *one.options):
            lines += ['.TP', _written(argument.written), *_paragraph(_sentence(argument.help))]
        lines += ['.PP', 'Exit status:']
        for status, what in one.statuses.items():
            lines += ['.TP', f'.B {status}', *_paragraph(_sentence(what))]
        lines += ['.PP', 'Examples:']
        for purpose, command in one.examples:
            lines += ['.PP', *_paragraph(f'{purpose}:'), '.PP', '.in +4n', '.EX', _escaped(command), '.EE', '.in']
    lines += ['.SH ENVIRONMENT']
    for name, what in ENVIRONMENT.items():
        lines += ['.TP', f'.B {_escaped(name)}', *_paragraph(what)]
    lines += ['.SH SEE ALSO', '.BR meson (1),', '.BR ninja (1),', '.BR pip (1)']
    return '\n'.join(lines) + '\n'


def _written(text: str) -> str:
    """'-o, --output FILE' with what is typed in bold and the value in italics."""
    names, space, value = text.rpartition(' ')
    if not names:
        names, value = (value, '') if value.startswith('-') else ('', value)
    bold = ', '.join(f'\\fB{_escaped(name)}\\fR' for name in names.split(', ')) if names else ''
    return f'{bold}{space}\\fI{_escaped(value)}\\fR' if value else bold


def _paragraph(text: str) -> list[str]:
    """Lines for a typesetter: each sentence begins one, and none is longer than 78."""
    lines: list[str] = []
    for sentence in re.split(r'(?<=[.:?!]) (?=[A-Z])', ' '.join(text.split())):
        lines += textwrap.wrap(_escaped(sentence), 78, break_on_hyphens=False, break_long_words=False)
    return [f'\\&{line}' if line[0] in ".'" else line for line in lines]


def _escaped(text: str) -> str:
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return ''.join(character if character.isascii() else f'\\[u{ord(character):04X}]' for character in text)


if __name__ == '__main__':
    sys.stdout.write(markdown())
