/* SPDX-License-Identifier: MIT */
/* Mach-O, 32 and 64 bit, both byte orders, and universal files.  Internal. */
#ifndef ABISCAN_MACHO_H
#define ABISCAN_MACHO_H

#include "abiscan.h"
#include "image.h"

bool abiscan_is_macho(const void *data, size_t size);

/* Fill the format's part of the result and the image.  On failure the result
 * holds status and message.  A machine that the result names already (of a
 * slice) must be the header's. */
abiscan_status abiscan_read_macho(const void *data, size_t size, abiscan_result *result,
                                  abiscan_image *image);

/* Universal files begin like Java class files, which they are told from. */
bool abiscan_is_universal(const void *data, size_t size);

typedef struct abiscan_slice {
    uint64_t offset; /* in the universal file */
    uint64_t size;
} abiscan_slice;

/* Make one empty result for each slice, and say where it lies.  The caller frees
 * `slices`, also after a failure. */
abiscan_status abiscan_read_universal(const void *data, size_t size, abiscan_result *result,
                                      abiscan_slice **slices);

#endif /* ABISCAN_MACHO_H */
