# SPDX-License-Identifier: MIT
"""Drive meson-python with the plan applied, verify what came out, and tag it.

Only meson-python's public hooks are called. Everything else goes through settings that it
documents: `build-dir`, and the environment variable MESON.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import typing

from . import (
    metadata,
    plan as plan_,
    report,
    tags,
    target as target_,
    target_choice,
    verify,
    wheel,
    work_directory,
    workarounds,
)
from .audit import contents
from .diagnostics import BuildRefused, Diagnostic, refuse
from .meson import compile_errors, forked, setup, tools
from .meson.setup import State
from .settings import Settings, load
from .target import Target
from .target_choice import Choice
from .verify import Verification


ConfigSettings = typing.Mapping[str, typing.Any]


def build_wheel(
    wheel_directory: str, config_settings: ConfigSettings | None, metadata_directory: str | None,
) -> str:
    """The PEP 517 hook: build, verify and tag a wheel; returns its file name. Raises BuildRefused."""
    settings, choice, meson, ninja = _prepare(config_settings)
    destination = pathlib.Path(wheel_directory)
    with _build_directory(settings, choice.target) as build_dir:
        own = setup.own_directory(build_dir)
        shutil.rmtree(own / 'wheel', ignore_errors=True)
        name = _call('build_wheel', settings, choice, meson, ninja, build_dir, own / 'wheel')
        state = _state(build_dir)
        return _finish(settings, choice, state, own / 'wheel' / name, destination, build_dir, ninja, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: ConfigSettings | None, metadata_directory: str | None,
) -> str:
    """The PEP 660 hook: build in place; returns the file name of the wheel that points there. Raises BuildRefused."""
    settings, choice, meson, ninja = _prepare(config_settings)
    if not choice.is_running:
        raise refuse(
            'target-not-running', f'an editable install is for the interpreter that it is installed in, not for '
            f'{choice.target.name}, {choice.target.platform}', where=choice.where,
            advice='Build a wheel for that target, or run the editable install in it.')
    target = choice.target
    # The same directory that meson-python would choose.
    build_dir = settings.source_dir / (settings.build_dir or f'build/{target.abi_tag}')
    with work_directory.kept(build_dir, settings.source_dir) as real_build_dir:
        return _build_editable(settings, choice, meson, ninja, real_build_dir, pathlib.Path(wheel_directory))


def _build_editable(
    settings: Settings, choice: Choice, meson: tools.Meson, ninja: str, build_dir: pathlib.Path,
    destination: pathlib.Path,
) -> str:
    target = choice.target
    _make_ours(build_dir, target)
    own = setup.own_directory(build_dir)
    shutil.rmtree(own / 'wheel', ignore_errors=True)
    name = _call('build_editable', settings, choice, meson, ninja, build_dir, own / 'wheel')
    state = _state(build_dir)
    plan = state.plan
    assert plan is not None
    # The wheel holds no modules and is bound to this interpreter: its tag stays meson-python's.
    editable = tags.parse_wheel_name(name)
    verification = Verification()
    if settings.verify != 'off' and editable.abi != 'none':
        modules_as = editable.with_tag(plan.python_tag, plan.abi_tag)
        verification = verify.verify_in_place(settings, state, modules_as, build_dir, ninja)
    advised, words = _advice(plan, build_dir, verification)
    found = [*plan.notes, *verification.found, *advised]
    _show(found, plan, f'{name} was not written', destination)
    wheel.remove_unfinished(destination)
    final = wheel.finish(own / 'wheel' / name, destination, editable)
    shutil.rmtree(own / 'wheel', ignore_errors=True)
    report.summary(
        target, plan, final.name, final.stat().st_size, verification, settings.verify,
        advice=words)
    return final.name


def build_sdist(sdist_directory: str, config_settings: ConfigSettings | None) -> str:
    """The PEP 517 hook: make a source distribution; returns its file name. Raises BuildRefused."""
    settings = load(pathlib.Path.cwd(), config_settings)
    target = target_.running()
    metadata.static(settings)
    meson, ninja = tools.find_meson(settings), tools.find_ninja()
    destination = pathlib.Path(sdist_directory)
    with _build_directory(settings, target) as build_dir:
        choice = Choice(target)
        return _call('build_sdist', settings, choice, meson, ninja, build_dir, destination, mode='sdist')


def _prepare(config_settings: ConfigSettings | None) -> tuple[Settings, Choice, tools.Meson, str]:
    """Everything that can be refused before `meson setup` is refused here."""
    settings = load(pathlib.Path.cwd(), config_settings)
    check_source_date_epoch()
    choice = target_choice.choose(settings)
    metadata.check_requires_python(metadata.static(settings), target_choice.version_text(choice))
    plan_.before_setup(settings, choice.target)
    return settings, choice, tools.find_meson(settings), tools.find_ninja()


def check_source_date_epoch() -> None:
    """Refuse a SOURCE_DATE_EPOCH that is no time (https://reproducible-builds.org/specs/source-date-epoch/)."""
    value = os.environ.get('SOURCE_DATE_EPOCH')
    if value is not None and not (value.isascii() and value.isdigit() and len(value) < 12):
        raise refuse(
            'invalid-environment', f'{value!r} is no number of seconds since 1970', where='SOURCE_DATE_EPOCH',
            advice='Set it to e.g. the output of: git log -1 --format=%ct')


def _call(
    hook: str, settings: Settings, choice: Choice, meson: tools.Meson, ninja: str, build_dir: pathlib.Path,
    output: pathlib.Path, mode: str = 'wheel',
) -> str:
    """Run one of meson-python's hooks in this build directory; its failures become diagnostics."""
    import mesonpy

    config = {**settings.config_settings, 'build-dir': os.fspath(build_dir)}
    config.pop('builddir', None)
    request = setup.settings_to_json(settings)
    version = (workarounds.sdist_on_any_version(settings.pyproject) if mode == 'sdist'
               else workarounds.pre_release_counts_as_release())
    try:
        with (_keeping_advice(settings, build_dir, mode),
              tools.meson_environment(meson, ninja, request, choice, build_dir, mode), _presented(choice),
              version, workarounds.wheels_appear_complete(wheel.UNFINISHED), forked.instead_of_processes()):
            return str(getattr(mesonpy, hook)(os.fspath(output), config))
    except SystemExit as error:
        raise _failure(error, settings, build_dir, mode, ninja) from error


def _keeping_advice(settings: Settings, build_dir: pathlib.Path, mode: str) -> contextlib.AbstractContextManager[None]:
    if not settings.advise or mode != 'wheel':
        return contextlib.nullcontext()
    from .advice import kept

    return kept.keeping(build_dir, settings.source_dir)


def _presented(choice: Choice) -> contextlib.AbstractContextManager[None]:
    if choice.is_running:
        return contextlib.nullcontext()
    from . import presented

    return presented.as_target(choice.target)


def _failure(error: SystemExit, settings: Settings, build_dir: pathlib.Path, mode: str, ninja: str) -> BuildRefused:
    """Why meson-python stopped: it reports its own errors, and ends with the status of Meson and ninja."""
    state = setup.read_state(build_dir)
    if state is not None and state.diagnostics:
        return BuildRefused(*state.diagnostics)
    cause = error.__cause__
    if cause is not None:
        text = str(cause).strip() or repr(cause)
        identifier, where = 'meson-python-failed', 'pyproject.toml or meson.build'
        if text.startswith('Unknown option '):
            identifier, where = 'unknown-config-setting', '-C'
        elif text.startswith('Unknown configuration entry '):
            identifier, where = 'unknown-setting', 'pyproject.toml, [tool.meson-python]'
        elif text.startswith('Could not find ninja version '):
            identifier, where = 'missing-ninja', 'PATH or NINJA'
        return refuse(
            identifier, text.splitlines()[0], where=where,
            advice='meson-python refuses this; see its documentation for what it takes.')
    if state is None or state.plan is None:
        return refuse(
            'meson-setup-failed', f'meson ended with status {error.code}', where='meson.build',
            advice='Correct what Meson says above.')
    if mode == 'sdist':
        return refuse(
            'sdist-failed', 'meson dist could not make a source distribution', where=os.fspath(settings.source_dir),
            advice='Correct what Meson says above. It needs a git or Mercurial repository with the files committed.')
    headers = setup.missing_headers(state.target)
    if headers is not None:
        return BuildRefused(headers)
    modules = state.configured.modules if state.configured is not None else ()
    return BuildRefused(*compile_errors.after_failed_compile(
        state.plan, build_dir, settings.source_dir, modules, ninja))


def _finish(
    settings: Settings, choice: Choice, state: State, built: pathlib.Path, destination: pathlib.Path,
    build_dir: pathlib.Path, ninja: str, metadata_directory: str | None,
) -> str:
    """Verify the wheel that meson-python made and put it where it belongs, under its right name."""
    plan = state.plan
    assert plan is not None
    assert state.configured is not None
    old = tags.parse_wheel_name(built.name)
    name = old
    # A wheel without extension modules keeps its py3-none tag.
    if old.abi != 'none' and (plan.abi != 'full' or not choice.is_running):
        name = old.with_tag(plan.python_tag, plan.abi_tag)
    # meson-python does not see all that variables say of the target.
    if old.platform != 'any' and (not choice.is_running or (target_.is_told() and choice.target.system == 'linux')):
        if not choice.target.platform:
            raise refuse(
                'target-not-described', 'there are programs in the wheel, and no platform tag is known for the machine '
                'of the cross file', where='[host_machine] of the cross file',
                advice='Name the Python of that machine with -Ctarget=; for macOS alone, set '
                       'MACOSX_DEPLOYMENT_TARGET.')
        name = name._replace(platform=choice.target.platform)
    verification = Verification()
    if settings.verify != 'off':
        verification = verify.verify_wheel(settings, state, built, name, build_dir, ninja)
    advised, words = _advice(plan, build_dir, verification)
    found = [*plan.notes, *verification.found, *advised]
    if metadata_directory is not None:
        found += _metadata_differs(built, name, pathlib.Path(metadata_directory))
    _show(found, plan, f'{name} was not written', destination)
    wheel.remove_unfinished(destination)
    without = frozenset() if settings.project.import_libraries else frozenset(
        contents.import_libraries(wheel.members(built)))
    final = wheel.finish(built, destination, name, without=without)
    report.summary(
        choice.target, plan, final.name, final.stat().st_size, verification, settings.verify, left_out=sorted(without),
        advice=words)
    return final.name


def _show(found: typing.Sequence[Diagnostic], plan: plan_.Plan, consequence: str, where: pathlib.Path) -> None:
    """Show what was found; errors among it end the build. Raises BuildRefused."""
    errors = [d for d in found if d.severity == 'error']
    report.show(d for d in found if d.severity != 'error')
    if errors:
        instead = '-Cverify=warn writes it all the same (or verify = "warn" in [tool.mesonbuild-ft]).'
        if plan.abi != 'full' and not all(d.identifier in ('machine-mismatch', 'libc-mismatch') for d in errors):
            instead += ' -Cabi=full builds for this interpreter only, without the limited API.'
        raise BuildRefused(*errors, Diagnostic(
            'wheel-not-written', 'hint', consequence, where=os.fspath(where), advice=instead))


def _advice(
    plan: plan_.Plan, build_dir: pathlib.Path, verification: Verification,
) -> tuple[list[Diagnostic], str]:
    """What compilers advised, all of it, and how much that is in words; ([], '') where none was asked for."""
    if not plan.advise:
        return [], ''
    from .advice import findings, kept

    advised = kept.of_build(build_dir, verification.modules)
    return findings.grouped(advised), kept.in_words(build_dir, len(advised))


def _metadata_differs(built: pathlib.Path, name: tags.WheelName, announced: pathlib.Path) -> list[Diagnostic]:
    """PEP 517: the wheel must have the metadata that prepare_metadata_for_build_wheel announced."""
    import zipfile

    try:
        before = announced.joinpath('METADATA').read_bytes()
    except OSError:
        return []
    with zipfile.ZipFile(built) as archive:
        after = archive.read(f'{name.dist_info}/METADATA')
    if after == before:
        return []
    # Another version has another file name: no front end can use such a wheel.
    same_version = _version_line(after) == _version_line(before)
    return [Diagnostic(
        'metadata-differs', 'warning' if same_version else 'error',
        'METADATA in the wheel is not what the metadata hook wrote before',
        where=f'{name.dist_info}/METADATA',
        advice='Make what meson.build computes (the version?) the same on every run.')]


def _version_line(text: bytes) -> bytes | None:
    return next((line for line in text.splitlines() if line.startswith(b'Version:')), None)


def _state(build_dir: pathlib.Path) -> State:
    state = setup.read_state(build_dir)
    if state is None or state.plan is None:
        raise refuse(
            'meson-python-failed', 'meson-python did not run meson setup through MESON', where=os.fspath(build_dir),
            advice='Report this with the versions of meson-python and Meson.')
    return state


@contextlib.contextmanager
def _build_directory(settings: Settings, target: Target) -> typing.Iterator[pathlib.Path]:
    """The build directory: the one asked for, or a temporary one beside pyproject.toml."""
    if settings.build_dir is not None:
        with work_directory.kept(settings.source_dir / settings.build_dir, settings.source_dir) as build_dir:
            _make_ours(build_dir, target)
            try:
                yield build_dir
            finally:
                shutil.rmtree(setup.own_directory(build_dir) / 'wheel', ignore_errors=True)
        return
    with work_directory.temporary(settings.source_dir) as work:
        yield work / 'build'


def _make_ours(build_dir: pathlib.Path, target: Target) -> None:
    """Begin a persistent build directory afresh that was configured for another interpreter, and say so."""
    state = setup.read_state(build_dir)
    if state is None or state.target == target:
        return
    report.show([Diagnostic(
        'build-directory-wiped', 'warning',
        f'the build directory was configured for {state.target.name}; everything is built again for {target.name}',
        where=os.fspath(build_dir), advice='Use a build directory for each interpreter to keep what was compiled.')])
    setup.remove_build(build_dir)
