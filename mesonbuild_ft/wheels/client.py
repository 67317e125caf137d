# SPDX-License-Identifier: MIT
"""The other end of worker.py: calls hooks in a build environment, several at once, and ends them when asked to."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import threading
import types
import typing

from . import worker


#: Seconds that the process has to end what it runs: more than it gives to that.
_PATIENCE: typing.Final = 10.0


class Ended(typing.NamedTuple):
    """How a hook ended. status: 0, or what went wrong is in the log; value: what it returned."""

    status: int
    value: typing.Any


class Worker:
    """A process in a build environment that calls hooks, each in a fork; without forks a process for each.

    backend_path: of [build-system], absolute. variables: of the environment, beside this process's own.
    bytecode: a directory for that of Python modules.
    """

    def __init__(
        self, python: pathlib.Path, backend_path: typing.Sequence[str], variables: typing.Mapping[str, str],
        bytecode: pathlib.Path,
    ) -> None:
        self._command = [
            os.fspath(python), os.fspath(pathlib.Path(__file__).with_name('worker.py')), os.fspath(bytecode)]
        self._backend_path = list(backend_path)
        self._environment = {
            name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'PYTHONHOME')}
        self._environment.update(variables)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._ended: dict[int, Ended] = {}
        self._news = threading.Condition(self._lock)
        self._number = 0
        self._stopped = False
        self._alone: set[subprocess.Popen[str]] = set()

    @property
    def path(self) -> str:
        """PATH of what it runs."""
        return self._environment.get('PATH', os.defpath)

    def call(
        self, hook: str, arguments: typing.Sequence[typing.Any], directory: pathlib.Path, log: pathlib.Path,
        variables: typing.Mapping[str, str] = types.MappingProxyType({}),
    ) -> Ended:
        """Call a hook and wait for its end. Raises InterruptedError once `stop` was called.

        variables: of the environment, for this call.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        # What an earlier run said must not be taken for what this one says.
        log.unlink(missing_ok=True)
        with self._lock:
            self._number += 1
            number = self._number
        job = json.dumps({
            'id': number, 'hook': hook, 'arguments': list(arguments), 'directory': os.fspath(directory),
            'log': os.fspath(log), 'backend_path': self._backend_path, 'variables': dict(variables)})
        if not hasattr(os, 'fork'):
            return self._call_alone(job)
        with self._news:
            if self._stopped:
                raise InterruptedError
            if self._process is None:
                self._start()
            assert self._process is not None
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                # Where the process has died, its end is seen below.
                self._process.stdin.write(job + '\n')
                self._process.stdin.flush()
            while number not in self._ended:
                if self._stopped:
                    raise InterruptedError
                if self._process.poll() is not None and not self._reader.is_alive():
                    return Ended(self._process.returncode or 1, None)
                self._news.wait(0.5)
            return self._ended.pop(number)

    def _start(self) -> None:
        self._process = self._popen()
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _popen(self) -> subprocess.Popen[str]:
        # A session of its own: Ctrl-C is for us, who end what runs in order.
        return subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding='utf-8',
            env=self._environment, start_new_session=os.name == 'posix')

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            answer = json.loads(line)
            with self._news:
                self._ended[answer['id']] = Ended(answer['status'], answer['value'])
                self._news.notify_all()
        if process.wait():
            # Ended by somebody else, so that it could not end what it had started.
            worker.end_session(process.pid)
        with self._news:
            self._news.notify_all()

    def _call_alone(self, job: str) -> Ended:
        with self._lock:
            if self._stopped:
                raise InterruptedError
            process = self._popen()
            self._alone.add(process)
        output, _ = process.communicate(job + '\n')
        with self._lock:
            self._alone.discard(process)
            if self._stopped:
                raise InterruptedError
        if not output:
            return Ended(process.returncode or 1, None)
        answer = json.loads(output)
        return Ended(answer['status'], answer['value'])

    def stop(self) -> None:
        """End everything, and start no more."""
        with self._news:
            self._stopped = True
            self._news.notify_all()
            for process in self._alone:
                process.kill()
        self.close()

    def close(self) -> None:
        """End the process, which ends what runs in it."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            # It ends with its input.
            process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
