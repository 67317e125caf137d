/* SPDX-License-Identifier: MIT */
#include <Python.h>

long
cpp_part(void)
{
    return 42;
}
