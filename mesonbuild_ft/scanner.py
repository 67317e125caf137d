# SPDX-License-Identifier: MIT
"""The typed face of the C scanner: a buffer in, facts out."""

from __future__ import annotations

import importlib
import typing

from .diagnostics import refuse


if typing.TYPE_CHECKING:
    import pathlib
    import types


Gil = typing.Literal['not-used', 'used', 'not-declared', 'unknown']
Layout = typing.Literal['gil', 'free-threaded', 'opaque', 'unknown']
Initialisation = typing.Literal['export-hook', 'multi-phase', 'single-phase', 'none', 'unknown']


class PythonImport(typing.NamedTuple):
    """A symbol of Python's C API that a module imports.

    abi3_since, abi3t_since: minor version of CPython 3 in which it entered that stable ABI; None: not in it.
    library: where the file says from which one it comes (PE, Mach-O), e.g. 'python3.dll'.
    """

    name: str
    abi3_since: int | None
    abi3t_since: int | None
    note: str = ''
    library: str = ''


class AbiInfo(typing.NamedTuple):
    """PyABIInfo, as it stands in the file (CPython's modsupport.h).

    build_version: PY_VERSION_HEX of the headers. abi_version: the same, or Py_LIMITED_API; 0: any.
    """

    major: int
    minor: int
    flags: int
    build_version: int
    abi_version: int

    @property
    def is_stable(self) -> bool:
        """PyABIInfo_STABLE."""
        return bool(self.flags & 0x0001)

    @property
    def is_internal(self) -> bool:
        """PyABIInfo_INTERNAL."""
        return bool(self.flags & 0x0008)

    @property
    def words(self) -> str:
        """For people: 'PyABIInfo: stable ABI 3.15 for both builds'."""
        if self.major == 0:
            return 'PyABIInfo: nothing'
        kinds = [kind for kind, is_one in (('internal', self.is_internal), ('stable', self.is_stable)) if is_one]
        version = f'{self.abi_version >> 24}.{self.abi_version >> 16 & 0xFF}' if self.abi_version else 'of any version'
        builds = {0x0002: ' with the GIL', 0x0004: ' without the GIL', 0x0006: ' for both builds'}
        words = f'{" and ".join(kinds)} ABI {version}'.strip()
        return f'PyABIInfo: {words}{builds.get(self.flags & 0x0006, "")}'


class Facts(typing.NamedTuple):
    """What the scanner proved about one file; see abiscan.h for each field.

    What it cannot prove is 'unknown', with the reason in the field ending `_evidence` or `_reason`.
    """

    format: str
    machine: str
    bits: int
    byte_order: str
    needed: tuple[str, ...]
    init_hooks: tuple[str, ...]
    init: Initialisation
    init_reason: str
    gil: Gil
    gil_evidence: str
    layout: Layout
    layout_evidence: str
    slots: tuple[int, ...]
    slots_complete: bool
    slot_style: str
    python_imports: tuple[PythonImport, ...]
    framework: str | None
    #: The oldest macOS that the file says it runs on ('14.0').
    minimum_os: str | None = None
    #: What its slots say for PyABIInfo_Check; None: nothing was found.
    abi_info: AbiInfo | None = None
    #: Where both hooks are exported: the facts for interpreters before 3.15, which call PyInit_.
    before_3_15: Facts | None = None
    #: Of a universal file: the facts of each slice. Beside them only format and byte_order mean something.
    slices: tuple[Facts, ...] = ()

    @property
    def parts(self) -> tuple[Facts, ...]:
        """What is loaded, one for each machine: the slices of a universal file, any other file itself."""
        return self.slices or (self,)

    def for_version(self, version: tuple[int, int]) -> Facts:
        """The facts that hold in this CPython; they depend on the hook that it calls."""
        return self.before_3_15 if self.before_3_15 is not None and version < (3, 15) else self


class ScanError(Exception):
    """A file that the scanner cannot read. status: the name of the abiscan_status."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Scanner:
    """The loaded extension module."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    @property
    def stable_abi_source(self) -> str:
        """The CPython version that the stable ABI table was made from."""
        return str(self._module.STABLE_ABI_SOURCE)

    def part_size(self, head: bytes, file_size: int) -> int:
        """How many bytes from its start `scan` needs of a file that begins with `head`, of some 4096 bytes."""
        return int(self._module.prefix_size(head, file_size))

    def scan(self, data: bytes | bytearray, stem: str | None = None, file_size: int = 0) -> Facts:
        """The facts about the binary in `data`; `stem` is the last part of the module's name. Raises ScanError.

        file_size: more than there is of data, where that is only the file's beginning; the error's status is
        'incomplete' where it does not suffice.
        """
        try:
            found = self._module.scan(data, stem, file_size)
        except self._module.ScanError as error:
            raise ScanError(error.status, str(error)) from error
        return _facts(found)


def _facts(found: dict[str, typing.Any]) -> Facts:
    values = {name: found[name] for name in Facts._fields if name in found}
    for name in ('needed', 'init_hooks', 'slots'):
        values[name] = tuple(values[name])
    values['python_imports'] = tuple(map(PythonImport._make, values['python_imports']))
    if found['abi_info'] is not None:
        values['abi_info'] = AbiInfo(**found['abi_info'])
    if found['before_3_15'] is not None:
        values['before_3_15'] = _facts({**found, **found['before_3_15'], 'before_3_15': None, 'abi_info': None})
    values['slices'] = tuple(_slice(entry) for entry in found['slices'])
    return Facts(**values)


def _slice(found: dict[str, typing.Any]) -> Facts:
    if found['status'] != 'ok':
        raise ScanError(found['status'],
                        f'slice {found["machine"]} at offset {found["offset"]:#x}: {found["message"]}')
    return _facts(found)


def load(build_dir: pathlib.Path | None = None) -> Scanner:
    """The installed scanner. Raises BuildRefused where there is none.

    build_dir: of mesonbuild-ft itself, whose own wheel is verified by the scanner in it.
    """
    try:
        return Scanner(importlib.import_module('mesonbuild_ft._abiscan'))
    except ImportError as error:
        if build_dir is not None:
            built = find_built(build_dir)
            if built is not None:
                return Scanner(_load_file(built))
        raise refuse(
            'missing-scanner', f'the scanner cannot be loaded: {error}', where='mesonbuild_ft._abiscan',
            advice='Reinstall mesonbuild-ft. -Cverify=off builds without verifying anything.') from error


def find_built(build_dir: pathlib.Path) -> pathlib.Path | None:
    """The scanner's extension module inside a build directory, if this interpreter can load it."""
    import importlib.machinery

    # A just-built abi3 module of 3.15 has a suffix that only the build directory holds.
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        for path in sorted(build_dir.glob(f'mesonbuild_ft/abiscan/_abiscan{suffix}')):
            return path
    return None


def _load_file(path: pathlib.Path) -> types.ModuleType:
    import importlib.machinery
    import importlib.util

    name = 'mesonbuild_ft._abiscan'
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
