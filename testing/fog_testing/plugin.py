"""The pytest plugin: fixtures for testing instrumented programs against a real nats-server.

Loaded by every pytest run of an environment that has this package, so it imports nothing but pytest until a fixture is
asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING

import pytest

try:
    import pytest_asyncio  # it is a plugin of pytest: where it is installed, it is loaded anyway
except ImportError:
    pytest_asyncio = None  # type: ignore[assignment]

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
def fog_fleet(request: pytest.FixtureRequest) -> Fleet:
    """Provide a fog on `fog_nats`: `await fog_fleet.node(path)`, `await fog_fleet.settle()`, `fog_fleet.value(name)`.

    It lives on the test's own event loop: of pytest-asyncio, in either mode, or of anyio on asyncio.
    """
    fleet: Fleet = request.getfixturevalue(_fixture_of_the_loop(request))
    return fleet


def _fixture_of_the_loop(request: pytest.FixtureRequest) -> str:
    """Return the name of the fixture that whoever runs this test's coroutine runs as well.

    Raises:
        UsageError: nobody does; says what to install or to write.
    """
    if "anyio_backend" in request.fixturenames:
        if (backend := request.getfixturevalue("anyio_backend_name")) != "asyncio":
            raise pytest.UsageError(
                f"fog_fleet runs on asyncio, and this test on {backend}: "
                'give it a fixture `anyio_backend` that returns "asyncio"'
            )
        return "_fleet_of_anyio"
    if request.config.pluginmanager.hasplugin("asyncio") and pytest_asyncio is not None:
        return "_fleet_of_pytest_asyncio"
    raise pytest.UsageError(
        "fog_fleet needs an event loop: install pytest-asyncio (pip install 'utilityfog-telemetry[test]') and mark the "
        "test with @pytest.mark.asyncio, or set asyncio_mode = auto; with anyio, mark it with @pytest.mark.anyio"
    )


async def _fleet(fog_nats: NatsServer) -> AsyncIterator[Fleet]:
    from fog_testing.fleet import Fleet

    async with Fleet(fog_nats.url) as fleet:
        yield fleet


@pytest.fixture
async def _fleet_of_anyio(fog_nats: NatsServer) -> AsyncIterator[Fleet]:
    async for fleet in _fleet(fog_nats):
        yield fleet


if pytest_asyncio is not None:
    _fleet_of_pytest_asyncio = pytest_asyncio.fixture(name="_fleet_of_pytest_asyncio")(_fleet)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the server's log to the report of a test that failed."""
    report = yield
    if report.failed and (server := item.stash.get(_servers, None)):
        report.sections.append(("nats-server's log", server.log_tail()))
    return report
