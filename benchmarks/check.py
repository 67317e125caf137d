# SPDX-License-Identifier: MIT
"""Compare `mesonbuild-ft check` with abi3audit and abi3t-doctor over the same wheels, in one run.

    python benchmarks/check.py DIRECTORY [--runs N] [--tag TAG]

DIRECTORY holds wheels, such as .cache/real/wheels after the tests with MESONBUILD_FT_FULL=1. Figures are medians of
CPU seconds, all threads and child processes included, and of the largest resident memory. The commands take turns.
The floor is the start of Python and inflating every module with zlib. A ratio above 1 means that we are cheaper.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
import typing


ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, os.fspath(ROOT / 'tools'))
import environments  # noqa: E402


FLOOR = '''
import sys, zipfile
for path in sys.argv[1:]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".so", ".pyd")):
                archive.read(name)
'''
PEERS: typing.Final = ('abi3audit', 'abi3t-doctor')


class Cost(typing.NamedTuple):
    """One run: CPU and wall seconds, and the largest resident memory of a process in KiB."""

    cpu: float
    wall: float
    memory: int


def measure(command: typing.Sequence[typing.Union[str, os.PathLike[str]]]) -> Cost:
    """Run it once; what it prints and its status, which tells of findings, do not matter here."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss)


def tools(name: str, *requirements: str) -> pathlib.Path:
    """The bin directory of an environment with these programs."""
    directory = environments.CACHE / 'benchmarks' / name
    python = directory / 'bin' / 'python'
    if not python.exists():
        subprocess.run([sys.executable, '-m', 'venv', '--without-pip', directory], check=True)
        environments.pip_install(python, *requirements)
    return python.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('directory', type=pathlib.Path)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--tag', default='cp311-cp311', help='the interpreter, as in tools/environments.py')
    arguments = parser.parse_args()
    wheels = sorted(map(os.fspath, arguments.directory.glob('*.whl')))
    if not wheels:
        raise SystemExit(f'{arguments.directory} holds no wheels')
    python = next(iter(environments.prepare([arguments.tag]).values()))
    peers = tools('peers', *PEERS)
    commands: dict[str, list[typing.Union[str, os.PathLike[str]]]] = {
        'mesonbuild-ft check': [python.with_name('mesonbuild-ft'), 'check', *wheels],
        'floor': [python, '-c', FLOOR, *wheels],
        'abi3audit': [peers / 'abi3audit', *wheels],
        'abi3t-doctor': [peers / 'abi3t-doctor', 'wheel', *wheels],
    }
    size = sum(os.path.getsize(wheel) for wheel in wheels)
    print(f'{platform.machine()}, {os.cpu_count()} CPUs, {arguments.tag}; {len(wheels)} wheels of {size / 1e6:.0f} MB; '
          f'median of {arguments.runs} runs')
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for run in range(arguments.runs + 1):
        for name, command in commands.items():
            cost = measure(command)
            if run:
                costs[name].append(cost)
    ours = costs['mesonbuild-ft check']
    for name, theirs in costs.items():
        ratio = statistics.median(a.cpu / b.cpu for a, b in zip(theirs, ours, strict=True))
        print(f'  {name:22} CPU {statistics.median(c.cpu for c in theirs):7.3f} s   '
              f'wall {statistics.median(c.wall for c in theirs):7.3f} s   '
              f'memory {statistics.median(c.memory for c in theirs) / 1024:6.0f} MiB   {ratio:6.2f} ×')


if __name__ == '__main__':
    main()
