/* SPDX-License-Identifier: MIT */
#include <Python.h>

#ifndef MBFT_ALLOW
#  define MBFT_ALLOW(function) function
#  define MBFT_ADVICE_OFF
#  define MBFT_ADVICE_ON
#endif

#ifdef __cplusplus
extern "C" {
#endif
PyObject *part(PyObject *module, PyObject *list);
#ifdef __cplusplus
}
#endif
int without_python(int number);

static inline PyObject *first(PyObject *list)
{
    return PyList_GetItem(list, 0);
}
