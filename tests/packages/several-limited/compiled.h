/* SPDX-License-Identifier: MIT */
/* How a file was compiled: whether with the limited API, and the value of Py_GIL_DISABLED. */
#ifndef COMPILED_H
#define COMPILED_H

#include <Python.h>

#ifdef Py_LIMITED_API
#define LIMITED 1
#else
#define LIMITED 0
#endif
#ifdef Py_GIL_DISABLED
#define DEFINED (Py_GIL_DISABLED + 0)
#else
#define DEFINED 0
#endif

#endif
