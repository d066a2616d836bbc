"""Say which metrics of a place are unlike those of its siblings, and unlike those of all places of its level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from math import isfinite
from typing import Any, Final, TypeAlias

from aiohttp import web

from fog_aggregator.analysis.expressions import QUANTILE, quantile_by_path, value_by_path
from fog_aggregator.analysis.unlike import likeness
from fog_aggregator.components.http.access.guard import shown_to
from fog_aggregator.components.http.keys import NETWORK
from fog_aggregator.components.http.output import JSON, json_bytes, send
from fog_aggregator.components.http.page.tagged import send_tagged
from fog_aggregator.components.http.parameters import LIMIT, OFFSET, PATH
from fog_aggregator.components.http.past.keys import PAST
from fog_aggregator.components.http.past.windows import least_window_at, window_among
from fog_aggregator.components.http.prometheus.route import API, STATUS_OF
from fog_aggregator.components.http.view_parameters import must_be_known
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.labels import label
from fog_aggregator.promql.query import Result, VectorResult, instant_query
from fog_aggregator.query.samples import PATH as PATH_LABEL
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.exponential.buckets import MOST_BUCKETS
from utilityfog_frontend.telemetry.model import Family

MOST_VALUES: Final = 200_000
"""Values of others that one answer reads: of more, only the first metrics are compared with all places, or with any."""
_ERRORS: Final = {422: web.HTTPUnprocessableEntity, 503: web.HTTPServiceUnavailable}
PARAMETERS: Final = (PATH, LIMIT, OFFSET)
Evaluate: TypeAlias = Callable[[str], Result]
"""An expression's result at the moment of the question."""


async def like(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Answer with the metrics of a place beside those of others, in the order of their names, a page of them."""
    if request.method == "HEAD":
        return await send(request, (), JSON)
    network, path = request.app[NETWORK], query["path"]
    if not path:
        raise web.HTTPBadRequest(text="path= is needed: the whole fleet has no siblings")
    must_be_known(network, path)
    root, step = shown_to(request), request.app[PAST].past.step
    work = lambda evaluate: _Work(network, evaluate, root, path, step).found(query["limit"], query["offset"])  # noqa: E731
    return await answer(request, path, work)


async def answer(request: web.Request, path: Path, work: Callable[[Evaluate], dict[str, Any]]) -> web.StreamResponse:
    """Answer with what expressions say at the newest step, evaluated in a thread of queries.

    Raises:
        HTTPException: One of them cannot be evaluated.
    """
    try:
        queries = request.app[API].queries
        step = round(request.app[PAST].past.step * 1000)
        moment = queries.now() // step * step
        async with queries.slot(request) as evaluation:
            storage, options = queries.storage(evaluation), queries.evaluate_with(evaluation)
            evaluate = partial(instant_query, storage=storage, time=moment, options=options)
            found = await queries.compute(lambda: work(evaluate))
    except QueryError as error:
        failure = _ERRORS.get(STATUS_OF.get(error.error_type, 400), web.HTTPBadRequest)
        raise failure(text=str(error)) from None
    return await send_tagged(request, json_bytes({"path": format_path(path), "time": moment / 1000} | found))


@dataclass(frozen=True, slots=True)
class _Work:
    """One question: evaluated in a thread.

    Attributes:
        network: Knows the families and the places.
        evaluate: Evaluates expressions.
        root: The place at and under which others may be looked at.
        path: The place that is compared.
        step: How often the history keeps totals, seconds.
    """

    network: NetworkCollector
    evaluate: Evaluate
    root: Path
    path: Path
    step: float

    def found(self, limit: int, offset: int) -> dict[str, Any]:
        """Compare a page of metrics."""
        every = {one.name: one for one in self.network.descriptions(self.path) if not one.name.startswith("fog_")}
        page = [every[name] for name in sorted(every)[offset : offset + limit]]
        places = {path[: len(self.path)] for path in self.network.paths(self.root) if len(path) >= len(self.path)}
        beside = sum(place[:-1] == self.path[:-1] for place in places) if self._has_siblings else 0
        scopes, window = scopes_of(page, len(places), beside), window_among(self.network, self.root, self.step)
        return {
            "total": len(every),
            "offset": offset,
            "limit": limit,
            "siblings": max(0, beside - 1),
            "places": len(places),
            "least_window": least_window_at(self.network, self.path, self.step),
            "metrics": [self._compared(one, scope, window) for one, scope in zip(page, scopes, strict=True)],
        }

    @property
    def _has_siblings(self) -> bool:
        """Tell whether the places beside this one may be looked at."""
        return len(self.path) > len(self.root)

    def _compared(self, family: Family, scope: _Scope, window: str) -> dict[str, Any]:
        under = {_Scope.EVERYWHERE: self.root, _Scope.BESIDE: self.path[:-1], _Scope.ALONE: self.path}[scope]
        values = level_values(self.evaluate, family, len(self.path) - 1, under, window)
        own = values.pop(format_path(self.path), float("nan"))
        parent = format_path(self.path[:-1])
        beside = [value for path, value in values.items() if path.rpartition("/")[0] == parent]
        compares = self._has_siblings and scope is not _Scope.ALONE
        return {
            "metric": family.name,
            "type": family.type.exposed,
            "quantile": QUANTILE if family.type.has_buckets else None,
            "value": own if isfinite(own) else None,
            "siblings": _likeness(own, beside) if compares else None,
            "all": _likeness(own, list(values.values())) if scope is _Scope.EVERYWHERE else None,
        }


def level_values(evaluate: Evaluate, family: Family, level: int, under: Path, window: str) -> dict[str, float]:
    """Return a metric's value at each place of a level at and under a path, by the place's path; `window` of rates."""
    place = f',fog_path=~"{format_path(under)}(/.*)?"' if under else ""
    matchers = f'fog_level="{level}"{place}'
    expression = (
        quantile_by_path(family.name, matchers, window)
        if family.type.has_buckets
        else value_by_path(family.name, family.type, matchers, window)
    )
    found = evaluate(expression)
    if not isinstance(found.data, VectorResult):
        return {}
    paths = (label(labels, PATH_LABEL) for labels in found.data.labels)
    # A level has the own values of the nodes above it, too.
    return {
        path: value for path, value in zip(paths, found.data.values.tolist(), strict=True) if path.count("/") == level
    }


class _Scope(Enum):
    """The places that a metric is compared with."""

    EVERYWHERE = "all places of the level"
    BESIDE = "the siblings alone"
    ALONE = "none"


def scopes_of(families: Sequence[Family], places: int, beside: int) -> Iterator[_Scope]:
    """Yield with whom each metric is compared, in their order: as widely as the values left to read allow."""
    left = MOST_VALUES
    for family in families:
        each = (MOST_BUCKETS if family.type.is_exponential else len(family.bounds)) + 1
        if each * places <= left:
            scope, cost = _Scope.EVERYWHERE, each * places
        elif beside and each * beside <= left:
            scope, cost = _Scope.BESIDE, each * beside
        else:
            scope, cost = _Scope.ALONE, 0
        left -= cost
        yield scope


def _likeness(value: float, others: Sequence[float]) -> dict[str, Any] | None:
    found = likeness(value, others)
    if found is None:
        return None
    return {"ratio": found.ratio, "distance": found.distance, "unlike": found.is_unlike}
