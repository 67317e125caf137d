# SPDX-License-Identifier: MIT
"""What the tests do with the backend: call a hook as a front end does, and import what came out."""

from __future__ import annotations

import argparse
import base64
import contextlib
import csv
import dataclasses
import fcntl
import hashlib
import importlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing
import zipfile


ROOT: typing.Final = pathlib.Path(__file__).resolve().parent.parent
PACKAGES: typing.Final = ROOT / 'tests' / 'packages'

#: Every interpreter that a build must work on; where CI is set, a missing one is a failure.
GIL: typing.Final = ('cp310-cp310', 'cp311-cp311', 'cp312-cp312', 'cp313-cp313', 'cp314-cp314', 'cp315-cp315')
FREE_THREADED: typing.Final = ('cp313-cp313t', 'cp314-cp314t', 'cp315-cp315t')
PYPY: typing.Final = 'pp311-pypy311_pp73'
ALL: typing.Final = (*GIL, *FREE_THREADED, PYPY)
#: The oldest Python that a cp39-abi3 wheel is for; nothing is built with it.
OLDEST: typing.Final = 'cp39-cp39'

PLATFORM: typing.Final = 'linux_x86_64'
#: What a killed build leaves behind has one of these names.
WORK_DIRECTORY: typing.Final = '.mesonbuild-ft-build-'
UNFINISHED: typing.Final = '.mesonbuild-ft-unfinished'

#: What a front end does: import the backend in a process of its own, with the project as the
#: current directory but not on sys.path, call one hook and store its result.
HOOK: typing.Final = '''
import json, sys
sys.path.remove("")
answer, backend, hook, arguments = json.loads(sys.argv[1])
import importlib
result = getattr(importlib.import_module(backend), hook)(*arguments)
with open(answer, "w") as file:
    json.dump(result, file)
'''

#: Import modules from one directory; print what they answer, the warnings and the state of the GIL.
IMPORT: typing.Final = '''
import json, sys, warnings
directory, names = json.loads(sys.argv[1])
sys.path.insert(0, directory)
enabled = getattr(sys, "_is_gil_enabled", lambda: True)
before = enabled()
answers, files = {}, {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for name in names:
        __import__(name)
        module = sys.modules[name]
        answers[name] = module.answer()
        files[name] = module.__file__
print(json.dumps({"gil_before": before, "gil_after": enabled(), "answers": answers, "files": files,
                  "warnings": [str(w.message) for w in caught]}))
'''

#: Settings of the person who runs the tests must not reach the builds.
_REMOVED: typing.Final = (
    'CC', 'CXX', 'CFLAGS', 'CXXFLAGS', 'CPPFLAGS', 'LDFLAGS', 'MESON', 'NINJA', 'NO_COLOR', 'FORCE_COLOR',
    'SOURCE_DATE_EPOCH', 'PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV', '_PYTHON_HOST_PLATFORM', 'ARCHFLAGS',
    'PIP_CONFIG_SETTINGS', 'PYTHON_GIL', 'MESONBUILD_FT_TARGET', 'MACOSX_DEPLOYMENT_TARGET',
    '_PYTHON_SYSCONFIGDATA_NAME', '_PYTHON_PROJECT_BASE',
)


def load_environments() -> typing.Any:
    """tools/environments.py as a module."""
    name = 'environments'
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / 'tools' / 'environments.py')
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def load_scanner() -> str:
    """Make the scanner of this checkout importable: the package in the tree has none beside it.

    Returns why that cannot be; '' where it could.
    """
    import mesonbuild_ft

    module = load_environments()
    running = module.probe(pathlib.Path(sys.executable))
    if running is None:
        return 'the tests need an interpreter of 3.10 or newer with its headers'
    python = module.prepare([running.tag])[running.tag]
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        for path in python.parent.parent.glob(f'lib/*/site-packages/mesonbuild_ft/_abiscan{suffix}'):
            name = 'mesonbuild_ft._abiscan'
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            scanner = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(scanner)
            sys.modules[name] = scanner
            mesonbuild_ft._abiscan = scanner  # type: ignore[attr-defined]
            return ''
    return f'the environment of {running.tag} has no scanner'


def free_threaded(tag: str) -> bool:
    """Whether an environment tag names a build without the GIL."""
    return tag.endswith('t')


def short(tag: str) -> str:
    """'cp314t' for 'cp314-cp314t': the name in test identifiers."""
    return tag.split('-')[1]


def clean_environment(python: pathlib.Path, **extra: str | None) -> dict[str, str]:
    """The environment of a build: `python`'s programs first in PATH; a value of None removes a variable."""
    result = {name: value for name, value in os.environ.items() if name not in _REMOVED}
    result['PATH'] = os.pathsep.join([os.fspath(python.parent), os.environ.get('PATH', os.defpath)])
    result['PYTHONDONTWRITEBYTECODE'] = '1'
    for name, value in extra.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


@contextlib.contextmanager
def locked(path: pathlib.Path) -> typing.Iterator[None]:
    """Hold a lock by this file, which is made, with its directory: sessions of tests share what is below .cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def copy_project(name: str, directory: pathlib.Path) -> pathlib.Path:
    """A copy of tests/packages/<name> below `directory`."""
    return pathlib.Path(shutil.copytree(PACKAGES / name, directory / name))


def git_init(project: pathlib.Path) -> None:
    """Make a repository with one commit: `meson dist` packs what is committed."""
    for arguments in (
            ['init', '--quiet'], ['add', '--all'],
            ['-c', 'user.name=tests', '-c', 'user.email=tests@example.invalid', 'commit', '--quiet', '--message=.']):
        subprocess.run(['git', *arguments], cwd=project, check=True)


def copy_checkout(directory: pathlib.Path, *, tests: bool = False) -> pathlib.Path:
    """A repository with one commit, of what would be committed here; the tests are left out unless asked for."""
    files = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '-z'], cwd=ROOT, capture_output=True,
                           text=True, check=True).stdout
    for name in filter(None, files.split('\0')):
        if (ROOT / name).is_file() and (tests or not name.startswith('tests/')):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    git_init(directory)
    return directory


def command(name: str) -> typing.Any:
    """The module of a sub-command of mesonbuild-ft."""
    return importlib.import_module(f'mesonbuild_ft.commands.{name}')


def arguments(name: str) -> list[argparse.Action]:
    """What a sub-command takes, --help apart."""
    parser = argparse.ArgumentParser(add_help=False)
    command(name).add_arguments(parser)
    return [action for action in parser._actions if action.help != argparse.SUPPRESS]


def add_settings(project: pathlib.Path, text: str) -> None:
    """Append to pyproject.toml."""
    with open(project / 'pyproject.toml', 'a', encoding='utf-8') as file:
        file.write('\n' + text + '\n')


def replace(path: pathlib.Path, old: str, new: str) -> None:
    """Replace a text that stands in a file exactly once."""
    text = path.read_text(encoding='utf-8')
    assert text.count(old) == 1, f'{old!r} stands {text.count(old)} times in {path}'
    path.write_text(text.replace(old, new), encoding='utf-8')


@dataclasses.dataclass(frozen=True)
class Result:
    """What one call of a hook did. `value` is what the hook returned, None where it failed."""

    status: int
    stdout: str
    stderr: str
    value: typing.Any
    project: pathlib.Path
    output: pathlib.Path

    @property
    def path(self) -> pathlib.Path:
        """The file that the hook made."""
        assert self.status == 0, f'status {self.status}\n{self.stdout}\n{self.stderr}'
        return self.output / self.value

    @property
    def text(self) -> str:
        return self.stdout + self.stderr

    @property
    def wheels(self) -> list[str]:
        return sorted(p.name for p in self.output.glob('*.whl'))

    def findings(self, severity: str | None = None) -> list[str]:
        """The identifiers of the diagnostics that were shown, e.g. ['different-floors']."""
        found = []
        for line in self.stderr.splitlines():
            head, bracket, rest = line.partition('[')
            if bracket and head.startswith('mesonbuild-ft: ') and ']:' in rest and severity in (None, head[15:]):
                found.append(rest.partition(']')[0])
        return found

    @property
    def ran_meson_setup(self) -> int:
        """How often `meson setup` ran: Meson greets with this line each time."""
        return self.stdout.count('The Meson build system')


def call_hook(
    python: pathlib.Path, hook: str, project: pathlib.Path, output: pathlib.Path | None = None,
    config: typing.Mapping[str, typing.Any] | None = None, *,
    environment: typing.Mapping[str, str | None] | None = None, backend: str = 'mesonbuild_ft',
    metadata_directory: pathlib.Path | None = None,
) -> Result:
    """Call one hook in `project` with the interpreter `python`, in a process of its own."""
    output = project.parent / f'{project.name}-output' if output is None else output
    output.mkdir(parents=True, exist_ok=True)
    answer = output.parent / f'{output.name}-answer.json'
    answer.unlink(missing_ok=True)
    arguments: list[typing.Any] = [] if hook.startswith('get_requires') else [os.fspath(output)]
    arguments.append(dict(config) if config else None)
    if hook in ('build_wheel', 'build_editable') and metadata_directory is not None:
        arguments.append(os.fspath(metadata_directory))
    done = subprocess.run(
        [python, '-c', HOOK, json.dumps([os.fspath(answer), backend, hook, arguments])], cwd=project,
        env=clean_environment(python, **(environment or {})), capture_output=True, text=True, errors='replace',
        stdin=subprocess.DEVNULL, check=False)
    value = json.loads(answer.read_text()) if answer.exists() else None
    assert (value is None) == (done.returncode != 0), done.stdout + done.stderr
    return Result(done.returncode, done.stdout, done.stderr, value, project, output)


@dataclasses.dataclass(frozen=True)
class Imported:
    """What a fresh interpreter saw when it imported modules of a wheel."""

    gil_before: bool
    gil_after: bool
    answers: dict[str, int]
    files: dict[str, str]
    warnings: list[str]


class ImportFailed(Exception):
    """The interpreter could not import a module; the message is its standard error."""


def import_modules(
    python: pathlib.Path, directory: pathlib.Path, names: typing.Sequence[str],
    environment: typing.Mapping[str, str | None] | None = None,
) -> Imported:
    """Import `names` from `directory` in a fresh process and call answer() of each. Raises ImportFailed."""
    done = subprocess.run(
        [python, '-c', IMPORT, json.dumps([os.fspath(directory), list(names)])], capture_output=True, text=True,
        env=clean_environment(python, **(environment or {})), cwd=directory, check=False)
    if done.returncode:
        raise ImportFailed(done.stderr)
    return Imported(**json.loads(done.stdout))


def unpack(wheel: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    """Install a wheel without any installer: unpack it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    return directory


def modules(wheel: pathlib.Path) -> dict[str, str]:
    """Importable name of each extension module -> its path in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name.split('.', 1)[0].replace('/', '.'): name
            for name in archive.namelist() if name.endswith(('.so', '.pyd'))}


def whl_tags(wheel: pathlib.Path) -> list[str]:
    """The values of the `Tag:` lines of WHEEL."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith('.dist-info/WHEEL'))
        return [line[5:] for line in archive.read(name).decode().splitlines() if line.startswith('Tag: ')]


def read_member(wheel: pathlib.Path, ending: str) -> bytes:
    """The only member of the .dist-info directory that ends like this."""
    with zipfile.ZipFile(wheel) as archive:
        name, = (n for n in archive.namelist() if n.endswith('.dist-info/' + ending))
        return archive.read(name)


def check_record(wheel: pathlib.Path) -> None:
    """RECORD lists every member once, with its hash and size."""
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        members = [i.filename for i in archive.infolist() if not i.is_dir()]
        assert len(members) == len(set(members))
        record, = (n for n in members if n.endswith('.dist-info/RECORD'))
        rows = list(csv.reader(archive.read(record).decode().splitlines()))
        assert sorted(row[0] for row in rows) == sorted(members)
        for name, digest, size in rows:
            if name == record:
                assert (digest, size) == ('', '')
                continue
            data = archive.read(name)
            wanted = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
            assert digest == f'sha256={wanted}', name
            assert int(size) == len(data), name


def read_module(wheel: pathlib.Path) -> bytes:
    """The contents of the only extension module of a wheel."""
    path, = modules(wheel).values()
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(path)
