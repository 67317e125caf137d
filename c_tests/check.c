/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long checks;
static unsigned long failures;
static char current[128];

void check_context(const char *context)
{
    (void)snprintf(current, sizeof current, "%s", context);
}

static bool count(bool is_true, const char *text, const char *file, int line)
{
    checks++;
    if (!is_true) {
        failures++;
        printf("%s:%d: %s: %s", file, line, current, text);
    }
    return !is_true;
}

void check_true(bool is_true, const char *text, const char *file, int line)
{
    if (count(is_true, text, file, line)) {
        printf(" is false\n");
    }
}

void check_number(unsigned long long got, unsigned long long expected, const char *text,
                  const char *file, int line)
{
    if (count(got == expected, text, file, line)) {
        printf(" is %llu (0x%llx), not %llu (0x%llx)\n", got, got, expected, expected);
    }
}

void check_text(const char *got, const char *expected, const char *text, const char *file,
                int line)
{
    if (count(strcmp(got, expected) == 0, text, file, line)) {
        printf(" is\n    %s\nnot\n    %s\n", got, expected);
    }
}

void check_name(abiscan_name got, const char *expected, const char *text, const char *file,
                int line)
{
    bool is_equal = got.data != NULL && got.size == strlen(expected)
                    && memcmp(got.data, expected, got.size) == 0;
    if (count(is_equal, text, file, line)) {
        printf(" is '%.*s', not '%s'\n", (int)got.size, got.data == NULL ? "" : got.data,
               expected);
    }
}

int check_result(void)
{
    printf("%lu checks, %lu failed\n", checks, failures);
    return failures == 0 && checks != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

abiscan_status scan_copy(const void *data, size_t size, const char *stem,
                         abiscan_result **result, void **copy)
{
    *copy = malloc(size == 0 ? 1 : size);
    if (*copy == NULL) {
        abort();
    }
    if (size != 0) {
        memcpy(*copy, data, size);
    }
    return abiscan_scan(*copy, size, stem, result);
}

void check_every_byte(unsigned char *bytes, size_t size)
{
    static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    check_context("every byte");
    for (size_t at = 0; at < size; at++) {
        unsigned char before = bytes[at];
        for (size_t i = 0; i < sizeof values; i++) {
            abiscan_result *result = NULL;
            void *copy = NULL;
            bytes[at] = values[i];
            abiscan_status status = scan_copy(bytes, size, "sample", &result, &copy);
            CHECK(result != NULL && result->status == status);
            abiscan_result_free(result);
            free(copy);
        }
        bytes[at] = before;
    }
}

void write_whole_file(const char *directory, const char *name, const void *data, size_t size)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}
