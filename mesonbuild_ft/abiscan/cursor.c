/* SPDX-License-Identifier: MIT */
#include "cursor.h"

abiscan_cursor abiscan_cursor_at(const void *data, size_t size, bool big_endian, bool is_64)
{
    abiscan_cursor cursor = {
        .data = data,
        .size = size,
        .big_endian = big_endian,
        .is_64 = is_64,
    };
    return cursor;
}

const unsigned char *abiscan_bytes(const abiscan_cursor *cursor, uint64_t offset, uint64_t length)
{
    if (!abiscan_in_range(offset, length, cursor->size)) {
        return NULL;
    }
    return cursor->data + (size_t)offset;
}

static void fail_at(abiscan_cursor *cursor, size_t offset)
{
    if (!cursor->failed) {
        cursor->failed = true;
        cursor->failed_at = offset;
    }
}

/* Take `length` bytes and move on; NULL once anything has failed. */
static const unsigned char *take(abiscan_cursor *cursor, size_t length)
{
    if (cursor->failed) {
        return NULL;
    }
    const unsigned char *bytes = abiscan_bytes(cursor, cursor->offset, length);
    if (bytes == NULL) {
        fail_at(cursor, cursor->offset);
        return NULL;
    }
    cursor->offset += length;
    return bytes;
}

void abiscan_seek(abiscan_cursor *cursor, uint64_t offset)
{
    if (offset > cursor->size) {
        fail_at(cursor, cursor->size);
        return;
    }
    cursor->offset = (size_t)offset;
}

void abiscan_skip(abiscan_cursor *cursor, uint64_t length)
{
    if (cursor->failed) {
        return;
    }
    if (!abiscan_in_range(cursor->offset, length, cursor->size)) {
        fail_at(cursor, cursor->offset);
        return;
    }
    cursor->offset += (size_t)length;
}

/* Bytes to a number in either order; the compiler makes one load of it. */
static uint64_t assemble(const unsigned char *bytes, unsigned length, bool big_endian)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < length; i++) {
        unsigned shift = 8u * (big_endian ? length - 1u - i : i);
        value |= (uint64_t)bytes[i] << shift;
    }
    return value;
}

uint8_t abiscan_u8(abiscan_cursor *cursor)
{
    const unsigned char *bytes = take(cursor, 1);
    return bytes == NULL ? 0 : bytes[0];
}

uint16_t abiscan_u16(abiscan_cursor *cursor)
{
    const unsigned char *bytes = take(cursor, 2);
    return bytes == NULL ? 0 : (uint16_t)assemble(bytes, 2, cursor->big_endian);
}

uint32_t abiscan_u32(abiscan_cursor *cursor)
{
    const unsigned char *bytes = take(cursor, 4);
    return bytes == NULL ? 0 : (uint32_t)assemble(bytes, 4, cursor->big_endian);
}

uint64_t abiscan_u64(abiscan_cursor *cursor)
{
    const unsigned char *bytes = take(cursor, 8);
    return bytes == NULL ? 0 : assemble(bytes, 8, cursor->big_endian);
}

uint64_t abiscan_word(abiscan_cursor *cursor)
{
    return cursor->is_64 ? abiscan_u64(cursor) : abiscan_u32(cursor);
}
