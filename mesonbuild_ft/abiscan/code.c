/* SPDX-License-Identifier: MIT */
/* Which instruction set answers, and what they share. */
#include "code.h"

abiscan_answer abiscan_code_refers(const abiscan_image *image, abiscan_range range,
                                   abiscan_range except)
{
    /* AArch64 compilers address data from a common anchor: an instruction need
     * not name the address that it writes. */
    if (image->code == ABISCAN_CODE_X86_64) {
        return abiscan_x86_64_refers(image, range, except);
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
