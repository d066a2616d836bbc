"""Frames that kernels merge leave what frames leave that are merged one by one, in every part of the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.places.place import Place
from fog_aggregator.core.plain.deltas import PlainDeltas
from fog_aggregator.core.plain.tickets import blocks_of
from fog_aggregator.core.quarantine.orders import Order
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import load
from fog_aggregator.kernels.ports import Kernels
from fog_bus.ports import Message
from fog_schema.codec import encode
from fog_schema.columns import U8, array_column, pack_floats, pack_ids
from fog_schema.frames import DELTA, EPHEMERAL, SHARED, Frame
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from tests.aggregator.test_batch import (
    FORMATS,
    SERIES,
    SOME_BITS,
    STEP,
    WIDTH,
    frames_of,
    keyframe,
    run_nodes,
    section,
)

COMPILED = load(Choice.AUTO)
if COMPILED is None:
    pytest.skip("numba is not installed: there are no compiled kernels", allow_module_level=True)

NOW = 1_000.0
SUBJECTS = Subjects()
Arrived: TypeAlias = list[tuple[Path, Frame]]


def what_ticket_says(epoch: Epoch) -> Any:
    """Return what kernels go by while the ticket of an epoch is valid; None when it is not."""
    _, _, ticket, flags, place, alone, first, end = epoch.columns.integers[epoch.row].tolist()
    return (flags, place, alone, epoch.columns.blocks[first:end].tolist()) if ticket else None


def what_it_must_say(place: Place, epoch: Epoch) -> Any:
    """Return what it must say by what the epoch and its place are; False for an epoch that must have none."""
    if epoch.gapped or epoch.huge or epoch.run is not None:
        return False
    flags, blocks = SHARED * epoch.shared + EPHEMERAL * place.ephemeral, [list(one) for one in blocks_of(epoch.maps)]
    return flags, place.row, len(place.epochs) == 1, blocks


class Reader:
    """An ingest with all that it changes."""

    def __init__(self, kernels: Kernels | None) -> None:
        self.fleet = Fleet()
        self.events = EventList()
        self.counts: Counter[str] = Counter()
        self.said: list[str] = []
        say = lambda key, *_: self.said.append(key)  # noqa: E731
        accounts = Accounts(SUBJECTS)
        self.ingest = Ingest(self.fleet, self.events, accounts, BranchPatterns(), self, say)  # type: ignore[arg-type]
        self.ingest.use(kernels)

    def frames_applied(self, tally: Counter[str]) -> None:
        """Add the counts of a batch."""
        self.counts.update(tally)

    def refused(self, reason: str) -> None:
        """Count a message that is no frame."""
        self.counts[f"refused {reason}"] += 1

    def left_out(self, messages: Sequence[Message]) -> None:
        """Count messages whose paths had no time left."""
        self.counts["left out"] += len(messages)

    def read(self, messages: Sequence[Message]) -> None:
        """Read messages, slice by slice, without any taking time."""
        while messages:
            taken = self.ingest.slice_of_metrics(messages, lambda: 0.0, NOW)
            messages = messages[taken:]

    @property
    def state(self) -> dict[str, Any]:
        """All that was changed: each part of the fleet as it is saved, and what is not saved."""
        parts = self.fleet.parts
        found: dict[str, Any] = {f"{name} plain": saved.plain for name, saved in self.fleet.image().items()}
        for name, saved in self.fleet.image().items():
            found |= {f"{name} {column}": array.tobytes() for column, array in saved.arrays.items()}
        for place in parts.roster:
            for epoch in place.epochs.values():
                found[f"{place.path} {epoch.id}"] = (epoch.usual, epoch.run, [*epoch.maps])
                assert what_ticket_says(epoch) in (None, what_it_must_say(place, epoch)), "it has changed since"
        rows, arrivals = parts.roster.rows, parts.arrivals.by_group(np.arange(8, dtype=np.int32), slice(0, 8), 8)
        found["rows"] = [rows.interval.tolist(), rows.shows_gauges.tolist(), rows.ephemeral.tolist(), arrivals.tolist()]
        found["wanted"] = self.ingest.wanted(NOW)
        found["accounts"] = {
            subject: (one.messages, one.bytes, one.refused) for subject, one in self.ingest.accounts.by_subject.items()
        }
        found["counts"] = {name: count for name, count in self.counts.items() if count}
        found["said"] = sorted(self.said)
        return found


def messages_of(arrived: Arrived, stamps: Sequence[int] = (0,)) -> list[Message]:
    """Return the messages of frames; they are stored at `stamps`, milliseconds beyond the one before."""
    found, at = [], int(NOW * 1e3)
    for number, (path, frame) in enumerate(arrived):
        at += stamps[number % len(stamps)]
        found.append(Message(SUBJECTS.metrics(path), encode(frame), number + 1, at * 1_000_000))
    return found


def read_both(messages: Sequence[Message], split: int = 0) -> tuple[Reader, Reader]:
    """Read messages by kernels and without, the first `split` of them before the others; they must not differ."""
    by_numpy, by_kernels = Reader(None), Reader(COMPILED)
    for some in (messages[:split], messages[split:]):
        by_numpy.read(some)
        by_kernels.read(some)
        assert by_kernels.state == by_numpy.state
    return by_numpy, by_kernels


STAMPS = st.lists(st.sampled_from([0, 1, 500, 1_000, 1_000, 4_000, 60_000, -2_000]), min_size=1, max_size=9)


@given(
    st.lists(STEP, min_size=8, max_size=30),
    STAMPS,
    st.integers(0, 20),
    st.floats(0.0, 2.0),
    st.sampled_from([None, COMPILED]),
)
@example([(0, [("a", 3)], "send")] * 2, [0], 0, 0.0, COMPILED)  # twice the same slot
def test_kernels_leave_what_numpy_leaves(
    steps: list[tuple[int, list[tuple[str, float]], str]],
    stamps: list[int],
    split: int,
    pace: float,
    first: Kernels | None,
) -> None:
    """Whatever frames meet, late or not, with a clock that goes back too: the state, and all counts, are the same.

    `pace`: of a backlog; 0 while it is read to its end. `first`: reads the messages before `split`.
    """
    messages = messages_of(run_nodes(steps), stamps)
    by_numpy, by_kernels = Reader(None), Reader(first)
    for some in (messages[:split], messages[split:]):
        for one in (by_numpy, by_kernels):
            one.fleet.parts.time.pace = pace
            one.read(some)
        assert by_kernels.state == by_numpy.state
        by_kernels.ingest.use(COMPILED)


@pytest.mark.parametrize("code", [*FORMATS, *SOME_BITS])
@given(data=st.data())
def test_no_column_is_merged_otherwise(code: int, data: st.DataObject) -> None:
    """Of every type, sign and boundary, frame by frame: the state of `Fleet.apply`."""
    frames = data.draw(frames_of(code))
    alone, by_kernels = Reader(None), Reader(COMPILED)
    for message in messages_of([(("fog", "0"), frame) for frame in frames]):
        alone.read([message])
        by_kernels.read([message])
        assert by_kernels.state == alone.state
    together = Reader(COMPILED)
    together.read(messages_of([(("fog", "0"), frame) for frame in frames]))
    assert together.state == alone.state


def deltas(path: str, epoch: int, seqs: Sequence[int], flags: int = 0) -> Arrived:
    """Return deltas that count 1 in each series."""
    found: Arrived = []
    for seq in seqs:
        frame = Frame(DELTA, epoch, seq, flags=flags, age_ms=1000 * seq, interval_ms=1000)
        for name in ("counters", "buckets", "gauges"):
            section(frame, name, 1, [1])
        found.append((("fog", path), frame))
    return found


def begin(path: str, epoch: int, flags: int = 0) -> tuple[Path, Frame]:
    """Return the first keyframe of an epoch."""
    frame = keyframe()
    frame.epoch, frame.flags = epoch, frame.flags | flags
    return ("fog", path), frame


def test_what_a_writer_is_decides_too() -> None:
    """Several epochs at a path, shared or not, writers that come and go, holes, repeats, unknown epochs and paths."""
    arrived = [begin("0", 1), begin("0", 2, SHARED), begin("1", 3, EPHEMERAL), begin("2", 4)]
    arrived += deltas("0", 1, [2, 3]) + deltas("0", 2, [2], flags=SHARED) + deltas("0", 2, [3]) + deltas("0", 1, [4])
    arrived += deltas("1", 3, [2, 3], flags=EPHEMERAL) + deltas("1", 3, [4]) + deltas("1", 3, [5], flags=64)
    arrived += deltas("2", 4, [2, 3, 3, 2, 6, 7]) + deltas("2", 1, [5]) + deltas("3", 9, [1])
    _, by_kernels = read_both(messages_of(arrived, [100]), 4)
    assert by_kernels.counts["duplicate"] == 2


def test_who_lacks_frames_is_asked_when_it_is_heard_again() -> None:
    """Though a frame without values told of the gap, and a kernel could go on with the next ones."""
    hole = (("fog", "0"), Frame(DELTA, 1, 5, age_ms=5000, interval_ms=1000))
    arrived = [begin("0", 1), *deltas("0", 1, [2]), hole, *deltas("0", 1, [6, 7])]
    messages = messages_of(arrived, [0, 1000, 1000, 60_000, 1000])
    for one in (Reader(None), Reader(COMPILED)):
        one.read(messages[:3])
        assert one.ingest.wanted(NOW + 30) == [], "it is silent"
        one.read(messages[3:])
        assert [asked.path for asked in one.ingest.wanted(NOW + 63)] == [("fog", "0")]


@pytest.mark.parametrize(("low", "high"), [(-1, 0), (0, 1), (1, 1), (-SERIES, SERIES)])
def test_what_an_epoch_has_not_is_unknown(low: int, high: int) -> None:
    """Ids before and beyond those of a kind, by one or by more: their values are dropped, and no neighbour has them."""
    [(path, delta)] = deltas("1", 2, [2])
    first = SERIES  # of the histograms, with counters before them and gauges behind
    group = delta.histograms[0]
    ids = pack_ids(range(max(0, first + low), first + SERIES + high))
    counts, sums = array_column(U8, b"\1" * (WIDTH * ids.size)), pack_floats([1.5] * ids.size)
    delta.histograms = (group._replace(ids=ids, counts=counts, sums=sums),)
    arrived = [begin("0", 1), begin("1", 2), begin("2", 3), (path, delta), *deltas("1", 2, [3])]
    _, by_kernels = read_both(messages_of(arrived, [100]))
    assert by_kernels.counts["unknown"] == max(0, -low) + high


def test_what_is_out_is_not_read() -> None:
    """A frame of a path in quarantine ends a run, and is counted; those beside it are read."""
    messages = messages_of([begin("0", 1), begin("1", 2), *deltas("0", 1, [2, 3]), *deltas("1", 2, [2, 3])], [1000])
    by_numpy, by_kernels = Reader(None), Reader(COMPILED)
    for one in (by_numpy, by_kernels):
        one.read(messages[:2])
        one.fleet.order(("fog", "0"), Order(NOW + 3.5, out=True, why="it lies"))
        one.read(messages[2:])
    assert by_kernels.state == by_numpy.state
    assert by_kernels.counts["refused quarantined"] == 1


def test_plain_deltas_are_merged_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The point of it: a whole fleet's deltas meet the tables in one run, and none of them is a frame."""
    fleet = [begin(str(number), number + 1) for number in range(50)]
    reader = Reader(COMPILED)
    reader.read(messages_of(fleet))
    runs: list[dict[str, int]] = []
    settle = PlainDeltas.settle

    def noted(plain: PlainDeltas) -> dict[str, int]:
        runs.append(settle(plain))
        return runs[-1]

    monkeypatch.setattr(PlainDeltas, "settle", noted)
    monkeypatch.setattr(Fleet, "apply", None)
    rounds = [delta for seq in (2, 3) for number in range(50) for delta in deltas(str(number), number + 1, [seq])]
    reader.read(messages_of(rounds))
    assert runs == [{"applied": 100, "values": 900, "late": 0}]
    assert reader.fleet.parts.slots.tables[INTEGER_COUNTER].values[:150].tolist() == [2] * 150


def test_strangers_and_garbage_end_no_run() -> None:
    """Subjects of nobody, bytes that are no frame and empty messages: each is refused alone, and counted."""
    messages = messages_of([begin("0", 1), *deltas("0", 1, [2, 3, 4])])
    stamp = messages[0].timestamp_ns
    strange = [
        Message("fog.v1.metrics.*", b"x", 9, stamp),
        messages[0]._replace(data=b""),
        messages[0]._replace(data=b"+"),
    ]
    _, by_kernels = read_both([part for pair in zip(messages, [*strange, messages[0]], strict=True) for part in pair])
    assert by_kernels.counts["applied"] == 4


@pytest.mark.parametrize("part", ["read", "settle"])
def test_a_fault_of_ours_spoils_no_other_run(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what of the run was merged: keyframes of its paths are wanted, and the next run is right."""
    reader = Reader(COMPILED)
    reader.read(messages_of([begin("0", 1), begin("1", 2)]))
    with monkeypatch.context() as broken:
        broken.setattr(PlainDeltas, part, lambda *_: 1 / 0)
        reader.read(messages_of(deltas("0", 1, [2, 3])))
    assert (reader.counts["refused internal"], reader.said) == (1, ["internal"])
    assert [asked.path for asked in reader.ingest.wanted(NOW)] == [("fog", "0")]
    assert reader.counts["applied"] == 2, "the keyframes alone"
    reader.read(messages_of(deltas("1", 2, [2])))
    assert reader.counts["applied"] == 3
    assert reader.fleet.parts.slots.tables[INTEGER_COUNTER].values[: 2 * SERIES].tolist() == [0] * SERIES + [1] * SERIES
