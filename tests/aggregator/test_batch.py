"""Merging a batch together is merging one by one, only cheaper."""

from __future__ import annotations

import math
from array import array

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.core.fleet.batch import Batch
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.bucket_histogram import BUCKET_HISTOGRAM
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER
from fog_schema.bits import pack_bits
from fog_schema.codec import decode, encode_definitions
from fog_schema.columns import (
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Column,
    array_column,
    pack_floats,
    pack_ids,
    pack_numbers,
)
from fog_schema.frames import (
    COUNTER,
    DELTA,
    GAUGE,
    HISTOGRAM,
    KEYFRAME,
    LAST_PART,
    Definition,
    Frame,
    Histograms,
    Numbers,
)
from fog_schema.packed import BITS, SPARSE
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector

MAX_BYTES = 1_000_000

# A node's work between two frames: which series it touches, by how much, and whether a frame is lost on the way.
# Mostly what is plain, as one large or fractional amount makes all that the epoch sends from then on not plain.
AMOUNT = st.one_of(*[st.sampled_from([1, 3, 200])] * 6, st.sampled_from([2**40, 0.5, 2**62]))
FATE = st.one_of(*[st.just("send")] * 6, st.sampled_from(["lose", "repeat", "remove"]))
STEP = st.tuples(st.integers(0, 1), st.lists(st.tuples(st.sampled_from("ab"), AMOUNT), min_size=1, max_size=3), FATE)


def run_nodes(steps: list[tuple[int, list[tuple[str, float]], str]]) -> list[tuple[Path, Frame]]:
    """Return the frames that arrive when three nodes go through `steps`."""
    nodes = []
    for number in range(3):
        collector = TelemetryCollector(self_metrics=False)
        counter = collector.register_counter("work_total", "Work", ["kind"])
        gauge = collector.register_gauge("level", "Level", ["kind"])
        histogram = collector.register_histogram("size", "Size", buckets=[1.0, 100.0], labels=["kind"])
        for kind in "abcd":  # known from the first keyframe on, so that most deltas are plain
            counter.labels(kind=kind), gauge.labels(kind=kind), histogram.labels(kind=kind)
        writer = Writer([collector.watch_series()], Settings(interval=1.0), epoch=number + 1, now=0.0)
        nodes.append((("fog", str(number)), counter, gauge, histogram, writer))
    arrived: list[tuple[Path, Frame]] = [
        (path, decode(writer.encode_part(0.0, MAX_BYTES).data)) for path, _, _, _, writer in nodes
    ]
    for number, touched, fate in steps:
        path, counter, gauge, histogram, writer = nodes[number]
        for kind, amount in touched:
            counter.labels(kind=kind).increment(amount)
            gauge.labels(kind=kind).set(-amount)
            histogram.labels(kind=kind).observe(amount)
        if fate == "remove":
            counter.remove(kind="d")
        encoded = writer.encode_delta(1.0, MAX_BYTES)
        assert encoded is not None
        copies = {"lose": 0, "repeat": 2}.get(fate, 1)
        arrived += [(path, decode(encoded.data))] * copies
    return arrived


def columns(state: Fleet) -> dict[Kind, list[np.ndarray]]:
    """All values, with what they belong to."""
    return {
        kind: [getattr(table, name)[: table.size] for name in table.COLUMNS]
        for kind, table in state.parts.slots.tables.items()
    }


@given(st.lists(STEP, min_size=8, max_size=30))
@example([(0, [("a", 3)], "send")] * 2)  # twice the same slot
def test_a_batch_is_as_good_as_one_by_one(steps: list[tuple[int, list[tuple[str, float]], str]]) -> None:
    """Whatever frames meet in a batch, known or not, next or beyond a gap, the state and the outcomes are the same."""
    arrived = run_nodes(steps)
    alone, together = Fleet(), Fleet()
    one_by_one = [alone.apply(path, frame, 5.0) for path, frame in arrived]
    with Batch(together) as batch:
        at_once = [batch.apply(path, frame, 5.0) for path, frame in arrived]
    assert at_once == one_by_one
    for width, expected in columns(alone).items():
        for mine, theirs in zip(columns(together)[width], expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


SOME_BITS = (BITS + 7, BITS + 32, SPARSE)
SPARSE_COUNTERS = BITS + 31
"""Counters are never sparse: these take their place."""
FRACTIONS = (0.25, -3.5, 1 / 3, 1024.0, 1e300, 2 / 7, 3.0)
FORMATS = {U8: "B", U16: "H", U32: "I", U64: "Q", I8: "b", I16: "h", I32: "i", I64: "q"}
LARGEST = {U8: 2**8, U16: 2**16, U32: 2**32, U64: 2**64, I8: 2**7, I16: 2**15, I32: 2**31, I64: 2**63}
SERIES, WIDTH = 3, 2
KINDS: tuple[Kind, Kind] = (INTEGER_COUNTER, BUCKET_HISTOGRAM.of_size(WIDTH))
DEFINITIONS = encode_definitions(
    [
        Definition(name, type_, "", "", bounds, (), ("kind",), pack_ids(range(first, first + SERIES)), ("a", "b", "c"))
        for first, name, type_, bounds in (
            (0, "work_total", COUNTER, ()),
            (SERIES, "size", HISTOGRAM, (1.0,)),
            (2 * SERIES, "level", GAUGE, ()),
        )
    ]
)
SECTIONS = ("counters", "buckets", "buckets twice", "gauges")


def boundaries(code: int) -> list[int]:
    """Return the values at which something may change: both ends of a column's type, zero and its neighbours, 2^63."""
    if code not in LARGEST:
        width = 31 if code == SPARSE else code - BITS
        return sorted({0, 1, 2**width - 1})
    most = LARGEST[code]
    least = -most if code in (I8, I16, I32, I64) else 0
    return sorted({v for v in (least, least + 1, -1, 0, 1, 2**63 - 1, 2**63, most - 1) if least <= v < most})


def column_of(code: int, values: list[int]) -> Column:
    """Return a column of a type."""
    if code in FORMATS:
        return array_column(code, array(FORMATS[code], values).tobytes())
    if code == SPARSE:
        bitmap = sum(1 << place for place, one in enumerate(values) if one).to_bytes(-(-len(values) // 8), "little")
        return Column(code, b"\x1f" + bitmap + pack_bits([one - 1 for one in values if one], 31), len(values))
    return Column(code, pack_bits(values, code - BITS), len(values))


def doubles_of(code: int, values: list[int]) -> Column:
    """Return a column of doubles that vary with the values; packed where the code is that of a packed column."""
    doubles = [FRACTIONS[value % len(FRACTIONS)] for value in values]
    return pack_floats(doubles) if code in FORMATS else pack_numbers(doubles)


def section(frame: Frame, name: str, code: int, values: list[int]) -> None:
    """Put `values` into a section of a frame, as a column of a type."""
    some, many = (values * SERIES)[:SERIES], (values * SERIES * WIDTH)[: SERIES * WIDTH]
    if name == "counters":
        numbers = Numbers(pack_ids(range(SERIES)), column_of(SPARSE_COUNTERS if code == SPARSE else code, some))
        frame.counters = numbers
    elif name == "gauges":
        packed = doubles_of(code, some) if code == SPARSE else column_of(code, some)
        frame.gauges = Numbers(pack_ids(range(2 * SERIES, 3 * SERIES)), packed)
    else:
        group = Histograms(WIDTH, pack_ids(range(SERIES, 2 * SERIES)), column_of(code, many), doubles_of(code, some))
        frame.histograms = (group,) * (2 if name == "buckets twice" else 1)


def keyframe() -> Frame:
    """Define all series; nothing was counted."""
    frame = Frame(KEYFRAME, epoch=7, seq=1, flags=LAST_PART, age_ms=0, interval_ms=1000)
    frame.definitions = DEFINITIONS
    for name in ("counters", "buckets", "gauges"):
        section(frame, name, U8, [0])
    return frame


def same(one: Fleet, other: Fleet) -> None:
    """Two states have the same columns, and the same doubt about each epoch."""
    mine, theirs = columns(one), columns(other)
    assert mine.keys() == theirs.keys()
    for width, expected in theirs.items():
        for column, like in zip(mine[width], expected, strict=True):
            np.testing.assert_array_equal(column, like)
    (epoch,), (twin,) = (state.places["fog", "0"].epochs.values() for state in (one, other))
    assert (epoch.seq, epoch.huge, epoch.gapped) == (twin.seq, twin.huge, twin.gapped)


@st.composite
def frames_of(draw: st.DrawFn, code: int) -> list[Frame]:
    """Return the first keyframe of an epoch, and deltas whose columns have a type: of every sign and boundary."""
    values = st.lists(st.sampled_from(boundaries(code)), min_size=1, max_size=SERIES * WIDTH)
    drawn = draw(st.lists(st.dictionaries(st.sampled_from(SECTIONS), values, min_size=1), min_size=1, max_size=4))
    frames = [keyframe()]
    for seq, sections in enumerate(drawn, 2):
        frames.append(Frame(DELTA, epoch=7, seq=seq, age_ms=0, interval_ms=1000))
        for name, some in sections.items():
            section(frames[-1], name, code, some)
    return frames


@pytest.mark.parametrize("code", [*FORMATS, *SOME_BITS])
@given(data=st.data())
def test_no_column_is_merged_otherwise_in_a_batch(code: int, data: st.DataObject) -> None:
    """Of every type, sign and boundary: frame by frame the outcome is that of `State.apply`, and so is the state.

    Both ways refuse the same values, and no count ever falls.
    """
    frames = data.draw(frames_of(code))
    alone, settled, together = Fleet(), Fleet(), Fleet()
    known = [np.zeros(SERIES), np.zeros((SERIES, WIDTH))]
    with Batch(together) as batch:
        for frame in frames:
            expected = alone.apply(("fog", "0"), frame, 5.0)
            with Batch(settled) as single:
                assert single.apply(("fog", "0"), frame, 5.0) == expected
            assert batch.apply(("fog", "0"), frame, 5.0) == expected
            same(settled, alone)
            counts = [settled.parts.slots.tables[kind].values[:SERIES].copy() for kind in KINDS]
            assert all((now >= before).all() for now, before in zip(counts, known, strict=True))
            known = counts
    same(together, alone)


@pytest.mark.parametrize("code", [I8, I16, I32, I64])
@pytest.mark.parametrize("name", ["counters", "buckets"])
def test_negative_increments_are_refused(code: int, name: str) -> None:
    """The least value that a signed column holds, in a plain delta: counted as refused, and the total stays."""
    state = Fleet()
    frames = [keyframe(), *(Frame(DELTA, epoch=7, seq=seq, age_ms=0, interval_ms=1000) for seq in (2, 3))]
    section(frames[1], name, U8, [4])
    section(frames[2], name, code, [-LARGEST[code]])
    with Batch(state) as batch:
        outcomes = [batch.apply(("fog", "0"), frame, 5.0) for frame in frames]
    assert [outcome.refused_values for outcome in outcomes] == [0, 0, SERIES]
    kind = KINDS[name != "counters"]
    assert (state.parts.slots.tables[kind].values[:SERIES] == 4).all()


def test_plain_deltas_wait_until_the_batch_is_settled() -> None:
    """The point of a batch: a plain delta touches no column before the end of the block, and all of it after."""
    (keyframe, *deltas) = [entry for entry in run_nodes([(0, [("a", 3)], "send")]) if entry[0] == ("fog", "0")]
    state = Fleet()
    with Batch(state) as batch:
        batch.apply(*keyframe, 5.0)
        assert batch.apply(*deltas[0], 5.0).values == 3
        assert state.parts.slots.tables[INTEGER_COUNTER].values.sum() == 0
    assert state.parts.slots.tables[INTEGER_COUNTER].values.sum() == 3


def test_a_sum_that_is_not_finite_is_refused_alone() -> None:
    """Of histograms merged together, the one whose sum is not finite is left out and counted; its neighbour is not."""
    arrived = run_nodes([(0, [("a", 3), ("b", 4)], "send")])
    state = Fleet()
    frame = arrived[-1][1]
    (group,) = frame.histograms
    damaged = np.array([math.inf, *group.sums.tolist()[1:]]).tobytes()
    frame.histograms = (group._replace(sums=array_column(F64, damaged)),)
    with Batch(state) as batch:
        for path, one in arrived:
            batch.apply(path, one, 5.0)
    assert batch.refused_values == 1
    assert state.parts.slots.tables[BUCKET_HISTOGRAM.of_size(3)].values.sum() == 1
