/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

#include <stdint.h>

/* The last question and its answer, since many ask twice. */
static unsigned long long question;
static long answer;

static PyObject *steps(PyObject *module, PyObject *argument)
{
    unsigned long long start = PyLong_AsUnsignedLongLong(argument);
    (void)module;
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (start == 0 || start > UINT32_MAX) { /* 64 bits are enough on the way from any other */
        return PyErr_Format(PyExc_ValueError, "steps() needs a positive number of 32 bits");
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
