"""Mutations of the rules about what an operator takes out."""

from __future__ import annotations

from typing import Any

import numpy as np

from fog_aggregator.core.fleet import sweep
from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.places.place import Place
from fog_aggregator.core.quarantine.orders import Quarantine, Untold
from fog_aggregator.core.saved import Saved
from fog_aggregator.network import NetworkCollector
from fog_proving.sim.mutations import Patch, around, leaving_out, nothing


@leaving_out("R12.57", "a frame of a path that is out is not read")
def quarantined_are_read() -> list[Patch]:
    """Read it."""
    return [(Quarantine, "keeps_out", lambda *_: False)]


@leaving_out("R12.58", "a path that is out is in no total")
def quarantined_count() -> list[Patch]:
    """Leave it in all of them."""
    return [(Roster, "hidden_epochs", lambda self: np.zeros(len(self.rows.epoch_place), np.bool_))]


@leaving_out("R12.59", "the horizon begins anew with a lift")
def lifted_are_old() -> list[Patch]:
    """Count the time for which nothing was heard."""

    def take_in(original: Any, self: Roster, place: Place, _: float) -> None:
        before = {epoch: epoch.observed for epoch in place.epochs.values()}
        original(self, place, place.closed.observed)
        for epoch, observed in before.items():
            epoch.observed = observed

    return [around(Roster, "take_in", take_in)]


@leaving_out("R12.60", "what is out does not retire")
def quarantined_retire() -> list[Patch]:
    """Move its counts to its parent's group."""

    def silent(_: Any, parts: Any) -> list[Place]:
        oldest = parts.time.observed_seconds - parts.time.horizon
        places = [place for place in parts.roster if not parts.roster.is_retired(place)]
        return [
            place
            for place in places
            if min([one.observed for one in place.epochs.values()], default=place.closed.observed) < oldest
        ]

    return [around(sweep, "_silent", silent)]


@leaving_out("R12.61", "the value exported last is forgotten when something is taken out")
def lies_stay_exported() -> list[Patch]:
    """Keep it in the ratchet."""
    return [(NetworkCollector, "forget_exported", nothing)]


@leaving_out("R12.61", "... also when a crash comes between")
def fallen_not_told() -> list[Patch]:
    """Save what was exported, and not that it must be forgotten."""
    return [(Untold, "image", lambda _: Saved({"settled": [], "replaced": []}))]


@leaving_out("R12.62", "orders are part of the checkpoint")
def orders_not_saved() -> list[Patch]:
    """Save none."""
    return [(Quarantine, "image", lambda _: Saved({"orders": []}))]
