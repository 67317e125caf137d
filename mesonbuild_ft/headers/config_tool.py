# SPDX-License-Identifier: MIT
"""The command mesonbuild-ft-config: where the C headers are, for builds that do not use pkg-config."""

from __future__ import annotations

import argparse
import shlex
import typing

from .. import __version__
from . import INCLUDE_DIRECTORY, PKG_CONFIG_DIRECTORY


def run(arguments: typing.Sequence[str] | None = None) -> int:
    """Print what is asked for, a line each; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog='mesonbuild-ft-config', description='Where the C headers of mesonbuild-ft are.')
    parser.add_argument('--version', action='version', version=__version__)
    answers: dict[str, tuple[str, str]] = {
        'includedir': (INCLUDE_DIRECTORY.as_posix(), 'print the include directory'),
        'cflags': (shlex.quote(f'-I{INCLUDE_DIRECTORY.as_posix()}'), 'print the compiler option that names it'),
        'pkgconfigdir': (PKG_CONFIG_DIRECTORY.as_posix(), 'print the directory of mesonbuild-ft.pc'),
    }
    for name, (_, text) in answers.items():
        parser.add_argument(f'--{name}', action='store_true', help=text)
    wanted = vars(parser.parse_args(arguments))
    if not any(wanted.values()):
        parser.error(f'one of {", ".join(f"--{name}" for name in answers)} is needed')
    for name, (answer, _) in answers.items():
        if wanted[name]:
            print(answer)
    return 0
