# SPDX-License-Identifier: MIT
"""A matrix for cibuildwheel: its `build` selector, under which no wheel is built twice.

cibuildwheel goes through the versions from the oldest to the newest, the GIL first. For one
with the GIL it tests an abi3 wheel that it has built already; without the GIL it always
builds, so that cp315 and cp315t would both write the same cp315-abi3.abi3t wheel. It makes
no wheels without a platform.
"""

from __future__ import annotations

import typing

from .. import tags
from .data import Platform
from .jobs import Interpreter, Matrix, admits


class Run(typing.NamedTuple):
    """What cibuildwheel does on one platform.

    interpreters: it is to be asked for. tested: what it tests as (tag, interpreter).
    """

    interpreters: tuple[Interpreter, ...]
    tested: frozenset[tuple[str, Interpreter]]


def run(matrix: Matrix, platform: Platform) -> Run:
    """What to ask cibuildwheel for on this platform."""
    wheels = {job.wheel.tag: job.wheel for job in matrix.builds if job.platform == platform}
    asked = matrix.plans[platform.name]
    built: list[str] = []
    chosen: list[Interpreter] = []
    tested: set[tuple[str, Interpreter]] = set()
    for one in sorted({job.interpreter for job in matrix.tests if job.platform == platform}):
        if not _offered(one) or one not in asked:
            continue
        reused = next((tag for tag in built if _reuses(tag, one)), None)
        tag = reused or asked[one]
        if reused is None:
            if tag not in wheels or wheels[tag].builder != one:
                # It would build what another one builds, or what nobody needs.
                continue
            built.append(tag)
        chosen.append(one)
        tested.add((tag, one))
    return Run(tuple(chosen), frozenset(tested))


def text(matrix: Matrix) -> str:
    """The table for pyproject.toml, or for a file of its own."""
    selectors: list[str] = []
    unbuilt: dict[str, list[str]] = {}
    untested: dict[tuple[str, str], list[str]] = {}
    for platform in matrix.platforms:
        planned = run(matrix, platform)
        if planned.interpreters:
            selectors.append(f'  "{_selector(planned.interpreters, platform)}",')
        for job in matrix.tests:
            if job.platform == platform and (job.wheel.tag, job.interpreter) not in planned.tested:
                untested.setdefault((job.wheel.tag, job.interpreter.request), []).append(platform.name)
        for job in matrix.builds:
            if job.platform == platform and (job.wheel.tag, job.wheel.builder) not in planned.tested:
                unbuilt.setdefault(job.wheel.tag, []).append(platform.name)
    lines = ['# Written by: mesonbuild-ft matrix --format cibuildwheel', '[tool.cibuildwheel]',
             # No selector at all would mean everything.
             *(['build = [', *selectors, ']'] if selectors else ['skip = ["*"]'])]
    enable = [*(['pypy'] if any(one.implementation == 'pypy' for one in matrix.interpreters) else []),
              *(['cpython-prerelease'] if matrix.prerelease else [])]
    if enable:
        lines.append(f'enable = [{", ".join(chr(34) + group + chr(34) for group in enable)}]')
    for tag, platforms in unbuilt.items():
        where = '; `python -m build` does' if tag == 'py3-none' else _on(matrix, platforms)
        lines.append(f'# cibuildwheel does not build {tag}{where}.')
    together: dict[tuple[str, str], list[str]] = {}
    for (tag, python), platforms in untested.items():
        if tag not in unbuilt:
            together.setdefault((tag, _on(matrix, platforms)), []).append(python)
    for (tag, where), pythons in together.items():
        lines.append(f'# cibuildwheel does not test {tag} with {", ".join(pythons)}{where}.')
    return '\n'.join(lines) + '\n'


def _selector(interpreters: typing.Sequence[Interpreter], platform: Platform) -> str:
    if len(interpreters) == 1:
        return f'{interpreters[0].identifier}-{platform.name}'
    return f'{{{",".join(one.identifier for one in interpreters)}}}-{platform.name}'


def _on(matrix: Matrix, platforms: typing.Sequence[str]) -> str:
    return '' if len(platforms) == len(matrix.platforms) else f' on {", ".join(platforms)}'


def _offered(one: Interpreter) -> bool:
    """cibuildwheel 4 has no 3.13t; and where it cannot build with one, it cannot test either."""
    return one.version >= tags.OLDEST_BUILDER and (not one.free_threaded or one.version >= (3, 14))


def _reuses(tag: str, one: Interpreter) -> bool:
    """cibuildwheel's find_compatible_wheel(): stable-ABI wheels, with the GIL."""
    python, _, abi = tag.partition('-')
    return 'abi3' in abi.split('.') and not one.free_threaded and admits(python, abi, one)
