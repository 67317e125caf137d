# SPDX-License-Identifier: MIT
"""Flags that a person gives survive beside ours, from each source that Meson knows, alone and together."""

from __future__ import annotations

import json
import pathlib
import shlex
import typing

import pytest
import support


class Given:
    """What is set for one build of the project `cpp`, which has C and C++ sources."""

    def __init__(self, project: pathlib.Path, python: pathlib.Path) -> None:
        self.project = project
        self.python = python
        self.setup_args: list[str] = []
        self.environment: dict[str, str | None] = {}

    def dash_d(self) -> None:
        self.setup_args += ['-Dc_args=-DBY_DASH_D_C -DBY_DASH_D_C_TWICE', '-Dcpp_args=-DBY_DASH_D_CPP']

    def pyproject(self) -> None:
        support.add_settings(
            self.project, '[tool.meson-python.args]\nsetup = ["-Dc_args=-DBY_PYPROJECT", "-Dcpp_args=-DBY_PYPROJECT"]')

    def native_file(self) -> None:
        # Values made of constants and +, as machine files may have them.
        self._machine_file('native', (
            "[constants]\ncommon = '-DBY_NATIVE'\n[built-in options]\n"
            "c_args = [common + '_FILE']\ncpp_args = ['-DBY_NATIVE_FILE']\n"))

    def named_native_file(self) -> None:
        # Found by its name, where a distribution or a person keeps such files.
        directory = self.project / 'data' / 'meson' / 'native'
        directory.mkdir(parents=True)
        directory.joinpath('ours').write_text(
            "[built-in options]\nc_args = '-DBY_NAMED_FILE'\ncpp_args = '-DBY_NAMED_FILE'\n", encoding='utf-8')
        self.environment['XDG_DATA_HOME'] = str(self.project / 'data')
        self.setup_args += ['--native-file', 'ours']

    def cross_file(self) -> None:
        self._machine_file('cross', (
            "[built-in options]\nc_args = ['-DBY_CROSS_FILE']\ncpp_args = ['-DBY_CROSS_FILE']\n"
            f"[binaries]\nc = 'cc'\ncpp = 'c++'\npython = '{self.python}'\n"
            "[properties]\nneeds_exe_wrapper = false\n"
            "[host_machine]\nsystem = 'linux'\ncpu_family = 'x86_64'\ncpu = 'x86_64'\nendian = 'little'\n"))

    def cflags(self) -> None:
        self.environment['CFLAGS'] = '-DBY_CFLAGS'

    def cxxflags(self) -> None:
        self.environment['CXXFLAGS'] = '-DBY_CXXFLAGS'

    def cppflags(self) -> None:
        self.environment['CPPFLAGS'] = '-DBY_CPPFLAGS'

    def default_options(self) -> None:
        support.replace(
            self.project / 'meson.build', "['cpp_std=c++11']",
            "['cpp_std=c++11', 'c_args=-DBY_DEFAULT_OPTIONS', 'cpp_args=-DBY_DEFAULT_OPTIONS']")

    def build(self, backend: str = 'mesonbuild_ft') -> dict[str, list[str]]:
        """Build; returns the words of the compile command of each source."""
        result = support.call_hook(
            self.python, 'build_wheel', self.project, backend=backend, environment=self.environment,
            config={'build-dir': f'build-{backend}', 'setup-args': self.setup_args})
        assert result.status == 0, result.text
        # Used by the compiler, and not only written down.
        commands = json.loads((self.project / f'build-{backend}' / 'compile_commands.json').read_text())
        return {pathlib.PurePath(entry['file']).name: shlex.split(entry['command']) for entry in commands}

    def _machine_file(self, kind: str, text: str) -> None:
        path = self.project / f'{kind}.ini'
        path.write_text(text, encoding='utf-8')
        self.setup_args.append(f'--{kind}-file={path}')


C, CPP = 'part.c', 'cpp.cpp'
#: The source of flags -> what it must give each language.
SOURCES: dict[str, dict[str, set[str]]] = {
    'dash_d': {C: {'-DBY_DASH_D_C', '-DBY_DASH_D_C_TWICE'}, CPP: {'-DBY_DASH_D_CPP'}},
    'pyproject': {C: {'-DBY_PYPROJECT'}, CPP: {'-DBY_PYPROJECT'}},
    'native_file': {C: {'-DBY_NATIVE_FILE'}, CPP: {'-DBY_NATIVE_FILE'}},
    'named_native_file': {C: {'-DBY_NAMED_FILE'}, CPP: {'-DBY_NAMED_FILE'}},
    'cflags': {C: {'-DBY_CFLAGS'}, CPP: set()},
    'cxxflags': {C: set(), CPP: {'-DBY_CXXFLAGS'}},
    'cppflags': {C: {'-DBY_CPPFLAGS'}, CPP: {'-DBY_CPPFLAGS'}},
    'default_options': {C: {'-DBY_DEFAULT_OPTIONS'}, CPP: {'-DBY_DEFAULT_OPTIONS'}},
}
CROSS: dict[str, set[str]] = {C: {'-DBY_CROSS_FILE'}, CPP: {'-DBY_CROSS_FILE'}}


def given(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith('-DBY_')}


def forced_includes(words: list[str]) -> list[str]:
    return [pathlib.PurePath(words[i + 1]).name for i, word in enumerate(words) if word == '-include']


@pytest.fixture
def make(project: typing.Any, interpreters: typing.Any) -> typing.Callable[..., Given]:
    def start(tag: str, *sources: str) -> Given:
        build = Given(project('cpp'), interpreters.get(tag))
        for source in sources:
            getattr(build, source)()
        return build
    return start


@pytest.mark.parametrize('source', SOURCES)
def test_one_source_survives_beside_ours(source: str, make: typing.Any) -> None:
    commands = make('cp315-cp315t', source).build()
    for file, wanted in SOURCES[source].items():
        assert given(commands[file]) == wanted
        assert forced_includes(commands[file]) == ['redirect_to_abi3t.h']


def test_cross_file_survives_beside_ours(make: typing.Any) -> None:
    commands = make('cp315-cp315t', 'cross_file').build()
    for file, wanted in CROSS.items():
        assert given(commands[file]) == wanted
        assert forced_includes(commands[file]) == ['redirect_to_abi3t.h']


@pytest.mark.parametrize('tag', ['cp315-cp315t', 'cp315-cp315'], ids=support.short)
def test_all_sources_together_survive_beside_ours(tag: str, make: typing.Any) -> None:
    build = make(tag, *SOURCES)
    if tag == 'cp315-cp315':
        # abi3t with the GIL comes from the command line.
        support.replace(build.project / 'meson.build', "limited_api: '3.9'", "limited_api: '3.15'")
    commands = build.build()
    for file in (C, CPP):
        assert given(commands[file]) == set().union(*(wanted[file] for wanted in SOURCES.values()))
        assert forced_includes(commands[file]) == ['redirect_to_abi3t.h']


def test_all_sources_survive_beside_the_forced_undefine(make: typing.Any) -> None:
    """The other flag of ours: meson.build writes -DPy_LIMITED_API, and the plan is the full API."""
    build = make('cp314-cp314t', *SOURCES)
    support.replace(
        build.project / 'meson.build', "'part.c',", "'part.c', c_args: ['-DPy_LIMITED_API=0x03090000'],")
    commands = build.build()
    for file in (C, CPP):
        assert given(commands[file]) == set().union(*(wanted[file] for wanted in SOURCES.values()))
        assert forced_includes(commands[file]) == ['undefine_limited_api.h']


@pytest.mark.parametrize('source', SOURCES)
def test_one_source_survives_an_ordinary_build(source: str, make: typing.Any) -> None:
    commands = make('cp312-cp312', source).build()
    for file, wanted in SOURCES[source].items():
        assert given(commands[file]) == wanted
        assert not forced_includes(commands[file])


def test_ordinary_build_has_the_flags_of_bare_meson_python(make: typing.Any) -> None:
    """Where nothing of ours is added, Meson's own precedence is left alone."""
    build = make('cp314-cp314', *SOURCES)
    ours, theirs = build.build(), build.build('mesonpy')
    for file in (C, CPP):
        assert given(ours[file]) == given(theirs[file])
        assert given(ours[file])


def test_order_is_meson_s_the_strongest_last(make: typing.Any) -> None:
    """With compilers the last flag wins: the command line must come after the environment."""
    build = make('cp315-cp315t')
    build.environment['CFLAGS'] = '-DLEVEL=1'
    build.setup_args.append('-Dc_args=-ULEVEL -DLEVEL=2')
    words = build.build()[C]
    assert [w for w in words if 'LEVEL' in w] == ['-DLEVEL=1', '-ULEVEL', '-DLEVEL=2']
