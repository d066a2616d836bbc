"""Check the promises about a state: counts that only grow, numbers within bounds, views and checkpoints of anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Grouping, Selection
from fog_proving.fuzz.frames.engine import LIMITS, MOST_EVENTS, BrokenPromiseError
from fog_proving.fuzz.frames.healthy import Frame, numbers_of
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.exposition import negotiate

_GROUPINGS: Final = (Grouping(), Grouping(level=1), Grouping(by=()), Grouping(info="os"))


def check_bounds(engine: Engine) -> None:
    """Check that nothing has grown beyond its limit.

    Raises:
        BrokenPromiseError: something has.
    """
    fleet = engine.fleet
    sizes = {
        "nodes": (fleet.node_count, LIMITS.nodes + 1),
        "slots": (fleet.slot_count, LIMITS.slots),
        "series": (fleet.series_count, LIMITS.series),
        "events": (len(engine.events.events), MOST_EVENTS),
    }
    if over := {name: found for name, found in sizes.items() if found[0] > found[1]}:
        raise BrokenPromiseError(f"beyond a limit: {over}")


def check_healthy(network: NetworkCollector, frame: Frame) -> None:
    """Check that a healthy node's own numbers are what it has counted.

    Raises:
        BrokenPromiseError: they are not.
    """
    shown = numbers_of(network.collect(Selection(frame.path, own=True)))
    if wrong := {key: (value, shown.get(key)) for key, value in frame.numbers.items() if shown.get(key) != value}:
        raise BrokenPromiseError(f"{format_path(frame.path)} has counted and shows {wrong}")


def look_at_view(network: NetworkCollector, turn: int) -> None:
    """Make a view, each time another one, and write it; an exception is a fault."""
    families = network.collect(grouping=_GROUPINGS[turn % len(_GROUPINGS)])
    for accepted in ("text/plain", "application/openmetrics-text; version=1.0.0"):
        for _ in negotiate(accepted).iter(families):
            pass
    first: list[tuple[Path, None, int]] = [(path, None, 1) for path in network.paths()[:100]]
    network.inventory(lambda fleet: (fleet.nodes(first), fleet.conflicts(100, 0), fleet.retired()))


def totals_of(fleet: Fleet) -> list[tuple[Path, str, Any, Any]]:
    """Return every count that is part of a total, in an order that does not depend on how it came to be."""
    return sorted(_totals(fleet), key=repr)


def _totals(fleet: Fleet) -> Iterator[tuple[Path, str, Any, Any]]:
    catalog = fleet.catalog
    for path, number, values in fleet.counts():
        series = catalog.series[number]
        yield path, catalog.families[series.family].key.name, series.labels, list(values)
