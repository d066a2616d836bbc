"""Functions that say what a gauge is."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, Any, Protocol

from utilityfog_frontend.telemetry.support.asking import Question
from utilityfog_frontend.telemetry.support.numeric import Number, as_number

if TYPE_CHECKING:
    from .family import FamilyState, Instrument


class Function(Protocol):
    """A gauge with a function reads this."""

    @property
    def value(self) -> Number:
        """Return the latest answer of the function."""


class Fact:
    """A function of our own, which is quick: each reader calls it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], Number]) -> None:
        self._function = function

    @property
    def value(self) -> Number:
        """Return what it says now."""
        return self._function()


class UserFunction(Question):
    """A function of the program's, which may take for ever: readers see what it said last, NaN before that.

    It knows its gauge by the key alone: a gauge that nobody holds any more must vanish at once, not in a cycle.
    """

    __slots__ = ("_function", "_key", "_last", "_state")

    def __init__(self, function: Callable[[], float], state: FamilyState[Any], key: tuple[str, ...]) -> None:
        super().__init__(state.family.name)
        self._function = function
        self._state = state
        self._key = key
        self._last: Number = nan

    @property
    def value(self) -> Number:
        """Return what it said last; NaN when it failed, or has not answered for too long."""
        return nan if self.expired else self._last

    def ask(self) -> bool:
        """Ask the function. A failure is an answer: NaN."""
        try:
            self._last = as_number(self._function())
        except Exception:  # noqa: BLE001 - whatever it is, the reader must survive it
            self._state.scope.problems.report("gauge_function", "%s: its function failed", self.name, exc_info=True)
            self._last = nan
        gauge = self._gauge()
        if gauge is not None:
            self._state.resume(gauge)
        return True

    def expire(self) -> None:
        """Let the gauge end until there is an answer."""
        gauge = self._gauge()
        if gauge is not None:
            self._state.suspend(gauge)

    def _gauge(self) -> Instrument | None:
        """Return the gauge whose function this is, if it still is."""
        gauge: Instrument | None = self._state.children.get(self._key)
        return gauge if gauge is not None and gauge._series.function is self else None
