# SPDX-License-Identifier: MIT
"""Wheels for 32-bit Windows and Windows on ARM, built here by zig and scanned.

There is no real Python of these two here: its prefix is a stand-in, see `stand_in`.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing

import pytest
import support
import trees
from conftest import Hook

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker, subjects
from mesonbuild_ft.description import reader


BUILDER: typing.Final = 'cp311-cp311'
Copy = typing.Callable[[str], pathlib.Path]


class Machine(typing.NamedTuple):
    """A machine of Windows: its platform tag, and what zig, its dlltool, our descriptions and the scanner call it."""

    platform: str
    zig: str
    dlltool: str
    described: str
    scanned: str


WIN32: typing.Final = Machine('win32', 'x86-windows-gnu', 'i386', 'i686', 'i386')
ARM64: typing.Final = Machine('win_arm64', 'aarch64-windows-gnu', 'arm64', 'aarch64', 'aarch64')
#: With these, which the how-to names, zig takes an intrinsic in the headers of free-threaded Pythons for ARM.
ARM64_FLAGS: typing.Final = '-fms-extensions -Wno-implicit-function-declaration'


def run_zig(*arguments: str | os.PathLike[str]) -> None:
    subprocess.run([sys.executable, '-m', 'ziglang', *arguments], check=True, capture_output=True, text=True)


def stand_in(directory: pathlib.Path, tag: str, machine: Machine) -> pathlib.Path:
    """A prefix for another machine: the headers of a real one for x86-64, and binaries that zig makes.

    The import libraries have all names of the real ones. The DLL has one of them: nothing is run.
    """
    pytest.importorskip('ziglang')
    nm = 'x86_64-w64-mingw32-nm'
    trees.need(nm)
    real, prefix = trees.tree(trees.WINDOWS, f'{tag}-win_amd64'), directory / 'python'
    (prefix / 'libs').mkdir(parents=True)
    shutil.copytree(real / 'include', prefix / 'include')
    for library in (real / 'libs').glob('*.lib'):
        symbols = subprocess.run([nm, library], check=True, capture_output=True, text=True).stdout
        functions = set(re.findall(r' T (\w+)$', symbols, re.MULTILINE))
        names = set(re.findall(r' __imp_(\w+)$', symbols, re.MULTILINE))
        definition = directory / f'{library.stem}.def'
        definition.write_text(f'LIBRARY {library.stem}.dll\nEXPORTS\n' + ''.join(
            f'{name}{"" if name in functions else " DATA"}\n' for name in sorted(names)))
        run_zig('dlltool', '-m', machine.dlltool, '-d', definition, '-l', prefix / 'libs' / library.name)
    name = f'python{tag.split("-")[1][2:]}'
    (directory / 'dll.c').write_text('__declspec(dllexport) int Py_IsInitialized(void) { return 0; }\n')
    (directory / 'exe.c').write_text('int Py_IsInitialized(void);\nint main(void) { return Py_IsInitialized(); }\n')
    run_zig('cc', '-target', machine.zig, '-shared', '-o', prefix / f'{name}.dll', directory / 'dll.c')
    run_zig('cc', '-target', machine.zig, '-o', prefix / 'python.exe', directory / 'exe.c',
            prefix / 'libs' / f'{name}.lib')
    return prefix


@pytest.mark.parametrize('machine', [WIN32, ARM64], ids=lambda machine: machine.platform)
@pytest.mark.parametrize(('tag', 'project_name', 'wheel_tag', 'library', 'layout'), [
    ('cp314-cp314', 'plain', 'cp314-cp314', 'python314.dll', 'gil'),
    ('cp314-cp314', 'many', 'cp39-abi3', 'python3.dll', 'gil'),
    ('cp314-cp314t', 'plain', 'cp314-cp314t', 'python314t.dll', 'free-threaded'),
    ('cp315-cp315t', 'many', 'cp315-abi3.abi3t', 'python3t.dll', 'opaque'),
])
def test_with_a_stand_in_for_the_python(
    tag: str, project_name: str, wheel_tag: str, library: str, layout: str, machine: Machine, project: Copy,
    hook: Hook, tmp_path: pathlib.Path,
) -> None:
    prefix = stand_in(tmp_path, tag, machine)
    for path in (prefix, prefix / 'python.exe'):
        target = reader.read(path).target
        assert (target.platform, target.machine) == (machine.platform, machine.described)
    needs_flags = machine is ARM64 and support.free_threaded(tag)
    result = hook(
        BUILDER, 'build_wheel', project(project_name), config={'target': os.fspath(prefix)},
        environment={'CC': trees.zig(tmp_path, machine.zig), 'CFLAGS': ARM64_FLAGS if needs_flags else None})
    wheel = result.path
    assert wheel.name == f'{project_name}-1.0-{wheel_tag}-{machine.platform}.whl'
    assert result.findings() == []
    checked, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    assert checked.found == ()
    for module in checked.modules:
        facts = module.facts
        assert facts is not None
        assert (facts.format, facts.machine, facts.layout) == ('pe', machine.scanned, layout)
        assert [name for name in facts.needed if name.startswith('python')] == [library]


@pytest.mark.parametrize(('language', 'source'), [('c', 'multi.c'), ('c++', 'plusplus.cpp')])
def test_flags_of_the_how_to_are_needed_and_suffice(language: str, source: str, tmp_path: pathlib.Path) -> None:
    """If it fails, zig has mended it, and the how-to need not name the flags any more."""
    pytest.importorskip('ziglang')
    how_to = (support.ROOT / 'docs' / 'how-to' / 'cross-compile.md').read_text(encoding='utf-8')
    assert f'`{ARM64_FLAGS}`' in how_to
    headers = trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64') / 'include'
    command = [sys.executable, '-m', 'ziglang', 'c++' if language == 'c++' else 'cc', '-target', ARM64.zig, '-c',
               '-Wall', '-Werror', '-DPy_GIL_DISABLED=1', f'-I{headers}', support.PACKAGES / 'several-modules' / source,
               '-o', tmp_path / 'one.o']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert '__getReg' in done.stderr
    subprocess.run([*command, *ARM64_FLAGS.split()], check=True, timeout=300)
