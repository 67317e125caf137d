# SPDX-License-Identifier: MIT
"""The interpreters of this machine, and what each of them is.

Found where people and images keep them: PATH, pyenv, uv, /opt/python of the manylinux images and, on
Windows, the `py` launcher. What one is, it says itself, in one isolated subprocess.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import typing

from .diagnostics import refuse
from .target import TOLD, Target


#: File names of interpreters in PATH, and in the bin directories of the places below.
_NAME: typing.Final = re.compile(r'(?:python3?|python3\.\d+t?|pypy3?|pypy3\.\d+|graalpy(?:3\.\d+)?)(?:\.exe)?')
#: A version of CPython, as people name it; or of PyPy.
_VERSION: typing.Final = re.compile(r'(pypy)?3\.(\d+)(t?)')
#: Longest that an interpreter may take to say what it is, in seconds (emulators are slow).
_PATIENCE: typing.Final = 60


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """An interpreter that can be run: its executable (an absolute path), and what it is."""

    executable: str
    target: Target

    @property
    def tag(self) -> str:
        """Python and ABI tag, e.g. 'cp314-cp314t'."""
        return f'{self.target.python_tag}-{self.target.abi_tag}'

    @functools.cached_property
    def wheel_tags(self) -> frozenset[str]:
        """Every tag of a wheel that can be installed in it, e.g. 'cp39-abi3-manylinux_2_17_x86_64'.

        Where `packaging`, which knows them, does not run there (26.4 needs Python 3.10), those of a CPython of this
        machine are computed here; of others there are none.
        """
        import packaging

        code = ('import sys; sys.path.insert(0, sys.argv[1]); import packaging.tags; '
                'print(*packaging.tags.sys_tags(), sep="\\n")')
        parent = os.fspath(pathlib.Path(packaging.__file__).parent.parent)
        try:
            return frozenset(_run(self.executable, code, parent).split())
        except (OSError, subprocess.SubprocessError):
            return self._computed_tags()

    def _computed_tags(self) -> frozenset[str]:
        import packaging.tags

        from . import target

        here, version = target.running(), self.target.version[:2]
        if self.target.implementation != 'cpython' or (
                (self.target.platform, self.target.libc) != (here.platform, here.libc)):
            return frozenset()
        platforms = list(packaging.tags.platform_tags())
        return frozenset(map(str, [
            *packaging.tags.cpython_tags(version, [self.target.abi_tag], platforms),
            *packaging.tags.compatible_tags(version, self.target.python_tag, platforms)]))


#: `probe` and `probe_all`, or functions that remember what these say.
Probe = typing.Callable[[pathlib.Path], typing.Optional[Interpreter]]
ProbeAll = typing.Callable[[typing.Sequence[pathlib.Path]], list[typing.Optional[Interpreter]]]


def find(names: typing.Iterable[str] = ()) -> list[Interpreter]:
    """The interpreters that are named, or all that are found, by implementation and version.

    A name is a version, a path of an interpreter, a prefix directory that holds one, or a command of PATH. Of several
    that are alike in tag and version the first one found is taken; what cannot run is left out, unless it was named:
    then BuildRefused is raised.
    """
    wanted = list(names)
    paths = [executable(name) for name in wanted] or list(_candidates())
    found = probe_all(paths, probe)
    for name, interpreter in zip(wanted, found, strict=False):
        if interpreter is None:
            raise refuse(
                'unusable-interpreter', f'{name} cannot be run, or is no Python 3{meant(name, _ask_all)}',
                where='--python',
                advice='Name a version, e.g. 3.14t, or an interpreter, e.g. /opt/python/cp314-cp314t/bin/python.')
    return distinct(interpreter for interpreter in found if interpreter is not None)


def of_machine(ask_all: ProbeAll) -> list[Interpreter]:
    """All that are found, as `find` gives them. ask_all: `probe_all`, or what remembers its answers."""
    return distinct(found for found in ask_all(list(_candidates())) if found is not None)


def distinct(found: typing.Iterable[Interpreter]) -> list[Interpreter]:
    """Of several that are alike in tag, version and platform the first, by implementation and version."""
    alike: dict[tuple[object, ...], Interpreter] = {}
    for interpreter in found:
        target = interpreter.target
        # One version for 32 bits and for 64 has the same tags but for the platform.
        alike.setdefault((interpreter.tag, target.version, target.platform, target.libc), interpreter)
    return sorted(alike.values(), key=lambda i: (
        i.target.implementation, i.target.version, i.target.free_threaded, i.target.debug))


def probe_all(paths: typing.Sequence[pathlib.Path], probe: Probe) -> list[Interpreter | None]:
    """What each of the interpreters says of itself, several being asked at once."""
    if len(paths) < 2:
        return [probe(path) for path in paths]
    # Slow to import, and not needed by those who know the answers.
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(probe, paths))


class Answer(typing.NamedTuple):
    """interpreter: None for a Python too old to be described. files: that decide on the answer."""

    interpreter: Interpreter | None
    files: tuple[str, ...]


def ask(executable: pathlib.Path) -> Answer | None:
    """What the interpreter says of itself; None where it cannot be run or is no Python 3."""
    source = pathlib.Path(__file__).with_name('target.py')
    # target.py needs nothing but the standard library; compile() names it should it fail in an old Python.
    code = ('import json, sys; names = {"__name__": "target"}; sys.modules["target"] = type(sys)("target"); '
            'old = sys.version_info < (3, 7); '
            'old or exec(compile(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1], "exec"), names); '
            'print(json.dumps([sys.executable, None, []] if old else '
            '[sys.executable, names["running"]().to_json(), names["sources"]()]))')
    try:
        path, target, files = json.loads(_run(os.fspath(executable), code, os.fspath(source)).splitlines()[-1])
        if target is None:
            return Answer(None, ())
        return Answer(Interpreter(path or os.fspath(executable), Target.from_json(target)), tuple(files))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError, KeyError, TypeError):
        return None


def probe(executable: pathlib.Path) -> Interpreter | None:
    """What the interpreter says of itself; None where it cannot be run or is no Python 3.7 or newer."""
    answer = ask(executable)
    return answer.interpreter if answer is not None else None


def _run(executable: str, code: str, argument: str) -> str:
    """Standard output of a piece of code in an isolated interpreter (-I: no variables, no user site)."""
    # What crossenv tells of the target is not what this interpreter is; -I does not keep it away.
    environment = {name: value for name, value in os.environ.items() if name not in TOLD}
    environment['PYTHONDONTWRITEBYTECODE'] = '1'
    return subprocess.run(
        [executable, '-I', '-B', '-c', code, argument], capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL, timeout=_PATIENCE, env=environment).stdout


def may_run(path: pathlib.Path) -> bool:
    """Whether a file is to be asked what it is, and not read."""
    # Wine may be registered to run those of Windows here, and then they name files in a way that nobody here knows.
    return path.is_file() and path.suffix != '.json' and (
        os.name == 'nt' or path.suffix.lower() not in ('.exe', '.dll'))


def executable(name: str, ask_all: ProbeAll | None = None) -> pathlib.Path:
    """The executable that is meant by a name; by a version such as 3.14t, the newest release of it on this machine.

    ask_all: as for `of_machine`. Raises BuildRefused where there is none of that version.
    """
    version = _VERSION.fullmatch(name)
    if version is None or os.path.lexists(name):
        return named(name)
    known = of_machine(ask_all or _ask_all)
    fitting = [
        found for found in known
        if (found.target.implementation, found.target.version[:2], found.target.free_threaded, found.target.debug)
        == (version[1] or 'cpython', (3, int(version[2])), bool(version[3]), False)]
    if not fitting:
        raise refuse(
            'unusable-interpreter', f'there is no {name if version[1] else f"CPython {name}"} on this machine'
            + _meant(name, known), where=name,
            advice='`mesonbuild-ft inspect` lists those that are found; others can be named by their path.')
    return pathlib.Path(fitting[-1].executable)


def meant(name: str, ask_all: ProbeAll) -> str:
    """': is 3.14t meant?' for the name of an interpreter that is no file and no command; '' where none is near it."""
    import shutil

    if os.path.basename(name) != name or os.path.lexists(name) or shutil.which(name):
        return ''
    return _meant(name, of_machine(ask_all))


def _meant(name: str, known: typing.Iterable[Interpreter]) -> str:
    from . import suggestions

    near = suggestions.interpreter(name, known)
    return f': is {near} meant?' if near else ''


def _ask_all(paths: typing.Sequence[pathlib.Path]) -> list[Interpreter | None]:
    """`probe_all`, and nothing is remembered."""
    return probe_all(paths, probe)


def is_version(name: str) -> bool:
    """Whether a name is a version such as 3.14t."""
    return _VERSION.fullmatch(name) is not None


def named(name: str) -> pathlib.Path:
    """The executable that is meant by a path, a prefix directory or a command of PATH; it need not exist."""
    import shutil

    path = pathlib.Path(os.path.expanduser(name))
    if path.is_dir():
        inside = (path / 'bin' / 'python3', path / 'bin' / 'python', path / 'bin' / 'pypy3', path / 'python.exe')
        return next((file for file in inside if file.exists()), path)
    if path.parent != pathlib.Path('.') or path.exists():
        return path
    return pathlib.Path(shutil.which(name) or name)


def _candidates() -> typing.Iterator[pathlib.Path]:
    """Executables that look like interpreters; one that several names, or several links, lead to comes once."""
    seen: set[object] = set()

    def is_new(path: pathlib.Path) -> bool:
        try:
            status = os.stat(path)
        except OSError:
            return False
        # CPython installs python3.13 and python3.13t as two links of one file.
        identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)
        if identity in seen:
            return False
        seen.add(identity)
        return True

    for directory in _directories():
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            continue
        for name in names:
            path = directory / name
            if not _NAME.fullmatch(name) or not os.access(path, os.X_OK) or path.is_dir():
                continue
            if is_new(path):
                yield path
    for path in _launcher():
        if is_new(path):
            yield path


def _directories() -> typing.Iterator[pathlib.Path]:
    home = pathlib.Path.home()
    environment = os.environ
    shims = pathlib.Path(environment.get('PYENV_ROOT') or home / '.pyenv')
    uv = pathlib.Path(environment.get('UV_PYTHON_INSTALL_DIR') or pathlib.Path(
        environment.get('XDG_DATA_HOME') or home / '.local' / 'share', 'uv', 'python'))
    for directory in environment.get('PATH', os.defpath).split(os.pathsep):
        # pyenv's shims are scripts that start one of its versions, or complain.
        if directory and pathlib.Path(directory) != shims / 'shims':
            yield pathlib.Path(directory)
    for parent in (shims / 'versions', uv, pathlib.Path('/opt/python')):
        for prefix in sorted(parent.glob('*')):
            yield prefix / 'bin'
            if os.name == 'nt':
                yield prefix


def _launcher() -> typing.Iterator[pathlib.Path]:
    """What the `py` launcher of Windows knows (`py -0p`)."""
    if sys.platform != 'win32':
        return
    try:
        output = subprocess.run(['py', '-0p'], capture_output=True, text=True, check=True, timeout=_PATIENCE).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in output.splitlines():
        # Launchers before 3.11 mark the default one at the end.
        match = re.search(r'([A-Za-z]:\\.*\.exe)[\s*]*$', line)
        if match:
            yield pathlib.Path(match[1])
