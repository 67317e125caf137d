# SPDX-License-Identifier: MIT
"""What `matrix` knows of the world: versions of CPython and PyPy, platforms, and the machines that CI services lend.

Data only. A newer version, and another machine, can be added in [tool.mesonbuild-ft.matrix].
"""

from __future__ import annotations

import dataclasses
import datetime
import typing

from ..tags import Version


FreeThreaded = typing.Literal['no', 'experimental', 'yes']
System = typing.Literal['github', 'gitlab', 'azure']
SYSTEMS: typing.Final[tuple[System, ...]] = ('github', 'gitlab', 'azure')


@dataclasses.dataclass(frozen=True)
class PythonVersion:
    """A version of CPython.

    first_release: of its final release. end_of_life: the last day on which it is supported; the
    developer's guide names the month, so the last day of that.
    free_threaded: whether there is a build without the GIL, and whether CPython calls it experimental (PEP 779).
    """

    version: Version
    first_release: datetime.date
    end_of_life: datetime.date
    free_threaded: FreeThreaded = 'no'


def _version(
    minor: int, first_release: str, end_of_life: str, free_threaded: FreeThreaded = 'no',
) -> PythonVersion:
    date = datetime.date.fromisoformat
    return PythonVersion((3, minor), date(first_release), date(end_of_life), free_threaded)


#: https://devguide.python.org/versions/, and PEP 790 for 3.15.
VERSIONS: typing.Final = (
    _version(9, '2020-10-05', '2025-10-31'),
    _version(10, '2021-10-04', '2026-10-31'),
    _version(11, '2022-10-24', '2027-10-31'),
    _version(12, '2023-10-02', '2028-10-31'),
    _version(13, '2024-10-07', '2029-10-31', 'experimental'),
    _version(14, '2025-10-07', '2030-10-31', 'yes'),
    _version(15, '2026-10-09', '2031-10-31', 'yes'),
)

#: PyPy's version of Python -> the ABI tag of its newest release.
PYPY: typing.Final[typing.Mapping[Version, str]] = {(3, 11): 'pypy311_pp80'}


@dataclasses.dataclass(frozen=True)
class Platform:
    """A platform that wheels are for.

    name: as in cibuildwheel's build identifiers. group: what `--platform` also takes.
    system, libc, machine, tag: as in Target; tag is that of an unrepaired wheel.
    first: the oldest CPython that is published for it. pypy: whether PyPy is.
    image: the container that tests run in, '' for none.
    runners: the hosted machine of each CI service; a service that lends none has no entry.
    """

    name: str
    group: str
    system: str
    libc: str
    machine: str
    tag: str
    runners: typing.Mapping[System, str] = dataclasses.field(hash=False)
    first: Version = (3, 9)
    pypy: bool = True
    image: str = ''


PLATFORMS: typing.Final = (
    Platform('manylinux_x86_64', 'linux', 'linux', 'glibc', 'x86_64', 'linux_x86_64', {
        'github': 'ubuntu-24.04', 'gitlab': 'saas-linux-small-amd64', 'azure': 'ubuntu-24.04'}),
    Platform('manylinux_aarch64', 'linux', 'linux', 'glibc', 'aarch64', 'linux_aarch64', {
        'github': 'ubuntu-24.04-arm', 'gitlab': 'saas-linux-small-arm64'}),
    Platform('musllinux_x86_64', 'musl', 'linux', 'musl', 'x86_64', 'linux_x86_64', {
        'github': 'ubuntu-24.04', 'gitlab': 'saas-linux-small-amd64', 'azure': 'ubuntu-24.04'},
        pypy=False, image='alpine:3'),
    Platform('musllinux_aarch64', 'musl', 'linux', 'musl', 'aarch64', 'linux_aarch64', {
        'github': 'ubuntu-24.04-arm', 'gitlab': 'saas-linux-small-arm64'}, pypy=False, image='alpine:3'),
    Platform('macosx_x86_64', 'macos', 'darwin', '', 'x86_64', 'macosx_11_0_x86_64', {
        'github': 'macos-15-intel', 'azure': 'macOS-15'}),
    Platform('macosx_arm64', 'macos', 'darwin', '', 'aarch64', 'macosx_11_0_arm64', {
        'github': 'macos-15', 'gitlab': 'saas-macos-medium-m1'}),
    Platform('win_amd64', 'windows', 'windows', '', 'x86_64', 'win_amd64', {
        'github': 'windows-2022', 'gitlab': 'saas-windows-medium-amd64', 'azure': 'windows-2022'}),
    # python.org has no installer for it before 3.11.
    Platform('win_arm64', 'windows', 'windows', '', 'aarch64', 'win_arm64', {
        'github': 'windows-11-arm'}, first=(3, 11), pypy=False),
)

#: What `--platform` and `platforms` take: names and groups.
PLATFORM_NAMES: typing.Final = (
    *dict.fromkeys(platform.group for platform in PLATFORMS), *(platform.name for platform in PLATFORMS))
