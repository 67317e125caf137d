/* SPDX-License-Identifier: 0BSD */
/* One definition of an extension module for every ABI of CPython 3.9 and newer, and for PyPy.
 *
 * C11, C++17; needs nothing but Python.h, and may be copied into a project.  An author writes
 *
 *     static MBFT_Slot slots[] = {
 *         MBFT_EXEC(execute),
 *         MBFT_PER_INTERPRETER_GIL,
 *         MBFT_GIL_NOT_USED,
 *         MBFT_SLOTS_END
 *     };
 *
 *     MBFT_MODULE(spam, "What it is for.", methods, MBFT_NO_STATE, slots);
 *
 * and gets, for the oldest Python that the compiled module is for (MBFT_OLDEST_PYTHON),
 *
 *     before 3.15   PyInit_spam with a static PyModuleDef (PEP 489), and of the slots those that
 *                   that Python knows: Py_mod_multiple_interpreters from 3.12, Py_mod_gil from 3.13
 *     from 3.15     PyModExport_spam with an array of PySlot (PEP 793, 820) and the ABI that it was
 *                   compiled for (PyABIInfo); the only way in abi3t (PEP 803)
 *
 * Define PY_SSIZE_T_CLEAN, where you need it, before you include this.
 * Reference: docs/reference/headers.md of mesonbuild-ft. */
#ifndef MBFT_MODULE_H
#define MBFT_MODULE_H

#include <Python.h>

/** The oldest Python that may load what is compiled, as ``PY_VERSION_HEX`` is written. */
#ifndef MBFT_OLDEST_PYTHON
#  ifndef Py_LIMITED_API
#    define MBFT_OLDEST_PYTHON PY_VERSION_HEX
#  elif Py_LIMITED_API + 0 <= 3 /* empty or 3: the first limited API */
#    define MBFT_OLDEST_PYTHON 0x03020000
#  else
#    define MBFT_OLDEST_PYTHON Py_LIMITED_API
#  endif
#endif

#if (MBFT_OLDEST_PYTHON >> 16) > (PY_VERSION_HEX >> 16)
#  error "Py_LIMITED_API is newer than this Python.h: compile with a newer Python, or lower it"
#endif

/** Whether that Python calls ``PyModExport_`` functions: 1 or 0. */
#if MBFT_OLDEST_PYTHON >= 0x030f0000
#  define MBFT_USES_EXPORT_HOOK 1
#else
#  define MBFT_USES_EXPORT_HOOK 0
#endif

/* A slot that a Python does not know stops it with "unknown slot ID".  Versions decide, since 3.15
 * defines Py_mod_gil for every limited API.  PyPy's headers define those that PyPy knows. */

/** Whether it knows ``Py_mod_multiple_interpreters``: 1 or 0. */
#if MBFT_OLDEST_PYTHON >= 0x030c0000 && (!defined(PYPY_VERSION) || defined(Py_mod_multiple_interpreters))
#  define MBFT_HAS_INTERPRETERS_SLOT 1
#else
#  define MBFT_HAS_INTERPRETERS_SLOT 0
#endif

/** Whether it knows ``Py_mod_gil``: 1 or 0. */
#if MBFT_OLDEST_PYTHON >= 0x030d0000 && (!defined(PYPY_VERSION) || defined(Py_mod_gil))
#  define MBFT_HAS_GIL_SLOT 1
#else
#  define MBFT_HAS_GIL_SLOT 0
#endif

#if defined(__GNUC__) && !defined(__cplusplus)
/* ISO C has no conversion from a function; every compiler for Python does. */
#  define mbft_pointer(value) __extension__(void *)(value)
#else
#  define mbft_pointer(value) (void *)(value)
#endif
#if defined(__GNUC__) || defined(__clang__)
#  define mbft_unused __attribute__((unused))
#else
#  define mbft_unused
#endif

#if MBFT_USES_EXPORT_HOOK
/** An entry of the table of slots: a ``PySlot``, or before 3.15 a ``PyModuleDef_Slot``. */
typedef PySlot MBFT_Slot;
/** Any other entry than those below. */
#  define MBFT_SLOT(id, value) {(id), PySlot_INTPTR, {0}, {mbft_pointer(value)}}
/** The last entry. */
#  define MBFT_SLOTS_END {0, 0, {0}, {NULL}}
#else
typedef PyModuleDef_Slot MBFT_Slot;
#  define MBFT_SLOT(id, value) {(id), mbft_pointer(value)}
#  define MBFT_SLOTS_END {0, NULL}
#endif

/* In place of an entry that the oldest Python does not know: an array has no place for nothing. */
#define mbft_no_slot MBFT_SLOT(Py_mod_exec, mbft_execute_nothing)
static inline int mbft_execute_nothing(PyObject *module)
{
    (void)module;
    return 0;
}

/** ``int (*)(PyObject *module)``: fills the module.  Once: 3.15 refuses a second one in an array of PySlot. */
#define MBFT_EXEC(function) MBFT_SLOT(Py_mod_exec, function)
/** ``PyObject *(*)(PyObject *spec, PyModuleDef *)``: makes the module; from 3.15 on the second argument is NULL. */
#define MBFT_CREATE(function) MBFT_SLOT(Py_mod_create, function)

#if MBFT_HAS_GIL_SLOT
/** The module is correct without the GIL (PEP 703).  Without this entry, importing it in a free-threaded
 * interpreter switches the GIL on.
 */
#  define MBFT_GIL_NOT_USED MBFT_SLOT(Py_mod_gil, Py_MOD_GIL_NOT_USED)
/** The module needs the GIL: importing it in a free-threaded interpreter switches the GIL on, as without an entry. */
#  define MBFT_GIL_USED MBFT_SLOT(Py_mod_gil, Py_MOD_GIL_USED)
#else
#  define MBFT_GIL_NOT_USED mbft_no_slot
#  define MBFT_GIL_USED mbft_no_slot
#endif

/* Which interpreters of a process may import the module (PEP 489, 684); one of three. */
#if MBFT_HAS_INTERPRETERS_SLOT
/** Every interpreter of a process may import the module, also one with a GIL of its own (PEP 684). */
#  define MBFT_PER_INTERPRETER_GIL \
      MBFT_SLOT(Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED)
/** Every interpreter of a process that shares the GIL of the main interpreter may import the module. */
#  define MBFT_MULTIPLE_INTERPRETERS \
      MBFT_SLOT(Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED)
/** Only the main interpreter may import the module. */
#  define MBFT_NO_MULTIPLE_INTERPRETERS \
      MBFT_SLOT(Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED)
#else
#  define MBFT_PER_INTERPRETER_GIL mbft_no_slot
#  define MBFT_MULTIPLE_INTERPRETERS mbft_no_slot
#  define MBFT_NO_MULTIPLE_INTERPRETERS mbft_no_slot
#endif

/** In place of an array of methods. */
#define MBFT_NO_METHODS mbft_no_methods
static mbft_unused PyMethodDef mbft_no_methods[] = {{NULL, NULL, 0, NULL}};

/** Defines a module with multi-phase initialisation; a semicolon follows it.
 *
 * :param name: the last part of the module's name, as an identifier
 * :param doc: a string, or what ``PyDoc_STRVAR`` made
 * :param methods: an array of ``PyMethodDef``, or ``MBFT_NO_METHODS``
 * :param state: ``MBFT_NO_STATE``; ``MBFT_STATE_SIZE(bytes)`` where it refers to no objects; or
 *     ``MBFT_STATE(bytes, traverse, clear, free)``, three functions of which none is NULL
 *     (traverseproc, inquiry, freefunc)
 * :param slots: an array of ``MBFT_Slot`` that ends with ``MBFT_SLOTS_END``
 */
#if MBFT_USES_EXPORT_HOOK
#  define MBFT_MODULE(name, doc, methods, state, slots)                        \
      PyABIInfo_VAR(mbft_abi_##name)                                           \
      static PySlot mbft_definition_##name[] = {                               \
          PySlot_PTR_STATIC(Py_mod_abi, &mbft_abi_##name),                     \
          PySlot_PTR_STATIC(Py_mod_name, #name),                               \
          PySlot_PTR_STATIC(Py_mod_doc, doc),                                  \
          PySlot_PTR_STATIC(Py_mod_methods, methods),                          \
          mbft_slots_##state                                                   \
          PySlot_PTR_STATIC(Py_slot_subslots, slots),                          \
          MBFT_SLOTS_END                                                       \
      };                                                                       \
      PyMODEXPORT_FUNC PyModExport_##name(void);                               \
      PyMODEXPORT_FUNC PyModExport_##name(void)                                \
      {                                                                        \
          return mbft_definition_##name;                                       \
      }                                                                        \
      struct mbft_semicolon
#  define mbft_slots_MBFT_NO_STATE
#  define mbft_slots_MBFT_STATE_SIZE(bytes) MBFT_SLOT(Py_mod_state_size, bytes),
#  define mbft_slots_MBFT_STATE(bytes, traverse, clear, free)                  \
      MBFT_SLOT(Py_mod_state_size, bytes),                                     \
      MBFT_SLOT(Py_mod_state_traverse, traverse),                              \
      MBFT_SLOT(Py_mod_state_clear, clear),                                    \
      MBFT_SLOT(Py_mod_state_free, free),
#else
#  define MBFT_MODULE(name, doc, methods, state, slots)                        \
      static PyModuleDef mbft_definition_##name = {                            \
          PyModuleDef_HEAD_INIT, #name, doc, mbft_size_##state, methods, slots, \
          mbft_functions_##state                                               \
      };                                                                       \
      PyMODINIT_FUNC PyInit_##name(void);                                      \
      PyMODINIT_FUNC PyInit_##name(void)                                       \
      {                                                                        \
          return PyModuleDef_Init(&mbft_definition_##name);                    \
      }                                                                        \
      struct mbft_semicolon
#  define mbft_size_MBFT_NO_STATE 0
#  define mbft_size_MBFT_STATE_SIZE(bytes) (Py_ssize_t)(bytes)
#  define mbft_size_MBFT_STATE(bytes, traverse, clear, free) (Py_ssize_t)(bytes)
#  define mbft_functions_MBFT_NO_STATE NULL, NULL, NULL
#  define mbft_functions_MBFT_STATE_SIZE(bytes) NULL, NULL, NULL
#  define mbft_functions_MBFT_STATE(bytes, traverse, clear, free) traverse, clear, free
#endif

/** What ``MBFT_GIL_NOT_USED`` says, for a module with single-phase initialisation, between ``PyModule_Create()`` and
 * its return.  Such a module cannot be compiled for abi3t.
 *
 * :param module: the ``PyObject *``
 * :returns: 0, or -1 with an exception set (int)
 */
#if defined(Py_GIL_DISABLED) && !defined(Py_LIMITED_API)
#  define MBFT_Module_SetGILNotUsed(module) PyUnstable_Module_SetGIL((module), Py_MOD_GIL_NOT_USED)
#else
#  define MBFT_Module_SetGILNotUsed(module) ((void)(module), 0)
#endif

#endif
