/* SPDX-License-Identifier: MIT */
/* Read as the loader does: the section table maps the file, data directories name
 * what is imported, exported and relocated.  Structures and numbers are those of
 * Microsoft's "PE Format" specification, whose section titles the comments give. */
#include "pe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DOS_HEADER_SIZE = 0x40,
    E_LFANEW = 0x3c, /* "MS-DOS Stub": where the file offset of the signature is */
    SIGNATURE_SIZE = 4,
    COFF_HEADER_SIZE = 20,
    SECTION_HEADER_SIZE = 40,
    EXPORT_DIRECTORY_SIZE = 40,
    IMPORT_ENTRY_SIZE = 20,
    DELAY_ENTRY_SIZE = 32,
    RELOCATION_BLOCK_SIZE = 8,
    FUNCTION_ENTRY_SIZE = 12, /* ".pdata" of x86-64 */

    /* "Optional Header": the first field, and the size before the data directories. */
    MAGIC_32 = 0x10b,
    MAGIC_64 = 0x20b,
    FIXED_SIZE_32 = 96,
    FIXED_SIZE_64 = 112,

    /* "Characteristics" */
    FILE_RELOCS_STRIPPED = 0x0001,
    FILE_EXECUTABLE_IMAGE = 0x0002,
    FILE_DLL = 0x2000,

    /* "Optional Header Data Directories" */
    EXPORT_DIRECTORY = 0,
    IMPORT_DIRECTORY = 1,
    EXCEPTION_DIRECTORY = 3,
    RELOCATION_DIRECTORY = 5,
    LOAD_CONFIG_DIRECTORY = 10,
    DELAY_DIRECTORY = 13,
    DIRECTORY_COUNT = 16,

    /* "The .reloc Section": base relocation types */
    BASED_ABSOLUTE = 0,
    BASED_HIGHLOW = 3,
    BASED_HIGHADJ = 4, /* the entry after it is its parameter */
    BASED_DIR64 = 10,

    /* IMAGE_LOAD_CONFIG_DIRECTORY64, winnt.h: CHPEMetadataPointer */
    HYBRID_METADATA_OFFSET = 0xc8,

    PAGE = 0x1000,
    SECTOR = 0x200 /* the loader rounds raw data down to it */
};

/* "Section Flags" */
#define SECTION_EXECUTE UINT32_C(0x20000000)
#define SECTION_WRITE UINT32_C(0x80000000)

typedef struct pe_machine {
    uint16_t number; /* "Machine Types" */
    const char *name;
    const char *hybrid_name; /* with code of a second kind inside; NULL: there is none */
    abiscan_code code;
} pe_machine;

static const pe_machine machines[] = {
    {0x014c, "i386", NULL, ABISCAN_CODE_OTHER},
    {0x0166, "mips", NULL, ABISCAN_CODE_OTHER},
    {0x01c0, "arm", NULL, ABISCAN_CODE_OTHER},
    {0x01c2, "arm", NULL, ABISCAN_CODE_OTHER}, /* Thumb */
    {0x01c4, "arm", NULL, ABISCAN_CODE_OTHER}, /* Thumb-2, what Windows runs */
    {0x01f0, "ppc", NULL, ABISCAN_CODE_OTHER},
    {0x0200, "ia64", NULL, ABISCAN_CODE_OTHER},
    {0x5032, "riscv32", NULL, ABISCAN_CODE_OTHER},
    {0x5064, "riscv64", NULL, ABISCAN_CODE_OTHER},
    {0x6232, "loongarch32", NULL, ABISCAN_CODE_OTHER},
    {0x6264, "loongarch64", NULL, ABISCAN_CODE_OTHER},
    {0x8664, "x86_64", "arm64ec", ABISCAN_CODE_X86_64},
    {0xa641, "arm64ec", "arm64ec", ABISCAN_CODE_OTHER}, /* object files only */
    {0xa64e, "arm64x", "arm64x", ABISCAN_CODE_OTHER},
    {0xaa64, "aarch64", "arm64x", ABISCAN_CODE_AARCH64},
};

typedef struct pe_directory {
    uint32_t address;
    uint32_t size; /* 0: absent */
} pe_directory;

/* What a pass over the imports found. */
typedef struct pe_counts {
    size_t libraries;
    size_t imports;
    size_t cells;
} pe_counts;

typedef struct pe_reader {
    abiscan_cursor file;
    abiscan_result *result;
    abiscan_image *image;
    const pe_machine *machine; /* NULL: not in the table */
    unsigned characteristics;
    uint64_t sections_offset; /* in the file */
    unsigned section_count;
    uint64_t base; /* the address that pointers in the file assume */
    uint32_t section_alignment;
    uint32_t headers_size;
    pe_directory directories[DIRECTORY_COUNT];

    bool is_filling; /* the second pass, which stores what the first counted */
    pe_counts counts;
    uint64_t thunk_count; /* in one pass */
    uint64_t text_size;   /* of the names in one pass */
    size_t relocation_count;
    bool has_short_pointers; /* four bytes wide in a 64-bit file */
} pe_reader;

#define fail(reader, ...) abiscan_fail((reader)->result, __VA_ARGS__)

static bool out_of_memory(pe_reader *reader)
{
    return fail(reader, ABISCAN_NO_MEMORY, "out of memory");
}

static unsigned word_size(const pe_reader *reader)
{
    return reader->file.is_64 ? 8 : 4;
}

bool abiscan_is_pe(const void *data, size_t size)
{
    return size >= 2 && memcmp(data, "MZ", 2) == 0;
}

/* The file offset of an address range that the file backs. */
static bool file_offset_of(const pe_reader *reader, uint64_t address, uint64_t length,
                           uint64_t *offset)
{
    const unsigned char *bytes = abiscan_image_bytes(reader->image, address, length);
    if (bytes == NULL) {
        return false;
    }
    *offset = (uint64_t)(bytes - reader->file.data);
    return true;
}

/* Names do not share their bytes; otherwise a small file could hold very many. */
static bool count_text(pe_reader *reader, const char *what, uint64_t address, abiscan_name name)
{
    reader->text_size += name.size + 1;
    if (reader->text_size > reader->file.size) {
        return fail(reader, ABISCAN_MALFORMED,
                    "%s: up to the name at address 0x%" PRIx64
                    ", its names are longer than the file",
                    what, address);
    }
    return true;
}

/* ---- headers ---------------------------------------------------------- */

static bool read_signature(pe_reader *reader, uint64_t *coff)
{
    abiscan_cursor cursor = reader->file;
    if (reader->file.size < DOS_HEADER_SIZE) {
        return fail(reader, ABISCAN_MALFORMED, "DOS header: the file ends at offset 0x%zx",
                    reader->file.size);
    }
    abiscan_seek(&cursor, E_LFANEW);
    uint32_t offset = abiscan_u32(&cursor);
    const unsigned char *signature = abiscan_bytes(&reader->file, offset, SIGNATURE_SIZE);
    if (signature == NULL) {
        return fail(reader, ABISCAN_MALFORMED,
                    "DOS header: the PE signature at offset 0x%" PRIx32 " lies outside the file",
                    offset);
    }
    if (memcmp(signature, "PE\0\0", SIGNATURE_SIZE) != 0) {
        return fail(reader, ABISCAN_UNSUPPORTED_FORMAT,
                    "DOS header: no PE signature at offset 0x%" PRIx32
                    ", the file is a DOS program",
                    offset);
    }
    *coff = (uint64_t)offset + SIGNATURE_SIZE;
    return true;
}

/* "COFF File Header" */
static bool read_coff_header(pe_reader *reader, uint64_t coff, unsigned *optional_size)
{
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, coff);
    unsigned machine = abiscan_u16(&cursor);
    reader->section_count = abiscan_u16(&cursor);
    (void)abiscan_u32(&cursor); /* TimeDateStamp */
    (void)abiscan_u32(&cursor); /* PointerToSymbolTable */
    (void)abiscan_u32(&cursor); /* NumberOfSymbols */
    *optional_size = abiscan_u16(&cursor);
    reader->characteristics = abiscan_u16(&cursor);
    if (cursor.failed) {
        return fail(reader, ABISCAN_MALFORMED,
                    "COFF header at offset 0x%" PRIx64 ": the file ends at offset 0x%zx", coff,
                    reader->file.size);
    }
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        if (machines[i].number == machine) {
            reader->machine = &machines[i];
        }
    }
    if (reader->machine != NULL) {
        (void)snprintf(reader->result->machine, sizeof reader->result->machine, "%s",
                       reader->machine->name);
    } else {
        (void)snprintf(reader->result->machine, sizeof reader->result->machine, "unknown-%u",
                       machine);
    }
    if ((reader->characteristics & FILE_DLL) != 0) {
        reader->result->file_type = ABISCAN_FILE_SHARED_OBJECT;
    } else if ((reader->characteristics & FILE_EXECUTABLE_IMAGE) != 0) {
        reader->result->file_type = ABISCAN_FILE_EXECUTABLE;
    } else {
        reader->result->file_type = ABISCAN_FILE_OTHER;
    }
    return true;
}

/* "Optional Header" */
static bool read_optional_header(pe_reader *reader, uint64_t at, unsigned size)
{
    if (!abiscan_in_range(at, size, reader->file.size)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "optional header at offset 0x%" PRIx64 ": its %u bytes lie outside the file",
                    at, size);
    }
    if (size < 2) {
        return fail(reader, ABISCAN_MALFORMED,
                    "optional header at offset 0x%" PRIx64 ": %u bytes have no room for it", at,
                    size);
    }
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, at);
    unsigned magic = abiscan_u16(&cursor);
    if (magic != MAGIC_32 && magic != MAGIC_64) {
        return fail(reader, ABISCAN_UNSUPPORTED_FORMAT,
                    "optional header at offset 0x%" PRIx64
                    ": magic 0x%x is neither PE32 nor PE32+",
                    at, magic);
    }
    reader->file.is_64 = magic == MAGIC_64;
    reader->image->file = reader->file;
    cursor.is_64 = reader->file.is_64;
    reader->result->bits = reader->file.is_64 ? 64 : 32;
    unsigned fixed = reader->file.is_64 ? FIXED_SIZE_64 : FIXED_SIZE_32;
    if (size < fixed) {
        return fail(reader, ABISCAN_MALFORMED,
                    "optional header at offset 0x%" PRIx64 ": %u bytes have no room for %u", at,
                    size, fixed);
    }
    /* Linker version, five sizes and addresses; PE32 has BaseOfData as well. */
    abiscan_skip(&cursor, reader->file.is_64 ? 22 : 26);
    reader->base = abiscan_word(&cursor);
    uint64_t alignment_at = cursor.offset;
    reader->section_alignment = abiscan_u32(&cursor);
    (void)abiscan_u32(&cursor); /* FileAlignment */
    abiscan_skip(&cursor, 16);  /* versions of system, image and subsystem */
    (void)abiscan_u32(&cursor); /* SizeOfImage */
    reader->headers_size = abiscan_u32(&cursor);
    (void)abiscan_u32(&cursor); /* CheckSum */
    (void)abiscan_u32(&cursor); /* Subsystem, DllCharacteristics */
    for (int i = 0; i < 4; i++) {
        (void)abiscan_word(&cursor); /* stack and heap sizes */
    }
    (void)abiscan_u32(&cursor); /* LoaderFlags */
    uint64_t count_at = cursor.offset;
    uint32_t count = abiscan_u32(&cursor);
    if (reader->section_alignment == 0
        || (reader->section_alignment & (reader->section_alignment - 1)) != 0) {
        return fail(reader, ABISCAN_MALFORMED,
                    "optional header: section alignment 0x%" PRIx32 " at offset 0x%" PRIx64
                    " is not a power of two",
                    reader->section_alignment, alignment_at);
    }
    if (count > DIRECTORY_COUNT) {
        count = DIRECTORY_COUNT; /* the loader knows no more */
    }
    if (count > (size - fixed) / 8) {
        return fail(reader, ABISCAN_MALFORMED,
                    "optional header: %" PRIu32 " data directories at offset 0x%" PRIx64
                    " do not fit its %u bytes",
                    count, count_at, size);
    }
    for (uint32_t i = 0; i < count; i++) {
        reader->directories[i].address = abiscan_u32(&cursor);
        reader->directories[i].size = abiscan_u32(&cursor);
        if (reader->directories[i].address == 0) {
            reader->directories[i].size = 0;
        }
    }
    return true;
}

/* "Section Table (Section Headers)" */
static bool read_sections(pe_reader *reader)
{
    abiscan_image *image = reader->image;
    uint64_t room = 0, mapped = 0, mask = (uint64_t)reader->section_alignment - 1;
    if (reader->sections_offset <= reader->file.size) {
        room = (reader->file.size - reader->sections_offset) / SECTION_HEADER_SIZE;
    }
    if (reader->section_count > room) {
        return fail(reader, ABISCAN_MALFORMED,
                    "section table: entry %" PRIu64 " at offset 0x%" PRIx64
                    " lies outside the file",
                    room, reader->sections_offset + room * SECTION_HEADER_SIZE);
    }
    image->segments = calloc((size_t)reader->section_count + 1, sizeof *image->segments);
    if (image->segments == NULL) {
        return out_of_memory(reader);
    }
    /* The headers are mapped as well, at address 0. */
    uint64_t end = reader->headers_size;
    if (end != 0) {
        abiscan_segment *headers = &image->segments[image->segment_count++];
        headers->memory_size = end;
        headers->file_size = end < reader->file.size ? end : reader->file.size;
        mapped = headers->file_size;
    }
    for (unsigned i = 0; i < reader->section_count; i++) {
        uint64_t at = reader->sections_offset + i * (uint64_t)SECTION_HEADER_SIZE;
        abiscan_cursor cursor = reader->file;
        abiscan_seek(&cursor, at + 8); /* behind Name */
        uint64_t virtual_size = abiscan_u32(&cursor);
        uint64_t address = abiscan_u32(&cursor);
        uint64_t raw_size = abiscan_u32(&cursor);
        uint64_t raw_offset = abiscan_u32(&cursor);
        abiscan_skip(&cursor, 12); /* relocations and line numbers of object files */
        uint32_t flags = abiscan_u32(&cursor);
        if (raw_offset == 0) {
            raw_size = 0; /* nothing in the file */
        }
        if (virtual_size == 0) {
            virtual_size = raw_size;
        }
        if (reader->section_alignment >= PAGE) {
            raw_offset -= raw_offset % SECTOR;
        }
        if (virtual_size == 0) {
            continue;
        }
        if (!abiscan_in_range(raw_offset, raw_size, reader->file.size)) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section %u at offset 0x%" PRIx64 ": its 0x%" PRIx64
                        " bytes at offset 0x%" PRIx64 " lie outside the file",
                        i, at, raw_size, raw_offset);
        }
        virtual_size = (virtual_size + mask) & ~mask;
        if (virtual_size > (UINT64_C(1) << 32) - address) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section %u at offset 0x%" PRIx64 ": its addresses wrap around", i, at);
        }
        if (address < end) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section %u at offset 0x%" PRIx64
                        ": it does not lie after what is mapped before it",
                        i, at);
        }
        end = address + virtual_size;
        abiscan_segment *segment = &image->segments[image->segment_count++];
        segment->address = address;
        segment->memory_size = virtual_size;
        segment->file_offset = raw_offset;
        segment->file_size = raw_size < virtual_size ? raw_size : virtual_size;
        segment->is_writable = (flags & SECTION_WRITE) != 0;
        segment->is_executable = (flags & SECTION_EXECUTE) != 0;
        /* Otherwise a small file could make every search over the sections long. */
        mapped += segment->file_size;
        if (mapped > 2 * (uint64_t)reader->file.size) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section %u at offset 0x%" PRIx64
                        ": the sections map more than twice the file",
                        i, at);
        }
    }
    return true;
}

/* ---- imports ---------------------------------------------------------- */

static char lower(char character)
{
    return character >= 'A' && character <= 'Z' ? (char)(character - 'A' + 'a') : character;
}

/* Whether the name continues with a text at `at`, whatever its case. */
static bool has_text_at(abiscan_name name, size_t at, const char *text)
{
    for (; *text != 0; text++, at++) {
        if (at >= name.size || lower(name.data[at]) != *text) {
            return false;
        }
    }
    return true;
}

/* python3.dll, python3t.dll, python314.dll, python314t_d.dll; libpython3.14.dll
 * (MinGW), msys-python3.14.dll, libpypy3.11-c.dll.  Not pythoncom314.dll. */
static bool is_python_library(abiscan_name name)
{
    size_t at = has_text_at(name, 0, "lib")     ? 3
                : has_text_at(name, 0, "cyg")   ? 3
                : has_text_at(name, 0, "msys-") ? 5
                                                : 0;
    if (has_text_at(name, at, "pypy")) {
        return true;
    }
    if (has_text_at(name, at, "python-native")) {
        return true; /* GraalPy */
    }
    if (!has_text_at(name, at, "python")) {
        return false;
    }
    at += 6;
    size_t start = at;
    while (at < name.size && ((name.data[at] >= '0' && name.data[at] <= '9')
                              || name.data[at] == '.')
           && !has_text_at(name, at, ".dll")) {
        at++;
    }
    if (at == start) {
        return false;
    }
    while (at < name.size && (lower(name.data[at]) == 't' || lower(name.data[at]) == 'd'
                              || lower(name.data[at]) == 'm' || name.data[at] == '_')) {
        at++; /* free-threaded, debug */
    }
    return at == name.size || (has_text_at(name, at, ".dll") && at + 4 == name.size);
}

static bool is_interesting(abiscan_name name, bool is_python)
{
    return (is_python
            && (abiscan_name_starts(name, "Py") || abiscan_name_starts(name, "_Py")))
           || abiscan_name_is(name, "__cxa_guard_acquire");
}

/* A library's entry in the import or delay import directory. */
typedef struct pe_library {
    const char *what; /* the directory */
    size_t number;    /* in it */
    abiscan_name name;
    bool is_python;
    uint64_t lookup;  /* address of the table that names the imports */
    uint64_t table;   /* address of the table that the loader fills */
    uint64_t shift;   /* the directory's addresses are larger by this */
} pe_library;

/* "Import Lookup Table", up to an empty entry. */
static bool read_thunks(pe_reader *reader, const pe_library *library)
{
    abiscan_image *image = reader->image;
    unsigned width = word_size(reader);
    uint64_t by_ordinal = UINT64_C(1) << (8 * width - 1);
    for (uint64_t i = 0;; i++) {
        uint64_t at = library->lookup + i * width, thunk = 0;
        if (!abiscan_image_number(image, at, width, &thunk)) {
            return fail(reader, ABISCAN_MALFORMED,
                        "%s: library %zu: import %" PRIu64 " at address 0x%" PRIx64
                        " is in no section",
                        library->what, library->number, i, at);
        }
        if (thunk == 0) {
            return true;
        }
        /* Each import has a word of its own, which bounds them. */
        if (++reader->thunk_count > reader->file.size / width) {
            return fail(reader, ABISCAN_MALFORMED,
                        "%s: library %zu: import %" PRIu64 " at address 0x%" PRIx64
                        ": there are more imports than the file has words",
                        library->what, library->number, i, at);
        }
        uint64_t target = ABISCAN_FOREIGN_IMPORT;
        if ((thunk & by_ordinal) != 0) {
            image->has_nameless_imports = image->has_nameless_imports || library->is_python;
        } else {
            uint64_t address = thunk - library->shift + 2; /* behind the hint */
            const unsigned char *start = abiscan_image_bytes(image, address, 1);
            abiscan_name name = {NULL, 0};
            if (start != NULL && *start != 'P' && *start != '_') {
                name.data = ""; /* most names are not Python's */
            } else if (start != NULL) {
                name = abiscan_image_string(image, address);
            }
            if (name.data == NULL) {
                return fail(reader, ABISCAN_MALFORMED,
                            "%s: library %zu: import %" PRIu64 " at address 0x%" PRIx64
                            ": no name at address 0x%" PRIx64,
                            library->what, library->number, i, at, address);
            }
            if (!count_text(reader, library->what, address, name)) {
                return false;
            }
            if (is_interesting(name, library->is_python)) {
                target = reader->counts.imports;
                if (reader->is_filling) {
                    abiscan_symbol *symbol = &image->imports[target];
                    symbol->name = name;
                    symbol->library = library->name;
                    symbol->number = target;
                }
                reader->counts.imports++;
            }
        }
        if (reader->is_filling) {
            abiscan_cell *cell = &image->cells[image->cell_count++];
            cell->address = library->table + i * width;
            cell->target = target;
            cell->is_import = true;
        }
        reader->counts.cells++;
    }
}

/* "Import Directory Table" and "The Delay-Load Directory Table", each up to an entry
 * without a name. */
static bool read_libraries(pe_reader *reader, bool is_delayed)
{
    abiscan_image *image = reader->image;
    const pe_directory *directory
        = &reader->directories[is_delayed ? DELAY_DIRECTORY : IMPORT_DIRECTORY];
    uint64_t entry_size = is_delayed ? DELAY_ENTRY_SIZE : IMPORT_ENTRY_SIZE;
    pe_library library = {.what = is_delayed ? "delay import directory" : "import directory"};
    if (directory->size == 0) {
        return true;
    }
    for (;; library.number++) {
        uint64_t at = directory->address + library.number * entry_size, offset = 0;
        if (!file_offset_of(reader, at, entry_size, &offset)) {
            return fail(reader, ABISCAN_MALFORMED,
                        "%s: entry %zu at address 0x%" PRIx64 " is in no section", library.what,
                        library.number, at);
        }
        abiscan_cursor cursor = reader->file;
        abiscan_seek(&cursor, offset);
        uint64_t name = 0;
        library.shift = 0;
        if (is_delayed) {
            uint32_t attributes = abiscan_u32(&cursor);
            name = abiscan_u32(&cursor);
            (void)abiscan_u32(&cursor); /* where the module's handle is stored */
            library.table = abiscan_u32(&cursor);
            library.lookup = abiscan_u32(&cursor);
            if (name != 0 && (attributes & 1u) == 0) {
                library.shift = reader->base; /* full addresses: Visual C++ 6 */
                name -= library.shift;
                library.table -= library.shift;
                library.lookup -= library.shift;
            }
        } else {
            library.lookup = abiscan_u32(&cursor);
            (void)abiscan_u32(&cursor); /* time stamp */
            (void)abiscan_u32(&cursor); /* forwarder chain */
            name = abiscan_u32(&cursor);
            library.table = abiscan_u32(&cursor);
            if (library.lookup == 0) {
                library.lookup = library.table; /* where linkers make one table of the two */
            }
        }
        if (name == 0 || library.table == 0) {
            return true;
        }
        library.name = abiscan_image_string(image, name);
        if (library.name.data == NULL) {
            return fail(reader, ABISCAN_MALFORMED,
                        "%s: entry %zu at offset 0x%" PRIx64 ": no name at address 0x%" PRIx64,
                        library.what, library.number, offset, name);
        }
        if (!count_text(reader, library.what, name, library.name)) {
            return false;
        }
        library.is_python = is_python_library(library.name);
        if (reader->is_filling) {
            reader->result->needed[reader->result->needed_count++] = library.name;
        }
        reader->counts.libraries++;
        if (!read_thunks(reader, &library)) {
            return false;
        }
    }
}

/* ---- exports ---------------------------------------------------------- */

static bool is_interesting_export(abiscan_name name)
{
    return abiscan_name_starts(name, "Py") || abiscan_name_starts(name, "_Py")
           || abiscan_name_starts(name, "_cffi_");
}

/* "Export Directory Table", and the tables that it names. */
static bool read_exports(pe_reader *reader)
{
    abiscan_image *image = reader->image;
    pe_directory directory = reader->directories[EXPORT_DIRECTORY];
    uint64_t offset = 0, functions = 0, names = 0, ordinals = 0;
    if (directory.size == 0) {
        return true;
    }
    if (!file_offset_of(reader, directory.address, EXPORT_DIRECTORY_SIZE, &offset)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "export directory at address 0x%" PRIx32 " is in no section",
                    directory.address);
    }
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, offset + 12); /* behind flags, time stamp and version */
    uint64_t own_name = abiscan_u32(&cursor);
    (void)abiscan_u32(&cursor); /* Ordinal Base */
    uint64_t function_count = abiscan_u32(&cursor);
    uint64_t name_count = abiscan_u32(&cursor);
    uint64_t functions_at = abiscan_u32(&cursor);
    uint64_t names_at = abiscan_u32(&cursor);
    uint64_t ordinals_at = abiscan_u32(&cursor);
    reader->result->soname = abiscan_image_string(image, own_name);
    if (name_count == 0) {
        return true;
    }
    if (!file_offset_of(reader, functions_at, function_count * 4, &functions)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "export directory at offset 0x%" PRIx64 ": address table at address 0x%" PRIx64
                    " (%" PRIu64 " entries) is in no section",
                    offset, functions_at, function_count);
    }
    if (!file_offset_of(reader, names_at, name_count * 4, &names)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "export directory at offset 0x%" PRIx64 ": name table at address 0x%" PRIx64
                    " (%" PRIu64 " entries) is in no section",
                    offset, names_at, name_count);
    }
    if (!file_offset_of(reader, ordinals_at, name_count * 2, &ordinals)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "export directory at offset 0x%" PRIx64 ": ordinal table at address 0x%" PRIx64
                    " (%" PRIu64 " entries) is in no section",
                    offset, ordinals_at, name_count);
    }
    for (int is_filling = 0; is_filling < 2; is_filling++) {
        size_t count = 0;
        reader->text_size = 0;
        for (uint64_t i = 0; i < name_count; i++) {
            abiscan_seek(&cursor, names + 4 * i);
            uint64_t address = abiscan_u32(&cursor);
            const unsigned char *start = abiscan_image_bytes(image, address, 1);
            if (start != NULL && *start != 'P' && *start != '_') {
                continue;
            }
            abiscan_name name = abiscan_image_string(image, address);
            if (name.data == NULL) {
                return fail(reader, ABISCAN_MALFORMED,
                            "export directory: name %" PRIu64 " at offset 0x%" PRIx64
                            ": no text at address 0x%" PRIx64,
                            i, names + 4 * i, address);
            }
            if (!count_text(reader, "export directory", address, name)) {
                return false;
            }
            if (!is_interesting_export(name)) {
                continue;
            }
            abiscan_seek(&cursor, ordinals + 2 * i);
            uint64_t number = abiscan_u16(&cursor);
            if (number >= function_count) {
                return fail(reader, ABISCAN_MALFORMED,
                            "export directory: ordinal %" PRIu64 " at offset 0x%" PRIx64
                            " names function %" PRIu64 " of %" PRIu64,
                            i, ordinals + 2 * i, number, function_count);
            }
            if (is_filling) {
                abiscan_symbol *symbol = &image->exports[count];
                abiscan_seek(&cursor, functions + 4 * number);
                symbol->name = name;
                symbol->number = number;
                symbol->address = abiscan_u32(&cursor);
                /* An address in the directory itself is that of "library.name". */
                symbol->is_forwarded = symbol->address - directory.address < directory.size;
            }
            count++;
        }
        if (is_filling) {
            image->export_count = count;
            break;
        }
        image->exports = calloc(count + 1, sizeof *image->exports);
        if (image->exports == NULL) {
            return out_of_memory(reader);
        }
    }
    return true;
}

/* ---- base relocations ------------------------------------------------- */

static void take_relocation(pe_reader *reader, unsigned type, uint64_t address)
{
    abiscan_image *image = reader->image;
    unsigned width = word_size(reader);
    uint64_t value = 0;
    if (type == BASED_HIGHLOW && reader->file.is_64) {
        reader->has_short_pointers = true;
    }
    if (type != (reader->file.is_64 ? BASED_DIR64 : BASED_HIGHLOW)) {
        return;
    }
    if (!reader->is_filling) {
        reader->relocation_count++;
        return;
    }
    if (!abiscan_image_number(image, address, width, &value)) {
        return; /* nothing of ours can be there */
    }
    abiscan_cell *cell = &image->cells[image->cell_count++];
    cell->address = address;
    cell->is_import = false;
    cell->target = (value - reader->base) & (reader->file.is_64 ? UINT64_MAX : UINT32_MAX);
}

/* "The .reloc Section": one block for each page. */
static bool read_relocations(pe_reader *reader)
{
    pe_directory directory = reader->directories[RELOCATION_DIRECTORY];
    uint64_t start = 0;
    if (!file_offset_of(reader, directory.address, directory.size, &start)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "base relocations at address 0x%" PRIx32 " (0x%" PRIx32
                    " bytes) are in no section",
                    directory.address, directory.size);
    }
    uint64_t end = start + directory.size;
    for (uint64_t at = start; end - at >= RELOCATION_BLOCK_SIZE;) {
        abiscan_cursor cursor = reader->file;
        abiscan_seek(&cursor, at);
        uint64_t page = abiscan_u32(&cursor);
        uint64_t size = abiscan_u32(&cursor);
        if (page == 0 && size == 0) {
            return true; /* padding */
        }
        if (size < RELOCATION_BLOCK_SIZE || size > end - at) {
            return fail(reader, ABISCAN_MALFORMED,
                        "base relocations: the block at offset 0x%" PRIx64 " has %" PRIu64
                        " bytes of %" PRIu64,
                        at, size, end - at);
        }
        uint64_t count = (size - RELOCATION_BLOCK_SIZE) / 2;
        for (uint64_t i = 0; i < count; i++) {
            unsigned entry = abiscan_u16(&cursor);
            if (entry >> 12 == BASED_HIGHADJ) {
                (void)abiscan_u16(&cursor);
                i++;
            }
            if (entry >> 12 != BASED_ABSOLUTE) {
                take_relocation(reader, entry >> 12, page + (entry & 0xfffu));
            }
        }
        at += size;
    }
    return true;
}

/* ---- all of it -------------------------------------------------------- */

/* Libraries and relocations are read twice: counted, then stored. */
static bool read_tables(pe_reader *reader)
{
    abiscan_image *image = reader->image;
    /* Without relocations a pointer looks like any number, and code may name data
     * by absolute addresses. */
    image->cells_known = reader->directories[RELOCATION_DIRECTORY].size != 0
                         && (reader->characteristics & FILE_RELOCS_STRIPPED) == 0;
    for (int is_filling = 0; is_filling < 2; is_filling++) {
        static const pe_counts none = {0, 0, 0};
        reader->is_filling = is_filling != 0;
        reader->counts = none;
        reader->thunk_count = 0;
        reader->text_size = 0;
        /* Imports first: where both fill a cell (delayed imports), they count. */
        if (!read_libraries(reader, false) || !read_libraries(reader, true)
            || (image->cells_known && !read_relocations(reader))) {
            return false;
        }
        if (!is_filling) {
            size_t cells = reader->counts.cells + reader->relocation_count;
            reader->result->needed
                = calloc(reader->counts.libraries + 1, sizeof *reader->result->needed);
            image->imports = calloc(reader->counts.imports + 1, sizeof *image->imports);
            image->cells = calloc(cells + 1, sizeof *image->cells);
            if (reader->result->needed == NULL || image->imports == NULL
                || image->cells == NULL) {
                return out_of_memory(reader);
            }
        }
    }
    image->import_count = reader->counts.imports;
    return read_exports(reader);
}

/* What code.c may rely on. */
static void judge_code(pe_reader *reader)
{
    abiscan_image *image = reader->image;
    const pe_machine *machine = reader->machine;
    pe_directory functions = reader->directories[EXCEPTION_DIRECTORY];
    pe_directory config = reader->directories[LOAD_CONFIG_DIRECTORY];
    uint64_t size = 0, hybrid = 0;
    image->convention = ABISCAN_CONVENTION_WINDOWS;
    if (machine == NULL || !reader->file.is_64) {
        return;
    }
    /* ARM64EC files say x86-64 in their header, ARM64X files AArch64. */
    if (config.size != 0 && machine->hybrid_name != NULL
        && abiscan_image_number(image, config.address, 4, &size)
        && size >= HYBRID_METADATA_OFFSET + 8
        && abiscan_image_number(image, (uint64_t)config.address + HYBRID_METADATA_OFFSET, 8,
                                &hybrid)
        && hybrid != 0) {
        (void)snprintf(reader->result->machine, sizeof reader->result->machine, "%s",
                       machine->hybrid_name);
        return;
    }
    if (image->cells_known && !reader->has_short_pointers) {
        image->code = machine->code;
    }
    if (image->code == ABISCAN_CODE_X86_64
        && abiscan_image_bytes(image, functions.address, functions.size) != NULL) {
        image->unwind_address = functions.address;
        image->unwind_count = functions.size / FUNCTION_ENTRY_SIZE;
    }
}

static bool read_all(pe_reader *reader)
{
    uint64_t coff = 0;
    unsigned optional_size = 0;
    if (!read_signature(reader, &coff) || !read_coff_header(reader, coff, &optional_size)) {
        return false;
    }
    uint64_t optional = coff + COFF_HEADER_SIZE;
    reader->sections_offset = optional + optional_size;
    if (!read_optional_header(reader, optional, optional_size) || !read_sections(reader)
        || !read_tables(reader)) {
        return false;
    }
    judge_code(reader);
    return abiscan_image_sort(reader->image) || out_of_memory(reader);
}

abiscan_status abiscan_read_pe(const void *data, size_t size, abiscan_result *result,
                               abiscan_image *image)
{
    pe_reader reader = {
        .file = abiscan_cursor_at(data, size, false, true),
        .result = result,
        .image = image,
    };
    result->format = ABISCAN_FORMAT_PE;
    if (!read_all(&reader)) {
        return result->status;
    }
    result->status = ABISCAN_OK;
    return ABISCAN_OK;
}
