/* SPDX-License-Identifier: MIT */
/* Fuzz target of the entry point: any bytes. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(data, size, "", 0);
    return 0;
}
