# SPDX-License-Identifier: MIT
"""`[tool.mesonbuild-ft.matrix]`: what `mesonbuild-ft matrix` is asked for. Builds do not read it."""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing

from ..diagnostics import refuse
from ..settings import nearest, wrong_kind
from .data import PLATFORM_NAMES, PLATFORMS, SYSTEMS, PythonVersion, System


_TABLE: typing.Final = '[tool.mesonbuild-ft.matrix]'


@dataclasses.dataclass(frozen=True)
class MatrixSettings:
    """`[tool.mesonbuild-ft.matrix]`; every key is a field with its default.

    platforms: names or groups of platforms; all without any.
    end-of-life: also versions of Python that are no longer supported.
    prereleases: also versions that are not released yet.
    experimental: also free-threaded builds that CPython calls experimental (3.13t).
    pypy: also PyPy.
    versions: versions of CPython to add, or to describe otherwise.
    runners: the machine of a CI service for a platform, in place of the one that is lent by default; '' for none.
    """

    platforms: tuple[str, ...] = ()
    end_of_life: bool = False
    prereleases: bool = False
    experimental: bool = False
    pypy: bool = False
    versions: tuple[PythonVersion, ...] = ()
    runners: typing.Mapping[System, typing.Mapping[str, str]] = dataclasses.field(default_factory=dict)


def parse(table: typing.Mapping[str, object]) -> MatrixSettings:
    """The table as a dataclass. Raises BuildRefused."""
    _known(table, [field.name.replace('_', '-') for field in dataclasses.fields(MatrixSettings)], _TABLE)
    values: dict[str, typing.Any] = {}
    for key, value in table.items():
        if key == 'platforms':
            values[key] = _platforms(value)
        elif key == 'versions':
            values[key] = _versions(value)
        elif key == 'runners':
            values[key] = _runners(value)
        elif not isinstance(value, bool):
            raise wrong_kind(key, _TABLE, 'true or false', value)
        else:
            values[key.replace('-', '_')] = value
    return MatrixSettings(**values)


def _platforms(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise wrong_kind('platforms', _TABLE, 'a list of strings', value)
    for word in value:
        if word not in PLATFORM_NAMES:
            raise refuse(
                'invalid-setting', f'there is no platform "{word}"', where=f'pyproject.toml, {_TABLE}',
                advice=nearest(word, PLATFORM_NAMES))
    return tuple(value)


def _versions(table: object) -> tuple[PythonVersion, ...]:
    name = '[tool.mesonbuild-ft.matrix.versions]'
    if not isinstance(table, dict):
        raise wrong_kind('versions', _TABLE, 'a table', table)
    found = []
    for key, value in table.items():
        match = re.fullmatch(r'3\.(\d{1,3})', key)
        if match is None:
            raise refuse(
                'invalid-setting', f'"{key}" is no version such as "3.16"', where=f'pyproject.toml, {name}',
                advice='Write "3.16" = {first-release = 2027-10-06, end-of-life = 2032-10-31}.')
        if not isinstance(value, dict):
            raise wrong_kind(key, name, 'a table', value)
        where = f'[tool.mesonbuild-ft.matrix.versions."{key}"]'
        _known(value, ('first-release', 'end-of-life', 'free-threaded'), where)
        for date in ('first-release', 'end-of-life'):
            # A date and time is a date to Python.
            if not isinstance(value.get(date), datetime.date) or isinstance(value[date], datetime.datetime):
                raise wrong_kind(date, where, 'a date such as 2027-10-06', value.get(date))
        free_threaded = value.get('free-threaded', True)
        if free_threaded not in (True, False, 'experimental'):
            raise wrong_kind('free-threaded', where, 'true or false or "experimental"', free_threaded)
        found.append(PythonVersion(
            (3, int(match[1])), value['first-release'], value['end-of-life'],
            'experimental' if free_threaded == 'experimental' else 'yes' if free_threaded else 'no'))
    return tuple(found)


def _runners(table: object) -> dict[System, dict[str, str]]:
    if not isinstance(table, dict):
        raise wrong_kind('runners', _TABLE, 'a table', table)
    name = '[tool.mesonbuild-ft.matrix.runners]'
    _known(table, SYSTEMS, name)
    found: dict[System, dict[str, str]] = {}
    for system, runners in table.items():
        if not isinstance(runners, dict):
            raise wrong_kind(system, name, 'a table', runners)
        where = f'[tool.mesonbuild-ft.matrix.runners.{system}]'
        _known(runners, [platform.name for platform in PLATFORMS], where)
        for platform, runner in runners.items():
            if not isinstance(runner, str):
                raise wrong_kind(platform, where, 'a string', runner)
        found[system] = dict(runners)
    return found


def _known(table: typing.Mapping[str, object], known: typing.Iterable[str], name: str) -> None:
    known = tuple(known)
    for key in table:
        if key not in known:
            raise refuse(
                'unknown-setting', f'unknown key "{key}"', where=f'pyproject.toml, {name}',
                advice=nearest(key, known))
