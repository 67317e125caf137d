/* SPDX-License-Identifier: MIT */
/* Linked to a static library that includes Python.h as well; the counter belongs to the caller's own object. */
#include "common.h"
#include "helper.h"

static PyObject *count(PyObject *module, PyObject *argument)
{
    long times = PyLong_AsLong(argument);

    if (times == -1 && PyErr_Occurred())
        return NULL;
    for (long i = 0; i < times; i++) {
        PyObject *number = helper_new(100000 + i);

        if (number == NULL)
            return NULL;
        Py_DECREF(number);
    }
    return PyLong_FromLong(helper_defined());
}

static PyMethodDef methods[] = {
    COMPILED, {"count", count, METH_O, "Make so many numbers; what the library was compiled with."},
    {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "helped", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit_helped(void)
{
    return PyModuleDef_Init(&definition);
}
