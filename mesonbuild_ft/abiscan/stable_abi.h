/* SPDX-License-Identifier: MIT */
/* The symbols of CPython's stable ABI.  Internal; the table is generated. */
#ifndef ABISCAN_STABLE_ABI_H
#define ABISCAN_STABLE_ABI_H

#include "abiscan.h"

typedef enum abiscan_symbol_kind {
    ABISCAN_SYMBOL_FUNCTION = 0,
    ABISCAN_SYMBOL_DATA
} abiscan_symbol_kind;

typedef struct abiscan_stable_symbol {
    const char *name;
    const char *ifdef;         /* the feature macro it depends on, or NULL */
    uint8_t since;             /* 3.N that brought it into abi3 */
    abiscan_symbol_kind kind;
} abiscan_stable_symbol;

/* First version with abi3t (PEP 803): nothing is in it earlier. */
enum { ABISCAN_FIRST_ABI3T = 15 };

/* Sorted by name as bytes. */
extern const abiscan_stable_symbol abiscan_stable_symbols[];
extern const size_t abiscan_stable_symbol_count;

/* NULL when the name is in no stable ABI. */
const abiscan_stable_symbol *abiscan_find_stable_symbol(abiscan_name name);

#endif /* ABISCAN_STABLE_ABI_H */
