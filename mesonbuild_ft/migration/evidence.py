# SPDX-License-Identifier: MIT
"""What the modules of a project declare, as its wheels prove it: verdicts of `check` in, settings out."""

from __future__ import annotations

import os
import re
import typing

from .. import tags
from ..output import summary


if typing.TYPE_CHECKING:
    from ..check.checker import Checked


class Evidence(typing.NamedTuple):
    """gil_not_used, abi3t: proven. The reasons say by what, or why not; '' where nothing was looked at."""

    gil_not_used: bool = False
    gil_reason: str = ''
    abi3t: bool = False
    abi3t_reason: str = ''
    switched_on: bool = False


def of(wheels: typing.Sequence[Checked], module_names: typing.Collection[str] = ()) -> Evidence:
    """What wheels of one release prove. module_names: modules that meson.build installs, which all have to be there."""
    gil, gil_reason, switched_on = _gil(wheels, module_names)
    abi3t, abi3t_reason = _abi3t(wheels, module_names)
    return Evidence(gil, gil_reason, abi3t, abi3t_reason, switched_on)


def newest(paths: typing.Sequence[str], name: str) -> list[str]:
    """Of the paths of wheels, those of the newest version of the project of this name."""
    import packaging.version

    found: dict[packaging.version.Version, list[str]] = {}
    for path in paths:
        try:
            parsed = tags.parse_wheel_name(os.path.basename(path))
            version = packaging.version.Version(parsed.version)
        except ValueError:
            continue
        if tags.normalized(parsed.name) == tags.normalized(name):
            found.setdefault(version, []).append(path)
    return found[max(found)] if found else []


def _missing(checked: Checked, module_names: typing.Collection[str]) -> list[str]:
    there = {module.stem for module in checked.modules}
    return sorted(name for name in module_names if name not in there)


def _gil(wheels: typing.Sequence[Checked], module_names: typing.Collection[str]) -> tuple[bool, str, bool]:
    serving = [checked for checked in wheels if summary.gil(checked)]
    if not serving:
        return False, '', False
    for checked in serving:
        title = summary.title(checked)
        version = summary.version(checked)
        blamed = [module.stem for module in checked.modules
                  if any(part.for_version(version).gil in ('used', 'not-declared') for part in module.parts)]
        if blamed:
            return False, f'{title}: {summary.plural(len(blamed), "module")} ({", ".join(blamed[:3])}' \
                          f'{", …" if len(blamed) > 3 else ""}) would switch the GIL on', True
        if summary.gil(checked) != 'stays off':
            return False, f'{title}: of {summary.gil(checked)}, nothing can be read from the file; ' \
                          '`mesonbuild-ft check --import` tells', False
        missing = _missing(checked, module_names)
        if missing:
            return False, f'{title} does not hold {", ".join(missing[:3])} of meson.build', False
        if checked.verdict == 'error':
            return False, f'{title} has errors; see `mesonbuild-ft check`', False
    return True, f'all modules of {_titles(serving)} declare that they do without the GIL', False


def _abi3t(wheels: typing.Sequence[Checked], module_names: typing.Collection[str]) -> tuple[bool, str]:
    serving = [checked for checked in wheels
               if checked.name is not None and 'abi3t' in checked.name.abi.split('.')]
    for checked in serving:
        title = summary.title(checked)
        if checked.verdict == 'error':
            return False, f'{title} has errors; see `mesonbuild-ft check`'
        lacking = [module.stem for module in checked.modules
                   if not any(hook.startswith('PyModExport_') for part in module.parts for hook in part.init_hooks)]
        if lacking or not checked.modules:
            return False, f'{title}: {", ".join(lacking) or "it"} has no PyModExport_ hook'
        missing = _missing(checked, module_names)
        if missing:
            return False, f'{title} does not hold {", ".join(missing[:3])} of meson.build'
    if not serving:
        return False, ''
    return True, f'all modules of {_titles(serving)} are built for abi3t, with PyModExport_ hooks'


def _titles(wheels: typing.Sequence[Checked]) -> str:
    titles = [summary.title(checked) for checked in wheels]
    return titles[0] if len(titles) == 1 else f'{titles[0]} and {len(titles) - 1} more'


#: What a source writes to say that it does without the GIL.
_SIGNS: typing.Final = re.compile(
    r'\bPy_MOD_GIL_NOT_USED\b|\bPyUnstable_Module_SetGIL\b|\bfreethreading_compatible\s*=\s*True\b'
    r'|\bmod_gil_not_used\b|\bnb_(?:static|lto)?.*FREE_THREADED')
_HOOK: typing.Final = re.compile(r'\bPyModExport_\w+|\bPyMODEXPORT_FUNC\b')


def sign(texts: typing.Mapping[str, str], kind: typing.Literal['gil', 'abi3t']) -> str:
    """'src/one.c:12', the first place in the sources that names a declaration; '' without any. It proves nothing."""
    pattern = _SIGNS if kind == 'gil' else _HOOK
    for path, text in texts.items():
        match = pattern.search(text)
        if match:
            return f'{path}:{text.count(chr(10), 0, match.start()) + 1}'
    return ''
