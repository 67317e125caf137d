# SPDX-License-Identifier: MIT
"""The Python files of a project that setuptools builds, and where they are installed."""

from __future__ import annotations

import fnmatch
import posixpath
import typing

from .plan import Note
from .proposals import table
from .setup_script import FindPackages, Unknown, is_known
from .setuptools_files import Said, words


#: Files in a package that are no data.
_NO_DATA: typing.Final = (
    '.c', '.h', '.hpp', '.hh', '.pyx', '.pxi', '.so', '.pyd', '.pyc', '.o', '.in', '.build', '.pyo', '.cc', '.cpp',
    '.cxx')
#: Directories at the top that setuptools does not take for packages (setuptools/discovery.py).
_NO_PACKAGES: typing.Final = frozenset((
    'ci', 'bin', 'debian', 'doc', 'docs', 'documentation', 'manpages', 'news', 'newsfragments', 'changelog', 'test',
    'tests', 'unit_test', 'unit_tests', 'example', 'examples', 'scripts', 'tools', 'util', 'utils', 'python', 'build',
    'benchmark', 'benchmarks', 'exercise', 'exercises', 'htmlcov', 'tasks', 'subprojects'))
_NO_MODULES: typing.Final = frozenset((
    'setup', 'conftest', 'test', 'tests', 'example', 'examples', 'build', 'toxfile', 'noxfile', 'pavement', 'dodo',
    'tasks', 'fabfile', 'Sconstruct', 'conanfile', 'manage', 'benchmark', 'benchmarks', 'exercise', 'exercises'))


def read(said: Said) -> tuple[dict[str, list[str]], list[Note]]:
    """(directory that is installed into -> files, what is left to a person)."""
    reader = _Reader(said)
    return reader.files(), reader.left


def directory_of(package: str, roots: typing.Mapping[str, str]) -> str:
    """The directory of a package, as package_dir says it."""
    rest: list[str] = []
    parts = package.split('.')
    while parts:
        if '.'.join(parts) in roots:
            return posixpath.normpath(posixpath.join(roots['.'.join(parts)], *rest))
        rest.insert(0, parts.pop())
    return posixpath.normpath(posixpath.join(roots.get('', ''), *rest))


def package_dir(said: Said) -> dict[str, str]:
    """package_dir of setup(), setup.cfg or [tool.setuptools]: package, '' for all -> directory."""
    value = said.script.arguments.get('package_dir')
    if isinstance(value, dict) and is_known(value):
        return {str(k): str(v).strip('/').removeprefix('./') for k, v in value.items()}
    text = said.cfg.get('options', 'package_dir', fallback='')
    found = dict(line.split('=', 1) for line in text.splitlines() if '=' in line)
    found = {key.strip(): value.strip() for key, value in found.items()}
    return found or {str(k): str(v) for k, v in table(said.tool, 'package-dir').items()}

class _Reader:
    def __init__(self, said: Said) -> None:
        self._said = said
        self.left: list[Note] = []

    def files(self) -> dict[str, list[str]]:
        roots = package_dir(self._said)
        packages = self._packages(roots)
        result: dict[str, list[str]] = {}
        data: list[str] = []
        directories = {name: directory_of(name, roots) for name in packages}
        for name, directory in directories.items():
            for path in self._said.files.paths:
                if posixpath.dirname(path) == directory and path.endswith(('.py', '.pyi', '/py.typed')):
                    result.setdefault(name.replace('.', '/'), []).append(path)
        taken = {path for paths in result.values() for path in paths}
        for name, directory in directories.items():
            for path in self._said.files.paths:
                owner = posixpath.dirname(path)
                while owner and owner not in directories.values():
                    owner = posixpath.dirname(owner)
                if owner != directory or path in taken or path.endswith(_NO_DATA):
                    continue
                inner = posixpath.relpath(path, directory)
                target = posixpath.join(name.replace('.', '/'), posixpath.dirname(inner)).rstrip('/')
                if any(fnmatch.fnmatchcase(inner, pattern) for pattern in self._data_patterns(name)):
                    result.setdefault(target, []).append(path)
                elif not path.endswith(('.py', '.pxd')):
                    data.append(path)
        for module in self._py_modules(packages):
            path = posixpath.normpath(posixpath.join(roots.get('', ''), f'{module.replace(".", "/")}.py'))
            if path in self._said.files.paths:
                result.setdefault(posixpath.dirname(module.replace('.', '/')), []).append(path)
        if data:
            shown = ', '.join(data[:4]) + (f' and {len(data) - 4} more' if len(data) > 4 else '')
            self.left.append(Note('', f'not installed: {shown}; add what belongs into the wheel to '
                                       'py.install_sources()'))
        return {key: sorted(value) for key, value in sorted(result.items())}

    def _packages(self, roots: dict[str, str]) -> list[str]:
        value = self._said.script.arguments.get('packages')
        if isinstance(value, (list, tuple)) and is_known(value):
            return [str(name) for name in value]
        if isinstance(value, FindPackages):
            return self._find(value, roots)
        if isinstance(value, Unknown):
            self.left.append(Note(f'setup.py:{value.line}', f'packages is computed ({value.source}): add their files '
                                                             'to py.install_sources()'))
            return []
        text = self._said.cfg.get('options', 'packages', fallback='').strip()
        if text in ('find:', 'find_namespace:'):
            section = 'options.packages.find'
            return self._find(FindPackages(
                self._said.cfg.get(section, 'where', fallback='.').strip(),
                tuple(words(self._said.cfg.get(section, 'include', fallback='*'))),
                tuple(words(self._said.cfg.get(section, 'exclude', fallback=''))), text == 'find_namespace:'), roots)
        if text:
            return words(text)
        declared = self._said.tool.get('packages')
        if isinstance(declared, list):
            return [str(name) for name in declared]
        find = table(self._said.tool, 'packages', 'find')
        if isinstance(declared, dict):
            where = find.get('where', ['.'])
            return [name for root in (where if isinstance(where, list) else ['.']) for name in self._find(FindPackages(
                str(root), tuple(find.get('include', ['*'])), tuple(find.get('exclude', [])),
                bool(find.get('namespaces', True))), roots)]
        if self._py_modules_named() is not None:
            return []
        return self._discovered(roots)

    def _find(self, find: FindPackages, roots: dict[str, str]) -> list[str]:
        where = posixpath.normpath(find.where)
        where = '' if where == '.' else where
        if where:
            roots.setdefault('', where)
        found: set[str] = set()
        suffixes = ('.py', '.pyi', '/py.typed') if find.namespaces else ('/__init__.py',)
        for path in self._said.files.paths:
            inside = posixpath.dirname(path)
            if not path.endswith(suffixes) or inside == where:
                continue
            if where and not inside.startswith(f'{where}/'):
                continue
            inner = posixpath.relpath(inside, where or '.')
            parts = inner.split('/')
            regular = all(f'{posixpath.join(where, *parts[:n])}/__init__.py' in self._said.files.paths
                          for n in range(1, len(parts) + 1))
            if regular or find.namespaces:
                found.add('.'.join(parts))
        return sorted(name for name in found if any(fnmatch.fnmatchcase(name, p) for p in find.include)
                      and not any(fnmatch.fnmatchcase(name, p) for p in find.exclude)
                      and all(part.isidentifier() for part in name.split('.')))

    def _discovered(self, roots: dict[str, str]) -> list[str]:
        """As setuptools finds packages where nothing names them: in src, or one at the top."""
        if any(path.startswith('src/') and path.endswith('.py') for path in self._said.files.paths):
            return self._find(FindPackages('src', namespaces=True), roots)
        found = self._find(FindPackages('.', namespaces=True), roots)
        return [name for name in found if name.partition('.')[0] not in _NO_PACKAGES]

    def _py_modules_named(self) -> list[str] | None:
        value = self._said.script.arguments.get('py_modules')
        if isinstance(value, (list, tuple)) and is_known(value):
            return [str(name) for name in value]
        text = self._said.cfg.get('options', 'py_modules', fallback='').strip()
        if text:
            return words(text)
        declared = self._said.tool.get('py-modules')
        return [str(name) for name in declared] if isinstance(declared, list) else None

    def _py_modules(self, packages: typing.Sequence[str]) -> list[str]:
        named = self._py_modules_named()
        if named is not None:
            return named
        given = 'packages' in {*self._said.script.arguments, *self._said.tool}
        if packages or given or self._said.cfg.has_option('options', 'packages'):
            return []
        found = [path[:-3] for path in self._said.files.paths if '/' not in path and path.endswith('.py')]
        return [name for name in found if name not in _NO_MODULES and name.isidentifier()]

    def _data_patterns(self, package: str) -> list[str]:
        patterns: list[str] = []
        value = self._said.script.arguments.get('package_data')
        sources: list[typing.Mapping[str, typing.Any]] = [value] if isinstance(value, dict) else []
        sources.append(table(self._said.tool, 'package-data'))
        if self._said.cfg.has_section('options.package_data'):
            sources.append({key: words(text) for key, text in self._said.cfg.items('options.package_data')})
        for source in sources:
            for key in ('', '*', package):
                entry = source.get(key, [])
                patterns += [p for p in entry if isinstance(p, str)] if isinstance(entry, (list, tuple)) else []
        return patterns
