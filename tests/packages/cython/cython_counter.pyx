# SPDX-License-Identifier: MIT
# cython: language_level=3, freethreading_compatible=True
cimport cython

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define DEFINED (Py_GIL_DISABLED + 0)
    #else
    #define DEFINED 0
    #endif
    """
    int DEFINED
    ctypedef struct PyObject:
        pass


def compiled():
    """(value of Py_GIL_DISABLED, sizeof(PyObject)), as the generated C saw them."""
    return DEFINED, sizeof(PyObject)


cdef class Counter:
    cdef long value

    def add(self, long times):
        for _ in range(times):
            with cython.critical_section(self):
                self.value += 1
        return self.value
