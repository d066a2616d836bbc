"""Gauges of a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fog_agent.core.sections.section import Numbered, packed_ids
from fog_schema.columns import pack_numbers
from fog_schema.frames import Frame, Numbers
from utilityfog_frontend.telemetry.model import MetricType

TYPE: Final = MetricType.GAUGE
VALUES: Final = (int, float)

_BIGGEST: Final = 2**63
_DOUBLES: Final = {float}


def fill(frame: Frame, rows: Sequence[Numbered], _: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack the values."""
    values = [series.fresh for series in rows]
    if set(map(type, values)) != _DOUBLES:  # as they mostly are
        values = [_number(value) for value in values]
    frame.gauges = Numbers(packed_ids(rows), pack_numbers(values))


def _number(value: float) -> float:
    """Return a number that travels: an integer of 64 bits as it is."""
    if type(value) is int and -_BIGGEST <= value < _BIGGEST:
        return value
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
