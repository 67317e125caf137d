/* SPDX-License-Identifier: MIT */
/* Writes the corpus of Windows files, as write_corpus.c does that of ELF files. */
#include "builder_pe.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

static const char *directory;

static void write_bytes(const char *name, const unsigned char *bytes, size_t size)
{
    write_whole_file(directory, name, bytes, size);
}

static pe_file made(const pe_options *options)
{
    pe_file file;
    build_pe(&file, options);
    return file;
}

static void write_good(const char *name, pe_options options)
{
    pe_file file = made(&options);
    write_bytes(name, file.bytes, file.size);
}

static void write_bad(const char *name, size_t offset, unsigned width, uint64_t value)
{
    pe_options options = {.slots = {{2, 1, 0}, {4, 1, 0}}};
    pe_file file = made(&options);
    patch_pe(&file, offset, width, value);
    write_bytes(name, file.bytes, file.size);
}

/* sub rsp, 40; mov edx, 1; call [rip + cell]; add rsp, 40; ret */
static void write_set_gil(void)
{
    static const unsigned char code[] = {
        0x48, 0x83, 0xec, 0x28, 0xba, 1, 0, 0, 0, 0xff, 0x15, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 0x28,
        0xc3,
    };
    pe_options options = {.single_phase = true, .free_threaded = true, .set_gil = true,
                          .code = code, .code_size = sizeof code};
    pe_file file = made(&options);
    pe_name_cell(&file, PE_TEXT + 11, 1);
    write_bytes("good-64-set-gil", file.bytes, file.size);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        (void)fprintf(stderr, "usage: write_corpus_pe <directory>\n");
        return EXIT_FAILURE;
    }
    directory = arguments[1];
    write_good("good-64", (pe_options){.slots = {{2, 1, 0}, {4, 1, 0}}});
    write_good("good-32", (pe_options){.is_32 = true, .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_good("good-free-threaded",
               (pe_options){.free_threaded = true, .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_good("good-aarch64", (pe_options){.machine = 0xaa64, .slots = {{2, 1, 0}}});
    write_good("good-constant-slots",
               (pe_options){.constant_slots = true, .slots = {{2, 1, 0}}});
    write_good("good-delayed", (pe_options){.is_delayed = true, .slots = {{4, 0, 0}}});
    write_good("good-forwarded-hook", (pe_options){.is_forwarded = true, .slots = {{4, 1, 0}}});
    write_good("good-by-ordinal", (pe_options){.single_phase = true, .by_ordinal = true});
    write_good("good-no-relocations",
               (pe_options){.no_relocations = true, .slots = {{4, 1, 0}}});
    write_good("good-export-hook",
               (pe_options){.hook = HOOK_EXPORT, .slots = {{85, 1, 0}, {87, 1, 0}}});
    write_good("good-no-hook", (pe_options){.hook = HOOK_NONE});
    write_set_gil();

    pe_options options = {.slots = {{2, 1, 0}, {4, 1, 0}}};
    pe_file plain = made(&options);
    write_bytes("bad-dos-header-cut", plain.bytes, 0x3f);
    write_bytes("bad-coff-header-cut", plain.bytes, plain.coff + 19);
    write_bytes("bad-section-table-cut", plain.bytes, plain.sections + 100);
    write_bytes("bad-cut-in-data", plain.bytes, PE_DATA + 8);
    write_bad("bad-signature-outside", 0x3c, 4, UINT32_MAX - 3);
    write_bad("bad-dos-program", 0x80, 4, 0x454e);
    write_bad("bad-magic", plain.optional, 2, 0x107);
    write_bad("bad-optional-size", plain.coff + 16, 2, 112);
    write_bad("bad-section-count", plain.coff + 2, 2, 0xffff);
    write_bad("bad-section-alignment", plain.optional + 32, 4, 0x1800);
    write_bad("bad-section-outside", plain.sections + 16, 4, UINT32_MAX);
    write_bad("bad-section-wraps", plain.sections + 8, 4, UINT32_MAX);
    write_bad("bad-sections-overlap", plain.sections + 52, 4, 0x1800);
    write_bad("bad-exports-outside", plain.directories, 4, 0x800000);
    write_bad("bad-export-count", plain.exports + 24, 4, UINT32_MAX);
    write_bad("bad-export-name", plain.export_names + 4, 4, 0x800000);
    write_bad("bad-export-ordinal", plain.export_ordinals + 2, 2, 0xffff);
    write_bad("bad-imports-outside", plain.directories + 8, 4, 0x800000);
    write_bad("bad-library-name", plain.imports + 12, 4, 0x800000);
    write_bad("bad-import-name", plain.lookup, 8, INT32_MAX);
    write_bad("bad-lookup-outside", plain.imports, 4, 0x800000);
    write_bad("bad-relocation-size", plain.directories + 44, 4, UINT32_MAX);
    write_bad("bad-relocation-block", plain.relocations + 4, 4, UINT32_MAX);
    return EXIT_SUCCESS;
}
