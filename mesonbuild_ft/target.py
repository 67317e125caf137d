# SPDX-License-Identifier: MIT
"""What the decisions need to know of the interpreter that a wheel is built for."""

from __future__ import annotations

import dataclasses
import re
import sys
import typing


#: Variables by which crossenv, cibuildwheel and CPython's own build tell sysconfig of another target.
TOLD: typing.Final = ('_PYTHON_HOST_PLATFORM', '_PYTHON_SYSCONFIGDATA_NAME', '_PYTHON_PROJECT_BASE')


class Machine(typing.NamedTuple):
    """What follows from the machine alone.

    pointer_size: in bytes. byte_order: 'little' or 'big'.
    family: Meson's cpu_family; '' for that of the same name.
    names: its other names, in GNU triplets, in sysconfig's platforms and in tags of other systems.
    gnu: its name in GNU triplets that name programs; '' for the same.
    windows: the platform tag of Windows; '' where there is none.
    """

    pointer_size: int
    byte_order: str
    family: str = ''
    names: tuple[str, ...] = ()
    gnu: str = ''
    windows: str = ''


#: Machine as in Linux platform tags -> what follows from it. Of one cpu_family and byte order the usual one is first.
MACHINES: typing.Final[typing.Mapping[str, Machine]] = {
    'x86_64': Machine(8, 'little', names=('amd64',), windows='win_amd64'),
    'i686': Machine(4, 'little', 'x86', ('x86', 'i386', 'i486', 'i586', 'win32'), windows='win32'),
    'aarch64': Machine(8, 'little', names=('arm64', 'arm64_v8a'), windows='win_arm64'),
    # Meson knows no machine of this name, and the preprocessor runs for this one of the two (workarounds.py).
    'universal2': Machine(8, 'little', 'aarch64'),
    'armv7l': Machine(4, 'little', 'arm', ('armeabi_v7a', 'arm32'), 'arm', 'win_arm32'),
    'armv6l': Machine(4, 'little', 'arm', gnu='arm'),
    'armv8l': Machine(4, 'little', 'arm', gnu='arm'),
    'ppc64le': Machine(8, 'little', 'ppc64', ('powerpc64le',), 'powerpc64le'),
    'ppc64': Machine(8, 'big', names=('powerpc64',), gnu='powerpc64'),
    's390x': Machine(8, 'big'),
    'riscv64': Machine(8, 'little'),
    'loongarch64': Machine(8, 'little'),
    'wasm32': Machine(4, 'little'),
}
_NAMES: typing.Final = {name: machine for machine, known in MACHINES.items() for name in known.names}


@dataclasses.dataclass(frozen=True)
class Target:
    """The target interpreter.

    implementation: `sys.implementation.name`: 'cpython', 'pypy', 'graalpy'.
    version: (major, minor, micro).
    release_level: 'final', or 'alpha', 'beta', 'candidate' before the release.
    free_threaded: built with `--disable-gil` (PEP 703).
    debug, trace_refs: built with `--with-pydebug`, `--with-trace-refs`.
    platform: platform tag of wheels for it, e.g. 'linux_x86_64'.
    python_tag, abi_tag: those of a version-specific wheel, e.g. 'cp314', 'cp314t' (PEP 425).
    extension_suffixes: as the interpreter looks for them, in its order.
    pointer_size: in bytes. byte_order: 'little' or 'big'.
    include_dir: where Python.h should be.
    defines_gil_disabled: pyconfig.h itself defines Py_GIL_DISABLED; the one that python.org's two builds for
        Windows share does not.
    libc: 'glibc' or 'musl'; '' where it is unknown, and on other systems than Linux.
    system: as Meson's host_machine.system(): 'linux', 'windows', 'darwin'.
    machine: as in Linux platform tags, on any system: 'x86_64' (also for amd64), 'i686' (also for win32), 'aarch64'
        (also for arm64), 'armv7l', 's390x'; of macOS, 'universal2' for both of its machines.
    description: the file or directory that this was read from; '' for an interpreter that says it itself.
    release_serial: the 2 of 3.15.0rc2.
    """

    implementation: str
    version: tuple[int, int, int]
    release_level: str
    free_threaded: bool
    debug: bool
    trace_refs: bool
    platform: str
    python_tag: str
    abi_tag: str
    extension_suffixes: tuple[str, ...]
    pointer_size: int
    byte_order: str
    include_dir: str
    defines_gil_disabled: bool
    libc: str = ''
    system: str = 'linux'
    machine: str = ''
    description: str = ''
    release_serial: int = 0

    @property
    def release(self) -> str:
        """As `platform.python_version()` writes it: '3.15.0rc2'."""
        return release_text(self.version, self.release_level, self.release_serial)

    @property
    def name(self) -> str:
        """For people: 'CPython 3.14.7 free-threaded'."""
        names = {'cpython': 'CPython', 'pypy': 'PyPy', 'graalpy': 'GraalPy'}
        words = [names.get(self.implementation, self.implementation), self.release]
        if self.free_threaded:
            words.append('free-threaded')
        if self.debug:
            words.append('debug')
        return ' '.join(words)

    def to_json(self) -> dict[str, typing.Any]:
        """The fields as JSON values, for `from_json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: typing.Mapping[str, typing.Any]) -> Target:
        """The inverse of `to_json`."""
        values = dict(data)
        major, minor, micro = values['version']
        values['version'] = (major, minor, micro)
        values['extension_suffixes'] = tuple(values['extension_suffixes'])
        return cls(**values)


def running() -> Target:
    """The interpreter that runs this code, without starting a subprocess; or the target that the variables
    `TOLD` tell it to compile for.

    Raises BuildRefused where they contradict each other.
    """
    import importlib.machinery
    import struct
    import sysconfig

    variable = sysconfig.get_config_var
    free_threaded = bool(variable('Py_GIL_DISABLED'))
    pointer_size = struct.calcsize('P')
    platform = sysconfig.get_platform()
    target = Target(
        implementation=sys.implementation.name,
        version=(sys.version_info[0], sys.version_info[1], sys.version_info[2]),
        release_level=sys.version_info[3],
        release_serial=sys.version_info[4],
        free_threaded=free_threaded,
        debug=bool(variable('Py_DEBUG')) or hasattr(sys, 'gettotalrefcount'),
        trace_refs=bool(variable('Py_TRACE_REFS')) or hasattr(sys, 'getobjects'),
        platform=platform_tag(platform, pointer_size),
        python_tag=python_tag(sys.implementation.name, sys.version_info[:2]),
        abi_tag=abi_tag_from_suffix(str(variable('EXT_SUFFIX') or '')) or _default_abi_tag(free_threaded),
        extension_suffixes=tuple(importlib.machinery.EXTENSION_SUFFIXES),
        pointer_size=pointer_size,
        byte_order=sys.byteorder,
        include_dir=sysconfig.get_path('include'),
        defines_gil_disabled=free_threaded and (sys.platform != 'win32' or _windows_header_defines_gil_disabled()),
        libc=_running_libc() if sys.platform == 'linux' else '',
        system=system_of_platform(platform),
        machine=machine_of_platform(platform, pointer_size),
    )
    return _told(target, platform) if is_told() else target


def is_told() -> bool:
    """Whether variables make the running interpreter stand for another target."""
    import os

    return os.name == 'posix' and any(os.environ.get(name) for name in TOLD)


def sources() -> list[str]:
    """The files that decide what `running` says of this interpreter; some of them need not exist."""
    import os
    import sysconfig

    def variable(name: str) -> str:
        return str(sysconfig.get_config_var(name) or '')

    running_ = sys.executable or ''
    base = getattr(sys, '_base_executable', None) or running_
    directory = os.path.dirname(running_)
    found = [running_, base, os.__file__, sysconfig.get_config_h_filename()]
    found += [os.path.join(place, 'pyvenv.cfg') for place in (directory, os.path.dirname(directory))]
    found += [str(module.__file__) for name, module in list(sys.modules.items()) if name.startswith('_sysconfigdata')]
    # Where the interpreter itself is in a shared library.
    library = variable('LDLIBRARY')
    if library:
        found += [os.path.join(place, library) for place in (
            variable('LIBDIR'), sys.base_prefix, variable('PYTHONFRAMEWORKPREFIX')) if place]
    if sys.platform == 'win32':
        found += [os.path.join(sys.base_prefix, name) for name in os.listdir(sys.base_prefix)
                  if name.lower().startswith('python') and name.lower().endswith('.dll')]
    return list(dict.fromkeys(path for path in found if path))


def _told(target: Target, platform: str) -> Target:
    """What crossenv's variables tell; `target` is what the interpreter says of itself under them."""
    import os
    import sysconfig

    variable = sysconfig.get_config_var
    name = os.environ.get('_PYTHON_SYSCONFIGDATA_NAME', '')
    if not name:
        # No sysconfig data but those of the interpreter: the platform tells the machine, and nothing of suffixes.
        layout: Machine | Target = MACHINES.get(target.machine, target)
        libc = target.libc if target.system == 'linux' else ''
        return dataclasses.replace(
            target, pointer_size=layout.pointer_size, byte_order=layout.byte_order, libc=libc)

    data = f'the sysconfig data of _PYTHON_SYSCONFIGDATA_NAME={name}'
    version = '.'.join(map(str, sys.version_info[:2]))
    if str(variable('VERSION')) != version:
        raise _contradiction(f'the interpreter is Python {version}, and {data} are of Python {variable("VERSION")}')
    triplet = str(variable('MULTIARCH') or variable('HOST_GNU_TYPE') or '')
    # Of some systems with a version: freebsd14.
    system = re.sub(r'\d+$', '', str(variable('MACHDEP') or target.system))
    machine = machine_of_triplet(triplet) if system == 'linux' else ''
    if not os.environ.get('_PYTHON_HOST_PLATFORM') and machine:
        platform = f'linux-{machine}'
    pointer_size = int(variable('SIZEOF_VOID_P') or 0)
    named = machine_of_platform(platform, pointer_size)
    told = f'the platform is {platform}'
    if os.environ.get('_PYTHON_HOST_PLATFORM'):
        told = f'_PYTHON_HOST_PLATFORM={platform}'
    if system_of_platform(platform) != system:
        raise _contradiction(f'{told}, and {data} are of {system}')
    # Of other machines the platform may say less: linux-mips64 is that of either byte order.
    if machine in MACHINES and named in MACHINES and cpu_family(named) != cpu_family(machine):
        raise _contradiction(f'{told}, and {data} are of {triplet}')
    known = MACHINES.get(machine or named)
    if known and pointer_size and known.pointer_size != pointer_size:
        raise _contradiction(f'{told}, and {data} are for pointers of {pointer_size} bytes')
    suffix = str(variable('EXT_SUFFIX') or '')
    return dataclasses.replace(
        target, platform=platform_tag(platform, pointer_size), system=system, machine=named,
        debug=bool(variable('Py_DEBUG')), trace_refs=bool(variable('Py_TRACE_REFS')),
        pointer_size=pointer_size or (known or target).pointer_size,
        # Sysconfig data do not tell it; of a machine that is not known it is left as it is here.
        byte_order=(known or target).byte_order,
        abi_tag=abi_tag_from_suffix(suffix) or target.abi_tag,
        extension_suffixes=extension_suffixes(
            suffix, target.version, target.free_threaded, str(variable('ALT_SOABI') or '')),
        include_dir=str(variable('INCLUDEPY') or target.include_dir),
        libc=libc_of_names(str(variable('HOST_GNU_TYPE') or ''), triplet) if system == 'linux' else '')


def _contradiction(what: str) -> Exception:
    from .diagnostics import refuse

    return refuse(
        'contradictory-target', what, where='environment',
        advice=f'Set {", ".join(TOLD)} for one and the same target, as crossenv does, or none of them.')


def cpu_family(machine: str) -> str:
    """Meson's cpu_family of a machine (https://mesonbuild.com/Reference-tables.html#cpu-families)."""
    known = MACHINES.get(machine)
    return known.family or machine if known else 'arm' if machine.startswith('arm') else machine


def machine_of_cpu(family: str, cpu: str, endian: str) -> str:
    """`Target.machine` for cpu_family, cpu and endian of Meson's [host_machine]; '' where the table has none."""
    fitting = [name for name, known in MACHINES.items()
               if cpu_family(name) == family and endian in ('', known.byte_order)]
    named = machine_name(cpu)
    if named in fitting:
        return named
    # 'arm' and the names of its processors say no version, and the usual one is taken; armv5te is none of the table.
    return '' if (family == 'arm' and named.startswith('armv')) or not fitting else fitting[0]


def platform_tag(platform: str, pointer_size: int) -> str:
    """The tag for what `sysconfig.get_platform()` says, e.g. 'linux-x86_64'.

    macOS has no tags for minor versions from 11 on, nor for arm64 before 11 (as `mesonpy._tags` and packaging do it).
    """
    platform = _on_32_bit(platform, pointer_size)
    macos = re.match(r'macosx-(\d+)(?:\.(\d+))?(?:\.\d+)*-(\w+)$', platform)
    if macos:
        version = (int(macos[1]), int(macos[2] or 0))
        if macos[3] == 'arm64':
            version = max(version, (11, 0))
        platform = f'macosx-{version[0]}.{0 if version[0] >= 11 else version[1]}-{macos[3]}'
    return platform.replace('-', '_').replace('.', '_').lower()


def _on_32_bit(platform: str, pointer_size: int) -> str:
    """The platform of a 32-bit interpreter on a 64-bit kernel."""
    if pointer_size == 4:
        return {'linux-x86_64': 'linux-i686', 'linux-aarch64': 'linux-armv7l'}.get(platform, platform)
    return platform


def machine_of_platform(platform: str, pointer_size: int) -> str:
    """`Target.machine` for what `sysconfig.get_platform()` says."""
    # MSYS2 says mingw_x86_64_ucrt_gnu, iOS ios-13.0-arm64-iphoneos; pyodide-build sets _PYTHON_HOST_PLATFORM to
    # emscripten_5_0_3_wasm32 where Pyodide itself says emscripten-5.0.3-wasm32.
    found = re.match(r'mingw_(x86_64|[^_]+)|ios-[^-]+-([^-]+)|emscripten_.*_([^_]+)$', platform)
    word = found[found.lastindex or 0] if found else _on_32_bit(platform, pointer_size).rsplit('-', 1)[-1]
    return machine_name(word)


def machine_of_triplet(triplet: str) -> str:
    """`Target.machine` for a GNU triplet or Debian's multiarch name, e.g. 'x86_64-linux-gnu'."""
    if re.fullmatch(r'arm-.*hf', triplet):
        return 'armv7l'
    return machine_name(triplet.split('-')[0])


def machine_name(word: str) -> str:
    """The word of Linux platform tags for a machine: 'x86_64' for 'AMD64', 'armv7l' for 'armv7hl'."""
    word = word.lower()
    arm = re.fullmatch(r'(armv[678])(?:l|a|-a|hl|hf)?', word)
    return f'{arm[1]}l' if arm else _NAMES.get(word, word)


def this_machine() -> str:
    """The machine that this code runs on, which a universal2 interpreter of macOS itself does not tell."""
    import platform

    return machine_name(platform.machine())


def system_of_platform(platform: str) -> str:
    """`Target.system` for what `sysconfig.get_platform()` says."""
    word = re.split(r'[-_]', platform)[0]
    return {'win': 'windows', 'win32': 'windows', 'mingw': 'windows', 'macosx': 'darwin',
            'solaris': 'sunos'}.get(word, word)


def libc_of_names(host_triplet: str, *others: str) -> str:
    """The C library that the GNU triplet of a Linux interpreter names; '' where it tells nothing.

    others: MULTIARCH and the like. They say gnu for musl too before 3.13 (bpo-43112), so that only musl counts there.
    """
    if any('musl' in name for name in (host_triplet, *others)):
        return 'musl'
    return 'glibc' if '-gnu' in host_triplet else ''


def _running_libc() -> str:
    """The C library of the running Linux interpreter."""
    import os
    import sysconfig

    try:
        if (os.confstr('CS_GNU_LIBC_VERSION') or '').startswith('glibc'):
            return 'glibc'
    except (AttributeError, OSError, ValueError):
        # Another C library does not know the name.
        pass
    variable = sysconfig.get_config_var
    return libc_of_names(str(variable('HOST_GNU_TYPE') or ''), str(variable('MULTIARCH') or ''))


def extension_suffixes(
    suffix: str, version: tuple[int, int, int], free_threaded: bool, alternative: str = '',
) -> tuple[str, ...]:
    """What CPython looks for, in its order (Python/dynload_shlib.c, Python/dynload_win.c, of 3.9 to 3.15).

    suffix: EXT_SUFFIX. alternative: ALT_SOABI, the tag of release builds that debug builds look for too.
    """
    if suffix.endswith('.pyd'):
        return suffix, f'{"_d" if suffix.startswith("_d.") else ""}.pyd'
    found = [suffix]
    tag = suffix[1:-len('.so')]
    if alternative and alternative not in ('0', tag):
        found.append(f'.{alternative}.so')
    if version >= (3, 15):
        platform = tag.partition('-')[2].partition('-')[2]
        for abi in ('abi3t',) if free_threaded else ('abi3', 'abi3t'):
            found += [f'.{abi}-{platform}.so', f'.{abi}.so']
    else:
        found.append('.abi3.so')
    return (*found, '.so')


def header_defines(text: str, name: str) -> bool:
    """Whether a C header defines the macro for everybody who includes it.

    A definition inside `#if` counts only where the condition is the header's own guard or `#ifndef` of the macro.
    """
    text = re.sub(r'/\*.*?\*/|//[^\n]*', ' ', text.replace('\\\n', ' '), flags=re.DOTALL)
    lines = re.findall(r'^[ \t]*#[ \t]*(\w+)[ \t]*(.*?)[ \t]*$', text, flags=re.MULTILINE)
    defined = False
    open_: list[bool] = []
    for index, (directive, rest) in enumerate(lines):
        if directive in ('if', 'ifdef', 'ifndef'):
            following = lines[index + 1] if index + 1 < len(lines) else ('', '')
            guard = directive == 'ifndef' and following[0] == 'define' and following[1].split()[:1] == [rest]
            open_.append(directive == 'ifndef' and (rest == name or guard))
        elif directive in ('else', 'elif') and open_:
            open_[-1] = False
        elif directive == 'endif' and open_:
            open_.pop()
        elif directive in ('define', 'undef') and rest.split()[:1] == [name] and all(open_):
            defined = directive == 'define' and rest.split()[1:] != ['0']
    return defined


def _windows_header_defines_gil_disabled() -> bool:
    import sysconfig

    try:
        with open(sysconfig.get_config_h_filename(), encoding='utf-8', errors='replace') as file:
            return header_defines(file.read(), 'Py_GIL_DISABLED')
    except OSError:
        # Without headers nothing is compiled.
        return False


def abi_tag_from_suffix(suffix: str) -> str:
    """The ABI tag that an EXT_SUFFIX (PEP 3149) names: '.cpython-314t-x86_64-linux-gnu.so' -> 'cp314t'.

    '' where the suffix has no tag.
    """
    parts = suffix.split('.')
    if len(parts) < 3:
        return ''
    words = parts[1].split('-')
    if words[0] == 'cpython':
        abi = 'cp' + words[1]
    elif words[0].startswith('cp'):
        abi = words[0]
    elif words[0].startswith('pypy'):
        abi = '_'.join(words[:2])
    elif words[0].startswith('graalpy'):
        abi = '_'.join(words[:3])
    else:
        abi = parts[1]
    return abi.replace('.', '_').replace('-', '_')


def release_text(version: typing.Sequence[int], level: str, serial: int) -> str:
    """A version with `releaselevel` and `serial` of `sys.version_info`: '3.15.0rc2'."""
    letters = {'alpha': 'a', 'beta': 'b', 'candidate': 'rc'}
    return '.'.join(map(str, version)) + (f'{letters[level]}{serial}' if level in letters else '')


def python_tag(implementation: str, version: typing.Sequence[int]) -> str:
    """The python tag (PEP 425) of an implementation, as `sys.implementation.name` calls it: 'cp314'."""
    name = {'cpython': 'cp', 'pypy': 'pp'}.get(implementation, implementation)
    return f'{name}{version[0]}{version[1]}'


def _default_abi_tag(free_threaded: bool) -> str:
    tag = python_tag(sys.implementation.name, sys.version_info[:2])
    return f'{tag}{"t" if free_threaded else ""}{"d" if hasattr(sys, "gettotalrefcount") else ""}'
