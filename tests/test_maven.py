# SPDX-License-Identifier: MIT
"""Interpreters as others build them: of Windows by MSVC, run under Wine, and of macOS, described and built for."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import typing

import maven
import pytest
import support
import test_descriptions
import test_windows
import trees
import windows_python
from conftest import Hook

from mesonbuild_ft import scanner, target as target_
from mesonbuild_ft.check import checker, subjects
from mesonbuild_ft.description import reader


BUILDER: typing.Final = 'cp311-cp311'
MACOS: typing.Final = [('arm64', 'aarch64'), ('x86_64', 'x86_64')]
Copy = typing.Callable[[str], pathlib.Path]


@pytest.fixture(scope='module')
def msvc(wine: None) -> windows_python.WindowsPython:
    """CPython 3.14.3 as MSVC builds it."""
    trees.need('wine', 'wineserver')
    return windows_python.WindowsPython(maven.tree('windows-x86_64'))


@pytest.fixture
def msvc_with_stable_abi(msvc: windows_python.WindowsPython, tmp_path: pathlib.Path) -> windows_python.WindowsPython:
    """A copy with python3.dll, which python.org's installer has and this artifact lacks.

    It is the one of the 3.14 that clang built: all that is in it are forwarders to names of python314.dll.
    """
    prefix = tmp_path / 'msvc'
    prefix.mkdir()
    for name in ('python.exe', 'python314.dll'):
        shutil.copy(msvc.prefix / name, prefix)
    (prefix / 'lib').symlink_to(msvc.prefix / 'lib')
    assert not (msvc.prefix / 'python3.dll').exists()
    shutil.copy(trees.tree(trees.WINDOWS, 'cp314-cp314-win_amd64') / 'python3.dll', prefix)
    return windows_python.WindowsPython(prefix)


def test_it_was_built_by_msvc(msvc: windows_python.WindowsPython) -> None:
    done = msvc.run('-c', 'import sys; print(sys.version)')
    assert done.stdout.startswith('3.14.3 '), done.stderr
    assert '[MSC v.19' in done.stdout


def test_windows_target(msvc: windows_python.WindowsPython) -> None:
    prefix = msvc.prefix
    assert reader.read(prefix).target == target_.Target(
        implementation='cpython', version=maven.VERSION, release_level='final', free_threaded=False, debug=False,
        trace_refs=False, platform='win_amd64', python_tag='cp314', abi_tag='cp314',
        extension_suffixes=('.cp314-win_amd64.pyd', '.pyd'), pointer_size=8, byte_order='little',
        include_dir=f'{prefix}/include', defines_gil_disabled=False, libc='', system='windows', machine='x86_64',
        description=f'{prefix}')


def as_on_windows(value: typing.Any) -> typing.Any:
    """An answer of python_info.py with paths in one notation: without drives, backslashes and capitals."""
    if isinstance(value, dict):
        return {key: as_on_windows(item) for key, item in value.items()}
    if isinstance(value, str) and ('/' in value or '\\' in value):
        return value.removeprefix('Z:').replace('\\', '/').lower()
    return value


def test_python_info_is_that_of_meson(msvc: windows_python.WindowsPython) -> None:
    """What we read of the files is what Meson's script answers in this interpreter."""
    done = msvc.run(test_descriptions.meson_script())
    assert done.returncode == 0, done.stderr
    theirs = as_on_windows(json.loads(done.stdout))
    ours = as_on_windows(dict(reader.read(msvc.prefix).python_info))
    # No file tells these.
    for name in ('VPATH', 'srcdir', 'py_version_nodot_plat', 'userbase'):
        del theirs['variables'][name]
    assert ours == theirs


def test_full_api(msvc: windows_python.WindowsPython, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """Compiled by MinGW against the headers and the import library of MSVC's build."""
    result = test_windows.build(hook, project('several-modules'), msvc)
    assert result.path.name == 'several_modules-1.0-cp314-cp314-win_amd64.whl'
    assert result.findings() == []
    used = test_windows.use(msvc, support.unpack(result.path, tmp_path / 'unpacked'))
    assert (used['gil'], used['warnings']) == ([True, True], [])
    assert used['compiled'] == {name: [0, test_windows.SIZES[False]]
                                for name in ('multi', 'single', 'plusplus', 'helped')}


@pytest.mark.parametrize('built_for', ['cp315-cp315', 'msvc'])
def test_stable_abi(
    built_for: str, msvc: windows_python.WindowsPython, msvc_with_stable_abi: windows_python.WindowsPython,
    project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    """An abi3 wheel that was built for 3.15, and one that was built for this Python itself."""
    target = msvc if built_for == 'msvc' else windows_python.python(built_for)
    result = test_windows.build(hook, project('many'), target)
    assert result.path.name == 'many-1.0-cp39-abi3-win_amd64.whl'
    assert result.findings() == []
    directory = support.unpack(result.path, tmp_path / 'unpacked')
    code = 'from many import first, second, third; print(first.answer(), second.answer(), third.answer())'
    done = msvc_with_stable_abi.run('-W', 'error', '-c', code, path=[directory])
    assert done.stdout.split() == ['42'] * 3, done.stderr
    # As it is unpacked it has no python3.dll, and that is what is missing.
    failed = msvc.run('-c', code, path=[directory])
    assert 'DLL load failed while importing first' in failed.stderr


@pytest.mark.parametrize(('architecture', 'machine'), MACOS)
def test_macos_target(architecture: str, machine: str) -> None:
    prefix = maven.tree(f'macosx-{architecture}')
    read = reader.read(prefix)
    assert read.target == target_.Target(
        implementation='cpython', version=maven.VERSION, release_level='final', free_threaded=False, debug=False,
        trace_refs=False, platform=f'macosx_15_0_{architecture}', python_tag='cp314', abi_tag='cp314',
        extension_suffixes=('.cpython-314-darwin.so', '.abi3.so', '.so'), pointer_size=8, byte_order='little',
        include_dir=f'{prefix}/include/python3.14', defines_gil_disabled=False, libc='', system='darwin',
        machine=machine, description=f'{prefix}')
    assert read.python_info['platform'] == f'macosx-15.7-{architecture}'
    assert read.python_info['link_libpython'] is False
    # Its build-details.json names directories of the machine that it was built on.
    assert read.python_info['variables']['INCLUDEPY'] == f'{prefix}/include/python3.14'
    for path in (prefix / 'bin' / 'python3.14', prefix / 'lib' / 'python3.14' / 'build-details.json'):
        assert reader.read(path).target == dataclasses.replace(read.target, description=os.fspath(path))


@pytest.mark.parametrize(('architecture', 'machine'), MACOS)
@pytest.mark.parametrize(('release', 'tag'), [(None, 'macosx_15_0'), ('11.0', 'macosx_11_0')])
def test_macos_wheels(
    release: str | None, tag: str, architecture: str, machine: str, project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    """Compiled by zig against the headers of a real macOS Python, scanned, and not run: there is no macOS here."""
    pytest.importorskip('ziglang')
    config = {'target': os.fspath(maven.tree(f'macosx-{architecture}'))}
    environment = {'CC': trees.zig(tmp_path, f'{machine}-macos.{release or "15.0"}'),
                   'MACOSX_DEPLOYMENT_TARGET': release}
    for name, wheel_tag, file in (('plain', 'cp314-cp314', 'plain.cpython-314-darwin.so'),
                                  ('many', 'cp39-abi3', 'many/first.abi3.so')):
        result = hook(BUILDER, 'build_wheel', project(name), config=config, environment=environment)
        wheel = result.path
        assert wheel.name == f'{name}-1.0-{wheel_tag}-{tag}_{architecture}.whl'
        assert result.findings() == []
        assert file in support.modules(wheel).values()
        checked, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
        assert checked.found == ()
        for module in checked.modules:
            assert module.facts is not None
            assert (module.facts.format, module.facts.machine, module.facts.layout) == ('macho', machine, 'gil')
            assert module.facts.minimum_os == (release or '15.0')
