# SPDX-License-Identifier: MIT
"""mesonbuild-ft builds itself: the right wheels, and a scanner that never switches the GIL on."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing

import pytest
import support


ROOT = pathlib.Path(__file__).resolve().parent.parent

#: The interpreter that builds, the tags of the wheel, and the interpreters that the wheel admits.
WHEELS = [
    ('cp310-cp310', 'cp310-abi3',
     ['cp310-cp310', 'cp311-cp311', 'cp312-cp312', 'cp313-cp313', 'cp314-cp314', 'cp315-cp315']),
    ('cp313-cp313t', 'cp313-cp313t', ['cp313-cp313t']),
    ('cp314-cp314t', 'cp314-cp314t', ['cp314-cp314t']),
    ('cp315-cp315t', 'cp315-abi3.abi3t', ['cp315-cp315t', 'cp315-cp315']),
]
SCAN = '''
import json, sys, threading, warnings
warnings.simplefilter("error")
from mesonbuild_ft import _abiscan
data = open(_abiscan.__file__, "rb").read()
results = []
threads = [threading.Thread(target=lambda: results.append(_abiscan.scan(data, "_abiscan"))) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(results) == 8 and all(r == results[0] for r in results)
print(json.dumps([results[0]["format"], getattr(sys, "_is_gil_enabled", lambda: True)(), _abiscan.__file__]))
'''


@pytest.fixture(scope='module')
def own_wheels(environments: dict[str, pathlib.Path], tmp_path_factory: pytest.TempPathFactory) -> typing.Any:
    """Builder tag -> the wheel of this checkout, built by its own backend."""
    module = support.load_environments()
    known = {i.tag: i for i in module.interpreters()}
    directory = tmp_path_factory.mktemp('own')

    def wheel(tag: str) -> pathlib.Path:
        if tag not in environments:
            pytest.skip(f'no interpreter {tag} on this machine')
        return typing.cast(pathlib.Path, module.build_ourselves(known[tag], environments[tag], directory))
    return wheel


@pytest.mark.parametrize(('builder', 'tag', 'admitted'), WHEELS, ids=[w[1] for w in WHEELS])
def test_own_wheel(
    builder: str, tag: str, admitted: list[str], own_wheels: typing.Any, interpreters: typing.Any,
    tmp_path: pathlib.Path,
) -> None:
    wheel = own_wheels(builder)
    assert f'-{tag}-' in wheel.name
    support.check_record(wheel)
    site = support.unpack(wheel, tmp_path / 'site')
    package = pathlib.Path('mesonbuild_ft')
    assert {path.relative_to(site) for path in site.joinpath(package).rglob('*.py')} == {
        path.relative_to(ROOT) for path in ROOT.joinpath(package).rglob('*.py')}, 'mesonbuild_ft/meson.build lists them'
    for other in admitted:
        result = subprocess.run(
            [interpreters.get(other), '-c', SCAN], env={**os.environ, 'PYTHONPATH': os.fspath(site)}, cwd=tmp_path,
            capture_output=True, text=True, check=False)
        assert result.returncode == 0, f'{other}: {result.stderr}'
        file_format, gil, loaded = json.loads(result.stdout)
        assert file_format == 'elf'
        assert gil is not support.free_threaded(other)
        assert pathlib.Path(loaded).is_relative_to(site)


def test_pip_installs_from_the_sdist(environments: dict[str, pathlib.Path], tmp_path: pathlib.Path) -> None:
    """pip builds the sdist in an isolated environment, with requirements from the registry."""
    python = environments['cp311-cp311'] if 'cp311-cp311' in environments else next(iter(environments.values()))
    checkout = support.copy_checkout(tmp_path / 'checkout')
    sdist = support.call_hook(python, 'build_sdist', checkout, environment={'PYTHONPATH': os.fspath(checkout)})
    assert sdist.path.name.endswith('.tar.gz')
    subprocess.run([sys.executable, '-m', 'venv', tmp_path / 'venv'], check=True)
    new = tmp_path / 'venv' / 'bin' / 'python'
    subprocess.run([new, '-m', 'pip', 'install', '--quiet', sdist.path], check=True, cwd=tmp_path)
    subprocess.run([new, '-c', SCAN], check=True, cwd=tmp_path)
