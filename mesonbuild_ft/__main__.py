# SPDX-License-Identifier: MIT
"""`mesonbuild-ft` and `python -m mesonbuild_ft`."""

from __future__ import annotations

import os
import sys
import typing

from . import cli


def run() -> typing.NoReturn:
    """The command, which ends the process."""
    status = cli.main()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by whoever started this
            stream.flush()
    # Nothing is left but memory, and the system gives that back faster than Python does.
    os._exit(status)


if __name__ == '__main__':
    run()
