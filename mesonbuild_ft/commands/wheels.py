# SPDX-License-Identifier: MIT
"""`mesonbuild-ft wheels`: build every wheel that a project needs, check it, and import it where it serves."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import typing

from . import status, values


EXIT_STATUS: typing.Final = {
    0: 'all wheels are there',
    1: 'a build failed or was refused',
    2: 'an interpreter or project that cannot be read',
}
EXAMPLES: typing.Final = (
    ('For every interpreter of this machine', 'mesonbuild-ft wheels'),
    ('For two of them', 'mesonbuild-ft wheels 3.11 3.14t'),
    ('With the full API, into another directory', 'mesonbuild-ft wheels -C abi=full -o full 3.11'),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = '%(prog)s [options] [PYTHON...]'
    parser.description = (
        'Build every wheel that the project in the current directory needs for these interpreters, once: a wheel that '
        'serves several of them is one build. Builds run side by side, in isolated environments. Each wheel is '
        'checked, and imported in every interpreter that it serves. A second run does only what changed.'
    )
    parser.add_argument('named', nargs='*', metavar='PYTHON', help='instead of the interpreters of this machine: a '
                        'version such as 3.14t, an interpreter, a prefix directory or a build-details.json')
    parser.add_argument('--directory', metavar='DIRECTORY',
                        help='of the project: the command runs as if it were started there')
    parser.add_argument('--all', action='store_true', help='those of this machine as well as those that are named')
    parser.add_argument('-o', '--output', type=pathlib.Path, default=pathlib.Path('dist'), metavar='DIRECTORY',
                        help='where the wheels go (default: %(default)s)')
    parser.add_argument('-C', '--config-setting', action='append', default=[], metavar='KEY=VALUE',
                        type=values.setting, help='a config setting for all builds, such as abi=full')
    parser.add_argument('-j', '--jobs', type=values.number, default=0, metavar='N',
                        help='how much runs at once (default: one for each processor)')
    parser.add_argument('-n', '--no-isolation', action='store_true',
                        help='build with what is installed beside this command')
    parser.add_argument('--installer', choices=('auto', 'uv', 'pip'), default='auto',
                        help='what fills build environments (default: uv where it is installed)')
    parser.add_argument('--no-import', action='store_true', help='do not import what was built')
    parser.add_argument('--format', choices=('table', 'json'), default='table',
                        help='of what is printed (default: %(default)s)')
    parser.add_argument('--fresh', action='store_true', help='use nothing that earlier runs left')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns the exit status."""
    from .. import report
    from ..check import checker
    from ..diagnostics import BuildRefused, from_os_error, refuse
    from ..inspection import surroundings
    from ..wheels import as_json, build, display
    from ..wheels.options import Options

    config: dict[str, typing.Any] = {}
    for key, value in arguments.config_setting:
        # As pypa/build gives a key that comes more than once.
        before = config.get(key)
        config[key] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    try:
        status.enter(arguments.directory)
        for key in ('target', 'build-dir'):
            if key in config:
                raise refuse(
                    'invalid-config-setting', f'{key} is set for each build by this command', where=f'-C{key}',
                    advice='Name interpreters as arguments; build directories are below build/wheels.')
        project = surroundings.project(pathlib.Path.cwd(), config)
        if project is None:
            migrates = any(os.path.exists(name) for name in ('pyproject.toml', 'setup.py', 'setup.cfg'))
            raise refuse(
                'unreadable-file', 'there is no project that Meson builds here: it has pyproject.toml and meson.build',
                where=os.getcwd(), advice='For a project of setuptools, `mesonbuild-ft migrate` writes a meson.build.'
                if migrates else 'Run this in the directory of the project.')
        found, findings = surroundings.find(arguments.named, and_machine=arguments.all or not arguments.named)
        if findings:
            raise BuildRefused(*findings)
        options = Options(
            pathlib.Path(os.path.abspath(arguments.output)), config, arguments.jobs or checker.processors(),
            arguments.installer, isolated=not arguments.no_isolation, do_import=not arguments.no_import,
            fresh=arguments.fresh, named=frozenset(each.path for each in found) if arguments.named else frozenset())
        with status.ends_orderly(), display.progress(sys.stderr) as progress:
            rows, done = build.run(found, project, options, progress)
    except BuildRefused as error:
        return status.refused(error)
    except OSError as error:
        report.show([from_os_error(error)])
        return status.UNUSABLE
    except KeyboardInterrupt:
        print('mesonbuild-ft: interrupted; wheels that were finished are kept', file=sys.stderr)
        raise
    failed = any(ended.state == 'failed' for ended in done) or any(row.state == 'refused' for row in rows)
    ended_with = status.FINDINGS if failed else status.CLEAN
    if arguments.format == 'json':
        sys.stdout.write(as_json.text(rows, done, os.fspath(options.output), ended_with))
    else:
        display.write(rows, done, project.name, os.fspath(options.output), sys.stdout)
    return ended_with
