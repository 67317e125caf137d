# SPDX-License-Identifier: MIT
"""What authors write by hand today and mesonbuild-ft does itself: texts in, notes with file, line and reason out.

Nothing of it is edited: whether a line serves only this purpose is for its author to say.
"""

from __future__ import annotations

import re
import typing

from .plan import Note


#: Files in which builds are described.
PATTERNS: typing.Final = (
    'pyproject.toml', 'meson.build', '*/meson.build', '.github/*.yml', '.github/*.yaml', '.circleci/*.yml', '.ci/*',
    '.gitlab-ci.yml', '.gitlab/*.yml', 'azure-pipelines.yml', '.cirrus.*', '.travis.yml', 'appveyor.yml', 'ci/*',
    'tools/ci/*', 'tox.ini', 'noxfile.py', 'Makefile', 'justfile', 'requirements*.txt', 'requirements/*.txt',
    'environment*.yml')
#: Sources of extension modules.
SOURCES: typing.Final = ('*.c', '*.cc', '*.cpp', '*.cxx', '*.h', '*.hh', '*.hpp', '*.pyx', '*.pxd', '*.pxi')

_ALLOW: typing.Final = re.compile(r'python\.allow_limited_api\s*[\'"]?\s*[=:]\s*[\'"]?(false|true)')
_GIL_DEFINE: typing.Final = re.compile(r'-DPy_GIL_DISABLED')
_OWN_GIL: typing.Final = re.compile(r'^[ \t]*#[ \t]*define[ \t]+Py_GIL_DISABLED\b')
_MESON_PYTHON: typing.Final = re.compile(
    r'^\s*-?\s*["\']?meson[-_]python\b|["\']meson[-_]python\b|install\b.*\bmeson-python\b')


def find(texts: typing.Mapping[str, str], *, limited_api: bool) -> list[Note]:
    """Notes on all texts, which are keyed by their paths. limited_api: the project is to use the limited API."""
    notes: list[Note] = []
    required: list[str] = []
    for path, text in texts.items():
        source = path.endswith(tuple(pattern[1:] for pattern in SOURCES))
        for number, line in enumerate(text.splitlines(), 1):
            place = f'{path}:{number}'
            stripped = line.strip()
            if stripped.startswith(('#', '//')) and not source:
                continue
            if source:
                if _OWN_GIL.search(line):
                    notes.append(Note(place, 'remove this: mesonbuild-ft defines it where an interpreter needs it',
                                      stripped))
                continue
            switch = _ALLOW.search(line)
            if switch:
                notes.append(Note(place, _allow_text(path, switch[1], limited_api=limited_api), stripped))
            if path.endswith('meson.build') and 'Py_GIL_DISABLED' in line and not _GIL_DEFINE.search(line):
                notes.append(Note(
                    place, 'this asks for a free-threaded Python; if it chooses the limited API, write limited_api: '
                           'without it: mesonbuild-ft chooses, abi3t included (abi3t = true)', stripped))
            if _GIL_DEFINE.search(line):
                notes.append(Note(
                    place, 'remove -DPy_GIL_DISABLED: mesonbuild-ft passes it to free-threaded builds on Windows, and '
                           'other builds must not have it', stripped))
            if _MESON_PYTHON.search(line) and not path.endswith('meson.build'):
                required.append(place)
    if required:
        shown = ', '.join(required[:5]) + (f' and {len(required) - 5} more' if len(required) > 5 else '')
        notes.append(Note(shown, 'meson-python is named here as well; where builds run without isolation, '
                                 'mesonbuild-ft has to be installed too'))
    return notes


def _allow_text(path: str, value: str, *, limited_api: bool) -> str:
    if value == 'true':
        return 'python.allow_limited_api=true is the default where nothing switches it off: remove it with what does'
    if path.endswith('meson.build'):
        return 'this switches the limited API off; without it mesonbuild-ft chooses for each interpreter'
    if limited_api:
        return ('remove python.allow_limited_api=false here: mesonbuild-ft switches the limited API off by itself '
                'for interpreters that have none')
    return ('this switches the limited API off; without it and with limited-api = true, mesonbuild-ft chooses for each '
            'interpreter')


def skipped_builds(pyproject: typing.Mapping[str, typing.Any], text: str) -> list[Note]:
    """cibuildwheel's `skip` of free-threaded builds."""
    value: typing.Any = pyproject
    for name in ('tool', 'cibuildwheel', 'skip'):
        value = value.get(name) if isinstance(value, dict) else None
    words = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    found = [word for word in words if isinstance(word, str) and re.match(r'(cp3[\d?*\[\]{},]*|\*)t-', word)]
    notes = []
    for number, line in enumerate(text.splitlines(), 1):
        if any(word in line for word in found):
            notes.append(Note(f'pyproject.toml:{number}', f'cibuildwheel skips {", ".join(found)}: if that was for the '
                              'limited API, these build now', line.strip()))
            break
    return notes


def own_limited_api(texts: typing.Mapping[str, str]) -> list[Note]:
    """Sources that define Py_LIMITED_API, where `limited_api:` in meson.build is to give it."""
    notes = []
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if re.match(r'[ \t]*#[ \t]*define[ \t]+Py_LIMITED_API\b', line):
                notes.append(Note(
                    f'{path}:{number}', 'remove this: limited_api: in meson.build gives it, and free-threaded 3.13 and '
                                        '3.14 refuse it', line.strip()))
    return notes
