# SPDX-License-Identifier: MIT
"""A matrix for GitLab CI: two hidden jobs with `parallel: matrix:`, to be included and extended."""

from __future__ import annotations

import json
import typing

from .jobs import Job, Matrix


def text(matrix: Matrix) -> str:
    """The file."""
    builds, tests, missing = matrix.hosted('gitlab')
    lines = ['# Written by: mesonbuild-ft matrix --format gitlab',
             *(f'# GitLab lends no machine for {name}.' for name in missing)]
    lines += _hidden_job('.mesonbuild-ft-build', [
        _job(matrix, job) | {'BUILD_IDENTIFIER': job.build_identifier} for job in builds])
    lines += _hidden_job('.mesonbuild-ft-test', [
        _job(matrix, job) | ({'IMAGE': job.platform.image or 'debian:stable-slim'}
                             if job.platform.system == 'linux' else {}) for job in tests])
    return '\n'.join(lines) + '\n'


def _hidden_job(name: str, jobs: typing.Sequence[dict[str, str]]) -> list[str]:
    if not jobs:
        return []
    return ['', f'{name}:', '  tags: ["$RUNNER"]', '  parallel:', '    matrix:',
            # JSON in one line is YAML too.
            *(f'      - {json.dumps(job)}' for job in jobs)]


def _job(matrix: Matrix, job: Job) -> dict[str, str]:
    # These are environment variables of the build: PLATFORM alone would mean something to MSBuild.
    return {'WHEEL_TAG': job.wheel.tag, 'WHEEL_PLATFORM': job.platform.name,
            'PYTHON_VERSION': job.interpreter.request, 'ARTIFACT': job.artifact,
            'RUNNER': matrix.runner('gitlab', job.platform)}
