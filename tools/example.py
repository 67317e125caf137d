# SPDX-License-Identifier: MIT
"""Run `mesonbuild-ft wheels` in examples/greeting, for every interpreter of this machine or those that are named.

    python tools/example.py [PYTHON ...]

mesonbuild-ft is not on a package index yet: the wheels of this checkout, built by itself, take that place.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import environments


def main() -> int:
    # The interpreter that runs this has every program that is needed, so it builds for all.
    here = environments.probe(pathlib.Path(sys.executable))
    assert here is not None
    print('Building mesonbuild-ft by itself …', flush=True)
    python = environments.prepare([here.tag])[here.tag]
    wheels = os.fspath(environments.CACHE / 'wheels' / environments.source_digest())
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get('PATH', os.defpath)])
    command = [python, '-P' if here.version >= (3, 11, 0) else '-s', '-m', 'mesonbuild_ft', 'wheels', *sys.argv[1:]]
    return subprocess.run(
        command, cwd=environments.ROOT / 'examples' / 'greeting', check=False,
        env={**os.environ, 'PATH': path, 'PIP_FIND_LINKS': wheels, 'UV_FIND_LINKS': wheels}).returncode


if __name__ == '__main__':
    sys.exit(main())
