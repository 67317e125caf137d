# SPDX-License-Identifier: MIT
"""Read members of a wheel into memory, trusting nothing that the archive says.

central.py reads the central directory; the checks here come after it. No path in an archive is ever
opened or written, and no more is inflated than the headers announce and the limit admits.
Section numbers are those of PKWARE's APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import importlib
import itertools
import os
import re
import struct
import typing
import zlib

from ..diagnostics import Diagnostic
from . import central
from .central import Entry


try:
    # libdeflate, which inflates more than twice as fast as zlib: the extras `cli` and `fast`.
    deflate: typing.Any = importlib.import_module('deflate')
except ImportError:
    deflate = None

#: Members of more bytes than this are inflated in place by zlib, from so many compressed bytes at a time.
_LARGE: typing.Final = 8 << 20
_PIECE: typing.Final = 64 << 10

#: Unless said otherwise, members may inflate to this many times the size of their archive, …
EXPANSION: typing.Final = 50
#: … and to this many bytes where that is more, …
SMALLEST_LIMIT: typing.Final = 64 << 20
#: … but never to more than this.
LARGEST_LIMIT: typing.Final = 8 << 30

#: In paths that may lead elsewhere, and in few others.
_SUSPICIOUS: typing.Final = re.compile(r'^$|^/|\.\.|[\\\0]|^.:', re.DOTALL)

_LOCAL_HEADER = struct.Struct('<4sHHHHHIIIHH')  # 4.3.7
_STORED, _DEFLATED = 0, 8  # 4.4.5
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000  # 4.4.4: encryption, strong encryption, masked headers
_DESCRIPTOR = 0x0008  # sizes and CRC follow the data
_UTF8 = 0x0800
_32_BITS = 0xFFFFFFFF


class ArchiveError(Exception):
    """Nothing in an archive, or in one of its members, can be judged. Carries why."""

    def __init__(self, identifier: str, what: str, *, where: str = '', advice: str = '') -> None:
        super().__init__(what)
        self.diagnostic = Diagnostic(identifier, 'error', what, where, advice)


class Member(typing.NamedTuple):
    """One file in the archive, as its central and local headers agree on it. offset: of its data; sizes in bytes."""

    name: str
    offset: int
    compressed: int
    size: int
    crc: int
    method: int


class Archive(typing.NamedTuple):
    """An archive whose headers were checked.

    identity: of the file whose headers were read, see `_identity`.
    members: what can be read, in the order of the central directory. found: what is wrong with the others.
    broken: paths of members that are there and cannot be read; what is wrong with them is in `found`.
    """

    path: str
    size: int
    identity: tuple[int, ...]
    members: tuple[Member, ...]
    found: tuple[Diagnostic, ...]
    broken: frozenset[str]

    def read(self, member: Member) -> bytes | bytearray:
        """The contents of a member, no longer than its header says. Raises ArchiveError and OSError.

        Always all of it: a file whose end is not inflated has no checksum, and may be damaged anywhere.
        """
        with open(self.path, 'rb') as file:
            if _identity(file) != self.identity:
                raise ArchiveError(
                    'unreadable-archive', 'was changed while it was read', where=self.path,
                    advice='Check it once whatever writes it has finished.')
            file.seek(member.offset)
            data = file.read(member.compressed)
        if len(data) != member.compressed:
            raise _damaged(member.name, f'ends after {len(data)} of {member.compressed} bytes')
        result = _inflate(member, data) if member.method == _DEFLATED else data
        checksum = deflate.crc32(result) if deflate is not None else zlib.crc32(result)
        if checksum != member.crc:
            raise _damaged(member.name, f'has the CRC {checksum:08x}, and its header says {member.crc:08x}')
        return result

    def check_limit(self, members: typing.Iterable[Member], limit: int | None) -> None:
        """Raises ArchiveError where these members inflate to more bytes than `limit`; None: the default limit."""
        size = sum(member.size for member in members)
        limit = limit if limit is not None else default_limit(self.size)
        if size > limit:
            raise ArchiveError(
                'inflation-limit', f'its files inflate to {size} bytes, and the limit is {limit}', where=self.path,
                advice='If the file comes from someone you trust, raise the limit with --max-inflated.')


def _identity(file: typing.BinaryIO) -> tuple[int, ...]:
    """What changes when a file is replaced or written to: device, number, size in bytes and time in nanoseconds."""
    status = os.fstat(file.fileno())
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def default_limit(size: int) -> int:
    """How many bytes the members of an archive of `size` bytes may inflate to together."""
    return min(max(EXPANSION * size, SMALLEST_LIMIT), LARGEST_LIMIT)


def open_archive(path: str) -> Archive:
    """Read and check the headers of all members. Raises ArchiveError and OSError."""
    # Header by header, at places far from each other: a buffer would be filled anew for each.
    with open(path, 'rb', buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            directory, entries = central.read(file, size)
        except (central.MalformedError, OSError, OverflowError, MemoryError) as error:
            raise ArchiveError(
                'unreadable-archive', f'is not a zip archive that can be read: {error}',
                advice='Download or build the wheel again; it may have been cut off.') from error
        return _check(path, size, _identity(file), directory, entries, file)


def _check(
    path: str, size: int, identity: tuple[int, ...], directory: int, entries: typing.Sequence[Entry],
    file: typing.BinaryIO,
) -> Archive:
    """The archive, with its central directory at the offset `directory`. Raises ArchiveError."""
    members: list[Member] = []
    found: list[Diagnostic] = []
    broken: set[str] = set()
    seen: set[str] = set()
    duplicates: set[str] = set()
    spans: list[tuple[int, int, str]] = []
    for entry in entries:
        name = entry.name
        if _is_unsafe(name):
            found.append(Diagnostic(
                'unsafe-member-path', 'error', 'is a path that leads out of the directory it is unpacked into',
                name, 'Build the wheel again; installers refuse it or write outside of site-packages.'))
            continue
        # Header by header, so that each member is read where it really lies.
        try:
            member, end = _member(entry, name, directory, file)
        except ArchiveError as error:
            found.append(error.diagnostic)
            broken.add(name)
            continue
        spans.append((entry.offset, end, name))
        same = os.path.normpath(name) if '//' in name or './' in name else name
        if same in seen and same not in duplicates:
            duplicates.add(same)
            found.append(Diagnostic(
                'duplicate-member', 'error',
                'is in the archive more than once; installers do not agree on which one counts',
                name, 'Build the wheel again in an empty directory.'))
        seen.add(same)
        if not name.endswith('/'):
            members.append(member)
    _overlaps(spans)
    return Archive(path, size, identity, tuple(members), tuple(found), frozenset(broken))


def _overlaps(spans: list[tuple[int, int, str]]) -> None:
    """Members that share bytes inflate to more than any limit on one of them says. Raises ArchiveError."""
    spans.sort()
    for (_, end, name), (start, _, following) in itertools.pairwise(spans):
        if start < end:
            raise ArchiveError(
                'overlapping-members', f'{following} begins at offset {start}, inside {name}, which ends at {end}',
                where=following, advice='Do not use this file: no tool that makes wheels writes such an archive.')


def _is_unsafe(name: str) -> bool:
    """Whether a path may lead out of the directory that it is joined to, on some platform."""
    if not _SUSPICIOUS.search(name):
        return False
    parts = name.replace('\\', '/').split('/')
    return not parts[0] or '..' in parts or '\0' in name or (name[1:2] == ':' and name[0].isalpha())


def _member(entry: Entry, name: str, limit: int, file: typing.BinaryIO) -> tuple[Member, int]:
    """The member and the offset where its data ends, at most `limit`. Raises ArchiveError."""
    if entry.unicode_name and entry.unicode_name.replace('\\', '/') != name.replace('\\', '/'):
        raise _mismatch(name, f'its extra field has the name {entry.unicode_name}')
    if entry.flags & _ENCRYPTED:
        raise ArchiveError('encrypted-member', 'is encrypted', where=name,
                           advice='Build the wheel without encryption: no installer knows a password.')
    if not 0 <= entry.offset <= limit - _LOCAL_HEADER.size:
        raise _damaged(name, f'begins at offset {entry.offset}, and the central directory at {limit}')
    # The extra field is seldom longer than the 20 bytes that zip64 needs.
    data_at = _LOCAL_HEADER.size + len(entry.raw)
    block = _read_at(file, entry.offset, data_at + 20)
    if len(block) < _LOCAL_HEADER.size:  # pragma: no cover - the file became shorter meanwhile
        raise _damaged(name, 'its local header is cut off')
    (signature, _, flags, method, _, _, crc, compressed, uncompressed, name_size, extra_size,
     ) = _LOCAL_HEADER.unpack_from(block)
    if signature != b'PK\3\4':
        raise _mismatch(name, f'there is no local header at offset {entry.offset}')
    if name_size != len(entry.raw) or block[_LOCAL_HEADER.size:data_at] != entry.raw:
        local = block[_LOCAL_HEADER.size:_LOCAL_HEADER.size + name_size].decode('utf-8', 'backslashreplace')
        raise _mismatch(name, f'its local header has the name {local}')
    offset = entry.offset + data_at + extra_size
    # Byte for byte the same, in nearly all archives.
    if block[6:26] != entry.fixed or _32_BITS in (compressed, uncompressed):
        _compare(entry, name, flags, method)
        if _32_BITS in (compressed, uncompressed):
            extra = block[data_at:data_at + extra_size]
            if len(extra) < extra_size:
                extra = _read_at(file, offset - extra_size, extra_size)
            uncompressed, compressed = _zip64(name, extra, uncompressed, compressed)
        _compare_sizes(entry, name, crc, compressed, uncompressed, flags & _DESCRIPTOR != 0)
    end = offset + entry.compressed
    if end > limit:
        raise _damaged(name, f'ends at offset {end}, and the central directory begins at {limit}')
    if method == _STORED and entry.compressed != entry.size:
        raise _mismatch(name, f'it is stored, in {entry.compressed} bytes, and has {entry.size}')
    return Member(name, offset, entry.compressed, entry.size, entry.crc, method), end


if hasattr(os, 'pread'):
    def _read_at(file: typing.BinaryIO, offset: int, size: int) -> bytes:
        return os.pread(file.fileno(), size, offset)
else:
    def _read_at(file: typing.BinaryIO, offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)


def _compare(entry: Entry, name: str, flags: int, method: int) -> None:
    """Flags and compression method of the local header with the central one. Raises ArchiveError."""
    if flags & (_ENCRYPTED | _UTF8) != entry.flags & (_ENCRYPTED | _UTF8):
        raise _mismatch(name, f'its local header has the flags 0x{flags:04x}, the central one 0x{entry.flags:04x}')
    if method != entry.method:
        raise _mismatch(name, f'its local header has the compression method {method}, the central one {entry.method}')


def _compare_sizes(
    entry: Entry, name: str, crc: int, compressed: int, uncompressed: int, has_descriptor: bool,
) -> None:
    """With a descriptor the local header may have zeros (4.4.4, bit 3). Raises ArchiveError."""
    for what, local, central_value in (
            ('CRC', crc, entry.crc), ('compressed size', compressed, entry.compressed),
            ('size', uncompressed, entry.size)):
        if local != central_value and not (has_descriptor and local == 0):
            raise _mismatch(name, f'its local header has the {what} {local}, the central one {central_value}')


def _zip64(name: str, extra: bytes, uncompressed: int, compressed: int) -> tuple[int, int]:
    """(uncompressed, compressed) of the zip64 extra field (4.5.3). Raises ArchiveError."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from('<HH', extra, position)
        position += 4
        if kind == 1 and position + length <= len(extra):
            values = [v for v, in struct.iter_unpack('<Q', extra[position:position + length // 8 * 8])]
            if uncompressed == _32_BITS and values:
                uncompressed = values.pop(0)
            if compressed == _32_BITS and values:
                compressed = values.pop(0)
            return uncompressed, compressed
        position += length
    raise _mismatch(name, 'its local header refers to a zip64 field that is not there')


def _inflate(member: Member, data: bytes) -> bytes | bytearray:
    if deflate is not None:
        try:
            result: bytes | bytearray = deflate.deflate_decompress(data, member.size)
            if len(result) == member.size:
                return result
        except (deflate.DeflateError, ValueError):
            pass  # zlib says what is wrong
    stream = zlib.decompressobj(-15)
    try:
        # One byte more than announced tells a member that is longer from one that is not.
        if member.size > _LARGE:
            result = _inflate_in_place(stream, data, member.size + 1)
        else:
            result = stream.decompress(data, member.size + 1)
    except zlib.error as error:
        raise _damaged(member.name, f'cannot be inflated: {error}') from error
    if len(result) > member.size:
        raise _damaged(member.name, f'inflates to more than the {member.size} bytes of its header')
    if not stream.eof:
        raise _damaged(member.name, f'its compressed data has no end, after {len(result)} of {member.size} bytes')
    if len(result) < member.size:
        raise _damaged(member.name, f'inflates to {len(result)} bytes, and its header says {member.size}')
    return result


def _inflate_in_place(stream: typing.Any, data: bytes, limit: int) -> bytearray:
    """The first `limit` bytes that come of `data`, in memory once: zlib keeps all in pieces and joins them."""
    result = bytearray(limit)
    end = 0
    view = memoryview(data)
    for start in range(0, len(data), _PIECE):
        piece = stream.decompress(view[start:start + _PIECE], limit - end)
        result[end:end + len(piece)] = piece
        end += len(piece)
        if stream.eof or end == limit:
            break
    del result[end:]
    return result


def readable(member: Member) -> bool:
    """Whether its compression method is one that every installer knows."""
    return member.method in (_STORED, _DEFLATED)


def _damaged(name: str, what: str) -> ArchiveError:
    return ArchiveError('damaged-member', what, where=name, advice='Download or build the wheel again.')


def _mismatch(name: str, what: str) -> ArchiveError:
    return ArchiveError(
        'member-header-mismatch', what, where=name,
        advice='Do not use this file: installers read one header or the other. Build it again.')
