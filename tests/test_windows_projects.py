# SPDX-License-Identifier: MIT
"""More projects that are built here for Windows and run there under Wine: Cython, and several limited-API modules."""

from __future__ import annotations

import json
import os
import pathlib
import typing

import pytest
import support
import windows_python
from conftest import Hook
from test_windows import BUILDER, SIZES, Copy, build, gil_defines

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker, subjects


pytestmark = pytest.mark.usefixtures('wine')

#: Count in four threads; print the state of the GIL, the warnings, how it was compiled, and the count.
USE_CYTHON: typing.Final = """
import json, sys, threading, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    import cython_counter
counter = cython_counter.Counter()
threads = [threading.Thread(target=counter.add, args=(5000,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([getattr(sys, '_is_gil_enabled', lambda: True)(), [str(w.message) for w in caught],
                  cython_counter.compiled(), counter.add(1)]))
"""


@pytest.mark.parametrize('tag', ['cp313-cp313t', 'cp314-cp314t', 'cp315-cp315t', 'cp315-cp315'])
def test_cython(tag: str, project: Copy, hook: Hook, cython: dict[str, str], tmp_path: pathlib.Path) -> None:
    """The define reaches the C that Cython writes."""
    python = windows_python.python(tag)
    directory = project('cython')
    result = hook(BUILDER, 'build_wheel', directory, environment=cython,
                  config={'target': os.fspath(python.prefix), 'build-dir': 'b'})
    assert result.path.name == f'cython_counter-1.0-{tag}-win_amd64.whl'
    assert result.findings() == []
    free_threaded = support.free_threaded(tag)
    assert gil_defines(directory / 'b')['cython_counter.pyx.c'] == ('-DPy_GIL_DISABLED=1',) * free_threaded
    done = python.run('-c', USE_CYTHON, path=[support.unpack(result.path, tmp_path / 'unpacked')])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [not free_threaded, [], [int(free_threaded), SIZES[free_threaded]], 20001]


def test_define_of_one_module_is_no_define_of_all(project: Copy, hook: Hook, cython: dict[str, str]) -> None:
    """An author who followed the HOWTO in one C file; what Cython writes is no source of meson.build."""
    directory = project('cython')
    (directory / 'plain.c').write_text((support.PACKAGES / 'plain' / 'plain.c').read_text())
    with open(directory / 'meson.build', 'a') as file:
        file.write("py.extension_module('plain', 'plain.c', c_args: '-DPy_GIL_DISABLED=1', install: true)\n")
    result = hook(BUILDER, 'build_wheel', directory, environment=cython, config={
        'target': os.fspath(windows_python.python('cp314-cp314t').prefix), 'build-dir': 'b'})
    assert result.path.name == 'cython_counter-1.0-cp314-cp314t-win_amd64.whl'
    assert result.findings() == []
    assert gil_defines(directory / 'b')['cython_counter.pyx.c'] == ('-DPy_GIL_DISABLED=1',)


LIMITED: typing.Final = ('first', 'plusplus', 'second')
#: Print the state of the GIL, and of each module how it was compiled, and how its library:
#: whether with the limited API, and the value of Py_GIL_DISABLED.
USE_LIMITED: typing.Final = """
import json, sys, first, plusplus, second
print(json.dumps([getattr(sys, '_is_gil_enabled', lambda: True)(),
                  [module.compiled() for module in (first, plusplus, second)]]))
"""
#: The sources of the project that include Python.h.
SOURCES: typing.Final = ('first.c', 'helper.c', 'plushelper.cpp', 'plusplus.cpp', 'second.c', 'sizes.c')


def use_limited(tag: str, directory: pathlib.Path) -> typing.Any:
    done = windows_python.python(tag).run('-W', 'error', '-c', USE_LIMITED, path=[directory])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_several_limited_modules_of_3_15_work_in_3_14(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    directory = project('several-limited')
    result = build(hook, directory, windows_python.python('cp315-cp315'), **{'build-dir': 'b'})
    assert result.path.name == 'several_limited-1.0-cp39-abi3-win_amd64.whl'
    assert sorted(support.modules(result.path).values()) == [f'{name}.pyd' for name in LIMITED]
    assert result.findings() == []
    assert gil_defines(directory / 'b') == dict.fromkeys(SOURCES, ())
    checked, = checker.check([os.fspath(result.path)], scanner.load(), subjects.Options())
    assert checked.found == ()
    for module in checked.modules:
        assert module.facts is not None
        # Their libraries include Python.h, and depend on no other one than the modules.
        assert [name for name in module.facts.needed if 'python' in name] == ['python3.dll']
    unpacked = support.unpack(result.path, tmp_path / 'unpacked')
    for tag in ('cp314-cp314', 'cp315-cp315'):
        assert use_limited(tag, unpacked) == [True, [[[1, 0], [1, 0]]] * 3]


@pytest.mark.parametrize('tag', ['cp313-cp313t', 'cp314-cp314t', 'cp315-cp315t'])
def test_several_limited_modules_fall_back_to_the_full_api(
    tag: str, project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    """With werror=true: the define comes once, and Py_LIMITED_API, which meson.build gives the libraries, goes."""
    directory = project('several-limited')
    result = build(hook, directory, windows_python.python(tag), **{'build-dir': 'b'})
    assert result.path.name == f'several_limited-1.0-{tag}-win_amd64.whl'
    assert sorted(support.modules(result.path).values()) == [
        f'{name}.{support.short(tag)}-win_amd64.pyd' for name in LIMITED]
    assert result.findings() == []
    assert gil_defines(directory / 'b') == dict.fromkeys(SOURCES, ('-DPy_GIL_DISABLED=1',))
    unpacked = support.unpack(result.path, tmp_path / 'unpacked')
    assert use_limited(tag, unpacked) == [False, [[[0, 1], [0, 1]]] * 3]
