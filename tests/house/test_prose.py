"""Plain technical English, as far as a program can tell: in docstrings, comments and documents."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.house.offenders import Found, guard, hold
from tests.house.source import ROOT, documents, every_module, paragraphs, texts

QUOTED: Final = re.compile(r"`+[^`]*`+|\"[^\"]*\"|“[^”]*”", re.DOTALL)
"""Code and quotations are not ours."""

SUBJECT: Final = re.compile(r"(?<![\w.-])(Whose|What|Those|Who|Whoever)\b(?=[^?]*?(?:[.!:;?]|\Z))")
"""A sentence that begins with one of these words."""

PHRASES: Final = re.compile(r"\bof which\b|\bis for [\w ]{1,30} to say\b|\bthere (?:is|are) none\b", re.IGNORECASE)
"""Phrases that an outsider reads twice."""


def offences(text: str) -> Iterator[str]:
    """List the offences of a text; a question may begin with one of these words."""
    plain = QUOTED.sub(lambda match: "\n" * match[0].count("\n") + "`", text)
    for match in SUBJECT.finditer(plain):
        end = re.compile(r"[.!?](?=\s|\Z)").search(plain, match.end())
        if end is None or end[0] != "?":
            yield match[0]
    yield from (match[0] for match in PHRASES.finditer(plain))


@guard("prose")
def odd_prose() -> Found:
    """Find sentences that begin with `Whose`, `What`, `Those` or `Who`, and phrases that outsiders stumble over."""
    prose = {module.file: texts(module) for module in every_module()}
    prose |= {file: tuple(paragraphs(file)) for file in documents()}
    return {
        file: [
            f"{file}:{line}: {what}: {' '.join(text.split())[:100]}" for line, text in found for what in offences(text)
        ]
        for file, found in prose.items()
    }


@guard("imperative")
def nominal_docstrings() -> Found:
    """Find the functions whose docstring does not begin with an imperative; properties and tests are things."""
    command = [sys.executable, "-m", "ruff", "check", "--select", "D401", "--output-format", "json", "--exit-zero"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found: dict[str, list[str]] = {}
    for one in json.loads(listed):
        file = Path(one["filename"]).relative_to(ROOT).as_posix()
        found.setdefault(file, []).append(f"{file}:{one['location']['row']}: {one['message']}")
    return found


def test_docstrings_begin_with_an_imperative() -> None:
    """The first line of a function's docstring says what the function does."""
    hold("imperative")


def test_prose_is_plain() -> None:
    """Subject, verb, object; no sentence has `Whose`, `What`, `Those`, `Who` or `Whoever` as its subject."""
    hold("prose")


def test_the_guard_knows_what_it_looks_for() -> None:
    """Sentences and phrases are found; questions, quotations and words within a sentence are not."""
    assert list(offences("Whose gauges count. Those of others do not,\nof which there is none.")) == [
        "Whose",
        "Those",
        "of which",
        "there is none",
    ]
    assert list(offences("Says who. What is it? It is for the caller to say what.")) == ["is for the caller to say"]
    assert list(offences('The command `What` and "Who" are quoted; what counts is the truth.')) == []
