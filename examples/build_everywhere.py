# SPDX-License-Identifier: MIT
"""Build examples/greeting for every interpreter of this machine, and import each wheel wherever its tag admits it.

    python examples/build_everywhere.py [TAG ...]

The wheels are left in .cache/example. Ends with status 1 if any build or import failed.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import packaging.utils


ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, os.fspath(ROOT / 'tools'))
import environments  # noqa: E402


IMPORT = '''
import json, sys, warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    import greeting
print(json.dumps({"says": greeting.greet("world"), "file": greeting.__file__,
                  "gil": getattr(sys, "_is_gil_enabled", lambda: True)(), "warnings": [str(w.message) for w in seen]}))
'''


def main() -> int:
    print('Setting up an environment for each interpreter …', flush=True)
    pythons = environments.prepare(sys.argv[1:])
    free_threaded = {i.tag for i in environments.interpreters() if i.free_threaded}
    output = environments.CACHE / 'example'
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    wheels: dict[str, pathlib.Path] = {}
    failed = False
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        admitted = dict(zip(pythons, pool.map(admitted_tags, pythons.values()), strict=True))
        builds = pool.map(lambda item: build(item[1], output / item[0]), pythons.items())
        for tag, (wheel, log) in zip(pythons, builds, strict=True):
            if wheel is None:
                failed = True
                print(f'\n{log}\n{tag}: the build failed; its output is above', flush=True)
                continue
            wheels[tag] = wheel
            # The summary that the backend prints at the end of a build.
            print('\n' + log[log.rindex('mesonbuild-ft: '):].rstrip(), flush=True)
        print('\nImporting each wheel in every interpreter that its tag admits:')
        for tag, wheel in wheels.items():
            unpack(wheel)
            serves = [other for other in pythons if admitted[other] & wheel_tags(wheel)]
            futures = [pool.submit(try_import, pythons[o], wheel, free_threaded=o in free_threaded) for o in serves]
            good = []
            for other, future in zip(serves, futures, strict=True):
                ok, text = future.result()
                good.append(f'{other} ({text})' if text else other)
                if not ok:
                    failed = True
                    good.pop()
                    print(f'  FAILED {wheel.name} of {tag} in {other}: {text}')
            print(f'  {wheel.name}, built by {tag}\n    in {", ".join(good)}', flush=True)
    distinct = sorted({wheel.name for wheel in wheels.values()})
    print(f'\n{len(distinct)} wheels serve {len(pythons)} interpreters:')
    for name in distinct:
        print(f'  {name}')
    return int(failed)


def build(python: pathlib.Path, output: pathlib.Path) -> tuple[pathlib.Path | None, str]:
    """Build the example as a front end does; returns the wheel and what was printed."""
    project = output / 'greeting'
    shutil.copytree(ROOT / 'examples' / 'greeting', project)
    code = f'import mesonbuild_ft; mesonbuild_ft.build_wheel({os.fspath(output)!r})'
    result = subprocess.run(
        [python, '-c', code], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env=environments.environment(python))
    found = list(output.glob('*.whl'))
    return (found[0] if result.returncode == 0 and found else None), result.stdout


def admitted_tags(python: pathlib.Path) -> set[str]:
    """The tags of wheels that pip would install there."""
    code = 'import packaging.tags; print(*packaging.tags.sys_tags())'
    return set(subprocess.run([python, '-c', code], check=True, capture_output=True, text=True).stdout.split())


def wheel_tags(wheel: pathlib.Path) -> set[str]:
    """The expanded tags in the wheel's file name."""
    _, _, _, tags = packaging.utils.parse_wheel_filename(wheel.name)
    return {str(tag) for tag in tags}


def unpack(wheel: pathlib.Path) -> None:
    """Unpack a wheel beside itself."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / 'unpacked')


def try_import(python: pathlib.Path, wheel: pathlib.Path, *, free_threaded: bool) -> tuple[bool, str]:
    """Import the module from the unpacked wheel in a fresh process; a free-threaded one must stay without the GIL."""
    target = wheel.parent / 'unpacked'
    environment = {**os.environ, 'PYTHONPATH': os.fspath(target), 'PYTHONDONTWRITEBYTECODE': '1'}
    result = subprocess.run([python, '-c', IMPORT], capture_output=True, text=True, check=False, env=environment,
                            cwd=target)
    if result.returncode != 0:
        return False, (result.stderr.strip().splitlines() or [f'status {result.returncode}'])[-1]
    facts = json.loads(result.stdout)
    text = ''
    if free_threaded:
        text = 'the GIL was switched on' if facts['gil'] else 'the GIL stays off'
    text += ''.join(f'; {warning}' for warning in facts['warnings'])
    return not facts['warnings'] and not (free_threaded and facts['gil']), text


if __name__ == '__main__':
    sys.exit(main())
