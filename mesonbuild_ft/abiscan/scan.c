/* SPDX-License-Identifier: MIT */
/* The entry point: which format is it, and the life of a result. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abiscan.h"
#include "elf.h"
#include "image.h"
#include "macho.h"
#include "pe.h"
#include "pymodule.h"
#include "wasm.h"

/* Formats that are recognised but not read yet. */
static const struct {
    const char *magic;
    size_t size;
    const char *what;
} known_formats[] = {
    {"!<arch>\n", 8, "a static library"},
    {"!<thin>\n", 8, "a static library"},
};

/* Go on with what a reader of one format has made of the file, and free it. */
static abiscan_status finish(abiscan_status status, abiscan_image *image, const char *stem,
                             abiscan_result *result)
{
    if (status == ABISCAN_OK) {
        status = abiscan_read_module(image, stem, result);
    }
    abiscan_image_free(image);
    return status;
}

static abiscan_status scan_macho(const void *data, size_t size, const char *stem,
                                 abiscan_result *result)
{
    abiscan_image image = {0};
    return finish(abiscan_read_macho(data, size, result, &image), &image, stem, result);
}

static abiscan_status scan_slices(const void *data, size_t size, const char *stem,
                                  abiscan_result *result)
{
    abiscan_slice *slices = NULL;
    abiscan_status status = abiscan_read_universal(data, size, result, &slices);
    for (size_t i = 0; i < result->slice_count && status == ABISCAN_OK; i++) {
        abiscan_result *slice = &result->slices[i];
        const unsigned char *start = (const unsigned char *)data + slices[i].offset;
        size_t length = (size_t)slices[i].size;
        if (abiscan_is_macho(start, length)) {
            slice->status = scan_macho(start, length, stem, slice);
        } else {
            slice->status = ABISCAN_UNSUPPORTED_FORMAT;
            (void)snprintf(slice->message, sizeof slice->message,
                           "the slice does not begin like Mach-O (offset 0x0)");
        }
        if (slice->status == ABISCAN_NO_MEMORY) {
            status = ABISCAN_NO_MEMORY;
        }
    }
    free(slices);
    return status;
}

static abiscan_status scan(const void *data, size_t size, uint64_t file_size, const char *stem,
                           abiscan_result *result)
{
    abiscan_image image = {0};
    if (abiscan_is_elf(data, size)) {
        return finish(abiscan_read_elf(data, size, file_size, result, &image), &image, stem,
                      result);
    }
    if (size < file_size) {
        (void)snprintf(result->message, sizeof result->message,
                       "of this format the whole file is needed, and 0x%zx bytes are given",
                       size);
        return ABISCAN_INCOMPLETE;
    }
    if (abiscan_is_macho(data, size)) {
        return scan_macho(data, size, stem, result);
    }
    if (abiscan_is_universal(data, size)) {
        return scan_slices(data, size, stem, result);
    }
    if (abiscan_is_pe(data, size)) {
        return finish(abiscan_read_pe(data, size, result, &image), &image, stem, result);
    }
    if (abiscan_is_wasm(data, size)) {
        return finish(abiscan_read_wasm(data, size, result, &image), &image, stem, result);
    }
    for (size_t i = 0; i < sizeof known_formats / sizeof known_formats[0]; i++) {
        if (size >= known_formats[i].size
            && memcmp(data, known_formats[i].magic, known_formats[i].size) == 0) {
            (void)snprintf(result->message, sizeof result->message,
                           "the file is %s, which this version cannot read",
                           known_formats[i].what);
            return ABISCAN_UNSUPPORTED_FORMAT;
        }
    }
    (void)snprintf(result->message, sizeof result->message,
                   size == 0 ? "the file is empty"
                             : "the file begins like no binary format (offset 0x0)");
    return ABISCAN_NOT_A_BINARY;
}

uint64_t abiscan_prefix_size(const void *data, size_t size, uint64_t file_size)
{
    if (data == NULL || size > file_size || !abiscan_is_elf(data, size)) {
        return file_size;
    }
    return abiscan_elf_prefix_size(data, size, file_size);
}

abiscan_status abiscan_scan(const void *data, size_t size, const char *stem,
                            abiscan_result **result)
{
    return abiscan_scan_prefix(data, size, size, stem, result);
}

abiscan_status abiscan_scan_prefix(const void *data, size_t size, uint64_t file_size,
                                   const char *stem, abiscan_result **result)
{
    if (result == NULL) {
        return ABISCAN_INVALID_ARGUMENT;
    }
    *result = NULL;
    if ((data == NULL && size != 0) || size > file_size) {
        return ABISCAN_INVALID_ARGUMENT;
    }
    abiscan_result *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return ABISCAN_NO_MEMORY;
    }
    made->status = scan(data, size, file_size, stem, made);
    if (made->status == ABISCAN_NO_MEMORY) {
        abiscan_result_free(made);
        return ABISCAN_NO_MEMORY;
    }
    *result = made;
    return made->status;
}

/* What a result owns: neither before_3_15 nor a slice has more of its kind. */
static void release(abiscan_result *result)
{
    abiscan_result_free(result->before_3_15);
    free(result->needed);
    free(result->init_hooks);
    free(result->slots);
    free(result->imports);
    free(result->name_storage);
}

void abiscan_result_free(abiscan_result *result)
{
    if (result == NULL) {
        return;
    }
    for (size_t i = 0; i < result->slice_count; i++) {
        release(&result->slices[i]);
    }
    free(result->slices);
    release(result);
    free(result);
}

const char *abiscan_status_name(abiscan_status status)
{
    switch (status) {
    case ABISCAN_OK:
        return "ok";
    case ABISCAN_NOT_A_BINARY:
        return "not-a-binary";
    case ABISCAN_UNSUPPORTED_FORMAT:
        return "unsupported-format";
    case ABISCAN_MALFORMED:
        return "malformed";
    case ABISCAN_INCOMPLETE:
        return "incomplete";
    case ABISCAN_NO_MEMORY:
        return "no-memory";
    case ABISCAN_INVALID_ARGUMENT:
        return "invalid-argument";
    }
    return "unknown";
}

const char *abiscan_format_name(abiscan_format format)
{
    switch (format) {
    case ABISCAN_FORMAT_ELF:
        return "elf";
    case ABISCAN_FORMAT_PE:
        return "pe";
    case ABISCAN_FORMAT_MACHO:
        return "macho";
    case ABISCAN_FORMAT_MACHO_UNIVERSAL:
        return "macho-universal";
    case ABISCAN_FORMAT_WASM:
        return "wasm";
    case ABISCAN_FORMAT_NONE:
        break;
    }
    return "none";
}

const char *abiscan_byte_order_name(abiscan_byte_order order)
{
    return order == ABISCAN_BIG_ENDIAN ? "big" : "little";
}

const char *abiscan_file_type_name(abiscan_file_type type)
{
    switch (type) {
    case ABISCAN_FILE_RELOCATABLE:
        return "relocatable";
    case ABISCAN_FILE_EXECUTABLE:
        return "executable";
    case ABISCAN_FILE_SHARED_OBJECT:
        return "shared-object";
    case ABISCAN_FILE_CORE:
        return "core";
    case ABISCAN_FILE_OTHER:
        break;
    }
    return "other";
}

const char *abiscan_init_name(abiscan_init init)
{
    switch (init) {
    case ABISCAN_INIT_NONE:
        return "none";
    case ABISCAN_INIT_MULTI_PHASE:
        return "multi-phase";
    case ABISCAN_INIT_SINGLE_PHASE:
        return "single-phase";
    case ABISCAN_INIT_EXPORT_HOOK:
        return "export-hook";
    case ABISCAN_INIT_UNKNOWN:
        break;
    }
    return "unknown";
}

const char *abiscan_gil_name(abiscan_gil gil)
{
    switch (gil) {
    case ABISCAN_GIL_NOT_USED:
        return "not-used";
    case ABISCAN_GIL_USED:
        return "used";
    case ABISCAN_GIL_NOT_DECLARED:
        return "not-declared";
    case ABISCAN_GIL_UNKNOWN:
        break;
    }
    return "unknown";
}

const char *abiscan_layout_name(abiscan_layout layout)
{
    switch (layout) {
    case ABISCAN_LAYOUT_GIL:
        return "gil";
    case ABISCAN_LAYOUT_FREE_THREADED:
        return "free-threaded";
    case ABISCAN_LAYOUT_OPAQUE:
        return "opaque";
    case ABISCAN_LAYOUT_UNKNOWN:
        break;
    }
    return "unknown";
}

const char *abiscan_slot_style_name(abiscan_slot_style style)
{
    switch (style) {
    case ABISCAN_SLOTS_MODULEDEF:
        return "PyModuleDef_Slot";
    case ABISCAN_SLOTS_PYSLOT:
        return "PySlot";
    case ABISCAN_SLOTS_NONE:
        break;
    }
    return "none";
}

const char *abiscan_framework_name(abiscan_framework framework)
{
    switch (framework) {
    case ABISCAN_FRAMEWORK_CYTHON:
        return "Cython";
    case ABISCAN_FRAMEWORK_PYBIND11:
        return "pybind11";
    case ABISCAN_FRAMEWORK_NANOBIND:
        return "nanobind";
    case ABISCAN_FRAMEWORK_PYO3:
        return "PyO3";
    case ABISCAN_FRAMEWORK_MYPYC:
        return "mypyc";
    case ABISCAN_FRAMEWORK_CFFI:
        return "CFFI";
    case ABISCAN_FRAMEWORK_NONE:
        break;
    }
    return NULL;
}
