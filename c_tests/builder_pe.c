/* SPDX-License-Identifier: MIT */
#include "builder_pe.h"

#include <stdlib.h>
#include <string.h>

#define BASE_64 UINT64_C(0x180000000)
#define BASE_32 UINT64_C(0x10000000)

enum { SECTION_COUNT = 4, POINTER_LIMIT = 16 };

typedef struct pointers {
    size_t items[POINTER_LIMIT]; /* offsets of words to relocate */
    size_t count;
} pointers;

uint32_t pe_address(size_t offset)
{
    static const size_t starts[] = {PE_TEXT, PE_RDATA, PE_DATA, PE_RELOC};
    size_t address = offset;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (offset >= starts[i]) {
            address = 0x1000 * (i + 1) + offset - starts[i];
        }
    }
    return (uint32_t)address;
}

void patch_pe(pe_file *file, size_t offset, unsigned width, uint64_t value)
{
    if (offset + width > sizeof file->bytes) {
        abort();
    }
    for (unsigned i = 0; i < width; i++) {
        file->bytes[offset + i] = (unsigned char)(value >> (8 * i));
    }
}

static void put(pe_file *file, unsigned width, uint64_t value)
{
    patch_pe(file, file->size, width, value);
    file->size += width;
}

static void word(pe_file *file, uint64_t value)
{
    put(file, file->is_64 ? 8 : 4, value);
}

static void align(pe_file *file, size_t to)
{
    file->size = (file->size + to - 1) / to * to;
}

static uint32_t text(pe_file *file, const char *string)
{
    size_t offset = file->size;
    for (; *string != 0; string++) {
        put(file, 1, (unsigned char)*string);
    }
    put(file, 1, 0);
    return pe_address(offset);
}

static void point(pe_file *file, pointers *list, uint64_t address)
{
    if (list->count == POINTER_LIMIT) {
        abort();
    }
    list->items[list->count++] = file->size;
    word(file, (file->is_64 ? BASE_64 : BASE_32) + address);
}

static void directory(pe_file *file, unsigned number, size_t start, size_t size)
{
    patch_pe(file, file->directories + 8 * number, 4, pe_address(start));
    patch_pe(file, file->directories + 8 * number + 4, 4, size);
}

static void section(pe_file *file, const char *name, size_t start, size_t end, uint32_t flags)
{
    for (unsigned i = 0; i < 8; i++) {
        put(file, 1, (unsigned char)*name);
        name += *name != 0;
    }
    put(file, 4, end - start); /* VirtualSize */
    put(file, 4, pe_address(start));
    put(file, 4, end - start); /* SizeOfRawData */
    put(file, 4, start);
    put(file, 4, 0);
    put(file, 4, 0);
    put(file, 4, 0);
    put(file, 4, flags);
}

static void headers(pe_file *file, const pe_options *options)
{
    put(file, 2, 0x5a4d); /* MZ */
    patch_pe(file, 0x3c, 4, 0x80);
    file->size = 0x80;
    put(file, 4, 0x4550); /* PE */
    file->coff = file->size;
    put(file, 2, options->machine != 0 ? options->machine : file->is_64 ? 0x8664 : 0x14c);
    put(file, 2, SECTION_COUNT);
    put(file, 4, 0);
    put(file, 4, 0);
    put(file, 4, 0);
    put(file, 2, file->is_64 ? 0xf0 : 0xe0);
    put(file, 2, 0x2002u | (options->no_relocations ? 1u : 0u)); /* a DLL */
    file->optional = file->size;
    put(file, 2, file->is_64 ? 0x20b : 0x10b);
    file->size = file->optional + (file->is_64 ? 24 : 28);
    word(file, file->is_64 ? BASE_64 : BASE_32);
    put(file, 4, 0x1000); /* SectionAlignment */
    put(file, 4, 0x200);  /* FileAlignment */
    file->size = file->optional + 56;
    put(file, 4, 0x5000);  /* SizeOfImage */
    put(file, 4, PE_TEXT); /* SizeOfHeaders */
    put(file, 4, 0);
    put(file, 4, 2 | 0x1400000); /* graphical; dynamic base, no-execute */
    for (int i = 0; i < 4; i++) {
        word(file, 0x1000);
    }
    put(file, 4, 0);
    put(file, 4, 16); /* NumberOfRvaAndSizes */
    file->directories = file->size;
    file->size += (size_t)16 * 8;
    file->sections = file->size;
    section(file, ".text", PE_TEXT, PE_RDATA, 0x60000020);
    section(file, ".rdata", PE_RDATA, PE_DATA, 0x40000040);
    section(file, ".data", PE_DATA, PE_RELOC, 0xc0000040);
    section(file, ".reloc", PE_RELOC, PE_SIZE, 0x42000040);
}

static void slot_array(pe_file *file, pointers *list, const pe_options *options)
{
    bool is_pyslot = options->hook == HOOK_EXPORT;
    align(file, 16);
    file->slots = file->size;
    file->slots_address = pe_address(file->slots);
    for (size_t i = 0; i <= MODULE_SLOT_LIMIT; i++) {
        static const module_slot end = {0, 0, 0};
        const module_slot *slot = i < MODULE_SLOT_LIMIT ? &options->slots[i] : &end;
        if (is_pyslot) {
            put(file, 2, slot->identifier);
            put(file, 2, slot->identifier == 0 ? 0 : 4); /* PySlot_INTPTR */
            put(file, 4, 0);
        } else {
            put(file, 4, slot->identifier);
            align(file, file->is_64 ? 8 : 4);
        }
        if (slot->pointer != 0) {
            point(file, list, pe_address(PE_DATA + (size_t)slot->pointer));
        } else {
            word(file, slot->value);
        }
        align(file, is_pyslot ? 8 : 4);
        if (slot->identifier == 0) {
            break;
        }
    }
}

/* PyModuleDef up to m_slots and the three members after it. */
static void definition(pe_file *file, pointers *list, const pe_options *options, uint32_t name)
{
    align(file, 16);
    file->definition = file->size;
    if (options->free_threaded) {
        word(file, 0);            /* ob_tid */
        put(file, 2, 4);          /* ob_flags */
        put(file, 1, 0);          /* ob_mutex */
        put(file, 1, 0);          /* ob_gc_bits */
        put(file, 4, UINT32_MAX); /* ob_ref_local */
        word(file, 0);            /* ob_ref_shared */
    } else {
        word(file, 1); /* ob_refcnt */
    }
    for (int i = 0; i < 4; i++) {
        word(file, 0); /* ob_type, m_init, m_index, m_copy */
    }
    file->name_member = file->size;
    point(file, list, name);
    for (int i = 0; i < 3; i++) {
        word(file, 0); /* m_doc, m_size, m_methods */
    }
    if (options->single_phase) {
        word(file, 0);
    } else {
        point(file, list, file->slots_address);
    }
    for (int i = 0; i < 3; i++) {
        word(file, 0); /* m_traverse, m_clear, m_free */
    }
}

static void export_table(pe_file *file, const pe_options *options)
{
    align(file, 4);
    file->exports = file->size;
    file->size += 40;
    uint32_t own_name = text(file, "sample.pyd");
    uint32_t forwarder = text(file, "other.PyInit_sample");
    /* A second name, of no interest, sorts before the hook. */
    uint32_t first_name = text(file, "DllMain");
    uint32_t hook_name
        = text(file, options->hook == HOOK_EXPORT ? "PyModExport_sample" : "PyInit_sample");
    size_t end = file->size;
    align(file, 4);
    file->export_functions = file->size;
    put(file, 4, options->is_forwarded ? forwarder : pe_address(PE_TEXT));
    put(file, 4, pe_address(PE_TEXT));
    file->export_names = file->size;
    put(file, 4, first_name);
    put(file, 4, hook_name);
    file->export_ordinals = file->size;
    put(file, 2, 1);
    put(file, 2, 0);
    size_t next = file->size;
    file->size = file->exports + 12;
    put(file, 4, own_name);
    put(file, 4, 1); /* Ordinal Base */
    put(file, 4, 2);
    put(file, 4, options->hook == HOOK_NONE ? 1 : 2);
    put(file, 4, pe_address(file->export_functions));
    put(file, 4, pe_address(file->export_names));
    put(file, 4, pe_address(file->export_ordinals));
    file->size = next;
    directory(file, 0, file->exports, end - file->exports);
}

static void import_table(pe_file *file, const pe_options *options)
{
    const char *names[3];
    uint32_t addresses[3];
    size_t count = 0;
    names[count++] = options->single_phase ? "PyModule_Create2" : "PyModuleDef_Init";
    if (options->set_gil) {
        names[count++] = "PyUnstable_Module_SetGIL";
    }
    if (options->import != NULL) {
        names[count++] = options->import;
    }
    uint32_t library = text(file, options->library == NULL ? "python314.dll" : options->library);
    for (size_t i = 0; i < count; i++) {
        align(file, 2);
        addresses[i] = pe_address(file->size);
        put(file, 2, 0); /* hint */
        (void)text(file, names[i]);
    }
    for (int is_table = 0; is_table < 2; is_table++) {
        align(file, 8);
        *(is_table ? &file->table : &file->lookup) = file->size;
        for (size_t i = 0; i < count; i++) {
            word(file, addresses[i]);
        }
        if (options->by_ordinal) {
            word(file, (file->is_64 ? UINT64_C(1) << 63 : UINT64_C(1) << 31) | 42);
        }
        word(file, 0);
    }
    align(file, 4);
    file->imports = file->size;
    if (options->is_delayed) {
        put(file, 4, 1); /* attributes: addresses are relative */
        put(file, 4, library);
        put(file, 4, 0);
        put(file, 4, pe_address(file->table));
        put(file, 4, pe_address(file->lookup));
        file->size += 12 + 32;
        directory(file, 13, file->imports, file->size - file->imports);
    } else {
        put(file, 4, pe_address(file->lookup));
        put(file, 4, 0);
        put(file, 4, 0);
        put(file, 4, library);
        put(file, 4, pe_address(file->table));
        file->size += 20;
        directory(file, 1, file->imports, file->size - file->imports);
    }
}

static void relocation_table(pe_file *file, const pointers *list)
{
    file->size = file->relocations = PE_RELOC;
    for (uint32_t page = 0x2000; page <= 0x3000; page += 0x1000) {
        size_t block = file->size;
        put(file, 4, page);
        put(file, 4, 0);
        for (size_t i = 0; i < list->count; i++) {
            uint32_t address = pe_address(list->items[i]);
            if (address / 0x1000 == page / 0x1000) {
                put(file, 2, (file->is_64 ? 10u : 3u) << 12 | (address & 0xfffu));
            }
        }
        align(file, 4); /* ABSOLUTE */
        patch_pe(file, block + 4, 4, file->size - block);
    }
    file->relocations_size = file->size - file->relocations;
    directory(file, 5, file->relocations, file->relocations_size);
}

void build_pe(pe_file *file, const pe_options *options)
{
    pointers list = {{0}, 0};
    memset(file, 0, sizeof *file);
    file->is_64 = !options->is_32;
    headers(file, options);

    file->size = PE_RDATA;
    uint32_t module_name = text(file, "package.sample");
    export_table(file, options);
    import_table(file, options);
    if (options->constant_slots) {
        slot_array(file, &list, options);
    }
    align(file, 4);
    size_t unwind = file->size;
    put(file, 4, 1); /* UNWIND_INFO of version 1 that does nothing */
    file->functions = file->size;
    put(file, 4, pe_address(PE_TEXT));
    put(file, 4, pe_address(PE_TEXT + options->code_size));
    put(file, 4, pe_address(unwind));
    if (options->code_size != 0) {
        directory(file, 3, file->functions, 12);
    }
    if (file->size > PE_DATA) {
        abort();
    }

    file->size = PE_DATA;
    put(file, 8, UINT64_C(0x5a5a5a5a5a5a5a5a)); /* something before the first object */
    put(file, 8, UINT64_C(0x5a5a5a5a5a5a5a5a));
    if (options->zero_slots) {
        file->slots_address = pe_address(PE_DATA) + ZERO_SLOTS;
        patch_pe(file, file->sections + 2 * 40 + 8, 4, 2 * ZERO_SLOTS); /* VirtualSize */
    } else if (!options->constant_slots) {
        slot_array(file, &list, options);
    }
    if (options->hook == HOOK_INIT) {
        definition(file, &list, options, module_name);
    }
    if (file->size > PE_RELOC) {
        abort();
    }

    if (options->code != NULL) {
        memcpy(file->bytes + PE_TEXT, options->code, options->code_size);
    } else if (options->hook == HOOK_EXPORT && file->is_64) {
        /* lea rax, [rip + slots]; ret */
        static const unsigned char lea[] = {0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xc3};
        memcpy(file->bytes + PE_TEXT, lea, sizeof lea);
        patch_pe(file, PE_TEXT + 3, 4, pe_address(file->slots) - (pe_address(PE_TEXT) + 7));
    }
    if (!options->no_relocations) {
        relocation_table(file, &list);
    }
    file->size = PE_SIZE;
}

void pe_name_cell(pe_file *file, size_t at, unsigned import)
{
    uint32_t cell = pe_address(file->table) + import * (file->is_64 ? 8u : 4u);
    patch_pe(file, at, 4, cell - (pe_address(at) + 4));
}
