# SPDX-License-Identifier: MIT
"""Build, check and import the wheels of a project: several at once, and only what changed.

Below `build/wheels` of the project: `state.json` with what was built from what, and for each build a directory with
Meson's build directory, the log, and the wheel until it is known to be good.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
import threading
import time
import typing

from .. import __version__, interpreter_cache, scanner as scanner_, target as target_, work_directory
from ..check import checker, imports, subjects
from ..check.import_process import Import, Processes
from ..diagnostics import BuildRefused, Diagnostic, from_os_error, refuse
from ..inspection import outcome
from ..inspection.outcome import Found, Project, Row
from ..interpreters import Interpreter
from ..meson import tools
from . import environment as environment_, jobs as jobs_, record as record_
from .client import Worker
from .environment import Distribution, Environment, Installer
from .jobs import Job
from .jobserver import JobServer
from .record import Record


if typing.TYPE_CHECKING:
    from ..check.checker import Checked

State = typing.Literal['built', 'unchanged', 'failed']


@dataclasses.dataclass(frozen=True)
class Options:
    """What a person asks for.

    output: where the wheels go. config: config settings for all builds. jobs: how much runs at once. isolated: in an
    environment of its own, which PEP 517 asks for. fresh: nothing that is left of earlier runs is used. named: paths of
    the interpreters that were named, which are missed where nothing is built for them.
    """

    output: pathlib.Path
    config: typing.Mapping[str, typing.Any]
    jobs: int
    installer: Installer = 'auto'
    isolated: bool = True
    do_import: bool = True
    fresh: bool = False
    named: frozenset[str] = frozenset()


class Imported(typing.NamedTuple):
    """What became of importing the modules of a wheel in one interpreter. problem: '' where all were imported."""

    interpreter: str
    problem: str = ''


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one build.

    path: of the wheel, where there is one. seconds: that it took. verdict: of the check. serves: the interpreters that
    it is for; imported: those of them that tried. findings: what to tell a person.
    """

    job: Job
    state: State
    path: pathlib.Path | None = None
    seconds: float = 0.0
    verdict: str = ''
    modules: int = 0
    serves: tuple[Found, ...] = ()
    imported: tuple[Imported, ...] = ()
    findings: tuple[Diagnostic, ...] = ()


class Display(typing.Protocol):
    """Where a person sees what goes on."""

    def note(self, text: str) -> None: ...

    def stage(self, job: Job, what: str) -> None: ...

    def end(self, ended: Outcome) -> None: ...


def run(
    found: typing.Sequence[Found], project: Project, options: Options, display: Display,
) -> tuple[list[Row], list[Outcome]]:
    """(what was to be built for each interpreter, what became of it). Raises BuildRefused.

    However it ends, nothing that it started goes on, and only whole wheels are in options.output.
    """
    builds = _Builds(project, options, display)
    with builds:
        return builds.run(found)


class _Builds:
    def __init__(self, project: Project, options: Options, display: Display) -> None:
        settings = project.settings
        self._project = project
        self._options = options
        self._display = display
        self._source_dir = settings.source_dir
        self._root = settings.source_dir / 'build' / 'wheels'
        system = settings.pyproject.get('build-system')
        system = system if isinstance(system, dict) else {}
        _check_backend(system)
        self._requires = _requirements(system)
        self._backend_path = [os.fspath(settings.source_dir / path) for path in system.get('backend-path', [])]
        self._scanner = scanner_.load()
        self._processes = Processes()
        self._lock = threading.RLock()
        self._workers: dict[str, tuple[Worker, list[Distribution]]] = {}
        self._started: list[Worker] = []
        self._bound: list[str] | None = None
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> _Builds:
        if self._options.output.exists() and not self._options.output.is_dir():
            raise refuse(
                'unreadable-file', 'wheels cannot go there: it is a file', where=os.fspath(self._options.output),
                advice='Remove it, or name a directory with --output.')
        self._root.mkdir(parents=True, exist_ok=True)
        (self._root / '.gitignore').write_text('*\n', encoding='utf-8')
        lock = work_directory.lock_file(self._root / 'lock')
        if lock is None:
            self._display.note(f'another run builds in {self._root}; waiting for it to end')
            while lock is None:
                lock = work_directory.lock_file(self._root / 'lock', wait=True)
        self._closing.callback(lock.close)
        self._server = self._closing.enter_context(JobServer(self._root / 'jobserver', self._options.jobs))
        self._record = Record(self._root / 'state.json')
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._stop()
        for worker in self._started:
            worker.close()
        self._closing.close()

    def _stop(self) -> None:
        self._server.stop()
        self._processes.stop()
        for worker in list(self._started):
            worker.stop()

    def run(self, found: typing.Sequence[Found]) -> tuple[list[Row], list[Outcome]]:
        self._sources = record_.of_sources(self._source_dir, self._project.name, self._root)
        # The oldest of those that could builds a wheel, in whatever order they were named.
        found = sorted(found, key=lambda each: (
            each.target.implementation, each.target.version, each.target.free_threaded, each.target.debug))
        first = outcome.rows(found, self._project)
        excluded = [row for row in first if row.state == 'excluded' and row.found.path in self._options.named]
        for row in excluded if len(excluded) < len(first) else ():
            self._display.note(f'nothing is built for {row.found.short}: {row.reasons[0]}')
        if all(row.state == 'excluded' for row in first):
            raise refuse(
                'no-interpreter-left', 'none of these interpreters is one that the project is built for: '
                + ', '.join(f'{row.found.short} ({row.reasons[0]})' for row in first), where='pyproject.toml',
                advice='Name others, or correct requires-python; `mesonbuild-ft inspect` lists those of this machine.')
        # Without a build environment nothing can be built.
        self._worker(found[0])
        project, done, tried = self._project, list[Outcome](), set[str]()
        while True:
            self._rows = outcome.rows(found, project)
            built = [jobs_.wheel_of(ended.path.name, ended.job.builder) for ended in done if ended.path is not None]
            planned = [job for job in jobs_.plan(self._rows, project, built, scouted=bool(tried))
                       if job.name not in tried]
            if not planned:
                return self._rows, _distinct(done)
            tried |= {job.name for job in planned}
            done += self._all(planned)
            if project.learned is None:
                project = dataclasses.replace(project, learned=self._learned(planned))

    def _learned(self, jobs: typing.Sequence[Job]) -> typing.Any:
        """What `meson setup` found where the limited API was allowed, so that it shows the modules' limited_api:."""
        from ..meson import setup

        for job in jobs:
            state = setup.read_state(self._root / job.name / 'meson') if job.wheel is None else None
            if state is not None and state.configured is not None and state.configured.allow_limited_api:
                return state.configured
        return None

    def _all(self, jobs: typing.Sequence[Job]) -> list[Outcome]:
        with concurrent.futures.ThreadPoolExecutor(max_workers=len(jobs)) as pool:
            futures = [pool.submit(self._one, job) for job in jobs]
            try:
                # In the order of the jobs. An error of ours ends all.
                return [future.result() for future in futures]
            except BaseException:
                self._stop()
                pool.shutdown(cancel_futures=True)
                raise

    def _one(self, job: Job) -> Outcome:
        with self._server.one():
            start = time.monotonic()
            try:
                ended = self._unless_unchanged(job)
            except (BuildRefused, OSError) as error:
                if isinstance(error, InterruptedError):
                    raise
                found = error.diagnostics if isinstance(error, BuildRefused) else (from_os_error(error),)
                with self._lock:
                    self._record.set(job.name, None)
                ended = Outcome(job, 'failed', findings=found)
            ended = dataclasses.replace(ended, seconds=time.monotonic() - start)
        self._display.end(ended)
        return ended

    def _unless_unchanged(self, job: Job) -> Outcome:
        worker, own, installed = self._worker(job.builder)
        config = {**self._options.config, 'build-dir': os.fspath(self._root / job.name / 'meson')}
        if not own and job.builder.target != target_.running():
            config['target'] = job.builder.path
        fingerprint = record_.of_everything(
            __version__, config, job.builder.target.to_json(), installed, self._sources, self._project.settings.verify)
        entry = {} if self._options.fresh else self._record.get(job.name)
        path = self._options.output / entry['wheel'] if entry else None
        if (path is not None and entry['fingerprint'] == fingerprint
                and interpreter_cache.signature(os.fspath(path)) == entry['signature']
                and record_.signatures(entry['read']) == entry['read_signatures']):
            return self._unchanged(job, path, entry, fingerprint)
        directory = self._root / job.name
        if self._options.fresh:
            shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree(directory / 'wheel', ignore_errors=True)
        (directory / 'wheel').mkdir(parents=True)
        self._display.stage(job, 'building')
        log = directory / 'log.txt'
        arguments = [os.fspath(directory / 'wheel'), config]
        ended = worker.call('build_wheel', arguments, self._source_dir, log, self._server.variables)
        if ended.status and self._server.is_refused(log):
            ended = worker.call('build_wheel', arguments, self._source_dir, log)
        if ended.status:
            raise BuildRefused(_failure(job, ended.status, log))
        built = directory / 'wheel' / str(ended.value)
        job = dataclasses.replace(job, wheel=jobs_.wheel_of(built.name, job.builder))
        read = record_.read_from_outside(directory / 'meson', self._source_dir, tools.find_ninja(worker.path))
        return self._judged(job, built, fingerprint, read)

    def _judged(self, job: Job, built: pathlib.Path, fingerprint: str, read: list[str]) -> Outcome:
        """Check and import a wheel; a good one goes to the output directory."""
        assert job.wheel is not None
        self._display.stage(job, 'checking')
        checked, = checker.check([os.fspath(built)], self._scanner, subjects.Options())
        serves = jobs_.serves(job.wheel, self._rows, self._project)
        imported: tuple[Imported, ...] = ()
        if self._options.do_import and checked.modules:
            self._display.stage(job, 'importing')
            interpreters = [Interpreter(found.path, found.target) for found in serves if found.runs]
            checked = imports.import_in(checked, interpreters, processes=self._processes)
            imported = tuple(_imported(interpreter, checked) for interpreter in interpreters)
        bad = checked.verdict in ('error', 'unusable') and self._project.settings.verify == 'error'
        # Not even one that was good for the interpreters that there were before.
        path = _move(built, self._root / job.name / 'wheel' if bad else self._options.output)
        ended = Outcome(
            job, 'failed' if bad else 'built', path, 0.0, checked.verdict, len(checked.modules), serves, imported,
            tuple(finding for finding in checked.found if finding.severity in ('error', 'warning')))
        with self._lock:
            self._record.set(job.name, None if bad else {
                'fingerprint': fingerprint, 'wheel': path.name, 'read': read,
                'read_signatures': record_.signatures(read),
                'signature': interpreter_cache.signature(os.fspath(path)), 'verdict': ended.verdict,
                'modules': ended.modules, 'imported': [
                    [*each, interpreter_cache.signature(os.path.realpath(each.interpreter))] for each in imported],
                'findings': [list(finding) for finding in ended.findings]})
        return ended

    def _unchanged(
        self, job: Job, path: pathlib.Path, entry: typing.Mapping[str, typing.Any], fingerprint: str,
    ) -> Outcome:
        wheel = jobs_.wheel_of(path.name, job.builder)
        job = dataclasses.replace(job, wheel=wheel)
        serves = jobs_.serves(wheel, self._rows, self._project)
        # Not by those that were replaced meanwhile.
        imported = {
            interpreter: Imported(interpreter, problem) for interpreter, problem, signature in entry['imported']
            if signature == interpreter_cache.signature(os.path.realpath(interpreter))}
        wanted = [found.path for found in serves if found.runs] if self._options.do_import and entry['modules'] else []
        if any(interpreter not in imported for interpreter in wanted):
            # There is an interpreter that was not here before.
            ended = self._judged(job, path, fingerprint, entry['read'])
            return dataclasses.replace(ended, state='unchanged') if ended.state == 'built' else ended
        return Outcome(
            job, 'unchanged', path, 0.0, entry['verdict'], entry['modules'], serves,
            tuple(imported[interpreter] for interpreter in wanted),
            tuple(Diagnostic.from_json(finding) for finding in entry['findings']))

    def _worker(self, builder: Found) -> tuple[Worker, bool, list[Distribution]]:
        """(worker, whether it is the interpreter itself, what its environment holds). Raises BuildRefused."""
        with self._lock:
            if not self._options.isolated:
                if '' not in self._workers:
                    self._workers[''] = self._new_worker(sys.executable, {}), environment_.installed(sys.path)
                worker, installed = self._workers['']
                return worker, False, installed
            worker, installed = self._in_environment('shared', sys.executable)
            if self._bound is None:
                self._bound = environment_.bound_to_interpreter(installed)
                if self._bound:
                    self._display.note(
                        f'an environment for each interpreter, because of {", ".join(sorted(self._bound))}')
            if not builder.runs or builder.target == target_.running():
                return worker, False, installed
            # A backend in the tree may be compiled for the interpreter that it runs in.
            if not (self._bound or self._backend_path
                    or environment_.differing(self._requires, _marker_variables(builder))):
                return worker, False, installed
            worker, installed = self._in_environment(builder.name, builder.path)
            return worker, True, installed

    def _in_environment(self, name: str, interpreter: str) -> tuple[Worker, list[Distribution]]:
        if name in self._workers:
            return self._workers[name]
        environment = Environment(
            interpreter, self._requires, self._options.installer, self._root / f'environment-{name}.log',
            self._processes, *self._backend_path)
        self._closing.callback(environment.close)
        if not environment.prepare(
                fresh=self._options.fresh,
                installing=lambda: self._display.note(
                    f'installing the requirements of the build: {", ".join(self._requires)}'),
                waiting=self._waiting):
            self._display.note('newer releases of them cannot be looked for; those that are there are used')
        worker = self._new_worker(environment.python, environment.variables)
        entry = self._record.get(f'environment {name}')
        if entry.get('of') != environment.identity:
            log = self._root / f'environment-{name}-hook.log'
            ended = worker.call(
                'get_requires_for_build_wheel', [dict(self._options.config)], self._source_dir, log)
            if ended.status:
                raise BuildRefused(_failure(None, ended.status, log))
            environment.add(ended.value, self._waiting)
            self._record.set(f'environment {name}', {'of': environment.identity})
        self._workers[name] = (worker, environment.installed())
        return self._workers[name]

    def _waiting(self) -> None:
        self._display.note('another run uses the build environment; waiting for it to end')

    def _new_worker(self, python: str | os.PathLike[str], variables: typing.Mapping[str, str]) -> Worker:
        worker = Worker(
            pathlib.Path(python), self._backend_path, variables, environment_.parent() / 'bytecode')
        self._started.append(worker)
        return worker


def _requirements(system: typing.Mapping[str, typing.Any]) -> list[str]:
    """Raises BuildRefused."""
    requires = system.get('requires')
    if not isinstance(requires, list) or not all(isinstance(text, str) for text in requires):
        raise refuse(
            'invalid-pyproject', f'requires is {requires!r}, and not an array of requirements',
            where='pyproject.toml, [build-system]', advice='Write requires = ["mesonbuild-ft"] (PEP 518).')
    return requires


def _check_backend(system: typing.Mapping[str, typing.Any]) -> None:
    """Raises BuildRefused where the project has another backend than this one."""
    backend = system.get('build-backend')
    if backend != 'mesonbuild_ft':
        raise refuse(
            'other-build-backend', f'build-backend is {backend!r}' if backend else 'there is no build-backend',
            where='pyproject.toml, [build-system]',
            advice='Set it to "mesonbuild_ft"; for a project of meson-python, `mesonbuild-ft migrate` does it.')


def _failure(job: Job | None, status: int, log: pathlib.Path) -> Diagnostic:
    """What to say of a hook that failed."""
    try:
        said = telling(log.read_text(encoding='utf-8', errors='replace').splitlines())
    except OSError:
        said = []
    how = f'it was ended by signal {-status}' if status < 0 else f'it ended with status {status}'
    what = f'the build {job.label} failed' if job is not None else 'the requirements of the build are not known'
    return Diagnostic(
        'wheel-not-built', 'error', '\n    '.join([f'{what}: {how}', *said]), where=os.fspath(log),
        advice='Correct what is said above; the log has the rest.')


#: Lines of a log that are shown of what a compiler said, or of its end where nobody says what is wrong.
_SHOWN: typing.Final = 15


def telling(lines: typing.Sequence[str]) -> list[str]:
    """The lines of a log that tell why a build failed: the first command that failed, and what the backend says."""
    end = next((index for index, line in enumerate(lines) if line.startswith('mesonbuild-ft: error[')), len(lines))
    begin = next((index for index, line in enumerate(lines[:end]) if line.startswith('FAILED: ')), end)
    # The command itself is long, and in the log.
    output = [line for line in lines[begin + 2:end] if not line.startswith(('ninja: ', '['))]
    if begin == end == len(lines):
        return list(lines[-_SHOWN:])
    return [*lines[begin:min(begin + 1, end)], *output[:_SHOWN], *lines[end:]]


def _imported(interpreter: Interpreter, checked: Checked) -> Imported:
    tried: list[Import] = [done for done in checked.imports if done.interpreter is interpreter]
    missing = next((done.missing for done in tried if done.missing), '')
    failed = any(done.error and not done.missing for done in tried)
    problem = 'failed' if failed else f'needs {missing}' if missing else '' if tried else 'nothing to import'
    return Imported(interpreter.executable, problem)


def _move(built: pathlib.Path, output: pathlib.Path) -> pathlib.Path:
    """Put a wheel into a directory, whole or not at all."""
    if built.parent == output:
        return built
    output.mkdir(parents=True, exist_ok=True)
    path = output / built.name
    try:
        built.replace(path)
    except OSError:
        # Another file system.
        temporary = path.with_name(f'.{path.name}.tmp')
        try:
            shutil.copyfile(built, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        built.unlink()
    return path


def _distinct(done: typing.Sequence[Outcome]) -> list[Outcome]:
    """Each wheel once: where nothing told what a build gives, two may have given the same."""
    found: dict[object, Outcome] = {}
    for ended in done:
        found.setdefault(ended.path or ended.job.name, ended)
    return list(found.values())


def _marker_variables(found: Found) -> dict[str, str]:
    """Variables of PEP 508 that differ between interpreters of one machine."""
    target = found.target
    version = '.'.join(map(str, target.version))
    name = {'cpython': 'CPython', 'pypy': 'PyPy', 'graalpy': 'GraalVM'}.get(target.implementation, '')
    return {
        'python_version': '.'.join(map(str, target.version[:2])), 'python_full_version': version,
        'implementation_name': target.implementation, 'platform_python_implementation': name}

