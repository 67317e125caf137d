# SPDX-License-Identifier: MIT
"""What a hostile reader found: files of others, several modules of one name, and answers that change."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import typing

import pytest
import support

from mesonbuild_ft import scanner, work_directory
from mesonbuild_ft.diagnostics import BuildRefused
from mesonbuild_ft.meson import setup


TAG = 'cp312-cp312'

SAME_NAME = """
project('same-name', 'c', version: '1.0', meson_version: '>=1.3')
py = import('python').find_installation(pure: false)
bad = static_library('bad', 'bad.c', dependencies: py.dependency(), pic: true)
subdir({first!r})
subdir({second!r})
"""


def write_project(directory: pathlib.Path, files: dict[str, str]) -> pathlib.Path:
    """A project of these files; pyproject.toml wants the limited API."""
    files = {'pyproject.toml': '[build-system]\nbuild-backend = "mesonbuild_ft"\nrequires = ["mesonbuild-ft"]\n'
             '[project]\nname = "written"\nversion = "1.0"\n[tool.meson-python]\nlimited-api = true\n', **files}
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def module_source(name: str) -> str:
    """A multi-phase module with nothing in it."""
    return ('#include <Python.h>\nstatic PyModuleDef_Slot slots[] = {{0, NULL}};\n'
            f'static struct PyModuleDef def = {{PyModuleDef_HEAD_INIT, .m_name = "{name}", .m_slots = slots}};\n'
            f'PyMODINIT_FUNC PyInit_{name}(void) {{ return PyModuleDef_Init(&def); }}\n')


@pytest.mark.parametrize('given', ['.', '..', '../source'])
def test_sources_are_no_build_directory(
    given: str, hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('limited').rename(tmp_path / 'source')
    before = sorted(p.name for p in source.iterdir())
    result = hook(TAG, 'build_wheel', source, config={'build-dir': given})
    assert result.findings('error') == ['unusable-build-directory']
    assert sorted(p.name for p in source.iterdir() if p.name not in ('dist', 'output')) == before


def test_files_of_others_in_a_build_directory_stay(
    hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    kept = tmp_path / 'kept'
    kept.mkdir()
    (kept / 'precious.txt').write_text('mine')
    source = project('limited')
    hook(TAG, 'build_wheel', source, config={'build-dir': os.fspath(kept)})
    after = hook('cp314-cp314t', 'build_wheel', source, config={'build-dir': os.fspath(kept)})
    assert after.findings('warning') == ['build-directory-wiped']
    assert after.path.is_file()
    assert (kept / 'precious.txt').read_text() == 'mine'


@pytest.mark.parametrize('name', ['build_wheel', 'build_editable'])
def test_build_directory_behind_a_symbolic_link(
    name: str, hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    (tmp_path / 'real').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'real')
    config = {'build-dir': os.fspath(tmp_path / 'link')}
    assert hook(TAG, name, project('limited'), config=config).path.is_file()
    refused = hook(TAG, name, project('helper-without-define'), config={'build-dir': os.fspath(tmp_path / 'link/x')})
    assert refused.findings('error') == ['object-without-limited-api']


@pytest.mark.parametrize(('first', 'second'), [('a', 'b'), ('b', 'a')])
def test_modules_of_one_name_are_told_apart(first: str, second: str, hook: typing.Any, tmp_path: pathlib.Path) -> None:
    """Only pkg.a.core is linked with the helper; the order in meson.build must not matter."""
    module = "py.extension_module('core', 'core.c', {}limited_api: '3.9', install: true, subdir: 'pkg/{}')\n"
    source = write_project(tmp_path / 'project', {
        'meson.build': SAME_NAME.format(first=first, second=second),
        'bad.c': '#include <Python.h>\nint bad(PyObject *o) { return Py_REFCNT(o) > 1; }\n',
        'a/meson.build': module.format('link_with: bad, ', 'a'), 'a/core.c': module_source('core'),
        'b/meson.build': module.format('', 'b'), 'b/core.c': module_source('core')})
    for name in ('build_wheel', 'build_editable'):
        assert hook(TAG, name, source).findings('error') == ['object-without-limited-api']


@pytest.mark.parametrize('extra', [
    "shared_module('plugin', 'plugin.c', name_prefix: '', install: true, install_dir: py.get_install_dir() / 'pkg')",
    "py.extension_module('only_tests', 'only_tests.c', install: true, install_tag: 'tests')",
    "py.extension_module('only_tests', 'only_tests.c', limited_api: '3.12', install: true, install_tag: 'tests')",
    "executable('maker', 'maker.c', dependencies: py.dependency(embed: true, required: false))",
], ids=['plugin', 'not-installed', 'not-installed-higher', 'program'])
def test_only_what_goes_into_the_wheel_decides(extra: str, hook: typing.Any, tmp_path: pathlib.Path) -> None:
    source = write_project(tmp_path / 'project', {
        'meson.build': "project('written', 'c', version: '1.0', meson_version: '>=1.3')\n"
                       "py = import('python').find_installation(pure: false)\n"
                       "py.extension_module('core', 'core.c', limited_api: '3.9', install: true)\n" + extra + '\n',
        'core.c': module_source('core'), 'only_tests.c': module_source('only_tests'),
        'plugin.c': 'int plugin(void);\nint plugin(void) { return 1; }\n',
        'maker.c': 'int main(void) { return 0; }\n'})
    result = hook(TAG, 'build_wheel', source, config={'install-args': '--tags=runtime,python-runtime'})
    assert not result.findings('error')
    assert result.path.name.startswith('written-1.0-cp39-abi3-')


def test_generator_program_is_no_part_of_the_module(hook: typing.Any, tmp_path: pathlib.Path) -> None:
    """A program that writes a source may include Python.h without the limited API: it is run, not linked."""
    source = write_project(tmp_path / 'project', {
        'meson.build': "project('written', 'c', version: '1.0', meson_version: '>=1.3')\n"
                       "py = import('python').find_installation(pure: false)\n"
                       "maker = executable('maker', 'maker.c', include_directories: "
                       "include_directories(py.get_path('include')))\n"
                       "made = custom_target('made', output: 'made.h', command: [maker, '@OUTPUT@'])\n"
                       "py.extension_module('core', 'core.c', made, limited_api: '3.9', install: true)\n",
        'maker.c': '#include <Python.h>\n#include <stdio.h>\nint main(int c, char **v) {\n'
                   '  FILE *f = fopen(v[c - 1], "w"); fputs("#define MADE 1\\n", f); return fclose(f); }\n',
        'core.c': module_source('core')})
    result = hook(TAG, 'build_wheel', source)
    assert not result.findings()
    assert result.path.name.startswith('written-1.0-cp39-abi3-')


def test_version_that_a_command_gives_is_never_stale(hook: typing.Any, tmp_path: pathlib.Path) -> None:
    source = write_project(tmp_path / 'project', {
        'meson.build': "project('written', 'c', version: run_command('cat', files('VERSION'), check: true)"
                       ".stdout().strip(), meson_version: '>=1.3')\n"
                       "py = import('python').find_installation(pure: false)\n"
                       "py.extension_module('core', 'core.c', limited_api: '3.9', install: true)\n",
        'core.c': module_source('core'), 'VERSION': '1.0'})
    support.replace(source / 'pyproject.toml', 'version = "1.0"', 'dynamic = ["version"]')
    config = {'build-dir': 'build'}
    assert hook(TAG, 'build_wheel', source, config=config).path.name.startswith('written-1.0-')
    (source / 'VERSION').write_text('2.0')
    assert hook(TAG, 'build_wheel', source, config=config).path.name.startswith('written-2.0-')


@pytest.mark.parametrize(('text', 'repeatable'), [
    ("project('a', 'c')\npy = import('python').find_installation()\npy.extension_module('a', 'a.c')\n", True),
    ("py.dependency()\nif get_option('x')\n  subdir('y')\nendif\n", True),
    ("dependency('zlib')\n", False),
    ("run_command('git', 'describe')\n", False),
    ("fs = import('fs')\n", False),
    ("find_program('cython')\n", False),
    ("cc.find_library('m')\n", False),
], ids=['module', 'own-dependency', 'dependency', 'run_command', 'fs', 'find_program', 'find_library'])
def test_what_may_be_left_out(text: str, repeatable: bool, tmp_path: pathlib.Path) -> None:
    (tmp_path / 'meson.build').write_text(text)
    assert setup._is_repeatable(os.fspath(tmp_path / 'meson.build')) is repeatable


def test_two_processes_never_share_a_working_directory(tmp_path: pathlib.Path) -> None:
    """Each process writes a file of its own into its directory, and must be the only one there."""
    code = ('import os, pathlib, sys\nfrom mesonbuild_ft import work_directory\n'
            'for _ in range(150):\n'
            '    with work_directory.temporary(pathlib.Path(sys.argv[1])) as work:\n'
            '        (work / "mine").write_text(str(os.getpid()))\n'
            '        for _ in range(20):\n'
            '            assert (work / "mine").read_text() == str(os.getpid())\n')
    environment = {**os.environ, 'PYTHONPATH': os.fspath(pathlib.Path(__file__).parent.parent)}
    processes = [subprocess.Popen([sys.executable, '-c', code, os.fspath(tmp_path)], env=environment)
                 for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert list(tmp_path.iterdir()) == []


def test_file_system_without_locks(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then two builds are not kept apart, but one alone works."""
    import errno
    import fcntl

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, 'no locks')

    monkeypatch.setattr(fcntl, 'flock', flock)
    with work_directory.temporary(tmp_path) as work:
        assert work.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_source_directory_that_cannot_be_written(tmp_path: pathlib.Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(BuildRefused) as refused, work_directory.temporary(tmp_path / 'file'):
        pass
    assert refused.value.diagnostics[0].identifier == 'unreadable-file'


def test_static_library_of_rust_is_linked_as_meson_alone_links_it(
    hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """Meson's trial compilation of Rust tells what such a library needs; it must not be left out."""
    if shutil.which('rustc') is None:
        if os.environ.get('CI'):
            pytest.fail('rustc is missing; .ci/run installs it')
        pytest.skip('rustc is not installed')
    source = project('rust-helper')
    linked = {}
    for backend in ('mesonbuild_ft', 'mesonpy'):
        result = hook('cp314-cp314t', 'build_wheel', source, output=tmp_path / backend, backend=backend)
        assert result.status == 0, result.text
        data = support.read_module(result.path)
        linked[backend] = scanner.load().scan(data, 'rust_helper').needed
    assert 'libm.so.6' in linked['mesonpy']
    assert linked['mesonbuild_ft'] == linked['mesonpy']


@pytest.mark.parametrize(('name', 'text', 'left_out'), [
    ('meson.build', "project('x', 'c')", True), ('sub/meson.build', "add_languages('rust')", False),
    ('meson.options', "option('cuda', type: 'boolean')", False), ('subprojects/other.wrap', '[wrap-git]', False),
    ('sub/rust.c', '', True), ('.venv/meson.build', 'rust', True), ('build/meson.build', 'rust', True)])
def test_trial_compilation_is_left_out_only_where_it_is_nothing_else(
    name: str, text: str, left_out: bool, tmp_path: pathlib.Path,
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    own = setup.own_directory(tmp_path / 'build')
    own.mkdir(parents=True)
    texts, are_all = setup._build_file_texts(tmp_path, tmp_path / 'build')
    assert bool(are_all and setup._speed_up(tmp_path / 'build', texts, [])) is left_out


def test_trial_compilation_that_the_person_speaks_of_is_theirs(tmp_path: pathlib.Path) -> None:
    file = tmp_path / 'native.ini'
    file.write_text('[properties]\nskip_sanity_check = false\n')
    setup.own_directory(tmp_path / 'build').mkdir(parents=True)
    assert setup._speed_up(tmp_path / 'build', [], [f'--native-file={file}']) == []
