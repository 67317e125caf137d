# SPDX-License-Identifier: MIT
"""The files of a project: read as they are, and written so that none is ever incomplete."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import pathlib
import shutil
import tempfile
import typing

from ..diagnostics import refuse
from .plan import Change


#: Directories that hold nothing of the project's own.
_SKIPPED: typing.Final = frozenset(('build', 'dist', 'node_modules', 'subprojects', '__pycache__', 'venv', 'env'))
#: Directories whose names begin with a dot, and still matter.
_HIDDEN: typing.Final = frozenset(('.github', '.circleci', '.ci', '.gitlab'))
#: More files than this are not looked at: then something else than a project was named.
_MOST: typing.Final = 50_000
#: Larger files are not read, in bytes.
_LARGEST: typing.Final = 4 << 20


class Files:
    """What lies in a project. paths: relative, with '/', sorted."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self._texts: dict[str, str | None] = {}
        found: list[str] = []
        for root, directories, names in os.walk(directory):
            directories[:] = sorted(
                name for name in directories if name not in _SKIPPED and not name.endswith('.egg-info')
                and (not name.startswith('.') or name in _HIDDEN)
                and not os.path.exists(os.path.join(root, name, 'pyvenv.cfg'))
                # What Meson configured.
                and not os.path.exists(os.path.join(root, name, 'meson-private')))
            prefix = os.path.relpath(root, directory).replace(os.sep, '/') + '/'
            prefix = '' if prefix == './' else prefix
            found += [prefix + name for name in names]
            if len(found) > _MOST:
                break
        self.paths = tuple(sorted(found))

    def read(self, path: str) -> str | None:
        """The text of a file; None where there is none that can be read as UTF-8."""
        if path not in self._texts:
            self._texts[path] = None
            with contextlib.suppress(OSError, ValueError):
                file = self.directory / path
                if file.stat().st_size <= _LARGEST:
                    self._texts[path] = file.read_bytes().decode('utf-8')
        return self._texts[path]

    def matching(self, *patterns: str) -> list[str]:
        """The paths that match one of the patterns of fnmatch, where * takes / too."""
        return [path for path in self.paths if any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)]

    def glob(self, pattern: str) -> list[str]:
        """As glob.glob in the project, sorted."""
        import glob

        found = glob.glob(pattern, root_dir=self.directory, recursive='**' in pattern)
        return sorted(path.replace(os.sep, '/') for path in found)


def read_exact(path: pathlib.Path) -> str | None:
    """A text with its line ends as they are; None where there is no such file. Raises BuildRefused, OSError."""
    try:
        return path.read_bytes().decode('utf-8')
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise refuse(
            'invalid-pyproject', f'not UTF-8: {error.reason} at byte {error.start}', where=path.name,
            advice='TOML files are UTF-8; save the file in that encoding.') from error


def write(directory: pathlib.Path, changes: typing.Sequence[Change]) -> None:
    """Write all files, or none. Raises BuildRefused where one is no longer what was read, and OSError.

    A file keeps its permissions, and a symbolic link stays one: what it leads to is replaced.
    """
    with contextlib.ExitStack() as stack:
        ready = [(_prepared(directory, change, stack), change) for change in changes]
        made: list[pathlib.Path] = []
        try:
            for (temporary, path), change in ready:
                os.replace(temporary, path)
                if change.before is None:
                    made.append(path)
        except BaseException:
            # Only new files come before pyproject.toml, so that taking them away leaves what was there.
            for path in made:
                path.unlink(missing_ok=True)
            raise


def _prepared(
    directory: pathlib.Path, change: Change, stack: contextlib.ExitStack,
) -> tuple[pathlib.Path, pathlib.Path]:
    """(a complete file beside the one to be replaced, that one)."""
    path = (directory / change.path).resolve()
    if read_exact(path) != change.before:
        raise refuse(
            'migration-not-possible', 'the file has changed since it was read', where=change.path,
            advice='Nothing is written; run the command again.')
    if change.before is not None and not os.access(path, os.W_OK):
        raise PermissionError(13, 'Permission denied', os.fspath(path))
    descriptor, name = tempfile.mkstemp(prefix='.mesonbuild-ft-', dir=path.parent)
    temporary = pathlib.Path(name)
    stack.callback(lambda: temporary.unlink(missing_ok=True))
    with open(descriptor, 'wb') as file:
        file.write(change.after.encode('utf-8'))
        file.flush()
        os.fsync(file.fileno())
    if change.before is None:
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
    else:
        shutil.copymode(path, temporary)
        if hasattr(os, 'chown'):
            status = path.stat()
            # Of another owner only root can make a file.
            with contextlib.suppress(OSError):
                os.chown(temporary, status.st_uid, status.st_gid)
    return temporary, path
