"""The table of the API's routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.access.guard import Reach
from fog_aggregator.components.http.prometheus import listing, parameters, querying, rules
from fog_aggregator.components.http.prometheus.route import FORMS, ApiRoute, success
from fog_schema import __version__

LANGUAGE: Final = "3.14.0"
"""The version of Prometheus whose language is evaluated."""

_BUILD: Final = {
    "version": f"{LANGUAGE}+fog.{__version__}",
    "revision": __version__,
    "branch": "",
    "buildUser": "",
    "buildDate": "",
    "goVersion": "",
}


def _constant(data: Any) -> Callable[[web.Request, Mapping[str, Any]], Awaitable[web.StreamResponse]]:
    async def answer(_request: web.Request, _: Mapping[str, Any]) -> web.StreamResponse:
        return success(data)

    return answer


_EVALUATION: Final = (parameters.TIMEOUT, parameters.LOOKBACK, parameters.LIMIT)
_SERIES: Final = (parameters.MATCH, parameters.SINCE, parameters.UNTIL, parameters.LIMIT)
_EVALUATED: Final = (422, 503)

API_ROUTES: Final = (
    ApiRoute(
        "/api/v1/query",
        "an expression of PromQL at one moment",
        querying.query,
        (parameters.QUERY, parameters.TIME, *_EVALUATION),
        "QueryAnswer",
        errors=_EVALUATED,
        methods=FORMS,
        reach=Reach.USER,
    ),
    ApiRoute(
        "/api/v1/query_range",
        "an expression of PromQL at the steps of a range",
        querying.query_range,
        (parameters.QUERY, parameters.START, parameters.END, parameters.STEP, *_EVALUATION),
        "QueryAnswer",
        errors=_EVALUATED,
        methods=FORMS,
        reach=Reach.USER,
    ),
    ApiRoute(
        "/api/v1/format_query",
        "an expression, laid out over lines",
        querying.format_query,
        (parameters.FORMATTED,),
        "TextAnswer",
        methods=FORMS,
        reach=Reach.PAGE,
    ),
    ApiRoute(
        "/api/v1/query_exemplars",
        "none: exemplars stay on the nodes' own expositions",
        querying.exemplars,
        (parameters.QUERY, parameters.SINCE, parameters.UNTIL),
        "EmptyAnswer",
        methods=FORMS,
        reach=Reach.PAGE,
    ),
    ApiRoute(
        "/api/v1/series",
        "the label sets of series",
        listing.series,
        (parameters.SERIES_MATCH, *_SERIES[1:]),
        "SeriesAnswer",
        errors=_EVALUATED,
        methods=FORMS,
        reach=Reach.USER,
    ),
    ApiRoute(
        "/api/v1/labels",
        "the names of labels",
        listing.label_names,
        _SERIES,
        "TextsAnswer",
        errors=_EVALUATED,
        methods=FORMS,
        reach=Reach.USER,
    ),
    ApiRoute(
        "/api/v1/label/{name}/values",
        "the values of a label",
        listing.label_values,
        _SERIES,
        "TextsAnswer",
        errors=_EVALUATED,
        reach=Reach.USER,
    ),
    ApiRoute(
        "/api/v1/metadata",
        "type, help and unit of metrics",
        listing.metadata,
        (parameters.METRIC, parameters.LIMIT, parameters.PER_METRIC),
        "MetadataAnswer",
        errors=(503,),
        reach=Reach.USER,
    ),
    ApiRoute(
        "/api/v1/rules",
        "the rules, their state and how their evaluation goes",
        rules.rules,
        (parameters.RULE_TYPE, parameters.RULE_NAMES, parameters.RULE_GROUPS, parameters.RULE_FILES),
        "RulesAnswer",
    ),
    ApiRoute("/api/v1/alerts", "the active alerts", rules.alerts, (), "AlertsAnswer", reach=Reach.USER),
    ApiRoute(
        "/api/v1/targets",
        "none: an aggregator scrapes nothing",
        _constant({"activeTargets": [], "droppedTargets": []}),
        (),
        "TargetsAnswer",
        reach=Reach.PAGE,
    ),
    ApiRoute(
        "/api/v1/targets/metadata",
        "none: an aggregator scrapes nothing",
        _constant([]),
        (),
        "EmptyAnswer",
        reach=Reach.PAGE,
    ),
    ApiRoute(
        "/api/v1/scrape_pools",
        "none: an aggregator scrapes nothing",
        _constant({"scrapePools": []}),
        (),
        "PoolsAnswer",
        reach=Reach.PAGE,
    ),
    ApiRoute(
        "/api/v1/alertmanagers",
        "none in Prometheus' form: /api/v1/rules and the log say where alerts go",
        _constant({"activeAlertmanagers": [], "droppedAlertmanagers": []}),
        (),
        "AlertmanagersAnswer",
        reach=Reach.PAGE,
    ),
    ApiRoute(
        "/api/v1/status/buildinfo",
        "the version of the language",
        _constant(_BUILD),
        (),
        "BuildAnswer",
        reach=Reach.PAGE,
    ),
    ApiRoute(
        "/api/v1/status/tsdb",
        "how many series there are by name, label and pair",
        listing.status_tsdb,
        (parameters.LIMIT,),
        "CardinalityAnswer",
        errors=_EVALUATED,
        reach=Reach.USER,
    ),
)
