"""Mutations of the rules about memory: who is refused, and what makes room again."""

from __future__ import annotations

from typing import Any, Final

from fog_aggregator.core.budget.budget import UNLIMITED, Budget, Room
from fog_aggregator.core.budget.newcomers import Newcomers
from fog_aggregator.core.fleet.parts import Parts
from fog_aggregator.core.places.place import Place
from fog_proving.sim.mutations import Patch, around, leaving_out, nothing

NEARLY_FULL: Final = 8_000
"""Bytes that are left of a path's share."""


@leaving_out("R12.66", "no count is let go of for a newcomer")
def newcomers_push_out() -> list[Patch]:
    """Let the first series of a path make room when there is hardly any left."""

    def charge(original: Any, self: Newcomers, place: Place, packed: bytes, known: Room) -> None:
        original(self, place, packed, known)
        if self._parts.room_of(place) > NEARLY_FULL:
            return
        for epoch in place.epochs.values():
            for kind, places in epoch.maps.items():
                ids, slots = places.items()
                kind.close(self._parts.slots.tables, None, slots[:1])
                places.discard(ids[:1])

    return [around(Newcomers, "charge", charge)]


@leaving_out("R12.66", "... nor does a path take more than its share")
def budget_unbounded() -> list[Patch]:
    """Let each take what it wants."""
    return [(Parts, "room_of", lambda *_: UNLIMITED)]


@leaving_out("R12.66", "... a refusal is counted, and told")
def refusals_not_told() -> list[Patch]:
    """Refuse without a word."""
    return [(Budget, "refuse", nothing)]


@leaving_out("R12.66", "... memory comes back")
def brought_for_ever() -> list[Patch]:
    """Charge a path for ever for what it has brought."""

    def may_bring(original: Any, self: Newcomers, place: Place | None) -> Room:
        if place is not None:
            place.brought_since = self._parts.time.observed_seconds
        room: Room = original(self, place)
        return room

    return [around(Newcomers, "may_bring", may_bring)]


@leaving_out("R12.41", "a family that nobody holds is let go of")
def families_stay() -> list[Patch]:
    """Know it for ever."""
    return [(Parts, "forget_families", nothing)]


@leaving_out("R12.41", "... unless it has retired counts")
def counted_families_go() -> list[Patch]:
    """Let go of it with them."""

    def forget_families(self: Parts) -> None:
        gone = self.catalog.forget_families(self.words.spoken())
        for part in (self.retired, self.words, self.clashes):
            part.forget_families(gone)

    return [(Parts, "forget_families", forget_families)]
