"""The streams: made when they are not there, never changed behind anyone's back, and what is different is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.provision import apply, differences, jetstream_config
from fog_bus.streams import DAY, Difference, StreamSettings, events_stream, metrics_stream
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from tests.bus.broker import connected, make_stream

METRICS = metrics_stream(Subjects())
SMALL = StreamSettings(name="S", subjects=("s.>", "t.>"), max_bytes=1_000_000)
NAMED = replace(SMALL, named=frozenset({"max_age", "max_bytes", "max_per_subject", "replicas", "storage"}))


def test_what_they_take_and_keep() -> None:
    """Names, subjects and limits: three days of each, so that a horizon of seven is more than twice that."""
    events = events_stream(Subjects("my.fog"), replicas=3, storage="memory", max_bytes=None)
    assert (METRICS.name, METRICS.subjects, METRICS.max_age) == ("FOG_V1_METRICS", ("fog.v1.metrics.>",), 3 * DAY)
    assert (events.name, events.subjects, events.max_age) == ("MY_FOG_EVENTS", ("my.fog.events.>",), 3 * DAY)
    assert jetstream_config(events)["max_bytes"] == -1
    assert (jetstream_config(events)["num_replicas"], jetstream_config(events)["storage"]) == (3, "memory")


def test_differences_are_found() -> None:
    """In all that counts depend on, and in what was asked for; an owner's other choices are his own."""
    found = {**jetstream_config(SMALL), "subjects": ["t.>", "s.>"], "compression": "s2", "allow_rollup_hdrs": False}
    assert differences(NAMED, found) == []
    others = {**found, "max_age": 1, "num_replicas": 3, "allow_msg_ttl": True, "discard": "new"}
    harmful = [Difference("S", "discard", "old", "new"), Difference("S", "allow_msg_ttl", wanted=False, found=True)]
    assert differences(SMALL, others) == harmful
    assert {one.setting for one in differences(NAMED, others)} == {
        *("max_age", "num_replicas"),
        *(one.setting for one in harmful),
    }


async def test_made_once_by_many(fog_nats: NatsServer) -> None:
    """Several make it at once, and again: one stream, no difference, and it takes what it should."""
    async with connected(fog_nats.url) as link:
        jetstream = JetStream(link)
        assert await asyncio.gather(*(apply(jetstream, METRICS) for _ in range(5))) == [[]] * 5
        assert (await link.publish("fog.v1.metrics.fog.0", b"x", 10)).stream == "FOG_V1_METRICS"
        assert await apply(jetstream, METRICS) == []


async def test_another_one_is_told_and_left_alone(fog_nats: NatsServer) -> None:
    """An existing stream with other settings stays as it is until its owner asks for the change."""
    async with connected(fog_nats.url) as link:
        jetstream = JetStream(link)
        await make_stream(link, "S", "s.>", max_msgs_per_subject=1, allow_rollup_hdrs=True)
        for _ in range(2):
            found = await apply(jetstream, NAMED)
            names = {difference.setting for difference in found}
            assert names == {"subjects", "max_age", "max_bytes", "max_msgs_per_subject", "allow_rollup_hdrs"}
        assert "S: max_msgs_per_subject is 1 and should be -1" in [str(difference) for difference in found]
        assert await apply(jetstream, SMALL, update=True) == []
        assert {one.setting for one in await apply(jetstream, NAMED)} == {
            *("max_age", "max_bytes", "max_msgs_per_subject"),
        }
        assert await apply(jetstream, NAMED, update=True) == []
        assert await apply(jetstream, NAMED) == []


async def test_what_the_server_does_not_let_change(fog_nats: NatsServer) -> None:
    """It says so; the stream stays as it is."""
    async with connected(fog_nats.url) as link:
        await make_stream(link, "S", "s.>", "t.>", storage="memory")
        with pytest.raises(JetStreamError, match="storage"):
            await apply(JetStream(link), NAMED, update=True)


async def test_a_server_without_room() -> None:
    """The size is reserved at once: a server that has less says so."""
    with NatsServer(config="jetstream { max_file_store: 10MB }") as server:
        async with connected(server.url) as link:
            with pytest.raises(JetStreamError, match="insufficient storage resources"):
                await apply(JetStream(link), METRICS)


async def test_a_server_without_jetstream() -> None:
    """It is told as such."""
    with NatsServer(jetstream=False) as server:
        async with connected(server.url) as link:
            with pytest.raises(JetStreamError, match="JetStream is off"):
                await apply(JetStream(link), METRICS)
