# SPDX-License-Identifier: MIT
"""What the headers of an executable or a shared library say: ELF, PE and Mach-O, without the C scanner."""

from __future__ import annotations

import io
import pathlib
import struct
import typing


Format = typing.Literal['elf', 'pe', 'macho']


class Header(typing.NamedTuple):
    """The headers of one file.

    machines: as `target.Target.machine` names them; of a universal Mach-O file, all of its slices.
    pointer_size: in bytes. byte_order: 'little' or 'big'; both are those of the first slice.
    loader: path of the ELF interpreter (PT_INTERP); '' where there is none.
    imports: names of the DLLs that a PE file imports, as they are written there.
    """

    format: Format
    machines: tuple[str, ...]
    pointer_size: int
    byte_order: str
    loader: str = ''
    imports: tuple[str, ...] = ()


#: e_machine -> machine, where the class and the byte order do not matter.
_ELF_MACHINES: typing.Final = {3: 'i686', 40: 'armv7l', 62: 'x86_64', 183: 'aarch64', 258: 'loongarch64'}
#: IMAGE_FILE_HEADER.Machine -> machine.
_PE_MACHINES: typing.Final = {0x014C: 'i686', 0x8664: 'x86_64', 0xAA64: 'aarch64'}
#: cputype -> machine.
_MACHO_MACHINES: typing.Final = {7: 'i686', 0x01000007: 'x86_64', 0x0100000C: 'aarch64', 18: 'ppc', 0x01000012: 'ppc64'}


class _File:
    """Reads of a file that never go beyond its end."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)

    def bytes(self, offset: int, size: int, what: str) -> bytes:
        """Raises ValueError, which names the structure and the offset."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise ValueError(f'{what} at offset {offset} lies beyond the end of the file')
        self._file.seek(offset)
        return self._file.read(size)

    def unpack(self, form: str, offset: int, what: str) -> tuple[int, ...]:
        return struct.unpack(form, self.bytes(offset, struct.calcsize(form), what))

    def string(self, offset: int, what: str) -> str:
        """A text that ends with a zero byte; at most 4096 bytes."""
        data = self.bytes(offset, min(4096, max(self.size - offset, 0)), what)
        if b'\0' not in data:
            raise ValueError(f'{what} at offset {offset} does not end')
        return data.split(b'\0')[0].decode('utf-8', 'replace')


def read(path: pathlib.Path) -> Header:
    """The headers of a file. Raises OSError, and ValueError where it has another format or is damaged."""
    with open(path, 'rb') as opened:
        file = _File(opened)
        magic = file.bytes(0, 4, 'the magic number')
        if magic == b'\x7fELF':
            return _elf(file)
        if magic[:2] == b'MZ':
            return _pe(file)
        if magic in (b'\xca\xfe\xba\xbe', b'\xce\xfa\xed\xfe', b'\xcf\xfa\xed\xfe', b'\xfe\xed\xfa\xce'):
            return _macho(file)
    raise ValueError('neither ELF nor PE nor Mach-O')


def _elf(file: _File) -> Header:
    kind, data = file.unpack('2B', 4, 'the ELF identification')
    if kind not in (1, 2) or data not in (1, 2):
        raise ValueError('the ELF identification at offset 4 has an unknown class or byte order')
    order, wide = '<>'[data - 1], kind == 2
    number, = file.unpack(f'{order}H', 18, 'e_machine')
    table, = file.unpack(f'{order}{"Q" if wide else "I"}', 32 if wide else 28, 'e_phoff')
    size, count = file.unpack(f'{order}2H', 54 if wide else 42, 'e_phentsize')
    loader = ''
    for index in range(count):
        start = table + index * size
        if file.unpack(f'{order}I', start, 'a program header')[0] != 3:
            continue
        offset, = file.unpack(f'{order}{"Q" if wide else "I"}', start + (8 if wide else 4), 'PT_INTERP')
        loader = file.string(offset, 'the path of the ELF interpreter')
        break
    machine = _ELF_MACHINES.get(number, f'ELF machine {number}')
    if number == 21:
        machine = 'ppc64' if data == 2 else 'ppc64le'
    elif number == 22:
        machine = 's390x' if wide else 's390'
    elif number == 243:
        machine = 'riscv64' if wide else 'riscv32'
    return Header('elf', (machine,), 8 if wide else 4, ('little', 'big')[data - 1], loader)


def _pe(file: _File) -> Header:
    start, = file.unpack('<I', 0x3C, 'e_lfanew')
    if file.bytes(start, 4, 'the PE signature') != b'PE\0\0':
        raise ValueError(f'no PE signature at offset {start}')
    number, sections = file.unpack('<2H', start + 4, 'the COFF header')
    optional_size, = file.unpack('<H', start + 20, 'SizeOfOptionalHeader')
    optional = start + 24
    magic, = file.unpack('<H', optional, 'the optional header')
    if magic not in (0x10B, 0x20B):
        raise ValueError(f'the optional header at offset {optional} has the unknown magic number {magic:#x}')
    wide = magic == 0x20B
    table = optional + optional_size
    mapped = [file.unpack('<3I', table + 40 * index + 12, 'a section header') for index in range(sections)]

    def offset_of(address: int) -> int:
        for virtual, size, raw in mapped:
            if virtual <= address < virtual + size:
                return address - virtual + raw
        raise ValueError(f'the address {address:#x} is in no section')

    imports = []
    count, = file.unpack('<I', optional + (108 if wide else 92), 'NumberOfRvaAndSizes')
    address = file.unpack('<I', optional + (120 if wide else 104), 'the import directory')[0] if count > 1 else 0
    if address:
        entry = offset_of(address)
        while any(descriptor := file.unpack('<5I', entry, 'an import descriptor')):
            imports.append(file.string(offset_of(descriptor[3]), 'the name of a DLL'))
            entry += 20
    machine = _PE_MACHINES.get(number, f'PE machine {number:#x}')
    return Header('pe', (machine,), 8 if wide else 4, 'little', imports=tuple(imports))


def _macho(file: _File) -> Header:
    magic, = file.unpack('>I', 0, 'the magic number')
    starts = [0]
    if magic == 0xCAFEBABE:
        count, = file.unpack('>I', 4, 'nfat_arch')
        # Class files of Java have the same magic number, and a version there.
        if not 0 < count < 20:
            raise ValueError(f'nfat_arch at offset 4 is {count}')
        starts = [file.unpack('>I', 8 + 20 * index + 8, 'a fat_arch')[0] for index in range(count)]
    slices = []
    for start in starts:
        first = file.bytes(start, 4, 'a Mach-O header')
        order = '<' if first[1:] == b'\xfa\xed\xfe' else '>'
        word, number = file.unpack(f'{order}2I', start, 'a Mach-O header')
        if word not in (0xFEEDFACE, 0xFEEDFACF):
            raise ValueError(f'no Mach-O header at offset {start}')
        machine = _MACHO_MACHINES.get(number, f'Mach-O machine {number:#x}')
        slices.append((machine, 8 if word == 0xFEEDFACF else 4, 'little' if order == '<' else 'big'))
    return Header('macho', tuple(machine for machine, _, _ in slices), slices[0][1], slices[0][2])
