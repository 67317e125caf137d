# SPDX-License-Identifier: MIT
"""What was built before and from what, so that a second run does only what changed.

A build is repeated when a file of the project, a file that the build read elsewhere, a setting, an environment
variable, the interpreter or what is installed in the build environment is another one than it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import threading
import typing

from .. import interpreter_cache, tags
from ..meson.tools import VOLATILE


#: Directories of a project that hold no sources, and a lock that Meson writes into subprojects in every build.
_NO_SOURCES: typing.Final = frozenset({'__pycache__', 'node_modules'})
_WRAP_LOCK: typing.Final = '.wraplock'


class Record:
    """A JSON file, which several threads may write. Damaged, or of another version, it is as good as none."""

    _VERSION: typing.Final = 1

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: dict[str, dict[str, typing.Any]] = {}

    def read(self) -> None:
        """Read it, once no other run writes it."""
        try:
            data = json.loads(self._path.read_text(encoding='utf-8'))
            if data['version'] == self._VERSION:
                self._entries = dict(data['builds'])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def get(self, name: str) -> dict[str, typing.Any]:
        """What is known of a build; empty where nothing is."""
        return self._entries.get(name, {})

    def set(self, name: str, entry: dict[str, typing.Any] | None) -> None:
        """Write down what is known of a build; None forgets it."""
        with self._lock:
            self._entries.pop(name, None)
            if entry is not None:
                self._entries[name] = entry
            temporary = self._path.with_name(f'{self._path.name}.tmp')
            temporary.write_text(json.dumps({'version': self._VERSION, 'builds': self._entries}), encoding='utf-8')
            temporary.replace(self._path)


def of_sources(source_dir: pathlib.Path, name: str, without: pathlib.Path) -> str:
    """A hash of a project's files, but for its own wheels and sdists and what is in `without` or hidden directories.

    name: of the project. A version may be computed from tags and commits: those of git count as well.
    """
    # PEP 427 and PEP 625 write the name in this way.
    own = re.compile(rf'{re.escape(tags.normalized(name).replace("-", "_"))}-.*\.(whl|tar\.gz)', re.IGNORECASE)
    skipped = os.fspath(without)
    linked = set()
    digest = hashlib.sha256()

    def add(path: str) -> None:
        try:
            status = os.stat(path)
        except OSError:
            # A link that leads nowhere.
            return
        # Programs are installed with their permissions; what was moved here may have the time of what was there.
        found = [status.st_size, status.st_mtime_ns, status.st_mode, status.st_ino]
        digest.update(f'{path}\0{found}\0'.encode('utf-8', 'surrogateescape'))

    def walk(directory: str) -> None:
        with os.scandir(directory) as entries:
            sorted_entries = sorted(entries, key=lambda entry: entry.name)
        names = {entry.name for entry in sorted_entries}
        if directory != os.fspath(source_dir) and names & {'pyvenv.cfg', 'meson-private'}:
            # A virtual environment, or a build directory.
            return
        for entry in sorted_entries:
            if not entry.is_dir():
                if entry.name != _WRAP_LOCK and not own.fullmatch(entry.name):
                    add(entry.path)
            elif not entry.name.startswith('.') and entry.name not in _NO_SOURCES and entry.path != skipped:
                if entry.is_symlink():
                    # It may lead to sources of another project, or to a directory above.
                    real = os.path.realpath(entry.path)
                    if real in linked or pathlib.Path(real) in (source_dir, *source_dir.parents):
                        continue
                    linked.add(real)
                walk(entry.path)

    walk(os.fspath(source_dir))
    for path in _git_files(source_dir):
        add(os.fspath(path))
    return digest.hexdigest()


def _git_files(source_dir: pathlib.Path) -> list[pathlib.Path]:
    """The files that change with the commit that is checked out and with tags (gitrepository-layout(5))."""
    git = next((directory / '.git' for directory in (source_dir, *source_dir.parents)
                if (directory / '.git').exists()), None)
    if git is None:
        return []
    common = git
    try:
        if git.is_file():
            # A worktree, or a submodule.
            git = common = git.parent / git.read_text(encoding='utf-8').removeprefix('gitdir:').strip()
        common = git / (git / 'commondir').read_text(encoding='utf-8').strip()
    except (OSError, ValueError):
        pass
    return [git / 'HEAD', common / 'packed-refs', *sorted((common / 'refs' / 'heads').rglob('*')),
            *sorted((common / 'refs' / 'tags').rglob('*'))]


def of_everything(*values: typing.Any) -> str:
    """A hash of JSON values, and of the environment."""
    variables = {name: value for name, value in os.environ.items() if name not in VOLATILE}
    compilers = [shutil.which(os.environ.get(variable, '').split(' ')[0] or default)
                 for variable, default in (('CC', 'cc'), ('CXX', 'c++'))]
    signatures = [interpreter_cache.signature(os.path.realpath(path)) for path in compilers if path]
    text = json.dumps([values, variables, compilers, signatures], sort_keys=True)
    return hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()


def signatures(paths: typing.Iterable[str]) -> str:
    """A hash of sizes and times of files."""
    return hashlib.sha256(json.dumps([interpreter_cache.signature(path) for path in paths]).encode()).hexdigest()


def read_from_outside(build_dir: pathlib.Path, source_dir: pathlib.Path, ninja: str) -> list[str]:
    """Files outside of the project that a build read or ran: headers, libraries, machine files, compilers."""
    # What compilers said that they read, what Meson read, and what is linked; ninja before 1.11 cannot say the last.
    deps, configured, inputs = (subprocess.run(
        [ninja, '-C', build_dir, '-t', *tool], capture_output=True, text=True, errors='surrogateescape', check=False,
        stdin=subprocess.DEVNULL).stdout.splitlines()
        for tool in (['deps'], ['query', 'build.ninja'], ['inputs', 'all']))
    paths = [line.strip() for line in (*deps, *configured) if line.startswith('    ')]
    # Words of a shell.
    paths += [''.join(shlex.split(line)) if os.name == 'posix' else line.strip('"') for line in inputs]
    try:
        compilers = json.loads((build_dir / 'meson-info' / 'intro-compilers.json').read_text(encoding='utf-8'))
        # Also behind a wrapper such as ccache.
        languages = [language for machine in compilers.values() for language in machine.values()]
        words = {word for language in languages for word in language['exelist']}
        paths += [os.path.realpath(path) for path in map(shutil.which, words) if path]
    except (OSError, ValueError, KeyError, AttributeError):
        # Meson before 1.4 does not write it.
        pass
    within = (os.fspath(source_dir) + os.sep, os.fspath(build_dir) + os.sep)
    absolute = {os.path.normpath(os.path.join(build_dir, path)) for path in paths}
    return sorted(path for path in absolute if not path.startswith(within))
