# SPDX-License-Identifier: MIT
"""Fuzz the scanner with libFuzzer, which clang brings, under the address and undefined-behaviour sanitizers.

    python tools/fuzz.py [--minutes N] [--directory DIRECTORY] [elf|macho|pe|wasm|scan ...]

The targets run side by side. What they find interesting is kept in DIRECTORY, .cache/fuzz otherwise, and begins with
c_tests/corpus; a finding ends that target, and its input is kept there. Exit status 1: something was found.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import typing


ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / 'c_tests' / 'corpus'
#: Target -> the corpora that it begins with.
TARGETS: typing.Final = {'elf': ['elf'], 'macho': ['macho'], 'pe': ['pe'], 'wasm': ['wasm'],
                         'scan': ['elf', 'macho', 'pe', 'wasm']}
#: Larger inputs are slow, and every structure fits.
LONGEST: typing.Final = 1 << 16


def build(target: str, directory: pathlib.Path) -> pathlib.Path:
    """The fuzzer of a target. Raises CalledProcessError."""
    library = [path for path in (ROOT / 'mesonbuild_ft' / 'abiscan').glob('*.c')
               if path.name not in ('binding.c', 'command.c')]
    program = directory / f'fuzz_{target}'
    subprocess.run(
        ['clang', '-std=c11', '-g', '-O1', '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=undefined',
         '-I', ROOT / 'mesonbuild_ft' / 'abiscan', '-o', program, ROOT / 'c_tests' / 'fuzz.c',
         ROOT / 'c_tests' / f'fuzz_{target}.c', *library], check=True)
    return program


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('targets', nargs='*', metavar='target', help=f'of {", ".join(TARGETS)}; all of them')
    parser.add_argument('--minutes', type=float, default=60)
    parser.add_argument('--directory', type=pathlib.Path, default=ROOT / '.cache' / 'fuzz')
    arguments = parser.parse_args()
    targets = arguments.targets or list(TARGETS)
    unknown = set(targets) - set(TARGETS)
    if unknown:
        parser.error(f'no such target: {", ".join(sorted(unknown))}')
    if shutil.which('clang') is None:
        print('fuzz: clang is missing, which has libFuzzer', file=sys.stderr)
        return 2
    running: dict[str, subprocess.Popen[bytes]] = {}
    programs = {}
    for target in targets:
        (arguments.directory / target / 'corpus').mkdir(parents=True, exist_ok=True)
        programs[target] = build(target, arguments.directory / target)
    for target, program in programs.items():
        directory = arguments.directory / target
        command: list[typing.Union[str, os.PathLike[str]]] = [
            program, f'-max_total_time={round(arguments.minutes * 60)}', f'-max_len={LONGEST}',
            '-timeout=100', '-rss_limit_mb=1024', '-print_final_stats=1', f'-artifact_prefix={directory}/',
            directory / 'corpus', *(CORPUS / name for name in TARGETS[target])]
        with open(directory / 'log', 'wb') as log:
            running[target] = subprocess.Popen(command, stdout=log, stderr=log)
    failed = False
    start = time.monotonic()
    for target, process in running.items():
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log_text = (arguments.directory / target / 'log').read_text(errors='replace')
        runs = re.search(r'number_of_executed_units: *(\d+)', log_text)
        print(f'fuzz: {target}: status {process.returncode}, {runs[1] if runs else "?"} runs, '
              f'{(used.ru_utime + used.ru_stime) / 60:.1f} processor minutes in {(time.monotonic() - start) / 60:.1f}')
        failed = failed or process.returncode != 0
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
