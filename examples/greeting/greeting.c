/* SPDX-License-Identifier: MIT
 *
 * A module that compiles as full API, limited API 3.9 and abi3t, and never switches the GIL on.
 */
#include <mesonbuild_ft/module.h>

static PyObject *greet(PyObject *module, PyObject *name)
{
    (void)module;
    return PyUnicode_FromFormat("Hello, %S!", name);
}

static PyMethodDef methods[] = {
    {"greet", greet, METH_O, PyDoc_STR("greet(name): a greeting for name, of any type.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {
    MBFT_GIL_NOT_USED,
    MBFT_SLOTS_END,
};

MBFT_MODULE(greeting, "One C source for every ABI of CPython.", methods, MBFT_NO_STATE, slots);
