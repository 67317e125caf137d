/* SPDX-License-Identifier: MIT */
/* Writes the corpus: good files of each kind, and for each way to break one a
 * file that is broken in this way only.  README.md says a sentence about each. */
#include "builder.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *directory;

static void write_bytes(const char *name, const unsigned char *bytes, size_t size)
{
    write_whole_file(directory, name, bytes, size);
}

static module_file made(const module_options *options)
{
    module_file file;
    build_module(&file, options);
    return file;
}

static void write_good(const char *name, module_options options)
{
    module_file file = made(&options);
    write_bytes(name, file.bytes, file.size);
}

static void write_bad(const char *name, size_t offset, unsigned width, uint64_t value)
{
    module_options options = {.slots = {{2, 1, 0}, {4, 1, 0}}};
    module_file file = made(&options);
    patch(&file, offset, width, value);
    write_bytes(name, file.bytes, file.size);
}

/* bnd-less PLT and a call:  sub rsp, 8; mov esi, 1; call stub; ret; stub: jmp [cell] */
static void write_set_gil(void)
{
    static const unsigned char code[] = {
        0x48, 0x83, 0xec, 0x08, 0xbe, 1, 0, 0, 0, 0xe8, 1, 0, 0, 0, 0xc3, 0xff, 0x25, 0, 0, 0, 0,
    };
    module_options options = {.single_phase = true, .free_threaded = true, .set_gil = true};
    options.code = code;
    options.code_size = sizeof code;
    module_file file = made(&options);
    /* The cell is the last pointer of the data. */
    uint64_t cell = file.dynamic - 8 + file.data_shift;
    patch(&file, file.code + 17, 4, cell - (file.code + 21));
    write_bytes("good-64-little-set-gil", file.bytes, file.size);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        (void)fprintf(stderr, "usage: write_corpus <directory>\n");
        return EXIT_FAILURE;
    }
    directory = arguments[1];
    write_good("good-64-little", (module_options){.slots = {{2, 1, 0}, {4, 1, 0}}});
    write_good("good-64-big",
               (module_options){.big_endian = true, .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_good("good-32-little",
               (module_options){.is_32 = true, .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_good("good-32-big", (module_options){.is_32 = true, .big_endian = true,
                                               .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_good("good-free-threaded",
               (module_options){.free_threaded = true, .slots = {{4, 1, 0}}});
    write_good("good-relr",
               (module_options){.relr = true, .gnu_hash = true, .slots = {{4, 1, 0}}});
    write_good("good-single-phase", (module_options){.single_phase = true});
    write_good("good-export-hook",
               (module_options){.hook = HOOK_EXPORT, .slots = {{85, 1, 0}, {87, 1, 0}}});
    write_good("good-export-hook-32",
               (module_options){.hook = HOOK_EXPORT, .is_32 = true,
                                .slots = {{85, 0, 8}, {87, 1, 0}}});
    write_good("good-aarch64",
               (module_options){.machine = 183, .hook = HOOK_EXPORT, .slots = {{85, 0, 8}}});
    write_good("good-slots-in-a-circle",
               (module_options){.slots = {{92, 0, 16}, {94, 0, 16}, {92, 0, 16}}});
    write_good("good-no-hook", (module_options){.hook = HOOK_NONE});
    write_set_gil();

    module_options options = {.slots = {{2, 1, 0}, {4, 1, 0}}};
    module_file plain = made(&options);
    write_bytes("bad-empty", plain.bytes, 0);
    write_bytes("bad-header-cut", plain.bytes, 40);
    write_bytes("bad-cut-in-data", plain.bytes, plain.data + 8);
    write_bad("bad-class", 4, 1, 3);
    write_bad("bad-byte-order", 5, 1, 3);
    write_bad("bad-program-headers-outside", 0x20, 8, UINT64_MAX - 15);
    write_bad("bad-program-header-count", 0x38, 2, 0xfff0);
    write_bad("bad-section-headers-outside", 0x28, 8, UINT64_MAX);
    write_bad("bad-section-header-count", 0x3c, 2, 0xffff);
    write_bad("bad-segment-outside", plain.programs + 56 + 32, 8, INT64_MAX);
    write_bad("bad-segment-wraps", plain.programs + 56 + 16, 8, UINT64_MAX - 15);
    write_bad("bad-segments-overlap", plain.programs + 56 + 16, 8, 16);
    write_bad("bad-dynamic-outside", plain.programs + 112 + 8, 8, 1 << 20);
    write_bad("bad-dynamic-without-end", plain.dynamic + 16 * (plain.dynamic_count - 1), 8, 99);
    write_bad("bad-strings-without-end", plain.strings + plain.strings_size - 1, 1, 'x');
    write_bad("bad-strings-size", dynamic_value(&plain, 10), 8, UINT64_MAX);
    write_bad("bad-symbol-count", plain.hash + 4, 4, UINT32_MAX);
    write_bad("bad-symbol-name", plain.symbols + 24, 4, UINT32_MAX);
    write_bad("bad-relocation-size", dynamic_value(&plain, 8), 8, UINT64_MAX - 7);
    write_bad("bad-relocation-symbol", plain.relocations + 8, 8, UINT64_C(0xffffffff00000001));
    return EXIT_SUCCESS;
}
