"""Merging is associative and commutative and has an identity: however a fleet is split, the totals are the same."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.fleet.fleet import Fleet
from fog_schema.codec import decode
from tests.aggregator.telling import FEW, PATHS, Telling, hear, tellings, totals


@FEW
@given(tellings(), st.sets(st.integers(1, len(PATHS))))
def test_a_fleet_may_be_split(told: list[Telling], there: set[int]) -> None:
    """Two aggregators that each read some writers, two of one path too, hold together what one holds that reads all."""
    one, here, other = Fleet(), Fleet(), Fleet()
    hear(one, told)
    for telling in told:
        hear(other if decode(telling.data).epoch in there else here, [telling])
    assert totals(here, other) == totals(other, here) == totals(one)


@FEW
@given(tellings(), st.randoms(use_true_random=False))
def test_the_order_of_writers_does_not_matter(told: list[Telling], rng: Random) -> None:
    """Each writer's frames in their order, all of them in any: the same totals after the last."""
    queues: dict[int, list[Telling]] = {}
    for telling in told:
        queues.setdefault(decode(telling.data).epoch, []).append(telling)
    shuffled = []
    while queues:
        writer = rng.choice(sorted(queues))
        shuffled.append(queues[writer].pop(0))
        if not queues[writer]:
            del queues[writer]
    one, other = Fleet(), Fleet()
    hear(one, told)
    hear(other, shuffled)
    assert totals(one) == totals(other)


@FEW
@given(tellings(), st.lists(st.integers(1, len(PATHS)), max_size=4))
def test_folding_is_merging(told: list[Telling], folded: list[int]) -> None:
    """An epoch counts the same whether it is kept apart or in the closed total, and in whatever order they go there."""
    one, other = Fleet(), Fleet()
    hear(one, told)
    hear(other, told)
    for number in folded:
        place = other.places[PATHS[number - 1]]
        if number in place.epochs:
            other.parts.close_epoch(place, place.epochs[number], final=True)
    assert totals(one) == totals(other)


@FEW
@given(tellings(), st.data())
def test_repeats_and_holes(told: list[Telling], data: st.DataObject) -> None:
    """Frames that come twice, or late, or never: never above; and equal after one whole keyframe of each writer."""
    heard = data.draw(st.lists(st.sampled_from(told), max_size=2 * len(told))) if told else []
    one, other = Fleet(), Fleet()
    hear(one, told)
    hear(other, heard)
    truth = totals(one)
    for path, cells in totals(other).items():
        for cell, value in cells.items():
            assert cell.part == -2 or value <= truth[path][cell]
    hear(other, told)
    again = totals(other)
    hear(other, told[::-1])
    assert totals(other) == again
