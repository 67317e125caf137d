# SPDX-License-Identifier: MIT
"""Modules compiled with one command, and wheels put together by hand: right ones, and wrong in one way each."""

from __future__ import annotations

import functools
import os
import pathlib
import subprocess
import typing
import zipfile

import pytest
import support


#: A module that is right for every ABI, and wrong in one way for each macro.
SOURCE: typing.Final = r"""
#include <Python.h>
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#ifndef HOOK
#define HOOK NAME
#endif
#ifdef OUTSIDE
PyAPI_FUNC(PyObject *) PyUnicode_New(Py_ssize_t, Py_UCS4);
#define USE (void)PyUnicode_New(1, 127)
#elif defined NEWER
PyAPI_FUNC(int) PyModule_AddType(PyObject *, PyTypeObject *);
#define USE (void)PyModule_AddType(module, NULL)
#else
#define USE (void)module
#endif
static PyObject *use(PyObject *module, PyObject *unused) { (void)unused; USE; return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"use", use, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
#ifdef Py_TARGET_ABI3T
PyABIInfo_VAR(abi_info)
static PySlot slots[] = {
    PySlot_STATIC_DATA(Py_mod_name, TEXT(NAME)), PySlot_STATIC_DATA(Py_mod_methods, methods),
    PySlot_STATIC_DATA(Py_mod_abi, &abi_info),
#ifndef NO_GIL_SLOT
    PySlot_DATA(Py_mod_gil, Py_MOD_GIL_NOT_USED),
#endif
    PySlot_END};
PyMODEXPORT_FUNC JOIN(PyModExport_, HOOK)(void) { return slots; }
#else
static PyModuleDef_Slot slots[] = {
#if defined GIL_SLOT || (!defined Py_LIMITED_API && !defined NO_GIL_SLOT && PY_VERSION_HEX >= 0x030d0000)
    {4, (void *)1},
#endif
    {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = TEXT(NAME), .m_methods = methods, .m_slots = slots};
PyMODINIT_FUNC JOIN(PyInit_, HOOK)(void) { return PyModuleDef_Init(&definition); }
#endif
"""
#: What a build says to get each ABI.
ABI3: typing.Final = '-DPy_LIMITED_API=0x03090000'
ABI3T: typing.Final = ('-DPy_LIMITED_API=0x030f0000', '-DPy_TARGET_ABI3T=0x030f0000')


@functools.cache
def include(tag: str) -> str:
    """The directory of Python.h of an interpreter; the test is skipped without it, and fails where CI is set."""
    found = {i.tag: i.executable for i in _interpreters()}.get(tag)
    if found is None:
        if os.environ.get('CI'):
            pytest.fail(f'no interpreter {tag}, and CI is set')
        pytest.skip(f'no interpreter {tag} on this machine')
    return subprocess.run([found, '-I', '-c', 'import sysconfig; print(sysconfig.get_path("include"))'],
                          capture_output=True, text=True, check=True).stdout.strip()


@functools.cache
def _interpreters() -> list[typing.Any]:
    return list(support.load_environments().interpreters())


_compiled: dict[tuple[str, ...], bytes] = {}


def module(directory: pathlib.Path, tag: str, *flags: str, name: str = 'one', source: str = SOURCE) -> bytes:
    """The bytes of SOURCE compiled for the interpreter `tag`."""
    key = (tag, name, source, *flags)
    if key not in _compiled:
        path, output = directory / 'source.c', directory / 'output.so'
        path.write_text(source)
        subprocess.run(
            ['cc', '-shared', '-fPIC', '-w', f'-I{include(tag)}', f'-DNAME={name}', str(path), '-o', str(output),
             *flags], check=True)
        _compiled[key] = output.read_bytes()
    return _compiled[key]


def wheel(
    directory: pathlib.Path, tag: str, members: typing.Mapping[str, bytes], *,
    whl_tags: typing.Sequence[str] | None = None, metadata: str = '', purelib: bool = False, name: str | None = None,
) -> pathlib.Path:
    """pkg-1.0-TAG.whl with these members, and a WHEEL that says the same unless told otherwise."""
    path = directory / (name or f'pkg-1.0-{tag}.whl')
    if whl_tags is None:
        python, abi, platform = (part.split('.') for part in tag.split('-'))
        whl_tags = [f'{p}-{a}-{q}' for p in python for a in abi for q in platform]
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        lines = ['Wheel-Version: 1.0', f'Root-Is-Purelib: {"true" if purelib else "false"}']
        archive.writestr('pkg-1.0.dist-info/WHEEL', '\n'.join([*lines, *(f'Tag: {t}' for t in whl_tags)]) + '\n')
        archive.writestr(
            'pkg-1.0.dist-info/METADATA', f'Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n{metadata}\ntext\n')
        archive.writestr('pkg-1.0.dist-info/RECORD', ''.join(f'{member},,\n' for member in members))
    return path
