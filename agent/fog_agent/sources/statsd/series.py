"""The values that lines of statsd add up to. Pure.

Each takes values as bytes and says for which reason it refuses one, or nothing: a raise costs more than a line.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from math import isfinite
from typing import Final

from utilityfog_frontend.telemetry.exponential.store import Store
from utilityfog_frontend.telemetry.model import Exponential, ExponentialValue, HistogramValue, Value
from utilityfog_frontend.telemetry.support.numeric import WHOLE_LIMIT

from .lines import MEMBERS, NEGATIVE, RATE, VALUE, read_number

MAX_MEMBERS: Final = 10_000
"""Distinct members of one set in one interval."""
MAX_WEIGHT: Final = 1_000
"""Observations that one value of a histogram may stand for: each is counted by itself."""
_PENDING: Final = 256


class StatsdSeries(ABC):
    """One series.

    Attributes:
        created: when it began, unix seconds.
        used: whether a line came since `rest` was last asked.
        rests: how often in succession none had come.
    """

    __slots__ = ("created", "rests", "used")

    def __init__(self, created: float) -> None:
        self.created = created
        self.used = True
        self.rests = 0

    @abstractmethod
    def take(self, text: bytes, weight: float) -> str:
        """Take a value that stands for `weight`; return the reason for which it is refused, or nothing."""

    @abstractmethod
    def read(self) -> Value | None:
        """Return the value now; None while none was taken."""

    def rest(self) -> int:
        """Return how often in succession it was asked and no line had come in between."""
        self.rests = 0 if self.used else self.rests + 1
        self.used = False
        return self.rests


class Count(StatsdSeries):
    """A counter: an int while all that was counted is whole, a float for ever after the first that was not."""

    __slots__ = ("_total",)

    def __init__(self, created: float) -> None:
        super().__init__(created)
        self._total: int | float | None = None

    def take(self, text: bytes, weight: float) -> str:
        """Add a value."""
        number = read_number(text)
        if number is None:
            return VALUE
        if number < 0:
            return NEGATIVE
        amount = number * weight
        if type(amount) is float and amount.is_integer():
            amount = int(amount)
        total = amount if self._total is None else self._total + amount
        if total >= WHOLE_LIMIT:
            return VALUE
        self._total = total
        return ""

    def read(self) -> int | float | None:
        """Return the total."""
        return self._total


class Level(StatsdSeries):
    """A gauge.

    Args:
        created: when it began.
        signed: whether a sign says that a value is added (statsd), and not that it is the new one (DogStatsD).
        adds: each value is added, with a sign or without: a counter that goes down, too.
    """

    __slots__ = ("_adds", "_signed", "_value")

    def __init__(self, created: float, *, signed: bool = False, adds: bool = False) -> None:
        super().__init__(created)
        self._signed = signed
        self._adds = adds
        self._value: int | float | None = None

    def take(self, text: bytes, weight: float) -> str:
        """Set or add a value. A rate means nothing where values are not added up."""
        number = read_number(text)
        if number is None:
            return VALUE
        if self._adds:
            number = (self._value or 0) + number * weight
        elif self._signed and text[:1] in (b"+", b"-"):
            number = (self._value or 0) + number
        if not isfinite(number):
            return VALUE
        self._value = number
        return ""

    def set(self, number: int) -> None:
        """Set it to a number."""
        self._value = number

    def read(self) -> int | float | None:
        """Return the last value."""
        return self._value


class _Distribution(StatsdSeries):
    """A histogram of either kind.

    A value of a sample stands for as many observations as its weight says. Of a weight that is not whole the rest is
    carried to the next value, so that in the long run none is missing.
    """

    __slots__ = ("_carried", "_scale", "_sum")

    def __init__(self, created: float, scale: int) -> None:
        super().__init__(created)
        self._scale = scale
        self._carried = 0.0
        self._sum = 0.0

    def take(self, text: bytes, weight: float) -> str:
        """Count a value, divided by the scale."""
        number = read_number(text)
        if number is None or not -WHOLE_LIMIT < number < WHOLE_LIMIT:
            return VALUE
        if weight > MAX_WEIGHT:
            return RATE
        times = int(weight)
        if times != weight:
            carried = self._carried + weight - times
            times += int(carried)
            self._carried = carried - int(carried)
        value = number / self._scale
        self._sum += value * times
        self._count(value, times)
        return ""

    @abstractmethod
    def _count(self, value: float, times: int) -> None:
        """Count a value so many times."""


class Distribution(_Distribution):
    """A histogram with bounds."""

    __slots__ = ("_bounds", "_counts")

    def __init__(self, created: float, scale: int, bounds: tuple[float, ...]) -> None:
        super().__init__(created, scale)
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def _count(self, value: float, times: int) -> None:
        self._counts[bisect_left(self._bounds, value)] += times

    def read(self) -> HistogramValue | None:
        """Return the counts and the sum."""
        return HistogramValue(tuple(self._counts), self._sum) if any(self._counts) else None


class ExponentialDistribution(_Distribution):
    """A histogram without bounds."""

    __slots__ = ("_pending", "_store")

    def __init__(self, created: float, scale: int, chosen: Exponential) -> None:
        super().__init__(created, scale)
        self._store = Store(chosen.schema, chosen.max)
        self._pending: list[float] = []

    def _count(self, value: float, times: int) -> None:
        self._pending += [value] * times
        if len(self._pending) >= _PENDING:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._store = self._store.count(sorted(self._pending))
            self._pending.clear()

    def read(self) -> ExponentialValue | None:
        """Return the buckets and the sum."""
        self._flush()
        value = self._store.value(self._sum)
        return value if value.count else None


class Room:
    """Count how many members all sets together may have."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class Distinct(StatsdSeries):
    """A set: how many distinct values came in the last interval that is over.

    It remembers a hash of 64 bits of each: 10,000 members have two with the same once in 400 billion intervals.
    """

    __slots__ = ("_last", "_members", "_room")

    def __init__(self, created: float, room: Room) -> None:
        super().__init__(created)
        self._members: set[int] = set()
        self._room = room
        self._last: int | None = None

    def take(self, text: bytes, weight: float) -> str:
        """Add a member. A rate means nothing: nobody knows who was left out."""
        del weight
        member = hash(text)
        if member in self._members:
            return ""
        if len(self._members) >= MAX_MEMBERS or self._room.left <= 0:
            return MEMBERS
        self._room.left -= 1
        self._members.add(member)
        return ""

    def end_interval(self) -> None:
        """Show how many there were, and begin with none."""
        self._last = len(self._members)
        self._room.left += self._last
        self._members = set()

    def read(self) -> int | None:
        """Return the number of the last interval; None before its end."""
        return self._last


class Refusing(StatsdSeries):
    """Stands for a series that there cannot be: it refuses each value for the same reason."""

    __slots__ = ("_reason",)

    def __init__(self, reason: str) -> None:
        super().__init__(0.0)
        self._reason = reason

    def take(self, text: bytes, weight: float) -> str:
        """Refuse."""
        del text, weight
        return self._reason

    def read(self) -> None:
        """Return nothing."""
