# SPDX-License-Identifier: MIT
"""What setup.py, setup.cfg and pyproject.toml say together of a project that setuptools builds."""

from __future__ import annotations

import configparser
import re
import typing

from . import setup_script
from .files import Files
from .plan import Note, place
from .proposals import table
from .setup_script import first_unknown


class Said:
    """The three files, read. cfg_text, text: of setup.cfg and pyproject.toml. tool: [tool.setuptools].

    problems: why one of them cannot be read.
    """

    def __init__(self, files: Files, data: typing.Mapping[str, typing.Any], text: str) -> None:
        self.files = files
        self.data = data
        self.text = text
        self.tool = table(data, 'tool', 'setuptools')
        self.in_project = table(data, 'project')
        source = files.read('setup.py')
        self.script = setup_script.read(source, files.glob) if source is not None else setup_script.Script()
        self.cfg_text = files.read('setup.cfg') or ''
        self.cfg = configparser.ConfigParser(interpolation=None, strict=False)
        self.problems: list[Note] = []
        try:
            self.cfg.read_string(self.cfg_text)
        except configparser.Error as error:
            self.problems.append(Note('setup.cfg', f'it cannot be read: {str(error).splitlines()[0]}'))


def of(value: typing.Any) -> str:
    """': the expression' of what is Unknown; '' of everything else."""
    found = first_unknown(value)
    return f': {found.source}' if found is not None else ''


def at(value: typing.Any, where: str) -> str:
    """The place of what is Unknown in it, in the file of `where`; else `where` itself."""
    found = first_unknown(value)
    return place(where.partition(':')[0], found.line) if found is not None else where


def words(text: str) -> list[str]:
    """A list of setup.cfg: one word a line, or separated by commas."""
    return [word.strip() for word in re.split(r'[\n,]', text) if word.strip()]
