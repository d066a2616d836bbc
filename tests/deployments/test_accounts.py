"""Nodes in an account of their own: imported as a service they are answered, imported as a stream nobody is."""

from __future__ import annotations

import pytest

from fog_agent import Agent, NatsOptions
from fog_bus.rate_limited_log import LOGGER
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.bus.broker import connected, make_stream
from utilityfog_frontend.telemetry import TelemetryCollector

AS_A_SERVICE = (
    "exports: [{ service: fog.v1.metrics.> }]",
    "imports: [{ service: { account: FOG, subject: fog.v1.metrics.> } }]",
)
AS_A_STREAM = (
    "imports: [{ stream: { account: NODES, subject: fog.v1.metrics.> } }]",
    "exports: [{ stream: fog.v1.metrics.> }]",
)
WORDS = "import them as services"
ACCOUNTS = """
accounts {
  FOG { jetstream: enabled, %s, users: [{ user: fog, password: fog }] }
  NODES { %s, users: [{ user: node, password: node }] }
}
"""


@pytest.mark.parametrize(("accounts", "answered"), [(AS_A_SERVICE, True), (AS_A_STREAM, False)])
async def test_a_stream_import_answers_nobody(
    accounts: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    answered: bool,
) -> None:
    """The frames are stored either way; without an acknowledgement the agent says which import is wrong."""
    monkeypatch.setattr("fog_agent.edge.driving.channel.ACK_SECONDS", 0.3)
    with NatsServer(config=ACCOUNTS % accounts) as server:
        async with connected(server.url, user="fog", password="fog") as link:
            await make_stream(link, "FOG_METRICS", "fog.v1.metrics.>")
            options = NatsOptions.parse(server.url, user="node", password="node")
            with caplog.at_level("WARNING", logger=LOGGER.name):
                agent = Agent(TelemetryCollector(), path="fog/0", options=options, interval=0.1, deadline=0.5)
                async with agent:
                    assert await agent.flush() is answered
                    await eventually(lambda: answered or WORDS in caplog.text)
    assert (WORDS in caplog.text) is not answered
