# SPDX-License-Identifier: MIT
"""The C headers for Windows: by MinGW, run in Windows Pythons under Wine, and in the syntax of MSVC."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import typing

import pytest
import support
import test_advice
import trees
import windows_python
from test_headers import INCLUDE, SOURCES, WARNINGS, Api


TAGS: typing.Final = ('cp313-cp313t', 'cp314-cp314', 'cp314-cp314t', 'cp315-cp315', 'cp315-cp315t')
APIS: typing.Final = [
    *map(Api, TAGS), Api('cp314-cp314', 'abi3', (3, 9)), Api('cp315-cp315', 'abi3', (3, 9)),
    Api('cp315-cp315', 'abi3t', (3, 15)), Api('cp315-cp315t', 'abi3t', (3, 15))]
_MINGW: typing.Final = 'x86_64-w64-mingw32'


def defines(api: Api) -> list[str]:
    """Windows' pyconfig.h serves both builds, and does not say that there is no GIL."""
    return api.defines + (['-DPy_GIL_DISABLED=1'] if support.free_threaded(api.tag) and api.abi == 'full' else [])


@pytest.mark.usefixtures('wine')
@pytest.mark.parametrize('compiler', ['gcc', 'g++'])
@pytest.mark.parametrize('api', APIS, ids=str)
def test_mingw(api: Api, compiler: str, tmp_path: pathlib.Path) -> None:
    """The same as on Linux, threads included."""
    prefix = windows_python.python(api.tag).prefix
    library = {'full': api.tag.split('-')[1].replace('cp', 'python'), 'abi3': 'python3', 'abi3t': 'python3t'}[api.abi]
    path = tmp_path / 'everything.pyd'
    command = [
        f'{_MINGW}-{compiler}-posix', '-std=c11' if compiler == 'gcc' else '-std=c++17', *WARNINGS, '-O2', '-shared',
        # GCC 12 says of MinGW's own intrinsics header that they read out of bounds.
        '-Wno-array-bounds', '-static', f'-I{INCLUDE}', f'-I{prefix / "include"}', *defines(api),
        *(['-x', 'c++'] if compiler == 'g++' else []), SOURCES / 'everything.c', '-x', 'none', '-o', path,
        prefix / 'libs' / f'{library}.lib']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
    serves = [tag for tag in TAGS if tag in api.serves]
    assert api.tag in serves
    for tag in serves:
        wanted = {'modules': [['everything', windows_python.windows_path(path)]], 'threads': 4, 'rounds': 500}
        ran = windows_python.python(tag).run(
            windows_python.windows_path(SOURCES / 'use_headers.py'), json.dumps(wanted))
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)['gil'] is not support.free_threaded(tag)


@pytest.mark.parametrize('standard', ['c11', 'c++17'])
@pytest.mark.parametrize('api', APIS, ids=str)
@pytest.mark.parametrize('source', ['everything', 'other'])
def test_syntax_of_msvc(source: str, api: Api, standard: str) -> None:
    assert as_msvc(source, api, standard, '/WX') == (0, '')


@pytest.mark.parametrize('compiler', ['gcc', 'g++'])
@pytest.mark.parametrize('tag', ['cp313-cp313t', 'cp314-cp314t', 'cp315-cp315t'], ids=support.short)
def test_advice_of_mingw(tag: str, compiler: str) -> None:
    include = trees.tree(trees.WINDOWS, f'{tag}-win_amd64') / 'include'
    said = test_advice.said(
        Api(tag), f'{_MINGW}-{compiler}-posix', 'c11' if compiler == 'gcc' else 'c++17', os.fspath(include),
        '-DPy_GIL_DISABLED=1', '-Wno-array-bounds', '-O2')
    assert test_advice.places(said) == test_advice.wanted(Api(tag), compiler)


@pytest.mark.parametrize('standard', ['c11', 'c++17'])
@pytest.mark.parametrize('api', [*map(Api, TAGS[1:3]), APIS[-1]], ids=str)
def test_advice_of_msvc(api: Api, standard: str) -> None:
    """Each call has its warning, which cl.exe calls C4996 and clang -Wdeprecated-declarations."""
    status, said = as_msvc('advice', api, standard)
    assert status == 0, said
    found = set()
    for match in re.finditer(r'([\w.]+)\((\d+),.*warning: .*: \[(advice-[\w-]+)\] (\w+) .*Wdeprecated-decl.*', said):
        assert match[1] == 'advice.c'
        found.add((int(match[2]), f'{match[3]} {match[4]}'))
    assert found == (test_advice.wanted(api, 'cl') if api.may_lack_gil else set())


def as_msvc(source: str, api: Api, standard: str, *options: str) -> tuple[int, str]:
    """cl.exe's own branches of the headers, read by clang in its clang-cl mode, which knows MSVC's preprocessor."""
    trees.need('clang', f'{_MINGW}-gcc')
    prefix = trees.tree(trees.WINDOWS, f'{api.tag}-win_amd64')
    folders = [f'/usr/{_MINGW}/include', os.fspath(prefix / 'include')]
    if standard != 'c11':
        headers = next(pathlib.Path('/usr/lib/gcc', _MINGW).glob('*-posix/include/c++'))
        folders = [os.fspath(headers), os.fspath(headers / _MINGW), *folders]
    command = [
        'clang', '--driver-mode=cl', '--target=x86_64-pc-windows-msvc', '-fms-compatibility-version=19.40', '/Zs',
        '/W4', *options, '/TC' if standard == 'c11' else '/TP', f'/std:{standard}',
        *(f'/clang:-isystem{folder}' for folder in folders),
        # For the headers of MinGW, which are not meant for MSVC; as_msvc.c takes __GNUC__ back.
        '/D__GNUC__=12', '/D__GNUC_MINOR__=2', '/D_PID_T_', '/D__STRICT_ANSI__',
        *(define.replace('-D', '/D') for define in defines(api)), f'/D{source.upper()}',
        # A path that begins with /w would be an option.
        f'-I{INCLUDE}', '--', os.fspath(SOURCES / 'as_msvc.c')]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr
