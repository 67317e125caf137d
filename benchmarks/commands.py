# SPDX-License-Identifier: MIT
"""Measure the commands that people wait for at a prompt, beside cibuildwheel's that answers a like question.

    python benchmarks/commands.py [--runs N]

Medians of wall and CPU seconds of whole processes, which take turns. A ratio above 1 means that we are faster.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import typing

from check import Cost, measure


ROOT: typing.Final = pathlib.Path(__file__).resolve().parent.parent
PROJECT: typing.Final = ROOT / 'tests' / 'packages' / 'limited-abi3t'
OURS: typing.Final = [sys.executable, '-m', 'mesonbuild_ft']
COMMANDS: typing.Final[dict[str, list[str]]] = {
    'matrix': [*OURS, 'matrix', str(PROJECT)],
    'matrix --format github': [*OURS, 'matrix', str(PROJECT), '--format', 'github'],
    'start of Python': [sys.executable, '-c', 'pass'],
    'cibuildwheel --print-build-identifiers': [
        sys.executable, '-m', 'cibuildwheel', '--print-build-identifiers', '--platform', 'linux', str(PROJECT)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('--runs', type=int, default=9, metavar='N')
    arguments = parser.parse_args()
    costs: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.runs):
        for name, command in COMMANDS.items():
            costs[name].append(measure(command))
    peer = statistics.median(cost.wall for cost in costs['cibuildwheel --print-build-identifiers'])
    for name, values in costs.items():
        wall, cpu = (statistics.median(value) for value in zip(*((c.wall, c.cpu) for c in values), strict=True))
        print(f'{name:40} {wall:6.3f} s   {cpu:6.3f} CPU s   {peer / wall:5.1f} x')


if __name__ == '__main__':
    main()
