# SPDX-License-Identifier: MIT
"""Which interpreter a wheel is built for: the running one, or another one that was named.

Named by -Ctarget, by the environment variable MESONBUILD_FT_TARGET, or by what Meson's own files name:
python.build_config, or [binaries] python in a cross file. Whatever is given must agree.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing
import zlib

from . import emscripten, tags, target as target_
from .diagnostics import BuildRefused, refuse
from .meson import machine_files
from .settings import Settings
from .target import Target


#: For cibuildwheel and CI, where a config setting is hard to give.
VARIABLE: typing.Final = 'MESONBUILD_FT_TARGET'
_CROSS_FILE: typing.Final = '[binaries] python of the cross file'
_BUILD_CONFIG: typing.Final = 'python.build_config'

#: The machines of macOS, of both of which universal2 is.
_MACOS_MACHINES: typing.Final = frozenset({'aarch64', 'x86_64'})


@dataclasses.dataclass(frozen=True)
class Choice:
    """The target interpreter, and how Meson comes to know it.

    target: what it is.
    executable: the program that Meson is to ask; '' where the running interpreter is the target, or the
        target cannot be asked.
    python_info: of a target that is not run, what Meson's python_info.py would print there; else None.
    where: what named it, e.g. '-Ctarget'.
    described: whether something says which interpreter it is. Without that a cross file alone names the
        machine, which suffices for programs, but not for extension modules.
    """

    target: Target
    executable: str = ''
    python_info: typing.Mapping[str, typing.Any] | None = None
    described: bool = True
    where: str = ''

    @property
    def is_running(self) -> bool:
        """Whether it is the interpreter that runs this code."""
        return not self.executable and self.python_info is None and self.described

    @property
    def is_asked_for_all(self) -> bool:
        """Whether everything that meson.build runs as Python runs in the target: a cross file says so."""
        return bool(self.executable) and self.where == _CROSS_FILE

    def to_json(self) -> dict[str, typing.Any]:
        """The fields as JSON values, for `from_json`."""
        # An environment variable carries them, and Windows allows 32,767 characters in one: variables of a Makefile
        # have 50,000.
        packed = None if self.python_info is None else base64.b64encode(
            zlib.compress(json.dumps(self.python_info).encode())).decode()
        return {**dataclasses.asdict(self), 'python_info': packed}

    @classmethod
    def from_json(cls, data: typing.Mapping[str, typing.Any]) -> Choice:
        """The inverse of `to_json`."""
        packed = data['python_info']
        info = None if packed is None else json.loads(zlib.decompress(base64.b64decode(packed)))
        return cls(**{**data, 'target': Target.from_json(data['target']), 'python_info': info})


def choose(settings: Settings) -> Choice:
    """The target interpreter of this build. Raises BuildRefused."""
    files = machine_files.for_host(settings.setup_args, settings.source_dir)
    is_cross = machine_files.has_cross(settings.setup_args)
    given = dict(_given(settings, files, is_cross))
    choices = {where: dataclasses.replace(_choice(name, where, settings.source_dir), where=where)
               for where, name in given.items()}
    if not choices:
        choice = Choice(target_.running())
    else:
        where, choice = next(iter(choices.items()))
        for other, second in choices.items():
            if _identity(second.target) != _identity(choice.target):
                raise refuse(
                    'contradictory-target',
                    f'{where} names {_words(choice.target)}, and {other} names {_words(second.target)}',
                    where=where, advice='Leave out the one that is wrong.')
    machine: dict[str, typing.Any] = {}
    for contents in files if is_cross else ():
        machine.update(contents.get('host_machine', {}))
    if machine:
        choice = _with_machine(choice, machine)
    _check_emscripten(choice)
    if choice.is_running or not choice.described:
        return choice
    _check_host_platform(choice.target)
    return dataclasses.replace(choice, target=in_wheels(choice.target, machine.get('cpu_family')))


def _given(
    settings: Settings, files: typing.Iterable[machine_files.Contents], is_cross: bool,
) -> typing.Iterator[tuple[str, str]]:
    """(where it stands, what it names), the strongest first."""
    if settings.target is not None:
        yield '-Ctarget', settings.target
    if os.environ.get(VARIABLE):
        yield VARIABLE, os.environ[VARIABLE]
    configs: list[str] = []
    python = None
    for contents in files:
        named = contents.get('built-in options', {}).get('python.build_config')
        configs += [str(named)] if named else []
        # A native file may name it as well; meson-python overrides that by the running interpreter.
        python = contents.get('binaries', {}).get('python', python) if is_cross else None
    configs += machine_files.option_values('python.build_config', settings.setup_args)
    if configs:
        yield _BUILD_CONFIG, configs[-1]
    if python:
        command = [python] if isinstance(python, str) else python
        if not isinstance(command, list) or len(command) != 1:
            raise refuse(
                'unreadable-target', f'{python!r} is not one program, and Meson runs only the first word of it',
                where=_CROSS_FILE, advice='Name a script there that runs the interpreter, or give -Ctarget.')
        yield _CROSS_FILE, str(command[0])


def _choice(name: str, where: str, source_dir: pathlib.Path) -> Choice:
    """What `name` stands for: a description, a prefix directory, or an interpreter that can be run."""
    from . import interpreter_cache, interpreters
    from .description import reader

    path = source_dir / os.path.expanduser(name)
    # A command first: a project may well have a directory called python.
    command = shutil.which(name) if os.path.basename(name) == name else None
    if command is not None:
        path = pathlib.Path(command)
    elif interpreters.is_version(name) and not path.exists():
        with interpreter_cache.Cache() as cache:
            path = interpreters.executable(name, cache.probe_all)
    elif not path.exists():
        with interpreter_cache.Cache() as cache:
            meant = interpreters.meant(name, cache.probe_all)
        raise refuse(
            'unreadable-target', f'there is no {name}{meant}', where=where,
            advice='Name an interpreter, its version, its prefix directory, or a build-details.json. A relative path '
                   'begins in the directory of pyproject.toml, which is another one where a wheel is built from a '
                   'source distribution.')
    path = path.absolute()
    if interpreters.may_run(path):
        if os.path.samefile(path, sys.executable):
            return Choice(target_.running())
        with interpreter_cache.Cache() as cache:
            interpreter = cache.probe(path)
        if interpreter is not None:
            if _is_running(interpreter.target):
                return Choice(target_.running())
            return Choice(interpreter.target, executable=os.fspath(path))
        if where == _CROSS_FILE:
            raise refuse(
                'unreadable-target', f'{path} does not run a Python 3', where=where,
                advice='Name a script there that runs it in an emulator, or leave it out and give -Ctarget.')
    try:
        found = reader.read(path)
    except BuildRefused as error:
        raise BuildRefused(*(
            d._replace(where=f'{where}: {d.where}' if d.where else where) for d in error.diagnostics)) from error
    if _is_running(found.target):
        return Choice(target_.running())
    return Choice(found.target, python_info=found.python_info)


def _is_running(target: Target) -> bool:
    """Whether it is the running interpreter under another name: that of its base, its prefix, or its description."""
    running = target_.running()
    try:
        return _identity(target) == _identity(running) and target.version == running.version and os.path.samefile(
            target.include_dir, running.include_dir)
    except OSError:
        return False


def _with_machine(choice: Choice, machine: typing.Mapping[str, typing.Any]) -> Choice:
    """The choice, held against [host_machine] of the cross files."""
    target = choice.target
    system, family, cpu, endian = (str(machine.get(key, '')) for key in ('system', 'cpu_family', 'cpu', 'endian'))
    if not system or not family:
        # Meson itself says what is missing.
        return choice
    universal = target.machine == 'universal2'
    families = _MACOS_MACHINES if universal else {target_.cpu_family(target.machine)}
    same_order = endian in ('', target.byte_order)
    if system == target.system and family in families and same_order:
        if choice.is_running and universal and family != target_.this_machine():
            # What meson-python says of the running interpreter is of this machine.
            return dataclasses.replace(choice, executable=sys.executable)
        return choice
    if not choice.is_running:
        order = '' if same_order else f'{endian}-endian '
        raise refuse(
            'contradictory-target',
            f'the cross file is for {order}{family} {system}, and the target interpreter is {_words(target)}',
            where='[host_machine] of the cross file',
            advice='Correct the cross file, or name the interpreter of that machine.')
    name = target_.machine_of_cpu(family, cpu, endian)
    layout: target_.Machine | Target = target_.MACHINES.get(name, target)
    return Choice(described=False, target=dataclasses.replace(
        target, platform=_platform_of_programs(target, system, name), system=system, machine=name or family, libc='',
        pointer_size=layout.pointer_size, byte_order=layout.byte_order))


def _platform_of_programs(running: Target, system: str, machine: str) -> str:
    """The platform tag for what the cross file says; '' where that tells none, which build.py refuses.

    Tags of Android, iOS, FreeBSD and Emscripten have a version, of which the cross file says nothing.
    """
    if machine and system == 'linux':
        return f'linux_{machine}'
    if machine and system == 'windows':
        return target_.MACHINES[machine].windows
    if machine in _MACOS_MACHINES and system == 'darwin' and (
            running.system == system or os.environ.get('MACOSX_DEPLOYMENT_TARGET')):
        return _macos_platform(running, {machine})
    return ''


def _check_emscripten(choice: Choice) -> None:
    """Refuse Emscripten, unless pyodide-build presents it as the running interpreter."""
    if choice.target.system != emscripten.SYSTEM or not choice.described:
        return
    if not choice.is_running:
        raise emscripten.refusal(choice.target.description or choice.executable)
    if not os.environ.get('_PYTHON_SYSCONFIGDATA_NAME'):
        raise emscripten.refusal('_PYTHON_HOST_PLATFORM')


def _check_host_platform(target: Target) -> None:
    """Hold _PYTHON_HOST_PLATFORM, which crossenv and cibuildwheel set, against a target that was named."""
    text = os.environ.get('_PYTHON_HOST_PLATFORM', '')
    if not text:
        return
    known = tags.machines(target_.platform_tag(text, target.pointer_size))
    wanted = tags.machines(target.platform)
    if target_.system_of_platform(text) != target.system or (known and wanted and not set(known) & set(wanted)):
        raise refuse(
            'contradictory-target', f'_PYTHON_HOST_PLATFORM is {text}, and the target interpreter is {_words(target)}',
            where='_PYTHON_HOST_PLATFORM', advice='Unset the variable, or name the interpreter of that platform.')


def _for_macos(target: Target, family: object) -> Target:
    """The target for the machines that ARCHFLAGS or the cross file chooses of those that it has."""
    able = _MACOS_MACHINES if target.machine == 'universal2' else {target.machine}
    words = os.environ.get('ARCHFLAGS', '').split()
    chosen = {'aarch64' if word == 'arm64' else word for word in words[1::2]}
    if words and (set(words[::2]) != {'-arch'} or len(words) % 2 or not chosen <= _MACOS_MACHINES):
        raise refuse(
            'invalid-environment', f'ARCHFLAGS is {" ".join(words)!r}', where='ARCHFLAGS',
            advice='It takes "-arch arm64", "-arch x86_64", or both.')
    if (family and chosen and family not in chosen) or not chosen <= able:
        raise refuse(
            'contradictory-target',
            f'ARCHFLAGS is {" ".join(words)!r}, and the '
            + (f'cross file is for {family}' if chosen <= able else f'target interpreter is {_words(target)}'),
            where='ARCHFLAGS', advice='Unset the variable, or correct the other.')
    machines = chosen or ({str(family)} if family else able)
    if not chosen and len(machines) > 1 and sys.platform == 'darwin':
        # As meson-python does for the running interpreter.
        machines = {target_.this_machine()}
    if not chosen and len(machines) > 1:
        raise refuse(
            'target-not-described', f'{_words(target)} is for two machines, and nothing says for which to compile',
            where='ARCHFLAGS', advice='Set it to "-arch arm64" or "-arch x86_64", or to both for a compiler that makes '
            'universal files.')
    machine = 'universal2' if len(machines) > 1 else next(iter(machines))
    return dataclasses.replace(target, platform=_macos_platform(target, machines), machine=machine)


def _macos_platform(target: Target, machines: typing.AbstractSet[str]) -> str:
    """The platform tag for MACOSX_DEPLOYMENT_TARGET, or else for the macOS that the interpreter was built for."""
    text = os.environ.get('MACOSX_DEPLOYMENT_TARGET') or '.'.join(target.platform.split('_')[1:3])
    if re.fullmatch(r'\d+(?:\.\d+){0,2}', text) is None:
        raise refuse(
            'invalid-environment', f'{text!r} is no version of macOS', where='MACOSX_DEPLOYMENT_TARGET',
            advice='Set it to e.g. 11.0, or unset it.')
    machine = 'universal2' if len(machines) > 1 else next(iter(machines))
    return target_.platform_tag(f'macosx-{text}-{"arm64" if machine == "aarch64" else machine}', target.pointer_size)


def _for_musl(target: Target) -> Target:
    """The target with the platform tag of PEP 656, where the musl of this machine tells its version."""
    loader = pathlib.Path('/lib', f'ld-musl-{_musl_name(target.machine)}.so.1')
    try:
        # Without a program it prints its version, and fails.
        text = subprocess.run([loader], capture_output=True, text=True, check=False).stderr
    except OSError:
        text = ''
    version = re.search(r'^Version (\d+)\.(\d+)', text, re.MULTILINE)
    if version is None:
        # linux_x86_64 promises no C library; what the modules are linked to is still held against the target's.
        return target
    return dataclasses.replace(target, platform=f'musllinux_{version[1]}_{version[2]}_{target.machine}')


def _musl_name(machine: str) -> str:
    """What musl calls a machine in the name of its loader (LDSO_ARCH, with hard floats on ARM)."""
    special = {'x86': 'i386', 'arm': 'armhf'}
    return special.get(target_.cpu_family(machine)) or target_.MACHINES[machine].gnu or machine


def undescribed(target: Target) -> BuildRefused:
    """The refusal where extension modules are built and nothing says for which interpreter."""
    if target.system == emscripten.SYSTEM:
        return emscripten.refusal('[host_machine] of the cross file')
    return refuse(
        'target-not-described', f'the cross file is for {target.machine} {target.system}, and nothing says which '
        'Python the extension modules are for', where='-Ctarget',
        advice=f'Name it with -Ctarget= or {VARIABLE}: the prefix directory of that Python, its build-details.json, '
               'or a program that runs it.')


def in_wheels(target: Target, family: object = None) -> Target:
    """A target as it says of itself, with the platform tag of wheels for it. Raises BuildRefused.

    family: cpu_family of the cross files, None without.
    """
    if target.system == 'darwin':
        return _for_macos(target, family)
    return _for_musl(target) if target.libc == 'musl' else target


def version_text(choice: Choice) -> str:
    """The version of the target for requires-python, as platform.python_version() has it."""
    import platform

    if choice.is_running:
        return platform.python_version()
    return choice.target.release


def _identity(target: Target) -> tuple[object, ...]:
    return target.implementation, target.version[:2], target.abi_tag, target.platform


def _words(target: Target) -> str:
    return f'{target.name} for {target.platform}'
