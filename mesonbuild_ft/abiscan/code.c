/* SPDX-License-Identifier: MIT */
#include "code.h"
abiscan_answer abiscan_code_refers(const abiscan_image *image, uint64_t address, uint64_t length)
{ (void)image; (void)address; (void)length; return ABISCAN_CANNOT_TELL; }
abiscan_answer abiscan_code_returns(const abiscan_image *image, uint64_t function, uint64_t *address)
{ (void)image; (void)function; (void)address; return ABISCAN_CANNOT_TELL; }
abiscan_answer abiscan_code_second_argument(const abiscan_image *image, size_t import, uint64_t *value)
{ (void)image; (void)import; (void)value; return ABISCAN_CANNOT_TELL; }
abiscan_answer abiscan_code_stored_gil_slot(const abiscan_image *image, uint64_t *value)
{ (void)image; (void)value; return ABISCAN_CANNOT_TELL; }
