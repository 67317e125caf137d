# SPDX-License-Identifier: MIT
"""Wheels as files: retagging copies, the same input gives the same bytes, and none is ever incomplete."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time
import typing
import zipfile

import pytest
import support

from mesonbuild_ft import tags, wheel
from mesonbuild_ft.diagnostics import BuildRefused


NAME = 'one-1.0-cp314-abi3-linux_x86_64.whl'
RENAMED = tags.parse_wheel_name(NAME).with_tag('cp39', 'abi3')
WHL = 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp314-abi3-linux_x86_64\n\n'


class _Unseekable(io.RawIOBase):
    """An output that cannot seek: zipfile then writes data descriptors behind the members."""

    def __init__(self, path: pathlib.Path) -> None:
        self._file = open(path, 'wb')  # noqa: SIM115

    def writable(self) -> bool:
        return True

    def write(self, data: typing.Any) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()


def make_wheel(path: pathlib.Path, members: dict[str, bytes], *, descriptors: bool = False) -> pathlib.Path:
    """A wheel with these members; those that end with `.stored` are not compressed."""
    target: typing.Any = _Unseekable(path) if descriptors else path
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
        members = {**members, 'one-1.0.dist-info/WHEEL': WHL.encode()}
        rows = []
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2024, 2, 29, 23, 59, 58))
            info.external_attr = (0o100755 if name.endswith('.so') else 0o100644) << 16
            info.compress_type = zipfile.ZIP_STORED if name.endswith('.stored') else zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
            rows.append((name, f'sha256={digest}', len(data)))
        text = io.StringIO()
        csv.writer(text, lineterminator='\n').writerows([*rows, ('one-1.0.dist-info/RECORD', '', '')])
        archive.writestr('one-1.0.dist-info/RECORD', text.getvalue())
    if descriptors:
        target.close()
    return path


def raw_members(path: pathlib.Path) -> dict[str, bytes]:
    """The compressed bytes of each member, as they lie in the file."""
    found = {}
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack_from('<HH', data, info.header_offset + 26)
            start = info.header_offset + 30 + name + extra
            found[info.filename] = data[start:start + info.compress_size]
    return found


MEMBERS = {
    'one.abi3-x86_64-linux-gnu.so': b'\x7fELF' + bytes(range(256)) * 40,
    'pkg/data ä ✓.txt': 'ä ✓\n'.encode() * 100,
    'pkg/comma, "quoted".txt': b'x',
    'pkg/raw.stored': os.urandom(5000),
    'pkg/empty': b'',
    'one-1.0.dist-info/METADATA': b'Metadata-Version: 2.1\nName: one\nVersion: 1.0\n',
}


@pytest.fixture(params=[False, True], ids=['plain', 'data-descriptors'])
def original(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / 'in').mkdir()
    return make_wheel(tmp_path / 'in' / NAME, MEMBERS, descriptors=request.param)


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / 'out').mkdir()
    return tmp_path / 'out'


def test_names_whl_and_record_follow_the_tag(original: pathlib.Path, out: pathlib.Path) -> None:
    result = wheel.finish(original, out, RENAMED)
    assert result == out / 'one-1.0-cp39-abi3-linux_x86_64.whl'
    support.check_record(result)
    with zipfile.ZipFile(result) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert contents.pop('one.abi3.so') == MEMBERS['one.abi3-x86_64-linux-gnu.so']
    for name in list(MEMBERS)[1:]:
        assert contents[name] == MEMBERS[name]
    assert contents['one-1.0.dist-info/WHEEL'].decode() == (
        'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp39-abi3-linux_x86_64\n')


def test_members_are_copied_as_they_are(original: pathlib.Path, out: pathlib.Path) -> None:
    result = wheel.finish(original, out, RENAMED)
    before, after = raw_members(original), raw_members(result)
    assert after['one.abi3.so'] == before['one.abi3-x86_64-linux-gnu.so']
    for name in list(MEMBERS)[1:]:
        assert after[name] == before[name]
    with zipfile.ZipFile(original) as old, zipfile.ZipFile(result) as new:
        for name in list(MEMBERS)[1:]:
            one, other = old.getinfo(name), new.getinfo(name)
            assert (one.external_attr, one.date_time, one.compress_type) == (
                other.external_attr, other.date_time, other.compress_type)
        assert new.getinfo('one.abi3.so').external_attr >> 16 == 0o100755
        # The order stays, with RECORD last.
        assert [i.filename for i in new.infolist()][-1] == 'one-1.0.dist-info/RECORD'


def test_other_programs_read_the_result(original: pathlib.Path, out: pathlib.Path) -> None:
    result = wheel.finish(original, out, RENAMED)
    done = subprocess.run([sys.executable, '-m', 'zipfile', '-t', result], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert 'Done testing' in done.stdout
    # Nothing lies between the members: their headers and the sizes add up.
    with zipfile.ZipFile(result) as archive:
        assert [i.flag_bits & 8 for i in archive.infolist()] == [0] * len(archive.infolist())
        end = 0
        data = result.read_bytes()
        for info in archive.infolist():
            assert info.header_offset == end
            name, extra = struct.unpack_from('<HH', data, info.header_offset + 26)
            end = info.header_offset + 30 + name + extra + info.compress_size


def test_same_input_gives_the_same_bytes(original: pathlib.Path, out: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / 'again').mkdir()
    assert wheel.finish(original, out, RENAMED).read_bytes() == wheel.finish(
        original, tmp_path / 'again', RENAMED).read_bytes()


def test_wheel_that_already_is_right_stays_as_it_is(tmp_path: pathlib.Path, out: pathlib.Path) -> None:
    source = make_wheel(tmp_path / NAME.replace('abi3', 'cp314'), {'one.cpython-314-x86_64-linux-gnu.so': b'x'})
    result = wheel.finish(source, out, tags.parse_wheel_name(source.name))
    assert result.read_bytes() == source.read_bytes()


def test_one_tag_line_for_each_expanded_tag() -> None:
    name = tags.parse_wheel_name('one-1.0-cp315-abi3.abi3t-manylinux_2_17_x86_64.manylinux2014_x86_64.whl')
    text = wheel.whl_metadata('Wheel-Version: 1.0\nTag: cp315-abi3.abi3t-linux_x86_64\n', name)
    assert text.splitlines() == [
        'Wheel-Version: 1.0', 'Tag: cp315-abi3-manylinux_2_17_x86_64', 'Tag: cp315-abi3-manylinux2014_x86_64',
        'Tag: cp315-abi3t-manylinux_2_17_x86_64', 'Tag: cp315-abi3t-manylinux2014_x86_64']


def test_older_wheel_of_the_same_name_is_replaced(original: pathlib.Path, out: pathlib.Path) -> None:
    (out / str(RENAMED)).write_bytes(b'old')
    support.check_record(wheel.finish(original, out, RENAMED))
    assert [p.name for p in out.iterdir()] == [str(RENAMED)]


def test_truncated_input_leaves_nothing(original: pathlib.Path, out: pathlib.Path) -> None:
    data = original.read_bytes()
    # The directory at the end stays, the members before it are cut short.
    original.write_bytes(data[3000:])
    with pytest.raises(Exception, match=r'.'):
        wheel.finish(original, out, RENAMED)
    assert not list(out.iterdir())


def test_too_many_members_are_refused_and_leave_nothing(tmp_path: pathlib.Path, out: pathlib.Path) -> None:
    source = make_wheel(tmp_path / NAME, {f'd/{number}': b'' for number in range(65_534)})
    with pytest.raises(BuildRefused) as refusal:
        wheel.finish(source, out, RENAMED)
    assert refusal.value.diagnostics[0].identifier == 'wheel-too-large'
    assert not list(out.iterdir())


def test_full_disk_leaves_no_wheel(interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path) -> None:
    """A limit on the size of files stands for a full disk: the wheel in the build directory fits, no larger file."""
    source = project('many')
    (source / 'many' / 'data.txt').write_bytes(os.urandom(1_000_000))
    python = interpreters.get('cp315-cp315t')
    output = tmp_path / 'output'
    output.mkdir()
    code = ('import mesonbuild_ft.wheel as w, resource, sys, pathlib, mesonbuild_ft.tags as t; '
            'resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY)); '
            'p = pathlib.Path(sys.argv[1]); '
            'w.finish(p, pathlib.Path(sys.argv[2]), t.parse_wheel_name(p.name).with_tag("cp39", "abi3"))')
    big = support.call_hook(python, 'build_wheel', source).path
    done = subprocess.run([python, '-c', code, big, output], capture_output=True, text=True, check=False,
                          env=support.clean_environment(python))
    assert 'File too large' in done.stderr
    assert not list(output.iterdir())


@pytest.mark.parametrize(('name', 'tag'), [
    ('many', 'cp315-cp315t'), ('limited', 'cp312-cp312'), ('limited', 'cp314-cp314t'), ('plain', support.PYPY)],
    ids=['abi3t', 'abi3', 'cp314t', 'pypy'])
def test_rebuilding_gives_the_same_bytes(name: str, tag: str, hook: typing.Any, project: typing.Any) -> None:
    source = project(name)
    environment = {'SOURCE_DATE_EPOCH': '1700000000'}
    first = hook(tag, 'build_wheel', source, environment=environment)
    before = first.path.read_bytes()
    first.path.unlink()
    # Times of the files must not matter.
    for path in source.rglob('*'):
        os.utime(path)
    second = hook(tag, 'build_wheel', source, environment=environment)
    assert second.path.name == first.path.name
    assert second.path.read_bytes() == before


class Moment(typing.NamedTuple):
    """When to kill: as soon as a file of this pattern lies in the project ('p') or the output directory ('o')."""

    name: str
    place: str
    pattern: str


MOMENTS = [
    Moment('at-the-start', 'p', f'{support.WORK_DIRECTORY}*'),
    Moment('in-setup', 'p', f'{support.WORK_DIRECTORY}*/build/meson-private'),
    Moment('in-compile', 'p', f'{support.WORK_DIRECTORY}*/build/.ninja_log'),
    Moment('while-meson-python-writes', 'p',
           f'{support.WORK_DIRECTORY}*/build/mesonbuild-ft/wheel/*{support.UNFINISHED}'),
    Moment('while-we-write', 'o', f'*{support.UNFINISHED}'),
]


@pytest.mark.parametrize('moment', MOMENTS, ids=lambda moment: moment.name)
def test_killed_build_leaves_no_wheel_and_the_next_one_cleans_up(
    moment: Moment, hook: typing.Any, project: typing.Any, interpreters: typing.Any,
) -> None:
    source = project('many')
    before = sorted(source.iterdir())
    # Large, so that writing takes its time.
    data = source / 'many' / 'data.txt'
    data.write_bytes(os.urandom(1 << 20) * 48)
    output = source.parent / 'many-output'
    output.mkdir()
    place = source if moment.place == 'p' else output
    # A moment may be missed where the machine is busy; the build is then simply complete.
    for _attempt in range(8):
        if kill_when(interpreters.get('cp315-cp315t'), source, output, lambda: any(place.glob(moment.pattern))):
            break
        for path in output.iterdir():
            path.unlink()
    else:
        pytest.fail('no build could be killed at this moment')
    assert not list(output.glob('*.whl'))
    # Not in the working directory either.
    assert all(zipfile.is_zipfile(path) for path in source.rglob('*.whl'))
    assert any(place.glob(moment.pattern))
    for path in (*source.iterdir(), *output.iterdir()):
        assert path in before or path.name.startswith(support.WORK_DIRECTORY) or path.name.endswith(support.UNFINISHED)

    data.write_text('Small again.\n', encoding='utf-8')
    result = hook('cp315-cp315t', 'build_wheel', source, output=output)
    support.check_record(result.path)
    assert [path.name for path in output.iterdir()] == [result.value]
    assert sorted(source.iterdir()) == before


@pytest.mark.parametrize('pattern', ['build/meson-private/coredata.dat', 'build/build.ninja', 'build/.ninja_log'],
                         ids=['in-setup', 'after-setup', 'in-compile'])
def test_kept_build_directory_of_a_killed_build_can_be_used_again(
    pattern: str, hook: typing.Any, project: typing.Any, interpreters: typing.Any, tmp_path: pathlib.Path,
) -> None:
    source = project('many')
    output = tmp_path / 'many-output'
    output.mkdir()
    kill_when(
        interpreters.get('cp315-cp315t'), source, output, lambda: any(source.glob(pattern)), {'build-dir': 'build'})
    result = hook('cp315-cp315t', 'build_wheel', source, output=output, config={'build-dir': 'build'})
    site = support.unpack(result.path, tmp_path / 'site')
    names = sorted(support.modules(result.path))
    assert support.import_modules(interpreters.get('cp315-cp315'), site, names).answers == dict.fromkeys(names, 42)


def kill_when(
    python: pathlib.Path, source: pathlib.Path, output: pathlib.Path, reached: typing.Callable[[], bool],
    config: dict[str, str] | None = None,
) -> bool:
    """Start build_wheel and kill all its processes once `reached`. False where the build was complete before."""
    code = f'import mesonbuild_ft; mesonbuild_ft.build_wheel({str(output)!r}, {config!r})'
    process = subprocess.Popen(
        [python, '-c', code], cwd=source, env=support.clean_environment(python), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None:
        if reached():
            # Stopped first, so that it does not complete between looking and killing.
            os.killpg(process.pid, signal.SIGSTOP)
            still = reached()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return still
        time.sleep(0.0005)
    return False


def test_builds_at_the_same_time_do_not_disturb_each_other(
    interpreters: typing.Any, project: typing.Any, tmp_path: pathlib.Path,
) -> None:
    """Each has a work directory of its own; the second must not take the first one's for a leftover."""
    source = project('many')
    before = sorted(source.iterdir())
    started = []
    for number, tag in enumerate(('cp312-cp312', 'cp314-cp314t', 'cp315-cp315t')):
        python = interpreters.get(tag)
        output = tmp_path / f'output-{number}'
        output.mkdir()
        code = f'import mesonbuild_ft; mesonbuild_ft.build_wheel({str(output)!r})'
        started.append((output, subprocess.Popen(
            [python, '-c', code], cwd=source, env=support.clean_environment(python), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)))
    for output, process in started:
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
        made, = output.iterdir()
        support.check_record(made)
    assert sorted(source.iterdir()) == before


def test_libraries_of_both_systems(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'one-1.0-py3-none-any.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        for member in ('one.libs/libx.so.3', 'one/.dylibs/liby.dylib', 'one/z.so', 'one/notes.txt'):
            archive.writestr(member, b'')
    assert tags.shared_libraries(wheel.members(path)) == {'libx.so.3', 'liby.dylib', 'z.so'}
