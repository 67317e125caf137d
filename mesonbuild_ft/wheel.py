# SPDX-License-Identifier: MIT
"""A wheel as a zip file: read its modules, and write it again under another name.

Compressed members are copied as they are, so the same input gives the same bytes. A wheel
appears under its final name only when it is complete.
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import io
import os
import pathlib
import shutil
import struct
import typing
import zipfile

from . import tags, work_directory
from .diagnostics import refuse


#: Ending of a wheel that is being written; no file ending .whl is ever incomplete.
UNFINISHED: typing.Final = '.mesonbuild-ft-unfinished'

_LOCAL_HEADER = struct.Struct('<4sHHHHHIIIHH')


def binaries(path: pathlib.Path) -> typing.Iterator[tuple[str, bytes]]:
    """(path inside the wheel, contents) of every member named like an extension module."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir() and tags.module_parts(member.filename) is not None:
                yield member.filename, archive.read(member)


def members(path: pathlib.Path) -> list[str]:
    """The paths in a wheel."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def finish(
    source: pathlib.Path, directory: pathlib.Path, name: tags.WheelName, dist_info: str = '',
    without: typing.AbstractSet[str] = frozenset(),
) -> pathlib.Path:
    """Write `source` as the wheel `name` into `directory`, with suffixes, WHEEL and RECORD to match.

    dist_info: the metadata directory, where it may have another name or content than a wheel of ours.
    without: paths in the wheel that are left out.
    Returns the path of the new wheel. An older file of that name is replaced in one step.
    """
    directory.mkdir(parents=True, exist_ok=True)
    destination = directory / str(name)
    # The process number, since two builds may write the same wheel; the lock says that it is being written.
    unfinished = directory / f'{name}.{os.getpid()}{UNFINISHED}'
    lock = work_directory.lock_file(unfinished)
    try:
        with zipfile.ZipFile(source) as archive:
            unchanged = (source.name == str(name) and len(name.expanded()) == 1 and not dist_info and not without
                         and all(new_member_name(member, name) == member for member in archive.namelist()))
            if unchanged:
                shutil.copyfile(source, unfinished)
            else:
                with open(unfinished, 'wb') as output:
                    _rewrite(archive, output, name, dist_info or name.dist_info, without)
        if lock is not None and os.name == 'nt':  # pragma: no cover - an open file cannot be renamed there
            lock.close()
        os.replace(unfinished, destination)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    finally:
        if lock is not None:
            lock.close()
    return destination


def remove_unfinished(directory: pathlib.Path) -> None:
    """Remove what killed builds left in `directory`; what another build is writing stays."""
    for path in directory.glob(f'*{UNFINISHED}'):
        with contextlib.suppress(OSError):
            lock = work_directory.lock_file(path)
            if lock is not None:
                path.unlink(missing_ok=True)
                lock.close()


def whl_metadata(text: str, name: tags.WheelName) -> str:
    """The WHEEL file with one `Tag:` line for each expanded tag of `name`."""
    lines = [line for line in text.splitlines() if line and not line.lower().startswith('tag:')]
    lines += [f'Tag: {tag}' for tag in name.expanded()]
    return '\n'.join(lines) + '\n'


def new_member_name(member: str, name: tags.WheelName) -> str:
    """The path of a member in a wheel of this name: stable-ABI modules get a suffix that all its interpreters load."""
    abis = name.abi.split('.')
    if 'abi3t' in abis:
        return tags.stable_abi_module_name(member, 'abi3t')
    if 'abi3' in abis:
        return tags.stable_abi_module_name(member, 'abi3')
    return member


def _rewrite(
    archive: zipfile.ZipFile, output: typing.BinaryIO, name: tags.WheelName, dist_info: str,
    without: typing.AbstractSet[str],
) -> None:
    record_name = f'{dist_info}/RECORD'
    wheel_name = f'{dist_info}/WHEEL'
    old_record = {row[0]: row[1:] for row in csv.reader(archive.read(record_name).decode().splitlines()) if row}
    new_record: list[tuple[str, str, str]] = []
    entries: list[tuple[zipfile.ZipInfo, int]] = []

    for member in archive.infolist():
        if member.filename == record_name or member.filename in without:
            continue
        if member.filename == wheel_name:
            data = whl_metadata(archive.read(member).decode(), name).encode()
            entries.append(_write(output, member, wheel_name, data))
            new_record.append((wheel_name, 'sha256=' + _digest(data), str(len(data))))
            continue
        new_name = new_member_name(member.filename, name)
        entries.append(_copy(archive, output, member, new_name))
        if not member.is_dir():
            old = old_record.get(member.filename)
            if old is None or not old[0]:
                data = archive.read(member)
                old = ['sha256=' + _digest(data), str(len(data))]
            new_record.append((new_name, old[0], old[1]))

    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerows(new_record)
    writer.writerow((record_name, '', ''))
    entries.append(_write(output, archive.getinfo(record_name), record_name, text.getvalue().encode()))
    _write_directory(output, entries)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()


def _renamed(member: zipfile.ZipInfo, new_name: str) -> zipfile.ZipInfo:
    copy = zipfile.ZipInfo(new_name, member.date_time)
    for attribute in ('compress_type', 'create_system', 'create_version', 'extract_version', 'flag_bits',
                      'external_attr', 'internal_attr', 'CRC', 'compress_size', 'file_size', 'comment'):
        setattr(copy, attribute, getattr(member, attribute))
    # Sizes stand in the local header: no data descriptor follows (APPNOTE 4.4.4, bit 3).
    copy.flag_bits &= ~0x08
    return copy


def _copy(
    archive: zipfile.ZipFile, output: typing.BinaryIO, member: zipfile.ZipInfo, new_name: str,
) -> tuple[zipfile.ZipInfo, int]:
    source = archive.fp
    assert source is not None
    source.seek(member.header_offset)
    header = _LOCAL_HEADER.unpack(source.read(_LOCAL_HEADER.size))
    source.seek(member.header_offset + _LOCAL_HEADER.size + header[9] + header[10])
    copy = _renamed(member, new_name)
    offset = output.tell()
    output.write(copy.FileHeader(zip64=None))
    remaining = member.compress_size
    while remaining:
        block = source.read(min(remaining, 1 << 20))
        if not block:
            raise zipfile.BadZipFile(f'{member.filename}: the archive ends inside this member')
        output.write(block)
        remaining -= len(block)
    return copy, offset


def _write(
    output: typing.BinaryIO, like: zipfile.ZipInfo, name: str, data: bytes,
) -> tuple[zipfile.ZipInfo, int]:
    import zlib

    entry = _renamed(like, name)
    entry.file_size = len(data)
    entry.CRC = zlib.crc32(data)
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        compressor = zlib.compressobj(-1, zlib.DEFLATED, -15)
        data = compressor.compress(data) + compressor.flush()
    else:
        entry.compress_type = zipfile.ZIP_STORED
    entry.compress_size = len(data)
    offset = output.tell()
    output.write(entry.FileHeader(zip64=None))
    output.write(data)
    return entry, offset


_CENTRAL_HEADER = struct.Struct('<4sBBHHHHHIIIHHHHHII')
_END_OF_DIRECTORY = struct.Struct('<4sHHHHIIH')
_LIMIT_31 = 0x7FFFFFFF
_LIMIT_32 = 0xFFFFFFFF


def _write_directory(output: typing.BinaryIO, entries: list[tuple[zipfile.ZipInfo, int]]) -> None:
    """The central directory (APPNOTE 4.3.12), without zip64."""
    start = output.tell()
    if start > _LIMIT_32 or len(entries) > 0xFFFE or any(e.file_size > _LIMIT_31 for e, _ in entries):
        raise refuse(
            'wheel-too-large', 'a wheel over 4 GiB, with a member over 2 GiB or with over 65,534 members '
            'cannot be given another tag', where=str(output.name),
            advice='-Cabi=full builds a wheel that needs no other tag.')
    for entry, offset in entries:
        name = entry.filename.encode('utf-8')
        flags = entry.flag_bits
        if not entry.filename.isascii():
            flags |= 0x800
        year, month, day, hour, minute, second = entry.date_time
        output.write(_CENTRAL_HEADER.pack(
            b'PK\x01\x02', max(entry.create_version, 20), entry.create_system, max(entry.extract_version, 20), flags,
            entry.compress_type, hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day,
            entry.CRC, entry.compress_size, entry.file_size, len(name), 0, 0, 0,
            entry.internal_attr, entry.external_attr, offset))
        output.write(name)
    size = output.tell() - start
    output.write(_END_OF_DIRECTORY.pack(b'PK\x05\x06', 0, 0, len(entries), len(entries), size, start, 0))
