# SPDX-License-Identifier: MIT
"""A CPython for Linux or macOS, read from its tree: the sysconfig data, headers, and the headers of its executable."""

from __future__ import annotations

import ast
import os
import pathlib
import re
import typing

from ..diagnostics import BuildRefused
from ..target import (
    MACHINES,
    Target,
    abi_tag_from_suffix,
    cpu_family,
    extension_suffixes,
    libc_of_names,
    machine_name,
    machine_of_platform,
    machine_of_triplet,
    platform_tag,
    python_tag,
)
from . import binary_headers, files
from .build_details import Details
from .files import Version, contradiction, refused


#: `_sysconfigdata_<ABI flags>_<sys.platform>_<multiarch>.py`, which the interpreter itself imports; Conda has more.
_DATA: typing.Final = re.compile(r'_sysconfigdata_([a-z]*)_(?:linux|darwin)_.*\.py')
#: Directories that sysconfig finds anew, or records as they were when it was built.
_DIRECTORIES: typing.Final = (
    'prefix', 'exec_prefix', 'host_prefix', 'host_exec_prefix', 'datarootdir', 'BINDIR', 'LIBDIR', 'MANDIR',
    'INCLUDEDIR', 'CONFINCLUDEDIR', 'SCRIPTDIR', 'BINLIBDEST', 'LIBDEST', 'INCLUDEPY', 'CONFINCLUDEPY', 'DESTSHARED',
    'MACHDESTLIB', 'DESTLIB', 'LIBPL', 'PYTHONFRAMEWORKPREFIX', 'PYTHONFRAMEWORKINSTALLDIR',
)
#: -arch flags -> machine in macOS tags, as CPython's _osx_support names the combinations.
_UNIVERSAL: typing.Final = {
    ('arm64', 'x86_64'): 'universal2', ('i386', 'x86_64'): 'intel', ('i386', 'ppc'): 'fat',
    ('i386', 'ppc', 'x86_64'): 'fat3', ('ppc64', 'x86_64'): 'fat64', ('i386', 'ppc', 'ppc64', 'x86_64'): 'universal',
}

Variables = dict[str, typing.Any]


def read(
    prefix: pathlib.Path, *, data: pathlib.Path | None = None, executable: pathlib.Path | None = None,
    details: pathlib.Path | None = None,
) -> tuple[Target, files.Info]:
    """The interpreter of a prefix directory, or of the root above usr. Raises BuildRefused.

    data, executable, details: the sysconfig data, the executable or the build-details.json that is named, which tells
    one of several.
    """
    named = details or data or executable or prefix
    data = data or _find(prefix, executable, details)
    stdlib, prefix = data.parent, data.parent.parent.parent
    recorded = parse(data)
    system = {'linux': 'linux', 'linux2': 'linux', 'darwin': 'darwin'}.get(str(recorded.get('MACHDEP')))
    if system is None:
        raise refused(
            f'{data.name} is of the system {recorded.get("MACHDEP")}; known are linux and darwin', data,
            advice='Only interpreters of Linux, macOS and Windows can be described by their files.')
    directory = re.match(r'python(3\.\d+)', stdlib.name)
    if directory is not None and directory[1] != _need(recorded, 'VERSION', str, data):
        raise contradiction(f'the directory is {stdlib.name}', f'{data.name} is of Python {recorded["VERSION"]}', data)

    variables = relocated(recorded, prefix)
    free_threaded = bool(recorded.get('Py_GIL_DISABLED'))
    flags = str(recorded.get('ABIFLAGS') or '')
    if ('t' in flags) is not free_threaded:
        raise contradiction(
            f'{data.name} says Py_GIL_DISABLED = {recorded.get("Py_GIL_DISABLED")}', f'ABIFLAGS = {flags!r}', data)
    include = _include(variables, prefix, data)
    version = files.patchlevel(include)
    if version.short != recorded['VERSION']:
        raise contradiction(
            f'{data.name} is of Python {recorded["VERSION"]}', f'{include / "patchlevel.h"} is of Python {version}',
            data)
    header = _binary(prefix, stdlib, executable, recorded)
    pointer_size = _need(recorded, 'SIZEOF_VOID_P', int, data)
    platform, machine = (_linux if system == 'linux' else _macos)(recorded, header, data)
    byte_order = _byte_order(header, machine, pointer_size, data)
    suffix = _need(recorded, 'EXT_SUFFIX', str, data)
    suffixes = extension_suffixes(suffix, version.number, free_threaded, str(recorded.get('ALT_SOABI') or ''))
    json = details or stdlib / 'build-details.json'
    if json.is_file():
        described = Details.read(json)
        described.check_version(version, os.fspath(include / 'patchlevel.h'))
        platform, machine = _flavour(described, platform, machine, pointer_size, data)
        described.check_flag('t', free_threaded, f'{data.name} says Py_GIL_DISABLED = {int(free_threaded)}')
        suffixes = described.suffixes() or suffixes
        if suffixes[0] != suffix:
            raise contradiction(f'{json.name} says the suffix {suffixes[0]}', f'{data.name} says {suffix}', json)
    elif version.number >= (3, 16):
        raise refused(
            'suffixes.extensions is not known: there is no build-details.json beside the sysconfig data of '
            f'Python {version}', stdlib)

    # Debian's include/python3.11/pyconfig.h includes one of its multiarch directories, relative to include.
    multiarch = str(recorded.get('MULTIARCH') or '')
    multiarch_header = prefix / 'include' / multiarch / include.name / 'pyconfig.h'
    defined = files.defines_gil_disabled(multiarch_header, include / 'pyconfig.h')
    target = Target(
        implementation='cpython', version=version.number, release_level=version.level, free_threaded=free_threaded,
        debug=bool(recorded.get('Py_DEBUG')), trace_refs=bool(recorded.get('Py_TRACE_REFS')),
        platform=platform_tag(platform, pointer_size), python_tag=python_tag('cpython', version.number),
        abi_tag=abi_tag_from_suffix(suffix) or f'{python_tag("cpython", version.number)}{flags}',
        extension_suffixes=suffixes, pointer_size=pointer_size, byte_order=byte_order, include_dir=os.fspath(include),
        # configure writes it there; without the header nothing is compiled.
        defines_gil_disabled=free_threaded if defined is None else free_threaded and defined,
        libc=_libc(recorded, header, data) if system == 'linux' else '',
        system=system, machine=machine, description=os.fspath(named), release_serial=version.serial)
    variables['INCLUDEPY'] = os.fspath(include)
    variables.update(usual_variables(
        prefix, version, flags, free_threaded, platlibdir=str(recorded.get('PLATLIBDIR') or 'lib')))
    info = files.python_info(
        variables, stdlib=stdlib, windows=False, version=version.short, platform=platform, suffixes=suffixes,
        free_threaded=free_threaded, link_libpython=bool(recorded.get('LIBPYTHON', 'yes')), include=include)
    if multiarch and multiarch_header.is_file() and os.fspath(prefix) != recorded.get('prefix'):
        # In its own place a compiler looks there by itself.
        info['paths']['platinclude'] = os.fspath(prefix / 'include')
    return target, info


def usual_variables(
    prefix: pathlib.Path, version: Version, flags: str, free_threaded: bool, *, platlibdir: str = 'lib',
) -> Variables:
    """What `sysconfig.get_config_vars()` adds to the recorded data (sysconfig's _init_config_vars)."""
    at = os.fspath(prefix)
    return {
        'prefix': at, 'exec_prefix': at, 'base_prefix': at, 'installed_base': at, 'base': at,
        'installed_platbase': at, 'platbase': at, 'projectbase': os.path.join(at, 'bin'),
        'py_version': str(version), 'py_version_short': version.short,
        'py_version_nodot': version.short.replace('.', ''), 'py_version_nodot_plat': '',
        'platlibdir': platlibdir, 'implementation': 'Python', 'implementation_lower': 'python',
        'abiflags': flags, 'abi_thread': 't' if free_threaded else '',
    }


def parse(path: pathlib.Path) -> Variables:
    """The variables of a _sysconfigdata_*.py, which is parsed and never run. Raises BuildRefused."""
    computed = 'it computes its values when it is imported, as that of PyPy does, and is not run here'
    try:
        tree = ast.parse(files.text_of(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise refused(f'{path.name} is not Python: {error}', path) from error
    found: typing.Any = None
    for node in tree.body:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)] \
            if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if names != ['build_time_vars'] or not isinstance(node, ast.Assign):
            raise refused(f'{path.name} is more than a dictionary: {computed}', path)
        try:
            found = ast.literal_eval(node.value)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise refused(f'{path.name} is more than a dictionary: {computed}', path) from error
    if not isinstance(found, dict) or not all(
            isinstance(key, str) and isinstance(value, (str, int)) for key, value in found.items()):
        raise refused(f'{path.name} does not define build_time_vars as a dictionary of strings and integers', path)
    return found


def relocated(recorded: Variables, prefix: pathlib.Path) -> Variables:
    """The variables with the directories below the recorded prefix where they lie now, and without LIBPC."""
    old = str(recorded.get('prefix') or '')
    result = {key: value for key, value in recorded.items() if key != 'LIBPC'}
    for name in _DIRECTORIES:
        value = recorded.get(name)
        if old and isinstance(value, str) and (value == old or value.startswith(old.rstrip('/') + '/')):
            result[name] = os.path.normpath(os.fspath(prefix) + '/' + value[len(old):])
    return result


def _find(
    prefix: pathlib.Path, executable: pathlib.Path | None, details: pathlib.Path | None,
) -> pathlib.Path:
    """The sysconfig data of the one interpreter below the directory."""
    found: dict[str, pathlib.Path] = {}
    for base in (prefix / 'usr', prefix):
        for library in ('lib', 'lib64'):
            for path in sorted((base / library).glob('python3*/_sysconfigdata*.py')):
                found.setdefault(os.path.realpath(path), path)
    paths = [path for path in found.values() if details is None or path.parent == details.parent]
    # One directory may hold further data, of compilers that Conda knows.
    for directory in {path.parent for path in paths}:
        own = [path for path in paths if path.parent == directory and _DATA.fullmatch(os.path.basename(
            os.path.realpath(path)))] or [
            path for path in paths if path.parent == directory and _DATA.fullmatch(path.name)]
        if own:
            paths = [path for path in paths if path.parent != directory or path in own]
    if executable is not None:
        name = executable.name
        if not re.search(r'3\.\d', name) and executable.is_symlink():
            name = os.path.basename(os.readlink(executable))
        match = re.fullmatch(r'python(3\.\d+)([a-z]*)', name)
        if match:
            # python3.14 may be the name of either build; before 3.13 the directory of all was the same.
            version = f'python{match[1]}'
            wanted = [path for path in paths if path.parent.name == name] or [
                path for path in paths if path.parent.name == version or (
                    name == version and path.parent.name == f'{version}t')]
            if not wanted and paths:
                raise contradiction(
                    f'{executable.name} is of Python {match[1]}{match[2]}',
                    f'its tree has only {", ".join(sorted({path.parent.name for path in paths}))}', executable)
            paths = wanted
    if not paths:
        raise _nothing(prefix)
    if len(paths) > 1:
        names = ', '.join(str(path.relative_to(prefix)) for path in sorted(paths))
        raise refused(
            f'there are several interpreters: {names}', prefix,
            advice='Name the file of the one that is meant, or its executable, e.g. bin/python3.14t.')
    return paths[0]


def _nothing(prefix: pathlib.Path) -> BuildRefused:
    if (prefix / 'pyvenv.cfg').is_file():
        return refused(
            'this is a virtual environment, which describes no interpreter', prefix,
            advice='Name the directory of the interpreter that it was made with (home in pyvenv.cfg).')
    pypy = sorted(path.name for path in prefix.glob('lib/pypy3*'))
    if pypy:
        return refused(
            f'{pypy[0]} is no CPython: PyPy computes its sysconfig data when it runs', prefix,
            advice='Run the build with it.')
    return refused('there is no interpreter: neither python3XY.dll nor lib/python3.*/_sysconfigdata_*.py', prefix)


def _need(recorded: Variables, name: str, kind: type[typing.Any], data: pathlib.Path) -> typing.Any:
    value = recorded.get(name)
    if not isinstance(value, kind) or not value:
        raise refused(f'{data.name} does not say {name}', data)
    return value


def _include(variables: Variables, prefix: pathlib.Path, data: pathlib.Path) -> pathlib.Path:
    """The directory of Python.h."""
    recorded = pathlib.Path(_need(variables, 'INCLUDEPY', str, data))
    usual = prefix / 'include' / f'python{variables.get("LDVERSION") or variables["VERSION"]}'
    # A recorded directory outside of the tree is one of the machine that it was built on.
    inside = os.path.normpath(recorded).startswith(os.path.normpath(prefix) + os.sep)
    return recorded if inside else usual


def _binary(
    prefix: pathlib.Path, stdlib: pathlib.Path, executable: pathlib.Path | None, recorded: Variables,
) -> tuple[pathlib.Path, binary_headers.Header] | None:
    """A file of the interpreter that has been compiled, and its headers: the executable, libpython, or a module."""
    names = [f'python{recorded.get("LDVERSION")}', f'python{recorded["VERSION"]}', 'python3', 'python']
    candidates = [executable] if executable is not None else []
    candidates += [prefix / 'bin' / name for name in names]
    libraries = [recorded.get('INSTSONAME'), recorded.get('LDLIBRARY')]
    for directory in (prefix / 'lib', prefix / 'lib' / str(recorded.get('MULTIARCH') or '')):
        candidates += [directory / str(name) for name in libraries if name and not str(name).endswith('.a')]
    candidates += sorted((stdlib / 'lib-dynload').glob('*.so'))
    root = os.path.realpath(prefix) + os.sep
    for path in candidates:
        # A link that leads out of the tree leads to a Python of this machine.
        if not path.is_file() or not os.path.realpath(path).startswith(root):
            continue
        with open(path, 'rb') as file:
            if file.read(2) == b'#!':
                continue
        return path, files.header_of(path)
    return None


def _linux(
    recorded: Variables, binary: tuple[pathlib.Path, binary_headers.Header] | None, data: pathlib.Path,
) -> tuple[str, str]:
    """`sysconfig.get_platform()` and `Target.machine`."""
    # MULTIARCH is what the compiler says it makes; the triplet may be that of a 64-bit build machine.
    name = 'MULTIARCH' if recorded.get('MULTIARCH') else 'HOST_GNU_TYPE'
    triplet = _need(recorded, name, str, data)
    machine = machine_of_triplet(triplet)
    if machine not in MACHINES or triplet.endswith('x32'):
        raise refused(f'{data.name} is for {triplet}, of which no platform tag is known', data)
    if binary is not None:
        path, header = binary
        if header.format != 'elf' or cpu_family(header.machines[0]) != cpu_family(machine):
            raise contradiction(
                f'{data.name} says {name} = {triplet}', f'{path} is for {", ".join(header.machines)}', data)
    return f'linux-{machine}', machine


def _flavour(
    described: Details, platform: str, machine: str, pointer_size: int, data: pathlib.Path,
) -> tuple[str, str]:
    """Platform and machine with what build-details.json tells more exactly: the version of an ARM machine."""
    told = described.need('platform', str)
    if platform_tag(told, pointer_size) == platform_tag(platform, pointer_size):
        return platform, machine
    own = machine_of_platform(told, pointer_size)
    if told.startswith('linux-') and machine.startswith('armv') and own.startswith('armv'):
        return f'linux-{own}', own
    raise contradiction(f'{described.path.name} says platform = {told}', f'{data.name} is of {platform}', data)


def _macos(
    recorded: Variables, binary: tuple[pathlib.Path, binary_headers.Header] | None, data: pathlib.Path,
) -> tuple[str, str]:
    """`sysconfig.get_platform()` and `Target.machine`."""
    release = str(recorded.get('MACOSX_DEPLOYMENT_TARGET') or '')
    if not re.fullmatch(r'\d+(\.\d+)*', release):
        raise refused(f'{data.name} does not say MACOSX_DEPLOYMENT_TARGET', data)
    if '.' not in release:
        release += '.0'
    flags = f'{recorded.get("CFLAGS") or ""}'
    architectures = tuple(sorted(set(re.findall(r'-arch\s+(\S+)', flags))))
    if len(architectures) > 1:
        if architectures not in _UNIVERSAL:
            raise refused(f'{data.name} has flags for {", ".join(architectures)}, which no tag stands for', data)
        word = _UNIVERSAL[architectures]
    elif architectures:
        word = architectures[0]
    else:
        triplet = _need(recorded, 'HOST_GNU_TYPE', str, data)
        word = triplet.split('-')[0]
        word = {'aarch64': 'arm64'}.get(word, word)
    if binary is not None:
        path, header = binary
        wanted = {machine_name(name) for name in architectures or (word,)}
        if header.format != 'macho' or not wanted <= set(header.machines):
            raise contradiction(f'{data.name} is for {word}', f'{path} is for {", ".join(header.machines)}', data)
    return f'macosx-{release}-{word}', machine_name(word)


def _byte_order(
    binary: tuple[pathlib.Path, binary_headers.Header] | None, machine: str, pointer_size: int, data: pathlib.Path,
) -> str:
    """That of the machine, which the executable must not contradict: sysconfig data do not tell it."""
    known = MACHINES.get(machine)
    if known is None:
        if binary is None:
            raise refused(f'{data.name} is for {machine}, and there is no executable that tells its byte order', data)
        return binary[1].byte_order
    if known.pointer_size != pointer_size:
        raise contradiction(
            f'{data.name} says SIZEOF_VOID_P = {pointer_size}', f'{machine} has {known.pointer_size}', data)
    if binary is not None and binary[1].byte_order != known.byte_order:
        raise contradiction(
            f'{data.name} is for {machine}, which is {known.byte_order}-endian',
            f'{binary[0]} is {binary[1].byte_order}-endian', data)
    return known.byte_order


def _libc(
    recorded: Variables, binary: tuple[pathlib.Path, binary_headers.Header] | None, data: pathlib.Path,
) -> str:
    """The C library that the data name, which the loader of the executable must not contradict."""
    named = libc_of_names(*(str(recorded.get(name) or '') for name in ('HOST_GNU_TYPE', 'MULTIARCH', 'SOABI')))
    if binary is None or not binary[1].loader:
        return named
    loader = os.path.basename(binary[1].loader)
    loaded = 'musl' if loader.startswith('ld-musl') else 'glibc' if re.match(r'ld(-linux|64\.so|\.so)', loader) else ''
    if named and loaded and named != loaded:
        raise contradiction(f'{data.name} is for {named}', f'{binary[0]} is loaded by {binary[1].loader}', data)
    return loaded or named
