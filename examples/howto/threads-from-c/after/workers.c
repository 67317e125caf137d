/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/module.h>

#include <errno.h>
#include <pthread.h>

static void *work(void *argument)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *number = PyLong_FromLong(1000000);
    if (number == NULL || PyList_Append((PyObject *)argument, number) < 0) {
        PyErr_WriteUnraisable(NULL); /* nobody called this thread */
    }
    Py_XDECREF(number);
    PyGILState_Release(state);
    return NULL;
}

static PyObject *start(PyObject *module, PyObject *list)
{
    pthread_t thread;
    (void)module;
    if (!PyList_Check(list)) {
        return PyErr_Format(PyExc_TypeError, "start() needs a list");
    }
    int error = pthread_create(&thread, NULL, work, list);
    if (error != 0) {
        errno = error; /* which it does not set itself */
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_join(thread, NULL);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start", start, METH_O, PyDoc_STR("start(list): append a number to a list, in a thread that C makes.")},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(workers, "Works in threads that Python does not know.", methods, MBFT_NO_STATE, slots);
