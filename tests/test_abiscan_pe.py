# SPDX-License-Identifier: MIT
"""The scanner against Windows modules that MinGW compiles for real interpreters."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import support
from test_abiscan import EMPTY, EXPORT_SOURCE, FILLED, KEYS, PYBIND11, SOURCE

from mesonbuild_ft import _abiscan, scanner


#: Where ../shared/python-windows/install unpacks interpreters.
INTERPRETERS = Path('/opt/python-windows')
GIL = ['cp314', 'cp315']
FREE_THREADED = ['cp313t', 'cp314t', 'cp315t']
DEFINE = '-DPy_GIL_DISABLED=1'
#: Debian has compilers with Windows' own threads and with POSIX threads.
MACHINES = {'x86_64': 'x86_64-w64-mingw32', 'i386': 'i686-w64-mingw32'}


def missing(what: str) -> Any:
    if os.environ.get('CI'):
        pytest.fail(f'{what} is missing, and CI is set')
    return pytest.skip(f'{what} is not installed')


def prefix(tag: str) -> Path:
    """The directory of an interpreter."""
    path = INTERPRETERS / f'{tag.rstrip("t")}-{tag}-win_amd64'
    return path if path.is_dir() else missing(f'{path}')


def compiler(machine: str = 'x86_64', language: str = 'gcc') -> str:
    names = [f'{MACHINES[machine]}-{language}-posix', f'{MACHINES[machine]}-{language}']
    return next((found for found in map(shutil.which, names) if found), None) or missing(names[0])


def library(tag: str) -> str:
    """The full API's library of an interpreter: python314t."""
    return f'python{tag.removeprefix("cp")}'


def build(
    directory: Path, tag: str, *flags: str, source: str = SOURCE, link: str | None = None, language: str = 'gcc',
) -> bytes:
    """The bytes of a module; `link` is the Python library, without its suffix."""
    root = prefix(tag)
    path = directory / ('sample.cpp' if language == 'g++' else 'sample.c')
    path.write_text(source)
    output = directory / 'sample.pyd'
    subprocess.run(
        [compiler(language=language), '-shared', '-w', f'-I{root / "include"}', *flags, path, '-o', output,
         root / 'libs' / f'{link or library(tag)}.lib'],
        check=True)
    return output.read_bytes()


def build_without_library(directory: Path, machine: str, tag: str, *flags: str, source: str = SOURCE) -> bytes:
    """The same for a machine that has no interpreter here: its import library is made from a list."""
    names = ['PyList_New', 'PyModule_AddIntConstant', 'PyModuleDef_Init', 'PyModule_Create2', '_Py_Dealloc',
             'PyUnstable_Module_SetGIL', '_Py_DecRefShared', '_Py_MergeZeroLocalRefcount']
    (directory / 'python.def').write_text('\n'.join([f'LIBRARY {library(tag)}.dll', 'EXPORTS', *names, '']))
    (directory / 'sample.c').write_text(source)
    prefix_name = MACHINES[machine]
    program = compiler(machine)
    subprocess.run([f'{prefix_name}-dlltool', '-d', 'python.def', '-l', 'python.lib'], check=True, cwd=directory)
    subprocess.run([program, '-shared', '-w', f'-I{prefix(tag) / "include"}', *flags, 'sample.c', 'python.lib', '-o',
                    'sample.pyd'], check=True, cwd=directory)
    return (directory / 'sample.pyd').read_bytes()


def scan(data: bytes, stem: str | None = 'sample') -> dict[str, Any]:
    return _abiscan.scan(data, stem)


@pytest.mark.parametrize('flags', [['-O0'], ['-O2', '-s']], ids=' '.join)
@pytest.mark.parametrize('tag', [*GIL, *FREE_THREADED])
def test_multi_phase(tag: str, flags: list[str], tmp_path: Path) -> None:
    options = [DEFINE] if support.free_threaded(tag) else []
    facts = scan(build(tmp_path, tag, *flags, *options))
    assert set(facts) == KEYS
    assert facts['format'] == 'pe'
    assert facts['machine'] == 'x86_64'
    assert facts['bits'] == 64
    assert facts['byte_order'] == 'little'
    assert facts['file_type'] == 'shared-object'
    assert facts['soname'] == 'sample.pyd'
    assert facts['init'] == 'multi-phase'
    assert facts['init_hooks'] == ['PyInit_sample']
    assert facts['definition_name'] == 'package.sample'
    assert facts['layout'] == ('free-threaded' if support.free_threaded(tag) else 'gil')
    assert facts['slots'] == [85 if tag.startswith('cp315') else 2]
    assert facts['slots_complete'] is True
    assert facts['gil'] == 'not-declared'
    assert f'{library(tag)}.dll' in facts['needed']
    imports = {name: rest for name, *rest in facts['python_imports']}
    assert imports['PyModuleDef_Init'] == [5, 15, '', f'{library(tag)}.dll']


@pytest.mark.parametrize('tag', FREE_THREADED)
def test_the_define_decides_the_layout(tag: str, tmp_path: Path) -> None:
    """pyconfig.h does not say Py_GIL_DISABLED: without it a module links, and is refused when imported."""
    assert scan(build(tmp_path, tag))['layout'] == 'gil'


@pytest.mark.parametrize('language', ['gcc', 'g++'])
@pytest.mark.parametrize(('value', 'expected'), [('NOT_USED', 'not-used'), ('USED', 'used')])
@pytest.mark.parametrize('tag', [*GIL, *FREE_THREADED])
def test_gil_slot(tag: str, value: str, expected: str, language: str, tmp_path: Path) -> None:
    options = [DEFINE] if support.free_threaded(tag) else []
    facts = scan(build(tmp_path, tag, f'-DGIL=Py_MOD_GIL_{value}', *options, language=language))
    assert facts['gil'] == expected
    assert facts['slots'][-1] == (87 if tag.startswith('cp315') else 4)


@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
@pytest.mark.parametrize(('value', 'expected'), [('NOT_USED', 'not-used'), ('USED', 'used')])
@pytest.mark.parametrize('tag', FREE_THREADED)
def test_single_phase_set_gil(tag: str, value: str, expected: str, optimise: str, tmp_path: Path) -> None:
    facts = scan(build(tmp_path, tag, DEFINE, '-DMULTI_PHASE=0', f'-DSET_GIL=Py_MOD_GIL_{value}', optimise))
    assert facts['init'] == 'single-phase'
    assert facts['layout'] == 'free-threaded'
    assert facts['gil'] == expected, facts['gil_evidence']


@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
def test_single_phase_set_gil_without_a_constant(optimise: str, tmp_path: Path) -> None:
    facts = scan(build(tmp_path, 'cp314t', DEFINE, '-DMULTI_PHASE=0', optimise,
                       '-DSET_GIL=getenv("X")?Py_MOD_GIL_USED:Py_MOD_GIL_NOT_USED'))
    assert facts['gil'] == 'unknown'


@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
def test_single_phase_set_gil_by_two_calls(optimise: str, tmp_path: Path) -> None:
    """Two calls that disagree, and a pointer to the function that is called."""
    source = SOURCE.replace(
        'PyUnstable_Module_SetGIL(module, SET_GIL);',
        'int (*volatile set)(PyObject *, void *) = PyUnstable_Module_SetGIL;'
        'if (PyList_New(0)) PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED); else set(module, Py_MOD_GIL_USED);')
    assert scan(build(tmp_path, 'cp314t', DEFINE, '-DMULTI_PHASE=0', '-DSET_GIL', optimise, source=source)
                )['gil'] == 'unknown'


@pytest.mark.parametrize('tag', [*GIL, *FREE_THREADED])
def test_single_phase(tag: str, tmp_path: Path) -> None:
    options = [DEFINE] if support.free_threaded(tag) else []
    facts = scan(build(tmp_path, tag, '-DMULTI_PHASE=0', *options))
    assert facts['init'] == 'single-phase'
    assert facts['gil'] == 'not-declared'
    assert facts['layout'] == ('free-threaded' if support.free_threaded(tag) else 'gil')


@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
def test_declared_late(optimise: str, tmp_path: Path) -> None:
    facts = scan(build(tmp_path, 'cp314t', DEFINE, '-DLATE=Py_MOD_GIL_NOT_USED', optimise))
    assert facts['gil'] == 'unknown'


@pytest.mark.parametrize('fill', FILLED, ids=' '.join)
@pytest.mark.parametrize('optimise', ['-O0', '-O2', '-Os'])
def test_empty_slots(optimise: str, fill: list[str], tmp_path: Path) -> None:
    """MinGW's own code writes to what lies before and behind the first variable of a module."""
    facts = scan(build(tmp_path, 'cp314t', DEFINE, optimise, *fill, source=EMPTY))
    assert (facts['init'], facts['slots'], facts['slots_complete']) == ('multi-phase', [], True)
    assert facts['gil'] == ('unknown' if 'FILL' in ' '.join(fill) else 'not-declared'), facts['gil_evidence']


def test_constant_slots(tmp_path: Path) -> None:
    facts = scan(build(tmp_path, 'cp314t', DEFINE, '-DQUALIFIER=static const'))
    assert facts['gil'] == 'not-declared'


def test_abi3(tmp_path: Path) -> None:
    facts = scan(build(tmp_path, 'cp314', '-DPy_LIMITED_API=0x03090000', link='python3'))
    assert 'python3.dll' in facts['needed']
    assert facts['layout'] == 'gil'
    assert {library for *_, library in facts['python_imports']} == {'python3.dll'}
    assert all(abi3 is not None for _, abi3, *_ in facts['python_imports'])


def test_limited_api_linked_with_the_full_library(tmp_path: Path) -> None:
    """What no file name shows: the library's name does."""
    facts = scan(build(tmp_path, 'cp314', '-DPy_LIMITED_API=0x03090000'))
    assert {library for *_, library in facts['python_imports']} == {'python314.dll'}


@pytest.mark.parametrize('tag', ['cp315', 'cp315t'])
def test_abi3t(tag: str, tmp_path: Path) -> None:
    facts = scan(build(tmp_path, tag, '-DPy_TARGET_ABI3T=0x030f0000', '-DGIL=Py_MOD_GIL_NOT_USED', '-O2',
                       source=EXPORT_SOURCE, link='python3t'))
    assert facts['init'] == 'export-hook'
    assert facts['init_hooks'] == ['PyModExport_another', 'PyModExport_sample']
    assert facts['layout'] == 'opaque'
    assert facts['gil'] == 'not-used'
    assert facts['abi_info']['abi_version'] == 0x030f0000
    assert {library for *_, library in facts['python_imports']} == {'python3t.dll'}


@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
@pytest.mark.parametrize('tag', ['cp315', 'cp315t'])
def test_export_hook(tag: str, optimise: str, tmp_path: Path) -> None:
    options = [DEFINE] if support.free_threaded(tag) else []
    facts = scan(build(tmp_path, tag, '-DNESTED', optimise, *options, source=EXPORT_SOURCE))
    assert facts['init'] == 'export-hook'
    assert facts['gil'] == 'not-used'
    assert facts['layout'] == ('free-threaded' if support.free_threaded(tag) else 'gil')
    assert scan(build(tmp_path, tag, optimise, *options, source=EXPORT_SOURCE))['gil'] == 'not-declared'


@pytest.mark.parametrize(('options', 'expected'), [
    (['-DGIL=Py_MOD_GIL_NOT_USED'], 'not-used'),
    (['-DGIL=Py_MOD_GIL_USED'], 'used'),
    ([], 'unknown'),  # code of this machine is not read
])  # fmt: skip
def test_32_bit(options: list[str], expected: str, tmp_path: Path) -> None:
    facts = scan(build_without_library(tmp_path, 'i386', 'cp314t', DEFINE, *options))
    assert (facts['machine'], facts['bits']) == ('i386', 32)
    assert facts['init_hooks'] == ['PyInit_sample']
    assert facts['layout'] == 'free-threaded'
    assert facts['gil'] == expected
    assert ('PyModuleDef_Init', 5, 15, '', 'python314t.dll') in facts['python_imports']


def test_no_relocations(tmp_path: Path) -> None:
    """Pointers of a file with a fixed address cannot be told from numbers: nothing is claimed."""
    build(tmp_path, 'cp314', '-DGIL=Py_MOD_GIL_NOT_USED')
    path = tmp_path / 'sample.pyd'
    subprocess.run([f'{MACHINES["x86_64"]}-objcopy', '--remove-section=.reloc', path], check=True)
    facts = scan(path.read_bytes())
    assert facts['init'] == 'multi-phase'
    assert (facts['gil'], facts['layout']) == ('unknown', 'unknown')
    assert 'no base relocations' in facts['layout_evidence']
    assert facts['gil_evidence'] == 'without relocations the slots cannot be found'


def test_no_extension_module(tmp_path: Path) -> None:
    facts = scan(build(tmp_path, 'cp314', source='int number = 1;'), None)
    assert facts['init'] == 'none'
    assert facts['gil'] == 'unknown'
    assert facts['python_imports'] == []


def test_the_interpreter_itself() -> None:
    root = prefix('cp314t')
    facts = scan((root / 'python314t.dll').read_bytes(), None)
    assert facts['soname'] == 'python314t.dll'
    assert facts['python_imports'] == []
    stable = scan((root / 'python3t.dll').read_bytes(), None)
    assert stable['init'] == 'none'
    program = scan((root / 'python.exe').read_bytes(), None)
    assert program['file_type'] == 'executable'
    assert {library for *_, library in program['python_imports']} == {'python314t.dll'}


@pytest.mark.parametrize('tag', [*GIL, *FREE_THREADED])
def test_standard_library(tag: str) -> None:
    """Modules that clang and lld made; CPython's own run without the GIL."""
    modules = sorted((prefix(tag) / 'DLLs').glob('*.pyd'))
    assert modules
    for path in modules:
        facts = scan(path.read_bytes(), path.name.partition('.')[0])
        assert facts['init'] == 'multi-phase', path.name
        assert facts['gil'] == 'not-used', (path.name, facts['gil_evidence'])
        assert facts['layout'] == ('free-threaded' if support.free_threaded(tag) else 'gil'), path.name


@pytest.mark.parametrize(('options', 'expected'), [
    ('', ('not-declared', 'used')),  # by pybind11's version
    (', pybind11::mod_gil_not_used()', ('not-used',)),
])  # fmt: skip
def test_pybind11(options: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    pybind11 = pytest.importorskip('pybind11', reason='pybind11 is not installed')
    facts = scan(build(tmp_path, 'cp314t', DEFINE, f'-I{pybind11.get_include()}', '-O2', '-std=c++17', '-D_hypot=hypot',
                       source=PYBIND11.replace('OPTIONS', options), language='g++'))
    assert facts['framework'] == 'pybind11'
    assert facts['layout'] == 'free-threaded'
    assert facts['gil'] in expected


@pytest.mark.parametrize(('directive', 'expected'), [('', 'used'), ('True', 'not-used')])
@pytest.mark.parametrize('tag', ['cp313t', 'cp314t'])
def test_cython(tag: str, directive: str, expected: str, tmp_path: Path) -> None:
    pytest.importorskip('Cython', reason='Cython is not installed')
    (tmp_path / 'sample.pyx').write_text('answer = 42\ncdef class Thing:\n    cdef int x\n')
    options = ['-X', f'freethreading_compatible={directive}'] if directive else []
    subprocess.run([sys.executable, '-m', 'cython', '-3', *options, 'sample.pyx', '-o', 'generated.c'], check=True,
                   cwd=tmp_path)
    facts = scan(build(tmp_path, tag, DEFINE, source=(tmp_path / 'generated.c').read_text()))
    assert facts['framework'] == 'Cython'
    assert facts['layout'] == 'free-threaded'
    assert facts['gil'] == expected


def test_truncation(tmp_path: Path) -> None:
    """Wherever a module is cut there is an answer or a ScanError, never a crash."""
    data = build(tmp_path, 'cp314', '-s')
    for size in range(0, len(data), 61):
        with contextlib.suppress(_abiscan.ScanError):
            _abiscan.scan(data[:size], 'sample')


def test_typed_facts(tmp_path: Path) -> None:
    facts = scanner.load().scan(build(tmp_path, 'cp314'), 'sample')
    assert facts.format == 'pe'
    assert {symbol.library for symbol in facts.python_imports} == {'python314.dll'}
