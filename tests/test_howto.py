# SPDX-License-Identifier: MIT
"""examples/howto: each project goes wrong without the GIL before the change that it is for, and not after.

What goes wrong is a race in most of them: it is tried until it shows, and a test fails where it never does. With one
processor all else is tested.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import typing

import pytest
import support
import trees
import windows_python
from conftest import Hook, Interpreters
from test_headers import INCLUDE, WARNINGS

from mesonbuild_ft import scanner
from mesonbuild_ft.check import checker, subjects


EXAMPLES: typing.Final = support.ROOT / 'examples' / 'howto'
#: So long, in seconds, is it tried to show what goes wrong; one attempt takes half a second, or as long as is
#: waited for one that does not end.
DEADLINE: typing.Final = 120
ATTEMPT: typing.Final = 20
#: What a process prints that was ended by a signal, such as SIGSEGV.
CRASH: typing.Final = '(a crash)'
#: What is said of a process that does not end, as after its heap was overwritten.
HANG: typing.Final = '(it does not end)'
ON: typing.Final = 'Hello, world! The GIL is on'
OFF: typing.Final = 'Hello, world! The GIL is off'


@dataclasses.dataclass(frozen=True)
class Section:
    """What demonstrate.py prints, as patterns; and the identifiers of what builds with advice say of either project."""

    name: str
    before: str
    after: str
    found_before: tuple[str, ...] = ()
    found_after: tuple[str, ...] = ()
    #: Calls of `after` that are wrong -> the exception of each.
    errors: typing.Mapping[str, str] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] = support.FREE_THREADED
    #: Whether it needs two processors to go wrong.
    race: bool = False
    #: How long the program of blocking-calls sleeps: to its end before, and for longer than it can take after.
    seconds: tuple[str, str] | None = None

    def __str__(self) -> str:
        return self.name


SECTIONS: typing.Final = [
    Section('identify-the-build', r'[1-9]\d* lines are mixed', '0 lines are mixed',
            race=True, errors={
                'lines.line(5)': 'TypeError', 'lines.line("")': 'TypeError', 'lines.line("ab")': 'TypeError',
                'lines.line(chr(257))': 'TypeError'}),
    Section('multi-phase', ON, OFF, ('gil-enabled-by-module',),
            errors={'greeting.greet(Nameless())': 'ZeroDivisionError'}),
    Section('single-phase', ON, OFF, ('advice-single-phase', 'gil-enabled-by-module'),
            errors={'greeting.greet(Nameless())': 'ZeroDivisionError'}),
    Section('list-macros', re.escape(CRASH), 'every list was added up', ('advice-borrowed-reference',),
            race=True, errors={'totals.total(5)': 'TypeError', 'totals.total(())': 'TypeError'}),
    # A compiler sees neither the critical section here nor what the thread from C shares.
    Section('dict-traversal', 'sums that were seen: .*[02].*', 'sums that were seen: 1',
            ('advice-dict-next',), ('advice-dict-next',),
            race=True, errors={
                'sums.sum(5)': 'TypeError', 'sums.sum({0: 2**70})': 'OverflowError',
                'sums.sum({0: 2**63 - 1, 1: 1})': 'OverflowError', 'sums.sum({0: -2**63, 1: -1})': 'OverflowError'}),
    Section('borrowed-references', r'[1-9]\d* sums are of no value that was ever in the dict',
            '0 sums are of no value that was ever in the dict', ('advice-borrowed-reference',),
            race=True, errors={
                'checksums.checksum(5)': 'SystemError', 'checksums.checksum({})': 'KeyError',
                'checksums.checksum({"data": "text"})': 'TypeError'}),
    Section('memory-allocation', re.escape(CRASH), 'the median is 50', ('advice-allocation-domain',),
            errors={
                'medians.median("text")': 'TypeError', 'short_of_memory(medians.median, bytes(2**26))': 'MemoryError'}),
    # One thread interrupts another: that needs no second processor.
    Section('object-domain', re.escape(CRASH), 'every frame was shown', ('advice-allocation-domain',),
            errors={
                'frames.Frame(5)': 'TypeError', 'memoryview(frames.Frame())[4096 * 2160 * 4]': 'IndexError',
                'short_of_memory(type.__call__, frames.Frame)': 'MemoryError'}),
    Section('blocking-calls', r'gc\.collect\(\) came back after the program ended',
            r'gc\.collect\(\) came back while the program was sleeping',
            seconds=('2', '60'), errors={
                'waiting.wait_for("text")': 'TypeError', 'waiting.wait_for(-1)': 'ValueError',
                'waiting.wait_for(10**6)': 'OSError'}),
    Section('threads-from-c', re.escape(CRASH), r'the list is \[1000000\]', (), ('advice-gil-state',),
            errors={
                'workers.start(5)': 'TypeError', 'short_of_memory(workers.start, [])': 'BlockingIOError'}),
    Section('global-state', r'[1-9]\d* names were given twice', '0 names were given twice',
            race=True, errors={'names.make(5)': 'TypeError'}),
    Section('module-state', r'[1-9]\d* answers are wrong', '0 answers are wrong',
            race=True, errors={
                'collatz.steps("text")': 'TypeError', 'collatz.steps(-1)': 'OverflowError',
                'collatz.steps(0)': 'ValueError', 'collatz.steps(2**32)': 'ValueError'}),
    Section('critical-sections', r'the accounts hold -?[1-9]\d* together', 'the accounts hold 0 together',
            race=True, errors={
                'accounts.Account().pay(5)': 'TypeError', '(one := accounts.Account()).pay(one)': 'ValueError'}),
    Section('static-library', r'-?[1-9]\d* of the entries are lost', '0 of the entries are lost',
            race=True, errors={
                'ledgers.north.add(5)': 'ValueError', 'ledgers.south.add(5)': 'ValueError'}),
    Section('cpp', re.escape(CRASH), '100 words are kept',
            race=True, errors={
                'words.add(5)': 'TypeError', 'words.add(chr(0xD800))': 'UnicodeEncodeError',
                'short_of_memory(words.add, "x" * 2**26)': 'MemoryError'}),
    # Cython takes several seconds for each.
    Section('cython', 'the GIL is on, 0 names were given twice', 'the GIL is off, 0 names were given twice',
            ('gil-enabled-by-module',), tags=('cp314-cp314t',),
            errors={'names.Names().make(5)': 'TypeError'}),
]
#: The exception of each call; the last argument is imported.
CALLS: typing.Final = """
import importlib, json, resource, sys

class Nameless:
    def __str__(self):
        1 / 0

def short_of_memory(function, argument):
    with open('/proc/self/statm') as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, before[1]))
    try:
        function(argument)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

calls, names = map(json.loads, sys.argv[1:])
for name in names:
    importlib.import_module(name)
    globals()[name.partition('.')[0]] = sys.modules[name.partition('.')[0]]
raised = {}
for call in calls:
    try:
        raised[call] = repr(eval(call))
    except Exception as error:
        raised[call] = type(error).__name__
print(json.dumps(raised))
"""
ADVISED: typing.Final = 'cp314-cp314t'
CELLS: typing.Final = [(section, tag) for section in SECTIONS for tag in section.tags]


def copy_project(section: str, state: str, directory: pathlib.Path) -> pathlib.Path:
    """A copy of a project; `state`: 'before' or 'after'."""
    return pathlib.Path(shutil.copytree(
        EXAMPLES / section / state, directory / state, ignore=shutil.ignore_patterns('build', 'dist', 'venv')))


def run(
    section: str, python: pathlib.Path, modules: pathlib.Path, *arguments: str, timeout: float = DEADLINE,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the section's script with modules in a directory. Raises subprocess.TimeoutExpired once it is killed."""
    return subprocess.run(
        [python, '-W', 'ignore', EXAMPLES / section / 'demonstrate.py', *arguments], capture_output=True, text=True,
        check=False, env=support.clean_environment(python, PYTHONPATH=os.fspath(modules), **variables),
        timeout=timeout)


def demonstrate(
    section: str, python: pathlib.Path, modules: pathlib.Path, *arguments: str, timeout: float = DEADLINE,
    **variables: str,
) -> str:
    """What the script says: its line, CRASH, HANG, or the exception that ended it."""
    try:
        done = run(section, python, modules, *arguments, timeout=timeout, **variables)
    except subprocess.TimeoutExpired:
        return HANG
    if done.returncode < 0:
        return CRASH
    if done.returncode == 0:
        return done.stdout.strip()
    return (done.stderr.splitlines() or [f'(status {done.returncode})'])[-1]


def need_two_processors() -> None:
    """Skip the rest of a test where threads never run at the same time."""
    if checker.processors() == 1:
        pytest.skip('a race does not show with one processor; what does not need it has passed')


def raised(section: Section, python: pathlib.Path, wheel: pathlib.Path, modules: pathlib.Path) -> dict[str, str]:
    """What the calls in `errors` raise; they are made in one process."""
    done = subprocess.run(
        [python, '-W', 'ignore', '-c', CALLS, json.dumps(list(section.errors)), json.dumps([*support.modules(wheel)])],
        capture_output=True, text=True, check=False,
        # 3.15 has mimalloc for all memory, of which it reserves 1 GiB at first.
        env=support.clean_environment(python, PYTHONPATH=os.fspath(modules), MIMALLOC_ARENA_RESERVE='0'),
        timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (0, '')
    found: dict[str, str] = json.loads(done.stdout)
    return found


def wait_for(pattern: str, attempt: typing.Callable[[], str]) -> None:
    """Try until this is printed."""
    end = time.monotonic() + DEADLINE
    seen = set()
    while time.monotonic() < end:
        said = attempt()
        if re.fullmatch(pattern, said):
            return
        seen.add(said)
    pytest.fail(f'it did not show in {DEADLINE} s: {seen}')


@pytest.mark.parametrize(('section', 'tag'), CELLS, ids=str)
def test_section(
    section: Section, tag: str, hook: Hook, interpreters: Interpreters, cython: dict[str, str], tmp_path: pathlib.Path,
) -> None:
    python = interpreters.get(tag)
    # Advice has a build configured twice, and is the same everywhere.
    config = {'advise': 'true'} if tag == ADVISED else {}

    def build(state: str) -> support.Result:
        return hook(tag, 'build_wheel', copy_project(section.name, state, tmp_path), config=config,
                    environment=cython)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        before, after = pool.map(build, ('before', 'after'))
    for result, expected in ((before, section.found_before), (after, section.found_after)):
        assert set(result.findings()) == {name for name in expected if config or not name.startswith('advice-')}
    modules = support.unpack(after.path, tmp_path / 'modules-after')
    short, long = ([section.seconds[0]], [section.seconds[1]]) if section.seconds else ([], [])
    assert re.fullmatch(section.after, demonstrate(section.name, python, modules, *long))
    assert section.errors
    assert raised(section, python, after.path, modules) == section.errors
    modules = support.unpack(before.path, tmp_path / 'modules-before')
    if section.race:
        need_two_processors()
    wait_for(section.before, lambda: demonstrate(section.name, python, modules, *short, timeout=ATTEMPT))
    if section.name == 'memory-allocation':
        said = run(section.name, python, modules, PYTHONMALLOC='debug').stderr
        assert 'Fatal Python error: _PyMem_DebugMalloc: Python memory allocator called without ' in said
    if section.name == 'cython':
        # What Python's warning proposes is no cure.
        need_two_processors()
        wait_for(r'the GIL is off, [1-9]\d* names were given twice',
                 lambda: demonstrate(section.name, python, modules, timeout=ATTEMPT, PYTHON_GIL='0'))


def test_what_does_not_end_is_an_attempt(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed, and the next one is made."""
    monkeypatch.setattr(sys.modules[__name__], 'EXAMPLES', tmp_path)
    (tmp_path / 'demonstrate.py').write_text('import mark, time\ntime.sleep(mark.seconds)\nprint("it ended")\n')
    seconds = iter(['60', '0'])

    def attempt() -> str:
        (tmp_path / 'mark.py').write_text(f'seconds = {next(seconds)}\n')
        return demonstrate('', pathlib.Path(sys.executable), tmp_path, timeout=2)

    wait_for('it ended', attempt)
    assert list(seconds) == []


#: What README.md says that is printed.
SHOWN: typing.Final = re.compile(r'^```text\nbefore: (.+)\nafter: (.+)\n```$', re.MULTILINE)


def test_every_project_is_on_the_page_and_says_what_happens() -> None:
    here = {path.parent.name for path in EXAMPLES.glob('*/README.md')}
    page = (support.ROOT / 'docs' / 'how-to' / 'port-an-extension.md').read_text(encoding='utf-8')
    contents = (EXAMPLES / 'README.md').read_text(encoding='utf-8')
    assert here == {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert here == {section.name for section in SECTIONS} | {'limited-api', 'windows'}
    for name in here:
        text = (EXAMPLES / name / 'README.md').read_text(encoding='utf-8')
        (before, after), = SHOWN.findall(text)
        assert f'before: {before}\nafter: {after}\n' in page
        assert f'[{name}]({name}/README.md)' in contents
        for section in SECTIONS:
            if section.name == name:
                assert re.fullmatch(section.before, before)
                assert re.fullmatch(section.after, after)
        for link in re.findall(r'\]\(([^):]+)\)', text):
            assert (EXAMPLES / name / link).is_file(), link


@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
def test_no_warnings(compiler: str, interpreters: Interpreters) -> None:
    trees.need(compiler, f'{compiler.replace("gcc", "g")}++')
    done = subprocess.run(
        [interpreters.get('cp314-cp314t'), '-c', 'import sysconfig; print(sysconfig.get_path("include"))'],
        capture_output=True, text=True, check=True)
    include = ['-isystem', done.stdout.strip(), f'-I{INCLUDE}']
    sources = sorted(path for path in EXAMPLES.rglob('*.c*') if path.suffix in ('.c', '.cpp'))
    assert len(sources) >= 30
    for standard, suffix in (('c11', '.c'), ('c++17', '.cpp')):
        command = [compiler if suffix == '.c' else f'{compiler.replace("gcc", "g")}++', f'-std={standard}', *WARNINGS,
                   '-fsyntax-only', *include, *(path for path in sources if path.suffix == suffix)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, '')


@pytest.mark.parametrize('tag', support.FREE_THREADED)
def test_limited_api(tag: str, hook: Hook, interpreters: Interpreters, tmp_path: pathlib.Path) -> None:
    reason = "targets Python's Limited API, which is not supported by free-threaded CPython before version 3.15"
    if tag == 'cp315-cp315t':  # 'limited_api' is taken for abi3t, whatever its version
        reason = 'PyModuleDef'
    before = hook(tag, 'build_wheel', copy_project('limited-api', 'before', tmp_path), backend='mesonpy')
    assert before.status != 0
    assert reason in before.text
    after = hook(tag, 'build_wheel', copy_project('limited-api', 'after', tmp_path))
    assert after.findings() == []
    said = demonstrate('limited-api', interpreters.get(tag), support.unpack(after.path, tmp_path / 'modules'))
    assert said == f'Hello, world! This is greeting.cpython-{tag.split("-")[1][2:]}-x86_64-linux-gnu.so'


@pytest.mark.usefixtures('wine')
def test_windows(hook: Hook, tmp_path: pathlib.Path) -> None:
    python = windows_python.python('cp314-cp314t')
    script = windows_python.windows_path(EXAMPLES / 'windows' / 'demonstrate.py')
    build = tmp_path / 'build'
    for command in (
            ['mesonbuild.mesonmain', 'setup', build, EXAMPLES / 'windows' / 'before', '--cross-file',
             trees.mingw(tmp_path), f'-Dwindows_python={python.prefix}'],
            ['mesonbuild.mesonmain', 'compile', '-C', build]):
        subprocess.run([sys.executable, '-m', *command], check=True, capture_output=True)
    done = python.run(script, path=[build])
    assert done.returncode != 0
    assert 'SystemError: init function of greeting returned uninitialized object' in done.stderr
    checked, = checker.check([os.fspath(build / 'greeting.cp314t-win_amd64.pyd')], scanner.load(), subjects.Options())
    assert [found.identifier for found in checked.found] == ['wrong-object-layout']

    after = hook('cp314-cp314t', 'build_wheel', copy_project('windows', 'after', tmp_path),
                 config={'target': os.fspath(python.prefix)})
    assert after.findings() == []
    done = python.run(script, path=[support.unpack(after.path, tmp_path / 'modules')])
    assert done.stdout.strip() == OFF, done.stderr
