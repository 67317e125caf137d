/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

/* The last question and its answer, since many ask twice. */
static unsigned long long question;
static long answer;

static PyObject *steps(PyObject *module, PyObject *argument)
{
    unsigned long long start = PyLong_AsUnsignedLongLong(argument);
    (void)module;
    if (start == 0 || PyErr_Occurred()) {
        return PyErr_Format(PyExc_ValueError, "steps() needs a positive number");
    }
    if (start != question) {
        question = start;
        answer = 0;
        for (unsigned long long n = start; n != 1; n = n % 2 == 0 ? n / 2 : 3 * n + 1) {
            answer++;
        }
    }
    return PyLong_FromLong(answer);
}

static PyMethodDef methods[] = {
    {"steps", steps, METH_O, PyDoc_STR("steps(n): how many times n is halved, or tripled and 1 added, until it is 1.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(collatz, "Collatz sequences.", methods, MBFT_NO_STATE, slots);
