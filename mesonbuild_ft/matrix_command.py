# SPDX-License-Identifier: MIT
"""`mesonbuild-ft matrix`: reads the project, computes its matrix and puts it into words."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import pathlib
import typing

from . import matrix, matrix_settings, meson_modules, settings
from .diagnostics import refuse
from .plan import Configured, Module


def text(arguments: argparse.Namespace) -> str:
    """What the command prints. Raises BuildRefused."""
    computed = compute(arguments)
    if arguments.format == 'github':
        from . import matrix_github
        return matrix_github.text(computed)
    if arguments.format == 'gitlab':
        from . import matrix_gitlab
        return matrix_gitlab.text(computed)
    if arguments.format == 'azure':
        from . import matrix_azure
        return matrix_azure.text(computed)
    if arguments.format == 'cibuildwheel':
        from . import matrix_cibuildwheel
        return matrix_cibuildwheel.text(computed)
    if arguments.format in ('nox', 'tox'):
        from . import matrix_names
        return matrix_names.tox(computed) if arguments.format == 'tox' else matrix_names.nox(
            computed, arguments.session)
    if arguments.format == 'json':
        from . import matrix_json
        return matrix_json.text(computed)
    from . import matrix_table
    return matrix_table.text(computed)


def compute(arguments: argparse.Namespace) -> matrix.Matrix:
    """The matrix of the project that the command line names. Raises BuildRefused."""
    loaded = settings.load(pathlib.Path(arguments.directory))
    wanted = matrix_settings.parse(loaded.project.matrix)
    for key in ('end_of_life', 'prereleases', 'experimental', 'pypy'):
        if getattr(arguments, key):
            switched_on: dict[str, typing.Any] = {key: True}
            wanted = dataclasses.replace(wanted, **switched_on)
    if arguments.platform:
        wanted = dataclasses.replace(wanted, platforms=tuple(arguments.platform))
    configured, pure = _modules(loaded, arguments.floor)
    return matrix.compute(loaded, configured, wanted, arguments.date or datetime.date.today(), pure=pure)


def _modules(loaded: settings.Settings, floor: tuple[int, int] | str | None) -> tuple[Configured, bool]:
    """The modules of the project, and whether there is nothing to compile."""
    if floor is not None:
        version = None if isinstance(floor, str) else floor
        return Configured(allow_limited_api=True, modules=(Module('module', 'module', version),)), False
    try:
        read = meson_modules.read(loaded.source_dir, loaded.setup_args)
    except meson_modules.Unreadable as error:
        if not loaded.limited_api:
            # Whatever the modules say, they are built with the full API.
            return Configured(allow_limited_api=True, modules=(Module('module', 'module', None),)), False
        raise meson_modules.refused(error) from error
    if not read.configured.modules and read.languages:
        raise refuse(
            'floor-not-readable', 'no py.extension_module() with install: true stands in meson.build',
            where='meson.build', advice='Where modules are built in another way, say what limited_api: they have with '
            '--floor, such as --floor 3.9, or --floor none where they have none.')
    return read.configured, not read.configured.modules
