/* SPDX-License-Identifier: MIT */
#include "ledger.h"

static PyMethodDef methods[] = {
    {"add", ledger_add, METH_O, PyDoc_STR("add(ledger): add 1; how much it is now.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(south, "The branch in the south.", methods, MBFT_NO_STATE, slots);
