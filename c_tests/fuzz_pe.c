/* SPDX-License-Identifier: MIT */
/* Fuzz target of pe.c. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(data, size, "MZ", 2);
    return 0;
}
