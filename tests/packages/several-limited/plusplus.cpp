/* SPDX-License-Identifier: MIT */
#include "helper.h"
#include "compiled.h"

#include <string>

/* How this module was compiled, and its library. */
static PyObject *compiled(PyObject *module, PyObject *unused)
{
    std::string format = "(ii)N";

    return Py_BuildValue(format.c_str(), LIMITED, DEFINED, plushelper_compiled());
}

static PyMethodDef methods[] = {{"compiled", compiled, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};

static PyModuleDef_Slot slots[] = {
#ifndef Py_LIMITED_API
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "plusplus", nullptr, 0, methods, slots, nullptr, nullptr, nullptr};

PyMODINIT_FUNC PyInit_plusplus(void)
{
    return PyModuleDef_Init(&definition);
}
