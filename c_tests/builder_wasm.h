/* SPDX-License-Identifier: MIT */
/* A small WebAssembly module made field by field, and where each structure of it lies. */
#ifndef BUILDER_WASM_H
#define BUILDER_WASM_H

#include "builder.h"

enum { WASM_CAPACITY = 0x400 };

typedef struct wasm_options {
    bool is_64; /* the memory is */
    module_hook hook;
    bool single_phase;  /* imports PyModule_Create2 instead of PyModuleDef_Init */
    bool own_memory;    /* defined, not imported */
    bool no_dylink;     /* no section "dylink.0" */
    bool addresses;     /* takes those of PyLong_FromLong, which is called too, and of PyExc_OSError */
    const char *import; /* one more imported function */
    bool is_weak;       /* that function may be missing */
    const char *export; /* one more exported function */
} wasm_options;

typedef struct wasm_file {
    unsigned char bytes[WASM_CAPACITY];
    size_t size;

    /* Offsets in the file of what tests patch and cut; of sections, that of the number. */
    size_t dylink;
    size_t memory_information; /* subsections of dylink.0 */
    size_t needed;
    size_t import_information;
    size_t types;
    size_t imports;
    size_t first_import; /* entries: a memory or a table comes first */
    size_t table;
    size_t global;
    size_t tag;
    size_t function;
    size_t memory;
    size_t exports;
    size_t first_export;
    size_t code;
} wasm_file;

void build_wasm(wasm_file *file, const wasm_options *options);

#endif /* BUILDER_WASM_H */
