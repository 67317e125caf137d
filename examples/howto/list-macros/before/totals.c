/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

static PyObject *total(PyObject *module, PyObject *list)
{
    double result = 0;
    (void)module;
    if (!PyList_Check(list)) {
        return PyErr_Format(PyExc_TypeError, "total() needs a list");
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        if (PyFloat_CheckExact(item)) {
            result += PyFloat_AS_DOUBLE(item);
        }
    }
    return PyFloat_FromDouble(result);
}

static PyMethodDef methods[] = {
    {"total", total, METH_O, PyDoc_STR("total(list): the sum of the items that are floats.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(totals, "Sums of lists.", methods, MBFT_NO_STATE, slots);
