# SPDX-License-Identifier: MIT
"""The result of `mesonbuild-ft check` as JSON; docs/reference/check.schema.json describes it."""

from __future__ import annotations

import json
import typing

from .. import tags
from ..audit import stable_abi as audit_stable_abi
from ..check.checker import Checked
from ..modules import Module
from ..scanner import Facts
from . import summary


#: Raised when a field changes its meaning or goes away, not when one is added.
SCHEMA_VERSION: typing.Final = 1


def write(
    results: typing.Sequence[Checked], stream: typing.TextIO, *, version: str, stable_abi: str, fail_on: str,
    exit_status: int,
) -> None:
    """Print one object. version: of mesonbuild-ft; stable_abi: the CPython whose table was used."""
    json.dump({
        'schema_version': SCHEMA_VERSION,
        'tool': {'name': 'mesonbuild-ft', 'version': version, 'stable_abi': stable_abi},
        'fail_on': fail_on,
        'exit_status': exit_status,
        'summary': summary.count(results),
        'results': [_result(checked) for checked in results],
    }, stream, indent=1)
    stream.write('\n')


def _result(checked: Checked) -> dict[str, typing.Any]:
    name = checked.name
    return {
        'label': checked.label,
        'kind': checked.kind,
        'path': checked.path,
        'verdict': checked.verdict,
        'left_out': [each._asdict() for each in checked.left_out],
        'tag': None if name is None else {'python': name.python, 'abi': name.abi, 'platform': name.platform},
        'findings': [finding._asdict() for finding in checked.found],
        'modules': [_module(module) for module in checked.modules],
        'imports': [{
            'module': done.module, 'python': done.interpreter.executable, 'python_name': done.interpreter.target.name,
            'python_tag': done.interpreter.tag, 'gil_before': done.gil_before, 'gil_after': done.gil_after,
            'warnings': done.warnings, 'error': done.error, 'missing': done.missing,
        } for done in checked.imports],
    }


def _module(module: Module) -> dict[str, typing.Any]:
    result: dict[str, typing.Any] = {
        'path': module.path, 'stem': module.stem, 'suffix_tag': module.suffix_tag, 'problem': module.problem}
    floor = audit_stable_abi.floor_of(module)
    return {
        **result, 'abi3_floor': None if floor is None else tags.version_text(floor),
        'facts': [_facts(part) for part in module.parts]}


def _facts(facts: Facts) -> dict[str, typing.Any]:
    """What is known of a file, or of one slice of a universal file."""
    older = facts.before_3_15
    return {
        'format': facts.format, 'machine': facts.machine, 'bits': facts.bits, 'byte_order': facts.byte_order,
        'needed': facts.needed, 'init_hooks': facts.init_hooks, 'framework': facts.framework,
        'minimum_os': facts.minimum_os,
        'abi_info': None if facts.abi_info is None else facts.abi_info._asdict(),
        'outside_abi3': [symbol.name for symbol in facts.python_imports if symbol.abi3_since is None],
        **_judgement(facts),
        'before_3_15': None if older is None else _judgement(older),
    }


def _judgement(facts: Facts) -> dict[str, typing.Any]:
    """What depends on the hook that an interpreter calls."""
    return {name: getattr(facts, name) for name in (
        'init', 'init_reason', 'gil', 'gil_evidence', 'layout', 'layout_evidence', 'slots', 'slots_complete')}
