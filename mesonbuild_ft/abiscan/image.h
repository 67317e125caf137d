/* SPDX-License-Identifier: MIT */
/* A loaded module as Python's loader would see it, whatever the file format.
 * Internal: format readers (elf.c) fill it, pymodule.c reads it. */
#ifndef ABISCAN_IMAGE_H
#define ABISCAN_IMAGE_H

#include "abiscan.h"
#include "cursor.h"

/* Longer names are refused: nothing that Python or a linker makes comes near,
 * and it bounds the time that overlapping strings can cost. */
enum { ABISCAN_NAME_LIMIT = 1024 };

/* A piece of the file that is mapped at an address. */
typedef struct abiscan_segment {
    uint64_t address;
    uint64_t memory_size; /* the part beyond file_size reads as zeros */
    uint64_t file_offset;
    uint64_t file_size;
    bool is_writable;
    bool is_executable;
} abiscan_segment;

/* A pointer-sized word that the loader fills in. */
typedef struct abiscan_cell {
    uint64_t address;
    uint64_t target; /* address within the image, or the number of an import */
    bool is_import;
} abiscan_cell;

typedef struct abiscan_symbol {
    abiscan_name name;
    uint64_t address; /* 0 for imports */
    uint64_t number;  /* index in the file's symbol table */
    abiscan_name library; /* that an import is bound to (PE, Mach-O); data NULL: any */
    bool is_weak;
    bool is_forwarded; /* an export that another library defines (PE) */
} abiscan_symbol;

/* Target of a cell that holds an import which is not Python's. */
#define ABISCAN_FOREIGN_IMPORT UINT64_MAX

/* The instruction sets that code.c can read a little of. */
typedef enum abiscan_code {
    ABISCAN_CODE_OTHER = 0,
    ABISCAN_CODE_X86_64,
    ABISCAN_CODE_AARCH64
} abiscan_code;

/* Where functions find their arguments. */
typedef enum abiscan_convention {
    ABISCAN_CONVENTION_SYSTEM_V = 0, /* on AArch64: of its own procedure call standard */
    ABISCAN_CONVENTION_WINDOWS
} abiscan_convention;

typedef struct abiscan_image {
    abiscan_cursor file; /* the buffer with its byte order and word size */
    abiscan_code code;
    abiscan_convention convention;

    abiscan_segment *segments; /* by ascending address, not overlapping */
    size_t segment_count;

    abiscan_cell *cells; /* by ascending address */
    size_t cell_count;
    bool cells_known; /* the machine's relocations are understood */

    abiscan_symbol *imports; /* undefined Py…, _Py… and a few other names; cells refer to them */
    size_t import_count;
    abiscan_symbol *exports; /* defined and visible Py…, _Py… and _cffi_… names */
    size_t export_count;

    bool has_nameless_imports; /* functions of Python's are imported by number (PE) */

    uint64_t unwind_address; /* .eh_frame_hdr, in PE files .pdata; 0: none */
    uint64_t unwind_count;   /* of entries in .pdata */
    uint64_t *functions;     /* ascending: where functions begin, and where code ends (Mach-O) */
    size_t function_count;

    /* Written by the loader only, then made read-only (PT_GNU_RELRO, SG_READ_ONLY). */
    uint64_t relro_address;
    uint64_t relro_size;
} abiscan_image;

/* What a pointer-sized word will hold once the loader is done. */
typedef enum abiscan_word_kind {
    ABISCAN_WORD_INVALID = 0, /* not in the image, or cut by a segment's end */
    ABISCAN_WORD_PLAIN,       /* a number */
    ABISCAN_WORD_POINTER,     /* an address in the image */
    ABISCAN_WORD_IMPORT       /* the address of an imported symbol */
} abiscan_word_kind;

typedef struct abiscan_word_value {
    abiscan_word_kind kind;
    uint64_t value; /* number, address, or number of the import */
} abiscan_word_value;

void abiscan_image_free(abiscan_image *image);

/* Bring cells into order; call once after filling them.  False: no memory. */
bool abiscan_image_sort(abiscan_image *image);

/* Heap sort: n log n on any input and without memory, which qsort does not promise. */
void abiscan_sort(void *base, size_t count, size_t size,
                  int (*compare)(const void *left, const void *right));

int abiscan_compare_names(abiscan_name left, abiscan_name right);

/* Size of a pointer in bytes. */
static inline uint64_t abiscan_pointer_size(const abiscan_image *image)
{
    return image->file.is_64 ? 8 : 4;
}

/* The segment that holds an address, or NULL. */
const abiscan_segment *abiscan_segment_of(const abiscan_image *image, uint64_t address);

/* The cell at exactly this address, or NULL. */
const abiscan_cell *abiscan_cell_at(const abiscan_image *image, uint64_t address);

/* Bytes backed by the file; NULL when any of them is not. */
const unsigned char *abiscan_image_bytes(const abiscan_image *image, uint64_t address,
                                         uint64_t length);

/* A plain number of 1, 2, 4 or 8 bytes.  False when it is outside the image. */
bool abiscan_image_number(const abiscan_image *image, uint64_t address, unsigned length,
                          uint64_t *value);

abiscan_word_value abiscan_image_word(const abiscan_image *image, uint64_t address);

/* A terminated string of at most ABISCAN_NAME_LIMIT bytes; data NULL otherwise. */
abiscan_name abiscan_image_string(const abiscan_image *image, uint64_t address);

/* Whether no code can write here once the module is loaded. */
bool abiscan_is_constant(const abiscan_image *image, uint64_t address, uint64_t length);

bool abiscan_name_is(abiscan_name name, const char *text);
bool abiscan_name_starts(abiscan_name name, const char *prefix);

/* Put status and message into a result; false, for the caller to return. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
bool abiscan_fail(abiscan_result *result, abiscan_status status, const char *format, ...);

/* Index of an import by name, or SIZE_MAX. */
size_t abiscan_find_import(const abiscan_image *image, const char *name);

#endif /* ABISCAN_IMAGE_H */
