/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

#include <stdlib.h>

#define SIZE (4096 * 2160 * 4) /* 4096 by 2160 pixels, four bytes each */

typedef struct {
    PyObject_HEAD
    unsigned char pixels[SIZE];
} Frame;

static PyObject *frame_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, ":Frame", names)) {
        return NULL;
    }
    /* tp_alloc writes zeros into the whole object; large memory of calloc() is zero without that. */
    PyObject *self = (PyObject *)calloc(1, sizeof(Frame));
    return self == NULL ? PyErr_NoMemory() : PyObject_Init(self, type);
}

static void frame_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    free(self);
    Py_DECREF(type);
}

static int frame_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, self, ((Frame *)self)->pixels, SIZE, 0, flags);
}

static PyType_Slot frame_slots[] = {
    {Py_tp_new, frame_new}, {Py_tp_dealloc, frame_dealloc}, {Py_bf_getbuffer, frame_getbuffer}, {0, NULL},
};

static PyType_Spec frame = {
    .name = "frames.Frame", .basicsize = sizeof(Frame), .flags = Py_TPFLAGS_DEFAULT, .slots = frame_slots,
};

static int execute(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &frame, NULL);
    int status = type == NULL ? -1 : PyModule_AddObjectRef(module, "Frame", type);
    Py_XDECREF(type);
    return status;
}

static MBFT_Slot slots[] = {MBFT_EXEC(execute), MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(frames, "Frames of a film.", MBFT_NO_METHODS, MBFT_NO_STATE, slots);
