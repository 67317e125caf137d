# SPDX-License-Identifier: MIT
"""[build-system] requires: which requirement gives way to mesonbuild-ft, and which stay, and why."""

from __future__ import annotations

import typing

from .plan import Note
from .pyproject import Edit, InsertItem, SetItem


if typing.TYPE_CHECKING:
    import packaging.requirements
    import packaging.specifiers

#: What mesonbuild-ft itself requires, as in its pyproject.toml.
MESON_PYTHON: typing.Final = '0.21.0'
MESON: typing.Final = '1.3.0'


class Decided(typing.NamedTuple):
    """edits: of the array; why: of each edit; left: what a person has to look into."""

    edits: tuple[Edit, ...] = ()
    why: tuple[str, ...] = ()
    left: tuple[Note, ...] = ()


def parsed(requirement: str) -> packaging.requirements.Requirement | None:
    """None for what is no requirement, which is for the front end to say."""
    import packaging.requirements

    try:
        return packaging.requirements.Requirement(requirement)
    except packaging.requirements.InvalidRequirement:
        return None


def name(requirement: str) -> str:
    """The normalized name (PEP 503); '' of what is no requirement."""
    import packaging.utils

    found = parsed(requirement)
    return packaging.utils.canonicalize_name(found.name) if found is not None else ''


def from_meson_python(requires: typing.Sequence[str]) -> Decided:
    """mesonbuild-ft in the place of meson-python, which stays where its versions are restricted further."""
    names = [name(requirement) for requirement in requires]
    left = _conflicts(requires, names)
    if 'mesonbuild-ft' in names:
        return Decided(left=left)
    places = [index for index, found in enumerate(names) if found == 'meson-python']
    if not places:
        return Decided((InsertItem(0, 'mesonbuild-ft'),), ('mesonbuild-ft is required, which requires meson-python',),
                       left)
    edits: list[Edit] = []
    why: list[str] = []
    notes: list[Note] = []
    there = False
    for index in places:
        text = requires[index]
        kept, reason, note = _keep(text)
        why.append(reason)
        if note is not None:
            notes.append(note)
        if kept:
            continue
        edits.append(SetItem(index, None if there else 'mesonbuild-ft'))
        there = True
    if not there:
        edits.append(InsertItem(places[0], 'mesonbuild-ft'))
    return Decided(tuple(edits), tuple(why), (*notes, *left))


def from_setuptools(requires: typing.Sequence[str], added: typing.Sequence[str] = ()) -> Decided:
    """mesonbuild-ft in the place of setuptools; wheel, which only it needed, goes. added: required beside it."""
    names = [name(requirement) for requirement in requires]
    edits: list[Edit] = []
    there = 'mesonbuild-ft' in names
    for index, found in enumerate(names):
        if found in ('setuptools', 'wheel'):
            edits.append(SetItem(index, None if there else 'mesonbuild-ft'))
            there = True
    if not there:
        edits.append(InsertItem(0, 'mesonbuild-ft'))
    edits += [InsertItem(0, requirement) for requirement in added if name(requirement) not in names]
    why = ['mesonbuild-ft takes the place of setuptools']
    if 'wheel' in names:
        why.append('wheel is not needed: meson-python writes the wheel')
    return Decided(tuple(edits), tuple(why), _conflicts(requires, names))


def _keep(text: str) -> tuple[bool, str, Note | None]:
    """(whether a requirement of meson-python stays beside mesonbuild-ft, why, what to look into)."""
    requirement = parsed(text)
    assert requirement is not None
    if requirement.url:
        return True, f'"{text}" stays: it names a source of its own', None
    own = f'mesonbuild-ft takes the place of "{text}" and itself requires meson-python >= {MESON_PYTHON}'
    if all(map(_implied, requirement.specifier)):
        return False, own, None
    if not _satisfiable(requirement.specifier, MESON_PYTHON):
        return False, own, Note(
            'pyproject.toml', f'"{text}" excluded all that mesonbuild-ft takes (>= {MESON_PYTHON}) and is gone: if '
                              'there was a reason for it, look whether it still holds')
    return True, f'"{text}" stays: it says more than mesonbuild-ft, which requires >= {MESON_PYTHON}', None


def _implied(clause: packaging.specifiers.Specifier) -> bool:
    """Whether every version of meson-python that mesonbuild-ft takes fits the clause."""
    import packaging.version

    own = packaging.version.Version(MESON_PYTHON)
    try:
        version = packaging.version.Version(clause.version.removesuffix('.*'))
    except packaging.version.InvalidVersion:
        return False
    if clause.operator == '>=':
        return version <= own
    # != 0.20.* excludes nothing from 0.21 on.
    return clause.operator in ('>', '!=') and version < own and not (
        clause.version.endswith('.*') and clause.contains(MESON_PYTHON) is False)


def _satisfiable(specifier: packaging.specifiers.SpecifierSet, lowest: str) -> bool:
    """Whether some version from `lowest` on fits: all the versions where a clause may begin or end are tried."""
    import packaging.version

    own = packaging.version.Version(lowest)
    candidates = {own, packaging.version.Version('99')}
    for clause in specifier:
        try:
            version = packaging.version.Version(clause.version.removesuffix('.*'))
        except packaging.version.InvalidVersion:
            return True
        release = version.release
        candidates |= {version, packaging.version.Version('.'.join(map(str, release)) + '.1')}
        if version > own:
            # Just below it.
            candidates.add(packaging.version.Version(f'{own}.1'))
    return any(specifier.contains(version, prereleases=True) for version in candidates if version >= own)


def _conflicts(requires: typing.Sequence[str], names: typing.Sequence[str]) -> tuple[Note, ...]:
    """Requirements of Meson that cannot be met together with that of mesonbuild-ft."""
    notes = []
    for text, found in zip(requires, names, strict=True):
        requirement = parsed(text) if found == 'meson' else None
        if requirement is not None and not requirement.url and not _satisfiable(requirement.specifier, MESON):
            notes.append(Note('pyproject.toml', f'"{text}" excludes every Meson that mesonbuild-ft takes (>= {MESON}): '
                                                'raise it', blocks=True))
    return tuple(notes)
