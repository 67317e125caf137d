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
    advice,
    audit,
    configured,
    meson_setup,
    metadata,
    plan as plan_,
    report,
    scanner,
    tags,
    target as target_,
    tools,
    wheel,
    work_directory,
)
from .diagnostics import BuildRefused, Diagnostic, refuse
from .meson_setup import State
from .settings import Settings, load
from .target import Target


ConfigSettings = typing.Mapping[str, typing.Any]


def build_wheel(
    wheel_directory: str, config_settings: ConfigSettings | None, metadata_directory: str | None,
) -> str:
    """The PEP 517 hook: build, verify and tag a wheel; returns its file name. Raises BuildRefused."""
    settings, target, meson, ninja = _prepare(config_settings)
    destination = pathlib.Path(wheel_directory)
    with _build_directory(settings, target) as build_dir:
        own = meson_setup.own_directory(build_dir)
        shutil.rmtree(own / 'wheel', ignore_errors=True)
        name = _call('build_wheel', settings, target, meson, ninja, build_dir, own / 'wheel')
        state = _state(build_dir)
        return _finish(settings, target, state, own / 'wheel' / name, destination, build_dir, ninja, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: ConfigSettings | None, metadata_directory: str | None,
) -> str:
    """The PEP 660 hook: build in place; returns the file name of the wheel that points there. Raises BuildRefused."""
    settings, target, meson, ninja = _prepare(config_settings)
    # The same directory that meson-python would choose.
    build_dir = settings.source_dir / (settings.build_dir or f'build/{target.abi_tag}')
    _make_ours(build_dir, target)
    own = meson_setup.own_directory(build_dir)
    shutil.rmtree(own / 'wheel', ignore_errors=True)
    name = _call('build_editable', settings, target, meson, ninja, build_dir, own / 'wheel')
    state = _state(build_dir)
    assert state.plan is not None
    destination = pathlib.Path(wheel_directory)
    wheel.remove_unfinished(destination)
    # It holds no modules and is bound to this interpreter: its tag stays meson-python's.
    final = wheel.finish(own / 'wheel' / name, destination, tags.parse_wheel_name(name))
    shutil.rmtree(own / 'wheel', ignore_errors=True)
    report.show(state.plan.notes)
    report.summary(target, state.plan, final.name, final.stat().st_size, (), 'editable: modules are built in place')
    return final.name


def build_sdist(sdist_directory: str, config_settings: ConfigSettings | None) -> str:
    """The PEP 517 hook: make a source distribution; returns its file name. Raises BuildRefused."""
    settings = load(pathlib.Path.cwd(), config_settings)
    target = target_.running()
    metadata.static(settings)
    meson, ninja = tools.find_meson(settings), tools.find_ninja()
    destination = pathlib.Path(sdist_directory)
    with _build_directory(settings, target) as build_dir:
        return _call('build_sdist', settings, target, meson, ninja, build_dir, destination, mode='sdist')


def _prepare(config_settings: ConfigSettings | None) -> tuple[Settings, Target, tools.Meson, str]:
    """Everything that can be refused before `meson setup` is refused here."""
    import platform

    settings = load(pathlib.Path.cwd(), config_settings)
    target = target_.running()
    metadata.check_requires_python(metadata.static(settings), platform.python_version())
    plan_.before_setup(settings, target)
    return settings, target, tools.find_meson(settings), tools.find_ninja()


def _call(
    hook: str, settings: Settings, target: Target, meson: tools.Meson, ninja: str, build_dir: pathlib.Path,
    output: pathlib.Path, mode: str = 'wheel',
) -> str:
    """Run one of meson-python's hooks in this build directory; its failures become diagnostics."""
    import mesonpy

    config = {**settings.config_settings, 'build-dir': os.fspath(build_dir)}
    config.pop('builddir', None)
    request = meson_setup.settings_to_json(settings)
    try:
        with tools.meson_environment(meson, ninja, request, target, build_dir, mode):
            return str(getattr(mesonpy, hook)(os.fspath(output), config))
    except SystemExit as error:
        raise _failure(error, settings, target, build_dir) from error


def _failure(error: SystemExit, settings: Settings, target: Target, build_dir: pathlib.Path) -> BuildRefused:
    """Why meson-python stopped: it reports its own errors, and ends with the status of Meson and ninja."""
    state = meson_setup.read_state(build_dir)
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
        return refuse(
            identifier, text.splitlines()[0], where=where,
            advice='meson-python says this; see its documentation.')
    if state is None or state.plan is None:
        return refuse(
            'meson-setup-failed', f'meson ended with status {error.code}', where='meson.build',
            advice='Correct what Meson says above.')
    return BuildRefused(*advice.after_failed_compile(state.plan, build_dir, settings.source_dir))


def _finish(
    settings: Settings, target: Target, state: State, built: pathlib.Path, destination: pathlib.Path,
    build_dir: pathlib.Path, ninja: str, metadata_directory: str | None,
) -> str:
    """Verify the wheel that meson-python made and put it where it belongs, under its right name."""
    plan = state.plan
    assert plan is not None
    assert state.configured is not None
    old = tags.parse_wheel_name(built.name)
    name = old
    # A wheel without extension modules keeps its py3-none tag.
    if plan.abi != 'full' and old.abi != 'none':
        name = old.with_tag(plan.python_tag, plan.abi_tag)
    found: list[Diagnostic] = list(plan.notes)
    modules: list[audit.Module] = []
    verified = ''
    if settings.verify == 'off':
        verified = 'nothing: verify is off'
    else:
        modules = scan_wheel(built, name, _own_build(settings, build_dir))
        verdict = audit.wheel(name, modules, settings.project.gil)
        if plan.abi != 'full':
            errors, _ = configured.objects_without_limited_api(
                build_dir, state.configured.limited, ninja)
            verdict += errors
        if settings.verify == 'warn':
            verdict = [_as_warning(d) for d in verdict]
        found += verdict
        if not modules:
            verified = 'no extension modules'
    if metadata_directory is not None:
        found += _metadata_differs(built, name, pathlib.Path(metadata_directory))
    errors_found = [d for d in found if d.severity == 'error']
    report.show(d for d in found if d.severity != 'error')
    if errors_found:
        raise BuildRefused(*errors_found, Diagnostic(
            'tag-not-as-planned', 'hint', f'{name} was not written', where=os.fspath(destination),
            advice='-Cverify=warn writes it all the same (or verify = "warn" in [tool.mesonbuild-ft]); '
                   '-Cabi=full builds for this interpreter only, without the limited API.'))
    wheel.remove_unfinished(destination)
    final = wheel.finish(built, destination, name)
    report.summary(target, plan, final.name, final.stat().st_size, modules, verified)
    return final.name


def scan_wheel(path: pathlib.Path, name: tags.WheelName, own_build: pathlib.Path | None) -> list[audit.Module]:
    """The extension modules of a wheel with their facts, under the paths that they have in the wheel `name`."""
    modules: list[audit.Module] = []
    loaded: scanner.Scanner | None = None
    for member, data in wheel.binaries(path):
        parts = tags.module_parts(wheel.new_member_name(member, name))
        assert parts is not None
        stem, tag, _ = parts
        if loaded is None:
            loaded = scanner.load(own_build)
        facts: scanner.Facts | None = None
        problem, malformed = '', False
        try:
            facts = loaded.scan(data, stem)
        except scanner.ScanError as error:
            problem, malformed = str(error), error.status == 'malformed'
        if not tag and facts is not None and not facts.init_hooks:
            # A shared library that is no extension module.
            continue
        modules.append(audit.Module(
            wheel.new_member_name(member, name), stem, tag, facts, problem, malformed))
    return modules


def _own_build(settings: Settings, build_dir: pathlib.Path) -> pathlib.Path | None:
    """The build directory, where mesonbuild-ft builds itself and its scanner is not installed yet."""
    return build_dir if settings.source_dir == pathlib.Path(__file__).resolve().parent.parent else None


def _as_warning(diagnostic: Diagnostic) -> Diagnostic:
    import dataclasses

    return dataclasses.replace(diagnostic, severity='warning') if diagnostic.severity == 'error' else diagnostic


def _metadata_differs(built: pathlib.Path, name: tags.WheelName, announced: pathlib.Path) -> list[Diagnostic]:
    """PEP 517: the wheel must have the metadata that prepare_metadata_for_build_wheel announced."""
    import zipfile

    try:
        before = announced.joinpath('METADATA').read_bytes()
    except OSError:
        return []
    with zipfile.ZipFile(built) as archive:
        if archive.read(f'{name.dist_info}/METADATA') == before:
            return []
    return [Diagnostic(
        'metadata-differs', 'warning', 'METADATA in the wheel is not what the metadata hook wrote before',
        where=f'{name.dist_info}/METADATA',
        advice='Make what meson.build computes (the version?) the same on every run.')]


def _state(build_dir: pathlib.Path) -> State:
    state = meson_setup.read_state(build_dir)
    if state is None or state.plan is None:
        raise refuse(
            'meson-python-failed', 'meson-python did not run meson setup through MESON', where=os.fspath(build_dir),
            advice='Report this with the versions of meson-python and Meson.')
    return state


@contextlib.contextmanager
def _build_directory(settings: Settings, target: Target) -> typing.Iterator[pathlib.Path]:
    """The build directory: the one asked for, or a temporary one beside pyproject.toml."""
    if settings.build_dir is not None:
        build_dir = settings.source_dir / settings.build_dir
        _make_ours(build_dir, target)
        try:
            yield build_dir
        finally:
            shutil.rmtree(meson_setup.own_directory(build_dir) / 'wheel', ignore_errors=True)
        return
    with work_directory.work_directory(settings.source_dir) as work:
        yield work / 'build'


def _make_ours(build_dir: pathlib.Path, target: Target) -> None:
    """Empty a persistent build directory that was configured for another interpreter, and say so."""
    state = meson_setup.read_state(build_dir)
    if state is None or state.target == target:
        return
    report.show([Diagnostic(
        'build-directory-wiped', 'warning',
        f'the build directory was configured for {state.target.name}; it is emptied for {target.name}',
        where=os.fspath(build_dir), advice='Use a build directory for each interpreter to keep what was compiled.')])
    shutil.rmtree(build_dir)
