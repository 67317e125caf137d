/* SPDX-License-Identifier: MIT */
/* A small Mach-O module made field by field, and where each structure of it lies. */
#ifndef BUILDER_MACHO_H
#define BUILDER_MACHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder.h"

enum { MACHO_CAPACITY = 0x3000, MACHO_COMMANDS = 12 };

/* How the loader learns what to fill in: the pointer format of chained fixups
 * (mach-o/fixup-chains.h), or one of these. */
enum {
    FIXUPS_NONE = -1,
    FIXUPS_OPCODES = 0, /* LC_DYLD_INFO_ONLY */
    FIXUPS_ARM64E = 1,
    FIXUPS_64 = 2,
    FIXUPS_32 = 3,
    FIXUPS_64_OFFSET = 6,
    FIXUPS_ARM64E_USERLAND = 9,
    FIXUPS_ARM64E_USERLAND24 = 12
};

/* Bytes that replace what the builder would write. */
typedef struct macho_bytes {
    const unsigned char *data; /* NULL: nothing is replaced */
    size_t size;
} macho_bytes;

typedef struct macho_options {
    bool is_32;
    bool big_endian;
    uint32_t machine; /* cputype; 0: x86-64, ppc64, i386 or ppc */
    uint32_t type;    /* filetype; 0: MH_BUNDLE; MH_DYLIB gets an LC_ID_DYLIB */
    int fixups;
    unsigned import_format; /* of chained fixups; 0: 1 */
    module_hook hook;
    bool free_threaded;
    bool single_phase;
    bool set_gil;
    bool constant_slots; /* the data segment is made read-only after the fixups */
    bool zero_slots;     /* behind the bytes of the file: an empty array */
    bool no_trie;        /* exports are in the symbol table only */
    bool is_weak;        /* `import` may be missing */
    bool no_symbols;     /* no symbol table: fixups alone name the imports */
    module_slot slots[MODULE_SLOT_LIMIT]; /* `pointer` is not used */
    const char *import;        /* one more imported symbol, with its underscore */
    macho_bytes code;          /* at the hook's address */
    macho_bytes rebase, bind, weak_bind, lazy_bind, trie, starts;
    uint64_t base; /* the address of the header */
} macho_options;

typedef struct macho_file {
    unsigned char bytes[MACHO_CAPACITY];
    size_t size;
    bool is_64;
    bool big_endian;

    /* Offsets in the file of what tests patch and cut. */
    size_t commands[MACHO_COMMANDS]; /* of each load command, in the order of the enum */
    size_t commands_end;
    size_t code;
    size_t data;
    size_t definition;
    size_t name_member;
    size_t slots;
    uint64_t slots_address;
    size_t gil_cell; /* the pointer to PyUnstable_Module_SetGIL */
    size_t linkedit;
    size_t rebase, bind, trie, chains, starts;
    size_t symbols, symbol_count;
    size_t strings, strings_size;
    uint64_t data_shift; /* data lie at this address minus their offset */
} macho_file;

enum {
    COMMAND_TEXT = 0,
    COMMAND_DATA,
    COMMAND_LINKEDIT,
    COMMAND_ID, /* absent in a bundle */
    COMMAND_LIBRARY,
    COMMAND_WEAK_LIBRARY,
    COMMAND_FIXUPS, /* LC_DYLD_INFO_ONLY or LC_DYLD_CHAINED_FIXUPS */
    COMMAND_TRIE,   /* absent with opcodes */
    COMMAND_SYMBOLS,
    COMMAND_DYSYMTAB,
    COMMAND_STARTS,
    COMMAND_VERSION
};

void build_macho(macho_file *file, const macho_options *options);
void patch_macho(macho_file *file, size_t offset, unsigned width, uint64_t value);

typedef struct universal_file {
    unsigned char bytes[3 * MACHO_CAPACITY];
    size_t size;
    size_t slices[2]; /* offsets */
} universal_file;

/* A universal file of two modules; is_wide: with 64-bit offsets. */
void build_universal(universal_file *file, const macho_file *first, const macho_file *second,
                     bool is_wide);
void patch_universal(universal_file *file, size_t offset, unsigned width, uint64_t value);

#endif /* BUILDER_MACHO_H */
