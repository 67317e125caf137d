/* SPDX-License-Identifier: MIT */
#include <Python.h>

#include "helper.h"

long
helper_answer(void)
{
    return 42;
}
