# SPDX-License-Identifier: MIT
"""Run meson-python's own tests with the hooks of mesonbuild-ft in place of its own.

    python swapped_hooks.py SUITE EXPECTED TAG REPORT

SUITE is the directory of an unpacked meson-python sdist, EXPECTED the table of differences, TAG
names this interpreter there, and REPORT is the JSON file to write. pytest is run in this process,
by the interpreter that mesonbuild-ft, meson-python and pytest are installed for.

A test belongs to the hooks when it calls one of them (`mesonpy.build_wheel`, ...) or uses a wheel,
sdist or editable wheel that a fixture of the suite made with one. All others look into
meson-python (Project, _tags, _rpath, ...), would run unchanged here, and are deselected.
"""

from __future__ import annotations

import ast
import fnmatch
import functools
import inspect
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import threading
import typing
import venv

import mesonpy
import pytest

import mesonbuild_ft


HOOKS: typing.Final = (
    'build_wheel', 'build_sdist', 'build_editable',
    'get_requires_for_build_wheel', 'get_requires_for_build_sdist', 'get_requires_for_build_editable',
)
_BUILT = re.compile(r'(?:wheel|sdist|editable)_')


class Plugin:
    """Select the tests that go through the hooks, expect the known differences, record the outcomes."""

    def __init__(self, expected: list[dict[str, typing.Any]]) -> None:
        self.expected = expected
        self.matched: set[str] = set()
        self.deselected: list[str] = []
        self.outcomes: dict[str, dict[str, str]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        selected, rest = [], []
        for item in items:
            (selected if goes_through_hooks(item) else rest).append(item)
        items[:] = selected
        self.deselected = [item.nodeid for item in rest]
        config.hook.pytest_deselected(items=rest)
        for item in selected:
            for entry in self.expected:
                if fnmatch.fnmatchcase(item.nodeid, _literal_brackets(entry['test'])):
                    self.matched.add(entry['test'])
                    item.add_marker(pytest.mark.xfail(strict=True, reason=entry['reason']))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != 'call' and report.outcome == 'passed':
            return
        outcome = report.outcome
        if hasattr(report, 'wasxfail') and outcome == 'skipped':
            outcome = 'xfailed'
        if self.outcomes.get(report.nodeid, {}).get('outcome') != 'failed':
            self.outcomes[report.nodeid] = {'outcome': outcome, 'text': report.longreprtext + _captured(report)}


def goes_through_hooks(item: pytest.Item) -> bool:
    """Whether the test calls a hook, or uses what a fixture made by calling one."""
    if any(_BUILT.match(name) for name in getattr(item, 'fixturenames', ())):
        return True
    tree = ast.parse(textwrap.dedent(inspect.getsource(item.function)))  # type: ignore[attr-defined]
    return any(
        isinstance(node, ast.Attribute) and node.attr in HOOKS
        and isinstance(node.value, ast.Name) and node.value.id == 'mesonpy'
        for node in ast.walk(tree))


def swap_hooks(calls: dict[str, int]) -> None:
    """Make mesonpy.<hook> ours for the tests; what mesonbuild-ft itself calls stays meson-python's."""
    inside = threading.local()

    def swapped(name: str) -> typing.Callable[..., typing.Any]:
        original, ours = getattr(mesonpy, name), getattr(mesonbuild_ft, name)

        @functools.wraps(original)
        def hook(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
            if getattr(inside, 'ours', False):
                return original(*args, **kwargs)
            calls[name] = calls.get(name, 0) + 1
            inside.ours = True
            try:
                return ours(*args, **kwargs)
            finally:
                inside.ours = False

        return hook

    for name in HOOKS:
        setattr(mesonpy, name, swapped(name))


def show_meson_by_name() -> None:
    """Let the suite see `meson` where meson-python starts the program that mesonbuild-ft names in MESON.

    test_user_args takes commands apart by their first word. What is started stays the same.
    """
    find, run = mesonpy._get_meson_command, mesonpy.Project._run
    found: list[list[str]] = []

    @functools.wraps(find)
    def get_meson_command(*args: typing.Any, **kwargs: typing.Any) -> list[str]:
        command = find(*args, **kwargs)
        if pathlib.PurePath(command[-1]).parts[-3:] != ('mesonbuild_ft', 'meson', 'command.py'):
            return command
        found[:] = [command]
        return ['meson']

    @functools.wraps(run)
    def run_command(self: mesonpy.Project, command: typing.Sequence[str]) -> None:
        if command[0] == 'meson' and found:
            command = [*found[0], *command[1:]]
        run(self, command)

    mesonpy._get_meson_command = get_meson_command
    mesonpy.Project._run = run_command


def share_pip(directory: pathlib.Path) -> None:
    """Copy pip into the suite's virtual environments instead of installing it anew in each: half of the time.

    `directory` is the site-packages directory of this environment, which has a pip.
    """
    def setup_pip(self: venv.EnvBuilder, context: typing.Any) -> None:
        command = [context.env_exe, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']
        target = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        for source in (directory / 'pip', *directory.glob('pip-*.dist-info')):
            shutil.copytree(source, pathlib.Path(target, source.name), copy_function=os.link)

    venv.EnvBuilder._setup_pip = setup_pip


def _literal_brackets(pattern: str) -> str:
    """A node identifier with * as the only wildcard: [ opens parameters, not a set of characters."""
    return pattern.replace('[', '[[]')


def _captured(report: pytest.TestReport) -> str:
    return ''.join(f'\n--- {title}\n{text}' for title, text in report.sections)


def main(suite: str, expected_file: str, tag: str, report_file: str, *pytest_arguments: str) -> int:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    table = tomllib.loads(pathlib.Path(expected_file).read_text(encoding='utf-8'))
    plugin = Plugin([e for e in table.get('difference', []) if tag in e.get('interpreters', [tag])])
    calls: dict[str, int] = {}
    swap_hooks(calls)
    show_meson_by_name()
    share_pip(pathlib.Path(mesonpy.__file__).parent.parent)
    os.chdir(suite)
    status = int(pytest.main(
        ['-p', 'no:cacheprovider', '-o', 'addopts=--strict-markers --strict-config', *pytest_arguments],
        plugins=[plugin]))
    pathlib.Path(report_file).write_text(json.dumps({
        'status': status,
        'meson-python': mesonpy.__version__,
        'outcomes': plugin.outcomes,
        'deselected': plugin.deselected,
        'calls': calls,
        'unmatched': [e['test'] for e in plugin.expected if e['test'] not in plugin.matched],
    }), encoding='utf-8')
    return status


if __name__ == '__main__':
    # This directory is not part of what is tested.
    del sys.path[0]
    sys.exit(main(*sys.argv[1:]))
