# SPDX-License-Identifier: MIT
"""The scanner against macOS modules that zig's compiler makes with the headers of this machine's interpreters."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from test_abiscan import EXPORT_SOURCE, SOURCE, Interpreter, need

from mesonbuild_ft import _abiscan, report, scanner, tags
from mesonbuild_ft.audit import verdict


MACHINES = ['aarch64', 'x86_64']
SCANNER = scanner.Scanner(_abiscan)


@pytest.fixture(autouse=True, scope='module')
def _zig() -> None:
    if importlib.util.find_spec('ziglang') is None:
        assert not os.environ.get('CI'), 'zig, the cross compiler, is not installed, and CI needs it'
        pytest.skip('zig, the cross compiler, is not installed')


def build(
    directory: Path, interpreter: Interpreter, machine: str, *flags: str, source: str = SOURCE, version: str = '',
) -> bytes:
    """The bytes of a module compiled for macOS, `version` or newer."""
    (directory / 'sample.c').write_text(source)
    output = directory / f'{machine}.so'
    subprocess.run(
        [sys.executable, '-m', 'ziglang', 'cc', '-target', f'{machine}-macos{version}', '-shared', '-undefined',
         'dynamic_lookup', '-fno-sanitize=undefined', '-w', f'-I{interpreter.include}', *flags,
         directory / 'sample.c', '-o', output],
        check=True)
    return output.read_bytes()


def universal(*slices: bytes) -> bytes:
    """One file of several, as lipo makes it (mach-o/fat.h)."""
    header = struct.pack('>II', 0xCAFEBABE, len(slices))
    body, start = b'', 0x1000
    for data in slices:
        machine, kind = struct.unpack('<II', data[4:12])
        header += struct.pack('>IIIII', machine, kind, start + len(body), len(data), 12)
        body += data + bytes(-len(data) % 0x1000)
    return header.ljust(start, b'\0') + body


def with_function_starts(data: bytes) -> bytes:
    """The module with the LC_FUNCTION_STARTS that Apple's and LLVM's linkers write, and zig's leaves empty."""
    at, starts, table = 32, 0, (0, 0)
    for _ in range(struct.unpack_from('<I', data, 16)[0]):
        kind, size = struct.unpack_from('<II', data, at)
        if kind == 0x2:  # LC_SYMTAB
            table = struct.unpack_from('<II', data, at + 8)
        elif kind == 0x26:
            starts = at
        at += size
    symbols = struct.iter_unpack('<IBBHQ', data[table[0]:table[0] + 16 * table[1]])
    addresses = sorted({value for _, kind, section, _, value in symbols if kind & 0xe == 0xe and section == 1})
    encoded, before = bytearray(), 0
    for address in addresses:
        distance, before = address - before, address
        while distance > 0x7f:
            encoded.append(0x80 | distance & 0x7f)
            distance >>= 7
        encoded.append(distance)
    command = struct.pack('<II', len(data), len(encoded) + 1)
    return data[:starts + 8] + command + data[starts + 16:] + encoded + b'\0'


def layout(interpreter: Interpreter) -> str:
    return 'free-threaded' if interpreter.free_threaded else 'gil'


@pytest.mark.parametrize('flags', [['-O0'], ['-O2', '-s']], ids=' '.join)
@pytest.mark.parametrize(('declared', 'expected'), [
    ('Py_MOD_GIL_NOT_USED', 'not-used'), ('Py_MOD_GIL_USED', 'used'), ('', 'not-declared')])
@pytest.mark.parametrize('tag', ['cp314', 'cp315', 'cp313t', 'cp314t', 'cp315t'])
@pytest.mark.parametrize('machine', MACHINES)
def test_multi_phase(
    machine: str, tag: str, declared: str, expected: str, flags: list[str], tmp_path: Path,
) -> None:
    interpreter = need(tag)
    facts = SCANNER.scan(
        build(tmp_path, interpreter, machine, *flags, *([f'-DGIL={declared}'] if declared else [])), 'sample')
    assert (facts.format, facts.machine, facts.bits, facts.byte_order) == ('macho', machine, 64, 'little')
    assert facts.init == 'multi-phase'
    assert facts.init_hooks == ('PyInit_sample',)
    assert facts.layout == layout(interpreter)
    exec_slot, gil_slot = (85, 87) if interpreter.version >= (3, 15) else (2, 4)
    assert facts.slots == ((exec_slot, gil_slot) if declared else (exec_slot,))
    assert facts.needed == ('/usr/lib/libSystem.B.dylib',)
    names = [symbol.name for symbol in facts.python_imports]
    assert 'PyModuleDef_Init' in names
    assert 'PyModule_AddIntConstant' in names
    if declared or machine == 'x86_64':
        assert facts.gil == expected
    else:
        # Code of this machine may write where it is allowed to.
        assert facts.gil == 'unknown'


@pytest.mark.parametrize('machine', MACHINES)
def test_nothing_declared_in_constant_data(machine: str, tmp_path: Path) -> None:
    """__DATA_CONST is read-only once the fixups are applied, whatever the code does."""
    # Apple's linker puts constants there by itself.
    constant = 'static const __attribute__((section("__DATA_CONST,__const"))) PySlot slots[]'
    source = EXPORT_SOURCE.replace('static PySlot slots[]', constant)
    source = source.replace('return slots;', 'return (PySlot *)slots;')
    facts = SCANNER.scan(build(tmp_path, need('cp315t'), machine, '-O2', source=source), 'sample')
    assert (facts.slots, facts.gil) == ((109, 100, 85), 'not-declared')


@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
@pytest.mark.parametrize('machine', MACHINES)
def test_declared_late(machine: str, optimise: str, tmp_path: Path) -> None:
    facts = SCANNER.scan(
        build(tmp_path, need('cp314t'), machine, optimise, '-DLATE=Py_MOD_GIL_NOT_USED'), 'sample')
    assert facts.gil == 'unknown'


@pytest.mark.parametrize('optimise', ['-O0', '-O2', '-Os'])
@pytest.mark.parametrize(('value', 'expected'), [
    ('Py_MOD_GIL_NOT_USED', 'not-used'), ('Py_MOD_GIL_USED', 'used'),
    ('__builtin_return_address(0)?Py_MOD_GIL_USED:Py_MOD_GIL_NOT_USED', 'unknown')])
@pytest.mark.parametrize('tag', ['cp313t', 'cp314t', 'cp315t'])
@pytest.mark.parametrize('machine', MACHINES)
def test_single_phase_set_gil(
    machine: str, tag: str, value: str, expected: str, optimise: str, tmp_path: Path,
) -> None:
    interpreter = need(tag)
    data = build(tmp_path, interpreter, machine, '-DMULTI_PHASE=0', f'-DSET_GIL={value}', optimise)
    facts = SCANNER.scan(with_function_starts(data), 'sample')
    assert (facts.init, facts.layout, facts.gil) == ('single-phase', 'free-threaded', expected)
    if machine == 'x86_64':
        # Instructions have any length there: without a place where one begins nothing is proven.
        assert SCANNER.scan(data, 'sample').gil == 'unknown'


def test_chained_fixups() -> None:
    """zig's linker writes opcodes: this module was linked by LLVM's."""
    path = Path(__file__).resolve().parent.parent / 'c_tests' / 'corpus' / 'macho' / 'good-x86_64-chained-lld'
    facts = SCANNER.scan(path.read_bytes(), 'sample')
    assert (facts.init, facts.layout, facts.gil) == ('single-phase', 'free-threaded', 'used')
    assert 'PyUnstable_Module_SetGIL' in [symbol.name for symbol in facts.python_imports]
    assert facts.minimum_os == '13.0'


@pytest.mark.parametrize('tag', ['cp314', 'cp314t', 'cp315t'])
@pytest.mark.parametrize('machine', MACHINES)
def test_single_phase(machine: str, tag: str, tmp_path: Path) -> None:
    interpreter = need(tag)
    facts = SCANNER.scan(build(tmp_path, interpreter, machine, '-DMULTI_PHASE=0'), 'sample')
    assert (facts.init, facts.layout, facts.gil) == ('single-phase', layout(interpreter), 'not-declared')


@pytest.mark.parametrize('name', ['nested', 'gil', 'none'])
@pytest.mark.parametrize('limited', [None, 'Py_LIMITED_API', 'Py_TARGET_ABI3T'])
@pytest.mark.parametrize('tag', ['cp315', 'cp315t'])
@pytest.mark.parametrize('machine', MACHINES)
def test_export_hook(machine: str, tag: str, limited: str | None, name: str, tmp_path: Path) -> None:
    interpreter = need(tag)
    options = ['-O2'] if limited is None else ['-O2', f'-D{limited}=0x030f0000']
    options += {'nested': ['-DNESTED'], 'gil': ['-DGIL=Py_MOD_GIL_USED'], 'none': []}[name]
    data = build(tmp_path, interpreter, machine, *options, source=EXPORT_SOURCE)
    facts = SCANNER.scan(data, 'sample')
    assert (facts.init, facts.slot_style) == ('export-hook', 'PySlot')
    assert facts.slots == {
        'nested': (109, 100, 85, 94, 92, 87), 'gil': (109, 100, 85, 87), 'none': (109, 100, 85)}[name]
    expected = {'nested': 'not-used', 'gil': 'used', 'none': 'not-declared'}[name]
    assert facts.gil == ('unknown' if name == 'none' and machine == 'aarch64' else expected)
    opaque = limited == 'Py_TARGET_ABI3T' or (limited is not None and interpreter.free_threaded)
    assert facts.layout == ('opaque' if opaque else layout(interpreter))
    assert sorted(facts.init_hooks) == ['PyModExport_another', 'PyModExport_sample']
    assert SCANNER.scan(data, 'another').slots == (100,)


@pytest.mark.parametrize('machine', MACHINES)
def test_limited_api_imports(machine: str, tmp_path: Path) -> None:
    facts = SCANNER.scan(build(tmp_path, need('cp314'), machine, '-DPy_LIMITED_API=0x03090000'), 'sample')
    since = {symbol.name: (symbol.abi3_since, symbol.abi3t_since) for symbol in facts.python_imports}
    assert since['PyModuleDef_Init'] == (5, 15)
    assert all(abi3 is not None for abi3, _ in since.values())


@pytest.mark.parametrize('machine', MACHINES)
def test_weak_import(machine: str, tmp_path: Path) -> None:
    source = SOURCE.replace('PyList_New(0)', 'PyBuffer_Release ? PyList_New(0) : NULL')
    source = source.replace('#include <Python.h>', '#include <Python.h>\n#pragma weak PyBuffer_Release')
    facts = SCANNER.scan(build(tmp_path, need('cp314'), machine, '-O1', source=source), 'sample')
    assert {symbol.name: symbol.note for symbol in facts.python_imports}['PyBuffer_Release'] == 'weak'


@pytest.mark.parametrize('version', ['14.0', '15.2'])
@pytest.mark.parametrize('machine', MACHINES)
def test_minimum_os(machine: str, version: str, tmp_path: Path) -> None:
    data = build(tmp_path, need('cp314'), machine, version=f'.{version}')
    assert SCANNER.scan(data, 'sample').minimum_os == version


def test_no_extension_module(tmp_path: Path) -> None:
    facts = SCANNER.scan(build(tmp_path, need('cp314'), 'aarch64', source='int number = 1;'))
    assert (facts.init, facts.gil, facts.init_hooks, facts.python_imports) == ('none', 'unknown', (), ())


def test_truncation(tmp_path: Path) -> None:
    """Wherever a module is cut there is an answer or a ScanError, never a crash."""
    data = universal(*(build(tmp_path, need('cp314'), machine, '-s') for machine in MACHINES))
    end = len(data.rstrip(b'\0'))
    for size in range(0, end, 211):
        with pytest.raises(scanner.ScanError) as caught:
            SCANNER.scan(data[:size], 'sample')
        assert caught.value.status == ('not-a-binary' if size < 4 else 'malformed')


def judge(data: bytes, platform: str, tag: str = 'cp314-cp314t') -> tuple[verdict.Module, list[tuple[str, str]]]:
    path = 'sample.cpython-314t-darwin.so'
    module = verdict.Module(path, 'sample', 'cpython-314t-darwin', SCANNER.scan(data, 'sample'))
    name = tags.parse_wheel_name(f'sample-1.0-{tag}-{platform}.whl')
    return module, [(found.identifier, found.what) for found in verdict.wheel(name, [module])]


def test_universal(tmp_path: Path) -> None:
    interpreter = need('cp314t')
    slices = [build(tmp_path, interpreter, machine, '-DGIL=Py_MOD_GIL_NOT_USED') for machine in MACHINES]
    data = universal(*slices)
    facts = SCANNER.scan(data, 'sample')
    assert (facts.format, facts.machine) == ('macho-universal', 'universal')
    assert facts.slices == tuple(SCANNER.scan(part, 'sample') for part in slices)
    assert facts.parts == facts.slices
    module, found = judge(data, 'macosx_15_0_universal2')
    assert found == []
    assert report.describe(module, free_threaded=True) == (
        'sample.cpython-314t-darwin.so: multi-phase init, GIL not used, free-threaded layout')
    assert judge(data, 'macosx_15_0_arm64')[1] == []
    assert judge(slices[0], 'macosx_15_0_universal2')[1] == [
        ('machine-mismatch', 'sample is compiled for aarch64 (macho), and the tag says macosx_15_0_universal2')]
    assert judge(data, 'macosx_11_0_i386')[1] == [
        ('machine-mismatch', 'sample is compiled for aarch64 and x86_64 (macho-universal), and the tag says '
                             'macosx_11_0_i386')]


def test_verdict_on_one_slice(tmp_path: Path) -> None:
    interpreter = need('cp314t')
    used, not_used = '-DGIL=Py_MOD_GIL_USED', '-DGIL=Py_MOD_GIL_NOT_USED'
    both = universal(*(build(tmp_path, interpreter, machine, used) for machine in MACHINES))
    assert judge(both, 'macosx_15_0_universal2')[1] == [
        ('gil-enabled-by-module', 'sample switches the GIL on when it is imported: it declares that it uses the GIL '
                                  '(slot 4 has the value 0)')]
    one = universal(build(tmp_path, interpreter, 'aarch64', not_used), build(tmp_path, interpreter, 'x86_64', used))
    module, found = judge(one, 'macosx_15_0_universal2')
    assert found == [
        ('gil-enabled-by-module', 'sample (x86_64) switches the GIL on when it is imported: it declares that it uses '
                                  'the GIL (slot 4 has the value 0)')]
    assert report.describe(module, free_threaded=True) == (
        'sample.cpython-314t-darwin.so: aarch64: multi-phase init, GIL not used, free-threaded layout; '
        'x86_64: multi-phase init, uses the GIL, free-threaded layout')


@pytest.mark.parametrize(('change', 'status', 'message'), [
    ((16, b'\xff\xff\xff\xff'), 'malformed', r'slice x86_64 at offset 0x\w+000: load command \d+ at offset 0x'),
    ((0, b'!<arch>\n'), 'unsupported-format', r'slice x86_64 at offset 0x\w+000: the slice does not begin like Mach-O'),
])
def test_malformed_slice(
    change: tuple[int, bytes], status: typing.Any, message: str, tmp_path: Path,
) -> None:
    """A slice that cannot be read is told by its name, whatever the others are."""
    interpreter = need('cp314t')
    good, bad = (build(tmp_path, interpreter, machine) for machine in MACHINES)
    at, data = change
    whole = universal(good, bad)
    start = whole.rindex(bad)
    whole = whole[:start + at] + data + whole[start + at + len(data):]
    with pytest.raises(scanner.ScanError, match=message) as caught:
        SCANNER.scan(whole, 'sample')
    assert caught.value.status == status
    assert [part['status'] for part in _abiscan.scan(whole, 'sample')['slices']] == ['ok', status]
