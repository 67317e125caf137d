/* SPDX-License-Identifier: MIT */
#define INIT PyInit_returns_cpp
#include "returns.c"
