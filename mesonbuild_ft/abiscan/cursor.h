/* SPDX-License-Identifier: MIT */
/* The one place that checks ranges of the scanned buffer: what is not read by a cursor lies in
 * bytes that abiscan_bytes() has given, whose size its reader keeps to. */
#ifndef ABISCAN_CURSOR_H
#define ABISCAN_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A position in a buffer.  A read that would leave the buffer returns 0, sets
 * `failed`, and so does every read after it: a section is read in one go and
 * checked once at its end. */
typedef struct abiscan_cursor {
    const unsigned char *data;
    size_t size;
    size_t offset;
    size_t failed_at; /* offset of the first read that failed */
    bool big_endian;
    bool is_64;  /* words are eight bytes, otherwise four */
    bool failed;
} abiscan_cursor;

abiscan_cursor abiscan_cursor_at(const void *data, size_t size, bool big_endian, bool is_64);

/* Whether `length` bytes from `offset` lie within `size`: the one range test. */
static inline bool abiscan_in_range(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

void abiscan_seek(abiscan_cursor *cursor, uint64_t offset);
void abiscan_skip(abiscan_cursor *cursor, uint64_t length);
uint8_t abiscan_u8(abiscan_cursor *cursor);
uint16_t abiscan_u16(abiscan_cursor *cursor);
uint32_t abiscan_u32(abiscan_cursor *cursor);
uint64_t abiscan_u64(abiscan_cursor *cursor);
/* A word: eight or four bytes as the buffer's class says. */
uint64_t abiscan_word(abiscan_cursor *cursor);

/* `length` bytes at `offset`, or NULL when they leave the buffer. */
const unsigned char *abiscan_bytes(const abiscan_cursor *cursor, uint64_t offset, uint64_t length);

#endif /* ABISCAN_CURSOR_H */
