/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/types.h>

typedef struct { PyObject_HEAD
    long number;
} Holder;
