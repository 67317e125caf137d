# SPDX-License-Identifier: MIT
"""Wheels, directories, module files and installed packages in; a verdict on each out.

Everything is read into memory, inflated and scanned by threads: zlib, libdeflate and the scanner let go of the thread
state, the scanner not for the bytearray that libdeflate makes where there is a GIL. Nothing is unpacked, imported or
executed.
"""

from __future__ import annotations

import os
import threading
import typing

from .. import tags
from ..audit import verdict as audit
from ..diagnostics import Diagnostic
from ..modules import Module
from ..scanner import Scanner
from . import subjects as subjects_
from .subjects import Job, Kind, LeftOut, Options, Subject


if typing.TYPE_CHECKING:
    from .import_process import Import

Verdict = typing.Literal['ok', 'hint', 'warning', 'error', 'unusable']

#: Bytes of modules that are in memory at once; a larger module is scanned alone.
IN_FLIGHT: typing.Final = 16 << 20


class Checked(typing.NamedTuple):
    """The verdict on one thing that was named, or found in a directory that was.

    label: what to call it. path: where it lies. name: the tags that it is judged by, if it has any.
    unusable: nothing could be judged. imports: what interpreters did with the modules, where that was asked for.
    left_out: directories below one that was named, of which nothing was read; they are with the first of its results.
    """

    label: str
    kind: Kind
    path: str
    name: tags.WheelName | None
    modules: tuple[Module, ...]
    found: tuple[Diagnostic, ...]
    unusable: bool = False
    imports: tuple[Import, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of what was found."""
        if self.unusable:
            return 'unusable'
        severities = {diagnostic.severity for diagnostic in self.found}
        return next((s for s in ('error', 'warning', 'hint') if s in severities), 'ok')


Progress = typing.Callable[[int, int], None]


def check(
    named: typing.Sequence[str], scanner: Scanner, options: Options, progress: Progress | None = None,
) -> list[Checked]:
    """The verdict on everything that `named` names, in that order.

    progress: called now and then from this thread with the bytes scanned and the bytes in all.
    """
    subjects = [subject for name in named for subject in subjects_.find(name, options)]
    _run([job for subject in subjects for job in subject.jobs], scanner, options.jobs, progress)
    return [_judge(subject) for subject in subjects]


def _judge(subject: Subject) -> Checked:
    modules = sorted((job.module for job in subject.jobs if job.module is not None), key=lambda m: m.path)
    problems = [job.problem for job in subject.jobs if job.problem is not None]
    found = [*subject.found, *problems]
    name = subject.name
    if name is not None:
        members = subject.contents.members if subject.contents is not None else ()
        found += audit.wheel(name, modules, siblings=tags.shared_libraries(members), contents=subject.contents)
    else:
        found += [diagnostic for module in modules for diagnostic in audit.single(module)]
        if subject.kind == 'module' and modules:
            name = tags.name_from_suffix(modules[0].suffix_tag)
    # A wheel with a broken member is judged, and the member is a finding; a file that was named is the thing itself.
    unusable = subject.unusable or (not modules and len(problems) + subject.unread > 0) or (
        subject.kind == 'module' and not any(module.parts for module in modules))
    return Checked(subject.label, subject.kind, subject.path, name, tuple(modules), tuple(found), unusable,
                   left_out=subject.left_out)


def _run(jobs: list[Job], scanner: Scanner, threads: int, progress: Progress | None) -> None:
    """Run all jobs, the biggest first, with no more than IN_FLIGHT bytes under way."""
    jobs = sorted(jobs, key=lambda job: -job.size)
    total = sum(job.size for job in jobs)
    threads = min(threads or processors(), len(jobs))
    if threads <= 1 and progress is None:
        for job in jobs:
            job.run(scanner)
        return
    waiting = iter(jobs)
    state = threading.Condition()
    under_way, done = 0, 0
    failures: list[BaseException] = []

    def work() -> None:
        nonlocal under_way, done
        while True:
            with state:
                job = next(waiting, None)
                if job is None or failures:
                    return
                while under_way and under_way + job.size > IN_FLIGHT:
                    state.wait()
                under_way += job.size
            try:
                job.run(scanner)
            except BaseException as error:
                failures.append(error)
            with state:
                under_way -= job.size
                done += job.size
                state.notify_all()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(max(threads, 1))]
    for worker in workers:
        worker.start()
    for worker in workers:
        while worker.is_alive():
            worker.join(0.1 if progress is not None else None)
            if progress is not None:
                progress(done, total)
    if failures:
        raise failures[0]


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
