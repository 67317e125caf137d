# SPDX-License-Identifier: MIT
"""Read a project and compute its matrix."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import pathlib
import typing

from .. import settings
from ..diagnostics import refuse
from ..inspection import surroundings
from ..meson import static_floor
from ..plan import Configured, Module
from . import jobs, settings as matrix_settings


def compute(arguments: argparse.Namespace) -> jobs.Matrix:
    """The matrix of the project that the command line names. Raises BuildRefused."""
    loaded = settings.load(pathlib.Path(arguments.directory))
    wanted = matrix_settings.parse(loaded.project.matrix)
    for key in ('end_of_life', 'prereleases', 'experimental', 'pypy'):
        if getattr(arguments, key):
            switched_on: dict[str, typing.Any] = {key: True}
            wanted = dataclasses.replace(wanted, **switched_on)
    if arguments.platform:
        wanted = dataclasses.replace(wanted, platforms=tuple(arguments.platform))
    modules, pure = _modules(loaded, arguments.floor)
    return jobs.compute(loaded, modules, wanted, arguments.date or datetime.date.today(), pure=pure)


def _modules(loaded: settings.Settings, floor: tuple[int, int] | str | None) -> tuple[Configured, bool]:
    """The modules of the project, and whether there is nothing to compile. Raises BuildRefused."""
    if floor is None and not (loaded.source_dir / 'meson.build').is_file():
        raise refuse(
            'floor-not-readable', 'there is no meson.build, so nothing tells of the modules',
            where=str(loaded.source_dir), advice='`mesonbuild-ft migrate` writes one for a project of setuptools. '
            '--floor says what limited_api: the modules have, such as --floor 3.9, or --floor none.')
    if floor is not None:
        version = None if isinstance(floor, str) else floor
        return Configured(allow_limited_api=True, modules=(Module('module', 'module', version),)), False
    return configured(loaded, surroundings.floors(loaded.source_dir), surroundings.allow_limited_api(loaded))


def configured(
    loaded: settings.Settings, floors: static_floor.Floors, allow: bool | None,
) -> tuple[Configured, bool]:
    """What `meson setup` would find, as far as the build files say it in plain words. Raises BuildRefused."""
    modules = [module for module in floors.modules if module.installed]
    certain = {module.limited_api for module in modules if module.certain}
    problem = floors.problem or next((module.problem for module in modules if module.problem), '')
    for module in modules:
        # A module that may be left out must not change the decision: it then has the value of one that is there.
        if not problem and certain | {module.limited_api} != (certain or {module.limited_api}):
            problem = f'whether {module.name} is installed depends on a condition'
        certain = certain or {module.limited_api}
    if problem and not loaded.limited_api:
        # Whatever the modules say, they are built with the full API.
        return Configured(allow_limited_api=True, modules=(Module('module', 'module', None),)), False
    if problem:
        raise refuse(
            'floor-not-readable', f'the limited_api: of the modules cannot be read without running Meson: {problem}',
            where='meson.build',
            advice='Name the highest limited_api: of the modules with --floor, such as --floor 3.9, or --floor none '
                   'where no module has it.')
    if not modules and floors.compiles:
        raise refuse(
            'floor-not-readable', 'no py.extension_module() with install: true stands in meson.build',
            where='meson.build', advice='Where modules are built in another way, say what limited_api: they have with '
            '--floor, such as --floor 3.9, or --floor none where they have none.')
    return floors.configured(modules, allow), not modules
