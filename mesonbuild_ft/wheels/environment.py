# SPDX-License-Identifier: MIT
"""Isolated build environments (PEP 517, PEP 518): made by uv where it is installed, else by virtualenv and pip.

They are kept in the user's cache directory, for all projects with the same requirements, and brought up to date once a
day. What is not used for a month is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import sys
import time
import typing

from .. import interpreter_cache
from ..check.import_process import Processes
from ..diagnostics import BuildRefused, refuse


Installer = typing.Literal['auto', 'uv', 'pip']
#: Seconds after which newer releases of the requirements are looked for, and after which what is unused is removed.
_AGE: typing.Final = 24 * 3600
_UNUSED: typing.Final = 30 * _AGE
#: Programs that are compiled for the interpreter that runs them, and whose output is the same for every target.
_TOOLS: typing.Final = frozenset({'mesonbuild-ft', 'cython'})
#: Pure Python, but what Meson asks of them, here pybind11-config, answers with the headers of their own interpreter.
_ASKED: typing.Final = frozenset({'pybind11'})


class Distribution(typing.NamedTuple):
    """What is installed in an environment. tags: of its wheel. record: size and time of its RECORD."""

    name: str
    version: str
    tags: tuple[str, ...]
    record: tuple[int, ...] = ()


def bound_to_interpreter(installed: typing.Iterable[Distribution]) -> list[str]:
    """Names of distributions that are for the one interpreter that they are installed in: pure.

    With one of them, such as numpy with its headers, each interpreter needs an environment of its own.
    """
    found = []
    for each in installed:
        name = each.name.lower().replace('_', '-')
        pure = bool(each.tags) and all(tag.startswith('py') and '-none-' in tag for tag in each.tags)
        if name in _ASKED or not (pure or name in _TOOLS):
            found.append(each.name)
    return found


def installed(directories: typing.Iterable[str | os.PathLike[str]]) -> list[Distribution]:
    """What directories of modules hold.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    found = []
    for directory in (info for path in directories for info in pathlib.Path(path).glob('*.dist-info')):
        name, _, version = directory.name.removesuffix('.dist-info').rpartition('-')
        try:
            lines = (directory / 'WHEEL').read_text(encoding='utf-8', errors='replace').splitlines()
        except OSError:
            lines = []
        tags = tuple(line.partition(':')[2].strip() for line in lines if line.startswith('Tag:'))
        # Another one of the same version has another RECORD.
        record = tuple((interpreter_cache.signature(os.fspath(directory / 'RECORD')) or [])[:2])
        found.append(Distribution(name, version, tags, record))
    return sorted(set(found))


def differing(requirements: typing.Iterable[str], variables: typing.Mapping[str, str]) -> list[str]:
    """Requirements whose markers say something else for another interpreter. Raises BuildRefused.

    variables: of PEP 508, in which that one differs from the running interpreter.
    """
    found = []
    for text in requirements:
        if ';' not in text and ' @ ' not in text:
            # Without a marker, and slow to parse.
            continue
        marker = _requirement(text).marker
        if marker is not None and marker.evaluate() != marker.evaluate(dict(variables)):
            found.append(text)
    return found


def _requirement(text: str) -> typing.Any:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise refuse(
            'invalid-pyproject', f'{text!r} is no requirement: {str(error).splitlines()[0]}',
            where='pyproject.toml, [build-system] requires', advice='Correct it (PEP 508).') from error


class Environment:
    """A virtual environment; in use, and so not changed by others, until `close`.

    interpreter: the executable that it is for. requirements: that it is made for, and what else decides on what it
    holds. log: a file to which the installer's errors go. processes: to stop it with.
    """

    def __init__(
        self, interpreter: str, requirements: typing.Sequence[str], installer: Installer, log: pathlib.Path,
        processes: Processes, *also: str,
    ) -> None:
        self._interpreter = interpreter
        self._requirements = list(requirements)
        self._log = log
        self._processes = processes
        self._installer = installer
        signature = interpreter_cache.signature(os.path.realpath(interpreter))
        key = json.dumps([interpreter, signature, sorted(requirements), _from_where(), also])
        directory = parent() / hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:16]
        self.directory = directory
        self._scripts = directory / ('Scripts' if os.name == 'nt' else 'bin')
        self.python = self._scripts / ('python.exe' if os.name == 'nt' else 'python')
        directory.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _Lock(directory.with_name(f'{directory.name}.lock'))

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables for what runs in it."""
        path = os.environ.get('PATH', os.defpath)
        return {'PATH': os.pathsep.join([os.fspath(self._scripts), path])}

    def prepare(
        self, *, fresh: bool, installing: typing.Callable[[], None], waiting: typing.Callable[[], None],
    ) -> bool:
        """Make it, or bring it up to date, where that is needed. Raises BuildRefused.

        fresh: make it anew in any case. installing, waiting: called before anything is installed, and where that has
        to wait for others that use it. Returns False where newer releases cannot be looked for now, and what it holds
        is used.
        """
        self._lock.shared()
        if fresh or not self._is_new():
            if not self._lock.exclusive(wait=False):
                if not fresh and self._made() is not None:
                    # Others build in it: another time.
                    self._lock.shared()
                    return True
                self._wait(waiting)
            try:
                # Others may have made it while we waited.
                if fresh or not self._is_new():
                    installing()
                    return self._make(fresh=fresh)
            finally:
                self._lock.shared()
        os.utime(self._marker)
        return True

    def _wait(self, waiting: typing.Callable[[], None]) -> None:
        """Wait until nobody else uses it. Raises InterruptedError."""
        # Two that wait while each uses what the other needs would wait for ever.
        self._lock.unlock()
        if self._lock.exclusive(wait=False):
            return
        waiting()
        while not self._lock.exclusive(wait=False):
            # Not in flock(2), from which a thread does not come back at Ctrl-C.
            if self._processes.stopped:
                raise InterruptedError
            time.sleep(0.1)

    def _is_new(self) -> bool:
        made = self._made()
        return made is not None and 0 <= time.time() - made['time'] < _AGE and self.python.exists()

    def _make(self, *, fresh: bool) -> bool:
        self._check_installer()
        if not fresh and self._made() is not None and self.python.exists():
            try:
                self._install(self._requirements, upgrade=True)
            except BuildRefused:
                return False
        else:
            _prune()
            self._marker.unlink(missing_ok=True)
            shutil.rmtree(self.directory, ignore_errors=True)
            self._create()
            self._install(self._requirements, upgrade=False)
        self._write({'time': time.time()})
        return True

    def close(self) -> None:
        """Others may change it."""
        self._lock.release()

    def installed(self) -> list[Distribution]:
        """What it holds."""
        return installed([path for pattern in ('lib*/*/site-packages', 'Lib/site-packages')
                          for path in self.directory.glob(pattern)])

    @property
    def identity(self) -> str:
        """Another one once it is made anew or brought up to date."""
        made = self._made()
        return f'{self.directory.name} {made["time"] if made is not None else 0}'

    def add(self, extra: typing.Sequence[str], waiting: typing.Callable[[], None]) -> None:
        """Install what the hook of a project asks for, unless another project did. Raises BuildRefused."""
        if set(extra) <= set((self._made() or {}).get('extra', [])):
            return
        if not self._lock.exclusive(wait=False):
            self._wait(waiting)
        try:
            self._install(extra, upgrade=False)
            made = self._made() or {}
            self._write({**made, 'extra': sorted({*made.get('extra', []), *extra})})
        finally:
            self._lock.shared()

    @property
    def _marker(self) -> pathlib.Path:
        # Beside it: written last, and gone first.
        return self.directory.with_name(f'{self.directory.name}.json')

    def _made(self) -> dict[str, typing.Any] | None:
        try:
            made: dict[str, typing.Any] = json.loads(self._marker.read_text(encoding='utf-8'))
            return made if isinstance(made['time'], float) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, made: dict[str, typing.Any]) -> None:
        temporary = self._marker.with_name(f'{self._marker.name}.tmp')
        temporary.write_text(json.dumps(made), encoding='utf-8')
        temporary.replace(self._marker)

    @property
    def _uses_uv(self) -> bool:
        return self._installer == 'uv' or (self._installer == 'auto' and shutil.which('uv') is not None)

    def _check_installer(self) -> None:
        if not self._uses_uv and importlib.util.find_spec('virtualenv') is None:
            raise refuse(
                'build-environment-failed', 'there is neither uv nor virtualenv, which make build environments',
                where='PATH', advice='Install one: pip install "mesonbuild-ft[cli]" brings virtualenv. '
                                     '--no-isolation builds with what is installed here.')

    def _create(self) -> None:
        if self._uses_uv:
            self._run('uv', 'venv', '--quiet', '--no-project', '--python', self._interpreter, self.directory)
            return
        self._run(sys.executable, '-m', 'virtualenv', '--quiet', '--python', self._interpreter, self.directory)

    def _install(self, requirements: typing.Sequence[str], *, upgrade: bool) -> None:
        newer = ['--upgrade'] if upgrade else []
        if self._uses_uv:
            self._run('uv', 'pip', 'install', '--quiet', *newer, '--python', self.python, *requirements)
        else:
            # -I: what PYTHONPATH names is not in the environment.
            self._run(self.python, '-I', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check',
                      '--no-warn-script-location', *newer, *requirements)

    def _run(self, *command: str | os.PathLike[str]) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        try:
            status = self._processes.run(
                [os.fspath(word) for word in command], os.fspath(self._log.parent), self._log, None)
        except InterruptedError:
            raise
        except OSError as error:
            raise refuse(
                'build-environment-failed', f'{command[0]} cannot be run: {error.strerror or error}', where='PATH',
                advice='Install it, or choose the other: --installer pip or uv.') from error
        if status:
            said = self._log.read_text(encoding='utf-8', errors='replace').strip().splitlines()
            what, advice = _why(said, 'uv' if self._uses_uv else 'pip')
            what = what or f'status {status}'
            raise refuse(
                'build-environment-failed', f'the requirements of the build could not be installed: {what}',
                where=os.fspath(self._log), advice=advice)


#: What pip and uv say where there is no way to a package index.
_NO_NETWORK: typing.Final = re.compile(
    'NameResolutionError|NewConnectionError|ConnectTimeoutError|ProxyError|dns error|tcp connect error'
    '|client error \\(Connect\\)', re.IGNORECASE)
#: What they say where it does not have this backend.
_NO_BACKEND: typing.Final = re.compile(
    r'No matching distribution found for mesonbuild-ft\b|mesonbuild-ft was not found'
    '|no versions of mesonbuild-ft\\b')


def _why(lines: typing.Sequence[str], installer: str) -> tuple[str, str]:
    """(what is wrong, what to do) by an installer's output; what is wrong is '' where it said nothing."""
    what = _telling(lines)
    if any(_NO_NETWORK.search(line) for line in lines):
        # pip then says that there is no such distribution.
        return f'the package index cannot be reached ({what})', (
            'Look to the network or the proxy, or name a directory with wheels of all requirements in '
            f'{installer.upper()}_FIND_LINKS. --no-isolation builds with what is installed beside this command.')
    if any(_NO_BACKEND.search(line) for line in lines):
        return what, (
            f'Name the directory with the wheels of mesonbuild-ft in {installer.upper()}_FIND_LINKS. '
            '--no-isolation builds with what is installed beside this command.')
    return what, 'Read what the installer says there; [build-system] requires in pyproject.toml names them.'


def _telling(lines: typing.Sequence[str]) -> str:
    """The line of an installer's output that says what is wrong."""
    # uv writes '  cause: ', and '  ╰─▶ ' in older releases.
    marked = [line.strip() for line in lines
              if line.startswith(('ERROR:', 'error:', '  cause:')) or '╰─▶' in line or '× ' in line]
    text = marked[-1] if marked else lines[-1] if lines else ''
    return re.sub(r'^(?:ERROR:|error:|cause:|╰─▶|×)', '', text).strip()


def _from_where() -> list[str]:
    """Variables that choose where distributions come from."""
    return sorted(f'{name}={value}' for name, value in os.environ.items()
                  if name.startswith(('PIP_', 'UV_')) and name not in ('PIP_BUILD_TRACKER', 'PIP_REQ_TRACKER'))


def parent() -> pathlib.Path:
    """Where they lie."""
    return interpreter_cache.directory() / 'environments'


def _prune() -> None:
    """Remove environments that nobody has used for long, and nobody uses now."""
    for marker in parent().glob('*.json'):
        with contextlib.suppress(OSError):
            if time.time() - marker.stat().st_mtime < _UNUSED:
                continue
            lock = _Lock(marker.with_suffix('.lock'))
            if lock.exclusive(wait=False):
                marker.unlink()
                shutil.rmtree(marker.with_suffix(''), ignore_errors=True)
                lock.release()


class _Lock:
    """A file that several may hold shared, or one alone; it ends with the process. Windows: no more than a wish."""

    def __init__(self, path: pathlib.Path) -> None:
        self._file = open(path, 'ab')  # noqa: SIM115 - open as long as it may be locked

    def shared(self) -> bool:
        """Wait for it."""
        return self._lock('LOCK_SH', wait=True)

    def exclusive(self, *, wait: bool) -> bool:
        """Returns False where others hold it, and there is to be no waiting."""
        return self._lock('LOCK_EX', wait=wait)

    def unlock(self) -> None:
        """Others may have it."""
        self._lock('LOCK_UN', wait=True)

    def release(self) -> None:
        self._file.close()

    def _lock(self, kind: str, *, wait: bool) -> bool:
        if os.name == 'nt':
            return True
        import fcntl

        try:
            fcntl.flock(self._file, getattr(fcntl, kind) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError:
            # A file system without locks.
            return True
        return True
