"""Let frames meet the slots of an epoch, kind by kind, and let its counts move to the closed total."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Int64s, ids_array
from fog_aggregator.core.kinds import KINDS, Kind, Merge, SlotHolder, Tables
from fog_schema.frames import KEYFRAME, Frame

Present = list[tuple[Kind, Int64s]]
"""Ids by their kind as defined."""
_NONE: Final = np.zeros(0, np.int64)


class Merger:
    """Merges frames into tables. It holds no state but the tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def merge(self, merge: Merge, frame: Frame) -> None:
        """Merge every section of a frame (R12.3, R12.6)."""
        is_keyframe = frame.kind == KEYFRAME
        for kinds in KINDS:
            for kind, section in kinds.sections(frame):
                if is_keyframe:
                    kind.apply_keyframe(merge, section)
                else:
                    kind.apply_delta(merge, section)
        if frame.removed is not None:
            self.remove(merge.epoch, ids_array(frame.removed))

    def remove(self, epoch: SlotHolder, ids: Int64s) -> None:
        """Take note that a writer has removed some ids (R12.5)."""
        for kind, places in epoch.maps.items():
            kind.remove(self._tables[kind], places, ids)

    def join(self, joined: SlotHolder, replica: SlotHolder, frame: Frame) -> None:
        """Raise what a branch's replicas were joined to, to what a frame has told of one (R13.8, R13.9)."""
        for kinds in KINDS:
            for kind, section in kinds.sections(frame):
                if kind.counted:
                    kind.join(self._tables, joined, replica.map(kind).known(ids_array(kinds.section_ids(section))))

    def mark_retained(self, joined: SlotHolder, replicas: Iterable[SlotHolder]) -> None:
        """Note which label sets some replica still has: what none has may leave.

        Not what a silent branch had: it may be there still, and its totals are absolute.
        """
        for kind, places in joined.maps.items():
            self._tables[kind].live[places.items()[1]] = False
        for replica in replicas:
            for kind, places in replica.maps.items():
                table, slots = self._tables[kind], places.items()[1]
                held = np.unique(table.series[slots[table.live[slots]]].astype(np.int64))
                for there in kind.forms:
                    self._tables[there].live[joined.map(there).known(held)] = True

    def close(self, closed: SlotHolder | None, epoch: SlotHolder) -> None:
        """Add everything that an epoch counted to the closed total, if there is one to add to; free its slots."""
        for kind, places in epoch.maps.items():
            kind.close(self._tables, closed, places.items()[1])
        epoch.maps = {}

    def drop_absent(self, closed: SlotHolder | None, epoch: SlotHolder, present: Present) -> None:
        """Close the ids that a complete keyframe no longer has (R12.10)."""
        for kind, places in epoch.maps.items():
            ids, slots = places.items()
            stays = np.concatenate([_NONE, *(group for of, group in present if of is kind.defined_as)])
            absent = ~np.isin(ids, stays)
            if absent.any():
                kind.close(self._tables, closed, slots[absent])
                places.discard(ids[absent])

    def retract(self, closed: SlotHolder, epoch: SlotHolder, fresh: Present) -> None:
        """Make the first values of an epoch that returns after it was closed its baseline (R12.17)."""
        for defined, ids in fresh:
            for kind in defined.forms:
                kind.retract(self._tables, closed, epoch.map(kind).known(ids))
