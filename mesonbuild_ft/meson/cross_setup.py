# SPDX-License-Identifier: MIT
"""What `meson setup` is given so that it compiles for a target interpreter that is not the running one.

Machine files in the build directory: compilers that are found for that machine, which anything the person
gives overrides, and the target's Python, which nothing does. A target that cannot be run is answered for by
a small program, since Meson asks its Python what it is by running a script of its own (python_info.py).
"""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import sys
import typing

from .. import target as target_, workarounds
from ..diagnostics import refuse
from ..target import Target
from ..target_choice import Choice
from . import flags, machine_files, tools


#: Meson's [binaries] entry -> (program after the triplet, the environment variables that Meson reads for it).
PROGRAMS: typing.Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    'c': ('gcc', ('CC',)), 'cpp': ('g++', ('CXX',)), 'ar': ('ar', ('AR',)), 'strip': ('strip', ('STRIP',)),
    'windres': ('windres', ('WINDRES',)), 'fortran': ('gfortran', ('FC',)),
}
#: Meson's [binaries] entries that take -arch flags -> the environment variable that names the compiler, and that of
#: macOS where it names none.
_FOR_ARCHFLAGS: typing.Final = {
    'c': ('CC', 'cc'), 'cpp': ('CXX', 'c++'), 'objc': ('OBJC', 'cc'), 'objcpp': ('OBJCXX', 'c++')}


class Arguments(typing.NamedTuple):
    """Arguments of `meson setup`: those before and those after what the person gave."""

    before: list[str]
    after: list[str]


def arguments(
    choice: Choice, own_dir: pathlib.Path, given: list[str], meson_version: str, *, abi: str = 'full',
) -> Arguments:
    """The arguments for this target; writes the files that they name into own_dir. Raises BuildRefused.

    abi: on Windows, 'abi3' or 'abi3t' where everything is to be linked to the library of that stable ABI.
    """
    target = choice.target
    directory = own_dir / 'target'
    if choice.is_running or not choice.described:
        return Arguments([], [] if abi == 'full' else _build_config(target, directory, meson_version, abi))
    directory.mkdir(parents=True, exist_ok=True)
    python = choice.executable if choice.is_asked_for_all else os.fspath(_stand_in(choice, directory))
    kind = 'cross' if is_cross(target) or machine_files.has_cross(given) else 'native'
    before = []
    binaries = _compilers(target, directory)
    if kind == 'cross' or binaries:
        text = _section('binaries', {name: machine_files.quoted(*command) for name, command in binaries.items()})
        if kind == 'cross':
            text += _section('host_machine', _host_machine(target))
        text += _section('built-in options', _options(target, binaries))
        before.append(f'--{kind}-file={tools.write_changed(directory / f"{kind}.ini", text)}')
    text = _section('binaries', {'python': machine_files.quoted(python)})
    after = [f'--{kind}-file={tools.write_changed(directory / "python.ini", text)}']
    if target.system == 'windows' and (not choice.executable or abi != 'full'):
        after += _build_config(target, directory, meson_version, abi)
    return Arguments(before, after)


def _build_config(target: Target, directory: pathlib.Path, meson_version: str, abi: str) -> list[str]:
    if not workarounds.has_build_config(meson_version):
        raise refuse(
            'missing-meson', f'Meson {meson_version} cannot link for {target.name} here: it needs 1.10 or newer',
            where='PATH, MESON or [tool.meson-python] meson', advice='Install a newer one: pip install -U meson.')
    directory.mkdir(parents=True, exist_ok=True)
    config = workarounds.build_config_for_meson(target, abi)
    return [f'-Dpython.build_config={tools.write_changed(directory / f"build-details-{abi}.json", json.dumps(config))}']


def is_cross(target: Target) -> bool:
    """Whether programs for the target do not run on this machine as they are."""
    running = target_.running()
    if target.system == running.system and running.machine == 'universal2':
        # Of those that it runs on, one is that of this machine; the other takes Rosetta.
        return target.machine not in ('universal2', target_.this_machine())
    return (target.system, target.machine) != (running.system, running.machine)


def triplet(target: Target) -> str:
    """The prefix of the names of GCC and binutils for this target; '' where there is no usual one."""
    machine = target.machine
    if target.system == 'windows':
        return f'{machine}-w64-mingw32'
    # arm-linux-gnueabihf-gcc makes files for ARMv7 where it is Debian's.
    if target.system == 'linux' and machine in target_.MACHINES and machine != 'armv6l':
        libc = 'musl' if target.libc == 'musl' else 'gnu'
        float_abi = 'eabihf' if target_.cpu_family(machine) == 'arm' else ''
        return f'{target_.MACHINES[machine].gnu or machine}-linux-{libc}{float_abi}'
    return ''


def _compilers(target: Target, directory: pathlib.Path) -> dict[str, list[str]]:
    """Programs for the target on PATH, without those that an environment variable names.

    For macOS those that one does name, and on macOS cc as well, with the flags of ARCHFLAGS. Raises BuildRefused.
    """
    found: dict[str, list[str]] = {}
    cross = is_cross(target)
    if target.system == 'darwin':
        chosen = os.environ.get('ARCHFLAGS', '').split()
        here = sys.platform == 'darwin'
        if here and cross and not chosen:
            chosen = ['-arch', 'arm64' if target.machine == 'aarch64' else target.machine]
        for entry, (name, usual) in _FOR_ARCHFLAGS.items():
            value = os.environ.get(name) or (usual if here else '')
            if chosen and value:
                # As Meson reads it.
                command = [value] if os.path.exists(value) else flags.environment_words(name) or [usual]
                found[entry] = workarounds.with_architectures(command, chosen, directory / entry)
        return found
    prefix = triplet(target)
    if not cross and target.libc != 'musl':
        # Those of this machine, which Meson finds itself.
        return {}
    for entry, (program, variables) in PROGRAMS.items():
        path = shutil.which(f'{prefix}-{program}') if prefix else None
        if path is None and entry == 'c' and target.libc == 'musl' and not cross:
            path = shutil.which('musl-gcc')
        if path is not None and not any(os.environ.get(name) for name in variables):
            found[entry] = [path]
    return found


def _options(target: Target, binaries: typing.Mapping[str, list[str]]) -> dict[str, str]:
    """Options of Meson that a machine file gives, so that what the person gives overrides them. Raises BuildRefused."""
    options = {}
    if target.machine == 'universal2':
        # Clang makes none for two machines.
        options['b_pch'] = 'false'
    for language, variable in (('c', 'CC'), ('cpp', 'CXX')):
        if target.system == 'windows' and language in binaries and not os.environ.get(variable):
            # No Windows Python has the libraries of GCC itself, of C++ and of threads. An option hides LDFLAGS.
            words = ['-static', *flags.environment_words('LDFLAGS')]
            options[f'{language}_link_args'] = machine_files.quoted(*words)
    return options


def _host_machine(target: Target) -> dict[str, str]:
    family = target_.cpu_family(target.machine)
    cpu = family if target.machine == 'universal2' else target.machine
    return {'system': repr(target.system), 'cpu_family': repr(family), 'cpu': repr(cpu),
            'endian': repr(target.byte_order)}


def _stand_in(choice: Choice, directory: pathlib.Path) -> pathlib.Path:
    """A program that answers Meson's python_info.py for the target, and is the running interpreter for all else.

    So what meson.build runs with it, such as a script that asks for a version, finds the requirements of the build.
    """
    info = '' if choice.executable else os.fspath(
        tools.write_changed(directory / 'python-info.json', json.dumps(choice.python_info)))
    if os.name == 'nt':  # pragma: no cover - Meson starts a script by its first line there
        path = directory / 'python.py'
        path.write_text(
            '#!/usr/bin/env python3\nimport subprocess, sys\n'
            'if len(sys.argv) > 1 and sys.argv[1].endswith("python_info.py"):\n'
            + (f'    sys.stdout.write(open({info!r}, encoding="utf-8").read())\n' if info else
               f'    sys.exit(subprocess.call([{choice.executable!r}, *sys.argv[1:]]))\n')
            + f'else:\n    sys.exit(subprocess.call([{sys.executable!r}, *sys.argv[1:]]))\n', encoding='utf-8')
        return path
    path = directory / 'python'
    answer = f'cat {shlex.quote(info)}' if info else f'{shlex.quote(choice.executable)} "$@"'
    path.write_text(
        f'#!/bin/sh\n# What the target interpreter is, it says itself or by a file.\ncase "$1" in\n'
        f'*python_info.py) exec {answer};;\n'
        f'*) exec {shlex.quote(sys.executable)} "$@";;\nesac\n', encoding='utf-8')
    path.chmod(0o755)
    return path


def _section(name: str, values: typing.Mapping[str, str]) -> str:
    return f'[{name}]\n' + ''.join(f'{key} = {value}\n' for key, value in values.items())
