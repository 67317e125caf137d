/* SPDX-License-Identifier: MIT */
#include <Python.h>

static PyObject *corners(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    return PyLong_FromLong(2);
}

static PyMethodDef methods[] = {
    {"corners", corners, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "lines", .m_size = -1, .m_methods = methods,
};

PyMODINIT_FUNC PyInit_lines(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    return module;
}
