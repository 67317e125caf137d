# SPDX-License-Identifier: MIT
"""`mesonbuild-ft inspect`: what it says is what a build does, on real interpreters and trees of other machines."""

from __future__ import annotations

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

from mesonbuild_ft import cli, interpreter_cache, interpreters as interpreters_
from mesonbuild_ft.inspection import outcome, surroundings
from mesonbuild_ft.inspection.outcome import Found, Row, Wheel


@pytest.fixture(autouse=True)
def cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A cache of its own for each test."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.delenv('MESONBUILD_FT_TARGET', raising=False)
    return tmp_path / 'cache' / 'mesonbuild-ft' / 'interpreters.json'


Inspect = typing.Callable[..., tuple[int, str]]


@pytest.fixture
def inspect(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inspect:
    """Run the command in a directory: (exit status, what it printed)."""
    def run(directory: pathlib.Path, *arguments: str | pathlib.Path) -> tuple[int, str]:
        monkeypatch.chdir(directory)
        capsys.readouterr()
        status = cli.main(['inspect', *map(os.fspath, arguments)])
        return status, capsys.readouterr().out
    return run


def rows_of(project: pathlib.Path, *names: str | pathlib.Path, **config: str) -> list[Row]:
    found, findings = surroundings.find([os.fspath(name) for name in names], and_machine=not names)
    assert not findings
    described = surroundings.project(project, config)
    assert described is not None
    return outcome.rows(found, described)


def row_of(project: pathlib.Path, name: str | pathlib.Path, **config: str) -> Row:
    row, = rows_of(project, name, **config)
    return row


class Cell(typing.NamedTuple):
    """A build: the hook of `built` says what really comes out."""

    project: str
    tag: str
    ask: str = ''


#: Each row of the decision table, pure projects, warnings and refusals.
CELLS: typing.Final = (
    Cell('plain', 'cp314-cp314'), Cell('plain', 'cp314-cp314t'), Cell('limited', 'cp311-cp311'),
    Cell('limited', 'cp314-cp314t'), Cell('limited', 'cp315-cp315t'), Cell('limited', support.PYPY),
    Cell('limited', 'cp314-cp314', 'full'), Cell('limited', 'cp315-cp315', 'abi3t'),
    Cell('limited', 'cp314-cp314', 'abi3t'), Cell('limited-abi3t', 'cp315-cp315t'),
    Cell('limited-abi3t', 'cp315-cp315'), Cell('limited-315', 'cp315-cp315t'), Cell('limited-315', 'cp314-cp314'),
    Cell('limited-315-abi3t', 'cp315-cp315'), Cell('floor-too-high', 'cp313-cp313'),
    Cell('different-floors', 'cp314-cp314'), Cell('many', 'cp315-cp315t'), Cell('pure', 'cp314-cp314t'),
    Cell('mixed', 'cp314-cp314'), Cell('mixed', 'cp314-cp314t'), Cell('declared-without-module', 'cp314-cp314'),
    Cell('module-not-declared', 'cp314-cp314'), Cell('module-not-declared', 'cp315-cp315t'),
    Cell('helper-with-define', 'cp314-cp314t'),
)


@pytest.mark.parametrize('cell', CELLS, ids=lambda c: '-'.join(filter(None, (c.project, support.short(c.tag), c.ask))))
def test_it_says_what_a_build_does(cell: Cell, built: typing.Any, interpreters: typing.Any) -> None:
    config = {'abi': cell.ask} if cell.ask else {}
    result = built.result(cell.project, cell.tag, **config)
    row = row_of(support.PACKAGES / cell.project, interpreters.get(cell.tag), **config)
    decided = ('abi-not-possible', 'module-without-limited-api', 'limited-api-without-module',
               'limited-api-not-declared', 'different-floors')
    assert [d.identifier for d in row.findings] == [name for name in result.findings() if name in decided]
    if result.status:
        assert row.state == 'refused'
        return
    assert row.state == 'built'
    assert row.wheel is not None
    assert result.path.name.endswith(f'-{row.wheel.tag}.whl')
    if row.plan is not None:
        # Every reason, word for word; only the names of helper libraries are not read.
        said = re.findall(r'^  decided   (.*)$', result.stdout, re.MULTILINE)
        assert [re.sub('for other targets,', 'for helper,', reason) for reason in row.reasons] == said


@pytest.mark.parametrize('tag', support.ALL, ids=support.short)
def test_who_is_served_is_what_packaging_says(tag: str, interpreters: typing.Any) -> None:
    interpreter = interpreters_.probe(interpreters.get(tag))
    assert interpreter is not None
    abis = [name.split('-') for name in (*support.ALL, support.OLDEST)]
    abis += [[f'cp3{minor}', abi] for minor in (2, 9, 12, 14, 15, 16) for abi in ('abi3', 'abi3.abi3t')]
    for python, abi in abis:
        if abi == 'abi3.abi3t' and int(python[3:]) < 15:
            # Of the two tags only abi3 means something there, and no build gives them.
            continue
        wheel = Wheel(python, abi, support.PLATFORM)
        expanded = {f'{python}-{one}-{support.PLATFORM}' for one in abi.split('.')}
        assert wheel.serves(interpreter.target) is bool(expanded & interpreter.wheel_tags), (wheel.tag, tag)
    assert Wheel('py3', 'none', 'any').serves(interpreter.target)
    assert not Wheel(*abis[0], 'linux_aarch64').serves(interpreter.target)


def test_who_is_served_of_the_oldest(interpreters: typing.Any) -> None:
    """packaging does not run there."""
    interpreter = interpreters_.probe(interpreters.get(support.OLDEST))
    assert interpreter is not None
    served = [tag for tag in ('cp39-cp39', 'cp39-abi3', 'cp38-abi3', 'cp310-abi3', 'cp39-cp39d', 'cp315-abi3.abi3t')
              if Wheel(*tag.split('-'), support.PLATFORM).serves(interpreter.target)]
    assert served == ['cp39-cp39', 'cp39-abi3', 'cp38-abi3']


def test_machine(inspect: Inspect, interpreters: typing.Any) -> None:
    """Every interpreter that is found has its row, and the wheels are told first."""
    status, text = inspect(support.PACKAGES / 'limited-abi3t')
    lines = text.splitlines()
    found = interpreters_.find()
    assert status == 0
    assert re.fullmatch(rf'limited-abi3t: \d+ wheels serve \d+ of {len(found)} interpreters', lines[0])
    assert lines[2].split('  ')[0] == 'WHEEL'
    abi3 = next(line for line in lines if line.startswith('cp39-abi3-linux_x86_64'))
    built_by, serves = re.split('  +', abi3)[1:]
    assert built_by == '3.10 to 3.15'
    assert serves in ('3.9 to 3.15', '3.10 to 3.15')
    for interpreter in found:
        path = interpreter.executable.replace(str(pathlib.Path.home()), '~', 1)
        assert sum(line.endswith(f'  {path}') for line in lines) == 1, path
    assert "  abi3t 3.15: free-threaded, and the project sets abi3t = true" in lines
    assert '  compilers: -DPy_LIMITED_API=0x03090000 -include redirect_to_abi3t.h' in lines
    status, text = inspect(support.ROOT / 'docs')
    assert status == 0
    assert 'WHEEL' not in text
    assert len(text.splitlines()) == 1 + len(found)


def test_releases_are_whole(inspect: Inspect, interpreters: typing.Any) -> None:
    """As each interpreter itself says it, 3.15.0rc2 and the like included."""
    names = [interpreters.get(tag) for tag in ('cp315-cp315', 'cp315-cp315t', support.PYPY)]
    said = []
    for name in names:
        code = 'import sys; info = sys.version_info; print(sys.version.split()[0], info.releaselevel, info.serial)'
        said.append(subprocess.run([name, '-c', code], capture_output=True, text=True, check=True).stdout.split())
    _, text = inspect(support.ROOT / 'docs', *names)
    assert [re.split('  +', line)[0].split(' ')[1] for line in text.splitlines()[1:]] == [one[0] for one in said]
    _, text = inspect(support.ROOT / 'docs', '--format', 'json', *names)
    found = json.loads(text)['interpreters']
    assert [[item['name'].split(' ')[1], item['release_level'], str(item['release_serial'])] for item in found] == said


def test_windows(inspect: Inspect) -> None:
    names = [trees.tree(trees.WINDOWS, f'{tag}-win_amd64') for tag in (
        'cp313-cp313t', 'cp314-cp314', 'cp314-cp314t', 'cp315-cp315', 'cp315-cp315t')]
    rows = rows_of(support.PACKAGES / 'limited', *names)
    assert [(row.found.runs, row.wheel and row.wheel.tag, row.flags) for row in rows] == [
        (False, 'cp313-cp313t-win_amd64', ('-DPy_GIL_DISABLED=1',)),
        (False, 'cp39-abi3-win_amd64', ('-DPy_LIMITED_API=0x03090000',)),
        (False, 'cp314-cp314t-win_amd64', ('-DPy_GIL_DISABLED=1',)),
        (False, 'cp39-abi3-win_amd64', ('-DPy_LIMITED_API=0x03090000',)),
        (False, 'cp315-cp315t-win_amd64', ('-DPy_GIL_DISABLED=1',))]
    status, text = inspect(support.PACKAGES / 'limited', *names)
    assert status == 0
    assert text.startswith('limited: 4 wheels serve 5 of 5 interpreters\n')
    assert re.search(r'^cp39-abi3-win_amd64 +for 3\.14, 3\.15 +3\.14, 3\.15$', text, re.MULTILINE)
    # Nothing of this machine has the platform.
    wheel = next(row.wheel for row in rows if row.wheel is not None)
    assert not any(wheel.serves(i.target) for i in interpreters_.find())


def test_build_details(inspect: Inspect) -> None:
    windows = trees.tree(trees.WINDOWS, 'cp315-cp315t-win_amd64') / 'build-details.json'
    linux = trees.tree(trees.LINUX, 'cp314-cp314t') / 'lib' / 'python3.14t' / 'build-details.json'
    first, second = rows_of(support.PACKAGES / 'limited-abi3t', windows, linux)
    assert (first.found.path, first.wheel and first.wheel.tag) == (str(windows), 'cp315-abi3.abi3t-win_amd64')
    assert (second.found.path, second.wheel and second.wheel.tag) == (str(linux), 'cp314-cp314t-linux_x86_64')
    assert not first.found.runs
    assert not second.found.runs


def test_both_c_libraries(interpreters: typing.Any) -> None:
    """The platform tag of a build in either is linux_x86_64, and neither loads the modules of the other."""
    musl = trees.tree(trees.MUSL, 'cp314-cp314-musllinux_x86_64')
    rows = rows_of(support.PACKAGES / 'plain', musl, interpreters.get('cp314-cp314'))
    yielded = outcome.wheels(rows)
    assert [len(each.serves) for each in yielded] == [1, 1]


def test_macos_for_two_machines(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, inspect: Inspect) -> None:
    monkeypatch.delenv('ARCHFLAGS', raising=False)
    details = {
        'schema_version': '1.0', 'base_prefix': '/Library/Frameworks/Python.framework/Versions/3.14',
        'platform': 'macosx-10.15-universal2',
        'language': {'version': '3.14', 'version_info': {
            'major': 3, 'minor': 14, 'micro': 0, 'releaselevel': 'final', 'serial': 0}},
        'implementation': {'name': 'cpython', 'version': {
            'major': 3, 'minor': 14, 'micro': 0, 'releaselevel': 'final', 'serial': 0}},
        'abi': {'flags': [], 'extension_suffix': '.cpython-314-darwin.so'},
        'suffixes': {'extensions': ['.cpython-314-darwin.so', '.abi3.so', '.so']},
        'c_api': {'headers': '/include'}}
    path = tmp_path / 'build-details.json'
    path.write_text(json.dumps(details))
    status, text = inspect(support.PACKAGES / 'plain', path)
    assert status == 2
    assert 'error[target-not-described]' in text
    monkeypatch.setenv('ARCHFLAGS', '-arch arm64')
    row = row_of(support.PACKAGES / 'plain', path)
    assert row.wheel is not None
    assert row.wheel.tag == 'cp314-cp314-macosx_11_0_arm64'


def test_json(inspect: Inspect, interpreters: typing.Any) -> None:
    jsonschema = pytest.importorskip('jsonschema')
    schema = json.loads((support.ROOT / 'docs/reference/inspect.schema.json').read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    windows = trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64')
    names = [interpreters.get('cp314-cp314'), interpreters.get('cp315-cp315t'), windows, 'no-such-python']
    for project in ('limited', 'mixed', 'pure', 'declared-without-module'):
        status, text = inspect(support.PACKAGES / project, '--format', 'json', *names)
        found = json.loads(text)
        jsonschema.validate(found, schema)
        assert (found['exit_status'], status) == (2, 2)
        assert found['project']['name'] == project
        assert [item['identifier'] for item in found['findings']] == ['unreadable-target']
        assert found['summary']['interpreters'] == 3
    status, text = inspect(support.PACKAGES / 'mixed', '--format', 'json', *names[:3])
    found = json.loads(text)
    assert (status, found['summary']['refused'], found['summary']['built']) == (1, 1, 2)
    assert found['interpreters'][0]['build']['findings'][0]['identifier'] == 'module-without-limited-api'
    status, text = inspect(support.PACKAGES / 'limited', '--format', 'json', *names[:3])
    wheel = json.loads(text)['wheels'][0]
    assert status == 0
    assert wheel['tag'] == 'cp39-abi3-linux_x86_64'
    assert wheel['built_by'] == wheel['serves'] == [str(names[0])]
    status, text = inspect(support.ROOT / 'docs', '--format', 'json', *names[:3])
    jsonschema.validate(json.loads(text), schema)
    assert json.loads(text)['interpreters'][0]['build'] is None


def test_nothing_but_an_error_where_no_interpreter_is_found(inspect: Inspect) -> None:
    status, text = inspect(support.PACKAGES / 'limited', '3.99')
    assert status == 2
    assert text.splitlines()[:2] == ['error[unusable-interpreter]', '  there is no CPython 3.99 on this machine']


def test_directory(inspect: Inspect, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
    """Another project than that of the current directory: by an option, since arguments are interpreters."""
    project, python = os.fspath(support.PACKAGES / 'limited'), interpreters.get('cp314-cp314')
    status, text = inspect(tmp_path, '--directory', project, python)
    assert status == 0
    assert text.startswith('limited: 1 wheel serves 1 of 1 interpreter')
    status, text = inspect(tmp_path, project)
    assert status == 2
    assert f'{project} is the directory of a project, and no interpreter' in text
    assert f'to do: Say --directory {project}.' in text


def test_directory_that_is_not_there(
    inspect: Inspect, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ('inspect', 'wheels'):
        assert cli.main([command, '--directory', 'missing']) == 2
        said = capsys.readouterr().err
        assert 'unreadable-file' in said
        assert 'missing' in said


@pytest.mark.parametrize(('given', 'said'), [
    ('wheel', 'there is no command wheel: is `mesonbuild-ft wheels` meant?'),
    ('build', 'there is no command build: there are check, inspect, explain,')])
def test_command_that_does_not_exist(given: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        cli.main([given])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(('given', 'said'), [
    ('check --fail-onn error dist', 'there is no option --fail-onn: is --fail-on meant?'),
    # Before what is missing is told.
    ('check --formt=json', 'there is no option --formt: is --format meant?'),
    ('check -format json dist', 'there is no option -format: is --format meant?'),
    # A value of an option.
    ('wheels --jsn', 'there is no option --jsn: is --format json meant?'),
    ('--verson', 'there is no option --verson: is --version meant?'),
    ('wheels -C --foo=bar', 'argument -C/--config-setting: expected one argument'),
    ('check --xyz dist', 'there is no option --xyz: `mesonbuild-ft check --help` lists them'),
    ('setup build --buildtype=release', 'there is no option --buildtype: what is for meson setup follows after --')])
def test_option_that_does_not_exist(given: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        cli.main(given.split())
    assert said in capsys.readouterr().err


def test_what_is_no_option() -> None:
    """What follows --, values that are written onto a short option, and the beginning of a long one."""
    parsed = cli.parse(['wheels', '-Cabi=full', '-j3', '--fre', '--', '--frsh'])
    assert (parsed.config_setting, parsed.jobs, parsed.fresh, parsed.named) == ([('abi', 'full')], 3, True, ['--frsh'])
    assert cli.parse(['setup', 'build', '--', '--buildtype=release']).passed_on == ['--buildtype=release']


class TestUndecided:
    @pytest.fixture
    def computed(self, project: typing.Callable[[str], pathlib.Path]) -> pathlib.Path:
        """A project whose floor comes from an option."""
        path = project('limited')
        support.replace(path / 'meson.build', "'3.9'", "get_option('api')")
        path.joinpath('meson.options').write_text("option('api', type: 'string', value: '3.10')\n")
        return path

    def test_nothing_is_guessed(self, computed: pathlib.Path, interpreters: typing.Any) -> None:
        states = {tag: row_of(computed, interpreters.get(tag)) for tag in (
            'cp311-cp311', 'cp314-cp314', 'cp314-cp314t', 'cp315-cp315t', support.PYPY)}
        assert {tag: row.state for tag, row in states.items()} == {
            'cp311-cp311': 'undecided', 'cp314-cp314': 'undecided', 'cp315-cp315t': 'undecided',
            # These have no limited API, whatever the option says.
            'cp314-cp314t': 'built', support.PYPY: 'built'}
        assert states['cp311-cp311'].reasons == (
            "decided at meson setup: meson.build, line 5: limited_api: get_option('api')",)
        # Asked for: nothing is left to decide.
        assert row_of(computed, interpreters.get('cp314-cp314'), abi='full').state == 'built'
        support.replace(computed / 'pyproject.toml', 'limited-api = true', 'limited-api = false')
        row = row_of(computed, interpreters.get('cp314-cp314'))
        assert row.wheel is not None
        assert row.wheel.tag == 'cp314-cp314-linux_x86_64'

    def test_a_configured_build_directory_tells(
        self, computed: pathlib.Path, interpreters: typing.Any, hook: typing.Any,
    ) -> None:
        assert hook('cp314-cp314', 'build_wheel', computed, config={'build-dir': 'build/cp314'}).status == 0
        row = row_of(computed, interpreters.get('cp314-cp314'))
        assert row.wheel is not None
        assert row.wheel.tag == 'cp310-abi3-linux_x86_64'
        assert row.reasons[-1] == 'read from build/cp314, configured for this interpreter'
        # Of another one it says nothing, nor once a build file has changed.
        assert row_of(computed, interpreters.get('cp311-cp311')).state == 'undecided'
        with open(computed / 'meson.build', 'a', encoding='utf-8') as file:
            file.write('# a comment\n')
        assert row_of(computed, interpreters.get('cp314-cp314')).state == 'undecided'

    def test_conditional_module(
        self, project: typing.Callable[[str], pathlib.Path], interpreters: typing.Any,
    ) -> None:
        """A second module on a condition: it decides nothing where it has the same limited_api:."""
        path = project('limited')
        text = "py.extension_module('two', 'limited.c', limited_api: '{}', install: true)\n"
        build = path / 'meson.build'
        before = build.read_text()
        for version, state in (('3.9', 'built'), ('3.8', 'built'), ('3.12', 'undecided')):
            build.write_text(before + "if get_option('debug')\n" + text.format(version) + 'endif\n')
            assert row_of(path, interpreters.get('cp314-cp314')).state == state, version

    def test_excluded_from_the_wheel(
        self, project: typing.Callable[[str], pathlib.Path], interpreters: typing.Any,
    ) -> None:
        path = project('limited')
        before = (path / 'pyproject.toml').read_text()
        for setting, state in (
                ('wheel.exclude = ["**/*.h"]', 'built'), ('wheel.exclude = ["*.so"]', 'undecided'),
                ('args.install = ["--tags=runtime,python-runtime"]', 'built'),
                ('args.install = ["--tags=python-runtime"]', 'undecided'),
                ('args.setup = ["--cross-file=arm.ini"]', 'undecided')):
            (path / 'pyproject.toml').write_text(
                before.replace('limited-api = true', f'limited-api = true\n{setting}'))
            assert row_of(path, interpreters.get('cp314-cp314')).state == state, setting

    def test_switched_off_by_an_option(
        self, project: typing.Callable[[str], pathlib.Path], interpreters: typing.Any,
    ) -> None:
        path = project('limited')
        path.joinpath('native.ini').write_text('[built-in options]\npython.allow_limited_api = false\n')
        before = (path / 'pyproject.toml').read_text()
        for argument in ('-Dpython.allow_limited_api=false', f'--native-file={path / "native.ini"}'):
            (path / 'pyproject.toml').write_text(
                before.replace('limited-api = true', f'limited-api = true\nargs.setup = ["{argument}"]'))
            row = row_of(path, interpreters.get('cp314-cp314'))
            assert row.wheel is not None
            assert row.wheel.abi == 'cp314', argument


def test_requires_python(project: typing.Callable[[str], pathlib.Path], interpreters: typing.Any) -> None:
    path = project('plain')
    support.replace(path / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">=3.15"')
    # As for pip, 3.15.0rc2 counts as 3.15.
    assert row_of(path, interpreters.get('cp315-cp315')).state == 'built'
    row = row_of(path, interpreters.get('cp314-cp314'))
    assert (row.state, row.reasons) == ('excluded', ('the project requires Python >=3.15',))


def test_requires_python_is_for_the_wheels_of_others_too(
    project: typing.Callable[[str], pathlib.Path], interpreters: typing.Any,
) -> None:
    """Its tag is for 3.9 and newer; an installer does not take it all the same."""
    path = project('limited')
    support.replace(path / 'pyproject.toml', 'version = "1.0"', 'version = "1.0"\nrequires-python = ">=3.15"')
    new, old = rows_of(path, interpreters.get('cp315-cp315'), interpreters.get('cp314-cp314'))
    wheel, = outcome.wheels([new, old])
    assert wheel.wheel.label.startswith('cp39-abi3')
    assert wheel.serves == (new,)
    assert outcome.installed(old, [wheel]) is None


def test_too_old_to_build(interpreters: typing.Any) -> None:
    """3.9 runs no mesonbuild-ft, and takes the wheel of another one."""
    rows = rows_of(support.PACKAGES / 'limited', interpreters.get(support.OLDEST), interpreters.get('cp311-cp311'))
    assert [row.state for row in rows] == ['excluded', 'built']
    wheel = outcome.installed(rows[0], outcome.wheels(rows))
    assert wheel == rows[1].wheel
    assert wheel is not None


def test_the_most_special_wheel_is_installed(interpreters: typing.Any) -> None:
    """With the GIL, 3.15 builds abi3 here and would install abi3t, as pip ranks the tags."""
    rows = rows_of(
        support.PACKAGES / 'limited-abi3t', interpreters.get('cp315-cp315'), interpreters.get('cp315-cp315t'))
    wheel = outcome.installed(rows[0], outcome.wheels(rows))
    assert wheel is not None
    assert (rows[0].wheel and rows[0].wheel.abi, wheel.abi) == ('abi3', 'abi3.abi3t')
    import packaging

    code = 'import sys; sys.path.insert(0, sys.argv[1]); import packaging.tags; print(*packaging.tags.sys_tags())'
    parent = pathlib.Path(packaging.__file__).parent.parent
    order = subprocess.run([interpreters.get('cp315-cp315'), '-I', '-c', code, parent], check=True,
                           capture_output=True, text=True).stdout.split()
    assert order.index('cp315-abi3-linux_x86_64') < order.index('cp39-abi3-linux_x86_64')


@pytest.mark.parametrize(('text', 'identifier'), [
    ('[project', 'invalid-pyproject'), ('[tool.mesonbuild-ft]\nabi3 = true', 'unknown-setting'),
    ('[project]\nname = "x"\nrequires-python = "three"', 'invalid-project-metadata')])
def test_unreadable_project(
    text: str, identifier: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tmp_path.joinpath('pyproject.toml').write_text(text)
    tmp_path.joinpath('meson.build').write_text('')
    monkeypatch.chdir(tmp_path)
    assert cli.main(['inspect', sys.executable]) == 2
    assert f'error[{identifier}]' in capsys.readouterr().err


def test_target_that_the_environment_names(
    inspect: Inspect, monkeypatch: pytest.MonkeyPatch, interpreters: typing.Any,
) -> None:
    """Then every build is for that one."""
    monkeypatch.setenv('MESONBUILD_FT_TARGET', str(trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64')))
    assert inspect(support.PACKAGES / 'plain')[1].startswith('plain: 1 wheel serves 1 of 1 interpreter\n')
    monkeypatch.delenv('MESONBUILD_FT_TARGET')
    _, text = inspect(support.PACKAGES / 'plain', '--all', trees.tree(trees.WINDOWS, 'cp314-cp314t-win_amd64'))
    assert 'cp314-cp314t-win_amd64' in text
    assert 'cp314-cp314t-linux_x86_64' in text


class TestCache:
    @pytest.fixture
    def copied(self, tmp_path: pathlib.Path) -> pathlib.Path:
        """An interpreter whose executable may be changed: the rest of its prefix are links."""
        prefix = trees.tree(trees.LINUX, 'cp314-cp314')
        copy = tmp_path / 'prefix' / 'bin' / 'python3'
        copy.parent.mkdir(parents=True)
        for name in ('lib', 'include'):
            (copy.parent.parent / name).symlink_to(prefix / name)
        shutil.copy(os.path.realpath(prefix / 'bin' / 'python3'), copy)
        return copy

    def ask(self, executable: pathlib.Path) -> interpreters_.Interpreter | None:
        with interpreter_cache.Cache() as cache:
            return cache.probe(executable)

    def test_nothing_is_run_again(self, copied: pathlib.Path) -> None:
        first = self.ask(copied)
        assert first is not None
        assert first.tag == 'cp314-cp314'
        # The file cannot be run any more, and is what it was in path, time, size and inode.
        status = copied.stat()
        with open(copied, 'r+b') as file:
            file.write(b'\0' * 64)
        os.utime(copied, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert self.ask(copied) == first
        assert interpreters_.probe(copied) is None
        os.utime(copied)
        assert self.ask(copied) is None

    def test_another_file_in_its_place(self, copied: pathlib.Path) -> None:
        """Even with the same time of change."""
        assert self.ask(copied) is not None
        status = copied.stat()
        other = copied.with_name('other')
        other.write_bytes(b'\0' * status.st_size)
        other.chmod(0o755)
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.replace(copied)
        assert (copied.stat().st_size, copied.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
        assert self.ask(copied) is None

    def test_a_file_that_it_depends_on(self, copied: pathlib.Path, cache: pathlib.Path) -> None:
        """A virtual environment made around it, and a new library behind a link."""
        assert self.ask(copied) is not None
        files = json.loads(cache.read_text())['interpreters'][str(copied)]['files']
        assert str(copied.parent / 'pyvenv.cfg') in files
        assert any('_sysconfigdata' in name for name in files)
        copied.with_name('pyvenv.cfg').write_text('home = /nowhere\n')
        status = copied.stat()
        with open(copied, 'r+b') as file:
            file.write(b'\0' * 64)
        os.utime(copied, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert self.ask(copied) is None

    def test_scripts_are_asked_each_time(self, tmp_path: pathlib.Path, interpreters: typing.Any) -> None:
        script = tmp_path / 'python3'
        choice = tmp_path / 'choice'
        choice.symlink_to(interpreters.get('cp314-cp314'))
        script.write_text(f'#!/bin/sh\nexec "$(readlink {choice})" "$@"\n')
        script.chmod(0o755)
        first = self.ask(script)
        choice.unlink()
        choice.symlink_to(interpreters.get('cp314-cp314t'))
        second = self.ask(script)
        assert first is not None
        assert second is not None
        assert (first.tag, second.tag) == ('cp314-cp314', 'cp314-cp314t')

    @pytest.mark.parametrize('damage', [
        '', '{', '[]', '{"valid_for": 1}', 'PYTHON null', 'PYTHON {}', 'PYTHON {"files": {}, "said": null}',
        'PYTHON {"files": {"PYTHON": SIGNATURE}, "said": ["x", {}]}',
        'PYTHON {"files": [1], "said": 3}'])
    def test_damaged(self, damage: str, cache: pathlib.Path, interpreters: typing.Any) -> None:
        python = interpreters.get('cp314-cp314')
        assert self.ask(python) is not None
        if damage.startswith('PYTHON '):
            entry = damage.removeprefix('PYTHON ').replace('PYTHON', str(python)).replace(
                'SIGNATURE', json.dumps(interpreter_cache.signature(str(python))))
            data = json.loads(cache.read_text())
            data['interpreters'][str(python)] = json.loads(entry)
            cache.write_text(json.dumps(data))
        else:
            cache.write_text(damage)
        found = self.ask(python)
        assert found is not None
        assert found.tag == 'cp314-cp314'

    def test_unwritable(
        self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, interpreters: typing.Any,
    ) -> None:
        tmp_path.joinpath('file').write_text('')
        monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
        assert self.ask(interpreters.get('cp314-cp314')) is not None
        monkeypatch.setenv('XDG_CACHE_HOME', '/proc/self')
        assert self.ask(interpreters.get('cp314-cp314')) is not None

    def test_variables_that_choose_the_library(
        self, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, copied: pathlib.Path,
    ) -> None:
        assert self.ask(copied) is not None
        status = copied.stat()
        with open(copied, 'r+b') as file:
            file.write(b'\0' * 64)
        os.utime(copied, ns=(status.st_atime_ns, status.st_mtime_ns))
        monkeypatch.setenv('LD_LIBRARY_PATH', '/nowhere')
        assert self.ask(copied) is None

    def test_too_old(self, cache: pathlib.Path) -> None:
        """Pythons without dataclasses are no interpreters here, and that is remembered."""
        old = next(iter(sorted(pathlib.Path.home().glob('.pyenv/versions/3.6*/bin/python'))), None)
        if old is None:
            trees.missing('no Python 3.6')
        assert self.ask(old) is None
        assert json.loads(cache.read_text())['interpreters'][str(old)]['said'] is None


def test_in_a_process_of_its_own(interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
    """As a person starts it, with nothing but mesonbuild-ft installed: no rich, no scanner needed."""
    environment = support.clean_environment(
        interpreters.get('cp314-cp314'), XDG_CACHE_HOME=str(tmp_path), PYTHONPATH=None)
    result = subprocess.run(
        [interpreters.get('cp314-cp314'), '-m', 'mesonbuild_ft', 'inspect'], cwd=support.PACKAGES / 'limited',
        env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, '')
    assert result.stdout.startswith('limited: ')


def test_rich(monkeypatch: pytest.MonkeyPatch, inspect: Inspect) -> None:
    """In a terminal of 80 columns no row of the tables is broken."""
    pytest.importorskip('rich')
    monkeypatch.setenv('FORCE_COLOR', '1')
    monkeypatch.setenv('COLUMNS', '80')
    monkeypatch.delenv('NO_COLOR', raising=False)
    _, text = inspect(support.PACKAGES / 'limited')
    assert '\33[' in text
    plain = re.sub(r'\x1b\[[\d;]*m', '', text)
    rows = [line for line in plain.splitlines() if line.startswith(('CPython', 'PyPy'))]
    assert len(rows) > len(interpreters_.find())
    assert all(line.rstrip().endswith(('python', 'python3', 'pypy', 'pypy3')) for line in rows if '/' in line)


def test_found_once() -> None:
    """One interpreter under several names and links."""
    paths = [os.stat(path) for path in interpreters_._candidates()]
    identities = [(status.st_dev, status.st_ino) for status in paths]
    assert len(identities) == len(set(identities))


def test_short_names(interpreters: typing.Any) -> None:
    names = {}
    for tag in (support.PYPY, 'cp314-cp314', 'cp314-cp314t'):
        interpreter = interpreters_.probe(interpreters.get(tag))
        assert interpreter is not None
        names[tag] = Found(interpreter.executable, interpreter.target).short
    assert names == {support.PYPY: 'PyPy 3.11', 'cp314-cp314': '3.14', 'cp314-cp314t': '3.14t'}
