# SPDX-License-Identifier: MIT
"""No block of the documentation is without a test: its page is followed, a test takes it, or it is said why not.

The pages of diagnostics show what is wrong and what is right in fragments. What brings each message about is tested
with whole projects elsewhere; here the fragments are read by the program that they are for.
"""

from __future__ import annotations

import pathlib
import re
import shlex
import subprocess
import sys
import typing

import pytest
import support
import wheels

from mesonbuild_ft import cli


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS: typing.Final = support.ROOT / 'docs'
DIAGNOSTICS: typing.Final = sorted((DOCS / 'reference' / 'diagnostics').glob('*.md'))
BLOCK: typing.Final = re.compile(r'^ *```(\w+)\n(.*?)^ *```$', re.MULTILINE | re.DOTALL)

#: Page -> the test that follows it from the first to the last command, or takes its blocks; that file names the page.
TESTED: typing.Final = {
    'README.md': 'test_documents.py',
    'docs/index.md': 'test_documents.py',
    'docs/explanation/abi3t.md': 'test_blocks.py',
    'docs/how-to/build-wheels.md': 'test_documents.py',
    'docs/how-to/check-in-ci.md': 'test_recipes.py',
    'docs/how-to/ci-matrix.md': 'test_matrix.py',
    'docs/how-to/cibuildwheel.md': 'test_documents.py',
    'docs/how-to/compile-time-advice.md': 'test_documents.py',
    'docs/how-to/configure-by-hand.md': 'test_documents.py',
    'docs/how-to/cross-compile.md': 'test_front_ends.py',
    'docs/how-to/distributions.md': 'test_documents.py',
    'docs/how-to/gil.md': 'test_documents.py',
    'docs/how-to/github-workflow.md': 'test_github_workflow.py',
    'docs/how-to/migrate.md': 'test_migrate.py',
    'docs/how-to/one-source-for-every-abi.md': 'test_headers.py',
    'docs/how-to/port-an-extension.md': 'test_howto.py',
    'docs/how-to/windows.md': 'test_documents.py',
    'docs/reference/abiscan.md': 'test_blocks.py',
    'docs/reference/commands.md': 'test_manual.py',
    'docs/reference/github-action.md': 'test_blocks.py',
    'docs/reference/inspect.md': 'test_documents.py',
    'docs/tutorial/first-wheels.md': 'test_documents.py',
}
#: (page, how a block begins) -> why no test runs it.
EXCEPTIONS: typing.Final = {
    ('README.md', '$ make'): 'it is what makes the environments of these tests; what it prints stands in docs/index.md',
    ('CONTRIBUTING.md', '$ make'): 'the same',
    ('docs/how-to/windows.md', '> py -3.14t'): 'Windows only; test_windows_native.py does it under Wine',
}


def blocks(path: pathlib.Path) -> list[tuple[str, str]]:
    """Language and text of each block that somebody could type, compile or copy."""
    found: list[tuple[str, str]] = BLOCK.findall(path.read_text(encoding='utf-8'))
    return [(language, text) for language, text in found if language != 'text']


def test_every_page_with_blocks_has_its_test() -> None:
    left = set(EXCEPTIONS)
    for path in [*support.ROOT.glob('*.md'), *DOCS.rglob('*.md')]:
        name = path.relative_to(support.ROOT).as_posix()
        if path in DIAGNOSTICS:
            continue
        excepted = {key for key in EXCEPTIONS if key[0] == name
                    and any(text.startswith(key[1]) for _, text in blocks(path))}
        left -= excepted
        if len(blocks(path)) > len(excepted):
            assert name in TESTED, f'{name}: no test follows it'
            assert path.name in (support.ROOT / 'tests' / TESTED[name]).read_text(encoding='utf-8'), name
    assert left == set(), 'these are nowhere in the documentation'
    assert [name for name in TESTED if not blocks(support.ROOT / name)] == []


def fragments(language: str) -> list[typing.Any]:
    """The blocks of one language on the pages of diagnostics."""
    return [pytest.param(path.stem, text, id=f'{path.stem}-{number}') for path in DIAGNOSTICS
            for number, (kind, text) in enumerate(blocks(path)) if kind == language]


def test_languages_of_fragments() -> None:
    assert {language for path in DIAGNOSTICS for language, _ in blocks(path)} == {'c', 'console', 'meson', 'toml'}


#: What these pages say is wrong, their first block, the compiler refuses.
NO_C: typing.Final = ('abi3t-object-head', 'compile-failed', 'wheel-not-built')


@pytest.mark.parametrize(('name', 'text'), fragments('toml'))
def test_toml(name: str, text: str) -> None:
    assert tomllib.loads(text.replace('…', ''))


@pytest.mark.parametrize(('name', 'text'), fragments('meson'))
def test_meson(name: str, text: str) -> None:
    """Meson's own parser reads it."""
    from mesonbuild import mparser

    assert mparser.Parser(text.replace('…', ''), f'{name}.md').parse().lines


@pytest.mark.parametrize(('name', 'text'), fragments('console'))
def test_console(name: str, text: str) -> None:
    """bash reads it, and mesonbuild-ft takes the arguments that it gets there."""
    commands = [line.partition(' ')[2] for line in text.splitlines() if line.startswith(('$ ', '> '))]
    assert commands
    for command in commands:
        if text.startswith('$ '):
            subprocess.run(['bash', '-n', '-c', command], check=True)
        for words in re.findall(r'(?:^|&& |pipx run )mesonbuild-ft ([^|&#;]*)', command):
            cli.parse(shlex.split(words))


@pytest.mark.parametrize(('name', 'text'), [
    *fragments('c'), *(pytest.param('abi3t', text, id='abi3t')
                       for kind, text in blocks(DOCS / 'explanation' / 'abi3t.md') if kind == 'c')])
def test_c(name: str, text: str, tmp_path: pathlib.Path) -> None:
    """The compiler takes it with the headers of 3.15, what the page says is missing apart."""
    directives, rest = [], []
    for line in text.replace('…', '').splitlines():
        (directives if line.startswith(('#define', '#include')) else rest).append(line)
    body = '\n'.join(rest)
    if 'Py_mod_abi, &abi_info),\n' in body and not body.rstrip().endswith('#endif'):
        body += '\n};'  # its other entries are left out there
    if re.match(r'(Py_|PyErr|PyObject \*\w+ =|Py_ssize_t)', body):
        body = f'PyObject *use(PyObject *);\nPyObject *use(PyObject *tuple)\n{{\n(void)tuple;\n{body}\nreturn NULL;\n}}'
    elif name == 'missing-init-function':
        body = body.replace('{  }', '{ return NULL; }')
    source = tmp_path / 'block.c'
    source.write_text('\n'.join([
        *directives, '#include <Python.h>', *(['#include <mesonbuild_ft/advice.h>'] if 'MBFT_ALLOW' in body else []),
        PRELUDE, body, '']))
    # What stands around it, where the page does not say otherwise.
    defines = {'abi3t': ['-DPy_TARGET_ABI3T=0x030f0000'],
               'abi3t-object-head': ['-DPy_TARGET_ABI3T=0x030f0000'],
               'abi3t-needs-export-hook': ['-DDEFINITION', '-DSLOTS'],
               'gil-enabled-by-module': ['-DEXECUTE']}.get(name, [])
    includes = (wheels.include('cp315-cp315'), support.ROOT / 'mesonbuild_ft' / 'include')
    done = subprocess.run(
        ['cc', '-std=c11', '-fsyntax-only', '-Wall', '-Werror', '-Wno-unused-variable', '-Wno-unused-function',
         '-Wno-unused-const-variable', *(f'-I{directory}' for directory in includes), *defines, source],
        capture_output=True, text=True, check=False)
    wrong = name in NO_C and text == blocks(DOCS / 'reference' / 'diagnostics' / f'{name}.md')[0][1]
    assert (done.returncode != 0) is wrong, done.stderr


PRELUDE: typing.Final = '''
#ifdef DEFINITION
static PyModuleDef definition = {PyModuleDef_HEAD_INIT};
#endif
#ifdef SLOTS
static PySlot slots[] = {PySlot_END};
#endif
#ifdef EXECUTE
static int execute(PyObject *module) { return module == NULL; }
#endif
#ifdef Py_TARGET_ABI3T
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
#endif
'''


def test_abiscan_page() -> None:
    """reference/abiscan.md has the option of meson.options; as how-to/distributions.md says, it is built with it."""
    (_, text), = blocks(DOCS / 'reference' / 'abiscan.md')
    first, second = text.splitlines()
    assert first == '$ meson setup build -Dcommand=true && meson compile -C build'
    assert "'command'," in (support.ROOT / 'meson.options').read_text()
    program = pathlib.Path(second.split()[1])
    assert program.name == 'abiscan'
    assert (support.ROOT / program.parent.relative_to('build') / 'meson.build').is_file()


def test_github_action_page() -> None:
    """reference/github-action.md: the step has inputs of the action; test_github_action.py runs such steps."""
    import ruamel.yaml

    (_, text), = blocks(DOCS / 'reference' / 'github-action.md')
    yaml = ruamel.yaml.YAML(typ='safe', pure=True)
    step, = yaml.load(text)
    assert set(step['with']) <= set(yaml.load(support.ROOT / 'action.yml')['inputs'])
