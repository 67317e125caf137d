/* SPDX-License-Identifier: MIT
 *
 * Names that the headers of mesonbuild-ft use, for hawkmoth, which reads the comments in them: so the site is the same
 * whichever Python and compiler it is built with. Nothing is ever compiled with this. */
#ifndef MBFT_DOCS_PYTHON_H
#define MBFT_DOCS_PYTHON_H

#define NULL ((void *)0)
typedef long Py_ssize_t;
typedef struct PyObject PyObject;
typedef struct PySlot PySlot;
typedef struct PyMutex PyMutex;
typedef struct PyTypeObject PyTypeObject;
typedef struct PyType_Spec PyType_Spec;
typedef void (*freefunc)(void *);
typedef struct PyMethodDef {
    const char *name;
    void *function;
    int flags;
    const char *doc;
} PyMethodDef;

PyTypeObject *Py_TYPE(PyObject *object);
void Py_DECREF(PyObject *object);
void *PyType_GetSlot(PyTypeObject *type, int slot);
PyObject *PyType_FromModuleAndSpec(PyObject *module, PyType_Spec *spec, PyObject *bases);
#define Py_tp_free 74

#endif
