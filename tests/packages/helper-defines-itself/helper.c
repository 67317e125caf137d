/* SPDX-License-Identifier: MIT */
#define Py_LIMITED_API 0x03090000
#include <Python.h>

#include "helper.h"

long
helper_answer(void)
{
    return 42;
}
