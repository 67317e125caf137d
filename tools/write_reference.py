# SPDX-License-Identifier: MIT
"""Write what is made from the code: pages of docs/reference, pictures, the manual page, and scripts for shells.

    python tools/write_reference.py [--check]

With --check nothing is written; the status is 1 where a file is not up to date, and the files are named. In either
case it is 1 where an identifier has no page of its own in docs/reference/diagnostics, or a page no identifier.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import typing


ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ROOT / 'docs' / 'reference'
MANUAL = ROOT / 'mesonbuild_ft' / 'manual'
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]


def files() -> dict[pathlib.Path, typing.Callable[[], str]]:
    """Path -> what writes its text."""
    import comparison_tables
    import completion
    import howto
    import manual
    import peps
    import pictures
    import schema_pages

    page = MANUAL / 'mesonbuild-ft.1'
    return {
        REFERENCE / 'diagnostics.md': diagnostics,
        REFERENCE / 'commands.md': manual.markdown,
        REFERENCE / 'github-action.md': action,
        REFERENCE / 'settings.md': schema_pages.settings,
        REFERENCE / 'settings.schema.json': schema_pages.settings_schema,
        REFERENCE / 'schemas.md': schema_pages.schemas,
        REFERENCE / 'peps.md': peps.page,
        ROOT / 'docs' / 'explanation' / 'comparison.md': comparison_tables.page,
        ROOT / 'docs' / 'how-to' / 'github-workflow.md': workflow,
        ROOT / 'docs' / 'how-to' / 'port-an-extension.md': howto.page,
        **{ROOT / 'docs' / 'explanation' / 'pictures' / name: draw for name, draw in pictures.PICTURES.items()},
        page: lambda: manual.man(_read(page)),
        **{MANUAL / f'mesonbuild-ft.{shell}': lambda shell=shell: completion.script(shell)  # type: ignore[misc]
           for shell in completion.SHELLS},
    }


def diagnostics() -> str:
    """The list of all diagnostics."""
    from mesonbuild_ft.diagnostics import IDENTIFIERS

    lines = ['<!-- SPDX-License-Identifier: MIT -->', '<!-- Written by tools/write_reference.py -->',
             '# Diagnostics', '',
             'Each message begins with its severity and an identifier that is never renamed and never reused. '
             'It says what is wrong, where, and what to do. `mesonbuild-ft explain IDENTIFIER` prints its page.', '',
             '| Identifier | Meaning |', '|---|---|']
    lines += [f'| [`{name}`](diagnostics/{name}.md) | {meaning} |' for name, meaning in IDENTIFIERS.items()]
    return '\n'.join(lines) + '\n'


def action() -> str:
    """The inputs and outputs of action.yml."""
    import ruamel.yaml

    read = ruamel.yaml.YAML(typ='safe', pure=True).load(ROOT / 'action.yml')
    lines = [
        '<!-- SPDX-License-Identifier: MIT -->', '<!-- Written by tools/write_reference.py -->',
        '# The GitHub action', '',
        'It installs mesonbuild-ft into an environment of its own and runs one command of it. A whole workflow stands '
        'in [another page](../how-to/github-workflow.md).', '',
        '```yaml', '- uses: OWNER/mesonbuild-ft@v1', '  with: {command: check, paths: wheelhouse, fail-on: warning}',
        '```', '', '| Input | Default | |', '|---|---|---|']
    for name, one in read['inputs'].items():
        default = f'`{one["default"]}`' if one['default'] else ''
        lines.append(f'| `{name}` | {default} | {one["description"]} |')
    lines += ['', '| Output | |', '|---|---|']
    lines += [f'| `{name}` | {one["description"]} |' for name, one in read['outputs'].items()]
    return '\n'.join(lines) + '\n'


def workflow() -> str:
    """The page of the workflow, with the file as it is now."""
    page = _read(ROOT / 'docs' / 'how-to' / 'github-workflow.md')
    before, fence, rest = page.partition('```yaml\n# SPDX')
    after = rest.partition('```\n')[2]
    text = _read(ROOT / 'examples' / 'greeting' / '.github' / 'workflows' / 'wheels.yml')
    return f'{before}```yaml\n{text}```\n{after}' if fence else page


def without_page() -> list[str]:
    """Identifiers without a page, and pages without an identifier."""
    from mesonbuild_ft.diagnostics import IDENTIFIERS

    return sorted(set(IDENTIFIERS) ^ {path.stem for path in (REFERENCE / 'diagnostics').glob('*.md')})


def _read(path: pathlib.Path) -> str:
    return path.read_text(encoding='utf-8') if path.is_file() else ''


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('--check', action='store_true')
    arguments = parser.parse_args()
    if without_page():
        print(f'docs/reference/diagnostics: {", ".join(without_page())}: a page or an identifier is missing')
        return 1
    old = {path: text for path, write in files().items() if (text := write()) != _read(path)}
    for path, text in old.items():
        if arguments.check:
            print(f'{path.relative_to(ROOT)} is not up to date: run tools/write_reference.py')
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')
    return int(bool(old) and arguments.check)


if __name__ == '__main__':
    sys.exit(main())
