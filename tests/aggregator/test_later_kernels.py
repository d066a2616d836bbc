"""Kernels come once a fleet is large: a small one does without their memory, and loses no count when they come."""

from __future__ import annotations

import asyncio

import pytest

from fog_agent import Agent
from fog_aggregator.components.kernels import later
from fog_aggregator.components.kernels.later import LaterKernels
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import load
from fog_aggregator.kernels.ports import Kernels
from fog_aggregator.tasks import Loops
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving
from utilityfog_frontend.telemetry import TelemetryCollector

COMPILED = load(Choice.AUTO)
if COMPILED is None:
    pytest.skip("numba is not installed: there are no compiled kernels", allow_module_level=True)


class Fleet:
    """How many values there are, and what merges them."""

    def __init__(self, values: int) -> None:
        self.values = values
        self.used: list[Kernels] = []

    def component(self, kernels: Kernels | None) -> LaterKernels:
        """Return the component."""
        return LaterKernels(lambda: self.values, lambda: kernels, self.used.append, Loops())


async def test_a_large_checkpoint_has_kernels_before_anything_is_read() -> None:
    """A backlog of hours is not read by numpy first."""
    fleet = Fleet(later.MANY_VALUES)
    await fleet.component(COMPILED).start()
    assert fleet.used == [COMPILED]


async def test_a_small_fleet_has_none_until_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it never is: what waits ends with the service."""
    monkeypatch.setattr(later, "EVERY", 0.0)
    fleet, small = Fleet(later.MANY_VALUES - 1), Fleet(0)
    components = [one.component(COMPILED) for one in (fleet, small)]
    for one in components:
        await one.start()
    for _ in range(10):
        await asyncio.sleep(0)
    assert fleet.used == []
    fleet.values += 1
    await eventually(lambda: fleet.used == [COMPILED])
    for one in components:
        await one.stop(0.0)
    assert small.used == []


async def test_kernels_that_cannot_be_made_leave_numpy() -> None:
    """The loader has said why."""
    fleet = Fleet(later.MANY_VALUES)
    await fleet.component(None).start()
    assert fleet.used == []


async def test_a_fleet_that_grows_loses_no_count(
    fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A real aggregator: what numpy has merged and what kernels merge after it is one count."""
    monkeypatch.setattr(later, "MANY_VALUES", 100)
    monkeypatch.setattr(later, "EVERY", 0.1)
    caplog.set_level("INFO")
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work", ["kind"])

    async with serving(config(fog_nats, state_dir=None)) as aggregator:

        def shown() -> float:
            metric = aggregator.network.get_metric("work_total")
            return sum(one.value for one in metric.get_value()) if metric is not None else 0  # type: ignore[misc, union-attr]

        async def counted(kinds: int, expected: int) -> None:
            for kind in range(kinds):
                work.labels(kind=str(kind)).increment()
            await eventually(lambda: shown() == expected, deadline=60)

        async with Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1):
            await counted(50, 50)
            assert "compiled kernels" not in caplog.text
            await counted(200, 250)
            await eventually(lambda: "compiled kernels merge frames from now on" in caplog.text, deadline=60)
            await counted(200, 450)
