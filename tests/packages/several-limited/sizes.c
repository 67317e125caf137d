/* SPDX-License-Identifier: MIT */
/* A program for tests that includes Python.h, and is not installed. */
#include <Python.h>

#include <stdio.h>

int main(void)
{
    printf("%zu\n", sizeof(PyObject));
    return 0;
}
