# SPDX-License-Identifier: MIT
"""Modules that are compiled by hand for free-threaded Windows interpreters, with and without what these need.

Our own check gives its verdict on each first, then the real interpreter imports it under Wine.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing

import pytest
import support
import wheels
import windows_python

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker, subjects


FREE_THREADED: typing.Final = ('cp313-cp313t', 'cp314-cp314t', 'cp315-cp315t')
GIL: typing.Final = ('cp314-cp314', 'cp315-cp315')
COMPILER: typing.Final = 'x86_64-w64-mingw32-gcc'
DEFINE: typing.Final = '-DPy_GIL_DISABLED=1'

#: A module that makes and releases objects of its own; SLOTS, SINGLE and EXPORT choose how it is initialised.
SOURCE: typing.Final = r"""
#include <Python.h>
static PyObject *answer(PyObject *module, PyObject *unused)
{
    PyObject *number = PyLong_FromLong(100000042);
    Py_XINCREF(number);
    Py_XDECREF(number);
    return number;
}
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
#if defined EXPORT
PyABIInfo_VAR(abi_info);
static PySlot slots[] = {
    PySlot_STATIC_DATA(Py_mod_abi, &abi_info), PySlot_STATIC_DATA(Py_mod_name, "one"),
    PySlot_STATIC_DATA(Py_mod_methods, methods), PySlot_DATA(Py_mod_gil, Py_MOD_GIL_NOT_USED), PySlot_END};
PyMODEXPORT_FUNC PyModExport_one(void) { return slots; }
#elif defined SINGLE
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "one", .m_size = -1, .m_methods = methods};
PyMODINIT_FUNC PyInit_one(void) { return PyModule_Create(&definition); }
#else
__attribute__((unused)) static int execute(PyObject *module) { return 0; }
static PyModuleDef_Slot slots[] = {SLOTS {0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "one", .m_methods = methods, .m_slots = slots};
PyMODINIT_FUNC PyInit_one(void) { return PyModuleDef_Init(&definition); }
#endif
"""
DECLARED: typing.Final = '-DSLOTS={Py_mod_gil, Py_MOD_GIL_NOT_USED},'
NOT_DECLARED: typing.Final = '-DSLOTS={Py_mod_exec, (void *)execute},'
#: Nothing but the end: zeros, for which the file has no bytes (.bss).
EMPTY: typing.Final = '-DSLOTS='

#: What Python says when a module is imported: the state of the GIL before and after, warnings, and an answer.
IMPORT: typing.Final = """
import json, sys, warnings
before = sys._is_gil_enabled()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    import one
print(json.dumps([before, sys._is_gil_enabled(), [f'{w.category.__name__}: {w.message}' for w in caught],
                  one.answer()]))
"""
SWITCHED_ON: typing.Final = (
    "RuntimeWarning: The global interpreter lock (GIL) has been enabled to load module 'one', which has not declared "
    'that it can run safely without the GIL. To override this behavior and keep the GIL disabled (at your own risk), '
    'run with PYTHON_GIL=0 or -Xgil=0.')
UNINITIALISED: typing.Final = 'SystemError: init function of one returned uninitialized object'
INVALID: typing.Final = 'SystemError: invalid PyModuleDef, extension possibly compiled for non-free-threaded Python'
INCOMPATIBLE: typing.Final = 'ImportError: one: incompatible with free-threaded CPython'

LAYOUT: typing.Final = ('error', 'wrong-object-layout')
SWITCHES_ON: typing.Final = ('warning', 'gil-enabled-by-module')


class Row(typing.NamedTuple):
    """One way to compile it.

    facts: initialisation, layout and GIL, as the scanner reads them. found: by the check.
    says: the message on which the import fails, a status without one, or the warnings with which it succeeds.
    """

    flags: tuple[str, ...]
    facts: tuple[str, str, str]
    found: list[tuple[str, str]]
    says: dict[str, str | int | list[str]]


def _all(says: str | list[str]) -> dict[str, str | int | list[str]]:
    return dict.fromkeys(FREE_THREADED, says)


REFUSED: typing.Final[dict[str, str | int | list[str]]] = {
    'cp313-cp313t': UNINITIALISED, 'cp314-cp314t': UNINITIALISED, 'cp315-cp315t': INVALID}

TABLE: typing.Final = {
    'define and Py_mod_gil': Row(
        (DEFINE, DECLARED), ('multi-phase', 'free-threaded', 'not-used'), [], _all([])),
    'define, no Py_mod_gil': Row(
        (DEFINE, NOT_DECLARED), ('multi-phase', 'free-threaded', 'not-declared'), [SWITCHES_ON], _all([SWITCHED_ON])),
    'define, no slot at all': Row(
        (DEFINE, EMPTY), ('multi-phase', 'free-threaded', 'not-declared'), [SWITCHES_ON], _all([SWITCHED_ON])),
    'define, single-phase': Row(
        (DEFINE, '-DSINGLE'), ('single-phase', 'free-threaded', 'not-declared'), [SWITCHES_ON], _all([SWITCHED_ON])),
    'no define': Row((DECLARED,), ('multi-phase', 'gil', 'not-used'), [LAYOUT], REFUSED),
    'no define, no slot at all': Row(
        (EMPTY,), ('multi-phase', 'gil', 'not-declared'), [LAYOUT, SWITCHES_ON], REFUSED),
    'no define, single-phase': Row(
        ('-DSINGLE',), ('single-phase', 'gil', 'not-declared'), [LAYOUT, SWITCHES_ON],
        {'cp313-cp313t': windows_python.CRASHED, 'cp314-cp314t': windows_python.CRASHED, 'cp315-cp315t': INVALID}),
    'define, PyModExport and PyABIInfo': Row(
        (DEFINE, '-DEXPORT'), ('export-hook', 'free-threaded', 'not-used'), [], {'cp315-cp315t': []}),
    'no define, PyModExport and PyABIInfo': Row(
        ('-DEXPORT',), ('export-hook', 'gil', 'not-used'), [LAYOUT], {'cp315-cp315t': INCOMPATIBLE}),
}


pytestmark = pytest.mark.usefixtures('wine')


def link(
    python: windows_python.WindowsPython, tag: str, output: pathlib.Path, *flags: str,
) -> subprocess.CompletedProcess[str]:
    """Compile SOURCE to `output`, and link it to the library of the full API."""
    source = output.with_name('one.c')
    source.write_text(SOURCE)
    library = python.prefix / 'libs' / f'python{support.short(tag).removeprefix("cp")}.lib'
    # GCC 12 finds fault with an intrinsic of MinGW's own headers where the define is set.
    return subprocess.run(
        [COMPILER, '-shared', '-O2', '-Wall', '-Werror', '-Wno-array-bounds', f'-I{python.prefix / "include"}',
         *flags, source, '-o', output, library],
        env={**os.environ, 'LC_ALL': 'C'}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(('name', 'tag'), [(name, tag) for name, row in TABLE.items() for tag in row.says])
def test_row(name: str, tag: str, tmp_path: pathlib.Path) -> None:
    row = TABLE[name]
    python = windows_python.python(tag)
    module = tmp_path / f'one.{support.short(tag)}-win_amd64.pyd'
    done = link(python, tag, module, *row.flags)
    assert done.returncode == 0, done.stderr

    wheel = wheels.wheel(tmp_path, f'{tag}-win_amd64', {module.name: module.read_bytes()})
    for checked in checker.check([os.fspath(wheel), os.fspath(module)], scanner.load(), subjects.Options()):
        facts = checked.modules[0].facts
        assert facts is not None
        assert (facts.init, facts.layout, facts.gil) == row.facts, facts
        assert [(finding.severity, finding.identifier) for finding in checked.found] == row.found

    imported = python.run('-c', IMPORT, path=[tmp_path])
    says = row.says[tag]
    if isinstance(says, list):
        assert imported.returncode == 0, imported.stderr
        assert json.loads(imported.stdout) == [False, bool(says), says, 100000042]
    elif isinstance(says, int):
        assert (imported.returncode, imported.stdout, imported.stderr) == (says, '', '')
    else:
        assert (imported.returncode, imported.stdout) == (1, '')
        assert imported.stderr.splitlines()[-1] == says


def test_the_how_to_has_these_messages() -> None:
    page = (support.ROOT / 'docs' / 'how-to' / 'windows.md').read_text(encoding='utf-8')
    for message in (UNINITIALISED, INVALID, INCOMPATIBLE):
        assert message in page


@pytest.mark.parametrize('tag', GIL)
def test_with_the_gil_the_define_does_not_link(tag: str, tmp_path: pathlib.Path) -> None:
    python = windows_python.python(tag)
    assert link(python, tag, tmp_path / 'without.pyd', DECLARED).returncode == 0
    done = link(python, tag, tmp_path / 'with.pyd', DECLARED, DEFINE)
    assert done.returncode == 1
    undefined = {line.split('undefined reference to ')[1] for line in done.stderr.splitlines()
                 if 'undefined reference to ' in line}
    assert undefined == {"`__imp__Py_DecRefShared'", "`__imp__Py_MergeZeroLocalRefcount'"}
