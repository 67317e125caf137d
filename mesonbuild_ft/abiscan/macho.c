/* SPDX-License-Identifier: MIT */
/* Read as dyld does: load commands, the exports trie, and the fixups that it
 * applies, be they opcodes or chains.  Structures and numbers are those of Apple's
 * "OS X ABI Mach-O File Format Reference" and of the headers mach-o/loader.h,
 * mach-o/nlist.h, mach-o/fat.h and mach-o/fixup-chains.h. */
#include "macho.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MH_MAGIC UINT32_C(0xfeedface)
#define MH_MAGIC_64 UINT32_C(0xfeedfacf)
#define FAT_MAGIC UINT32_C(0xcafebabe)
#define FAT_MAGIC_64 UINT32_C(0xcafebabf)

enum {
    /* filetype, mach-o/loader.h */
    MH_OBJECT = 1,
    MH_EXECUTE = 2,
    MH_CORE = 4,
    MH_DYLIB = 6,
    MH_BUNDLE = 8,

    MH_TWOLEVEL = 0x80, /* flags: symbols name the library that they come from */

    VM_PROT_WRITE = 2,
    VM_PROT_EXECUTE = 4,
    SG_READ_ONLY = 0x10, /* made read-only once the fixups are applied */

    /* n_type and n_desc, mach-o/nlist.h */
    N_STAB = 0xe0,
    N_PEXT = 0x10,
    N_TYPE = 0x0e,
    N_EXT = 0x01,
    N_UNDF = 0x0,
    N_PBUD = 0xc,
    N_WEAK_REF = 0x40,

    EXPORT_REEXPORT = 0x08, /* EXPORT_SYMBOL_FLAGS_REEXPORT */

    PLATFORM_MACOS = 1,

    /* The version of a class file, where a count of slices would be, begins here. */
    FIRST_JAVA_VERSION = 45
};

/* cmd of load commands, mach-o/loader.h */
#define LC_SEGMENT UINT32_C(0x1)
#define LC_SYMTAB UINT32_C(0x2)
#define LC_DYSYMTAB UINT32_C(0xb)
#define LC_LOAD_DYLIB UINT32_C(0xc)
#define LC_ID_DYLIB UINT32_C(0xd)
#define LC_LOAD_WEAK_DYLIB UINT32_C(0x80000018)
#define LC_SEGMENT_64 UINT32_C(0x19)
#define LC_REEXPORT_DYLIB UINT32_C(0x8000001f)
#define LC_LAZY_LOAD_DYLIB UINT32_C(0x20)
#define LC_DYLD_INFO UINT32_C(0x22)
#define LC_DYLD_INFO_ONLY UINT32_C(0x80000022)
#define LC_LOAD_UPWARD_DYLIB UINT32_C(0x80000023)
#define LC_VERSION_MIN_MACOSX UINT32_C(0x24)
#define LC_FUNCTION_STARTS UINT32_C(0x26)
#define LC_BUILD_VERSION UINT32_C(0x32)
#define LC_DYLD_EXPORTS_TRIE UINT32_C(0x80000033)
#define LC_DYLD_CHAINED_FIXUPS UINT32_C(0x80000034)

/* S_ATTR_PURE_INSTRUCTIONS, S_ATTR_SOME_INSTRUCTIONS */
#define CODE_ATTRIBUTES UINT32_C(0x80000400)

static const struct {
    uint32_t number; /* cputype, mach/machine.h */
    const char *name;
    abiscan_code code;
} machines[] = {
    {7, "i386", ABISCAN_CODE_OTHER},
    {UINT32_C(0x01000007), "x86_64", ABISCAN_CODE_X86_64},
    {12, "arm", ABISCAN_CODE_OTHER},
    {UINT32_C(0x0100000c), "aarch64", ABISCAN_CODE_AARCH64},
    {UINT32_C(0x0200000c), "arm64_32", ABISCAN_CODE_OTHER},
    {18, "ppc", ABISCAN_CODE_OTHER},
    {UINT32_C(0x01000012), "ppc64", ABISCAN_CODE_OTHER},
};

/* A table in the file, mostly in __LINKEDIT. */
typedef struct macho_table {
    uint64_t offset;
    uint64_t size; /* in bytes; 0: there is none */
} macho_table;

/* A segment in the order of the load commands, as opcodes number them. */
typedef struct macho_segment {
    uint64_t address;
    uint64_t memory_size;
} macho_segment;

/* An import by its name. */
typedef struct macho_name {
    abiscan_name name;
    size_t index;
} macho_name;

typedef struct macho_reader {
    abiscan_cursor file;
    abiscan_result *result;
    abiscan_image *image;
    uint32_t type;  /* filetype */
    uint32_t flags;
    uint64_t commands_end;
    uint32_t command_count;

    macho_segment *segments;
    size_t segment_count;
    uint64_t base; /* of the segment that holds the header */
    bool has_base;

    uint64_t symbols_offset;
    uint64_t symbol_count;
    macho_table strings;
    bool has_relocations; /* of the kind that dyld applied before it had opcodes */
    bool has_info;        /* LC_DYLD_INFO */
    macho_table rebase;
    macho_table bind;
    macho_table weak_bind;
    macho_table lazy_bind;
    macho_table exports;
    macho_table chains;
    macho_table starts;

    size_t import_capacity;
    size_t cell_capacity;
    size_t function_capacity;
    macho_name *names; /* the imports, by name */
    size_t name_count;
    uint64_t *chain_imports; /* what an ordinal of a chained bind means */
    uint64_t chain_import_count;
} macho_reader;

#define fail abiscan_fail

static bool out_of_memory(const macho_reader *reader)
{
    return fail(reader->result, ABISCAN_NO_MEMORY, "out of memory");
}

static unsigned pick(const macho_reader *reader, unsigned if_64, unsigned if_32)
{
    return reader->file.is_64 ? if_64 : if_32;
}

static uint32_t magic_of(const void *data, size_t size)
{
    abiscan_cursor cursor = abiscan_cursor_at(data, size, true, true);
    return abiscan_u32(&cursor);
}

static bool name_machine(uint32_t number, char *text, size_t size, abiscan_code *code)
{
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        if (machines[i].number == number) {
            (void)snprintf(text, size, "%s", machines[i].name);
            *code = machines[i].code;
            return true;
        }
    }
    (void)snprintf(text, size, "unknown-%" PRIu32, number);
    *code = ABISCAN_CODE_OTHER;
    return false;
}

/* ---- header and load commands ----------------------------------------- */

bool abiscan_is_macho(const void *data, size_t size)
{
    uint32_t magic = magic_of(data, size);
    return magic == MH_MAGIC || magic == MH_MAGIC_64 || magic == UINT32_C(0xcefaedfe)
           || magic == UINT32_C(0xcffaedfe);
}

static bool read_header(macho_reader *reader)
{
    abiscan_result *result = reader->result;
    uint32_t magic = magic_of(reader->file.data, reader->file.size);
    reader->file.big_endian = magic == MH_MAGIC || magic == MH_MAGIC_64;
    reader->file.is_64 = magic == MH_MAGIC_64 || magic == UINT32_C(0xcffaedfe);
    reader->image->file = reader->file;
    result->bits = pick(reader, 64, 32);
    result->byte_order = reader->file.big_endian ? ABISCAN_BIG_ENDIAN : ABISCAN_LITTLE_ENDIAN;

    abiscan_cursor cursor = reader->file;
    abiscan_skip(&cursor, 4);
    uint32_t machine = abiscan_u32(&cursor);
    (void)abiscan_u32(&cursor); /* cpusubtype: arm64e is arm64 with signed pointers */
    reader->type = abiscan_u32(&cursor);
    reader->command_count = abiscan_u32(&cursor);
    uint32_t size = abiscan_u32(&cursor);
    reader->flags = abiscan_u32(&cursor);
    if (reader->file.is_64) {
        (void)abiscan_u32(&cursor); /* reserved */
    }
    if (cursor.failed) {
        return fail(result, ABISCAN_MALFORMED, "Mach-O header: the file ends at offset 0x%zx",
                    reader->file.size);
    }
    char name[sizeof result->machine];
    abiscan_code code = ABISCAN_CODE_OTHER;
    (void)name_machine(machine, name, sizeof name, &code);
    if (result->machine[0] != 0 && strcmp(result->machine, name) != 0) {
        return fail(result, ABISCAN_MALFORMED,
                    "Mach-O header: the machine %s at offset 0x4 is not %s, as the universal"
                    " header says",
                    name, result->machine);
    }
    memcpy(result->machine, name, sizeof name);
    switch (reader->type) {
    case MH_OBJECT:
        result->file_type = ABISCAN_FILE_RELOCATABLE;
        break;
    case MH_EXECUTE:
        result->file_type = ABISCAN_FILE_EXECUTABLE;
        break;
    case MH_CORE:
        result->file_type = ABISCAN_FILE_CORE;
        break;
    case MH_DYLIB:
    case MH_BUNDLE:
        result->file_type = ABISCAN_FILE_SHARED_OBJECT;
        if (reader->file.is_64 && !reader->file.big_endian) {
            reader->image->code = code;
        }
        break;
    default:
        result->file_type = ABISCAN_FILE_OTHER;
        break;
    }
    if (!abiscan_in_range(cursor.offset, size, reader->file.size)) {
        return fail(result, ABISCAN_MALFORMED,
                    "Mach-O header: its 0x%" PRIx32 " bytes of load commands at offset 0x%zx lie"
                    " outside the file",
                    size, cursor.offset);
    }
    reader->commands_end = cursor.offset + size;
    return true;
}

typedef struct macho_command {
    uint32_t number; /* from 0 */
    uint32_t type;   /* cmd */
    uint64_t offset;
    abiscan_cursor cursor; /* behind cmdsize; ends with the command */
} macho_command;

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static bool fail_command(const macho_reader *reader, const macho_command *command,
                         const char *format, ...)
{
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return fail(reader->result, ABISCAN_MALFORMED,
                "load command %" PRIu32 " at offset 0x%" PRIx64 ": %s", command->number,
                command->offset, what);
}

/* The command after this one; `at` is where it begins. */
static bool next_command(const macho_reader *reader, uint32_t number, uint64_t *at,
                         macho_command *command)
{
    command->number = number;
    command->offset = *at;
    command->cursor = reader->file;
    command->cursor.size = (size_t)reader->commands_end;
    abiscan_seek(&command->cursor, *at);
    command->type = abiscan_u32(&command->cursor);
    uint32_t size = abiscan_u32(&command->cursor);
    if (command->cursor.failed) {
        return fail_command(reader, command, "there are only %" PRIu32 " in the space for them",
                            number);
    }
    if (size < 8 || size % 4 != 0 || !abiscan_in_range(*at, size, reader->commands_end)) {
        return fail_command(reader, command, "its size 0x%" PRIx32 " is impossible", size);
    }
    *at += size;
    command->cursor.size = (size_t)*at;
    return true;
}

static bool is_dylib(uint32_t type)
{
    return type == LC_LOAD_DYLIB || type == LC_LOAD_WEAK_DYLIB || type == LC_REEXPORT_DYLIB
           || type == LC_LAZY_LOAD_DYLIB || type == LC_LOAD_UPWARD_DYLIB;
}

/* dylib_command: the name's offset in it, and three numbers that do not matter. */
static bool read_dylib(const macho_reader *reader, macho_command *command, abiscan_name *name)
{
    uint32_t offset = abiscan_u32(&command->cursor);
    abiscan_skip(&command->cursor, 12);
    if (command->cursor.failed) {
        return true; /* the caller tells */
    }
    uint64_t start = command->offset + offset, end = command->cursor.size;
    const unsigned char *bytes
        = start >= end ? NULL : abiscan_bytes(&reader->file, start, end - start);
    const unsigned char *zero = bytes == NULL ? NULL : memchr(bytes, 0, (size_t)(end - start));
    if (zero == NULL) {
        return fail_command(reader, command, "the library's name at 0x%" PRIx32
                            " does not end inside it", offset);
    }
    name->data = (const char *)bytes;
    name->size = (size_t)(zero - bytes);
    return true;
}

static bool read_table(const macho_reader *reader, macho_command *command, const char *what,
                       macho_table *table)
{
    uint64_t offset = abiscan_u32(&command->cursor);
    uint64_t size = abiscan_u32(&command->cursor);
    if (command->cursor.failed) {
        return true; /* the caller tells */
    }
    if (size != 0 && !abiscan_in_range(offset, size, reader->file.size)) {
        return fail_command(reader, command,
                            "the 0x%" PRIx64 " bytes of the %s at offset 0x%" PRIx64
                            " lie outside the file",
                            size, what, offset);
    }
    table->offset = offset;
    table->size = size;
    return true;
}

static bool read_symtab(macho_reader *reader, macho_command *command)
{
    uint64_t offset = abiscan_u32(&command->cursor);
    uint64_t count = abiscan_u32(&command->cursor);
    if (count != 0
        && !abiscan_in_range(offset, count * pick(reader, 16, 12), reader->file.size)) {
        return fail_command(reader, command,
                            "the %" PRIu64 " symbols at offset 0x%" PRIx64
                            " lie outside the file",
                            count, offset);
    }
    reader->symbols_offset = offset;
    reader->symbol_count = count;
    return read_table(reader, command, "string table", &reader->strings);
}

static bool read_info(macho_reader *reader, macho_command *command)
{
    reader->has_info = true;
    return read_table(reader, command, "rebase opcodes", &reader->rebase)
           && read_table(reader, command, "bind opcodes", &reader->bind)
           && read_table(reader, command, "weak bind opcodes", &reader->weak_bind)
           && read_table(reader, command, "lazy bind opcodes", &reader->lazy_bind)
           && read_table(reader, command, "exports trie", &reader->exports);
}

static void note_function(macho_reader *reader, uint64_t address)
{
    reader->image->functions[reader->image->function_count++] = address;
}

/* segment_command and its sections.  __LINKEDIT holds tables only, which are read
 * by their offset in the file. */
static bool read_segment(macho_reader *reader, macho_command *command, uint64_t *mapped)
{
    abiscan_image *image = reader->image;
    abiscan_cursor *cursor = &command->cursor;
    cursor->is_64 = command->type == LC_SEGMENT_64;
    const unsigned char *name = abiscan_bytes(cursor, cursor->offset, 16);
    abiscan_skip(cursor, 16);
    abiscan_segment segment = {0};
    segment.address = abiscan_word(cursor);
    segment.memory_size = abiscan_word(cursor);
    segment.file_offset = abiscan_word(cursor);
    segment.file_size = abiscan_word(cursor);
    (void)abiscan_u32(cursor); /* maxprot */
    uint32_t protection = abiscan_u32(cursor);
    uint32_t section_count = abiscan_u32(cursor);
    uint32_t flags = abiscan_u32(cursor);
    uint64_t section_size = cursor->is_64 ? 80 : 68;
    if (cursor->failed || name == NULL) {
        return true; /* the caller tells */
    }
    if (section_count > (cursor->size - cursor->offset) / section_size) {
        return fail_command(reader, command, "its %" PRIu32 " sections do not fit into it",
                            section_count);
    }
    if (!abiscan_in_range(segment.file_offset, segment.file_size, reader->file.size)) {
        return fail_command(reader, command,
                            "its 0x%" PRIx64 " bytes at offset 0x%" PRIx64
                            " lie outside the file",
                            segment.file_size, segment.file_offset);
    }
    uint64_t limit = reader->file.is_64 ? UINT64_MAX : UINT32_MAX;
    if (segment.address > limit || segment.memory_size > limit - segment.address) {
        return fail_command(reader, command, "its addresses wrap around");
    }
    if (segment.file_size > segment.memory_size) {
        return fail_command(reader, command, "size in the file exceeds size in memory");
    }
    *mapped += segment.file_size;
    if (*mapped > 2 * (uint64_t)reader->file.size) {
        return fail_command(reader, command, "the segments map more than twice the file");
    }
    macho_segment *numbered = &reader->segments[reader->segment_count++];
    numbered->address = segment.address;
    numbered->memory_size = segment.memory_size;
    if (!reader->has_base && segment.file_offset == 0 && segment.file_size != 0) {
        reader->has_base = true;
        reader->base = segment.address;
    }
    segment.is_writable = (protection & VM_PROT_WRITE) != 0;
    segment.is_executable = (protection & VM_PROT_EXECUTE) != 0;
    bool is_tables = memcmp(name, "__LINKEDIT", 11) == 0 && !segment.is_writable
                     && !segment.is_executable;
    if (protection == 0 || segment.memory_size == 0 || is_tables) {
        return true; /* __PAGEZERO has no access */
    }
    if (segment.is_writable && (flags & SG_READ_ONLY) != 0 && image->relro_size == 0) {
        image->relro_address = segment.address;
        image->relro_size = segment.memory_size;
    }
    image->segments[image->segment_count++] = segment;
    for (uint32_t i = 0; i < section_count; i++) {
        abiscan_skip(cursor, 32); /* sectname, segname */
        uint64_t address = abiscan_word(cursor);
        uint64_t size = abiscan_word(cursor);
        abiscan_skip(cursor, 16); /* offset, align, reloff, nreloc */
        uint32_t attributes = abiscan_u32(cursor);
        abiscan_skip(cursor, cursor->is_64 ? 12 : 8);
        if ((attributes & CODE_ATTRIBUTES) != 0 && size <= UINT64_MAX - address) {
            note_function(reader, address);
            note_function(reader, address + size); /* nothing of it goes on here */
        }
    }
    return true;
}

static void read_version(macho_reader *reader, uint32_t version)
{
    unsigned major = version >> 16, minor = (version >> 8) & 0xffu, patch = version & 0xffu;
    char *text = reader->result->minimum_os;
    size_t size = sizeof reader->result->minimum_os;
    if (patch == 0) {
        (void)snprintf(text, size, "%u.%u", major, minor);
    } else {
        (void)snprintf(text, size, "%u.%u.%u", major, minor, patch);
    }
}

static bool read_command(macho_reader *reader, macho_command *command, uint64_t *mapped)
{
    abiscan_result *result = reader->result;
    abiscan_cursor *cursor = &command->cursor;
    switch (command->type) {
    case LC_SEGMENT:
    case LC_SEGMENT_64:
        return read_segment(reader, command, mapped);
    case LC_SYMTAB:
        return read_symtab(reader, command);
    case LC_DYSYMTAB: {
        abiscan_skip(cursor, 56); /* to extreloff */
        (void)abiscan_u32(cursor);
        uint32_t external = abiscan_u32(cursor);
        (void)abiscan_u32(cursor);
        uint32_t local = abiscan_u32(cursor);
        reader->has_relocations = external != 0 || local != 0;
        return true;
    }
    case LC_LOAD_DYLIB:
    case LC_LOAD_WEAK_DYLIB:
    case LC_REEXPORT_DYLIB:
    case LC_LAZY_LOAD_DYLIB:
    case LC_LOAD_UPWARD_DYLIB:
        return read_dylib(reader, command, &result->needed[result->needed_count++]);
    case LC_ID_DYLIB:
        return read_dylib(reader, command, &result->soname);
    case LC_DYLD_INFO:
    case LC_DYLD_INFO_ONLY:
        return read_info(reader, command);
    case LC_DYLD_EXPORTS_TRIE:
        return read_table(reader, command, "exports trie", &reader->exports);
    case LC_DYLD_CHAINED_FIXUPS:
        return read_table(reader, command, "chained fixups", &reader->chains);
    case LC_FUNCTION_STARTS:
        return read_table(reader, command, "function starts", &reader->starts);
    case LC_VERSION_MIN_MACOSX:
        read_version(reader, abiscan_u32(cursor));
        return true;
    case LC_BUILD_VERSION: {
        uint32_t platform = abiscan_u32(cursor);
        uint32_t version = abiscan_u32(cursor);
        if (platform == PLATFORM_MACOS) {
            read_version(reader, version);
        }
        return true;
    }
    default:
        return true;
    }
}

static int compare_segments(const void *left, const void *right)
{
    uint64_t a = ((const abiscan_segment *)left)->address;
    uint64_t b = ((const abiscan_segment *)right)->address;
    return a < b ? -1 : a > b;
}

static bool read_commands(macho_reader *reader)
{
    abiscan_image *image = reader->image;
    macho_command command;
    size_t segments = 0, libraries = 0;
    uint64_t start = pick(reader, 32, 28), at = start;
    /* Counted first so that nothing is resized. */
    for (uint32_t i = 0; i < reader->command_count; i++) {
        if (!next_command(reader, i, &at, &command)) {
            return false;
        }
        segments += command.type == LC_SEGMENT || command.type == LC_SEGMENT_64;
        libraries += is_dylib(command.type);
    }
    reader->segments = calloc(segments + 1, sizeof *reader->segments);
    image->segments = calloc(segments + 1, sizeof *image->segments);
    reader->result->needed = calloc(libraries + 1, sizeof *reader->result->needed);
    /* A section has at least 68 bytes, and two places that matter. */
    size_t places = 2 * (size_t)((reader->commands_end - start) / 68);
    image->functions = calloc(places + 1, sizeof *image->functions);
    if (reader->segments == NULL || image->segments == NULL || reader->result->needed == NULL
        || image->functions == NULL) {
        return out_of_memory(reader);
    }
    at = start;
    uint64_t mapped = 0;
    for (uint32_t i = 0; i < reader->command_count; i++) {
        if (!next_command(reader, i, &at, &command)
            || !read_command(reader, &command, &mapped)) {
            return false;
        }
        if (command.cursor.failed) {
            return fail_command(reader, &command, "it ends inside its structure at offset 0x%zx",
                                command.cursor.size);
        }
    }
    abiscan_sort(image->segments, image->segment_count, sizeof *image->segments,
                 compare_segments);
    for (size_t i = 1; i < image->segment_count; i++) {
        const abiscan_segment *before = &image->segments[i - 1];
        if (image->segments[i].address - before->address < before->memory_size) {
            return fail(reader->result, ABISCAN_MALFORMED,
                        "segments: two of them lie at address 0x%" PRIx64,
                        image->segments[i].address);
        }
    }
    return true;
}

/* ---- numbers and tables in __LINKEDIT --------------------------------- */

/* A cursor that ends with the table: offsets in it count from the file's start. */
static abiscan_cursor cursor_of(const macho_reader *reader, const macho_table *table)
{
    abiscan_cursor cursor = reader->file;
    cursor.size = (size_t)(table->offset + table->size);
    abiscan_seek(&cursor, table->offset);
    return cursor;
}

/* DWARF's ULEB128; one that does not fit into 64 bits fails the cursor. */
static uint64_t read_uleb(abiscan_cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        size_t at = cursor->offset;
        uint64_t byte = abiscan_u8(cursor);
        if (cursor->failed) {
            return 0;
        }
        if (shift > 63 || (shift == 63 && (byte & 0x7eu) != 0)) {
            cursor->failed = true;
            cursor->failed_at = at;
            return 0;
        }
        value |= (byte & 0x7fu) << shift;
        if ((byte & 0x80u) == 0) {
            return value;
        }
    }
}

/* SLEB128, whose value matters only as zero or not. */
static uint64_t read_sleb(abiscan_cursor *cursor)
{
    uint64_t bits = 0;
    for (unsigned count = 0; count < 10; count++) {
        uint64_t byte = abiscan_u8(cursor);
        bits |= byte & 0x7fu;
        if ((byte & 0x80u) == 0) {
            return bits;
        }
    }
    cursor->failed = true;
    cursor->failed_at = cursor->offset;
    return 0;
}

/* A terminated string, which the cursor then stands behind. */
static abiscan_name read_text(abiscan_cursor *cursor)
{
    abiscan_name name = {NULL, 0};
    size_t room = cursor->failed ? 0 : cursor->size - cursor->offset;
    const unsigned char *bytes = abiscan_bytes(cursor, cursor->offset, room);
    const unsigned char *end = room == 0 || bytes == NULL ? NULL : memchr(bytes, 0, room);
    if (end == NULL) {
        abiscan_skip(cursor, (uint64_t)room + 1); /* fails */
        return name;
    }
    name.data = (const char *)bytes;
    name.size = (size_t)(end - bytes);
    abiscan_skip(cursor, name.size + 1);
    return name;
}

/* The names that pymodule.c asks for, with the underscore that C names get. */
static const char *const interesting[] = {"_Py", "__Py", "__cffi_", "___cxa_guard_acquire"};

static bool is_interesting(abiscan_name name)
{
    for (size_t i = 0; i < sizeof interesting / sizeof interesting[0]; i++) {
        if (abiscan_name_starts(name, interesting[i])) {
            return true;
        }
    }
    return false;
}

/* Whether a name that begins so may become one of them. */
static bool may_become_interesting(const char *start, size_t size)
{
    for (size_t i = 0; i < sizeof interesting / sizeof interesting[0]; i++) {
        size_t length = strlen(interesting[i]);
        if (memcmp(start, interesting[i], size < length ? size : length) == 0) {
            return true;
        }
    }
    return false;
}

static abiscan_name without_underscore(abiscan_name name)
{
    abiscan_name rest = {name.data + 1, name.size - 1};
    if (rest.size > ABISCAN_NAME_LIMIT) {
        rest.size = ABISCAN_NAME_LIMIT;
    }
    return rest;
}

/* Room for one more item; false: no memory. */
static bool reserve(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return true;
    }
    size_t wanted = *capacity < 64 ? 64 : 2 * *capacity;
    void *larger = wanted > SIZE_MAX / size ? NULL : realloc(*items, wanted * size);
    if (larger == NULL) {
        return false;
    }
    *items = larger;
    *capacity = wanted;
    return true;
}

/* ---- functions -------------------------------------------------------- */

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Sort an array whose numbers from `first` on ascend already. */
static bool sort_tail(uint64_t *numbers, size_t first, size_t count)
{
    uint64_t *head = calloc(first + 1, sizeof *head);
    if (head == NULL) {
        return false;
    }
    if (first != 0) {
        memcpy(head, numbers, first * sizeof *head);
        abiscan_sort(head, first, sizeof *head, compare_numbers);
    }
    size_t left = 0, right = first;
    for (size_t at = 0; left < first; at++) { /* what is left of the tail is in place */
        bool is_head = right == count || head[left] <= numbers[right];
        numbers[at] = is_head ? head[left++] : numbers[right++];
    }
    free(head);
    return true;
}

/* LC_FUNCTION_STARTS: distances, the first from the header, up to a zero. */
static bool read_functions(macho_reader *reader)
{
    abiscan_image *image = reader->image;
    if (reader->starts.size == 0) {
        image->function_count = 0; /* sections alone tell nothing of functions */
        return true;
    }
    /* One byte at least for each. */
    size_t count = image->function_count + (size_t)reader->starts.size;
    uint64_t *larger = realloc(image->functions, count * sizeof *larger);
    if (larger == NULL) {
        return out_of_memory(reader);
    }
    image->functions = larger;
    abiscan_cursor cursor = cursor_of(reader, &reader->starts);
    uint64_t address = reader->base;
    size_t sections = image->function_count;
    while (cursor.offset < cursor.size) {
        size_t at = cursor.offset;
        uint64_t distance = read_uleb(&cursor);
        if (cursor.failed || distance > UINT64_MAX - address) {
            return fail(reader->result, ABISCAN_MALFORMED,
                        "function starts: no distance to an address at offset 0x%zx", at);
        }
        if (distance == 0) {
            break;
        }
        address += distance;
        note_function(reader, address);
    }
    return sort_tail(image->functions, sections, image->function_count) || out_of_memory(reader);
}

/* ---- exports ---------------------------------------------------------- */

typedef struct trie_node {
    abiscan_cursor children; /* at the next edge */
    unsigned left;
    size_t name_size; /* of the name up to this node */
} trie_node;

/* The edges to the node are characters, one at least each. */
enum { TRIE_DEPTH = ABISCAN_NAME_LIMIT + 2 };

typedef struct trie_walk {
    size_t budget; /* bytes that may still be read */
    char name[ABISCAN_NAME_LIMIT + 1];
    size_t count;   /* exports of interest */
    size_t letters; /* of their names */
    trie_node nodes[TRIE_DEPTH];
} trie_walk;

static bool fail_trie(const macho_reader *reader, uint64_t offset)
{
    return fail(reader->result, ABISCAN_MALFORMED,
                "exports trie: the node at offset 0x%" PRIx64 " leaves it", offset);
}

/* One node: what it exports, and its edges. */
static bool read_node(macho_reader *reader, trie_walk *walk, uint64_t offset, size_t name_size,
                      bool is_filling, trie_node *node)
{
    abiscan_image *image = reader->image;
    abiscan_cursor cursor = cursor_of(reader, &reader->exports);
    if (offset >= reader->exports.size) {
        return fail_trie(reader, reader->exports.offset + offset);
    }
    abiscan_skip(&cursor, offset);
    size_t start = cursor.offset;
    uint64_t size = read_uleb(&cursor);
    abiscan_cursor terminal = cursor;
    abiscan_skip(&cursor, size);
    unsigned left = abiscan_u8(&cursor);
    uint64_t address = 0;
    if (size != 0 && !cursor.failed) {
        terminal.size = terminal.offset + (size_t)size;
        uint64_t flags = read_uleb(&terminal);
        if ((flags & EXPORT_REEXPORT) == 0) {
            address = reader->base + read_uleb(&terminal);
        }
        if (terminal.failed) {
            return fail_trie(reader, start);
        }
    }
    if (cursor.failed) {
        return fail_trie(reader, start);
    }
    size_t read = cursor.offset - start;
    if (read > walk->budget) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "exports trie: the node at offset 0x%zx is reached in more than one way",
                    start);
    }
    walk->budget -= read;
    abiscan_name name = {walk->name, name_size};
    if (size != 0 && is_interesting(name)) {
        name = without_underscore(name);
        if (is_filling) {
            abiscan_symbol *symbol = &image->exports[image->export_count++];
            char *copy = reader->result->name_storage + walk->letters;
            memcpy(copy, name.data, name.size);
            symbol->name.data = copy;
            symbol->name.size = name.size;
            symbol->address = address;
            symbol->number = walk->count;
        }
        walk->count++;
        walk->letters += name.size;
    }
    node->children = cursor;
    node->left = left;
    node->name_size = name_size;
    return true;
}

static bool walk_trie(macho_reader *reader, trie_walk *walk, bool is_filling)
{
    size_t depth = 1;
    /* In a tree each byte is read once. */
    walk->budget = (size_t)reader->exports.size;
    walk->count = 0;
    walk->letters = 0;
    if (!read_node(reader, walk, 0, 0, is_filling, &walk->nodes[0])) {
        return false;
    }
    while (depth != 0) {
        trie_node *node = &walk->nodes[depth - 1];
        if (node->left == 0) {
            depth--;
            continue;
        }
        node->left--;
        size_t start = node->children.offset, before = node->name_size;
        abiscan_name edge = read_text(&node->children);
        uint64_t child = read_uleb(&node->children);
        if (node->children.failed) {
            return fail_trie(reader, start);
        }
        size_t read = node->children.offset - start;
        if (read > walk->budget || edge.size == 0) {
            return fail(reader->result, ABISCAN_MALFORMED,
                        edge.size == 0
                            ? "exports trie: the edge at offset 0x%zx has no characters"
                            : "exports trie: the edge at offset 0x%zx is reached in more than one"
                              " way",
                        start);
        }
        walk->budget -= read;
        if (edge.size > sizeof walk->name - before) {
            continue; /* no name that anyone asks for is so long */
        }
        memcpy(walk->name + before, edge.data, edge.size);
        if (!may_become_interesting(walk->name, before + edge.size)) {
            continue;
        }
        if (!read_node(reader, walk, child, before + edge.size, is_filling,
                       &walk->nodes[depth])) {
            return false;
        }
        depth++;
    }
    return true;
}

static bool read_trie(macho_reader *reader)
{
    /* Names that share their beginnings need more room than the trie; no linker
     * comes near this. */
    enum { STORAGE_FACTOR = 64 };
    abiscan_image *image = reader->image;
    trie_walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL) {
        return out_of_memory(reader);
    }
    bool is_good = walk_trie(reader, walk, false);
    if (is_good && walk->letters > STORAGE_FACTOR * reader->exports.size) {
        is_good = fail(reader->result, ABISCAN_MALFORMED,
                       "exports trie at offset 0x%" PRIx64 ": its names have %zu letters",
                       reader->exports.offset, walk->letters);
    }
    if (is_good) {
        image->exports = calloc(walk->count + 1, sizeof *image->exports);
        reader->result->name_storage = calloc(walk->letters + 1, 1);
        if (image->exports == NULL || reader->result->name_storage == NULL) {
            is_good = out_of_memory(reader);
        } else {
            is_good = walk_trie(reader, walk, true);
        }
    }
    free(walk);
    return is_good;
}

/* ---- symbols and imports ---------------------------------------------- */

/* The library of an ordinal; none for those that stand for the whole process. */
static abiscan_name library_of(const macho_reader *reader, uint64_t ordinal)
{
    abiscan_name none = {NULL, 0};
    const abiscan_result *result = reader->result;
    return ordinal == 0 || ordinal > result->needed_count ? none : result->needed[ordinal - 1];
}

static bool add_import(macho_reader *reader, abiscan_name name, uint64_t ordinal, bool is_weak)
{
    abiscan_image *image = reader->image;
    void *items = image->imports;
    if (!reserve(&items, image->import_count, &reader->import_capacity,
                 sizeof *image->imports)) {
        return out_of_memory(reader);
    }
    image->imports = items;
    abiscan_symbol *symbol = &image->imports[image->import_count];
    symbol->name = without_underscore(name);
    symbol->address = 0;
    symbol->number = image->import_count++;
    symbol->is_weak = is_weak;
    symbol->library = library_of(reader, ordinal);
    return true;
}

/* nlist: the undefined are imports; the defined are exports where no trie says so. */
static bool read_symbols(macho_reader *reader)
{
    abiscan_image *image = reader->image;
    bool has_trie = reader->exports.size != 0;
    size_t capacity = 0;
    for (uint64_t i = 0; i < reader->symbol_count; i++) {
        uint64_t at = reader->symbols_offset + i * pick(reader, 16, 12);
        abiscan_cursor cursor = reader->file;
        abiscan_seek(&cursor, at);
        uint32_t name_offset = abiscan_u32(&cursor);
        unsigned type = abiscan_u8(&cursor);
        (void)abiscan_u8(&cursor); /* n_sect */
        unsigned description = abiscan_u16(&cursor);
        uint64_t value = abiscan_word(&cursor);
        if ((type & N_STAB) != 0 || (type & N_EXT) == 0) {
            continue;
        }
        if (name_offset >= reader->strings.size) {
            return fail(reader->result, ABISCAN_MALFORMED,
                        "symbol %" PRIu64 " at offset 0x%" PRIx64 ": name 0x%" PRIx32
                        " lies outside the string table of 0x%" PRIx64 " bytes",
                        i, at, name_offset, reader->strings.size);
        }
        abiscan_cursor strings = cursor_of(reader, &reader->strings);
        abiscan_skip(&strings, name_offset);
        /* Most names are not Python's: look at the start before the end is searched. */
        size_t room = strings.size - strings.offset;
        const unsigned char *start = abiscan_bytes(&strings, strings.offset, room);
        if (start == NULL || !may_become_interesting((const char *)start, room)) {
            continue;
        }
        if (room > ABISCAN_NAME_LIMIT + 2) {
            strings.size = strings.offset + ABISCAN_NAME_LIMIT + 2;
        }
        abiscan_name name = read_text(&strings);
        if (name.data == NULL) {
            if (room > ABISCAN_NAME_LIMIT + 2) {
                continue; /* no name that anyone asks for is so long */
            }
            return fail(reader->result, ABISCAN_MALFORMED,
                        "symbol %" PRIu64 " at offset 0x%" PRIx64 ": name 0x%" PRIx32
                        " does not end inside the string table",
                        i, at, name_offset);
        }
        if (!is_interesting(name)) {
            continue;
        }
        unsigned kind = type & N_TYPE;
        if (kind == N_PBUD || (kind == N_UNDF && value == 0)) {
            bool is_two_level = (reader->flags & MH_TWOLEVEL) != 0;
            if (!add_import(reader, name, is_two_level ? description >> 8 : 0,
                            (description & N_WEAK_REF) != 0)) {
                return false;
            }
        } else if (!has_trie && (type & N_PEXT) == 0) {
            void *items = image->exports;
            if (!reserve(&items, image->export_count, &capacity, sizeof *image->exports)) {
                return out_of_memory(reader);
            }
            image->exports = items;
            abiscan_symbol *symbol = &image->exports[image->export_count++];
            memset(symbol, 0, sizeof *symbol);
            symbol->name = without_underscore(name);
            symbol->address = value;
            symbol->number = i;
        }
    }
    return true;
}

static int compare_import_names(const void *left, const void *right)
{
    const macho_name *a = left, *b = right;
    int order = abiscan_compare_names(a->name, b->name);
    if (order != 0) {
        return order;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Symbol table and fixups name most imports both: keep the first of each. */
static bool join_imports(macho_reader *reader)
{
    abiscan_image *image = reader->image;
    size_t count = image->import_count;
    reader->names = calloc(count + 1, sizeof *reader->names);
    size_t *places = calloc(count + 1, sizeof *places);
    if (reader->names == NULL || places == NULL) {
        free(places);
        return out_of_memory(reader);
    }
    for (size_t i = 0; i < count; i++) {
        reader->names[i].name = image->imports[i].name;
        reader->names[i].index = i;
    }
    abiscan_sort(reader->names, count, sizeof *reader->names, compare_import_names);
    for (size_t i = 0; i < count; i++) {
        macho_name *name = &reader->names[i];
        macho_name *before = &reader->names[reader->name_count - (i == 0 ? 0 : 1)];
        if (i > 0 && abiscan_compare_names(before->name, name->name) == 0) {
            abiscan_symbol *kept = &image->imports[before->index];
            kept->is_weak = kept->is_weak && image->imports[name->index].is_weak;
            image->imports[name->index].name.data = NULL;
        } else {
            reader->names[reader->name_count++] = *name;
        }
    }
    image->import_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (image->imports[i].name.data != NULL) {
            places[i] = image->import_count;
            image->imports[image->import_count++] = image->imports[i];
        }
    }
    for (size_t i = 0; i < reader->name_count; i++) {
        reader->names[i].index = places[reader->names[i].index];
    }
    free(places);
    return true;
}

static uint64_t import_of_name(const macho_reader *reader, abiscan_name name)
{
    if (name.data == NULL || !is_interesting(name)) {
        return ABISCAN_FOREIGN_IMPORT;
    }
    macho_name wanted = {without_underscore(name), 0};
    size_t low = 0, high = reader->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = abiscan_compare_names(reader->names[middle].name, wanted.name);
        if (order == 0) {
            return reader->names[middle].index;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return ABISCAN_FOREIGN_IMPORT;
}

/* ---- fixups ----------------------------------------------------------- */

/* Each fixup has a word of its own in the file, or two for a lazy pointer: this
 * bounds what opcodes and chains can ask for. */
static bool add_cell(macho_reader *reader, const char *what, uint64_t offset, uint64_t address,
                     uint64_t target, bool is_import)
{
    abiscan_image *image = reader->image;
    uint64_t limit = 2 * (uint64_t)reader->file.size / pick(reader, 8, 4);
    if (image->cell_count >= limit) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "%s: at offset 0x%" PRIx64 " there are more fixups than the file has words",
                    what, offset);
    }
    void *items = image->cells;
    if (!reserve(&items, image->cell_count, &reader->cell_capacity, sizeof *image->cells)) {
        return out_of_memory(reader);
    }
    image->cells = items;
    abiscan_cell *cell = &image->cells[image->cell_count++];
    cell->address = address;
    cell->target = target;
    cell->is_import = is_import;
    return true;
}

/* The state of the machine that opcodes drive. */
typedef struct opcode_state {
    const char *what;
    abiscan_cursor cursor;
    size_t at; /* the opcode's offset */
    uint64_t segment;
    uint64_t offset; /* in the segment */
    unsigned type;
    uint64_t ordinal;
    uint64_t addend;
    abiscan_name symbol;
    bool is_weak;
    uint64_t import;
} opcode_state;

enum {
    TYPE_POINTER = 1, /* REBASE_TYPE_POINTER, BIND_TYPE_POINTER */
    TYPE_ABSOLUTE = 2
};

/* One fixup where the state points, then `step` bytes on. */
static bool apply(macho_reader *reader, opcode_state *state, bool is_bind, uint64_t step)
{
    unsigned size = pick(reader, 8, 4);
    const macho_segment *segment
        = state->segment < reader->segment_count ? &reader->segments[state->segment] : NULL;
    if (segment == NULL || !abiscan_in_range(state->offset, size, segment->memory_size)) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "%s: at offset 0x%zx, a fixup at 0x%" PRIx64 " of segment %" PRIu64
                    " lies outside it",
                    state->what, state->at, state->offset, state->segment);
    }
    uint64_t address = segment->address + state->offset, target = state->import;
    if (is_bind) {
        if (state->addend != 0) {
            target = ABISCAN_FOREIGN_IMPORT;
        }
    } else if (!abiscan_image_number(reader->image, address, size, &target)) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "%s: at offset 0x%zx, a fixup at address 0x%" PRIx64
                    " has no value in the file",
                    state->what, state->at, address);
    }
    bool is_word = state->type == TYPE_POINTER
                   || (state->type == TYPE_ABSOLUTE && !reader->file.is_64);
    if (!add_cell(reader, state->what, state->at, address,
                  is_word ? target : ABISCAN_FOREIGN_IMPORT, is_bind || !is_word)) {
        return false;
    }
    state->offset += size + step;
    return true;
}

static bool repeat(macho_reader *reader, opcode_state *state, bool is_bind, uint64_t count,
                   uint64_t step)
{
    for (uint64_t i = 0; i < count; i++) {
        if (!apply(reader, state, is_bind, step)) {
            return false;
        }
    }
    return true;
}

static bool fail_opcode(macho_reader *reader, const opcode_state *state)
{
    if (state->cursor.failed) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "%s: the operands of the opcode at offset 0x%zx leave them or 64 bits",
                    state->what, state->at);
    }
    return fail(reader->result, ABISCAN_MALFORMED, "%s: 0x%02x at offset 0x%zx is no opcode",
                state->what, reader->file.data[state->at], state->at);
}

/* REBASE_OPCODE_…, mach-o/loader.h */
static bool run_rebases(macho_reader *reader)
{
    unsigned word = pick(reader, 8, 4);
    opcode_state state = {.what = "rebase opcodes", .cursor = cursor_of(reader, &reader->rebase)};
    abiscan_cursor *cursor = &state.cursor;
    while (cursor->offset < cursor->size) {
        state.at = cursor->offset;
        unsigned byte = abiscan_u8(cursor), small = byte & 0xfu;
        uint64_t count = 0, step = 0;
        switch (byte & 0xf0u) {
        case 0x00: /* DONE */
            return true;
        case 0x10: /* SET_TYPE_IMM */
            state.type = small;
            break;
        case 0x20: /* SET_SEGMENT_AND_OFFSET_ULEB */
            state.segment = small;
            state.offset = read_uleb(cursor);
            break;
        case 0x30: /* ADD_ADDR_ULEB */
            state.offset += read_uleb(cursor);
            break;
        case 0x40: /* ADD_ADDR_IMM_SCALED */
            state.offset += (uint64_t)small * word;
            break;
        case 0x50: /* DO_REBASE_IMM_TIMES */
            count = small;
            break;
        case 0x60: /* DO_REBASE_ULEB_TIMES */
            count = read_uleb(cursor);
            break;
        case 0x70: /* DO_REBASE_ADD_ADDR_ULEB */
            count = 1;
            step = read_uleb(cursor);
            break;
        case 0x80: /* DO_REBASE_ULEB_TIMES_SKIPPING_ULEB */
            count = read_uleb(cursor);
            step = read_uleb(cursor);
            break;
        default:
            return fail_opcode(reader, &state);
        }
        if (cursor->failed) {
            return fail_opcode(reader, &state);
        }
        if (!repeat(reader, &state, false, count, step)) {
            return false;
        }
    }
    return true;
}

/* BIND_OPCODE_…, mach-o/loader.h.  First only the names, which become imports;
 * then the fixups. */
static bool run_binds(macho_reader *reader, const char *what, const macho_table *table,
                      bool is_lazy, bool is_naming)
{
    unsigned word = pick(reader, 8, 4);
    opcode_state state = {.what = what,
                          .cursor = cursor_of(reader, table),
                          .type = TYPE_POINTER,
                          .import = ABISCAN_FOREIGN_IMPORT};
    abiscan_cursor *cursor = &state.cursor;
    while (cursor->offset < cursor->size) {
        state.at = cursor->offset;
        unsigned byte = abiscan_u8(cursor), small = byte & 0xfu;
        uint64_t count = 0, step = 0;
        switch (byte & 0xf0u) {
        case 0x00: /* DONE, after each lazy bind */
            if (is_lazy) {
                continue;
            }
            return true;
        case 0x10: /* SET_DYLIB_ORDINAL_IMM */
            state.ordinal = small;
            break;
        case 0x20: /* SET_DYLIB_ORDINAL_ULEB */
            state.ordinal = read_uleb(cursor);
            break;
        case 0x30: /* SET_DYLIB_SPECIAL_IMM */
            state.ordinal = 0;
            break;
        case 0x40: /* SET_SYMBOL_TRAILING_FLAGS_IMM */
            state.symbol = read_text(cursor);
            state.is_weak = (small & 1u) != 0;
            if (!is_naming) {
                state.import = import_of_name(reader, state.symbol);
            } else if (state.symbol.data != NULL && is_interesting(state.symbol)
                       && !add_import(reader, state.symbol, state.ordinal, state.is_weak)) {
                return false;
            }
            break;
        case 0x50: /* SET_TYPE_IMM */
            state.type = small;
            break;
        case 0x60: /* SET_ADDEND_SLEB */
            state.addend = read_sleb(cursor);
            break;
        case 0x70: /* SET_SEGMENT_AND_OFFSET_ULEB */
            state.segment = small;
            state.offset = read_uleb(cursor);
            break;
        case 0x80: /* ADD_ADDR_ULEB */
            state.offset += read_uleb(cursor);
            break;
        case 0x90: /* DO_BIND */
            count = 1;
            break;
        case 0xa0: /* DO_BIND_ADD_ADDR_ULEB */
            count = 1;
            step = read_uleb(cursor);
            break;
        case 0xb0: /* DO_BIND_ADD_ADDR_IMM_SCALED */
            count = 1;
            step = (uint64_t)small * word;
            break;
        case 0xc0: /* DO_BIND_ULEB_TIMES_SKIPPING_ULEB */
            count = read_uleb(cursor);
            step = read_uleb(cursor);
            break;
        case 0xd0: /* THREADED: chains as they were before LC_DYLD_CHAINED_FIXUPS */
            reader->image->cells_known = false;
            return true;
        default:
            return fail_opcode(reader, &state);
        }
        if (cursor->failed) {
            return fail_opcode(reader, &state);
        }
        if (!is_naming && !repeat(reader, &state, true, count, step)) {
            return false;
        }
    }
    return true;
}

static bool run_all_binds(macho_reader *reader, bool is_naming)
{
    return run_binds(reader, "bind opcodes", &reader->bind, false, is_naming)
           && run_binds(reader, "weak bind opcodes", &reader->weak_bind, false, is_naming)
           && run_binds(reader, "lazy bind opcodes", &reader->lazy_bind, true, is_naming);
}

/* dyld_chained_fixups_header */
typedef struct chain_header {
    uint32_t version;
    uint32_t starts;
    uint32_t imports;
    uint32_t symbols;
    uint32_t import_count;
    uint32_t import_format;
    uint32_t symbol_format;
} chain_header;

static bool read_chain_header(macho_reader *reader, chain_header *header)
{
    abiscan_cursor cursor = cursor_of(reader, &reader->chains);
    header->version = abiscan_u32(&cursor);
    header->starts = abiscan_u32(&cursor);
    header->imports = abiscan_u32(&cursor);
    header->symbols = abiscan_u32(&cursor);
    header->import_count = abiscan_u32(&cursor);
    header->import_format = abiscan_u32(&cursor);
    header->symbol_format = abiscan_u32(&cursor);
    if (cursor.failed) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "chained fixups: they end at offset 0x%zx, inside their header", cursor.size);
    }
    return true;
}

/* dyld_chained_import and its two kinds with an addend.  First the names, which
 * become imports; then what each ordinal means. */
static bool read_chain_imports(macho_reader *reader, const chain_header *header, bool is_naming)
{
    uint64_t size = header->import_format == 1 ? 4 : header->import_format == 2 ? 8 : 16;
    uint64_t start = reader->chains.offset + header->imports;
    if (!abiscan_in_range(header->imports, header->import_count * size, reader->chains.size)) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "chained fixups: the %" PRIu32 " imports at offset 0x%" PRIx64 " leave them",
                    header->import_count, start);
    }
    if (header->symbols > reader->chains.size) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "chained fixups: the names at offset 0x%" PRIx64 " lie outside them",
                    reader->chains.offset + header->symbols);
    }
    if (!is_naming) {
        reader->chain_import_count = header->import_count;
        reader->chain_imports
            = calloc((size_t)header->import_count + 1, sizeof *reader->chain_imports);
        if (reader->chain_imports == NULL) {
            return out_of_memory(reader);
        }
    }
    abiscan_cursor cursor = cursor_of(reader, &reader->chains);
    abiscan_skip(&cursor, header->imports);
    for (uint32_t i = 0; i < header->import_count; i++) {
        uint64_t at = cursor.offset, ordinal = 0, name_offset = 0, addend = 0;
        bool is_weak = false;
        if (header->import_format == 3) {
            uint64_t bits = abiscan_u64(&cursor);
            ordinal = bits & 0xffffu;
            is_weak = (bits >> 16 & 1u) != 0;
            name_offset = bits >> 32;
            addend = abiscan_u64(&cursor);
        } else {
            uint32_t bits = abiscan_u32(&cursor);
            ordinal = bits & 0xffu;
            is_weak = (bits >> 8 & 1u) != 0;
            name_offset = bits >> 9;
            addend = header->import_format == 2 ? abiscan_u32(&cursor) : 0;
        }
        abiscan_cursor names = cursor_of(reader, &reader->chains);
        abiscan_skip(&names, header->symbols);
        abiscan_skip(&names, name_offset);
        size_t room = names.failed ? 0 : names.size - names.offset;
        const unsigned char *bytes = abiscan_bytes(&names, names.offset, room);
        if (room == 0 || bytes == NULL) {
            return fail(reader->result, ABISCAN_MALFORMED,
                        "chained fixups: import %" PRIu32 " at offset 0x%" PRIx64
                        ": name 0x%" PRIx64 " lies outside them",
                        i, at, name_offset);
        }
        /* Overlapping names would take long to read to their ends. */
        if (room > ABISCAN_NAME_LIMIT + 2) {
            names.size = names.offset + ABISCAN_NAME_LIMIT + 2;
        }
        abiscan_name name = {NULL, 0};
        if (may_become_interesting((const char *)bytes, room)) {
            name = read_text(&names);
        }
        if (!is_naming) {
            reader->chain_imports[i]
                = addend == 0 ? import_of_name(reader, name) : ABISCAN_FOREIGN_IMPORT;
        } else if (name.data != NULL && is_interesting(name)
                   && !add_import(reader, name, ordinal, is_weak)) {
            return false;
        }
    }
    return true;
}

/* pointer_format, mach-o/fixup-chains.h */
enum {
    CHAIN_ARM64E = 1,
    CHAIN_64 = 2,
    CHAIN_32 = 3,
    CHAIN_64_OFFSET = 6,
    CHAIN_ARM64E_USERLAND = 9,
    CHAIN_ARM64E_USERLAND24 = 12
};

typedef struct chain_link {
    uint64_t next; /* in bytes; 0: the chain ends */
    bool is_bind;
    uint64_t target;  /* an address, or an ordinal */
    bool is_changed;  /* not exactly the target: an addend, or a number in disguise */
} chain_link;

static chain_link read_link(const macho_reader *reader, unsigned format, uint64_t maximum,
                            uint64_t bits)
{
    chain_link link = {0, false, 0, false};
    switch (format) {
    case CHAIN_64:
    case CHAIN_64_OFFSET:
        link.next = (bits >> 51 & 0xfffu) * 4;
        link.is_bind = bits >> 63 != 0;
        if (link.is_bind) {
            link.target = bits & 0xffffffu;
            link.is_changed = (bits >> 24 & 0xffu) != 0;
        } else {
            link.target = (bits & UINT64_C(0xfffffffff)) | (bits >> 36 & 0xffu) << 56;
            link.target += format == CHAIN_64_OFFSET ? reader->base : 0;
        }
        break;
    case CHAIN_32:
        link.next = (bits >> 26 & 0x1fu) * 4;
        link.is_bind = bits >> 31 != 0;
        if (link.is_bind) {
            link.target = bits & 0xfffffu;
            link.is_changed = (bits >> 20 & 0x3fu) != 0;
        } else {
            link.target = bits & 0x3ffffffu;
            link.is_changed = link.target > maximum;
        }
        break;
    default: { /* ARM64E and its two kinds for programs */
        bool is_signed = bits >> 63 != 0;
        link.next = (bits >> 51 & 0x7ffu) * 8;
        link.is_bind = (bits >> 62 & 1u) != 0;
        if (link.is_bind) {
            link.target = bits & (format == CHAIN_ARM64E_USERLAND24 ? 0xffffffu : 0xffffu);
            link.is_changed = !is_signed && (bits >> 32 & 0x7ffffu) != 0;
        } else if (is_signed) {
            link.target = reader->base + (bits & UINT32_MAX);
        } else {
            link.target = (bits & UINT64_C(0x7ffffffffff)) | (bits >> 43 & 0xffu) << 56;
            link.target += format == CHAIN_ARM64E ? 0 : reader->base;
        }
        break;
    }
    }
    return link;
}

static bool follow_chain(macho_reader *reader, unsigned format, uint64_t maximum, uint64_t address)
{
    static const char what[] = "chained fixups";
    unsigned size = format == CHAIN_32 ? 4 : 8;
    for (;;) {
        uint64_t bits = 0;
        if (abiscan_image_bytes(reader->image, address, size) == NULL
            || !abiscan_image_number(reader->image, address, size, &bits)) {
            return fail(reader->result, ABISCAN_MALFORMED,
                        "%s: a chain leads to address 0x%" PRIx64 ", which is not in the file",
                        what, address);
        }
        chain_link link = read_link(reader, format, maximum, bits);
        if (link.is_bind && link.target >= reader->chain_import_count) {
            return fail(reader->result, ABISCAN_MALFORMED,
                        "%s: address 0x%" PRIx64 " is bound to import %" PRIu64 " of %" PRIu64,
                        what, address, link.target, reader->chain_import_count);
        }
        uint64_t target = link.is_changed ? ABISCAN_FOREIGN_IMPORT
                          : link.is_bind  ? reader->chain_imports[link.target]
                                          : link.target;
        if (!add_cell(reader, what, reader->chains.offset, address, target,
                      link.is_bind || link.is_changed)) {
            return false;
        }
        if (link.next == 0) {
            return true;
        }
        address += link.next;
    }
}

static bool fail_chain_starts(macho_reader *reader, uint64_t offset)
{
    return fail(reader->result, ABISCAN_MALFORMED,
                "chained fixups: the starts of a segment at offset 0x%" PRIx64 " leave them",
                offset);
}

/* dyld_chained_starts_in_segment */
static bool read_chain_starts(macho_reader *reader, uint64_t offset, uint64_t *budget)
{
    enum { NO_START = 0xffff, SEVERAL = 0x8000, LAST = 0x8000 };
    abiscan_cursor cursor = cursor_of(reader, &reader->chains);
    abiscan_skip(&cursor, offset);
    uint64_t at = cursor.offset;
    (void)abiscan_u32(&cursor); /* size */
    uint64_t page_size = abiscan_u16(&cursor);
    unsigned format = abiscan_u16(&cursor);
    uint64_t segment = abiscan_u64(&cursor);
    uint32_t maximum = abiscan_u32(&cursor);
    unsigned page_count = abiscan_u16(&cursor);
    if (cursor.failed) {
        return fail_chain_starts(reader, at);
    }
    bool is_64 = format == CHAIN_64 || format == CHAIN_64_OFFSET || format == CHAIN_ARM64E
                 || format == CHAIN_ARM64E_USERLAND || format == CHAIN_ARM64E_USERLAND24;
    if ((!is_64 && format != CHAIN_32) || is_64 != reader->file.is_64) {
        reader->image->cells_known = false; /* kernels and firmware */
        return true;
    }
    abiscan_cursor pages = cursor;
    for (unsigned page = 0; page < page_count; page++) {
        uint64_t address = reader->base + segment + page * page_size;
        unsigned start = abiscan_u16(&cursor);
        if (cursor.failed) {
            return fail_chain_starts(reader, at);
        }
        if ((*budget)-- == 0) {
            return fail(reader->result, ABISCAN_MALFORMED,
                        "chained fixups: several segments have the starts at offset 0x%" PRIx64,
                        at);
        }
        if (start == NO_START) {
            continue;
        }
        if ((start & SEVERAL) == 0) {
            if (!follow_chain(reader, format, maximum, address + start)) {
                return false;
            }
            continue;
        }
        abiscan_cursor several = pages;
        abiscan_skip(&several, 2 * (uint64_t)(start & 0x7fffu));
        do {
            start = abiscan_u16(&several);
            if (several.failed) {
                return fail_chain_starts(reader, at);
            }
            if (!follow_chain(reader, format, maximum, address + (start & 0x7fffu))) {
                return false;
            }
        } while ((start & LAST) == 0);
    }
    return true;
}

/* dyld_chained_starts_in_image */
static bool read_chains(macho_reader *reader, const chain_header *header)
{
    abiscan_cursor cursor = cursor_of(reader, &reader->chains);
    /* Each page's start has two bytes of its own. */
    uint64_t budget = reader->chains.size / 2;
    abiscan_skip(&cursor, header->starts);
    uint32_t count = abiscan_u32(&cursor);
    for (uint32_t i = 0; i < count && !cursor.failed; i++) {
        uint32_t offset = abiscan_u32(&cursor);
        if (offset != 0 && !cursor.failed
            && !read_chain_starts(reader, (uint64_t)header->starts + offset, &budget)) {
            return false;
        }
    }
    if (cursor.failed) {
        return fail(reader->result, ABISCAN_MALFORMED,
                    "chained fixups: the starts at offset 0x%" PRIx64 " leave them",
                    reader->chains.offset + header->starts);
    }
    return true;
}

/* A lazy pointer is both rebased and bound; what is bound twice is uncertain. */
static void join_cells(abiscan_image *image)
{
    size_t count = 0;
    for (size_t i = 0; i < image->cell_count; i++) {
        abiscan_cell *cell = &image->cells[i];
        abiscan_cell *before = count == 0 ? NULL : &image->cells[count - 1];
        if (before == NULL || before->address != cell->address) {
            image->cells[count++] = *cell;
        } else if (!before->is_import) {
            *before = *cell;
        } else if (cell->is_import && cell->target != before->target) {
            before->target = ABISCAN_FOREIGN_IMPORT;
        }
    }
    image->cell_count = count;
}

static bool read_fixups(macho_reader *reader)
{
    abiscan_image *image = reader->image;
    chain_header header = {0};
    bool has_chains = reader->chains.size != 0;
    image->cells_known = reader->type == MH_DYLIB || reader->type == MH_BUNDLE
                         || reader->type == MH_EXECUTE;
    if (has_chains) {
        if (!read_chain_header(reader, &header)) {
            return false;
        }
        if (header.version != 0 || header.import_format < 1 || header.import_format > 3
            || header.symbol_format != 0) {
            has_chains = false;
            image->cells_known = false;
        }
    } else if (!reader->has_info && reader->has_relocations) {
        image->cells_known = false;
    }
    bool is_named = has_chains ? read_chain_imports(reader, &header, true)
                               : run_all_binds(reader, true);
    if (!is_named || !join_imports(reader)) {
        return false;
    }
    if (!image->cells_known) {
        return true;
    }
    bool is_applied = has_chains ? read_chain_imports(reader, &header, false)
                                       && read_chains(reader, &header)
                                 : run_rebases(reader) && run_all_binds(reader, false);
    if (!is_applied) {
        return false;
    }
    if (!image->cells_known) {
        image->cell_count = 0; /* some of them were not understood */
    }
    if (!abiscan_image_sort(image)) {
        return out_of_memory(reader);
    }
    join_cells(image);
    return true;
}

abiscan_status abiscan_read_macho(const void *data, size_t size, abiscan_result *result,
                                  abiscan_image *image)
{
    macho_reader reader = {
        .file = abiscan_cursor_at(data, size, false, true),
        .result = result,
        .image = image,
    };
    result->format = ABISCAN_FORMAT_MACHO;
    bool is_good = read_header(&reader) && read_commands(&reader) && read_functions(&reader)
                   && (reader.exports.size == 0 || read_trie(&reader)) && read_symbols(&reader)
                   && read_fixups(&reader);
    free(reader.segments);
    free(reader.names);
    free(reader.chain_imports);
    if (is_good) {
        result->status = ABISCAN_OK;
    }
    return result->status;
}

/* ---- universal files -------------------------------------------------- */

bool abiscan_is_universal(const void *data, size_t size)
{
    abiscan_cursor cursor = abiscan_cursor_at(data, size, true, true);
    uint32_t magic = abiscan_u32(&cursor);
    uint32_t count = abiscan_u32(&cursor);
    /* A class file has its version here: 45 and more, with a minor one above it. */
    return magic == FAT_MAGIC_64 || (magic == FAT_MAGIC && count < FIRST_JAVA_VERSION);
}

/* fat_header and fat_arch(_64), big-endian whatever the slices are */
abiscan_status abiscan_read_universal(const void *data, size_t size, abiscan_result *result,
                                      abiscan_slice **slices)
{
    abiscan_cursor cursor = abiscan_cursor_at(data, size, true, true);
    bool is_wide = abiscan_u32(&cursor) == FAT_MAGIC_64;
    uint32_t count = abiscan_u32(&cursor);
    result->format = ABISCAN_FORMAT_MACHO_UNIVERSAL;
    result->byte_order = ABISCAN_BIG_ENDIAN;
    result->status = ABISCAN_MALFORMED;
    *slices = NULL;
    if (cursor.failed) {
        (void)fail(result, ABISCAN_MALFORMED, "universal header: the file ends at offset 0x%zx",
                   size);
        return result->status;
    }
    if (count == 0 || count >= FIRST_JAVA_VERSION) {
        (void)fail(result, ABISCAN_MALFORMED,
                   "universal header: %" PRIu32 " slices at offset 0x4", count);
        return result->status;
    }
    *slices = calloc(count, sizeof **slices);
    result->slices = calloc(count, sizeof *result->slices);
    if (*slices == NULL || result->slices == NULL) {
        (void)fail(result, ABISCAN_NO_MEMORY, "out of memory");
        return result->status;
    }
    result->slice_count = count;
    for (uint32_t i = 0; i < count; i++) {
        abiscan_slice *slice = &(*slices)[i];
        abiscan_result *inner = &result->slices[i];
        abiscan_code code = ABISCAN_CODE_OTHER;
        size_t at = cursor.offset;
        uint32_t machine = abiscan_u32(&cursor);
        (void)abiscan_u32(&cursor); /* cpusubtype */
        slice->offset = is_wide ? abiscan_u64(&cursor) : abiscan_u32(&cursor);
        slice->size = is_wide ? abiscan_u64(&cursor) : abiscan_u32(&cursor);
        (void)abiscan_u32(&cursor); /* align */
        if (is_wide) {
            (void)abiscan_u32(&cursor); /* reserved */
        }
        if (cursor.failed) {
            (void)fail(result, ABISCAN_MALFORMED,
                       "universal header: entry %" PRIu32 " at offset 0x%zx lies outside the file",
                       i, at);
            return result->status;
        }
        (void)name_machine(machine, inner->machine, sizeof inner->machine, &code);
        inner->slice_offset = slice->offset;
        if (!abiscan_in_range(slice->offset, slice->size, size)) {
            (void)fail(result, ABISCAN_MALFORMED,
                       "universal header: entry %" PRIu32 " at offset 0x%zx: its 0x%" PRIx64
                       " bytes at offset 0x%" PRIx64 " lie outside the file",
                       i, at, slice->size, slice->offset);
            return result->status;
        }
        for (uint32_t k = 0; k < i; k++) {
            const abiscan_slice *other = &(*slices)[k];
            if (slice->offset < other->offset + other->size
                && other->offset < slice->offset + slice->size) {
                (void)fail(result, ABISCAN_MALFORMED,
                           "universal header: entry %" PRIu32 " at offset 0x%zx overlaps entry"
                           " %" PRIu32,
                           i, at, k);
                return result->status;
            }
        }
    }
    (void)snprintf(result->machine, sizeof result->machine, "universal");
    result->status = ABISCAN_OK;
    return result->status;
}
