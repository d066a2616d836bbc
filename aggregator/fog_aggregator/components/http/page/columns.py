"""Answer with a tree as columns, and with a value for each of its nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.keys import NETWORK, SLOTS
from fog_aggregator.components.http.output import json_bytes
from fog_aggregator.components.http.page.keys import LAYERS, SHAPES, KnownShapes
from fog_aggregator.components.http.page.tagged import send_tagged
from fog_aggregator.components.http.parameters import Parameter
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.listing.columns import Columns
from fog_aggregator.query.selection import Selection
from fog_schema.limits import MAX_NAME_LENGTH
from fog_schema.paths import Path

TREE, COLUMNS = "tree", "columns"
_FORMATS: Final = (TREE, COLUMNS)
_VALUES: Final = ("float16", "float32")


def _one_of(*choices: str) -> Any:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)} is needed")
        return text

    return parse


def _metric(text: str) -> str:
    if not text or len(text) > MAX_NAME_LENGTH:
        raise ValueError("the name of a metric is needed")
    return text


FORMAT: Final = Parameter(
    "format",
    "an object for each place, or all places and the states of their nodes as columns, to any depth",
    {"type": "string", "enum": list(_FORMATS), "default": TREE},
    _one_of(*_FORMATS),
    TREE,
)
LAYER: Final = Parameter(
    "metric",
    "with format=columns: in place of names and states, the value of each node: a gauge's, or the rate of a counter "
    "or of a histogram's observations",
    {"type": "string"},
    _metric,
)
VALUES: Final = Parameter(
    "values",
    "how values are written",
    {"type": "string", "enum": list(_VALUES), "default": _VALUES[0]},
    _one_of(*_VALUES),
    _VALUES[0],
)


async def tree_columns(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Answer with the tree at and under a path, or with a layer of values over it."""
    network, shapes, path = request.app[NETWORK], request.app[SHAPES], query["path"]
    async with request.app[SLOTS].acquire(request):
        found = await asyncio.to_thread(look, network, shapes, path)
        if query["metric"] is None:
            body = await asyncio.to_thread(lambda: json_bytes(found.plain()))
            return await send_tagged(request, body)
    if LAYERS not in request.app:
        raise web.HTTPServiceUnavailable(text="nothing is evaluated here: there are no values of single nodes")
    precise = query["values"] == _VALUES[1]
    layer = await request.app[LAYERS].layer(request, found.shape, query["metric"], precise=precise)
    return await send_tagged(request, await asyncio.to_thread(json_bytes, layer))


def look(network: NetworkCollector, shapes: KnownShapes, path: Path) -> Columns:
    """Look at all nodes at and under a path. Takes a while with a large fleet: call it in a thread."""
    missing, unread = network.missing(Selection(path)), [one for one in network.unread.under(path) if one[1]]
    found = Columns(path, network.node_states(), missing, shapes.get(path), unread)
    shapes.keep(found.shape)
    return found
