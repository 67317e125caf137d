/* SPDX-License-Identifier: MIT */
/* everything.c as cl.exe sees it: the headers of MinGW and of Python are read as clang reads them, which they know, and
 * after them nothing tells clang from cl. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <intrin.h>
#undef __clang__
#undef __GNUC__
#ifdef OTHER
#include "other.c"
#elif defined(ADVICE)
#include "advice.c"
#else
#include "everything.c"
#endif
