"""Evaluate one value for each node of a tree."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web

from fog_aggregator.analysis.blame import Places
from fog_aggregator.analysis.expressions import value_by_path
from fog_aggregator.components.http.past.windows import window_among
from fog_aggregator.components.http.prometheus.queries import Queries
from fog_aggregator.components.http.prometheus.route import STATUS_OF
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.labels import label
from fog_aggregator.promql.query import Result, VectorResult, instant_query
from fog_aggregator.query.listing.columns import Shape, layer
from fog_aggregator.query.samples import PATH
from fog_schema.paths import Path, format_path

_ERRORS: Final = {422: web.HTTPUnprocessableEntity, 503: web.HTTPServiceUnavailable}


class FleetLayers:
    """Evaluates in the threads of queries, within their limits.

    Args:
        network: Knows the families, and how deep the tree is.
        queries: Evaluates.
        step: How often the history keeps totals, seconds.
        places: Tells which levels have a past; None without a history.
    """

    def __init__(self, network: NetworkCollector, queries: Queries, step: float, places: Places | None) -> None:
        self._network = network
        self._queries = queries
        self._step = step
        self._places = places

    async def layer(self, request: web.Request, shape: Shape, metric: str, *, precise: bool) -> dict[str, Any]:
        """Return a layer as plain values.

        Raises:
            HTTPException: There is no such metric, or it cannot be evaluated.
        """
        queries = self._queries
        try:
            notes, moment = queries.warnings(), queries.now()
            async with queries.slot(request) as evaluation:
                options, storage = queries.evaluate_with(evaluation), queries.storage(evaluation)
                level, deepest = await queries.compute(partial(self._levels, shape.under, moment))
                expression = await queries.compute(partial(self._expression, shape.under, metric, level, deepest))
                found = await queries.compute(partial(instant_query, expression, storage, moment, options))
                written = await queries.compute(partial(_written, shape, found, level, precise=precise))
        except QueryError as error:
            failure = _ERRORS.get(STATUS_OF.get(error.error_type, 400), web.HTTPBadRequest)
            raise failure(text=str(error)) from None
        head = {"path": format_path(shape.under), "shape": shape.name, "metric": metric, "query": expression}
        means = {"means_of_level": level if level < deepest else None}
        return {**head, **means, "time": moment / 1000, **written, "warnings": [*notes, *found.warnings, *found.infos]}

    def _levels(self, under: Path, moment: int) -> tuple[int, int]:
        """Return the deepest level that has a past, and the deepest one."""
        deepest = max((len(path) for path in self._network.paths(under)), default=1) - 1
        levels = range(deepest, max(0, len(under) - 1) - 1, -1)
        found = (level for level in levels if self._places is not None and self._places.has_level(level, moment))
        return next(found, deepest), deepest

    def _expression(self, under: Path, metric: str, level: int, deepest: int) -> str:
        """Return the expression whose result has one value for each node, or for each place of a level the mean of it.

        At the deepest level every path is that of a node. A place without a live node has no mean.
        """
        kind = next((one.type for one in self._network.descriptions(under) if one.name == metric), None)
        if kind is None:
            raise web.HTTPNotFound(text=f"no node there has a metric {metric[:80]!r}; /api/v1/metadata lists them")
        place = f'fog_level="{level}"' + (f',fog_path=~"{format_path(under)}(/.*)?"' if under else "")
        window = window_among(self._network, under, self._step)
        value = value_by_path(metric, kind, place, window)
        if level == deepest or not kind.incremental:
            return value
        return f'{value} / on (fog_path) (sum by (fog_path) (fog_aggregator_nodes{{{place},state="live"}}) > 0)'


def _written(shape: Shape, found: Result, level: int, *, precise: bool) -> dict[str, Any]:
    values: dict[str, float] = {}
    if isinstance(found.data, VectorResult):
        paths = (label(labels, PATH) for labels in found.data.labels)
        values = dict(zip(paths, found.data.values.tolist(), strict=True))
    return layer(shape, lambda path: values.get(format_path(path[: level + 1])), precise=precise)
