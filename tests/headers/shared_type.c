/* SPDX-License-Identifier: MIT */
/* A type whose data two sources use. */
#include "shared_type.h"

#include <mesonbuild_ft/module.h>

#ifndef WITHOUT_TOKEN
MBFT_TYPE_TOKEN(pair);
#endif

static PyMethodDef pair_methods[] = {
    {"sum", pair_sum, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef pair_members[] = {
    MBFT_MEMBER(pair, "first", Py_T_LONG, first, 0, NULL),
    MBFT_MEMBER(pair, "second", Py_T_LONG, second, 0, NULL),
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot pair_slots[] = {
    MBFT_TYPE_SLOT(Py_tp_methods, pair_methods),
    MBFT_TYPE_SLOT(Py_tp_members, pair_members),
    MBFT_TYPE_SLOTS_END(pair),
};

static PyType_Spec pair_spec = {"shared_type.Pair", MBFT_BASICSIZE(pair), 0, Py_TPFLAGS_DEFAULT, pair_slots};

/* The sum of a new instance. */
static PyObject *answer(PyObject *module, PyObject *numbers)
{
    PyObject *type = MBFT_Type_FromModuleAndSpec(module, &pair_spec);
    PyObject *pair = type == NULL ? NULL : PyObject_CallObject(type, NULL);
    PyObject *result = NULL;
    Py_XDECREF(type);
    if (pair != NULL
        && PyArg_ParseTuple(numbers, "ll", &MBFT_DATA(pair, pair)->first, &MBFT_DATA(pair, pair)->second)) {
        result = PyObject_CallMethod(pair, "sum", NULL);
    }
    Py_XDECREF(pair);
    return result;
}

static PyMethodDef methods[] = {
    {"answer", answer, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {
    MBFT_GIL_NOT_USED,
    MBFT_SLOTS_END,
};

MBFT_MODULE(shared_type, "A type of two sources.", methods, MBFT_NO_STATE, slots);
