/* SPDX-License-Identifier: MIT */
/* Writes the Mach-O corpus: good files of each kind, and for each way to break one
 * a file that is broken in this way only.  README.md says a sentence about each. */
#include "builder_macho.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#define ARM64 UINT32_C(0x0100000c)

static const char *directory;

static void write_bytes(const char *name, const unsigned char *bytes, size_t size)
{
    write_whole_file(directory, name, bytes, size);
}

static macho_file made(macho_options options)
{
    macho_file file;
    build_macho(&file, &options);
    return file;
}

static void write_file(const char *name, macho_options options)
{
    macho_file file = made(options);
    write_bytes(name, file.bytes, file.size);
}

static void write_patched(const char *name, const macho_file *plain, size_t offset,
                          unsigned width, uint64_t value)
{
    macho_file file = *plain;
    patch_macho(&file, offset, width, value);
    write_bytes(name, file.bytes, file.size);
}

static void write_stream(const char *name, macho_bytes rebase, macho_bytes bind, macho_bytes trie)
{
    write_file(name, (macho_options){.slots = {{4, 1, 0}}, .rebase = rebase, .bind = bind,
                                     .trie = trie});
}

#define BYTES(...)                                                                           \
    (macho_bytes){(const unsigned char[]){__VA_ARGS__}, sizeof((unsigned char[]){__VA_ARGS__})}

static void write_good(void)
{
    write_file("good-64-little", (macho_options){.slots = {{2, 1, 0}, {4, 1, 0}}});
    write_file("good-64-big",
               (macho_options){.big_endian = true, .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_file("good-32-little", (macho_options){.is_32 = true, .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_file("good-32-big", (macho_options){.is_32 = true, .big_endian = true,
                                              .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_file("good-symbol-table-only",
               (macho_options){.no_trie = true, .slots = {{2, 1, 0}, {4, 1, 0}}});
    write_file("good-fixups-name-imports",
               (macho_options){.no_symbols = true, .slots = {{2, 1, 0}, {4, 1, 0}}});
    static const struct {
        const char *name;
        int format;
        unsigned imports;
    } chains[] = {
        {"good-chained-64", FIXUPS_64, 1},
        {"good-chained-64-offset", FIXUPS_64_OFFSET, 2},
        {"good-chained-arm64e", FIXUPS_ARM64E, 3},
        {"good-chained-arm64e-userland", FIXUPS_ARM64E_USERLAND, 1},
        {"good-chained-arm64e-userland24", FIXUPS_ARM64E_USERLAND24, 1},
    };
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        write_file(chains[i].name,
                   (macho_options){.machine = ARM64, .fixups = chains[i].format,
                                   .import_format = chains[i].imports, .set_gil = true,
                                   .slots = {{2, 1, 0}, {4, 1, 0}}});
    }
    write_file("good-chained-32",
               (macho_options){.is_32 = true, .fixups = FIXUPS_32, .slots = {{4, 1, 0}}});
    write_file("good-dylib-at-an-address",
               (macho_options){.type = 6, .base = UINT64_C(0x100000000), .machine = ARM64,
                               .fixups = FIXUPS_64_OFFSET, .slots = {{4, 1, 0}}});
    write_file("good-free-threaded",
               (macho_options){.free_threaded = true, .slots = {{4, 1, 0}}});
    write_file("good-export-hook",
               (macho_options){.hook = HOOK_EXPORT, .slots = {{85, 1, 0}, {87, 1, 0}}});
    write_file("good-constant-slots", (macho_options){.constant_slots = true, .machine = ARM64,
                                                      .slots = {{2, 1, 0}}});
    write_file("good-no-hook", (macho_options){.hook = HOOK_NONE});
    /* sub rsp, 8; mov esi, 1; call stub; ret; stub: jmp [cell] */
    macho_file file = made((macho_options){
        .single_phase = true, .free_threaded = true, .set_gil = true,
        .code = BYTES(0x48, 0x83, 0xec, 0x08, 0xbe, 1, 0, 0, 0, 0xe8, 1, 0, 0, 0, 0xc3, 0xff,
                      0x25, 0, 0, 0, 0)});
    patch_macho(&file, file.code + 17, 4,
                file.gil_cell + file.data_shift - (file.code + 21));
    write_bytes("good-set-gil", file.bytes, file.size);
}

static void write_bad(void)
{
    macho_file plain = made((macho_options){.slots = {{2, 1, 0}, {4, 1, 0}}});
    macho_file chained = made((macho_options){.machine = ARM64, .fixups = FIXUPS_64_OFFSET,
                                              .slots = {{2, 1, 0}, {4, 1, 0}}});
    const size_t *at = plain.commands;
    write_bytes("bad-header-cut", plain.bytes, 30);
    write_bytes("bad-commands-cut", plain.bytes, plain.commands_end - 4);
    write_bytes("bad-cut-in-data", plain.bytes, plain.data + 8);
    write_patched("bad-command-count", &plain, 16, 4, UINT32_MAX);
    write_patched("bad-command-size", &plain, at[COMMAND_TEXT] + 4, 4, 0);
    write_patched("bad-command-cut", &plain, at[COMMAND_VERSION], 4, 0x19);
    write_patched("bad-segment-outside", &plain, at[COMMAND_DATA] + 48, 8, INT64_MAX);
    write_patched("bad-segment-wraps", &plain, at[COMMAND_DATA] + 24, 8, UINT64_MAX - 15);
    write_patched("bad-segments-overlap", &plain, at[COMMAND_DATA] + 24, 8, 16);
    write_patched("bad-section-count", &plain, at[COMMAND_DATA] + 64, 4, UINT32_MAX);
    write_patched("bad-library-name", &plain, at[COMMAND_LIBRARY] + 8, 4, 0x1000);
    write_patched("bad-symbol-count", &plain, at[COMMAND_SYMBOLS] + 12, 4, UINT32_MAX);
    write_patched("bad-symbol-name", &plain, plain.symbols, 4, UINT32_MAX);
    write_patched("bad-strings-without-end", &plain, plain.strings + plain.strings_size - 1, 1,
                  'x');
    write_patched("bad-opcodes-outside", &plain, at[COMMAND_FIXUPS] + 12, 4, UINT32_MAX);
    macho_bytes none = {NULL, 0};
    write_stream("bad-endless-rebases",
                 BYTES(0x11, 0x21, 0, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                       1, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
                 none, none);
    write_stream("bad-rebase-segment", BYTES(0x11, 0x2f, 0, 0x51), none, none);
    write_stream("bad-bind-name", none, BYTES(0x40, 0x78), none);
    write_stream("bad-trie-in-a-circle", none, none,
                 BYTES(0, 1, '_', 'P', 'y', 0, 7, 0, 1, 'a', 0, 7));
    write_stream("bad-trie-edge", none, none, BYTES(0, 1, '_', 0, 0x7f));
    write_patched("bad-chain-import", &chained, chained.chains + 16, 4, 0);
    write_patched("bad-chain-imports-outside", &chained, chained.chains + 16, 4, UINT32_MAX);
    write_patched("bad-chain-start", &chained, chained.chains + 70, 2, 0x7ff0);
    write_patched("bad-chain-leads-outside", &chained, chained.name_member, 8,
                  UINT64_C(0x7ff8000000000000));
    write_patched("bad-chain-segments", &chained, chained.chains + 28, 4, UINT32_MAX);
}

static void write_universal(void)
{
    macho_file first = made((macho_options){.slots = {{2, 1, 0}, {4, 1, 0}}});
    macho_file second = made((macho_options){.machine = ARM64, .fixups = FIXUPS_64_OFFSET,
                                             .slots = {{2, 1, 0}, {4, 1, 0}}});
    universal_file file;
    build_universal(&file, &first, &second, false);
    write_bytes("good-universal", file.bytes, file.size);
    patch_universal(&file, file.slices[1] + 0x24, 4, 0);
    write_bytes("good-universal-with-a-bad-slice", file.bytes, file.size);
    build_universal(&file, &first, &second, true);
    write_bytes("good-universal-64", file.bytes, file.size);
    build_universal(&file, &first, &second, false);
    patch_universal(&file, 36, 4, 0x100);
    write_bytes("bad-universal-overlap", file.bytes, file.size);
    build_universal(&file, &first, &second, false);
    patch_universal(&file, 16, 4, UINT32_MAX);
    write_bytes("bad-universal-slice-outside", file.bytes, file.size);
    write_bytes("bad-universal-cut", file.bytes, 20);
    patch_universal(&file, 4, 4, 52);
    write_bytes("bad-java-class", file.bytes, 64);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        (void)fprintf(stderr, "usage: write_corpus_macho <directory>\n");
        return EXIT_FAILURE;
    }
    directory = arguments[1];
    write_good();
    write_bad();
    write_universal();
    return EXIT_SUCCESS;
}
