"""What travels, as values: frames, definitions, events, requests. `fog_schema.codec` turns them into bytes and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from fog_schema.columns import Column, Ids

MAGIC: Final = "fog"
VERSION: Final = 1

KEYFRAME, DELTA, EVENTS, REQUEST = 1, 2, 3, 4
KIND_NAMES: Final = {KEYFRAME: "keyframe", DELTA: "delta", EVENTS: "events", REQUEST: "request"}

FINAL: Final = 1
"""The writer ended its epoch in good order; always on the last part of a keyframe."""
SHARED: Final = 2
"""The epoch lives beside others on its path and its gauges count too."""
LAST_PART: Final = 4
"""This part completes its keyframe."""
EPHEMERAL: Final = 8
"""The node comes and goes: that it leaves is no alert."""
FLAG_NAMES: Final = {FINAL: "final", SHARED: "shared", LAST_PART: "last part", EPHEMERAL: "ephemeral"}

COUNTER, GAUGE, HISTOGRAM = 0, 1, 2
TYPE_NAMES: Final = {COUNTER: "counter", GAUGE: "gauge", HISTOGRAM: "histogram"}


class Numbers(NamedTuple):
    """One value for each id."""

    ids: Ids
    values: Column


class Histograms(NamedTuple):
    """Histograms of one width.

    `counts` is row-major, one row of `width` buckets for each id (not cumulative, the last is +Inf); `sums` has the
    sum of observations for each id, as its value in this epoch.
    """

    width: int
    ids: Ids
    counts: Column
    sums: Column


class Summaries(NamedTuple):
    """Gauges of a subtree, merged: a row for each id.

    `counts` says of how many nodes, at least 1; `sums`, `minima` and `maxima` are of their finite values.
    """

    ids: Ids
    counts: Column
    sums: Column
    minima: Column
    maxima: Column


class Lasts(NamedTuple):
    """Of some summaries also the newest value: that of the node heard last, at `times` (server's unix seconds)."""

    ids: Ids
    values: Column
    times: Column


class ValueCounts(NamedTuple):
    """Of some summaries also how many nodes have which value.

    `lengths` has the number of different values of each id; `values` and `counts` have so many for each, id by id.
    """

    ids: Ids
    lengths: Column
    values: Column
    counts: Column


class CoverageNumbers(NamedTuple):
    """What a rollup stands on: nodes by state, and the age of the oldest live one's last frame, milliseconds."""

    live: int
    stale: int
    departed: int
    oldest_ms: int


@dataclass(slots=True)
class Definition:
    """A family and the series of it that a frame introduces.

    Attributes:
        type: COUNTER, GAUGE or HISTOGRAM.
        bounds: upper bounds of the buckets, finite and ascending; +Inf is implied.
        rollup: how a tree merges a gauge, the headline first.
        label_names: the label names that all these series have, in order.
        ids: their ids.
        label_values: row-major, one row of ``len(label_names)`` values for each id.
    """

    name: str
    type: int
    help: str
    unit: str
    bounds: tuple[float, ...]
    rollup: tuple[str, ...]
    label_names: tuple[str, ...]
    ids: Ids
    label_values: tuple[str, ...]

    def series(self) -> list[tuple[int, tuple[tuple[str, str], ...]]]:
        """Each id with its labels."""
        width = len(self.label_names)
        rows = (tuple(self.label_values[at : at + width]) for at in range(0, self.ids.size * width, width or 1))
        if not width:
            rows = (() for _ in range(self.ids.size))
        return [
            (number, tuple(zip(self.label_names, row, strict=True)))
            for number, row in zip(self.ids.tolist(), rows, strict=True)
        ]


@dataclass(slots=True)
class Event:
    """A structured event. Its number is the frame's seq plus its place in the frame."""

    name: str
    value: Any
    labels: dict[str, str]
    metadata: dict[str, Any]
    timestamp: float


@dataclass(slots=True)
class Frame:
    """One frame. It decodes without any earlier one; what its numbers mean depends on `kind`.

    In a delta, whole counters and buckets are increments since the writer's last frame; in a keyframe, values in
    this epoch. `fractions`, `gauges` and sums are values in both.

    Attributes:
        kind: KEYFRAME, DELTA or EVENTS.
        flags: FINAL, SHARED, LAST_PART and EPHEMERAL, or-ed.
        epoch: the run of the writer, an opaque random number from 1 to 2^64 - 1.
        seq: number of the frame in its epoch, from 1; of an event frame: number of its first event in the epoch.
        part: index of this part of a keyframe, from 0; 0 in other kinds.
        age_ms: age of the epoch when the frame was encoded, milliseconds.
        interval_ms: how often the writer sends, milliseconds.
        definitions: packed definitions, for `codec.decode_definitions`; empty when there are none.
        counters: whole counters.
        fractions: counters that have had a fractional increment.
        gauges: gauges.
        histograms: one entry for each width.
        summaries: gauges of a subtree, merged; on rollup subjects only, as are the next three.
        lasts: the newest value of some of them.
        value_counts: how many nodes have which value, of some of them.
        coverage: what the rollup stands on.
        removed: ids that were removed: in a delta since the last frame, in a keyframe those that it still bears.
        info: about the node (version, os, role, …); keyframes only.
        events_held: first and last number of the events that the writer can repeat; keyframes only.
        events: event frames only.
        unknown_fields: how many fields of a later version were skipped.
    """

    kind: int
    epoch: int
    seq: int
    flags: int = 0
    part: int = 0
    age_ms: int = 0
    interval_ms: int = 10_000
    definitions: bytes = b""
    counters: Numbers | None = None
    fractions: Numbers | None = None
    gauges: Numbers | None = None
    histograms: tuple[Histograms, ...] = ()
    removed: Ids | None = None
    summaries: Summaries | None = None
    lasts: Lasts | None = None
    value_counts: ValueCounts | None = None
    coverage: CoverageNumbers | None = None
    info: dict[str, str] | None = None
    events_held: tuple[int, int] | None = None
    events: tuple[Event, ...] = ()
    unknown_fields: int = 0


@dataclass(slots=True)
class Request:
    """An aggregator's wish for a keyframe from every node at or under a path.

    With an epoch, the writer of that epoch also repeats its events `first_event` to `last_event`.
    """

    epoch: int = 0
    first_event: int = 0
    last_event: int = 0
