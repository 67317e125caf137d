# SPDX-License-Identifier: MIT
"""Pyodide: the interpreter that npm has, run by node, and pyodide-build with a cross-build environment made from it.

pyodide-build would download its cross-build environment and Emscripten. Here the sysconfig data are those of the
interpreter, the headers those of CPython of the same version with a pyconfig.h made from these data, and the compiler
is Debian's emcc, an older one than that of the release: what it makes of C and simple C++ runs in it all the same.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import typing
import zipfile

import support
import trees
import wheels


VERSION: typing.Final = '314.0.7'
_SHA256: typing.Final = '66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0'
_BUILD: typing.Final = 'pyodide-build==0.39.2'
#: pyodide-build runs in a CPython of the same version.
HOST: typing.Final = 'cp314-cp314'
#: Platform tag of its wheels (PEP 783), and what it says to a build before it calls the wheel so.
PLATFORM: typing.Final = 'pyemscripten_2026_0_wasm32'
HOST_PLATFORM: typing.Final = 'emscripten_5_0_3_wasm32'
DATA: typing.Final = '_sysconfigdata__emscripten_wasm32-emscripten'

_CACHE: typing.Final = support.ROOT / '.cache' / 'pyodide'
_RUN: typing.Final = '''
import fs from 'node:fs';
const [, , loader, wheel, code] = process.argv;
try {
    const { loadPyodide } = await import(loader);
    const pyodide = await loadPyodide();
    if (wheel !== '') {
        pyodide.unpackArchive(new Uint8Array(fs.readFileSync(wheel)), 'wheel');
    }
    console.log(pyodide.runPython(code));
} catch (error) {
    // node itself would print the line of the source, which is all of Pyodide.
    console.error(error.message);
    process.exit(1);
}
'''
#: The variables that pyodide-build asks for; it runs `make .output_vars`.
_MAKEFILE: typing.Final = '''
export PYVERSION = {python}
export PYMAJOR = {major}
export PYMINOR = {minor}
export PYODIDE_EMSCRIPTEN_VERSION = {emscripten}
export PYODIDE_ABI_VERSION = {abi}
export PLATFORM_TRIPLET = wasm32-emscripten
export SYSCONFIG_NAME = {data}
export CPYTHONINSTALL = $(PYODIDE_ROOT)/cpython/installs/python-{python}
export TARGETINSTALLDIR = $(CPYTHONINSTALL)
export SYSCONFIGDATA_DIR = $(CPYTHONINSTALL)/sysconfigdata
export PYTHONINCLUDE = $(CPYTHONINSTALL)/include/python{major}.{minor}
export CFLAGS_BASE = -O2 -g0 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm
export LDFLAGS_BASE = -O2 -g0 -fwasm-exceptions -sSUPPORT_LONGJMP=wasm
export PIP_CONSTRAINT = $(PYODIDE_ROOT)/constraints.txt
.output_vars:
\tset
'''


@functools.cache
def package() -> pathlib.Path:
    """The directory of the npm package, downloaded once."""
    trees.need('node', 'npm')
    directory = _CACHE / VERSION
    with support.locked(_CACHE / 'lock'):
        if not (directory / 'package').is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(['npm', 'pack', '--silent', f'pyodide@{VERSION}'], cwd=directory, capture_output=True,
                                  text=True, check=False)
            archive = directory / f'pyodide-{VERSION}.tgz'
            if done.returncode or not archive.is_file():
                trees.missing(f'npm cannot get pyodide {VERSION}: {done.stderr}')
            assert hashlib.sha256(archive.read_bytes()).hexdigest() == _SHA256
            with tarfile.open(archive) as opened:
                for member in opened.getmembers():
                    # Plain files in one directory: nothing else is wanted.
                    path = directory / 'unpacked' / pathlib.PurePosixPath(member.name).name
                    file = opened.extractfile(member)
                    if file is not None:
                        path.parent.mkdir(exist_ok=True)
                        path.write_bytes(file.read())
            (directory / 'unpacked').rename(directory / 'package')
    return directory / 'package'


def run(code: str, wheel: pathlib.Path | None = None) -> str:
    """What the last expression of `code` is, as a string, in Pyodide with the files of a wheel. The test fails else."""
    loader = package() / 'pyodide.mjs'
    done = subprocess.run(
        ['node', '--input-type=module', '--eval', _RUN, '', loader.as_uri(), os.fspath(wheel or ''), code],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@functools.cache
def variables() -> dict[str, typing.Any]:
    """The variables of its sysconfig data; where it computes a string, there is a word in place of it."""
    tree = ast.parse(_data())
    found, = (node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict))
    return {ast.literal_eval(key): value.value if isinstance(value, ast.Constant) else 'computed'
            for key, value in zip(found.keys, found.values, strict=True) if key is not None}


def _data() -> str:
    with zipfile.ZipFile(package() / 'python_stdlib.zip') as archive:
        return archive.read(f'{DATA}.py').decode()


@functools.cache
def root() -> pathlib.Path:
    """The cross-build environment, laid out as pyodide-build's own (`pyodide xbuildenv install`)."""
    told = json.loads((package() / 'pyodide-lock.json').read_text(encoding='utf-8'))['info']
    headers = pathlib.Path(wheels.include(HOST))
    result = _CACHE / VERSION / 'xbuildenv' / 'pyodide-root'
    prefix = result / 'cpython' / 'installs' / f'python-{told["python"]}'
    major, minor = told['python'].split('.')[:2]
    with support.locked(_CACHE / 'lock'):
        if not result.is_dir():
            shutil.rmtree(work := result.with_name('unfinished'), ignore_errors=True)
            place = work / prefix.relative_to(result)
            include = shutil.copytree(headers, place / 'include' / f'python{major}.{minor}')
            _write_pyconfig(include / 'pyconfig.h')
            (place / 'sysconfigdata').mkdir()
            (place / 'sysconfigdata' / f'{DATA}.py').write_text(_data(), encoding='utf-8')
            (work / 'dist').mkdir()
            shutil.copy(package() / 'pyodide-lock.json', work / 'dist')
            (work / 'Makefile.envs').write_text(_MAKEFILE.format(
                python=told['python'], major=major, minor=minor, abi=told['abi_version'], data=DATA,
                emscripten=told['platform'].removeprefix('emscripten_').replace('_', '.')), encoding='utf-8')
            result.with_name('requirements.txt').touch()
            work.rename(result)
    return result


def prefix() -> pathlib.Path:
    """The prefix directory of its CPython there."""
    found, = (root() / 'cpython' / 'installs').iterdir()
    return found


def _write_pyconfig(path: pathlib.Path) -> None:
    """Make a pyconfig.h of another machine that of Pyodide: sysconfig data hold all macros of pyconfig.h."""
    def value(match: re.Match[str]) -> str:
        known = variables().get(match[1])
        return f'#define {match[1]} {known}' if known not in (None, 0, '') else f'/* #undef {match[1]} */'

    text = path.read_text(encoding='utf-8')
    # The guard has no value, and is no variable.
    text = re.sub(r'^#define (?!Py_PYCONFIG_H$)(\w+)\b.*$', value, text, flags=re.MULTILINE)
    path.write_text(re.sub(r'^/\* #undef (\w+) \*/$', value, text, flags=re.MULTILINE), encoding='utf-8')


def compiled(directory: pathlib.Path, *flags: str, source: str = wheels.SOURCE) -> bytes:
    """The bytes of wheels.SOURCE, a module named `one`, compiled by emcc for Pyodide."""
    trees.need('emcc')
    (directory / 'source.c').write_text(source)
    output = directory / 'one.wasm'
    include, = (prefix() / 'include').iterdir()
    subprocess.run(
        ['emcc', '-O2', '-fPIC', '-w', f'-I{include}', '-DNAME=one', '-sSIDE_MODULE=1', '-sWASM_BIGINT',
         'source.c', '-o', output, *flags], cwd=directory, check=True)
    return output.read_bytes()


@functools.cache
def build_python() -> pathlib.Path:
    """python of an environment with pyodide-build, made once, that sees mesonbuild-ft and the tools of HOST's."""
    environments = support.load_environments()
    host = next((i for i in environments.interpreters() if i.tag == HOST), None)
    if host is None:
        trees.missing(f'no interpreter {HOST}')
    directory = _CACHE / 'environment'
    python = directory / 'bin' / 'python'
    with support.locked(_CACHE / 'lock'):
        ready = directory / 'ready'
        # Programs of an environment name its path.
        if not ready.is_file() or ready.read_text() != f'{directory} {_BUILD}':
            shutil.rmtree(directory, ignore_errors=True)
            subprocess.run([host.executable, '-m', 'venv', directory], check=True)
            environments.pip_install(python, _BUILD)
            packages, = directory.glob('lib/python3*/site-packages')
            beside, = environments.prepare([HOST])[HOST].parent.parent.glob('lib/python3*/site-packages')
            # pyodide-build sets PYTHONPATH.
            (packages / 'beside.pth').write_text(f'{beside}\n')
            ready.write_text(f'{directory} {_BUILD}')
    return python


def build(project: pathlib.Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`pyodide build` of a project, into its folder dist."""
    trees.need('emcc', 'make')
    tools = support.load_environments().prepare([HOST])[HOST]
    return subprocess.run(
        [build_python().with_name('pyodide'), 'build', project, '--outdir', project / 'dist', '--no-isolation',
         '--skip-dependency-check'],
        cwd=project, env=support.clean_environment(
            tools, PYODIDE_ROOT=os.fspath(root()), SKIP_EMSCRIPTEN_VERSION_CHECK='1', **environment),
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
