/* SPDX-License-Identifier: MIT */
#ifndef HELPER_H
#define HELPER_H

long helper_answer(void);

#endif
