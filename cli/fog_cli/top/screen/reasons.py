"""Say which metrics changed at a place, and where; and why a number of a node is what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fog_cli.top.screen import listing
from fog_cli.top.screen.listing import Item, Listing, made
from fog_cli.top.screen.state import State
from fog_cli.words.numbers import TIMES, change, count, digits, share, unit_of, with_unit
from fog_cli.words.paths import last_of
from fog_cli.words.table import Column
from fog_cli.words.text import Line, Span, cut, printable

MOST_SUMS: Final = 6
_NAME: Final = 34
_DOWN: Final = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "


def changes(state: State, width: int, most: int) -> Iterator[Line]:
    """Say which metrics changed most in the hour and where; in one line alone without a title."""
    found = state.answers.changes.get("changes", ())
    if most < 1 or not found:
        return
    if most > 1:
        yield [("What changed", "bold"), ("  now against 1 h ago", "faint")]
    for one in found[: max(1, most - 1)]:
        yield _change(one, width)


def _change(one: Mapping[str, Any], width: int) -> list[Span]:
    quantile = one["quantile"]
    kind = "" if one["type"] == "gauge" or quantile else "counter"
    name = one["metric"] + (f" p{quantile * 100:g}" if quantile else "")
    unit = unit_of(one["metric"], kind)
    now, before = _number(one["now"]), _number(one["before"])
    way = _DOWN.join(
        f"{last_of(step['path'])} {share(step['share'], 1) if step['share'] <= 1 else 'more than all'}"
        for step in one["way"]
    )
    size = change(now, before)
    return [
        (cut(name, min(_NAME, width)), "bold"),
        (f"  {with_unit(before, unit)} → {with_unit(now, unit)}", ""),
        (f"  {size}", "critical" if size.startswith(TIMES) else ""),
        (f"  {way or one['where']}", "faint"),
    ]


def of_node(state: State) -> Listing:
    """List the series of a node, or why one of its numbers is what it is."""
    return _why(state) if state.chosen.why else listing.series(state)


def _why(state: State) -> Listing:
    answer, metric = state.answers.own.why, state.metric()
    name = metric.name if metric is not None else ""
    if answer is None or answer["name"] != name or answer["node"] is None:
        return Listing(f"why {name}", [], (), state.answers.errors.get("why", "asking …"))
    rows = [row for sample in answer["total"][:MOST_SUMS] for row in _sum(answer["node"], sample)]
    columns = (Column("labels", most=40), Column("part"), Column("value", right=True), Column(""))
    about = [Item((), metric=name) for _ in rows]
    title = f"why {name}: the writers, the closed total, and what is exported · w back"
    return made(title, columns, rows, about, "Nothing of it is exported.")


def _sum(node: Mapping[str, Any], sample: Mapping[str, Any]) -> Iterator[Sequence[Span]]:
    """Yield the parts of one sum, and whether they make it."""
    labels = sample["labels"]
    shown = printable(" ".join(f"{name}={value}" for name, value in labels.items()))

    def of_labels(values: Sequence[Mapping[str, Any]]) -> float:
        return sum(_count(one["value"]) for one in values if one["labels"] == labels)

    parts = [(f"writer {one['epoch'][:4]}…{one['epoch'][-2:]}", of_labels(one["values"])) for one in node["epochs"]]
    parts.append((f"{count(node['folded'])} writers that ended", of_labels(node["closed"])))
    for name, value in parts:
        yield [(shown, "faint"), (name, ""), (_figure(value), ""), ("", "")]
    total, exported = sum(value for _, value in parts), _count(sample["value"])
    is_same = abs(total - exported) <= 1e-9 * max(1.0, abs(exported))
    word = ("✓ sum of the above", "ok") if is_same else (f"does not add up: {_figure(total)}", "critical")
    yield [(shown, "faint"), ("exported", "bold"), (_figure(exported), "bold"), word]


def _count(value: Any) -> float:
    return _number(value["count"] if isinstance(value, dict) else value)


def _number(value: Any) -> float:
    return float(value)


def _figure(value: float) -> str:
    return count(value) if value == int(value) else digits(value)
