# SPDX-License-Identifier: MIT
"""The central directory of a zip archive, read as zipfile reads it, which is what installers use.

zipfile itself costs more than everything else that is read of a small wheel, and takes malformed directories
differently in each version: this is as strict as the one of CPython 3.14.7 and 3.15. Section numbers are those of
PKWARE's APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import struct
import typing
import zlib


_END = struct.Struct('<4s4xHHIIH')  # 4.3.16
_LOCATOR = struct.Struct('<4sIQI')  # 4.3.15
_END_64 = struct.Struct('<4sQHHIIQQQQ')  # 4.3.14
_HEADER = struct.Struct('<4s2xBxHH4xIIIHHH8xI')  # 4.3.12
_LONGEST_COMMENT: typing.Final = 0xFFFF
_NEWEST_VERSION: typing.Final = 63  # 4.4.3: what zipfile extracts
_UTF8: typing.Final = 0x0800
_32_BITS: typing.Final = 0xFFFFFFFF
_64_BITS: typing.Final = 0xFFFFFFFFFFFFFFFF


class MalformedError(Exception):
    """There is no central directory, or it cannot be read. Carries why."""


class Entry(typing.NamedTuple):
    """One header of the directory (4.3.12).

    raw: the name as bytes. unicode_name: the one in an extra field of its own, '' without one.
    offset: of its local header. fixed: the twenty bytes that local headers have as well, from flags to size.
    """

    name: str
    raw: bytes
    unicode_name: str
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    offset: int
    fixed: bytes


def read(file: typing.BinaryIO, size: int) -> tuple[int, list[Entry]]:
    """Where the directory of a file of `size` bytes begins, and its headers. Raises MalformedError and OSError."""
    start, length, added = _find(file, size)
    data = _at(file, start, length)
    entries: list[Entry] = []
    position = 0
    while position < length:
        if position + _HEADER.size > len(data):
            raise MalformedError('its central directory is cut off')
        (signature, version, flags, method, crc, compressed, uncompressed, name_size, extra_size, comment_size, offset,
         ) = _HEADER.unpack_from(data, position)
        if signature != b'PK\1\2':
            raise MalformedError(f'its central directory has something else at offset {start + position}')
        if version > _NEWEST_VERSION:
            raise MalformedError(f'it needs version {version / 10} of the format')
        name_at = position + _HEADER.size
        raw = data[name_at:name_at + name_size]
        try:
            name = raw.decode('utf-8' if flags & _UTF8 or raw.isascii() else 'cp437')
        except UnicodeDecodeError as error:
            raise MalformedError(f'a name in it is no UTF-8: {error}') from error
        unicode_name = ''
        if extra_size:
            extra = data[name_at + name_size:name_at + name_size + extra_size]
            unicode_name, uncompressed, compressed, offset = _extra(extra, raw, uncompressed, compressed, offset)
        entries.append(Entry(name, raw, unicode_name, flags, method, crc, compressed, uncompressed, offset + added,
                             data[position + 8:position + 28]))
        position = name_at + name_size + extra_size + comment_size
    return start, entries


def _at(file: typing.BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _find(file: typing.BinaryIO, size: int) -> tuple[int, int, int]:
    """(where it begins, its length, what is added to offsets since something lies before the archive)."""
    end = _at(file, max(size - _END.size, 0), _END.size)
    at = size - _END.size
    if not (len(end) == _END.size and end.startswith(b'PK\5\6') and end.endswith(b'\0\0')):
        before = max(size - _LONGEST_COMMENT - 1 - _END.size, 0)
        tail = _at(file, before, size - before)
        found = tail.rfind(b'PK\5\6')
        end = tail[found:found + _END.size]
        if found < 0 or len(end) < _END.size:
            raise MalformedError('it has no end of central directory')
        at = before + found
    _, _, _, length, offset, _ = _END.unpack(end)
    locator_at = at - _LOCATOR.size
    if locator_at >= 0:
        signature, disk, record_at, disks = _LOCATOR.unpack(_at(file, locator_at, _LOCATOR.size))
        if signature == b'PK\6\7':
            if disk != 0 or disks > 1:
                raise MalformedError('it is spread over several disks')
            at, length, offset = _find_64(file, locator_at, record_at)
    start = at - length
    if start < 0:
        raise MalformedError(f'its central directory cannot begin at offset {offset}')
    return start, length, start - offset


def _find_64(file: typing.BinaryIO, locator_at: int, record_at: int) -> tuple[int, int, int]:
    """(where the zip64 record begins, the length of the directory, its offset): what the locator leads to.

    Checked as zipfile does since gh-139700 (CVE-2025-8291): other readers go by what it had not looked at.
    """
    at = record_at
    last = locator_at - _END_64.size
    if record_at > last:
        raise MalformedError(f'its zip64 locator leads to offset {record_at}, which is not before it')
    end_64 = _at(file, record_at, _END_64.size)
    # Something may lie before the archive: then the record is right before its locator, with no more in it.
    if not end_64.startswith(b'PK\6\6'):
        at = last
        end_64 = _at(file, last, _END_64.size)
    if not end_64.startswith(b'PK\6\6') or len(end_64) < _END_64.size:
        raise MalformedError(f'its zip64 locator leads to offset {record_at}, where no record is')
    fields = _END_64.unpack(end_64)
    size, length, offset = fields[1], fields[8], fields[9]
    if offset + length != record_at:
        raise MalformedError(f'its central directory ends at offset {offset + length} by its zip64 record, which is '
                             f'at {record_at} by its locator')
    if size + 12 != locator_at - at:
        raise MalformedError(f'its zip64 record has {size + 12} bytes by its size, and {locator_at - at} are there')
    return at, length, offset


def _extra(
    extra: bytes, raw: bytes, size: int, compressed: int, offset: int,
) -> tuple[str, int, int, int]:
    """(unicode name, size, compressed size, offset) with what the extra fields say (4.5.3, 4.6.9)."""
    unicode_name = ''
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from('<HH', extra, position)
        position += 4
        field = extra[position:position + length]
        if len(field) < length:
            raise MalformedError(f'an extra field of kind {kind:#06x} in it is cut off')
        position += length
        if kind == 0x0001:
            values = [value for value, in struct.iter_unpack('<Q', field[:length // 8 * 8])]
            try:
                size = values.pop(0) if size in (_32_BITS, _64_BITS) else size
                compressed = values.pop(0) if compressed == _32_BITS else compressed
                offset = values.pop(0) if offset == _32_BITS else offset
            except IndexError:
                raise MalformedError('a zip64 field in it is too short') from None
        elif kind == 0x7075:
            if length < 5:
                raise MalformedError('a field with the Unicode name in it is too short')
            if field[0] == 1 and field[1:5] == zlib.crc32(raw).to_bytes(4, 'little'):
                try:
                    unicode_name = field[5:].decode('utf-8') or unicode_name
                except UnicodeDecodeError as error:
                    raise MalformedError(f'a Unicode name in it is no UTF-8: {error}') from error
    return unicode_name, size, compressed, offset
