# SPDX-License-Identifier: MIT
"""Which builds a project needs for the interpreters that were found: pure, rows of the inspection in, jobs out."""

from __future__ import annotations

import dataclasses
import typing

from .. import tags
from ..inspection import outcome
from ..inspection.outcome import Found, Project, Row, Wheel


@dataclasses.dataclass(frozen=True)
class Job:
    """One build.

    builder: the interpreter that it is for. wheel: what it gives; None where only `meson setup` can tell. serves: the
    interpreters that an installer can put it into, and that are to import it.
    """

    builder: Found
    wheel: Wheel | None = None
    serves: tuple[Found, ...] = ()

    @property
    def name(self) -> str:
        """'cp314-cp314t-linux_x86_64': of its directory, the same in every run."""
        return self.builder.name

    @property
    def label(self) -> str:
        """What to call it before its wheel is there: 'cp39-abi3', or for which interpreter it is."""
        return f'{self.wheel.python}-{self.wheel.abi}' if self.wheel is not None else f'for {self.builder.short}'


def plan(
    rows: typing.Sequence[Row], project: Project, done: typing.Sequence[Wheel] = (), *, scouted: bool = False,
) -> list[Job]:
    """The builds that can begin now, those for the most interpreters first.

    done: wheels that were built before. Where it is not known what a build gives, the first such build comes without
    the others: what `meson setup` finds in it may tell of them (`Project.learned`). scouted: it has been tried.
    """
    decided = [
        Job(yielded.built_by[0].found, yielded.wheel, serves(yielded.wheel, rows, project))
        for yielded in outcome.wheels(rows) if yielded.wheel not in done]
    undecided = [row.found for row in rows if row.state == 'undecided']
    if undecided and not scouted:
        # What the limited API is good for shows where it can be used.
        return [*decided, Job(min(undecided, key=lambda found: found.target.free_threaded))]
    return [*decided, *(Job(found) for found in {found.name: found for found in undecided}.values())]


def serves(wheel: Wheel, rows: typing.Sequence[Row], project: Project) -> tuple[Found, ...]:
    """The interpreters among the rows that a wheel is for."""
    return tuple(
        row.found for row in rows if wheel.serves(row.found.target) and not project.excludes(row.found.target))


def wheel_of(file_name: str, builder: Found) -> Wheel:
    """The tags of a wheel that was built for an interpreter."""
    name = tags.parse_wheel_name(file_name)
    libc = builder.target.libc if name.platform.startswith('linux') else ''
    return Wheel(name.python, name.abi, name.platform, libc)
