"""Find what is still wrong when it is quiet: compare everything that an aggregator shows with the books. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from fog_cli.actions.books import FRACTIONS_AGREE
from fog_proving.chaos.books import FRACTION, LEVEL, PREFIX, SECONDS
from fog_proving.chaos.judge import FLEET, View, above

Listed = Mapping[tuple[str, int], list[int]]
"""The numbers of the events that are listed, by node and life."""


def missing(least: View, shown: View) -> Iterator[tuple[str, str, float]]:
    """Yield the samples that should be exported and are not: path, sample, how much."""
    for (path, (name, labels)), bound in least.items():
        value = shown.get((path, (name, labels)), 0)
        if above(bound, value):
            yield path or "the fleet", f"{name}{{{labels}}}", bound - value


def lost(least: View, shown: View) -> float:
    """How many whole counts of the fleet are missing."""
    integers = {place: bound for place, bound in least.items() if place[0] == FLEET and place[1][0] not in _FRACTIONAL}
    return sum(amount for _, _, amount in missing(integers, shown))


_FRACTIONAL = {
    FRACTION,
    f"{SECONDS}_sum",
    f"{SECONDS}_bucket",
}  # buckets hold each count several times: `_count` has it


def wrong_gauges(last_set: View, shown: View) -> Iterator[str]:
    """Gauges that are not what the nodes that run set theirs to."""
    for (path, key), value in last_set.items():
        exported = shown.get((path, key))
        if exported != value:
            yield f"{LEVEL} of {path or 'the fleet'} is {exported!r}, and was set to {value!r}"


def wrong_events(expected: Mapping[tuple[str, int], tuple[int, int]], listed: Listed) -> Iterator[str]:
    """Events that are not listed exactly once: of each life the first `least` must be, up to `most` may be."""
    for (path, life), (least, most) in expected.items():
        numbers = listed.get((path, life), ())
        if len(set(numbers)) < len(numbers):
            yield f"events of {path} in life {life} are listed twice"
        if not set(numbers) <= set(range(1, most + 1)):
            yield f"events of {path} in life {life} are listed that were never recorded"
        if gone := set(range(1, least + 1)) - set(numbers):
            yield f"{len(gone)} of {least} events of {path} in life {life} are not listed: {sorted(gone)[:10]}"


def lost_events(expected: Mapping[tuple[str, int], tuple[int, int]], listed: Listed) -> int:
    """How many events that must be listed are not."""
    return sum(len(set(range(1, least + 1)) - set(listed.get(place, ()))) for place, (least, _) in expected.items())


def disagreements(one: View, other: View) -> Iterator[str]:
    """Where two aggregators of the same streams do not say the same of what no node counts any more."""
    for place in sorted(one.keys() | other.keys()):
        path, (name, labels) = place
        if name.startswith(PREFIX):
            value, another = one.get(place, math.nan), other.get(place, math.nan)
            if not math.isclose(value, another, rel_tol=FRACTIONS_AGREE):
                yield f"{name}{{{labels}}} of {path or 'the fleet'} is {another!r} here and {value!r} there"
