"""Take the numbers of places out of a fleet, and in again, as orders come into force.

A place that is out keeps all that it has: it is only in no view, no rollup and no total. Time does not work on it, as
nothing is heard of it; nothing is asked of its writers.
"""

from __future__ import annotations

from fog_aggregator.core.fleet.parts import Parts
from fog_aggregator.core.places.place import Place
from fog_aggregator.core.quarantine.orders import Settled
from fog_schema.paths import is_under


def settle(parts: Parts, until: float) -> None:
    """Put the orders into force that were given before `until` (server's time); who shows totals is to be told."""
    for path, order in parts.quarantine.pop_ready(until):
        moved = [place for place in parts.roster if is_under(place.path, path) and _judge(parts, place)]
        parts.quarantine.untold.settled.append(Settled(path, order, len(moved)))


def judge_all(parts: Parts) -> None:
    """Take out what is out, after a restoration."""
    for place in parts.roster:
        _judge(parts, place)


def _judge(parts: Parts, place: Place) -> bool:
    """Take a place out, or in again, as the orders in force say; return whether that was to be done."""
    order, was_out = parts.quarantine.over(place.path), place.row in parts.roster.out
    if order is not None and not was_out:
        parts.roster.take_out(place, order.at)
    elif order is None and was_out:
        parts.roster.take_in(place, parts.time.observed_seconds)
    return was_out is (order is None)
