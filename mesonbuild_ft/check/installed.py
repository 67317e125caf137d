# SPDX-License-Identifier: MIT
"""What an installed package consists of. Also a script for other interpreters: python installed.py NAME

It needs the standard library of Python 3.8 or newer, and nothing of mesonbuild-ft.
"""

from __future__ import annotations

import json
import sys
import typing


def describe(name: str) -> dict[str, typing.Any] | None:
    """The installed distribution of this name; None where there is none.

    root: the directory that `files` are relative to. wheel, metadata: the text of these files, '' without them.
    """
    import importlib.metadata

    try:
        found = importlib.metadata.distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
    return {
        'name': found.metadata['Name'] or name, 'version': found.metadata['Version'] or '',
        'root': str(found.locate_file('')), 'files': [str(file) for file in found.files or ()],
        'wheel': found.read_text('WHEEL') or '', 'metadata': found.read_text('METADATA') or '',
    }


if __name__ == '__main__':
    # The directory of this script holds nothing that it needs.
    del sys.path[0]
    print(json.dumps(describe(sys.argv[1])))
