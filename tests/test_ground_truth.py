# SPDX-License-Identifier: MIT
"""The comparison of real wheels with what is true of them (tests/real): its report says what its files say."""

from __future__ import annotations

import os
import re
import typing

import pytest
from real import ground_truth

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker
from mesonbuild_ft.check.subjects import Options


REPORT: typing.Final = (ground_truth.HERE / 'GROUND_TRUTH.md').read_text(encoding='utf-8')


def sections() -> dict[str, str]:
    """Group -> its part of the report."""
    parts = re.split(r'^## (.+)$', REPORT, flags=re.MULTILINE)[1:]
    titles = {title: group for group, title in ground_truth.GROUPS.items()}
    return {titles[title]: text for title, text in zip(parts[::2], parts[1::2], strict=True)}


def rows(text: str) -> dict[str, list[str]]:
    """The rows of all tables: first cell -> the others."""
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines() if line[:1] == '|']
    return {row[0].strip('`'): row[1:] for row in cells}


def test_every_wheel_is_in_the_report() -> None:
    wheels = ground_truth.load()
    assert len({wheel.file for wheel in wheels}) == len(wheels)
    for group, text in sections().items():
        files = {wheel.file for wheel in wheels if wheel.group == group}
        assert {name for name in rows(text) if name.endswith('.whl')} == files
        assert rows(text)['wheels'] == [str(len(files))]


def test_projects_were_not_chosen_before() -> None:
    projects: dict[str, set[str]] = {group: set() for group in ground_truth.GROUPS}
    for wheel in ground_truth.load():
        projects[wheel.group].add(re.sub(r'[-_.]+', '-', wheel.name.name).lower())
    assert sum(map(len, projects.values())) == len(set().union(*projects.values()))
    selected = {name for names in ground_truth.table()['selection'].values() for name in names}
    assert set().union(*(projects[group] for group in projects if group != 'made')) <= selected


@pytest.mark.parametrize('group', ground_truth.GROUPS)
def test_numbers_add_up(group: str) -> None:
    table = rows(sections()[group])
    own = [cells for name, cells in table.items() if name.endswith('.whl')]
    right, wrong = (sum(int(cells[2].split(', ')[n]) for cells in own if cells[2]) for n in (0, 1))
    for word, total in (('as predicted', right), ('predicted wrong', wrong)):
        assert total == sum(int(table[f'{name}: modules {word}'][0]) for name in ('linux', 'windows', 'macos'))
    files = {name for name in table if name.endswith('.whl')}
    assert wrong == sum(entry['file'] in files for entry in ground_truth.table().get('open', []))
    assert right > 0


def test_every_finding_is_judged() -> None:
    judged = {(file, entry['finding']) for entry in ground_truth.table()['judged'] for file in entry['files']}
    found = {(name, finding) for text in sections().values() for name, cells in rows(text).items()
             if name.endswith('.whl') for finding in cells[3].split(', ') if finding}
    assert judged == found
    still = {entry['file'] for entry in ground_truth.table().get('open', [])}
    for entry in ground_truth.table()['judged']:
        assert entry['evidence']
        assert entry['true'] or set(entry['files']) <= still


def test_one_wheel() -> None:
    """A wheel that tests/test_real_wheels.py has fetched anyhow goes through the script."""
    wheel = next(wheel for wheel in ground_truth.load() if wheel.file.startswith('frozenlist-'))
    by = ground_truth.interpreter('cp314-cp314t')
    if by is None:
        if os.environ.get('CI'):
            pytest.fail('no interpreter cp314-cp314t, and CI is set')
        pytest.skip('no interpreter cp314-cp314t on this machine')
    path = ground_truth.fetch(wheel.file, wheel.sha256)
    checked, = checker.check([os.fspath(path)], scanner.load(), Options())
    truths = ground_truth.import_wheel(wheel, path, checked, by)
    assert truths == {'frozenlist._frozenlist': ['not-used', 'the GIL stays off']}
    module, = ground_truth.modules(wheel, checked, truths)
    assert module.verdict == 'right'


@pytest.mark.parametrize(('predicted', 'truth', 'verdict'), [
    ('not-used', 'not-used', 'right'), ('used', 'used', 'right'), ('not-declared', 'used', 'right'),
    ('not-used', 'used', 'wrong'), ('used', 'not-used', 'wrong'), ('not-declared', 'not-used', 'wrong'),
    ('unknown', 'used', 'unknown'), ('not-used', '', 'without truth'), ('unknown', '', 'without truth'),
])
def test_verdict(predicted: str, truth: str, verdict: str) -> None:
    wheel = ground_truth.load()[0]
    assert ground_truth.Module(wheel, 'one', predicted, '', truth).verdict == verdict


def test_problems_are_told() -> None:
    """A wrong prediction, a finding without a judgement and a difference without a reason are each a problem."""
    wheel = next(wheel for wheel in ground_truth.load() if wheel.file.startswith('frozenlist-'))
    results = ground_truth.Results()
    before = results.problems()
    results.modules = [ground_truth.Module(wheel, 'one', 'not-used', 'slot', 'used', 'warned')]
    results.findings = {wheel: ['error machine-mismatch']}
    results.symbols = {wheel: (['one.so: PyA'], ['one.so: PyB'], ['one.so: PyB'])}
    told = results.problems()
    assert [problem for problem in told if problem not in before] == [
        f'{wheel.file}: one is predicted not-used (slot), and it is used (warned)',
        f'{wheel.file}: error machine-mismatch was not judged',
        f'{wheel.file}: one.so: PyA: abi3audit and the check differ, without a reason',
        f'{wheel.file}: one.so: PyB: abi3audit and the check differ, without a reason']
