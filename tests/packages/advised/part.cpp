/* SPDX-License-Identifier: MIT */
#include "advised.h"

extern "C" PyObject *part(PyObject *, PyObject *list)
{
    return PyList_Check(list) && PyList_GET_SIZE(list) > 0 ? Py_NewRef(PyList_GET_ITEM(list, 0)) : Py_NewRef(first(list));
}
