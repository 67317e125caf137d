/* SPDX-License-Identifier: 0BSD */
/* Advice of the compiler itself on free threading, at each call of a function that CPython's HOWTO names:
 * https://docs.python.org/3/howto/free-threading-extensions.html
 *
 * C11, C++17; needs nothing but Python.h, and may be copied into a project.  Include it in place of Python.h, or
 * after it; `advise = true` of mesonbuild-ft does so without a change to the sources.
 *
 *     MBFT_ALLOW(PyDict_GetItem)(dict, key)      this one call without advice
 *     MBFT_ADVICE_OFF ... MBFT_ADVICE_ON         the lines between without any
 *     MBFT_ADVISE_GIL_STATE 0, and the like      defined before: no advice of that kind
 *
 * Only declarations are added, so the same code is compiled.  Where the GIL does the work there is no advice.
 * Compilers call the functions "deprecated": that is the only warning at a call that all of them have, that can be
 * silenced there, and that is not given in the headers of others (-isystem).  CPython does not call them so.
 * Reference: docs/reference/headers.md of mesonbuild-ft. */
#ifndef MBFT_ADVICE_H
#define MBFT_ADVICE_H

#include <Python.h>

/* Of each kind there is advice, unless the macro is 0 before the include. */

#ifndef MBFT_ADVISE_BORROWED_REFERENCE
/** Whether there is advice on functions that return borrowed references: 1, or 0 where that is defined before. */
#  define MBFT_ADVISE_BORROWED_REFERENCE 1
#endif
#ifndef MBFT_ADVISE_DICT_NEXT
/** The same of PyDict_Next. */
#  define MBFT_ADVISE_DICT_NEXT 1
#endif
#ifndef MBFT_ADVISE_ALLOCATION_DOMAIN
/** The same of PyObject_Malloc and its like. */
#  define MBFT_ADVISE_ALLOCATION_DOMAIN 1
#endif
#ifndef MBFT_ADVISE_GIL_STATE
/** The same of PyGILState_Ensure. */
#  define MBFT_ADVISE_GIL_STATE 1
#endif
#ifndef MBFT_ADVISE_SINGLE_PHASE
/** The same of PyModule_Create. */
#  define MBFT_ADVISE_SINGLE_PHASE 1
#endif

/* As in locking.h: whether what is compiled may run without the GIL.  Generated code and its like is no author's:
 * SWIG, nanobind and CFFI say what they are before they include Python.h. */
#if (defined(Py_GIL_DISABLED) || defined(Py_TARGET_ABI3T)) && !defined(SWIGPYTHON) && !defined(NB_VERSION_MAJOR) && \
    !defined(_CFFI_)
#  define mbft_advises 1
#else
#  define mbft_advises 0
#endif

#if !mbft_advises

/** The function or macro of this name, without advice at this call: ``MBFT_ALLOW(PyDict_GetItem)(dict, key)``. */
#  define MBFT_ALLOW(name) name
/** From here on no advice; on a line of its own, without a semicolon. */
#  define MBFT_ADVICE_OFF
/** From here on as before MBFT_ADVICE_OFF. */
#  define MBFT_ADVICE_ON

#else

#  define MBFT_ALLOW(name) mbft_allowed_##name

#  if defined(__GNUC__)
#    define mbft_advice(text) __attribute__((deprecated(text)))
#    if __GNUC__ >= 11
#      define MBFT_ADVICE_OFF                                        \
          _Pragma("GCC diagnostic push")                             \
          _Pragma("GCC diagnostic ignored \"-Wdeprecated-declarations\"") \
          _Pragma("GCC diagnostic ignored \"-Wmismatched-dealloc\"")
#    else
#      define MBFT_ADVICE_OFF            \
          _Pragma("GCC diagnostic push") \
          _Pragma("GCC diagnostic ignored \"-Wdeprecated-declarations\"")
#    endif
#    define MBFT_ADVICE_ON _Pragma("GCC diagnostic pop")
#  elif defined(_MSC_VER)
#    define mbft_advice(text) __declspec(deprecated(text))
#    define MBFT_ADVICE_OFF __pragma(warning(push)) __pragma(warning(disable : 4996))
#    define MBFT_ADVICE_ON __pragma(warning(pop))
#  else
#    define mbft_advice(text)
#    define MBFT_ADVICE_OFF
#    define MBFT_ADVICE_ON
#  endif

/* Each function is declared once more. */
#  if defined(__GNUC__)
#    pragma GCC diagnostic push
#    pragma GCC diagnostic ignored "-Wredundant-decls"
#    pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#  elif defined(_MSC_VER)
#    pragma warning(push)
#    pragma warning(disable : 4996)
#  endif

#  ifdef __cplusplus
extern "C" {
#  endif

/* What MBFT_ALLOW calls: defined before the advice, which is not for these. */
static inline PyObject *mbft_allowed_PyList_GetItem(PyObject *list, Py_ssize_t index)
{
    return PyList_GetItem(list, index);
}
static inline PyObject *mbft_allowed_PyDict_GetItem(PyObject *dict, PyObject *key)
{
    return PyDict_GetItem(dict, key);
}
static inline PyObject *mbft_allowed_PyDict_GetItemWithError(PyObject *dict, PyObject *key)
{
    return PyDict_GetItemWithError(dict, key);
}
static inline PyObject *mbft_allowed_PyDict_GetItemString(PyObject *dict, const char *key)
{
    return PyDict_GetItemString(dict, key);
}
static inline PyObject *mbft_allowed_PyImport_AddModule(const char *name)
{
    return PyImport_AddModule(name);
}
static inline int mbft_allowed_PyDict_Next(PyObject *dict, Py_ssize_t *position, PyObject **key, PyObject **value)
{
    return PyDict_Next(dict, position, key, value);
}
static inline void *mbft_allowed_PyObject_Malloc(size_t size)
{
    return PyObject_Malloc(size);
}
static inline void *mbft_allowed_PyObject_Calloc(size_t number, size_t size)
{
    return PyObject_Calloc(number, size);
}
static inline void *mbft_allowed_PyObject_Realloc(void *memory, size_t size)
{
    return PyObject_Realloc(memory, size);
}
static inline PyObject *mbft_allowed_PyObject_Init(PyObject *memory, PyTypeObject *type)
{
    return PyObject_Init(memory, type);
}
static inline PyVarObject *mbft_allowed_PyObject_InitVar(PyVarObject *memory, PyTypeObject *type, Py_ssize_t size)
{
    return PyObject_InitVar(memory, type, size);
}
/* Other names of these. */
#  define mbft_allowed_PyObject_MALLOC mbft_allowed_PyObject_Malloc
#  define mbft_allowed_PyObject_REALLOC mbft_allowed_PyObject_Realloc
#  define mbft_allowed_PyObject_INIT(memory, type) mbft_allowed_PyObject_Init(_Py_CAST(PyObject *, memory), type)
#  define mbft_allowed_PyObject_INIT_VAR(memory, type, size) \
      mbft_allowed_PyObject_InitVar(_Py_CAST(PyVarObject *, memory), type, size)
static inline PyGILState_STATE mbft_allowed_PyGILState_Ensure(void)
{
    return PyGILState_Ensure();
}
/* 3.15's headers no longer declare it. */
#  if PY_VERSION_HEX < 0x030f0000
static inline PyObject *mbft_allowed_PyWeakref_GetObject(PyObject *reference)
{
    return PyWeakref_GetObject(reference);
}
#  endif
#  ifndef Py_LIMITED_API
static inline PyObject *mbft_allowed_PyDict_SetDefault(PyObject *dict, PyObject *key, PyObject *value)
{
    return PyDict_SetDefault(dict, key, value);
}
static inline PyObject *mbft_allowed_PyModule_Create2(PyModuleDef *definition, int version)
{
    return PyModule_Create2(definition, version);
}
static inline PyObject *mbft_allowed_PyModule_Create(PyModuleDef *definition)
{
    return mbft_allowed_PyModule_Create2(definition, PYTHON_API_VERSION);
}
#  endif

/* The declarations.  What the compiler is told to say begins with the identifier of its page, and has one ": " before
 * what to do. */
#  define mbft_borrowed(name, strong)                                                                              \
      mbft_advice("[advice-borrowed-reference] " name " returns a borrowed reference, which another thread may free: " \
                  "use " strong)
#  if MBFT_ADVISE_BORROWED_REFERENCE
mbft_borrowed("PyList_GetItem", "PyList_GetItemRef")
PyAPI_FUNC(PyObject *) PyList_GetItem(PyObject *list, Py_ssize_t index);
mbft_borrowed("PyDict_GetItem", "PyDict_GetItemRef")
PyAPI_FUNC(PyObject *) PyDict_GetItem(PyObject *dict, PyObject *key);
mbft_borrowed("PyDict_GetItemWithError", "PyDict_GetItemRef")
PyAPI_FUNC(PyObject *) PyDict_GetItemWithError(PyObject *dict, PyObject *key);
mbft_borrowed("PyDict_GetItemString", "PyDict_GetItemStringRef")
PyAPI_FUNC(PyObject *) PyDict_GetItemString(PyObject *dict, const char *key);
mbft_borrowed("PyImport_AddModule", "PyImport_AddModuleRef")
PyAPI_FUNC(PyObject *) PyImport_AddModule(const char *name);
#    ifndef Py_LIMITED_API
mbft_borrowed("PyDict_SetDefault", "PyDict_SetDefaultRef")
PyAPI_FUNC(PyObject *) PyDict_SetDefault(PyObject *dict, PyObject *key, PyObject *value);
#    endif
#    if PY_VERSION_HEX < 0x030f0000
mbft_borrowed("PyWeakref_GetObject", "PyWeakref_GetRef")
PyAPI_FUNC(PyObject *) PyWeakref_GetObject(PyObject *reference);
#    endif
#  endif

#  if MBFT_ADVISE_DICT_NEXT
mbft_advice("[advice-dict-next] PyDict_Next neither locks the dict nor returns strong references: hold "
            "Py_BEGIN_CRITICAL_SECTION(dict) around the loop, unless no other thread has the dict")
PyAPI_FUNC(int) PyDict_Next(PyObject *dict, Py_ssize_t *position, PyObject **key, PyObject **value);
#  endif

#  if MBFT_ADVISE_ALLOCATION_DOMAIN
#    define mbft_for_objects(name, other) \
        mbft_advice("[advice-allocation-domain] " name " is for Python objects alone: use " other " for other memory")
mbft_for_objects("PyObject_Malloc", "PyMem_Malloc")
PyAPI_FUNC(void *) PyObject_Malloc(size_t size);
mbft_for_objects("PyObject_Calloc", "PyMem_Calloc")
PyAPI_FUNC(void *) PyObject_Calloc(size_t number, size_t size);
mbft_for_objects("PyObject_Realloc", "PyMem_Realloc")
PyAPI_FUNC(void *) PyObject_Realloc(void *memory, size_t size);
#    define mbft_of_objects(name, other) \
        mbft_advice("[advice-allocation-domain] " name " takes memory of PyObject_Malloc alone: use " other)
mbft_of_objects("PyObject_Init", "PyObject_New")
PyAPI_FUNC(PyObject *) PyObject_Init(PyObject *memory, PyTypeObject *type);
mbft_of_objects("PyObject_InitVar", "PyObject_NewVar")
PyAPI_FUNC(PyVarObject *) PyObject_InitVar(PyVarObject *memory, PyTypeObject *type, Py_ssize_t size);
#  endif

/* GCC proves where memory of one domain is freed in another, or by free(): -Wmismatched-dealloc.  Not of what goes
 * through PyMem_Realloc, after whose failure the memory is still there. */
#  if MBFT_ADVISE_ALLOCATION_DOMAIN && defined(__GNUC__) && __GNUC__ >= 11 && !defined(__clang__)
#    define mbft_freed_by(function) __attribute__((malloc(function, 1)))
mbft_freed_by(PyMem_Free) PyAPI_FUNC(void *) PyMem_Malloc(size_t size);
mbft_freed_by(PyMem_Free) PyAPI_FUNC(void *) PyMem_Calloc(size_t number, size_t size);
mbft_freed_by(PyMem_RawFree) PyAPI_FUNC(void *) PyMem_RawMalloc(size_t size);
mbft_freed_by(PyMem_RawFree) PyAPI_FUNC(void *) PyMem_RawCalloc(size_t number, size_t size);
mbft_freed_by(PyObject_Free) PyAPI_FUNC(void *) PyObject_Malloc(size_t size);
mbft_freed_by(PyObject_Free) PyAPI_FUNC(void *) PyObject_Calloc(size_t number, size_t size);
#    undef mbft_freed_by
#  endif

#  if MBFT_ADVISE_GIL_STATE
mbft_advice("[advice-gil-state] PyGILState_Ensure gives this thread a thread state, and keeps no other thread out: "
            "lock what threads share, with PyMutex or a critical section")
PyAPI_FUNC(PyGILState_STATE) PyGILState_Ensure(void);
#  endif

#  if MBFT_ADVISE_SINGLE_PHASE && !defined(Py_LIMITED_API)
#    define mbft_single_phase(name)                                                                                  \
        mbft_advice("[advice-single-phase] " name " makes a module that switches the GIL on: return "                \
                    "PyModuleDef_Init() with the slot Py_mod_gil in its place, or call PyUnstable_Module_SetGIL() "   \
                    "after it")
mbft_single_phase("PyModule_Create2")
PyAPI_FUNC(PyObject *) PyModule_Create2(PyModuleDef *definition, int version);
/* A function, which has the line of the call in every compiler. */
#    undef PyModule_Create
mbft_single_phase("PyModule_Create") static inline PyObject *PyModule_Create(PyModuleDef *definition)
{
    return mbft_allowed_PyModule_Create2(definition, PYTHON_API_VERSION);
}
#  endif

/* Functions and macros of Python.h that are compiled in place. */
#  ifndef Py_LIMITED_API
#    define mbft_allowed_PyList_GET_ITEM(list, index) (_PyList_CAST(list)->ob_item[(index)])
#    define mbft_allowed_PySequence_Fast_GET_ITEM(sequence, index) \
        (PyList_Check(sequence) ? mbft_allowed_PyList_GET_ITEM(sequence, index) : PyTuple_GET_ITEM(sequence, index))
#    define mbft_allowed_PySequence_Fast_ITEMS(sequence)                   \
        (PyList_Check(sequence) ? _Py_CAST(PyListObject *, sequence)->ob_item \
                                : _Py_CAST(PyTupleObject *, sequence)->ob_item)
static inline PyObject *mbft_allowed_PyCell_GET(PyObject *cell)
{
    return PyCell_GET(cell);
}
#    if PY_VERSION_HEX < 0x030f0000
static inline PyObject *mbft_allowed_PyWeakref_GET_OBJECT(PyObject *reference)
{
    return PyWeakref_GET_OBJECT(reference);
}
#    endif
#    if MBFT_ADVISE_BORROWED_REFERENCE
#      define mbft_sequence(name)                                                                                     \
          mbft_advice("[advice-borrowed-reference] " name " reads a list that another thread may change: use "        \
                      "PySequence_GetItem, or PySequence_Tuple in place of PySequence_Fast")
#      undef PyList_GET_ITEM
#      undef PySequence_Fast_GET_ITEM
#      undef PySequence_Fast_ITEMS
#      if defined(__cplusplus) && defined(NDEBUG)
/* No macros: G++ would name the line of the macro, and then that of the call.  Where there is assert(), they are: that of
 * Python's own names the line of the call, and here it would put the path of this file into the code. */
extern "C++" {
template <class Object>
mbft_borrowed("PyList_GET_ITEM", "PyList_GetItemRef")
inline PyObject *&PyList_GET_ITEM(Object *list, Py_ssize_t index)
{
    return mbft_allowed_PyList_GET_ITEM(list, index);
}
template <class Object>
mbft_sequence("PySequence_Fast_GET_ITEM")
inline PyObject *PySequence_Fast_GET_ITEM(Object *sequence, Py_ssize_t index)
{
    return mbft_allowed_PySequence_Fast_GET_ITEM(sequence, index);
}
template <class Object>
mbft_sequence("PySequence_Fast_ITEMS")
inline PyObject **PySequence_Fast_ITEMS(Object *sequence)
{
    return mbft_allowed_PySequence_Fast_ITEMS(sequence);
}
}
#      else
/* Called in sizeof alone: nothing is added to the code, and the first remains something to assign to. */
mbft_borrowed("PyList_GET_ITEM", "PyList_GetItemRef")
static inline int mbft_advised_PyList_GET_ITEM(void)
{
    return 0;
}
mbft_sequence("PySequence_Fast_GET_ITEM")
static inline int mbft_advised_PySequence_Fast_GET_ITEM(void)
{
    return 0;
}
mbft_sequence("PySequence_Fast_ITEMS")
static inline int mbft_advised_PySequence_Fast_ITEMS(void)
{
    return 0;
}
#        define mbft_zero(name) _Py_STATIC_CAST(Py_ssize_t, 0 * sizeof(mbft_advised_##name()))
#        define PyList_GET_ITEM(list, index) mbft_allowed_PyList_GET_ITEM(list, (index) + mbft_zero(PyList_GET_ITEM))
#        define PySequence_Fast_GET_ITEM(sequence, index) \
            (mbft_zero(PySequence_Fast_GET_ITEM) != 0 ? NULL : mbft_allowed_PySequence_Fast_GET_ITEM(sequence, index))
#        define PySequence_Fast_ITEMS(sequence) \
            (mbft_allowed_PySequence_Fast_ITEMS(sequence) + mbft_zero(PySequence_Fast_ITEMS))
#      endif
#      undef PyCell_GET
mbft_borrowed("PyCell_GET", "PyCell_Get")
static inline PyObject *mbft_advised_PyCell_GET(PyObject *cell)
{
    return mbft_allowed_PyCell_GET(cell);
}
#      define PyCell_GET(cell) mbft_advised_PyCell_GET(_PyObject_CAST(cell))
#      if PY_VERSION_HEX < 0x030f0000
#        undef PyWeakref_GET_OBJECT
mbft_borrowed("PyWeakref_GET_OBJECT", "PyWeakref_GetRef")
static inline PyObject *mbft_advised_PyWeakref_GET_OBJECT(PyObject *reference)
{
    return mbft_allowed_PyWeakref_GET_OBJECT(reference);
}
#        define PyWeakref_GET_OBJECT(reference) mbft_advised_PyWeakref_GET_OBJECT(_PyObject_CAST(reference))
#      endif
#    endif
#  endif

#  ifdef __cplusplus
}
#  endif

#  if defined(__GNUC__)
#    pragma GCC diagnostic pop
#  elif defined(_MSC_VER)
#    pragma warning(pop)
#  endif

#endif

#endif
