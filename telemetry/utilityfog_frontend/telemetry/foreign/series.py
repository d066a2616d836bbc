"""One series of a source, as the source last reported it."""

from typing import Any, Final

from utilityfog_frontend.telemetry.instruments.gate import Gate
from utilityfog_frontend.telemetry.instruments.series import Series
from utilityfog_frontend.telemetry.kinds import risen, size_of
from utilityfog_frontend.telemetry.model import Family, SeriesSnapshot, Value, add_values, subtract_values
from utilityfog_frontend.telemetry.support.numeric import WHOLE_LIMIT

NUMBERS: Final = frozenset((int, float))
_NO_GATE = Gate(lambda _amount: None)  # reported values are replaced whole: there is nothing to guard


class ForeignSeries(Series):
    """One series as its source last reported it. One thread at a time tells it values, any may read."""

    __slots__ = ("_base", "_reading", "exemplars")

    def __init__(self, family: Family, reported: SeriesSnapshot, created: float, since: Value | None = None) -> None:
        super().__init__(family, reported.labels, reported.created or created, _NO_GATE)
        self.exemplars = reported.exemplars
        # The value reported; what a forked child's parent had counted; what was counted before the source began anew.
        # They are replaced as one: who reads between two of them would see a count that falls back.
        self._reading: tuple[Value, Value | None, Value | None] = (reported.value, since, None)
        self._base: Value | None = None  # what the node no longer shows

    @property
    def reported(self) -> Value:
        """The value as the source reported it."""
        return self._reading[0]

    def went_down(self, value: Value) -> bool:
        """Whether `value` is less than was reported before, so that its source must have started again."""
        if not self.family.type.incremental:
            return False
        return size_of(value) < size_of(self.reported)

    def tell(self, reported: SeriesSnapshot) -> None:
        """Take a new value."""
        last, since, carried = self._reading
        value = reported.value
        if self.went_down(value):
            since, carried = None, self.read()
        else:
            value = risen(last, value)
        self._reading = (value, since, carried)
        self.exemplars = reported.exemplars

    def advance(self, reported: SeriesSnapshot) -> bool:
        """Take a number that goes on from the last one, for less than `tell`; tell whether it was taken."""
        reading: Any = self._reading
        last, since, carried = reading
        value: Any = reported.value
        if type(value) is not type(last) or type(value) not in NUMBERS:
            return False
        if not last <= value < WHOLE_LIMIT and self.family.type.incremental:
            return False
        self._reading = (value, since, carried)
        self.exemplars = reported.exemplars
        return True

    def read(self) -> Value:
        """Return the count since this series began."""
        return self.count(self._reading)

    def count(self, reading: tuple[Value, Value | None, Value | None]) -> Value:
        """Return the count for a value reported, less what was counted before this series, and what it carries on."""
        value, since, carried = reading
        if since is not None:
            value = subtract_values(value, since)
        if carried is not None:
            value = add_values(value, carried)
        return value

    def current(self) -> Value:
        """As `read`, since `restart`."""
        return self.read() if self._base is None else subtract_values(self.read(), self._base)

    def snapshot(self) -> SeriesSnapshot:
        """Return the series with its exemplars."""
        return SeriesSnapshot(
            self.labels, self.current(), self.created, self.exemplars, self._rendered or self.render()
        )

    def restart(self, now: float) -> None:
        """Count from zero again for the node; a gauge stays what its source says."""
        if self.family.type.incremental:
            self._base = self.read()
            self.created = now

    def activity(self) -> object:
        """Say that it is always in use: its source decides when it ends."""
        return object()
