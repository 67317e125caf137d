# SPDX-License-Identifier: MIT
"""docs/reference/peps.md: the PEPs and other documents that the code names, and where it does."""

from __future__ import annotations

import pathlib
import re
import typing


ROOT: typing.Final = pathlib.Path(__file__).resolve().parent.parent
PACKAGE: typing.Final = ROOT / 'mesonbuild_ft'
#: Number -> title, and what is taken from it.
PEPS: typing.Final[dict[int, tuple[str, str]]] = {
    384: ('Defining a Stable ABI', 'abi3, and which names are in it'),
    425: ('Compatibility Tags for Built Distributions', 'the three tags of a wheel, compressed sets of them'),
    427: ('The Wheel Binary Package Format 1.0', 'WHEEL, RECORD, and where files of a wheel go'),
    489: ('Multi-phase extension module initialization', '`PyInit_` functions, module definitions and slots'),
    503: ('Simple Repository API', 'normalised names of projects'),
    508: ('Dependency specification for Python Software Packages', 'markers of build requirements'),
    517: ('A build-system independent format for source trees', 'the hooks of the backend, isolated builds'),
    518: ('Specifying Minimum Build System Requirements for Python Projects', '`[build-system]`, `[tool]` tables'),
    600: ("Future 'manylinux' Platform Tags for Portable Linux Built Distributions", 'platform tags of glibc'),
    610: ('Recording the Direct URL Origin of installed distributions', 'editable installations'),
    625: ('Filename of a Source Distribution', 'names of sdists'),
    656: ('Platform Tag for Linux Distributions Using Musl', 'platform tags of musl'),
    660: ('Editable installs for pyproject.toml based builds', 'the hooks for editable installations'),
    684: ('A Per-Interpreter GIL', '`Py_mod_multiple_interpreters`, and what a mutex is for with the GIL'),
    697: ('Limited C API for Extending Opaque Types', 'the data of a type in abi3t, in `types.h`'),
    703: ('Making the Global Interpreter Lock Optional in CPython', '`Py_mod_gil`, the layout of objects'),
    739: ('build-details.json 1.0', 'descriptions of interpreters that cannot run here'),
    779: ('Criteria for supported status for free-threaded Python', 'since when a free-threaded build is supported'),
    790: ('Python 3.15 Release Schedule', 'from when on 3.15 is no pre-release'),
    793: ('PyModExport: A new entry point for C extension modules', '`PyModExport_` functions'),
    803: ('"abi3t": Stable ABI for Free-Threaded Builds', 'abi3t, its macros, suffixes and tags'),
    820: ('PySlot: Unified slot system for the C API', 'arrays of `PySlot`'),
    3149: ('ABI version tagged .so files', 'suffixes of modules'),
}
#: Words by which the code names a document -> its title, where it stands, and what is taken from it.
DOCUMENTS: typing.Final[dict[str, tuple[str, str, str]]] = {
    'specifications/platform-compatibility-tags': (
        'Platform compatibility tags', 'https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/',
        'tags as they are now, with those of macOS and abi3t'),
    'specifications/binary-distribution-format': (
        'Binary distribution format', 'https://packaging.python.org/en/latest/specifications/binary-distribution-format/',
        'wheels as they are now'),
    'specifications/recording-installed-packages': (
        'Recording installed projects',
        'https://packaging.python.org/en/latest/specifications/recording-installed-packages/',
        'which files an environment holds'),
    'specifications/pyproject-toml': (
        'pyproject.toml specification', 'https://packaging.python.org/en/latest/specifications/pyproject-toml/',
        '`[project]`'),
    'System V gABI': ('System V Application Binary Interface', 'https://www.sco.com/developers/gabi/latest/contents.html',
                      'ELF files'),
    'PE Format': ('PE Format', 'https://learn.microsoft.com/en-us/windows/win32/debug/pe-format', 'modules of Windows'),
    'Mach-O reference': (
        'The headers `mach-o/loader.h`, `fat.h` and `fixup-chains.h`', 'https://github.com/apple-oss-distributions/cctools',
        'modules of macOS'),
    'WebAssembly Core Specification': (
        'WebAssembly Core Specification', 'https://webassembly.github.io/spec/core/', 'modules of Pyodide'),
    'docs.oasis-open.org/sarif': (
        'Static Analysis Results Interchange Format (SARIF) 2.1.0',
        'https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html', '`check --format sarif`'),
    'source-date-epoch': (
        'SOURCE_DATE_EPOCH', 'https://reproducible-builds.org/specs/source-date-epoch/',
        'times in archives'),
    'POSIX-Jobserver': (
        'POSIX jobserver interaction', 'https://www.gnu.org/software/make/manual/html_node/POSIX-Jobserver.html',
        'how builds share processors'),
    'XDG Base Directory': (
        'XDG Base Directory Specification', 'https://specifications.freedesktop.org/basedir-spec/latest/',
        'where caches lie'),
    'no-color.org': ('NO_COLOR', 'https://no-color.org', 'when output has no colour'),
}
_MENTION: typing.Final = re.compile(r'PEPs? (\d{1,4}(?:(?:, | and )\d{3,4}\b)*)')


def page() -> str:
    """Two tables: number or title, what is taken from it, and the files that name it."""
    texts = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding='utf-8')
        for path in sorted(PACKAGE.rglob('*')) if path.suffix in ('.c', '.h', '.py')}
    found: dict[int, list[str]] = {}
    for name, text in texts.items():
        numbers = {int(number) for mention in _MENTION.findall(text) for number in re.findall(r'\d+', mention)}
        for number in sorted(numbers):
            found.setdefault(number, []).append(name)
    if set(found) != set(PEPS):
        raise SystemExit(f'tools/peps.py and the code differ in PEP {sorted(set(found) ^ set(PEPS))}')
    lines = ['<!-- SPDX-License-Identifier: MIT -->', '<!-- Written by tools/peps.py -->',
             '# PEPs and specifications', '',
             'What the code follows, and the files of `mesonbuild_ft` that name it.', '',
             '| PEP | Taken from it | Named in |', '|---|---|---|']
    for number in sorted(PEPS):
        title, what = PEPS[number]
        link = f'[{number}](https://peps.python.org/pep-{number:04}/)'
        lines.append(f'| {link}: {title} | {what} | {_files(found[number])} |')
    lines += ['', '| Document | Taken from it | Named in |', '|---|---|---|']
    for words, (title, address, what) in DOCUMENTS.items():
        names = [name for name, text in texts.items() if words in re.sub(r'\s+(\* ?)?', ' ', text)]
        if not names:
            raise SystemExit(f'no file names {words!r}, which tools/peps.py has')
        lines.append(f'| [{title}]({address}) | {what} | {_files(names)} |')
    return '\n'.join(lines) + '\n'


def _files(names: typing.Sequence[str]) -> str:
    return ', '.join(f'`{name}`' for name in names)
