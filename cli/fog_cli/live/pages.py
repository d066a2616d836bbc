"""Long lists of an aggregator, page by page up to a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fog_cli.api import Api

PAGE: Final = 1_000
EVENTS: Final = 500
"""Events that are asked for at once: each may take 16 kB."""

Answer = dict[str, Any]
Query = Mapping[str, object]


def nodes(api: Api, query: Query, limit: int) -> Answer:
    """Return an answer of /api/nodes with up to so many nodes; `next` is null when it has all of them."""
    answer: Answer = api.json("/api/nodes", {**query, "limit": min(PAGE, limit)})
    while answer["next"] is not None and len(answer["nodes"]) < limit:
        left = min(PAGE, limit - len(answer["nodes"]))
        page = api.json("/api/nodes", {**query, "limit": left, "cursor": answer["next"]})
        answer = page | {"nodes": [*answer["nodes"], *page["nodes"]]}
    return answer | {"limit": limit}


def problems(api: Api, path: str, limit: int) -> Answer:
    """Return an answer of /api/alerts with up to so many problems."""
    answer: Answer = api.json("/api/alerts", {"path": path, "limit": min(PAGE, limit)})
    while len(answer["problems"]) < min(limit, answer["total"]):
        first = len(answer["problems"])
        page = api.json("/api/alerts", {"path": path, "limit": min(PAGE, limit - first), "offset": first})
        if not page["problems"]:
            break
        answer = page | {"problems": [*answer["problems"], *page["problems"]], "offset": 0}
    return answer | {"limit": limit}


def events(api: Api, query: Query, limit: int) -> Answer:
    """Return an answer of /api/events with up to so many of the newest events, the newest last."""
    answer: Answer = api.json("/api/events", {**query, "limit": min(EVENTS, limit)})
    while answer["next"] is not None and len(answer["events"]) < limit:
        left = min(EVENTS, limit - len(answer["events"]))
        page = api.json("/api/events", {**query, "limit": left, "before": answer["next"]})
        answer = page | {"events": [*page["events"], *answer["events"]]}
    return answer
