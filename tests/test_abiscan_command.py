# SPDX-License-Identifier: MIT
"""The command abiscan says what the Python binding says, as JSON."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess
import sys
import typing

import pytest
import support

from mesonbuild_ft import scanner


@pytest.fixture(scope='session')
def abiscan(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The command, built by Meson alone, as the how-to for distributions says."""
    directory = tmp_path_factory.mktemp('abiscan')
    page = (support.ROOT / 'docs' / 'how-to' / 'distributions.md').read_text(encoding='utf-8')
    setup, install, run = page.split('```sh\n')[1].split('```')[0].splitlines()
    setup = setup.replace('/path/to/mesonbuild-ft', shlex.quote(os.fspath(support.ROOT))) + ' -Dwerror=true'
    for command in (setup, install):
        done = subprocess.run(
            ['bash', '-c', command], env=support.clean_environment(pathlib.Path(sys.executable)), cwd=directory,
            capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return directory / run.removesuffix(' FILE...')


def run(abiscan: pathlib.Path, *arguments: typing.Any) -> tuple[int, list[dict[str, typing.Any]], str]:
    done = subprocess.run([abiscan, *arguments], capture_output=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.decode().splitlines()], done.stderr.decode()


def test_the_same_as_the_binding(abiscan: pathlib.Path, built: typing.Any, tmp_path: pathlib.Path) -> None:
    files = []
    for name, tag in (('limited', 'cp311-cp311'), ('plain', 'cp314-cp314t'), ('limited-abi3t', 'cp315-cp315t'),
                      ('gil-single-phase', 'cp313-cp313t'), ('cpp', 'cp315-cp315t')):
        site = support.unpack(built.wheel(name, tag), tmp_path / name)
        files += list(site.rglob('*.so'))
    files += sorted((support.ROOT / 'c_tests' / 'corpus').rglob('good-*'))
    status, lines, errors = run(abiscan, *files)
    # One universal file of the corpus has a slice that cannot be read.
    broken = [line['file'] for line in lines if any(part['status'] != 'ok' for part in line.get('slices', ()))]
    assert (status, errors) == (int(bool(broken)), '')
    assert [line['file'] for line in lines] == [os.fspath(file) for file in files]
    module = scanner.load()._module
    for line, file in zip(lines, files, strict=True):
        assert line.pop('file')
        assert (line.pop('status'), line.pop('message')) == ('ok', '')
        # A tuple has no JSON form of its own.
        assert line == json.loads(json.dumps(module.scan(file.read_bytes(), file.name.split('.')[0])))


def test_what_cannot_be_scanned_has_a_line_and_a_status(abiscan: pathlib.Path, tmp_path: pathlib.Path) -> None:
    text = tmp_path / 'quote"and\nline.so'
    text.write_bytes(b'#include <Python.h>')
    raw = os.fsencode(tmp_path) + b'/\xff\xe4.so'
    with open(raw, 'wb') as file:
        file.write(b'\x7fELF')
    status, lines, errors = run(abiscan, text, raw, tmp_path / 'missing.so', tmp_path)
    assert (status, errors) == (1, '')
    assert [line['status'] for line in lines] == ['not-a-binary', 'malformed', 'unreadable-file', 'unreadable-file']
    assert lines[0]['file'] == os.fspath(text)
    assert lines[1]['file'] == f'{tmp_path}/\\xff\\xe4.so'
    assert lines[2]['message'] == 'No such file or directory'
    assert all(set(line) == {'file', 'status', 'message'} for line in lines)


def test_usage(abiscan: pathlib.Path) -> None:
    assert run(abiscan)[0] == 2
    status, lines, errors = run(abiscan, '--json')
    assert (status, lines) == (2, [])
    assert errors.startswith('abiscan: unknown option --json\nusage: abiscan')
    assert subprocess.run([abiscan, '--help'], capture_output=True, check=True).stdout.startswith(b'usage: abiscan')
    assert b'CPython 3.' in subprocess.run([abiscan, '--version'], capture_output=True, check=True).stdout


def test_output_that_cannot_be_written_is_an_error(abiscan: pathlib.Path) -> None:
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([abiscan, support.ROOT / 'c_tests/corpus/elf/good-64-little'], stdout=full,
                              stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b'cannot write the output' in done.stderr
