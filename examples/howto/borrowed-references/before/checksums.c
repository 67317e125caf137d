/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

static PyObject *checksum(PyObject *module, PyObject *dict)
{
    char *bytes = NULL;
    Py_ssize_t size = 0;
    unsigned long sum = 0;
    (void)module;
    PyObject *data = PyDict_GetItemString(dict, "data");
    if (data == NULL) {
        return PyErr_Format(PyExc_KeyError, "data");
    }
    if (PyBytes_AsStringAndSize(data, &bytes, &size) < 0) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        sum += (unsigned char)bytes[i];
    }
    return PyLong_FromUnsignedLong(sum);
}

static PyMethodDef methods[] = {
    {"checksum", checksum, METH_O, PyDoc_STR("checksum(dict): the sum of the bytes in dict['data'].")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(checksums, "Sums of bytes.", methods, MBFT_NO_STATE, slots);
