"""The screen as a whole: so many lines of so many cells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fog_cli.top.screen import children, head, listing, reasons
from fog_cli.top.screen.keys import SHEET
from fog_cli.top.screen.listing import Listing
from fog_cli.top.screen.state import VIEWS, Chart, State
from fog_cli.words.coverage import expected
from fog_cli.words.numbers import clock, count, digits, figure, unit_of, with_unit
from fog_cli.words.spark import chart
from fog_cli.words.text import Line, Span, fitted, harmless, plain, size_of, wrapped

_LABELS: Final = 7
_LEAST_FOR_REST: Final = 12
_HIGH: Final = 24


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the screen, and what a click on it chooses: the row of the table or the number of a problem."""

    line: Line
    row: int = -1
    problem: int = 0


def screen(state: State, width: int, height: int, now: float) -> list[Row]:
    """Return the lines of a screen of so many cells and lines."""
    rows = [Row(line) for line in (*head.banner(state, now), *head.top(state, width, now))]
    rows += [Row(line) for line in head.coverage(state, width)]
    if state.chosen.sheet:
        body = [Row([(f"{key:18}", "bold"), (text, "")]) for key, text in SHEET]
    elif state.chosen.typing in {"search", "metric"}:
        body = _table(listing.hits(state), state, width, height - len(rows) - 1)
    elif not state.is_ready and state.link.status is not None:
        body = [Row(line) for line in head.progress(state)]
    elif state.where.view == "overview":
        problems = head.problems(state, width, 7 if height >= 36 else 4, now)
        rows += [Row(line, problem=number) for line, number in problems]
        body = _place(state, width, height - len(rows) - 1)
    else:
        body = _table(_view(state, now), state, width, height - len(rows) - 1)
    rows = [*rows, *body][: height - 1]
    rows += [Row([])] * (height - 1 - len(rows))
    rows.append(Row(_footer(state, width)))
    return [Row(fitted(harmless(row.line), width), row.row, row.problem) for row in rows]


def current(state: State, now: float) -> Listing:
    """Return the table that keys move in."""
    if state.chosen.typing in {"search", "metric"}:
        return listing.hits(state)
    if state.where.view != "overview":
        return _view(state, now)
    return reasons.of_node(state) if state.is_node else children.listing(state, 0)


def _view(state: State, now: float) -> Listing:
    views = {"nodes": listing.nodes, "alerts": listing.alert_list, "events": listing.events, "metrics": listing.metrics}
    return views[state.where.view](state, now + state.link.ahead)


def _table(shown: Listing, state: State, width: int, height: int) -> list[Row]:
    """Return a title, the header, and the rows around the chosen one."""
    rows = [Row([(line, "bold")]) for line in wrapped(shown.title, width)[:3]]
    if state.chosen.filter:
        rows.append(Row([(f"filter: {state.chosen.filter}", "warning")]))
    if not shown.items:
        return [*rows, Row([(shown.empty, "")])]
    chosen = max(0, min(state.chosen.row, shown.size - 1))
    item = shown.at(chosen)
    more = _rest(item.line, width) if item is not None and height > _LEAST_FOR_REST else []
    room = max(1, height - len(rows) - 1 - len(more))
    first = max(0, min(chosen - room // 2, shown.size - room))
    rows.append(Row([("  ", ""), *shown.header]))
    for place in range(first, min(shown.size, first + room)):
        item = shown.at(place)
        line = item.line if item is not None else [("… asking", "faint")]
        rows.append(_item(line, place, is_chosen=place == chosen))
    return [*rows, *more]


def _rest(line: Line, width: int) -> list[Row]:
    """Return all of a row that is cut, in lines below the table: nothing is cut without a way to read it."""
    if size_of(line) <= width - 2:
        return []
    return [Row([("  ", ""), (text, "faint")]) for text in wrapped(" ".join(plain(line).split()), width - 2)[:5]]


def _item(line: Line, place: int, *, is_chosen: bool) -> Row:
    if not is_chosen:
        return Row([("  ", ""), *line], row=place)
    first, *rest = line
    return Row([("▸ ", "bold"), (first[0], "selected"), *rest], row=place)


def _place(state: State, width: int, height: int) -> list[Row]:
    """Return the children of a place and its chart: beside each other, or one below the other."""
    wide = width >= head.WIDE
    left = width * 58 // 100 if wide else width
    shown = reasons.of_node(state) if state.is_node else children.listing(state, left - 2)
    if wide:
        table = [Row(fitted(row.line, left), row.row) for row in _table(shown, state, left, height)]
        table += [Row(fitted([], left))] * (height - len(table))
        drawn: list[Line] = list(_chart(state, width - left - 3, min(height, 14)))
        drawn += [*reasons.changes(state, width - left - 3, height - len(drawn) - 1), *[[]] * height]
        return [Row([*row.line, (" │ ", "faint"), *line], row.row) for row, line in zip(table, drawn, strict=False)]
    below = list(reasons.changes(state, width, 1 if height < _HIGH else 4))
    below += _chart(state, width, max(0, min(6, height - 6 - len(below))))
    table = _table(shown, state, left, height - len(below))
    table += [Row([])] * (height - len(below) - len(table))
    return [*table, *(Row(line) for line in below)]


def _chart(state: State, width: int, height: int) -> Iterator[Line]:
    """Draw the metric of the place: its name and value, the line, and the times at both ends."""
    drawn = state.answers.chart
    if height < 3:
        return
    if drawn is None:
        yield [(state.answers.errors.get("chart", "no chart yet"), "faint")]
        return
    yield list(_chart_title(drawn))
    unit = unit_of(drawn.metric.name, drawn.metric.type)
    finite = [value for value in drawn.values if math.isfinite(value)]
    labels = {0: figure(max([0.0, *finite]), unit)[0], height - 3: figure(min([0.0, *finite]), unit)[0]}
    for place, line in enumerate(chart(drawn.values, max(1, width - _LABELS - 1), height - 2)):
        yield [(f"{labels.get(place, ''):>{_LABELS}} ", "faint"), (line, "chart")]
    begin, end = clock(drawn.begin, 2), clock(drawn.end, 2)
    space = " " * max(1, width - _LABELS - 1 - len(begin) - len(end))
    yield [(" " * (_LABELS + 1) + begin + space + end, "faint")]


def _chart_title(drawn: Chart) -> Iterator[Span]:
    unit = unit_of(drawn.metric.name, drawn.metric.type)
    finite = [value for value in drawn.values if math.isfinite(value)]
    yield (drawn.metric.name, "bold")
    yield ("  " + with_unit(finite[-1] if finite else None, unit), "")
    if drawn.metric.type == "histogram":
        yield (" p99", "faint")
    if drawn.band is not None and all(map(math.isfinite, drawn.band)):
        yield (f"   siblings {digits(drawn.band[0])}–{digits(drawn.band[1])}", "faint")  # noqa: RUF001 - a range


def _footer(state: State, width: int) -> Line:
    """Return the text that is typed, a word about what was done, or the views and their keys."""
    chosen = state.chosen
    if chosen.typing:
        return [(f"{chosen.typing}: ", "bold"), (chosen.typed, ""), ("▏", "bold"), ("   Enter, Esc", "faint")]
    if chosen.note:
        return [(chosen.note, "")]
    if error := next((text for name, text in state.answers.errors.items() if name != "alerts"), ""):
        return [("▲ ", "warning"), (error, "")]
    found: list[Span] = [("g ", "faint")]
    for key, view in VIEWS.items():
        number = f" {count(_number(state, view))}" if _number(state, view) else ""
        found.append((f"{key} {view}{number}  ", "bold" if view == state.where.view else "faint"))
    begin, end = state.where.times(0.0)
    found.append(
        (f" {clock(begin, 2)} to {clock(end, 2)} ]", "warning") if end else (f" t {state.where.span}", "faint")
    )
    hints = "  / search  m metric  f filter  o sort  ? keys  q quit"
    return [*found, (hints if size_of(found) + len(hints) <= width else "  / ? q", "faint")]


def _number(state: State, view: str) -> int:
    """Count what a view has that is not as it should be: nodes that are not live, alerts that fire."""
    if view == "nodes" and state.is_ready and (status := state.link.status) is not None:
        nodes = status.get("coverage", {}).get("nodes", {})
        return expected(nodes) - int(nodes.get("live", 0))
    found = state.answers.problems
    return len(found.fired) if view == "alerts" and found is not None else 0
