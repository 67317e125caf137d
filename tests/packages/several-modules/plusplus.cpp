/* SPDX-License-Identifier: MIT */
/* C++; the counter is atomic. */
#include "common.h"

#include <atomic>

static std::atomic<long> counter;

static PyObject *count(PyObject *module, PyObject *argument)
{
    long times = PyLong_AsLong(argument);
    long value = 0;

    if (times == -1 && PyErr_Occurred())
        return nullptr;
    for (long i = 0; i < times; i++)
        value = ++counter;
    return PyLong_FromLong(value);
}

static PyMethodDef methods[] = {
    COMPILED, {"count", count, METH_O, "Count so many times; the value of the counter."},
    {nullptr, nullptr, 0, nullptr}};

static PyModuleDef_Slot slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, nullptr}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "plusplus", nullptr, 0, methods, slots, nullptr, nullptr, nullptr};

PyMODINIT_FUNC PyInit_plusplus(void)
{
    return PyModuleDef_Init(&definition);
}
