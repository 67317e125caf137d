# SPDX-License-Identifier: MIT
"""`mesonbuild-ft wheels`: real builds in real build environments, imported in real interpreters.

`requires = ["mesonbuild-ft"]` is satisfied from the wheels of this checkout; the rest comes from the package index.
"""

from __future__ import annotations

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import typing

import jsonschema
import pytest
import support
from conftest import Interpreters

from mesonbuild_ft.wheels import display, log
from mesonbuild_ft.wheels.environment import Distribution, bound_to_interpreter


Copy = typing.Callable[[str], pathlib.Path]
#: Runs the command itself.
OURS: typing.Final = 'cp313-cp313'


class Command:
    """`mesonbuild-ft` in the environment of an interpreter, with uv in PATH."""

    def __init__(self, interpreters: Interpreters, cache: pathlib.Path) -> None:
        environments = support.load_environments()
        wheels = os.fspath(environments.CACHE / 'wheels' / environments.source_digest())
        self._interpreters = interpreters
        self.python = interpreters.get(OURS)
        self.environment = {
            **support.clean_environment(self.python), 'PIP_FIND_LINKS': wheels, 'UV_FIND_LINKS': wheels,
            # Not the person's: it may remember another wheel of this version.
            'UV_CACHE_DIR': os.fspath(cache), 'UV_PYTHON_DOWNLOADS': 'never', 'UV_LINK_MODE': 'copy',
            'XDG_CACHE_HOME': os.fspath(cache / 'xdg')}
        self.environment['PATH'] += os.pathsep + os.path.dirname(sys.executable)

    def environments(self) -> set[pathlib.Path]:
        """Those that were made for builds."""
        return {path.parent for path in pathlib.Path(self.environment['XDG_CACHE_HOME']).glob('*/*/*/pyvenv.cfg')}

    def line(self, *arguments: str) -> list[str]:
        """A command line; tags stand for their interpreters."""
        return [os.fspath(self.python), '-P', '-m', 'mesonbuild_ft', 'wheels', *(
            os.fspath(self._interpreters.get(word)) if re.fullmatch(r'(cp|pp)\d+-\w+', word) else word
            for word in arguments)]

    def run(self, project: pathlib.Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.line(*arguments), cwd=project, env={**self.environment, **environment}, capture_output=True,
            text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.fixture(scope='module')
def command(interpreters: Interpreters, tmp_path_factory: pytest.TempPathFactory) -> Command:
    return Command(interpreters, tmp_path_factory.mktemp('uv'))


def table(output: str) -> dict[str, tuple[str, ...]]:
    """WHEEL -> SERVES, VERIFIED, IMPORTED and TIME of the table, without what differs from run to run."""
    lines = output[output.index('WHEEL '):].splitlines()
    ends = [match.start() for match in re.finditer(r'(?<=  )\S', lines[0])]
    found = {}
    for line in lines[1:lines.index('')]:
        cells = [part.strip() for part in re.split(r'\s{2,}', line)]
        found[cells[0]] = tuple('' if re.fullmatch(r'\d+\.\d s', cell) else cell for cell in cells[2:])
    assert len(ends) == 5
    return found


def whls(directory: pathlib.Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def built(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Labels of what was built, as the lines say it while it goes on."""
    return sorted(re.findall(r'^mesonbuild-ft: (.+): building', done.stderr, re.MULTILINE))


def test_one_build_for_all_that_a_wheel_serves(command: Command, project: Copy) -> None:
    directory = project('limited-abi3t')
    pythons = ['cp310-cp310', 'cp312-cp312', 'cp314-cp314', 'cp314-cp314t', 'cp315-cp315', 'cp315-cp315t']
    done = command.run(directory, *pythons)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(done.stdout) == {
        'limited_abi3t-1.0-cp39-abi3-linux_x86_64.whl': ('3.10, 3.12, 3.14, 3.15', '1 module', 'in all', ''),
        'limited_abi3t-1.0-cp315-abi3.abi3t-linux_x86_64.whl': ('3.15, 3.15t', '1 module', 'in all', ''),
        'limited_abi3t-1.0-cp314-cp314t-linux_x86_64.whl': ('3.14t', '1 module', 'in all', ''),
    }
    assert whls(directory / 'dist') == sorted(table(done.stdout))
    assert built(done) == ['cp314-cp314t', 'cp315-abi3.abi3t', 'cp39-abi3']
    assert done.stdout.endswith('\n3 wheels in dist\n')
    # Nothing of it is for a version control system.
    assert (directory / 'build' / 'wheels' / '.gitignore').read_text() == '*\n'


def test_a_second_run_does_only_what_changed(command: Command, project: Copy) -> None:
    directory = project('limited-abi3t')
    pythons = ['cp313-cp313', 'cp314-cp314t']
    assert command.run(directory, *pythons).returncode == 0
    before = {path.name: path.stat() for path in (directory / 'dist').iterdir()}

    again = command.run(directory, *pythons)
    assert built(again) == []
    assert again.stdout.endswith('\n2 wheels in dist, all unchanged\n')
    assert {path.name: path.stat() for path in (directory / 'dist').iterdir()} == before

    # A wheel that somebody removed is built again, and no other.
    (directory / 'dist' / 'limited_abi3t-1.0-cp39-abi3-linux_x86_64.whl').unlink()
    assert built(command.run(directory, *pythons)) == ['cp39-abi3']

    # An interpreter that was not there before only imports.
    more = command.run(directory, *pythons, 'cp315-cp315')
    assert built(more) == []
    assert table(more.stdout)['limited_abi3t-1.0-cp39-abi3-linux_x86_64.whl'] == (
        '3.13, 3.15', '1 module', 'in all', 'unchanged')

    # A source, a setting, a variable and a config setting each make another build.
    with open(directory / 'limited_abi3t.c', 'a') as file:
        file.write('/* changed */\n')
    assert built(command.run(directory, *pythons)) == ['cp314-cp314t', 'cp39-abi3']
    assert built(command.run(directory, *pythons, CFLAGS='-O1')) == ['cp314-cp314t', 'cp39-abi3']
    assert built(command.run(directory, 'cp313-cp313', '-Cabi=full')) == ['cp313-cp313']
    assert built(command.run(directory, 'cp313-cp313', '--fresh')) == ['cp39-abi3']
    assert built(command.run(directory, 'cp313-cp313')) == []


def git(directory: pathlib.Path, *arguments: str) -> None:
    subprocess.run(
        ['git', '-c', 'user.name=A', '-c', 'user.email=a@example.org', *arguments], cwd=directory, check=True,
        capture_output=True)


def of_tag(directory: pathlib.Path) -> None:
    (directory / '.gitignore').write_text('build\ndist\n')
    support.replace(directory / 'pyproject.toml', 'version = "1.0"', 'dynamic = ["version"]')
    support.replace(directory / 'meson.build', "version: '1.0'", (
        "version: run_command('git', 'describe', '--tags', check: true).stdout().strip()"))
    git(directory, 'init', '-q')
    git(directory, 'add', '.')
    git(directory, 'commit', '-qm', 'All')
    git(directory, 'tag', '1.0')


def of_link(directory: pathlib.Path) -> None:
    elsewhere = directory.parent / 'elsewhere'
    elsewhere.mkdir()
    (directory / 'plain.c').rename(elsewhere / 'plain.c')
    (directory / 'linked').symlink_to(elsewhere)
    support.replace(directory / 'meson.build', "'plain.c'", "'linked/plain.c'")


def of_library(directory: pathlib.Path) -> None:
    elsewhere = directory.parent / 'else where'
    elsewhere.mkdir()
    compile_library(elsewhere, 1)
    support.replace(directory / 'plain.c', 'PyLong_FromLong(42)', 'PyLong_FromLong(of_library())')
    support.replace(directory / 'plain.c', '#include <Python.h>', '#include <Python.h>\nlong of_library(void);')
    support.replace(directory / 'meson.build', "'plain.c'", (
        f"'plain.c', dependencies: meson.get_compiler('c').find_library('it', dirs: '{elsewhere}')"))


def compile_library(directory: pathlib.Path, value: int) -> None:
    (directory / 'it.c').write_text(f'long of_library(void) {{ return {value}; }}\n')
    subprocess.run(['cc', '-fPIC', '-c', 'it.c'], cwd=directory, check=True)
    subprocess.run(['ar', 'rcs', 'libit.a', 'it.o'], cwd=directory, check=True)


def of_permissions(directory: pathlib.Path) -> None:
    (directory / 'tool').write_text('#!/bin/sh\n')
    (directory / 'tool').chmod(0o644)
    with open(directory / 'meson.build', 'a') as file:
        file.write("py.install_sources('tool')\n")


def of_machine_file(directory: pathlib.Path) -> None:
    (directory.parent / 'native.ini').write_text('[properties]\nanswer = 1\n')


#: What changes -> (what a project needs for that, the change).
CHANGES: typing.Final[dict[str, tuple[
    typing.Callable[[pathlib.Path], None], typing.Callable[[pathlib.Path], object]]]] = {
    'a tag of git': (of_tag, lambda directory: git(directory, 'tag', '-a', '-m', 'Two', '2.0')),
    'a source behind a link': (of_link, lambda directory: support.replace(
        directory.parent / 'elsewhere' / 'plain.c', '42', '43')),
    'a library': (of_library, lambda directory: compile_library(directory.parent / 'else where', 2)),
    'permissions': (of_permissions, lambda directory: (directory / 'tool').chmod(0o755)),
    'a machine file': (of_machine_file, lambda directory: support.replace(
        directory.parent / 'native.ini', 'answer = 1', 'answer = 2')),
}


@pytest.mark.parametrize('what', CHANGES)
def test_a_change_outside_of_the_sources_makes_another_build(what: str, command: Command, project: Copy) -> None:
    directory = project('plain')
    prepare, change = CHANGES[what]
    prepare(directory)
    arguments = ['cp312-cp312']
    if what == 'a machine file':
        arguments.append(f'-Csetup-args=--native-file={directory.parent / "native.ini"}')
    done = command.run(directory, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert built(command.run(directory, *arguments)) == []
    change(directory)
    assert built(command.run(directory, *arguments)) == ['cp312-cp312']


def test_wheels_of_the_project_are_no_sources(command: Command, project: Copy) -> None:
    """What one run writes into the project does not make the next one build, and nothing else there is passed over."""
    directory = project('plain')
    (directory / 'src').mkdir()
    (directory / 'plain.c').rename(directory / 'src' / 'plain.c')
    support.replace(directory / 'meson.build', "'plain.c'", "'src/plain.c'")
    for output in ('dist', 'src', '.'):
        assert built(command.run(directory, 'cp312-cp312', '-o', output)) == ['cp312-cp312']
        assert built(command.run(directory, 'cp312-cp312', '-o', output)) == []
    support.replace(directory / 'src' / 'plain.c', '42', '43')
    assert built(command.run(directory, 'cp312-cp312', '-o', 'src')) == ['cp312-cp312']


def test_without_isolation_what_is_installed_counts(command: Command, project: Copy) -> None:
    directory = project('plain')
    packages = directory.parent / 'packages'
    packages.mkdir()
    arguments: dict[str, str] = {
        'PATH': os.path.dirname(command.python) + ':/usr/bin', 'PYTHONPATH': os.fspath(packages)}
    assert built(command.run(directory, 'cp312-cp312', '--no-isolation', **arguments)) == ['cp312-cp312']
    assert built(command.run(directory, 'cp312-cp312', '--no-isolation', **arguments)) == []
    (packages / 'code_generator-2.0.dist-info').mkdir()
    assert built(command.run(directory, 'cp312-cp312', '--no-isolation', **arguments)) == ['cp312-cp312']


def test_what_meson_writes_into_the_sources_is_no_change(command: Command, project: Copy) -> None:
    """A lock in the directory of subprojects, anew in every build."""
    directory = project('plain')
    (directory / 'subprojects' / 'other').mkdir(parents=True)
    (directory / 'subprojects' / 'other' / 'meson.build').write_text("project('other')\n")
    with open(directory / 'meson.build', 'a') as file:
        file.write("subproject('other')\n")
    assert built(command.run(directory, 'cp312-cp312')) == ['cp312-cp312']
    assert (directory / 'subprojects' / '.wraplock').exists()
    assert built(command.run(directory, 'cp312-cp312')) == []


def test_one_failure_does_not_stop_the_others(command: Command, project: Copy) -> None:
    directory = project('plain')
    source, = directory.rglob('*.c')
    source.write_text('#include <Python.h>\n#ifdef Py_GIL_DISABLED\n#error not without the GIL\n#endif\n'
                      + source.read_text())
    done = command.run(directory, 'cp313-cp313t', 'cp313-cp313', 'cp311-cp311')
    assert done.returncode == 1
    assert table(done.stdout)['cp313-cp313t'] == ('not built', '')
    assert whls(directory / 'dist') == [
        'plain-1.0-cp311-cp311-linux_x86_64.whl', 'plain-1.0-cp313-cp313-linux_x86_64.whl']
    assert done.stdout.startswith(
        'error[wheel-not-built]\n  the build cp313-cp313t failed: it ended with status 1\n      FAILED: ')
    assert re.search(r'^ +\S*\.c:3:2: error: #error not without the GIL$', done.stdout, re.MULTILINE)
    assert '  where: build/wheels/cp313-cp313t-linux_x86_64/log.txt\n' in done.stdout
    assert done.stdout.endswith('\n2 wheels in dist; 1 build failed\n')
    # The others are not built again when it is mended.
    support.replace(source, '#error', '//')
    mended = command.run(directory, 'cp313-cp313t', 'cp313-cp313')
    assert mended.returncode == 0, mended.stdout


def test_the_same_fault_is_told_once(command: Command, project: Copy) -> None:
    directory = project('no-gil-declaration')
    pythons = ['cp312-cp312', 'cp313-cp313', 'cp313-cp313t', 'cp314-cp314t']
    done = command.run(directory, *pythons)
    assert done.stdout.count('warning[gil-enabled-by-module]') == 1
    assert re.search(r'\n  where: \S+\.cpython-313t\S*\.so\n  the same for: cp314-cp314t\n', done.stdout)
    source, = directory.rglob('*.c')
    source.write_text('#ifdef Py_GIL_DISABLED\n#error not without the GIL\n#endif\n#error not at all\n'
                      + source.read_text())
    done = command.run(directory, *pythons)
    assert done.stdout.count('error[wheel-not-built]') == 1
    assert '\n  the same for: cp313-cp313, cp313-cp313t, cp314-cp314t\n' in done.stdout
    # What an earlier run left would be published too.
    assert done.stdout.endswith('\n0 wheels in dist, beside 4 of earlier runs; 4 builds failed\n')


def test_what_was_said_of_the_decision(command: Command, project: Copy) -> None:
    """No interpreter has reached limited_api:, which makes wheels that are for one version each: told once."""
    directory = project('floor-too-high')
    support.replace(directory / 'meson.build', "'3.14'", "'3.16'")
    pythons = ['cp313-cp313', 'cp314-cp314', 'cp314-cp314t']
    for state in ('built', 'unchanged'):
        done = command.run(directory, *pythons)
        assert done.returncode == 0, done.stderr
        assert len(built(done)) == (3 if state == 'built' else 0)
        assert done.stdout.startswith(
            'warning[limited-api-too-new]\n'
            "  limited_api: '3.16' is newer than every CPython known here, up to 3.15; the wheel is for cp313 only\n"
            '  where: meson.build\n  the same for: cp314-cp314\n  to do: Name the oldest CPython ')
        assert done.stdout.count('warning[') == 1
    # A floor that other interpreters reach is none.
    support.replace(directory / 'meson.build', "'3.16'", "'3.14'")
    done = command.run(directory, *pythons)
    assert done.stdout.startswith('WHEEL ')


def test_a_compiler_error_is_told_once_for_all_abis(command: Command, project: Copy) -> None:
    """Headers that are named beside it, and what is advised for one ABI, differ; the error is the same."""
    directory = project('limited-abi3t')
    source = directory / 'limited_abi3t.c'
    text = source.read_text()
    support.replace(source, 'return PyLong_FromLong(42);', 'Py_INCREF(undeclared);\n    return PyLong_FromLong(42);')
    pythons = ['cp311-cp311', 'cp313-cp313t', 'cp314-cp314t', 'cp315-cp315t']
    done = command.run(directory, *pythons)
    assert done.stdout.count('error[wheel-not-built]') == 1
    # Of all builds that of the full API is shown: to switch the limited API off does not help.
    assert done.stdout.startswith('error[wheel-not-built]\n  the build cp313-cp313t failed: it ended with status 1\n')
    assert '-Cabi=full' not in done.stdout
    assert len(re.findall(r'limited_abi3t\.c:9:15: error: .*undeclared', done.stdout)) == 1
    others, = re.findall(r'^  the same for: (.*)$', done.stdout, re.MULTILINE)
    assert sorted(others.split(', ')) == ['cp314-cp314t', 'cp315-abi3.abi3t', 'cp39-abi3']
    # One error for some of them, another for the others.
    source.write_text(text.replace('#include <Python.h>', """#include <Python.h>
#ifdef Py_LIMITED_API
#error with the limited API
#else
#error without it
#endif"""))
    done = command.run(directory, *pythons)
    assert done.stdout.count('error[wheel-not-built]') == 2
    told = re.findall(r'the build (\S+) failed(?s:.*?)error: #error (.*)(?s:.*?)the same for: (.*)', done.stdout)
    assert [(sorted([first, *others.split(', ')]), error) for first, error, others in told] == [
        (['cp315-abi3.abi3t', 'cp39-abi3'], 'with the limited API'), (['cp313-cp313t', 'cp314-cp314t'], 'without it')]


def test_a_wheel_that_cannot_be_imported_is_kept_away(command: Command, project: Copy) -> None:
    directory = project('plain')
    source, = directory.rglob('*.c')
    support.replace(source, 'PyLong_FromLong(42)', 'PyLong_FromLong(not_there())')
    source.write_text('extern long not_there(void);\n' + source.read_text())
    done = command.run(directory, 'cp311-cp311')
    assert done.returncode == 1
    assert 'error[import-failed]' in done.stdout
    assert 'undefined symbol: not_there' in done.stdout
    assert not (directory / 'dist').exists()
    # A person who does not want to know gets it.
    quiet = command.run(directory, 'cp311-cp311', '--no-import')
    assert quiet.returncode == 0
    assert whls(directory / 'dist') == ['plain-1.0-cp311-cp311-linux_x86_64.whl']


def test_a_wheel_that_fails_in_another_interpreter_leaves_dist(command: Command, project: Copy) -> None:
    directory = project('limited')
    support.replace(directory / 'limited.c', 'PyInit_limited(void)\n{', """PyInit_limited(void)
{
    if (Py_GetVersion()[2] == '1' && Py_GetVersion()[3] == '4') {
        PyErr_SetString(PyExc_ImportError, "not in 3.14");
        return NULL;
    }""")
    assert command.run(directory, 'cp312-cp312').returncode == 0
    assert whls(directory / 'dist') == ['limited-1.0-cp39-abi3-linux_x86_64.whl']
    more = command.run(directory, 'cp312-cp312', 'cp314-cp314')
    assert more.returncode == 1
    assert 'ImportError: not in 3.14' in more.stdout
    assert whls(directory / 'dist') == []


def test_the_ninja_of_a_variable(command: Command, project: Copy) -> None:
    """NINJA names one that PATH does not have."""
    directory = project('plain')
    programs = directory.parent / 'programs'
    programs.mkdir()
    for name in ('cc', 'ar', 'ld', 'as', 'sh', 'env', 'uv'):
        found = shutil.which(name, path=command.environment['PATH'])
        assert found, name
        (programs / name).symlink_to(found)
    ninja = shutil.which('ninja', path=command.environment['PATH'])
    assert ninja
    done = command.run(directory, 'cp312-cp312', PATH=os.fspath(programs), NINJA=ninja)
    assert done.returncode == 0, done.stdout + done.stderr
    assert whls(directory / 'dist') == ['plain-1.0-cp312-cp312-linux_x86_64.whl']


def test_a_build_that_starts_make(command: Command, project: Copy) -> None:
    """GNU make before 4.4 does not start where a newer one's job server is in its environment."""
    directory = project('plain')
    (directory / 'Makefile').write_text('made.txt:\n\techo made > $@\n')
    with open(directory / 'meson.build', 'a') as file:
        file.write("""
custom_target('made', output: 'made.txt', build_by_default: true,
    command: [find_program('make'), '-f', '@SOURCE_ROOT@/Makefile', 'made.txt'])
""")
    done = command.run(directory, 'cp312-cp312')
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_directory_with_spaces(command: Command, project: Copy, tmp_path: pathlib.Path) -> None:
    directory = project('plain').rename(tmp_path / 'a proj\u00e9ct')
    done = command.run(directory, 'cp312-cp312')
    assert done.returncode == 0, done.stdout + done.stderr
    log, = directory.glob('build/wheels/*/log.txt')
    assert 'Could not initialize jobserver' not in log.read_text()


def test_closed_streams(command: Command, project: Copy) -> None:
    directory = project('plain')
    done = subprocess.run(
        ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', *command.line('cp312-cp312')], cwd=directory,
        env=command.environment, check=False)
    assert done.returncode == 0
    assert whls(directory / 'dist') == ['plain-1.0-cp312-cp312-linux_x86_64.whl']


def test_where_only_meson_knows_the_first_build_tells(command: Command, project: Copy) -> None:
    """`limited_api:` comes from an option: inspect cannot say what is built, and one build for the GIL suffices."""
    directory = project('limited-abi3t')
    support.replace(directory / 'meson.build', "limited_api: '3.9'", "limited_api: get_option('floor')")
    (directory / 'meson.options').write_text("option('floor', type: 'string', value: '3.10')\n")
    done = command.run(directory, 'cp311-cp311', 'cp313-cp313', 'cp314-cp314', 'cp314-cp314t')
    assert done.returncode == 0, done.stdout + done.stderr
    assert built(done) == ['cp314-cp314t', 'for 3.11']
    assert table(done.stdout) == {
        'limited_abi3t-1.0-cp310-abi3-linux_x86_64.whl': ('3.11, 3.13, 3.14', '1 module', 'in all', ''),
        'limited_abi3t-1.0-cp314-cp314t-linux_x86_64.whl': ('3.14t', '1 module', 'in all', ''),
    }
    assert built(command.run(directory, 'cp311-cp311', 'cp313-cp313', 'cp314-cp314', 'cp314-cp314t')) == []


def test_an_environment_for_each_where_a_requirement_is_bound_to_its_interpreter(
    command: Command, project: Copy,
) -> None:
    """MarkupSafe has an extension module: what meson.build asks of it has to be asked of the right one."""
    directory = project('plain')
    support.replace(directory / 'pyproject.toml', '["mesonbuild-ft"]', '["mesonbuild-ft", "markupsafe"]')
    with open(directory / 'meson.build', 'a') as file:
        file.write('''
message('found', run_command(py, '-c',
    'import markupsafe._speedups as m, sys; print(sys.version_info[:2], m.__file__)', check: true).stdout())
''')
    done = command.run(directory, 'cp312-cp312', 'cp313-cp313', 'cp314-cp314t')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'an environment for each interpreter, because of markupsafe' in done.stderr
    for tag in ('cp312-cp312', 'cp314-cp314t'):
        log = (directory / 'build' / 'wheels' / f'{tag}-linux_x86_64' / 'log.txt').read_text()
        version = f'(3, {tag[3:5]})'
        said = re.search(rf'found {re.escape(version)} (\S*/environments/\w+)/\S*\.so', log)
        assert said, log
        assert pathlib.Path(said[1]) in command.environments()


def test_what_is_bound_to_its_interpreter() -> None:
    """pybind11 is pure Python, but pybind11-config tells Meson the headers of the Python that runs it."""
    assert bound_to_interpreter([
        Distribution('Cython', '3.3.1', ('cp313-cp313-linux_x86_64',)),
        Distribution('meson', '1.12.1', ('py3-none-any',)),
        Distribution('ninja', '1.13.0', ('py3-none-manylinux2014_x86_64',)),
        Distribution('numpy', '2.4.0', ('cp313-cp313-linux_x86_64',)),
        Distribution('pybind11', '3.1.0', ('py3-none-any',)),
    ]) == ['numpy', 'pybind11']


@pytest.mark.parametrize('installer', ['pip', 'uv'])
def test_installers(installer: str, command: Command, project: Copy) -> None:
    directory = project('plain')
    tools = directory.parent / 'tools'
    support.load_environments().pip_install(command.python, '--target', os.fspath(tools), 'virtualenv')
    done = command.run(directory, 'cp311-cp311', '--fresh', '--installer', installer, PYTHONPATH=os.fspath(tools))
    assert done.returncode == 0, done.stdout + done.stderr
    made = max(command.environments(), key=lambda path: (path / 'pyvenv.cfg').stat().st_mtime)
    assert ('uv = ' in (made / 'pyvenv.cfg').read_text()) == (installer == 'uv')


def test_without_isolation(command: Command, project: Copy) -> None:
    directory = project('plain')
    before = command.environments()
    done = command.run(directory, 'cp314-cp314t', '--no-isolation', PATH=os.path.dirname(command.python) + ':/usr/bin')
    assert done.returncode == 0, done.stdout + done.stderr
    assert whls(directory / 'dist') == ['plain-1.0-cp314-cp314t-linux_x86_64.whl']
    assert command.environments() == before


def test_a_backend_in_the_tree(command: Command, tmp_path: pathlib.Path) -> None:
    """This project itself, whose backend is the package that it builds (backend-path)."""
    directory = tmp_path / 'own'
    shutil.copytree(support.ROOT, directory, ignore=shutil.ignore_patterns(
        '.*', 'build', 'dist', 'wheels', 'tests', '__pycache__'))
    # A package of this name is ours, too.
    package = pathlib.Path('mesonbuild_ft', 'wheels')
    shutil.copytree(support.ROOT / package, directory / package, dirs_exist_ok=True)
    done = command.run(directory, 'cp311-cp311', 'cp314-cp314t')
    assert done.returncode == 0, done.stdout + done.stderr
    names = table(done.stdout)
    assert [(re.sub(r'^mesonbuild_ft-[^-]+', '', name), cells[:3]) for name, cells in names.items()] == [
        ('-cp310-abi3-linux_x86_64.whl', ('3.11', '1 module', 'in all')),
        ('-cp314-cp314t-linux_x86_64.whl', ('3.14t', '1 module', 'in all'))]


def test_wheels_for_targets_that_do_not_run_here(command: Command, project: Copy) -> None:
    import trees

    trees.need('x86_64-w64-mingw32-gcc')
    windows = trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64')
    directory = project('plain')
    done = command.run(directory, os.fspath(windows), 'cp314-cp314t')
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(done.stdout) == {
        'plain-1.0-cp314-cp314t-win_amd64.whl': ('3.14t', '1 module', ''),
        'plain-1.0-cp314-cp314t-linux_x86_64.whl': ('3.14t', '1 module', 'in all', ''),
    }


def test_json(command: Command, project: Copy) -> None:
    directory = project('limited-abi3t')
    schema = json.loads((support.ROOT / 'docs/reference/wheels.schema.json').read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    done = command.run(directory, 'cp311-cp311', 'cp314-cp314t', '--format', 'json')
    data = json.loads(done.stdout)
    jsonschema.validate(data, schema)
    assert [(build['state'], build['tag'], build['verdict']) for build in data['builds']] == [
        ('built', 'cp39-abi3-linux_x86_64', 'ok'), ('built', 'cp314-cp314t-linux_x86_64', 'ok')]
    for build in data['builds']:
        assert pathlib.Path(build['wheel']).stat().st_size == build['size']
        assert build['imported'] == [{'interpreter': build['built_by'], 'problem': ''}]
    # A build that fails, and interpreters for which there is none.
    (directory / 'limited_abi3t.c').write_text('#error no\n')
    support.replace(directory / 'pyproject.toml', 'limited-api = true', '')
    failed = command.run(directory, 'cp311-cp311', '--format', 'json', '-Cabi=abi3t')
    assert failed.returncode == 1
    data = json.loads(failed.stdout)
    jsonschema.validate(data, schema)
    assert data['builds'] == []
    assert [finding['identifier'] for row in data['refused'] for finding in row['findings']] == [
        'abi-not-possible']


REFUSED: typing.Final = {
    'another backend': (['cp311-cp311'], 'other-build-backend', "build-backend is 'mesonpy'"),
    'a target as config setting': (['-Ctarget=python3'], 'invalid-config-setting', 'target is set for each build'),
    'a tag': (['cp314t'], 'unreadable-target', 'there is no cp314t: is 3.14t meant?'),
    'no such version': (['3.99t'], 'unusable-interpreter', 'there is no CPython 3.99t on this machine'),
    'requirements without the backend': (
        ['cp311-cp311'], 'other-build-backend',
        "build-backend is mesonbuild_ft, and requires, ['meson-python'], does not bring it"),
    'no such requirement': (
        ['cp311-cp311'], 'build-environment-failed', 'the requirements of the build could not be installed'),
    'requirements that are a string': (['cp311-cp311'], 'invalid-pyproject', "requires is 'mesonbuild-ft'"),
    'a file as output': (['cp311-cp311', '-o', 'plain.c'], 'unreadable-file', 'wheels cannot go there: it is a file'),
    'no project': (['cp311-cp311'], 'unreadable-file', 'there is no project that Meson builds here'),
    'no interpreter left': (
        ['cp311-cp311'], 'no-interpreter-left',
        'none of these interpreters is one that the project is built for: 3.11 (the project requires Python >= 3.12)'),
    'not migrated': (['cp311-cp311'], 'unreadable-file', 'there is no project that Meson builds here'),
    'nobody knows the backend': (
        ['cp311-cp311', '--installer', 'pip'], 'build-environment-failed',
        'the requirements of the build could not be installed: No matching distribution found for mesonbuild-ft'),
    'nobody knows the backend, for uv': (
        ['cp311-cp311', '--installer', 'uv'], 'build-environment-failed',
        'the requirements of the build could not be installed: Because there are no versions of mesonbuild-ft and '),
    'no network': (
        ['cp311-cp311', '--installer', 'pip'], 'build-environment-failed',
        'the requirements of the build could not be installed: the package index cannot be reached ('),
    'no network for uv': (
        ['cp311-cp311', '--installer', 'uv'], 'build-environment-failed',
        'the requirements of the build could not be installed: the package index cannot be reached ('),
}
#: The next step, where it is not the same for all that have this identifier.
ADVICE: typing.Final = {
    'no project': 'Run this in the directory of the project.',
    'not migrated': 'For a project of setuptools, `mesonbuild-ft migrate` writes a meson.build.',
    'nobody knows the backend': 'Name the directory with the wheels of mesonbuild-ft in PIP_FIND_LINKS. ',
    'nobody knows the backend, for uv': 'Name the directory with the wheels of mesonbuild-ft in UV_FIND_LINKS. ',
    'no network': 'Look to the network or the proxy, ',
    'no network for uv': 'Look to the network or the proxy, ',
}


@pytest.mark.parametrize('what', REFUSED)
def test_refused(what: str, command: Command, project: Copy, tmp_path: pathlib.Path) -> None:
    directory = project('plain')
    if what == 'another backend':
        support.replace(directory / 'pyproject.toml', '"mesonbuild_ft"', '"mesonpy"')
    if what == 'requirements without the backend':
        support.replace(directory / 'pyproject.toml', '["mesonbuild-ft"]', '["meson-python"]')
    if what == 'no such requirement':
        support.replace(directory / 'pyproject.toml', '["mesonbuild-ft"]', '["mesonbuild-ft", "no-such-thing-at-all"]')
    if what == 'no interpreter left':
        support.replace(directory / 'pyproject.toml', 'version = "1.0"',
                        'version = "1.0"\nrequires-python = ">= 3.12"')
    if what == 'requirements that are a string':
        support.replace(directory / 'pyproject.toml', '["mesonbuild-ft"]', '"mesonbuild-ft"')
    if what in ('no project', 'not migrated'):
        directory = tmp_path / 'elsewhere'
        directory.mkdir()
    if what == 'not migrated':
        (directory / 'setup.py').touch()
    tools = tmp_path / 'tools'
    environment = {'PYTHONPATH': os.fspath(tools)}
    if 'pip' in REFUSED[what][0]:
        support.load_environments().pip_install(command.python, '--target', os.fspath(tools), 'virtualenv')
    if what.startswith('nobody knows the backend'):
        (tmp_path / 'index' / 'mesonbuild-ft').mkdir(parents=True)
        (tmp_path / 'index' / 'mesonbuild-ft' / 'index.html').write_text('<!DOCTYPE html>\n')
        index = (tmp_path / 'index').as_uri()
        environment |= {'PIP_FIND_LINKS': '', 'PIP_INDEX_URL': index, 'UV_FIND_LINKS': '', 'UV_DEFAULT_INDEX': index}
    if what.startswith('no network'):
        # Nobody listens on the port for discarding.
        environment |= {'PIP_INDEX_URL': 'http://127.0.0.1:9', 'PIP_RETRIES': '1',
                        'UV_DEFAULT_INDEX': 'http://127.0.0.1:9'}
    arguments, identifier, says = REFUSED[what]
    done = command.run(directory, *arguments, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ''
    assert f'mesonbuild-ft: error[{identifier}]: {says}' in done.stderr
    assert f'  to do: {ADVICE.get(what, "")}' in done.stderr
    assert not (directory / 'dist').exists()


#: Takes as long as it may, and says that it has begun.
ENDLESS: typing.Final = '''
custom_target('slow', output: 'slow.txt', build_by_default: true, command: [
    find_program('sh'), '-c', 'touch "$0"; sleep 600 & wait', '@SOURCE_ROOT@/begun-' + py.language_version()])
'''


def wait_for(condition: typing.Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'it never happened'
        time.sleep(0.05)


def processes_in(directory: pathlib.Path) -> list[str]:
    """Command lines of processes that run in a directory, or were told of it."""
    found = []
    for process in pathlib.Path('/proc').iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            words = (process / 'cmdline').read_bytes().decode(errors='replace')
            cwd = os.readlink(process / 'cwd')
        except OSError:
            continue
        if words and (os.fspath(directory) in words or pathlib.Path(cwd).is_relative_to(directory)):
            found.append(words.replace('\0', ' '))
    return found


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_when_it_is_ended_nothing_goes_on(number: signal.Signals, command: Command, project: Copy) -> None:
    directory = project('plain')
    source = (directory / 'meson.build').read_text()
    with open(directory / 'meson.build', 'a') as file:
        file.write(ENDLESS)
    process = subprocess.Popen(
        command.line('cp312-cp312', 'cp314-cp314t', '--jobs', '2'), cwd=directory, env=command.environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: (directory / 'begun-3.12').exists() and (directory / 'begun-3.14').exists())
    # Ctrl-C reaches all processes of the terminal.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert 'Traceback' not in errors
    if number == signal.SIGINT:
        assert errors.endswith('mesonbuild-ft: interrupted; wheels that were finished are kept\n')
    wait_for(lambda: not processes_in(directory), 20)
    assert not (directory / 'dist').exists()
    # And what is left does not stand in the way.
    (directory / 'meson.build').write_text(source)
    again = command.run(directory, 'cp312-cp312', 'cp314-cp314t')
    assert again.returncode == 0, again.stdout + again.stderr


def running(pattern: str) -> list[int]:
    """Numbers of processes by their command lines."""
    found = []
    for process in pathlib.Path('/proc').iterdir():
        if process.name.isdecimal():
            try:
                words = (process / 'cmdline').read_bytes().decode(errors='replace')
            except OSError:
                continue
            if re.search(pattern, words):
                found.append(int(process.name))
    return found


@pytest.mark.parametrize('whose', ['the build', 'the worker'])
def test_when_a_process_of_it_is_killed_nothing_goes_on(whose: str, command: Command, project: Copy) -> None:
    """As the kernel does for want of memory."""
    directory = project('plain')
    with open(directory / 'meson.build', 'a') as file:
        file.write(ENDLESS)
    process = subprocess.Popen(
        command.line('cp312-cp312'), cwd=directory, env=command.environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (directory / 'begun-3.12').exists())
    # The build is a fork of the worker.
    workers = [number for number in running(r'wheels/worker\.py') if parent(number) == process.pid]
    builds = [number for number in running(r'wheels/worker\.py') if parent(number) in workers]
    killed, = workers if whose == 'the worker' else builds
    os.kill(killed, signal.SIGKILL)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1, output + errors
    assert 'the build cp312-cp312 failed: it was ended by signal 9' in output
    wait_for(lambda: not processes_in(directory), 20)


def parent(number: int) -> int:
    return int(pathlib.Path(f'/proc/{number}/stat').read_text().rpartition(')')[2].split()[1])


def test_fresh_waits_for_who_uses_the_build_environment(command: Command, project: Copy) -> None:
    """And can be interrupted while it waits."""
    first, second = project('plain'), project('limited')
    with open(first / 'meson.build', 'a') as file:
        file.write(ENDLESS)
    processes = [subprocess.Popen(
        command.line('cp312-cp312'), cwd=first, env=command.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)]
    try:
        wait_for(lambda: (first / 'begun-3.12').exists())
        waiting = subprocess.Popen(
            command.line('cp312-cp312', '--fresh'), cwd=second, env=command.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        processes.append(waiting)
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == (
            'mesonbuild-ft: another run uses the build environment; waiting for it to end\n')
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(20) == 130
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=60)


def test_two_runs_at_once(command: Command, project: Copy) -> None:
    """The second one waits, and finds everything done."""
    directory = project('plain')
    line = command.line('cp312-cp312')
    first, second = [
        subprocess.Popen(line, cwd=directory, env=command.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True) for _ in range(2)]
    ended = [(process, *process.communicate(timeout=120)) for process in (first, second)]
    assert [process.returncode for process, _, _ in ended] == [0, 0]
    assert sorted('building' in errors for _, _, errors in ended) == [False, True]
    assert sum('another run builds in' in errors for _, _, errors in ended) == 1


def on_a_terminal(command: Command, directory: pathlib.Path, columns: int, *arguments: str) -> str:
    """What is left of all that was drawn, without colours."""
    environments = support.load_environments()
    tools = directory.parent / 'tools'
    environments.pip_install(command.python, '--target', os.fspath(tools), 'rich')
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command.line(*arguments), cwd=directory, stdin=follower, stdout=follower, stderr=follower,
        env={**command.environment, 'PYTHONPATH': os.fspath(tools), 'TERM': 'xterm-256color', 'COLUMNS': str(columns)})
    os.close(follower)
    shown = b''
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    assert process.wait() == 0
    return re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', shown.decode())


def test_on_a_terminal(command: Command, project: Copy) -> None:
    """rich shows what is being built; what is left on the screen afterwards is what matters."""
    text = on_a_terminal(command, project('plain'), 120, 'cp312-cp312')
    assert 'cp312-cp312 building for 3.12' in text
    assert re.search(r'✓ cp312-cp312 built in \d+\.\d s', text)
    assert re.search(r'plain-1\.0-cp312-cp312-linux_x86_64\.whl +\d+ B +3\.12 +1 module +in all', text)
    assert text.rstrip().endswith('1 wheel in dist')


def test_notes_stay_on_a_terminal(command: Command, project: Copy) -> None:
    """Rows are drawn again and again, and wiped at the end; a note is written once."""
    directory = project('plain')
    support.replace(directory / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">= 3.12"')
    text = on_a_terminal(command, directory, 120, 'cp311-cp311', 'cp312-cp312')
    assert text.count('nothing is built for 3.11: the project requires Python >= 3.12') == 1


def test_on_a_narrow_terminal(command: Command, project: Copy) -> None:
    """No row is folded: a wheel has a line for its name, and one for the rest."""
    text = on_a_terminal(command, project('plain'), 60, 'cp312-cp312')
    assert re.search(
        r'plain-1\.0-cp312-cp312-linux_x86_64\.whl *\r\n  \d+ B  3\.12  1 module  in all  \d+\.\d s *\r\n', text)


def test_errors_come_before_warnings() -> None:
    """Of what a compiler says, the lines that are shown begin with the first error, and the function that it is in."""
    warning = ['one.c: In function "first":', 'one.c:3:5: \x1b[01;35mwarning: \x1b[munused variable'] * 10
    error = ['one.c: In function "second":', 'one.c:9:12: \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[Kundeclared']
    failed = ['[1/2] Compiling', 'FAILED: one.c.o', 'cc -c one.c']
    backend = ['mesonbuild-ft: error[compile-failed]: ninja could not build the project']
    assert log.telling([*failed, *warning, *error, 'ninja: build stopped', *backend]) == [failed[1], *error, *backend]
    assert log.telling([*failed, *warning[:3], *backend]) == [failed[1], *warning[:3], *backend]
    assert log.telling([*failed, 'one.c(9,12): error: undeclared', *backend])[1] == 'one.c(9,12): error: undeclared'


def test_the_same_errors_in_another_order() -> None:
    """Sources are compiled in any order, with colours or without; only what an error says tells faults apart."""
    one, two = 'one.c:1:9: error: undeclared', 'two.c:2:5: fatal error: x.h: No such file or directory'
    fault = display._fault(f'failed for abi3\n    {one}\n    {two}\n')
    assert fault == f'{one}\n{two}'
    assert display._fault(f'failed for abi3t\n{two}\nPython.h:3:1: note: here\n{one}\n{one}') == fault
    assert display._fault(f'{two}\n' + one.replace('error', '\x1b[01;31m\x1b[Kerror')) == fault
    assert display._fault('one.c(1,9): error: undeclared') != display._fault('one.c(2,9): error: undeclared')
    assert display._fault('undefined reference') == 'undefined reference'
