# SPDX-License-Identifier: MIT
"""Wheel tags and module suffixes: pure functions, strings in and strings out.

https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
"""

from __future__ import annotations

import re
import typing


Version = tuple[int, int]
Libc = typing.Literal['glibc', 'musl', '']

#: The first CPython with the stable ABI (PEP 384) and with abi3t (PEP 803).
FIRST_ABI3: typing.Final[Version] = (3, 2)
FIRST_ABI3T: typing.Final[Version] = (3, 15)
#: The newest CPython that is known here: the one whose stable ABI the scanner has a table of.
NEWEST: typing.Final[Version] = (3, 15)
#: The oldest Python that mesonbuild-ft itself runs on: `requires-python` of its pyproject.toml.
OLDEST_BUILDER: typing.Final[Version] = (3, 10)

_WHEEL_NAME = re.compile(
    r'(?P<name>[^-]+)-(?P<version>[^-]+)(?:-(?P<build>\d[^-]*))?'
    r'-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl')
_MODULE_SUFFIX = re.compile(
    r'\.(?:(?P<tag>(?:cpython-|cp\d|abi3t?(?![^.-])|pypy|graalpy)[^./]*)\.)?(?P<kind>so|pyd)')


class WheelName(typing.NamedTuple):
    """The parts of a wheel's file name; `python`, `abi` and `platform` may hold several tags, joined by dots."""

    name: str
    version: str
    build: str
    python: str
    abi: str
    platform: str

    def __str__(self) -> str:
        build = f'-{self.build}' if self.build else ''
        return f'{self.name}-{self.version}{build}-{self.tag}.whl'

    @property
    def tag(self) -> str:
        """The compressed tag set, e.g. 'cp315-abi3.abi3t-linux_x86_64'."""
        return f'{self.python}-{self.abi}-{self.platform}'

    @property
    def dist_info(self) -> str:
        """The name of the metadata directory inside the wheel."""
        return f'{self.name}-{self.version}.dist-info'

    def with_tag(self, python: str, abi: str) -> WheelName:
        """The same wheel under other python and ABI tags."""
        return self._replace(python=python, abi=abi)

    def expanded(self) -> list[str]:
        """One tag for each combination, as the `Tag:` lines of WHEEL must list them."""
        return expand(self.tag)


def parse_wheel_name(file_name: str) -> WheelName:
    """The parts of a wheel's file name. Raises ValueError where it is none."""
    match = _WHEEL_NAME.fullmatch(file_name)
    if match is None:
        raise ValueError(f'not the name of a wheel: {file_name!r}')
    parts = {key: value or '' for key, value in match.groupdict().items()}
    # Tags are compared in lower case (PEP 425 as implemented by packaging).
    return WheelName(**{key: value.lower() if key in ('python', 'abi', 'platform') else value
                        for key, value in parts.items()})


def expand(tag: str) -> list[str]:
    """Each combination of a compressed tag set; what is none, or has more than 10,000, is left as it is."""
    parts = [part.split('.') for part in tag.split('-')]
    if len(parts) != 3 or len(parts[0]) * len(parts[1]) * len(parts[2]) > 10_000:
        return [tag]
    return [f'{python}-{abi}-{platform}' for python in parts[0] for abi in parts[1] for platform in parts[2]]


def python_tag(version: Version) -> str:
    """'cp39' for (3, 9)."""
    return f'cp{version[0]}{version[1]}'


def version_of_python_tag(tag: str) -> Version | None:
    """(3, 9) for 'cp39'; None where the tag names no CPython version."""
    match = re.fullmatch(r'cp(\d)(\d+)', tag)
    return (int(match[1]), int(match[2])) if match else None


def normalized(name: str) -> str:
    """The name of a project as PEP 503 compares it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def version_text(version: Version) -> str:
    """'3.9' for (3, 9)."""
    return f'{version[0]}.{version[1]}'


def version_of_hex(value: int) -> Version:
    """(3, 9) for 0x03090000, the form of Py_LIMITED_API and PY_VERSION_HEX."""
    return (value >> 24 & 0xFF, value >> 16 & 0xFF)


def module_parts(path: str) -> tuple[str, str, str] | None:
    """(stem, tag, 'so' or 'pyd') of a file named like an extension module, else None.

    'pkg/one.cpython-314t-x86_64-linux-gnu.so' -> ('one', 'cpython-314t-x86_64-linux-gnu', 'so');
    the tag is '' in 'one.so' and 'one.pyd'. 'libone.1.so' is a shared library and gives None.
    """
    if not path.endswith(('.so', '.pyd')):
        return None
    name = path.rsplit('/', 1)[-1]
    stem, dot, rest = name.partition('.')
    match = _MODULE_SUFFIX.fullmatch(dot + rest)
    if not stem or match is None:
        return None
    return stem, match['tag'] or '', match['kind']


def stable_abi_serves(python: str, abi: str, version: Version, *, free_threaded: bool) -> bool:
    """Whether installers take a wheel with these tags for a CPython, by the stable ABI (PEP 384, PEP 803)."""
    floor = version_of_python_tag(python)
    return ('abi3t' if free_threaded else 'abi3') in abi.split('.') and floor is not None and floor <= version


def preference(python: str, abi: str) -> tuple[int, Version]:
    """Of several wheels that serve an interpreter, installers take the one for which this is the highest.

    One for a version alone before the stable ABI, and that of a newer version before that of an older one.
    """
    return 0 if abi == 'none' else 1 if abi.startswith('abi3') else 2, version_of_python_tag(python) or (0, 0)


def serves_free_threaded(abi: str) -> bool:
    """Whether one of these ABI tags ('abi3.abi3t', 'cp314t', 'cp314td') is for a build without the GIL."""
    return any(re.fullmatch(r'cp\d+td?|abi3t', part) for part in abi.split('.'))


def shared_libraries(paths: typing.Iterable[str]) -> frozenset[str]:
    """File names of the shared libraries among `paths`, as other files name them (DT_NEEDED, LC_LOAD_DYLIB)."""
    names = {path.rsplit('/', 1)[-1] for path in paths}
    return frozenset(name for name in names if name.endswith(('.so', '.dylib', '.dll')) or '.so.' in name)


def stable_abi_module_name(path: str, abi: typing.Literal['abi3', 'abi3t']) -> str:
    """The path under which every interpreter that the tag admits finds this stable-ABI module.

    Nothing before 3.15 looks for '.abi3-x86_64-linux-gnu.so', and a module made for
    abi3t must not be found by an interpreter that knows abi3 only.
    """
    parts = module_parts(path)
    if parts is None:
        return path
    _, tag, kind = parts
    if kind != 'so' or tag.split('-')[0] not in ('abi3', 'abi3t'):
        return path
    return f'{path[:-len(f".{tag}.so")]}.{abi}.so'


#: The architecture in a module's suffix -> the one of platform tags, where they differ.
_ARCHITECTURES: typing.Final = {'i386': 'i686', 'arm': 'armv7l', 'powerpc64le': 'ppc64le', 'powerpc64': 'ppc64'}


def abi_of_suffix(suffix_tag: str) -> str:
    """The ABI tag that a module's suffix names: 'cp314t' for 'cpython-314t-x86_64-linux-gnu', '' for none."""
    words = suffix_tag.split('-')
    if words[0] == 'cpython' and len(words) > 1:
        return f'cp{words[1]}'
    if words[0].startswith('pypy') and len(words) > 1:
        return f'{words[0]}_{words[1]}'
    if words[0].startswith('graalpy'):
        return '_'.join(words[:3])
    return words[0]


def platform_of_suffix(suffix_tag: str) -> str:
    """The platform tag that a module's suffix names: 'linux_x86_64', 'win_amd64'; 'any' where it names none."""
    linux = re.search(r'(?:^|-)([^-]+)-linux(?:-|$)', suffix_tag)
    if linux:
        return f'linux_{_ARCHITECTURES.get(linux[1], linux[1])}'
    if suffix_tag.endswith('-wasm32-emscripten'):
        return 'emscripten_wasm32'
    windows = re.search(r'-(win_amd64|win_arm64|win32)$', suffix_tag)
    return windows[1] if windows else 'any'


def libc_of_suffix(suffix_tag: str, version: Version | None) -> Libc:
    """The C library that a module's suffix names in this CPython; '' where it tells nothing.

    CPython before 3.11, and some builds of 3.11 and 3.12, are called gnu with musl too (bpo-43112).
    """
    match = re.search(r'-linux-(gnu|musl)', suffix_tag)
    if match is None or (match[1] == 'gnu' and (version is None or version < (3, 13))):
        return ''
    return 'glibc' if match[1] == 'gnu' else 'musl'


def libc_of_platform(platform: str) -> Libc:
    """The C library that one platform tag promises (PEP 600, PEP 656); linux_x86_64 promises none."""
    return 'glibc' if platform.startswith('manylinux') else 'musl' if platform.startswith('musllinux') else ''


def name_from_suffix(suffix_tag: str) -> WheelName | None:
    """The tags that a module's own suffix stands for; None where it has none ('one.so').

    '.abi3.so' names no version: its python tag is 'py3'.
    """
    abi = abi_of_suffix(suffix_tag)
    if not abi:
        return None
    version = re.match(r'(?:cp|pypy)(\d+)', abi)
    if version:
        python = f'{"pp" if abi.startswith("pypy") else "cp"}{version[1]}'
    else:
        # Nothing before 3.15 looks for abi3t, nor for abi3 with a platform.
        python = python_tag(FIRST_ABI3T) if abi == 'abi3t' or suffix_tag.startswith('abi3-') else 'py3'
    return WheelName('', '', '', python, abi, platform_of_suffix(suffix_tag))


def is_windows(platform: str) -> bool:
    """Whether all the platform tags, joined by dots, are those of Windows."""
    return all(tag.startswith('win') for tag in platform.split('.'))


def finds(version: Version, free_threaded: bool, windows: bool, suffix_tag: str) -> bool:
    """Whether CPython of this version looks for files with this suffix when a module is imported.

    A suffix for one version is found by that version alone; '' by all.
    """
    head = suffix_tag.split('-')[0]
    if not suffix_tag:
        return True
    if head not in ('abi3', 'abi3t'):
        return abi_of_suffix(suffix_tag).rstrip('d') == f'{python_tag(version)}{"t" if free_threaded else ""}'
    if windows:
        return False
    if head == 'abi3t':
        return version >= FIRST_ABI3T
    if free_threaded and version >= FIRST_ABI3T:
        return False
    return suffix_tag == 'abi3' or version >= FIRST_ABI3T


#: The last component of a platform tag -> machines of binaries it admits.
MACHINES: typing.Final[dict[str, tuple[str, ...]]] = {
    'x86_64': ('x86_64',), 'amd64': ('x86_64',),
    'i686': ('i386',), 'i386': ('i386',), 'win32': ('i386',),
    'aarch64': ('aarch64',), 'arm64': ('aarch64', 'arm64x'),
    'armv7l': ('arm',), 'armv6l': ('arm',),
    'ppc64le': ('ppc64',), 'ppc64': ('ppc64',), 's390x': ('s390x',), 'riscv64': ('riscv64',),
    'loongarch64': ('loongarch64',), 'universal2': ('x86_64', 'aarch64'), 'wasm32': ('wasm32',),
}


def machines(platform: str) -> tuple[str, ...]:
    """Machines of binaries that one platform tag, or its last component, admits; () where it is not known."""
    for ending, found in MACHINES.items():
        if platform == ending or platform.endswith('_' + ending):
            return found
    return ()
