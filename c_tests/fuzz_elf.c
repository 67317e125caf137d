/* SPDX-License-Identifier: MIT */
/* Fuzz target of elf.c. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(data, size, "\177ELF", 4);
    return 0;
}
