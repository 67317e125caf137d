# SPDX-License-Identifier: MIT
"""WebAssembly: modules of Pyodide are checked, pyodide-build builds them by this backend, and nothing else does."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import typing
import zipfile

import pyodide
import pytest
import support
import trees
import wheels
from conftest import Hook
from real import ground_truth

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker
from mesonbuild_ft.check.subjects import Options


Copy = typing.Callable[[str], pathlib.Path]

#: A module in Rust, by somebody else; tests/real/wheels.toml has more.
REAL: typing.Final = ('jiter-0.19.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl',
                      '707b8194222a343c4a5e1574df95f5ade03e3f1cbdba77d8c89c6af0f40d92cd')
CROSS_FILE: typing.Final = '''
[binaries]
c = 'emcc'
ar = 'emar'
[host_machine]
system = 'emscripten'
cpu_family = 'wasm32'
cpu = 'wasm'
endian = 'little'
'''


def checked(path: pathlib.Path) -> checker.Checked:
    result, = checker.check([os.fspath(path)], scanner.load(), Options())
    return result


def findings(result: checker.Checked) -> list[str]:
    return sorted(f'{found.severity} {found.identifier}' for found in result.found)


@pytest.fixture(scope='module')
def real_module() -> tuple[str, bytes]:
    path = ground_truth.fetch(*REAL)
    with zipfile.ZipFile(path) as archive:
        name, = (name for name in archive.namelist() if name.endswith('.so'))
        return name, archive.read(name)


# Built by pyodide-build

@pytest.mark.parametrize(('name', 'tag', 'modules', 'floor'), [
    ('plain', 'cp314-cp314', {'plain': 'plain.cpython-314-wasm32-emscripten.so'}, ''),
    ('cpp', 'cp39-abi3', {'cpp': 'cpp.abi3.so'}, '3.9'),
])
def test_pyodide_build(
    name: str, tag: str, modules: dict[str, str], floor: str, project: Copy,
) -> None:
    """The backend takes Pyodide for the running interpreter, as pyodide-build presents it, and what it makes runs."""
    directory = project(name)
    done = pyodide.build(directory)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout + done.stderr
    assert f'mesonbuild-ft: CPython 3.14.7, {pyodide.HOST_PLATFORM}' in told
    assert ('decided   limited API 3.9' in told) == (floor == '3.9')
    assert f'verified  {next(iter(modules.values()))}: multi-phase init' in told
    assert 'warning' not in told
    # pyodide-build gives the wheel its last name.
    wheel, = (directory / 'dist').glob('*.whl')
    assert wheel.name == f'{name}-1.0-{tag}-{pyodide.PLATFORM}.whl'
    assert support.whl_tags(wheel) == [f'{tag}-{pyodide.PLATFORM}']
    support.check_record(wheel)
    assert support.modules(wheel) == modules
    result = checked(wheel)
    assert findings(result) == []
    assert {(m.facts.format, m.facts.machine) for m in result.modules if m.facts is not None} == {('wasm', 'wasm32')}
    for module, file in modules.items():
        answer = pyodide.run(f'import {module} as m; f"{{m.answer()}} {{m.__file__}}"', wheel)
        assert answer.startswith('42 ')
        assert answer.endswith('/' + file)


def told() -> dict[str, str]:
    """The variables of pyodide-build, without its compilers."""
    return {'_PYTHON_HOST_PLATFORM': pyodide.HOST_PLATFORM, '_PYTHON_SYSCONFIGDATA_NAME': pyodide.DATA,
            'PYTHONPATH': os.fspath(pyodide.prefix() / 'sysconfigdata')}


def test_module_of_this_machine_is_no_module_of_pyodide(project: Copy, hook: Hook) -> None:
    result = hook(pyodide.HOST, 'build_wheel', project('plain'), environment=dict(told()))
    assert 'machine-mismatch' in result.findings('error')
    assert 'is compiled for x86_64 (elf), and the tag says emscripten_5_0_3_wasm32' in result.stderr
    assert not result.wheels


# Refused

@pytest.mark.parametrize('place', ['package', 'xbuildenv', 'root', 'prefix', 'sysconfigdata', 'file'])
@pytest.mark.parametrize('by', ['config setting', 'variable'])
def test_named_by_its_files(place: str, by: str, project: Copy, hook: Hook) -> None:
    path = {
        'package': pyodide.package, 'xbuildenv': lambda: pyodide.root().parent, 'root': pyodide.root,
        'prefix': pyodide.prefix, 'sysconfigdata': lambda: pyodide.prefix() / 'sysconfigdata',
        'file': lambda: pyodide.prefix() / 'sysconfigdata' / f'{pyodide.DATA}.py'}[place]()
    config = {'target': os.fspath(path)} if by == 'config setting' else {}
    environment: dict[str, str | None] = {} if config else {'MESONBUILD_FT_TARGET': os.fspath(path)}
    refuse(hook(pyodide.HOST, 'build_wheel', project('plain'), config=config, environment=environment), str(path))


def refuse(result: support.Result, where: str) -> None:
    """One error, which says what to do, before Meson has run."""
    assert result.findings() == ['unsupported-target']
    assert where in result.stderr
    assert 'pyodide build' in result.stderr
    assert 'Traceback' not in result.stderr
    assert not result.ran_meson_setup


def test_named_by_build_details(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """As CPython itself makes it for Emscripten; Pyodide leaves it out."""
    file = tmp_path / 'build-details.json'
    file.write_text(json.dumps({
        'schema_version': '1.0', 'base_prefix': '/usr/local', 'platform': 'emscripten-4.0.19-wasm32',
        'language': {'version': '3.14', 'version_info': {
            'major': 3, 'minor': 14, 'micro': 2, 'releaselevel': 'final', 'serial': 0}},
        'implementation': {'name': 'cpython', '_multiarch': 'wasm32-emscripten'},
        'abi': {'flags': [], 'extension_suffix': '.cpython-314-wasm32-emscripten.so'},
        'suffixes': {'extensions': ['.cpython-314-wasm32-emscripten.so', '.abi3.so', '.so']},
        'c_api': {'headers': '/usr/local/include/python3.14'}}))
    directory = project('plain')
    refuse(hook(pyodide.HOST, 'build_wheel', directory, config={'target': os.fspath(file)}), str(file))
    # Beside the sysconfig data of its tree.
    tree = tmp_path / 'lib' / 'python3.14'
    tree.mkdir(parents=True)
    (tree / f'{pyodide.DATA}.py').write_bytes((pyodide.prefix() / 'sysconfigdata' / f'{pyodide.DATA}.py').read_bytes())
    file = file.rename(tree / 'build-details.json')
    for path in (file, tmp_path):
        refuse(hook(pyodide.HOST, 'build_wheel', directory, config={'target': os.fspath(path)}), str(path))


def test_named_by_a_program_that_runs_it(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """`pyodide venv` makes such programs."""
    python = interpreter(tmp_path)
    refuse(hook(pyodide.HOST, 'build_wheel', project('plain'), config={'target': os.fspath(python)}), str(python))


def interpreter(directory: pathlib.Path) -> pathlib.Path:
    """A program that takes the arguments of python, and runs them in Pyodide with the files of this machine."""
    script = directory / 'python.mjs'
    script.write_text(f'''
        import {{ loadPyodide }} from {json.dumps((pyodide.package() / 'pyodide.mjs').as_uri())};
        const [code, ...words] = process.argv.slice(process.argv.indexOf('-c') + 1);
        const pyodide = await loadPyodide();
        pyodide.mountNodeFS('/host', '/');
        pyodide.globals.set('words', pyodide.toPy(words.map((word) => word.startsWith('/') ? '/host' + word : word)));
        pyodide.runPython('import sys; sys.argv = ["-c", *words]');
        pyodide.runPython(code);
    ''')
    python = directory / 'python'
    python.write_text(f'#!/bin/sh\nexec node {shlex.quote(os.fspath(script))} "$@"\n')
    python.chmod(0o755)
    return python


def test_platform_alone(project: Copy, hook: Hook) -> None:
    """Without sysconfig data nothing tells the suffix and the headers."""
    environment: dict[str, str | None] = {'_PYTHON_HOST_PLATFORM': pyodide.HOST_PLATFORM}
    refuse(hook(pyodide.HOST, 'build_wheel', project('plain'), environment=environment), '_PYTHON_HOST_PLATFORM')


@pytest.mark.parametrize('name', ['plain', 'pure'])
def test_cross_file_alone(name: str, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """Programs and pure Python can be built by one; extension modules cannot."""
    trees.need('emcc')
    file = tmp_path / 'cross.ini'
    file.write_text(CROSS_FILE)
    result = hook(pyodide.HOST, 'build_wheel', project(name), config={'setup-args': f'--cross-file={file}'})
    if name == 'pure':
        assert result.path.name == 'pure-1.0-py3-none-any.whl'
        return
    assert result.findings() == ['unsupported-target']
    assert '[host_machine] of the cross file' in result.stderr
    assert not result.wheels


# Checked

def test_wrong_machine(real_module: tuple[str, bytes], tmp_path: pathlib.Path) -> None:
    name, data = real_module
    assert name.endswith('.cpython-314-wasm32-emscripten.so')
    path = wheels.wheel(tmp_path, 'cp314-cp314-manylinux_2_28_x86_64', {name: data})
    assert findings(checked(path)) == ['error machine-mismatch', 'error suffix-not-loadable']
    # Without a suffix that tells, the file itself does.
    path = wheels.wheel(tmp_path, 'cp314-cp314-win_amd64', {'jiter.pyd': data})
    assert findings(checked(path)) == ['error machine-mismatch']
    native = wheels.module(tmp_path, 'cp314-cp314')
    path = wheels.wheel(tmp_path, f'cp314-cp314-{pyodide.PLATFORM}', {'one.so': native})
    result = checked(path)
    assert findings(result) == ['error machine-mismatch']
    assert 'is compiled for x86_64 (elf), and the tag says pyemscripten_2026_0_wasm32' in result.found[0].what


@pytest.mark.parametrize('platform', [pyodide.PLATFORM, 'pyodide_2025_0_wasm32', pyodide.HOST_PLATFORM])
def test_platforms(platform: str, real_module: tuple[str, bytes], tmp_path: pathlib.Path) -> None:
    """PEP 783's, that of pyodide-build before it, and what sysconfig says."""
    name, data = real_module
    assert findings(checked(wheels.wheel(tmp_path, f'cp314-cp314-{platform}', {name: data}))) == []
    # Tags are held against it as everywhere.
    wrong = wheels.wheel(tmp_path, f'cp313-cp313-{platform}', {name: data})
    assert findings(checked(wrong)) == ['error module-for-other-python']
    wrong = wheels.wheel(tmp_path, f'cp39-abi3-{platform}', {name: data})
    assert 'error version-specific-module' in findings(checked(wrong))


def test_single_file(real_module: tuple[str, bytes], tmp_path: pathlib.Path) -> None:
    name, data = real_module
    path = tmp_path / pathlib.PurePosixPath(name).name
    path.write_bytes(data)
    result = checked(path)
    assert findings(result) == []
    assert result.verdict == 'ok'
    module, = result.modules
    assert module.facts is not None
    assert (module.facts.format, module.facts.machine, module.facts.bits) == ('wasm', 'wasm32', 32)
    # Found out as it is for every format: by what is imported. Code and data are not read.
    assert module.facts.init == 'multi-phase'
    assert (module.facts.gil, module.facts.layout) == ('unknown', 'unknown')


def test_damaged(real_module: tuple[str, bytes], tmp_path: pathlib.Path) -> None:
    name, data = real_module
    path = tmp_path / pathlib.PurePosixPath(name).name
    path.write_bytes(data[:-1])
    assert findings(checked(path)) == ['error unreadable-module']
    # A component (version 13, layer 1) is another kind of WebAssembly.
    path.write_bytes(b'\0asm\x0d\0\1\0')
    result = checked(path)
    assert findings(result) == ['warning unscanned-module']
    assert 'version 0x1000d' in result.found[0].what


@pytest.mark.parametrize(('flags', 'tag', 'expected'), [
    ([], 'cp314-cp314', []),
    (['-DPy_LIMITED_API=0x03090000'], 'cp39-abi3', []),
    (['-DPy_LIMITED_API=0x03090000', '-DOUTSIDE'], 'cp39-abi3', ['error symbol-outside-stable-abi']),
    (['-DPy_LIMITED_API=0x03090000', '-DNEWER'], 'cp39-abi3', ['error symbol-newer-than-floor']),
    (['-DHOOK=two'], 'cp314-cp314', ['warning missing-init-function']),
], ids=['full', 'abi3', 'outside', 'newer', 'hook'])
def test_compiled(flags: list[str], tag: str, expected: list[str], tmp_path: pathlib.Path) -> None:
    data = pyodide.compiled(tmp_path, *flags)
    suffix = 'abi3' if 'abi3' in tag else 'cpython-314-wasm32-emscripten'
    path = wheels.wheel(tmp_path, f'{tag}-{pyodide.PLATFORM}', {f'one.{suffix}.so': data})
    result = checked(path)
    assert findings(result) == expected
    if not expected:
        # Ground truth: the very file is imported.
        assert pyodide.run('import one; str(one.use())', path) == '42'


def test_extension_suffixes() -> None:
    """What the description of Pyodide's suffixes in tags.py goes by."""
    found = pyodide.run('import importlib.machinery; " ".join(importlib.machinery.EXTENSION_SUFFIXES)').split()
    assert found == ['.cpython-314-wasm32-emscripten.so', '.abi3.so', '.so']
    assert pyodide.variables()['EXT_SUFFIX'] == found[0]
    assert pyodide.variables()['PYEMSCRIPTEN_PLATFORM_VERSION'] == pyodide.PLATFORM.split('_', 1)[1].rsplit('_', 1)[0]
