# SPDX-License-Identifier: MIT
"""What the project and the person at the command line asked for.

`[tool.mesonbuild-ft]` is read here, and of `[tool.meson-python]` what the decisions
need; everything else there is meson-python's and goes to it untouched.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import sys
import typing

from .diagnostics import BuildRefused, refuse


AbiChoice = typing.Literal['auto', 'full', 'abi3', 'abi3t']
Verify = typing.Literal['error', 'warn', 'off']
Gil = typing.Literal['not-used', 'used', 'unspecified']

#: Config settings that are ours; all others are meson-python's.
OWN_CONFIG_SETTINGS: typing.Final = ('abi', 'verify', 'advise', 'target')
#: Config settings of meson-python 0.22: what is nearer to one of these is no misspelling of ours.
MESON_PYTHON_CONFIG_SETTINGS: typing.Final = (
    'build-dir', 'builddir', 'editable-verbose', 'dist-args', 'setup-args', 'compile-args', 'install-args',
)
#: Keys of [tool.meson-python] in 0.22, to name the nearest one.
MESON_PYTHON_KEYS: typing.Final = (
    'meson', 'limited-api', 'allow-windows-internal-shared-libs', 'args', 'wheel', 'editable-verbose',
)


def _choices(annotation: typing.Any) -> tuple[str, ...]:
    return typing.get_args(annotation)


@dataclasses.dataclass(frozen=True)
class ProjectSettings:
    """`[tool.mesonbuild-ft]`; every key is a field with its default.

    abi3t: build one `abi3.abi3t` wheel for CPython >= 3.15 with and without the GIL (PEP 803).
    verify: what a wheel that is proven not to be what its tag says leads to.
    gil: 'not-used' makes a module that switches the GIL on an error; 'used' says that
        this is meant; 'unspecified' warns.
    import-libraries: keep the import libraries of extension modules in wheels for Windows,
        which only a linker uses.
    advise: for free-threaded Pythons, compilers warn at each call that CPython's HOWTO on free threading names.
    matrix: `[tool.mesonbuild-ft.matrix]` as it is; only the command of that name reads it, see matrix/settings.py.
    """

    abi3t: bool = False
    verify: Verify = 'error'
    gil: Gil = 'unspecified'
    import_libraries: bool = False
    advise: bool = False
    matrix: typing.Mapping[str, typing.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that the decisions need of the project and the command line.

    source_dir: absolute path of the project.
    pyproject: the parsed pyproject.toml.
    project: `[tool.mesonbuild-ft]`.
    limited_api: `limited-api` of `[tool.meson-python]`.
    meson: `meson` of `[tool.meson-python]`, as written.
    abi: the ABI asked for by -Cabi, 'auto' when none was.
    verify: -Cverify where given, else the project's.
    advise: -Cadvise where given, else the project's.
    target: -Ctarget as given, or None: the interpreter to build for, see target_choice.py.
    build_dir: -Cbuild-dir as given, or None.
    setup_args: arguments of `meson setup`, of pyproject.toml first.
    install_args: arguments of `meson install`, which choose what goes into the wheel.
    wheel_exclude, wheel_include: patterns of `[tool.meson-python.wheel]`.
    config_settings: what goes on to meson-python.
    """

    source_dir: pathlib.Path
    pyproject: typing.Mapping[str, typing.Any]
    project: ProjectSettings
    limited_api: bool = False
    meson: str | None = None
    abi: AbiChoice = 'auto'
    verify: Verify = 'error'
    advise: bool = False
    target: str | None = None
    build_dir: str | None = None
    setup_args: tuple[str, ...] = ()
    install_args: tuple[str, ...] = ()
    wheel_exclude: tuple[str, ...] = ()
    wheel_include: tuple[str, ...] = ()
    config_settings: typing.Mapping[str, typing.Any] = dataclasses.field(default_factory=dict)


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """'Did you mean …?' with the nearest known word, or a list of all of them."""
    known = sorted(known)
    match = _close(word.lower(), known, 0.5)
    if match:
        return f'Did you mean "{match}"?'
    return 'Known are: ' + ', '.join(known) + '.'


def _close(word: str, known: typing.Iterable[str], cutoff: float) -> str:
    # Needed for mistakes only, and slow to import.
    from . import suggestions

    return suggestions.nearest(word, known, cutoff)


def load(source_dir: pathlib.Path, config_settings: typing.Mapping[str, typing.Any] | None = None) -> Settings:
    """Read pyproject.toml in `source_dir` and the config settings. Raises BuildRefused."""
    source_dir = pathlib.Path(source_dir).absolute()
    pyproject = read_pyproject(source_dir)
    tool = _table(pyproject, 'tool', 'tool')
    for name in tool:
        for known in ('mesonbuild-ft', 'meson-python'):
            if name != known and re.sub('[^a-z0-9]', '', name.lower()) == known.replace('-', ''):
                raise refuse(
                    'unknown-setting', f'nobody reads the table [tool.{name}]', where='pyproject.toml',
                    advice=f'Write it as [tool.{known}].')
    project = parse_project_settings(_table(tool, 'mesonbuild-ft', 'tool.mesonbuild-ft'))
    meson_python = _table(tool, 'meson-python', 'tool.meson-python')
    for key in meson_python:
        # Whether an unlisted key exists is for the installed meson-python to say.
        if key not in MESON_PYTHON_KEYS and _close(key, MESON_PYTHON_KEYS, 0.75):
            raise refuse(
                'unknown-setting', f'unknown key "{key}"', where='pyproject.toml, [tool.meson-python]',
                advice=nearest(key, MESON_PYTHON_KEYS))
    limited_api = meson_python.get('limited-api', False)
    if not isinstance(limited_api, bool):
        raise wrong_kind('limited-api', '[tool.meson-python]', 'true or false', limited_api)
    meson = meson_python.get('meson')
    if meson is not None and (not isinstance(meson, str) or '\0' in meson):
        raise wrong_kind('meson', '[tool.meson-python]', 'a string', meson)
    _check_arguments(meson_python.get('args', {}))

    own, rest = _split_config_settings(config_settings or {})
    build_dir = _build_dir(rest)
    return Settings(
        source_dir=source_dir,
        pyproject=pyproject,
        project=project,
        limited_api=limited_api,
        meson=meson,
        abi=typing.cast(AbiChoice, own.get('abi', 'auto')),
        verify=typing.cast(Verify, own.get('verify', project.verify)),
        advise=own['advise'] == 'true' if 'advise' in own else project.advise,
        target=own.get('target'),
        build_dir=build_dir,
        setup_args=(*_strings(meson_python, 'args', 'setup'), *_words(rest.get('setup-args'))),
        install_args=(*_strings(meson_python, 'args', 'install'), *_words(rest.get('install-args'))),
        wheel_exclude=_strings(meson_python, 'wheel', 'exclude'),
        wheel_include=_strings(meson_python, 'wheel', 'include'),
        config_settings=rest,
    )


def build_requires(system: typing.Mapping[str, typing.Any]) -> list[str]:
    """`requires` of [build-system] (PEP 518). Raises BuildRefused."""
    requires = system.get('requires')
    if not isinstance(requires, list) or not all(isinstance(text, str) for text in requires):
        raise refuse(
            'invalid-pyproject', f'requires is {requires!r}, and not a list of strings',
            where='pyproject.toml, [build-system]', advice='Write requires = ["mesonbuild-ft"] (PEP 518).')
    return requires


def read_pyproject(source_dir: pathlib.Path) -> dict[str, typing.Any]:
    """The parsed pyproject.toml. Raises BuildRefused."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    path = source_dir / 'pyproject.toml'
    try:
        return tomllib.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise refuse(
            'unreadable-file', error.strerror or str(error), where=os.fspath(path),
            advice='Run the build in the directory that holds pyproject.toml, and check its permissions.') from error
    except UnicodeDecodeError as error:
        raise refuse(
            'invalid-pyproject', f'not UTF-8: {error.reason} at byte {error.start}', where='pyproject.toml',
            advice='TOML files are UTF-8; save the file in that encoding.') from error
    except RecursionError as error:
        raise refuse(
            'invalid-pyproject', 'nested too deeply', where='pyproject.toml',
            advice='No setting needs this; correct the file.') from error
    except ValueError as error:
        raise refuse(
            'invalid-pyproject', str(error), where='pyproject.toml', advice='Correct the TOML syntax there.') from error


def parse_project_settings(table: typing.Mapping[str, typing.Any]) -> ProjectSettings:
    """`[tool.mesonbuild-ft]` as a dataclass. Raises BuildRefused."""
    fields = {field.name.replace('_', '-'): field for field in dataclasses.fields(ProjectSettings)}
    hints = typing.get_type_hints(ProjectSettings)
    values: dict[str, typing.Any] = {}
    for key, value in table.items():
        if key not in fields:
            raise refuse(
                'unknown-setting', f'unknown key "{key}"', where='pyproject.toml, [tool.mesonbuild-ft]',
                advice=nearest(key, fields))
        hint = hints[fields[key].name]
        if key == 'matrix':
            if not isinstance(value, dict):
                raise wrong_kind(key, '[tool.mesonbuild-ft]', 'a table', value)
        elif hint is bool:
            if not isinstance(value, bool):
                raise wrong_kind(key, '[tool.mesonbuild-ft]', 'true or false', value)
        elif value not in _choices(hint):
            raise wrong_kind(key, '[tool.mesonbuild-ft]', ' or '.join(f'"{c}"' for c in _choices(hint)), value)
        values[fields[key].name] = value
    return ProjectSettings(**values)


def _split_config_settings(
    config_settings: typing.Mapping[str, typing.Any],
) -> tuple[dict[str, str], dict[str, typing.Any]]:
    own: dict[str, str] = {}
    rest: dict[str, typing.Any] = {}
    for key, value in config_settings.items():
        if key in OWN_CONFIG_SETTINGS:
            if key == 'target':
                if not isinstance(value, str) or not value or '\0' in value:
                    raise refuse(
                        'invalid-config-setting', f'-Ctarget cannot be {value!r}', where='-Ctarget',
                        advice='It takes one interpreter, prefix directory or build-details.json.')
                own[key] = value
                continue
            allowed = {'abi': _choices(AbiChoice), 'verify': _choices(Verify), 'advise': ('true', 'false')}[key]
            if value not in allowed:
                raise refuse(
                    'invalid-config-setting', f'-C{key} cannot be {value!r}', where=f'-C{key}',
                    advice='It takes one of: ' + ', '.join(allowed) + '.')
            own[key] = value
        else:
            known = (*OWN_CONFIG_SETTINGS, *MESON_PYTHON_CONFIG_SETTINGS)
            if key.replace('-', '_') in {field.name for field in dataclasses.fields(ProjectSettings)}:
                raise refuse(
                    'unknown-config-setting', f'"{key}" is not a config setting', where=f'-C{key}',
                    advice='Set it in pyproject.toml, [tool.mesonbuild-ft]'
                           + ('; -Cabi=abi3t asks for it once.' if key == 'abi3t' else '.'))
            # All others, its own misspelled ones too, are for the installed meson-python to judge.
            if key not in known and _close(key.lower(), known, 0.6) in OWN_CONFIG_SETTINGS:
                raise refuse(
                    'unknown-config-setting', f'unknown config setting "{key}"', where=f'-C{key}',
                    advice=nearest(key, known))
            if key.endswith('-args') and not isinstance(value, str) and not (
                    isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value)):
                raise refuse(
                    'invalid-config-setting', f'-C{key} cannot be {value!r}', where=f'-C{key}',
                    advice='It takes a string, or several.')
            rest[key] = value
    return own, rest


def _check_arguments(table: object) -> None:
    """[tool.meson-python.args] is a table of lists of strings; which keys it has is meson-python's to say."""
    if not isinstance(table, dict):
        raise wrong_kind('args', '[tool.meson-python]', 'a table', table)
    for key, value in table.items():
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise wrong_kind(key, '[tool.meson-python.args]', 'a list of strings', value)


def _strings(meson_python: typing.Mapping[str, typing.Any], table: str, key: str) -> tuple[str, ...]:
    """A list of strings in a table of [tool.meson-python]; what is none is meson-python's to refuse."""
    inner = meson_python.get(table)
    return _words(inner.get(key)) if isinstance(inner, dict) else ()


def _words(value: typing.Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, (list, tuple)) else ()


def _build_dir(config_settings: typing.Mapping[str, typing.Any]) -> str | None:
    """The build directory under either of its names."""
    given = [config_settings[name] for name in ('build-dir', 'builddir') if name in config_settings]
    if not given:
        return None
    if len(given) > 1 or not isinstance(given[0], str) or not given[0] or '\0' in given[0]:
        raise refuse(
            'invalid-config-setting', 'there must be one build directory', where='-Cbuild-dir',
            advice='Give -Cbuild-dir=DIRECTORY once, and -Cbuilddir, its old name, not at all.')
    return given[0]


def _table(parent: typing.Mapping[str, typing.Any], key: str, name: str) -> typing.Mapping[str, typing.Any]:
    value = parent.get(key, {})
    if not isinstance(value, dict):
        raise refuse(
            'invalid-pyproject', f'"{name}" is not a table', where='pyproject.toml',
            advice=f'Write it as [{name}].')
    return value


def wrong_kind(key: str, table: str, expected: str, value: object) -> BuildRefused:
    """The refusal of a value of the wrong kind; `expected` begins with what to write instead."""
    return refuse(
        'invalid-setting', f'"{key}" must be {expected}, not {value!r}', where=f'pyproject.toml, {table}',
        advice=f'Write {key} = {expected.split(" or ")[0]}, or remove the line.')
