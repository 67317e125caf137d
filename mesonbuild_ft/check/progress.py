# SPDX-License-Identifier: MIT
"""How far a check is, on a terminal."""

from __future__ import annotations

import sys
import time
import typing

from ..output import table


#: Seconds until a bar appears.
_PATIENCE: typing.Final = 1.0


class Progress:
    """A bar on a terminal, with rich, once the work has taken some time."""

    def __init__(self) -> None:
        self.possible = sys.stderr.isatty() and table.wants_rich(sys.stderr)
        self._bar: typing.Any = None
        self._task: typing.Any = None
        self._start = 0.0

    def __enter__(self) -> Progress:
        self._start = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """done, total: bytes."""
        if self._bar is None:
            if time.monotonic() - self._start < _PATIENCE or done >= total:
                return
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress as Bar, TextColumn

            self._bar = Bar(TextColumn('scanning'), BarColumn(), DownloadColumn(), transient=True,
                            console=Console(file=sys.stderr))
            self._bar.start()
            self._task = self._bar.add_task('', total=total)
        self._bar.update(self._task, completed=done)
