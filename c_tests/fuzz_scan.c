/* SPDX-License-Identifier: MIT */
/* The fuzzer's way in: any bytes, with and without a module name. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "abiscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touch every byte that the result refers to. */
static unsigned long read_name(abiscan_name name)
{
    unsigned long sum = 0;
    for (size_t i = 0; i < name.size; i++) {
        sum += (unsigned char)name.data[i];
    }
    return sum;
}

static void check(const abiscan_result *result)
{
    volatile unsigned long sum = 0;
    if (strlen(result->message) >= sizeof result->message
        || (result->status != ABISCAN_OK && result->message[0] == 0)) {
        abort();
    }
    sum += strlen(result->machine) + strlen(result->minimum_os);
    sum += read_name(result->soname) + read_name(result->definition_name);
    for (size_t i = 0; i < result->needed_count; i++) {
        sum += read_name(result->needed[i]);
    }
    for (size_t i = 0; i < result->init_hook_count; i++) {
        sum += read_name(result->init_hooks[i]);
    }
    for (size_t i = 0; i < result->import_count; i++) {
        sum += read_name(result->imports[i].name) + read_name(result->imports[i].library);
    }
    for (size_t i = 0; i < result->slot_count; i++) {
        sum += result->slots[i];
    }
    if (result->before_3_15 != NULL) {
        const abiscan_result *older = result->before_3_15;
        sum += read_name(older->definition_name);
        for (size_t i = 0; i < older->slot_count; i++) {
            sum += older->slots[i];
        }
    }
    (void)sum; /* volatile: the reads are made */
}

static void scan(const void *data, size_t size, const char *stem)
{
    abiscan_result *result = NULL;
    abiscan_status status = abiscan_scan(data, size, stem, &result);
    if (result == NULL) {
        return;
    }
    if (result->status != status) {
        abort();
    }
    check(result);
    for (size_t i = 0; i < result->slice_count; i++) {
        check(&result->slices[i]);
    }
    abiscan_result_free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of the exact size: the fuzzer's own buffer may be larger. */
    void *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        return 0;
    }
    if (size != 0) {
        memcpy(copy, data, size);
    }
    scan(copy, size, "sample");
    scan(copy, size, NULL);
    free(copy);
    return 0;
}
