"""Aggregators as a whole, in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fog_agent import NatsOptions
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually


def config(server: NatsServer, **others: object) -> AggregatorConfig:
    """Return an aggregator's settings on a free port."""
    known = {"nats": NatsOptions(servers=(server.url,)), "listen": ("127.0.0.1", 0)}
    return AggregatorConfig(**(known | others))  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def serving(settings: AggregatorConfig) -> AsyncIterator[Aggregator]:
    """Provide an aggregator that runs, and is ready, while the body does."""
    async with serving_all(settings) as [aggregator]:
        yield aggregator


@contextlib.asynccontextmanager
async def serving_all(*settings: AggregatorConfig) -> AsyncIterator[list[Aggregator]]:
    """Several that start together, run, and are ready, while the body does."""
    async with contextlib.AsyncExitStack() as stack:
        started = [await stack.enter_async_context(running(one)) for one in settings]
        await eventually(
            lambda: all(one.status.ready()[0] or task.done() for one, task in started),
            deadline=60,
            what="all are ready",
        )
        for _, task in started:
            if task.done():
                await task  # why it could not start
        yield [aggregator for aggregator, _ in started]


@contextlib.asynccontextmanager
async def running(settings: AggregatorConfig) -> AsyncIterator[tuple[Aggregator, asyncio.Task[None]]]:
    """Run an aggregator while the body does, ready or not; yield it and its task; stop it unless that has ended."""
    aggregator, stop = Aggregator(settings), asyncio.Event()
    task = asyncio.create_task(aggregator.run(stop))
    try:
        yield aggregator, task
    finally:
        stop.set()
        with contextlib.suppress(asyncio.CancelledError):  # a test may have killed it
            await task


def total(aggregator: Aggregator, name: str) -> float:
    """Return a counter's fleet total; 0 when nobody has it."""
    metric = aggregator.network.get_metric(name)
    return metric.get_value().value if metric is not None else 0  # type: ignore[union-attr]
