# SPDX-License-Identifier: MIT
"""The verdict: may a wheel with these modules carry this tag?

Pure: names and facts in, diagnostics out. An error is only what is proven not to work,
or not to be what the tag says; what the scanner could not prove is never an error.
"""

from __future__ import annotations

import typing

from .. import tags
from ..diagnostics import Diagnostic
from ..modules import Module
from ..scanner import Facts
from . import abi_info, contents as audit_contents, platform_tag, stable_abi
from .contents import Contents


if typing.TYPE_CHECKING:
    from ..settings import Gil

__all__ = ['Contents', 'Module', 'single', 'wheel']

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

#: What is said of a wheel -> of a file that is judged by its own suffix.
_WITHOUT_WHEEL: typing.Final[dict[str, str]] = {
    'the tag says': 'its suffix says', 'version, of the tag': 'version, of its suffix',
    'all modules are built with the limited API, and the wheel is for': 'it is built with the limited API, and its '
    'suffix is for', 'the wheel is for': 'it is for', 'Tag the wheel with': 'Build a wheel with the tag',
}
#: The beginning of a platform tag -> the format of its binaries.
_FORMATS: typing.Final[dict[str, str]] = {
    'linux_': 'elf', 'manylinux': 'elf', 'musllinux': 'elf', 'win': 'pe', 'macosx_': 'macho', 'ios_': 'macho',
}


def wheel(
    name: tags.WheelName, modules: typing.Sequence[Module], gil: Gil = 'unspecified',
    siblings: typing.AbstractSet[str] = frozenset(), contents: Contents | None = None, libc: tags.Libc = '',
) -> list[Diagnostic]:
    """What is wrong with a wheel of this name that holds these modules.

    gil: the project's `gil` setting: how a module that switches the GIL on is judged.
    siblings: file names of the shared libraries in the wheel, which may define names like Python's.
    contents: what a finished wheel says of itself; None in a build, before the wheel is written.
    libc: of the target interpreter in a build, where it is known.
    """
    found = list(audit_contents.abi3t_too_old(name))
    if contents is not None and contents.from_file_name:
        found += audit_contents.abi_without_version(name)
    strays = [module for module in modules if _for_other_python(name, module)]
    served = {_without_suffix(module) for module in modules if module not in strays}
    for module in modules:
        found += _module(name, module, gil, siblings, libc, in_build=contents is None,
                         is_stray=module in strays and _without_suffix(module) in served)
    if contents is not None:
        found += audit_contents.audit(name, contents, [module for module in modules if module not in strays] or modules)
        if not any(d.severity == 'error' for d in found):
            found += stable_abi.lower_floor(name, modules, contents.requires_python)
    return found


def single(module: Module) -> list[Diagnostic]:
    """What is wrong with one file that is judged by its own name alone."""
    name = tags.name_from_suffix(module.suffix_tag)
    if name is not None:
        return [_of_suffix(found) for found in wheel(name, [module], contents=Contents(from_file_name=False))]
    if module.facts is None:
        return list(_unread(module))
    return list(_of_parts(module, module.facts, _hooks))


def _of_suffix(found: Diagnostic) -> Diagnostic:
    """The same for a file without a wheel, whose tags are those of its own suffix."""
    texts = [found.what, found.advice]
    for of_wheel, of_file in _WITHOUT_WHEEL.items():
        texts = [text.replace(of_wheel, of_file) for text in texts]
    return found._replace(what=texts[0], advice=texts[1])


def _module(
    name: tags.WheelName, module: Module, gil: Gil, siblings: typing.AbstractSet[str], libc: tags.Libc, *,
    in_build: bool, is_stray: bool,
) -> typing.Iterator[Diagnostic]:
    abis = name.abi.split('.')
    floor = tags.version_of_python_tag(name.python.split('.')[0])
    stable = [abi for abi in abis if abi in ('abi3', 'abi3t')]
    # abi3.abi3t is one module that serves both; abi3 alone serves interpreters with the GIL.
    abi3t = 'abi3t' in stable
    if abi3t and floor is not None:
        # An older one is told once, of the tag.
        floor = max(floor, tags.FIRST_ABI3T)
    free_threaded = tags.serves_free_threaded(name.abi)

    if is_stray:
        yield module.finding(
            'module-for-other-python', 'warning', f'is for {tags.abi_of_suffix(module.suffix_tag)}, and the tag says '
            f'{name.abi}; the same module for that one lies beside it, and this one is never loaded',
            'Build in an empty directory, so that nothing is left over from another interpreter.')
        return
    yield from _suffix(name, module, floor, bool(stable), abi3t, free_threaded)
    if _for_other_python(name, module):
        # No Python that the wheel is for loads it: nothing else matters.
        return
    facts = module.facts
    if facts is None:
        yield from _unread(module)
        return
    yield from _machine(name, module, facts)

    def judge(module: Module, facts: Facts) -> typing.Iterator[Diagnostic]:
        yield from _hooks(module, facts)
        yield from stable_abi.libraries(module, facts, name, bool(stable), free_threaded)
        yield from platform_tag.libc(module, facts, name, floor, siblings, libc)
        yield from platform_tag.macos(module, facts, name)
        yield from platform_tag.runtime_libraries(module, facts, siblings)
        for version in versions:
            valid = facts.for_version(version)
            if stable:
                yield from stable_abi.audit(module, valid, floor, abi3t, siblings)
            elif floor is not None and any(abi.startswith('cp') for abi in abis):
                yield from stable_abi.slots(module, valid, floor)
            yield from _layout(module, valid, free_threaded, abi3t, name)
            if free_threaded:
                yield from _gil(module, valid, gil, in_build=in_build)
        if any(abi.startswith(('cp', 'abi3')) for abi in abis):
            yield from abi_info.audit(module, facts, floor, bool(stable))

    # A module may have a hook for 3.15 and another one for older interpreters; a tag may admit both.
    versions = [floor or tags.FIRST_ABI3T]
    if stable and versions[0] < tags.FIRST_ABI3T:
        versions.append(tags.FIRST_ABI3T)
    yield from _of_parts(module, facts, judge)


def _of_parts(
    module: Module, facts: Facts, judge: typing.Callable[[Module, Facts], typing.Iterable[Diagnostic]],
) -> typing.Iterator[Diagnostic]:
    """What `judge` says of a file, or of the slices of a universal one: each finding once, with its machines."""
    found: dict[Diagnostic, list[str]] = {}
    for part in facts.parts:
        for diagnostic in dict.fromkeys(judge(module, part)):
            found.setdefault(diagnostic, []).append(part.machine)
    for diagnostic, machines in found.items():
        if len(machines) < len(facts.parts):
            slices = f'{module.stem} ({", ".join(dict.fromkeys(machines))})'
            diagnostic = diagnostic._replace(what=slices + diagnostic.what[len(module.stem):])
        yield diagnostic


def _unread(module: Module) -> typing.Iterator[Diagnostic]:
    if module.malformed:
        # Without a tag in its name it may be meant to be no module.
        yield module.finding('unreadable-module', 'error' if module.suffix_tag else 'warning',
                             f'cannot be read: {module.problem}',
                             'The file is damaged or not a binary; build it again.')
    else:
        yield module.finding('unscanned-module', 'warning', f'cannot be judged: {module.problem}',
                             'Nothing is proven about this file.')


def _hooks(module: Module, facts: Facts) -> typing.Iterator[Diagnostic]:
    # No errors: such a file may be meant for ctypes, or be loaded under the name of its function.
    if not facts.init_hooks and facts.init == 'none':
        if facts.python_imports:
            yield module.finding('missing-init-function', 'warning',
                                 'exports no init function, PyInit_ or PyModExport_',
                                 'Name the init function after the module, and mark it PyMODINIT_FUNC.')
        else:
            yield module.finding('missing-init-function', 'hint', 'has the name of a module and uses nothing of Python',
                                 'If it is a library for ctypes or cffi, a name without Python\'s suffix says so.')
    elif facts.init != 'unknown' and not _own_hooks(module, facts):
        yield module.finding('missing-init-function', 'warning',
                             f'exports {", ".join(facts.init_hooks)}, but nothing for the name {module.stem}',
                             f'Rename the function to {_hook_name(module.stem)}, or the module.')


def _hook_name(stem: str) -> str:
    """The name of a module's init function (PEP 489)."""
    if stem.isascii():
        return f'PyInit_{stem}'
    return 'PyInitU_' + stem.encode('punycode').decode('ascii').replace('-', '_')


def _own_hooks(module: Module, facts: Facts) -> bool:
    names = {hook.split('_', 1)[1] for hook in facts.init_hooks}
    if module.stem == '__init__' and module.path.split('/')[-2:-1]:
        # A package whose __init__ is an extension module: the hook has the package's name.
        return module.path.split('/')[-2] in names
    # PyInitU_ holds a punycode form (PEP 489); it is not decoded here.
    return module.stem in names or any(hook.startswith(('PyInitU_', 'PyModExportU_')) for hook in facts.init_hooks)


def _suffix(
    name: tags.WheelName, module: Module, floor: tags.Version | None, stable: bool, abi3t: bool, free_threaded: bool,
) -> typing.Iterator[Diagnostic]:
    tag = module.suffix_tag
    windows = tags.is_windows(name.platform)
    if name.platform != 'any' and module.path.endswith('.so' if windows else '.pyd'):
        yield module.error(
            'suffix-not-loadable', f'is called {module.path.rpartition("/")[2]}, and no Python of '
            f'{name.platform} looks for such a name', f'Call it {module.stem}{".pyd" if windows else ".so"}.')
        return
    if not tag or name.abi == 'none':
        return
    head, abi = tag.split('-')[0], tags.abi_of_suffix(tag)
    if stable and abi not in ('abi3', 'abi3t'):
        yield module.error('version-specific-module', f'has the suffix .{tag}, and the tag says {name.abi}',
                           'Build this module with the limited API, like the others (limited_api: in meson.build).')
    elif stable and (abi == 'abi3t') != abi3t:
        yield module.error('module-for-other-python', f'has the suffix .{tag}, and the tag says {name.abi}',
                           'Build the wheel again: suffix and tag come from one decision.')
    elif _for_other_python(name, module):
        yield module.error('module-for-other-python', f'is for {abi}, and the tag says {name.abi}',
                           'Build it with the interpreter that the wheel is for.')
    elif floor is not None and (stable or head in ('abi3', 'abi3t')) and not tags.finds(
            floor, free_threaded, windows, tag):
        yield module.error(
            'suffix-not-loadable', f'has the suffix .{tag}, which Python {tags.version_text(floor)} '
            f'{"without the GIL " if free_threaded else ""}does not look for; the tag says {name.python}-{name.abi}',
            f'Call it {module.stem}.pyd.' if windows else
            f'Call it {module.stem}.{"abi3t" if free_threaded else "abi3"}.so.')
    elif not _same_platform(name, tags.platform_of_suffix(tag)) or not _same_libc(name, tag, floor):
        yield module.error('suffix-not-loadable',
                           f'has the suffix .{tag}, which no Python of {name.platform} looks for',
                           'Compile it for the platform of the wheel, and let the target name the suffix.')


def _for_other_python(name: tags.WheelName, module: Module) -> bool:
    """Whether the suffix is for one Python, and the wheel for another one."""
    abis = name.abi.split('.')
    abi = tags.abi_of_suffix(module.suffix_tag)
    return bool(abi) and abi not in ('abi3', 'abi3t', *abis) and not {'none', 'abi3', 'abi3t'} & set(abis)


def _without_suffix(module: Module) -> str:
    return module.path.rpartition('/')[0] + '/' + module.stem


def _same_platform(name: tags.WheelName, platform: str) -> bool:
    """False where a suffix and all tags of the wheel name different machines."""
    wanted = tags.machines(platform)
    admitted = [tags.machines(other) for other in name.platform.split('.')]
    return not wanted or not all(admitted) or any(set(wanted) & set(machines) for machines in admitted)


def _same_libc(name: tags.WheelName, suffix_tag: str, floor: tags.Version | None) -> bool:
    """False where a suffix and all tags of the wheel name different C libraries."""
    own = tags.libc_of_suffix(suffix_tag, floor)
    promised = {tags.libc_of_platform(platform) for platform in name.platform.split('.')}
    return not own or bool(promised & {own, ''})


def _machine(name: tags.WheelName, module: Module, facts: Facts) -> typing.Iterator[Diagnostic]:
    for platform in name.platform.split('.'):
        machines, compiled = tags.machines(platform), list(dict.fromkeys(part.machine for part in facts.parts))
        # universal2 promises both machines.
        admits = all if platform.endswith('universal2') else any
        wanted = next((form for start, form in _FORMATS.items() if platform.startswith(start)), facts.format)
        if not facts.format.startswith(wanted) or (
                machines and not admits(machine in compiled for machine in machines)):
            yield module.error(
                'machine-mismatch',
                f'is compiled for {" and ".join(compiled)} ({facts.format}), and the tag says {platform}',
                'Correct the compiler (CC, CXX, a cross file), or name what it compiles for as the target '
                '(-Ctarget).')
            return


def _layout(
    module: Module, facts: Facts, free_threaded: bool, abi3t: bool, name: tags.WheelName,
) -> typing.Iterator[Diagnostic]:
    if not any(abi.startswith(('cp', 'abi3')) for abi in name.abi.split('.')):
        return
    expected = 'free-threaded' if free_threaded else 'gil'
    if abi3t and facts.layout in ('gil', 'free-threaded'):
        yield module.error('wrong-object-layout',
                           f'is compiled for the {facts.layout} object layout only ({facts.layout_evidence})',
                           'Compile it for abi3t: Py_TARGET_ABI3T and a PyModExport_ hook.')
    elif facts.layout in ('gil', 'free-threaded') and facts.layout != expected:
        advice = 'Compile with the headers of the interpreter that the wheel is for.'
        if free_threaded and facts.format == 'pe':
            advice = 'Define Py_GIL_DISABLED=1 when compiling: on Windows the headers do not know.'
        yield module.error('wrong-object-layout',
                           f'is compiled for the {facts.layout} object layout, and the tag says {name.abi} '
                           f'({facts.layout_evidence})', advice)


def _gil(module: Module, facts: Facts, gil: Gil, *, in_build: bool) -> typing.Iterator[Diagnostic]:
    if facts.gil not in ('used', 'not-declared') or gil == 'used':
        return
    how = ('declares that it uses the GIL' if facts.gil == 'used' else 'does not declare Py_mod_gil')
    advice = f'Once the module is safe without the GIL, {DECLARATIONS.get(facts.framework or "", _BY_HAND)}.'
    if in_build:
        advice += ' gil = "used" in [tool.mesonbuild-ft] says that it is meant.'
    yield module.finding(
        'gil-enabled-by-module', 'error' if gil == 'not-used' else 'warning',
        f'switches the GIL on when it is imported: it {how} ({facts.gil_evidence})', advice)
