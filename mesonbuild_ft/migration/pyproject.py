# SPDX-License-Identifier: MIT
"""Edits of pyproject.toml: a text and edits in, the new text out. Everything else stays byte for byte.

tomlkit keeps comments and layout. What it made is read again by an ordinary TOML parser and compared with
what was meant, and no other line may differ: a file that cannot be edited in this way is refused.
"""

from __future__ import annotations

import copy
import difflib
import re
import sys
import typing

from ..diagnostics import BuildRefused, refuse


if typing.TYPE_CHECKING:
    import tomlkit
    from tomlkit.items import Array


class SetItem(typing.NamedTuple):
    """Put another requirement in the place of one in [build-system] requires; None: remove it."""

    position: int
    value: str | None


class InsertItem(typing.NamedTuple):
    """Add a requirement beside the one at this position in [build-system] requires."""

    position: int
    value: str


class SetKey(typing.NamedTuple):
    """Set a key in a table, which is made where it is missing."""

    table: tuple[str, ...]
    key: str
    value: str | bool


class AddBuildSystem(typing.NamedTuple):
    """Add the table [build-system], which the file does not have."""

    backend: str
    requires: tuple[str, ...]


Edit = SetItem | InsertItem | SetKey | AddBuildSystem


def apply(text: str, edits: typing.Sequence[Edit]) -> str:
    """The edited text. Raises BuildRefused where the file cannot be edited without touching anything else.

    text: with its line ends as they are. Positions are those before any edit.
    """
    if not edits:
        return text
    before = loads(text)
    raw: list[str] = []
    after = text
    try:
        for edit in edits:
            if isinstance(edit, AddBuildSystem):
                after = _with_build_system(after, edit)
            elif isinstance(edit, SetKey) and _lookup(before, edit.table) is None:
                after = _with_table(after, edit)
        after = _by_tomlkit(after, before, edits, raw)
        if text.count('\n') == text.count('\r\n') > 0:
            after = re.sub('(?<!\r)\n', '\r\n', after)
        good = _as_meant(before, loads(after), edits) and _only_these_lines(text, after, raw)
    except BuildRefused as error:
        if error.diagnostics[0].identifier == 'missing-library':
            raise
        good = False
    if not good:
        raise refuse(
            'migration-not-possible', 'the file is written in a way that cannot be edited without changing more',
            where='pyproject.toml', advice=f'Change it by hand: {"; ".join(map(words, edits))}.')
    return after


def words(edit: Edit) -> str:
    """What an edit does, for a person who has to do it by hand."""
    if isinstance(edit, SetItem):
        if edit.value is None:
            return f'remove number {edit.position + 1} of [build-system] requires'
        return f'write "{edit.value}" in place of number {edit.position + 1} of [build-system] requires'
    if isinstance(edit, InsertItem):
        return f'add "{edit.value}" to [build-system] requires'
    if isinstance(edit, SetKey):
        return f'set {edit.key} = {_toml(edit.value)} in [{".".join(edit.table)}]'
    return f'add [build-system] with build-backend = "{edit.backend}" and requires = {_toml_list(edit.requires)}'


def loads(text: str) -> dict[str, typing.Any]:
    """Parsed by the TOML parser that the backend uses. Raises BuildRefused."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        # As a file that is opened as text has it; a lone carriage return stays, and is an error.
        return tomllib.loads(text.replace('\r\n', '\n'))
    except RecursionError as error:
        raise refuse('invalid-pyproject', 'nested too deeply', where='pyproject.toml',
                     advice='No setting needs this; correct the file.') from error
    except ValueError as error:
        raise refuse('invalid-pyproject', str(error), where='pyproject.toml',
                     advice='Correct the TOML syntax there.') from error


def _as_meant(before: dict[str, typing.Any], after: dict[str, typing.Any], edits: typing.Sequence[Edit]) -> bool:
    """Whether the file says what the edits mean, and all else that it said before."""
    wanted, found = copy.deepcopy(before), copy.deepcopy(after)
    for edit in _in_order(edits):
        if isinstance(edit, AddBuildSystem):
            wanted['build-system'] = {'build-backend': edit.backend, 'requires': list(edit.requires)}
        elif isinstance(edit, SetKey):
            table = wanted
            for name in edit.table:
                table = table.setdefault(name, {})
            table[edit.key] = edit.value
        elif isinstance(edit, InsertItem):
            # Where it stands in the array means nothing.
            if edit.value not in _lookup(found, ('build-system', 'requires')):
                return False
            found['build-system']['requires'].remove(edit.value)
        elif edit.value is None:
            del wanted['build-system']['requires'][edit.position]
        else:
            wanted['build-system']['requires'][edit.position] = edit.value
    return wanted == found


def _in_order(edits: typing.Sequence[Edit]) -> list[Edit]:
    """From the last item of the array to the first, so that positions stay true."""
    return sorted(edits, key=lambda e: (
        -e.position if isinstance(e, (SetItem, InsertItem)) else 0, isinstance(e, SetItem) and e.value is None))


def _by_tomlkit(text: str, before: dict[str, typing.Any], edits: typing.Sequence[Edit], raw: list[str]) -> str:
    wanted = [edit for edit in _in_order(edits) if not isinstance(edit, AddBuildSystem) and not (
        isinstance(edit, SetKey) and _lookup(before, edit.table) is None)]
    if not wanted:
        return text
    tomlkit = load_tomlkit()
    try:
        document = tomlkit.parse(text)
        for edit in wanted:
            _edit(tomlkit, document, edit, raw)
        return str(tomlkit.dumps(document))
    except BuildRefused:
        raise
    # tomlkit has exceptions of many kinds for what it does not support.
    except Exception as error:
        raise refuse('migration-not-possible', f'tomlkit cannot edit it: {error}', where='pyproject.toml') from error


def load_tomlkit() -> typing.Any:
    """The library, which only this command needs. Raises BuildRefused where it is not installed."""
    try:
        import tomlkit
    except ImportError as error:
        raise refuse(
            'missing-library', 'tomlkit is not installed, which edits pyproject.toml and keeps its comments',
            where='mesonbuild-ft migrate', advice='Run: pip install "mesonbuild-ft[cli]", or pip install tomlkit.',
        ) from error
    return tomlkit


def _edit(tomlkit: typing.Any, document: tomlkit.TOMLDocument, edit: Edit, raw: list[str]) -> None:
    if isinstance(edit, SetKey):
        table: typing.Any = document
        for name in edit.table:
            table = table[name]
        old = table.get(edit.key)
        if old is not None:
            raw.append(old.as_string())
        literal = old is not None and old.as_string().startswith("'")
        table[edit.key] = tomlkit.string(edit.value, literal=literal) if isinstance(edit.value, str) else edit.value
    elif isinstance(edit, (SetItem, InsertItem)):
        array: Array = typing.cast(typing.Any, document)['build-system']['requires']
        one_line = '\n' not in array.as_string()
        old = array[edit.position] if edit.position < len(array) else None
        literal = old is not None and old.as_string().startswith("'")
        if isinstance(edit, InsertItem):
            # Before it where it has a line of its own, and a comment perhaps; after it in the line of the bracket.
            first = old is None or old.as_string() in array.as_string().split('\n', 1)[0]
            raw.append(array.as_string() if one_line or old is None else old.as_string())
            array.insert(edit.position + first, tomlkit.string(edit.value, literal=literal))
            return
        assert old is not None
        raw.append(array.as_string() if one_line else old.as_string())
        if edit.value is None:
            if not one_line and edit.position == len(array) - 1 and edit.position:
                # It takes the comma of the one before it along.
                raw.append(array[edit.position - 1].as_string())
            del array[edit.position]
        else:
            array[edit.position] = tomlkit.string(edit.value, literal=literal)


def _only_these_lines(before: str, after: str, raw: typing.Sequence[str]) -> bool:
    """Whether all lines are still there, but for those that hold one of `raw`."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    removed = [line for tag, i1, i2, _, _ in matcher.get_opcodes() if tag in ('delete', 'replace')
               for line in old[i1:i2]]
    return all(not line.strip() or any(text in line for text in raw) for line in removed)


def _with_table(text: str, edit: SetKey) -> str:
    """The text with a new table at its end, or with the key added to the one that was put there before."""
    header = f'[{".".join(edit.table)}]'
    line = f'{edit.key} = {_toml(edit.value)}\n'
    if re.search(rf'^{re.escape(header)}\r?$', text, re.MULTILINE):
        return text + line
    if text and not text.endswith('\n'):
        text += '\n'
    return f'{text}\n{header}\n{line}' if text.strip() else f'{header}\n{line}'


def _with_build_system(text: str, edit: AddBuildSystem) -> str:
    """Before the first table, below the comments that the file begins with."""
    table = f'[build-system]\nbuild-backend = "{edit.backend}"\nrequires = {_toml_list(edit.requires)}\n'
    if not text.strip():
        return table
    lines = text.splitlines(keepends=True)
    lead = 0
    while lead < len(lines) and (not lines[lead].strip() or lines[lead].lstrip().startswith('#')):
        lead += 1
    if lead < len(lines) and not lines[lead].lstrip().startswith('['):
        # Keys that stand before any table must stay there.
        return (text if text.endswith('\n') else text + '\n') + '\n' + table
    attached = lead
    while attached and lines[attached - 1].lstrip().startswith('#'):
        attached -= 1
    if any('SPDX-' in line or 'opyright' in line for line in lines[attached:lead]):
        attached = lead
    return ''.join(lines[:attached]) + table + '\n' + ''.join(lines[attached:])


def _lookup(data: dict[str, typing.Any], table: tuple[str, ...]) -> typing.Any:
    value: typing.Any = data
    for name in table:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _toml(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def _toml_list(values: typing.Iterable[str]) -> str:
    # A requirement with a marker has quotes of its own.
    return '[' + ', '.join(f"'{v}'" if '"' in v else f'"{v}"' for v in values) + ']'
