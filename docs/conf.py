"""How Sphinx makes a site of these pages: `scripts/docs` runs it."""

import re
import sys
from importlib.metadata import metadata
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

DOCS = Path(__file__).parent
_about = metadata("napixd-store")

project = _about["Name"]
author = _about["Author"]
release = _about["Version"]
extensions = [
    "myst_parser",  # the pages are Markdown
    "sphinx.ext.autodoc",  # the reference is the docstrings
    "sphinx.ext.napoleon",  # which have blocks of `Args:` and `Raises:`
    "sphinx.ext.viewcode",
]
exclude_patterns = ["README.md"]  # is for who reads the folder, not the site
html_theme = "furo"
html_title = project
html_theme_options = {  # the link colours of the Ticket desk
    "light_css_variables": {"color-brand-primary": "#2151c1", "color-brand-content": "#2151c1"},
    "dark_css_variables": {"color-brand-primary": "#9dbbff", "color-brand-content": "#9dbbff"},
}
pygments_dark_style = "a11y-high-contrast-dark"
highlight_options = {"python": {"stripnl": True}}  # the last line of a doctest is a blank one
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False

myst_heading_anchors = 3  # a link to a heading is written as code hosts read it
default_role = "any"  # `Conflict` in a docstring leads to where Conflict is described
nitpicky = True
nitpick_ignore_regex = [
    # The pages of the standard library and of Bottle are elsewhere; a build needs no network.
    ("any|py:.*", rf"({'|'.join(sorted(sys.stdlib_module_names))})\..*|PluginError"),
    # Type variables; private types.
    ("py:.*", r"(.*\.)?[VDS]|napixd_store\.(options\.Secret|deadline\.Lifetime)"),
]
napoleon_numpy_docstring = False
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # those of MutableMapping name no guarantee
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"

OPEN_TO_ALL = {
    '<aside class="sidebar-drawer">': '<aside aria-label="All pages" class="sidebar-drawer">',
    '<aside class="toc-drawer': '<aside aria-label="This page" class="toc-drawer',
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
    # What scrolls sideways on a phone is to scroll by keyboard too.
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
"""What Furo and Sphinx write -> what somebody needs who does not see the page, or has no mouse."""


def name_what_is_not_here(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Name a file of the clone that a page links to: the site does not have it."""

    def named(link: re.Match[str]) -> str:
        target = (DOCS / docname).parent.joinpath(link[2]).resolve()
        if target.is_relative_to(DOCS):
            return link[0]
        return f"{link[1]} (`{target.relative_to(DOCS.parent)}`)"

    source[0] = re.sub(r"\[([^]]+)\]\((\.\./[^)#]+)(?:#[^)]*)?\)", named, source[0])


def hide_overloads(_app: Sphinx) -> None:
    """Show `Store` and its like once: what checkers need to know takes seven signatures."""
    for module in ("opening", "listing", "engine.transactions"):
        analyzer = ModuleAnalyzer.for_module(f"napixd_store.{module}")
        analyzer.analyze()
        analyzer.overloads.clear()


def open_to_all(app: Sphinx, _exception: Exception | None) -> None:
    """Mend the pages as OPEN_TO_ALL says, which axe-core found."""
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text()
        for written, needed in OPEN_TO_ALL.items():
            text = text.replace(written, needed)
        page.write_text(text)


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("builder-inited", hide_overloads)
    app.connect("source-read", name_what_is_not_here)
    app.connect("build-finished", open_to_all)
