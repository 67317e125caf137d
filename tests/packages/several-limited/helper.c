/* SPDX-License-Identifier: MIT */
#include "helper.h"
#include "compiled.h"

PyObject *helper_compiled(void)
{
    PyObject *result = Py_BuildValue("ii", LIMITED, DEFINED);

    Py_XINCREF(result);
    Py_XDECREF(result);
    return result;
}
