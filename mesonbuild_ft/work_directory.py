# SPDX-License-Identifier: MIT
"""The directory that a build without -Cbuild-dir works in: locked while in use, and never left behind."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import typing

from .diagnostics import refuse


#: It lies beside pyproject.toml; a number follows.
PREFIX: typing.Final = '.mesonbuild-ft-build-'


@contextlib.contextmanager
def work_directory(source_dir: pathlib.Path) -> typing.Iterator[pathlib.Path]:
    """A directory of ours beside pyproject.toml, locked while it is in use.

    The name is the same each time, so that paths in debug information are; what a killed
    build left is removed, since nobody holds its lock.
    """
    number = 0
    while True:
        work = source_dir / f'{PREFIX}{number}'
        try:
            work.mkdir(exist_ok=True)
        except OSError as error:
            raise refuse(
                'unreadable-file', f'cannot make {work}: {error.strerror}', where=os.fspath(source_dir),
                advice='Make the source directory writable, or name a build directory with -Cbuild-dir=.') from error
        lock = _lock(work / 'lock')
        if lock is not None:
            break
        number += 1
    try:
        _remove_contents(work)
        for stale in source_dir.glob(f'{PREFIX}*'):
            if stale != work:
                _remove_if_unused(stale)
        (work / '.gitignore').write_text('*\n', encoding='utf-8')
        yield work
    finally:
        _remove_contents(work)
        lock.close()
        shutil.rmtree(work, ignore_errors=True)


def _remove_contents(work: pathlib.Path) -> None:
    for path in work.iterdir():
        if path.name != 'lock':
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _remove_if_unused(work: pathlib.Path) -> None:
    lock = _lock(work / 'lock')
    if lock is not None:
        lock.close()
        shutil.rmtree(work, ignore_errors=True)


def _lock(path: pathlib.Path) -> typing.BinaryIO | None:
    """The open file with an exclusive lock that ends with the process; None where another process has it."""
    try:
        file = open(path, 'ab')  # noqa: SIM115 - it stays open as long as the lock
    except OSError:
        return None
    try:
        if os.name == 'nt':  # pragma: no cover
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    if os.name != 'nt' and not _same_file(path, file):
        # The previous owner removed the directory between opening and locking.
        file.close()
        return None
    return file


def _same_file(path: pathlib.Path, file: typing.BinaryIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except OSError:
        return False
