# SPDX-License-Identifier: MIT
"""What is read of meson.build without Meson: literals are known, all else is said not to be."""

from __future__ import annotations

import typing

import pytest

from mesonbuild_ft.meson import static_floor


#: name, limited_api, installed, certain.
Expected = list[tuple[str, typing.Optional[tuple[int, int]], bool, bool]]
A: typing.Final[Expected] = [('a', (3, 9), True, True)]
INSTALLED: typing.Final = "py.extension_module('a', 'a.c', limited_api: '3.9', install: true)"


def read(text: str, **files: str) -> static_floor.Floors:
    return static_floor.read({'meson.build': text, **files}.get)


@pytest.mark.parametrize(('text', 'expected'), [
    (INSTALLED, A),
    ("import('python').find_installation().extension_module('a', install: true, limited_api: '3.9',)", A),
    ("py.extension_module('a',\n  'a.c', # limited_api: '3.1'\n  install: true,\n  limited_api: '3.9',\n)", A),
    ("# py.extension_module('z', install: true)\n" + INSTALLED, A),
    ("message('py.extension_module(')\n" + INSTALLED, A),
    ("text = '''\npy.extension_module('z', install: true)\n'''\n" + INSTALLED, A),
    ("api = '3.9'\npy.extension_module('a', limited_api: api, install: true)", A),
    ("api = '3.9'\nother = api\npy.extension_module('a', limited_api: other, install: true)", A),
    ("common = {'limited_api': '3.9', 'install': true}\npy.extension_module('a', kwargs: common)", A),
    ("py.extension_module('a', install: true)", [('a', None, True, True)]),
    ("py.extension_module('a', install: true, limited_api: '')", [('a', None, True, True)]),
    ("py.extension_module('a', limited_api: '3.10')", [('a', (3, 10), False, True)]),
    ("py.extension_module('a', limited_api: '3.10', install: false)", [('a', (3, 10), False, True)]),
    ("foreach n : ['a', 'b']\npy.extension_module(n, n + '.c', limited_api: '3.9', install: true)\nendforeach",
     [('n', (3, 9), True, True)]),
    ("shared_library('a', 'a.c')", []),
])
def test_known(text: str, expected: Expected) -> None:
    floors = read(text)
    assert floors.why_unknown == ''
    assert [(m.name, m.limited_api, m.installed, m.certain) for m in floors.modules] == expected
    assert floors.versions == tuple(limited for _, limited, _, _ in expected)


@pytest.mark.parametrize(('text', 'why'), [
    ("py.extension_module('a', install: true, limited_api: get_option('api'))",
     "meson.build, line 1: limited_api: get_option('api')"),
    ("\napi = get_option('api')\npy.extension_module('a', limited_api: api, install: true)",
     "meson.build, line 3: limited_api: get_option('api')"),
    ("if x\napi = '3.9'\nelse\napi = '3.10'\nendif\npy.extension_module('a', limited_api: api, install: true)",
     'meson.build, line 6: limited_api: api'),
    ("api = '3.9'\napi += '1'\npy.extension_module('a', limited_api: api, install: true)",
     'meson.build, line 3: limited_api: api'),
    ("api = '3.9'\nforeach api : ['3.10']\npy.extension_module('a', limited_api: api, install: true)\nendforeach",
     'meson.build, line 3: limited_api: api'),
    ("py.extension_module('a', install: true, limited_api: old ? '3.8' : '3.9')",
     "meson.build, line 1: limited_api: old ? '3.8': '3.9'"),
    ("py.extension_module('a', install: true, limited_api: f'3.@minor@')", "limited_api: f'3.@minor@'"),
    ("py.extension_module('a', install: true, limited_api: '4.0')", "limited_api: '4.0'"),
    ("py.extension_module('a', kwargs: common)", 'kwargs: common'),
    ("if get_option('speedups')\n" + INSTALLED + '\nendif', 'a is built or installed on a condition'),
    ("if not get_option('speedups')\n  subdir_done()\nendif\n" + INSTALLED, 'a is built or installed on a condition'),
    ("py.extension_module('a', install: get_option('speedups'))", 'a is built or installed on a condition'),
    ("subdir(where)", 'meson.build, line 1: subdir(where)'),
    ("subdir('nowhere')", 'there is no nowhere/meson.build'),
    ("shared_module('a', 'a.c', name_prefix: '')", 'shared_module() may be an extension module'),
    ("set_variable('api', '3.10')\n" + INSTALLED, 'set_variable()'),
    ("project('a', default_options: ['python.allow_limited_api=' + allow])", 'python.allow_limited_api='),
    ("project('a', default_options: {'python.allow_limited_api': allow})", 'python.allow_limited_api=allow'),
])
def test_unknown(text: str, why: str) -> None:
    floors = read(text)
    assert why in floors.why_unknown
    assert floors.versions is None


def test_directories() -> None:
    inner = "subdir('deep')\n"
    floors = read("subdir('src')", **{
        'src/meson.build': inner, 'src/deep/meson.build': INSTALLED})
    assert floors.versions == ((3, 9),)
    conditional = read("if x\nsubdir('src')\nendif", **{'src/meson.build': INSTALLED})
    assert [m.certain for m in conditional.modules] == [False]
    assert 'more than once' in read("subdir('src')\nsubdir('src')", **{'src/meson.build': INSTALLED}).why_unknown
    # A variable of the directory above.
    assert read("api = '3.11'\nsubdir('src')", **{
        'src/meson.build': "py.extension_module('a', limited_api: api, install: true)"}).versions == ((3, 11),)


def test_subprojects() -> None:
    files = {'meson.build': INSTALLED, 'subprojects/two/meson.build': "py.extension_module('b', install: true)",
             'subprojects/one/meson.build': "static_library('c', 'c.c')"}
    assert static_floor.read(files.get, ['one']).known
    assert 'the subproject two' in static_floor.read(files.get, ['one', 'two']).why_unknown


@pytest.mark.parametrize(('text', 'allow'), [
    ("project('a', default_options: ['python.allow_limited_api=false'])", False),
    ("project('a', default_options: 'python.allow_limited_api=true')", True),
    ("project('a', default_options: {'python.allow_limited_api': false})", False),
    ("project('a', default_options: {'python.allow_limited_api': 'true'})", True),
    ("project('a')\nif get_option('python.allow_limited_api')\nendif", None)])
def test_allow_limited_api(text: str, allow: bool | None) -> None:
    floors = read(text)
    assert floors.why_unknown == ''
    assert floors.allow_limited_api is allow


@pytest.mark.parametrize('text', [
    '', '(', ')', "'", "'''", 'py.extension_module(', "py.extension_module('a', limited_api:", 'x = {', 'if if if',
    "py.extension_module({'a': }, install: true)", '\\\n\\', 'a.extension_module()', '}])' * 10, "f'" * 50])
def test_what_is_no_meson(text: str) -> None:
    """Meson will say what is wrong; here nothing may go wrong, and no floor may be made up."""
    assert not [module for module in read(text).modules if module.limited_api is not None]
