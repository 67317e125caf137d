/* SPDX-License-Identifier: MIT */
/* A type whose data two sources use. */
#ifndef SHARED_TYPE_H
#define SHARED_TYPE_H

#include <mesonbuild_ft/types.h>

struct pair {
    long first, second;
};
MBFT_TYPE_DATA_SHARED(pair, struct pair);

#ifdef __cplusplus
extern "C"
#endif
PyObject *pair_sum(PyObject *self, PyObject *ignored);

#endif
