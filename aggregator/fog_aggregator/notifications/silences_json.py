"""Write a silence as Alertmanager's API v2 does."""

from __future__ import annotations

from typing import Any

from fog_aggregator.notifications.alertmanager import rfc3339
from fog_aggregator.notifications.silences import Silence
from fog_aggregator.promql.labels import Matcher, MatchKind
from fog_schema.paths import format_path


def silence_json(silence: Silence, now: int) -> dict[str, Any]:
    """Write a silence as it is at a time, milliseconds; `path`, its part of the tree, is not in Alertmanager's."""
    return {
        "id": silence.id,
        "status": {"state": silence.state(now)},
        "updatedAt": rfc3339(int(silence.updated_at * 1000)),
        "comment": silence.comment,
        "createdBy": silence.author,
        "startsAt": rfc3339(silence.starts_at),
        "endsAt": rfc3339(silence.ends_at),
        "matchers": [_matcher(one) for one in silence.matchers],
        "path": format_path(silence.path),
    }


def _matcher(matcher: Matcher) -> dict[str, Any]:
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.kind in (MatchKind.REGEX, MatchKind.NOT_REGEX),
        "isEqual": matcher.kind in (MatchKind.EQUAL, MatchKind.REGEX),
    }
