"""Questions about the past over HTTP, against real agents and a real nats-server."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fog_aggregator.components.past.source import PastSource
from fog_aggregator.history.routing import Subtree
from fog_aggregator.past.replay import Replay
from fog_aggregator.promql.storage import Part
from fog_bus.nats.log import NatsLog, NatsLogReader
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.past.asking import Asked, asked, consumers
from utilityfog_frontend.telemetry import TelemetryCollector

MOMENT = 0.001
"""The times of samples are whole milliseconds."""


class Shop:
    """A program with one metric of each type."""

    def __init__(self, collector: TelemetryCollector) -> None:
        self.collector = collector
        self.orders = collector.register_counter("orders_total", "Orders", ["city"])
        self.load = collector.register_gauge("load", "Load", rollup="sum")
        self.wait = collector.register_histogram("wait_seconds", "Waiting", [0.1, 1.0], unit="seconds")

    def work(self, amount: int) -> None:
        """Count something of everything."""
        self.orders.labels("Bern").increment(amount)
        self.load.set(amount)
        self.wait.observe(0.5)

    def held(self) -> dict[str, Any]:
        """Return what the collector holds: names and values, without times."""
        return plain(self.collector.get_snapshot()["metrics"])


def plain(metrics: Any) -> dict[str, Any]:
    """Return a program's metrics of a snapshot without times; the agent's own are not its."""
    return {
        name: sorted(
            (sorted(one["labels"].items()), one["value"]) for one in (values if isinstance(values, list) else [values])
        )
        for name, values in metrics.items()
        if not name.startswith("fog_agent_")
    }


async def history(fog: Asked, path: str, moments: int = 6) -> list[tuple[float, dict[str, Any]]]:
    """Let a node work; return what its own collector held at some moments."""
    shop, held = Shop(await fog.node(path)), []
    for amount in range(1, moments + 1):
        shop.work(amount)
        at = await fog.settle()
        held.append((at, shop.held()))
        await eventually(lambda at=at: fog.aggregator.network.now() > at + 2 * MOMENT)  # type: ignore[misc]
    return held


async def test_a_node_is_what_its_collector_held(fog_nats: NatsServer) -> None:
    """`/api/at` has every series of it at every moment, also after it has ended and begun anew; queries agree."""
    async with asked(fog_nats) as fog:
        held = await history(fog, "fog/0/3")
        await fog.stop("fog/0/3")
        await fog.node("fog/1")
        await fog.settle()
        for at, expected in held:
            status, answer = await fog.get("/api/at", node="fog/0/3", time=at)
            assert (status, answer["timestamp"], answer["own"], answer["since"]) == (200, at, True, None)
            assert plain(answer["metrics"]) == expected
            orders = await fog.value('orders_total{fog_node="fog/0/3"}', at + MOMENT)
            [[_, count]] = expected["orders_total"]
            assert orders == {"__name__=orders_total,city=Bern,fog_node=fog/0/3": count}
        rate = await fog.value('increase(orders_total{fog_node="fog/0/3"}[1h])', held[-1][0])
        assert list(rate) == ["city=Bern,fog_node=fog/0/3"]


async def test_a_total_goes_on_over_epochs(fog_nats: NatsServer) -> None:
    """A node that comes back counts on from what it had, and so does its past."""
    async with asked(fog_nats) as fog:
        await history(fog, "fog/0/3")
        await fog.stop("fog/0/3")
        before = await fog.settle() + MOMENT
        Shop(await fog.node("fog/0/3")).work(100)
        after = await fog.settle() + MOMENT
        await eventually(lambda: fog.aggregator.network.now() > after)
        query = 'orders_total{fog_node="fog/0/3"}'
        assert await fog.value(query, before) == {}  # nobody has it: the node itself shows nothing
        assert list((await fog.value(query, after)).values()) == [121]
        status, answer = await fog.get("/api/at", node="fog/0/3", time=after, since=before)
        assert (status, answer["since"]) == (200, before)
        changes = answer["metrics"]
        assert changes["orders_total"] == [{"change": 100, "labels": {"city": "Bern"}}]
        assert changes["load"] == [{"from": None, "to": 100.0, "labels": {}}]
        assert {"change": 1, "labels": {"type": "count"}} in changes["wait_seconds"]


async def test_a_subtree_is_the_sum_of_its_nodes(fog_nats: NatsServer) -> None:
    """`path=` and `fog_path` alone show the totals of all nodes under the path as they were, and nothing of others."""
    async with asked(fog_nats, history_step=0.5) as fog:
        shops = [Shop(await fog.node(path)) for path in ("fog/0", "fog/0/1", "fog/0/2", "fog/1")]
        for amount, shop in enumerate(shops):
            shop.work(10**amount)
        first = await fog.settle()
        shops[1].work(5)
        await fog.settle()
        status, answer = await fog.get("/api/at", path="fog/0", time=first)
        assert status == 200
        assert plain(answer["metrics"])["orders_total"] == [([("city", "Bern")], 111)]
        assert plain(answer["metrics"])["load"] == [([], 111.0)]
        status, answer = await fog.get("/api/at", time=first)
        assert plain(answer["metrics"])["orders_total"] == [([("city", "Bern")], 1111)]
        asked_for = fog.aggregator.network.now() + 2
        expected = {"__name__=orders_total,city=Bern,fog_path=fog/0": 116}

        async def is_shown() -> bool:  # once the history has taken a step after the last frame
            return await fog.value('orders_total{fog_path="fog/0"}', asked_for) == expected

        await eventually(is_shown, what="the subtree's total with its last count")


async def test_questions_without_an_answer(fog_nats: NatsServer) -> None:
    """Each says what was wrong, and what to do."""
    async with asked(fog_nats, past_messages=5) as fog:
        await history(fog, "fog/0/3", 8)
        now = fog.aggregator.network.now()
        for parameters, status, text in (
            ({"node": "fog/0/3", "time": now}, 400, "frames, and a question may read 5: ask for a later beginning"),
            ({"node": "fog/0/4", "time": now}, 404, "no node at fog/0/4"),
            ({"path": "fog/2", "time": now}, 404, "no node at or under fog/2"),
            ({"node": "fog/0/3", "time": now + 100}, 400, "lies ahead"),
            ({"node": "fog/0/3", "time": 1.5}, 404, "FOG_V1_METRICS begins at"),
            ({"node": "fog/0/3", "time": now, "since": now}, 400, "is not before"),
            ({"node": "fog/0/3", "path": "fog", "time": now}, 400, "give one of them"),
            ({"node": "fog/0/3", "time": "yesterday"}, 400, "unix seconds, as in 1700000000.5, or RFC 3339"),
            ({"node": "fog/0/3"}, 400, "'time' is missing"),
        ):
            found, answer = await fog.get("/api/at", **parameters)
            assert (found, text in answer["error"]) == (status, True), answer
        status, answer = await fog.get("/api/v1/query", query='orders_total{fog_node="fog/0/3"}', time=now)
        assert (status, answer["errorType"]) == (422, "execution")
        assert "a question may read 5" in answer["error"]
        status, answer = await fog.get("/api/v1/query", query='orders_total{fog_node="fog/0/4"}', time=now)
        assert (status, answer["data"]["result"], answer["warnings"]) == (200, [], ["no node at fog/0/4"])


class Held:
    """Replays that wait until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.begun = threading.Event()
        take = Replay.take

        def waiting(replay: Replay, messages: Any) -> None:
            self.begun.set()
            self.free.wait(20)
            take(replay, messages)

        monkeypatch.setattr(Replay, "take", waiting)


@pytest.mark.parametrize("address", ["/api/at", "/api/v1/query"])
async def test_a_question_ends_with_its_request(
    fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A client that goes away leaves no consumer on the server."""
    async with asked(fog_nats, past_timeout=60.0) as fog:
        await history(fog, "fog/0/3")
        now, before, held = fog.aggregator.network.now(), await consumers(fog_nats), Held(monkeypatch)
        asking = (
            asyncio.create_task(fog.get(address, node="fog/0/3", time=now))
            if address == "/api/at"
            else (asyncio.create_task(fog.get(address, query='orders_total{fog_node="fog/0/3"}', time=now)))
        )
        await eventually(held.begun.is_set)
        assert await consumers(fog_nats) == before + 1
        asking.cancel()

        async def gone() -> bool:
            return await consumers(fog_nats) == before

        await eventually(gone)
        held.free.set()


async def test_who_asks_the_same_at_once_reads_once(fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many questions about one node are one reader; one more about the same time is answered from memory."""
    opened: list[object] = []
    open_at = NatsLog.open_at

    async def counting(log: NatsLog, *arguments: Any) -> NatsLogReader:
        opened.append(arguments)
        return await open_at(log, *arguments)

    monkeypatch.setattr(NatsLog, "open_at", counting)
    async with asked(fog_nats) as fog:
        at = (await history(fog, "fog/0/3"))[-1][0] + MOMENT
        held = Held(monkeypatch)
        queries = [asyncio.create_task(fog.value('orders_total{fog_node="fog/0/3"}', at)) for _ in range(4)]
        await eventually(held.begun.is_set)
        held.free.set()
        answers = await asyncio.gather(*queries)
        assert answers == [{"__name__=orders_total,city=Bern,fog_node=fog/0/3": 21}] * 4
        assert len(opened) == 1
        assert await fog.value('load{fog_node="fog/0/3"}', at) == {"__name__=load,fog_node=fog/0/3": 6}
        assert len(opened) == 1


async def test_a_dead_server(fog_nats: NatsServer) -> None:
    """With nats-server stopped a question ends within its time, and says why."""
    async with asked(fog_nats, past_timeout=0.5) as fog:
        at, _ = (await history(fog, "fog/0/3"))[-1]
        fog_nats.pause()
        try:
            status, answer = await fog.get("/api/at", node="fog/0/3", time=at)
            assert (status, "took longer than 0.5 s" in answer["error"]) == (503, True)
            status, answer = await fog.get("/api/v1/query", query='load{fog_node="fog/0/3"}', time=at)
            assert (status, answer["errorType"]) == (503, "unavailable")
            assert "took longer than 0.5 s" in answer["error"]
        finally:
            fog_nats.resume()


async def test_the_stream_and_the_history_agree(fog_nats: NatsServer) -> None:
    """The totals of a subtree at the steps of the history are those that its frames say, sample by sample.

    With an interval so long that no node is silent: what is read later knows of no time in which nothing could come.
    """
    async with asked(fog_nats, history_step=0.5) as fog:
        shops = [Shop(await fog.node(path, interval=10.0)) for path in ("fog/0", "fog/0/1", "fog/0/2", "fog/1")]
        begin = await fog.settle()
        history, past, *_ = fog.aggregator.sources
        assert isinstance(past, PastSource)
        amount = 0
        while (history.newest or 0) < 1000 * (begin + 4):
            amount += 1
            shops[amount % 4].work(amount)
            await fog.settle()
        view, times = Subtree(("fog", "0")), (round(begin * 1000), history.newest or 0)
        kept, read = [
            {
                (labels, time): repr(value)  # a gauge that no live node has is NaN, which is not equal to itself
                for part in (await asyncio.to_thread(source.select, view, (), *times)).parts
                for row, labels in enumerate(part.labels)
                for time, value in zip(*samples_of(part, row), strict=True)
            }
            for source in (history, past)
        ]
        ours = {key: value for key, value in kept.items() if not dict(key[0])["__name__"].startswith("fog_aggregator_")}
        assert len(ours) > 100
        assert read == ours


def samples_of(part: Part, row: int) -> tuple[list[int], list[float]]:
    """Return the times and the values of one row."""
    if part.offsets is None:
        return part.times.tolist(), part.values[row].tolist()
    span = slice(int(part.offsets[row]), int(part.offsets[row + 1]))
    return part.times[span].tolist(), part.values[span].tolist()
