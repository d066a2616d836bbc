"""Remember which alerts began to fire lately, and which are over. Times are milliseconds since 1970."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import label
from fog_schema.paths import Path, is_under

MOST_STARTS: Final = 20_000
MOST_RESOLVED: Final = 1_000
BAR: Final = 600_000
"""A bar of new alerts is of so long."""
BARS: Final = 36
Shows = Callable[[str], bool]


class Receiver(Protocol):
    """Takes notices."""

    def begin(self) -> None:
        """Begin to tell."""

    def submit(self, notices: Sequence[Notice], at: int) -> None:
        """Take alerts that fire or have resolved."""


class AlertLog:
    """The newest alerts that began and ended since the process did. Belongs to the event loop.

    Args:
        receiver: Is handed every notice.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._firing: dict[str, int] = {}
        self._starts: deque[tuple[int, Path, str]] = deque(maxlen=MOST_STARTS)
        self._resolved: deque[Notice] = deque(maxlen=MOST_RESOLVED)

    def begin(self) -> None:
        """Begin to tell."""
        self._receiver.begin()

    def submit(self, notices: Sequence[Notice], at: int) -> None:
        """Note alerts that are new or over, and hand all on."""
        for notice in notices:
            known = self._firing.pop(notice.fingerprint, None)
            if notice.firing:
                self._firing[notice.fingerprint] = notice.starts_at
                if known != notice.starts_at:
                    self._starts.append((notice.starts_at, notice.path, _name(notice)))
            elif known is not None:
                self._resolved.append(notice)
        self._receiver.submit(notices, at)

    def bars(self, under: Path, now: int, shows: Shows) -> list[int]:
        """Count the alerts at and under a path that began, in each 10 minutes of the last 6 hours, oldest first.

        Args:
            under: The path.
            now: The present time.
            shows: Tells whether alerts of a rule are counted, by its name.
        """
        first = now // BAR - BARS + 1
        found = [0] * BARS
        for at, path, name in self._starts:
            if 0 <= at // BAR - first < BARS and is_under(path, under) and shows(name):
                found[at // BAR - first] += 1
        return found

    def resolved(self, under: Path, shows: Shows) -> Iterator[Notice]:
        """Return the alerts at and under a path that are over, the newest first: those of rules that are shown."""
        return (one for one in reversed(self._resolved) if is_under(one.path, under) and shows(_name(one)))


def _name(notice: Notice) -> str:
    return label(notice.labels, "alertname")
