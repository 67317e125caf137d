# SPDX-License-Identifier: MIT
"""Build the scanner with every compiler of this machine, warnings as errors, and run its C tests.

    python tools/c_tests.py

Each compiler is used twice: plain, and with the address and undefined-behaviour sanitizers.
With CI set, a missing compiler is an error; elsewhere it is skipped with a line.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys


ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / '.cache' / 'c-tests'
COMPILERS = {'gcc': 'g++', 'clang': 'clang++'}


def main() -> int:
    programs = pathlib.Path(sys.executable).parent
    meson = [os.fspath(programs / 'meson')]
    for compiler, cxx in COMPILERS.items():
        if shutil.which(compiler) is None:
            if os.environ.get('CI'):
                print(f'c_tests: {compiler} is missing, and CI needs it', file=sys.stderr)
                return 1
            print(f'c_tests: skipped with {compiler}: it is not installed')
            continue
        environment = {**os.environ, 'CC': compiler, 'CXX': cxx,
                       'PATH': os.pathsep.join([os.fspath(programs), os.environ.get('PATH', '')])}
        for kind, options in {
            'plain': ['-Dbuildtype=release'],
            'sanitized': [f'--native-file={ROOT / "c_tests" / "sanitizers.ini"}'],
        }.items():
            build = BUILD / f'{compiler}-{kind}'
            shutil.rmtree(build, ignore_errors=True)
            print(f'c_tests: {compiler}, {kind}', flush=True)
            directory = os.fspath(build)
            for command in (
                [*meson, 'setup', directory, os.fspath(ROOT), '-Dtests=true', '-Dwerror=true', *options],
                [*meson, 'compile', '-C', directory],
                [*meson, 'test', '-C', directory, '--print-errorlogs'],
            ):
                quiet = command[1] != 'test'
                result = subprocess.run(
                    command, env=environment, check=False, stdout=subprocess.PIPE if quiet else None,
                    stderr=subprocess.STDOUT if quiet else None, text=True)
                if result.returncode != 0:
                    print(result.stdout or '', file=sys.stderr)
                    return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
