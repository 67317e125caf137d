# SPDX-License-Identifier: MIT
"""Use modules that were compiled with the headers; run in each interpreter, 3.9 and PyPy included.

    python use_headers.py JSON

JSON: {"modules": [[name, path], ...], "threads": …, "rounds": …}. Prints as JSON what was seen; what is wrong is an
exception.
"""

import gc
import importlib.machinery
import importlib.util
import json
import sys
import threading
import time
import warnings
import weakref


PYPY = sys.implementation.name == 'pypy'
#: Free-threaded 3.13 makes types immortal once there are threads.
KEEPS_TYPES = PYPY or (sys.version_info[:2] == (3, 13) and not sys._is_gil_enabled())
#: Without the GIL each thread counts the references to a type by itself.
COUNTS_TYPES = not PYPY and getattr(sys, '_is_gil_enabled', lambda: True)()


def load(name, path):
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def raises(kind, function, *arguments):
    try:
        function(*arguments)
    except kind:
        return True
    return False


class Object:
    pass


class Slow:
    """A key that collides with all others, and lets other threads run while it is compared."""

    def __hash__(self):
        return 1

    def __eq__(self, other):
        time.sleep(0.01)
        return self is other


def use_references(module):
    value = Object()
    mapping = {'key': value, 2: 'two'}
    assert module.dict_get(mapping, 'key') == (1, value)
    assert module.dict_get(mapping, 3) == (0,)
    assert raises(TypeError, module.dict_get, mapping, [])
    assert raises(SystemError, module.dict_get, [], 1) or PYPY
    assert module.dict_get_string(mapping, 'key') == (1, value)
    assert module.dict_get_string(mapping, 'other') == (0,)

    assert module.dict_set_default(mapping, 'key', 1) == (1, value)
    assert module.dict_set_default(mapping, 'new', value) == (0, value)
    assert module.dict_set_default(mapping, 'new', value) == (1, value)
    assert module.dict_set_default(mapping, 'newer', value, False) == (0,)
    assert module.dict_set_default(mapping, 'newer', 1, False) == (1,)
    assert raises(TypeError, module.dict_set_default, mapping, [], 1)
    assert mapping == {'key': value, 2: 'two', 'new': value, 'newer': value}

    items = [value, 'b']
    assert module.list_get(items, 0) is value
    assert raises(IndexError, module.list_get, items, 2)

    reference, proxy = weakref.ref(value), weakref.proxy(value)
    assert module.weakref_get(reference) == (1, value)
    assert PYPY or module.weakref_get(proxy)[1] is value
    assert raises(TypeError, module.weakref_get, value)

    assert module.import_add('sys') is sys
    made = module.import_add('use_headers_made')
    assert made is sys.modules.pop('use_headers_made')

    if not PYPY:
        before = sys.getrefcount(value)
        for _ in range(100):
            module.dict_get(mapping, 'key')
            module.dict_get_string(mapping, 'key')
            module.dict_set_default(mapping, 'key', 1)
            module.dict_set_default(mapping, 'key', 1, False)
            module.list_get(items, 0)
            module.weakref_get(reference)
        assert sys.getrefcount(value) == before

    del value, items, mapping
    for _ in range(5 if PYPY else 1):
        gc.collect()
    assert module.weakref_get(reference) == (0,)


def use_set_default_at_once(module):
    """Two threads that set a default for the same key agree on it, though comparing keys runs Python code."""
    mapping, key, seen = {Slow(): None}, Slow(), []
    barrier = threading.Barrier(2)

    def work(number):
        barrier.wait()
        seen.append(module.dict_set_default(mapping, key, number))

    run(work, 2)
    assert len({value for _, value in seen}) == 1, seen
    assert sorted(status for status, _ in seen) == [0, 1], seen


def use_types(module):
    """A type with data of its own, and a class that derives from it in Python."""
    class Derived(module.Holder):
        more = 1

    for kind in (module.Holder, Derived):
        one, two = kind(), kind()
        offset, size = one.layout()
        assert offset % 8 == 0
        assert offset >= (24 if PYPY else object.__basicsize__)
        assert PYPY or kind.__basicsize__ >= offset + size
        assert (one.count, one.factor) == (0, 0.0)
        assert raises(AttributeError, getattr, one, 'held')
        one.add()
        one.factor, one.held = 1.5, two
        assert (one.count, one.factor, one.held) == (1, 1.5, two)
        assert (two.count, two.factor) == (0, 0.0)
        assert raises((AttributeError, TypeError), setattr, one, 'count', 2)
        del one.held
        assert raises(AttributeError, getattr, one, 'held')
        # A cycle goes, and takes its references to the type along.
        one.held = two
        if not PYPY:  # which calls no tp_traverse
            two.held = one
        gone = weakref.ref(one), weakref.ref(two)
        before = sys.getrefcount(kind) if COUNTS_TYPES else 0
        del one, two
        for _ in range(5 if PYPY else 1):
            gc.collect()
        assert [reference() for reference in gone] == [None, None]
        assert not COUNTS_TYPES or sys.getrefcount(kind) == before - 2, kind
    Derived().more = 2


def run(work, count):
    """Call work(number) in threads; any exception of theirs is raised here."""
    failures = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def stress(module, threads, rounds):
    """What several threads do at once to what the locks protect, and to containers that change meanwhile."""
    barrier = threading.Barrier(threads)
    one, two = [], []
    _, counter, left, right, static = module.counters()

    def count(number):
        barrier.wait()
        for _ in range(rounds):
            module.count_locked(one)

    run(count, threads)
    assert module.counters()[1] - counter == threads * rounds, module.counters()

    holder = module.Holder()

    def add(number):
        barrier.wait()
        for _ in range(rounds):
            holder.add()

    run(add, threads)
    assert holder.count == threads * rounds, holder.count

    def move(number):
        pair = (one, two) if number % 2 else (two, one)
        barrier.wait()
        for _ in range(rounds):
            module.move_locked(*pair)

    run(move, threads)
    assert left - module.counters()[2] == module.counters()[3] - right == threads * rounds, module.counters()

    def mutex(number):
        barrier.wait()
        module.use_spare()
        for _ in range(rounds):
            module.count_mutex()

    counter = module.counters()[1]
    run(mutex, threads)
    assert module.counters()[1] - counter == threads * rounds, module.counters()
    assert module.counters()[4] - static == threads * rounds, module.counters()

    # References: every object is referred to by the containers alone, and replaced all the time.
    items, mapping, kept = [Object()], {'key': Object()}, [Object()]
    references = [weakref.ref(kept[0])]

    def read_and_replace(number):
        barrier.wait()
        for turn in range(rounds):
            if number == 0:
                items[0] = Object()
                mapping['key'] = Object()
                kept[0] = Object()
                references[0] = weakref.ref(kept[0])
            else:
                assert type(module.list_get(items, 0)) is Object
                assert type(module.dict_get(mapping, 'key')[1]) is Object
                assert type(module.dict_get_string(mapping, 'key')[1]) is Object
                found = module.weakref_get(references[0])
                assert found == (0,) or type(found[1]) is Object
                status, value = module.dict_set_default(mapping, turn, number)
                assert status in (0, 1)
                assert mapping[turn] == value

    run(read_and_replace, threads)


def gil_enabled():
    return getattr(sys, '_is_gil_enabled', lambda: True)()


def main():
    wanted = json.loads(sys.argv[1])
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for name, path in wanted['modules']:
            if name == 'everything':
                module = load(name, path)
                assert module.__doc__ == 'Every macro of the headers.'
                assert module.counters()[0] == 1
                assert issubclass(module.Error, Exception)
                use_references(module)
                use_set_default_at_once(module)
                use_types(module)
                stress(module, wanted['threads'], wanted['rounds'])
                seen.append(module.configuration())
                types = weakref.ref(module.Error), weakref.ref(module.Holder)
                del module
                sys.modules.pop(name, None)
                gc.collect()
                assert KEEPS_TYPES or [kind() for kind in types] == [None, None], 'the module was not freed'
            elif name == 'shared_type':
                seen.append(load(name, path).answer(20, 22))
            else:
                module = load(name, path)
                seen.append({key: value for key, value in vars(module).items()
                             if key in ('created', 'number', '__doc__')})
    print(json.dumps({'seen': seen, 'gil': gil_enabled()}))


main()
