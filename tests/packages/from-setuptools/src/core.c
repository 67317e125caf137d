/* SPDX-License-Identifier: MIT */
#include <Python.h>

#include "one.h"
#include <math.h>

static PyObject *
answer(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    return PyLong_FromLong((long)floor(ANSWER * (double)ONE));
}

static PyMethodDef methods[] = {
    {"answer", answer, METH_NOARGS, "The answer."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_core", NULL, 0, methods, NULL, NULL, NULL, NULL,
};

/* setuptools hides no symbol, so this works without PyMODINIT_FUNC. */
PyObject *
PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
