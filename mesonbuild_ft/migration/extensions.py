# SPDX-License-Identifier: MIT
"""The Extension()s of a project that setuptools builds, as far as they are written in literals."""

from __future__ import annotations

import dataclasses
import posixpath
import re
import typing

from .plan import Note, find_line, place
from .proposals import table
from .setup_script import Extension, Unknown, first_unknown, is_known
from .setuptools_files import Said, at, of


#: A version of CPython: (3, 9).
Version = tuple[int, int]

_EXTENSION_FIELDS: typing.Final = frozenset((
    'name', 'sources', 'include_dirs', 'define_macros', 'undef_macros', 'libraries', 'py_limited_api', 'depends',
    'language', 'optional'))
_CPP: typing.Final = ('.cc', '.cpp', '.cxx', '.c++', '.C')
_SOURCE_SUFFIXES: typing.Final = ('.c', '.pyx', *_CPP)


@dataclasses.dataclass(frozen=True)
class Module:
    """An extension module that meson.build can be written for.

    name: with its packages. place: where it is written. cpp: Cython is to generate C++. floor: limited_api:, None
    without. exports: the init function is visible by itself. missing: what could not be carried over, each with its
    place, for a comment in meson.build.
    """

    name: str
    place: str
    sources: tuple[str, ...]
    include_dirs: tuple[str, ...] = ()
    macros: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    cpp: bool = False
    floor: Version | None = None
    exports: bool = True
    missing: tuple[Note, ...] = ()


def read(said: Said) -> tuple[list[Module], list[Note], list[Note]]:
    """(modules, those that cannot be read, what is left to a person)."""
    reader = _Reader(said)
    modules: list[Module] = []
    for extension, path in reader.extensions():
        module = reader.module(extension, path)
        if module is None:
            continue
        last = module.name.rpartition('.')[2]
        if any(other.name.rpartition('.')[2] == last for other in modules):
            reader.unread.append(Note(module.place, f'{module.name}: a meson.build has one target of the name {last}; '
                                                    'put this module into a meson.build in a directory of its own'))
        else:
            modules.append(module)
    return modules, reader.unread, reader.left


class _Reader:
    def __init__(self, said: Said) -> None:
        self._said = said
        self.unread: list[Note] = []
        self.left: list[Note] = []

    def extensions(self) -> typing.Iterator[tuple[Extension, str]]:
        """The extension modules, and the file that each is written in."""
        value = self._said.script.arguments.get('ext_modules', [])
        for entry in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(entry, Extension):
                yield entry, 'setup.py'
            elif entry is not None:
                found = first_unknown(entry)
                line = found.line if found else self._said.script.lines.get('ext_modules', 0)
                self.unread.append(Note(
                    place('setup.py', line), f'ext_modules is computed: {found.source if found else repr(entry)}'))
        if 'ext_modules' not in self._said.script.arguments and '**' in self._said.script.arguments:
            unknown = self._said.script.arguments['**']
            self.unread.append(Note(place('setup.py', unknown.line), f'setup() has arguments that are computed: '
                                                                     f'{unknown.source}'))
        declared = self._said.tool.get('ext-modules', [])
        lines = [number for number, line in enumerate(self._said.text.splitlines(), 1)
                 if re.match(r'\s*\[\[tool\.setuptools\.ext-modules\]\]', line)]
        for number, entry in enumerate(declared if isinstance(declared, list) else []):
            if isinstance(entry, dict):
                yield Extension(lines[number] if number < len(lines) else 0, {
                    str(key).replace('-', '_'): value for key, value in entry.items()}), 'pyproject.toml'

    def module(self, extension: Extension, path: str) -> Module | None:
        where = place(path, extension.line)
        arguments = extension.arguments
        name, sources = arguments.get('name'), arguments.get('sources')
        package = self._said.script.arguments.get('ext_package') or ''
        if package and path == 'setup.py':
            name = f'{package}.{name}' if isinstance(package, str) and isinstance(name, str) else None
        if not isinstance(name, str) or not re.fullmatch(r'\w+(\.\w+)*', name):
            self.unread.append(Note(where, f'the name of an Extension is computed{of(name)}'))
            return None
        if not isinstance(sources, (list, tuple)) or not is_known(sources) or not sources:
            self.unread.append(Note(at(sources, where), f'{name}: its sources are computed{of(sources)}'))
            return None
        paths = [posixpath.normpath(str(source)) for source in sources]
        bad = [source for source in paths if source not in self._said.files.paths or
               not source.endswith(_SOURCE_SUFFIXES)]
        if bad:
            self.unread.append(Note(where, f'{name}: {bad[0]} is no C, C++ or Cython source that is there'))
            return None
        missing: list[Note] = []
        include_dirs = []
        for directory in self._strings(arguments, 'include_dirs', where, missing):
            inner = posixpath.normpath(directory)
            if inner == '.' or any(p.startswith(f'{inner}/') for p in self._said.files.paths):
                include_dirs.append(inner)
            else:
                missing.append(Note(where, f'include_dirs: {directory} is no directory of the project'))
        macros = self._macros(arguments, where, missing)
        for key, value in arguments.items():
            if key not in _EXTENSION_FIELDS and value not in ([], (), None, ''):
                unknown = first_unknown(value)
                line = at(value, where)
                shown = unknown.source if unknown is not None else repr(value)
                missing.append(Note(line, f'{"arguments" if key == "**" else key}: {shown}'))
        if arguments.get('optional') is True:
            self.left.append(Note(where, f'{name} is optional, and Meson stops where it cannot be compiled'))
        floor = self._floor(name, arguments, where, missing)
        if 'Py_LIMITED_API' in macros and floor is None:
            missing.append(Note(where, f'define_macros: Py_LIMITED_API={macros["Py_LIMITED_API"]}, without '
                                       'py_limited_api=True'))
        cpp = arguments.get('language') == 'c++' or any(
            re.search(r'^#\s*distutils:\s*language\s*=\s*c\+\+', self._said.files.read(p) or '', re.MULTILINE)
            for p in paths if p.endswith('.pyx'))
        return Module(
            name, where, tuple(paths), tuple(include_dirs),
            tuple([f'-D{key}' if value is None else f'-D{key}={value}' for key, value in macros.items()
                   if key not in ('Py_LIMITED_API', 'Py_GIL_DISABLED')]
                  + [f'-U{key}' for key in self._strings(arguments, 'undef_macros', where, missing)]),
            tuple(self._strings(arguments, 'libraries', where, missing)), cpp, floor,
            self._exports(name, paths), tuple(missing))

    def _exports(self, name: str, paths: typing.Sequence[str]) -> bool:
        """Whether the init functions are certainly exported where all other symbols are hidden, as Meson has it.

        setuptools hides nothing, so a source may do without PyMODINIT_FUNC.
        """
        last = name.rpartition('.')[2]
        certain = False
        for path in paths:
            text = self._said.files.read(path) or ''
            if path.endswith('.pyx') or re.search(r'\b(PYBIND11_MODULE|NB_MODULE)\b', text):
                certain = True
            for match in re.finditer(rf'^(.*)\bPy(Init|ModExport)_{last}\s*\(', text, re.MULTILINE):
                before = match[1] or text[:match.start()].rstrip().rpartition('\n')[2]
                if not re.search(r'\bPyMOD(INIT|EXPORT)_FUNC\b', before):
                    return False
                certain = True
        return certain

    def _strings(
        self, arguments: typing.Mapping[str, typing.Any], key: str, where: str, missing: list[Note],
    ) -> list[str]:
        """A list of strings; what of it is computed is noted."""
        value = arguments.get(key) or []
        if isinstance(value, Unknown) or not isinstance(value, (list, tuple)):
            missing.append(Note(at(value, where), f'{key} is computed{of(value)}'))
            return []
        known = [entry for entry in value if isinstance(entry, str)]
        missing += [Note(at(entry, where), f'{key} is computed{of(entry)}') for entry in value
                    if not isinstance(entry, str)]
        return known

    def _macros(
        self, arguments: typing.Mapping[str, typing.Any], where: str, missing: list[Note],
    ) -> dict[str, str | None]:
        value = arguments.get('define_macros') or []
        if not isinstance(value, (list, tuple)):
            missing.append(Note(at(value, where), f'define_macros is computed{of(value)}'))
            return {}
        result: dict[str, str | None] = {}
        for entry in value:
            if isinstance(entry, (list, tuple)) and len(entry) == 2 and is_known(entry) and isinstance(entry[0], str):
                result[entry[0]] = None if entry[1] is None else str(entry[1])
            else:
                missing.append(Note(at(entry, where), f'define_macros is computed{of(entry)}'))
        return result

    def _floor(
        self, name: str, arguments: typing.Mapping[str, typing.Any], where: str, missing: list[Note],
    ) -> Version | None:
        """limited_api: of a module: the version in py_limited_api of bdist_wheel, or a newer one it is compiled for."""
        limited = arguments.get('py_limited_api', False)
        if isinstance(limited, Unknown):
            missing.append(Note(at(limited, where), f'py_limited_api is computed{of(limited)}'))
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
            self.left.append(Note(where, f'{name} is compiled for 3.{max(versions)[1]}, and {option_place} names '
                                          f'3.{option[1]}: limited_api: has the newer'))
        if not versions:
            missing.append(Note(where, 'py_limited_api=True, and py_limited_api of bdist_wheel names no version'))
        return max(versions, default=None)

    def _bdist_wheel(self) -> tuple[Version | None, str]:
        """(the version in py_limited_api of bdist_wheel, where it is written)."""
        found: list[tuple[typing.Any, str]] = []
        options = self._said.script.arguments.get('options')
        if isinstance(options, dict) and isinstance(options.get('bdist_wheel'), dict):
            found.append((options['bdist_wheel'].get('py_limited_api'),
                          place('setup.py', self._said.script.lines.get('options', 0))))
        for key in ('py_limited_api', 'py-limited-api'):
            found.append((self._said.cfg.get('bdist_wheel', key, fallback=None),
                          place('setup.cfg', find_line(self._said.cfg_text, rf'^{key}\s*[=:]'))))
            found.append((table(self._said.data, 'tool', 'distutils', 'bdist_wheel').get(key),
                          place('pyproject.toml', find_line(self._said.text, rf'^\s*{key}\s*='))))
        for value, where in found:
            match = re.fullmatch(r'cp3(\d{1,2})', value) if isinstance(value, str) else None
            if match:
                return (3, int(match[1])), where
        return None, ''
