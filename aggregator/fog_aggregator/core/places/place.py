"""Define what every place does: how its epochs begin, take frames and end, and what is shown of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np

from fog_aggregator.core.budget.budget import Room
from fog_aggregator.core.columns import Int64s, ids_array
from fog_aggregator.core.kinds import KINDS, Kind, Merge, SlotHolder, Tables
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.coverage import Coverage, Life
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.rows import Rows
from fog_aggregator.core.saved import DamagedError
from fog_schema.frames import EPHEMERAL, KEYFRAME, Frame
from fog_schema.paths import Path

Ids: TypeAlias = list[tuple[Kind, Int64s]]
"""Ids by their kind."""

NOTHING_BROUGHT: Final = Room(0, 0, 0)


class Place(ABC):
    """A path that was heard of, its epochs and what is known about it.

    Args:
        path: where it is.
        row: its place in `Rows`.
        closed: the pseudo-epoch of its closed total.
        first_seen: server's time of its first frame.

    Attributes:
        epochs: its epochs by their numbers.
        info: what its writers say of themselves (version, os, …).
        ephemeral: its leaving is no alert.
        baselines: how many epochs came back after they were closed.
        closed_epochs: how many epochs were closed.
        brought: what it added to the catalog since `brought_since`, in observed time.
        brought_since: when that began.
    """

    branch: ClassVar[bool]
    """Whether the API calls it a branch."""
    adds_up: ClassVar[bool]
    """Whether the counts of its epochs are part of its total."""
    takes_batches: ClassVar[bool]
    """Whether plain deltas of it may be merged together with those of other places."""
    counts_itself: ClassVar[bool]
    """Whether coverage counts it as one node."""
    asked_alone: ClassVar[bool]
    """Whether it must be asked for a keyframe alone: asked together with others, the nodes below it would answer."""
    covers_below: ClassVar[bool]
    """Whether it stands for all nodes below it."""
    forgettable: ClassVar[bool]
    """Whether it may be forgotten on request when it has departed."""

    def __init__(self, path: Path, row: int, closed: Epoch, first_seen: float = 0.0) -> None:
        self.path = path
        self.row = row
        self.closed = closed
        self.first_seen = first_seen
        self.epochs: dict[int, Epoch] = {}
        self.info: dict[str, str] = {}
        self.ephemeral = False
        self.baselines = 0
        self.closed_epochs = 0
        self.brought = NOTHING_BROUGHT
        self.brought_since = 0.0

    def begin_epoch(self, number: int, rows: Rows, *, closed_before: bool) -> Epoch:
        """Begin an epoch whose first frame has come; `closed_before`: it was closed without its final."""
        self.withdraw_tickets()
        row = rows.new_epoch(self.row, adds_up=self.adds_up)
        epoch = self.epochs[number] = Epoch(row, number, rows.epochs)
        epoch.returning = closed_before and self.adds_up
        return epoch

    @abstractmethod
    def is_heard_on(self, *, rollup: bool) -> bool:
        """Tell whether its frames come on such a subject; frames on the other sort of subject are refused."""

    @property
    @abstractmethod
    def node_info(self) -> Mapping[str, str]:
        """The information about the node at the path; empty for a branch: its aggregator is none of its nodes."""

    @property
    def closed_totals(self) -> tuple[Epoch, ...]:
        """The pseudo-epochs of what is not of any epoch, or of any any more."""
        return (self.closed,)

    @property
    def holders(self) -> tuple[Epoch, ...]:
        """All that have slots: its closed totals, and its epochs."""
        return (*self.closed_totals, *self.epochs.values())

    def restore_closed(self, closed: Epoch) -> None:
        """Take over a closed total of a checkpoint, in the order of `closed_totals`.

        Raises:
            DamagedError: it has one more than it can have.
        """
        if self.closed.row >= 0:
            raise DamagedError(f"{self.path} has two closed totals")
        self.closed = closed

    @property
    def addresses(self) -> list[str]:
        """The addresses at which its writers say that they may be asked: none of a node's."""
        return []

    @property
    def details(self) -> Any:
        """The part of a checkpoint that only this sort of place has."""
        return None

    def restore_details(self, details: Any) -> None:
        """Take over what `details` was.

        Raises:
            DamagedError: it is something else.
        """
        if details is not None:
            raise DamagedError(f"{self.path} has {details!r}, which is nothing of a node's")

    @abstractmethod
    def most_silent(self, limits: FleetLimits) -> int:
        """Return how many silent epochs it may have; over that, the longest silent are closed early."""

    @abstractmethod
    def kind_of(self, defined: Kind) -> Kind:
        """Return the kind that series have here which a frame defines as `defined`."""

    @abstractmethod
    def born(self, epoch: Epoch, frame: Frame, timestamp: float) -> float:
        """Return when series that a frame defines began to count; inf when nobody knows."""

    @abstractmethod
    def absorb(self, tables: Tables, epoch: Epoch, frame: Frame, outcome: Outcome) -> None:
        """Merge the values of a frame."""

    @abstractmethod
    def complete(self, tables: Tables, epoch: Epoch, present: Ids, rows: Rows) -> bool:
        """Drop what a complete keyframe no longer has (R12.10); return whether totals may have fallen by it."""

    @abstractmethod
    def end_epoch(self, tables: Tables, epoch: Epoch) -> None:
        """Close an epoch: release its slots."""

    @abstractmethod
    def elect(self, rows: Rows) -> None:
        """Choose the epochs whose gauges count."""

    @abstractmethod
    def coverage(self, life: Life, age: float) -> Coverage:
        """Return the nodes that its numbers stand on.

        Args:
            life: its own.
            age: seconds since its last frame.
        """

    @abstractmethod
    def may_retire(self, observed: float, horizon: float) -> bool:
        """Tell whether it has been without epochs for the horizon."""

    @abstractmethod
    def contended(self, rows: Rows, now: float) -> bool:
        """Tell whether several writers are live at once that do not say so."""

    @abstractmethod
    def unshared(self, rows: Rows, now: float) -> list[Epoch]:
        """Return the epochs that are live at `now` and do not say that others write here as well."""

    def take_note(self, epoch: Epoch, frame: Frame, rows: Rows) -> bool:
        """Take note of what a frame says of the place; return whether its information has changed."""
        if len(self.epochs) > 1 or not rows.shows_gauges[epoch.row]:
            self.elect(rows)
        if (ephemeral := bool(frame.flags & EPHEMERAL)) != self.ephemeral:
            self.ephemeral = rows.ephemeral[self.row] = ephemeral
            self.withdraw_tickets()
        if frame.info is None or frame.info == self.info:
            return False
        self.info = frame.info
        return True

    def retract(self, tables: Tables, epoch: Epoch, fresh: Ids) -> None:
        """Make the first values of an epoch that returns after it was closed its baseline (R12.17)."""
        for defined, ids in fresh:
            for kind in defined.forms:
                kind.retract(tables, self.closed, epoch.map(kind).known(ids))

    def has_lost_counts(self, tables: Tables, rows: Rows) -> bool:  # noqa: ARG002
        """Tell whether its totals stand still, as those who send them have less than what they sent before."""
        return False

    def slots(self) -> int:
        """Count the values that it has, its closed total included. Any thread may ask, and may be behind."""
        return sum(len(ids) for one in self.holders for ids in list(one.maps.values()))

    def withdraw_tickets(self) -> None:
        """Let no kernel move its epochs as they were: which there are has changed, or what their frames must say."""
        for epoch in self.epochs.values():
            epoch.withdraw()

    def merge_sections(self, tables: Tables, epoch: Epoch, frame: Frame, outcome: Outcome) -> None:
        """Merge every section of a frame into its epoch (R12.3, R12.6)."""
        merge = Merge(tables, epoch, epoch.last_seen, self.epochs.values(), outcome)
        is_keyframe = frame.kind == KEYFRAME
        for kinds in KINDS:
            for kind, section in kinds.sections(frame):
                if is_keyframe:
                    kind.apply_keyframe(merge, section)
                else:
                    kind.apply_delta(merge, section)
        if frame.removed is not None:
            remove(tables, epoch, ids_array(frame.removed))


def remove(tables: Tables, epoch: SlotHolder, ids: Int64s) -> None:
    """Take note that a writer has removed some ids (R12.5)."""
    epoch.withdraw()
    for kind, places in epoch.maps.items():
        kind.remove(tables[kind], places, ids)


def close(tables: Tables, closed: SlotHolder | None, epoch: SlotHolder) -> None:
    """Add all that an epoch counted to the closed total (R12.13), if there is one to add to; release its slots."""
    for kind, places in epoch.maps.items():
        kind.close(tables, closed, places.items()[1])
    epoch.maps = {}
    epoch.withdraw()


def drop_absent(tables: Tables, closed: SlotHolder | None, epoch: SlotHolder, present: Ids) -> None:
    """Close the ids that a complete keyframe no longer has (R12.10)."""
    epoch.withdraw()
    for kind, places in epoch.maps.items():
        ids, slots = places.items()
        absent = ~np.isin(ids, _concatenate(group for of, group in present if of is kind.defined_as))
        if absent.any():
            kind.close(tables, closed, slots[absent])
            places.discard(ids[absent])


def _concatenate(groups: Iterable[Int64s]) -> Int64s:
    return np.concatenate([np.zeros(0, np.int64), *groups])
