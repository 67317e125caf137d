/* SPDX-License-Identifier: MIT */
#include <Python.h>

static PyObject *corners(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    return PyLong_FromLong(0);
}

static PyMethodDef methods[] = {
    {"corners", corners, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "points", .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC PyInit_points(void)
{
    return PyModuleDef_Init(&definition);
}
