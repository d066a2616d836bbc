"""Prints the fleet's events, the newest last.

fog events
fog events fog/0 --name node_unhealthy --since 1h
fog events --follow
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fog_bus.options import option, switch
from fog_bus.options.kinds import DURATION, NAME, PATH, WHOLE
from fog_cli.api import Api, ApiSettings
from fog_cli.config import group
from fog_cli.terminal import Paint, printable, show_time

FOLLOW_EVERY = 1.0
MOST = 10_000
PAGE = 500
"""Events that are asked for at once: each may take 16 kB."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog events`."""

    path: str = option("", "only of this subtree", PATH, positional=True)
    name: str = option("", "only events of this name", NAME)
    since: float | None = option(None, "only those received within this time", DURATION)
    limit: int = option(50, "at most so many, the newest", WHOLE)
    follow: bool = switch("go on with those that come, until Ctrl-C")
    json: bool = switch("one JSON object a line")
    api: ApiSettings = group(ApiSettings)


def run(settings: Settings) -> int:
    """Print what there is, and follow if asked to."""
    paint = Paint()
    with suppress(KeyboardInterrupt):  # how --follow ends
        for event in _events(settings):
            print(json.dumps(event) if settings.json else _line(event, paint), flush=settings.follow)
    return 0


def _events(settings: Settings) -> Iterator[Mapping[str, Any]]:
    api = Api(settings.api.url)
    query: dict[str, object] = {"path": settings.path, "name": settings.name, "limit": settings.limit}
    if settings.since is not None:
        query["since"] = api.json("/api/status")["now"] - settings.since
    seen: set[tuple[object, ...]] = set()
    while True:
        events = _asked(api, query)
        yield from (event for event in events if _identity(event) not in seen)
        if not settings.follow:
            return
        if events:
            # Several may bear the newest moment: it is asked for again, and what was shown is known.
            newest = max(event["received"] for event in events)
            seen = {_identity(event) for event in events if event["received"] == newest}
            query |= {"since": newest - 1e-6, "limit": MOST}
        time.sleep(FOLLOW_EVERY)


def _asked(api: Api, query: Mapping[str, object]) -> list[Mapping[str, Any]]:
    """Ask for the newest events, page by page; return them, the newest last."""
    wanted, events = int(str(query["limit"])), list[Mapping[str, Any]]()
    page: Mapping[str, Any] = {"next": None}
    while True:
        here = {"limit": min(PAGE, wanted - len(events))} | ({} if page["next"] is None else {"before": page["next"]})
        page = api.json("/api/events", {**query, **here})
        events = [*page["events"], *events]
        if page["next"] is None or len(events) >= wanted:
            return events


def _identity(event: Mapping[str, Any]) -> tuple[object, ...]:
    return event["path"], event["epoch"], event["number"]


def _line(event: Mapping[str, Any], paint: Paint) -> str:
    parts = [paint("faint", show_time(event["received"])), event["path"], paint("bold", printable(event["name"]))]
    parts += [json.dumps(part) for part in (event["value"], event["labels"], event["metadata"]) if part]
    return "  ".join(parts)
