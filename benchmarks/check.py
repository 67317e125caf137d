# SPDX-License-Identifier: MIT
"""Compare `check` and `abiscan` with abi3audit and abi3t-doctor over the same files, in one run.

    python benchmarks/check.py [DIRECTORY] [--runs N] [--tag TAG]

DIRECTORY holds wheels; otherwise they are the first 30 that tests/real/wheels.toml pins, of three platforms, which the
tests with MESONBUILD_FT_FULL=1 download. Figures are medians of CPU seconds, all threads and child processes included,
and of the largest resident memory. The commands take turns. A ratio above 1 means that we are cheaper.
Three comparisons, each with what is measured as ours first:

- the wheels, with Python's zlib, and with libdeflate, as the extra `cli` installs it. The floor is the start of
  Python, finding the modules by zipfile, and inflating each: all of it, since its checksum covers all of it;
- of these, the wheels for the stable ABI, which are what abi3audit is for;
- the stable-ABI modules, unpacked: the command `abiscan` and abi3audit.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import typing
import zipfile


ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, os.fspath(ROOT / 'tools'))
import environments  # noqa: E402


FLOOR = '''
import sys, zipfile, zlib
try:
    import deflate
except ImportError:
    deflate = None
for path in sys.argv[1:]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith((".so", ".pyd")) or ".libs/" in info.filename:
                continue
            archive.fp.seek(info.header_offset + 26)
            lengths = archive.fp.read(4)
            archive.fp.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
            data = archive.fp.read(info.compress_size)
            if deflate is not None:
                deflate.crc32(deflate.deflate_decompress(data, info.file_size))
            else:
                zlib.crc32(zlib.decompress(data, -15, info.file_size))
'''
PEERS: typing.Final = ('abi3audit', 'abi3t-doctor')
Command = typing.Sequence[typing.Union[str, os.PathLike[str]]]


class Cost(typing.NamedTuple):
    """One run: CPU and wall seconds, and the largest resident memory of a process in KiB."""

    cpu: float
    wall: float
    memory: int


def measure(command: Command) -> Cost:
    """Run it once; status 1 tells of findings."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1) or b'Traceback (most recent' in output:
        raise SystemExit(f'{command[0]} failed:\n{output.decode(errors="replace")[-2000:]}')
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss)


def compare(title: str, commands: typing.Mapping[str, Command], runs: int) -> None:
    """Run the commands in turns and print what they cost beside the first."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            cost = measure(command)
            if run:
                costs[name].append(cost)
    print(f'{title}; median of {runs} runs')
    ours = next(iter(costs.values()))
    for name, theirs in costs.items():
        ratio = statistics.median(a.cpu / b.cpu for a, b in zip(theirs, ours, strict=True))
        print(f'  {name:28} CPU {statistics.median(c.cpu for c in theirs):7.3f} s   '
              f'wall {statistics.median(c.wall for c in theirs):7.3f} s   '
              f'memory {statistics.median(c.memory for c in theirs) / 1024:6.0f} MiB   {ratio:6.2f} ×', flush=True)


def tools(name: str, python: typing.Union[str, os.PathLike[str]], *requirements: str) -> pathlib.Path:
    """The python of an environment with these distributions."""
    directory = environments.CACHE / 'benchmarks' / name
    made = directory / 'bin' / 'python'
    if not made.exists():
        subprocess.run([python, '-m', 'venv', '--without-pip', directory], check=True)
        environments.pip_install(made, *requirements)
    return made


def abiscan() -> pathlib.Path:
    """The command, built as a distribution would."""
    build = environments.CACHE / 'benchmarks' / 'abiscan'
    meson = pathlib.Path(sys.executable).with_name('meson')
    if not (build / 'build.ninja').exists():
        subprocess.run([meson, 'setup', build, ROOT, '-Dcommand=true', '-Dbuildtype=release'], check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run([meson, 'compile', '-C', build], check=True, stdout=subprocess.DEVNULL)
    return build / 'mesonbuild_ft' / 'abiscan' / 'abiscan'


def unpack(wheels: typing.Iterable[str], directory: pathlib.Path) -> list[str]:
    """The modules that abi3audit takes as files: it wants .abi3. in the name."""
    found: list[str] = []
    for number, wheel in enumerate(wheels):
        with zipfile.ZipFile(wheel) as archive:
            found += [archive.extract(name, directory / str(number)) for name in archive.namelist()
                      if '.abi3.' in os.path.basename(name) and name.endswith('.so')]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', 1)[0])
    parser.add_argument('directory', type=pathlib.Path, nargs='?')
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--tag', default='cp311-cp311', help='the interpreter, as in tools/environments.py')
    arguments = parser.parse_args()
    directory = arguments.directory or environments.CACHE / 'real' / 'wheels'
    wheels = sorted(map(os.fspath, directory.glob('*.whl')))
    if arguments.directory is None:
        pinned = re.findall(r'^file = "(.+)"$', (ROOT / 'tests' / 'real' / 'wheels.toml').read_text(), re.M)[:30]
        wheels = [os.fspath(directory / name) for name in pinned if (directory / name).exists()]
    if not wheels or (arguments.directory is None and len(wheels) < 30):
        raise SystemExit(f'{directory} holds {len(wheels)} of the wheels; MESONBUILD_FT_FULL=1 with '
                         'tests/test_real_wheels.py downloads them')
    stable = [wheel for wheel in wheels if 'abi3' in os.path.basename(wheel).split('-')[-2]]
    python = next(iter(environments.prepare([arguments.tag]).values()))
    fast = tools(f'fast-{arguments.tag}', python, 'deflate')
    # The same files as in the other environment, not a copy of them.
    purelib = subprocess.run([python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'],
                             check=True, capture_output=True, text=True).stdout.strip()
    next((fast.parent.parent / 'lib').glob('*/site-packages')).joinpath('ours.pth').write_text(purelib + '\n')
    peers = tools('peers', sys.executable, *PEERS).parent
    # What the installed script does; -I: not the source tree.
    program = ['-I', '-c', 'from mesonbuild_ft.__main__ import run; run()', 'check']
    print(f'{platform.machine()}, {os.cpu_count()} CPUs, {arguments.tag}')
    for title, chosen in {'wheels': wheels, 'wheels for the stable ABI': stable}.items():
        if not chosen:
            continue
        others: dict[str, Command] = {
            'abi3audit': [peers / 'abi3audit', *chosen], 'abi3t-doctor': [peers / 'abi3t-doctor', 'wheel', *chosen]}
        size = sum(map(os.path.getsize, chosen)) / 1e6
        compare(f'{len(chosen)} {title}, {size:.0f} MB', {
            'check': [python, *program, *chosen],
            'floor': [python, '-I', '-c', FLOOR, *chosen], **others}, arguments.runs)
        compare('the same with libdeflate', {
            'check, extra cli': [fast, *program, *chosen],
            'floor': [fast, '-I', '-c', FLOOR, *chosen], **others}, arguments.runs)
    with tempfile.TemporaryDirectory() as unpacked:
        modules = unpack(stable, pathlib.Path(unpacked))
        if modules:
            size = sum(map(os.path.getsize, modules)) / 1e6
            compare(f'{len(modules)} modules for the stable ABI, {size:.0f} MB', {
                'abiscan': [abiscan(), *modules], 'abi3audit': [peers / 'abi3audit', *modules]}, arguments.runs)


if __name__ == '__main__':
    main()
