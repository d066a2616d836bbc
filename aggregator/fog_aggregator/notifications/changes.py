"""Tell of each change once, alert by alert: for NATS and for the log."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Final

from fog_aggregator.notifications.alertmanager import rfc3339
from fog_aggregator.notifications.deliveries import Others
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.notifications.outbox import Batch, IsSilenced, Outbox, Owed

NEVER: Final = "0001-01-01T00:00:00Z"
"""The end of an alert that fires, as Alertmanager writes it in a webhook."""


MOST_AT_ONCE: Final = 256
"""Changes that are told in one go; the others follow."""


class ChangesOutbox(Outbox):
    """The notices owed to a receiver of changes alone. Silenced alerts are left out while the silence lasts."""

    def _due(self, now: int, is_silenced: IsSilenced, others: Others) -> list[Batch]:
        news = (owed.notice for owed in self._owed.values() if owed.is_news and not _waits(owed, now, others))
        audible = (notice for notice in news if not (notice.firing and is_silenced(notice)))
        return [Batch((notice,)) for notice in islice(audible, MOST_AT_ONCE)]

    def waits(self) -> bool:
        """Tell whether a change is still to be told, or an alert that is over to be dropped."""
        return any(owed.is_news or not owed.notice.firing for owed in self._owed.values())

    def _is_done(self, owed: Owed, now: int) -> bool:
        del now
        return not owed.delivered or not owed.is_news  # nobody was told that it fired, or that it is over was told


def _waits(owed: Owed, now: int, others: Others) -> bool:
    """Tell whether another aggregator may still tell of it; a clock that was set back makes nobody wait."""
    return 0 <= now - owed.since < others.patience(owed.notice)


def alert_json(notice: Notice) -> dict[str, Any]:
    """Write a notice as an alert of Alertmanager's webhook."""
    return {
        "status": notice.status,
        "labels": dict(notice.labels),
        "annotations": dict(notice.annotations),
        "startsAt": rfc3339(notice.starts_at),
        "endsAt": NEVER if notice.firing else rfc3339(notice.ends_at),
        "generatorURL": notice.generator_url,
        "fingerprint": notice.fingerprint,
    }


def nats_body(notice: Notice) -> bytes:
    """Write a notice as the JSON of a message: an alert of a webhook, and a key that is the same for the same news."""
    return json.dumps({"key": notice.key, **alert_json(notice)}, ensure_ascii=False, separators=(",", ":")).encode(
        errors="replace"
    )


def log_line(notice: Notice) -> str:
    """Write a notice for people, on one line."""
    labels = dict(notice.labels)
    name = labels.pop("alertname", "an alert")
    named = ", ".join(f"{key}={json.dumps(value)}" for key, value in labels.items())
    summary = dict(notice.annotations).get("summary", "")
    return f"{name} {notice.status}{f' {{{named}}}' if named else ''}{f': {summary}' if summary else ''}"[
        :2000
    ].replace("\n", " ")
