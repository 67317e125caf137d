/* SPDX-License-Identifier: MIT */
/* What makes a loaded image a Python module; knows no file format.  Internal. */
#ifndef ABISCAN_PYMODULE_H
#define ABISCAN_PYMODULE_H

#include "abiscan.h"
#include "image.h"

/* Fill the Python part of the result.  Fails only with ABISCAN_NO_MEMORY. */
abiscan_status abiscan_read_module(const abiscan_image *image, const char *stem,
                                   abiscan_result *result);

#endif /* ABISCAN_PYMODULE_H */
