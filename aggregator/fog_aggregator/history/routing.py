"""Find the view of the fleet that a selector names by its labels, as a URL does by its parameters.

    requests_total                                          the whole
    requests_total{fog_level="2"}                           the groups of level 2; with fog_path, some of them
    requests_total{fog_path="fog/0"}                        the subtree of fog/0
    requests_total{fog_node="fog/0/3"}                      the node's own values, without what lies under it

A selector names one view, so that `sum()` never counts twice. The result's series carry the labels that named the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind, quote
from fog_aggregator.query.fleet_view import LATE_VALUES as LATE_VALUES  # noqa: PLC0414 - part of this module's interface
from fog_aggregator.query.fleet_view import MERGED_VALUES as MERGED_VALUES  # noqa: PLC0414 - part of this module's interface
from fog_schema.errors import PathError
from fog_schema.limits import MAX_TOKENS
from fog_schema.paths import Path, format_path, parse_path

LEVEL: Final = "fog_level"
PATH: Final = "fog_path"
NODE: Final = "fog_node"
OWN_PREFIX: Final = "fog_aggregator_"
"""Begins the names of the aggregator's own metrics, which are part of the whole whatever labels they have."""
OF_EACH_VIEW: Final = frozenset(
    ("fog_aggregator_nodes", "fog_aggregator_oldest_frame_age_seconds", MERGED_VALUES, LATE_VALUES)
)
"""The families of coverage: like the nodes' own metrics, every view has them."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole fleet, with the aggregator's own metrics."""

    @property
    def labels(self) -> Labels:
        """The labels that the view adds to every series."""
        return ()


@dataclass(frozen=True, slots=True)
class Level:
    """The groups of one level: each node belongs to its path cut to ``level + 1`` tokens.

    A group whose path is shorter than that is one node's own values. The series carry `fog_level` and `fog_path`.

    Attributes:
        level: The level, from 0.
        under: A path that every group that is asked for lies at or under; None where the conditions tell of none.
        path_matchers: The conditions on `fog_path`, which choose the groups.
    """

    level: int
    under: Path | None = None
    path_matchers: tuple[Matcher, ...] = ()

    def shows(self, path: Path) -> bool:
        """Tell whether the conditions let a group pass."""
        text = format_path(path)
        return all(matcher.test()(text) for matcher in self.path_matchers)


@dataclass(frozen=True, slots=True)
class Subtree:
    """The nodes at and under a path, as one group. The series carry `fog_path`."""

    path: Path

    @property
    def labels(self) -> Labels:
        """The labels that the view adds to every series."""
        return ((PATH, format_path(self.path)),)


@dataclass(frozen=True, slots=True)
class NodeOwn:
    """The values of one node, without those under it. The series carry `fog_node`."""

    path: Path

    @property
    def labels(self) -> Labels:
        """The labels that the view adds to every series."""
        return ((NODE, format_path(self.path)),)


View: TypeAlias = Whole | Level | Subtree | NodeOwn


@dataclass(frozen=True, slots=True)
class Routed:
    """The view that a selector names.

    Attributes:
        view: The view.
        matchers_left: The conditions on the series of the view, without those that named it.
    """

    view: View
    matchers_left: tuple[Matcher, ...]


def route(matchers: Sequence[Matcher]) -> Routed:
    """Find the view that matchers name. An empty value is an absent label: ``fog_path=""`` names nothing.

    The aggregator's own metrics, asked for by their whole name, belong to the whole, be their labels what they are.

    Raises:
        BadQueryError: the labels name no view, or more than one; the text says what to write.
    """
    left = tuple(matcher for matcher in matchers if matcher.name not in (LEVEL, PATH, NODE))
    if any(is_own_name(matcher) for matcher in matchers):
        return Routed(Whole(), tuple(matchers))
    levels, paths, nodes = (_conditions(matchers, name) for name in (LEVEL, PATH, NODE))
    if nodes:
        if levels or paths:
            raise BadQueryError(
                f"{NODE} stands alone: it names one node's own values; "
                f"leave out {LEVEL} and {PATH}, or write {PATH} instead for the node with what lies under it"
            )
        return Routed(NodeOwn(_path(nodes, f'{NODE}="fog/0/3"')), left)
    if levels:
        equal = next((matcher for matcher in paths if matcher.kind is MatchKind.EQUAL), None)
        under = None if equal is None else _path([equal], f'{PATH}="fog/0"')
        conditions = tuple(matcher for matcher in matchers if matcher.name == PATH)
        return Routed(Level(_level(levels), under, conditions), left)
    if paths:
        return Routed(Subtree(_path(paths, f'{PATH}="fog/0"', instead=_PATTERN)), left)
    return Routed(Whole(), left)


_PATTERN: Final = (
    f'; a pattern of {PATH} needs a level, as in {LEVEL}="1", {PATH}=~"fog/.*": '
    "without one, a node would count with every path above it"
)


def is_own_name(matcher: Matcher) -> bool:
    """Tell whether a matcher names one of the aggregator's own metrics, which are part of the whole alone."""
    named = matcher.name == NAME and matcher.kind is MatchKind.EQUAL
    return named and matcher.value.startswith(OWN_PREFIX) and matcher.value not in OF_EACH_VIEW


def _conditions(matchers: Sequence[Matcher], name: str) -> list[Matcher]:
    """Return the conditions on a label but for those that say that it is absent."""
    absent = Matcher(MatchKind.EQUAL, name, "")
    return [matcher for matcher in matchers if matcher.name == name and matcher != absent]


def _path(matchers: Sequence[Matcher], example: str, *, instead: str = "") -> Path:
    """Return the path that one matcher names by equality."""
    value = _only_value(matchers, example, instead)
    try:
        path = parse_path(value)
    except PathError as error:
        raise BadQueryError(f"{matchers[0]}: {error}") from None
    if format_path(path) != value:
        raise BadQueryError(f"{matchers[0]}: write the path without a slash at its ends, {quote(format_path(path))}")
    return path


def _level(matchers: Sequence[Matcher]) -> int:
    value = _only_value(matchers, f'{LEVEL}="1"', "; ask for one level at a time: levels contain each other")
    if not value.isascii() or not value.isdigit() or str(int(value[:4])) != value or int(value) >= MAX_TOKENS:
        raise BadQueryError(f'{LEVEL}={quote(value)} is no level: write a whole number below {MAX_TOKENS}, as in "1"')
    return int(value)


def _only_value(matchers: Sequence[Matcher], example: str, instead: str) -> str:
    distinct = list(dict.fromkeys(matchers))
    if len(distinct) > 1 or distinct[0].kind is not MatchKind.EQUAL:
        found = ", ".join(map(str, distinct))
        raise BadQueryError(f"{found} names no view: give one value by equality, as in {example}{instead}")
    return distinct[0].value
