/* SPDX-License-Identifier: MIT */
/* Malformed ELF files, each with the exact status and message. */
#include "builder.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static module_options plain_options(void)
{
    module_options options = {.hook = HOOK_INIT};
    options.slots[0].identifier = 2;
    options.slots[0].value = 1;
    options.slots[1].identifier = 4;
    options.slots[1].value = 1;
    return options;
}

static void expect(const module_file *file, size_t size, abiscan_status status,
                   const char *message)
{
    abiscan_result *result = NULL;
    void *copy = NULL;
    abiscan_status got = scan_copy(file->bytes, size, "sample", &result, &copy);
    CHECK_TEXT(abiscan_status_name(got), abiscan_status_name(status));
    CHECK(result != NULL);
    if (result != NULL) {
        CHECK_TEXT(result->message, message);
    }
    abiscan_result_free(result);
    free(copy);
}

static void test_good(void)
{
    static const struct {
        bool is_32, big_endian;
        const char *machine;
    } kinds[] = {
        {false, false, "x86_64"},
        {false, true, "s390x"},
        {true, false, "i386"},
        {true, true, "ppc"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        module_options options = plain_options();
        module_file file;
        options.is_32 = kinds[i].is_32;
        options.big_endian = kinds[i].big_endian;
        build_module(&file, &options);
        check_context(kinds[i].machine);
        abiscan_result *result = NULL;
        void *copy = NULL;
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(result->message, "");
        CHECK_TEXT(result->machine, kinds[i].machine);
        CHECK_NUMBER(result->bits, kinds[i].is_32 ? 32 : 64);
        CHECK_NUMBER(result->byte_order,
                     kinds[i].big_endian ? ABISCAN_BIG_ENDIAN : ABISCAN_LITTLE_ENDIAN);
        CHECK_NUMBER(result->file_type, ABISCAN_FILE_SHARED_OBJECT);
        CHECK_NUMBER(result->needed_count, 1);
        CHECK_NAME(result->needed[0], "libc.so.6");
        CHECK_NAME(result->soname, "libc.so.6");
        CHECK_NUMBER(result->init_hook_count, 1);
        CHECK_NAME(result->init_hooks[0], "PyInit_sample");
        CHECK_NUMBER(result->import_count, 1);
        CHECK_NAME(result->imports[0].name, "PyModuleDef_Init");
        CHECK_NUMBER(result->imports[0].abi3_since, 5);
        CHECK_NUMBER(result->imports[0].abi3t_since, 15);
        CHECK_NUMBER(result->gil, ABISCAN_GIL_NOT_USED);
        CHECK_NUMBER(result->layout, ABISCAN_LAYOUT_GIL);
        abiscan_result_free(result);
        free(copy);
    }
}

/* Where a patch goes: the start of a structure plus an offset in it. */
typedef enum place {
    AT_FILE,
    AT_PROGRAM_1, /* the second segment */
    AT_PROGRAM_2, /* PT_DYNAMIC */
    AT_SYMBOL_1,
    AT_HASH,
    AT_RELOCATION_0,
    AT_DYNAMIC,      /* `offset` is a tag: its value */
    AT_DYNAMIC_TAG,  /* `offset` is a tag: itself */
    AT_LAST_DYNAMIC, /* DT_NULL */
    AT_STRINGS_END,
    AT_SECTIONS
} place;

static size_t offset_of(const module_file *file, place where, size_t offset)
{
    switch (where) {
    case AT_FILE:
        break;
    case AT_PROGRAM_1:
        return file->programs + 56 + offset;
    case AT_PROGRAM_2:
        return file->programs + 112 + offset;
    case AT_SYMBOL_1:
        return file->symbols + 24 + offset;
    case AT_HASH:
        return file->hash + offset;
    case AT_RELOCATION_0:
        return file->relocations + offset;
    case AT_DYNAMIC:
        return dynamic_value(file, offset);
    case AT_DYNAMIC_TAG:
        return dynamic_value(file, offset) - 8;
    case AT_LAST_DYNAMIC:
        return file->dynamic + 16 * (file->dynamic_count - 1);
    case AT_STRINGS_END:
        return file->strings + file->strings_size - 1;
    case AT_SECTIONS:
        return file->sections + offset;
    }
    return offset;
}

static const struct {
    const char *name;
    place where;
    size_t offset;
    unsigned width;
    uint64_t value;
    abiscan_status status;
    const char *message;
} patches[] = {
#include "elf_patches.inc"
};

static void test_patches(bool is_printing)
{
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        module_options options = plain_options();
        module_file file;
        build_module(&file, &options);
        patch(&file, offset_of(&file, patches[i].where, patches[i].offset), patches[i].width,
              patches[i].value);
        check_context(patches[i].name);
        if (is_printing) {
            abiscan_result *result = NULL;
            abiscan_status status = abiscan_scan(file.bytes, file.size, "sample", &result);
            printf("%s: %s: %s\n", patches[i].name, abiscan_status_name(status),
                   result->message);
            abiscan_result_free(result);
            continue;
        }
        expect(&file, file.size, patches[i].status, patches[i].message);
    }
}

/* Every structure's start and end is among the sizes, since all sizes are. */
static void test_truncation(void)
{
    for (int kind = 0; kind < 4; kind++) {
        module_options options = plain_options();
        module_file file;
        options.is_32 = (kind & 1) != 0;
        options.big_endian = (kind & 2) != 0;
        build_module(&file, &options);
        check_context("truncation");
        for (size_t size = 0; size < file.size; size++) {
            abiscan_result *result = NULL;
            void *copy = NULL;
            abiscan_status status = scan_copy(file.bytes, size, "sample", &result, &copy);
            abiscan_status expected = size < 4 ? ABISCAN_NOT_A_BINARY : ABISCAN_MALFORMED;
            CHECK_NUMBER(status, expected);
            CHECK(result != NULL && result->message[0] != 0);
            abiscan_result_free(result);
            free(copy);
        }
    }
}

static void test_truncation_messages(void)
{
    module_options options = plain_options();
    module_file file;
    char message[256];
    build_module(&file, &options);
    check_context("cut to nothing");
    expect(&file, 0, ABISCAN_NOT_A_BINARY, "the file is empty");
    check_context("cut inside e_ident");
    expect(&file, 15, ABISCAN_MALFORMED,
           "ELF header: the file ends at offset 0xf, inside e_ident");
    check_context("cut inside the header");
    expect(&file, 63, ABISCAN_MALFORMED, "ELF header: the file ends at offset 0x3f");
    check_context("cut at the section headers");
    (void)snprintf(message, sizeof message,
                   "section header table: entry 0 at offset 0x%zx lies outside the file",
                   file.sections);
    expect(&file, file.sections, ABISCAN_MALFORMED, message);
    (void)snprintf(message, sizeof message,
                   "section header table: entry 1 at offset 0x%zx lies outside the file",
                   file.sections + 64);
    expect(&file, file.size - 1, ABISCAN_MALFORMED, message);
    patch(&file, 0x28, 8, 0); /* e_shoff: no section headers, as after sstrip */
    check_context("cut inside the program headers");
    (void)snprintf(message, sizeof message,
                   "program header table: entry 1 at offset 0x%zx lies outside the file",
                   file.programs + 56);
    expect(&file, file.programs + 57, ABISCAN_MALFORMED, message);
    check_context("cut inside the first segment");
    (void)snprintf(message, sizeof message,
                   "program header 0 at offset 0x%zx: its 0x%zx bytes at offset 0x0 lie outside"
                   " the file",
                   file.programs, file.data);
    expect(&file, file.data - 1, ABISCAN_MALFORMED, message);
    check_context("cut inside the second segment");
    (void)snprintf(message, sizeof message,
                   "program header 1 at offset 0x%zx: its 0x%zx bytes at offset 0x%zx lie outside"
                   " the file",
                   file.programs + 56, file.sections - file.data, file.data);
    expect(&file, file.sections - 1, ABISCAN_MALFORMED, message);
    check_context("cut behind all segments");
    expect(&file, file.sections, ABISCAN_OK, "");
}

/* Single bytes at their extremes, everywhere: an answer, never a crash. */
static void test_every_byte(void)
{
    for (int kind = 0; kind < 4; kind++) {
        module_options options = plain_options();
        module_file file;
        options.is_32 = (kind & 1) != 0;
        options.relr = (kind & 2) != 0;
        options.gnu_hash = (kind & 2) != 0;
        build_module(&file, &options);
        check_every_byte(file.bytes, file.size);
    }
}

/* The first `size` bytes of a file, as a copy of exactly that size. */
static abiscan_status scan_first(const module_file *file, size_t size, abiscan_result **result,
                                 void **copy)
{
    *copy = malloc(size == 0 ? 1 : size);
    if (*copy == NULL) {
        abort();
    }
    memcpy(*copy, file->bytes, size);
    return abiscan_scan_prefix(*copy, size, file->size, "sample", result);
}

/* The section headers lie behind what is mapped, and are not needed. */
static void test_prefix(void)
{
    for (int kind = 0; kind < 4; kind++) {
        module_options options = plain_options();
        module_file file;
        options.is_32 = (kind & 1) != 0;
        options.gnu_hash = (kind & 2) != 0;
        build_module(&file, &options);
        check_context("prefix");
        uint64_t prefix = abiscan_prefix_size(file.bytes, 512, file.size);
        CHECK(prefix < file.size);
        CHECK_NUMBER(abiscan_prefix_size(file.bytes, 63, file.size), file.size);
        for (size_t size = 0; size <= file.size; size++) {
            abiscan_result *result = NULL;
            void *copy = NULL;
            abiscan_status status = scan_first(&file, size, &result, &copy);
            CHECK_NUMBER(status, size < prefix ? ABISCAN_INCOMPLETE : ABISCAN_OK);
            if (status == ABISCAN_OK) {
                CHECK_NUMBER(result->gil, ABISCAN_GIL_NOT_USED);
                CHECK_NUMBER(result->import_count, 1);
                CHECK_NAME(result->init_hooks[0], "PyInit_sample");
            }
            abiscan_result_free(result);
            free(copy);
        }
    }
}

static void test_prefix_messages(void)
{
    module_options options = plain_options();
    module_file file;
    build_module(&file, &options);
    check_context("prefix messages");
    static const struct {
        size_t size;
        const char *message;
    } cases[] = {
        {3, "of this format the whole file is needed, and 0x3 bytes are given"},
        {0x3f, "ELF header: 0x40 bytes at offset 0x0 are not among the 0x3f given"},
        {0x41, "program header table: 0xa8 bytes at offset 0x40 are not among the 0x41 given"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        abiscan_result *result = NULL;
        void *copy = NULL;
        CHECK_NUMBER(scan_first(&file, cases[i].size, &result, &copy), ABISCAN_INCOMPLETE);
        CHECK_TEXT(result->message, cases[i].message);
        abiscan_result_free(result);
        free(copy);
    }
    /* Without a symbol count in what is mapped, the rest is asked for. */
    patch(&file, dynamic_value(&file, 4) - 8, 8, 0x6fffff00);
    abiscan_result *result = NULL;
    void *copy = NULL;
    size_t prefix = (size_t)abiscan_prefix_size(file.bytes, 512, file.size);
    CHECK_NUMBER(scan_first(&file, prefix, &result, &copy), ABISCAN_INCOMPLETE);
    abiscan_result_free(result);
    free(copy);
    CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
    abiscan_result_free(result);
    free(copy);
    /* Nothing is mapped, wherever the program headers are said to be. */
    patch(&file, 0x20, 8, 0x7fffffff); /* e_phoff */
    patch(&file, 0x38, 2, 0);          /* e_phnum */
    CHECK_NUMBER(abiscan_prefix_size(file.bytes, 512, file.size), file.size);
}

static void test_other_formats(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        abiscan_status status;
        const char *message;
    } cases[] = {
        {"\177EL", 3, ABISCAN_NOT_A_BINARY, "the file begins like no binary format (offset 0x0)"},
        {"#!/bin/sh", 9, ABISCAN_NOT_A_BINARY,
         "the file begins like no binary format (offset 0x0)"},
        {"MZ", 2, ABISCAN_MALFORMED, "DOS header: the file ends at offset 0x2"},
        {"!<arch>\n", 8, ABISCAN_UNSUPPORTED_FORMAT,
         "the file is a static library, which this version cannot read"},
    };
    check_context("other formats");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        abiscan_result *result = NULL;
        void *copy = NULL;
        CHECK_NUMBER(scan_copy(cases[i].bytes, cases[i].size, NULL, &result, &copy),
                     cases[i].status);
        CHECK_TEXT(result->message, cases[i].message);
        abiscan_result_free(result);
        free(copy);
    }
}

static void test_arguments(void)
{
    abiscan_result *result = NULL;
    check_context("wrong arguments");
    CHECK_NUMBER(abiscan_scan("", 0, NULL, NULL), ABISCAN_INVALID_ARGUMENT);
    CHECK_NUMBER(abiscan_scan(NULL, 1, NULL, &result), ABISCAN_INVALID_ARGUMENT);
    CHECK_NUMBER(abiscan_scan_prefix("MZ", 2, 1, NULL, &result), ABISCAN_INVALID_ARGUMENT);
    CHECK(result == NULL);
    CHECK_NUMBER(abiscan_scan(NULL, 0, NULL, &result), ABISCAN_NOT_A_BINARY);
    abiscan_result_free(result);
    abiscan_result_free(NULL);
}

int main(int count, char **arguments)
{
    (void)arguments;
    if (count > 1) { /* for whoever adds a case */
        test_patches(true);
        return 0;
    }
    test_good();
    test_patches(false);
    test_truncation_messages();
    test_truncation();
    test_every_byte();
    test_prefix();
    test_prefix_messages();
    test_other_formats();
    test_arguments();
    return check_result();
}
