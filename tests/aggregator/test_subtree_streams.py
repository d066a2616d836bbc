"""Streams by subtree: a branch reads its own, a root reads totals and its own nodes, and an upgrade finds old names."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.service import Aggregator
from fog_bus.nats.api import JetStream
from fog_bus.streams import OLD_NAMES, stream_name
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, running, serving, total
from tests.bus.broker import connected, make_stream
from tests.cli.processes import run
from utilityfog_frontend.telemetry import TelemetryCollector

ROOT = {"path": ("fog",), "branches": (("fog", "*"),)}


class Nodes:
    """Nodes that count."""

    def __init__(self, server: NatsServer, *paths: str) -> None:
        self.counters = {}
        self.agents = []
        for path in paths:
            collector = TelemetryCollector(self_metrics=False)
            self.counters[path] = collector.register_counter("work_total", "Work")
            self.agents.append(Agent(collector, path=path, servers=server.url, interval=0.2, deadline=30))

    async def count(self, amount: int) -> None:
        """Count at each, and wait until it is stored."""
        for counter in self.counters.values():
            counter.increment(amount)
        for agent in self.agents:
            assert await agent.flush()


@contextlib.asynccontextmanager
async def nodes(server: NatsServer, *paths: str) -> AsyncIterator[Nodes]:
    """Run nodes."""
    found = Nodes(server, *paths)
    async with contextlib.AsyncExitStack() as stack:
        for agent in found.agents:
            await stack.enter_async_context(agent)
        yield found


def read(aggregator: Aggregator) -> dict[str, str]:
    """Return which streams are read, and the kind of each."""
    streams = aggregator._engine.streams  # noqa: SLF001 — the engine is nobody else's
    return {name: streams.kind(name) for name in streams.cursors}


@pytest.mark.parametrize("own", [True, False], ids=["own streams", "one stream"])
async def test_a_root_reads_no_frame_of_its_branches_nodes(fog_nats: NatsServer, own: bool) -> None:  # noqa: FBT001
    """Its total is exact; the frames that it reads are the branch's totals and those of its own node."""
    if own:
        assert run("streams", "apply", "--nats", fog_nats.url, "--path", "fog/0").returncode == 0
    assert run("streams", "apply", "--nats", fog_nats.url).returncode == 0
    branch = config(fog_nats, path=("fog", "0"), publish_rollup=True, rollup_interval=0.4, create_streams=False)
    root = config(fog_nats, create_streams=False, **ROOT)
    paths = ("fog", "fog/0/a", "fog/0/b", "fog/0")
    async with nodes(fog_nats, *paths) as fog, serving(branch) as below, serving(root) as above:
        await fog.count(3)
        await eventually(lambda: (total(below, "work_total"), total(above, "work_total")) == (9, 12))
        assert {path[:2] for path in above.network.paths()} == {("fog",), ("fog", "0")}
        assert above.network.size(()) == 2
        suffix = "_fog_0" if own else ""
        assert read(below) == {
            f"FOG_V1_METRICS{suffix}": "metrics",
            f"FOG_V1_EVENTS{suffix}": "events",
            "FOG_V1_CONTROL": "control",
        }
        cursor = above._engine.cursors["FOG_V1_METRICS"]  # noqa: SLF001
        assert (cursor.selective, cursor.filters) == (True, ("fog.v1.metrics.fog",))
        await fog.count(4)
        await eventually(lambda: (total(below, "work_total"), total(above, "work_total")) == (21, 28))


async def test_a_stream_that_appears_is_found(
    fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A subtree gets streams of its own while one aggregator reads all: nothing is lost or counted twice."""
    monkeypatch.setattr("fog_aggregator.streams._PAUSE", 0.2)
    caplog.set_level(logging.WARNING)
    async with nodes(fog_nats, "fog/0/a", "fog/1/a") as fog, serving(config(fog_nats)) as aggregator:
        await fog.count(3)
        await eventually(lambda: total(aggregator, "work_total") == 6)
        done = run("streams", "apply", "--nats", fog_nats.url, "--path", "fog/0", "--update")
        assert done.returncode == 0, done.stdout + done.stderr
        await fog.count(4)
        await eventually(lambda: total(aggregator, "work_total") == 14)
        assert read(aggregator)["FOG_V1_METRICS_fog_0"] == "metrics"
    assert "stream FOG_V1_METRICS_fog_0: it holds subjects that are read here" in caplog.text


async def test_a_stream_that_is_divided_while_its_reader_is_away_is_read_to_its_end(
    fog_nats: NatsServer, tmp_path: Path
) -> None:
    """The writers have ended: nobody would repeat what the old stream alone has of them."""
    branch = config(fog_nats, path=("fog", "0"), state_dir=tmp_path)
    async with nodes(fog_nats, "fog/0/a") as fog, serving(branch) as aggregator:
        await fog.count(3)
        await eventually(lambda: total(aggregator, "work_total") == 3)
    async with nodes(fog_nats, "fog/0/a", "fog/0/b") as fog:
        await fog.count(4)
    done = run("streams", "apply", "--nats", fog_nats.url, "--path", "fog/0", "--update")
    assert done.returncode == 0, done.stdout + done.stderr
    async with serving(branch) as aggregator:
        await eventually(lambda: total(aggregator, "work_total") == 11)
        assert "FOG_V1_METRICS_fog_0" in read(aggregator)


async def test_streams_of_earlier_versions_are_read(fog_nats: NatsServer) -> None:
    """Under their names, and none is made beside them."""
    async with connected(fog_nats.url) as link:
        for kind, name in OLD_NAMES.items():
            await make_stream(link, name, f"fog.v1.{kind}.>", max_age=86_400_000_000_000)
        async with nodes(fog_nats, "fog/0") as fog, serving(config(fog_nats)) as aggregator:
            await fog.count(3)
            await eventually(lambda: total(aggregator, "work_total") == 3)
            assert set(read(aggregator)) == {"FOG_METRICS", "FOG_EVENTS", "FOG_CONTROL"}
        assert sorted(await JetStream(link).streams_of(">")) == sorted(OLD_NAMES.values())


async def test_a_branch_makes_no_rollups_beside_those_of_an_earlier_version(fog_nats: NatsServer) -> None:
    """It reads none, so finds none, and the server refuses a second stream of their subjects."""
    async with connected(fog_nats.url) as link:
        for kind, name in OLD_NAMES.items():
            await make_stream(link, name, f"fog.v1.{kind}.>", max_age=86_400_000_000_000)
        branch = config(fog_nats, path=("fog", "0"), publish_rollup=True, rollup_interval=0.4)
        async with (
            nodes(fog_nats, "fog/0/a") as fog,
            serving(branch) as below,
            serving(config(fog_nats, **ROOT)) as above,
        ):
            await fog.count(3)
            await eventually(lambda: (total(below, "work_total"), total(above, "work_total")) == (3, 3))
        assert sorted(await JetStream(link).streams_of(">")) == sorted(OLD_NAMES.values())


async def test_a_root_makes_no_stream_of_all_beside_a_subtrees(fog_nats: NatsServer) -> None:
    """None has its own nodes, and none is made that would take the subtree's subjects: it reads totals."""
    assert run("streams", "apply", "--nats", fog_nats.url, "--path", "fog/0").returncode == 0
    branch = config(fog_nats, path=("fog", "0"), publish_rollup=True, rollup_interval=0.4)
    async with nodes(fog_nats, "fog/0/a") as fog, serving(config(fog_nats, **ROOT)) as above, serving(branch) as below:
        await fog.count(3)
        await eventually(lambda: (total(below, "work_total"), total(above, "work_total")) == (3, 3))
    async with connected(fog_nats.url) as link:
        own = ["FOG_V1_METRICS_fog_0", "FOG_V1_EVENTS_fog_0"]
        assert sorted(await JetStream(link).streams_of(">")) == sorted([*own, "FOG_V1_ROLLUPS", "FOG_V1_CONTROL"])


async def test_an_aggregator_tells_that_its_subjects_are_in_no_stream(
    fog_nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It reads fog/1, and only fog/0 has streams."""
    assert run("streams", "apply", "--nats", fog_nats.url, "--path", "fog/0").returncode == 0
    told = "no stream takes fog.v1.metrics.fog.1, fog.v1.metrics.fog.1.>, and none is made beside FOG_V1_METRICS_fog_0"
    async with running(config(fog_nats, path=("fog", "1"))):
        await eventually(lambda: told in caplog.text)


async def test_what_exists_is_read_where_the_rest_may_not_be_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A user without the right to make streams is told once, and reads the others."""
    monkeypatch.setattr("fog_aggregator.streams._PAUSE", 0.1)
    with _server_with_a_user("STREAM.NAMES", "STREAM.INFO.*", *_READING) as server:
        async with connected(server.url, user="admin", password="a") as link:
            for kind in ("metrics", "events"):
                await make_stream(link, OLD_NAMES[kind], f"fog.v1.{kind}.>", max_age=86_400_000_000_000)
            await link.publish("fog.v1.metrics.fog.0", b"x", 5)
        async with serving(config(server, nats=_login(server))) as aggregator:
            cursor = aggregator._engine.cursors["FOG_METRICS"]  # noqa: SLF001
            await eventually(lambda: cursor.seq == 1)
    assert caplog.text.count("the stream FOG_V1_CONTROL cannot be made: ") == 1


async def test_streams_that_come_later_are_asked_whether_they_let_select(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root that may not ask for single messages starts before there are streams: then it reads them whole."""
    monkeypatch.setattr("fog_aggregator.streams._PAUSE", 0.1)
    monkeypatch.setattr("fog_aggregator.streams._LONG_PAUSE", 0.1)
    with _server_with_a_user("STREAM.NAMES", "STREAM.INFO.*", *_READING) as server:
        root = config(server, nats=_login(server), create_streams=False, **ROOT)
        async with running(root) as (aggregator, _):
            streams = aggregator._engine.streams  # noqa: SLF001
            await eventually(lambda: streams._have_looked)  # noqa: SLF001
            async with connected(server.url, user="admin", password="a") as link:
                for kind in OLD_NAMES:
                    name = stream_name(kind, Subjects())
                    await make_stream(link, name, f"fog.v1.{kind}.>", max_age=86_400_000_000_000)
                await link.publish("fog.v1.metrics.fog.0", b"x", 5)
            await eventually(lambda: aggregator.status.ready()[0])
            await eventually(lambda: streams.cursors["FOG_V1_METRICS"].seq == 1)
            assert not streams.cursors["FOG_V1_METRICS"].selective


_READING = ("CONSUMER.CREATE.*.*", "CONSUMER.MSG.NEXT.*.*", "CONSUMER.DELETE.*.*")


def _server_with_a_user(*calls: str) -> NatsServer:
    """Return a server whose user `old` may make these calls of JetStream, and whose user `admin` may do all."""
    asked = [f"$JS.API.{call}" for call in calls]
    rights = f'{{ publish: {json.dumps([*asked, "fog.v1.resync.>"])}, subscribe: "_INBOX.>" }}'
    users = f"{{ user: admin, password: a }}, {{ user: old, password: o, permissions {rights} }}"
    return NatsServer(config=f"jetstream {{}}\nauthorization {{ users: [{users}] }}")


def _login(server: NatsServer) -> NatsOptions:
    return NatsOptions.parse(server.url, user="old", password="o")


@pytest.mark.parametrize("old", [True, False], ids=["old names", "new names"])
async def test_a_user_that_may_not_look_for_streams_reads_the_usual_ones(old: bool) -> None:  # noqa: FBT001
    """As the users of earlier versions: their rights name the streams, and nothing else."""
    names = {kind: name if old else stream_name(kind, Subjects()) for kind, name in OLD_NAMES.items()}
    calls = ("STREAM.INFO", "CONSUMER.CREATE", "CONSUMER.MSG.NEXT", "CONSUMER.DELETE")
    ends = ["", *3 * [".*"]]
    asked = [f"{call}.{name}{end}" for call, end in zip(calls, ends, strict=True) for name in names.values()]
    with _server_with_a_user(*asked) as server:
        async with connected(server.url, user="admin", password="a") as link:
            for kind, name in names.items():
                await make_stream(link, name, f"fog.v1.{kind}.>", max_age=86_400_000_000_000)
            await link.publish("fog.v1.metrics.fog.0", b"x", 5)
        about = config(server, nats=_login(server), create_streams=False, **ROOT)
        async with serving(about) as aggregator:
            await eventually(aggregator.status.is_connected)
            cursor = aggregator._engine.cursors[names["metrics"]]  # noqa: SLF001
            assert not cursor.selective
            await eventually(lambda: cursor.seq == 1)
