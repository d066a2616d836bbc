"""Whatever writers and clocks do within one run of frames, kernels leave what frames leave that are merged one by one.

Here frames are made, not written by a writer: no writer would say some of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.plain import deltas
from fog_aggregator.core.plain.reading import MOST_FRAMES
from fog_aggregator.core.plain.tickets import ticket_of
from fog_aggregator.core.quarantine.orders import Order
from fog_schema.frames import DELTA, EPHEMERAL, FINAL, SHARED, Frame
from fog_schema.limits import MAX_AGE_MS
from fog_schema.paths import Path
from tests.aggregator.test_batch import section
from tests.aggregator.test_plain import COMPILED, NOW, Arrived, Reader, begin, messages_of


class Sent(NamedTuple):
    """A message, as its writer makes it.

    Args:
        writer: which of `WRITERS`.
        what: one of `KINDS`.
        interval: milliseconds.
        age: milliseconds that its epoch is older than it was by its number.
        flags: which of its flags it changes from then on.
    """

    writer: int
    what: str = "next"
    interval: int = 1_000
    age: int = 0
    flags: int = 0


WRITERS: Final = (("0", 1), ("0", 2), ("0", 3), ("1", 2), ("2", 2**64 - 1))
"""Three epochs at one path; one number at two paths."""
KINDS: Final = (*["next"] * 12, "again", "first", "gap", "keyframe", "final", "unknown")
SENT: Final = st.builds(
    Sent,
    st.integers(0, len(WRITERS) - 1),
    st.sampled_from(KINDS),
    st.sampled_from([1_000, 1_000, 1_000, 100, 60_000, 86_400_000]),
    st.sampled_from([0, 0, 0, 1, 700, 10_000, -900, 3_600_000, MAX_AGE_MS]),
    st.sampled_from([0] * 9 + [SHARED, EPHEMERAL, 64]),
)
STAMPS: Final = st.lists(
    st.sampled_from(
        [0, 0, 1, 100, 500, 1_000, 1_000, 3_001, 60_000, 40 * 86_400_000, -1, -2_000, -30_000, -86_400_000]
    ),
    min_size=1,
    max_size=12,
)
"""Milliseconds between two stamps: as a clock goes, far ahead, and back."""
PACES: Final = st.sampled_from([0.0, 0.1, 1.0, 60.0, float("inf")])
OUT: Final = st.sampled_from([0.0, 0.0, 0.5, 2.0, 60.0])
"""Seconds after which a path is taken out; 0 for never."""
MANY: Final = [Sent(number % len(WRITERS)) for number in range(MOST_FRAMES + 2)]


def frames_of(sent: Sequence[Sent]) -> Arrived:
    """Return the frames of what is sent; each writer begins with a keyframe when it is first heard."""
    seqs: dict[int, int] = {}
    flags: dict[int, int] = {}
    found: Arrived = []
    for one in sent:
        path, epoch = WRITERS[one.writer]
        flags[one.writer] = flags.get(one.writer, 0) ^ one.flags
        seq = seqs.get(one.writer, 0)
        kind = one.what if seq else "keyframe"
        seq = {"again": seq, "first": 1, "gap": seq + 3}.get(kind, seq + 1)
        seqs[one.writer] = max(seq, seqs.get(one.writer, 0))
        if kind in ("keyframe", "final"):
            where, frame = begin(path, epoch, flags[one.writer] | (FINAL if kind == "final" else 0))
        else:
            where, frame = ("fog", path), Frame(DELTA, epoch, seq, flags=flags[one.writer])
            for name in ("counters", "buckets", "gauges"):
                section(frame, name, 1, [seq % 256])
        if kind == "unknown":
            frame.epoch = 9
        frame.seq, frame.interval_ms = seq, one.interval
        frame.age_ms = min(max(0, 1_000 * seq + one.age), MAX_AGE_MS)
        found.append((where, frame))
    return found


@given(
    st.lists(SENT, min_size=4, max_size=60),
    STAMPS,
    st.integers(0, 60),
    PACES,
    st.sampled_from([0.0, 0.0, 0.5, 2.0, 60.0]),
)
@example([*(Sent(one, interval=60_000) for one in (0, 1, 0)), Sent(0)], [0, 0, 50_000, 0], 2, 1.0, 0.0)
@example([*[Sent(0)] * 4, Sent(0, "gap"), Sent(0)], [0, 0, 0, 60_000, 30_000, 0], 2, 1.0, 0.0)
@example([Sent(0)] * 6, [0, 0, 0, 60_000, 500, 500], 2, 1.0, 0.0)
@example(MANY, [1_000, -2_000], 0, 1.0, 0.0)
@example(MANY, [0], 2, 0.0, 2.0)
def test_a_run_leaves_what_its_frames_leave(
    sent: list[Sent], stamps: list[int], split: int, pace: float, out: float
) -> None:
    """Several epochs at a path, repeats, gaps, ends, other intervals, ages and flags, at times that go anywhere.

    The first example: by its new interval a writer has outlived another one, whose gauges must not count any more.
    The third: within a run an outage ends, and the seconds after it are not audible.
    """
    messages = messages_of(frames_of(sent), stamps)
    by_numpy, by_kernels = Reader(None), Reader(COMPILED)
    for some in (messages[:split], messages[split:]):
        for one in (by_numpy, by_kernels):
            one.fleet.parts.time.pace = pace
            one.read(some)
            if out:
                one.fleet.order(("fog", "1"), Order(NOW + out, out=True, why="it lies"))
        assert by_kernels.state == by_numpy.state


def test_an_epoch_is_looked_for_twice_a_frame_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is read again, or each frame twice: all behind a frame that is left would be looked for anew."""
    looked_for: list[int] = []

    def noted(roster: Roster, path: Path, number: int) -> int:
        looked_for.append(number)
        return ticket_of(roster, path, number)

    monkeypatch.setattr(deltas, "ticket_of", noted)
    once = [Sent(number % len(WRITERS)) for number in range(MOST_FRAMES)]
    twice = [one for sent in once for one in (sent, sent._replace(what="again"))]
    reader = Reader(COMPILED)
    reader.read(messages_of(frames_of(once)) * 2)
    reader.read(messages_of(frames_of(twice)))
    assert reader.counts["duplicate"] == 3 * MOST_FRAMES
    assert len(looked_for) <= 2 * 4 * MOST_FRAMES
