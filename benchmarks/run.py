# SPDX-License-Identifier: MIT
"""Compare mesonbuild-ft with bare meson-python, in pairs, in one run.

    python benchmarks/run.py [--runs N] [--tag TAG]

Each figure is the median over the runs: CPU seconds (user and system, all child processes
included) and wall time. The two commands take turns, so that both see the same machine. A
ratio is the median of the ratios pair by pair; below 1 means that mesonbuild-ft is cheaper.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing


ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, os.fspath(ROOT / 'tools'))
import environments  # noqa: E402


SOURCE = '''
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *unused) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, "42"}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030d0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "one", .m_methods = methods, .m_slots = slots};
PyMODINIT_FUNC PyInit_one(void) { return PyModuleDef_Init(&definition); }
'''
MESON = '''
project('one', 'c', version: '1.0')
py = import('python').find_installation(pure: false)
py.extension_module('one', 'one.c', install: true)
'''
PYPROJECT = '''
[build-system]
build-backend = "mesonpy"
requires = ["meson-python"]
[project]
name = "one"
{version}
'''
Command = typing.Sequence[typing.Union[str, os.PathLike[str]]]


@dataclasses.dataclass
class Cost:
    """CPU and wall seconds of one run."""

    cpu: float
    wall: float


@dataclasses.dataclass
class Side:
    """One of two commands: what to run, and what to do before each run, uncounted."""

    name: str
    command: Command
    prepare: typing.Callable[[], None] = lambda: None
    status: int = 0


def measure(side: Side, directory: pathlib.Path, environment: dict[str, str]) -> Cost:
    """Run it once."""
    side.prepare()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    result = subprocess.run(
        side.command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode != side.status:
        raise SystemExit(f'{side.name}: status {result.returncode}\n{result.stdout.decode()}')
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def compare(
    title: str, wanted: str, ours: Side, theirs: Side, directory: pathlib.Path, environment: dict[str, str], runs: int,
) -> None:
    """Let both take turns and print medians and ratios."""
    for side in (ours, theirs):
        measure(side, directory, environment)
    pairs = [(measure(ours, directory, environment), measure(theirs, directory, environment)) for _ in range(runs)]
    print(f'\n{title}')
    for side, costs in ((ours, [a for a, _ in pairs]), (theirs, [b for _, b in pairs])):
        cpu, wall = [c.cpu for c in costs], [c.wall for c in costs]
        print(f'  {side.name:34} CPU {statistics.median(cpu):6.3f} s ({min(cpu):.3f}–{max(cpu):.3f})   '
              f'wall {statistics.median(wall):6.3f} s')
    cpu_ratio = statistics.median(a.cpu / b.cpu for a, b in pairs)
    wall_ratio = statistics.median(a.wall / b.wall for a, b in pairs)
    print(f'  {"ratio":34} CPU {cpu_ratio:6.3f} ×{"":18} wall {wall_ratio:6.3f} ×   wanted: {wanted}', flush=True)


def call(python: pathlib.Path, module: str, hook: str, output: pathlib.Path, settings: dict[str, str]) -> Command:
    """A front end's call of one hook."""
    code = f'import {module}; {module}.{hook}({os.fspath(output)!r}, {settings!r})'
    return [python, '-c', code]


def project(directory: pathlib.Path, version: str = 'version = "1.0"', extra: str = '') -> pathlib.Path:
    """Write a project of one file."""
    directory.mkdir(parents=True)
    directory.joinpath('one.c').write_text(SOURCE)
    directory.joinpath('meson.build').write_text(MESON)
    directory.joinpath('pyproject.toml').write_text(PYPROJECT.format(version=version) + extra)
    return directory


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('--runs', type=int, default=7)
    parser.add_argument('--tag', default='cp311-cp311', help='the interpreter, as in tools/environments.py')
    arguments = parser.parse_args()
    runs = arguments.runs
    python = next(iter(environments.prepare([arguments.tag]).values()))
    environment = environments.environment(python)
    del environment['PYTHONDONTWRITEBYTECODE']
    versions = subprocess.run(
        [python, '-c', 'import importlib.metadata as m; print(*(f"{n} {m.version(n)}" for n in '
                       '("mesonbuild-ft", "meson-python", "meson", "ninja")), sep=", ")'],
        check=True, capture_output=True, text=True).stdout.strip()
    print(f'{platform.machine()}, {os.cpu_count()} CPUs, {arguments.tag}; {versions}; median of {runs} pairs')

    with tempfile.TemporaryDirectory(prefix='mesonbuild-ft-benchmark-') as name:
        temporary = pathlib.Path(name)
        output = temporary / 'output'
        output.mkdir()
        one = project(temporary / 'one')
        dynamic = project(temporary / 'dynamic', 'dynamic = ["version"]')

        compare('build_wheel, one C file (scan included)', '≤ 0.80 × CPU',
                Side('mesonbuild-ft', call(python, 'mesonbuild_ft', 'build_wheel', output, {})),
                Side('meson-python', call(python, 'mesonpy', 'build_wheel', output, {})), one, environment, runs)

        ours, theirs = temporary / 'build-ours', temporary / 'build-theirs'

        def touch() -> None:
            os.utime(one / 'one.c')

        for title, prepare in (('nothing changed', lambda: None), ('the C file touched', touch)):
            compare(f'build_wheel again in a persistent build directory, {title}', '≤ 0.75 × CPU',
                    Side('mesonbuild-ft', call(python, 'mesonbuild_ft', 'build_wheel', output,
                                               {'build-dir': os.fspath(ours)}), prepare),
                    Side('meson-python', call(python, 'mesonpy', 'build_wheel', output,
                                              {'build-dir': os.fspath(theirs)}), prepare), one, environment, runs)

        metadata = temporary / 'metadata'

        def clean() -> None:
            shutil.rmtree(metadata, ignore_errors=True)
            metadata.mkdir()

        prepare_metadata = call(python, 'mesonbuild_ft', 'prepare_metadata_for_build_wheel', metadata, {})
        build = call(python, 'mesonpy', 'build_wheel', output, {})
        compare('metadata of a static project, against building it', '≤ 0.10 × CPU',
                Side('mesonbuild-ft (metadata hook)', prepare_metadata, clean),
                Side('meson-python (has to build)', build), one, environment, runs)
        compare('metadata with the version in meson.build, against building it', '≤ 0.50 × CPU',
                Side('mesonbuild-ft (metadata hook)', prepare_metadata, clean),
                Side('meson-python (has to build)', build), dynamic, environment, runs)

        refused = project(temporary / 'refused', extra='[tool.meson-python]\nlimited-api = true\n')
        compare('a refusal: abi3t asked for on this interpreter; meson-python: a limited-API project without one',
                'before meson setup, not after',
                Side('mesonbuild-ft', call(python, 'mesonbuild_ft', 'build_wheel', output, {'abi': 'abi3t'}), status=1),
                Side('meson-python', call(python, 'mesonpy', 'build_wheel', output, {}), status=1),
                refused, environment, runs)


if __name__ == '__main__':
    main()
