"""The options of the HTTP server."""

from __future__ import annotations

from dataclasses import dataclass

from fog_bus.options import option
from fog_bus.options.kinds import ADDRESS, Address


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    """Where the HTTP server listens; port 0 takes a free one."""

    listen: Address = option(
        ("127.0.0.1", 10364), "address of the HTTP server", ADDRESS, aliases=("--web.listen-address",)
    )
