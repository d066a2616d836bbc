"""The writer's rules (SPEC.md, "The writer"): what an epoch says, frame by frame. Pure: time is handed in.

A writer follows the series of its watches through one epoch. `encode_delta` says what changed since the frame
before, `encode_part` the next part of a keyframe, `finish` the epoch's last word. Each gives bytes that are numbered
once and never again; what is lost on the way shows as a hole, and any keyframe repairs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fog_agent.core.epoch_series import EpochSeries, EpochSeriesSet, SeriesValue, SourceSeries, Watch
from fog_agent.core.frame_builder import FrameBuilder
from fog_schema.codec import encode
from fog_schema.errors import FrameError
from fog_schema.frames import DELTA, EPHEMERAL, FINAL, KEYFRAME, LAST_PART, SHARED, CoverageNumbers, Frame
from fog_schema.limits import (
    MAX_BOUNDS,
    MAX_DEFINED,
    MAX_INFO_ENTRIES,
    MAX_INFO_LENGTH,
    MAX_LABEL_VALUE_LENGTH,
    MAX_LABELS,
    MAX_NAME_LENGTH,
    MAX_UNIT_LENGTH,
)
from utilityfog_frontend.telemetry.model import MetricType

RETAINED_SECONDS: Final = 15 * 60.0
"""How long a removed id stays in the keyframes after one that bore it was acknowledged."""
MAX_RETAINED: Final = 10_000
"""Removed ids that may wait; while there are more, newcomers go to their family's overflow child."""
MAX_LABEL_BYTES: Final = 16 * 1024
"""Of one series, so that each fits into a frame."""
MIN_FRAME_BYTES: Final = 64 * 1024
"""Of one frame, for the same reason: what max_payload must leave."""

_KIND_ORDER: Final = {MetricType.COUNTER: 0, MetricType.HISTOGRAM: 1, MetricType.GAUGE: 2}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a writer says of itself in each frame.

    Attributes:
        interval: how often it sends, seconds.
        shared: its epoch lives beside others on the path, and its gauges count too.
        ephemeral: the node comes and goes.
        info: about the node, for people (version, os, role, …).

    Raises:
        ValueError: `info` has more than a frame carries.
    """

    interval: float = 10.0
    shared: bool = False
    ephemeral: bool = False
    info: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.info) > MAX_INFO_ENTRIES or any(len(text) > MAX_INFO_LENGTH for pair in self.info for text in pair):
            raise ValueError(f"info may have {MAX_INFO_ENTRIES} entries of at most {MAX_INFO_LENGTH} characters each")


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded frame: its number in the epoch, its bytes, whether it completes a keyframe."""

    seq: int
    data: bytes
    completes: bool = False


@dataclass(slots=True)
class _Retained:
    """A removed series that the keyframes still bear; `acknowledged` is when one that bore it was."""

    tracked: EpochSeries
    acknowledged: float | None = None


class Writer:
    """One epoch of some series: a collector's, or a subtree's totals. Not thread-safe: one agent owns it at a time.

    Args:
        watches: the series to follow; all of them count into the one epoch.
        epoch: a random number from 1 to 2^64 - 1.
        now: monotonic seconds at the epoch's birth.
        origins: what each series had counted when the predecessor's final was encoded; empty for a collector's first
            epoch, which counts from the collector's creation.
        coverage: what a rollup stands on, asked for each frame; None for a node.
    """

    def __init__(
        self,
        watches: Sequence[Watch],
        settings: Settings,
        *,
        epoch: int,
        now: float,
        origins: dict[SourceSeries, SeriesValue] | None = None,
        coverage: Callable[[], CoverageNumbers] | None = None,
    ) -> None:
        self.epoch = epoch
        self.settings = settings
        self.seq = 0
        self.refused = 0
        self.ended = False
        self.keyframe_due = True
        self._watches = watches
        self._birth = now
        self._origins = origins or {}
        self._coverage = coverage
        self._seen: tuple[tuple[SourceSeries, ...], ...] = ()
        self._members = EpochSeriesSet()  # live and kept ones: a handle of a removed one may go on counting
        self._live: dict[SourceSeries, EpochSeries] = {}
        self._retained: dict[SourceSeries, _Retained] = {}
        self._refused: set[SourceSeries] = set()
        self._next_id = 0
        self._keyframe: _Keyframe | None = None

    @property
    def within_keyframe(self) -> bool:
        """Whether a keyframe's first part is encoded and its last is not: no delta may come between."""
        return self._keyframe is not None and not self._keyframe.complete

    @property
    def series_count(self) -> int:
        """Live series in this epoch."""
        return len(self._live)

    @property
    def retained_count(self) -> int:
        """Removed series that the keyframes still bear."""
        return len(self._retained)

    def request_keyframe(self) -> None:
        """Somebody misses something: a keyframe is due, with every removed id that is still kept."""
        self.keyframe_due = True
        for kept in self._retained.values():
            kept.acknowledged = None

    def encode_delta(self, now: float, max_bytes: int) -> Encoded | None:
        """The next delta, also when nothing changed; None when it does not fit and a keyframe is due instead.

        Raises:
            RuntimeError: between the parts of a keyframe, or after the final: the order of frames is the rule.
        """
        if self.within_keyframe or self.ended:
            raise RuntimeError("no delta between the parts of a keyframe, nor after the final")
        removed = self._follow(now)
        assembly = FrameBuilder(self._members.changes(), removed, whole=False)
        encoded = self._encode(assembly, self.header(DELTA, now), max_bytes)
        if encoded is None:
            self.keyframe_due = True
        return encoded

    def encode_part(self, now: float, max_bytes: int, events_held: tuple[int, int] = (0, 0)) -> Encoded:
        """The next part of the keyframe that is due; the first one settles which series it has.

        Raises:
            RuntimeError: after the final.
            ValueError: `max_bytes` does not even leave room for one series.
        """
        if self.ended:
            raise RuntimeError("the epoch has ended: its final is encoded")
        if self._keyframe is None or self._keyframe.complete:
            self._keyframe = self._begin(now)
        return self._next_part(self._keyframe, now, max_bytes, events_held, 0)

    def finish(self, now: float, max_bytes: int, events_held: tuple[int, int] = (0, 0)) -> list[Encoded]:
        """The final keyframe, all parts of it. It ends the epoch, acknowledged or not.

        Raises:
            ValueError: see `encode_part`.
        """
        keyframe = self._keyframe = self._begin(now)
        parts = []
        while not keyframe.complete:
            parts.append(self._next_part(keyframe, now, max_bytes, events_held, FINAL))
        self.ended = True
        return parts

    def acknowledged(self, frame: Encoded, now: float) -> None:
        """A frame is safe in the stream; the end of a keyframe starts the clock of the removed ids that it bore."""
        if self._keyframe is not None and frame.completes and frame.seq == self._keyframe.seq:
            for kept in self._keyframe.kept:
                if kept.acknowledged is None:
                    kept.acknowledged = now

    def dropped(self) -> None:
        """A frame was given up: the hole is repaired by a keyframe, and a keyframe in parts begins anew."""
        self.keyframe_due = True
        self._keyframe = None

    def origins(self) -> dict[SourceSeries, SeriesValue]:
        """What each live series had counted when it was last read: after the final, where the next epoch begins."""
        return {
            series: tracked.reading
            for series, tracked in self._live.items()
            if tracked.reading is not None and not tracked.is_gauge
        }

    def _begin(self, now: float) -> _Keyframe:
        self._follow(now)
        self.keyframe_due = False
        return _Keyframe(
            self._members.ordered, list(self._retained.values()), {kept.tracked.id for kept in self._retained.values()}
        )

    def _next_part(
        self, keyframe: _Keyframe, now: float, max_bytes: int, events_held: tuple[int, int], final: int
    ) -> Encoded:
        """As many of the keyframe's series as fit into one frame, with the values they have now."""
        remaining = len(keyframe.members) - keyframe.next
        count = min(remaining, keyframe.fits)
        while True:
            frame = self.header(KEYFRAME, now)
            frame.part = keyframe.part
            if keyframe.part == 0:
                frame.info = dict(self.settings.info)
                frame.events_held = events_held if self._coverage is None else None  # no events travel with a rollup
            if count == remaining:
                frame.flags |= LAST_PART | final
            assembly = keyframe.assemble(count)
            encoded = self._encode(assembly, frame, max_bytes, completes=count == remaining)
            if encoded is not None:
                keyframe.seq = encoded.seq
                keyframe.part += 1
                keyframe.next += count
                return encoded
            if count <= 1:
                raise ValueError(f"max_payload leaves {max_bytes} bytes for a frame, and {MIN_FRAME_BYTES} are needed")
            count = keyframe.fits = count // 2

    def _encode(
        self, assembly: FrameBuilder, frame: Frame, max_bytes: int, *, completes: bool = False
    ) -> Encoded | None:
        """Encode a frame and give it its number; None, and nothing has changed, when it is too large."""
        if self._coverage is not None:
            frame.coverage = self._coverage()
        try:
            data = encode(assembly.fill(frame))
        except FrameError:
            return None
        if len(data) > max_bytes:
            return None
        self.seq = frame.seq
        for tracked, value in assembly.taken:
            tracked.base = value
        return Encoded(frame.seq, data, completes=completes)

    def header(self, kind: int, now: float) -> Frame:
        """A frame of this epoch with nothing in it yet, numbered as the next one."""
        settings = self.settings
        return Frame(
            kind=kind,
            epoch=self.epoch,
            seq=self.seq + 1,
            flags=(SHARED if settings.shared else 0) | (EPHEMERAL if settings.ephemeral else 0),
            age_ms=max(0, round((now - self._birth) * 1000)),
            interval_ms=round(settings.interval * 1000),
        )

    def _follow(self, now: float) -> list[int]:
        """Take note of series that came and that went; return the ids of those that went, ascending."""
        live = tuple([watch.series() for watch in self._watches])
        ended = [series for watch in self._watches for series in watch.take_ended()]
        changed = bool(ended) or live != self._seen
        if changed:
            self._welcome(live, ended)
        removed = [tracked.id for series in ended if (tracked := self._remove(series)) is not None]
        if self._let_go(now) or changed:
            kept = [kept.tracked for kept in self._retained.values()]
            self._members = EpochSeriesSet([*self._live.values(), *kept])
        return sorted(removed)

    def _welcome(self, live: tuple[tuple[SourceSeries, ...], ...], ended: list[SourceSeries]) -> None:
        """Give ids to series not seen before, also to those that came and went in between: they counted.

        Ids go out by type, so that each type's ids lie together and a bitmap of them is short.
        """
        self._seen = live
        found = dict.fromkeys(series for group in (*live, ended) for series in group if series not in self._live)
        refused = {series for series in found if _too_large(series)}
        self.refused += len(refused - self._refused)
        self._refused = refused
        for series in sorted(found.keys() - refused, key=_registration_order(found)):
            self._live[series] = EpochSeries(self._next_id, series, self._origins.pop(series, None))
            self._next_id += 1

    def _remove(self, series: SourceSeries) -> EpochSeries | None:
        """Keep what a series that ended has counted; None when no frame needs to say that it went."""
        tracked = self._live.pop(series, None)
        if tracked is None:
            return None
        if tracked.is_gauge:  # a keyframe without its id says all there is to say of it
            return tracked if tracked.base is not None else None
        self._retained[series] = _Retained(tracked)
        return tracked

    def _let_go(self, now: float) -> bool:
        """Forget removed series that were kept for long enough; say whether there were any."""
        gone = [
            series
            for series, kept in self._retained.items()
            if kept.acknowledged is not None and now - kept.acknowledged >= RETAINED_SECONDS
        ]
        for series in gone:
            del self._retained[series]
        full = len(self._retained) >= MAX_RETAINED
        for watch in self._watches:
            watch.refuse_newcomers = full
        return bool(gone)


@dataclass(slots=True)
class _Keyframe:
    """A keyframe on its way: its series, settled when it began, and how far it is.

    `fits` is how many series a part may have: what was too much for one is not tried again for each of them.
    """

    members: list[EpochSeries]
    kept: list[_Retained]
    removed: set[int]
    part: int = 0
    next: int = 0
    seq: int = 0
    fits: int = MAX_DEFINED

    @property
    def complete(self) -> bool:
        return self.part > 0 and self.next == len(self.members)

    def assemble(self, count: int) -> FrameBuilder:
        """The next `count` series: definition, value in this epoch, whether it was removed."""
        members = self.members[self.next : self.next + count]
        removed = [tracked.id for tracked in members if tracked.id in self.removed]
        return FrameBuilder([(tracked, tracked.value()) for tracked in members], removed, whole=True)


def _registration_order(found: dict[SourceSeries, None]) -> Callable[[SourceSeries], tuple[int, int]]:
    places = {series: place for place, series in enumerate(found)}
    return lambda series: (_KIND_ORDER[series.family.type], places[series])


def _too_large(series: SourceSeries) -> bool:
    """Whether a series is beyond what the wire carries: refused alone, and counted."""
    family, labels = series.family, series.labels
    return (
        len(family.name) > MAX_NAME_LENGTH
        or len(family.unit) > MAX_UNIT_LENGTH
        or len(family.bounds) > MAX_BOUNDS
        or len(labels) > MAX_LABELS
        or any(len(name) > MAX_NAME_LENGTH or len(value) > MAX_LABEL_VALUE_LENGTH for name, value in labels)
        or sum(len(name) + 4 * len(value) for name, value in labels) > MAX_LABEL_BYTES
    )
