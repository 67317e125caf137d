# SPDX-License-Identifier: MIT
"""Real Windows interpreters, run by Wine. ../shared/python-windows/README.md tells what each line of this is for."""

from __future__ import annotations

import fcntl
import functools
import os
import pathlib
import shutil
import subprocess
import typing
import warnings

import support
import trees


_CACHE: typing.Final = support.ROOT / '.cache' / 'windows' / 'bytecode'
PREFIX: typing.Final = support.ROOT / '.cache' / 'wine'
#: Held while the server is started or ended; and shared by all processes that use it.
_LOCK: typing.Final = PREFIX.with_name('wine.lock')
_USERS: typing.Final = PREFIX.with_name('wine-users.lock')
#: How its server is found, and what it need not do.
ENVIRONMENT: typing.Final = {
    'WINEDEBUG': '-all', 'WINEPREFIX': os.fspath(PREFIX), 'WINEDLLOVERRIDES': 'winedbg.exe=d;mscoree=d;mshtml=d'}
#: Status of a process that Windows ended for an access violation, as Wine passes it on (0xC0000005).
CRASHED: typing.Final = 5


class WindowsPython:
    """An interpreter of ../shared/python-windows, or another prefix directory of a Windows Python."""

    def __init__(self, prefix: pathlib.Path) -> None:
        self.prefix = prefix

    def run(
        self, *arguments: str | os.PathLike[str], path: typing.Sequence[pathlib.Path] = (), timeout: float = 120,
        cwd: pathlib.Path | None = None, environment: typing.Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run python.exe with these arguments; `path` is what PYTHONPATH names."""
        start_wine()
        variables = {**_environment(), 'PYTHONPATH': ';'.join(map(windows_path, path)), **(environment or {})}
        # Compiled once, in a place of ours: Meson's modules alone take seconds each time.
        variables |= {'PYTHONDONTWRITEBYTECODE': '', 'PYTHONPYCACHEPREFIX': windows_path(_CACHE)}
        # Wine wants pipes or /dev/null, never a file.
        done = functools.partial(
            subprocess.run, ['wine', self.prefix / 'python.exe', *arguments], env=variables, cwd=cwd,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', timeout=timeout, check=False)
        result: subprocess.CompletedProcess[str] = done()
        if result.returncode == 1 and not result.stdout and not result.stderr:
            # Python that ends with 1 says why; Wine was seen to lose that.
            warnings.warn(f'nothing came from Wine, tried once more: {arguments}', stacklevel=2)
            result = done()
        return result


def python(tag: str) -> WindowsPython:
    """The interpreter with this tag, e.g. 'cp314-cp314t'; the test is skipped without it or Wine, and fails in CI."""
    prefix = trees.tree(trees.WINDOWS, f'{tag}-win_amd64')
    for program in ('wine', 'wineserver'):
        if shutil.which(program) is None:
            trees.missing(f'{program} is not installed')
    return WindowsPython(prefix)


def windows_path(path: pathlib.Path) -> str:
    """The name of a file here as Windows programs see it."""
    return 'Z:' + os.fspath(path).replace('/', '\\')


def _environment() -> dict[str, str]:
    return {**support.clean_environment(pathlib.Path('/usr/bin/python3')), **ENVIRONMENT}


@functools.cache
def start_wine() -> typing.TextIO:
    """Make the prefix, once, and start a server that stays: calls then take 0.2 s instead of 2.6.

    Several processes may test at once. Each holds the file that is returned open for as long as it needs the server.
    """
    PREFIX.mkdir(parents=True, exist_ok=True)
    with support.locked(_LOCK):
        users = open(_USERS, 'w')  # noqa: SIM115
        first = _only_user(users)
        if not (PREFIX / 'ready').exists():
            _quietly('wineboot', '-i')
            _quietly('wine', 'reg', 'add', r'HKCU\Software\Wine', '/v', 'Version', '/d', 'win10', '/f')
            _quietly('wineserver', '-w')
            (PREFIX / 'ready').touch()
        if first:
            _quietly('wineserver', '-p')
            _quietly('wine', 'wineboot')
        fcntl.flock(users, fcntl.LOCK_SH)
        return users


def stop_wine() -> None:
    """End the server, unless another process needs it: then that one does."""
    if start_wine.cache_info().currsize:
        with support.locked(_LOCK):
            start_wine().close()
            start_wine.cache_clear()
            with open(_USERS, 'w') as users:
                if _only_user(users):
                    _quietly('wineserver', '-k')


def _only_user(users: typing.TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _quietly(*command: str) -> None:
    # The server stays, and would keep a pipe open for ever.
    subprocess.run(command, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=120, check=False)
