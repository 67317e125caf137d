/* SPDX-License-Identifier: MIT */
/* The few questions that only machine code answers.  Internal.
 * Each answer is a proof or "cannot tell"; nothing is executed or emulated. */
#ifndef ABISCAN_CODE_H
#define ABISCAN_CODE_H

#include "image.h"

typedef enum abiscan_answer {
    ABISCAN_CANNOT_TELL = 0,
    ABISCAN_NO,
    ABISCAN_YES
} abiscan_answer;

typedef struct abiscan_range {
    uint64_t address;
    uint64_t size;
} abiscan_range;

/* Whether an instruction outside `except` may refer to an address in the range, or to one of
 * the `before` bytes ahead of it, unless it is certain to touch nothing but those, or only
 * makes a pointer to them. */
abiscan_answer abiscan_code_refers(const abiscan_image *image, abiscan_range range,
                                   uint64_t before, abiscan_range except);

/* Whether code outside `except` makes a pointer to an address in the range, or reads one that
 * the loader makes, and does anything but pass it straight to a function of Python's or store
 * it in `home`.  Who asks says how far ahead of the slots a struct that holds them may begin:
 * on Windows 8 bytes, whatever the compiler (pymodule.c). */
abiscan_answer abiscan_code_hands_on(const abiscan_image *image, abiscan_range range,
                                     abiscan_range home, abiscan_range except);

/* Whether an instruction outside `except` was found that names an address in the range.
 * Weaker than abiscan_code_refers(): ABISCAN_NO does not say that code has no other way. */
abiscan_answer abiscan_code_names(const abiscan_image *image, abiscan_range range,
                                  abiscan_range except);

/* The constant address that a function returns, when it does nothing else; and
 * the extent of its code. */
abiscan_answer abiscan_code_returns(const abiscan_image *image, uint64_t function,
                                    uint64_t *address, abiscan_range *extent);

/* The second argument of every call of an import, when it is one constant. */
abiscan_answer abiscan_code_second_argument(const abiscan_image *image, size_t import,
                                            uint64_t *value);

enum { ABISCAN_STORED_SLOT_LIMIT = 16 };

/* PyModuleDef_Slot entries that code writes, up to the terminator. */
typedef struct abiscan_stored_slots {
    size_t count;
    uint32_t identifiers[ABISCAN_STORED_SLOT_LIMIT];
    bool is_constant[ABISCAN_STORED_SLOT_LIMIT]; /* the value is known */
    uint64_t values[ABISCAN_STORED_SLOT_LIMIT];
} abiscan_stored_slots;

/* The slots that a hook writes into an empty array (pybind11): ABISCAN_YES where it
 * alone writes there, each identifier is a constant, and no way through the hook to
 * a call of `user`, the import that takes the slots, avoids the writes. */
abiscan_answer abiscan_code_stored_slots(const abiscan_image *image, uint64_t hook,
                                         uint64_t array, size_t user,
                                         abiscan_stored_slots *slots);

/* The function around an address by the unwind table (.eh_frame_hdr, .pdata) or the
 * function starts (Mach-O): a place where an instruction begins, and the next one
 * after it.  False: no table. */
bool abiscan_function_around(const abiscan_image *image, uint64_t address, uint64_t *start,
                             uint64_t *end);

/* One for each instruction set; code.c chooses. */
abiscan_answer abiscan_x86_64_refers(const abiscan_image *image, abiscan_range range,
                                     uint64_t before, abiscan_range except);
abiscan_answer abiscan_x86_64_hands_on(const abiscan_image *image, abiscan_range range,
                                       abiscan_range home, abiscan_range except);
abiscan_answer abiscan_x86_64_names(const abiscan_image *image, abiscan_range range,
                                    abiscan_range except);
abiscan_answer abiscan_x86_64_returns(const abiscan_image *image, uint64_t function,
                                      uint64_t *address, abiscan_range *extent);
abiscan_answer abiscan_x86_64_second_argument(const abiscan_image *image, size_t import,
                                              uint64_t *value);
abiscan_answer abiscan_x86_64_stored_slots(const abiscan_image *image, uint64_t hook,
                                           uint64_t array, size_t user,
                                           abiscan_stored_slots *slots);
abiscan_answer abiscan_aarch64_names(const abiscan_image *image, abiscan_range range,
                                     abiscan_range except);
abiscan_answer abiscan_aarch64_returns(const abiscan_image *image, uint64_t function,
                                       uint64_t *address, abiscan_range *extent);
abiscan_answer abiscan_aarch64_second_argument(const abiscan_image *image, size_t import,
                                               uint64_t *value);

#endif /* ABISCAN_CODE_H */
