# SPDX-License-Identifier: MIT
"""The JSON schema of `[tool.mesonbuild-ft]`, made from the dataclasses that read it.

Editors and validate-pyproject take it: the entry point `validate_pyproject.tool_schema` names `schema`
(https://validate-pyproject.readthedocs.io/en/latest/dev-guide.html).
"""

from __future__ import annotations

import dataclasses
import re
import typing

from .matrix.data import PLATFORM_NAMES, PLATFORMS, SYSTEMS
from .matrix.settings import MatrixSettings
from .settings import ProjectSettings


_ID: typing.Final = 'https://json-schema.mesonbuild-ft.invalid/mesonbuild-ft.json'


def schema(tool_name: str = 'mesonbuild-ft') -> dict[str, typing.Any]:
    """The schema of the table, for draft 7."""
    result = _table(ProjectSettings, matrix=_matrix())
    return {'$schema': 'http://json-schema.org/draft-07/schema#', '$id': _ID, 'title': f'[tool.{tool_name}]', **result}


def _matrix() -> dict[str, typing.Any]:
    # TOML has dates, and JSON has not: what they are is left to the command.
    version = {
        'type': 'object', 'additionalProperties': False, 'required': ['first-release', 'end-of-life'],
        'properties': {
            'first-release': {}, 'end-of-life': {}, 'free-threaded': {'enum': [True, False, 'experimental']}},
    }
    runners = {
        'type': 'object', 'additionalProperties': False,
        'properties': {platform.name: {'type': 'string'} for platform in PLATFORMS}}
    return _table(
        MatrixSettings,
        platforms={'type': 'array', 'items': {'enum': sorted(PLATFORM_NAMES)}},
        versions={
            'type': 'object', 'additionalProperties': False, 'patternProperties': {r'^3\.[0-9]{1,3}$': version}},
        runners={
            'type': 'object', 'additionalProperties': False, 'properties': dict.fromkeys(SYSTEMS, runners)})


def _table(settings: type, **special: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """The schema of a dataclass of settings; special: those of fields that the types do not tell."""
    about = _descriptions(settings.__doc__ or '')
    hints = typing.get_type_hints(settings)
    properties = {}
    for field in dataclasses.fields(settings):
        key = field.name.replace('_', '-')
        value = special.get(field.name)
        if value is None:
            hint = hints[field.name]
            value = {'type': 'boolean'} if hint is bool else {'enum': list(typing.get_args(hint))}
            value['default'] = field.default
        properties[key] = {'description': about[key], **value}
    return {'type': 'object', 'additionalProperties': False, 'properties': properties}


def _descriptions(docstring: str) -> dict[str, str]:
    """Key -> what the docstring of the dataclass says of it."""
    found: dict[str, str] = {}
    key = ''
    for line in docstring.splitlines()[1:]:
        match = re.fullmatch(r' {4}([a-z0-9-]+): (.*)', line)
        if match is not None:
            key = match[1]
            found[key] = match[2]
        elif key and line.strip():
            found[key] += f' {line.strip()}'
    return found
