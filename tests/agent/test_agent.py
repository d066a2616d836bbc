"""The agent with a real nats-server: it never hurts its program, and what was counted arrives."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from fog_agent import Agent, BackgroundAgent, NatsOptions
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.rate_limited_log import LOGGER
from fog_schema.codec import encode_request
from fog_schema.errors import PathError
from fog_schema.frames import Request
from fog_schema.subjects import Subjects
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry import TelemetryCollector

NOWHERE = "nats://127.0.0.1:1"  # nobody listens there


async def test_a_dead_server_costs_the_program_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Starting returns at once, the program counts on, and the log says what is wrong once, without a traceback."""
    collector = TelemetryCollector()
    agent = Agent(collector, path="fog/0", servers=NOWHERE, interval=0.1, deadline=0.2)
    with caplog.at_level("INFO", logger=LOGGER.name):
        async with agent:
            collector.register_counter("work_total", "Work").increment()
            await eventually(lambda: "cannot connect to NATS" in caplog.text)
    assert caplog.text.count("cannot connect to NATS") == 1
    assert "Traceback" not in caplog.text


async def test_what_was_counted_before_the_server_came_arrives(fog_nats: NatsServer) -> None:
    """An agent that starts first, and its collector's counts from before the agent, are all in the fleet's total."""
    fog_nats.kill()
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    work.increment(2)
    async with Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1):
        work.increment(3)
        fog_nats.start()
        async with Fleet(fog_nats.url) as fleet:
            await eventually(lambda: fleet.network.get_metric("work_total") is not None)
            await eventually(lambda: fleet.value("work_total") == 5)


async def test_agents_that_follow_each_other_count_once(fog_fleet: Fleet, fog_nats: NatsServer) -> None:
    """A collector whose agent stopped and started again goes on in a new epoch, from where the last one ended."""
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    sizes = collector.register_histogram("size", "Sizes", buckets=[1.0])
    for number in range(3):
        await fog_fleet.node("fog/0", collector)
        work.increment(number)
        work.increment(0.5)
        sizes.observe(2.0)
        await fog_fleet.settle()
        await fog_fleet.leave("fog/0")
        work.increment(10)  # nobody publishes now; the next epoch has it
    await fog_fleet.node("fog/0", collector)
    await fog_fleet.settle()
    assert fog_fleet.value("work_total") == pytest.approx(34.5, abs=1e-12)
    assert fog_fleet.count("size") == 3


async def test_a_final_that_did_not_arrive_is_sent_by_the_next_agent(fog_nats: NatsServer) -> None:
    """The server is gone when the agent stops: nothing was acknowledged, and nothing is lost or counted twice."""
    async with Fleet(fog_nats.url) as fleet:
        collector = TelemetryCollector()
        work = collector.register_counter("work_total", "Work")
        agent = Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1)
        await agent.start()
        work.increment(1)
        assert await agent.flush()
        fog_nats.pause()
        work.increment(2)
        assert not await agent.stop(deadline=0.3)
        fog_nats.resume()
        work.increment(4)
        await fleet.node("fog/0", collector)
        await fleet.settle()
        assert fleet.value("work_total") == 7


async def test_a_server_that_takes_no_frame_costs_the_program_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its max_payload leaves no room: said in the log, and stopping says that nothing arrived; it raises nothing."""
    collector = TelemetryCollector()
    collector.register_counter("work_total", "Work").increment(2)
    with NatsServer(config="max_payload: 4096") as server:
        agent = Agent(collector, path="fog/0", servers=server.url, interval=0.1, deadline=1.0)
        await agent.start()
        await eventually(lambda: "max_payload leaves 0 bytes" in caplog.text)
        assert not await agent.flush()
        assert not await agent.stop()


async def test_two_agents_on_one_collector_and_path_are_an_error(fog_nats: NatsServer) -> None:
    """They would count everything twice; another path is another epoch and is fine."""
    collector = TelemetryCollector()
    async with Agent(collector, path="fog/0", servers=fog_nats.url, deadline=0.2):
        with pytest.raises(RuntimeError, match="an agent already publishes this collector under fog/0"):
            await Agent(collector, path="fog/0", servers=fog_nats.url).start()
        async with Agent(collector, path="fog/1", servers=fog_nats.url, deadline=0.2):
            pass


async def test_a_request_is_answered_with_a_keyframe(fog_fleet: Fleet, fog_nats: NatsServer) -> None:
    """A request to an ancestor is one to the node; the keyframe is counted on both sides."""
    await fog_fleet.node("fog/0/3")
    await fog_fleet.settle()
    before = fog_fleet.value("fog_agent_keyframes_total")
    async with Connection(NatsOptions(servers=(fog_nats.url,))) as connection:
        await connection.connected()
        await Link(connection).send(Subjects().resync(("fog",)), encode_request(Request()))
        await eventually(lambda: fog_fleet.value("fog_agent_keyframe_requests_total") == 1)
        await eventually(lambda: fog_fleet.value("fog_agent_keyframes_total") > before)


async def test_hostile_requests_do_nothing(fog_fleet: Fleet, fog_nats: NatsServer) -> None:
    """Any bytes on the subject that the agent listens to leave it as it was."""
    node = await fog_fleet.node("fog/0")
    async with Connection(NatsOptions(servers=(fog_nats.url,))) as connection:
        await connection.connected()
        for junk in (b"", b"\xff" * 1000, b"\x96\xa3fog\x01\x04", encode_request(Request(epoch=77))):
            await Link(connection).send(Subjects().resync(("fog", "0")), junk)
    node.register_counter("work_total", "Work").increment()
    await fog_fleet.settle()
    assert fog_fleet.value("work_total") == 1
    assert fog_fleet.value("fog_agent_keyframe_requests_total") == 0


@pytest.mark.parametrize(("arguments", "error"), [({"path": "fog//3"}, PathError), ({"interval": 0.01}, ValueError)])
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, object], error: type[Exception]) -> None:
    """Before anything runs, with what to write instead."""
    with pytest.raises(error):
        Agent(TelemetryCollector(), **({"path": "fog/0"} | arguments))  # type: ignore[arg-type]


async def test_an_event_from_before_the_agent_arrives(fog_fleet: Fleet) -> None:
    """The first agent also sends the events that the collector still has."""
    collector = TelemetryCollector()
    collector.record_event("early", {"n": 1})
    await fog_fleet.node("fog/0", collector)
    collector.record_event("late")
    await fog_fleet.settle()
    assert [event.name for event in fog_fleet.network.get_events()] == ["early", "late"]


def test_a_synchronous_program_has_an_agent_in_the_background(fog_nats: NatsServer) -> None:
    """The block's end flushes; a second agent on the collector is refused in the caller's thread."""
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    with BackgroundAgent(collector, path="fog/0", servers=fog_nats.url, interval=0.1, deadline=0.5):
        work.increment()
        with pytest.raises(RuntimeError, match="already publishes"):
            BackgroundAgent(collector, path="fog/0", servers=fog_nats.url).start()


PROGRAM = """
    import asyncio, sys
    from fog_agent import Agent
    from utilityfog_frontend.telemetry import TelemetryCollector

    async def main():
        collector = TelemetryCollector()
        work = collector.register_counter("work_total", "Work")
        async with Agent(collector, path="fog/0", servers=sys.argv[1], interval=60, handle_signals=True):
            work.increment(7)
            print("counted", flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())
"""


async def test_sigterm_flushes_and_then_ends_the_program(fog_nats: NatsServer, tmp_path: Path) -> None:
    """With an interval of a minute, only the flush can have brought the count; the exit is the signal's."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    async with Fleet(fog_nats.url) as fleet:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), fog_nats.url, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"counted\n"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == -signal.SIGTERM
        await eventually(lambda: fleet.network.get_metric("work_total") is not None)
        assert fleet.value("work_total") == 7


def test_a_flush_says_whether_the_counts_are_safe(fog_nats: NatsServer) -> None:
    """No stream takes the frames: they are kept, and the program is told that they did not arrive."""
    collector = TelemetryCollector()
    with BackgroundAgent(collector, path="fog/0", servers=fog_nats.url, interval=0.1, deadline=0.3) as agent:
        assert not agent.flush()
