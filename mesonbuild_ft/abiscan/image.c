/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void abiscan_image_free(abiscan_image *image)
{
    free(image->segments);
    free(image->cells);
    free(image->imports);
    free(image->exports);
    free(image->functions);
    memset(image, 0, sizeof *image);
}

static void swap_items(unsigned char *left, unsigned char *right, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = left[i];
        left[i] = right[i];
        right[i] = byte;
    }
}

static void sift_down(unsigned char *base, size_t root, size_t count, size_t size,
                      int (*compare)(const void *, const void *))
{
    while (root < count / 2) {
        size_t child = 2 * root + 1;
        if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0) {
            child++;
        }
        if (compare(base + root * size, base + child * size) >= 0) {
            return;
        }
        swap_items(base + root * size, base + child * size, size);
        root = child;
    }
}

void abiscan_sort(void *base, size_t count, size_t size,
                  int (*compare)(const void *left, const void *right))
{
    unsigned char *items = base;
    bool is_sorted = true;
    for (size_t i = 1; i < count && is_sorted; i++) {
        is_sorted = compare(items + (i - 1) * size, items + i * size) <= 0;
    }
    if (is_sorted) {
        return; /* what linkers write mostly is */
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(items, i, count, size, compare);
    }
    for (size_t end = count; end-- > 1;) {
        swap_items(items, items + end * size, size);
        sift_down(items, 0, end, size, compare);
    }
}

/* The end of the ascending run that begins at `start`. */
static size_t run_end(const abiscan_cell *cells, size_t start, size_t count)
{
    size_t end = start + 1;
    while (end < count && cells[end - 1].address <= cells[end].address) {
        end++;
    }
    return end < count ? end : count;
}

static void merge_runs(const abiscan_cell *from, abiscan_cell *to, size_t start, size_t middle,
                       size_t end)
{
    size_t left = start, right = middle;
    for (size_t at = start; at < end; at++) {
        bool takes_left
            = left < middle && (right >= end || from[left].address <= from[right].address);
        to[at] = takes_left ? from[left++] : from[right++];
    }
}

bool abiscan_image_sort(abiscan_image *image)
{
    /* Linkers write two or three sorted tables one after the other: merging the
     * runs that are there takes few passes, and log n at worst. */
    size_t count = image->cell_count;
    if (count == 0 || run_end(image->cells, 0, count) == count) {
        return true;
    }
    abiscan_cell *other = calloc(count, sizeof *other);
    if (other == NULL) {
        return false;
    }
    size_t runs = 0;
    do {
        runs = 0;
        for (size_t start = 0; start < count; runs++) {
            size_t middle = run_end(image->cells, start, count);
            size_t end = middle < count ? run_end(image->cells, middle, count) : count;
            merge_runs(image->cells, other, start, middle, end);
            start = end;
        }
        abiscan_cell *swap = image->cells;
        image->cells = other;
        other = swap;
    } while (runs > 1);
    free(other);
    return true;
}

int abiscan_compare_names(abiscan_name left, abiscan_name right)
{
    size_t shared = left.size < right.size ? left.size : right.size;
    int order = shared == 0 ? 0 : memcmp(left.data, right.data, shared);
    if (order != 0) {
        return order;
    }
    return left.size < right.size ? -1 : left.size > right.size;
}

const abiscan_segment *abiscan_segment_of(const abiscan_image *image, uint64_t address)
{
    size_t low = 0, high = image->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const abiscan_segment *segment = &image->segments[middle];
        if (address < segment->address) {
            high = middle;
        } else if (address - segment->address < segment->memory_size) {
            return segment;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const abiscan_cell *abiscan_cell_at(const abiscan_image *image, uint64_t address)
{
    size_t low = 0, high = image->cell_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->cells[middle].address < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < image->cell_count && image->cells[low].address == address) {
        return &image->cells[low];
    }
    return NULL;
}

const unsigned char *abiscan_image_bytes(const abiscan_image *image, uint64_t address,
                                         uint64_t length)
{
    const abiscan_segment *segment = abiscan_segment_of(image, address);
    if (segment == NULL) {
        return NULL;
    }
    uint64_t inside = address - segment->address;
    if (!abiscan_in_range(inside, length, segment->file_size)) {
        return NULL;
    }
    /* file_offset + file_size was checked against the buffer by the reader. */
    return abiscan_bytes(&image->file, segment->file_offset + inside, length);
}

bool abiscan_image_number(const abiscan_image *image, uint64_t address, unsigned length,
                          uint64_t *value)
{
    *value = 0;
    const abiscan_segment *segment = abiscan_segment_of(image, address);
    if (segment == NULL) {
        return false;
    }
    uint64_t inside = address - segment->address;
    if (!abiscan_in_range(inside, length, segment->memory_size)) {
        return false;
    }
    if (inside >= segment->file_size) {
        return true; /* zeros beyond the file */
    }
    if (!abiscan_in_range(inside, length, segment->file_size)) {
        return false;
    }
    abiscan_cursor cursor = image->file;
    abiscan_seek(&cursor, segment->file_offset + inside);
    switch (length) {
    case 1:
        *value = abiscan_u8(&cursor);
        break;
    case 2:
        *value = abiscan_u16(&cursor);
        break;
    case 4:
        *value = abiscan_u32(&cursor);
        break;
    default:
        *value = abiscan_u64(&cursor);
        break;
    }
    return !cursor.failed;
}

abiscan_word_value abiscan_image_word(const abiscan_image *image, uint64_t address)
{
    abiscan_word_value result = {ABISCAN_WORD_INVALID, 0};
    const abiscan_cell *cell = abiscan_cell_at(image, address);
    if (cell != NULL) {
        result.kind = cell->is_import ? ABISCAN_WORD_IMPORT : ABISCAN_WORD_POINTER;
        result.value = cell->target;
        return result;
    }
    if (abiscan_image_number(image, address, image->file.is_64 ? 8 : 4, &result.value)) {
        result.kind = ABISCAN_WORD_PLAIN;
    }
    return result;
}

abiscan_name abiscan_image_string(const abiscan_image *image, uint64_t address)
{
    abiscan_name name = {NULL, 0};
    const abiscan_segment *segment = abiscan_segment_of(image, address);
    if (segment == NULL || address - segment->address >= segment->file_size) {
        return name;
    }
    uint64_t room = segment->file_size - (address - segment->address);
    if (room > ABISCAN_NAME_LIMIT + 1) {
        room = ABISCAN_NAME_LIMIT + 1;
    }
    const unsigned char *bytes = abiscan_image_bytes(image, address, room);
    if (bytes == NULL) {
        return name;
    }
    const unsigned char *end = memchr(bytes, 0, (size_t)room);
    if (end != NULL) {
        name.data = (const char *)bytes;
        name.size = (size_t)(end - bytes);
    }
    return name;
}

bool abiscan_is_constant(const abiscan_image *image, uint64_t address, uint64_t length)
{
    const abiscan_segment *segment = abiscan_segment_of(image, address);
    if (segment == NULL) {
        return false;
    }
    if (!segment->is_writable) {
        return abiscan_in_range(address - segment->address, length, segment->memory_size);
    }
    return address >= image->relro_address
           && abiscan_in_range(address - image->relro_address, length, image->relro_size);
}

bool abiscan_name_is(abiscan_name name, const char *text)
{
    size_t length = strlen(text);
    return name.data != NULL && name.size == length && memcmp(name.data, text, length) == 0;
}

bool abiscan_name_starts(abiscan_name name, const char *prefix)
{
    size_t length = strlen(prefix);
    return name.data != NULL && name.size >= length && memcmp(name.data, prefix, length) == 0;
}

size_t abiscan_find_import(const abiscan_image *image, const char *name)
{
    for (size_t i = 0; i < image->import_count; i++) {
        if (abiscan_name_is(image->imports[i].name, name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

bool abiscan_fail(abiscan_result *result, abiscan_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    result->status = status;
    (void)vsnprintf(result->message, sizeof result->message, format, arguments);
    va_end(arguments);
    return false;
}
