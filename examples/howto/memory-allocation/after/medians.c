/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    return *(const unsigned char *)left - *(const unsigned char *)right;
}

static PyObject *median(PyObject *module, PyObject *data)
{
    char *bytes = NULL;
    Py_ssize_t size = 0;
    int result = -1;
    unsigned char *sorted = NULL;
    (void)module;
    if (PyBytes_AsStringAndSize(data, &bytes, &size) < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    sorted = (unsigned char *)PyMem_RawMalloc((size_t)size);
    if (sorted != NULL && size > 0) {
        memcpy(sorted, bytes, (size_t)size);
        qsort(sorted, (size_t)size, 1, compare);
        result = sorted[size / 2];
    }
    Py_END_ALLOW_THREADS
    if (sorted == NULL) {
        return PyErr_NoMemory();
    }
    PyMem_RawFree(sorted);
    return PyLong_FromLong(result);
}

static PyMethodDef methods[] = {
    {"median", median, METH_O, PyDoc_STR("median(data): the byte in the middle when they are sorted; -1 without any.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(medians, "Medians.", methods, MBFT_NO_STATE, slots);
