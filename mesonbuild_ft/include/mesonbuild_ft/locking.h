/* SPDX-License-Identifier: 0BSD */
/* Critical sections and mutexes, on every ABI of CPython 3.9 and newer, and on PyPy.
 *
 * C11, C++17; needs nothing but Python.h, and may be copied into a project.
 *
 *     MBFT_BEGIN_CRITICAL_SECTION(self);         one object
 *     MBFT_BEGIN_CRITICAL_SECTION2(self, other); two
 *     MBFT_Mutex                                 data that belong to no object; all zero is unlocked
 *
 * Where the GIL does the work, they compile to nothing.  So what is locked must be what the GIL would protect
 * as well: no Python code that may run there, nothing that releases the GIL.
 * Reference: docs/reference/headers.md of mesonbuild-ft. */
#ifndef MBFT_LOCKING_H
#define MBFT_LOCKING_H

#include <Python.h>

/* The oldest Python that may load what is compiled, as PY_VERSION_HEX is written. */
#ifndef MBFT_OLDEST_PYTHON
#  ifndef Py_LIMITED_API
#    define MBFT_OLDEST_PYTHON PY_VERSION_HEX
#  elif Py_LIMITED_API + 0 <= 3 /* empty or 3: the first limited API */
#    define MBFT_OLDEST_PYTHON 0x03020000
#  else
#    define MBFT_OLDEST_PYTHON Py_LIMITED_API
#  endif
#endif

/** Whether an interpreter without the GIL may load what is compiled, 1 or 0.  ``Py_GIL_DISABLED`` is defined for
 * free-threaded interpreters, and by 3.15's headers for abi3t, which both builds load.  In all other cases only
 * interpreters with the GIL load it: abi3 is one of them.
 */
#if defined(Py_GIL_DISABLED) || defined(Py_TARGET_ABI3T)
#  define MBFT_GIL_MAY_BE_OFF 1
#else
#  define MBFT_GIL_MAY_BE_OFF 0
#endif

/* 3.15's headers have Py_BEGIN_CRITICAL_SECTION for every limited API, also for those in which the functions
 * behind it do not exist yet: with the GIL it is not used. */
#if MBFT_GIL_MAY_BE_OFF
/** Begins a section in which no other thread that locks this object runs; a semicolon follows it.
 *
 * :param object: the ``PyObject *``
 */
#  define MBFT_BEGIN_CRITICAL_SECTION(object) Py_BEGIN_CRITICAL_SECTION(object)
/** Ends it, in the same block and always: no return, break or goto leads out of it. */
#  define MBFT_END_CRITICAL_SECTION() Py_END_CRITICAL_SECTION()
/** The same for two objects, which are locked in an order that cannot be a deadlock. */
#  define MBFT_BEGIN_CRITICAL_SECTION2(a, b) Py_BEGIN_CRITICAL_SECTION2(a, b)
/** Ends a section of two objects. */
#  define MBFT_END_CRITICAL_SECTION2() Py_END_CRITICAL_SECTION2()
#else
#  define MBFT_BEGIN_CRITICAL_SECTION(object) \
      {                                       \
          (void)(object)
#  define MBFT_END_CRITICAL_SECTION() }
#  define MBFT_BEGIN_CRITICAL_SECTION2(a, b) \
      {                                      \
          (void)(a);                         \
          (void)(b)
#  define MBFT_END_CRITICAL_SECTION2() }
#endif

/* From 3.12 on interpreters may have a GIL each (PEP 684), which does not protect what they share. */

/** Whether a mutex is a lock, so that the GIL may be released while it is held: 1 or 0. */
#if MBFT_GIL_MAY_BE_OFF || (MBFT_OLDEST_PYTHON >= 0x030c0000 && !defined(PYPY_VERSION))
#  define MBFT_MUTEX_IS_LOCK 1
#else
#  define MBFT_MUTEX_IS_LOCK 0
#endif

#if !defined(Py_LIMITED_API) && PY_VERSION_HEX >= 0x030d0000 && !defined(PYPY_VERSION)

/** A lock for data that belong to no object; all zero is unlocked. */
typedef PyMutex MBFT_Mutex;

/** Locks it; not recursive.  A thread that waits lets the others have the GIL, and takes part in stop-the-world
 * pauses.  It is called with a thread state: before Py_BEGIN_ALLOW_THREADS, not behind it.
 */
static inline void MBFT_Mutex_Lock(MBFT_Mutex *mutex)
{
    PyMutex_Lock(mutex);
}

/** Unlocks it. */
static inline void MBFT_Mutex_Unlock(MBFT_Mutex *mutex)
{
    PyMutex_Unlock(mutex);
}

/** Before the memory of an unlocked one goes; static ones stay. */
static inline void MBFT_Mutex_Free(MBFT_Mutex *mutex)
{
    (void)mutex;
}

#elif MBFT_MUTEX_IS_LOCK

/* 3.12 has no PyMutex, and no limited API has, up to 3.15: a lock of PyThread_, allocated when it is first used. */
typedef struct MBFT_Mutex {
    void *lock; /* PyThread_type_lock, atomic */
} MBFT_Mutex;

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static inline void *mbft_load(void **place)
{
    return _InterlockedCompareExchangePointer((void *volatile *)place, NULL, NULL);
}
/* What is there afterwards. */
static inline void *mbft_set_once(void **place, void *value)
{
    void *before = _InterlockedCompareExchangePointer((void *volatile *)place, value, NULL);
    return before == NULL ? value : before;
}
#else
static inline void *mbft_load(void **place)
{
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}
/* What is there afterwards. */
static inline void *mbft_set_once(void **place, void *value)
{
    void *before = NULL;
    int done = __atomic_compare_exchange_n(place, &before, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return done ? value : before;
}
#endif

static inline PyThread_type_lock mbft_mutex_lock(MBFT_Mutex *mutex)
{
    void *lock = mbft_load(&mutex->lock);
    if (lock == NULL) {
        void *mine = (void *)PyThread_allocate_lock();
        if (mine == NULL) {
            Py_FatalError("no memory for a lock");
        }
        lock = mbft_set_once(&mutex->lock, mine);
        if (lock != mine) {
            PyThread_free_lock((PyThread_type_lock)mine);
        }
    }
    return (PyThread_type_lock)lock;
}

static inline void MBFT_Mutex_Lock(MBFT_Mutex *mutex)
{
    PyThread_type_lock lock = mbft_mutex_lock(mutex);
    if (!PyThread_acquire_lock(lock, NOWAIT_LOCK)) {
        Py_BEGIN_ALLOW_THREADS
        PyThread_acquire_lock(lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS
    }
}

static inline void MBFT_Mutex_Unlock(MBFT_Mutex *mutex)
{
    PyThread_release_lock((PyThread_type_lock)mbft_load(&mutex->lock));
}

static inline void MBFT_Mutex_Free(MBFT_Mutex *mutex)
{
    if (mutex->lock != NULL) {
        PyThread_free_lock((PyThread_type_lock)mutex->lock);
        mutex->lock = NULL;
    }
}

#else

/* The GIL is the lock: a module for 3.11 or older is not imported by interpreters with a GIL of their own.  Without
 * NDEBUG it is made sure that it was kept, so that such a build finds what would be a deadlock in others. */
typedef struct MBFT_Mutex {
    char locked;
} MBFT_Mutex;

static inline void MBFT_Mutex_Lock(MBFT_Mutex *mutex)
{
#ifdef NDEBUG
    (void)mutex;
#else
    if (mutex->locked) {
        Py_FatalError("this MBFT_Mutex is locked already: the GIL was released meanwhile, or it is locked twice");
    }
    mutex->locked = 1;
#endif
}

static inline void MBFT_Mutex_Unlock(MBFT_Mutex *mutex)
{
#ifdef NDEBUG
    (void)mutex;
#else
    if (!mutex->locked) {
        Py_FatalError("this MBFT_Mutex is not locked");
    }
    mutex->locked = 0;
#endif
}

static inline void MBFT_Mutex_Free(MBFT_Mutex *mutex)
{
    (void)mutex;
}

#endif

#endif
