/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

#include <structmember.h>

#include "holder.h"

/* This one is right; PyObject_HEAD stands in a comment here. */
#ifndef Py_TARGET_ABI3T
struct other {
    PyObject_HEAD
};
#endif

static PyMemberDef members[] = {
    {"number", T_LONG, offsetof(Holder, number), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot holder_slots[] = {
    {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec holder_spec = {"object_head.Holder", sizeof(Holder), 0, Py_TPFLAGS_DEFAULT, holder_slots};

static PyObject *
answer(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    PyObject *type = PyType_FromSpec(&holder_spec);
    PyObject *holder = type == NULL ? NULL : PyObject_CallObject(type, NULL);
    Py_XDECREF(type);
    if (holder == NULL) {
        return NULL;
    }
    ((Holder *)holder)->number = 42;
    PyObject *number = PyObject_GetAttrString(holder, "number");
    Py_DECREF(holder);
    return number;
}

static PyMethodDef methods[] = {
    {"answer", answer, METH_NOARGS, "The answer."},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {
    MBFT_GIL_NOT_USED,
    MBFT_SLOTS_END,
};

MBFT_MODULE(object_head, "A type with data.", methods, MBFT_NO_STATE, slots);
