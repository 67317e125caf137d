/* SPDX-License-Identifier: MIT */
#include "helper.h"
#include "compiled.h"

/* How this module was compiled, and its library. */
static PyObject *compiled(PyObject *module, PyObject *unused)
{
    return Py_BuildValue("(ii)N", LIMITED, DEFINED, helper_compiled());
}

static PyMethodDef methods[] = {{"compiled", compiled, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {
#ifndef Py_LIMITED_API
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "second", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit_second(void)
{
    return PyModuleDef_Init(&definition);
}
