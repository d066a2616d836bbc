"""The table of a view: its rows, their order, and which of them are in sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fog_cli.top.screen.state import State
from fog_cli.words import alerts
from fog_cli.words.events import kind_of, saying
from fog_cli.words.nodes import command_of, facts_of, node_table
from fog_cli.words.numbers import clock, count, figure, many, unit_of
from fog_cli.words.paths import matcher, shortened
from fog_cli.words.problems import Problems
from fog_cli.words.queries import Metric
from fog_cli.words.spark import SIGNS
from fog_cli.words.table import Column, table
from fog_cli.words.text import Line, Span, printable

PLACE: Final = 30


@dataclass(frozen=True, slots=True)
class Item:
    """A row: the text that stands in it, the place or the metric that it opens, and the command that it needs."""

    line: Line
    path: str = ""
    metric: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A table.

    Attributes:
        title: A name for its rows, and their order.
        header: The titles of its columns.
        items: Its rows, or those around the chosen one.
        empty: The text in place of rows.
        first: The number of the first item among all rows.
        total: How many rows there are, where they are more than the items.
    """

    title: str
    header: Line
    items: Sequence[Item]
    empty: str = ""
    first: int = 0
    total: int = 0

    @property
    def size(self) -> int:
        """How many rows there are."""
        return max(self.total, self.first + len(self.items)) if self.items else 0

    def at(self, row: int) -> Item | None:
        """Return a row; None where it is not there yet."""
        place = row - self.first
        return self.items[place] if 0 <= place < len(self.items) else None


def made(
    title: str, columns: Sequence[Column], rows: Sequence[Sequence[Span]], about: Sequence[Item], empty: str
) -> Listing:
    """Lay a table out; `about` says what each row opens."""
    header, *lines = table(columns, rows)
    items = [Item(line, one.path, one.metric, one.command) for line, one in zip(lines, about, strict=True)]
    return Listing(title, header, items, empty)


def nodes(state: State, now: float) -> Listing:
    """List nodes: those that are not live, or all."""
    answer = state.answers.nodes
    if answer is None:
        return Listing("nodes", [], (), state.answers.errors.get("nodes", "asking …"))
    header, *lines = node_table(answer["nodes"], now)
    items = [
        Item(line, node["path"], command=command_of(node)) for line, node in zip(lines, answer["nodes"], strict=True)
    ]
    order = {"": "worst first, then longest", "path": "by path", "silence": "longest silent first"}[state.chosen.sort]
    which, other, word = ("in all states", "not live", "known") if state.chosen.every else ("not live", "all", "away")
    first = answer.get("offset", 0)
    part = f"{count(first + 1)} to {count(first + len(items))}" if first else count(len(items))
    title = f"nodes {which}: {part} of {count(answer['total'])}, {order} · e {other}"
    return Listing(title, header, items, f"No node here is {word}.", first, answer["total"])


def alert_list(state: State, now: float) -> Listing:
    """List what fires, is pending, silenced or over."""
    problems = state.answers.problems
    if problems is None:
        return Listing("alerts", [], (), state.answers.errors.get("alerts", "asking …"))
    here = problems.at(state.where.path)
    rows, about = list[Sequence[Span]](), list[Item]()
    for name, paths in _paths(here).items():
        for row, path in zip(alerts.groups(here, now, PLACE)[name], paths, strict=True):
            rows.append([(name.lower(), "faint"), *row])
            about.append(Item((), path))
    columns = (Column("list"), Column(""), Column("alert", most=30), Column("place"), Column("since"), *_LAST)
    return made(alerts.headline(here), columns, rows, about, "Nothing fires here.")


_LAST: Final = (Column("", right=True), Column("value"), Column("facts"))


def _paths(here: Problems) -> Mapping[str, Sequence[str]]:
    return {
        "Firing": [one.path for one in here.fired],
        "Not live": [one.path for one in here.not_live],
        "Pending": [one.path for one in here.pending],
        "Silenced": [one.path for one in here.silenced],
        "Resolved": [one["path"] for one in here.resolved],
    }


def events(state: State, now: float) -> Listing:
    """List events, the newest first."""
    del now
    answer = state.answers.events
    if answer is None:
        return Listing("events", [], (), state.answers.errors.get("events", "asking …"))
    wanted = matcher(state.chosen.filter)
    found: list[Mapping[str, Any]] = [
        one for one in reversed(answer["events"]) if wanted(f"{one['name']} {one['path']}")
    ]
    rows = [
        [
            (clock(one["timestamp"]), "faint"),
            (SIGNS[kind_of(one["name"])], kind_of(one["name"])),
            (printable(one["name"]), "bold"),
            (shortened(one["path"], PLACE), ""),
            (saying(one), ""),
        ]
        for one in found
    ]
    numbers = [] if answer["kept"] is None else [f"{count(answer['kept'])} known", f"{count(answer['lost'])} lost"]
    title = " · ".join(["events, newest first" + (", paused" if state.chosen.paused else ""), *numbers])
    columns = (Column("time"), Column(""), Column("event", most=24), Column("place"), Column("what it says"))
    return made(title, columns, rows, [Item((), one["path"]) for one in found], "No event in this span.")


def metrics(state: State, now: float) -> Listing:
    """List the metrics of the fleet."""
    del now
    wanted = matcher(state.chosen.filter)
    found = [one for one in state.answers.families if wanted(one.name)]
    return _metrics(f"metrics: {count(len(found))} · Enter compares places by one", found)


def _metrics(title: str, found: Sequence[Metric]) -> Listing:
    rows: list[Sequence[Span]] = [
        [(one.name, "bold"), (one.type, "faint"), (figure(1, unit_of(one.name, one.type))[1], "faint")] for one in found
    ]
    columns = (Column("metric"), Column("type"), Column("unit"))
    return made(title, columns, rows, [Item((), metric=one.name) for one in found], "No metric is known.")


def series(state: State) -> Listing:
    """List the series of a node without children; of a histogram its count and its sum."""
    wanted = matcher(state.chosen.filter)
    types = {one.name: one.type for one in state.answers.families}
    rows, about = list[Sequence[Span]](), list[Item]()
    for one in state.answers.own.series:
        is_histogram = types.get(one.name) == "histogram"
        if not wanted(f"{one.name} {' '.join(one.labels.values())}") or (is_histogram and "le" in one.labels):
            continue
        part = one.labels.get("type", "") if is_histogram else ""
        unit = "" if part == "count" else unit_of(one.name, types.get(one.name, "")).removesuffix("/s")
        text, shown = figure(one.value, unit)
        labels = [f"{name}={value}" for name, value in one.labels.items() if not (part and name == "type")]
        name = f"{one.name} {part}".rstrip()
        rows.append([(name, "bold"), (text, ""), (shown, "faint"), (printable(" ".join(labels)), "faint")])
        about.append(Item((), metric=one.name))
    columns = (Column("metric", most=44), Column("now", right=True), Column(""), Column("labels"))
    empty = state.answers.errors.get("series", "No series of it is shown now.")
    node = state.answers.own.node
    title = f"{node['state']} · {facts_of(node)}" if node is not None else many(len(rows), "series", "series")
    return made(title, columns, rows, about, empty)


def hits(state: State) -> Listing:
    """List what is found while somebody types: places and nodes, problems, metrics."""
    wanted = matcher(state.chosen.typed)
    found = [one for one in state.answers.families if wanted(one.name)][:20]
    if state.chosen.typing == "metric":
        return _metrics("compare places by", found)
    problems = [one for one in state.problems if wanted(f"{one.title} {one.path}")]
    words = [matcher(word) for word in state.chosen.typed.split() if not set("*=") & set(word)]
    paths = [path for path in state.answers.hits if all(word(path) for word in words)]  # others are of before
    rows: list[Sequence[Span]] = [[("place", "faint"), (path, "bold")] for path in paths]
    rows += [[("problem", "faint"), (f"{one.title}  {one.path}", one.severity)] for one in problems]
    rows += [[("metric", "faint"), (one.name, "")] for one in found]
    about = [Item((), path) for path in paths] + [Item((), one.path or " ") for one in problems]
    about += [Item((), metric=one.name) for one in found]
    return made("found", (Column("what"), Column("name")), rows, about, "Nothing is found.")
