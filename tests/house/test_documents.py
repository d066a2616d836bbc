"""The map of the modules, the glossary and the pages of decisions are complete."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.house.source import modules, read, tracked

ARCHITECTURE: Final = read("ARCHITECTURE.md")
MAP: Final = ARCHITECTURE.partition("## The map")[2].partition("\n## ")[0]
DECISIONS: Final = [file for file in tracked() if re.fullmatch(r"docs/decisions/\d{4}-[a-z0-9-]+\.md", file)]


def rows(text: str) -> dict[str, str]:
    """Collect the rows of a document's tables: what stands in backticks or bold in the first cell, and the rest."""
    return dict(re.findall(r"^\| (?:`|\*\*)([^`*]+)(?:`|\*\*)[^|]* \| (.*) \|$", text, re.MULTILINE))


def test_the_map_names_every_folder_and_no_other() -> None:
    """Each folder with modules has a row, and each row's folder has modules."""
    folders = {f"{module.file.rpartition('/')[0]}/" for module in modules()}
    assert set(rows(MAP)) == folders


def test_the_map_names_modules_that_are_there() -> None:
    """A module that a row names lies in the row's folder."""
    for folder, text in rows(MAP).items():
        inside = {file.removeprefix(folder) for file in tracked() if file.startswith(folder)}
        assert {f"{name}.py" for name in re.findall(r"`([a-z_]+)`", text)} <= inside, folder


def test_words_are_defined_before_they_are_used() -> None:
    """The glossary stands first, and has some twenty words."""
    glossary = ARCHITECTURE.index("## Words")
    assert glossary < min(ARCHITECTURE.index(f"## {other}") for other in ("The way", "The map", "Layers", "Why"))
    assert 18 <= len(rows(ARCHITECTURE[glossary:].partition("\n## The")[0])) <= 30


@pytest.mark.parametrize("file", DECISIONS)
def test_a_decision_is_a_page_with_three_parts(file: str) -> None:
    """Context, decision and measurement, in that order, on one page; the index has it under its title."""
    text = read(file)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Measurement"]
    assert text.count("\n") <= 60
    number, title = re.match(r"# (\d+)\. (.+)\n", text).groups()  # type: ignore[union-attr]
    name = file.rpartition("/")[2]
    assert name.startswith(f"{int(number):04d}-")
    assert f"| [{number}]({name}) | {title} |" in read("docs/decisions/README.md")


def test_decisions_are_numbered_without_holes() -> None:
    """A number is never given twice."""
    numbers = [int(file.rpartition("/")[2][:4]) for file in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))
