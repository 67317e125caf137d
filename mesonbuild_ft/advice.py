# SPDX-License-Identifier: MIT
"""What to say where a compiler only says what it stumbled over."""

from __future__ import annotations

import pathlib
import re
import typing

from . import configured
from .diagnostics import BuildRefused, Diagnostic
from .plan import Module, Plan


_FULL = 'Until then -Cabi=full, or no abi3t = true, builds for this interpreter only.'
_SOURCES = ('.c', '.cc', '.cpp', '.cxx', '.h', '.hpp', '.hh', '.pyx', '.pxd', '.in')
_OWN_DEFINE = re.compile(r'^[ \t]*#[ \t]*define[ \t]+Py_LIMITED_API\b', re.MULTILINE)


def before_compile(
    plan: Plan, build_dir: pathlib.Path, source_dir: pathlib.Path, modules: typing.Iterable[Module],
) -> None:
    """Refuse an abi3t build whose sources certainly do not compile, in our words and not in a compiler's.

    Certain is only: the literal PyInit_<name> stands in a source of the module, and PyModExport
    stands nowhere in the project; or a source defines Py_LIMITED_API below 3.15 itself.
    """
    if plan.abi != 'abi3t':
        return
    sources = _module_sources(build_dir)
    project_text: str | None = None
    found = []
    for module in modules:
        texts = {path: _text(path) for path in sources.get(module.file, ())}
        pyx = [path for path in texts if path.suffix == '.pyx']
        own = [path for path, text in texts.items() if path.suffix != '.pyx' and _OWN_DEFINE.search(text)]
        hook = [path for path, text in texts.items() if re.search(rf'\bPyInit_{re.escape(module.name)}\b', text)]
        exports = any('PyModExport' in text for text in texts.values())
        if own and plan.redirect_to_abi3t:
            found.append(_limited_api_in_source(module, own[0], source_dir))
        elif hook and not exports and not pyx:
            if project_text is None:
                project_text = _project_text(source_dir)
            if 'PyModExport' not in project_text:
                found.append(_needs_export_hook(module, hook[0], source_dir))
    if found:
        raise BuildRefused(*found)


def after_failed_compile(plan: Plan, build_dir: pathlib.Path, source_dir: pathlib.Path) -> list[Diagnostic]:
    """The diagnostics for a compilation that failed, the likely cause first."""
    found: list[Diagnostic] = []
    if plan.abi == 'abi3t':
        for file, paths in _module_sources(build_dir).items():
            module = Module(file.split('.', 1)[0], file, plan.floor)
            texts = {path: _text(path) for path in paths}
            pyx = [path for path in texts if path.suffix == '.pyx']
            own = [path for path, text in texts.items() if path.suffix != '.pyx' and _OWN_DEFINE.search(text)]
            if pyx:
                found.append(_cython(module, pyx[0], source_dir))
            elif own:
                found.append(_limited_api_in_source(module, own[0], source_dir))
            elif not any('PyModExport' in text for text in texts.values()):
                found.append(_needs_export_hook(module, paths[0] if paths else build_dir, source_dir))
    what, advice = 'ninja could not build the project', 'Correct what the compiler says above.'
    if plan.abi != 'full':
        what += f' for {plan.abi}'
        advice += ' -Cabi=full builds for this interpreter only.'
    return [*found, Diagnostic('compile-failed', 'error', what, where='meson.build', advice=advice)]


def _needs_export_hook(module: Module, path: pathlib.Path, source_dir: pathlib.Path) -> Diagnostic:
    return Diagnostic(
        'abi3t-needs-export-hook', 'error',
        f'{module.name} cannot be built for abi3t: it has PyInit_{module.name} and no PyModExport_{module.name}',
        where=_relative(path, source_dir),
        advice=f'Under #ifdef Py_TARGET_ABI3T export PyModExport_{module.name} (PEP 793), which returns an array of '
               f'PySlot instead of a PyModuleDef. {_FULL}')


def _cython(module: Module, path: pathlib.Path, source_dir: pathlib.Path) -> Diagnostic:
    return Diagnostic(
        'abi3t-cython', 'error', f'{module.name} cannot be built for abi3t: Cython does not generate code for it yet',
        where=_relative(path, source_dir), advice=f'Wait for a Cython that exports PyModExport_ hooks. {_FULL}')


def _limited_api_in_source(module: Module, path: pathlib.Path, source_dir: pathlib.Path) -> Diagnostic:
    return Diagnostic(
        'abi3t-limited-api-in-source', 'error',
        f'{module.name} cannot be built for abi3t: the source defines Py_LIMITED_API itself',
        where=_relative(path, source_dir),
        advice='Remove that line and leave the version to limited_api: in meson.build, or put '
               f'#ifndef Py_TARGET_ABI3T around it. {_FULL}')


def _module_sources(build_dir: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """File name of each shared module -> its sources as far as they exist, .pyx files that were translated included."""
    result = {}
    for entry in configured.info(build_dir, 'targets'):
        if entry['type'] != 'shared module':
            continue
        paths = []
        for group in entry['target_sources']:
            paths += [pathlib.Path(p) for p in group.get('sources', ())]
            for generated in group.get('generated_sources', ()):
                # Meson names what Cython makes of x.pyx x.pyx.c, and gives it no other mark.
                match = re.search(r'([^/\\]+\.pyx)\.(?:c|cpp)$', generated)
                if match:
                    paths.append(pathlib.Path(entry['defined_in']).parent / match[1])
        result[pathlib.PurePath(entry['filename'][0]).name] = paths
    return result


def _project_text(source_dir: pathlib.Path) -> str:
    parts = []
    for path in source_dir.rglob('*'):
        if path.suffix in _SOURCES and path.is_file():
            parts.append(_text(path))
    return '\n'.join(parts)


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''


def _relative(path: pathlib.Path, source_dir: pathlib.Path) -> str:
    try:
        return path.relative_to(source_dir).as_posix()
    except ValueError:
        return str(path)
