"""The demo, whole: real processes, a real server, and the proof at its end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import urllib.request
from typing import Any

import pytest

from fog_agent import Agent, NatsOptions
from fog_cli.actions import books
from fog_cli.api import Api
from fog_cli.demo.aggregator_stats import Numbers
from fog_cli.demo.fog_model import Fog, tree_paths
from fog_cli.demo.nodes import FogNodes
from fog_cli.errors import CommandError
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually, wait_until
from tests.cli.aggregators import events_at, free_address
from tests.cli.bus import make_streams
from tests.cli.processes import children_of, command_of, fog, run
from tests.cli.pseudo_terminal import CTRL_C, fog_in_terminal
from utilityfog_frontend.telemetry import TelemetryCollector

SMALL = ("--depth", "2", "--branching", "2", "--interval", "100ms", "--json")
OF_PROGRAMS = ("shop_orders_total", "web_requests_total", "job_runs_total")


def check(output: str) -> dict[str, Any]:
    """Return the one JSON object on standard output, with all that was promised in it."""
    result: dict[str, Any] = json.loads(output)
    assert result["conserved"] is True
    assert result["counted"] == result["exported"]
    assert result["nodes"] == 7
    for name in ("frames", "samples", "events", "lived_seconds"):
        assert result[name] > 0
    assert result["dropped_seconds"] >= 0
    counted = result["counted"]
    assert {"messages_sent_total", "coordination_message_latency_seconds_count", "node_cpu_seconds_total"} <= set(
        counted
    )
    for name in OF_PROGRAMS:
        assert counted[name] > 0, "of the programs of statsd, with a page, and of cron, by their own account"
    assert counted["shop_order_seconds_count"] == counted["shop_orders_total"]
    assert not any(name.startswith("fog_") for name in counted)
    return result


def test_it_conserves_every_count() -> None:
    """A fog of three nodes, three programs and the host, for two seconds: exit code 0 and one JSON object."""
    done = run("demo", *SMALL, "--duration", "2")
    assert (done.returncode, done.stderr) == (0, "")
    check(done.stdout)


def test_an_aggregator_of_young_streams_is_read() -> None:
    """It says +Inf of the seconds until a gap for as long as it cannot tell the rate of a stream."""
    numbers = Numbers.of(
        'fog_aggregator_stream_until_gap_seconds{stream="A"} +Inf\n'
        'fog_aggregator_stream_sequence{stream="A"} 7\n'
        'fog_aggregator_stream_lag_messages{stream="A"} 2\n'
        'fog_aggregator_nodes{state="live"} 3\nfog_aggregator_nodes{state="dead"} 1\n'
    )
    assert (numbers.read, numbers.lag, numbers.live, numbers.nodes) == ({"A": 7}, 2, 3, 4)


def test_a_large_fog_has_light_nodes() -> None:
    """More nodes than an agent each would do for are those of a swarm, and every count of theirs arrives."""
    address = free_address()
    with fog("demo", "--nodes", "1101", "--json", "--listen", address) as process:
        wait_until(lambda: swarm_at(address) > 0, deadline=90, what="their counts")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    result = json.loads(out)
    assert result["conserved"] is True
    for name in ("swarm_work_0_total", *OF_PROGRAMS):
        assert result["counted"][name] == result["exported"][name] > 0


def test_a_large_fog_ends_while_it_starts() -> None:
    """All of its processes are told to, as by a terminal, when the light nodes' own has only begun to be one."""
    with fog("demo", "--nodes", "5000", "--json", "--listen", free_address()) as process:
        light = wait_until(lambda: light_nodes_of(process.pid), deadline=60, what="their process")
        for pid in (*light, process.pid):
            os.kill(pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    result = json.loads(out)
    assert result["conserved"] is True
    assert result["nodes"] < 5000, "those that have sent nothing need not say that they end"


async def test_agents_are_not_started_once_it_is_told_to_stop(fog_nats: NatsServer) -> None:
    """None of them connects, and all of them end well."""
    nodes = FogNodes(Fog(tree_paths("fog", 2, 3), random.Random(1), 0.0), NatsOptions.parse(fog_nats.url), 0.1)
    stop = asyncio.Event()
    stop.set()
    await nodes.start(stop)
    assert nodes.connected() == 0
    assert await nodes.stop()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--nodes", "5001"), "a demo has 1 to 5000 nodes"),
        (("--nodes", "17", "--branching", "1"), "at most 16: not 17"),
        (("--depth", "17"), "--depth 1 to 16"),
    ],
)
def test_a_tree_that_cannot_be_is_refused(arguments: tuple[str, ...], what: str) -> None:
    """In one line, before anything starts."""
    done = run("demo", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert what in done.stderr


def test_also_when_a_signal_ends_it() -> None:
    """The last frames are flushed and read before anything stops; as after Ctrl-C in a terminal, below."""
    address = free_address()
    with fog("demo", *SMALL, "--listen", address) as process:
        wait_until(lambda: events_at(address) > 0, deadline=30, what="its first events")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    check(out)


async def test_a_server_of_yours(fog_nats: NatsServer) -> None:
    """Counts of others that are in the same streams already, under the same names, are not taken for the demo's."""
    await make_streams(fog_nats.url)
    collector = TelemetryCollector()
    collector.register_counter("messages_sent_total", "Somebody's").increment(5)
    async with Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1) as agent:
        assert await agent.flush()
        done = await asyncio.to_thread(run, "demo", *SMALL, "--duration", "1", "--nats", fog_nats.url)
    assert (done.returncode, done.stderr) == (0, "")
    check(done.stdout)


def test_a_server_that_is_not_there() -> None:
    """Said at once, before anything else is started."""
    done = run("demo", "--nats", "127.0.0.1:1")
    assert done.returncode == 1
    assert (
        done.stderr == "fog demo: no NATS server answers at nats://127.0.0.1:1: start it, or name another with --nats\n"
    )


async def test_links_are_lost_and_nothing_else(fog_nats: NatsServer) -> None:
    """Nodes whose connections are cut again and again still hand over every count, in the end."""
    await make_streams(fog_nats.url)
    fog = Fog(tree_paths("fog", 2, 3), random.Random(1), 0.0, fail_every=5.0)
    nodes = FogNodes(fog, NatsOptions.parse(fog_nats.url), interval=0.1)
    await nodes.start(asyncio.Event())
    await eventually(lambda: nodes.connected() == 4)
    fewest = 4
    for second in range(60):
        nodes.advance(float(second))
        await eventually(lambda: nodes.connected() == sum(node.linked for node in fog.nodes.values()))
        fewest = min(fewest, nodes.connected())
    assert fewest < 4
    assert await nodes.stop()
    assert books.add([nodes.book()])["messages_sent_total"] > 0


def swarm_at(address: str) -> float:
    """Return what light nodes have counted, as an aggregator shows it; 0 while it does not."""
    try:
        return books.read_exposition(Api(address).get("/metrics").decode()).get("swarm_work_0_total", 0)
    except CommandError:
        return 0


def light_nodes_of(pid: int) -> list[int]:
    """Return the process of a demo's light nodes, once there is one."""
    return [child for child in children_of(pid) if b"spawn_main" in command_of(child)]


@pytest.mark.parametrize(
    ("what", "moment", "end"),
    [
        (SMALL[:-1], "Ctrl-C stops it.", "conserved: "),
        (("--story", "--duration", "30"), "power fails under fog/1", "stopped before the story was over"),
    ],
    ids=["demo", "story"],
)
def test_the_first_line_is_the_address_of_the_page(what: tuple[str, ...], moment: str, end: str) -> None:
    """In a terminal: the page answers when its address is printed, and Ctrl-C ends all of it without a complaint.

    Also while the power is out in the story.
    """
    with fog_in_terminal("demo", *what, "--listen", free_address()) as terminal:
        url, _, text = terminal.line().partition("  ")
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b"<html" in answer.read()
        assert text == "open this page: what is wrong, where, and since when"
        while moment not in terminal.line():
            assert terminal.process.poll() is None
        terminal.type(CTRL_C)
        rest = terminal.rest()
        assert terminal.process.wait(timeout=60) == 0, rest
    assert "Traceback" not in rest
    assert end in rest


STORY = {("Branch silent", "critical", "fog/1"), ("Errors rise", "warning", "fog/0/b")}


def test_the_story_is_told_as_it_must_be() -> None:
    """A dead branch is one alert, a node with errors is one, a node that ended is none; all are over at the end.

    The page has them as its problems meanwhile, and the event that came before the errors.
    """
    address = free_address()
    with fog("demo", "--story", "--json", "--duration", "45", "--listen", address) as process:
        seen: set[tuple[str, str, str]] = set()
        wait_until(lambda: problems_at(address, seen) >= STORY, deadline=90, what="the problems on the page")
        [event] = Api(address).json("/api/events", {"path": "fog/0/b"})["events"]
        assert (event["name"], event["labels"]) == ("deployed", {"version": "2.4.1"})
        assert seen == STORY
        out, err = process.communicate(timeout=180)
    assert (process.returncode, err) == (0, ""), out
    result = json.loads(out)
    assert (result["missing"], result["unexpected"]) == ([], [])
    assert sorted(result["reported"]) == [
        ["firing", "FogBranchSilent", "fog/1"],
        ["firing", "NodeErrors", "fog/0/b"],
        ["resolved", "FogBranchSilent", "fog/1"],
        ["resolved", "NodeErrors", "fog/0/b"],
    ]


def problems_at(address: str, seen: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Add the problems that an aggregator has now to those that were seen; none while it does not answer."""
    try:
        found = Api(address).json("/api/alerts")["problems"]
    except CommandError:
        return seen
    seen |= {(one["title"], one["severity"], one["path"]) for one in found if one["state"] == "firing"}
    return seen


def test_a_story_that_is_too_short_is_refused() -> None:
    """Alerts take their time."""
    done = run("demo", "--story", "--duration", "2")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the story takes 30 s at least" in done.stderr
