/* SPDX-License-Identifier: MIT */
/* The other source of shared_type.c; C also where that is compiled as C++. */
#include "shared_type.h"

PyObject *pair_sum(PyObject *self, PyObject *ignored)
{
    struct pair *pair = MBFT_DATA(pair, self);
    (void)ignored;
    return PyLong_FromLong(pair->first + pair->second);
}
