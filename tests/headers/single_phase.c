/* SPDX-License-Identifier: MIT */
/* Single-phase initialisation, with MBFT_Module_SetGILNotUsed(). */
#include <mesonbuild_ft/module.h>

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "single_phase", NULL, -1, MBFT_NO_METHODS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_single_phase(void);

PyMODINIT_FUNC PyInit_single_phase(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && MBFT_Module_SetGILNotUsed(module) < 0) {
        Py_CLEAR(module);
    }
    return module;
}
