# SPDX-License-Identifier: MIT
"""The verdict: may a wheel with these modules carry this tag?

Pure: names and facts in, diagnostics out. An error is only what is proven not to work,
or not to be what the tag says; what the scanner could not prove is never an error.
"""

from __future__ import annotations

import dataclasses
import re
import typing

from . import tags
from .diagnostics import Diagnostic, Severity
from .scanner import Facts
from .settings import Gil


@dataclasses.dataclass(frozen=True)
class Module:
    """A file of the wheel that is an extension module.

    path: inside the wheel. stem, suffix_tag: of its name, see `tags.module_parts`.
    facts: None where it could not be scanned, for the reason in `problem`.
    """

    path: str
    stem: str
    suffix_tag: str
    facts: Facts | None
    problem: str = ''
    malformed: bool = False


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

_BY_HAND: typing.Final = (
    'add the slot {Py_mod_gil, Py_MOD_GIL_NOT_USED} (single-phase: call PyUnstable_Module_SetGIL)')
#: What writes the init function -> how its input says that the module does not need the GIL.
DECLARATIONS: typing.Final[dict[str, str]] = {
    'Cython': 'tell Cython so: cython_args: [\'-Xfreethreading_compatible=True\'] in meson.build '
              '(Cython 3.1 and newer)',
    'pybind11': 'write PYBIND11_MODULE(name, m, py::mod_gil_not_used()) (pybind11 2.13 and newer)',
    'nanobind': 'compile it with -DNB_FREE_THREADED (nanobind 2.2 and newer)',
    'PyO3': 'write #[pymodule(gil_used = false)] (PyO3 0.23 and newer)',
}

#: The last component of a platform tag -> machines of binaries it admits.
MACHINES: typing.Final[dict[str, tuple[str, ...]]] = {
    'x86_64': ('x86_64',), 'amd64': ('x86_64',),
    'i686': ('i386',), 'i386': ('i386',), 'win32': ('i386',),
    'aarch64': ('aarch64',), 'arm64': ('aarch64', 'arm64x'),
    'armv7l': ('arm',), 'armv6l': ('arm',),
    'ppc64le': ('ppc64',), 'ppc64': ('ppc64',), 's390x': ('s390x',), 'riscv64': ('riscv64',),
    'loongarch64': ('loongarch64',), 'universal2': ('x86_64', 'aarch64'),
}


def wheel(
    name: tags.WheelName, modules: typing.Sequence[Module], gil: Gil = 'unspecified',
    siblings: typing.AbstractSet[str] = frozenset(),
) -> list[Diagnostic]:
    """What is wrong with a wheel of this name that holds these modules.

    gil: the project's `gil` setting: how a module that switches the GIL on is judged.
    siblings: file names of the shared libraries in the wheel, which may define names like Python's.
    """
    return [diagnostic for module in modules for diagnostic in _module(name, module, gil, siblings)]


def _module(
    name: tags.WheelName, module: Module, gil: Gil, siblings: typing.AbstractSet[str],
) -> typing.Iterator[Diagnostic]:
    _, stable, abi3t = _tagged(name)
    yield from _suffix(name, module, stable, abi3t)
    facts = module.facts
    if facts is None:
        if module.malformed:
            yield _error(module, 'unreadable-module', f'cannot be read: {module.problem}',
                         'The file is damaged or not a binary; build it again.')
        else:
            yield _finding(module, 'unscanned-module', 'warning', module.problem,
                           'Nothing is proven about this file.')
        return
    yield from _machine(name, module, list(dict.fromkeys(part.machine for part in facts.parts)))
    found: dict[Diagnostic, list[str]] = {}
    for part in facts.parts:
        for diagnostic in dict.fromkeys(_part(name, module, part, gil, siblings)):
            found.setdefault(diagnostic, []).append(part.machine)
    for diagnostic, machines in found.items():
        if len(machines) < len(facts.parts):
            slices = f'{module.stem} ({", ".join(dict.fromkeys(machines))})'
            diagnostic = dataclasses.replace(diagnostic, what=slices + diagnostic.what[len(module.stem):])
        yield diagnostic


def _part(
    name: tags.WheelName, module: Module, facts: Facts, gil: Gil, siblings: typing.AbstractSet[str],
) -> typing.Iterator[Diagnostic]:
    """What is wrong with one file, or one slice of a universal file."""
    abis = name.abi.split('.')
    floor, stable, abi3t = _tagged(name)
    # Warnings: such a file may be meant for ctypes, or be loaded under the name of its function.
    if not facts.init_hooks and facts.init == 'none':
        yield _finding(module, 'missing-init-function', 'warning',
                       f'exports neither PyInit_{module.stem} nor PyModExport_{module.stem}',
                       'Name the init function after the module, and mark it PyMODINIT_FUNC.')
    elif facts.init != 'unknown' and not _own_hooks(module, facts):
        yield _finding(module, 'missing-init-function', 'warning',
                       f'exports {", ".join(facts.init_hooks)}, but nothing for the name {module.stem}',
                       f'Rename the function to PyInit_{module.stem}, or the module.')
    free_threaded = abi3t or any(re.fullmatch(r'cp\d+td?', abi) for abi in abis)
    # A module may have a hook for 3.15 and another one for older interpreters; a tag may admit both.
    versions = [floor or tags.FIRST_ABI3T]
    if stable and versions[0] < tags.FIRST_ABI3T:
        versions.append(tags.FIRST_ABI3T)
    for version in versions:
        valid = facts.for_version(version)
        if stable and floor is not None:
            yield from _stable_abi(module, valid, floor, abi3t, siblings)
        yield from _layout(module, valid, free_threaded, abi3t, name)
        if free_threaded:
            yield from _gil(module, valid, gil)


def _tagged(name: tags.WheelName) -> tuple[tags.Version | None, bool, bool]:
    """(the oldest version that the tag names, whether it is for a stable ABI, whether that is abi3t)."""
    abis = name.abi.split('.')
    # abi3.abi3t is one module that serves both; abi3 alone serves interpreters with the GIL.
    return (tags.version_of_python_tag(name.python.split('.')[0]), 'abi3' in abis or 'abi3t' in abis,
            'abi3t' in abis)


def _own_hooks(module: Module, facts: Facts) -> bool:
    names = {hook.split('_', 1)[1] for hook in facts.init_hooks}
    if module.stem == '__init__' and module.path.split('/')[-2:-1]:
        # A package whose __init__ is an extension module: the hook has the package's name.
        return module.path.split('/')[-2] in names
    # PyInitU_ holds a punycode form (PEP 489); it is not decoded here.
    return module.stem in names or any(hook.startswith(('PyInitU_', 'PyModExportU_')) for hook in facts.init_hooks)


def _suffix(name: tags.WheelName, module: Module, stable: bool, abi3t: bool) -> typing.Iterator[Diagnostic]:
    tag = module.suffix_tag
    if not tag:
        return
    first = tag.split('-')[0]
    if stable:
        if first not in ('abi3', 'abi3t'):
            yield _error(module, 'version-specific-module', f'has the suffix .{tag}, in a wheel tagged {name.abi}',
                         'Give this module limited_api: in meson.build, like the others.')
        elif (first == 'abi3t') != abi3t:
            yield _error(module, 'module-for-other-python', f'has the suffix .{tag}, in a wheel tagged {name.abi}',
                         'Build the wheel again: suffix and tag come from one decision.')
        return
    wanted = {abi for abi in name.abi.split('.') if abi.startswith('cp')}
    words = tag.split('-')
    if first == 'cpython' and len(words) > 1 and wanted and f'cp{words[1]}' not in wanted:
        yield _error(module, 'module-for-other-python', f'is for cp{words[1]}, in a wheel tagged {name.abi}',
                     'Build it with the interpreter that the wheel is for.')


def _machine(name: tags.WheelName, module: Module, compiled: typing.Sequence[str]) -> typing.Iterator[Diagnostic]:
    for platform in name.platform.split('.'):
        for ending, machines in MACHINES.items():
            if platform != ending and not platform.endswith('_' + ending):
                continue
            # universal2 promises both machines.
            admitted = all if ending == 'universal2' else any
            if not admitted(machine in compiled for machine in machines):
                yield _error(module, 'machine-mismatch',
                             f'is compiled for {" and ".join(compiled)}, in a wheel for {platform}',
                             'Set _PYTHON_HOST_PLATFORM to the platform that is compiled for (cross builds), '
                             'or correct the compiler.')
                return


def _stable_abi(
    module: Module, facts: Facts, floor: tags.Version, abi3t: bool, siblings: typing.AbstractSet[str],
) -> typing.Iterator[Diagnostic]:
    abi = 'abi3t' if abi3t else 'abi3'
    # A library of the wheel that is linked in may define it: then nothing is proven.
    libraries = [library for library in facts.needed if library.rsplit('/', 1)[-1] in siblings]
    for symbol in facts.python_imports:
        if symbol.note == 'weak':
            # The loader accepts that it is missing, and the source has to ask before it calls.
            continue
        since = symbol.abi3t_since if abi3t else symbol.abi3_since
        if since is None and libraries:
            yield _finding(module, 'symbol-outside-stable-abi', 'warning',
                           f'imports {symbol.name}, which is not in {abi} and may come from {", ".join(libraries)}',
                           'If it does, nothing is wrong.')
        elif since is None:
            yield _error(module, 'symbol-outside-stable-abi', f'imports {symbol.name}, which is not in {abi}',
                         'Compile every source that includes Python.h with Py_LIMITED_API; '
                         'if it is already, use another function.')
        elif (3, since) > floor:
            yield _error(module, 'symbol-newer-than-floor',
                         f'imports {symbol.name}, which is in {abi} from 3.{since} on; '
                         f'the wheel says {tags.version_text(floor)}',
                         f'Set limited_api: \'3.{since}\' in meson.build, or use an older function.')
    hooks = {hook.split('_', 1)[0] for hook in facts.init_hooks}
    if abi3t and hooks and hooks <= {'PyInit', 'PyInitU'}:
        yield _error(module, 'abi3t-needs-export-hook', 'has only a PyInit_ hook, in an abi3t wheel',
                     'Write a PyModExport_ hook with an array of PySlot (PEP 793), or build with -Cabi=full.')
    if not abi3t and floor < tags.FIRST_ABI3T and hooks and hooks <= {'PyModExport', 'PyModExportU'}:
        yield _error(module, 'missing-init-function',
                     f'has only a PyModExport_ hook, which begins with 3.15; the wheel says {tags.version_text(floor)}',
                     f'Export PyInit_{module.stem} as well, or set limited_api: \'3.15\'.')
    if facts.slot_style == 'PyModuleDef_Slot':
        for slot in facts.slots:
            known = LEGACY_SLOTS.get(slot)
            if known is not None and known[1] > floor:
                yield _slot(module, f'{known[0]} ({slot})', known[1], floor)
            elif known is None and slot >= _FIRST_PYSLOT and floor < tags.FIRST_ABI3T:
                yield _slot(module, f'slot {slot}', tags.FIRST_ABI3T, floor)


def _slot(module: Module, slot: str, since: tags.Version, floor: tags.Version) -> Diagnostic:
    return _error(
        module, 'module-slot-too-new',
        f'has the module slot {slot}, which begins with {tags.version_text(since)}; '
        f'the wheel says {tags.version_text(floor)}, and older interpreters stop with "unknown slot ID"',
        f'Leave the slot out where Py_LIMITED_API is below {tags.version_text(since)}: '
        f'#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x{since[0]:02x}{since[1]:02x}0000. '
        '#ifdef does not do: newer headers define it always.')


def _layout(
    module: Module, facts: Facts, free_threaded: bool, abi3t: bool, name: tags.WheelName,
) -> typing.Iterator[Diagnostic]:
    if not any(abi.startswith(('cp', 'abi3')) for abi in name.abi.split('.')):
        return
    expected = 'free-threaded' if free_threaded else 'gil'
    if abi3t and facts.layout in ('gil', 'free-threaded'):
        yield _error(module, 'wrong-object-layout',
                     f'is compiled for the {facts.layout} object layout only ({facts.layout_evidence})',
                     'Compile it for abi3t: Py_TARGET_ABI3T and a PyModExport_ hook.')
    elif facts.layout in ('gil', 'free-threaded') and facts.layout != expected:
        advice = 'Compile with the headers of the interpreter that the wheel is for.'
        if free_threaded:
            advice += ' On Windows Py_GIL_DISABLED=1 must be defined.'
        yield _error(module, 'wrong-object-layout',
                     f'is compiled for the {facts.layout} object layout, in a wheel tagged {name.abi} '
                     f'({facts.layout_evidence})', advice)


def _gil(module: Module, facts: Facts, gil: Gil) -> typing.Iterator[Diagnostic]:
    if facts.gil not in ('used', 'not-declared') or gil == 'used':
        return
    how = ('declares that it uses the GIL' if facts.gil == 'used' else 'does not declare Py_mod_gil')
    yield _finding(
        module, 'gil-enabled-by-module', 'error' if gil == 'not-used' else 'warning',
        f'switches the GIL on when it is imported: it {how} ({facts.gil_evidence})',
        f'Once the module is safe without the GIL, {DECLARATIONS.get(facts.framework or "", _BY_HAND)}. '
        'gil = "used" in [tool.mesonbuild-ft] says that it is meant.')


def _error(module: Module, identifier: str, what: str, advice: str) -> Diagnostic:
    return _finding(module, identifier, 'error', what, advice)


def _finding(module: Module, identifier: str, severity: Severity, what: str, advice: str) -> Diagnostic:
    return Diagnostic(identifier, severity, f'{module.stem} {what}', where=module.path, advice=advice)
