"""Puts the application together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from fog_aggregator.components.below.asking import BranchQuestions
from fog_aggregator.components.history.options import HistoryOptions
from fog_aggregator.components.http.access.exposure import NOT_EXPOSED, Exposure
from fog_aggregator.components.http.access.guard import LOGINS, guard
from fog_aggregator.components.http.below.passing import BELOW, say_missing
from fog_aggregator.components.http.hardening import add_headers, only_our_name, only_reading, plain_errors
from fog_aggregator.components.http.keys import LOOPBACK, NAMES, NETWORK, OPENAPI, PREFIX, SLOTS, STATUS
from fog_aggregator.components.http.openapi import document
from fog_aggregator.components.http.page.feed import Feed
from fog_aggregator.components.http.page.keys import FEED, LAYERS, RULES, SHAPES, KnownShapes
from fog_aggregator.components.http.page.layers import FleetLayers
from fog_aggregator.components.http.page.schemas import PAGE_SCHEMAS
from fog_aggregator.components.http.page.silencing import DESK, SHARES, Desk
from fog_aggregator.components.http.past.keys import PAST, PastApi
from fog_aggregator.components.http.past.routes import PAST_ROUTES
from fog_aggregator.components.http.past.schemas import PAST_SCHEMAS
from fog_aggregator.components.http.prometheus.ports import NO_RULES
from fog_aggregator.components.http.prometheus.route import API, Api
from fog_aggregator.components.http.prometheus.routes import API_ROUTES
from fog_aggregator.components.http.prometheus.schemas import API_SCHEMAS
from fog_aggregator.components.http.response_slots import ResponseSlots
from fog_aggregator.components.http.routes import ROUTES, Route
from fog_aggregator.components.http.status import Status
from fog_aggregator.components.http.web.files import prepared
from fog_aggregator.network import NetworkCollector
from fog_aggregator.notifications.silence_shares import SilenceShares

_LARGEST_REQUEST: Final = 4096


def make_app(
    network: NetworkCollector,
    status: Status,
    api: Api | None = None,
    past: PastApi | None = None,
    exposure: Exposure = NOT_EXPOSED,
    below: BranchQuestions | None = None,
    desk: Desk | None = None,
) -> web.Application:
    """Return the application that serves a network-wide collector; nothing but silences can be changed through it.

    Args:
        network: The collector.
        status: The state of the service behind it.
        api: Answers under /api/v1; without it nothing is served there.
        past: Answers what was; without it nothing is served of the past.
        exposure: How it is reached, and by whom.
        below: Asks the aggregators of branches; without it nothing is passed on.
        desk: Hands on silences; without it none can be made.
    """
    routes = (*ROUTES, *(API_ROUTES if api else ()), *(PAST_ROUTES if past else ()))
    reaches = {exposure.prefix + route.path: route.reach for route in routes}
    middlewares = [plain_errors, only_our_name, guard(reaches), only_reading]
    app = web.Application(middlewares=middlewares, client_max_size=_LARGEST_REQUEST)
    app[NETWORK], app[STATUS] = network, status
    schemas = {**PAGE_SCHEMAS, **(API_SCHEMAS if api else {}), **(PAST_SCHEMAS if past else {})}
    app[OPENAPI] = document(routes, schemas, exposure.prefix, logins=exposure.logins is not None)
    app[SLOTS] = ResponseSlots(fits=network.answers_at_once)
    app[LOOPBACK], app[NAMES], app[PREFIX] = False, exposure.names, exposure.prefix
    if exposure.logins is not None:
        app[LOGINS] = exposure.logins
    app[SHAPES], app[RULES] = KnownShapes(), api.rules if api else NO_RULES
    app[FEED] = Feed(network, status, app[RULES])
    app.on_shutdown.append(_end_the_stream)
    app.cleanup_ctx.append(prepared)
    _add_parts(app, api, past, below, desk)
    app.on_response_prepare.extend((add_headers, say_missing))
    _add_routes(app, routes, exposure.prefix)
    return app


def _add_parts(
    app: web.Application, api: Api | None, past: PastApi | None, below: BranchQuestions | None, desk: Desk | None
) -> None:
    """Let an application know those parts that it has."""
    if api is not None:
        step = past.past.step if past is not None else HistoryOptions.history_step
        places = past.places if past is not None else None
        app[API], app[LAYERS] = api, FleetLayers(app[NETWORK], api.queries, step, places)
    if past is not None:
        app[PAST] = past
    if below is not None:
        app[BELOW] = below
    if desk is not None:
        app[DESK], app[SHARES] = desk, SilenceShares()


def _add_routes(app: web.Application, routes: Iterable[Route], prefix: str) -> None:
    for route in routes:
        for method in route.methods:
            if method == "GET":
                app.router.add_get(prefix + route.path, route.handle)
            else:
                app.router.add_route(method, prefix + route.path, route.handle)
    if prefix:
        app.router.add_get(prefix, _to_the_page)


async def _end_the_stream(app: web.Application) -> None:
    await app[FEED].close()


async def _to_the_page(request: web.Request) -> web.StreamResponse:
    """Lead to the page, so that its links are below the prefix."""
    raise web.HTTPPermanentRedirect(request.path + "/")
