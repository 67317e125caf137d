/* SPDX-License-Identifier: MIT */
/* Mach-O files built field by field: the facts, and malformed ones with the exact
 * status and message. */
#include "check.h"
#include "builder_macho.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXEC {2, 1, 0}
#define NOT_USED {4, 1, 0}
#define ARM64 UINT32_C(0x0100000c)
#define BYTES(...) {(const unsigned char[]){__VA_ARGS__}, sizeof((unsigned char[]){__VA_ARGS__})}

static macho_options plain_options(void)
{
    macho_options options = {.slots = {EXEC, NOT_USED}};
    return options;
}

/* ---- facts ------------------------------------------------------------ */

static const struct {
    const char *name;
    macho_options options;
    const char *machine;
} kinds[] = {
    {"x86-64, opcodes", {.slots = {EXEC, NOT_USED}}, "x86_64"},
    {"x86-64, symbol table only", {.no_trie = true, .slots = {EXEC, NOT_USED}}, "x86_64"},
    {"x86-64, fixups name the imports", {.no_symbols = true, .slots = {EXEC, NOT_USED}}, "x86_64"},
    {"x86-64, at an address",
     {.type = 6, .base = UINT64_C(0x100000000), .slots = {EXEC, NOT_USED}},
     "x86_64"},
    {"arm64, opcodes", {.machine = ARM64, .slots = {EXEC, NOT_USED}}, "aarch64"},
    {"i386, opcodes", {.is_32 = true, .slots = {EXEC, NOT_USED}}, "i386"},
    {"ppc, opcodes", {.is_32 = true, .big_endian = true, .slots = {EXEC, NOT_USED}}, "ppc"},
    {"ppc64, opcodes", {.big_endian = true, .slots = {EXEC, NOT_USED}}, "ppc64"},
    {"arm64, 64", {.machine = ARM64, .fixups = FIXUPS_64, .slots = {EXEC, NOT_USED}}, "aarch64"},
    {"arm64, 64 with offsets, at an address",
     {.machine = ARM64, .fixups = FIXUPS_64_OFFSET, .type = 6, .base = UINT64_C(0x100000000),
      .slots = {EXEC, NOT_USED}},
     "aarch64"},
    {"arm64e", {.machine = ARM64, .fixups = FIXUPS_ARM64E, .slots = {EXEC, NOT_USED}}, "aarch64"},
    {"arm64e for programs",
     {.machine = ARM64, .fixups = FIXUPS_ARM64E_USERLAND, .type = 6, .base = 0x4000,
      .slots = {EXEC, NOT_USED}},
     "aarch64"},
    {"arm64e with long ordinals",
     {.machine = ARM64, .fixups = FIXUPS_ARM64E_USERLAND24, .slots = {EXEC, NOT_USED}},
     "aarch64"},
    {"i386, chained",
     {.is_32 = true, .fixups = FIXUPS_32, .slots = {EXEC, NOT_USED}},
     "i386"},
    {"imports with an addend",
     {.fixups = FIXUPS_64_OFFSET, .import_format = 2, .slots = {EXEC, NOT_USED}},
     "x86_64"},
    {"imports with a long addend, named by fixups",
     {.fixups = FIXUPS_64_OFFSET, .import_format = 3, .no_symbols = true,
      .slots = {EXEC, NOT_USED}},
     "x86_64"},
};

static void test_good(void)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        macho_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        build_macho(&file, &kinds[i].options);
        check_context(kinds[i].name);
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(result->message, "");
        CHECK_TEXT(abiscan_format_name(result->format), "macho");
        CHECK_TEXT(result->machine, kinds[i].machine);
        CHECK_NUMBER(result->bits, kinds[i].options.is_32 ? 32 : 64);
        CHECK_NUMBER(result->byte_order, kinds[i].options.big_endian ? ABISCAN_BIG_ENDIAN
                                                                     : ABISCAN_LITTLE_ENDIAN);
        CHECK_NUMBER(result->file_type, ABISCAN_FILE_SHARED_OBJECT);
        CHECK_TEXT(result->minimum_os, "11.0");
        CHECK_NUMBER(result->needed_count, 2);
        CHECK_NAME(result->needed[0], "/usr/lib/libSystem.B.dylib");
        CHECK_NAME(result->needed[1], "@rpath/libpython.dylib");
        if (kinds[i].options.type == 6) {
            CHECK_NAME(result->soname, "@rpath/sample.dylib");
        } else {
            CHECK(result->soname.data == NULL);
        }
        CHECK_NUMBER(result->init_hook_count, 1);
        CHECK_NAME(result->init_hooks[0], "PyInit_sample");
        CHECK_NUMBER(result->import_count, 1);
        CHECK_NAME(result->imports[0].name, "PyModuleDef_Init");
        CHECK_NUMBER(result->imports[0].abi3_since, 5);
        CHECK(result->imports[0].library.data == NULL && !result->imports[0].is_weak);
        CHECK_NUMBER(result->init, ABISCAN_INIT_MULTI_PHASE);
        CHECK_NUMBER(result->gil, ABISCAN_GIL_NOT_USED);
        CHECK_NUMBER(result->layout, ABISCAN_LAYOUT_GIL);
        CHECK_NAME(result->definition_name, "package.sample");
        CHECK(result->slots_complete && result->slot_count == 2);
        abiscan_result_free(result);
        free(copy);
    }
}

/* push rbp; sub rsp, 8; mov esi, 1; call stub; ret; stub: jmp [cell] */
#define X86_64_SET_GIL                                                                         \
    0x55, 0x48, 0x83, 0xec, 0x08, 0xbe, 1, 0, 0, 0, 0xe8, 1, 0, 0, 0, 0xc3, 0xff, 0x25, 0, 0, 0, 0
/* stp x29, x30, [sp, -16]!; mov w1, 1; bl stub; ret; stub: adrp x16, page; ldr x16; br x16 */
#define ARM64_SET_GIL                                                                          \
    0xfd, 0x7b, 0xbf, 0xa9, 0x21, 0, 0x80, 0x52, 2, 0, 0, 0x94, 0xc0, 3, 0x5f, 0xd6, 0x10, 0, 0, \
        0x90, 0x10, 2, 0x40, 0xf9, 0, 2, 0x1f, 0xd6

static const struct {
    const char *name;
    macho_options options;
    abiscan_init init;
    abiscan_gil gil;
    const char *gil_evidence;
    abiscan_layout layout;
} modules[] = {
    {"GIL used",
     {.slots = {EXEC, {4, 0, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_USED, "slot 4 has the value 0", ABISCAN_LAYOUT_GIL},
    {"free-threaded layout",
     {.free_threaded = true, .slots = {NOT_USED}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED},
    {"free-threaded layout, chained",
     {.machine = ARM64, .fixups = FIXUPS_64_OFFSET, .free_threaded = true, .slots = {NOT_USED}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED},
    {"nothing declared, x86-64",
     {.slots = {EXEC}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "no slot is Py_mod_gil, and nothing adds one at run time", ABISCAN_LAYOUT_GIL},
    {"nothing declared, arm64, where code might write",
     {.machine = ARM64, .slots = {EXEC}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "no slot is Py_mod_gil in the file, but code of this machine is not read and might add one",
     ABISCAN_LAYOUT_GIL},
    {"nothing declared, arm64, read-only after the fixups",
     {.machine = ARM64, .constant_slots = true, .slots = {EXEC}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "no slot is Py_mod_gil, and nothing adds one at run time", ABISCAN_LAYOUT_GIL},
    {"single-phase",
     {.single_phase = true},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "single-phase initialisation, and PyUnstable_Module_SetGIL is not imported",
     ABISCAN_LAYOUT_GIL},
    {"PyUnstable_Module_SetGIL, x86-64",
     {.single_phase = true, .free_threaded = true, .set_gil = true, .code = BYTES(X86_64_SET_GIL)},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_NOT_USED,
     "PyUnstable_Module_SetGIL is called with 1", ABISCAN_LAYOUT_FREE_THREADED},
    {"PyUnstable_Module_SetGIL, arm64",
     {.machine = ARM64, .fixups = FIXUPS_64_OFFSET, .single_phase = true, .free_threaded = true,
      .set_gil = true, .code = BYTES(ARM64_SET_GIL)},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_NOT_USED,
     "PyUnstable_Module_SetGIL is called with 1", ABISCAN_LAYOUT_FREE_THREADED},
    {"PyUnstable_Module_SetGIL, x86-64, and its address taken",
     {.single_phase = true, .free_threaded = true, .set_gil = true,
      .code = BYTES(X86_64_SET_GIL, 0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xff, 0xd0)},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_UNKNOWN,
     "PyUnstable_Module_SetGIL is imported; its argument is unknown",
     ABISCAN_LAYOUT_FREE_THREADED},
    {"PyUnstable_Module_SetGIL, arm64, and its address taken",
     {.machine = ARM64, .single_phase = true, .free_threaded = true, .set_gil = true,
      .code = BYTES(ARM64_SET_GIL, 8, 0, 0, 0x90, 8, 1, 0x40, 0xf9, 0, 1, 0x3f, 0xd6)},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_UNKNOWN,
     "PyUnstable_Module_SetGIL is imported; its argument is unknown",
     ABISCAN_LAYOUT_FREE_THREADED},
    {"PyUnstable_Module_SetGIL, never seen called",
     {.single_phase = true, .free_threaded = true, .set_gil = true},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_UNKNOWN,
     "PyUnstable_Module_SetGIL is imported; its argument is unknown",
     ABISCAN_LAYOUT_FREE_THREADED},
    {"PyUnstable_Module_SetGIL, without function starts",
     {.single_phase = true, .free_threaded = true, .set_gil = true, .code = BYTES(X86_64_SET_GIL),
      .starts = {(const unsigned char[]){0}, 0}},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_UNKNOWN,
     "PyUnstable_Module_SetGIL is imported; its argument is unknown",
     ABISCAN_LAYOUT_FREE_THREADED},
    {"export hook, x86-64",
     {.hook = HOOK_EXPORT, .slots = {{85, 1, 0}, {87, 1, 0}},
      .code = BYTES(0x55, 0x48, 0x89, 0xe5, 0x48, 0x8d, 0x05, 0, 0, 0, 0, 0x5d, 0xc3)},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_NOT_USED, "slot 87 has the value 1",
     ABISCAN_LAYOUT_UNKNOWN},
    {"export hook, arm64",
     {.hook = HOOK_EXPORT, .machine = ARM64, .fixups = FIXUPS_64,
      .slots = {{85, 1, 0}, {87, 0, 0}},
      .code = BYTES(0, 0, 0, 0x90, 0, 0, 0, 0x91, 0xc0, 3, 0x5f, 0xd6)},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_USED, "slot 87 has the value 0",
     ABISCAN_LAYOUT_UNKNOWN},
    {"export hook, arm64, with a frame",
     {.hook = HOOK_EXPORT, .machine = ARM64, .slots = {{85, 1, 0}, {87, 1, 0}},
      .code = BYTES(0, 0, 0, 0x90, 0, 0, 0, 0x91, 0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 3, 0, 0x91, 0xfd,
                    0x7b, 0xc1, 0xa8, 0xc0, 3, 0x5f, 0xd6)},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_NOT_USED, "slot 87 has the value 1",
     ABISCAN_LAYOUT_UNKNOWN},
    {"no hook",
     {.hook = HOOK_NONE},
     ABISCAN_INIT_NONE, ABISCAN_GIL_UNKNOWN, "the file is not an extension module",
     ABISCAN_LAYOUT_UNKNOWN},
    {"no fixups at all",
     {.fixups = FIXUPS_NONE, .slots = {NOT_USED}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN, "the slots are made at run time",
     ABISCAN_LAYOUT_UNKNOWN},
    {"chains of an older kind, in bind opcodes",
     {.bind = BYTES(0xd0, 1, 0xd1), .slots = {NOT_USED}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "without relocations the slots cannot be found",
     ABISCAN_LAYOUT_UNKNOWN},
    {"a pointer format of kernels",
     {.fixups = 8, .slots = {NOT_USED}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "without relocations the slots cannot be found",
     ABISCAN_LAYOUT_UNKNOWN},
};

/* The code names data by its distance, which only the finished file tells. */
static void fill_code(macho_file *file, const macho_options *options)
{
    uint64_t cell = file->gil_cell + file->data_shift, slots = file->slots + file->data_shift;
    uint32_t page = (uint32_t)((options->set_gil ? cell : slots) >> 12) & 3u;
    if (options->code.data == NULL) {
        return;
    }
    if (options->machine != ARM64) {
        if (options->set_gil) {
            patch_macho(file, file->code + 18, 4, cell - (file->code + 22));
            if (options->code.size > 22) {
                patch_macho(file, file->code + 25, 4, cell - (file->code + 29));
            }
        } else {
            patch_macho(file, file->code + 7, 4, slots - (file->code + 11));
        }
    } else if (options->set_gil) {
        patch_macho(file, file->code + 16, 4, UINT32_C(0x90000010) | page << 29);
        patch_macho(file, file->code + 20, 4,
                    UINT32_C(0xf9400210) | (uint32_t)((cell & 0xfffu) / 8) << 10);
        if (options->code.size > 28) {
            patch_macho(file, file->code + 28, 4, UINT32_C(0x90000008) | page << 29);
            patch_macho(file, file->code + 32, 4,
                        UINT32_C(0xf9400108) | (uint32_t)((cell & 0xfffu) / 8) << 10);
        }
    } else {
        patch_macho(file, file->code, 4, UINT32_C(0x90000000) | page << 29);
        patch_macho(file, file->code + 4, 4,
                    UINT32_C(0x91000000) | (uint32_t)(slots & 0xfffu) << 10);
    }
}

static void test_modules(void)
{
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        macho_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        build_macho(&file, &modules[i].options);
        fill_code(&file, &modules[i].options);
        check_context(modules[i].name);
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(result->message, "");
        CHECK_TEXT(abiscan_init_name(result->init), abiscan_init_name(modules[i].init));
        CHECK_TEXT(abiscan_gil_name(result->gil), abiscan_gil_name(modules[i].gil));
        CHECK_TEXT(result->gil_evidence, modules[i].gil_evidence);
        CHECK_TEXT(abiscan_layout_name(result->layout), abiscan_layout_name(modules[i].layout));
        abiscan_result_free(result);
        free(copy);
    }
}

static void test_imports(void)
{
    static const struct {
        const char *name;
        const char *shown; /* NULL: not reported */
        bool is_weak;
    } names[] = {
        {"_PyBuffer_Release", "PyBuffer_Release", false},
        {"_PyBuffer_Release", "PyBuffer_Release", true},
        {"__Py_DecRefShared", "_Py_DecRefShared", false},
        {"PyBuffer_Release", NULL, false}, /* no C name */
        {"_printf", NULL, false},
    };
    for (int fixups = 0; fixups < 4; fixups++) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            macho_options options = plain_options();
            macho_file file;
            abiscan_result *result = NULL;
            void *copy = NULL;
            options.import = names[i].name;
            options.is_weak = names[i].is_weak;
            options.fixups = (fixups & 1) != 0 ? FIXUPS_64_OFFSET : FIXUPS_OPCODES;
            options.no_symbols = (fixups & 2) != 0;
            check_context(names[i].name);
            build_macho(&file, &options);
            CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
            CHECK_NUMBER(result->import_count, names[i].shown == NULL ? 1 : 2);
            if (result->import_count == 2) {
                CHECK_NAME(result->imports[1].name, names[i].shown);
                CHECK(result->imports[1].is_weak == names[i].is_weak);
            }
            abiscan_result_free(result);
            free(copy);
        }
    }
}

/* n_desc names a library by its number. */
static void test_libraries(void)
{
    macho_options options = plain_options();
    macho_file file;
    abiscan_result *result = NULL;
    void *copy = NULL;
    check_context("ordinal of a library");
    build_macho(&file, &options);
    patch_macho(&file, file.symbols + 6, 2, 0x0200);
    CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
    CHECK_NAME(result->imports[0].library, "@rpath/libpython.dylib");
    abiscan_result_free(result);
    free(copy);
    check_context("flat namespace");
    patch_macho(&file, 24, 4, 5);
    CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
    CHECK(result->imports[0].library.data == NULL);
    abiscan_result_free(result);
    free(copy);
}

static void test_versions(void)
{
    static const struct {
        uint32_t command, platform, version;
        const char *text;
    } versions[] = {
        {0x32, 1, 0x000e0000, "14.0"}, {0x32, 1, 0x000a0f07, "10.15.7"},
        {0x32, 2, 0x000e0000, ""},     {0x24, 0x000a0900, 0, "10.9"},
    };
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        macho_options options = plain_options();
        macho_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        check_context(versions[i].text);
        build_macho(&file, &options);
        size_t at = file.commands[COMMAND_VERSION];
        patch_macho(&file, at, 4, versions[i].command);
        patch_macho(&file, at + 8, 4, versions[i].platform);
        patch_macho(&file, at + 12, 4, versions[i].version);
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(result->minimum_os, versions[i].text);
        abiscan_result_free(result);
        free(copy);
    }
}

/* A word that is rebased and bound is an import; one that is bound twice, uncertain. */
static void test_lazy_pointers(void)
{
    /* The cell of PyUnstable_Module_SetGIL is the last of the data. */
    static const char names[] = "_PyUnstable_Module_SetGIL";
    unsigned char lazy[64] = {0x3e, 0x40};
    size_t size = 2;
    memcpy(lazy + size, names, sizeof names);
    size += sizeof names;
    macho_options options = {.single_phase = true, .free_threaded = true, .set_gil = true,
                             .code = BYTES(X86_64_SET_GIL)};
    macho_file file;
    build_macho(&file, &options);
    uint64_t offset = file.gil_cell - file.data;
    lazy[size++] = 0x71;
    lazy[size++] = (unsigned char)(0x80 | (offset & 0x7f));
    lazy[size++] = (unsigned char)(offset >> 7);
    lazy[size++] = 0x90;
    lazy[size++] = 0;
    const unsigned char rebase[] = {0x11, 0x21, (unsigned char)(0x80 | (offset & 0x7f)),
                                    (unsigned char)(offset >> 7), 0x51, 0};
    macho_bytes none = {(const unsigned char[]){0}, 1};
    for (int is_both = 0; is_both < 2; is_both++) {
        abiscan_result *result = NULL;
        void *copy = NULL;
        options.bind = none;
        options.rebase.data = is_both ? rebase : none.data;
        options.rebase.size = is_both ? sizeof rebase : 1;
        options.lazy_bind.data = lazy;
        options.lazy_bind.size = size;
        build_macho(&file, &options);
        fill_code(&file, &options);
        check_context(is_both ? "rebased and lazily bound" : "lazily bound");
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_NUMBER(result->gil, ABISCAN_GIL_NOT_USED);
        abiscan_result_free(result);
        free(copy);
    }
    abiscan_result *result = NULL;
    void *copy = NULL;
    unsigned char weak[64];
    memcpy(weak, lazy, sizeof weak);
    weak[4] = 'i'; /* another name */
    options.weak_bind.data = weak;
    options.weak_bind.size = size;
    build_macho(&file, &options);
    fill_code(&file, &options);
    check_context("bound twice");
    CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
    CHECK_NUMBER(result->gil, ABISCAN_GIL_UNKNOWN);
    abiscan_result_free(result);
    free(copy);
}

/* ---- malformed files -------------------------------------------------- */

static void expect_bytes(const unsigned char *bytes, size_t size, abiscan_status status,
                         const char *message)
{
    abiscan_result *result = NULL;
    void *copy = NULL;
    abiscan_status got = scan_copy(bytes, size, "sample", &result, &copy);
    CHECK_TEXT(abiscan_status_name(got), abiscan_status_name(status));
    CHECK(result != NULL);
    if (result != NULL) {
        CHECK_TEXT(result->message, message);
    }
    abiscan_result_free(result);
    free(copy);
}

/* Where a patch goes: the start of a structure plus an offset in it. */
typedef enum place {
    AT_FILE,
    AT_TEXT,
    AT_DATA,
    AT_LIBRARY,
    AT_FIXUPS,
    AT_TRIE_COMMAND,
    AT_SYMTAB,
    AT_STARTS,
    AT_VERSION,
    AT_CHAINS,
    AT_SYMBOL_0,
    AT_STRINGS_END,
    AT_NAME_MEMBER
} place;

static size_t offset_of(const macho_file *file, place where, size_t offset)
{
    switch (where) {
    case AT_FILE:
        break;
    case AT_TEXT:
        return file->commands[COMMAND_TEXT] + offset;
    case AT_DATA:
        return file->commands[COMMAND_DATA] + offset;
    case AT_LIBRARY:
        return file->commands[COMMAND_LIBRARY] + offset;
    case AT_FIXUPS:
        return file->commands[COMMAND_FIXUPS] + offset;
    case AT_TRIE_COMMAND:
        return file->commands[COMMAND_TRIE] + offset;
    case AT_SYMTAB:
        return file->commands[COMMAND_SYMBOLS] + offset;
    case AT_STARTS:
        return file->commands[COMMAND_STARTS] + offset;
    case AT_VERSION:
        return file->commands[COMMAND_VERSION] + offset;
    case AT_CHAINS:
        return file->chains + offset;
    case AT_SYMBOL_0:
        return file->symbols + offset;
    case AT_STRINGS_END:
        return file->strings + file->strings_size - 1;
    case AT_NAME_MEMBER:
        return file->name_member + offset;
    }
    return offset;
}

static const struct {
    const char *name;
    bool is_chained;
    place where;
    size_t offset;
    unsigned width;
    uint64_t value;
    abiscan_status status;
    const char *message;
} patches[] = {
#include "macho_patches.inc"
};

/* Opcodes and tries of their own. */
static const struct {
    const char *name;
    macho_options options;
    const char *message; /* %s: the offset of the bytes */
    size_t offset;       /* in them, that the message names */
} streams[] = {
#include "macho_streams.inc"
};

static void test_patches(bool is_printing)
{
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        macho_options options = plain_options();
        macho_file file;
        options.fixups = patches[i].is_chained ? FIXUPS_64_OFFSET : FIXUPS_OPCODES;
        build_macho(&file, &options);
        patch_macho(&file, offset_of(&file, patches[i].where, patches[i].offset),
                    patches[i].width, patches[i].value);
        check_context(patches[i].name);
        if (is_printing) {
            abiscan_result *result = NULL;
            abiscan_status status = abiscan_scan(file.bytes, file.size, "sample", &result);
            printf("%s: %s: %s\n", patches[i].name, abiscan_status_name(status), result->message);
            abiscan_result_free(result);
            continue;
        }
        expect_bytes(file.bytes, file.size, patches[i].status, patches[i].message);
    }
}

static void test_streams(bool is_printing)
{
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        const macho_options *options = &streams[i].options;
        macho_file file;
        char message[256], offset[32];
        build_macho(&file, options);
        size_t start = options->rebase.data != NULL ? file.rebase
                       : options->bind.data != NULL ? file.bind
                       : options->trie.data != NULL ? file.trie
                                                    : file.starts;
        (void)snprintf(offset, sizeof offset, "0x%zx", start + streams[i].offset);
        const char *gap = strstr(streams[i].message, "%s");
        CHECK(gap != NULL);
        (void)snprintf(message, sizeof message, "%.*s%s%s",
                       gap == NULL ? 0 : (int)(gap - streams[i].message), streams[i].message,
                       offset, gap == NULL ? "" : gap + 2);
        check_context(streams[i].name);
        if (is_printing) {
            abiscan_result *result = NULL;
            abiscan_status status = abiscan_scan(file.bytes, file.size, "sample", &result);
            printf("%s (0x%zx): %s: %s\n", streams[i].name, start, abiscan_status_name(status),
                   result->message);
            abiscan_result_free(result);
            continue;
        }
        expect_bytes(file.bytes, file.size, ABISCAN_MALFORMED, message);
    }
}

/* Every structure's start and end is among the sizes, since all sizes are. */
static void test_truncation(void)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        macho_file file;
        build_macho(&file, &kinds[i].options);
        check_context("truncation");
        for (size_t size = 0; size < file.size; size++) {
            abiscan_result *result = NULL;
            void *copy = NULL;
            abiscan_status status = scan_copy(file.bytes, size, "sample", &result, &copy);
            CHECK_NUMBER(status, size < 4 ? ABISCAN_NOT_A_BINARY : ABISCAN_MALFORMED);
            CHECK(result != NULL && result->message[0] != 0);
            abiscan_result_free(result);
            free(copy);
        }
    }
}

static void test_truncation_messages(void)
{
    macho_options options = plain_options();
    macho_file file;
    char message[256];
    build_macho(&file, &options);
    check_context("cut inside the magic number");
    expect_bytes(file.bytes, 3, ABISCAN_NOT_A_BINARY,
                 "the file begins like no binary format (offset 0x0)");
    check_context("cut inside the header");
    expect_bytes(file.bytes, 31, ABISCAN_MALFORMED,
                 "Mach-O header: the file ends at offset 0x1f");
    check_context("cut inside the load commands");
    (void)snprintf(message, sizeof message,
                   "Mach-O header: its 0x%zx bytes of load commands at offset 0x20 lie outside the"
                   " file",
                   file.commands_end - 32);
    expect_bytes(file.bytes, file.commands_end - 1, ABISCAN_MALFORMED, message);
    check_context("cut inside the first segment");
    (void)snprintf(message, sizeof message,
                   "load command 0 at offset 0x20: its 0x%zx bytes at offset 0x0 lie outside the"
                   " file",
                   file.data);
    expect_bytes(file.bytes, file.data - 1, ABISCAN_MALFORMED, message);
    check_context("cut inside the last segment");
    (void)snprintf(message, sizeof message,
                   "load command 2 at offset 0x%zx: its 0x%zx bytes at offset 0x%zx lie outside"
                   " the file",
                   file.commands[COMMAND_LINKEDIT], file.size - file.linkedit, file.linkedit);
    expect_bytes(file.bytes, file.size - 1, ABISCAN_MALFORMED, message);
}

/* Single bytes at their extremes, everywhere: an answer, never a crash. */
static void test_every_byte(void)
{
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        macho_file file;
        build_macho(&file, &kinds[kind].options);
        check_every_byte(file.bytes, file.size);
    }
}

/* ---- universal files -------------------------------------------------- */

static void build_pair(universal_file *file, bool is_wide)
{
    macho_options options = plain_options();
    macho_file first, second;
    build_macho(&first, &options);
    options.machine = ARM64;
    options.fixups = FIXUPS_64_OFFSET;
    options.slots[1].value = 0;
    build_macho(&second, &options);
    build_universal(file, &first, &second, is_wide);
}

static void test_universal(void)
{
    for (int is_wide = 0; is_wide < 2; is_wide++) {
        universal_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        build_pair(&file, is_wide != 0);
        check_context(is_wide ? "universal, 64-bit offsets" : "universal");
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(abiscan_format_name(result->format), "macho-universal");
        CHECK_TEXT(result->machine, "universal");
        CHECK_NUMBER(result->init_hook_count, 0);
        CHECK_NUMBER(result->slice_count, 2);
        static const char *const names[] = {"x86_64", "aarch64"};
        for (size_t i = 0; i < result->slice_count; i++) {
            const abiscan_result *slice = &result->slices[i];
            CHECK_NUMBER(slice->status, ABISCAN_OK);
            CHECK_TEXT(abiscan_format_name(slice->format), "macho");
            CHECK_TEXT(slice->machine, names[i]);
            CHECK_NUMBER(slice->slice_offset, file.slices[i]);
            CHECK_NUMBER(slice->init, ABISCAN_INIT_MULTI_PHASE);
            CHECK_NUMBER(slice->gil, i == 0 ? ABISCAN_GIL_NOT_USED : ABISCAN_GIL_USED);
            CHECK_NAME(slice->init_hooks[0], "PyInit_sample");
        }
        abiscan_result_free(result);
        free(copy);

        check_context("universal, truncated");
        for (size_t size = 0; size < file.size; size++) {
            abiscan_status status = scan_copy(file.bytes, size, "sample", &result, &copy);
            CHECK_NUMBER(status, size < 4 ? ABISCAN_NOT_A_BINARY : ABISCAN_MALFORMED);
            CHECK(result != NULL && result->message[0] != 0);
            abiscan_result_free(result);
            free(copy);
        }
    }
}

static void test_universal_headers(void)
{
    static const struct {
        const char *name;
        size_t offset;
        uint64_t value;
        abiscan_status status;
        const char *message;
    } cases[] = {
        {"no slices", 4, 0, ABISCAN_MALFORMED, "universal header: 0 slices at offset 0x4"},
        {"a Java class file", 4, 52, ABISCAN_NOT_A_BINARY,
         "the file begins like no binary format (offset 0x0)"},
        {"more slices than fit", 4, 44, ABISCAN_MALFORMED,
         "universal header: entry 2 at offset 0x30: its 0x0 bytes at offset 0xffffffff lie outside"
         " the file"},
        {"a slice outside", 16, UINT32_MAX, ABISCAN_MALFORMED, NULL},
        {"slices that overlap", 36, 0x100, ABISCAN_MALFORMED,
         "universal header: entry 1 at offset 0x1c overlaps entry 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        universal_file file;
        char message[256];
        build_pair(&file, false);
        if (i == 2) { /* let the third entry ask for what is not there */
            patch_universal(&file, 0x38, 4, UINT32_MAX);
        }
        patch_universal(&file, cases[i].offset, 4, cases[i].value);
        check_context(cases[i].name);
        uint64_t size = 0;
        for (size_t k = 0; k < 4; k++) {
            size = size << 8 | file.bytes[20 + k];
        }
        (void)snprintf(message, sizeof message,
                       "universal header: entry 0 at offset 0x8: its 0x%" PRIx64
                       " bytes at offset 0xffffffff lie outside the file",
                       size);
        expect_bytes(file.bytes, file.size, cases[i].status,
                     cases[i].message == NULL ? message : cases[i].message);
    }
    check_context("a header without room for the count");
    expect_bytes((const unsigned char *)"\xca\xfe\xba\xbf\0\0", 6, ABISCAN_MALFORMED,
                 "universal header: the file ends at offset 0x6");
    check_context("a header without room for its entries");
    expect_bytes((const unsigned char *)"\xca\xfe\xba\xbe\0\0\0\2", 8, ABISCAN_MALFORMED,
                 "universal header: entry 0 at offset 0x8 lies outside the file");
}

/* A slice has a status and a message of its own. */
static void test_broken_slices(void)
{
    static const struct {
        const char *name;
        size_t offset; /* in the second slice */
        uint64_t value;
        abiscan_status status;
        const char *message;
    } cases[] = {
        {"no Mach-O", 0, 0, ABISCAN_UNSUPPORTED_FORMAT,
         "the slice does not begin like Mach-O (offset 0x0)"},
        {"another machine", 4, 0x07000001, ABISCAN_MALFORMED,
         "Mach-O header: the machine x86_64 at offset 0x4 is not aarch64, as the universal header"
         " says"},
        {"no load command", 0x24, 0, ABISCAN_MALFORMED,
         "load command 0 at offset 0x20: its size 0x0 is impossible"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        universal_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        build_pair(&file, false);
        patch_universal(&file, file.slices[1] + cases[i].offset, 4, cases[i].value);
        check_context(cases[i].name);
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_NUMBER(result->slice_count, 2);
        CHECK_NUMBER(result->slices[0].status, ABISCAN_OK);
        CHECK_NUMBER(result->slices[1].status, cases[i].status);
        CHECK_TEXT(result->slices[1].message, cases[i].message);
        abiscan_result_free(result);
        free(copy);
    }
}

int main(int count, char **arguments)
{
    (void)arguments;
    if (count > 1) { /* for whoever adds a case */
        test_patches(true);
        test_streams(true);
        return 0;
    }
    test_good();
    test_modules();
    test_imports();
    test_libraries();
    test_versions();
    test_lazy_pointers();
    test_patches(false);
    test_streams(false);
    test_truncation_messages();
    test_truncation();
    test_every_byte();
    test_universal();
    test_universal_headers();
    test_broken_slices();
    return check_result();
}
