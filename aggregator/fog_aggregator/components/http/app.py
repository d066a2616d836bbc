"""Puts the application together."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from fog_aggregator.components.http.hardening import add_headers, only_our_name, only_reading, plain_errors
from fog_aggregator.components.http.keys import LOOPBACK, NETWORK, OPENAPI, SLOTS, STATUS
from fog_aggregator.components.http.openapi import document
from fog_aggregator.components.http.response_slots import ResponseSlots
from fog_aggregator.components.http.routes import ROUTES
from fog_aggregator.components.http.status import Status
from fog_aggregator.network import NetworkCollector

_LARGEST_REQUEST: Final = 1024


def make_app(network: NetworkCollector, status: Status) -> web.Application:
    """Return the application that serves a network-wide collector; nothing can be changed through it."""
    app = web.Application(middlewares=[plain_errors, only_reading, only_our_name], client_max_size=_LARGEST_REQUEST)
    app[NETWORK] = network
    app[STATUS] = status
    app[OPENAPI] = document(ROUTES)
    app[SLOTS] = ResponseSlots()
    app[LOOPBACK] = False
    app.on_response_prepare.append(add_headers)
    for route in ROUTES:
        app.router.add_get(route.path, route.handle)
    return app
