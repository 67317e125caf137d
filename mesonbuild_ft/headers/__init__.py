# SPDX-License-Identifier: MIT
"""The C headers for extension modules: where they are installed, and how a project's build finds them."""

from __future__ import annotations

import pathlib
import typing


#: The name for dependency() and pkg-config.
NAME: typing.Final = 'mesonbuild-ft'
_PACKAGE: typing.Final = pathlib.Path(__file__).resolve().parent.parent
INCLUDE_DIRECTORY: typing.Final = _PACKAGE / 'include'
PKG_CONFIG_DIRECTORY: typing.Final = _PACKAGE / 'pkgconfig'
