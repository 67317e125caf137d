# SPDX-License-Identifier: MIT
"""What a person asks of `mesonbuild-ft wheels`."""

from __future__ import annotations

import dataclasses
import pathlib
import typing

from .environment import Installer


@dataclasses.dataclass(frozen=True)
class Options:
    """One run.

    output: where the wheels go. config: config settings for all builds. jobs: how much runs at once. isolated: in an
    environment of its own, which PEP 517 asks for. fresh: nothing that is left of earlier runs is used. named: paths of
    the interpreters that were named, which are missed where nothing is built for them.
    """

    output: pathlib.Path
    config: typing.Mapping[str, typing.Any]
    jobs: int
    installer: Installer = 'auto'
    isolated: bool = True
    do_import: bool = True
    fresh: bool = False
    named: frozenset[str] = frozenset()
