# SPDX-License-Identifier: MIT
"""action.yml: it follows its schema, and its steps do what it says, run as GitHub's runner runs them."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing

import github_runner
import pytest
import support
import wheels
from github_runner import GitHub, Job, Result

from mesonbuild_ft import settings


ACTION: typing.Final = support.ROOT / 'action.yml'
DAY: typing.Final = '--date 2026-11-27'
VERSION: typing.Final = settings.read_pyproject(support.ROOT)['project']['version']


@pytest.fixture(scope='module')
def index(find_links: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory with mesonbuild-ft and everything that it needs: what PyPI will be."""
    directory = tmp_path_factory.mktemp('index')
    subprocess.run([sys.executable, '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--dest',
                    directory, *find_links.glob('*.whl')], check=True)
    return directory


@pytest.fixture
def job(github: GitHub, index: pathlib.Path, tmp_path: pathlib.Path) -> Job:
    """A job that uses the action from this checkout. actions/setup-python finds the Python that the tests run in."""
    for name in ('workspace', 'temporary'):
        (tmp_path / name).mkdir()
    environment = support.clean_environment(
        pathlib.Path(sys.executable), PIP_FIND_LINKS=os.fspath(index), PIP_NO_INDEX='1')
    return Job(github, tmp_path / 'workspace', tmp_path / 'temporary', environment, {
        'OWNER/mesonbuild-ft': support.ROOT,
        'actions/setup-python': lambda inputs, job: {'python-path': sys.executable}})


def use(job: Job, **inputs: str) -> Result:
    """Run a job with one step that uses the action; its outputs are those of the action."""
    done = job.run([{'id': 'it', 'uses': 'OWNER/mesonbuild-ft@v1',
                     'with': {name.replace('_', '-'): value for name, value in inputs.items()}}])
    return github_runner.Result(done.succeeded, done.outputs['it'], done.text, done.summary, done.ran)


def test_follows_the_schema(github: GitHub, tmp_path: pathlib.Path) -> None:
    def valid(path: pathlib.Path) -> bool:
        done = subprocess.run(
            [sys.executable, '-m', 'check_jsonschema', '--builtin-schema', 'vendor.github-actions', path],
            capture_output=True, text=True, check=False)
        return done.returncode == 0
    text = ACTION.read_text()
    assert valid(ACTION)
    assert github.errors('action', text) == []
    wrong = tmp_path / 'action.yml'
    wrong.write_text(text.replace('using: composite', 'using: compost'))
    assert not valid(wrong)
    assert github.errors('action', text.replace('    shell: bash', '    shel: bash'))


def test_inputs_reach_scripts_as_variables_only() -> None:
    """What a pull request can name, such as a path, must never be part of a script."""
    read = github_runner.load(ACTION)
    scripts = [step['run'] for step in read['runs']['steps'] if 'run' in step]
    assert len(scripts) == 4
    assert not any('${{' in script for script in scripts)


def dist(directory: pathlib.Path, tag: str) -> pathlib.Path:
    """A wheel that says cp314-cp314t, with a module for that tag."""
    directory.mkdir(parents=True)
    return wheels.wheel(directory, 'cp314-cp314t-manylinux_2_17_x86_64', {
        f'one.cpython-{tag[-4:]}-x86_64-linux-gnu.so': wheels.module(directory.parent, tag)})


def test_check(job: Job) -> None:
    dist(job.workspace / 'dist', 'cp314-cp314t')
    done = use(job)
    assert done.succeeded, done.text
    assert done.outputs == {'matrix': '', 'exit-status': '0', 'version': VERSION}
    assert done.summary.startswith('| | File |')
    assert '::error' not in done.text


def test_check_finds(job: Job) -> None:
    wrong = dist(job.workspace / 'a directory', 'cp313-cp313t')
    dist(job.workspace / 'dist', 'cp314-cp314t')
    done = use(job, paths='a dir*/*.whl\ndist', arguments='--jobs 1 -v', summary='false')
    assert not done.succeeded
    assert done.outputs['exit-status'] == '1'
    assert f'::error file=a directory/{wrong.name},title=module-for-other-python' in done.text
    assert done.summary == ''
    # Nothing to be found is no success.
    done = use(job, paths='wheelhouse/*.whl')
    assert not done.succeeded
    assert done.outputs['exit-status'] == '2'


def test_fail_on(job: Job) -> None:
    """A module that switches the GIL on is a warning."""
    (job.workspace / 'dist').mkdir()
    wheels.wheel(job.workspace / 'dist', 'cp314-cp314t-manylinux_2_17_x86_64', {
        'one.cpython-314t-x86_64-linux-gnu.so': wheels.module(job.workspace, 'cp314-cp314t', '-DNO_GIL_SLOT')})
    assert use(job).succeeded
    done = use(job, fail_on='warning')
    assert not done.succeeded
    assert '::warning ' in done.text


def test_matrix(job: Job) -> None:
    shutil.copytree(support.ROOT / 'examples' / 'greeting', job.workspace / 'the project')
    done = use(job, command='matrix', project='the project', arguments=f'{DAY} --platform manylinux_x86_64')
    assert done.succeeded, done.text
    matrix = json.loads(done.outputs['matrix'])
    assert [one['identifier'] for one in matrix['build']['include']] == [
        'cp311-manylinux_x86_64', 'cp314t-manylinux_x86_64', 'cp315t-manylinux_x86_64']
    assert done.summary.startswith('```text\ngreeting: 3 build jobs, 8 test jobs on 1 platform\n')
    assert done.summary.endswith('\n```\n')


def test_matrix_says_what_is_wrong(job: Job) -> None:
    support.copy_project('limited', job.workspace)
    support.add_settings(job.workspace / 'limited', '[tool.mesonbuild-ft]\nabi3 = true')
    done = use(job, command='matrix', project='limited')
    assert not done.succeeded
    assert done.outputs['matrix'] == ''
    annotation, = (line for line in done.text.splitlines() if line.startswith('::error '))
    assert annotation.startswith('::error title=mesonbuild-ft matrix::mesonbuild-ft: error[unknown-setting]: ')
    assert '%0A' in annotation


def test_another_command(job: Job) -> None:
    done = use(job, command='explain', arguments='wheel-tag-mismatch')
    assert done.succeeded, done.text
    assert '# wheel-tag-mismatch' in done.text
    assert not use(job, command='chekc').succeeded


@pytest.mark.parametrize(('version', 'installed'), [
    (VERSION, True), ('0.*', True), ('>=0.1,<1', True), ('0.0.1', False), ('; echo 1', False)])
def test_version(version: str, installed: bool, job: Job) -> None:
    dist(job.workspace / 'dist', 'cp314-cp314t')
    done = use(job, version=version)
    assert done.succeeded is installed, done.text
    assert bool(done.outputs['version']) is installed


def test_source(job: Job, tmp_path: pathlib.Path) -> None:
    """`version: source` compiles the commit of the action."""
    checkout = support.copy_checkout(tmp_path / 'action')
    support.replace(checkout / 'mesonbuild_ft' / '__init__.py', "__version__ = '0.1.0'", "__version__ = '0.1.0+here'")
    del job.environment['PIP_NO_INDEX']
    job.actions = {**job.actions, 'OWNER/mesonbuild-ft': checkout}
    dist(job.workspace / 'dist', 'cp314-cp314t')
    done = use(job, version='source')
    assert done.succeeded, done.text
    assert done.outputs['version'] == '0.1.0+here'
