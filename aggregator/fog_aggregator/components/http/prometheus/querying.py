"""Answer expressions: at a moment, over a range, laid out; and exemplars, which nobody keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, TypeAlias

from aiohttp import web

from fog_aggregator.components.http.output import JSON, send
from fog_aggregator.components.http.prometheus.route import API, success
from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.evaluation.context import Options
from fog_aggregator.promql.json_data import response_pieces
from fog_aggregator.promql.query import Result, instant_query, limit_series, range_query
from fog_aggregator.promql.storage import SeriesStorage

Query: TypeAlias = Mapping[str, Any]


Evaluate: TypeAlias = Callable[[SeriesStorage, Options], Result]


async def query(request: web.Request, given: Query) -> web.StreamResponse:
    """Evaluate at one moment."""
    expression, time = given["query"], given["time"]
    moment = request.app[API].queries.now() if time is None else time
    return await _evaluated(
        request, given, lambda storage, options: instant_query(expression, storage, moment, options)
    )


async def query_range(request: web.Request, given: Query) -> web.StreamResponse:
    """Evaluate at the steps of a range."""
    expression, start, end, step = given["query"], given["start"], given["end"], given["step"]
    if end < start:
        raise BadQueryError('invalid parameter "end": end timestamp must not be before start time')
    if step <= 0:
        raise BadQueryError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer"
        )
    return await _evaluated(
        request, given, lambda storage, options: range_query(expression, storage, start, end, step, options)
    )


async def _evaluated(request: web.Request, given: Query, evaluate: Evaluate) -> web.StreamResponse:
    queries = request.app[API].queries
    warnings = queries.warnings()
    if request.method == "HEAD":
        return await send(request, (), JSON)
    async with queries.slot(request, given["timeout"]) as evaluation:
        options = queries.evaluate_with(evaluation, given["lookback_delta"])
        begin = monotonic()
        result = await queries.compute(partial(evaluate, queries.storage(evaluation), options))
        queries.metrics.duration.observe(monotonic() - begin)
        result = limit_series(result, given["limit"])
        result = replace(result, warnings=(*warnings, *result.warnings))
        return await queries.send(request, response_pieces(result), evaluation)


async def format_query(_request: web.Request, given: Query) -> web.StreamResponse:
    """Lay an expression out."""
    return success(given["query"])


async def exemplars(_request: web.Request, given: Query) -> web.StreamResponse:
    """Answer with none: exemplars stay on the nodes' own expositions."""
    start, end = given["start"], given["end"]
    if start is not None and end is not None and end < start:
        raise BadQueryError("end timestamp must not be before start timestamp")
    return success([])
