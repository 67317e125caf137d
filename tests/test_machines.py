# SPDX-License-Identifier: MIT
"""Wheels for other machines, built here through the backend: Linux under qemu-user, musl, and macOS."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import typing

import pytest
import support
import test_descriptions
import trees
from conftest import Hook

from mesonbuild_ft import scanner, settings, target as target_, target_choice
from mesonbuild_ft.check import checker, subjects
from mesonbuild_ft.description import reader
from mesonbuild_ft.diagnostics import BuildRefused
from mesonbuild_ft.meson import cross_setup


BUILDER: typing.Final = 'cp311-cp311'
Copy = typing.Callable[[str], pathlib.Path]


def run_debian(root: pathlib.Path, emulator: str, directory: pathlib.Path, code: str) -> str:
    """What Debian's Python 3.11 of another machine prints."""
    done = subprocess.run(
        [f'qemu-{emulator}-static', '-L', root, root / 'usr' / 'bin' / 'python3.11', '-S', '-W', 'error', '-c', code],
        env={'PYTHONPATH': os.fspath(directory), 'PYTHONHOME': os.fspath(root / 'usr'), 'PYTHONDONTWRITEBYTECODE': '1',
             'PATH': os.environ['PATH']}, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(('architecture', 'machine', 'emulator', 'family', 'endian'), [
    ('arm64', 'aarch64', 'aarch64', 'aarch64', 'little'),
    ('s390x', 's390x', 's390x', 's390x', 'big'),
    # This machine runs it as well, but neither its compiler nor its C library are for it.
    ('i386', 'i686', 'i386', 'x86', 'little'),
])
@pytest.mark.parametrize('by', ['target', 'cross file'])
def test_linux_of_another_machine(
    architecture: str, machine: str, emulator: str, family: str, endian: str, by: str, project: Copy, hook: Hook,
    tmp_path: pathlib.Path,
) -> None:
    """Bare meson-python puts such modules into a linux_x86_64 wheel, and returns 0."""
    trees.need(f'qemu-{emulator}-static', f'{machine}-linux-gnu-gcc')
    root = trees.debian(architecture)
    config: dict[str, typing.Any] = {'target': os.fspath(root)}
    environment = {}
    if by == 'cross file':
        # The person's own cross file, and the target in the variable that CI uses.
        file = tmp_path / 'cross.ini'
        file.write_text(
            f"[binaries]\nc = '{machine}-linux-gnu-gcc'\nar = '{machine}-linux-gnu-ar'\n[host_machine]\n"
            f"system = 'linux'\ncpu_family = '{family}'\ncpu = '{machine}'\nendian = '{endian}'\n")
        config = {'setup-args': f'--cross-file={file}'}
        environment = {'MESONBUILD_FT_TARGET': os.fspath(root)}
    result = hook(BUILDER, 'build_wheel', project('many'), config=config, environment=environment)
    wheel = result.path
    assert wheel.name == f'many-1.0-cp39-abi3-linux_{machine}.whl'
    assert result.findings() == []
    checked, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    # The scanner has the names that qemu has.
    assert {m.facts.machine for m in checked.modules if m.facts is not None} == {emulator}
    directory = support.unpack(wheel, tmp_path / 'unpacked')
    assert run_debian(root, emulator, directory,
                      'import platform, many.first; print(platform.machine(), many.first.__file__.rpartition("/")[2])'
                      ) == f'{machine} first.abi3.so'
    full = hook(BUILDER, 'build_wheel', project('plain'), config=config, environment=environment).path
    assert full.name == f'plain-1.0-cp311-cp311-linux_{machine}.whl'
    code = 'import plain; print(plain.answer())'
    assert run_debian(root, emulator, support.unpack(full, tmp_path / 'full'), code) == '42'


def test_cross_compiler_in_cc_without_a_target_is_refused(project: Copy, hook: Hook) -> None:
    trees.need('aarch64-linux-gnu-gcc')
    result = hook(BUILDER, 'build_wheel', project('plain'), environment={'CC': 'aarch64-linux-gnu-gcc'})
    assert 'machine-mismatch' in result.findings('error')
    assert not result.wheels


@pytest.mark.parametrize('tag', ['cp314-cp314', 'cp315-cp315t'])
def test_musl(tag: str, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    trees.need('musl-gcc')
    prefix = trees.tree(trees.MUSL, f'{tag}-musllinux_x86_64')
    # Debian 12 has musl 1.2.3.
    result = hook(BUILDER, 'build_wheel', project('many'), config={'target': os.fspath(prefix)})
    wheel = result.path
    assert wheel.name == {'cp314-cp314': 'many-1.0-cp39-abi3-musllinux_1_2_x86_64.whl',
                          'cp315-cp315t': 'many-1.0-cp315-abi3.abi3t-musllinux_1_2_x86_64.whl'}[tag]
    assert result.findings() == []
    checked, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    assert all(m.facts is not None and 'libc.so.6' not in m.facts.needed for m in checked.modules)
    directory = support.unpack(wheel, tmp_path / 'unpacked')
    done = subprocess.run(
        [prefix / 'bin' / 'python3', '-W', 'error', '-c',
         'import sys, many.first; print(getattr(sys, "_is_gil_enabled", lambda: True)())'],
        env={'PYTHONPATH': os.fspath(directory)}, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(tag == 'cp314-cp314'), done.stderr


def test_module_linked_to_glibc_is_refused_for_musl(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """musl loads it all the same: that it can be imported proves nothing."""
    prefix = trees.tree(trees.MUSL, 'cp314-cp314-musllinux_x86_64')
    directory = project('plain')
    # Something of the C library, or the linker leaves it out.
    with open(directory / 'plain.c', 'a') as file:
        file.write('#include <stdio.h>\nvoid say(void);\nvoid say(void) { puts("plain"); }\n')
    config = {'target': os.fspath(prefix)}
    refused = hook(BUILDER, 'build_wheel', directory, config=config, environment={'CC': 'gcc'})
    assert refused.findings('error')[0] == 'libc-mismatch'
    assert not refused.wheels
    wheel = hook(BUILDER, 'build_wheel', directory, config={**config, 'verify': 'off'}, environment={'CC': 'gcc'}).path
    done = subprocess.run(
        [prefix / 'bin' / 'python3', '-c', 'import plain; print(plain.answer())'],
        env={'PYTHONPATH': os.fspath(support.unpack(wheel, tmp_path / 'unpacked'))}, capture_output=True, text=True,
        check=False)
    assert done.stdout.strip() == '42', done.stderr


def macos(directory: pathlib.Path, release: str, architectures: str) -> pathlib.Path:
    """A stand-in for a macOS interpreter: a real Linux tree with the values of macOS in its sysconfig data."""
    prefix = test_descriptions.macos(directory / 'macos', release, architectures)
    headers = trees.tree(trees.LINUX, 'cp314-cp314t') / 'include' / 'python3.14t'
    shutil.copytree(headers, prefix / 'include' / 'python3.14t', dirs_exist_ok=True)
    return prefix


MACOS: typing.Final = [
    # (target of zig, architectures of the interpreter, ARCHFLAGS, MACOSX_DEPLOYMENT_TARGET, the platform tag)
    ('aarch64-macos.11.0', 'arm64', None, None, 'macosx_11_0_arm64'),
    ('aarch64-macos.12.0', 'arm64 x86_64', '-arch arm64', '12.3', 'macosx_12_0_arm64'),
    ('x86_64-macos.10.13', 'arm64 x86_64', '-arch x86_64', None, 'macosx_10_13_x86_64'),
]


@pytest.mark.parametrize(('target', 'architectures', 'flags', 'release', 'platform'), MACOS)
def test_macos(
    target: str, architectures: str, flags: str | None, release: str | None, platform: str, project: Copy, hook: Hook,
    tmp_path: pathlib.Path,
) -> None:
    """Compiled by zig for a macOS interpreter that is described, scanned, and not run: there is no macOS here."""
    pytest.importorskip('ziglang')
    prefix = macos(tmp_path, '10.13', architectures)
    result = hook(
        BUILDER, 'build_wheel', project('plain'), config={'target': os.fspath(prefix)},
        environment={'CC': trees.zig(tmp_path, target), 'ARCHFLAGS': flags, 'MACOSX_DEPLOYMENT_TARGET': release})
    wheel = result.path
    assert wheel.name == f'plain-1.0-cp314-cp314t-{platform}.whl'
    assert list(support.modules(wheel).values()) == ['plain.cpython-314t-darwin.so']
    checked, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    assert checked.found == ()
    facts = checked.modules[0].facts
    assert facts is not None
    assert (facts.format, facts.layout, facts.gil) == ('macho', 'free-threaded', 'not-used')


BOTH: typing.Final = '-arch arm64 -arch x86_64'


@pytest.mark.parametrize('kind', ['c', 'cpp', 'precompiled header'])
def test_universal2(kind: str, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """ARCHFLAGS reaches the compiler, as with setuptools, and each module holds both machines."""
    directory = project('plain')
    prefix = macos(tmp_path, '11.0', 'arm64 x86_64')
    if kind == 'cpp':
        (directory / 'plain.c').rename(directory / 'plain.cpp')
        support.replace(directory / 'meson.build', "'plain', 'c',", "'plain', 'cpp',")
        support.replace(directory / 'meson.build', 'plain.c', 'plain.cpp')
    elif kind == 'precompiled header':
        # Clang makes none for two machines.
        (directory / 'pch').mkdir()
        (directory / 'pch' / 'pch.h').write_text('#include <Python.h>\n')
        support.replace(directory / 'meson.build', 'install: true', "c_pch: 'pch/pch.h', install: true")
    result = hook(BUILDER, 'build_wheel', directory, config={'target': os.fspath(prefix)}, environment={
        'CXX' if kind == 'cpp' else 'CC': trees.apple_clang(tmp_path), 'ARCHFLAGS': BOTH})
    wheel = result.path
    assert wheel.name == 'plain-1.0-cp314-cp314t-macosx_11_0_universal2.whl'
    assert result.findings() == []
    checked, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    assert checked.found == ()
    facts = checked.modules[0].facts
    assert facts is not None
    assert {(part.machine, part.layout, part.gil) for part in facts.slices} == {
        ('aarch64', 'free-threaded', 'not-used'), ('x86_64', 'free-threaded', 'not-used')}


def test_universal2_needs_both_machines_in_each_module(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """A compiler that a cross file names is taken as it is: this one makes files for one machine."""
    pytest.importorskip('ziglang')
    prefix = macos(tmp_path, '11.0', 'arm64 x86_64')
    config = {'target': os.fspath(prefix)}
    directory = project('plain')
    cc = trees.zig(tmp_path, 'aarch64-macos.11.0')
    unsaid = hook(BUILDER, 'build_wheel', directory, config=config, environment={'CC': cc})
    assert unsaid.findings('error') == ['target-not-described']
    assert not unsaid.ran_meson_setup
    file = tmp_path / 'cross.ini'
    file.write_text(f"[binaries]\nc = '{cc}'\n")
    one = hook(BUILDER, 'build_wheel', directory, config={**config, 'setup-args': f'--cross-file={file}'},
               environment={'ARCHFLAGS': BOTH})
    assert 'machine-mismatch' in one.findings('error')
    assert not one.wheels


def test_compiler_with_an_open_quote(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """It is split into words to get the flags of ARCHFLAGS."""
    prefix = macos(tmp_path, '11.0', 'arm64')
    result = hook(BUILDER, 'build_wheel', project('plain'), config={'target': os.fspath(prefix)},
                  environment={'CC': 'clang "-O2', 'ARCHFLAGS': '-arch arm64'})
    assert result.findings('error') == ['invalid-environment']
    assert 'where: CC' in result.stderr


@pytest.mark.parametrize(('flags', 'release', 'identifier'), [
    ('-arch ppc', None, 'invalid-environment'), ('arm64', None, 'invalid-environment'),
    ('-arch x86_64', None, 'contradictory-target'), (None, 'eleven', 'invalid-environment')])
def test_wrong_variables_of_macos(
    flags: str | None, release: str | None, identifier: str, project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    prefix = macos(tmp_path, '11.0', 'arm64')
    result = hook(BUILDER, 'build_wheel', project('plain'), config={'target': os.fspath(prefix)},
                  environment={'ARCHFLAGS': flags, 'MACOSX_DEPLOYMENT_TARGET': release})
    assert result.findings('error') == [identifier]
    assert not result.ran_meson_setup


# What macOS itself is asked for. There is none here: sys.platform, the machine, the running interpreter are simulated.

def on_macos(monkeypatch: pytest.MonkeyPatch, prefix: pathlib.Path, machine: str = 'arm64') -> target_.Target:
    """As if this were macOS, and an older interpreter like that of this prefix ran here."""
    running = dataclasses.replace(reader.read(prefix).target, version=(3, 13, 0), description='')
    monkeypatch.setattr(sys, 'platform', 'darwin')
    monkeypatch.setattr(platform, 'machine', lambda: machine)
    monkeypatch.setattr(target_, 'running', lambda: running)
    for name in ('ARCHFLAGS', 'CC', 'CXX', 'OBJC', 'OBJCXX', 'MACOSX_DEPLOYMENT_TARGET', '_PYTHON_HOST_PLATFORM'):
        monkeypatch.delenv(name, raising=False)
    return running


def choose(directory: pathlib.Path, target: pathlib.Path | None, *setup_args: str) -> target_choice.Choice:
    return target_choice.choose(settings.Settings(
        source_dir=directory, pyproject={}, project=settings.ProjectSettings(), limited_api=False, abi='auto',
        target=os.fspath(target) if target else None, setup_args=setup_args))


@pytest.mark.parametrize(('machine', 'flags', 'cc', 'platform_tag', 'kind', 'c'), [
    ('arm64', None, None, 'macosx_11_0_arm64', None, None),
    ('x86_64', None, None, 'macosx_10_13_x86_64', None, None),
    ('arm64', '-arch arm64', None, 'macosx_11_0_arm64', 'native', "['cc', '-arch', 'arm64']"),
    ('arm64', '-arch arm64', 'clang -O', 'macosx_11_0_arm64', 'native', "['clang', '-O', '-arch', 'arm64']"),
    # As meson-python does for its own interpreter.
    ('arm64', '-arch x86_64', None, 'macosx_10_13_x86_64', 'cross', "['cc', '-arch', 'x86_64']"),
    ('arm64', BOTH, None, 'macosx_10_13_universal2', 'native', None),
])
def test_universal2_pythons_on_macos(
    machine: str, flags: str | None, cc: str | None, platform_tag: str, kind: str | None, c: str | None,
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """-Ctarget= for another of python.org's, by one of them."""
    prefix = test_descriptions.macos(tmp_path, '10.13', 'arm64 x86_64')
    on_macos(monkeypatch, prefix, machine)
    for name, value in (('ARCHFLAGS', flags), ('CC', cc)):
        if value:
            monkeypatch.setenv(name, value)
    choice = choose(tmp_path, prefix)
    assert choice.target.platform == platform_tag
    before, after = cross_setup.arguments(choice, tmp_path / 'own', [], '1.12.1')
    assert after == [f'--{kind or "native"}-file={tmp_path}/own/target/python.ini']
    assert before == ([f'--{kind}-file={tmp_path}/own/target/{kind}.ini'] if kind else [])
    text = (tmp_path / 'own' / 'target' / f'{kind}.ini').read_text() if kind else ''
    assert (f'c = {c}\n' in text) == (c is not None)
    assert ("cpu_family = 'x86_64'" in text) == (kind == 'cross')
    if flags == BOTH:
        assert (tmp_path / 'own' / 'target' / 'cpp').read_text().endswith(
            'exec c++ -arch arm64 -arch x86_64 "$@"\n')


@pytest.mark.parametrize('architectures', ['arm64', 'arm64 x86_64'])
@pytest.mark.parametrize('family', ['aarch64', 'x86_64'])
def test_cross_file_for_a_machine_of_macos(
    architectures: str, family: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """meson-python tags for the machine that it runs on."""
    prefix = test_descriptions.macos(tmp_path, '11.0', architectures)
    running = on_macos(monkeypatch, prefix)
    file = tmp_path / 'cross.ini'
    file.write_text(f"[host_machine]\nsystem = 'darwin'\ncpu_family = '{family}'\ncpu = '{family}'\n"
                    "endian = 'little'\n")
    choice = choose(tmp_path, None, f'--cross-file={file}')
    if family == 'aarch64':
        assert choice.is_running
        assert choice.target == running
        return
    # An interpreter for both machines is the one of the target; one for arm64 alone says nothing of the other.
    assert choice.described == (architectures != 'arm64')
    assert not choice.is_running
    assert (choice.target.platform, choice.target.machine) == ('macosx_11_0_x86_64', 'x86_64')


@pytest.mark.parametrize(('machine', 'gnu', 'musl', 'loader'), [
    ('x86_64', 'x86_64-linux-gnu', 'x86_64-linux-musl', 'x86_64'),
    ('i686', 'i686-linux-gnu', 'i686-linux-musl', 'i386'),
    ('armv7l', 'arm-linux-gnueabihf', 'arm-linux-musleabihf', 'armhf'), ('armv6l', '', '', 'armhf'),
    ('ppc64le', 'powerpc64le-linux-gnu', 'powerpc64le-linux-musl', 'powerpc64le'),
    ('s390x', 's390x-linux-gnu', 's390x-linux-musl', 's390x'),
])
def test_names_of_compilers_and_of_the_loader_of_musl(
    machine: str, gnu: str, musl: str, loader: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of Debian's packages, and of musl's own dist/ and configure; the loader is asked for its version."""
    target = reader.read(trees.tree(trees.LINUX, 'cp314-cp314')).target
    for libc, expected in (('glibc', gnu), ('musl', musl)):
        assert cross_setup.triplet(dataclasses.replace(target, machine=machine, libc=libc)) == expected
    asked: list[str] = []

    def run(command: list[pathlib.Path], **_: object) -> typing.NoReturn:
        asked.extend(map(os.fspath, command))
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, 'run', run)
    target_choice._for_musl(dataclasses.replace(target, machine=machine, libc='musl'))
    assert asked == [f'/lib/ld-musl-{loader}.so.1']


@pytest.mark.parametrize(('machine', 'cpu', 'family', 'endian', 'agrees'), [
    ('armv6l', 'armv6l', 'arm', 'little', True), ('armv8l', 'armv8l', 'arm', 'little', True),
    ('armv7l', 'cortex-a7', 'arm', 'little', True), ('ppc64le', 'ppc64le', 'ppc64', 'little', True),
    ('ppc64le', 'ppc64', 'ppc64', 'big', False), ('armv7l', 'aarch64', 'aarch64', 'little', False),
])
def test_cross_file_of_the_same_family(
    machine: str, cpu: str, family: str, endian: str, agrees: bool, tmp_path: pathlib.Path,
) -> None:
    """The file that the backend writes for a target agrees with that target."""
    layout = target_.MACHINES[machine]
    target = dataclasses.replace(
        reader.read(trees.tree(trees.LINUX, 'cp314-cp314')).target, machine=machine,
        pointer_size=layout.pointer_size, byte_order=layout.byte_order, platform=f'linux_{machine}')
    choice = target_choice.Choice(target, python_info={})
    written = {key: value.strip("'") for key, value in cross_setup._host_machine(target).items()}
    assert target_choice._with_machine(choice, written) == choice
    given = {'system': 'linux', 'cpu_family': family, 'cpu': cpu, 'endian': endian}
    if agrees:
        assert target_choice._with_machine(choice, given) == choice
    else:
        with pytest.raises(BuildRefused, match='contradictory-target'):
            target_choice._with_machine(choice, given)
