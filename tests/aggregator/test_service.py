"""The aggregator as a whole, with real agents and a real nats-server."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.components.checkpoints.directory import StateDirError
from fog_aggregator.core.engine.stream_rules import HorizonError
from fog_aggregator.service import Aggregator
from fog_bus.nats.api import JetStream
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.provision import apply
from fog_bus.streams import METRICS, metrics_stream
from fog_schema.subjects import Subjects
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.proxy import FaultProxy
from fog_testing.waiting import eventually
from tests.aggregator.services import config, running, serving, total
from utilityfog_frontend.telemetry import TelemetryCollector

CATCHING_UP = (False, "catching up with the stream")


async def test_a_restart_goes_on_where_the_checkpoint_ended(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Counts and events are the same after a restart, nothing is listed twice, and nobody is asked for keyframes."""
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    agent = Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1)
    async with serving(config(fog_nats, state_dir=tmp_path)) as first, agent:
        work.increment(5)
        collector.record_event("hello")
        await eventually(lambda: total(first, "work_total") == 5 and first.network.events_count == 1)
    async with serving(config(fog_nats, state_dir=tmp_path)) as second:
        assert total(second, "work_total") == 5
        assert [event.name for event in second.network.get_events()] == ["hello"]
        assert total(second, "fog_aggregator_keyframe_requests_total") == 0


async def test_doubt_outlives_a_restart(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Frames are gone unread; restarted before a round of keyframes has come, an aggregator still waits for it.

    Else it would show less than it has shown before.
    """
    collector, settings = TelemetryCollector(), config(fog_nats, state_dir=tmp_path)
    work = collector.register_counter("work_total", "Work")
    async with (
        FaultProxy("127.0.0.1", fog_nats.port) as proxy,
        Connection(NatsOptions.parse(fog_nats.url)) as connection,
    ):
        agent = Agent(collector, path="fog/0", servers=proxy.url, interval=20)
        async with serving(settings) as first:
            await agent.start()
            work.increment(5)
            assert await agent.flush()
            await eventually(lambda: total(first, "work_total") == 5)
        work.increment(3)
        assert await agent.flush()
        proxy.refuse_new = True
        proxy.cut()  # it cannot answer
        assert await connection.connected(10)
        await JetStream(Link(connection)).call(f"STREAM.PURGE.{METRICS}")
        for _ in range(2):
            async with running(settings) as (aggregator, _):
                await eventually(lambda: aggregator.status.ready() != CATCHING_UP)
                missing = "waiting for a round of keyframes from the nodes: 1 are missing"
                assert aggregator.status.ready() == (False, missing)
        await agent.stop(0.1)


async def test_a_node_that_never_sends_again_is_read_without_any_checkpoint(fog_nats: NatsServer) -> None:
    """The stream alone is enough while it holds the frames: an aggregator that starts later has the same counts."""
    async with Fleet(fog_nats.url) as fleet:
        node = await fleet.node("fog/0")
        node.register_counter("work_total", "Work").increment(7)
        await fleet.settle()
    async with serving(config(fog_nats)) as later:
        await eventually(lambda: total(later, "work_total") == 7)


async def test_a_wiped_store_loses_no_count_of_a_living_node(fog_nats: NatsServer) -> None:
    """The stream is gone and made anew; the nodes' keyframes bring everything, and nothing is counted twice."""
    async with Fleet(fog_nats.url) as fleet:
        node = await fleet.node("fog/0")
        work = node.register_counter("work_total", "Work")
        work.increment(3)
        await fleet.settle()
        fog_nats.kill()
        shutil.rmtree(fog_nats.store_dir)
        work.increment(4)
        fog_nats.start()
        await eventually(lambda: fleet.value("work_total") == 7, deadline=30)


async def test_a_hot_pair_has_the_same_counts_at_the_same_sequence(fog_nats: NatsServer) -> None:
    """Two aggregators on one stream agree on every counter once they have read as far."""
    async with Fleet(fog_nats.url) as fleet, serving(config(fog_nats)) as other:
        for number in range(3):
            node = await fleet.node(f"fog/{number}")
            node.register_counter("work_total", "Work", ["kind"]).labels(kind=str(number)).increment(number + 1)
        await fleet.settle()
        sequence = fleet.streams()[0].sequence
        await eventually(lambda: other.status.streams()[0].sequence >= sequence)
        of_one, of_other = (
            {
                snapshot.family.name: [(series.labels, series.value) for series in snapshot.series]
                for snapshot in network.collect()
                if snapshot.family.name == "work_total"
            }
            for network in (fleet.network, other.network)
        )
        assert of_one == of_other
        assert of_one["work_total"]


async def test_two_writers_on_a_path_add_up_and_are_told_of(
    fog_nats: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A cloned image counts in full; an event says that the path has several writers, and so do their own logs."""
    async with Fleet(fog_nats.url) as fleet:
        work = (await fleet.node("fog/0")).register_counter("work_total", "Work")
        clone = TelemetryCollector()
        cloned_work = clone.register_counter("work_total", "Work")
        async with Agent(clone, path="fog/0", servers=fog_nats.url, interval=0.1):
            work.increment(2)
            cloned_work.increment(3)
            await fleet.settle()
            await eventually(lambda: fleet.value("work_total") == 5)
            await eventually(lambda: any(e.name == "several_writers" for e in fleet.network.get_events()), deadline=30)
            await eventually(lambda: [line for line in caplog.messages if "shared=True" in line], deadline=30)


async def test_families_that_disagree_are_told_of(fog_fleet: Fleet) -> None:
    """The version that most nodes have is shown; an event names the family, at a node of the other version."""
    for number in range(2):
        (await fog_fleet.node(f"fog/{number}")).register_counter("depth_total", "Depth").increment(3)
    (await fog_fleet.node("fog/odd")).register_gauge("depth_total", "Depth").set(-5)
    await fog_fleet.settle()
    assert fog_fleet.value("depth_total") == 6
    told = await eventually(
        lambda: [event for event in fog_fleet.network.get_events() if event.name == "families_disagree"], deadline=30
    )
    assert [(event.labels["fog_path"], event.value["subject"]) for event in told] == [("fog/odd", "depth_total")]


async def test_a_horizon_that_the_stream_outlives_is_refused(fog_nats: NatsServer) -> None:
    """An existing stream keeps three days; a horizon of an hour could bring back what was given up."""
    async with Connection(NatsOptions(servers=(fog_nats.url,))) as connection:
        await connection.connected()
        await apply(JetStream(Link(connection)), metrics_stream(Subjects()))
    with pytest.raises(HorizonError, match="FOG_V1_METRICS keeps messages for 259200 s"):
        await asyncio.wait_for(Aggregator(config(fog_nats, horizon=3600.0)).run(asyncio.Event()), 20)


async def test_a_short_horizon_makes_streams_that_suit_it(fog_nats: NatsServer) -> None:
    """Streams that the aggregator makes itself keep half its horizon at most."""
    options = NatsOptions(servers=(fog_nats.url,))
    async with serving(config(fog_nats, horizon=3600.0)), Connection(options) as connection:
        await connection.connected()
        answer = await JetStream(Link(connection)).call("STREAM.INFO.FOG_V1_METRICS")
    assert answer["config"]["max_age"] == 1800 * 10**9


async def test_a_state_directory_belongs_to_one_aggregator_and_one_fleet(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Somebody else's directory, or that of another subtree, is refused with a word about what to do."""
    async with serving(config(fog_nats, state_dir=tmp_path)):
        with pytest.raises(StateDirError, match="another aggregator uses it"):
            await Aggregator(config(fog_nats, state_dir=tmp_path)).run(asyncio.Event())
    with pytest.raises(StateDirError, match="its checkpoint is of everything under fog"):
        await Aggregator(config(fog_nats, state_dir=tmp_path, path=("fog", "0"))).run(asyncio.Event())


async def test_exporters_write_the_fleet_to_files(fog_nats: NatsServer, tmp_path: Path) -> None:
    """The SDK's exporters run on the network-wide collector as on a node's."""
    prometheus, json_file = tmp_path / "fleet.prom", tmp_path / "fleet.json"
    settings = config(fog_nats, export_prometheus=prometheus, export_json=json_file, export_interval=0.1)
    collector = TelemetryCollector()
    collector.register_counter("work_total", "Work").increment(4)
    async with serving(settings), Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1):
        await eventually(lambda: prometheus.exists() and "\nwork_total 4\n" in prometheus.read_text())
        await eventually(lambda: '"work_total"' in json_file.read_text())
