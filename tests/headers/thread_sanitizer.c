/* SPDX-License-Identifier: MIT */
/* What the locks protect, compiled with -fsanitize=thread.  The interpreter is not, so the sanitizer does not see its
 * locks: here it is told where one is held.  Two threads inside at once then are a data race that it reports. */
#define PY_SSIZE_T_CLEAN
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>
#include <sanitizer/tsan_interface.h>

enum { ROUNDS = 100000 };

static long value;
static char held; /* its address stands for the lock */
static MBFT_Mutex mutex;

static void step(void)
{
    __tsan_acquire(&held);
    value++;
    __tsan_release(&held);
}

static PyObject *critical_section(PyObject *module, PyObject *object)
{
    (void)module;
    for (int i = 0; i < ROUNDS; i++) {
        MBFT_BEGIN_CRITICAL_SECTION(object);
        step();
        MBFT_END_CRITICAL_SECTION();
    }
    Py_RETURN_NONE;
}

/* Half of the threads have the two objects the other way round, which must not end in a deadlock either. */
static PyObject *critical_section2(PyObject *module, PyObject *object)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 2) {
            MBFT_BEGIN_CRITICAL_SECTION2(module, object);
            step();
            MBFT_END_CRITICAL_SECTION2();
        } else {
            MBFT_BEGIN_CRITICAL_SECTION2(object, module);
            step();
            MBFT_END_CRITICAL_SECTION2();
        }
    }
    Py_RETURN_NONE;
}

static PyObject *with_mutex(PyObject *module, PyObject *object)
{
    (void)module;
    (void)object;
    for (int i = 0; i < ROUNDS; i++) {
        MBFT_Mutex_Lock(&mutex);
        step();
        MBFT_Mutex_Unlock(&mutex);
    }
    Py_RETURN_NONE;
}

static PyObject *without_lock(PyObject *module, PyObject *object)
{
    (void)module;
    (void)object;
    for (int i = 0; i < ROUNDS; i++) {
        step();
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"critical_section", critical_section, METH_O, NULL},
    {"critical_section2", critical_section2, METH_O, NULL},
    {"with_mutex", with_mutex, METH_O, NULL},
    {"without_lock", without_lock, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static MBFT_Slot slots[] = {
    MBFT_GIL_NOT_USED,
    MBFT_SLOTS_END,
};

MBFT_MODULE(thread_sanitizer, "Locks, with and without.", methods, MBFT_NO_STATE, slots);
