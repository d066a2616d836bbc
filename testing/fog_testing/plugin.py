"""The pytest plugin: fixtures for testing instrumented programs against a real nats-server.

Loaded by every pytest run of an environment that has this package, so it imports nothing but pytest until a fixture is
asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fog_testing.fleet import Fleet
    from fog_testing.nats_server import NatsServer

_servers = pytest.StashKey["NatsServer"]()


@pytest.fixture
def fog_nats(request: pytest.FixtureRequest) -> Iterator[NatsServer]:
    """Provide a nats-server of this test's own, with JetStream, on a free port of loopback: `fog_nats.url`.

    It starts in some 10 ms. The end of its log is shown when the test fails.
    """
    from fog_testing.nats_server import NatsServer

    with NatsServer() as server:
        request.node.stash[_servers] = server
        yield server


@pytest.fixture
async def fog_fleet(fog_nats: NatsServer) -> AsyncIterator[Fleet]:
    """Provide a fog on `fog_nats`: `await fog_fleet.node(path)`, `await fog_fleet.settle()`, `fog_fleet.value(name)`.

    An asynchronous fixture: it needs pytest-asyncio in its automatic mode, as the tests that use it do.
    """
    from fog_testing.fleet import Fleet

    async with Fleet(fog_nats.url) as fleet:
        yield fleet


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the server's log to the report of a test that failed."""
    report = yield
    if report.failed and (server := item.stash.get(_servers, None)):
        report.sections.append(("nats-server's log", server.log_tail()))
    return report
