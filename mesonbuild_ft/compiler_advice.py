# SPDX-License-Identifier: MIT
"""The advice on free threading that compilers gave in a build (advice.h): read from their output, and kept.

A build compiles only what changed, and so its output has the advice on that alone. What was said of the other objects
stands in a file of the build directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import typing

from . import pass_on
from .diagnostics import IDENTIFIERS, Diagnostic
from .meson import objects, python_header
from .modules import Module


#: How many places of one group are named.
_SHOWN: typing.Final = 12

_COLOUR: typing.Final = re.compile(r'\x1b\[[0-9;]*[mK]')
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


@contextlib.contextmanager
def recorded(output: bytearray) -> typing.Iterator[None]:
    """Add to `output` what is written to standard output meanwhile, also by programs, and pass it on."""
    sys.stdout.flush()
    before = os.dup(1)
    with tempfile.TemporaryDirectory(prefix='mesonbuild-ft-') as directory:
        kept = pathlib.Path(directory, 'output')
        process = subprocess.Popen(
            [sys.executable, '-I', '-S', pathlib.Path(pass_on.__file__).resolve(), kept], stdin=subprocess.PIPE)
        assert process.stdin is not None
        os.dup2(process.stdin.fileno(), 1)
        stream = sys.stdout
        try:
            # One that was opened for a file would seek in it.
            encoding = getattr(stream, 'encoding', None)
            with open(1, 'w', encoding=encoding, errors='replace', closefd=False) as sys.stdout:
                yield
        finally:
            sys.stdout = stream
            os.dup2(before, 1)
            os.close(before)
            # Where the output was closed, it has ended before.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                os.write(process.stdin.fileno(), pass_on.END)
            process.wait()
            with contextlib.suppress(FileNotFoundError):
                output += kept.read_bytes()


def keep(
    output: bytes | bytearray, since: int, build_dir: pathlib.Path, source_dir: pathlib.Path, path: pathlib.Path,
) -> None:
    """Add to the file `path` what ninja's output says of the objects that it compiled in build_dir.

    since: when that began, in nanoseconds since 1970. What belongs to no object stays up to the next build.
    """
    found = by_object(output.decode(errors='replace'), build_dir, source_dir)
    entries = {name: entry for name, entry in _kept(path).items() if name and _modified(build_dir / name) == entry[0]}
    for name in {*found, *objects.compile_commands(build_dir)}:
        modified = _modified(build_dir / name) if name else 0
        # ninja --quiet names no object.
        if modified is not None and (name in found or modified >= since):
            entries[name] = modified, found.get(name, [])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries), encoding='utf-8')


def read(path: pathlib.Path, build_dir: pathlib.Path) -> list[Diagnostic]:
    """The advice that `keep` kept of objects that are in the build directory as they were then, each place once."""
    found = [each for name, (modified, several) in _kept(path).items()
             if not name or _modified(build_dir / name) == modified for each in several]
    try:
        return sorted(dict.fromkeys(map(Diagnostic.from_json, found)), key=_by_place)
    except (ValueError, TypeError):
        # Of another version, in whose environment this was built.
        return []


def unheard(path: pathlib.Path, build_dir: pathlib.Path, names: typing.Iterable[str]) -> int:
    """How many of these objects something else compiled, so that nothing is kept of them."""
    kept = _kept(path)
    return sum(modified is not None and (name not in kept or kept[name][0] != modified)
               for name, modified in ((name, _modified(build_dir / name)) for name in names))


def _modified(path: pathlib.Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _kept(path: pathlib.Path) -> dict[str, tuple[int, list[typing.Any]]]:
    """Object -> when it was written, in nanoseconds since 1970, and the advice of its compilation."""
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
        return {name: (int(modified), list(found)) for name, (modified, found) in data.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def grouped(found: typing.Iterable[Diagnostic]) -> list[Diagnostic]:
    """Advice of the same words once, with all its places; other diagnostics as they are, before it."""
    others: list[Diagnostic] = []
    groups: dict[Diagnostic, dict[str, Diagnostic]] = {}
    for each in found:
        if is_advice(each):
            groups.setdefault(each._replace(where=''), {})[each.where] = each
        else:
            others.append(each)
    for words, places in groups.items():
        names = [each.where for each in sorted(places.values(), key=_by_place)]
        more = f', and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
        others.append(words._replace(where=', '.join(names[:_SHOWN]) + more))
    return others


def unanswered(found: typing.Iterable[Diagnostic], modules: typing.Sequence[Module]) -> list[Diagnostic]:
    """The same without what the finished modules answer: that they leave the GIL off, by whatever initialisation."""
    leave_it_off = bool(modules) and all(
        module.parts and all(part.gil == 'not-used' for part in module.parts) for module in modules)
    return [each for each in found if not (each.identifier == 'advice-single-phase' and leave_it_off)]


def is_advice(found: Diagnostic) -> bool:
    """Whether a compiler said it, of a call."""
    return found.identifier.startswith('advice-')


def _by_place(found: Diagnostic) -> tuple[str, int]:
    file, _, line = found.where.rpartition(':')
    return file, int(line)


def by_object(text: str, build_dir: pathlib.Path, source_dir: pathlib.Path) -> dict[str, list[Diagnostic]]:
    """Object, as ninja calls it -> the advice of its compilation. '' is what no object can be named for."""
    found: dict[str, list[Diagnostic]] = {}
    name = ''
    of_source: dict[str, str] = {}
    lines = [_COLOUR.sub('', line).rstrip() for line in text.splitlines()]
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
