"""One term for one thing: the names that were replaced do not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.house.offenders import Found, guard, hold
from tests.house.source import documents, modules, paragraphs

REPLACED: Final = {
    "Holding": "SlotIndex",
    "Runs": "SlotRuns",
    "Followed": "SourceSeries",
    "Tracked": "EpochSeries",
    "Assembly": "FrameBuilder",
    "Attachment": "Publication",
    "ledger": "lifetimes or retired_counts",
    "hold": "clamp",
    "held": "mark_reported",
    "told": "reported",
    "said": "logged",
    "kept": "retained",
    "heard": "last_seen",
    "fold": "flush or close",
    "folded": "closed",
    "folds": "closes",
    "whole": "is_keyframe or integer",
    "distrust": "require_keyframes",
    "in_doubt": "needs_keyframe_round",
    "_doubted": "awaited",
    "watched": "observed_seconds",
    "Wish": "KeyframeRequest",
    "Forgetting": "ForgetQueue",
    "going_on": "running",
    "Turns": "ResponseSlots",
    "Branches": "BranchPatterns",
    "width": "kind",
    "Told": "a name of the reference model's",
}
"""Identifiers that were replaced, and by what."""

ELSEWHERE: Final = {
    "width": re.compile(r"^schema/|^cli/|/(kinds|sections)/|histograms?\.py$|summar"),
    "ledger": re.compile(r"^cli/"),
    "held": re.compile(r"^testing/fog_testing/proxy\.py$"),
    "whole": re.compile(r"^cli/fog_cli/kinds\.py$"),
}
"""Files in which a name is another thing's: a number of buckets, a screen's width, an option of demo or proxy."""

PROSE: Final = re.compile(
    r"\b(?:whole (?:keyframe|count|counter|number|increment)s?|in doubt|ledgers?|fold(?:s|ed|ing)?|watched time)\b",
    re.IGNORECASE,
)
"""Terms of documents that have another name now: complete, integer, needs a round, retired counts, close, observed."""


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """List what a module names itself: variables, arguments, attributes, functions and classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


@guard("old-names")
def old_names() -> Found:
    """Find definitions of names that were replaced, and the old terms in documents."""
    found = {}
    for module in modules():
        lines = []
        for line, name in identifiers(module.tree):
            bare = name if name in REPLACED else name.lstrip("_")
            if bare in REPLACED and not (bare in ELSEWHERE and ELSEWHERE[bare].search(module.file)):
                lines.append(f"{module.file}:{line}: {name}: {REPLACED[bare]}")
        found[module.file] = lines
    for file in documents():
        prose = [(line, re.sub(r"`[^`]*`", "", text)) for line, text in paragraphs(file)]
        found[file] = [f"{file}:{line}: {term}" for line, text in prose for term in PROSE.findall(text)]
    return found


def test_replaced_names_do_not_come_back() -> None:
    """A thing has one name, in code and in documents."""
    hold("old-names")
