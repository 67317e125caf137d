/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

static long used;

static PyObject *make(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    PyObject *name = PyUnicode_FromFormat("name-%ld", used);
    used++;
    return name;
}

static PyMethodDef methods[] = {
    {"make", make, METH_NOARGS, PyDoc_STR("make(): a name that it never gave before.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(names, "Names, each different from all others in the process.", methods, MBFT_NO_STATE, slots);
