"""Say which metrics have changed most at and under a place, and where each change is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import isnan
from typing import Any, Final

from aiohttp import web

from fog_aggregator.analysis.blame import Places, Question, blame
from fog_aggregator.analysis.expressions import (
    QUANTILE,
    above_of,
    buckets_of,
    dividing_bound,
    quantile_of,
    total_of,
    window_of,
)
from fog_aggregator.analysis.rewriting import of_subtree
from fog_aggregator.analysis.unlike import Where, where
from fog_aggregator.components.http.keys import NETWORK
from fog_aggregator.components.http.output import JSON, json_bytes, send
from fog_aggregator.components.http.page.tagged import send_tagged
from fog_aggregator.components.http.parameters import PATH, Parameter, under_a_branch
from fog_aggregator.components.http.past.keys import PAST
from fog_aggregator.components.http.past.windows import least_window_at
from fog_aggregator.components.http.prometheus.route import API, STATUS_OF
from fog_aggregator.components.http.prometheus.values import parse_duration
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.evaluation.context import Options
from fog_aggregator.promql.evaluation.matrix import Matrix
from fog_aggregator.promql.labels import label
from fog_aggregator.promql.language.parse import parse
from fog_aggregator.promql.query import MatrixResult, range_query
from fog_aggregator.promql.storage import Storage
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.model import Family

ENOUGH: Final = 0.8
"""A child with so much of a change is looked into."""
MOST_METRICS: Final = 300
SHOWN: Final = 10
"""Histograms are compared by it, and by how much is observed."""
_WINDOW: Final = 3_600_000
_ERRORS: Final = {422: web.HTTPUnprocessableEntity, 503: web.HTTPServiceUnavailable}

PARAMETERS: Final = (
    PATH,
    Parameter(
        "window",
        "how long ago the earlier moment is: seconds, or as in 1h",
        {"type": "string", "default": "1h"},
        parse_duration,
        _WINDOW,
    ),
)


@dataclass(frozen=True, slots=True)
class _Measure:
    """One number that a metric is compared by.

    Attributes:
        metric: The metric.
        type: Its type.
        query: The expression of its total.
        quantile: Which quantile of a histogram's observations it is; None for what adds up.
    """

    metric: str
    type: str
    query: str
    quantile: float | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """How much one number has changed."""

    measure: _Measure
    before: float
    now: float

    @property
    def order(self) -> tuple[float, str, float]:
        """Return what the largest change comes first by."""
        return -self.size, self.measure.metric, self.measure.quantile or 0.0

    @property
    def size(self) -> float:
        """The change beside the larger of both values."""
        largest = max(abs(self.before), abs(self.now))
        return abs(self.now - self.before) / largest if largest else 0.0


async def changes(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Answer with the metrics that have changed most, the largest change first."""
    if request.method == "HEAD":
        return await send(request, (), JSON)
    network, path = request.app[NETWORK], query["path"]
    if not network.knows(path) and (text := under_a_branch(network, path)):
        raise web.HTTPNotFound(text=text)
    try:
        queries = request.app[API].queries
        notes, step = queries.warnings(), round(request.app[PAST].past.step * 1000)
        end = queries.now() // step * step
        start = end - max(step, query["window"] // step * step)
        async with queries.slot(request) as evaluation:
            storage, options = queries.storage(evaluation), queries.evaluate_with(evaluation)
            oldest = storage.oldest
            least = await queries.compute(partial(least_window_at, network, path, step / 1000))
            work = _Work(network, storage, request.app[PAST].places, options, (start, end), window_of(least))
            found = await queries.compute(lambda: work.found(path))
    except QueryError as error:
        failure = _ERRORS.get(STATUS_OF.get(error.error_type, 400), web.HTTPBadRequest)
        raise failure(text=str(error)) from None
    head = {"path": format_path(path), "from": start / 1000, "to": end / 1000, "warnings": list(notes)}
    head["least_window"] = least
    head["since"] = None if oldest is None else oldest / 1000
    return await send_tagged(request, json_bytes(head | found))


@dataclass(frozen=True, slots=True)
class _Work:
    """One question: evaluated in a thread."""

    network: NetworkCollector
    storage: Storage
    places: Places
    options: Options
    span: tuple[int, int]
    window: str

    def found(self, path: Path) -> dict[str, Any]:
        """Return the metrics with the largest changes, and where these are."""
        families = [one for one in self.network.descriptions(path) if not one.name.startswith("fog_")]
        measures = [measure for one in families[:MOST_METRICS] for measure in _measures(one, self.window)]
        every = [self._change(path, measure) for measure in measures]
        known = sorted((one for one in every if one is not None), key=lambda one: one.order)
        return {
            "metrics": len(families),
            "names": sorted({one.name for one in families}),
            "compared": len({one.measure.metric for one in known}),
            "changes": [self._plain(path, one) for one in known[:SHOWN]],
        }

    def _change(self, path: Path, measure: _Measure) -> _Change | None:
        """Evaluate a number at both moments; None where it is not known at both."""
        matrix = self._both(path, measure.query)
        if matrix is None or len(matrix.labels) != 1 or not matrix.present.all():
            return None
        before, now = matrix.values[0].tolist()
        return None if isnan(before) or isnan(now) else _Change(measure, before, now)

    def _both(self, path: Path, query: str) -> Matrix | None:
        """Evaluate an expression at both moments."""
        start, end = self.span
        expression = of_subtree(parse(query), path)
        result = range_query(expression, self.storage, start, end, end - start, self.options)
        return result.data.matrix if isinstance(result.data, MatrixResult) else None

    def _plain(self, path: Path, change: _Change) -> dict[str, Any]:
        (start, end), measure = self.span, change.measure
        place = self._where(Question(parse(self._adding_up(path, change)), path, start, end, ENOUGH))
        return {
            "metric": measure.metric,
            "type": measure.type,
            "quantile": measure.quantile,
            "query": measure.query,
            "before": change.before,
            "now": change.now,
            "size": change.size,
            "where": place.spread.value,
            "way": [{"path": format_path(one), "share": share} for one, share in place.way],
        }

    def _adding_up(self, path: Path, change: _Change) -> str:
        """Return an expression that adds up over places: for a quantile, of the observations beyond its old value."""
        measure = change.measure
        if measure.quantile is None:
            return measure.query
        matrix = self._both(path, buckets_of(measure.metric, self.window))
        bounds = [] if matrix is None else [label(labels, "le") for labels in matrix.labels]
        return above_of(measure.metric, dividing_bound(bounds, change.before, change.now), self.window)

    def _where(self, question: Question) -> Where:
        return where(blame(question, self.storage, self.places, self.options), self.network.size)


def _measures(family: Family, window: str) -> Iterator[_Measure]:
    """Return the numbers that a metric is compared by."""
    name, kind = family.name, family.type
    yield _Measure(name, kind.exposed, total_of(name, kind, window))
    if f"{name}_bucket" in kind.sample_names(name):
        yield _Measure(name, kind.exposed, quantile_of(name, QUANTILE, window), QUANTILE)
