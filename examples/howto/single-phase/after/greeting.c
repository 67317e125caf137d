/* SPDX-License-Identifier: MIT */
#include <Python.h>

static PyObject *greet(PyObject *module, PyObject *name)
{
    (void)module;
    return PyUnicode_FromFormat("Hello, %S!", name);
}

static PyMethodDef methods[] = {
    {"greet", greet, METH_O, PyDoc_STR("greet(name): a greeting for name, of any type.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "greeting", .m_size = -1, .m_methods = methods,
};

PyMODINIT_FUNC PyInit_greeting(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL) {
        return NULL;
    }
#ifdef Py_GIL_DISABLED
    if (PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED) < 0) {
        Py_DECREF(module);
        return NULL;
    }
#endif
    return module;
}
