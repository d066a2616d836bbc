"""Tell an Alertmanager, by its API v2: all that fires, again and again, and what has resolved for five minutes.

It forgets alerts when it is restarted, takes an alert for resolved at its `endsAt`, and does grouping, repetition and
silences itself. So each is told of everything, as often as the rules hand it over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fog_aggregator.notifications.deliveries import Others
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.notifications.outbox import Batch, IsSilenced, Outbox, Owed

BATCH: Final = 256
RESEND: Final = 60_000
RESOLVED_AGAIN: Final = 300_000
"""For how long a resolved alert is told again: one Alertmanager of a cluster may have been away."""
SHORTEST_END: Final = 900_000
"""An alert that fires has its end so far ahead: its true end is always told, and a pause of ours resolves nothing."""


class AlertmanagerOutbox(Outbox):
    """The notices that one Alertmanager is owed."""

    def _due(self, now: int, is_silenced: IsSilenced, others: Others) -> list[Batch]:
        del is_silenced, others  # it has silences of its own, and joins what several tell
        due = [owed.notice for owed in self._owed.values() if self._is_due(owed, now)]
        return [Batch(tuple(due[start : start + BATCH])) for start in range(0, len(due), BATCH)]

    def _is_due(self, owed: Owed, now: int) -> bool:
        if owed.notice.key == owed.refused:
            return False
        since_delivered = now - owed.delivered_at
        if owed.is_news or since_delivered < 0:
            return True
        # The rules hand over what fires once a minute; when they do not, it is told all the same. Not so what has
        # resolved: it may have begun anew in the other aggregator of a pair, and the rules know.
        return owed.handed_at > owed.delivered_at or (owed.notice.firing and since_delivered >= 2 * RESEND)

    def restore(self, records: Sequence[Any]) -> None:
        """Take over what was saved; firing alerts are told again at once, as the receiver may have been restarted."""
        super().restore(records)
        for owed in (one for one in self._owed.values() if one.notice.firing):
            owed.hand_over(owed.handed_at)

    def _is_done(self, owed: Owed, now: int) -> bool:
        return owed.notice.key == owed.refused or (not owed.is_news and now - owed.since > RESOLVED_AGAIN)


def alertmanager_body(notices: tuple[Notice, ...], now: int) -> list[dict[str, Any]]:
    """Write notices as the JSON of `POST /api/v2/alerts`."""
    return [
        {
            "labels": dict(notice.labels),
            "annotations": dict(notice.annotations),
            "startsAt": rfc3339(notice.starts_at),
            "endsAt": rfc3339(max(notice.ends_at, now + SHORTEST_END) if notice.firing else notice.ends_at),
            **({"generatorURL": notice.generator_url} if notice.generator_url else {}),
        }
        for notice in notices
    ]


def rfc3339(milliseconds: int) -> str:
    """Write a time as Go does: `2026-11-26T09:30:00.5Z`."""
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return f"{text.removesuffix('+00:00')}Z"
