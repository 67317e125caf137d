# SPDX-License-Identifier: MIT
"""The decision table, cell by cell, over targets that need not exist on this machine."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing

import pytest

from mesonbuild_ft import plan, scanner, tags, target as target_
from mesonbuild_ft.diagnostics import BuildRefused
from mesonbuild_ft.meson import flags
from mesonbuild_ft.plan import Configured, Module
from mesonbuild_ft.settings import ProjectSettings, Settings


Version = tuple[int, int]


def cpython(minor: int, flags: str = '', *, trace_refs: bool = False, platform: str = 'linux_x86_64') -> target_.Target:
    """A CPython; `flags` as in an ABI tag: 't' free-threaded, 'd' debug."""
    free_threaded = 't' in flags
    suffix = f'.cpython-3{minor}{flags}-x86_64-linux-gnu.so'
    return target_.Target(
        implementation='cpython', version=(3, minor, 2), release_level='final', free_threaded=free_threaded,
        debug='d' in flags, trace_refs=trace_refs, platform=platform, python_tag=f'cp3{minor}',
        abi_tag=f'cp3{minor}{flags}', extension_suffixes=(suffix, '.abi3.so', '.so'), pointer_size=8,
        byte_order='little', include_dir='/nowhere', defines_gil_disabled=free_threaded and platform != 'win_amd64')


PYPY = dataclasses.replace(
    cpython(11), implementation='pypy', python_tag='pp311', abi_tag='pypy311_pp73',
    extension_suffixes=('.pypy311-pp73-x86_64-linux-gnu.so', '.so'))
GRAALPY = dataclasses.replace(
    cpython(12), implementation='graalpy', python_tag='graalpy312', abi_tag='graalpy250_312_native',
    extension_suffixes=('.graalpy250-312-native-x86_64-linux.so', '.so'))


def settings(*, limited_api: bool = True, abi3t: bool = False, abi: str = 'auto') -> Settings:
    return Settings(
        source_dir=pathlib.Path('/nowhere'), pyproject={}, project=ProjectSettings(abi3t=abi3t),
        limited_api=limited_api, abi=typing.cast(typing.Any, abi))


def modules(*floors: Version | None, allow: bool = True) -> Configured:
    """A project whose modules have these versions in limited_api:, None for the full API."""
    return Configured(allow_limited_api=allow, modules=tuple(
        Module(f'm{i}', f'm{i}.so', floor) for i, floor in enumerate(floors)))


def tag(made: plan.Plan) -> str:
    return f'{made.python_tag}-{made.abi_tag}'


class Row(typing.NamedTuple):
    """One cell of the table: for this project on this target, this wheel."""

    name: str
    target: target_.Target
    floor: Version | None
    wheel: str
    abi: str
    reason: str
    abi3t: bool = False
    limited_api: bool = True
    ask: str = 'auto'


ABI3 = 'limited_api:'
ROWS = [
    # 1: asked for at the command line
    *[Row(f'1-full-{t.abi_tag}', t, (3, 9), f'{t.python_tag}-{t.abi_tag}', 'full', '-Cabi=full', ask='full')
      for t in (cpython(10), cpython(14, 't'), cpython(15), cpython(15, 't'), PYPY, GRAALPY)],
    *[Row(f'1-abi3-{t.abi_tag}', t, (3, 9), 'cp39-abi3', 'abi3', '-Cabi=abi3', ask='abi3')
      for t in (cpython(10), cpython(14), cpython(15), cpython(12, 'd'))],
    Row('1-abi3-with-abi3t-true', cpython(15), (3, 15), 'cp315-abi3', 'abi3', '-Cabi=abi3', abi3t=True, ask='abi3'),
    *[Row(f'1-abi3t-{t.abi_tag}', t, (3, 9), 'cp315-abi3.abi3t', 'abi3t', '-Cabi=abi3t', ask='abi3t')
      for t in (cpython(15), cpython(15, 't'), cpython(16), cpython(16, 't'))],
    Row('1-abi3t-floor-3.16', cpython(16), (3, 16), 'cp316-abi3.abi3t', 'abi3t', '-Cabi=abi3t', ask='abi3t'),
    # 2: PyPy, GraalPy
    Row('2-pypy', PYPY, (3, 9), 'pp311-pypy311_pp73', 'full', 'PyPy has no stable ABI'),
    Row('2-pypy-abi3t-true', PYPY, (3, 9), 'pp311-pypy311_pp73', 'full', 'PyPy has no stable ABI', abi3t=True),
    Row('2-graalpy', GRAALPY, (3, 9), 'graalpy312-graalpy250_312_native', 'full', 'GraalPy has no stable ABI'),
    # 3: the project does not want the stable ABI
    *[Row(f'3-{t.abi_tag}', t, None, f'{t.python_tag}-{t.abi_tag}', 'full', 'limited-api = true', limited_api=False)
      for t in (cpython(10), cpython(13), cpython(15), cpython(15, 't'), cpython(15, 'td'), cpython(12, 'd'))],
    # 4: free-threaded before 3.15
    *[Row(f'4-cp3{m}t{"-abi3t-true" if on else ""}', cpython(m, 't'), (3, 9), f'cp3{m}-cp3{m}t', 'full',
          f'free-threaded 3.{m} has no limited API', abi3t=on)
      for m in (13, 14) for on in (False, True)],
    Row('4-cp314td', cpython(14, 'td'), (3, 9), 'cp314-cp314td', 'full', 'free-threaded 3.14'),
    # 5: free-threaded from 3.15 on, and ready for abi3t
    Row('5-abi3t-true', cpython(15, 't'), (3, 9), 'cp315-abi3.abi3t', 'abi3t', 'abi3t = true', abi3t=True),
    Row('5-floor-3.15', cpython(15, 't'), (3, 15), 'cp315-abi3.abi3t', 'abi3t', "'3.15'"),
    Row('5-floor-3.15-on-3.16', cpython(16, 't'), (3, 15), 'cp315-abi3.abi3t', 'abi3t', "'3.15'"),
    Row('5-floor-3.16', cpython(16, 't'), (3, 16), 'cp316-abi3.abi3t', 'abi3t', "'3.16'"),
    Row('5-abi3t-true-on-3.16', cpython(16, 't'), (3, 9), 'cp315-abi3.abi3t', 'abi3t', 'abi3t = true', abi3t=True),
    Row('5-debug', cpython(15, 'td'), (3, 9), 'cp315-abi3.abi3t', 'abi3t', 'abi3t = true', abi3t=True),
    # 6: free-threaded from 3.15 on, not ready
    Row('6-floor-3.9', cpython(15, 't'), (3, 9), 'cp315-cp315t', 'full', 'abi3t = true is not set'),
    Row('6-floor-3.14', cpython(15, 't'), (3, 14), 'cp315-cp315t', 'full', 'abi3t = true is not set'),
    # 7: the GIL, older than the floor
    Row('7-3.10-floor-3.14', cpython(10), (3, 14), 'cp310-cp310', 'full', "'3.14' is newer than 3.10"),
    Row('7-3.14-floor-3.15', cpython(14), (3, 15), 'cp314-cp314', 'full', "'3.15' is newer than 3.14", abi3t=True),
    # 8: the GIL, and one wheel for both builds
    Row('8', cpython(15), (3, 15), 'cp315-abi3.abi3t', 'abi3t', 'one wheel serves both', abi3t=True),
    Row('8-on-3.16', cpython(16), (3, 15), 'cp315-abi3.abi3t', 'abi3t', 'one wheel serves both', abi3t=True),
    # 9: Py_TRACE_REFS
    Row('9', cpython(12, 'd', trace_refs=True), (3, 9), 'cp312-cp312d', 'full', 'Py_TRACE_REFS'),
    Row('9-not-debug', cpython(12, trace_refs=True), (3, 9), 'cp312-cp312', 'full', 'Py_TRACE_REFS'),
    # 10: the GIL
    *[Row(f'10-cp3{m}', cpython(m), (3, 9), 'cp39-abi3', 'abi3', ABI3) for m in range(10, 17)],
    Row('10-debug', cpython(12, 'd'), (3, 9), 'cp39-abi3', 'abi3', ABI3),
    Row('10-floor-of-its-own-version', cpython(12), (3, 12), 'cp312-abi3', 'abi3', ABI3),
    Row('10-abi3t-true-floor-3.9', cpython(15), (3, 9), 'cp39-abi3', 'abi3', ABI3, abi3t=True),
    Row('10-floor-3.15-without-abi3t', cpython(15), (3, 15), 'cp315-abi3', 'abi3', ABI3),
    Row('10-floor-before-3.2', cpython(12), (3, 0), 'cp32-abi3', 'abi3', ABI3),
]


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.name)
def test_table(row: Row) -> None:
    made = plan.decide(
        settings(limited_api=row.limited_api, abi3t=row.abi3t, abi=row.ask), row.target, modules(row.floor))
    assert (tag(made), made.abi) == (row.wheel, row.abi)
    assert row.reason in ' '.join(made.reasons)
    # Where Meson knows a limited_api: that must not be used, it is switched off.
    if row.abi == 'full' and row.floor is not None:
        assert made.allow_limited_api is False
    if row.abi != 'full':
        assert made.allow_limited_api is None
        assert made.floor is not None


@pytest.mark.parametrize(('row', 'redirected'), [
    ('5-abi3t-true', True), ('5-floor-3.15', False), ('8', True), ('1-abi3t-cp315', True), ('1-abi3t-cp315t', True),
    ('1-abi3t-floor-3.16', True), ('10-cp315', False), ('6-floor-3.9', False)])
def test_forced_include_only_where_the_headers_do_not_choose_abi3t_themselves(row: str, redirected: bool) -> None:
    cell, = (r for r in ROWS if r.name == row)
    made = plan.decide(settings(abi3t=cell.abi3t, abi=cell.ask), cell.target, modules(cell.floor))
    assert made.redirect_to_abi3t is redirected


@pytest.mark.parametrize(('ask', 'target', 'reason'), [
    pytest.param('abi3', cpython(13, 't'), 'does not load abi3', id='abi3-on-3.13t'),
    pytest.param('abi3', cpython(15, 't'), 'does not load abi3', id='abi3-on-3.15t'),
    pytest.param('abi3', PYPY, 'PyPy has no stable ABI', id='abi3-on-pypy'),
    pytest.param('abi3', GRAALPY, 'GraalPy has no stable ABI', id='abi3-on-graalpy'),
    pytest.param('abi3', cpython(12, trace_refs=True), 'Py_TRACE_REFS', id='abi3-with-trace-refs'),
    pytest.param('abi3t', cpython(14), 'begins with CPython 3.15', id='abi3t-on-3.14'),
    pytest.param('abi3t', cpython(14, 't'), 'begins with CPython 3.15', id='abi3t-on-3.14t'),
    pytest.param('abi3t', PYPY, 'PyPy has no stable ABI', id='abi3t-on-pypy'),
])
def test_impossible_abi_is_refused_before_setup(ask: str, target: target_.Target, reason: str) -> None:
    with pytest.raises(BuildRefused) as refusal:
        plan.before_setup(settings(abi=ask), target)
    finding = refusal.value.diagnostics[0]
    assert finding.identifier == 'abi-not-possible'
    assert reason in finding.what
    assert finding.where == f'-Cabi={ask}'
    assert finding.advice


@pytest.mark.parametrize('ask', ['abi3', 'abi3t'])
def test_stable_abi_without_limited_api_is_refused_before_setup(ask: str) -> None:
    with pytest.raises(BuildRefused, match='limited-api = true'):
        plan.before_setup(settings(limited_api=False, abi=ask), cpython(15))


@pytest.mark.parametrize('ask', ['abi3', 'abi3t'])
@pytest.mark.parametrize(('configured', 'reason'), [
    pytest.param(modules((3, 9), allow=False), 'python.allow_limited_api=false', id='option'),
    pytest.param(modules(None), 'no extension module has limited_api:', id='no-module'),
    pytest.param(Configured(allow_limited_api=True, too_high=(3, 16)), "'3.16' is newer", id='too-high'),
])
def test_abi_that_the_project_does_not_allow_is_refused(ask: str, configured: Configured, reason: str) -> None:
    with pytest.raises(BuildRefused, match=reason) as refusal:
        plan.decide(settings(abi=ask), cpython(15), configured)
    assert refusal.value.diagnostics[0].identifier == 'abi-not-possible'


def test_limited_api_switched_off_by_the_user_gives_the_full_api() -> None:
    made = plan.decide(settings(), cpython(12), modules((3, 9), allow=False))
    assert tag(made) == 'cp312-cp312'
    assert 'asked for' in made.reasons[0]


@pytest.mark.parametrize('target', [cpython(12), cpython(15), cpython(15, 't')], ids=lambda t: t.abi_tag)
def test_limited_api_above_meson_s_python_gives_the_full_api(target: target_.Target) -> None:
    made = plan.decide(settings(), target, Configured(allow_limited_api=True, too_high=(3, 16)))
    assert tag(made) == f'{target.python_tag}-{target.abi_tag}'
    assert made.allow_limited_api is False
    assert "'3.16'" in made.reasons[0]


@pytest.mark.parametrize(('target', 'floor', 'said'), [
    (cpython(14), (3, 16), True), (cpython(15), (3, 16), True), (cpython(15, 't'), (3, 16), True),
    (cpython(16), (3, 17), True),
    # It exists, or will: the interpreter is only older than the project asks for, or new enough.
    (cpython(14), (3, 15), False), (cpython(10), (3, 14), False), (cpython(16), (3, 16), False),
    # Whatever limited_api: says, these have none.
    (cpython(14, 't'), (3, 16), False), (PYPY, (3, 16), False)], ids=lambda value: getattr(value, 'abi_tag', None))
def test_floor_that_nothing_reaches(target: target_.Target, floor: Version, said: bool) -> None:
    """As Meson configured it, and where Meson itself stopped because of it."""
    for configured in (modules(floor), Configured(allow_limited_api=True, too_high=floor)):
        if configured.too_high and target.version[:2] >= floor:
            continue
        made = plan.decide(settings(), target, configured)
        assert [(n.identifier, n.severity) for n in made.notes] == [('limited-api-too-new', 'warning')] * said
        assert all(f'the wheel is for {target.abi_tag} only' in n.what for n in made.notes)
        assert plan.decide(settings(abi='full'), target, configured).notes == ()


def test_newest_version_is_that_of_the_stable_abi_table() -> None:
    assert scanner.load().stable_abi_source.startswith(f'CPython {tags.version_text(tags.NEWEST)}.')


def test_highest_floor_counts_and_the_person_is_told() -> None:
    made = plan.decide(settings(), cpython(14), modules((3, 9), (3, 12), (3, 10)))
    assert tag(made) == 'cp312-abi3'
    assert [n.identifier for n in made.notes] == ['different-floors']
    assert 'm0 3.9, m1 3.12, m2 3.10' in made.notes[0].what
    assert not plan.decide(settings(), cpython(14), modules((3, 9), (3, 9))).notes


@pytest.mark.parametrize(('target', 'abi3t', 'ask'), [
    (cpython(12), False, 'auto'), (cpython(15), True, 'auto'), (cpython(15, 't'), True, 'auto'),
    (cpython(12), False, 'abi3'), (cpython(15), False, 'abi3t')],
    ids=['abi3', 'gil-3.15', 'abi3t', 'asked-abi3', 'asked-abi3t'])
def test_mixture_of_limited_and_full_modules_is_refused(target: target_.Target, abi3t: bool, ask: str) -> None:
    with pytest.raises(BuildRefused, match='m1: no limited_api:') as refusal:
        plan.decide(settings(abi3t=abi3t, abi=ask), target, modules((3, 9), None))
    finding = refusal.value.diagnostics[0]
    assert finding.identifier == 'module-without-limited-api'
    assert '-Cabi=full' in finding.advice


@pytest.mark.parametrize(('target', 'ask'), [
    (cpython(12), 'full'), (cpython(13, 't'), 'auto'), (cpython(15, 't'), 'auto'), (PYPY, 'auto')],
    ids=['asked-full', 'cp313t', 'cp315t', 'pypy'])
def test_mixture_does_not_matter_to_the_full_api(target: target_.Target, ask: str) -> None:
    made = plan.decide(settings(abi=ask), target, modules((3, 9), None))
    assert made.abi == 'full'
    assert made.allow_limited_api is False


def test_modules_that_are_not_installed_do_not_count() -> None:
    configured = Configured(allow_limited_api=True, modules=(
        Module('shipped', 'shipped.so', (3, 9)), Module('tests', 'tests.so', None, installed=False),
        Module('newer', 'newer.so', (3, 14), installed=False)))
    assert tag(plan.decide(settings(), cpython(14), configured)) == 'cp39-abi3'


def test_limited_api_without_any_module_is_a_warning() -> None:
    made = plan.decide(settings(), cpython(12), modules(None))
    assert tag(made) == 'cp312-cp312'
    assert [(n.identifier, n.severity) for n in made.notes] == [('limited-api-without-module', 'warning')]


def test_abi3t_without_any_limited_module_is_an_error() -> None:
    with pytest.raises(BuildRefused) as refusal:
        plan.decide(settings(abi3t=True), cpython(15), modules(None))
    assert refusal.value.diagnostics[0].identifier == 'abi3t-without-limited-api'


def test_abi3t_without_limited_api_is_refused_before_setup() -> None:
    with pytest.raises(BuildRefused) as refusal:
        plan.before_setup(settings(limited_api=False, abi3t=True), cpython(12))
    assert refusal.value.diagnostics[0].identifier == 'abi3t-without-limited-api'
    # Asking for the full API always builds.
    assert plan.before_setup(settings(limited_api=False, abi3t=True, abi='full'), cpython(12)).abi == 'full'


@pytest.mark.parametrize(('target', 'allow'), [(cpython(12), None), (cpython(15, 't'), False)],
                         ids=['gil', 'free-threaded'])
def test_limited_module_without_limited_api_is_a_warning(target: target_.Target, allow: bool | None) -> None:
    made = plan.decide(settings(limited_api=False), target, modules((3, 9)))
    assert tag(made) == f'{target.python_tag}-{target.abi_tag}'
    assert [(n.identifier, n.severity) for n in made.notes] == [('limited-api-not-declared', 'warning')]
    assert made.allow_limited_api is allow


def test_project_without_extension_modules_is_left_alone() -> None:
    made = plan.decide(settings(), cpython(12), modules())
    assert made.allow_limited_api is None
    assert not made.notes


@pytest.mark.parametrize(('target', 'undefined'), [
    (cpython(13, 't'), True), (cpython(15, 't'), True), (cpython(12), False)], ids=lambda v: getattr(v, 'abi_tag', ''))
def test_define_written_into_meson_build_is_taken_back_for_free_threaded(
    target: target_.Target, undefined: bool,
) -> None:
    configured = dataclasses.replace(modules((3, 9)), defines_limited_api=('helper',))
    assert plan.decide(settings(), target, configured).undefine_limited_api is undefined


@pytest.mark.parametrize(('target', 'abi3t', 'defined'), [
    (cpython(14, 't', platform='win_amd64'), False, True), (cpython(15, 't', platform='win_amd64'), True, True),
    (cpython(15, platform='win_amd64'), False, False), (cpython(14, 't'), False, False)],
    ids=['windows-cp314t', 'windows-abi3t', 'windows-gil', 'linux-cp314t'])
def test_py_gil_disabled_only_for_free_threaded_windows(target: target_.Target, abi3t: bool, defined: bool) -> None:
    made = plan.decide(settings(abi3t=abi3t), target, modules((3, 9)))
    assert made.define_gil_disabled is defined
    assert ('Py_GIL_DISABLED=1' in ' '.join(made.reasons)) is defined


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.name)
def test_plan_survives_json(row: Row) -> None:
    made = plan.decide(
        settings(limited_api=row.limited_api, abi3t=row.abi3t, abi=row.ask), row.target, modules(row.floor, row.floor))
    assert plan.Plan.from_json(json.loads(json.dumps(made.to_json()))) == made
    assert target_.Target.from_json(json.loads(json.dumps(row.target.to_json()))) == row.target


def test_headers_that_are_to_be_mended() -> None:
    """GCC and Clang are told where a mended Python.h is; of Microsoft's compiler a warning is said."""
    target = cpython(12)
    made = plan.decide(settings(), target, modules((3, 9)))
    assert made.mended_headers == '/nowhere'
    for compiler in ('gcc', 'clang', 'emscripten'):
        assert flags.words(made, pathlib.PurePosixPath('own'), compiler) == [
            '-Iown/mended_headers', '-isystem/nowhere']
        assert flags.fit_to_compilers(made, target, [compiler]) == made
    for compiler in ('msvc', 'clang-cl'):
        assert flags.words(made, pathlib.PurePosixPath('own'), compiler) == []
        other = flags.fit_to_compilers(made, target, [compiler])
        note, = other.notes
        assert not other.adds_flags
        assert [*other.reasons, plan.MENDED] == [*made.reasons]
        assert (note.identifier, note.severity) == ('return-takes-no-reference', 'warning')
        assert note.what == (
            'the headers of CPython 3.12.2 let Py_RETURN_NONE and the like take no reference, which ends the '
            'interpreters before 3.12 that cp39-abi3 promises')
    assert not plan.decide(settings(), target, modules((3, 12))).adds_flags
    assert not plan.decide(settings(), cpython(14), modules((3, 9))).adds_flags
