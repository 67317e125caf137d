# SPDX-License-Identifier: MIT
"""Compare what `mesonbuild-ft check` says of real wheels with what is true of them.

    python tests/real/ground_truth.py [--again] [--group GROUP] [--choose KEY ...]

writes GROUND_TRUTH.md, and ends with status 1 where anything is wrong or not explained in ground_truth.toml. With
--group it measures one group, and writes its part of the file, with the date and the versions.
There are five groups of wheels: those of wheels.toml, by which the rules were made, with the Linux wheels of the same
releases to compare with ([[companion]]); and those of ground_truth.toml ([[wheel]]), of other projects, chosen after
the rules were fixed, and three times more after what that had shown was repaired.

- Linux, free-threaded: each extension module is imported in a fresh process of the interpreter that the wheel is for,
  with the wheel unpacked and what it requires installed. It does not need the GIL if the GIL stays off. If the GIL
  comes on, another module that is imported on the way may be the reason: `python -v` tells of each module that
  requires the GIL. A module that cannot be imported, even after one that [first] names, is counted apart, with
  the reason.
- Windows and macOS, free-threaded: each module is compared with the module of the same name in the Linux wheel of the
  same release: with what importing showed there.
- abi3 and abi3t: each symbol that abi3audit reports, in which module, is compared with the errors of the check about
  symbols. A difference has a reason in the file ([[difference]]).
- Any wheel: each error and warning was looked at by hand; the file holds what it was judged by ([[judged]]).

What does not depend on the scanner (imports, abi3audit) is measured once and kept in .cache/real/truth.json;
--again measures anew. --choose downloads what keys of [selection] name and writes the [[wheel]] entries.
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent.parent))

import support

from mesonbuild_ft import interpreters, scanner, tags
from mesonbuild_ft.check import checker, import_process, imports
from mesonbuild_ft.check.checker import Checked
from mesonbuild_ft.check.import_process import Import
from mesonbuild_ft.check.subjects import Options
from mesonbuild_ft.interpreters import Interpreter


HERE: typing.Final = pathlib.Path(__file__).resolve().parent
environments: typing.Final = support.load_environments()
CACHE: typing.Final = environments.CACHE / 'real'
WHEELS: typing.Final = CACHE / 'wheels'

#: A wheel above this is not chosen.
LARGEST: typing.Final = 60_000_000
GROUPS: typing.Final = {
    'made': 'Chosen while the rules were made', 'after': 'Chosen after the rules were fixed',
    'second': 'Chosen after what those had shown was repaired',
    'third': 'Chosen after what these had shown was repaired, but for one prediction',
    'fourth': 'Chosen after that prediction had been answered'}
#: What pip is told of a platform; of macOS it knows the older ones by itself.
_PLATFORMS: typing.Final[dict[str, list[str]]] = {
    'linux': [f'manylinux_2_{minor}_x86_64' for minor in range(40, 4, -1)] + ['manylinux2014_x86_64'],
    'windows': ['win_amd64'],
    'macos': ['macosx_15_0_arm64'],
}
_SYMBOL_ERRORS: typing.Final = ('symbol-outside-stable-abi', 'symbol-newer-than-floor')
#: Import modules, verbosely: the interpreter tells on standard error of each that requires the GIL.
_VERBOSELY: typing.Final = """
import sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    __import__(name)
sys.exit(name not in sys.modules)
"""
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
    """All wheels of both files, but those of WebAssembly: the interpreters that are compared with import none."""
    made = [entry for entry in tomllib.loads(HERE.joinpath('wheels.toml').read_text(encoding='utf-8'))['wheel']
            if not entry['file'].endswith('_wasm32.whl')]
    return [
        *(Wheel(entry['file'], entry['sha256'], 'made') for entry in made),
        *(Wheel(entry['file'], entry['sha256'], 'made', companion=True) for entry in table().get('companion', [])),
        *(Wheel(entry['file'], entry['sha256'], entry.get('group', 'after')) for entry in table().get('wheel', []))]


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


def choose(keys: typing.Iterable[str]) -> None:
    """Download what these keys of [selection] name, and write a [[wheel]] entry for each wheel that there is."""
    entries: dict[str, tuple[str, str]] = {}
    for key in keys:
        abi, *words = key.split('_')
        systems = [system for system in _PLATFORMS if system in words] or list(_PLATFORMS)
        version = (3, int(abi[3:5])) if abi.startswith('cp') else (3, 15) if abi == 'abi3t' else (3, 14)
        for name in table()['selection'][key]:
            release = ''
            for system in systems:
                got = _choose_one(f'{name}{release}', version, abi, system)
                if got is None:
                    print(f'{key}: {name} on {system}: none', flush=True)
                else:
                    release = f'=={tags.parse_wheel_name(got.name).version}'
                    entries[got.name] = hashlib.sha256(got.read_bytes()).hexdigest(), words[-1] if words else ''
    with open(HERE / 'ground_truth.toml', 'a', encoding='utf-8') as output:
        for name, (sha256, last) in sorted(entries.items()):
            group = f'group = "{last}"\n' if last in GROUPS else ''
            output.write(f'\n[[wheel]]\nfile = "{name}"\nsha256 = "{sha256}"\n{group}')


def _choose_one(requirement: str, version: tags.Version, abi: str, system: str) -> pathlib.Path | None:
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        _download(requirement, version, [abi], _PLATFORMS[system], pathlib.Path(work))
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
    done, = imports.run([checked], [by])
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        directory = support.unpack(path, pathlib.Path(name))
        return {one.module: _truth(one, directory) for one in done.imports}


def _truth(done: Import, directory: pathlib.Path) -> list[str]:
    if done.gil_before:
        return ['', 'the GIL was on before']
    first = next((other for pattern, other in table().get('first', {}).items()
                  if fnmatch.fnmatchcase(done.module, pattern)), None)
    if done.error and first is None:
        return ['', done.error.splitlines()[0].replace(os.fspath(directory), '.')]
    if not done.error and not done.gil_after:
        return ['not-used', 'the GIL stays off']
    if not done.error and done.blamed == done.module:
        return ['used', 'the interpreter warns of it']
    names = [first, done.module] if first else [done.module]
    command = [done.interpreter.executable, '-I', '-B', '-v', '-c', _VERBOSELY, os.fspath(directory), *names]
    ran = subprocess.run(command, capture_output=True, text=True, errors='replace', check=False, cwd=directory,
                         timeout=import_process.TIME_LIMIT)
    if ran.returncode:
        return ['', ran.stderr.strip().splitlines()[-1]]
    requires = _REQUIRES_GIL.findall(ran.stderr)
    # A single-phase module may have another name inside than the one that it is imported by.
    if done.module in requires or done.module.rpartition('.')[2] in requires:
        return ['used', f'`python -v` names it; {requires[0]} comes first']
    return ['not-used', f'`python -v` names {", ".join(requires) or "no module"}']


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


def modules(wheel: Wheel, checked: Checked, truths: Json, missing: str = '') -> list[Module]:
    """What is predicted of each module, beside its truth. missing: why a module has none."""
    result = []
    for module in checked.modules:
        name = import_process.module_name(module.path)
        if not tags.finds(wheel.version, True, wheel.platform == 'windows', module.suffix_tag):
            # Left over from another Python, and never loaded.
            continue
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
        files = {wheel.file for wheel in self.wheels}
        result = [f'{m.wheel.file}: {m.name} is predicted {m.predicted} ({m.evidence}), and it is {m.truth} ({m.why})'
                  for m in self.modules if m.verdict == 'wrong']
        judged = {(file, entry['finding']) for entry in table().get('judged', []) for file in entry['files']
                  if file in files}
        found = {(wheel.file, finding) for wheel, findings in self.findings.items() for finding in findings}
        result += [f'{file}: {finding} was not judged' for file, finding in sorted(found - judged)]
        result += [f'{file}: {finding} was judged and is not found' for file, finding in sorted(judged - found)]
        result += [f'{file}: {entry["finding"]} is false: {_one_line(entry["evidence"])}'
                   for entry in table().get('judged', []) if not entry['true'] for file in entry['files']
                   if file in files]
        for wheel, (theirs, ours, _) in self.symbols.items():
            patterns = [p for d in table().get('difference', []) if wheel.file in d['files'] for p in d['symbols']]
            result += [f'{wheel.file}: {symbol}: abi3audit and the check differ, without a reason'
                       for symbol in (*theirs, *ours) if not any(fnmatch.fnmatchcase(symbol, p) for p in patterns)]
            result += [f'{wheel.file}: no difference is like {pattern}'
                       for pattern in patterns if not fnmatch.filter([*theirs, *ours], pattern)]
        return result


def measure(*, again: bool = False, group: str = '') -> Results:
    """Check all wheels, or those of one group, and find out what is true of them."""
    store = CACHE / 'truth.json'
    kept: Json = json.loads(store.read_text()) if store.is_file() and not again else {}
    results = Results()
    loaded = scanner.load()
    verdicts: dict[Wheel, Checked] = {}
    # Linux first: the others are compared with it.
    wheels = [wheel for wheel in load() if group in ('', wheel.group)]
    for wheel in sorted(wheels, key=lambda w: (w.platform != 'linux', w.file)):
        path = fetch(wheel.file, wheel.sha256)
        checked, = checker.check([os.fspath(path)], loaded, Options(jobs=1))
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
            results.modules += modules(wheel, checked, entry.get('imports', {}), 'no interpreter here, or not found')
        elif wheel.free_threaded:
            results.modules += modules(wheel, checked, _linux(wheel, results), 'no such module in the Linux wheel')
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


def numbers(results: Results, group: str) -> dict[str, typing.Union[int, str]]:
    """The lines of a group's first table, by name."""
    wheels = [w for w in results.wheels if w.group == group]
    counted: dict[str, typing.Union[int, str]] = {
        'wheels': len(wheels), 'projects': len({w.name.name.lower() for w in wheels})}
    for name in _PLATFORMS:
        own = [w for w in wheels if w.platform == name]
        counted[f'{name}: wheels (free-threaded, stable ABI, other)'] = (
            f'{len(own)} ({sum(w.free_threaded for w in own)}, {sum(w.stable and not w.free_threaded for w in own)}, '
            f'{sum(not w.stable and not w.free_threaded for w in own)})')
    words = {'right': 'as predicted', 'wrong': 'predicted wrong', 'unknown': 'unknown',
             'without truth': 'nothing to compare with'}
    for name in _PLATFORMS:
        verdicts = collections.Counter(
            m.verdict for m in results.modules if m.wheel.group == group and m.wheel.platform == name)
        for verdict, word in words.items():
            counted[f'{name}: modules {word}'] = verdicts[typing.cast(typing.Any, verdict)]
        if name == 'linux':
            compared = sum(verdicts[v] for v in ('right', 'wrong', 'unknown'))
            counted['linux: share unknown'] = f'{100 * verdicts["unknown"] / max(compared, 1):.1f} %'
    compared_symbols = [pair for wheel, pair in results.symbols.items() if wheel.group == group]
    counted['abi3audit: wheels with a verdict'] = len(compared_symbols)
    counted['abi3audit: the same symbols reported'] = sum(not a and not b for a, b, _ in compared_symbols)
    counted['abi3audit: different, explained below'] = sum(bool(a or b) for a, b, _ in compared_symbols)
    findings = [(w.file, f) for w, found in results.findings.items() if w.group == group for f in found]
    false = {(file, e['finding']) for e in table().get('judged', []) if not e['true'] for file in e['files']}
    for severity in ('error', 'warning'):
        counted[f'{severity}s, by wheel and identifier'] = sum(f.startswith(severity) for _, f in findings)
    counted['of these false'] = sum(pair in false for pair in findings)
    return counted


def report(results: Results) -> str:
    """GROUND_TRUTH.md."""
    lines = [
        '<!-- SPDX-License-Identifier: MIT -->', '# What `mesonbuild-ft check` says of real wheels, and what is true',
        '', 'Written by `python tests/real/ground_truth.py`, which says how each line is measured. The wheels, and '
        'what was judged by hand, are in `wheels.toml` and `ground_truth.toml`.', '', *_versions(results), '']
    for group, title in GROUPS.items():
        lines += [f'## {title}', '', *_part(results, group)]
    return '\n'.join(lines)


def replace_part(text: str, results: Results, group: str) -> str:
    """GROUND_TRUTH.md with the part of one group as it was measured now."""
    title = f'## {GROUPS[group]}'
    lines = [title, '', 'Measured later than the others:', '', *_versions(results), '', *_part(results, group)]
    part = '\n'.join(lines)
    before, found, behind = text.partition(f'{title}\n')
    _, following, rest = behind.partition('\n## ')
    return before + part + (f'\n## {rest}' if following else '') if found else f'{text.rstrip()}\n\n{part}'


def _versions(results: Results) -> list[str]:
    commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=support.ROOT, capture_output=True, text=True,
                            check=True).stdout.strip()
    version = subprocess.run([_abi3audit(), '--version'], capture_output=True, text=True, check=True).stdout.strip()
    used = {f'cp{w.version[0]}{w.version[1]}-cp{w.version[0]}{w.version[1]}t'
            for w in results.wheels if w.free_threaded and w.platform == 'linux'}
    names = [found.target.name for found in map(interpreter, sorted(used)) if found is not None]
    return [f'- {datetime.date.today().isoformat()}; {platform.system()} {platform.machine()}, '
            f'{" ".join(platform.libc_ver())}',
            f'- mesonbuild-ft at or shortly after the commit {commit}; {version}', f'- imported by {", ".join(names)}']


def _part(results: Results, group: str) -> list[str]:
    return ['| | |', '|-|-|', *(f'| {name} | {value} |' for name, value in numbers(results, group).items()), '',
            *_lists(results, group)]


def _lists(results: Results, group: str) -> typing.Iterator[str]:
    own = [m for m in results.modules if m.wheel.group == group]
    for verdict, title in (('wrong', 'Predicted wrong'), ('unknown', 'Unknown'),
                           ('without truth', 'Nothing to compare with')):
        by_reason: dict[tuple[str, str], list[str]] = {}
        for m in own:
            if m.verdict == verdict:
                why = m.evidence if verdict == 'unknown' else m.why if verdict == 'without truth' else (
                    f'predicted {m.predicted} ({m.evidence}), and it is {m.truth} ({m.why})')
                by_reason.setdefault((m.wheel.file, why), []).append(m.name)
        if by_reason:
            yield from (f'### {title}', '')
            for (file, why), names in by_reason.items():
                cause = ' '.join(_one_line(e['cause']) for e in table().get('unknown', []) if e['file'] == file)
                more = f'. {cause}' if cause and verdict == 'unknown' else ''
                yield f'- `{file}`: {_few(list(dict.fromkeys(names)))}: {_escaped(why)}{more}'
            yield ''
    if any(a or b for wheel, (a, b, _) in results.symbols.items() if wheel.group == group):
        yield from ('### Different from abi3audit', '')
        for wheel, (theirs, ours, _) in results.symbols.items():
            if wheel.group == group and (theirs or ours):
                reasons = ' '.join(d['reason'] for d in table().get('difference', []) if wheel.file in d['files'])
                yield (f'- `{wheel.file}`: only abi3audit: {_few(theirs) or "nothing"}; '
                       f'only the check: {_few(ours) or "nothing"}. {reasons}')
        yield ''
    yield from ('### Errors and warnings', '')
    for entry in table().get('judged', []):
        judged = [w.file for w in results.wheels if w.group == group and w.file in entry['files']]
        if judged:
            yield f'- {entry["finding"]}, {"true" if entry["true"] else "**false**"}: {_one_line(entry["evidence"])}'
            yield from (f'  - `{file}`' for file in judged)
    files = {w.file for w in results.wheels if w.group == group}
    repaired = [entry for entry in table().get('repaired', []) if entry['file'] in files]
    if repaired:
        yield from ('', '### Found false when these wheels were first looked at, and repaired since', '')
        yield from (f'- `{e["file"]}`: {e["finding"]}: {_one_line(e["cause"])}' for e in repaired)
    still = [entry for entry in table().get('open', []) if entry['file'] in files]
    if still:
        yield from ('', '### Not repaired', '')
        yield from (f'- `{e["file"]}`: {e["module"]}: {_one_line(e["cause"])}' for e in still)
    yield from ('', '### Wheels', '', '| wheel | modules, slices | not used, used, unknown | right, wrong | findings |',
                '|-|-|-|-|-|')
    for wheel in sorted((w for w in results.wheels if w.group == group), key=lambda w: w.file.lower()):
        parts = [m for m in own if m.wheel is wheel]
        said = collections.Counter(m.predicted.replace('not-declared', 'used') for m in parts)
        verdicts = collections.Counter(m.verdict for m in parts)
        cells = [f'`{wheel.file}`', '', '', '', ', '.join(results.findings[wheel])]
        if wheel.free_threaded:
            cells[1:4] = [str(len(parts)), f'{said["not-used"]}, {said["used"]}, {said["unknown"]}',
                          f'{verdicts["right"]}, {verdicts["wrong"]}']
        yield f'| {" | ".join(cells)} |'
    yield ''


def _few(names: typing.Sequence[str]) -> str:
    return ', '.join(names[:6]) + (f' and {len(names) - 6} more' if len(names) > 6 else '')


def _one_line(text: str) -> str:
    return ' '.join(text.split())


def _escaped(text: str) -> str:
    return text.replace('|', '\\|').replace('<', '\\<')


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('--again', action='store_true', help='measure all anew')
    parser.add_argument('--group', choices=list(GROUPS), default='', help='measure these wheels only')
    parser.add_argument('--choose', nargs='+', metavar='KEY', help='download what [selection] names there, and pin it')
    arguments = parser.parse_args()
    if arguments.choose:
        choose(arguments.choose)
        return
    problem = support.load_scanner()
    if problem:
        raise SystemExit(problem)
    results = measure(again=arguments.again, group=arguments.group)
    file = HERE / 'GROUND_TRUTH.md'
    file.write_text(replace_part(file.read_text(encoding='utf-8'), results, arguments.group) if arguments.group
                    else report(results), encoding='utf-8')
    for group, title in GROUPS.items():
        if arguments.group not in ('', group):
            continue
        print(f'\n{title}', *(f'  {name}: {value}' for name, value in numbers(results, group).items()), sep='\n')
    problems = results.problems()
    print(*problems, sep='\n')
    raise SystemExit(bool(problems))


if __name__ == '__main__':
    main()
