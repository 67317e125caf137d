# SPDX-License-Identifier: MIT
"""Interpreters of other machines, as trees of files: those of this machine's /opt, and Debian's, unpacked here."""

from __future__ import annotations

import os
import pathlib
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


def debian(architecture: str) -> pathlib.Path:
    """The root above usr of Debian's Python 3.11 for an architecture, e.g. 'arm64'; downloaded once.

    apt keeps its lists below .cache as well: nothing is installed, and no architecture is added to the system.
    """
    root = _DEBIAN / architecture
    if not root.is_dir():
        try:
            _download(architecture, root)
        except (OSError, subprocess.CalledProcessError) as error:
            details = getattr(error, 'stderr', None) or error
            missing(f'the packages of Debian for {architecture} cannot be had: {details}')
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
    for command in ([*apt, 'update'], [*apt, 'download', *names]):
        subprocess.run(command, cwd=work / 'packages', check=True, capture_output=True, text=True, timeout=300)
    for package in sorted((work / 'packages').glob('*.deb')):
        subprocess.run(['dpkg-deb', '-x', package, work / 'root'], check=True, capture_output=True, text=True)
    (work / 'root').rename(root)
    shutil.rmtree(work)
