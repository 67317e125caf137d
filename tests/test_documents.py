# SPDX-License-Identifier: MIT
"""Pages that are followed step by step: files are written, commands are typed, and print what the page says."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import documents
import pytest
import support
import trees
import wheels
import windows_python
from conftest import Interpreters


DOCS = support.ROOT / 'docs'


def environment(directory: pathlib.Path, interpreters: Interpreters, wheels: pathlib.Path) -> dict[str, str]:
    """All interpreters of these tests, mesonbuild-ft where PyPI will have it, and caches of its own."""
    pythons = {f'python{tag[2]}.{tag.split("-")[1][3:]}': [os.fspath(interpreters.get(tag))]
               for tag in (support.OLDEST, *support.GIL, *support.FREE_THREADED)}
    pythons['python'] = pythons['python3'] = pythons['python3.13']
    path = documents.shims(directory / 'bin', pythons)
    result = support.clean_environment(
        path / 'python3', PIP_FIND_LINKS=os.fspath(wheels), UV_FIND_LINKS=os.fspath(wheels),
        PIP_DISABLE_PIP_VERSION_CHECK='1', XDG_CACHE_HOME=os.fspath(directory / 'cache'),
        UV_CACHE_DIR=os.fspath(directory / 'uv'), UV_PYTHON_DOWNLOADS='never')
    result['PATH'] += os.pathsep + os.path.dirname(sys.executable)
    return result


def test_first_wheels(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    interpreters.get(support.PYPY)
    place = tmp_path / 'reader'
    place.mkdir()
    done = documents.follow(
        DOCS / 'tutorial' / 'first-wheels.md', place, environment(tmp_path, interpreters, all_wheels))
    assert [one for one in done if one.status] == []
    assert len(done) == 14


def with_ours(
    directory: pathlib.Path, interpreters: Interpreters, wheels: pathlib.Path, tag: str = 'cp313-cp313',
) -> dict[str, str]:
    """The same, with mesonbuild-ft of this checkout installed already, for that interpreter."""
    result = environment(directory, interpreters, wheels)
    ours = [os.fspath(interpreters.get(tag)), '-P', '-m', 'mesonbuild_ft']
    result['PATH'] = os.fspath(documents.shims(directory / 'ours', {'mesonbuild-ft': ours})) + (
        os.pathsep + result['PATH'])
    return result


def test_landing_page(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    interpreters.get(support.PYPY)
    place = shutil.copytree(
        support.ROOT / 'examples' / 'greeting', tmp_path / 'greeting', ignore=shutil.ignore_patterns('build', 'dist'))
    page = DOCS / 'index.md'
    done, = documents.follow(page, place, with_ours(tmp_path, interpreters, all_wheels))
    assert done.status == 0
    # README.md shows the same.
    shown = re.search(r'^WHEEL .*?in dist$', page.read_text(encoding='utf-8'), re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert shown[0] in (support.ROOT / 'README.md').read_text(encoding='utf-8')


def test_howto(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    examples = support.ROOT / 'examples' / 'howto'
    place = shutil.copytree(examples / 'blocking-calls', tmp_path / 'blocking-calls')
    done = documents.follow(examples / 'README.md', place, environment(tmp_path, interpreters, all_wheels))
    assert [one.command for one in done if one.status] == []
    assert len(done) == 5


def test_gil(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """In a copy of the project that the page speaks of, with the mesonbuild-ft of this checkout."""
    place = support.copy_project('gil-on', tmp_path)
    done = documents.follow(DOCS / 'how-to' / 'gil.md', place, with_ours(tmp_path, interpreters, all_wheels))
    assert [one.command for one in done if one.status] == []
    assert len(done) == 14


def greeting(directory: pathlib.Path) -> pathlib.Path:
    """A copy of the example."""
    return pathlib.Path(shutil.copytree(
        support.ROOT / 'examples' / 'greeting', directory / 'greeting',
        ignore=shutil.ignore_patterns('build', 'dist', '.github')))


@pytest.fixture(scope='module')
def front_end(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """PYTHONPATH with pip, build and installer, for the interpreters that have none of them."""
    directory = tmp_path_factory.mktemp('front-end')
    subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--quiet', '--target', directory, 'pip', 'build', 'installer'],
        check=True)
    return {'PYTHONPATH': os.fspath(directory)}


@pytest.mark.usefixtures('wine')
def test_windows(
    interpreters: Interpreters, all_wheels: pathlib.Path, front_end: dict[str, str], tmp_path: pathlib.Path,
) -> None:
    """With Wine where the tests of Windows have it."""
    python = windows_python.python('cp314-cp314t')
    windows_python.start_wine()
    place = greeting(tmp_path)
    (place / 'windows-3.14t').symlink_to(python.prefix)
    done = documents.follow(
        DOCS / 'how-to' / 'windows.md', place,
        {**with_ours(tmp_path, interpreters, all_wheels), **windows_python.ENVIRONMENT, **front_end})
    assert [one.command for one in done if one.status] == []
    assert len(done) == 4


def test_distributions(
    interpreters: Interpreters, all_wheels: pathlib.Path, front_end: dict[str, str], tmp_path: pathlib.Path,
) -> None:
    """With all requirements installed, and no index to fetch others from."""
    done = documents.follow(
        DOCS / 'how-to' / 'distributions.md', greeting(tmp_path), {
            **with_ours(tmp_path, interpreters, all_wheels), **front_end, 'PIP_NO_INDEX': '1',
            'PIP_ROOT_USER_ACTION': 'ignore'})
    assert [one.command for one in done if one.status] == []
    assert len(done) == 11


def test_cibuildwheel(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """As far as it goes without a container engine."""
    place = greeting(tmp_path)
    page = DOCS / 'how-to' / 'cibuildwheel.md'
    done = documents.follow(page, place, with_ours(tmp_path, interpreters, all_wheels))
    assert [one.command for one in done if one.status] == []
    assert len(done) == 2
    # cibuildwheel itself reads the settings of the page, below those that the first command wrote.
    with open(place / 'pyproject.toml', 'a', encoding='utf-8') as file:
        file.writelines(re.findall(r'^```toml\n(.*?)^```$', page.read_text(encoding='utf-8'), re.MULTILINE | re.DOTALL))
    code = (
        'import pathlib, sys\n'
        'from cibuildwheel.options import CommandLineArguments, compute_options\n'
        'arguments = CommandLineArguments.defaults()\n'
        'arguments.package_dir = pathlib.Path(".")\n'
        'options = compute_options(platform="linux", command_line_arguments=arguments, env={})\n'
        'read = options.build_options("cp315t-manylinux_x86_64")\n'
        'print(read.config_settings, read.audit_command, read.audit_requires)\n')
    said = subprocess.run([sys.executable, '-c', code], cwd=place, capture_output=True, text=True, check=True).stdout
    assert "abi=abi3t" in said
    assert 'mesonbuild-ft check {wheel}' in said


def test_build_wheels(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    trees.need('x86_64-w64-mingw32-gcc')
    interpreters.get(support.PYPY)
    place = greeting(tmp_path)
    (place / 'windows-3.14t').symlink_to(trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64'))
    done = documents.follow(
        DOCS / 'how-to' / 'build-wheels.md', place, with_ours(tmp_path, interpreters, all_wheels))
    assert [one.command for one in done if one.status] == []
    assert len(done) == 3


def test_configure_by_hand(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """With 3.14t, in a project without special settings."""
    done = documents.follow(
        DOCS / 'how-to' / 'configure-by-hand.md', greeting(tmp_path),
        with_ours(tmp_path, interpreters, all_wheels, 'cp314-cp314t'))
    assert [one.command for one in done if one.status] == []
    assert len(done) == 3


def test_inspect(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    interpreters.get(support.PYPY)
    (tmp_path / 'examples').mkdir()
    greeting(tmp_path / 'examples')
    done = documents.follow(
        DOCS / 'reference' / 'inspect.md', tmp_path, with_ours(tmp_path, interpreters, all_wheels))
    assert [one.command for one in done if one.status] == []
    assert len(done) == 2


def test_readme(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """But for `make`: what that shows is on the landing page too."""
    interpreters.get(support.PYPY)
    place = support.copy_project('limited-abi3t', tmp_path)
    (place / 'dist').mkdir()
    wheels.wheel(place / 'dist', 'cp39-abi3-linux_x86_64', {
        'one.abi3.so': wheels.module(tmp_path, 'cp313-cp313', '-DPy_LIMITED_API=0x03090000')})
    data = wheels.module(tmp_path, 'cp314-cp314t', '-DNO_GIL_SLOT')
    wheels.wheel(place / 'dist', 'cp314-cp314t-linux_x86_64', {
        f'{name}.cpython-314t-x86_64-linux-gnu.so': data for name in ('one', 'part/one')})
    done = documents.follow(
        support.ROOT / 'README.md', place, with_ours(tmp_path, interpreters, all_wheels), left_out=('make',))
    assert [one.command for one in done if one.status] == []
    assert len(done) == 2


def test_compile_time_advice(interpreters: Interpreters, all_wheels: pathlib.Path, tmp_path: pathlib.Path) -> None:
    place = support.copy_project('advised', tmp_path)
    page = DOCS / 'how-to' / 'compile-time-advice.md'
    done = documents.follow(page, place, with_ours(tmp_path, interpreters, all_wheels))
    assert [one.command for one in done if one.status] == []
    first, second = done
    assert 'warning[' in first.printed
    assert 'warning[' not in second.printed
    # What the page says to write, and is in the project already.
    text = page.read_text(encoding='utf-8')
    assert re.findall(r'^```toml\n(.*?)^```$', text, re.M | re.S)[0] in (place / 'pyproject.toml').read_text()
    assert re.findall(r'^```c\n(.*?)^```$', text, re.M | re.S)[0] in (place / 'advised.h').read_text()
