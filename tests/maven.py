# SPDX-License-Identifier: MIT
"""Real interpreters of Windows (built by MSVC) and macOS (built by Apple's clang), from Maven Central."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import subprocess
import typing
import zipfile

import support
import trees


VERSION: typing.Final = (3, 14, 3)
_ARTIFACT: typing.Final = 'org.bytedeco:cpython:3.14.3-1.5.13'
_PLUGIN: typing.Final = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1'
_DIRECTORY: typing.Final = support.ROOT / '.cache' / 'maven'
#: Classifier of the artifact -> SHA-256 of the jar.
_HASHES: typing.Final = {
    'windows-x86_64': '3291bf3d8f405335ac21dbe55780521fdfd295b0f9f43f7e6e8c55bedd709cb3',
    'macosx-arm64': '49a3055dc8f182744736f0c832f7637f0d515da7830b2049fa7da9f86220dbb1',
    'macosx-x86_64': '16f6d92143248378b57cee445924b2c3388020abfc8982ffb6a6ba64d6d7bb23',
}


def tree(classifier: str) -> pathlib.Path:
    """The prefix directory of CPython 3.14.3 for a machine, e.g. 'macosx-arm64'; downloaded and unpacked once."""
    root = _DIRECTORY / classifier
    with support.locked(_DIRECTORY / 'lock'):
        if not root.is_dir():
            _unpack(_download(classifier), classifier, root)
    return root


def _download(classifier: str) -> pathlib.Path:
    """The jar. Its contents are checked: a test must not run what someone else has put there."""
    trees.need('mvn')
    try:
        subprocess.run(
            ['mvn', '--batch-mode', '--quiet', f'{_PLUGIN}:copy', f'-Dartifact={_ARTIFACT}:jar:{classifier}',
             f'-DoutputDirectory={_DIRECTORY}'],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=300)
    except subprocess.CalledProcessError as error:
        trees.missing(f'{_ARTIFACT} for {classifier} cannot be had: {error.stdout}{error.stderr}')
    _, name, version = _ARTIFACT.split(':')
    jar = _DIRECTORY / f'{name}-{version}-{classifier}.jar'
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    assert found == _HASHES[classifier], f'{jar} is another file: its SHA-256 is {found}'
    return jar


def _unpack(jar: pathlib.Path, classifier: str, root: pathlib.Path) -> None:
    work = root.with_name(f'{root.name}-unfinished')
    shutil.rmtree(work, ignore_errors=True)
    inside = f'org/bytedeco/cpython/{classifier}/'
    with zipfile.ZipFile(jar) as archive:
        # Without CPython's own tests, the half of it.
        archive.extractall(work, [
            name for name in archive.namelist() if name.startswith(inside) and '/test/' not in name])
    (work / inside).rename(root)
    shutil.rmtree(work)
    jar.unlink()
