# SPDX-License-Identifier: MIT
"""The verdict is a table: facts and a wheel name go in, identifiers come out. Unknown is never an error."""

from __future__ import annotations

import typing

import pytest

from mesonbuild_ft import tags
from mesonbuild_ft.audit import verdict
from mesonbuild_ft.scanner import AbiInfo, Facts, PythonImport


FACTS = Facts(
    format='elf', machine='x86_64', bits=64, byte_order='little', needed=(), init_hooks=('PyInit_one',),
    init='multi-phase', init_reason='', gil='not-used', gil_evidence='', layout='gil', layout_evidence='',
    slots=(2,), slots_complete=True, slot_style='PyModuleDef_Slot', python_imports=(), framework=None)
FREE = FACTS._replace(layout='free-threaded')
ABI3T = FACTS._replace(
    layout='opaque', init='export-hook', init_hooks=('PyModExport_one',), slot_style='PySlot', slots=(87, 109))
NO_ABI_SLOT = ABI3T._replace(slots=(87,))
UNKNOWN = FACTS._replace(layout='unknown', gil='unknown', init='unknown')


def fact(base: Facts = FACTS, **changes: typing.Any) -> Facts:
    return base._replace(**changes)


def imports(name: str, abi3: int | None, abi3t: int | None, note: str = '') -> tuple[PythonImport, ...]:
    return (PythonImport(name, abi3, abi3t, note),)


CASES: dict[str, tuple[str, str, Facts, list[str]]] = {
    'abi3 is fine': ('cp39-abi3', 'one.abi3.so', FACTS, []),
    'abi3t is fine': ('cp315-abi3.abi3t', 'one.abi3t.so', ABI3T, []),
    'full API is fine': ('cp314-cp314', 'one.cpython-314-x86_64-linux-gnu.so', FACTS, []),
    'free-threaded is fine': ('cp314-cp314t', 'one.cpython-314t-x86_64-linux-gnu.so', FREE, []),
    'unknown is no error in abi3': ('cp39-abi3', 'one.abi3.so', UNKNOWN, []),
    'unknown is no error in abi3t': ('cp315-abi3.abi3t', 'one.abi3t.so', UNKNOWN, []),
    'unknown is no error, free-threaded': (
        'cp314-cp314t', 'one.cpython-314t-x86_64-linux-gnu.so', UNKNOWN, []),
    'no stable ABI of PyPy': ('pp311-pypy311_pp73', 'one.pypy311-pp73-x86_64-linux-gnu.so', UNKNOWN, []),
    'symbol outside': ('cp39-abi3', 'one.abi3.so', fact(python_imports=imports('PyUnicode_New', None, None)),
                       ['symbol-outside-stable-abi']),
    'symbol outside, weak': (
        'cp39-abi3', 'one.abi3.so', fact(python_imports=imports('PyUnicode_New', None, None, 'weak')), []),
    'symbol newer': ('cp39-abi3', 'one.abi3.so', fact(python_imports=imports('PyModule_AddType', 10, 15)),
                     ['symbol-newer-than-floor']),
    'symbol of the floor': ('cp310-abi3', 'one.abi3.so', fact(python_imports=imports('PyModule_AddType', 10, 15)), []),
    'slot newer': ('cp39-abi3', 'one.abi3.so', fact(slots=(2, 4)), ['module-slot-too-new']),
    'slot 3 of 3.12': ('cp312-abi3', 'one.abi3.so', fact(slots=(2, 3)), []),
    'slot of PEP 820': ('cp314-abi3', 'one.abi3.so', fact(slots=(87,)), ['module-slot-too-new']),
    'slot newer than the version': ('cp312-cp312', 'one.cpython-312-x86_64-linux-gnu.so', fact(slots=(2, 4)),
                                    ['module-slot-too-new']),
    'slots of the version': ('cp313-cp313', 'one.cpython-313-x86_64-linux-gnu.so', fact(slots=(2, 4)), []),
    'layout of the other build': ('cp39-abi3', 'one.abi3.so', FREE, ['wrong-object-layout']),
    'layout with the GIL': ('cp314-cp314t', 'one.cpython-314t-x86_64-linux-gnu.so', FACTS, ['wrong-object-layout']),
    'layout in abi3t': ('cp315-abi3.abi3t', 'one.abi3t.so', fact(ABI3T, layout='gil'), ['wrong-object-layout']),
    'only PyInit_ in abi3t': ('cp315-abi3.abi3t', 'one.abi3t.so',
                              fact(ABI3T, init_hooks=('PyInit_one',), init='multi-phase'),
                              ['abi3t-needs-export-hook']),
    'only PyModExport_ before 3.15': ('cp39-abi3', 'one.abi3.so', fact(init_hooks=('PyModExport_one',)),
                                      ['missing-init-function']),
    'version-specific in abi3': ('cp39-abi3', 'one.cpython-312-x86_64-linux-gnu.so', FACTS,
                                 ['version-specific-module']),
    'abi3t in abi3': ('cp39-abi3', 'one.abi3t.so', FACTS, ['module-for-other-python']),
    'another version': ('cp314-cp314', 'one.cpython-313-x86_64-linux-gnu.so', FACTS, ['module-for-other-python']),
    'another machine': ('cp39-abi3', 'one.abi3.so', fact(machine='aarch64'), ['machine-mismatch']),
    'no hook': ('cp39-abi3', 'one.abi3.so', fact(init_hooks=(), init='none'), ['missing-init-function']),
    'hook of another name': ('cp39-abi3', 'one.abi3.so', fact(init_hooks=('PyInit_two',)), ['missing-init-function']),
    'package': ('cp39-abi3', 'one/__init__.abi3.so', FACTS, []),
    'GIL not declared': ('cp314-cp314t', 'one.cpython-314t-x86_64-linux-gnu.so', fact(FREE, gil='not-declared'),
                         ['gil-enabled-by-module']),
    'GIL used': ('cp315-abi3.abi3t', 'one.abi3t.so', fact(ABI3T, gil='used'), ['gil-enabled-by-module']),
    'GIL is no question with it': ('cp39-abi3', 'one.abi3.so', fact(gil='not-declared'), []),
    'both hooks, the older one decides': (
        'cp39-abi3', 'one.abi3.so', fact(ABI3T, init_hooks=('PyInit_one', 'PyModExport_one'), layout='gil',
                                         before_3_15=fact(slots=(4,))), ['module-slot-too-new']),
    'no PyABIInfo': ('cp315-abi3.abi3t', 'one.abi3t.so', NO_ABI_SLOT, ['abi-info-refused']),
    'no slots at all': ('cp315-abi3.abi3t', 'one.abi3t.so', fact(NO_ABI_SLOT, slots=()), ['abi-info-refused']),
    'no PyABIInfo, slots unknown': ('cp315-abi3.abi3t', 'one.abi3t.so', fact(NO_ABI_SLOT, slots_complete=False), []),
    'PyABIInfo before 3.15': ('cp314-cp314', 'one.so', fact(abi_info=AbiInfo(1, 0, 8, 0, 1)), []),
    'both hooks, 3.14t': (
        'cp314-cp314t', 'one.cpython-314t-x86_64-linux-gnu.so',
        fact(ABI3T, init_hooks=('PyInit_one', 'PyModExport_one'), layout='free-threaded',
             before_3_15=fact(FREE, gil='not-declared')), ['gil-enabled-by-module']),
}


PE = FACTS._replace(format='pe', needed=('KERNEL32.dll', 'python3.dll'))
PE_FREE = PE._replace(layout='free-threaded', needed=('python314t.dll',))
PE_ABI3T = ABI3T._replace(format='pe', needed=('python3t.dll',))
MUSL = FACTS._replace(needed=('libgcc_s.so.1', 'libc.musl-x86_64.so.1'))
GLIBC = FACTS._replace(needed=('libm.so.6', 'libc.so.6', 'ld-linux-x86-64.so.2'))
MACHO = FACTS._replace(format='macho')

#: The same for other platforms: (tag with platform, path, facts, identifiers).
OTHER_PLATFORMS: dict[str, tuple[str, str, Facts, list[str]]] = {
    'Windows abi3': ('cp39-abi3-win_amd64', 'one.pyd', PE, []),
    'Windows abi3t': ('cp315-abi3.abi3t-win_amd64', 'one.pyd', PE_ABI3T, []),
    'Windows full': ('cp314-cp314-win_amd64', 'one.cp314-win_amd64.pyd', fact(PE, needed=('python314.dll',)), []),
    'Windows free-threaded': ('cp314-cp314t-win_amd64', 'one.cp314t-win_amd64.pyd', PE_FREE, []),
    'Windows debug': ('cp314-cp314-win_amd64', 'one.pyd', fact(PE, needed=('python314_d.dll',)), []),
    'abi3 with the DLL of a version': ('cp39-abi3-win_amd64', 'one.pyd', fact(PE, needed=('Python312.dll',)),
                                       ['wrong-python-dll']),
    'abi3 with the DLL of abi3t': ('cp39-abi3-win_amd64', 'one.pyd', fact(PE, needed=('python3t.dll',)),
                                   ['wrong-python-dll']),
    'abi3t with the DLL of abi3': ('cp315-abi3.abi3t-win_amd64', 'one.pyd', fact(PE_ABI3T, needed=('python3.dll',)),
                                   ['wrong-python-dll']),
    'DLL of another version': ('cp314-cp314-win_amd64', 'one.pyd', fact(PE, needed=('python313.dll',)),
                               ['wrong-python-dll']),
    'free-threaded with the DLL that has a GIL': (
        'cp314-cp314t-win_amd64', 'one.pyd', fact(PE_FREE, needed=('python314.dll',)), ['wrong-python-dll']),
    'free-threaded without Py_GIL_DISABLED': (
        'cp314-cp314t-win_amd64', 'one.pyd', fact(PE_FREE, layout='gil'), ['wrong-object-layout']),
    'abi3 suffix on Windows': ('cp39-abi3-win_amd64', 'one.abi3.pyd', PE, ['suffix-not-loadable']),
    'version in the suffix': ('cp39-abi3-win_amd64', 'one.cp312-win_amd64.pyd', PE, ['version-specific-module']),
    'another version in the suffix': ('cp314-cp314-win_amd64', 'one.cp313-win_amd64.pyd',
                                      fact(PE, needed=('python314.dll',)), ['module-for-other-python']),
    'another platform in the suffix': ('cp314-cp314-win_amd64', 'one.cp314-win_arm64.pyd',
                                       fact(PE, needed=('python314.dll',)), ['suffix-not-loadable']),
    'ELF on Windows': ('cp39-abi3-win_amd64', 'one.pyd', FACTS, ['machine-mismatch']),
    'macOS': ('cp39-abi3-macosx_11_0_x86_64', 'one.abi3.so', MACHO, []),
    'macOS, both machines': ('cp39-abi3-macosx_11_0_universal2', 'one.abi3.so',
                             fact(MACHO, format='macho-universal', machine='universal',
                                  slices=(MACHO, fact(MACHO, machine='aarch64'))), []),
    'macOS, wrong machine': ('cp39-abi3-macosx_11_0_arm64', 'one.abi3.so', MACHO, ['machine-mismatch']),
    'macOS, libpython': (
        'cp39-abi3-macosx_11_0_x86_64', 'one.abi3.so',
        fact(MACHO, needed=('/Library/Frameworks/Python.framework/Versions/3.12/Python',)), ['links-libpython']),
    'libpython of another version': ('cp314-cp314-linux_x86_64', 'one.so', fact(needed=('libpython3.13.so.1.0',)),
                                     ['links-libpython']),
    'libpython of the stable ABI': ('cp39-abi3-linux_x86_64', 'one.abi3.so', fact(needed=('libpython3.so',)), []),
    'PyPy in CPython': ('cp311-cp311-linux_x86_64', 'one.pypy311-pp73-x86_64-linux-gnu.so', FACTS,
                        ['module-for-other-python']),
    'CPython in PyPy': ('pp311-pypy311_pp73-linux_x86_64', 'one.cpython-311-x86_64-linux-gnu.so', UNKNOWN,
                        ['module-for-other-python']),
    'abi3 in 3.15t': ('cp315-cp315t-linux_x86_64', 'one.abi3.so', FREE, ['suffix-not-loadable']),
    'abi3t in 3.14': ('cp314-cp314-linux_x86_64', 'one.abi3t.so', FACTS, ['suffix-not-loadable']),
    'macOS, newer than the tag': ('cp39-abi3-macosx_10_13_x86_64', 'one.abi3.so', fact(MACHO, minimum_os='10.15'),
                                  ['macos-newer-than-tag']),
    'macOS, as new as the tag': ('cp39-abi3-macosx_10_13_x86_64', 'one.abi3.so', fact(MACHO, minimum_os='10.13'), []),
    'macOS 12.3, which no tag can say': (
        'cp39-abi3-macosx_12_0_x86_64', 'one.abi3.so', fact(MACHO, minimum_os='12.3'), []),
    'macOS 10.16 is 11': ('cp39-abi3-macosx_10_16_x86_64', 'one.abi3.so', fact(MACHO, minimum_os='11.0'), []),
    'macOS, first for arm64': (
        'cp39-abi3-macosx_10_9_universal2', 'one.abi3.so',
        fact(MACHO, format='macho-universal', machine='universal', slices=(
            fact(MACHO, minimum_os='10.9'), fact(MACHO, machine='aarch64', minimum_os='11.0'))), []),
    'macOS, newer for arm64': (
        'cp39-abi3-macosx_10_9_universal2', 'one.abi3.so',
        fact(MACHO, format='macho-universal', machine='universal', slices=(
            fact(MACHO, minimum_os='10.9'), fact(MACHO, machine='aarch64', minimum_os='14.0'))),
        ['macos-newer-than-tag']),
    'macOS, the tag of each slice': (
        'cp39-abi3-macosx_10_9_x86_64.macosx_14_0_arm64', 'one.abi3.so',
        fact(MACHO, format='macho-universal', machine='universal', slices=(
            fact(MACHO, minimum_os='10.9'), fact(MACHO, machine='aarch64', minimum_os='14.0'))), []),
    'musl': ('cp39-abi3-musllinux_1_2_x86_64', 'one.abi3.so', MUSL, []),
    'musl that calls itself libc.so': ('cp39-abi3-musllinux_1_2_x86_64', 'one.abi3.so', fact(needed=('libc.so',)), []),
    'glibc': ('cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64', 'one.abi3.so', GLIBC, []),
    'musl in manylinux': ('cp39-abi3-manylinux_2_17_x86_64', 'one.abi3.so', MUSL, ['libc-mismatch']),
    'libc.so in manylinux': ('cp39-abi3-manylinux_2_17_x86_64', 'one.abi3.so', fact(needed=('libc.so',)),
                             ['libc-mismatch']),
    'glibc in musllinux': ('cp39-abi3-musllinux_1_2_x86_64', 'one.abi3.so', GLIBC, ['libc-mismatch']),
    'loader of glibc in musllinux': (
        'cp39-abi3-musllinux_1_2_aarch64', 'one.abi3.so',
        fact(machine='aarch64', needed=('ld-linux-aarch64.so.1',)), ['libc-mismatch']),
    'glibc in musllinux, with a suffix that older Pythons share': (
        'cp311-cp311-musllinux_1_2_x86_64', 'one.cpython-311-x86_64-linux-gnu.so', GLIBC, ['libc-mismatch']),
    'glibc in both': ('cp39-abi3-manylinux_2_17_x86_64.musllinux_1_2_x86_64', 'one.abi3.so', GLIBC, ['libc-mismatch']),
    'neither in both': ('cp39-abi3-manylinux_2_17_x86_64.musllinux_1_2_x86_64', 'one.abi3.so', FACTS, []),
    'no libc promised': ('cp39-abi3-linux_x86_64', 'one.abi3.so', MUSL, []),
    'suffix of musl in manylinux': (
        'cp311-cp311-manylinux_2_17_x86_64', 'one.cpython-311-x86_64-linux-musl.so', FACTS, ['suffix-not-loadable']),
    'suffix of glibc in musllinux': (
        'cp313-cp313-musllinux_1_2_x86_64', 'one.cpython-313-x86_64-linux-gnu.so', FACTS, ['suffix-not-loadable']),
    'suffix of glibc with musl, as it was': (
        'cp310-cp310-musllinux_1_2_x86_64', 'one.cpython-310-x86_64-linux-gnu.so', MUSL, []),
    'suffix of one of two': (
        'cp313-cp313-manylinux_2_17_x86_64.musllinux_1_2_x86_64', 'one.cpython-313-x86_64-linux-musl.so', MUSL, []),
    'suffix that names its libc, no libc promised': (
        'cp313-cp313-linux_x86_64', 'one.cpython-313-x86_64-linux-musl.so', MUSL, []),
    'several platforms': ('cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64', 'one.abi3.so', FACTS, []),
    'no version in the tag': ('py3-abi3-linux_x86_64', 'one.abi3.so',
                              fact(python_imports=imports('PyUnicode_New', None, None)),
                              ['symbol-outside-stable-abi']),
}


@pytest.mark.parametrize(('tag', 'info', 'refused_by'), [
    # abi3t of PyABIInfo_VAR, and what is like it.
    ('cp315-abi3.abi3t', (1, 0, 7, 0x030f00c2, 0x030f0000), ''),
    ('cp316-abi3.abi3t', (1, 0, 7, 0x031000f0, 0x03100000), ''),
    ('cp39-abi3', (1, 0, 3, 0x030f00c2, 0x03090000), ''),
    ('cp315-cp315', (1, 0, 2, 0x030f00c2, 0x030f00c2), ''),
    ('cp315-cp315', (1, 0, 3, 0x030f00c2, 0x03090000), ''),
    ('cp315-cp315', (1, 0, 10, 0x030f00c2, 0), ''),
    ('cp315-cp315', (0, 0, 0xffff, 1, 1), ''),
    ('py3-abi3', (1, 0, 3, 0x031100f0, 0x03110000), ''),
    ('cp316-abi3', (2, 0, 3, 0, 0), ''),
    # What is refused.
    ('cp315-abi3.abi3t', (1, 0, 7, 0x031000f0, 0x03100000), '3.15'),
    ('cp39-abi3', (1, 0, 3, 0x031000f0, 0x03100000), '3.15'),
    ('cp315-abi3.abi3t', (1, 0, 6, 0x030f00c2, 0x030f00c2), '3.16'),
    ('cp39-abi3', (1, 0, 2, 0x030f00c2, 0x030f00c2), '3.16'),
    ('py3-abi3', (1, 0, 2, 0x030f00c2, 0x030f00c2), '3.16'),
    ('cp315-abi3.abi3t', (1, 0, 7, 0, 0x02070000), '3.15'),
    ('cp315-abi3.abi3t', (1, 0, 15, 0, 0), '3.15'),
    ('cp315-abi3.abi3t', (2, 0, 7, 0, 0), '3.15'),
    ('cp315-cp315', (1, 0, 2, 0, 0x030e00f0), '3.15'),
    ('cp315-cp315', (1, 0, 10, 0x030f00c2, 0x030f00c2), 'other releases of 3.15'),
], ids=str)
def test_abi_info(tag: str, info: tuple[int, ...], refused_by: str) -> None:
    """What PyABIInfo_Check refuses; test_check_imports.py asks the interpreters."""
    facts = fact(ABI3T, abi_info=AbiInfo(*info), layout='gil' if info[2] & 6 == 2 else 'opaque')
    name = tags.parse_wheel_name(f'one-1.0-{tag}-linux_x86_64.whl')
    found = [d for d in verdict.wheel(name, [verdict.Module('one.so', 'one', '', facts)])
             if d.identifier == 'abi-info-refused']
    of_one = refused_by.startswith('other')
    assert [d.severity for d in found] == ['warning' if of_one else 'error'] * bool(refused_by)
    by = refused_by.replace('of ', 'of Python ') if of_one else f'Python {refused_by}'
    assert all(d.what.startswith(f'one is refused by {by}: ') for d in found)


@pytest.mark.parametrize('case', OTHER_PLATFORMS)
def test_verdict_elsewhere(case: str) -> None:
    tag, path, facts, expected = OTHER_PLATFORMS[case]
    parts = tags.module_parts(path)
    assert parts is not None
    name = tags.parse_wheel_name(f'one-1.0-{tag}.whl')
    found = verdict.wheel(name, [verdict.Module(path, parts[0], parts[1], facts)])
    assert [d.identifier for d in found] == expected
    assert all(d.advice for d in found)


@pytest.mark.parametrize('case', CASES)
def test_verdict(case: str) -> None:
    tag, path, facts, expected = CASES[case]
    name = tags.parse_wheel_name(f'one-1.0-{tag}-linux_x86_64.whl')
    parts = tags.module_parts(path)
    assert parts is not None
    module = verdict.Module(path, parts[0], parts[1], facts)
    found = verdict.wheel(name, [module])
    assert [d.identifier for d in found] == expected
    assert all(d.where == path and d.advice for d in found)


@pytest.mark.parametrize(('gil', 'severities'), [('unspecified', ['warning']), ('not-used', ['error']), ('used', [])])
def test_setting_decides_on_the_gil(gil: typing.Any, severities: list[str]) -> None:
    name = tags.parse_wheel_name('one-1.0-cp314-cp314t-linux_x86_64.whl')
    module = verdict.Module('one.cpython-314t-x86_64-linux-gnu.so', 'one', 'cpython-314t-x86_64-linux-gnu',
                          fact(FREE, gil='not-declared'))
    assert [d.severity for d in verdict.wheel(name, [module], gil)] == severities


@pytest.mark.parametrize(('siblings', 'severity'), [(frozenset(), 'error'), (frozenset({'libpy.so'}), 'warning')])
def test_name_that_a_library_of_the_wheel_may_define(siblings: frozenset[str], severity: str) -> None:
    facts = fact(needed=('libpy.so',), python_imports=imports('PyramidHelper', None, None))
    name = tags.parse_wheel_name('one-1.0-cp39-abi3-linux_x86_64.whl')
    found = verdict.wheel(name, [verdict.Module('one.abi3.so', 'one', 'abi3', facts)], siblings=siblings)
    assert [(d.identifier, d.severity) for d in found] == [('symbol-outside-stable-abi', severity)]


def test_libc_of_the_wheel_itself() -> None:
    name = tags.parse_wheel_name('one-1.0-cp39-abi3-manylinux_2_17_x86_64.whl')
    module = verdict.Module('one.abi3.so', 'one', 'abi3', MUSL)
    assert not verdict.wheel(name, [module], siblings=frozenset({'libc.musl-x86_64.so.1'}))


@pytest.mark.parametrize(('malformed', 'expected'), [
    (True, ('unreadable-module', 'error')), (False, ('unscanned-module', 'warning'))])
def test_file_that_cannot_be_scanned(malformed: bool, expected: tuple[str, str]) -> None:
    name = tags.parse_wheel_name('one-1.0-cp39-abi3-linux_x86_64.whl')
    module = verdict.Module('one.abi3.so', 'one', 'abi3', None, 'why', malformed)
    assert [(d.identifier, d.severity) for d in verdict.wheel(name, [module])] == [expected]


UNIVERSAL = FACTS._replace(format='macho-universal', machine='universal', init_hooks=(), init='unknown', gil='unknown',
    layout='unknown', slots=())


@pytest.mark.parametrize(('platform', 'slices', 'expected'), [
    ('macosx_11_0_universal2', {}, []),
    ('macosx_11_0_arm64', {}, []),
    ('macosx_10_9_x86_64.macosx_11_0_arm64', {}, []),
    ('macosx_10_9_i386', {},
     ['one is compiled for aarch64 and x86_64 (macho-universal), and the tag says macosx_10_9_i386']),
    ('macosx_11_0_universal2', {'x86_64': {'layout': 'gil'}},
     ['one (x86_64) is compiled for the gil object layout, and the tag says cp314t ()']),
    ('macosx_11_0_universal2', {'aarch64': {'layout': 'gil'}, 'x86_64': {'layout': 'gil'}},
     ['one is compiled for the gil object layout, and the tag says cp314t ()']),
    ('macosx_11_0_universal2',
     {'aarch64': {'layout': 'gil', 'layout_evidence': 'here'}, 'x86_64': {'layout': 'gil', 'layout_evidence': 'there'}},
     ['one (aarch64) is compiled for the gil object layout, and the tag says cp314t (here)',
      'one (x86_64) is compiled for the gil object layout, and the tag says cp314t (there)']),
    ('macosx_11_0_universal2', {'aarch64': {'init': 'none', 'init_hooks': ()}},
     ['one (aarch64) has the name of a module and uses nothing of Python']),
], ids=str)
def test_slices_of_a_universal_file(
    platform: str, slices: dict[str, dict[str, typing.Any]], expected: list[str],
) -> None:
    """Each slice is judged; what holds for all of them is said once."""
    parts = tuple(fact(FREE, format='macho', machine=machine, **slices.get(machine, {}))
                  for machine in ('aarch64', 'x86_64'))
    module = verdict.Module('one.cpython-314t-darwin.so', 'one', 'cpython-314t-darwin', fact(UNIVERSAL, slices=parts))
    name = tags.parse_wheel_name(f'one-1.0-cp314-cp314t-{platform}.whl')
    assert [found.what for found in verdict.wheel(name, [module])] == expected


@pytest.mark.parametrize('library', ['@rpath/libpy.dylib', '@loader_path/.dylibs/libpy.dylib', 'libpy.dylib'])
def test_library_of_the_wheel_by_its_path(library: str) -> None:
    facts = fact(format='macho', needed=(library,), python_imports=imports('PyramidHelper', None, None))
    name = tags.parse_wheel_name('one-1.0-cp39-abi3-macosx_11_0_x86_64.whl')
    module = verdict.Module('one.abi3.so', 'one', 'abi3', facts)
    found = verdict.wheel(name, [module], siblings=frozenset({'libpy.dylib'}))
    assert [(d.identifier, d.severity) for d in found] == [('symbol-outside-stable-abi', 'warning')]


@pytest.mark.parametrize(('stem', 'expected'), [
    ('one', [('module-for-other-python', 'warning')]), ('two', [('module-for-other-python', 'error')])])
def test_module_left_over_from_another_python(stem: str, expected: list[tuple[str, str]]) -> None:
    """Dead weight beside the one that is loaded, and nothing else is said of it; alone it is missed."""
    name = tags.parse_wheel_name('pkg-1.0-cp314-cp314t-linux_x86_64.whl')
    modules = [
        verdict.Module(f'pkg/{stem}.cpython-314-x86_64-linux-gnu.so', stem, 'cpython-314-x86_64-linux-gnu',
                     fact(init_hooks=(f'PyInit_{stem}',), gil='not-declared')),
        verdict.Module('pkg/one.cpython-314t-x86_64-linux-gnu.so', 'one', 'cpython-314t-x86_64-linux-gnu', FREE)]
    contents = verdict.Contents(
        metadata_file='METADATA', classifiers=('Programming Language :: Python :: Free Threading :: 3 - Stable',))
    assert [(d.identifier, d.severity) for d in verdict.wheel(name, modules, contents=contents)] == expected
