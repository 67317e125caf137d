# SPDX-License-Identifier: MIT
"""What a project yields for each interpreter: pure, found interpreters and a project go in, rows come out.

The decision is that of plan.py. Where it hangs on something that only `meson setup` can tell, it is made for every
answer that is possible; only what all of them have in common is said.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import pathlib
import typing

from .. import plan as plan_, tags
from ..diagnostics import BuildRefused, Diagnostic
from ..meson import flags, static_floor
from ..plan import Configured, Plan
from ..settings import Settings
from ..target import Target


#: What becomes of an interpreter: a wheel is built for it; only `meson setup` can tell which; the build is refused;
#: it is outside of what the project or mesonbuild-ft itself is for.
State = typing.Literal['built', 'undecided', 'refused', 'excluded']

_UNDECIDED: typing.Final = 'decided at meson setup'


@dataclasses.dataclass(frozen=True)
class Found:
    """An interpreter. path: its executable, or what describes it. runs: it was asked, not read from its files."""

    path: str
    target: Target
    runs: bool = True

    @property
    def tag(self) -> str:
        """'cp314-cp314t': of a wheel for this version alone."""
        return f'{self.target.python_tag}-{self.target.abi_tag}'

    @property
    def name(self) -> str:
        """'cp314-cp314t-linux_x86_64': the same for all releases of a version."""
        target = self.target
        libc = '-musl' if target.libc == 'musl' and target.platform.startswith('linux') else ''
        return f'{self.tag}-{target.platform}{libc}'

    @property
    def short(self) -> str:
        """'3.14t', 'PyPy 3.11'."""
        target = self.target
        version = tags.version_text(target.version[:2])
        if target.implementation != 'cpython':
            return f'{target.name.split(" ")[0]} {version}'
        return f'{version}{"t" if target.free_threaded else ""}{"d" if target.debug else ""}'


class Kept(typing.NamedTuple):
    """What a build directory was configured for, and what it tells. where: the directory."""

    target: Target
    configured: Configured
    where: str


@dataclasses.dataclass(frozen=True)
class Project:
    """A project, as far as its files tell of it.

    configured: what kept build directories say. learned: what `meson setup` found for another interpreter, where the
    files do not tell. excludes: why a target is not meant by requires-python; '' where
    it is. cross: the arguments of meson setup name a cross file, and so another machine.
    """

    name: str
    settings: Settings
    floors: static_floor.Floors
    allow_limited_api: bool | None = None
    configured: tuple[Kept, ...] = ()
    learned: Configured | None = None
    excludes: typing.Callable[[Target], str] = lambda target: ''
    cross: bool = False


class Wheel(typing.NamedTuple):
    """The tags of a wheel. libc: that of the interpreters that it serves, where the platform tag does not say it."""

    python: str
    abi: str
    platform: str
    libc: str = ''

    @property
    def tag(self) -> str:
        """'cp39-abi3-linux_x86_64'."""
        return f'{self.python}-{self.abi}-{self.platform}'

    @property
    def label(self) -> str:
        """The tag, and the C library where that is not the usual one."""
        return f'{self.tag} (musl)' if self.libc == 'musl' else self.tag

    def serves(self, target: Target) -> bool:
        """Whether an installer takes it for this interpreter, on the machine whose platform tag that has."""
        if self.platform == 'any':
            return self.python == 'py3'
        if self.platform != target.platform or (self.libc and target.libc and self.libc != target.libc):
            return False
        if self.abi.startswith('abi3'):
            return target.implementation == 'cpython' and tags.stable_abi_serves(
                self.python, self.abi, target.version[:2], free_threaded=target.free_threaded)
        # Debug builds load what was built for release builds.
        own = {target.abi_tag, target.abi_tag.removesuffix('d') if target.version >= (3, 8) else target.abi_tag}
        return self.python == target.python_tag and self.abi in own


@dataclasses.dataclass(frozen=True)
class Row:
    """An interpreter, and what a build for it gives.

    plan: None unless it is built, and for a wheel without extension modules. flags: of the compiler.
    admitted: requires-python has this version, so that an installer takes a wheel of the project for it.
    """

    found: Found
    state: State
    wheel: Wheel | None = None
    plan: Plan | None = None
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    admitted: bool = True

    @property
    def meson_options(self) -> tuple[str, ...]:
        return self.plan.meson_options if self.plan is not None else ()


@dataclasses.dataclass(frozen=True)
class Yielded:
    """A wheel that a project yields. built_by: any one of them suffices. serves: who can install it."""

    wheel: Wheel
    built_by: tuple[Row, ...]
    serves: tuple[Row, ...]


def rows(found: typing.Sequence[Found], project: Project) -> list[Row]:
    """A row for each interpreter."""
    return [_row(item, project) for item in found]


def wheels(rows: typing.Sequence[Row]) -> list[Yielded]:
    """The wheels of all rows, those for the most interpreters first."""
    found: dict[Wheel, list[Row]] = {}
    for row in rows:
        if row.wheel is not None:
            found.setdefault(row.wheel, []).append(row)
    yielded = [Yielded(wheel, tuple(built_by), tuple(
                   row for row in rows if row.admitted and wheel.serves(row.found.target)))
               for wheel, built_by in found.items()]
    # Two releases of one version are no more than one; the rest in the order of the rows.
    return sorted(yielded, key=lambda y: -len({row.found.short for row in y.serves}))


def installed(row: Row, yielded: typing.Iterable[Yielded]) -> Wheel | None:
    """The wheel that an installer chooses for an interpreter of all that there are."""
    serving = [y.wheel for y in yielded if row.admitted and y.wheel.serves(row.found.target)]
    return max(serving, key=lambda wheel: tags.preference(wheel.python, wheel.abi), default=None)


def _row(found: Found, project: Project) -> Row:
    target = found.target
    why = project.excludes(target)
    if why:
        return Row(found, 'excluded', reasons=(why,), admitted=False)
    if found.runs and target.version[:2] < tags.OLDEST_BUILDER:
        why = (f'mesonbuild-ft runs on Python {tags.version_text(tags.OLDEST_BUILDER)} and newer; '
               'a newer one builds for this by -Ctarget=')
        return Row(found, 'excluded', reasons=(why,))
    if project.cross:
        return Row(found, 'undecided', reasons=('the cross file in the arguments of meson setup chooses the target',))
    reasons: tuple[str, ...] = ()
    if not found.runs:
        reasons = ('built by another interpreter, with -Ctarget= and where this one was found',)
    try:
        first = plan_.before_setup(project.settings, target)
    except BuildRefused as error:
        return Row(found, 'refused', findings=error.diagnostics)
    kept = next((kept for kept in project.configured if _identity(kept.target) == _identity(target)), None)
    if kept is not None:
        reasons = (f'read from {kept.where}, configured for this interpreter', *reasons)
        possible = [kept.configured]
    elif project.learned is not None:
        possible = [project.learned]
    else:
        possible = _possible(target, project, first)
    outcomes = [_outcome(found, project, configured) for configured in possible]
    refused = [row for row in outcomes if row.state == 'refused']
    if len(refused) == len(outcomes):
        return dataclasses.replace(refused[0], findings=_common([row.findings for row in outcomes]))
    if len({row.wheel for row in outcomes}) > 1 or refused or outcomes[0].state == 'undecided':
        why = outcomes[0].reasons[0] if outcomes[0].state == 'undecided' else _why_unknown(project)
        return Row(found, 'undecided', reasons=(f'{_UNDECIDED}: {why}', *reasons))
    row = outcomes[0]
    common = _common([row.reasons for row in outcomes])
    if len(common) < len(row.reasons):
        common = (*common, f'the rest is {_UNDECIDED}: {_why_unknown(project)}')
    return dataclasses.replace(
        row, reasons=(*common, *reasons), flags=_common([row.flags for row in outcomes]),
        findings=_common([row.findings for row in outcomes]))


T = typing.TypeVar('T')


def _common(several: typing.Sequence[tuple[T, ...]]) -> tuple[T, ...]:
    """What all of them have, in the order of the first."""
    return tuple(item for item in several[0] if all(item in other for other in several[1:]))


def _possible(target: Target, project: Project, first: Plan) -> list[Configured]:
    """All that `meson setup` may find, as far as it makes a difference."""
    floors = project.floors
    if floors.known and not _excluded(project):
        return [floors.configured(floors.modules, project.allow_limited_api)]
    always = [m for m in floors.modules if m.certain and not _may_be_excluded(project, m)]
    if not first.needs_modules and any(m.installed for m in always):
        # Whatever their limited_api: is, and whatever else there is, it decides nothing here.
        return [floors.configured(always, project.allow_limited_api)]
    # No limited_api:, and one version of each range in which the decision is the same.
    versions = [None, *sorted({tags.FIRST_ABI3, tags.FIRST_ABI3T, target.version[:2], (3, 99)})]
    uncertain = [static_floor.StaticModule('a module', version) for version in versions] if floors.problem else []
    possible = []
    for version in versions:
        modules = [dataclasses.replace(m, limited_api=version) if m.problem else m for m in floors.modules]
        fewest = [m for m in modules if m.certain and not _may_be_excluded(project, m)]
        possible += [fewest, modules, *([*modules, module] for module in uncertain)]
    return [floors.configured(modules, project.allow_limited_api) for modules in possible]


def _excluded(project: Project) -> bool:
    return any(_may_be_excluded(project, module) for module in project.floors.modules)


def _why_unknown(project: Project) -> str:
    return project.floors.why_unknown or 'wheel.exclude or arguments of meson install may leave modules out'


def _may_be_excluded(project: Project, module: static_floor.StaticModule) -> bool:
    """Whether arguments of `meson install` or wheel.exclude may keep an installed module out of the wheel."""
    settings = project.settings
    for index, argument in enumerate(settings.install_args):
        name, _, value = argument.partition('=')
        if name == '--tags':
            value = value or ''.join(settings.install_args[index + 1:index + 2])
            if module.install_tag not in [tag.strip() for tag in value.split(',')]:
                return True
    # Its directory is not known here: that it has one of these names is enough.
    names = [f'{module.name}{suffix}' for suffix in ('.so', '.abi3.so', '.pyd', '.cpython-314-x86_64-linux-gnu.so')]
    return any(fnmatch.fnmatch(name, os.path.basename(os.path.normpath(pattern)))
               for pattern in settings.wheel_exclude for name in names)


def _outcome(found: Found, project: Project, configured: Configured) -> Row:
    target = found.target
    try:
        plan = plan_.decide(project.settings, target, configured)
    except BuildRefused as error:
        return Row(found, 'refused', findings=error.diagnostics)
    if not any(module.installed for module in configured.modules) and configured.too_high is None:
        if project.floors.compiles:
            return Row(found, 'undecided', reasons=('whether the wheel is for one platform depends on what it holds',))
        return Row(found, 'built', Wheel('py3', 'none', 'any'), reasons=('no extension modules',), findings=plan.notes)
    libc = target.libc if target.platform.startswith('linux') else ''
    wheel = Wheel(plan.python_tag, plan.abi_tag, target.platform, libc)
    return Row(found, 'built', wheel, plan, plan.reasons, _flags(plan, configured), plan.notes)


def _flags(plan: Plan, configured: Configured) -> tuple[str, ...]:
    """What compilers are told of the ABI, in the syntax of GCC: Meson's own define first."""
    result: list[str] = []
    if plan.abi != 'full':
        versions = {module.limited_api for module in configured.limited if module.limited_api is not None}
        result = [f'-DPy_LIMITED_API=0x{major:02x}{minor:02x}0000' for major, minor in sorted(versions)]
    words = flags.words(plan, pathlib.PurePosixPath())
    return (*result, *(f'-include {words[i + 1]}' if word == '-include' else word
                       for i, word in enumerate(words) if i == 0 or words[i - 1] != '-include'))


def _identity(target: Target) -> tuple[object, ...]:
    return target.implementation, target.version[:2], target.abi_tag, target.platform, target.libc
