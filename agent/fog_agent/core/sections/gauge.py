"""Gauges of a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fog_agent.core.sections.section import Numbered, packed_ids
from fog_schema.columns import Column, pack_floats, pack_ints
from fog_schema.frames import Frame, Numbers
from utilityfog_frontend.telemetry.model import MetricType

TYPE: Final = MetricType.GAUGE
VALUES: Final = (int, float)

_BIGGEST: Final = 2**63


def fill(frame: Frame, rows: Sequence[Numbered], _: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack the values, as integers when all of them are."""
    frame.gauges = Numbers(packed_ids(rows), _pack([series.fresh for series in rows]))


def _pack(values: Sequence[float]) -> Column:
    integers = [value for value in values if type(value) is int and -_BIGGEST <= value < _BIGGEST]
    if len(integers) == len(values):
        return pack_ints(integers)
    return pack_floats([_as_double(value) for value in values])


def _as_double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
