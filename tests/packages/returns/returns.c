/* SPDX-License-Identifier: MIT */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifndef INIT
#define INIT PyInit_returns
#endif

static PyObject *
none(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    Py_RETURN_NONE;
}

static PyObject *
truth(PyObject *module, PyObject *argument)
{
    (void)module;
    if (argument == Py_True) {
        Py_RETURN_TRUE;
    }
    Py_RETURN_FALSE;
}

static PyObject *
not_implemented(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    Py_RETURN_NOTIMPLEMENTED;
}

static PyMethodDef methods[] = {
    {"none", none, METH_NOARGS, "None."},
    {"truth", truth, METH_O, "Whether the argument is True."},
    {"not_implemented", not_implemented, METH_NOARGS, "NotImplemented."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "returns", NULL, 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC
INIT(void)
{
    return PyModuleDef_Init(&definition);
}
