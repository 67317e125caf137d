# SPDX-License-Identifier: MIT
"""Build the real projects of projects.toml with our hooks and with bare meson-python, and import what came out.

    python tests/real/real_projects.py [ID ...] [--interpreter TAG ...]

writes RESULTS.md; with ID or TAG only those rows are measured anew. The sdists and the last output of each
build lie in .cache/real; what the projects require is added to the environments of tools/environments.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import functools
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import typing


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support


HERE: typing.Final = pathlib.Path(__file__).resolve().parent
environments: typing.Final = support.load_environments()
CACHE: typing.Final = environments.CACHE / 'real'

#: pip asks the build backend for metadata before it hands over an sdist. This stands in for the backend,
#: and answers from PKG-INFO instead of compiling the project.
_METADATA_ONLY: typing.Final = '''
import pathlib
def prepare_metadata_for_build_wheel(directory, config_settings=None):
    text = pathlib.Path('PKG-INFO').read_text(encoding='utf-8')
    fields = dict(line.split(': ', 1) for line in text.split('\\n\\n', 1)[0].splitlines() if ': ' in line)
    info = pathlib.Path(directory, fields['Name'].replace('-', '_') + '-' + fields['Version'] + '.dist-info')
    info.mkdir()
    info.joinpath('METADATA').write_text(text, encoding='utf-8')
    return info.name
'''

#: Import a module, try it, and tell whether the GIL stayed off and which modules the interpreter blames.
_TRY: typing.Final = '''
import json, re, sys, warnings
directory, name, expression = json.loads(sys.argv[1])
sys.path.insert(0, directory)
enabled = getattr(sys, "_is_gil_enabled", lambda: True)
before = enabled()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    __import__(name)
    top = name.partition(".")[0]
    if not eval(expression, {top: sys.modules[top]}):
        raise SystemExit("false: " + expression)
blamed = [re.search("load module '([^']+)'", str(w.message)) for w in caught]
print(json.dumps({"before": before, "after": enabled(), "blamed": [m[1] for m in blamed if m]}))
'''

_TAGS: typing.Final = 'import packaging.tags; print(*packaging.tags.sys_tags(), sep="\\n")'


@dataclasses.dataclass(frozen=True)
class Project:
    """An entry of projects.toml; see there for each field."""

    id: str
    name: str
    version: str
    sha256: str
    about: str
    modules: dict[str, str]
    gil: str
    overlay: str = ''
    config: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    requires: list[str] = dataclasses.field(default_factory=list)
    wheels: dict[str, str] = dataclasses.field(default_factory=dict)
    fails: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    only: list[str] = dataclasses.field(default_factory=lambda: list(support.ALL))
    ci: list[str] | None = None

    def interpreters(self, *, full: bool) -> list[str]:
        """The interpreters to build with: all that the entry is for, or those of an ordinary test run."""
        return [tag for tag in self.only if full or self.ci is None or tag in self.ci]

    def wheel_tag(self, tag: str) -> str:
        """The interpreter and ABI tags that the wheel built on `tag` must have."""
        if tag in self.wheels:
            return self.wheels[tag]
        return self.wheels.get('gil', tag) if tag in support.GIL else tag


@dataclasses.dataclass(frozen=True)
class Trial:
    """Importing and trying one module of a wheel in one interpreter. error: '' where it works."""

    tag: str
    module: str
    error: str = ''
    gil_before: bool = True
    gil_after: bool = True
    blamed: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Build:
    """What one backend made of one project on one interpreter.

    announced: METADATA from the metadata hook, None where the backend has none.
    """

    project: Project
    tag: str
    backend: str
    result: support.Result
    trials: tuple[Trial, ...]
    announced: bytes | None

    @property
    def wheel(self) -> pathlib.Path | None:
        return self.result.path if self.result.status == 0 else None

    @property
    def works(self) -> bool:
        """Whether there is a wheel, and all its modules work in every interpreter that it is for."""
        return self.result.status == 0 and bool(self.trials) and not any(trial.error for trial in self.trials)

    @property
    def wheel_tag(self) -> str:
        """Interpreter and ABI tags of the wheel; '' where there is none."""
        return '-'.join(self.wheel.name[:-4].split('-')[-3:-1]) if self.wheel else ''

    @property
    def error(self) -> str:
        """The first line that says what is wrong."""
        for line in self.result.text.splitlines():
            plain = re.sub(r'\x1b\[[0-9;]*m', '', line).strip()
            if re.search(r'error[:\[]|ERROR:|Error:', plain):
                return plain
        return f'status {self.result.status}'

    @property
    def verified(self) -> dict[str, str]:
        """Module -> what the summary says of it."""
        lines = [line.split(None, 1)[1] for line in self.result.stdout.splitlines() if line.startswith('  verified  ')]
        pairs = [line.split(': ', 1) for line in lines if ': ' in line]
        return {path.split('.', 1)[0].replace('/', '.'): said for path, said in pairs}


def load() -> dict[str, Project]:
    """projects.toml."""
    table = tomllib.loads(HERE.joinpath('projects.toml').read_text(encoding='utf-8'))
    return {key: Project(id=key, **values) for key, values in table.items()}


def sdist(project: Project) -> pathlib.Path:
    """The sdist, fetched by pip where it is not there yet. Raises where its hash is another one."""
    directory = CACHE / 'sdists'
    with support.locked(CACHE / 'sdists.lock'):
        for path in directory.glob('*.tar.gz') if directory.is_dir() else ():
            if hashlib.sha256(path.read_bytes()).hexdigest() == project.sha256:
                return path
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            work = pathlib.Path(name)
            backend = work / 'backend'
            backend.joinpath('setuptools').mkdir(parents=True)
            backend.joinpath('setuptools', '__init__.py').touch()
            for file in ('mesonpy.py', 'setuptools/build_meta.py'):
                backend.joinpath(file).write_text(_METADATA_ONLY, encoding='utf-8')
            requirements = work / 'requirements.txt'
            requirements.write_text(f'{project.name}=={project.version} --hash=sha256:{project.sha256}\n')
            subprocess.run(
                [sys.executable, '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps',
                 '--no-binary', ':all:', '--no-build-isolation', '--require-hashes', '--dest', work / 'files',
                 '--requirement', requirements], check=True, env={**os.environ, 'PYTHONPATH': os.fspath(backend)})
            file, = work.joinpath('files').iterdir()
            directory.mkdir(exist_ok=True)
            return file.rename(directory / file.name)


def source(project: Project, directory: pathlib.Path, *, backend: str) -> pathlib.Path:
    """The unpacked sdist with the overlay added and the build backend named."""
    with tarfile.open(sdist(project)) as archive:
        archive.extractall(directory, filter='data')
    result, = directory.iterdir()
    pyproject = result / 'pyproject.toml'
    text, changed = re.subn(
        r'(?m)^build-backend\s*=.*$', f'build-backend = "{backend}"', pyproject.read_text(encoding='utf-8'))
    assert changed == 1, pyproject
    if project.overlay:
        for path in sorted(HERE.joinpath(project.overlay).iterdir()):
            if path.name == 'pyproject.append.toml':
                text += path.read_text(encoding='utf-8')
            else:
                shutil.copyfile(path, result / path.name)
    pyproject.write_text(text, encoding='utf-8')
    return result


@functools.cache
def _interpreters() -> dict[str, typing.Any]:
    return {interpreter.tag: interpreter for interpreter in environments.interpreters()}


def available() -> list[str]:
    """The tags of this machine's interpreters."""
    return list(_interpreters())


@functools.cache
def _prepared() -> dict[str, pathlib.Path]:
    return dict(environments.prepare())


@functools.cache
def environment(tag: str, requires: tuple[str, ...] = ()) -> pathlib.Path:
    """The python of the environment for this interpreter, with what is required added to it."""
    python = _prepared()[tag]
    record = python.parent.parent / 'real-projects.txt'
    with support.locked(CACHE / f'{tag}.lock'):
        lines = record.read_text().splitlines() if record.is_file() else []
        missing = [r for r in requires if r not in lines]
        if missing:
            # The newest release that has a wheel: compiling NumPy takes longer than all the rest.
            environments.pip_install(python, '--only-binary=numpy', *missing)
            record.write_text('\n'.join([*lines, *missing]) + '\n')
    return python


@functools.cache
def _accepted_tags(tag: str) -> frozenset[str]:
    """The wheel tags that an installer accepts for this interpreter."""
    output = subprocess.run([environment(tag), '-c', _TAGS], capture_output=True, text=True, check=True).stdout
    return frozenset(output.split())


def admitted(wheel: pathlib.Path, project: Project) -> dict[str, pathlib.Path]:
    """The interpreters that an installer would install the wheel for: tag -> python."""
    wanted = set(support.whl_tags(wheel))
    # As meson-python writes it: one line with the compressed set.
    pythons, abis, platforms = (part.split('.') for part in wheel.name[:-4].split('-')[-3:])
    wanted |= {f'{p}-{a}-{m}' for p in pythons for a in abis for m in platforms}
    result = {
        tag: environment(tag, tuple(project.requires)) for tag in available() if wanted & _accepted_tags(tag)}
    for old in sorted(pathlib.Path.home().glob('.pyenv/versions/3.9*/bin/python')):
        # It has no environment: nothing is built with it.
        if any(t.startswith('cp39-abi3') for t in wanted):
            result[support.OLDEST] = old
    return result


def build(project: Project, tag: str, directory: pathlib.Path, *, backend: str = 'mesonbuild_ft') -> Build:
    """Call the hooks as a front end does, and try the wheel in every interpreter that it is for."""
    directory.mkdir(parents=True)
    python = environment(tag, tuple(project.requires))
    tree = source(project, directory / 'source', backend=backend)
    metadata = directory / 'metadata'
    announced = None
    if backend == 'mesonbuild_ft':
        described = support.call_hook(
            python, 'prepare_metadata_for_build_wheel', tree, metadata, project.config, backend=backend)
        if described.status == 0:
            announced = (described.path / 'METADATA').read_bytes()
    result = support.call_hook(
        python, 'build_wheel', tree, directory / 'wheels', project.config, backend=backend,
        metadata_directory=described.path if announced is not None else None)
    log = CACHE / 'logs' / project.id / f'{tag}.{backend}.log'
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f'{result.stdout}\n=== standard error\n{result.stderr}', encoding='utf-8')
    trials: list[Trial] = []
    if result.status == 0:
        unpacked = support.unpack(result.path, directory / 'unpacked')
        for other, interpreter in admitted(result.path, project).items():
            trials += [try_import(other, interpreter, unpacked, *item) for item in project.modules.items()]
    shutil.rmtree(directory / 'source')
    return Build(project, tag, backend, result, tuple(trials), announced)


def try_import(tag: str, python: pathlib.Path, directory: pathlib.Path, module: str, expression: str) -> Trial:
    done = subprocess.run(
        [python, '-c', _TRY, json.dumps([os.fspath(directory), module, expression.strip()])], cwd=directory,
        capture_output=True, text=True, env=support.clean_environment(python), check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        fatal = [line for line in lines if line.startswith('Fatal Python error')]
        return Trial(tag, module, [*lines, *fatal][-1] if lines else f'status {done.returncode}')
    answer = json.loads(done.stdout.splitlines()[-1])
    return Trial(tag, module, '', answer['before'], answer['after'], tuple(answer['blamed']))


def main() -> None:
    """Build with ours and with bare meson-python, keep each row in .cache/real, and write RESULTS.md from the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('ids', nargs='*', metavar='ID', help='as in projects.toml; all by default')
    parser.add_argument('--interpreter', action='append', metavar='TAG', help='such as cp314-cp314t; all by default')
    arguments = parser.parse_args()
    kept = CACHE / 'rows.json'
    rows: dict[str, Row] = json.loads(kept.read_text()) if kept.is_file() else {}
    for project in load().values():
        for tag in project.only if not arguments.ids or project.id in arguments.ids else ():
            if tag not in available() or (arguments.interpreter and tag not in arguments.interpreter):
                continue
            with tempfile.TemporaryDirectory() as name:
                ours = build(project, tag, pathlib.Path(name, 'ours'))
                bare = build(project, tag, pathlib.Path(name, 'bare'), backend='mesonpy')
                row = _row(ours, bare)
            rows[f'{project.id} {tag}'] = row
            kept.write_text(json.dumps(rows, indent=1))
            print(f'{project.id:18} {tag:20} {row["ours"]} | {row["gil"]} | {row["diagnostics"]} | {row["bare"]}',
                  flush=True)
    HERE.joinpath('RESULTS.md').write_text(_results(rows), encoding='utf-8')


Row = dict[str, str]


def _row(ours: Build, bare: Build) -> Row:
    """What the table says of one project on one interpreter."""
    commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=support.ROOT, capture_output=True, text=True,
                            check=True).stdout.strip()
    return {
        'ours': _cell(ours),
        'tried': ' '.join(dict.fromkeys(support.short(t.tag) for t in ours.trials if not t.error)),
        'gil': _gil(ours),
        'diagnostics': ', '.join(dict.fromkeys(ours.result.findings())),
        'bare': _cell(bare),
        'commit': commit,
        'date': datetime.date.today().isoformat(),
    }


def _cell(made: Build) -> str:
    """One build in one cell of the table: the wheel's tags and where it fails to import, or the error."""
    if made.result.status:
        return 'no wheel: ' + made.error.replace('|', '\\|')
    text = f'`{made.wheel_tag}`'
    broken = sorted({support.short(t.tag) for t in made.trials if t.error}, key=lambda t: (len(t), t))
    if broken:
        text += f'; **fails to import in {", ".join(broken)}**'
    return text


def _gil(made: Build) -> str:
    """What became of the GIL when the wheel's modules were imported in free-threaded interpreters."""
    seen = [t for t in made.trials if not t.error and not t.gil_before]
    if not seen:
        return ''
    return 'on' if any(t.gil_after for t in seen) else 'off'


def _versions() -> str:
    names = ('meson', 'meson-python', 'ninja', 'cython', 'pybind11', 'numpy', 'vcs-versioning')
    code = f'import importlib.metadata as m; print(*(n + " " + m.version(n) for n in {names!r}), sep=", ")'
    tag = 'cp314-cp314'
    requires = tuple(r for p in load().values() for r in p.requires)
    return subprocess.run([environment(tag, requires), '-c', code], capture_output=True, text=True, check=True
                          ).stdout.strip()


def _results(rows: typing.Mapping[str, Row]) -> str:
    """RESULTS.md."""
    pythons = ', '.join(
        f'{support.short(i.tag)} {".".join(map(str, i.version))}' for i in _interpreters().values())
    dates = ', '.join(sorted({row['date'] for row in rows.values()}))
    commits = ', '.join(dict.fromkeys(row['commit'] for row in rows.values()))
    lines = [
        '<!-- SPDX-License-Identifier: MIT -->', '# Real projects, built by mesonbuild-ft and by bare meson-python', '',
        'Written by `python tests/real/real_projects.py`; the projects are those of `projects.toml`.',
        'A wheel is imported, and each of its modules tried, in every interpreter here that an installer would '
        'install it for ("tried in").', 'GIL: what it is after the import in a free-threaded interpreter.', '',
        f'- {dates}; {platform.system()} {platform.machine()}, {" ".join(platform.libc_ver())}',
        f'- mesonbuild-ft at or shortly after the commits {commits}',
        f'- {_versions()} (in the environment of cp314)', f'- {pythons}', '',
    ]
    for project in load().values():
        own = [(tag, rows[f'{project.id} {tag}']) for tag in project.only if f'{project.id} {tag}' in rows]
        if not own:
            continue
        lines += [f'## {project.id}: {project.name} {project.version}', '', project.about + '.', '']
        if project.config:
            lines += ['Config settings: ' + ', '.join(f'`-C{k}={v}`' for k, v in project.config.items()) + '.', '']
        lines += ['| interpreter | mesonbuild-ft | tried in | GIL | diagnostics | bare meson-python |',
                  '|-|-|-|-|-|-|']
        for tag, row in own:
            lines.append(f'| {support.short(tag)} | {row["ours"]} | {row["tried"]} | {row["gil"]} | '
                         f'{row["diagnostics"]} | {row["bare"]} |')
        lines.append('')
        for tag, (_, why) in project.fails.items():
            lines += [f'{support.short(tag)}: {why}.', '']
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
