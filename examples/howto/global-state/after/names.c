/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>

static MBFT_Mutex mutex;
static long used;

static PyObject *make(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    MBFT_Mutex_Lock(&mutex);
    long number = used++;
    MBFT_Mutex_Unlock(&mutex);
    return PyUnicode_FromFormat("name-%ld", number);
}

static PyMethodDef methods[] = {
    {"make", make, METH_NOARGS, PyDoc_STR("make(): a name that it never gave before.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(names, "Names, each different from all others in the process.", methods, MBFT_NO_STATE, slots);
