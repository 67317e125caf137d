# SPDX-License-Identifier: MIT
"""Meson as a fork of this process, which has imported it already, in place of a new process each time.

`mesonbuild-ft wheels` builds for several interpreters from one process: half of the time of a small build is the start
of Python and the import of Meson. meson-python's own `subprocess.run` gets a stand-in that forks where the command is
Meson, and passes on all else. In an ordinary build nothing of this is used.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pathlib
import subprocess
import sys
import sysconfig
import types
import typing

from . import command as meson_command


#: What the build of a C project imports; one that a version of Meson does not have is left out.
_MODULES: typing.Final = (
    'mesonpy', 'mesonpy._util', 'mesonpy._rpath', 'mesonpy._tags',
    'mesonbuild.mesonmain', 'mesonbuild.msetup', 'mesonbuild.interpreter', 'mesonbuild.compilers.c',
    'mesonbuild.compilers.cpp', 'mesonbuild.compilers.d', 'mesonbuild.compilers.detect',
    'mesonbuild.backend.ninjabackend', 'mesonbuild.modules.python', 'mesonbuild.dependencies.python',
    'mesonbuild.linkers.linkers',
    # All of its commands, before it looks which one is asked for.
    'mesonbuild.mcompile', 'mesonbuild.mconf', 'mesonbuild.mdevenv', 'mesonbuild.mdist', 'mesonbuild.mformat',
    'mesonbuild.minit', 'mesonbuild.minstall', 'mesonbuild.msubprojects', 'mesonbuild.mtest',
    'mesonbuild.munstable_coredata', 'mesonbuild.rewriter', 'mesonbuild.scripts.depfixer',
    'mesonbuild.scripts.env2mfile', 'mesonbuild.scripts.meson_exe', 'mesonbuild.scripts.reprotest',
    'mesonbuild.wrap.wraptool',
    'mesonbuild_ft.build', 'mesonbuild_ft.description.reader', 'mesonbuild_ft.interpreter_cache',
    'mesonbuild_ft.meson.setup', 'mesonbuild_ft.presented', 'mesonbuild_ft._abiscan',
    'email.generator', 'encodings.cp437', 'sysconfig', 'zipfile',
)
_state: typing.Final = {'preloaded': False}


def preload() -> None:
    """Import Meson and meson-python, so that builds in forks of this process have them. Not where there is no fork."""
    if not hasattr(os, 'fork'):
        return
    import gc

    for name in _MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sysconfig.get_config_vars()
    # What is here now stays: forks need not look through it, and so share its memory.
    gc.freeze()
    _state['preloaded'] = True


@contextlib.contextmanager
def instead_of_processes() -> typing.Iterator[None]:
    """While this lasts, meson-python's Meson is a fork of this process, if `preload` was called."""
    if not _state['preloaded']:
        yield
        return
    import mesonpy

    before = mesonpy.subprocess
    mesonpy.subprocess = types.SimpleNamespace(**{**vars(subprocess), 'run': _run})
    try:
        yield
    finally:
        mesonpy.subprocess = before


def _run(command: typing.Sequence[typing.Any], **options: typing.Any) -> subprocess.CompletedProcess[str]:
    """`subprocess.run`, as meson-python calls it."""
    words = [os.fspath(word) for word in command]
    if words[:2] != [sys.executable, os.fspath(pathlib.Path(meson_command.__file__).resolve())]:
        return subprocess.run(command, **options)
    arguments = words[2:]
    if options.get('capture_output'):
        # `meson --version`; of a Meson that is not the importable one, which can only be run.
        request = json.loads(os.environ[meson_command.REQUEST])
        if arguments != ['--version'] or request['meson'] is not None:
            return subprocess.run(command, **options)
        return subprocess.CompletedProcess(words, 0, f'{request["meson_version"]}\n', '')
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        _become_meson(arguments, options.get('cwd'))
    _, status = os.waitpid(child, 0)
    return subprocess.CompletedProcess(words, os.waitstatus_to_exitcode(status), '', '')


def _become_meson(arguments: list[str], directory: typing.Any) -> typing.NoReturn:
    import gc

    status = 1
    try:
        # A configuration is short-lived: collecting its garbage costs more than keeping it.
        gc.disable()
        if directory is not None:
            os.chdir(directory)
        status = meson_command.main(arguments)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
