# SPDX-License-Identifier: MIT
"""Metadata without a build: byte for byte that of the wheel, and no more Meson than is needed."""

from __future__ import annotations

import os
import pathlib
import stat
import typing
import zipfile

import pytest
import support


TAG = 'cp312-cp312'
STATIC = ['plain', 'limited', 'entry-points', 'pure', 'cpp']
DYNAMIC = ['dynamic-version', 'no-project-table']
COMPUTED = ['computed-version', 'version-from-file']


def without_programs(directory: pathlib.Path) -> dict[str, str | None]:
    """A PATH with nothing in it."""
    directory.mkdir()
    return {'PATH': os.fspath(directory), 'MESON': None, 'NINJA': None, 'CC': '/no/such/cc'}


@pytest.mark.parametrize('hook_name', ['prepare_metadata_for_build_wheel', 'prepare_metadata_for_build_editable'])
@pytest.mark.parametrize('name', [*STATIC, *DYNAMIC, *COMPUTED])
def test_metadata_is_that_of_the_wheel(
    name: str, hook_name: str, hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project(name)
    prepared = hook(TAG, hook_name, source, output=tmp_path / 'prepared').path
    wheel = hook(TAG, 'build_wheel', source, output=tmp_path / 'wheels', metadata_directory=prepared)
    assert not wheel.findings()
    written = {p.relative_to(prepared.parent).as_posix(): p.read_bytes()
               for p in prepared.rglob('*') if p.is_file()}
    assert f'{prepared.name}/METADATA' in written
    with zipfile.ZipFile(wheel.path) as archive:
        info = {n: archive.read(n) for n in archive.namelist() if n.startswith(prepared.name + '/')}
    assert written == {n: data for n, data in info.items() if not n.endswith(('/WHEEL', '/RECORD'))}


@pytest.mark.parametrize('name', STATIC)
def test_static_metadata_needs_neither_meson_nor_a_compiler(
    name: str, hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    result = hook(TAG, 'prepare_metadata_for_build_wheel', project(name), environment=without_programs(tmp_path / 'p'))
    assert result.path.is_dir()


@pytest.mark.parametrize('name', DYNAMIC)
def test_introspection_does_not_configure(
    name: str, hook: typing.Any, project: typing.Any,
) -> None:
    result = hook(TAG, 'prepare_metadata_for_build_wheel', project(name), environment={'CC': '/no/such/cc'})
    assert result.path.is_dir()
    assert result.ran_meson_setup == 0


def test_a_setup_where_introspection_cannot_answer(hook: typing.Any, project: typing.Any) -> None:
    result = hook(TAG, 'prepare_metadata_for_build_wheel', project('computed-version'))
    assert result.value == 'computed_version-3.4.dist-info'
    assert result.ran_meson_setup == 1
    assert not list(result.project.glob(f'{support.WORK_DIRECTORY}*'))


def test_another_version_than_announced_is_refused(
    hook: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('plain')
    prepared = hook(TAG, 'prepare_metadata_for_build_wheel', source, output=tmp_path / 'prepared').path
    text = (source / 'pyproject.toml').read_text()
    (source / 'pyproject.toml').write_text(text.replace('version = "1.0"', 'version = "2.0"'))
    result = hook(TAG, 'build_wheel', source, output=tmp_path / 'wheels', metadata_directory=prepared)
    assert result.findings('error') == ['metadata-differs']
    assert result.wheels == []


def test_sources_that_cannot_be_written(interpreters: typing.Any, project: typing.Any) -> None:
    """A setup for the version then runs elsewhere."""
    if os.getuid() == 0:
        pytest.skip('root can write everywhere')
    source = project('computed-version')
    source.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        result = support.call_hook(interpreters.get(TAG), 'prepare_metadata_for_build_wheel', source)
        assert result.value == 'computed_version-3.4.dist-info'
    finally:
        source.chmod(stat.S_IRWXU)
