# SPDX-License-Identifier: MIT
"""dependency('mesonbuild-ft'): the headers are found from meson.build without any path."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import typing

import pytest
import support
import trees
import windows_python
from conftest import Built, Hook, Interpreters
from support import ALL

import mesonbuild_ft


Copy = typing.Callable[[str], pathlib.Path]
BUILDER: typing.Final = 'cp311-cp311'
FOUND: typing.Final = f'Run-time dependency mesonbuild-ft found: YES {mesonbuild_ft.__version__}'


@pytest.mark.parametrize('tag', ALL)
def test_a_build_finds_them_by_itself(tag: str, built: Built) -> None:
    result = built.result('with-headers', tag)
    assert result.findings() == []
    assert FOUND in result.stdout
    assert built.imported(result.path, tag).answers == {'with_headers': 42}


def test_a_dependency_that_is_new_in_a_kept_build_directory(project: Copy, hook: Hook) -> None:
    """Meson keeps the machine files of the first setup, which had none for this."""
    directory = project('with-headers')
    build = directory / 'meson.build'
    complete = build.read_text(encoding='utf-8')
    support.replace(build, "dependency('mesonbuild-ft')", '[]')
    config = {'build-dir': 'kept'}
    first = hook(BUILDER, 'build_wheel', directory, config=config)
    assert first.findings('error') == ['compile-failed']
    build.write_text(complete, encoding='utf-8')
    second = hook(BUILDER, 'build_wheel', directory, config=config)
    assert (second.status, second.findings()) == (0, [])
    assert FOUND in second.stdout


def with_other(project: Copy, tmp_path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """The project with one more dependency, and the directory of its .pc file."""
    directory = project('with-headers')
    support.replace(
        directory / 'meson.build', "dependency('mesonbuild-ft')",
        "[dependency('mesonbuild-ft'), dependency('other', version: '2.5')]")
    folder = tmp_path / 'other directory'
    folder.mkdir()
    (folder / 'other.pc').write_text('Name: other\nDescription: a test\nVersion: 2.5\nCflags: -DOTHER\n')
    return directory, folder


@pytest.mark.parametrize('how', ['environment', 'apostrophe', 'option', 'native file', 'PKG_CONFIG'])
def test_other_dependencies_are_found_as_ever(how: str, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """However a person names the directories of other .pc files."""
    trees.need('pkg-config')
    directory, folder = with_other(project, tmp_path)
    arguments = []
    environment = {}
    if how == 'apostrophe':
        folder = folder.rename(folder.with_name("other's directory"))
    if how in ('environment', 'apostrophe'):
        environment['PKG_CONFIG_PATH'] = os.fspath(folder)
    elif how == 'option':
        arguments = [f'-Dpkg_config_path={folder}']
    elif how == 'native file':
        file = tmp_path / 'native.ini'
        file.write_text(f"[built-in options]\npkg_config_path = '{folder}'\n")
        arguments = [f'--native-file={file}']
    else:
        program = tmp_path / 'my-pkg-config'
        program.write_text(f'#!/bin/sh\nPKG_CONFIG_PATH="$PKG_CONFIG_PATH:{folder}" exec pkg-config "$@"\n')
        program.chmod(0o755)
        environment['PKG_CONFIG'] = os.fspath(program)
    result = hook(BUILDER, 'build_wheel', directory, environment=environment,
                  config={'setup-args': arguments, 'build-dir': 'b'})
    assert result.status == 0, result.text
    assert FOUND in result.stdout
    assert '-DOTHER' in (directory / 'b' / 'build.ninja').read_text()


def test_without_pkg_config(project: Copy, hook: Hook) -> None:
    directory = project('with-headers')
    with open(directory / 'meson.build', 'a') as file:
        file.write("other = dependency('zlib', required: false, method: 'pkg-config')\n"
                   "assert(not other.found())\n")
    result = hook(BUILDER, 'build_wheel', directory, environment={'PKG_CONFIG': '/nowhere/pkg-config'})
    assert result.status == 0, result.text
    assert FOUND in result.stdout
    assert 'Run-time dependency zlib found: NO' in result.stdout


def test_a_build_that_changed_nothing_is_not_configured_again(project: Copy, hook: Hook) -> None:
    directory = project('with-headers')
    assert hook(BUILDER, 'build_wheel', directory, config={'build-dir': 'b'}).ran_meson_setup
    again = hook(BUILDER, 'build_wheel', directory, config={'build-dir': 'b'})
    assert again.status == 0, again.text
    assert again.ran_meson_setup == 0


def test_sdist_and_editable(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    directory = project('with-headers')
    support.git_init(directory)
    assert hook(BUILDER, 'build_sdist', directory).path.name == 'with_headers-1.0.tar.gz'
    assert hook(BUILDER, 'build_editable', directory).path.name.endswith('.whl')


@pytest.mark.parametrize('sys_root', [False, True])
def test_cross_build(sys_root: bool, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """Meson takes no pkg-config for the host machine of its own accord; under a sys_root, paths are changed by it."""
    trees.need('aarch64-linux-gnu-gcc', 'qemu-aarch64-static')
    root = trees.debian('arm64')
    config: dict[str, typing.Any] = {'target': os.fspath(root), 'build-dir': 'b'}
    if sys_root:
        file = tmp_path / 'cross.ini'
        file.write_text(
            "[binaries]\nc = 'aarch64-linux-gnu-gcc'\nar = 'aarch64-linux-gnu-ar'\npkg-config = 'pkg-config'\n"
            f"[properties]\nsys_root = '{tmp_path}'\n[host_machine]\nsystem = 'linux'\ncpu_family = 'aarch64'\n"
            "cpu = 'aarch64'\nendian = 'little'\n")
        config['setup-args'] = f'--cross-file={file}'
    result = hook(BUILDER, 'build_wheel', project('with-headers'), config=config)
    assert result.status == 0, result.text
    assert FOUND in result.stdout
    assert result.findings('error') == []
    unpacked = support.unpack(result.path, tmp_path / 'unpacked')
    done = subprocess.run(
        ['qemu-aarch64-static', '-L', root, root / 'usr' / 'bin' / 'python3.11', '-S', '-W', 'error', '-c',
         'import with_headers; print(with_headers.answer())'],
        env={'PYTHONPATH': os.fspath(unpacked), 'PYTHONHOME': os.fspath(root / 'usr'), 'PATH': os.environ['PATH']},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.stdout == '42\n', done.stderr


@pytest.mark.usefixtures('wine')
@pytest.mark.parametrize('tag', ['cp313-cp313t', 'cp314-cp314t', 'cp314-cp314', 'cp315-cp315t', 'cp315-cp315'])
def test_windows(tag: str, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """By MinGW, imported in a Windows Python under Wine."""
    python = windows_python.python(tag)
    result = hook(BUILDER, 'build_wheel', project('with-headers'), config={'target': os.fspath(python.prefix)})
    assert result.status == 0, result.text
    assert result.findings() == []
    done = python.run(
        '-W', 'error', '-c', 'import sys, with_headers; print(with_headers.answer(), sys._is_gil_enabled())',
        path=[support.unpack(result.path, tmp_path / 'unpacked')])
    assert done.stdout.split() == ['42', str(not support.free_threaded(tag))], done.stderr


def run(command: typing.Sequence[str | os.PathLike[str]], directory: pathlib.Path, **environment: str) -> str:
    python = pathlib.Path(command[0])
    done = subprocess.run(
        command, cwd=directory, env=support.clean_environment(python, **environment), capture_output=True, text=True,
        check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize('printed', [False, True])
def test_setup_by_hand(printed: bool, project: Copy, interpreters: Interpreters) -> None:
    """Meson alone configures it again afterwards."""
    python, directory = interpreters.get(BUILDER), project('with-headers')
    if printed:
        words = run([python, '-P', '-m', 'mesonbuild_ft', 'setup', 'b', '--print'], directory)
        run([python.with_name('meson'), 'setup', *shlex.split(words)], directory)
    else:
        run([python, '-P', '-m', 'mesonbuild_ft', 'setup', 'b'], directory)
    run([python.with_name('meson'), 'setup', '--reconfigure', 'b'], directory)
    run([python.with_name('meson'), 'compile', '-C', 'b'], directory)
    assert [path.name for path in (directory / 'b').glob('*.so')] == ['with_headers.abi3.so']


def test_meson_without_the_backend(project: Copy, interpreters: Interpreters) -> None:
    trees.need('pkg-config')
    python, directory = interpreters.get(BUILDER), project('with-headers')
    path = run([python.with_name('mesonbuild-ft-config'), '--pkgconfigdir'], directory).strip()
    text = run([python.with_name('meson'), 'setup', 'b'], directory, PKG_CONFIG_PATH=path)
    assert FOUND in text
    run([python.with_name('meson'), 'compile', '-C', 'b'], directory)


def test_config_tool(interpreters: Interpreters, tmp_path: pathlib.Path) -> None:
    tool = interpreters.get(BUILDER).with_name('mesonbuild-ft-config')
    include = pathlib.Path(run([tool, '--includedir'], tmp_path).strip())
    assert sorted(path.name for path in (include / 'mesonbuild_ft').iterdir()) == [
        'advice.h', 'locking.h', 'module.h', 'references.h', 'types.h']
    assert shlex.split(run([tool, '--cflags'], tmp_path)) == [f'-I{include}']
    assert run([tool, '--version'], tmp_path) == f'{mesonbuild_ft.__version__}\n'
    done = subprocess.run([tool], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'one of --includedir, --cflags, --pkgconfigdir is needed' in done.stderr


def test_subproject(project: Copy, interpreters: Interpreters) -> None:
    """With a wrap file as in docs/how-to/use-the-headers.md, and nothing of mesonbuild-ft installed."""
    python, directory = interpreters.get(BUILDER), project('with-headers')
    copy = directory / 'subprojects' / 'mesonbuild-ft'
    for name in ('meson.build', 'meson.options', 'LICENSE', 'LICENSES/MPL-2.0.txt',
                 'mesonbuild_ft/include/meson.build'):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(support.ROOT / name, copy / name)
    shutil.copytree(support.ROOT / 'mesonbuild_ft' / 'include', copy / 'mesonbuild_ft' / 'include', dirs_exist_ok=True)
    (directory / 'subprojects' / 'mesonbuild-ft.wrap').write_text(
        '[wrap-file]\ndirectory = mesonbuild-ft\n\n[provide]\ndependency_names = mesonbuild-ft\n')
    text = run([python.with_name('meson'), 'setup', 'b'], directory, PKG_CONFIG='/nowhere/pkg-config')
    assert re.search(rf'Dependency mesonbuild-ft .*found: YES {mesonbuild_ft.__version__} \(overridden\)', text), text
    run([python.with_name('meson'), 'compile', '-C', 'b'], directory)
    assert support.import_modules(python, directory / 'b', ['with_headers']).answers == {'with_headers': 42}


def test_an_error_in_the_source_is_no_missing_hook(project: Copy, hook: Hook) -> None:
    """MBFT_MODULE makes the export hook, so a failed compilation for abi3t has another reason."""
    directory = project('with-headers')
    source = directory / 'with_headers.c'
    source.write_text(source.read_text(encoding='utf-8') + '\nan error\n', encoding='utf-8')
    result = hook('cp315-cp315t', 'build_wheel', directory)
    assert result.findings() == ['compile-failed']
