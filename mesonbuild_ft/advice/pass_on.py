# SPDX-License-Identifier: MIT
"""A program that passes its input on to its output, and into a file: `pass_on.py FILE` (recording.py).

A process of its own: in this one a thread would stand in the way of forks, and what fails in it would be nobody's.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import typing


#: Ends the input. A program that goes on, such as a server of a compiler cache, may keep the pipe open.
END: typing.Final = b'\0mesonbuild-ft: the build has ended\0'


def main() -> None:
    """Until END, or the end of the input. Whoever writes to a closed output is told so: this ends, as that would."""
    # An interrupt ends the compilers, whose last words are passed on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    writable = True
    waiting = b''
    with open(sys.argv[1], 'wb', buffering=0) as file:
        while read := os.read(0, 65536):
            waiting += read
            end = waiting.find(END)
            # What may be the beginning of the end waits for the rest.
            start = waiting.find(END[:1], max(0, len(waiting) - len(END) + 1))
            until = end if end >= 0 else start if start >= 0 else len(waiting)
            passed, waiting = waiting[:until], waiting[until:]
            with contextlib.suppress(OSError):
                file.write(passed)
            try:
                if writable:
                    write(passed)
            except BrokenPipeError:
                return
            except OSError:
                # A full disk stops no build.
                writable = False
            if end >= 0:
                return


def write(data: bytes) -> None:
    """Write all of it to the standard output. Raises OSError."""
    while data:
        try:
            data = data[os.write(1, data):]
        except BlockingIOError:
            select.select([], [1], [])


if __name__ == '__main__':
    main()
