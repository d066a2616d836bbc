"""Counters that have had a fractional increment: their reader holds the very doubles of their writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fog_agent.core.sections.section import Numbered, packed_ids
from fog_schema.columns import pack_numbers
from fog_schema.frames import Frame, Numbers
from utilityfog_frontend.telemetry.model import MetricType

TYPE: Final = MetricType.COUNTER
VALUES: Final = (float,)


def fill(frame: Frame, rows: Sequence[Numbered], _: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack the values in the epoch."""
    frame.fractions = Numbers(packed_ids(rows), pack_numbers([series.fresh for series in rows]))
