"""A node whose writers ended in good order is ended, at once and for good, until it is heard again."""

from __future__ import annotations

from fog_aggregator.core.places.coverage import Life
from tests.aggregator.fleet import Fleet

PATH = ("fog", "0")


def life(fleet: Fleet) -> Life | None:
    """Return the node's life."""
    return fleet.network.life_of(PATH)


def test_a_final_ends_a_node_at_once() -> None:
    """A day later it has neither gone stale nor departed; its next frame makes it live."""
    fleet = Fleet()
    fleet.join("fog/0").send()
    fleet.members[0].finish()
    assert life(fleet) is Life.ENDED
    fleet.now += 86_400
    assert life(fleet) is Life.ENDED
    fleet.join("fog/0").send()
    assert life(fleet) is Life.LIVE


def test_one_of_several_writers_that_ends_does_not_end_the_node() -> None:
    """When the other one is killed the node is stale."""
    fleet = Fleet()
    for _ in range(2):
        fleet.join("fog/0", shared=True).send()
    fleet.members[0].finish()
    assert life(fleet) is Life.LIVE
    fleet.now += 60
    assert life(fleet) is Life.STALE


def test_a_writer_that_was_killed_long_before_does_not_count() -> None:
    """It was replaced by one that ended in good order; one that was heard just now has not ended."""
    for silence, expected in ((60.0, Life.ENDED), (5.0, Life.STALE)):
        fleet = Fleet()
        fleet.join("fog/0").send()
        fleet.now += silence
        later = fleet.join("fog/0")
        later.send()
        later.finish()
        fleet.now += 60
        assert life(fleet) is expected


def test_the_gauges_of_a_node_that_ended_are_out() -> None:
    """And its counts stay."""
    fleet = Fleet()
    member = fleet.join("fog/0")
    member.collector.register_gauge("level", rollup="sum").set(3)
    member.collector.register_counter("work_total", "Work").increment(5)
    member.send()
    member.finish()
    assert (fleet.samples("level"), fleet.samples("work_total")) == ({}, {(): 5})
