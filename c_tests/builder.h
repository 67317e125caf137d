/* SPDX-License-Identifier: MIT */
/* A small ELF module made field by field, and where each structure of it lies. */
#ifndef BUILDER_H
#define BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUILDER_CAPACITY = 0x2000 };

typedef enum module_hook {
    HOOK_INIT = 0, /* PyInit_sample */
    HOOK_EXPORT,   /* PyModExport_sample; on x86-64 with its code */
    HOOK_NONE
} module_hook;

typedef struct module_slot {
    uint32_t identifier;
    uint64_t value;
    uint64_t pointer; /* if not 0: the value is the address of this offset in data */
} module_slot;

enum { MODULE_SLOT_LIMIT = 8 };

/* Where zero_slots puts the array: so far behind the start of the data, in memory only. */
enum { ZERO_SLOTS = 0x800 };

typedef struct module_options {
    bool is_32;
    bool big_endian;
    unsigned machine; /* 0: the usual one of the class and order */
    module_hook hook;
    bool free_threaded; /* object layout of the PyModuleDef */
    bool single_phase;  /* imports PyModule_Create2, no slots */
    bool set_gil;       /* imports PyUnstable_Module_SetGIL */
    bool relr;          /* pack relative relocations */
    bool gnu_hash;      /* count symbols by DT_GNU_HASH */
    bool constant_slots;        /* in the read-only segment */
    bool zero_slots;            /* behind the bytes of the file: an empty array */
    bool has_another_definition; /* a second PyModuleDef, named "other" */
    module_slot slots[MODULE_SLOT_LIMIT]; /* up to identifier 0 */
    const char *module_name;    /* m_name; NULL: "package.sample" */
    const char *method_name;    /* of m_methods, aligned behind the slots; NULL: no methods */
    const char *import;         /* one more imported symbol */
    const unsigned char *code;  /* at the hook's address; NULL: none */
    size_t code_size;
} module_options;

typedef struct module_file {
    unsigned char bytes[BUILDER_CAPACITY];
    size_t size;
    bool is_64;
    bool big_endian;

    /* Offsets in the file of what tests patch and cut. */
    size_t programs;
    size_t strings;
    size_t strings_size;
    size_t symbols;
    size_t symbol_count;
    size_t hash;
    size_t code;
    size_t relocations;
    size_t relocations_size;
    size_t data;
    size_t definition; /* the PyModuleDef */
    size_t name_member;
    size_t slots;
    uint64_t slots_address;
    size_t dynamic;
    size_t dynamic_count;
    size_t sections;

    /* Data lies at this address minus its offset; code and tables at 0. */
    uint64_t data_shift;
} module_file;

void build_module(module_file *file, const module_options *options);

/* Change a number in place, in the file's byte order. */
void patch(module_file *file, size_t offset, unsigned width, uint64_t value);

/* The offset of a dynamic entry's value, by its tag; 0 when absent. */
size_t dynamic_value(const module_file *file, uint64_t tag);

#endif /* BUILDER_H */
