# SPDX-License-Identifier: MIT
"""A matrix for Azure Pipelines: a template with two jobs; its parameters name the templates of their steps."""

from __future__ import annotations

import json
import re
import typing

from .jobs import Job, Matrix


def text(matrix: Matrix) -> str:
    """The file."""
    builds, tests, missing = matrix.hosted('azure')
    lines = ['# Written by: mesonbuild-ft matrix --format azure',
             *(f'# Azure Pipelines lends no machine for {name}.' for name in missing),
             'parameters:', '  - {name: build, type: string}', '  - {name: test, type: string}', '', 'jobs:']
    lines += _job('build', '', {
        _name(job.artifact): _variables(matrix, job) | {'buildIdentifier': job.build_identifier} for job in builds})
    lines += _job('test', 'build', {
        _name(f'{job.wheel.tag}-on-{job.interpreter.identifier}-{job.platform.name}'):
            _variables(matrix, job) | {'image': job.platform.image} for job in tests})
    return '\n'.join(lines) + '\n'


def _job(name: str, after: str, matrix: typing.Mapping[str, dict[str, str]]) -> list[str]:
    return [f'  - job: wheels_{name}', *([f'    dependsOn: wheels_{after}'] if after else []),
            '    strategy:', '      matrix:',
            # JSON in one line is YAML too.
            *(f'        {leg}: {json.dumps(variables)}' for leg, variables in matrix.items()),
            '    pool: {vmImage: $(runner)}', '    steps:', f'      - template: ${{{{ parameters.{name} }}}}']


def _name(text: str) -> str:
    """A leg of the matrix may have letters, digits and underscores in its name."""
    return re.sub(r'\W', '_', text)


def _variables(matrix: Matrix, job: Job) -> dict[str, str]:
    # These become environment variables: `platform` alone would mean something to MSBuild.
    return {'wheelTag': job.wheel.tag, 'wheelPlatform': job.platform.name, 'pythonVersion': job.interpreter.request,
            'artifact': job.artifact, 'runner': matrix.runner('azure', job.platform)}
