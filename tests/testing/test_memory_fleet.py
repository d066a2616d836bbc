"""A whole fog in one process without a server: README's example of the bus in memory."""

from __future__ import annotations

from fog_bus.memory import Fate, MemoryBus
from fog_bus.streams import METRICS
from fog_testing.fleet import Fleet


async def test_orders_are_counted() -> None:
    """Every second publish is lost, and each count arrives all the same."""
    bus = MemoryBus(heartbeat=0.05)
    fates = iter([Fate.LOST, Fate.STORED] * 100)
    async with Fleet(bus=bus) as fleet:
        bus.fate = lambda _: next(fates, Fate.STORED)
        shop = await fleet.node("fog/0/3")
        shop.register_counter("orders_total", "Orders").increment(3)
        await fleet.settle()
        assert fleet.value("orders_total") == 3


async def test_a_store_that_is_lost() -> None:
    """The stream is wiped under everybody: the aggregator asks for keyframes, and the total is right again."""
    bus = MemoryBus(heartbeat=0.05)
    async with Fleet(bus=bus) as fleet:
        shop = await fleet.node("fog/0/3")
        orders = shop.register_counter("orders_total", "Orders")
        orders.increment(3)
        await fleet.settle()
        bus.streams[METRICS].wipe()
        orders.increment(4)
        await fleet.settle()
        assert fleet.value("orders_total") == 7
