# SPDX-License-Identifier: MIT
"""mesonbuild-ft: build-backend = "mesonbuild_ft". The hooks of PEP 517 and PEP 660, and nothing else."""

from __future__ import annotations

import typing


__version__ = '0.1.0'

_Settings = typing.Optional[typing.Mapping[str, typing.Any]]
_Result = typing.TypeVar('_Result')


def build_wheel(
    wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None,
) -> str:
    """PEP 517: build a wheel into `wheel_directory`; returns its file name."""
    from . import build
    return _run(lambda: build.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(
    wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None,
) -> str:
    """PEP 660: build in place, and a wheel that points there; returns its file name."""
    from . import build
    return _run(lambda: build.build_editable(wheel_directory, config_settings, metadata_directory))


def build_sdist(sdist_directory: str, config_settings: _Settings = None) -> str:
    """PEP 517: make a source distribution in `sdist_directory`; returns its file name."""
    from . import build
    return _run(lambda: build.build_sdist(sdist_directory, config_settings))


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: _Settings = None) -> str:
    """PEP 517: write the `.dist-info` directory without building; returns its name."""
    from . import metadata
    return _run(lambda: metadata.prepare(metadata_directory, config_settings))


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: _Settings = None) -> str:
    """PEP 660: the same for an editable install."""
    from . import metadata
    return _run(lambda: metadata.prepare(metadata_directory, config_settings))


def get_requires_for_build_wheel(config_settings: _Settings = None) -> list[str]:
    """PEP 517: what else has to be installed on this machine for a wheel."""
    from .meson import tools
    return _run(lambda: tools.get_requires('get_requires_for_build_wheel', config_settings))


def get_requires_for_build_editable(config_settings: _Settings = None) -> list[str]:
    """PEP 660: the same for an editable install."""
    from .meson import tools
    return _run(lambda: tools.get_requires('get_requires_for_build_editable', config_settings))


def get_requires_for_build_sdist(config_settings: _Settings = None) -> list[str]:
    """PEP 517: the same for a source distribution."""
    from .meson import tools
    return _run(lambda: tools.get_requires('get_requires_for_build_sdist', config_settings))


def _run(hook: typing.Callable[[], _Result]) -> _Result:
    """Run a hook; a refusal is shown to the person and ends the process with status 1."""
    from .diagnostics import BuildRefused, from_os_error

    try:
        return hook()
    except (BuildRefused, OSError) as error:
        from . import report

        report.show(error.diagnostics if isinstance(error, BuildRefused) else [from_os_error(error)])
        raise SystemExit(1) from error
    except KeyboardInterrupt:
        import sys

        print('mesonbuild-ft: interrupted', file=sys.stderr)
        raise SystemExit(130) from None
