# SPDX-License-Identifier: MIT
"""The workflow of examples/greeting: it follows its schema, and its jobs for x86_64 Linux do here what they say.

Every `run:` and the action of this checkout are run for real. Stand-ins take the place of actions that move files
between machines, of setup-python, and of cibuildwheel, which needs a container: `uv build` and `auditwheel repair`.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing

import github_runner
import pytest
import support
from github_runner import GitHub, Job, Result


EXAMPLE: typing.Final = support.ROOT / 'examples' / 'greeting'
FILE: typing.Final = EXAMPLE / '.github' / 'workflows' / 'wheels.yml'
WORKFLOW: typing.Final = github_runner.load(FILE)
PLATFORM: typing.Final = 'manylinux_x86_64'
UV: typing.Final = pathlib.Path(sys.executable).with_name('uv')


def test_follows_the_schema(github: GitHub) -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'check_jsonschema', '--builtin-schema', 'vendor.github-workflows', FILE],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    text = FILE.read_text()
    assert github.errors('workflow', text) == []
    assert github.errors('workflow', text.replace('matrix.artifact', 'matrx.artifact'))
    assert github.errors('workflow', text.replace('needs: plan', 'needs: plam'))


def test_documentation_shows_it() -> None:
    page = (support.ROOT / 'docs' / 'how-to' / 'github-workflow.md').read_text(encoding='utf-8')
    assert f'```yaml\n{FILE.read_text()}```\n' in page


@dataclasses.dataclass
class Workflow:
    """Its jobs, each on a machine of its own, for one event. artifacts: what jobs leave for others."""

    github: GitHub
    directory: pathlib.Path
    ref: str
    environment: dict[str, str]
    pythons: dict[str, pathlib.Path]
    needs: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    published: list[str] = dataclasses.field(default_factory=list)

    def run(self, name: str, matrix: dict[str, str] | None = None) -> Result:
        """One job; it must succeed."""
        directory = self.directory / f'{name}-{len(list(self.directory.glob(f"{name}-*")))}'
        for part in ('workspace', 'temporary'):
            (directory / part).mkdir(parents=True)
        contexts = {'matrix': matrix or {}, 'needs': self.needs, 'github': {'ref': self.ref}}
        job = Job(self.github, directory / 'workspace', directory / 'temporary', dict(self.environment), {
            'OWNER/mesonbuild-ft': support.ROOT, 'actions/checkout': self.checkout,
            'actions/upload-artifact': self.upload, 'actions/download-artifact': self.download,
            'actions/setup-python': self.setup_python, 'pypa/cibuildwheel': self.cibuildwheel,
            'pypa/gh-action-pypi-publish': self.publish}, contexts)
        described = WORKFLOW['jobs'][name]
        result = job.run(described['steps'])
        assert result.succeeded, result.text
        steps = {key: {'outputs': outputs} for key, outputs in result.outputs.items()}
        outputs = self.github.expand(described.get('outputs', {}), {**contexts, 'steps': steps})
        self.needs[name] = {'outputs': outputs, 'result': 'success'}
        return result

    def matrix(self, name: str) -> list[dict[str, str]]:
        """The jobs that GitHub makes of one."""
        found = self.github.expand(WORKFLOW['jobs'][name]['strategy']['matrix'], {'needs': self.needs})
        assert set(found) == {'include'}
        return typing.cast(list[dict[str, str]], found['include'])

    def checkout(self, inputs: dict[str, str], job: Job) -> dict[str, str]:
        shutil.copytree(EXAMPLE, job.workspace, dirs_exist_ok=True)
        support.git_init(job.workspace)
        return {}

    def upload(self, inputs: dict[str, str], job: Job) -> dict[str, str]:
        files = list(job.workspace.glob(inputs['path']))
        assert files, inputs['path']
        artifact = self.directory / 'artifacts' / inputs['name']
        # GitHub refuses a second one of the same name, and these characters.
        assert not re.search(r'["<>|:*?\r\n\\/]', inputs['name'])
        artifact.mkdir(parents=True)
        for file in files:
            shutil.copy2(file, artifact)
        return {}

    def download(self, inputs: dict[str, str], job: Job) -> dict[str, str]:
        assert 'name' in inputs or inputs['merge-multiple'] == 'true'
        for artifact in (self.directory / 'artifacts').iterdir():
            if inputs.get('name', artifact.name) == artifact.name:
                shutil.copytree(artifact, job.workspace / inputs['path'], dirs_exist_ok=True)
        return {}

    def setup_python(self, inputs: dict[str, str], job: Job) -> dict[str, str]:
        version = inputs['python-version']
        base = self.pythons[version] if version in self.pythons else pathlib.Path(sys.executable)
        python = job.temporary / 'python' / 'bin' / 'python'
        subprocess.run([UV, 'venv', '--quiet', '--seed', '--python', base, python.parent.parent], check=True)
        if inputs.get('update-environment') != 'false':
            job.environment['PATH'] = os.pathsep.join([os.fspath(python.parent), job.environment['PATH']])
        return {'python-path': os.fspath(python)}

    def cibuildwheel(self, inputs: dict[str, str], job: Job) -> dict[str, str]:
        match = re.fullmatch(rf'cp3(\d+)(t?)-{PLATFORM}', inputs['only'])
        assert match is not None
        python = self.pythons[f'3.{match[1]}{match[2]}']
        # Of the same version of mesonbuild-ft, uv would take what it kept of an earlier commit.
        done = subprocess.run([UV, 'build', '--wheel', '--python', python, '--out-dir', 'built', '--refresh-package',
                               'mesonbuild-ft'], cwd=job.workspace, env=job.environment, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        built, = (job.workspace / 'built').glob('*.whl')
        # The images of manylinux say what they are.
        done = subprocess.run([sys.executable, '-m', 'auditwheel', 'repair', '--wheel-dir', 'wheelhouse', built],
                              cwd=job.workspace, env={**job.environment, 'AUDITWHEEL_PLAT': 'manylinux_2_28_x86_64'},
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return {}

    def publish(self, inputs: dict[str, str], job: Job) -> dict[str, str]:
        self.published = sorted(path.name for path in (job.workspace / 'dist').iterdir())
        return {}


@pytest.fixture
def workflow(
    github: GitHub, all_wheels: pathlib.Path, tmp_path: pathlib.Path,
) -> Workflow:
    """For the push of a tag, with the wheels of this checkout where PyPI will have them."""
    pythons = {f'3.{one.version[1]}{"t" if one.free_threaded else ""}': pathlib.Path(one.executable)
               for one in support.load_environments().interpreters() if one.implementation == 'cpython'}
    environment = support.clean_environment(
        pathlib.Path(sys.executable), PIP_FIND_LINKS=os.fspath(all_wheels), UV_FIND_LINKS=os.fspath(all_wheels),
        PIP_DISABLE_PIP_VERSION_CHECK='1')
    return Workflow(github, tmp_path / 'jobs', 'refs/tags/v1.0', environment, pythons)


def test_jobs(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    # The day decides which versions are supported.
    plan = next(step for step in WORKFLOW['jobs']['plan']['steps'] if step.get('id') == 'plan')
    monkeypatch.setitem(plan, 'with', {**plan['with'], 'arguments': '--date 2026-11-27'})
    assert workflow.run('plan').summary.startswith('```text\ngreeting: 24 build jobs')
    builds = [job for job in workflow.matrix('build') if job['platform'] == PLATFORM]
    assert [job['python'] for job in builds] == ['3.11', '3.14t', '3.15t']
    with concurrent.futures.ThreadPoolExecutor() as pool:
        # cibuildwheel itself knows every one of them.
        found = pool.map(lambda job: subprocess.run(
            [sys.executable, '-m', 'cibuildwheel', '--print-build-identifiers', '--only', job['identifier'], EXAMPLE],
            capture_output=True, text=True, check=True).stdout.strip(), workflow.matrix('build'))
        assert list(found) == [job['identifier'] for job in workflow.matrix('build')]
    for job in builds:
        workflow.run('build', job)
    workflow.run('sdist')
    checked = workflow.run('check')
    assert checked.summary.endswith('\n3 checked, 3 modules: 3 ok.\n')
    tests = [job for job in workflow.matrix('test') if job['platform'] == PLATFORM]
    assert len(tests) == 8
    for job in tests:
        done = workflow.run('test', job)
        assert 'Ran 2 tests' in done.text
        assert ('OK (skipped=1)' in done.text) is not job['python'].endswith('t')
    contexts = {'github': {'ref': workflow.ref}}
    condition = WORKFLOW['jobs']['publish']['if']
    assert workflow.github.holds(condition, contexts, failed=False)
    assert not workflow.github.holds(condition, {'github': {'ref': 'refs/heads/main'}}, failed=False)
    assert set(WORKFLOW['jobs']['publish']['needs']) <= set(workflow.needs)
    workflow.run('publish')
    assert [name.partition('-manylinux')[0] for name in workflow.published] == [
        'greeting-1.0-cp314-cp314t', 'greeting-1.0-cp315-abi3.abi3t', 'greeting-1.0-cp39-abi3', 'greeting-1.0.tar.gz']


def test_container_is_only_for_musl(workflow: Workflow) -> None:
    """What runs where: the steps of a test job on each platform."""
    steps = WORKFLOW['jobs']['test']['steps']
    for image, expected in (('', ['Test']), ('alpine:3', ['Test in a container'])):
        named = [step['name'] for step in steps if 'name' in step and workflow.github.holds(
            step['if'], {'matrix': {'image': image}}, failed=False)]
        assert named == expected


def test_cibuildwheel_audits_nothing() -> None:
    """An empty CIBW_AUDIT_COMMAND switches abi3audit off."""
    from cibuildwheel.options import CommandLineArguments, compute_options

    step = next(step for step in WORKFLOW['jobs']['build']['steps'] if step['uses'].startswith('pypa/cibuildwheel@'))
    arguments = CommandLineArguments.defaults()
    arguments.package_dir = EXAMPLE
    for environment, audits in ((step['env'], False), ({}, True)):
        options = compute_options(platform='linux', command_line_arguments=arguments, env=environment)
        assert bool(options.build_options('cp315t-manylinux_x86_64').audit_command) is audits
    from importlib.metadata import version
    assert step['uses'].partition('@v')[2].split('.')[0] == version('cibuildwheel').split('.')[0]
