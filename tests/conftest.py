# SPDX-License-Identifier: MIT
"""Interpreters to build with, and wheels that several tests share."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import typing

import github_runner
import pytest
import support
import trees
import windows_python


def pytest_configure(config: pytest.Config) -> None:
    """Make the scanner of this checkout importable: the package in the tree has none beside it."""
    problem = support.load_scanner()
    if problem:
        raise pytest.UsageError(problem)


@pytest.fixture(scope='session')
def environments() -> dict[str, pathlib.Path]:
    """Tag -> python of an environment that has mesonbuild-ft, built from this checkout, and its tools."""
    return support.load_environments().prepare()


@pytest.fixture(scope='session')
def find_links(environments: dict[str, pathlib.Path], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory with the wheel of this checkout for the interpreter that the tests run in."""
    module = support.load_environments()
    running = module.probe(pathlib.Path(sys.executable))
    assert running is not None
    directory = tmp_path_factory.mktemp('wheels')
    module.build_ourselves(running, environments[running.tag], directory)
    return directory


@pytest.fixture(scope='session')
def installed(find_links: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """An environment with the wheel of this checkout, and nothing that it needs for builds."""
    directory = tmp_path_factory.mktemp('installed') / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', directory], check=True)
    wheel, = find_links.glob('*.whl')
    support.load_environments().pip_install(directory / 'bin' / 'python', '--no-deps', os.fspath(wheel))
    return directory


@pytest.fixture(scope='session')
def all_wheels(environments: dict[str, pathlib.Path]) -> pathlib.Path:
    """A directory with the wheels of this checkout for all interpreters of this machine."""
    module = support.load_environments()
    directory = module.CACHE / 'wheels' / module.source_digest()
    for one in module.interpreters():
        module.build_ourselves(one, environments[one.tag], directory)
    return typing.cast(pathlib.Path, directory)


@pytest.fixture(scope='session')
def github() -> typing.Iterator[github_runner.GitHub]:
    """GitHub's own parsers."""
    started = github_runner.GitHub()
    yield started
    started.close()


class Interpreters:
    """The interpreters of this machine by tag."""

    def __init__(self, environments: dict[str, pathlib.Path]) -> None:
        self._environments = dict(environments)
        old = [*sorted(pathlib.Path.home().glob('.pyenv/versions/3.9*/bin/python')), shutil.which('python3.9')]
        for path in old:
            if path:
                self._environments.setdefault(support.OLDEST, pathlib.Path(path))

    def __contains__(self, tag: str) -> bool:
        return tag in self._environments

    def get(self, tag: str) -> pathlib.Path:
        """The interpreter; the test is skipped where there is none, and fails with CI set."""
        if tag in self._environments:
            return self._environments[tag]
        if os.environ.get('CI'):
            pytest.fail(f'no interpreter {tag}, and CI is set')
        return pytest.skip(f'no interpreter {tag} on this machine')


@pytest.fixture(scope='session')
def interpreters(environments: dict[str, pathlib.Path]) -> Interpreters:
    return Interpreters(environments)


@pytest.fixture
def project(tmp_path: pathlib.Path) -> typing.Callable[[str], pathlib.Path]:
    """A fresh copy of a project of tests/packages."""
    def copy(name: str) -> pathlib.Path:
        return support.copy_project(name, tmp_path)
    return copy


Hook = typing.Callable[..., support.Result]


@pytest.fixture
def hook(interpreters: Interpreters) -> Hook:
    """Call a hook: hook(tag, name, project, output=…, config=…, environment=…)."""
    def call(tag: str, name: str, project: pathlib.Path, **options: typing.Any) -> support.Result:
        return support.call_hook(interpreters.get(tag), name, project, **options)
    return call


class Built:
    """build_wheel of an unchanged fixture project; each is built once in a session, whichever processes it has.

    directory: for the builds, which these processes share. own: for this process alone.
    """

    def __init__(self, interpreters: Interpreters, directory: pathlib.Path, own: pathlib.Path) -> None:
        self._interpreters = interpreters
        self._directory = directory
        self._own = own
        self._results: dict[tuple[typing.Any, ...], concurrent.futures.Future[support.Result]] = {}
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count())
        self._unpacked: dict[pathlib.Path, pathlib.Path] = {}

    def result(self, name: str, tag: str, **config: str) -> support.Result:
        """What the hook did; config settings as keywords."""
        return self._start(name, self._interpreters.get(tag), tag, config).result()

    def prefetch(self, wanted: typing.Iterable[tuple[str, str, dict[str, str]]]) -> None:
        """Begin to build these while the tests before go on; interpreters that are missing are left out."""
        for name, tag, config in wanted:
            if tag in self._interpreters:
                self._start(name, self._interpreters.get(tag), tag, config)

    def _start(
        self, name: str, python: pathlib.Path, tag: str, config: dict[str, str],
    ) -> concurrent.futures.Future[support.Result]:
        key = (name, tag, *sorted(config.items()))
        if key not in self._results:
            directory = self._directory / '-'.join(map(str, (name, tag, *config.values())))
            self._results[key] = self._pool.submit(self._build, directory, name, python, config)
        return self._results[key]

    def _build(
        self, directory: pathlib.Path, name: str, python: pathlib.Path, config: dict[str, str],
    ) -> support.Result:
        kept = directory / 'result.pickle'
        with support.locked(directory.with_name(f'{directory.name}.lock')):
            if kept.exists():
                return typing.cast(support.Result, pickle.loads(kept.read_bytes()))
            shutil.rmtree(directory, ignore_errors=True)  # of a process that was killed
            directory.mkdir()
            result = support.call_hook(
                python, 'build_wheel', support.copy_project(name, directory), config=config,
                environment={'SOURCE_DATE_EPOCH': '1700000000'})
            kept.write_bytes(pickle.dumps(result))
            return result

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def wheel(self, name: str, tag: str, **config: str) -> pathlib.Path:
        """The wheel; the test fails where the build did."""
        return self.result(name, tag, **config).path

    def imported(self, wheel: pathlib.Path, tag: str) -> support.Imported:
        """Import all extension modules of a wheel in a fresh interpreter of this tag. Raises ImportFailed."""
        if wheel not in self._unpacked:
            self._unpacked[wheel] = support.unpack(wheel, self._own / str(len(self._unpacked)))
        return support.import_modules(
            self._interpreters.get(tag), self._unpacked[wheel], sorted(support.modules(wheel)))


@pytest.fixture(scope='session')
def built(
    interpreters: Interpreters, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest,
) -> typing.Iterator[Built]:
    distributed = hasattr(request.config, 'workerinput')  # by pytest-xdist
    base = tmp_path_factory.getbasetemp()
    builds = Built(interpreters, (base.parent if distributed else base) / 'builds', tmp_path_factory.mktemp('built'))
    # The builds of parametrized tests are known: another processor starts with them, unless it has tests of its own.
    builds.prefetch(
        (cell.project, cell.tag, {'abi': cell.ask} if cell.ask else {})
        for item in ([] if distributed else request.session.items)
        if isinstance(item, pytest.Function) and hasattr(item, 'callspec')
        for cell in item.callspec.params.values() if hasattr(cell, 'ask') and hasattr(cell, 'project'))
    yield builds
    builds.close()


@pytest.fixture(scope='session')
def wine() -> typing.Iterator[None]:
    """Modules for Windows can be compiled, and Wine's server ends with the last tests that need it."""
    trees.need('x86_64-w64-mingw32-gcc', 'x86_64-w64-mingw32-g++')
    yield
    windows_python.stop_wine()


@pytest.fixture
def cython() -> dict[str, str]:
    """Environment variables with which Meson finds the Cython that the tests run with, and nothing else of theirs.

    In a cross build Cython is a program of the build machine.
    """
    program = shutil.which('cython', path=os.pathsep.join([os.path.dirname(sys.executable), os.environ['PATH']]))
    if program is None:
        pytest.fail('cython is missing; it is in tools/requirements.txt')
    return {'CYTHON': program, 'CYTHON_FOR_BUILD': program}
