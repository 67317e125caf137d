# SPDX-License-Identifier: MIT
"""`mesonbuild-ft matrix`: which wheels, who builds them, who tests them; and that CI systems accept it."""

from __future__ import annotations

import datetime
import json
import pathlib
import platform
import re
import subprocess
import sys
import typing

import packaging.tags
import pytest
import support

from mesonbuild_ft import plan, settings, tags
from mesonbuild_ft.cli import main, parse
from mesonbuild_ft.diagnostics import BuildRefused
from mesonbuild_ft.inspection import surroundings
from mesonbuild_ft.matrix import (
    cibuildwheel,
    data,
    formats,
    jobs as matrix,
    project as matrix_project,
    settings as matrix_settings,
)
from mesonbuild_ft.matrix.jobs import Interpreter


#: A day on which 3.9 and 3.10 are no longer supported, and 3.15 is out.
DAY: typing.Final = '2026-11-27'


def arguments(directory: pathlib.Path, *more: str) -> typing.Any:
    return parse(['matrix', str(directory), '--date', DAY, *more])


def computed(name: str, *more: str) -> matrix.Matrix:
    return matrix_project.compute(arguments(support.PACKAGES / name, *more))


def printed(directory: pathlib.Path, form: str, *more: str) -> str:
    parsed = arguments(directory, '--format', form, *more)
    return formats.text(matrix_project.compute(parsed), parsed.format, parsed.session)


def wheels(made: matrix.Matrix, platform: str) -> dict[str, str]:
    """What is built on a platform: tag -> '3.11: 3.11 3.12', who builds it and who tests it."""
    return {
        job.wheel.tag: f'{job.interpreter.request}: ' + ' '.join(
            test.interpreter.request for test in made.tests if test.artifact == job.artifact)
        for job in made.builds if job.platform.name == platform}


ABI3: typing.Final = {'cp39-abi3': '3.11: 3.11 3.12 3.13 3.14 3.15', 'cp314-cp314t': '3.14t: 3.14t'}
FULL: typing.Final = {f'cp3{minor}-cp3{minor}': f'3.{minor}: 3.{minor}' for minor in (11, 12, 13, 14)} | {
    'cp314-cp314t': '3.14t: 3.14t'}
BOTH: typing.Final = {'cp315-abi3.abi3t': '3.15t: 3.15 3.15t'}
#: project, command line -> what is built on manylinux_x86_64, by whom, and who tests it.
TABLE: typing.Final[list[tuple[str, tuple[str, ...], dict[str, str]]]] = [
    ('plain', (), FULL | {'cp315-cp315': '3.15: 3.15', 'cp315-cp315t': '3.15t: 3.15t'}),
    ('limited', (), ABI3 | {'cp315-cp315t': '3.15t: 3.15t'}),
    ('limited-abi3t', (), ABI3 | BOTH),
    ('many', (), ABI3 | BOTH),
    ('several-limited', (), ABI3 | {'cp315-cp315t': '3.15t: 3.15t'}),
    # The abi3 wheel of 3.15 is not needed: that of 3.15t serves it too.
    ('limited-315', (), FULL | BOTH),
    ('limited-315-abi3t', (), FULL | BOTH),
    ('floor-too-high', (), {'cp311-cp311': '3.11: 3.11', 'cp312-cp312': '3.12: 3.12', 'cp313-cp313': '3.13: 3.13',
                            'cp314-abi3': '3.14: 3.14 3.15', 'cp314-cp314t': '3.14t: 3.14t',
                            'cp315-cp315t': '3.15t: 3.15t'}),
    ('different-floors', (), {'cp311-cp311': '3.11: 3.11', 'cp312-abi3': '3.12: 3.12 3.13 3.14 3.15',
                              'cp314-cp314t': '3.14t: 3.14t', 'cp315-cp315t': '3.15t: 3.15t'}),
    ('module-not-declared', (), FULL | {'cp315-cp315': '3.15: 3.15', 'cp315-cp315t': '3.15t: 3.15t'}),
    ('pure', (), {'py3-none': '3.11: ' + ' '.join(
        ['3.11 3.12 3.13 3.14 3.14t 3.15 3.15t'] * len(data.PLATFORMS))}),
    ('limited', ('--floor', 'none'), FULL | {'cp315-cp315': '3.15: 3.15', 'cp315-cp315t': '3.15t: 3.15t'}),
    ('limited', ('--floor', '3.13'), {
        'cp311-cp311': '3.11: 3.11', 'cp312-cp312': '3.12: 3.12', 'cp313-abi3': '3.13: 3.13 3.14 3.15',
        'cp314-cp314t': '3.14t: 3.14t', 'cp315-cp315t': '3.15t: 3.15t'}),
    ('limited-abi3t', ('--experimental',), ABI3 | BOTH | {'cp313-cp313t': '3.13t: 3.13t'}),
    ('limited-abi3t', ('--pypy',), ABI3 | BOTH | {'pp311-pypy311_pp80': 'pypy3.11: pypy3.11'}),
    # mesonbuild-ft does not run on 3.9; an abi3 wheel serves it all the same.
    ('limited-abi3t', ('--end-of-life',), ABI3 | BOTH | {'cp39-abi3': '3.10: 3.9 3.10 3.11 3.12 3.13 3.14 3.15'}),
    ('limited-abi3t', ('--date', '2026-10-08'), {
        'cp39-abi3': '3.10: 3.10 3.11 3.12 3.13 3.14', 'cp314-cp314t': '3.14t: 3.14t'}),
    ('limited-abi3t', ('--date', '2026-10-08', '--prereleases'), BOTH | {
        'cp39-abi3': '3.10: 3.10 3.11 3.12 3.13 3.14 3.15', 'cp314-cp314t': '3.14t: 3.14t'}),
    ('limited-abi3t', ('--date', '2026-10-31'), BOTH | {
        'cp39-abi3': '3.10: 3.10 3.11 3.12 3.13 3.14 3.15', 'cp314-cp314t': '3.14t: 3.14t'}),
]


@pytest.mark.parametrize(('name', 'more', 'expected'), TABLE, ids=lambda value: value if isinstance(value, str) else '')
def test_wheels(name: str, more: tuple[str, ...], expected: dict[str, str]) -> None:
    assert wheels(computed(name, *more), 'manylinux_x86_64') == expected


def project(directory: pathlib.Path, pyproject: str, meson: str = '') -> pathlib.Path:
    """A project with these lines in pyproject.toml; its module is that of limited-abi3t without others."""
    support.copy_project('limited-abi3t', directory)
    found = directory / 'limited-abi3t'
    if pyproject:
        (found / 'pyproject.toml').write_text(pyproject)
    if meson:
        (found / 'meson.build').write_text(meson)
    return found


LIMITED: typing.Final = '[tool.meson-python]\nlimited-api = true\n[tool.mesonbuild-ft]\nabi3t = true\n'


@pytest.mark.parametrize(('specifier', 'expected'), [
    ('>= 3.13', {'cp39-abi3': '3.13: 3.13 3.14 3.15', 'cp314-cp314t': '3.14t: 3.14t'} | BOTH),
    ('>= 3.15', BOTH),
    ('>= 3.14.2, < 3.15', {'cp39-abi3': '3.14: 3.14', 'cp314-cp314t': '3.14t: 3.14t'}),
    ('>= 3.11, != 3.14.*', {'cp39-abi3': '3.11: 3.11 3.12 3.13 3.15'} | BOTH),
])
def test_requires_python(specifier: str, expected: dict[str, str], tmp_path: pathlib.Path) -> None:
    directory = project(tmp_path, f'[project]\nname = "p"\nversion = "1"\nrequires-python = "{specifier}"\n' + LIMITED)
    made = matrix_project.compute(arguments(directory))
    assert wheels(made, 'manylinux_x86_64') == expected


def test_newer_version_and_other_machines_by_configuration(tmp_path: pathlib.Path) -> None:
    directory = project(tmp_path, '[project]\nname = "p"\nversion = "1"\n' + LIMITED + (
        '[tool.mesonbuild-ft.matrix]\nplatforms = ["windows", "manylinux_aarch64"]\n'
        '[tool.mesonbuild-ft.matrix.versions]\n"3.16" = {first-release = 2026-10-20, end-of-life = 2031-10-31}\n'
        '"3.11" = {first-release = 2022-10-24, end-of-life = 2024-01-01, free-threaded = false}\n'
        '[tool.mesonbuild-ft.matrix.runners.azure]\nmanylinux_aarch64 = "arm-pool"\nwin_amd64 = ""\n'))
    made = matrix_project.compute(arguments(directory))
    assert [platform.name for platform in made.platforms] == ['manylinux_aarch64', 'win_amd64', 'win_arm64']
    assert wheels(made, 'win_arm64') == {
        'cp39-abi3': '3.12: 3.12 3.13 3.14 3.15 3.16', 'cp314-cp314t': '3.14t: 3.14t',
        'cp315-abi3.abi3t': '3.15t: 3.15 3.15t 3.16 3.16t'}
    builds, tests, missing = made.hosted('azure')
    assert {job.platform.name for job in (*builds, *tests)} == {'manylinux_aarch64'}
    assert missing == ['win_amd64', 'win_arm64']
    assert {made.runner('azure', job.platform) for job in builds} == {'arm-pool'}


def test_platform_without_old_versions() -> None:
    made = computed('limited-abi3t', '--end-of-life')
    assert wheels(made, 'win_arm64')['cp39-abi3'] == '3.11: 3.11 3.12 3.13 3.14 3.15'
    assert wheels(made, 'win_amd64')['cp39-abi3'] == '3.10: 3.9 3.10 3.11 3.12 3.13 3.14 3.15'


def test_installers_choose_the_wheel_that_is_marked() -> None:
    """Of the wheels for one interpreter, the one whose tag comes first in packaging's order."""
    made = computed('limited-abi3t', '--end-of-life', '--experimental')
    several = 0
    for one in made.interpreters:
        order = [str(tag) for tag in supported(one)]
        jobs = [job for job in made.tests if job.interpreter == one and job.platform.name == 'manylinux_x86_64']
        ranks = {job: min(order.index(f'{job.wheel.python}-{abi}-any') for abi in job.wheel.abi.split('.')
                          if f'{job.wheel.python}-{abi}-any' in order) for job in jobs}
        assert [job for job in jobs if job.preferred] == [min(ranks, key=ranks.__getitem__)]
        several += len(jobs) > 1
    assert several == 1


def supported(one: Interpreter) -> list[packaging.tags.Tag]:
    """What packaging says of an interpreter, its platform apart."""
    own = one.identifier if one.version > (3, 7) else ''
    return [*packaging.tags.cpython_tags(one.version, abis=[own], platforms=['any']),
            *packaging.tags.compatible_tags(one.version, one.identifier.rstrip('t'), ['any'])]


@pytest.mark.parametrize('one', [
    Interpreter('cpython', (3, minor), free_threaded) for minor in range(9, 18) for free_threaded in (False, True)
    if minor >= 13 or not free_threaded], ids=lambda one: one.identifier)
def test_admits_what_packaging_admits(one: Interpreter) -> None:
    known = {str(tag) for tag in supported(one)}
    full = [f'cp3{minor}{flag}' for minor in range(9, 18) for flag in ('', 't')]
    cases = [('py3', 'none')]
    for minor in range(2, 18):
        # An abi3t wheel of a version before 3.15 is refused as abi3t-tag-too-old, never planned.
        cases += [(f'cp3{minor}', abi) for abi in ('abi3', *(['abi3.abi3t'] if minor >= 15 else []), *full)]
    for python, abi in cases:
        expected = any(f'{python}-{part}-any' in known for part in abi.split('.'))
        assert matrix.admits(python, abi, one) == expected, (python, abi)


def test_versions_are_those_of_the_project_and_of_the_calendar() -> None:
    metadata = settings.read_pyproject(support.ROOT)
    oldest = '.'.join(map(str, tags.OLDEST_BUILDER))
    assert metadata['project']['requires-python'] == f'>= {oldest}'
    for one in data.VERSIONS:
        # CPython's releases are supported for five years (PEP 602), to the end of a month.
        assert one.end_of_life.year == one.first_release.year + 5
        assert one.end_of_life.month == (one.end_of_life + datetime.timedelta(days=1)).month - 1
    minors = [one.version[1] for one in data.VERSIONS]
    assert minors == list(range(9, 9 + len(minors)))


PROJECT: typing.Final = "project('p', 'c')\npy = import('python').find_installation(pure: false)\n"


@pytest.mark.parametrize(('text', 'expected'), [
    ("py.extension_module('a', 'a.c', limited_api: '3.9', install: true)", [(3, 9)]),
    ("py.extension_module('a', ['a.c', 'b.c'], install: true, limited_api: '3.12')", [(3, 12)]),
    ("py.extension_module('a', 'a.c', install: true)", [None]),
    ("# py.extension_module('a', 'a.c', limited_api: '3.12', install: true)\n"
     "py.extension_module('a', 'a.c', limited_api: '3.9', install: true)", [(3, 9)]),
    ("x = 'py.extension_module(limited_api: no'\npy.extension_module('a', limited_api: '3.9', install: true)",
     [(3, 9)]),
    ("x = '''\nif\n'''\npy.extension_module('a', limited_api: '3.9', install: true)", [(3, 9)]),
    ("py.extension_module('a', 'a.c', limited_api: '3.9', install: true)\n"
     "py.extension_module('b', 'b.c', limited_api: '3.12')", [(3, 9)]),
    ("floor = '3.9'\npy.extension_module('a', limited_api: floor, install: true)", [(3, 9)]),
    ("foreach n : ['a', 'b']\npy.extension_module(n, n + '.c', limited_api: '3.9', install: true)\nendforeach",
     [(3, 9)]),
    ("py.extension_module('a', limited_api: '3.9', install: true)\nif x\n"
     "  py.extension_module('b', limited_api: '3.9', install: true)\nendif", [(3, 9), (3, 9)]),
    ("if x\npy.extension_module('a', limited_api: '3.9', install: true)\nelse\n"
     "py.extension_module('a', c_args: y ? ['-Dz'] : [], limited_api: '3.9', install: true)\nendif", [(3, 9), (3, 9)]),
    ("py.extension_module('a', dependencies: [dependency('x', static: true)], limited_api: '3.9', install: true,)",
     [(3, 9)]),
])
def test_reads_modules(text: str, expected: list[object], tmp_path: pathlib.Path) -> None:
    (tmp_path / 'meson.build').write_text(PROJECT + text + '\n')
    read = configured(tmp_path)
    assert [module.limited_api for module in read.modules] == expected
    assert read.allow_limited_api


@pytest.mark.parametrize(('text', 'what'), [
    ("py.extension_module('a', limited_api: get_option('floor'), install: true)", 'get_option'),
    ("if x\nfloor = '3.9'\nendif\npy.extension_module('a', limited_api: floor, install: true)", 'limited_api: floor'),
    ("x = 1", 'no py.extension_module() with install: true'),
    ("py.extension_module('a', limited_api: f'3.@x@', install: true)", "limited_api: f'3.@x@'"),
    ("py.extension_module('a', kwargs: common)", 'kwargs: common'),
    ("py.extension_module('a', limited_api: '3.9', install: true)\nif x\n"
     "  py.extension_module('b', limited_api: '3.12', install: true)\nendif", 'b is installed depends'),
    ("py.extension_module('a', limited_api: '3.9', install: true)\n"
     "py.extension_module('b', install: get_option('b'))", 'b is installed depends'),
    ("subdir(get_option('where'))", 'subdir(get_option'),
    ("subdir('.')", 'is read more than once'),
    ("subproject('inner')", 'the subproject inner may build'),
    ("x = {'python.allow_limited_api': get_option('y')}", 'python.allow_limited_api=get_option'),
])
def test_never_guesses(text: str, what: str, tmp_path: pathlib.Path) -> None:
    directory = project(tmp_path, '', PROJECT + text + '\n')
    if 'inner' in text:
        (directory / 'subprojects' / 'inner').mkdir(parents=True)
        (directory / 'subprojects' / 'inner' / 'meson.build').write_text("py.extension_module('z', install: true)\n")
    with pytest.raises(BuildRefused) as caught:
        matrix_project.compute(arguments(directory))
    found = caught.value.diagnostics[0]
    assert found.identifier == 'floor-not-readable'
    assert what in found.what
    assert found.where == 'meson.build' or found.where.endswith('/meson.build')
    # What cannot be read can be said.
    assert 'cp313-abi3' in wheels(matrix_project.compute(arguments(directory, '--floor', '3.13')), 'win_amd64')


@pytest.mark.parametrize('text', [
    "project('p', 'c', default_options: ['python.allow_limited_api=false'])",
    "project('p', 'c', default_options: {'python.allow_limited_api': false})",
    "project('p', 'c', default_options: {'python.allow_limited_api': 'false'})",
])
def test_limited_api_switched_off(text: str, tmp_path: pathlib.Path) -> None:
    directory = project(tmp_path, '', f"{text}\npy.extension_module('a', limited_api: '3.9', install: true)\n")
    made = matrix_project.compute(arguments(directory))
    assert 'cp311-cp311' in wheels(made, 'win_amd64')
    pyproject = directory / 'pyproject.toml'
    pyproject.write_text(pyproject.read_text() + '[tool.meson-python.args]\n'
                         'setup = ["-Dpython.allow_limited_api=true"]\n')
    assert 'cp39-abi3' in wheels(matrix_project.compute(arguments(directory)), 'win_amd64')


def test_reads_what_a_configured_build_says(tmp_path: pathlib.Path) -> None:
    """Every fixture project whose modules Meson configures: the same versions as `meson introspect` finds."""
    compared = 0
    for name in ('limited', 'limited-315', 'floor-too-high', 'different-floors', 'many', 'mixed', 'plain', 'pure',
                 'several-limited', 'module-not-declared', 'helper-with-define'):
        source, build = support.PACKAGES / name, tmp_path / name
        # 3.11 is older than some floors: Meson then stops, and the log says so.
        done = subprocess.run(
            [sys.executable, '-m', 'mesonbuild.mesonmain', 'setup', str(build), str(source)], capture_output=True,
            text=True, check=False)
        read = configured(source)
        if done.returncode:
            assert f'too high: {read.floor[0]}.{read.floor[1]} ' in done.stdout  # type: ignore[index]
            continue
        targets = json.loads((build / 'meson-info' / 'intro-targets.json').read_text())
        defines = sorted(
            next((int(argument.rpartition('=')[2], 16) >> 16 & 0xFF for group in target['target_sources']
                  for argument in group.get('parameters', ()) if 'Py_LIMITED_API' in argument), 0)
            for target in targets if target['type'] == 'shared module' and target['installed'])
        # A foreach is one call here and several modules there.
        assert set(defines) == {module.limited_api[1] if module.limited_api else 0 for module in read.modules}
        compared += 1
    assert compared == 8


@pytest.mark.parametrize(('lines', 'identifier', 'words'), [
    ('[tool.mesonbuild-ft.matrx]', 'unknown-setting', 'Did you mean "matrix"?'),
    ('[tool.mesonbuild-ft.matrix]\nplatform = []', 'unknown-setting', 'Did you mean "platforms"?'),
    ('[tool.mesonbuild-ft.matrix]\nplatforms = ["macosx"]', 'invalid-setting', 'Did you mean "macos"?'),
    ('[tool.mesonbuild-ft.matrix]\npypy = "yes"', 'invalid-setting', '"pypy" must be true or false'),
    ('[tool.mesonbuild-ft]\nmatrix = 3', 'invalid-setting', '"matrix" must be a table'),
    ('[tool.mesonbuild-ft.matrix.versions]\n"16" = {}', 'invalid-setting', '"16" is no version'),
    ('[tool.mesonbuild-ft.matrix.versions]\n"3.16" = {first-release = 2027-10-06}', 'invalid-setting',
     '"end-of-life" must be a date'),
    ('[tool.mesonbuild-ft.matrix.versions]\n"3.16" = {first-release = 2027-10-06T10:00:00Z}', 'invalid-setting',
     '"first-release" must be a date'),
    ('[tool.mesonbuild-ft.matrix.runners.githup]', 'unknown-setting', 'Did you mean "github"?'),
    ('[tool.mesonbuild-ft.matrix.runners.github]\nwin_amd46 = "x"', 'unknown-setting', 'Did you mean "win_amd64"?'),
    ('[project]\nname = "p"\nrequires-python = "3.x"', 'invalid-project-metadata', 'requires-python'),
    ('[project]\nname = "p"\nrequires-python = "< 3.10"', 'no-interpreter-left', '3.9 (end of life)'),
    ('[tool.meson-python]\nlimited-api = false\n[tool.mesonbuild-ft]\nabi3t = true', 'abi3t-without-limited-api', ''),
])
def test_refusals(
    lines: str, identifier: str, words: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
) -> None:
    directory = project(tmp_path, lines + '\n')
    assert main(['matrix', str(directory), '--date', DAY]) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert f'error[{identifier}]' in shown.err
    assert words in shown.err


@pytest.mark.parametrize(('more', 'words'), [
    (['--platform', 'manylinux_x86'], 'Did you mean "manylinux_x86_64"?'), (['--floor', '3'], 'no version such as'),
    (['--date', 'today'], 'no date such as'), (['--format', 'circle'], 'invalid choice')])
def test_wrong_command_line(more: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        main(['matrix', *more])
    assert words in capsys.readouterr().err


def test_mixture_is_refused_as_a_build_refuses_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['matrix', str(support.PACKAGES / 'mixed')]) == 2
    assert 'error[module-without-limited-api]' in capsys.readouterr().err


PROJECTS: typing.Final = (
    'plain', 'limited', 'limited-abi3t', 'limited-315', 'limited-315-abi3t', 'floor-too-high', 'pure')


@pytest.mark.parametrize('name', PROJECTS)
def test_no_two_build_jobs_write_one_file_and_no_wheel_is_untested(name: str) -> None:
    made = computed(name, '--experimental', '--end-of-life', '--pypy')
    names = [job.artifact for job in made.builds]
    assert len(names) == len(set(names))
    assert {job.artifact for job in made.tests} == set(names)
    tests = [(job.artifact, job.platform.name, job.interpreter) for job in made.tests]
    assert len(tests) == len(set(tests))
    # Each interpreter of each platform takes exactly one wheel when it can choose.
    chosen = [(job.platform.name, job.interpreter) for job in made.tests if job.preferred]
    assert len(chosen) == len(set(chosen))
    assert set(chosen) == {(job.platform.name, job.interpreter) for job in made.tests}


@pytest.mark.parametrize('name', PROJECTS)
def test_no_smaller_set_of_wheels_serves_all(name: str) -> None:
    made = computed(name)
    tests = [job for job in made.tests if job.platform.name == 'manylinux_x86_64']
    for left_out in {job.artifact for job in tests}:
        assert {job.interpreter for job in tests if job.artifact != left_out} != {job.interpreter for job in tests}


CIBUILDWHEEL: typing.Final = (
    ('linux', 'x86_64', ('manylinux_x86_64', 'musllinux_x86_64')),
    ('linux', 'aarch64', ('manylinux_aarch64', 'musllinux_aarch64')),
    ('macos', 'x86_64 arm64', ('macosx_x86_64', 'macosx_arm64')),
    ('windows', 'AMD64 ARM64', ('win_amd64', 'win_arm64')))
UNBUILDABLE: typing.Final = {'pp311-macosx_arm64'} if platform.machine() == 'x86_64' else set()


@pytest.mark.parametrize(('name', 'more'), [
    *((name, ()) for name in PROJECTS if name != 'pure'),
    ('limited-315', ('--pypy', '--end-of-life', '--experimental'))])
def test_cibuildwheel(name: str, more: tuple[str, ...], tmp_path: pathlib.Path) -> None:
    """cibuildwheel itself reads the selectors; its own rule of reuse leads to exactly the wheels that are needed."""
    from cibuildwheel.util.packaging import find_compatible_wheel

    support.copy_project(name, tmp_path)
    directory = tmp_path / name
    made = matrix_project.compute(arguments(directory, *more))
    with (directory / 'pyproject.toml').open('a') as file:
        file.write(printed(directory, 'cibuildwheel', *more))
    built: dict[str, str] = {}
    for system, archs, platforms in CIBUILDWHEEL:
        identifiers = identified(directory, system, archs)
        expected = {
            f'{one.identifier}-{known.name}' for known in made.platforms if known.name in platforms
            for one in cibuildwheel.run(made, known).interpreters}
        # On this machine cibuildwheel leaves out what only a Mac with an arm64 processor can build.
        expected -= UNBUILDABLE
        assert set(identifiers) == expected
        for name in platforms:
            done: list[pathlib.PurePath] = []
            for identifier in (one for one in identifiers if one.endswith(f'-{name}')):
                if find_compatible_wheel(done, identifier) is None:
                    tag = planned(made, directory, identifier)
                    assert f'{tag}-{name}' not in built, identifier
                    built[f'{tag}-{name}'] = identifier
                    done.append(pathlib.PurePath(f'p-1-{tag}-{name}.whl'))
    needed = {f'{job.wheel.tag}-{job.platform.name}': job.build_identifier for job in made.builds
              if job.interpreter != Interpreter('cpython', (3, 13), True) and job.build_identifier not in UNBUILDABLE}
    assert built == needed


def configured(directory: pathlib.Path) -> plan.Configured:
    """What the build files say; projects without pyproject.toml are taken to want the limited API."""
    project_settings = settings.Settings(directory, {}, settings.ProjectSettings(), limited_api=True)
    return matrix_project.configured(project_settings, surroundings.floors(directory), None)[0]


def identified(directory: pathlib.Path, system: str, archs: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, '-m', 'cibuildwheel', '--print-build-identifiers', '--platform', system, '--archs', archs,
         '--allow-empty', str(directory)], capture_output=True, text=True, check=True)
    return done.stdout.split()


def planned(made: matrix.Matrix, directory: pathlib.Path, identifier: str) -> str:
    """The tag of what the build backend would write for one of cibuildwheel's identifiers."""
    known = next(one for one in made.platforms if identifier.endswith(f'-{one.name}'))
    match = re.match(r'(cp|pp)3(\d+)(t?)-', identifier)
    assert match is not None
    one = Interpreter('cpython' if match[1] == 'cp' else 'pypy', (3, int(match[2])), bool(match[3]))
    decided = plan.decide(
        settings.load(directory), one.target(known), configured(directory))
    return f'{decided.python_tag}-{decided.abi_tag}'


def test_cibuildwheel_is_not_for_pure_projects(tmp_path: pathlib.Path) -> None:
    support.copy_project('pure', tmp_path)
    text = printed(tmp_path / 'pure', 'cibuildwheel')
    assert '# cibuildwheel does not build py3-none; `python -m build` does.' in text.splitlines()
    with (tmp_path / 'pure' / 'pyproject.toml').open('a') as file:
        file.write(text)
    assert identified(tmp_path / 'pure', 'linux', 'x86_64') == []


def test_without_our_selector_cibuildwheel_builds_one_file_twice(tmp_path: pathlib.Path) -> None:
    """What the selector is for: it is to go once cibuildwheel reuses an abi3t wheel."""
    from cibuildwheel.util.packaging import find_compatible_wheel

    support.copy_project('limited-315-abi3t', tmp_path)
    directory = tmp_path / 'limited-315-abi3t'
    identifiers = identified(directory, 'linux', 'x86_64')
    assert {'cp315-manylinux_x86_64', 'cp315t-manylinux_x86_64'} <= set(identifiers)
    made = computed('limited-315-abi3t')
    names = {planned(made, directory, f'{one}-manylinux_x86_64') for one in ('cp315', 'cp315t')}
    assert names == {'cp315-abi3.abi3t'}
    wheel = pathlib.PurePath('p-1-cp315-abi3.abi3t-manylinux_2_17_x86_64.whl')
    assert find_compatible_wheel([wheel], 'cp315t-manylinux_x86_64') is None


def workflow_of_the_documentation() -> str:
    """A whole workflow: its first job makes the matrix, the others take it from there."""
    page = (support.ROOT / 'docs' / 'how-to' / 'ci-matrix.md').read_text(encoding='utf-8')
    match = re.search(r'```yaml\n(jobs:\n  plan:.*?)```', page, re.DOTALL)
    assert match is not None
    return f'name: wheels\non: [push]\n{match[1]}'


def check_schema(schema: str, file: pathlib.Path, *more: str) -> subprocess.CompletedProcess[str]:
    """What check-jsonschema says with the schema of schemastore that it brings along."""
    return subprocess.run(
        [sys.executable, '-m', 'check_jsonschema', '--builtin-schema', f'vendor.{schema}', *more, str(file)],
        capture_output=True, text=True, check=False)


@pytest.mark.parametrize('name', ['limited-abi3t', 'pure'])
def test_github(name: str, tmp_path: pathlib.Path) -> None:
    line = printed(support.PACKAGES / name, 'github')
    assert line.count('\n') == 1
    matrices = json.loads(line)
    made = computed(name)
    assert len(matrices['build']['include']) == len(made.builds)
    assert len(matrices['test']['include']) == len(made.tests)
    # GitHub starts at most 256 jobs for one matrix.
    assert len(matrices['test']['include']) <= 256
    for job in (*matrices['build']['include'], *matrices['test']['include']):
        assert all(isinstance(value, str) for value in job.values())
        assert job['runner']
    documented = workflow_of_the_documentation()
    # Whatever the documentation takes from a job is there.
    for key in ('build', 'test'):
        steps = re.search(rf'^  {key}:\n(?:    .*\n)*', documented, re.MULTILINE)
        assert steps is not None
        assert set(re.findall(r'matrix\.(\w+)', steps[0])) <= set(matrices[key]['include'][0]) | {'outputs'}
    workflow = tmp_path / 'workflow.yml'
    workflow.write_text(documented)
    assert check_schema('github-workflows', workflow).returncode == 0
    # The same with the matrices written out.
    written = documented
    for key in ('build', 'test'):
        expression = f'${{{{ fromJSON(needs.plan.outputs.matrix).{key} }}}}'
        assert written.count(expression) == 1
        written = written.replace(expression, json.dumps(matrices[key]))
    workflow.write_text(written)
    done = check_schema('github-workflows', workflow)
    assert done.returncode == 0, done.stdout
    workflow.write_text(written.replace('"include": [', '"include": 3, "x": [', 1))
    assert check_schema('github-workflows', workflow).returncode == 1


@pytest.mark.parametrize('name', ['limited-abi3t', 'pure'])
def test_gitlab(name: str, tmp_path: pathlib.Path) -> None:
    import ruamel.yaml

    text = printed(support.PACKAGES / name, 'gitlab')
    jobs = '''
build wheels:
  extends: .mesonbuild-ft-build
  script: [pip install cibuildwheel, cibuildwheel --only "$BUILD_IDENTIFIER"]
  artifacts: {paths: [wheelhouse/]}
test wheels:
  extends: .mesonbuild-ft-test
  image: $IMAGE
  script: [./test.sh]
'''
    file = tmp_path / '.gitlab-ci.yml'
    file.write_text(text + jobs)
    done = check_schema('gitlab-ci', file, '--data-transform', 'gitlab-ci')
    assert done.returncode == 0, done.stdout
    read = ruamel.yaml.YAML(typ='safe').load(text + jobs)
    # The schema admits anything in a hidden job: what GitLab makes of `extends:` is what has to be right.
    merged = {key: read[job.pop('extends')] | job for key, job in read.items() if not key.startswith('.')}
    file.write_text(json.dumps(merged))
    done = check_schema('gitlab-ci', file, '--data-transform', 'gitlab-ci')
    assert done.returncode == 0, done.stdout
    file.write_text(json.dumps(merged).replace('"WHEEL_TAG": "py3-none"', '"WHEEL_TAG": {}').replace(
        '"WHEEL_TAG": "cp39-abi3"', '"WHEEL_TAG": {}'))
    assert check_schema('gitlab-ci', file, '--data-transform', 'gitlab-ci').returncode == 1
    builds, tests, missing = computed(name).hosted('gitlab')
    assert missing == ['macosx_x86_64', 'win_arm64']
    assert [job['ARTIFACT'] for job in read['.mesonbuild-ft-build']['parallel']['matrix']] == [
        job.artifact for job in builds]
    # GitLab allows 200 jobs in one matrix.
    assert len(read['.mesonbuild-ft-test']['parallel']['matrix']) == len(tests) <= 200


@pytest.mark.parametrize('name', ['limited-abi3t', 'pure'])
def test_azure(name: str, tmp_path: pathlib.Path) -> None:
    import ruamel.yaml

    text = printed(support.PACKAGES / name, 'azure')
    template = tmp_path / 'wheels.yml'
    template.write_text(text)
    done = check_schema('azure-pipelines', template, '--data-transform', 'azure-pipelines')
    assert done.returncode == 0, done.stdout
    read = ruamel.yaml.YAML(typ='safe').load(text)
    builds, tests, missing = computed(name).hosted('azure')
    assert missing == ['manylinux_aarch64', 'musllinux_aarch64', 'macosx_arm64', 'win_arm64']
    for job, expected in zip(read['jobs'], (builds, tests), strict=True):
        legs = job['strategy']['matrix']
        assert [leg['artifact'] for leg in legs.values()] == [one.artifact for one in expected]
        assert all(re.fullmatch(r'[A-Za-z0-9_]{1,100}', leg) for leg in legs)
        assert len(legs) == len(expected)
    pipeline = tmp_path / 'azure-pipelines.yml'
    pipeline.write_text('jobs:\n  - template: wheels.yml\n    parameters: {build: build.yml, test: test.yml}\n')
    done = check_schema('azure-pipelines', pipeline, '--data-transform', 'azure-pipelines')
    assert done.returncode == 0, done.stdout
    (tmp_path / 'build.yml').write_text('steps:\n  - script: make\n')
    assert check_schema('azure-pipelines', tmp_path / 'build.yml').returncode == 0
    template.write_text(text.replace('pool: {vmImage: $(runner)}', 'pool: [$(runner)]'))
    assert check_schema('azure-pipelines', template, '--data-transform', 'azure-pipelines').returncode == 1


def test_nox(tmp_path: pathlib.Path) -> None:
    names = printed(support.PACKAGES / 'limited-abi3t', 'nox', '--session', 'unit').split()
    assert names == ['unit-3.11', 'unit-3.12', 'unit-3.13', 'unit-3.14', 'unit-3.14t', 'unit-3.15', 'unit-3.15t']
    (tmp_path / 'noxfile.py').write_text(
        'import nox\n@nox.session(python=["3.9", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15", "3.15t"])\n'
        'def unit(session): pass\n')
    done = subprocess.run(
        [sys.executable, '-m', 'nox', '--list', '--json', '-s', *names], cwd=tmp_path, capture_output=True, text=True,
        check=True)
    assert [session['session'] for session in json.loads(done.stdout)] == names


def test_tox(tmp_path: pathlib.Path) -> None:
    names = printed(support.PACKAGES / 'limited-abi3t', 'tox', '--pypy').strip()
    assert names == 'py311,py312,py313,py314,py314t,py315,py315t,pypy311'
    (tmp_path / 'tox.ini').write_text('[testenv]\nskip_install = true\n')
    done = subprocess.run(
        [sys.executable, '-m', 'tox', 'config', '-e', names, '-k', 'env_name', 'base_python'], cwd=tmp_path,
        capture_output=True, text=True, check=True)
    found = re.findall(r'base_python = (\S+)', done.stdout)
    assert found == names.split(',')


def test_json() -> None:
    found = json.loads(printed(support.PACKAGES / 'limited-abi3t', 'json'))
    made = computed('limited-abi3t')
    assert (found['floor'], found['date'], found['requires_python']) == ('3.9', DAY, '')
    assert found['pythons'] == [one.request for one in made.interpreters]
    assert {job['wheel'] for job in found['build']} == {'cp39-abi3', 'cp314-cp314t', 'cp315-abi3.abi3t'}
    assert [job['artifact'] for job in found['test'] if not job['preferred']] == [
        f'cp39-abi3-{platform.name}' for platform in made.platforms]
    assert {'python': '3.10', 'reason': 'end of life'} in found['left_out']


def test_table() -> None:
    lines = printed(support.PACKAGES / 'limited-abi3t', 'table').splitlines()
    assert lines[0] == 'limited-abi3t: 24 build jobs, 64 test jobs on 8 platforms'
    assert 'cp39-abi3         3.11      3.11 3.12 3.13 3.14 3.15*  all' in lines
    assert 'cp315-abi3.abi3t  3.15t     3.15 3.15t                 all' in lines
    assert 'left out:  3.9 3.10 (end of life)' in lines
    assert max(map(len, lines)) <= 120


def test_output_file(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'wheels.json'
    command = ['matrix', str(support.PACKAGES / 'limited-abi3t'), '--format', 'json', '--date', DAY, '-o']
    assert main([*command, str(path)]) == 0
    assert json.loads(path.read_text())['project'] == 'limited-abi3t'
    assert capsys.readouterr().out == ''


def test_own_matrix() -> None:
    made = matrix_project.compute(arguments(support.ROOT))
    assert set(wheels(made, 'win_amd64')) == {'cp310-abi3', 'cp314-cp314t', 'cp315-abi3.abi3t'}


def test_default_settings() -> None:
    assert settings.parse_project_settings({}) == settings.parse_project_settings({'matrix': {}})
    assert matrix_settings.parse({}) == matrix_settings.MatrixSettings()


def test_builds_do_not_load_what_only_the_matrix_needs() -> None:
    code = 'import sys, mesonbuild_ft.build; print([name for name in sys.modules if ".matrix" in name])'
    done = subprocess.run([sys.executable, '-c', code], cwd=support.ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == '[]\n'
