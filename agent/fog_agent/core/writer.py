"""The writer's rules (SPEC.md, "The writer"): what an epoch says, frame by frame. Pure: time is handed in.

A writer follows the series of its watches through one epoch. `encode_delta` says what changed since the frame
before, `encode_part` the next part of a keyframe, `finish` the epoch's last word. Each gives bytes that are numbered
once and never again; what is lost on the way shows as a hole, and any keyframe repairs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fog_agent.core.epoch_series import READ_TOGETHER, EpochSeries, Pause, SeriesValue, SourceSeries, Watch, no_pause
from fog_agent.core.frame_builder import FrameBuilder
from fog_agent.core.journal.port import NO_JOURNAL, Journal
from fog_agent.core.series_register import Retained, SeriesRegister
from fog_schema.codec import encode
from fog_schema.errors import FrameError
from fog_schema.frames import DELTA, EPHEMERAL, FINAL, KEYFRAME, LAST_PART, SHARED, Absences, CoverageNumbers, Frame
from fog_schema.limits import MAX_DEFINED, MAX_INFO_ENTRIES, MAX_INFO_LENGTH
from utilityfog_frontend.telemetry.foreign.readings import Mark

MIN_FRAME_BYTES: Final = 64 * 1024
"""Of one frame, so that each series fits into one: what max_payload must leave."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The facts that a writer states about itself in each frame.

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
    """An encoded frame.

    Attributes:
        seq: its number in the epoch.
        data: its bytes.
        completes: whether it completes a keyframe.
        events: the number of the last event that it tells of; -1 when it tells of none.
        marks: the readings of totals outside of the process that it tells of: to be remembered before it is sent.
    """

    seq: int
    data: bytes
    completes: bool = False
    events: int = -1
    marks: tuple[Mark, ...] = ()


class Writer:
    """One epoch of some series: a collector's, or a subtree's totals. Not thread-safe: one agent owns it at a time.

    Args:
        watches: the series to follow; all of them count into the one epoch.
        epoch: a random number from 1 to 2^64 - 1.
        now: monotonic seconds at the epoch's birth.
        origins: what each series had counted when the predecessor's final was encoded; empty for a collector's first
            epoch, which counts from the collector's creation.
        coverage: what a rollup stands on, asked for each frame; None for a node.
        journal: is told what another process must know to end the epoch.
        pause: called between the parts of long work.

    Attributes:
        settings: what its frames say of it.
        seq: number of the frame that was encoded last.
        ended: the final is encoded.
        keyframe_due: a keyframe is to be encoded, if none is under way.
    """

    def __init__(
        self,
        watches: Sequence[Watch],
        settings: Settings,
        *,
        epoch: int,
        now: float,
        origins: dict[SourceSeries, SeriesValue] | None = None,
        coverage: Callable[[], tuple[CoverageNumbers, Absences]] | None = None,
        journal: Journal = NO_JOURNAL,
        pause: Pause = no_pause,
    ) -> None:
        self.epoch = epoch
        self.settings = settings
        self.seq = 0
        self.ended = False
        self.keyframe_due = True
        self._birth = now
        self._coverage = coverage
        self._journal = journal
        self.pause = pause
        self._series = SeriesRegister(watches, origins or {}, journal, pause)
        self._keyframe: _Keyframe | None = None

    @property
    def within_keyframe(self) -> bool:
        """Whether a keyframe's first part is encoded and its last is not: no delta may come between."""
        return self._keyframe is not None and not self._keyframe.complete

    @property
    def series_count(self) -> int:
        """Live series in this epoch."""
        return len(self._series.live)

    @property
    def retained_count(self) -> int:
        """Removed series that the keyframes still bear."""
        return len(self._series.retained)

    @property
    def refused(self) -> int:
        """Series that were beyond what a frame carries."""
        return self._series.refused

    def take_refusals(self) -> list[str]:
        """Say what was refused since the last call, and why: the first ones."""
        return self._series.take_refusals()

    def request_keyframe(self) -> None:
        """Let a keyframe be due, with every removed id that is still retained: somebody misses something."""
        self.keyframe_due = True
        self._series.retain_longer()

    def encode_delta(self, now: float, max_bytes: int, events_held: tuple[int, int] | None = None) -> Encoded | None:
        """Encode the next delta, also when nothing changed; None when it does not fit and a keyframe is due instead.

        Args:
            now: monotonic seconds.
            max_bytes: how long it may be.
            events_held: the events that are held, where the reader may not know yet (R11.31).

        Raises:
            RuntimeError: between the parts of a keyframe, or after the final: the order of frames is the rule.
        """
        if self.within_keyframe or self.ended:
            raise RuntimeError("no delta between the parts of a keyframe, nor after the final")
        removed = self._series.follow(now)
        changes = self._series.members.changes(self.pause)
        builder = FrameBuilder(changes, removed, is_keyframe=False, pause=self.pause)
        frame = self.header(DELTA, now)
        frame.events_held = events_held
        encoded = self._encode(builder, frame, max_bytes)
        if encoded is None:
            self.keyframe_due = True
        return encoded

    def encode_part(self, now: float, max_bytes: int, events_held: tuple[int, int] = (0, 0)) -> Encoded:
        """Encode the next part of the keyframe that is due; the first one settles which series it has.

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
        """Encode all parts of the final keyframe. It ends the epoch, acknowledged or not.

        Raises:
            ValueError: see `encode_part`.
        """
        self._keyframe = self._begin(now)
        parts = self._encode_final(self._keyframe, now, max_bytes, events_held)
        self.ended = True
        return parts

    def repeat_final(self, now: float, max_bytes: int, events_held: tuple[int, int] = (0, 0)) -> list[Encoded]:
        """Encode the final once more with the values that it had: the next epoch counts what came since.

        Raises:
            ValueError: see `encode_part`.
            RuntimeError: before the final.
        """
        if self._keyframe is None or not self.ended:
            raise RuntimeError("there is no final to be repeated")
        self._keyframe = replace(self._keyframe, part=0, next=0, is_repeated=True)
        return self._encode_final(self._keyframe, now, max_bytes, events_held)

    def _encode_final(
        self, keyframe: _Keyframe, now: float, max_bytes: int, events_held: tuple[int, int]
    ) -> list[Encoded]:
        parts = []
        while not keyframe.complete:
            parts.append(self._next_part(keyframe, now, max_bytes, events_held, FINAL))
        return parts

    def acknowledged(self, frame: Encoded, now: float) -> None:
        """Note that a frame is in the stream; the end of a keyframe starts the clock of the removed ids it bore."""
        if self._keyframe is not None and frame.completes and frame.seq == self._keyframe.seq:
            for retained in self._keyframe.retained:
                if retained.acknowledged is None:
                    retained.acknowledged = now

    def dropped(self) -> None:
        """Note that a frame was given up: a keyframe repairs the hole, and a keyframe in parts begins anew."""
        self.keyframe_due = True
        self._keyframe = None

    def adopt(self, seq: int, series: Sequence[EpochSeries], removed: Iterable[SourceSeries]) -> None:
        """Go on with the epoch of a process that is dead, beyond the last seq that it may have used (R11.35)."""
        self.seq = seq
        self._series.adopt(series, removed)

    def ended_series(self) -> list[SourceSeries]:
        """List the series that ended in this epoch, and which its keyframes still bear."""
        return list(self._series.retained)

    def origins(self) -> dict[SourceSeries, SeriesValue]:
        """Tell what each live series had counted when it was last read; after the final the next epoch begins there."""
        return self._series.origins()

    def header(self, kind: int, now: float) -> Frame:
        """Make a frame of this epoch with nothing in it yet, numbered as the next one."""
        settings = self.settings
        return Frame(
            kind=kind,
            epoch=self.epoch,
            seq=self.seq + 1,
            flags=(SHARED if settings.shared else 0) | (EPHEMERAL if settings.ephemeral else 0),
            age_ms=max(0, round((now - self._birth) * 1000)),
            interval_ms=round(settings.interval * 1000),
        )

    def _begin(self, now: float) -> _Keyframe:
        self._series.follow(now)
        self.keyframe_due = False
        retained = list(self._series.retained.values())
        return _Keyframe(self._series.members.ordered, retained, {one.series.id for one in retained})

    def _next_part(
        self, keyframe: _Keyframe, now: float, max_bytes: int, events_held: tuple[int, int], final: int
    ) -> Encoded:
        """Encode as many of the keyframe's series as fit into one frame, with the values they have now."""
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
            encoded = self._encode(keyframe.build(count, self.pause), frame, max_bytes, completes=count == remaining)
            if encoded is not None:
                keyframe.seq = encoded.seq
                keyframe.part += 1
                keyframe.next += count
                return encoded
            if count <= 1:
                raise ValueError(f"max_payload leaves {max_bytes} bytes for a frame, and {MIN_FRAME_BYTES} are needed")
            count = keyframe.fits = count // 2

    def _encode(
        self, builder: FrameBuilder, frame: Frame, max_bytes: int, *, completes: bool = False
    ) -> Encoded | None:
        """Encode a frame and give it its number; None, and nothing has changed, when it is too large."""
        if self._coverage is not None:
            frame.coverage, absences = self._coverage()
            frame.absences = absences if any(absences) else None
        try:
            data = encode(builder.fill(frame))
        except FrameError:
            data = None
        self._series.stopped(builder.stopped)
        if data is None or len(data) > max_bytes:
            return None
        self._journal.reserve(self.epoch, frame.seq)
        self.seq = frame.seq
        marks: list[Mark] = []
        for series in builder.taken:
            series.base = series.fresh
            if series.marks is not None:
                marks += series.marks()
        last_event = -1 if frame.events_held is None else frame.events_held[1]
        return Encoded(frame.seq, data, completes, last_event, tuple(marks))


@dataclass(slots=True)
class _Keyframe:
    """A keyframe on its way: its series, settled when it began, and how far it is.

    `fits` is how many series a part may have: what was too much for one is not tried again for each of them.
    One `is_repeated` says what was encoded last, and reads nothing.
    """

    members: list[EpochSeries]
    retained: list[Retained]
    removed: set[int]
    part: int = 0
    next: int = 0
    seq: int = 0
    fits: int = MAX_DEFINED
    is_repeated: bool = False

    @property
    def complete(self) -> bool:
        return self.part > 0 and self.next == len(self.members)

    def build(self, count: int, pause: Pause) -> FrameBuilder:
        """Take the next `count` series: definition, value in this epoch, whether it was removed."""
        members = self.members[self.next : self.next + count]
        removed = [series.id for series in members if series.id in self.removed]
        for at in range(0, len(members), READ_TOGETHER):
            for series in members[at : at + READ_TOGETHER]:
                series.fresh = self._value(series)
            pause()
        return FrameBuilder(members, removed, is_keyframe=True, pause=pause)

    def _value(self, series: EpochSeries) -> SeriesValue:
        return series.base if self.is_repeated and series.base is not None else series.value()
