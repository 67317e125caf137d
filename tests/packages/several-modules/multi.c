/* SPDX-License-Identifier: MIT */
/* Multi-phase initialisation; the counter is in the module's state, under a critical section. */
#include "common.h"

typedef struct {
    long counter;
} State;

static PyObject *count(PyObject *module, PyObject *argument)
{
    State *state = PyModule_GetState(module);
    long times = PyLong_AsLong(argument);
    long value = 0;

    if (times == -1 && PyErr_Occurred())
        return NULL;
    for (long i = 0; i < times; i++) {
        Py_BEGIN_CRITICAL_SECTION(module);
        value = ++state->counter;
        Py_END_CRITICAL_SECTION();
    }
    return PyLong_FromLong(value);
}

static PyMethodDef methods[] = {
    COMPILED, {"count", count, METH_O, "Count so many times; the value of the counter."}, {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "multi", .m_size = sizeof(State), .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit_multi(void)
{
    return PyModuleDef_Init(&definition);
}
