# SPDX-License-Identifier: MIT
"""The backend *in* a Windows Python, run by Wine: Meson and ninja run there, compilers are those of windows_compilers.

mesonbuild-ft comes from its own wheel for that interpreter, which is built here for it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing
import warnings

import support
import trees
import windows_compilers
import windows_python


_CACHE: typing.Final = support.ROOT / '.cache' / 'windows'
#: pypa/build and what it requires on Windows.
_FRONT_END: typing.Final = ('build', 'pyproject-hooks', 'colorama')
_BUILDER: typing.Final = 'cp311-cp311'
#: PATH is set inside: Wine's own way to set it is one for all processes.
_PATH: typing.Final = 'import os, sys; os.environ["PATH"] = sys.argv[2] + ";" + os.environ["PATH"]'
_HOOK: typing.Final = f'{_PATH}\n{support.HOOK}'


class NativePython:
    """A Windows interpreter with mesonbuild-ft and its requirements, and one of windows_compilers.PROGRAMS."""

    def __init__(self, tag: str, compilers: windows_compilers.Compilers) -> None:
        self.python = windows_python.WindowsPython(_prefix(tag))
        self.site = _site(tag)
        self._compilers = compilers
        compiler = compilers.compiler
        # MSVC is what Meson looks for itself.
        self._chosen = {} if compiler == 'cl' else {'CC': compiler, 'CXX': compiler.replace('gcc', 'g++')}
        programs = compilers.directory
        for name in ('ninja.exe', 'meson.exe'):
            if (self.site / name).exists() and not (programs / name).exists():
                shutil.copy2(self.site / name, programs)

    def run(
        self, module: str, *arguments: str, cwd: pathlib.Path, timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """`python -m module` there."""
        code = (f'{_PATH}; module = sys.argv[3]; sys.argv[1:4] = []; import runpy; '
                'runpy.run_module(module, run_name="__main__", alter_sys=True)')
        return self.python.run(
            '-c', code, '', windows_python.windows_path(self._compilers.directory), module, *arguments,
            path=[self.site], cwd=cwd, timeout=timeout,
            environment={**self._compilers.environment, **self._chosen})

    def build_wheel(
        self, project: pathlib.Path, config: typing.Mapping[str, typing.Any] | None = None,
        environment: typing.Mapping[str, str] | None = None, *, retried: bool = False,
    ) -> support.Result:
        """Call the hook there, in `project`."""
        output = project.with_name(f'{project.name}-output')
        answer = project.with_name(f'{project.name}-answer.json')
        output.mkdir(exist_ok=True)
        answer.unlink(missing_ok=True)
        arguments = [windows_python.windows_path(answer), 'mesonbuild_ft', 'build_wheel', [
            windows_python.windows_path(output), dict(config) if config else None]]
        done = self.python.run(
            '-c', _HOOK, json.dumps(arguments), windows_python.windows_path(self._compilers.directory),
            path=[self.site], cwd=project, timeout=600, environment={
                **self._compilers.environment, **self._chosen,
                **(environment or {})})
        if 'error[unreadable-file]' in done.stderr and not retried:
            # Seen once, with all tests running, and never again in 16 runs beside three busy processes: the summary of
            # pytest shows which file it was.
            warnings.warn(f'tried again under Wine: {done.stderr}', stacklevel=2)
            return self.build_wheel(project, config, environment, retried=True)
        value = json.loads(answer.read_text()) if answer.exists() else None
        assert (value is None) == (done.returncode != 0), done.stdout + done.stderr
        return support.Result(done.returncode, done.stdout, done.stderr, value, project, output)


@functools.cache
def _prefix(tag: str) -> pathlib.Path:
    """A copy of the interpreter that compilers of this side find headers in: sysconfig says Include, for include."""
    original = windows_python.python(tag).prefix
    prefix = _CACHE / 'prefixes' / original.name
    with support.locked(prefix.with_name(f'{prefix.name}.lock')):
        if not prefix.is_dir():
            unfinished = prefix.with_name(f'{prefix.name}-unfinished')
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(original, unfinished)
            (unfinished / 'Include').symlink_to('include')
            unfinished.rename(prefix)
    return prefix


@functools.cache
def _site(tag: str) -> pathlib.Path:
    """A directory for PYTHONPATH with mesonbuild-ft's wheel for this interpreter, and what it requires."""
    environments = support.load_environments()
    own = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:8]
    site = _CACHE / 'sites' / f'{tag}-{environments.source_digest()}-{own}'
    with support.locked(site.with_name(f'{tag}.lock')):
        return site if site.is_dir() else _make_site(tag, site, environments)


def _make_site(tag: str, site: pathlib.Path, environments: typing.Any) -> pathlib.Path:
    unfinished = site.with_name(f'unfinished-{tag}')
    for old in [unfinished, *site.parent.glob(f'{tag}-*')]:
        shutil.rmtree(old, ignore_errors=True)
    wheels = unfinished / 'wheels'
    wheels.mkdir(parents=True)
    # The wheel of mesonbuild-ft for Windows is built by mesonbuild-ft; not the one in the tree, which has no scanner.
    builder = environments.prepare([_BUILDER])[_BUILDER]
    config = {'target': os.fspath(windows_python.python(tag).prefix)}
    done = subprocess.run(
        [builder, '-P', '-c', f'import mesonbuild_ft; mesonbuild_ft.build_wheel({os.fspath(wheels)!r}, {config!r})'],
        cwd=support.ROOT, env=environments.environment(builder),
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    requirements = [re.split('[;]', r)[0] for r in environments.TOOLS if not r.startswith('tomli')]
    subprocess.run(
        [sys.executable, '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:',
         '--platform', 'win_amd64', '--no-deps', '-d', wheels, *requirements, *_FRONT_END], check=True)
    for wheel in sorted(wheels.glob('*.whl')):
        support.unpack(wheel, unfinished)
    for program in unfinished.glob('ninja-*.data/scripts/ninja.exe'):
        shutil.copy2(program, unfinished)
    unfinished.rename(site)
    return site


def need() -> None:
    """Skip the test, or fail it where CI is set, without the programs that the stand-ins hand their work to."""
    trees.need('clang', 'x86_64-w64-mingw32-g++-posix', 'wine', 'wineserver')
