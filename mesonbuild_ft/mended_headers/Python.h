/* SPDX-License-Identifier: MIT
 *
 * Found in front of CPython's own Python.h in abi3 builds with its headers of 3.12.0 to 3.13.9 and 3.14.0: there
 * Py_RETURN_NONE, Py_RETURN_TRUE, Py_RETURN_FALSE and Py_RETURN_NOTIMPLEMENTED take no reference, even with the
 * limited API of 3.11 and older, whose interpreters count the references to these objects
 * (python/cpython#134989, python/cpython#140487).  See workarounds.py.
 */
#if defined(__GNUC__)
#  pragma GCC system_header
#endif
#include_next <Python.h>

#if defined(Py_LIMITED_API) && Py_LIMITED_API + 0 < 0x030c0000
#  undef Py_RETURN_NONE
#  define Py_RETURN_NONE return Py_NewRef(Py_None)
#  undef Py_RETURN_TRUE
#  define Py_RETURN_TRUE return Py_NewRef(Py_True)
#  undef Py_RETURN_FALSE
#  define Py_RETURN_FALSE return Py_NewRef(Py_False)
#  undef Py_RETURN_NOTIMPLEMENTED
#  define Py_RETURN_NOTIMPLEMENTED return Py_NewRef(Py_NotImplemented)
#endif
