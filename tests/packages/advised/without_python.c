/* SPDX-License-Identifier: MIT */
/* Names that Python.h has as well. */
typedef int PyObject;
static PyObject Py_None = 1;
int without_python(int number);

int without_python(int number)
{
    return number + Py_None;
}
