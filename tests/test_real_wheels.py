# SPDX-License-Identifier: MIT
"""Real wheels of other people, of three platforms (tests/real/wheels.toml): nothing false is said of them."""

from __future__ import annotations

import collections
import hashlib
import os
import pathlib
import subprocess
import sys
import typing

import pytest
import support

from mesonbuild_ft import check, scanner, tags
from mesonbuild_ft.subjects import Options


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


WHEELS: typing.Final[list[dict[str, typing.Any]]] = [
    entry for entry in tomllib.loads(
        (support.ROOT / 'tests' / 'real' / 'wheels.toml').read_text(encoding='utf-8'))['wheel']
    if entry.get('ci') or os.environ.get('MESONBUILD_FT_FULL')]


def fetch(file: str, sha256: str) -> pathlib.Path:
    """The wheel, downloaded by pip as for an interpreter and a platform of its tags, and kept in .cache."""
    directory = support.load_environments().CACHE / 'real' / 'wheels'
    path = pathlib.Path(directory, file)
    if not path.is_file():
        name = tags.parse_wheel_name(file)
        version = tags.version_of_python_tag(name.python.split('.')[0]) or (3, 12)
        command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps',
                   '--only-binary', ':all:', '--implementation', 'cp', '--python-version', tags.version_text(version),
                   '--dest', os.fspath(directory), f'{name.name}=={name.version}']
        command += [word for abi in name.abi.split('.') for word in ('--abi', abi)]
        command += [word for platform in name.platform.split('.') for word in ('--platform', platform)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    return path


@pytest.mark.parametrize('entry', WHEELS, ids=lambda entry: entry['file'].removesuffix('.whl'))
def test_real_wheel(entry: dict[str, typing.Any]) -> None:
    path = fetch(entry['file'], entry['sha256'])
    result, = check.check([os.fspath(path)], scanner.load(), Options())
    assert sorted({f'{finding.severity} {finding.identifier}' for finding in result.found}) == entry['findings']
    assert result.modules
    if 'gil' in entry:
        assert collections.Counter(part.gil for module in result.modules for part in module.parts) == entry['gil']
