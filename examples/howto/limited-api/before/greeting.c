/* SPDX-License-Identifier: MIT */
#include <Python.h>

static PyObject *greet(PyObject *module, PyObject *name)
{
    (void)module;
    return PyUnicode_FromFormat("Hello, %S!", name);
}

static PyMethodDef methods[] = {
    {"greet", greet, METH_O, PyDoc_STR("greet(name): a greeting for name, of any type.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "greeting", .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC PyInit_greeting(void)
{
    return PyModuleDef_Init(&definition);
}
