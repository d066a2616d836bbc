"""Agents listen on a real server: each hears requests to its own path, and few subjects are its own."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

from fog_agent import Agent, NatsOptions
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_schema.codec import decode, encode_request
from fog_schema.frames import KEYFRAME, LAST_PART, Request
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.bus.broker import connected, make_stream
from utilityfog_frontend.telemetry import TelemetryCollector

BEFORE = """
authorization {{ users: [
  {{ user: admin, password: admin }}
  {{ user: agent, password: agent, permissions: {{
      publish: ["fog.v1.metrics.fog.0.3", "fog.v1.events.fog.0.3"]
      subscribe: ["_INBOX_AGENT.fog.0.3.>", "fog.v1.resync.fog", "fog.v1.resync.fog.0"{own}] }} }}
] }}
"""


class Keyframes(Counter[str]):
    """Counts the keyframes that pass by, by path.

    Attributes:
        frames: Counts all frames, keyframes among them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.frames: Counter[str] = Counter()

    def take(self, subject: str, data: bytes) -> None:
        """Take a message of a node."""
        frame, path = decode(data), "/".join(subject.split(".")[3:])
        self.frames[path] += 1
        if frame.kind == KEYFRAME and frame.flags & LAST_PART:
            self[path] += 1


async def ask(link: Link, path: str) -> None:
    """Ask as every aggregator does."""
    await link.send(Subjects().resync(tuple(path.split("/"))), encode_request(Request()))


async def test_a_request_to_one_node_is_answered_by_it_alone(fog_nats: NatsServer) -> None:
    """Its siblings hear it as well, and leave it out; a node below answers, as to any request to a place above it."""
    paths = ("fog/0/1", "fog/0/2", "fog/0/1/7", "fog/0", "fog")
    keyframes = Keyframes()
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(connected(fog_nats.url))
        await make_stream(link, "FOG_METRICS", "fog.v1.metrics.>")
        await link.listen(["fog.v1.metrics.>"], keyframes.take)
        for path in paths:
            agent = Agent(TelemetryCollector(), path=path, servers=fog_nats.url, interval=0.1)
            await stack.enter_async_context(agent)
        await eventually(lambda: sorted(keyframes) == sorted(paths))
        for asked, answers in (
            ("fog/0/1", {"fog/0/1", "fog/0/1/7"}),
            ("fog/0/2", {"fog/0/2"}),
            ("fog/0", {*paths} - {"fog"}),
            ("fog", {*paths}),
        ):
            before, frames = dict(keyframes), dict(keyframes.frames)

            def answered() -> set[str]:
                return {path for path in paths if keyframes[path] > before[path]}  # noqa: B023 - awaited

            await ask(link, asked)
            await eventually(lambda: answered() >= answers)  # noqa: B023 - awaited
            await eventually(lambda: all(keyframes.frames[path] >= frames[path] + 4 for path in paths))  # noqa: B023 - as above
            assert answered() == answers, "nobody else, some intervals later"
        assert [keyframes[path] for path in paths] == [1 + 3, 1 + 3, 1 + 3, 1 + 2, 1 + 1]


@pytest.mark.parametrize("user", ["of now", "of before"])
async def test_a_user_of_before_hears_its_own_requests(user: str) -> None:
    """One who may not listen to its siblings' requests listens to its own alone, after each reconnect too."""
    own = ', "fog.v1.resync.fog.0.*"' if user == "of now" else ', "fog.v1.resync.fog.0.3"'
    keyframes = Keyframes()
    with NatsServer(config=BEFORE.format(own=own)) as server:
        options = NatsOptions.parse(server.url, user="agent", password="agent", inbox_prefix="_INBOX_AGENT.fog.0.3")
        async with connected(server.url, user="admin", password="admin") as admin:
            await make_stream(admin, "FOG_METRICS", "fog.v1.metrics.>")
            await admin.listen(["fog.v1.metrics.>"], keyframes.take)
            async with Agent(TelemetryCollector(), path="fog/0/3", options=options, interval=0.1) as agent:
                for _ in range(2):
                    assert await agent.flush()  # the server has refused a subscription before it acknowledges a frame,
                    assert await agent.flush()  # and has another one in its place before the next
                    before = keyframes.total()
                    await ask(admin, "fog/0/3")
                    await eventually(lambda before=before: keyframes.total() > before)  # type: ignore[misc]
                    server.restart()
                    assert await admin.connection.connected(20)


async def test_a_subject_of_its_own_an_agent_and_fewer_on_a_shared_connection() -> None:
    """Ten siblings have an inbox each, and share what they hear requests by; on one connection they share the inbox."""
    port = free_port()
    with NatsServer(config=f"http: 127.0.0.1:{port}") as server:
        assert len(await _subjects(server, port, shared=False)) == 10 + 3
        assert len(await _subjects(server, port, shared=True)) == 1 + 3


async def _subjects(server: NatsServer, port: int, *, shared: bool) -> set[str]:
    """Return all that ten agents at fog/0/… listen to."""
    options = NatsOptions.parse(server.url)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(Connection(options)) if shared else None
        for number in range(10):
            route: dict[str, Any] = {"connection": connection} if shared else {"options": options}
            agent = Agent(TelemetryCollector(), path=f"fog/0/{number}", interval=60, deadline=0.05, **route)
            await stack.enter_async_context(agent)

        def listed() -> list[list[str]]:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/connz?subs=1") as answer:
                return [one.get("subscriptions_list", []) for one in json.load(answer)["connections"]]

        counts = [1 + 30] if shared else [1 + 3] * 10
        await eventually(lambda: sorted(map(len, listed())) == counts)
        return {subject for subjects in listed() for subject in subjects}
