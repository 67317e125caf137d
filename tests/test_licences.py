# SPDX-License-Identifier: MIT
"""The licence of every file is known (REUSE), and wheels bring the texts of all that is in them."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import support


def test_reuse(tmp_path: pathlib.Path) -> None:
    """Of what would be committed here, as the program that defines it sees it."""
    checkout = support.copy_checkout(tmp_path / 'checkout', tests=True)
    program = [sys.executable, '-m', 'reuse', '--root', checkout, 'lint', '--lines']
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ''), done.stdout + done.stderr
    # A licence without its text, and a file of which nothing is known, would be found.
    (checkout / 'LICENSES' / 'MPL-2.0.txt').unlink()
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "missing license 'MPL-2.0'" in done.stdout


def test_wheel_has_all_texts(find_links: pathlib.Path, tmp_path: pathlib.Path) -> None:
    wheel, = find_links.glob('*.whl')
    site = support.unpack(wheel, tmp_path / 'site')
    metadata = support.read_member(wheel, 'METADATA').decode()
    expression = re.search(r'^License-Expression: (.*)$', metadata, re.MULTILINE)
    assert expression is not None
    texts = {'MIT': 'LICENSE', '0BSD': 'mesonbuild_ft/include/LICENSE', 'MPL-2.0': 'LICENSES/MPL-2.0.txt'}
    assert expression[1].split(' AND ') == list(texts)
    licences, = site.glob('*.dist-info/licenses')
    assert {path.relative_to(licences).as_posix() for path in licences.rglob('*') if path.is_file()} == {
        *texts.values()}
    # This is where MPL-2.0 comes from.
    assert 'shtab' in site.joinpath('mesonbuild_ft', 'manual', 'mesonbuild-ft.bash').read_text(encoding='utf-8')
