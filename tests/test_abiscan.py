# SPDX-License-Identifier: MIT
"""The scanner against modules that real compilers make for real interpreters."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mesonbuild_ft import _abiscan


# The layout of the manylinux images, pyenv, then whatever PATH has.
PLACES = [Path('/opt/python'), Path.home() / '.pyenv' / 'versions']

PROBE = """
import json, sys, sysconfig
print(json.dumps({
    'version': list(sys.version_info[:2]),
    'implementation': sys.implementation.name,
    'free_threaded': bool(sysconfig.get_config_var('Py_GIL_DISABLED')),
    'include': sysconfig.get_path('include'),
    'suffix': sysconfig.get_config_var('EXT_SUFFIX'),
}))
"""


class Interpreter(NamedTuple):
    executable: Path
    version: tuple[int, int]
    implementation: str
    free_threaded: bool
    include: Path
    suffix: str

    @property
    def tag(self) -> str:
        prefix = 'cp' if self.implementation == 'cpython' else 'pp'
        return f'{prefix}{self.version[0]}{self.version[1]}{"t" if self.free_threaded else ""}'


@functools.cache
def interpreters() -> dict[str, Interpreter]:
    candidates = []
    for place in PLACES:
        for prefix in sorted(place.glob('*')):
            for name in ('python', 'python3', 'pypy3.11', 'pypy3'):
                if (prefix / 'bin' / name).exists():
                    candidates.append(prefix / 'bin' / name)
                    break
    for minor in range(9, 17):
        for suffix in ('', 't'):
            found = shutil.which(f'python3.{minor}{suffix}')
            if found is not None:
                candidates.append(Path(found))
    result: dict[str, Interpreter] = {}
    for candidate in candidates:
        run = subprocess.run(
            [candidate, '-I', '-c', PROBE], capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            continue
        data = json.loads(run.stdout)
        found_one = Interpreter(
            candidate,
            tuple(data['version']),
            data['implementation'],
            data['free_threaded'],
            Path(data['include']),
            data['suffix'],
        )
        if found_one.version >= (3, 9) and (found_one.include / 'Python.h').exists():
            result.setdefault(found_one.tag, found_one)
    return result


def need(tag: str) -> Interpreter:
    if tag not in interpreters():
        pytest.skip(f'no interpreter for {tag} was found')
    return interpreters()[tag]


TAGS = [
    'cp39', 'cp310', 'cp311', 'cp312', 'cp313', 'cp314', 'cp315', 'cp313t', 'cp314t', 'cp315t',
]  # fmt: skip
FREE_THREADED = ['cp313t', 'cp314t', 'cp315t']

SOURCE = r"""
#include <Python.h>
static int execute(PyObject *module)
{
    PyObject *list = PyList_New(0);
    if (list == NULL)
        return -1;
    Py_DECREF(list);
    return PyModule_AddIntConstant(module, "answer", 42);
}
#ifndef MULTI_PHASE
#define MULTI_PHASE 1
#endif
#ifndef QUALIFIER
#define QUALIFIER static
#endif
#if MULTI_PHASE
QUALIFIER PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
#ifdef GIL
    {Py_mod_gil, GIL},
#endif
#ifdef LATE
    {0, NULL},
#endif
    {0, NULL},
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "package.sample", "text", 0, NULL, (PyModuleDef_Slot *)slots,
    NULL, NULL, NULL,
};
#ifdef __cplusplus
extern "C"
#endif
PyMODINIT_FUNC PyInit_sample(void)
{
#ifdef LATE
    slots[1].slot = Py_mod_gil;
    slots[1].value = LATE;
#endif
    return PyModuleDef_Init(&definition);
}
#else
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "sample", "text", -1, NULL, NULL, NULL, NULL, NULL,
};
PyMODINIT_FUNC PyInit_sample(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL || execute(module) < 0)
        return NULL;
#ifdef SET_GIL
    PyUnstable_Module_SetGIL(module, SET_GIL);
#endif
    return module;
}
#endif
"""

EXPORT_SOURCE = r"""
#include <Python.h>
static int execute(PyObject *module)
{
    return PyModule_AddIntConstant(module, "answer", 42);
}
PyABIInfo_VAR(abi_info)
#ifdef NESTED
static PySlot inner[] = {PySlot_DATA(Py_mod_gil, Py_MOD_GIL_NOT_USED), PySlot_END};
static PyModuleDef_Slot legacy[] = {{Py_slot_subslots, inner}, {0, NULL}};
#endif
static PySlot slots[] = {
    PySlot_DATA(Py_mod_abi, &abi_info),
    PySlot_DATA(Py_mod_name, "sample"),
    PySlot_FUNC(Py_mod_exec, execute),
#ifdef NESTED
    PySlot_DATA(Py_mod_slots, legacy),
#elif defined GIL
    PySlot_DATA(Py_mod_gil, GIL),
#endif
    PySlot_END,
};
PyMODEXPORT_FUNC PyModExport_sample(void);
PyMODEXPORT_FUNC PyModExport_sample(void) { return slots; }
PyMODEXPORT_FUNC PyModExport_another(void);
static PySlot other[] = {PySlot_DATA(Py_mod_name, "another"), PySlot_END};
PyMODEXPORT_FUNC PyModExport_another(void) { return other; }
"""


def build(
    directory: Path,
    interpreter: Interpreter,
    *flags: str,
    source: str = SOURCE,
    compiler: str = 'gcc',
    name: str = 'sample.so',
) -> bytes:
    """The bytes of a module compiled for an interpreter."""
    program = compiler.split()
    if shutil.which(program[0]) is None:
        pytest.skip(f'{program[0]} is not installed')
    suffix = '.cpp' if '++' in compiler else '.c'
    path = directory / f'sample{suffix}'
    path.write_text(source)
    output = directory / name
    subprocess.run(
        [*program, '-shared', '-fPIC', '-w', f'-I{interpreter.include}', *flags, str(path), '-o',
         str(output)],
        check=True,
    )  # fmt: skip
    return output.read_bytes()


def scan(data: bytes, stem: str | None = 'sample') -> dict[str, Any]:
    return _abiscan.scan(data, stem)


def gil_after_import(interpreter: Interpreter, path: Path, *, has_answer: bool = True) -> bool:
    """Whether importing the file leaves the GIL switched on. has_answer: its exec slot is run."""
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location('sample', {str(path)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert hasattr(module, 'answer') == {has_answer}
assert not {has_answer} or module.answer == 42
print(sys._is_gil_enabled())
"""
    run = subprocess.run(
        [interpreter.executable, '-I', '-W', 'ignore', '-c', code],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return run.stdout.strip() == 'True'


@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
@pytest.mark.parametrize('flags', [['-O0'], ['-O2'], ['-O3', '-s'], ['-Os', '-g']], ids=' '.join)
@pytest.mark.parametrize('tag', TAGS)
def test_multi_phase(tag: str, flags: list[str], compiler: str, tmp_path: Path) -> None:
    interpreter = need(tag)
    facts = scan(build(tmp_path, interpreter, *flags, compiler=compiler))
    assert facts['format'] == 'elf'
    assert facts['file_type'] == 'shared-object'
    assert facts['init'] == 'multi-phase'
    assert facts['init_hooks'] == ['PyInit_sample']
    assert facts['definition_name'] == 'package.sample'
    assert facts['layout'] == ('free-threaded' if interpreter.free_threaded else 'gil')
    assert facts['slots'] == [85 if interpreter.version >= (3, 15) else 2]
    assert facts['slots_complete'] is True
    assert facts['slot_style'] == 'PyModuleDef_Slot'
    if facts['machine'] == 'x86_64':
        assert facts['gil'] == 'not-declared'


@pytest.mark.parametrize('compiler', ['gcc', 'clang', 'g++', 'clang++'])
@pytest.mark.parametrize(('value', 'expected'), [('NOT_USED', 'not-used'), ('USED', 'used')])
@pytest.mark.parametrize('tag', ['cp313', 'cp314', 'cp315', *FREE_THREADED])
def test_gil_slot(tag: str, value: str, expected: str, compiler: str, tmp_path: Path) -> None:
    interpreter = need(tag)
    facts = scan(build(tmp_path, interpreter, f'-DGIL=Py_MOD_GIL_{value}', compiler=compiler))
    number = 87 if interpreter.version >= (3, 15) else 4
    assert (facts['gil'], facts['slots'][-1]) == (expected, number)
    assert f'slot {number} has the value' in facts['gil_evidence']
    if interpreter.free_threaded:
        assert gil_after_import(interpreter, tmp_path / 'sample.so') == (expected == 'used')


@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
@pytest.mark.parametrize('optimise', ['-O0', '-O2', '-O3', '-Os'])
@pytest.mark.parametrize(('value', 'expected'), [('NOT_USED', 'not-used'), ('USED', 'used')])
@pytest.mark.parametrize('tag', FREE_THREADED)
def test_single_phase_set_gil(
    tag: str, value: str, expected: str, optimise: str, compiler: str, tmp_path: Path
) -> None:
    interpreter = need(tag)
    facts = scan(
        build(tmp_path, interpreter, '-DMULTI_PHASE=0', f'-DSET_GIL=Py_MOD_GIL_{value}', optimise,
              compiler=compiler)
    )  # fmt: skip
    assert facts['init'] == 'single-phase'
    assert facts['layout'] == 'free-threaded'
    if facts['machine'] in ('x86_64', 'aarch64'):
        assert facts['gil'] == expected
    assert gil_after_import(interpreter, tmp_path / 'sample.so') == (expected == 'used')


def test_single_phase_set_gil_without_a_constant(tmp_path: Path) -> None:
    interpreter = need('cp314t')
    for flags in (['-O0'], ['-O2'], ['-O2', '-fno-plt']):
        facts = scan(
            build(tmp_path, interpreter, '-DMULTI_PHASE=0',
                  '-DSET_GIL=getenv("X")?Py_MOD_GIL_USED:Py_MOD_GIL_NOT_USED', *flags)
        )  # fmt: skip
        assert facts['gil'] == 'unknown', flags
        assert 'argument is unknown' in facts['gil_evidence']


@pytest.mark.parametrize('tag', TAGS)
def test_single_phase(tag: str, tmp_path: Path) -> None:
    interpreter = need(tag)
    facts = scan(build(tmp_path, interpreter, '-DMULTI_PHASE=0'))
    assert facts['init'] == 'single-phase'
    assert facts['gil'] == 'not-declared'
    assert facts['slots'] == []
    assert facts['slot_style'] == 'none'
    assert facts['layout'] == ('free-threaded' if interpreter.free_threaded else 'gil')
    if interpreter.free_threaded:
        assert gil_after_import(interpreter, tmp_path / 'sample.so')


@pytest.mark.parametrize('qualifier', ['static', 'static const', 'extern', ''])
@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
def test_nothing_declared_or_declared_late(
    qualifier: str, optimise: str, tmp_path: Path
) -> None:
    interpreter = need('cp314t')
    if qualifier == 'static const':
        facts = scan(build(tmp_path, interpreter, f'-DQUALIFIER={qualifier}', optimise))
        assert facts['gil'] == 'not-declared'
        return
    flags = [f'-DQUALIFIER={qualifier}', optimise]
    facts = scan(build(tmp_path, interpreter, *flags, '-DLATE=Py_MOD_GIL_NOT_USED'))
    assert facts['gil'] == 'unknown'
    assert not gil_after_import(interpreter, tmp_path / 'sample.so')


CHANGED = """
#include <Python.h>
static int execute(PyObject *module) { return PyModule_AddIntConstant(module, "answer", 42); }
static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)execute}, {Py_mod_gil, GIL}, {0, NULL}};
static int neighbour;
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "sample", .m_slots = slots};
PyMODINIT_FUNC PyInit_sample(void)
{
    neighbour++;
#ifdef CHANGE
    for (PyModuleDef_Slot *slot = slots; slot->slot != 0; slot++) {
        if (slot->slot == Py_mod_gil && getenv("HOME") != NULL)
            slot->value = CHANGE;
    }
#endif
    return PyModuleDef_Init(&definition);
}
"""


@pytest.mark.parametrize('target', ['', 'aarch64-linux-gnu', 'aarch64-macos', 'x86_64-macos'])
@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
def test_declared_and_changed_at_run_time(optimise: str, target: str, tmp_path: Path) -> None:
    """As in gmpy2, which goes through its slots and changes the value of Py_mod_gil."""
    interpreter = need('cp314t')
    compiler = 'gcc'
    flags = [optimise, '-DGIL=Py_MOD_GIL_USED', '-include', 'stdlib.h']
    if target:
        pytest.importorskip('ziglang', reason='zig, the cross compiler, is not installed')
        compiler = f'{sys.executable} -m ziglang cc -target {target}'
        flags += ['-fno-sanitize=undefined']
    if target.endswith('macos'):
        flags += ['-Wl,-undefined,dynamic_lookup']
    facts = scan(build(tmp_path, interpreter, *flags, source=CHANGED, compiler=compiler))
    assert (facts['gil'], facts['gil_evidence']) == ('used', 'slot 4 has the value 0')
    facts = scan(build(tmp_path, interpreter, *flags, '-DCHANGE=Py_MOD_GIL_NOT_USED', source=CHANGED,
                       compiler=compiler))  # fmt: skip
    assert (facts['gil'], facts['gil_evidence']) == (
        'unknown', 'slot 4 has the value 0 in the file, and code that may write to it names the slots')  # fmt: skip
    if not target:
        assert not gil_after_import(interpreter, tmp_path / 'sample.so')


#: GCC lays the methods directly behind the slots. The value of the last slot and the terminator look like the object
#: header of a PyModuleDef before 3.12, its methods like the rest of one.
METHODS = """
#include <Python.h>
static int execute(PyObject *module) { return PyModule_AddIntConstant(module, "answer", 42); }
static PyObject *same(PyObject *module, PyObject *value) { return Py_NewRef(value); }
static PyMethodDef methods[] = {{METHOD, same, METH_O, "text"},
#ifdef SECOND
                                {"x", same, METH_O, NULL},
#endif
                                {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)execute}, {SLOT, (void *)1}, {0, NULL}};
#ifdef LATE
static struct PyModuleDef definition;
#else
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "another", .m_methods = methods, .m_slots = slots};
#endif
PyMODINIT_FUNC PyInit_sample(void)
{
#ifdef LATE
    definition.m_name = "another";
    definition.m_methods = methods;
    definition.m_slots = slots;
#endif
    return PyModuleDef_Init(&definition);
}
"""


@pytest.mark.parametrize('second', [[], ['-DSECOND']], ids=' '.join)
@pytest.mark.parametrize('method', ['method', 'sample', 'another'])
@pytest.mark.parametrize('tag', ['cp313t', 'cp314t'])
def test_methods_behind_the_slots(tag: str, method: str, second: list[str], tmp_path: Path) -> None:
    """m_name is not the file's name: nothing but the structures tells the PyModuleDef from its methods."""
    interpreter = need(tag)
    flags = ['-O2', f'-DMETHOD="{method}"', *second]
    data = build(tmp_path, interpreter, *flags, '-DSLOT=Py_mod_gil', source=METHODS)
    assert not gil_after_import(interpreter, tmp_path / 'sample.so')
    for facts in [scan(data), scan(build(tmp_path, interpreter, *flags, '-DSLOT=Py_mod_gil', source=METHODS,
                                         compiler='gcc -fno-asynchronous-unwind-tables'))]:  # fmt: skip
        assert (facts['gil'], facts['gil_evidence']) == ('not-used', 'slot 4 has the value 1')
        assert (facts['definition_name'], facts['layout']) == ('another', 'free-threaded')
    facts = scan(build(tmp_path, interpreter, *flags, '-DSLOT=Py_mod_multiple_interpreters', source=METHODS))
    assert (facts['gil'], facts['slots']) == ('not-declared', [2, 3])
    assert gil_after_import(interpreter, tmp_path / 'sample.so')


@pytest.mark.parametrize('second', [[], ['-DSECOND']], ids=' '.join)
@pytest.mark.parametrize('method', ['method', 'sample'])
def test_methods_are_no_definition(method: str, second: list[str], tmp_path: Path) -> None:
    """The PyModuleDef is made at run time: what looks like one in the file is not taken for it."""
    interpreter = need('cp314t')
    facts = scan(build(tmp_path, interpreter, '-O2', '-DLATE', f'-DMETHOD="{method}"', *second, '-DSLOT=Py_mod_gil',
                       source=METHODS))  # fmt: skip
    assert (facts['gil'], facts['gil_evidence']) == ('unknown', 'the slots are made at run time')
    assert (facts['definition_name'], facts['layout']) == (None, 'unknown')


ENCLOSED = """
#include <Python.h>
static int execute(PyObject *module) { return PyModule_AddIntConstant(module, "answer", 42); }
static struct { int kind; PyModuleDef_Slot slots[3]; } state = {
    1, {{Py_mod_exec, (void *)execute}, {0, NULL}, {0, NULL}}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "sample", .m_slots = state.slots};
PyMODINIT_FUNC PyInit_sample(void)
{
    __typeof__(state) *pointer = &state;
    pointer->slots[1].slot = Py_mod_gil;
    pointer->slots[1].value = Py_MOD_GIL_NOT_USED;
    return PyModuleDef_Init(&definition);
}
"""


@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
def test_slots_in_a_struct(compiler: str, optimise: str, tmp_path: Path) -> None:
    """Code may name the struct around the slots and never the slots."""
    interpreter = need('cp314t')
    facts = scan(build(tmp_path, interpreter, optimise, source=ENCLOSED, compiler=compiler))
    assert facts['gil'] in ('unknown', 'not-used')
    assert not gil_after_import(interpreter, tmp_path / 'sample.so')


#: An empty array, which linkers put where the file has no bytes; beside it numbers that are written.
EMPTY = """
#include <Python.h>
#include <stddef.h>
static int before[2], behind[2];
#ifdef ENCLOSED
static struct { int kind; PyModuleDef_Slot slots[2]; } state;
#define slots state.slots
#else
static PyModuleDef_Slot slots[2] = {{0, NULL}, {0, NULL}};
#endif
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "sample", .m_slots = slots};
static PyObject *count(PyObject *module, PyObject *unused) { return PyLong_FromLong(before[1]++ + behind[0]++); }
static PyMethodDef methods[] = {{"count", count, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
#ifdef FILL
__attribute__((noinline)) static void fill(char *array)
{
    array[0] = Py_mod_gil;
    array[offsetof(PyModuleDef_Slot, value)] = (char)(intptr_t)Py_MOD_GIL_NOT_USED;
}
#endif
PyMODINIT_FUNC PyInit_sample(void)
{
    definition.m_methods = methods;
#ifdef ENCLOSED
    state.kind++;
#endif
#ifdef FILL
    fill(FILL);
#endif
    return PyModuleDef_Init(&definition);
}
"""
#: How code may fill it: not at all, by its name, by the name of the struct that it is in.
FILLED = [[], ['-DFILL=(char*)slots'], ['-DENCLOSED'], ['-DENCLOSED', '-DFILL=(char*)&state+8']]


@pytest.mark.parametrize('fill', FILLED, ids=' '.join)
@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
@pytest.mark.parametrize('compiler', ['gcc', 'clang', 'x86_64-macos'])
def test_empty_slots(compiler: str, optimise: str, fill: list[str], tmp_path: Path) -> None:
    interpreter = need('cp314t')
    flags = [optimise, *fill]
    if compiler == 'x86_64-macos':
        pytest.importorskip('ziglang', reason='zig, the cross compiler, is not installed')
        compiler = f'{sys.executable} -m ziglang cc -target {compiler}'
        flags += ['-fno-sanitize=undefined', '-Wl,-undefined,dynamic_lookup']
    facts = scan(build(tmp_path, interpreter, *flags, source=EMPTY, compiler=compiler))
    assert (facts['init'], facts['slots'], facts['slots_complete']) == ('multi-phase', [], True)
    is_filled = 'FILL' in ' '.join(fill)
    assert facts['gil'] == ('unknown' if is_filled else 'not-declared'), facts['gil_evidence']
    if 'ziglang' not in compiler:
        assert gil_after_import(interpreter, tmp_path / 'sample.so', has_answer=False) == (not is_filled)


#: The slots lie behind other members of a struct, and a function that is given a pointer fills them.
HANDED_ON = """
#include <Python.h>
#include <stddef.h>
static int execute(PyObject *module) { return PyModule_AddIntConstant(module, "answer", 42); }
STORAGE struct { long head[HEAD]; PyModuleDef_Slot slots[3]; } state = {
    {1}, {{Py_mod_exec, (void *)execute}, {0, NULL}, {0, NULL}}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "sample", .m_slots = state.slots};
static PyObject *count(PyObject *module, PyObject *arguments)
{
    return PyArg_ParseTuple(arguments, "l", &state.head[0]) ? PyLong_FromLong(state.head[1]++) : NULL;
}
static PyMethodDef methods[] = {{"count", count, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static void fill(PyModuleDef_Slot *slots)
{
    slots[1].slot = Py_mod_gil;
    slots[1].value = Py_MOD_GIL_NOT_USED;
}
static void fill_state(void *given) { fill((PyModuleDef_Slot *)((char *)given + offsetof(__typeof__(state), slots))); }
static void fill_definition(void *given) { fill(((PyModuleDef *)given)->m_slots); }
PyMODINIT_FUNC PyInit_sample(void)
{
    definition.m_methods = methods;
#ifdef GIVEN
    void (*volatile filler)(void *) = FILLER;
    filler(GIVEN);
#endif
    return PyModuleDef_Init(&definition);
}
"""
TO_STATE = ['-DGIVEN=&state', '-DFILLER=fill_state']


@pytest.mark.parametrize(('flags', 'is_filled'), [
    (['-DHEAD=2', '-DSTORAGE=static'], False), (['-DHEAD=2', '-DSTORAGE=static', *TO_STATE], True),
    (['-DHEAD=1000', '-DSTORAGE=static'], False), (['-DHEAD=1000', '-DSTORAGE=static', *TO_STATE], True),
    (['-DHEAD=6', '-DSTORAGE=', *TO_STATE], True),
    (['-DHEAD=2', '-DSTORAGE=static', '-DGIVEN=&definition', '-DFILLER=fill_definition'], True),
], ids=lambda value: ' '.join(value) if isinstance(value, list) else None)  # fmt: skip
@pytest.mark.parametrize('optimise', ['-O0', '-O2'])
@pytest.mark.parametrize('compiler', ['gcc', 'clang', 'x86_64-macos'])
def test_slots_handed_on(
    compiler: str, optimise: str, flags: list[str], is_filled: bool, tmp_path: Path
) -> None:
    """What is given the struct around the slots may fill them, however far into it they lie."""
    interpreter = need('cp314t')
    flags = [optimise, *flags]
    if compiler == 'x86_64-macos':
        pytest.importorskip('ziglang', reason='zig, the cross compiler, is not installed')
        compiler = f'{sys.executable} -m ziglang cc -target {compiler} -fno-sanitize=undefined'
        flags += ['-Wl,-undefined,dynamic_lookup']
    facts = scan(build(tmp_path, interpreter, *flags, source=HANDED_ON, compiler=compiler))
    expected = 'unknown' if is_filled else 'not-declared'
    assert (facts['gil'], facts['slots']) == (expected, [2]), facts['gil_evidence']
    if 'ziglang' not in compiler:
        assert gil_after_import(interpreter, tmp_path / 'sample.so') == (not is_filled)


CONDITIONAL = """
#include <Python.h>
#include <stdlib.h>
static int execute(PyObject *module) { return PyModule_AddIntConstant(module, "answer", 42); }
static PyModuleDef_Slot slots[3];
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "sample", .m_slots = slots};
#ifdef HELPER
__attribute__((noinline)) static PyObject *finish(void) { return PyModuleDef_Init(&definition); }
#else
#define finish() PyModuleDef_Init(&definition)
#endif
PyMODINIT_FUNC PyInit_sample(void)
{
    if (Py_GetVersion() == NULL)
        return NULL;
#ifdef CONDITION
    if (CONDITION)
        return finish();
    if (getenv("NEVER") != NULL)
        abort();
#endif
    slots[0].slot = Py_mod_exec;
    slots[0].value = (void *)execute;
    slots[1].slot = Py_mod_gil;
    slots[1].value = Py_MOD_GIL_NOT_USED;
    slots[2].slot = 0;
    return finish();
}
"""


@pytest.mark.parametrize(('flags', 'expected', 'stays_off'), [
    ([], 'not-used', True),
    (['-DCONDITION=getenv("HOME")!=NULL'], 'unknown', False),
    (['-DCONDITION=getenv("HOME")!=NULL', '-fno-plt'], 'unknown', False),
    (['-DCONDITION=getenv("HOME")!=NULL', '-DHELPER'], 'unknown', False),
], ids=['always', 'condition', 'no-plt', 'helper'])  # fmt: skip
def test_slots_stored_on_a_condition(
    flags: list[str], expected: str, stays_off: bool, tmp_path: Path
) -> None:
    """What the hook stores counts only where no way to PyModuleDef_Init avoids it."""
    interpreter = need('cp314t')
    facts = scan(build(tmp_path, interpreter, '-O1', *flags, source=CONDITIONAL))
    assert facts['gil'] == expected
    # Where the stores are left out, the exec slot is too.
    on = gil_after_import(interpreter, tmp_path / 'sample.so', has_answer=stays_off)
    assert on != stays_off


@pytest.mark.parametrize('flags', [
    ['-Wl,-z,pack-relative-relocs'],
    ['-Wl,--pack-dyn-relocs=relr'],
    ['-Wl,-z,norelro'],
    ['-Wl,-z,now'],
    ['-Wl,--hash-style=sysv'],
    ['-Wl,--hash-style=gnu', '-s'],
    ['-Wl,-z,separate-code'],
    ['-Wl,-z,noseparate-code'],
    ['-Wl,--no-rosegment'],
], ids=' '.join)  # fmt: skip
@pytest.mark.parametrize('linker', ['bfd', 'lld', 'gold'])
def test_linkers(linker: str, flags: list[str], tmp_path: Path) -> None:
    interpreter = need('cp314t')
    command = [f'-fuse-ld={linker}', '-DGIL=Py_MOD_GIL_NOT_USED', *flags]
    try:
        data = build(tmp_path, interpreter, *command, compiler='clang')
    except subprocess.CalledProcessError:
        pytest.skip(f'{linker} does not know {flags}')
    facts = scan(data)
    assert (facts['init'], facts['gil'], facts['layout'], facts['slots']) == (
        'multi-phase', 'not-used', 'free-threaded', [2, 4],
    )  # fmt: skip
    assert any(name == 'PyModuleDef_Init' for name, *_ in facts['python_imports'])


@pytest.mark.parametrize('name', ['nested', 'gil', 'none'])
@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
@pytest.mark.parametrize('flags', [['-O0'], ['-O2'], ['-Os', '-s']], ids=' '.join)
@pytest.mark.parametrize('limited', [None, 'Py_LIMITED_API', 'Py_TARGET_ABI3T'])
@pytest.mark.parametrize('tag', ['cp315', 'cp315t'])
def test_export_hook(
    tag: str, limited: str | None, flags: list[str], compiler: str, name: str, tmp_path: Path
) -> None:
    interpreter = need(tag)
    options = [*flags]
    if limited is not None:
        options += [f'-D{limited}=0x030f0000']
    options += {'nested': ['-DNESTED'], 'gil': ['-DGIL=Py_MOD_GIL_USED'], 'none': []}[name]
    facts = scan(
        build(tmp_path, interpreter, *options, source=EXPORT_SOURCE, compiler=compiler)
    )
    assert facts['init'] == 'export-hook'
    assert facts['slot_style'] == 'PySlot'
    assert facts['slots'] == {
        'nested': [109, 100, 85, 94, 92, 87], 'gil': [109, 100, 85, 87], 'none': [109, 100, 85],
    }[name]  # fmt: skip
    assert facts['gil'] == {'nested': 'not-used', 'gil': 'used', 'none': 'not-declared'}[name]
    opaque = limited == 'Py_TARGET_ABI3T' or (limited is not None and interpreter.free_threaded)
    expected = 'opaque' if opaque else 'free-threaded' if interpreter.free_threaded else 'gil'
    assert facts['layout'] == expected
    assert facts['abi_info']['abi_version'] >> 16 == 0x030F
    assert facts['abi_info']['flags'] & 1 == (limited is not None)
    assert facts['init_hooks'] == ['PyModExport_sample', 'PyModExport_another'] or sorted(
        facts['init_hooks']
    ) == ['PyModExport_another', 'PyModExport_sample']
    if interpreter.free_threaded:
        assert gil_after_import(interpreter, tmp_path / 'sample.so') == (name != 'nested')


def test_stem_chooses_the_hook(tmp_path: Path) -> None:
    interpreter = need('cp315')
    data = build(tmp_path, interpreter, source=EXPORT_SOURCE)
    assert scan(data, 'another')['slots'] == [100]
    assert scan(data, 'third')['init'] == 'unknown'
    assert 'none of them' in scan(data, 'third')['init_reason']
    assert scan(data, None)['init'] == 'unknown'


def test_a_single_hook_of_another_name(tmp_path: Path) -> None:
    data = build(tmp_path, need('cp314'))
    assert scan(data, '__init__')['init'] == 'multi-phase'
    assert scan(data, None)['definition_name'] == 'package.sample'


def narrow_headers(interpreter: Interpreter, directory: Path) -> Interpreter:
    """The interpreter with headers as a 32-bit Linux would have them."""
    include = directory / 'include'
    shutil.copytree(interpreter.include, include)
    text = (include / 'pyconfig.h').read_text()
    for name in ('LONG', 'SIZE_T', 'VOID_P', 'UINTPTR_T', 'TIME_T', 'PTHREAD_T'):
        text = re.sub(rf'#define (SIZEOF|ALIGNOF)_{name} 8', rf'#define \1_{name} 4', text)
    (include / 'pyconfig.h').write_text(text)
    return interpreter._replace(include=include)


@pytest.mark.parametrize('tag', ['cp310', 'cp312', 'cp314', 'cp315', 'cp313t', 'cp314t', 'cp315t'])
def test_32_bit(tag: str, tmp_path: Path) -> None:
    interpreter = narrow_headers(need(tag), tmp_path)
    gil = ['-DGIL=Py_MOD_GIL_NOT_USED'] if interpreter.version >= (3, 13) else []
    try:
        data = build(tmp_path, interpreter, '-m32', *gil)
    except subprocess.CalledProcessError:
        pytest.skip('the compiler makes no 32-bit code')
    facts = scan(data)
    assert (facts['machine'], facts['bits']) == ('i386', 32)
    assert facts['layout'] == ('free-threaded' if interpreter.free_threaded else 'gil')
    assert facts['gil'] == ('not-used' if gil else 'unknown')
    assert facts['definition_name'] == 'package.sample'


TARGETS = [
    ('aarch64-linux-gnu', 'aarch64', 64, 'little'),
    ('s390x-linux-gnu', 's390x', 64, 'big'),
    ('powerpc64le-linux-gnu', 'ppc64', 64, 'little'),
    ('riscv64-linux-gnu', 'riscv64', 64, 'little'),
    ('arm-linux-gnueabihf', 'arm', 32, 'little'),
    ('loongarch64-linux-gnu', 'loongarch64', 64, 'little'),
    ('x86_64-linux-musl', 'x86_64', 64, 'little'),
    ('x86-linux-gnu', 'i386', 32, 'little'),
    ('powerpc-linux-musleabihf', 'ppc', 32, 'big'),
]


@pytest.mark.parametrize(('target', 'machine', 'bits', 'order'), TARGETS)
@pytest.mark.parametrize('tag', ['cp314', 'cp314t', 'cp315t'])
def test_other_machines(
    tag: str, target: str, machine: str, bits: int, order: str, tmp_path: Path
) -> None:
    pytest.importorskip('ziglang', reason='zig, the cross compiler, is not installed')
    interpreter = need(tag)
    if bits == 32:
        interpreter = narrow_headers(interpreter, tmp_path)
    compiler = f'{sys.executable} -m ziglang cc -target {target}'
    flags = ['-O2', '-fno-sanitize=undefined']
    try:
        facts = scan(
            build(tmp_path, interpreter, '-DGIL=Py_MOD_GIL_NOT_USED', *flags, compiler=compiler)
        )
    except subprocess.CalledProcessError:
        pytest.skip(f'zig makes no modules for {target}')
    assert (facts['machine'], facts['bits'], facts['byte_order']) == (machine, bits, order)
    assert facts['layout'] == ('free-threaded' if interpreter.free_threaded else 'gil')
    assert (facts['init'], facts['gil']) == ('multi-phase', 'not-used')
    if machine in ('x86_64', 'aarch64') and interpreter.free_threaded:
        data = build(tmp_path, interpreter, '-DMULTI_PHASE=0', '-DSET_GIL=Py_MOD_GIL_NOT_USED',
                     *flags, compiler=compiler)  # fmt: skip
        assert scan(data)['gil'] == 'not-used'
    if interpreter.version >= (3, 15):
        data = build(tmp_path, interpreter, '-DNESTED', *flags, source=EXPORT_SOURCE,
                     compiler=compiler)  # fmt: skip
        facts = scan(data)
        assert facts['init'] == 'export-hook'
        if machine in ('x86_64', 'aarch64'):
            assert facts['gil'] == 'not-used'


def test_limited_api_imports(tmp_path: Path) -> None:
    interpreter = need('cp312')
    facts = scan(build(tmp_path, interpreter, '-DPy_LIMITED_API=0x03090000'))
    imports = {name: rest for name, *rest in facts['python_imports']}
    assert imports['PyModuleDef_Init'] == [5, 15, '', '']
    assert imports['PyModule_AddIntConstant'] == [2, 15, '', '']
    assert all(abi3 is not None for abi3, *_ in imports.values())


def test_imports_outside_the_stable_abi(tmp_path: Path) -> None:
    source = SOURCE.replace('PyList_New(0)', '(PyOS_BeforeFork(), _PyList_Extend(NULL, NULL))')
    source = 'extern void *_PyList_Extend(void *, void *);\n' + source
    source += '\nvoid *PyOwn_Function(void) { return 0; }\n'
    facts = scan(build(tmp_path, need('cp314'), '-DQUALIFIER=static', source=source))
    imports = {name: rest for name, *rest in facts['python_imports']}
    assert imports['_PyList_Extend'] == [None, None, '', '']
    assert imports['PyOS_BeforeFork'] == [7, 15, 'only with HAVE_FORK', '']
    assert 'PyOwn_Function' not in imports
    assert not any(name.startswith('PyInit_') for name in imports)


def test_pypy(tmp_path: Path) -> None:
    facts = scan(build(tmp_path, need('pp311')))
    assert facts['layout'] == 'unknown'
    assert facts['init'] == 'multi-phase'
    assert all(note == 'pypy' for *_, note, _ in facts['python_imports'])
    assert ('PyPyModuleDef_Init', None, None, 'pypy', '') in facts['python_imports']


def test_no_extension_module(tmp_path: Path) -> None:
    facts = scan(build(tmp_path, need('cp314'), source='int number = 1;'), None)
    assert facts['init'] == 'none'
    assert facts['gil'] == 'unknown'
    assert facts['init_hooks'] == []
    assert facts['python_imports'] == []


def test_needed_and_soname(tmp_path: Path) -> None:
    facts = scan(build(tmp_path, need('cp314'), '-Wl,-soname,lib.so.1', '-Wl,--no-as-needed', '-lm'))
    assert facts['soname'] == 'lib.so.1'
    assert facts['needed'][0] == 'libm.so.6'


def test_object_file(tmp_path: Path) -> None:
    interpreter = need('cp314')
    (tmp_path / 'a.c').write_text(SOURCE)
    subprocess.run(
        ['gcc', '-c', '-w', f'-I{interpreter.include}', 'a.c', '-o', 'a.o'], check=True,
        cwd=tmp_path,
    )  # fmt: skip
    facts = scan((tmp_path / 'a.o').read_bytes())
    assert facts['file_type'] == 'relocatable'
    assert 'PyModuleDef_Init' in [name for name, *_ in facts['python_imports']]


PYBIND11 = r"""
#include <pybind11/pybind11.h>
PYBIND11_MODULE(sample, module OPTIONS)
{ module.attr("answer") = 42; }
"""


@pytest.mark.parametrize(('options', 'expected'), [
    ('', 'not-declared'),
    (', pybind11::mod_gil_not_used()', 'not-used'),
])  # fmt: skip
@pytest.mark.parametrize('tag', ['cp313t', 'cp314t'])
def test_pybind11(tag: str, options: str, expected: str, tmp_path: Path) -> None:
    pybind11 = pytest.importorskip('pybind11', reason='pybind11 is not installed')
    interpreter = need(tag)
    facts = scan(
        build(tmp_path, interpreter, f'-I{pybind11.get_include()}', '-O2', '-fvisibility=hidden',
              '-std=c++17', source=PYBIND11.replace('OPTIONS', options), compiler='g++')
    )  # fmt: skip
    assert facts['framework'] == 'pybind11'
    assert facts['layout'] == 'free-threaded'
    on = gil_after_import(interpreter, tmp_path / 'sample.so')
    assert on == (expected != 'not-used')
    if facts['machine'] == 'x86_64':
        # Without the option it stores no slot or one that says "used", by version.
        assert facts['gil'] in (('not-used',) if expected == 'not-used' else (expected, 'used'))


@pytest.mark.parametrize(('directive', 'expected'), [('', 'used'), ('True', 'not-used')])
@pytest.mark.parametrize('tag', ['cp312', 'cp314', 'cp313t', 'cp314t'])
def test_cython(tag: str, directive: str, expected: str, tmp_path: Path) -> None:
    pytest.importorskip('Cython', reason='Cython is not installed')
    interpreter = need(tag)
    (tmp_path / 'sample.pyx').write_text('answer = 42\ncdef class Thing:\n    cdef int x\n')
    options = ['-X', f'freethreading_compatible={directive}'] if directive else []
    subprocess.run(
        [sys.executable, '-m', 'cython', '-3', *options, 'sample.pyx', '-o', 'generated.c'],
        check=True, cwd=tmp_path,
    )  # fmt: skip
    facts = scan(build(tmp_path, interpreter, source=(tmp_path / 'generated.c').read_text()))
    assert facts['framework'] == 'Cython'
    assert facts['init'] == 'multi-phase'
    assert facts['layout'] == ('free-threaded' if interpreter.free_threaded else 'gil')
    if interpreter.free_threaded:  # Cython writes the slot there only
        assert facts['gil'] == expected
        assert gil_after_import(interpreter, tmp_path / 'sample.so') == (expected == 'used')


KEYS = {
    'format', 'machine', 'bits', 'byte_order', 'file_type', 'needed', 'soname', 'init_hooks',
    'init', 'init_reason', 'definition_name', 'gil', 'gil_evidence', 'layout', 'layout_evidence',
    'slots', 'slots_complete', 'slot_style', 'abi_info', 'before_3_15', 'python_imports', 'framework',
    'minimum_os', 'slices',
}  # fmt: skip


def test_keys(tmp_path: Path) -> None:
    assert set(scan(build(tmp_path, need('cp314')))) == KEYS
    assert re.fullmatch(r'CPython 3\.\d+\.\d+\w*', _abiscan.STABLE_ABI_SOURCE)


@pytest.mark.parametrize(('data', 'status', 'message'), [
    (b'', 'not-a-binary', 'the file is empty'),
    (b'hello', 'not-a-binary', 'begins like no binary format'),
    (b'MZ\x90\x00', 'malformed', 'DOS header: the file ends at offset 0x4'),
    (b'\xcf\xfa\xed\xfe....', 'malformed', 'Mach-O header: the file ends at offset 0x8'),
    (b'!<arch>\nx', 'unsupported-format', 'a static library'),
    (b'\x7fELF', 'malformed', 'ELF header: the file ends at offset 0x4'),
])  # fmt: skip
def test_errors(data: bytes, status: str, message: str) -> None:
    with pytest.raises(_abiscan.ScanError, match=re.escape(message)) as caught:
        _abiscan.scan(data)
    assert isinstance(caught.value, ValueError)
    assert caught.value.status == status


def test_arguments() -> None:
    for wrong in ('text', None, 3, [1]):
        with pytest.raises(TypeError):
            _abiscan.scan(wrong)
    with pytest.raises(TypeError):
        _abiscan.scan()
    for buffer in (bytearray(b'no'), memoryview(b'no')):
        with pytest.raises(_abiscan.ScanError):
            _abiscan.scan(data=buffer, stem=None)


def test_other_buffers(tmp_path: Path) -> None:
    """A bytearray is scanned where it is: it cannot change its size meanwhile, and can afterwards."""
    data = build(tmp_path, need('cp314'))
    expected = scan(data)
    array = bytearray(data)
    assert _abiscan.scan(array, 'sample') == _abiscan.scan(memoryview(data), 'sample') == expected
    array.clear()
    with pytest.raises(_abiscan.ScanError, match='the file is empty'):
        _abiscan.scan(array)


@pytest.mark.parametrize('stripped', [False, True])
def test_the_mapped_part(stripped: bool, tmp_path: Path) -> None:
    """Of an ELF file what a loader maps is enough, and debugging information and section headers lie behind it."""
    data = build(tmp_path, need('cp314'), '-g', *(['-s'] if stripped else []))
    size = _abiscan.prefix_size(data[:4096], len(data))
    assert size < len(data)
    assert stripped or len(data) > size + 4096
    assert _abiscan.scan(data[:size], 'sample', len(data)) == scan(data)
    with pytest.raises(_abiscan.ScanError) as caught:
        _abiscan.scan(data[:size - 1], 'sample', len(data))
    assert caught.value.status == 'incomplete'
    # Other formats are needed whole.
    assert _abiscan.prefix_size(b'MZ', 5000) == 5000


def test_truncation(tmp_path: Path) -> None:
    """Wherever a module is cut there is an answer or a ScanError, never a crash."""
    data = build(tmp_path, need('cp314'), '-s')
    for size in range(0, len(data), 61):
        with contextlib.suppress(_abiscan.ScanError):
            _abiscan.scan(data[:size], 'sample')


def test_many_threads(tmp_path: Path) -> None:
    data = build(tmp_path, need('cp314'))
    expected = scan(data)
    wrong = []

    def work() -> None:
        for _ in range(50):
            if scan(data) != expected:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_gil_stays_off() -> None:
    if not hasattr(sys, '_is_gil_enabled'):
        pytest.skip('this interpreter has no free-threaded builds')
    # Importing the binding is what would have switched it on.
    with open(_abiscan.__file__, 'rb') as file:
        facts = scan(file.read(), '_abiscan')
    if facts['layout'] in ('free-threaded', 'opaque'):
        assert facts['gil'] == 'not-used'


BOTH_HOOKS = """
#include <Python.h>
static PyModuleDef_Slot slots[] = {{0, NULL}};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = "both", .m_slots = slots};
PyMODINIT_FUNC PyInit_both(void) { return PyModuleDef_Init(&def); }
struct slot { unsigned short id, flags; unsigned int reserved; unsigned long value; };
static struct slot new_slots[] = {{87, 0, 0, 1}, {0, 0, 0, 0}};
Py_EXPORTED_SYMBOL struct slot *PyModExport_both(void) { return new_slots; }
"""


def test_older_interpreters_call_the_other_hook(tmp_path: Path) -> None:
    """PyO3 exports both hooks: before 3.15 only PyInit_ is called, and what it declares counts."""
    include = Path('/opt/python/cp314-cp314t/include/python3.14t')
    if not include.is_dir():
        pytest.skip('no free-threaded 3.14')
    source, module = tmp_path / 'both.c', tmp_path / 'both.so'
    source.write_text(BOTH_HOOKS)
    subprocess.run(['cc', '-shared', '-fPIC', '-O2', f'-I{include}', source, '-o', module], check=True)
    facts = _abiscan.scan(module.read_bytes(), 'both')
    assert facts['init'] == 'export-hook'
    assert facts['before_3_15']['init'] == 'multi-phase'
    assert facts['before_3_15']['gil'] == 'not-declared'
    assert facts['before_3_15']['layout'] == 'free-threaded'
    assert _abiscan.scan(Path(_abiscan.__file__).read_bytes(), '_abiscan')['before_3_15'] is None
