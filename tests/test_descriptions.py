# SPDX-License-Identifier: MIT
"""Target interpreters that are read from their files: real trees of four systems, and trees that tests break."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import typing

import pytest
import support
import trees

from mesonbuild_ft import target as target_
from mesonbuild_ft.description import files as description_files, posix, reader
from mesonbuild_ft.diagnostics import BuildRefused


NATIVE: typing.Final = ('cp313-cp313t', 'cp314-cp314', 'cp314-cp314t', 'cp315-cp315', 'cp315-cp315t')
MUSL: typing.Final = ('cp314-cp314-musllinux_x86_64', 'cp315-cp315t-musllinux_x86_64')
WINDOWS: typing.Final = {
    'cp313-cp313t-win_amd64': ((3, 13, 15), 'final'), 'cp314-cp314-win_amd64': ((3, 14, 7), 'final'),
    'cp314-cp314t-win_amd64': ((3, 14, 7), 'final'), 'cp315-cp315-win_amd64': ((3, 15, 0), 'candidate'),
    'cp315-cp315t-win_amd64': ((3, 15, 0), 'candidate'),
}
RUNNING: typing.Final = ('import json; from mesonbuild_ft import target; '
                         'print(json.dumps(target.running().to_json()))')


def run(python: pathlib.Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run an interpreter that finds this checkout; `extra`: environment variables."""
    path = os.pathsep.join([os.fspath(support.ROOT), *([extra.pop('PYTHONPATH')] if 'PYTHONPATH' in extra else [])])
    return subprocess.run(
        [python, '-B', *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
        env={**support.clean_environment(python), 'PYTHONPATH': path, **extra})


def running(python: pathlib.Path, **extra: str) -> target_.Target:
    done = run(python, '-c', RUNNING, **extra)
    assert done.returncode == 0, done.stderr
    return target_.Target.from_json(json.loads(done.stdout))


def meson_script() -> pathlib.Path:
    """The script by which Meson asks an interpreter what it is."""
    import mesonbuild.scripts

    return pathlib.Path(next(iter(mesonbuild.scripts.__path__))) / 'python_info.py'


@functools.cache
def meson_says(python: pathlib.Path) -> dict[str, typing.Any]:
    """What Meson's python_info.py prints in an interpreter."""
    done = run(python, os.fspath(meson_script()))
    assert done.returncode == 0, done.stderr
    return typing.cast('dict[str, typing.Any]', json.loads(done.stdout))


def prefix_of(name: str) -> pathlib.Path:
    return trees.tree(trees.MUSL if 'musl' in name else trees.WINDOWS if 'win' in name else trees.LINUX, name)


def refusal(path: pathlib.Path) -> tuple[str, str]:
    """(what, where) of the refusal to read a path."""
    with pytest.raises(BuildRefused) as caught:
        reader.read(path)
    found, = caught.value.diagnostics
    assert found.identifier == 'unreadable-target'
    assert found.severity == 'error'
    assert found.advice
    return found.what, found.where


@pytest.mark.parametrize('name', [*NATIVE, *MUSL])
def test_files_say_what_the_interpreter_says(name: str) -> None:
    prefix = prefix_of(name)
    read = reader.read(prefix)
    assert read.target.description == os.fspath(prefix)
    said = running(prefix / 'bin' / 'python3')
    assert dataclasses.replace(read.target, description='') == said
    assert said.libc == ('musl' if 'musl' in name else 'glibc')
    assert said.defines_gil_disabled is said.free_threaded


@pytest.mark.parametrize('name', [*NATIVE, *MUSL])
def test_python_info_is_that_of_meson(name: str) -> None:
    """Where a tree lies elsewhere than it was built for (musl), sysconfig gives recorded directories; we do not."""
    prefix = prefix_of(name)
    ours = dict(reader.read(prefix).python_info)
    theirs = dict(meson_says(prefix / 'bin' / 'python3'))
    variables, their_variables = ours.pop('variables'), theirs.pop('variables')
    assert ours == theirs
    assert set(their_variables) - set(variables) == {'LIBPC', 'userbase'}
    moved = {key for key in variables if variables[key] != their_variables.get(key)}
    if their_variables['INCLUDEPY'].startswith(f'{prefix}/'):
        # srcdir is the config directory at run time; 3.13 does not know abi_thread.
        assert moved <= {'srcdir', 'abi_thread'}
    for key in ('prefix', 'base_prefix', 'INCLUDEPY', 'LIBDIR'):
        assert variables[key] == prefix.as_posix() or variables[key].startswith(f'{prefix}/')
    assert json.loads(json.dumps(ours)) == ours


@pytest.mark.parametrize('name', NATIVE[1:])
def test_build_details_of_linux(name: str, tmp_path: pathlib.Path) -> None:
    """In its tree and alone: CPython's own file has neither abi.extension_suffix nor libpython."""
    prefix = prefix_of(name)
    file, = prefix.glob('lib/*/build-details.json')
    assert 'libpython' not in json.loads(file.read_text())
    alone = shutil.copy(file, tmp_path / 'target.json')
    whole = reader.read(prefix)
    for path in (file, alone):
        read = reader.read(path)
        assert read.target == dataclasses.replace(whole.target, description=os.fspath(path))
        for key in set(whole.python_info) - {'variables'}:
            assert read.python_info[key] == whole.python_info[key], key
    few = reader.read(alone).python_info['variables']
    assert {key: whole.python_info['variables'][key] for key in few} == few


@pytest.mark.parametrize('name', WINDOWS)
def test_windows(name: str) -> None:
    prefix = prefix_of(name)
    version, level = WINDOWS[name]
    abi = name.split('-')[1]
    read = reader.read(prefix)
    assert read.target == target_.Target(
        implementation='cpython', version=version, release_level=level, free_threaded=abi.endswith('t'), debug=False,
        trace_refs=False, platform='win_amd64', python_tag=name.split('-')[0], abi_tag=abi,
        extension_suffixes=(f'.{abi}-win_amd64.pyd', '.pyd'), pointer_size=8, byte_order='little',
        include_dir=f'{prefix}/include', defines_gil_disabled=False, libc='', system='windows', machine='x86_64',
        description=f'{prefix}', release_serial=2 if level == 'candidate' else 0)
    info = read.python_info
    variables = info['variables']
    assert {key: info[key] for key in ('version', 'platform', 'suffix', 'limited_api_suffix', 'is_freethreaded')} == {
        'version': f'{version[0]}.{version[1]}', 'platform': 'win-amd64', 'suffix': f'.{abi}-win_amd64.pyd',
        'limited_api_suffix': '.pyd', 'is_freethreaded': abi.endswith('t')}
    assert (info['is_pypy'], info['is_venv'], info['link_libpython']) == (False, False, True)
    assert info['install_paths']['platlib'] == '/Lib/site-packages'
    assert info['paths']['include'] == info['paths']['platinclude'] == f'{prefix}/include'
    assert variables['LIBRARY'] == f'python{abi[2:]}.dll'
    assert variables['Py_GIL_DISABLED'] == int(abi.endswith('t'))
    assert variables.get('ABIFLAGS') == (None if version < (3, 14) else 't' if abi.endswith('t') else '')
    assert (variables['py_version_nodot'], variables['py_version_short'], variables['implementation_lower']) == (
        abi[2:5], info['version'], 'python')
    # Where Meson looks for the import library.
    assert (pathlib.Path(variables['base_prefix']) / 'libs' / f'python{abi[2:]}.lib').is_file()
    for path in [prefix / 'python.exe', prefix / f'python{abi[2:]}.dll', *prefix.glob('build-details.json')]:
        again = reader.read(path)
        assert again == (dataclasses.replace(read.target, description=os.fspath(path)), info)


@pytest.mark.parametrize(('architecture', 'machine', 'triplet', 'byte_order', 'pointer_size'), [
    ('arm64', 'aarch64', 'aarch64-linux-gnu', 'little', 8), ('s390x', 's390x', 's390x-linux-gnu', 'big', 8),
    ('i386', 'i686', 'i386-linux-gnu', 'little', 4),
])
def test_debian(architecture: str, machine: str, triplet: str, byte_order: str, pointer_size: int) -> None:
    root = trees.debian(architecture)
    read = reader.read(root)
    suffix = f'.cpython-311-{triplet}.so'
    headers = os.fspath(root / 'usr' / 'include' / 'python3.11')
    assert read.target == target_.Target(
        implementation='cpython', version=(3, 11, 2), release_level='final', free_threaded=False, debug=False,
        trace_refs=False, platform=f'linux_{machine}', python_tag='cp311', abi_tag='cp311',
        extension_suffixes=(suffix, '.abi3.so', '.so'), pointer_size=pointer_size, byte_order=byte_order,
        include_dir=headers, defines_gil_disabled=False, libc='glibc', system='linux', machine=machine,
        description=os.fspath(root))
    info = read.python_info
    # Debian's own scheme, which Meson prefers.
    assert info['install_paths']['platlib'] == '/lib/python3/dist-packages'
    assert info['sysconfig_paths']['platlib'] == f'{root}/usr/local/lib/python3.11/dist-packages'
    assert info['variables']['INCLUDEPY'] == headers
    assert info['variables']['LIBDIR'] == f'{root}/usr/lib/{triplet}'
    assert info['suffix'] == suffix
    for path in (root / 'usr', root / 'usr' / 'bin' / 'python3.11',
                 root / 'usr' / 'lib' / 'python3.11' / f'_sysconfigdata__{triplet}.py'):
        assert reader.read(path) == (dataclasses.replace(read.target, description=os.fspath(path)), info)


def test_headers_of_debian_compile(tmp_path: pathlib.Path) -> None:
    """include/python3.11/pyconfig.h includes <aarch64-linux-gnu/python3.11/pyconfig.h>, outside of its directory."""
    pytest.importorskip('ziglang')
    info = reader.read(trees.debian('arm64')).python_info
    source = tmp_path / 'one.c'
    source.write_text('#include <Python.h>\n_Static_assert(SIZEOF_VOID_P == 8, "");\n')
    # As Meson's PythonSystemDependency passes them.
    headers = [info['variables']['INCLUDEPY'], info['paths']['include'], info['paths']['platinclude']]
    subprocess.run(
        [sys.executable, '-m', 'ziglang', 'cc', '-target', 'aarch64-linux-gnu', '-c', '-o', tmp_path / 'one.o',
         *(f'-I{path}' for path in headers), source], check=True)


def test_pypy_has_no_description() -> None:
    prefix = trees.tree(trees.LINUX, support.PYPY)
    expected = 'pypy3.11 is no CPython: PyPy computes its sysconfig data when it runs'
    assert refusal(prefix) == (expected, os.fspath(prefix))
    assert refusal(prefix / 'bin' / 'pypy3') == (expected, os.fspath(prefix))
    data = prefix / 'lib' / 'pypy3.11' / '_sysconfigdata.py'
    assert refusal(data) == (
        '_sysconfigdata.py is more than a dictionary: it computes its values when it is imported, as that of PyPy '
        'does, and is not run here', os.fspath(data))


def windows(tmp_path: pathlib.Path, name: str = 'cp314-cp314t-win_amd64') -> pathlib.Path:
    """A copy of what is read of a Windows tree, under a name that says nothing."""
    source, prefix = prefix_of(name), tmp_path / 'python'
    (prefix / 'include').mkdir(parents=True)
    for path in [*source.glob('*.exe'), *source.glob('python3*.dll'), *source.glob('*.json'),
                 source / 'include' / 'patchlevel.h', source / 'include' / 'pyconfig.h']:
        shutil.copy(path, prefix / path.relative_to(source))
    return prefix


def substitute(path: pathlib.Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_windows_without_patchlevel(tmp_path: pathlib.Path) -> None:
    prefix = windows(tmp_path)
    (prefix / 'include' / 'patchlevel.h').unlink()
    assert refusal(prefix) == (
        'patchlevel.h, which tells the version, is missing: the headers are not installed',
        f'{prefix}/include/patchlevel.h')


def test_windows_dll_cut_short(tmp_path: pathlib.Path) -> None:
    prefix = windows(tmp_path)
    dll = prefix / 'python314t.dll'
    data = dll.read_bytes()
    start, = struct.unpack_from('<I', data, 0x3C)
    for size, what in (
        (1, 'the magic number at offset 0'), (0x3E, 'e_lfanew at offset 60'),
        (start + 3, f'the PE signature at offset {start}'), (start + 6, f'the COFF header at offset {start + 4}'),
        (start + 25, f'the optional header at offset {start + 24}'),
    ):
        dll.write_bytes(data[:size])
        assert refusal(prefix) == (
            f'python314t.dll is damaged, or no executable: {what} lies beyond the end of the file', os.fspath(dll))


@pytest.mark.parametrize(('machine', 'tag', 'name', 'size'), [
    (0x014C, 'win32', 'i686', 4), (0xAA64, 'win_arm64', 'aarch64', 8),
])
def test_windows_of_other_machines(tmp_path: pathlib.Path, machine: int, tag: str, name: str, size: int) -> None:
    """A real DLL with the machine (and the kind of optional header) of another one written into it."""
    prefix = windows(tmp_path)
    dll = prefix / 'python314t.dll'
    data = bytearray(dll.read_bytes())
    start, = struct.unpack_from('<I', data, 0x3C)
    struct.pack_into('<H', data, start + 4, machine)
    if size == 4:
        struct.pack_into('<H', data, start + 24, 0x10B)
        # There are 16 fewer bytes before the directories, so that these become other ones.
        struct.pack_into('<I', data, start + 24 + 92, 0)
    dll.write_bytes(data)
    found = reader.read(prefix).target
    assert (found.platform, found.machine, found.pointer_size) == (tag, name, size)
    assert found.extension_suffixes == (f'.cp314t-{tag}.pyd', '.pyd')


def test_windows_of_no_machine(tmp_path: pathlib.Path) -> None:
    prefix = windows(tmp_path)
    dll = prefix / 'python314t.dll'
    data = bytearray(dll.read_bytes())
    struct.pack_into('<H', data, struct.unpack_from('<I', data, 0x3C)[0] + 4, 0x200)
    dll.write_bytes(data)
    assert refusal(prefix) == ('python314t.dll is for PE machine 0x200, which is no machine of Windows', f'{dll}')


def test_windows_debug(tmp_path: pathlib.Path) -> None:
    prefix = windows(tmp_path, 'cp314-cp314-win_amd64')
    (prefix / 'python314.dll').rename(prefix / 'python314_d.dll')
    found = reader.read(prefix).target
    assert found.debug
    assert found.extension_suffixes == ('_d.cp314-win_amd64.pyd', '_d.pyd')


def test_windows_with_both_builds(tmp_path: pathlib.Path) -> None:
    """As python.org's installer leaves it: what an executable imports tells, and not what it is called."""
    prefix = windows(tmp_path)
    both = prefix_of('cp314-cp314-win_amd64')
    for name in ('python314.dll', 'python.exe'):
        shutil.copy(both / name, prefix / name)
    what, where = refusal(prefix)
    assert (what, where) == ('there are several interpreters: python314.dll, python314t.dll', os.fspath(prefix))
    for name, free_threaded in (('python.exe', False), ('python3.14t.exe', True), ('python314.dll', False),
                                ('python314t.dll', True)):
        read = reader.read(prefix / name).target
        assert read.free_threaded is free_threaded, name
        assert read.description == os.fspath(prefix / name)
    (prefix / 'python314.dll').unlink()
    assert refusal(prefix / 'python.exe') == (
        'python.exe is for python314.dll, and beside it lies python314t.dll', os.fspath(prefix))
    stable = prefix / 'python3t.dll'
    assert refusal(stable) == (
        'python3t.dll is not the DLL of one Python version: those are python314t.dll', os.fspath(stable))


def test_windows_contradictions(tmp_path: pathlib.Path) -> None:
    prefix = windows(tmp_path, 'cp315-cp315t-win_amd64')
    details, headers = prefix / 'build-details.json', prefix / 'include' / 'patchlevel.h'
    original = details.read_text()

    substitute(headers, '#define PY_RELEASE_SERIAL       2', '#define PY_RELEASE_SERIAL       1')
    assert refusal(prefix) == (
        'build-details.json is of Python 3.15.0rc2, and include/patchlevel.h is of Python 3.15.0rc1', f'{details}')
    substitute(headers, '#define PY_MINOR_VERSION        15', '#define PY_MINOR_VERSION        14')
    assert refusal(prefix) == (
        'the DLL is python315t.dll, and include/patchlevel.h is of Python 3.14.0rc1', os.fspath(prefix))
    shutil.copy(prefix_of('cp315-cp315t-win_amd64') / 'include' / 'patchlevel.h', headers)

    details.write_text(original.replace('"win-amd64"', '"win-arm64"'))
    assert refusal(prefix) == (
        'build-details.json says platform = win-arm64, and python315t.dll is for win-amd64', f'{details}')
    flags = json.loads(original)
    flags['abi']['flags'] = []
    details.write_text(json.dumps(flags))
    assert refusal(prefix) == ('build-details.json says abi.flags = [], and the DLL is python315t.dll', f'{details}')


PYCONFIG: typing.Final = '#ifndef Py_CONFIG_H\n#define Py_CONFIG_H\n{}\n#endif\n'


@pytest.mark.parametrize(('text', 'expected'), [
    ('#define Py_GIL_DISABLED 1', True),
    ('#  define   Py_GIL_DISABLED\t1 /* per build */', True),
    # What 3.13 has for each of its own builds, and commented out in the one that they share.
    ('#ifndef Py_GIL_DISABLED\n#define Py_GIL_DISABLED 1\n#endif', True),
    ('#ifndef Py_GIL_DISABLED\n/* #define Py_GIL_DISABLED 1 */\n#endif', False),
    ('/* for free-threaded builds:\n#define Py_GIL_DISABLED 1\n*/', False),
    ('// #define Py_GIL_DISABLED 1', False),
    ('#ifdef _DEBUG\n#define Py_GIL_DISABLED 1\n#endif', False),
    ('#ifdef _DEBUG\n#else\n#define Py_GIL_DISABLED 1\n#endif', False),
    ('#define Py_GIL_DISABLED 0', False),
    ('#define Py_GIL_DISABLED 1\n#undef Py_GIL_DISABLED', False),
    # 3.14 does this, whoever defined it.
    ('#define Py_GIL_DISABLED 1\n#ifdef Py_GIL_DISABLED\n#if Py_GIL_DISABLED == 0\n#undef Py_GIL_DISABLED\n#endif\n'
     '#endif', True),
    ('#define Py_GIL_DISABLED_TOO 1', False),
])
def test_header_that_defines_gil_disabled(tmp_path: pathlib.Path, text: str, expected: bool) -> None:
    assert target_.header_defines(text, 'Py_GIL_DISABLED') is expected
    prefix = windows(tmp_path)
    (prefix / 'include' / 'pyconfig.h').write_text(PYCONFIG.format(text))
    assert reader.read(prefix).target.defines_gil_disabled is expected


def linux(tmp_path: pathlib.Path, name: str = 'cp314-cp314t') -> pathlib.Path:
    """A copy of what is read of a Linux tree."""
    source, prefix = prefix_of(name), tmp_path / 'moved'
    stdlib = next(source.glob('lib/python3*'))
    include = next(source.glob('include/python3*'))
    for path in [*stdlib.glob('_sysconfigdata*.py'), *stdlib.glob('build-details.json'), stdlib / 'sysconfig',
                 include / 'patchlevel.h', include / 'pyconfig.h', source / 'bin' / include.name]:
        copy = prefix / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
    return prefix


def test_a_tree_that_was_moved(tmp_path: pathlib.Path) -> None:
    """No path of the machine that it was built on is left."""
    prefix = linux(tmp_path)
    here = reader.read(prefix_of('cp314-cp314t'))
    read = reader.read(prefix)
    assert read.target == dataclasses.replace(
        here.target, description=os.fspath(prefix), include_dir=f'{prefix}/include/python3.14t')
    assert read.python_info['paths'] == {
        key: path.replace('/opt/python/cp314-cp314t', os.fspath(prefix))
        for key, path in here.python_info['paths'].items()}
    for key in ('prefix', 'exec_prefix', 'base_prefix', 'LIBDIR', 'BINDIR', 'LIBDEST', 'INCLUDEPY', 'LIBPL'):
        assert read.python_info['variables'][key].startswith(os.fspath(prefix)), key


def test_two_versions_in_one_prefix(tmp_path: pathlib.Path) -> None:
    prefix = linux(tmp_path, 'cp314-cp314')
    linux(tmp_path, 'cp314-cp314t')
    names = [f'lib/python3.14{flag}/_sysconfigdata_{flag}_linux_x86_64-linux-gnu.py' for flag in ('', 't')]
    assert refusal(prefix) == (f'there are several interpreters: {", ".join(names)}', os.fspath(prefix))
    assert not reader.read(prefix / 'bin' / 'python3.14').target.free_threaded
    assert reader.read(prefix / 'bin' / 'python3.14t').target.free_threaded
    assert reader.read(prefix / names[1]).target.free_threaded
    assert reader.read(prefix / 'lib' / 'python3.14t' / 'build-details.json').target.free_threaded
    (prefix / 'bin' / 'python3').symlink_to('python3.14t')
    assert reader.read(prefix / 'bin' / 'python3').target.free_threaded


def test_linux_contradictions(tmp_path: pathlib.Path) -> None:
    prefix = linux(tmp_path)
    data = prefix / 'lib' / 'python3.14t' / '_sysconfigdata_t_linux_x86_64-linux-gnu.py'
    python = prefix / 'bin' / 'python3.14t'
    original = data.read_text()
    cases = {
        ("'MULTIARCH': 'x86_64-linux-gnu'", "'MULTIARCH': 'aarch64-linux-gnu'"): (
            f'{data.name} says MULTIARCH = aarch64-linux-gnu, and {python} is for x86_64'),
        ("'HOST_GNU_TYPE': 'x86_64-pc-linux-gnu'", "'HOST_GNU_TYPE': 'x86_64-pc-linux-musl'"): (
            f'{data.name} is for musl, and {python} is loaded by /lib64/ld-linux-x86-64.so.2'),
        ("'SIZEOF_VOID_P': 8", "'SIZEOF_VOID_P': 4"): f'{data.name} says SIZEOF_VOID_P = 4, and x86_64 has 8',
        ("'VERSION': '3.14'", "'VERSION': '3.13'"): (
            f'the directory is python3.14t, and {data.name} is of Python 3.13'),
        ("'Py_GIL_DISABLED': 1", "'Py_GIL_DISABLED': 0"): (
            f"{data.name} says Py_GIL_DISABLED = 0, and ABIFLAGS = 't'"),
    }
    for (old, new), expected in cases.items():
        assert f' {old}' in original
        data.write_text(original.replace(f' {old}', f' {new}'))
        assert refusal(prefix) == (expected, os.fspath(data))
    data.write_text(original.replace(" 'MACHDEP': 'linux'", " 'MACHDEP': 'wasi'"))
    assert refusal(prefix) == (
        f'{data.name} is of the system wasi; known are linux and darwin', os.fspath(data))


def test_byte_order_is_that_of_the_machine_and_of_the_executable(tmp_path: pathlib.Path) -> None:
    """No sysconfig data tell it: pyconfig.h defines WORDS_BIGENDIAN in an indented line, which sysconfig skips."""
    for prefix in (prefix_of('cp314-cp314t'), prefix_of('cp315-cp315'), trees.debian('s390x') / 'usr'):
        data, = (path for path in prefix.glob('lib/python3*/_sysconfigdata*.py') if not path.is_symlink())
        assert 'SIZEOF_VOID_P' in posix.parse(data)
        assert 'WORDS_BIGENDIAN' not in posix.parse(data)
    assert reader.read(trees.debian('s390x')).target.byte_order == 'big'
    # A real executable with the number of PowerPC written into it, and the data of the other byte order.
    prefix = linux(tmp_path)
    data = prefix / 'lib' / 'python3.14t' / '_sysconfigdata_t_linux_x86_64-linux-gnu.py'
    substitute(data, "'MULTIARCH': 'x86_64-linux-gnu'", "'MULTIARCH': 'powerpc64-linux-gnu'")
    python = prefix / 'bin' / 'python3.14t'
    python.write_bytes(python.read_bytes()[:18] + struct.pack('<H', 21) + python.read_bytes()[20:])
    assert refusal(prefix) == (
        f'{data.name} is for ppc64, which is big-endian, and {python} is little-endian', os.fspath(data))


def test_sysconfig_data_are_never_run(tmp_path: pathlib.Path) -> None:
    prefix = linux(tmp_path)
    data = prefix / 'lib' / 'python3.14t' / '_sysconfigdata_t_linux_x86_64-linux-gnu.py'
    ran = tmp_path / 'ran'
    computed = ('is more than a dictionary: it computes its values when it is imported, as that of PyPy does, '
                'and is not run here')
    for text in (f'open({os.fspath(ran)!r}, "w")\nbuild_time_vars = {{}}\n',
                 f'build_time_vars = {{"VERSION": open({os.fspath(ran)!r}, "w")}}\n'):
        data.write_text(text)
        assert refusal(prefix) == (f'{data.name} {computed}', os.fspath(data))
    data.write_text('build_time_vars = {\n')
    assert refusal(prefix)[0].startswith(f"{data.name} is not Python: '{{' was never closed")
    data.write_text('build_time_vars = {"VERSION": ["3.14"]}\n')
    assert refusal(prefix)[0] == (
        f'{data.name} does not define build_time_vars as a dictionary of strings and integers')
    assert not ran.exists()


def macos(tmp_path: pathlib.Path, release: str, architectures: str) -> pathlib.Path:
    """The data of a real Linux build with the values of a macOS build written in, and no executable."""
    prefix = linux(tmp_path)
    shutil.rmtree(prefix / 'bin')
    (prefix / 'lib' / 'python3.14t' / 'build-details.json').unlink()
    data = prefix / 'lib' / 'python3.14t' / '_sysconfigdata_t_linux_x86_64-linux-gnu.py'
    variables = description_files.ast.literal_eval(data.read_text().split('=', 1)[1].strip())
    flags = ' '.join(f'-arch {name}' for name in architectures.split())
    variables.update({
        'MACHDEP': 'darwin', 'MULTIARCH': 'darwin', 'SOABI': 'cpython-314t-darwin', 'CFLAGS': f'{flags} -O2',
        'EXT_SUFFIX': '.cpython-314t-darwin.so', 'HOST_GNU_TYPE': 'aarch64-apple-darwin24.6.0',
        'MACOSX_DEPLOYMENT_TARGET': release})
    data.unlink()
    data.with_name('_sysconfigdata_t_darwin_darwin.py').write_text(f'build_time_vars = {variables!r}\n')
    return prefix


@pytest.mark.parametrize(('release', 'architectures', 'tag', 'platform', 'machine'), [
    ('11.0', 'arm64', 'macosx_11_0_arm64', 'macosx-11.0-arm64', 'aarch64'),
    ('10.13', 'arm64 x86_64', 'macosx_10_13_universal2', 'macosx-10.13-universal2', 'universal2'),
    ('10.13', 'x86_64', 'macosx_10_13_x86_64', 'macosx-10.13-x86_64', 'x86_64'),
    # The triplet tells where no -arch does; arm64 begins with 11, and from there on tags have no minor version.
    ('10.15', '', 'macosx_11_0_arm64', 'macosx-10.15-arm64', 'aarch64'),
    ('15.7', '', 'macosx_15_0_arm64', 'macosx-15.7-arm64', 'aarch64'),
    ('14', '', 'macosx_14_0_arm64', 'macosx-14.0-arm64', 'aarch64'),
])
def test_macos(
    tmp_path: pathlib.Path, release: str, architectures: str, tag: str, platform: str, machine: str,
) -> None:
    read = reader.read(macos(tmp_path, release, architectures))
    found = read.target
    assert (found.platform, found.system, found.machine, found.libc) == (tag, 'darwin', machine, '')
    assert (found.pointer_size, found.byte_order) == (8, 'little')
    assert found.extension_suffixes == ('.cpython-314t-darwin.so', '.abi3.so', '.so')
    assert read.python_info['platform'] == platform


def test_macos_without_a_release(tmp_path: pathlib.Path) -> None:
    prefix = macos(tmp_path, '', 'arm64')
    assert refusal(prefix)[0] == '_sysconfigdata_t_darwin_darwin.py does not say MACOSX_DEPLOYMENT_TARGET'


def details(tmp_path: pathlib.Path, change: typing.Callable[[dict[str, typing.Any]], object]) -> pathlib.Path:
    """A changed build-details.json of 3.15t for Linux, alone."""
    data = json.loads((prefix_of('cp315-cp315t') / 'lib' / 'python3.15t' / 'build-details.json').read_text())
    change(data)
    path = tmp_path / 'target.json'
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(('key', 'expected'), [
    ('schema_version', 'target.json has no schema_version, and nothing else tells it'),
    ('base_prefix', 'target.json has no base_prefix, and nothing else tells it'),
    ('platform', 'target.json has no platform, and nothing else tells it'),
    ('implementation', 'target.json has no implementation.name, and nothing else tells it'),
    ('suffixes', 'target.json has no suffixes.extensions, and nothing else tells it'),
    ('c_api', 'target.json has no c_api.headers, and nothing else tells it'),
])
def test_a_key_that_nothing_else_tells(tmp_path: pathlib.Path, key: str, expected: str) -> None:
    path = details(tmp_path, lambda data: data.pop(key))
    assert refusal(path) == (expected, os.fspath(path))


@pytest.mark.parametrize('change', [
    lambda data: data['language'].pop('version_info'),
    lambda data: (data['language'].pop('version_info'), data['implementation'].pop('version')),
    lambda data: data.pop('language'),
    lambda data: data.pop('abi'),
    lambda data: (data.pop('suffixes'), data['abi'].update(extension_suffix='.cpython-315t-x86_64-linux-gnu.so')),
    lambda data: data['c_api'].pop('pkgconfig_path'),
    lambda data: data.pop('base_interpreter'),
    lambda data: data['implementation'].pop('hexversion'),
    lambda data: data.update(schema_version='1.7'),
    lambda data: data.update(base_prefix='/opt/python', c_api={'headers': 'cp315-cp315t/include/python3.15t'}),
])
def test_keys_that_something_else_tells(
    tmp_path: pathlib.Path, change: typing.Callable[[dict[str, typing.Any]], object],
) -> None:
    path = details(tmp_path, change)
    expected = reader.read(prefix_of('cp315-cp315t')).target
    assert reader.read(path).target == dataclasses.replace(expected, description=os.fspath(path))


@pytest.mark.parametrize(('change', 'expected'), [
    (lambda data: data.update(schema_version='2.0'), 'target.json has schema_version 2.0, and only 1.x is known'),
    (lambda data: data.update(platform=15), 'platform in target.json is not a string'),
    (lambda data: data['suffixes'].update(extensions='.so'), 'suffixes.extensions in target.json is not an array'),
    (lambda data: data['abi'].update(flags=[1]), 'abi.flags in target.json is not an array of strings'),
    (lambda data: data['language'].update(version='3.14'),
     'target.json says language.version = 3.14, and '
     '/opt/python/cp315-cp315t/include/python3.15t/patchlevel.h is of Python 3.15.0rc2'),
    (lambda data: data.update(platform='linux-riscv64'),
     'target.json says platform = linux-riscv64, and implementation._multiarch = x86_64-linux-gnu'),
])
def test_details_that_are_wrong(
    tmp_path: pathlib.Path, change: typing.Callable[[dict[str, typing.Any]], object], expected: str,
) -> None:
    path = details(tmp_path, change)
    assert refusal(path) == (expected, os.fspath(path))


def test_what_is_no_interpreter(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'build-details.json'
    assert refusal(path) == ('there is no such file or directory', os.fspath(path))
    path.write_text('{')
    assert refusal(path)[0].startswith('build-details.json is not JSON: Expecting property name')
    path.write_text('[]')
    assert refusal(path) == ('build-details.json is not a JSON object', os.fspath(path))
    assert refusal(tmp_path) == (
        'there is no interpreter: neither python3XY.dll nor lib/python3.*/_sysconfigdata_*.py', os.fspath(tmp_path))
    assert refusal(pathlib.Path('/etc/passwd')) == ('the file is none that tells of an interpreter', '/etc/passwd')
    environment = pathlib.Path(sys.prefix)
    assert refusal(environment) == (
        'this is a virtual environment, which describes no interpreter', os.fspath(environment))


# What crossenv tells the running interpreter.

@functools.cache
def python311() -> pathlib.Path:
    """A Python 3.11 of this machine, to run with Debian's data."""
    for path in [*sorted(pathlib.Path.home().glob('.pyenv/versions/3.11*/bin/python')),
                 pathlib.Path(shutil.which('python3.11') or '/nowhere')]:
        if path.exists():
            return path
    return trees.missing('no Python 3.11')


def crossenv(architecture: str, machine: str) -> dict[str, str]:
    directory = trees.debian(architecture) / 'usr' / 'lib' / 'python3.11'
    data = directory / f'_sysconfigdata__{"i386" if machine == "i686" else machine}-linux-gnu.py'
    return {'_PYTHON_SYSCONFIGDATA_NAME': data.stem,
            '_PYTHON_HOST_PLATFORM': f'linux-{machine}',
            'PYTHONPATH': os.fspath(alone(data, architecture))}


def alone(data: pathlib.Path, architecture: str) -> pathlib.Path:
    """A directory with nothing but the data: the standard library beside it is of another micro version."""
    directory = trees.debian(architecture).with_name(f'{architecture}-sysconfigdata')
    directory.mkdir(exist_ok=True)
    shutil.copy(data, directory)
    return directory


@pytest.mark.parametrize(('architecture', 'machine'), [('arm64', 'aarch64'), ('s390x', 's390x'), ('i386', 'i686')])
@pytest.mark.parametrize('platform_told', [True, False])
def test_crossenv(architecture: str, machine: str, platform_told: bool) -> None:
    environment = crossenv(architecture, machine)
    if not platform_told:
        del environment['_PYTHON_HOST_PLATFORM']
    found = running(python311(), **environment)
    files = reader.read(trees.debian(architecture)).target
    # The data do not tell the micro version, and record where the headers are installed.
    assert found == dataclasses.replace(
        files, description='', version=found.version, include_dir='/usr/include/python3.11')


def test_probing_another_interpreter_is_not_told_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    from mesonbuild_ft import interpreters

    for name, value in crossenv('arm64', 'aarch64').items():
        monkeypatch.setenv(name, value)
    found = interpreters.probe(python311())
    assert found is not None
    assert found.target.platform == support.PLATFORM


def test_only_the_platform_is_told() -> None:
    """As for a build with Meson's cross file alone: the machine is that of the platform."""
    found = running(python311(), _PYTHON_HOST_PLATFORM='linux-s390x')
    assert (found.platform, found.machine, found.byte_order) == ('linux_s390x', 's390x', 'big')
    found = running(python311(), _PYTHON_HOST_PLATFORM='macosx-10.15-arm64')
    assert (found.platform, found.system, found.machine, found.libc) == (
        'macosx_11_0_arm64', 'darwin', 'aarch64', '')


def told(directory: pathlib.Path, platform: str, **variables: typing.Any) -> dict[str, str]:
    """The variables for sysconfig data that are those of a real Linux build with other values written in."""
    tree = trees.tree(trees.LINUX, 'cp314-cp314')
    data, = tree.glob('lib/python3*/_sysconfigdata*.py')
    values = {**posix.parse(data), **variables}
    (directory / '_sysconfigdata__told.py').write_text(f'build_time_vars = {values!r}\n')
    return {'_PYTHON_HOST_PLATFORM': platform, '_PYTHON_SYSCONFIGDATA_NAME': '_sysconfigdata__told',
            'PYTHONPATH': os.fspath(directory)}


TOLD: typing.Final = [
    # (_PYTHON_HOST_PLATFORM, MACHDEP, MULTIARCH, SIZEOF_VOID_P, platform tag, system, machine)
    ('ios-13.0-arm64-iphoneos', 'ios', 'arm64-iphoneos', 8, 'ios_13_0_arm64_iphoneos', 'ios', 'aarch64'),
    # What CPython's own build sets; sysconfig adds ANDROID_API_LEVEL.
    ('android-aarch64', 'android', 'aarch64-linux-android', 8, 'android_24_arm64_v8a', 'android', 'aarch64'),
    ('android-arm', 'android', 'arm-linux-androideabi', 4, 'android_24_armeabi_v7a', 'android', 'armv7l'),
    ('freebsd-14.1-RELEASE-amd64', 'freebsd14', '', 8, 'freebsd_14_1_release_amd64', 'freebsd', 'x86_64'),
    ('linux-armv5tel', 'linux', 'arm-linux-gnueabi', 4, 'linux_armv5tel', 'linux', 'armv5tel'),
    # uname tells no byte order there.
    ('linux-mips64', 'linux', 'mips64el-linux-gnuabi64', 8, 'linux_mips64', 'linux', 'mips64'),
]


@pytest.mark.parametrize(('platform', 'machdep', 'multiarch', 'size', 'tag', 'system', 'machine'), TOLD)
def test_told_of_a_machine_or_system_that_is_not_in_the_table(
    platform: str, machdep: str, multiarch: str, size: int, tag: str, system: str, machine: str,
    tmp_path: pathlib.Path,
) -> None:
    """What is not known contradicts nothing: the platform is what it says."""
    environment = told(tmp_path, platform, MACHDEP=machdep, MULTIARCH=multiarch, HOST_GNU_TYPE=multiarch,
                       SIZEOF_VOID_P=size, ANDROID_API_LEVEL=24)
    found = running(trees.tree(trees.LINUX, 'cp314-cp314') / 'bin' / 'python3', **environment)
    assert (found.platform, found.system, found.machine, found.pointer_size) == (tag, system, machine, size)


@pytest.mark.parametrize(('platform', 'machine'), [
    ('mingw_x86_64_ucrt_gnu', 'x86_64'), ('mingw_i686_msvcrt_gnu', 'i686'), ('mingw_aarch64_ucrt_llvm', 'aarch64'),
    ('mingw_x86_64', 'x86_64'), ('emscripten_5_0_3_wasm32', 'wasm32'), ('emscripten-5.0.3-wasm32', 'wasm32'),
    ('ios-13.0-x86_64-iphonesimulator', 'x86_64'), ('win-amd64', 'x86_64'), ('win32', 'i686'),
    ('macosx-10.13-universal2', 'universal2'), ('linux-armv6l', 'armv6l'),
])
def test_machine_of_platform(platform: str, machine: str) -> None:
    """Words of sysconfig.get_platform(); of MSYS2, iOS and Windows no interpreter runs on this machine."""
    assert target_.machine_of_platform(platform, 0) == machine


@pytest.mark.parametrize(('family', 'cpu', 'endian', 'machine'), [
    ('x86_64', 'x86_64', 'little', 'x86_64'), ('x86', 'i586', 'little', 'i686'),
    ('aarch64', 'armv8-a', 'little', 'aarch64'),
    ('arm', 'armv7hl', 'little', 'armv7l'), ('arm', 'cortex-a9', '', 'armv7l'), ('arm', 'armv6', 'little', 'armv6l'),
    ('arm', 'armv8l', 'little', 'armv8l'), ('arm', 'armv5te', 'little', ''), ('arm', 'armv7', 'big', ''),
    ('ppc64', 'power9', 'little', 'ppc64le'), ('ppc64', 'ppc64', 'big', 'ppc64'), ('mips64', 'mips64', 'big', ''),
])
def test_machine_of_a_cross_file(family: str, cpu: str, endian: str, machine: str) -> None:
    assert target_.machine_of_cpu(family, cpu, endian) == machine


def contradiction(python: pathlib.Path, **environment: str) -> str:
    code = ('from mesonbuild_ft import target, diagnostics\n'
            'try: target.running()\n'
            'except diagnostics.BuildRefused as e: print(e)\n')
    done = run(python, '-c', code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_contradictory_variables() -> None:
    environment = crossenv('arm64', 'aarch64')
    data = ('the sysconfig data of _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__aarch64-linux-gnu')
    assert contradiction(python311(), **{**environment, '_PYTHON_HOST_PLATFORM': 'linux-x86_64'}) == (
        f'contradictory-target: _PYTHON_HOST_PLATFORM=linux-x86_64, and {data} are of aarch64-linux-gnu')
    assert contradiction(python311(), **{**environment, '_PYTHON_HOST_PLATFORM': 'macosx-11.0-arm64'}) == (
        f'contradictory-target: _PYTHON_HOST_PLATFORM=macosx-11.0-arm64, and {data} are of linux')
    newer = prefix_of('cp313-cp313t') / 'bin' / 'python3'
    assert contradiction(newer, **environment) == (
        f'contradictory-target: the interpreter is Python 3.13, and {data} are of Python 3.11')
