# SPDX-License-Identifier: MIT
"""The result of `mesonbuild-ft check` as annotations of GitHub Actions, one for each kind of finding in a file.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import typing

from ..check.checker import Checked
from . import summary, table


_COMMANDS: typing.Final = {'error': 'error', 'warning': 'warning', 'hint': 'notice'}


def write(results: typing.Sequence[Checked], stream: typing.TextIO, *, verbose: bool = False) -> None:
    """Print the annotations, and a last line for people. verbose: every finding of a kind."""
    shown = None if verbose else summary.SHOWN
    for group in summary.groups(results):
        text = '\n'.join([*group.lines(shown), *(f'To do: {advice}' for advice in group.advice[:shown])])
        properties = f'file={_property(group.checked.path)},title={_property(group.identifier)}'
        print(f'::{_COMMANDS[group.severity]} {properties}::{_data(text)}', file=stream)
    print(summary.printable(table.closing(results)), file=stream)


def _data(text: str) -> str:
    lines = (summary.printable(line) for line in text.split('\n'))
    return '%0A'.join(line.replace('%', '%25') for line in lines)


def _property(text: str) -> str:
    return summary.printable(text).replace('%', '%25').replace(':', '%3A').replace(',', '%2C')
