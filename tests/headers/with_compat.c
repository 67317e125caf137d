/* SPDX-License-Identifier: MIT */
/* pythoncapi_compat.h before everything: both may be used in one source. */
#include "pythoncapi_compat.h"
#include "everything.c"
