# SPDX-License-Identifier: MIT
"""What interpreters said of themselves, remembered in the user's cache directory.

An answer holds as long as no file that decides on it changes (path, time of change, size, inode), nor anything else
that does. A cache that is damaged or cannot be written is as good as none.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import typing
import zlib

from . import interpreters
from .interpreters import Interpreter
from .target import Target


#: They choose the libpython that is loaded, or what `sysconfig.get_platform()` says on macOS.
_VARIABLES: typing.Final = (
    'LD_LIBRARY_PATH', 'LD_PRELOAD', 'DYLD_LIBRARY_PATH', 'DYLD_FRAMEWORK_PATH', 'DYLD_INSERT_LIBRARIES',
    'MACOSX_DEPLOYMENT_TARGET', 'ARCHFLAGS')

Signature = typing.Optional[list[int]]


class Cache:
    """A function like `interpreters.probe` that remembers; to be used as a context manager, which writes it."""

    def __init__(self) -> None:
        self._path = directory() / 'interpreters.json'
        self._valid_for = _surroundings()
        self._entries: dict[str, typing.Any] = {}
        self._changed = False

    def __enter__(self) -> Cache:
        try:
            data = json.loads(self._path.read_text(encoding='utf-8'))
            if data['valid_for'] == self._valid_for and isinstance(data['interpreters'], dict):
                self._entries = data['interpreters']
        except (OSError, ValueError, KeyError, TypeError):
            # None yet, or a damaged one: it is written anew.
            pass
        return self

    def __exit__(self, *_: object) -> None:
        if not self._changed:
            return
        import tempfile

        kept = {path: entry for path, entry in self._entries.items() if os.path.exists(path)}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Several processes may write at once.
            with tempfile.NamedTemporaryFile('w', encoding='utf-8', dir=self._path.parent, delete=False) as file:
                json.dump({'valid_for': self._valid_for, 'interpreters': kept}, file)
            os.replace(file.name, self._path)
        except OSError:
            # A read-only home: the next call asks again.
            pass

    def probe(self, executable: pathlib.Path) -> Interpreter | None:
        """`interpreters.probe`, of which nothing is run where the answer is known."""
        try:
            return self._remembered(os.path.abspath(executable))
        except LookupError:
            return self._ask(executable)

    def probe_all(self, executables: typing.Sequence[pathlib.Path]) -> list[Interpreter | None]:
        """The same for several; those whose answers are not known are asked at once."""
        answers: dict[pathlib.Path, Interpreter | None] = {}
        for executable in executables:
            try:
                answers[executable] = self._remembered(os.path.abspath(executable))
            except LookupError:
                continue
        unknown = [executable for executable in executables if executable not in answers]
        if unknown:
            answers.update(zip(unknown, interpreters.probe_all(unknown, self._ask), strict=True))
        return [answers[executable] for executable in executables]

    def _remembered(self, path: str) -> Interpreter | None:
        """Raises LookupError where the answer is not known, is out of date or damaged."""
        try:
            entry = self._entries[path]
            if not entry['files'] or any(signature(name) != known for name, known in entry['files'].items()):
                raise LookupError(path)
            said = entry['said']
            return None if said is None else Interpreter(said[0], Target.from_json(said[1]))
        except (ValueError, TypeError, AttributeError) as error:
            raise LookupError(path) from error

    def _ask(self, executable: pathlib.Path) -> Interpreter | None:
        path = os.path.abspath(executable)
        answer = interpreters.ask(executable)
        if answer is None or not _may_be_remembered(path):
            # It may not run for a reason that goes away.
            return answer.interpreter if answer else None
        found = answer.interpreter
        self._changed = True
        self._entries[path] = {
            'files': {name: signature(name) for name in (path, *answer.files)},
            'said': None if found is None else [found.executable, found.target.to_json()]}
        return found


def directory() -> pathlib.Path:
    """Where the user's caches of mesonbuild-ft are."""
    if sys.platform == 'win32':
        parent = os.environ.get('LOCALAPPDATA') or os.path.expanduser('~/AppData/Local')
    else:
        parent = os.environ.get('XDG_CACHE_HOME', '')
        # A relative one is to be ignored (XDG Base Directory Specification).
        parent = parent if os.path.isabs(parent) else os.path.expanduser('~/.cache')
    return pathlib.Path(parent, 'mesonbuild-ft')


def signature(path: str) -> Signature:
    """What tells a file from another one, and from itself after a change; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev]


def _may_be_remembered(path: str) -> bool:
    """Not scripts, which start whatever they like, nor the empty files by which Windows offers a download."""
    try:
        with open(path, 'rb') as file:
            return file.read(2) not in (b'#!', b'')
    except OSError:
        return False


def _surroundings() -> list[typing.Any]:
    """What decides on all answers: the questions, some variables, and the machine that the kernel says it is."""
    questions = pathlib.Path(interpreters.__file__).with_name('target.py').read_bytes()
    machine = os.uname().machine if hasattr(os, 'uname') else os.environ.get('PROCESSOR_ARCHITECTURE', '')
    return [zlib.crc32(questions), machine, [os.environ.get(name) for name in _VARIABLES]]
