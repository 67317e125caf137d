/* SPDX-License-Identifier: MIT */
#include "helper.h"

long
helper_answer(void)
{
    return 42;
}
