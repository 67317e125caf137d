/* SPDX-License-Identifier: MIT */
#define PY_SSIZE_T_CLEAN
#include "advised.h"
#include <structmember.h>

static PyObject *look_up(PyObject *module, PyObject *dict)
{
    PyObject *key = PyUnicode_FromString("key");
    PyObject *found = key == NULL ? NULL : PyDict_GetItemWithError(dict, key);
    (void)module;
    Py_XDECREF(key);
    return Py_NewRef(found == NULL ? Py_None : found);
}

static PyObject *answer(PyObject *module, PyObject *Py_UNUSED(unused))
{
    PyObject *dict = PyModule_GetDict(module);
    PyObject *name = MBFT_ALLOW(PyDict_GetItemString)(dict, "__name__");
    PyMem_Free(PyMem_Malloc(1));
    return PyLong_FromLong(without_python(name != NULL ? 41 : 0));
}

static PyMethodDef methods[] = {
    {"look_up", look_up, METH_O, NULL}, {"first", part, METH_O, NULL},
    {"answer", answer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "advised", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_advised(void)
{
    return PyModuleDef_Init(&definition);
}
