"""What an aggregator misses it asks for until it comes: also after it crashed, and soon after an answer."""

from __future__ import annotations

from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.eventlist import EventList
from fog_aggregator.core.lifecycle import heard_lately
from fog_aggregator.core.ratchet import Ratchet
from fog_aggregator.core.requests import FIRST_WAIT, KeyframeRequests, Wish
from fog_aggregator.core.state import State
from fog_schema.frames import DELTA, EVENTS, Event, Frame, Request

PATH = ("fog", "0")


def test_wanted_events_survive_a_crash() -> None:
    """A keyframe told of events that never came, and no second one may come for an hour: the wish is saved."""
    events = EventList()
    event = Event("e", None, {}, {}, 1.0)
    events.apply(PATH, Frame(kind=EVENTS, epoch=7, seq=3, events=(event,)), 100.0)
    events.held(PATH, 7, (1, 5), 101.0)
    image = take_image(State(), events, Ratchet(), {}, ("fog.v1", (), ()))
    after = EventList()
    restore(read_image(b"".join(image.chunks())), State(), after, Ratchet())
    assert after.wanted == events.wanted == {(PATH, 7): (1, 5)}
    after.held(PATH, 7, (3, 3), 102.0)
    assert after.wanted == {}


def test_who_has_answered_is_asked_for_something_else_at_once() -> None:
    """Pauses grow for a node that was away, and it comes back: its keyframe tells which events are missing."""
    requests = KeyframeRequests()
    asked, now = 0, 0.0
    while asked < 6:
        asked += len(requests.due([Wish(PATH, 7)], now))
        now += FIRST_WAIT
    assert requests.due([Wish(PATH, 7)], now) == []
    (path, request), *others = requests.due([Wish(PATH, 7, (4, 9))], now)
    assert (path, request.first_event, request.last_event, others) == (PATH, 4, 9, [])
    assert requests.due([Wish(PATH, 7, (4, 9))], now + FIRST_WAIT / 2) == []
    assert len(requests.due([Wish(PATH, 7, (4, 9))], now + FIRST_WAIT)) == 1


def test_requests_for_events_are_never_put_together() -> None:
    """Many that want keyframes are asked as one; which events are missing only their writers can be told, each."""
    wishes = [Wish((*PATH, str(n)), n) for n in range(1, 41)]
    wishes += [Wish((*PATH, str(n)), n, (1, n)) for n in range(41, 81)]
    requests = KeyframeRequests().due(wishes, 0.0)
    assert (PATH, Request(0)) in requests
    assert sorted(request.last_event for _, request in requests) == [0, *range(41, 81)]


def test_only_who_was_heard_lately_is_asked() -> None:
    """A writer that was killed stays gapped for days; asking for it would only make its neighbours answer."""
    state = State()
    state.apply(PATH, Frame(kind=DELTA, epoch=7, seq=3, interval_ms=1000), 100.0)
    assert [epoch.id for epoch in state.gapped] == [7]
    assert heard_lately(state, PATH, 7, 103.0)
    assert not heard_lately(state, PATH, 7, 103.5)
    assert not heard_lately(state, PATH, 8, 100.0)
    assert not heard_lately(state, ("fog",), 7, 100.0)
    state.apply(PATH, Frame(kind=DELTA, epoch=7, seq=4, interval_ms=1000), 200.0)
    assert heard_lately(state, PATH, 7, 200.0)
