# SPDX-License-Identifier: MIT
"""`mesonbuild-ft check --import`: what interpreters say of a wheel's modules when they import them.

Those of an installed package are imported where they lie, by the interpreter that has it. The only part of the check
that writes or runs anything of a wheel: into a temporary directory, and in fresh processes of interpreters that its
tags admit.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import re
import tempfile
import typing

from ..diagnostics import Diagnostic, from_os_error
from ..interpreters import Interpreter
from ..modules import Module
from . import archive, import_process
from .archive import ArchiveError
from .checker import Checked
from .import_process import Import


#: No CPython gives a slot of modules as high a number.
_NO_SLOT: typing.Final = 1000


def run(
    results: typing.Sequence[Checked], interpreters: typing.Sequence[Interpreter], limit: int | None = None,
    owner: Interpreter | None = None,
) -> list[Checked]:
    """The same verdicts with what importing showed added to them.

    owner: of the installed packages that were named. limit: bytes that an archive may inflate to; None: see
    `archive.default_limit`.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for interpreter in interpreters:
            # Each asks its interpreter once.
            pool.submit(lambda i=interpreter: i.wheel_tags)  # type: ignore[misc]
    return [_run(checked, interpreters, limit, owner) for checked in results]


def _run(
    checked: Checked, interpreters: typing.Sequence[Interpreter], limit: int | None, owner: Interpreter | None,
) -> Checked:
    if checked.unusable or not checked.modules:
        return checked
    # A package in a directory that was named has no interpreter.
    if checked.kind == 'package' and owner is not None and not checked.path.endswith('.dist-info'):
        imports = _import_all(pathlib.Path(checked.path), _pairs([owner], checked), import_process.Processes())
        return _with(checked, imports, _judge(checked, imports))
    if checked.kind != 'wheel' or checked.name is None:
        return _with(checked, [], [_not_tried(
            checked, 'is neither a wheel nor an installed package, and only these are imported',
            'Name the wheel it comes from.')])
    wheel_tags = set(checked.name.expanded())
    fitting = [interpreter for interpreter in interpreters if wheel_tags & interpreter.wheel_tags]
    if not fitting:
        return _with(checked, [], [_not_tried(
            checked, f'no interpreter here fits {checked.name.tag}', 'Name one that does with --python.')])
    return import_in(checked, fitting, limit)


def import_in(
    checked: Checked, interpreters: typing.Sequence[Interpreter], limit: int | None = None,
    processes: import_process.Processes | None = None,
) -> Checked:
    """The verdict on a wheel with what importing its modules showed in each of these interpreters.

    processes: to stop it with.
    """
    try:
        with tempfile.TemporaryDirectory(prefix='mesonbuild-ft-import-') as directory:
            _install(checked.path, pathlib.Path(directory), limit)
            imports = _import_all(
                pathlib.Path(directory), _pairs(interpreters, checked), processes or import_process.Processes())
    except ArchiveError as error:
        return _with(checked, [], [error.diagnostic])
    except OSError as error:
        return _with(checked, [], [from_os_error(error)])
    return _with(checked, imports, _judge(checked, imports))


def _pairs(interpreters: typing.Sequence[Interpreter], checked: Checked) -> list[tuple[Interpreter, str]]:
    """Which module each interpreter is to import."""
    return [(interpreter, import_process.module_name(module.path)) for interpreter in interpreters
            for module in checked.modules if _finds(interpreter, module) and _is_python(module)]


def _import_all(
    directory: pathlib.Path, pairs: typing.Sequence[tuple[Interpreter, str]], processes: import_process.Processes,
) -> list[Import]:
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        try:
            return list(pool.map(
                lambda pair: import_process.import_module(pair[0], directory, pair[1], processes), pairs))
        except BaseException:
            # Such as Ctrl-C: the directory is wanted back at once, and not after the last import.
            processes.stop()
            pool.shutdown(cancel_futures=True)
            raise


def _finds(interpreter: Interpreter, module: Module) -> bool:
    """Whether the interpreter looks for a file with this suffix; others belong to other platforms or versions."""
    return module.path.rpartition('/')[2][len(module.stem):] in interpreter.target.extension_suffixes


def _is_python(module: Module) -> bool:
    """False for a library that only has the name of a module, as those for ctypes have."""
    return any(part.init_hooks or part.python_imports for part in module.parts)


def _with(checked: Checked, imports: typing.Sequence[Import], found: typing.Iterable[Diagnostic]) -> Checked:
    return checked._replace(imports=tuple(imports), found=(*checked.found, *found))


def _not_tried(checked: Checked, what: str, advice: str) -> Diagnostic:
    return Diagnostic('import-not-tried', 'hint', what, checked.path, advice)


def _install(path: str, directory: pathlib.Path, limit: int | None) -> None:
    """Unpack a wheel as an installer does, but for scripts and headers. Raises ArchiveError and OSError."""
    opened = archive.open_archive(path)
    opened.check_limit(opened.members, limit)
    for member in opened.members:
        # PEP 427: <name>-<version>.data/platlib/… goes beside the rest.
        name = re.sub(r'^[^/]+\.data/(?:plat|pure)lib/', '', member.name)
        if name.endswith('/') or re.match(r'^[^/]+\.data/', name):
            continue
        target = directory / name
        # archive.py has refused such paths; this is where one would do harm.
        if not os.path.abspath(target).startswith(os.path.abspath(directory) + os.sep):
            raise ArchiveError('unsafe-member-path', 'leads out of the directory', where=member.name)
        data = opened.read(member)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise ArchiveError(
                'unreadable-archive', 'is at once a file and a directory with files in it', where=member.name,
                advice='Build the wheel again in an empty directory.') from error


def _judge(checked: Checked, imports: typing.Sequence[Import]) -> typing.Iterator[Diagnostic]:
    paths = {import_process.module_name(module.path): module.path for module in checked.modules}
    told = {d.where for d in checked.found if d.identifier == 'gil-enabled-by-module'}
    for done in imports:
        path, target = paths[done.module], done.interpreter.target
        if done.missing:
            yield Diagnostic(
                'import-not-tried', 'hint', f'{done.module} needs {done.missing}, which {target.name} does not have',
                path, 'Install what the wheel requires into an environment, and name that with --python.')
        elif 'most likely due to a circular import' in done.error:
            # CPython's words. It may work where the package imports its parts in another order.
            yield Diagnostic(
                'import-not-tried', 'hint',
                f'{done.module} cannot be the first that {target.name} imports of a circle: {done.error}', path,
                'Import by hand the part of the package that needs it.')
        elif done.error:
            yield Diagnostic(
                'import-failed', 'error', f'{done.module} cannot be imported by {target.name}: {done.error}', path,
                _advice(done.error))
        elif done.gil_after and not done.gil_before:
            # A module that is imported on the way may be the one, of this wheel or not.
            by = done.blamed or done.module
            blamed = next((p for name, p in paths.items() if by in (name, name.rpartition('.')[2])), '')
            if (blamed or by) in told:
                continue
            told.add(blamed or by)
            if blamed:
                yield Diagnostic(
                    'gil-enabled-by-module', 'warning',
                    f'{import_process.module_name(blamed)} switches the GIL on in {target.name}: '
                    f'{" ".join(done.warnings)}', blamed,
                    'Declare in that module that it does not need the GIL, once it is safe without.')
            else:
                yield Diagnostic(
                    'gil-enabled-by-module', 'hint', f'importing {done.module} in {target.name} loads {by}, which is '
                    'not in this wheel and switches the GIL on', path, f'Look for a release of {by.split(".")[0]} that '
                    'does not need the GIL.')


def _advice(error: str) -> str:
    """What to do about the error of an import."""
    symbol = re.search(r'undefined symbol: (\w+)', error)
    if symbol and not symbol[1].startswith(('Py', '_Py')):
        return f'Add the source or the library that defines {symbol[1]} to the module.'
    slot = re.search(r'unknown slot ID (\d+)', error)
    if slot and int(slot[1]) > _NO_SLOT:
        return 'End the array of slots with {0, NULL} (MBFT_SLOTS_END).'
    if 'cannot open shared object file' in error or 'DLL load failed' in error:
        return 'Put the library into the wheel: auditwheel, delocate and delvewheel do that.'
    return 'See the other findings on this module; where there are none, its own initialisation raises this.'
