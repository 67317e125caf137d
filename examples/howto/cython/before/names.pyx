# SPDX-License-Identifier: MIT
# cython: language_level=3

cdef class Names:
    """Names, each different from all others that this object made."""
    cdef long used

    def make(self):
        name = f'name-{self.used}'
        self.used += 1
        return name
