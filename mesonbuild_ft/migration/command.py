# SPDX-License-Identifier: MIT
"""`mesonbuild-ft migrate`: reads a project, shows what would change, asks, and writes."""

from __future__ import annotations

import argparse
import os
import pathlib
import shlex
import sys
import typing

from .. import settings
from ..diagnostics import BuildRefused, from_os_error, refuse
from ..inspection import surroundings
from ..meson import static_floor
from . import difference, evidence, files as files_, leftovers, meson_python, proposals, pyproject, setuptools
from .evidence import Evidence
from .files import Files
from .plan import Plan


#: Exit status: nothing to do, or written; there is a difference that was not written.
DONE, NOT_WRITTEN = 0, 1


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status. Raises BuildRefused where the project cannot be migrated.

    arguments: directory, wheel (a list), yes, diff.
    """
    directory = pathlib.Path(arguments.directory)
    try:
        plan = make(directory, arguments.wheel)
    except OSError as error:
        raise BuildRefused(from_os_error(error)) from error
    difference.show(plan, sys.stdout, sys.stderr)
    if not plan.changes:
        print('nothing to do: the project is built by mesonbuild-ft, and no setting is proposed', file=sys.stderr)
        return DONE
    print(file=sys.stderr)
    if not arguments.yes:
        if arguments.diff or not (sys.stdin.isatty() and sys.stdout.isatty()):
            print('nothing is written; --yes writes it', file=sys.stderr)
            return NOT_WRITTEN
        if not _agreed():
            print('nothing is written', file=sys.stderr)
            return NOT_WRITTEN
    try:
        files_.write(directory, plan.changes)
    except OSError as error:
        raise BuildRefused(from_os_error(error)) from error
    print(f'written: {", ".join(change.path for change in plan.changes)}', file=sys.stderr)
    if plan.origin != 'mesonbuild-ft':
        # Where another directory was named, the next command has to be told as well.
        where = '' if directory.resolve() == pathlib.Path.cwd() else f' --directory {shlex.quote(os.fspath(directory))}'
        print(f'next: `mesonbuild-ft inspect{where}` says which wheels that gives, and `mesonbuild-ft wheels{where}` '
              'builds them', file=sys.stderr)
    return DONE


def make(directory: pathlib.Path, wheels: typing.Sequence[str] = ()) -> Plan:
    """What the migration of the project in a directory comes to. Raises BuildRefused, OSError."""
    if not directory.is_dir():
        raise refuse('unreadable-file', 'is no directory', where=os.fspath(directory),
                     advice='Name the directory of a project.')
    text = files_.read_exact(directory / 'pyproject.toml')
    files = Files(directory)
    origin = 'setuptools' if text is None else meson_python.check_backend(text, files.read)
    sources = _texts(files, leftovers.SOURCES)
    texts = _texts(files, leftovers.PATTERNS)
    floors = surroundings.floors(directory) if 'meson.build' in files.paths else static_floor.Floors()
    data = pyproject.loads(text or '')
    proven = _evidence(directory, data, floors, wheels)
    if origin == 'setuptools':
        return setuptools.plan(files, text, texts, sources, floors, proven)
    assert text is not None
    loaded = settings.load(directory)
    return meson_python.plan(text, texts, sources, floors, surroundings.allow_limited_api(loaded), proven)


def _texts(files: Files, patterns: typing.Sequence[str]) -> dict[str, str]:
    return {path: text for path in files.matching(*patterns) if (text := files.read(path)) is not None}


def _evidence(
    directory: pathlib.Path, data: typing.Mapping[str, typing.Any], floors: static_floor.Floors,
    named: typing.Sequence[str],
) -> Evidence:
    """What the wheels that were named prove, or those in dist/. Raises BuildRefused for one that cannot be judged."""
    value = proposals.table(data, 'project').get('name')
    name = value if isinstance(value, str) else ''
    found = list(named) or sorted(map(str, directory.glob('dist/*.whl')))
    wheels = evidence.newest(found, name) if name else list(named)
    for path in named if name else ():
        if not os.path.isfile(path) or not evidence.newest([path], name):
            raise refuse(
                'unusable-input', f'is no wheel of {name}', where=path, advice='Name a wheel of this project.')
    if not wheels:
        return Evidence()
    from .. import scanner
    from ..check import checker
    from ..check.subjects import Options

    checked = checker.check(wheels, scanner.load(), Options())
    for result in checked if named else ():
        if result.unusable:
            raise BuildRefused(*result.found)
    # What lies in dist/ unasked and cannot be read proves nothing.
    checked = [result for result in checked if not result.unusable]
    modules = [module.name for module in floors.modules if module.installed] if floors.known else []
    return evidence.of(checked, modules)


def _agreed() -> bool:
    """Ask; everything but yes is no."""
    print('Write? [y/N] ', end='', file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ('y', 'yes')
