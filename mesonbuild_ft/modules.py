# SPDX-License-Identifier: MIT
"""One file that is, or is named like, an extension module."""

from __future__ import annotations

import typing

from . import tags
from .diagnostics import Diagnostic, Severity
from .scanner import Facts, ScanError, Scanner


class Module(typing.NamedTuple):
    """An extension module among the files that are judged together.

    path: inside the wheel or directory. stem, suffix_tag: of its name, see `tags.module_parts`.
    facts: None where it could not be scanned, for the reason in `problem`.
    """

    path: str
    stem: str
    suffix_tag: str
    facts: Facts | None
    problem: str = ''
    malformed: bool = False

    @property
    def parts(self) -> tuple[Facts, ...]:
        """The facts for each machine: the slices of a universal file, otherwise one; none where it was not scanned."""
        return self.facts.parts if self.facts is not None else ()

    def error(self, identifier: str, what: str, advice: str) -> Diagnostic:
        """A finding that is proven. what: continues the module's name."""
        return self.finding(identifier, 'error', what, advice)

    def finding(self, identifier: str, severity: Severity, what: str, advice: str) -> Diagnostic:
        """A finding about this module. what: continues the module's name."""
        return Diagnostic(identifier, severity, f'{self.stem} {what}', where=self.path, advice=advice)


class IncompleteError(Exception):
    """More of a file is needed than its first bytes."""


def scan(
    scanner: Scanner, path: str, data: bytes | bytearray, *, file_size: int = 0, named: bool = False,
) -> Module | None:
    """The module in `data`, which lies at `path`; None for a shared library, or a file only named like a module.

    file_size: more than there is of data, where that is only the file's beginning. Raises IncompleteError then.
    named: a person asked for this very file, so it is never left out.
    """
    stem, tag, kind = tags.module_parts(path) or (path.rsplit('/', 1)[-1].partition('.')[0], '', '')
    facts: Facts | None = None
    problem, status = '', ''
    try:
        facts = scanner.scan(data, stem if stem.isprintable() else None, file_size)
    except ScanError as error:
        if error.status == 'incomplete':
            raise IncompleteError from error
        problem, status = str(error), error.status
    # A text or an empty file under a name that only modules have is as bad as a damaged module.
    is_malformed = status == 'malformed' or (status == 'not-a-binary' and bool(tag))
    module = Module(path, stem, tag, facts, problem, is_malformed)
    if named or tag or any(part.init_hooks for part in module.parts):
        return module
    # foo.pyd is a module by its ending alone; foo.so may be any library, and even a text for the linker.
    if facts is None and (kind == 'pyd' or status == 'malformed'):
        return module
    return None
