# SPDX-License-Identifier: MIT
"""The advice on all objects of a build directory, kept in it.

A build compiles only what changed, and so its output has the advice on that alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import time
import typing

from ..diagnostics import Diagnostic
from ..meson import objects, setup
from ..modules import Module
from . import findings, output as output_, python_header, recording


@contextlib.contextmanager
def keeping(build_dir: pathlib.Path, source_dir: pathlib.Path) -> typing.Iterator[None]:
    """Keep what compilers advise meanwhile, also in a build that fails: what they compiled is not compiled again."""
    output = bytearray()
    # The clock that files are dated by lags a little.
    since = time.time_ns() - 20_000_000
    status = os.environ.get('NINJA_STATUS')
    os.environ['NINJA_STATUS'] = output_.NINJA_STATUS
    try:
        with recording.recorded(output):
            yield
    finally:
        del os.environ['NINJA_STATUS']
        if status is not None:
            os.environ['NINJA_STATUS'] = status
        _keep(output, since, build_dir, source_dir)


def of_build(build_dir: pathlib.Path, modules: typing.Sequence[Module] = ()) -> list[Diagnostic]:
    """What compilers advised on all objects, and the finished modules do not answer."""
    return findings.unanswered(_read(build_dir), modules)


def in_words(build_dir: pathlib.Path, places: int) -> str:
    """How much advice there is, and where there can be none."""
    own = os.fspath(python_header.directory(setup.own_directory(build_dir)))
    advised = [command for command in objects.compile_commands(build_dir).values() if own in command.command]
    if not advised:
        return 'none: it takes GCC or Clang, and sources that include Python.h'
    words = f'{places} place{"s"[:places != 1]} to look at, see above' if places else 'no place to look at'
    hidden = sum(' -Wno-deprecated-declarations' in each.command or ' -w ' in each.command for each in advised)
    if hidden:
        words += f'; {hidden} of {len(advised)} sources are compiled without these warnings'
    unheard = _unheard(build_dir, (each.output for each in advised))
    if unheard:
        words += f'; {unheard} of {len(advised)} sources were compiled by something else, which showed what there is'
    return words


def _file(build_dir: pathlib.Path) -> pathlib.Path:
    return setup.own_directory(build_dir) / 'advice.json'


def _keep(output: bytes | bytearray, since: int, build_dir: pathlib.Path, source_dir: pathlib.Path) -> None:
    """Add what ninja's output says of the objects that it compiled.

    since: when that began, in nanoseconds since 1970. What belongs to no object stays up to the next build.
    """
    found = output_.by_object(output.decode(errors='replace'), build_dir, source_dir)
    entries = {name: entry for name, entry in _entries(build_dir).items()
               if name and _modified(build_dir / name) == entry[0]}
    for name in {*found, *objects.compile_commands(build_dir)}:
        modified = _modified(build_dir / name) if name else 0
        # ninja --quiet names no object.
        if modified is not None and (name in found or modified >= since):
            entries[name] = modified, found.get(name, [])
    path = _file(build_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries), encoding='utf-8')


def _read(build_dir: pathlib.Path) -> list[Diagnostic]:
    """The advice that was kept of objects that are in the build directory as they were then, each place once."""
    found = [each for name, (modified, several) in _entries(build_dir).items()
             if not name or _modified(build_dir / name) == modified for each in several]
    try:
        return sorted(dict.fromkeys(map(Diagnostic.from_json, found)), key=findings.by_place)
    except (ValueError, TypeError):
        # Of another version, in whose environment this was built.
        return []


def _unheard(build_dir: pathlib.Path, names: typing.Iterable[str]) -> int:
    """How many of these objects something else compiled, so that nothing is kept of them."""
    kept = _entries(build_dir)
    return sum(modified is not None and (name not in kept or kept[name][0] != modified)
               for name, modified in ((name, _modified(build_dir / name)) for name in names))


def _modified(path: pathlib.Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _entries(build_dir: pathlib.Path) -> dict[str, tuple[int, list[typing.Any]]]:
    """Object -> when it was written, in nanoseconds since 1970, and the advice of its compilation."""
    try:
        data = json.loads(_file(build_dir).read_text(encoding='utf-8'))
        return {name: (int(modified), list(found)) for name, (modified, found) in data.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
