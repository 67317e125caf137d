# SPDX-License-Identifier: MIT
"""All that is known of a project that setuptools builds."""

from __future__ import annotations

import dataclasses
import typing

from . import extensions, metadata, packages
from .extensions import Module
from .files import Files
from .plan import Note, place
from .setuptools_files import Said


@dataclasses.dataclass(frozen=True)
class Project:
    """unread: extension modules that cannot be read. python: directory that is installed into -> files.

    version, name: '' where they are not known. version_needed: [project] does not give it.
    """

    modules: tuple[Module, ...] = ()
    unread: tuple[Note, ...] = ()
    python: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    name: str = ''
    version: str = ''
    version_needed: bool = False
    left: tuple[Note, ...] = ()


def read(files: Files, data: typing.Mapping[str, typing.Any], text: str) -> Project:
    """The project in a directory. data: pyproject.toml, of which `text` is the text."""
    said = Said(files, data, text)
    modules, unread, left = extensions.read(said)
    if said.script.problem:
        unread.insert(0, Note(place('setup.py', said.script.line), f'it cannot be read: {said.script.problem}'))
    python, about_files = packages.read(said)
    about = metadata.read(said)
    return Project(
        tuple(modules), tuple(unread), python, about.name, about.version, about.version_needed,
        (*said.problems, *left, *about_files, *_assumed(said), *about.left))


def _assumed(said: Said) -> typing.Iterator[Note]:
    for line, source in said.script.assumed.items():
        where = place('setup.py', line)
        if 'environ' in source or 'getenv' in source:
            yield Note(where, 'read as if no environment variable were set; what people are to choose becomes an '
                              'option in meson.options')
        else:
            yield Note(where, f'{source} is not asked any more: mesonbuild-ft chooses for each interpreter')
