/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>

#include <limits.h>

static PyObject *sum(PyObject *module, PyObject *dict)
{
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t position = 0;
    long result = 0;
    (void)module;
    if (!PyDict_CheckExact(dict)) {
        return PyErr_Format(PyExc_TypeError, "sum() needs a dict");
    }
    MBFT_BEGIN_CRITICAL_SECTION(dict);
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (PyLong_CheckExact(value)) {
            long number = PyLong_AsLong(value);
            if (number < 0 ? result < LONG_MIN - number : result > LONG_MAX - number) {
                PyErr_SetString(PyExc_OverflowError, "the sum is too large");
            }
            if (PyErr_Occurred()) {
                break;
            }
            result += number;
        }
    }
    MBFT_END_CRITICAL_SECTION();
    return PyErr_Occurred() ? NULL : PyLong_FromLong(result);
}

static PyMethodDef methods[] = {
    {"sum", sum, METH_O, PyDoc_STR("sum(dict): the sum of the values that are int.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(sums, "Sums of dicts.", methods, MBFT_NO_STATE, slots);
