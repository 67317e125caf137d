# SPDX-License-Identifier: MIT
"""What `mesonbuild-ft inspect` looks at: the interpreters of the machine or those that are named, and the project."""

from __future__ import annotations

import os
import pathlib
import typing

from .. import interpreter_cache, interpreters, settings as settings_
from ..diagnostics import BuildRefused, Diagnostic, refuse
from ..meson import static_floor
from ..settings import Settings
from ..target import Target
from .outcome import Found, Kept, Project


def find(names: typing.Sequence[str], *, and_machine: bool) -> tuple[list[Found], list[Diagnostic]]:
    """(interpreters, what is wrong with those that were named). and_machine: also those that nobody named."""
    found: list[Found] = []
    findings: list[Diagnostic] = []
    with interpreter_cache.Cache() as cache:
        for name in names:
            try:
                found.append(_named(name, cache))
            except BuildRefused as error:
                findings += error.diagnostics
        if and_machine:
            known = {item.path for item in found}
            found += [Found(item.executable, item.target) for item in interpreters.of_machine(cache.probe_all)
                      if item.executable not in known]
    return found, findings


def _named(name: str, cache: interpreter_cache.Cache) -> Found:
    """An interpreter that can run, else what its files tell. Raises BuildRefused."""
    path = interpreters.executable(name, cache.probe_all)
    if interpreters.may_run(path):
        answer = cache.probe(path)
        if answer is not None:
            return Found(answer.executable, answer.target)
    from .. import target_choice
    from ..description import reader

    given = pathlib.Path(os.path.expanduser(name))
    if not os.path.lexists(given):
        if path != given:
            # A command of PATH.
            given = path
        else:
            raise refuse(
                'unreadable-target', f'there is no {name}{interpreters.meant(name, cache.probe_all)}', where=name,
                advice='Name an interpreter, e.g. python3.14t, its prefix directory, or a build-details.json.')
    if (given / 'pyproject.toml').is_file():
        raise refuse(
            'unreadable-target', f'{name} is the directory of a project, and no interpreter', where=name,
            advice=f'Say --directory {name}.')
    target = reader.read(given).target
    return Found(target.description, target_choice.in_wheels(target), runs=False)


def project(directory: pathlib.Path, config_settings: typing.Mapping[str, typing.Any]) -> Project | None:
    """The project in a directory; None where there is none that Meson builds. Raises BuildRefused."""
    if not (directory / 'pyproject.toml').is_file() or not (directory / 'meson.build').is_file():
        return None
    settings = settings_.load(directory, config_settings)
    table = settings.pyproject.get('project', {})
    name = table.get('name') if isinstance(table, dict) else None
    found = floors(settings.source_dir)
    return Project(
        name=name if isinstance(name, str) else settings.source_dir.name, settings=settings, floors=found,
        allow_limited_api=allow_limited_api(settings),
        configured=() if found.known else tuple(_kept(settings.source_dir)), excludes=_requires_python(table),
        cross=_has_cross(settings))


def floors(source_dir: pathlib.Path) -> static_floor.Floors:
    """What the build files of a project say of its extension modules."""
    def read_file(path: str) -> str | None:
        try:
            return (source_dir / path).read_text(encoding='utf-8', errors='replace')
        except OSError:
            return None

    try:
        subprojects = sorted(os.listdir(source_dir / 'subprojects'))
    except OSError:
        subprojects = []
    return static_floor.read(read_file, subprojects)


def allow_limited_api(settings: Settings) -> bool | None:
    """python.allow_limited_api as the arguments of `meson setup` set it: machine files, then -D."""
    if not settings.setup_args:
        return None
    from ..meson import machine_files

    value = None
    for contents in machine_files.for_host(settings.setup_args, settings.source_dir):
        value = contents.get('built-in options', {}).get('python.allow_limited_api', value)
    given = machine_files.option_values('python.allow_limited_api', settings.setup_args)
    return str(given[-1] if given else value).lower() == 'true' if given or value is not None else None


def _has_cross(settings: Settings) -> bool:
    if not settings.setup_args:
        return False
    from ..meson import machine_files

    return machine_files.has_cross(settings.setup_args)


def _kept(source_dir: pathlib.Path) -> typing.Iterator[Kept]:
    """What build directories below the project were configured for, where they are up to date."""
    states = [*source_dir.glob('*/mesonbuild-ft/state.json'), *source_dir.glob('build/*/mesonbuild-ft/state.json')]
    if not states:
        return
    from ..meson import setup

    for path in sorted(states):
        state = setup.read_state(path.parent.parent)
        if state is None or state.configured is None or not setup.has_same_build_files(state):
            continue
        # Where the limited API was switched off for that build, the modules do not show their limited_api:.
        if state.configured.allow_limited_api:
            where = path.parent.parent.relative_to(source_dir)
            yield Kept(state.target, state.configured, where.as_posix())


def _requires_python(table: typing.Any) -> typing.Callable[[Target], str]:
    """Project.excludes. A pre-release counts as its release, as in a build. Raises BuildRefused."""
    text = table.get('requires-python') if isinstance(table, dict) else None
    if text is None:
        return lambda target: ''
    from .. import metadata

    specifiers = metadata.requires_python(text)

    def excludes(target: Target) -> str:
        version = '.'.join(map(str, target.version))
        return '' if specifiers.contains(version, prereleases=True) else f'the project requires Python {text}'

    return excludes
