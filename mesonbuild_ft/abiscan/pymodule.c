/* SPDX-License-Identifier: MIT */
/* The order of questions: which hook does the interpreter call, where is the
 * module's definition, what do its slots say.  Each answer carries its evidence. */
#include "pymodule.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "stable_abi.h"

enum {
    /* Slot identifiers: PEP 489 to 3.14, and 3.15's common numbering (PEP 820). */
    SLOT_END = 0,
    SLOT_MOD_GIL = 4,
    SLOT_MOD_GIL_315 = 87,
    SLOT_SUBSLOTS = 92,  /* value: an array of PySlot */
    SLOT_MOD_SLOTS = 94, /* value: an array of PyModuleDef_Slot */
    SLOT_MOD_NAME = 100,
    SLOT_MOD_ABI = 109, /* value: a PyABIInfo */

    PYSLOT_SIZE = 16,     /* on 32 bit too: its value is 64 bits wide */
    PYSLOT_INTPTR = 4,    /* sl_flags: an integer is stored as a pointer */
    PYSLOT_ALL_FLAGS = 7, /* the flags that 3.15 defines */

    /* 3.15 has 110 identifiers; a larger one means this is no slot array. */
    HIGHEST_SLOT = 0x3ff,
    SLOT_LIMIT = 512,   /* in all arrays together */
    NESTING_LIMIT = 8,  /* arrays within arrays */
    ARRAY_LIMIT = 16,

    ABI_FLAG_GIL = 2,
    ABI_FLAG_FREE_THREADED = 4
};

typedef struct module_reader {
    const abiscan_image *image;
    abiscan_result *result;

    abiscan_name stem; /* of the hook that was chosen */
    uint64_t export_hook;
    uint64_t init_hook;
    bool has_export_hook;
    bool has_init_hook;
    bool is_pypy;

    /* Imports that tell something; SIZE_MAX when absent. */
    size_t moduledef_init;
    size_t module_create;
    size_t set_gil;

    bool has_several_definitions; /* and none was chosen */
    bool has_definition;
    uint64_t definition_name; /* address of the m_name member */
    bool has_slots;           /* there is an array to walk */
    uint64_t slots;

    abiscan_range hook_code;           /* of an export hook that was understood */
    abiscan_range arrays[ARRAY_LIMIT]; /* of slots, terminators included */
    size_t array_count;
    char walk_problem[96]; /* why slots_complete is false */
    unsigned gil_slots;
    bool gil_is_plain; /* its value is a number, not a pointer */
    uint64_t gil_value;
    unsigned gil_identifier;
} module_reader;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void say(char text[ABISCAN_TEXT_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, ABISCAN_TEXT_SIZE, format, arguments);
    va_end(arguments);
}

/* For "%.*s": names are not terminated, and a sentence has no room for all. */
static int shown(abiscan_name name)
{
    return name.size > 60 ? 60 : (int)name.size;
}

/* ---- imports ---------------------------------------------------------- */

static int compare_exports(const void *left, const void *right)
{
    return abiscan_compare_names(((const abiscan_symbol *)left)->name,
                                 ((const abiscan_symbol *)right)->name);
}

static bool is_defined_here(const abiscan_symbol *exports, size_t count, abiscan_name name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = abiscan_compare_names(exports[middle].name, name);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static bool is_hook(abiscan_name name)
{
    return abiscan_name_starts(name, "PyInit_") || abiscan_name_starts(name, "PyInitU_")
           || abiscan_name_starts(name, "PyModExport_")
           || abiscan_name_starts(name, "PyModExportU_");
}

static abiscan_status read_imports(module_reader *reader)
{
    const abiscan_image *image = reader->image;
    abiscan_result *result = reader->result;
    size_t count = image->export_count;
    result->imports = calloc(image->import_count + 1, sizeof *result->imports);
    abiscan_symbol *exports = calloc(count + 1, sizeof *exports);
    if (result->imports == NULL || exports == NULL) {
        free(exports);
        return ABISCAN_NO_MEMORY;
    }
    if (count != 0) {
        memcpy(exports, image->exports, count * sizeof *exports);
        abiscan_sort(exports, count, sizeof *exports, compare_exports);
    }
    for (size_t i = 0; i < image->import_count; i++) {
        const abiscan_symbol *symbol = &image->imports[i];
        abiscan_name name = symbol->name;
        if (!(abiscan_name_starts(name, "Py") || abiscan_name_starts(name, "_Py"))
            || is_hook(name) || is_defined_here(exports, count, name)) {
            continue;
        }
        abiscan_import *import = &result->imports[result->import_count++];
        import->name = name;
        import->library = symbol->library;
        import->is_weak = symbol->is_weak;
        import->is_pypy
            = abiscan_name_starts(name, "PyPy") || abiscan_name_starts(name, "_PyPy");
        import->abi3_since = -1;
        import->abi3t_since = -1;
        const abiscan_stable_symbol *stable = abiscan_find_stable_symbol(name);
        if (stable != NULL) {
            import->abi3_since = stable->since;
            import->abi3t_since
                = stable->since < ABISCAN_FIRST_ABI3T ? ABISCAN_FIRST_ABI3T : stable->since;
            import->ifdef = stable->ifdef;
        }
        reader->is_pypy = reader->is_pypy || import->is_pypy;
    }
    free(exports);

    reader->moduledef_init
        = abiscan_find_import(image, reader->is_pypy ? "PyPyModuleDef_Init" : "PyModuleDef_Init");
    reader->module_create
        = abiscan_find_import(image, reader->is_pypy ? "PyPyModule_Create2" : "PyModule_Create2");
    if (reader->module_create == SIZE_MAX) { /* GIL builds with Py_TRACE_REFS */
        reader->module_create = abiscan_find_import(image, "PyModule_Create2TraceRefs");
    }
    reader->set_gil = abiscan_find_import(image, "PyUnstable_Module_SetGIL");
    return ABISCAN_OK;
}

static bool imports(const module_reader *reader, const char *name)
{
    return abiscan_find_import(reader->image, name) != SIZE_MAX;
}

/* Whether all calls of a function go through this import: PE files may import a name
 * from several libraries. */
static bool is_imported_once(const module_reader *reader, size_t import)
{
    const abiscan_image *image = reader->image;
    size_t count = 0;
    for (size_t i = 0; i < image->import_count && import < image->import_count; i++) {
        if (abiscan_compare_names(image->imports[i].name, image->imports[import].name) == 0) {
            count++;
        }
    }
    return count == 1;
}

/* ---- hooks ------------------------------------------------------------ */

static abiscan_name without_prefix(abiscan_name hook)
{
    const char *underscore = memchr(hook.data, '_', hook.size);
    abiscan_name rest = {underscore + 1, hook.size - (size_t)(underscore + 1 - hook.data)};
    return rest;
}

static bool is_export_hook(abiscan_name hook)
{
    return abiscan_name_starts(hook, "PyModExport");
}

static abiscan_status read_hooks(module_reader *reader, const char *stem)
{
    const abiscan_image *image = reader->image;
    abiscan_result *result = reader->result;
    result->init_hooks = calloc(image->export_count + 1, sizeof *result->init_hooks);
    if (result->init_hooks == NULL) {
        return ABISCAN_NO_MEMORY;
    }
    abiscan_name only = {NULL, 0};
    bool has_match = false, has_several = false;
    for (size_t i = 0; i < image->export_count; i++) {
        abiscan_name name = image->exports[i].name;
        if (!is_hook(name)) {
            continue;
        }
        result->init_hooks[result->init_hook_count++] = name;
        abiscan_name rest = without_prefix(name);
        if (stem != NULL && abiscan_name_is(rest, stem)) {
            has_match = true;
            reader->stem = rest;
        }
        if (only.data != NULL && abiscan_compare_names(only, rest) != 0) {
            has_several = true;
        }
        only = rest;
    }
    if (result->init_hook_count == 0) {
        result->init = ABISCAN_INIT_NONE;
        say(result->init_reason, "no PyInit_ or PyModExport_ function is exported");
        return ABISCAN_OK;
    }
    if (!has_match) {
        if (has_several) {
            result->init = ABISCAN_INIT_UNKNOWN;
            say(result->init_reason,
                stem == NULL ? "%zu hooks are exported and the module's name is not known"
                             : "%zu hooks are exported, none of them for this module's name",
                result->init_hook_count);
            return ABISCAN_OK;
        }
        /* A package's __init__ file, a name outside ASCII, or no name given. */
        reader->stem = only;
    }
    for (size_t i = 0; i < image->export_count; i++) {
        abiscan_name name = image->exports[i].name;
        if (!is_hook(name) || abiscan_compare_names(without_prefix(name), reader->stem) != 0) {
            continue;
        }
        if (image->exports[i].is_forwarded) {
            result->init = ABISCAN_INIT_UNKNOWN;
            say(result->init_reason, "the hook is in another library");
            reader->has_export_hook = false;
            reader->has_init_hook = false;
            break;
        }
        if (is_export_hook(name)) {
            reader->has_export_hook = true;
            reader->export_hook = image->exports[i].address;
        } else {
            reader->has_init_hook = true;
            reader->init_hook = image->exports[i].address;
        }
    }
    return ABISCAN_OK;
}

/* ---- the definition --------------------------------------------------- */

static bool is_plain(const abiscan_image *image, uint64_t address, uint64_t *value)
{
    abiscan_word_value word = abiscan_image_word(image, address);
    *value = word.value;
    return word.kind == ABISCAN_WORD_PLAIN;
}

/* ob_type in a static object: empty, or filled in by the loader. */
static bool is_empty_or_import(const abiscan_image *image, uint64_t address)
{
    abiscan_word_value word = abiscan_image_word(image, address);
    return word.kind == ABISCAN_WORD_IMPORT
           || (word.kind == ABISCAN_WORD_PLAIN && word.value == 0);
}

/* The values that PyObject_HEAD_INIT gives ob_refcnt, from 3.2 to 3.15. */
static bool is_initial_count(const abiscan_image *image, uint64_t count)
{
    static const uint64_t counts_64[]
        = {1, UINT64_C(0xffffffff), UINT64_C(0x3fffffff), UINT64_C(0xc0000000),
           UINT64_C(0x00050000c0000000)};
    static const uint64_t counts_32[]
        = {1, UINT64_C(0x3fffffff), UINT64_C(0x50000000), UINT64_C(0x70000000)};
    const uint64_t *counts = image->file.is_64 ? counts_64 : counts_32;
    size_t length = image->file.is_64 ? sizeof counts_64 / sizeof counts_64[0]
                                      : sizeof counts_32 / sizeof counts_32[0];
    for (size_t i = 0; i < length; i++) {
        if (counts[i] == count) {
            return true;
        }
    }
    return false;
}

/* The PyObject head before an m_name member: m_init, m_index and m_copy lie
 * between.  GIL: count, type.  Free-threaded: thread id (word), flags (16 bit),
 * mutex, gc bits, local count (32 bit), shared count (word), type. */
static abiscan_layout head_layout(const abiscan_image *image, uint64_t name_address)
{
    uint64_t word = abiscan_pointer_size(image), value = 0;
    uint64_t gil_size = 5 * word, free_threaded_size = 3 * word + 8 + 3 * word;
    if (name_address < free_threaded_size || !is_empty_or_import(image, name_address - 4 * word)
        || !is_plain(image, name_address - gil_size, &value)) {
        return ABISCAN_LAYOUT_UNKNOWN;
    }
    if (is_initial_count(image, value)) {
        return ABISCAN_LAYOUT_GIL;
    }
    uint64_t head = name_address - free_threaded_size;
    uint64_t thread = 0, flags = 0, mutex = 0, gc_bits = 0, local = 0;
    if (value == 0 && is_plain(image, head, &thread) && thread == 0
        && abiscan_image_number(image, head + word, 2, &flags) && flags <= 0xff
        && abiscan_image_number(image, head + word + 2, 1, &mutex) && mutex == 0
        && abiscan_image_number(image, head + word + 3, 1, &gc_bits) && gc_bits == 0
        && abiscan_image_number(image, head + word + 4, 4, &local) && local == UINT32_MAX) {
        return ABISCAN_LAYOUT_FREE_THREADED;
    }
    return ABISCAN_LAYOUT_UNKNOWN;
}

/* PyPy's head: count 1, its own link, type. */
static bool is_pypy_head(const abiscan_image *image, uint64_t name_address)
{
    uint64_t word = abiscan_pointer_size(image), count = 0, link = 0;
    return name_address >= 6 * word && is_plain(image, name_address - 6 * word, &count)
           && count == 1 && is_plain(image, name_address - 5 * word, &link) && link == 0;
}

static abiscan_name last_part(abiscan_name name)
{
    for (size_t i = name.size; i-- > 0;) {
        if (name.data[i] == '.') {
            abiscan_name part = {name.data + i + 1, name.size - i - 1};
            return part;
        }
    }
    return name;
}

/* Whether the unwind table has a function that begins here. */
static bool is_function(const abiscan_image *image, uint64_t address)
{
    const abiscan_segment *segment = abiscan_segment_of(image, address);
    uint64_t start = 0, end = 0;
    return segment != NULL && segment->is_executable
           && abiscan_function_around(image, address, &start, &end) && start == address;
}

/* The rest of PyModuleDef after m_name: doc, size, methods, slots.  A PyMethodDef or a
 * PyGetSetDef looks alike, but has a function behind its name. */
static bool is_definition_body(const abiscan_image *image, uint64_t name_address)
{
    uint64_t word = abiscan_pointer_size(image);
    abiscan_word_value doc = abiscan_image_word(image, name_address + word);
    abiscan_word_value size = abiscan_image_word(image, name_address + 2 * word);
    abiscan_word_value slots = abiscan_image_word(image, name_address + 4 * word);
    return ((doc.kind == ABISCAN_WORD_POINTER && !is_function(image, doc.value))
            || doc.kind == ABISCAN_WORD_IMPORT
            || (doc.kind == ABISCAN_WORD_PLAIN && doc.value == 0))
           && size.kind == ABISCAN_WORD_PLAIN
           && (slots.kind == ABISCAN_WORD_POINTER
               || (slots.kind == ABISCAN_WORD_PLAIN && slots.value == 0));
}

typedef struct definition {
    uint64_t name_address;
    abiscan_name name;
    abiscan_layout layout;
} definition;

/* Whether this filled-in pointer, with three empty words before it, may be an m_name. */
static bool is_definition(const module_reader *reader, const abiscan_cell *cell,
                          definition *found)
{
    const abiscan_image *image = reader->image;
    uint64_t word = abiscan_pointer_size(image);
    if (cell->is_import || cell->address < 3 * word) {
        return false;
    }
    if (cell > image->cells && cell[-1].address + word > cell->address - 3 * word) {
        return false; /* the loader fills in one of the three */
    }
    const unsigned char *before = abiscan_image_bytes(image, cell->address - 3 * word, 3 * word);
    static const unsigned char zeros[3 * 8] = {0};
    if (before == NULL || memcmp(before, zeros, (size_t)(3 * word)) != 0) {
        return false;
    }
    found->name_address = cell->address;
    found->layout = head_layout(image, cell->address);
    if (found->layout == ABISCAN_LAYOUT_UNKNOWN
        && !(reader->is_pypy && is_pypy_head(image, cell->address))) {
        return false;
    }
    if (!is_definition_body(image, cell->address)) {
        return false;
    }
    found->name = abiscan_image_string(image, cell->target);
    return found->name.data != NULL && found->name.size != 0;
}

/* What looks like a PyModuleDef and is the m_methods of another: behind the slots, whose
 * last value and terminator are what an object's head is before 3.12. */
typedef struct method_tables {
    uint64_t addresses[8];
    size_t count;
} method_tables;

static void find_method_tables(const module_reader *reader, method_tables *tables)
{
    const abiscan_image *image = reader->image;
    uint64_t word = abiscan_pointer_size(image);
    size_t limit = sizeof tables->addresses / sizeof tables->addresses[0];
    tables->count = 0;
    for (size_t i = 0; i < image->cell_count && tables->count < limit; i++) {
        definition owner, table;
        if (!is_definition(reader, &image->cells[i], &owner)) {
            continue;
        }
        abiscan_word_value methods = abiscan_image_word(image, owner.name_address + 3 * word);
        const abiscan_cell *first = methods.kind == ABISCAN_WORD_POINTER
                                        ? abiscan_cell_at(image, methods.value)
                                        : NULL;
        if (first != NULL && first != &image->cells[i]
            && is_definition(reader, first, &table)) {
            tables->addresses[tables->count++] = table.name_address;
        }
    }
}

static bool is_method_table(const method_tables *tables, uint64_t name_address)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (tables->addresses[i] == name_address) {
            return true;
        }
    }
    return false;
}

static void find_definition(module_reader *reader)
{
    const abiscan_image *image = reader->image;
    abiscan_result *result = reader->result;
    uint64_t word = abiscan_pointer_size(image);
    definition named = {0, {NULL, 0}, ABISCAN_LAYOUT_UNKNOWN};
    definition other = named;
    size_t named_count = 0, other_count = 0;
    method_tables tables;
    find_method_tables(reader, &tables);
    for (size_t i = 0; i < image->cell_count; i++) {
        definition found;
        if (!is_definition(reader, &image->cells[i], &found)
            || is_method_table(&tables, found.name_address)) {
            continue;
        }
        if (abiscan_compare_names(last_part(found.name), reader->stem) == 0) {
            named = found;
            named_count++;
        } else {
            other = found;
            other_count++;
        }
    }
    /* A module may be named otherwise inside (mypyc's __init__ files). */
    if (named_count == 0 && other_count == 1) {
        named = other;
        named_count = 1;
    }
    if (named_count != 1) {
        if (!image->cells_known) {
            say(result->layout_evidence,
                image->convention == ABISCAN_CONVENTION_WINDOWS
                    ? "the file has no base relocations, its pointers cannot be told from numbers"
                    : "the relocations of this machine are not understood");
        } else {
            reader->has_several_definitions = named_count + other_count != 0;
            say(result->layout_evidence,
                named_count != 0   ? "several PyModuleDef have this module's name"
                : other_count != 0 ? "there are several PyModuleDef, none of this module's name"
                                   : "no static PyModuleDef was found");
        }
        return;
    }
    reader->has_definition = true;
    reader->definition_name = named.name_address;
    result->definition_name = named.name;
    result->layout = named.layout;
    switch (named.layout) {
    case ABISCAN_LAYOUT_GIL:
        say(result->layout_evidence,
            "PyModuleDef at 0x%" PRIx64 " has its m_name at offset 0x%" PRIx64
            ", after a reference count",
            named.name_address - 5 * word, 5 * word);
        break;
    case ABISCAN_LAYOUT_FREE_THREADED:
        say(result->layout_evidence,
            "PyModuleDef at 0x%" PRIx64 " has its m_name at offset 0x%" PRIx64
            ", after a thread id and two counts",
            named.name_address - 6 * word - 8, 6 * word + 8);
        break;
    case ABISCAN_LAYOUT_OPAQUE:
    case ABISCAN_LAYOUT_UNKNOWN:
        say(result->layout_evidence, "the PyModuleDef has PyPy's object header");
        break;
    }
}

/* ---- slots ------------------------------------------------------------ */

static void walk_slots(module_reader *reader, uint64_t address, bool is_pyslot, unsigned depth);

static bool read_abi_info(const abiscan_image *image, uint64_t address, abiscan_abi_info *info)
{
    uint64_t major = 0, minor = 0, flags = 0, build = 0, abi = 0;
    if (!abiscan_image_number(image, address, 1, &major)
        || !abiscan_image_number(image, address + 1, 1, &minor)
        || !abiscan_image_number(image, address + 2, 2, &flags)
        || !abiscan_image_number(image, address + 4, 4, &build)
        || !abiscan_image_number(image, address + 8, 4, &abi)) {
        return false;
    }
    info->major = (uint8_t)major;
    info->minor = (uint8_t)minor;
    info->flags = (uint16_t)flags;
    info->build_version = (uint32_t)build;
    info->abi_version = (uint32_t)abi;
    return true;
}

static void stop_walk(module_reader *reader, const char *what, uint64_t address)
{
    reader->result->slots_complete = false;
    if (reader->walk_problem[0] == 0) {
        (void)snprintf(reader->walk_problem, sizeof reader->walk_problem,
                       "%s at address 0x%" PRIx64, what, address);
    }
}

static void take_slot(module_reader *reader, unsigned identifier, uint64_t entry,
                      uint64_t value_address, bool is_wide, unsigned depth)
{
    const abiscan_image *image = reader->image;
    abiscan_word_value value = abiscan_image_word(image, value_address);
    switch (identifier) {
    case SLOT_MOD_GIL:
    case SLOT_MOD_GIL_315: {
        uint64_t number = value.value;
        if (is_wide) { /* a 64-bit integer, on 32 bit as well */
            (void)abiscan_image_number(image, value_address, 8, &number);
        }
        reader->gil_is_plain = value.kind == ABISCAN_WORD_PLAIN
                               && (reader->gil_slots == 0 || number == reader->gil_value);
        reader->gil_value = number;
        reader->gil_identifier = identifier;
        reader->gil_slots++;
        break;
    }
    case SLOT_SUBSLOTS:
    case SLOT_MOD_SLOTS:
        if (value.kind == ABISCAN_WORD_POINTER) {
            walk_slots(reader, value.value, identifier == SLOT_SUBSLOTS, depth + 1);
        } else if (value.kind != ABISCAN_WORD_PLAIN || value.value != 0) {
            stop_walk(reader, "a nested slot array is not in the file,", entry);
        }
        break;
    case SLOT_MOD_ABI:
        if (value.kind == ABISCAN_WORD_POINTER && !reader->result->has_abi_info) {
            reader->result->has_abi_info
                = read_abi_info(image, value.value, &reader->result->abi_info);
        }
        break;
    default:
        break;
    }
}

static void walk_slots(module_reader *reader, uint64_t address, bool is_pyslot, unsigned depth)
{
    const abiscan_image *image = reader->image;
    abiscan_result *result = reader->result;
    uint64_t word = abiscan_pointer_size(image);
    uint64_t stride = is_pyslot ? PYSLOT_SIZE : 2 * word;
    uint64_t start = address;
    if (depth > NESTING_LIMIT || reader->array_count == ARRAY_LIMIT) {
        stop_walk(reader, "slot arrays are nested too deeply", address);
        return;
    }
    abiscan_range *array = &reader->arrays[reader->array_count++];
    array->address = start;
    for (;; address += stride) {
        uint64_t identifier = 0, flags = 0, reserved = 0;
        bool is_read = is_pyslot ? abiscan_image_number(image, address, 2, &identifier)
                                       && abiscan_image_number(image, address + 2, 2, &flags)
                                       && abiscan_image_number(image, address + 4, 4, &reserved)
                                 : abiscan_image_number(image, address, 4, &identifier);
        array->size = address - start + stride;
        if (!is_read) {
            stop_walk(reader, "the slot array leaves the file", address);
            return;
        }
        if (identifier == SLOT_END) {
            return;
        }
        if (identifier > HIGHEST_SLOT || flags > PYSLOT_ALL_FLAGS || reserved != 0
            || abiscan_cell_at(image, address) != NULL) {
            stop_walk(reader, "something else than a slot lies", address);
            return;
        }
        if (result->slot_count == SLOT_LIMIT) {
            stop_walk(reader, "there are too many slots", address);
            return;
        }
        result->slots[result->slot_count++] = (uint16_t)identifier;
        take_slot(reader, (unsigned)identifier, address, address + (is_pyslot ? 8 : word),
                  is_pyslot && (flags & PYSLOT_INTPTR) == 0, depth);
    }
}

/* ---- the export hook -------------------------------------------------- */

/* Whether a PySlot of a module may lie here: identifiers that types lack. */
static bool is_module_pyslot(const abiscan_image *image, uint64_t address, bool *is_module)
{
    uint64_t identifier = 0, flags = 0, reserved = 0;
    if (!abiscan_image_number(image, address, 2, &identifier)
        || !abiscan_image_number(image, address + 2, 2, &flags)
        || !abiscan_image_number(image, address + 4, 4, &reserved)
        || identifier == SLOT_END || identifier > HIGHEST_SLOT || flags > PYSLOT_ALL_FLAGS
        || reserved != 0 || abiscan_cell_at(image, address) != NULL) {
        return false;
    }
    *is_module = *is_module || (identifier >= 84 && identifier <= SLOT_MOD_GIL_315)
                 || (identifier >= SLOT_MOD_NAME && identifier <= 106)
                 || identifier == SLOT_MOD_ABI || identifier == 110;
    return true;
}

/* Where the hook's code cannot be read: the only array in the file that holds
 * slots of a module, found by the pointers among its values. */
static bool find_pyslots(const abiscan_image *image, uint64_t *address)
{
    size_t found = 0;
    uint64_t last_end = 0;
    for (size_t i = 0; i < image->cell_count; i++) {
        uint64_t at = image->cells[i].address;
        bool is_module = false;
        if (at < last_end || at < 8 || !is_module_pyslot(image, at - 8, &is_module)) {
            continue;
        }
        uint64_t start = at - 8;
        unsigned steps = 0;
        while (start >= PYSLOT_SIZE && start - PYSLOT_SIZE >= last_end && steps < SLOT_LIMIT
               && is_module_pyslot(image, start - PYSLOT_SIZE, &is_module)) {
            start -= PYSLOT_SIZE;
            steps++;
        }
        uint64_t end = at + 8;
        while (steps < 2 * SLOT_LIMIT && is_module_pyslot(image, end, &is_module)) {
            end += PYSLOT_SIZE;
            steps++;
        }
        last_end = end;
        if (is_module) {
            *address = start;
            found++;
        }
    }
    return found == 1;
}

static void read_export_hook(module_reader *reader)
{
    abiscan_result *result = reader->result;
    const abiscan_image *image = reader->image;
    result->init = ABISCAN_INIT_EXPORT_HOOK;
    say(result->init_reason, "PyModExport_%.*s is exported", shown(reader->stem),
        reader->stem.data);
    if (abiscan_code_returns(image, reader->export_hook, &reader->slots, &reader->hook_code)
        == ABISCAN_YES) {
        reader->has_slots = true;
    } else {
        reader->has_slots = find_pyslots(image, &reader->slots);
    }
    if (reader->has_slots) {
        result->slot_style = ABISCAN_SLOTS_PYSLOT;
        result->slots_complete = true;
        walk_slots(reader, reader->slots, true, 0);
    }

    if (result->has_abi_info) {
        unsigned flags = result->abi_info.flags & (ABI_FLAG_GIL | ABI_FLAG_FREE_THREADED);
        result->layout = flags == (ABI_FLAG_GIL | ABI_FLAG_FREE_THREADED) ? ABISCAN_LAYOUT_OPAQUE
                         : flags == ABI_FLAG_FREE_THREADED ? ABISCAN_LAYOUT_FREE_THREADED
                         : flags == ABI_FLAG_GIL           ? ABISCAN_LAYOUT_GIL
                                                           : ABISCAN_LAYOUT_UNKNOWN;
        say(result->layout_evidence, "PyABIInfo has the flags 0x%x",
            (unsigned)result->abi_info.flags);
    } else {
        say(result->layout_evidence, "no PyABIInfo was found");
    }
}

/* ---- the init hook ---------------------------------------------------- */

static void read_init_hook(module_reader *reader)
{
    abiscan_result *result = reader->result;
    const abiscan_image *image = reader->image;
    bool has_init = reader->moduledef_init != SIZE_MAX;
    bool has_create = reader->module_create != SIZE_MAX;
    abiscan_word_value slots = {ABISCAN_WORD_INVALID, 0};

    find_definition(reader);
    if (reader->has_definition) {
        slots = abiscan_image_word(image,
                                   reader->definition_name + 4 * abiscan_pointer_size(image));
        reader->has_slots = slots.kind == ABISCAN_WORD_POINTER;
        reader->slots = slots.value;
    }
    if (reader->has_slots) {
        result->init = ABISCAN_INIT_MULTI_PHASE;
        say(result->init_reason, "its PyModuleDef has slots");
    } else if (image->has_nameless_imports) {
        result->init = ABISCAN_INIT_UNKNOWN;
        say(result->init_reason, "functions of Python's are imported by number");
    } else if (has_init && !has_create) {
        result->init = ABISCAN_INIT_MULTI_PHASE;
        say(result->init_reason, "PyModuleDef_Init is imported, PyModule_Create2 is not");
    } else if (has_create && !has_init) {
        result->init = ABISCAN_INIT_SINGLE_PHASE;
        say(result->init_reason, "PyModule_Create2 is imported, PyModuleDef_Init is not");
    } else {
        result->init = ABISCAN_INIT_UNKNOWN;
        say(result->init_reason, has_init ? "both PyModuleDef_Init and PyModule_Create2 are imported"
                                          : "neither PyModuleDef_Init nor PyModule_Create2 is"
                                            " imported");
    }
    if (reader->has_slots) {
        result->slot_style = ABISCAN_SLOTS_MODULEDEF;
        result->slots_complete = true;
        walk_slots(reader, reader->slots, false, 0);
    }
}

/* Inline functions of the free-threaded headers leave imports that no GIL build
 * exports; the GIL's leave none that tell. */
static void judge_layout_by_imports(module_reader *reader)
{
    static const char *const names[] = {
        "_Py_DecRefShared", "_Py_MergeZeroLocalRefcount", "PyUnstable_Module_SetGIL",
        "_Py_DecRefSharedDebug", "_Py_MergeZeroLocalRefcountDebug",
    };
    if (reader->result->layout != ABISCAN_LAYOUT_UNKNOWN || reader->is_pypy) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (imports(reader, names[i])) {
            reader->result->layout = ABISCAN_LAYOUT_FREE_THREADED;
            say(reader->result->layout_evidence,
                "%s is imported, which only free-threaded builds export", names[i]);
            return;
        }
    }
}

/* ---- the GIL ---------------------------------------------------------- */

/* Whether anything can add to the slots once the module is loaded. */
static abiscan_answer can_change(module_reader *reader, abiscan_range range)
{
    if (abiscan_is_constant(reader->image, range.address, range.size)) {
        return ABISCAN_NO;
    }
    return abiscan_code_refers(reader->image, range, 0, reader->hook_code);
}

/* The PyModuleDef, with the object header that it has. */
static abiscan_range definition_range(const module_reader *reader)
{
    uint64_t word = abiscan_pointer_size(reader->image);
    abiscan_range range = {0, 0};
    if (reader->has_definition) {
        bool has_count = reader->result->layout == ABISCAN_LAYOUT_GIL;
        uint64_t head = has_count ? 5 * word : 6 * word + 8;
        range.address = reader->definition_name - head;
        range.size = head + 8 * word;
    }
    return range;
}

/* What lies ahead of the array, in the same writable memory and behind the definition: where
 * the array is a member of a struct, code may be given the struct and write through it.  A
 * struct that holds the definition as well is not looked for, nor, on Windows, one whose
 * address code makes more than NEIGHBOUR bytes ahead of the array: see slots_can_change(). */
static abiscan_range ahead_of(const module_reader *reader, abiscan_range array)
{
    const abiscan_image *image = reader->image;
    const abiscan_segment *segment = abiscan_segment_of(image, array.address);
    abiscan_range definition = definition_range(reader);
    uint64_t ends[] = {image->relro_address + image->relro_size,
                       definition.address + definition.size};
    uint64_t low = segment == NULL ? array.address : segment->address;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends[i] > low && ends[i] <= array.address) {
            low = ends[i];
        }
    }
    abiscan_range range = {low, array.address - low};
    return range;
}

static bool is_in_definition(const module_reader *reader, uint64_t address)
{
    abiscan_range definition = definition_range(reader);
    bool is_inside = address - definition.address < definition.size;
    for (size_t i = 0; i < reader->array_count; i++) {
        is_inside = is_inside || address - reader->arrays[i].address < reader->arrays[i].size;
    }
    return is_inside;
}

/* Whether the loader fills in more pointers into `range`, which is around array `number`,
 * than the one by which the array is found: by a GOT entry code writes without naming it.
 * Those that lie in the definition and its slots may name a neighbour. */
static bool has_other_pointer(const module_reader *reader, size_t number, abiscan_range range)
{
    const abiscan_image *image = reader->image;
    size_t pointers = 0;
    for (size_t i = 0; i < image->cell_count; i++) {
        const abiscan_cell *cell = &image->cells[i];
        bool is_own = cell->target < reader->arrays[number].address
                      && is_in_definition(reader, cell->address);
        if (!cell->is_import && !is_own && cell->target >= range.address
            && cell->target - range.address < range.size) {
            pointers++;
        }
    }
    bool is_returned = reader->has_export_hook && number == 0;
    return pointers > (is_returned ? 0u : 1u);
}

/* Whether code names the slots that lie in memory it can write to (gmpy2 goes through them
 * and changes Py_mod_gil).  Where code is not read, what the file holds stands. */
static bool slots_are_named(const module_reader *reader)
{
    for (size_t i = 0; i < reader->array_count; i++) {
        abiscan_range array = reader->arrays[i];
        if (abiscan_is_constant(reader->image, array.address, array.size)) {
            continue;
        }
        if (abiscan_code_names(reader->image, array, reader->hook_code) == ABISCAN_YES
            || has_other_pointer(reader, i, array)) {
            return true;
        }
    }
    return false;
}

static abiscan_answer slots_can_change(module_reader *reader)
{
    /* The longest operand is a vector register of 64 bytes. */
    enum { LONGEST_OPERAND = 64, NEIGHBOUR = 8 };
    const abiscan_image *image = reader->image;
    uint64_t word = abiscan_pointer_size(image);
    abiscan_range definition = definition_range(reader);
    abiscan_answer answer = ABISCAN_NO;
    for (size_t i = 0; i < reader->array_count && answer == ABISCAN_NO; i++) {
        abiscan_range array = reader->arrays[i];
        if (abiscan_is_constant(image, array.address, array.size)) {
            continue;
        }
        abiscan_range ahead = ahead_of(reader, array);
        uint64_t before = ahead.size < LONGEST_OPERAND ? ahead.size : LONGEST_OPERAND - 1;
        answer = abiscan_code_refers(image, array, before, reader->hook_code);
        if (image->convention == ABISCAN_CONVENTION_WINDOWS && ahead.size > NEIGHBOUR) {
            /* A limit, not a proof.  Microsoft's compiler lays data out in the order of the
             * source: the tables that Cython hands on to functions of its own lie ahead of the
             * slots, as if in one struct.  So do variables of MinGW's startup code. */
            ahead.address = array.address - NEIGHBOUR;
            ahead.size = NEIGHBOUR;
        }
        if (answer == ABISCAN_NO) {
            answer = abiscan_code_hands_on(image, ahead, definition, reader->hook_code);
        }
        before = ahead.size < NEIGHBOUR ? ahead.size : NEIGHBOUR;
        array.address -= before;
        array.size += before;
        if (answer == ABISCAN_NO && has_other_pointer(reader, i, array)) {
            answer = ABISCAN_YES;
        }
    }
    if (answer == ABISCAN_NO && reader->has_definition) {
        abiscan_range member = {reader->definition_name + 4 * word, word};
        answer = can_change(reader, member);
        if (answer == ABISCAN_NO
            && !abiscan_is_constant(image, member.address, member.size)) {
            answer = abiscan_code_hands_on(image, definition, definition, reader->hook_code);
        }
    }
    return answer;
}

static void judge_gil_value(module_reader *reader, uint64_t value, const char *evidence)
{
    abiscan_result *result = reader->result;
    if (value <= 1) {
        result->gil = value == 1 ? ABISCAN_GIL_NOT_USED : ABISCAN_GIL_USED;
    } else {
        result->gil = ABISCAN_GIL_UNKNOWN;
    }
    say(result->gil_evidence, "%s %" PRIu64, evidence, value);
}

static void judge_gil_by_call(module_reader *reader)
{
    abiscan_result *result = reader->result;
    uint64_t value = 0;
    if (is_imported_once(reader, reader->set_gil)
        && abiscan_code_second_argument(reader->image, reader->set_gil, &value) == ABISCAN_YES) {
        judge_gil_value(reader, value, "PyUnstable_Module_SetGIL is called with");
    } else {
        say(result->gil_evidence, "PyUnstable_Module_SetGIL is imported; its argument is unknown");
    }
}

/* The array is empty in the file, and the hook fills it (pybind11). */
static bool judge_gil_by_stores(module_reader *reader)
{
    abiscan_result *result = reader->result;
    abiscan_stored_slots stored;
    if (!reader->has_definition || !reader->has_slots || result->slot_count != 0
        || !is_imported_once(reader, reader->moduledef_init)
        || abiscan_code_stored_slots(reader->image, reader->init_hook, reader->slots,
                                     reader->moduledef_init, &stored)
               != ABISCAN_YES) {
        return false;
    }
    size_t gil = SIZE_MAX;
    for (size_t i = 0; i < stored.count; i++) {
        uint32_t identifier = stored.identifiers[i];
        if (identifier > HIGHEST_SLOT || identifier == SLOT_SUBSLOTS
            || identifier == SLOT_MOD_SLOTS) {
            return false;
        }
        if (identifier == SLOT_MOD_GIL || identifier == SLOT_MOD_GIL_315) {
            if (gil != SIZE_MAX || !stored.is_constant[i]) {
                return false;
            }
            gil = i;
        }
    }
    for (size_t i = 0; i < stored.count; i++) {
        result->slots[result->slot_count++] = (uint16_t)stored.identifiers[i];
    }
    if (gil == SIZE_MAX) {
        result->gil = ABISCAN_GIL_NOT_DECLARED;
        say(result->gil_evidence, "the hook stores %zu slots, none of them Py_mod_gil",
            stored.count);
        return true;
    }
    char evidence[64];
    (void)snprintf(evidence, sizeof evidence, "the hook stores slot %u with the value",
                   (unsigned)stored.identifiers[gil]);
    judge_gil_value(reader, stored.values[gil], evidence);
    return true;
}

static void judge_gil(module_reader *reader)
{
    abiscan_result *result = reader->result;
    if (result->init == ABISCAN_INIT_NONE) {
        say(result->gil_evidence, "the file is not an extension module");
        return;
    }
    if (reader->gil_slots > 0) {
        char evidence[64];
        (void)snprintf(evidence, sizeof evidence, "slot %u has the value",
                       reader->gil_identifier);
        if (reader->gil_is_plain && slots_are_named(reader)) {
            say(result->gil_evidence,
                "%s %" PRIu64 " in the file, and code that may write to it names the slots",
                evidence, reader->gil_value);
        } else if (reader->gil_is_plain) {
            judge_gil_value(reader, reader->gil_value, evidence);
        } else {
            say(result->gil_evidence, "slot %u has no single constant value",
                reader->gil_identifier);
        }
        return;
    }
    if (reader->image->has_nameless_imports) {
        say(result->gil_evidence, "functions of Python's are imported by number");
        return;
    }
    if (result->init == ABISCAN_INIT_SINGLE_PHASE) {
        if (reader->set_gil != SIZE_MAX) {
            judge_gil_by_call(reader);
        } else {
            result->gil = ABISCAN_GIL_NOT_DECLARED;
            say(result->gil_evidence,
                "single-phase initialisation, and PyUnstable_Module_SetGIL is not imported");
        }
        return;
    }
    if (result->init == ABISCAN_INIT_UNKNOWN) {
        say(result->gil_evidence, "how the module is initialised is unknown");
        return;
    }
    if (reader->set_gil != SIZE_MAX) {
        say(result->gil_evidence,
            "PyUnstable_Module_SetGIL is imported by a module with slots; its effect is unknown");
        return;
    }
    if (reader->has_slots || reader->has_definition) {
        if (reader->has_slots && !result->slots_complete) {
            say(result->gil_evidence, "%s", reader->walk_problem);
            return;
        }
        switch (slots_can_change(reader)) {
        case ABISCAN_NO:
            result->gil = ABISCAN_GIL_NOT_DECLARED;
            say(result->gil_evidence,
                reader->has_slots ? "no slot is Py_mod_gil, and nothing adds one at run time"
                                  : "the PyModuleDef has no slots, and nothing sets them at run"
                                    " time");
            return;
        case ABISCAN_YES:
            break;
        case ABISCAN_CANNOT_TELL:
            say(result->gil_evidence,
                "no slot is Py_mod_gil in the file, but code of this machine is not read and"
                " might add one");
            return;
        }
    }
    if (judge_gil_by_stores(reader)) {
        return;
    }
    say(result->gil_evidence,
        reader->has_slots || reader->has_definition ? "code may write the slots at run time"
        : reader->has_several_definitions ? "which of several PyModuleDef is the module's is unknown"
        : reader->image->cells_known      ? "the slots are made at run time"
                                          : "without relocations the slots cannot be found");
}

/* ---- the framework ---------------------------------------------------- */

/* Texts that generated code needs at run time, around an underscore.  They are
 * kept in two parts so that the scanner's own file does not contain them.  The
 * first wins: later frameworks may be named in the data of earlier ones. */
#define MARK(before, after, framework) \
    {before, sizeof(before) - 1, after, sizeof(after) - 1, framework}

static const struct {
    const char *before;
    size_t before_size;
    const char *after;
    size_t after_size;
    abiscan_framework framework;
} marks[] = {
    MARK("cython", "runtime", ABISCAN_FRAMEWORK_CYTHON),
    MARK("pyo3", "runtime", ABISCAN_FRAMEWORK_PYO3),
    MARK("nb", "internals", ABISCAN_FRAMEWORK_NANOBIND),
    MARK("pybind11", "", ABISCAN_FRAMEWORK_PYBIND11),
    MARK("", "mypyc", ABISCAN_FRAMEWORK_MYPYC),
    MARK("", "cffi_backend", ABISCAN_FRAMEWORK_CFFI),
};

enum { MARK_COUNT = sizeof marks / sizeof marks[0] };

static void find_marks(const unsigned char *bytes, size_t size, bool found[MARK_COUNT])
{
    size_t at = 0;
    while (at < size) {
        const unsigned char *hit = memchr(bytes + at, '_', size - at);
        if (hit == NULL) {
            return;
        }
        size_t before = (size_t)(hit - bytes), after = before + 1;
        for (size_t i = 0; i < MARK_COUNT; i++) {
            size_t left = marks[i].before_size, right = marks[i].after_size;
            /* One byte first: nearly every underscore ends here. */
            if (before < left || size - after < right
                || (left != 0 && hit[-1] != (unsigned char)marks[i].before[left - 1])
                || (right != 0 && hit[1] != (unsigned char)marks[i].after[0])) {
                continue;
            }
            if (memcmp(hit - left, marks[i].before, left) == 0
                && memcmp(hit + 1, marks[i].after, right) == 0) {
                found[i] = true;
            }
        }
        at = after;
    }
}

static void find_framework(module_reader *reader)
{
    const abiscan_image *image = reader->image;
    bool found[MARK_COUNT] = {false}, has_plain_data = false;
    for (size_t i = 0; i < image->export_count; i++) {
        if (abiscan_name_starts(image->exports[i].name, "_cffi_pypyinit_")) {
            reader->result->framework = ABISCAN_FRAMEWORK_CFFI;
            return;
        }
    }
    for (size_t i = 0; i < image->segment_count; i++) {
        const abiscan_segment *segment = &image->segments[i];
        has_plain_data = has_plain_data
                         || (!segment->is_executable && !segment->is_writable
                             && segment->file_size != 0);
    }
    for (size_t i = 0; i < image->segment_count; i++) {
        const abiscan_segment *segment = &image->segments[i];
        const unsigned char *bytes
            = abiscan_bytes(&image->file, segment->file_offset, segment->file_size);
        /* Constants lie with the code only where the linker made no segment for them. */
        if (bytes != NULL && !(segment->is_executable && has_plain_data)) {
            find_marks(bytes, (size_t)segment->file_size, found);
        }
    }
    for (size_t i = 0; i < MARK_COUNT; i++) {
        /* CFFI's backend names itself: a stem is the mark behind its underscore. */
        bool is_itself = reader->stem.size != 0 && reader->stem.data[0] == '_'
                         && reader->stem.size == marks[i].after_size + 1
                         && memcmp(reader->stem.data + 1, marks[i].after,
                                   reader->stem.size - 1) == 0;
        if (found[i] && !is_itself) {
            reader->result->framework = marks[i].framework;
            return;
        }
    }
}

/* What the hook that is called gives: kind, layout, slots, GIL. */
static abiscan_status read_definition(module_reader *reader)
{
    reader->result->slots = calloc(SLOT_LIMIT, sizeof *reader->result->slots);
    if (reader->result->slots == NULL) {
        return ABISCAN_NO_MEMORY;
    }
    if (reader->has_export_hook) {
        read_export_hook(reader);
    } else if (reader->has_init_hook) {
        read_init_hook(reader);
    } else {
        say(reader->result->layout_evidence, "no module definition was looked for");
    }
    judge_layout_by_imports(reader);
    judge_gil(reader);
    return ABISCAN_OK;
}

abiscan_status abiscan_read_module(const abiscan_image *image, const char *stem,
                                   abiscan_result *result)
{
    module_reader reader = {.image = image, .result = result};
    abiscan_status status = read_imports(&reader);
    if (status == ABISCAN_OK) {
        status = read_hooks(&reader, stem);
    }
    if (status != ABISCAN_OK) {
        return status;
    }
    module_reader older = reader;
    status = read_definition(&reader);
    if (status != ABISCAN_OK) {
        return status;
    }
    if (result->init_hook_count != 0) {
        find_framework(&reader);
    }
    if (reader.has_export_hook && reader.has_init_hook) {
        /* The same file as an interpreter sees it that knows no export hooks. */
        result->before_3_15 = calloc(1, sizeof *result->before_3_15);
        if (result->before_3_15 == NULL) {
            return ABISCAN_NO_MEMORY;
        }
        older.result = result->before_3_15;
        older.has_export_hook = false;
        return read_definition(&older);
    }
    return ABISCAN_OK;
}
