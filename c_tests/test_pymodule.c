/* SPDX-License-Identifier: MIT */
/* What Python is told about a module, on modules built field by field. */
#include "builder.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

typedef struct expectation {
    const char *name;
    module_options options;
    abiscan_init init;
    abiscan_gil gil;
    const char *gil_evidence;
    abiscan_layout layout;
    uint16_t slots[MODULE_SLOT_LIMIT]; /* up to 0 */
    bool slots_complete;
} expectation;

#define EXEC {2, 1, 0}
#define PYSLOT_EXEC {85, 1, 0}

static const expectation cases[] = {
    {"multi-phase, GIL not used",
     {.slots = {EXEC, {4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_GIL, {2, 4}, true},
    {"multi-phase, GIL used",
     {.slots = {EXEC, {4, 0, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_USED, "slot 4 has the value 0",
     ABISCAN_LAYOUT_GIL, {2, 4}, true},
    {"3.15's number of the slot",
     {.slots = {PYSLOT_EXEC, {87, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 87 has the value 1",
     ABISCAN_LAYOUT_GIL, {85, 87}, true},
    {"a value that no Python knows",
     {.slots = {{4, 2, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN, "slot 4 has the value 2",
     ABISCAN_LAYOUT_GIL, {4}, true},
    {"two slots that agree",
     {.slots = {{4, 1, 0}, {4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_GIL, {4, 4}, true},
    {"two slots that contradict each other",
     {.slots = {{4, 1, 0}, {4, 0, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN, "slot 4 has no single constant value",
     ABISCAN_LAYOUT_GIL, {4, 4}, true},
    {"a pointer as the value",
     {.slots = {{4, 0, 8}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN, "slot 4 has no single constant value",
     ABISCAN_LAYOUT_GIL, {4}, true},
    {"nothing declared, no code that could",
     {.slots = {EXEC}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "no slot is Py_mod_gil, and nothing adds one at run time",
     ABISCAN_LAYOUT_GIL, {2}, true},
    {"nothing declared, on a machine whose code is not read",
     {.big_endian = true, .slots = {EXEC}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "no slot is Py_mod_gil in the file, but code of this machine is not read and might add one",
     ABISCAN_LAYOUT_GIL, {2}, true},
    {"an identifier that is none",
     {.slots = {EXEC, {0x400, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN, NULL, ABISCAN_LAYOUT_GIL, {2}, false},
    {"free-threaded layout",
     {.free_threaded = true, .slots = {{4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED, {4}, true},
    {"free-threaded layout, 32-bit",
     {.is_32 = true, .free_threaded = true, .slots = {{4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED, {4}, true},
    {"free-threaded layout, big-endian",
     {.big_endian = true, .free_threaded = true, .slots = {{4, 0, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_USED, "slot 4 has the value 0",
     ABISCAN_LAYOUT_FREE_THREADED, {4}, true},
    {"free-threaded layout, 32-bit big-endian",
     {.is_32 = true, .big_endian = true, .free_threaded = true, .slots = {{4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED, {4}, true},
    {"packed relative relocations",
     {.relr = true, .gnu_hash = true, .slots = {EXEC, {4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_GIL, {2, 4}, true},
    {"packed relative relocations, 32-bit big-endian",
     {.is_32 = true, .big_endian = true, .relr = true, .slots = {EXEC, {4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_GIL, {2, 4}, true},
    {"slots in read-only memory, on a machine whose code is not read",
     {.big_endian = true, .constant_slots = true, .slots = {EXEC}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "no slot is Py_mod_gil in the file, but code of this machine is not read and might add one",
     ABISCAN_LAYOUT_GIL, {2}, true},
    {"another definition beside it",
     {.has_another_definition = true, .slots = {{4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_GIL, {4}, true},
    {"two definitions of other names",
     {.has_another_definition = true, .module_name = "third", .slots = {{4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "which of several PyModuleDef is the module's is unknown",
     ABISCAN_LAYOUT_UNKNOWN, {0}, false},
    {"methods behind the slots, where the last value is a reference count of 1",
     {.free_threaded = true, .module_name = "third", .method_name = "method",
      .slots = {EXEC, {4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED, {2, 4}, true},
    {"methods behind the slots, the first of the module's name",
     {.free_threaded = true, .module_name = "third", .method_name = "sample",
      .slots = {EXEC, {4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED, {2, 4}, true},
    {"methods behind the slots, module and method of one name",
     {.method_name = "sample", .slots = {EXEC, {4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_GIL, {2, 4}, true},
    {"methods behind the slots, 32-bit big-endian",
     {.is_32 = true, .big_endian = true, .free_threaded = true, .method_name = "sample",
      .slots = {EXEC, {4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_FREE_THREADED, {2, 4}, true},
    {"methods behind slots that declare nothing",
     {.free_threaded = true, .module_name = "third", .method_name = "sample",
      .slots = {EXEC, {3, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "no slot is Py_mod_gil, and nothing adds one at run time",
     ABISCAN_LAYOUT_FREE_THREADED, {2, 3}, true},
    {"the only definition has another name",
     {.module_name = "third", .slots = {{4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_NOT_USED, "slot 4 has the value 1",
     ABISCAN_LAYOUT_GIL, {4}, true},
    {"single-phase",
     {.single_phase = true},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_NOT_DECLARED,
     "single-phase initialisation, and PyUnstable_Module_SetGIL is not imported",
     ABISCAN_LAYOUT_GIL, {0}, false},
    {"single-phase, SetGIL never seen called",
     {.single_phase = true, .free_threaded = true, .set_gil = true},
     ABISCAN_INIT_SINGLE_PHASE, ABISCAN_GIL_UNKNOWN,
     "PyUnstable_Module_SetGIL is imported; its argument is unknown",
     ABISCAN_LAYOUT_FREE_THREADED, {0}, false},
    {"SetGIL beside slots",
     {.set_gil = true, .slots = {EXEC}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "PyUnstable_Module_SetGIL is imported by a module with slots; its effect is unknown",
     ABISCAN_LAYOUT_GIL, {2}, true},
    {"export hook",
     {.hook = HOOK_EXPORT, .slots = {PYSLOT_EXEC, {87, 1, 0}}},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_NOT_USED, "slot 87 has the value 1",
     ABISCAN_LAYOUT_UNKNOWN, {85, 87}, true},
    {"export hook, found by the pointers in its array",
     {.hook = HOOK_EXPORT, .big_endian = true, .slots = {{85, 0, 8}, {87, 0, 0}}},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_USED, "slot 87 has the value 0",
     ABISCAN_LAYOUT_UNKNOWN, {85, 87}, true},
    {"export hook, 32-bit: entries have 16 bytes there too",
     {.hook = HOOK_EXPORT, .is_32 = true, .slots = {{85, 0, 8}, {100, 0, 8}, {87, 1, 0}}},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_NOT_USED, "slot 87 has the value 1",
     ABISCAN_LAYOUT_UNKNOWN, {85, 100, 87}, true},
    {"export hook, nothing declared",
     {.hook = HOOK_EXPORT, .slots = {PYSLOT_EXEC}},
     ABISCAN_INIT_EXPORT_HOOK, ABISCAN_GIL_NOT_DECLARED,
     "no slot is Py_mod_gil, and nothing adds one at run time",
     ABISCAN_LAYOUT_UNKNOWN, {85}, true},
    {"no hook",
     {.hook = HOOK_NONE},
     ABISCAN_INIT_NONE, ABISCAN_GIL_UNKNOWN, "the file is not an extension module",
     ABISCAN_LAYOUT_UNKNOWN, {0}, false},
    {"a machine whose relocations are unknown",
     {.machine = 2, .slots = {{4, 1, 0}}},
     ABISCAN_INIT_MULTI_PHASE, ABISCAN_GIL_UNKNOWN,
     "without relocations the slots cannot be found",
     ABISCAN_LAYOUT_UNKNOWN, {0}, false},
};

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const expectation *expected = &cases[i];
        module_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        check_context(expected->name);
        build_module(&file, &expected->options);
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_TEXT(result->message, "");
        CHECK_TEXT(abiscan_init_name(result->init), abiscan_init_name(expected->init));
        CHECK_TEXT(abiscan_gil_name(result->gil), abiscan_gil_name(expected->gil));
        if (expected->gil_evidence != NULL) {
            CHECK_TEXT(result->gil_evidence, expected->gil_evidence);
        }
        CHECK_TEXT(abiscan_layout_name(result->layout), abiscan_layout_name(expected->layout));
        size_t count = 0;
        while (count < MODULE_SLOT_LIMIT && expected->slots[count] != 0) {
            CHECK(count < result->slot_count && result->slots[count] == expected->slots[count]);
            count++;
        }
        CHECK_NUMBER(result->slot_count, count);
        CHECK_NUMBER(result->slots_complete, expected->slots_complete);
        abiscan_result_free(result);
        free(copy);
    }
}

/* Slots whose nested array is the array that they are in. */
static void test_cycle(void)
{
    module_options options = {.slots = {{92, 0, 16}, {94, 0, 16}, {92, 0, 16}}};
    module_file file;
    abiscan_result *result = NULL;
    void *copy = NULL;
    check_context("slots in a circle");
    build_module(&file, &options);
    CHECK(file.slots == file.data + 16);
    CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
    CHECK(!result->slots_complete);
    CHECK_NUMBER(result->gil, ABISCAN_GIL_UNKNOWN);
    CHECK(strncmp(result->gil_evidence, "slot arrays are nested too deeply", 33) == 0
          || strncmp(result->gil_evidence, "something else than a slot", 26) == 0);
    abiscan_result_free(result);
    free(copy);
}

/* An array that runs to the end of the segment without a terminator. */
static void test_unterminated(void)
{
    module_options options = {.slots = {{2, 1, 0}}};
    module_file file;
    abiscan_result *result = NULL;
    void *copy = NULL;
    check_context("slots without an end");
    build_module(&file, &options);
    /* m_slots points at the last 8 bytes of the segment, DT_NULL's value. */
    size_t last = file.dynamic + 16 * file.dynamic_count - 8;
    patch(&file, last, 8, 2);
    for (size_t at = file.relocations; at < file.relocations + file.relocations_size; at += 24) {
        patch(&file, at + 16, 8, last + file.data_shift);
    }
    CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
    CHECK(result->gil == ABISCAN_GIL_UNKNOWN);
    abiscan_result_free(result);
    free(copy);
}

static void test_imports(void)
{
    static const struct {
        const char *name;
        bool is_reported;
        int since;
    } names[] = {
        {"PyBuffer_Release", true, 11},
        {"_Py_DecRefShared", true, -1},
        {"PyPyList_New", true, -1},
        {"Python", true, -1},
        {"PyInit_other", false, 0},
        {"printf", false, 0},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        module_options options = {.import = names[i].name, .slots = {{2, 1, 0}}};
        module_file file;
        abiscan_result *result = NULL;
        void *copy = NULL;
        check_context(names[i].name);
        build_module(&file, &options);
        CHECK_NUMBER(scan_copy(file.bytes, file.size, "sample", &result, &copy), ABISCAN_OK);
        CHECK_NUMBER(result->import_count, names[i].is_reported ? 2 : 1);
        if (result->import_count == 2) {
            CHECK_NAME(result->imports[1].name, names[i].name);
            CHECK(result->imports[1].abi3_since == names[i].since);
            CHECK(result->imports[1].is_pypy == (strncmp(names[i].name, "PyPy", 4) == 0));
        }
        abiscan_result_free(result);
        free(copy);
    }
}

static void test_stems(void)
{
    static const struct {
        const char *stem;
        abiscan_init init;
    } stems[] = {
        {"sample", ABISCAN_INIT_MULTI_PHASE},
        {NULL, ABISCAN_INIT_MULTI_PHASE},
        {"__init__", ABISCAN_INIT_MULTI_PHASE}, /* the only hook */
        {"", ABISCAN_INIT_MULTI_PHASE},
    };
    module_options options = {.slots = {{4, 1, 0}}};
    module_file file;
    build_module(&file, &options);
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++) {
        abiscan_result *result = NULL;
        void *copy = NULL;
        check_context(stems[i].stem == NULL ? "no stem" : stems[i].stem);
        CHECK_NUMBER(scan_copy(file.bytes, file.size, stems[i].stem, &result, &copy), ABISCAN_OK);
        CHECK_NUMBER(result->init, stems[i].init);
        abiscan_result_free(result);
        free(copy);
    }
}

int main(void)
{
    test_cases();
    test_cycle();
    test_unterminated();
    test_imports();
    test_stems();
    return check_result();
}
