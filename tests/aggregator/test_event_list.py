"""The list of events is bounded in number and in bytes, fair to quiet paths, and keeps events packed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.events.newest import BY_BYTES, BY_NUMBER, EVENT_BYTES, FleetEvent, NewestEvents
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.query.ratchet import Ratchet
from fog_schema.codec import decode, encode
from fog_schema.events import pack_event
from fog_schema.frames import EVENTS, Event, Frame
from fog_schema.paths import Path

LOUD, QUIET = ("fog", "loud"), ("fog", "quiet")
NOW = 1_700_000_000.0
ADDED = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3000)), max_size=120)


def heard(events: EventList, path: Path, first: int, count: int = 1, size: int = 0) -> None:
    """List events of one epoch from the bytes of a frame."""
    for number in range(first, first + count):
        event = Event("e", "x" * size, {}, {"number": number}, 1.0)
        events.apply(path, decode(encode(Frame(EVENTS, 7, number, events=(event,)))), NOW)


def of(events: EventList, path: Path) -> list[int]:
    """Return the numbers of a path's events that are listed."""
    return [event.number for event in events.events if event.path == path]


def test_a_loud_path_evicts_no_event_of_a_quiet_one() -> None:
    """Nine events of a quiet node outlive a thousand of a loud one, whose newest are kept."""
    events = EventList(100)
    heard(events, QUIET, 1, 9)
    heard(events, LOUD, 1, 1000)
    assert of(events, QUIET) == list(range(1, 10))
    assert of(events, LOUD) == list(range(910, 1001))
    heard(events, QUIET, 10)
    assert of(events, QUIET) == list(range(1, 11))
    assert events.events.evicted == {BY_NUMBER: 910, BY_BYTES: 0}
    assert len(events.events) + events.events.evicted.total() == events.total


def test_few_large_events_evict_no_small_ones() -> None:
    """The bound in bytes is fair too: large events give way to others of their own path."""
    events = EventList(10_000, 200_000)
    heard(events, QUIET, 1, 20)
    heard(events, LOUD, 1, 50, size=15_000)
    assert of(events, QUIET) == list(range(1, 21))
    assert of(events, LOUD) == list(range(51 - len(of(events, LOUD)), 51))
    assert 100_000 < events.events.bytes <= 200_000
    assert events.events.evicted[BY_BYTES] == 50 - len(of(events, LOUD))


@given(ADDED, st.integers(0, 12), st.integers(0, 12_000))
def test_only_the_loudest_path_gives_way(added: list[tuple[int, int]], most: int, most_bytes: int) -> None:
    """Against a slow twin: the list never passes a bound, and each event that goes is the oldest of a loudest path."""
    events, kept = NewestEvents(most, most_bytes), list[FleetEvent]()
    evicted: Counter[str] = Counter({BY_NUMBER: 0, BY_BYTES: 0})

    def share(path: Path) -> float:
        mine = [event.size for event in kept if event.path == path]
        return max(len(mine) / max(1, most), sum(mine) / max(1, most_bytes))

    for order, (who, size) in enumerate(added, 1):
        packed = pack_event(Event("e", "x" * size, {}, {}, 1.0))
        event = FleetEvent((str(who),), 1, order, NOW, "e", packed, order)
        events.add(event)
        kept.append(event)
        while len(kept) > most or sum(one.size for one in kept) > most_bytes:
            evicted[BY_NUMBER if len(kept) > most else BY_BYTES] += 1
            loudest = max(share(one.path) for one in kept)
            kept.remove(next(one for one in kept if share(one.path) == loudest))
        assert list(events) == kept
        assert list(reversed(events)) == kept[::-1]
        assert events.bytes == sum(one.size for one in kept)
    assert events.evicted == evicted


def test_a_restart_keeps_what_is_listed_and_what_gave_way() -> None:
    """Also into a smaller list, to which the loudest path gives way."""
    events = EventList(100)
    heard(events, QUIET, 1, 9)
    heard(events, LOUD, 1, 200)
    image = b"".join(take_image(Fleet(), events, Ratchet(), {}, ("fog.v1", (), ())).chunks())
    same, smaller = EventList(100), EventList(20)
    for after in (same, smaller):
        restore(read_image(image), Fleet(), after, Ratchet())
        assert len(after.events) + after.events.evicted.total() == after.total == 209
    assert list(same.events) == list(events.events)
    assert of(smaller, QUIET) == list(range(1, 10))
    assert [event.open().metadata for event in smaller.events if event.path == LOUD][-1] == {"number": 200}


def test_pages_have_every_event_once() -> None:
    """Asked page by page from the newest, as `before` says, while others come."""
    events = EventList(50)
    heard(events, QUIET, 1, 30)
    pages, before = list[list[int]](), None
    while found := events.query(limit=7, before=before):
        pages.insert(0, [event.number for event in found])
        before = found[0].mark
        heard(events, LOUD, len(pages))
    assert [number for page in pages for number in page] == list(range(1, 31))


def test_events_take_the_bytes_that_the_list_says() -> None:
    """300 events of 16 kB that are lists of empty maps would take 300 MiB when they are opened."""
    program = """
import os, resource
import msgpack
from fog_aggregator.core.fleet.event_list import EventList
from fog_schema.codec import decode, encode
from fog_schema.frames import EVENTS, Event, Frame
def resident():
    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()
value = [[{} for _ in range(250)] for _ in range(58)]
events, before = EventList(10_000, 2**26), resident()
for number in range(1, 301):
    events.apply(("f", "0"), decode(encode(Frame(EVENTS, 7, number, events=(Event("e", value, {}, {}, 1.0),)))), 1.0)
assert len(events.events) == 300 and len(next(iter(events.events)).packed) > 14_000
print(events.events.bytes, resident() - before)
"""
    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=os.environ)
    estimated, taken = map(int, out.stdout.split())
    assert taken < 1.5 * estimated < 9 * 2**20


def test_a_small_event_takes_no_more_than_it_is_charged() -> None:
    """The constant of an event holds: 20,000 of ever new epochs, and of ever new paths."""
    program = f"""
import resource
from fog_aggregator.core.events.newest import FleetEvent, NewestEvents
from fog_schema.events import pack_event
from fog_schema.frames import Event
def resident():
    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()
for paths in (20_000, 1):
    events, before = NewestEvents(100_000, 2**30), resident()
    for order in range(1, 20_001):
        where = ("fog", str(order % paths))
        events.add(FleetEvent(where, 2**40 + order, 2**40 + order, 1e9 + order,
                              "name " + str(order), pack_event(Event("e", order, {{}}, {{}}, 1.0)), order))
    assert resident() - before < events.bytes, (paths, resident() - before, events.bytes, {EVENT_BYTES})
"""
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ)
