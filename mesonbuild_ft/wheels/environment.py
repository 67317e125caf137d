# SPDX-License-Identifier: MIT
"""Isolated build environments (PEP 517, PEP 518): made by uv where it is installed, else by virtualenv and pip.

One is kept below the build directory of a project, so that what Meson recorded of it stays true, and is brought up to
date once a day.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import shutil
import sys
import time
import typing

from .. import interpreter_cache
from ..check.import_process import Processes
from ..diagnostics import BuildRefused, refuse


Installer = typing.Literal['auto', 'uv', 'pip']
#: Seconds after which newer releases of the requirements are looked for.
_AGE: typing.Final = 24 * 3600
#: Programs that are compiled for the interpreter that runs them, and whose output is the same for every target.
_TOOLS: typing.Final = frozenset({'mesonbuild-ft', 'cython'})


class Distribution(typing.NamedTuple):
    """What is installed in an environment. tags: of its wheel."""

    name: str
    version: str
    tags: tuple[str, ...]


def bound_to_interpreter(installed: typing.Iterable[Distribution]) -> list[str]:
    """Names of distributions that are for the one interpreter that they are installed in: pure.

    With one of them, such as numpy with its headers, each interpreter needs an environment of its own.
    """
    return [each.name for each in installed
            if each.name.lower().replace('_', '-') not in _TOOLS
            and not (each.tags and all(tag.startswith('py') and '-none-' in tag for tag in each.tags))]


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
    """A virtual environment in a directory.

    interpreter: the executable that it is for. log: a file to which the installer's errors go. processes: to stop it
    with.
    """

    def __init__(
        self, directory: pathlib.Path, interpreter: str, installer: Installer, log: pathlib.Path,
        processes: Processes,
    ) -> None:
        self.directory = directory
        self._interpreter = interpreter
        self._log = log
        self._processes = processes
        self._installer = installer
        self._scripts = directory / ('Scripts' if os.name == 'nt' else 'bin')
        self.python = self._scripts / ('python.exe' if os.name == 'nt' else 'python')

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables for what runs in it."""
        path = os.environ.get('PATH', os.defpath)
        return {'PATH': os.pathsep.join([os.fspath(self._scripts), path])}

    def is_ready(self, requirements: typing.Sequence[str]) -> bool:
        """Whether it was made for these requirements, lately."""
        made = self._made()
        return made is not None and made['for'] == self._key(requirements) and (
            0 <= time.time() - made['time'] < _AGE)

    def installed(self) -> list[Distribution] | None:
        """What it holds, as far as that was written down."""
        made = self._made()
        if made is None or made.get('installed') is None:
            return None
        return [Distribution(name, version, tuple(tags)) for name, version, tags in made['installed']]

    def extra(self) -> list[str] | None:
        """What the hook of PEP 517 asked for, as far as that was written down."""
        made = self._made()
        return None if made is None else made.get('extra')

    def make(self, requirements: typing.Sequence[str]) -> bool:
        """Make it, or bring it up to date. Raises BuildRefused.

        Returns False where it was made for these requirements before, and newer ones cannot be looked for now.
        """
        self._check_installer()
        made, key = self._made(), self._key(requirements)
        if made is None or made['for'][0] != key[0] or not self.python.exists():
            self._marker.unlink(missing_ok=True)
            shutil.rmtree(self.directory, ignore_errors=True)
            self._create()
            self._install(requirements, upgrade=False)
        else:
            try:
                self._install(requirements, upgrade=True)
            except BuildRefused:
                if made['for'] != key:
                    raise
                return False
        self._write({'for': key, 'time': time.time()})
        return True

    def add(self, extra: typing.Sequence[str]) -> None:
        """Install more, and write down that it was asked for. Raises BuildRefused."""
        if extra:
            self._install(extra, upgrade=False)
        self._write({**(self._made() or {}), 'extra': list(extra)})

    def write_down(self, installed: typing.Sequence[Distribution]) -> None:
        """Write down what it holds."""
        self._write({**(self._made() or {}), 'installed': [list(each) for each in installed]})

    @property
    def _marker(self) -> pathlib.Path:
        # Beside it: written last, and gone first.
        return self.directory.with_name(f'{self.directory.name}.json')

    def _made(self) -> dict[str, typing.Any] | None:
        try:
            made: dict[str, typing.Any] = json.loads(self._marker.read_text(encoding='utf-8'))
            return made if isinstance(made['for'], list) and isinstance(made['time'], float) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, made: dict[str, typing.Any]) -> None:
        temporary = self._marker.with_name(f'{self._marker.name}.tmp')
        temporary.write_text(json.dumps(made), encoding='utf-8')
        temporary.replace(self._marker)

    def _key(self, requirements: typing.Sequence[str]) -> list[typing.Any]:
        signature = interpreter_cache.signature(os.path.realpath(self._interpreter))
        return [[self._interpreter, signature], sorted(requirements), _from_where()]

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
        self.directory.parent.mkdir(parents=True, exist_ok=True)
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
            raise refuse(
                'build-environment-failed', 'the requirements of the build could not be installed: '
                + (_telling(said) or f'status {status}'), where=os.fspath(self._log),
                advice='Read what the installer says there; [build-system] requires in pyproject.toml names them.')


def _telling(lines: typing.Sequence[str]) -> str:
    """The line of an installer's output that says what is wrong."""
    marked = [line for line in lines if line.startswith(('ERROR:', 'error:')) or '╰─▶' in line or '× ' in line]
    text = marked[-1] if marked else lines[-1] if lines else ''
    return text.replace('╰─▶', '').replace('×', '').removeprefix('ERROR:').removeprefix('error:').strip()


def _from_where() -> list[str]:
    """Variables that choose where distributions come from."""
    return sorted(f'{name}={value}' for name, value in os.environ.items()
                  if name.startswith(('PIP_', 'UV_')) and name not in ('PIP_BUILD_TRACKER', 'PIP_REQ_TRACKER'))
