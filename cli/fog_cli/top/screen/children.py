"""The children of a place, the worst first: nodes, a metric, how it is beside the siblings, and its past."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from fog_cli.top.screen.listing import Item, Listing, made
from fog_cli.top.screen.state import State
from fog_cli.words.coverage import expected
from fog_cli.words.numbers import TIMES, clock, count, figure, many, two_digits, unit_of
from fog_cli.words.paths import matcher
from fog_cli.words.queries import Metric
from fog_cli.words.spark import bar, spark
from fog_cli.words.table import Column
from fog_cli.words.text import Span, padded, size_of

SORTS: Final = ("", "value", "name")
UNLIKE: Final = 3.0
_FAR: Final = 6 * 1.4826
"""Six standard deviations, estimated by the median distance from the median."""
MOST_ROWS: Final = 500
"""Children in a table; a filter reaches the others."""
_LEAST_SIBLINGS: Final = 4
_LEAST_SPARK: Final = 8
_MOST_SPARK: Final = 24


@dataclass(frozen=True, slots=True)
class Child:
    """A child, or the place's own node, with its value and what that is beside the siblings' median (NaN: unknown).

    It is unlike its siblings where the value is far from their median, as a ratio and beside their own distances.
    """

    path: str
    name: str
    nodes: Mapping[str, int]
    value: float
    ratio: float
    is_unlike: bool = False
    itself: bool = False

    @property
    def away(self) -> float:
        """The share of its nodes that are not live."""
        everything = expected(self.nodes)
        return 1 - self.nodes.get("live", 0) / everything if everything else 0.0


def ratios(values: Mapping[str, float]) -> dict[str, float]:
    """Compare each value with the median of the others; NaN where these are fewer than four."""
    ordered = sorted(value for value in values.values() if math.isfinite(value))
    found = dict[str, float]()
    for path, value in values.items():
        middle = _median_without(ordered, value) if len(ordered) > _LEAST_SIBLINGS else math.nan
        found[path] = value / middle if middle else math.nan
    return found


def _median_without(ordered: Sequence[float], value: float) -> float:
    """Return the median of sorted values without one of them: a place has thousands of children, and sorts once."""
    place, rest = bisect_left(ordered, value), len(ordered) - 1
    low, high = (ordered[at if at < place else at + 1] for at in ((rest - 1) // 2, rest // 2))
    return low / 2 + high / 2  # their sum may be infinite


def _unlike(values: Mapping[str, float], beside: Mapping[str, float]) -> set[str]:
    """Return the children whose values are unlike the others'."""
    known = [value for value in values.values() if math.isfinite(value)]
    middle = median(known) if known else math.nan
    far = _FAR * median(abs(value - middle) for value in known) if known else math.nan
    away = {path: abs(value - middle) for path, value in values.items()}
    odd = (path for path, ratio in beside.items() if ratio >= UNLIKE or ratio <= 1 / UNLIKE)
    return {path for path in odd if away[path] and away[path] >= far}


def children_of(state: State) -> list[Child]:
    """Return the children of the place in the order that is chosen."""
    tree, values = state.answers.tree, state.answers.values
    if tree is None or tree["path"] != state.where.path:
        return []
    below: Sequence[Mapping[str, Any]] = tree["children"]
    known = {one["path"]: values[one["path"]] for one in below if one["path"] in values}
    beside = ratios(known)
    unlike = _unlike(known, beside)
    found = [
        Child(
            one["path"],
            one["name"],
            one["nodes"],
            values.get(one["path"], math.nan),
            beside.get(one["path"], math.nan),
            is_unlike=one["path"] in unlike,
        )
        for one in below
    ]
    if found and tree["state"]:
        own = values.get(tree["path"], math.nan)
        found.append(Child(tree["path"], "itself", {tree["state"]: 1}, own, math.nan, itself=True))
    wanted = matcher(state.chosen.filter)
    return sorted((one for one in found if wanted(one.name)), key=_ORDERS[state.chosen.sort])


def _largest_first(child: Child) -> float:
    return math.inf if math.isnan(child.value) else -child.value


_ORDERS: Final[Mapping[str, Any]] = {
    "": lambda one: (one.itself, -one.away, not one.is_unlike, _largest_first(one), one.path),
    "value": lambda one: (_largest_first(one), one.path),
    "name": lambda one: one.path,
}


def listing(state: State, room: int) -> Listing:
    """Lay the children out in so many cells: sparklines take what is left, from 8 cells to 24."""
    found = children_of(state)
    shown = _listing(state, found, _LEAST_SPARK)
    left = room - size_of(shown.header)
    return _listing(state, found, min(_MOST_SPARK, _LEAST_SPARK + left)) if left > 0 and found else shown


def _listing(state: State, found: Sequence[Child], spark_cells: int) -> Listing:
    metric = state.metric() if state.is_ready else None
    columns = [Column("child", most=20), Column("nodes", right=True), Column("")]
    if metric is not None:
        until, span = state.where.until, state.where.span
        title = padded(f"{span} to {clock(until, 2)}" if until else f"last {span}", spark_cells)
        columns += [Column(short(metric), right=True), Column(f"{TIMES} siblings", right=True), Column(title)]
    shown = found[:MOST_ROWS]
    rows = [_row(one, metric, state.answers.sparks.get(one.path, ()), spark_cells) for one in shown]
    order = {"": "worst first", "value": "by value", "name": "by name"}[state.chosen.sort]
    tree = state.answers.tree
    title = f"{many(len(tree['children']) if tree else 0, 'child', 'children')}, {order}"
    if len(found) > len(shown):
        title += f": the first {count(len(shown))}, f finds the others"
    empty = state.answers.errors.get("tree", "asking …" if tree is None else _nothing(tree))
    return made(title, columns, rows, [Item((), one.path) for one in shown], empty)


def _nothing(tree: Mapping[str, Any]) -> str:
    """Say why no child is shown: of more than 5,000 places an answer has none."""
    is_leaf = tree["count"] <= (1 if tree["state"] else 0)
    return "Nothing lies under this place." if is_leaf else "Too many lie here for one answer: / and g n find them."


def _row(child: Child, metric: Metric | None, values: Sequence[float], spark_cells: int) -> list[Span]:
    dead = [state for state, number in child.nodes.items() if number and state != "live"]
    row: list[Span] = [
        (child.name, "bold"),
        (count(expected(child.nodes)), ""),
        ("".join(text for text, _ in bar(child.nodes, 8)), dead[0] if dead else "live"),
    ]
    if metric is None:
        return row
    kind = "critical" if child.is_unlike and child.ratio > 1 else ""
    ratio = "" if math.isnan(child.ratio) else two_digits(child.ratio)
    text, _ = figure(child.value, unit_of(metric.name, metric.type))
    return [*row, (text, kind), (ratio, kind or "faint"), (spark(values, spark_cells), kind or "faint")]


def short(metric: Metric) -> str:
    """Return the title of a column: the end of a metric's name, and its unit."""
    name = re.sub(r"_(total|seconds|bytes)$", "", metric.name)
    return " ".join(filter(None, ("_".join(name.split("_")[-2:]), figure(1, unit_of(metric.name, metric.type))[1])))
