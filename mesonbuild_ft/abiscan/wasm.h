/* SPDX-License-Identifier: MIT */
/* WebAssembly (Emscripten: .so).  Internal. */
#ifndef ABISCAN_WASM_H
#define ABISCAN_WASM_H

#include "abiscan.h"
#include "image.h"

bool abiscan_is_wasm(const void *data, size_t size);

/* Fill the format's part of the result and the image, which has imports and exports
 * and no addresses: code and data are not read.  On failure the result holds status
 * and message. */
abiscan_status abiscan_read_wasm(const void *data, size_t size, abiscan_result *result,
                                 abiscan_image *image);

#endif /* ABISCAN_WASM_H */
