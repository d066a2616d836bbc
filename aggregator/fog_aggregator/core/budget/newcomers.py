"""Tell which newcomers may come: paths, writers, series, information. Live series never make room for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fog_aggregator.core.budget.budget import EPOCH_BYTES, LEARNED, PLACE_BYTES, Room, info_bytes, path_bytes
from fog_aggregator.core.fleet.parts import Parts
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.place import NOTHING_BROUGHT, Place
from fog_schema.paths import Path

PATHS, WRITERS, SERIES, INFO = "path", "writer", "series", "info"
REFUSED: Final = (PATHS, WRITERS, SERIES, INFO, LEARNED)
_DEFINITION_BYTES: Final = 256
"""So many bytes of definitions count as one entry that a path brings."""


class Newcomers:
    """Decide on newcomers: by their number, and by the bytes that are left for all and for their path.

    Args:
        parts: the fleet's parts.
        limits: the sizes that these may grow to.
    """

    def __init__(self, parts: Parts, limits: FleetLimits) -> None:
        self._parts = parts
        self._limits = limits

    def may_begin(self, path: Path, place: Place | None, former: Epoch | None = None) -> bool:
        """Tell whether an epoch may begin at a path; count it when it is for its bytes that it may not.

        Args:
            path: the path.
            place: what is known of it.
            former: what the epoch had counted, when its node was forgotten and it comes back.
        """
        parts, limits, budget = self._parts, self._limits, self._parts.budget
        if place is not None:
            if len(place.epochs) >= limits.epochs_per_path:
                return False
            what, room = WRITERS, parts.room_of(place) - EPOCH_BYTES
        else:
            if len(parts.roster) >= limits.nodes:
                return False
            what, room = PATHS, budget.room_for_paths - (PLACE_BYTES + 2 * EPOCH_BYTES + path_bytes(path))
        fits = room >= 0 and (former is None or self._may_come_back(former, room))
        if not fits:
            budget.refuse(path, what)
        return fits

    def _may_come_back(self, former: Epoch, room: int) -> bool:
        """Tell whether the values of a forgotten epoch fit, twice: its path's closed total lacks what it had."""
        slots = self._parts.slots
        if 2 * slots.bytes_of([former]) > room:
            return False
        needed = ((kind, 2 * len(ids)) for kind, ids in former.maps.items())
        return all(slots.make_room(kind, count, room) == count for kind, count in needed)

    def may_bring(self, place: Place | None) -> Room:
        """Return how much a path may add to the catalog, so that none can fill it for all."""
        budget, most, families = self._parts.budget, self._limits.brought_per_path, self._limits.families_per_path
        series = self._limits.series - self._parts.catalog.known
        if place is None:
            return Room(max(0, min(most, series)), min(budget.room, budget.most_of_a_path()), families)
        time = self._parts.time
        if time.observed_seconds - place.brought_since > time.horizon:
            place.brought, place.brought_since = NOTHING_BROUGHT, time.observed_seconds
        brought = place.brought
        entries = max(0, min(most - brought.entries, series))
        return Room(entries, self._parts.room_of(place), max(0, families - brought.families))

    def charge(self, place: Place, packed: int, known: Room) -> None:
        """Take note of what definitions of so many bytes have added to the catalog, which had so much before."""
        before, now = place.brought, self._parts.catalog.taken
        brought = Room(*(one + more - less for one, more, less in zip(before, now, known, strict=True)))
        if brought.entries > before.entries:
            place.brought = brought._replace(entries=brought.entries + packed // _DEFINITION_BYTES)

    def may_have(self, place: Place, epoch: Epoch, kind: Kind, count: int) -> int:
        """Return how many of so many new series of a kind an epoch may have; make room for them."""
        limits, slots = self._limits, self._parts.slots
        mine = limits.series_per_epoch - epoch.series
        of_all = limits.slots - self._parts.slot_count
        allowed = max(0, min(count, mine, limits.series_per_path - place.slots(), of_all))
        fits = slots.make_room(kind, allowed, self._parts.room_of(place))
        if fits < allowed:
            self._parts.budget.refuse(place.path, SERIES, allowed - fits)
        return fits

    def may_tell(self, place: Place, info: Mapping[str, str]) -> bool:
        """Tell whether there is room for other information of a path, and count it."""
        more = info_bytes(info) - info_bytes(place.info)
        fits = more <= 0 or more <= self._parts.room_of(place)
        if fits:
            self._parts.roster.note_info(place, info)
        else:
            self._parts.budget.refuse(place.path, INFO)
        return fits
