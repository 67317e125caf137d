# SPDX-License-Identifier: MIT
"""What to say where a compiler only says what it stumbled over."""

from __future__ import annotations

import pathlib
import re
import typing

from ..diagnostics import BuildRefused, Diagnostic
from ..plan import Module, Plan
from . import configured, objects


_FULL = 'Until then -Cabi=full, or no abi3t = true, builds for this interpreter only.'
_SOURCES = ('.c', '.cc', '.cpp', '.cxx', '.h', '.hpp', '.hh', '.pyx', '.pxd', '.in')
_PYBIND11 = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]pybind11/', re.MULTILINE)
#: A hook that is written out, or made by mesonbuild_ft/module.h.
_EXPORT_HOOK = re.compile(r'PyModExport|\bMBFT_MODULE\b')
_OWN_DEFINE = re.compile(r'^[ \t]*#[ \t]*define[ \t]+Py_LIMITED_API\b', re.MULTILINE)


def before_compile(
    plan: Plan, build_dir: pathlib.Path, source_dir: pathlib.Path, modules: typing.Iterable[Module],
) -> None:
    """Refuse an abi3t build whose sources certainly do not compile, in our words and not in a compiler's.

    Certain is only: the preprocessed source has the limited API of a version before 3.15; or the
    literal PyInit_<name> stands in a source of the module, PyModExport stands nowhere in the
    project, and no source is generated.
    """
    if plan.abi != 'abi3t':
        return
    sources = _module_sources(build_dir)
    project_text: str | None = None
    found = []
    for module in modules:
        written, generated = sources.get(module.path, ([], False))
        texts = {path: _text(path) for path in written}
        own = [path for path, text in texts.items() if plan.redirect_to_abi3t and _OWN_DEFINE.search(text)
               and objects.defines_old_limited_api(build_dir, path)]
        hook = [path for path, text in texts.items() if re.search(rf'\bPyInit_{re.escape(module.name)}\b', text)]
        if own:
            found.append(_limited_api_in_source(module, own[0], source_dir))
        elif hook and not generated and not any(_EXPORT_HOOK.search(text) for text in texts.values()):
            if project_text is None:
                project_text = _project_text(source_dir)
            if not _EXPORT_HOOK.search(project_text):
                found.append(_needs_export_hook(module, hook[0], source_dir))
    if found:
        raise BuildRefused(*found)


def after_failed_compile(
    plan: Plan, build_dir: pathlib.Path, source_dir: pathlib.Path, modules: typing.Sequence[Module], ninja: str,
) -> list[Diagnostic]:
    """The diagnostics for a compilation that failed: what is sure of, then likely causes as hints."""
    what, todo = 'ninja could not build the project', 'Correct what the compiler, or ninja itself, says above.'
    found: list[Diagnostic] = []
    if plan.abi != 'full':
        what += f' for {plan.abi}'
        todo += ' -Cabi=full builds for this interpreter only.'
        limited = [module for module in modules if module.limited_api is not None]
        found += objects.without_limited_api(build_dir, limited, ninja)[0]
    if plan.abi == 'abi3t':
        sources = _module_sources(build_dir)
        exports = _EXPORT_HOOK.search(_project_text(source_dir)) is not None
        heads: set[tuple[str, int]] = set()
        for module in modules:
            written, _ = sources.get(module.path, ([], False))
            pyx = [path for path in written if path.suffix == '.pyx']
            own = [path for path in written if path.suffix != '.pyx' and _OWN_DEFINE.search(_text(path))]
            if pyx:
                found.append(_cython(module, pyx[0], source_dir))
            elif own:
                found.append(_limited_api_in_source(module, own[0], source_dir))
            elif not exports:
                found.append(_needs_export_hook(module, written[0] if written else build_dir, source_dir))
            for path in () if pyx else written:
                head = objects.object_head(build_dir, path)
                if head is not None and head not in heads:
                    heads.add(head)
                    found.append(_object_head(module, pathlib.Path(head[0]), head[1], source_dir))
    elif plan.abi == 'abi3':
        sources = _module_sources(build_dir)
        for module in modules:
            written, _ = sources.get(module.path, ([], False))
            using = [path for path in written if _PYBIND11.search(_text(path))]
            if using:
                found.append(_pybind11(module, using[0], source_dir))
    likely = [d._replace(severity='hint', what=f'probably: {d.what}') for d in found]
    return [Diagnostic('compile-failed', 'error', what, where='meson.build', advice=todo), *likely]


def _needs_export_hook(module: Module, path: pathlib.Path, source_dir: pathlib.Path) -> Diagnostic:
    return Diagnostic(
        'abi3t-needs-export-hook', 'error',
        f'{module.name} cannot be built for abi3t: it has PyInit_{module.name} and no PyModExport_{module.name}',
        where=_relative(path, source_dir),
        advice=f'Under #ifdef Py_TARGET_ABI3T export PyModExport_{module.name} (PEP 793), which returns an array of '
               f'PySlot instead of a PyModuleDef; MBFT_MODULE() of mesonbuild_ft/module.h does so. {_FULL}')


def _cython(module: Module, path: pathlib.Path, source_dir: pathlib.Path) -> Diagnostic:
    return Diagnostic(
        'abi3t-cython', 'error', f'{module.name} cannot be built for abi3t: Cython does not generate code for it yet',
        where=_relative(path, source_dir), advice=f'Wait for a Cython that exports PyModExport_ hooks. {_FULL}')


def _object_head(module: Module, path: pathlib.Path, line: int, source_dir: pathlib.Path) -> Diagnostic:
    return Diagnostic(
        'abi3t-object-head', 'error',
        f'{module.name} cannot be built for abi3t: a structure begins with PyObject_HEAD, which has no size there',
        where=f'{_relative(path, source_dir)}:{line}',
        advice='Leave it out of the structure, have the interpreter place the data, and make the type by a '
               f'PyType_Spec: MBFT_TYPE_DATA() and MBFT_DATA() of mesonbuild_ft/types.h do so in every ABI. {_FULL}')


def _pybind11(module: Module, path: pathlib.Path, source_dir: pathlib.Path) -> Diagnostic:
    return Diagnostic(
        'pybind11-without-limited-api', 'error', f'{module.name} cannot use the limited API: pybind11 does not know it',
        where=_relative(path, source_dir),
        advice='Remove limited_api: from this module and limited-api = true from pyproject.toml, or bind it by other '
               'means (nanobind knows the limited API from 3.12 on).')


def _limited_api_in_source(module: Module, path: pathlib.Path, source_dir: pathlib.Path) -> Diagnostic:
    return Diagnostic(
        'abi3t-limited-api-in-source', 'error',
        f'{module.name} cannot be built for abi3t: the source defines Py_LIMITED_API itself',
        where=_relative(path, source_dir),
        advice='Remove that line and leave the version to limited_api: in meson.build, or put '
               f'#ifndef Py_TARGET_ABI3T around it. {_FULL}')


def _module_sources(build_dir: pathlib.Path) -> dict[str, tuple[list[pathlib.Path], bool]]:
    """Path of each shared module -> (its sources, translated .pyx files included; whether any is generated)."""
    result = {}
    for entry in configured.info(build_dir, 'targets'):
        if entry['type'] != 'shared module':
            continue
        paths, generated = [], False
        for group in entry['target_sources']:
            paths += [pathlib.Path(p) for p in group.get('sources', ())]
            for made in group.get('generated_sources', ()):
                # Meson names what Cython makes of x.pyx x.pyx.c, and gives it no other mark.
                match = re.search(r'([^/\\]+\.pyx)\.(?:c|cpp)$', made)
                if match:
                    paths.append(pathlib.Path(entry['defined_in']).parent / match[1])
                generated = True
        result[configured.relative_path(entry, build_dir)] = (paths, generated)
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
