/* SPDX-License-Identifier: MIT */
/* Fuzz target of macho.c: each word size, byte order, and universal files. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char magics[][5] = {
        "\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xfe\xed\xfa\xcf",
        "\xfe\xed\xfa\xce", "\xca\xfe\xba\xbe", "\xca\xfe\xba\xbf",
    };
    /* An input that begins like one of them is left as it is. */
    size_t number = size == 0 ? 0 : data[0] % (sizeof magics / sizeof magics[0]);
    for (size_t i = 0; size >= 4 && i < sizeof magics / sizeof magics[0]; i++) {
        if (data[0] == (uint8_t)magics[i][0] && data[1] == (uint8_t)magics[i][1]
            && data[2] == (uint8_t)magics[i][2] && data[3] == (uint8_t)magics[i][3]) {
            number = i;
        }
    }
    fuzz_one(data, size, magics[number], 4);
    return 0;
}
