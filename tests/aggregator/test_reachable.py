"""Whatever state the bytes of frames can reach can be saved, read back, shown and gone on from."""

from __future__ import annotations

import contextlib
import math
import sys
from typing import Any, Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.selection import Grouping, Selection
from fog_bus.ports import Position
from fog_schema.codec import decode, encode, encode_definitions
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.errors import FrameError
from fog_schema.frames import (
    COUNTER,
    DELTA,
    EVENTS,
    FINAL,
    GAUGE,
    HISTOGRAM,
    KEYFRAME,
    LAST_PART,
    Absences,
    CoverageNumbers,
    Definition,
    Event,
    Frame,
    Histograms,
    Lasts,
    Numbers,
    Summaries,
    ValueCounts,
)
from fog_schema.limits import MAX_AGE_MS, MAX_SEQ, MAX_WHOLE
from fog_schema.paths import Path
from tests.aggregator.fleet import START, Fleet
from tests.examples import examples
from utilityfog_frontend.telemetry.exposition.text import generate_text
from utilityfog_frontend.telemetry.kinds import size_of
from utilityfog_frontend.telemetry.model import HistogramValue

NODES: Final = (("f", "0"), ("f", "0", "0"), ("f", "1"))
BRANCH: Final = ("f", "2")
POSITIONS: Final = {"M": Position("monday", 7, 7)}

COUNTS = st.sampled_from((0, 1, 7, 2**31, 2**62, MAX_WHOLE - 1, MAX_WHOLE, -1, 2**63, 2**64 - 1))
LARGEST = sys.float_info.max
DOUBLES = st.sampled_from((0.0, 0.1, 5e-324, 1.7e308, LARGEST, -LARGEST, -1.5, math.inf, -math.inf, math.nan))
SEQS = st.one_of(st.integers(1, 9), st.sampled_from((2**40, MAX_SEQ - 1, MAX_SEQ)))
AGES = st.sampled_from((0, 5_000, 3 * 86_400_000, MAX_AGE_MS))


def _define(name: str, type_: int, number: int, bounds: tuple[float, ...] = ()) -> Definition:
    rollup = ("max", "sum", "avg", "last", "count_values") if type_ == GAUGE else ()
    return Definition(
        name=name,
        type=type_,
        help="",
        unit="",
        bounds=bounds,
        rollup=rollup,
        label_names=(),
        ids=pack_ids([number]),
        label_values=(),
    )


DEFINED: Final = encode_definitions(
    [
        _define("orders_total", COUNTER, 0),
        _define("joules_total", COUNTER, 1),
        _define("load", GAUGE, 2),
        _define("wait", HISTOGRAM, 3, (1.0, 2.0)),
        _define("wait", HISTOGRAM, 4, (1.0, 2.0, 4.0)),
    ]
)


def _ints(draw: st.DrawFn, size: int) -> Any:
    values = draw(st.lists(COUNTS, min_size=size, max_size=size))
    if min(values) < 0:
        values = [min(value, MAX_WHOLE) for value in values]
    return pack_ints(values)


def _doubles(draw: st.DrawFn, size: int) -> Any:
    return pack_floats(draw(st.lists(DOUBLES, min_size=size, max_size=size)))


@st.composite
def sections(draw: st.DrawFn, *, rollup: bool) -> dict[str, Any]:
    """Draw what a frame says, at the limits of what can be said."""
    body: dict[str, Any] = {}
    if draw(st.booleans()):
        body["counters"] = Numbers(pack_ids([0, 1]), _ints(draw, 2))
    elif draw(st.booleans()):
        body["fractions"] = Numbers(pack_ids([0, 1]), _doubles(draw, 2))
    if draw(st.booleans()):
        groups = ((3, 3), (4, 4))
        body["histograms"] = tuple(
            Histograms(width, pack_ids([number]), _ints(draw, width), _doubles(draw, 1)) for width, number in groups
        )
    if draw(st.integers(0, 5)) == 0:
        body["removed"] = pack_ids(draw(st.lists(st.integers(0, 4), unique=True).map(sorted)))
    if not rollup:
        body["gauges"] = Numbers(pack_ids([2]), _doubles(draw, 1))
        return body
    one = pack_ids([2])
    if draw(st.booleans()):
        body["summaries"] = Summaries(one, _ints(draw, 1), *(_doubles(draw, 1) for _ in range(3)))
        body["lasts"] = Lasts(one, _doubles(draw, 1), _doubles(draw, 1))
        body["value_counts"] = ValueCounts(one, pack_ints([2]), _doubles(draw, 2), _ints(draw, 2))
    body["coverage"] = CoverageNumbers(*draw(st.tuples(AGES, AGES, AGES, AGES)))
    body["absences"] = Absences(*draw(st.tuples(AGES, AGES)))
    return body


@st.composite
def frames(draw: st.DrawFn) -> tuple[Path, bool, Frame]:
    """Draw a frame, where it comes from, and whether it is a branch's."""
    rollup = draw(st.booleans())
    path = BRANCH if rollup else draw(st.sampled_from(NODES))
    header: dict[str, Any] = {"epoch": draw(st.integers(1, 3)), "seq": draw(SEQS), "age_ms": draw(AGES)}
    if draw(st.integers(0, 5)) == 0:
        event = Event("e", draw(st.sampled_from((None, 2**64 - 1, 1.5))), {}, {}, 1.0)
        return path, rollup, Frame(EVENTS, header["epoch"], header["seq"], events=(event,))
    body = draw(sections(rollup=rollup))
    kind = draw(st.sampled_from((KEYFRAME, DELTA)))
    flags = draw(st.sampled_from((LAST_PART, LAST_PART | FINAL))) if kind == KEYFRAME else 0
    if kind == KEYFRAME:
        body["events_held"] = draw(st.sampled_from(((0, 0), (1, 2**62), (MAX_SEQ, MAX_SEQ))))
    return path, rollup, Frame(kind, **header, flags=flags, definitions=DEFINED, **body)


def numbers_shown(fleet: Fleet) -> list[float]:
    """List every number that is shown of the nodes, at every level and node by node."""
    views = [(Selection(), Grouping()), (Selection(), Grouping(0)), (Selection(), Grouping(2))]
    views += [(Selection(path, own=True), Grouping()) for path in (*NODES, BRANCH)]
    found: list[float] = []
    for view in views:
        for snapshot in fleet.network.collect(*view):
            generate_text([snapshot])
            for one in snapshot.series:
                if snapshot.family.type.incremental:
                    value = one.value
                    found += [*value.counts, value.sum] if isinstance(value, HistogramValue) else [size_of(value)]
    return found


def save(fleet: Fleet) -> bytes:
    """Take a checkpoint."""
    image = take_image(fleet.state, fleet.events, fleet.network.ratchet, POSITIONS, ("fog.v1", (), ()))
    return b"".join(image.chunks())


def again(data: bytes) -> Fleet:
    """Go on from a checkpoint."""
    fleet = Fleet()
    state, events, ratchet = FleetState(limits=fleet.state.limits), EventList(), Ratchet()
    assert restore(read_image(data), state, events, ratchet) == POSITIONS
    fleet.state, fleet.events = state, events
    fleet.network.adopt(state, events, ratchet)
    return fleet


def told(data: bytes) -> tuple[Any, dict[str, bytes]]:
    """Return what a checkpoint says, to be compared."""
    image = read_image(data)
    image.plain["parts"]["events"]["seen"].sort()  # whoever goes on has them in the order of when they were heard
    return repr(image.plain), {name: array.tobytes() for name, array in image.arrays.items()}


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(frames(), max_size=14), st.sampled_from((64, 1)))
def test_what_can_be_reached_can_be_saved(history: list[tuple[Path, bool, Frame]], silent: int) -> None:
    """It is the same when it is read back, every number of it is finite, and no counter of an epoch is negative."""
    fleet = Fleet()
    fleet.state = FleetState(limits=FleetLimits(silent_per_path=silent, silent_replicas=min(silent, 2)))
    fleet.network.adopt(fleet.state, fleet.events, Ratchet())
    for path, rollup, drawn in history:
        fleet.now += 40.0
        with contextlib.suppress(FrameError):
            frame = decode(encode(drawn))
            if frame.kind == EVENTS:
                fleet.events.apply(path, frame, fleet.now)
            else:
                fleet.state.apply(path, frame, fleet.now, rollup=rollup)
                if frame.events_held is not None:
                    fleet.events.reported(path, frame.epoch, frame.events_held, fleet.now)
    assert all(map(math.isfinite, numbers_shown(fleet)))
    for kind, table in fleet.state.parts.slots.tables.items():
        own = np.array([epoch.row for place in fleet.state.places.values() for epoch in place.epochs.values()])
        slots = table.used()
        mine = slots[np.isin(table.epoch[slots], own)]
        assert not kind.counted or (table.values[mine] >= 0).all()
    created = [table.created[table.used()] for table in fleet.state.parts.slots.tables.values()]
    assert all((one >= START - 31 * 86_400).all() for one in created)
    data = save(fleet)
    other = again(data)
    assert told(save(other)) == told(data)
    other.now = fleet.now
    assert numbers_shown(other) == numbers_shown(fleet)
    for one in (fleet, other):
        one.state.observe(8 * 86_400.0, one.now + 8 * 86_400)
        one.sweep()
        one.network.inventory(lambda inventory: inventory.retired())
        again(save(one))
