# SPDX-License-Identifier: MIT
# cython: language_level=3, freethreading_compatible=True
cimport cython

cdef class Names:
    """Names, each different from all others that this object made."""
    cdef long used

    def make(self):
        with cython.critical_section(self):
            number = self.used
            self.used += 1
        return f'name-{number}'
