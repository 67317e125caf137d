# SPDX-License-Identifier: MIT
"""`mesonbuild-ft check --fix`: corrected copies of wheels, where that is safe.

Safe is what changes no module: the suffix of a stable-ABI module, the Tag lines of WHEEL, which follow the file
name as installers do, import libraries, and RECORD to match. The copy is judged before anything is said of it.
"""

from __future__ import annotations

import contextlib
import csv
import os
import pathlib
import tempfile
import typing
import zipfile
import zlib

from .. import tags, wheel
from ..diagnostics import BuildRefused
from ..output.summary import printable
from ..scanner import Scanner
from . import archive, checker, subjects
from .archive import ArchiveError
from .checker import Checked
from .subjects import Options


#: What a copy can be rid of.
FIXABLE: typing.Final = frozenset({
    'suffix-not-loadable', 'incomplete-wheel-tags', 'wheel-tag-mismatch', 'import-library-in-wheel'})


class _NotFixed(Exception):
    """Why there is no corrected copy."""


def run(
    results: typing.Sequence[Checked], directory: str, scanner: Scanner, options: Options,
) -> tuple[list[Checked], list[str]]:
    """(the results, with those of corrected copies in place of their originals; what was done, a line each)."""
    judged, lines = [], []
    for checked in results:
        if not any(finding.identifier in FIXABLE for finding in checked.found):
            judged.append(checked)
            continue
        try:
            fixed, done = _fix(checked, pathlib.Path(directory), scanner, options)
            judged.append(fixed)
            lines += [f'fixed {printable(fixed.path)}: {printable(what)}' for what in done]
        # zipfile and csv have many ways to refuse what archive.py lets pass.
        except (_NotFixed, ArchiveError, BuildRefused, OSError, ValueError, KeyError, EOFError, RuntimeError,
                zipfile.BadZipFile, zlib.error, csv.Error) as error:
            judged.append(checked)
            lines.append(f'not fixed {printable(checked.label)}: {printable(str(error))}')
    return judged, lines


def _fix(
    checked: Checked, directory: pathlib.Path, scanner: Scanner, options: Options,
) -> tuple[Checked, list[str]]:
    if checked.kind != 'wheel' or checked.name is None or not checked.name.name:
        raise _NotFixed('only wheels with a valid file name are')
    final = directory / str(checked.name)
    if final.exists():
        raise _NotFixed(f'{final} exists already; remove it, or name another directory')
    opened = archive.open_archive(checked.path)
    opened.check_limit(opened.members, options.limit)
    if opened.found or opened.broken:
        raise _NotFixed('the archive itself is damaged or unsafe')
    members = [member.name for member in opened.members]
    if any(name.endswith(('.dist-info/RECORD.jws', '.dist-info/RECORD.p7s')) for name in members):
        raise _NotFixed('the wheel is signed, and a change would make the signature invalid')
    found = [name.rpartition('/')[0] for name in members if name.count('/') == 1 and name.endswith('.dist-info/WHEEL')]
    if len(found) != 1 or f'{found[0]}/RECORD' not in members:
        raise _NotFixed('there is no single .dist-info directory with WHEEL and RECORD')
    wheel_file, = (member for member in opened.members if member.name == f'{found[0]}/WHEEL')
    fields = subjects.header_fields(opened.read(wheel_file).decode(errors='replace'))
    listed = {tag.split('-')[1] for line in fields.get('tag', []) for tag in tags.expand(line.lower())
              if tag.count('-') == 2}
    named = set(checked.name.abi.split('.'))
    proven = all(tags.abi_of_suffix(module.suffix_tag) in named for module in checked.modules)
    if listed and not listed & named and not proven:
        raise _NotFixed('its file name and WHEEL name different ABIs, and no suffix of a module says which is right')
    without = frozenset(f.where for f in checked.found if f.identifier == 'import-library-in-wheel')
    with _beside(directory) as work:
        copy = wheel.finish(pathlib.Path(checked.path), work, checked.name, found[0], without)
        fixed, = checker.check([str(copy)], scanner, options)
        mended = _mended(checked, fixed)
        if not mended:
            raise _NotFixed('a copy would be no better: ' + ', '.join(sorted(
                {f.identifier for f in checked.found if f.identifier in FIXABLE})) + ' needs another build')
        os.replace(copy, final)
    fixed = fixed._replace(label=str(final), path=str(final), found=tuple(
        f._replace(where=str(final)) if f.where == str(copy) else f for f in fixed.found))
    done = [f'{name} is called {new} now' for name in members
            if (new := wheel.new_member_name(name, checked.name)) != name]
    if mended & {'incomplete-wheel-tags', 'wheel-tag-mismatch'}:
        done.append(f'WHEEL lists {", ".join(checked.name.expanded()[:3])}'
                    + (f' and {len(checked.name.expanded()) - 3} more' if len(checked.name.expanded()) > 3 else ''))
    done += [f'{name} is left out' for name in sorted(without)]
    return fixed, done


def _mended(checked: Checked, fixed: Checked) -> set[str]:
    """The identifiers that the copy is rid of; none where it is worse in another way."""
    before, after = ({(f.identifier, f.severity) for f in judged.found} for judged in (checked, fixed))
    if fixed.unusable or any(severity == 'error' for _, severity in after - before):
        return set()
    return {identifier for identifier, _ in before - after if identifier in FIXABLE}


@contextlib.contextmanager
def _beside(directory: pathlib.Path) -> typing.Iterator[pathlib.Path]:
    """A temporary directory in `directory`, which is made, and removed again if nothing came into it."""
    existed = directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix='.mesonbuild-ft-fix-', dir=directory) as work:
            yield pathlib.Path(work)
    finally:
        if not existed:
            with contextlib.suppress(OSError):
                directory.rmdir()
