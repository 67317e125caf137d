/* SPDX-License-Identifier: MIT */
/* What every fuzz target asks of a scan. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Scan these bytes with and without a module's name, whole and cut off: the results must be
 * readable to the last byte and agree.  The first bytes are replaced by `magic`, so that no
 * input is lost on another format; magic_size 0: they stay. */
void fuzz_one(const uint8_t *data, size_t size, const char *magic, size_t magic_size);

#endif /* FUZZ_H */
