# SPDX-License-Identifier: MIT
"""A matrix for GitHub Actions: one line of JSON; fromJSON() makes a strategy of its `build` and of its `test`."""

from __future__ import annotations

import json

from .jobs import Job, Matrix


def text(matrix: Matrix) -> str:
    """The line."""
    builds, tests, _ = matrix.hosted('github')
    return json.dumps({
        'build': {'include': [_job(matrix, job) | {'identifier': job.build_identifier} for job in builds]},
        'test': {'include': [_job(matrix, job) | {'image': job.platform.image} for job in tests]},
    }, separators=(',', ':')) + '\n'


def _job(matrix: Matrix, job: Job) -> dict[str, str]:
    return {'wheel': job.wheel.tag, 'platform': job.platform.name, 'python': job.interpreter.request,
            'artifact': job.artifact, 'runner': matrix.runner('github', job.platform)}
