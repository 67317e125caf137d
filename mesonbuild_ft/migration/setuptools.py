# SPDX-License-Identifier: MIT
"""The plan for a project that setuptools builds."""

from __future__ import annotations

import typing

from ..diagnostics import refuse
from . import leftovers, meson_build, meson_python, proposals, pyproject, requires, setuptools_project
from .evidence import Evidence
from .files import Files
from .plan import Change, Note, Plan, find_line, place
from .proposals import table


if typing.TYPE_CHECKING:
    from ..meson.static_floor import Floors


def plan(
    files: Files, text: str | None, texts: typing.Mapping[str, str], sources: typing.Mapping[str, str],
    floors: Floors, proven: Evidence,
) -> Plan:
    """text: of pyproject.toml, if there is one. floors: of meson.build, if there is one. Raises BuildRefused."""
    data = pyproject.loads(text or '')
    if text is None and not {'setup.py', 'setup.cfg'} & set(files.paths):
        raise refuse('migration-not-possible', 'there is no pyproject.toml, setup.py or setup.cfg', where=str(
            files.directory), advice='Name the directory of a project that meson-python or setuptools builds.')
    project = setuptools_project.read(files, data, text or '')
    left: list[Note] = []
    edits: list[pyproject.Edit] = []
    why: list[str] = []
    changes: list[Change] = []
    written = 'meson.build' not in files.paths
    if written:
        left += _check(project)
        why.append(f'meson.build describes {", ".join(module.name for module in project.modules)}, as '
                   f'{project.modules[0].place.partition(":")[0]} does')
        floors = _floors(meson_build.text(project))
        missing = [note._replace(text=f'{module.name}: {note.text} (not carried over)') for module in project.modules
                   for note in module.missing]
        left += missing
    else:
        why.append('meson.build is there already, and stays as it is')
    left += project.left
    cython = ['cython >= 3.1'] if written and 'cython' in meson_build.languages(project) else []
    system = table(data, 'build-system')
    if 'build-system' not in data:
        edits.append(pyproject.AddBuildSystem(meson_python.OWN, ('mesonbuild-ft', *cython)))
        why.append('[build-system] names mesonbuild-ft')
    else:
        decided = requires.from_setuptools(meson_python.requirements(system), cython)
        edits += [pyproject.SetKey(('build-system',), 'build-backend', meson_python.OWN), *decided.edits]
        why += decided.why
        line = find_line(text or '', r'^\s*(build-system\.)?requires\s*=')
        left += [note._replace(place=place(note.place, line)) for note in decided.left]
    proposed = proposals.propose(data, floors, None, proven, sources, text or '')
    edits += proposed.edits
    why += proposed.why
    after = pyproject.apply(text or '', edits)
    if written:
        changes.append(Change('meson.build', None, meson_build.text(project)))
    changes.append(Change('pyproject.toml', text, after))
    left += proposed.left
    left += leftovers.find({**sources, **texts, 'pyproject.toml': ''}, limited_api=proposed.limited_api)
    left += leftovers.skipped_builds(data, after)
    if any(module.limited_api for module in floors.modules):
        left += leftovers.own_limited_api(sources)
    left += _unused(files, data, after)
    return Plan('setuptools', tuple(changes), tuple(why), proposed.kept_back, tuple(left))


def _check(project: setuptools_project.Project) -> list[Note]:
    """What of the extension modules cannot be read, as notes; a refusal where that is all. Raises BuildRefused."""
    if project.modules:
        return [note._replace(text=f'{note.text}; meson.build does not have it') for note in project.unread]
    if project.unread:
        first, *others = project.unread
        more = f' (and {len(others)} more)' if others else ''
        raise refuse(
            'migration-not-possible', f'the extension modules cannot be read without running it: {first.text}{more}',
            where=first.place, advice='setup.py is never run. Write a meson.build with py.extension_module() by hand, '
                                      'then run this again: it then changes pyproject.toml alone.')
    raise refuse(
        'migration-not-possible', 'the project has no extension module', where='setup.py',
        advice='mesonbuild-ft is for projects with extension modules; setuptools, flit or hatchling suit this one.')


def _floors(text: str) -> Floors:
    from ..meson import static_floor

    return static_floor.read(lambda path: text if path == 'meson.build' else None)


def _unused(files: Files, data: typing.Mapping[str, typing.Any], text: str) -> list[Note]:
    """Files and tables that nothing reads any more."""
    names: tuple[str, ...] = ('setup.py', 'setup.cfg', 'MANIFEST.in')
    found = [path for path in names if path in files.paths]
    for name in ('setuptools', 'setuptools_scm', 'setuptools-scm', 'distutils'):
        if name in table(data, 'tool'):
            found.append(place('pyproject.toml', find_line(text, rf'^\s*\[+tool\.{name}\b')))
    if not found:
        return []
    return [Note('', f'nothing reads {", ".join(found)} any more: delete what you have carried over. The sdist holds '
                     'what is committed to git')]
