# SPDX-License-Identifier: MIT
"""Compare what `mesonbuild-ft check` says of real wheels with what is true of them.

    python tests/real/ground_truth.py [--again] [--choose]

writes GROUND_TRUTH.md, and ends with status 1 where anything is wrong or not explained in ground_truth.toml.
There are two groups of wheels: those of wheels.toml, by which the rules were made, with the Linux wheels of the same
releases to compare with ([[companion]]); and those of ground_truth.toml ([[wheel]]), chosen after the rules were fixed.

- Linux, free-threaded: each extension module is imported in a fresh process of the interpreter that the wheel is for,
  with the wheel unpacked and what it requires installed. It does not need the GIL if the GIL stays off. If the GIL
  comes on, another module that is imported on the way may be the reason: `python -v` tells of each module that
  requires the GIL. A module that cannot be imported alone is counted apart, with the reason.
- Windows and macOS, free-threaded: each module is compared with the module of the same name in the Linux wheel of the
  same release: with what importing showed there.
- abi3 and abi3t: each symbol that abi3audit reports, in which module, is compared with the errors of the check about
  symbols. A difference has a reason in the file ([[difference]]).
- Any wheel: each error and warning was looked at by hand; the file holds what it was judged by ([[judged]]).

What does not depend on the scanner (imports, abi3audit) is measured once and kept in .cache/real/truth.json;
--again measures anew. --choose downloads what [selection] names and writes the [[wheel]] entries.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import email
import fnmatch
import functools
import hashlib
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import typing
import zipfile

import packaging.requirements


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[n]) for n in (1, 2)]

import support

from mesonbuild_ft import check, check_imports, importing, interpreters, scanner, tags
from mesonbuild_ft.check import Checked
from mesonbuild_ft.importing import Import
from mesonbuild_ft.interpreters import Interpreter
from mesonbuild_ft.subjects import Options


HERE: typing.Final = pathlib.Path(__file__).resolve().parent
environments: typing.Final = support.load_environments()
CACHE: typing.Final = environments.CACHE / 'real'
WHEELS: typing.Final = CACHE / 'wheels'

#: A wheel above this is not chosen.
LARGEST: typing.Final = 60_000_000
GROUPS: typing.Final = {
    'made': 'Chosen while the rules were made', 'after': 'Chosen after the rules were fixed'}
#: What pip is told of a platform; of macOS it knows the older ones by itself.
_PLATFORMS: typing.Final[dict[str, list[str]]] = {
    'linux': [f'manylinux_2_{minor}_x86_64' for minor in range(40, 4, -1)] + ['manylinux2014_x86_64'],
    'windows': ['win_amd64'],
    'macos': ['macosx_15_0_arm64'],
}
_SYMBOL_ERRORS: typing.Final = ('symbol-outside-stable-abi', 'symbol-newer-than-floor')
#: Import a module, verbosely: the interpreter tells on standard error of each that requires the GIL.
_VERBOSELY: typing.Final = 'import sys; sys.path.insert(0, sys.argv[1]); __import__(sys.argv[2])'
_REQUIRES_GIL: typing.Final = re.compile(r"^# loading module '([^']+)', which requires the GIL$", re.MULTILINE)

Json = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Wheel:
    """A pinned wheel. group: a key of GROUPS. companion: it is there to compare others of its release with."""

    file: str
    sha256: str
    group: str
    companion: bool = False

    @property
    def name(self) -> tags.WheelName:
        return tags.parse_wheel_name(self.file)

    @property
    def platform(self) -> str:
        """A key of _PLATFORMS."""
        found = self.name.platform
        return 'windows' if tags.is_windows(found) else 'macos' if found.startswith('macosx') else 'linux'

    @property
    def free_threaded(self) -> bool:
        return tags.serves_free_threaded(self.name.abi)

    @property
    def stable(self) -> bool:
        return self.name.abi.startswith('abi3')

    @property
    def version(self) -> tags.Version:
        return tags.version_of_python_tag(self.name.python.split('.')[0]) or (3, 14)


@dataclasses.dataclass(frozen=True)
class Module:
    """One module of one wheel, for one machine. truth: 'used', 'not-used', or '' where it is not known, for `why`."""

    wheel: Wheel
    name: str
    predicted: str
    evidence: str
    truth: str = ''
    why: str = ''

    @property
    def verdict(self) -> typing.Literal['right', 'wrong', 'unknown', 'without truth']:
        if not self.truth:
            return 'without truth'
        if self.predicted == 'unknown':
            return 'unknown'
        return 'right' if (self.predicted == 'not-used') == (self.truth == 'not-used') else 'wrong'


@functools.cache
def table() -> Json:
    """ground_truth.toml."""
    return tomllib.loads(HERE.joinpath('ground_truth.toml').read_text(encoding='utf-8'))


def load() -> list[Wheel]:
    """All wheels of both files."""
    made = tomllib.loads(HERE.joinpath('wheels.toml').read_text(encoding='utf-8'))['wheel']
    return [
        *(Wheel(entry['file'], entry['sha256'], 'made') for entry in made),
        *(Wheel(entry['file'], entry['sha256'], 'made', companion=True) for entry in table().get('companion', [])),
        *(Wheel(entry['file'], entry['sha256'], 'after') for entry in table().get('wheel', []))]


def fetch(file: str, sha256: str) -> pathlib.Path:
    """The wheel, downloaded by pip as for an interpreter and a platform of its tags, and kept in .cache."""
    path = pathlib.Path(WHEELS, file)
    if not path.is_file():
        name = tags.parse_wheel_name(file)
        version = tags.version_of_python_tag(name.python.split('.')[0]) or (3, 12)
        done = _download(
            f'{name.name}=={name.version}', version, name.abi.split('.'), name.platform.split('.'), WHEELS)
        assert done.returncode == 0, done.stderr
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    return path


def _download(
    requirement: str, version: tags.Version, abis: typing.Iterable[str], platforms: typing.Iterable[str],
    directory: pathlib.Path,
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps',
               '--only-binary', ':all:', '--implementation', 'cp', '--python-version', tags.version_text(version),
               '--dest', os.fspath(directory), requirement]
    command += [word for abi in abis for word in ('--abi', abi)]
    command += [word for platform in platforms for word in ('--platform', platform)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def choose() -> None:
    """Download what [selection] names, and write a [[wheel]] entry for each wheel that there is."""
    entries: dict[str, str] = {}
    for key, names in table()['selection'].items():
        abi, _, only = key.partition('_')
        version = (3, int(abi[3:5])) if abi.startswith('cp') else (3, 15) if abi == 'abi3t' else (3, 14)
        for name in names:
            release = ''
            for platform in [only] if only else list(_PLATFORMS):
                got = _choose_one(f'{name}{release}', version, abi, platform)
                if got is None:
                    print(f'{key}: {name} on {platform}: none', flush=True)
                else:
                    release = f'=={tags.parse_wheel_name(got.name).version}'
                    entries[got.name] = hashlib.sha256(got.read_bytes()).hexdigest()
    with open(HERE / 'ground_truth.toml', 'a', encoding='utf-8') as output:
        for name, sha256 in sorted(entries.items()):
            output.write(f'\n[[wheel]]\nfile = "{name}"\nsha256 = "{sha256}"\n')


def _choose_one(requirement: str, version: tags.Version, abi: str, platform: str) -> pathlib.Path | None:
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        _download(requirement, version, [abi], _PLATFORMS[platform], pathlib.Path(work))
        for path in pathlib.Path(work).glob('*.whl'):
            # pip also takes a wheel that needs no ABI, or one of another stable ABI.
            name = tags.parse_wheel_name(path.name)
            if abi in name.abi.split('.') and name.platform != 'any' and path.stat().st_size <= LARGEST:
                return path.rename(WHEELS / path.name)
    return None


def _venv(name: str, executable: str) -> pathlib.Path:
    """The python of an environment that is kept."""
    python = pathlib.Path(CACHE, 'truth', name, 'bin', 'python')
    if not python.exists():
        subprocess.run([executable, '-m', 'venv', '--without-pip', python.parent.parent], check=True)
    return python


@functools.cache
def interpreter(tag: str) -> Interpreter | None:
    """The interpreter to import with, in an environment of its own; None where this machine has none."""
    for found in environments.interpreters():
        if found.tag == tag:
            return interpreters.probe(_venv(tag, found.executable))
    return None


def requirements(wheel: pathlib.Path, version: tags.Version) -> list[str]:
    """What the wheel requires on Linux, and what ground_truth.toml adds for modules that need more."""
    with zipfile.ZipFile(wheel) as archive:
        file = next(name for name in archive.namelist() if re.fullmatch(r'[^/]+\.dist-info/METADATA', name))
        metadata = email.message_from_bytes(archive.read(file))
    name = tags.parse_wheel_name(wheel.name).name
    result = list(table().get('requires', {}).get(name, []))
    where = {'python_version': tags.version_text(version), 'python_full_version': f'{tags.version_text(version)}.0',
             'extra': ''}
    for line in metadata.get_all('Requires-Dist') or []:
        required = packaging.requirements.Requirement(line)
        if required.marker is None or required.marker.evaluate(where):
            required.marker = None
            result.append(str(required))
    return result


def import_wheel(wheel: Wheel, path: pathlib.Path, checked: Checked, by: Interpreter) -> Json:
    """Module -> ['used', 'not-used' or '', why]: what importing each shows, in a fresh process."""
    needed = requirements(path, wheel.version)
    for required in [needed, *([one] for one in needed)] if needed else []:
        try:
            environments.pip_install(pathlib.Path(by.executable), '--only-binary=:all:', *required)
        except subprocess.CalledProcessError:
            # One by one: some have no wheel for this interpreter, and not every module needs them.
            continue
        if required is needed:
            break
    done, = check_imports.run([checked], [by])
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        directory = support.unpack(path, pathlib.Path(name))
        return {one.module: _truth(one, directory) for one in done.imports}


def _truth(done: Import, directory: pathlib.Path) -> list[str]:
    if done.error:
        return ['', done.error.splitlines()[0]]
    if not done.gil_after:
        return ['not-used', 'the GIL stays off']
    if done.blamed == done.module:
        return ['used', 'the interpreter warns of it']
    command = [done.interpreter.executable, '-I', '-B', '-v', '-c', _VERBOSELY, os.fspath(directory), done.module]
    said = subprocess.run(command, capture_output=True, text=True, errors='replace', check=False, cwd=directory,
                          timeout=importing.TIME_LIMIT).stderr
    named = _REQUIRES_GIL.findall(said)
    # A single-phase module may have another name inside than the one that it is imported by.
    if done.module in named or done.module.rpartition('.')[2] in named:
        return ['used', f'`python -v` names it; {done.blamed} came first']
    return ['not-used', f'`python -v` names only {", ".join(named)}']


@functools.cache
def _abi3audit() -> pathlib.Path:
    python = _venv('abi3audit', sys.executable)
    program = python.with_name('abi3audit')
    if not program.exists():
        environments.pip_install(python, 'abi3audit')
    return program


def audit_wheel(path: pathlib.Path) -> list[str]:
    """What abi3audit reports: 'file of a module: symbol' for each."""
    output = subprocess.run([_abi3audit(), '--report', path], capture_output=True, text=True, check=False).stdout
    found = []
    for spec in json.loads(output)['specs'].values():
        for entry in spec['wheel']:
            result = entry['result']
            found += [f'{entry["name"]}: {s}' for s in (*result['non_abi3_symbols'], *result['future_abi3_objects'])]
    return sorted(set(found))


def our_symbols(checked: Checked) -> list[str]:
    """The same of ours."""
    return sorted({
        f'{d.where.rpartition("/")[2]}: {match[1]}' for d in checked.found
        if d.identifier in _SYMBOL_ERRORS and d.severity == 'error'
        for match in [re.search(r' imports (\S+), which', d.what)] if match})


def _measured(wheel: Wheel, path: pathlib.Path, checked: Checked, kept: Json) -> Json:
    """What does not depend on the scanner, from `kept` or measured now."""
    entry: Json = kept.setdefault(wheel.file, {})
    if wheel.free_threaded and wheel.platform == 'linux' and 'imports' not in entry:
        by = interpreter(f'cp{wheel.version[0]}{wheel.version[1]}-cp{wheel.version[0]}{wheel.version[1]}t')
        if by is not None:
            entry['imports'] = import_wheel(wheel, path, checked, by)
    if wheel.stable and 'abi3audit' not in entry:
        entry['abi3audit'] = audit_wheel(path)
    return entry


def _modules(wheel: Wheel, checked: Checked, truths: Json, missing: str) -> list[Module]:
    result = []
    for module in checked.modules:
        name = importing.module_name(module.path)
        truth, why = truths.get(name, ['', missing])
        # A file that cannot be scanned is a finding.
        for part in module.parts:
            facts = part.for_version(wheel.version)
            result.append(Module(wheel, name, facts.gil, facts.gil_evidence, truth, why))
    return result


class Results:
    """All that was found, and what is wrong with it."""

    def __init__(self) -> None:
        self.wheels: list[Wheel] = []
        self.modules: list[Module] = []
        #: Wheel -> errors and warnings.
        self.findings: dict[Wheel, list[str]] = {}
        #: Wheel -> symbols that only abi3audit reports, symbols that only we report, and all of ours.
        self.symbols: dict[Wheel, tuple[list[str], list[str], list[str]]] = {}

    def problems(self) -> list[str]:
        """What must not be: each is to be repaired, or explained in ground_truth.toml."""
        result = [f'{m.wheel.file}: {m.name} is predicted {m.predicted} ({m.evidence}), and it is {m.truth} ({m.why})'
                  for m in self.modules if m.verdict == 'wrong']
        judged = {(file, entry['finding']) for entry in table().get('judged', []) for file in entry['files']}
        found = {(wheel.file, finding) for wheel, findings in self.findings.items() for finding in findings}
        result += [f'{file}: {finding} was not judged' for file, finding in sorted(found - judged)]
        result += [f'{file}: {finding} was judged and is not found' for file, finding in sorted(judged - found)]
        result += [f'{file}: {entry["finding"]} is false: {entry["evidence"]}'
                   for entry in table().get('judged', []) if not entry['true'] for file in entry['files']]
        for wheel, (theirs, ours, _) in self.symbols.items():
            patterns = [p for d in table().get('difference', []) if wheel.file in d['files'] for p in d['symbols']]
            result += [f'{wheel.file}: {symbol}: abi3audit and the check differ, without a reason'
                       for symbol in (*theirs, *ours) if not any(fnmatch.fnmatchcase(symbol, p) for p in patterns)]
            result += [f'{wheel.file}: no difference is like {pattern}'
                       for pattern in patterns if not fnmatch.filter([*theirs, *ours], pattern)]
        return result


def measure(*, again: bool = False) -> Results:
    """Check all wheels, and find out what is true of them."""
    store = CACHE / 'truth.json'
    kept: Json = json.loads(store.read_text()) if store.is_file() and not again else {}
    results = Results()
    loaded = scanner.load()
    verdicts: dict[Wheel, Checked] = {}
    # Linux first: the others are compared with it.
    for wheel in sorted(load(), key=lambda w: (w.platform != 'linux', w.file)):
        path = fetch(wheel.file, wheel.sha256)
        checked, = check.check([os.fspath(path)], loaded, Options(jobs=1))
        verdicts[wheel] = checked
        entry = _measured(wheel, path, checked, kept)
        store.write_text(json.dumps(kept, indent=1))
        results.wheels.append(wheel)
        results.findings[wheel] = sorted({
            f'{d.severity} {d.identifier}' for d in checked.found if d.severity != 'hint'})
        if wheel.stable:
            theirs, ours = entry['abi3audit'], our_symbols(checked)
            results.symbols[wheel] = (
                [s for s in theirs if s not in ours], [s for s in ours if s not in theirs], ours)
        if wheel.free_threaded and wheel.platform == 'linux':
            results.modules += _modules(wheel, checked, entry.get('imports', {}), 'no interpreter here, or not found')
        elif wheel.free_threaded:
            results.modules += _modules(wheel, checked, _linux(wheel, results), 'no such module in the Linux wheel')
        print(wheel.file, *results.findings[wheel], flush=True)
    return results


def _linux(wheel: Wheel, results: Results) -> Json:
    """Module -> what importing it showed in the Linux wheel of the same release, of the same ABI if there is one."""
    found: Json = {}
    for module in results.modules:
        other = module.wheel
        if other.platform == 'linux' and (other.name.name, other.name.version) == (wheel.name.name, wheel.name.version):
            same = other.name.abi == wheel.name.abi
            if module.name not in found or same:
                found[module.name] = [module.truth, module.why if not module.truth else f'as in {other.file}']
    return found
