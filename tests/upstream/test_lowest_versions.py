# SPDX-License-Identifier: MIT
"""The lower bounds of Meson, meson-python, ninja, packaging and pyproject-metadata, by real builds with them."""

from __future__ import annotations

import pathlib
import re
import shutil
import sys
import typing

import packaging.requirements
import packaging.version
import pytest
import support
from support import PLATFORM


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


TAGS: typing.Final = tuple(support.load_environments().LOWEST)

#: Project and interpreter -> the tag of the wheel, or the finding that refuses it.
CELLS: typing.Final = [
    ('plain', 'cp310-cp310', 'cp310-cp310'),
    ('limited', 'cp310-cp310', 'cp39-abi3'),
    ('floor-too-high', 'cp310-cp310', 'cp310-cp310'),
    ('helper-with-define', 'cp310-cp310', 'cp39-abi3'),
    ('helper-without-define', 'cp310-cp310', 'object-without-limited-api'),
    ('helper-with-pch', 'cp310-cp310', 'object-without-limited-api'),
    ('cpp', 'cp310-cp310', 'cp39-abi3'),
    ('plain', 'cp314-cp314t', 'cp314-cp314t'),
    ('limited', 'cp314-cp314t', 'cp314-cp314t'),
    # Both of these are configured twice, with compiler flags of ours the second time.
    ('helper-with-define', 'cp314-cp314t', 'cp314-cp314t'),
    ('cpp', 'cp315-cp315t', 'cp315-abi3.abi3t'),
    ('limited-abi3t', 'cp315-cp315t', 'cp315-abi3.abi3t'),
    ('limited-315', 'cp315-cp315t', 'cp315-abi3.abi3t'),
    ('limited', 'cp315-cp315t', 'cp315-cp315t'),
]


@pytest.fixture(scope='module')
def lowest() -> dict[str, pathlib.Path]:
    """Tag -> python of an environment with the lowest versions."""
    environments = support.load_environments().prepare(TAGS, lowest=True)
    return {name.removeprefix('lowest-'): python for name, python in environments.items() if name.startswith('lowest-')}


@pytest.mark.parametrize(('name', 'tag', 'expected'), CELLS, ids=lambda value: value)
def test_wheel_is_the_same_as_with_the_newest(
    name: str, tag: str, expected: str, lowest: typing.Any, interpreters: typing.Any, project: typing.Any,
    tmp_path: pathlib.Path,
) -> None:
    interpreters.get(tag)
    result = support.call_hook(lowest[tag], 'build_wheel', project(name))
    if '-' in expected and not expected.startswith('cp'):
        assert result.findings('error') == [expected]
        assert not result.wheels
        return
    assert re.fullmatch(rf'\w+-1\.0-{re.escape(expected)}-{PLATFORM}\.whl', result.path.name)
    site = support.unpack(result.path, tmp_path / 'site')
    imported = support.import_modules(lowest[tag], site, sorted(support.modules(result.path)))
    assert set(imported.answers.values()) == {42}
    if support.free_threaded(tag):
        assert not imported.gil_after


@pytest.mark.parametrize('tag', TAGS)
def test_other_hooks(tag: str, lowest: typing.Any, interpreters: typing.Any, project: typing.Any) -> None:
    interpreters.get(tag)
    source = project('limited')
    support.git_init(source)
    assert support.call_hook(lowest[tag], 'build_sdist', source).path.name == 'limited-1.0.tar.gz'
    assert support.call_hook(lowest[tag], 'build_editable', source).path.suffix == '.whl'
    computed = project('computed-version')
    metadata = support.call_hook(lowest[tag], 'prepare_metadata_for_build_wheel', computed).path
    wheel = support.call_hook(lowest[tag], 'build_wheel', computed).path
    assert (metadata / 'METADATA').read_bytes() == support.read_member(wheel, 'METADATA')


@pytest.mark.parametrize(('tag', 'expected'), [
    ('cp310-cp310', 'cp310-abi3'), ('cp314-cp314t', 'cp314-cp314t'), ('cp315-cp315t', 'cp315-abi3.abi3t')])
def test_mesonbuild_ft_builds_itself(
    tag: str, expected: str, lowest: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """In the source tree, with the scanner that is being built: nothing of an installed one is used."""
    interpreters.get(tag)
    source = tmp_path / 'mesonbuild-ft'
    shutil.copytree(support.ROOT, source, ignore=shutil.ignore_patterns(
        '.*', '__pycache__', 'build', 'dist', 'tests', 'docs', 'benchmarks'))
    result = support.call_hook(lowest[tag], 'build_wheel', source, environment={'PYTHONPATH': str(source)})
    assert f'-{expected}-{PLATFORM}.whl' in result.path.name
    assert not result.findings()
    assert f'verified  mesonbuild_ft/{next(iter(support.modules(result.path).values())).split("/")[1]}' in result.stdout


def test_bounds_are_declared_alike_everywhere() -> None:
    """pyproject.toml (twice), tools/environments.py and the program name the same versions."""
    pyproject = tomllib.loads((support.ROOT / 'pyproject.toml').read_text(encoding='utf-8'))
    declared = pyproject['project']['dependencies']
    assert [r for r in pyproject['build-system']['requires'] if r not in declared] == []

    def version(text: str) -> packaging.version.Version:
        return packaging.version.Version(packaging.version.Version(text).base_version)

    bounds = {}
    for text in declared:
        requirement = packaging.requirements.Requirement(text)
        specifier, = requirement.specifier
        assert specifier.operator == '>='
        bounds[requirement.name] = version(specifier.version)
    environments = support.load_environments()
    pins = {}
    for text in environments.LOWEST['cp310-cp310']:
        requirement = packaging.requirements.Requirement(text)
        specifier, = requirement.specifier
        pins[requirement.name] = version(specifier.version)
    ninja = pins.pop('ninja')
    assert pins == bounds
    source = (support.ROOT / 'mesonbuild_ft' / 'meson' / 'tools.py').read_text(encoding='utf-8')
    constants = {
        name: version(numbers.replace(', ', '.'))
        for name, numbers in re.findall(r'^(\w+)_REQUIRED: typing\.Final = \(([\d, ]+)\)$', source, re.MULTILINE)}
    assert constants['MESON'] == bounds['meson']
    # pip has no installable ninja as old as that.
    assert constants['NINJA'] <= ninja
