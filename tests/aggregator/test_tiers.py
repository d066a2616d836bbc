"""Tiers of aggregators: a root that reads its branches' totals has what one aggregator of everything has.

With real agents and a real nats-server. Nodes send when they are told to, and rarely else: what is compared stands
still, but for whose value is the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.components.http.answers import status
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_bus.nats.api import JetStream
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.provision import apply
from fog_bus.streams import ROLLUPS, events_stream, metrics_stream, rollups_stream
from fog_schema import __version__
from fog_schema.codec import decode, encode_request
from fog_schema.frames import FINAL, KEYFRAME, LAST_PART, CoverageNumbers, Frame, Request
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, running, serving, serving_all
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import ROLLUPS as CHOICES
from utilityfog_frontend.telemetry.model import HistogramValue

NODES = ("fog", "fog/0/a", "fog/0/b", "fog/1/a", "fog/1/b")
BRANCH = ("fog", "0")
OTHER = ("fog", "1")
SELDOM = 2.0
"""Seconds between frames; a keyframe that is asked for comes within as many."""
Numbers = dict[tuple[str, Any], Any]


class Program:
    """One node: what it counts in, and its agent.

    Whole and fractional counters, a histogram of bounds that not all nodes have, a gauge of each choice, of all of them
    and of none, and one that is not a number on some.
    """

    def __init__(self, path: str, server: NatsServer, interval: float = SELDOM) -> None:
        metrics = TelemetryCollector(self_metrics=False, reserved_names=True)
        self.agent = Agent(metrics, path=path, servers=server.url, interval=interval)
        self.counter = metrics.register_counter("work_total", "Work", ["kind"])
        self._spent = metrics.register_counter("spent_total", "Spent")
        self._big = metrics.register_counter("big_total", "Big")
        bounds = (0.5, 2.0) if path.endswith("a") else (1.0, 2.0, 4.0)
        self._wait = metrics.register_histogram("wait", "Waiting", bounds)
        choices: dict[str, tuple[str, ...]] = {choice: (choice,) for choice in CHOICES} | {"all": CHOICES, "none": ()}
        self._levels = [
            metrics.register_gauge(f"level_{name}", "Level", rollup=choice) for name, choice in choices.items()
        ]
        self._odd = metrics.register_gauge("odd", "Odd", rollup=("max", "last"))

    def work(self, rng: random.Random) -> None:
        """Use all of them."""
        self.counter.labels(kind=rng.choice("xyz")).increment(rng.randrange(1, 10))
        self.counter.labels(kind="everywhere").increment(rng.randrange(1, 10))
        self._spent.increment(rng.randrange(1, 10) / 8)
        self._big.increment(2**59 + rng.randrange(10))
        self._wait.observe(rng.randrange(40) / 8)
        for level in self._levels:
            level.set(rng.randrange(-4, 5) / 4)
        self._odd.set(rng.choice([math.nan, 1, 2]))


def numbers(aggregator: Aggregator) -> Numbers:
    """Every number of the nodes' programs, by name and labels, and how many nodes are live, stale and departed.

    Sums of fractions as they are within 1e-12.
    """
    found: Numbers = {}
    for snapshot in aggregator.network.collect():
        name = snapshot.family.name
        if name == "fog_aggregator_nodes" or not name.startswith("fog_"):
            found |= {(name, one.labels): one.value for one in snapshot.series}
    return {key: _rounded(value) for key, value in found.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, HistogramValue):
        return value.counts, round(value.sum, 12)
    return round(value, 12) if isinstance(value, float) else value


def steady(found: Numbers) -> Numbers:
    """Of some numbers, those that stay when nodes say again what they have said."""
    return {key: value for key, value in found.items() if key[0] != "level_last" and ("stat", "last") not in key[1]}


def counts(found: Numbers) -> Numbers:
    """Of some numbers, those that add up."""
    return {key: value for key, value in found.items() if key[0].endswith("_total") or key[0] == "wait"}


def lives(found: Numbers) -> list[int]:
    """How many nodes are live, stale and departed."""
    return [found["fog_aggregator_nodes", (("state", life),)] for life in ("live", "stale", "departed")]


def branch(server: NatsServer, path: tuple[str, ...] = BRANCH, **others: object) -> AggregatorConfig:
    """Return the settings of one replica of a branch."""
    return config(server, path=path, publish_rollup=True, rollup_interval=0.4, **others)


@dataclass
class Tiers:
    """Nodes, an aggregator of everything, a root above branches, and others."""

    server: NatsServer
    nodes: list[Program]
    whole: Aggregator
    root: Aggregator
    others: list[Aggregator]
    agents: contextlib.AsyncExitStack

    async def begin(self) -> None:
        """Start the nodes when the aggregators are there, so that nobody has to ask them for keyframes."""
        for node in self.nodes:
            await self.agents.enter_async_context(node.agent)

    async def settle(self, seed: int = 0) -> Numbers:
        """Everybody works and sends; what the root has come to, and the aggregator of everything as well."""
        rng = random.Random(seed)
        for node in self.nodes:
            node.work(rng)
            assert await node.agent.flush()
        await eventually(self._is_all_read, what="everything is read")
        await eventually(lambda: numbers(self.root) == numbers(self.whole), what="the root has all of it")
        return numbers(self.root)

    def _is_all_read(self) -> bool:
        nodes = self.whole.network.fleet.places
        sent = {node.agent.path: node.agent.sent for node in self.nodes}
        return all(path in nodes and nodes[path].epochs[one.epoch].seq >= one.seq for path, one in sent.items())

    def replicas(self) -> set[int]:
        """Return the epochs that the root has heard of the branch, and that have not ended."""
        node = self.root.network.fleet.place(BRANCH)
        return set(node.epochs) if node is not None else set()


@contextlib.asynccontextmanager
async def tiers(server: NatsServer, *others: AggregatorConfig) -> AsyncIterator[Tiers]:
    """Provide the aggregators at both ends, and others, all of them ready."""
    settings = (config(server), config(server, branches=(("fog", "*"),)), *others)
    async with serving_all(*settings) as (whole, root, *more), contextlib.AsyncExitStack() as agents:
        yield Tiers(server, [Program(path, server) for path in NODES], whole, root, more, agents)


async def frames(server: NatsServer, path: tuple[str, ...]) -> list[Frame]:
    """Return the frames of a path in the stream of rollups."""
    async with Connection(NatsOptions(servers=(server.url,))) as connection:
        assert await connection.connected(10)
        jetstream = JetStream(Link(connection))
        state = (await jetstream.call(f"STREAM.INFO.{ROLLUPS}"))["state"]
        assert connection.client is not None
        bus = connection.client.jetstream()
        found = [await bus.get_msg(ROLLUPS, seq) for seq in range(max(1, state["first_seq"]), state["last_seq"] + 1)]
    return [decode(one.data or b"") for one in found if one.subject == Subjects().rollups(path)]


async def test_tiers_have_what_one_aggregator_has(fog_nats: NatsServer) -> None:
    """Counters, histograms of several bounds, gauges of each choice and coverage; also after more was counted.

    A hot pair at one branch, one aggregator at the other, a node above both; and a third tier above that.
    """
    pair_and_one = branch(fog_nats), branch(fog_nats), branch(fog_nats, OTHER)
    middle, above = branch(fog_nats, ("fog",), branches=(("fog", "*"),)), config(fog_nats, branches=(("fog",),))
    async with tiers(fog_nats, above, middle, *pair_and_one) as fog:
        await fog.begin()
        first = await fog.settle(1)
        assert lives(first) == [5, 0, 0]
        assert first["work_total", (("kind", "everywhere"),)] >= 5
        assert first["big_total", ()] > 5 * 2**59 - 1
        assert sum(first["wait", ()][0]) == 5
        second = await fog.settle(2)
        assert second != first
        assert sum(second["wait", ()][0]) == 10
        assert {name for name, _ in first} == {name for name, _ in second}
        assert len({name for name, _ in first if name.startswith("level_")}) == len(CHOICES) + 2
        assert len(fog.replicas()) == 2
        versions = status(fog.root.network, fog.root.status)["versions"]
        assert versions == {__version__: 3}, "of the node above, of each branch"
        await eventually(lambda: numbers(fog.others[0]) == numbers(fog.whole), what="the third tier has all of it")


@pytest.mark.parametrize("with_checkpoint", [True, False])
async def test_a_replica_that_starts_again_changes_nothing_above(
    fog_nats: NatsServer, tmp_path: Path, *, with_checkpoint: bool
) -> None:
    """It goes in good order and is back as another epoch, from its checkpoint or from the stream: nothing changes."""
    replica = branch(fog_nats, state_dir=tmp_path / "state" if with_checkpoint else None)
    async with tiers(fog_nats, branch(fog_nats), branch(fog_nats, OTHER)) as fog:
        async with serving(replica):
            await fog.begin()
            before = steady(await fog.settle())
            await eventually(lambda: len(fog.replicas()) == 2)
            pair = fog.replicas()
        await eventually(lambda: len(fog.replicas()) == 1, what="the final is read")
        assert counts(numbers(fog.root)) == counts(before)
        await eventually(lambda: steady(numbers(fog.root)) == before, what="the other one has read as far")
        async with serving(replica):
            await eventually(lambda: fog.replicas() - pair, what="the new epoch is read")
            assert steady(numbers(fog.root)) == before
            assert steady(await fog.settle(1)) != before  # and it goes on


async def test_a_replica_that_is_killed_changes_nothing_above(fog_nats: NatsServer) -> None:
    """The only one ends without a final: its counts stay, and one that starts with nothing says the same."""
    async with tiers(fog_nats, branch(fog_nats, OTHER)) as fog:
        async with running(branch(fog_nats)) as (replica, task):
            await eventually(lambda: replica.status.ready()[0])
            await fog.begin()
            before = steady(await fog.settle())
            task.cancel()
            await asyncio.wait([task])
        assert counts(numbers(fog.root)) == counts(before)
        async with serving(branch(fog_nats)):
            await eventually(lambda: len(fog.replicas()) == 2)
            await eventually(lambda: steady(numbers(fog.root)) == before, what="its gauges are there again")
            assert counts(await fog.settle(1)) != counts(before)


async def test_a_branch_without_aggregators_keeps_its_counts(fog_nats: NatsServer) -> None:
    """Both replicas are stopped: counts stay, gauges are those of the others, the branch's nodes are stale."""
    async with tiers(fog_nats, branch(fog_nats, OTHER)) as fog:
        async with serving_all(branch(fog_nats), branch(fog_nats)):
            await fog.begin()
            before = steady(await fog.settle())
            await eventually(lambda: len(fog.replicas()) == 2)
        await eventually(lambda: lives(numbers(fog.root)) == [3, 2, 0])
        after = numbers(fog.root)
        assert counts(after) == counts(before)
        assert after["level_none", (("stat", "count"),)] == 3
        async with serving(branch(fog_nats)):
            await eventually(lambda: steady(numbers(fog.root)) == before, what="it is back")


async def test_a_replica_that_is_not_ready_sends_nothing(fog_nats: NatsServer) -> None:
    """It has read the metrics, and waits for a stream that is not there; once that is, it says all it has."""
    async with Connection(NatsOptions(servers=(fog_nats.url,))) as connection:
        assert await connection.connected(10)
        jetstream = JetStream(Link(connection))
        await apply(jetstream, metrics_stream(Subjects()))
        await apply(jetstream, rollups_stream(Subjects()))
        node = Program("fog/0/a", fog_nats, interval=0.1)
        work = node.counter.labels(kind="x")
        options = {"path": BRANCH, "publish_rollup": True, "rollup_interval": 0.1, "create_streams": False}
        async with node.agent, running(config(fog_nats, **options)) as (replica, _):
            for number in range(1, 6):  # some intervals
                work.increment()
                assert await node.agent.flush()
                await eventually(lambda: numbers(replica).get(("work_total", (("kind", "x"),))) == number)  # noqa: B023 - awaited here
            assert not replica.status.ready()[0]
            assert await frames(fog_nats, BRANCH) == []
            await apply(jetstream, events_stream(Subjects()))
            [first, *_] = await eventually(lambda: frames(fog_nats, BRANCH), deadline=30)
    assert (first.kind, first.seq) == (KEYFRAME, 1)
    assert first.counters is not None
    assert 5 in first.counters.values.tolist()


async def test_a_request_is_answered_with_a_keyframe(fog_nats: NatsServer) -> None:
    """A request to the branch's path or above, or to its epoch alone, brings all its totals again; no other epoch."""
    async with serving(branch(fog_nats)), Connection(NatsOptions(servers=(fog_nats.url,))) as connection:
        assert await connection.connected(10)
        [first, *_] = await eventually(lambda: frames(fog_nats, BRANCH))
        link = Link(connection)
        for keyframes, path, epoch in ((2, ("fog",), 0), (3, BRANCH, first.epoch)):
            await link.send(Subjects().resync(BRANCH), encode_request(Request(epoch=first.epoch ^ 1)))
            await link.send(Subjects().resync(path), encode_request(Request(epoch=epoch)))
            await eventually(lambda: _keyframes(fog_nats, keyframes))  # noqa: B023 - awaited here


async def _keyframes(server: NatsServer, number: int) -> bool:
    return sum(frame.kind == KEYFRAME for frame in await frames(server, BRANCH)) == number


async def test_an_aggregator_that_stops_says_its_last_totals(fog_nats: NatsServer) -> None:
    """Its last frame is a final keyframe of all it has read, whenever its turn was."""
    node = Program("fog/0/a", fog_nats)
    work = node.counter.labels(kind="x")
    async with node.agent:
        async with serving(config(fog_nats, path=BRANCH, publish_rollup=True, rollup_interval=3600.0)) as branch:
            work.increment(7)
            assert await node.agent.flush()
            await eventually(lambda: numbers(branch).get(("work_total", (("kind", "x"),))) == 7)
        *_, last = await frames(fog_nats, BRANCH)
    assert (last.kind, last.flags) == (KEYFRAME, FINAL | LAST_PART)
    assert last.coverage is not None
    assert last.coverage[:3] == CoverageNumbers(1, 0, 0, 0)[:3]
    assert (last.events_held, last.gauges) == (None, None)
    assert last.counters is not None
    assert 7 in last.counters.values.tolist()
