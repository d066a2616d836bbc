"""Find the metrics that an expression reads, their nodes, and how far back it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final, get_args

from fog_aggregator.history.routing import LEVEL, NODE, OWN_PREFIX, PATH
from fog_aggregator.promql.labels import NAME, Labels, MatchKind, label
from fog_aggregator.promql.language.tree import Expression, Selector, Subquery, Window
from fog_schema.paths import Path, format_path

SILENCE: Final = "fog_aggregator_silent"
"""The one metric of the aggregator itself that is about nodes: those that are silent."""

_EXPRESSION: Final = get_args(Expression)
_FIELDS: Final = {kind: tuple(one.name for one in fields(kind)) for kind in _EXPRESSION}
_DEEPEST: Final = 8
"""Recorded series that stand on each other are followed so far."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The nodes that a number stands on.

    Attributes:
        path: They lie at and under it.
        own: It is the node at the path alone.
        names: Only nodes that have one of these metrics; all of them for none.
        of_silence: The number is about the silent nodes there, so that these stand behind it.
    """

    path: Path = ()
    own: bool = False
    names: frozenset[str] = frozenset()
    of_silence: bool = False

    def holds(self, path: Path) -> bool:
        """Tell whether a node lies in it."""
        return path == self.path if self.own else path[: len(self.path)] == self.path

    def __str__(self) -> str:
        return format_path(self.path) or "the fleet"


@dataclass(frozen=True, slots=True)
class Read:
    """The choice of one selector.

    Attributes:
        name: The metric; empty for a choice of several.
        scope: The nodes behind all of its series together; None for metrics of the aggregator itself.
        by_group: Each of its series is one group of a level, whose path it bears.
    """

    name: str
    scope: Scope | None
    by_group: bool = False

    def at(self, labels: Labels) -> Scope | None:
        """Narrow the scope to a series of the result, whose labels may name a group."""
        path = label(labels, PATH)
        if self.name == SILENCE:
            return Scope(_path(path), of_silence=True) if path else None
        if self.scope is None or not (path and self.by_group):
            return self.scope
        return Scope(_path(path), names=self.scope.names)


def _path(text: str) -> Path:
    return tuple(text.split("/"))


def subexpressions(expression: Expression) -> Iterator[Expression]:
    """Walk an expression and all parts of it."""
    yield expression
    for part in _parts(expression):
        yield from subexpressions(part)


def selectors(expression: Expression) -> Iterator[Selector]:
    """Walk the selectors of an expression."""
    return (one for one in subexpressions(expression) if isinstance(one, Selector))


def reads(expression: Expression, recorded: Mapping[str, Expression] | None = None, depth: int = 0) -> tuple[Read, ...]:
    """Find what an expression reads; of a recorded series, what its own expression reads.

    Args:
        expression: The expression.
        recorded: The expressions of recording rules, by the names that they record.
        depth: How many recorded series this one stands below.
    """
    found: dict[Read, None] = {}
    for selector in selectors(expression):
        name = equal(selector, NAME)
        if recorded and name in recorded and depth < _DEEPEST:
            found |= dict.fromkeys(reads(recorded[name], recorded, depth + 1))
        else:
            found[Read(name, _scope(selector, name), bool(equal(selector, LEVEL)))] = None
    return tuple(found)


def _scope(selector: Selector, name: str) -> Scope | None:
    if name.startswith(OWN_PREFIX) or name in {"ALERTS", "ALERTS_FOR_STATE"}:
        return None
    names = frozenset({name}) if name else frozenset()
    if node := equal(selector, NODE):
        return Scope(_path(node), own=True, names=names)
    path = equal(selector, PATH)
    return Scope(_path(path) if path else (), names=names)


def equal(selector: Selector, name: str) -> str:
    """Return the value that a label must have; empty when nothing fixes it."""
    values = [one.value for one in selector.matchers if one.name == name and one.kind is MatchKind.EQUAL]
    return values[0] if values else ""


def is_about_itself(expression: Expression) -> bool:
    """Tell whether an expression reads the aggregator's own metrics and nothing else."""
    found = reads(expression)
    return bool(found) and all(read.scope is None for read in found)


def reach(expression: Expression) -> int:
    """Return how far back an expression looks, in milliseconds: ranges and offsets added up, the longest way down."""
    own = 0
    if isinstance(expression, Window):
        own = expression.range
    elif isinstance(expression, Subquery):
        own = expression.range + max(0, expression.offset)
    elif isinstance(expression, Selector):
        own = max(0, expression.offset)
    return own + max((reach(part) for part in _parts(expression)), default=0)


def _parts(expression: Expression) -> Iterator[Expression]:
    """List the direct parts of an expression."""
    for name in _FIELDS[type(expression)]:
        value = getattr(expression, name)
        yield from (part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, _EXPRESSION))
