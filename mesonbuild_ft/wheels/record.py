# SPDX-License-Identifier: MIT
"""What was built before and from what, so that a second run does only what changed.

A build is repeated when a file of the project, a file that the compiler read, a setting, an environment variable, the
interpreter or what is installed in the build environment is another one than it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import typing

from .. import interpreter_cache


#: Variables that change between two runs without any effect on what is built.
_VOLATILE: typing.Final = frozenset({
    '_', 'PWD', 'OLDPWD', 'SHLVL', 'COLUMNS', 'LINES', 'TERM', 'COLORTERM', 'TERM_PROGRAM', 'TERM_SESSION_ID', 'PS1',
    'WINDOWID', 'SSH_AUTH_SOCK', 'SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY', 'XDG_SESSION_ID', 'PYTEST_CURRENT_TEST',
    'FORCE_COLOR', 'NO_COLOR', 'TMUX', 'TMUX_PANE', 'STY'})
#: Directories of a project that hold no sources.
_NO_SOURCES: typing.Final = frozenset({'__pycache__', 'node_modules'})


class Record:
    """A JSON file. Damaged, or of another version, it is as good as none."""

    _VERSION: typing.Final = 1

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._entries: dict[str, dict[str, typing.Any]] = {}
        try:
            data = json.loads(path.read_text(encoding='utf-8'))
            if data['version'] == self._VERSION:
                self._entries = dict(data['builds'])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def get(self, name: str) -> dict[str, typing.Any]:
        """What is known of a build; empty where nothing is."""
        return self._entries.get(name, {})

    def set(self, name: str, entry: dict[str, typing.Any] | None) -> None:
        """Write down what is known of a build; None forgets it."""
        self._entries.pop(name, None)
        if entry is not None:
            self._entries[name] = entry
        temporary = self._path.with_name(f'{self._path.name}.tmp')
        temporary.write_text(json.dumps({'version': self._VERSION, 'builds': self._entries}), encoding='utf-8')
        temporary.replace(self._path)


def of_sources(source_dir: pathlib.Path, without: typing.Iterable[pathlib.Path]) -> str:
    """A hash of names, sizes and times of a project's files, but for those in `without` and in hidden directories."""
    skipped = {os.fspath(path) for path in without}
    digest = hashlib.sha256()

    def walk(directory: str) -> None:
        with os.scandir(directory) as entries:
            sorted_entries = sorted(entries, key=lambda entry: entry.name)
        names = {entry.name for entry in sorted_entries}
        if directory != os.fspath(source_dir) and names & {'pyvenv.cfg', 'meson-private'}:
            # A virtual environment, or a build directory.
            return
        for entry in sorted_entries:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith('.') and entry.name not in _NO_SOURCES and entry.path not in skipped:
                    walk(entry.path)
                continue
            try:
                status = entry.stat()
            except OSError:
                # A link that leads nowhere.
                continue
            digest.update(f'{entry.path}\0{status.st_size}\0{status.st_mtime_ns}\0'.encode('utf-8', 'surrogateescape'))

    walk(os.fspath(source_dir))
    return digest.hexdigest()


def of_everything(*values: typing.Any) -> str:
    """A hash of JSON values, and of the environment."""
    variables = {name: value for name, value in os.environ.items() if name not in _VOLATILE}
    compilers = [shutil.which(os.environ.get(variable, '').split(' ')[0] or default)
                 for variable, default in (('CC', 'cc'), ('CXX', 'c++'))]
    signatures = [interpreter_cache.signature(os.path.realpath(path)) for path in compilers if path]
    text = json.dumps([values, variables, compilers, signatures], sort_keys=True)
    return hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()


def signatures(paths: typing.Iterable[str]) -> str:
    """A hash of sizes and times of files."""
    return hashlib.sha256(json.dumps([interpreter_cache.signature(path) for path in paths]).encode()).hexdigest()


def read_by_compiler(build_dir: pathlib.Path, source_dir: pathlib.Path, ninja: str) -> list[str]:
    """Files outside of the project that the compiler read, such as Python.h and headers of libraries."""
    result = subprocess.run(
        [ninja, '-C', build_dir, '-t', 'deps'], capture_output=True, text=True, errors='surrogateescape', check=False,
        stdin=subprocess.DEVNULL)
    within = (os.fspath(source_dir) + os.sep, os.fspath(build_dir) + os.sep)
    paths = {os.path.normpath(os.path.join(build_dir, line.strip()))
             for line in result.stdout.splitlines() if line.startswith('    ')}
    return sorted(path for path in paths if not path.startswith(within))
