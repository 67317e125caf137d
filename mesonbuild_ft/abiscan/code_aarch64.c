/* SPDX-License-Identifier: MIT */
/* AArch64, after the Arm Architecture Reference Manual: all instructions have
 * four bytes and are little-endian whatever the data are. */
#include "code.h"

#include <string.h>

enum {
    STUB_LIMIT = 8,
    SITE_LIMIT = 16,
    WINDOW = 32,
    PAGE_WINDOW = 64,
    MOST_OFFSET = 0x1000 + 16 * 0xfff /* that add and a load have together */
};

static uint32_t read_code(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16
           | (uint32_t)bytes[3] << 24;
}

static bool code_at(const abiscan_image *image, uint64_t address, uint32_t *code)
{
    const abiscan_segment *segment = abiscan_segment_of(image, address);
    const unsigned char *bytes = abiscan_image_bytes(image, address, 4);
    if (segment == NULL || !segment->is_executable || bytes == NULL || address % 4 != 0) {
        return false;
    }
    *code = read_code(bytes);
    return true;
}

static uint64_t extend(uint64_t value, unsigned bits)
{
    uint64_t sign = UINT64_C(1) << (bits - 1);
    return (value ^ sign) - sign;
}

/* The executable segments, one after the other; `number` counts from 0.  The bytes begin
 * with the first whole instruction. */
typedef struct code_piece {
    const unsigned char *bytes;
    uint64_t size;
    uint64_t address;
} code_piece;

static bool next_code(const abiscan_image *image, size_t *number, code_piece *piece)
{
    while (*number < image->segment_count) {
        const abiscan_segment *segment = &image->segments[(*number)++];
        const unsigned char *bytes
            = abiscan_bytes(&image->file, segment->file_offset, segment->file_size);
        uint64_t first = (UINT64_C(4) - segment->address % 4) % 4;
        if (segment->is_executable && bytes != NULL && first <= segment->file_size) {
            piece->bytes = bytes + first;
            piece->size = segment->file_size - first;
            piece->address = segment->address + first;
            return true;
        }
    }
    return false;
}

/* The 21 bits of adr and adrp. */
static uint64_t page_offset(uint32_t code)
{
    return extend((uint64_t)((code >> 5) & 0x7ffffu) << 2 | ((code >> 29) & 3u), 21);
}

/* adr xN, address */
static bool is_adr(uint32_t code, uint64_t at, uint64_t *address)
{
    *address = at + page_offset(code);
    return (code & 0x9f000000u) == 0x10000000u;
}

/* adrp xN, page */
static bool is_adrp(uint32_t code, uint64_t address, unsigned *reg, uint64_t *page)
{
    if ((code & 0x9f000000u) != 0x90000000u) {
        return false;
    }
    *reg = code & 31u;
    *page = (address & ~UINT64_C(0xfff)) + (page_offset(code) << 12);
    return true;
}

/* add xD, xN, #constant (64 bit, not shifted) */
static bool is_add(uint32_t code, unsigned from, uint64_t *constant)
{
    *constant = (code >> 10) & 0xfffu;
    return (code & 0xffc00000u) == 0x91000000u && ((code >> 5) & 31u) == from;
}

/* ldr xD, [xN, #constant] */
static bool is_load(uint32_t code, unsigned from, uint64_t *constant)
{
    *constant = (uint64_t)((code >> 10) & 0xfffu) * 8;
    return (code & 0xffc00000u) == 0xf9400000u && ((code >> 5) & 31u) == from;
}

static bool is_hint(uint32_t code)
{
    return (code & 0xfffff01fu) == 0xd503201fu; /* nop, bti */
}

/* stp x29, x30, [sp, -16]!; mov x29, sp; ldp x29, x30, [sp], 16 */
static bool is_frame(uint32_t code)
{
    return code == 0xa9bf7bfdu || code == 0x910003fdu || code == 0xa8c17bfdu;
}

/* The address that a use of register `from` names: add, or a load or store of any size
 * with an unsigned offset, when the register holds `base`. */
static bool names(uint32_t code, unsigned from, uint64_t base, uint64_t *address)
{
    uint64_t constant = 0;
    if (is_add(code, from, &constant)) {
        *address = base + constant;
        return true;
    }
    /* ldr, str: 1, 2, 4, 8 or 16 bytes */
    if ((code & 0x3b000000u) == 0x39000000u && ((code >> 5) & 31u) == from) {
        unsigned scale = code >> 30;
        if ((code & 0x04800000u) == 0x04800000u) { /* a vector register of 16 bytes */
            scale = 4;
        }
        *address = base + (constant << scale);
        return true;
    }
    return false;
}

/* Whether an instruction may leave another value in a register. */
static bool may_write(uint32_t code, unsigned reg)
{
    bool is_store = (code & 0x3bc00000u) == 0x39000000u  /* str, unsigned offset */
                    || (code & 0x3a400000u) == 0x28000000u; /* stp */
    bool is_call = (code & 0xfc000000u) == 0x94000000u || (code & 0xfe000000u) == 0xd6000000u;
    return (is_call && (reg < 19 || reg == 30))
           || (!is_store && ((code & 31u) == reg || ((code >> 10) & 31u) == reg));
}

/* Whether what follows `adrp register, page` at `at` names an address in the range, in
 * straight line and through one more register at most. */
static bool page_names(const abiscan_image *image, uint64_t at, unsigned reg, uint64_t page,
                       abiscan_range range)
{
    unsigned second = 32;
    uint64_t base = 0, address = 0;
    uint32_t code = 0;
    for (unsigned i = 1; i <= WINDOW && code_at(image, at + 4 * i, &code); i++) {
        bool is_first = names(code, reg, page, &address);
        if ((is_first || names(code, second, base, &address))
            && address - range.address < range.size) {
            return true;
        }
        if (code == 0xd65f03c0u || (code & 0xfc000000u) == 0x14000000u) {
            return false; /* ret, b: what follows is reached from elsewhere */
        }
        uint64_t ignored = 0;
        bool is_sum = is_add(code, reg, &ignored);
        reg = may_write(code, reg) ? 32 : reg;
        second = is_sum ? code & 31u : may_write(code, second) ? 32 : second;
        base = is_sum ? address : base;
    }
    return false;
}

abiscan_answer abiscan_aarch64_names(const abiscan_image *image, abiscan_range range,
                                     abiscan_range except)
{
    code_piece piece;
    for (size_t i = 0; next_code(image, &i, &piece);) {
        for (uint64_t at = 0; at + 4 <= piece.size; at += 4) {
            uint64_t address = piece.address + at, named = 0, page = 0;
            uint32_t code = read_code(piece.bytes + at);
            unsigned reg = 0;
            if (address - except.address < except.size) {
                continue;
            }
            if ((is_adr(code, address, &named) && named - range.address < range.size)
                || (is_adrp(code, address, &reg, &page)
                    && range.address + range.size - page <= range.size + MOST_OFFSET
                    && page_names(image, address, reg, page, range))) {
                return ABISCAN_YES;
            }
        }
    }
    return ABISCAN_NO;
}

abiscan_answer abiscan_aarch64_returns(const abiscan_image *image, uint64_t function,
                                       uint64_t *address, abiscan_range *extent)
{
    unsigned reg = 32;
    uint64_t page = 0, constant = 0, found = 0;
    bool is_known = false;
    for (unsigned steps = 0; steps < 8; steps++) {
        uint32_t code = 0;
        uint64_t at = function + 4 * steps;
        if (!code_at(image, at, &code)) {
            return ABISCAN_CANNOT_TELL;
        }
        if (is_hint(code) || is_frame(code)) {
            continue;
        }
        if (code == 0xd65f03c0u) { /* ret */
            *address = found;
            extent->address = function;
            extent->size = at + 4 - function;
            return is_known ? ABISCAN_YES : ABISCAN_CANNOT_TELL;
        }
        if (is_adrp(code, at, &reg, &page)) {
            found = page;
            is_known = reg == 0;
        } else if ((code & 31u) == 0 && is_adr(code, at, &constant)) {
            found = constant;
            is_known = true;
        } else if (reg < 32 && (code & 31u) == 0 && is_add(code, reg, &constant)) {
            found = page + constant;
            is_known = true;
        } else if (reg < 32 && (code & 31u) == 0 && is_load(code, reg, &constant)) {
            abiscan_word_value word = abiscan_image_word(image, page + constant);
            if (word.kind != ABISCAN_WORD_POINTER) {
                return ABISCAN_CANNOT_TELL;
            }
            found = word.value;
            is_known = true;
        } else {
            return ABISCAN_CANNOT_TELL;
        }
    }
    return ABISCAN_CANNOT_TELL;
}

static bool is_import_cell(const abiscan_image *image, uint64_t address, size_t import)
{
    const abiscan_cell *cell = abiscan_cell_at(image, address);
    return cell != NULL && cell->is_import && cell->target == import;
}

/* Whether a stub (ELF's PLT, Mach-O's __stubs) at `address` jumps through a pointer
 * to the import:  adrp; ldr; perhaps add; br. */
static bool is_stub(const abiscan_image *image, uint64_t address, size_t import)
{
    uint32_t code = 0;
    unsigned reg = 32;
    uint64_t page = 0, constant = 0;
    if (!code_at(image, address, &code)) {
        return false;
    }
    if (is_hint(code)) {
        address += 4;
    }
    if (!code_at(image, address, &code) || !is_adrp(code, address, &reg, &page)
        || !code_at(image, address + 4, &code) || !is_load(code, reg, &constant)
        || !is_import_cell(image, page + constant, import)) {
        return false;
    }
    uint32_t branch = 0xd61f0000u | (code & 31u) << 5;
    uint64_t at = address + 8;
    if (code_at(image, at, &code) && is_add(code, reg, &constant)) {
        at += 4;
    }
    return code_at(image, at, &code) && code == branch;
}

/* Whether code behind the adrp at `address` loads a pointer to the import for
 * anything but a stub's jump: it may call through a register, or pass it on. */
static bool takes_pointer(const abiscan_image *image, uint64_t address, size_t import)
{
    uint32_t code = 0;
    unsigned reg = 32;
    uint64_t page = 0, constant = 0;
    if (!code_at(image, address, &code)) {
        return false;
    }
    if ((code & 0xff000000u) == 0x58000000u) { /* ldr x, address: adrp and ldr joined */
        return is_import_cell(image, address + (extend((code >> 5) & 0x7ffffu, 19) << 2), import);
    }
    if (!is_adrp(code, address, &reg, &page) || is_stub(image, address, import)) {
        return false;
    }
    for (unsigned step = 1; step <= WINDOW && code_at(image, address + 4 * step, &code); step++) {
        unsigned other = 32;
        uint64_t ignored = 0;
        if (is_load(code, reg, &constant) && is_import_cell(image, page + constant, import)) {
            return true;
        }
        if ((is_load(code, reg, &constant) && (code & 31u) == reg)
            || (is_adrp(code, address, &other, &ignored) && other == reg)
            || (code & 0xfe000000u) == 0xd6000000u) { /* br, blr, ret */
            return false; /* the register holds something else */
        }
    }
    return false;
}

/* The target of a direct branch; *is_call for bl. */
static bool is_branch(uint32_t code, uint64_t address, uint64_t *target, bool *is_call)
{
    *is_call = false;
    if ((code & 0x7c000000u) == 0x14000000u) { /* b, bl */
        *is_call = (code & 0x80000000u) != 0;
        *target = address + (extend(code & 0x3ffffffu, 26) << 2);
        return true;
    }
    if ((code & 0xff000000u) == 0x54000000u || (code & 0x7e000000u) == 0x34000000u) {
        *target = address + (extend((code >> 5) & 0x7ffffu, 19) << 2); /* b.cond, cbz */
        return true;
    }
    if ((code & 0x7e000000u) == 0x36000000u) {
        *target = address + (extend((code >> 5) & 0x3fffu, 14) << 2); /* tbz */
        return true;
    }
    return false;
}

/* Whether anything branches behind `written` up to and including `site`. */
static bool is_jumped_into(const abiscan_image *image, uint64_t written, uint64_t site)
{
    code_piece piece;
    for (size_t i = 0; next_code(image, &i, &piece);) {
        for (uint64_t at = 0; at + 4 <= piece.size; at += 4) {
            uint64_t target = 0;
            bool is_call = false;
            if (is_branch(read_code(piece.bytes + at), piece.address + at, &target, &is_call)
                && target > written && target <= site) {
                return true;
            }
        }
    }
    return false;
}

static abiscan_answer argument_at(const abiscan_image *image, uint64_t site, uint64_t *value)
{
    for (uint64_t back = 4; back <= 4 * WINDOW && back <= site; back += 4) {
        uint32_t code = 0;
        uint64_t at = site - back, target = 0;
        bool is_call = false, is_constant = true;
        if (!code_at(image, at, &code)) {
            return ABISCAN_CANNOT_TELL;
        }
        if ((code & 0x7fe0001fu) == 0x52800001u) { /* mov w1 or x1, #constant */
            *value = (code >> 5) & 0xffffu;
        } else if ((code & 0x7fffffffu) == 0x2a1f03e1u) { /* mov w1 or x1, zero */
            *value = 0;
        } else {
            is_constant = false;
        }
        if (is_constant) {
            return is_jumped_into(image, at, site) ? ABISCAN_CANNOT_TELL : ABISCAN_YES;
        }
        /* Stop at what may write x1 (as first or second register) or leave. */
        bool is_conditional = is_branch(code, at, &target, &is_call)
                              && (code & 0x7c000000u) != 0x14000000u;
        if ((!is_conditional && is_branch(code, at, &target, &is_call))
            || (code & 0xfe000000u) == 0xd6000000u) { /* br, blr, ret */
            return ABISCAN_CANNOT_TELL;
        }
        if (!is_conditional && ((code & 31u) == 1 || ((code >> 10) & 31u) == 1)) {
            return ABISCAN_CANNOT_TELL;
        }
    }
    return ABISCAN_CANNOT_TELL;
}

/* Windows code calls through the pointer itself: adrp xN; ldr xM, [xN, #constant];
 * blr xM, with others in between. */

/* The pages that adrp left in the registers, as far as straight-line code tells. */
typedef struct page_state {
    bool is_known[32];
    uint64_t page[32];
    uint64_t since[32]; /* the address of the adrp */
} page_state;

static void follow(page_state *state, uint32_t code, uint64_t at)
{
    uint64_t target = 0, page = 0;
    bool is_call = false;
    unsigned reg = 0;
    if (is_branch(code, at, &target, &is_call)) {
        if (is_call) {
            memset(state->is_known, 0, 19 * sizeof state->is_known[0]); /* x0 to x18 */
        }
        return;
    }
    if ((code & 0x3e400000u) == 0x28400000u) { /* ldp: a second register */
        state->is_known[(code >> 10) & 31u] = false;
    }
    state->is_known[code & 31u] = false;
    if (is_adrp(code, at, &reg, &page)) {
        state->is_known[reg] = true;
        state->page[reg] = page;
        state->since[reg] = at;
    }
}

static bool holds_page(const page_state *state, unsigned reg, uint64_t page, uint64_t at)
{
    return state->is_known[reg] && state->page[reg] == page
           && at - state->since[reg] <= 4 * PAGE_WINDOW;
}

/* The call of a pointer that was loaded into `reg` at `at`; 0: the pointer may be used
 * otherwise. */
static uint64_t call_of(const abiscan_image *image, uint64_t at, unsigned reg)
{
    for (unsigned steps = 1; steps <= WINDOW; steps++) {
        uint32_t code = 0;
        uint64_t target = 0;
        bool is_call = false;
        at += 4;
        if (!code_at(image, at, &code)) {
            return 0;
        }
        if ((code & 0xffdffc1fu) == 0xd61f0000u && ((code >> 5) & 31u) == reg) {
            return at; /* br, blr */
        }
        /* Any other mention of the register counts, and what only looks like one. */
        if (is_branch(code, at, &target, &is_call) || (code & 0xfe000000u) == 0xd6000000u
            || (code & 31u) == reg || ((code >> 5) & 31u) == reg || ((code >> 10) & 31u) == reg
            || ((code >> 16) & 31u) == reg) {
            return 0;
        }
    }
    return 0;
}

/* Whether adrp, ldr, br at `start` are a stub that the linker made and nothing calls:
 * the code before does not run into it, and no pointer leads to it. */
static bool is_unused_stub(const abiscan_image *image, uint64_t start, uint64_t load)
{
    uint32_t before = 0, last = 0;
    if (load != start + 4 || start < 4 || !code_at(image, start - 4, &before)
        || !code_at(image, load + 4, &last) || (last & 0xfffffc1fu) != 0xd61f0000u) {
        return false;
    }
    bool is_end = (before & 0xfffffc1fu) == 0xd61f0000u || before == 0xd65f03c0u
                  || (before & 0xfc000000u) == 0x14000000u; /* br, ret, b */
    for (size_t i = 0; i < image->cell_count && is_end; i++) {
        is_end = image->cells[i].is_import || image->cells[i].target != start;
    }
    return is_end;
}

typedef struct call_list {
    uint64_t sites[SITE_LIMIT];
    size_t count;
    size_t unused_count; /* stubs looked at; each costs a look at all pointers */
} call_list;

/* Calls through a pointer to the import.  False: it may be used otherwise, too. */
static bool find_pointer_calls(const abiscan_image *image, uint64_t cell, const uint64_t *stubs,
                               size_t stub_count, call_list *calls)
{
    uint64_t page = cell & ~UINT64_C(0xfff);
    code_piece piece;
    for (size_t i = 0; next_code(image, &i, &piece);) {
        page_state state;
        memset(&state, 0, sizeof state);
        for (uint64_t at = 0; at + 4 <= piece.size; at += 4) {
            uint32_t code = read_code(piece.bytes + at);
            uint64_t address = piece.address + at, constant = 0;
            unsigned base = (code >> 5) & 31u;
            bool is_loaded = is_load(code, base, &constant) && page + constant == cell;
            bool is_named = is_add(code, base, &constant) && page + constant == cell;
            bool is_ours
                = (is_loaded || is_named) && holds_page(&state, base, page, address);
            follow(&state, code, address);
            if (!is_ours) {
                continue;
            }
            bool is_of_stub = false;
            for (size_t k = 0; k < stub_count; k++) {
                is_of_stub = is_of_stub || address - stubs[k] <= 8;
            }
            uint64_t site = is_loaded ? call_of(image, address, code & 31u) : 0;
            if (site == address + 4
                && (is_of_stub
                    || (++calls->unused_count <= STUB_LIMIT
                        && is_unused_stub(image, state.since[base], address)))) {
                continue;
            }
            if (site == 0 || calls->count == SITE_LIMIT) {
                return false;
            }
            calls->sites[calls->count++] = site;
        }
    }
    return true;
}

abiscan_answer abiscan_aarch64_second_argument(const abiscan_image *image, size_t import,
                                               uint64_t *value)
{
    uint64_t stubs[STUB_LIMIT];
    uint64_t called_stubs[SITE_LIMIT]; /* the others are calls that look like a stub */
    size_t stub_count = 0, called_count = 0, site_count = 0, cell_count = 0;
    bool has_one = false;
    for (int pass = 0; pass < 2; pass++) {
        code_piece piece;
        for (size_t i = 0; next_code(image, &i, &piece);) {
            for (uint64_t at = 0; at + 4 <= piece.size; at += 4) {
                uint64_t address = piece.address + at, target = 0;
                uint32_t code = read_code(piece.bytes + at);
                bool is_call = false;
                if (pass == 0) {
                    /* On Windows calls go through the pointer itself: see below. */
                    if (image->convention != ABISCAN_CONVENTION_WINDOWS
                        && takes_pointer(image, address, import)) {
                        return ABISCAN_CANNOT_TELL;
                    }
                    /* A stub begins with adrp, or with a hint before it. */
                    if (((code & 0x9f000000u) == 0x90000000u || is_hint(code))
                        && is_stub(image, address, import)) {
                        if (stub_count == STUB_LIMIT) {
                            return ABISCAN_CANNOT_TELL;
                        }
                        stubs[stub_count++] = address;
                    }
                    continue;
                }
                if ((code & 0x7c000000u) != 0x14000000u
                    || !is_branch(code, address, &target, &is_call)) {
                    continue;
                }
                bool is_ours = false;
                for (size_t k = 0; k < stub_count; k++) {
                    is_ours = is_ours || stubs[k] == target;
                }
                uint64_t argument = 0;
                if (!is_ours) {
                    continue;
                }
                if (++site_count > SITE_LIMIT
                    || argument_at(image, address, &argument) != ABISCAN_YES
                    || (has_one && argument != *value)) {
                    return ABISCAN_CANNOT_TELL;
                }
                has_one = true;
                *value = argument;
                called_stubs[called_count++] = target;
            }
        }
    }
    if (image->convention == ABISCAN_CONVENTION_WINDOWS) {
        call_list calls = {{0}, 0, 0};
        for (size_t i = 0; i < image->cell_count; i++) {
            const abiscan_cell *cell = &image->cells[i];
            if (cell->is_import && cell->target == import
                && (++cell_count > STUB_LIMIT
                    || !find_pointer_calls(image, cell->address, called_stubs, called_count,
                                           &calls))) {
                return ABISCAN_CANNOT_TELL;
            }
        }
        for (size_t i = 0; i < calls.count; i++) {
            uint64_t argument = 0;
            if (argument_at(image, calls.sites[i], &argument) != ABISCAN_YES
                || (has_one && argument != *value)) {
                return ABISCAN_CANNOT_TELL;
            }
            has_one = true;
            *value = argument;
        }
    }
    return has_one ? ABISCAN_YES : ABISCAN_CANNOT_TELL;
}
