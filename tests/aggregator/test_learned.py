"""Nodes that were heard on two days are expected: one that is gone is missing until it is back or forgotten."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest

from fog_aggregator.core.budget.budget import LEARNED, LEARNED_BYTES, path_bytes
from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.places.expected import parse_expected
from fog_aggregator.core.places.learned import LearnedNodes
from fog_aggregator.core.places.limits import FleetLimits, MemoryLimits
from fog_aggregator.core.quarantine.orders import Order
from fog_aggregator.core.saved import DamagedError, Saved
from fog_aggregator.query.ratchet import Ratchet
from fog_schema.paths import Path, parse_path
from tests.aggregator.fleet import START, Fleet, Member
from tests.aggregator.serving import serving

ROOM = 1_000_000
NOON = START - START % DAY + DAY / 2
DEPARTED = 3600.0


def empty(room: int = ROOM, named: frozenset[Path] = frozenset()) -> FleetState:
    """Return a fleet without nodes that learns."""
    return FleetState(limits=FleetLimits(memory=MemoryLimits(learned=room)), named=named)


class Learning(Fleet):
    """A fleet that expects what it has heard on two days, and maybe others; one node of it lives throughout."""

    def __init__(self, *expected: str, room: int = ROOM) -> None:
        super().__init__()
        self.network.expected = parse_expected(["learned", *expected])
        self.adopt(empty(room, self.network.expected.paths))
        self.now = NOON
        self.lives = self.join("fog/0/lives")
        self.lives.send()

    def adopt(self, state: FleetState) -> None:
        """Go on with another state."""
        self.state = state
        self.network.adopt(state, self.events, Ratchet())

    def heard(self, path: str, *, later: float = DAY, ephemeral: bool = False) -> Member:
        """Return a node that is heard now, and once more some seconds later."""
        member = self.join(path, ephemeral=ephemeral)
        member.send()
        self.now += later
        member.send()
        return member

    def wait(self, horizons: int = 2) -> None:
        """Let so many horizons pass in which one node alone is heard; after two of them the others have retired."""
        for _ in range(horizons):
            self.now += 8 * DAY
            self.state.parts.time.observed_seconds += 8 * DAY
            self.lives.send()
            self.sweep()

    def restart(self, room: int = ROOM) -> None:
        """Go on from a checkpoint of this moment."""
        image = take_image(self.state, self.events, Ratchet(), {}, ("fog.v1", (), ()))
        state = empty(room, self.network.expected.paths)
        restore(read_image(b"".join(image.chunks())), state, self.events, Ratchet())
        self.adopt(state)

    @property
    def missing(self) -> list[str]:
        """The paths of the nodes that are missing, each once."""
        assert all(count == 1 for _, count in self.network.missing())
        return ["/".join(path) for path, _ in self.network.missing()]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_node_that_was_heard_on_two_days_and_is_gone_is_missing(*, restarts: bool) -> None:
    """It is stale and departed at first; once it has retired nothing else would speak of it. A restart keeps that."""
    fleet = Learning()
    fleet.heard("fog/0/a")
    fleet.wait(1)
    assert (fleet.missing, len(fleet.state.places)) == ([], 2)
    fleet.wait(1)
    assert ("fog", "0", "a") not in fleet.state.places
    if restarts:
        fleet.restart()
    assert fleet.missing == ["fog/0/a"]
    assert (
        fleet.samples("fog_aggregator_nodes", level=1)[("fog_level", "1"), ("fog_path", "fog/0"), ("state", "missing")]
        == 1
    )
    assert [(entry.path, entry.nodes) for entry in fleet.network.losses().cover()] == [(("fog", "0", "a"), 1)]


@pytest.mark.parametrize(
    ("from_noon", "seconds", "is_expected"),
    [(0.0, DAY / 2 - 1, False), (0.0, DAY / 2, True), (-DAY / 2, DAY - 1, False), (DAY / 2 - 1, 1.0, True)],
)
def test_days_are_those_of_the_calendar(from_noon: float, seconds: float, *, is_expected: bool) -> None:
    """Of UTC, by the server's clock: two days are two dates, whatever lies between."""
    fleet = Learning()
    fleet.now += from_noon
    fleet.heard("fog/0/a", later=seconds)
    fleet.wait()
    assert fleet.missing == (["fog/0/a"] if is_expected else [])


def test_ephemeral_and_ended_nodes_are_never_missing() -> None:
    """The one says that it comes and goes, the other has ended in good order."""
    fleet = Learning()
    fleet.heard("fog/0/comes", ephemeral=True)
    fleet.heard("fog/0/ends").finish()
    fleet.wait()
    assert (len(fleet.state.places), fleet.missing) == (2, [])  # one that lives, and a group of those that have retired


@pytest.mark.parametrize("room", [0, ROOM])
def test_a_named_node_that_ended_or_comes_and_goes_is_never_missing(room: int) -> None:
    """Also when it has retired, and when it ended and was forgotten; one that came back and was killed is."""
    names = ("fog/0/comes", "fog/0/ends", "fog/0/forgotten", "fog/0/never")
    fleet = Learning(*names, room=room)
    fleet.heard("fog/0/comes", ephemeral=True)
    ended = [fleet.heard(name) for name in names[1:3]]
    for member in ended:
        member.finish()
    fleet.now += 2 * DEPARTED
    fleet.lives.send()
    assert fleet.state.forget(ended[1].path, fleet.now, DEPARTED) == [ended[1].path]
    fleet.wait()
    fleet.restart(room)
    assert (len(fleet.state.places), fleet.missing) == (2, ["fog/0/never"])
    fleet.heard("fog/0/ends")
    assert fleet.missing == ["fog/0/never"]
    fleet.wait()
    assert fleet.missing == ["fog/0/ends", "fog/0/never"]


def test_a_forgotten_node_is_expected_no_more() -> None:
    """Whether it has retired by then or has departed only; what lies elsewhere stays."""
    fleet = Learning()
    for path in ("fog/0/a", "fog/0/b", "fog/1/c"):
        fleet.heard(path)
    fleet.wait()
    assert fleet.state.forget(("fog", "0"), fleet.now, DEPARTED) == [("fog", "0", "a"), ("fog", "0", "b")]
    assert fleet.missing == ["fog/1/c"]
    fleet.heard("fog/0/d")
    fleet.now += DAY
    fleet.lives.send()
    assert fleet.state.forget(("fog", "0"), fleet.now, DEPARTED) == [("fog", "0", "d")]
    fleet.wait()
    assert fleet.missing == ["fog/1/c"]


def test_a_node_in_quarantine_is_not_missed_until_that_is_lifted() -> None:
    """Neither one that is there when it is taken out, nor one that was missing before, nor one of an inventory."""
    fleet = Learning("fog/0/named")
    fleet.heard("fog/0/gone")
    fleet.wait()
    member = fleet.heard("fog/0/held")
    assert fleet.missing == ["fog/0/gone", "fog/0/named"]
    for out in (True, False):
        fleet.state.order(("fog", "0"), Order(fleet.now, out=out))
        fleet.state.settle_orders(fleet.now + 1)
        fleet.wait()
        if out:
            assert (fleet.missing, member.path in fleet.state.places) == ([], True)
    assert fleet.missing == ["fog/0/gone", "fog/0/held", "fog/0/named"]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_node_that_comes_back_stays_expected(*, restarts: bool) -> None:
    """Also when it falls silent on that very day: of its two days one was before it retired."""
    fleet = Learning()
    member = fleet.heard("fog/0/a")
    fleet.wait()
    member.writer.request_keyframe()
    member.send()
    assert (fleet.missing, len(fleet.state.parts.roster.learned)) == ([], 2)
    if restarts:
        fleet.restart()
        assert fleet.missing == []
    fleet.wait()
    assert fleet.missing == ["fog/0/a"]


def test_a_returned_node_may_be_forgotten() -> None:
    """It is then as one that was never heard."""
    fleet = Learning()
    member = fleet.heard("fog/0/a")
    fleet.wait()
    member.writer.request_keyframe()
    member.send()
    fleet.now += 2 * DEPARTED
    fleet.lives.send()
    assert fleet.state.forget(member.path, fleet.now, DEPARTED) == [member.path]
    member.writer.request_keyframe()
    member.send()
    fleet.wait()
    assert (fleet.missing, fleet.state.parts.roster.learned.bytes) == ([], 0)


def test_once_its_place_tells_again_nothing_is_kept_of_a_node() -> None:
    """Memory does not grow with nodes that come back."""
    fleet = Learning()
    member = fleet.heard("fog/0/a")
    fleet.wait()
    learned = fleet.state.parts.roster.learned
    assert learned.bytes == LEARNED_BYTES + path_bytes(member.path)
    for _ in range(2):
        member.writer.request_keyframe()
        member.send()
        fleet.now += DAY
    fleet.sweep()
    assert (learned.bytes, learned.back, learned.missing) == (0, [], [])
    fleet.wait()
    assert fleet.missing == ["fog/0/a"]


def test_a_returned_node_that_ends_in_good_order_is_expected_no_more() -> None:
    """As any other one."""
    fleet = Learning()
    member = fleet.heard("fog/0/a")
    fleet.wait()
    member.writer.request_keyframe()
    member.send()
    member.finish()
    fleet.wait()
    assert (fleet.missing, fleet.state.parts.roster.learned.bytes) == ([], 0)


def test_a_lost_node_is_missing_once() -> None:
    """Also where an inventory names it, or counts it."""
    fleet = Learning("fog/0/a", "fog/0=3")
    for path in ("fog/0/a", "fog/0/b"):
        fleet.heard(path)
    assert fleet.missing == []
    fleet.wait()
    assert fleet.missing == ["fog/0/a", "fog/0/b"]


def test_the_metric_counts_nodes_that_are_there_and_those_that_are_missing() -> None:
    """Of the nodes that are there those that were heard on two days."""
    fleet = Learning()
    assert len(fleet.state.parts.roster.learned) == 0
    fleet.heard("fog/0/a")
    fleet.heard("fog/0/b", later=1.0)
    fleet.heard("fog/0/c").finish()
    fleet.heard("fog/0/d", ephemeral=True)
    fleet.lives.send()
    fleet.sweep()
    assert len(fleet.state.parts.roster.learned) == 2
    fleet.wait()
    assert len(fleet.state.parts.roster.learned) == 2


def test_without_the_word_nothing_is_learned() -> None:
    """Nor is anything kept of what an earlier start had learned."""
    fleet = Learning(room=0)
    fleet.heard("fog/0/a")
    fleet.wait()
    assert (fleet.missing, fleet.state.parts.roster.learned.bytes) == ([], 0)
    taught = Learning()
    taught.heard("fog/0/a")
    taught.wait()
    taught.restart(room=0)
    assert (taught.missing, taught.state.parts.roster.learned.bytes) == ([], 0)


def test_a_checkpoint_without_the_part_is_read_as_before() -> None:
    """A program wrote it that knew nothing of it; nodes that have not retired are expected by what it tells of them."""
    fleet = Learning()
    fleet.heard("fog/0/a")
    image = take_image(fleet.state, fleet.events, Ratchet(), {}, ("fog.v1", (), ()))
    del image.plain["parts"]["learned"]
    state = empty()
    restore(read_image(b"".join(image.chunks())), state, fleet.events, Ratchet())
    fleet.adopt(state)
    fleet.wait()
    assert fleet.missing == ["fog/0/a"]


def test_a_step_of_the_clock_adds_no_day() -> None:
    """All that was dated moves with it."""
    fleet = Learning()
    member = fleet.heard("fog/0/a", later=60.0)
    fleet.state.shift(2 * DAY)
    fleet.now += 2 * DAY
    member.send()
    fleet.wait()
    assert fleet.missing == []


@pytest.mark.parametrize("nodes", [[()], [("fog", "a"), ("fog", "a")], "fog", [("fog", 1)]])
def test_a_damaged_part_is_refused(nodes: object) -> None:
    """The text says what cannot be."""
    with pytest.raises(DamagedError):
        LearnedNodes(ROOM).restore(Saved({"nodes": nodes, "excused": []}))


def test_beyond_the_limit_no_node_is_kept() -> None:
    """The missing ones stay; the others are counted as refused."""
    size = LEARNED_BYTES + path_bytes(parse_path("fog/0/a"))
    fleet = Learning(room=2 * size)
    for path in ("fog/0/a", "fog/0/b", "fog/0/c"):
        fleet.heard(path)
    fleet.wait()
    assert (fleet.missing, fleet.state.parts.roster.learned.bytes) == (["fog/0/a", "fog/0/b"], 2 * size)
    assert fleet.state.parts.budget.refused[LEARNED] == 1
    assert fleet.state.parts.budget.used["nodes"] >= 2 * size


def test_a_node_takes_no_more_than_it_is_charged() -> None:
    """Measured while the dictionary grows; the tokens of paths are counted as they are."""
    made: list[Path] = [("fog", str(number)) for number in range(100_000)]
    charged = {}
    tracemalloc.start()
    learned = LearnedNodes(2**40)
    for count, path in enumerate(made):
        learned.retire(path, expected=True)
        if count % 10_000 == 9_999:
            charged[count] = tracemalloc.get_traced_memory()[0], LEARNED_BYTES * (count + 1)
    tracemalloc.stop()
    assert all(taken <= allowed for taken, allowed in charged.values()), charged
    assert all(one < other for one, other in pairwise(charged.values()))


async def test_the_api_lists_learned_nodes() -> None:
    """Where missing ones are asked for."""
    fleet = Learning("fog/1=2")
    fleet.heard("fog/0/a")
    fleet.wait()
    async with serving(fleet) as served:
        listed = await served.json("/api/nodes?state=missing")
        assert [(node["path"], node["state"]) for node in listed["nodes"]] == [
            ("fog/0/a", "missing"),
            ("fog/1", "missing"),
        ]
        status = await served.json("/api/status")
        assert status["coverage"]["nodes"]["missing"] == 3
