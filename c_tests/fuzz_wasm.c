/* SPDX-License-Identifier: MIT */
/* Fuzz target of wasm.c. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(data, size, "\0asm\1\0\0\0", 8);
    return 0;
}
