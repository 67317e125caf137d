# SPDX-License-Identifier: MIT
"""The backend run *by* Windows interpreters under Wine, with stand-ins for MSVC and clang-cl.

Real: Python, Meson, ninja, mesonbuild-ft and its scanner, all Windows programs; the modules are imported afterwards.
Stand-ins: cl, link, lib, clang-cl, lld-link and llvm-lib, see windows_compilers.py.
"""

from __future__ import annotations

import json
import pathlib
import typing

import pytest
import support
import windows_compilers
import windows_native
import windows_python
from conftest import Hook

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker, subjects


Copy = typing.Callable[[str], pathlib.Path]
Native = typing.Callable[[str, str], tuple[windows_native.NativePython, windows_compilers.Compilers]]
#: A path as people have them.
FOLDER: typing.Final = 'mit Ä und Leerzeichen'
USE: typing.Final = 'import sys, multi, single, plusplus, helped; print(helped.count(1)); '
DEFINES: typing.Final = {'-DPy_GIL_DISABLED', '/DPy_GIL_DISABLED', '-DPy_GIL_DISABLED=1', '/DPy_GIL_DISABLED=1'}


@pytest.fixture(scope='module', autouse=True)
def _wine() -> typing.Iterator[None]:
    windows_native.need()
    yield
    windows_python.stop_wine()


@pytest.fixture
def native(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Native:
    """native(tag, compiler): a Windows interpreter that builds with that compiler, and its calls."""
    def make(tag: str, compiler: str) -> tuple[windows_native.NativePython, windows_compilers.Compilers]:
        compilers = windows_compilers.Compilers(compiler, tmp_path / FOLDER / 'programs')
        compilers.__enter__()
        request.addfinalizer(lambda: compilers.__exit__())
        return windows_native.NativePython(tag, compilers), compilers
    return make


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Copy:
    (tmp_path / FOLDER).mkdir()
    return lambda name: support.copy_project(name, tmp_path / FOLDER)


def imported(python: windows_python.WindowsPython, wheel: pathlib.Path, code: str) -> list[str]:
    directory = support.unpack(wheel, wheel.with_suffix(''))
    done = python.run('-W', 'error', '-c', code, path=[directory])
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def libraries(words: typing.Iterable[str]) -> list[str]:
    """The import libraries of Python among the arguments of a linker."""
    names = (word.rpartition('\\')[2] for word in words if word.endswith('.lib') and not word.startswith('/'))
    return [name for name in names if name.startswith('python3')]


def facts_of(wheel: pathlib.Path) -> list[typing.Any]:
    """What the scanner says of the modules of a wheel that check finds nothing wrong with."""
    checked, = checker.check([str(wheel)], scanner.load(), subjects.Options())
    assert checked.found == ()
    return [module.facts for module in checked.modules]


def test_define_reaches_every_source_of_a_free_threaded_target(native: Native, project: Copy) -> None:
    """Also those of a library without py.dependency(), for which Meson itself defines nothing."""
    here, compilers = native('cp314-cp314t', 'cl')
    directory = project('several-modules')
    support.replace(directory / 'meson.build', "'helper.c', dependencies: py.dependency()",
                    "'helper.c', include_directories: include_directories(py.get_path('include'))")
    result = here.build_wheel(directory)
    assert result.path.name == 'several_modules-1.0-cp314-cp314t-win_amd64.whl'
    assert result.findings() == []
    compiled = [call.arguments for call in compilers.calls if call.compiles and '/showIncludes' in call.arguments]
    sources = {words[-1].rpartition('/')[2]: words for words in compiled if 'incdetect.c' not in words}
    assert sorted(sources) == ['helped.c', 'helper.c', 'multi.c', 'plusplus.cpp', 'single.c', 'sizes.c']
    for words in sources.values():
        assert '/DPy_GIL_DISABLED=1' in words
        assert {word for word in words if 'Py_GIL_DISABLED' in word} <= DEFINES
    linked = [call.arguments for call in compilers.calls if call.program == 'link' and '/DLL' in call.arguments]
    assert len(linked) == 4
    for words in linked:
        assert libraries(words) == ['python314t.lib']
    assert imported(here.python, result.path, USE + 'print(sys._is_gil_enabled())') == ['1', 'False']


def test_mingw_on_windows(native: Native, project: Copy) -> None:
    here, compilers = native('cp314-cp314t', 'gcc')
    result = here.build_wheel(project('several-modules'), {'setup-args': '-Dcpp_link_args=-static'})
    assert result.path.name == 'several_modules-1.0-cp314-cp314t-win_amd64.whl'
    assert result.findings() == []
    compiled = {call.arguments[-1].rpartition('/')[2]: call.arguments for call in compilers.calls
                if '-MF' in call.arguments and '-c' in call.arguments}
    assert sorted(compiled) == ['helped.c', 'helper.c', 'multi.c', 'plusplus.cpp', 'single.c', 'sizes.c']
    for words in compiled.values():
        assert len({'-DPy_GIL_DISABLED', '-DPy_GIL_DISABLED=1'} & set(words)) == 1
    assert imported(here.python, result.path, USE + 'print(sys._is_gil_enabled())') == ['1', 'False']


def test_build_of_the_packaging_authority(native: Native, project: Copy) -> None:
    """Without isolation: this Python has neither pip nor TLS to fetch anything with."""
    here, _ = native('cp314-cp314t', 'gcc')
    directory = project('limited-abi3t')
    done = here.run('build', '--wheel', '--no-isolation', '--skip-dependency-check', cwd=directory, timeout=600)
    assert 'Successfully built limited_abi3t-1.0-cp314-cp314t-win_amd64.whl' in done.stdout, done.stdout + done.stderr
    wheel, = (directory / 'dist').glob('*.whl')
    assert imported(here.python, wheel, 'import sys, limited_abi3t as m; print(m.answer(), sys._is_gil_enabled())'
                    ) == ['42', 'False']


def test_limited_api_with_a_library_that_sees_python(native: Native, project: Copy) -> None:
    """mesonbuild/meson#15172: Meson alone names python314.lib as well, for the library."""
    here, compilers = native('cp314-cp314', 'cl')
    result = here.build_wheel(project('helper-with-define'))
    assert result.path.name == 'helper_with_define-1.0-cp39-abi3-win_amd64.whl'
    assert result.findings() == []
    words = next(call.arguments for call in compilers.calls if call.program == 'link' and '/DLL' in call.arguments)
    assert libraries(words) == ['python3.lib']
    assert not any('Py_GIL_DISABLED' in word for call in compilers.calls for word in call.arguments if call.compiles)
    facts, = facts_of(result.path)
    assert [name for name in facts.needed if name.startswith('python')] == ['python3.dll']
    for tag in ('cp314-cp314', 'cp315-cp315'):
        assert imported(windows_python.python(tag), result.path,
                        'import helper_with_define as m; print(m.answer())') == ['42']


@pytest.mark.parametrize(('tag', 'compiler', 'name'), [
    ('cp315-cp315t', 'clang-cl', 'limited-abi3t'), ('cp315-cp315', 'cl', 'limited-315-abi3t')])
def test_abi3t(tag: str, compiler: str, name: str, native: Native, project: Copy) -> None:
    """Redirected by a forced include, and linked to python3t.lib by a Python with the GIL too."""
    here, compilers = native(tag, compiler)
    result = here.build_wheel(project(name))
    module = name.replace('-', '_')
    assert result.path.name == f'{module}-1.0-cp315-abi3.abi3t-win_amd64.whl'
    assert result.findings() == []
    if name == 'limited-abi3t':
        compiled = [call.arguments for call in compilers.calls if call.compiles and f'{module}.c' in call.arguments[-1]]
        assert any(word.startswith('/FI') and FOLDER in word and word.endswith('redirect_to_abi3t.h')
                   for word in compiled[-1])
    facts, = facts_of(result.path)
    assert [name for name in facts.needed if name.startswith('python')] == ['python3t.dll']
    for other in ('cp315-cp315', 'cp315-cp315t'):
        assert imported(windows_python.python(other), result.path,
                        f'import sys, {module} as m; print(m.answer(), sys._is_gil_enabled())'
                        ) == ['42', str(other == 'cp315-cp315')]


@pytest.mark.parametrize(('compiler', 'name'), [('cl', 'helper-without-define'), ('clang-cl', 'helper-defines-itself')])
def test_sources_are_preprocessed_by_microsoft_s_compilers_too(
    compiler: str, name: str, native: Native, project: Copy,
) -> None:
    """Whether an object of the stable ABI saw Py_LIMITED_API, only its compiler can tell."""
    here, compilers = native('cp314-cp314', compiler)
    result = here.build_wheel(project(name))
    assert any('/EP' in call.arguments and call.arguments[-1].startswith('mesonbuild_ft_value')
               for call in compilers.calls)
    assert '  unknown ' not in result.stdout
    if name == 'helper-defines-itself':
        assert result.path.name == 'helper_defines_itself-1.0-cp39-abi3-win_amd64.whl'
    else:
        assert result.status
        assert 'object-without-limited-api' in result.findings()
        assert not result.wheels


def test_without_the_define_it_is_refused(native: Native, project: Copy) -> None:
    here, _ = native('cp314-cp314t', 'clang-cl')
    directory = project('plain')
    source, = directory.glob('*.c')
    source.write_text('#undef Py_GIL_DISABLED\n' + source.read_text())
    result = here.build_wheel(directory)
    assert result.findings('error')[0] == 'wrong-object-layout'
    assert not result.wheels


@pytest.mark.parametrize('old', [False, True])
def test_check_imports_in_what_the_launcher_knows(
    old: bool, native: Native, hook: Hook, tmp_path: pathlib.Path, project: Copy,
) -> None:
    """The launcher is a stand-in, since no py.exe can be had here: it prints what those before and since 3.11 print."""
    here, compilers = native('cp314-cp314t', 'cl')
    known = {tag: windows_python.python(tag) for tag in ('cp314-cp314t', 'cp315-cp315t', 'cp315-cp315')}
    lines = [(f'-3.{tag[3:5]}-64  {{}} *' if old else f'-V:3.{tag[3:5]}[-64] *  {{}}').format(
        windows_python.windows_path(python.prefix / 'python.exe')) for tag, python in known.items()]
    compilers.add('py', ''.join(f' {line}\r\n' for line in lines))
    wheel = hook('cp311-cp311', 'build_wheel', project('limited-abi3t'),
                 config={'target': str(known['cp315-cp315t'].prefix)}).path
    done = here.run(
        'mesonbuild_ft', 'check', '--import', '--format', 'json', windows_python.windows_path(wheel), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    result, = json.loads(done.stdout)['results']
    assert result['findings'] == []
    # The wheel is for 3.15: 3.14 is left alone.
    assert {i['python_tag']: (i['gil_before'], i['gil_after'], i['error']) for i in result['imports']} == {
        'cp315-cp315t': (False, False, ''), 'cp315-cp315': (True, True, '')}


@pytest.mark.parametrize('compiler', ['cl', 'gcc'])
def test_headers_are_found_without_pkg_config(compiler: str, native: Native, project: Copy) -> None:
    here, _ = native('cp314-cp314t', compiler)
    result = here.build_wheel(project('with-headers'))
    assert 'Run-time dependency mesonbuild-ft found: YES' in result.stdout, result.text
    assert result.findings() == []
    assert imported(here.python, result.path, 'import sys, with_headers as m; print(m.answer(), sys._is_gil_enabled())'
                    ) == ['42', 'False']
