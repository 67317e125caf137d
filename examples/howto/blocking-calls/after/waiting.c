/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

#include <unistd.h>

static PyObject *wait_for(PyObject *module, PyObject *argument)
{
    char byte = 0;
    int file = PyObject_AsFileDescriptor(argument);
    (void)module;
    if (file < 0) {
        return NULL;
    }
    ssize_t count;
    Py_BEGIN_ALLOW_THREADS
    count = read(file, &byte, 1);
    Py_END_ALLOW_THREADS
    if (count < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromSsize_t(count);
}

static PyMethodDef methods[] = {
    {"wait_for", wait_for, METH_O, PyDoc_STR("wait_for(file): wait for one byte, or the end of the file.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(waiting, "Waits for what others write.", methods, MBFT_NO_STATE, slots);
