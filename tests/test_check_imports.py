# SPDX-License-Identifier: MIT
"""`mesonbuild-ft check --import`: real wheels, imported by the interpreters that their tags admit."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing
import zipfile

import pytest
import support

from mesonbuild_ft import interpreters as interpreters_, scanner
from mesonbuild_ft.check import checker, import_process, imports as check_imports, subjects


def probe(interpreters: typing.Any, *tags: str) -> list[interpreters_.Interpreter]:
    found = [interpreters_.probe(interpreters.get(tag)) for tag in tags]
    return [interpreter for interpreter in found if interpreter is not None]


def checked(wheel: pathlib.Path, found: list[interpreters_.Interpreter], limit: int | None = None) -> checker.Checked:
    results = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    result, = check_imports.run(results, found, limit)
    return result


def findings(result: checker.Checked) -> list[tuple[str, str]]:
    return [(finding.severity, finding.identifier) for finding in result.found]


def test_every_interpreter_that_the_tags_admit_and_no_other(built: typing.Any, interpreters: typing.Any) -> None:
    everything = probe(interpreters, *support.ALL, support.OLDEST)
    for project, builder, admitted in (
            ('limited', 'cp311-cp311', {support.OLDEST, *support.GIL}),
            ('limited-abi3t', 'cp315-cp315t', {'cp315-cp315', 'cp315-cp315t'}),
            ('plain', 'cp314-cp314t', {'cp314-cp314t'}),
            ('plain', support.PYPY, {support.PYPY})):
        result = checked(built.wheel(project, builder), everything)
        assert {done.interpreter.tag for done in result.imports} == admitted
        assert [done.error for done in result.imports] == [''] * len(admitted)
        for done in result.imports:
            assert done.gil_before is done.gil_after is not support.free_threaded(done.interpreter.tag)
        assert 'error' not in dict(findings(result))


def test_gil_that_comes_back_is_told_once(built: typing.Any, interpreters: typing.Any) -> None:
    result = checked(built.wheel('no-gil-declaration', 'cp314-cp314t'), probe(interpreters, 'cp314-cp314t'))
    # The scanner has proven it before.
    assert findings(result) == [('warning', 'gil-enabled-by-module')]
    assert result.imports[0].gil_after


def test_gil_that_only_importing_shows(built: typing.Any, interpreters: typing.Any) -> None:
    wheel = built.wheel('no-gil-declaration', 'cp314-cp314t')
    before, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    blind = before._replace(found=())
    result, = check_imports.run([blind], probe(interpreters, 'cp314-cp314t'))
    finding, = result.found
    assert (finding.severity, finding.identifier) == ('warning', 'gil-enabled-by-module')
    assert 'The global interpreter lock (GIL) has been enabled to load module' in finding.what


@pytest.mark.parametrize(('said', 'advice'), [
    ('ImportError: one.so: undefined symbol: answer',
     'Add the source or the library that defines answer to the module.'),
    ('SystemError: module one uses unknown slot ID 2046599197',
     'End the array of slots with {0, NULL} (MBFT_SLOTS_END).'),
    ('ImportError: libone.so.1: cannot open shared object file: No such file or directory',
     'Put the library into the wheel: auditwheel, delocate and delvewheel do that.')])
def test_advice_where_other_findings_would_not_tell(said: str, advice: str) -> None:
    assert check_imports._advice(said) == advice


def test_import_that_fails(built: typing.Any, interpreters: typing.Any) -> None:
    """The wheel says 3.9 and has a slot that 3.12 does not know: seen, and then shown."""
    wheel = built.wheel('slot-too-new', 'cp315-cp315', verify='warn')
    result = checked(wheel, probe(interpreters, 'cp312-cp312', 'cp315-cp315'))
    assert ('error', 'import-failed') in findings(result)
    failed, = (d for d in result.found if d.identifier == 'import-failed')
    assert 'CPython 3.12' in failed.what
    assert 'unknown slot ID' in failed.what
    assert failed.advice.startswith('See the other findings on this module; where there are none, ')
    assert [bool(done.error) for done in result.imports] == [True, False]


def test_circular_import(built: typing.Any, interpreters: typing.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first module of a circle may work as a later one."""
    error = ("ImportError: cannot import name 'answer' from partially initialized module 'plain' "
             '(most likely due to a circular import)')

    def import_module(
        interpreter: interpreters_.Interpreter, directory: pathlib.Path, name: str, processes: import_process.Processes,
    ) -> import_process.Import:
        return import_process.Import(name, interpreter, error=error)

    monkeypatch.setattr(import_process, 'import_module', import_module)
    result = checked(built.wheel('plain', 'cp314-cp314t'), probe(interpreters, 'cp314-cp314t'))
    assert findings(result) == [('hint', 'import-not-tried')]


def test_nothing_to_learn(built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
    wheel = built.wheel('plain', 'cp314-cp314t')
    assert ('hint', 'import-not-tried') in findings(checked(wheel, probe(interpreters, 'cp311-cp311')))
    site = support.unpack(wheel, tmp_path / 'site')
    result = checked(site, probe(interpreters, 'cp314-cp314t'))
    assert ('hint', 'import-not-tried') in findings(result)
    assert result.imports == ()
    assert checked(tmp_path / 'missing.whl', []).unusable


def test_dependency_that_is_not_there(built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
    source = built.wheel('many', 'cp314-cp314t')
    wheel = tmp_path / source.name
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(wheel, 'w') as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename == 'many/__init__.py':
                data += b'\nimport another_distribution\n'
            new.writestr(member, data)
    result = checked(wheel, probe(interpreters, 'cp314-cp314t'))
    found = [d for d in result.found if d.identifier == 'import-not-tried']
    assert len(found) == 3
    assert 'needs another_distribution' in found[0].what


def test_limit(built: typing.Any, interpreters: typing.Any) -> None:
    wheel = built.wheel('plain', 'cp314-cp314t')
    before, = checker.check([os.fspath(wheel)], scanner.load(), subjects.Options())
    result, = check_imports.run([before], probe(interpreters, 'cp314-cp314t'), 1000)
    assert ('error', 'inflation-limit') in findings(result)
    assert result.imports == ()


@pytest.mark.parametrize('form', ['table', 'json', 'markdown'])
def test_command(form: str, built: typing.Any, interpreters: typing.Any, environments: dict[str, pathlib.Path]) -> None:
    python = environments['cp311-cp311'] if 'cp311-cp311' in environments else pathlib.Path(sys.executable)
    wheel = built.wheel('limited-abi3t', 'cp315-cp315t')
    done = subprocess.run(
        [python, '-m', 'mesonbuild_ft', 'check', '--import', '--python', interpreters.get('cp315-cp315t'), '--python',
         interpreters.get('cp315-cp315'), '--format', form, wheel], capture_output=True, text=True, check=False,
        cwd=wheel.parent)
    assert (done.returncode, done.stderr) == (0, '')
    if form == 'json':
        imports = json.loads(done.stdout)['results'][0]['imports']
        assert [(i['python_tag'], i['gil_after'], i['error']) for i in imports] == [
            ('cp315-cp315', True, ''), ('cp315-cp315t', False, '')]
    else:
        assert 'free-threaded: 1 of 1 module, the GIL stays off' in done.stdout


def test_installed_package(
    built: typing.Any, environments: dict[str, pathlib.Path], tmp_path: pathlib.Path,
) -> None:
    """Its modules are imported where they lie, by the interpreter that has it, and by no other."""
    environment = tmp_path / 'environment'
    subprocess.run([environments['cp314-cp314t'], '-m', 'venv', '--without-pip', environment], check=True)
    python = environment / 'bin' / 'python'
    support.load_environments().pip_install(python, '--no-deps', os.fspath(
        built.wheel('no-gil-declaration', 'cp314-cp314t')))
    program = [next(iter(environments.values())), '-m', 'mesonbuild_ft', 'check', '--import', '--format', 'json']
    done = subprocess.run([*program, '--python', python, 'no-gil-declaration'], capture_output=True, text=True,
                          check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    result, = json.loads(done.stdout)['results']
    assert [(i['python'], i['gil_before'], i['gil_after'], i['error']) for i in result['imports']] == [
        (os.fspath(python), False, True, '')]
    assert [finding['identifier'] for finding in result['findings']] == ['gil-enabled-by-module']
    # Without --python: of the interpreter that runs this.
    done = subprocess.run([*program, 'mesonbuild-ft'], capture_output=True, text=True, check=False, cwd=tmp_path)
    result, = json.loads(done.stdout)['results']
    assert [(i['python'], i['module'], i['error']) for i in result['imports']] == [
        (os.fspath(program[0]), 'mesonbuild_ft._abiscan', '')]


def test_standard_library_comes_first(interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
    """A backport does not shadow it, neither beside an installed package nor in a wheel."""
    environment = tmp_path / 'environment'
    subprocess.run([interpreters.get('cp314-cp314t'), '-m', 'venv', '--without-pip', environment], check=True)
    interpreter = interpreters_.probe(environment / 'bin' / 'python')
    assert interpreter is not None
    site, = environment.glob('lib/*/site-packages')
    (tmp_path / 'wheel').mkdir()
    for directory in (site, tmp_path / 'wheel'):
        (directory / 'typing.py').write_text('raise ImportError("a backport for Python 3.4")\n')
        (directory / 'uses.py').write_text('import typing\nassert typing.Any\n'
                                           f'if not __file__.startswith({os.fspath(directory)!r}): raise ImportError\n')
    (site / 'both.py').write_text('raise ImportError("an installed package of the same name")\n')
    (tmp_path / 'wheel' / 'both.py').write_text('')
    for directory, name in ((site, 'uses'), (tmp_path / 'wheel', 'uses'), (tmp_path / 'wheel', 'both')):
        assert import_process.import_module(interpreter, directory, name).error == ''
    assert 'of the same name' in import_process.import_module(interpreter, site, 'both').error


def test_command_with_an_interpreter_that_is_none(
    built: typing.Any, environments: dict[str, pathlib.Path],
) -> None:
    wheel = built.wheel('limited-abi3t', 'cp315-cp315t')
    done = subprocess.run(
        [next(iter(environments.values())), '-m', 'mesonbuild_ft', 'check', '--import', '--python', 'no-such-python',
         wheel], capture_output=True, text=True, check=False, cwd=wheel.parent)
    assert done.returncode == 2
    assert '[unusable-interpreter]' in done.stderr


def test_dependency_that_a_package_misses_in_its_own_words(
    built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = built.wheel('many', 'cp314-cp314t')
    wheel = tmp_path / source.name
    code = ('\ntry:\n    import another_distribution\n'
            'except ImportError:\n    raise ImportError("install the other one")\n')
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(wheel, 'w') as new:
        for member in old.infolist():
            data = old.read(member)
            new.writestr(member, data + code.encode() if member.filename == 'many/__init__.py' else data)
    result = checked(wheel, probe(interpreters, 'cp314-cp314t'))
    assert {finding[1] for finding in findings(result)} == {'import-not-tried'}


def test_module_for_another_platform_is_not_tried(
    built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """As in debugpy: a wheel for everybody with modules that make it faster here and there."""
    source = built.wheel('plain', 'cp314-cp314t')
    wheel = tmp_path / 'plain-1.0-py3-none-any.whl'
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(wheel, 'w') as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename.endswith('WHEEL'):
                data = data.replace(b'cp314-cp314t-' + support.PLATFORM.encode(), b'py3-none-any')
            new.writestr(member, data)
        new.writestr('plain.cp39-win_amd64.pyd', b'MZ')
    result = checked(wheel, probe(interpreters, 'cp314-cp314t'))
    assert [(done.module, done.error) for done in result.imports] == [('plain', '')]
    assert ('warning', 'module-in-pure-wheel') in findings(result)
    assert 'import-failed' not in dict(map(reversed, findings(result)))  # type: ignore[arg-type]


@pytest.mark.parametrize('answer', ['[]', '{"error": 7}', '{"warnings": "x"}', ''])
def test_module_that_answers_itself(answer: str, interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
    """It can write the file that the answer is expected in, and end the process."""
    (tmp_path / 'forges.py').write_text(
        f'import json, os, sys\nopen(json.loads(sys.argv[1])[0], "w").write({answer!r})\nos._exit(0)\n')
    interpreter, = probe(interpreters, 'cp314-cp314t')
    assert import_process.import_module(interpreter, tmp_path, 'forges').error == 'the interpreter ended with status 0'


def test_process_that_stays_behind_is_not_waited_for(interpreters: typing.Any, tmp_path: pathlib.Path) -> None:
    (tmp_path / 'stays.py').write_text(
        'import subprocess, sys\nsubprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])\n')
    interpreter, = probe(interpreters, 'cp314-cp314t')
    start = time.monotonic()
    assert import_process.import_module(interpreter, tmp_path, 'stays').error == ''
    assert time.monotonic() - start < 60


@pytest.mark.skipif(os.name != 'posix', reason='Windows has no SIGTERM')
@pytest.mark.parametrize('number', [signal.SIGTERM, getattr(signal, 'SIGHUP', signal.SIGTERM)])
def test_end_by_signal(
    number: signal.Signals, built: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """The wheel that was unpacked is gone, and so is the process that imported it."""
    said, work, wheel = tmp_path / 'said', tmp_path / 'work', tmp_path / 'plain-1.0-cp314-cp314t-linux_x86_64.whl'
    work.mkdir()
    module, = support.modules(built.wheel('plain', 'cp314-cp314t')).values()
    with zipfile.ZipFile(built.wheel('plain', 'cp314-cp314t')) as old, zipfile.ZipFile(wheel, 'w') as new:
        new.writestr(f'slow/{module.rpartition("/")[2]}', old.read(module))
        new.writestr('slow/__init__.py', f'import os, time\nprint(os.getpid(), file=open({os.fspath(said)!r}, "w"), '
                     'flush=True)\ntime.sleep(100)\n')
        new.writestr('plain-1.0.dist-info/WHEEL', 'Tag: cp314-cp314t-linux_x86_64\n')
    python = support.load_environments().prepare(['cp314-cp314t'])['cp314-cp314t']
    process = subprocess.Popen(
        [python, '-m', 'mesonbuild_ft', 'check', '--import', '--python', interpreters.get('cp314-cp314t'), wheel],
        env={**support.clean_environment(python), 'TMPDIR': os.fspath(work)}, cwd=tmp_path)
    deadline = time.monotonic() + 300
    while not (said.exists() and said.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(work.iterdir())
    process.send_signal(number)
    assert process.wait(120) == 128 + number
    assert list(work.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)
