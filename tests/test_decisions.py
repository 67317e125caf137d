# SPDX-License-Identifier: MIT
"""The decision table by real builds: each wheel is imported in every interpreter that its tag admits.

test_plan.py has the same table over targets that do not exist on this machine.
"""

from __future__ import annotations

import pathlib
import subprocess
import tarfile
import typing

import pytest
import support
from support import ALL, FREE_THREADED, GIL, OLDEST, PLATFORM, PYPY, short


SUFFIXES = {
    'abi3': '.abi3.so', 'abi3t': '.abi3t.so', PYPY: '.pypy311-pp73-x86_64-linux-gnu.so',
    **{tag: f'.cpython-{short(tag)[2:]}-x86_64-linux-gnu.so' for tag in (*GIL, *FREE_THREADED)},
}
ABI3T = 'cp315-abi3.abi3t'
BOTH_315 = ('cp315-cp315', 'cp315-cp315t')


def gil_from(minor: int) -> tuple[str, ...]:
    """The interpreters with the GIL that a stable-ABI wheel with this floor admits."""
    admitted = tuple(tag for tag in GIL if int(tag.split('-')[0][3:]) >= minor)
    return (OLDEST, *admitted) if minor <= 9 else admitted


class Cell(typing.NamedTuple):
    """This project, built on `tag` with -Cabi=`ask`, gives `wheel` with modules of `suffix`, for `admits`."""

    project: str
    tag: str
    wheel: str
    suffix: str
    admits: tuple[str, ...]
    ask: str = ''

    def __str__(self) -> str:
        return f'{self.project}{"-asked-" + self.ask if self.ask else ""}-on-{short(self.tag)}'


def specific(project: str, *tags: str, ask: str = '') -> list[Cell]:
    """Cells whose wheel is for the interpreter that built it only."""
    return [Cell(project, tag, tag, SUFFIXES[tag], (tag,), ask) for tag in tags]


def abi3(project: str, minor: int, *tags: str, ask: str = '') -> list[Cell]:
    return [Cell(project, tag, f'cp3{minor}-abi3', SUFFIXES['abi3'], gil_from(minor), ask) for tag in tags]


def abi3t(project: str, *tags: str, ask: str = '') -> list[Cell]:
    return [Cell(project, tag, ABI3T, SUFFIXES['abi3t'], BOTH_315, ask) for tag in tags]


CELLS = [
    # Row 1: asked for at the command line.
    *specific('limited', 'cp312-cp312', 'cp314-cp314t', *BOTH_315, PYPY, ask='full'),
    *specific('limited-abi3t', 'cp315-cp315t', ask='full'),
    *abi3('limited', 9, 'cp310-cp310', 'cp315-cp315', ask='abi3'),
    *abi3('limited-315-abi3t', 15, 'cp315-cp315', ask='abi3'),
    *abi3t('limited', *BOTH_315, ask='abi3t'),
    # Rows 2, 4, 6, 10: an unchanged project with limited_api: '3.9'.
    *abi3('limited', 9, *GIL), *specific('limited', *FREE_THREADED, PYPY),
    # Row 3: no limited API.
    *specific('plain', *ALL),
    # Rows 2, 4, 5, 10: the same with abi3t = true.
    *abi3('limited-abi3t', 9, 'cp310-cp310', 'cp315-cp315'),
    *specific('limited-abi3t', 'cp313-cp313t', 'cp314-cp314t', PYPY), *abi3t('limited-abi3t', 'cp315-cp315t'),
    # Rows 5, 7, 10: limited_api: '3.15'; row 8: with abi3t = true.
    *specific('limited-315', 'cp310-cp310', 'cp314-cp314', 'cp314-cp314t', PYPY),
    *abi3('limited-315', 15, 'cp315-cp315'), *abi3t('limited-315', 'cp315-cp315t'),
    *specific('limited-315-abi3t', 'cp314-cp314'), *abi3t('limited-315-abi3t', *BOTH_315),
    # Rows 4, 6, 7, 10: a floor above some of the interpreters.
    *specific('floor-too-high', 'cp310-cp310', 'cp313-cp313', *FREE_THREADED),
    *abi3('floor-too-high', 14, 'cp314-cp314', 'cp315-cp315'),
    # Several modules: the highest floor.
    *specific('different-floors', 'cp311-cp311', 'cp314-cp314t'),
    *abi3('different-floors', 12, 'cp312-cp312', 'cp315-cp315'),
    *abi3('many', 9, 'cp315-cp315'), *abi3t('many', 'cp315-cp315t'), *specific('many', 'cp313-cp313t'),
    # C++.
    *abi3('cpp', 9, 'cp310-cp310', 'cp315-cp315'), *abi3t('cpp', 'cp315-cp315t'), *specific('cpp', 'cp314-cp314t'),
    *abi3t('cpp', 'cp315-cp315', ask='abi3t'),
]


@pytest.mark.parametrize('cell', CELLS, ids=str)
def test_wheel_of_each_cell(cell: Cell, built: typing.Any) -> None:
    wheel = built.wheel(cell.project, cell.tag, **({'abi': cell.ask} if cell.ask else {}))
    name = cell.project.replace('-', '_')
    assert wheel.name == f'{name}-1.0-{cell.wheel}-{PLATFORM}.whl'
    python, abis = cell.wheel.split('-')
    assert support.whl_tags(wheel) == [f'{python}-{abi}-{PLATFORM}' for abi in abis.split('.')]
    assert {path.rsplit('/', 1)[-1].partition('.')[2] for path in support.modules(wheel).values()} == {cell.suffix[1:]}
    support.check_record(wheel)
    for tag in cell.admits:
        imported = built.imported(wheel, tag)
        assert set(imported.answers.values()) == {42}
        assert not imported.warnings
        # The very file that was built is what the interpreter found.
        assert all(path.endswith(cell.suffix) for path in imported.files.values())
        assert imported.gil_before is imported.gil_after is not support.free_threaded(tag)


def test_wheel_of_the_other_kind_is_not_loaded(built: typing.Any) -> None:
    """What the suffixes are for: an abi3t module is not found by 3.14, an abi3 module not by free-threaded 3.15."""
    with pytest.raises(support.ImportFailed, match='No module named'):
        built.imported(built.wheel('limited-abi3t', 'cp315-cp315t'), 'cp314-cp314')
    with pytest.raises(support.ImportFailed, match='No module named'):
        built.imported(built.wheel('limited', 'cp312-cp312'), 'cp315-cp315t')


def test_both_builds_of_315_make_the_very_same_kind_of_wheel(built: typing.Any) -> None:
    one, other = (built.wheel('limited', tag, abi='abi3t') for tag in BOTH_315)
    assert one.name == other.name
    assert support.modules(one) == support.modules(other)


@pytest.mark.parametrize('tag', ['cp310-cp310', 'cp315-cp315t', PYPY], ids=short)
def test_project_without_modules_is_py3_none_any(tag: str, built: typing.Any) -> None:
    result = built.result('pure', tag)
    assert result.wheels == ['pure-1.0-py3-none-any.whl']
    assert support.whl_tags(result.path) == ['py3-none-any']
    assert not result.findings()


@pytest.mark.parametrize('tag', ['cp312-cp312', 'cp315-cp315', 'cp315-cp315t'], ids=short)
def test_decision_and_reason_are_printed(tag: str, built: typing.Any) -> None:
    stdout = built.result('limited', tag).stdout
    reason = ("full API: limited_api: '3.9' is older than abi3t (3.15), and abi3t = true is not set"
              if support.free_threaded(tag) else "limited API 3.9: limited_api: '3.9' in meson.build")
    assert f'decided   {reason}' in stdout
    assert 'wheel     limited-1.0-' in stdout
    assert 'verified  limited.' in stdout


REFUSED = [
    pytest.param('limited', 'cp314-cp314t', 'abi3', 'does not load abi3 modules', id='abi3-on-3.14t'),
    pytest.param('limited', 'cp315-cp315t', 'abi3', 'does not load abi3 modules', id='abi3-on-3.15t'),
    pytest.param('limited', 'cp314-cp314', 'abi3t', 'abi3t begins with CPython 3.15', id='abi3t-on-3.14'),
    pytest.param('limited', 'cp313-cp313t', 'abi3t', 'abi3t begins with CPython 3.15', id='abi3t-on-3.13t'),
    pytest.param('limited', PYPY, 'abi3', 'PyPy has no stable ABI', id='abi3-on-pypy'),
    pytest.param('limited', PYPY, 'abi3t', 'PyPy has no stable ABI', id='abi3t-on-pypy'),
    pytest.param('plain', 'cp312-cp312', 'abi3', 'does not set limited-api = true', id='abi3-of-plain-project'),
    pytest.param('plain', 'cp315-cp315t', 'abi3t', 'does not set limited-api = true', id='abi3t-of-plain-project'),
]


@pytest.mark.parametrize(('name', 'tag', 'ask', 'reason'), REFUSED)
def test_impossible_abi_is_refused_before_meson_setup(
    name: str, tag: str, ask: str, reason: str, hook: typing.Any, project: typing.Any,
) -> None:
    source = project(name)
    before = sorted(source.iterdir())
    result = hook(tag, 'build_wheel', source, config={'abi': ask, 'build-dir': 'build'})
    assert result.status == 1
    assert result.findings() == ['abi-not-possible']
    assert reason in result.stderr
    assert result.ran_meson_setup == 0
    assert sorted(source.iterdir()) == before
    assert not list(result.output.iterdir())


@pytest.mark.parametrize(('name', 'tag', 'ask', 'reason'), [
    pytest.param('floor-too-high', 'cp312-cp312', 'abi3', "'3.14' is newer than CPython 3.12", id='floor-above-python'),
    pytest.param('declared-without-module', 'cp312-cp312', 'abi3', 'no extension module has limited_api:',
                 id='no-limited-module'),
])
def test_abi_that_meson_build_rules_out_is_refused(
    name: str, tag: str, ask: str, reason: str, hook: typing.Any, project: typing.Any,
) -> None:
    result = hook(tag, 'build_wheel', project(name), config={'abi': ask})
    assert result.status == 1
    assert result.findings() == ['abi-not-possible']
    assert reason in result.stderr


class TestDiagnostics:
    """Projects that contradict themselves: each its own identifier, and what to change."""

    @pytest.mark.parametrize('tag', ['cp312-cp312', 'cp315-cp315'], ids=short)
    def test_mixture_is_an_error(self, tag: str, built: typing.Any) -> None:
        result = built.result('mixed', tag)
        assert result.status == 1
        assert result.findings() == ['module-without-limited-api']
        assert 'full_one: no limited_api:' in result.stderr
        assert '-Cabi=full' in result.stderr
        assert not result.wheels

    @pytest.mark.parametrize(('tag', 'ask'), [('cp312-cp312', 'full'), ('cp314-cp314t', ''), ('cp315-cp315t', '')],
                             ids=['asked-full-on-cp312', 'cp314t', 'cp315t'])
    def test_mixture_builds_with_the_full_api(self, tag: str, ask: str, built: typing.Any) -> None:
        wheel = built.wheel('mixed', tag, **({'abi': ask} if ask else {}))
        assert wheel.name == f'mixed-1.0-{tag}-{PLATFORM}.whl'
        assert built.imported(wheel, tag).answers == {'full_one': 42, 'limited_one': 42}

    @pytest.mark.parametrize('tag', ['cp312-cp312', 'cp315-cp315t'], ids=short)
    def test_limited_api_without_module_is_a_warning(self, tag: str, built: typing.Any) -> None:
        result = built.result('declared-without-module', tag)
        assert result.wheels == [f'declared_without_module-1.0-{tag}-{PLATFORM}.whl']
        assert result.findings('warning') == ['limited-api-without-module']
        assert built.imported(result.path, tag).answers == {'declared_without_module': 42}

    @pytest.mark.parametrize('tag', ['cp310-cp310', 'cp312-cp312', *BOTH_315], ids=short)
    def test_module_without_limited_api_in_pyproject_is_a_warning(self, tag: str, built: typing.Any) -> None:
        result = built.result('module-not-declared', tag)
        assert result.wheels == [f'module_not_declared-1.0-{tag}-{PLATFORM}.whl']
        assert result.findings('warning') == ['limited-api-not-declared']
        assert built.imported(result.path, tag).answers == {'module_not_declared': 42}

    def test_different_floors_are_told_for_a_stable_abi_wheel_only(self, built: typing.Any) -> None:
        assert built.result('different-floors', 'cp312-cp312').findings() == ['different-floors']
        # There is no floor in a version-specific wheel.
        assert built.result('different-floors', 'cp315-cp315t').findings() == []

    @pytest.mark.parametrize('tag', BOTH_315, ids=short)
    def test_floor_that_nothing_reaches_is_a_warning(self, tag: str, hook: typing.Any, project: typing.Any) -> None:
        source = project('floor-too-high')
        support.replace(source / 'meson.build', "'3.14'", "'3.16'")
        result = hook(tag, 'build_wheel', source)
        assert result.wheels == [f'floor_too_high-1.0-{tag}-{PLATFORM}.whl']
        assert result.findings('warning') == ['limited-api-too-new']
        assert f'the wheel is for {short(tag)} only' in result.stderr

    @pytest.mark.parametrize(('name', 'where', 'identifier'), [
        ('limited-only-pyinit', 'limited_only_pyinit.c', 'abi3t-needs-export-hook'),
        ('limited-api-in-source', 'limited_api_in_source.c', 'abi3t-limited-api-in-source')],
        ids=['only-pyinit', 'limited-api-in-source'])
    def test_source_not_ready_for_abi3t_gets_advice_before_any_compiler(
        self, name: str, where: str, identifier: str, built: typing.Any,
    ) -> None:
        result = built.result(name, 'cp315-cp315t')
        assert result.status == 1
        assert result.findings() == [identifier]
        assert f'where: {where}' in result.stderr
        assert '-Cabi=full' in result.stderr
        assert 'error:' not in result.text.replace('mesonbuild-ft: error', '')
        assert 'ninja: Entering directory' not in result.stdout
        assert not result.wheels

    @pytest.mark.parametrize('name', ['limited-only-pyinit', 'limited-api-in-source', 'object-head'])
    def test_the_same_source_builds_elsewhere(self, name: str, built: typing.Any) -> None:
        module = name.replace('-', '_')
        abi3 = built.wheel(name, 'cp315-cp315')
        assert f'-cp39-abi3-{PLATFORM}' in abi3.name
        assert built.imported(abi3, OLDEST).answers == {module: 42}

    def test_what_is_not_ready_for_abi3t_builds_with_the_full_api(self, built: typing.Any) -> None:
        wheel = built.wheel('limited-only-pyinit', 'cp315-cp315t', abi='full')
        imported = built.imported(wheel, 'cp315-cp315t')
        assert imported.answers == {'limited_only_pyinit': 42}
        assert not imported.gil_after

    def test_types_get_advice_for_abi3t(self, built: typing.Any) -> None:
        result = built.result('object-head', 'cp315-cp315t')
        assert result.status == 1
        assert result.findings() == ['compile-failed', 'abi3t-object-head']
        assert 'where: holder.h:4' in result.stderr
        assert 'MBFT_TYPE_DATA()' in result.stderr

    def test_cython_gets_advice_for_abi3t(
        self, hook: typing.Any, project: typing.Any, cython: dict[str, str],
    ) -> None:
        result = hook('cp315-cp315t', 'build_wheel', project('cython-abi3t'), environment=cython)
        assert result.status == 1
        assert result.findings() == ['compile-failed', 'abi3t-cython']
        assert 'where: cython_abi3t.pyx' in result.stderr
        assert '-Cabi=full' in result.stderr

    @pytest.mark.parametrize(('tag', 'wheel'), [('cp315-cp315', 'cp39-abi3'), ('cp314-cp314t', 'cp314-cp314t')],
                             ids=['cp315', 'cp314t'])
    def test_cython_builds_elsewhere(
        self, tag: str, wheel: str, hook: typing.Any, project: typing.Any, cython: dict[str, str], built: typing.Any,
    ) -> None:
        result = hook(tag, 'build_wheel', project('cython-abi3t'), environment=cython)
        assert result.path.name == f'cython_abi3t-1.0-{wheel}-{PLATFORM}.whl'
        assert built.imported(result.path, tag).answers == {'cython_abi3t': 42}


class TestHelperLibraries:
    """A static library inside a stable-ABI module must be compiled for the stable ABI as well."""

    @pytest.mark.parametrize('name', ['helper-without-define', 'helper-with-pch'])
    def test_object_without_the_define_is_refused(self, name: str, built: typing.Any) -> None:
        result = built.result(name, 'cp312-cp312')
        assert result.status == 1
        assert result.findings('error') == ['object-without-limited-api']
        assert 'libhelper.a.p/helper.c.o' in result.stderr
        assert name.replace('-', '_') in result.stderr
        assert '-Cverify=warn' in result.stderr
        assert not result.wheels

    def test_the_message_can_be_overridden(self, built: typing.Any) -> None:
        result = built.result('helper-without-define', 'cp312-cp312', verify='warn')
        assert result.findings('warning') == ['object-without-limited-api']
        assert result.wheels == [f'helper_without_define-1.0-cp39-abi3-{PLATFORM}.whl']
        silent = built.result('helper-without-define', 'cp312-cp312', verify='off')
        assert not silent.findings()
        assert 'verify is off' in silent.stdout

    @pytest.mark.parametrize('name', ['helper-with-define', 'helper-defines-itself', 'helper-without-python'])
    def test_object_with_the_define_or_without_python_is_accepted(self, name: str, built: typing.Any) -> None:
        result = built.result(name, 'cp312-cp312')
        assert f'-cp39-abi3-{PLATFORM}' in result.path.name
        assert not result.findings()
        assert built.imported(result.path, OLDEST).answers == {name.replace('-', '_'): 42}

    @pytest.mark.parametrize('tag', FREE_THREADED, ids=short)
    def test_define_in_meson_build_is_undone_for_free_threaded(self, tag: str, built: typing.Any) -> None:
        result = built.result('helper-with-define', tag)
        assert result.path.name == f'helper_with_define-1.0-{tag}-{PLATFORM}.whl'
        assert 'is undefined again' in result.stdout
        imported = built.imported(result.path, tag)
        assert imported.answers == {'helper_with_define': 42}
        assert not imported.gil_after

    @pytest.mark.parametrize('name', ['helper-without-define', 'helper-with-pch'])
    def test_full_api_does_not_care(self, name: str, built: typing.Any) -> None:
        wheel = built.wheel(name, 'cp312-cp312', abi='full')
        assert built.imported(wheel, 'cp312-cp312').answers == {name.replace('-', '_'): 42}


class TestVerdictOnRealModules:
    """A wheel that is proven not to be what its tag says."""

    @pytest.mark.parametrize(('name', 'tag', 'identifier', 'what'), [
        ('slot-too-new', 'cp315-cp315', 'module-slot-too-new', 'Py_mod_gil'),
        ('symbol-too-new', 'cp312-cp312', 'symbol-newer-than-floor', 'PyUnicode_AsUTF8AndSize'),
        ('symbol-outside', 'cp312-cp312', 'symbol-outside-stable-abi', 'PyUnicode_New'),
    ], ids=lambda value: value if '-' in value and not value.startswith('cp') else '')
    def test_is_an_error(self, name: str, tag: str, identifier: str, what: str, built: typing.Any) -> None:
        result = built.result(name, tag)
        assert result.status == 1
        assert result.findings('error') == [identifier]
        assert what in result.stderr
        assert '-Cverify=warn' in result.stderr
        assert not result.wheels

    def test_module_without_an_init_function_of_its_name_is_a_warning(self, built: typing.Any) -> None:
        result = built.result('broken-init-name', 'cp312-cp312')
        assert result.findings('warning') == ['missing-init-function']
        assert 'PyInit_other_name' in result.stderr
        with pytest.raises(support.ImportFailed, match='PyInit_broken_init_name'):
            built.imported(result.path, 'cp312-cp312')

    def test_slot_too_new_would_have_stopped_312(self, built: typing.Any) -> None:
        """The proof of the verdict: the wheel that was refused is not loaded by what its tag admits."""
        wheel = built.wheel('slot-too-new', 'cp315-cp315', verify='warn')
        assert wheel.name == f'slot_too_new-1.0-cp39-abi3-{PLATFORM}.whl'
        assert built.imported(wheel, 'cp315-cp315').answers == {'slot_too_new': 42}
        with pytest.raises(support.ImportFailed, match='unknown slot ID 4'):
            built.imported(wheel, 'cp312-cp312')

    def test_error_becomes_a_warning_that_the_wheel_survives(self, built: typing.Any) -> None:
        result = built.result('symbol-outside', 'cp312-cp312', verify='warn')
        assert result.wheels == [f'symbol_outside-1.0-cp39-abi3-{PLATFORM}.whl']
        assert result.findings('warning') == ['symbol-outside-stable-abi']
        assert not result.findings('error')

    def test_slot_is_no_matter_where_the_headers_hide_it(self, built: typing.Any) -> None:
        wheel = built.wheel('slot-too-new', 'cp312-cp312')
        assert built.imported(wheel, OLDEST).answers == {'slot_too_new': 42}

    def test_verify_of_the_project_and_of_the_person(self, hook: typing.Any, project: typing.Any) -> None:
        source = project('symbol-outside')
        support.add_settings(source, '[tool.mesonbuild-ft]\nverify = "warn"')
        result = hook('cp312-cp312', 'build_wheel', source)
        assert result.findings() == ['symbol-outside-stable-abi']
        # The summary does not call it verified.
        assert '  verified  ' not in result.stdout
        assert '(symbol-outside-stable-abi)' in result.stdout
        # The person at the command line wins.
        refused = hook('cp312-cp312', 'build_wheel', source, config={'verify': 'error'})
        assert refused.status == 1


class TestGil:
    """Modules that switch the GIL on, or do not say that they do not need it."""

    @pytest.mark.parametrize('tag', FREE_THREADED, ids=short)
    def test_module_that_switches_the_gil_on_is_a_warning(self, tag: str, built: typing.Any) -> None:
        result = built.result('no-gil-declaration', tag)
        assert result.findings('warning') == ['gil-enabled-by-module']
        assert 'Py_mod_gil' in result.stderr
        # It is true: the interpreter says the same.
        imported = built.imported(result.path, tag)
        assert imported.gil_after
        assert 'has not declared that it can run safely without the GIL' in imported.warnings[0]

    def test_nothing_is_said_for_interpreters_with_the_gil(self, built: typing.Any) -> None:
        assert not built.result('no-gil-declaration', 'cp314-cp314').findings()

    @pytest.mark.parametrize(('value', 'status', 'findings'), [
        ('not-used', 1, ['gil-enabled-by-module']), ('used', 0, []), ('unspecified', 0, ['gil-enabled-by-module'])])
    def test_what_the_project_says_of_the_gil(
        self, value: str, status: int, findings: list[str], hook: typing.Any, project: typing.Any,
    ) -> None:
        source = project('no-gil-declaration')
        support.add_settings(source, f'[tool.mesonbuild-ft]\ngil = "{value}"')
        result = hook('cp314-cp314t', 'build_wheel', source)
        assert result.status == status
        assert result.findings('error') + result.findings('warning') == findings
        assert len(result.wheels) == (0 if status else 1)

    @pytest.mark.parametrize('tag', FREE_THREADED, ids=short)
    def test_single_phase_module_with_set_gil_keeps_it_off(self, tag: str, built: typing.Any) -> None:
        result = built.result('gil-single-phase', tag)
        assert not result.findings()
        assert 'single-phase init, GIL not used' in result.stdout
        imported = built.imported(result.path, tag)
        assert not imported.gil_after
        assert not imported.warnings


class TestSdist:
    @pytest.mark.parametrize('tag', ALL, ids=short)
    @pytest.mark.parametrize('name', ['limited', 'limited-abi3t'])
    def test_sdist_on_every_interpreter(self, name: str, tag: str, hook: typing.Any, project: typing.Any) -> None:
        if name == 'limited-abi3t' and tag not in (*BOTH_315, PYPY):
            pytest.skip('the same as limited there')
        source = project(name)
        support.git_init(source)
        result = hook(tag, 'build_sdist', source)
        stem = f'{name.replace("-", "_")}-1.0'
        assert result.path.name == f'{stem}.tar.gz'
        with tarfile.open(result.path) as archive:
            names = archive.getnames()
        assert {f'{stem}/pyproject.toml', f'{stem}/meson.build', f'{stem}/PKG-INFO',
                f'{stem}/{name.replace("-", "_")}.c'} <= set(names)
        assert not [n for n in names if support.WORK_DIRECTORY in n]
        assert not list(source.glob(support.WORK_DIRECTORY + '*'))

    def test_wheel_from_the_sdist(self, hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
        source = project('limited')
        support.git_init(source)
        sdist = hook('cp314-cp314t', 'build_sdist', source).path
        with tarfile.open(sdist) as archive:
            archive.extractall(tmp_path / 'unpacked')
        result = hook('cp312-cp312', 'build_wheel', tmp_path / 'unpacked' / 'limited-1.0')
        assert result.wheels == [f'limited-1.0-cp39-abi3-{PLATFORM}.whl']


class TestEditable:
    @pytest.mark.parametrize('tag', ALL, ids=short)
    def test_editable_rebuilds_an_edited_source_on_import(
        self, tag: str, hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
    ) -> None:
        source = project('limited')
        result = hook(tag, 'build_editable', source)
        support.check_record(result.path)
        site = support.unpack(result.path, tmp_path / 'site')
        loader, = (p.stem for p in site.glob('_*_editable_loader.py'))
        python = interpreters.get(tag)
        assert self._import(python, site, loader) == 42
        support.replace(source / 'limited.c', 'PyLong_FromLong(42)', 'PyLong_FromLong(43)')
        assert self._import(python, site, loader) == 43

    @pytest.mark.parametrize('tag', BOTH_315, ids=short)
    def test_editable_for_abi3t(
        self, tag: str, hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
    ) -> None:
        source = project('limited-315-abi3t')
        result = hook(tag, 'build_editable', source)
        assert 'decided   abi3t 3.15' in result.stdout
        site = support.unpack(result.path, tmp_path / 'site')
        loader, = (p.stem for p in site.glob('_*_editable_loader.py'))
        assert self._import(interpreters.get(tag), site, loader, 'limited_315_abi3t') == 42

    @staticmethod
    def _import(python: pathlib.Path, site: pathlib.Path, loader: str, module: str = 'limited') -> int:
        """Start Python as with an installed editable wheel: its .pth file imports the loader."""
        code = (f'import sys; sys.path.insert(0, {str(site)!r}); import {loader}; {loader}.init(); '
                f'import {module}; print({module}.answer())')
        done = subprocess.run(
            [python, '-c', code], capture_output=True, text=True, cwd=site, check=False,
            env=support.clean_environment(python))
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split()[-1])
