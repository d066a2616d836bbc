"""A series as its writer sees it: its id in the epoch, where the epoch's count begins, and what was last encoded."""

from __future__ import annotations

from utilityfog_frontend.telemetry.instruments.series import Series
from utilityfog_frontend.telemetry.model import MetricType, Value, subtract_values


class Tracked:
    """One series of an epoch.

    Attributes:
        id: its number in the epoch, never used for a second series.
        origin: what it had counted before the epoch began (None: nothing); `value` is what came since.
        base: the value that was last encoded, in this epoch; None before the first time.
        reading: what the series itself said when `value` was last asked; None before the first time.
    """

    __slots__ = ("base", "id", "is_gauge", "origin", "reading", "series")

    def __init__(self, number: int, series: Series, origin: Value | None = None) -> None:
        self.id = number
        self.series = series
        self.origin = origin
        self.base: Value | None = None
        self.reading: Value | None = None
        self.is_gauge = series.family.type is MetricType.GAUGE

    def value(self) -> Value:
        """What the series has counted since the epoch began; a gauge's value as it is."""
        value = self.reading = self.series.read()
        return value if self.origin is None else subtract_values(value, self.origin)

    def changed(self, value: Value) -> bool:
        """Whether `value` must be sent: it differs from what was encoded last, or is the first."""
        base = self.base
        return value != base and (value == value or base == base)  # noqa: PLR0124 (a gauge that was NaN and is)
