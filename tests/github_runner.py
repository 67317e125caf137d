# SPDX-License-Identifier: MIT
"""Runs the steps of jobs and of composite actions of GitHub Actions here, as its runner does.

Every `run:` is run by the shell that it names, with files for outputs, environment, path and summary. Expressions are
evaluated, and files are parsed, by GitHub's own packages of npm. Actions that need GitHub are given as functions of
the test, by name: what these do instead is said there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import filecmp
import json
import os
import pathlib
import re
import shutil
import subprocess
import typing

import ruamel.yaml
import support
import trees


_PACKAGES: typing.Final = ('@actions/expressions@0.3.61', '@actions/workflow-parser@0.3.61')
_CACHE: typing.Final = support.ROOT / '.cache' / 'github-actions'
_PROGRAM: typing.Final = pathlib.Path(__file__).with_name('github_expressions.mjs')
_SHELLS: typing.Final = {
    # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
    'bash': ['bash', '--noprofile', '--norc', '-eo', 'pipefail'], '': ['bash', '-e']}
_EXPRESSION: typing.Final = re.compile(r'\$\{\{(.*?)\}\}', re.DOTALL)

Mapping = typing.Mapping[str, typing.Any]


class GitHub:
    """GitHub's parsers, in one process of node."""

    def __init__(self) -> None:
        trees.need('node', 'npm')
        with support.locked(_CACHE / 'lock'):
            # A program finds packages beside itself. Another process may be reading it.
            copy = _CACHE / _PROGRAM.name
            if not copy.exists() or not filecmp.cmp(_PROGRAM, copy, shallow=False):
                shutil.copy2(_PROGRAM, copy)
            wanted = ' '.join(_PACKAGES)
            done = _CACHE / 'installed.txt'
            if not done.is_file() or done.read_text() != wanted:
                installed = subprocess.run(
                    ['npm', 'install', '--silent', '--no-save', '--prefix', _CACHE, *_PACKAGES], capture_output=True,
                    text=True, check=False)
                if installed.returncode:
                    trees.missing(f'npm cannot get {wanted}: {installed.stderr}')
                done.write_text(wanted)
        self._process = subprocess.Popen(
            ['node', _CACHE / _PROGRAM.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()

    def _ask(self, request: Mapping) -> dict[str, typing.Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        return typing.cast(dict[str, typing.Any], json.loads(self._process.stdout.readline()))

    def errors(self, kind: typing.Literal['action', 'workflow'], text: str) -> list[str]:
        """What is wrong with a file: keys, and names in expressions."""
        return typing.cast(list[str], self._ask({'parse': kind, 'text': text})['errors'])

    def value(self, expression: str, contexts: Mapping, *, failed: bool = False) -> typing.Any:
        """The value of an expression, without its braces. failed: whether a step before did."""
        answer = self._ask({'expression': expression, 'contexts': contexts, 'failed': failed})
        assert 'error' not in answer, f'{expression}: {answer["error"]}'
        return answer['value']

    def expand(self, value: typing.Any, contexts: Mapping) -> typing.Any:
        """A value of a file with its expressions evaluated: a string that is one expression may become anything."""
        if isinstance(value, dict):
            return {key: self.expand(one, contexts) for key, one in value.items()}
        if not isinstance(value, str):
            return value
        whole = _EXPRESSION.fullmatch(value)
        if whole is not None:
            return self.value(whole[1], contexts)
        return _EXPRESSION.sub(lambda match: _text(self.value(match[1], contexts)), value)

    def holds(self, condition: typing.Any, contexts: Mapping, *, failed: bool) -> bool:
        """Whether an `if:` does; success() is implied where it names no such function."""
        text = 'true' if condition is None else str(condition)
        match = _EXPRESSION.fullmatch(text)
        text = match[1] if match else text
        if not re.search(r'\b(success|failure|always|cancelled)\s*\(', text):
            text = f'success() && ({text})'
        return bool(self.value(f'({text}) && true', contexts, failed=failed))


@dataclasses.dataclass
class Result:
    """What a job or an action did.

    succeeded: no step failed. outputs: of its steps, or of the action. text: what was printed. summary: in Markdown.
    ran: the names of the steps that ran.
    """

    succeeded: bool = True
    outputs: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    text: str = ''
    summary: str = ''
    ran: list[str] = dataclasses.field(default_factory=list)


#: An action that this machine cannot run: inputs and the job come in, outputs come out.
StandIn = typing.Callable[[dict[str, str], 'Job'], Mapping]


@dataclasses.dataclass
class Job:
    """One job on a machine of its own: a workspace, a temporary directory, and the variables of its environment.

    actions: name of an action without its version -> its directory, where it is a composite one, or a stand-in.
    """

    github: GitHub
    workspace: pathlib.Path
    temporary: pathlib.Path
    environment: dict[str, str]
    actions: Mapping
    contexts: dict[str, typing.Any] = dataclasses.field(default_factory=dict)

    def run(self, steps: typing.Sequence[Mapping], more: Mapping | None = None, action: pathlib.Path | None = None,
            ) -> Result:
        """Run steps, of the job or of a composite action. more: contexts such as `matrix` or `inputs`."""
        result = Result()
        contexts: dict[str, typing.Any] = {**self.contexts, **(more or {}), 'steps': {}, 'runner': {
            'os': 'Linux', 'arch': 'X64', 'temp': os.fspath(self.temporary)}}
        contexts.setdefault('github', {})
        if action is not None:
            contexts['github'] = {**contexts['github'], 'action_path': os.fspath(action)}
        for number, step in enumerate(steps):
            if not self.github.holds(step.get('if'), contexts, failed=not result.succeeded):
                continue
            variables = {key: _text(value) for key, value in self.github.expand(step.get('env', {}), contexts).items()}
            if 'uses' in step:
                done = self._use(step, contexts, variables)
            else:
                done = self._script(step, contexts, variables, action)
            result.ran.append(step.get('name') or step.get('uses') or f'step {number}')
            result.text += done.text
            result.summary += done.summary
            contexts['steps'][step.get('id', f'__{number}')] = {
                'outputs': done.outputs, 'outcome': 'success' if done.succeeded else 'failure'}
            result.succeeded &= done.succeeded
        result.outputs = {key: step['outputs'] for key, step in contexts['steps'].items()}
        return result

    def _use(self, step: Mapping, contexts: Mapping, variables: Mapping) -> Result:
        name = step['uses'].partition('@')[0]
        given = {key: _text(value) for key, value in self.github.expand(step.get('with', {}), contexts).items()}
        if not isinstance(self.actions[name], pathlib.Path):
            outside = self.environment
            self.environment = {**outside, **variables}
            outputs = self.actions[name](given, self)
            changed = {key: value for key, value in self.environment.items() if key not in variables}
            self.environment = {**outside, **changed}
            return Result(outputs=dict(outputs))
        directory = self.actions[name]
        read = load(directory / 'action.yml')
        assert set(given) <= set(read['inputs']), f'{name} has no such input'
        inputs = {key: given.get(key, _text(one.get('default', ''))) for key, one in read['inputs'].items()}
        done = self.run(read['runs']['steps'], {'inputs': inputs}, directory)
        steps = {key: {'outputs': outputs} for key, outputs in done.outputs.items()}
        known = {**self.contexts, 'steps': steps, 'inputs': inputs}
        done.outputs = {key: _text(self.github.expand(one['value'], known)) for key, one in read['outputs'].items()}
        return done

    def _script(self, step: Mapping, contexts: Mapping, variables: Mapping, action: pathlib.Path | None) -> Result:
        files = {name: self.temporary / f'_{name.lower()}' for name in (
            'GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'GITHUB_ENV', 'GITHUB_PATH')}
        for path in files.values():
            path.write_text('')
        environment = {
            **self.environment, **variables, **{name: os.fspath(path) for name, path in files.items()},
            'CI': 'true', 'GITHUB_ACTIONS': 'true', 'GITHUB_WORKSPACE': os.fspath(self.workspace),
            'RUNNER_TEMP': os.fspath(self.temporary), 'RUNNER_OS': 'Linux'}
        if action is not None:
            environment['GITHUB_ACTION_PATH'] = os.fspath(action)
        script = self.temporary / '_script.sh'
        script.write_text(self.github.expand(step['run'], contexts))
        done = subprocess.run(
            [*_SHELLS[step.get('shell', '')], script], cwd=self.workspace, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        outputs = dict(line.split('=', 1) for line in files['GITHUB_OUTPUT'].read_text().splitlines())
        for line in files['GITHUB_ENV'].read_text().splitlines():
            self.environment.update([line.split('=', 1)])
        for line in files['GITHUB_PATH'].read_text().splitlines():
            self.environment['PATH'] = os.pathsep.join([line, self.environment['PATH']])
        return Result(done.returncode == 0, outputs, done.stdout, files['GITHUB_STEP_SUMMARY'].read_text())


def load(path: pathlib.Path) -> dict[str, typing.Any]:
    """A YAML file."""
    # GitHub reads YAML 1.2, in which `on` is a string.
    return typing.cast(dict[str, typing.Any], ruamel.yaml.YAML(typ='safe', pure=True).load(path))


def _text(value: typing.Any) -> str:
    """As GitHub makes strings of values."""
    if value is None:
        return ''
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
