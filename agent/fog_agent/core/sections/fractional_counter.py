"""Counters that have had a fractional increment: their reader holds the very doubles of their writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fog_agent.core.sections.section import Row
from fog_schema.columns import pack_floats, pack_ids
from fog_schema.frames import Frame, Numbers
from utilityfog_frontend.telemetry.model import MetricType

TYPE: Final = MetricType.COUNTER
VALUES: Final = (float,)


def fill(frame: Frame, rows: Sequence[Row], _: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack the values in the epoch."""
    frame.fractions = Numbers(pack_ids([series.id for series, _ in rows]), pack_floats([value for _, value in rows]))
