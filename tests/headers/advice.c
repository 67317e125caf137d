/* SPDX-License-Identifier: MIT */
/* Each function that advice.h advises on, as a call, without advice, and as a pointer.  A line that a compiler has
 * something to say of ends with what that is, and of GCC alone, "gcc:". */
#include <mesonbuild_ft/advice.h>

#ifndef MBFT_ALLOW
#  define MBFT_ALLOW(function) function
#endif

PyObject *use_borrowed(PyObject *object, PyObject *key);
PyObject *use_borrowed(PyObject *object, PyObject *key)
{
    PyObject *found = PyList_GetItem(object, 0); // advice-borrowed-reference PyList_GetItem
    found = PyDict_GetItem(object, key); // advice-borrowed-reference PyDict_GetItem
    found = PyDict_GetItemWithError(object, key); // advice-borrowed-reference PyDict_GetItemWithError
    found = PyDict_GetItemString(object, "key"); // advice-borrowed-reference PyDict_GetItemString
    found = PyImport_AddModule("name"); // advice-borrowed-reference PyImport_AddModule
    found = MBFT_ALLOW(PyList_GetItem)(object, 0);
    found = MBFT_ALLOW(PyDict_GetItem)(object, key);
    found = MBFT_ALLOW(PyDict_GetItemWithError)(object, key);
    found = MBFT_ALLOW(PyDict_GetItemString)(object, "key");
    found = MBFT_ALLOW(PyImport_AddModule)("name");
    PyObject *(*pointer)(PyObject *, PyObject *) = PyDict_GetItem; // advice-borrowed-reference PyDict_GetItem
    pointer = MBFT_ALLOW(PyDict_GetItem);
    found = pointer(object, key);
    MBFT_ADVICE_OFF
    found = PyDict_GetItem(object, key);
    MBFT_ADVICE_ON
    return found == NULL ? PyDict_GetItem(object, key) // advice-borrowed-reference PyDict_GetItem
                         : found;
}

MBFT_ADVICE_OFF
PyObject *use_without_advice(PyObject *object, PyObject *key);
PyObject *use_without_advice(PyObject *object, PyObject *key)
{
    return PyDict_GetItem(object, PyList_GetItem(key, 0));
}
MBFT_ADVICE_ON

int use_dict_next(PyObject *dict);
int use_dict_next(PyObject *dict)
{
    int count = 0;
    Py_ssize_t position = 0;
    PyObject *key, *value;
    while (PyDict_Next(dict, &position, &key, &value)) { // advice-dict-next PyDict_Next
        count++;
    }
    while (MBFT_ALLOW(PyDict_Next)(dict, &position, &key, &value)) {
        count++;
    }
    return count;
}

void *use_allocation(void *memory, size_t size);
void *use_allocation(void *memory, size_t size)
{
    PyObject_Free(PyObject_Malloc(size)); // advice-allocation-domain PyObject_Malloc
    PyObject_Free(PyObject_Calloc(1, size)); // advice-allocation-domain PyObject_Calloc
    PyObject_Free(MBFT_ALLOW(PyObject_Malloc)(size));
    PyObject_Free(MBFT_ALLOW(PyObject_Calloc)(1, size));
    memory = MBFT_ALLOW(PyObject_Realloc)(memory, size);
    return PyObject_Realloc(memory, size); // advice-allocation-domain PyObject_Realloc
}

PyObject *use_init(PyObject *memory, PyTypeObject *type);
PyObject *use_init(PyObject *memory, PyTypeObject *type)
{
    memory = PyObject_Init(memory, type); // advice-allocation-domain PyObject_Init
    memory = (PyObject *)PyObject_InitVar((PyVarObject *)memory, type, 1); // advice-allocation-domain PyObject_InitVar
    memory = (PyObject *)MBFT_ALLOW(PyObject_InitVar)((PyVarObject *)memory, type, 1);
    return MBFT_ALLOW(PyObject_Init)(memory, type);
}

/* Right, and of no interest to any compiler. */
void *use_domains(size_t size);
void *use_domains(size_t size)
{
    char *text = (char *)PyMem_Malloc(size);
    char *longer = text == NULL ? NULL : (char *)PyMem_Realloc(text, 2 * size);
    if (longer == NULL) {
        PyMem_Free(text);
        return NULL;
    }
    PyMem_Free(longer);
    PyMem_Free(PyMem_Calloc(1, size));
    return longer == text ? NULL : PyMem_Malloc(1);
}

#ifndef Py_LIMITED_API
void use_wrong_domains(size_t size);
void use_wrong_domains(size_t size)
{
    PyObject_Free(PyMem_Malloc(size)); // gcc: PyMem_Malloc
    free(PyMem_Calloc(1, size)); // gcc: PyMem_Calloc
    PyMem_Free(PyMem_RawMalloc(size)); // gcc: PyMem_RawMalloc
    PyMem_Free(PyMem_RawCalloc(1, size)); // gcc: PyMem_RawCalloc
    MBFT_ADVICE_OFF
    PyObject_Free(PyMem_Malloc(size));
    MBFT_ADVICE_ON
    PyMem_RawFree(PyMem_RawMalloc(size));
    PyMem_RawFree(PyMem_RawCalloc(1, size));
}
#endif

void use_gil_state(void);
void use_gil_state(void)
{
    PyGILState_STATE state = PyGILState_Ensure(); // advice-gil-state PyGILState_Ensure
    PyGILState_Release(state);
    state = MBFT_ALLOW(PyGILState_Ensure)();
    PyGILState_Release(state);
}

#ifndef Py_LIMITED_API

PyObject *use_full_api(PyObject *object, PyObject *key);
PyObject *use_full_api(PyObject *object, PyObject *key)
{
    PyObject *found = PyDict_SetDefault(object, key, key); // advice-borrowed-reference PyDict_SetDefault
    found = MBFT_ALLOW(PyDict_SetDefault)(object, key, key);
    found = PyList_GET_ITEM(object, 0); // advice-borrowed-reference PyList_GET_ITEM
    found = PyList_GET_ITEM((PyListObject *)object, 0); // advice-borrowed-reference PyList_GET_ITEM
    PyList_GET_ITEM(object, 0) = NULL; // advice-borrowed-reference PyList_GET_ITEM
    found = MBFT_ALLOW(PyList_GET_ITEM)(object, 0);
    found = PySequence_Fast_GET_ITEM(object, 0); // advice-borrowed-reference PySequence_Fast_GET_ITEM
    found = MBFT_ALLOW(PySequence_Fast_GET_ITEM)(object, 0);
    found = PySequence_Fast_ITEMS(object)[0]; // advice-borrowed-reference PySequence_Fast_ITEMS
    found = MBFT_ALLOW(PySequence_Fast_ITEMS)(object)[0];
    found = PyTuple_GET_ITEM(object, 0);
    PyList_SET_ITEM(object, 0, found);
    return found;
}

PyObject *use_cell(PyObject *cell);
PyObject *use_cell(PyObject *cell)
{
    PyObject *found = MBFT_ALLOW(PyCell_GET)(cell);
    return found == NULL ? PyCell_GET(cell) : found; // advice-borrowed-reference PyCell_GET
}

#if PY_VERSION_HEX < 0x030f0000
PyObject *use_reference(PyObject *reference);
PyObject *use_reference(PyObject *reference)
{
    PyObject *found = PyWeakref_GetObject(reference); // advice-borrowed-reference PyWeakref_GetObject
    found = MBFT_ALLOW(PyWeakref_GetObject)(reference);
    found = MBFT_ALLOW(PyWeakref_GET_OBJECT)(reference);
    return found == NULL ? PyWeakref_GET_OBJECT(reference) : found; // advice-borrowed-reference PyWeakref_GET_OBJECT
}
#endif

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "advice", NULL, 0, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_advice(void);
PyMODINIT_FUNC PyInit_advice(void)
{
    Py_XDECREF(MBFT_ALLOW(PyModule_Create)(&definition));
    Py_XDECREF(MBFT_ALLOW(PyModule_Create2)(&definition, PYTHON_API_VERSION));
    Py_XDECREF(PyModule_Create2(&definition, PYTHON_API_VERSION)); // advice-single-phase PyModule_Create2
    return PyModule_Create(&definition); // advice-single-phase PyModule_Create
}

#endif
