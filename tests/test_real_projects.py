# SPDX-License-Identifier: MIT
"""Real projects of other people (tests/real) build with our hooks, and what comes out works."""

from __future__ import annotations

import os
import pathlib

import pytest
import support
from real import real_projects


PROJECTS = real_projects.load()
FULL = bool(os.environ.get('MESONBUILD_FT_FULL'))
CELLS = [(name, tag) for name, project in PROJECTS.items() for tag in project.interpreters(full=FULL)]


@pytest.mark.parametrize(('name', 'tag'), CELLS, ids=[f'{name}-{support.short(tag)}' for name, tag in CELLS])
def test_real_project(name: str, tag: str, tmp_path: pathlib.Path) -> None:
    project = PROJECTS[name]
    if tag not in real_projects.available():
        if os.environ.get('CI'):
            pytest.fail(f'no interpreter {tag}, and CI is set')
        pytest.skip(f'no interpreter {tag} on this machine')
    made = real_projects.build(project, tag, tmp_path / 'ours')
    if tag in project.fails:
        identifier, _ = project.fails[tag]
        assert not made.works
        assert identifier in made.result.findings()
        assert not real_projects.build(project, tag, tmp_path / 'bare', backend='mesonpy').works
        return
    assert made.result.status == 0, made.result.text
    check_wheel(made)
    check_trials(made)
    check_scan(made)


def check_wheel(made: real_projects.Build) -> None:
    """The tags are those of the table, the wheel is sound, and has the metadata that was announced."""
    wheel = made.result.path
    assert made.wheel_tag == made.project.wheel_tag(made.tag)
    support.check_record(wheel)
    assert sorted(support.modules(wheel)) == sorted(made.project.modules)
    assert made.announced == support.read_member(wheel, 'METADATA')


def check_trials(made: real_projects.Build) -> None:
    """Every interpreter that the wheel is for imports each module and gets the right answer."""
    assert made.tag in {trial.tag for trial in made.trials}
    assert [trial for trial in made.trials if trial.error] == []
    if made.wheel_tag.endswith('-abi3'):
        floor = int(made.wheel_tag.removesuffix('-abi3')[3:])
        served = {tag for tag in support.GIL if int(tag.partition('-')[0][3:]) >= floor}
        assert served & set(real_projects.available()) <= {trial.tag for trial in made.trials}
    stays_off = [trial for trial in made.trials if not trial.gil_before]
    assert {trial.gil_after for trial in stays_off} <= {made.project.gil == 'on'}
    assert bool(stays_off) == support.free_threaded(made.tag)


def check_scan(made: real_projects.Build) -> None:
    """What the verdict says of the GIL is what the interpreter does; no other diagnostic is shown."""
    expected = ['gil-enabled-by-module'] * len(made.project.modules)
    switches_on = support.free_threaded(made.tag) and made.project.gil == 'on'
    assert made.result.findings() == (expected if switches_on else [])
    assert set(made.verified) == set(made.project.modules)
    for trial in made.trials:
        if not trial.gil_before and 'GIL not used' in made.verified[trial.module]:
            assert trial.module not in trial.blamed
            assert trial.module.rpartition('.')[2] not in trial.blamed
