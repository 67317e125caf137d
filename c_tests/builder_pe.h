/* SPDX-License-Identifier: MIT */
/* A small Windows module made field by field, and where each structure of it lies. */
#ifndef BUILDER_PE_H
#define BUILDER_PE_H

#include "builder.h"

enum {
    /* Sections in the file; each begins a page of its own in memory, after the headers. */
    PE_TEXT = 0x400,
    PE_RDATA = 0x600,
    PE_DATA = 0xa00,
    PE_RELOC = 0xc00,
    PE_SIZE = 0xe00
};

typedef struct pe_options {
    bool is_32;
    unsigned machine; /* 0: x86-64 or i386 */
    module_hook hook;
    bool free_threaded;  /* object layout of the PyModuleDef */
    bool single_phase;   /* imports PyModule_Create2, no slots */
    bool set_gil;        /* imports PyUnstable_Module_SetGIL */
    bool constant_slots; /* in the read-only section */
    bool zero_slots;     /* behind the bytes of the file: an empty array */
    bool is_delayed;     /* imports are loaded at the first call */
    bool is_forwarded;   /* the hook is in another library */
    bool by_ordinal;     /* one more import, without a name */
    bool no_relocations;
    module_slot slots[MODULE_SLOT_LIMIT]; /* up to identifier 0 */
    const char *library; /* that is imported from; NULL: "python314.dll" */
    const char *import;  /* one more imported function */
    const unsigned char *code; /* at the hook's address; NULL: an export hook's */
    size_t code_size;
} pe_options;

typedef struct pe_file {
    unsigned char bytes[PE_SIZE];
    size_t size; /* while building: where the next field goes */
    bool is_64;

    /* Offsets in the file of what tests patch and cut. */
    size_t coff;
    size_t optional;
    size_t directories;
    size_t sections;
    size_t exports;
    size_t export_functions;
    size_t export_names;
    size_t export_ordinals;
    size_t imports; /* entry of the library, then the empty one */
    size_t lookup;
    size_t table;
    size_t functions; /* .pdata, one entry */
    size_t definition;
    size_t name_member;
    size_t slots;
    uint32_t slots_address;
    size_t relocations;
    size_t relocations_size;
} pe_file;

void build_pe(pe_file *file, const pe_options *options);

/* Change a number in place. */
void patch_pe(pe_file *file, size_t offset, unsigned width, uint64_t value);

/* The address of a file offset, relative to the image base. */
uint32_t pe_address(size_t offset);

/* Make the displacement behind `at`, whose instruction ends with it, name the cell of
 * an import by its number. */
void pe_name_cell(pe_file *file, size_t at, unsigned import);

#endif /* BUILDER_PE_H */
