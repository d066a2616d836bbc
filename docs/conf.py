# ruff: noqa: INP001 - Sphinx's configuration is in no package
"""The documentation site: `make docs` builds it into build/docs.

The site's source is the repository: each Markdown file is a page where it lies, so that a link works on the site as it
does where the repository is read, and no text is there twice. The order of the pages is that of docs/index.md.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from typing import Any, Final

from fog_bus.options.kinds import SWITCH
from fog_cli.commands import load
from fog_cli.config import options_of
from fog_schema import __version__

gc.set_threshold(100_000)  # at Python's 700 the build spends two fifths of its time looking for garbage among its pages

project = "UtilityFog telemetry"
release = __version__
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "deploy/**.md", "schema/*.md"]
exclude_patterns = [".*", "build", "dist", "node_modules"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nitpicky = True

html_theme = "furo"
html_title = project
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
html_additional_pages = {"index": "to_contents.html"}
templates_path = ["templates"]

highlight_language = "none"
myst_heading_anchors = 4

# Signatures without types: these name modules that the site has no page of. A docstring says what a value is.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_use_rtype = False
napoleon_use_ivar = True
nitpick_ignore_regex = [
    ("py:exc", r"\w+"),  # a docstring names an exception as its module does
    ("py:class", r"(?:utilityfog_frontend|asyncio)\..*"),  # types of attributes that no page is about
]

CONTENTS: Final = "docs/index"
"""The page whose links are the order of the site."""

DECISION: Final = re.compile(r"docs/decisions/\d{4}-")
"""Pages that are found from their own index: in the contents they would be more than all others, on every page."""

LINK: Final = re.compile(r"^- \[([^\]\n]+)\]\(([^)#\s]+)\.md\)", re.MULTILINE)
SECTION: Final = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)
MARKUP: Final = re.compile(r"[\\`*_<>\[\]]")
HELP: Final = re.compile(r"^```sh\nfog (\w+) --help\n```\n", re.MULTILINE)


def tables_of_contents(text: str) -> str:
    """Make a table of contents of each section of a page that has a list of pages."""
    blocks = []
    for caption, section in SECTION.findall(text):
        entries = [f"{title} <{page}>" for title, page in LINK.findall(section)]
        if entries:
            blocks.append("\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"]))
    return "\n\n".join(blocks)


def table_of_options(command: str) -> str:
    """Make a table of all options of a command."""
    return "\n".join(["| option | | default | variable | key |", "|---|---|---|---|---|", *_rows(command)])


def _rows(command: str) -> Iterator[str]:
    for option in options_of(load(command).settings, command):
        if option.positional:
            continue
        shown = option.default not in (None, "", (), False) and option.kind is not SWITCH
        default = f"`{option.kind.show(option.default)}`".replace('"', "") if shown else ""
        cells = (
            " ".join(f"`{flag}`" for flag in option.flags),
            MARKUP.sub(r"\\\g<0>", option.help),
            default,
            " ".join(f"`{variable}`" for variable in option.environ),
            f"`[{option.table}] {option.key}`",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def complete(app: Any, page: str, source: list[str]) -> None:
    """Add to a page, as it is read, what is declared elsewhere: the order of the site, options of commands."""
    del app
    text = HELP.sub(lambda match: f"{match[0]}\n{table_of_options(match[1])}\n", source[0])
    if page == CONTENTS:
        text += f"\n{tables_of_contents(text)}\n"
    elif DECISION.match(page):
        text = f"---\norphan: true\n---\n{text}"
    source[0] = text


def keep_properties_whole(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Keep napoleon from taking words before a colon for a property's type: an empty comment is its first line."""
    del app, name, found, options
    if what == "property":
        lines[:0] = ["..", ""]


def setup(app: Any) -> dict[str, Any]:
    """Register what this file adds to Sphinx."""
    app.connect("source-read", complete)
    app.connect("autodoc-process-docstring", keep_properties_whole, priority=400)
    return {"parallel_read_safe": True}
