# SPDX-License-Identifier: MIT
"""What `mesonbuild-ft wheels` did, as JSON for scripts. docs/reference/wheels.schema.json describes it."""

from __future__ import annotations

import json
import os
import typing

from .. import __version__
from ..inspection.outcome import Row
from .build import Outcome


#: Raised when a field changes its meaning or goes away, not when one is added.
SCHEMA_VERSION: typing.Final = 1


def text(rows: typing.Sequence[Row], done: typing.Sequence[Outcome], output: str, exit_status: int) -> str:
    """One object. output: the directory of the wheels."""
    return json.dumps({
        'schema_version': SCHEMA_VERSION,
        'tool': {'name': 'mesonbuild-ft', 'version': __version__},
        'exit_status': exit_status,
        'output': output,
        'builds': [_build(ended) for ended in done],
        'refused': [{'interpreter': row.found.path, 'findings': [finding._asdict() for finding in row.findings]}
                    for row in rows if row.state == 'refused'],
    }, indent=1) + '\n'


def _build(ended: Outcome) -> dict[str, typing.Any]:
    wheel = ended.job.wheel
    kept = ended.path is not None and ended.state != 'failed'
    return {
        'state': ended.state,
        'built_by': ended.job.builder.path,
        'wheel': os.fspath(ended.path) if kept and ended.path is not None else None,
        'size': os.stat(ended.path).st_size if kept and ended.path is not None else None,
        'tag': wheel.tag if wheel is not None else None,
        'seconds': round(ended.seconds, 3),
        'verdict': ended.verdict or None,
        'modules': ended.modules,
        'serves': [found.path for found in ended.serves],
        'imported': [each._asdict() for each in ended.imported],
        'findings': [finding._asdict() for finding in ended.findings],
    }
