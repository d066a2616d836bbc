"""Things that the server does with its own rights, for somebody who may ask: where its answers and deliveries go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from fog_agent import Agent, NatsOptions
from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.link import Link
from fog_bus.nats.log import NatsLog
from fog_bus.ports import LogError, Outcome, Refusal
from fog_bus.streams import CONTROL, ROLLUPS, reader_names
from fog_cli.api import Api
from fog_testing.waiting import eventually
from tests.bus.broker import connected
from tests.cli.aggregators import aggregator, shows
from tests.cli.processes import run
from tests.rights.shipped import Shipped, plain
from utilityfog_frontend.telemetry import TelemetryCollector

METRICS, EVENTS = "FOG_V1_METRICS_fog_0", "FOG_V1_EVENTS_fog_0"
"""The streams of the branch."""
NODE = "fog.v1.metrics.fog.0.3"
HEARD = ("fog.v1.resync.fog", "fog.v1.resync.fog.0", "fog.v1.resync.fog.0.*")
"""The requests that an agent listens to."""
OTHERS = {
    METRICS: "fog.v1.metrics.fog.0.9",
    EVENTS: "fog.v1.events.fog.0.9",
    ROLLUPS: "fog.v1.rollups.fog.1",
    CONTROL: "fog.v1.control.fog",
}
"""A subject of somebody else's in each stream."""


async def subjects(admin: Link, stream: str) -> dict[str, int]:
    """Return how many messages a stream has by subject."""
    answer = await JetStream(admin).call(f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
    return dict(answer["state"].get("subjects") or {})


async def say(link: Link, subject: str, payload: bytes, reply: str) -> None:
    """Publish with a place for the answer that is of the publisher's choice."""
    assert link.connection.client is not None
    await link.connection.client.publish(subject, payload, reply=reply)


def reader(name: str, **more: Any) -> bytes:
    """Return a request to make a reader of metrics."""
    config = {"name": name, "ack_policy": "none", "deliver_policy": "all", "mem_storage": True, **more}
    return json.dumps({"stream_name": METRICS, "config": config, "action": "create"}).encode()


def as_user(shipped: Shipped, who: str) -> Any:
    """Return a link of a user that is connected while inside."""
    return connected(shipped.server.url, **shipped.logins[who])


async def test_answers_to_a_node_go_to_nodes_alone(shipped: Shipped) -> None:
    """A node asks for its acknowledgements on others' subjects: the server stores nothing there.

    The same from a branch's aggregator, which is in the streams' account, is stored; that it is shows that the node's
    would have been by then.
    """
    async with (
        as_user(shipped, "admin") as admin,
        as_user(shipped, "node") as node,
        as_user(shipped, "branch") as branch,
    ):
        await JetStream(admin).call(f"STREAM.PURGE.{CONTROL}")
        for other in OTHERS.values():
            await say(node, NODE, b"?", other)
            await say(node, "fog.v1.events.fog.0.3", b"?", other)
        assert (await node.publish(NODE, b"?", 5)).outcome is Outcome.ACKED
        await say(branch, "fog.v1.rollups.fog.0", b"?", "fog.v1.control.fog.0.from.branch")

        async def stored() -> bool:
            return bool(await subjects(admin, CONTROL))

        await eventually(stored)
        assert await subjects(admin, CONTROL) == {"fog.v1.control.fog.0.from.branch": 1}
        assert set(await subjects(admin, METRICS)) == {NODE}
        assert set(await subjects(admin, EVENTS)) == {"fog.v1.events.fog.0.3"}
        assert set(await subjects(admin, ROLLUPS)) == {"fog.v1.rollups.fog.0"}


async def test_what_a_branch_has_stored_on_others_subjects_is_no_frame(shipped: Shipped) -> None:
    """Acknowledgements and answers, all JSON: they are counted by reason, no node comes to be, operators still command.

    A message that a reader delivers there is stored under the subject that it had, and so is nobody else's.
    """
    async with (
        as_user(shipped, "admin") as admin,
        as_user(shipped, "branch") as branch,
        as_user(shipped, "node") as node,
    ):
        await JetStream(admin).call(f"STREAM.PURGE.{METRICS}")
        collector = TelemetryCollector()
        collector.register_counter("things_total", "Things").increment(3)
        options = NatsOptions.parse(shipped.server.url, **shipped.logins["node"])
        async with Agent(collector, path="fog/0/3", options=options, interval=0.1) as agent:
            assert await agent.flush()
        for subject in (OTHERS[METRICS], OTHERS[CONTROL]):
            await say(branch, "fog.v1.rollups.fog.0", b"?", subject)
        await say(branch, f"$JS.API.STREAM.INFO.{METRICS}", b"", OTHERS[METRICS])
        name = reader_names(("fog", "0"))[0]
        await branch.request(f"$JS.API.CONSUMER.CREATE.{METRICS}.{name}", reader(name), 5)
        before = (await subjects(admin, METRICS))[NODE]
        await say(branch, f"$JS.API.CONSUMER.MSG.NEXT.{METRICS}.{name}", b'{"batch":1}', OTHERS[METRICS])

        async def stored() -> bool:
            found = await subjects(admin, METRICS)
            return found.get(OTHERS[METRICS]) == 2 and found[NODE] > before

        await eventually(stored)
        assert set(await subjects(admin, METRICS)) == {NODE, OTHERS[METRICS]}
        assert (await node.publish(NODE, b"", 5)).outcome is Outcome.ACKED
    await a_reader_counts_them(shipped)


async def a_reader_counts_them(shipped: Shipped) -> None:
    """Check that an aggregator refuses what no node has sent, and has the node's numbers and an operator's ear."""
    async with aggregator(*shipped.options("aggregator"), "--no-create-streams") as view:
        await eventually(lambda: shows(view, "things_total 3"), deadline=30)
        commanded = await asyncio.to_thread(run, "forget", "fog/7", *shipped.options("operator"))
        assert (commanded.returncode, commanded.stderr) == (0, "")
        nodes = (await asyncio.to_thread(Api(view.url).json, "/api/nodes"))["nodes"]
        assert [one["path"] for one in nodes] == ["fog/0/3"]
        text = await view.metrics() or ""
        refused = [line for line in text.splitlines() if line.startswith("fog_aggregator_messages_refused_total")]
        assert sum(float(line.split()[-1]) for line in refused) >= 3, refused


async def test_a_branch_can_use_up_its_own_readers_alone(shipped: Shipped) -> None:
    """It has the eight of each stream; no other name is let through, and the root goes on."""
    names = reader_names(("fog", "0"))
    async with (
        as_user(shipped, "admin") as admin,
        as_user(shipped, "branch") as branch,
        as_user(shipped, "aggregator") as root,
    ):
        for name in names:
            await branch.request(f"$JS.API.CONSUMER.CREATE.{METRICS}.{name}", reader(name, description="mine"), 5)
        with pytest.raises(LogError, match="all 8 readers of this stream are in use"):
            await NatsLog(branch, METRICS, readers=names).open(1)
        for name in ("fog~0+8", "fog~1+0", "anything"):
            answer = await branch.publish(f"$JS.API.CONSUMER.CREATE.{METRICS}.{name}", reader(name), 5)
            assert answer.refusal is Refusal.PERMISSION
        with pytest.raises(JetStreamError, match="permissions violation"):
            await JetStream(branch).call(f"CONSUMER.CREATE.{METRICS}.{names[0]}.{NODE}", {})
        other = await NatsLog(root, METRICS).open(1)
        await other.close()
        for name in names:
            await JetStream(admin).call(f"CONSUMER.DELETE.{METRICS}.{name}")


@asynccontextmanager
async def delivered_to_requests(shipped: Shipped, heard: list[str], raw: list[str]) -> AsyncIterator[None]:
    """Let a branch have its stream delivered to where the node fog/0/3 listens, which has what it published there.

    Args:
        shipped: The server.
        heard: Gets the subjects of what an agent takes for a request.
        raw: Gets the subjects of all that comes.
    """
    name = reader_names(("fog", "0"))[0]
    async with (
        as_user(shipped, "admin") as admin,
        as_user(shipped, "branch") as branch,
        as_user(shipped, "node") as node,
    ):
        client = node.connection.client
        assert client is not None
        await node.listen(HEARD, lambda subject, _: heard.append(subject))

        async def note(message: Any) -> None:
            raw.append(message.subject)

        for subject in HEARD:
            await client.subscribe(subject, cb=note)
        await client.flush()
        assert (await node.publish(NODE, b"?", 5)).outcome is Outcome.ACKED
        for config in (reader(name, deliver_subject="fog.v1.resync.fog"), reader(name)):
            await branch.request(f"$JS.API.CONSUMER.CREATE.{METRICS}.{name}", config, 5)
            await say(branch, f"$JS.API.CONSUMER.MSG.NEXT.{METRICS}.{name}", b'{"batch":1000}', "fog.v1.resync.fog.0.3")
            await eventually(partial(has_delivered, admin, name))
            await branch.request(f"$JS.API.CONSUMER.DELETE.{METRICS}.{name}", b"", 5)
        yield
        await branch.send("fog.v1.resync.fog.0.3", b"asked")  # comes after all that was delivered
        await eventually(lambda: "fog.v1.resync.fog.0.3" in heard)


async def has_delivered(admin: Link, name: str) -> bool:
    """Tell whether a reader has delivered what its stream has."""
    told = await JetStream(admin).call(f"CONSUMER.INFO.{METRICS}.{name}")
    return bool(told["delivered"]["consumer_seq"]) and not told["num_pending"]


async def test_no_delivery_reaches_a_node(shipped: Shipped) -> None:
    """A branch has its stream delivered to where nodes hear requests: the server gives nothing of it to them."""
    heard: list[str] = []
    raw: list[str] = []
    async with delivered_to_requests(shipped, heard, raw):
        pass
    assert set(heard) == set(raw) == {"fog.v1.resync.fog.0.3"}


async def test_no_delivery_is_taken_for_a_request() -> None:
    """Where users of an earlier version are denied nothing, deliveries come, and agents leave them out."""
    heard: list[str] = []
    raw: list[str] = []
    with plain(r"\n *deny: .*", "") as shipped:
        async with delivered_to_requests(shipped, heard, raw):
            await eventually(lambda: NODE in raw)
    assert set(heard) == {"fog.v1.resync.fog.0.3"}
