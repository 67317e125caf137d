# SPDX-License-Identifier: MIT
"""The whole matrix as JSON, for scripts."""

from __future__ import annotations

import json

from .. import __version__, tags
from .data import SYSTEMS
from .jobs import Job, Matrix


def text(matrix: Matrix) -> str:
    """It follows docs/reference/matrix.schema.json."""
    return json.dumps({
        'schema_version': 1,
        'tool': {'name': 'mesonbuild-ft', 'version': __version__},
        'project': matrix.name,
        'date': matrix.date.isoformat(),
        'requires_python': matrix.requires_python,
        'floor': tags.version_text(matrix.floor) if matrix.floor else None,
        'pythons': [one.request for one in matrix.interpreters],
        'left_out': [{'python': name, 'reason': reason} for name, reason in matrix.left_out],
        'build': [_job(matrix, job) | {'identifier': job.build_identifier, 'reasons': list(job.wheel.reasons)}
                  for job in matrix.builds],
        'test': [_job(matrix, job) | {'image': job.platform.image, 'preferred': job.preferred}
                 for job in matrix.tests],
    }, indent=2) + '\n'


def _job(matrix: Matrix, job: Job) -> dict[str, object]:
    return {'wheel': job.wheel.tag, 'platform': job.platform.name, 'python': job.interpreter.request,
            'artifact': job.artifact,
            'runners': {system: matrix.runner(system, job.platform) or None for system in SYSTEMS}}
