"""An aggregator asks for frames that it misses until they come: also after it crashed, and soon after an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from fog_agent.core.event_log import RETAINED_SECONDS
from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.engine.requests import BURST, FAN_IN, FIRST_WAIT, KeyframeRequest, KeyframeRequests
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message
from fog_schema.codec import encode
from fog_schema.frames import DELTA, EVENTS, KEYFRAME, LAST_PART, Event, Frame, Request
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import START, Fleet

PATH = ("fog", "0")


def test_wanted_events_survive_a_crash() -> None:
    """A keyframe told of events that never came, and no second one may come for an hour: the wish is saved."""
    events = EventList()
    event = Event("e", None, {}, {}, 1.0)
    events.apply(PATH, Frame(kind=EVENTS, epoch=7, seq=3, events=(event,)), 100.0)
    events.reported(PATH, 7, (1, 5), 101.0)
    image = take_image(FleetState(), events, Ratchet(), {}, ("fog.v1", (), ()))
    after = EventList()
    restore(read_image(b"".join(image.chunks())), FleetState(), after, Ratchet())
    assert after.wanted == events.wanted == {(PATH, 7): (1, 5)}
    after.reported(PATH, 7, (3, 3), 102.0)
    assert after.wanted == {}


def test_writers_that_must_tell_what_they_hold_survive_a_crash() -> None:
    """A stream lost messages: nothing but a keyframe of a branch's node shows whether its last event was among them."""
    branch = BranchPatterns((PATH,))
    node, subject = (*PATH, "1"), "fog.v1.metrics.fog.0.1"

    def reader(events: EventList) -> Ingest:
        metrics = SelfMetrics(Fleet().own)
        return Ingest(FleetState(), events, Accounts(Subjects()), branch, metrics, lambda *_: None)

    events = EventList()
    events.reported(node, 7, (1, 1), 100.0)
    before = reader(events)
    before.require_keyframes(110.0)
    assert (node, 7) in {(one.path, one.epoch) for one in before.wanted(110.0)}
    events.shift(5.0)
    image = take_image(FleetState(), events, Ratchet(), {}, ("fog.v1", (), (PATH,)))
    after = EventList()
    restore(read_image(b"".join(image.chunks())), FleetState(), after, Ratchet())
    restarted = reader(after)
    assert (node, 7) in {(one.path, one.epoch) for one in restarted.wanted(120.0)}
    for at, still in ((114.0, True), (116.0, False)):  # one that was stored before the loss tells nothing
        data = encode(Frame(KEYFRAME, 7, int(at), flags=LAST_PART, events_held=(1, 2)))
        restarted.metrics([Message(subject, data, int(at), int(at * 1e9))], at)
        assert bool(after.awaited.since) is still
    assert after.wanted == {(node, 7): (1, 2)}


def test_who_has_answered_is_asked_for_something_else_at_once() -> None:
    """Pauses grow for a node that was away, and it comes back: its keyframe tells which events are missing."""
    requests = KeyframeRequests()
    asked, now = 0, 0.0
    while asked < 6:
        asked += len(requests.due([KeyframeRequest(PATH, 7)], now))
        now += FIRST_WAIT
    assert requests.due([KeyframeRequest(PATH, 7)], now) == []
    (path, request), *others = requests.due([KeyframeRequest(PATH, 7, (4, 9))], now)
    assert (path, request.first_event, request.last_event, others) == (PATH, 4, 9, [])
    assert requests.due([KeyframeRequest(PATH, 7, (4, 9))], now + FIRST_WAIT / 2) == []
    assert len(requests.due([KeyframeRequest(PATH, 7, (4, 9))], now + FIRST_WAIT)) == 1


def test_requests_for_events_are_never_put_together() -> None:
    """Many that want keyframes are asked as one; which events are missing only their writers can be told, each."""
    wanted = [KeyframeRequest((*PATH, str(n)), n) for n in range(1, 41)]
    wanted += [KeyframeRequest((*PATH, str(n)), n, (1, n)) for n in range(41, 81)]
    requests = KeyframeRequests().due(wanted, 0.0)
    assert (PATH, Request(0)) in requests
    assert sorted(request.last_event for _, request in requests) == [0, *range(41, 81)]


def test_one_node_makes_nobody_else_answer() -> None:
    """Forty epochs of one path are asked each, and its siblings are left alone; so are those of a few among many."""
    of_one = [KeyframeRequest((*PATH, "1"), epoch) for epoch in range(1, 41)]
    assert all(path == (*PATH, "1") for path, _ in KeyframeRequests().due(of_one, 0.0))
    of_few = [KeyframeRequest((*PATH, str(n)), n) for n in range(1, 21)]
    assert len(KeyframeRequests(lambda: {PATH: 41}).due(of_few, 0.0)) == 20
    assert KeyframeRequests(lambda: {PATH: 40}).due(of_few, 0.0) == [(PATH, Request(0))]


def test_a_path_has_a_budget() -> None:
    """New epochs, and other events each time, are no way around the pauses; other paths are asked all the same."""
    requests, asked, others = KeyframeRequests(), 0, 0
    for second in range(600):
        mine = [KeyframeRequest(PATH, 100 * second + n, (1, second + 1)) for n in range(1, 20)]
        due = requests.due([*mine, KeyframeRequest(("fog", f"x{second}"), 7)], float(second))
        asked += sum(path == PATH for path, _ in due)
        others += sum(path != PATH for path, _ in due)
    assert asked == BURST + 599 // 2
    assert others == 600
    assert len(requests._patience) < 1000  # noqa: SLF001 - what is over is forgotten
    assert len(requests._budgets) < 20  # noqa: SLF001 - as above


def test_no_pause_is_longer_than_five_minutes() -> None:
    """However often a writer has not answered."""
    requests, asked = KeyframeRequests(), []
    for second in range(3000):
        asked += [second for _ in requests.due([KeyframeRequest(PATH, 7)], float(second))]
    pauses = [later - before for before, later in pairwise(asked)]
    assert pauses[:4] == [2, 4, 8, 16]
    assert pauses[-3:] == [300, 300, 300]


def test_a_hundred_are_asked_at_once() -> None:
    """The others the next time."""
    requests = KeyframeRequests()
    wanted = [KeyframeRequest(("fog", f"x{number}", "y"), 7) for number in range(150)]
    assert [len(requests.due(wanted, second)) for second in (0.0, 1.0)] == [100, 50]


def test_writers_of_rollups_are_asked_one_by_one() -> None:
    """All nodes below would answer a request to their parent."""
    paths = [("fog", str(number)) for number in range(20)]
    requests = KeyframeRequests(lambda: {("fog",): 20})
    due = requests.due([KeyframeRequest(path, 7, alone=True) for path in paths], 0.0)
    assert sorted(path for path, _ in due) == sorted(paths)


def knowing(parents: Sequence[Path]) -> KeyframeRequests:
    """Return requests to a fleet in which each of some paths has sixteen children."""
    return KeyframeRequests(lambda: dict.fromkeys(parents, FAN_IN))


def test_the_root_of_all_is_never_asked() -> None:
    """It is no path: the first tokens are asked each for itself, however many there are."""
    tops: list[Path] = [(f"fog{number}",) for number in range(FAN_IN)]
    due = KeyframeRequests(lambda: {(): FAN_IN}).due([KeyframeRequest(path, 7) for path in tops], 0.0)
    assert sorted(path for path, _ in due) == sorted(tops)
    below = [KeyframeRequest((*path, str(number)), 7) for path in tops for number in range(FAN_IN)]
    due = knowing(tops).due(below, 0.0)
    assert sorted(path for path, _ in due) == sorted(tops)


def test_parents_are_asked_together_as_their_children_are() -> None:
    """From sixteen on one request to the path above them is enough."""
    for count, asked in ((FAN_IN - 1, FAN_IN - 1), (FAN_IN, 1)):
        parents: list[Path] = [("fog", str(number)) for number in range(count)]
        below = [KeyframeRequest((*path, str(number)), 7) for path in parents for number in range(FAN_IN)]
        requests = knowing(parents)
        assert len(requests.due(below, 0.0)) == asked


def test_patience_is_not_forgotten_at_once() -> None:
    """A target that wants, then does not, then wants again each two seconds is asked ever more rarely."""
    requests, asked = KeyframeRequests(), []
    for second in range(0, 1000, 2):
        wanted = [KeyframeRequest(PATH, 7)] if second % 4 == 0 else []
        asked += [second for _ in requests.due(wanted, float(second))]
    assert len(asked) <= 10
    assert requests.due([], 2000.0) == []
    assert len(requests.due([KeyframeRequest(PATH, 7)], 2000.0)) == 1
    assert requests.due([KeyframeRequest(PATH, 7)], 2001.0) == []
    assert len(requests.due([KeyframeRequest(PATH, 7)], 2000.0 + FIRST_WAIT)) == 1, "all begins anew"


def test_only_who_was_heard_lately_is_asked() -> None:
    """A writer that was killed stays gapped for days; asking for it would only make its neighbours answer."""
    state = FleetState()
    state.apply(PATH, Frame(kind=DELTA, epoch=7, seq=3, interval_ms=1000), 100.0)
    assert [epoch.id for epoch in state.gapped] == [7]
    assert state.heard_lately(PATH, 7, 103.0)
    assert not state.heard_lately(PATH, 7, 103.5)
    assert not state.heard_lately(PATH, 8, 100.0)
    assert not state.heard_lately(("fog",), 7, 100.0)
    state.apply(PATH, Frame(kind=DELTA, epoch=7, seq=4, interval_ms=1000), 200.0)
    assert state.heard_lately(PATH, 7, 200.0)


class BranchEvents:
    """Read frames of a node at or under a branch, and ask which of its events are wanted."""

    def __init__(self, path: Path) -> None:
        self.fleet = Fleet()
        self._metrics, self._events = Subjects().metrics(path), Subjects().events(path)
        fleet, metrics = self.fleet, SelfMetrics(self.fleet.own)
        self.ingest = Ingest(
            fleet.state, fleet.events, Accounts(Subjects()), BranchPatterns([PATH]), metrics, lambda *_: None
        )
        self.newest = START

    def read(self, frame: Frame, at: float = START) -> None:
        """Read a frame."""
        self.newest = at
        message = Message(self._events if frame.kind == EVENTS else self._metrics, encode(frame), 1, int(at * 1e9))
        if frame.kind == EVENTS:
            self.ingest.events([message])
        else:
            self.ingest.metrics([message], at)

    def wanted(self) -> list[tuple[int, int]]:
        """Return the ranges of events that are wanted."""
        return [one.events for one in self.ingest.wanted(self.newest)]


@pytest.mark.parametrize("path", [(*PATH, "1"), PATH])
def test_events_of_a_branchs_nodes_are_asked_for(path: Path) -> None:
    """Nobody else could bring them: its nodes are not read, but which events they hold is, while some are missing.

    Also those of a node at the branch's own path.
    """
    of_branch = BranchEvents(path)
    read, wanted = of_branch.read, of_branch.wanted
    event = Event("e", None, {}, {}, 1.0)
    holds = Frame(kind=KEYFRAME, epoch=7, seq=9, interval_ms=1000, flags=LAST_PART, events_held=(2, 4))
    read(holds)
    assert wanted() == []
    read(Frame(kind=EVENTS, epoch=7, seq=3, events=(event,)))
    assert wanted() == [(1, 2)]
    read(holds)
    assert wanted() == [(2, 4)]
    assert of_branch.fleet.state.places == {}
    read(Frame(kind=EVENTS, epoch=7, seq=2, events=(event, event, event)))
    read(holds)
    assert wanted() == []
    of_branch.ingest.require_keyframes(of_branch.newest)
    assert wanted() == [(0, 0)], "a keyframe, as there may be later ones"
    read(replace(holds, events_held=(2, 5)))
    assert wanted() == [(5, 5)]
    read(Frame(kind=EVENTS, epoch=7, seq=5, events=(event,)))
    read(holds)
    assert wanted() == []
    read(Frame(kind=EVENTS, epoch=8, seq=3, events=(event,)))
    assert wanted() == [(1, 2)]
    read(Frame(kind=EVENTS, epoch=7, seq=4, events=(event,)), START + RETAINED_SECONDS + 1)
    assert wanted() == [], "it cannot have them any more"


def test_silent_epochs_cost_nothing() -> None:
    """One that is gapped and silent is looked at once, and again when it is heard."""
    fleet = FleetState()
    for number in range(1, 101):
        fleet.apply(("fog", str(number)), Frame(kind=DELTA, epoch=number, seq=3, interval_ms=1000), 100.0)
    assert len(fleet.to_ask(103.0)) == len(fleet.gapped) == 100
    assert fleet.to_ask(104.0) == []
    assert (len(fleet.gapped), len(fleet.parts.roster.askable)) == (100, 0)
    fleet.apply(("fog", "7"), Frame(kind=DELTA, epoch=7, seq=4, interval_ms=1000), 200.0)
    assert fleet.to_ask(200.0) == [(("fog", "7"), 7)]
    fleet.apply(("fog", "7"), Frame(kind=KEYFRAME, epoch=7, seq=5, flags=LAST_PART, interval_ms=1000), 201.0)
    assert fleet.to_ask(201.0) == []


def test_a_round_is_paced_by_subtree() -> None:
    """No request is for more than 2,000 writers of several subtrees, and so many answer in a second at most."""
    wanted = [KeyframeRequest(("fog", str(site), str(n)), 1 + n) for site in range(40) for n in range(200)]
    requests, asked = KeyframeRequests(), []
    for second in range(4):
        due = requests.due([one for one in wanted if one.path[:2] not in asked], float(second))
        assert 0 < len(due) <= 11
        asked += [path for path, _ in due]
    assert sorted(asked) == sorted(("fog", str(site)) for site in range(40))
    small = [one for one in wanted if int(one.path[2]) < 50]
    assert KeyframeRequests().due(small, 0.0) == [(("fog",), Request(0))]


def test_one_large_subtree_is_asked_at_once_and_then_others_wait() -> None:
    """It cannot be divided; its nodes spread their answers over an interval."""
    large = [KeyframeRequest(("fog", "0", str(n)), 1 + n) for n in range(10_000)]
    other = KeyframeRequest(("fog", "1"), 7)
    requests = KeyframeRequests()
    assert [path for path, _ in requests.due([*large, other], 0.0)] == [("fog", "0")]
    times = [float(second) for second in range(1, 10) if requests.due([other], float(second))]
    assert times[0] == 5.0


@pytest.mark.parametrize(("siblings", "asked"), [(10, [100] * 6), (5_000, [4] * 6), (100_000, [1, 0, 0, 0, 0, 1])])
def test_requests_that_many_siblings_hear_are_few(siblings: int, asked: list[int]) -> None:
    """At most 20,000 deliveries a second: among few siblings that limits nothing, in a flat fleet it does."""
    wanted = [KeyframeRequest(("fog", f"x{number}"), 7, (1, 2)) for number in range(1000)]
    counted: list[float] = []

    def children() -> dict[Path, int]:
        counted.append(siblings)
        return {("fog",): siblings}

    requests = KeyframeRequests(children)
    assert [len(requests.due(wanted, float(second))) for second in range(6)] == asked
    assert len(counted) == 1, "a count of all nodes is not made for each"
