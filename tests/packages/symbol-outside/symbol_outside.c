/* SPDX-License-Identifier: MIT */
#include <Python.h>

/* Not in the headers of the limited API 3.9: declared by hand. */
PyAPI_FUNC(PyObject *) PyUnicode_New(Py_ssize_t, Py_UCS4);

static PyObject *
answer(PyObject *module, PyObject *ignored)
{
    if (ignored != NULL)
        (void)PyUnicode_New(0, 127);
    (void)module;
    (void)ignored;
    return PyLong_FromLong(42);
}

static PyMethodDef methods[] = {
    {"answer", answer, METH_NOARGS, "The answer."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if defined(Py_mod_gil) && (!defined(Py_LIMITED_API) || Py_LIMITED_API + 0 >= 0x030d0000)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "symbol_outside", NULL, 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit_symbol_outside(void)
{
    return PyModuleDef_Init(&definition);
}
