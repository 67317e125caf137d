/* SPDX-License-Identifier: MIT */
/* The few questions that only machine code answers.  Internal.
 * Each answer is a proof or "cannot tell"; nothing is executed or emulated. */
#ifndef ABISCAN_CODE_H
#define ABISCAN_CODE_H

#include "image.h"

typedef enum abiscan_answer {
    ABISCAN_CANNOT_TELL = 0,
    ABISCAN_NO,
    ABISCAN_YES
} abiscan_answer;

/* Whether an instruction may refer to an address in the range. */
abiscan_answer abiscan_code_refers(const abiscan_image *image, uint64_t address,
                                   uint64_t length);

/* The constant address that a function returns, when it does nothing else. */
abiscan_answer abiscan_code_returns(const abiscan_image *image, uint64_t function,
                                    uint64_t *address);

/* The second argument that all calls of an import pass, when it is a constant. */
abiscan_answer abiscan_code_second_argument(const abiscan_image *image, size_t import,
                                            uint64_t *value);

/* The constant that code stores at a pointer-sized slot entry whose identifier it
 * also stores: ABISCAN_YES where exactly one value of Py_mod_gil is written. */
abiscan_answer abiscan_code_stored_gil_slot(const abiscan_image *image, uint64_t *value);

#endif /* ABISCAN_CODE_H */
