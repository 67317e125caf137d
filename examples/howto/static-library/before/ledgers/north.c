/* SPDX-License-Identifier: MIT */
#include "ledger.h"

static PyMethodDef methods[] = {
    {"new", ledger_new, METH_NOARGS, PyDoc_STR("new(): a ledger, for all modules of the package.")},
    {"add", ledger_add, METH_O, PyDoc_STR("add(ledger): add 1; how much it is now.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(north, "The branch in the north.", methods, MBFT_NO_STATE, slots);
