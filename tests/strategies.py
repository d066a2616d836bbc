"""Strategies for Hypothesis: everything that can travel, and bytes that nearly can."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fog_schema import limits
from fog_schema.codec import encode, encode_definitions
from fog_schema.columns import Column, pack_counts, pack_floats, pack_ids, pack_ints, pack_numbers
from fog_schema.definitions import ROLLUPS
from fog_schema.frames import (
    COUNTER,
    DELTA,
    EVENTS,
    GAUGE,
    HISTOGRAM,
    KEYFRAME,
    CoverageNumbers,
    Definition,
    Event,
    Frame,
    Histograms,
    Lasts,
    Numbers,
    Request,
    Summaries,
    ValueCounts,
)

tokens = st.text("ABCXYZabcxyz0189_-", min_size=1, max_size=limits.MAX_TOKEN_LENGTH)
paths = st.lists(tokens, min_size=1, max_size=limits.MAX_TOKENS).map(tuple)

id_lists = st.one_of(
    st.lists(st.integers(0, 300), unique=True, max_size=40).map(sorted),
    st.lists(st.integers(0, limits.MAX_ID), unique=True, max_size=12).map(sorted),
    st.tuples(st.integers(0, 1000), st.integers(0, 80)).map(lambda block: list(range(block[0], sum(block)))),
    st.integers(limits.MAX_ID - 40, limits.MAX_ID).map(lambda first: list(range(first, limits.MAX_ID + 1))),
)
"""Strictly ascending ids: scattered, far apart, in a block, and at the very end."""

counts = st.one_of(st.integers(0, 255), st.integers(0, 2**40), st.integers(0, limits.MAX_WHOLE))
doubles = st.floats(allow_nan=False)
gauge_values = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats())

epochs = st.integers(1, limits.MAX_EPOCH)
seqs = st.integers(1, 2**40)
flags = st.integers(0, 31)
ages = st.integers(0, limits.MAX_AGE_MS)
coverages = st.builds(CoverageNumbers, ages, ages, ages, ages)

plain_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text(max_size=9)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)
"""Values of events. (`max_leaves` keeps the nesting within the wire's.)"""

texts = st.text(st.characters(codec="utf-8"), max_size=12)


value_lengths = st.one_of(st.integers(0, 4), st.just(limits.MAX_VALUE_COUNTS))


decimals = st.builds(lambda number, places: number / 10**places, st.integers(-(10**6), 10**6), st.integers(0, 9))
double_columns = st.sampled_from((pack_floats, pack_numbers))
"""How doubles are packed: as an array, or as a writer of ours does."""


def value_columns(size: int) -> st.SearchStrategy[Column]:
    """`size` values of gauges, all whole or all doubles."""
    whole = st.integers(-(2**63), 2**63 - 1)
    packed = repeated(st.one_of(doubles, decimals), size).flatmap(
        lambda some: double_columns.map(lambda pack: pack(some))
    )
    return st.one_of(repeated(whole, size).map(pack_ints), packed)


def count_columns(size: int) -> st.SearchStrategy[Column]:
    """`size` numbers of nodes."""
    return repeated(counts, size).map(pack_ints)


def repeated(values: st.SearchStrategy[Any], size: int) -> st.SearchStrategy[list[Any]]:
    """`size` values, from the 13th on the first ones again: what Hypothesis draws in all is bounded."""
    drawn = min(size, 12)
    return st.lists(values, min_size=drawn, max_size=drawn).map(lambda some: (some * (size // 12 + 1))[:size])


@st.composite
def numbers(draw: st.DrawFn, values: st.SearchStrategy[Any], *, floats: bool) -> Numbers:
    """Return a value for each of some ids."""
    ids = draw(id_lists)
    drawn = draw(st.lists(values, min_size=len(ids), max_size=len(ids)))
    return Numbers(pack_ids(ids), draw(double_columns)(drawn) if floats else pack_ints(drawn))


@st.composite
def gauges(draw: st.DrawFn) -> Numbers:
    """Gauges: all whole, or all doubles."""
    if draw(st.booleans()):
        return draw(numbers(st.integers(-(2**63), 2**63 - 1), floats=False))
    return draw(numbers(st.one_of(st.floats(), decimals), floats=True))


@st.composite
def histogram_groups(draw: st.DrawFn) -> Histograms:
    """Histograms of one width."""
    width = draw(st.integers(1, 5))
    ids = draw(id_lists.filter(lambda ids: len(ids) <= 12))
    some = st.one_of(counts, st.sampled_from((0, 0, 0, 1, 2)))
    rows = draw(st.lists(some, min_size=width * len(ids), max_size=width * len(ids)))
    sums = draw(st.lists(doubles, min_size=len(ids), max_size=len(ids)))
    pack = draw(st.sampled_from((pack_ints, pack_counts)))
    return Histograms(width, pack_ids(ids), pack(rows), draw(double_columns)(sums))


@st.composite
def merged_gauges(draw: st.DrawFn) -> tuple[Summaries, Lasts | None, ValueCounts | None]:
    """Summaries; of some of them the newest value, and of some how many nodes have which."""
    ids = draw(id_lists.filter(lambda ids: len(ids) <= 12))
    summaries = Summaries(
        pack_ids(ids), draw(count_columns(len(ids))), *(draw(value_columns(len(ids))) for _ in range(3))
    )
    of_last, of_values = (draw(st.lists(st.sampled_from(ids), unique=True).map(sorted)) if ids else [] for _ in "ab")
    times = draw(st.lists(st.floats(0, limits.MAX_TIMESTAMP), min_size=len(of_last), max_size=len(of_last)))
    lasts = Lasts(pack_ids(of_last), draw(value_columns(len(of_last))), pack_floats(times))
    lengths = draw(st.lists(value_lengths, min_size=len(of_values), max_size=len(of_values)))
    value_counts = ValueCounts(
        pack_ids(of_values),
        pack_ints(lengths),
        draw(value_columns(sum(lengths))),
        draw(count_columns(sum(lengths))),
    )
    return summaries, draw(st.sampled_from((lasts, None))), draw(st.sampled_from((value_counts, None)))


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """Return a family and some series of it."""
    type_ = draw(st.sampled_from((COUNTER, GAUGE, HISTOGRAM)))
    unit = draw(st.sampled_from(("", "seconds", "bytes")))
    name = draw(st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)) + (f"_{unit}" if unit else "")
    label = st.from_regex(r"[a-km-z][a-z0-9_]{0,5}", fullmatch=True)
    names = draw(st.lists(label, unique=True, max_size=3))
    ids = draw(id_lists.filter(lambda ids: len(ids) <= 10))
    values = draw(st.lists(texts, min_size=len(ids) * len(names), max_size=len(ids) * len(names)))
    bounds = draw(st.lists(st.floats(-1e9, 1e9), unique=True, max_size=6)) if type_ == HISTOGRAM else []
    return Definition(
        name=name,
        type=type_,
        help=draw(texts),
        unit=unit,
        bounds=tuple(sorted(bounds)),
        rollup=tuple(draw(st.lists(st.sampled_from(sorted(ROLLUPS)), unique=True, max_size=3))),
        label_names=tuple(names),
        ids=pack_ids(ids),
        label_values=tuple(values),
    )


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Return an event as the wire carries it."""
    return Event(
        name=draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)),
        value=draw(plain_values),
        labels=draw(st.dictionaries(texts, texts, max_size=3)),
        metadata=draw(st.dictionaries(texts, plain_values, max_size=3)),
        timestamp=draw(st.floats(0, limits.MAX_TIMESTAMP)),
    )


@st.composite
def frames(draw: st.DrawFn, kinds: tuple[int, ...] = (KEYFRAME, DELTA, EVENTS)) -> Frame:
    """Return a frame that a writer might send."""
    frame = Frame(
        kind=draw(st.sampled_from(kinds)),
        epoch=draw(epochs),
        seq=draw(seqs),
        flags=draw(flags),
        part=draw(st.integers(0, limits.MAX_PARTS - 1)),
        age_ms=draw(st.integers(0, limits.MAX_AGE_MS)),
        interval_ms=draw(st.integers(limits.MIN_INTERVAL_MS, limits.MAX_INTERVAL_MS)),
    )
    if frame.kind == EVENTS:
        frame.events = tuple(draw(st.lists(events(), min_size=1, max_size=3)))
        return frame
    if frame.kind == KEYFRAME:
        frame.info = draw(st.none() | st.dictionaries(texts, texts, max_size=3))
        last = draw(st.integers(0, 2**40))
        frame.events_held = draw(st.none() | st.integers(0, last + 1).map(lambda first: (first, last)))
    frame.definitions = encode_definitions(draw(st.lists(definitions(), max_size=2)))
    frame.counters = draw(st.none() | numbers(counts, floats=False))
    frame.fractions = draw(st.none() | numbers(doubles, floats=True))
    frame.gauges = draw(st.none() | gauges())
    frame.histograms = tuple(draw(st.lists(histogram_groups(), max_size=2)))
    frame.removed = draw(st.none() | id_lists.map(pack_ids))
    if draw(st.booleans()):
        frame.summaries, frame.lasts, frame.value_counts = draw(merged_gauges())
        frame.coverage = draw(st.none() | coverages)
    return frame


requests = st.builds(
    Request, st.integers(0, limits.MAX_EPOCH), st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 7)
)


@st.composite
def damaged(draw: st.DrawFn, data: st.SearchStrategy[bytes]) -> bytes:
    """Bytes that were valid: some of them flipped, cut out, repeated or replaced."""
    whole = bytearray(draw(data))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(whole)))
        end = draw(st.integers(start, min(len(whole), start + 12)))
        whole[start:end] = draw(st.one_of(st.binary(max_size=6), st.just(bytes(whole[start:end]) * 2)))
    return bytes(whole)


damaged_frames = damaged(frames().map(encode))
