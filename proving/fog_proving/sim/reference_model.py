"""Read frames by SPEC.md word for word, one number at a time: the slow twin of the state.

The books alone cannot say what a fleet must show of a writer that is gone: that depends on what was read of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, replace

from fog_aggregator.core.engine.defaults import DEPARTED_SECONDS
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_proving.sim.books import HORIZON, INTERVAL, Cells, EpochBook, Violation, add
from fog_proving.sim.programs import spread
from fog_proving.sim.programs.series import ModelSeries
from fog_schema.codec import decode
from fog_schema.definitions import definitions_of
from fog_schema.frames import FINAL, KEYFRAME, LAST_PART, Frame
from fog_schema.paths import Path, is_under


@dataclass(slots=True)
class _Keyframe:
    """A keyframe whose parts are being read: its ids until now, and the number of the part that must be next."""

    ids: set[int] = field(default_factory=set)
    next_part: int = 0


@dataclass(slots=True)
class _Return:
    """The return of an epoch that was closed without its final.

    Attributes:
        closed_at: what each id had counted when the epoch was closed.
        forgiven: what was counted between the epoch's close and its return.
        happened: the epoch was closed at least once.
        returning: it has sent something again, and no complete keyframe yet.
    """

    closed_at: dict[int, Cells] = field(default_factory=dict)
    forgiven: Cells = field(default_factory=dict)
    happened: bool = False
    returning: bool = False

    def copy(self) -> _Return:
        return replace(self, closed_at=dict(self.closed_at), forgiven=dict(self.forgiven))


@dataclass(slots=True)
class EpochModel:
    """One epoch, as far as it was read.

    Attributes:
        seq: the last frame's number.
        taken: the numbers of all frames that were changes.
        series: what is known of each id.
        retained: what ids had counted that are no longer in use, and of an epoch that returned what is not its own.
        closed: it was closed without its final.
        comeback: what its return after that has changed.
        forgotten_at: observed time at which its node was forgotten; None while it is not.
        final: it has ended.
        observed_seconds: observed time at its last frame.
        last_seen: server's time of its last frame.
        keyframe: the keyframe that is being read, if one is.
        is_complete: a keyframe was read completely, and no frame is missing since.
    """

    seq: int = 0
    taken: set[int] = field(default_factory=set)
    series: dict[int, ModelSeries] = field(default_factory=dict)
    retained: Cells = field(default_factory=dict)
    closed: bool = False
    comeback: _Return = field(default_factory=_Return)
    forgotten_at: float | None = None
    final: bool = False
    observed_seconds: float = 0.0
    last_seen: float = 0.0
    keyframe: _Keyframe | None = None
    is_complete: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is an epoch of its own, neither closed nor ended nor forgotten."""
        return not (self.final or self.closed) and self.forgotten_at is None

    def read(self, frame: Frame) -> bool:
        """Take a frame; tell whether it changed anything."""
        is_keyframe = frame.kind == KEYFRAME
        if self.final or frame.seq <= self.seq or (self.closed and not is_keyframe):
            return False
        if self.closed:
            self.closed, self.comeback.returning = False, True
        if self.forgotten_at is not None:
            self.forgotten_at, self.keyframe = None, None
        gap = frame.seq != self.seq + 1
        self.seq = frame.seq
        self.taken.add(frame.seq)
        self.is_complete = self.is_complete and not gap
        fresh = self._define(frame)
        self._merge(frame, is_keyframe=is_keyframe)
        if self.comeback.returning and is_keyframe:
            self._forgive(fresh)
        if is_keyframe and frame.part == 0:
            self.keyframe = _Keyframe()
        elif gap or not is_keyframe or (self.keyframe and frame.part != self.keyframe.next_part):
            self.keyframe = None
        if is_keyframe and self.keyframe is not None:
            self._part(frame, self.keyframe)
        return True

    def close(self) -> None:
        """Close it after too long a silence: its counts until now stand, and it goes on from its return."""
        self.comeback.closed_at |= {number: series.cells() for number, series in self.series.items()}
        for series in self.series.values():
            add(self.retained, series.cells())
        self.series, self.keyframe, self.is_complete, self.forgotten_at = {}, None, False, None
        self.closed, self.comeback.happened, self.comeback.returning = True, True, False

    def total(self) -> Cells:
        """Return what it counts for."""
        total = dict(self.retained)
        for series in self.series.values():
            add(total, series.cells())
        return total

    def copy(self) -> EpochModel:
        """Return a copy that goes its own way."""
        other = copy(self)
        other.taken, other.retained, other.comeback = set(self.taken), dict(self.retained), self.comeback.copy()
        other.series = {number: copy(series) for number, series in self.series.items()}
        for series in other.series.values():
            series.row = list(series.row)
        if self.keyframe is not None:
            other.keyframe = replace(self.keyframe, ids=set(self.keyframe.ids))
        return other

    def _forgive(self, fresh: list[int]) -> None:
        """Count ids that a keyframe of a returning epoch has defined from here on, less what they had counted."""
        for number in fresh:
            cells = self.series[number].cells()
            add(self.retained, cells, -1)
            add(self.comeback.forgiven, cells)
            add(self.comeback.forgiven, self.comeback.closed_at.pop(number, {}), -1)

    def _define(self, frame: Frame) -> list[int]:
        fresh = []
        for definition in definitions_of(frame):
            bounds = spread.LADDER.bounds if definition.name == spread.SPREAD else definition.bounds
            zeros: list[float] = [0] * (len(bounds) + 2 if bounds else 1)
            for number, labels in definition.series():
                if number not in self.series and definition.incremental:
                    self.series[number] = ModelSeries(definition.name, tuple(sorted(labels)), bounds, zeros)
                    fresh.append(number)
        return fresh

    def _merge(self, frame: Frame, *, is_keyframe: bool) -> None:
        for section in (frame.counters, frame.fractions):
            if section is not None:
                for number, value in zip(section.ids.tolist(), section.values.tolist(), strict=True):
                    self._set(number, [value], add=not is_keyframe and section is frame.counters)
        for group in frame.histograms:
            counts, size = group.counts.tolist(), group.width
            for place, (number, total) in enumerate(zip(group.ids.tolist(), group.sums.tolist(), strict=True)):
                self._set(number, [*counts[place * size : (place + 1) * size], total], add=not is_keyframe)

        for number, reported in spread.read(frame.exponentials) if frame.exponentials is not None else ():
            if (series := self.series.get(number)) is not None:
                series.take(reported, add=not is_keyframe)

    def _set(self, number: int, row: list[float], *, add: bool) -> None:
        series = self.series.get(number)
        if series is None:
            return
        if add:
            counted = [then + now for then, now in zip(series.row, row, strict=True)]
            series.row = [*counted[:-1], row[-1]] if len(row) > 1 else counted
        elif len(row) == 1:
            series.row = [max(series.row[0], row[0])]
        else:
            counted = row if sum(row[:-1]) >= sum(series.row[:-1]) else series.row
            series.row = [*map(max, series.row[:-1], row[:-1]), counted[-1]]

    def _part(self, frame: Frame, keyframe: _Keyframe) -> None:
        keyframe.next_part += 1
        for definition in definitions_of(frame):
            keyframe.ids.update(definition.ids.tolist())
        if not frame.flags & LAST_PART:
            return
        for number in self.series.keys() - keyframe.ids:
            add(self.retained, self.series.pop(number).cells())
        self.keyframe, self.comeback.returning, self.is_complete = None, False, True
        self.final = bool(frame.flags & FINAL)


def acknowledged(book: EpochBook) -> Cells:
    """Add up the frames that the stream acknowledged, in the order of their acknowledgement."""
    model = EpochModel()
    for data in book.acknowledged:
        model.read(decode(data))
    return model.total()


class Lineage:
    """All that one line of checkpoints and their readers has read.

    Attributes:
        now: the newest server timestamp read.
        epochs: every epoch that was read, by path and number.
        observed_seconds: seconds during which the streams were read to their end.
        complete: it began with a checkpoint, or has read the streams to their end.
        retired: paths whose counts have moved to a group of retired ones.
        requests_done: when the requests to forget were stored that were done.
        needs_round: everybody must be asked for a keyframe, and answer, before an aggregator is ready.
        listened_until: when the reader listened last.
        orders: the operators' orders that were read, by their path: each with its time, and whether it takes out.
        done: the orders before which all that was stored was read at some moment since they were known.
        kept_out: epochs with a frame that was not read, as its path was out.
        silences: for how long each path may have been silent at most, as the reader listened, seconds.
    """

    def __init__(self) -> None:
        self.epochs: dict[tuple[Path, int], EpochModel] = {}
        self.now = 0.0
        self.observed_seconds = 0.0
        self.complete = False
        self.retired: set[Path] = set()
        self.requests_done: set[float] = set()
        self.needs_round = True
        self.orders: dict[Path, list[tuple[float, bool]]] = {}
        self.done: set[tuple[Path, float]] = set()
        self.kept_out: set[tuple[Path, int]] = set()
        self.silences: dict[Path, float] = {}
        self.listened_until = 0.0

    def read(self, path: Path, frame: Frame, timestamp: float, *, ghost: bool) -> None:
        """Take a frame that was stored at a time, unless it is a ghost, or its path is out."""
        if self.is_out(path, timestamp):
            self.kept_out.add((path, frame.epoch))
            return
        if timestamp > self.now:
            self.listen(min(timestamp - self.now, INTERVAL))
            self.now = timestamp
        model = self.epochs.get((path, frame.epoch))
        if model is None:
            if ghost:
                return
            model = self.epochs[path, frame.epoch] = EpochModel()
        if model.read(frame):
            model.observed_seconds = self.observed_seconds
            model.last_seen = max(model.last_seen, timestamp)
            self.silences[path] = min(self.silences.get(path, float("inf")), self.now - timestamp)

    def check_ghost(self, path: Path, frame: Frame, age: float, *, refused: bool, slack: float) -> bool:
        """Tell whether a frame is a ghost: of an epoch not known, older than the horizon; in doubt as the fleet says.

        Raises:
            Violation: the fleet took one, or refused what is none.
        """
        if (path, frame.epoch) in self.epochs:
            return False
        if abs(age - HORIZON) <= slack and self.complete:
            return refused
        ghost = self.complete and age > HORIZON
        if ghost is not refused:
            raise Violation(f"a frame of {path} that is {age:.0f} s old is {'refused' if refused else 'taken'}")
        return ghost

    def order(self, path: Path, at: float, *, out: bool) -> None:
        """Take an operator's order; one that was read before, or orders what is so already, changes nothing."""
        orders = self.orders.get(path, [])
        last, was_out = orders[-1] if orders else (0.0, False)
        if at > last and out is not was_out:
            for key, model in self.epochs.items() if was_out else ():
                if is_under(key[0], path):  # nothing was heard of it meanwhile: its silence begins with the lift
                    model.observed_seconds = self.observed_seconds
            self.orders[path] = [*orders, (at, out)]

    def is_out(self, path: Path, at: float) -> bool:
        """Tell whether a path, or one above it, is out at a moment."""
        over = (self.orders.get(path[:tokens], []) for tokens in range(1, len(path) + 1))
        return any([out for when, out in orders if when <= at][-1:] == [True] for orders in over)

    def in_force(self, until: float) -> set[Path]:
        """Return the paths that are out by orders before which all is read, until some moment by now."""
        self.done = self.done | {(path, at) for path, orders in self.orders.items() for at, _ in orders if at < until}
        done = ((path, [out for at, out in orders if (path, at) in self.done]) for path, orders in self.orders.items())
        return {path for path, orders in done if orders[-1:] == [True]}

    def check_kept_out(self, fleet: Fleet, keys: Iterable[tuple[Path, int]]) -> None:
        """Check that a fleet has read nothing of some epochs beyond what is read here.

        Raises:
            Violation: it has.
        """
        for path, number in keys:
            place, model = fleet.places.get(path), self.epochs.get((path, number))
            epoch = place.epochs.get(number) if place is not None else None
            if epoch is not None and epoch.seq > (model.seq if model is not None else 0):
                raise Violation(f"frame {epoch.seq} of {path} is read, and the path is out")

    def taken_out(self, in_force: Iterable[Path], paths: Iterable[Path]) -> set[Path]:
        """Return which of some paths are in no number; the counts of one that has retired are its parent's."""
        over = tuple(in_force)
        return {path for path in paths if path not in self.retired and any(is_under(path, one) for one in over)}

    def heard_lately(self) -> set[int]:
        """Return the epochs at paths that cannot have been silent for 3 intervals, save those that others outlived."""
        patience = STALE_INTERVALS * INTERVAL
        newest: dict[Path, float] = {}
        for (path, _), model in self.epochs.items():
            newest[path] = max(newest.get(path, 0.0), model.last_seen)
        return {
            number
            for (path, number), model in self.epochs.items()
            if self.silences.get(path, patience) < patience and model.last_seen > newest[path] - patience
        }

    def listen(self, seconds: float) -> None:
        """Let time pass in which a node may have been heard."""
        for path in self.silences:
            self.silences[path] += seconds

    def listen_until(self, now: float, longest: float = 0.0) -> None:
        """Let time pass until `now`, as much as a reader counts that listens once an interval, or as often as told."""
        self.listen(min(now - self.listened_until, max(longest, INTERVAL)))
        self.listened_until = now

    def check_silences(self, fleet: Fleet, now: float) -> None:
        """Check that no node is called silent for time in which nobody could have been heard.

        Raises:
            Violation: one is.
        """
        live = fleet.live_rows(now)
        for path, silent in self.silences.items():
            place = fleet.places.get(path)
            if place is not None and not live[place.row] and silent < STALE_INTERVALS * INTERVAL:
                raise Violation(f"{path} is silent, but for {silent:.0f} s at most as far as the reader could hear")

    def close_silent(self, fleet: Fleet, horizon: float) -> None:
        """Note which epochs a fleet has closed, which must have been silent for the horizon."""
        for key, model in self._open(fleet):
            if self.observed_seconds - model.observed_seconds <= horizon:
                raise Violation(
                    f"epoch {key} is closed after {self.observed_seconds - model.observed_seconds:.0f} s of silence"
                )
            model.close()
        known = set(fleet.parts.forgotten)
        for key, model in self.epochs.items():
            if model.forgotten_at is not None and key not in known:
                if (since := self.observed_seconds - model.forgotten_at) < horizon:
                    raise Violation(f"epoch {key} is given up {since:.0f} s after its node was forgotten")
                model.close()

    def close_crowd(self, fleet: Fleet, newcomer: tuple[Path, int], limit: int) -> None:
        """Note which epochs a fleet has closed for a newcomer: the longest silent of too many silent ones."""
        since = self.now - STALE_INTERVALS * INTERVAL
        silent = sorted(
            model.last_seen for key, model in self._at(newcomer[0]) if key != newcomer and model.last_seen < since
        )
        for key, model in self._open(fleet):
            if key[0] != newcomer[0] or model.last_seen not in silent[: max(0, len(silent) - limit)]:
                raise Violation(f"epoch {key} is closed, one of {len(silent)} silent ones")
            model.close()

    def forget(self, gone: Iterable[Path], now: float) -> None:
        """Note that nodes were forgotten, which must have departed; what their epochs counted stays known."""
        for path in gone:
            self.retired.add(path)
            for key, model in self._at(path):
                if now - model.last_seen <= DEPARTED_SECONDS:
                    raise Violation(f"epoch {key} is forgotten after {now - model.last_seen:.0f} s")
                model.forgotten_at = self.observed_seconds

    def copy(self) -> Lineage:
        """Return a copy that goes its own way, as a checkpoint does."""
        other = copy(self)
        other.retired, other.silences = set(self.retired), dict(self.silences)
        other.requests_done, other.kept_out = set(self.requests_done), set(self.kept_out)
        other.orders = dict(self.orders)
        other.epochs = {key: model.copy() for key, model in self.epochs.items()}
        return other

    def _at(self, path: Path) -> list[tuple[tuple[Path, int], EpochModel]]:
        """Return the epochs at a path that are neither closed nor ended."""
        return [(key, model) for key, model in self.epochs.items() if key[0] == path and model.counts]

    def _open(self, fleet: Fleet) -> list[tuple[tuple[Path, int], EpochModel]]:
        """Name what should be an epoch of the fleet, and is not."""
        return [
            (key, model)
            for key, model in self.epochs.items()
            if model.counts and not ((node := fleet.places.get(key[0])) and key[1] in node.epochs)
        ]
