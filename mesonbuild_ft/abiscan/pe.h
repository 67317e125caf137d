/* SPDX-License-Identifier: MIT */
/* PE32 and PE32+ (Windows: .pyd, .dll, .exe).  Internal. */
#ifndef ABISCAN_PE_H
#define ABISCAN_PE_H

#include "abiscan.h"
#include "image.h"

bool abiscan_is_pe(const void *data, size_t size);

/* Fill the format's part of the result and the image, whose addresses are relative
 * to the image base.  On failure the result holds status and message. */
abiscan_status abiscan_read_pe(const void *data, size_t size, abiscan_result *result,
                               abiscan_image *image);

#endif /* ABISCAN_PE_H */
