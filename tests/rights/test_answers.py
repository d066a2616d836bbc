"""Things that the server does with its own rights, for somebody who may ask: where its answers and deliveries go."""

from __future__ import annotations

import asyncio
import json
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
from tests.rights.shipped import Shipped
from utilityfog_frontend.telemetry import TelemetryCollector

METRICS, EVENTS = "FOG_V1_METRICS_fog_0", "FOG_V1_EVENTS_fog_0"
"""The streams of the branch."""
NODE = "fog.v1.metrics.fog.0.3"
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


async def test_no_delivery_is_taken_for_a_request(shipped: Shipped) -> None:
    """A branch has the stream delivered to the subject on which nodes hear requests: they come, and are left out."""
    name, heard, raw = reader_names(("fog", "0"))[0], [], []
    async with as_user(shipped, "branch") as branch, as_user(shipped, "node") as node:
        await node.listen(["fog.v1.resync.fog.0.3"], lambda subject, _: heard.append(subject))

        async def note(message: Any) -> None:
            raw.append(message.subject)

        assert node.connection.client is not None
        await node.connection.client.subscribe("fog.v1.resync.fog.0.3", cb=note)
        await node.connection.client.flush()
        assert (await node.publish(NODE, b"?", 5)).outcome is Outcome.ACKED
        push = reader(name, deliver_subject="fog.v1.resync.fog.0.3")
        await branch.request(f"$JS.API.CONSUMER.CREATE.{METRICS}.{name}", push, 5)
        await eventually(lambda: NODE in raw)
        await branch.request(f"$JS.API.CONSUMER.DELETE.{METRICS}.{name}", b"", 5)
        await branch.send("fog.v1.resync.fog.0.3", b"asked")
        await eventually(lambda: "fog.v1.resync.fog.0.3" in heard)
    assert set(heard) == {"fog.v1.resync.fog.0.3"}
