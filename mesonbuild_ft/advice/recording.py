# SPDX-License-Identifier: MIT
"""The output of a build, recorded while it is passed on."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import typing

from . import pass_on


@contextlib.contextmanager
def recorded(output: bytearray) -> typing.Iterator[None]:
    """Add to `output` what is written to standard output meanwhile, also by programs, and pass it on."""
    sys.stdout.flush()
    before = os.dup(1)
    with tempfile.TemporaryDirectory(prefix='mesonbuild-ft-') as directory:
        kept = pathlib.Path(directory, 'output')
        process = subprocess.Popen(
            [sys.executable, '-I', '-S', pathlib.Path(pass_on.__file__).resolve(), kept], stdin=subprocess.PIPE)
        assert process.stdin is not None
        os.dup2(process.stdin.fileno(), 1)
        stream = sys.stdout
        try:
            # One that was opened for a file would seek in it.
            encoding = getattr(stream, 'encoding', None)
            with open(1, 'w', encoding=encoding, errors='replace', closefd=False) as sys.stdout:
                yield
        finally:
            sys.stdout = stream
            os.dup2(before, 1)
            os.close(before)
            # Where the output was closed, it has ended before.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                os.write(process.stdin.fileno(), pass_on.END)
            process.wait()
            with contextlib.suppress(FileNotFoundError):
                output += kept.read_bytes()
