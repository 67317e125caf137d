/* SPDX-License-Identifier: MIT */
/* Uses every macro and function of the headers; compiled as C and as C++, and run by use_headers.py. */
#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>
#include <mesonbuild_ft/references.h>
#include <mesonbuild_ft/types.h>

#define SPARE 64

struct state {
    PyObject *error;
    long executed;
    volatile long counter; /* volatile: each step is a load and a store */
    volatile long left, right;
    MBFT_Mutex mutex;
    MBFT_Mutex spare[SPARE];
};

static MBFT_Mutex static_mutex;
static volatile long static_counter;

static struct state *state_of(PyObject *module)
{
    return (struct state *)PyModule_GetState(module);
}

/* Not Py_RETURN_NONE: of 3.12's headers and the first ones of 3.13 it takes no reference, whatever the limited API is,
 * and 3.11 and older, where None is not immortal, end with "deallocating None". */
static PyObject *none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

/* The critical sections. */

static PyObject *count_locked(PyObject *module, PyObject *object)
{
    struct state *state = state_of(module);
    MBFT_BEGIN_CRITICAL_SECTION(object);
    state->counter = state->counter + 1;
    MBFT_END_CRITICAL_SECTION();
    return none();
}

static PyObject *move_locked(PyObject *module, PyObject *arguments)
{
    struct state *state = state_of(module);
    PyObject *a = NULL, *b = NULL;
    if (!PyArg_ParseTuple(arguments, "OO", &a, &b)) {
        return NULL;
    }
    MBFT_BEGIN_CRITICAL_SECTION2(a, b);
    state->left = state->left - 1;
    state->right = state->right + 1;
    MBFT_END_CRITICAL_SECTION2();
    return none();
}

/* The mutex, in the module's state and static. */

static PyObject *count_mutex(PyObject *module, PyObject *ignored)
{
    struct state *state = state_of(module);
    (void)ignored;
    MBFT_Mutex_Lock(&state->mutex);
    state->counter = state->counter + 1;
    MBFT_Mutex_Unlock(&state->mutex);
    MBFT_Mutex_Lock(&static_mutex);
    static_counter = static_counter + 1;
    MBFT_Mutex_Unlock(&static_mutex);
    return none();
}

/* Each thread is the first to use one of many mutexes. */
static PyObject *use_spare(PyObject *module, PyObject *ignored)
{
    struct state *state = state_of(module);
    (void)ignored;
    for (int i = 0; i < SPARE; i++) {
        MBFT_Mutex_Lock(&state->spare[i]);
        MBFT_Mutex_Unlock(&state->spare[i]);
    }
    return none();
}

static PyObject *counters(PyObject *module, PyObject *ignored)
{
    struct state *state = state_of(module);
    (void)ignored;
    return Py_BuildValue("lllll", state->executed, state->counter, state->left, state->right, static_counter);
}

/* Strong references. */

static PyObject *answer(int status, PyObject *object)
{
    if (status < 0) {
        return object == NULL ? NULL : PyErr_Format(PyExc_AssertionError, "-1 with an object");
    }
    if (object == NULL) {
        return Py_BuildValue("(i)", status);
    }
    return Py_BuildValue("(iN)", status, object);
}

static PyObject *dict_get(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *dict = NULL, *key = NULL, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OO", &dict, &key)) {
        return NULL;
    }
    int status = PyDict_GetItemRef(dict, key, &result);
    return answer(status, result);
}

static PyObject *dict_get_string(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *dict = NULL, *result = NULL;
    const char *key = NULL;
    if (!PyArg_ParseTuple(arguments, "Os", &dict, &key)) {
        return NULL;
    }
    int status = PyDict_GetItemStringRef(dict, key, &result);
    return answer(status, result);
}

static PyObject *dict_set_default(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *dict = NULL, *key = NULL, *value = NULL, *result = NULL;
    int wanted = 1;
    if (!PyArg_ParseTuple(arguments, "OOO|p", &dict, &key, &value, &wanted)) {
        return NULL;
    }
    int status = PyDict_SetDefaultRef(dict, key, value, wanted ? &result : NULL);
    return answer(status, result);
}

static PyObject *list_get(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *list = NULL;
    Py_ssize_t index = 0;
    if (!PyArg_ParseTuple(arguments, "On", &list, &index)) {
        return NULL;
    }
    return PyList_GetItemRef(list, index);
}

static PyObject *weakref_get(PyObject *module, PyObject *reference)
{
    (void)module;
    PyObject *result = NULL;
    int status = PyWeakref_GetRef(reference, &result);
    return answer(status, result);
}

static PyObject *import_add(PyObject *module, PyObject *arguments)
{
    (void)module;
    const char *name = NULL;
    return PyArg_ParseTuple(arguments, "s", &name) ? PyImport_AddModuleRef(name) : NULL;
}

static PyObject *configuration(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    return Py_BuildValue(
        "liiii", (long)MBFT_OLDEST_PYTHON, MBFT_USES_EXPORT_HOOK, MBFT_GIL_MAY_BE_OFF, MBFT_OPAQUE_OBJECT,
        MBFT_MUTEX_IS_LOCK);
}

/* A type with data: numbers, a reference that may be part of a cycle, and weak references to its instances. */

struct holder {
    volatile long count;
    double factor;
    PyObject *held;
    PyObject *weak_references;
};
MBFT_TYPE_DATA(holder, struct holder);

static PyObject *holder_count(PyObject *self, PyObject *ignored)
{
    struct holder *holder = MBFT_DATA(holder, self);
    (void)ignored;
    MBFT_BEGIN_CRITICAL_SECTION(self);
    holder->count = holder->count + 1;
    MBFT_END_CRITICAL_SECTION();
    return none();
}

/* The data lie within the object, after what every object has, and aligned. */
static PyObject *holder_layout(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Py_ssize_t offset = (char *)MBFT_DATA(holder, self) - (char *)self;
    return Py_BuildValue("nn", offset, (Py_ssize_t)sizeof(struct holder));
}

static int holder_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(MBFT_DATA_DURING_GC(holder, self)->held);
    return 0;
}

static int holder_clear(PyObject *self)
{
    Py_CLEAR(MBFT_DATA(holder, self)->held);
    return 0;
}

static void holder_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    if (MBFT_DATA(holder, self)->weak_references != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    (void)holder_clear(self);
    MBFT_Object_Free(self);
}

static PyMemberDef holder_members[] = {
    MBFT_MEMBER(holder, "count", Py_T_LONG, count, Py_READONLY, "how often count() was called"),
    MBFT_MEMBER(holder, "factor", Py_T_DOUBLE, factor, 0, NULL),
    MBFT_MEMBER(holder, "held", Py_T_OBJECT_EX, held, 0, "any object"),
    MBFT_MEMBER(holder, "__weaklistoffset__", Py_T_PYSSIZET, weak_references, Py_READONLY, NULL),
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef holder_methods[] = {
    {"add", holder_count, METH_NOARGS, NULL},
    {"layout", holder_layout, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot holder_slots[] = {
    MBFT_TYPE_SLOT(Py_tp_members, holder_members),
    MBFT_TYPE_SLOT(Py_tp_methods, holder_methods),
    MBFT_TYPE_SLOT(Py_tp_new, PyType_GenericNew),
    MBFT_TYPE_SLOT(Py_tp_traverse, holder_traverse),
    MBFT_TYPE_SLOT(Py_tp_clear, holder_clear),
    MBFT_TYPE_SLOT(Py_tp_dealloc, holder_dealloc),
    MBFT_TYPE_SLOTS_END(holder),
};

static PyType_Spec holder_spec = {
    "everything.Holder", MBFT_BASICSIZE(holder), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, holder_slots};

/* The module. */

static PyMethodDef methods[] = {
    {"configuration", configuration, METH_NOARGS, NULL},
    {"count_locked", count_locked, METH_O, NULL},
    {"count_mutex", count_mutex, METH_NOARGS, NULL},
    {"counters", counters, METH_NOARGS, NULL},
    {"dict_get", dict_get, METH_VARARGS, NULL},
    {"dict_get_string", dict_get_string, METH_VARARGS, NULL},
    {"dict_set_default", dict_set_default, METH_VARARGS, NULL},
    {"import_add", import_add, METH_VARARGS, NULL},
    {"list_get", list_get, METH_VARARGS, NULL},
    {"move_locked", move_locked, METH_VARARGS, NULL},
    {"use_spare", use_spare, METH_NOARGS, NULL},
    {"weakref_get", weakref_get, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module)
{
    struct state *state = state_of(module);
    state->executed = 1;
    state->error = PyErr_NewException("everything.Error", NULL, NULL);
    if (state->error == NULL || PyObject_SetAttrString(module, "Error", state->error) < 0) {
        return -1;
    }
    PyObject *holder = MBFT_Type_FromModuleAndSpec(module, &holder_spec);
    if (holder == NULL) {
        return -1;
    }
    int status = PyObject_SetAttrString(module, "Holder", holder);
    Py_DECREF(holder);
    return status;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    struct state *state = state_of(module);
    if (state != NULL) {
        Py_VISIT(state->error);
    }
    return 0;
}

static int clear(PyObject *module)
{
    struct state *state = state_of(module);
    if (state != NULL) {
        Py_CLEAR(state->error);
    }
    return 0;
}

static void free_state(void *module)
{
    struct state *state = state_of((PyObject *)module);
    (void)clear((PyObject *)module);
    if (state != NULL) {
        MBFT_Mutex_Free(&state->mutex);
        for (int i = 0; i < SPARE; i++) {
            MBFT_Mutex_Free(&state->spare[i]);
        }
    }
}

PyDoc_STRVAR(doc, "Every macro of the headers.");

static MBFT_Slot slots[] = {
    MBFT_EXEC(execute),
    MBFT_PER_INTERPRETER_GIL,
    MBFT_GIL_NOT_USED,
    MBFT_SLOTS_END
};

MBFT_MODULE(everything, doc, methods, MBFT_STATE(sizeof(struct state), traverse, clear, free_state), slots);
