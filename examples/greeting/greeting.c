/* SPDX-License-Identifier: MIT
 *
 * A module that compiles as full API, limited API 3.9 and abi3t, and never switches the GIL on.
 */
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

PyDoc_STRVAR(doc, "One C source for every ABI of CPython.");

#ifdef Py_TARGET_ABI3T
/* The stable ABI of 3.15 and newer, with and without the GIL: PEP 793, 803 and 820. */
PyABIInfo_VAR(abi_info);

static PySlot slots[] = {
    PySlot_STATIC_DATA(Py_mod_name, "greeting"),
    PySlot_STATIC_DATA(Py_mod_doc, (void *)doc),
    PySlot_STATIC_DATA(Py_mod_methods, methods),
    PySlot_STATIC_DATA(Py_mod_abi, &abi_info),
    PySlot_DATA(Py_mod_gil, Py_MOD_GIL_NOT_USED),
    PySlot_END,
};

PyMODEXPORT_FUNC PyModExport_greeting(void)
{
    return slots;
}
#else
static PyModuleDef_Slot slots[] = {
/* In the limited API the slot would stop 3.9 to 3.12, and "#ifdef Py_mod_gil" is true on 3.15 always. */
#ifndef Py_LIMITED_API
#if PY_VERSION_HEX >= 0x030d0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "greeting",
    .m_doc = doc,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_greeting(void)
{
    return PyModuleDef_Init(&definition);
}
#endif
