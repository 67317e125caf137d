# SPDX-License-Identifier: MIT
"""The scripts with which shells complete mesonbuild-ft, made by shtab from the parsers.

What a value is completed with follows from its placeholder in `--help`.
"""

from __future__ import annotations

import argparse
import re
import typing

import manual
import shtab

from mesonbuild_ft import cli
from mesonbuild_ft.commands.completion import SHELLS as SHELLS
from mesonbuild_ft.diagnostics import IDENTIFIERS
from mesonbuild_ft.matrix.data import PLATFORM_NAMES


FILES: typing.Final = {
    'NAME': shtab.glob('*.whl', '*.so', '*.pyd', '*.dylib'),
    'DIRECTORY': shtab.DIRECTORY, 'BUILDDIR': shtab.DIRECTORY, 'FILE': shtab.FILE, 'PYTHON': shtab.FILE}
CHOICES: typing.Final[dict[str, typing.Sequence[str]]] = {
    'ID': tuple(IDENTIFIERS), 'PLATFORM': PLATFORM_NAMES, 'SHELL': SHELLS}
#: Nothing can be said of these.
FREE: typing.Final = frozenset({'FORMAT=FILE', 'KEY=VALUE', 'N', 'SESSION', 'SIZE', 'VERSION', 'YYYY-MM-DD'})


def script(shell: str) -> str:
    """The script for one of SHELLS."""
    parser = cli.parser(*cli.COMMANDS)
    for name, command in manual.subparsers(parser).items():
        # Else shtab takes the whole description.
        command.description = cli.COMMANDS[name]
        for action in command._actions:
            _complete(action)
    text = shtab.complete(parser, shell).rstrip('\n') + '\n'
    if shell == 'zsh':
        # shtab 1.13 says of an argument that may be repeated that nothing comes after it.
        text = re.sub(r'^  "\(\*\)::?', '  "*:', text, flags=re.MULTILINE)
    return text


def _complete(action: argparse.Action) -> None:
    placeholder = str(action.metavar)
    if placeholder in FILES:
        action.complete = FILES[placeholder]  # type: ignore[attr-defined]
    elif placeholder in CHOICES:
        action.choices = CHOICES[placeholder]
