"""The writer's rules (SPEC.md, "The writer"): what an epoch says, frame by frame. Pure: time is handed in.

A writer follows the series of its collectors through one epoch. `encode_delta` says what changed since the frame
before, `encode_part` the next part of a keyframe, `finish` the epoch's last word. Each gives bytes that are numbered
once and never again; what is lost on the way shows as a hole, and any keyframe repairs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from fog_agent.assembly import Assembly, whole_keyframe
from fog_agent.tracked import NOTHING, Tracked
from fog_schema.codec import encode
from fog_schema.errors import FrameError
from fog_schema.frames import DELTA, EPHEMERAL, FINAL, KEYFRAME, LAST_PART, SHARED, Frame
from fog_schema.limits import (
    MAX_BOUNDS,
    MAX_LABEL_VALUE_LENGTH,
    MAX_LABELS,
    MAX_NAME_LENGTH,
    MAX_UNIT_LENGTH,
)
from utilityfog_frontend.telemetry.instruments.ledger import SeriesWatch
from utilityfog_frontend.telemetry.instruments.series import Series
from utilityfog_frontend.telemetry.model import MetricType, Value

KEPT_SECONDS: Final = 15 * 60.0
"""How long a removed id stays in the keyframes after one that bore it was acknowledged."""
MAX_KEPT: Final = 10_000
"""Removed ids that may wait; while there are more, newcomers go to their family's overflow child."""
MAX_SERIES_PER_PART: Final = 20_000
"""Encoding a part must not hold the program's loop for long."""
MAX_LABEL_BYTES: Final = 16 * 1024
"""Of one series, so that each fits into a frame."""
MIN_FRAME_BYTES: Final = 32 * 1024
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
    """

    interval: float = 10.0
    shared: bool = False
    ephemeral: bool = False
    info: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded frame: its number in the epoch, its bytes, whether it completes a keyframe."""

    seq: int
    data: bytes
    is_keyframe: bool = False
    completes: bool = False


@dataclass(slots=True)
class _Kept:
    """A removed series that the keyframes still bear; `acknowledged` is when one that bore it was."""

    tracked: Tracked
    acknowledged: float | None = None


class Writer:
    """One epoch of some collectors' series. Not thread-safe: one agent owns it at a time.

    Args:
        watches: the series to follow; all of them count into the one epoch.
        epoch: a random number from 1 to 2^64 - 1.
        now: monotonic seconds at the epoch's birth.
        origins: what each series had counted when the predecessor's final was encoded; empty for a collector's first
            epoch, which counts from the collector's creation.
    """

    def __init__(
        self,
        watches: Sequence[SeriesWatch],
        settings: Settings,
        *,
        epoch: int,
        now: float,
        origins: dict[Series, Value] | None = None,
    ) -> None:
        self.epoch = epoch
        self.settings = settings
        self.seq = 0
        self.refused = 0
        self.ended = False
        self._finishing = False
        self.keyframe_due = True
        self._watches = watches
        self._birth = now
        self._origins = origins or {}
        self._seen: tuple[tuple[Series, ...], ...] = ()
        self._live: dict[Series, Tracked] = {}
        self._kept: dict[Series, _Kept] = {}
        self._refused: set[Series] = set()
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
    def kept_count(self) -> int:
        """Removed series that the keyframes still bear."""
        return len(self._kept)

    def request_keyframe(self) -> None:
        """Somebody misses something: a keyframe is due, with every removed id that is still kept."""
        self.keyframe_due = True
        for kept in self._kept.values():
            kept.acknowledged = None

    def encode_delta(self, now: float, max_bytes: int) -> Encoded | None:
        """The next delta, also when nothing changed; None when it does not fit and a keyframe is due instead.

        Raises:
            RuntimeError: between the parts of a keyframe, or after the final: the order of frames is the rule.
        """
        if self.within_keyframe or self.ended:
            raise RuntimeError("no delta between the parts of a keyframe, nor after the final")
        assembly = Assembly()
        newcomers, removed = self._follow(now)
        assembly.defined = newcomers
        fresh = {tracked.id for tracked in newcomers}
        assembly.removed = [tracked.id for tracked in removed]
        encoded: list[tuple[Tracked, Value]] = []
        for tracked in self._all():
            value = tracked.value()
            if tracked.changed(value) or tracked.id in fresh:
                assembly.add(tracked, value, tracked.base)
                encoded.append((tracked, value))
        data = _encode(assembly.fill(self._frame(DELTA, now)), max_bytes)
        if data is None:
            self.keyframe_due = True
            return None
        self.seq += 1
        for tracked, value in encoded:
            tracked.base = value
        return Encoded(self.seq, data)

    def encode_part(self, now: float, max_bytes: int, events_held: tuple[int, int] = (0, 0)) -> Encoded:
        """The next part of the keyframe that is due; the first one settles which series it has."""
        if self.ended:
            raise RuntimeError("the epoch has ended: its final is encoded")
        keyframe = self._keyframe
        if keyframe is None or keyframe.complete:
            keyframe = self._keyframe = self._begin(now)
        frame = self._frame(KEYFRAME, now)
        frame.part = keyframe.part
        if keyframe.part == 0:
            frame.info = dict(self.settings.info)
            frame.events_held = events_held
        taken, data = self._fit(keyframe, frame, max_bytes)
        self.seq += 1
        for tracked, value, _ in taken:
            tracked.base = value
        keyframe.part += 1
        keyframe.next += len(taken)
        return Encoded(self.seq, data, is_keyframe=True, completes=keyframe.complete)

    def acknowledged(self, frame: Encoded, now: float) -> None:
        """A frame is safe in the stream; a whole keyframe lets go of what it bore for the last time in a while."""
        keyframe = self._keyframe
        if not frame.completes or keyframe is None:
            return
        for tracked in keyframe.members:
            kept = self._kept.get(tracked.series)
            if kept is not None and kept.tracked is tracked and kept.acknowledged is None:
                kept.acknowledged = now

    def dropped(self) -> None:
        """A frame was given up: the hole is repaired by a keyframe, and a keyframe in parts begins anew."""
        self.keyframe_due = True
        self._keyframe = None

    def finish(self, now: float, max_bytes: int, events_held: tuple[int, int] = (0, 0)) -> list[Encoded]:
        """The final keyframe, all parts of it. It ends the epoch, acknowledged or not."""
        self._keyframe = None
        self._finishing = True
        parts = [self.encode_part(now, max_bytes, events_held)]
        while not parts[-1].completes:
            parts.append(self.encode_part(now, max_bytes, events_held))
        self.ended = True
        return parts

    def origins(self) -> dict[Series, Value]:
        """What each live series had counted when it was last read: after the final, where the next epoch begins."""
        return {series: tracked.reading for series, tracked in self._live.items() if not tracked.is_gauge}

    def _begin(self, now: float) -> _Keyframe:
        self._follow(now)
        self.keyframe_due = False
        return _Keyframe(sorted(self._all(), key=attrgetter("id")))

    def _fit(
        self, keyframe: _Keyframe, frame: Frame, max_bytes: int
    ) -> tuple[list[tuple[Tracked, Value, bool]], bytes]:
        """As many of the keyframe's series as fit into one frame, with the values they have now."""
        remaining = len(keyframe.members) - keyframe.next
        count = min(remaining, MAX_SERIES_PER_PART)
        flags = frame.flags
        while True:
            chunk = keyframe.members[keyframe.next : keyframe.next + count]
            taken = [(tracked, tracked.value(), tracked.series in self._kept) for tracked in chunk]
            if count == remaining:
                frame.flags = flags | LAST_PART | (FINAL if self._finishing else 0)
            else:
                frame.flags = flags
            data = _encode(whole_keyframe(taken).fill(frame), max_bytes)
            if data is not None or count <= 1:
                break
            count //= 2
        if data is None:
            raise ValueError(f"max_payload leaves {max_bytes} bytes for a frame; at least {MIN_FRAME_BYTES} are needed")
        return taken, data

    def _frame(self, kind: int, now: float) -> Frame:
        settings = self.settings
        return Frame(
            kind=kind,
            epoch=self.epoch,
            seq=self.seq + 1,
            flags=(SHARED if settings.shared else 0) | (EPHEMERAL if settings.ephemeral else 0),
            age_ms=max(0, round((now - self._birth) * 1000)),
            interval_ms=round(settings.interval * 1000),
        )

    def _all(self) -> Iterator[Tracked]:
        """Live series, then the removed ones that are kept: a handle that somebody still holds may go on counting."""
        yield from self._live.values()
        for kept in self._kept.values():
            yield kept.tracked

    def _follow(self, now: float) -> tuple[list[Tracked], list[Tracked]]:
        """Take note of series that came and that went; return both."""
        live = tuple(watch.series() for watch in self._watches)
        ended = [series for watch in self._watches for series in watch.take_ended()]
        newcomers = self._welcome(live, ended)
        removed = []
        for series in ended:
            tracked = self._live.pop(series, None)
            if tracked is not None:
                removed.append(tracked)
                if not tracked.is_gauge:  # a keyframe without its id says all there is to say of a gauge that went
                    self._kept[series] = _Kept(tracked)
        self._let_go(now)
        return newcomers, removed

    def _welcome(self, live: tuple[tuple[Series, ...], ...], ended: list[Series]) -> list[Tracked]:
        """Give ids to series not seen before, also to those that came and went in between: they counted.

        Ids go out by type, so that each type's ids lie together and a bitmap of them is short.
        """
        unchanged = len(live) == len(self._seen) and all(
            now is then for now, then in zip(live, self._seen, strict=True)
        )
        if unchanged and not ended:
            return []
        self._seen = live
        found = dict.fromkeys(series for group in (*live, ended) for series in group if series not in self._live)
        refused = {series for series in found if _too_large(series)}
        self.refused += len(refused - self._refused)
        self._refused = refused
        newcomers = []
        for series in sorted(found.keys() - refused, key=_registration_order(found)):
            tracked = Tracked(self._next_id, series, self._origins.pop(series, NOTHING))
            self._next_id += 1
            self._live[series] = tracked
            newcomers.append(tracked)
        return newcomers

    def _let_go(self, now: float) -> None:
        gone = [
            series
            for series, kept in self._kept.items()
            if kept.acknowledged is not None and now - kept.acknowledged >= KEPT_SECONDS
        ]
        for series in gone:
            del self._kept[series]
        full = len(self._kept) >= MAX_KEPT
        for watch in self._watches:
            watch.refuse_newcomers = full


@dataclass(slots=True)
class _Keyframe:
    """A keyframe on its way: its series, settled when it began; the next part's index and first series."""

    members: list[Tracked]
    part: int = 0
    next: int = 0

    @property
    def complete(self) -> bool:
        return self.part > 0 and self.next == len(self.members)


def _encode(frame: Frame, max_bytes: int) -> bytes | None:
    """The bytes of a frame, or None when they are too many."""
    try:
        data = encode(frame)
    except FrameError:
        return None
    return data if len(data) <= max_bytes else None


def _registration_order(found: dict[Series, None]) -> Callable[[Series], tuple[int, int]]:
    places = {series: place for place, series in enumerate(found)}
    return lambda series: (_KIND_ORDER[series.family.type], places[series])


def _too_large(series: Series) -> bool:
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
