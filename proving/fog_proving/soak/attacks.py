"""Make the messages of a hostile path: each attack takes much of an aggregator for few bytes, or many bytes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from random import Random
from typing import Final, NamedTuple, TypeAlias

from fog_schema.codec import encode, encode_definitions
from fog_schema.columns import U8, array_column, pack_ids
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
    Numbers,
)
from fog_schema.limits import MAX_BOUNDS, MAX_DEFINED, MAX_LABEL_VALUES, MAX_SEQ


class Sent(NamedTuple):
    """One message: the kind of its subject, and its bytes."""

    kind: str
    data: bytes


Attack: TypeAlias = Callable[[Random], Iterator[Sent]]

METRICS, EVENTS_KIND = "metrics", "events"
_LONG_EVENT: Final = 15_000
_FAMILIES: Final = 500


def _epoch(random: Random) -> int:
    return random.getrandbits(64) or 1


def _keyframe(random: Random, definitions: list[Definition], counters: Numbers | None = None) -> Sent:
    frame = Frame(KEYFRAME, _epoch(random), 1, LAST_PART, interval_ms=1000, counters=counters)
    frame.definitions = encode_definitions(definitions)
    return Sent(METRICS, encode(frame))


def ids_of_one_set(random: Random) -> Iterator[Sent]:
    """Define thousands of ids of one label set, in a bitmap of a few kilobytes, in an epoch of its own each time."""
    one = Definition("hostile_total", COUNTER, "", "", (), (), (), pack_ids(range(MAX_DEFINED)), ())
    while True:
        yield _keyframe(random, [one])


def widest_histograms(random: Random) -> Iterator[Sent]:
    """Define the same with as many buckets as there may be."""
    bounds = tuple(float(bound) for bound in range(MAX_BOUNDS))
    one = Definition("hostile_seconds", HISTOGRAM, "", "", bounds, (), (), pack_ids(range(MAX_DEFINED)), ())
    while True:
        yield _keyframe(random, [one])


def flood_of_events(random: Random) -> Iterator[Sent]:
    """Record long events, as many as a frame may have."""
    text = "x" * _LONG_EVENT
    epoch = _epoch(random)
    for number in count(1, 16):
        events = [Event(f"hostile {at}", text, {}, {}, 1.0) for at in range(16)]
        yield Sent(EVENTS_KIND, encode(Frame(EVENTS, epoch, number, events=events)))


def families_that_disagree(random: Random) -> Iterator[Sent]:
    """Define families that others have, and new ones, once as counters and once as gauges."""
    names = [f"hostile_{number}" for number in range(_FAMILIES)] + [f"swarm_{number}" for number in range(_FAMILIES)]
    while True:
        family = random.randrange(1_000)
        for type_ in (COUNTER, GAUGE):
            yield _keyframe(
                random,
                [
                    Definition(
                        f"{name}_{family}_total", type_, f"help {family}", "", (), (), (), pack_ids([number]), ()
                    )
                    for number, name in enumerate(names)
                ],
            )


def big_keyframes(random: Random) -> Iterator[Sent]:
    """Send large keyframes whose label sets nobody had before."""
    while True:
        values = tuple(f"{random.getrandbits(128):032x}" * 8 for _ in range(MAX_LABEL_VALUES))
        ids = pack_ids(range(len(values)))
        counts = Numbers(ids, array_column(U8, bytes([1]) * len(values)))
        yield _keyframe(random, [Definition("hostile_big_total", COUNTER, "", "", (), (), ("k",), ids, values)], counts)


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
        yield _keyframe(random, [one], Numbers(pack_ids([0]), array_column(U8, b"\x01")))


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
