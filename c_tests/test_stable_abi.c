/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "stable_abi.h"

#include <string.h>

static abiscan_name name_of(const char *text)
{
    abiscan_name name = {text, strlen(text)};
    return name;
}

int main(void)
{
    check_context("the table");
    CHECK_NUMBER(abiscan_stable_symbol_count, 967);
    CHECK_TEXT(abiscan_stable_abi_source(), "CPython 3.15.0rc2");
    for (size_t i = 0; i < abiscan_stable_symbol_count; i++) {
        const abiscan_stable_symbol *symbol = &abiscan_stable_symbols[i];
        check_context(symbol->name);
        CHECK(i == 0 || strcmp(symbol[-1].name, symbol->name) < 0);
        CHECK(abiscan_find_stable_symbol(name_of(symbol->name)) == symbol);
        CHECK(symbol->since >= 2 && symbol->since <= 15);
    }

    static const char *const absent[] = {
        "", "Py", "PyModuleDef_Ini", "PyModuleDef_Init2", "PyUnstable_Module_SetGIL", "zzz",
    };
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        check_context(absent[i]);
        CHECK(abiscan_find_stable_symbol(name_of(absent[i])) == NULL);
    }
    const abiscan_stable_symbol *fork = abiscan_find_stable_symbol(name_of("PyOS_BeforeFork"));
    check_context("PyOS_BeforeFork");
    CHECK(fork != NULL && fork->since == 7 && strcmp(fork->ifdef, "HAVE_FORK") == 0
          && fork->kind == ABISCAN_SYMBOL_FUNCTION);
    return check_result();
}
