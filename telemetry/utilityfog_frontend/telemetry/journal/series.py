"""Counters and histograms whose counts are in a journal: a write is a store into the map, and done when it returns.

The stores of one write are in one expression without a call, and the interpreter changes threads, and runs signal
handlers, at calls and at backward jumps alone: so they need no lock. Where there is no interpreter lock they take one.
"""

import sys
from bisect import bisect_left
from collections.abc import Callable
from math import isfinite
from sys import modules
from typing import Any, Final
from weakref import ref

from utilityfog_frontend.telemetry.instruments.counter import CounterSeries
from utilityfog_frontend.telemetry.instruments.gate import Gate
from utilityfog_frontend.telemetry.instruments.histogram import HistogramSeries
from utilityfog_frontend.telemetry.model import Exemplar, Family, HistogramValue, Labels
from utilityfog_frontend.telemetry.support.numeric import Number
from utilityfog_frontend.telemetry.support.trace import TRACE_API, current_trace

from .kinds import MOST, SUMS, Shape
from .layout import CELL, VALUE
from .slots import Slot

GUARDED: Final = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether the interpreter lock makes an expression without a call one step."""

TRACED: Final = 128
"""One observation in so many carries the current trace."""

Append = Callable[[Any], None]


class Direct(list[Any]):
    """In place of a backlog: what is appended goes into the journal at once, and nothing waits to be flushed."""

    __slots__ = ("append",)

    append: Append


class JournaledCounterSeries(CounterSeries):
    """One incarnation of a counter, in a journal."""

    __slots__ = ("_shape", "slot")

    journaled = True

    def __init__(self, family: Family, labels: Labels, created: float, gate: Gate, *, slot: Slot, shape: Shape) -> None:
        super().__init__(family, labels, created, gate)
        self.slot = slot
        self._shape = shape
        one, append = _counting(slot, gate)
        self.ones = iter(one, 1)
        self.pending = direct = Direct()
        direct.append = append

    def flush(self) -> Number:
        """Return the count: nothing waits."""
        slot = self.slot
        value: Any = self._shape.read(slot.region.bytes, (slot.at + VALUE) * CELL)
        return value  # type: ignore[no-any-return]

    peek = flush


class JournaledHistogramSeries(HistogramSeries):
    """One incarnation of a histogram, in a journal."""

    __slots__ = ("__weakref__", "_clock", "_shape", "slot")

    journaled = True

    def __init__(
        self,
        family: Family,
        labels: Labels,
        created: float,
        gate: Gate,
        *,
        slot: Slot,
        shape: Shape,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(family, labels, created, gate)
        self.slot = slot
        self._shape = shape
        self._clock = clock
        self.pending = direct = Direct((0.0, 0.0))  # looks like a backlog that is not to be flushed yet
        direct.append = _observing(slot, family.bounds, gate, ref(self))

    def flush(self) -> None:
        """Nothing waits."""

    def peek(self) -> HistogramValue:
        """As `read`."""
        slot = self.slot
        value: Any = self._shape.read(slot.region.bytes, (slot.at + VALUE) * CELL)
        return value  # type: ignore[no-any-return]

    def trace(self, value: float) -> None:
        """Keep the current trace as the exemplar of a value's bucket, when one is sampled."""
        trace = current_trace()
        if trace is not None:
            self.remember(Exemplar(trace, value, self._clock()))


def _counting(slot: Slot, gate: Gate) -> tuple[Callable[[], None], Append]:
    """Return what counts one, and what counts any amount: whole ones in one cell, others in the next."""
    ints, floats, at = slot.region.ints, slot.region.floats, slot.at + VALUE
    fractions = at + 1

    def one() -> None:
        try:
            ints[at] += 1
        except ValueError:
            ints[at] = MOST

    def append(number: Number) -> None:
        if type(number) is not int:
            if number % 1:
                floats[fractions] += number
                return
            number = int(number)
        try:
            ints[at] += number
        except ValueError:  # more than 64 bits
            if number > MOST:
                _drop(gate)
            else:
                ints[at] = MOST

    return _one_step(one, slot, gate), _one_step(append, slot, gate)


def _observing(slot: Slot, bounds: tuple[float, ...], gate: Gate, series: Any) -> Append:
    """Return what counts an observation: the other sum first, then its bucket, which makes both valid."""
    ints, floats, sums = slot.region.ints, slot.region.floats, slot.at + VALUE
    buckets = sums + SUMS
    count, total = 0, 0.0

    def append(value: Any) -> None:
        nonlocal count, total
        if type(value) is not float or value - value != 0.0:
            value = _finite(value, gate)
            if value is None:
                return
        bucket = buckets + bisect_left(bounds, value)
        count, total = count + 1, total + value
        floats[sums + (count & 1)], ints[bucket] = total, ints[bucket] + 1
        if count % TRACED == 1 and TRACE_API in modules and (owner := series()) is not None:
            owner.trace(value)

    step: Append = _one_step(append, slot, gate)
    return step


def _finite(value: Any, gate: Gate) -> Any:
    """Return a value of any type as a finite double; None, and it is counted as dropped, when it is none."""
    try:
        number = float(value)
    except Exception:  # noqa: BLE001 - a user's type; the program must survive it
        number = float("nan")
    if isfinite(number):
        return number
    _drop(gate)
    return None


def _drop(gate: Gate) -> None:
    gate.dropped += 1
    gate.tell_dropped()


def _one_step(write: Any, slot: Slot, gate: Gate) -> Any:
    """Let a write hold its slot, and a lock where nothing else makes it one step."""

    def locked(*args: Any) -> None:
        with gate.lock:
            write(*args)

    step = write if GUARDED else locked
    vars(step)["slot"] = slot
    return step
