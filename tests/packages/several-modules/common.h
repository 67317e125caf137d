/* SPDX-License-Identifier: MIT */
/* What each module tells of itself: how it was compiled. */
#ifndef COMMON_H
#define COMMON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifdef Py_GIL_DISABLED
#define DEFINED (Py_GIL_DISABLED + 0)
#else
#define DEFINED 0
#endif

/* (value of Py_GIL_DISABLED, sizeof(PyObject)) */
static PyObject *compiled(PyObject *module, PyObject *unused)
{
    return Py_BuildValue("in", DEFINED, (Py_ssize_t)sizeof(PyObject));
}

#define COMPILED {"compiled", compiled, METH_NOARGS, "How this was compiled."}

#endif
