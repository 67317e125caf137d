# SPDX-License-Identifier: MIT
"""Which build environment a build runs in: one for all interpreters, or one for each where the requirements ask."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import threading
import typing

from .. import tags, target as target_
from ..check.import_process import Processes
from ..diagnostics import BuildRefused, refuse
from ..inspection.outcome import Found
from ..settings import Settings, build_requires
from . import environment as environment_, log as log_
from .client import Worker
from .environment import Distribution, Environment
from .options import Options
from .record import Record


class Chosen(typing.NamedTuple):
    """worker: calls hooks. own: it runs the interpreter itself that is built for. installed: in its environment."""

    worker: Worker
    own: bool
    installed: list[Distribution]


class Workers:
    """The workers of a run, each made when it is first asked for.

    note: tells a person what takes long. root: directory for logs. processes: to stop installers with.
    """

    def __init__(
        self, settings: Settings, options: Options, note: typing.Callable[[str], None], record: Record,
        root: pathlib.Path, processes: Processes,
    ) -> None:
        """Raises BuildRefused where [build-system] names another backend, or cannot be read."""
        system = settings.pyproject.get('build-system')
        system = system if isinstance(system, dict) else {}
        _check_backend(system)
        self._requires = build_requires(system)
        self._backend_path = [os.fspath(settings.source_dir / path) for path in system.get('backend-path', [])]
        self._source_dir = settings.source_dir
        self._options = options
        self._note = note
        self._record = record
        self._root = root
        self._processes = processes
        self._lock = threading.Lock()
        self._made: dict[str, tuple[Worker, list[Distribution]]] = {}
        self._started: list[Worker] = []
        self._bound: list[str] | None = None
        self._closing = contextlib.ExitStack()

    def of(self, builder: Found) -> Chosen:
        """The worker that builds for an interpreter. Raises BuildRefused."""
        with self._lock:
            if not self._options.isolated:
                if '' not in self._made:
                    self._made[''] = self._new(sys.executable, {}), environment_.installed(sys.path)
                worker, installed = self._made['']
                return Chosen(worker, False, installed)
            worker, installed = self._in_environment('shared', sys.executable)
            if self._bound is None:
                self._bound = environment_.bound_to_interpreter(installed)
                if self._bound:
                    self._note(f'an environment for each interpreter, because of {", ".join(sorted(self._bound))}')
            if not builder.runs or builder.target == target_.running():
                return Chosen(worker, False, installed)
            # A backend in the tree may be compiled for the interpreter that it runs in.
            if not (self._bound or self._backend_path
                    or environment_.differing(self._requires, _marker_variables(builder))):
                return Chosen(worker, False, installed)
            worker, installed = self._in_environment(builder.name, builder.path)
            return Chosen(worker, True, installed)

    def stop(self) -> None:
        """End everything, and start no more."""
        for worker in list(self._started):
            worker.stop()

    def close(self) -> None:
        """End the processes, and let others change the environments."""
        for worker in self._started:
            worker.close()
        self._closing.close()

    def _in_environment(self, name: str, interpreter: str) -> tuple[Worker, list[Distribution]]:
        if name in self._made:
            return self._made[name]
        environment = Environment(
            interpreter, self._requires, self._options.installer, self._root / f'environment-{name}.log',
            self._processes, *self._backend_path)
        self._closing.callback(environment.close)
        if not environment.prepare(
                fresh=self._options.fresh,
                installing=lambda: self._note(
                    f'installing the requirements of the build: {", ".join(self._requires)}'),
                waiting=self._waiting):
            self._note('newer releases of them cannot be looked for; those that are there are used')
        installed = environment.installed()
        if not self._backend_path:
            _check_environment(self._requires, installed)
        worker = self._new(environment.python, environment.variables)
        if self._record.get(f'environment {name}').get('of') != environment.identity:
            log = self._root / f'environment-{name}-hook.log'
            ended = worker.call('get_requires_for_build_wheel', [dict(self._options.config)], self._source_dir, log)
            if ended.status:
                raise BuildRefused(log_.failure('the requirements of the build are not known', ended.status, log))
            environment.add(ended.value, self._waiting)
            installed = environment.installed()
            self._record.set(f'environment {name}', {'of': environment.identity})
        self._made[name] = (worker, installed)
        return self._made[name]

    def _waiting(self) -> None:
        self._note('another run uses the build environment; waiting for it to end')

    def _new(self, python: str | os.PathLike[str], variables: typing.Mapping[str, str]) -> Worker:
        worker = Worker(pathlib.Path(python), self._backend_path, variables, environment_.parent() / 'bytecode')
        self._started.append(worker)
        return worker


def _check_backend(system: typing.Mapping[str, typing.Any]) -> None:
    """Raises BuildRefused where the project has another backend than this one."""
    backend = system.get('build-backend')
    if backend != 'mesonbuild_ft':
        raise refuse(
            'other-build-backend', f'build-backend is {backend!r}' if backend else 'there is no build-backend',
            where='pyproject.toml, [build-system]',
            advice='Set it to "mesonbuild_ft"; for a project of meson-python, `mesonbuild-ft migrate` does it.')


def _check_environment(requires: typing.Sequence[str], installed: typing.Iterable[Distribution]) -> None:
    """Raises BuildRefused where the requirements did not bring this backend into the build environment."""
    if not any(tags.normalized(each.name) == 'mesonbuild-ft' for each in installed):
        raise refuse(
            'other-build-backend',
            f'build-backend is mesonbuild_ft, and requires, {list(requires)!r}, does not bring it',
            where='pyproject.toml, [build-system]',
            advice='Write requires = ["mesonbuild-ft"], which brings meson-python. `mesonbuild-ft migrate` does it.')


def _marker_variables(found: Found) -> dict[str, str]:
    """Variables of PEP 508 that differ between interpreters of one machine."""
    target = found.target
    name = {'cpython': 'CPython', 'pypy': 'PyPy', 'graalpy': 'GraalVM'}.get(target.implementation, '')
    return {
        'python_version': '.'.join(map(str, target.version[:2])), 'python_full_version': target.release,
        'implementation_name': target.implementation, 'platform_python_implementation': name}
