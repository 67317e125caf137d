# SPDX-License-Identifier: MIT
"""Wheels for Windows, built here through the backend and run by Windows interpreters under Wine."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess
import sys
import typing
import zipfile

import pytest
import support
import trees
import windows_python
from conftest import Hook

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker, subjects


BUILDER: typing.Final = 'cp311-cp311'
FREE_THREADED: typing.Final = ('cp313-cp313t', 'cp314-cp314t', 'cp315-cp315t')
GIL: typing.Final = ('cp314-cp314', 'cp315-cp315')
USE: typing.Final = pathlib.Path(__file__).with_name('use_modules.py')
#: sizeof(PyObject) on 64-bit Windows.
SIZES: typing.Final = {True: 32, False: 16}
Copy = typing.Callable[[str], pathlib.Path]


pytestmark = pytest.mark.usefixtures('wine')


def gil_defines(build_dir: pathlib.Path) -> dict[str, tuple[str, ...]]:
    """What each command of a build directory defines about Py_GIL_DISABLED; by its source file."""
    commands = json.loads((build_dir / 'compile_commands.json').read_text())
    return {os.path.basename(entry['file']):
            tuple(word for word in shlex.split(entry['command']) if 'Py_GIL_DISABLED' in word) for entry in commands}


def build(
    hook: Hook, project: pathlib.Path, python: windows_python.WindowsPython, *, ok: bool = True, **config: str,
) -> support.Result:
    result = hook(BUILDER, 'build_wheel', project, config={'target': os.fspath(python.prefix), **config})
    assert (result.status == 0) == ok, result.text
    return result


def use(python: windows_python.WindowsPython, directory: pathlib.Path) -> dict[str, typing.Any]:
    """What the modules in `directory` say in the interpreter, called from threads."""
    done = python.run(USE, path=[directory])
    assert done.returncode == 0, done.stderr
    return typing.cast(dict[str, typing.Any], json.loads(done.stdout))


@pytest.mark.parametrize('tag', [*FREE_THREADED, *GIL])
def test_several_modules_in_threads(tag: str, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    python = windows_python.python(tag)
    directory = project('several-modules')
    result = build(hook, directory, python, **{'build-dir': 'b'})
    wheel = result.path
    assert wheel.name == f'several_modules-1.0-{tag}-win_amd64.whl'
    assert support.whl_tags(wheel) == [f'{tag}-win_amd64']
    support.check_record(wheel)
    # Import libraries are left out.
    assert sorted(support.modules(wheel).values()) == [
        f'{name}.{tag.split("-")[1]}-win_amd64.pyd' for name in ('helped', 'multi', 'plusplus', 'single')]
    with zipfile.ZipFile(wheel) as archive:
        assert {name.rpartition('.')[2] for name in archive.namelist() if '.dist-info/' not in name} == {'pyd'}
    assert result.findings() == []
    free_threaded = support.free_threaded(tag)
    # Once for each file that includes Python.h, those of the library and the program as well; with the GIL never:
    # there it would not even link.
    assert gil_defines(directory / 'b') == dict.fromkeys(
        ('helper.c', 'helped.c', 'multi.c', 'single.c', 'plusplus.cpp', 'sizes.c'),
        ('-DPy_GIL_DISABLED=1',) * free_threaded)
    # A path with a space and letters beyond ASCII.
    unpacked = support.unpack(wheel, tmp_path / 'mit Ä und Leerzeichen')
    assert use(python, unpacked) == {
        'gil': [not free_threaded, not free_threaded],
        'warnings': [],
        'compiled': {name: [int(free_threaded), SIZES[free_threaded]]
                     for name in ('multi', 'single', 'plusplus', 'helped')},
        'counted': {'multi': 8001, 'single': 8001, 'plusplus': 8001, 'helped': int(free_threaded)},
    }


@pytest.mark.parametrize('how', ['project', 'source'])
def test_author_who_followed_the_howto_defines_it_as_well(how: str, project: Copy, hook: Hook) -> None:
    """With werror=true: a definition with another value would not compile."""
    python = windows_python.python('cp314-cp314t')
    directory = project('several-modules')
    if how == 'project':
        support.replace(directory / 'meson.build', "py = import",
                        "add_project_arguments('-DPy_GIL_DISABLED=1', language: ['c', 'cpp'])\npy = import")
    else:
        support.replace(directory / 'multi.c', '#include "common.h"', '#define Py_GIL_DISABLED 1\n#include "common.h"')
    result = build(hook, directory, python)
    assert result.path.name == 'several_modules-1.0-cp314-cp314t-win_amd64.whl'
    # Where all is defined already, nothing is added, and nothing configured twice.
    assert result.ran_meson_setup == (1 if how == 'project' else 2)


#: What each version says of a module that was compiled without the define; see facts.md.
WITHOUT_DEFINE: typing.Final = {
    'cp313-cp313t': 'SystemError: init function of multi returned uninitialized object',
    'cp314-cp314t': 'SystemError: init function of multi returned uninitialized object',
    'cp315-cp315t': 'SystemError: invalid PyModuleDef, extension possibly compiled for non-free-threaded Python',
}


@pytest.mark.parametrize('tag', FREE_THREADED)
def test_without_the_define_it_fails_and_check_says_why(
    tag: str, project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    python = windows_python.python(tag)
    directory = project('several-modules')
    support.replace(directory / 'multi.c', '#include "common.h"', '#undef Py_GIL_DISABLED\n#include "common.h"')
    refused = build(hook, directory, python, ok=False)
    assert refused.findings('error')[0] == 'wrong-object-layout'
    assert not refused.wheels
    wheel = build(hook, directory, python, verify='off').path
    checked, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    assert [(f.identifier, f.where) for f in checked.found if f.severity == 'error'] == [
        ('wrong-object-layout', f'multi.{tag.split("-")[1]}-win_amd64.pyd')]
    done = python.run('-c', 'import multi', path=[support.unpack(wheel, tmp_path / 'unpacked')])
    assert done.returncode == 1
    assert WITHOUT_DEFINE[tag] in done.stderr


def test_one_abi3t_wheel_for_both_builds_of_3_15(
    project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    wheels = []
    for tag in ('cp315-cp315', 'cp315-cp315t'):
        python = windows_python.python(tag)
        result = build(hook, project('limited-315-abi3t').rename(tmp_path / tag), python)
        assert result.path.name == 'limited_315_abi3t-1.0-cp315-abi3.abi3t-win_amd64.whl'
        wheels.append(result.path)
        checked, = checker.check([os.fspath(result.path)], scanner.load(), subjects.Options())
        assert checked.found == ()
        module, = checked.modules
        assert module.facts is not None
        assert 'python3t.dll' in module.facts.needed
        assert not any('python31' in name for name in module.facts.needed)
    for number, wheel in enumerate(wheels):
        directory = support.unpack(wheel, tmp_path / f'unpacked-{number}')
        for tag in ('cp315-cp315', 'cp315-cp315t'):
            done = windows_python.python(tag).run(
                '-W', 'error', '-c', 'import sys, limited_315_abi3t as m; print(m.answer(), sys._is_gil_enabled())',
                path=[directory])
            assert done.stdout.split() == ['42', str(tag == 'cp315-cp315')], done.stderr


def test_abi3_wheel_of_3_15_works_in_3_14(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    wheel = build(hook, project('many'), windows_python.python('cp315-cp315')).path
    assert wheel.name == 'many-1.0-cp39-abi3-win_amd64.whl'
    # mesonbuild/meson#15172: such modules must not need python315.dll.
    checked, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    for module in checked.modules:
        assert module.facts is not None
        assert [name for name in module.facts.needed if 'python' in name] == ['python3.dll']
    directory = support.unpack(wheel, tmp_path / 'unpacked')
    for tag in GIL:
        done = windows_python.python(tag).run(
            '-W', 'error', '-c', 'from many import first, second, third; print(first.answer(), third.answer())',
            path=[directory])
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.split()) == 2


def test_limited_api_with_a_library_that_sees_python(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """mesonbuild/meson#15172: Meson alone names python315.lib as well, and which one wins is chance."""
    result = build(hook, project('helper-with-define'), windows_python.python('cp315-cp315'), **{'build-dir': 'b'})
    assert result.path.name == 'helper_with_define-1.0-cp39-abi3-win_amd64.whl'
    assert result.findings() == []
    assert 'python315' not in (result.project / 'b' / 'build.ninja').read_text()
    assert 'modules are linked to python3, the library of abi3, and to nothing else of Python' in result.stdout
    done = windows_python.python('cp314-cp314').run(
        '-W', 'error', '-c', 'import helper_with_define as m; print(m.answer())',
        path=[support.unpack(result.path, tmp_path / 'unpacked')])
    assert done.stdout.strip() == '42', done.stderr


def test_full_api_in_a_library_of_a_limited_module(project: Copy, hook: Hook) -> None:
    """Whether the linker or the check finds it, the cause is named."""
    result = build(hook, project('helper-without-define'), windows_python.python('cp315-cp315'), ok=False)
    assert 'object-without-limited-api' in result.findings()


def test_library_of_the_compiler_that_no_windows_has(project: Copy, hook: Hook) -> None:
    """C++ is linked statically by default; who links it otherwise is told what is missing."""
    python = windows_python.python('cp314-cp314t')
    directory = project('several-modules')
    with open(directory / 'plusplus.cpp', 'a') as file:
        file.write('#include <stdexcept>\nvoid fail(const char *what);\n'
                   'void fail(const char *what) { throw std::runtime_error(what); }\n')
    assert build(hook, directory, python).findings() == []
    result = build(hook, directory, python, **{'setup-args': '-Dcpp_link_args=-Wl,-O1'})
    assert result.findings() == ['runtime-library-missing']
    assert 'libstdc++-6.dll' in result.stderr
    done = python.run('-c', 'import plusplus', path=[support.unpack(result.path, result.output / 'unpacked')])
    assert 'ImportError: DLL load failed while importing plusplus' in done.stderr


def test_linker_flags_of_the_environment_are_kept(project: Copy, hook: Hook) -> None:
    directory = project('plain')
    result = hook(BUILDER, 'build_wheel', directory, environment={'LDFLAGS': '-Wl,--build-id=none -Wl,-O2'}, config={
        'target': os.fspath(windows_python.python('cp314-cp314t').prefix), 'build-dir': 'b'})
    assert result.status == 0, result.text
    text = (directory / 'b' / 'build.ninja').read_text()
    assert '-static -Wl,--build-id=none -Wl,-O2' in text


def test_import_libraries_can_be_kept(project: Copy, hook: Hook) -> None:
    directory = project('many')
    support.replace(directory / 'pyproject.toml', 'abi3t = true', 'import-libraries = true')
    wheel = build(hook, directory, windows_python.python('cp314-cp314t')).path
    with zipfile.ZipFile(wheel) as archive:
        assert sum(name.endswith('.dll.a') for name in archive.namelist()) == 3


def test_import_library_of_a_library_is_kept(project: Copy, hook: Hook) -> None:
    """Others may link to it; those of modules are left out, and the build says so."""
    directory = project('plain')
    with open(directory / 'meson.build', 'a') as file:
        file.write("shared_library('core', 'core.c', install: true, install_dir: py.get_install_dir() / 'core')\n")
    (directory / 'core.c').write_text('__declspec(dllexport) int core(void);\nint core(void) { return 1; }\n')
    support.add_settings(directory, '[tool.meson-python]\nallow-windows-internal-shared-libs = true')
    result = build(hook, directory, windows_python.python('cp314-cp314t'))
    with zipfile.ZipFile(result.path) as archive:
        names = {name for name in archive.namelist() if '.dist-info/' not in name}
    assert {name.rpartition('/')[2] for name in names} == {
        'plain.cp314t-win_amd64.pyd', 'libcore.dll', 'libcore.dll.a'}
    assert '  left out  plain.cp314t-win_amd64.dll.a: an import library, which only a linker uses' in result.stdout


def test_pip_inside_windows_installs_it(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    python = windows_python.python('cp314-cp314t')
    wheel = build(hook, project('several-modules'), python).path
    # That Python comes without pip: the one of the tests' environment serves.
    pip = tmp_path / 'pip'
    subprocess.run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '-d', pip, 'pip'], check=True)
    archive, = pip.glob('*.whl')
    installed = tmp_path / 'installed'
    done = python.run(
        '-m', 'pip', 'install', '--no-index', '--find-links', windows_python.windows_path(wheel.parent),
        '--target', windows_python.windows_path(installed), 'several-modules', path=[archive])
    assert 'Successfully installed several-modules-1.0' in done.stdout, done.stderr
    assert use(python, installed)['gil'] == [False, False]


def test_with_zig_instead_of_mingw(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    python = windows_python.python('cp314-cp314t')
    result = hook(BUILDER, 'build_wheel', project('many'), config={'target': os.fspath(python.prefix)},
                  environment={'CC': trees.zig(tmp_path, 'x86_64-windows-gnu')})
    directory = support.unpack(result.path, tmp_path / 'unpacked')
    done = python.run('-W', 'error', '-c', 'import sys, many.first; print(sys._is_gil_enabled())', path=[directory])
    assert done.stdout.split() == ['False'], done.stderr
