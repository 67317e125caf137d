# SPDX-License-Identifier: MIT
"""The recipes of docs/how-to/check-in-ci.md, run by the programs that they are for."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import typing

import github_runner
import pytest
import ruamel.yaml
import support
import wheels


RECIPES = (support.ROOT / 'docs' / 'how-to' / 'check-in-ci.md').read_text(encoding='utf-8')

#: cibuildwheel's own audit step, with the options that it reads from a project. The rest of it needs a container.
AUDIT = '''
import pathlib, sys
from cibuildwheel import options
from cibuildwheel.__main__ import main
from cibuildwheel.audit import run_audit
from cibuildwheel.options import CommandLineArguments, compute_options
project, wheel = map(pathlib.Path, sys.argv[1:])
arguments = CommandLineArguments.defaults()
arguments.package_dir = project
read = compute_options(platform="linux", command_line_arguments=arguments, env={})
temporary = project / "temporary"
temporary.mkdir(exist_ok=True)
run_audit(tmp_dir=temporary, build_options=read.build_options("cp314t-manylinux_x86_64"), wheel=wheel)
'''


def recipe(heading: str, language: str, number: int = 0) -> str:
    """A code block of that language below a heading."""
    section = RECIPES.split(f'\n## {heading}\n', 1)[1].split('\n## ', 1)[0]
    return re.findall(rf'^```{language}\n(.*?)^```$', section, re.MULTILINE | re.DOTALL)[number]


@pytest.fixture
def dist(tmp_path: pathlib.Path) -> dict[str, pathlib.Path]:
    """'good' and 'bad': wheels for free-threaded 3.14, where the second holds a module for 3.13."""
    data = {tag: wheels.module(tmp_path, tag) for tag in ('cp313-cp313t', 'cp314-cp314t')}
    result = {}
    for kind, tag in (('good', 'cp314-cp314t'), ('bad', 'cp313-cp313t')):
        directory = tmp_path / kind
        directory.mkdir()
        result[kind] = wheels.wheel(directory, 'cp314-cp314t-manylinux_2_17_x86_64', {
            f'one.cpython-{tag[-4:]}-x86_64-linux-gnu.so': data[tag]})
    return result


@pytest.mark.parametrize(('kind', 'status'), [('good', 0), ('bad', 1)])
def test_cibuildwheel(
    kind: str, status: int, dist: dict[str, pathlib.Path], find_links: pathlib.Path, tmp_path: pathlib.Path,
) -> None:
    project = tmp_path / 'project'
    project.mkdir()
    # Its other front end makes the audit's environment with a virtualenv from outside the package index.
    (project / 'pyproject.toml').write_text(recipe('cibuildwheel', 'toml') + 'build-frontend = "build[uv]"\n')
    done = subprocess.run(
        [sys.executable, '-c', AUDIT, project, dist[kind]], cwd=project, capture_output=True, text=True, check=False,
        env={**support.clean_environment(pathlib.Path(sys.executable)), 'UV_FIND_LINKS': os.fspath(find_links),
             'UV_CACHE_DIR': os.fspath(tmp_path / 'cache')})
    text = done.stdout + done.stderr
    assert 'Running audit command: mesonbuild-ft check' in text
    assert ('module-for-other-python' in text) is (status == 1)
    assert (done.returncode == 0) is (status == 0), text


@pytest.mark.parametrize(('kind', 'status'), [('good', 0), ('bad', 1)])
def test_github_steps(
    kind: str, status: int, dist: dict[str, pathlib.Path], environments: dict[str, pathlib.Path],
    github: github_runner.GitHub, tmp_path: pathlib.Path,
) -> None:
    """The steps without the action; those with it are tested in test_github_action.py."""
    steps = ruamel.yaml.YAML(typ='safe').load(textwrap.dedent(recipe('GitHub Actions', 'yaml', 1)))
    assert steps.pop(0) == {'run': 'pip install mesonbuild-ft'}
    python = next(iter(environments.values()))
    for name in ('workspace', 'temporary'):
        (tmp_path / name).mkdir()
    shutil.copytree(dist[kind].parent, tmp_path / 'workspace' / 'dist')
    job = github_runner.Job(
        github, tmp_path / 'workspace', tmp_path / 'temporary', support.clean_environment(python), {})
    done = job.run(steps)
    assert done.succeeded is (status == 0)
    assert len(done.ran) == 2
    assert done.summary.startswith('| | File |')
    assert ('::error ' in done.text) is bool(status)


def test_pre_commit(dist: dict[str, pathlib.Path], tmp_path: pathlib.Path) -> None:
    """pre-commit makes an environment of this very checkout and runs the hook on what is staged."""
    hooks = tmp_path / 'mesonbuild-ft'
    support.copy_checkout(hooks)
    assert 'id: mesonbuild-ft-check' in recipe('pre-commit', 'yaml')
    environment: dict[str, typing.Any] = {
        **support.clean_environment(pathlib.Path(sys.executable)), 'PRE_COMMIT_HOME': os.fspath(tmp_path / 'home')}
    for kind, status in (('good', 0), ('bad', 1)):
        index = tmp_path / f'index-{kind}'
        index.mkdir()
        shutil.copy2(dist[kind], index)
        (index / 'README').write_text('wheels\n')
        support.git_init(index)
        done = subprocess.run(
            [pathlib.Path(sys.executable).with_name('pre-commit'), 'try-repo', hooks, 'mesonbuild-ft-check',
             '--all-files', '--verbose'], cwd=index, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == status, done.stdout + done.stderr
        assert ('module-for-other-python' in done.stdout) is bool(status)
