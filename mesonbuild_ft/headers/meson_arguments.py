# SPDX-License-Identifier: MIT
"""How dependency('mesonbuild-ft') finds the headers: arguments of `meson setup`.

Meson asks pkg-config, which is told of the installed mesonbuild-ft.pc. Where that would not do, it is given
pkg_config.py instead, which passes on all other questions: on machines without pkg-config; in a cross build that names
none (Meson takes none for it of its own accord, and the build machine's would answer for libraries of that); under a
sys_root, which pkg-config puts before each include directory; where a person chose the directories.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import sys
import typing

from ..meson import machine_files
from . import NAME, PKG_CONFIG_DIRECTORY


def arguments(given: typing.Sequence[str], source_dir: pathlib.Path, own_dir: pathlib.Path) -> list[str]:
    """The arguments of `meson setup` with which dependency('mesonbuild-ft') is found for the host machine.

    given: the other arguments. Writes the file that the arguments name into own_dir. Raises BuildRefused.
    """
    is_cross = machine_files.has_cross(given)
    host = machine_files.for_host(given, source_dir)
    program = _pkg_config(host, is_cross=is_cross)
    paths = [path for path in os.environ.get('PKG_CONFIG_PATH', '').split(os.pathsep) if path]
    # No apostrophe can be written in a machine file.
    if program and not _needs_stand_in(given, host) and not any("'" in path for path in paths):
        values = ', '.join(machine_files.quoted(path) for path in [*paths, PKG_CONFIG_DIRECTORY.as_posix()])
        text = f'[built-in options]\npkg_config_path = [{values}]\n'
    else:
        # -I: modules of this package would hide others of the same name.
        script = os.fspath(pathlib.Path(__file__).with_name('pkg_config.py'))
        command = [sys.executable, '-IS', script, json.dumps(program)]
        text = f'[binaries]\npkg-config = {machine_files.quoted(*command)}\n'
    kind = 'cross' if is_cross else 'native'
    file = own_dir / f'headers-{kind}.ini'
    file.write_text(text, encoding='utf-8')
    return [f'--{kind}-file={file}']


def _pkg_config(host: typing.Sequence[machine_files.Contents], *, is_cross: bool) -> list[str]:
    """The pkg-config that Meson would run for the host machine; [] where there is none."""
    command = [] if is_cross else ['pkg-config']
    variable = os.environ.get('PKG_CONFIG')
    if variable:
        command = machine_files.array(variable)
    for contents in host:
        binaries = contents.get('binaries', {})
        # The second is its name in Meson before 1.3.
        named = binaries.get('pkg-config') or binaries.get('pkgconfig')
        if named:
            command = [named] if isinstance(named, str) else list(named)
    return command if command and shutil.which(command[0]) else []


def _needs_stand_in(given: typing.Sequence[str], host: typing.Sequence[machine_files.Contents]) -> bool:
    """Whether one more directory for pkg-config to look in would not do."""
    if not (PKG_CONFIG_DIRECTORY / f'{NAME}.pc').is_file():
        # A checkout, where it is made by the build.
        return True
    if machine_files.option_values('pkg_config_path', given):
        return True
    return any(
        contents.get('properties', {}).get('sys_root') or 'pkg_config_path' in contents.get('built-in options', {})
        for contents in host)
