/* SPDX-License-Identifier: MIT */
/* ELF, 32 and 64 bit, both byte orders.  Internal. */
#ifndef ABISCAN_ELF_H
#define ABISCAN_ELF_H

#include "abiscan.h"
#include "image.h"

bool abiscan_is_elf(const void *data, size_t size);

/* Fill the format's part of the result and the image from the first `size` bytes of
 * a file of file_size.  On failure the result holds status and message. */
abiscan_status abiscan_read_elf(const void *data, size_t size, uint64_t file_size,
                                abiscan_result *result, abiscan_image *image);

/* How many bytes from the start the loader maps; file_size when that is not known. */
uint64_t abiscan_elf_prefix_size(const void *data, size_t size, uint64_t file_size);

#endif /* ABISCAN_ELF_H */
