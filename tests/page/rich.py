"""A fleet in which something of everything is to be seen: each state, alerts in each state, names that are hostile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fog_cli.api import Api
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.bus import make_streams
from tests.cli.processes import run
from tests.page.crowd import Crowd, watched

DEEP: Final = "/".join(("fog", "deep", *(f"level-{number}" for number in range(3, 16)), "n" * 64))
"""Sixteen levels, and a name of sixty-four letters."""
HOSTILE: Final = (
    "<script>alert(1)</script>",
    "\"quoted\" 'too' \\ `and` ${this}",
    "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe שלום",
    "x" * 64,
)
SILENT, TAKEN_OUT, MISSING, RISING, SILENCED = "fog/b/r1/n1", "fog/b/r1/n2", "fog/b/r1/n9", "fog/a/r0/n1", "fog/a/r0/n2"
PATHS: Final = (*(f"fog/{site}/r{rack}/n{node}" for site in "ab" for rack in range(2) for node in range(6)), DEEP)


@dataclass(frozen=True)
class Rich:
    """Where it is.

    Attributes:
        url: The page's address.
        nats: The server's.
        crowd: Its nodes.
    """

    url: str
    nats: str
    crowd: Crowd


@asynccontextmanager
async def rich_fleet(directory: Path) -> AsyncIterator[Rich]:
    """Let it live."""
    with NatsServer() as server:
        await make_streams(server.url)
        async with (
            watched(server, directory, "--expect", MISSING) as watcher,
            Crowd(server.url, PATHS, lambda path: "silent" if path == SILENT else "all") as crowd,
        ):
            _speak(crowd)
            await eventually(lambda: asyncio.to_thread(_are_heard, watcher.url), deadline=60)
            for arguments in (
                ("quarantine", TAKEN_OUT, "--why", HOSTILE[0]),
                ("silence", "add", "ErrorsRise", "--path", SILENCED, "--duration", "2h", "--comment", HOSTILE[1]),
            ):
                done = await asyncio.to_thread(run, *arguments, "--nats", server.url, "--api", watcher.url)
                assert done.returncode == 0, done.stderr
            for path in (RISING, SILENCED):
                crowd.nodes[path].ratio.set(0.25)
            await crowd.cut("silent")
            await eventually(lambda: asyncio.to_thread(_is_told, watcher.url), deadline=60)
            yield Rich(watcher.url, server.url, crowd)


def _speak(crowd: Crowd) -> None:
    """Say hostile things in labels, in help, in events, and in what a node tells of itself."""
    node = crowd.nodes[RISING]
    gauge = node.collector.register_gauge("queue_size", HOSTILE[0], ["kind"])
    for number, text in enumerate(HOSTILE):
        gauge.labels(kind=text).set(number)
        node.collector.record_event(f"order_failed_{number}", number, labels={"kind": text}, metadata={"why": text})
    node.collector.register_gauge("disk_bytes", "Space that is free").set(10)
    crowd.nodes[SILENCED].collector.register_gauge("disk_bytes", "Space that is taken").set(10)
    times = node.collector.register_histogram("order_duration_seconds", "Time of an order")
    for number in range(20):
        times.observe(number / 10)
    crowd.nodes[DEEP].collector.record_event("deployed", metadata={"version": HOSTILE[2]})


def _are_heard(url: str) -> bool:
    """Whether each node is live: what is cut off before is missing, not stale."""
    return bool(Api(url).json("/api/status")["coverage"]["nodes"].get("live") == len(PATHS))


def _is_told(url: str) -> bool:
    """Whether each state and each alert is there."""
    api = Api(url)
    nodes = api.json("/api/status")["coverage"]["nodes"]
    states = [one["state"] for one in api.json("/api/alerts")["problems"]]
    return all(nodes.get(state) for state in ("live", "stale", "missing", "quarantined")) and {
        "firing",
        "silenced",
    } <= set(states)
