/* SPDX-License-Identifier: MIT */
/* Writes the corpus of WebAssembly files, as write_corpus.c does that of ELF files. */
#include "builder_wasm.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

static const char *directory;

static wasm_file made(wasm_options options)
{
    wasm_file file;
    build_wasm(&file, &options);
    return file;
}

static void write_good(const char *name, wasm_options options)
{
    wasm_file file = made(options);
    write_whole_file(directory, name, file.bytes, file.size);
}

/* The usual file with one byte changed. */
static void write_bad(const char *name, size_t offset, unsigned char value)
{
    wasm_file file = made((wasm_options){.import = "PyUnicode_New", .is_weak = true});
    file.bytes[offset] = value;
    write_whole_file(directory, name, file.bytes, file.size);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        (void)fprintf(stderr, "usage: write_corpus_wasm <directory>\n");
        return EXIT_FAILURE;
    }
    directory = arguments[1];
    write_good("good-32", (wasm_options){.addresses = true, .import = "PyUnicode_New"});
    write_good("good-64", (wasm_options){.is_64 = true});
    write_good("good-own-memory", (wasm_options){.is_64 = true, .own_memory = true});
    write_good("good-single-phase", (wasm_options){.single_phase = true});
    write_good("good-export-hook", (wasm_options){.hook = HOOK_EXPORT});
    write_good("good-no-hook", (wasm_options){.hook = HOOK_NONE});
    write_good("good-no-dylink", (wasm_options){.no_dylink = true});
    write_good("good-weak", (wasm_options){.import = "PyUnicode_New", .is_weak = true});

    wasm_file file = made((wasm_options){.import = "PyUnicode_New", .is_weak = true});
    write_whole_file(directory, "bad-header-cut", file.bytes, 7);
    write_whole_file(directory, "bad-cut-in-imports", file.bytes, file.function);
    write_bad("bad-component", 4, 0x0d);
    write_bad("bad-section-outside", file.code + 2, 0x7f);
    write_bad("bad-subsection-outside", file.needed + 1, 0x7f);
    write_bad("bad-needed-count", file.needed + 2, 0x7f);
    write_bad("bad-needed-name", file.needed + 3, 0x20);
    write_bad("bad-weak-count", file.import_information + 2, 2);
    write_bad("bad-import-count", file.imports + 3, 0x0a);
    write_bad("bad-import-name", file.table, 0x7f);
    write_bad("bad-import-kind", file.function + 21, 5);
    write_bad("bad-export-count", file.exports + 3, 3);
    return EXIT_SUCCESS;
}
