/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

static PyObject *total(PyObject *module, PyObject *list)
{
    double result = 0;
    (void)module;
    if (!PyList_Check(list)) {
        return PyErr_Format(PyExc_TypeError, "total() needs a list");
    }
    PyObject *items = PyList_AsTuple(list);
    if (items == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items); i++) {
        PyObject *item = PyTuple_GET_ITEM(items, i);
        if (PyFloat_CheckExact(item)) {
            result += PyFloat_AS_DOUBLE(item);
        }
    }
    Py_DECREF(items);
    return PyFloat_FromDouble(result);
}

static PyMethodDef methods[] = {
    {"total", total, METH_O, PyDoc_STR("total(list): the sum of the items that are floats.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(totals, "Sums of lists.", methods, MBFT_NO_STATE, slots);
