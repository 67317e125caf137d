/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "cursor.h"
#include "image.h"

#include <string.h>

static const unsigned char bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};

static void test_orders(void)
{
    check_context("byte orders and word sizes");
    abiscan_cursor cursor = abiscan_cursor_at(bytes, sizeof bytes, false, true);
    CHECK_NUMBER(abiscan_word(&cursor), 0x0807060504030201);
    cursor = abiscan_cursor_at(bytes, sizeof bytes, true, true);
    CHECK_NUMBER(abiscan_word(&cursor), 0x0102030405060708);
    cursor = abiscan_cursor_at(bytes, sizeof bytes, true, false);
    CHECK_NUMBER(abiscan_word(&cursor), 0x01020304);
    CHECK_NUMBER(abiscan_u8(&cursor), 5);
    CHECK_NUMBER(abiscan_u16(&cursor), 0x0607);
    CHECK_NUMBER(cursor.offset, 7);
    CHECK(!cursor.failed);
}

static void test_sticky_error(void)
{
    check_context("an error stays");
    abiscan_cursor cursor = abiscan_cursor_at(bytes, sizeof bytes, false, true);
    abiscan_seek(&cursor, 5);
    CHECK_NUMBER(abiscan_u32(&cursor), 0);
    CHECK(cursor.failed);
    CHECK_NUMBER(cursor.failed_at, 5);
    CHECK_NUMBER(abiscan_u8(&cursor), 0);
    CHECK_NUMBER(cursor.offset, 5);
    CHECK_NUMBER(cursor.failed_at, 5);

    cursor = abiscan_cursor_at(bytes, sizeof bytes, false, true);
    abiscan_seek(&cursor, sizeof bytes); /* the end is a place, though nothing is there */
    CHECK(!cursor.failed);
    abiscan_seek(&cursor, sizeof bytes + 1);
    CHECK(cursor.failed);

    cursor = abiscan_cursor_at(bytes, sizeof bytes, false, true);
    abiscan_skip(&cursor, 3);
    abiscan_skip(&cursor, UINT64_MAX);
    CHECK(cursor.failed);
    CHECK_NUMBER(cursor.failed_at, 3);
}

static void test_ranges(void)
{
    static const struct {
        uint64_t offset, length, size;
        bool expected;
    } cases[] = {
        {0, 0, 0, true},
        {0, 1, 0, false},
        {8, 0, 8, true},
        {9, 0, 8, false},
        {1, 7, 8, true},
        {1, 8, 8, false},
        {UINT64_MAX, 2, 8, false},
        {2, UINT64_MAX, 8, false},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, false},
        {0, UINT64_MAX, UINT64_MAX, true},
    };
    check_context("the range test");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(abiscan_in_range(cases[i].offset, cases[i].length, cases[i].size)
              == cases[i].expected);
    }
    abiscan_cursor cursor = abiscan_cursor_at(bytes, sizeof bytes, false, true);
    CHECK(abiscan_bytes(&cursor, 4, 4) == bytes + 4);
    CHECK(abiscan_bytes(&cursor, 4, 5) == NULL);
    CHECK(abiscan_bytes(&cursor, UINT64_MAX, 1) == NULL);
}

static int compare_bytes(const void *left, const void *right)
{
    return *(const unsigned char *)left - *(const unsigned char *)right;
}

static void test_sort(void)
{
    check_context("the sort");
    unsigned seed = 1;
    for (size_t length = 0; length < 40; length++) {
        unsigned char items[40];
        unsigned sum = 0;
        for (size_t i = 0; i < length; i++) {
            seed = seed * 1103515245u + 12345u;
            items[i] = (unsigned char)(seed >> 16);
            sum += items[i];
        }
        abiscan_sort(items, length, 1, compare_bytes);
        for (size_t i = 0; i < length; i++) {
            sum -= items[i];
            CHECK(i == 0 || items[i - 1] <= items[i]);
        }
        CHECK_NUMBER(sum, 0);
    }
}

int main(void)
{
    test_orders();
    test_sticky_error();
    test_ranges();
    test_sort();
    return check_result();
}
