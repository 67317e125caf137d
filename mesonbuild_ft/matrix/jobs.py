# SPDX-License-Identifier: MIT
"""Which wheels a project needs, who builds each, and who tests it.

Pure: settings, modules, versions and platforms go in, a Matrix comes out. What an interpreter
would build is asked of plan.py, so that this cannot differ from what a build does.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing

from .. import metadata, plan, tags
from ..diagnostics import refuse
from ..settings import Settings
from ..tags import Version
from ..target import MACHINES, Target
from .data import PLATFORMS, PYPY, VERSIONS, Platform, PythonVersion, System
from .settings import MatrixSettings


@dataclasses.dataclass(frozen=True, order=True)
class Interpreter:
    """A version and build of Python."""

    implementation: typing.Literal['cpython', 'pypy']
    version: Version
    free_threaded: bool = False

    @property
    def identifier(self) -> str:
        """As in cibuildwheel's build identifiers: 'cp314t', 'pp311'."""
        kind = 'cp' if self.implementation == 'cpython' else 'pp'
        return f'{kind}{self.version[0]}{self.version[1]}{"t" if self.free_threaded else ""}'

    @property
    def request(self) -> str:
        """How actions/setup-python, uv and nox are asked for it: '3.14t', 'pypy3.11'."""
        kind = '' if self.implementation == 'cpython' else 'pypy'
        return f'{kind}{tags.version_text(self.version)}{"t" if self.free_threaded else ""}'

    @property
    def tox(self) -> str:
        """The name of a tox environment: 'py314t', 'pypy311'."""
        return f'{"py" if self.implementation == "cpython" else "pypy"}{self.identifier[2:]}'

    def target(self, platform: Platform) -> Target:
        """As the decisions want to know it."""
        machine = MACHINES[platform.machine]
        python_tag = self.identifier.rstrip('t')
        return Target(
            implementation=self.implementation, version=(*self.version, 0), release_level='final',
            free_threaded=self.free_threaded, debug=False, trace_refs=False, platform=platform.tag,
            python_tag=python_tag,
            abi_tag=self.identifier if self.implementation == 'cpython' else PYPY[self.version],
            extension_suffixes=(), pointer_size=machine.pointer_size, byte_order=machine.byte_order, include_dir='',
            defines_gil_disabled=self.free_threaded, libc=platform.libc, system=platform.system,
            machine=platform.machine)


@dataclasses.dataclass(frozen=True)
class Wheel:
    """A wheel of one platform, or of all.

    python, abi: its tags. builder: who builds it.
    serves: every interpreter that its tags admit. reasons: of the decision, in words.
    """

    python: str
    abi: str
    builder: Interpreter
    serves: tuple[Interpreter, ...]
    reasons: tuple[str, ...]

    @property
    def tag(self) -> str:
        """Without the platform: 'cp39-abi3'."""
        return f'{self.python}-{self.abi}'


@dataclasses.dataclass(frozen=True)
class Job:
    """One job of CI.

    interpreter: that it runs. preferred: an installer that has all wheels to choose from takes this one there.
    """

    wheel: Wheel
    platform: Platform
    interpreter: Interpreter
    preferred: bool = True

    @property
    def artifact(self) -> str:
        """What the wheel is called between jobs: 'cp39-abi3-win_amd64'. No two build jobs have one name."""
        return f'{self.wheel.tag}-{"any" if self.wheel.abi == "none" else self.platform.name}'

    @property
    def build_identifier(self) -> str:
        """cibuildwheel's: 'cp311-win_amd64'."""
        return f'{self.interpreter.identifier}-{self.platform.name}'


@dataclasses.dataclass(frozen=True)
class Matrix:
    """What to build and to test.

    name: of the project. date: for which the versions were chosen.
    requires_python: of the project, '' without. floor: of the modules, None without.
    interpreters: all that are served on some platform; platforms: all that were asked for.
    left_out: what is not there, and why; reasons may be the same for several.
    plans: of each platform by name, what each interpreter would build if it were asked: its tag.
    prerelease: some of the interpreters are not released at that date.
    """

    name: str
    date: datetime.date
    requires_python: str
    floor: Version | None
    interpreters: tuple[Interpreter, ...]
    platforms: tuple[Platform, ...]
    builds: tuple[Job, ...]
    tests: tuple[Job, ...]
    left_out: tuple[tuple[str, str], ...]
    plans: typing.Mapping[str, typing.Mapping[Interpreter, str]]
    runners: typing.Mapping[System, typing.Mapping[str, str]]
    prerelease: bool = False

    @property
    def wheels(self) -> tuple[Wheel, ...]:
        """Each wheel once, though several platforms have it."""
        return tuple({job.wheel.tag: job.wheel for job in self.builds}.values())

    def runner(self, system: System, platform: Platform) -> str:
        """The machine of a CI service; '' where it lends none."""
        return self.runners.get(system, {}).get(platform.name, platform.runners.get(system, ''))

    def hosted(self, system: System) -> tuple[list[Job], list[Job], list[str]]:
        """What can run on the machines of a CI service: build jobs, test jobs; names of platforms without one."""
        builds = [job for job in self.builds if self.runner(system, job.platform)]
        built = {job.artifact for job in builds}
        tests = [job for job in self.tests if self.runner(system, job.platform) and job.artifact in built]
        have = {job.platform.name for job in tests}
        return builds, tests, [platform.name for platform in self.platforms if platform.name not in have]


def compute(
    settings: Settings, configured: plan.Configured, wanted: MatrixSettings, date: datetime.date, *,
    pure: bool = False,
) -> Matrix:
    """The matrix of a project. Raises BuildRefused where it cannot be built, or nothing is left.

    configured: the modules. pure: there is nothing to compile.
    """
    project = settings.pyproject.get('project', {})
    requires_python = project.get('requires-python', '')
    interpreters, left_out, prerelease = _interpreters(requires_python, wanted, date)
    platforms = tuple(
        platform for platform in PLATFORMS
        if not wanted.platforms or {platform.name, platform.group} & set(wanted.platforms))
    builds: list[Job] = []
    tests: list[Job] = []
    plans: dict[str, dict[Interpreter, str]] = {}
    for platform in platforms:
        present = [one for one in interpreters if _published(one, platform)]
        if pure:
            wheels, plans[platform.name] = _pure(present), {}
        else:
            wheels, plans[platform.name] = _wheels(settings, configured, present, platform)
        # A pure wheel serves every platform: it is built once, and tested on each.
        builds += [Job(wheel, platform, wheel.builder) for wheel in wheels if not (pure and builds)]
        for one in present:
            admitting = [wheel for wheel in wheels if one in wheel.serves]
            if not admitting:
                left_out.append((one.request, 'mesonbuild-ft needs Python 3.10 to build for it'))
            preferred = max(admitting, key=lambda wheel: tags.preference(wheel.python, wheel.abi), default=None)
            tests += [Job(wheel, platform, one, wheel == preferred) for wheel in admitting]
    tests.sort(key=lambda job: (platforms.index(job.platform), _order(job.wheel), job.interpreter))
    served = {job.interpreter for job in tests}
    if not served:
        raise refuse(
            'no-interpreter-left', 'no version of Python is left to build for', where='pyproject.toml',
            advice='Left out are: ' + '; '.join(
                f'{name} ({reason})' for name, reason in dict.fromkeys(left_out))
            + '. See requires-python and [tool.mesonbuild-ft.matrix].')
    return Matrix(
        name=str(project.get('name', settings.source_dir.name)), date=date, requires_python=requires_python,
        floor=configured.floor if settings.limited_api else None,
        interpreters=tuple(one for one in interpreters if one in served), platforms=platforms,
        builds=tuple(builds), tests=tuple(tests), left_out=tuple(dict.fromkeys(left_out)), plans=plans,
        runners=wanted.runners, prerelease=prerelease)


def admits(python_tag: str, abi_tag: str, interpreter: Interpreter) -> bool:
    """Whether a wheel with these tags can be installed in the interpreter, its platform apart.

    https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/ and PEP 803.
    """
    own = interpreter.identifier.rstrip('t')
    if abi_tag == 'none':
        return True
    if interpreter.implementation != 'cpython':
        return python_tag == own
    if not abi_tag.startswith('abi3'):
        return python_tag == own and abi_tag == interpreter.identifier
    return tags.stable_abi_serves(
        python_tag, abi_tag, interpreter.version, free_threaded=interpreter.free_threaded)


def _interpreters(
    requires_python: object, wanted: MatrixSettings, date: datetime.date,
) -> tuple[list[Interpreter], list[tuple[str, str]], bool]:
    """What is wanted; what is not, with the reason; whether some are not released yet."""
    specifiers = metadata.requires_python(requires_python)

    def required(version: Version) -> bool:
        # As cibuildwheel does: ">= 3.11.4" admits 3.11, since its newer releases are admitted.
        return specifiers.contains(f'{tags.version_text(version)}.99')

    found: list[Interpreter] = []
    left_out: list[tuple[str, str]] = []
    prerelease = False
    known: dict[Version, PythonVersion] = {one.version: one for one in (*VERSIONS, *wanted.versions)}
    for version in sorted(known):
        text = tags.version_text(version)
        if not required(version):
            left_out.append((text, f'requires-python is {requires_python}'))
            continue
        if known[version].end_of_life < date and not wanted.end_of_life:
            left_out.append((text, 'end of life'))
            continue
        if known[version].first_release > date:
            if not wanted.prereleases:
                left_out.append((text, 'not released yet'))
                continue
            prerelease = True
        found.append(Interpreter('cpython', version))
        if known[version].free_threaded == 'experimental' and not wanted.experimental:
            left_out.append((f'{text}t', 'experimental'))
        elif known[version].free_threaded != 'no':
            found.append(Interpreter('cpython', version, free_threaded=True))
    if wanted.pypy:
        found += [Interpreter('pypy', version) for version in PYPY if required(version)]
    return found, left_out, prerelease


def _published(interpreter: Interpreter, platform: Platform) -> bool:
    if interpreter.implementation == 'pypy':
        return platform.pypy
    return interpreter.version >= platform.first


def _wheels(
    settings: Settings, configured: plan.Configured, present: typing.Sequence[Interpreter], platform: Platform,
) -> tuple[list[Wheel], dict[Interpreter, str]]:
    """The fewest wheels that serve every interpreter, and what each of these would build itself."""
    plans = {one: plan.decide(settings, one.target(platform), configured) for one in present}
    asked = {one: f'{made.python_tag}-{made.abi_tag}' for one, made in plans.items()}
    wheels = []
    for tag in dict.fromkeys(asked.values()):
        # With the oldest nothing newer gets into a stable-ABI wheel, and cibuildwheel takes it first as well.
        able = [one for one in present if asked[one] == tag and one.version >= tags.OLDEST_BUILDER]
        if able:
            # Where both builds can, the free-threaded one also shows that the GIL stays off.
            builder = min(able, key=lambda one: (not one.free_threaded, one))
            made = plans[builder]
            wheels.append(Wheel(
                made.python_tag, made.abi_tag, builder,
                tuple(one for one in present if admits(made.python_tag, made.abi_tag, one)), made.reasons))
    return sorted(_fewest(wheels), key=_order), asked


def _fewest(wheels: typing.Sequence[Wheel]) -> list[Wheel]:
    """The smallest choice of wheels that serves as many interpreters as all of them."""
    everyone = {one for wheel in wheels for one in wheel.serves}
    needed = [wheel for wheel in wheels
              if any(sum(one in other.serves for other in wheels) == 1 for one in wheel.serves)]
    rest = [wheel for wheel in wheels if wheel not in needed]
    for size in range(len(rest) + 1):
        for chosen in itertools.combinations(rest, size):
            if everyone == {one for wheel in (*needed, *chosen) for one in wheel.serves}:
                return [*needed, *chosen]
    raise AssertionError('all wheels together serve everyone')


def _pure(present: typing.Sequence[Interpreter]) -> list[Wheel]:
    able = [one for one in present if one.version >= tags.OLDEST_BUILDER]
    if not able:
        return []
    return [Wheel('py3', 'none', min(able), tuple(present), ('there is nothing to compile',))]


def _order(wheel: Wheel) -> tuple[Version, str]:
    return tags.version_of_python_tag(wheel.python) or (4, 0), wheel.abi
