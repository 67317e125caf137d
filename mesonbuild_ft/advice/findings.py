# SPDX-License-Identifier: MIT
"""What is done with advice once it is read: pure, diagnostics in and out."""

from __future__ import annotations

import typing

from ..diagnostics import Diagnostic
from ..modules import Module


#: How many places of one group are named.
_SHOWN: typing.Final = 12


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
        names = [each.where for each in sorted(places.values(), key=by_place)]
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


def by_place(found: Diagnostic) -> tuple[str, int]:
    file, _, line = found.where.rpartition(':')
    return file, int(line)
