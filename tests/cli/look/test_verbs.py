"""`fog nodes`, `fog tree`, `fog events` and `fog alerts`, with a real aggregator and real agents."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fog_agent import Agent
from fog_cli import main
from fog_cli.live import pages
from fog_cli.live.events import Printed
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator, free_address, is_healthy
from tests.cli.bus import make_streams
from tests.cli.processes import ENVIRON, fog, run
from utilityfog_frontend.telemetry import TelemetryCollector

VERBS = ("nodes", "tree", "events", "alerts")


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


async def ran(*arguments: str) -> Ran:
    """Run a command in this process, beside the loop."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = await asyncio.to_thread(main.run, arguments, {})
    return Ran(code, out.getvalue(), err.getvalue())


async def test_a_fleet_in_text_and_json(fog_nats: NatsServer) -> None:
    """Nodes are found by place, state and words; each verb has one JSON document."""
    async with Fleet(fog_nats.url, interval=1.0) as fleet:
        for path in ("fog/a/0", "fog/a/1", "fog/b/0"):
            (await fleet.node(path)).record_event("began", {"at": path})
        await fleet.settle()
        api = ("--api", fleet.url)
        listed = await ran("nodes", "fog/a", "--sort", "path", *api)
        lines = listed.stdout.splitlines()
        assert lines[0].split() == ["state", "place", "last", "heard", "interval", "version"]
        assert [line.split()[:3] for line in lines[1:]] == [["█", "live", "fog/a/0"], ["█", "live", "fog/a/1"]]
        found = json.loads(
            (await ran("nodes", "--match", "*/0", "--state", "live,stale", "--sort", "path", "--json", *api)).stdout
        )
        assert [node["path"] for node in found["nodes"]] == ["fog/a/0", "fog/b/0"]
        first = await ran("nodes", "--limit", "2", *api)
        assert (len(first.stdout.splitlines()), first.stderr) == (
            3,
            "fog nodes: the first 2 of 3: --limit says how many\n",
        )
        nobody = await ran("nodes", "--state", "departed", *api)
        assert (nobody.returncode, nobody.stderr) == (0, "fog nodes: no node is found\n")
        costly = json.loads((await ran("nodes", "--sort", "frames", "--json", *api)).stdout)
        assert costly["total"] == 3
        tree = await ran("tree", "fog", "--depth", "1", *api)
        assert tree.stdout == "fog  3 nodes: 3 live\n├─ a  2 nodes: 2 live\n└─ b  1 nodes: 1 live\n"
        events = json.loads((await ran("events", "fog/a", "--name", "began", "--json", *api)).stdout)
        assert [event["path"] for event in events["events"]] == ["fog/a/0", "fog/a/1"]
        line = (await ran("events", "fog/b", "--name", "began", *api)).stdout
        assert line.rstrip().endswith('○  fog/b/0  began  {"at": "fog/b/0"}')
        calm = await ran("alerts", *api)
        assert calm.stdout.splitlines()[:2] == ["0 firing, 0 pending, 0 silenced", "Nothing fires here."]
        assert json.loads((await ran("alerts", "fog/a", "--json", *api)).stdout)["path"] == "fog/a"


async def test_a_silent_node(fog_nats: NatsServer) -> None:
    """It is stale in the list of nodes and among what is wrong, with its place."""
    async with Fleet(fog_nats.url) as fleet, AsyncExitStack() as stack:
        options = ("--nats", fog_nats.url, "--interval", "500ms", "--path")
        agent = stack.enter_context(fog("agent", *options, "fog/a"))
        api = ("--api", fleet.url)

        async def has(*arguments: str, text: str) -> bool:
            return text in (await ran(*arguments, *api)).stdout

        await eventually(lambda: has("nodes", "--state", "live", text="fog/a"))
        agent.kill()
        await eventually(lambda: has("nodes", "--state", "stale", text="▚ stale  fog/a"))
        shown = (await ran("alerts", *api)).stdout
        assert "▲ 1  1 node stale" in shown
        assert "fog/a" in shown


async def test_events_are_followed_through_a_restart(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Each event is printed once, also those that came while the aggregator was away; Ctrl-C ends it well."""
    await make_streams(fog_nats.url)
    address, collector = free_address(), TelemetryCollector()
    start = ("aggregator", "--nats", fog_nats.url, "--listen", address, "--state-dir", str(tmp_path))
    lines: list[dict[str, Any]] = []

    async def read(process: subprocess.Popen[str], number: int) -> None:
        assert process.stdout is not None
        while len(lines) < number:
            lines.append(json.loads(await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 30)))

    async with AsyncExitStack() as stack:
        service = stack.enter_context(fog(*start))
        await eventually(lambda: is_healthy(address), deadline=60)
        agent = Agent(collector, path="fog/a", servers=fog_nats.url, interval=0.1)
        await agent.start()
        collector.record_event("step", {"number": 1})
        follow = ("events", "fog", "--follow", "--json", "--name", "step", "--api", address)
        follower = stack.enter_context(fog(*follow))
        await read(follower, 1)
        collector.record_event("other")
        collector.record_event("step", {"number": 2})
        await read(follower, 2)
        service.terminate()
        await asyncio.to_thread(service.wait, 20)
        assert follower.stderr is not None  # said before there is one again, however fast that starts
        said = await asyncio.wait_for(asyncio.to_thread(follower.stderr.readline), 30)
        assert said.startswith("fog events: cut off (")
        collector.record_event("step", {"number": 3})
        stack.enter_context(fog(*start))
        await read(follower, 3)
        collector.record_event("step", {"number": 4})
        await read(follower, 4)
        follower.send_signal(signal.SIGINT)
        _, err = await asyncio.to_thread(follower.communicate, timeout=60)
        assert follower.returncode == 0
        assert err.splitlines()[-1] == "fog events: connected again"
        await agent.stop()
    assert [line["value"]["number"] for line in lines] == [1, 2, 3, 4]


@pytest.mark.parametrize("arguments", [*[(verb,) for verb in VERBS], ("events", "--follow")])
def test_nobody_answers(arguments: tuple[str, ...]) -> None:
    """One line, exit code 1."""
    done = run(*arguments, "--api", "127.0.0.1:1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"fog {arguments[0]}: no aggregator answers at http://127.0.0.1:1 (")


async def test_a_wrong_token_and_a_reader_who_leaves(fog_nats: NatsServer, tmp_path: Path) -> None:
    """One line that says 401 and not the secret; a pipe that closes is no traceback."""
    tokens = tmp_path / "tokens"
    token = run("token", "jo", "--file", str(tokens)).stdout.split()[-1]
    async with aggregator("--nats", fog_nats.url, "--http.token-file", str(tokens)) as view:
        host = view.url.removeprefix("http://")
        for arguments in (*[(verb,) for verb in VERBS], ("events", "--follow")):
            done = await ran(*arguments, "--api", f"http://jo:secret-word@{host}")
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
            assert " says 401 " in done.stderr
            assert "secret-word" not in done.stderr
        listed = ("nodes", "--json", "--api", f"http://jo:{token}@{host}")
        assert await asyncio.to_thread(says_when_nobody_reads, *listed) == b""


def says_when_nobody_reads(*arguments: str) -> bytes:
    """Run a command whose output nobody reads; its standard error."""
    command = [sys.executable, "-m", "fog_cli", *arguments]
    piped = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRON)
    assert piped.stdout is not None
    piped.stdout.close()
    return piped.communicate(timeout=30)[1]


class Pages:
    """An aggregator's lists of 2,500 items, page by page."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def json(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        """Answer as the aggregator does."""
        self.asked.append(query)
        first, limit = int(query.get("cursor", query.get("offset", 0))), int(query["limit"])
        items = list(range(2500))[first : first + limit]
        after = first + len(items)
        if path == "/api/events":
            last = int(query.get("before", 2500))
            first = max(0, last - limit)
            return {"events": list(range(first, last)), "next": str(first) if first else None}
        following = str(after) if after < 2500 else None
        return {"total": 2500, "nodes": items, "problems": items, "next": following}


@pytest.mark.parametrize("limit", [0, 1, 500, 1000, 1700, 2500, 9999])
def test_pages_are_followed_to_their_end(limit: int) -> None:
    """Up to the limit, each item once and in order."""
    fake: Any = Pages()
    most = min(limit, 2500)
    assert pages.nodes(fake, {}, limit)["nodes"] == list(range(most))
    assert pages.problems(fake, "", limit)["problems"] == list(range(most))
    assert pages.events(fake, {}, limit)["events"] == list(range(2500 - most, 2500))
    assert all(query["limit"] <= 1000 for query in fake.asked)


def test_an_event_is_printed_once() -> None:
    """However often it is told; the newest moment is remembered."""
    printed = Printed()
    first = {"path": "fog/a", "epoch": "e", "number": 1, "received": 5.0}
    second = first | {"number": 2, "received": 4.0}
    assert list(printed.new([first, first, second])) == [first, second]
    assert list(printed.new([second])) == []
    assert printed.newest == 5.0
