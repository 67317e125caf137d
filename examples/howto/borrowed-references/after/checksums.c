/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>
#include <mesonbuild_ft/references.h>

static PyObject *checksum(PyObject *module, PyObject *dict)
{
    char *bytes = NULL;
    Py_ssize_t size = 0;
    unsigned long sum = 0;
    (void)module;
    PyObject *data = NULL;
    int found = PyDict_GetItemStringRef(dict, "data", &data);
    if (found < 0) {
        return NULL;
    }
    if (found == 0) {
        return PyErr_Format(PyExc_KeyError, "data");
    }
    if (PyBytes_AsStringAndSize(data, &bytes, &size) < 0) {
        Py_DECREF(data);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        sum += (unsigned char)bytes[i];
    }
    Py_DECREF(data);
    return PyLong_FromUnsignedLong(sum);
}

static PyMethodDef methods[] = {
    {"checksum", checksum, METH_O, PyDoc_STR("checksum(dict): the sum of the bytes in dict['data'].")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(checksums, "Sums of bytes.", methods, MBFT_NO_STATE, slots);
