# SPDX-License-Identifier: MIT
"""`meson setup` with the plan applied: configure, read the modules, decide, configure again if need be.

The build directory keeps what was decided in `mesonbuild-ft/state.json`; the hooks read it
from there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing

from .. import headers, plan as plan_, target_choice, workarounds
from ..diagnostics import BuildRefused, Diagnostic, refuse
from ..headers import meson_arguments as headers_arguments
from ..plan import Configured, Plan
from ..settings import ProjectSettings, Settings
from ..target import Target
from ..target_choice import Choice
from . import compile_errors, configured as configured_, cross_setup, flags, machine_files, tools


RunMeson = typing.Callable[[dict[str, typing.Any], list[str]], int]


@dataclasses.dataclass(frozen=True)
class State:
    """What a build directory was configured for, kept in it.

    fingerprint: of everything that the configuration depended on outside the project's own files.
    build_files: of the project's own, each with a hash of its contents.
    repeatable: the same setup gives the same result: the build files ask nothing of the machine.
    own_options: Meson has options that the plan set, which it would take for a person's.
    """

    target: Target
    plan: Plan | None
    configured: Configured | None
    fingerprint: str
    build_files: typing.Mapping[str, str] = dataclasses.field(default_factory=dict)
    repeatable: bool = False
    own_options: bool = True
    diagnostics: tuple[Diagnostic, ...] = ()


def own_directory(build_dir: pathlib.Path) -> pathlib.Path:
    """Where mesonbuild-ft keeps its files inside a build directory."""
    return build_dir / 'mesonbuild-ft'


def read_state(build_dir: pathlib.Path) -> State | None:
    """The state of a build directory; None where there is none, or one that cannot be understood."""
    try:
        data = json.loads((own_directory(build_dir) / 'state.json').read_text(encoding='utf-8'))
        modules = data['configured']
        return State(
            target=Target.from_json(data['target']),
            plan=Plan.from_json(data['plan']) if data['plan'] else None,
            configured=_configured_from_json(modules) if modules else None,
            fingerprint=data['fingerprint'],
            build_files=data['build_files'],
            repeatable=data['repeatable'],
            own_options=data['own_options'],
            diagnostics=tuple(Diagnostic.from_json(d) for d in data['diagnostics']),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_state(build_dir: pathlib.Path, state: State) -> None:
    """Replace the state of a build directory."""
    directory = own_directory(build_dir)
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / 'state.json.tmp'
    temporary.write_text(json.dumps(dataclasses.asdict(state)), encoding='utf-8')
    temporary.replace(directory / 'state.json')


def run(request: dict[str, typing.Any], arguments: list[str], run_meson: RunMeson) -> int:
    """Carry out `meson setup` for a request of build.py. `arguments` begin with 'setup'; returns the exit status.

    A refusal is left in the state for the hook to show.
    """
    build_dir = pathlib.Path(request['build_dir'])
    choice = Choice.from_json(request['choice'])
    target = choice.target
    settings = settings_from_json(request['settings'])
    rest = [a for a in arguments[1:] if a != '--reconfigure']
    reconfigure = len(rest) != len(arguments) - 1
    fingerprint = _fingerprint(request, rest)
    previous = read_state(build_dir)
    # meson-python writes its wheel here; made by now, it does not keep it from adding a .gitignore.
    own_directory(build_dir).joinpath('wheel').mkdir(parents=True, exist_ok=True)
    if reconfigure and previous is not None and _up_to_date(previous, fingerprint, build_dir):
        _keep_older_than_build_file(build_dir, rest)
        print('mesonbuild-ft: the build directory is configured like this already; meson setup is not repeated')
        return 0
    how = ['setup']
    if reconfigure and previous is not None:
        if previous.own_options or previous.fingerprint != fingerprint:
            # What an earlier plan set is remembered by Meson like something that a person set: begin afresh.
            _forget_configuration(build_dir)
        else:
            how = ['setup', '--reconfigure']
        reconfigure = False
    (own_directory(build_dir) / 'state.json').unlink(missing_ok=True)

    state = State(target=target, plan=None, configured=None, fingerprint=fingerprint)
    if reconfigure:
        print(f'mesonbuild-ft: {build_dir} was not configured by mesonbuild-ft; what it holds is built again')
        remove_build(build_dir)
    try:
        first = plan_.before_setup(settings, target)
        if request['mode'] == 'sdist':
            # Nothing is compiled, and meson-python refuses the limited API on some interpreters.
            first = dataclasses.replace(first, allow_limited_api=False, needs_modules=False)
        _check_arguments(rest)
        common = _for_target(choice, build_dir, rest, request['meson_version'])
        texts, are_all = _build_file_texts(settings.source_dir, build_dir)
        own_files = _speed_up(build_dir, texts, common) if are_all else []
        if any(headers.NAME in text for text in texts):
            own_files += headers_arguments.arguments(common, settings.source_dir, own_directory(build_dir))
        if '--reconfigure' in how and not _knows_files(build_dir, own_files):
            # Meson keeps the machine files of the first setup: dependency('mesonbuild-ft') may be new in meson.build.
            _forget_configuration(build_dir)
            how = ['setup']
        status = run_meson(request, [*how, *common, *own_files, *first.meson_options])
        if not status:
            configured = configured_.read(build_dir, target, settings)
        else:
            too_high = configured_.limited_api_too_high(build_dir) if first.needs_modules else None
            if too_high is None:
                raise _setup_failed(build_dir, target, settings.source_dir)
            configured = Configured(allow_limited_api=True, too_high=too_high)
        if not choice.described and (configured.modules or configured.too_high) and request['mode'] != 'sdist':
            raise target_choice.undescribed(target)
        plan = first if request['mode'] == 'sdist' else plan_.decide(settings, target, configured)
        if plan.mended_headers and not status:
            compilers = configured_.info(build_dir, 'compilers')['host'].values()
            plan = flags.fit_to_compilers(plan, target, [compiler.get('id', '') for compiler in compilers])
        own_options = bool(first.meson_options)
        library = 'full'
        if not status and target.system == 'windows' and configured_.has_wrong_library(build_dir, plan.abi):
            library = plan.abi
        if request['mode'] != 'sdist' and (needs_second_setup(plan, configured) or library != 'full'):
            own_options = True
            extra = list(plan.meson_options)
            if not status:
                extra += flags.options(
                    plan, build_dir, settings.source_dir, own_directory(build_dir), common,
                    lambda: _project_default_options(request, settings.source_dir), target.include_dir)
            reasons = list(plan.reasons)
            if library != 'full':
                name = 'python3t' if library == 'abi3t' else 'python3'
                reasons.append(f'modules are linked to {name}, the library of '
                               f'{library}, and to nothing else of Python')
            print('mesonbuild-ft: ' + '; '.join(reasons))
            print('mesonbuild-ft: meson setup is repeated for this decision', flush=True)
            how = ['setup']
            again = _for_target(choice, build_dir, rest, request['meson_version'], abi=library)
            if again != common:
                # Meson remembers the library that it found before.
                _forget_configuration(build_dir)
            elif not status and workarounds.reconfigure_takes_options(request['meson_version']):
                how = ['setup', '--reconfigure']
            elif not status:
                _forget_configuration(build_dir)
            if run_meson(request, [*how, *again, *own_files, *extra]):
                raise _setup_failed(build_dir, target, settings.source_dir)
        compile_errors.before_compile(plan, build_dir, settings.source_dir, configured.limited)
        write_state(build_dir, dataclasses.replace(
            state, plan=plan, configured=configured, build_files=_build_files(build_dir),
            repeatable=all(_is_repeatable(name) for name in configured_.info(build_dir, 'buildsystem_files')),
            own_options=own_options))
    except BuildRefused as refusal:
        write_state(build_dir, dataclasses.replace(state, diagnostics=refusal.diagnostics))
        return 1
    return 0


def _for_target(
    choice: Choice, build_dir: pathlib.Path, given: list[str], meson_version: str, *, abi: str = 'full',
) -> list[str]:
    """The arguments that were given, with those that make Meson compile for the target."""
    own = cross_setup.arguments(choice, own_directory(build_dir), given, meson_version, abi=abi)
    given = workarounds.without_build_config(given, own_directory(build_dir) / 'target')
    return [*own.before, *given, *own.after]


def needs_second_setup(plan: Plan, configured: Configured) -> bool:
    """Whether the plan asks for options that the first setup did not have."""
    if plan.adds_flags:
        return True
    # meson-python, too, reads the option, to know whether the wheel is for the stable ABI.
    return plan.allow_limited_api is False and configured.allow_limited_api


def settings_to_json(settings: Settings) -> dict[str, typing.Any]:
    """What decisions need of the settings, as JSON values."""
    return {
        'source_dir': os.fspath(settings.source_dir),
        'project': dataclasses.asdict(settings.project),
        'limited_api': settings.limited_api,
        'abi': settings.abi,
        'advise': settings.advise,
        'install_args': settings.install_args,
        'wheel_exclude': settings.wheel_exclude,
        'wheel_include': settings.wheel_include,
    }


def settings_from_json(data: typing.Mapping[str, typing.Any]) -> Settings:
    """The inverse of `settings_to_json`."""
    return Settings(
        source_dir=pathlib.Path(data['source_dir']), pyproject={}, project=ProjectSettings(**data['project']),
        limited_api=data['limited_api'], abi=data['abi'], advise=data['advise'],
        install_args=tuple(data['install_args']), wheel_exclude=tuple(data['wheel_exclude']),
        wheel_include=tuple(data['wheel_include']))


def _project_default_options(request: dict[str, typing.Any], source_dir: pathlib.Path) -> dict[str, list[str]]:
    """The flags in project(default_options:), which no file of a configured build directory tells apart."""
    command = request['meson'] or [sys.executable, '-m', 'mesonbuild.mesonmain']
    result = subprocess.run(
        [*command, 'introspect', '--ast', 'meson.build'], cwd=source_dir, capture_output=True, text=True, check=False)
    try:
        return flags.project_default_options(json.loads(result.stdout))
    except ValueError:
        return {}


def _check_arguments(arguments: list[str]) -> None:
    """Refuse what Meson would answer with a traceback, or with the name of another file. Raises BuildRefused."""
    where = '-Csetup-args or [tool.meson-python.args]'
    for kind, path in machine_files.given(arguments):
        if not path.exists():
            raise refuse(
                'unreadable-file', f'there is no {kind} file {path}', where=where,
                advice='Correct the name there; a relative one is looked up in the directory of pyproject.toml.')
    flags.check_quotes(arguments, where)


#: Languages for which Meson's trial compilation finds out more than whether the compiler works.
_NEEDS_TRIAL: typing.Final = re.compile(r'rust|cuda', re.IGNORECASE)


def _speed_up(build_dir: pathlib.Path, texts: list[str], arguments: list[str]) -> list[str]:
    """Leave out Meson's trial compilation with the compiler of the target: the project itself is compiled next.

    Not where a person says so, nor where the trial is more than a trial: from Rust's, Meson learns what
    a static library needs to be linked with, from CUDA's which devices there are. In a cross build it does
    harm as well: Meson (1.12.1) tries Cython with the headers of the running interpreter.
    """
    if any('skip_sanity_check' in text for text in _machine_files(arguments)):
        return []
    if any(_NEEDS_TRIAL.search(text) for text in texts):
        return []
    kind = 'cross' if machine_files.has_cross(arguments) else 'native'
    file = own_directory(build_dir) / f'{kind}.ini'
    file.write_text('[properties]\nskip_sanity_check = true\n', encoding='utf-8')
    return [f'--{kind}-file={file}']


def _build_file_texts(source_dir: pathlib.Path, build_dir: pathlib.Path) -> tuple[list[str], bool]:
    """The build files of the project, and whether these are all: subprojects may yet have to be fetched."""
    texts, are_all = [], True
    for folder, directories, files in os.walk(source_dir):
        directories[:] = [d for d in directories
                          if not d.startswith('.') and pathlib.Path(folder, d) != build_dir]
        for name in files:
            if name in ('meson.build', 'meson.options', 'meson_options.txt'):
                try:
                    texts.append(pathlib.Path(folder, name).read_text(encoding='utf-8', errors='replace'))
                except OSError:
                    are_all = False
            elif name.endswith('.wrap'):
                are_all = False
    return texts, are_all


def _keep_older_than_build_file(build_dir: pathlib.Path, arguments: list[str]) -> None:
    """Undo the new time stamp of an unchanged native file, or ninja would run Meson again.

    meson-python writes its native file anew in every build. Its contents are part of the fingerprint.
    """
    try:
        time = (build_dir / 'build.ninja').stat().st_mtime_ns
        for _, path in machine_files.given(arguments):
            if build_dir in path.parents and path.stat().st_mtime_ns > time:
                os.utime(path, ns=(time, time))
    except OSError:
        # Then Meson runs once more than it has to.
        return


def remove_build(build_dir: pathlib.Path) -> None:
    """Remove what Meson and ninja made in a build directory, so that nothing of it is used again.

    Only that: a person may have named a directory that holds other files. Without its log ninja
    builds everything again.
    """
    made = []
    if (build_dir / 'meson-info' / 'intro-targets.json').is_file():
        made = [path for path in configured_.outputs(build_dir) if build_dir in path.parents]
    for path in made:
        if path.is_file() or path.is_symlink():
            path.unlink()
        shutil.rmtree(path.with_name(path.name + '.p'), ignore_errors=True)
    for name in ('build.ninja', 'compile_commands.json', '.ninja_log', '.ninja_deps'):
        (build_dir / name).unlink(missing_ok=True)
    for name in ('meson-private', 'meson-info', 'meson-logs', 'mesonbuild-ft/state.json'):
        path = build_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _forget_configuration(build_dir: pathlib.Path) -> None:
    """Make Meson configure from nothing; objects stay, and ninja rebuilds those whose command changed."""
    for name in ('meson-private/coredata.dat', 'meson-private/cmd_line.txt', 'meson-private/build.dat'):
        (build_dir / name).unlink(missing_ok=True)
    shutil.rmtree(build_dir / 'meson-info', ignore_errors=True)


def _knows_files(build_dir: pathlib.Path, arguments: list[str]) -> bool:
    """Whether a configured build directory has the machine files that these arguments name."""
    try:
        text = (build_dir / 'meson-private' / 'cmd_line.txt').read_text(encoding='utf-8')
    except OSError:
        return False
    return all(argument.partition('=')[2] in text for argument in arguments)


def _up_to_date(state: State, fingerprint: str, build_dir: pathlib.Path) -> bool:
    """Whether another setup would give what the directory already holds."""
    if state.plan is None or state.fingerprint != fingerprint or not state.repeatable:
        return False
    if not (build_dir / 'build.ninja').is_file():
        return False
    # Changed build files can change the decision, which ninja's own regeneration would not make again.
    return has_same_build_files(state)


def has_same_build_files(state: State) -> bool:
    """Whether the project's build files are what they were when the build directory was configured."""
    return all(_hash_file(name) == digest for name, digest in state.build_files.items())


#: What meson.build may call without asking anything of the machine that is not in the fingerprint;
#: checks of the compiler count, since Meson itself keeps their answers when it configures again.
_REPEATABLE: typing.Final = frozenset("""
    add_global_arguments add_languages add_project_arguments add_project_link_arguments assert both_libraries
    compiles configuration_data contains custom_target declare_dependency error executable extension_module files
    find_installation first_supported_argument format generator get get_argument_syntax get_compiler get_id
    get_install_dir get_option get_supported_arguments get_variable has_argument has_function has_header
    include_directories install_data install_headers install_sources install_subdir is_disabler is_variable
    join_paths language_version length library message option process project project_name project_version range
    set set10 set_quoted set_variable shared_library shared_module sizeof split startswith static_library strip
    subdir subdir_done summary system test to_int to_lower to_string to_upper underscorify version
    version_compare warning if elif foreach and or not in
""".split())  # noqa: SIM905
_CALL: typing.Final = re.compile(r'(?P<method>\.\s*)?\b(?P<name>[A-Za-z_]\w*)\s*\((?P<argument>[^\n]*)')


def _is_repeatable(name: str) -> bool:
    """Whether a build file calls nothing but what gives the same answer again."""
    try:
        text = pathlib.Path(name).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError):
        return False
    for call in _CALL.finditer(text):
        function = call['name']
        if function == 'import':
            if not call['argument'].lstrip().startswith(("'python'", '"python"')):
                return False
        elif function == 'dependency':
            # py.dependency() is the target's, and the headers are ours; any other may have come or gone.
            if not call['method'] and not call['argument'].lstrip().startswith(f"'{headers.NAME}'"):
                return False
        elif function not in _REPEATABLE:
            return False
    return True


def _build_files(build_dir: pathlib.Path) -> dict[str, str]:
    """The files that Meson read to configure, with hashes."""
    return {name: _hash_file(name) for name in configured_.info(build_dir, 'buildsystem_files')}


def _hash_file(name: str) -> str:
    try:
        return hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest()
    except OSError:
        return ''


def _fingerprint(request: dict[str, typing.Any], arguments: list[str]) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in tools.VOLATILE}
    everything = [
        arguments, environment, sys.executable, sys.path, request['settings'], request['choice'], request['mode'],
        request['meson'], request['meson_version'], request['version'], _machine_files(arguments),
        # Installing or removing a package changes the time stamp of its directory.
        [(path, os.stat(path).st_mtime_ns) for path in sys.path if os.path.isdir(path)],
    ]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def _machine_files(arguments: list[str]) -> list[str]:
    """The contents of the machine files among the arguments."""
    texts = []
    for _, path in machine_files.given(arguments):
        try:
            texts.append(path.read_text(encoding='utf-8', errors='replace'))
        except OSError:
            texts.append('')
    return texts


def _configured_from_json(data: typing.Mapping[str, typing.Any]) -> Configured:
    def version(value: list[int] | None) -> tuple[int, int] | None:
        return (value[0], value[1]) if value else None

    modules = tuple(plan_.Module(
        name=m['name'], file=m['file'], limited_api=version(m['limited_api']), installed=m['installed'],
        path=m['path'], assumed=m['assumed']) for m in data['modules'])
    return Configured(
        allow_limited_api=data['allow_limited_api'], modules=modules,
        defines_limited_api=tuple(data['defines_limited_api']), too_high=version(data['too_high']),
        defines_gil_disabled=data['defines_gil_disabled'])


def missing_headers(target: Target) -> Diagnostic | None:
    """The error to show where a build failed and the target's headers are not installed; None where they are."""
    header = pathlib.Path(target.include_dir, 'Python.h')
    if header.is_file():
        return None
    return Diagnostic(
        'missing-python-headers', 'error', f'{target.name} has no {header.name}', where=os.fspath(header.parent),
        advice='Install the development files of this interpreter (Debian: python3-dev).')


def _setup_failed(build_dir: pathlib.Path, target: Target, source_dir: pathlib.Path) -> BuildRefused:
    """The diagnostic for a failed `meson setup`, by what its log says."""
    log = build_dir / 'meson-logs' / 'meson-log.txt'
    try:
        text = log.read_text(encoding='utf-8', errors='replace')
    except OSError:
        text = ''
    where = 'meson.build'
    errors = [line for line in text.splitlines() if 'ERROR:' in line]
    what = errors[-1].strip() if errors else 'meson setup failed; its output is above'
    place = re.match(r'(?P<file>[^:]+):(?P<line>\d+):\d+: ERROR: (?P<what>.*)', what)
    if place is not None:
        # Meson names files from the build directory, which may be gone when this is read.
        file = os.path.normpath(build_dir / place['file'])
        where = f'{os.path.relpath(file, source_dir)}, line {place["line"]}'
        what = place['what']
    if what.startswith('Unknown option'):
        where = '-Csetup-args or [tool.meson-python.args], unless meson.build sets it'
    if 'compiler binary not defined in cross file' in what:
        language = re.search(r"'(\w+)' compiler binary", what)
        program, variables = cross_setup.PROGRAMS.get(language[1] if language else '', ('gcc', ('CC',)))
        prefix = cross_setup.triplet(target)
        return refuse(
            'missing-compiler', f'there is no compiler for {target.platform}: {what.split("ERROR:", 1)[-1].strip()}',
            where=f'PATH, {variables[0]} or a cross file',
            advice=(f'Install {prefix}-{program}, or name' if prefix else 'Name')
            + f' yours in {variables[0]}, or in a cross file.')
    if any(words in what for words in ('Unknown compiler(s)', 'Unable to get', 'cannot compile programs')):
        return refuse(
            'missing-compiler', what.split('ERROR:', 1)[-1].strip().rstrip(':'), where='PATH, CC or CXX',
            advice='Install a compiler for that language (Debian: build-essential), or name yours in CC or CXX.')
    if 'Python dependency not found' in what or 'Dependency "python' in what:
        headers = missing_headers(target)
        if headers is not None:
            return BuildRefused(headers)
    return refuse(
        'meson-setup-failed', what, where=where, advice='Correct what Meson says above.')
