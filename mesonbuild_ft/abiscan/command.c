/* SPDX-License-Identifier: MIT */
/* abiscan FILE...: the facts about each binary as one line of JSON.
 *
 * For distributions and CI without Python.  The keys and values are those of
 * mesonbuild_ft._abiscan.scan(), with "file", "status" and "message" before them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abiscan.h"

enum {
    EXIT_OK = 0,
    EXIT_UNREADABLE = 1, /* a file could not be opened or scanned */
    EXIT_USAGE = 2
};

static const char usage[] =
    "usage: abiscan [--] FILE...\n"
    "\n"
    "Print the facts about each Python extension module, one JSON object a line.\n"
    "Nothing is executed or loaded.\n"
    "\n"
    "  --help     show this and end\n"
    "  --version  show where the table of the stable ABI comes from\n"
    "\n"
    "exit status: 0 all files were scanned, 1 some could not be, 2 wrong usage\n";

/* ---- JSON (RFC 8259) --------------------------------------------------- */

/* The length of the UTF-8 sequence at `text` (RFC 3629), or 0 where it is none. */
static size_t utf8_length(const unsigned char *text, size_t size)
{
    static const struct {
        unsigned char first, last, low, high; /* of the first and the second byte */
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last) {
            continue;
        }
        size_t length = forms[i].length;
        if (length > size
            || (length > 1 && (text[1] < forms[i].low || text[1] > forms[i].high))) {
            return 0;
        }
        for (size_t at = 2; at < length; at++) {
            if ((text[at] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return length;
    }
    return 0;
}

/* A string; a byte that is not UTF-8 is shown as \xNN, as Python's binding does. */
static void print_bytes(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    putchar('"');
    for (size_t i = 0; i < size;) {
        size_t length = utf8_length(bytes + i, size - i);
        if (length == 0) {
            printf("\\\\x%02x", bytes[i]);
            i++;
            continue;
        }
        if (bytes[i] == '"' || bytes[i] == '\\') {
            printf("\\%c", bytes[i]);
        } else if (bytes[i] < 0x20) {
            printf("\\u%04x", bytes[i]);
        } else {
            fwrite(bytes + i, 1, length, stdout);
        }
        i += length;
    }
    putchar('"');
}

static void print_text(const char *text)
{
    if (text == NULL) {
        fputs("null", stdout);
    } else {
        print_bytes(text, strlen(text));
    }
}

static void print_key(const char *key)
{
    fputs(", ", stdout);
    print_text(key);
    fputs(": ", stdout);
}

static void print_name(abiscan_name name)
{
    if (name.data == NULL) {
        fputs("null", stdout);
    } else {
        print_bytes(name.data, name.size);
    }
}

static void put_text(const char *key, const char *text)
{
    print_key(key);
    print_text(text);
}

static void put_name(const char *key, abiscan_name name)
{
    print_key(key);
    print_name(name);
}

static void put_number(const char *key, unsigned long number)
{
    print_key(key);
    printf("%lu", number);
}

static void put_names(const char *key, const abiscan_name *names, size_t count)
{
    print_key(key);
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        print_name(names[i]);
    }
    putchar(']');
}

/* ---- facts ------------------------------------------------------------- */

static void print_version(int minor)
{
    if (minor < 0) {
        fputs("null", stdout);
    } else {
        printf("%d", minor);
    }
}

/* [name, abi3 since 3.N, abi3t since 3.N, note, library] */
static void print_import(const abiscan_import *import)
{
    putchar('[');
    print_name(import->name);
    fputs(", ", stdout);
    print_version(import->abi3_since);
    fputs(", ", stdout);
    print_version(import->abi3t_since);
    fputs(", ", stdout);
    if (import->is_pypy) {
        print_text("pypy");
    } else if (import->is_weak) {
        print_text("weak");
    } else if (import->ifdef != NULL) {
        printf("\"only with %s\"", import->ifdef); /* a C identifier of the table */
    } else {
        print_text("");
    }
    fputs(", ", stdout);
    if (import->library.data == NULL) {
        print_text("");
    } else {
        print_name(import->library);
    }
    putchar(']');
}

/* What depends on the hook that an interpreter calls: members of an object. */
static void print_judgement(const abiscan_result *result)
{
    print_text("init");
    fputs(": ", stdout);
    print_text(abiscan_init_name(result->init));
    put_text("init_reason", result->init_reason);
    put_name("definition_name", result->definition_name);
    put_text("gil", abiscan_gil_name(result->gil));
    put_text("gil_evidence", result->gil_evidence);
    put_text("layout", abiscan_layout_name(result->layout));
    put_text("layout_evidence", result->layout_evidence);
    print_key("slots");
    putchar('[');
    for (size_t i = 0; i < result->slot_count; i++) {
        printf("%s%u", i == 0 ? "" : ", ", (unsigned)result->slots[i]);
    }
    putchar(']');
    print_key("slots_complete");
    fputs(result->slots_complete ? "true" : "false", stdout);
    put_text("slot_style", abiscan_slot_style_name(result->slot_style));
}

static void put_abi_info(const abiscan_result *result)
{
    print_key("abi_info");
    if (!result->has_abi_info) {
        fputs("null", stdout);
        return;
    }
    const abiscan_abi_info *info = &result->abi_info;
    printf("{\"major\": %u, \"minor\": %u, \"flags\": %u, \"build_version\": %lu, "
           "\"abi_version\": %lu}",
           (unsigned)info->major, (unsigned)info->minor, (unsigned)info->flags,
           (unsigned long)info->build_version, (unsigned long)info->abi_version);
}

static void put_slices(const abiscan_result *result);

static void put_facts(const abiscan_result *result)
{
    put_text("format", abiscan_format_name(result->format));
    put_text("machine", result->machine);
    put_number("bits", result->bits);
    put_text("byte_order", abiscan_byte_order_name(result->byte_order));
    put_text("file_type", abiscan_file_type_name(result->file_type));
    put_names("needed", result->needed, result->needed_count);
    put_name("soname", result->soname);
    put_text("minimum_os", result->minimum_os[0] == 0 ? NULL : result->minimum_os);
    put_names("init_hooks", result->init_hooks, result->init_hook_count);
    fputs(", ", stdout);
    print_judgement(result);
    put_abi_info(result);
    print_key("python_imports");
    putchar('[');
    for (size_t i = 0; i < result->import_count; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        print_import(&result->imports[i]);
    }
    putchar(']');
    put_text("framework", abiscan_framework_name(result->framework));
    print_key("before_3_15");
    if (result->before_3_15 == NULL) {
        fputs("null", stdout);
    } else {
        putchar('{');
        print_judgement(result->before_3_15);
        putchar('}');
    }
    put_slices(result);
}

/* A universal file's; a slice has none itself. */
static void put_slices(const abiscan_result *result)
{
    print_key("slices");
    putchar('[');
    for (size_t i = 0; i < result->slice_count; i++) {
        const abiscan_result *slice = &result->slices[i];
        fputs(i == 0 ? "{\"offset\": " : ", {\"offset\": ", stdout);
        printf("%llu", (unsigned long long)slice->slice_offset);
        put_text("status", abiscan_status_name(slice->status));
        put_text("message", slice->message);
        put_facts(slice);
        putchar('}');
    }
    putchar(']');
}

/* ---- files ------------------------------------------------------------- */

/* The bytes of one file after the other, in memory that is kept between them. */
typedef struct file_contents {
    unsigned char *data;
    size_t capacity;
    size_t size;
    uint64_t file_size;  /* larger than size: only the beginning is there */
    const char *problem; /* NULL: it was read */
} file_contents;

enum { FIRST_BLOCK = 4096 };

/* Make room for `size` bytes; what is there stays. */
static bool reserve(file_contents *contents, size_t size)
{
    if (size > contents->capacity) {
        size_t capacity = size < SIZE_MAX / 2 ? size + size / 4 : size;
        unsigned char *data = realloc(contents->data, capacity);
        if (data == NULL) {
            contents->problem = "not enough memory";
            return false;
        }
        contents->data = data;
        contents->capacity = capacity;
    }
    return true;
}

/* Read on until `size` bytes are there, or the file ends. */
static bool read_up_to(FILE *file, size_t size, file_contents *contents)
{
    if (!reserve(contents, size)) {
        return false;
    }
    while (contents->size < size) {
        size_t count
            = fread(contents->data + contents->size, 1, size - contents->size, file);
        if (count == 0) {
            break;
        }
        contents->size += count;
    }
    if (ferror(file)) {
        contents->problem = strerror(errno);
        return false;
    }
    return true;
}

/* The size of a file that is read from its start; false for a pipe and the like. */
static bool find_size(FILE *file, uint64_t *size)
{
    if (fseek(file, 0, SEEK_END) != 0) {
        return false;
    }
    long end = ftell(file);
    *size = end < 0 ? 0 : (uint64_t)end;
    return fseek(file, 0, SEEK_SET) == 0 && end >= 0;
}

/* As much of the file as a scan needs, or the whole of it. */
static void read_file(const char *path, bool is_whole, file_contents *contents)
{
    contents->size = 0;
    contents->file_size = 0;
    contents->problem = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        contents->problem = strerror(errno);
        return;
    }
    /* What is read in large pieces needs no copy on its way. */
    (void)setvbuf(file, NULL, _IONBF, 0);
    uint64_t size = 0;
    bool has_size = !is_whole && find_size(file, &size) && size > FIRST_BLOCK
                    && size < SIZE_MAX;
    if (has_size) {
        if (read_up_to(file, FIRST_BLOCK, contents)) {
            uint64_t wanted = abiscan_prefix_size(contents->data, contents->size, size);
            if (read_up_to(file, (size_t)wanted, contents)) {
                contents->file_size = contents->size < wanted ? contents->size : size;
            }
        }
    } else {
        size_t before = 0;
        do {
            before = contents->size;
        } while (read_up_to(file, before + before / 2 + (1u << 16), contents)
                 && contents->size != before);
        contents->file_size = contents->size;
    }
    (void)fclose(file);
}

enum { STEM_LIMIT = 256 };

/* The module's name in a path: 'a/one.abi3.so' -> 'one'.  False: too long, or empty. */
static bool find_stem(const char *path, char stem[STEM_LIMIT])
{
    const char *name = path;
    for (const char *at = path; *at != 0; at++) {
        if (*at == '/' || *at == '\\') {
            name = at + 1;
        }
    }
    size_t length = strcspn(name, ".");
    if (length == 0 || length >= STEM_LIMIT) {
        return false;
    }
    memcpy(stem, name, length);
    stem[length] = 0;
    return true;
}

/* Print the line of one file; whether it could be scanned. */
static bool scan_file(const char *path, file_contents *contents)
{
    abiscan_result *result = NULL;
    abiscan_status code = ABISCAN_INCOMPLETE;
    char stem[STEM_LIMIT];
    const char *known = find_stem(path, stem) ? stem : NULL;
    for (int is_whole = 0; is_whole < 2 && code == ABISCAN_INCOMPLETE; is_whole++) {
        abiscan_result_free(result);
        result = NULL;
        read_file(path, is_whole != 0, contents);
        if (contents->problem != NULL) {
            break;
        }
        code = abiscan_scan_prefix(contents->data, contents->size, contents->file_size, known,
                                   &result);
    }
    const char *status = "unreadable-file", *message = contents->problem;
    bool is_scanned = false;
    if (contents->problem == NULL) {
        status = abiscan_status_name(code);
        message = result != NULL ? result->message : "not enough memory";
        is_scanned = code == ABISCAN_OK;
    }
    bool is_complete = is_scanned;
    for (size_t i = 0; is_scanned && i < result->slice_count; i++) {
        is_complete = is_complete && result->slices[i].status == ABISCAN_OK;
    }
    fputs("{\"file\": ", stdout);
    print_text(path);
    put_text("status", status);
    put_text("message", message);
    if (is_scanned) {
        put_facts(result);
    }
    puts("}");
    abiscan_result_free(result); /* its names point into the contents */
    return is_complete;
}

/* The exit status, unless what was printed has not reached its end. */
static int finish(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "abiscan: cannot write the output: %s\n", strerror(errno));
        return EXIT_UNREADABLE;
    }
    return status;
}

int main(int argc, char **argv)
{
    int first = 1;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return finish(EXIT_OK);
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("abiscan, stable ABI of %s\n", abiscan_stable_abi_source());
        return finish(EXIT_OK);
    }
    if (argc > 1 && strcmp(argv[1], "--") == 0) {
        first = 2;
    } else if (argc > 1 && argv[1][0] == '-' && argv[1][1] != 0) {
        fprintf(stderr, "abiscan: unknown option %s\n%s", argv[1], usage);
        return EXIT_USAGE;
    }
    if (first >= argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    int status = EXIT_OK;
    file_contents contents = {NULL, 0, 0, 0, NULL};
    for (int i = first; i < argc; i++) {
        if (!scan_file(argv[i], &contents)) {
            status = EXIT_UNREADABLE;
        }
    }
    free(contents.data);
    return finish(status);
}
