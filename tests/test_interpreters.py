# SPDX-License-Identifier: MIT
"""Interpreters are found, say what they are, and import modules in fresh processes."""

from __future__ import annotations

import os
import pathlib
import stat
import typing

import pytest
import support

from mesonbuild_ft import interpreters as interpreters_, suggestions, tags
from mesonbuild_ft.check import import_process
from mesonbuild_ft.diagnostics import BuildRefused


@pytest.mark.parametrize('tag', [*support.ALL, support.OLDEST], ids=support.short)
def test_probe(tag: str, interpreters: typing.Any) -> None:
    python = interpreters.get(tag)
    found = interpreters_.probe(python)
    assert found is not None
    assert found.tag == tag
    assert found.target.free_threaded is support.free_threaded(tag)
    assert found.executable == os.fspath(python)
    assert found.target.platform == support.PLATFORM
    assert f'{tag}-{support.PLATFORM}' in found.wheel_tags
    assert (f'cp39-abi3-{support.PLATFORM}' in found.wheel_tags) is (
        tag.startswith('cp') and not support.free_threaded(tag))


def test_all_of_the_machine_are_found(interpreters: typing.Any) -> None:
    found = {interpreter.tag for interpreter in interpreters_.find()}
    assert {tag for tag in support.ALL if tag in interpreters} <= found


def test_places(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, interpreters: typing.Any) -> None:
    """pyenv, uv and PATH; a name that leads to one that was found before is no second interpreter."""
    places = {'cp311-cp311': 'pyenv/versions/3.11/bin', 'cp314-cp314t': 'uv/cpython-3.14t/bin', 'cp312-cp312': 'path'}
    for tag, place in places.items():
        directory = tmp_path / place
        directory.mkdir(parents=True)
        # A script that starts it: the interpreter itself needs its own directory.
        script = directory / 'python3'
        script.write_text(f'#!/bin/sh\nexec {interpreters.get(tag)} "$@"\n')
        script.chmod(0o755)
        (directory / 'python').symlink_to('python3')
    not_executable = tmp_path / 'path' / 'python3.9'
    not_executable.write_text('')
    broken = tmp_path / 'path' / 'python3.8'
    broken.write_text('#!/bin/sh\nexit 3\n')
    broken.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path / "path"}{os.pathsep}/bin')
    monkeypatch.setenv('PYENV_ROOT', str(tmp_path / 'pyenv'))
    monkeypatch.setenv('UV_PYTHON_INSTALL_DIR', str(tmp_path / 'uv'))
    candidates = [p for p in interpreters_._candidates() if tmp_path in p.parents]
    assert sorted(p.relative_to(tmp_path).as_posix() for p in candidates) == [
        'path/python', 'path/python3.8', 'pyenv/versions/3.11/bin/python', 'uv/cpython-3.14t/bin/python']
    assert set(places) <= {i.tag for i in interpreters_.find()}


def test_named(tmp_path: pathlib.Path, interpreters: typing.Any) -> None:
    python = interpreters.get('cp314-cp314t')
    found, = interpreters_.find([str(python.parent.parent)])
    assert found.tag == 'cp314-cp314t'
    for name in ('no-such-python', str(tmp_path), str(tmp_path / 'missing')):
        with pytest.raises(BuildRefused, match='unusable-interpreter'):
            interpreters_.find([str(python), name])


@pytest.mark.parametrize('version', ['3.12', '3.14t', '3.15', 'pypy3.11'])
def test_by_version(version: str, interpreters: typing.Any) -> None:
    number = version.removeprefix('pypy').replace('.', '')
    interpreters.get(support.PYPY if 'pypy' in version else f'cp{number.rstrip("t")}-cp{number}')
    found, = interpreters_.find([version])
    assert tags.version_text(found.target.version[:2]) == version.rstrip('t').removeprefix('pypy')
    assert (found.target.implementation == 'pypy') == ('pypy' in version)
    assert found.target.free_threaded is version.endswith('t')
    with pytest.raises(BuildRefused, match=r'there is no CPython 3\.12t on this machine'):
        interpreters_.executable('3.12t')


#: As people write what is not there, and what is meant of 3.13, 3.14, 3.14t and PyPy 3.11.
NEAR: typing.Final = {
    'cp314t': '3.14t', 'cp314-cp314t': '3.14t', 'cp314': '3.14', '314t': '3.14t', 'python314': '3.14',
    'PYTHON3.14T': '3.14t', '3.14.7t': '3.14t', 'pyhton3.14': '3.14', 'pp311': 'pypy3.11', 'PyPy-3.11': 'pypy3.11',
    # The other build of a version, never another version.
    '3.13t': '3.13', 'cp313t': '3.13', '3.12': '', 'cp316': '', '3.11': '', 'pypy3.10': '', 'no-such-python': '',
    'cp316-cp316t': '', 'cp312-cp312': '', 'cp312m': '', '3.12td': '', 'python3.12-dbg': '', 'cp311-abi3': '',
    'cp315-abi3t': '', 'pp310-pypy310_pp73': '', 'python2.7': '',
}


def test_what_is_meant(interpreters: typing.Any) -> None:
    known = [interpreters_.probe(interpreters.get(tag)) for tag in (
        'cp313-cp313', 'cp314-cp314', 'cp314-cp314t', support.PYPY)]
    found = [one for one in known if one is not None]
    assert len(found) == 4
    assert {name: suggestions.interpreter(name, found) for name in NEAR} == NEAR
    with pytest.raises(BuildRefused, match=r'cp314t cannot be run, or is no Python 3: is 3\.14t meant\?'):
        interpreters_.find(['cp314t'])
    # A file that is not there is no misspelt version.
    assert interpreters_.meant('./cp314t', lambda _: found) == ''


@pytest.mark.parametrize(('path', 'name'), [
    ('one.abi3.so', 'one'), ('pkg/one.cpython-314t-x86_64-linux-gnu.so', 'pkg.one'), ('a/b/c.pyd', 'a.b.c'),
    ('pkg/__init__.cpython-311-x86_64-linux-gnu.so', 'pkg'), ('n-1.0.data/platlib/pkg/one.so', 'pkg.one'),
    ('n-1.0.data/purelib/one.so', 'one')])
def test_module_name(path: str, name: str) -> None:
    assert import_process.module_name(path) == name
    assert tags.module_parts(path)


def do_import(tag: str, built: typing.Any, project: str, builder: str, interpreters: typing.Any,
              tmp_path: pathlib.Path) -> list[import_process.Import]:
    wheel = built.wheel(project, builder)
    site = support.unpack(wheel, tmp_path / 'site')
    interpreter = interpreters_.probe(interpreters.get(tag))
    assert interpreter is not None
    return [import_process.import_module(interpreter, site, name) for name in sorted(support.modules(wheel))]


class TestImport:
    def test_gil_stays_off(self, built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
        found, = do_import('cp314-cp314t', built, 'plain', 'cp314-cp314t', interpreters, tmp_path)
        assert (found.module, found.error, found.gil_before, found.gil_after) == ('plain', '', False, False)
        assert found.warnings == ()
        assert found.blamed == ''

    def test_gil_comes_back(self, built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
        found, = do_import('cp314-cp314t', built, 'no-gil-declaration', 'cp314-cp314t', interpreters, tmp_path)
        assert (found.error, found.gil_before, found.gil_after) == ('', False, True)
        assert found.blamed == 'no_gil_declaration'
        assert found.warnings[0].startswith('The global interpreter lock (GIL) has been enabled')

    def test_with_the_gil(self, built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
        found, = do_import(support.OLDEST, built, 'limited', 'cp311-cp311', interpreters, tmp_path)
        assert (found.error, found.gil_before, found.gil_after, found.warnings) == ('', True, True, ())

    def test_error(self, built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
        """A wheel for another version: the interpreter does not find the module at all."""
        found, = do_import('cp313-cp313', built, 'plain', 'cp311-cp311', interpreters, tmp_path)
        assert found.error.startswith('ModuleNotFoundError')
        assert found.missing == 'plain'

    def test_missing_dependency(self, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
        package = tmp_path / 'package'
        package.mkdir()
        package.joinpath('__init__.py').write_text('import part_of_another_distribution.core\n')
        interpreter = interpreters_.probe(interpreters.get('cp314-cp314'))
        assert interpreter is not None
        found = import_process.import_module(interpreter, tmp_path, 'package')
        assert found.missing == 'part_of_another_distribution'
        # A part of the package itself is missing: nobody else can bring it.
        package.joinpath('__init__.py').write_text('import package.core\n')
        assert import_process.import_module(interpreter, tmp_path, 'package').missing == ''

    @pytest.mark.parametrize(('code', 'error'), [
        ('import os; os.abort()', 'the interpreter crashed (SIGABRT)'),
        ('import os; os._exit(7)', 'the interpreter ended with status 7'),
        ('raise SystemExit("enough")', 'SystemExit: enough'),
        ('print("x" * 100000); raise ValueError("ä\\n€")', 'ValueError: ä\n€')])
    def test_bad_endings(
        self, code: str, error: str, interpreters: typing.Any, tmp_path: pathlib.Path,
    ) -> None:
        tmp_path.joinpath('bad.py').write_text(code + '\n', encoding='utf-8')
        interpreter = interpreters_.probe(interpreters.get('cp314-cp314t'))
        assert interpreter is not None
        assert import_process.import_module(interpreter, tmp_path, 'bad').error == error

    def test_interpreter_that_is_gone(self, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
        interpreter = interpreters_.probe(interpreters.get('cp314-cp314'))
        assert interpreter is not None
        gone = interpreters_.Interpreter(str(tmp_path / 'gone'), interpreter.target)
        assert import_process.import_module(gone, tmp_path, 'any').error.startswith('the interpreter cannot be run')


def test_nothing_is_written_into_the_interpreter(interpreters: typing.Any) -> None:
    """A probe leaves no compiled files behind: manylinux images and system Pythons stay as they are."""
    python = interpreters.get('cp315-cp315t')
    prefix = pathlib.Path(os.path.realpath(python)).parent.parent
    before = {p: p.stat().st_mtime_ns for p in prefix.rglob('__pycache__') if stat.S_ISDIR(p.stat().st_mode)}
    assert interpreters_.probe(python) is not None
    assert {p: p.stat().st_mtime_ns for p in prefix.rglob('__pycache__')} == before
