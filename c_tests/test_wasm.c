/* SPDX-License-Identifier: MIT */
/* WebAssembly modules built field by field: what is told about good ones, and the exact
 * status and message of malformed ones. */
#include "builder_wasm.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static abiscan_result *scan(const wasm_file *file, abiscan_status status, void **copy)
{
    abiscan_result *result = NULL;
    CHECK_NUMBER(scan_copy(file->bytes, file->size, "sample", &result, copy), status);
    return result;
}

static void expect(const wasm_file *file, size_t size, abiscan_status status,
                   const char *message)
{
    abiscan_result *result = NULL;
    void *copy = NULL;
    CHECK_NUMBER(scan_copy(file->bytes, size, "sample", &result, &copy), status);
    CHECK_TEXT(result->message, message);
    abiscan_result_free(result);
    free(copy);
}

static void test_good(void)
{
    wasm_options options = {.addresses = true, .import = "PyUnicode_New"};
    wasm_file file;
    void *copy = NULL;
    build_wasm(&file, &options);
    check_context("good");
    abiscan_result *result = scan(&file, ABISCAN_OK, &copy);
    CHECK_TEXT(result->message, "");
    CHECK_NUMBER(result->format, ABISCAN_FORMAT_WASM);
    CHECK_TEXT(abiscan_format_name(result->format), "wasm");
    CHECK_TEXT(result->machine, "wasm32");
    CHECK_NUMBER(result->bits, 32);
    CHECK_NUMBER(result->byte_order, ABISCAN_LITTLE_ENDIAN);
    CHECK_NUMBER(result->file_type, ABISCAN_FILE_SHARED_OBJECT);
    CHECK_NUMBER(result->needed_count, 2);
    CHECK_NAME(result->needed[0], "libone.so");
    CHECK_NAME(result->needed[1], "two.wasm");
    CHECK_NUMBER(result->init_hook_count, 1);
    CHECK_NAME(result->init_hooks[0], "PyInit_sample");
    CHECK_NUMBER(result->init, ABISCAN_INIT_MULTI_PHASE);
    CHECK_NUMBER(result->gil, ABISCAN_GIL_UNKNOWN);
    CHECK_NUMBER(result->layout, ABISCAN_LAYOUT_UNKNOWN);
    /* In the order of the file, each once, and nothing that the loader finds otherwise. */
    CHECK_NUMBER(result->import_count, 4);
    CHECK_NAME(result->imports[0].name, "PyModuleDef_Init");
    CHECK_NAME(result->imports[1].name, "PyLong_FromLong");
    CHECK_NAME(result->imports[2].name, "PyExc_OSError");
    CHECK_NAME(result->imports[3].name, "PyUnicode_New");
    CHECK_NUMBER(result->imports[2].abi3_since, 2);
    CHECK(result->imports[3].abi3_since < 0);
    CHECK(!result->imports[3].is_weak);
    abiscan_result_free(result);
    free(copy);
}

static void test_kinds(void)
{
    static const struct {
        const char *name;
        wasm_options options;
        abiscan_init init;
        abiscan_gil gil;
        unsigned bits;
    } cases[] = {
        {"single-phase", {.single_phase = true}, ABISCAN_INIT_SINGLE_PHASE,
         ABISCAN_GIL_NOT_DECLARED, 32},
        {"export hook", {.hook = HOOK_EXPORT}, ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_UNKNOWN, 32},
        {"no hook", {.hook = HOOK_NONE}, ABISCAN_INIT_NONE, ABISCAN_GIL_UNKNOWN, 32},
        {"64 bits", {.is_64 = true}, ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN, 64},
        {"own memory", {.own_memory = true}, ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN, 32},
        {"own memory, 64 bits", {.own_memory = true, .is_64 = true}, ABISCAN_INIT_MULTI_PHASE,
         ABISCAN_GIL_UNKNOWN, 64},
        {"without dylink.0", {.no_dylink = true}, ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
         32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wasm_file file;
        void *copy = NULL;
        build_wasm(&file, &cases[i].options);
        check_context(cases[i].name);
        abiscan_result *result = scan(&file, ABISCAN_OK, &copy);
        CHECK_NUMBER(result->init, cases[i].init);
        CHECK_NUMBER(result->gil, cases[i].gil);
        CHECK_NUMBER(result->bits, cases[i].bits);
        CHECK_TEXT(result->machine, cases[i].bits == 64 ? "wasm64" : "wasm32");
        bool is_plain = cases[i].options.no_dylink;
        CHECK_NUMBER(result->file_type,
                     is_plain ? ABISCAN_FILE_OTHER : ABISCAN_FILE_SHARED_OBJECT);
        CHECK_NUMBER(result->needed_count, is_plain ? 0 : 2);
        abiscan_result_free(result);
        free(copy);
    }
}

static void test_weak(void)
{
    wasm_options options = {.import = "PyUnicode_New", .is_weak = true};
    wasm_file file;
    void *copy = NULL;
    build_wasm(&file, &options);
    check_context("weak");
    abiscan_result *result = scan(&file, ABISCAN_OK, &copy);
    CHECK_NUMBER(result->import_count, 3);
    CHECK_NAME(result->imports[2].name, "PyUnicode_New");
    CHECK(result->imports[2].is_weak);
    CHECK(!result->imports[0].is_weak);
    abiscan_result_free(result);
    free(copy);
}

/* What the module itself defines is not imported from Python. */
static void test_defined_here(void)
{
    wasm_options options = {.import = "PyThing_Own", .export = "PyThing_Own"};
    wasm_file file;
    void *copy = NULL;
    build_wasm(&file, &options);
    check_context("defined here");
    abiscan_result *result = scan(&file, ABISCAN_OK, &copy);
    CHECK_NUMBER(result->import_count, 2);
    abiscan_result_free(result);
    free(copy);
}

/* Where a patch goes: the start of a structure plus an offset in it. */
typedef enum place {
    AT_FILE,
    AT_DYLINK,
    AT_NEEDED,
    AT_INFORMATION,
    AT_IMPORTS,
    AT_TABLE,
    AT_TAG,
    AT_FUNCTION,
    AT_MEMORY,
    AT_EXPORTS,
    AT_CODE
} place;

static size_t offset_of(const wasm_file *file, place where, size_t offset)
{
    switch (where) {
    case AT_FILE:
        break;
    case AT_DYLINK:
        return file->dylink + offset;
    case AT_NEEDED:
        return file->needed + offset;
    case AT_INFORMATION:
        return file->import_information + offset;
    case AT_IMPORTS:
        return file->imports + offset;
    case AT_TABLE:
        return file->table + offset;
    case AT_TAG:
        return file->tag + offset;
    case AT_FUNCTION:
        return file->function + offset;
    case AT_MEMORY:
        return file->memory + offset;
    case AT_EXPORTS:
        return file->exports + offset;
    case AT_CODE:
        return file->code + offset;
    }
    return offset;
}

static const struct {
    const char *name;
    place where;
    size_t offset;
    unsigned char value;
    abiscan_status status;
    const char *message;
} patches[] = {
#include "wasm_patches.inc"
};

static void test_patches(bool is_printing)
{
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        wasm_options options = {.import = "PyUnicode_New", .is_weak = true};
        wasm_file file;
        options.own_memory = patches[i].where == AT_MEMORY;
        build_wasm(&file, &options);
        file.bytes[offset_of(&file, patches[i].where, patches[i].offset)] = patches[i].value;
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

/* A file that ends with a section is whole, if it has fewer of them. */
static void test_truncation(void)
{
    wasm_options options = {.import = "PyUnicode_New", .is_weak = true};
    wasm_file file;
    build_wasm(&file, &options);
    check_context("truncation");
    const size_t ends[] = {8, file.types, file.imports, file.memory - 5, file.exports, file.code};
    for (size_t size = 0; size < file.size; size++) {
        abiscan_result *result = NULL;
        void *copy = NULL;
        abiscan_status status = scan_copy(file.bytes, size, "sample", &result, &copy);
        bool is_end = false;
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            is_end = is_end || ends[i] == size;
        }
        CHECK_NUMBER(status, size < 4  ? ABISCAN_NOT_A_BINARY
                             : is_end ? ABISCAN_OK
                                      : ABISCAN_MALFORMED);
        CHECK(result != NULL && (result->message[0] == 0) == is_end);
        abiscan_result_free(result);
        free(copy);
    }
    expect(&file, 7, ABISCAN_MALFORMED, "header: the file ends at offset 0x7");
    expect(&file, file.code + 1, ABISCAN_MALFORMED, "section 10 at offset 0x151 leaves the file");
}

/* A section that is there twice, whose second one would take the place of the first. */
static void test_twice(void)
{
    wasm_options options = {.hook = HOOK_INIT};
    wasm_file file;
    build_wasm(&file, &options);
    check_context("twice");
    size_t size = file.code - file.exports;
    memcpy(file.bytes + file.code, file.bytes + file.exports, size);
    expect(&file, file.code + size, ABISCAN_MALFORMED, "section 7 at offset 0x127 is there twice");
}

/* "Integers": at most five bytes, of which the last has four bits. */
static void test_numbers(void)
{
    static const struct {
        unsigned char bytes[14];
        const char *message;
    } cases[] = {
        {{0, 'a', 's', 'm', 1, 0, 0, 0, 0x20, 0x80, 0x80, 0x80, 0x80, 0x00}, ""},
        {{0, 'a', 's', 'm', 1, 0, 0, 0, 0x20, 0xff, 0xff, 0xff, 0xff, 0x1f},
         "section 32 at offset 0x8 leaves the file"},
        {{0, 'a', 's', 'm', 1, 0, 0, 0, 0x20, 0x80, 0x80, 0x80, 0x80, 0x10},
         "section 32 at offset 0x8 leaves the file"},
        {{0, 'a', 's', 'm', 1, 0, 0, 0, 0x20, 0x80, 0x80, 0x80, 0x80, 0x80},
         "section 32 at offset 0x8 leaves the file"},
    };
    check_context("numbers");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wasm_file file;
        memcpy(file.bytes, cases[i].bytes, sizeof cases[i].bytes);
        expect(&file, sizeof cases[i].bytes, i == 0 ? ABISCAN_OK : ABISCAN_MALFORMED,
               cases[i].message);
    }
}

/* Single bytes at their extremes, everywhere: an answer, never a crash. */
static void test_every_byte(void)
{
    for (int kind = 0; kind < 2; kind++) {
        wasm_options options = {.import = "PyUnicode_New", .is_weak = true, .addresses = true};
        wasm_file file;
        options.own_memory = kind == 1;
        build_wasm(&file, &options);
        check_every_byte(file.bytes, file.size);
    }
}

int main(int count, char **arguments)
{
    (void)arguments;
    if (count > 1) { /* for whoever adds a case */
        test_patches(true);
        return 0;
    }
    test_good();
    test_kinds();
    test_weak();
    test_defined_here();
    test_patches(false);
    test_truncation();
    test_twice();
    test_numbers();
    test_every_byte();
    return check_result();
}
