# SPDX-License-Identifier: MIT
"""How a sub-command ends."""

from __future__ import annotations

import contextlib
import typing


if typing.TYPE_CHECKING:
    from ..diagnostics import BuildRefused

#: Exit status: nothing to complain about; findings, in `check` at or above --fail-on; input that cannot be judged.
CLEAN, FINDINGS, UNUSABLE = 0, 1, 2


def enter(directory: str | None) -> None:
    """Go on as if the command were started there. Raises BuildRefused."""
    import os

    from ..diagnostics import BuildRefused, from_os_error

    try:
        os.chdir(directory or os.curdir)
    except OSError as error:
        raise BuildRefused(from_os_error(error)) from error


def refused(error: BuildRefused, status: int = UNUSABLE) -> int:
    """Show why; returns the status."""
    from .. import report

    report.show(error.diagnostics)
    return status


@contextlib.contextmanager
def ends_orderly() -> typing.Iterator[None]:
    """SIGTERM and SIGHUP end the command like an exception, so that what is temporary is removed."""
    import signal
    import threading

    def end(number: int, _: object) -> typing.NoReturn:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM, getattr(signal, 'SIGHUP', signal.SIGTERM)]
    before = {number: signal.signal(number, end) for number in dict.fromkeys(numbers)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
