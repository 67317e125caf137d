/* SPDX-License-Identifier: MIT */
/* Single-phase initialisation; the counter is global, under a PyMutex. */
#include "common.h"

static PyMutex mutex;
static long counter;

static PyObject *count(PyObject *module, PyObject *argument)
{
    long times = PyLong_AsLong(argument);
    long value = 0;

    if (times == -1 && PyErr_Occurred())
        return NULL;
    for (long i = 0; i < times; i++) {
        PyMutex_Lock(&mutex);
        value = ++counter;
        PyMutex_Unlock(&mutex);
    }
    return PyLong_FromLong(value);
}

static PyMethodDef methods[] = {
    COMPILED, {"count", count, METH_O, "Count so many times; the value of the counter."}, {NULL, NULL, 0, NULL}};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "single", .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit_single(void)
{
    PyObject *module = PyModule_Create(&definition);

    if (module == NULL)
        return NULL;
#ifdef Py_GIL_DISABLED
    PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}
