"""Lay out what is known of the writers of some plain deltas, for a kernel, and take over what it has made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from struct import Struct
from typing import Final

import numpy as np

from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.kinds import LAID_OUT, Kind
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.place import Place
from fog_aggregator.kernels.layout import BLOCK, END_BLOCK, FIRST_BLOCK, NEXT_SEQ, PLACE_ROW, WRITER
from fog_aggregator.kernels.ports import Writers
from fog_schema.frames import EPHEMERAL, SHARED
from fog_schema.paths import Path

_FORMS: Final[Mapping[Kind, int]] = {kind: form for form, kind in LAID_OUT.items()}
_BLOCK: Final = Struct(f"{BLOCK}q")
_TIMES: Final = tuple(map(attrgetter, ("birth", "usual", "last_seen")))


class WriterColumns:
    """Hold what is known of the writers of some frames, as arrays.

    Attributes:
        of: of each frame its writer's number.
    """

    def __init__(self) -> None:
        self.of: list[int] = []
        self._numbers: dict[Epoch, int] = {}
        self._places: list[Place] = []
        self._known: list[tuple[int, int, int]] = []
        self._blocks: list[bytes] = []

    def gather(
        self,
        roster: Roster,
        paths: Sequence[Path],
        plain: Sequence[bool],
        epochs: Sequence[int],
        seqs: Sequence[int],
    ) -> None:
        """Note the writer of each plain delta, up to the first one that no writer can have sent as its next."""
        get, numbers, of = roster.places.get, self._numbers, self.of
        for path, is_plain, number, seq in zip(paths, plain, epochs, seqs, strict=True):
            place = get(path) if is_plain else None
            epoch = None if place is None else place.epochs.get(number)
            if place is None or epoch is None:
                return
            writer = numbers.get(epoch)
            if writer is None:
                if seq != epoch.seq + 1 or epoch.gapped or epoch.huge or epoch.run is not None:
                    return
                if not place.takes_batches:
                    return
                writer = self._add(place, epoch)
            of.append(writer)

    def _add(self, place: Place, epoch: Epoch) -> int:
        writer = len(self._places)
        if (blocks := epoch.blocks) is None:
            blocks = epoch.blocks = blocks_of(epoch.maps)
        self._blocks.append(blocks)
        self._known.append((epoch.seq + 1, SHARED * epoch.shared + EPHEMERAL * place.ephemeral, place.row))
        self._places.append(place)
        self._numbers[epoch] = writer
        return writer

    def columns(self) -> Writers:
        """Return them as a kernel takes them, and changes them."""
        count, epochs = len(self._places), self._numbers
        known = np.empty((WRITER, count), np.int64)
        known[: PLACE_ROW + 1] = np.array(self._known, np.int64).T
        known[END_BLOCK] = np.cumsum(np.fromiter(map(len, self._blocks), np.int64, count)) // _BLOCK.size
        known[FIRST_BLOCK, 0], known[FIRST_BLOCK, 1:] = 0, known[END_BLOCK, :-1]
        times = np.array([np.fromiter(map(get, epochs), np.float64, count) for get in _TIMES])
        return known, times, np.frombuffer(b"".join(self._blocks), np.int64).reshape(-1, BLOCK)

    def take_over(self, roster: Roster, columns: Writers, frames: int, observed: float) -> None:
        """Let the writers of the first frames have what a kernel has made of them.

        Args:
            roster: the places.
            columns: as `columns` returned them.
            frames: how many frames were applied.
            observed: the fleet's observed time.
        """
        moved = max(self.of[:frames], default=-1) + 1
        (known, times, _), epochs, shows = columns, list(self._numbers)[:moved], roster.rows.shows_gauges
        values = zip(epochs, known[NEXT_SEQ].tolist(), *times.tolist(), strict=False)
        for epoch, seq, epoch.birth, epoch.usual, epoch.last_seen in values:
            epoch.seq, epoch.observed = seq - 1, observed
        for place, epoch in zip(self._places, epochs, strict=False):
            if len(place.epochs) > 1 or not shows[epoch.row]:
                place.elect(roster.rows)


def blocks_of(maps: Mapping[Kind, IdMap]) -> bytes:
    """Return the blocks among the ids of an epoch, as `fog_aggregator.kernels.layout` has them."""
    blocks = [
        _BLOCK.pack(_FORMS[kind], ids.low, ids.high, ids.offset)
        for kind, ids in maps.items()
        if ids.is_block and kind in _FORMS
    ]
    return b"".join(blocks)
