# SPDX-License-Identifier: MIT
"""Interpreters to build with, and wheels that several tests share."""

from __future__ import annotations

import os
import pathlib
import shutil
import typing

import pytest
import support


@pytest.fixture(scope='session')
def environments() -> dict[str, pathlib.Path]:
    """Tag -> python of an environment that has mesonbuild-ft, built from this checkout, and its tools."""
    return support.load_environments().prepare()


class Interpreters:
    """The interpreters of this machine by tag."""

    def __init__(self, environments: dict[str, pathlib.Path]) -> None:
        self._environments = dict(environments)
        old = [*sorted(pathlib.Path.home().glob('.pyenv/versions/3.9*/bin/python')), shutil.which('python3.9')]
        for path in old:
            if path:
                self._environments.setdefault(support.OLDEST, pathlib.Path(path))

    def get(self, tag: str) -> pathlib.Path:
        """The interpreter; the test is skipped where there is none, and fails with CI set."""
        if tag in self._environments:
            return self._environments[tag]
        if os.environ.get('CI'):
            pytest.fail(f'no interpreter {tag}, and CI is set')
        return pytest.skip(f'no interpreter {tag} on this machine')


@pytest.fixture(scope='session')
def interpreters(environments: dict[str, pathlib.Path]) -> Interpreters:
    return Interpreters(environments)


@pytest.fixture
def project(tmp_path: pathlib.Path) -> typing.Callable[[str], pathlib.Path]:
    """A fresh copy of a project of tests/packages."""
    def copy(name: str) -> pathlib.Path:
        return support.copy_project(name, tmp_path)
    return copy


Hook = typing.Callable[..., support.Result]


@pytest.fixture
def hook(interpreters: Interpreters) -> Hook:
    """Call a hook: hook(tag, name, project, output=…, config=…, environment=…)."""
    def call(tag: str, name: str, project: pathlib.Path, *arguments: typing.Any, **options: typing.Any) -> support.Result:
        return support.call_hook(interpreters.get(tag), name, project, *arguments, **options)
    return call


class Built:
    """build_wheel of an unchanged fixture project; each is built once in a session."""

    def __init__(self, interpreters: Interpreters, directory: pathlib.Path) -> None:
        self._interpreters = interpreters
        self._directory = directory
        self._results: dict[tuple[typing.Any, ...], support.Result] = {}
        self._unpacked: dict[pathlib.Path, pathlib.Path] = {}

    def result(self, name: str, tag: str, **config: str) -> support.Result:
        """What the hook did; config settings as keywords."""
        key = (name, tag, *sorted(config.items()))
        python = self._interpreters.get(tag)
        if key not in self._results:
            directory = self._directory / str(len(self._results))
            directory.mkdir()
            self._results[key] = support.call_hook(
                python, 'build_wheel', support.copy_project(name, directory), config=config,
                environment={'SOURCE_DATE_EPOCH': '1700000000'})
        return self._results[key]

    def wheel(self, name: str, tag: str, **config: str) -> pathlib.Path:
        """The wheel; the test fails where the build did."""
        return self.result(name, tag, **config).path

    def imported(self, wheel: pathlib.Path, tag: str) -> support.Imported:
        """Import all extension modules of a wheel in a fresh interpreter of this tag. Raises ImportFailed."""
        if wheel not in self._unpacked:
            self._unpacked[wheel] = support.unpack(wheel, self._directory / f'unpacked-{len(self._unpacked)}')
        return support.import_modules(
            self._interpreters.get(tag), self._unpacked[wheel], sorted(support.modules(wheel)))


@pytest.fixture(scope='session')
def built(interpreters: Interpreters, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(interpreters, tmp_path_factory.mktemp('built'))
