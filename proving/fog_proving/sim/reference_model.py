"""Read frames by SPEC.md word for word, one number at a time: the slow twin of the state.

The books alone cannot say what a fleet must show of a writer that is gone: that depends on what was read of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field

from fog_aggregator.core.engine.defaults import DEPARTED_SECONDS
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_proving.sim.books import INTERVAL, Cells, EpochBook, Labels, Violation, add, cells_of
from fog_schema.codec import decode, decode_definitions
from fog_schema.frames import FINAL, GAUGE, HISTOGRAM, KEYFRAME, LAST_PART, Frame
from fog_schema.paths import Path


@dataclass(slots=True)
class _Series:
    name: str
    labels: Labels
    bounds: tuple[float, ...]
    row: list[float]

    def cells(self) -> Cells:
        return dict(cells_of(self.name, self.labels, self.bounds, self.row))


@dataclass(slots=True)
class Told:
    """One epoch, as far as it was read.

    Attributes:
        seq: the last frame's number.
        taken: the numbers of all frames that were changes.
        series: what is known of each id.
        kept: what ids had counted that are no longer borne, and of an epoch that returned what is not its own.
        forgiven: what was counted between the epoch's folding and its return.
        stood_at: what each id had counted when it was folded.
        folded: it was folded without its final.
        returned: that has happened to it.
        returning: and a keyframe says where to go on.
        final: it has ended.
        watched: watched time at its last frame.
        heard: server's time of its last frame.
    """

    seq: int = 0
    taken: set[int] = field(default_factory=set)
    series: dict[int, _Series] = field(default_factory=dict)
    kept: Cells = field(default_factory=dict)
    forgiven: Cells = field(default_factory=dict)
    stood_at: dict[int, Cells] = field(default_factory=dict)
    folded: bool = False
    returned: bool = False
    returning: bool = False
    final: bool = False
    watched: float = 0.0
    heard: float = 0.0
    run: set[int] | None = None
    next_part: int = 0
    whole: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is an epoch of its own, neither folded nor ended."""
        return not (self.final or self.folded)

    def read(self, frame: Frame) -> bool:
        """Take a frame; whether it was changes."""
        whole = frame.kind == KEYFRAME
        if self.final or frame.seq <= self.seq or (self.folded and not whole):
            return False
        if self.folded:
            self.folded, self.returning = False, True
        gap = frame.seq != self.seq + 1
        self.seq = frame.seq
        self.taken.add(frame.seq)
        self.whole = self.whole and not gap
        fresh = self._define(frame)
        self._merge(frame, whole=whole)
        if self.returning and whole:
            for number in fresh:
                cells = self.series[number].cells()
                add(self.kept, cells, -1)
                add(self.forgiven, cells)
                add(self.forgiven, self.stood_at.pop(number, {}), -1)
        if whole and frame.part == 0:
            self.run, self.next_part = set(), 0
        elif gap or not whole or frame.part != self.next_part:
            self.run = None
        if whole and self.run is not None:
            self._part(frame, self.run)
        return True

    def fold(self) -> None:
        """It was silent for too long: what it counted until now stands, and it goes on from its return."""
        self.stood_at |= {number: series.cells() for number, series in self.series.items()}
        for series in self.series.values():
            add(self.kept, series.cells())
        self.series, self.run, self.whole = {}, None, False
        self.folded, self.returned, self.returning = True, True, False

    def total(self) -> Cells:
        """Return what it counts for."""
        total = dict(self.kept)
        for series in self.series.values():
            add(total, series.cells())
        return total

    def copy(self) -> Told:
        """Return a copy that goes its own way."""
        other = copy(self)
        other.taken, other.stood_at = set(self.taken), dict(self.stood_at)
        other.kept, other.forgiven = dict(self.kept), dict(self.forgiven)
        other.series = {number: copy(series) for number, series in self.series.items()}
        for series in other.series.values():
            series.row = list(series.row)
        other.run = None if self.run is None else set(self.run)
        return other

    def _define(self, frame: Frame) -> list[int]:
        fresh = []
        for definition in decode_definitions(frame.definitions) if frame.definitions else ():
            width = len(definition.bounds) + 2 if definition.type == HISTOGRAM else 1
            for number, labels in definition.series():
                if number not in self.series and definition.type != GAUGE:
                    self.series[number] = _Series(
                        definition.name, tuple(sorted(labels)), definition.bounds, [0] * width
                    )
                    fresh.append(number)
        return fresh

    def _merge(self, frame: Frame, *, whole: bool) -> None:
        for section in (frame.counters, frame.fractions):
            if section is not None:
                for number, value in zip(section.ids.tolist(), section.values.tolist(), strict=True):
                    self._set(number, [value], add=not whole and section is frame.counters)
        for group in frame.histograms:
            counts, width = group.counts.tolist(), group.width
            for place, (number, total) in enumerate(zip(group.ids.tolist(), group.sums.tolist(), strict=True)):
                self._set(number, [*counts[place * width : (place + 1) * width], total], add=not whole)

    def _set(self, number: int, row: list[float], *, add: bool) -> None:
        series = self.series.get(number)
        if series is None:
            return
        if add:
            counted = [then + now for then, now in zip(series.row, row, strict=True)]
            series.row = [*counted[:-1], row[-1]] if len(row) > 1 else counted
        elif len(row) == 1 or sum(row[:-1]) >= sum(series.row[:-1]):
            series.row = [max(series.row[0], row[0])] if len(row) == 1 else row

    def _part(self, frame: Frame, run: set[int]) -> None:
        self.next_part += 1
        for definition in decode_definitions(frame.definitions) if frame.definitions else ():
            run.update(definition.ids.tolist())
        if not frame.flags & LAST_PART:
            return
        for number in self.series.keys() - run:
            add(self.kept, self.series.pop(number).cells())
        self.run, self.returning, self.whole = None, False, True
        self.final = bool(frame.flags & FINAL)


def acknowledged(book: EpochBook) -> Cells:
    """Add up the frames that the stream acknowledged, in the order of their acknowledgement."""
    told = Told()
    for data in book.acknowledged:
        told.read(decode(data))
    return told.total()


class Lineage:
    """All that one line of checkpoints and their readers was told.

    Attributes:
        now: the newest server timestamp read.
        watched: seconds during which the streams were read to their end.
        complete: it began with a checkpoint, or has read the streams to their end.
        retired: paths whose counts have moved to a group of retired ones.
    """

    def __init__(self) -> None:
        self.told: dict[tuple[Path, int], Told] = {}
        self.now = 0.0
        self.watched = 0.0
        self.complete = False
        self.retired: set[Path] = set()

    def read(self, path: Path, frame: Frame, timestamp: float, horizon: float) -> None:
        """Take a frame, unless it is a ghost: of an epoch not known, and older than the horizon."""
        self.now = max(self.now, timestamp)
        told = self.told.get((path, frame.epoch))
        if told is None:
            if self.complete and timestamp < self.now - horizon:
                return
            told = self.told[path, frame.epoch] = Told()
        if told.read(frame):
            told.watched, told.heard = self.watched, max(told.heard, timestamp)

    def fold_silent(self, state: Fleet, horizon: float) -> None:
        """Note which epochs a state has folded, which must have been silent for the horizon."""
        for key, told in self._open(state):
            if self.watched - told.watched <= horizon:
                raise Violation(f"epoch {key} is folded after {self.watched - told.watched:.0f} s of silence")
            told.fold()

    def fold_crowd(self, state: Fleet, newcomer: tuple[Path, int], limit: int) -> None:
        """Note which epochs a state has folded for a newcomer: the longest silent of too many silent ones."""
        since = self.now - STALE_INTERVALS * INTERVAL
        silent = sorted(told.heard for key, told in self._at(newcomer[0]) if key != newcomer and told.heard < since)
        for key, told in self._open(state):
            if key[0] != newcomer[0] or told.heard not in silent[: max(0, len(silent) - limit)]:
                raise Violation(f"epoch {key} is folded, one of {len(silent)} silent ones")
            told.fold()

    def forget(self, gone: Iterable[Path], now: float) -> None:
        """Note that nodes were forgotten, which must have departed."""
        for path in gone:
            self.retired.add(path)
            for key, told in self._at(path):
                if now - told.heard <= DEPARTED_SECONDS:
                    raise Violation(f"epoch {key} is forgotten after {now - told.heard:.0f} s")
                told.fold()

    def copy(self) -> Lineage:
        """Return a copy that goes its own way, as a checkpoint does."""
        other = copy(self)
        other.retired = set(self.retired)
        other.told = {key: told.copy() for key, told in self.told.items()}
        return other

    def _at(self, path: Path) -> list[tuple[tuple[Path, int], Told]]:
        """Return the epochs at a path that are neither folded nor ended."""
        return [(key, told) for key, told in self.told.items() if key[0] == path and told.counts]

    def _open(self, state: Fleet) -> list[tuple[tuple[Path, int], Told]]:
        """Name what should be an epoch of the state, and is not."""
        return [
            (key, told)
            for key, told in self.told.items()
            if told.counts and not ((node := state.places.get(key[0])) and key[1] in node.epochs)
        ]
