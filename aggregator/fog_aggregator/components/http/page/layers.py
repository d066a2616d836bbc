"""Evaluate one value for each node of a tree."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web

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
    """

    def __init__(self, network: NetworkCollector, queries: Queries, step: float) -> None:
        self._network = network
        self._queries = queries
        self._step = step

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
                expression = await queries.compute(partial(self._expression, shape.under, metric))
                found = await queries.compute(partial(instant_query, expression, storage, moment, options))
                written = await queries.compute(partial(_written, shape, found, precise=precise))
        except QueryError as error:
            failure = _ERRORS.get(STATUS_OF.get(error.error_type, 400), web.HTTPBadRequest)
            raise failure(text=str(error)) from None
        head = {"path": format_path(shape.under), "shape": shape.name, "metric": metric, "query": expression}
        return {**head, "time": moment / 1000, **written, "warnings": [*notes, *found.warnings, *found.infos]}

    def _expression(self, under: Path, metric: str) -> str:
        """Return the expression whose result has one value for each node.

        At the deepest level every path is that of a node.
        """
        kind = next((one.type for one in self._network.descriptions(under) if one.name == metric), None)
        if kind is None:
            raise web.HTTPNotFound(text=f"no node there has a metric {metric[:80]!r}; /api/v1/metadata lists them")
        level = max((len(path) for path in self._network.paths(under)), default=1) - 1
        place = f',fog_path=~"{format_path(under)}(/.*)?"' if under else ""
        window = window_among(self._network, under, self._step)
        return value_by_path(metric, kind, f'fog_level="{level}"{place}', window)


def _written(shape: Shape, found: Result, *, precise: bool) -> dict[str, Any]:
    values: dict[str, float] = {}
    if isinstance(found.data, VectorResult):
        paths = (label(labels, PATH) for labels in found.data.labels)
        values = dict(zip(paths, found.data.values.tolist(), strict=True))
    return layer(shape, lambda path: values.get(format_path(path)), precise=precise)
