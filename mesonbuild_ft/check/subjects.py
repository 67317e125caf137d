# SPDX-License-Identifier: MIT
"""What was named at the command line -> the files to be read, and what is said of them beside.

A wheel is read as it is and never unpacked. Directories and installed packages are read where they lie.
"""

from __future__ import annotations

import os
import re
import stat
import typing

from .. import modules, tags
from ..audit.contents import Contents
from ..diagnostics import Diagnostic, from_os_error
from ..modules import Module
from ..scanner import Scanner
from . import archive
from .archive import ArchiveError


Kind = typing.Literal['wheel', 'module', 'directory', 'package']

#: (the first bytes of a file, its size) -> how many bytes from its start are wanted.
PartSize = typing.Callable[[bytes, int], int]

#: So many bytes of a file tell how much of it is wanted.
_HEAD: typing.Final = 4096

#: How much of WHEEL and METADATA is looked at, in bytes.
_LARGEST_WHEEL_FILE: typing.Final = 64 << 10
_LARGEST_METADATA: typing.Final = 1 << 20


#: Of version control: nothing in them is a file of the tree.
_NO_FILES: typing.Final = frozenset({'.git', '.hg', '.svn'})


class LeftOut(typing.NamedTuple):
    """A directory below the one that was named, of which nothing is read, and what it is."""

    path: str
    kind: typing.Literal['build-directory', 'environment']


class Options(typing.NamedTuple):
    """jobs: threads; 0: one for each processor. python: whose packages are meant by name; '': this interpreter.

    limit: bytes that the files of one archive may inflate to; None: see `archive.default_limit`.
    """

    jobs: int = 0
    python: str = ''
    limit: int | None = None


class Job:
    """One file to read and scan. size: bytes in memory. named: see `modules.scan`.

    read: at least as much of it as `PartSize` says is wanted; None: all.
    """

    def __init__(
        self, path: str, size: int, read: typing.Callable[[PartSize | None], bytes | bytearray], named: bool = False,
    ) -> None:
        self.path = path
        self.size = size
        self.read = read
        self.named = named
        self.module: Module | None = None
        self.problem: Diagnostic | None = None

    def run(self, scanner: Scanner) -> None:
        """Read and scan; what goes wrong becomes a finding."""
        try:
            data = self.read(scanner.part_size)
            try:
                self.module = modules.scan(scanner, self.path, data, file_size=self.size, named=self.named)
            except modules.IncompleteError:
                self.module = modules.scan(scanner, self.path, self.read(None), named=self.named)
        except ArchiveError as error:
            self.problem = error.diagnostic
        except OSError as error:
            self.problem = from_os_error(error)._replace(where=self.path)
        except MemoryError:
            self.problem = _too_large(self.path, 'needs more memory than there is')


class Subject:
    """What is being checked, while it is.

    unread: extension modules that are there and cannot be read. left_out: directories that nobody named.
    """

    def __init__(
        self, label: str, kind: Kind, path: str, *, found: typing.Iterable[Diagnostic] = (), unusable: bool = False,
    ) -> None:
        self.label = label
        self.kind = kind
        self.path = path
        self.name: tags.WheelName | None = None
        self.contents: Contents | None = None
        self.found = list(found)
        self.jobs: list[Job] = []
        self.unusable = unusable
        self.unread = 0
        self.left_out: tuple[LeftOut, ...] = ()


def is_candidate(path: str) -> bool:
    """Whether a file may be an extension module, going by its path."""
    parts = tags.module_parts(path)
    if parts is None:
        return False
    # No module of this name can be imported: the init function has the stem in its name. So are
    # the libraries that auditwheel and delocate put beside the packages.
    return bool(parts[1]) or (
        re.fullmatch(r'\w+', parts[0]) is not None and not re.search(r'\.(?:libs|dylibs)/', path))


def find(named: str, options: Options) -> list[Subject]:
    """What one name stands for: a file, the wheels or modules in a directory, or an installed package."""
    try:
        status = os.stat(named)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) and re.fullmatch(r'[A-Za-z0-9][\w.-]*', named) and not (
                named.endswith(('.whl', '.so', '.pyd', '.dylib'))):
            return [_package(named, options)]
        if '*' in named or '?' in named:
            # The command prompt of Windows leaves patterns to programs.
            import glob
            matches = sorted(glob.glob(named))
            if matches:
                return [subject for match in matches for subject in find(match, options)]
        return [_unusable(named, 'unreadable-file', getattr(error, 'strerror', None) or str(error),
                          'Name a wheel, a directory, an extension module or an installed package.')]
    if stat.S_ISDIR(status.st_mode):
        return _directory(named, options)
    if not stat.S_ISREG(status.st_mode):
        return [_unusable(named, 'unusable-input', 'is neither a file nor a directory', 'Name a file.')]
    if named.endswith('.whl'):
        return [_wheel(named, options)]
    if named.endswith(('.so', '.pyd', '.dylib')):
        subject = Subject(named, 'module', named)
        subject.jobs.append(_file_job(os.path.basename(named), named, status.st_size, named=True))
        return [subject]
    return [_unusable(named, 'unusable-input', 'is no wheel and no extension module',
                      'Name a file that ends with .whl, .so, .pyd or .dylib.')]


def _unusable(named: str, identifier: str, what: str, advice: str, kind: Kind = 'module') -> Subject:
    finding = Diagnostic(identifier, 'error', what, named, advice)
    return Subject(named, kind, named, found=[finding], unusable=True)


def _too_large(where: str, what: str) -> Diagnostic:
    return Diagnostic('inflation-limit', 'error', what, where,
                      'If the file comes from someone you trust, raise the limit with --max-inflated.')


# Wheels

def _wheel(path: str, options: Options) -> Subject:
    subject = Subject(path, 'wheel', path)
    try:
        opened = archive.open_archive(path)
    except ArchiveError as error:
        subject.found.append(error.diagnostic)
        subject.unusable = True
        return subject
    except OSError as error:
        subject.found.append(from_os_error(error)._replace(where=path))
        subject.unusable = True
        return subject
    subject.found += opened.found
    subject.unread = sum(is_candidate(name) for name in opened.broken)
    members = {member.name: member for member in opened.members}
    wanted = [member for member in opened.members if is_candidate(member.name)]
    texts = [members[name] for name in members
             if name.endswith(('.dist-info/WHEEL', '.dist-info/METADATA')) and name.count('/') == 1]
    try:
        opened.check_limit([*wanted, *texts], options.limit)
    except ArchiveError as error:
        subject.found.append(error.diagnostic)
        subject.unusable = True
        return subject
    for member in wanted:
        if archive.readable(member):
            subject.jobs.append(Job(member.name, member.size, lambda _, m=member: opened.read(m)))  # type: ignore[misc]
        else:
            subject.unread += 1
            subject.found.append(Diagnostic(
                'unscanned-module', 'warning', f'is compressed with method {member.method}, which is not read here',
                member.name, 'Build the wheel with deflate: some installers know no other method.'))
    _describe_wheel(subject, opened, [member.name for member in opened.members], texts)
    return subject


def _describe_wheel(
    subject: Subject, opened: archive.Archive, members: list[str], texts: typing.Sequence[archive.Member],
) -> None:
    """Find out what the wheel says of itself."""
    base = os.path.basename(subject.path)
    try:
        subject.name = tags.parse_wheel_name(base)
    except ValueError:
        subject.found.append(Diagnostic(
            'invalid-wheel-name', 'error', 'is not the name of a wheel: NAME-VERSION-PYTHON-ABI-PLATFORM.whl', base,
            'Give the file the name that the build backend gave it.'))
    files: dict[str, tuple[str, str]] = {}
    for member in texts:
        try:
            text = opened.read(member)[:_LARGEST_METADATA].decode(errors='replace')
            files.setdefault(member.name.rpartition('/')[2], (member.name, text))
        except ArchiveError as error:
            subject.found.append(error.diagnostic)
        except OSError as error:
            subject.found.append(from_os_error(error)._replace(where=member.name))
    directories = {member.name.partition('/')[0] for member in texts if member.name.endswith('/WHEEL')}
    if len(directories) != 1:
        what = 'has no .dist-info directory with WHEEL' if not directories else (
            f'has {len(directories)} .dist-info directories')
        subject.found.append(Diagnostic(
            'missing-wheel-file', 'error', what, base, 'Build the wheel again: no installer takes it.'))
    _contents(subject, members, files, from_file_name=subject.name is not None)


def _contents(
    subject: Subject, members: typing.Iterable[str], files: typing.Mapping[str, tuple[str, str]], *,
    from_file_name: bool,
) -> None:
    """Set `contents`, and `name` where no file name says it. files: 'WHEEL' or 'METADATA' -> (path, text)."""
    wheel_path, wheel = files.get('WHEEL', ('', ''))
    metadata_path, metadata = files.get('METADATA', ('', ''))
    fields = header_fields(wheel[:_LARGEST_WHEEL_FILE])
    described = header_fields(metadata[:_LARGEST_METADATA])
    listed = [tag.lower() for tag in fields.get('tag', [])]
    if subject.name is None:
        split = [tag.split('-') for tag in listed]
        if split and all(len(parts) == 3 for parts in split):
            python, abi, platform = ('.'.join(dict.fromkeys(column)) for column in zip(*split, strict=True))
            subject.name = tags.WheelName('', '', '', python, abi, platform)
    subject.contents = Contents(
        members=tuple(members), wheel_file=wheel_path, wheel_tags=tuple(listed),
        root_is_purelib=fields.get('root-is-purelib', [''])[0].lower() == 'true', metadata_file=metadata_path,
        classifiers=tuple(described.get('classifier', [])),
        requires_python=described.get('requires-python', [''])[0], from_file_name=from_file_name)


def header_fields(text: str) -> dict[str, list[str]]:
    """The header fields of a text like METADATA, with names in lower case; continuation lines are left out."""
    result: dict[str, list[str]] = {}
    for line in text.lstrip('\r\n').splitlines():
        if not line.strip():
            break
        name, colon, value = line.partition(':')
        if colon and not line[0].isspace():
            result.setdefault(name.strip().lower(), []).append(value.strip())
    return result


# Directories and installed packages

def _file_job(path: str, file: str, size: int, *, named: bool = False) -> Job:
    def read(part: PartSize | None) -> bytes:
        with open(file, 'rb') as opened:
            head = opened.read(_HEAD)
            wanted = part(head, size) if part is not None and size > _HEAD else size
            return head + opened.read(max(wanted - len(head), 0) if wanted < size else -1)
    return Job(path, size, read, named)


def _directory(path: str, options: Options) -> list[Subject]:
    try:
        # A link that leads nowhere is named as what cannot be read.
        wheels = sorted(
            entry.path for entry in os.scandir(path) if entry.name.endswith('.whl') and not entry.is_dir())
    except OSError as error:
        return [_unusable(path, 'unreadable-file', error.strerror or str(error), 'Check its permissions.', 'directory')]
    if wheels:
        return [_wheel(wheel, options) for wheel in wheels]
    files, left_out = _files_below(path)
    subjects = _tree(path, files, left_out)
    subjects[0].left_out = left_out
    return subjects


def _tree(path: str, files: typing.Mapping[str, int], left_out: tuple[LeftOut, ...]) -> list[Subject]:
    """Of these files below a directory."""
    owners: list[Subject] = []
    for name in sorted(files):
        if re.fullmatch(r'[^/]+\.dist-info/WHEEL', name):
            owners.append(_distribution(path, name.partition('/')[0], files))
    if len(owners) == 1:
        # What was unpacked from one wheel belongs to it, whether RECORD says so or not.
        owner = owners[0]
        owner.label = path
        _add_files(owner, path, files)
        rest: set[str] = set()
    else:
        rest = set(files)
        for owner in owners:
            owned = rest & set(_recorded(path, owner))
            rest -= owned
            _add_files(owner, path, {name: files[name] for name in owned})
    subjects = [owner for owner in owners if owner.jobs or len(owners) == 1]
    left = Subject(path, 'directory', path)
    _add_files(left, path, {name: files[name] for name in rest})
    if left.jobs:
        subjects.append(left)
    if not any(subject.jobs for subject in subjects):
        if not owners and not any(name.endswith('.py') for name in files):
            builds = [each.path for each in left_out if each.kind == 'build-directory']
            return [_unusable(
                path, 'nothing-to-check', 'holds no wheel at its top, and no extension module or .py file below it',
                'Name the directory with the wheels'
                + (f', or a build directory, such as {builds[0]}.' if builds else '.'), 'directory')]
        # Pure Python, as a wheel may be.
        return subjects[:1] or [left]
    return subjects


def _files_below(path: str) -> tuple[dict[str, int], tuple[LeftOut, ...]]:
    """(relative path, with slashes -> size of every regular file; what is left out), without following links.

    What Meson builds in is no result: it holds the modules before they are installed, of whatever interpreter was
    built for last. What is installed in an environment is not of whoever has it in the tree.
    """
    result: dict[str, int] = {}
    left_out: list[LeftOut] = []
    for folder, directories, names in os.walk(path):
        directories[:] = [name for name in directories if name not in _NO_FILES]
        relative = os.path.relpath(folder, path).replace(os.sep, '/')
        if relative != '.':
            is_build = 'meson-private' in directories and os.path.isfile(
                os.path.join(folder, 'meson-private', 'coredata.dat'))
            if is_build or 'pyvenv.cfg' in names:
                left_out.append(LeftOut(os.path.normpath(folder), 'build-directory' if is_build else 'environment'))
                directories.clear()
                continue
        for name in names:
            try:
                status = os.stat(os.path.join(folder, name))
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                result[name if relative == '.' else f'{relative}/{name}'] = status.st_size
    return result, tuple(sorted(left_out))


def _add_files(subject: Subject, root: str, files: typing.Mapping[str, int]) -> None:
    subject.jobs += [_file_job(name, os.path.join(root, name), size)
                     for name, size in files.items() if is_candidate(name)]
    if subject.contents is not None:
        subject.contents = subject.contents._replace(members=tuple(files))


def _distribution(root: str, dist_info: str, files: typing.Mapping[str, int]) -> Subject:
    """An installed or unpacked distribution, still without files."""
    name, _, version = dist_info[:-len('.dist-info')].partition('-')
    subject = Subject(f'{name} {version}', 'package', os.path.join(root, dist_info))
    texts = {}
    for kind, limit in (('WHEEL', _LARGEST_WHEEL_FILE), ('METADATA', _LARGEST_METADATA)):
        if f'{dist_info}/{kind}' in files:
            try:
                with open(os.path.join(root, dist_info, kind), encoding='utf-8', errors='replace') as file:
                    texts[kind] = (f'{dist_info}/{kind}', file.read(limit))
            except OSError as error:
                subject.found.append(from_os_error(error))
    _contents(subject, (), texts, from_file_name=False)
    return subject


def _recorded(root: str, subject: Subject) -> list[str]:
    """The paths in RECORD, as they stand there."""
    import csv

    try:
        with open(os.path.join(subject.path, 'RECORD'), encoding='utf-8', errors='replace', newline='') as file:
            return [row[0] for row in csv.reader(line.replace('\0', '') for line in file) if row]
    except (OSError, csv.Error):
        return []


def _package(name: str, options: Options) -> Subject:
    from . import installed

    if options.python:
        import json
        import subprocess

        try:
            answer = subprocess.run(
                [options.python, '-I', os.path.abspath(installed.__file__), name], capture_output=True, text=True,
                check=True, stdin=subprocess.DEVNULL, timeout=60)
            found = json.loads(answer.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return _unusable(options.python, 'unusable-input', f'cannot be asked for its packages: {error}',
                             'Name the executable of a Python interpreter of 3.8 or newer.', 'package')
    else:
        found = installed.describe(name)
    if found is None:
        return _unusable(
            name, 'package-not-installed', f'is no file, and not installed in {options.python or "this Python"}',
            'Name a file, or with --python the interpreter of another environment.', 'package')
    subject = Subject(f'{found["name"]} {found["version"]}', 'package', found['root'])
    info = next((f.rpartition('/')[0] for f in found['files'] if f.endswith('.dist-info/WHEEL')), '')
    texts = {'WHEEL': (f'{info}/WHEEL', found['wheel']), 'METADATA': (f'{info}/METADATA', found['metadata'])}
    _contents(subject, (), texts, from_file_name=False)
    files: dict[str, int] = {}
    for file in found['files']:
        try:
            status = os.stat(os.path.join(found['root'], file))
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(status.st_mode):
            files[file.replace(os.sep, '/')] = status.st_size
    _add_files(subject, found['root'], files)
    if not subject.jobs and _is_editable(found['root'], files):
        return _unusable(subject.label, 'nothing-to-check', 'is an editable install, which has its modules elsewhere',
                         'Name the directory of its modules.', 'package')
    if not files:
        return _unusable(subject.label, 'nothing-to-check', 'has no list of files (RECORD), or none of them is there',
                         'Install it again with pip, or name its directory.', 'package')
    return subject


def _is_editable(root: str, files: typing.Iterable[str]) -> bool:
    """Whether direct_url.json says so (PEP 610), as pip writes it."""
    import json

    for file in files:
        if re.fullmatch(r'[^/]+\.dist-info/direct_url\.json', file):
            try:
                with open(os.path.join(root, file), encoding='utf-8') as opened:
                    return bool(json.load(opened)['dir_info']['editable'])
            except (OSError, ValueError, KeyError, TypeError):
                return False
    return False
