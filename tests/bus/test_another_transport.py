"""Programs and commands take another transport without a line of their own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from fog_agent import Agent
from fog_aggregator.config import AggregatorConfig
from fog_bus.memory import MemoryBus, MemoryStream
from fog_bus.ports import Transport
from fog_bus.streams import CONTROL, METRICS
from fog_cli.main import run
from fog_cli.nats_settings import NatsSettings
from fog_testing.waiting import eventually
from tests.aggregator.services import serving, total
from tests.house.source import modules
from utilityfog_frontend.telemetry import TelemetryCollector


@dataclass(frozen=True)
class Elsewhere:
    """Where the bus of a transport is that nobody knows: its streams, which outlive each connection."""

    streams: dict[str, MemoryStream] = field(default_factory=lambda: MemoryBus().streams)

    def transport(self) -> Transport:
        """Return a connection of its own."""
        bus = MemoryBus(heartbeat=0.1)
        bus.streams = self.streams
        return bus


async def test_programs_and_commands_take_any_transport(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent publishes, an aggregator reads, and commands reach its streams, given where the bus is and no more."""
    elsewhere, collector = Elsewhere(), TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    config = AggregatorConfig(nats=elsewhere, listen=("127.0.0.1", 0))
    async with Agent(collector, path="fog/0", options=elsewhere, interval=0.2) as agent, serving(config) as aggregator:
        work.increment(3)
        assert await agent.flush()
        await eventually(lambda: total(aggregator, "work_total") == 3)
    monkeypatch.setattr(NatsSettings, "options", lambda *_: elsewhere)
    monkeypatch.setattr("fog_cli.bus.set_up_logging", lambda _: None)  # the tests have logging of their own
    for command in (["forget", "fog/0"], ["streams", "apply"]):
        assert await asyncio.to_thread(run, command, {}) == 0, capsys.readouterr().err
    assert [one.subject for one in elsewhere.streams[CONTROL].messages] == ["fog.v1.control.fog.0"]
    assert f"{METRICS}: fine" in capsys.readouterr().out


OF_NATS = {
    "agent/fog_agent/__init__.py": "public names: `NatsOptions`",
    "agent/fog_agent/edge/agent.py": "the default, and a connection that several agents share",
    "agent/fog_agent/edge/checks.py": "the types of arguments, of which two are NATS's",
    "aggregator/fog_aggregator/config.py": "the default",
    "cli/fog_cli/nats_settings.py": "the options of commands",
    "cli/fog_cli/bus.py": "what the server at NATS lets a user do",
    "cli/fog_cli/commands/agent.py": "it puts off what NATS's client imports",
    "cli/fog_cli/actions/agent.py": "the connection of the agent that it runs",
    "cli/fog_cli/actions/audit.py": "it listens to the server itself",
    "cli/fog_cli/actions/decode.py": "it listens to the server itself",
    "cli/fog_cli/swarm/plan.py": "how each process of a swarm connects",
    "cli/fog_cli/swarm/process.py": "the server's words of requests that may not be heard",
    "cli/fog_cli/swarm/publishing.py": "many writers share a connection, which no port offers",
    "cli/fog_cli/demo/nodes.py": "the demo starts a nats-server",
    "cli/fog_cli/demo/light_nodes.py": "the demo starts a nats-server",
    "cli/fog_cli/demo/program_nodes.py": "the demo starts a nats-server",
    "cli/fog_cli/demo/story.py": "the demo starts a nats-server",
    "cli/fog_cli/demo/story_nodes.py": "connections that lose their power, which no port offers",
    "cli/fog_cli/demo/run.py": "the demo starts a nats-server",
}
"""Files outside of the bus and the tools of tests that name the adapter for NATS, and why."""


def test_nobody_else_names_nats() -> None:
    """Every file that is not listed works with any transport."""
    found = {one.file for one in modules() if "fog_bus.nats" in one.text}
    assert {one for one in found if not one.startswith(("bus/", "testing/", "proving/"))} <= set(OF_NATS)
