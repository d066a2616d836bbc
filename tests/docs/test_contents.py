"""docs/index.md leads to every page, and the site has them all."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import PurePosixPath
from types import ModuleType
from typing import Final

import pytest

from tests.house.source import ROOT, read, tracked

INDEX: Final = "docs/index.md"


@cache
def configuration() -> ModuleType:
    """Import docs/conf.py, which no package has."""
    spec = importlib.util.spec_from_file_location("docs_conf", ROOT / "docs" / "conf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def beside(page: str, link: str) -> str:
    """Return the file that a link of a page names, from the root."""
    return (ROOT / PurePosixPath(page).parent / link).resolve().relative_to(ROOT).as_posix()


def contents() -> list[str]:
    """List the pages that the site's contents have, in their order."""
    entries = re.findall(r"^.+ <(.+)>$", configuration().tables_of_contents(read(INDEX)), re.MULTILINE)
    return [beside(INDEX, f"{entry}.md") for entry in entries]


def pages() -> list[str]:
    """List the Markdown files that a reader is to find; a decision's page is found from the index of decisions."""
    wanted = re.compile(r"[A-Z]+\.md|(?:docs|deploy)/.*(?<!/index)\.md|schema/SPEC\.md")
    return [file for file in tracked() if wanted.fullmatch(file) and not configuration().DECISION.match(file)]


def test_the_contents_have_every_page_once() -> None:
    """A page that no list has is found by nobody."""
    listed = contents()
    missing = [page for page in pages() if page not in listed]
    assert not missing, (
        f"{INDEX} has no line for {', '.join(missing)}: add one to the section where a stranger looks for it"
    )
    twice = {page for page in listed if listed.count(page) > 1}
    assert not twice, f"{INDEX} lists {', '.join(sorted(twice))} more than once: a page has one place"


def test_the_readme_leads_to_the_contents() -> None:
    """Each page is two clicks away from the README."""
    assert f"]({INDEX})" in read("README.md")


def test_each_section_says_what_its_pages_are() -> None:
    """A line is a link and, after a colon, words about the page."""
    lines = [line for line in read(INDEX).splitlines() if line.startswith("- ")]
    assert len(lines) == len(contents())
    assert [line for line in lines if re.fullmatch(r"- \[[^\]]+\]\([^)]+\): .{10,}", line) is None] == []


@pytest.mark.parametrize("page", [file for file in tracked() if file.endswith(".md")])
def test_links_to_sections_name_one(page: str) -> None:
    """`page.md#section` names a heading of that page, by the name that a forge and the site give it."""
    for link in re.findall(r"\]\(([^)\s:]*#[^)\s]+)\)", read(page)):
        file, _, anchor = link.partition("#")
        target = beside(page, file) if file else page
        assert anchor in anchors(target), f"{page}: {link}"


def anchors(page: str) -> set[str]:
    """Collect the names of a page's headings."""
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
