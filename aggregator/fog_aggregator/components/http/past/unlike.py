"""Say which children of a place are unlike their siblings, and in which metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from fog_aggregator.analysis.unlike import likeness
from fog_aggregator.components.http.keys import NETWORK
from fog_aggregator.components.http.output import JSON, send
from fog_aggregator.components.http.parameters import LIMIT, OFFSET, PATH
from fog_aggregator.components.http.past.keys import PAST
from fog_aggregator.components.http.past.likeness import MOST_VALUES, Evaluate, answer, level_values
from fog_aggregator.components.http.past.windows import least_window_at, window_among
from fog_aggregator.components.http.view_parameters import must_be_known
from fog_aggregator.network import NetworkCollector
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.model import Family

PARAMETERS: Final = (PATH, LIMIT, OFFSET)
EXTREMES: Final = 3
"""Children with the largest values, and with the smallest ones, that are compared: no more are named."""


async def unlike(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Answer with the metrics in which a child of a place is unlike its siblings, in the order of names."""
    if request.method == "HEAD":
        return await send(request, (), JSON)
    network, path = request.app[NETWORK], query["path"]
    must_be_known(network, path)
    step = request.app[PAST].past.step
    return await answer(request, path, lambda run: _found(network, run, step, query))


def _found(network: NetworkCollector, evaluate: Evaluate, step: float, query: Mapping[str, Any]) -> dict[str, Any]:
    path, limit, offset = query["path"], query["limit"], query["offset"]
    window = window_among(network, path, step)
    every = {one.name: one for one in network.descriptions(path) if not one.name.startswith("fog_")}
    page = [every[name] for name in sorted(every)[offset : offset + limit]]
    children = len({below[: len(path) + 1] for below in network.paths(path) if len(below) > len(path)})
    left, compared, metrics = MOST_VALUES, 0, []
    for family in page:
        cost = (len(family.bounds) + 1) * children
        if cost > left:
            continue
        left, compared = left - cost, compared + 1
        if places := places_unlike(_children(evaluate, family, path, window)):
            metrics.append({"metric": family.name, "places": places})
    head = {"total": len(every), "offset": offset, "limit": limit, "children": children, "compared": compared}
    return head | {"least_window": least_window_at(network, path, step), "metrics": metrics}


def _children(evaluate: Evaluate, family: Family, path: Path, window: str) -> dict[str, float]:
    parent = format_path(path)
    values = level_values(evaluate, family, len(path), path, window)
    return {place: value for place, value in values.items() if place.rpartition("/")[0] == parent}


def places_unlike(values: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the places whose values are unlike those of the others, the most unlike first."""
    ordered = sorted((value, place) for place, value in values.items() if value == value)  # noqa: PLR0124 - no NaN
    some = [*ordered[:EXTREMES], *ordered[max(EXTREMES, len(ordered) - EXTREMES) :]]
    found = []
    for value, place in some:
        beside = likeness(value, [other for other, its in ordered if its != place])
        if beside is not None and beside.is_unlike:
            found.append({"path": place, "value": value, "ratio": beside.ratio, "distance": beside.distance})
    return sorted(found, key=lambda one: -abs(one["distance"]))
