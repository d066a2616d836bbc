"""An agent on the bus in memory: no server, and every fault that a test wants."""

from __future__ import annotations

from fog_agent import Agent
from fog_bus.memory import Fate, MemoryBus
from fog_bus.streams import METRICS
from fog_schema.codec import decode, decode_definitions
from fog_schema.frames import FINAL, Frame
from utilityfog_frontend.telemetry import TelemetryCollector


def frames(bus: MemoryBus) -> list[Frame]:
    """Decode what the stream of metrics holds."""
    return [decode(message.data) for message in bus.streams[METRICS].messages]


async def test_an_agent_publishes_over_it() -> None:
    """Its first keyframe defines the program's metric; its last frame is marked as final."""
    bus, collector = MemoryBus(), TelemetryCollector()
    collector.register_counter("orders_total").increment(3)
    async with Agent(collector, path="fog/0", bus=bus, interval=0.1) as agent:
        assert await agent.flush()
    first, *_, last = frames(bus)
    assert "orders_total" in {definition.name for definition in decode_definitions(first.definitions)}
    assert last.flags & FINAL


async def test_what_was_lost_is_sent_again() -> None:
    """The first publish is lost: `flush` waits for the one that is acknowledged."""
    bus, collector = MemoryBus(), TelemetryCollector()
    fates = iter([Fate.LOST])
    bus.fate = lambda _: next(fates, Fate.STORED)
    collector.register_counter("orders_total").increment(3)
    async with Agent(collector, path="fog/0", bus=bus, interval=0.1) as agent:
        assert await agent.flush()
        assert next(fates, None) is None
        assert frames(bus)


async def test_without_a_connection_nothing_is_sent() -> None:
    """Counts wait for the bus to come back."""
    bus, collector = MemoryBus(), TelemetryCollector()
    bus.disconnect()
    collector.register_counter("orders_total").increment(3)
    async with Agent(collector, path="fog/0", bus=bus, interval=0.1, deadline=0.2) as agent:
        assert not await agent.flush()
        assert frames(bus) == []
        bus.reconnect()
        agent.deadline = 5.0
        assert await agent.flush()
