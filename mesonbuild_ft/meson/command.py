# SPDX-License-Identifier: MIT
"""The program that meson-python starts in place of `meson`, so that the plan is applied.

`tools.py` names it in the environment variable MESON, which meson-python documents, and
puts the request beside it. It passes every command on to the real Meson. Three things
are its own:

- `--version` is answered without importing Meson;
- after `setup` it reads which modules there are, decides, and where the decision asks
  for other options configures once more;
- a `setup` that would repeat the last one in the same build directory is left out.

What build.ninja records is the real Meson, so this file may disappear after the build.
It is started as a script: its directory must not stay on sys.path, where modules of
this package would hide others of the same name.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import typing


REQUEST = 'MESONBUILD_FT_REQUEST'


def main(arguments: list[str]) -> int:
    """Run one Meson command. The arguments are those of `meson`; returns its exit status."""
    text = os.environ.pop(REQUEST, None)
    request: dict[str, typing.Any]
    if text is None:
        # Started by a program inside the build that inherited MESON.
        request = {'meson': None, 'meson_script': sys.argv[0], 'mode': 'plain', 'meson_version': None}
    else:
        request = json.loads(text)
        _restore_environment(request['environment'])
    if arguments == ['--version'] and request['meson'] is None and request['meson_version']:
        print(request['meson_version'])
        return 0
    # A build inside the build has another build directory, and is not ours to decide on.
    if arguments[:1] == ['setup'] and request['mode'] != 'plain' and request['build_dir'] in arguments:
        _make_importable(request['package_parent'])
        from mesonbuild_ft.meson import setup

        return setup.run(request, arguments, run_meson)
    return run_meson(request, arguments)


def run_meson(request: dict[str, typing.Any], arguments: list[str]) -> int:
    """The real Meson: in a forked child where it is importable, else as the command that was chosen."""
    command = request['meson']
    if command is not None or not hasattr(os, 'fork'):
        import subprocess

        return subprocess.call([*(command or [sys.executable, '-m', 'mesonbuild.mesonmain']), *arguments])
    import mesonbuild.mesonmain

    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    result = 1
    try:
        sys.argv = [str(request['meson_script']), *arguments]
        result = mesonbuild.mesonmain.run(arguments, str(request['meson_script']))
    except SystemExit as exit_:
        result = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(result)


def _restore_environment(values: dict[str, str | None]) -> None:
    """What the build changed for meson-python alone is as the person set it again."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _make_importable(package_parent: str) -> None:
    import importlib.util

    if importlib.util.find_spec('mesonbuild_ft') is None:
        sys.path.append(package_parent)


if __name__ == '__main__':
    if sys.path and os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(__file__)):
        del sys.path[0]
    # A configuration is short-lived: collecting its garbage costs more than keeping it.
    gc.disable()
    sys.exit(main(sys.argv[1:]))
