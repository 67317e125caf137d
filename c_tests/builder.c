/* SPDX-License-Identifier: MIT */
#include "builder.h"

#include <stdlib.h>
#include <string.h>

/* One page further than in the file, as linkers do it. */
#define DATA_SHIFT UINT64_C(0x1000)

static void put(module_file *file, unsigned width, uint64_t value)
{
    if (file->size + width > sizeof file->bytes) {
        abort();
    }
    file->size += width;
    patch(file, file->size - width, width, value);
}

static void word(module_file *file, uint64_t value)
{
    put(file, file->is_64 ? 8 : 4, value);
}

static void align(module_file *file, size_t to)
{
    while (file->size % to != 0) {
        put(file, 1, 0);
    }
}

static size_t text(module_file *file, const char *string)
{
    size_t offset = file->size;
    for (; *string != 0; string++) {
        put(file, 1, (unsigned char)*string);
    }
    put(file, 1, 0);
    return offset;
}

void patch(module_file *file, size_t offset, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++) {
        unsigned shift = 8 * (file->big_endian ? width - 1 - i : i);
        file->bytes[offset + i] = (unsigned char)(value >> shift);
    }
}

static uint64_t peek(const module_file *file, size_t offset, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        unsigned shift = 8 * (file->big_endian ? width - 1 - i : i);
        value |= (uint64_t)file->bytes[offset + i] << shift;
    }
    return value;
}

size_t dynamic_value(const module_file *file, uint64_t tag)
{
    unsigned width = file->is_64 ? 8 : 4;
    for (size_t i = 0; i < file->dynamic_count; i++) {
        size_t at = file->dynamic + 2 * i * width;
        if (peek(file, at, width) == tag) {
            return at + width;
        }
    }
    return 0;
}

static void symbol(module_file *file, size_t name, unsigned section, uint64_t value)
{
    put(file, 4, name == 0 ? 0 : name - file->strings);
    if (file->is_64) {
        put(file, 1, name == 0 ? 0 : 0x12); /* STB_GLOBAL, STT_FUNC */
        put(file, 1, 0);
        put(file, 2, section);
        put(file, 8, value);
        put(file, 8, 0);
    } else {
        put(file, 4, value);
        put(file, 4, 0);
        put(file, 1, name == 0 ? 0 : 0x12);
        put(file, 1, 0);
        put(file, 2, section);
    }
    file->symbol_count++;
}

static void program(module_file *file, uint32_t type, uint32_t flags, size_t start, size_t end,
                    uint64_t shift)
{
    put(file, 4, type);
    if (file->is_64) {
        put(file, 4, flags);
    }
    word(file, start);
    word(file, start + shift);
    word(file, start + shift);
    word(file, end - start);
    word(file, end - start);
    if (!file->is_64) {
        put(file, 4, flags);
    }
    word(file, 1);
}

static void entry(module_file *file, uint64_t tag, uint64_t value)
{
    word(file, tag);
    word(file, value);
    file->dynamic_count++;
}

typedef struct pointer {
    size_t offset;
    uint64_t target;
    size_t symbol; /* 0: relative */
} pointer;

typedef struct pointers {
    pointer items[32];
    size_t count;
} pointers;

static void point(module_file *file, pointers *list, uint64_t target)
{
    pointer added = {file->size, target, 0};
    list->items[list->count++] = added;
    word(file, 0);
}

/* PyModuleDef up to m_slots and the three members after it. */
static void definition(module_file *file, pointers *list, bool free_threaded, uint64_t name,
                       uint64_t methods, uint64_t slots)
{
    align(file, 16);
    file->definition = file->size;
    if (free_threaded) {
        word(file, 0);          /* ob_tid */
        put(file, 2, 4);        /* ob_flags */
        put(file, 1, 0);        /* ob_mutex */
        put(file, 1, 0);        /* ob_gc_bits */
        put(file, 4, UINT32_MAX); /* ob_ref_local */
        word(file, 0);          /* ob_ref_shared */
    } else {
        word(file, 1); /* ob_refcnt */
    }
    for (int i = 0; i < 4; i++) {
        word(file, 0); /* ob_type, m_init, m_index, m_copy */
    }
    file->name_member = file->size;
    point(file, list, name);
    word(file, 0); /* m_doc */
    word(file, 0); /* m_size */
    if (methods != 0) {
        point(file, list, methods);
    } else {
        word(file, 0);
    }
    if (slots != 0) {
        point(file, list, slots);
    } else {
        word(file, 0);
    }
    for (int i = 0; i < 3; i++) {
        word(file, 0); /* m_traverse, m_clear, m_free */
    }
}

static void slot_array(module_file *file, pointers *list, const module_options *options)
{
    bool is_pyslot = options->hook == HOOK_EXPORT;
    align(file, 16);
    file->slots = file->size;
    for (size_t i = 0; i <= MODULE_SLOT_LIMIT; i++) {
        static const module_slot end = {0, 0, 0};
        const module_slot *slot = i < MODULE_SLOT_LIMIT ? &options->slots[i] : &end;
        if (is_pyslot) {
            put(file, 2, slot->identifier);
            put(file, 2, slot->identifier == 0 ? 0 : 4); /* PySlot_INTPTR */
            put(file, 4, 0);
        } else {
            put(file, 4, slot->identifier);
            if (file->is_64) {
                put(file, 4, 0);
            }
        }
        if (slot->pointer != 0) {
            point(file, list, file->data + slot->pointer + DATA_SHIFT);
        } else {
            word(file, slot->value);
        }
        if (is_pyslot && !file->is_64) {
            put(file, 4, 0);
        }
        if (slot->identifier == 0) {
            break;
        }
    }
}

/* One PyMethodDef and the terminator, where GCC aligns them to behind an array of slots. */
static uint64_t method_table(module_file *file, pointers *list, uint64_t name)
{
    word(file, 0);
    word(file, 0);
    uint64_t address = file->size + DATA_SHIFT;
    point(file, list, name);
    point(file, list, file->code); /* ml_meth */
    word(file, 8);                 /* ml_flags: METH_O */
    for (int i = 0; i < 5; i++) {
        word(file, 0);
    }
    return address;
}

void build_module(module_file *file, const module_options *options)
{
    memset(file, 0, sizeof *file);
    file->is_64 = !options->is_32;
    file->big_endian = options->big_endian;
    file->data_shift = DATA_SHIFT;

    /* i386, x86-64, ppc, s390x; their relative and absolute relocations. */
    unsigned machine = options->machine;
    if (machine == 0) {
        machine = file->is_64 ? (file->big_endian ? 22u : 62u) : (file->big_endian ? 20u : 3u);
    }
    unsigned relative = machine == 22 ? 12 : machine == 20 ? 22 : machine == 183 ? 1027 : 8;
    unsigned global = machine == 22 ? 10 : machine == 20 ? 20 : machine == 183 ? 1025 : 6;
    bool has_addend = machine != 3;
    pointers list = {.count = 0};

    put(file, 4, file->big_endian ? 0x7f454c46 : 0x464c457f);
    put(file, 1, file->is_64 ? 2 : 1);
    put(file, 1, file->big_endian ? 2 : 1);
    put(file, 1, 1);
    while (file->size < 16) {
        put(file, 1, 0);
    }
    put(file, 2, 3); /* ET_DYN */
    put(file, 2, machine);
    put(file, 4, 1);
    word(file, 0);
    size_t programs_at = file->size;
    word(file, 0);
    size_t sections_at = file->size;
    word(file, 0);
    put(file, 4, 0);
    put(file, 2, file->is_64 ? 64 : 52);
    put(file, 2, file->is_64 ? 56 : 32);
    put(file, 2, 3);
    put(file, 2, file->is_64 ? 64 : 40);
    put(file, 2, 2);
    put(file, 2, 0);

    align(file, 8);
    file->programs = file->size;
    patch(file, programs_at, file->is_64 ? 8 : 4, file->programs);
    for (int i = 0; i < 3; i++) {
        program(file, 0, 0, 0, 0, 0); /* filled in below */
    }

    file->strings = file->size;
    text(file, "");
    size_t module_name
        = text(file, options->module_name == NULL ? "package.sample" : options->module_name);
    size_t other_name = text(file, "other");
    size_t hook_name
        = text(file, options->hook == HOOK_EXPORT ? "PyModExport_sample" : "PyInit_sample");
    size_t library_name = text(file, "libc.so.6");
    size_t init_name = text(file, options->single_phase ? "PyModule_Create2" : "PyModuleDef_Init");
    size_t gil_name = text(file, "PyUnstable_Module_SetGIL");
    size_t import_name = options->import == NULL ? 0 : text(file, options->import);
    size_t method_name = options->method_name == NULL ? 0 : text(file, options->method_name);
    file->strings_size = file->size - file->strings;

    /* Undefined symbols first, as DT_GNU_HASH wants it. */
    align(file, 8);
    file->symbols = file->size;
    symbol(file, 0, 0, 0);
    symbol(file, init_name, 0, 0);
    size_t gil_symbol = 0;
    if (options->set_gil) {
        gil_symbol = file->symbol_count;
        symbol(file, gil_name, 0, 0);
    }
    if (import_name != 0) {
        symbol(file, import_name, 0, 0);
    }
    size_t first_defined = file->symbol_count;
    size_t hook_symbol = file->size;
    if (options->hook != HOOK_NONE) {
        symbol(file, hook_name, 1, 0);
    }

    align(file, 8);
    file->hash = file->size;
    if (options->gnu_hash) {
        put(file, 4, 1); /* buckets */
        put(file, 4, first_defined);
        put(file, 4, 1); /* bloom words */
        put(file, 4, 0);
        word(file, UINT64_MAX);
        put(file, 4, options->hook == HOOK_NONE ? 0 : first_defined);
        put(file, 4, 1); /* the chain's only hash, and its end */
    } else if (machine == 22) {
        put(file, 8, 1); /* 64-bit entries on s390x */
        put(file, 8, file->symbol_count);
    } else {
        put(file, 4, 1);
        put(file, 4, file->symbol_count);
    }

    align(file, 16);
    file->code = file->size;
    if (options->hook != HOOK_NONE) {
        patch(file, hook_symbol + (file->is_64 ? 8 : 4), file->is_64 ? 8 : 4, file->code);
    }
    for (size_t i = 0; i < options->code_size; i++) {
        put(file, 1, options->code[i]);
    }

    /* Sizes must be known before the tables: lay out the data first, at a fixed
     * place that leaves room for them. */
    align(file, 16);
    file->relocations = file->size;
    while (file->size < file->relocations + 0x300) {
        put(file, 1, 0);
    }
    if (options->constant_slots) {
        slot_array(file, &list, options);
    }
    align(file, 16);
    file->data = file->size;
    put(file, 8, UINT64_C(0x5a5a5a5a5a5a5a5a)); /* something before the first object */
    put(file, 8, UINT64_C(0x5a5a5a5a5a5a5a5a));
    if (options->zero_slots) {
        file->slots_address = file->data + ZERO_SLOTS + DATA_SHIFT;
    } else if (!options->constant_slots) {
        slot_array(file, &list, options);
        file->slots_address = file->slots + DATA_SHIFT;
    } else {
        file->slots_address = file->slots;
    }
    uint64_t methods = method_name == 0 ? 0 : method_table(file, &list, method_name);
    if (options->has_another_definition) {
        definition(file, &list, options->free_threaded, other_name, 0, 0);
    }
    if (options->hook == HOOK_INIT) {
        definition(file, &list, options->free_threaded, module_name, methods,
                   options->single_phase ? 0 : file->slots_address);
    }
    if (gil_symbol != 0) {
        align(file, 8);
        pointer cell = {file->size, 0, gil_symbol};
        list.items[list.count++] = cell;
        word(file, 0);
    }
    if (options->hook == HOOK_EXPORT && file->is_64 && machine == 62 && options->code == NULL) {
        /* lea rax, [rip + slots]; ret */
        static const unsigned char lea[] = {0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xc3};
        if (file->code + sizeof lea > file->relocations) {
            file->relocations += 16;
        }
        memcpy(file->bytes + file->code, lea, sizeof lea);
        patch(file, file->code + 3, 4, file->slots_address - (file->code + 7));
    }
    align(file, 8);
    size_t data_end = file->size;

    /* Now the relocations, into the room left for them. */
    size_t width = file->is_64 ? 8 : 4;
    size_t end = file->size;
    file->size = file->relocations;
    size_t relr_count = 0;
    for (size_t i = 0; i < list.count; i++) {
        const pointer *item = &list.items[i];
        uint64_t shift = item->offset >= file->data ? DATA_SHIFT : 0;
        if (options->relr && item->symbol == 0) {
            relr_count++;
            word(file, item->offset + shift);
            patch(file, item->offset, (unsigned)width, item->target);
            continue;
        }
        if (options->relr) {
            continue;
        }
        word(file, item->offset + shift);
        uint64_t type = item->symbol == 0 ? relative : global;
        word(file, file->is_64 ? (uint64_t)item->symbol << 32 | type
                               : (uint64_t)item->symbol << 8 | type);
        if (has_addend) {
            word(file, item->target);
        } else {
            patch(file, item->offset, (unsigned)width, item->target);
        }
    }
    file->relocations_size = file->size - file->relocations;
    if (file->relocations_size > 0x2f0) {
        abort();
    }
    file->size = end;

    file->dynamic = file->size;
    entry(file, 1, library_name - file->strings);
    entry(file, 14, library_name - file->strings);
    entry(file, 5, file->strings);
    entry(file, 10, file->strings_size);
    entry(file, 6, file->symbols);
    entry(file, options->gnu_hash ? 0x6ffffef5 : 4, file->hash);
    if (options->relr) {
        entry(file, 36, file->relocations);
        entry(file, 35, relr_count * width);
    } else {
        entry(file, has_addend ? 7 : 17, file->relocations);
        entry(file, has_addend ? 8 : 18, file->relocations_size);
    }
    entry(file, 0, 0);
    size_t dynamic_end = file->size;
    (void)data_end;

    file->sections = file->size;
    patch(file, sections_at, (unsigned)width, file->sections);
    for (size_t i = 0; i < 2 * (file->is_64 ? 64u : 40u); i++) {
        put(file, 1, 0);
    }

    size_t total = file->size;
    file->size = file->programs;
    program(file, 1, 5, 0, file->data, 0);
    size_t data_program = file->size;
    program(file, 1, 6, file->data, dynamic_end, DATA_SHIFT);
    if (options->zero_slots) {
        if (dynamic_end > file->data + ZERO_SLOTS) {
            abort();
        }
        patch(file, data_program + (file->is_64 ? 40 : 20), (unsigned)width, 2 * ZERO_SLOTS);
    }
    program(file, 2, 6, file->dynamic, dynamic_end, DATA_SHIFT);
    file->size = total;
}
