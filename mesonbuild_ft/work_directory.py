# SPDX-License-Identifier: MIT
"""Build directories: a temporary one for a build without -Cbuild-dir, and locks for both kinds."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import shutil
import typing

from .diagnostics import refuse


#: The temporary ones lie beside pyproject.toml; a number follows.
PREFIX: typing.Final = '.mesonbuild-ft-build-'

#: More builds at once from one source tree than anybody runs.
_MOST: typing.Final = 1000


@contextlib.contextmanager
def temporary(source_dir: pathlib.Path) -> typing.Iterator[pathlib.Path]:
    """A directory of ours beside pyproject.toml, locked while it is in use and removed afterwards.

    The name is the same each time, so that paths in debug information are; what a killed
    build left is removed, since nobody holds its lock. Raises BuildRefused.
    """
    work, lock = _claim(source_dir.resolve())
    try:
        _remove_contents(work)
        for stale in work.parent.glob(f'{PREFIX}*'):
            if stale != work:
                _remove_if_unused(stale)
        (work / '.gitignore').write_text('*\n', encoding='utf-8')
        yield work
    finally:
        _remove(work, lock)


@contextlib.contextmanager
def kept(build_dir: pathlib.Path, source_dir: pathlib.Path) -> typing.Iterator[pathlib.Path]:
    """The build directory that the person named, as a real path, for one build at a time. Raises BuildRefused."""
    build_dir, source_dir = build_dir.resolve(), source_dir.resolve()
    if build_dir == source_dir or build_dir in source_dir.parents or any(
            (build_dir / name).exists() for name in ('pyproject.toml', 'meson.build')):
        raise refuse(
            'unusable-build-directory', 'the build directory holds sources', where=os.fspath(build_dir),
            advice='Name an empty or new directory with -Cbuild-dir=.')
    if build_dir.exists() and not build_dir.is_dir():
        raise refuse(
            'unusable-build-directory', 'the build directory is a file', where=os.fspath(build_dir),
            advice='Name an empty or new directory with -Cbuild-dir=.')
    # Beside the directory: Meson and meson-python treat one that holds a file otherwise than an empty one.
    path = build_dir.with_name(f'.{build_dir.name}.mesonbuild-ft-lock')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_file(path)
        if lock is None:
            print(f'mesonbuild-ft: another build uses {build_dir}; waiting for it to end', flush=True)
            while lock is None:
                lock = lock_file(path, wait=True)
    except OSError:
        # Only the directory itself can be written: Meson's own lock in it stops a second build, with an error.
        lock = None
    try:
        yield build_dir
    finally:
        if lock is not None:
            if os.name == 'nt':  # pragma: no cover
                lock.close()
            with contextlib.suppress(OSError):
                path.unlink()
            lock.close()


def lock_file(path: pathlib.Path, *, wait: bool = False) -> typing.BinaryIO | None:
    """The open file with an exclusive lock that ends with the process; None where another process has it, or
    removed the file in the same moment. Raises OSError where the file cannot be made.

    Where the file system has no locks, the file is returned without one.
    """
    file = open(path, 'ab')  # noqa: SIM115 - it stays open as long as the lock
    try:
        if os.name == 'nt':  # pragma: no cover
            import msvcrt

            mode = msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK  # type: ignore[attr-defined]
            msvcrt.locking(file.fileno(), mode, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        # EDEADLK: msvcrt has tried for ten seconds.
        if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
            file.close()
            return None
    if os.name != 'nt' and not _same_file(path, file):
        # The previous owner removed the file between opening and locking.
        file.close()
        return None
    return file


def _claim(source_dir: pathlib.Path) -> tuple[pathlib.Path, typing.BinaryIO]:
    for number in range(_MOST):
        work = source_dir / f'{PREFIX}{number}'
        try:
            work.mkdir()
        except FileExistsError:
            pass
        except OSError as error:
            raise refuse(
                'unreadable-file', f'cannot make {work}: {error.strerror}', where=os.fspath(source_dir),
                advice='Make the source directory writable, or name a build directory with -Cbuild-dir=.') from error
        try:
            lock = lock_file(work / 'lock')
        except OSError:
            # Another build has just removed it, or it is somebody else's.
            continue
        if lock is not None:
            return work, lock
    raise refuse(
        'unreadable-file', f'{_MOST} build directories are in use', where=os.fspath(source_dir),
        advice=f'Remove {PREFIX}* there if no build is running.')


def _remove(work: pathlib.Path, lock: typing.BinaryIO) -> None:
    """Remove a directory whose lock we hold: the lock goes last, so that nobody else begins to use it before."""
    _remove_contents(work)
    if os.name == 'nt':  # pragma: no cover
        lock.close()
    with contextlib.suppress(OSError):
        (work / 'lock').unlink()
        work.rmdir()
    lock.close()


def _remove_contents(work: pathlib.Path) -> None:
    for path in list(work.iterdir()):
        if path.name != 'lock':
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _remove_if_unused(work: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        lock = lock_file(work / 'lock')
        if lock is not None:
            _remove(work, lock)


def _same_file(path: pathlib.Path, file: typing.BinaryIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except OSError:
        return False
