/* SPDX-License-Identifier: MIT */
/* mesonbuild_ft._abiscan: abiscan_scan() for Python.
 *
 * One source for every interpreter and every ABI:
 *   full API      CPython with or without the GIL, PyPy
 *   limited API   abi3 from 3.10 on
 *   abi3t         3.15 and later, selected by Py_TARGET_ABI3T (PEP 803)
 * There is no mutable static state, so it needs no GIL in any of them. */
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>

#include "abiscan.h"

/* Take a reference to `value` (NULL is the error that made it) into the dict. */
static int put(PyObject *dict, const char *key, PyObject *value)
{
    if (value == NULL) {
        return -1;
    }
    int status = PyDict_SetItemString(dict, key, value);
    Py_DECREF(value);
    return status;
}

static PyObject *none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

static PyObject *from_text(const char *text)
{
    return text == NULL ? none() : PyUnicode_FromString(text);
}

/* Names are bytes of a file: what is not UTF-8 is shown escaped. */
static PyObject *from_bytes(const char *data, size_t size)
{
    return PyUnicode_DecodeUTF8(data, (Py_ssize_t)size, "backslashreplace");
}

static PyObject *from_name(abiscan_name name)
{
    return name.data == NULL ? none() : from_bytes(name.data, name.size);
}

/* Messages may quote such a name, cut anywhere. */
static PyObject *from_message(const char *text)
{
    size_t size = 0;
    while (text[size] != 0) {
        size++;
    }
    return from_bytes(text, size);
}

static PyObject *from_names(const abiscan_name *names, size_t count)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *name = from_name(names[i]);
        if (name == NULL || PyList_Append(list, name) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *from_slots(const abiscan_result *result)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < result->slot_count; i++) {
        PyObject *slot = PyLong_FromLong(result->slots[i]);
        if (slot == NULL || PyList_Append(list, slot) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(slot);
    }
    return list;
}

static PyObject *from_abi_info(const abiscan_result *result)
{
    if (!result->has_abi_info) {
        return none();
    }
    const abiscan_abi_info *info = &result->abi_info;
    PyObject *dict = PyDict_New();
    if (dict == NULL || put(dict, "major", PyLong_FromLong(info->major)) < 0
        || put(dict, "minor", PyLong_FromLong(info->minor)) < 0
        || put(dict, "flags", PyLong_FromLong(info->flags)) < 0
        || put(dict, "build_version", PyLong_FromUnsignedLong(info->build_version)) < 0
        || put(dict, "abi_version", PyLong_FromUnsignedLong(info->abi_version)) < 0) {
        Py_XDECREF(dict);
        return NULL;
    }
    return dict;
}

static PyObject *from_version(int minor)
{
    return minor < 0 ? none() : PyLong_FromLong(minor);
}

static PyObject *from_import(const abiscan_import *import)
{
    PyObject *name = from_name(import->name);
    PyObject *abi3 = from_version(import->abi3_since);
    PyObject *abi3t = from_version(import->abi3t_since);
    PyObject *note = NULL, *tuple = NULL;
    PyObject *library = import->library.data == NULL ? PyUnicode_FromString("")
                                                     : from_name(import->library);
    if (import->is_pypy) {
        note = PyUnicode_FromString("pypy");
    } else if (import->is_weak) {
        note = PyUnicode_FromString("weak");
    } else if (import->ifdef != NULL) {
        note = PyUnicode_FromFormat("only with %s", import->ifdef);
    } else {
        note = PyUnicode_FromString("");
    }
    if (name != NULL && abi3 != NULL && abi3t != NULL && note != NULL && library != NULL) {
        tuple = PyTuple_Pack(5, name, abi3, abi3t, note, library);
    }
    Py_XDECREF(name);
    Py_XDECREF(abi3);
    Py_XDECREF(abi3t);
    Py_XDECREF(note);
    Py_XDECREF(library);
    return tuple;
}

static PyObject *from_imports(const abiscan_result *result)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < result->import_count; i++) {
        PyObject *import = from_import(&result->imports[i]);
        if (import == NULL || PyList_Append(list, import) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(import);
    }
    return list;
}

/* What depends on the hook that an interpreter calls. */
static int put_judgement(PyObject *dict, const abiscan_result *result)
{
    if (put(dict, "init", from_text(abiscan_init_name(result->init))) < 0
        || put(dict, "init_reason", from_message(result->init_reason)) < 0
        || put(dict, "definition_name", from_name(result->definition_name)) < 0
        || put(dict, "gil", from_text(abiscan_gil_name(result->gil))) < 0
        || put(dict, "gil_evidence", from_message(result->gil_evidence)) < 0
        || put(dict, "layout", from_text(abiscan_layout_name(result->layout))) < 0
        || put(dict, "layout_evidence", from_message(result->layout_evidence)) < 0
        || put(dict, "slots", from_slots(result)) < 0
        || put(dict, "slots_complete", PyBool_FromLong(result->slots_complete)) < 0
        || put(dict, "slot_style", from_text(abiscan_slot_style_name(result->slot_style))) < 0) {
        return -1;
    }
    return 0;
}

static PyObject *from_older(const abiscan_result *older)
{
    if (older == NULL) {
        return none();
    }
    PyObject *dict = PyDict_New();
    if (dict != NULL && put_judgement(dict, older) < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *from_slices(const abiscan_result *result);

static PyObject *from_result(const abiscan_result *result)
{
    PyObject *dict = PyDict_New();
    if (dict == NULL
        || put(dict, "format", from_text(abiscan_format_name(result->format))) < 0
        || put(dict, "machine", from_text(result->machine)) < 0
        || put(dict, "bits", PyLong_FromUnsignedLong(result->bits)) < 0
        || put(dict, "byte_order", from_text(abiscan_byte_order_name(result->byte_order))) < 0
        || put(dict, "file_type", from_text(abiscan_file_type_name(result->file_type))) < 0
        || put(dict, "needed", from_names(result->needed, result->needed_count)) < 0
        || put(dict, "soname", from_name(result->soname)) < 0
        || put(dict, "minimum_os",
               from_text(result->minimum_os[0] == 0 ? NULL : result->minimum_os)) < 0
        || put(dict, "init_hooks", from_names(result->init_hooks, result->init_hook_count)) < 0
        || put_judgement(dict, result) < 0
        || put(dict, "abi_info", from_abi_info(result)) < 0
        || put(dict, "python_imports", from_imports(result)) < 0
        || put(dict, "framework", from_text(abiscan_framework_name(result->framework))) < 0
        || put(dict, "before_3_15", from_older(result->before_3_15)) < 0
        || put(dict, "slices", from_slices(result)) < 0) {
        Py_XDECREF(dict);
        return NULL;
    }
    return dict;
}

/* The facts of each slice, and whether there are any. */
static PyObject *from_slices(const abiscan_result *result)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < result->slice_count; i++) {
        const abiscan_result *slice = &result->slices[i];
        PyObject *dict = from_result(slice);
        if (dict == NULL || put(dict, "status", from_text(abiscan_status_name(slice->status))) < 0
            || put(dict, "message", from_message(slice->message)) < 0
            || put(dict, "offset", PyLong_FromUnsignedLongLong(slice->slice_offset)) < 0
            || PyList_Append(list, dict) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(dict);
    }
    return list;
}

static void raise_scan_error(PyObject *module, abiscan_status status, const char *message)
{
    PyObject *type = PyObject_GetAttrString(module, "ScanError");
    PyObject *text = from_message(message);
    PyObject *error = NULL, *name = NULL;
    if (type != NULL && text != NULL) {
        error = PyObject_CallFunctionObjArgs(type, text, NULL);
        name = PyUnicode_FromString(abiscan_status_name(status));
    }
    if (error != NULL && name != NULL && PyObject_SetAttrString(error, "status", name) == 0) {
        PyErr_SetObject(type, error);
    }
    Py_XDECREF(name);
    Py_XDECREF(error);
    Py_XDECREF(text);
    Py_XDECREF(type);
}

/* Memory that stays where it is during the scan. */
typedef struct buffer {
    PyObject *owner;
    const char *data;
    Py_ssize_t size;
    bool is_mutable;
} buffer;

/* What a scan reads must not change: it relies on what it has checked.  `bytes` are taken as
 * they are.  A `bytearray` is held by a view, so that nobody can resize it, and the GIL is
 * kept, so that nobody can write to it; where there may be no GIL it is copied, like
 * anything else (the buffer protocol is in the limited API from 3.11 only). */
static int take_buffer(PyObject *data, buffer *taken)
{
    if (PyBytes_CheckExact(data)) {
        Py_INCREF(data);
        taken->owner = data;
    } else {
        PyObject *view = PyMemoryView_FromObject(data); /* refuses what is no buffer */
        if (view == NULL) {
            return -1;
        }
        if (!MBFT_GIL_MAY_BE_OFF && PyByteArray_CheckExact(data)) {
            taken->owner = view;
            taken->data = PyByteArray_AsString(data);
            taken->size = PyByteArray_Size(data);
            taken->is_mutable = true;
            return 0;
        }
        taken->owner = PyBytes_FromObject(view);
        Py_DECREF(view);
        if (taken->owner == NULL) {
            return -1;
        }
    }
    char *bytes = NULL;
    if (PyBytes_AsStringAndSize(taken->owner, &bytes, &taken->size) < 0) {
        Py_CLEAR(taken->owner);
        return -1;
    }
    taken->data = bytes;
    return 0;
}

static PyObject *scan(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    static const char *const names[] = {"data", "stem", "file_size", NULL};
    PyObject *data = NULL;
    const char *stem = NULL;
    Py_ssize_t file_size = -1;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|zn:scan", (char **)names, &data,
                                     &stem, &file_size)) {
        return NULL;
    }
    buffer file = {NULL, NULL, 0, false};
    if (take_buffer(data, &file) < 0) {
        return NULL;
    }
    if (file_size < file.size) {
        file_size = file.size;
    }

    abiscan_status status = ABISCAN_NO_MEMORY;
    abiscan_result *result = NULL;
    PyThreadState *state = file.is_mutable ? NULL : PyEval_SaveThread();
    status = abiscan_scan_prefix(file.data, (size_t)file.size, (uint64_t)file_size, stem,
                                 &result);
    if (state != NULL) {
        PyEval_RestoreThread(state);
    }

    PyObject *facts = NULL;
    if (status == ABISCAN_OK) {
        facts = from_result(result);
    } else if (result == NULL) {
        PyErr_NoMemory();
    } else {
        raise_scan_error(module, status, result->message);
    }
    abiscan_result_free(result); /* its names point into the file */
    Py_DECREF(file.owner);
    return facts;
}

static PyObject *prefix_size(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *data = NULL;
    Py_ssize_t file_size = 0, size = 0;
    char *bytes = NULL;
    if (!PyArg_ParseTuple(arguments, "Sn:prefix_size", &data, &file_size)
        || PyBytes_AsStringAndSize(data, &bytes, &size) < 0) {
        return NULL;
    }
    if (file_size < size) {
        file_size = size;
    }
    return PyLong_FromUnsignedLongLong(
        abiscan_prefix_size(bytes, (size_t)size, (uint64_t)file_size));
}

PyDoc_STRVAR(prefix_size_doc,
             "prefix_size(data, file_size)\n--\n\n"
             "How many bytes from its start scan() needs of a file of file_size bytes that\n"
             "begins with data (bytes, of which 4096 suffice).");

PyDoc_STRVAR(scan_doc,
             "scan(data, stem=None, file_size=-1)\n--\n\n"
             "Facts about the binary in data (bytes or any buffer) as a dict; ScanError if it is\n"
             "none.  Other threads run meanwhile, but for a bytearray, which they could change.\n"
             "stem is the last dotted part of the module's name and chooses among hooks.\n"
             "file_size is larger than data where only the file's start is given; ScanError\n"
             "with the status 'incomplete' asks for more of it.\n"
             "The facts are those for the hook that CPython 3.15 and later call; before_3_15\n"
             "has those that differ before, where the file exports both kinds of hook.\n"
             "A universal file has its facts in slices, each with a status and a message.");

PyDoc_STRVAR(error_doc,
             "The bytes cannot be scanned.\n\n"
             "status says why: 'not-a-binary', 'unsupported-format', 'malformed', 'incomplete'.");

PyDoc_STRVAR(module_doc, "What a Python extension module is, read from its bytes.");

static PyMethodDef methods[] = {
    {"prefix_size", prefix_size, METH_VARARGS, prefix_size_doc},
    {"scan", (PyCFunction)(void (*)(void))scan, METH_VARARGS | METH_KEYWORDS, scan_doc},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module)
{
    /* Each interpreter has its own exception type, kept by the module alone. */
    PyObject *error = PyErr_NewExceptionWithDoc("mesonbuild_ft._abiscan.ScanError", error_doc,
                                                PyExc_ValueError, NULL);
    int status = error == NULL ? -1 : PyModule_AddObjectRef(module, "ScanError", error);
    Py_XDECREF(error);
    if (status < 0) {
        return -1;
    }
    return PyModule_AddStringConstant(module, "STABLE_ABI_SOURCE", abiscan_stable_abi_source());
}

static MBFT_Slot slots[] = {
    MBFT_EXEC(execute),
    MBFT_PER_INTERPRETER_GIL,
    MBFT_GIL_NOT_USED,
    MBFT_SLOTS_END,
};

MBFT_MODULE(_abiscan, module_doc, methods, MBFT_NO_STATE, slots);
