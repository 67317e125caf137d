# SPDX-License-Identifier: MIT
"""A build directory that is kept (-Cbuild-dir=) saves work, and never gives what another build left in it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import typing

import pytest
import support
from support import PLATFORM, short


CONFIG = {'build-dir': 'build'}
REPEATED = 'meson setup is not repeated'


def answers(interpreters: typing.Any, tag: str, result: support.Result, directory: pathlib.Path) -> dict[str, int]:
    site = support.unpack(result.path, directory / f'site-{len(list(directory.iterdir()))}')
    return support.import_modules(interpreters.get(tag), site, sorted(support.modules(result.path))).answers


def c_flags(project: pathlib.Path) -> str:
    return str(json.loads((project / 'build' / 'compile_commands.json').read_text())[0]['command'])


@pytest.mark.parametrize(('first', 'second'), [
    ('cp312-cp312', 'cp314-cp314t'), ('cp314-cp314t', 'cp313-cp313t'), ('cp315-cp315', 'cp315-cp315t'),
    ('cp315-cp315t', 'cp312-cp312')], ids=lambda tag: short(tag))
def test_other_interpreter_empties_the_directory_and_says_so(
    first: str, second: str, hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('limited-abi3t')
    before = hook(first, 'build_wheel', source, config=CONFIG)
    assert not before.findings()
    after = hook(second, 'build_wheel', source, config=CONFIG)
    assert after.findings('warning') == ['build-directory-wiped']
    assert after.value != before.value
    assert answers(interpreters, second, after, tmp_path) == {'limited_abi3t': 42}
    assert 'Compiling C object' in after.stdout


def test_the_same_stable_abi_wheel_by_two_interpreters_is_compiled_twice(
    hook: typing.Any, project: typing.Any,
) -> None:
    """The wheels have one name, but other headers made the objects."""
    source = project('limited')
    hook('cp312-cp312', 'build_wheel', source, config=CONFIG)
    after = hook('cp314-cp314', 'build_wheel', source, config=CONFIG)
    assert after.findings('warning') == ['build-directory-wiped']
    assert 'Compiling C object' in after.stdout


@pytest.mark.parametrize(('name', 'tag'), [('limited-abi3t', 'cp315-cp315t'), ('limited', 'cp312-cp312')])
def test_headers_of_ours_are_no_reason_to_compile_again(
    name: str, tag: str, hook: typing.Any, project: typing.Any,
) -> None:
    """A forced include and a mended Python.h, which a changed meson.build has written anew."""
    source = project(name)
    first = hook(tag, 'build_wheel', source, config=CONFIG)
    assert 'Compiling C object' in first.stdout
    build = source / 'meson.build'
    build.write_text(f"{build.read_text(encoding='utf-8')}message('changed')\n", encoding='utf-8')
    second = hook(tag, 'build_wheel', source, config=CONFIG)
    assert 'Message: changed' in second.stdout
    assert 'Compiling' not in second.stdout


@pytest.mark.parametrize('tag', ['cp312-cp312', 'cp314-cp314t', 'cp315-cp315t'], ids=short)
@pytest.mark.parametrize('name', ['limited-abi3t', 'plain'])
def test_second_build_neither_configures_nor_compiles(
    name: str, tag: str, hook: typing.Any, project: typing.Any, interpreters: typing.Any,
) -> None:
    source = project(name)
    config = {'build-dir': 'build'}
    environment = {'SOURCE_DATE_EPOCH': '1700000000'}
    installed, = interpreters.get(tag).parent.parent.glob('lib/*/site-packages')
    for _ in range(5):
        stamp = installed.stat().st_mtime_ns
        first = hook(tag, 'build_wheel', source, config=config, environment=environment)
        before = first.path.read_bytes()
        second = hook(tag, 'build_wheel', source, config=config, environment=environment)
        # Another test may install something into the environment meanwhile, which is a reason to configure again.
        if installed.stat().st_mtime_ns == stamp:
            break
    assert REPEATED in second.stdout
    assert second.ran_meson_setup == 0
    assert 'Compiling' not in second.stdout
    assert second.path.read_bytes() == before


def test_changed_source_is_compiled_without_another_setup(
    hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('limited-abi3t')
    hook('cp315-cp315t', 'build_wheel', source, config=CONFIG)
    support.replace(source / 'limited_abi3t.c', 'FromLong(42)', 'FromLong(43)')
    again = hook('cp315-cp315t', 'build_wheel', source, config=CONFIG)
    assert again.ran_meson_setup == 0
    assert answers(interpreters, 'cp315-cp315t', again, tmp_path) == {'limited_abi3t': 43}


@pytest.mark.parametrize('tag', ['cp312-cp312', 'cp315-cp315t'], ids=short)
def test_changed_cflags_are_noticed(tag: str, hook: typing.Any, project: typing.Any) -> None:
    source = project('limited-abi3t')
    for value in ('-DFIRST', '-DSECOND'):
        result = hook(tag, 'build_wheel', source, config=CONFIG, environment={'CFLAGS': value})
        assert value in c_flags(source)
        assert 'Compiling C object' in result.stdout
    # Taken away again, nothing of it is left.
    hook(tag, 'build_wheel', source, config=CONFIG)
    assert '-DFIRST' not in c_flags(source)
    assert '-DSECOND' not in c_flags(source)


def test_changed_setup_args_are_noticed(hook: typing.Any, project: typing.Any) -> None:
    source = project('limited-abi3t')
    for value in ('-DFIRST', '-DSECOND'):
        hook('cp315-cp315t', 'build_wheel', source, config={**CONFIG, 'setup-args': f'-Dc_args={value}'})
        assert value in c_flags(source)
    assert '-DFIRST' not in c_flags(source)


def test_changed_machine_file_is_noticed(hook: typing.Any, project: typing.Any) -> None:
    source = project('limited')
    file = source / 'native.ini'
    for value in ('-DFIRST', '-DSECOND'):
        file.write_text(f"[built-in options]\nc_args = ['{value}']\n", encoding='utf-8')
        hook('cp312-cp312', 'build_wheel', source, config={**CONFIG, 'setup-args': f'--native-file={file}'})
        assert value in c_flags(source)


def test_changed_floor_in_meson_build_changes_the_wheel(hook: typing.Any, project: typing.Any) -> None:
    source = project('limited')
    assert hook('cp312-cp312', 'build_wheel', source, config=CONFIG).value == f'limited-1.0-cp39-abi3-{PLATFORM}.whl'
    support.replace(source / 'meson.build', "'3.9'", "'3.11'")
    assert hook('cp312-cp312', 'build_wheel', source, config=CONFIG).value == f'limited-1.0-cp311-abi3-{PLATFORM}.whl'
    # Above the interpreter: the full API, and no rest of the limited one.
    support.replace(source / 'meson.build', "'3.11'", "'3.14'")
    result = hook('cp312-cp312', 'build_wheel', source, config=CONFIG)
    assert result.value == f'limited-1.0-cp312-cp312-{PLATFORM}.whl'
    assert 'Py_LIMITED_API' not in c_flags(source)


def test_changed_settings_in_pyproject_change_the_wheel(
    hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('limited')
    original = (source / 'pyproject.toml').read_text(encoding='utf-8')
    names = []
    for text in (original, original + '\n[tool.mesonbuild-ft]\nabi3t = true\n', original):
        (source / 'pyproject.toml').write_text(text, encoding='utf-8')
        result = hook('cp315-cp315t', 'build_wheel', source, config=CONFIG)
        names.append(result.value)
        assert answers(interpreters, 'cp315-cp315t', result, tmp_path) == {'limited': 42}
    full, abi3t = f'limited-1.0-cp315-cp315t-{PLATFORM}.whl', f'limited-1.0-cp315-abi3.abi3t-{PLATFORM}.whl'
    assert names == [full, abi3t, full]


def test_changed_abi_of_the_command_line_changes_the_wheel(
    hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('limited')
    names = []
    for ask in ('auto', 'full', 'abi3t', 'abi3'):
        result = hook('cp315-cp315', 'build_wheel', source, config={**CONFIG, 'abi': ask})
        names.append(result.value.removeprefix('limited-1.0-').removesuffix(f'-{PLATFORM}.whl'))
        assert answers(interpreters, 'cp315-cp315', result, tmp_path) == {'limited': 42}
    assert names == ['cp39-abi3', 'cp315-cp315', 'cp315-abi3.abi3t', 'cp39-abi3']


def test_directory_of_a_failed_build_can_be_used_again(
    hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('limited')
    meson = source / 'meson.build'
    good = meson.read_text(encoding='utf-8')
    meson.write_text(good + 'no_such_function()\n', encoding='utf-8')
    assert hook('cp312-cp312', 'build_wheel', source, config=CONFIG).findings('error') == ['meson-setup-failed']
    meson.write_text(good, encoding='utf-8')
    support.replace(source / 'limited.c', 'PyLong_FromLong(42)', 'no_such_thing')
    assert hook('cp312-cp312', 'build_wheel', source, config=CONFIG).findings('error') == ['compile-failed']
    support.replace(source / 'limited.c', 'no_such_thing', 'PyLong_FromLong(44)')
    result = hook('cp312-cp312', 'build_wheel', source, config=CONFIG)
    assert answers(interpreters, 'cp312-cp312', result, tmp_path) == {'limited': 44}


def test_directory_configured_by_plain_meson_is_configured_anew(
    hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('limited')
    python = interpreters.get('cp312-cp312')
    environment = support.clean_environment(python)
    for command in (['meson', 'setup', 'build'], ['meson', 'compile', '-C', 'build']):
        subprocess.run([python.parent / command[0], *command[1:]], cwd=source, env=environment, check=True,
                       capture_output=True)
    result = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG)
    assert 'was not configured by mesonbuild-ft' in result.text
    assert result.value == f'limited-1.0-cp314-cp314t-{PLATFORM}.whl'
    assert answers(interpreters, 'cp314-cp314t', result, tmp_path) == {'limited': 42}


def test_directory_of_bare_meson_python_is_configured_anew(
    hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('plain')
    theirs = hook('cp312-cp312', 'build_wheel', source, config=CONFIG, backend='mesonpy')
    result = hook('cp314-cp314t', 'build_wheel', source, config=CONFIG)
    assert 'was not configured by mesonbuild-ft' in result.text
    assert result.value != theirs.value
    assert answers(interpreters, 'cp314-cp314t', result, tmp_path) == {'plain': 42}


def test_two_builds_take_turns(interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
    """Whatever their temporary directories are. Nothing is left beside the directory."""
    source = project('many')
    code = ('import mesonbuild_ft, os; os.makedirs("{0}", exist_ok=True); '
            'mesonbuild_ft.build_wheel("{0}", {{"build-dir": "kept/one"}})')
    python = interpreters.get('cp312-cp312')
    builds = []
    for name in ('first', 'second'):
        directory = tmp_path / name
        directory.mkdir()
        builds.append(subprocess.Popen(
            [python, '-c', code.format(directory / 'out')], cwd=source, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env=support.clean_environment(python, TMPDIR=str(directory), SOURCE_DATE_EPOCH='1700000000')))
    outputs = [build.communicate()[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], '\n'.join(outputs)
    first, second = (next((tmp_path / name / 'out').glob('*.whl')).read_bytes() for name in ('first', 'second'))
    assert first == second
    assert [path.name for path in (source / 'kept').iterdir()] == ['one']


def test_directory_outside_the_project(hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
    source = project('limited')
    before = sorted(source.iterdir())
    elsewhere = tmp_path / 'a directory with spaces'
    for _ in range(2):
        result = hook('cp315-cp315', 'build_wheel', source, config={'build-dir': str(elsewhere), 'abi': 'abi3t'})
        assert result.value == f'limited-1.0-cp315-abi3.abi3t-{PLATFORM}.whl'
    assert REPEATED in result.stdout
    assert sorted(source.iterdir()) == before
    assert (elsewhere / 'build.ninja').is_file()


def test_directory_moved_with_its_project(hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
    source = project('limited')
    hook('cp312-cp312', 'build_wheel', source, config=CONFIG)
    moved = source.rename(tmp_path / 'moved')
    support.replace(moved / 'limited.c', 'FromLong(42)', 'FromLong(45)')
    result = hook('cp312-cp312', 'build_wheel', moved, config=CONFIG)
    assert 'Compiling C object' in result.stdout


def test_editable_after_a_wheel_in_one_directory(hook: typing.Any, project: typing.Any) -> None:
    source = project('limited')
    hook('cp312-cp312', 'build_wheel', source, config=CONFIG)
    editable = hook('cp312-cp312', 'build_editable', source, config=CONFIG)
    assert editable.path.is_file()
    wheel = hook('cp312-cp312', 'build_wheel', source, config=CONFIG)
    assert list(support.modules(wheel.path).values()) == ['limited.abi3.so']


def test_nothing_is_left_beside_pyproject_without_a_build_directory(hook: typing.Any, project: typing.Any) -> None:
    source = project('limited')
    before = sorted(source.iterdir())
    hook('cp312-cp312', 'build_wheel', source)
    assert sorted(source.iterdir()) == before
