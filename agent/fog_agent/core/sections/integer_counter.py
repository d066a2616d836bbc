"""Counters whose every increment was an integer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fog_agent.core.sections.section import Numbered, packed_ids
from fog_schema.columns import pack_ints
from fog_schema.frames import Frame, Numbers
from fog_schema.limits import MAX_WHOLE
from utilityfog_frontend.telemetry.model import MetricType

TYPE: Final = MetricType.COUNTER
VALUES: Final = (int,)


def fill(frame: Frame, rows: Sequence[Numbered], is_keyframe: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack what was counted since the value that was encoded before."""
    if is_keyframe:
        counted = [min(series.fresh, MAX_WHOLE) for series in rows]
    else:
        counted = [
            series.fresh - (series.base or 0) if series.fresh <= MAX_WHOLE else _last_increment(series.base)
            for series in rows
        ]
    frame.counters = Numbers(packed_ids(rows), pack_ints(counted))


def _last_increment(base: int | None) -> int:
    """Return what is left up to the largest count, where a count stays."""
    return MAX_WHOLE - min(base or 0, MAX_WHOLE)
