# SPDX-License-Identifier: MIT
"""Interpreters of other machines, as trees of files: those of this machine's /opt, and Debian's, unpacked here."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import typing

import pytest
import support


LINUX: typing.Final = pathlib.Path('/opt/python')
MUSL: typing.Final = pathlib.Path('/opt/python-musl')
WINDOWS: typing.Final = pathlib.Path('/opt/python-windows')

_DEBIAN: typing.Final = support.ROOT / '.cache' / 'debian'
#: Packages of Debian 12 that hold an interpreter, its sysconfig data and its headers, and what it needs to run.
_PACKAGES: typing.Final = (
    'libpython3.11-minimal', 'libpython3.11-stdlib', 'libpython3.11-dev', 'python3.11-minimal', 'libc6', 'zlib1g',
    'libexpat1', 'libgcc-s1', 'libssl3')


def missing(what: str) -> typing.NoReturn:
    """Skip the test, or fail it where CI is set."""
    if os.environ.get('CI'):
        pytest.fail(f'{what}, and CI is set')
    pytest.skip(what)


def need(*programs: str) -> None:
    """Skip the test, or fail it where CI is set, without these programs."""
    for program in programs:
        if shutil.which(program) is None:
            missing(f'{program} is not installed')


def tree(parent: pathlib.Path, name: str) -> pathlib.Path:
    """The prefix directory of an interpreter below one of the directories above."""
    if not (parent / name).is_dir():
        missing(f'no {name} in {parent}')
    return parent / name


def mingw(directory: pathlib.Path) -> pathlib.Path:
    """A cross file for MinGW."""
    path = directory / 'mingw.ini'
    path.write_text(
        "[binaries]\nc = 'x86_64-w64-mingw32-gcc'\n[host_machine]\nsystem = 'windows'\ncpu_family = 'x86_64'\n"
        "cpu = 'x86_64'\nendian = 'little'\n")
    return path


def zig(directory: pathlib.Path, target: str) -> str:
    """A program that is zig's C compiler for a target: Meson and CC want one word."""
    path = directory / f'zig-{target}'
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m ziglang cc -target {target} "$@"\n')
    path.chmod(0o755)
    return os.fspath(path)


def apple_clang(directory: pathlib.Path) -> str:
    """A program that is Clang for macOS: as Apple's it takes `-arch arm64 -arch x86_64`, and makes universal files.

    It is Debian's, with LLVM's linker and lipo, and the headers of macOS that zig brings. Those are newer than it, and
    declare functions of _Float16, which it has for x86-64 only with AVX512; nothing of it is run.
    """
    ziglang = pytest.importorskip('ziglang')
    libc = pathlib.Path(ziglang.__file__).parent / 'lib' / 'libc'
    programs, sdk = directory / 'programs', directory / 'sdk' / 'usr'
    programs.mkdir()
    for name, ours in (('ld64.lld', 'ld64.lld'), ('llvm-lipo', 'lipo')):
        (programs / ours).symlink_to(_llvm(name))
    (sdk / 'lib').mkdir(parents=True)
    (sdk / 'include').symlink_to(libc / 'include' / 'any-darwin-any')
    library = (libc / 'darwin' / 'libSystem.tbd').read_text()
    (sdk / 'lib' / 'libSystem.tbd').write_text(
        re.sub(r',\s*arm64e\.x1-\w+', '', library).replace('arm64e-', 'arm64-'))
    path = directory / 'apple-clang'
    words = [_llvm('clang'), '-target', 'arm64-apple-macos11', f'-B{programs}', '-isysroot', sdk.parent,
             '-fuse-ld=lld', '-Wno-unused-command-line-argument', '-Xarch_x86_64', '-mavx512fp16']
    path.write_text(f'#!/bin/sh\nexec {shlex.join(map(os.fspath, words))} "$@"\n')
    path.chmod(0o755)
    return os.fspath(path)


def _llvm(name: str) -> str:
    """A program of LLVM, which Debian installs with the version in its name."""
    for suffix in ('', *(f'-{version}' for version in range(14, 23))):
        path = shutil.which(name + suffix)
        if path is not None:
            return path
    missing(f'{name} is not installed')


def debian(architecture: str) -> pathlib.Path:
    """The root above usr of Debian's Python 3.11 for an architecture, e.g. 'arm64'; downloaded once.

    apt keeps its lists below .cache as well: nothing is installed, and no architecture is added to the system.
    """
    root = _DEBIAN / architecture
    with support.locked(root.with_name(f'{architecture}.lock')):
        if not root.is_dir():
            try:
                _download(architecture, root)
            except (OSError, subprocess.SubprocessError) as error:
                missing(f'the packages of Debian for {architecture} cannot be had: {error}')
    return root


def _download(architecture: str, root: pathlib.Path) -> None:
    work = root.with_name(f'{architecture}-unfinished')
    shutil.rmtree(work, ignore_errors=True)
    for name in ('lists/partial', 'cache/archives/partial', 'packages', 'root'):
        (work / name).mkdir(parents=True)
    apt = ['apt-get', '-qq', '-o', f'Dir::State::Lists={work / "lists"}', '-o', f'Dir::Cache={work / "cache"}',
           '-o', 'APT::Sandbox::User=root', '-o', f'APT::Architecture={architecture}',
           '-o', f'APT::Architectures={architecture}']
    names = [f'{name}:{architecture}' for name in _PACKAGES]
    # It fails where one list of several is just being replaced on the server: the others may suffice.
    updated = _run([*apt, 'update'], work)
    downloaded = _run([*apt, 'download', *names], work)
    if downloaded.returncode:
        raise OSError(updated.stderr + downloaded.stderr)
    for package in sorted((work / 'packages').glob('*.deb')):
        subprocess.run(['dpkg-deb', '-x', package, work / 'root'], check=True, capture_output=True, text=True)
    (work / 'root').rename(root)
    shutil.rmtree(work)


def _run(command: list[str], work: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=work / 'packages', check=False, capture_output=True, text=True, timeout=300)
