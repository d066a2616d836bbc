"""Find the epochs of plain deltas among those that a kernel may move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.kinds import LAID_OUT, Kind
from fog_aggregator.core.kinds.id_map import IdMap
from fog_schema.frames import EPHEMERAL, SHARED
from fog_schema.paths import Path

_FORMS: Final[Mapping[Kind, int]] = {kind: form for form, kind in LAID_OUT.items()}


def ticket_of(roster: Roster, path: Path, number: int) -> int:
    """Return the ticket of an epoch, see `EpochColumns`, a new one where it has none; 0 where no kernel may move it."""
    place = roster.get(path)
    epoch = None if place is None else place.epochs.get(number)
    if place is None or epoch is None:
        return 0
    if ticket := epoch.columns.ticket(epoch.row):
        return ticket
    if not place.takes_batches or epoch.gapped or epoch.huge or epoch.run is not None:
        return 0
    flags, blocks = SHARED * epoch.shared + EPHEMERAL * place.ephemeral, list(blocks_of(epoch.maps))
    return epoch.columns.give_ticket(epoch.row, flags, place.row, blocks, alone=len(place.epochs) == 1)


def blocks_of(maps: Mapping[Kind, IdMap]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the blocks among the ids of an epoch, as `fog_aggregator.kernels.layout` has them."""
    for kind, ids in maps.items():
        if ids.is_block and kind in _FORMS:
            yield _FORMS[kind], ids.low, ids.high, ids.offset
