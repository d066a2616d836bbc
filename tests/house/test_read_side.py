"""Components ask the read side for values: none knows how a fleet is held, as columns by row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.house.source import Module, imports, modules

COMPONENTS: Final = "aggregator/fog_aggregator/components/"
SAVING: Final = COMPONENTS + "checkpoints/"
"""Checkpoints are of the fleet itself: who goes on from one hands a fleet over."""

HELD: Final = re.compile(r"fog_aggregator\.core\.(fleet|kinds|places)\b")
"""Where a fleet is held."""
VALUES: Final = frozenset(
    (
        "fog_aggregator.core.fleet.silent_cover",
        "fog_aggregator.core.kinds.later",
        "fog_aggregator.core.places.coverage",
        "fog_aggregator.core.places.expected",
        "fog_aggregator.core.places.limits",
        "fog_aggregator.core.places.origin",
        "fog_aggregator.core.places.patterns",
        "fog_aggregator.core.places.unread",
    )
)
"""Modules there whose values the read side returns, or which are options."""


def reaches(tree: ast.AST) -> Iterator[str]:
    """Name the attributes by which a module reaches through a network, or an engine, into its fleet."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            of_network = getattr(owner, "attr", getattr(owner, "id", "")).strip("_") == "network"
            if node.attr == "fleet" or (of_network and node.attr in {"tree", "lives"}):
                yield f"line {node.lineno}: .{node.attr}"


def offences(module: Module) -> list[str]:
    """List what a component knows that it should not."""
    held = [name for name in imports(module) if HELD.match(name) and not name.startswith(tuple(VALUES))]
    return [f"{module.file}: {what}" for what in (*held, *reaches(module.tree))]


def test_components_know_no_columns() -> None:
    """`NetworkCollector` returns all that they need, as values or as copies in the order of paths."""
    found = [one for one in modules() if one.file.startswith(COMPONENTS) and not one.file.startswith(SAVING)]
    assert len(found) > 50
    assert [line for module in found for line in offences(module)] == []


def test_the_guard_sees_what_it_is_for() -> None:
    """Each of the ways that there were."""
    text = "with self._network.lock:\n    rows = self._network.fleet.words()\n    at = network.tree.rows\n"
    assert sorted(reaches(ast.parse(text))) == ["line 2: .fleet", "line 3: .tree"]
