# SPDX-License-Identifier: MIT
"""What is likely meant by a name that does not exist. For mistakes only: difflib is slow to import."""

from __future__ import annotations

import difflib
import re
import typing


if typing.TYPE_CHECKING:
    import argparse

    from .interpreters import Interpreter

#: A version, in whatever way it is written: '314t', 'py3.14t', '3.14.7t', 'pypy311'.
_VERSION: typing.Final = re.compile(r'(pypy|pp|cpython|python|cp|py)?[-_ ]?3[._]?(\d\d?)(?:\.\d+)?[-_]?(t?)')


def nearest(word: str, known: typing.Iterable[str], cutoff: float = 0.6) -> str:
    """The one of these names that a word is nearest to; '' where none is near. cutoff: 0 to 1, as difflib has it."""
    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff)), '')


def interpreter(name: str, known: typing.Iterable[Interpreter]) -> str:
    """The version, as `interpreters.executable` takes it, of the one of these that is meant; '' where none is near.

    Of a version that is none of those known no other version is meant, but maybe the build with or without the GIL.
    """
    spelled: dict[str, str] = {}
    for each in known:
        target = each.target
        version = _version(target.implementation, target.version[1], free_threaded=target.free_threaded)
        if version and not target.debug:
            for text in (version, f'python{version}', each.tag, target.abi_tag, target.python_tag):
                spelled.setdefault(text, version)
    word = name.lower()
    if word in spelled:
        return spelled[word]
    found = _VERSION.fullmatch(word)
    if found is None:
        digits = re.findall(r'\d', word)
        near = [each for each in difflib.get_close_matches(word, spelled) if re.findall(r'\d', each) == digits]
        return spelled[near[0]] if near else ''
    implementation = 'pypy' if found[1] in ('pypy', 'pp') else 'cpython'
    versions = [_version(implementation, int(found[2]), free_threaded=free_threaded)
                for free_threaded in (bool(found[3]), not found[3])]
    return next((version for version in versions if version in spelled), '')


def _version(implementation: str, minor: int, *, free_threaded: bool) -> str:
    """'' for an implementation that has no such name."""
    prefix = {'cpython': '', 'pypy': 'pypy'}.get(implementation)
    return '' if prefix is None else f'{prefix}3.{minor}{"t" if free_threaded else ""}'


def option(name: str, actions: typing.Iterable[argparse.Action]) -> str:
    """The option of a command that is meant by one that it does not have; '' where none is near.

    A value that an option can have counts too: '--json' is '--format json'.
    """
    spelled: dict[str, str] = {}
    for action in actions:
        long = [text for text in action.option_strings if text.startswith('--')]
        for text in long:
            spelled[text[2:]] = text
            for value in action.choices or ():
                spelled.setdefault(str(value), f'{text} {value}')
    return spelled.get(nearest(name.lstrip('-').lower(), spelled), '')
