/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_H
#define LEDGER_H

#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>

typedef struct {
    MBFT_Mutex mutex;
    long total;
    char entry[40]; /* the last one */
} Ledger;

/* A new ledger, as a capsule; methods of Python. */
PyObject *ledger_new(PyObject *module, PyObject *ignored);
/* Add 1 to a ledger; its total. */
PyObject *ledger_add(PyObject *module, PyObject *capsule);

#endif
