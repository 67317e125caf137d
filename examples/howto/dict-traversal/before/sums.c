/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

static PyObject *sum(PyObject *module, PyObject *dict)
{
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t position = 0;
    long result = 0;
    (void)module;
    if (!PyDict_CheckExact(dict)) {
        return PyErr_Format(PyExc_TypeError, "sum() needs a dict");
    }
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (PyLong_CheckExact(value)) {
            result += PyLong_AsLong(value);
        }
    }
    return PyErr_Occurred() ? NULL : PyLong_FromLong(result);
}

static PyMethodDef methods[] = {
    {"sum", sum, METH_O, PyDoc_STR("sum(dict): the sum of the values that are int.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(sums, "Sums of dicts.", methods, MBFT_NO_STATE, slots);
