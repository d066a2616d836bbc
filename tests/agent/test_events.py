"""The events of an epoch: dense numbers, repeats on request, losses counted, and nothing that a program could hurt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_agent.core.event_log import RETAINED_SECONDS, EventFrame, EventLog
from fog_schema.codec import decode
from fog_schema.frames import EVENTS, Event, Frame
from fog_schema.limits import MAX_EVENT_BYTES, MAX_EVENTS_PER_FRAME
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.events import TelemetryEvent

BIG = 1_000_000


def header() -> Frame:
    """Return the header of an epoch's event frames."""
    return Frame(kind=EVENTS, epoch=7, seq=1)


def happened(*names: str) -> list[TelemetryEvent]:
    """Make some events."""
    return [TelemetryEvent(name, None, 1.0) for name in names]


def taken(log: EventLog, max_bytes: int = BIG) -> EventFrame:
    """Return the next frame, which must be there."""
    frame = log.next_frame(header(), max_bytes)
    assert frame is not None
    return frame


def names(frame: EventFrame) -> list[tuple[int, str]]:
    """Return the events of a frame, with their numbers."""
    decoded = decode(frame.data)
    assert (decoded.kind, decoded.epoch, decoded.seq) == (EVENTS, 7, frame.first)
    assert frame.last == frame.first + len(decoded.events) - 1
    return [(number, event.name) for number, event in enumerate(decoded.events, decoded.seq)]


def carried(value: Any, **changes: Any) -> Event:
    """Return an event as it arrives."""
    log = EventLog()
    log.add([TelemetryEvent(**{"name": "e", "value": value, "timestamp": 1.0} | changes)], 0.0)
    [event] = decode(taken(log).data).events
    return event


def test_events_are_numbered_without_holes_and_sent_until_confirmed() -> None:
    """The same numbers come again until they are confirmed, then the next ones."""
    log = EventLog()
    assert log.next_frame(header(), BIG) is None
    log.add(happened("a", "b"), 0.0)
    first = taken(log)
    assert names(first) == names(taken(log)) == [(1, "a"), (2, "b")]
    log.add(happened("c"), 1.0)
    log.confirm(first)
    assert names(taken(log)) == [(3, "c")]
    assert log.unsent == 1
    log.confirm(taken(log))
    assert log.next_frame(header(), BIG) is None
    assert (log.unsent, log.lost) == (0, 0)


def test_a_collectors_events_travel() -> None:
    """Events of record_event() arrive, labels and metadata too."""
    collector = TelemetryCollector(self_metrics=False, clock=lambda: 12.5)
    watch = collector.watch_events()
    collector.record_event("login", {"user": "u"}, labels={"source": "web"}, metadata={"n": [1, 2]})
    log = EventLog()
    log.add(watch.take(), 0.0)
    assert decode(taken(log).data).events == (Event("login", {"user": "u"}, {"source": "web"}, {"n": [1, 2]}, 12.5),)


def test_what_was_acknowledged_is_repeated_when_asked_for() -> None:
    """As far as it is still held; what was not acknowledged yet comes anyway."""
    log = EventLog(max_events=4)
    log.add(happened("a", "b", "c"), 0.0)
    log.confirm(taken(log))
    log.add(happened("d", "e"), 1.0)
    assert log.repeatable == (2, 5)
    assert [names(frame) for frame in log.repeat(header(), 1, 99, BIG)] == [[(2, "b"), (3, "c")]]
    assert log.repeat(header(), 4, 5, BIG) == []
    assert log.lost == 0


def test_events_are_kept_for_a_while_after_they_were_acknowledged() -> None:
    """15 minutes; one that was not acknowledged stays for as long as there is room."""
    log = EventLog()
    log.add(happened("a"), 0.0)
    log.add([], 10 * RETAINED_SECONDS)
    assert log.repeatable == (1, 1)
    log.confirm(taken(log))
    log.add(happened("b"), 10 * RETAINED_SECONDS)
    assert log.repeatable == (2, 2)
    log.confirm(taken(log))
    log.add([], 20 * RETAINED_SECONDS)
    assert log.repeatable == (3, 2), "none is held, and the range says so"
    assert log.repeat(header(), 1, 2, BIG) == []


@pytest.mark.parametrize("log", [EventLog(max_events=2), EventLog(max_bytes=40)], ids=["number", "bytes"])
def test_what_falls_out_unsent_is_counted_as_lost(log: EventLog) -> None:
    """The oldest go; the hole in the numbers tells the reader; a confirmation that comes late changes nothing."""
    log.add(happened("a", "b"), 0.0)
    late = taken(log)
    log.add(happened("c", "d", "e"), 1.0)
    assert log.lost == 3
    assert names(taken(log)) == [(4, "d"), (5, "e")]
    log.confirm(late)
    assert names(taken(log)) == [(4, "d"), (5, "e")]
    assert (log.repeatable, log.unsent) == ((4, 5), 2)


def test_frames_stay_within_their_size() -> None:
    """Many events come in several frames, by bytes and by number."""
    log = EventLog(max_events=2000)
    log.add(happened(*(f"event {number}" for number in range(MAX_EVENTS_PER_FRAME + 100))), 0.0)
    assert taken(log).last == MAX_EVENTS_PER_FRAME
    numbers: list[int] = []
    while frame := log.next_frame(header(), 1000):
        assert len(frame.data) <= 1000
        numbers += [number for number, _ in names(frame)]
        log.confirm(frame)
    assert numbers == list(range(1, MAX_EVENTS_PER_FRAME + 101))
    assert sum(len(names(frame)) for frame in log.repeat(header(), 1, 999, 1000)) == len(numbers)


class Rude:
    """An object that raises when it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError


def endless() -> list[Any]:
    """Return a list that contains itself, often."""
    items: list[Any] = []
    items += [items] * 10
    return items


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ((1, 2.5, True, None), [1, 2.5, True, None]),
        ({1: {"a"}}, {"1": ["a"]}),
        (2**63, str(2**63)),
        (b"bytes", "b'bytes'"),
        (complex(1, 2), "(1+2j)"),
        (Rude(), "<Rude>"),
        ("\udc80", "?"),
        ([[[[[[[[[["deep"]]]]]]]]]], [[[[[[[["[['deep']]"]]]]]]]]),
    ],
)
def test_what_msgpack_cannot_carry_becomes_text(value: object, arrives: object) -> None:
    """Never an exception, and nothing that a reader would refuse."""
    assert carried(value).value == arrives


@pytest.mark.parametrize(
    "value",
    ["x" * MAX_EVENT_BYTES, ["x" * 100] * 200, [0] * 257, dict.fromkeys(range(257)), endless(), "x" * 10_000_000],
)
def test_what_is_too_large_is_left_out_and_said_so(value: object) -> None:
    """The event arrives all the same, under its name."""
    event = carried(value, labels={"a": "b"})
    assert (event.name, event.value) == ("e", None)
    assert "not_carried" in event.metadata


def test_odd_names_labels_and_times_are_made_to_fit() -> None:
    """A name, label or time for which a reader would refuse a whole frame."""
    event = carried(None, name="", timestamp=float("nan"), labels={1: 2}, metadata={3: Rude()})
    assert event == Event("unnamed", None, {"1": "2"}, {"3": "<Rude>"}, 0.0)
    event = carried(None, name="n" * 1000, timestamp=1e300, labels={f"{n}": "" for n in range(100)})
    assert (len(event.name), len(event.labels)) == (256, 32)


class Changing(dict[str, int]):
    """A dict that another thread changes while it is read."""

    def items(self) -> Any:
        """Raise what such a dict raises."""
        raise RuntimeError("dictionary changed size during iteration")


def test_what_a_program_changes_meanwhile_hurts_nobody() -> None:
    """An event's value is the program's own object."""
    assert "changed size" in carried(Changing(a=1)).metadata["not_carried"]


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers() | st.text(), inner, max_size=4),
        max_leaves=30,
    )
)
def test_any_value_arrives_in_some_form(value: object) -> None:
    """Whatever a program records, a frame of it is one that readers take."""
    assert carried(value, metadata={"same": value}).name == "e"
