/* SPDX-License-Identifier: MIT */
#include <mesonbuild_ft/locking.h>
#include <mesonbuild_ft/module.h>

#include <mutex>
#include <new>
#include <string>
#include <vector>

/* What std::lock_guard needs. Not std::mutex: who waits for that one holds up the garbage collector. */
struct Mutex {
    void lock() { MBFT_Mutex_Lock(&mutex); }
    void unlock() { MBFT_Mutex_Unlock(&mutex); }
    MBFT_Mutex mutex;
};

static Mutex mutex;
static std::vector<std::string> words;

static PyObject *add(PyObject *module, PyObject *word)
{
    (void)module;
    Py_ssize_t size = 0;
    const char *text = PyUnicode_AsUTF8AndSize(word, &size);
    if (text == nullptr) {
        return nullptr;
    }
    try {
        std::lock_guard<Mutex> guard(mutex);
        if (words.size() == 100) {
            words.erase(words.begin());
        }
        words.emplace_back(text, size);
        return PyLong_FromSize_t(words.size());
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

static PyMethodDef methods[] = {
    {"add", add, METH_O, PyDoc_STR("add(word): keep it, with the 99 before; how many are kept.")},
    {nullptr, nullptr, 0, nullptr},
};

static MBFT_Slot slots[] = {MBFT_GIL_NOT_USED, MBFT_SLOTS_END};

MBFT_MODULE(words, "The last words that were used in the process.", methods, MBFT_NO_STATE, slots);
