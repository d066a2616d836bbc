"""Puts the application together."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from fog_aggregator.components.http.hardening import add_headers, only_our_name, only_reading, plain_errors
from fog_aggregator.components.http.keys import LOOPBACK, NETWORK, OPENAPI, SLOTS, STATUS
from fog_aggregator.components.http.openapi import document
from fog_aggregator.components.http.past.keys import PAST, PastApi
from fog_aggregator.components.http.past.routes import PAST_ROUTES
from fog_aggregator.components.http.past.schemas import PAST_SCHEMAS
from fog_aggregator.components.http.prometheus.route import API, Api
from fog_aggregator.components.http.prometheus.routes import API_ROUTES
from fog_aggregator.components.http.prometheus.schemas import API_SCHEMAS
from fog_aggregator.components.http.response_slots import ResponseSlots
from fog_aggregator.components.http.routes import ROUTES
from fog_aggregator.components.http.status import Status
from fog_aggregator.network import NetworkCollector

_LARGEST_REQUEST: Final = 1024


def make_app(
    network: NetworkCollector, status: Status, api: Api | None = None, past: PastApi | None = None
) -> web.Application:
    """Return the application that serves a network-wide collector; nothing can be changed through it.

    Args:
        network: The collector.
        status: The state of the service behind it.
        api: Answers under /api/v1; without it nothing is served there.
        past: Answers what was; without it nothing is served of the past.
    """
    app = web.Application(middlewares=[plain_errors, only_reading, only_our_name], client_max_size=_LARGEST_REQUEST)
    routes = (*ROUTES, *(API_ROUTES if api else ()), *(PAST_ROUTES if past else ()))
    app[NETWORK] = network
    app[STATUS] = status
    app[OPENAPI] = document(routes, {**(API_SCHEMAS if api else {}), **(PAST_SCHEMAS if past else {})})
    app[SLOTS] = ResponseSlots()
    app[LOOPBACK] = False
    if api is not None:
        app[API] = api
    if past is not None:
        app[PAST] = past
    app.on_response_prepare.append(add_headers)
    for route in routes:
        for method in route.methods:
            if method == "GET":
                app.router.add_get(route.path, route.handle)
            else:
                app.router.add_route(method, route.path, route.handle)
    return app
