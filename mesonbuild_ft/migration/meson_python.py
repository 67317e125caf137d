# SPDX-License-Identifier: MIT
"""The plan for a project that meson-python builds, and for one that is here already."""

from __future__ import annotations

import typing

from ..diagnostics import refuse
from ..settings import build_requires
from . import leftovers, proposals, pyproject, requires
from .evidence import Evidence
from .plan import Change, Note, Plan, find_line, place
from .proposals import table


if typing.TYPE_CHECKING:
    from ..meson.static_floor import Floors

#: Build backends -> what to call them. Those of meson-python and setuptools can be left.
MESON_PYTHON: typing.Final = 'mesonpy'
OWN: typing.Final = 'mesonbuild_ft'


def plan(
    text: str, texts: typing.Mapping[str, str], sources: typing.Mapping[str, str], floors: Floors,
    allow: bool | None, proven: Evidence,
) -> Plan:
    """text: of pyproject.toml. texts: files in which builds are described, it among them. Raises BuildRefused."""
    data = pyproject.loads(text)
    system = table(data, 'build-system')
    edits: list[pyproject.Edit] = []
    why: list[str] = []
    left: list[Note] = []
    if system.get('build-backend') == MESON_PYTHON:
        edits.append(pyproject.SetKey(('build-system',), 'build-backend', OWN))
    decided = requires.from_meson_python(requirements(system))
    edits += decided.edits
    why += decided.why
    left += _placed(decided.left, text)
    proposed = proposals.propose(data, floors, allow, proven, sources, text)
    edits += proposed.edits
    why += proposed.why
    after = pyproject.apply(text, edits)
    left += proposed.left
    left += leftovers.find({**sources, **texts, 'pyproject.toml': _without_own(after)},
                           limited_api=proposed.limited_api)
    left += leftovers.skipped_builds(data, after)
    if proposed.limited_api:
        left += leftovers.own_limited_api(sources)
    return Plan(
        origin='mesonbuild-ft' if system.get('build-backend') == OWN else 'meson-python',
        changes=(Change('pyproject.toml', text, after),) if after != text else (), why=tuple(why),
        kept_back=proposed.kept_back, left=tuple(left))


def check_backend(text: str, read: typing.Callable[[str], str | None]) -> str:
    """'mesonpy', 'mesonbuild_ft' or 'setuptools'; of any other build backend, the refusal. Raises BuildRefused.

    read: the text of a file of the project.
    """
    system = pyproject.loads(text).get('build-system')
    if system is None:
        return 'setuptools'
    if not isinstance(system, dict):
        raise refuse('invalid-pyproject', '"build-system" is not a table', where='pyproject.toml',
                     advice='Write it as [build-system].')
    backend = system.get('build-backend')
    if backend is not None and not isinstance(backend, str):
        raise refuse('invalid-pyproject', f'build-backend must be a string, not {backend!r}', where='pyproject.toml',
                     advice='See https://packaging.python.org/en/latest/specifications/pyproject-toml/.')
    requirements(system)
    where = place('pyproject.toml', find_line(text, r'build-backend\s*=|^\[build-system\]'))
    if 'backend-path' in system:
        raise _in_tree(system, str(backend), where, read)
    module = (backend or 'setuptools.build_meta').partition(':')[0]
    if module in (MESON_PYTHON, OWN):
        return module
    if module in ('setuptools.build_meta', 'setuptools'):
        return 'setuptools'
    raise refuse(
        'migration-not-possible', f'the project is built by {module}, and only meson-python and setuptools can be left '
        'automatically', where=where,
        advice='mesonbuild-ft builds what a meson.build describes: write one, and build-backend = "mesonbuild_ft", '
               'requires = ["mesonbuild-ft"] in [build-system].')


def _in_tree(
    system: typing.Mapping[str, typing.Any], backend: str, where: str, read: typing.Callable[[str], str | None],
) -> Exception:
    """The refusal of a build backend that lies in the project itself."""
    module = backend.partition(':')[0].replace('.', '/')
    paths = [path for path in system['backend-path'] if isinstance(path, str)] if isinstance(
        system['backend-path'], list) else []
    for path in paths:
        prefix = '' if path in ('.', './') else path.strip('/').removeprefix('./') + '/'
        for name in (f'{prefix}{module}.py', f'{prefix}{module}/__init__.py'):
            text = read(name)
            if text is None:
                continue
            line = find_line(text, r'\bmesonpy\b')
            if line and module != MESON_PYTHON:
                return refuse(
                    'migration-not-possible', f'the project has a build backend of its own, which wraps meson-python '
                    f'({name}:{line})', where=where,
                    advice=f'Import mesonbuild_ft in place of mesonpy in {name}: it has the same hooks. Then write '
                           '"mesonbuild-ft" in place of "meson-python" in [build-system] requires. If the wrapper only '
                           'chooses between limited and full API, drop it: mesonbuild-ft does that.')
            if not line and find_line(text, rf'\b{OWN}\b'):
                return refuse(
                    'migration-not-possible', f'the build backend of the project, {name}, uses mesonbuild_ft already',
                    where=where, advice='Nothing has to change. Settings are not proposed for a build backend of the '
                                        'project\'s own.')
            return refuse(
                'migration-not-possible', f'the project is built by a build backend of its own, {name}', where=where,
                advice='What it does cannot be told from outside. Set build-backend = "mesonbuild_ft" and requires by '
                       'hand if a meson.build describes the whole build.')
    return refuse(
        'migration-not-possible', f'the build backend {backend} is to lie in {", ".join(paths) or "backend-path"}, and '
        'is not there', where=where, advice='Correct backend-path in [build-system].')


def requirements(system: typing.Mapping[str, typing.Any]) -> list[str]:
    """Those that there are. Raises BuildRefused."""
    return build_requires({'requires': [], **system})


def _placed(notes: typing.Iterable[Note], text: str) -> list[Note]:
    """Notes on the requirements with the line of [build-system]."""
    line = find_line(text, r'^\s*(build-system\.)?requires\s*=')
    return [note._replace(place=place(note.place, line)) for note in notes]


def _without_own(text: str) -> str:
    """pyproject.toml with the requirements of [build-system] blanked: those are decided on."""
    lines = text.splitlines()
    inside = False
    for number, line in enumerate(lines):
        if line.startswith('['):
            inside = line.startswith('[build-system]')
        if inside:
            lines[number] = ''
    return '\n'.join(lines)
