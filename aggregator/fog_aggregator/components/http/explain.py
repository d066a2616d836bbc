"""Answer why a number is what it is: its epochs, its closed total, and what each child contributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.explanation import MOST_SAMPLES
from fog_aggregator.query.inventory import coverage_of
from fog_schema.paths import Path, format_path, is_under, parse_path
from utilityfog_frontend.telemetry.exponential.value import ExponentialValue, as_numbers
from utilityfog_frontend.telemetry.model import FamilySnapshot, HistogramValue, SeriesSnapshot


def explain(network: NetworkCollector, path: Path, name: str) -> dict[str, Any] | None:
    """Return a metric at and under a path, taken apart; None when nobody there has it.

    A node in quarantine is in no number, and what is known of it is shown all the same. `saturated`: one of the total's
    sums stays at the most that there can be.
    """
    found = network.explain(path, name)
    view, children = found.total, found.children
    if view.is_empty and not _is_held_out(found.node):
        return None
    return {
        "path": format_path(path),
        "name": name,
        "families": [_family(snapshot) for snapshot in view.metrics],
        "total": list(_samples(view.metrics)),
        "saturated": bool(view.saturated),
        "coverage": coverage_of(children.coverage),
        "node": found.node,
        "children": [
            {"path": format_path(group), "coverage": coverage_of(coverage), "own": len(group) == len(path)}
            for group, coverage in children.coverages
        ],
        "contributions": list(_samples(children.metrics)),
    }


def why_none(network: NetworkCollector, path: Path, name: str) -> str:
    """Say why nobody at and under a path has a metric: none is there, or an operator has taken the path out."""
    for order in network.quarantined(path):
        if is_under(path, parse_path(order["path"])):
            return f"{order['path']} is in quarantine, and in no number: {order['why']}"
    where = f" at or under {format_path(path)}" if path else ""
    return f"no metric {name[:200]!r}{where}; /metrics lists what there is"


def _is_held_out(node: Mapping[str, Any] | None) -> bool:
    """Tell whether a node has the metric and is in quarantine."""
    if node is None or node["quarantined"] is None:
        return False
    return bool(node["closed"]) or any(epoch["values"] for epoch in node["epochs"])


def _family(snapshot: FamilySnapshot) -> dict[str, Any]:
    family = snapshot.family
    return {
        "type": family.type.value,
        "unit": family.unit,
        "help": family.help,
        "bounds": list(family.bounds),
        "rollup": list(family.rollup),
    }


def _samples(families: list[FamilySnapshot]) -> Iterator[dict[str, Any]]:
    series = (one for snapshot in families for one in snapshot.series)
    for one in islice(series, MOST_SAMPLES):
        yield {"labels": dict(one.labels), "value": _value(one), "created": one.created}


def _value(series: SeriesSnapshot) -> Any:
    value = series.value
    if isinstance(value, ExponentialValue):
        return {**as_numbers(value), "count": value.count}
    if isinstance(value, HistogramValue):
        return {"counts": list(value.counts), "sum": value.sum, "count": value.count}
    return value
