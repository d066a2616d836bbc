"""Two features meet: a clock that steps, an operator's orders, forgotten writers, late frames, memory."""

from __future__ import annotations

import pytest

from fog_aggregator.core.quarantine.orders import Order
from fog_schema.commands import FORGET, LIFT, QUARANTINE
from tests.aggregator.fleet import Fleet
from tests.aggregator.quarantined import Fog
from tests.aggregator.test_commands import NOON, info
from tests.aggregator.test_forgetting import Forgotten

HOUR = 3600.0


def step(fog: Fog, seconds: float, unread: int = 0) -> None:
    """Let the server of metrics say for more than 10 s that its clock was set; some of its frames are not read yet."""
    for _ in range(4):
        fog.now += 5.0
        for stream in "ME":
            cursor = fog.engine.cursors[stream]
            cursor.look(info(cursor.seq + unread, now=NOON + fog.now + seconds), fog.now)
        fog.engine.tick(fog.now)


@pytest.fixture
def fog() -> Fog:
    """Give a fog of two nodes."""
    fog = Fog()
    fog.frame("fog/0/1", 1, 1, 10)
    fog.frame("fog/0/2", 1, 1, 20)
    fog.pass_to(2)
    return fog


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_an_order_moves_with_the_clock(fog: Fog, ahead: float) -> None:
    """A path that is out stays out, and its frames unread, also when the clock is set back to before the order."""
    fog.quarantine("fog/0/1", 3)
    step(fog, ahead)
    assert fog.engine.fleet.quarantine.keeps_out(("fog", "0", "1"), NOON + fog.now + ahead)
    [order] = fog.engine.fleet.quarantine.in_force.values()
    assert order == Order(NOON + 3 + ahead, out=True, why="lies", author="jo")
    assert fog.engine.fleet.quarantine.known == {("fog", "0", "1"): [order]}
    assert list(fog.engine.fleet.parts.roster.out.values()) == [order.at]


def test_an_order_that_waits_moves_with_the_clock(fog: Fog) -> None:
    """Else it would come into force only when the clock is there again."""
    fog.say(QUARANTINE, "fog/0/1", 3)
    fog.engine.fleet.shift(-HOUR)
    fog.engine.fleet.settle_orders(NOON + 4 - HOUR)
    assert fog.value() == 20


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_a_request_to_forget_moves_with_the_clock(fog: Fog, ahead: float) -> None:
    """It is for those that had departed when it was made; it neither waits for the clock nor takes a live node."""
    fog.frame("fog/0/1", 2, 2 * HOUR, 11)
    fog.say(FORGET, "fog", 2 * HOUR + 1)
    step(fog, ahead, unread=1)
    assert ("fog", "0", "2") in fog.engine.fleet.places
    fog.pass_to(fog.now + 1 + ahead)
    fog.engine.tick(fog.now)
    assert ("fog", "0", "1") in fog.engine.fleet.places
    assert ("fog", "0", "2") not in fog.engine.fleet.places


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_a_forgotten_writer_moves_with_the_clock(ahead: float) -> None:
    """One that comes back after the clock was set was born when it was, and was heard last when it came back."""
    case = Forgotten()
    birth = case.fleet.state.places["fog", "0", "3"].epochs[case.member.writer.epoch].birth
    case.forget()
    case.fleet.state.shift(ahead)
    case.fleet.now += ahead
    case.member.writer._birth += ahead  # noqa: SLF001 - the writer's clock is monotonic
    case.come_back()
    epoch = case.fleet.state.places["fog", "0", "3"].epochs[case.member.writer.epoch]
    assert (epoch.birth, epoch.last_seen) == (birth + ahead, case.fleet.now)


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_nothing_is_late_for_a_step_of_the_clock(ahead: float) -> None:
    """Frames come as often and as fast as before it."""
    fleet = Fleet()
    member = fleet.join("fog/0/1")
    work = member.collector.register_counter("work_total")
    late = []
    for number in range(6):
        if number == 3:
            fleet.state.shift(ahead)
            fleet.now += ahead
            member.writer._birth += ahead  # noqa: SLF001 - the writer's clock is monotonic
        fleet.now += 10.0
        work.increment()
        late.append(member.send().late)
    assert late == [False] * 6


@pytest.mark.parametrize(("quarantine", "lift", "forgotten"), [(1, 0, False), (1, 3, False), (3, 0, True)])
@pytest.mark.parametrize("backlog", [False, True])
def test_a_node_is_forgotten_by_the_orders_of_that_moment(
    fog: Fog, quarantine: float, lift: float, *, forgotten: bool, backlog: bool
) -> None:
    """A reader that reads all at once, hours later, forgets the same nodes, and has the same total."""
    said = {quarantine: (QUARANTINE, "fog/0/1"), 2.0: (FORGET, "fog/0/1"), lift or 4.0: (LIFT, "fog/0/1")}
    for at in sorted(said):
        if lift or said[at][0] != LIFT:
            fog.say(said[at][0], said[at][1], at * HOUR)
        if not backlog:
            fog.pass_to(at * HOUR + 1)
    if backlog:
        fog.engine.fleet.settle_orders(NOON + 5 * HOUR)  # as a step of the history does
    fog.pass_to(5 * HOUR)
    assert (("fog", "0", "1") not in fog.engine.fleet.places) is forgotten
    assert fog.value() == (30 if lift or forgotten else 20)


def test_what_is_forgotten_late_is_out_with_its_subtree(fog: Fog) -> None:
    """The subtree was taken out after the request: the group of the forgotten is in it."""
    fog.say(FORGET, "fog/0/1", 2 * HOUR)
    fog.say(QUARANTINE, "fog/0", 2 * HOUR + 1)
    fog.engine.fleet.settle_orders(NOON + 3 * HOUR)
    fog.pass_to(3 * HOUR)
    assert ("fog", "0", "~retired") in fog.engine.fleet.places
    assert fog.value() is None
