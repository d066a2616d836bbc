"""Messages as values: frames, definitions, events, requests. `fog_schema.codec` turns them into bytes and back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from fog_schema.columns import Ids
from fog_schema.sections.bucket_histogram import Histograms as Histograms  # noqa: PLC0414 - part of this module's interface
from fog_schema.sections.coverage import Absences as Absences  # noqa: PLC0414 - part of this module's interface
from fog_schema.sections.coverage import CoverageNumbers as CoverageNumbers  # noqa: PLC0414 - part of this module's interface
from fog_schema.sections.exponential_histogram import Exponentials as Exponentials  # noqa: PLC0414 - part of this module's interface
from fog_schema.sections.field import Numbers as Numbers  # noqa: PLC0414 - part of this module's interface
from fog_schema.sections.gauge_summary import Lasts as Lasts  # noqa: PLC0414 - part of this module's interface
from fog_schema.sections.gauge_summary import Summaries as Summaries  # noqa: PLC0414 - part of this module's interface
from fog_schema.sections.gauge_summary import ValueCounts as ValueCounts  # noqa: PLC0414 - part of this module's interface

MAGIC: Final = "fog"
VERSION: Final = 1

KEYFRAME, DELTA, EVENTS, REQUEST, COMMAND = 1, 2, 3, 4, 5
KIND_NAMES: Final = {KEYFRAME: "keyframe", DELTA: "delta", EVENTS: "events", REQUEST: "request", COMMAND: "command"}

FINAL: Final = 1
"""The writer ended its epoch in good order; always on the last part of a keyframe."""
SHARED: Final = 2
"""The epoch lives beside others on its path and its gauges count too."""
LAST_PART: Final = 4
"""This part completes its keyframe."""
EPHEMERAL: Final = 8
"""The node comes and goes: that it leaves is no alert."""
FLAG_NAMES: Final = {FINAL: "final", SHARED: "shared", LAST_PART: "last part", EPHEMERAL: "ephemeral"}

SEVERAL_WRITERS: Final = 1
"""A notice to a writer: others are live at its path, and neither it nor they say that it is so."""

KINDS_OF_VALUE: Final = (
    "integer_counter",
    "fractional_counter",
    "bucket_histogram",
    "exponential_histogram",
    "gauge",
    "gauge_summary",
)
"""Every kind of value, in the order in which ids are handed out and sections are merged: the only list of them.

A kind is a module of this name in each of three packages: `fog_schema.sections` has its fields in a frame, the agent's
`core.sections` fills them, the aggregator's `core.kinds` merges them.
"""

COUNTER, GAUGE, HISTOGRAM, EXPONENTIAL_HISTOGRAM = 0, 1, 2, 3
TYPE_NAMES: Final = dict(enumerate(("counter", "gauge", "histogram", "exponential_histogram")))
LATER_TYPES: Final = frozenset((EXPONENTIAL_HISTOGRAM,))
"""Types that came after the first readers, which refuse them: they are defined in a field of their own."""


@dataclass(slots=True)
class Definition:
    """A family and the series of it that a frame introduces.

    Attributes:
        name: the family's name.
        type: COUNTER, GAUGE, HISTOGRAM or EXPONENTIAL_HISTOGRAM.
        help: a sentence for people.
        unit: the base unit, or empty.
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

    @property
    def incremental(self) -> bool:
        """Whether its values are counts; a gauge's are absolute."""
        return self.type != GAUGE

    def series(self) -> list[tuple[int, tuple[tuple[str, str], ...]]]:
        """List each id with its labels."""
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
        definitions: packed definitions, for `codec.decode_definitions`; empty without definitions.
        later_definitions: the same, of types that the first readers do not know.
        counters: whole counters.
        fractions: counters that have had a fractional increment.
        gauges: gauges.
        histograms: one entry for each width.
        exponentials: exponential histograms.
        summaries: gauges of a subtree, merged; on rollup subjects only, as are the next three.
        lasts: the newest value of some of them.
        value_counts: how many nodes have which value, of some of them.
        coverage: what the rollup stands on.
        absences: the nodes that ended and those that are missing; None where nobody is absent.
        removed: ids that were removed: in a delta since the last frame, in a keyframe those that it still bears.
        info: about the node (version, os, role, …); keyframes only.
        events_held: first and last number of events that the writer can repeat; keyframes, and deltas after an event.
        events: event frames only; those of a frame that was read stay packed, see `fog_schema.events.PackedEvents`.
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
    later_definitions: bytes = b""
    counters: Numbers | None = None
    fractions: Numbers | None = None
    gauges: Numbers | None = None
    histograms: tuple[Histograms, ...] = ()
    exponentials: Exponentials | None = None
    removed: Ids | None = None
    summaries: Summaries | None = None
    lasts: Lasts | None = None
    value_counts: ValueCounts | None = None
    coverage: CoverageNumbers | None = None
    absences: Absences | None = None
    info: dict[str, str] | None = None
    events_held: tuple[int, int] | None = None
    events: Collection[Event] = ()
    unknown_fields: int = 0


@dataclass(slots=True)
class Request:
    """An aggregator's wish for a keyframe from every node at or under a path.

    With an epoch, the writer of that epoch also repeats its events `first_event` to `last_event`, and hears the
    `notices`: a sum of such as `SEVERAL_WRITERS`.
    """

    epoch: int = 0
    first_event: int = 0
    last_event: int = 0
    notices: int = 0
