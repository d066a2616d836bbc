"""A series as its writer sees it: its id in the epoch, where the epoch's count begins, and what was last encoded."""

from __future__ import annotations

from typing import Final, cast

from fog_schema.limits import MAX_WHOLE
from utilityfog_frontend.telemetry.instruments.series import Series
from utilityfog_frontend.telemetry.model import HistogramValue, MetricType, Value

NOTHING: Final = 0


class Tracked:
    """One series of an epoch.

    Attributes:
        id: its number in the epoch, never used for a second series.
        origin: what it had counted before the epoch began; `value` is what came since.
        base: the value that was last encoded, in this epoch; NOTHING before the first time.
        reading: what the series itself said when `value` was last asked.
    """

    __slots__ = ("base", "id", "is_gauge", "origin", "reading", "series")

    def __init__(self, number: int, series: Series, origin: Value = NOTHING) -> None:
        self.id = number
        self.series = series
        self.origin = origin
        self.base: Value = NOTHING
        self.reading: Value = NOTHING
        self.is_gauge = series.family.type is MetricType.GAUGE

    def value(self) -> Value:
        """What the series has counted since the epoch began; a gauge's value as it is."""
        value = self.reading = self.series.read()
        if self.is_gauge:
            return value
        if isinstance(value, HistogramValue):
            return value - self.origin if isinstance(self.origin, HistogramValue) else value
        if self.origin is not NOTHING:
            value -= cast("float", self.origin)  # a counter's reading is a number
        return min(value, MAX_WHOLE) if type(value) is int else value

    def changed(self, value: Value) -> bool:
        """Whether `value` must be sent: it differs from what was encoded last."""
        base = self.base
        if value is base:
            return False
        if isinstance(value, HistogramValue):
            return value.count > 0 if base is NOTHING else value != base
        return (value != base and (value == value or base == base)) or type(value) is not type(base)  # noqa: PLR0124 (NaN)
