/* SPDX-License-Identifier: MIT */
/* abiscan: what a Python extension module is, read from its bytes.
 *
 * The only public header.  One function scans a buffer that holds a whole
 * file; nothing is executed, no file is opened, and no state outlives a call.
 * Every call is independent, so any number of threads may scan at once.
 *
 * Rules of interpretation come from PEP 384 (limited API), PEP 489 (multi-phase
 * initialisation), PEP 703 (free threading), PEP 793 (PyModExport), PEP 803
 * (abi3t) and PEP 820 (PySlot); file formats from the System V gABI and its
 * processor supplements (ELF), from Apple's Mach-O reference and headers, from
 * Microsoft's PE Format, and from the WebAssembly Core Specification.  What cannot be
 * proven is reported as unknown.
 */
#ifndef ABISCAN_H
#define ABISCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a scan came to. */
typedef enum abiscan_status {
    /* The facts in the result are valid. */
    ABISCAN_OK = 0,
    /* The buffer does not begin like any binary format (empty buffers too). */
    ABISCAN_NOT_A_BINARY,
    /* A binary, but of a format or class that this version cannot read. */
    ABISCAN_UNSUPPORTED_FORMAT,
    /* A binary whose structures contradict themselves or leave the file. */
    ABISCAN_MALFORMED,
    /* More of the file is needed than abiscan_scan_prefix() was given. */
    ABISCAN_INCOMPLETE,
    /* No memory; the only status with which there is no result. */
    ABISCAN_NO_MEMORY,
    /* The call itself was wrong: no data with a size, more data than file, or nowhere
     * for a result. */
    ABISCAN_INVALID_ARGUMENT
} abiscan_status;

typedef enum abiscan_format {
    ABISCAN_FORMAT_NONE = 0,
    ABISCAN_FORMAT_ELF,
    ABISCAN_FORMAT_PE,
    ABISCAN_FORMAT_MACHO,
    /* A universal file: several Mach-O files, one for each machine.  The result
     * has `slices`, and beside them only format, machine ("universal") and
     * byte_order; everything else is in them. */
    ABISCAN_FORMAT_MACHO_UNIVERSAL,
    /* WebAssembly: imports, exports and needed libraries; code and data are not read. */
    ABISCAN_FORMAT_WASM
} abiscan_format;

typedef enum abiscan_byte_order {
    ABISCAN_LITTLE_ENDIAN = 0,
    ABISCAN_BIG_ENDIAN
} abiscan_byte_order;

/* What kind of file the header says it is (ELF e_type, Mach-O filetype, PE characteristics). */
typedef enum abiscan_file_type {
    ABISCAN_FILE_OTHER = 0,
    ABISCAN_FILE_RELOCATABLE,
    ABISCAN_FILE_EXECUTABLE,
    ABISCAN_FILE_SHARED_OBJECT,
    ABISCAN_FILE_CORE
} abiscan_file_type;

/* How Python initialises the module. */
typedef enum abiscan_init {
    /* There are hooks, but which kind they are cannot be told. */
    ABISCAN_INIT_UNKNOWN = 0,
    /* No PyInit_, PyInitU_ or PyModExport_ export: not an extension module. */
    ABISCAN_INIT_NONE,
    /* PEP 489: PyInit_ returns a PyModuleDef. */
    ABISCAN_INIT_MULTI_PHASE,
    /* PyInit_ returns a finished module object. */
    ABISCAN_INIT_SINGLE_PHASE,
    /* PEP 793: PyModExport_ returns an array of slots. */
    ABISCAN_INIT_EXPORT_HOOK
} abiscan_init;

/* What the module declares about the GIL. */
typedef enum abiscan_gil {
    ABISCAN_GIL_UNKNOWN = 0,
    /* Declared: it runs without the GIL (Py_MOD_GIL_NOT_USED). */
    ABISCAN_GIL_NOT_USED,
    /* Declared: it needs the GIL (Py_MOD_GIL_USED). */
    ABISCAN_GIL_USED,
    /* Proven that nothing declares it: importing it in a free-threaded
     * interpreter switches the GIL on.  Not looked for: code that is given a
     * struct and writes to slots in it, where the struct holds the
     * PyModuleDef too or, on Windows, begins more than 8 bytes before them. */
    ABISCAN_GIL_NOT_DECLARED
} abiscan_gil;

/* The PyObject header that the module was compiled for. */
typedef enum abiscan_layout {
    ABISCAN_LAYOUT_UNKNOWN = 0,
    /* Reference count and type. */
    ABISCAN_LAYOUT_GIL,
    /* PEP 703: thread id, flags, two counts and type. */
    ABISCAN_LAYOUT_FREE_THREADED,
    /* PEP 803: the header is never looked into, either interpreter will do. */
    ABISCAN_LAYOUT_OPAQUE
} abiscan_layout;

typedef enum abiscan_slot_style {
    ABISCAN_SLOTS_NONE = 0,
    /* PEP 489: int identifier, pointer. */
    ABISCAN_SLOTS_MODULEDEF,
    /* PEP 820: 16-bit identifier and flags, 64-bit value. */
    ABISCAN_SLOTS_PYSLOT
} abiscan_slot_style;

typedef enum abiscan_framework {
    ABISCAN_FRAMEWORK_NONE = 0,
    ABISCAN_FRAMEWORK_CYTHON,
    ABISCAN_FRAMEWORK_PYBIND11,
    ABISCAN_FRAMEWORK_NANOBIND,
    ABISCAN_FRAMEWORK_PYO3,
    ABISCAN_FRAMEWORK_MYPYC,
    ABISCAN_FRAMEWORK_CFFI
} abiscan_framework;

/* A name inside the scanned buffer or the result: not terminated, valid as long
 * as both. */
typedef struct abiscan_name {
    const char *data; /* NULL: there is none */
    size_t size;      /* in bytes */
} abiscan_name;

/* An imported symbol that looks like the Python C API (Py…, _Py…). */
typedef struct abiscan_import {
    abiscan_name name;
    abiscan_name library; /* the one of `needed` that must have it (PE, Mach-O); data NULL: any */
    int abi3_since;       /* 3.N that brought it into abi3 (PEP 384); -1: in none */
    int abi3t_since;      /* the same for abi3t (PEP 803): never below 15; -1: in none */
    const char *ifdef;    /* macro that it depends on, e.g. "HAVE_FORK"; NULL: none */
    bool is_weak;         /* the loader accepts that it is missing */
    bool is_pypy;         /* carries PyPy's prefix */
} abiscan_import;

/* PyABIInfo of PEP 793 and PEP 803, as stored in the file. */
typedef struct abiscan_abi_info {
    uint8_t major;
    uint8_t minor;
    uint16_t flags;         /* 1 stable ABI, 2 GIL, 4 free-threaded, 8 internal */
    uint32_t build_version; /* PY_VERSION_HEX of the headers */
    uint32_t abi_version;   /* Py_LIMITED_API, or PY_VERSION_HEX */
} abiscan_abi_info;

enum { ABISCAN_TEXT_SIZE = 256 };

typedef struct abiscan_result {
    abiscan_status status;
    /* One sentence, for every status but ABISCAN_OK: which structure, and the
     * offset in the file where it went wrong. */
    char message[ABISCAN_TEXT_SIZE];

    abiscan_format format;
    char machine[32]; /* "x86_64", "aarch64", … or "unknown-<number>" */
    unsigned bits;    /* 32 or 64: the size of a pointer */
    abiscan_byte_order byte_order;
    abiscan_file_type file_type;

    abiscan_name *needed; /* libraries, in the order of the file */
    size_t needed_count;
    abiscan_name soname; /* the file's own name for itself: DT_SONAME, LC_ID_DYLIB */

    /* The oldest macOS that the file says it runs on, such as "14.0"; "": not said. */
    char minimum_os[24];

    abiscan_name *init_hooks; /* exported PyInit_, PyInitU_, PyModExport_, PyModExportU_ */
    size_t init_hook_count;
    abiscan_init init;
    char init_reason[ABISCAN_TEXT_SIZE];

    abiscan_name definition_name; /* the m_name that was found */
    abiscan_gil gil;
    char gil_evidence[ABISCAN_TEXT_SIZE];
    abiscan_layout layout;
    char layout_evidence[ABISCAN_TEXT_SIZE];

    /* Identifiers as numbered in the file, nested arrays in place. */
    uint16_t *slots;
    size_t slot_count;
    bool slots_complete; /* every array was read up to its terminator */
    abiscan_slot_style slot_style;

    bool has_abi_info;
    abiscan_abi_info abi_info;

    abiscan_import *imports; /* in the order of the file */
    size_t import_count;

    abiscan_framework framework;

    /* Where PyInit_ is exported beside PyModExport_: what holds for interpreters
     * before 3.15, which call PyInit_.  Everything above is about the hook that
     * 3.15 and later call.  Only init to slot_style are filled.  NULL: no difference. */
    struct abiscan_result *before_3_15;

    /* A full result for each slice of a universal file, in its order.  A slice has a
     * status and a message of its own, with offsets that count from where it begins:
     * ABISCAN_OK of the whole says only that the slices were found. */
    struct abiscan_result *slices;
    size_t slice_count;
    uint64_t slice_offset; /* of a slice: in the universal file */

    char *name_storage; /* holds the names that the file does not have in one piece */
} abiscan_result;

/* Scan one whole file held in memory.
 *
 * data, size: the bytes of the file; only read, no alignment is needed.
 * stem: the last dotted part of the module's name, UTF-8 (from the file name);
 *     it chooses among several hooks.  NULL: not known.
 * result: receives a result to be freed with abiscan_result_free(), also when
 *     the status says that the file could not be read; NULL only with
 *     ABISCAN_NO_MEMORY and ABISCAN_INVALID_ARGUMENT.  The result points into
 *     data for its names and must not be used after it.
 *
 * Time is at most proportional to size · log(size), memory to size.  Returns
 * the same status as the result holds. */
abiscan_status abiscan_scan(const void *data, size_t size, const char *stem,
                            abiscan_result **result);

/* How many bytes from its start a scan of a file reads, when the file has file_size
 * bytes and begins with the `size` bytes of `data`; 4096 suffice for what linkers
 * make.  All of an ELF file that a loader maps comes first, and debugging information
 * and the like after it; for any other format, or when it cannot be told, file_size. */
uint64_t abiscan_prefix_size(const void *data, size_t size, uint64_t file_size);

/* The same as abiscan_scan() of the whole file, from its first `size` bytes, or
 * ABISCAN_INCOMPLETE when they do not suffice. */
abiscan_status abiscan_scan_prefix(const void *data, size_t size, uint64_t file_size,
                                   const char *stem, abiscan_result **result);

/* Free a result; NULL is allowed. */
void abiscan_result_free(abiscan_result *result);

/* Static, never NULL: "ok", "not-a-binary", "unsupported-format", "malformed",
 * "incomplete", "no-memory", "invalid-argument". */
const char *abiscan_status_name(abiscan_status status);

/* Static, never NULL: the words of the JSON and Python interfaces, such as
 * "multi-phase" or "not-used". */
const char *abiscan_format_name(abiscan_format format);
const char *abiscan_byte_order_name(abiscan_byte_order order);
const char *abiscan_file_type_name(abiscan_file_type type);
const char *abiscan_init_name(abiscan_init init);
const char *abiscan_gil_name(abiscan_gil gil);
const char *abiscan_layout_name(abiscan_layout layout);
const char *abiscan_slot_style_name(abiscan_slot_style style);
/* NULL for ABISCAN_FRAMEWORK_NONE. */
const char *abiscan_framework_name(abiscan_framework framework);

/* Where the table of the stable ABI comes from: "CPython 3.15.0rc2". */
const char *abiscan_stable_abi_source(void);

#ifdef __cplusplus
}
#endif

#endif /* ABISCAN_H */
