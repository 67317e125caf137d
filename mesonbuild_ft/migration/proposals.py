# SPDX-License-Identifier: MIT
"""Which settings fit what the modules of a project declare. Only what is proven is proposed."""

from __future__ import annotations

import re
import typing

from . import evidence as evidence_
from .evidence import Evidence
from .plan import Note, find_line, place
from .pyproject import Edit, SetKey


if typing.TYPE_CHECKING:
    from ..meson.static_floor import Floors, StaticModule


_FREE_THREADING: typing.Final = 'Programming Language :: Python :: Free Threading'


class Proposed(typing.NamedTuple):
    """edits: of pyproject.toml; why: of each; kept_back: what is not proposed, and why; left: advice."""

    edits: tuple[Edit, ...] = ()
    why: tuple[str, ...] = ()
    kept_back: tuple[str, ...] = ()
    left: tuple[Note, ...] = ()
    limited_api: bool = False


def table(data: typing.Mapping[str, typing.Any], *names: str) -> dict[str, typing.Any]:
    """A table of pyproject.toml; empty where there is none."""
    value: typing.Any = data
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def propose(
    data: typing.Mapping[str, typing.Any], floors: Floors, allow: bool | None, proven: Evidence,
    sources: typing.Mapping[str, str], text: str = '',
) -> Proposed:
    """data: pyproject.toml, of which `text` is the text. allow: python.allow_limited_api as arguments have it.

    sources: those of the extension modules.
    """
    edits: list[Edit] = []
    why: list[str] = []
    kept: list[str] = []
    left: list[Note] = []
    own, meson_python = table(data, 'tool', 'mesonbuild-ft'), table(data, 'tool', 'meson-python')
    limited = meson_python.get('limited-api') is True
    modules = [module for module in floors.modules if module.installed]
    if 'limited-api' not in meson_python and any(m.limited_api for m in modules):
        reason = _why_not_limited(floors, modules, allow)
        if reason:
            kept.append(f'limited-api = true: {reason}')
        else:
            limited = True
            edits.append(SetKey(('tool', 'meson-python'), 'limited-api', True))
            why.append(f'limited-api = true, since {_all_have(modules)}')
    elif limited and floors.known and modules:
        without = [module.name for module in modules if module.limited_api is None]
        if without and len(without) < len(modules):
            left.append(Note('meson.build', f'limited-api = true, and {", ".join(without)} has no limited_api:; '
                                            'mesonbuild-ft refuses that (module-without-limited-api)', blocks=True))
        elif without:
            left.append(Note('meson.build', 'limited-api = true, and no module has limited_api:; the wheels are for '
                                            'one version each (limited-api-without-module)'))
    if 'gil' not in own:
        if proven.gil_not_used:
            edits.append(SetKey(('tool', 'mesonbuild-ft'), 'gil', 'not-used'))
            why.append(f'gil = "not-used", since {proven.gil_reason}')
        else:
            kept.append(f'gil = "not-used": {proven.gil_reason or _gil_hint(sources)}')
    if limited and 'abi3t' not in own:
        if proven.abi3t:
            edits.append(SetKey(('tool', 'mesonbuild-ft'), 'abi3t', True))
            why.append(f'abi3t = true, since {proven.abi3t_reason}')
        else:
            kept.append(f'abi3t = true: {proven.abi3t_reason or _abi3t_hint(sources)}')
    left += _python_versions(data, text, modules if floors.known else [])
    left += _classifiers(data, text, proven)
    return Proposed(tuple(edits), tuple(why), tuple(kept), tuple(left), limited)


def _why_not_limited(floors: Floors, modules: typing.Sequence[StaticModule], allow: bool | None) -> str:
    if floors.why_unknown:
        return f'meson.build does not say it in plain words ({floors.why_unknown})'
    if allow is False or floors.allow_limited_api is False:
        return 'python.allow_limited_api=false switches the limited API off'
    without = [module.name for module in modules if module.limited_api is None]
    return f'{", ".join(without)} has no limited_api:, and all modules must have it' if without else ''


def _all_have(modules: typing.Sequence[StaticModule]) -> str:
    versions = sorted({module.limited_api for module in modules if module.limited_api is not None})
    text = ' and '.join(f"'{major}.{minor}'" for major, minor in versions)
    names = ', '.join(module.name for module in modules[:4]) + (', …' if len(modules) > 4 else '')
    return f'all modules of meson.build ({names}) have limited_api: {text}'


def _gil_hint(sources: typing.Mapping[str, str]) -> str:
    return _hint(sources, evidence_.sign(sources, 'gil'), 'no source declares that its module does without the GIL',
                 'may declare it', 'for a free-threaded Python')


def _abi3t_hint(sources: typing.Mapping[str, str]) -> str:
    return _hint(sources, evidence_.sign(sources, 'abi3t'), 'no source has a PyModExport_ hook', 'may have the hook',
                 'with -Cabi=abi3t on Python 3.15')


def _hint(sources: typing.Mapping[str, str], where: str, none: str, may: str, how: str) -> str:
    if sources and not where:
        return none
    seen = f'{where} {may}, and only a wheel proves it; ' if where else ''
    return f'{seen}build one {how} into dist/ and run this again'


def _python_versions(
    data: typing.Mapping[str, typing.Any], text: str, modules: typing.Sequence[StaticModule],
) -> list[Note]:
    """requires-python against what mesonbuild-ft runs on, and against the floor."""
    import packaging.specifiers

    value = table(data, 'project').get('requires-python')
    if not isinstance(value, str):
        return []
    try:
        specifiers = packaging.specifiers.SpecifierSet(value)
    except packaging.specifiers.InvalidSpecifier:
        return []
    where = place('pyproject.toml', find_line(text, r'^\s*(project\.)?requires-python\s*='))
    oldest = next((minor for minor in range(6, 40) if specifiers.contains(f'3.{minor}.50')), None)
    notes = []
    floor = max((m.limited_api for m in modules if m.limited_api), default=None)
    if oldest is not None and oldest < 10:
        served = floor is not None and floor <= (3, oldest)
        notes.append(Note(where, f'mesonbuild-ft builds with Python 3.10 and newer, and the project is for 3.{oldest}: '
                          + ('the abi3 wheel serves it, the sdist cannot be built there' if served else
                             'there is no wheel and no build for it unless limited_api: is as old')))
    if oldest is not None and floor is not None and floor[1] > max(oldest, 10):
        notes.append(Note(where, f'the project is for 3.{oldest}, and limited_api: is {floor[0]}.{floor[1]}: older '
                                 'Pythons get a wheel of their own each'))
    return notes


def _classifiers(data: typing.Mapping[str, typing.Any], text: str, proven: Evidence) -> list[Note]:
    classifiers = table(data, 'project').get('classifiers')
    if not isinstance(classifiers, list):
        return []
    has = any(isinstance(c, str) and c.startswith(_FREE_THREADING) for c in classifiers)
    if proven.gil_not_used and not has:
        where = place('pyproject.toml', find_line(text, r'^\s*(project\.)?classifiers\s*='))
        return [Note(where, f'a classifier such as "{_FREE_THREADING} :: 2 - Beta" would tell people that the modules '
                            'do without the GIL')]
    if proven.switched_on and has:
        where = place('pyproject.toml', find_line(text, re.escape(_FREE_THREADING)))
        return [Note(where, 'the classifier says that the project supports free threading, and a module switches the '
                            'GIL on')]
    return []
