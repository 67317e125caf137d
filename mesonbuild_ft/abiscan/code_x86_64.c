/* SPDX-License-Identifier: MIT */
/* x86-64, after the Intel SDM, volume 2: instruction lengths, and the meaning
 * of the handful of instructions that matter here. */
#include "code.h"

#include <string.h>

enum {
    RCX = 1,
    RDX = 2,
    RSI = 6,
    RDI = 7,
    LONGEST_FUNCTION = 1 << 20, /* bytes to decode before giving up */
    LONGEST_INSTRUCTION = 15,
    STUB_LIMIT = 16,
    SITE_LIMIT = 16,
    HIT_LIMIT = 64,
    JUMP_LIMIT = 8
};

typedef struct instruction {
    unsigned length;
    unsigned map;      /* 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A */
    unsigned opcode;
    unsigned rex;      /* 0 when absent */
    bool is_vector;    /* VEX or EVEX: opcode numbers mean something else */
    bool has_modrm;
    unsigned mod, reg, rm;
    bool has_sib;
    unsigned base, index; /* of the SIB byte */
    bool has_operand_prefix; /* 66 */
    bool is_rip_relative;
    uint64_t memory;   /* the address of a rip-relative operand */
    uint64_t immediate;
    unsigned immediate_size;
    bool is_branch;    /* has a target in the code */
    uint64_t target;
} instruction;

static uint64_t little(const unsigned char *bytes, unsigned length)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < length; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* Written out, compilers make one load of it. */
static uint32_t little_32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16
           | (uint32_t)bytes[3] << 24;
}

static uint64_t extend(uint64_t value, unsigned length)
{
    uint64_t sign = UINT64_C(1) << (8 * length - 1);
    return (value ^ sign) - sign;
}

/* Immediate bytes of the one-byte opcodes; `word` is 4, or 2 after a 66 prefix. */
static bool one_byte_operands(instruction *in, unsigned word, bool has_address_prefix)
{
    unsigned op = in->opcode;
    in->has_modrm = false;
    in->immediate_size = 0;
    if (op < 0x40) {
        unsigned low = op & 7u;
        if (low < 4) {
            in->has_modrm = true;
        } else if (low == 4) {
            in->immediate_size = 1;
        } else if (low == 5) {
            in->immediate_size = word;
        } else {
            return false; /* prefixes were taken, the rest is not in 64-bit mode */
        }
        return true;
    }
    if (op >= 0x50 && op <= 0x5f) {
        return true;
    }
    if (op >= 0x70 && op <= 0x7f) {
        in->immediate_size = 1;
        in->is_branch = true;
        return true;
    }
    if (op >= 0x84 && op <= 0x8f) {
        in->has_modrm = true;
        return true;
    }
    if (op >= 0xb0 && op <= 0xb7) {
        in->immediate_size = 1;
        return true;
    }
    if (op >= 0xb8 && op <= 0xbf) {
        in->immediate_size = (in->rex & 8u) != 0 ? 8 : word;
        return true;
    }
    if (op >= 0xd8 && op <= 0xdf) {
        in->has_modrm = true;
        return true;
    }
    switch (op) {
    case 0x63:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xfe:
    case 0xff:
    case 0xf6: /* immediates of these two depend on the reg field */
    case 0xf7:
        in->has_modrm = true;
        return true;
    case 0x68:
    case 0xa9:
        in->immediate_size = word;
        return true;
    case 0x69:
    case 0x81:
    case 0xc7:
        in->has_modrm = true;
        in->immediate_size = word;
        return true;
    case 0x6b:
    case 0x80:
    case 0x83:
    case 0xc0:
    case 0xc1:
    case 0xc6:
        in->has_modrm = true;
        in->immediate_size = 1;
        return true;
    case 0x6a:
    case 0xa8:
    case 0xcd:
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
        in->immediate_size = 1;
        return true;
    case 0xe0:
    case 0xe1:
    case 0xe2:
    case 0xe3:
    case 0xeb:
        in->immediate_size = 1;
        in->is_branch = true;
        return true;
    case 0xe8:
    case 0xe9:
        in->immediate_size = 4;
        in->is_branch = true;
        return true;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
        in->immediate_size = has_address_prefix ? 4 : 8;
        return true;
    case 0xc2:
    case 0xca:
        in->immediate_size = 2;
        return true;
    case 0xc8:
        in->immediate_size = 3;
        return true;
    case 0x06:
    case 0x07:
    case 0x60:
    case 0x61:
    case 0x62:
    case 0x82:
    case 0x9a:
    case 0xc4:
    case 0xc5:
    case 0xce:
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xea:
        return false;
    default:
        return true;
    }
}

static void two_byte_operands(instruction *in)
{
    unsigned op = in->opcode;
    in->has_modrm = true;
    in->immediate_size = 0;
    if (!in->is_vector) {
        if (op >= 0x80 && op <= 0x8f) {
            in->has_modrm = false;
            in->immediate_size = 4;
            in->is_branch = true;
            return;
        }
        if ((op >= 0x05 && op <= 0x0b && op != 0x0a) || op == 0x0e || (op >= 0x30 && op <= 0x37)
            || op == 0x77 || (op >= 0xa0 && op <= 0xa2) || (op >= 0xa8 && op <= 0xaa)
            || (op >= 0xc8 && op <= 0xcf)) {
            in->has_modrm = false;
            return;
        }
        if (op == 0xa4 || op == 0xac || op == 0xba) {
            in->immediate_size = 1;
            return;
        }
    } else if (op == 0x77) {
        in->has_modrm = false; /* vzeroupper */
        return;
    }
    if ((op >= 0x70 && op <= 0x73) || op == 0xc2 || (op >= 0xc4 && op <= 0xc6)) {
        in->immediate_size = 1;
    }
}

/* One instruction at the start of `bytes`; false when it is not understood. */
static bool decode(const unsigned char *bytes, size_t size, uint64_t address, instruction *in)
{
    size_t at = 0;
    bool has_address_prefix = false;
    memset(in, 0, sizeof *in);
    if (size > LONGEST_INSTRUCTION) {
        size = LONGEST_INSTRUCTION;
    }
    for (; at < size; at++) {
        unsigned byte = bytes[at];
        if (byte == 0x66) {
            in->has_operand_prefix = true;
        } else if (byte == 0x67) {
            has_address_prefix = true;
        } else if (byte != 0xf0 && byte != 0xf2 && byte != 0xf3 && byte != 0x2e && byte != 0x36
                   && byte != 0x3e && byte != 0x26 && byte != 0x64 && byte != 0x65) {
            break;
        }
    }
    if (at < size && bytes[at] >= 0x40 && bytes[at] <= 0x4f) {
        in->rex = bytes[at++];
    }
    if (at >= size) {
        return false;
    }
    unsigned first = bytes[at];
    if (first == 0xc5 || first == 0xc4 || first == 0x62) {
        unsigned prefix = first == 0xc5 ? 2 : first == 0xc4 ? 3 : 4;
        if (size - at <= prefix || in->rex != 0) {
            return false;
        }
        in->is_vector = true;
        in->map = first == 0xc5 ? 1 : bytes[at + 1] & (first == 0xc4 ? 0x1fu : 7u);
        at += prefix;
        in->opcode = bytes[at++];
        if (in->map == 0 || in->map == 4 || in->map > 6) {
            return false;
        }
        if (in->map == 1) {
            two_byte_operands(in);
        } else {
            in->has_modrm = true;
            in->immediate_size = in->map == 3 ? 1 : 0;
        }
    } else if (first == 0x0f) {
        if (size - at < 2) {
            return false;
        }
        unsigned second = bytes[at + 1];
        if (second == 0x38 || second == 0x3a) {
            if (size - at < 3) {
                return false;
            }
            in->map = second == 0x38 ? 2 : 3;
            in->opcode = bytes[at + 2];
            in->has_modrm = true;
            in->immediate_size = second == 0x3a ? 1 : 0;
            at += 3;
        } else {
            in->map = 1;
            in->opcode = second;
            at += 2;
            two_byte_operands(in);
        }
    } else {
        in->opcode = first;
        at++;
        unsigned word = in->has_operand_prefix && (in->rex & 8u) == 0 ? 2 : 4;
        if (!one_byte_operands(in, word, has_address_prefix)) {
            return false;
        }
    }

    size_t displacement_at = 0;
    if (in->has_modrm) {
        if (at >= size) {
            return false;
        }
        unsigned modrm = bytes[at++];
        in->mod = modrm >> 6;
        in->reg = ((modrm >> 3) & 7u) | ((in->rex & 4u) << 1);
        in->rm = (modrm & 7u) | ((in->rex & 1u) << 3);
        unsigned displacement = in->mod == 1 ? 1 : in->mod == 2 ? 4 : 0;
        if (in->mod != 3 && (modrm & 7u) == 4) {
            if (at >= size) {
                return false;
            }
            if (in->mod == 0 && (bytes[at] & 7u) == 5) {
                displacement = 4;
            }
            in->has_sib = true;
            in->base = (bytes[at] & 7u) | ((in->rex & 1u) << 3);
            in->index = ((bytes[at] >> 3) & 7u) | ((in->rex & 2u) << 2);
            at++;
        } else if (in->mod == 0 && (modrm & 7u) == 5) {
            displacement = 4;
            in->is_rip_relative = true;
        }
        displacement_at = at;
        at += displacement;
        if (!in->is_vector && in->map == 0 && (modrm & 0x30u) == 0) {
            if (in->opcode == 0xf6) {
                in->immediate_size = 1;
            } else if (in->opcode == 0xf7) {
                in->immediate_size = in->has_operand_prefix && (in->rex & 8u) == 0 ? 2 : 4;
            }
        }
    }
    if (at > size || size - at < in->immediate_size) {
        return false;
    }
    in->immediate = little(bytes + at, in->immediate_size > 8 ? 8 : in->immediate_size);
    at += in->immediate_size;
    in->length = (unsigned)at;
    if (in->is_rip_relative) {
        in->memory = address + in->length + extend(little_32(bytes + displacement_at), 4);
    }
    if (in->is_branch) {
        in->target = address + in->length + extend(in->immediate, in->immediate_size);
    }
    return true;
}

static bool is_one_byte(const instruction *in, unsigned opcode)
{
    return in->map == 0 && !in->is_vector && in->opcode == opcode;
}

static bool is_jump(const instruction *in)
{
    return is_one_byte(in, 0xe9) || is_one_byte(in, 0xeb);
}

/* ---- references ------------------------------------------------------- */

/* The executable segments that have room for a displaced operand, one after the
 * other; `number` counts from 0.  NULL bytes, and then no size: not in the file. */
typedef struct code_piece {
    const unsigned char *bytes;
    uint64_t size;
    uint64_t address;
} code_piece;

static bool next_code(const abiscan_image *image, size_t *number, code_piece *piece)
{
    while (*number < image->segment_count) {
        const abiscan_segment *segment = &image->segments[(*number)++];
        if (segment->is_executable && segment->file_size >= 5) {
            piece->bytes
                = abiscan_bytes(&image->file, segment->file_offset, segment->file_size);
            piece->size = piece->bytes == NULL ? 0 : segment->file_size;
            piece->address = segment->address;
            return true;
        }
    }
    return false;
}

/* The address that the 32-bit displacement behind the byte at `at` names. */
static uint64_t displaced(const code_piece *code, size_t at)
{
    return code->address + at + 5 + extend(little_32(code->bytes + at + 1), 4);
}

/* The first offset from `at` whose byte is `bits` under `mask`, with room for a displacement
 * behind it; code->size: there is none. */
static size_t next_byte(const code_piece *code, size_t at, unsigned mask, unsigned bits)
{
    /* Eight bytes at once: few of them are, and all code is gone through. */
    const uint64_t ones = UINT64_C(0x0101010101010101);
    while (at + 12 <= code->size) {
        uint64_t differs = 0; /* in whatever byte order */
        memcpy(&differs, code->bytes + at, sizeof differs);
        differs = (differs & (mask * ones)) ^ (bits * ones);
        if (((differs - ones) & ~differs & (0x80u * ones)) != 0) {
            break;
        }
        at += 8;
    }
    for (; at + 5 <= code->size; at++) {
        if ((code->bytes[at] & mask) == bits) {
            return at;
        }
    }
    return (size_t)code->size;
}

/* Looks for bytes of one kind that a displacement into a range follows: `(byte & mask) == bits`,
 * a ModRM byte or an opcode.  next_displaced() gives their offsets, not in order. */
typedef struct displaced_search {
    const code_piece *code;
    uint64_t low, size; /* the range */
    unsigned mask, bits;
    size_t start, end; /* the piece of code that is gone through now */
    size_t at;
    uint64_t upper, last; /* what the upper half of a displacement from there may be */
} displaced_search;

static displaced_search search_displaced(const code_piece *code, uint64_t low, uint64_t size,
                                         unsigned mask, unsigned bits)
{
    displaced_search search = {code, low, size, mask, bits, 0, 0, 0, 0, 0};
    return search;
}

static displaced_search search_operands(const code_piece *code, uint64_t low, uint64_t size)
{
    return search_displaced(code, low, size, 0xc7, 5); /* relative to rip: mod 0, rm 5 */
}

/* The next offset, code->size: there is none.  Displacements from a few thousand bytes into a
 * short range share their upper half, or have two or three: memchr finds these bytes. */
static size_t next_displaced(displaced_search *search)
{
    enum { PIECE = 1 << 14, SHORT_RANGE = 1 << 16 };
    const uint64_t all = UINT64_MAX >> 16;
    const code_piece *code = search->code;
    if (search->size > SHORT_RANGE) {
        while ((search->at = next_byte(code, search->at, search->mask, search->bits))
               < code->size) {
            size_t at = search->at++;
            if (displaced(code, at) - search->low < search->size) {
                return at;
            }
        }
        return (size_t)code->size;
    }
    for (;;) {
        while (search->at < search->end) {
            const unsigned char *hit = memchr(code->bytes + search->at + 3,
                                              (int)(search->upper & 0xffu),
                                              search->end - search->at);
            if (hit == NULL) {
                break;
            }
            size_t at = (size_t)(hit - code->bytes) - 3;
            search->at = at + 1;
            if (hit[1] == (search->upper >> 8 & 0xffu)
                && (code->bytes[at] & search->mask) == search->bits
                && displaced(code, at) - search->low < search->size) {
                return at;
            }
        }
        if (search->upper != search->last) {
            search->upper = (search->upper + 1) & all;
            search->at = search->start;
            continue;
        }
        search->start = search->end;
        if (search->size == 0 || search->start + 5 > code->size) {
            return (size_t)code->size;
        }
        uint64_t left = code->size - 4 - search->start;
        search->end = search->start + (size_t)(left < PIECE ? left : PIECE);
        search->at = search->start;
        uint64_t behind = search->low - code->address - 5; /* a displacement from offset 0 */
        search->upper = (behind - (search->end - 1)) >> 16;
        search->last = (behind + search->size - 1 - search->start) >> 16;
    }
}

/* How many immediate bytes may follow the operand whose ModRM byte is at `at`, as
 * a set of bits 1 << count.  Reads matter less than stores and lea: a vector
 * instruction that only reads may be taken for a shorter one. */
static unsigned immediate_sizes(const unsigned char *bytes, size_t at)
{
    enum { NONE = 1 << 0, ONE = 1 << 1, TWO = 1 << 2, FOUR = 1 << 4, LONGEST_PREFIX = 4 };
    unsigned word = FOUR; /* or two bytes where a prefix makes the operand that small */
    for (size_t i = 2; i < 2 + LONGEST_PREFIX && i <= at; i++) {
        if (bytes[at - i] == 0x66) {
            word = TWO | FOUR;
        }
    }
    switch (at < 1 ? 0 : bytes[at - 1]) {
    case 0x80:
    case 0x83:
    case 0xc6:
        return ONE;
    case 0x81:
        return word;
    case 0x6b:
    case 0xc0:
    case 0xc1:
        return NONE | ONE; /* without an immediate after 0F */
    case 0x69:
        return NONE | TWO | FOUR;
    case 0xc7: /* cmpxchg8b after 0F */
        return at < 2 || bytes[at - 2] == 0x0f ? NONE | word : word;
    case 0xf6:
    case 0xf7:
        return NONE | ONE | TWO | FOUR;
    default:
        break;
    }
    bool is_map_3 = (at >= 2 && bytes[at - 2] == 0x3a)
                    || (at >= 4 && bytes[at - 4] == 0xc4 && (bytes[at - 3] & 0x1fu) == 3)
                    || (at >= 5 && bytes[at - 5] == 0x62 && (bytes[at - 4] & 7u) == 3);
    return is_map_3 ? NONE | ONE : NONE;
}

/* How many bytes the operand in memory has at most whose ModRM byte is at `at`; 0: that is not
 * known, or the instruction does not access it but makes a pointer (lea).  Known are those by
 * which compilers read and write numbers, and jump through pointers. */
static unsigned operand_size(const unsigned char *bytes, size_t at)
{
    if (at < 5) { /* no room for the longest prefix and the opcode */
        return 0;
    }
    unsigned op = bytes[at - 1], before = bytes[at - 2];
    unsigned operation = (bytes[at] >> 3) & 7u;
    if (op == 0xff && (operation == 2 || operation == 4 || operation == 6)) {
        return 8; /* call, jmp, push; no vector instruction has this opcode */
    }
    /* VEX, REX2, XOP and EVEX; such bytes may also belong to the instruction before. */
    if (bytes[at - 3] == 0xc5 || bytes[at - 3] == 0xd5 || bytes[at - 4] == 0xc4
        || bytes[at - 4] == 0x8f || bytes[at - 5] == 0x62 || before == 0x38 || before == 0x3a) {
        return 0;
    }
    bool is_byte = (op & 1u) == 0;
    if (before == 0x0f) {
        bool is_extended = op == 0xb6 || op == 0xb7 || op == 0xbe || op == 0xbf;
        return !is_extended ? 0 : is_byte ? 1 : 2; /* movzx, movsx */
    }
    bool is_plain = (op < 0x40 && (op & 7u) < 4) /* add to cmp */
                    || (op >= 0x80 && op <= 0x8b && op != 0x82)
                    || op == 0xc0 || op == 0xc1 || (op >= 0xd0 && op <= 0xd3) /* shifts */
                    || ((op == 0xc6 || op == 0xc7) && operation == 0)
                    || op == 0xf6 || op == 0xf7
                    || ((op == 0xfe || op == 0xff) && operation <= 1); /* inc, dec */
    return !is_plain ? 0 : is_byte ? 1 : (before & 0xf8u) == 0x48 ? 8 : 4;
}

/* Whether the function around an address may load the image base: lea register,
 * [rip + x].  Functions that call nothing are in no table, and short. */
static bool may_load_base(const abiscan_image *image, const code_piece *code, uint64_t address)
{
    enum { SHORT_FUNCTION = 0x1000 };
    uint64_t start = 0, end = 0;
    if (!abiscan_function_around(image, address, &start, &end)) {
        start = address < SHORT_FUNCTION ? 0 : address - SHORT_FUNCTION;
        end = address;
    }
    if (end - start > LONGEST_FUNCTION) {
        return true;
    }
    size_t at = start < code->address ? 0 : (size_t)(start - code->address);
    for (; at + 6 <= code->size && code->address + at < end; at++) {
        if (code->bytes[at] == 0x8d && (code->bytes[at + 1] & 0xc7u) == 5
            && displaced(code, at + 1) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the four bytes at `at` are such a distance, behind a ModRM byte of mod 2, perhaps
 * with a SIB byte between the two, in a function that may have the base. */
static bool is_from_base(const abiscan_image *image, const code_piece *code, size_t at,
                         abiscan_range range, abiscan_range except, unsigned *hits)
{
    const unsigned char *bytes = code->bytes;
    if (little_32(bytes + at) - range.address >= range.size
        || code->address + at - except.address < except.size) {
        return false;
    }
    bool is_direct = (bytes[at - 1] & 0xc0u) == 0x80 && (bytes[at - 1] & 7u) != 4;
    bool has_index = at >= 2 && (bytes[at - 2] & 0xc0u) != 0xc0 && (bytes[at - 2] & 7u) == 4;
    /* Each hit costs a look at its function: so many are no accident. */
    return (is_direct || has_index)
           && (++*hits > HIT_LIMIT || may_load_base(image, code, code->address + at));
}

/* Microsoft's compiler also adds an array's distance from the image base, which is our
 * address 0, to a register that holds the base: a 32-bit displacement. */
static bool refers_from_base(const abiscan_image *image, const code_piece *code,
                             abiscan_range range, abiscan_range except)
{
    unsigned hits = 0;
    uint64_t last = range.address + range.size - 1;
    if (code->size < 5 || range.size == 0) {
        return false;
    }
    if ((last >> 8) - (range.address >> 8) > 3) {
        for (size_t at = 1; at + 4 <= code->size; at++) {
            if (is_from_base(image, code, at, range, except, &hits)) {
                return true;
            }
        }
        return false;
    }
    /* All distances into a short array share the second byte, or two to four of them. */
    const unsigned char *end = code->bytes + code->size - 2;
    for (uint64_t high = range.address >> 8; high <= last >> 8; high++) {
        const unsigned char *hit = code->bytes + 2;
        while (hit < end
               && (hit = memchr(hit, (int)(high & 0xffu), (size_t)(end - hit))) != NULL) {
            size_t at = (size_t)(hit - code->bytes) - 1;
            if (little_32(code->bytes + at) >> 8 == high
                && is_from_base(image, code, at, range, except, &hits)) {
                return true;
            }
            hit++;
        }
    }
    return false;
}

/* Whether one of the few bytes before the ModRM byte at `address` begins an instruction that
 * names the range: for functions that are in no table, as those that call nothing on Windows. */
static bool looks_like_name(const abiscan_image *image, uint64_t address, abiscan_range range)
{
    enum { BEFORE = 4, BEHIND = 9 }; /* prefixes and opcode; ModRM, displacement, immediate */
    for (uint64_t before = 1; before <= BEFORE && before <= address; before++) {
        uint64_t size = before + BEHIND;
        const unsigned char *bytes = abiscan_image_bytes(image, address - before, size);
        if (bytes == NULL) { /* the code ends here */
            size = before + 5;
            bytes = abiscan_image_bytes(image, address - before, size);
        }
        instruction in;
        if (bytes != NULL && decode(bytes, (size_t)size, address - before, &in)
            && in.length > before && in.is_rip_relative
            /* lea and mov: data between functions may look like more */
            && (is_one_byte(&in, 0x8d) || is_one_byte(&in, 0x8b) || is_one_byte(&in, 0x89)
                || is_one_byte(&in, 0xc7))
            && in.memory - range.address < range.size) {
            return true;
        }
    }
    return false;
}

/* The instruction that has the byte at `address`, when the function around it is decoded from
 * its start.  False: that cannot be told. */
static bool instruction_around(const abiscan_image *image, uint64_t address, instruction *in,
                               uint64_t *begin)
{
    uint64_t start = 0, end = 0;
    if (!abiscan_function_around(image, address, &start, &end)
        || end - start > LONGEST_FUNCTION) {
        return false;
    }
    const unsigned char *bytes = abiscan_image_bytes(image, start, end - start);
    for (*begin = start; bytes != NULL && *begin <= address; *begin += in->length) {
        if (!decode(bytes + (*begin - start), (size_t)(end - *begin), *begin, in)) {
            return false;
        }
        if (*begin + in->length > address) {
            return true;
        }
    }
    return false;
}

/* Whether the instruction that has the byte at `address` names the range: no, where the
 * function around it shows that it has another operand. */
static bool may_name(const abiscan_image *image, uint64_t address, abiscan_range range)
{
    instruction in;
    uint64_t begin = 0;
    if (instruction_around(image, address, &in, &begin)) {
        return in.is_rip_relative && in.memory - range.address < range.size;
    }
    return looks_like_name(image, address, range);
}

/* before: so many bytes of the range are not meant: what touches only them does not count,
 * nor does lea, which only makes a pointer to them.
 * is_exact: a hit counts only if the function around it may have such an instruction, and a
 * distance from the image base, which many numbers look like, does not count. */
static abiscan_answer find_reference(const abiscan_image *image, abiscan_range range,
                                     uint64_t before, abiscan_range except, bool is_exact)
{
    code_piece code;
    unsigned hits = 0;
    for (size_t i = 0; next_code(image, &i, &code);) {
        const unsigned char *bytes = code.bytes;
        if (bytes == NULL) {
            return ABISCAN_CANNOT_TELL;
        }
        /* Position-independent code names data by mod 0, rm 5 and an offset from
         * the end of the instruction, which 0 to 4 immediate bytes may follow.
         * Every byte counts, so no boundary can be missed. */
        displaced_search search = search_operands(&code, range.address - 4, range.size + 4);
        for (size_t at; (at = next_displaced(&search)) < code.size;) {
            uint64_t target = displaced(&code, at);
            if (code.address + at - except.address < except.size) {
                continue;
            }
            unsigned sizes = immediate_sizes(bytes, at);
            unsigned operand = before == 0 ? 0 : operand_size(bytes, at);
            for (unsigned size = 0; size <= 4; size++) {
                uint64_t offset = target + size - range.address;
                if (offset < before
                    && ((operand != 0 && offset + operand <= before)
                        || (at >= 1 && bytes[at - 1] == 0x8d))) {
                    continue;
                }
                /* Each hit costs a look at its function: so many are no accident. */
                if (((sizes >> size) & 1u) != 0 && offset < range.size
                    && (!is_exact || ++hits > HIT_LIMIT
                        || may_name(image, code.address + at, range))) {
                    return ABISCAN_YES;
                }
            }
        }
        if (!is_exact && image->convention == ABISCAN_CONVENTION_WINDOWS
            && refers_from_base(image, &code, range, except)) {
            return ABISCAN_YES;
        }
    }
    return ABISCAN_NO;
}

abiscan_answer abiscan_x86_64_refers(const abiscan_image *image, abiscan_range range,
                                     uint64_t before, abiscan_range except)
{
    range.address -= before;
    range.size += before;
    return find_reference(image, range, before, except, false);
}

abiscan_answer abiscan_x86_64_names(const abiscan_image *image, abiscan_range range,
                                    abiscan_range except)
{
    return find_reference(image, range, 0, except, true);
}

/* ---- pointers that are handed on --------------------------------------- */

/* Whether the cell at an address holds a function of Python's. */
static bool is_python_cell(const abiscan_image *image, uint64_t address)
{
    const abiscan_cell *cell = abiscan_cell_at(image, address);
    if (cell == NULL || !cell->is_import || cell->target >= image->import_count) {
        return false;
    }
    abiscan_name name = image->imports[cell->target].name;
    return abiscan_name_starts(name, "Py") || abiscan_name_starts(name, "_Py");
}

static bool decode_at(const abiscan_image *image, uint64_t address, instruction *in)
{
    const abiscan_segment *segment = abiscan_segment_of(image, address);
    if (segment == NULL || !segment->is_executable
        || address - segment->address >= segment->file_size) {
        return false;
    }
    uint64_t room = segment->file_size - (address - segment->address);
    if (room > LONGEST_INSTRUCTION) {
        room = LONGEST_INSTRUCTION;
    }
    const unsigned char *bytes = abiscan_image_bytes(image, address, room);
    return bytes != NULL && decode(bytes, (size_t)room, address, in);
}

/* Whether a stub that jumps to a function of Python's lies at an address. */
static bool is_python_stub(const abiscan_image *image, uint64_t address)
{
    instruction in;
    if (decode_at(image, address, &in) && in.map == 1 && !in.is_vector && in.opcode == 0x1e) {
        address += in.length; /* endbr64 */
    }
    return decode_at(image, address, &in) && is_one_byte(&in, 0xff) && (in.reg & 7u) == 4
           && in.is_rip_relative && is_python_cell(image, in.memory);
}

/* Whether the operand in memory is found by one of the registers in a set of bits. */
static bool is_reached_by(const instruction *in, unsigned set)
{
    if (!in->has_modrm || in->mod == 3 || in->is_rip_relative) {
        return false;
    }
    return in->has_sib ? ((set >> in->base | set >> in->index) & 1u) != 0
                       : ((set >> in->rm) & 1u) != 0;
}

/* Which registers hold a pointer after one instruction.  False: it may be used by then. */
static bool keep_pointer(const instruction *in, unsigned *holders)
{
    unsigned op = in->opcode, low = (op & 7u) | ((in->rex & 1u) << 3);
    if (in->map == 1 && !in->is_vector && (op == 0x1e || op == 0x1f)) {
        return true; /* endbr64, nop */
    }
    if (in->map != 0 || in->is_vector || is_reached_by(in, *holders)) {
        return false;
    }
    bool is_register = in->mod == 3, has_reg = ((*holders >> in->reg) & 1u) != 0;
    bool has_rm = is_register && ((*holders >> in->rm) & 1u) != 0;
    if ((op == 0x89 || op == 0x8b) && is_register) { /* mov register, register */
        bool is_held = op == 0x89 ? has_reg : has_rm;
        unsigned to = 1u << (op == 0x89 ? in->rm : in->reg);
        *holders = is_held ? *holders | to : *holders & ~to;
        return !is_held || (in->rex & 8u) != 0;
    }
    if (op == 0x8b || op == 0x8d) { /* load, lea */
        *holders &= ~(1u << in->reg);
        return true;
    }
    if ((op == 0x31 || op == 0x33) && is_register && in->reg == in->rm) {
        *holders &= ~(1u << in->rm); /* xor register, itself */
        return true;
    }
    if ((op >= 0xb8 && op <= 0xbf) || (op >= 0x58 && op <= 0x5f)) { /* mov constant, pop */
        *holders &= ~(1u << low);
        return true;
    }
    if (op >= 0x50 && op <= 0x57) { /* push */
        return ((*holders >> low) & 1u) == 0;
    }
    if (op == 0xc7) { /* mov constant */
        *holders &= is_register ? ~(1u << in->rm) : ~0u;
        return true;
    }
    if (op >= 0xb0 && op <= 0xb7) { /* mov constant, 8 bits */
        return in->rex != 0 || low < 4 ? ((*holders >> low) & 1u) == 0 : (*holders & 0xfu) == 0;
    }
    if (op == 0x81 || op == 0x83 || ((op == 0xfe || op == 0xff) && (in->reg & 7u) <= 1)) {
        return !has_rm; /* arithmetic with a constant, such as on rsp; inc, dec */
    }
    /* Arithmetic, comparisons and stores of other registers. */
    bool is_other = (op < 0x40 && (op & 7u) < 4) || op == 0x63 || (op >= 0x84 && op <= 0x89);
    return op == 0x90 || op == 0xc9 || (is_other && !has_reg && !has_rm);
}

/* Whether a pointer in a register is, from `at` on, an argument of a function of Python's or
 * stored in `home`, and nothing else: those write no slots. */
static bool goes_to_python(const abiscan_image *image, uint64_t at, unsigned reg,
                           abiscan_range home)
{
    enum { STEP_LIMIT = 16 };
    /* Kept by the called function: rbx, rbp, r12 to r15, on Windows rsi and rdi too. */
    unsigned kept = image->convention == ABISCAN_CONVENTION_WINDOWS ? 0xf0e8u : 0xf028u;
    unsigned holders = 1u << reg;
    for (unsigned steps = 0; steps < STEP_LIMIT && holders != 0; steps++) {
        instruction in;
        if (!decode_at(image, at, &in)) {
            return false;
        }
        at += in.length;
        if (is_one_byte(&in, 0xe8) || is_jump(&in)) {
            return (holders & kept) == 0 && is_python_stub(image, in.target);
        }
        if (is_one_byte(&in, 0xff) && in.is_rip_relative
            && ((in.reg & 7u) == 2 || (in.reg & 7u) == 4)) {
            return (holders & kept) == 0 && is_python_cell(image, in.memory);
        }
        instruction next;
        if (is_one_byte(&in, 0x8b) && in.is_rip_relative && is_python_cell(image, in.memory)
            && decode_at(image, at, &next) && is_one_byte(&next, 0xff) && next.mod == 3
            && ((next.reg & 7u) == 2 || (next.reg & 7u) == 4) && next.rm == in.reg) {
            return (holders & kept) == 0; /* mov register, [rip + x]; call register */
        }
        bool goes_home = is_one_byte(&in, 0x89) && in.is_rip_relative
                         && in.memory - home.address < home.size;
        if (!goes_home && !keep_pointer(&in, &holders)) {
            return false;
        }
    }
    return holders == 0;
}

/* Whether the lea whose ModRM byte is at `at` belongs to a pair of the same address that is
 * compared with itself: crtstuff.c of GCC, which looks whether a table is empty. */
static bool is_compared_with_itself(const code_piece *code, size_t at)
{
    enum { LEA = 7 };
    const unsigned char *bytes = code->bytes;
    for (size_t first = at >= LEA ? at - LEA : at; first <= at; first += LEA) {
        size_t second = first + LEA;
        if (first >= 2 && second + 8 <= code->size && bytes[first - 1] == 0x8d
            && bytes[second - 2] == 0x48 && bytes[second - 1] == 0x8d
            && (bytes[second] & 0xc7u) == 5 && displaced(code, first) == displaced(code, second)
            && (bytes[second + 6] == 0x39 || bytes[second + 6] == 0x29)) {
            return true;
        }
    }
    return false;
}

/* Whether lea r11; push r11; jmp [rip + x] begins with the lea whose ModRM byte is at `at`: the
 * stub helper of Mach-O, which gives dyld a word of its own. */
static bool is_stub_helper(const code_piece *code, size_t at)
{
    return at >= 2 && at + 9 <= code->size && code->bytes[at - 2] == 0x4c
           && code->bytes[at] == 0x1d
           && memcmp(code->bytes + at + 5, "\x41\x53\xff\x25", 4) == 0;
}

/* Whether the loader puts a pointer into the range where code reads one (GOT).  One to itself
 * is the __dso_handle of crtstuff.c. */
static bool is_pointer_into(const abiscan_image *image, uint64_t address, abiscan_range range)
{
    const abiscan_cell *cell = abiscan_cell_at(image, address);
    return cell != NULL && !cell->is_import && cell->target != address
           && cell->target - range.address < range.size;
}

static bool is_pointer_to_itself(const abiscan_image *image, uint64_t address)
{
    const abiscan_cell *cell = abiscan_cell_at(image, address);
    return cell != NULL && !cell->is_import && cell->target == address;
}

/* Whether an instruction belongs to an export hook that does nothing but return an address:
 * another module's slots, which only the interpreter sees. */
static bool is_in_export_hook(const abiscan_image *image, uint64_t address)
{
    enum { LONGEST_HOOK_CODE = 12 * LONGEST_INSTRUCTION };
    for (size_t i = 0; i < image->export_count; i++) {
        const abiscan_symbol *symbol = &image->exports[i];
        abiscan_range extent = {0, 0};
        uint64_t returned = 0;
        if (address - symbol->address < LONGEST_HOOK_CODE
            && abiscan_name_starts(symbol->name, "PyModExport")
            && abiscan_x86_64_returns(image, symbol->address, &returned, &extent) == ABISCAN_YES
            && address - extent.address < extent.size) {
            return true;
        }
    }
    return false;
}

/* Whether the pointer is handed on that lea or mov makes, whose ModRM byte is at `at`. */
static bool is_handed_on(const abiscan_image *image, const code_piece *code, size_t at,
                         abiscan_range home, abiscan_range except, unsigned *hits)
{
    unsigned prefix = code->bytes[at - 2];
    unsigned reg = ((code->bytes[at] >> 3) & 7u) | ((prefix & 4u) << 1);
    abiscan_range operand = {displaced(code, at), 1};
    if ((prefix & 0xf8u) != 0x48 || code->address + at - except.address < except.size
        || goes_to_python(image, code->address + at + 5, reg, home)) {
        return false;
    }
    /* Each hit costs a look at its function: so many are no accident. */
    return ++*hits > HIT_LIMIT
           || (may_name(image, code->address + at, operand)
               && !is_in_export_hook(image, code->address + at));
}

abiscan_answer abiscan_x86_64_hands_on(const abiscan_image *image, abiscan_range range,
                                       abiscan_range home, abiscan_range except)
{
    code_piece code;
    unsigned hits = 0;
    uint64_t low = UINT64_MAX, high = 0; /* where such pointers lie */
    for (size_t i = 0; i < image->cell_count; i++) {
        if (!image->cells[i].is_import && image->cells[i].target - range.address < range.size) {
            low = low == UINT64_MAX ? image->cells[i].address : low;
            high = image->cells[i].address;
        }
    }
    for (size_t i = 0; next_code(image, &i, &code);) {
        if (code.bytes == NULL) {
            return ABISCAN_CANNOT_TELL;
        }
        displaced_search made = search_operands(&code, range.address, range.size);
        displaced_search read = search_operands(&code, low, low == UINT64_MAX ? 0 : high + 1 - low);
        for (size_t at; (at = next_displaced(&made)) < code.size;) {
            if (at < 2 || code.bytes[at - 1] != 0x8d || is_compared_with_itself(&code, at)
                || is_stub_helper(&code, at) || is_pointer_to_itself(image, displaced(&code, at))) {
                continue;
            }
            if (is_handed_on(image, &code, at, home, except, &hits)) {
                return ABISCAN_YES;
            }
        }
        for (size_t at; (at = next_displaced(&read)) < code.size;) {
            if (at >= 2 && code.bytes[at - 1] == 0x8b
                && is_pointer_into(image, displaced(&code, at), range)
                && is_handed_on(image, &code, at, home, except, &hits)) {
                return ABISCAN_YES;
            }
        }
    }
    return ABISCAN_NO;
}

/* ---- what a function returns ------------------------------------------ */

abiscan_answer abiscan_x86_64_returns(const abiscan_image *image, uint64_t function,
                                      uint64_t *address, abiscan_range *extent)
{
    bool is_known = false;
    uint64_t at = function, found = 0;
    extent->address = function;
    for (unsigned steps = 0; steps < 12; steps++) {
        const abiscan_segment *segment = abiscan_segment_of(image, at);
        if (segment == NULL || !segment->is_executable) {
            return ABISCAN_CANNOT_TELL;
        }
        uint64_t room = segment->memory_size - (at - segment->address);
        if (room > LONGEST_INSTRUCTION) {
            room = LONGEST_INSTRUCTION;
        }
        const unsigned char *bytes = abiscan_image_bytes(image, at, room);
        instruction in;
        if (bytes == NULL || !decode(bytes, (size_t)room, at, &in)) {
            return ABISCAN_CANNOT_TELL;
        }
        at += in.length;
        if (is_one_byte(&in, 0x8d) && in.is_rip_relative && in.reg == 0 && in.rex == 0x48) {
            found = in.memory; /* lea rax, [rip + x] */
            is_known = true;
        } else if (is_one_byte(&in, 0x8b) && in.is_rip_relative && in.reg == 0
                   && in.rex == 0x48) {
            /* mov rax, [rip + x]: a pointer that the loader filled in (GOT) */
            abiscan_word_value word = abiscan_image_word(image, in.memory);
            if (word.kind != ABISCAN_WORD_POINTER) {
                return ABISCAN_CANNOT_TELL;
            }
            found = word.value;
            is_known = true;
        } else if (is_jump(&in) && !is_known) {
            at = in.target; /* incremental linking exports such thunks */
            extent->address = at;
        } else if (is_one_byte(&in, 0xc3)) {
            *address = found;
            extent->size = at - extent->address;
            return is_known ? ABISCAN_YES : ABISCAN_CANNOT_TELL;
        } else if (!(is_one_byte(&in, 0x55) || is_one_byte(&in, 0x5d) /* push, pop rbp */
                     || is_one_byte(&in, 0xc9)                        /* leave */
                     || is_one_byte(&in, 0x90)
                     || (is_one_byte(&in, 0x89) && in.mod == 3 && in.reg == 4 && in.rm == 5)
                     || (in.map == 1 && !in.is_vector
                         && (in.opcode == 0x1e || in.opcode == 0x1f)))) { /* endbr64, nop */
            return ABISCAN_CANNOT_TELL;
        }
    }
    return ABISCAN_CANNOT_TELL;
}

/* ---- the second argument of a call ------------------------------------ */

/* Where calls of one import may land or begin. */
typedef struct call_search {
    uint64_t cells[4]; /* pointers to the import (GOT) */
    size_t cell_count;
    uint64_t stubs[STUB_LIMIT]; /* jumps through such a pointer (PLT) */
    size_t stub_count;
    uint64_t sites[SITE_LIMIT];
    size_t site_count;
    bool has_overflow;
} call_search;

static bool is_among(const uint64_t *addresses, size_t count, uint64_t address)
{
    for (size_t i = 0; i < count; i++) {
        if (addresses[i] == address) {
            return true;
        }
    }
    return false;
}

static void add(call_search *search, uint64_t *list, size_t *count, size_t limit, uint64_t address)
{
    if (*count == limit) {
        search->has_overflow = true;
    } else if (!is_among(list, *count, address)) {
        list[(*count)++] = address;
    }
}

/* mov register, [rip + x]; call register, with the displacement at `at`: code that is
 * not optimised.  The register is one that the call may change, so the pointer is used
 * once.  The offset of the call, or 0. */
static size_t loaded_call(const code_piece *code, size_t at)
{
    static const struct {
        unsigned char load[3], call[3];
        size_t call_size;
    } forms[] = {
        {{0x48, 0x8b, 0x05}, {0xff, 0xd0}, 2},       /* rax */
        {{0x4c, 0x8b, 0x15}, {0x41, 0xff, 0xd2}, 3}, /* r10 */
        {{0x4c, 0x8b, 0x1d}, {0x41, 0xff, 0xd3}, 3}, /* r11 */
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at >= 3 && code->size - at >= 4 + forms[i].call_size
            && memcmp(code->bytes + at - 3, forms[i].load, 3) == 0
            && memcmp(code->bytes + at + 4, forms[i].call, forms[i].call_size) == 0) {
            return at + 4;
        }
    }
    return 0;
}

/* A stub of jmp [rip + x], whose ModRM byte is at `at`, perhaps after bnd and endbr64. */
static void add_stub(const code_piece *code, size_t at, call_search *search)
{
    size_t start = at - 1;
    if (start >= 1 && code->bytes[start - 1] == 0xf2) {
        start--;
        add(search, search->stubs, &search->stub_count, STUB_LIMIT, code->address + start);
    }
    if (start >= 4 && memcmp(code->bytes + start - 4, "\xf3\x0f\x1e\xfa", 4) == 0) {
        add(search, search->stubs, &search->stub_count, STUB_LIMIT, code->address + start - 4);
    }
    add(search, search->stubs, &search->stub_count, STUB_LIMIT, code->address + at - 1);
}

/* Stubs; call [rip + x]; and mov register, [rip + x] with a call of the register behind it.
 * Every byte is tried here and below; what is not an instruction is told apart when the
 * function around it is decoded. */
static void find_uses(const abiscan_image *image, uint64_t cell, call_search *search)
{
    code_piece code;
    for (size_t i = 0; next_code(image, &i, &code);) {
        displaced_search operands = search_operands(&code, cell, 1);
        for (size_t at; (at = next_displaced(&operands)) < code.size;) {
            unsigned opcode = at == 0 ? 0 : code.bytes[at - 1], operand = code.bytes[at];
            size_t call = opcode == 0x8b ? loaded_call(&code, at + 1) : 0;
            if (opcode == 0xff && operand == 0x25) {
                add_stub(&code, at, search);
            } else if (opcode == 0xff && operand == 0x15) {
                add(search, search->sites, &search->site_count, SITE_LIMIT,
                    code.address + at - 1);
            } else if (call != 0) {
                add(search, search->sites, &search->site_count, SITE_LIMIT,
                    code.address + call);
            }
        }
    }
}

/* call and jmp to a stub. */
static void find_stub_calls(const abiscan_image *image, uint64_t stub, call_search *search)
{
    code_piece code;
    for (size_t i = 0; next_code(image, &i, &code);) {
        displaced_search calls = search_displaced(&code, stub, 1, 0xfe, 0xe8);
        for (size_t at; (at = next_displaced(&calls)) < code.size;) {
            add(search, search->sites, &search->site_count, SITE_LIMIT, code.address + at);
        }
    }
}

/* What the general registers hold as far as straight-line code tells. */
typedef struct registers {
    bool is_known[16];
    uint64_t value[16];
    uint64_t since[16]; /* the address of the first instruction behind the value */
} registers;

static void forget(registers *state, unsigned number)
{
    state->is_known[number & 15u] = false;
}

static void set(registers *state, unsigned number, uint64_t value, uint64_t since)
{
    state->is_known[number & 15u] = true;
    state->value[number & 15u] = value;
    state->since[number & 15u] = since;
}

/* Follow one instruction.  What is not listed forgets every register that it
 * might write, and all of them where that is not plain from its operands. */
static void follow(registers *state, const instruction *in, uint64_t at)
{
    if (in->map == 0 && !in->is_vector && !in->has_operand_prefix) {
        unsigned op = in->opcode;
        if (op >= 0xb8 && op <= 0xbf) { /* mov register, constant */
            set(state, (op & 7u) | ((in->rex & 1u) << 3), in->immediate, at);
            return;
        }
        if ((op == 0x31 || op == 0x33) && in->mod == 3 && in->reg == in->rm) {
            set(state, in->rm, 0, at); /* xor register, itself */
            return;
        }
        if (op == 0xc7 && in->mod == 3) { /* mov register, constant */
            bool is_wide = (in->rex & 8u) != 0;
            set(state, in->rm, is_wide ? extend(in->immediate, 4) : in->immediate, at);
            return;
        }
        if ((op == 0x89 || op == 0x8b) && in->mod == 3) { /* mov register, register */
            unsigned from = op == 0x89 ? in->reg : in->rm;
            unsigned to = op == 0x89 ? in->rm : in->reg;
            if (state->is_known[from]) {
                uint64_t mask = (in->rex & 8u) != 0 ? UINT64_MAX : UINT32_MAX;
                set(state, to, state->value[from] & mask, state->since[from]);
            } else {
                forget(state, to);
            }
            return;
        }
        if (op == 0x89 || op == 0x39 || op == 0x3b || op == 0x85
            || ((op == 0x83 || op == 0x81) && (in->reg & 7u) == 7)
            || (op == 0xc7 && in->mod != 3)) {
            return; /* store, cmp, test */
        }
        if (op == 0x8d && in->is_rip_relative && (in->rex & 8u) != 0) {
            set(state, in->reg, in->memory, at); /* lea register, [rip + x] */
            return;
        }
        if (op == 0x8b || op == 0x8d || op == 0x63) {
            forget(state, in->reg); /* load, lea, movsxd */
            return;
        }
        if ((op >= 0x50 && op <= 0x57) || (op >= 0x70 && op <= 0x7f) || op == 0x90) {
            return; /* push, conditional jump, nop */
        }
        if (op >= 0x58 && op <= 0x5f) { /* pop */
            forget(state, (op & 7u) | ((in->rex & 1u) << 3));
            return;
        }
        if ((op == 0x81 || op == 0x83) && in->mod == 3) {
            forget(state, in->rm); /* add and such with a constant */
            return;
        }
    }
    if (in->map == 1 && !in->is_vector
        && ((in->opcode >= 0x80 && in->opcode <= 0x8f) || in->opcode == 0x1e
            || in->opcode == 0x1f)) {
        return; /* conditional jump, endbr64, nop */
    }
    memset(state->is_known, 0, sizeof state->is_known);
}

/* Whether an instruction may begin at an address: no, where the function around it
 * has one that goes over it. */
static bool may_begin_at(const abiscan_image *image, uint64_t address)
{
    instruction in;
    uint64_t begin = 0;
    return !instruction_around(image, address, &in, &begin) || begin == address;
}

/* Whether a jump that begins at `begin`, outside the function, is one. */
static bool is_jump_from_outside(const abiscan_image *image, abiscan_range function,
                                 uint64_t begin, unsigned *hits)
{
    return begin - function.address >= function.size
           && (++*hits > JUMP_LIMIT || may_begin_at(image, begin));
}

/* Whether a jump from outside the function leads behind `low`, up to `high`: from a
 * part of it that the compiler moved away.  Every byte is tried. */
static bool is_jumped_into(const abiscan_image *image, abiscan_range function, uint64_t low,
                           uint64_t high)
{
    enum { SHORT_JUMP = 130 };
    code_piece code;
    unsigned hits = 0;
    if (high <= low) {
        return false;
    }
    for (size_t i = 0; next_code(image, &i, &code);) {
        const unsigned char *bytes = code.bytes;
        displaced_search jumps = search_displaced(&code, low + 1, high - low, 0xff, 0xe9);
        for (size_t at; (at = next_displaced(&jumps)) < code.size;) {
            if (is_jump_from_outside(image, function, code.address + at, &hits)) {
                return true;
            }
        }
        jumps = search_displaced(&code, low + 1, high - low, 0xf0, 0x80);
        for (size_t at; (at = next_displaced(&jumps)) < code.size;) {
            if (at > 0 && bytes[at - 1] == 0x0f
                && is_jump_from_outside(image, function, code.address + at - 1, &hits)) {
                return true;
            }
        }
        uint64_t first = low < SHORT_JUMP ? 0 : low - SHORT_JUMP;
        uint64_t at = first < code.address ? 0 : first - code.address;
        for (; at + 2 <= code.size && code.address + at < high + SHORT_JUMP; at++) {
            uint64_t address = code.address + at;
            bool is_short = (bytes[at] & 0xf0u) == 0x70 || bytes[at] == 0xeb;
            if (is_short && address + 2 + extend(bytes[at + 1], 1) - low - 1 < high - low
                && is_jump_from_outside(image, function, address, &hits)) {
                return true;
            }
        }
    }
    return false;
}

/* Straight-line reasoning: the last write of the second argument's register before
 * the call is a constant, and nothing jumps between the two. */
static abiscan_answer argument_at(const abiscan_image *image, uint64_t site, uint64_t *value)
{
    uint64_t start = 0, end = 0;
    if (!abiscan_function_around(image, site, &start, &end)
        || site - start > LONGEST_FUNCTION) {
        return ABISCAN_CANNOT_TELL;
    }
    if (end - start > LONGEST_FUNCTION) {
        end = start + LONGEST_FUNCTION;
    }
    const unsigned char *bytes = abiscan_image_bytes(image, start, end - start);
    if (bytes == NULL) {
        return ABISCAN_CANNOT_TELL;
    }
    unsigned second = image->convention == ABISCAN_CONVENTION_WINDOWS ? RDX : RSI;
    registers state = {{false}, {0}, {0}};
    bool is_reached = false;
    instruction in;
    for (uint64_t at = start; at < end && !is_reached; at += in.length) {
        if (!decode(bytes + (at - start), (size_t)(end - at), at, &in)) {
            return ABISCAN_CANNOT_TELL;
        }
        if (at > site) {
            return ABISCAN_NO; /* the bytes are part of an instruction: no call */
        }
        is_reached = at == site;
        if (!is_reached) {
            follow(&state, &in, at);
        }
    }
    if (!is_reached || !state.is_known[second]) {
        return ABISCAN_CANNOT_TELL;
    }
    for (uint64_t at = start; at < end; at += in.length) {
        if (!decode(bytes + (at - start), (size_t)(end - at), at, &in)) {
            break; /* padding or data after the function */
        }
        if (in.is_branch && in.target > state.since[second] && in.target <= site) {
            return ABISCAN_CANNOT_TELL;
        }
    }
    abiscan_range function = {start, end - start};
    if (is_jumped_into(image, function, state.since[second], site)) {
        return ABISCAN_CANNOT_TELL;
    }
    *value = state.value[second];
    return ABISCAN_YES;
}

static void find_calls(const abiscan_image *image, size_t import, call_search *search)
{
    memset(search, 0, sizeof *search);
    for (size_t i = 0; i < image->cell_count; i++) {
        if (image->cells[i].is_import && image->cells[i].target == import) {
            add(search, search->cells, &search->cell_count,
                sizeof search->cells / sizeof search->cells[0], image->cells[i].address);
        }
    }
    for (size_t i = 0; i < search->cell_count; i++) {
        find_uses(image, search->cells[i], search);
    }
    for (size_t i = 0; i < search->stub_count; i++) {
        find_stub_calls(image, search->stubs[i], search);
    }
}

/* Whether code takes the address of an import from a cell instead of calling it. */
static bool takes_address(const abiscan_image *image, const call_search *users)
{
    code_piece code;
    for (size_t i = 0; next_code(image, &i, &code);) {
        for (size_t k = 0; k < users->cell_count; k++) {
            displaced_search operands = search_operands(&code, users->cells[k], 1);
            for (size_t at; (at = next_displaced(&operands)) < code.size;) {
                uint64_t start = 0, end = 0;
                bool is_called = at > 0 && code.bytes[at - 1] == 0xff
                                 && (code.bytes[at] == 0x15 || code.bytes[at] == 0x25);
                if (at == 0 || is_called || loaded_call(&code, at + 1) != 0) {
                    continue;
                }
                /* Mach-O has tables of small numbers in the code's segment, behind all code. */
                if (image->function_count == 0
                    || abiscan_function_around(image, code.address + at, &start, &end)) {
                    return true;
                }
            }
        }
    }
    return false;
}

abiscan_answer abiscan_x86_64_second_argument(const abiscan_image *image, size_t import,
                                              uint64_t *value)
{
    call_search search;
    find_calls(image, import, &search);
    if (search.has_overflow || takes_address(image, &search)) {
        return ABISCAN_CANNOT_TELL;
    }
    bool has_one = false;
    for (size_t i = 0; i < search.site_count; i++) {
        uint64_t argument = 0;
        switch (argument_at(image, search.sites[i], &argument)) {
        case ABISCAN_NO:
            break;
        case ABISCAN_CANNOT_TELL:
            return ABISCAN_CANNOT_TELL;
        case ABISCAN_YES:
            if (has_one && argument != *value) {
                return ABISCAN_CANNOT_TELL;
            }
            has_one = true;
            *value = argument;
            break;
        }
    }
    return has_one ? ABISCAN_YES : ABISCAN_CANNOT_TELL;
}

/* ---- slots stored at run time ----------------------------------------- */

enum {
    LONGEST_HOOK = 1 << 16, /* bytes; pybind11's have one or two thousand */
    SWEEP_LIMIT = 64,
    ENTRY = 16, /* sizeof(PyModuleDef_Slot) */
    WINDOW = ENTRY * ABISCAN_STORED_SLOT_LIMIT
};

/* One function, and what stands for "the slots are written" in it. */
typedef struct hook_code {
    const unsigned char *bytes;
    uint64_t start, end;
    uint64_t limit; /* where the next function begins: behind padding */
    uint64_t first_store, last_store;
    uint64_t guard; /* of the static variable that holds the slots; 0: none */
} hook_code;

typedef struct bit_set {
    unsigned char bits[LONGEST_HOOK / 8];
} bit_set;

static bool has_bit(const bit_set *set, uint64_t number)
{
    return (set->bits[number / 8] >> (number % 8) & 1u) != 0;
}

static void add_bit(bit_set *set, uint64_t number)
{
    set->bits[number / 8] = (unsigned char)(set->bits[number / 8] | 1u << (number % 8));
}

static bool decode_in(const hook_code *hook, uint64_t at, instruction *in)
{
    return decode(hook->bytes + (at - hook->start), (size_t)(hook->end - at), at, in);
}

static bool is_indirect(const instruction *in, unsigned operation)
{
    return is_one_byte(in, 0xff) && (in->reg & 7u) == operation;
}

static bool is_call(const instruction *in)
{
    return is_one_byte(in, 0xe8) || is_indirect(in, 2);
}

/* ret, ud2, hlt, int3: nothing follows. */
static bool is_end(const instruction *in)
{
    return is_one_byte(in, 0xc3) || is_one_byte(in, 0xc2) || is_one_byte(in, 0xf4)
           || is_one_byte(in, 0xcc)
           || (in->map == 1 && !in->is_vector && in->opcode == 0x0b);
}

/* Straight-line code ends here, or leaves for a while. */
static bool leaves_line(const instruction *in)
{
    return in->is_branch || is_indirect(in, 2) || is_indirect(in, 4) || is_end(in);
}

/* Behind this instruction the slots are written: it belongs to the stores, or it
 * asks the guard whether they were made (Itanium C++ ABI, 3.3.3). */
static bool writes_slots(const hook_code *hook, const instruction *in, uint64_t at)
{
    return (at >= hook->first_store && at <= hook->last_store)
           || (hook->guard != 0 && in->is_rip_relative && in->memory == hook->guard);
}

/* Follow every way from the places in `marked` until nothing new is found; where
 * `avoids_stores`, stop at what writes the slots.  YES: a call of `users` is on a
 * way.  Marks what was reached. */
static abiscan_answer spread(const hook_code *hook, const call_search *users, bool avoids_stores,
                             bit_set *marked, bit_set *reached)
{
    for (unsigned sweep = 0; sweep < SWEEP_LIMIT; sweep++) {
        bool goes_back = false, is_reached = false;
        instruction in;
        for (uint64_t at = hook->start; at < hook->end; at += in.length) {
            if (!decode_in(hook, at, &in)) {
                return ABISCAN_CANNOT_TELL;
            }
            for (unsigned i = 1; i < in.length && at + i < hook->end; i++) {
                if (has_bit(marked, at + i - hook->start)) {
                    return ABISCAN_CANNOT_TELL; /* a jump into an instruction */
                }
            }
            is_reached = is_reached || has_bit(marked, at - hook->start);
            if (!is_reached) {
                continue;
            }
            add_bit(reached, at - hook->start);
            if (avoids_stores && writes_slots(hook, &in, at)) {
                is_reached = false;
                continue;
            }
            if (avoids_stores
                && (is_among(users->sites, users->site_count, at)
                    || is_among(users->stubs, users->stub_count, at))) {
                return ABISCAN_YES;
            }
            if (is_indirect(&in, 4) && !is_among(users->stubs, users->stub_count, at)) {
                return ABISCAN_CANNOT_TELL;
            }
            if (in.is_branch && in.target - hook->end < hook->limit - hook->end) {
                return ABISCAN_CANNOT_TELL; /* into what was taken for padding */
            }
            if (in.is_branch && !is_call(&in) && in.target - hook->start < hook->end - hook->start
                && !has_bit(marked, in.target - hook->start)) {
                add_bit(marked, in.target - hook->start);
                goes_back = goes_back || in.target <= at;
            }
            if (is_jump(&in) || is_end(&in) || is_indirect(&in, 4)) {
                is_reached = false;
            }
        }
        if (!goes_back) {
            return ABISCAN_NO;
        }
    }
    return ABISCAN_CANNOT_TELL;
}

/* Jumps into the function from other places: its cold part. */
static void mark_jumps_into(const abiscan_image *image, const hook_code *hook, bit_set *marked)
{
    code_piece code;
    uint64_t size = hook->end - hook->start;
    for (size_t i = 0; size > 1 && next_code(image, &i, &code);) {
        const unsigned char *bytes = code.bytes;
        displaced_search jumps = search_displaced(&code, hook->start + 1, size - 1, 0xff, 0xe9);
        displaced_search conditional = jumps;
        conditional.mask = 0xf0;
        conditional.bits = 0x80;
        for (size_t at; (at = next_displaced(&jumps)) < code.size;) {
            if (code.address + at - hook->start >= size) {
                add_bit(marked, displaced(&code, at) - hook->start);
            }
        }
        for (size_t at; (at = next_displaced(&conditional)) < code.size;) {
            if (at > 0 && bytes[at - 1] == 0x0f && code.address + at - hook->start >= size) {
                add_bit(marked, displaced(&code, at) - hook->start);
            }
        }
    }
}

/* The stores are straight-line code, perhaps behind `if (__cxa_guard_acquire(&guard))`,
 * whose guard is then noted.  Nothing else may jump over or into them. */
static bool find_guard(const abiscan_image *image, hook_code *hook)
{
    size_t acquire = abiscan_find_import(image, "__cxa_guard_acquire");
    call_search search;
    memset(&search, 0, sizeof search);
    if (acquire != SIZE_MAX) {
        find_calls(image, acquire, &search);
    }
    registers state = {{false}, {0}, {0}};
    uint64_t call = 0, guard = 0;
    unsigned branches = 0;
    instruction in;
    for (uint64_t at = hook->start; at <= hook->last_store; at += in.length) {
        if (!decode_in(hook, at, &in)) {
            return false;
        }
        bool is_acquire = is_among(search.sites, search.site_count, at) && is_call(&in);
        if (at >= hook->first_store && leaves_line(&in)) {
            return false;
        }
        if (is_acquire) {
            call = at;
            unsigned first = image->convention == ABISCAN_CONVENTION_WINDOWS ? RCX : RDI;
            guard = state.is_known[first] ? state.value[first] : 0;
            branches = 0;
        } else if (call != 0 && leaves_line(&in)) {
            bool is_test = is_one_byte(&in, 0x74) || (in.map == 1 && in.opcode == 0x84);
            branches++;
            if (!is_test || branches > 1) {
                call = 0; /* the stores do not depend on this guard, or on more than it */
            }
        }
        follow(&state, &in, at);
    }
    if (call == 0 || guard == 0 || branches != 1) {
        return true; /* no guard: the stores themselves must be on every way */
    }
    for (uint64_t at = hook->start; at < hook->end; at += in.length) {
        if (!decode_in(hook, at, &in)) {
            return false;
        }
        if (in.is_branch && in.target > call && in.target <= hook->last_store) {
            return true;
        }
    }
    hook->guard = guard;
    return true;
}

/* Whether every way through the hook to a call of `user` writes the slots. */
static bool always_writes(const abiscan_image *image, hook_code *hook, size_t user)
{
    call_search users;
    if (user == SIZE_MAX) {
        return false;
    }
    find_calls(image, user, &users);
    if (users.has_overflow || users.site_count == 0 || takes_address(image, &users)
        || !find_guard(image, hook)) {
        return false;
    }
    for (size_t i = 0; i < users.site_count; i++) {
        if (users.sites[i] - hook->start >= hook->end - hook->start) {
            return false; /* another function might be called before the stores */
        }
    }
    instruction in;
    bit_set marked = {{0}}, reached = {{0}}, unused = {{0}};
    add_bit(&marked, 0);
    mark_jumps_into(image, hook, &marked);
    bit_set roots = marked;
    if (spread(hook, &users, false, &marked, &reached) == ABISCAN_CANNOT_TELL) {
        return false;
    }
    for (uint64_t at = hook->start; at < hook->end; at += in.length) {
        if (!decode_in(hook, at, &in)) {
            return false;
        }
        if (in.is_branch && in.target > hook->first_store && in.target <= hook->last_store) {
            return false;
        }
        bool is_padding = is_one_byte(&in, 0x90) || is_one_byte(&in, 0xcc)
                          || (in.map == 1 && !in.is_vector && in.opcode == 0x1f);
        if (!has_bit(&reached, at - hook->start) && !is_padding) {
            add_bit(&roots, at - hook->start); /* where exceptions land */
        }
    }
    return spread(hook, &users, true, &roots, &unused) == ABISCAN_NO;
}

abiscan_answer abiscan_x86_64_stored_slots(const abiscan_image *image, uint64_t array_hook,
                                           uint64_t array, size_t user,
                                           abiscan_stored_slots *slots)
{
    unsigned identifier_stores[ABISCAN_STORED_SLOT_LIMIT] = {0};
    unsigned value_stores[ABISCAN_STORED_SLOT_LIMIT] = {0};
    uint64_t first[ABISCAN_STORED_SLOT_LIMIT], last[ABISCAN_STORED_SLOT_LIMIT];
    uint64_t unclear = WINDOW;
    hook_code hook = {NULL, 0, 0, 0, UINT64_MAX, 0, 0};
    memset(slots, 0, sizeof *slots);
    memset(first, 0xff, sizeof first);
    memset(last, 0, sizeof last);
    /* Microsoft's handlers of exceptions return into a function where no jump shows;
     * GCC's and Clang's (Itanium C++ ABI) do not. */
    if (image->convention == ABISCAN_CONVENTION_WINDOWS
        && abiscan_find_import(image, "__cxa_guard_acquire") == SIZE_MAX) {
        return ABISCAN_CANNOT_TELL;
    }
    if (!abiscan_function_around(image, array_hook, &hook.start, &hook.end)
        || hook.start != array_hook || hook.end - hook.start > LONGEST_HOOK) {
        return ABISCAN_CANNOT_TELL;
    }
    hook.bytes = abiscan_image_bytes(image, hook.start, hook.end - hook.start);
    if (hook.bytes == NULL) {
        return ABISCAN_CANNOT_TELL;
    }
    instruction in;
    bool is_after_end = false;
    hook.limit = hook.end;
    for (uint64_t at = hook.start; at < hook.end; at += in.length) {
        bool is_decoded = decode_in(&hook, at, &in);
        if (is_after_end && (!is_decoded || is_one_byte(&in, 0))) {
            hook.end = at; /* zeros before the next section */
            break;
        }
        if (!is_decoded) {
            return ABISCAN_CANNOT_TELL;
        }
        is_after_end = is_end(&in) || is_jump(&in);
        if (!in.is_rip_relative || in.memory - array >= WINDOW) {
            continue;
        }
        uint64_t offset = in.memory - array;
        size_t entry = (size_t)(offset / ENTRY);
        bool is_wide = (in.rex & 8u) != 0;
        bool is_store = is_one_byte(&in, 0xc7) && (in.reg & 7u) == 0 && !in.has_operand_prefix;
        if (is_store && !is_wide && offset % ENTRY == 0) {
            slots->identifiers[entry] = (uint32_t)in.immediate;
            identifier_stores[entry]++;
        } else if (is_store && is_wide && offset % ENTRY == 8) {
            slots->values[entry] = extend(in.immediate, 4);
            slots->is_constant[entry] = true;
            value_stores[entry]++;
        } else if (is_one_byte(&in, 0x89) && is_wide && offset % ENTRY == 8) {
            value_stores[entry]++; /* a register: the address of a function */
        } else if (offset < unclear) {
            unclear = offset;
            continue;
        }
        first[entry] = at < first[entry] ? at : first[entry];
        last[entry] = at;
    }
    for (;; slots->count++) {
        size_t entry = slots->count;
        if (entry == ABISCAN_STORED_SLOT_LIMIT || identifier_stores[entry] != 1
            || value_stores[entry] > 1) {
            return ABISCAN_CANNOT_TELL;
        }
        hook.first_store = first[entry] < hook.first_store ? first[entry] : hook.first_store;
        hook.last_store = last[entry] > hook.last_store ? last[entry] : hook.last_store;
        if (slots->identifiers[entry] == 0) {
            break;
        }
    }
    abiscan_range written = {array, (uint64_t)(slots->count + 1) * ENTRY};
    abiscan_range function = {hook.start, hook.end - hook.start};
    if (unclear < written.size
        || abiscan_x86_64_refers(image, written, 0, function) != ABISCAN_NO) {
        return ABISCAN_CANNOT_TELL;
    }
    return always_writes(image, &hook, user) ? ABISCAN_YES : ABISCAN_CANNOT_TELL;
}
