# SPDX-License-Identifier: MIT
"""advise = true: what compilers say of the sources reaches a person, from every kind of build, and stops none."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import typing

import pytest
import support
import trees
from conftest import Built, Hook, Interpreters
from support import FREE_THREADED

from mesonbuild_ft.advice import findings, output, python_header
from mesonbuild_ft.diagnostics import Diagnostic


Copy = typing.Callable[[str], pathlib.Path]
#: What compilers say of the project `advised`: a C source, a C++ source, and the header of both, with -Werror.
SAID: typing.Final = {
    'PyDict_GetItemWithError': 'advised.c:9', 'PyList_GetItem': 'advised.h:21', 'PyList_GET_ITEM': 'part.cpp:6'}
SUMMARY: typing.Final = '  advice    3 places to look at, see above\n'
CONFIG: typing.Final = {'build-dir': 'b'}


def places(result: support.Result) -> dict[str, str]:
    """Function -> where the advice on it is for, as shown at the end of a build."""
    assert result.status == 0, result.text
    return dict(re.findall(
        r'warning\[advice-[a-z-]+\]: (\w+) [^\n]*\n  where: ([^\n]*)\n  to do: \w[^\n]*\.\n', result.stderr))


@pytest.mark.parametrize('tag', FREE_THREADED, ids=support.short)
def test_it_is_shown_at_the_end_and_stops_nothing(tag: str, built: Built) -> None:
    result = built.result('advised', tag)
    assert places(result) == SAID
    assert result.findings('warning') == ['advice-borrowed-reference'] * 3
    assert result.stdout.endswith(SUMMARY)
    # The compiler itself, in the middle of the build.
    assert result.stdout.count('[advice-borrowed-reference] PyDict_GetItemWithError returns a borrowed ref') == 1
    imported = built.imported(result.path, tag)
    assert (imported.answers, imported.gil_after) == ({'advised': 42}, False)


def test_with_clang(hook: Hook, project: Copy) -> None:
    trees.need('clang', 'clang++')
    result = hook('cp314-cp314t', 'build_wheel', project('advised'), environment={'CC': 'clang', 'CXX': 'clang++'})
    assert places(result) == SAID
    assert '2 warnings generated.' in result.stdout


def test_with_the_gil_nothing_is_added(built: Built) -> None:
    result = built.result('advised', 'cp314-cp314')
    assert result.findings() == []
    assert result.ran_meson_setup == 1
    assert 'compilers advise' not in result.stdout
    assert '  advice ' not in result.stdout


def test_a_config_setting_is_stronger(hook: Hook, project: Copy) -> None:
    result = hook('cp314-cp314t', 'build_wheel', project('advised'), config={'advise': 'false'})
    assert (places(result), result.ran_meson_setup) == ({}, 1)
    result = hook('cp314-cp314t', 'build_wheel', project('plain'), config={'advise': 'true'})
    assert places(result) == {}
    assert result.stdout.endswith('  advice    no place to look at\n')


def test_a_kept_build_directory_keeps_the_advice(hook: Hook, project: Copy) -> None:
    source = project('advised')
    first = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG)
    assert places(first) == SAID
    second = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG)
    assert places(second) == SAID
    assert 'Compiling' not in second.stdout
    # One source is mended: that alone is compiled.
    support.replace(source / 'advised.c', 'PyDict_GetItemWithError(dict', 'MBFT_ALLOW(PyDict_GetItemWithError)(dict')
    third = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG)
    assert third.stdout.count('Compiling') == 1
    assert places(third) == {name: where for name, where in SAID.items() if name != 'PyDict_GetItemWithError'}
    # Without: all are compiled anew, and with it once more.
    fourth = hook('cp314-cp314t', 'build_wheel', source, config={**CONFIG, 'advise': 'false'})
    assert (fourth.stdout.count('Compiling'), places(fourth)) == (3, {})
    fifth = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG)
    assert (fifth.stdout.count('Compiling'), places(fifth)) == (3, places(third))


def test_what_else_compiles_is_not_kept(hook: Hook, project: Copy, interpreters: Interpreters) -> None:
    """ninja by hand, or the loader of an editable install; and a ninja that shows no steps, or in a way of its own."""
    source = project('advised')
    environment = {'NINJA_STATUS': '%p '}
    first = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG, environment=environment)
    assert places(first) == SAID
    python = interpreters.get('cp314-cp314t')
    support.replace(source / 'advised.c', 'PyDict_GetItemWithError(dict', 'PyDict_GetItem(dict')
    subprocess.run([python.with_name('ninja'), '-C', 'b'], cwd=source, capture_output=True, check=True,
                   env=support.clean_environment(python))
    second = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG, environment=environment)
    # advised.c had that of the header too, which part.cpp has still.
    assert places(second) == {name: where for name, where in SAID.items() if name != 'PyDict_GetItemWithError'}
    assert second.stdout.endswith(
        '  advice    2 places to look at, see above; 1 of 3 sources were compiled by something else, which showed what '
        'there is\n')
    os.utime(source / 'advised.c')
    os.utime(source / 'part.cpp')
    third = hook('cp314-cp314t', 'build_wheel', source, config={**CONFIG, 'compile-args': '--quiet'})
    assert places(third) == {'PyDict_GetItem': 'advised.c:9', **{n: w for n, w in SAID.items() if n[:6] == 'PyList'}}
    assert third.stdout.endswith(SUMMARY)
    # Of the header, where no object can be named, nothing is left.
    fourth = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG)
    assert places(fourth) == {'PyDict_GetItem': 'advised.c:9', 'PyList_GET_ITEM': 'part.cpp:6'}


def test_a_build_that_failed_keeps_what_it_compiled(hook: Hook, project: Copy) -> None:
    source = project('advised')
    text = (source / 'part.cpp').read_text()
    (source / 'part.cpp').write_text('#error "not yet"\n' + text)
    config = {**CONFIG, 'compile-args': ['-k0', '-v']}
    failed = hook('cp314-cp314t', 'build_wheel', source, config=config)
    assert failed.findings('error') == ['compile-failed']
    (source / 'part.cpp').write_text(text)
    result = hook('cp314-cp314t', 'build_wheel', source, config=config)
    assert '-c ../advised.c' not in result.stdout
    assert places(result) == SAID


def test_editable(hook: Hook, project: Copy) -> None:
    result = hook('cp314-cp314t', 'build_editable', project('advised'))
    assert places(result) == SAID
    assert result.stdout.endswith(SUMMARY)


def test_setup(project: Copy, interpreters: Interpreters) -> None:
    """The build directory of a developer, in which Meson compiles."""
    python, source = interpreters.get('cp314-cp314t'), project('advised')
    support.replace(source / 'pyproject.toml', 'advise = true', 'advise = false')

    def configure(*options: str) -> None:
        subprocess.run([python, '-P', '-m', 'mesonbuild_ft', 'setup', *options, 'b'], cwd=source, check=True,
                       env=support.clean_environment(python), capture_output=True)

    def said() -> set[str]:
        done = subprocess.run([python.with_name('ninja'), '-C', 'b'], cwd=source, capture_output=True, text=True,
                              check=True, env=support.clean_environment(python))
        found = output.by_object(done.stdout, source / 'b', source)
        return {each.where for several in found.values() for each in several}

    configure()
    assert said() == set()
    configure('--advise')
    assert said() == set(SAID.values())
    # Meson remembers it.
    os.utime(source / 'meson.build')
    os.utime(source / 'advised.h')
    assert said() == set(SAID.values())


@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
def test_code_of_others_is_let_be(compiler: str, project: Copy, hook: Hook, cython: dict[str, str]) -> None:
    """What Cython generates, and the headers of pybind11, which call what has advice; and SWIG's way to say so."""
    trees.need(compiler)
    source = project('gil-on')
    # As dependency() gives it, of the environment of these tests.
    config = os.path.join(os.path.dirname(sys.executable), 'pybind11-config')
    includes = subprocess.run([config, '--includes'], check=True, capture_output=True, text=True).stdout.split()
    pybind11, = (word for word in includes if (pathlib.Path(word[2:]) / 'pybind11').is_dir())
    support.replace(source / 'meson.build', "dependency('pybind11')", f"declare_dependency(compile_args: '{pybind11}')")
    other = source / 'shapes' / 'points.c'
    other.write_text(f'#define SWIGPYTHON\n{other.read_text()}void *get = (void *)PyDict_GetItem;\n')
    environment = {**cython, 'CC': compiler, 'CXX': {'gcc': 'g++', 'clang': 'clang++'}[compiler]}
    result = hook('cp314-cp314t', 'build_wheel', source, config={'advise': 'true'}, environment=environment)
    assert places(result) == {'PyModule_Create': 'shapes/lines.c:22'}
    assert len(re.findall(r'warning: .*\[advice-', result.stdout)) == 1


@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
def test_python_as_a_header_of_the_system(compiler: str, project: Copy, hook: Hook) -> None:
    """Of which a project wants no warnings (include_type: 'system'), and which causes none."""
    trees.need(compiler)
    source = project('advised')
    support.replace(source / 'meson.build', 'py.dependency()', "py.dependency().as_system('system')")
    support.replace(source / 'meson.build', '  install', "  cpp_args: '-Wold-style-cast',\n  install")
    environment = {'CC': compiler, 'CXX': {'gcc': 'g++', 'clang': 'clang++'}[compiler]}
    result = hook('cp314-cp314t', 'build_wheel', source, environment=environment)
    assert places(result) == SAID
    assert 'old-style-cast]' not in result.stdout


def test_abi3t(hook: Hook, project: Copy) -> None:
    source = project('limited-abi3t')
    with open(source / 'limited_abi3t.c', 'a', encoding='utf-8') as file:
        file.write('PyObject *look_up(PyObject *, PyObject *);\n'
                   'PyObject *look_up(PyObject *a, PyObject *b) { return PyDict_GetItemWithError(a, b); }\n')
    result = hook('cp315-cp315t', 'build_wheel', source, config={'advise': 'true'})
    assert result.path.name == 'limited_abi3t-1.0-cp315-abi3.abi3t-linux_x86_64.whl'
    assert list(places(result)) == ['PyDict_GetItemWithError']


def test_a_finished_module_answers(hook: Hook, project: Copy) -> None:
    """PyModule_Create with PyUnstable_Module_SetGIL after it, and without."""
    source = project('gil-single-phase')
    result = hook('cp314-cp314t', 'build_wheel', source, config={**CONFIG, 'advise': 'true'})
    assert '[advice-single-phase]' in result.stdout
    assert (places(result), result.findings()) == ({}, [])
    support.replace(source / 'gil_single_phase.c', 'Py_MOD_GIL_NOT_USED', 'Py_MOD_GIL_USED')
    result = hook('cp314-cp314t', 'build_wheel', source, config={**CONFIG, 'advise': 'true'})
    assert list(places(result)) == ['PyModule_Create']
    assert result.findings() == ['gil-enabled-by-module', 'advice-single-phase']


def test_for_windows(hook: Hook, project: Copy) -> None:
    trees.need('x86_64-w64-mingw32-gcc')
    target = trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64')
    result = hook('cp311-cp311', 'build_wheel', project('advised'), config={
        # GCC 12 says of MinGW's own intrinsics header that they read out of bounds.
        'target': os.fspath(target), 'setup-args': '-Dwerror=false'})
    assert places(result) == SAID


def test_what_is_wrong_is_proven(hook: Hook, project: Copy) -> None:
    """GCC: memory of one domain freed in another. And a -Wno of the project's own, which is told."""
    source = project('advised')
    support.replace(source / 'advised.c', 'PyMem_Free(PyMem_Malloc(1))', 'PyObject_Free(PyMem_Malloc(1))')
    support.replace(source / 'meson.build', '  install', "  c_args: '-Wno-deprecated-declarations',\n  install")
    result = hook('cp314-cp314t', 'build_wheel', source)
    assert places(result) == {
        'PyObject_Free': 'advised.c:19', 'PyList_GetItem': 'advised.h:21', 'PyList_GET_ITEM': 'part.cpp:6'}
    assert 'PyObject_Free is given memory of PyMem_Malloc' in result.stderr
    assert 'to do: Free it with PyMem_Free.' in result.stderr
    assert result.stdout.endswith(
        '  advice    3 places to look at, see above; 2 of 3 sources are compiled without these warnings\n')


def test_output_of_msvc(tmp_path: pathlib.Path) -> None:
    """Which has the advice where a source includes the header itself."""
    text = ('[1/2] Compiling C object a.pyd.p/a.c.obj\n'
            "..\\a.c(12): warning C4996: 'PyDict_Next': [advice-dict-next] PyDict_Next does: do not\n"
            '[2/2] Linking target a.pyd\n').replace('\\', os.sep)
    found = output.by_object(text, tmp_path / 'b', tmp_path)
    assert found == {'': [], 'a.pyd.p/a.c.obj': [
        Diagnostic('advice-dict-next', 'warning', 'PyDict_Next does', 'a.c:12', 'Do not.')]}


def test_output_of_objects_with_odd_names(tmp_path: pathlib.Path) -> None:
    """As ninja quotes them, in both of its ways; and a compiler in another language."""
    said = ('../{0}:9:1: Warnung: »f« ist veraltet: [advice-dict-next] It does: do not [-Wdeprecated-declarations]\n'
            '/python/a.h:3:2: Warnung: »g« ist veraltet: [advice-gil-state] It is: do [-Wdeprecated-declarations]\n'
            '../{0}:12:5: Anmerkung: bei Substitution des Makros »G«\n')
    for step in ('Compiling C object {}', 'cc -I. -MF x.d -o {} -c ../x.c'):
        text = ''.join(f'[{number}/2] {step.format(quoted)}\n{said.format(source)}' for number, (quoted, source) in
                       enumerate(((r"'a.p/it'\''s.c.o'", "it's.c"), ("'a.p/b c_x(1).c.o'", 'b c/x(1).c')), 1))
        found = output.by_object(text, tmp_path / 'b', tmp_path)
        assert {name: [each.where for each in several] for name, several in found.items()} == {
            "a.p/it's.c.o": ["it's.c:9", "it's.c:12"], 'a.p/b c_x(1).c.o': ['b c/x(1).c:9', 'b c/x(1).c:12']}


def test_whose_code_it_is(tmp_path: pathlib.Path) -> None:
    """Not of the authors: what is installed into an environment in their directory, and subprojects."""
    source, build = tmp_path / 'site-packages' / 'project', tmp_path / 'site-packages' / 'project' / 'b'
    (build / 'meson-info').mkdir(parents=True)
    (build / 'meson-info' / 'intro-projectinfo.json').write_text('{"subproject_dir": "third_party"}')
    (source / 'env' / 'include').mkdir(parents=True)
    (source / 'env' / 'pyvenv.cfg').touch()
    (tmp_path / 'pyvenv.cfg').touch()
    foreign = [path for path in ('', 'a.c', 'subprojects/a.h', 'third_party/a/a.h', 'env', 'env/include/a.h',
                                 '.tox/lib/python3.14/site-packages/a/a.h', 'b/a.h', '../other/a.h')
               if python_header.is_foreign(source / path, build, source)]
    assert foreign == ['third_party/a/a.h', 'env', 'env/include/a.h', '.tox/lib/python3.14/site-packages/a/a.h',
                       '../other/a.h']


def test_many_places_are_counted() -> None:
    found = [Diagnostic('advice-dict-next', 'warning', 'It does', f'a.c:{n}', 'Do not.') for n in range(30, 0, -1)]
    one, = findings.grouped([*found, *found])
    assert one.where == ', '.join(f'a.c:{line}' for line in range(1, 13)) + ', and 18 more'


PASSED_ON: typing.Final = r'''
import os, subprocess, sys
from mesonbuild_ft.advice import recording
output = bytearray()
with recording.recorded(output):
    print("one", flush=True)
    # A server of a compiler cache goes on after the build, with the pipe.
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], stderr=subprocess.DEVNULL)
    code = "import os; os.write(1, b'two\\0three' + b'x' * 300000 + b'\\0')"
    subprocess.run([sys.executable, "-c", code], check=True)
print("four")
sys.stderr.write(str((len(output), output[:13], output.count(b"four"))))
'''


def test_output_is_passed_on(interpreters: Interpreters) -> None:
    python = interpreters.get('cp314-cp314t')
    done = subprocess.run([python, '-c', PASSED_ON], capture_output=True, timeout=15,
                          env=support.clean_environment(python), check=True)
    assert done.stdout == b'one\ntwo\0three' + b'x' * 300000 + b'\0four\n'
    assert done.stderr.decode() == str((300014, bytearray(b'one\ntwo\0three'), 0))


CLOSED: typing.Final = r'''
import subprocess, sys
from mesonbuild_ft.advice import recording
output = bytearray()
with recording.recorded(output):
    done = subprocess.run([sys.executable, "-c", "import os; [os.write(1, b'x' * 65536) for _ in range(9)]"],
                          stderr=subprocess.DEVNULL)
sys.stderr.write(str((done.returncode != 0, output[:1])))
'''


def test_a_closed_output_blocks_nothing(interpreters: Interpreters) -> None:
    """As with `| head`: programs that write are told, which without advice they are as well."""
    python = interpreters.get('cp314-cp314t')
    read, write = os.pipe()
    os.close(read)
    with open(write, 'wb') as closed:
        done = subprocess.run([python, '-c', CLOSED], stdout=closed, stderr=subprocess.PIPE, timeout=15,
                              env=support.clean_environment(python), check=False)
    assert done.stderr.decode() == str((True, bytearray(b'x')))


def test_a_full_disk_blocks_nothing(interpreters: Interpreters) -> None:
    python = interpreters.get('cp314-cp314t')
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([python, '-c', CLOSED], stdout=full, stderr=subprocess.PIPE, timeout=15,
                              env=support.clean_environment(python), check=False)
    assert done.stderr.decode() == str((False, bytearray(b'x')))


def test_an_output_that_does_not_wait_gets_it_all(interpreters: Interpreters) -> None:
    python = interpreters.get('cp314-cp314t')
    read, write = os.pipe()
    os.set_blocking(write, False)
    with open(read, 'rb') as reader, open(write, 'wb') as writer, subprocess.Popen(
            [python, '-c', CLOSED], stdout=writer, stderr=subprocess.PIPE,
            env=support.clean_environment(python)) as process:
        writer.close()
        assert reader.read() == b'x' * 65536 * 9
        assert process.stderr is not None
        assert process.stderr.read().decode() == str((False, bytearray(b'x')))


FORKED: typing.Final = r'''
import os, sys, warnings
from mesonbuild_ft.advice import recording
with warnings.catch_warnings(record=True) as said, recording.recorded(bytearray()):
    warnings.simplefilter("always")
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
sys.stderr.write(str(list(map(str, said))))
'''


def test_no_thread_is_in_the_way_of_a_fork(interpreters: Interpreters) -> None:
    """Which `mesonbuild-ft wheels` makes of itself for Meson."""
    python = interpreters.get('cp314-cp314t')
    done = subprocess.run([python, '-c', FORKED], capture_output=True, timeout=15, text=True,
                          env=support.clean_environment(python), check=True)
    assert done.stderr == '[]'


def test_what_it_is_called_in_json(project: Copy, interpreters: Interpreters) -> None:
    """Each place, in each wheel; with the same words as in the summary of one build."""
    python, source = interpreters.get('cp314-cp314t'), project('advised')
    done = subprocess.run(
        [python, '-P', '-m', 'mesonbuild_ft', 'wheels', '--no-isolation', '--format', 'json', '3.14t'], cwd=source,
        env=support.clean_environment(python), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wheel, = json.loads(done.stdout)['builds']
    assert {each['where'] for each in wheel['findings']} == set(SAID.values())
