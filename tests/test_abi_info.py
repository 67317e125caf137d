# SPDX-License-Identifier: MIT
"""PyABIInfo: what check says of it is what CPython 3.15 does with it."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import typing

import pytest
import support
import wheels

from mesonbuild_ft import interpreters as interpreters_, scanner
from mesonbuild_ft.audit import abi_info
from mesonbuild_ft.check import checker, imports, subjects
from mesonbuild_ft.scanner import AbiInfo


#: A module with the PyABIInfo that INFO says.
SOURCE: typing.Final = r"""
#include <Python.h>
#ifdef INFO
static PyABIInfo abi_info = INFO;
#else
PyABIInfo_VAR(abi_info)
#endif
static PySlot slots[] = {
    PySlot_STATIC_DATA(Py_mod_name, "one"),
#ifndef NO_ABI_SLOT
    PySlot_STATIC_DATA(Py_mod_abi, &abi_info),
#endif
#ifndef NO_GIL_SLOT
    PySlot_DATA(Py_mod_gil, Py_MOD_GIL_NOT_USED),
#endif
    PySlot_END};
PyMODEXPORT_FUNC PyModExport_one(void) { return slots; }
"""
#: Asks PyABIInfo_Check itself.
ASK: typing.Final = """
import ctypes, json, sys
class Info(ctypes.Structure):
    _fields_ = [('major', ctypes.c_uint8), ('minor', ctypes.c_uint8), ('flags', ctypes.c_uint16),
                ('build', ctypes.c_uint32), ('abi', ctypes.c_uint32)]
check = ctypes.pythonapi.PyABIInfo_Check
check.argtypes = [ctypes.POINTER(Info), ctypes.c_char_p]
def ask(values):
    try:
        check(Info(*values), b'one')
        return ''
    except ImportError as error:
        return str(error)
print(json.dumps([ask(values) for values in json.loads(sys.argv[1])]))
"""
ABI3T: typing.Final = '-DPy_LIMITED_API=0x030f0000 -DPy_TARGET_ABI3T=0x030f0000'
REFUSED: typing.Final = ['abi-info-refused']
BOTH: typing.Final = 'PyABIInfo_FREETHREADING_AGNOSTIC'


@pytest.mark.parametrize('tag', ['cp315-cp315', 'cp315-cp315t'])
def test_rules_are_those_of_the_interpreter(tag: str, interpreters: typing.Any) -> None:
    versions = (0, 0x02070000, 0x03020000, 0x030e00f0, 0x030f0000, 0x030fffff, 0x03100000)
    cases = list(itertools.product((0, 1, 2), (0, 7), range(32), (0, 0x03100000), versions))
    done = subprocess.run([interpreters.get(tag), '-I', '-c', ASK, json.dumps(cases)], capture_output=True, text=True,
                          check=True)
    for case, said in zip(cases, json.loads(done.stdout), strict=True):
        refused = abi_info.refusal(AbiInfo(*case), (3, 15))
        if 'compatible with free-threaded CPython' in said:
            # Asked last, and judged as the object layout.
            assert not refused, case
        else:
            assert bool(refused) == bool(said), (case, said)


@pytest.mark.parametrize(('tag', 'suffix', 'flags', 'expected'), [
    # Right.
    ('cp315-abi3.abi3t', '.abi3t.so', ABI3T, []),
    ('cp315-cp315', '.so', '', []),
    ('cp315-cp315t', '.so', '', []),
    ('cp315-abi3.abi3t', '.abi3t.so', f'{ABI3T} -DINFO={{0}}', []),
    ('cp315-abi3.abi3t', '.abi3t.so', f'{ABI3T} -DINFO={{1,0,{BOTH}|1,0,0}}', []),
    ('cp315-cp315', '.so', f'-DINFO={{1,0,{BOTH},PY_VERSION_HEX,0x030f0000}}', []),
    # Wrong.
    ('cp315-abi3.abi3t', '.abi3t.so', f'{ABI3T} -DINFO={{1,0,{BOTH}|1,PY_VERSION_HEX,0x03100000}}', REFUSED),
    ('cp315-abi3.abi3t', '.abi3t.so', f'{ABI3T} -DINFO={{1,0,{BOTH},PY_VERSION_HEX,0x030e0000}}', REFUSED),
    ('cp315-cp315', '.so', f'-DINFO={{1,0,{BOTH},PY_VERSION_HEX,0x030e00f0}}', REFUSED),
    ('cp315-cp315', '.so', f'-DINFO={{1,0,{BOTH}|8,PY_VERSION_HEX,0x030f63f0}}', REFUSED),
    ('cp315-cp315', '.so', f'-DINFO={{1,0,{BOTH}|9,PY_VERSION_HEX,0}}', REFUSED),
    ('cp315-cp315t', '.so', f'-DINFO={{2,0,{BOTH},PY_VERSION_HEX,0}}', REFUSED),
    ('cp315-cp315t', '.so', '-DINFO={1,0,PyABIInfo_GIL,PY_VERSION_HEX,0}', ['wrong-object-layout']),
    ('cp315-cp315', '.so', '-DINFO={1,0,PyABIInfo_FREETHREADED,PY_VERSION_HEX,0}', ['wrong-object-layout']),
    ('cp315-cp315t', '.so', '-DNO_ABI_SLOT', REFUSED),
    ('cp315-cp315t', '.so', '-DNO_ABI_SLOT -DNO_GIL_SLOT', ['abi-info-refused', 'gil-enabled-by-module']),
], ids=str)
def test_real_module(
    tag: str, suffix: str, flags: str, expected: list[str], tmp_path: pathlib.Path, interpreters: typing.Any,
) -> None:
    """A wheel with a finding cannot be imported by an interpreter of its tags, and one without can be by all."""
    builder = 'cp315-cp315t' if 't' in tag.removeprefix('cp315-') else 'cp315-cp315'
    data = wheels.module(tmp_path, builder, *flags.split(), source=SOURCE)
    wheel = wheels.wheel(tmp_path, f'{tag}-linux_x86_64', {f'one{suffix}': data})
    result, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    assert sorted(finding.identifier for finding in result.found) == expected
    found = [interpreters_.probe(interpreters.get(name)) for name in ('cp315-cp315', 'cp315-cp315t')]
    tried, = imports.run([result], [interpreter for interpreter in found if interpreter is not None])
    assert tried.imports
    assert any(done.error for done in tried.imports) == bool(expected)


def test_what_other_releases_refuse(tmp_path: pathlib.Path) -> None:
    """The internal ABI of this very release: imported here, and refused by the next one."""
    data = wheels.module(tmp_path, 'cp315-cp315', '-DPy_BUILD_CORE_MODULE', source=SOURCE)
    wheel = wheels.wheel(tmp_path, 'cp315-cp315-linux_x86_64', {'one.so': data})
    result, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    finding, = result.found
    assert (finding.severity, finding.identifier) == ('warning', 'abi-info-refused')
    assert 'is refused by other releases of Python 3.15' in finding.what
    assert 'Py_BUILD_CORE' in finding.advice


@pytest.mark.parametrize(('info', 'words'), [
    ((0, 0, 0, 0, 0), 'nothing'), ((1, 0, 2, 0, 0x030f00c2), 'ABI 3.15 with the GIL'),
    ((1, 0, 12, 0, 0), 'internal ABI of any version without the GIL'),
    ((1, 0, 9, 0, 0x030f0000), 'internal and stable ABI 3.15'),
])
def test_words(info: tuple[int, ...], words: str) -> None:
    assert AbiInfo(*info).words == f'PyABIInfo: {words}'


def test_output(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mesonbuild_ft import cli

    data = wheels.module(tmp_path, 'cp315-cp315t', *ABI3T.split(), source=SOURCE)
    wheel = os.fspath(wheels.wheel(tmp_path, 'cp315-abi3.abi3t-linux_x86_64', {'one.abi3t.so': data}))
    assert cli.main(['check', '-v', wheel]) == 0
    assert 'layout-independent, PyABIInfo: stable ABI 3.15 for both builds, x86_64\n' in (
        capsys.readouterr().out)
    assert cli.main(['check', '--format', 'json', wheel]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema = pytest.importorskip('jsonschema')
    jsonschema.validate(found, json.loads((support.ROOT / 'docs/reference/check.schema.json').read_text()))
    info = found['results'][0]['modules'][0]['facts'][0]['abi_info']
    assert {**info, 'build_version': 0} == {
        'major': 1, 'minor': 0, 'flags': 7, 'build_version': 0, 'abi_version': 0x030f0000}
    assert info['build_version'] >> 16 == 0x030f
