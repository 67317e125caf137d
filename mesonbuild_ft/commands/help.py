# SPDX-License-Identifier: MIT
"""What `--help` says beside the arguments: exit statuses and examples, in a layout that keeps their lines.

tools/manual.py makes the manual page and docs/reference/commands.md of the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import typing


#: What a command line is for, and the line, which works.
Example = tuple[str, str]


class Formatter(argparse.HelpFormatter):
    """Keeps lines that begin with a space, breaks no line at a hyphen, and lists commands like options."""

    def __init__(
        self, prog: str, indent_increment: int = 2, max_help_position: int = 24, width: int | None = None,
        **rest: typing.Any,
    ) -> None:
        # argparse makes one for each argument, and would import shutil to ask for the width.
        super().__init__(prog, indent_increment, max_help_position, width or _columns() - 2, **rest)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        lines: list[str] = []
        for line in text.splitlines():
            if line.startswith(' ') or not line:
                lines.append(f'{indent}{line[1:]}'.rstrip())
            else:
                lines += textwrap.wrap(
                    line, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        return '\n'.join(lines)

    def _split_lines(self, text: str, width: int) -> list[str]:
        import textwrap

        return textwrap.wrap(' '.join(text.split()), width, break_on_hyphens=False)

    def _format_action(self, action: argparse.Action) -> str:
        if isinstance(action, argparse._SubParsersAction):
            return ''.join(map(self._format_action, action._get_subactions()))
        return super()._format_action(action)


def _columns() -> int:
    """The width of the terminal, as shutil.get_terminal_size tells it."""
    said = os.environ.get('COLUMNS', '')
    if said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        return (os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ is not None else 0) or 80
    except (OSError, ValueError):
        return 80


def add_sections(
    parser: argparse.ArgumentParser, statuses: typing.Mapping[int, str], examples: typing.Sequence[Example],
) -> None:
    """Say below the arguments which exit statuses there are, and give examples."""
    if statuses:
        parser.add_argument_group('exit status', '\n'.join(f' {status}  {what}' for status, what in statuses.items()))
    parser.add_argument_group('examples', '\n\n'.join(f'{what}:\n   {command}' for what, command in examples))
