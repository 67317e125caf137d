/* SPDX-License-Identifier: MIT */
/* ELF, 32 and 64 bit, both byte orders.  Internal. */
#ifndef ABISCAN_ELF_H
#define ABISCAN_ELF_H

#include "abiscan.h"
#include "image.h"

bool abiscan_is_elf(const void *data, size_t size);

/* Fill the format's part of the result and the image.  On failure the result
 * holds status and message. */
abiscan_status abiscan_read_elf(const void *data, size_t size, abiscan_result *result,
                                abiscan_image *image);

#endif /* ABISCAN_ELF_H */
