"""The ports of sources: whoever keeps samples of the fleet, or of rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from fog_aggregator.history.routing import View
from fog_aggregator.promql.labels import Labels, Matcher
from fog_aggregator.promql.storage import Selection, SeriesStorage
from fog_schema.paths import Path

Room = Callable[[int], None]
"""Asks whether there is room for so many values before they are read; raises a QueryError when there is not."""
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@runtime_checkable
class Cancellable(Protocol[T_co]):
    """Reads for long, and stops when nobody wants the answer any more."""

    def until(self, expired: Callable[[], bool], room: Room) -> T_co:
        """Return the same for one request, which ends when `expired` says so; `room` is as `Room` says."""


@runtime_checkable
class Descending(Protocol[T_co]):
    """May ask others, who may ask us again."""

    def passed_on(self, branch: Path) -> T_co:
        """Return the same for a question that was passed on to us for a branch: only those below it are asked."""


@runtime_checkable
class Confinable(Protocol[T_co]):
    """Has more than a subtree of the fleet, and can be looked at as of one."""

    def under(self, root: Path) -> T_co:
        """Return the same of what lies at and under a path; it tells of no other place, whether it is there or not."""


class ViewSource(Protocol):
    """Keeps samples of some views. Any thread may ask."""

    @property
    def oldest(self) -> int | None:
        """The time of the oldest sample in milliseconds; None without samples."""

    @property
    def newest(self) -> int | None:
        """The time of the newest sample."""

    def holds(self, view: View) -> bool:
        """Tell whether this source answers for a view."""

    def select(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series of a view that fulfil every matcher, with their samples from `start` to `end`."""

    def series(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List the series of a view that fulfil every matcher and may have a sample from `start` to `end`."""


def enough_room(count: int) -> None:
    """Have room for any number of values."""
    del count


def for_request(source: T, expired: Callable[[], bool], room: Room = enough_room) -> T:
    """Return a source, or a storage, for one request, which ends when `expired` says so; most never take long."""
    return source.until(expired, room) if isinstance(source, Cancellable) else source


class NamedStorage(SeriesStorage, Protocol):
    """Series that are called by names of their own, as rules make them: no part of any view."""

    def names(self) -> frozenset[str]:
        """Return the names of all its series."""
