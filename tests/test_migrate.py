# SPDX-License-Identifier: MIT
"""`mesonbuild-ft migrate`: what it writes is what it shows, nothing else changes, and the project then builds."""

from __future__ import annotations

import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tarfile
import typing
import zipfile

import pytest
import support
from conftest import Built, Hook, Interpreters
from real import real_projects

from mesonbuild_ft import cli
from mesonbuild_ft.diagnostics import BuildRefused
from mesonbuild_ft.migration import evidence, pyproject, requires, setup_script


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Copy = typing.Callable[[str], pathlib.Path]


class Ran(typing.NamedTuple):
    status: int
    patch: str
    said: str

    @property
    def words(self) -> str:
        """What was said, in one line: the output is folded for people."""
        return ' '.join(self.said.split())


Migrate = typing.Callable[..., Ran]


@pytest.fixture
def migrate(capsys: pytest.CaptureFixture[str]) -> Migrate:
    """Run the command on a directory."""
    def run(directory: pathlib.Path, *arguments: str | pathlib.Path) -> Ran:
        capsys.readouterr()
        status = cli.main(['migrate', os.fspath(directory), *map(os.fspath, arguments)])
        output = capsys.readouterr()
        return Ran(status, output.out, output.err)
    return run


def contents(directory: pathlib.Path) -> dict[str, bytes]:
    return {path.relative_to(directory).as_posix(): path.read_bytes()
            for path in sorted(directory.rglob('*')) if path.is_file()}


def write_files(directory: pathlib.Path, files: typing.Mapping[str, str]) -> pathlib.Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return directory


PAGE: typing.Final = (support.ROOT / 'docs' / 'how-to' / 'migrate.md').read_text(encoding='utf-8')


def check_page(heading: str, done: Ran) -> None:
    """The output below a heading of the how-to is what is printed; '…' stands for any lines."""
    section = PAGE.split(f'\n## {heading}\n', 1)[1].split('\n## ', 1)[0]
    block, = re.findall(r'^```console\n\$ mesonbuild-ft migrate\n(.*?)^```$', section, re.MULTILINE | re.DOTALL)
    output = done.patch + done.said
    for part in filter(None, block.split('…\n')):
        assert part in output
        output = output.partition(part)[2]


# From meson-python

def test_the_patch_of_a_file_with_other_line_ends_in_it(project: Copy, migrate: Migrate) -> None:
    """Python's splitlines() ends a line at U+2028 and U+0085, and git does not."""
    directory = project('from-meson-python')
    path = directory / 'pyproject.toml'
    path.write_bytes('# one\u2028two\u0085three\n'.encode() + path.read_bytes())
    shown = migrate(directory, '--diff')
    subprocess.run(['git', 'apply', '-'], cwd=directory, input=shown.patch, text=True, check=True)
    assert 'mesonbuild_ft' in path.read_text()
    assert 'No newline' not in shown.patch


def test_the_patch_is_what_is_written(project: Copy, migrate: Migrate, tmp_path: pathlib.Path) -> None:
    directory = project('from-meson-python')
    before = contents(directory)
    shown = migrate(directory)
    assert shown.status == 1
    assert 'nothing is written; --yes writes it' in shown.said
    assert contents(directory) == before
    check_page('From meson-python', shown)
    patched = tmp_path / 'patched'
    shutil.copytree(directory, patched)
    subprocess.run(['git', 'apply', '-'], cwd=patched, input=shown.patch, text=True, check=True)
    written = migrate(directory, '--yes')
    assert (written.status, written.patch) == (0, shown.patch)
    assert contents(directory) == contents(patched)
    assert {name for name, data in contents(directory).items() if before.get(name) != data} == {'pyproject.toml'}
    assert [line for line in shown.patch.splitlines() if line[:1] in '+-'] == [
        '--- a/pyproject.toml', '+++ b/pyproject.toml',
        "-build-backend = 'mesonpy'  # wheels", "+build-backend = 'mesonbuild_ft'  # wheels",
        "-    'meson-python >= 0.15',  # limited-api", "+    'mesonbuild-ft',  # limited-api",
        '+', '+[tool.meson-python]', '+limited-api = true']


def test_again_there_is_nothing_to_do(project: Copy, migrate: Migrate) -> None:
    directory = project('from-meson-python')
    assert migrate(directory, '--yes').status == 0
    before = contents(directory)
    again = migrate(directory)
    assert (again.status, again.patch) == (0, '')
    assert 'nothing to do' in again.said
    assert contents(directory) == before


def test_workarounds_are_told_with_their_lines(project: Copy, migrate: Migrate) -> None:
    directory = project('from-meson-python')
    done = migrate(directory, '--yes')
    lines = (directory / 'pyproject.toml').read_text().splitlines()
    notes = r'^  pyproject\.toml:(\d+): .*?\n(?: {4}\S.*\n)*(?: {6}(.*)\n)'
    for place, text in re.findall(notes, done.said, re.MULTILINE):
        # The numbers are those of the file as it is afterwards.
        assert lines[int(place) - 1].strip() == text
    assert '-Dpython.allow_limited_api=false' in lines[23]
    assert 'pyproject.toml:24: remove python.allow_limited_api=false here' in done.words
    assert '.github/workflows/wheels.yml:8: remove -DPy_GIL_DISABLED' in done.words
    assert '.github/workflows/wheels.yml:7, pyproject.toml:16: meson-python is named here as well' in done.words
    assert 'pyproject.toml:19: cibuildwheel skips cp31?t-*musl*' in done.words
    assert 'pyproject.toml:12: mesonbuild-ft builds with Python 3.10 and newer' in done.words


def test_it_builds_and_its_wheels_tell_the_settings(project: Copy, migrate: Migrate, hook: Hook) -> None:
    directory = project('from-meson-python')
    done = migrate(directory, '--yes')
    assert 'gil = "not-used": one.c:24 may declare it, and only a wheel proves it' in done.words
    assert 'abi3t = true: one.c:28 may have the hook, and only a wheel proves it' in done.words
    dist = directory / 'dist'
    made = [hook('cp314-cp314', 'build_wheel', directory, output=dist).path,
            hook('cp314-cp314t', 'build_wheel', directory, output=dist).path,
            hook('cp315-cp315t', 'build_wheel', directory, output=dist, config={'abi': 'abi3t'}).path]
    assert [path.name.split('-', 2)[2] for path in made] == [
        'cp39-abi3-linux_x86_64.whl', 'cp314-cp314t-linux_x86_64.whl', 'cp315-abi3.abi3t-linux_x86_64.whl']
    told = migrate(directory, '--yes')
    assert told.status == 0
    check_page('Settings that wheels prove', told)
    assert told.patch.endswith('+\n+[tool.mesonbuild-ft]\n+gil = "not-used"\n+abi3t = true\n')
    assert 'gil = "not-used", since all modules of from_meson_python-1.0-cp314-cp314t-linux_x86_64.whl and 1 more ' \
           'declare that they do without the GIL' in told.words
    # And now without being asked.
    built = hook('cp315-cp315t', 'build_wheel', directory)
    assert built.path.name.endswith('-cp315-abi3.abi3t-linux_x86_64.whl')
    assert migrate(directory).status == 0


def test_wheels_that_prove_nothing(project: Copy, migrate: Migrate, built: Built) -> None:
    directory = project('no-gil-declaration')
    done = migrate(directory, '--wheel', built.wheel('no-gil-declaration', 'cp314-cp314t'))
    assert (done.status, done.patch) == (0, '')
    assert re.search(r'gil = "not-used": no_gil_\S+: 1 module \(\w+\) would switch the GIL on', done.words)
    # One with the GIL says nothing of it.
    done = migrate(directory, '--wheel', built.wheel('no-gil-declaration', 'cp314-cp314'))
    assert 'no source declares that its module does without the GIL' in done.words
    (directory / 'dist').mkdir()
    damaged = directory / 'dist' / 'no_gil_declaration-1.0-cp314-cp314t-linux_x86_64.whl'
    damaged.write_bytes(b'PK')
    assert migrate(directory).status == 0
    done = migrate(directory, '--wheel', damaged)
    assert done.status == 2
    assert 'error[unreadable-archive]' in done.said
    done = migrate(directory, '--wheel', built.wheel('plain', 'cp314-cp314t'))
    assert done.status == 2
    assert 'error[unusable-input]: is no wheel of no-gil-declaration' in done.said


def test_only_wheels_of_the_newest_version_count() -> None:
    found = ['dist/A_b-1.9-cp314-cp314t-linux_x86_64.whl', 'dist/a_b-1.10-cp314-cp314t-linux_x86_64.whl',
             'dist/other-2.0-py3-none-any.whl', 'dist/nothing.whl']
    assert evidence.newest(found, 'a.B') == ['dist/a_b-1.10-cp314-cp314t-linux_x86_64.whl']
    assert evidence.newest(found, 'none') == []


BACKEND = '[build-system]\nbuild-backend = "mesonpy"\n'

#: requires of [build-system] -> what it is afterwards, and what is said.
REQUIRES: typing.Final = [
    (['meson-python'], ['mesonbuild-ft'], ''),
    (['meson_python>=0.15.0,!=0.17.*', 'numpy'], ['mesonbuild-ft', 'numpy'], ''),
    (['numpy; python_version < "3.13"', 'Meson-Python'], ['numpy; python_version < "3.13"', 'mesonbuild-ft'], ''),
    (['meson-python>=0.22'], ['meson-python>=0.22', 'mesonbuild-ft'], '"meson-python>=0.22" stays'),
    (['meson-python<1'], ['meson-python<1', 'mesonbuild-ft'], '"meson-python<1" stays'),
    (['meson-python==0.18.0'], ['mesonbuild-ft'], '"meson-python==0.18.0" excluded all that mesonbuild-ft takes'),
    (['meson-python==0.22.0'], ['meson-python==0.22.0', 'mesonbuild-ft'], '"meson-python==0.22.0" stays'),
    (['meson-python~=0.16.0'], ['mesonbuild-ft'], '"meson-python~=0.16.0" excluded'),
    (['meson-python @ file:///x'], ['meson-python @ file:///x', 'mesonbuild-ft'], 'names a source of its own'),
    (["meson-python>=0.13; python_version<'3.12'", "meson-python>=0.15; python_version>='3.12'", 'ninja'],
     ['mesonbuild-ft', 'ninja'], ''),
    (['meson-python', 'meson>=1.2.3,<1.9'], ['mesonbuild-ft', 'meson>=1.2.3,<1.9'], ''),
    (['meson-python', 'meson==1.2.3'], ['mesonbuild-ft', 'meson==1.2.3'], '"meson==1.2.3" excludes every Meson'),
    (['meson'], ['mesonbuild-ft', 'meson'], ''),
    ([], ['mesonbuild-ft'], ''),
]


@pytest.mark.parametrize(('before', 'after', 'said'), REQUIRES, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize('layout', ['one line', 'many lines'])
def test_requires(
    layout: str, before: list[str], after: list[str], said: str, tmp_path: pathlib.Path, migrate: Migrate,
) -> None:
    entries = [repr(entry) if '"' in entry else f'"{entry}"' for entry in before]
    array = f'[{", ".join(entries)}]' if layout == 'one line' else '[\n' + ''.join(
        f'  {entry},  # number {number}\n' for number, entry in enumerate(entries)) + ']'
    write_files(tmp_path, {'pyproject.toml': f'{BACKEND}requires = {array}\n', 'meson.build': "project('x')\n"})
    done = migrate(tmp_path, '--yes')
    assert done.status == 0, done.said
    system = tomllib.loads((tmp_path / 'pyproject.toml').read_text())['build-system']
    assert sorted(system['requires']) == sorted(after)
    assert [entry for entry in system['requires'] if entry in before] == [entry for entry in before if entry in after]
    assert said in done.words
    assert system['build-backend'] == 'mesonbuild_ft'


def test_lower_bounds_are_those_of_the_project() -> None:
    table = tomllib.loads((support.ROOT / 'pyproject.toml').read_text())['project']['dependencies']
    assert f'meson-python >= {requires.MESON_PYTHON}' in table
    assert f'meson >= {requires.MESON}' in table


#: Layouts that people use: everything but what is meant has to stay byte for byte.
LAYOUTS: typing.Final = [
    '[build-system]\nrequires = ["meson-python"]\nbuild-backend = "mesonpy"',
    '# one\n\n[build-system]  # two\nbuild-backend="mesonpy"\t# three\nrequires=[ \'meson-python\' ,\'a\' ]\n'
    '\n\n[project]\n',
    'build-system.requires = ["meson-python"]\nbuild-system.build-backend = "mesonpy"\nproject.name = "x"\n',
    'build-system = {requires = ["meson-python"], build-backend = "mesonpy"}\n',
    '[tool.b]\nx = 1\n[build-system]\nrequires = [\n    # why\n    "meson-python",\n\n    # other\n    "a"\n]\n'
    'build-backend = "mesonpy"\n[tool]\na = {b = 1}\n[project]\nname = "ü"\n[tool.c]\ny = """\n'
    'build-backend = "mesonpy"\n"""\n',
    '[tool.meson-python.args]\nsetup = ["-Da=b"]\n# end\n[build-system]\nbuild-backend = "mesonpy"\n'
    'requires = ["meson-python"]\n[tool.meson-python]\n# nothing\n[tool.z]\n',
]
LIMITED = ("project('x', 'c')\npy = import('python').find_installation(pure: false)\n"
           "py.extension_module('x', 'x.c', limited_api: '3.9', install: true)\n")


@pytest.mark.parametrize('text', LAYOUTS)
@pytest.mark.parametrize('line_end', ['\n', '\r\n'], ids=['lf', 'crlf'])
def test_all_other_lines_stay(line_end: str, text: str, tmp_path: pathlib.Path, migrate: Migrate) -> None:
    text = text.replace('\n', line_end)
    write_files(tmp_path, {'pyproject.toml': text, 'meson.build': LIMITED})
    done = migrate(tmp_path, '--yes')
    assert done.status == 0, done.said
    after = (tmp_path / 'pyproject.toml').read_bytes().decode()
    assert after.count('\n') == after.count(line_end)
    changed = re.compile(r'meson-python"|meson-python\'|build-backend|^$')
    kept = [line for line in text.split(line_end) if not changed.search(line)]
    remaining = iter(after.split(line_end))
    assert all(line in remaining for line in kept)
    data = tomllib.loads(after.replace('\r\n', '\n'))
    assert data['build-system']['build-backend'] == 'mesonbuild_ft'
    assert data['tool']['meson-python']['limited-api'] is True
    assert data.get('tool', {}).get('c', {}).get('y') in (None, 'build-backend = "mesonpy"\n')


@pytest.mark.parametrize(('meson_build', 'said'), [
    ("py.extension_module('x', 'x.c', limited_api: get_option('floor'), install: true)\n"
     "py.extension_module('y', 'y.c', limited_api: '3.9', install: true)\n",
     "limited-api = true: meson.build does not say it in plain words (meson.build, line 1: limited_api: "
     "get_option('floor'))"),
    ("py.extension_module('x', 'x.c', install: true)\npy.extension_module('y', 'y.c', limited_api: '3.9', "
     "install: true)\n", 'limited-api = true: x has no limited_api:, and all modules must have it'),
    ("project('x', default_options: ['python.allow_limited_api=false'])\n"
     "py.extension_module('y', 'y.c', limited_api: '3.9', install: true)\n",
     'limited-api = true: python.allow_limited_api=false switches the limited API off'),
    ("py.extension_module('x', 'x.c', install: true)\n", ''),
], ids=['computed', 'mixed', 'switched off', 'none'])
def test_limited_api_is_not_proposed(meson_build: str, said: str, tmp_path: pathlib.Path, migrate: Migrate) -> None:
    write_files(tmp_path, {'pyproject.toml': f'{BACKEND}requires = ["meson-python"]\n', 'meson.build': meson_build})
    done = migrate(tmp_path, '--yes')
    assert said in done.words
    assert ('limited-api' in done.said) is bool(said)
    assert 'limited-api' not in (tmp_path / 'pyproject.toml').read_text()


# From setuptools

def test_from_setuptools(
    project: Copy, migrate: Migrate, hook: Hook, interpreters: Interpreters, tmp_path: pathlib.Path,
) -> None:
    """The wheel holds what setuptools puts into one, and works."""
    directory = project('from-setuptools')
    theirs = support.call_hook(
        real_projects.environment('cp312-cp312', ('setuptools>=70.1',)), 'build_wheel',
        support.copy_project('from-setuptools', tmp_path / 'theirs'), backend='setuptools.build_meta')
    done = migrate(directory, '--yes')
    assert done.status == 0, done.said
    assert (directory / 'setup.py').read_bytes() == (support.PACKAGES / 'from-setuptools' / 'setup.py').read_bytes()
    for said in (
            'setup.py:9: sysconfig.get_config_var(\'Py_GIL_DISABLED\') is not asked any more',
            'not installed: src/from_setuptools/other.dat', 'description (setup.cfg:3)', 'ini2toml converts setup.cfg',
            'nothing reads setup.py, setup.cfg, pyproject.toml:12 any more'):
        assert said in done.words
    check_page('From setuptools', done)
    assert 'before it builds' not in done.said
    ours = hook('cp312-cp312', 'build_wheel', directory)
    assert ours.path.name == 'from_setuptools-1.2-cp39-abi3-linux_x86_64.whl' == theirs.path.name
    assert ours.findings() == []
    names = [{name for name in zipfile.ZipFile(made.path).namelist() if '.dist-info/' not in name}
             for made in (ours, theirs)]
    assert names[0] == names[1]
    for tag in ('cp312-cp312', 'cp314-cp314'):
        imported = support.import_modules(
            interpreters.get(tag), support.unpack(ours.path, tmp_path / f'unpacked-{tag}'), ['from_setuptools'])
        assert imported.answers == {'from_setuptools': 42}
    # The free-threaded build that setup.py had a condition for.
    free_threaded = hook('cp314-cp314t', 'build_wheel', directory)
    assert free_threaded.path.name.endswith('-cp314-cp314t-linux_x86_64.whl')
    assert migrate(directory).status == 0


def test_a_meson_build_that_is_there_stays(project: Copy, migrate: Migrate) -> None:
    directory = project('from-setuptools')
    (directory / 'meson.build').write_text(LIMITED)
    done = migrate(directory, '--yes')
    assert (directory / 'meson.build').read_text() == LIMITED
    assert 'meson.build is there already, and stays as it is' in done.words
    assert '--- /dev/null' not in done.patch


def test_setup_py_is_not_run(tmp_path: pathlib.Path, migrate: Migrate) -> None:
    write_files(tmp_path, {'x.c': '', 'setup.py': (
        'import pathlib\nfrom setuptools import setup, Extension\npathlib.Path("ran").touch()\n'
        'setup(name="x", version="1", ext_modules=[Extension("x", ["x.c"])], cmdclass={"a": open("b", "w")})\n')})
    done = migrate(tmp_path, '--yes')
    assert done.status == 0, done.said
    assert sorted(path.name for path in tmp_path.iterdir()) == ['meson.build', 'pyproject.toml', 'setup.py', 'x.c']
    assert 'setup.py:4: cmdclass: its code is not run any more' in done.words
    assert "version: '1'" in (tmp_path / 'meson.build').read_text()


def test_what_cannot_be_written_is_said_and_stands_in_meson_build(tmp_path: pathlib.Path, migrate: Migrate) -> None:
    write_files(tmp_path, {'x.c': '', 'setup.py': '''\
import numpy
from setuptools import setup, Extension
version = open('VERSION').read()
setup(
    name='x',
    version=version,
    ext_modules=[
        Extension('x', ['x.c'], include_dirs=[numpy.get_include()], extra_compile_args=['-O3'],
                  py_limited_api=numpy.abi3, define_macros=[('A', None), ('B', "it's")]),
        Extension('y', ['generated.c']),
        *more(),
    ],
    install_requires=['numpy'],
)
'''})
    done = migrate(tmp_path, '--yes')
    assert done.status == 0, done.said
    text = (tmp_path / 'meson.build').read_text()
    assert "c_args: ['-DA', '-DB=it\\'s']," in text
    assert 'limited_api' not in text.replace('py_limited_api', '')
    for place, what in ((8, 'include_dirs is computed: numpy.get_include()'), (8, "extra_compile_args: ['-O3']"),
                        (9, 'py_limited_api is computed: numpy.abi3')):
        assert f'# TODO setup.py:{place}: {what}' in text
        assert f'setup.py:{place}: x: {what} (not carried over)' in done.words
    before = done.words.partition('left to you, before it builds ')[2].partition(' left to you ')[0]
    assert before.startswith("setup.py:6: the version is computed: open('VERSION').read(): write it into project()")
    assert 'setup.py:11: ext_modules is computed: more(); meson.build does not have it' in done.words
    assert 'setup.py:10: y: generated.c is no C, C++ or Cython source that is there' in done.words
    assert 'dependencies (setup.py:13)' in done.words


#: setup.py, after the imports -> arguments of the one Extension, or of setup(); '?' for what is not known.
SCRIPTS: dict[str, tuple[str, dict[str, typing.Any]]] = {
    'literals': ('setup(ext_modules=[Extension("a.b", ["x.c"], py_limited_api=True)])',
                 {'name': 'a.b', 'sources': ['x.c'], 'py_limited_api': True}),
    'the idiom of the HOWTO': (
        'setup(ext_modules=[Extension("x", ["x.c"], py_limited_api=not sysconfig.get_config_var("Py_GIL_DISABLED"))])',
        {'name': 'x', 'sources': ['x.c'], 'py_limited_api': True}),
    'a function': ('def main():\n    a = ["y.c"]\n    setup(ext_modules=[Extension(NAME, SOURCES + a)])\nNAME = "x"\n'
                   'SOURCES = ["x.c"]\na = ["z.c"]\nmain()\n', {'name': 'x', 'sources': '?'}),
    'branches': ('if sys.platform == "win32":\n    l = ["a"]\nelse:\n    l = []\nif __name__ == "__main__":\n'
                 '    setup(ext_modules=[Extension("x", sources=["x.c"], libraries=l)])',
                 {'name': 'x', 'sources': ['x.c'], 'libraries': '?'}),
    'appended': ('e = []\ne.append(Extension("x", ["x.c"]))\nk = {}\nk["ext_modules"] = e\nsetup(**k)',
                 {'name': 'x', 'sources': ['x.c']}),
    'appended in a loop': ('s = []\nfor n in "ab":\n    s.append(n)\nsetup(ext_modules=[Extension("x", s)])',
                           {'name': 'x', 'sources': '?'}),
    'changed by a function': ('s = ["x.c"]\nfix(s)\nsetup(ext_modules=[Extension("x", s)])',
                              {'name': 'x', 'sources': '?'}),
    'environment': ('d = os.environ.get("D") or "x"\nsetup(ext_modules=[Extension(d, [f"{d}.c"])])',
                    {'name': 'x', 'sources': ['x.c']}),
    'globbed': ('setup(ext_modules=[Extension("x", sorted(glob.glob("src/*.c")))])',
                {'name': 'x', 'sources': ['src/*.c!']}),
    'keywords': ('c = dict(sources=["x.c"], language="c")\nsetup(ext_modules=[Extension("x", **c)])',
                 {'name': 'x', 'sources': ['x.c'], 'language': 'c'}),
    'paths': ('h = os.path.dirname(__file__)\nsetup(ext_modules=[Extension("x", [os.path.join(h, "src", "x.c")])])',
              {'name': 'x', 'sources': ['src/x.c']}),
    'cython': ('setup(ext_modules=cythonize([Extension("x", ["x.pyx"])], language_level=3))',
               {'name': 'x', 'sources': ['x.pyx']}),
    'longer and longer': ('s = "x"\n' + 's = s + s\n' * 24 + 'setup(ext_modules=[Extension(s, ["x.c"])])',
                          {'name': '?', 'sources': ['x.c']}),
    'alias': ('Ext = setuptools.Extension\nsetuptools.setup(ext_modules=[setuptools.Extension("x", ["x.c"])])',
              {'name': 'x', 'sources': ['x.c']}),
}
IMPORTS = ('import glob, os, sys, sysconfig\nimport setuptools\nfrom setuptools import Extension, setup\n'
           'from Cython.Build import cythonize\n')


@pytest.mark.parametrize('case', SCRIPTS)
def test_reading_setup_py(case: str) -> None:
    text, wanted = SCRIPTS[case]
    script = setup_script.read(IMPORTS + text, lambda pattern: [f'{pattern}!'])
    assert script.problem == ''
    extension, = script.arguments['ext_modules']
    assert {name: value if setup_script.is_known(value) else '?'
            for name, value in extension.arguments.items()} == wanted


@pytest.mark.parametrize(('text', 'problem'), [
    ('', 'it does not call setup()'), ('print "old"', 'it is not Python 3'), ('setup(\0)', 'it is not Python 3'),
    ('setup()\nsetup()', 'it calls setup() more than once'), ('x = ' + '-' * 100_000 + '1\nsetup()', 'it is'),
    ('def a():\n    setup()\ndef b():\n    setup()', 'it calls setup() more than once'),
])
def test_setup_py_that_says_nothing(text: str, problem: str) -> None:
    assert setup_script.read(IMPORTS + text, lambda pattern: []).problem.startswith(problem)


# Real projects

def unpacked_sdist(name: str, directory: pathlib.Path) -> tuple[pathlib.Path, real_projects.Project]:
    """The sdist of a project of tests/real/projects.toml, as it is published."""
    entry = real_projects.load()[name]
    with tarfile.open(real_projects.sdist(entry)) as archive:
        archive.extractall(directory, filter='data')
    result, = directory.iterdir()
    return result, entry


@pytest.mark.parametrize(('tag', 'wheel'), [('cp312-cp312', 'cp310-abi3'), ('cp314-cp314t', 'cp314-cp314t')])
def test_real_project_of_setuptools(tag: str, wheel: str, tmp_path: pathlib.Path, migrate: Migrate, hook: Hook) -> None:
    """siphashc: conditions on the free-threaded build, an init function without PyMODINIT_FUNC, stubs alone."""
    directory, entry = unpacked_sdist('siphashc', tmp_path / 'sdist')
    done = migrate(directory, '--yes')
    assert done.status == 0, done.said
    made = hook(tag, 'build_wheel', directory, output=tmp_path / 'wheels')
    assert made.path.name == f'siphashc-2.9.1-{wheel}-linux_x86_64.whl'
    assert made.findings() == []
    assert {name for name in zipfile.ZipFile(made.path).namelist() if name.startswith('siphashc/')} == {
        'siphashc/__init__.pyi', 'siphashc/py.typed'}
    python = real_projects.environment(tag)
    where = support.unpack(made.path, tmp_path / 'unpacked')
    subprocess.run([python, '-c', f'import siphashc; assert {entry.modules["siphashc"]}'], cwd=where, check=True,
                   env=support.clean_environment(python, PYTHONPATH=os.fspath(where)))


def test_real_project_of_meson_python(tmp_path: pathlib.Path, migrate: Migrate) -> None:
    """pycxxfilt: what it does for free-threaded Python by hand is told, and it builds as before."""
    directory, entry = unpacked_sdist('pycxxfilt', tmp_path / 'sdist')
    done = migrate(directory, '--yes')
    assert [line for line in done.patch.splitlines() if line[:1] in '+-' and line[:3] not in ('+++', '---')] == [
        '-requires = ["meson-python>=0.21", "meson>=1.6", "vcs-versioning>=2.3.2"]', '-build-backend = "mesonpy"',
        '+requires = ["mesonbuild-ft", "meson>=1.6", "vcs-versioning>=2.3.2"]', '+build-backend = "mesonbuild_ft"']
    for said in ('meson.build:20: this switches the limited API off',
                 'pyproject.toml:66: python.allow_limited_api=true is the default',
                 'src/pycxxfilt/meson.build:27: this asks for a free-threaded Python'):
        assert said in done.words
    python = real_projects.environment('cp314-cp314t', tuple(entry.requires))
    made = support.call_hook(python, 'build_wheel', directory, tmp_path / 'wheels')
    assert made.path.name == 'pycxxfilt-1.2.0-cp314-cp314t-linux_x86_64.whl'
    (directory / 'dist').mkdir()
    shutil.copy2(made.path, directory / 'dist')
    assert '+gil = "not-used"' in migrate(directory, '--yes').patch


# Refusals

#: Files of a project -> status, identifier, and a part of what is said.
REFUSED: dict[str, tuple[dict[str, str], str, str]] = {
    'maturin': ({'pyproject.toml': '[build-system]\nrequires = ["maturin"]\nbuild-backend = "maturin"\n'},
                'migration-not-possible', 'is built by maturin'),
    'scikit-build-core': (
        {'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "scikit_build_core.build"\n'},
        'migration-not-possible', 'is built by scikit_build_core.build'),
    'wrapper': (
        {'pyproject.toml': '[build-system]\nrequires = ["meson-python"]\nbuild-backend = "own"\nbackend-path = ["b"]\n',
         'b/own.py': 'import os\nfrom mesonpy import *\n'},
        'migration-not-possible', 'wraps meson-python (b/own.py:2)'),
    'wrapper of this one': (
        {'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n',
         'own.py': 'from mesonbuild_ft import *\n'}, 'migration-not-possible', 'uses mesonbuild_ft already'),
    'own backend': (
        {'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n',
         'own.py': ''},
        'migration-not-possible', 'a build backend of its own, own.py'),
    'missing backend': (
        {'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'},
        'migration-not-possible', 'is not there'),
    'nothing': ({}, 'migration-not-possible', 'there is no pyproject.toml, setup.py or setup.cfg'),
    'no module': ({'setup.py': 'from setuptools import setup\nsetup(name="x")\n'},
                  'migration-not-possible', 'has no extension module'),
    'computed': ({'setup.py': 'from setuptools import setup\nimport own\nsetup(ext_modules=own.find())\n'},
                 'migration-not-possible', 'ext_modules is computed: own.find()'),
    'Python 2': ({'setup.py': 'print "x"\n'}, 'migration-not-possible', 'it is not Python 3'),
    'no TOML': ({'pyproject.toml': '[build-system\n'}, 'invalid-pyproject', ''),
    'not UTF-8': ({'pyproject.toml': '\udcff'}, 'invalid-pyproject', 'not UTF-8'),
    'requires': ({'pyproject.toml': f'{BACKEND}requires = "meson-python"\n'}, 'invalid-pyproject', 'list of strings'),
    'backend': ({'pyproject.toml': '[build-system]\nbuild-backend = 1\n'}, 'invalid-pyproject', 'must be a string'),
    'setting': ({'pyproject.toml': f'{BACKEND}requires = []\n[tool.meson-python]\nlimited-api = 1\n'},
                'invalid-setting', 'limited-api'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_refused(case: str, tmp_path: pathlib.Path, migrate: Migrate) -> None:
    files, identifier, said = REFUSED[case]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode(errors='surrogateescape'))
    before = contents(tmp_path)
    done = migrate(tmp_path, '--yes')
    assert (done.status, done.patch) == (2, '')
    assert f'error[{identifier}]' in done.said
    assert done.said.count('error[') == 1
    assert said in done.words
    assert contents(tmp_path) == before


def test_without_tomlkit(project: Copy, migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'tomlkit', None)
    done = migrate(project('from-meson-python'), '--yes')
    assert done.status == 2
    assert 'error[missing-library]' in done.said
    assert 'pip install "mesonbuild-ft[cli]"' in done.words


def test_an_edit_that_would_change_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were tomlkit wrong about a file, nothing of it would reach the disk."""
    import tomlkit

    text = f'{BACKEND}requires = ["meson-python"]\n# one\nx = 1\n'
    edit = pyproject.SetItem(0, 'mesonbuild-ft')
    assert pyproject.apply(text, [edit]) == text.replace('meson-python', 'mesonbuild-ft')
    dumps = tomlkit.dumps
    for wrong in (lambda d: dumps(d).replace('# one\n', ''), lambda d: dumps(d).replace('x = 1', 'x = 2'),
                  lambda d: dumps(d) + '['):
        monkeypatch.setattr(tomlkit, 'dumps', wrong)
        with pytest.raises(BuildRefused, match='migration-not-possible'):
            pyproject.apply(text, [edit])


# Writing

def test_a_link_stays_and_permissions_too(project: Copy, migrate: Migrate, tmp_path: pathlib.Path) -> None:
    directory = project('from-meson-python')
    real = tmp_path / 'elsewhere.toml'
    (directory / 'pyproject.toml').rename(real)
    real.chmod(0o640)
    (directory / 'pyproject.toml').symlink_to(real)
    assert migrate(directory, '--yes').status == 0
    assert (directory / 'pyproject.toml').is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert 'mesonbuild_ft' in real.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['elsewhere.toml', 'from-meson-python']


def test_nothing_is_left_where_the_second_file_fails(
    project: Copy, migrate: Migrate, monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = project('from-setuptools')
    before = contents(directory)
    replace = os.replace

    def fail(source: typing.Any, target: typing.Any) -> None:
        if os.path.basename(target) == 'pyproject.toml':
            raise OSError(28, 'No space left on device', target)
        replace(source, target)

    monkeypatch.setattr(os, 'replace', fail)
    assert migrate(directory, '--yes').status == 2
    assert contents(directory) == before


@pytest.mark.parametrize(('answer', 'status'), [('y\n', 0), ('\n', 1), ('n\n', 1), ('\x04', 1)],
                         ids=['yes', 'nothing', 'no', 'end of file'])
def test_asking_on_a_terminal(answer: str, status: int, project: Copy, tmp_path: pathlib.Path) -> None:
    directory = project('from-meson-python')
    before = contents(directory)
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, '-m', 'mesonbuild_ft', 'migrate'], cwd=directory, stdin=terminal, stdout=terminal,
        stderr=terminal, env={**support.clean_environment(pathlib.Path(sys.executable)), 'TERM': 'xterm',
                              'PYTHONPATH': os.fspath(support.ROOT)})
    os.close(terminal)
    seen = b''
    while b'Write? [y/N] ' not in seen:
        seen += os.read(controller, 4096)
    # In colour.
    assert b'\x1b[32m+limited-api = true' in seen
    os.write(controller, answer.encode())
    rest = b''
    while True:
        try:
            part = os.read(controller, 4096)
        except OSError:
            # The other side is closed.
            break
        if not part:
            break
        rest += part
    assert process.wait() == status
    os.close(controller)
    assert (contents(directory) == before) is (status == 1)
    assert (b'written: pyproject.toml' if status == 0 else b'nothing is written') in rest


def test_a_file_that_changed_meanwhile_is_not_overwritten(
    project: Copy, migrate: Migrate, monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mesonbuild_ft.migration import difference

    directory = project('from-meson-python')
    show = difference.show

    def edit_while_shown(*arguments: typing.Any) -> None:
        show(*arguments)
        support.add_settings(directory, '# by hand')

    monkeypatch.setattr(difference, 'show', edit_while_shown)
    done = migrate(directory, '--yes')
    assert done.status == 2
    assert 'the file has changed since it was read' in done.words
    assert 'mesonpy' in (directory / 'pyproject.toml').read_text()
