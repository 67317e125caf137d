# SPDX-License-Identifier: MIT
"""The site of the documentation: `make docs` builds it into build/docs.

The pages are plain Markdown that GitHub shows as well, so what only a site needs is made here: the navigation follows
the links of the index pages, pictures become part of their page, where they follow the theme, and the page of the C
headers gets the comments of the headers.
"""

from __future__ import annotations

import pathlib
import posixpath
import re
import typing

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


ROOT: typing.Final = pathlib.Path(__file__).resolve().parent.parent

project = 'mesonbuild-ft'
author = 'the mesonbuild-ft developers'
project_copyright = author
_version = re.search(r'^version = "(.+)"$', (ROOT / 'pyproject.toml').read_text(encoding='utf-8'), re.MULTILINE)
assert _version is not None
version = release = _version[1]

extensions = ['hawkmoth', 'myst_parser', 'sphinx_copybutton']
# Anchors as GitHub makes them.
myst_heading_anchors = 3
nitpicky = True
suppress_warnings = ['misc.highlighting_failure']  # '…' stands for lines that are left out

html_theme = 'furo'
pygments_dark_style = 'github-dark'  # Furo's own has directives of C in the red of errors
html_title = project
html_static_path = ['_static']
html_css_files = ['site.css']
html_show_sourcelink = False
html_copy_source = False
# hawkmoth reads the comments in C headers. What CPython has is not described here.
hawkmoth_root = str(ROOT / 'mesonbuild_ft' / 'include')
hawkmoth_clang = [f'-I{ROOT / "docs" / "_headers"}']
nitpick_ignore_regex = [('c:identifier', 'Py.*')]
copybutton_prompt_text = '$ '
copybutton_only_copy_prompt_lines = True

#: A link to a page, which is not one to a heading of it.
_LINK: typing.Final = re.compile(r'\]\(([\w./-]+)\.md\)')
#: A link to a page that stands outside of the site, which has a copy of the file.
_OUTSIDE: typing.Final = re.compile(r'\]\((?=(?:\.\./)+examples/[\w./-]+\.md\))')
#: Pages whose links are the navigation.
_INDEX: typing.Final = ('index', 'tutorial/index', 'how-to/index', 'reference/index', 'reference/diagnostics',
                        'explanation/index')
#: Header -> the macros with which all of its public names are defined where its comments are.
_HEADERS: typing.Final = {
    'module': '-DPY_VERSION_HEX=0x030f0000', 'locking': '-DPY_VERSION_HEX=0x030f0000, -DPy_GIL_DISABLED',
    'references': '-DPY_VERSION_HEX=0x03090000',
    'types': '-DPY_VERSION_HEX=0x030f0000, -DPy_T_INT, -DPy_READONLY', 'advice': '-DPY_VERSION_HEX=0x03090000'}


def add_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """Add what only the site has, such as a hidden table of contents of an index page: what it links to, in order."""
    if name == 'changelog':
        source[0] = (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
    if name == 'reference/headers':
        source[0] += '\n## What stands in the headers\n'
        for header, defines in _HEADERS.items():
            path = f'mesonbuild_ft/{header}.h'
            source[0] += (f'\n`#include <{path}>`\n\n```{{eval-rst}}\n.. c:autodoc:: {path}\n   :clang: {defines}\n'
                          '```\n')
    source[0] = _OUTSIDE.sub('](path:', source[0])
    if name not in _INDEX:
        return
    here = posixpath.dirname(name)
    pages = dict.fromkeys(posixpath.normpath(posixpath.join(here, link)) for link in _LINK.findall(source[0]))
    if name == 'index':
        pages = {page: None for page in pages if page.endswith('/index') or page == 'changelog'}
    lines = '\n'.join(f'/{page}' for page in pages)
    source[0] += f'\n```{{toctree}}\n:hidden:\n\n{lines}\n```\n'


class InlinePictures(SphinxPostTransform):
    """Put SVG files into the page itself: only there do they know which theme a reader chose."""

    default_priority = 5  # before Sphinx copies images
    formats = ('html',)

    def run(self, **options: typing.Any) -> None:
        for image in list(self.document.findall(nodes.image)):
            if not image['uri'].endswith('.svg'):
                continue
            svg = (pathlib.Path(self.app.srcdir) / image['uri']).read_text(encoding='utf-8')
            svg = svg[svg.index('<svg'):]
            image.replace_self(nodes.raw('', f'<div class="picture">{svg}</div>', format='html'))


def setup(app: Sphinx) -> None:
    app.connect('source-read', add_navigation)
    app.add_post_transform(InlinePictures)
