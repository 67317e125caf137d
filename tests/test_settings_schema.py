# SPDX-License-Identifier: MIT
"""The JSON schema of [tool.mesonbuild-ft]: validate-pyproject finds it, and it says what the backend says."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import typing

import jsonschema
import pytest
import support

from mesonbuild_ft import settings, settings_schema
from mesonbuild_ft.diagnostics import BuildRefused
from mesonbuild_ft.matrix import settings as matrix_settings


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Tables, and whether the backend takes them.
TABLES: typing.Final = [
    ('', True), ('abi3t = true', True), ('abi3t = 1', False), ('abi3 = true', False), ('verify = "warn"', True),
    ('verify = "no"', False), ('gil = "not-used"', True), ('gil = true', False), ('import-libraries = true', True),
    ('import_libraries = true', False), ('matrix = {}', True), ('matrix = 1', False),
    ('[matrix]\nplatforms = ["linux", "win_amd64"]', True), ('[matrix]\nplatforms = ["beos"]', False),
    ('[matrix]\nplatforms = "linux"', False), ('[matrix]\npypy = "yes"', False), ('[matrix]\nend-of-life = true', True),
    ('[matrix.versions]\n"3.16" = {first-release = 2027-10-06, end-of-life = 2032-10-31}', True),
    ('[matrix.versions]\n"3.16" = {first-release = 2027-10-06}', False), ('[matrix.versions]\n"16" = {}', False),
    ('[matrix.runners.github]\nmacosx_arm64 = "macos-26"', True), ('[matrix.runners.github]\nbeos = "x"', False),
    ('[matrix.runners.jenkins]', False),
]


def accepts(table: dict[str, typing.Any]) -> bool:
    try:
        matrix_settings.parse(settings.parse_project_settings(table).matrix)
    except BuildRefused:
        return False
    return True


@pytest.mark.parametrize(('text', 'valid'), TABLES)
def test_schema_says_what_the_backend_says(text: str, valid: bool) -> None:
    table = tomllib.loads(text)
    assert accepts(table) == valid
    jsonschema.Draft7Validator.check_schema(settings_schema.schema())
    assert jsonschema.Draft7Validator(settings_schema.schema()).is_valid(table) == valid


def test_every_key_is_described() -> None:
    properties = settings_schema.schema()['properties']
    assert list(properties) == ['abi3t', 'verify', 'gil', 'import-libraries', 'advise', 'matrix']
    for value in [*properties.values(), *properties['matrix'].get('properties', {}).values()]:
        assert len(value['description']) > 8


def test_validate_pyproject_finds_it(environments: dict[str, pathlib.Path], tmp_path: pathlib.Path) -> None:
    """By the entry point of the wheel, installed beside it."""
    module = support.load_environments()
    wheel, = (module.CACHE / 'wheels' / module.source_digest()).glob('*-cp310-abi3-*.whl')
    subprocess.run([sys.executable, '-m', 'venv', tmp_path / 'venv'], check=True)
    python = tmp_path / 'venv' / 'bin' / 'python'
    subprocess.run([python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'validate-pyproject[all]',
                    wheel], check=True)
    project = support.copy_project('limited-abi3t', tmp_path) / 'pyproject.toml'
    good = subprocess.run([python, '-m', 'validate_pyproject', project], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    support.replace(project, 'abi3t = true', 'abi3t = "yes"')
    bad = subprocess.run([python, '-m', 'validate_pyproject', project], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert '`tool.mesonbuild-ft.abi3t` must be boolean' in bad.stdout + bad.stderr
