/* SPDX-License-Identifier: MIT */
#ifndef HELPER_H
#define HELPER_H

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a library was compiled, as a new tuple (limited API, Py_GIL_DISABLED); its header is touched there. */
PyObject *helper_compiled(void);
PyObject *plushelper_compiled(void);

#ifdef __cplusplus
}
#endif

#endif
