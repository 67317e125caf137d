# SPDX-License-Identifier: MIT
"""Build one small module with several build backends, correct and with mistakes, and import and check what came out.

    python tests/real/comparison.py [TOOL ...] && python tools/write_reference.py

writes comparison/results.json, where only tools that are named are measured anew, and from it the tables of
docs/explanation/comparison.md. The backends are installed into .cache/comparison, in their newest releases, if they are
not there; maturin needs cargo, which fetches PyO3.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import typing


sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support
from real import real_projects


HERE: typing.Final = pathlib.Path(__file__).resolve().parent / 'comparison'
RESULTS: typing.Final = HERE / 'results.json'
CACHE: typing.Final = real_projects.environments.CACHE / 'comparison'

TAGS: typing.Final = ('cp312-cp312', 'cp313-cp313t', 'cp314-cp314t', 'cp315-cp315', 'cp315-cp315t')
OURS: typing.Final = 'mesonbuild-ft'
#: Tool -> its build backend. The project of each is in the directory of its name.
BACKENDS: typing.Final = {
    OURS: 'mesonbuild_ft', 'meson-python': 'mesonpy', 'scikit-build-core': 'scikit_build_core.build',
    'setuptools': 'setuptools.build_meta', 'maturin': 'maturin'}
#: What the person who builds with meson-python has to say for free-threaded Pythons without a limited API.
FULL_API: typing.Final = '-Csetup-args=-Dpython.allow_limited_api=false'
INSTALLED: typing.Final = (
    'ninja', 'scikit-build-core', 'cmake', 'setuptools', 'maturin', 'packaging')
CHECKERS: typing.Final = ('abi3audit', 'abi3t-doctor', 'auditwheel', 'cibuildwheel')

Change = tuple[str, str, str]
_C_SLOT: typing.Final[Change] = ('answer.c', '    {Py_mod_gil, Py_MOD_GIL_NOT_USED},\n', '')
_C_PYSLOT: typing.Final[Change] = ('answer.c', '    PySlot_DATA(Py_mod_gil, Py_MOD_GIL_NOT_USED),\n', '')
#: PyDict_GetItemRef is in the limited API since 3.13.
_C_SYMBOL: typing.Final[tuple[Change, ...]] = (
    ('answer.c', '    (void)module;\n    (void)ignored;\n',
     '    PyObject *found;\n    if (ignored != NULL)\n        (void)PyDict_GetItemRef(module, ignored, &found);\n'),
    ('answer.c', 'static PyObject *answer(',
     'PyAPI_FUNC(int) PyDict_GetItemRef(PyObject *, PyObject *, PyObject **);\n\nstatic PyObject *answer('))
_C_NOTHING: typing.Final[tuple[Change, ...]] = (
    ('answer.c', 'static PyMethodDef methods[] = {\n',
     'static PyObject *nothing(PyObject *module, PyObject *ignored)\n{\n    (void)module;\n    (void)ignored;\n'
     '    Py_RETURN_NONE;\n}\n\nstatic PyMethodDef methods[] = {\n    {"nothing", nothing, METH_NOARGS, "None."},\n'),)
_MESON_DEFINE: typing.Final[Change] = (
    'meson.build', "'answer.c',", "'answer.c', c_args: '-DPy_LIMITED_API=0x03090000',")


@dataclasses.dataclass(frozen=True)
class Variant:
    """A way to write the project. changes: tool -> (file, text, what stands there instead); a tool that has none of
    its own, and is not named, cannot be written like this. expression: what is true of a module that works."""

    about: str
    tags: tuple[str, ...]
    changes: dict[str, tuple[Change, ...]]
    expression: str = 'answer.answer() == 42'


VARIANTS: typing.Final[dict[str, Variant]] = {
    'correct': Variant('the whole project', TAGS, dict.fromkeys(BACKENDS, ())),
    'abi3-only': Variant(
        'abi3 only: what was there before there were free-threaded Pythons', ('cp314-cp314t', 'cp315-cp315t'), {
            OURS: (('pyproject.toml', '\n[tool.mesonbuild-ft]\nabi3t = true\n', ''),),
            'meson-python': (
                ('meson.build', "free_threaded ? '3.15' : '3.9'", "'3.9'"),),
            'scikit-build-core': (('pyproject.toml', 'cp39.cp315t', 'cp39'),),
            'setuptools': (("setup.py", "if not sysconfig.get_config_var('Py_GIL_DISABLED'):", 'if True:'),),
            'maturin': (('Cargo.toml', ', "abi3t-py315"', ''),)}),
    'no-gil-slot': Variant(
        '`Py_mod_gil` is missing', ('cp314-cp314t', 'cp315-cp315t'), {
            **dict.fromkeys(BACKENDS, (_C_SLOT, _C_PYSLOT)),
            'maturin': (('src/lib.rs', 'gil_used = false', 'gil_used = true'),)}),
    'symbol-too-new': Variant(
        'a function of 3.13 in a module for 3.9, declared by hand', ('cp312-cp312',), {
            **dict.fromkeys(BACKENDS, _C_SYMBOL),
            'maturin': (
                ('src/lib.rs', '#[pyfunction(',
                 'extern "C" {\n    fn PyDict_GetItemRef(a: *mut u8, b: *mut u8, c: *mut *mut u8) -> i32;\n}\n\n'
                 '#[pyfunction('),
                ('src/lib.rs', '    42\n',
                 '    if std::env::args().count() == 4242 {\n        let mut found = std::ptr::null_mut();\n'
                 '        return unsafe { PyDict_GetItemRef(found, found, &mut found) };\n    }\n    42\n'))}),
    'returns-none': Variant(
        '`Py_RETURN_NONE`, which takes no reference in the headers of 3.12 (python/cpython#134989)', ('cp312-cp312',), {
            **dict.fromkeys(BACKENDS, _C_NOTHING),
            'maturin': (
                ('src/lib.rs', '#[pymodule(', '#[pyfunction]\nfn nothing() {}\n\n#[pymodule('),
                ('src/lib.rs', '    module.add_function(',
                 '    module.add_function(wrap_pyfunction!(nothing, module)?)?;\n    module.add_function('))},
        expression='all(answer.nothing() is None for _ in range(100000))'),
    'define-by-hand': Variant(
        '`-DPy_LIMITED_API` by hand, left on for 3.14t', ('cp314-cp314t',), {
            OURS: (_MESON_DEFINE,), 'meson-python': (_MESON_DEFINE,),
            'scikit-build-core': (
                ('CMakeLists.txt', 'install(TARGETS',
                 'target_compile_definitions(answer PRIVATE Py_LIMITED_API=0x03090000)\ninstall(TARGETS'),),
            'setuptools': (('setup.py', "macros, tag = [], ''",
                            "macros, tag = [('Py_LIMITED_API', '0x03090000')], ''"),)}),
}
PROJECT: typing.Final = real_projects.Project(
    id='comparison', name='answer', version='1.0', sha256='', about='', gil='off',
    modules={'answer': 'answer.answer() == 42'})


def environment(tool: str, tag: str) -> pathlib.Path:
    """The python of an environment with the backend."""
    if tool in (OURS, 'meson-python'):
        return real_projects.environment(tag)
    python = CACHE / tag / 'bin' / 'python'
    with support.locked(CACHE / f'{tag}.lock'):
        record = python.parent.parent / 'requirements.txt'
        if not record.is_file() or record.read_text() != ' '.join(INSTALLED):
            base = next(i for i in real_projects.environments.interpreters() if i.tag == tag).executable
            _make(base, python, INSTALLED)
            record.write_text(' '.join(INSTALLED))
    return python


@functools.cache
def checkers() -> pathlib.Path:
    """The directory of the programs that check wheels."""
    python = CACHE / 'checkers' / 'bin' / 'python'
    with support.locked(CACHE / 'checkers.lock'):
        if not (python.parent / 'cibuildwheel').exists():
            _make(sys.executable, python, CHECKERS)
    return python.parent


def _make(base: str, python: pathlib.Path, requirements: typing.Sequence[str]) -> None:
    shutil.rmtree(python.parent.parent, ignore_errors=True)
    subprocess.run([base, '-m', 'venv', '--without-pip', python.parent.parent], check=True)
    real_projects.environments.pip_install(python, *requirements)


def write(tool: str, variant: str, directory: pathlib.Path) -> pathlib.Path:
    """The project of a tool, written in one of the ways."""
    project = pathlib.Path(shutil.copytree(HERE / tool, directory / 'project'))
    if tool != 'maturin':
        shutil.copy2(HERE / 'answer.c', project)
    for name, old, new in VARIANTS[variant].changes[tool]:
        support.replace(project / name, old, new)
    return project


def build(tool: str, variant: str, tag: str, directory: pathlib.Path) -> dict[str, typing.Any]:
    """Build a wheel into `directory` with a tool on an interpreter, and import it wherever an installer puts it.

    wheel: interpreter and ABI tags, '' where there is none; said: the errors and warnings of the build; imports:
    interpreter -> what became of the GIL ('on', 'off', '' where there was none to switch off), or the error.
    """
    project = write(tool, variant, directory)
    config = {}
    if tool == 'meson-python' and variant != 'abi3-only' and tag in ('cp313-cp313t', 'cp314-cp314t'):
        config['setup-args'] = FULL_API.partition('=')[2]
    result = support.call_hook(
        environment(tool, tag), 'build_wheel', project, directory / 'wheels', config, backend=BACKENDS[tool],
        environment={'SOURCE_DATE_EPOCH': '1700000000', 'CARGO_TARGET_DIR': os.fspath(directory / 'target')})
    row: dict[str, typing.Any] = {'wheel': '', 'said': _said(result), 'imports': {}}
    lock = project / 'Cargo.lock'
    if lock.is_file():
        pinned = re.search(r'^name = "pyo3"\nversion = "(.*)"$', lock.read_text(encoding='utf-8'), re.MULTILINE)
        row['pyo3'] = pinned[1] if pinned else ''
    if result.status == 0:
        row['wheel'] = '-'.join(result.path.name[:-4].split('-')[-3:-1])
        unpacked = support.unpack(result.path, directory / 'unpacked')
        for other, python in real_projects.admitted(result.path, PROJECT).items():
            trial = real_projects.try_import(other, python, unpacked, 'answer', VARIANTS[variant].expression)
            row['imports'][_python(other)] = re.sub(r'/\S+/', '', trial.error) or (
                '' if trial.gil_before else 'on' if trial.gil_after else 'off')
        row['imports'] = dict(sorted(row['imports'].items(), key=lambda item: _order(item[0])))
    return row


def _said(result: support.Result) -> list[str]:
    """The first line that says what is wrong, which is an error where the build failed; of ours the identifiers."""
    if result.findings():
        return [f'{severity}: {identifier}' for severity in ('error', 'warning')
                for identifier in result.findings(severity)]
    plain = [re.sub(r'\x1b\[[0-9;]*m', '', line).strip() for line in result.text.splitlines()]
    kind = r'error|ERROR|\w+Error' if result.status else r'error|warning|ERROR|WARNING|Warning|\w+Error|\w+Warning'
    # Without the places in the sources and on this machine.
    found = [re.sub(r' at /\S+', '', match[0]) for line in plain if (match := re.search(rf'\b({kind}): .*', line))]
    # The environment of these tests asks for the first; the second says only that there is another.
    passed_over = ('byte-compiling is disabled', 'failed to run custom build command')
    return [line for line in found if not any(words in line for words in passed_over)][:1]


def check(wheel: pathlib.Path) -> dict[str, typing.Any]:
    """Checker -> its exit status; for a tool that is for stable ABIs only, of such a wheel. '': not asked."""
    stable = 'abi3' in wheel.name
    ours = real_projects.environment('cp313-cp313')
    commands: dict[str, list[typing.Any]] = {
        f'{OURS} check': [ours, '-m', 'mesonbuild_ft', 'check', '--fail-on', 'warning', wheel],
        'abi3audit': [checkers() / 'abi3audit', '--strict', wheel] if stable else [],
        'abi3t-doctor': [checkers() / 'abi3t-doctor', 'wheel', wheel],
        'auditwheel': [checkers() / 'auditwheel', 'show', wheel]}
    result = {}
    for name, command in commands.items():
        if command:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=wheel.parent,
                env=support.clean_environment(pathlib.Path(command[0])))
            result[name] = done.returncode
    return result


def lines(path: pathlib.Path) -> int:
    """Lines of a file that are neither empty nor a comment."""
    return sum(bool(line.strip()) and not line.lstrip().startswith(('#  ', '# ', '//', '/*', '*'))
               for line in path.read_text(encoding='utf-8').splitlines())


def cibuildwheel(names: typing.Mapping[str, str]) -> dict[str, str]:
    """What cibuildwheel does for each of the builds that it lists for glibc.

    3.9 is skipped, with which mesonbuild-ft cannot run.
    names: identifier -> tags of the wheel that the build gives. No container engine runs here: this asks its own
    functions which builds there are, and whether a wheel that is already there serves.
    """
    done = subprocess.run(
        [checkers() / 'cibuildwheel', '--print-build-identifiers', '--platform', 'linux', '--archs', 'x86_64'],
        cwd=HERE / OURS, capture_output=True, text=True, check=True, env={**os.environ, 'CIBW_SKIP': 'cp39-*'})
    code = (
        'import json, pathlib, sys\n'
        'from cibuildwheel.util.packaging import find_compatible_wheel\n'
        'wheels, identifier = json.loads(sys.argv[1])\n'
        'print(find_compatible_wheel([pathlib.Path(w) for w in wheels], identifier) or "")\n')
    wheels: dict[str, str] = {}
    result = {}
    for identifier in done.stdout.split():
        if not identifier.endswith('-manylinux_x86_64'):
            continue
        served = subprocess.run(
            [checkers() / 'python', '-c', code, json.dumps([list(wheels), identifier])], capture_output=True,
            text=True, check=True).stdout.strip()
        python = identifier.partition('-')[0]
        if served:
            result[python] = f'uses {wheels[served]}'
        else:
            result[python] = f'builds {names[python]}'
            wheels[f'answer-1.0-{names[python]}-manylinux_2_17_x86_64.whl'] = names[python]
    return result


def versions() -> dict[str, str]:
    """Program -> version, as they say it."""
    code = 'import importlib.metadata as m, sys; print(*(n + " " + m.version(n) for n in sys.argv[1:]), sep="\\n")'
    said = []
    for python, names in (
            (environment(OURS, TAGS[0]), ('meson', 'meson-python', 'ninja')),
            (environment('setuptools', TAGS[0]), INSTALLED[1:-1]), (checkers() / 'python', CHECKERS)):
        said += subprocess.run([python, '-c', code, *names], capture_output=True, text=True, check=True
                               ).stdout.splitlines()
    said.append(subprocess.run(['rustc', '--version'], capture_output=True, text=True, check=True).stdout)
    said.append(subprocess.run(['cc', '--version'], capture_output=True, text=True, check=True).stdout.split('\n')[0])
    result = {}
    for line in said:
        words = line.split()
        result[words[0]] = words[-1] if words[0] == 'cc' else words[1]
    return result


def run(tools: typing.Iterable[str] = BACKENDS) -> dict[str, typing.Any]:
    """Tool -> variant -> interpreter -> build() and, of wheels, check()."""
    result: dict[str, typing.Any] = {}
    for tool in tools:
        for name, variant in VARIANTS.items():
            for tag in variant.tags if tool in variant.changes else ():
                with tempfile.TemporaryDirectory() as directory:
                    row = build(tool, name, tag, pathlib.Path(directory))
                    for wheel in pathlib.Path(directory, 'wheels').glob('*.whl'):
                        row['checks'] = check(wheel)
                result.setdefault(tool, {}).setdefault(name, {})[tag] = row
                print(f'{tool:18} {name:15} {tag:13} {json.dumps(row)}', flush=True)
    return result


def _version(python: pathlib.Path) -> str:
    return subprocess.run([python, '-c', 'import platform; print(platform.python_version())'], capture_output=True,
                          text=True, check=True).stdout.strip()


def _python(tag: str) -> str:
    """'3.14t' for 'cp314-cp314t'."""
    abi = tag.split('-')[1]
    return f'{abi[2]}.{abi[3:]}' if abi.startswith('cp') else tag


def _order(python: str) -> tuple[int, bool]:
    return int(python.rstrip('t').split('.')[1]), python.endswith('t')


def main() -> None:
    chosen = sys.argv[1:] or list(BACKENDS)
    kept = json.loads(RESULTS.read_text(encoding='utf-8'))['builds'] if sys.argv[1:] else {}
    made = {**kept, **run(chosen)}
    builds = {tool: made[tool] for tool in BACKENDS}
    ours = {_python(tag): row['wheel'] for tag, row in builds[OURS]['correct'].items()}
    names = {f'cp3{minor}': ours['3.12'] for minor in range(9, 16)}
    names |= {f'cp3{minor}t': ours[f'3.{minor}t'] for minor in range(13, 16)}
    recorded = {
        'machine': f'{platform.system()} {platform.machine()}, {" ".join(platform.libc_ver())}',
        'versions': versions(),
        'pythons': {_python(tag): _version(environment(OURS, tag)) for tag in TAGS},
        'lines': {tool: {path.relative_to(HERE / tool).as_posix(): lines(path)
                         for path in sorted((HERE / tool).rglob('*')) if path.is_file()}
                  for tool in BACKENDS},
        'source': lines(HERE / 'answer.c'),
        'cibuildwheel': cibuildwheel(names),
        'builds': builds}
    RESULTS.write_text(json.dumps(recorded, indent=1) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
