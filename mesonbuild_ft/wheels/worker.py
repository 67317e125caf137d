# SPDX-License-Identifier: MIT
"""The program that runs in a build environment and calls the hooks of the backend there, each in a fork of itself.

It is started as a script by the interpreter of that environment, whose mesonbuild_ft may be another version than the
one that this file belongs to: only hooks that PEP 517 names are called. Standard library only. Its argument is a
directory for bytecode.

A job is one line of JSON on standard input:
    {"id": 1, "hook": "build_wheel", "arguments": [...], "directory": ..., "log": ..., "backend_path": [...],
     "variables": {...}}
The answer is a line of JSON on standard output, {"id": 1, "status": 0, "value": ...}, when it has ended. At the end of
standard input whatever still runs is ended. Without os.fork one job is done at a time, in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import typing


Job = dict[str, typing.Any]
#: Its number, and when it began: numbers are used again.
Process = tuple[int, str]
#: Of a build, by the pipe from which its answer is read: number of the job, process, what it answered so far.
Running = tuple[int, int, bytes]
#: Seconds that builds have to end by themselves.
_GRACE: typing.Final = 5.0


def main() -> None:
    """Serve jobs until standard input ends."""
    # Builds may print, and may read: neither is for these.
    jobs, answers = os.dup(0), os.fdopen(os.dup(1), 'w', encoding='utf-8')
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    if hasattr(os, 'fork'):
        running: dict[int, Running] = {}
        try:
            _serve(jobs, answers, running)
        finally:
            # Also where the answers cannot be written, because nobody is there to read them.
            _end([process for _, process, _ in running.values()])
    else:
        with os.fdopen(jobs, encoding='utf-8') as lines:
            for line in lines:
                _serve_here(json.loads(line), answers)


def _serve(jobs: int, answers: typing.TextIO, running: dict[int, Running]) -> None:
    import selectors

    selector = selectors.DefaultSelector()
    selector.register(jobs, selectors.EVENT_READ)
    unfinished = b''
    preloaded = False
    while True:
        for key, _ in selector.select():
            pipe = key.fd
            data = os.read(pipe, 1 << 16)
            if pipe in running:
                number, process, said = running[pipe]
                running[pipe] = (number, process, said + data)
                if not data:
                    selector.unregister(pipe)
                    os.close(pipe)
                    del running[pipe]
                    _, status = os.waitpid(process, 0)
                    if os.WIFSIGNALED(status):
                        # Such as for want of memory. ninja ends what it started.
                        with contextlib.suppress(OSError):
                            os.killpg(process, signal.SIGINT)
                    _answer(answers, id=number, status=_exit_status(status), value=json.loads(
                        said if status == 0 and said else 'null'))
                continue
            if not data:
                return
            *lines, unfinished = (unfinished + data).split(b'\n')
            for line in lines:
                job = json.loads(line)
                if not preloaded:
                    preloaded = True
                    _preload(job['backend_path'])
                process, pipe = _fork(job, answers)
                running[pipe] = (job['id'], process, b'')
                selector.register(pipe, selectors.EVENT_READ)


def _end(builds: list[int]) -> None:
    """End builds as Ctrl-C does, so that they leave nothing half-written; then whatever they started and still runs.

    ninja runs each command in a process group of its own, and some ignore Ctrl-C.
    """
    started = _descendants()
    for process in builds:
        with contextlib.suppress(OSError):
            os.killpg(process, signal.SIGINT)
    last = time.monotonic() + _GRACE
    while builds and time.monotonic() < last:
        builds = [process for process in builds if os.waitpid(process, os.WNOHANG) == (0, 0)]
        time.sleep(0.01)
    for number, _ in (started | _descendants()) & _processes().keys():
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGKILL)


def end_session(leader: int) -> None:
    """End what a process started that has died, and that led a session."""
    for number, _ in _in_session(leader, _processes()):
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGKILL)


def _in_session(leader: int, processes: typing.Iterable[Process]) -> set[Process]:
    """All of a session but its leader: those whose parent has died among them."""
    found = set()
    for process in processes:
        with contextlib.suppress(OSError):
            if process[0] != leader and os.getsid(process[0]) == leader:
                found.add(process)
    return found


def _descendants() -> set[Process]:
    """What this process started, and what that started."""
    parents = _processes()
    found = {(os.getpid(), ''), *_in_session(os.getpid(), parents)}
    while True:
        more = {process for process, parent in parents.items() if parent in {number for number, _ in found}} - found
        if not more:
            return {process for process in found if process[0] != os.getpid()}
        found |= more


def _processes() -> dict[Process, int]:
    """All processes, each with its parent."""
    found = {}
    if os.path.isdir('/proc/self'):
        for name in filter(str.isdecimal, os.listdir('/proc')):
            with contextlib.suppress(OSError), open(f'/proc/{name}/stat', encoding='ascii', errors='replace') as file:
                # The name in parentheses may have any character. proc(5): ppid is the 4th field, starttime the 22nd.
                fields = file.read().rpartition(')')[2].split()
                found[int(name), fields[19]] = int(fields[1])
        return found
    import subprocess

    listed = subprocess.run(['ps', '-A', '-o', 'pid=,ppid=,lstart='], capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        number, parent, start = line.split(None, 2)
        found[int(number), start] = int(parent)
    return found


def _fork(job: Job, answers: typing.TextIO) -> tuple[int, int]:
    """(process, pipe from which its answer is read). Both sides of the pipe are closed in programs that it starts."""
    readable, writable = os.pipe()
    child = os.fork()
    if child:
        with contextlib.suppress(OSError):
            # By whoever is first: it has to hold before anybody ends the group.
            os.setpgid(child, child)
        os.close(writable)
        return child, readable
    status = 1
    try:
        # Their end tells that the worker is no more.
        os.close(answers.fileno())
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        value, status = _call(job)
        with os.fdopen(writable, 'w', encoding='utf-8') as pipe:
            json.dump(value, pipe)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


def _serve_here(job: Job, answers: typing.TextIO) -> None:
    value, status = _call(job)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    _answer(answers, id=job['id'], status=status, value=value)


def _call(job: Job) -> tuple[typing.Any, int]:
    """(what the hook returned, exit status). What it prints goes to the log."""
    log = os.open(job['log'], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.environ.update(job['variables'])
    os.chdir(job['directory'])
    try:
        return getattr(_backend(job['backend_path']), job['hook'])(*job['arguments']), 0
    except SystemExit as error:
        if error.code is not None and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
            return None, 1
        return None, error.code or 0
    except KeyboardInterrupt:
        return None, 130


def _backend(backend_path: typing.Sequence[str]) -> typing.Any:
    for path in reversed(backend_path):
        if path not in sys.path:
            sys.path.insert(0, path)
    import mesonbuild_ft

    return mesonbuild_ft


def _preload(backend_path: typing.Sequence[str]) -> None:
    """Import once what all builds need. A backend that cannot be imported says so in the job."""
    try:
        _backend(backend_path)
        from mesonbuild_ft.meson import forked

        forked.preload()
    except ImportError:
        pass


def _exit_status(status: int) -> int:
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def _answer(stream: typing.TextIO, **values: typing.Any) -> None:
    stream.write(json.dumps(values) + '\n')
    stream.flush()


if __name__ == '__main__':
    # Meson takes longer to compile than to import. Whatever a person thinks of bytecode: it lies in our own directory.
    sys.dont_write_bytecode, sys.pycache_prefix = False, sys.argv[1]
    # The directory of this file holds modules with names of its own.
    if sys.path and os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(__file__)):
        del sys.path[0]
    main()
