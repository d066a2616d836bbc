"""Show the collector as it was at a moment, or how two moments differ."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.keys import SLOTS
from fog_aggregator.components.http.output import JSON, json_bytes, send
from fog_aggregator.components.http.parameters import NODE, PATH, Parameter, number
from fog_aggregator.components.http.past.keys import PAST
from fog_aggregator.components.http.past.waiting import while_wanted
from fog_aggregator.components.http.snapshot import snapshot_chunks
from fog_aggregator.past.difference import Change, Held, changes
from fog_schema.paths import format_path


def moment(text: str) -> float:
    """Read a moment: unix seconds, or RFC 3339 with its zone.

    Raises:
        ValueError: it is neither; the text says what to write.
    """
    seconds = number(text)
    if math.isnan(seconds) and text.isascii():
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        seconds = at.timestamp() if at is not None and at.tzinfo is not None else math.nan
    if not 0 <= seconds < _MOST_SECONDS:
        raise ValueError(
            "a moment is needed: unix seconds, as in 1700000000.5, or RFC 3339, as in 2026-11-26T09:30:00Z"
        )
    return seconds


_MOST_SECONDS: Final = 2.0**38
_SCHEMA: Final = {"type": "string", "example": "2026-11-26T09:30:00Z"}
TIME: Final = Parameter("time", "the moment, unix seconds or RFC 3339", _SCHEMA, moment, required=True)
BEFORE: Final = Parameter(
    "since",
    "an earlier moment: counts are then the difference, and gauges have both values",
    _SCHEMA,
    moment,
)
PARAMETERS: Final = (PATH, NODE, TIME, BEFORE)


async def at(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Answer with the collector as it was at a moment, or with what has changed since an earlier one."""
    path, node, time, since = query["path"], query["node"], query["time"], query["since"]
    if path and node is not None:
        raise web.HTTPBadRequest(text="node= is one node's own values, path= a subtree's: give one of them")
    if since is not None and since >= time:
        raise web.HTTPBadRequest(text=f"since={since:.3f} is not before time={time:.3f}")
    if request.method == "HEAD":
        return await send(request, (), JSON)
    where, own = path if node is None else node, node is not None
    wanted = (time,) if since is None else (since, time)
    found = await while_wanted(request, request.app[PAST].past.families(where, wanted, own=own))
    rest = {"path": format_path(where), "own": own, "since": since}
    async with request.app[SLOTS].acquire(request):
        if since is None:
            return await send(request, snapshot_chunks(found[0].shown, time, rest), JSON)
        body = await asyncio.to_thread(_difference, found[0], found[1], {"timestamp": time, **rest})
        return await send(request, [body], JSON)


def _difference(before: Held, after: Held, rest: Mapping[str, Any]) -> bytes:
    metrics = {name: [_plain(change) for change in found] for name, found in changes(before, after)}
    return json_bytes({"metrics": metrics, **rest})


def _plain(change: Change) -> dict[str, Any]:
    if change.absolute:
        return {"from": change.before, "to": change.value, "labels": change.labels}
    return {"change": change.value, "labels": change.labels}
