# SPDX-License-Identifier: MIT
"""The verdict on what ties a module to versions of CPython: symbols, slots, hooks and libraries. Pure."""

from __future__ import annotations

import re
import typing

from .. import tags
from ..diagnostics import Diagnostic
from ..modules import Module
from ..scanner import Facts, PythonImport


#: Module slots of PyModuleDef_Slot (moduleobject.h): identifier -> (name, first CPython that knows it).
#: Anything a CPython does not know stops it with "SystemError: unknown slot ID".
LEGACY_SLOTS: typing.Final[dict[int, tuple[str, tags.Version]]] = {
    1: ('Py_mod_create', (3, 5)),
    2: ('Py_mod_exec', (3, 5)),
    3: ('Py_mod_multiple_interpreters', (3, 12)),
    4: ('Py_mod_gil', (3, 13)),
}
#: The first slot number that came with PySlot (PEP 820).
_FIRST_PYSLOT: typing.Final = 84

_LIBPYTHON = re.compile(
    r'(?:.*/)?(?:libpython3\.(\d+)[a-z]*\.(?:so|dylib)[.\d]*|Python(?:T)?\.framework/Versions/3\.(\d+)t?/PythonT?)')
_PYTHON_DLL = re.compile(r'python3(\d*)(t?)(?:_d)?\.dll', re.IGNORECASE)


def audit(
    module: Module, facts: Facts, floor: tags.Version | None, abi3t: bool, siblings: typing.AbstractSet[str],
) -> typing.Iterator[Diagnostic]:
    """What keeps a module from being loaded by every interpreter from `floor` on.

    floor: None where no version is named, as in the suffix .abi3.so.
    siblings: file names of shared libraries that lie beside the module in the wheel.
    """
    yield from _symbols(module, facts, floor, abi3t, siblings)
    hooks = {hook.split('_', 1)[0] for hook in facts.init_hooks}
    # Only PyModuleDef is in the way: CFFI's PyInit_ has the module made by _cffi_backend, and works.
    if abi3t and hooks and hooks <= {'PyInit', 'PyInitU'} and facts.init in ('multi-phase', 'single-phase'):
        yield module.error('abi3t-needs-export-hook', 'has only a PyInit_ hook, and the tag says abi3t',
                           'Write a PyModExport_ hook with an array of PySlot (PEP 793), or build with -Cabi=full.')
    if floor is None:
        return
    if not abi3t and floor < tags.FIRST_ABI3T and hooks and hooks <= {'PyModExport', 'PyModExportU'}:
        yield module.error(
            'missing-init-function', 'has only a PyModExport_ hook, which begins with 3.15; the tag says '
            f'{tags.version_text(floor)}', f'Export PyInit_{module.stem} as well, or set limited_api: \'3.15\'.')
    yield from slots(module, facts, floor)


def slots(module: Module, facts: Facts, floor: tags.Version) -> typing.Iterator[Diagnostic]:
    """Module slots that CPython `floor` does not know, and stops at."""
    if facts.slot_style == 'PyModuleDef_Slot':
        for slot in facts.slots:
            known = LEGACY_SLOTS.get(slot)
            if known is not None and known[1] > floor:
                yield _slot(module, f'{known[0]} ({slot})', known[1], floor)
            elif known is None and slot >= _FIRST_PYSLOT and floor < tags.FIRST_ABI3T:
                yield _slot(module, f'slot {slot}', tags.FIRST_ABI3T, floor)


def _symbols(
    module: Module, facts: Facts, floor: tags.Version | None, abi3t: bool, siblings: typing.AbstractSet[str],
) -> typing.Iterator[Diagnostic]:
    abi = 'abi3t' if abi3t else 'abi3'
    # A library of the wheel that is linked in may define it: then nothing is proven.
    libraries = [library for library in facts.needed if library.rsplit('/', 1)[-1] in siblings]
    newest = max(((s.abi3t_since if abi3t else s.abi3_since) or 0 for s in _imports(facts)), default=0)
    for symbol in _imports(facts):
        since = symbol.abi3t_since if abi3t else symbol.abi3_since
        if since is None and libraries:
            yield module.finding(
                'symbol-outside-stable-abi', 'warning',
                f'imports {symbol.name}, which is not in {abi} and may come from {", ".join(libraries)}',
                'If it does, nothing is wrong.')
        elif since is None:
            yield module.error('symbol-outside-stable-abi', f'imports {symbol.name}, which is not in {abi}',
                               'Compile every source that includes Python.h with Py_LIMITED_API; '
                               'if it is already, use another function.')
        elif floor is not None and (3, since) > floor:
            yield module.error(
                'symbol-newer-than-floor', f'imports {symbol.name}, which is in {abi} from 3.{since} on; '
                f'the tag says {tags.version_text(floor)}',
                f'Raise the limited API version (limited_api: in meson.build) and the tag to 3.{newest}, '
                'or use an older function.')


def _imports(facts: Facts) -> typing.Iterator[PythonImport]:
    # The loader accepts that a weak symbol is missing, and the source has to ask before it calls.
    return (symbol for symbol in facts.python_imports if symbol.note != 'weak')


def _slot(module: Module, slot: str, since: tags.Version, floor: tags.Version) -> Diagnostic:
    return module.error(
        'module-slot-too-new',
        f'has the module slot {slot}, which begins with {tags.version_text(since)}; '
        f'the tag says {tags.version_text(floor)}, which stops with "unknown slot ID"',
        f'Leave the slot out where Py_LIMITED_API is below {tags.version_text(since)}: '
        f'#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x{since[0]:02x}{since[1]:02x}0000. '
        '#ifdef does not do: newer headers define it always.')


def libraries(
    module: Module, facts: Facts, name: tags.WheelName, stable: bool, free_threaded: bool,
) -> typing.Iterator[Diagnostic]:
    """Python libraries that the module is linked to, and which not every interpreter has."""
    version = tags.version_of_python_tag(name.python.split('.')[0])
    for library in facts.needed:
        linked = _LIBPYTHON.fullmatch(library)
        if linked:
            found = (3, int(linked[1] or linked[2]))
            advice = ('Do not link to libpython: the interpreter that imports the module provides the symbols '
                      '(python3-config --ldflags without --embed).')
            if stable or (version is not None and found != version):
                yield module.error(
                    'links-libpython', f'is linked to {library}, and the tag says {name.python}-{name.abi}', advice)
            else:
                yield module.finding(
                    'links-libpython', 'warning',
                    f'is linked to {library}, which interpreters that are linked statically do not have', advice)
        dll = _PYTHON_DLL.fullmatch(library)
        if dll and version is not None and not _dll_fits(dll[1], bool(dll[2]), version, stable, free_threaded):
            wanted = 'python3' if stable else f'python3{version[1]}'
            yield module.error(
                'wrong-python-dll', f'imports {library}, and the tag says {name.python}-{name.abi}',
                f'Link to {wanted}{"t" if free_threaded else ""}.lib instead'
                + (', and define Py_LIMITED_API for every source.' if stable else '.'))


def _dll_fits(minor: str, threaded: bool, version: tags.Version, stable: bool, free_threaded: bool) -> bool:
    if threaded != free_threaded:
        return False
    if minor:
        return not stable and int(minor) == version[1]
    # The DLL of the stable ABI; a free-threaded one begins with abi3t.
    return not free_threaded or version >= tags.FIRST_ABI3T


def floor_of(module: Module) -> tags.Version | None:
    """The oldest CPython whose stable ABI has all that this abi3 module is seen to need; None where unknown."""
    floors = [_floor(part) for part in module.parts]
    known = [floor for floor in floors if floor is not None]
    return max(known) if known and len(known) == len(floors) else None


def _floor(facts: Facts) -> tags.Version | None:
    facts = facts.for_version(tags.FIRST_ABI3)
    if facts.init not in ('multi-phase', 'single-phase'):
        return None
    if facts.init == 'multi-phase' and not facts.slots_complete:
        return None
    if not any(hook.startswith('PyInit') for hook in facts.init_hooks):
        return None
    floor = tags.FIRST_ABI3
    for symbol in _imports(facts):
        if symbol.abi3_since is None:
            return None
        floor = max(floor, (3, symbol.abi3_since))
    for slot in facts.slots if facts.slot_style == 'PyModuleDef_Slot' else ():
        if slot not in LEGACY_SLOTS:
            return None
        floor = max(floor, LEGACY_SLOTS[slot][1])
    return floor


def lower_floor(
    name: tags.WheelName, modules: typing.Sequence[Module], requires_python: str,
) -> typing.Iterator[Diagnostic]:
    """The hint that an abi3 wheel may serve interpreters that the project supports and the tag leaves out."""
    floor = tags.version_of_python_tag(name.python.split('.')[0])
    admitted = re.search(r'(?:>=|~=)\s*3\.(\d+)', requires_python)
    if floor is None or name.abi != 'abi3' or not admitted or not modules:
        return
    floors = [floor_of(module) for module in modules]
    lowest = max([(3, int(admitted[1])), *(f for f in floors if f is not None)])
    if all(f is not None for f in floors) and lowest < floor:
        yield Diagnostic(
            'floor-could-be-lower', 'hint',
            f'no module needs a symbol newer than Python {tags.version_text(max(f for f in floors if f is not None))}, '
            f'METADATA admits {requires_python}, and the tag begins with {tags.version_text(floor)}',
            advice=f'Try the limited API version {tags.version_text(lowest)}; type slots and macros, which leave no '
                   'symbol, are seen by the compiler only.')
