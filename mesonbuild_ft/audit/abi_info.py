# SPDX-License-Identifier: MIT
"""The verdict on PyABIInfo: what CPython 3.15 and later refuse before a module is made. Pure.

https://docs.python.org/3.15/c-api/stable.html#c.PyABIInfo_Check; the flags for the GIL are judged as the object
layout that they stand for (verdict.py).
"""

from __future__ import annotations

import typing

from .. import tags
from ..diagnostics import Diagnostic
from ..modules import Module
from ..scanner import AbiInfo, Facts


#: The slot whose value is a PyABIInfo (slots_generated.h).
_MOD_ABI: typing.Final = 109
#: The first byte of PyABIInfo that 3.15 knows; 0 switches all checks off.
_NEWEST_MAJOR: typing.Final = 1
_MAJOR_MINOR: typing.Final = 0xFFFF0000


def audit(
    module: Module, facts: Facts, floor: tags.Version | None, stable: bool,
) -> typing.Iterator[Diagnostic]:
    """What makes an interpreter that the tag admits refuse a module for its PyABIInfo.

    facts: for 3.15 and later. floor: the oldest Python of the tag, or the only one; None where none is named.
    stable: the tag admits all newer ones too.
    """
    if floor is not None and floor < tags.FIRST_ABI3T:
        if not stable:
            # Nothing before 3.15 asks.
            return
        floor = tags.FIRST_ABI3T
    info = facts.abi_info
    if info is None:
        yield from _missing(module, facts)
        return
    # Where the tag names no Python, the module is for those that it says itself.
    first = floor or max(tags.FIRST_ABI3T, tags.version_of_hex(info.abi_version))
    for version in [first, (first[0], first[1] + 1)][:2 if stable else 1]:
        reason = refusal(info, version)
        if reason:
            # The one release whose internal ABI it names may take it.
            is_of_one = info.is_internal and not info.is_stable
            yield module.finding(
                'abi-info-refused', 'warning' if is_of_one else 'error',
                f'is refused by {"other releases of " if is_of_one else ""}Python {tags.version_text(version)}: '
                f'{reason} ({info.words})',
                'Leave Py_BUILD_CORE undefined where PyABIInfo_VAR stands.' if info.is_internal else
                'Let PyABIInfo_VAR fill it in, and compile with the Python, or the limited API version, of the tag.')
            return


def refusal(info: AbiInfo, version: tags.Version) -> str:
    """Why PyABIInfo_Check of a release of this CPython raises ImportError, but for the GIL; '' where none does.

    The internal ABI is that of one release alone, so others of the same version refuse it.
    """
    if info.major == 0:
        return ''
    if info.major > _NEWEST_MAJOR:
        # Later ones may know more.
        return f'its PyABIInfo has the version {info.major}' if version == tags.FIRST_ABI3T else ''
    running = version[0] << 24 | version[1] << 16
    if info.is_internal and info.abi_version:
        return f'its PyABIInfo names the internal ABI of one release, {info.abi_version:#x}'
    if info.is_internal and info.is_stable:
        return 'its PyABIInfo names the internal and the stable ABI at once'
    if not info.abi_version:
        return ''
    said = tags.version_text(tags.version_of_hex(info.abi_version))
    if info.is_stable:
        if info.abi_version & _MAJOR_MINOR > running or info.abi_version < 0x03020000:
            return f'its PyABIInfo names the stable ABI of {said}'
    elif info.abi_version & _MAJOR_MINOR != running:
        return f'its PyABIInfo names the ABI of {said} alone'
    return ''


def _missing(module: Module, facts: Facts) -> typing.Iterator[Diagnostic]:
    if facts.init != 'export-hook' or not facts.slots_complete or _MOD_ABI in facts.slots:
        return
    # Only where the GIL is decided by a missing slot was it proven that nothing fills the array at run time.
    proven = facts.gil == 'not-declared'
    yield module.finding(
        'abi-info-refused', 'error' if proven else 'warning',
        'has a PyModExport_ hook and no slot Py_mod_abi, which Python 3.15 and later ask for',
        'Write PyABIInfo_VAR(abi_info), and PySlot_STATIC_DATA(Py_mod_abi, &abi_info) among the slots.')
