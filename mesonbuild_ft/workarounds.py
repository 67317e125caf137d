# SPDX-License-Identifier: MIT
"""Bugs of other projects that are worked around, each in one place, with the versions that have it.

tests/test_workarounds.py has a test for each that fails once upstream has mended it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
import typing


@contextlib.contextmanager
def pre_release_counts_as_release() -> typing.Iterator[None]:
    """Let meson-python see CPython 3.15.0rc2 as 3.15.0 when it looks at requires-python, as pip does.

    meson-python up to 0.22.1 compares platform.python_version(), and `3.15.0rc2` is not in
    `>= 3.15`, pre-releases allowed or not (mesonbuild/meson-python#72 meant to allow them).
    Whether the interpreter is new enough has been judged before, in metadata.py.
    """
    if sys.version_info[3] == 'final':
        yield
        return
    original = platform.python_version
    release = '.'.join(map(str, sys.version_info[:3]))
    platform.python_version = lambda: release
    try:
        yield
    finally:
        platform.python_version = original


@contextlib.contextmanager
def wheels_appear_complete(ending: str) -> typing.Iterator[None]:
    """Let meson-python write `x.whl` under another name, with this ending, until it is complete.

    meson-python up to 0.22.1 writes it under its final name (no issue is filed): a build that is
    killed leaves a file called a wheel that is none.
    """
    import zipfile

    original = zipfile.ZipFile

    class ZipFile(original):  # type: ignore[misc,valid-type]
        _final: str | None = None

        def __init__(self, file: typing.Any, mode: typing.Any = 'r', *args: typing.Any, **kwargs: typing.Any) -> None:
            if mode == 'w' and isinstance(file, (str, os.PathLike)) and os.fspath(file).endswith('.whl'):
                self._final = os.fspath(file)
                file = self._final + ending
            super().__init__(file, mode, *args, **kwargs)

        def close(self) -> None:
            # Once only: the destructor closes again.
            final, self._final = self._final, None
            super().close()
            if final is not None:
                os.replace(final + ending, final)

    zipfile.ZipFile = ZipFile  # type: ignore[misc]
    try:
        yield
    finally:
        zipfile.ZipFile = original  # type: ignore[misc]


def reconfigure_takes_options(meson_version: str) -> bool:
    """Whether `meson setup --reconfigure -D...` compiles with what it was given.

    Meson before 1.8 keeps the old c_args (mesonbuild/meson#7325), 1.8.0 all old values
    (mesonbuild/meson#14575); there the second setup begins anew.
    """
    numbers = re.findall(r'\d+', meson_version)
    return tuple(map(int, numbers[:3])) >= (1, 8, 1)
