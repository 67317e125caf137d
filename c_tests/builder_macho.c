/* SPDX-License-Identifier: MIT */
#include "builder_macho.h"

#include <stdlib.h>
#include <string.h>

/* One page further than in the file. */
#define DATA_SHIFT UINT64_C(0x1000)

static void write_number(unsigned char *bytes, unsigned width, uint64_t value, bool big_endian)
{
    for (unsigned i = 0; i < width; i++) {
        unsigned shift = 8 * (big_endian ? width - 1 - i : i);
        bytes[i] = (unsigned char)(value >> shift);
    }
}

void patch_macho(macho_file *file, size_t offset, unsigned width, uint64_t value)
{
    write_number(file->bytes + offset, width, value, file->big_endian);
}

static void put(macho_file *file, unsigned width, uint64_t value)
{
    if (file->size + width > sizeof file->bytes) {
        abort();
    }
    file->size += width;
    patch_macho(file, file->size - width, width, value);
}

static void word(macho_file *file, uint64_t value)
{
    put(file, file->is_64 ? 8 : 4, value);
}

static void align(macho_file *file, size_t to)
{
    while (file->size % to != 0) {
        put(file, 1, 0);
    }
}

static size_t text(macho_file *file, const char *string)
{
    size_t offset = file->size;
    for (; *string != 0; string++) {
        put(file, 1, (unsigned char)*string);
    }
    put(file, 1, 0);
    return offset;
}

static void fixed_text(macho_file *file, const char *string)
{
    for (size_t i = 0; i < 16; i++) {
        put(file, 1, i < strlen(string) ? (unsigned char)string[i] : 0);
    }
}

static void uleb(macho_file *file, uint64_t value)
{
    do {
        uint64_t low = value & 0x7fu;
        value >>= 7;
        put(file, 1, low | (value != 0 ? 0x80u : 0));
    } while (value != 0);
}

static void all_bytes(macho_file *file, macho_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        put(file, 1, bytes.data[i]);
    }
}

/* A load command; its size is filled in by end_command(). */
static void command(macho_file *file, unsigned which, uint32_t type)
{
    file->commands[which] = file->size;
    put(file, 4, type);
    put(file, 4, 0);
}

static void end_command(macho_file *file, unsigned which)
{
    align(file, 8);
    patch_macho(file, file->commands[which] + 4, 4, file->size - file->commands[which]);
}

static void zeros(macho_file *file, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(file, 1, 0);
    }
}

/* segment_command with room for its numbers, and one section. */
static void segment(macho_file *file, unsigned which, const char *name, const char *section)
{
    command(file, which, file->is_64 ? 0x19 : 1);
    fixed_text(file, name);
    zeros(file, file->is_64 ? 48 : 32);
    if (section != NULL) {
        fixed_text(file, section);
        fixed_text(file, name);
        zeros(file, file->is_64 ? 48 : 36);
    }
    end_command(file, which);
}

typedef struct place {
    uint64_t address;
    size_t start, end; /* in the file */
} place;

static void fill_segment(macho_file *file, unsigned which, place where, unsigned protection,
                         unsigned flags, uint32_t section_flags, size_t section_start)
{
    size_t end = file->size;
    bool has_section = section_start != 0;
    file->size = file->commands[which] + 24;
    word(file, where.address);
    word(file, where.end - where.start);
    word(file, where.start);
    word(file, where.end - where.start);
    put(file, 4, protection);
    put(file, 4, protection);
    put(file, 4, has_section ? 1 : 0);
    put(file, 4, flags);
    if (has_section) {
        file->size += 32;
        word(file, where.address + (section_start - where.start));
        word(file, where.end - section_start);
        put(file, 4, section_start);
        zeros(file, 12);
        put(file, 4, section_flags);
    }
    file->size = end;
}

static void library(macho_file *file, unsigned which, uint32_t type, const char *name)
{
    command(file, which, type);
    put(file, 4, 24);
    zeros(file, 12);
    (void)text(file, name);
    end_command(file, which);
}

typedef struct fixup {
    size_t offset;
    uint64_t target; /* an address, or the number of an import */
    bool is_import;
} fixup;

typedef struct fixups {
    fixup items[32];
    size_t count;
} fixups;

static void point(macho_file *file, fixups *list, uint64_t target, bool is_import)
{
    fixup added = {file->size, target, is_import};
    list->items[list->count++] = added;
    word(file, is_import ? 0 : target);
}

static void definition(macho_file *file, fixups *list, bool free_threaded, uint64_t name,
                       uint64_t slots)
{
    align(file, 16);
    file->definition = file->size;
    if (free_threaded) {
        word(file, 0); /* ob_tid */
        put(file, 2, 4);
        put(file, 2, 0);
        put(file, 4, UINT32_MAX); /* ob_ref_local */
        word(file, 0);
    } else {
        word(file, 1); /* ob_refcnt */
    }
    for (int i = 0; i < 4; i++) {
        word(file, 0); /* ob_type, m_init, m_index, m_copy */
    }
    file->name_member = file->size;
    point(file, list, name, false);
    for (int i = 0; i < 3; i++) {
        word(file, 0); /* m_doc, m_size, m_methods */
    }
    if (slots != 0) {
        point(file, list, slots, false);
    } else {
        word(file, 0);
    }
    for (int i = 0; i < 3; i++) {
        word(file, 0); /* m_traverse, m_clear, m_free */
    }
}

static void slot_array(macho_file *file, const macho_options *options)
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
            put(file, 8, slot->value);
        } else {
            put(file, 4, slot->identifier);
            if (file->is_64) {
                put(file, 4, 0);
            }
            word(file, slot->value);
        }
        if (slot->identifier == 0) {
            break;
        }
    }
}

/* ---- what __LINKEDIT holds -------------------------------------------- */

typedef struct names {
    const char *imports[3];
    size_t count;
    bool last_is_weak;
} names;

static void rebase_opcodes(macho_file *file, const macho_options *options, const fixups *list)
{
    file->rebase = file->size;
    if (options->rebase.data != NULL) {
        all_bytes(file, options->rebase);
        return;
    }
    put(file, 1, 0x11); /* SET_TYPE_IMM: pointer */
    for (size_t i = 0; i < list->count; i++) {
        if (!list->items[i].is_import) {
            put(file, 1, 0x21); /* SET_SEGMENT_AND_OFFSET_ULEB: __DATA */
            uleb(file, list->items[i].offset - file->data);
            put(file, 1, 0x51); /* DO_REBASE_IMM_TIMES: 1 */
        }
    }
    put(file, 1, 0);
}

static void bind_opcodes(macho_file *file, const macho_options *options, const fixups *list,
                         const names *symbols)
{
    file->bind = file->size;
    if (options->bind.data != NULL) {
        all_bytes(file, options->bind);
        return;
    }
    put(file, 1, 0x3e); /* SET_DYLIB_SPECIAL_IMM: flat lookup */
    put(file, 1, 0x51); /* SET_TYPE_IMM: pointer */
    for (size_t i = 0; i < list->count; i++) {
        size_t import = (size_t)list->items[i].target;
        if (list->items[i].is_import) {
            bool is_weak = symbols->last_is_weak && import + 1 == symbols->count;
            put(file, 1, is_weak ? 0x41 : 0x40); /* SET_SYMBOL_TRAILING_FLAGS_IMM */
            (void)text(file, symbols->imports[import]);
            put(file, 1, 0x71); /* SET_SEGMENT_AND_OFFSET_ULEB */
            uleb(file, list->items[i].offset - file->data);
            put(file, 1, 0x90); /* DO_BIND */
        }
    }
    put(file, 1, 0);
}

/* The word of one fixup in its chain; `next` in bytes. */
static uint64_t chain_word(const fixup *item, int format, uint64_t next, uint64_t base)
{
    uint64_t target = item->target - (item->is_import || format == FIXUPS_64
                                              || format == FIXUPS_32 || format == FIXUPS_ARM64E
                                          ? 0
                                          : base);
    uint64_t bind = item->is_import;
    switch (format) {
    case FIXUPS_64:
    case FIXUPS_64_OFFSET:
        return target | (next / 4) << 51 | bind << 63;
    case FIXUPS_32:
        return target | (next / 4) << 26 | bind << 31;
    default:
        return target | (next / 8) << 51 | bind << 62;
    }
}

static void chained_fixups(macho_file *file, const macho_options *options, const fixups *list,
                           const names *symbols, uint64_t data_address)
{
    unsigned format = options->import_format == 0 ? 1 : options->import_format;
    unsigned width = file->is_64 ? 8 : 4;
    for (size_t i = 0; i < list->count; i++) {
        uint64_t next = i + 1 < list->count ? list->items[i + 1].offset - list->items[i].offset
                                            : 0;
        patch_macho(file, list->items[i].offset, width,
                    chain_word(&list->items[i], options->fixups, next, options->base));
    }
    align(file, 8);
    file->chains = file->size;
    size_t entry = format == 1 ? 4 : format == 2 ? 8 : 16;
    size_t imports = 72, names_at = imports + entry * symbols->count;
    put(file, 4, 0);  /* fixups_version */
    put(file, 4, 28); /* starts_offset */
    put(file, 4, imports);
    put(file, 4, names_at);
    put(file, 4, symbols->count);
    put(file, 4, format);
    put(file, 4, 0); /* symbols_format */

    put(file, 4, 3); /* seg_count */
    put(file, 4, 0);
    put(file, 4, 20); /* of __DATA */
    put(file, 4, 0);
    put(file, 4, 0); /* padding */
    put(file, 4, 24); /* size */
    put(file, 2, 0x1000);
    put(file, 2, (uint64_t)options->fixups);
    put(file, 8, data_address - options->base);
    put(file, 4, options->fixups == FIXUPS_32 ? 0x3ffffff : 0);
    put(file, 2, 1);
    put(file, 2, list->count == 0 ? 0xffff : list->items[0].offset - file->data);

    size_t name = 1;
    for (size_t i = 0; i < symbols->count; i++) {
        bool is_weak = symbols->last_is_weak && i + 1 == symbols->count;
        if (format == 3) {
            put(file, 8, 0xfffeu | (uint64_t)is_weak << 16 | (uint64_t)name << 32);
            put(file, 8, 0);
        } else {
            put(file, 4, 0xfeu | (uint64_t)is_weak << 8 | (uint64_t)name << 9);
            if (format == 2) {
                put(file, 4, 0);
            }
        }
        name += strlen(symbols->imports[i]) + 1;
    }
    put(file, 1, 0);
    for (size_t i = 0; i < symbols->count; i++) {
        (void)text(file, symbols->imports[i]);
    }
}

/* A root without an export, and one edge to the hook's node. */
static void exports_trie(macho_file *file, const macho_options *options, const char *hook,
                         uint64_t code)
{
    file->trie = file->size;
    if (options->trie.data != NULL) {
        all_bytes(file, options->trie);
        return;
    }
    put(file, 1, 0);
    put(file, 1, hook == NULL ? 0 : 1);
    if (hook == NULL) {
        return;
    }
    (void)text(file, hook);
    put(file, 1, file->size + 1 - file->trie);
    put(file, 1, 4); /* terminal: flags, address in three bytes */
    put(file, 1, 0);
    put(file, 1, 0x80 | (code & 0x7f));
    put(file, 1, 0x80 | ((code >> 7) & 0x7f));
    put(file, 1, (code >> 14) & 0x7f);
    put(file, 1, 0); /* children */
}

static void symbol(macho_file *file, size_t name, unsigned type, unsigned section,
                   unsigned description, uint64_t value)
{
    put(file, 4, name);
    put(file, 1, type);
    put(file, 1, section);
    put(file, 2, description);
    word(file, value);
    file->symbol_count++;
}

static void symbol_table(macho_file *file, const names *symbols, const char *hook, uint64_t code)
{
    size_t name = 1;
    align(file, 8);
    file->symbols = file->size;
    for (size_t i = 0; i < symbols->count; i++) {
        bool is_weak = symbols->last_is_weak && i + 1 == symbols->count;
        symbol(file, name, 0x01, 0, is_weak ? 0xfe40 : 0xfe00, 0);
        name += strlen(symbols->imports[i]) + 1;
    }
    if (hook != NULL) {
        symbol(file, name, 0x0f, 1, 0, code);
    }
    file->strings = file->size;
    put(file, 1, 0);
    for (size_t i = 0; i < symbols->count; i++) {
        (void)text(file, symbols->imports[i]);
    }
    if (hook != NULL) {
        (void)text(file, hook);
    }
    file->strings_size = file->size - file->strings;
}

/* dataoff and datasize of the tables that a command names. */
static void fill_table(macho_file *file, unsigned which, size_t number, size_t start, size_t end)
{
    patch_macho(file, file->commands[which] + 8 + 8 * number, 4, start);
    patch_macho(file, file->commands[which] + 12 + 8 * number, 4, end - start);
}

static void load_commands(macho_file *file, const macho_options *options, uint32_t type)
{
    bool has_opcodes = options->fixups == FIXUPS_OPCODES;
    segment(file, COMMAND_TEXT, "__TEXT", "__text");
    segment(file, COMMAND_DATA, "__DATA", "__data");
    segment(file, COMMAND_LINKEDIT, "__LINKEDIT", NULL);
    if (type == 6) {
        library(file, COMMAND_ID, 0xd, "@rpath/sample.dylib");
    }
    library(file, COMMAND_LIBRARY, 0xc, "/usr/lib/libSystem.B.dylib");
    library(file, COMMAND_WEAK_LIBRARY, 0x80000018, "@rpath/libpython.dylib");
    if (options->fixups != FIXUPS_NONE) {
        command(file, COMMAND_FIXUPS, has_opcodes ? 0x80000022 : 0x80000034);
        zeros(file, has_opcodes ? 40 : 8);
        end_command(file, COMMAND_FIXUPS);
    }
    if (!has_opcodes) {
        command(file, COMMAND_TRIE, 0x80000033);
        zeros(file, 8);
        end_command(file, COMMAND_TRIE);
    }
    command(file, COMMAND_SYMBOLS, 2);
    zeros(file, 16);
    end_command(file, COMMAND_SYMBOLS);
    command(file, COMMAND_DYSYMTAB, 0xb);
    zeros(file, 72);
    end_command(file, COMMAND_DYSYMTAB);
    command(file, COMMAND_STARTS, 0x26);
    zeros(file, 8);
    end_command(file, COMMAND_STARTS);
    command(file, COMMAND_VERSION, 0x32);
    put(file, 4, 1);          /* PLATFORM_MACOS */
    put(file, 4, 0x000b0000); /* 11.0 */
    put(file, 4, 0x000e0200);
    put(file, 4, 0);
    end_command(file, COMMAND_VERSION);
    file->commands_end = file->size;
}

void build_macho(macho_file *file, const macho_options *options)
{
    memset(file, 0, sizeof *file);
    file->is_64 = !options->is_32;
    file->big_endian = options->big_endian;
    file->data_shift = DATA_SHIFT + options->base;
    uint32_t machine = options->machine;
    if (machine == 0) {
        machine = file->big_endian ? 18 : 7;
        machine |= file->is_64 ? UINT32_C(0x01000000) : 0;
    }
    uint32_t type = options->type == 0 ? 8 : options->type;
    const char *hook = options->hook == HOOK_NONE     ? NULL
                       : options->hook == HOOK_EXPORT ? "_PyModExport_sample"
                                                      : "_PyInit_sample";
    names symbols = {{options->single_phase ? "_PyModule_Create2" : "_PyModuleDef_Init"}, 1,
                     options->is_weak};
    if (options->set_gil) {
        symbols.imports[symbols.count++] = "_PyUnstable_Module_SetGIL";
    }
    if (options->import != NULL) {
        symbols.imports[symbols.count++] = options->import;
    }
    fixups list = {.count = 0};

    put(file, 4, file->is_64 ? 0xfeedfacf : 0xfeedface);
    put(file, 4, machine);
    put(file, 4, machine == UINT32_C(0x01000007) ? 3 : 0);
    put(file, 4, type);
    put(file, 4, 0);
    put(file, 4, 0);
    put(file, 4, 0x85); /* MH_NOUNDEFS, MH_DYLDLINK, MH_TWOLEVEL */
    if (file->is_64) {
        put(file, 4, 0);
    }
    size_t start = file->size;
    load_commands(file, options, type);
    unsigned count = 0;
    for (size_t i = 0; i < MACHO_COMMANDS; i++) {
        count += file->commands[i] != 0;
    }
    patch_macho(file, 16, 4, count);
    patch_macho(file, 20, 4, file->commands_end - start);

    align(file, 16);
    size_t name = text(file, "package.sample");
    align(file, 16);
    file->code = file->size;
    all_bytes(file, options->code);
    if (options->code.data == NULL) {
        put(file, 4, 0xc3c3c3c3);
    }
    size_t code_end = file->size;
    align(file, 64);
    file->data = file->size;
    put(file, 8, UINT64_C(0x5a5a5a5a5a5a5a5a)); /* something before the first object */
    put(file, 8, UINT64_C(0x5a5a5a5a5a5a5a5a));
    if (options->zero_slots) {
        file->slots_address = file->data + ZERO_SLOTS + file->data_shift;
    } else {
        slot_array(file, options);
        file->slots_address = file->slots + file->data_shift;
    }
    if (options->hook == HOOK_INIT) {
        definition(file, &list, options->free_threaded, name + options->base,
                   options->single_phase ? 0 : file->slots_address);
    }
    align(file, 8);
    point(file, &list, 0, true);
    for (size_t i = 1; i < symbols.count; i++) {
        if (i == 1 && options->set_gil) {
            file->gil_cell = file->size;
        }
        point(file, &list, i, true);
    }
    align(file, 64);
    file->linkedit = file->size;

    size_t lazy = 0, lazy_end = 0, weak_end = 0, bind_end = 0, rebase_end = 0;
    if (options->fixups == FIXUPS_OPCODES) {
        rebase_opcodes(file, options, &list);
        rebase_end = file->size;
        bind_opcodes(file, options, &list, &symbols);
        bind_end = file->size;
        all_bytes(file, options->weak_bind);
        weak_end = lazy = file->size;
        all_bytes(file, options->lazy_bind);
        lazy_end = file->size;
    } else if (options->fixups != FIXUPS_NONE) {
        chained_fixups(file, options, &list, &symbols, file->data + file->data_shift);
        fill_table(file, COMMAND_FIXUPS, 0, file->chains, file->size);
    }
    exports_trie(file, options, hook, file->code);
    size_t trie_end = options->no_trie ? file->trie : file->size;
    if (options->fixups == FIXUPS_OPCODES) {
        fill_table(file, COMMAND_FIXUPS, 0, file->rebase, rebase_end);
        fill_table(file, COMMAND_FIXUPS, 1, file->bind, bind_end);
        fill_table(file, COMMAND_FIXUPS, 2, bind_end, weak_end);
        fill_table(file, COMMAND_FIXUPS, 3, lazy, lazy_end);
        fill_table(file, COMMAND_FIXUPS, 4, file->trie, trie_end);
    } else {
        fill_table(file, COMMAND_TRIE, 0, file->trie, trie_end);
    }
    file->starts = file->size;
    if (options->starts.data != NULL) {
        all_bytes(file, options->starts);
    } else {
        uleb(file, file->code);
        put(file, 1, 0);
    }
    fill_table(file, COMMAND_STARTS, 0, file->starts, file->size);
    symbol_table(file, &symbols, hook, file->code + options->base);
    if (!options->no_symbols) {
        patch_macho(file, file->commands[COMMAND_SYMBOLS] + 8, 4, file->symbols);
        patch_macho(file, file->commands[COMMAND_SYMBOLS] + 12, 4, file->symbol_count);
        fill_table(file, COMMAND_SYMBOLS, 1, file->strings, file->strings + file->strings_size);
    }

    place text_segment = {options->base, 0, file->data};
    place data_segment = {file->data + file->data_shift, file->data, file->linkedit};
    place tables = {file->linkedit + 2 * DATA_SHIFT + options->base, file->linkedit, file->size};
    fill_segment(file, COMMAND_TEXT, text_segment, 5, 0, 0x80000400, file->code);
    /* The section ends with the code. */
    patch_macho(file, file->commands[COMMAND_TEXT] + (file->is_64 ? 72 + 40 : 56 + 36),
                file->is_64 ? 8 : 4, code_end - file->code);
    fill_segment(file, COMMAND_DATA, data_segment, 3, options->constant_slots ? 0x10 : 0, 0,
                 file->data);
    if (options->zero_slots) {
        patch_macho(file, file->commands[COMMAND_DATA] + (file->is_64 ? 32 : 28),
                    file->is_64 ? 8 : 4, 2 * ZERO_SLOTS); /* vmsize */
    }
    fill_segment(file, COMMAND_LINKEDIT, tables, 1, 0, 0, 0);
}

void patch_universal(universal_file *file, size_t offset, unsigned width, uint64_t value)
{
    write_number(file->bytes + offset, width, value, true);
}

void build_universal(universal_file *file, const macho_file *first, const macho_file *second,
                     bool is_wide)
{
    const macho_file *parts[2] = {first, second};
    memset(file, 0, sizeof *file);
    patch_universal(file, 0, 4, is_wide ? 0xcafebabf : 0xcafebabe);
    patch_universal(file, 4, 4, 2);
    size_t at = 8;
    file->size = 0x80;
    for (size_t i = 0; i < 2; i++) {
        unsigned width = is_wide ? 8 : 4;
        file->size = (file->size + 63) / 64 * 64;
        file->slices[i] = file->size;
        memcpy(file->bytes + file->size, parts[i]->bytes, parts[i]->size);
        file->size += parts[i]->size;
        uint32_t machine = 0;
        for (unsigned k = 0; k < 4; k++) { /* cputype, in the slice's order */
            machine |= (uint32_t)parts[i]->bytes[4 + (parts[i]->big_endian ? 3 - k : k)] << 8 * k;
        }
        patch_universal(file, at, 4, machine);
        patch_universal(file, at + 8, width, file->slices[i]);
        patch_universal(file, at + 8 + width, width, parts[i]->size);
        patch_universal(file, at + 8 + 2 * width, 4, 6);
        at += is_wide ? 32 : 20;
    }
}
