"""Name the things that an application knows."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.response_slots import ResponseSlots
from fog_aggregator.components.http.status import Status
from fog_aggregator.network import NetworkCollector

NETWORK: Final = web.AppKey("network", NetworkCollector)
STATUS: Final = web.AppKey("status", Status)
OPENAPI: Final[web.AppKey[dict[str, Any]]] = web.AppKey("openapi", dict)
SLOTS: Final = web.AppKey("slots", ResponseSlots)
LOOPBACK: Final = web.AppKey("loopback", bool)
"""Whether the server listens on this machine alone."""
NAMES: Final[web.AppKey[tuple[str, ...]]] = web.AppKey("names", tuple)
"""The hosts that it answers to, beside loopback's; empty for those of loopback on loopback, and any elsewhere."""
PREFIX: Final = web.AppKey("prefix", str)
"""The beginning of all paths."""
