# SPDX-License-Identifier: MIT
"""The decision: which ABI this project is built for on this target, and why.

Pure: settings, target and what Meson configured go in, a Plan or a refusal comes
out. The rows are those of the table in docs/explanation/decision.md.
"""

from __future__ import annotations

import dataclasses
import typing

from . import tags, workarounds
from .diagnostics import BuildRefused, Diagnostic, refuse
from .settings import Settings
from .target import Target


Abi = typing.Literal['full', 'abi3', 'abi3t']


@dataclasses.dataclass(frozen=True)
class Module:
    """An extension module as Meson configured it.

    name: as in py.extension_module(). file: name of the file that is built.
    limited_api: the version in `limited_api:`, or None for the full API.
    installed: whether it goes into the wheel.
    path: of the file, relative to the build directory; several modules may have one file name.
    assumed: limited_api is the version of the target, since the true one is not to be seen.
    """

    name: str
    file: str
    limited_api: tags.Version | None
    installed: bool = True
    path: str = ''
    assumed: bool = False


@dataclasses.dataclass(frozen=True)
class Configured:
    """What a configured build directory tells of the project.

    allow_limited_api: the value of the option python.allow_limited_api.
    defines_limited_api: other targets that meson.build itself compiles with -DPy_LIMITED_API.
    defines_gil_disabled: all C and C++ sources are compiled with -DPy_GIL_DISABLED already, by meson.build or Meson.
    modules: all extension modules. too_high: Meson stopped because this
    `limited_api:` is above the target's version; then `modules` is empty.
    """

    allow_limited_api: bool
    modules: tuple[Module, ...] = ()
    defines_limited_api: tuple[str, ...] = ()
    too_high: tags.Version | None = None
    defines_gil_disabled: bool = False

    @property
    def limited(self) -> tuple[Module, ...]:
        return tuple(m for m in self.modules if m.installed and m.limited_api is not None)

    @property
    def full(self) -> tuple[Module, ...]:
        return tuple(m for m in self.modules if m.installed and m.limited_api is None)

    @property
    def floor(self) -> tags.Version | None:
        """The highest `limited_api:`, never below the first stable ABI."""
        floors = [m.limited_api for m in self.limited if m.limited_api is not None]
        return max(*floors, tags.FIRST_ABI3) if floors else None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is built, and why.

    abi: 'full', 'abi3' or 'abi3t'.
    allow_limited_api: the value that Meson's option of this name must have; None: as the project says.
    floor: the oldest CPython that a stable-ABI wheel serves; None for the full API.
    python_tag, abi_tag: of the wheel, where it has extension modules.
    define_gil_disabled: -DPy_GIL_DISABLED=1 for C and C++.
    redirect_to_abi3t: the forced include that turns Py_LIMITED_API into Py_TARGET_ABI3T.
    undefine_limited_api: the forced include that takes back a Py_LIMITED_API written into meson.build.
    mended_headers: the directory of a Python.h whose Py_RETURN_NONE and the like are to be mended; '' for none.
    advise: Python.h declares functions with advice on free threading.
    reasons: each choice in words. notes: warnings to show.
    needs_modules: made before Meson ran; to be decided again when the modules are known.
    """

    abi: Abi
    allow_limited_api: bool | None
    floor: tags.Version | None
    python_tag: str
    abi_tag: str
    define_gil_disabled: bool
    redirect_to_abi3t: bool
    reasons: tuple[str, ...]
    undefine_limited_api: bool = False
    mended_headers: str = ''
    advise: bool = False
    notes: tuple[Diagnostic, ...] = ()
    needs_modules: bool = False

    @property
    def adds_flags(self) -> bool:
        """Whether compilers are told more than Meson itself tells them."""
        return bool(self.define_gil_disabled or self.redirect_to_abi3t or self.undefine_limited_api
                    or self.mended_headers or self.advise)

    @property
    def meson_options(self) -> tuple[str, ...]:
        """What `meson setup` is told beside the compiler flags."""
        if self.allow_limited_api is None:
            return ()
        return (f'-Dpython.allow_limited_api={"true" if self.allow_limited_api else "false"}',)

    def to_json(self) -> dict[str, typing.Any]:
        """The fields as JSON values, for `from_json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: typing.Mapping[str, typing.Any]) -> Plan:
        """The inverse of `to_json`."""
        values = dict(data)
        if values['floor'] is not None:
            major, minor = values['floor']
            values['floor'] = (major, minor)
        values['reasons'] = tuple(values['reasons'])
        values['notes'] = tuple(Diagnostic.from_json(note) for note in values['notes'])
        return cls(**values)


def before_setup(settings: Settings, target: Target) -> Plan:
    """The plan as far as settings and target alone decide it. Raises BuildRefused.

    Whatever can be refused without Meson is refused here.
    """
    version = target.version[:2]
    if settings.project.abi3t and not settings.limited_api and settings.abi == 'auto':
        raise refuse(
            'abi3t-without-limited-api', 'abi3t = true, but the project does not use the limited API',
            where='pyproject.toml, [tool.mesonbuild-ft]',
            advice='Set limited-api = true in [tool.meson-python] and give the modules limited_api: in meson.build, '
                   'or remove abi3t.')
    if settings.abi == 'full':
        return _full(target, 'the full API was asked for by -Cabi=full')
    if settings.abi != 'auto':
        reason = _why_impossible(settings, target, settings.abi)
        if reason:
            raise _impossible(settings.abi, target, *reason)
    if target.implementation != 'cpython':
        return _full(target, f'{_implementation(target)} has no stable ABI')
    if target.free_threaded and version < tags.FIRST_ABI3T:
        return _full(target, f'free-threaded {tags.version_text(version)} has no limited API and no stable ABI')
    return Plan(
        abi='full', allow_limited_api=None, floor=None, python_tag=target.python_tag, abi_tag=target.abi_tag,
        define_gil_disabled=_needs_define(target), redirect_to_abi3t=False,
        reasons=(), needs_modules=True)


def decide(settings: Settings, target: Target, configured: Configured) -> Plan:
    """The plan, once Meson has said which modules there are. Raises BuildRefused."""
    plan = _decide(settings, target, configured)
    if plan.define_gil_disabled and configured.defines_gil_disabled:
        plan = dataclasses.replace(
            plan, define_gil_disabled=False, reasons=tuple(r for r in plan.reasons if r != _DEFINED))
    if configured.modules and not any(m.installed for m in configured.modules):
        plan = dataclasses.replace(plan, notes=(*plan.notes, Diagnostic(
            'module-not-installed', 'warning', f'{_names(configured.modules)}: built, but not put into the wheel',
            where='meson.build',
            advice='Add install: true to py.extension_module(), or see what install tags and wheel.exclude drop.')))
    if settings.advise and configured.modules and (target.free_threaded or plan.abi == 'abi3t'):
        plan = dataclasses.replace(
            plan, advise=True, reasons=(*plan.reasons, 'compilers advise on free threading: advise = true'))
    if plan.abi == 'full' and target.free_threaded and configured.defines_limited_api:
        names = ', '.join(configured.defines_limited_api[:3])
        return dataclasses.replace(
            plan, undefine_limited_api=True,
            reasons=(*plan.reasons, f'Py_LIMITED_API, which meson.build defines for {names}, is undefined again'))
    return plan


def _decide(settings: Settings, target: Target, configured: Configured) -> Plan:
    plan = before_setup(settings, target)
    if not plan.needs_modules:
        return plan
    version = target.version[:2]
    floor = configured.floor
    asked = settings.abi

    if configured.too_high is not None:
        high = tags.version_text(configured.too_high)
        if asked != 'auto':
            raise _impossible(
                asked, target, f'limited_api: \'{high}\' is newer than {target.name}',
                f'Build with CPython {high} or newer, or without -Cabi={asked}.')
        return _before_floor(target, configured.too_high)
    if not configured.allow_limited_api:
        if asked != 'auto':
            raise _impossible(
                asked, target, 'the project or the command line sets python.allow_limited_api=false',
                f'Remove that option, or -Cabi={asked}.')
        return _full(target, 'python.allow_limited_api=false was asked for')
    if not settings.limited_api:
        return _without_limited_api(target, configured)
    if floor is None:
        if asked != 'auto':
            raise _impossible(
                asked, target, 'no extension module has limited_api: in meson.build',
                f'Add limited_api: to py.extension_module(), or remove -Cabi={asked}.')
        return _no_limited_module(settings, target, configured)

    notes = _assumed_floors(configured) + _differing_floors(configured, floor)
    floor_text = tags.version_text(floor)
    abi3t_floor = max(floor, tags.FIRST_ABI3T)
    if version < floor and asked == 'auto':
        return _before_floor(target, floor)

    if asked == 'abi3t':
        _refuse_mixture(configured)
        return _abi3t(target, floor, abi3t_floor, 'abi3t was asked for by -Cabi=abi3t', notes)
    if asked == 'abi3':
        _refuse_mixture(configured)
        return _abi3(target, floor, 'abi3 was asked for by -Cabi=abi3', notes)
    if target.free_threaded:
        if floor >= tags.FIRST_ABI3T:
            _refuse_mixture(configured)
            return _abi3t(target, floor, abi3t_floor, f'free-threaded, and limited_api: is \'{floor_text}\'', notes)
        if settings.project.abi3t:
            _refuse_mixture(configured)
            return _abi3t(target, floor, abi3t_floor, 'free-threaded, and the project sets abi3t = true', notes)
        return _full(target, f'limited_api: \'{floor_text}\' is older than abi3t (3.15), and abi3t = true is not set')
    if target.trace_refs:
        return _full(target, 'Py_TRACE_REFS has no stable ABI')
    _refuse_mixture(configured)
    if version >= tags.FIRST_ABI3T and floor >= tags.FIRST_ABI3T and settings.project.abi3t:
        return _abi3t(target, floor, abi3t_floor, 'abi3t = true: one wheel serves both builds of 3.15', notes)
    return _abi3(target, floor, f'limited_api: \'{floor_text}\' in meson.build', notes)


def _full(target: Target, reason: str) -> Plan:
    return Plan(
        abi='full', allow_limited_api=False, floor=None, python_tag=target.python_tag, abi_tag=target.abi_tag,
        define_gil_disabled=_needs_define(target), redirect_to_abi3t=False,
        reasons=_with_define((f'full API: {reason}',), target))


def _before_floor(target: Target, floor: tags.Version) -> Plan:
    """For an interpreter that is older than limited_api:, as a project may well want for some of its versions."""
    text = tags.version_text(floor)
    plan = _full(target, f'limited_api: \'{text}\' is newer than {tags.version_text(target.version[:2])}')
    if floor <= tags.NEWEST:
        return plan
    newest = tags.version_text(max(tags.NEWEST, target.version[:2]))
    note = Diagnostic(
        'limited-api-too-new', 'warning',
        f'limited_api: \'{text}\' is newer than every CPython known here, up to {newest}; '
        f'the wheel is for {target.abi_tag} only',
        where='meson.build', advice='Name the oldest CPython that one wheel is to serve, such as limited_api: '
        f'\'{tags.version_text(tags.OLDEST_BUILDER)}\', or update mesonbuild-ft for a newer CPython.')
    return dataclasses.replace(plan, notes=(note,))


def _abi3(target: Target, floor: tags.Version, reason: str, notes: tuple[Diagnostic, ...]) -> Plan:
    reasons: tuple[str, ...] = (
        f'limited API {tags.version_text(floor)}: {reason}',
        f'one wheel serves every CPython from {tags.version_text(floor)} with the GIL')
    mended_headers = ''
    if workarounds.returns_take_no_reference(target.version, floor):
        mended_headers = target.include_dir
        reasons += (MENDED,)
    return Plan(
        abi='abi3', allow_limited_api=None, floor=floor, python_tag=tags.python_tag(floor), abi_tag='abi3',
        define_gil_disabled=False, redirect_to_abi3t=False, reasons=reasons, notes=notes,
        mended_headers=mended_headers)


def _abi3t(
    target: Target, floor: tags.Version, abi3t_floor: tags.Version, reason: str, notes: tuple[Diagnostic, ...],
) -> Plan:
    reasons = (f'abi3t {tags.version_text(abi3t_floor)}: {reason}',
               f'one wheel serves every CPython from {tags.version_text(abi3t_floor)}, with and without the GIL')
    # Py_LIMITED_API >= 3.15 selects abi3t by itself in free-threaded headers only.
    redirect = floor < tags.FIRST_ABI3T or not target.free_threaded
    return Plan(
        abi='abi3t', allow_limited_api=None, floor=abi3t_floor, python_tag=tags.python_tag(abi3t_floor),
        abi_tag='abi3.abi3t', define_gil_disabled=_needs_define(target), redirect_to_abi3t=redirect,
        reasons=_with_define(reasons, target), notes=notes)


MENDED: typing.Final = ('Py_RETURN_NONE and the like take a reference, as 3.11 and older need: the headers of this '
                        'interpreter are mended')
_DEFINED: typing.Final = 'Py_GIL_DISABLED=1 is defined: the pyconfig.h of this interpreter does not say it'


def _needs_define(target: Target) -> bool:
    return target.free_threaded and not target.defines_gil_disabled


def _with_define(reasons: tuple[str, ...], target: Target) -> tuple[str, ...]:
    if _needs_define(target):
        return (*reasons, _DEFINED)
    return reasons


def _implementation(target: Target) -> str:
    return target.name.split(' ')[0]


def _without_limited_api(target: Target, configured: Configured) -> Plan:
    plan = dataclasses.replace(
        _full(target, 'the project does not set limited-api = true'), allow_limited_api=None)
    if not configured.limited:
        return plan
    note = Diagnostic(
        'limited-api-not-declared', 'warning',
        f'{_names(configured.limited)}: limited_api: in meson.build, but the wheel is for {target.abi_tag} only',
        where='pyproject.toml, [tool.meson-python]',
        advice='Add limited-api = true there for one wheel for all versions with the GIL, '
               'or remove limited_api: from meson.build.')
    # With the GIL such a module works as it stands; free-threaded headers refuse it.
    allow = False if target.free_threaded else None
    return dataclasses.replace(plan, allow_limited_api=allow, notes=(note,))


def _no_limited_module(settings: Settings, target: Target, configured: Configured) -> Plan:
    plan = _full(target, 'no extension module has limited_api: in meson.build')
    if not configured.full:
        # A project without extension modules: nothing to say, and nothing to change.
        return dataclasses.replace(
            plan, allow_limited_api=None, reasons=('Meson builds no extension modules for the wheel',))
    where = 'meson.build'
    advice = 'Add limited_api: \'3.x\' to py.extension_module(), or remove limited-api = true from pyproject.toml.'
    if settings.project.abi3t:
        raise refuse(
            'abi3t-without-limited-api', 'abi3t = true, but no extension module has limited_api:', where=where,
            advice=advice + ' Or build the full API this once with -Cabi=full.')
    note = Diagnostic(
        'limited-api-without-module', 'warning',
        f'limited-api = true, but {_names(configured.full)}: no limited_api:; '
        f'the wheel is for {target.abi_tag} only',
        where=where, advice=advice)
    return dataclasses.replace(plan, notes=(note,))


def _refuse_mixture(configured: Configured) -> None:
    if configured.full:
        raise refuse(
            'module-without-limited-api',
            f'limited-api = true, but {_names(configured.full)}: no limited_api:, while '
            f'{_names(configured.limited)} has it; one wheel cannot be both',
            where='meson.build',
            advice='Give every py.extension_module() limited_api:, or remove limited-api = true from pyproject.toml. '
                   '-Cabi=full builds a version-specific wheel as it is.')


def _differing_floors(configured: Configured, floor: tags.Version) -> tuple[Diagnostic, ...]:
    if len({m.limited_api for m in configured.limited}) == 1:
        return ()
    floors = ', '.join(
        f'{m.name} {tags.version_text(m.limited_api)}' for m in configured.limited if m.limited_api is not None)
    return (Diagnostic(
        'different-floors', 'hint', f'the modules name different versions: {floors}',
        where='meson.build', advice=f'The wheel serves {tags.version_text(floor)} and newer, the highest of them.'),)


def _assumed_floors(configured: Configured) -> tuple[Diagnostic, ...]:
    assumed = tuple(m for m in configured.limited if m.assumed)
    if not assumed:
        return ()
    version = tags.version_text(assumed[0].limited_api or tags.FIRST_ABI3)
    return (Diagnostic(
        'limited-api-not-visible', 'warning',
        f'{_names(assumed)}: the version in limited_api: cannot be read, and is taken to be {version}, the target\'s',
        where='meson.build', advice='Give the module a C or C++ source of its own, or build the wheel with the '
        'oldest Python that it is to serve.'),)


def _names(modules: tuple[Module, ...]) -> str:
    names = [m.name for m in modules]
    return ', '.join(names[:3]) + (f' and {len(names) - 3} more' if len(names) > 3 else '')


def _why_impossible(settings: Settings, target: Target, abi: str) -> tuple[str, str] | None:
    """(reason, advice) where settings and target alone rule out the ABI that was asked for."""
    version = target.version[:2]
    instead = f'Leave out -Cabi={abi}, or ask for -Cabi=full.'
    if target.implementation != 'cpython':
        return f'{_implementation(target)} has no stable ABI', instead
    if target.trace_refs:
        return 'Py_TRACE_REFS has no stable ABI', instead
    if abi == 'abi3' and target.free_threaded:
        return (f'free-threaded {tags.version_text(version)} does not load abi3 modules',
                'Build abi3 with an interpreter that has the GIL, or leave out -Cabi=abi3.')
    if abi == 'abi3t' and version < tags.FIRST_ABI3T:
        return 'abi3t begins with CPython 3.15', 'Build with CPython 3.15 or newer, or leave out -Cabi=abi3t.'
    if not settings.limited_api:
        return ('the project does not set limited-api = true',
                'Set limited-api = true in [tool.meson-python] and limited_api: in meson.build, '
                f'or leave out -Cabi={abi}.')
    return None


def _impossible(abi: str, target: Target, reason: str, advice: str) -> BuildRefused:
    return refuse('abi-not-possible', f'no {abi} wheel with {target.name}: {reason}', where=f'-Cabi={abi}',
                  advice=advice)
