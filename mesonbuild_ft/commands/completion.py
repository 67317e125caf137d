# SPDX-License-Identifier: MIT
"""`mesonbuild-ft completion`: the script with which a shell completes this command.

The scripts are written by tools/write_reference.py. A wheel installs them where the shells look for them, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import typing

from . import status


SHELLS: typing.Final = ('bash', 'zsh', 'fish')
EXIT_STATUS: typing.Final = {0: 'always'}
EXAMPLES: typing.Final = (
    ('In ~/.bashrc', 'eval "$(mesonbuild-ft completion bash)"'),
    ('In ~/.zshrc, below compinit', 'eval "$(mesonbuild-ft completion zsh)"'),
    ('In ~/.config/fish/config.fish', 'mesonbuild-ft completion fish | source'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s SHELL'
    parser.description = (
        'Print the script with which a shell completes the arguments of mesonbuild-ft. Nothing has to be done where '
        'the shell finds it by itself: it is installed as share/bash-completion/completions/mesonbuild-ft, '
        'share/zsh/site-functions/_mesonbuild-ft and share/fish/vendor_completions.d/mesonbuild-ft.fish.'
    )
    parser.add_argument('shell', choices=SHELLS, metavar='SHELL', help='bash, zsh or fish')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(os.path.join(package, 'manual', f'mesonbuild-ft.{arguments.shell}'), encoding='utf-8') as file:
        sys.stdout.write(file.read())
    return status.CLEAN
