# SPDX-License-Identifier: MIT
"""What all formats of `mesonbuild-ft check` share: findings put together, and words for people."""

from __future__ import annotations

import os
import re
import typing

from .. import tags
from ..diagnostics import Diagnostic, Severity


if typing.TYPE_CHECKING:
    from ..check.checker import Checked


#: What a person is shown of a list, unless everything is asked for.
SHOWN: typing.Final = 3
SEVERITIES: typing.Final[tuple[Severity, ...]] = ('error', 'warning', 'hint')


class Group(typing.NamedTuple):
    """All findings with one identifier and one severity about one thing that was checked."""

    identifier: str
    severity: Severity
    checked: Checked
    findings: tuple[Diagnostic, ...]

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do, each sentence once."""
        return tuple(dict.fromkeys(finding.advice for finding in self.findings if finding.advice))

    @property
    def _stems(self) -> dict[str, str]:
        return {module.path: module.stem for module in self.checked.modules}

    def lines(self, shown: int | None = SHOWN) -> list[str]:
        """What is wrong and where; modules that have the same fault share a line. shown: None for everything."""
        paths = self._stems
        where_of: dict[str, list[str]] = {}
        for finding in self.findings:
            stem = paths.get(finding.where, '')
            what = finding.what.removeprefix(f'{stem} ') if stem else finding.what
            where_of.setdefault(what, []).append(finding.where)
        if len(where_of) > 1:
            # Evidence in parentheses may differ from module to module.
            merged: dict[str, list[str]] = {}
            for what, places in where_of.items():
                merged.setdefault(re.sub(r' \([^()]*\)$', '', what), []).extend(places)
            where_of = merged if len(merged) < len(where_of) else where_of
        whats_of: dict[tuple[str, ...], list[str]] = {}
        for what, places in where_of.items():
            whats_of.setdefault(tuple(places), []).append(what)
        lines = []
        for group, whats in whats_of.items():
            place = self._place(group, shown)
            kept = whats if shown is None else whats[:shown]
            lines += [f'{place}: {what}' if place else what for what in kept]
            if len(kept) < len(whats):
                lines.append(f'{place}: {len(whats) - len(kept)} more like this')
        if shown is not None and len(lines) > 2 * shown:
            lines = [*lines[:2 * shown - 1], f'{len(lines) - 2 * shown + 1} more like this']
        return lines

    def _place(self, paths: tuple[str, ...], shown: int | None) -> str:
        if len(paths) == 1:
            return '' if paths[0] == self.checked.path else paths[0]
        stems = self._stems
        noun = 'modules' if all(path in stems for path in paths) else 'files'
        names = [stems.get(path, path) for path in paths]
        if len(set(names)) < len(names):
            names = [''.join((*path.rpartition('/')[:2], name)) for path, name in zip(paths, names, strict=True)]
        kept = names if shown is None else names[:shown]
        return f'{len(paths)} {noun} ({", ".join(kept)}{", …" if len(kept) < len(names) else ""})'


def groups(results: typing.Iterable[Checked]) -> list[Group]:
    """The findings on all results, the worst first, those with one identifier next to each other."""
    found: list[Group] = []
    for checked in results:
        kinds: dict[tuple[str, Severity], list[Diagnostic]] = {}
        for finding in checked.found:
            kinds.setdefault((finding.identifier, finding.severity), []).append(finding)
        found += [Group(*kind, checked, tuple(findings)) for kind, findings in kinds.items()]
    order = {group.identifier: number for number, group in reversed(list(enumerate(found)))}
    return sorted(found, key=lambda g: (SEVERITIES.index(g.severity), order[g.identifier]))


def count(results: typing.Sequence[Checked]) -> dict[str, int]:
    """How many results have each verdict, with 'checked' and 'modules' in all."""
    numbers = {'checked': len(results), 'modules': sum(len(r.modules) for r in results)}
    for verdict in ('ok', 'hint', 'warning', 'error', 'unusable'):
        numbers[verdict] = sum(r.verdict == verdict for r in results)
    return numbers


def title(checked: Checked) -> str:
    """What to call it in a list: the file name of a wheel, else what was named."""
    return printable(os.path.basename(checked.path) if checked.kind == 'wheel' else checked.label)


def pythons(checked: Checked) -> str:
    """Whom the tag is for, in a word: '3.14t', 'abi3 3.9+', 'abi3.abi3t 3.15+'."""
    name = checked.name
    if name is None or name.abi == 'none':
        return 'any' if name is not None else ''
    version = re.match(r'(?:cp|pp)(\d)(\d+)', name.python)
    text = f'{version[1]}.{version[2]}' if version else ''
    abi = printable(name.abi)
    if name.abi.split('.')[0] in ('abi3', 'abi3t'):
        return f'{abi} {text}+' if text else abi
    if name.python.startswith('pp'):
        return f'PyPy {text}'
    flags = re.fullmatch(r'cp\d+([a-z]*)', name.abi)
    return f'{text}{flags[1]}' if flags and text else abi


def version(checked: Checked) -> tags.Version:
    """The oldest CPython that the tags name, for which modules are read; 3.15 where they name none."""
    python = checked.name.python.split('.')[0] if checked.name is not None else ''
    return tags.version_of_python_tag(python) or tags.FIRST_ABI3T


def gil(checked: Checked) -> str:
    """What happens to the GIL of a free-threaded interpreter: 'stays off', 'switched on', '2 unknown'; else ''."""
    name = checked.name
    if name is None or not tags.serves_free_threaded(name.abi):
        return ''
    # What a module for another Python declares, left over in the wheel, is never asked.
    strays = {d.where for d in checked.found if d.identifier == 'module-for-other-python'}
    answers = [gil for m in checked.modules if m.path not in strays
               for gil in ([part.for_version(version(checked)).gil for part in m.parts] or ['unknown'])]
    if 'used' in answers or 'not-declared' in answers:
        return 'switched on'
    unknown = answers.count('unknown')
    # What the files do not tell, imports may have shown.
    tried = [done for done in checked.imports if not done.gil_before]
    if unknown and tried and all(not done.error for done in tried):
        return 'switched on' if any(done.gil_after for done in tried) else 'stays off'
    return f'{unknown} unknown' if unknown else 'stays off' if answers else ''


def imports(checked: Checked) -> list[str]:
    """A line for each interpreter: 'CPython 3.14.7 free-threaded: 4 of 4 modules, the GIL stays off'."""
    lines = []
    for interpreter in dict.fromkeys(done.interpreter for done in checked.imports):
        tried = [done for done in checked.imports if done.interpreter == interpreter]
        worked = [done for done in tried if not done.error]
        line = f'{interpreter.target.name}: {len(worked)} of {plural(len(tried), "module")}'
        if worked and not worked[0].gil_before:
            on = sum(done.gil_after for done in worked)
            line += f', the GIL is switched on by {on}' if on else ', the GIL stays off'
        lines.append(line)
    return lines


def left_out(checked: Checked) -> str:
    """A line on the directories that were not read: 'left out: 1 build directory of Meson (build/cp314); …'."""
    words = []
    for kind, one, many in (
            ('build-directory', 'build directory of Meson', 'build directories of Meson'),
            ('environment', 'virtual environment', 'virtual environments')):
        paths = [each.path for each in checked.left_out if each.kind == kind]
        if paths:
            named = ', '.join([*paths[:SHOWN], *(['…'] if len(paths) > SHOWN else [])])
            words.append(f'{len(paths)} {one if len(paths) == 1 else many} ({printable(named)})')
    return f'left out: {" and ".join(words)}; to check one, name it'


def printable(text: str) -> str:
    """The text with control characters escaped: names in an archive must not steer a terminal or a CI log."""
    if text.isprintable():
        return text
    return ''.join(c if c.isprintable() else c.encode('unicode_escape', 'surrogatepass').decode() for c in text)


def plural(number: int, noun: str) -> str:
    """'1 module', '2 modules'."""
    return f'{number} {noun}{"" if number == 1 else "s"}'
