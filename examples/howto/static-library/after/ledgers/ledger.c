/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <stdio.h>

static void destroy(PyObject *capsule)
{
    Ledger *ledger = (Ledger *)PyCapsule_GetPointer(capsule, "ledger");
    MBFT_Mutex_Free(&ledger->mutex);
    PyMem_Free(ledger);
}

PyObject *ledger_new(PyObject *module, PyObject *ignored)
{
    Ledger *ledger = (Ledger *)PyMem_Calloc(1, sizeof(Ledger));
    (void)module;
    (void)ignored;
    if (ledger == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *capsule = PyCapsule_New(ledger, "ledger", destroy);
    if (capsule == NULL) {
        PyMem_Free(ledger);
    }
    return capsule;
}

PyObject *ledger_add(PyObject *module, PyObject *capsule)
{
    Ledger *ledger = (Ledger *)PyCapsule_GetPointer(capsule, "ledger");
    (void)module;
    if (ledger == NULL) {
        return NULL;
    }
    MBFT_Mutex_Lock(&ledger->mutex);
    long total = ledger->total + 1;
    snprintf(ledger->entry, sizeof(ledger->entry), "1 more, %ld now", total);
    ledger->total = total;
    MBFT_Mutex_Unlock(&ledger->mutex);
    return PyLong_FromLong(total);
}
