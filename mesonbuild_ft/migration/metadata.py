# SPDX-License-Identifier: MIT
"""Name and version of a project that setuptools builds, and the metadata that [project] does not have."""

from __future__ import annotations

import ast
import re
import typing

from . import packages
from .plan import Note, find_line, place
from .proposals import table
from .setup_script import Unknown
from .setuptools_files import Said, of


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


class Metadata(typing.NamedTuple):
    """version, name: '' where they are not known. version_needed: [project] leaves the version to meson.build."""

    name: str
    version: str
    version_needed: bool
    left: tuple[Note, ...]


def read(said: Said) -> Metadata:
    """What is known, and what is left to a person."""
    reader = _Reader(said)
    name, version, needed = reader.name_and_version()
    reader.metadata()
    return Metadata(name, version, needed, tuple(reader.left))


class _Reader:
    def __init__(self, said: Said) -> None:
        self._said = said
        self.left: list[Note] = []

    def name_and_version(self) -> tuple[str, str, bool]:
        """(name, version, whether [project] leaves the version to meson.build)."""
        name = self._said.in_project.get('name') or self._said.script.arguments.get('name') or self._said.cfg.get(
            'metadata', 'name', fallback='')
        version = self._said.in_project.get('version')
        if isinstance(version, str):
            return str(name) if isinstance(name, str) else '', version, False
        found = self._said.script.arguments.get('version') or self._said.cfg.get('metadata', 'version', fallback='')
        dynamic = table(self._said.tool, 'dynamic').get('version')
        if isinstance(dynamic, dict):
            found = f'attr:{dynamic["attr"]}' if 'attr' in dynamic else f'file:{_first(dynamic.get("file"))}'
        text = found if isinstance(found, str) else ''
        if text.startswith('attr:'):
            text = self._attribute(text[5:].strip())
        elif text.startswith('file:'):
            text = (self._said.files.read(text[5:].strip()) or '').strip()
        if not re.fullmatch(r'[0-9][\w.!+-]*', text):
            shown = of(found) if isinstance(found, Unknown) else ''
            line = self._said.script.lines.get('version', 0)
            where = 'pyproject.toml' if self._said.in_project else place('setup.py', line)
            self.left.append(Note(where, f'the version is computed{shown}: write it into project() of meson.build, or '
                                         'as version of [project]', blocks=True))
            text = ''
        elif dynamic or found != text:
            self.left.append(Note(
                'meson.build', f'the version, {text}, is written there now: Meson does not read it from elsewhere'))
        return str(name) if isinstance(name, str) else '', text, True

    def _attribute(self, dotted: str) -> str:
        """The literal that a module assigns to a name: setuptools reads 'attr:' in the same way."""
        module, _, attribute = dotted.rpartition('.')
        base = packages.directory_of(module, packages.package_dir(self._said))
        for path in (f'{base}.py', f'{base}/__init__.py', f'src/{module.replace(".", "/")}/__init__.py'):
            try:
                body = ast.parse(self._said.files.read(path) or '').body
            except (SyntaxError, ValueError):
                continue
            for node in body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and any(
                        isinstance(target, ast.Name) and target.id == attribute for target in node.targets):
                    return str(node.value.value)
        return ''

    def metadata(self) -> None:
        """Note what is said outside of [project]."""
        there = {'scripts' if key == 'entry-points' else key for key in self._said.in_project} - {'dynamic'}
        dynamic = self._said.in_project.get('dynamic')
        if isinstance(dynamic, list):
            for key in sorted({str(k) for k in dynamic} - {'version', 'license', 'license-files'}):
                where = place('pyproject.toml', find_line(self._said.text, r'^\s*dynamic\s*='))
                self.left.append(Note(
                    where, f'"{key}" is dynamic, which meson-python refuses: write it out', blocks=True))
        outside: dict[str, list[str]] = {}
        for key, line in self._said.script.lines.items():
            if key in _ELSEWHERE:
                self.left.append(Note(place('setup.py', line), f'{key}: {_ELSEWHERE[key]}'))
            elif key in _METADATA:
                outside.setdefault(_METADATA[key], []).append(place('setup.py', line))
            elif key not in _IGNORED:
                self.left.append(Note(place('setup.py', line), f'{key} has no counterpart'))
        for section, known in (('metadata', _METADATA), ('options', _METADATA)):
            for key in self._said.cfg.options(section) if self._said.cfg.has_section(section) else []:
                name = key.replace('-', '_')
                line = find_line(self._said.cfg_text, rf'^{re.escape(key)}\s*[=:]')
                if name in _ELSEWHERE:
                    self.left.append(Note(place('setup.cfg', line), f'{name}: {_ELSEWHERE[name]}'))
                elif name in known:
                    outside.setdefault(known[name], []).append(place('setup.cfg', line))
        for section, key in (('options.extras_require', 'optional-dependencies'), ('options.entry_points', 'scripts')):
            if self._said.cfg.has_section(section):
                outside.setdefault(key, []).append(place('setup.cfg', find_line(
                    self._said.cfg_text, rf'^\[{re.escape(section)}\]')))
        outside = {key: where for key, where in outside.items() if key not in there}
        outside_cfg = any(entry.startswith('setup.cfg') for entries in outside.values() for entry in entries)
        if outside:
            listed = ', '.join(f'{key} ({where[0]})' for key, where in outside.items())
            self.left.append(Note(
                '', f'metadata that [project] in pyproject.toml does not have: {listed}. '
                + ('' if self._said.in_project else 'Without that table a wheel has a name and a version only. ')
                + ('ini2toml converts setup.cfg; ' if outside_cfg else '') + 'validate-pyproject checks the result'))


def _first(value: typing.Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else str(value)
