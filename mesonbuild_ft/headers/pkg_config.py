# SPDX-License-Identifier: MIT
"""pkg-config that knows mesonbuild-ft and asks another one about everything else.

    python -IS pkg_config.py '["pkg-config"]' [option …] [package …]

The first argument is the command of the other one as JSON, [] where there is none. Used by
meson_arguments.py, with the standard library alone: its start is part of each question.
"""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import subprocess
import sys


NAME = 'mesonbuild-ft'
#: Of pkg-config, whose options these are.
VERSION = '0.29.2'


def main(command: list[str], arguments: list[str]) -> int:
    """Answer one question; returns the exit status."""
    asked = [word for word in arguments if not word.startswith('-')]
    if asked[:1] != [NAME]:
        if command:
            return subprocess.call([*command, *arguments])
        if '--version' in arguments or '--help' in arguments:
            print(VERSION)
            return 0
        if '--list-all' in arguments:
            print(f'{NAME} {NAME} - C headers for extension modules')
            return 0
        print(f'Package {" ".join(asked)} was not found: there is no pkg-config for this machine', file=sys.stderr)
        return 1
    values = {'includedir': _include_directory(), 'version': _version()}
    answers = []
    for word in arguments:
        option, _, value = word.partition('=')
        if option == '--modversion':
            answers.append(values['version'])
        elif option in ('--cflags', '--cflags-only-I'):
            answers.append(shlex.quote(f'-I{values["includedir"]}'))
        elif option == '--variable':
            answers.append(values.get(value, ''))
        elif option == '--print-variables':
            answers += values
    print('\n'.join(answers))
    return 0


def _include_directory() -> str:
    return (pathlib.Path(__file__).resolve().parent.parent / 'include').as_posix()


def _version() -> str:
    text = (pathlib.Path(__file__).resolve().parent.parent / '__init__.py').read_text(encoding='utf-8')
    match = re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE)
    return match[1] if match else ''


if __name__ == '__main__':
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
