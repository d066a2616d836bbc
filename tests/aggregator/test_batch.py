"""Merging a batch together is merging one by one, only cheaper."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.core.batch import Batch
from fog_aggregator.core.state import State
from fog_schema.codec import decode
from fog_schema.frames import Frame
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector

MAX_BYTES = 1_000_000

# What a node does between two frames: which series it touches, by how much, and whether a frame is lost on the way.
# Mostly what is plain, as one large or fractional amount makes all that the epoch sends from then on not plain.
AMOUNT = st.one_of(*[st.sampled_from([1, 3, 200])] * 6, st.sampled_from([2**40, 0.5, 2**62]))
FATE = st.one_of(*[st.just("send")] * 6, st.sampled_from(["lose", "repeat", "remove"]))
STEP = st.tuples(st.integers(0, 1), st.lists(st.tuples(st.sampled_from("ab"), AMOUNT), min_size=1, max_size=3), FATE)


def run_nodes(steps: list[tuple[int, list[tuple[str, float]], str]]) -> list[tuple[Path, Frame]]:
    """The frames that arrive when three nodes go through `steps`."""
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


def columns(state: State) -> dict[int, list[np.ndarray]]:
    """All values, with what they belong to."""
    return {
        width: [getattr(table, name)[: table.size] for name in ("series", "epoch", "ids", "values", "sums")]
        for width, table in state.tables.items()
    }


@given(st.lists(STEP, min_size=8, max_size=30))
@example([(0, [("a", 3)], "send")] * 2)  # twice the same slot
def test_a_batch_is_as_good_as_one_by_one(steps: list[tuple[int, list[tuple[str, float]], str]]) -> None:
    """Whatever frames meet in a batch, known or not, next or beyond a gap, the state and the outcomes are the same."""
    arrived = run_nodes(steps)
    alone, together = State(), State()
    one_by_one = [alone.apply(path, frame, 5.0) for path, frame in arrived]
    with Batch(together) as batch:
        at_once = [batch.apply(path, frame, 5.0) for path, frame in arrived]
    assert at_once == one_by_one
    for width, expected in columns(alone).items():
        for mine, theirs in zip(columns(together)[width], expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_plain_deltas_wait_until_the_batch_is_settled() -> None:
    """The point of a batch: a plain delta touches no column before the end of the block, and all of it after."""
    (keyframe, *deltas) = [entry for entry in run_nodes([(0, [("a", 3)], "send")]) if entry[0] == ("fog", "0")]
    state = State()
    with Batch(state) as batch:
        batch.apply(*keyframe, 5.0)
        assert batch.apply(*deltas[0], 5.0).values == 3
        assert state.tables[0].values.sum() == 0
    assert state.tables[0].values.sum() == 3


def test_a_sum_that_is_not_finite_is_refused_alone() -> None:
    """Of histograms merged together, the one whose sum is not finite is left out and counted; its neighbour is not."""
    arrived = run_nodes([(0, [("a", 3), ("b", 4)], "send")])
    state = State()
    frame = arrived[-1][1]
    (group,) = frame.histograms
    damaged = np.array([math.inf, *group.sums.tolist()[1:]]).tobytes()
    frame.histograms = (group._replace(sums=group.sums._replace(data=damaged)),)
    with Batch(state) as batch:
        for path, one in arrived:
            batch.apply(path, one, 5.0)
    assert batch.refused_values == 1
    assert state.tables[3].values.sum() == 1
