"""Mutations of the rules of writers that were killed."""

from __future__ import annotations

from math import inf
from typing import Any

import fog_agent.core.journal.recovery
from fog_proving.sim.mutations import Patch, around, leaving_out, nothing
from utilityfog_frontend.telemetry.journal import reading
from utilityfog_frontend.telemetry.journal.journal import Journal


@leaving_out("R11.34", "a seq is noted before its frame is handed out")
def seqs_not_noted() -> list[Patch]:
    """Tell the journal of none."""
    return [(Journal, "reserve", nothing)]


@leaving_out("R11.35", "a series without an id gets one that was never used")
def ids_of_others() -> list[Patch]:
    """Count from 0, as the dead process did."""

    def numbered(original: Any, sources: Any, _: int) -> Any:
        left = original(sources, 0)
        for place, series in enumerate(sorted(left, key=lambda one: one.source.id is not None)):
            series.id = place
        return left

    return [around(fog_agent.core.journal.recovery, "_numbered", numbered)]


@leaving_out("R11.36", "an epoch whose final may not have arrived is ended before the next one")
def only_the_last_epoch() -> list[Patch]:
    """Take every final that was encoded for one that arrived."""

    def epoch(original: Any, self: Any, ordinal: int, *, ended: bool) -> reading.LeftEpoch | None:
        left: reading.LeftEpoch | None = None if ended else original(self, ordinal, ended=ended)
        return left

    return [around(reading._Records, "epoch", epoch)]  # noqa: SLF001 - to leave out a rule is to reach inside


@leaving_out("R11.37", "a final is not sent again when the first one may be forgotten")
def finals_for_ever() -> list[Patch]:
    """Send it whenever the journal is found."""
    return [(fog_agent.core.journal.recovery, "FINAL_AGE", inf)]
