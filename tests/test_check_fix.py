# SPDX-License-Identifier: MIT
"""`mesonbuild-ft check --fix`: a copy that is right, or no copy at all; the original stays as it is."""

from __future__ import annotations

import os
import pathlib
import subprocess
import typing
import zipfile

import pytest
import support
import wheels

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker, fix as check_fix, subjects


def fix(wheel: pathlib.Path, directory: pathlib.Path) -> tuple[checker.Checked, list[str]]:
    options = subjects.Options()
    loaded = scanner.load()
    before = wheel.read_bytes()
    results, lines = check_fix.run(
        checker.check([os.fspath(wheel)], loaded, options), os.fspath(directory), loaded, options)
    assert wheel.read_bytes() == before
    result, = results
    return result, lines


def identifiers(result: checker.Checked) -> set[str]:
    return {finding.identifier for finding in result.found}


def test_suffix_and_tags_and_import_library(tmp_path: pathlib.Path, interpreters: typing.Any) -> None:
    """What setuptools on 3.15 makes: installs on 3.9, and cannot be imported there."""
    data = wheels.module(tmp_path, 'cp315-cp315', wheels.ABI3)
    path = wheels.wheel(
        tmp_path, 'cp39-abi3-linux_x86_64',
        {'one.abi3-x86_64-linux-gnu.so': data, 'one.dll.a': b'!<arch>\n', 'data.txt': b'unchanged'},
        whl_tags=['cp315-abi3-linux_x86_64'])
    result, lines = fix(path, tmp_path / 'fixed')
    assert result.path == os.fspath(tmp_path / 'fixed' / path.name)
    assert not identifiers(result) & check_fix.FIXABLE
    assert result.verdict in ('ok', 'hint')
    copy = pathlib.Path(result.path)
    support.check_record(copy)
    assert support.whl_tags(copy) == ['cp39-abi3-linux_x86_64']
    with zipfile.ZipFile(copy) as archive:
        assert archive.read('one.abi3.so') == data
        assert archive.read('data.txt') == b'unchanged'
        assert 'one.dll.a' not in archive.namelist()
    assert [line.partition(': ')[2] for line in lines] == [
        'one.abi3-x86_64-linux-gnu.so is called one.abi3.so now', 'WHEEL lists cp39-abi3-linux_x86_64',
        'one.dll.a is left out']
    site = support.unpack(copy, tmp_path / 'site')
    subprocess.run([interpreters.get(support.OLDEST), '-c', 'import one'], cwd=site, check=True)


@pytest.mark.parametrize('whl_tags', [
    ['cp314-cp314t-manylinux_2_17_x86_64.manylinux2014_x86_64'], [], ['cp314-cp314t-manylinux2014_x86_64']], ids=str)
def test_tag_lines(whl_tags: list[str], tmp_path: pathlib.Path) -> None:
    data = wheels.module(tmp_path, 'cp314-cp314t')
    path = wheels.wheel(
        tmp_path, 'cp314-cp314t-manylinux_2_17_x86_64.manylinux2014_x86_64',
        {'one.cpython-314t-x86_64-linux-gnu.so': data}, whl_tags=whl_tags)
    result, lines = fix(path, tmp_path / 'fixed')
    assert identifiers(result) == set()
    assert support.whl_tags(pathlib.Path(result.path)) == [
        'cp314-cp314t-manylinux_2_17_x86_64', 'cp314-cp314t-manylinux2014_x86_64']
    assert len(lines) == 1


def test_nothing_to_fix(tmp_path: pathlib.Path) -> None:
    path = wheels.wheel(tmp_path, 'cp314-cp314t-linux_x86_64', {
        'one.cpython-314t-x86_64-linux-gnu.so': wheels.module(tmp_path, 'cp314-cp314t')})
    result, lines = fix(path, tmp_path / 'fixed')
    assert (result.path, lines) == (os.fspath(path), [])
    assert not (tmp_path / 'fixed').exists()


def test_what_only_a_build_can_mend(tmp_path: pathlib.Path) -> None:
    """A module for 3.15 of the wrong kind stays wrong under another name: no copy is left."""
    path = wheels.wheel(
        tmp_path, 'cp39-abi3-win_amd64', {'one.so': wheels.module(tmp_path, 'cp314-cp314', wheels.ABI3)})
    result, lines = fix(path, tmp_path / 'fixed')
    assert result.path == os.fspath(path)
    assert lines[0].startswith(f'not fixed {path}: a copy would be no better: suffix-not-loadable')
    assert not list((tmp_path / 'fixed').glob('*'))


@pytest.mark.parametrize(('change', 'why'), [
    ('same-directory', 'exists already'), ('signed', 'is signed'), ('no-record', 'no single .dist-info'),
    ('unsafe', 'damaged or unsafe')])
def test_refusals(change: str, why: str, tmp_path: pathlib.Path) -> None:
    members = {'one.abi3.so': wheels.module(tmp_path, 'cp314-cp314', wheels.ABI3)}
    if change == 'signed':
        members['pkg-1.0.dist-info/RECORD.jws'] = b'{}'
    if change == 'unsafe':
        members['../outside'] = b''
    path = wheels.wheel(tmp_path, 'cp39-abi3-linux_x86_64', members, whl_tags=['cp39-abi3-any'])
    if change == 'no-record':
        other = tmp_path / 'other'
        other.mkdir()
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(other / path.name, 'w') as new:
            for member in old.infolist():
                if not member.filename.endswith('RECORD'):
                    new.writestr(member, old.read(member))
        path = other / path.name
    directory = path.parent if change == 'same-directory' else tmp_path / 'fixed'
    _, lines = fix(path, directory)
    assert lines[0].startswith('not fixed ')
    assert why in lines[0]
    assert not (tmp_path / 'fixed').exists()


def test_name_that_nothing_proves(tmp_path: pathlib.Path) -> None:
    """A wheel that somebody renamed: WHEEL is then the only one that knows."""
    path = wheels.wheel(
        tmp_path, 'cp313-cp313-linux_x86_64', {'one.so': wheels.module(tmp_path, 'cp314-cp314')},
        whl_tags=['cp314-cp314-linux_x86_64'])
    result, lines = fix(path, tmp_path / 'fixed')
    assert result.verdict == 'error'
    assert 'name different ABIs' in lines[0]
    assert not (tmp_path / 'fixed').exists()


def test_command(tmp_path: pathlib.Path, environments: dict[str, pathlib.Path]) -> None:
    """The status is that of the copy, and standard output stays what the format says."""
    python = next(iter(environments.values()))
    path = wheels.wheel(
        tmp_path, 'cp39-abi3-linux_x86_64', {'one.abi3.so': wheels.module(tmp_path, 'cp314-cp314', wheels.ABI3)},
        whl_tags=['cp310-abi3-linux_x86_64'])
    command = [python, '-m', 'mesonbuild_ft', 'check', path]
    assert subprocess.run(command, capture_output=True, check=False, cwd=tmp_path).returncode == 1
    done = subprocess.run([*command, '--fix', 'fixed', '--format', 'json'], capture_output=True, text=True, check=True,
                          cwd=tmp_path)
    assert done.stdout.startswith('{')
    assert done.stderr == f'fixed fixed/{path.name}: WHEEL lists cp39-abi3-linux_x86_64\n'


def test_nothing_that_is_there_is_replaced(tmp_path: pathlib.Path) -> None:
    """Neither a file of somebody's, nor the original through a link, nor the copy of another wheel of that name."""
    data = wheels.module(tmp_path, 'cp314-cp314', wheels.ABI3)
    sources = []
    for name in ('real', 'other'):
        (tmp_path / name).mkdir()
        sources.append(wheels.wheel(tmp_path / name, 'cp39-abi3-linux_x86_64', {'one.abi3.so': data},
                                    whl_tags=['cp310-abi3-linux_x86_64']))
    (tmp_path / 'link').mkdir()
    link = tmp_path / 'link' / sources[0].name
    link.symlink_to(sources[0])
    before = sources[0].read_bytes()
    _, lines = fix(link, tmp_path / 'real')
    assert 'exists already' in lines[0]
    assert sources[0].read_bytes() == before

    (tmp_path / 'out').mkdir()
    precious = tmp_path / 'out' / sources[0].name
    precious.write_text('precious')
    fix(sources[0], tmp_path / 'out')
    assert precious.read_text() == 'precious'
    precious.unlink()

    options, loaded = subjects.Options(), scanner.load()
    results, lines = check_fix.run(
        checker.check([os.fspath(s) for s in sources], loaded, options), os.fspath(tmp_path / 'out'), loaded, options)
    assert [line.split(' ')[0] for line in lines] == ['fixed', 'not']
    assert [result.verdict for result in results] == ['ok', 'error']
    assert [path.name for path in (tmp_path / 'out').iterdir()] == [sources[0].name]


def test_limit_holds_for_all_members(tmp_path: pathlib.Path) -> None:
    path = wheels.wheel(
        tmp_path, 'cp39-abi3-linux_x86_64',
        {'one.abi3.so': wheels.module(tmp_path, 'cp314-cp314', wheels.ABI3), 'zeros': bytes(5 << 20)},
        whl_tags=['cp310-abi3-linux_x86_64'])
    options, loaded = subjects.Options(limit=1 << 20), scanner.load()
    _, lines = check_fix.run(
        checker.check([os.fspath(path)], loaded, options), os.fspath(tmp_path / 'out'), loaded, options)
    assert 'inflate to' in lines[0]


def test_record_that_csv_refuses(tmp_path: pathlib.Path) -> None:
    name = 'x' * 200_000
    path = wheels.wheel(
        tmp_path, 'cp39-abi3-linux_x86_64', {'one.abi3.so': wheels.module(tmp_path, 'cp314-cp314', wheels.ABI3)},
        whl_tags=['cp310-abi3-linux_x86_64'])
    other = tmp_path / 'other'
    other.mkdir()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other / path.name, 'w') as new:
        for member in old.infolist():
            new.writestr(member, name if member.filename.endswith('RECORD') else old.read(member))
    _, lines = fix(other / path.name, tmp_path / 'out')
    assert lines[0].startswith('not fixed')
    assert not (tmp_path / 'out').exists()
