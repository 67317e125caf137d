/* SPDX-License-Identifier: MIT */
/* The whole test framework: checks that print and count, whatever NDEBUG says. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "abiscan.h"

/* What the checks that follow are about, printed with a failure. */
void check_context(const char *context);
void check_true(bool is_true, const char *text, const char *file, int line);
void check_number(unsigned long long got, unsigned long long expected, const char *text,
                  const char *file, int line);
void check_text(const char *got, const char *expected, const char *text, const char *file,
                int line);
void check_name(abiscan_name got, const char *expected, const char *text, const char *file,
                int line);

#define CHECK(condition) check_true((condition), #condition, __FILE__, __LINE__)
#define CHECK_NUMBER(got, expected)                                                       \
    check_number((unsigned long long)(got), (unsigned long long)(expected), #got, __FILE__, \
                 __LINE__)
#define CHECK_TEXT(got, expected) check_text((got), (expected), #got, __FILE__, __LINE__)
#define CHECK_NAME(got, expected) check_name((got), (expected), #got, __FILE__, __LINE__)

/* The exit status for main(). */
int check_result(void);

/* Scan a copy of exactly that size, so that a sanitizer sees every overread.
 * `copy` receives it: the result points into it.  Free both. */
abiscan_status scan_copy(const void *data, size_t size, const char *stem,
                         abiscan_result **result, void **copy);

/* Scan the file with each of its bytes at several extremes: an answer, never a crash.  The
 * bytes are as before afterwards. */
void check_every_byte(unsigned char *bytes, size_t size);

/* Write a file of a corpus; what fails ends the program. */
void write_whole_file(const char *directory, const char *name, const void *data, size_t size);

#endif /* CHECK_H */
