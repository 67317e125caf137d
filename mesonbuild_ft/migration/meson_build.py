# SPDX-License-Identifier: MIT
"""A meson.build for what was read of a setuptools project."""

from __future__ import annotations

import typing

from .extensions import Module
from .setuptools_project import Project


#: What mesonbuild-ft itself asks for: the first Meson with limited_api:.
_MESON_VERSION: typing.Final = '>=1.3.0'
_CPP: typing.Final = ('.cc', '.cpp', '.cxx', '.c++', '.C')


def text(project: Project) -> str:
    """The file. What could not be carried over stands in it as a comment with its place."""
    lines = ['project(', f'  {quoted(project.name or "unnamed")},']
    lines += [f'  {quoted(language)},' for language in languages(project)]
    if project.version_needed and project.version:
        lines.append(f'  version: {quoted(project.version)},')
    elif project.version_needed:
        lines.append('  # TODO version:')
    lines += [f'  meson_version: {quoted(_MESON_VERSION)},', ')', '',
              "py = import('python').find_installation(pure: false)"]
    libraries = list(dict.fromkeys(library for module in project.modules for library in module.libraries))
    if libraries:
        compiler = 'cc' if 'c' in languages(project) else 'cpp'
        lines.append(f'{compiler} = meson.get_compiler({quoted("c" if compiler == "cc" else "cpp")})')
        lines += [f'{variable(library)} = {compiler}.find_library({quoted(library)}'
                  + (', required: false)' if library == 'm' else ')') for library in libraries]
    for module in project.modules:
        lines += ['', *_module(module)]
    for note in project.unread:
        lines += ['', f'# TODO {note.place}: {note.text}'.replace('\n', ' ')]
    for directory, paths in project.python.items():
        lines += ['', 'py.install_sources(', *(f'  {quoted(path)},' for path in paths)]
        lines += [f'  subdir: {quoted(directory)},'] if directory else []
        lines.append(')')
    return '\n'.join(lines) + '\n'


def languages(project: Project) -> list[str]:
    """The languages of project(), the ones that the sources are written in."""
    found: set[str] = set()
    for module in project.modules:
        for source in module.sources:
            if source.endswith('.pyx'):
                found |= {'cython', 'cpp' if module.cpp else 'c'}
            else:
                found.add('cpp' if source.endswith(_CPP) else 'c')
    return [language for language in ('c', 'cpp', 'cython') if language in found]


def _module(module: Module) -> list[str]:
    package, _, name = module.name.rpartition('.')
    lines = [f'# TODO {note.place}: {note.text}'.replace('\n', ' ') for note in module.missing]
    lines += ['py.extension_module(', f'  {quoted(name)},', *(f'  {quoted(source)},' for source in module.sources)]
    if module.include_dirs:
        lines.append(f'  include_directories: include_directories({", ".join(map(quoted, module.include_dirs))}),')
    if module.macros:
        flags = ', '.join(map(quoted, module.macros))
        own = languages(Project(modules=(module,)))
        lines += [f'  {language}_args: [{flags}],' for language in ('c', 'cpp') if language in own]
    if module.libraries:
        lines.append(f'  dependencies: [{", ".join(map(variable, module.libraries))}],')
    if module.cpp and any(source.endswith('.pyx') for source in module.sources):
        lines.append("  override_options: ['cython_language=cpp'],")
    if not module.exports:
        lines += ['  # setuptools hides no symbol, and a source may do without PyMODINIT_FUNC.',
                  "  gnu_symbol_visibility: 'default',"]
    if module.floor is not None:
        lines.append(f'  limited_api: {quoted(f"{module.floor[0]}.{module.floor[1]}")},')
    if package:
        lines.append(f'  subdir: {quoted(package.replace(".", "/"))},')
    return [*lines, '  install: true,', ')']


def quoted(text: str) -> str:
    """A string of Meson."""
    escaped = text.replace('\\', '\\\\').replace("'", "\\'").replace('\n', '\\n')
    return f"'{escaped}'"


def variable(library: str) -> str:
    """The name of the variable for a library."""
    return 'lib_' + ''.join(c if c.isascii() and c.isalnum() else '_' for c in library)
