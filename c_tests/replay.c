/* SPDX-License-Identifier: MIT */
/* Run a corpus directory through the fuzz target without a fuzzer.  Files whose
 * name begins with good- must be readable, those with bad- must be refused. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fuzz.h"

static void replay(const char *directory, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    check_context(name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    if (file == NULL) {
        return;
    }
    unsigned char *data = NULL;
    size_t size = 0, got = 0;
    do {
        data = realloc(data, size + 65536);
        if (data == NULL) {
            abort();
        }
        got = fread(data + size, 1, 65536, file);
        size += got;
    } while (got != 0);
    (void)fclose(file);

    CHECK_NUMBER(LLVMFuzzerTestOneInput(data, size), 0);
    bool is_good = strncmp(name, "good-", 5) == 0;
    if (is_good || strncmp(name, "bad-", 4) == 0) {
        abiscan_result *result = NULL;
        void *copy = NULL;
        CHECK((scan_copy(data, size, "sample", &result, &copy) == ABISCAN_OK) == is_good);
        abiscan_result_free(result);
        free(copy);
    }
    free(data);
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        DIR *directory = opendir(arguments[i]);
        check_context(arguments[i]);
        CHECK(directory != NULL);
        if (directory == NULL) {
            continue;
        }
        for (struct dirent *item = readdir(directory); item != NULL; item = readdir(directory)) {
            if (item->d_name[0] != '.' && strcmp(item->d_name, "README.md") != 0) {
                replay(arguments[i], item->d_name);
            }
        }
        (void)closedir(directory);
    }
    return check_result();
}
