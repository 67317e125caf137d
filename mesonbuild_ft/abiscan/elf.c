/* SPDX-License-Identifier: MIT */
/* Read as the loader does: program headers and the dynamic section decide;
 * section headers only help to count symbols.  Structures and numbers are those
 * of the System V gABI, "Object Files" and "Program Loading". */
#include "elf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EI_CLASS = 4,
    EI_DATA = 5,
    EI_VERSION = 6,
    IDENT_SIZE = 16,
    HEADER_SIZE = 64, /* of 64 bit, the larger one */

    ET_REL = 1,
    ET_EXEC = 2,
    ET_DYN = 3,
    ET_CORE = 4,

    PT_LOAD = 1,
    PT_DYNAMIC = 2,
    PF_X = 1,
    PF_W = 2,
    PN_XNUM = 0xffff, /* the true count is in section 0, sh_info */

    SHT_SYMTAB = 2,
    SHT_STRTAB = 3,
    SHT_NOBITS = 8,
    SHT_DYNSYM = 11,

    SHN_UNDEF = 0,
    STB_GLOBAL = 1,
    STB_WEAK = 2,
    STV_DEFAULT = 0,
    STV_PROTECTED = 3
};

#define PT_GNU_EH_FRAME UINT32_C(0x6474e550)
#define PT_GNU_RELRO UINT32_C(0x6474e552)

/* d_tag values, gABI "Dynamic Section". */
#define DT_NULL UINT64_C(0)
#define DT_NEEDED UINT64_C(1)
#define DT_PLTRELSZ UINT64_C(2)
#define DT_HASH UINT64_C(4)
#define DT_STRTAB UINT64_C(5)
#define DT_SYMTAB UINT64_C(6)
#define DT_RELA UINT64_C(7)
#define DT_RELASZ UINT64_C(8)
#define DT_STRSZ UINT64_C(10)
#define DT_SONAME UINT64_C(14)
#define DT_REL UINT64_C(17)
#define DT_RELSZ UINT64_C(18)
#define DT_PLTREL UINT64_C(20)
#define DT_JMPREL UINT64_C(23)
#define DT_RELRSZ UINT64_C(35)
#define DT_RELR UINT64_C(36)
#define DT_GNU_HASH UINT64_C(0x6ffffef5)

/* Relocation types that fill a pointer-sized word; 0 where there is none. */
typedef struct elf_machine {
    uint16_t number; /* e_machine */
    const char *name_64;
    const char *name_32;
    abiscan_code code;
    uint32_t relative;
    uint32_t absolute_64;
    uint32_t absolute_32;
    uint32_t global_data;
    uint32_t jump_slot;
} elf_machine;

static const elf_machine machines[] = {
    {2, "sparc64", "sparc", ABISCAN_CODE_OTHER, 0, 0, 0, 0, 0},
    {3, "i386", "i386", ABISCAN_CODE_OTHER, 8, 0, 1, 6, 7},
    {4, "m68k", "m68k", ABISCAN_CODE_OTHER, 22, 0, 1, 20, 21},
    {8, "mips64", "mips", ABISCAN_CODE_OTHER, 0, 0, 0, 0, 0},
    {15, "parisc64", "parisc", ABISCAN_CODE_OTHER, 0, 0, 0, 0, 0},
    {20, "ppc", "ppc", ABISCAN_CODE_OTHER, 22, 0, 1, 20, 21},
    {21, "ppc64", "ppc64", ABISCAN_CODE_OTHER, 22, 38, 0, 20, 21},
    {22, "s390x", "s390", ABISCAN_CODE_OTHER, 12, 22, 4, 10, 11},
    {40, "arm", "arm", ABISCAN_CODE_OTHER, 23, 0, 2, 21, 22},
    {42, "sh", "sh", ABISCAN_CODE_OTHER, 165, 0, 1, 163, 164},
    {43, "sparc64", "sparc", ABISCAN_CODE_OTHER, 0, 0, 0, 0, 0},
    {50, "ia64", "ia64", ABISCAN_CODE_OTHER, 0, 0, 0, 0, 0},
    {62, "x86_64", "x86_64", ABISCAN_CODE_X86_64, 8, 1, 10, 6, 7},
    {183, "aarch64", "aarch64", ABISCAN_CODE_AARCH64, 1027, 257, 0, 1025, 1026},
    {243, "riscv64", "riscv32", ABISCAN_CODE_OTHER, 3, 2, 1, 0, 5},
    {258, "loongarch64", "loongarch32", ABISCAN_CODE_OTHER, 3, 2, 1, 0, 5},
    {0x9026, "alpha", "alpha", ABISCAN_CODE_OTHER, 0, 0, 0, 0, 0},
};

/* A table that the dynamic section points to, by address. */
typedef struct elf_table {
    uint64_t address;
    uint64_t size; /* in bytes */
    bool is_present;
} elf_table;

typedef struct elf_section {
    uint32_t type;
    uint32_t link;
    uint32_t info;
    uint64_t address;
    uint64_t offset;
    uint64_t size;
} elf_section;

typedef struct elf_program {
    uint64_t at; /* where the header itself lies */
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t address;
    uint64_t file_size;
    uint64_t memory_size;
} elf_program;

typedef struct elf_reader {
    abiscan_cursor file; /* as much of it as is given */
    uint64_t file_size;  /* of all of it */
    abiscan_result *result;
    abiscan_image *image;
    const elf_machine *machine; /* NULL: not in the table */
    unsigned type;              /* e_type */
    uint64_t program_offset;
    uint64_t program_count;
    uint64_t section_offset;
    uint64_t section_count;
    uint64_t dynamic_offset;
    uint64_t dynamic_size;
    bool has_dynamic;

    elf_table strings;
    uint64_t strings_offset; /* in the file */
    elf_table symbols;
    elf_table hash;
    elf_table gnu_hash;
    elf_table rela;
    elf_table rel;
    elf_table jump;
    elf_table relr;
    uint64_t jump_kind; /* DT_PLTREL: DT_REL or DT_RELA */
    uint64_t soname;
    bool has_soname;

    uint64_t symbols_offset; /* in the file */
    uint64_t symbol_count;
} elf_reader;

#define fail(reader, ...) abiscan_fail((reader)->result, __VA_ARGS__)

static bool out_of_memory(elf_reader *reader)
{
    return fail(reader, ABISCAN_NO_MEMORY, "out of memory");
}

/* Whether so much of the file is given; false with a status that asks for the rest. */
static bool is_given(elf_reader *reader, const char *what, uint64_t offset, uint64_t length)
{
    if (abiscan_in_range(offset, length, reader->file.size)) {
        return true;
    }
    return fail(reader, ABISCAN_INCOMPLETE,
                "%s: 0x%" PRIx64 " bytes at offset 0x%" PRIx64 " are not among the 0x%zx given",
                what, length, offset, reader->file.size);
}

static uint64_t pick(const elf_reader *reader, uint64_t if_64, uint64_t if_32)
{
    return reader->file.is_64 ? if_64 : if_32;
}

bool abiscan_is_elf(const void *data, size_t size)
{
    return size >= 4 && memcmp(data, "\177ELF", 4) == 0;
}

/* The file offset of an address range that the file backs. */
static bool file_offset_of(const elf_reader *reader, uint64_t address, uint64_t length,
                           uint64_t *offset)
{
    const abiscan_segment *segment = abiscan_segment_of(reader->image, address);
    if (segment == NULL) {
        return false;
    }
    uint64_t inside = address - segment->address;
    if (!abiscan_in_range(inside, length, segment->file_size)) {
        return false;
    }
    *offset = segment->file_offset + inside;
    return true;
}

static elf_section read_section(elf_reader *reader, uint64_t number)
{
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, reader->section_offset + number * pick(reader, 64, 40));
    elf_section section;
    (void)abiscan_u32(&cursor); /* sh_name */
    section.type = abiscan_u32(&cursor);
    (void)abiscan_word(&cursor); /* sh_flags */
    section.address = abiscan_word(&cursor);
    section.offset = abiscan_word(&cursor);
    section.size = abiscan_word(&cursor);
    section.link = abiscan_u32(&cursor);
    section.info = abiscan_u32(&cursor);
    return section;
}

static elf_program read_program(elf_reader *reader, uint64_t number)
{
    elf_program program = {.at = reader->program_offset + number * pick(reader, 56, 32)};
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, program.at);
    program.type = abiscan_u32(&cursor);
    program.flags = reader->file.is_64 ? abiscan_u32(&cursor) : 0;
    program.offset = abiscan_word(&cursor);
    program.address = abiscan_word(&cursor);
    (void)abiscan_word(&cursor); /* p_paddr */
    program.file_size = abiscan_word(&cursor);
    program.memory_size = abiscan_word(&cursor);
    if (!reader->file.is_64) {
        program.flags = abiscan_u32(&cursor);
    }
    return program;
}

static bool read_header(elf_reader *reader)
{
    if (reader->file.size < reader->file_size
        && !is_given(reader, "ELF header", 0, HEADER_SIZE)) {
        return false;
    }
    const unsigned char *ident = abiscan_bytes(&reader->file, 0, IDENT_SIZE);
    if (ident == NULL) {
        return fail(reader, ABISCAN_MALFORMED,
                    "ELF header: the file ends at offset 0x%zx, inside e_ident",
                    reader->file.size);
    }
    if (ident[EI_CLASS] != 1 && ident[EI_CLASS] != 2) {
        return fail(reader, ABISCAN_MALFORMED,
                    "ELF header: class %u at offset 0x4 is neither 32-bit nor 64-bit",
                    ident[EI_CLASS]);
    }
    if (ident[EI_DATA] != 1 && ident[EI_DATA] != 2) {
        return fail(reader, ABISCAN_MALFORMED,
                    "ELF header: byte order %u at offset 0x5 is neither little nor big",
                    ident[EI_DATA]);
    }
    if (ident[EI_VERSION] != 1) {
        return fail(reader, ABISCAN_UNSUPPORTED_FORMAT,
                    "ELF header: version %u at offset 0x6 is not 1", ident[EI_VERSION]);
    }
    reader->file.is_64 = ident[EI_CLASS] == 2;
    reader->file.big_endian = ident[EI_DATA] == 2;
    reader->image->file = reader->file;
    reader->result->bits = reader->file.is_64 ? 64 : 32;
    reader->result->byte_order
        = reader->file.big_endian ? ABISCAN_BIG_ENDIAN : ABISCAN_LITTLE_ENDIAN;

    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, IDENT_SIZE);
    reader->type = abiscan_u16(&cursor);
    unsigned machine = abiscan_u16(&cursor);
    (void)abiscan_u32(&cursor);  /* e_version */
    (void)abiscan_word(&cursor); /* e_entry */
    reader->program_offset = abiscan_word(&cursor);
    reader->section_offset = abiscan_word(&cursor);
    (void)abiscan_u32(&cursor); /* e_flags */
    (void)abiscan_u16(&cursor); /* e_ehsize */
    unsigned program_size = abiscan_u16(&cursor);
    reader->program_count = abiscan_u16(&cursor);
    unsigned section_size = abiscan_u16(&cursor);
    reader->section_count = abiscan_u16(&cursor);
    (void)abiscan_u16(&cursor); /* e_shstrndx */
    if (cursor.failed) {
        return fail(reader, ABISCAN_MALFORMED, "ELF header: the file ends at offset 0x%zx",
                    reader->file.size);
    }

    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        if (machines[i].number == machine) {
            reader->machine = &machines[i];
        }
    }
    if (reader->machine != NULL) {
        (void)snprintf(reader->result->machine, sizeof reader->result->machine, "%s",
                       reader->file.is_64 ? reader->machine->name_64 : reader->machine->name_32);
        /* Only position-independent code is understood. */
        if (reader->type == ET_DYN && reader->file.is_64 && !reader->file.big_endian) {
            reader->image->code = reader->machine->code;
        }
    } else {
        (void)snprintf(reader->result->machine, sizeof reader->result->machine, "unknown-%u",
                       machine);
    }
    switch (reader->type) {
    case ET_REL:
        reader->result->file_type = ABISCAN_FILE_RELOCATABLE;
        break;
    case ET_EXEC:
        reader->result->file_type = ABISCAN_FILE_EXECUTABLE;
        break;
    case ET_DYN:
        reader->result->file_type = ABISCAN_FILE_SHARED_OBJECT;
        break;
    case ET_CORE:
        reader->result->file_type = ABISCAN_FILE_CORE;
        break;
    default:
        reader->result->file_type = ABISCAN_FILE_OTHER;
        break;
    }

    if (reader->section_offset != 0) {
        if (section_size != pick(reader, 64, 40)) {
            return fail(reader, ABISCAN_MALFORMED,
                        "ELF header: section header size %u at offset 0x%x is not %u", section_size,
                        (unsigned)pick(reader, 0x3a, 0x2e), (unsigned)pick(reader, 64, 40));
        }
        /* One entry first: section 0 holds the counts that do not fit the header. */
        if (!abiscan_in_range(reader->section_offset, section_size, reader->file_size)) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section header table: entry 0 at offset 0x%" PRIx64
                        " lies outside the file",
                        reader->section_offset);
        }
        if (reader->section_count == 0 || reader->program_count == PN_XNUM) {
            if (!is_given(reader, "section header table", reader->section_offset, section_size)) {
                return false;
            }
            elf_section first = read_section(reader, 0);
            if (reader->section_count == 0) {
                reader->section_count = first.size;
            }
            if (reader->program_count == PN_XNUM) {
                reader->program_count = first.info;
            }
        }
        uint64_t room = (reader->file_size - reader->section_offset) / section_size;
        if (reader->section_count > room) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section header table: entry %" PRIu64 " at offset 0x%" PRIx64
                        " lies outside the file",
                        room, reader->section_offset + room * section_size);
        }
    } else {
        reader->section_count = 0;
    }
    if (reader->program_count != 0) {
        if (program_size != pick(reader, 56, 32)) {
            return fail(reader, ABISCAN_MALFORMED,
                        "ELF header: program header size %u at offset 0x%x is not %u", program_size,
                        (unsigned)pick(reader, 0x36, 0x2a), (unsigned)pick(reader, 56, 32));
        }
        uint64_t room = 0;
        if (reader->program_offset <= reader->file_size) {
            room = (reader->file_size - reader->program_offset) / program_size;
        }
        if (reader->program_count > room) {
            /* The offset may lie beyond the file, but room is then 0. */
            return fail(reader, ABISCAN_MALFORMED,
                        "program header table: entry %" PRIu64 " at offset 0x%" PRIx64
                        " lies outside the file",
                        room, reader->program_offset + room * program_size);
        }
        return is_given(reader, "program header table", reader->program_offset,
                        reader->program_count * program_size);
    }
    return true;
}

static bool read_segments(elf_reader *reader)
{
    abiscan_image *image = reader->image;
    uint64_t limit = reader->file.is_64 ? UINT64_MAX : UINT32_MAX;
    uint64_t mapped = 0;
    if (reader->program_count == 0) {
        return true;
    }
    image->segments = calloc((size_t)reader->program_count, sizeof *image->segments);
    if (image->segments == NULL) {
        return out_of_memory(reader);
    }
    for (uint64_t i = 0; i < reader->program_count; i++) {
        elf_program program = read_program(reader, i);
        if (program.type != PT_LOAD && program.type != PT_DYNAMIC
            && program.type != PT_GNU_EH_FRAME && program.type != PT_GNU_RELRO) {
            continue;
        }
        if (program.type == PT_LOAD || program.type == PT_DYNAMIC) {
            if (!abiscan_in_range(program.offset, program.file_size, reader->file_size)) {
                return fail(reader, ABISCAN_MALFORMED,
                            "program header %" PRIu64 " at offset 0x%" PRIx64 ": its 0x%" PRIx64
                            " bytes at offset 0x%" PRIx64 " lie outside the file",
                            i, program.at, program.file_size, program.offset);
            }
            if (!is_given(reader, "segment", program.offset, program.file_size)) {
                return false;
            }
        }
        if (program.memory_size > limit - program.address) {
            return fail(reader, ABISCAN_MALFORMED,
                        "program header %" PRIu64 " at offset 0x%" PRIx64
                        ": its addresses wrap around",
                        i, program.at);
        }
        if (program.type == PT_GNU_RELRO) {
            image->relro_address = program.address;
            image->relro_size = program.memory_size;
        } else if (program.type == PT_GNU_EH_FRAME) {
            image->unwind_address = program.address;
        } else if (program.type == PT_DYNAMIC) {
            reader->has_dynamic = true;
            reader->dynamic_offset = program.offset;
            reader->dynamic_size = program.file_size;
        } else {
            if (program.file_size > program.memory_size) {
                return fail(reader, ABISCAN_MALFORMED,
                            "program header %" PRIu64 " at offset 0x%" PRIx64
                            ": size in the file exceeds size in memory",
                            i, program.at);
            }
            if (program.memory_size == 0) {
                continue;
            }
            /* Segments share a page at most; otherwise a small file could make
             * every search over them long. */
            mapped += program.file_size;
            if (mapped > 2 * (uint64_t)reader->file.size) {
                if (!is_given(reader, "file", 0, reader->file_size)) {
                    return false;
                }
                return fail(reader, ABISCAN_MALFORMED,
                            "program header %" PRIu64 " at offset 0x%" PRIx64
                            ": the segments map more than twice the file",
                            i, program.at);
            }
            if (image->segment_count != 0) {
                const abiscan_segment *before = &image->segments[image->segment_count - 1];
                if (program.address < before->address
                    || program.address - before->address < before->memory_size) {
                    return fail(reader, ABISCAN_MALFORMED,
                                "program header %" PRIu64 " at offset 0x%" PRIx64
                                ": it does not lie after the segment before it",
                                i, program.at);
                }
            }
            abiscan_segment *segment = &image->segments[image->segment_count++];
            segment->address = program.address;
            segment->memory_size = program.memory_size;
            segment->file_offset = program.offset;
            segment->file_size = program.file_size;
            segment->is_writable = (program.flags & PF_W) != 0;
            segment->is_executable = (program.flags & PF_X) != 0;
        }
    }
    return true;
}

/* Where the strings are, and that the last one ends. */
static bool check_strings(elf_reader *reader, uint64_t offset, uint64_t size)
{
    reader->strings_offset = offset;
    reader->strings.size = size;
    if (size == 0) {
        return true;
    }
    const unsigned char *bytes = abiscan_bytes(&reader->file, offset, size);
    if (bytes == NULL) {
        return fail(reader, ABISCAN_MALFORMED,
                    "string table: 0x%" PRIx64 " bytes at offset 0x%" PRIx64
                    " lie outside the file",
                    size, offset);
    }
    if (bytes[size - 1] != 0) {
        return fail(reader, ABISCAN_MALFORMED,
                    "string table: its last byte at offset 0x%" PRIx64 " is not a terminator",
                    offset + size - 1);
    }
    return true;
}

/* A string by its offset in the table; false with a message when it is not there.
 * A string longer than ABISCAN_NAME_LIMIT has only that many bytes. */
static bool read_string(elf_reader *reader, const char *what, uint64_t offset, abiscan_name *name)
{
    if (offset >= reader->strings.size) {
        return fail(reader, ABISCAN_MALFORMED,
                    "%s: name 0x%" PRIx64 " lies outside the string table of 0x%" PRIx64 " bytes",
                    what, offset, reader->strings.size);
    }
    uint64_t room = reader->strings.size - offset;
    if (room > ABISCAN_NAME_LIMIT) {
        room = ABISCAN_NAME_LIMIT;
    }
    const unsigned char *bytes
        = abiscan_bytes(&reader->file, reader->strings_offset + offset, room);
    if (bytes == NULL) { /* the table was checked */
        return fail(reader, ABISCAN_MALFORMED, "%s: name outside the file", what);
    }
    const unsigned char *end = memchr(bytes, 0, (size_t)room);
    name->data = (const char *)bytes;
    name->size = end == NULL ? (size_t)room : (size_t)(end - bytes);
    return true;
}

static bool read_dynamic(elf_reader *reader)
{
    uint64_t entry_size = pick(reader, 16, 8);
    uint64_t count = reader->dynamic_size / entry_size;
    uint64_t needed_count = 0;
    bool has_end = false;
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, reader->dynamic_offset);
    for (uint64_t i = 0; i < count && !has_end; i++) {
        uint64_t tag = abiscan_word(&cursor);
        uint64_t value = abiscan_word(&cursor);
        switch (tag) {
        case DT_NULL:
            has_end = true;
            break;
        case DT_NEEDED:
            needed_count++;
            break;
        case DT_SONAME:
            reader->soname = value;
            reader->has_soname = true;
            break;
        case DT_STRTAB:
            reader->strings.address = value;
            reader->strings.is_present = true;
            break;
        case DT_STRSZ:
            reader->strings.size = value;
            break;
        case DT_SYMTAB:
            reader->symbols.address = value;
            reader->symbols.is_present = true;
            break;
        case DT_HASH:
            reader->hash.address = value;
            reader->hash.is_present = true;
            break;
        case DT_GNU_HASH:
            reader->gnu_hash.address = value;
            reader->gnu_hash.is_present = true;
            break;
        case DT_RELA:
            reader->rela.address = value;
            reader->rela.is_present = true;
            break;
        case DT_RELASZ:
            reader->rela.size = value;
            break;
        case DT_REL:
            reader->rel.address = value;
            reader->rel.is_present = true;
            break;
        case DT_RELSZ:
            reader->rel.size = value;
            break;
        case DT_JMPREL:
            reader->jump.address = value;
            reader->jump.is_present = true;
            break;
        case DT_PLTRELSZ:
            reader->jump.size = value;
            break;
        case DT_PLTREL:
            reader->jump_kind = value;
            break;
        case DT_RELR:
            reader->relr.address = value;
            reader->relr.is_present = true;
            break;
        case DT_RELRSZ:
            reader->relr.size = value;
            break;
        default:
            break;
        }
    }
    if (!has_end) {
        return fail(reader, ABISCAN_MALFORMED,
                    "dynamic section: no DT_NULL entry before its end at offset 0x%" PRIx64,
                    reader->dynamic_offset + reader->dynamic_size);
    }
    if (!reader->strings.is_present) {
        if (needed_count != 0 || reader->symbols.is_present) {
            return fail(reader, ABISCAN_MALFORMED,
                        "dynamic section at offset 0x%" PRIx64 ": no string table (DT_STRTAB)",
                        reader->dynamic_offset);
        }
        return true;
    }
    uint64_t offset = 0;
    if (!file_offset_of(reader, reader->strings.address, reader->strings.size, &offset)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "dynamic section at offset 0x%" PRIx64 ": string table at address 0x%" PRIx64
                    " (0x%" PRIx64 " bytes) is in no segment",
                    reader->dynamic_offset, reader->strings.address, reader->strings.size);
    }
    if (!check_strings(reader, offset, reader->strings.size)) {
        return false;
    }
    char what[80];
    (void)snprintf(what, sizeof what, "dynamic section at offset 0x%" PRIx64 ": DT_NEEDED",
                   reader->dynamic_offset);
    if (needed_count != 0) {
        reader->result->needed = calloc((size_t)needed_count, sizeof *reader->result->needed);
        if (reader->result->needed == NULL) {
            return out_of_memory(reader);
        }
        abiscan_seek(&cursor, reader->dynamic_offset);
        while (reader->result->needed_count < needed_count) {
            uint64_t tag = abiscan_word(&cursor);
            uint64_t value = abiscan_word(&cursor);
            if (tag == DT_NEEDED
                && !read_string(reader, what, value,
                                &reader->result->needed[reader->result->needed_count++])) {
                return false;
            }
        }
    }
    if (reader->has_soname) {
        (void)snprintf(what, sizeof what, "dynamic section at offset 0x%" PRIx64 ": DT_SONAME",
                       reader->dynamic_offset);
        return read_string(reader, what, reader->soname, &reader->result->soname);
    }
    return true;
}

/* Number of symbols by DT_GNU_HASH: one past the end of the last chain.  Without a
 * chain nothing is defined, and what is undefined need not be counted. */
static uint64_t count_by_gnu_hash(elf_reader *reader, bool *has_chain)
{
    uint64_t offset = 0;
    if (!file_offset_of(reader, reader->gnu_hash.address, 16, &offset)) {
        return 0;
    }
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, offset);
    uint64_t bucket_count = abiscan_u32(&cursor);
    uint64_t first = abiscan_u32(&cursor);
    uint64_t bloom_count = abiscan_u32(&cursor);
    (void)abiscan_u32(&cursor); /* shift */
    abiscan_skip(&cursor, bloom_count * pick(reader, 8, 4));
    uint64_t last = 0;
    for (uint64_t i = 0; i < bucket_count && !cursor.failed; i++) {
        uint64_t bucket = abiscan_u32(&cursor);
        if (bucket > last) {
            last = bucket;
        }
    }
    if (cursor.failed || last < first) {
        return cursor.failed ? 0 : first;
    }
    abiscan_skip(&cursor, (last - first) * 4);
    for (;;) {
        uint32_t hash = abiscan_u32(&cursor);
        if (cursor.failed) {
            return 0;
        }
        last++;
        if ((hash & 1) != 0) {
            *has_chain = true;
            return last;
        }
    }
}

/* The highest symbol that a relocation table names, plus one. */
static uint64_t count_by_relocations(elf_reader *reader, const elf_table *table, bool has_addend)
{
    uint64_t offset = 0, count = 0;
    uint64_t entry_size = has_addend ? pick(reader, 24, 12) : pick(reader, 16, 8);
    if (!table->is_present || !file_offset_of(reader, table->address, table->size, &offset)) {
        return 0;
    }
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, offset);
    for (uint64_t i = 0; i < table->size / entry_size; i++) {
        (void)abiscan_word(&cursor);
        uint64_t info = abiscan_word(&cursor);
        if (has_addend) {
            (void)abiscan_word(&cursor);
        }
        uint64_t symbol = reader->file.is_64 ? info >> 32 : info >> 8;
        if (symbol + 1 > count) {
            count = symbol + 1;
        }
    }
    return count;
}

/* Number of symbols by DT_HASH: its second entry. */
static bool count_by_hash(elf_reader *reader, uint64_t room)
{
    /* The s390x ABI has entries of 64 bits, but LLVM's linker writes 32. */
    bool may_be_wide
        = reader->file.is_64 && reader->machine != NULL && reader->machine->number == 22;
    uint64_t offset = 0;
    if (!file_offset_of(reader, reader->hash.address, may_be_wide ? 16 : 8, &offset)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "dynamic section at offset 0x%" PRIx64 ": hash table at address 0x%" PRIx64
                    " is in no segment",
                    reader->dynamic_offset, reader->hash.address);
    }
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, offset);
    if (may_be_wide) {
        uint64_t buckets = abiscan_u64(&cursor), symbols = abiscan_u64(&cursor);
        if (buckets <= reader->file_size && symbols <= room) {
            reader->symbol_count = symbols;
            return true;
        }
        abiscan_seek(&cursor, offset);
    }
    (void)abiscan_u32(&cursor);
    reader->symbol_count = abiscan_u32(&cursor);
    return true;
}

static bool locate_dynamic_symbols(elf_reader *reader)
{
    uint64_t entry_size = pick(reader, 24, 16);
    if (!reader->symbols.is_present) {
        return true;
    }
    if (!file_offset_of(reader, reader->symbols.address, 0, &reader->symbols_offset)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "dynamic section at offset 0x%" PRIx64 ": symbol table at address 0x%" PRIx64
                    " is in no segment",
                    reader->dynamic_offset, reader->symbols.address);
    }
    uint64_t room = (reader->file_size - reader->symbols_offset) / entry_size;

    /* What the loader uses comes first, then what the linker noted, then what
     * must be there because something refers to it. */
    if (reader->hash.is_present && !count_by_hash(reader, room)) {
        return false;
    }
    bool has_chain = false;
    uint64_t hashed = reader->gnu_hash.is_present ? count_by_gnu_hash(reader, &has_chain) : 0;
    if (reader->symbol_count == 0 && has_chain) {
        reader->symbol_count = hashed;
    }
    if (reader->symbol_count == 0 && !is_given(reader, "file", 0, reader->file_size)) {
        return false;
    }
    for (uint64_t i = 0; i < reader->section_count && reader->symbol_count == 0; i++) {
        elf_section section = read_section(reader, i);
        if (section.type == SHT_DYNSYM && section.address == reader->symbols.address) {
            reader->symbol_count = section.size / entry_size;
        }
    }
    if (reader->symbol_count == 0) {
        reader->symbol_count = hashed;
        uint64_t counts[3] = {
            count_by_relocations(reader, &reader->rela, true),
            count_by_relocations(reader, &reader->rel, false),
            count_by_relocations(reader, &reader->jump, reader->jump_kind == DT_RELA),
        };
        for (size_t i = 0; i < 3; i++) {
            if (counts[i] > reader->symbol_count) {
                reader->symbol_count = counts[i];
            }
        }
    }
    if (reader->symbol_count > room) {
        return fail(reader, ABISCAN_MALFORMED,
                    "dynamic symbol table: entry %" PRIu64 " at offset 0x%" PRIx64
                    " lies outside the file",
                    room, reader->symbols_offset + room * entry_size);
    }
    return is_given(reader, "dynamic symbol table", reader->symbols_offset,
                    reader->symbol_count * entry_size);
}

/* Relocatable objects have no dynamic section, only .symtab. */
static bool locate_object_symbols(elf_reader *reader)
{
    uint64_t entry_size = pick(reader, 24, 16);
    if (!is_given(reader, "relocatable object", 0, reader->file_size)) {
        return false;
    }
    for (uint64_t i = 0; i < reader->section_count; i++) {
        elf_section section = read_section(reader, i);
        if (section.type != SHT_SYMTAB) {
            continue;
        }
        if (!abiscan_in_range(section.offset, section.size, reader->file.size)) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section %" PRIu64 ": its symbol table at offset 0x%" PRIx64
                        " lies outside the file",
                        i, section.offset);
        }
        if (section.link >= reader->section_count) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section %" PRIu64 ": its string table is section %" PRIu32
                        " of %" PRIu64,
                        i, section.link, reader->section_count);
        }
        elf_section strings = read_section(reader, section.link);
        if (strings.type != SHT_STRTAB) {
            return fail(reader, ABISCAN_MALFORMED,
                        "section %" PRIu32 ": it is of type %" PRIu32 ", not a string table",
                        section.link, strings.type);
        }
        if (!check_strings(reader, strings.offset, strings.size)) {
            return false;
        }
        reader->symbols_offset = section.offset;
        reader->symbol_count = section.size / entry_size;
        return true;
    }
    return true;
}

typedef struct elf_symbol {
    uint32_t name;
    uint8_t info;
    uint8_t other;
    uint16_t section;
    uint64_t value;
} elf_symbol;

static elf_symbol read_symbol(elf_reader *reader, uint64_t number)
{
    elf_symbol symbol;
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, reader->symbols_offset + number * pick(reader, 24, 16));
    symbol.name = abiscan_u32(&cursor);
    if (reader->file.is_64) {
        symbol.info = abiscan_u8(&cursor);
        symbol.other = abiscan_u8(&cursor);
        symbol.section = abiscan_u16(&cursor);
        symbol.value = abiscan_u64(&cursor);
    } else {
        symbol.value = abiscan_u32(&cursor);
        (void)abiscan_u32(&cursor); /* st_size */
        symbol.info = abiscan_u8(&cursor);
        symbol.other = abiscan_u8(&cursor);
        symbol.section = abiscan_u16(&cursor);
    }
    return symbol;
}

static bool is_interesting(abiscan_name name)
{
    return abiscan_name_starts(name, "Py") || abiscan_name_starts(name, "_Py")
           || abiscan_name_starts(name, "_cffi_") || abiscan_name_is(name, "__cxa_guard_acquire");
}

/* Python's names among the symbols, counted first so that nothing is resized. */
static bool read_symbols(elf_reader *reader)
{
    abiscan_image *image = reader->image;
    for (int is_filling = 0; is_filling < 2; is_filling++) {
        size_t imports = 0, exports = 0;
        for (uint64_t i = 1; i < reader->symbol_count; i++) {
            elf_symbol symbol = read_symbol(reader, i);
            unsigned binding = symbol.info >> 4;
            unsigned visibility = symbol.other & 3u;
            abiscan_name name = {NULL, 0};
            if (binding != STB_GLOBAL && binding != STB_WEAK) {
                continue;
            }
            if (symbol.name >= reader->strings.size) {
                char what[80];
                (void)snprintf(what, sizeof what, "symbol %" PRIu64 " at offset 0x%" PRIx64, i,
                               reader->symbols_offset + i * pick(reader, 24, 16));
                return read_string(reader, what, symbol.name, &name);
            }
            const unsigned char *start
                = abiscan_bytes(&reader->file, reader->strings_offset + symbol.name, 1);
            /* Most names are not Python's: look at one byte before more. */
            if (start == NULL || (*start != 'P' && *start != '_')) {
                continue;
            }
            if (!read_string(reader, "symbol", symbol.name, &name)) {
                return false;
            }
            if (!is_interesting(name)) {
                continue;
            }
            abiscan_symbol found = {
                .name = name,
                .number = i,
                .is_weak = binding == STB_WEAK,
            };
            if (symbol.section == SHN_UNDEF) {
                if (is_filling) {
                    image->imports[imports] = found;
                }
                imports++;
            } else if (visibility == STV_DEFAULT || visibility == STV_PROTECTED) {
                found.address = symbol.value;
                if (is_filling) {
                    image->exports[exports] = found;
                }
                exports++;
            }
        }
        if (!is_filling) {
            image->imports = calloc(imports + 1, sizeof *image->imports);
            image->exports = calloc(exports + 1, sizeof *image->exports);
            if (image->imports == NULL || image->exports == NULL) {
                return out_of_memory(reader);
            }
        } else {
            image->import_count = imports;
            image->export_count = exports;
        }
    }
    return true;
}

static uint64_t import_of_symbol(const abiscan_image *image, uint64_t number)
{
    size_t low = 0, high = image->import_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->imports[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < image->import_count && image->imports[low].number == number) {
        return low;
    }
    return ABISCAN_FOREIGN_IMPORT;
}

static bool read_relocations(elf_reader *reader, const char *what, const elf_table *table,
                             bool has_addend)
{
    abiscan_image *image = reader->image;
    const elf_machine *machine = reader->machine;
    uint64_t entry_size = has_addend ? pick(reader, 24, 12) : pick(reader, 16, 8);
    uint64_t mask = reader->file.is_64 ? UINT64_MAX : UINT32_MAX;
    uint32_t absolute = (uint32_t)pick(reader, machine->absolute_64, machine->absolute_32);
    uint64_t offset = 0;
    if (!file_offset_of(reader, table->address, table->size, &offset)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "%s: relocation table at address 0x%" PRIx64 " (0x%" PRIx64
                    " bytes) is in no segment",
                    what, table->address, table->size);
    }
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, offset);
    for (uint64_t i = 0; i < table->size / entry_size; i++) {
        uint64_t address = abiscan_word(&cursor);
        uint64_t info = abiscan_word(&cursor);
        uint64_t addend = has_addend ? abiscan_word(&cursor) : 0;
        uint64_t number = reader->file.is_64 ? info >> 32 : info >> 8;
        uint32_t type = (uint32_t)(info & (reader->file.is_64 ? UINT32_MAX : 0xffu));
        if (type == 0) {
            continue; /* R_*_NONE on every machine */
        }
        bool is_relative = type == machine->relative;
        bool is_slot = type == machine->global_data || type == machine->jump_slot;
        if (!is_relative && !is_slot && type != absolute) {
            continue;
        }
        if (!has_addend && !is_slot
            && !abiscan_image_number(image, address, reader->file.is_64 ? 8 : 4, &addend)) {
            continue; /* nothing of ours can be there */
        }
        abiscan_cell *cell = &image->cells[image->cell_count];
        cell->address = address;
        cell->is_import = false;
        cell->target = addend;
        if (!is_relative && number != 0) {
            if (number >= reader->symbol_count) {
                return fail(reader, ABISCAN_MALFORMED,
                            "%s: relocation %" PRIu64 " at offset 0x%" PRIx64
                            " names symbol %" PRIu64 " of %" PRIu64,
                            what, i, offset + i * entry_size, number, reader->symbol_count);
            }
            elf_symbol symbol = read_symbol(reader, number);
            if (symbol.section == SHN_UNDEF) {
                cell->is_import = true;
                cell->target = import_of_symbol(image, number);
            } else {
                cell->target = (symbol.value + addend) & mask;
            }
        }
        image->cell_count++;
    }
    return true;
}

/* DT_RELR (gABI): an even word is an address, an odd one a bitmap of the words
 * that follow.  Each cell has a word of its own in the file, which bounds them. */
static bool read_relr(elf_reader *reader, bool is_filling, uint64_t *count)
{
    abiscan_image *image = reader->image;
    uint64_t word_size = pick(reader, 8, 4);
    unsigned bits = reader->file.is_64 ? 63 : 31;
    uint64_t limit = reader->file.size / word_size;
    uint64_t mask = reader->file.is_64 ? UINT64_MAX : UINT32_MAX;
    uint64_t offset = 0, next = 0;
    *count = 0;
    if (!file_offset_of(reader, reader->relr.address, reader->relr.size, &offset)) {
        return fail(reader, ABISCAN_MALFORMED,
                    "DT_RELR: relocation table at address 0x%" PRIx64 " (0x%" PRIx64
                    " bytes) is in no segment",
                    reader->relr.address, reader->relr.size);
    }
    abiscan_cursor cursor = reader->file;
    abiscan_seek(&cursor, offset);
    for (uint64_t i = 0; i < reader->relr.size / word_size; i++) {
        uint64_t entry = abiscan_word(&cursor);
        uint64_t first = next, bitmap = 1;
        if ((entry & 1) == 0) {
            first = entry;
            next = (entry + word_size) & mask;
        } else {
            bitmap = entry >> 1;
            next = (next + bits * word_size) & mask;
        }
        for (unsigned bit = 0; bit < bits && (bitmap >> bit) != 0; bit++) {
            if (((bitmap >> bit) & 1) == 0) {
                continue;
            }
            if (is_filling) {
                abiscan_cell *cell = &image->cells[image->cell_count];
                cell->address = (first + bit * word_size) & mask;
                cell->is_import = false;
                if (!abiscan_image_number(image, cell->address, (unsigned)word_size,
                                          &cell->target)) {
                    continue;
                }
                image->cell_count++;
            }
            if (++*count > limit) {
                if (!is_given(reader, "file", 0, reader->file_size)) {
                    return false;
                }
                return fail(reader, ABISCAN_MALFORMED,
                            "DT_RELR: entry %" PRIu64 " at offset 0x%" PRIx64
                            " makes more relocations than the file has words",
                            i, offset + i * word_size);
            }
        }
    }
    return true;
}

static bool read_cells(elf_reader *reader)
{
    abiscan_image *image = reader->image;
    const elf_machine *machine = reader->machine;
    uint64_t relr_count = 0;
    image->cells_known = machine != NULL && machine->relative != 0
                         && pick(reader, machine->absolute_64, machine->absolute_32) != 0;
    if (!image->cells_known) {
        return true;
    }
    /* A table larger than its segment fails later; here only count what may fit. */
    uint64_t count = 0;
    const elf_table *tables[3] = {&reader->rela, &reader->rel, &reader->jump};
    for (size_t i = 0; i < 3; i++) {
        if (tables[i]->is_present) {
            uint64_t offset = 0;
            if (file_offset_of(reader, tables[i]->address, tables[i]->size, &offset)) {
                count += tables[i]->size / pick(reader, 16, 8); /* the smaller kind */
            }
        }
    }
    if (reader->relr.is_present && !read_relr(reader, false, &relr_count)) {
        return false;
    }
    if (count + relr_count >= SIZE_MAX / sizeof *image->cells) {
        return out_of_memory(reader);
    }
    image->cells = calloc((size_t)(count + relr_count + 1), sizeof *image->cells);
    if (image->cells == NULL) {
        return out_of_memory(reader);
    }
    if (reader->rela.is_present && !read_relocations(reader, "DT_RELA", &reader->rela, true)) {
        return false;
    }
    if (reader->rel.is_present && !read_relocations(reader, "DT_REL", &reader->rel, false)) {
        return false;
    }
    if (reader->jump.is_present
        && !read_relocations(reader, "DT_JMPREL", &reader->jump,
                             reader->jump_kind == DT_RELA)) {
        return false;
    }
    return !reader->relr.is_present || read_relr(reader, true, &relr_count);
}

static bool read_all(elf_reader *reader)
{
    if (!read_header(reader) || !read_segments(reader)) {
        return false;
    }
    if (reader->has_dynamic) {
        if (!read_dynamic(reader) || !locate_dynamic_symbols(reader)) {
            return false;
        }
    } else if (reader->type == ET_REL && !locate_object_symbols(reader)) {
        return false;
    }
    if (!read_symbols(reader)) {
        return false;
    }
    if (reader->has_dynamic && !read_cells(reader)) {
        return false;
    }
    return abiscan_image_sort(reader->image) || out_of_memory(reader);
}

abiscan_status abiscan_read_elf(const void *data, size_t size, uint64_t file_size,
                                abiscan_result *result, abiscan_image *image)
{
    elf_reader reader = {
        .file = abiscan_cursor_at(data, size, false, true),
        .file_size = file_size,
        .result = result,
        .image = image,
    };
    result->format = ABISCAN_FORMAT_ELF;
    if (!read_all(&reader)) {
        return result->status;
    }
    result->status = ABISCAN_OK;
    return ABISCAN_OK;
}

uint64_t abiscan_elf_prefix_size(const void *data, size_t size, uint64_t file_size)
{
    abiscan_result result = {0};
    abiscan_image image = {0};
    elf_reader reader = {
        .file = abiscan_cursor_at(data, size, false, true),
        .file_size = file_size,
        .result = &result,
        .image = &image,
    };
    if (!read_header(&reader) || reader.type != ET_DYN || reader.program_count == 0) {
        return file_size;
    }
    uint64_t end = reader.program_offset + reader.program_count * pick(&reader, 56, 32);
    for (uint64_t i = 0; i < reader.program_count; i++) {
        elf_program program = read_program(&reader, i);
        if (program.type != PT_LOAD && program.type != PT_DYNAMIC) {
            continue;
        }
        if (!abiscan_in_range(program.offset, program.file_size, file_size)) {
            return file_size; /* malformed: the scan of all of it says where */
        }
        if (program.offset + program.file_size > end) {
            end = program.offset + program.file_size;
        }
    }
    return end;
}
