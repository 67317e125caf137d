# SPDX-License-Identifier: MIT
"""The advice in the output of a build: what compilers said, and of which object ninja compiled it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shlex
import typing

from ..diagnostics import IDENTIFIERS, Diagnostic
from ..meson import objects
from ..report import without_colour
from . import python_header


#: What ninja begins each step with, for _STEP: a person's own could be anything.
NINJA_STATUS: typing.Final = '[%f/%t] '
#: A word, as ninja quotes it for a shell.
_WORD: typing.Final = r"""(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+"""
#: A line of ninja: of Meson's description, or with -v of the command, the object.
_STEP: typing.Final = re.compile(
    rf'\[\d+/\d+\] (?:Compiling \S+ object (?P<object>.+)|.* -o (?P<output>{_WORD}) -c )?')
#: Before a colon: a name may have parentheses of its own.
_PLACE: typing.Final = r'(?P<file>(?:[A-Za-z]:)?[^:\n]+?)[:(](?P<line>\d+)(?:[:,]\d+)?\)?'
#: As GCC writes it, in the language of the person.
_QUOTE: typing.Final = '[\'"\u2018\u2019\u00ab\u00bb\u201e\u201c\u201d]'
_ADVICE: typing.Final = re.compile(
    _PLACE + r'\s?: .*?\[(?P<identifier>advice-[a-z-]+)\] (?P<what>.*?): (?P<todo>.*?)(?: \[-W[\w-]+\])?$')
_MISMATCH: typing.Final = re.compile(_PLACE + rf': .*?{_QUOTE}(?:void )?(?P<function>\w+).*\[-Wmismatched-dealloc\]$')
_ALLOCATED: typing.Final = re.compile(_PLACE + rf': .*{_QUOTE}(?:void ?\* ?)?(?P<function>Py\w+)[\w(, )]*{_QUOTE}$')
#: Any note, in the language of the person.
_NOTE: typing.Final = re.compile(_PLACE + r': \w')
_FREES: typing.Final = {'PyMem_Raw': 'PyMem_RawFree', 'PyMem_': 'PyMem_Free', 'PyObject_': 'PyObject_Free'}


def by_object(text: str, build_dir: pathlib.Path, source_dir: pathlib.Path) -> dict[str, list[Diagnostic]]:
    """Object, as ninja calls it -> the advice of its compilation. '' is what no object can be named for."""
    found: dict[str, list[Diagnostic]] = {}
    name = ''
    of_source: dict[str, str] = {}
    lines = [without_colour(line).rstrip() for line in text.splitlines()]
    # ninja --quiet; meson-python counts what it packs in the same way.
    if not any(step and (step['object'] or step['output']) for step in map(_STEP.match, lines)):
        of_source = {os.path.realpath(os.path.join(each.directory, each.source)): each.output
                     for each in objects.compile_commands(build_dir).values() if each.source}
    for index, line in enumerate(lines):
        step = _STEP.match(line)
        if step is not None:
            name = _unquoted(step['object'] or step['output'] or '')
            # Compiled anew, perhaps without a word.
            found.setdefault(name, [])
            continue
        said = None
        if '[advice-' in line or '[-Wmismatched-dealloc]' in line:
            said = _advice(lines, index, build_dir, source_dir)
        if said is not None:
            source = os.path.realpath(source_dir / said.where.rpartition(':')[0])
            several = found.setdefault(name or of_source.get(source, ''), [])
            if said not in several:
                several.append(said)
    return found


def _unquoted(word: str) -> str:
    """A name without what ninja put around it."""
    if word[:1] == '"' or "'" in word:
        with contextlib.suppress(ValueError):
            return (shlex.split(word) or [''])[0]
    return word


def _advice(
    lines: typing.Sequence[str], index: int, build_dir: pathlib.Path, source_dir: pathlib.Path,
) -> Diagnostic | None:
    """The advice in a line of output; those that follow tell more of it."""
    said = _ADVICE.match(lines[index])
    if said is not None:
        if said['identifier'] not in IDENTIFIERS:
            # Of another version of the header.
            return None
        where = _relative(said['file'], build_dir, source_dir)
        if where is None:
            # G++ names the line in which a macro stands, and then that of the call.
            calls = (_NOTE.match(line) for line in _of_the_same(lines, index))
            places = [(_relative(call['file'], build_dir, source_dir), call['line']) for call in calls if call]
            where = next((f'{file}:{line}' for file, line in places if file is not None), None)
            if where is None:
                return None
        else:
            where = f'{where}:{said["line"]}'
        todo = said['todo']
        return Diagnostic(said['identifier'], 'warning', said['what'], where, f'{todo[0].upper()}{todo[1:]}.')
    mismatch = _MISMATCH.match(lines[index])
    if mismatch is None:
        return None
    file = _relative(mismatch['file'], build_dir, source_dir)
    for line in _of_the_same(lines, index):
        allocated = _ALLOCATED.match(line)
        if allocated is not None and file is not None:
            free = next((free for begin, free in _FREES.items() if allocated['function'].startswith(begin)), None)
            if free is None:
                return None
            return Diagnostic(
                'advice-allocation-domain', 'warning',
                f'{mismatch["function"]} is given memory of {allocated["function"]}', f'{file}:{mismatch["line"]}',
                f'Free it with {free}.')
    return None


def _of_the_same(lines: typing.Sequence[str], index: int) -> typing.Iterator[str]:
    """The lines after one, up to the next warning or step."""
    for line in lines[index + 1:]:
        if _STEP.match(line) or '[-W' in line:
            return
        yield line


def _relative(name: str, build_dir: pathlib.Path, source_dir: pathlib.Path) -> str | None:
    """A file as seen from the directory of the project; None where it is none of its sources."""
    path = os.path.realpath(os.path.join(build_dir, name))
    source, build = (os.path.join(os.path.realpath(directory), '') for directory in (source_dir, build_dir))
    if path.startswith(build) or not path.startswith(source) or python_header.is_foreign(path, build_dir, source_dir):
        return None
    return pathlib.Path(os.path.relpath(path, source)).as_posix()
