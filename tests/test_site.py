# SPDX-License-Identifier: MIT
"""The site of the documentation is built as `make docs` does it; nothing in it leads nowhere."""

from __future__ import annotations

import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

import pytest
import support

from mesonbuild_ft.diagnostics import IDENTIFIERS


DOCS = support.ROOT / 'docs'


class Page(html.parser.HTMLParser):
    """Where a page leads, and the places in it that others can lead to."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors.update(value for key in ('id', 'name') if (value := found.get(key)))
        self.links += [value for key in ('href', 'src') if (value := found.get(key))]


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp('site')
    recipe = (support.ROOT / 'Makefile').read_text().split('\ndocs: ')[1].split('\n\t')[1]
    program, *arguments = recipe.split()
    assert program == '$(BIN)/python'
    assert arguments.pop() == 'build/docs'
    done = subprocess.run(
        [sys.executable, *arguments, directory], cwd=support.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope='module')
def pages(site: pathlib.Path) -> dict[str, Page]:
    """Path in the site -> the page."""
    return {path.relative_to(site).as_posix(): Page(path) for path in site.rglob('*.html')}


def test_every_source_is_a_page(pages: dict[str, Page]) -> None:
    made = {path.relative_to(DOCS).with_suffix('.html').as_posix() for path in DOCS.rglob('*.md')}
    assert made == set(pages) - {'genindex.html', 'search.html'}


def test_no_link_leads_nowhere(site: pathlib.Path, pages: dict[str, Page]) -> None:
    dead = []
    for name, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = (site / name).parent / urllib.parse.unquote(parts.path) if parts.path else site / name
            path = path.resolve()
            there = pages.get(os.path.relpath(path, site.resolve()))
            if not path.is_file() or (parts.fragment and there and parts.fragment not in there.anchors):
                dead.append((name, link))
    assert dead == []


def test_every_page_is_in_the_navigation(site: pathlib.Path, pages: dict[str, Page]) -> None:
    """Of the front page, which has that of all others."""
    tree = (site / 'index.html').read_text(encoding='utf-8')
    tree = tree[tree.index('<div class="sidebar-tree">'):tree.index('<div class="main">')]
    missing = [name for name in pages
               if name not in ('index.html', 'genindex.html', 'search.html') and f'href="{name}"' not in tree]
    assert missing == []


def test_every_name_of_the_headers_is_described(pages: dict[str, Page]) -> None:
    """Each has a comment in its header, which stands on the page, and the overview names it."""
    names = set()
    for path in (support.ROOT / 'mesonbuild_ft' / 'include').rglob('*.h'):
        text = path.read_text(encoding='utf-8')
        names |= set(re.findall(r'^# *define (MBFT_\w+)', text, re.MULTILINE))
        names |= set(re.findall(r'^typedef .*?\b(MBFT_\w+);$', text, re.MULTILINE))
        names |= set(re.findall(r'^static inline .*?\b((?:MBFT_|Py)\w+)\(', text, re.MULTILINE))
    names.discard('PyModule_Create')  # advice.h declares what Python.h has
    # Include guards, and what is decided within one header.
    names = {name for name in names if not re.fullmatch(r'MBFT_(\w+_H|NEEDS_\w+)', name)}
    assert len(names) > 25
    assert {anchor.removeprefix('c.') for anchor in pages['reference/headers.html'].anchors
            if anchor.startswith('c.') and '.' not in anchor[2:]} == names
    overview = (DOCS / 'reference' / 'headers.md').read_text(encoding='utf-8')
    assert {name for name in names if name not in overview} == set()


def test_search_finds_diagnostics(site: pathlib.Path) -> None:
    index = (site / 'searchindex.js').read_text(encoding='utf-8')
    titles = json.loads(index[index.index('{'):index.rindex('}') + 1])['alltitles']
    assert set(IDENTIFIERS) <= set(titles)


def test_links_work_on_github_as_well() -> None:
    """There a link is a path in the repository, and nothing else is resolved."""
    dead = []
    for path in [*support.ROOT.glob('*.md'), *DOCS.rglob('*.md')]:
        text = re.sub(r'^```.*?^```$', '', path.read_text(encoding='utf-8'), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r'\]\(([^)\s]+)\)', text):
            target = urllib.parse.urlsplit(link)
            if not target.scheme and target.path and not (path.parent / target.path).exists():
                dead.append((path.name, link))
    assert dead == []
