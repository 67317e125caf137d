# SPDX-License-Identifier: MIT
"""The verdict on what ties a module to a system: its C library and its oldest macOS. Pure."""

from __future__ import annotations

import re
import typing

from .. import tags
from ..diagnostics import Diagnostic
from ..modules import Module
from ..scanner import Facts


#: C library -> names of it and of its loader, as other files need them. musl calls itself libc.so, and
#: libc.musl-x86_64.so.1 in Alpine Linux; with glibc libc.so is a text for the linker.
_LIBRARIES: typing.Final[dict[tags.Libc, re.Pattern[str]]] = {
    'glibc': re.compile(r'libc\.so\.6(?:\.1)?|ld-linux[^/]*\.so\.\d|ld64\.so\.\d'),
    'musl': re.compile(r'libc\.so|libc\.musl-[^/]+\.so\.1|ld-musl-[^/]+\.so\.1'),
}
#: DLLs of GCC and Clang for Windows, and of Cygwin.
_RUNTIME: typing.Final = re.compile(
    r'(?:lib(?:gcc_s|stdc\+\+|c\+\+|unwind|winpthread|gfortran|quadmath|gomp)|cyg|msys-)[\w+.-]*\.dll', re.IGNORECASE)
#: The first macOS for each machine; older tags mean it, as in a universal2 wheel.
_FIRST_MACOS: typing.Final = {'aarch64': (11, 0)}


def libc(
    module: Module, facts: Facts, name: tags.WheelName, floor: tags.Version | None,
    siblings: typing.AbstractSet[str], target: tags.Libc = '',
) -> typing.Iterator[Diagnostic]:
    """A module that is linked to another C library than the platform tags promise.

    A tag such as linux_x86_64 promises none. siblings: file names of the shared libraries in the wheel.
    target: the C library of the interpreter that a wheel is being built for, where it is known.
    """
    own = tags.libc_of_suffix(module.suffix_tag, floor)
    for platform in name.platform.split('.'):
        promised = tags.libc_of_platform(platform) or target
        if not promised or (own and own != promised):
            # A suffix of the other library is not looked for, and that is told already.
            continue
        other: tags.Libc = 'musl' if promised == 'glibc' else 'glibc'
        library = next((needed for needed in facts.needed
                        if _LIBRARIES[other].fullmatch(needed) and needed not in siblings), None)
        if facts.format == 'elf' and library is not None:
            says = f'the tag says {platform}' if tags.libc_of_platform(platform) else f'the target uses {promised}'
            yield module.error(
                'libc-mismatch', f'is linked to {library} of {other}, and {says}',
                f'Compile it for {promised}, in an image of {"musllinux" if promised == "musl" else "manylinux"}, '
                'or correct the tag.')
            return


def macos(module: Module, facts: Facts, name: tags.WheelName) -> typing.Iterator[Diagnostic]:
    """A slice that says it needs a newer macOS than each platform tag that admits its machine."""
    needed = _version(facts.minimum_os or '')
    if needed is None or facts.format != 'macho':
        return
    admitted = []
    for platform in name.platform.split('.'):
        tag = re.fullmatch(r'macosx_(\d+)_(\d+)_(\w+)', platform)
        if tag and facts.machine in tags.machines(tag[3]):
            first = max((int(tag[1]), int(tag[2])), _FIRST_MACOS.get(facts.machine, (0, 0)))
            admitted.append((first, platform))
    if not admitted:
        return
    # Any of them lets an installer choose the wheel.
    oldest, platform = min(admitted)
    if _named(needed) > _named(oldest):
        wanted = _named(needed)
        yield module.finding(
            'macos-newer-than-tag', 'warning',
            f'says that it needs macOS {facts.minimum_os}, and the tag says {platform}',
            'Set MACOSX_DEPLOYMENT_TARGET to the version of the tag for all that is compiled, '
            f'or tag the wheel macosx_{wanted[0]}_{wanted[1]}.')


def _named(version: tags.Version) -> tags.Version:
    """As tags name it: from 11 on without a minor version, and 10.16 is another name for 11."""
    return (max(version[0], 11), 0) if version >= (10, 16) else version


def _version(text: str) -> tags.Version | None:
    match = re.match(r'(\d+)\.(\d+)', text)
    return (int(match[1]), int(match[2])) if match else None


def runtime_libraries(
    module: Module, facts: Facts, siblings: typing.AbstractSet[str],
) -> typing.Iterator[Diagnostic]:
    """A module for Windows that needs the DLLs of its compiler, which are on the machine that built it only."""
    if facts.format != 'pe':
        return
    present = {name.lower() for name in siblings}
    missing = [name for name in facts.needed if _RUNTIME.fullmatch(name) and name.lower() not in present]
    if missing:
        yield module.finding(
            'runtime-library-missing', 'warning',
            f'needs {" and ".join(missing)}, which neither Windows nor Python nor the wheel has',
            'Link it statically (LDFLAGS=-static), or put it into the wheel (delvewheel).')
