# SPDX-License-Identifier: MIT
"""An environment for each interpreter of this machine, with mesonbuild-ft built by itself installed.

    python tools/environments.py [--lowest] [--wheels DIRECTORY] [TAG ...]

They lie in .cache/environments/<python tag>-<abi tag>, are made once, and are brought up
to date when the sources of mesonbuild-ft change. With --lowest there is one more for each
of LOWEST, which holds the lowest versions of the tools that pyproject.toml allows. With --wheels
the wheels of mesonbuild-ft are copied to a directory, from which front ends can install them.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing


ROOT: typing.Final = pathlib.Path(__file__).resolve().parent.parent
CACHE: typing.Final = ROOT / '.cache'
TOOLS: typing.Final[tuple[str, ...]] = (
    'meson', 'meson-python', 'ninja', 'packaging', 'pyproject-metadata', 'tomli; python_version<"3.11"')
#: The lower bounds of pyproject.toml, tried with the oldest interpreter and with free-threaded ones. They are:
#: meson 1.3: the first with limited_api:. meson-python 0.21: the first that makes abi3t wheels.
#: ninja 1.8.2: what both require (1.9.0.post1 is the oldest that pip installs here).
#: packaging 24.2: the first with packaging.licenses. pyproject-metadata 0.9: the first with license expressions.
_LOWEST_TOOLS: typing.Final = (
    'meson==1.3.0', 'meson-python==0.21.0', 'ninja==1.9.0.post1', 'packaging==24.2', 'pyproject-metadata==0.9.0',
    'tomli==1.1.0; python_version<"3.11"')
LOWEST: typing.Final[dict[str, tuple[str, ...]]] = dict.fromkeys(
    ('cp310-cp310', 'cp314-cp314t', 'cp315-cp315t'), _LOWEST_TOOLS)
_PROBE = '''
import json, os, sys, sysconfig
suffix = sysconfig.get_config_var("EXT_SUFFIX") or ""
print(json.dumps({"version": sys.version_info[:3], "implementation": sys.implementation.name,
                  "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")), "suffix": suffix,
                  "headers": os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h"))}))
'''


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """An interpreter of this machine that builds can be tried with."""

    tag: str
    executable: str
    version: tuple[int, int, int]
    implementation: str
    free_threaded: bool


def interpreters() -> list[Interpreter]:
    """Those of /opt/python, pyenv and PATH, from 3.10 on; one for each tag, oldest version first.

    One without its headers cannot build anything and is left out, with a line on standard error.
    """
    install = ROOT.parent / 'shared' / 'python' / 'install'
    if install.is_file() and os.access('/opt', os.W_OK):
        subprocess.run(['sh', install], check=True)
    candidates = sorted(pathlib.Path('/opt/python').glob('*/bin/python'))
    candidates += sorted(pathlib.Path.home().glob('.pyenv/versions/*/bin/python'))
    for minor in range(10, 16):
        for name in (f'python3.{minor}', f'python3.{minor}t'):
            found = shutil.which(name)
            if found:
                candidates.append(pathlib.Path(found))
    candidates.append(pathlib.Path(sys.executable))
    result: dict[str, Interpreter] = {}
    for candidate in candidates:
        interpreter = probe(candidate)
        if interpreter is not None:
            result.setdefault(interpreter.tag, interpreter)
    return sorted(result.values(), key=lambda i: (i.implementation, i.version, i.free_threaded))


def probe(executable: pathlib.Path) -> Interpreter | None:
    """What an executable is; None where it is no interpreter of 3.10 or newer."""
    try:
        output = subprocess.run([executable, '-I', '-c', _PROBE], capture_output=True, text=True, check=True).stdout
        data = json.loads(output)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    version = tuple(data['version'])
    if version < (3, 10, 0):
        return None
    if not data['headers']:
        print(f'{executable}: its Python.h is not installed; left out', file=sys.stderr)
        return None
    short = f'{version[0]}{version[1]}'
    if data['implementation'] == 'cpython':
        words = data['suffix'].split('.')[1].split('-')
        tag = f'cp{short}-cp{words[1]}'
    elif data['implementation'] == 'pypy':
        tag = f'pp{short}-' + '_'.join(data['suffix'].split('.')[1].split('-')[:2])
    else:
        return None
    return Interpreter(tag, os.fspath(executable), version, data['implementation'], data['free_threaded'])


def prepare(tags: typing.Sequence[str] = (), *, lowest: bool = False) -> dict[str, pathlib.Path]:
    """Tag -> python of an up-to-date environment. All tags of the machine where none is named."""
    CACHE.mkdir(exist_ok=True)
    # Tests in several processes may ask at once.
    with open(CACHE / 'environments.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        chosen = [i for i in interpreters() if not tags or i.tag in tags]
        if not chosen:
            raise SystemExit('no interpreter of 3.10 or newer with its headers was found; '
                             'install one (Debian: python3-dev)')
        jobs: list[tuple[Interpreter, str, tuple[str, ...]]] = [(i, i.tag, TOOLS) for i in chosen]
        if lowest:
            jobs += [(i, f'lowest-{i.tag}', LOWEST[i.tag]) for i in chosen if i.tag in LOWEST]
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            pythons = list(pool.map(lambda job: _make(*job), jobs))
        _install_ourselves([(interpreter, python) for (interpreter, _, _), python in zip(jobs, pythons, strict=True)])
    return {name: python for (_, name, _), python in zip(jobs, pythons, strict=True)}


def _make(interpreter: Interpreter, name: str, requirements: typing.Sequence[str]) -> pathlib.Path:
    directory = CACHE / 'environments' / name
    python = directory / 'bin' / 'python'
    done = directory / 'requirements.txt'
    wanted = '\n'.join([interpreter.executable, *requirements])
    if done.is_file() and done.read_text() == wanted and python.exists():
        return python
    shutil.rmtree(directory, ignore_errors=True)
    environment = {**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'} if interpreter.implementation == 'pypy' else None
    subprocess.run(
        [interpreter.executable, '-m', 'venv', '--without-pip', directory], check=True, env=environment)
    pip_install(python, *requirements)
    done.write_text(wanted)
    return python


def pip_install(python: pathlib.Path, *arguments: str) -> None:
    """Install into another environment with the pip of this one (some interpreters have none)."""
    subprocess.run(
        [sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet', '--disable-pip-version-check',
         *arguments], check=True)


def _install_ourselves(environments: typing.Sequence[tuple[Interpreter, pathlib.Path]]) -> None:
    """Build mesonbuild-ft by itself, once for each wheel that is needed, and install it."""
    digest = source_digest()
    stale = [(i, p) for i, p in environments if _installed(p) != digest]
    wheels = CACHE / 'wheels' / digest
    if stale and wheels.parent.is_dir():
        for old in wheels.parent.iterdir():
            if old.name != digest:
                shutil.rmtree(old)
    for interpreter, python in stale:
        wheel = build_ourselves(interpreter, python, wheels)
        pip_install(python, '--no-deps', '--force-reinstall', os.fspath(wheel))
        (python.parent.parent / 'mesonbuild-ft.txt').write_text(digest)


def build_ourselves(interpreter: Interpreter, python: pathlib.Path, wheels: pathlib.Path) -> pathlib.Path:
    """The wheel of mesonbuild-ft for this interpreter; made unless one in `wheels` serves it."""
    wheels.mkdir(parents=True, exist_ok=True)
    short = f'cp{interpreter.version[0]}{interpreter.version[1]}'
    if interpreter.implementation == 'cpython' and not interpreter.free_threaded:
        pattern = '*-cp310-abi3-*.whl'
    elif interpreter.implementation == 'cpython' and interpreter.version >= (3, 15, 0):
        pattern = '*-abi3.abi3t-*.whl'
    elif interpreter.implementation == 'cpython':
        pattern = f'*-{short}-{short}t-*.whl'
    else:
        pattern = f'*-{interpreter.tag}-*.whl'
    found = sorted(wheels.glob(pattern))
    if not found:
        code = f'import mesonbuild_ft; mesonbuild_ft.build_wheel({os.fspath(wheels)!r})'
        log = wheels / f'{interpreter.tag}.log'
        with open(log, 'w') as output:
            status = subprocess.run(
                [python, '-c', code], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False,
                env=environment(python, PYTHONPATH=os.fspath(ROOT))).returncode
        found = sorted(wheels.glob(pattern))
        if status or not found:
            raise SystemExit(f'mesonbuild-ft could not build itself for {interpreter.tag}:\n{log.read_text()}')
    return found[0]


def environment(python: pathlib.Path, **extra: str) -> dict[str, str]:
    """os.environ with the environment's programs first in PATH."""
    path = os.pathsep.join([os.fspath(python.parent), os.environ.get('PATH', '')])
    return {**os.environ, 'PATH': path, 'PYTHONDONTWRITEBYTECODE': '1', **extra}


def source_digest() -> str:
    """A hash of everything that goes into the wheel of mesonbuild-ft."""
    digest = hashlib.sha256()
    files = [ROOT / 'pyproject.toml', ROOT / 'meson.build', ROOT / 'meson.options', ROOT / 'README.md']
    files += [p for p in (ROOT / 'mesonbuild_ft').rglob('*') if p.suffix != '.pyc' and '__pycache__' not in p.parts]
    files += (ROOT / 'docs' / 'reference' / 'diagnostics').glob('*.md')
    for file in sorted(files):
        if file.is_file():
            digest.update(file.relative_to(ROOT).as_posix().encode() + b'\0' + file.read_bytes() + b'\0')
    return digest.hexdigest()[:16]


def _installed(python: pathlib.Path) -> str:
    try:
        return (python.parent.parent / 'mesonbuild-ft.txt').read_text()
    except OSError:
        return ''


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('--lowest', action='store_true', help='also with the lowest versions of the tools')
    parser.add_argument('--wheels', type=pathlib.Path, metavar='DIRECTORY', help='copy the wheels there')
    parser.add_argument('tags', nargs='*', metavar='TAG', help='such as cp314-cp314t; all by default')
    arguments = parser.parse_args()
    for name, python in prepare(arguments.tags, lowest=arguments.lowest).items():
        print(f'{name:24} {python.relative_to(ROOT)}')
    if arguments.wheels is not None:
        arguments.wheels.mkdir(parents=True, exist_ok=True)
        for wheel in sorted((CACHE / 'wheels' / source_digest()).glob('*.whl')):
            shutil.copy2(wheel, arguments.wheels)
            print(arguments.wheels / wheel.name)


if __name__ == '__main__':
    main()
