/* SPDX-License-Identifier: MIT */
/* A module that Emscripten's dynamic loader loads: what it imports, exports and needs.
 * Structures and numbers are those of the WebAssembly Core Specification, chapter
 * "Binary Format", and of "WebAssembly Dynamic Linking" in WebAssembly/tool-conventions
 * (the section "dylink.0"). */
#include "wasm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_SIZE = 8,
    CORE_VERSION = 1,

    /* "Sections" */
    SECTION_CUSTOM = 0,
    SECTION_IMPORT = 2,
    SECTION_MEMORY = 5,
    SECTION_EXPORT = 7,

    /* "External Types": what is imported or exported */
    KIND_FUNCTION = 0,
    KIND_TABLE = 1,
    KIND_MEMORY = 2,
    KIND_GLOBAL = 3,
    KIND_TAG = 4,

    /* "Reference Types": a heap type follows */
    TYPE_REF_NULL = 0x63,
    TYPE_REF = 0x64,

    /* "Limits" */
    LIMITS_MAXIMUM = 0x01,
    LIMITS_64 = 0x04,
    LIMITS_PAGE_SIZE = 0x08,
    LIMITS_ALL_FLAGS = 0x0f,

    /* "dylink.0" */
    DYLINK_NEEDED = 2,
    DYLINK_IMPORT_INFO = 4,
    SYMBOL_WEAK = 0x01
};

typedef struct wasm_reader {
    abiscan_cursor file;
    abiscan_result *result;
    abiscan_image *image;
    bool has_dylink;
    bool is_64;
    bool is_unknown; /* what has failed may be of a newer specification */
    size_t dylink_offset; /* of the section's subsections */
    size_t dylink_end;
} wasm_reader;

#define fail(reader, ...) abiscan_fail((reader)->result, __VA_ARGS__)

static bool out_of_memory(wasm_reader *reader)
{
    return fail(reader, ABISCAN_NO_MEMORY, "out of memory");
}

bool abiscan_is_wasm(const void *data, size_t size)
{
    return size >= 4 && memcmp(data, "\0asm", 4) == 0;
}

/* "Integers": LEB128 of at most `bits` bits.  What is longer fails the cursor. */
static uint64_t leb128(abiscan_cursor *cursor, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < bits; shift += 7) {
        size_t at = cursor->offset;
        uint8_t byte = abiscan_u8(cursor);
        uint64_t part = byte & 0x7fu;
        if (bits - shift < 7 && part >> (bits - shift) != 0) {
            cursor->offset = at;
            break;
        }
        value |= part << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    abiscan_skip(cursor, UINT64_MAX);
    return 0;
}

/* "Names": a length and so many bytes. */
static abiscan_name read_name(abiscan_cursor *cursor)
{
    abiscan_name name = {NULL, 0};
    uint64_t length = leb128(cursor, 32);
    const unsigned char *bytes = abiscan_bytes(cursor, cursor->offset, length);
    abiscan_skip(cursor, length);
    if (!cursor->failed) {
        name.data = (const char *)bytes;
        name.size = (size_t)length;
    }
    return name;
}

static bool is_python_name(abiscan_name name)
{
    return abiscan_name_starts(name, "Py") || abiscan_name_starts(name, "_Py");
}

/* A sign-extended number, of which only the length is of interest. */
static void skip_signed(abiscan_cursor *cursor)
{
    unsigned length = 1;
    while (length < 5 && (abiscan_u8(cursor) & 0x80) != 0) {
        length++;
    }
}

static void skip_value_type(abiscan_cursor *cursor)
{
    uint8_t type = abiscan_u8(cursor);
    if (type == TYPE_REF_NULL || type == TYPE_REF) {
        skip_signed(cursor);
    }
}

/* Only what it is tells how long it is. */
static void fail_unknown(wasm_reader *reader, abiscan_cursor *cursor)
{
    reader->is_unknown = !cursor->failed;
    abiscan_skip(cursor, UINT64_MAX);
}

/* "Limits"; true where addresses have 64 bits. */
static bool skip_limits(wasm_reader *reader, abiscan_cursor *cursor)
{
    uint8_t flags = abiscan_u8(cursor);
    if ((flags & ~LIMITS_ALL_FLAGS) != 0) {
        fail_unknown(reader, cursor);
        return false;
    }
    (void)leb128(cursor, 64);
    if ((flags & LIMITS_MAXIMUM) != 0) {
        (void)leb128(cursor, 64);
    }
    if ((flags & LIMITS_PAGE_SIZE) != 0) {
        (void)leb128(cursor, 32);
    }
    return (flags & LIMITS_64) != 0;
}

/* What an import is, after its two names. */
static void skip_import_kind(wasm_reader *reader, abiscan_cursor *cursor)
{
    switch (abiscan_u8(cursor)) {
    case KIND_FUNCTION:
        (void)leb128(cursor, 32);
        break;
    case KIND_TABLE:
        skip_value_type(cursor);
        (void)skip_limits(reader, cursor);
        break;
    case KIND_MEMORY:
        reader->is_64 = skip_limits(reader, cursor) || reader->is_64;
        break;
    case KIND_GLOBAL:
        skip_value_type(cursor);
        (void)abiscan_u8(cursor);
        break;
    case KIND_TAG:
        (void)abiscan_u8(cursor);
        (void)leb128(cursor, 32);
        break;
    default:
        fail_unknown(reader, cursor);
        break;
    }
}

/* Whether the dynamic loader finds it by its name: functions, and addresses of functions
 * and of data. */
static bool is_dynamic(abiscan_name library)
{
    return abiscan_name_is(library, "env") || abiscan_name_is(library, "GOT.func")
           || abiscan_name_is(library, "GOT.mem");
}

/* One pass over the imports or exports: Python's are counted, and stored where `symbols`
 * is not NULL. */
static bool walk(wasm_reader *reader, abiscan_cursor section, bool is_export,
                 abiscan_symbol *symbols, size_t *found)
{
    const char *what = is_export ? "export" : "import";
    uint64_t count = leb128(&section, 32);
    *found = 0;
    if (section.failed) {
        return fail(reader, ABISCAN_MALFORMED, "%s section: its count at offset 0x%zx is cut off",
                    what, section.failed_at);
    }
    for (uint64_t i = 0; i < count; i++) {
        size_t start = section.offset;
        abiscan_name library = {NULL, 0};
        if (!is_export) {
            library = read_name(&section);
        }
        abiscan_name name = read_name(&section);
        if (is_export) {
            (void)abiscan_u8(&section);
            (void)leb128(&section, 32);
        } else {
            skip_import_kind(reader, &section);
        }
        if (section.failed) {
            return fail(reader, reader->is_unknown ? ABISCAN_UNSUPPORTED_FORMAT : ABISCAN_MALFORMED,
                        "%s section: entry %" PRIu64 " at offset 0x%zx is %s", what, i, start,
                        reader->is_unknown ? "of an unknown kind" : "cut off");
        }
        bool is_wanted = is_export ? is_python_name(name) || abiscan_name_starts(name, "_cffi_")
                                   : is_python_name(name) && is_dynamic(library);
        if (is_wanted && symbols != NULL) {
            symbols[*found].name = name;
            symbols[*found].number = i;
        }
        *found += is_wanted ? 1 : 0;
    }
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const abiscan_symbol *one = left, *other = right;
    int order = abiscan_compare_names(one->name, other->name);
    if (order != 0) {
        return order;
    }
    return one->number < other->number ? -1 : one->number > other->number;
}

static int compare_numbers(const void *left, const void *right)
{
    const abiscan_symbol *one = left, *other = right;
    return one->number < other->number ? -1 : one->number > other->number;
}

/* A function that is called and has its address taken is imported twice.  What is left
 * is in the order of names. */
static size_t without_duplicates(abiscan_symbol *symbols, size_t count)
{
    size_t kept = 0;
    abiscan_sort(symbols, count, sizeof *symbols, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || abiscan_compare_names(symbols[kept - 1].name, symbols[i].name) != 0) {
            symbols[kept++] = symbols[i];
        }
    }
    return kept;
}

static bool read_imports(wasm_reader *reader, abiscan_cursor section)
{
    abiscan_image *image = reader->image;
    size_t count = 0;
    if (!walk(reader, section, false, NULL, &count)) {
        return false;
    }
    image->imports = calloc(count + 1, sizeof *image->imports);
    if (image->imports == NULL) {
        return out_of_memory(reader);
    }
    if (!walk(reader, section, false, image->imports, &count)) {
        return false;
    }
    image->import_count = without_duplicates(image->imports, count);
    return true;
}

static bool read_exports(wasm_reader *reader, abiscan_cursor section)
{
    abiscan_image *image = reader->image;
    size_t count = 0;
    if (!walk(reader, section, true, NULL, &count)) {
        return false;
    }
    image->exports = calloc(count + 1, sizeof *image->exports);
    if (image->exports == NULL) {
        return out_of_memory(reader);
    }
    return walk(reader, section, true, image->exports, &image->export_count);
}

/* WASM_DYLINK_NEEDED */
static bool read_needed(wasm_reader *reader, abiscan_cursor part)
{
    abiscan_result *result = reader->result;
    uint64_t count = leb128(&part, 32);
    /* Each takes a byte at least. */
    if (part.failed || count > part.size - part.offset) {
        return fail(reader, ABISCAN_MALFORMED,
                    "dylink.0: the needed libraries at offset 0x%zx are cut off", part.offset);
    }
    free(result->needed);
    result->needed_count = 0;
    result->needed = calloc((size_t)count + 1, sizeof *result->needed);
    if (result->needed == NULL) {
        return out_of_memory(reader);
    }
    for (uint64_t i = 0; i < count; i++) {
        size_t start = part.offset;
        result->needed[i] = read_name(&part);
        if (part.failed) {
            return fail(reader, ABISCAN_MALFORMED,
                        "dylink.0: needed library %" PRIu64 " at offset 0x%zx is cut off", i,
                        start);
        }
        result->needed_count++;
    }
    return true;
}

static void mark_weak(abiscan_image *image, abiscan_name name)
{
    size_t low = 0, high = image->import_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = abiscan_compare_names(image->imports[middle].name, name);
        if (order == 0) {
            image->imports[middle].is_weak = true;
            return;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
}

/* WASM_DYLINK_IMPORT_INFO */
static bool read_import_info(wasm_reader *reader, abiscan_cursor part)
{
    uint64_t count = leb128(&part, 32);
    for (uint64_t i = 0; i < count && !part.failed; i++) {
        size_t start = part.offset;
        (void)read_name(&part);
        abiscan_name name = read_name(&part);
        uint64_t flags = leb128(&part, 32);
        if (part.failed) {
            return fail(reader, ABISCAN_MALFORMED,
                        "dylink.0: import %" PRIu64 " at offset 0x%zx is cut off", i, start);
        }
        if ((flags & SYMBOL_WEAK) != 0 && is_python_name(name)) {
            mark_weak(reader->image, name);
        }
    }
    return !part.failed
           || fail(reader, ABISCAN_MALFORMED, "dylink.0: its imports at offset 0x%zx are cut off",
                   part.failed_at);
}

/* The section comes first, and what it says of imports is read when those are known. */
static bool read_dylink(wasm_reader *reader)
{
    abiscan_cursor section = reader->file;
    section.size = reader->dylink_end;
    abiscan_seek(&section, reader->dylink_offset);
    while (section.offset < section.size) {
        size_t start = section.offset;
        uint8_t type = abiscan_u8(&section);
        uint64_t length = leb128(&section, 32);
        if (section.failed || !abiscan_in_range(section.offset, length, section.size)) {
            return fail(reader, ABISCAN_MALFORMED,
                        "dylink.0: subsection %u at offset 0x%zx leaves the section",
                        (unsigned)type, start);
        }
        abiscan_cursor part = section;
        part.size = section.offset + (size_t)length;
        if ((type == DYLINK_NEEDED && !read_needed(reader, part))
            || (type == DYLINK_IMPORT_INFO && !read_import_info(reader, part))) {
            return false;
        }
        abiscan_skip(&section, length);
    }
    return true;
}

static bool read_section(wasm_reader *reader, unsigned number, size_t start,
                         abiscan_cursor section)
{
    if (number == SECTION_CUSTOM) {
        abiscan_name name = read_name(&section);
        if (abiscan_name_is(name, "dylink.0") && !reader->has_dylink) {
            reader->has_dylink = true;
            reader->dylink_offset = section.offset;
            reader->dylink_end = section.size;
        }
        return true; /* "Custom Section": errors in one are none of the module */
    }
    if ((number == SECTION_IMPORT && reader->image->imports != NULL)
        || (number == SECTION_EXPORT && reader->image->exports != NULL)) {
        return fail(reader, ABISCAN_MALFORMED, "section %u at offset 0x%zx is there twice",
                    number, start);
    }
    switch (number) {
    case SECTION_IMPORT:
        return read_imports(reader, section);
    case SECTION_EXPORT:
        return read_exports(reader, section);
    case SECTION_MEMORY:
        if (leb128(&section, 32) != 0) {
            reader->is_64 = skip_limits(reader, &section) || reader->is_64;
            reader->is_unknown = false;
        }
        return true;
    default:
        return true;
    }
}

static bool read_all(wasm_reader *reader)
{
    abiscan_cursor *file = &reader->file;
    abiscan_skip(file, 4); /* the magic number */
    uint32_t version = abiscan_u32(file);
    if (file->failed) {
        return fail(reader, ABISCAN_MALFORMED, "header: the file ends at offset 0x%zx",
                    file->size);
    }
    if (version != CORE_VERSION) {
        return fail(reader, ABISCAN_UNSUPPORTED_FORMAT,
                    "header: version 0x%" PRIx32 " at offset 0x4 is none of a core module",
                    version);
    }
    while (file->offset < file->size) {
        size_t start = file->offset;
        unsigned number = abiscan_u8(file);
        uint64_t length = leb128(file, 32);
        if (file->failed || !abiscan_in_range(file->offset, length, file->size)) {
            return fail(reader, ABISCAN_MALFORMED, "section %u at offset 0x%zx leaves the file",
                        number, start);
        }
        abiscan_cursor section = *file;
        section.size = file->offset + (size_t)length;
        if (!read_section(reader, number, start, section)) {
            return false;
        }
        abiscan_skip(file, length);
    }
    if (reader->has_dylink && !read_dylink(reader)) {
        return false;
    }
    abiscan_image *image = reader->image;
    if (image->import_count != 0) {
        abiscan_sort(image->imports, image->import_count, sizeof *image->imports,
                     compare_numbers);
    }
    return true;
}

abiscan_status abiscan_read_wasm(const void *data, size_t size, abiscan_result *result,
                                 abiscan_image *image)
{
    wasm_reader reader = {
        .file = abiscan_cursor_at(data, size, false, false),
        .result = result,
        .image = image,
    };
    result->format = ABISCAN_FORMAT_WASM;
    result->byte_order = ABISCAN_LITTLE_ENDIAN;
    bool is_read = read_all(&reader);
    result->bits = reader.is_64 ? 64 : 32;
    (void)snprintf(result->machine, sizeof result->machine, "wasm%u", result->bits);
    result->file_type = reader.has_dylink ? ABISCAN_FILE_SHARED_OBJECT : ABISCAN_FILE_OTHER;
    image->file = abiscan_cursor_at(data, size, false, reader.is_64);
    if (is_read) {
        result->status = ABISCAN_OK;
    }
    return result->status;
}
