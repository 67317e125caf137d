/* SPDX-License-Identifier: MIT */
/* A module with all three headers of mesonbuild-ft, found by dependency('mesonbuild-ft'). */
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>
#include <mesonbuild_ft/references.h>

static MBFT_Mutex mutex;
static long calls;

static PyObject *answer(PyObject *module, PyObject *ignored)
{
    PyObject *value = NULL;
    (void)ignored;
    MBFT_Mutex_Lock(&mutex);
    calls++;
    MBFT_Mutex_Unlock(&mutex);
    if (PyDict_GetItemStringRef(PyModule_GetDict(module), "ANSWER", &value) == 0) {
        PyErr_SetString(PyExc_AttributeError, "ANSWER");
    }
    return value;
}

static int execute(PyObject *module)
{
    return PyModule_AddIntConstant(module, "ANSWER", 42);
}

static PyMethodDef methods[] = {
    {"answer", answer, METH_NOARGS, PyDoc_STR("answer()\n--\n\nThe number in ANSWER.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {
    MBFT_EXEC(execute),
    MBFT_GIL_NOT_USED,
    MBFT_SLOTS_END
};

MBFT_MODULE(with_headers, "Found by pkg-config.", methods, MBFT_NO_STATE, slots);
