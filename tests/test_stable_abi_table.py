# SPDX-License-Identifier: MIT
"""The scanner's table of the stable ABI against the sources that it is made from."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from types import ModuleType

import pytest


ROOT = Path(__file__).parent.parent
TABLE = ROOT / 'mesonbuild_ft' / 'abiscan' / 'stable_abi.c'
TOML = 'MESONBUILD_FT_STABLE_ABI_TOML'

ENTRY = re.compile(r'\{"(\w+)", (?:NULL|"(\w+)"), (\d+), ABISCAN_SYMBOL_(FUNCTION|DATA)\}')


def entries() -> dict[str, tuple[str | None, int, str]]:
    found = ENTRY.findall(TABLE.read_text(encoding='utf-8'))
    return {name: (ifdef or None, int(since), kind) for name, ifdef, since, kind in found}


def source_version() -> str:
    match = re.search(r'return "CPython (\S+)";', TABLE.read_text(encoding='utf-8'))
    assert match is not None
    return match[1]


def generator() -> ModuleType:
    path = ROOT / 'tools' / 'generate_stable_abi.py'
    if not path.exists():
        pytest.skip('tools/ is not part of this tree')
    pytest.importorskip('tomllib', reason='the generator needs tomllib, Python 3.11 or newer')
    spec = importlib.util.spec_from_file_location('generate_stable_abi', path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_size_and_order() -> None:
    table = entries()
    assert source_version() == '3.15.0rc2'
    assert len(table) == 967
    assert sum(kind == 'FUNCTION' for _, _, kind in table.values()) == 824
    assert list(table) == sorted(table, key=str.encode)
    assert all(2 <= since <= 15 for _, since, _ in table.values())


@pytest.mark.parametrize(('name', 'expected'), [
    ('PyModuleDef_Init', (None, 5, 'FUNCTION')),
    ('PyBuffer_Release', (None, 11, 'FUNCTION')),
    ('PyOS_AfterFork', ('HAVE_FORK', 2, 'FUNCTION')),
    ('PyExc_ValueError', (None, 2, 'DATA')),
    ('PyABIInfo_Check', (None, 15, 'FUNCTION')),
    ('Py_REFCNT', (None, 14, 'FUNCTION')),
])  # fmt: skip
def test_known_entries(name: str, expected: tuple[str | None, int, str]) -> None:
    assert entries()[name] == expected


@pytest.mark.parametrize('name', ['PyUnstable_Module_SetGIL', 'Py_HashBuffer', '_Py_DecRefShared'])
def test_what_is_not_in_it(name: str) -> None:
    assert name not in entries()


def test_generator(tmp_path: Path) -> None:
    module = generator()
    text = """
[function.PyB]
    added = '3.2'
[function.PyA]
    added = '3.10'
    ifdef = 'HAVE_FORK'
[function.PyNew]
    added = '3.16'
[data.Py_D]
    added = '3.2'
[macro.PyM]
    added = '3.2'
"""
    symbols = module.read_symbols(text, 15)
    assert [tuple(symbol) for symbol in symbols] == [
        ('PyA', 10, 'function', 'HAVE_FORK'), ('PyB', 2, 'function', None),
        ('Py_D', 2, 'data', None),
    ]  # fmt: skip
    assert ENTRY.findall(module.render(symbols, '3.15.0', 'a test')) == [
        ('PyA', 'HAVE_FORK', '10', 'FUNCTION'), ('PyB', '', '2', 'FUNCTION'),
        ('Py_D', '', '2', 'DATA'),
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r'is not 3\.N'):
        module.read_symbols("[function.PyB]\nadded = '4.0'\n[data]\n", 15)


def written_by_generator(module: ModuleType, symbols: list[object]) -> str:
    source = re.search(r' \* Data: (.+):\n', TABLE.read_text(encoding='utf-8'))
    assert source is not None
    text = module.render(symbols, source_version(), source[1])
    assert isinstance(text, str)
    return text


def test_written_by_the_generator() -> None:
    """The committed file is what the generator writes for the symbols in it, byte for byte."""
    module = generator()
    symbols = [module.Symbol(name, since, kind.lower(), ifdef) for name, (ifdef, since, kind) in entries().items()]
    assert written_by_generator(module, symbols) == TABLE.read_text(encoding='utf-8')


def test_regenerated() -> None:
    """The committed file is what the generator makes of CPython's, byte for byte."""
    if TOML not in os.environ:
        pytest.skip(f'{TOML} does not name a Misc/stable_abi.toml')
    module = generator()
    minor = int(source_version().split('.')[1])
    symbols = module.read_symbols(Path(os.environ[TOML]).read_text(encoding='utf-8'), minor)
    assert written_by_generator(module, symbols) == TABLE.read_text(encoding='utf-8')


def test_abi3info_agrees() -> None:
    abi3info = pytest.importorskip('abi3info', reason='abi3info is not installed')
    newest = int(source_version().split('.')[1])
    expected = {}
    for kind, items in (('FUNCTION', abi3info.FUNCTIONS), ('DATA', abi3info.DATAS)):
        for symbol, item in items.items():
            if item.added.minor <= newest:
                expected[symbol.name] = (item.ifdef, item.added.minor, kind)
    table = entries()
    # An older abi3info lacks the latest additions and knows nothing else.
    assert {name: table.get(name) for name in expected} == {
        name: (None if ifdef is None else str(getattr(ifdef, 'name', ifdef)), since, kind)
        for name, (ifdef, since, kind) in expected.items()
    }


def generated_tests() -> dict[int, Path]:
    """Minor version -> CPython's own list, which its build makes from stable_abi.toml for test_stable_abi_ctypes."""
    found: dict[int, Path] = {}
    for root in (Path.home() / '.pyenv' / 'versions', Path('/opt/python'), Path('/usr')):
        for path in sorted(root.glob('**/python3.*/test/test_stable_abi_ctypes.py')):
            minor = re.search(r'/python3\.(\d+)t?/test/', path.as_posix())
            assert minor is not None
            found.setdefault(int(minor[1]), path)
    return found


def listed(path: Path) -> dict[str, str | None]:
    """Name -> macro that it depends on."""
    text = path.read_text(encoding='utf-8')
    names = text[text.index('SYMBOL_NAMES = ('):]
    result: dict[str, str | None] = dict.fromkeys(re.findall(r'"(\w+)",', names[:names.index('\n)')]))
    for macro, block in re.findall(r"if feature_macros\['(\w+)'\]:\n    SYMBOL_NAMES \+= \(\n(.*?)    \)", text, re.S):
        result.update(dict.fromkeys(re.findall(r"'(\w+)'", block), macro))
    return result


#: Before 3.13 CPython's test leaves out what builds with Py_TRACE_REFS name otherwise.
MADE_OTHERWISE = ('PyModule_Create2', 'PyModule_FromDefAndSpec2')


def test_the_lists_of_older_versions() -> None:
    """What entered with each version is what its own list has beyond the one before."""
    lists = {minor: listed(path) for minor, path in generated_tests().items()}
    if not lists:
        pytest.skip('no interpreter here has the test package')
    table = entries()
    for minor, names in sorted(lists.items()):
        assert len(names) > 800
        expected = {name: macro for name, (macro, since, _) in table.items() if since <= minor}
        for name in MADE_OTHERWISE:
            assert expected.pop(name, None) is None
            names.pop(name, None)
        assert names == expected, minor
