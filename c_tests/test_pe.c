/* SPDX-License-Identifier: MIT */
/* Windows modules built field by field: what is told about good ones, and the exact
 * status and message of malformed ones. */
#include "builder_pe.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXEC {2, 1, 0}

/* sub rsp, 40; mov edx, 1; mov rcx, rax; call [rip + cell]; add rsp, 40; ret */
static const unsigned char call_table[] = {
    0x48, 0x83, 0xec, 0x28, 0xba, 1, 0, 0, 0, 0x48, 0x89, 0xc1,
    0xff, 0x15, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 0x28, 0xc3,
};
/* sub rsp, 40; xor edx, edx; call stub; add rsp, 40; ret; stub: jmp [rip + cell] */
static const unsigned char call_stub[] = {
    0x48, 0x83, 0xec, 0x28, 0x31, 0xd2, 0xe8, 5, 0, 0, 0, 0x48, 0x83, 0xc4, 0x28, 0xc3,
    0xff, 0x25, 0, 0, 0, 0,
};
/* As call_table, but the third argument (r8d) and System V's second (esi) are 1. */
static const unsigned char other_arguments[] = {
    0x48, 0x83, 0xec, 0x28, 0x41, 0xb8, 1, 0, 0, 0, 0xbe, 1, 0, 0, 0,
    0xff, 0x15, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 0x28, 0xc3,
};
/* mov rbx, [rip + cell]; mov edx, 1; call rbx; mov edx, 1; call [rip + cell]; ret */
static const unsigned char taken_address[] = {
    0x48, 0x8b, 0x1d, 0, 0, 0, 0, 0xba, 1, 0, 0, 0, 0xff, 0xd3,
    0xba, 1, 0, 0, 0, 0xff, 0x15, 0, 0, 0, 0, 0xc3,
};
/* lea rcx, [rip + image base]; mov dword ptr [rcx + rax*8 + 0x3020], 4; ret */
static const unsigned char store_from_base[] = {
    0x48, 0x8d, 0x0d, 0xf9, 0xef, 0xff, 0xff,
    0xc7, 0x84, 0xc1, 0x20, 0x30, 0, 0, 4, 0, 0, 0, 0xc3,
};
/* jmp +3; int3 (3 times); lea rax, [rip + 0x3010]; ret */
static const unsigned char incremental[] = {
    0xe9, 3, 0, 0, 0, 0xcc, 0xcc, 0xcc, 0x48, 0x8d, 0x05, 0x01, 0x20, 0, 0, 0xc3,
};
/* mov w1, #1; adrp x8, 0x2000; mov x0, x19; ldr x8, [x8, #cell]; blr x8; ret */
static const unsigned char aarch64_call[] = {
    0x21, 0x00, 0x80, 0x52, 0x08, 0x00, 0x00, 0xb0, 0xe0, 0x03, 0x13, 0xaa,
    0x08, 0x01, 0x40, 0xf9, 0x00, 0x01, 0x3f, 0xd6, 0xc0, 0x03, 0x5f, 0xd6,
};

#define CODE(name) .code = name, .code_size = sizeof(name)

typedef struct expectation {
    const char *name;
    pe_options options;
    size_t cell_at[2]; /* offsets in the code of displacements to SetGIL's cell; 0: none */
    abiscan_init init;
    abiscan_gil gil;
    const char *gil_evidence;
    abiscan_layout layout;
} expectation;

#define UNKNOWN_ARGUMENT "PyUnstable_Module_SetGIL is imported; its argument is unknown"

static const expectation cases[] = {
    {"GIL not used", {.slots = {EXEC, {4, 1, 0}}}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1", ABISCAN_LAYOUT_GIL},
    {"GIL used, 32-bit", {.is_32 = true, .slots = {EXEC, {4, 0, 0}}}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_USED, "slot 4 has the value 0", ABISCAN_LAYOUT_GIL},
    {"free-threaded layout", {.free_threaded = true, .slots = {{4, 1, 0}}}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED},
    {"free-threaded layout, 32-bit",
     {.is_32 = true, .free_threaded = true, .slots = {{4, 1, 0}}}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED},
    {"nothing declared, and no code that could", {.slots = {EXEC}}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "no slot is Py_mod_gil, and nothing adds one at run time", ABISCAN_LAYOUT_GIL},
    {"nothing declared, but code reaches the array from the image base",
     {.slots = {EXEC}, CODE(store_from_base)}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN, "code may write the slots at run time",
     ABISCAN_LAYOUT_GIL},
    {"the same code, but the array is constant",
     {.constant_slots = true, .slots = {EXEC}, CODE(store_from_base)}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "no slot is Py_mod_gil, and nothing adds one at run time", ABISCAN_LAYOUT_GIL},
    {"nothing declared, 32-bit: code is not read", {.is_32 = true, .slots = {EXEC}}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "no slot is Py_mod_gil in the file, but code of this machine is not read and might add one",
     ABISCAN_LAYOUT_GIL},
    {"no relocations: no pointer is one", {.no_relocations = true, .slots = {{4, 1, 0}}}, {0},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "without relocations the slots cannot be found",
     ABISCAN_LAYOUT_UNKNOWN},
    {"single-phase", {.single_phase = true}, {0},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "single-phase initialisation, and PyUnstable_Module_SetGIL is not imported",
     ABISCAN_LAYOUT_GIL},
    {"single-phase, SetGIL through the import address table",
     {.single_phase = true, .set_gil = true, CODE(call_table)}, {14},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_NOT_USED,
     "PyUnstable_Module_SetGIL is called with 1", ABISCAN_LAYOUT_GIL},
    {"single-phase, SetGIL through a stub",
     {.single_phase = true, .set_gil = true, CODE(call_stub)}, {18},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_USED,
     "PyUnstable_Module_SetGIL is called with 0", ABISCAN_LAYOUT_GIL},
    {"single-phase, SetGIL through a delayed import",
     {.single_phase = true, .set_gil = true, .is_delayed = true, CODE(call_table)}, {14},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_NOT_USED,
     "PyUnstable_Module_SetGIL is called with 1", ABISCAN_LAYOUT_GIL},
    {"single-phase, the second argument is not set",
     {.single_phase = true, .set_gil = true, CODE(other_arguments)}, {17},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_UNKNOWN, UNKNOWN_ARGUMENT, ABISCAN_LAYOUT_GIL},
    {"single-phase, a pointer to SetGIL is kept",
     {.single_phase = true, .set_gil = true, CODE(taken_address)}, {3, 21},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_UNKNOWN, UNKNOWN_ARGUMENT, ABISCAN_LAYOUT_GIL},
    {"single-phase, SetGIL from two libraries",
     {.single_phase = true, .set_gil = true, .import = "PyUnstable_Module_SetGIL",
      CODE(call_table)}, {14},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_UNKNOWN, UNKNOWN_ARGUMENT, ABISCAN_LAYOUT_GIL},
    {"single-phase, SetGIL on AArch64",
     {.machine = 0xaa64, .single_phase = true, .set_gil = true, CODE(aarch64_call)}, {0},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_NOT_USED,
     "PyUnstable_Module_SetGIL is called with 1", ABISCAN_LAYOUT_GIL},
    {"functions imported by number", {.single_phase = true, .by_ordinal = true}, {0},
     ABISCAN_INIT_UNKNOWN, ABISCAN_GIL_UNKNOWN, "functions of Python's are imported by number",
     ABISCAN_LAYOUT_GIL},
    {"functions of another library imported by number",
     {.single_phase = true, .by_ordinal = true, .library = "pythoncom314.dll"}, {0},
     ABISCAN_INIT_UNKNOWN, ABISCAN_GIL_UNKNOWN, "how the module is initialised is unknown",
     ABISCAN_LAYOUT_GIL},
    {"the hook is another library's", {.is_forwarded = true, .slots = {{4, 1, 0}}}, {0},
     ABISCAN_INIT_UNKNOWN, ABISCAN_GIL_UNKNOWN, "how the module is initialised is unknown",
     ABISCAN_LAYOUT_UNKNOWN},
    {"export hook", {.hook = HOOK_EXPORT, .slots = {{85, 1, 0}, {87, 1, 0}}}, {0},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_NOT_USED, "slot 87 has the value 1",
     ABISCAN_LAYOUT_UNKNOWN},
    {"export hook behind a jump",
     {.hook = HOOK_EXPORT, .slots = {{85, 1, 0}, {87, 0, 0}}, CODE(incremental)}, {0},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_USED, "slot 87 has the value 0",
     ABISCAN_LAYOUT_UNKNOWN},
    {"export hook, 32-bit, found by the pointers in its array",
     {.hook = HOOK_EXPORT, .is_32 = true, .slots = {{85, 0, 8}, {87, 1, 0}}}, {0},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_NOT_USED, "slot 87 has the value 1",
     ABISCAN_LAYOUT_UNKNOWN},
    {"no hook", {.hook = HOOK_NONE}, {0},
     ABISCAN_INIT_NONE, ABISCAN_GIL_UNKNOWN, "the file is not an extension module",
     ABISCAN_LAYOUT_UNKNOWN},
};

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const expectation *expected = &cases[i];
        pe_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        check_context(expected->name);
        build_pe(&file, &expected->options);
        for (size_t k = 0; k < 2 && expected->cell_at[k] != 0; k++) {
            pe_name_cell(&file, PE_TEXT + expected->cell_at[k], 1);
        }
        if (expected->options.code == aarch64_call) {
            uint32_t cell = (pe_address(file.table) & 0xfffu) + 8;
            patch_pe(&file, PE_TEXT + 12, 4, 0xf9400108u | cell / 8 << 10);
        }
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(result->message, "");
        CHECK_TEXT(abiscan_init_name(result->init), abiscan_init_name(expected->init));
        CHECK_TEXT(abiscan_gil_name(result->gil), abiscan_gil_name(expected->gil));
        CHECK_TEXT(result->gil_evidence, expected->gil_evidence);
        CHECK_TEXT(abiscan_layout_name(result->layout), abiscan_layout_name(expected->layout));
        abiscan_result_free(result);
        free(copy);
    }
}

static void put_32(unsigned char *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
}

static pe_options plain_options(void)
{
    pe_options options = {.slots = {EXEC, {4, 1, 0}}};
    return options;
}

static void test_good(void)
{
    for (int kind = 0; kind < 4; kind++) {
        pe_options options = plain_options();
        pe_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        options.is_32 = (kind & 1) != 0;
        options.is_delayed = (kind & 2) != 0;
        build_pe(&file, &options);
        check_context(options.is_32 ? "PE32" : "PE32+");
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(abiscan_format_name(result->format), "pe");
        CHECK_TEXT(result->machine, options.is_32 ? "i386" : "x86_64");
        CHECK_NUMBER(result->bits, options.is_32 ? 32 : 64);
        CHECK_NUMBER(result->byte_order, ABISCAN_LITTLE_ENDIAN);
        CHECK_NUMBER(result->file_type, ABISCAN_FILE_SHARED_OBJECT);
        CHECK_NUMBER(result->needed_count, 1);
        CHECK_NAME(result->needed[0], "python314.dll");
        CHECK_NAME(result->soname, "sample.pyd");
        CHECK_NUMBER(result->init_hook_count, 1);
        CHECK_NAME(result->init_hooks[0], "PyInit_sample");
        CHECK_NAME(result->definition_name, "package.sample");
        CHECK_NUMBER(result->import_count, 1);
        CHECK_NAME(result->imports[0].name, "PyModuleDef_Init");
        CHECK_NAME(result->imports[0].library, "python314.dll");
        CHECK_NUMBER(result->imports[0].abi3_since, 5);
        CHECK_NUMBER(result->imports[0].abi3t_since, 15);
        CHECK(!result->imports[0].is_weak && !result->imports[0].is_pypy);
        abiscan_result_free(result);
        free(copy);
    }
}

/* Whose functions are Python's. */
static void test_libraries(void)
{
    static const struct {
        const char *library;
        bool is_python;
    } libraries[] = {
        {"python3.dll", true},        {"python3t.dll", true},
        {"python314.dll", true},      {"PYTHON314T.DLL", true},
        {"python314t_d.dll", true},   {"python3_d.dll", true},
        {"libpython3.14.dll", true},  {"libpython3.14t.dll", true},
        {"libpypy3.11-c.dll", true},  {"msys-python3.14.dll", true},
        {"python-native.dll", true},  {"libpython3.dll", true},
        {"pythoncom314.dll", false},  {"python.dll", false},
        {"pywintypes314.dll", false}, {"python314.dll.dll", false},
        {"boost_python314.dll", false}, {"", false},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        pe_options options = plain_options();
        pe_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        check_context(libraries[i].library);
        options.library = libraries[i].library;
        build_pe(&file, &options);
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_NUMBER(result->import_count, libraries[i].is_python ? 1 : 0);
        CHECK_NUMBER(result->needed_count, 1);
        CHECK_NAME(result->needed[0], libraries[i].library);
        abiscan_result_free(result);
        free(copy);
    }
}

static void test_machines(void)
{
    static const struct {
        unsigned number;
        bool is_32, is_hybrid;
        const char *name;
    } machines[] = {
        {0x14c, true, false, "i386"},        {0x1c4, true, false, "arm"},
        {0x8664, false, false, "x86_64"},    {0x8664, false, true, "arm64ec"},
        {0xaa64, false, false, "aarch64"},   {0xaa64, false, true, "arm64x"},
        {0xa641, false, false, "arm64ec"},   {0x5064, false, false, "riscv64"},
        {0x1234, false, false, "unknown-4660"},
    };
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        pe_options options = plain_options();
        pe_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        check_context(machines[i].name);
        options.is_32 = machines[i].is_32;
        options.machine = machines[i].number;
        options.slots[1].identifier = 0;
        build_pe(&file, &options);
        if (machines[i].is_hybrid) {
            /* A load configuration in the room behind the definition. */
            patch_pe(&file, file.directories + 80, 4, pe_address(PE_RELOC - 0xe0));
            patch_pe(&file, file.directories + 84, 4, 0xd0);
            patch_pe(&file, PE_RELOC - 0xe0, 4, 0xd0);
            patch_pe(&file, PE_RELOC - 0xe0 + 0xc8, 8, 0x180002000);
        }
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(result->machine, machines[i].name);
        /* Only plain x86-64 code is read. */
        bool is_read = machines[i].number == 0x8664 && !machines[i].is_hybrid;
        CHECK_NUMBER(result->gil, is_read ? ABISCAN_GIL_NOT_DECLARED : ABISCAN_GIL_UNKNOWN);
        abiscan_result_free(result);
        free(copy);
    }
}

static void expect(const pe_file *file, size_t size, abiscan_status status, const char *message)
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

/* Where a patch goes: the start of a structure plus an offset in it. */
typedef enum place {
    AT_FILE,
    AT_COFF,
    AT_OPTIONAL,
    AT_DIRECTORY, /* `offset` is 8 times its number, or 4 more for its size */
    AT_SECTION,
    AT_EXPORTS,
    AT_NAMES,
    AT_ORDINALS,
    AT_IMPORTS,
    AT_LOOKUP,
    AT_RELOCATIONS
} place;

static size_t offset_of(const pe_file *file, place where, size_t offset)
{
    switch (where) {
    case AT_FILE:
        break;
    case AT_COFF:
        return file->coff + offset;
    case AT_OPTIONAL:
        return file->optional + offset;
    case AT_DIRECTORY:
        return file->directories + offset;
    case AT_SECTION:
        return file->sections + offset;
    case AT_EXPORTS:
        return file->exports + offset;
    case AT_NAMES:
        return file->export_names + offset;
    case AT_ORDINALS:
        return file->export_ordinals + offset;
    case AT_IMPORTS:
        return file->imports + offset;
    case AT_LOOKUP:
        return file->lookup + offset;
    case AT_RELOCATIONS:
        return file->relocations + offset;
    }
    return offset;
}

static const struct {
    const char *name;
    place where;
    bool is_delayed;
    size_t offset;
    unsigned width;
    uint64_t value;
    abiscan_status status;
    const char *message;
} patches[] = {
#include "pe_patches.inc"
};

static void test_patches(bool is_printing)
{
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        pe_options options = plain_options();
        pe_file file;
        options.is_delayed = patches[i].is_delayed;
        build_pe(&file, &options);
        patch_pe(&file, offset_of(&file, patches[i].where, patches[i].offset), patches[i].width,
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
    for (int kind = 0; kind < 2; kind++) {
        pe_options options = plain_options();
        pe_file file;
        options.is_32 = kind == 1;
        build_pe(&file, &options);
        check_context("truncation");
        for (size_t size = 0; size < file.size; size++) {
            abiscan_result *result = NULL;
            void *copy = NULL;
            abiscan_status status = scan_copy(file.bytes, size, "sample", &result, &copy);
            CHECK_NUMBER(status, size < 2 ? ABISCAN_NOT_A_BINARY : ABISCAN_MALFORMED);
            CHECK(result != NULL && result->message[0] != 0);
            abiscan_result_free(result);
            free(copy);
        }
    }
}

static void test_truncation_messages(void)
{
    static const struct {
        size_t size;
        const char *message;
    } cuts[] = {
        {0x3f, "DOS header: the file ends at offset 0x3f"},
        {0x80, "DOS header: the PE signature at offset 0x80 lies outside the file"},
        {0x83, "DOS header: the PE signature at offset 0x80 lies outside the file"},
        {0x84, "COFF header at offset 0x84: the file ends at offset 0x84"},
        {0x97, "COFF header at offset 0x84: the file ends at offset 0x97"},
        {0x98, "optional header at offset 0x98: its 240 bytes lie outside the file"},
        {0x187, "optional header at offset 0x98: its 240 bytes lie outside the file"},
        {0x188, "section table: entry 0 at offset 0x188 lies outside the file"},
        {0x227, "section table: entry 3 at offset 0x200 lies outside the file"},
        {0x228, "section 0 at offset 0x188: its 0x200 bytes at offset 0x400 lie outside the file"},
        {0x9ff, "section 1 at offset 0x1b0: its 0x400 bytes at offset 0x600 lie outside the file"},
        {0xdff, "section 3 at offset 0x200: its 0x200 bytes at offset 0xc00 lie outside the file"},
    };
    pe_options options = plain_options();
    pe_file file;
    build_pe(&file, &options);
    check_context("cut");
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        expect(&file, cuts[i].size, ABISCAN_MALFORMED, cuts[i].message);
    }
    expect(&file, 1, ABISCAN_NOT_A_BINARY, "the file begins like no binary format (offset 0x0)");
}

/* Two libraries whose names, and imports whose names, are the same long text. */
static void test_shared_names(void)
{
    pe_options options = plain_options();
    pe_file file;
    check_context("names that share their bytes");
    build_pe(&file, &options);
    /* A text over all of .text, which ends before the next section. */
    memset(file.bytes + PE_TEXT, 'P', PE_RDATA - PE_TEXT - 1);
    for (size_t i = 0; i < 10; i++) {
        patch_pe(&file, PE_DATA + 8 * i, 8, pe_address(PE_TEXT));
    }
    patch_pe(&file, PE_DATA + 80, 8, 0);
    patch_pe(&file, file.imports, 4, pe_address(PE_DATA));
    expect(&file, file.size, ABISCAN_MALFORMED,
           "import directory: up to the name at address 0x1002, its names are longer than the"
           " file");
}

/* One import more than the file has words, by libraries that share a table. */
static void test_shared_tables(void)
{
    pe_options options = plain_options();
    pe_file file;
    check_context("libraries that share a table");
    build_pe(&file, &options);
    for (size_t i = 0; i < 60; i++) {
        patch_pe(&file, PE_DATA + 8 * i, 8, UINT64_C(1) << 63);
    }
    patch_pe(&file, PE_DATA + 480, 8, 0);
    for (size_t i = 0; i < 12; i++) {
        size_t entry = PE_TEXT + 20 * i;
        patch_pe(&file, entry, 4, pe_address(PE_DATA));
        patch_pe(&file, entry + 12, 4, pe_address(PE_RDATA));
        patch_pe(&file, entry + 16, 4, pe_address(PE_DATA));
    }
    patch_pe(&file, file.directories + 8, 4, pe_address(PE_TEXT));
    expect(&file, file.size, ABISCAN_MALFORMED,
           "import directory: library 7: import 28 at address 0x30e0: there are more imports than"
           " the file has words");
}

/* SetGIL called in a function of a section of its own, `distance` bytes behind where its
 * argument is set, and behind that function bytes that lead to the middle between the two. */
static void check_distance(uint32_t distance, const unsigned char *opcode, unsigned opcode_size,
                           bool is_jump)
{
    enum { ADDRESS = 0x5000, PROLOGUE = 12, EPILOGUE = 11, BEHIND = 32 };
    pe_options options = {.single_phase = true, .set_gil = true, CODE(call_table)};
    pe_file file;
    build_pe(&file, &options);
    uint32_t end = PROLOGUE + distance + EPILOGUE, size = end + BEHIND;
    unsigned char *bytes = malloc(file.size + size), *code = bytes + file.size;
    if (bytes == NULL) {
        abort();
    }
    patch_pe(&file, file.coff + 2, 2, 5); /* NumberOfSections */
    patch_pe(&file, file.optional + 56, 4, ADDRESS + (size + 0xfff) / 0x1000 * 0x1000);
    size_t header = file.sections + (size_t)4 * 40;
    patch_pe(&file, header + 8, 4, size);
    patch_pe(&file, header + 12, 4, ADDRESS);
    patch_pe(&file, header + 16, 4, size);
    patch_pe(&file, header + 20, 4, file.size);
    patch_pe(&file, header + 36, 4, 0x60000020);
    patch_pe(&file, file.functions, 4, ADDRESS);
    patch_pe(&file, file.functions + 4, 4, ADDRESS + end);
    memcpy(bytes, file.bytes, file.size);
    memcpy(code, call_table, PROLOGUE);
    memset(code + PROLOGUE, 0x90, distance);
    memcpy(code + PROLOGUE + distance, call_table + PROLOGUE, EPILOGUE);
    put_32(code + PROLOGUE + distance + 2,
           pe_address(file.table) + 8 - (ADDRESS + PROLOGUE + distance + 6));
    memset(code + end, 0xcc, BEHIND);
    memcpy(code + end, opcode, opcode_size);
    put_32(code + end + opcode_size, PROLOGUE + distance / 2 - (end + opcode_size + 4));
    abiscan_result *result = NULL;
    void *copy = NULL;
    CHECK_NUMBER(scan_copy(bytes, file.size + size, "sample", &result, &copy), ABISCAN_OK);
    CHECK_TEXT(result->message, "");
    CHECK_TEXT(result->gil_evidence,
               is_jump ? UNKNOWN_ARGUMENT : "PyUnstable_Module_SetGIL is called with 1");
    abiscan_result_free(result);
    free(copy);
    free(bytes);
}

/* A jump between the argument and the call is found at every distance, and only a jump is. */
static void test_jumps(void)
{
    static const struct {
        const char *name;
        unsigned char opcode[3];
        unsigned size;
        bool is_jump;
    } kinds[] = {
        {"jmp", {0xe9}, 1, true},
        {"jz", {0x0f, 0x84}, 2, true},
        {"jg", {0x0f, 0x8f}, 2, true},
        {"call", {0xe8}, 1, false},
        {"lea rax, [rip + x]", {0x48, 0x8d, 0x05}, 3, false},
        {"setz, which has no displacement", {0x0f, 0x94}, 2, false},
    };
    /* Around 64 KiB the way to look for them changes. */
    static const uint32_t distances[] = {1000, 0xfff0, 0xffff, 0x10000, 0x10001, 100000, 1000000};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        check_context(kinds[i].name);
        for (size_t k = 0; k < sizeof distances / sizeof distances[0]; k++) {
            check_distance(distances[k], kinds[i].opcode, kinds[i].size, kinds[i].is_jump);
        }
    }
}

/* Single bytes at their extremes, everywhere: an answer, never a crash. */
static void test_every_byte(void)
{
    for (int kind = 0; kind < 4; kind++) {
        pe_options options = {.slots = {EXEC, {4, 1, 0}}, CODE(call_table)};
        pe_file file;
        options.is_32 = (kind & 1) != 0;
        options.is_delayed = (kind & 2) != 0;
        options.single_phase = (kind & 2) != 0;
        options.set_gil = (kind & 2) != 0;
        build_pe(&file, &options);
        pe_name_cell(&file, PE_TEXT + 14, 1);
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
    test_cases();
    test_libraries();
    test_machines();
    test_patches(false);
    test_truncation_messages();
    test_truncation();
    test_shared_names();
    test_shared_tables();
    test_jumps();
    test_every_byte();
    return check_result();
}
