"""Know the places of a fleet, their epochs, and the rows that slots refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np

from fog_aggregator.core.budget.budget import EPOCH_BYTES, PLACE_BYTES, info_bytes, path_bytes
from fog_aggregator.core.columns import Bools, Int32s
from fog_aggregator.core.kinds import kind_named
from fog_aggregator.core.news import News
from fog_aggregator.core.places.branch import Branch
from fog_aggregator.core.places.epoch import Epoch, KeyframeRun, restored
from fog_aggregator.core.places.learned import LearnedNodes
from fog_aggregator.core.places.node import Node
from fog_aggregator.core.places.place import Place
from fog_aggregator.core.places.rows import CLOSED, MOST_ROWS, STALE_INTERVALS, EpochColumns, Rows
from fog_aggregator.core.saved import (
    DamagedError,
    Saved,
    as_bytes,
    as_count,
    as_flag,
    as_integer,
    as_is,
    as_list,
    as_path,
    as_text,
    as_text_mapping,
)
from fog_schema.paths import Path

EPOCH_COLUMNS: Final[Mapping[str, type[np.generic]]] = {
    "row": np.int64,
    "id": np.uint64,
    "seq": np.int64,
    "birth": np.float64,
    "last_seen": np.float64,
    "observed": np.float64,
    "shared": np.bool_,
    "gapped": np.bool_,
    "returning": np.bool_,
    "huge": np.bool_,
    "gaps": np.int64,
    "keyframes": np.int64,
}
"""The fields that are saved of every epoch, each a column. How far a keyframe has come is saved apart."""

PLACES: Final[Mapping[bool, type[Place]]] = {cls.branch: cls for cls in (Node, Branch)}
"""The sorts of places, by whether they are branches."""


class Roster:
    """The places of a fleet.

    Attributes:
        rows: what a rollup needs of all places and epochs at once.
        gapped: the epochs that a keyframe is wanted from.
        askable: those of them that were heard since they were looked at last.
        info_version: grows whenever the information of a place changes.
        out: since when an operator has taken a place's numbers out (server's time), by the place's row.
        learned: nodes that are expected though they have retired.
        closed_early: how many epochs were closed before the horizon, as their path had too many silent ones.
        news: the places that came (true) and went lately; its version also grows when places are taken out or in.
    """

    def __init__(self, learned: LearnedNodes | None = None) -> None:
        self.rows = Rows()
        self.learned = LearnedNodes() if learned is None else learned
        self.gapped: dict[Epoch, Path] = {}
        self.out: dict[int, float] = {}
        self.askable: dict[Epoch, Path] = {}
        self.info_version = 0
        self.closed_early = 0
        self.news: News[tuple[Place, bool]] = News()
        self._beside = 0
        self._epochs = 0
        self._places: dict[Path, Place] = {}
        self._composites: dict[Path, Branch] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places.values())

    @property
    def bytes(self) -> int:
        """Return what places and epochs take."""
        places = PLACE_BYTES * len(self._places) + self._beside
        return places + EPOCH_BYTES * self._epochs + self.learned.bytes

    def begin_epoch(self, place: Place, number: int, *, closed_before: bool) -> Epoch:
        """Begin an epoch of a place, see `Place.begin_epoch`."""
        self._epochs += 1
        return place.begin_epoch(number, self.rows, closed_before=closed_before)

    def note_info(self, place: Place, info: Mapping[str, str]) -> None:
        """Take note that a place will have other information."""
        self._beside += info_bytes(info) - info_bytes(place.info)

    @property
    def places(self) -> Mapping[Path, Place]:
        """All places by path; not to be changed."""
        return MappingProxyType(self._places)

    def get(self, where: Path) -> Place | None:
        """Return the place at a path."""
        return self._places.get(where)

    def add(self, where: Path, *, rollup: bool, observed: float, first_seen: float) -> Place:
        """Add a place whose first frame has come; with `rollup` on a rollup subject."""
        cls = PLACES[rollup]
        row = self.rows.new_place(counts_itself=cls.counts_itself)
        closed = restored(self.rows.new_epoch(row), CLOSED, self.rows.epochs, {"observed": observed})
        place = self._places[where] = cls(where, row, closed, first_seen)
        self._beside += path_bytes(where)
        self.learned.come_back(where)
        if place.covers_below:
            self._composites[where] = cast("Branch", place)
        self.news.add((place, True))
        return place

    def add_group(self, where: Path) -> Place:
        """Add a group of retired nodes."""
        row = self.rows.new_place(counts_itself=False, retired=True)
        place = self._places[where] = Node(where, row, Epoch(self.rows.new_epoch(row), CLOSED, self.rows.epochs))
        self._beside += path_bytes(where)
        self.news.add((place, True))
        return place

    def remove(self, place: Place) -> None:
        """Remove a place that has no epochs and no counts any more."""
        del self._places[place.path]
        self._beside -= path_bytes(place.path) + info_bytes(place.info)
        self._composites.pop(place.path, None)
        self.out.pop(place.row, None)
        self.rows.free_epoch(place.closed.let_go())
        self.rows.free_place(place.row)
        self.news.add((place, False))

    def forget_epoch(self, place: Place, epoch: Epoch) -> None:
        """Remove an epoch that was closed."""
        del place.epochs[epoch.id]
        place.withdraw_tickets()
        self._epochs -= 1
        place.closed_epochs += 1
        self.rows.free_epoch(epoch.let_go())
        self.gapped.pop(epoch, None)
        self.askable.pop(epoch, None)
        place.elect(self.rows)

    def note_end(self, place: Place) -> None:
        """Take note that a writer of a place has ended in good order: so has the place, if no other is heard."""
        oldest = self.rows.silent_since(place.row)
        others = any(epoch.last_seen >= oldest for epoch in place.epochs.values())
        self.rows.ended[place.row] = place.counts_itself and not others

    def note_gap(self, place: Place, epoch: Epoch) -> None:
        """Want a keyframe of an epoch that is gapped, unless nothing is read of its place."""
        if place.row not in self.out:
            self.gapped[epoch] = self.askable[epoch] = place.path

    def require_keyframes(self) -> None:
        """Want a keyframe of every epoch: each may have a hole."""
        for where in self._places:
            self.miss(where)

    def miss(self, path: Path) -> None:
        """Want a keyframe of every epoch of a path, if there is a place."""
        place = self._places.get(path)
        if place is not None:
            for epoch in place.epochs.values():
                epoch.need_keyframe()
                self.note_gap(place, epoch)

    def take_out(self, place: Place, at: float) -> None:
        """Take the numbers of a place out of everything, by an order of a time; nothing is asked of its writers."""
        self.out[place.row] = at
        for epoch in place.epochs.values():
            self.gapped.pop(epoch, None)
            self.askable.pop(epoch, None)
        self.news.version += 1

    def take_in(self, place: Place, observed: float) -> None:
        """Take the numbers of a place in as they are known; its writers have counted on, and are asked for keyframes.

        Nothing was heard of it while it was out, so horizons begin anew at `observed` (observed time).
        """
        del self.out[place.row]
        place.closed.observed = max(place.closed.observed, observed)
        for epoch in place.epochs.values():
            epoch.need_keyframe()
            epoch.observed, epoch.run = observed, None
            self.gapped[epoch] = self.askable[epoch] = place.path
        self.news.version += 1

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        self.rows.last_seen += seconds
        self.out = {row: at + seconds for row, at in self.out.items()}
        for branch in self.composites():
            branch.succession.shift(seconds)
        for place in self:
            place.first_seen += seconds
            for epoch in place.epochs.values():
                epoch.shift(seconds)

    def to_ask(self, now: float) -> list[tuple[Path, int]]:
        """Return the writers that a keyframe is wanted from, and that were heard lately: others would not answer.

        A silent one is looked at once, and not again before it is heard.
        """
        self.askable = {epoch: where for epoch, where in self.askable.items() if self._may_answer(epoch, where, now)}
        return [(where, epoch.id) for epoch, where in self.askable.items()]

    def _may_answer(self, epoch: Epoch, where: Path, now: float) -> bool:
        patience = STALE_INTERVALS * float(self.rows.interval[self._places[where].row])
        return epoch.gapped and now - epoch.last_seen <= patience

    def is_retired(self, place: Place) -> bool:
        """Tell whether a place is a group of retired nodes."""
        return bool(self.rows.retired[place.row])

    def hidden_places(self) -> Bools:
        """Tell which places an operator has taken out, by their rows."""
        hidden = np.zeros(len(self.rows.last_seen), np.bool_)
        hidden[list(self.out)] = True
        return hidden

    def hidden_epochs(self) -> Bools:
        """Tell which epochs are of a place that an operator has taken out, by the epoch's row."""
        place = self.rows.epoch_place
        return self.are_hidden(place)

    def are_hidden(self, places: Int32s) -> Bools:
        """Tell which rows of places an operator has taken out; -1 is none."""
        if not self.out:
            return np.zeros(len(places), np.bool_)
        return (places >= 0) & self.hidden_places()[places]

    def composites(self) -> Iterator[Branch]:
        """Return the places that stand for more, or less, than one node."""
        return iter(self._composites.values())

    def composite(self, where: Path) -> Branch | None:
        """Return such a place at a path."""
        return self._composites.get(where)

    def closed_rows(self) -> Bools:
        """Tell which rows of epochs are closed totals."""
        closed = np.zeros(len(self.rows.epoch_place), np.bool_)
        closed[[one.row for place in self for one in place.closed_totals]] = True
        return closed

    def image(self) -> Saved:
        """Return all places, and their epochs as columns."""
        places = list(self)
        owned = [(place.row, epoch) for place in places for epoch in place.holders]
        rows = np.array([place.row for place in places], np.int64)
        arrays = {
            "place.row": rows,
            "place.first_seen": np.array([place.first_seen for place in places], np.float64),
            "place.retired": self.rows.retired[rows],
            "place.last_seen": self.rows.last_seen[rows],
            "place.audible_at": self.rows.audible_at[rows],
            "place.ended": self.rows.ended[rows],
            "place.interval": self.rows.interval[rows],
            "epoch.place": np.array([row for row, _ in owned], np.int64),
        }
        for name, dtype in EPOCH_COLUMNS.items():
            arrays[f"epoch.{name}"] = np.array([getattr(epoch, name) for _, epoch in owned], dtype)
        plain = {
            "places": [
                (place.path, place.branch, place.info, place.ephemeral, place.baselines, place.closed_epochs)
                for place in places
            ],
            "details": [(place.path, place.details) for place in places if place.details is not None],
            "runs": [
                (place.path, epoch.id, epoch.run.next_part, [(kind.name, ids.tobytes()) for kind, ids in epoch.run.ids])
                for place in places
                for epoch in place.epochs.values()
                if epoch.run is not None
            ],
            "closed_early": self.closed_early,
        }
        return Saved(plain, arrays)

    def restore(self, saved: Saved) -> None:
        """Take over the places of a checkpoint; what their gauges count for follows from an election."""
        self._restore_places(saved)
        self._restore_epochs(saved)
        self._restore_details(saved)
        for place in self:
            place.elect(self.rows)
        self._epochs = sum(len(place.epochs) for place in self)
        self._beside = sum(path_bytes(place.path) + info_bytes(place.info) for place in self)
        self.news.forget()

    def _restore_places(self, saved: Saved) -> None:
        places = saved.records("places", _where, as_flag, as_text_mapping, as_flag, as_count, as_count)
        columns = {
            name: saved.column(f"place.{name}", dtype, len(places))
            for name, dtype in (
                ("row", np.int64),
                ("first_seen", np.float64),
                ("retired", np.bool_),
                ("ended", np.bool_),
                ("last_seen", np.float64),
                ("audible_at", np.float64),
                ("interval", np.float64),
            )
        }
        interval, moments = columns["interval"], np.stack([columns["last_seen"], columns["audible_at"]])
        if not ((interval >= 0) & (interval < np.inf)).all() or not (moments < np.inf).all():
            raise DamagedError("place.interval, last_seen or audible_at has what is no time")
        rows, nothing = _distinct("place.row", columns["row"]), Epoch(-1, CLOSED, EpochColumns())
        self.rows.reserve(rows, _distinct("epoch.row", saved.column("epoch.row", np.int64)))
        for name in ("retired", "ended", "last_seen", "audible_at", "interval"):
            getattr(self.rows, name)[rows] = columns[name]
        for (where, branch, info, ephemeral, baselines, closed), row, first_seen in zip(
            places, rows, columns["first_seen"].tolist(), strict=True
        ):
            place = PLACES[branch](where, row, nothing, first_seen)
            place.info, place.ephemeral, place.baselines, place.closed_epochs = info, ephemeral, baselines, closed
            self._places[where] = place
            self.rows.counts_itself[row] = place.counts_itself and not self.rows.retired[row]
            self.rows.ephemeral[row] = ephemeral
            if place.covers_below:
                self._composites[where] = cast("Branch", place)
        if len(self._places) != len(places):
            raise DamagedError("places has one path twice")

    def _restore_epochs(self, saved: Saved) -> None:
        by_row = {place.row: place for place in self}
        owners = saved.column("epoch.place", np.int64)
        columns = [saved.column(f"epoch.{name}", dtype, len(owners)) for name, dtype in EPOCH_COLUMNS.items()]
        for owner, *values in zip(owners.tolist(), *(column.tolist() for column in columns), strict=True):
            known, place = dict(zip(EPOCH_COLUMNS, values, strict=True)), by_row.get(owner)
            epoch = restored(known.pop("row"), known.pop("id"), self.rows.epochs, known)
            if place is None:
                raise DamagedError(f"epoch.place has {owner}, which is no place's row")
            self.rows.epoch_place[epoch.row] = owner
            if epoch.id == CLOSED:
                place.restore_closed(epoch)
            else:
                place.epochs[epoch.id] = epoch
                self.rows.adds_up[epoch.row] = place.adds_up
                if epoch.gapped:
                    self.gapped[epoch] = self.askable[epoch] = place.path
        found = sum(len(place.holders) for place in self)
        if any(place.closed.row < 0 for place in self) or found != len(owners):
            raise DamagedError("a place has no closed total, or one epoch twice")

    def _restore_details(self, saved: Saved) -> None:
        self.closed_early = saved.value("closed_early", as_count)
        for where, details in saved.records("details", as_path, as_is):
            self._known(where).restore_details(details)
        for where, number, next_part, ids in saved.records("runs", as_path, as_integer, as_count, _run):
            epoch = self._known(where).epochs.get(number)
            if epoch is None:
                raise DamagedError(f"runs has the epoch {number}, which is not at {where}")
            epoch.run = KeyframeRun(next_part, ids, None)

    def _known(self, where: Path) -> Place:
        place = self._places.get(where)
        if place is None:
            raise DamagedError(f"{where} is no place")
        return place


def _distinct(name: str, rows: np.ndarray) -> list[int]:
    """Check that rows are not negative, and that none is there twice or far beyond the others."""
    found: list[int] = rows.tolist()
    if len(set(found)) != len(found) or min(found, default=0) < 0 or max(found, default=0) >= MOST_ROWS:
        raise DamagedError(f"the column {name} has a row twice, or one that cannot be")
    return found


def _where(value: Any) -> Path:
    """Check that a value is the path of a place."""
    where = as_path(value)
    if not where:
        raise DamagedError("a place has the empty path")
    return where


def _run(value: Any) -> list[tuple[Any, Any]]:
    """Check that a value is a list of kinds with ids."""
    found = []
    for pair in as_list(value):
        name, ids = as_list(pair) if len(as_list(pair)) == 2 else ("", b"")
        try:
            found.append((kind_named(as_text(name)), np.frombuffer(as_bytes(ids), np.int64)))
        except ValueError as error:
            raise DamagedError(str(error)) from None
    return found
