"""Hold what one receiver is still to be told: of each alert the newest state alone.

A dead receiver costs one entry for each alert, however often alerts change. Attempts are repeated after a pause that
doubles from 1 s to 60 s. Times are the server's, milliseconds since 1970, so that they go on after a restart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from fog_aggregator.core.saved import DamagedError, as_flag, as_integer, as_labels, as_list, as_text
from fog_aggregator.notifications.deliveries import INTERVALS, Others
from fog_aggregator.notifications.notice import Notice

MAX_ALERTS: Final = 10_000
"""Alerts that one receiver is told of at once; one more is given up, and counted."""
FIRST_PAUSE: Final = 1_000
LONGEST_PAUSE: Final = 60_000
GIVEN_UP: Final = 24 * 3_600_000
"""A resolved alert that could not be delivered for so long is given up, and so is one that fires and that the rules do
not mention any more. Both are counted as lost."""

IsSilenced: TypeAlias = Callable[[Notice], bool]


@dataclass(slots=True)
class Owed:
    """One alert as a receiver knows it, and as it should.

    Attributes:
        notice: The newest state.
        since: When this state was first handed over.
        delivered: The key of the state that the receiver was told last; empty for none.
        delivered_at: When that was.
        refused: The key of a state that the receiver will never take.
        handed_at: When it was handed over last, this state or the one before; later than what was delivered before.
    """

    notice: Notice
    since: int
    delivered: str = ""
    delivered_at: int = 0
    refused: str = ""
    handed_at: int = 0

    @property
    def is_news(self) -> bool:
        """Whether the receiver does not know this state yet, and may take it."""
        return self.notice.key not in (self.delivered, self.refused)

    def hand_over(self, now: int) -> None:
        """Note that it is handed over now: after a restart the clock may be behind the last delivery."""
        self.handed_at = max(now, self.delivered_at + 1)

    def deliver(self, key: str, now: int) -> None:
        """Note that a state was delivered now; what was handed over by a clock that was ahead is told with it."""
        if now <= self.delivered_at:
            self.handed_at = min(self.handed_at, now)
        self.delivered, self.delivered_at = key, now


@dataclass(frozen=True, slots=True)
class Batch:
    """Notices that are told in one message.

    Attributes:
        notices: The notices, as they were when the message was made.
        group: The name of their group; empty where alerts are not grouped.
        repeats: When the same was told before; 0 for news.
    """

    notices: tuple[Notice, ...]
    group: str = ""
    repeats: int = 0

    def __len__(self) -> int:
        return len(self.notices)


class Outbox(ABC):
    """The notices that one receiver is owed. Not thread-safe.

    Args:
        name: The receiver's name, without secrets.

    Attributes:
        lost: Notices that were given up since it was last asked.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lost = 0
        self._owed: dict[str, Owed] = {}
        self._pause = 0
        self._failed_at = 0
        self._began_at: int | None = None

    def __len__(self) -> int:
        return len(self._owed)

    def submit(self, notices: Iterable[Notice], now: int) -> None:
        """Take over the newest states of alerts."""
        for notice in notices:
            owed = self._owed.get(notice.fingerprint)
            if owed is not None:
                owed.since = owed.since if owed.notice.key == notice.key else now
                owed.notice = notice
                owed.hand_over(now)
            elif len(self._owed) >= MAX_ALERTS:
                self.lost += 1
            else:
                self._owed[notice.fingerprint] = Owed(notice, now, handed_at=now)

    def due(self, now: int, is_silenced: IsSilenced, others: Others | None = None) -> list[Batch]:
        """Return the messages that are due; none while a pause lasts.

        Args:
            now: The time.
            is_silenced: Tells whether an alert is silenced.
            others: The other aggregators that tell this receiver, where one is enough.
        """
        others = others or Others()
        self._hear(others)
        self._tidy(now)
        if self._pause and 0 <= now - self._failed_at < self._pause:
            return []
        return self._due(now, is_silenced, others)

    def sent(self, batch: Batch, now: int) -> None:
        """Take note that the receiver has taken a message."""
        self._pause = 0
        for notice in batch.notices:
            if (owed := self._owed.get(notice.fingerprint)) is not None:
                owed.deliver(notice.key, now)

    def failed(self, now: int, batch: Batch | None = None) -> None:
        """Take note that the receiver was not reached, or could not take a message now."""
        del batch
        self._pause = min(LONGEST_PAUSE, 2 * self._pause or FIRST_PAUSE)
        self._failed_at = now

    def refused(self, batch: Batch) -> None:
        """Take note that the receiver will never take these states: they are not sent again."""
        self._pause = 0
        for notice in batch.notices:
            if (owed := self._owed.get(notice.fingerprint)) is not None:
                owed.refused = notice.key

    @abstractmethod
    def _due(self, now: int, is_silenced: IsSilenced, others: Others) -> list[Batch]:
        """Return the messages that are due."""

    @abstractmethod
    def _is_done(self, owed: Owed, now: int) -> bool:
        """Tell whether a resolved alert needs to be told no more."""

    def waits(self) -> bool:
        """Tell whether time alone may soon make something due, or something to be dropped."""
        return bool(self._owed)

    def news(self) -> list[Notice]:
        """Return the alerts that fire and that the receiver does not know to fire."""
        return [owed.notice for owed in self._owed.values() if owed.notice.firing and owed.is_news]

    def _hear(self, others: Others) -> None:
        """Take note of what others have told the receiver.

        That an alert has resolved counts once it has here as well: until then it is no answer to what is owed. Nor is
        one that fired long before it began to here: that was another time, and its end was lost.
        """
        for name, delivered in list(others.delivered.items()):
            owed = self._owed.get(name)
            if owed is not None and (
                not owed.notice.firing
                or (delivered.firing and delivered.at >= owed.notice.starts_at - INTERVALS * owed.notice.interval)
            ):
                del others.delivered[name]
                if delivered.at >= owed.delivered_at:
                    owed.delivered, owed.delivered_at = owed.notice.key_of(firing=delivered.firing), delivered.at

    def _tidy(self, now: int) -> None:
        """Drop the alerts that are over and need no more telling; give up what leads nowhere for a day."""
        if self._began_at is None:
            self._began_at = now  # nobody could hand anything over before
        for name, owed in list(self._owed.items()):
            if not owed.notice.firing and self._is_done(owed, now):
                del self._owed[name]
            elif now - (max(owed.handed_at, self._began_at) if owed.notice.firing else owed.since) > GIVEN_UP:
                del self._owed[name]
                self.lost += 1

    def records(self) -> list[tuple[Any, ...]]:
        """Return what must survive a restart."""
        return [
            (
                (one.labels, one.annotations, one.starts_at, one.ends_at, one.firing, one.generator_url, one.is_held),
                *(owed.since, owed.delivered, owed.delivered_at, owed.refused, owed.handed_at),
            )
            for owed in self._owed.values()
            for one in [owed.notice]
        ]

    def restore(self, records: Sequence[Any]) -> None:
        """Take over what was saved, in place of what is here.

        Raises:
            DamagedError: It is not what `records` returns.
        """
        owed = [_owed(record) for record in records[:MAX_ALERTS]]
        self._owed = {one.notice.fingerprint: one for one in owed}


def _owed(record: object) -> Owed:
    """Check one record."""
    match as_list(record):
        case [
            [labels, annotations, starts_at, ends_at, firing, url, held],
            since,
            delivered,
            delivered_at,
            refused,
            handed_at,
        ]:
            notice = Notice(
                as_labels(labels),
                as_labels(annotations),
                as_integer(starts_at),
                as_integer(ends_at),
                as_flag(firing),
                as_text(url),
                as_flag(held),
            )
            return Owed(
                notice,
                as_integer(since),
                as_text(delivered),
                as_integer(delivered_at),
                as_text(refused),
                as_integer(handed_at),
            )
    raise DamagedError(f"{record!r} is no alert of a receiver")
