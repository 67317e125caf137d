/* SPDX-License-Identifier: MIT */
/* Which instruction set answers, and what they share. */
#include "code.h"

abiscan_answer abiscan_code_refers(const abiscan_image *image, abiscan_range range,
                                   uint64_t before, abiscan_range except)
{
    /* AArch64 compilers address data from a common anchor: an instruction need
     * not name the address that it writes. */
    if (image->code == ABISCAN_CODE_X86_64) {
        return abiscan_x86_64_refers(image, range, before, except);
    }
    return ABISCAN_CANNOT_TELL;
}

abiscan_answer abiscan_code_hands_on(const abiscan_image *image, abiscan_range range,
                                     abiscan_range home, abiscan_range except)
{
    if (image->code == ABISCAN_CODE_X86_64) {
        return abiscan_x86_64_hands_on(image, range, home, except);
    }
    return ABISCAN_CANNOT_TELL;
}

abiscan_answer abiscan_code_names(const abiscan_image *image, abiscan_range range,
                                  abiscan_range except)
{
    switch (image->code) {
    case ABISCAN_CODE_X86_64:
        return abiscan_x86_64_names(image, range, except);
    case ABISCAN_CODE_AARCH64:
        return abiscan_aarch64_names(image, range, except);
    case ABISCAN_CODE_OTHER:
        break;
    }
    return ABISCAN_CANNOT_TELL;
}

abiscan_answer abiscan_code_returns(const abiscan_image *image, uint64_t function,
                                    uint64_t *address, abiscan_range *extent)
{
    switch (image->code) {
    case ABISCAN_CODE_X86_64:
        return abiscan_x86_64_returns(image, function, address, extent);
    case ABISCAN_CODE_AARCH64:
        return abiscan_aarch64_returns(image, function, address, extent);
    case ABISCAN_CODE_OTHER:
        break;
    }
    return ABISCAN_CANNOT_TELL;
}

abiscan_answer abiscan_code_second_argument(const abiscan_image *image, size_t import,
                                            uint64_t *value)
{
    switch (image->code) {
    case ABISCAN_CODE_X86_64:
        return abiscan_x86_64_second_argument(image, import, value);
    case ABISCAN_CODE_AARCH64:
        return abiscan_aarch64_second_argument(image, import, value);
    case ABISCAN_CODE_OTHER:
        break;
    }
    return ABISCAN_CANNOT_TELL;
}

abiscan_answer abiscan_code_stored_slots(const abiscan_image *image, uint64_t hook,
                                         uint64_t array, size_t user,
                                         abiscan_stored_slots *slots)
{
    if (image->code == ABISCAN_CODE_X86_64) {
        return abiscan_x86_64_stored_slots(image, hook, array, user, slots);
    }
    return ABISCAN_CANNOT_TELL;
}

/* The first word of entry `number` in the search table, as an address. */
static bool entry_start(const abiscan_image *image, uint64_t number, uint64_t *start)
{
    uint64_t offset = 0;
    if (!abiscan_image_number(image, image->unwind_address + 12 + number * 8, 4, &offset)) {
        return false;
    }
    if ((offset & UINT64_C(0x80000000)) != 0) {
        offset |= UINT64_C(0xffffffff00000000);
    }
    *start = image->unwind_address + offset;
    return true;
}

/* A RUNTIME_FUNCTION ("x64 exception handling", Microsoft), and whether its unwind
 * data say that it continues the function before it. */
typedef struct function_entry {
    uint64_t start, end;
    bool is_chained;
} function_entry;

static bool read_function(const abiscan_image *image, uint64_t number, function_entry *entry)
{
    enum { CHAININFO = 4 }; /* among the flags, the upper five bits of UNWIND_INFO */
    uint64_t at = image->unwind_address + 12 * number, unwind = 0, flags = 0;
    if (!abiscan_image_number(image, at, 4, &entry->start)
        || !abiscan_image_number(image, at + 4, 4, &entry->end)
        || !abiscan_image_number(image, at + 8, 4, &unwind)) {
        return false;
    }
    if ((unwind & 1) != 0) {
        entry->is_chained = true; /* it names another entry instead */
        return true;
    }
    if (!abiscan_image_number(image, unwind, 1, &flags)) {
        return false;
    }
    entry->is_chained = ((flags >> 3) & CHAININFO) != 0;
    return true;
}

/* Functions that call nothing have no entry; those that the compiler split have
 * several, one after the other. */
static bool windows_function_around(const abiscan_image *image, uint64_t address,
                                    uint64_t *start, uint64_t *end)
{
    enum { CHAIN_LIMIT = 256 };
    function_entry found = {0, 0, false}, other = found;
    uint64_t low = 0, high = image->unwind_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (!read_function(image, middle, &other)) {
            return false;
        }
        if (other.start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || !read_function(image, low - 1, &found) || address < found.start
        || address >= found.end) {
        return false;
    }
    *start = found.start;
    *end = found.end;
    unsigned steps = 0;
    for (uint64_t i = low - 1; found.is_chained && i > 0 && steps < CHAIN_LIMIT; i--, steps++) {
        if (!read_function(image, i - 1, &found) || found.end != *start
            || found.start >= found.end) {
            break;
        }
        *start = found.start;
    }
    for (uint64_t i = low; i < image->unwind_count && steps < CHAIN_LIMIT; i++, steps++) {
        if (!read_function(image, i, &found) || !found.is_chained || found.start != *end
            || found.end <= found.start) {
            break;
        }
        *end = found.end;
    }
    return steps < CHAIN_LIMIT;
}

/* By the function starts; the end of the code is among them. */
static bool started_function(const abiscan_image *image, uint64_t address, uint64_t *start,
                             uint64_t *end)
{
    size_t low = 0, high = image->function_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->functions[middle] <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || low == image->function_count) {
        return false;
    }
    *start = image->functions[low - 1];
    *end = image->functions[low];
    const abiscan_segment *segment = abiscan_segment_of(image, *start);
    return segment != NULL && *end - segment->address <= segment->file_size;
}

bool abiscan_function_around(const abiscan_image *image, uint64_t address, uint64_t *start,
                             uint64_t *end)
{
    if (image->convention == ABISCAN_CONVENTION_WINDOWS) {
        return windows_function_around(image, address, start, end);
    }
    if (image->function_count != 0) {
        return started_function(image, address, start, end);
    }
    uint64_t format = 0, count = 0;
    /* Linux Standard Base, "Eh_frame_hdr": version 1, and the encodings that every
     * linker writes: pcrel sdata4, udata4, datarel sdata4. */
    if (image->unwind_address == 0 || image->file.big_endian
        || !abiscan_image_number(image, image->unwind_address, 4, &format)
        || format != UINT64_C(0x3b031b01)
        || !abiscan_image_number(image, image->unwind_address + 8, 4, &count) || count == 0) {
        return false;
    }
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2, at = 0;
        if (!entry_start(image, middle, &at)) {
            return false;
        }
        if (at <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || !entry_start(image, low - 1, start)) {
        return false;
    }
    const abiscan_segment *segment = abiscan_segment_of(image, *start);
    if (segment == NULL || *start > address) {
        return false;
    }
    *end = segment->address + segment->file_size;
    uint64_t next = 0;
    if (low < count && entry_start(image, low, &next) && next > address && next < *end) {
        *end = next;
    }
    return true;
}
