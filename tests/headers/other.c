/* SPDX-License-Identifier: MIT */
/* The macros of module.h that everything.c leaves: no methods, a state of plain data, the other declarations. */
#include <mesonbuild_ft/module.h>

static PyObject *create(PyObject *spec, PyModuleDef *definition)
{
    (void)definition;
    PyObject *name = PyObject_GetAttrString(spec, "name");
    if (name == NULL) {
        return NULL;
    }
    PyObject *module = PyModule_NewObject(name);
    Py_DECREF(name);
    if (module != NULL && PyModule_AddIntConstant(module, "created", 1) < 0) {
        Py_CLEAR(module);
    }
    return module;
}

static int execute(PyObject *module)
{
    int *number = (int *)PyModule_GetState(module);
    *number += 1;
    return PyModule_AddIntConstant(module, "number", *number);
}

static MBFT_Slot used[] = {
    MBFT_CREATE(create),
    MBFT_SLOT(Py_mod_exec, execute),
    MBFT_NO_MULTIPLE_INTERPRETERS,
    MBFT_GIL_USED,
    MBFT_SLOTS_END
};

MBFT_MODULE(other, "A string.", MBFT_NO_METHODS, MBFT_STATE_SIZE(sizeof(int)), used);

static MBFT_Slot several[] = {MBFT_GIL_NOT_USED, MBFT_MULTIPLE_INTERPRETERS, MBFT_SLOTS_END};

/* A second module of the same file. */
MBFT_MODULE(second, "", MBFT_NO_METHODS, MBFT_NO_STATE, several);
