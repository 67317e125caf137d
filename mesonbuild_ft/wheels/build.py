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
import time
import typing

from .. import (
    __version__,
    interpreter_cache,
    scanner as scanner_,
    tags,
    target as target_,
    wheel as wheel_,
    work_directory,
)
from ..check import checker, imports, subjects
from ..check.import_process import Import, Processes
from ..diagnostics import BuildRefused, Diagnostic, from_os_error, refuse
from ..inspection import outcome
from ..inspection.outcome import Found, Project, Row
from ..interpreters import Interpreter
from ..meson import tools
from . import jobs as jobs_, log as log_, record as record_
from .jobs import Job
from .jobserver import JobServer
from .options import Options
from .record import Record
from .workers import Workers


if typing.TYPE_CHECKING:
    from ..check.checker import Checked
    from ..modules import Module as ScannedModule

State = typing.Literal['built', 'unchanged', 'failed']


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
        self._scanner = scanner_.load()
        self._processes = Processes()
        self._record = Record(self._root / 'state.json')
        self._workers = Workers(settings, options, display.note, self._record, self._root, self._processes)
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
        self._record.read()
        self._closing.callback(self._workers.close)
        if self._options.output.is_dir():
            wheel_.remove_unfinished(self._options.output)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._stop()
        self._closing.close()

    def _stop(self) -> None:
        self._server.stop()
        self._processes.stop()
        self._workers.stop()

    def run(self, found: typing.Sequence[Found]) -> tuple[list[Row], list[Outcome]]:
        self._sources = record_.of_sources(self._source_dir, self._project.name, self._root)
        # The oldest of those that could builds a wheel, in whatever order they were named.
        found = sorted(found, key=lambda each: (
            each.target.implementation, each.target.version, each.target.free_threaded, each.target.debug))
        self._rows = outcome.rows(found, self._project)
        excluded = [row for row in self._rows if row.state == 'excluded']
        if len(excluded) == len(self._rows):
            raise refuse(
                'no-interpreter-left', 'none of these interpreters is one that the project is built for: '
                + ', '.join(f'{row.found.short} ({row.reasons[0]})' for row in excluded), where='pyproject.toml',
                advice='Name others, or correct requires-python; `mesonbuild-ft inspect` lists those of this machine.')
        for row in excluded:
            if row.found.path in self._options.named:
                self._display.note(f'nothing is built for {row.found.short}: {row.reasons[0]}')
        # Without a build environment nothing can be built.
        self._workers.of(found[0])
        project, done, tried = self._project, list[Outcome](), set[str]()
        while True:
            built = [jobs_.wheel_of(ended.path.name, ended.job.builder) for ended in done if ended.path is not None]
            planned = [job for job in jobs_.plan(self._rows, project, built, scouted=bool(tried))
                       if job.name not in tried]
            if not planned:
                return self._rows, _distinct(done)
            tried |= {job.name for job in planned}
            done += self._all(planned)
            if project.learned is None:
                project = dataclasses.replace(project, learned=self._learned(planned))
                self._rows = outcome.rows(found, project)

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
                self._record.set(job.name, None)
                ended = Outcome(job, 'failed', findings=found)
            ended = dataclasses.replace(ended, seconds=time.monotonic() - start)
        self._display.end(ended)
        return ended

    def _unless_unchanged(self, job: Job) -> Outcome:
        worker, own, installed = self._workers.of(job.builder)
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
            # What compilers advised may be what the failure is about: gil = "not-used" where it is.
            raise BuildRefused(log_.failure(f'the build {job.label} failed', ended.status, log), *self._advice(job))
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
            (*(finding for finding in (*self._notes(job), *checked.found) if finding.severity in ('error', 'warning')),
             *self._advice(job, checked.modules)))
        self._record.set(job.name, None if bad else {
            'fingerprint': fingerprint, 'wheel': path.name, 'read': read, 'read_signatures': record_.signatures(read),
            'signature': interpreter_cache.signature(os.fspath(path)), 'verdict': ended.verdict,
            'modules': ended.modules, 'imported': [
                [*each, interpreter_cache.signature(os.path.realpath(each.interpreter))] for each in imported],
            'findings': [list(finding) for finding in ended.findings]})
        return ended

    def _notes(self, job: Job) -> tuple[Diagnostic, ...]:
        """What was said of the decision, which nobody sees in the wheel."""
        from ..meson import setup

        state = setup.read_state(self._root / job.name / 'meson')
        return state.plan.notes if state is not None and state.plan is not None else ()

    def _advice(self, job: Job, modules: typing.Sequence[ScannedModule] = ()) -> list[Diagnostic]:
        """What compilers advised in a build, and the modules of its wheel, if there is one, do not answer."""
        if not self._project.settings.advise:
            return []
        from ..advice import kept
        from ..meson import setup

        build_dir = self._root / job.name / 'meson'
        state = setup.read_state(build_dir)
        return kept.of_build(build_dir, modules) if state is not None and state.plan and state.plan.advise else []

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
        wheel_.finish(built, output, tags.parse_wheel_name(built.name))
        built.unlink()
    return path


def _distinct(done: typing.Sequence[Outcome]) -> list[Outcome]:
    """Each wheel once: where nothing told what a build gives, two may have given the same."""
    found: dict[object, Outcome] = {}
    for ended in done:
        found.setdefault(ended.path or ended.job.name, ended)
    return list(found.values())
