# SPDX-License-Identifier: MIT
"""The result of `mesonbuild-ft check` as SARIF 2.1.0, which code scanning services read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import typing
import urllib.parse

from .. import pages
from ..check.checker import Checked
from ..diagnostics import IDENTIFIERS, Diagnostic


_LEVELS: typing.Final = {'error': 'error', 'warning': 'warning', 'hint': 'note'}


def write(
    results: typing.Sequence[Checked], stream: typing.TextIO, *, version: str, exit_status: int,
) -> None:
    """Print one SARIF log with one run."""
    identifiers = list(dict.fromkeys(finding.identifier for checked in results for finding in checked.found))
    json.dump({
        '$schema': 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
        'version': '2.1.0',
        'runs': [{
            'tool': {'driver': {
                'name': 'mesonbuild-ft', 'version': version, 'rules': [_rule(name) for name in identifiers]}},
            'invocations': [{'executionSuccessful': exit_status < 2, 'exitCode': exit_status}],
            'results': [_finding(checked, finding, identifiers.index(finding.identifier))
                        for checked in results for finding in checked.found],
        }],
    }, stream, indent=1)
    stream.write('\n')


def _rule(identifier: str) -> dict[str, typing.Any]:
    rule: dict[str, typing.Any] = {'id': identifier, 'shortDescription': {'text': IDENTIFIERS[identifier]}}
    page = pages.read(identifier)
    if page is not None:
        rule['help'] = {'text': page, 'markdown': page}
    return rule


def _finding(checked: Checked, finding: Diagnostic, rule: int) -> dict[str, typing.Any]:
    location: dict[str, typing.Any] = {
        'physicalLocation': {'artifactLocation': {'uri': _uri(pathlib.PurePath(checked.path))}}}
    if finding.where and finding.where != checked.path:
        location['logicalLocations'] = [{'fullyQualifiedName': finding.where, 'kind': 'member'}]
    text = finding.what if not finding.advice else f'{finding.what}. {finding.advice}'
    # The version in a wheel's name does not make the same finding another one.
    key = '\0'.join([finding.identifier, finding.where, finding.what])
    return {
        'ruleId': finding.identifier, 'ruleIndex': rule, 'level': _LEVELS[finding.severity],
        'message': {'text': text}, 'locations': [location],
        'partialFingerprints': {'findingHash/v1': hashlib.sha256(key.encode(errors='replace')).hexdigest()},
    }


def _uri(path: pathlib.PurePath) -> str:
    """A relative reference where the path is relative, else a file: URI (RFC 8089)."""
    # PurePath.as_uri() goes away in Python 3.19.
    quoted = urllib.parse.quote(os.fsencode(path.as_posix().removeprefix(path.drive.replace('\\', '/'))))
    if not path.is_absolute():
        return urllib.parse.quote(path.drive) + quoted
    if path.drive.startswith('\\\\'):
        return 'file:' + urllib.parse.quote(path.drive.replace('\\', '/')) + quoted
    return f'file://{"/" if path.drive else ""}{path.drive}{quoted}'
