"""Tell a webhook of the alerts of a subtree in one message: what fires there, and what has resolved since the last.

The body is version 4 of Alertmanager's webhook, and so are group_wait, group_interval and repeat_interval.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from fog_aggregator.notifications.changes import ChangesOutbox, alert_json
from fog_aggregator.notifications.deliveries import Others
from fog_aggregator.notifications.notice import Notice, fingerprint
from fog_aggregator.notifications.outbox import FIRST_PAUSE, LONGEST_PAUSE, Batch, IsSilenced, Owed
from fog_aggregator.promql.labels import Labels
from fog_schema.paths import format_path

MAX_IN_BODY: Final = 1_000
"""Alerts of one message; how many more there are stands in it."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """How alerts are put together. Times are milliseconds.

    Attributes:
        tokens: So many tokens of an alert's path name its group.
        wait: How long the first news of a group waits for others.
        interval: How long further news of a group wait after a message.
        repeat: After how long a group is told again that fires all the time.
    """

    tokens: int = 2
    wait: int = 10_000
    interval: int = 60_000
    repeat: int = 4 * 3_600_000

    def name(self, notice: Notice) -> str:
        """Name an alert's group: the place, or nothing for the alerts of the whole."""
        return format_path(notice.path[: self.tokens])


class GroupsOutbox(ChangesOutbox):
    """The notices that a webhook is owed."""

    def __init__(self, name: str, grouping: Grouping) -> None:
        super().__init__(name)
        self._grouping = grouping
        self._failures: dict[str, tuple[int, int]] = {}

    def failed(self, now: int, batch: Batch | None = None) -> None:
        """Let the others have their turn: a group whose message fails again and again has a pause of its own."""
        super().failed(now, batch)
        if batch is not None:
            pause, _ = self._failures.get(batch.group, (0, 0))
            self._failures[batch.group] = (min(LONGEST_PAUSE, 2 * pause or FIRST_PAUSE), now)

    def sent(self, batch: Batch, now: int) -> None:
        """Take note that the receiver has taken a message."""
        super().sent(batch, now)
        self._failures.pop(batch.group, None)

    def refused(self, batch: Batch) -> None:
        """Take note that the receiver will never take a message."""
        super().refused(batch)
        self._failures.pop(batch.group, None)

    def _due(self, now: int, is_silenced: IsSilenced, others: Others) -> list[Batch]:
        groups: dict[str, list[Owed]] = {}
        for owed in self._owed.values():
            if not (owed.notice.firing and is_silenced(owed.notice)) and owed.notice.key != owed.refused:
                groups.setdefault(self._grouping.name(owed.notice), []).append(owed)
        self._failures = {name: failure for name, failure in self._failures.items() if name in groups}
        due = [name for name, members in groups.items() if self._is_due(members, now, others)]
        due = [name for name in due if not self._pauses(name, now)]
        return [_batch(name, groups[name]) for name in sorted(due, key=lambda one: self._failures.get(one, (0, 0)))]

    def waits(self) -> bool:
        """Tell whether there is anything: what fires is repeated."""
        return bool(self._owed)

    def _pauses(self, group: str, now: int) -> bool:
        pause, failed_at = self._failures.get(group, (0, 0))
        return 0 <= now - failed_at < pause

    def _is_due(self, members: list[Owed], now: int, others: Others) -> bool:
        grouping = self._grouping
        delivered_at = max(owed.delivered_at for owed in members)
        news = [owed for owed in members if owed.is_news]
        patience = max(others.patience(owed.notice) for owed in news or members)
        if news:
            due_at = max(min(owed.since for owed in news) + grouping.wait, delivered_at + grouping.interval)
            return now >= due_at + patience or now < delivered_at
        fires = any(owed.notice.firing and not owed.notice.is_held for owed in members)
        return fires and now - delivered_at >= grouping.repeat + patience


def _batch(group: str, members: list[Owed]) -> Batch:
    repeats = 0 if any(owed.is_news for owed in members) else max(owed.delivered_at for owed in members)
    return Batch(tuple(owed.notice for owed in members), group, repeats)


def webhook_body(batch: Batch, external_url: str) -> dict[str, Any]:
    """Write a group as the JSON that Alertmanager posts to webhooks; firing alerts first."""
    notices = sorted(batch.notices, key=lambda notice: (not notice.firing, notice.starts_at))
    shown = notices[:MAX_IN_BODY]
    place = {"fog_site": batch.group} if batch.group else {}
    return {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{name}="{value}"' for name, value in place.items()) + "}",
        "truncatedAlerts": len(notices) - len(shown),
        "status": "firing" if any(notice.firing for notice in notices) else "resolved",
        "receiver": "webhook",
        "groupLabels": place,
        "commonLabels": _common(notice.labels for notice in notices),
        "commonAnnotations": _common(notice.annotations for notice in notices),
        "externalURL": external_url,
        "alerts": [alert_json(notice) for notice in shown],
    }


def idempotence_key(batch: Batch) -> str:
    """Name a message: the same for the same news of the same alerts, whoever sends it; another for a repetition."""
    keys = [*sorted(notice.key for notice in batch.notices), str(batch.repeats)]
    return f"{fingerprint(tuple((key, '') for key in keys)):016x}"


def _common(several: Iterable[Labels]) -> dict[str, str]:
    """Keep the pairs that all have."""
    first, *others = several
    common = set(first).intersection(*others)
    return {name: value for name, value in first if (name, value) in common}
