# SPDX-License-Identifier: MIT
"""Core metadata without a build: METADATA and entry_points.txt, byte for byte those of the wheel.

meson-python writes them with pyproject-metadata, and so does this module. Static
metadata needs no Meson; a version or licence in meson.build is read by introspection.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import sys
import typing

from .diagnostics import BuildRefused, refuse
from .settings import Settings, load


if typing.TYPE_CHECKING:
    import packaging.specifiers
    import pyproject_metadata

    from .meson import tools


#: What introspection says where meson.build gives no value, or one that only a setup can compute.
_UNKNOWN_VERSION: typing.Final = 'undefined'
_UNKNOWN_LICENSE: typing.Final = 'unknown'

ProjectInfo = typing.Mapping[str, typing.Any]


def prepare(metadata_directory: str, config_settings: typing.Mapping[str, typing.Any] | None) -> str:
    """The PEP 517/660 hook: write the metadata directory without building; returns its name. Raises BuildRefused."""
    settings = load(pathlib.Path.cwd(), config_settings)
    known = static(settings)
    if needs_meson(known):
        from .meson import tools

        meson = tools.find_meson(settings)
        info = _by_introspection(settings, meson)
        if info is None or not answers(known, info):
            info = _by_setup(settings)
        known = complete(known, info)
    assert known is not None
    return write(known, pathlib.Path(metadata_directory), settings.source_dir)


def static(settings: Settings) -> pyproject_metadata.StandardMetadata | None:
    """The [project] table, checked; None where pyproject.toml has none. Raises BuildRefused."""
    import pyproject_metadata

    if 'project' not in settings.pyproject:
        return None
    table = settings.pyproject['project']
    name = table.get('name') if isinstance(table, dict) else None
    if isinstance(name, str) and not re.match(r'^([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])$', name, re.IGNORECASE):
        raise _invalid(f'invalid project name "{name}"')
    try:
        metadata = pyproject_metadata.StandardMetadata.from_pyproject(settings.pyproject, settings.source_dir)
    except pyproject_metadata.ConfigurationError as error:
        raise _invalid(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise refuse(
            'unreadable-file', str(error), where='pyproject.toml, [project]',
            advice='Correct the file name there, or the file.') from error
    except Exception as error:  # pyproject-metadata raises TypeError and others on values of the wrong kind
        raise _invalid(f'{type(error).__name__}: {error}') from error
    unsupported = set(metadata.dynamic) - {'version', 'license', 'license-files'}
    if unsupported:
        fields = ', '.join(f'"{field}"' for field in sorted(unsupported))
        raise _invalid(f'meson.build cannot supply the dynamic fields {fields}')
    if isinstance(metadata.license, str):
        metadata.license = _license(metadata.license)
    return metadata


def needs_meson(metadata: pyproject_metadata.StandardMetadata | None) -> bool:
    """Whether meson.build has to be read for it."""
    return metadata is None or bool(metadata.dynamic)


def answers(metadata: pyproject_metadata.StandardMetadata | None, info: ProjectInfo | None) -> bool:
    """Whether introspection told all that is missing; what it leaves out, a full setup may still compute."""
    if info is None:
        return False
    dynamic = {'version'} if metadata is None else set(metadata.dynamic)
    version, licenses = info.get('version'), info.get('license')
    if 'version' in dynamic and (not isinstance(version, str) or version == _UNKNOWN_VERSION):
        return False
    if 'license' in dynamic and (not licenses or licenses[0] == _UNKNOWN_LICENSE):
        return False
    # Introspection gives the licence files as written only where they are literal; setup resolves them.
    return 'license-files' not in dynamic or bool(info.get('license_files'))


def complete(
    metadata: pyproject_metadata.StandardMetadata | None, info: ProjectInfo,
) -> pyproject_metadata.StandardMetadata:
    """The metadata with what meson.build says filled in, as meson-python does it. Raises BuildRefused."""
    import packaging.version
    import pyproject_metadata

    version = info.get('version')
    if metadata is None:
        if not version or version == _UNKNOWN_VERSION:
            raise _invalid('there is no [project] table, and meson.build names no version')
        licenses = info.get('license')
        try:
            metadata = pyproject_metadata.StandardMetadata(
                name=info['descriptive_name'], version=packaging.version.Version(version),
                license=_meson_license(licenses), license_files=_meson_license_files(info))
        except packaging.version.InvalidVersion as error:
            raise _invalid(f'the version in meson.build is not a Python version: {error}') from error
        return metadata
    if 'version' in metadata.dynamic:
        if not version or version == _UNKNOWN_VERSION:
            raise _invalid('the version is declared as dynamic, but meson.build names none')
        try:
            metadata.version = packaging.version.Version(version)
        except packaging.version.InvalidVersion as error:
            raise _invalid(f'the version in meson.build is not a Python version: {error}') from error
    if 'license' in metadata.dynamic:
        license_ = _meson_license(info.get('license'))
        if license_ is None:
            raise _invalid('the license is declared as dynamic, but meson.build names none')
        metadata.license = license_
    if 'license-files' in metadata.dynamic:
        metadata.license_files = _meson_license_files(info)
    return metadata


def write(
    metadata: pyproject_metadata.StandardMetadata, directory: pathlib.Path, source_dir: pathlib.Path,
) -> str:
    """Write the `.dist-info` directory into `directory`; returns its name.

    It holds METADATA, entry_points.txt and the licence files. WHEEL is left out: which tags
    the wheel will have is known only once it is built.
    """
    import pyproject_metadata

    name = f'{metadata.canonical_name.replace("-", "_")}-{metadata.version}.dist-info'
    target = directory / name
    target.mkdir(parents=True, exist_ok=True)
    target.joinpath('METADATA').write_bytes(bytes(metadata.as_rfc822()))
    entry_points = entry_points_text(metadata)
    if entry_points:
        target.joinpath('entry_points.txt').write_text(entry_points, encoding='utf-8', newline='\n')
    if isinstance(metadata.license, pyproject_metadata.License) and metadata.license.file:
        target.joinpath(pathlib.Path(metadata.license.file).name).write_bytes(
            (source_dir / metadata.license.file).read_bytes())
    for file in metadata.license_files or ():
        copy = target / 'licenses' / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((source_dir / file).read_bytes())
    return name


def entry_points_text(metadata: pyproject_metadata.StandardMetadata) -> str:
    """entry_points.txt as meson-python writes it; '' where there are none."""
    groups = dict(metadata.entrypoints)
    groups['console_scripts'] = metadata.scripts
    groups['gui_scripts'] = metadata.gui_scripts
    return ''.join(
        f'[{group}]\n' + ''.join(f'{name} = {value}\n' for name, value in entries.items()) + '\n'
        for group, entries in groups.items() if entries)


def requires_python(value: object) -> packaging.specifiers.SpecifierSet:
    """The versions that requires-python of [project] admits. Raises BuildRefused."""
    import packaging.specifiers

    try:
        return packaging.specifiers.SpecifierSet(typing.cast(str, value))
    except (packaging.specifiers.InvalidSpecifier, AttributeError, TypeError) as error:
        raise refuse(
            'invalid-project-metadata', f'requires-python: {error}', where='pyproject.toml, [project]',
            advice='See https://packaging.python.org/en/latest/specifications/pyproject-toml/.') from error


def check_requires_python(metadata: pyproject_metadata.StandardMetadata | None, version: str) -> None:
    """Refuse an interpreter that requires-python excludes. A pre-release counts as its release, as for pip."""
    import packaging.version

    if metadata is None or metadata.requires_python is None:
        return
    base = packaging.version.Version(version.rstrip('+')).base_version
    if not metadata.requires_python.contains(base, prereleases=True):
        release = packaging.version.Version(base).release
        allows_newer = any(metadata.requires_python.contains(f'3.{minor}.50') for minor in range(release[1], 60))
        raise refuse(
            'python-too-old' if allows_newer else 'python-too-new',
            f'the project requires Python {metadata.requires_python}, and this is {version}',
            where='pyproject.toml, requires-python', advice='Build with an interpreter that the project supports.')


def _license(text: str) -> str:
    import packaging.licenses

    try:
        return str(packaging.licenses.canonicalize_license_expression(text))
    except packaging.licenses.InvalidLicenseExpression as error:
        raise _invalid(f'license: {error}') from error


def _meson_license(value: typing.Any) -> str | None:
    if not value:
        return None
    if len(value) > 1:
        raise _invalid('meson.build lists several licenses; write one SPDX license expression')
    return None if value[0] == _UNKNOWN_LICENSE else _license(value[0])


def _meson_license_files(info: ProjectInfo) -> list[pathlib.Path] | None:
    files = info.get('license_files')
    return [pathlib.Path(file) for file in files] if files else None


def _invalid(what: str) -> BuildRefused:
    return refuse('invalid-project-metadata', what, where='pyproject.toml, [project]',
                  advice='See https://packaging.python.org/en/latest/specifications/pyproject-toml/.')


def _by_introspection(settings: Settings, meson: tools.Meson) -> ProjectInfo | None:
    """What `meson introspect --projectinfo` says of meson.build, unconfigured; None where it cannot tell."""
    # Imported here and below, since static metadata needs none of it.
    import json
    import subprocess

    from . import target, target_choice
    from .meson import tools

    choice = target_choice.Choice(target.running())
    with tools.meson_environment(meson, None, {}, choice, settings.source_dir, 'plain'):
        result = subprocess.run(
            [sys.executable, os.environ['MESON'], 'introspect', '--projectinfo', 'meson.build'],
            cwd=settings.source_dir, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return None
    try:
        value = json.loads(result.stdout[result.stdout.index('{'):])
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _by_setup(settings: Settings) -> ProjectInfo:
    """What a full `meson setup` says of the project, where introspection cannot tell."""
    from . import target, target_choice
    from .meson import configured, standalone

    with _setup_directory(settings.source_dir) as work:
        build_dir = work / 'build'
        choice = target_choice.Choice(target.running())
        standalone.configure(settings, choice, build_dir, '-Dbuildtype=release', mode='sdist')
        return typing.cast(ProjectInfo, configured.info(build_dir, 'projectinfo'))


@contextlib.contextmanager
def _setup_directory(source_dir: pathlib.Path) -> typing.Iterator[pathlib.Path]:
    """A directory to configure in: beside pyproject.toml, or elsewhere where the sources cannot be written."""
    import tempfile

    from . import work_directory

    if os.access(source_dir, os.W_OK):
        with work_directory.temporary(source_dir) as work:
            yield work
    else:
        with tempfile.TemporaryDirectory(prefix='mesonbuild-ft-') as name:
            yield pathlib.Path(name).resolve()
