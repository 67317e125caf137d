# SPDX-License-Identifier: MIT
"""`mesonbuild-ft setup`: `meson setup` with the plan applied, for people, editors and distributions.

The decisions, flags and files are those of a build by the backend. What Meson is told it remembers itself, so that
`meson compile`, `meson configure` and `meson setup --reconfigure` work on the directory as ever.
"""

from __future__ import annotations

import ast
import configparser
import contextlib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import typing

from .. import metadata, plan, report, settings as settings_, target_choice
from ..diagnostics import BuildRefused, refuse
from ..settings import Settings
from ..target_choice import Choice
from . import machine_files, setup, tools
from .setup import State


def run(build_dir: pathlib.Path, config: typing.Mapping[str, typing.Any], *, only_print: bool) -> int:
    """Configure the project in the current directory; returns the exit status. Raises BuildRefused.

    config: as config settings of a build; its setup-args are the arguments for Meson.
    only_print: print the arguments that `meson setup` takes for build_dir, which is not configured.
    """
    from .. import work_directory

    settings = settings_.load(pathlib.Path.cwd(), config)
    choice = target_choice.choose(settings)
    metadata.check_requires_python(metadata.static(settings), target_choice.version_text(choice))
    plan.before_setup(settings, choice.target)
    named, build_dir = build_dir, build_dir.absolute()
    with contextlib.ExitStack() as stack:
        if only_print:
            trial = stack.enter_context(work_directory.temporary(settings.source_dir)) / 'build'
            configure(settings, choice, trial, output=sys.stderr.fileno())
            print(_words(_arguments(trial, build_dir)))
            return 0
        build_dir = stack.enter_context(work_directory.kept(build_dir, settings.source_dir))
        state = configure(settings, choice, build_dir)
    assert state.plan is not None
    report.show(state.plan.notes)
    report.configured(choice.target, state.plan, named)
    return 0


def configure(
    settings: Settings, choice: Choice, build_dir: pathlib.Path, *options: str, mode: str = 'wheel',
    output: int | None = None,
) -> State:
    """Run Meson outside of meson-python; returns what was decided. Raises BuildRefused.

    options: before those of the settings. mode: as of tools.meson_environment. output: a file descriptor for what
    Meson prints.
    """
    own = setup.own_directory(build_dir)
    known = (build_dir / 'meson-private' / 'coredata.dat').is_file()
    own.mkdir(parents=True, exist_ok=True)
    native = own / 'running.ini'
    # As meson-python says it: otherwise Meson looks for a Python of its own.
    native.write_text(f'[binaries]\npython = {machine_files.quoted(sys.executable)}\n', encoding='utf-8')
    meson, ninja = tools.find_meson(settings), tools.find_ninja()
    request = setup.settings_to_json(settings)
    with tools.meson_environment(meson, ninja, request, choice, build_dir, mode):
        status = subprocess.run(
            [sys.executable, os.environ['MESON'], 'setup', *(['--reconfigure'] if known else []),
             os.fspath(settings.source_dir), os.fspath(build_dir), *options, *settings.setup_args,
             f'--native-file={native}'],
            stdout=output, check=False).returncode
    state = setup.read_state(build_dir)
    if state is not None and state.diagnostics:
        raise BuildRefused(*state.diagnostics)
    if status or state is None or state.plan is None:
        raise refuse(
            'meson-setup-failed', f'meson ended with status {status}', where='meson.build',
            advice='Correct what Meson says above.')
    return state


def _arguments(trial: pathlib.Path, build_dir: pathlib.Path) -> list[str]:
    """What Meson was given in the end, by its own record, with our files where build_dir keeps them."""
    own, kept = setup.own_directory(trial), setup.own_directory(build_dir)
    kept.mkdir(parents=True, exist_ok=True)
    for path in own.rglob('*'):
        copy = kept / path.relative_to(own)
        if path.is_file() and path.name != 'state.json':
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
            copy.write_text(path.read_text(encoding='utf-8').replace(
                os.fspath(own), os.fspath(kept)), encoding='utf-8')
    record = configparser.ConfigParser(delimiters=['='], interpolation=None)
    record.optionxform = str  # type: ignore[assignment,method-assign]
    record.read(trial / 'meson-private' / 'cmd_line.txt', encoding='utf-8')
    result = [f'-D{name}={value}' for name, value in record.items('options')]
    for kind in ('cross', 'native'):
        files = ast.literal_eval(record.get('properties', f'{kind}_file', fallback='[]'))
        result += [f'--{kind}-file={file}' for file in files]
    return [word.replace(os.fspath(own), os.fspath(kept)) for word in [os.fspath(build_dir), *result]]


def _words(arguments: list[str]) -> str:
    return subprocess.list2cmdline(arguments) if os.name == 'nt' else shlex.join(arguments)
