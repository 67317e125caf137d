# SPDX-License-Identifier: MIT
"""The C headers for extension modules: every macro, compiled for every interpreter and ABI, and run."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import typing

import pytest
import support
import trees
from conftest import Interpreters
from support import ALL, FREE_THREADED, GIL, OLDEST, PYPY

from mesonbuild_ft import scanner
from mesonbuild_ft.scanner import Facts


INCLUDE: typing.Final = support.ROOT / 'mesonbuild_ft' / 'include'
SOURCES: typing.Final = support.ROOT / 'tests' / 'headers'
HEADERS: typing.Final = sorted(path.name for path in INCLUDE.glob('mesonbuild_ft/*.h'))
#: Compiler and standard; the same source is C and C++.
COMPILERS: typing.Final = (
    ('gcc', 'c11'), ('gcc', 'gnu11'), ('clang', 'c11'), ('clang', 'gnu11'), ('g++', 'c++17'), ('clang++', 'c++17'))
WARNINGS: typing.Final = ('-Wall', '-Wextra', '-Werror')


class Api(typing.NamedTuple):
    """What to compile for: an interpreter, and 'full', 'abi3' or 'abi3t' with the oldest Python (floor)."""

    tag: str
    abi: str = 'full'
    floor: tuple[int, int] | None = None

    def __str__(self) -> str:
        floor = '-{}.{}'.format(*self.floor) if self.floor else ''
        return f'{support.short(self.tag)}-{self.abi}{floor}'

    @property
    def defines(self) -> list[str]:
        if self.floor is None:
            return []
        value = f'0x{self.floor[0]:02x}{self.floor[1]:02x}0000'
        return [f'-DPy_LIMITED_API={value}'] + ([f'-DPy_TARGET_ABI3T={value}'] if self.abi == 'abi3t' else [])

    @property
    def oldest(self) -> tuple[int, int]:
        return self.floor or version(self.tag)

    @property
    def serves(self) -> list[str]:
        """The interpreters that may load it."""
        if self.floor is None:
            return [self.tag]
        tags = [*GIL_AND_OLDEST, *(FREE_THREADED if self.abi == 'abi3t' else ())]
        return [tag for tag in tags if version(tag) >= self.floor]

    @property
    def may_lack_gil(self) -> bool:
        return support.free_threaded(self.tag) or self.abi == 'abi3t'


def version(tag: str) -> tuple[int, int]:
    """(3, 14) for 'cp314-cp314t'."""
    number = tag.partition('-')[0][2:]
    return int(number[0]), int(number[1:])


GIL_AND_OLDEST: typing.Final = (OLDEST, *GIL)
FULL: typing.Final = [Api(tag) for tag in (OLDEST, *ALL)]
ABI3: typing.Final = [
    Api(tag, 'abi3', (3, minor)) for tag in GIL_AND_OLDEST for minor in range(9, version(tag)[1] + 1)]
ABI3T: typing.Final = [Api(tag, 'abi3t', (3, 15)) for tag in ('cp315-cp315', 'cp315-cp315t')]
EVERY: typing.Final = [*FULL, *ABI3, *ABI3T]
#: The oldest and the newest floor of each interpreter, and 3.12, with which the first of the slots came.
SOME_ABI3: typing.Final = [api for api in ABI3 if api.floor in ((3, 9), (3, 12), version(api.tag))]


@functools.cache
def include_dir(python: pathlib.Path) -> str:
    """Where an interpreter has its Python.h."""
    code = 'import sysconfig; print(sysconfig.get_path("include"))'
    done = subprocess.run([python, '-c', code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclasses.dataclass
class Compiled:
    """Compiles modules of tests/headers, and loads them."""

    interpreters: Interpreters
    directory: pathlib.Path

    def compile(
        self, api: Api, source: str, compiler: str, standard: str, *options: str, name: str = '',
    ) -> pathlib.Path:
        """The module; the test fails where anything is said about it."""
        trees.need(compiler)
        output = self.directory / f'{name or source}-{api}-{compiler}-{standard}.so'
        command = [
            compiler, f'-std={standard}', *WARNINGS, '-O1', '-fPIC', '-shared', f'-I{INCLUDE}',
            f'-I{include_dir(self.interpreters.get(api.tag))}', *api.defines, *options,
            *(['-x', 'c++'] if '++' in compiler else []), os.fspath(SOURCES / f'{source}.c'), '-o', os.fspath(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ''), " ".join(command)
        return output

    def compile_all(self, api: Api, source: str) -> list[pathlib.Path]:
        """By every compiler."""
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(lambda how: self.compile(api, source, *how), COMPILERS))

    def use(
        self, tag: str, modules: typing.Sequence[tuple[str, pathlib.Path]], *, threads: int = 2, rounds: int = 50,
        ok: bool = True,
    ) -> typing.Any:
        """What use_headers.py prints, of an interpreter; with ok=False its standard error, where it fails."""
        wanted = {'modules': [(name, os.fspath(path)) for name, path in modules],
                  'threads': threads, 'rounds': rounds}
        python = self.interpreters.get(tag)
        done = subprocess.run(
            [python, SOURCES / 'use_headers.py', json.dumps(wanted)], env=support.clean_environment(python),
            capture_output=True, text=True, check=False)
        if not ok:
            assert done.returncode != 0, done.stdout
            return done.stderr
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope='session')
def compiled(interpreters: Interpreters, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return Compiled(interpreters, tmp_path_factory.mktemp('headers'))


def facts(path: pathlib.Path, stem: str) -> Facts:
    return scanner.load().scan(path.read_bytes(), stem)


@pytest.mark.parametrize('api', EVERY, ids=str)
def test_every_macro_with_every_compiler(api: Api, compiled: Compiled) -> None:
    modules = compiled.compile_all(api, 'everything')
    result = compiled.use(api.tag, [('everything', path) for path in modules])
    assert result['gil'] is not support.free_threaded(api.tag)
    for oldest, uses_export_hook, gil_may_be_off, opaque_object, mutex_is_lock in result['seen']:
        assert oldest >> 16 == api.oldest[0] << 8 | api.oldest[1]
        assert uses_export_hook == (api.oldest >= (3, 15))
        assert gil_may_be_off == api.may_lack_gil
        assert opaque_object == (api.abi == 'abi3t')
        assert mutex_is_lock == (api.oldest >= (3, 12) and api.tag != PYPY)
    # Of the others that may load it, the oldest and the newest; what they are does not depend on the compiler.
    for tag in {api.serves[0], api.serves[-1]} - {api.tag}:
        assert compiled.use(tag, [('everything', modules[0])])['gil'] is not support.free_threaded(tag)


@pytest.mark.parametrize('api', EVERY, ids=str)
def test_declarations(api: Api, compiled: Compiled) -> None:
    """What the interpreters are told, read from the file: nothing that the oldest one does not know."""
    module = facts(compiled.compile(api, 'everything', 'gcc', 'c11'), 'everything')
    hook = 'PyModExport_' if api.oldest >= (3, 15) else 'PyInit_'
    assert module.init_hooks == (f'{hook}everything',) or api.tag == PYPY
    if api.oldest >= (3, 15):
        assert module.abi_info is not None
        # PyABIInfo_STABLE, _GIL and _FREETHREADED.
        built_for = {'full': 4 if support.free_threaded(api.tag) else 2, 'abi3': 1 | 2, 'abi3t': 1 | 2 | 4}
        assert module.abi_info.flags == built_for[api.abi]
    slots = {1: 'create', 2: 'exec', 3: 'interpreters', 4: 'gil', 85: 'exec', 86: 'interpreters', 87: 'gil'}
    declared = {slots[number] for number in module.slots if number in slots}
    assert declared == {'exec'} | ({'interpreters'} if api.oldest >= (3, 12) else set()) | (
        {'gil'} if api.oldest >= (3, 13) else set())
    assert (module.gil == 'not-used') == (api.oldest >= (3, 13))
    if api.floor:
        since = [(i.abi3t_since if api.abi == 'abi3t' else i.abi3_since) for i in module.python_imports]
        assert all(minor is not None and minor <= api.floor[1] for minor in since)


@pytest.mark.parametrize('api', FULL, ids=str)
def test_beside_pythoncapi_compat(api: Api, compiled: Compiled) -> None:
    """pythoncapi_compat.h, of which the package bitarray installs a copy, and then these headers in one source."""
    found = importlib.util.find_spec('bitarray')
    if found is None or found.origin is None:
        trees.missing('bitarray is not installed')
    header = pathlib.Path(found.origin).with_name('pythoncapi_compat.h')
    for how in (('gcc', 'c11'), ('clang++', 'c++17')):
        path = compiled.compile(api, 'everything', *how, '-include', os.fspath(header), '-Wno-unused-function',
                                '-DPY_SSIZE_T_CLEAN', name='compat')
        if version(api.tag) >= (3, 13):
            compiled.use(api.tag, [('everything', path)])
        else:
            # Its PyDict_SetDefaultRef looks up and sets in two steps.
            assert 'in use_set_default_at_once' in compiled.use(api.tag, [('everything', path)], ok=False)


@pytest.mark.parametrize('api', [*FULL, *SOME_ABI3, *ABI3T], ids=str)
def test_the_other_declarations(api: Api, compiled: Compiled) -> None:
    """No methods, plain data as state, a module that needs the GIL, two modules in a file."""
    modules = compiled.compile_all(api, 'other')
    second = compiled.use(api.tag, [('second', path) for path in modules])
    assert second == {'seen': [{'__doc__': ''}] * len(modules), 'gil': not support.free_threaded(api.tag)}
    for tag in {api.serves[0], api.tag, api.serves[-1]}:
        result = compiled.use(tag, [('other', path) for path in modules], ok=not support.free_threaded(tag))
        if support.free_threaded(tag):
            # Warnings are errors there.
            assert 'RuntimeWarning: The global interpreter lock (GIL) has been enabled to load module' in result
        else:
            assert result['seen'] == [{'__doc__': 'A string.', 'created': 1, 'number': 1}] * len(modules)
    for path in modules:
        assert (facts(path, 'other').gil == 'used') == (api.oldest >= (3, 13))


@pytest.mark.parametrize('api', [*FULL, *SOME_ABI3], ids=str)
def test_single_phase(api: Api, compiled: Compiled) -> None:
    modules = compiled.compile_all(api, 'single_phase')
    used = compiled.use(api.tag, [('single_phase', path) for path in modules])
    assert used['gil'] is not support.free_threaded(api.tag)


@pytest.mark.parametrize('api', [Api('cp314-cp314t'), Api('cp315-cp315', 'abi3', (3, 9)), ABI3T[1], Api(PYPY)], ids=str)
def test_a_type_of_two_sources(api: Api, compiled: Compiled, tmp_path: pathlib.Path) -> None:
    """One of them C++ and the other C."""
    python, other = compiled.interpreters.get(api.tag), tmp_path / 'other.o'
    subprocess.run(['gcc', '-std=c11', *WARNINGS, '-O1', '-fPIC', '-c', f'-I{INCLUDE}', f'-I{include_dir(python)}',
                    *api.defines, SOURCES / 'shared_type_sum.c', '-o', other], check=True)
    for how in (('gcc', 'c11'), ('clang++', 'c++17')):
        path = compiled.compile(api, 'shared_type', *how, os.fspath(other))
        assert compiled.use(api.tag, [('shared_type', path)])['seen'] == [42]
    # Where the token is left out, nothing that could be imported is linked.
    command = ['gcc', '-fPIC', '-shared', f'-I{INCLUDE}', f'-I{include_dir(python)}', *api.defines, '-DWITHOUT_TOKEN',
               SOURCES / 'shared_type.c', other, '-o', tmp_path / 'without.so']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == (api.abi == 'abi3t')
    assert ('mbft_token_pair' in done.stderr) == (api.abi == 'abi3t')


@pytest.mark.parametrize('api', [Api('cp314-cp314t'), ABI3T[1]], ids=str)
def test_data_that_objects_are_not_aligned_for(api: Api, compiled: Compiled) -> None:
    source = ('#include <mesonbuild_ft/types.h>\nstruct wide { _Alignas(64) double numbers[8]; };\n'
              'MBFT_TYPE_DATA(wide, struct wide);\n')
    done = subprocess.run(
        ['gcc', '-std=c11', '-fsyntax-only', f'-I{INCLUDE}', f'-I{include_dir(compiled.interpreters.get(api.tag))}',
         *api.defines, '-x', 'c', '-'], input=source, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert '"objects are not aligned like that"' in done.stderr


@pytest.mark.parametrize('header', HEADERS)
@pytest.mark.parametrize('api', [*FULL, Api('cp315-cp315', 'abi3', (3, 9)), *ABI3T], ids=str)
def test_each_header_alone(header: str, api: Api, compiled: Compiled, tmp_path: pathlib.Path) -> None:
    """Copied into a project without the others, in several sources, and with all warnings of ISO C and C++."""
    shutil.copy2(INCLUDE / 'mesonbuild_ft' / header, tmp_path)
    source = tmp_path / 'source.c'
    source.write_text(f'#include "{header}"\n' * 2 + 'int unused(void);\nint unused(void) { return 0; }\n')
    for compiler, standard in COMPILERS:
        command = [compiler, f'-std={standard}', *WARNINGS, '-Wpedantic', '-Wshadow', '-Wstrict-prototypes', '-c',
                   # What is said of Python's own headers is not ours.
                   f'-isystem{include_dir(compiled.interpreters.get(api.tag))}', *api.defines,
                   *(['-x', 'c++', '-Wno-error'] if '++' in compiler else []), source, '-o', tmp_path / 'source.o']
        if '++' in compiler:
            command.remove('-Wstrict-prototypes')
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ''), compiler


@pytest.mark.parametrize('api', [*FULL, *ABI3T], ids=str)
def test_no_warning_of_iso_c(api: Api, compiled: Compiled) -> None:
    """Slots hold functions as void *, which -Wpedantic forbids."""
    python = include_dir(compiled.interpreters.get(api.tag))
    for compiler, standard in COMPILERS:
        compiled.compile(api, 'everything', compiler, standard, '-Wpedantic', '-isystem', python, name='pedantic')


def test_a_floor_above_the_interpreter(compiled: Compiled) -> None:
    python = compiled.interpreters.get('cp311-cp311')
    done = subprocess.run(
        ['gcc', '-fsyntax-only', f'-I{INCLUDE}', f'-I{include_dir(python)}', '-DPy_LIMITED_API=0x030c0000',
         SOURCES / 'other.c'], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert '#error "Py_LIMITED_API is newer than this Python.h: compile with a newer Python' in done.stderr


@pytest.mark.parametrize('api', [Api('cp311-cp311'), Api('cp315-cp315', 'abi3', (3, 9)), Api(PYPY)], ids=str)
def test_a_build_with_the_gil_finds_a_deadlock(api: Api, compiled: Compiled) -> None:
    said = compiled.use(api.tag, [('deadlock', compiled.compile(api, 'deadlock', 'gcc', 'c11'))], ok=False)
    assert 'this MBFT_Mutex is locked already: the GIL was released meanwhile, or it is locked twice' in said
    compiled.use(api.tag, [('deadlock', compiled.compile(api, 'deadlock', 'gcc', 'c11', '-DNDEBUG', name='release'))])


#: The free-threaded ones, and those with the GIL that load what may run without it.
STRESS: typing.Final = [
    *((Api(tag), tag) for tag in FREE_THREADED),
    (ABI3T[0], 'cp315-cp315'), (ABI3T[0], 'cp315-cp315t'), (Api('cp315-cp315', 'abi3', (3, 9)), 'cp312-cp312')]


@pytest.mark.parametrize(('api', 'tag'), STRESS, ids=str)
@pytest.mark.parametrize('compiler', ['gcc', 'clang++'])
def test_threads(api: Api, tag: str, compiler: str, compiled: Compiled) -> None:
    """No update is lost, and no object is used after it is gone, while eight threads do their worst."""
    standard = 'c++17' if '++' in compiler else 'c11'
    path = compiled.compile(api, 'everything', compiler, standard, '-O2', '-DNDEBUG', name='stress')
    compiled.use(tag, [('everything', path)], threads=8, rounds=5000)


#: A lock that does nothing, and the first check that notices it.
NO_LOCK: typing.Final = [
    ('MBFT_BEGIN_CRITICAL_SECTION(object)', '{', 'MBFT_END_CRITICAL_SECTION()', '}', 'in stress'),
    ('MBFT_Mutex_Lock(mutex)', '(void)(mutex)', 'MBFT_Mutex_Unlock(mutex)', '(void)(mutex)', 'in stress'),
]


@pytest.mark.parametrize('api', [Api('cp314-cp314t'), Api('cp315-cp315t', 'abi3t', (3, 15))], ids=str)
@pytest.mark.parametrize('without', NO_LOCK, ids=['critical section', 'mutex'])
def test_threads_without_the_lock(
    without: tuple[str, ...], api: Api, compiled: Compiled, tmp_path: pathlib.Path,
) -> None:
    """The test above would notice: updates are lost, in one of some attempts."""
    begin, begin_value, end, end_value, where = without
    forced = tmp_path / 'forced.h'
    forced.write_text(
        '#define PY_SSIZE_T_CLEAN\n#include <mesonbuild_ft/locking.h>\n'
        + ''.join(f'#undef {name.partition("(")[0]}\n#define {name} {value}\n'
                  for name, value in ((begin, begin_value), (end, end_value))))
    options = ['-include', os.fspath(forced), '-Wno-unused-parameter']
    path = compiled.compile(api, 'everything', 'gcc', 'c11', *options, name='unlocked')
    for _ in range(20):  # on a busy machine threads may run one after the other
        wanted = {'modules': [('everything', os.fspath(path))], 'threads': 8, 'rounds': 5000}
        python = compiled.interpreters.get(api.tag)
        done = subprocess.run([python, SOURCES / 'use_headers.py', json.dumps(wanted)], capture_output=True, text=True,
                              env=support.clean_environment(python), check=False)
        if done.returncode:
            assert where in done.stderr
            return
    pytest.fail('no update was lost without a lock')


#: Calls one function in four threads that begin together.
FOUR_THREADS: typing.Final = '''
import importlib.machinery, importlib.util, sys, threading
path, function = sys.argv[1:]
loader = importlib.machinery.ExtensionFileLoader("thread_sanitizer", path)
module = importlib.util.module_from_spec(
    importlib.util.spec_from_file_location("thread_sanitizer", path, loader=loader))
loader.exec_module(module)
assert not sys._is_gil_enabled()
shared, begin = object(), threading.Barrier(4)
def work():
    begin.wait()
    getattr(module, function)(shared)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
'''


@pytest.mark.parametrize('api', [*map(Api, FREE_THREADED), ABI3T[1]], ids=str)
def test_thread_sanitizer(api: Api, compiled: Compiled) -> None:
    """ThreadSanitizer sees no two threads in what the locks protect, and sees them where there is no lock."""
    path = compiled.compile(api, 'thread_sanitizer', 'gcc', 'c11', '-O1', '-g', '-fsanitize=thread')
    runtime = subprocess.run(['gcc', '-print-file-name=libtsan.so'], capture_output=True, text=True, check=True)
    python = compiled.interpreters.get(api.tag)
    # The interpreter is not compiled with it: what it does by itself is not judged.
    environment = {'LD_PRELOAD': runtime.stdout.strip(),
                   'TSAN_OPTIONS': 'ignore_noninstrumented_modules=1 exitcode=66'}

    def races(function: str) -> bool:
        done = subprocess.run(
            [python, '-c', FOUR_THREADS, path, function], env=support.clean_environment(python, **environment),
            capture_output=True, text=True, check=False)
        assert ('ThreadSanitizer: data race' in done.stderr) == (done.returncode == 66), done.stderr
        assert done.returncode in (0, 66), done.stderr
        return done.returncode == 66

    # On a busy machine four threads may run one after the other.
    assert any(races('without_lock') for _ in range(10))
    assert [name for name in ('critical_section', 'critical_section2', 'with_mutex') if races(name)] == []


SUBINTERPRETER: typing.Final = '''
import importlib.machinery, importlib.util, sys
from concurrent import interpreters
name, path = sys.argv[1:]
interpreter = interpreters.create()
interpreter.exec(f"""
import importlib.machinery, importlib.util
loader = importlib.machinery.ExtensionFileLoader({name!r}, {path!r})
module = importlib.util.module_from_spec(importlib.util.spec_from_file_location({name!r}, {path!r}, loader=loader))
loader.exec_module(module)
""")
'''


@pytest.mark.parametrize('api', [
    Api('cp314-cp314'), Api('cp314-cp314t'), Api('cp315-cp315'), Api('cp315-cp315t'), *ABI3T,
    Api('cp314-cp314', 'abi3', (3, 12))], ids=str)
def test_interpreters_of_their_own(api: Api, compiled: Compiled) -> None:
    python = compiled.interpreters.get(api.tag)
    for source, name, ok in (('everything', 'everything', True), ('other', 'other', False), ('other', 'second', False)):
        path = compiled.compile(api, source, 'gcc', 'c11')
        done = subprocess.run([python, '-c', SUBINTERPRETER, name, path], capture_output=True, text=True, check=False,
                              env=support.clean_environment(python, PYTHONWARNINGS='ignore'))
        assert (done.returncode == 0) == ok, done.stderr
        assert ok or f'module {name} does not support loading in subinterpreters' in done.stderr


#: Several interpreters, each with a GIL of its own, count in the same static variable.
SHARED: typing.Final = '''
import sys, threading
from concurrent import interpreters
path = sys.argv[1]
code = f"""
import importlib.machinery, importlib.util
loader = importlib.machinery.ExtensionFileLoader("everything", {path!r})
module = importlib.util.module_from_spec(importlib.util.spec_from_file_location("everything", {path!r}, loader=loader))
loader.exec_module(module)
for _ in range({{rounds}}):
    module.count_mutex()
print(module.counters()[-1])
"""
several = [interpreters.create() for _ in range(4)]
threads = [threading.Thread(target=i.exec, args=(code.format(rounds=1000000),)) for i in several]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("in all")
several[0].exec(code.format(rounds=0))
for interpreter in several: interpreter.close()
'''


@pytest.mark.parametrize('api', [
    Api('cp314-cp314'), Api('cp314-cp314t'), Api('cp314-cp314', 'abi3', (3, 12)), Api('cp312-cp312', 'abi3', (3, 12)),
    Api('cp315-cp315'), ABI3T[0]], ids=str)
def test_what_interpreters_share(api: Api, compiled: Compiled) -> None:
    """A GIL for each interpreter does not protect it: from 3.12 on a mutex is one, with the GIL as well."""
    python = compiled.interpreters.get('cp314-cp314' if api.tag == 'cp312-cp312' else api.tag)
    path = compiled.compile(api, 'everything', 'gcc', 'c11', '-O2', name='shared')
    done = subprocess.run([python, '-c', SHARED, path], capture_output=True, text=True, check=False,
                          env=support.clean_environment(python))
    assert done.stdout.splitlines()[-2:] == ['in all', '4000000'], done.stdout + done.stderr


HOW_TO: typing.Final = (support.ROOT / 'docs' / 'how-to' / 'one-source-for-every-abi.md').read_text(encoding='utf-8')
#: The complete sources in it: name of the module -> source.
SOURCES_OF_HOW_TO: typing.Final = {
    re.findall(r'MBFT_MODULE\((\w+)', block)[0]: block for block in re.findall(r'```c\n(.*?)```', HOW_TO, re.DOTALL)}
USE_OF_HOW_TO: typing.Final = {
    'greeting': 'print(greeting.greet("world"))', 'summing': 'print(summing.sum({1: 1.5, 2: "x", 3: 2.0}))',
    'looking': 'print(looking.look_up({1: "one"}, 1))',
    'counting': 'c = counting.Counter(2); print(c.step, c.count(), c.count())',
    'holding': 'h = holding.Holder(); h.held = h; print(h.held is h)'}
ANSWERS_OF_HOW_TO: typing.Final = {
    'greeting': 'Hello, world!', 'summing': '3.5', 'looking': 'one', 'counting': '2 2 4',
    'holding': 'True'}


@pytest.mark.parametrize('name', USE_OF_HOW_TO)
@pytest.mark.parametrize('api', [*FULL, Api('cp314-cp314', 'abi3', (3, 9)), *ABI3T], ids=str)
def test_sources_of_the_how_to(name: str, api: Api, compiled: Compiled, tmp_path: pathlib.Path) -> None:
    assert set(SOURCES_OF_HOW_TO) == set(USE_OF_HOW_TO)
    python = compiled.interpreters.get(api.tag)
    suffix = subprocess.run([python, '-c', 'import _imp; print(_imp.extension_suffixes()[0])'], check=True,
                            capture_output=True, text=True).stdout.strip()
    source = tmp_path / f'{name}.c'
    source.write_text(SOURCES_OF_HOW_TO[name])
    for how in (('gcc', 'c11'), ('clang++', 'c++17')):
        options = ['-Wpedantic', '-isystem', include_dir(python)]
        path = compiled.compile(api, os.fspath(source.with_suffix('')), *how, *options, name=name)
        shutil.copy2(path, tmp_path / f'{name}{suffix}')
        done = subprocess.run([python, '-W', 'error', '-c', f'import {name}; {USE_OF_HOW_TO[name]}'], cwd=tmp_path,
                              env=support.clean_environment(python), capture_output=True, text=True, check=False)
        assert done.stdout.strip() == ANSWERS_OF_HOW_TO[name], done.stderr


def test_the_how_to_shows_the_example() -> None:
    example = support.ROOT / 'examples' / 'greeting'
    source = (example / 'greeting.c').read_text()
    assert SOURCES_OF_HOW_TO['greeting'] == source[source.index('#include'):]
    block, = re.findall(r'```meson\n(.*?)```', HOW_TO, re.DOTALL)
    assert (example / 'meson.build').read_text().endswith(block)


REFERENCE: typing.Final = (support.ROOT / 'docs' / 'reference' / 'headers.md').read_text(encoding='utf-8')
ROW: typing.Final = re.compile(r'^\| (`[^|]+`) \| (3\.\d+)(, free-threaded builds)? \| (3\.\d+|–) \|$', re.MULTILINE)
#: Name -> since which minor version: in the full API, whether of free-threaded builds alone, in the limited API.
SINCE: typing.Final = {
    name: (int(full[2:]), bool(free_threaded), int(limited[2:]) if limited != '–' else None)
    for names, full, free_threaded, limited in ROW.findall(REFERENCE.split('## What CPython has since when')[1])
    for name in re.findall(r'`(\w+)`', names)}


@functools.cache
def preprocessed(python: pathlib.Path, *options: str) -> str:
    """What Python.h declares and defines."""
    command = ['gcc', '-E', '-dD', '-include', 'Python.h', f'-I{include_dir(python)}', *options, '-x', 'c', os.devnull]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize('name', SINCE)
def test_reference_says_since_when(name: str, interpreters: Interpreters) -> None:
    full, free_threaded_only, limited = SINCE[name]
    has = re.compile(rf'\b{name}\b(?! *:)')
    for tag in (*GIL_AND_OLDEST, *FREE_THREADED):
        since = version(tag)[1] >= full and (support.free_threaded(tag) or not free_threaded_only)
        assert bool(has.search(preprocessed(interpreters.get(tag)))) == since, tag
    table = (support.ROOT / 'mesonbuild_ft' / 'abiscan' / 'stable_abi.c').read_text()
    symbol = re.search(rf'\{{"{name}", NULL, (\d+), ', table)
    if symbol is not None:
        assert int(symbol[1]) == limited
    elif limited is None:
        newest = interpreters.get('cp315-cp315')
        assert not has.search(preprocessed(newest, '-DPy_LIMITED_API=0x030f0000'))
    else:
        # Names that are no symbols: slots and types. 3.15 has numbers of slots for every limited API.
        for minor in range(9, 15):
            text = preprocessed(interpreters.get('cp314-cp314'), f'-DPy_LIMITED_API=0x03{minor:02x}0000')
            assert bool(has.search(text)) == (minor >= limited)
        assert has.search(preprocessed(interpreters.get('cp315-cp315'), '-DPy_LIMITED_API=0x030f0000'))


def test_the_traps_that_the_reference_names(interpreters: Interpreters) -> None:
    newest = interpreters.get('cp315-cp315')
    oldest_limited = preprocessed(newest, '-DPy_LIMITED_API=0x03090000')
    assert '#define Py_mod_gil ' in oldest_limited
    assert '#define Py_BEGIN_CRITICAL_SECTION(' in oldest_limited
    assert 'PyWeakref_GetObject' not in oldest_limited
    assert 'PyWeakref_GetObject' in preprocessed(interpreters.get('cp314-cp314'), '-DPy_LIMITED_API=0x03090000')
    returns = re.compile(r'#define Py_RETURN_NONE return (.*)')
    assert returns.findall(preprocessed(interpreters.get('cp312-cp312'), '-DPy_LIMITED_API=0x03090000')) == ['Py_None']
    assert returns.findall(oldest_limited) != ['Py_None']
