# SPDX-License-Identifier: MIT
"""Platform tags against modules that zig compiles for glibc, for musl and for macOS."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
import typing

import pytest
import wheels
from test_abiscan_macho import universal

from mesonbuild_ft import interpreters as interpreters_, scanner
from mesonbuild_ft.check import checker, imports, subjects


GNU: typing.Final = 'x86_64-linux-gnu.2.17'
MUSL: typing.Final = 'x86_64-linux-musl'


@pytest.fixture(autouse=True, scope='module')
def _zig() -> None:
    if importlib.util.find_spec('ziglang') is None:
        assert not os.environ.get('CI'), 'zig, the cross compiler, is not installed, and CI needs it'
        pytest.skip('zig, the cross compiler, is not installed')


_built: dict[str, bytes] = {}


def build(directory: pathlib.Path, target: str) -> bytes:
    """The bytes of the module `one` for CPython 3.14, compiled for this target; it needs something of its C library."""
    if target not in _built:
        _built[target] = _build(directory, target)
    return _built[target]


def _build(directory: pathlib.Path, target: str) -> bytes:
    (directory / 'one.c').write_text(f'{wheels.SOURCE}\n#include <stdio.h>\nvoid say(void) {{ puts("one"); }}\n')
    macos = ['-undefined', 'dynamic_lookup'] if 'macos' in target else []
    subprocess.run(
        [sys.executable, '-m', 'ziglang', 'cc', '-target', target, '-shared', '-fPIC', *macos,
         '-fno-sanitize=undefined', '-w', '-DNAME=one', f'-I{wheels.include("cp314-cp314")}', directory / 'one.c',
         '-o', directory / 'one.so'],
        check=True)
    return (directory / 'one.so').read_bytes()


def judge(wheel: pathlib.Path) -> checker.Checked:
    result, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    return result


@pytest.mark.parametrize(('target', 'platform', 'suffix', 'expected'), [
    (GNU, 'manylinux_2_17_x86_64', '.so', []),
    (GNU, 'manylinux_2_17_x86_64', '.cpython-314-x86_64-linux-gnu.so', []),
    (GNU, 'linux_x86_64', '.so', []),
    (MUSL, 'musllinux_1_2_x86_64', '.so', []),
    (MUSL, 'musllinux_1_2_x86_64', '.cpython-314-x86_64-linux-musl.so', []),
    (MUSL, 'linux_x86_64', '.so', []),
    (MUSL, 'manylinux_2_17_x86_64', '.so', ['libc-mismatch']),
    (GNU, 'musllinux_1_2_x86_64', '.so', ['libc-mismatch']),
    (GNU, 'manylinux_2_17_x86_64', '.cpython-314-x86_64-linux-musl.so', ['suffix-not-loadable']),
    (MUSL, 'musllinux_1_2_x86_64', '.cpython-314-x86_64-linux-gnu.so', ['suffix-not-loadable']),
], ids=str)
def test_libc(
    target: str, platform: str, suffix: str, expected: list[str], tmp_path: pathlib.Path, interpreters: typing.Any,
) -> None:
    """What is for glibc by its tag is imported too: with a finding it fails, without one it does not."""
    wheel = wheels.wheel(tmp_path, f'cp314-cp314-{platform}', {f'one{suffix}': build(tmp_path, target)})
    result = judge(wheel)
    assert [(d.severity, d.identifier) for d in result.found] == [('error', identifier) for identifier in expected]
    interpreter = interpreters_.probe(interpreters.get('cp314-cp314'))
    assert interpreter is not None
    tried, = imports.run([result], [interpreter])
    if platform.startswith('manylinux'):
        # A file that nobody looks for is not tried.
        assert bool(expected) == (not tried.imports or any(done.error for done in tried.imports))


@pytest.mark.parametrize(('targets', 'platform', 'expected'), [
    (['aarch64-macos.11.0'], 'macosx_11_0_arm64', []),
    (['aarch64-macos.14.0'], 'macosx_14_0_arm64', []),
    (['aarch64-macos.14.0'], 'macosx_11_0_arm64', ['macos-newer-than-tag']),
    (['x86_64-macos.10.15', 'aarch64-macos.11.0'], 'macosx_10_15_universal2', []),
    (['x86_64-macos.10.15', 'aarch64-macos.12.0'], 'macosx_10_15_universal2', ['macos-newer-than-tag']),
    (['x86_64-macos.11.0', 'aarch64-macos.11.0'], 'macosx_10_15_universal2', ['macos-newer-than-tag']),
], ids=str)
def test_macos(targets: list[str], platform: str, expected: list[str], tmp_path: pathlib.Path) -> None:
    slices = [build(tmp_path, target) for target in targets]
    data = slices[0] if len(slices) == 1 else universal(*slices)
    found = judge(wheels.wheel(tmp_path, f'cp314-cp314-{platform}', {'one.cpython-314-darwin.so': data})).found
    assert [(d.severity, d.identifier) for d in found] == [('warning', identifier) for identifier in expected]
