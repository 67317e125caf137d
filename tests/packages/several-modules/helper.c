/* SPDX-License-Identifier: MIT */
#include "helper.h"

PyObject *helper_new(long number)
{
    PyObject *object = PyLong_FromLong(number);

    Py_XINCREF(object);
    Py_XDECREF(object);
    return object;
}

int helper_defined(void)
{
#ifdef Py_GIL_DISABLED
    return Py_GIL_DISABLED + 0;
#else
    return 0;
#endif
}
