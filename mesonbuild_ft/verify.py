# SPDX-License-Identifier: MIT
"""Open what was built with the scanner, and hold it against the tag."""

from __future__ import annotations

import dataclasses
import pathlib
import typing

from . import modules, scanner, tags, wheel
from .audit import verdict
from .diagnostics import Diagnostic
from .meson import configured as configured_, objects
from .meson.setup import State
from .modules import Module
from .settings import Settings


@dataclasses.dataclass(frozen=True)
class Verification:
    """modules: what was scanned. found: what is wrong. unproven: what could not be found out, in words."""

    modules: tuple[Module, ...] = ()
    found: tuple[Diagnostic, ...] = ()
    unproven: tuple[str, ...] = ()


def verify_wheel(
    settings: Settings, state: State, built: pathlib.Path, name: tags.WheelName, build_dir: pathlib.Path, ninja: str,
) -> Verification:
    """The verdict on the wheel `built`, which is to be called `name`. Raises BuildRefused without a scanner."""
    members = ((wheel.new_member_name(member, name), data) for member, data in wheel.binaries(built))
    return _verify(settings, state, members, name, build_dir, ninja, tags.shared_libraries(wheel.members(built)))


def verify_in_place(
    settings: Settings, state: State, name: tags.WheelName, build_dir: pathlib.Path, ninja: str,
) -> Verification:
    """The verdict on the modules of an editable install, which stay in the build directory."""
    # Read again: a second setup may have changed the suffixes. They are judged as a wheel would have them.
    declared = configured_.read(build_dir, state.target, settings).modules
    members = ((wheel.new_member_name(m.path, name), (build_dir / m.path).read_bytes())
               for m in declared if m.installed and (build_dir / m.path).is_file())
    return _verify(settings, state, members, name, build_dir, ninja)


def _verify(
    settings: Settings, state: State, members: typing.Iterable[tuple[str, bytes]], name: tags.WheelName,
    build_dir: pathlib.Path, ninja: str, siblings: typing.AbstractSet[str] = frozenset(),
) -> Verification:
    assert state.plan is not None
    assert state.configured is not None
    scanned = _scan(members, _own_build(settings, build_dir))
    found = verdict.wheel(name, scanned, settings.project.gil, siblings, libc=typing.cast(tags.Libc, state.target.libc))
    unproven: list[str] = []
    if state.plan.abi != 'full':
        errors, unproven = objects.without_limited_api(build_dir, state.configured.limited, ninja)
        found += errors
    if settings.verify == 'warn':
        found = [d._replace(severity='warning') if d.severity == 'error' else d for d in found]
    return Verification(tuple(scanned), tuple(found), tuple(unproven))


def _scan(members: typing.Iterable[tuple[str, bytes]], own_build: pathlib.Path | None) -> list[Module]:
    found: list[Module] = []
    loaded: scanner.Scanner | None = None
    for path, data in members:
        if loaded is None:
            loaded = scanner.load(own_build)
        module = modules.scan(loaded, path, data)
        if module is not None:
            found.append(module)
    return found


def _own_build(settings: Settings, build_dir: pathlib.Path) -> pathlib.Path | None:
    """The build directory, where mesonbuild-ft builds itself and its scanner is not installed yet."""
    return build_dir if settings.source_dir == pathlib.Path(__file__).resolve().parent.parent else None
