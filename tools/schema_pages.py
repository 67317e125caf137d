# SPDX-License-Identifier: MIT
"""Reference pages made from the JSON schemas: settings, and what the commands print as JSON."""

from __future__ import annotations

import json
import pathlib
import re
import typing


Schema = typing.Mapping[str, typing.Any]

REFERENCE: typing.Final = pathlib.Path(__file__).resolve().parent.parent / 'docs' / 'reference'
_HEAD: typing.Final = '<!-- SPDX-License-Identifier: MIT -->\n<!-- Written by tools/write_reference.py -->\n'

#: Config setting of ours -> what it does. Their values are those that settings.py admits.
_CONFIG_SETTINGS: typing.Final = {
    'abi': 'Asks for an ABI; `auto` decides. What is not possible is refused (`abi-not-possible`).',
    'verify': 'In place of `verify` in pyproject.toml, for this build.',
    'advise': 'In place of `advise` in pyproject.toml, for this build.',
    'target': 'The interpreter to build for: an executable, a prefix directory or a `build-details.json`, also of '
              'another system.',
}
#: Environment variable -> what it does.
_VARIABLES: typing.Final = {
    'MESONBUILD_FT_TARGET': 'As `-Ctarget=`, where a config setting is hard to give.',
    'MESON, NINJA': 'The programs to use, as in meson-python.',
    'CFLAGS, CXXFLAGS, CPPFLAGS, …': 'As in Meson; flags of mesonbuild-ft are added to them and take nothing away.',
    'SOURCE_DATE_EPOCH': 'The time of the files in a wheel.',
    'ARCHFLAGS, _PYTHON_HOST_PLATFORM, MACOSX_DEPLOYMENT_TARGET': 'Say of a target on macOS what they say to '
        'setuptools; what contradicts the target is an error.',
    'NO_COLOR, FORCE_COLOR': 'Colour of what the commands print.',
    'XDG_CACHE_HOME, LOCALAPPDATA': "Where the user's cache directory is: build environments, and what interpreters "
        'said of themselves.',
}


def settings_schema() -> str:
    """The schema of [tool.mesonbuild-ft] as a file, for editors."""
    from mesonbuild_ft import settings_schema

    return json.dumps({'$comment': 'SPDX-License-Identifier: MIT', **settings_schema.schema()}, indent=2) + '\n'


def settings() -> str:
    """Settings of pyproject.toml, config settings and environment variables. Raises ValueError for a missing one."""
    from mesonbuild_ft import settings, settings_schema

    if tuple(_CONFIG_SETTINGS) != settings.OWN_CONFIG_SETTINGS:
        raise ValueError(f'tools/schema_pages.py describes other config settings than {settings.OWN_CONFIG_SETTINGS}')
    schema = settings_schema.schema()
    matrix = schema['properties']['matrix']
    choices = {'abi': typing.get_args(settings.AbiChoice), 'verify': typing.get_args(settings.Verify),
               'advise': ('true', 'false')}
    lines = [
        f'{_HEAD}# Settings', '',
        'Everything in `[tool.meson-python]` and every config setting of '
        '[meson-python](https://mesonbuild.com/meson-python/) works as before. Besides:', '',
        '## `[tool.mesonbuild-ft]`', '',
        'In pyproject.toml. An unknown key is an error that names the nearest one.', '']
    lines += _settings({key: value for key, value in schema['properties'].items() if key != 'matrix'})
    lines += ['', '## `[tool.mesonbuild-ft.matrix]`', '',
              'Only [`mesonbuild-ft matrix`](../how-to/ci-matrix.md#settings) reads it.', '']
    lines += _settings(matrix['properties'])
    lines += [
        '', '## Config settings', '',
        'For one build: `pip wheel -Cabi=full .`, `python -m build -Cabi=full`, `uv build -Cabi=full`.', '',
        '| Setting | Values | |', '|---|---|---|']
    lines += [f'| `-C{key}=` | {_words(choices.get(key, ()))} | {text} |' for key, text in _CONFIG_SETTINGS.items()]
    lines += ['', '## Environment variables', '', '| Variable | |', '|---|---|']
    lines += ['| ' + ', '.join(f'`{name}`' if name != '…' else name for name in names.split(', ')) + f' | {text} |'
              for names, text in _VARIABLES.items()]
    lines += ['', '## For editors', '',
              'The [JSON schema of these settings](settings.schema.json) (draft 7) is offered to validate-pyproject, '
              'and so to the editors that use it, by the entry point `validate_pyproject.tool_schema`.']
    return '\n'.join(lines) + '\n'


def _settings(properties: Schema) -> list[str]:
    lines = ['| Key | Value | Default | |', '|---|---|---|---|']
    for key, value in properties.items():
        default = f'`{json.dumps(value["default"])}`' if 'default' in value else ''
        values = '`true`, `false`' if value.get('type') == 'boolean' else _type(value, quote=True)
        lines.append(f'| `{key}` | {values} | {default} | {_sentence(value["description"])} |')
    return lines


def schemas() -> str:
    """What the JSON of each command holds."""
    lines = [f'{_HEAD}# JSON schemas', '',
             'What commands print with `--format json` follows a schema (JSON Schema 2020-12). `schema_version` is '
             'raised when a field changes its meaning or goes away; fields may be added at any time. The schema of the '
             '[settings](settings.md#for-editors) is another one.']
    for path in sorted(REFERENCE.glob('*.schema.json')):
        name = path.name.removesuffix('.schema.json')
        if name == 'settings':
            continue
        schema = json.loads(path.read_text(encoding='utf-8'))
        lines += ['', f'## mesonbuild-ft {name}', '', f'The schema: [{name}.schema.json]({name}.schema.json).', '',
                  *_table(schema)]
        for part, definition in schema.get('$defs', {}).items():
            about = [definition['description'], ''] if 'description' in definition else []
            lines += ['', f'### {name}: {part}', '', *about]
            lines += _table(definition) if 'properties' in definition else [_type(definition)]
    return '\n'.join(lines) + '\n'


def _table(schema: Schema) -> list[str]:
    lines = ['| Field | Type | |', '|---|---|---|']
    for key, value in schema['properties'].items():
        optional = '' if key in schema.get('required', ()) else 'May be missing. '
        lines.append(f'| `{key}` | {_type(value)} | {optional}{_cell(value.get("description", ""))} |')
    return lines


def _type(schema: Schema, *, quote: bool = False) -> str:
    """What values a schema admits, in words."""
    if '$ref' in schema:
        return str(schema['$ref']).rpartition('/')[2]
    if 'const' in schema:
        return f'`{json.dumps(schema["const"])}`'
    if 'enum' in schema:
        return ', '.join(f'`{json.dumps(value) if quote or not isinstance(value, str) else value}`'
                         for value in schema['enum'])
    for word in ('oneOf', 'anyOf'):
        if word in schema:
            return ' or '.join(_type(part, quote=quote) for part in schema[word])
    kinds = schema.get('type', 'any')
    words = []
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind == 'array':
            words.append(f'list of {_type(schema["items"], quote=quote)}' if 'items' in schema else 'list')
        elif kind == 'object':
            words.append('table' if quote else 'object')
        else:
            words.append(kind)
    return ' or '.join(words)


def _words(values: typing.Iterable[str]) -> str:
    return ', '.join(f'`{value}`' for value in values)


def _cell(text: str) -> str:
    return text.replace('|', '\\|')


def _sentence(text: str) -> str:
    """What a docstring says of a field, for a cell; values in quotes are those of TOML."""
    return _cell(re.sub(r"'([a-z-]*)'", r'`"\1"`', text if text.startswith("'") else f'{text[:1].upper()}{text[1:]}'))
