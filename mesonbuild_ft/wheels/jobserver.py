# SPDX-License-Identifier: MIT
"""Processors, shared out among all builds and the compilations of each.

A job server as GNU make has it (https://www.gnu.org/software/make/manual/html_node/POSIX-Jobserver.html), which ninja
1.13 and newer take part in: a named pipe holds a token for each processor. Elsewhere the builds alone are counted.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import select
import shutil
import tempfile
import threading
import typing


class JobServer:
    """A context manager. jobs: how much may run at once. path: of the named pipe, which is made anew.

    A path with white space cannot stand in MAKEFLAGS: then the pipe lies in the directory for temporary files.
    """

    def __init__(self, path: pathlib.Path, jobs: int) -> None:
        self._path = path
        self._jobs = jobs
        self._directory: str | None = None
        self._pipe: int | None = None
        self._counted = threading.Semaphore(jobs)
        self._stopped = False

    def __enter__(self) -> JobServer:
        # Whoever calls us may have one, and it is obeyed by ninja itself.
        if hasattr(os, 'mkfifo') and '--jobserver' not in os.environ.get('MAKEFLAGS', ''):
            if re.search(r'\s', os.fspath(self._path)):
                self._directory = tempfile.mkdtemp(prefix='mesonbuild-ft-')
                self._path = pathlib.Path(self._directory, self._path.name)
            self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                os.mkfifo(self._path, 0o600)
                self._pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
                os.write(self._pipe, b'+' * self._jobs)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._pipe is not None:
            os.close(self._pipe)
            self._path.unlink(missing_ok=True)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables by which programs find it."""
        if self._pipe is None:
            return {}
        return {'MAKEFLAGS': f'-j{self._jobs} --jobserver-auth=fifo:{self._path}'}

    @staticmethod
    def is_refused(log: pathlib.Path) -> bool:
        """Whether a build ended because of it: GNU make before 4.4 stops where it finds a named pipe in MAKEFLAGS."""
        try:
            return b'invalid --jobserver-auth string' in log.read_bytes()
        except OSError:
            return False

    def stop(self) -> None:
        """Whoever waits gives up."""
        self._stopped = True

    @contextlib.contextmanager
    def one(self) -> typing.Iterator[None]:
        """Wait until one more process may run, which is the one of the caller. Raises InterruptedError."""
        token = self._take()
        try:
            yield
        finally:
            if token:
                assert self._pipe is not None
                os.write(self._pipe, token)
            else:
                self._counted.release()

    def _take(self) -> bytes:
        while not self._stopped:
            if self._pipe is None:
                if self._counted.acquire(timeout=0.1):
                    return b''
                continue
            select.select([self._pipe], [], [], 0.1)
            try:
                return os.read(self._pipe, 1)
            except BlockingIOError:
                # Somebody else was faster.
                continue
        raise InterruptedError
