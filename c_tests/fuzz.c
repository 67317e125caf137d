/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "abiscan.h"

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

static void require(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

/* Scanned from its first bytes, a file must be what the whole of it is. */
static void check_prefix(const void *data, size_t size, uint64_t file_size, const char *stem,
                         const abiscan_result *whole)
{
    void *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        return;
    }
    if (size != 0) {
        memcpy(copy, data, size);
    }
    abiscan_result *result = NULL;
    abiscan_status status = abiscan_scan_prefix(copy, size, file_size, stem, &result);
    if (result != NULL && status != ABISCAN_INCOMPLETE) {
        check(result);
        require(status == whole->status && strcmp(result->message, whole->message) == 0);
        require(result->init == whole->init && result->gil == whole->gil);
        require(strcmp(result->gil_evidence, whole->gil_evidence) == 0);
        require(result->layout == whole->layout && result->framework == whole->framework);
        require(result->needed_count == whole->needed_count);
        require(result->slot_count == whole->slot_count);
        require(result->import_count == whole->import_count);
        require(result->init_hook_count == whole->init_hook_count);
    }
    abiscan_result_free(result);
    free(copy);
}

static void scan(const void *data, size_t size, const char *stem)
{
    abiscan_result *result = NULL;
    abiscan_status status = abiscan_scan(data, size, stem, &result);
    if (result == NULL) {
        return;
    }
    require(result->status == status && status != ABISCAN_INCOMPLETE);
    check(result);
    for (size_t i = 0; i < result->slice_count; i++) {
        check(&result->slices[i]);
    }
    uint64_t prefix = abiscan_prefix_size(data, size < 4096 ? size : 4096, size);
    require(prefix <= size);
    if (prefix < size) {
        check_prefix(data, (size_t)prefix, size, stem, result);
        check_prefix(data, (size_t)prefix / 2, size, stem, result);
    }
    abiscan_result_free(result);
}

void fuzz_one(const uint8_t *data, size_t size, const char *magic, size_t magic_size)
{
    /* A copy of the exact size: the fuzzer's own buffer may be larger. */
    unsigned char *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        return;
    }
    if (size != 0) {
        memcpy(copy, data, size);
    }
    if (size >= magic_size && magic_size != 0) {
        memcpy(copy, magic, magic_size);
    }
    scan(copy, size, "sample");
    scan(copy, size, NULL);
    free(copy);
}
