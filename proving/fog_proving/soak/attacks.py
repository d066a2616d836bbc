"""Make the messages of a hostile path: each attack takes much of an aggregator for few bytes, or many bytes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from fog_schema.codec import encode, encode_definitions
from fog_schema.columns import U8, Ids, array_column, pack_floats, pack_ids
from fog_schema.frames import (
    COUNTER,
    DELTA,
    EVENTS,
    GAUGE,
    HISTOGRAM,
    KEYFRAME,
    LAST_PART,
    Definition,
    Event,
    Frame,
    Histograms,
    Numbers,
)
from fog_schema.limits import MAX_BOUNDS, MAX_DEFINED, MAX_SEQ


class Sent(NamedTuple):
    """One message: the kind of its subject, and its bytes."""

    kind: str
    data: bytes


Attack: TypeAlias = Callable[[Random], Iterator[Sent]]

METRICS, EVENTS_KIND = "metrics", "events"
MAX_PAYLOAD: Final = 256 * 1024
"""Bytes of a message that the shipped configurations of nats-server take."""
_LONG_EVENT: Final = 15_000
_FAMILIES: Final = 900
_WIDEST: Final = 800
"""Rows of 257 buckets: 206 kB of them are a frame that the shipped server takes."""
_LARGEST: Final = 980
"""Label sets of 256 bytes, likewise."""
COUNTERS: Final = (*(f"swarm_work_{number}_total" for number in range(50)), "churn_total")
GAUGES: Final = tuple(f"swarm_level_{number}" for number in range(10))
"""Families that the healthy nodes of a soak have, or may have."""


def _epoch(random: Random) -> int:
    return random.getrandbits(64) or 1


def _keyframe(random: Random, definitions: list[Definition], **values: Any) -> Sent:
    """Make the keyframe of a new writer; `values` are its sections."""
    frame = Frame(KEYFRAME, _epoch(random), 1, LAST_PART, interval_ms=1000, **values)
    frame.definitions = encode_definitions(definitions)
    return Sent(METRICS, encode(frame))


def _ones(ids: Ids, count: int) -> Numbers:
    return Numbers(ids, array_column(U8, b"\x01" * count))


def ids_of_one_set(random: Random) -> Iterator[Sent]:
    """Define thousands of ids of one label set, in an epoch of its own each time: in few kilobytes, or with values."""
    ids = pack_ids(range(MAX_DEFINED))
    one = Definition("hostile_total", COUNTER, "", "", (), (), (), ids, ())
    while True:
        yield _keyframe(random, [one])
        yield _keyframe(random, [one], counters=_ones(ids, MAX_DEFINED))


def widest_histograms(random: Random) -> Iterator[Sent]:
    """Define the same with as many buckets as there may be; then label sets with values of all of them."""
    bounds = tuple(float(bound) for bound in range(MAX_BOUNDS))
    one = Definition("hostile_seconds", HISTOGRAM, "", "", bounds, (), (), pack_ids(range(MAX_DEFINED)), ())
    ids, buckets = pack_ids(range(_WIDEST)), MAX_BOUNDS + 1
    counts = array_column(U8, b"\x01" * (_WIDEST * buckets))
    rows = Histograms(buckets, ids, counts, pack_floats([1.0] * _WIDEST))
    while True:
        yield _keyframe(random, [one])
        sets = tuple(str(random.randrange(100_000)) for _ in range(_WIDEST))
        wide = Definition("hostile_seconds", HISTOGRAM, "", "", bounds, (), ("k",), ids, sets)
        yield _keyframe(random, [wide], histograms=(rows,))


def flood_of_events(random: Random) -> Iterator[Sent]:
    """Record long events, as many as a frame may have."""
    text = "x" * _LONG_EVENT
    epoch = _epoch(random)
    for number in count(1, 16):
        events = [Event(f"hostile {at}", text, {}, {}, 1.0) for at in range(16)]
        yield Sent(EVENTS_KIND, encode(Frame(EVENTS, epoch, number, events=events)))


def families_that_disagree(random: Random) -> Iterator[Sent]:
    """Have values of new families, once as counters and once as gauges, and of those that healthy nodes have otherwise.

    None of these is of the healthy nodes' own type: a count under their names would be theirs as well.
    """
    while True:
        family = random.randrange(1_000)
        names = [f"hostile_{number}_{family}_total" for number in range(_FAMILIES)]
        for section, type_, others in (("counters", COUNTER, GAUGES), ("gauges", GAUGE, COUNTERS)):
            all_names = [*names, *others]
            definitions = [
                Definition(name, type_, f"help {family}", "", (), (), (), pack_ids([number]), ())
                for number, name in enumerate(all_names)
            ]
            ids = pack_ids(range(len(all_names)))
            yield _keyframe(random, definitions, **{section: _ones(ids, len(all_names))})


def big_keyframes(random: Random) -> Iterator[Sent]:
    """Send large keyframes whose label sets nobody had before."""
    while True:
        values = tuple(f"{random.getrandbits(128):032x}" * 8 for _ in range(_LARGEST))
        ids = pack_ids(range(_LARGEST))
        one = Definition("hostile_big_total", COUNTER, "", "", (), (), ("k",), ids, values)
        yield _keyframe(random, [one], counters=_ones(ids, _LARGEST))


def gaps(random: Random) -> Iterator[Sent]:
    """Leave a hole before every frame, so that a keyframe is asked for, and claim events that never were."""
    epoch = _epoch(random)
    for number in count(3, 2):
        claimed = (number, MAX_SEQ - number)
        yield Sent(METRICS, encode(Frame(DELTA, epoch, number, interval_ms=1000, events_held=claimed)))


def many_writers(random: Random) -> Iterator[Sent]:
    """Begin an epoch with every frame."""
    one = Definition("hostile_writers_total", COUNTER, "", "", (), (), (), pack_ids([0]), ())
    while True:
        yield _keyframe(random, [one], counters=_ones(pack_ids([0]), 1))


def noise(random: Random) -> Iterator[Sent]:
    """Send what is no frame, or nearly one."""
    sound = encode(Frame(DELTA, 1, 1))
    while True:
        data = bytearray(sound * random.randrange(1, 40))
        for _ in range(random.randrange(8)):
            data[random.randrange(len(data))] = random.randrange(256)
        yield Sent(random.choice((METRICS, EVENTS_KIND)), bytes(data))


ATTACKS: Final[Mapping[str, Attack]] = {
    attack.__name__: attack
    for attack in (
        ids_of_one_set,
        widest_histograms,
        flood_of_events,
        families_that_disagree,
        big_keyframes,
        gaps,
        many_writers,
        noise,
    )
}
