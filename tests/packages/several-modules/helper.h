/* SPDX-License-Identifier: MIT */
#ifndef HELPER_H
#define HELPER_H

#include <Python.h>

/* A new reference to the number. The header of the object is touched as this library was compiled. */
PyObject *helper_new(long number);

/* What the library was compiled with: the value of Py_GIL_DISABLED, 0 where it is not defined. */
int helper_defined(void);

#endif
