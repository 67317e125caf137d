/* SPDX-License-Identifier: MIT */
#include "builder_wasm.h"

#include <stdlib.h>
#include <string.h>

/* "External Types" of the specification. */
enum { FUNCTION = 0, TABLE = 1, MEMORY = 2, GLOBAL = 3, TAG = 4 };

static void byte(wasm_file *file, unsigned value)
{
    if (file->size == sizeof file->bytes) {
        abort();
    }
    file->bytes[file->size++] = (unsigned char)value;
}

/* LEB128 in one byte. */
static void small(wasm_file *file, size_t value)
{
    if (value >= 0x80) {
        abort();
    }
    byte(file, (unsigned)value);
}

static void name(wasm_file *file, const char *text)
{
    small(file, strlen(text));
    for (; *text != 0; text++) {
        byte(file, (unsigned char)*text);
    }
}

/* A section's number, and room for its size in two bytes. */
static size_t begin(wasm_file *file, unsigned number)
{
    size_t start = file->size;
    byte(file, number);
    byte(file, 0x80);
    byte(file, 0);
    return start;
}

static void end(wasm_file *file, size_t start)
{
    size_t size = file->size - start - 3;
    file->bytes[start + 1] = (unsigned char)(0x80 | (size & 0x7f));
    file->bytes[start + 2] = (unsigned char)(size >> 7);
}

static void dylink(wasm_file *file, const wasm_options *options)
{
    file->dylink = begin(file, 0);
    name(file, "dylink.0");
    file->memory_information = file->size;
    byte(file, 1); /* WASM_DYLINK_MEM_INFO: memory and table, size and alignment */
    small(file, 4);
    for (unsigned i = 0; i < 4; i++) {
        small(file, i);
    }
    file->needed = file->size;
    byte(file, 2); /* WASM_DYLINK_NEEDED */
    small(file, 20);
    small(file, 2);
    name(file, "libone.so");
    name(file, "two.wasm");
    if (options->is_weak) {
        file->import_information = file->size;
        byte(file, 4); /* WASM_DYLINK_IMPORT_INFO */
        small(file, 7 + strlen(options->import));
        small(file, 1);
        name(file, "env");
        name(file, options->import);
        small(file, 1); /* WASM_SYMBOL_BINDING_WEAK */
    }
    end(file, file->dylink);
}

static size_t import(wasm_file *file, const char *library, const char *text, unsigned kind)
{
    size_t start = file->size;
    name(file, library);
    name(file, text);
    byte(file, kind);
    file->bytes[file->imports + 3]++;
    return start;
}

static void function(wasm_file *file, const char *library, const char *text)
{
    (void)import(file, library, text, FUNCTION);
    small(file, 0); /* its type */
}

static void global(wasm_file *file, const char *library, const char *text, bool is_64)
{
    (void)import(file, library, text, GLOBAL);
    byte(file, is_64 ? 0x7e : 0x7f); /* i64, i32 */
    byte(file, 1);                   /* it may change */
}

static void limits(wasm_file *file, bool is_64)
{
    byte(file, is_64 ? 5 : 1); /* a maximum follows */
    small(file, 1);
    small(file, 2);
}

static void imports(wasm_file *file, const wasm_options *options)
{
    file->imports = begin(file, 2);
    small(file, 0); /* counted by import() */
    file->first_import = file->size;
    if (!options->own_memory) {
        (void)import(file, "env", "memory", MEMORY);
        limits(file, options->is_64);
    }
    file->table = import(file, "env", "__indirect_function_table", TABLE);
    byte(file, 0x64); /* a reference to a type */
    byte(file, 0x00);
    limits(file, false);
    file->global = file->size;
    global(file, "env", "__memory_base", options->is_64);
    file->tag = import(file, "env", "__cpp_exception", TAG);
    byte(file, 0);
    small(file, 0);
    file->function = file->size;
    function(file, "env", options->single_phase ? "PyModule_Create2" : "PyModuleDef_Init");
    function(file, "env", "puts");
    function(file, "env", "PyLong_FromLong");
    /* Not looked for by its name. */
    function(file, "wasi_snapshot_preview1", "PyNot_Imported");
    if (options->addresses) {
        global(file, "GOT.func", "PyLong_FromLong", options->is_64);
        global(file, "GOT.mem", "PyExc_OSError", options->is_64);
    }
    if (options->import != NULL) {
        function(file, "env", options->import);
    }
    end(file, file->imports);
}

static void export(wasm_file *file, const char *text)
{
    name(file, text);
    byte(file, FUNCTION);
    small(file, 0);
    file->bytes[file->exports + 3]++;
}

static void exports(wasm_file *file, const wasm_options *options)
{
    file->exports = begin(file, 7);
    small(file, 0); /* counted by export() */
    file->first_export = file->size;
    export(file, "__wasm_call_ctors");
    if (options->hook != HOOK_NONE) {
        export(file, options->hook == HOOK_EXPORT ? "PyModExport_sample" : "PyInit_sample");
    }
    if (options->export != NULL) {
        export(file, options->export);
    }
    end(file, file->exports);
}

void build_wasm(wasm_file *file, const wasm_options *options)
{
    static const unsigned char header[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    memset(file, 0, sizeof *file);
    memcpy(file->bytes, header, sizeof header);
    file->size = sizeof header;
    if (!options->no_dylink) {
        dylink(file, options);
    }
    file->types = begin(file, 1);
    small(file, 1);
    byte(file, 0x60); /* a function without parameters and results */
    small(file, 0);
    small(file, 0);
    end(file, file->types);
    imports(file, options);
    size_t functions = begin(file, 3);
    small(file, 1);
    small(file, 0);
    end(file, functions);
    file->memory = file->size;
    if (options->own_memory) {
        (void)begin(file, 5);
        small(file, 1);
        limits(file, options->is_64);
        end(file, file->memory);
    }
    exports(file, options);
    file->code = begin(file, 10);
    small(file, 1);
    small(file, 2);
    small(file, 0);   /* no locals */
    byte(file, 0x0b); /* end */
    end(file, file->code);
}
