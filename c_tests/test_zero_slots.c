/* SPDX-License-Identifier: MIT */
/* An empty slot array in memory that is not in the file: zeros, unless code may write it.
 * What decides is the same in all three formats. */
#include "builder.h"
#include "builder_macho.h"
#include "builder_pe.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

/* No instruction begins so early that its longest prefix would lie before the code. */
#define BEFORE 0x90, 0x90, 0x90, 0x90, 0x90
enum { BEFORE_SIZE = 5, CODE_SIZE = 24 };

#define BYTES(...) {BEFORE, __VA_ARGS__}, sizeof((unsigned char[]){__VA_ARGS__})
#define ADDRESS 0, 0, 0, 0
/* lea of a register, and what follows it */
#define LEA(rex, modrm, ...) {BEFORE, rex, 0x8d, modrm, ADDRESS, __VA_ARGS__}, 7, 3

static const struct {
    const char *name;
    unsigned char code[CODE_SIZE]; /* what follows is zeros */
    size_t size;                   /* of the instruction that has the operand: the first one */
    size_t displacement; /* offset in the instruction of the distance to its operand */
    int operand;         /* where that lies, counted from the array; it has 16 bytes */
    bool may_write;
} cases[] = {
    {"ret", BYTES(0xc3), 0, 0, false},
    {"mov [array - 8], rax", BYTES(0x48, 0x89, 0x05, ADDRESS), 3, -8, false},
    {"mov [array - 7], rax", BYTES(0x48, 0x89, 0x05, ADDRESS), 3, -7, true},
    {"mov [array - 4], eax", BYTES(0x89, 0x05, ADDRESS), 2, -4, false},
    {"mov [array - 3], eax", BYTES(0x89, 0x05, ADDRESS), 2, -3, true},
    {"mov [array - 1], al", BYTES(0x88, 0x05, ADDRESS), 2, -1, false},
    {"mov eax, [array - 8]", BYTES(0x8b, 0x05, ADDRESS), 2, -8, false},
    {"movzx eax, byte ptr [array - 1]", BYTES(0x0f, 0xb6, 0x05, ADDRESS), 3, -1, false},
    {"movsx eax, word ptr [array - 1]", BYTES(0x0f, 0xbf, 0x05, ADDRESS), 3, -1, true},
    {"add dword ptr [array - 8], 1", BYTES(0x83, 0x05, ADDRESS, 1), 2, -8, false},
    {"cmp byte ptr [array - 8], 1", BYTES(0x80, 0x3d, ADDRESS, 1), 2, -8, false},
    {"inc dword ptr [array - 8]", BYTES(0xff, 0x05, ADDRESS), 2, -8, false},
    {"neg dword ptr [array - 8]", BYTES(0xf7, 0x1d, ADDRESS), 2, -8, false},
    {"test byte ptr [array - 8], 1", BYTES(0xf6, 0x05, ADDRESS, 1), 2, -8, false},
    {"xchg [array - 8], eax", BYTES(0x87, 0x05, ADDRESS), 2, -8, false},
    {"mov dword ptr [array - 4], 4", BYTES(0xc7, 0x05, ADDRESS, 4, 0, 0, 0), 2, -4, false},
    {"mov dword ptr [array], 4", BYTES(0xc7, 0x05, ADDRESS, 4, 0, 0, 0), 2, 0, true},
    {"mov dword ptr [array + 12], 4", BYTES(0xc7, 0x05, ADDRESS, 4, 0, 0, 0), 2, 12, true},
    {"mov dword ptr [array + 16], 4", BYTES(0xc7, 0x05, ADDRESS, 4, 0, 0, 0), 2, 16, false},
    {"mov word ptr [array + 14], 4", BYTES(0x66, 0xc7, 0x05, ADDRESS, 4, 0), 3, 14, true},
    {"mov word ptr [array + 16], 4", BYTES(0x66, 0xc7, 0x05, ADDRESS, 4, 0), 3, 16, false},
    {"or dword ptr [array + 12], 4", BYTES(0x81, 0x0d, ADDRESS, 4, 0, 0, 0), 2, 12, true},
    {"or dword ptr [array + 16], 4", BYTES(0x81, 0x0d, ADDRESS, 4, 0, 0, 0), 2, 16, false},
    /* The address is taken, or the operand is longer than a number. */
    {"lea rax, [array - 8]", BYTES(0x48, 0x8d, 0x05, ADDRESS), 3, -8, true},
    {"lea rax, [array]", BYTES(0x48, 0x8d, 0x05, ADDRESS), 3, 0, true},
    {"movups [array - 8], xmm0", BYTES(0x0f, 0x11, 0x05, ADDRESS), 3, -8, true},
    {"movaps [array - 8], xmm0", BYTES(0x0f, 0x29, 0x05, ADDRESS), 3, -8, true},
    {"vmovups [array - 8], xmm0", BYTES(0xc5, 0xf8, 0x11, 0x05, ADDRESS), 4, -8, true},
    {"vmovups [array - 8], xmm0, long", BYTES(0xc4, 0xe1, 0x78, 0x11, 0x05, ADDRESS), 5, -8, true},
    {"vmovups [array - 8], xmm31", BYTES(0x62, 0x61, 0x7c, 0x08, 0x11, 0x3d, ADDRESS), 6, -8, true},
    {"cmpxchg16b [array - 8]", BYTES(0x48, 0x0f, 0xc7, 0x0d, ADDRESS), 4, -8, true},
    {"cmpxchg8b [array + 12]", BYTES(0x0f, 0xc7, 0x0d, ADDRESS), 3, 12, true},
    {"fstp tbyte ptr [array - 8]", BYTES(0xdb, 0x3d, ADDRESS), 2, -8, true},
    {"call [array - 8]", BYTES(0xff, 0x15, ADDRESS), 2, -8, false},
    {"jmp [array - 7]", BYTES(0xff, 0x25, ADDRESS), 2, -7, true},
    /* A pointer to something ahead of the array, which may be the struct that it is in. */
    {"lea rax, [array - 16]", BYTES(0x48, 0x8d, 0x05, ADDRESS), 3, -16, true},
    {"lea r15, [array - 24]; mov rdi, r15", LEA(0x4c, 0x3d, 0x4c, 0x89, 0xff), -24, true},
    {"lea rdi, [array - 16]; call", LEA(0x48, 0x3d, 0xe8, 0, 0, 0, 0), -16, true},
    {"lea rax, [array - 16]; xor eax, eax", LEA(0x48, 0x05, 0x31, 0xc0), -16, false},
    {"lea rax, [array - 16]; mov ecx, 1; pop rax", LEA(0x48, 0x05, 0xb9, 1, 0, 0, 0, 0x58), -16,
     false},
    {"lea rax, [array - 16]; mov [rsp + 8], rax", LEA(0x48, 0x05, 0x48, 0x89, 0x44, 0x24, 8), -16,
     true},
    {"lea rax, [array - 16]; mov ecx, [rsp + 8]; mov eax, ecx",
     LEA(0x48, 0x05, 0x8b, 0x4c, 0x24, 8, 0x89, 0xc8), -16, false},
    {"lea rax, [array - 16]; mov rcx, [rax + 8]", LEA(0x48, 0x05, 0x48, 0x8b, 0x48, 8), -16, true},
    {"lea rax, [array - 16]; mov ecx, [rcx + rax]", LEA(0x48, 0x05, 0x8b, 0x0c, 0x01), -16, true},
    {"lea rax, [array - 16]; mov al, 1", LEA(0x48, 0x05, 0xb0, 1), -16, true},
    {"lea rcx, [array - 16]; mov al, 1; pop rcx", LEA(0x48, 0x0d, 0xb0, 1, 0x59), -16, false},
    {"lea rax, [array - 16]; inc ecx; pop rax", LEA(0x48, 0x05, 0xff, 0xc1, 0x58), -16, false},
    {"lea rax, [array - 16]; inc rax", LEA(0x48, 0x05, 0x48, 0xff, 0xc0), -16, true},
    {"lea rax, [array - 16]; add rax, 8", LEA(0x48, 0x05, 0x48, 0x83, 0xc0, 8), -16, true},
    {"lea rax, [array - 16]; push rax", LEA(0x48, 0x05, 0x50), -16, true},
    {"movups [array - 15], xmm0", BYTES(0x0f, 0x11, 0x05, ADDRESS), 3, -15, true},
};

typedef enum file_format { ELF, PE, MACHO, FORMAT_COUNT } file_format;

static void check_case(file_format format, size_t number)
{
    static const char *const words[] = {"not-declared", "unknown"};
    static const char *const evidence[] = {
        "no slot is Py_mod_gil, and nothing adds one at run time",
        "code may write the slots at run time",
    };
    unsigned char code[CODE_SIZE];
    memcpy(code, cases[number].code, sizeof code);
    module_file elf;
    pe_file pe;
    macho_file macho;
    const unsigned char *bytes = NULL;
    size_t size = 0;
    /* Once to learn the addresses, once with the code that names the operand. */
    for (int pass = 0; pass < 2; pass++) {
        uint64_t start = 0, slots = 0;
        if (format == ELF) {
            module_options options = {.zero_slots = true, .code = code, .code_size = sizeof code};
            build_module(&elf, &options);
            bytes = elf.bytes;
            size = elf.size;
            start = elf.code;
            slots = elf.slots_address;
        } else if (format == PE) {
            pe_options options = {.zero_slots = true, .code = code, .code_size = sizeof code};
            build_pe(&pe, &options);
            bytes = pe.bytes;
            size = pe.size;
            start = pe_address(PE_TEXT);
            slots = pe.slots_address;
        } else {
            macho_options options = {.zero_slots = true, .code = {code, sizeof code}};
            build_macho(&macho, &options);
            bytes = macho.bytes;
            size = macho.size;
            start = macho.code;
            slots = macho.slots_address;
        }
        uint64_t end = start + BEFORE_SIZE + cases[number].size;
        uint64_t distance = slots + (uint64_t)(int64_t)cases[number].operand - end;
        for (size_t i = 0; cases[number].displacement != 0 && i < 4; i++) {
            code[BEFORE_SIZE + cases[number].displacement + i]
                = (unsigned char)(distance >> (8 * i));
        }
    }
    /* On Windows only a pointer to what lies right before the array counts. */
    bool may_write = cases[number].may_write
                     && !(format == PE && cases[number].operand < -8
                          && cases[number].code[BEFORE_SIZE + 1] == 0x8d);
    abiscan_result *result = NULL;
    void *copy = NULL;
    CHECK_NUMBER(scan_copy(bytes, size, "sample", &result, &copy), ABISCAN_OK);
    CHECK_TEXT(result->message, "");
    CHECK_NUMBER(result->init, ABISCAN_INIT_MULTI_PHASE);
    CHECK(result->slots_complete && result->slot_count == 0);
    CHECK_TEXT(abiscan_gil_name(result->gil), words[may_write]);
    CHECK_TEXT(result->gil_evidence, evidence[may_write]);
    abiscan_result_free(result);
    free(copy);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_context(cases[i].name);
        for (file_format format = ELF; format < FORMAT_COUNT; format++) {
            check_case(format, i);
        }
    }
    return check_result();
}
