"""What an application knows, by key."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web

from fog_aggregator.network import NetworkCollector
from fog_aggregator.web.status import Status

NETWORK: Final = web.AppKey("network", NetworkCollector)
STATUS: Final = web.AppKey("status", Status)
OPENAPI: Final[web.AppKey[dict[str, Any]]] = web.AppKey("openapi", dict)
TURNS: Final = web.AppKey("turns", asyncio.Semaphore)
"""How many answers may be in the making at once."""
LOOPBACK: Final = web.AppKey("loopback", bool)
"""Whether the server listens on this machine alone."""
