/* SPDX-License-Identifier: 0BSD */
/* Functions that return strong references, where Python.h lacks them: in a limited API, and in old versions.
 *
 *     PyDict_GetItemRef  PyDict_GetItemStringRef  PyDict_SetDefaultRef
 *     PyList_GetItemRef  PyWeakref_GetRef         PyImport_AddModuleRef
 *
 * C11, C++17; needs nothing but Python.h, and may be copied into a project.  They have the names, arguments
 * and results of CPython's own, which are used wherever they exist; remove this include once they do everywhere.
 * What stands in for them makes a borrowed reference a strong one, which is safe with the GIL only.  It is never
 * compiled without: free-threaded builds and abi3t have the functions.
 *
 * Of the full API, pythoncapi-compat has them and many more; include it first where both are needed.  It looks at
 * the version of Python.h, and so leaves out what a limited API of an older one lacks.
 * Reference: docs/reference/headers.md of mesonbuild-ft. */
#ifndef MBFT_REFERENCES_H
#define MBFT_REFERENCES_H

#include <Python.h>

/* The oldest Python that may load what is compiled, as PY_VERSION_HEX is written. */
#ifndef MBFT_OLDEST_PYTHON
#  ifndef Py_LIMITED_API
#    define MBFT_OLDEST_PYTHON PY_VERSION_HEX
#  elif Py_LIMITED_API + 0 <= 3 /* empty or 3: the first limited API */
#    define MBFT_OLDEST_PYTHON 0x03020000
#  else
#    define MBFT_OLDEST_PYTHON Py_LIMITED_API
#  endif
#endif

/* pythoncapi_compat.h has done the same by the version of Python.h. */
#if defined(PYTHONCAPI_COMPAT) && PY_VERSION_HEX < 0x030d0000
#  define MBFT_NEEDS_REFERENCES_OF_3_13 0
#  define MBFT_NEEDS_DICT_SETDEFAULTREF 0
#elif MBFT_OLDEST_PYTHON < 0x030d0000
#  define MBFT_NEEDS_REFERENCES_OF_3_13 1
#  define MBFT_NEEDS_DICT_SETDEFAULTREF 1
#else
#  define MBFT_NEEDS_REFERENCES_OF_3_13 0
/* In the full API since 3.13, in the limited one since 3.15. */
#  if defined(Py_LIMITED_API) && MBFT_OLDEST_PYTHON < 0x030f0000
#    define MBFT_NEEDS_DICT_SETDEFAULTREF 1
#  else
#    define MBFT_NEEDS_DICT_SETDEFAULTREF 0
#  endif
#endif

#if (MBFT_NEEDS_REFERENCES_OF_3_13 || MBFT_NEEDS_DICT_SETDEFAULTREF) && defined(Py_GIL_DISABLED)
#  error "without the GIL these functions must come from Python.h"
#endif

#if MBFT_NEEDS_REFERENCES_OF_3_13

/** Looks a key up.
 *
 * :returns: 1: ``*result`` is a strong reference; 0: there is no such key; -1: an exception is set.  NULL in the last
 *     two.
 */
static inline int PyDict_GetItemRef(PyObject *dict, PyObject *key, PyObject **result)
{
    PyObject *item = PyDict_GetItemWithError(dict, key);
    Py_XINCREF(item);
    *result = item;
    if (item != NULL) {
        return 1;
    }
    return PyErr_Occurred() ? -1 : 0;
}

/** The same with a C string. */
static inline int PyDict_GetItemStringRef(PyObject *dict, const char *key, PyObject **result)
{
    PyObject *string = PyUnicode_FromString(key);
    if (string == NULL) {
        *result = NULL;
        return -1;
    }
    int status = PyDict_GetItemRef(dict, string, result);
    Py_DECREF(string);
    return status;
}

/** An item of a list.
 *
 * :returns: a strong reference, or NULL with an exception set
 */
static inline PyObject *PyList_GetItemRef(PyObject *list, Py_ssize_t index)
{
    PyObject *item = PyList_GetItem(list, index);
    Py_XINCREF(item);
    return item;
}

#if PY_VERSION_HEX >= 0x030f0000
/* 3.15's headers no longer declare it; it stays in the stable ABI, where it has been since 3.2. */
#  ifdef __cplusplus
extern "C" {
#  endif
PyAPI_FUNC(PyObject *) PyWeakref_GetObject(PyObject *reference);
#  ifdef __cplusplus
}
#  endif
#endif

/** What a weak reference refers to.
 *
 * :returns: 1: ``*object`` is a strong reference; 0: the object is dead; -1: an exception is set.  NULL in the last
 *     two.
 */
static inline int PyWeakref_GetRef(PyObject *reference, PyObject **object)
{
    *object = NULL;
    if (!PyWeakref_Check(reference)) {
        PyErr_SetString(PyExc_TypeError, "expected a weakref");
        return -1;
    }
/* Deprecated in 3.13, for the reason that there is this function. */
#if defined(__GNUC__)
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#elif defined(_MSC_VER)
#  pragma warning(push)
#  pragma warning(disable : 4996)
#endif
    PyObject *referent = PyWeakref_GetObject(reference);
#if defined(__GNUC__)
#  pragma GCC diagnostic pop
#elif defined(_MSC_VER)
#  pragma warning(pop)
#endif
    if (referent == NULL) {
        return -1;
    }
    if (referent == Py_None) {
        return 0;
    }
    Py_INCREF(referent);
    *object = referent;
    return 1;
}

/** The module in ``sys.modules``, which is made if need be.
 *
 * :returns: a strong reference, or NULL with an exception set
 */
static inline PyObject *PyImport_AddModuleRef(const char *name)
{
    PyObject *module = PyImport_AddModule(name);
    Py_XINCREF(module);
    return module;
}

#endif

#if MBFT_NEEDS_DICT_SETDEFAULTREF

/* dict.setdefault() is one step for other threads, even where a comparison of keys runs Python code.  It does not
 * say whether the key was there: if another thread adds default_value itself meanwhile, 0 is returned all the same. */

/** Looks a key up, and adds it where it is not there.
 *
 * :returns: 1: the key was there; 0: it is now, with ``default_value``; -1: an exception is set.  ``*result``, unless
 *     ``result`` is NULL, is a strong reference to the value, or NULL.
 */
static inline int PyDict_SetDefaultRef(PyObject *dict, PyObject *key, PyObject *default_value, PyObject **result)
{
    PyObject *value = NULL;
    int status = PyDict_GetItemRef(dict, key, &value);
    if (status == 0) {
        value = PyObject_CallMethod((PyObject *)&PyDict_Type, "setdefault", "OOO", dict, key, default_value);
        status = value == NULL ? -1 : value != default_value;
    }
    if (result != NULL) {
        *result = value;
    } else {
        Py_XDECREF(value);
    }
    return status;
}

#endif

#endif
