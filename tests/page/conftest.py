"""One page for all tests of a file that look at its modules and parts alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from tests.page.browser import Tab, browser, tab


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Tab]:
    """Provide it; its console stays empty."""
    with NatsServer() as server:
        async with browser(), Fleet(server.url, interval=1.0) as fleet, tab(f"{fleet.url}/#/?view=metrics") as opened:
            await fleet.node("fog/a")
            await fleet.settle()
            yield opened
            assert opened.said == []
