"""An operator takes a path's numbers out of everything that is shown, and in again: nothing is lost, nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from fog_aggregator.components.rules.coverage import FleetCoverage
from fog_aggregator.core.checkpoint import read_image, restore
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.quarantine.orders import MOST_ORDERS, MOST_PATHS, Order, Quarantine, Taken
from fog_aggregator.core.saved import DamagedError, Saved
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.selection import Grouping
from fog_aggregator.rules.verdicts.coverage import Fate
from fog_bus.ports import Discontinuity
from fog_schema.codec import encode
from fog_schema.commands import FORGET, LIFT, QUARANTINE
from fog_schema.errors import FrameError
from fog_schema.frames import (
    EVENTS,
    Event,
    Frame,
)
from fog_schema.limits import MAX_WHOLE
from tests.aggregator.quarantined import Fog
from tests.aggregator.test_commands import NOON

HOUR = 3600.0


@pytest.fixture
def fog() -> Fog:
    """Give a fog of three nodes; one lies."""
    fog = Fog()
    fog.frame("fog/0/1", 1, 1, 10)
    fog.frame("fog/0/2", 1, 1, 20)
    fog.frame("fog/1/1", 1, 1, MAX_WHOLE)
    fog.pass_to(2)
    assert fog.value() == MAX_WHOLE
    return fog


def test_its_numbers_are_in_nothing_that_is_shown(fog: Fog) -> None:
    """Totals of every level, its own, gauges and fractions, and coverage says so."""
    assert fog.value("joules_total") > 1e18
    fog.quarantine("fog/1", 3)
    assert fog.value() == 30
    assert fog.value("joules_total") == 15.0
    assert fog.value(level=1) == {"fog/0": 30}
    assert fog.value(path="fog/1/1", own=True) is None
    covered = dict(fog.reading_network.coverage(grouping=Grouping(1)))
    assert covered["fog", "1"].nodes[Life.QUARANTINED] == 1
    assert sum(covered["fog", "1"].nodes) == 1
    assert fog.reading_network.life_of(("fog", "1", "1")) is Life.QUARANTINED


def test_it_is_listed_and_explained(fog: Fog) -> None:
    """With the reason; to a login of a subtree, what lies in it or holds it."""
    fog.quarantine("fog/1", 3, "counts twice")
    network = fog.reading_network
    [one] = network.quarantined(())
    assert one == {"path": "fog/1", "since": NOON + 3.0, "why": "counts twice", "author": "jo"}
    assert network.quarantined(("fog", "1", "1")) == [one]
    assert network.quarantined(("fog", "0")) == []
    assert network.explain(("fog", "1", "1"), "orders_total").node["quarantined"] == "counts twice"
    assert network.explain(("fog", "0", "1"), "orders_total").node["quarantined"] is None


def test_it_is_no_alert_of_a_dead_node(fog: Fog) -> None:
    """An operator took it out: no node is silent, and whoever waits for its word waits for one that has ended."""
    fog.quarantine("fog/1", 3)
    fog.pass_to(2 * HOUR)
    coverage = FleetCoverage(fog.reading_network, 7 * 86_400.0)
    assert coverage.fate(("fog", "1", "1")) is Fate.ENDED
    losses = fog.reading_network.losses(NOON + 2 * HOUR)
    standing = dict(zip(losses.paths, losses.nodes.tolist(), strict=True))
    assert (standing["fog", "0", "1"], standing["fog", "1", "1"]) == (1, 0)


def test_its_frames_are_counted_and_not_read(fog: Fog) -> None:
    """Frames of metrics and of events, whatever is in them; nobody is asked for what is missing."""
    fog.quarantine("fog/1/1", 3)
    fog.frame("fog/1/1", 2, 5, 1, delta=True)
    fog.hear("M", "fog.v1.metrics.fog.1.1", b"junk", 6)
    events = Frame(EVENTS, 7, 1, events=(Event("e", None, {}, {}, 1.0),))
    fog.hear("E", "fog.v1.events.fog.1.1", encode(events), 7)
    assert fog.reading.refused() == {"quarantined": 3}
    assert [event.name for event in fog.engine.events.events] == ["quarantined"]
    fog.engine.on_discontinuity("M", Discontinuity.ROLLED_BACK, fog.now)
    assert ("fog", "1", "1") not in fog.wanted()


def test_a_lift_takes_it_in_with_what_is_known_and_counts_on(fog: Fog) -> None:
    """Counts of meanwhile come with the keyframe that is asked for; nothing is there twice."""
    fog.quarantine("fog/0/1", 3)
    fog.frame("fog/0/1", 2, 10, 5, delta=True)
    fog.lift("fog/0/1", 20)
    assert fog.value(path="fog/0") == 30
    assert fog.wanted() == [("fog", "0", "1")]
    fog.frame("fog/0/1", 3, 21, 1, delta=True)
    assert fog.value(path="fog/0") == 31
    fog.frame("fog/0/1", 4, 22, 16)
    assert fog.value(path="fog/0") == 36
    assert fog.wanted() == []


def test_a_writer_that_began_meanwhile_counts_in_full(fog: Fog) -> None:
    """From its first frame after the lift, and its next keyframe."""
    fog.quarantine("fog/0", 3)
    fog.frame("fog/0/1", 1, 5, 100, epoch=8)
    fog.frame("fog/0/9", 1, 5, 1000)
    fog.lift("fog/0", 10)
    assert fog.value(path="fog/0") == 30
    fog.frame("fog/0/1", 3, 11, 102, epoch=8)
    fog.frame("fog/0/9", 2, 12, 1001)
    assert fog.value(path="fog/0") == 30 + 102 + 1001


def test_a_frame_is_judged_by_its_own_time(fog: Fog) -> None:
    """A reader that was away reads the commands first: what was stored before them counts, what came after does not."""
    fog.say(QUARANTINE, "fog/0/1", 100)
    fog.say(LIFT, "fog/0/1", 200)
    fog.pending = 1  # more is there: what comes was stored before now
    fog.frame("fog/0/1", 2, 50, 1, delta=True)
    assert fog.value(path="fog/0") == 31
    fog.frame("fog/0/1", 3, 150, 2, delta=True)
    fog.engine.tick(fog.now)
    assert fog.value(path="fog/0") == 20
    fog.frame("fog/0/1", 4, 250, 4, delta=True)
    fog.engine.tick(fog.now)
    assert fog.value(path="fog/0") == 35
    assert fog.reading.refused() == {"quarantined": 1}


def test_it_waits_for_what_was_stored_before(fog: Fog) -> None:
    """A total of earlier frames is shown as it was."""
    fog.say(QUARANTINE, "fog/0/1", 1000)
    fog.engine.tick(fog.now)
    assert fog.value(path="fog/0") == 30
    fog.pass_to(1001)
    assert fog.value(path="fog/0") == 20


@pytest.mark.parametrize("after", [False, True])
def test_it_survives_a_restart(fog: Fog, after: bool) -> None:  # noqa: FBT001 - a case of the test
    """In the checkpoint, whether it was in force or waited to be."""
    fog.say(QUARANTINE, "fog/0/1", 3)
    if after:
        fog.pass_to(4)
    data = b"".join(fog.engine.image(Ratchet()).chunks())
    state, events = FleetState(), EventList()
    restore(read_image(data), state, events, Ratchet())
    fog.engine.resume(state, events, {}, 0.0)
    fog.reading_network.adopt(state, events, Ratchet())
    assert fog.value(path="fog/0") == (20 if after else 30)
    state.settle_orders(NOON + 5.0)
    assert fog.value(path="fog/0") == 20
    assert not state.gapped
    assert state.quarantine.over(("fog", "0", "1")) == Order(NOON + 3.0, out=True, why="lies", author="jo")


def test_a_checkpoint_without_orders_is_read(fog: Fog) -> None:
    """A program wrote it that knew none."""
    image = read_image(b"".join(fog.engine.image(Ratchet()).chunks()))
    del image.plain["parts"]["quarantine"]
    state = FleetState()
    restore(image, state, EventList(), Ratchet())
    assert not state.quarantine


@pytest.mark.parametrize("wrong", [[((), 1.0, True, "", "", False)], [(("f",), 2.0, True, "", "", False)] * 2])
def test_orders_that_cannot_be_are_damage(wrong: list[Any]) -> None:
    """Of no path, or not one after the other."""
    with pytest.raises(DamagedError):
        Quarantine().restore(Saved({"orders": wrong}))


def test_time_does_not_work_on_it(fog: Fog) -> None:
    """For longer than the horizon: nothing of it is closed, retired or forgotten, and it counts on after its lift."""
    fog.quarantine("fog/0/1", 3)
    fog.say(FORGET, "fog/0", 2 * HOUR)
    fog.engine.fleet.observe(8 * 86_400.0, NOON + 8 * 86_400.0)
    fog.pass_to(8 * 86_400.0)
    fog.engine.fleet.sweep()
    assert ("fog", "0", "2") not in fog.engine.fleet.places
    assert len(fog.engine.fleet.places["fog", "0", "1"].epochs) == 1
    assert fog.reading_network.inventory(lambda one: one.retired())["families"] == []
    fog.lift("fog/0/1", 8 * 86_400.0 + 10)
    fog.engine.fleet.sweep()
    fog.frame("fog/0/1", 9, 8 * 86_400.0 + 20, 17)
    assert fog.value(path="fog/0/1", own=True) == 17


def test_a_closed_total_is_taken_out_as_well(fog: Fog) -> None:
    """Also of a node whose every writer has ended, and it comes back with a lift."""
    fog.frame("fog/0/1", 2, 3, 12, final=True)
    fog.quarantine("fog/0/1", 4)
    assert fog.value(path="fog/0") == 20
    fog.lift("fog/0/1", 6)
    assert fog.value(path="fog/0") == 32
    assert fog.wanted() == []


def test_retired_nodes_go_with_the_subtree_that_they_were_in(fog: Fog) -> None:
    """They stay in their group, which does not move up out of the subtree."""
    fog.frame("fog/1/2", 1, 2 * HOUR, 5)
    fog.engine.fleet.forget(("fog", "1"), NOON + 2 * HOUR, 60.0)
    assert ("fog", "1", "~retired") in fog.engine.fleet.places
    assert fog.value() == MAX_WHOLE
    fog.quarantine("fog/1", 2 * HOUR + 1)
    fog.engine.fleet.forget(("fog",), NOON + 9 * HOUR, 60.0)
    assert fog.value() == 30


def test_a_path_inside_of_another_one(fog: Fog) -> None:
    """It is out while either is; a lift of the inner one takes nothing in, and says so."""
    fog.quarantine("fog/0", 3)
    fog.quarantine("fog/0/1", 5)
    fog.lift("fog/0", 7)
    assert fog.value(path="fog/0") == 20
    fog.lift("fog/0/1", 9)
    assert fog.value(path="fog/0") == 30


def test_clear_answers(fog: Fog) -> None:
    """To a path that is out already, a lift of what is not out, and of what only a path above has taken out."""
    fog.quarantine("fog/0", 3)
    fog.say(QUARANTINE, "fog/0", 5)
    fog.say(LIFT, "fog/0/1", 6)
    fog.say(LIFT, "fog/5", 7)
    assert fog.reading.said == [
        "fog/0 is in quarantine already",
        "fog/0/1 is not in quarantine itself: nothing is lifted",
        "fog/5 is not in quarantine itself: nothing is lifted",
    ]
    assert fog.engine.fleet.quarantine.over(("fog", "0")) == Order(NOON + 3.0, out=True, why="lies", author="jo")


def test_a_path_that_was_never_heard(fog: Fog) -> None:
    """It is out from its first frame on."""
    fog.quarantine("fog/7", 3)
    fog.frame("fog/7", 1, 5, 1000)
    assert ("fog", "7") not in fog.engine.fleet.places
    assert fog.reading.refused() == {"quarantined": 1}
    fog.lift("fog/7", 10)
    fog.frame("fog/7", 2, 11, 1001)
    assert fog.value(path="fog/7") == 1001


def test_a_command_that_is_read_again_changes_nothing(fog: Fog) -> None:
    """The stream of commands goes back; a quarantine that was lifted stays lifted (R12.46)."""
    fog.quarantine("fog/0", 3)
    fog.lift("fog/0", 5)
    fog.say(QUARANTINE, "fog/0", 3)
    fog.say(LIFT, "fog/0", 5)
    fog.pass_to(8)
    assert fog.effects.settled == []
    assert fog.value(path="fog/0") == 30
    assert fog.reading.said == []


def test_the_exported_fraction_falls(fog: Fog) -> None:
    """The ratchet lets go of what an operator took out, whoever has exported it before."""
    network = fog.reading_network
    for grouping in (Grouping(), Grouping(0), Grouping(1)):
        network.collect(grouping=grouping)
    fog.quarantine("fog/1", 3)
    exported = {
        dict(one.labels)["fog_path"]: one.value
        for family in network.collect(grouping=Grouping(0))
        if family.family.name == "joules_total"
        for one in family.series
    }
    assert exported == {"fog": 15.0}


def test_created_follows_where_a_total_has_fallen(fog: Fog) -> None:
    """The remaining sum began anew at the order; a total that it was not in did not."""

    def created(level: int) -> dict[str, Any]:
        view = fog.reading_network.view(grouping=Grouping(level), at=NOON + 9.0)
        families = [one for one in view.metrics if one.family.name == "orders_total"]
        return {dict(one.labels)["fog_path"]: one.created for family in families for one in family.series}

    before = created(1)
    fog.quarantine("fog/1", 300)
    assert created(0) == {"fog": NOON + 300.0}
    assert created(1) == {"fog/0": before["fog/0"]}
    fog.lift("fog/1", 400)
    assert created(1) == before


def test_orders_are_bounded() -> None:
    """One more path than may be out is refused; paths that were lifted give way, and old orders of a path go."""
    orders = Quarantine()
    for number in range(MOST_PATHS):
        orders.add(("f", str(number)), Order(float(number + 1), out=True))
    with pytest.raises(FrameError, match="take out a subtree"):
        orders.add(("g",), Order(5000.0, out=True))
    for number in range(2):
        orders.add(("f", str(number)), Order(6000.0 + number, out=False))
    orders.pop_ready(7000.0)
    assert orders.add(("g",), Order(8000.0, out=True)) is Taken.NEW
    assert set(orders.known) == {("g",), *(("f", str(number)) for number in range(1, MOST_PATHS))}
    for at in range(100):
        orders.add(("g",), Order(9000.0 + at, out=bool(at % 2)))
    assert len(orders.known["g",]) == MOST_ORDERS
