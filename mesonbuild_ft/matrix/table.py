# SPDX-License-Identifier: MIT
"""The matrix for people: which wheels, who builds each, who tests it."""

from __future__ import annotations

from .. import tags
from ..output.summary import plural
from .jobs import Matrix


def text(matrix: Matrix) -> str:
    """The table, what is behind it, and what is left out."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for platform in matrix.platforms:
        for wheel in dict.fromkeys(job.wheel for job in matrix.tests if job.platform == platform):
            tested = ' '.join(
                job.interpreter.request + ('' if job.preferred else '*')
                for job in matrix.tests if job.platform == platform and job.wheel == wheel)
            rows.setdefault((wheel.tag, wheel.builder.request, tested), []).append(platform.name)
    cells = [('WHEEL', 'BUILT BY', 'TESTED ON', 'PLATFORMS')]
    for (tag, builder, tested), platforms in sorted(
            rows.items(), key=lambda row: [wheel.tag for wheel in matrix.wheels].index(row[0][0])):
        count = 'all' if len(platforms) == len(matrix.platforms) else ' '.join(platforms)
        cells.append((tag, builder, tested, count))
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = [f'{matrix.name}: {plural(len(matrix.builds), "build job")}, {plural(len(matrix.tests), "test job")} on '
             f'{plural(len(matrix.platforms), "platform")}', '']
    lines += ['  '.join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    lines.append('')
    if not all(job.preferred for job in matrix.tests):
        lines.append('*  installers prefer another of these wheels there')
    machines: dict[str, list[str]] = {}
    for platform in matrix.platforms:
        system, _, machine = platform.name.partition('_')
        machines.setdefault(system, []).append(machine)
    lines.append('platforms: ' + ', '.join(f'{system} {" ".join(names)}' for system, names in machines.items()))
    because = [f'requires-python {matrix.requires_python or "is not set"}']
    if matrix.floor:
        because.append(f'limited_api: {tags.version_text(matrix.floor)}')
    lines.append(f'chosen for: {", ".join(because)}, {matrix.date.isoformat()}')
    reasons: dict[str, list[str]] = {}
    for name, reason in matrix.left_out:
        reasons.setdefault(reason, []).append(name)
    lines += [f'left out:  {" ".join(names)} ({reason})' for reason, names in reasons.items()]
    return '\n'.join(lines) + '\n'
