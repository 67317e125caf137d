# SPDX-License-Identifier: MIT
"""Archives that nobody should send, built field by field: each has one exact answer, and none is unpacked."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pathlib
import resource
import struct
import subprocess
import sys
import typing
import zlib

import pytest

from mesonbuild_ft import scanner
from mesonbuild_ft.check import archive, central, checker
from mesonbuild_ft.check.archive import ArchiveError
from mesonbuild_ft.check.subjects import Options


@dataclasses.dataclass
class Entry:
    """One member; the fields that begin with `local_` replace what its central header says."""

    name: str
    data: bytes = b'text'
    method: int = 8
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    compressed: int | None = None
    body: bytes | None = None
    offset: int | None = None
    extra: bytes = b''
    local_name: str | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_crc: int | None = None
    local_size: int | None = None
    local_compressed: int | None = None
    local_extra: bytes = b''
    local_signature: bytes = b'PK\3\4'
    descriptor: bytes = b''


def deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


def make(path: pathlib.Path, *entries: Entry, tail: bytes = b'', directory_size: int | None = None) -> pathlib.Path:
    """A zip archive with these members (APPNOTE.TXT 4.3)."""
    output, central = bytearray(), bytearray()
    for entry in entries:
        body = entry.body if entry.body is not None else (
            deflated(entry.data) if entry.method == 8 else entry.data)
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        size = len(entry.data) if entry.size is None else entry.size
        compressed = len(body) if entry.compressed is None else entry.compressed
        name = entry.name.encode()
        flags = entry.flags | (0 if entry.name.isascii() else 0x800)

        def local(value: int | None, central_value: int) -> int:
            return central_value if value is None else value

        local_name = name if entry.local_name is None else entry.local_name.encode()
        offset = len(output) if entry.offset is None else entry.offset
        output += struct.pack(
            '<4sHHHHHIIIHH', entry.local_signature, 20, local(entry.local_flags, flags),
            local(entry.local_method, entry.method), 0, 33, local(entry.local_crc, crc),
            local(entry.local_compressed, compressed), local(entry.local_size, size), len(local_name),
            len(entry.local_extra))
        output += local_name + entry.local_extra + body + entry.descriptor
        central += struct.pack(
            '<4sHHHHHHIIIHHHHHII', b'PK\1\2', 20, 20, flags, entry.method, 0, 33, crc, compressed, size, len(name),
            len(entry.extra), 0, 0, 0, 0, offset)
        central += name + entry.extra
    start = len(output)
    output += central
    output += struct.pack('<4sHHHHIIH', b'PK\5\6', 0, 0, len(entries), len(entries),
                          len(central) if directory_size is None else directory_size, start, 0)
    path.write_bytes(bytes(output) + tail)
    return path


def opened(directory: pathlib.Path, *entries: Entry, **options: typing.Any) -> archive.Archive:
    return archive.open_archive(os.fspath(make(directory / 'pkg-1.0-cp39-abi3-any.whl', *entries, **options)))


def read(found: archive.Archive, name: str) -> bytes:
    return found.read(next(member for member in found.members if member.name == name))


def test_good_archive(tmp_path: pathlib.Path) -> None:
    found = opened(tmp_path, Entry('pkg/'), Entry('pkg/a'), Entry('pkg/ü', b'more' * 1000), Entry('b', b'', method=0))
    assert [member.name for member in found.members] == ['pkg/a', 'pkg/ü', 'b']
    assert (found.found, found.broken) == ((), frozenset())
    assert read(found, 'pkg/ü') == b'more' * 1000
    assert read(found, 'b') == b''


def test_descriptor_and_zip64(tmp_path: pathlib.Path) -> None:
    """What streaming writers make: sizes after the data, and 64-bit sizes where 32 bits would do."""
    zip64 = struct.pack('<HHQQ', 1, 16, 4, 4)
    found = opened(
        tmp_path,
        Entry('a', flags=8, local_crc=0, local_size=0, local_compressed=0,
              descriptor=struct.pack('<4sIII', b'PK\7\x08', zlib.crc32(b'text'), 6, 4)),
        Entry('b', method=0, local_size=0xFFFFFFFF, local_compressed=0xFFFFFFFF, local_extra=zip64),
        Entry('c', method=0, size=0xFFFFFFFF, compressed=0xFFFFFFFF, extra=zip64, local_size=4, local_compressed=4),
        Entry('d', method=0, local_size=0xFFFFFFFF, local_compressed=0xFFFFFFFF,
              local_extra=struct.pack('<HH8x', 0x9999, 8) + b'\1\0\x10\0' + struct.pack('<QQ', 4, 4)))
    assert found.found == ()
    assert [read(found, name) for name in 'abcd'] == [b'text'] * 4


#: What is wrong -> (the member, identifier, message).
MEMBERS: dict[str, tuple[Entry, str, str]] = {
    'absolute path': (Entry('/etc/passwd'), 'unsafe-member-path',
                      'is a path that leads out of the directory it is unpacked into'),
    'parent': (Entry('a/../../b'), 'unsafe-member-path',
               'is a path that leads out of the directory it is unpacked into'),
    'parent, Windows': (Entry('a\\..\\b'), 'unsafe-member-path',
                        'is a path that leads out of the directory it is unpacked into'),
    'drive': (Entry('C:b'), 'unsafe-member-path', 'is a path that leads out of the directory it is unpacked into'),
    'zero byte': (Entry('a.so\0.txt'), 'unsafe-member-path',
                  'is a path that leads out of the directory it is unpacked into'),
    'encrypted': (Entry('a', flags=1), 'encrypted-member', 'is encrypted'),
    'masked': (Entry('a', flags=0x2000), 'encrypted-member', 'is encrypted'),
    'local name': (Entry('a', local_name='b'), 'member-header-mismatch', 'its local header has the name b'),
    'local flags': (Entry('a', local_flags=1), 'member-header-mismatch',
                    'its local header has the flags 0x0001, the central one 0x0000'),
    'local method': (Entry('a', local_method=0), 'member-header-mismatch',
                     'its local header has the compression method 0, the central one 8'),
    'local size': (Entry('a', local_size=5), 'member-header-mismatch',
                   'its local header has the size 5, the central one 4'),
    'local compressed size': (Entry('a', local_compressed=7), 'member-header-mismatch',
                              'its local header has the compressed size 7, the central one 6'),
    'local CRC': (Entry('a', local_crc=7), 'member-header-mismatch',
                  f'its local header has the CRC 7, the central one {zlib.crc32(b"text")}'),
    'zeros without a descriptor': (Entry('a', local_crc=0), 'member-header-mismatch',
                                   f'its local header has the CRC 0, the central one {zlib.crc32(b"text")}'),
    'no local header': (Entry('a', local_signature=b'PK\3\5'), 'member-header-mismatch',
                        'there is no local header at offset 0'),
    'stored with two sizes': (Entry('a', method=0, size=5), 'member-header-mismatch',
                              'it is stored, in 4 bytes, and has 5'),
    'zip64 without its field': (Entry('a', local_size=0xFFFFFFFF, local_extra=b'\2\0\0\0'), 'member-header-mismatch',
                                'its local header refers to a zip64 field that is not there'),
    'zip64 field cut off': (Entry('a', local_size=0xFFFFFFFF, local_extra=b'\1\0\x10\0'), 'member-header-mismatch',
                            'its local header refers to a zip64 field that is not there'),
    'outside': (Entry('a', offset=4000), 'damaged-member', 'begins at offset 4000, and the central directory at 37'),
    'too long': (Entry('a', compressed=100, local_compressed=100), 'damaged-member',
                 'ends at offset 131, and the central directory begins at 37'),
}


@pytest.mark.parametrize('case', MEMBERS)
def test_member_that_cannot_be_trusted(case: str, tmp_path: pathlib.Path) -> None:
    entry, identifier, message = MEMBERS[case]
    found = opened(tmp_path, entry)
    assert [(d.identifier, d.severity, d.what, d.where) for d in found.found] == [
        (identifier, 'error', message, entry.name)]
    assert all(d.advice for d in found.found)
    assert found.members == ()
    assert found.broken == (frozenset() if identifier == 'unsafe-member-path' else frozenset({entry.name}))


#: What is wrong with the data -> (the member, message).
DATA: dict[str, tuple[Entry, str]] = {
    'CRC': (Entry('a', crc=7), f'has the CRC {zlib.crc32(b"text"):08x}, and its header says 00000007'),
    'CRC, stored': (Entry('a', crc=7, method=0),
                    f'has the CRC {zlib.crc32(b"text"):08x}, and its header says 00000007'),
    'no deflate': (Entry('a', body=b'\xff\xff\xff'), 'cannot be inflated: '),
    'longer than announced': (Entry('a', b'x' * 100, size=10), 'inflates to more than the 10 bytes of its header'),
    'shorter than announced': (Entry('a', size=10), 'inflates to 4 bytes, and its header says 10'),
    'no end': (Entry('a', body=deflated(b'text' * 100)[:-1], data=b'text' * 100),
               'its compressed data has no end, after '),
}


@pytest.fixture(params=['zlib', 'libdeflate'])
def inflating(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without the extra `fast`."""
    if request.param == 'zlib':
        monkeypatch.setattr(archive, 'deflate', None)
    else:
        pytest.importorskip('deflate')
    return str(request.param)


@pytest.mark.usefixtures('inflating')
@pytest.mark.parametrize('case', DATA)
def test_damaged_data(case: str, tmp_path: pathlib.Path) -> None:
    entry, message = DATA[case]
    found = opened(tmp_path, entry)
    assert found.found == ()
    with pytest.raises(ArchiveError) as error:
        read(found, 'a')
    assert error.value.diagnostic.identifier == 'damaged-member'
    assert error.value.diagnostic.what.startswith(message)


@pytest.mark.parametrize('case', [case for case in DATA if 'stored' not in case])
def test_damaged_data_of_a_large_member(case: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which zlib inflates piece by piece."""
    monkeypatch.setattr(archive, 'deflate', None)
    monkeypatch.setattr(archive, '_LARGE', 3)
    monkeypatch.setattr(archive, '_PIECE', 2)
    test_damaged_data(case, tmp_path)
    data = bytes(range(256)) * 100
    assert read(opened(tmp_path, Entry('a', data)), 'a') == data
    assert read(opened(tmp_path, Entry('a', data, body=deflated(data) + b'more')), 'a') == data


@pytest.mark.usefixtures('inflating')
def test_bytes_behind_the_compressed_data(tmp_path: pathlib.Path) -> None:
    """No installer looks at them."""
    assert read(opened(tmp_path, Entry('a', body=deflated(b'text') + b'more')), 'a') == b'text'


def test_file_that_became_shorter(tmp_path: pathlib.Path) -> None:
    found = opened(tmp_path, Entry('a', b'0123456789', method=0))
    os.truncate(found.path, 35)
    with pytest.raises(ArchiveError, match='was changed while it was read'):
        read(found, 'a')


@pytest.mark.parametrize('names', [('a', 'a'), ('pkg/a', 'pkg//a'), ('pkg/a', './pkg/a'), ('a', 'a', 'a')])
def test_duplicates(names: tuple[str, ...], tmp_path: pathlib.Path) -> None:
    found = opened(tmp_path, *(Entry(name) for name in names))
    assert [d.identifier for d in found.found] == ['duplicate-member']
    assert len(found.members) == len(names)


def test_overlapping_members(tmp_path: pathlib.Path) -> None:
    inner = Entry('b')
    with pytest.raises(ArchiveError) as error:
        # The second entry of the directory points to the first member again.
        opened(tmp_path, Entry('b'), dataclasses.replace(inner, offset=0))
    assert error.value.diagnostic.identifier == 'overlapping-members'
    assert error.value.diagnostic.what == 'b begins at offset 0, inside b, which ends at 37'


@pytest.mark.parametrize('content', [b'', b'PK', b'<html>', b'PK\5\6', b'PK\5\6' + b'\xff' * 18, b'\0' * 100_000])
def test_no_archive(content: bytes, tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'pkg-1.0-cp39-abi3-any.whl'
    path.write_bytes(content)
    with pytest.raises(ArchiveError) as error:
        archive.open_archive(os.fspath(path))
    assert error.value.diagnostic.identifier == 'unreadable-archive'


def test_name_that_is_no_text(tmp_path: pathlib.Path) -> None:
    path = make(tmp_path / 'pkg-1.0-cp39-abi3-any.whl', Entry('abc', flags=0x800))
    path.write_bytes(path.read_bytes().replace(b'abc', b'a\xffc'))
    with pytest.raises(ArchiveError) as error:
        archive.open_archive(os.fspath(path))
    assert error.value.diagnostic.identifier == 'unreadable-archive'


def good_wheel(directory: pathlib.Path) -> pathlib.Path:
    return make(directory / 'pkg-1.0-cp39-abi3-any.whl', Entry('pkg/one.abi3.so', b'\x7fELF' + bytes(5000)),
                Entry('pkg-1.0.dist-info/WHEEL', b'Wheel-Version: 1.0\nTag: cp39-abi3-any\n'),
                Entry('pkg-1.0.dist-info/METADATA', b'Name: pkg\n', method=0))


def judged(path: pathlib.Path, **options: typing.Any) -> checker.Checked:
    result, = checker.check([os.fspath(path)], scanner.load(), Options(jobs=1, **options))
    return result


def test_cut_anywhere(tmp_path: pathlib.Path) -> None:
    path = good_wheel(tmp_path)
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        result = judged(path)
        assert result.verdict == 'unusable', size
        assert [d.identifier for d in result.found] == ['unreadable-archive'], size


def test_every_byte_changed(tmp_path: pathlib.Path) -> None:
    """No byte of an archive can be anything that leads to a traceback."""
    path = good_wheel(tmp_path)
    data = bytearray(path.read_bytes())
    for position in range(len(data)):
        for value in (0, 0xFF, data[position] ^ 1):
            changed = bytearray(data)
            changed[position] = value
            path.write_bytes(changed)
            judged(path)


def test_bomb(tmp_path: pathlib.Path) -> None:
    path = make(tmp_path / 'pkg-1.0-cp39-abi3-any.whl', Entry('pkg/one.abi3.so', bytes(70 << 20)),
                Entry('pkg-1.0.dist-info/WHEEL', b'Tag: cp39-abi3-any\n'))
    result = judged(path)
    assert result.verdict == 'unusable'
    assert [d.identifier for d in result.found] == ['inflation-limit']
    assert result.found[0].what == f'its files inflate to {(70 << 20) + 19} bytes, and the limit is {64 << 20}'
    assert '--max-inflated' in result.found[0].advice
    raised = judged(path, limit=100 << 20)
    assert [d.identifier for d in raised.found] == ['unreadable-module']


def test_bomb_that_lies_about_its_size(tmp_path: pathlib.Path) -> None:
    """No more is inflated than the header says, whatever the data holds."""
    path = make(tmp_path / 'pkg-1.0-cp39-abi3-any.whl', Entry('pkg/one.abi3.so', bytes(100 << 20), size=1000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = judged(path)
    assert 'damaged-member' in [d.identifier for d in result.found]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * (1 if sys.platform == 'darwin' else 1024) < 50 << 20


@pytest.mark.parametrize(('size', 'limit'), [(1000, 64 << 20), (10 << 20, 500 << 20), (1 << 30, 8 << 30)])
def test_default_limit(size: int, limit: int) -> None:
    assert archive.default_limit(size) == limit


def with_zip64(data: bytes, extensible: bytes = b'', **replaced: int) -> bytes:
    """The archive as a large one ends: zip64 end of central directory and its locator (4.3.14, 4.3.15).

    replaced: of `offset`, which the locator has, the record's `size`, and the `length` and `start` of the directory.
    """
    at, (length, start) = len(data) - 22, struct.unpack_from('<II', data, len(data) - 10)
    fields = {'offset': at, 'size': 44 + len(extensible), 'length': length, 'start': start, **replaced}
    record = struct.pack('<4sQHHIIQQQQ', b'PK\6\6', fields['size'], 45, 45, 0, 0, 3, 3, fields['length'],
                         fields['start'])
    locator = struct.pack('<4sIQI', b'PK\6\7', 0, fields['offset'], 1)
    end = struct.pack('<4sHHHHIIH', b'PK\5\6', 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 7)
    return data[:at] + record + extensible + locator + end + b'comment'


PREFIX = b'#!/bin/sh\n' * 3
EXTENSIBLE = struct.pack('<HI6s', 0x9999, 6, b'ignore')

#: What is unusual about the zip64 record of an archive of one member, which has a directory of 47 bytes -> (what
#: makes it of the archive, the message); '': it is read.
ZIP64: dict[str, tuple[typing.Callable[[bytes], bytes], str]] = {
    'nothing': (with_zip64, ''),
    'something before it': (lambda data: PREFIX + with_zip64(data), ''),
    'extensible data': (lambda data: with_zip64(data, EXTENSIBLE), ''),
    'extensible data, and something before it': (
        lambda data: PREFIX + with_zip64(data, EXTENSIBLE),
        'its zip64 locator leads to offset {end}, where no record is'),
    'locator points elsewhere': (
        lambda data: with_zip64(data, offset=7),
        'its central directory ends at offset {end} by its zip64 record, which is at 7 by its locator'),
    'locator points behind itself': (
        lambda data: with_zip64(data, offset=4000), 'its zip64 locator leads to offset 4000, which is not before it'),
    'record size 45': (
        lambda data: with_zip64(data, size=45), 'its zip64 record has 57 bytes by its size, and 56 are there'),
    'record size 44, and extensible data': (
        lambda data: with_zip64(data, EXTENSIBLE, size=44),
        'its zip64 record has 56 bytes by its size, and 68 are there'),
    'directory shorter': (
        lambda data: with_zip64(data, length=46),
        'its central directory ends at offset {end_1} by its zip64 record, which is at {end} by its locator'),
}


@pytest.mark.parametrize('case', ZIP64)
def test_zip64_record(case: str, tmp_path: pathlib.Path) -> None:
    """CVE-2025-8291: a record that its locator does not lead to is read by some, and another one by others."""
    path = make(tmp_path / 'pkg-1.0-cp39-abi3-any.whl', Entry('a'))
    change, message = ZIP64[case]
    data = path.read_bytes()
    path.write_bytes(change(data))
    if not message:
        assert read(archive.open_archive(os.fspath(path)), 'a') == b'text'
        return
    with pytest.raises(ArchiveError) as error:
        archive.open_archive(os.fspath(path))
    end = len(data) - 22
    assert error.value.diagnostic.identifier == 'unreadable-archive'
    assert error.value.diagnostic.what == 'is not a zip archive that can be read: ' + message.format(
        end=end, end_1=end - 1)


#: Runs in the newest interpreter: archives, each behind its size, from standard input; the members of each, or null.
ZIPFILE: typing.Final = '''
import io, json, struct, sys, warnings, zipfile
warnings.simplefilter("ignore")
answers = []
while size := sys.stdin.buffer.read(4):
    data = sys.stdin.buffer.read(*struct.unpack("<I", size))
    try:
        found = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except Exception:
        answers.append(None)
    else:
        answers.append([(i.filename, i.orig_filename, i.header_offset, i.compress_size, i.file_size, i.CRC,
                         i.compress_type, i.flag_bits) for i in found])
json.dump(answers, sys.stdout)
'''


def changed_archives(directory: pathlib.Path) -> typing.Iterator[tuple[str, bytes]]:
    """(what it is, its bytes): archives of each form, each with one byte changed."""
    name = 'pkg/ü'.encode()
    path = make(directory / 'a.whl', Entry('pkg/a'),
                Entry('pkg/ü', method=0, flags=8, extra=struct.pack('<HHBI', 0x7075, 5 + len(name), 1, zlib.crc32(name))
                      + name),
                Entry('c', method=0, size=0xFFFFFFFF, compressed=0xFFFFFFFF, extra=struct.pack('<HHQQ', 1, 16, 4, 4)))
    data = path.read_bytes()
    forms = {'plain': data, 'zip64': with_zip64(data), 'extensible': with_zip64(data, EXTENSIBLE)}
    forms.update({f'{form}, prefix': PREFIX + whole for form, whole in forms.items()})
    for form, whole in forms.items():
        for position in range(len(whole)):
            for value in sorted({whole[position], 0, 0xFF, whole[position] ^ 1, whole[position] ^ 0x80}):
                changed = bytearray(whole)
                changed[position] = value
                yield f'{form}: {position} is {value}', bytes(changed)


def test_as_zipfile_reads_it(tmp_path: pathlib.Path, interpreters: typing.Any) -> None:
    """The newest zipfile, which installers unpack with: it takes and refuses the same, whatever byte is changed."""
    archives = dict(changed_archives(tmp_path))
    done = subprocess.run(
        [interpreters.get('cp315-cp315'), '-I', '-c', ZIPFILE], check=True, capture_output=True,
        input=b''.join(struct.pack('<I', len(data)) + data for data in archives.values()))
    answers = json.loads(done.stdout)
    assert len(answers) == len(archives)
    differences: dict[str, typing.Any] = {}
    for (what, data), expected in zip(archives.items(), answers, strict=True):
        try:
            _, entries = central.read(io.BytesIO(data), len(data))
        except (central.MalformedError, OSError, OverflowError):
            found = None
        else:
            found = [[(e.unicode_name or e.name).split('\0')[0], e.name, e.offset, e.compressed, e.size, e.crc,
                      e.method, e.flags] for e in entries]
        if found != expected:
            differences[what] = (found, expected)
    assert list(differences.items())[:5] == []
    assert sum(answer is None for answer in answers) > 1000
    assert sum(answer is not None for answer in answers) > 1000


def test_many_members(tmp_path: pathlib.Path) -> None:
    found = opened(tmp_path, *(Entry(f'{i:05}', b'', method=0) for i in range(60_000)))
    assert len(found.members) == 60_000


def test_tags_that_multiply(tmp_path: pathlib.Path) -> None:
    """A Tag line whose combinations would fill any memory."""
    many = '.'.join(f'a{i}' for i in range(4000))
    path = make(tmp_path / 'pkg-1.0-cp39-abi3-any.whl',
                Entry('pkg-1.0.dist-info/WHEEL', f'Tag: {many}-{many}-{many}\n'.encode()))
    assert 'wheel-tag-mismatch' in [d.identifier for d in judged(path).found]


def test_nothing_is_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / 'in'
    directory.mkdir()
    monkeypatch.chdir(directory)
    path = make(tmp_path / 'pkg-1.0-cp39-abi3-any.whl', Entry('../out.so', b'\x7fELF'), Entry('in.so', b'\x7fELF'),
                Entry('/tmp/mesonbuild-ft-must-not-exist.so', b'\x7fELF'))
    judged(path)
    assert sorted(p.name for p in tmp_path.rglob('*')) == ['in', path.name]
    assert not pathlib.Path('/tmp/mesonbuild-ft-must-not-exist.so').exists()
