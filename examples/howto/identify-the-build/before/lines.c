/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

#include <string.h>

#ifdef Py_NOGIL
#define THREAD_LOCAL _Thread_local
#else
#define THREAD_LOCAL /* one at a time, since there is the GIL */
#endif

static PyObject *line(PyObject *module, PyObject *character)
{
    static THREAD_LOCAL char buffer[1000];
    (void)module;
    if (!PyUnicode_Check(character) || PyUnicode_GetLength(character) != 1
        || PyUnicode_ReadChar(character, 0) > 127) {
        return PyErr_Format(PyExc_TypeError, "line() needs a character of ASCII");
    }
    memset(buffer, (int)PyUnicode_ReadChar(character, 0), sizeof(buffer));
    return PyUnicode_DecodeASCII(buffer, sizeof(buffer), NULL);
}

static PyMethodDef methods[] = {
    {"line", line, METH_O, PyDoc_STR("line(character): a line of it.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(lines, "Draws lines.", methods, MBFT_NO_STATE, slots);
