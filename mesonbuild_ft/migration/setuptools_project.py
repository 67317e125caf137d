# SPDX-License-Identifier: MIT
"""What setup.py, setup.cfg and pyproject.toml say together of a project that setuptools builds."""

from __future__ import annotations

import ast
import configparser
import dataclasses
import fnmatch
import posixpath
import re
import typing

from . import setup_script
from .files import Files
from .plan import Note, find_line, place
from .proposals import table
from .setup_script import Extension, FindPackages, Unknown, first_unknown, is_known


#: A version of CPython: (3, 9).
Version = tuple[int, int]

#: Key of setup() or of setup.cfg -> the key of [project] that takes its place.
_METADATA: typing.Final = {
    'name': 'name', 'version': 'version', 'description': 'description', 'long_description': 'readme',
    'author': 'authors', 'author_email': 'authors', 'maintainer': 'maintainers', 'maintainer_email': 'maintainers',
    'url': 'urls', 'download_url': 'urls', 'project_urls': 'urls', 'license': 'license',
    'license_files': 'license-files', 'license_file': 'license-files', 'classifiers': 'classifiers',
    'keywords': 'keywords', 'python_requires': 'requires-python', 'install_requires': 'dependencies',
    'extras_require': 'optional-dependencies', 'entry_points': 'scripts',
}
#: What has no counterpart and needs none, or is read elsewhere here.
_IGNORED: typing.Final = frozenset((
    'ext_modules', 'ext_package', 'options', 'packages', 'py_modules', 'package_dir', 'package_data',
    'include_package_data', 'zip_safe', 'tests_require', 'test_suite', 'platforms', 'long_description_content_type',
    'exclude_package_data', '**'))
#: Keys that make setuptools do something which meson.build has to do now.
_ELSEWHERE: typing.Final = {
    'cmdclass': 'its code is not run any more: what it does to the build belongs into meson.build',
    'setup_requires': 'write what the build needs into [build-system] requires',
    'cffi_modules': 'generate the C source in meson.build with custom_target()',
    'rust_extensions': 'Meson builds Rust as static or shared libraries only',
    'data_files': 'write install_data() into meson.build', 'scripts': 'write scripts of [project] in its place',
    'use_scm_version': 'Meson takes a version from a command: version: run_command(…) in project()',
}
_EXTENSION_FIELDS: typing.Final = frozenset((
    'name', 'sources', 'include_dirs', 'define_macros', 'undef_macros', 'libraries', 'py_limited_api', 'depends',
    'language', 'optional'))
_CPP: typing.Final = ('.cc', '.cpp', '.cxx', '.c++', '.C')
_SOURCE_SUFFIXES: typing.Final = ('.c', '.pyx', *_CPP)
#: Files in a package that are no data.
_NO_DATA: typing.Final = (
    '.c', '.h', '.hpp', '.hh', '.pyx', '.pxi', '.so', '.pyd', '.pyc', '.o', '.in', '.build', '.pyo', *_CPP)
#: Directories at the top that setuptools does not take for packages (setuptools/discovery.py).
_NO_PACKAGES: typing.Final = frozenset((
    'ci', 'bin', 'debian', 'doc', 'docs', 'documentation', 'manpages', 'news', 'newsfragments', 'changelog', 'test',
    'tests', 'unit_test', 'unit_tests', 'example', 'examples', 'scripts', 'tools', 'util', 'utils', 'python', 'build',
    'benchmark', 'benchmarks', 'exercise', 'exercises', 'htmlcov', 'tasks', 'subprojects'))
_NO_MODULES: typing.Final = frozenset((
    'setup', 'conftest', 'test', 'tests', 'example', 'examples', 'build', 'toxfile', 'noxfile', 'pavement', 'dodo',
    'tasks', 'fabfile', 'Sconstruct', 'conanfile', 'manage', 'benchmark', 'benchmarks', 'exercise', 'exercises'))


@dataclasses.dataclass(frozen=True)
class Module:
    """An extension module that meson.build can be written for.

    name: with its packages. place: where it is written. floor: limited_api:, None without. missing: what could not be
    carried over, each with its place, for a comment in meson.build.
    """

    name: str
    place: str
    sources: tuple[str, ...]
    include_dirs: tuple[str, ...] = ()
    macros: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    cpp: bool = False
    floor: Version | None = None
    missing: tuple[Note, ...] = ()


@dataclasses.dataclass(frozen=True)
class Project:
    """unread: extension modules that cannot be read. python: directory that is installed into -> files.

    version, name: '' where they are not known. version_needed: [project] does not give it.
    """

    modules: tuple[Module, ...] = ()
    unread: tuple[Note, ...] = ()
    python: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    name: str = ''
    version: str = ''
    version_needed: bool = False
    left: tuple[Note, ...] = ()


def read(files: Files, data: typing.Mapping[str, typing.Any], text: str) -> Project:
    """The project in a directory. data: pyproject.toml, of which `text` is the text."""
    return _Reader(files, data, text).project()


class _Reader:
    def __init__(self, files: Files, data: typing.Mapping[str, typing.Any], text: str) -> None:
        self._files = files
        self._data = data
        self._text = text
        source = files.read('setup.py')
        self._script = setup_script.read(source, files.glob) if source is not None else setup_script.Script()
        self._cfg_text = files.read('setup.cfg') or ''
        self._cfg = configparser.ConfigParser(interpolation=None, strict=False)
        self._left: list[Note] = []
        try:
            self._cfg.read_string(self._cfg_text)
        except configparser.Error as error:
            self._left.append(Note('setup.cfg', f'it cannot be read: {str(error).splitlines()[0]}'))
        self._setuptools = table(data, 'tool', 'setuptools')
        self._in_project = table(data, 'project')

    def project(self) -> Project:
        unread: list[Note] = []
        if self._script.problem:
            unread.append(Note(place('setup.py', self._script.line), f'it cannot be read: {self._script.problem}'))
        modules: list[Module] = []
        for extension, path in self._extensions(unread):
            module = self._module(extension, path, unread)
            if module is None:
                continue
            last = module.name.rpartition('.')[2]
            if any(other.name.rpartition('.')[2] == last for other in modules):
                unread.append(Note(module.place, f'{module.name}: a meson.build has one target of the name {last}; put '
                                                 'this module into a meson.build in a directory of its own'))
            else:
                modules.append(module)
        python = self._python_files()
        for line, source in self._script.assumed.items():
            self._left.append(Note(f'setup.py:{line}', f'{source} is taken as CPython with the GIL has it, with no '
                                   'variable set: mesonbuild-ft chooses for each interpreter, and what people are to '
                                   'choose becomes an option of meson.options' if 'environ' in source or
                                   'getenv' in source else
                                   f'{source} is not needed any more: mesonbuild-ft chooses for each interpreter'))
        name, version, needed = self._name_and_version()
        self._metadata()
        return Project(
            tuple(modules), tuple(unread), python, name, version, needed, tuple(self._left))

    # Extension modules

    def _extensions(self, unread: list[Note]) -> typing.Iterator[tuple[Extension, str]]:
        """The extension modules, and the file that each is written in."""
        value = self._script.arguments.get('ext_modules', [])
        for entry in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(entry, Extension):
                yield entry, 'setup.py'
            elif entry is not None:
                found = first_unknown(entry)
                line = found.line if found else self._script.lines.get('ext_modules', 0)
                unread.append(Note(place('setup.py', line), 'ext_modules is computed: '
                                   + (found.source if found else repr(entry))))
        if 'ext_modules' not in self._script.arguments and '**' in self._script.arguments:
            unknown = self._script.arguments['**']
            unread.append(Note(place('setup.py', unknown.line), f'setup() has arguments that are computed: '
                                                                f'{unknown.source}'))
        declared = self._setuptools.get('ext-modules', [])
        lines = [number for number, line in enumerate(self._text.splitlines(), 1)
                 if re.match(r'\s*\[\[tool\.setuptools\.ext-modules\]\]', line)]
        for number, entry in enumerate(declared if isinstance(declared, list) else []):
            if isinstance(entry, dict):
                yield Extension(lines[number] if number < len(lines) else 0, {
                    str(key).replace('-', '_'): value for key, value in entry.items()}), 'pyproject.toml'

    def _module(self, extension: Extension, path: str, unread: list[Note]) -> Module | None:
        where = place(path, extension.line)
        arguments = extension.arguments
        name, sources = arguments.get('name'), arguments.get('sources')
        if not isinstance(name, str) or not re.fullmatch(r'\w+(\.\w+)*', name):
            unread.append(Note(where, f'the name of an Extension is computed{_of(name)}'))
            return None
        if not isinstance(sources, (list, tuple)) or not is_known(sources) or not sources:
            unread.append(Note(where, f'{name}: its sources are computed{_of(sources)}'))
            return None
        paths = [posixpath.normpath(str(source)) for source in sources]
        bad = [source for source in paths if source not in self._files.paths or
               not source.endswith(_SOURCE_SUFFIXES)]
        if bad:
            unread.append(Note(where, f'{name}: {bad[0]} is no C, C++ or Cython source that is there'))
            return None
        missing: list[Note] = []
        include_dirs, bad_dirs = self._strings(arguments, 'include_dirs', where, missing), []
        for directory in include_dirs:
            inner = posixpath.normpath(directory)
            if posixpath.isabs(inner) or inner.startswith('..') or not (
                    inner == '.' or any(p.startswith(f'{inner}/') for p in self._files.paths)):
                bad_dirs.append(directory)
        for directory in bad_dirs:
            missing.append(Note(where, f'include_dirs: {directory} is no directory of the project'))
        macros = self._macros(arguments, where, missing)
        for key, value in arguments.items():
            if key not in _EXTENSION_FIELDS and value not in ([], (), None, ''):
                unknown = first_unknown(value)
                line = place(path, unknown.line) if unknown is not None and path == 'setup.py' else where
                shown = unknown.source if unknown is not None else repr(value)
                missing.append(Note(line, f'{"arguments" if key == "**" else key}: {shown}'))
        floor = self._floor(name, arguments, where, missing)
        if 'Py_LIMITED_API' in macros and floor is None:
            missing.append(Note(where, f'define_macros: Py_LIMITED_API={macros["Py_LIMITED_API"]}, without '
                                       'py_limited_api=True'))
        cpp = arguments.get('language') == 'c++' or any(
            re.search(r'^#\s*distutils:\s*language\s*=\s*c\+\+', self._files.read(p) or '', re.MULTILINE)
            for p in paths if p.endswith('.pyx'))
        return Module(
            name, where, tuple(paths), tuple(posixpath.normpath(d) for d in include_dirs if d not in bad_dirs),
            tuple([f'-D{key}' if value is None else f'-D{key}={value}' for key, value in macros.items()
                   if key not in ('Py_LIMITED_API', 'Py_GIL_DISABLED')]
                  + [f'-U{key}' for key in self._strings(arguments, 'undef_macros', where, missing)]),
            tuple(self._strings(arguments, 'libraries', where, missing)), cpp, floor, tuple(missing))

    def _strings(
        self, arguments: typing.Mapping[str, typing.Any], key: str, where: str, missing: list[Note],
    ) -> list[str]:
        """A list of strings; what of it is computed is noted."""
        value = arguments.get(key) or []
        if isinstance(value, Unknown) or not isinstance(value, (list, tuple)):
            missing.append(Note(where, f'{key} is computed{_of(value)}'))
            return []
        known = [entry for entry in value if isinstance(entry, str)]
        missing += [Note(where, f'{key} is computed{_of(entry)}') for entry in value if not isinstance(entry, str)]
        return known

    def _macros(
        self, arguments: typing.Mapping[str, typing.Any], where: str, missing: list[Note],
    ) -> dict[str, str | None]:
        value = arguments.get('define_macros') or []
        if not isinstance(value, (list, tuple)):
            missing.append(Note(where, f'define_macros is computed{_of(value)}'))
            return {}
        result: dict[str, str | None] = {}
        for entry in value:
            if isinstance(entry, (list, tuple)) and len(entry) == 2 and is_known(entry) and isinstance(entry[0], str):
                result[entry[0]] = None if entry[1] is None else str(entry[1])
            else:
                missing.append(Note(where, f'define_macros is computed{_of(entry)}'))
        return result

    def _floor(
        self, name: str, arguments: typing.Mapping[str, typing.Any], where: str, missing: list[Note],
    ) -> Version | None:
        """limited_api: of a module: the version in py_limited_api of bdist_wheel, or a newer one it is compiled for."""
        limited = arguments.get('py_limited_api', False)
        if isinstance(limited, Unknown):
            missing.append(Note(where, f'py_limited_api is computed{_of(limited)}'))
            return None
        if not limited:
            return None
        option, option_place = self._bdist_wheel()
        versions = [] if option is None else [option]
        defined = self._macros(arguments, where, []).get('Py_LIMITED_API', '')
        if defined is None or defined == '3':
            versions.append((3, 2))
        elif re.fullmatch(r'0[xX]0?3[0-9a-fA-F]{6}', defined):
            versions.append((3, int(defined, 16) >> 16 & 0xFF))
        if option is not None and max(versions) != option:
            self._left.append(Note(where, f'{name} is compiled for 3.{max(versions)[1]}, and {option_place} names '
                                          f'3.{option[1]}: limited_api: has the newer'))
        if not versions:
            missing.append(Note(where, 'py_limited_api=True, and py_limited_api of bdist_wheel names no version'))
        return max(versions, default=None)

    def _bdist_wheel(self) -> tuple[Version | None, str]:
        """(the version in py_limited_api of bdist_wheel, where it is written)."""
        found: list[tuple[typing.Any, str]] = []
        options = self._script.arguments.get('options')
        if isinstance(options, dict) and isinstance(options.get('bdist_wheel'), dict):
            found.append((options['bdist_wheel'].get('py_limited_api'),
                          place('setup.py', self._script.lines.get('options', 0))))
        for key in ('py_limited_api', 'py-limited-api'):
            found.append((self._cfg.get('bdist_wheel', key, fallback=None),
                          place('setup.cfg', find_line(self._cfg_text, rf'^{key}\s*[=:]'))))
            found.append((table(self._data, 'tool', 'distutils', 'bdist_wheel').get(key),
                          place('pyproject.toml', find_line(self._text, rf'^\s*{key}\s*='))))
        for value, where in found:
            match = re.fullmatch(r'cp3(\d{1,2})', value) if isinstance(value, str) else None
            if match:
                return (3, int(match[1])), where
        return None, ''

    # Python files

    def _python_files(self) -> dict[str, list[str]]:
        roots = self._package_dir()
        packages = self._packages(roots)
        result: dict[str, list[str]] = {}
        data: list[str] = []
        directories = {name: self._directory(name, roots) for name in packages}
        for name, directory in directories.items():
            for path in self._files.paths:
                if posixpath.dirname(path) == directory and path.endswith(('.py', '.pyi', '/py.typed')):
                    result.setdefault(name.replace('.', '/'), []).append(path)
        taken = {path for paths in result.values() for path in paths}
        for name, directory in directories.items():
            for path in self._files.paths:
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
            if path in self._files.paths:
                result.setdefault(posixpath.dirname(module.replace('.', '/')), []).append(path)
        if data:
            shown = ', '.join(data[:4]) + (f' and {len(data) - 4} more' if len(data) > 4 else '')
            self._left.append(Note('', f'not installed: {shown}; add what belongs into the wheel to '
                                       'py.install_sources()'))
        return {key: sorted(value) for key, value in sorted(result.items())}

    def _package_dir(self) -> dict[str, str]:
        value = self._script.arguments.get('package_dir')
        if isinstance(value, dict) and is_known(value):
            return {str(k): str(v).strip('/').removeprefix('./') for k, v in value.items()}
        text = self._cfg.get('options', 'package_dir', fallback='')
        found = dict(line.split('=', 1) for line in text.splitlines() if '=' in line)
        found = {key.strip(): value.strip() for key, value in found.items()}
        return found or {str(k): str(v) for k, v in table(self._setuptools, 'package-dir').items()}

    def _directory(self, package: str, roots: typing.Mapping[str, str]) -> str:
        """The directory of a package, as package_dir says it."""
        rest: list[str] = []
        words = package.split('.')
        while words:
            if '.'.join(words) in roots:
                return posixpath.normpath(posixpath.join(roots['.'.join(words)], *rest))
            rest.insert(0, words.pop())
        return posixpath.normpath(posixpath.join(roots.get('', ''), *rest))

    def _packages(self, roots: dict[str, str]) -> list[str]:
        value = self._script.arguments.get('packages')
        if isinstance(value, (list, tuple)) and is_known(value):
            return [str(name) for name in value]
        if isinstance(value, FindPackages):
            return self._find(value, roots)
        if isinstance(value, Unknown):
            self._left.append(Note(f'setup.py:{value.line}', f'packages is computed ({value.source}): add their files '
                                                             'to py.install_sources()'))
            return []
        text = self._cfg.get('options', 'packages', fallback='').strip()
        if text in ('find:', 'find_namespace:'):
            section = 'options.packages.find'
            return self._find(FindPackages(
                self._cfg.get(section, 'where', fallback='.').strip(),
                tuple(_words(self._cfg.get(section, 'include', fallback='*'))),
                tuple(_words(self._cfg.get(section, 'exclude', fallback=''))), text == 'find_namespace:'), roots)
        if text:
            return _words(text)
        declared = self._setuptools.get('packages')
        if isinstance(declared, list):
            return [str(name) for name in declared]
        find = table(self._setuptools, 'packages', 'find')
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
        for path in self._files.paths:
            directory = posixpath.dirname(path)
            if not path.endswith('.py') or not directory.startswith(where) or directory == where:
                continue
            inner = posixpath.relpath(directory, where or '.')
            parts = inner.split('/')
            regular = all(f'{posixpath.join(where, *parts[:n])}/__init__.py' in self._files.paths
                          for n in range(1, len(parts) + 1))
            if regular or find.namespaces:
                found.add('.'.join(parts))
        return sorted(name for name in found if any(fnmatch.fnmatchcase(name, p) for p in find.include)
                      and not any(fnmatch.fnmatchcase(name, p) for p in find.exclude)
                      and all(part.isidentifier() for part in name.split('.')))

    def _discovered(self, roots: dict[str, str]) -> list[str]:
        """As setuptools finds packages where nothing names them: in src, or one at the top."""
        if any(path.startswith('src/') and path.endswith('.py') for path in self._files.paths):
            return self._find(FindPackages('src', namespaces=True), roots)
        found = self._find(FindPackages('.', namespaces=True), roots)
        return [name for name in found if name.partition('.')[0] not in _NO_PACKAGES]

    def _py_modules_named(self) -> list[str] | None:
        value = self._script.arguments.get('py_modules')
        if isinstance(value, (list, tuple)) and is_known(value):
            return [str(name) for name in value]
        text = self._cfg.get('options', 'py_modules', fallback='').strip()
        if text:
            return _words(text)
        declared = self._setuptools.get('py-modules')
        return [str(name) for name in declared] if isinstance(declared, list) else None

    def _py_modules(self, packages: typing.Sequence[str]) -> list[str]:
        named = self._py_modules_named()
        if named is not None:
            return named
        given = 'packages' in {*self._script.arguments, *self._setuptools} or self._cfg.has_option('options', 'packages')
        if packages or given:
            return []
        found = [path[:-3] for path in self._files.paths if '/' not in path and path.endswith('.py')]
        return [name for name in found if name not in _NO_MODULES and name.isidentifier()]

    def _data_patterns(self, package: str) -> list[str]:
        patterns: list[str] = []
        value = self._script.arguments.get('package_data')
        sources: list[typing.Mapping[str, typing.Any]] = [value] if isinstance(value, dict) else []
        sources.append(table(self._setuptools, 'package-data'))
        if self._cfg.has_section('options.package_data'):
            sources.append({key: _words(text) for key, text in self._cfg.items('options.package_data')})
        for source in sources:
            for key in ('', '*', package):
                entry = source.get(key, [])
                patterns += [p for p in entry if isinstance(p, str)] if isinstance(entry, (list, tuple)) else []
        return patterns

    # Metadata

    def _name_and_version(self) -> tuple[str, str, bool]:
        """(name, version, whether [project] leaves the version to meson.build)."""
        name = self._in_project.get('name') or self._script.arguments.get('name') or self._cfg.get(
            'metadata', 'name', fallback='')
        version = self._in_project.get('version')
        if isinstance(version, str):
            return str(name) if isinstance(name, str) else '', version, False
        found = self._script.arguments.get('version') or self._cfg.get('metadata', 'version', fallback='')
        dynamic = table(self._setuptools, 'dynamic').get('version')
        if isinstance(dynamic, dict):
            found = f'attr:{dynamic["attr"]}' if 'attr' in dynamic else f'file:{_first(dynamic.get("file"))}'
        text = found if isinstance(found, str) else ''
        if text.startswith('attr:'):
            text = self._attribute(text[5:].strip())
        elif text.startswith('file:'):
            text = (self._files.read(text[5:].strip()) or '').strip()
        if not re.fullmatch(r'[0-9][\w.!+-]*', text):
            shown = _of(found) if isinstance(found, Unknown) else ''
            where = place('setup.py', self._script.lines.get('version', 0)) if 'version' in self._script.lines else (
                'pyproject.toml' if self._in_project else 'setup.py')
            self._left.append(Note(where, f'the version is computed{shown}: write it into project() of meson.build, or '
                                          'as version of [project]'))
            text = ''
        return str(name) if isinstance(name, str) else '', text, True

    def _attribute(self, dotted: str) -> str:
        """The literal that a module assigns to a name: setuptools reads 'attr:' in the same way."""
        module, _, attribute = dotted.rpartition('.')
        base = self._directory(module, self._package_dir())
        for path in (f'{base}.py', f'{base}/__init__.py', f'src/{module.replace(".", "/")}/__init__.py'):
            try:
                body = ast.parse(self._files.read(path) or '').body
            except (SyntaxError, ValueError):
                continue
            for node in body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and any(
                        isinstance(target, ast.Name) and target.id == attribute for target in node.targets):
                    return str(node.value.value)
        return ''

    def _metadata(self) -> None:
        """Note what is said outside of [project]."""
        there = {key for key in self._in_project if key != 'dynamic'} | ({'scripts'} if 'entry-points' in
                                                                         self._in_project else set())
        dynamic = self._in_project.get('dynamic')
        if isinstance(dynamic, list):
            for key in sorted({str(k) for k in dynamic} - {'version', 'license', 'license-files'}):
                where = place('pyproject.toml', find_line(self._text, r'^\s*dynamic\s*='))
                self._left.append(Note(where, f'"{key}" is dynamic, which meson-python refuses: write it out'))
        outside: dict[str, list[str]] = {}
        for key, line in self._script.lines.items():
            if key in _ELSEWHERE:
                self._left.append(Note(place('setup.py', line), f'{key}: {_ELSEWHERE[key]}'))
            elif key in _METADATA:
                outside.setdefault(_METADATA[key], []).append(place('setup.py', line))
            elif key not in _IGNORED:
                self._left.append(Note(place('setup.py', line), f'{key} has no counterpart'))
        for section, known in (('metadata', _METADATA), ('options', _METADATA)):
            for key in self._cfg.options(section) if self._cfg.has_section(section) else []:
                name = key.replace('-', '_')
                line = find_line(self._cfg_text, rf'^{re.escape(key)}\s*[=:]')
                if name in _ELSEWHERE:
                    self._left.append(Note(place('setup.cfg', line), f'{name}: {_ELSEWHERE[name]}'))
                elif name in known:
                    outside.setdefault(known[name], []).append(place('setup.cfg', line))
        for section, key in (('options.extras_require', 'optional-dependencies'), ('options.entry_points', 'scripts')):
            if self._cfg.has_section(section):
                outside.setdefault(key, []).append(place('setup.cfg', find_line(
                    self._cfg_text, rf'^\[{re.escape(section)}\]')))
        outside = {key: where for key, where in outside.items() if key not in there}
        if outside:
            listed = ', '.join(f'{key} ({where[0]})' for key, where in outside.items())
            self._left.append(Note(
                '', f'metadata that [project] in pyproject.toml does not have: {listed}. '
                + ('ini2toml converts setup.cfg; ' if self._cfg_text else '')
                + 'validate-pyproject checks the result'))


def _of(value: typing.Any) -> str:
    """': the expression' of what is Unknown."""
    found = first_unknown(value)
    return f': {found.source}' if found is not None else ''


def _words(text: str) -> list[str]:
    """A list of setup.cfg: one word a line, or separated by commas."""
    return [word.strip() for word in re.split(r'[\n,]', text) if word.strip()]


def _first(value: typing.Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else str(value)
