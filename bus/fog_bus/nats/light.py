"""Keep nats-py light. To be used before anything imports nats-py."""

from __future__ import annotations

import sys


def leave_out_websockets() -> None:
    """Keep aiohttp out of this process: nats-py imports it wherever it is installed, 11 MB that only ws:// needs."""
    sys.modules.setdefault("aiohttp", None)  # type: ignore[arg-type] # None makes the import fail
