# SPDX-License-Identifier: MIT
"""What a user runs: pip, build and uv, each with build isolation, and auditwheel on what they made.

`requires = ["mesonbuild-ft"]` is satisfied from a directory with the wheels of this checkout; everything else
comes from the package index, as on a user's machine.

cibuildwheel itself needs a container engine on Linux. Its three steps for each interpreter are here: a wheel by
`build`, `auditwheel repair`, and an import where the repaired wheel is installed.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing

import pytest
import support
import test_machines
import trees


#: The interpreter -> the tag of the wheel of the project `limited-abi3t`.
TAGS: typing.Final = {
    'cp311-cp311': 'cp39-abi3', 'cp314-cp314t': 'cp314-cp314t', 'cp315-cp315': 'cp39-abi3',
    'cp315-cp315t': 'cp315-abi3.abi3t'}


class FrontEnds:
    """Programs of the environment that the tests run in, and where they find mesonbuild-ft."""

    def __init__(self, wheels: pathlib.Path) -> None:
        self.environment = {
            **support.clean_environment(pathlib.Path(sys.executable)),
            'PIP_FIND_LINKS': os.fspath(wheels), 'UV_FIND_LINKS': os.fspath(wheels),
            'PIP_DISABLE_PIP_VERSION_CHECK': '1',
            # Not the person's: it may remember another wheel of this version.
            'UV_CACHE_DIR': os.fspath(wheels / 'uv-cache'), 'UV_PYTHON_DOWNLOADS': 'never', 'UV_LINK_MODE': 'copy'}

    def run(self, *command: str | os.PathLike[str], cwd: pathlib.Path) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope='module')
def front_ends(environments: dict[str, pathlib.Path], tmp_path_factory: pytest.TempPathFactory) -> FrontEnds:
    module = support.load_environments()
    known = {i.tag: i for i in module.interpreters()}
    wheels = tmp_path_factory.mktemp('wheels')
    for tag in TAGS:
        if tag in environments:
            module.build_ourselves(known[tag], environments[tag], wheels)
    return FrontEnds(wheels)


@pytest.fixture
def venv(interpreters: typing.Any, tmp_path: pathlib.Path) -> typing.Callable[[str], pathlib.Path]:
    """A new virtual environment with pip for this interpreter; returns its python."""
    def make(tag: str) -> pathlib.Path:
        subprocess.run([interpreters.get(tag), '-m', 'venv', tmp_path / 'venv'], check=True)
        return tmp_path / 'venv' / 'bin' / 'python'
    return make


def check_import(python: pathlib.Path, tag: str, where: pathlib.Path) -> None:
    imported = support.import_modules(python, where, ['limited_abi3t'])
    assert imported.answers == {'limited_abi3t': 42}
    assert imported.gil_after is not support.free_threaded(tag)


@pytest.mark.parametrize('tag', ['cp311-cp311', 'cp315-cp315t'], ids=support.short)
def test_pip_install(tag: str, front_ends: FrontEnds, venv: typing.Any, project: typing.Any) -> None:
    python = venv(tag)
    source = project('limited-abi3t')
    front_ends.run(python, '-m', 'pip', 'install', '.', cwd=source)
    check_import(python, tag, source)
    listed = front_ends.run(python, '-m', 'pip', 'show', '--verbose', '--files', 'limited-abi3t', cwd=source)
    assert 'Version: 1.0' in listed
    assert sorted(p.name for p in source.iterdir()) == ['limited_abi3t.c', 'meson.build', 'pyproject.toml']


def test_pip_install_editable(front_ends: FrontEnds, venv: typing.Any, project: typing.Any) -> None:
    """With the tools in the environment itself: an editable install builds again when it is imported."""
    python = venv('cp314-cp314t')
    source = project('limited-abi3t')
    front_ends.run(python, '-m', 'pip', 'install', 'mesonbuild-ft', 'ninja', cwd=source)
    front_ends.run(python, '-m', 'pip', 'install', '--no-build-isolation', '--editable', '.', cwd=source)
    check_import(python, 'cp314-cp314t', source.parent)


@pytest.mark.parametrize('tag', ['cp311-cp311', 'cp314-cp314t', 'cp315-cp315t'], ids=support.short)
def test_build_and_auditwheel(
    tag: str, front_ends: FrontEnds, interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """`python -m build`: the source distribution, and from it the wheel; then what cibuildwheel does with it."""
    source = project('limited-abi3t')
    # auditwheel tells the C library by what a module is linked with.
    support.replace(source / 'limited_abi3t.c', 'PyLong_FromLong(42)', 'PyLong_FromLong(strtol("42", NULL, 10))')
    support.git_init(source)
    python = interpreters.get(tag)
    tools = tmp_path / 'tools'
    support.load_environments().pip_install(python, '--target', os.fspath(tools), 'build')
    front_ends.environment['PYTHONPATH'] = os.fspath(tools)
    try:
        front_ends.run(python, '-m', 'build', '--outdir', tmp_path / 'dist', cwd=source)
    finally:
        del front_ends.environment['PYTHONPATH']
    sdist, wheel = sorted((tmp_path / 'dist').iterdir(), key=lambda p: p.suffix)
    assert sdist.name == 'limited_abi3t-1.0.tar.gz'
    assert wheel.name == f'limited_abi3t-1.0-{TAGS[tag]}-{support.PLATFORM}.whl'

    front_ends.run(
        sys.executable, '-m', 'auditwheel', 'repair', '--wheel-dir', tmp_path / 'repaired', wheel, cwd=tmp_path)
    repaired, = (tmp_path / 'repaired').iterdir()
    assert repaired.name.startswith(f'limited_abi3t-1.0-{TAGS[tag]}-manylinux')
    python_tag, abis = TAGS[tag].split('-')
    platforms = repaired.name.removesuffix('.whl').rsplit('-', 1)[1].split('.')
    assert sorted(support.whl_tags(repaired)) == sorted(
        f'{python_tag}-{abi}-{platform}' for abi in abis.split('.') for platform in platforms)
    check_import(python, tag, support.unpack(repaired, tmp_path / 'site'))


@pytest.mark.parametrize('tag', ['cp315-cp315', 'cp315-cp315t'], ids=support.short)
def test_uv_build(
    tag: str, front_ends: FrontEnds, interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('limited-abi3t')
    python = interpreters.get(tag)
    uv = pathlib.Path(sys.executable).with_name('uv')
    front_ends.run(uv, 'build', '--wheel', '--python', python, '--out-dir', tmp_path / 'dist', cwd=source)
    wheel, = (tmp_path / 'dist').glob('*.whl')
    assert wheel.name == f'limited_abi3t-1.0-{TAGS[tag]}-{support.PLATFORM}.whl'
    check_import(python, tag, support.unpack(wheel, tmp_path / 'site'))


#: The commands of the how-to -> the wheel that each makes of the project `limited-abi3t`.
CROSS: typing.Final = {
    'python -m build --wheel -Ctarget=target': 'cp314-cp314t-linux_x86_64',
    'python -m build --wheel -Ctarget=windows-3.14t': 'cp314-cp314t-win_amd64',
    'python -m build --wheel -Ctarget=debian-arm64': 'cp39-abi3-linux_aarch64',
    'CC=musl-gcc python -m build --wheel -Ctarget=musl-3.14/bin/python3': 'cp39-abi3-musllinux_1_2_x86_64',
    'CC="zig cc -target aarch64-macos" python -m build --wheel -Ctarget=macos-arm64': 'cp314-cp314t-macosx_11_0_arm64',
}


def test_how_to_cross_compile_has_these_commands() -> None:
    text = (support.ROOT / 'docs' / 'how-to' / 'cross-compile.md').read_text(encoding='utf-8')
    # pyodide build: test_webassembly.py.
    assert re.findall(r'(?m)^\$ (.*)$', text) == [*CROSS, 'pyodide build']


@pytest.mark.parametrize(('command', 'tag'), CROSS.items(), ids=CROSS.values())
def test_cross_compile_as_the_how_to_says(
    command: str, tag: str, front_ends: FrontEnds, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    for program in ('musl-gcc', 'x86_64-w64-mingw32-gcc', 'aarch64-linux-gnu-gcc'):
        if shutil.which(program) is None:
            trees.missing(f'{program} is not installed')
    directory = project('limited-abi3t')
    for name, make in {
        'target': lambda: trees.tree(trees.LINUX, 'cp314-cp314t'),
        'windows-3.14t': lambda: trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64'),
        'debian-arm64': lambda: trees.debian('arm64'),
        'musl-3.14': lambda: trees.tree(trees.MUSL, 'cp314-cp314-musllinux_x86_64'),
        'macos-arm64': lambda: test_machines.macos(tmp_path, '11.0', 'arm64'),
    }.items():
        if f'={name}' in command:
            (directory / name).symlink_to(make())
    programs = tmp_path / 'programs'
    programs.mkdir()
    (programs / 'zig').write_text(f'#!/bin/sh\nexec {sys.executable} -m ziglang "$@"\n')
    (programs / 'zig').chmod(0o755)
    front_ends.run('bash', '-c', f'PATH={programs}:$PATH; {command}', cwd=directory)
    wheel, = (directory / 'dist').glob('*.whl')
    assert wheel.name == f'limited_abi3t-1.0-{tag}.whl'
