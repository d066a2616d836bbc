"""Stop series whose totals are larger than the wire carries: each alone, while all others go on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fog_agent.core.epoch_series import EpochSeries, Gate, SeriesValue
from fog_agent.core.sections.section import Fill
from fog_schema.frames import Frame
from utilityfog_frontend.telemetry.kinds import limited
from utilityfog_frontend.telemetry.model import Family, Labels, add_values


class StoppedSeries:
    """A series that stays for good at what was told last. Its source may go on: nobody reads it any more.

    Attributes:
        family: as before.
        labels: as before.
        gate: none.
    """

    def __init__(self, family: Family, labels: Labels, value: SeriesValue) -> None:
        self.family = family
        self.labels = labels
        self.gate: Gate | None = None
        self._value = value

    def read(self) -> SeriesValue:
        """Return the value at which it has stopped."""
        return self._value

    peek = read


def stop_too_large(fill: Fill, rows: Sequence[EpochSeries], frame: Frame, *, is_keyframe: bool) -> list[EpochSeries]:
    """Stop those of some series of one section that it cannot pack, and return them.

    Raises:
        OverflowError: It can pack each of them, or one is no count.
    """
    stopped = [series for series in rows if not _fits(fill, series, frame, is_keyframe=is_keyframe)]
    if not stopped or not all(series.incremental for series in stopped):
        raise OverflowError("a frame cannot carry some numbers")
    for series in stopped:
        _stop(series)
    return stopped


def _fits(fill: Fill, series: EpochSeries, frame: Frame, *, is_keyframe: bool) -> bool:
    try:
        fill(replace(frame), [series], is_keyframe)
    except OverflowError:
        return False
    return True


def _stop(series: EpochSeries) -> None:
    family = series.source.family
    last: Any = series.base  # of counts alone
    value: Any = family.zero if last is None else limited(last)
    series.base, series.fresh = None if last is None else value, value
    origin: Any = series.origin
    read = value if origin is None else add_values(origin, value)
    series.source = StoppedSeries(family, series.source.labels, read)
    series.last_read, series.marks = read, None
