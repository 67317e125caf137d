# SPDX-License-Identifier: MIT
"""advice.h: what compilers say at each call that CPython's HOWTO on free threading names, and where they are silent."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import typing

import pytest
import support
import trees
from conftest import Interpreters
from support import FREE_THREADED, GIL
from test_headers import INCLUDE, SOURCES, WARNINGS, Api, include_dir

from mesonbuild_ft.diagnostics import IDENTIFIERS


COMPILERS: typing.Final = (('gcc', 'c11'), ('clang', 'c11'), ('g++', 'c++17'), ('clang++', 'c++17'))
ABI3T: typing.Final = [Api('cp315-cp315', 'abi3t', (3, 15)), Api('cp315-cp315t', 'abi3t', (3, 15))]
ADVISED: typing.Final = [*map(Api, FREE_THREADED), *ABI3T]
SOURCE: typing.Final = SOURCES / 'advice.c'
_MARK: typing.Final = re.compile(r'// (gcc:|advice-[a-z-]+) (\w+)$')
_SAID: typing.Final = re.compile(r'^(?P<file>[^:\n]+):(?P<line>\d+):\d+: (?:warning|error): (?P<what>.*)', re.MULTILINE)
_EXPANSION: typing.Final = re.compile(
    r'^(?P<file>\S+?):(?P<line>\d+):\d+: note: in expansion of macro', re.MULTILINE)

#: (line, what is said: an identifier with the function, or of what -Wmismatched-dealloc says, "gcc:" and the function).
Said = set[tuple[int, str]]


def wanted(api: Api, compiler: str) -> Said:
    """What the marks in the source say; functions that Python.h does not declare are left out by the preprocessor."""
    marks = {number: _MARK.search(line) for number, line in enumerate(SOURCE.read_text().splitlines(), 1)}
    return {(number, said) for number, said in ((number, f'{m[1]} {m[2]}') for number, m in marks.items() if m)
            if (said[:4] != 'gcc:' or compiler in ('gcc', 'g++')) and _declared(said.split()[-1], api)}


def _declared(name: str, api: Api) -> bool:
    old = ('PyWeakref_GetObject', 'PyWeakref_GET_OBJECT')
    full = ('PyDict_SetDefault', 'PyList_GET_ITEM', 'PySequence_Fast_GET_ITEM', 'PySequence_Fast_ITEMS', 'PyCell_GET',
            'PyModule_Create', 'PyModule_Create2', 'PyMem_Malloc', 'PyMem_Calloc', 'PyMem_RawMalloc', 'PyMem_RawCalloc')
    return not (name in old and api.oldest >= (3, 15)) and not (name in full and api.abi != 'full')


def command(api: Api, compiler: str, standard: str, python: str, *options: str) -> list[str]:
    return [compiler, f'-std={standard}', '-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wredundant-decls', '-c',
            f'-I{INCLUDE}', f'-I{python}', *api.defines, *options, *(['-x', 'c++'] if '++' in compiler else []),
            '-o', os.devnull]


def said(api: Api, compiler: str, standard: str, python: str, *options: str, source: pathlib.Path = SOURCE) -> str:
    """What the compiler says of a source; the test fails where it does not compile."""
    trees.need(compiler)
    done = subprocess.run([*command(api, compiler, standard, python, *options), source], capture_output=True, text=True,
                          env={**os.environ, 'LC_ALL': 'C'}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def places(text: str, source: pathlib.Path = SOURCE) -> Said:
    """Lines of the source with what is said of them; where G++ names a line of the header, that of the call."""
    found: Said = set()
    for match in _SAID.finditer(text):
        place = match
        if match['file'] != os.fspath(source):
            following = _SAID.search(text, match.end())
            notes = _EXPANSION.finditer(text, match.end(), following.start() if following else len(text))
            place = next(note for note in notes if note['file'] == os.fspath(source))
        advice = re.search(r'\[(advice-[a-z-]+)\] (\w+) .*: .* \[-Wdeprecated-declarations\]$',
                           match['what'])
        if advice is not None:
            found.add((int(place['line']), f'{advice[1]} {advice[2]}'))
            continue
        assert match['what'].endswith('[-Wmismatched-dealloc]'), match[0]
        function = re.search(r'note: returned from \W(?:void\* )?(\w+)', text[match.end():])
        assert function is not None
        found.add((int(place['line']), f'gcc: {function[1]}'))
    return found


@pytest.mark.parametrize('how', COMPILERS, ids=lambda how: how[0])
@pytest.mark.parametrize('api', ADVISED, ids=str)
def test_each_call_has_its_advice(api: Api, how: tuple[str, str], interpreters: Interpreters) -> None:
    python = include_dir(interpreters.get(api.tag))
    for options in (('-O0',), ('-O2', '-DNDEBUG'))[api.tag != 'cp314-cp314t':]:
        text = said(api, *how, python, *options)
        assert places(text) == wanted(api, how[0])
        once = [match[0] for match in _SAID.finditer(text)
                if '[advice-' in match[0] and match['file'] == os.fspath(SOURCE)]
        assert len(once) == len(set(once))


@pytest.mark.parametrize('how', COMPILERS[1:3], ids=lambda how: how[0])
@pytest.mark.parametrize('api', [
    *map(Api, GIL), Api('cp315-cp315', 'abi3', (3, 9)), Api('cp314-cp314', 'abi3', (3, 12))], ids=str)
def test_with_the_gil_nothing_is_said(api: Api, how: tuple[str, str], interpreters: Interpreters) -> None:
    python = include_dir(interpreters.get(api.tag))
    text = said(api, *how, python)
    assert '[advice-' not in text
    assert 'mismatched-dealloc' not in text


@pytest.mark.parametrize('how', COMPILERS, ids=lambda how: how[0])
@pytest.mark.parametrize('api', ADVISED, ids=str)
def test_headers_of_python_cause_none(api: Api, how: tuple[str, str], interpreters: Interpreters) -> None:
    """A module of other headers of ours, with what its own macros and functions of Python.h are made of."""
    compiler, standard = how
    trees.need(compiler)
    line = [compiler, f'-std={standard}', *WARNINGS, '-O2', '-fsyntax-only', f'-I{INCLUDE}',
            f'-I{include_dir(interpreters.get(api.tag))}', *api.defines, '-include', 'mesonbuild_ft/advice.h',
            '-DPY_SSIZE_T_CLEAN', *(['-x', 'c++'] if '++' in compiler else [])]
    done = subprocess.run([*line, SOURCES / 'other.c'], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.parametrize('how', COMPILERS[::3], ids=lambda how: how[0])
def test_kinds_are_switched_off_one_by_one(how: tuple[str, str], interpreters: Interpreters) -> None:
    api = Api('cp314-cp314t')
    python = include_dir(interpreters.get(api.tag))
    every = wanted(api, how[0])
    for kind in ('borrowed-reference', 'dict-next', 'allocation-domain', 'gil-state', 'single-phase'):
        left = {(line, what) for line, what in every if not what.startswith(f'advice-{kind} ')
                and not (kind == 'allocation-domain' and what.startswith('gcc:'))}
        assert left != every
        define = f'-DMBFT_ADVISE_{kind.upper().replace("-", "_")}=0'
        text = said(api, *how, python, define)
        if kind == 'borrowed-reference':
            # That it is deprecated since 3.13 is CPython's.
            text = '\n'.join(line for line in text.splitlines() if 'PyWeakref_G' not in line)
        assert places(text) == left


#: Each kind of advice that has code in a macro of Python.h.
MACROS: typing.Final = '''
#include <Python.h>
#ifdef ADVICE
#  include <mesonbuild_ft/advice.h>
#endif
#ifdef __cplusplus
extern "C"
#endif
PyObject *all(PyObject *o, Py_ssize_t i);
PyObject *all(PyObject *o, Py_ssize_t i)
{
    PyObject *one = PyList_GET_ITEM(o, i), *two = PySequence_Fast_GET_ITEM(one, i);
    PyObject **three = PySequence_Fast_ITEMS(two);
    return PyDict_GetItem(*three, PyCell_GET(PyList_GetItem(o, i)));
}
'''


@pytest.mark.parametrize('options', [('-O2', '-DNDEBUG'), ('-O2',)], ids=' '.join)
@pytest.mark.parametrize('how', COMPILERS, ids=lambda how: how[0])
def test_the_code_is_the_same(
    how: tuple[str, str], options: tuple[str, ...], interpreters: Interpreters, tmp_path: pathlib.Path,
) -> None:
    """With and without advice, the same instructions and texts, those of assert() too."""
    api = Api('cp314-cp314t')
    trees.need(how[0], 'objdump')
    (tmp_path / 'source.c').write_text(MACROS)
    text = []
    for define in ('-DADVICE', '-UADVICE'):
        path = tmp_path / f'{define[1]}.o'
        line = command(api, *how, include_dir(interpreters.get(api.tag)), *options, define)
        subprocess.run([*line[:-1], path, 'source.c'], check=True, capture_output=True, cwd=tmp_path)
        dump = subprocess.run(
            ['objdump', '-dr', path],
            check=True, capture_output=True, text=True).stdout
        assert 'PyDict_GetItem' in dump
        # Where a text stands among the data may differ.
        text.append(re.sub(r'\t(?:\.|__PRETTY_FUNCTION__)\S+| # .*|<\.\S+>', '', dump.replace(os.fspath(path), '')))
        assert b'advice.h' not in path.read_bytes()
    assert text[0] == text[1]


@pytest.mark.parametrize('how', COMPILERS[2:], ids=lambda how: how[0])
def test_it_has_no_casts_of_c_in_cpp(how: tuple[str, str], interpreters: Interpreters, tmp_path: pathlib.Path) -> None:
    """Where Python's own, which has, is a header of the system."""
    trees.need(how[0])
    source = tmp_path / 'source.cpp'
    source.write_text(f'{MACROS}int old(double number);\nint old(double number) {{ return (int)number; }}\n')
    python = include_dir(interpreters.get('cp314-cp314t'))
    for define in ('-DNDEBUG', '-UNDEBUG'):
        done = subprocess.run(
            [how[0], f'-std={how[1]}', '-fsyntax-only', '-Wold-style-cast', f'-I{INCLUDE}', f'-isystem{python}',
             '-DADVICE', define, source], capture_output=True, text=True, env={**os.environ, 'LC_ALL': 'C'}, check=True)
        assert 'advice-borrowed-reference' in done.stderr
        assert done.stderr.count('[-Wold-style-cast]') == 1, done.stderr


PAGES: typing.Final = sorted(support.ROOT.glob('docs/reference/diagnostics/advice-*.md'))


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
@pytest.mark.parametrize('tag', ['cp313-cp313t', 'cp315-cp315t'], ids=support.short)
def test_pages_have_wrong_and_right_code(page: pathlib.Path, tag: str, interpreters: Interpreters) -> None:
    assert len(PAGES) == len([name for name in IDENTIFIERS if name.startswith('advice-')])
    wrong, right = re.findall(r'^```c\n(.*?)^```$', page.read_text(encoding='utf-8'), re.MULTILINE | re.DOTALL)
    for code, identifiers in ((wrong, {page.stem}), (right, set())):
        for compiler in ('gcc', 'clang'):
            trees.need(compiler)
            done = subprocess.run(
                [compiler, '-Wall', '-Wextra', '-Wno-unused-function', '-fsyntax-only', f'-I{INCLUDE}',
                 f'-I{include_dir(interpreters.get(tag))}', '-x', 'c', '-'], capture_output=True, text=True, check=True,
                input=f'#include <mesonbuild_ft/advice.h>\n{code}', env={**os.environ, 'LC_ALL': 'C'})
            assert set(re.findall(r'warning: .*?\[(.*?)\]', done.stderr)) == identifiers


#: Sections of CPython's HOWTO whose projects call what has advice, and how often before and after.
HOWTO: typing.Final = {
    'borrowed-references': ('advice-borrowed-reference', 1, 0), 'list-macros': ('advice-borrowed-reference', 1, 0),
    'memory-allocation': ('advice-allocation-domain', 1, 0), 'object-domain': ('advice-allocation-domain', 1, 0),
    # What makes these calls right stands beside them, where no attribute sees it.
    'dict-traversal': ('advice-dict-next', 1, 1), 'single-phase': ('advice-single-phase', 1, 1),
    'threads-from-c': ('advice-gil-state', 0, 1),
}


def test_it_points_at_what_goes_wrong(interpreters: Interpreters) -> None:
    """In the projects of examples/howto, which are shown to go wrong, and not to."""
    found = {}
    for path in sorted(support.ROOT.glob('examples/howto/*/*/*.c')):
        text = said(Api('cp314-cp314t'), 'gcc', 'c11', include_dir(interpreters.get('cp314-cp314t')), '-include',
                    'mesonbuild_ft/advice.h', '-fsyntax-only', source=path)
        for identifier in re.findall(r'warning: .*\[(advice-[a-z-]+)\]', text):
            key = path.parent.parent.name, identifier, path.parent.name
            found[key] = found.get(key, 0) + 1
    assert found == {
        (name, identifier, state): count for name, (identifier, *counts) in HOWTO.items()
        for state, count in zip(('before', 'after'), counts, strict=True) if count}
