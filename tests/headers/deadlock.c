/* SPDX-License-Identifier: MIT */
/* Wrong: a mutex is locked twice by the same thread. */
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>

static int execute(PyObject *module)
{
    static MBFT_Mutex mutex;
    (void)module;
    MBFT_Mutex_Lock(&mutex);
    MBFT_Mutex_Lock(&mutex);
    return 0;
}

static MBFT_Slot slots[] = {MBFT_EXEC(execute), MBFT_SLOTS_END};

MBFT_MODULE(deadlock, "", MBFT_NO_METHODS, MBFT_NO_STATE, slots);
