/* SPDX-License-Identifier: 0BSD */
/* Types whose instances hold C data, on every ABI of CPython 3.9 and newer, and on PyPy.
 *
 * C11, C++17; needs nothing but Python.h, and may be copied into a project.  An author writes the data without
 * PyObject_HEAD, and never the size or an offset:
 *
 *     struct counter {
 *         long count;
 *     };
 *     MBFT_TYPE_DATA(counter, struct counter);
 *
 *     static PyObject *step(PyObject *self, PyObject *ignored)
 *     {
 *         MBFT_DATA(counter, self)->count++;
 *         ...
 *
 *     static PyMemberDef members[] = {
 *         MBFT_MEMBER(counter, "count", Py_T_LONG, count, Py_READONLY, "how often"),
 *         {NULL, 0, 0, 0, NULL}
 *     };
 *
 *     static PyType_Slot slots[] = {
 *         MBFT_TYPE_SLOT(Py_tp_members, members),
 *         MBFT_TYPE_SLOTS_END(counter)
 *     };
 *
 *     static PyType_Spec spec = {"spam.Counter", MBFT_BASICSIZE(counter), 0, Py_TPFLAGS_DEFAULT, slots};
 *
 * and makes the type of it by MBFT_Type_FromModuleAndSpec().
 *
 *     full API, abi3   the data follow PyObject_HEAD in a struct: MBFT_DATA is an addition
 *     abi3t            the size of PyObject is not known to the compiler: the interpreter finds the data of a type
 *                      (PEP 697) that it knows by its token (Py_tp_token)
 *
 * The base of such a type is object, and its itemsize 0.  Classes may derive from it in Python.
 * Reference: docs/reference/headers.md of mesonbuild-ft. */
#ifndef MBFT_TYPES_H
#define MBFT_TYPES_H

#include <Python.h>

#include <stddef.h>

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

#if PY_VERSION_HEX < 0x030c0000
#  include <structmember.h> /* PyMemberDef */
#endif
/* Names of 3.12's Python.h, for those of that header; pythoncapi_compat.h has them as well. */
#ifndef Py_T_INT
#  define Py_T_SHORT T_SHORT
#  define Py_T_INT T_INT
#  define Py_T_LONG T_LONG
#  define Py_T_FLOAT T_FLOAT
#  define Py_T_DOUBLE T_DOUBLE
#  define Py_T_STRING T_STRING
#  define Py_T_CHAR T_CHAR
#  define Py_T_BYTE T_BYTE
#  define Py_T_UBYTE T_UBYTE
#  define Py_T_USHORT T_USHORT
#  define Py_T_UINT T_UINT
#  define Py_T_ULONG T_ULONG
#  define Py_T_STRING_INPLACE T_STRING_INPLACE
#  define Py_T_BOOL T_BOOL
#  define Py_T_OBJECT_EX T_OBJECT_EX
#  define Py_T_LONGLONG T_LONGLONG
#  define Py_T_ULONGLONG T_ULONGLONG
#  define Py_T_PYSSIZET T_PYSSIZET
#endif
#ifndef Py_READONLY
#  define Py_READONLY READONLY
#endif

/** Whether ``PyObject`` has no size and no fields for the compiler: 1 or 0.  So it is in abi3t (PEP 803). */
#if PY_VERSION_HEX >= 0x030f0000 && (defined(Py_TARGET_ABI3T) || defined(_Py_OPAQUE_PYOBJECT))
#  define MBFT_OPAQUE_OBJECT 1
#else
#  define MBFT_OPAQUE_OBJECT 0
#endif

#ifndef mbft_pointer
#  if defined(__GNUC__) && !defined(__cplusplus)
/* ISO C has no conversion from a function; every compiler for Python does. */
#    define mbft_pointer(value) __extension__(void *)(value)
#  else
#    define mbft_pointer(value) (void *)(value)
#  endif
#endif
#ifndef mbft_unused
#  if defined(__GNUC__) || defined(__clang__)
#    define mbft_unused __attribute__((unused))
#  else
#    define mbft_unused
#  endif
#endif
#ifdef __cplusplus
#  define mbft_extern extern "C"
#else
#  define mbft_extern extern
#endif
#if defined(_WIN32) || defined(__CYGWIN__) || !(defined(__GNUC__) || defined(__clang__))
#  define mbft_hidden
#else
#  define mbft_hidden __attribute__((visibility("hidden")))
#endif

/* Objects are aligned for these, and for nothing that wants more. */
union mbft_aligned {
    long long integer;
    long double number;
    void *pointer;
};
#if defined(__cplusplus)
#  define mbft_check_alignment(data) \
      static_assert(alignof(data) <= alignof(union mbft_aligned), "objects are not aligned like that");
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#  define mbft_check_alignment(data) \
      _Static_assert(_Alignof(data) <= _Alignof(union mbft_aligned), "objects are not aligned like that");
#else
#  define mbft_check_alignment(data)
#endif

/* The token of a type is the address of a variable. */
#if MBFT_OPAQUE_OBJECT
#  define mbft_type_data(name, data)                                                                      \
      typedef data mbft_data_##name;                                                                      \
      mbft_check_alignment(mbft_data_##name)                                                              \
      static inline mbft_unused mbft_data_##name *mbft_find_##name(PyObject *object)                      \
      {                                                                                                   \
          PyTypeObject *mbft_type = NULL;                                                                 \
          mbft_data_##name *mbft_found = NULL;                                                            \
          if (PyType_GetBaseByToken(Py_TYPE(object), &mbft_token_##name, &mbft_type) == 1) {              \
              mbft_found = (mbft_data_##name *)PyObject_GetTypeData(object, mbft_type);                   \
              Py_DECREF(mbft_type);                                                                       \
          }                                                                                               \
          return mbft_found;                                                                              \
      }                                                                                                   \
      static inline mbft_unused mbft_data_##name *mbft_find_during_gc_##name(PyObject *object)            \
      {                                                                                                   \
          PyTypeObject *mbft_type = NULL;                                                                 \
          if (PyType_GetBaseByToken_DuringGC(Py_TYPE(object), &mbft_token_##name, &mbft_type) != 1) {     \
              return NULL;                                                                                \
          }                                                                                               \
          return (mbft_data_##name *)PyObject_GetTypeData_DuringGC(object, mbft_type);                    \
      }                                                                                                   \
      struct mbft_semicolon
#else
#  define mbft_type_data(name, data)                                                                      \
      typedef data mbft_data_##name;                                                                      \
      mbft_check_alignment(mbft_data_##name)                                                              \
      struct mbft_object_##name {                                                                         \
          PyObject_HEAD                                                                                   \
          mbft_data_##name data_;                                                                         \
      };                                                                                                  \
      static inline mbft_unused mbft_data_##name *mbft_find_##name(PyObject *object)                      \
      {                                                                                                   \
          return &((struct mbft_object_##name *)object)->data_;                                           \
      }                                                                                                   \
      struct mbft_semicolon
#endif

/** Says what an instance of a type holds, at file scope; a semicolon follows it.  Of a type that more than one source
 * uses, ``MBFT_TYPE_DATA_SHARED`` stands in a header, and ``MBFT_TYPE_TOKEN`` in one source.
 *
 * :param name: an identifier, by which the other macros know the type
 * :param data: a struct, or a name by typedef.  In C++ it is trivial and has standard layout: no constructor is called.
 *     New instances are all zero
 */
#if MBFT_OPAQUE_OBJECT
#  define MBFT_TYPE_DATA(name, data)                                                                      \
      static char mbft_token_##name;                                                                      \
      mbft_type_data(name, data)
#else
#  define MBFT_TYPE_DATA(name, data) mbft_type_data(name, data)
#endif

/** The same, in a header that several sources include. */
#if MBFT_OPAQUE_OBJECT
#  define MBFT_TYPE_DATA_SHARED(name, data)                                                               \
      mbft_extern mbft_hidden char mbft_token_##name;                                                     \
      mbft_type_data(name, data)
#else
#  define MBFT_TYPE_DATA_SHARED(name, data) mbft_type_data(name, data)
#endif

/** In one of these sources, after that header; a semicolon follows it.  Without it, abi3t does not link. */
#if MBFT_OPAQUE_OBJECT
#  define MBFT_TYPE_TOKEN(name) char mbft_token_##name
#else
#  define MBFT_TYPE_TOKEN(name) struct mbft_semicolon
#endif

/** A pointer to the data of an instance, good as long as the object lives.
 *
 * :param name: that of ``MBFT_TYPE_DATA``
 * :param object: the ``PyObject *``, whose type is this one or one derived from it.  Of another one, abi3t has NULL, the
 *     others have a pointer that leads elsewhere
 */
#define MBFT_DATA(name, object) mbft_find_##name(object)

/** The same within a ``tp_traverse`` function, where no reference may be taken (``PyObject_GetTypeData_DuringGC``). */
#if MBFT_OPAQUE_OBJECT
#  define MBFT_DATA_DURING_GC(name, object) mbft_find_during_gc_##name(object)
#else
#  define MBFT_DATA_DURING_GC(name, object) mbft_find_##name(object)
#endif

/** The ``basicsize`` of a ``PyType_Spec`` (int). */
#if MBFT_OPAQUE_OBJECT
#  define MBFT_BASICSIZE(name) (-(int)sizeof(mbft_data_##name))
#else
#  define MBFT_BASICSIZE(name) ((int)sizeof(struct mbft_object_##name))
#endif

/** An entry of an array of ``PyMemberDef``, which ends with ``{NULL, 0, 0, 0, NULL}`` as ever.
 *
 * :param name: that of ``MBFT_TYPE_DATA``
 * :param attribute: the attribute's name, a string; ``"__weaklistoffset__"`` with ``Py_T_PYSSIZET`` and ``Py_READONLY``
 *     makes instances that can be referred to weakly
 * :param type: ``Py_T_LONG`` and so on, as in 3.12's ``Python.h``; also there for older ones
 * :param field: the field of the data
 * :param flags: ``Py_READONLY`` or 0
 * :param doc: a string, or NULL
 */
#if MBFT_OPAQUE_OBJECT
#  define MBFT_MEMBER(name, attribute, type, field, flags, doc)                                           \
      {attribute, type, (Py_ssize_t)offsetof(mbft_data_##name, field), (flags) | Py_RELATIVE_OFFSET, doc}
#else
#  define MBFT_MEMBER(name, attribute, type, field, flags, doc)                                           \
      {attribute, type, (Py_ssize_t)offsetof(struct mbft_object_##name, data_.field), flags, doc}
#endif

/** An entry of an array of ``PyType_Slot``; of a function, too. */
#define MBFT_TYPE_SLOT(id, value) {(id), mbft_pointer(value)}

/** Its last entry, in which abi3t has the token of the type (``Py_tp_token``). */
#if MBFT_OPAQUE_OBJECT
#  define MBFT_TYPE_SLOTS_END(name) {Py_tp_token, &mbft_token_##name}, {0, NULL}
#else
#  define MBFT_TYPE_SLOTS_END(name) {0, NULL}
#endif

/** ``PyType_FromModuleAndSpec()`` without other bases than ``object``.  The headers of 3.9 have it for the limited API,
 * the stable ABI has it from 3.10 on: abi3 modules for 3.9 make the type by ``PyType_FromSpec()``, and so cannot ask
 * it for its module.
 *
 * :param module: the ``PyObject *``, which the type keeps a reference to
 * :returns: a strong reference, or NULL with an exception set
 */
static inline PyObject *MBFT_Type_FromModuleAndSpec(PyObject *module, PyType_Spec *spec)
{
#if defined(Py_LIMITED_API) && MBFT_OLDEST_PYTHON < 0x030a0000
    (void)module;
    return PyType_FromSpec(spec);
#else
    return PyType_FromModuleAndSpec(module, spec, NULL);
#endif
}

/** The end of a ``tp_dealloc`` function: frees the instance, and lets go of its type.  A type with
 * ``Py_TPFLAGS_HAVE_GC`` begins that function with ``PyObject_GC_UnTrack()``; each lets go of what the data refer to.
 *
 * :param object: the ``PyObject *``
 */
static inline void MBFT_Object_Free(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
#if defined(__GNUC__) && !defined(__cplusplus)
    freefunc release = __extension__(freefunc)PyType_GetSlot(type, Py_tp_free);
#else
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
#endif
    release(object);
    Py_DECREF((PyObject *)type);
}

#endif
