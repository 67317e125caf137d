# SPDX-License-Identifier: MIT
"""Import the extension modules of a wheel for real, each in a fresh process, and say what became of the GIL."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import typing

from ..interpreters import Interpreter


#: Longest that the import of one module may take, in seconds.
TIME_LIMIT: typing.Final = 120

#: Runs in the target interpreter: standard library only, and old versions. The answer goes to a file, since a
#: module may print.
_CODE: typing.Final = '''
import json, os, site, sys, warnings
answer, directory, name = json.loads(sys.argv[1])
same = lambda path: os.path.normcase(os.path.realpath(path))
paths = [same(path) for path in sys.path]
if same(directory) not in paths:
    # Where installers put it: behind the standard library, of which there are backports, and ahead of all else.
    places = [same(path) for path in getattr(site, "getsitepackages", list)()]
    sys.path.insert(next((i for i, path in enumerate(paths) if path in places), len(paths)), directory)
enabled = getattr(sys, "_is_gil_enabled", lambda: True)
before, error, missing = enabled(), "", ""
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        __import__(name)
    except BaseException as problem:
        error = "%s: %s" % (type(problem).__name__, problem)
        # Packages like to say in words of their own that another one is missing.
        while problem is not None and not missing:
            if isinstance(problem, ModuleNotFoundError):
                missing = problem.name or ""
            problem = problem.__cause__ or problem.__context__
messages = [str(w.message) for w in caught]
with open(answer, "w", encoding="utf-8") as file:
    json.dump({"gil_before": before, "gil_after": enabled(), "error": error, "missing": missing,
               "warnings": [m for m in messages if "GIL" in m]}, file)
'''
#: What it has, and of which types.
_NO_ANSWER: typing.Final[dict[str, typing.Any]] = {
    'gil_before': True, 'gil_after': True, 'error': '', 'missing': '', 'warnings': []}
_BLAMED: typing.Final = re.compile(r"to load module '([^']+)'")


@dataclasses.dataclass(frozen=True)
class Import:
    """What one interpreter did with one module.

    gil_before, gil_after: whether the GIL was enabled. warnings: the interpreter's own, about the GIL.
    error: why it was not imported; '' if it was. missing: the module that another distribution would have to
    provide, where that is why.
    """

    module: str
    interpreter: Interpreter
    gil_before: bool = True
    gil_after: bool = True
    warnings: tuple[str, ...] = ()
    error: str = ''
    missing: str = ''

    @property
    def blamed(self) -> str:
        """The module that switched the GIL on, as the interpreter names it; '' if none did."""
        match = _BLAMED.search(self.warnings[0]) if self.warnings else None
        return match[1] if match else ''


def module_name(path: str) -> str:
    """The name to import for a module's path in a wheel: 'pkg/one.abi3.so' -> 'pkg.one'."""
    directory, _, file = path.rpartition('/')
    # What goes to another place is named in PEP 427: <name>-<version>.data/platlib/…
    directory = re.sub(r'^[^/]+\.data/(?:plat|pure)lib(?:/|$)', '', directory)
    stem = file.split('.', 1)[0]
    parts = [*directory.split('/'), stem] if directory else [stem]
    if len(parts) > 1 and parts[-1] == '__init__':
        del parts[-1]
    return '.'.join(parts)


class Processes:
    """The processes that imports run in: each a session of its own, which a terminal or a service does not end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(
        self, command: list[str], work: str, said: pathlib.Path, limit: float | None = TIME_LIMIT,
    ) -> int:
        """Run a command to its end; its standard error goes to `said`. limit: seconds. Returns its status.

        Output goes to files: a process that the module leaves behind would keep a pipe open.
        """
        with open(said, 'wb') as errors:
            with self._lock:
                if self._stopped:
                    raise InterruptedError
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, cwd=work,
                    start_new_session=True)
                self._running.add(process)
            try:
                return process.wait(limit)
            finally:
                with self._lock:
                    self._running.discard(process)
                _kill(process)
                process.wait()

    @property
    def stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        """End all that run, and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == 'posix':
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def import_module(
    interpreter: Interpreter, directory: pathlib.Path, name: str, processes: Processes | None = None,
) -> Import:
    """Import `name` from `directory` in a fresh, isolated process; what else it needs comes from the interpreter.

    The standard library comes first, as for what is installed. processes: to stop it with.
    """
    processes = processes or Processes()
    with tempfile.TemporaryDirectory(prefix='mesonbuild-ft-import-') as work:
        answer = pathlib.Path(work, 'answer.json')
        argument = json.dumps([os.fspath(answer), os.fspath(directory), name])
        said = pathlib.Path(work, 'said.txt')
        try:
            status = processes.run([interpreter.executable, '-I', '-B', '-c', _CODE, argument], work, said)
        except subprocess.TimeoutExpired:
            return Import(name, interpreter, error=f'the import did not end within {TIME_LIMIT} s')
        except OSError as error:
            return Import(name, interpreter, error=f'the interpreter cannot be run: {error}')
        try:
            found = {**_NO_ANSWER, **json.loads(answer.read_text(encoding='utf-8'))}
            if any(type(found[key]) is not type(value) for key, value in _NO_ANSWER.items()):
                raise ValueError
        # The module could write it, too.
        except (OSError, ValueError, TypeError):
            return Import(name, interpreter, error=_how_it_ended(status, said.read_text(errors='replace')))
    missing = found['missing']
    if missing and (directory / missing.split('.', 1)[0]).exists():
        # A part of the wheel itself is no other distribution.
        missing = ''
    return Import(name, interpreter, found['gil_before'], found['gil_after'], tuple(map(str, found['warnings'])),
                  found['error'], missing)


def _how_it_ended(status: int, errors: str) -> str:
    """Why a process ended without an answer, in words."""
    lines = errors.strip().splitlines()
    said = f': {lines[0]}' if lines else ''
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f'signal {-status}'
        return f'the interpreter crashed ({name}){said}'
    return f'the interpreter ended with status {status}{said}'
