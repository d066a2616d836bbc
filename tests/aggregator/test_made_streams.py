"""The streams that an aggregator makes are as its options say."""

from __future__ import annotations

from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.following.scope import CONTROL, EVENTS, METRICS, ROLLUPS
from fog_aggregator.streams import wanted_streams
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from tests.aggregator.services import config, serving


def test_all_of_them_have_as_many_copies_as_the_options_say() -> None:
    """Commands too; and none is made where a command makes them."""
    settings = AggregatorConfig(replicas=3, branches=(("fog", "*"),))
    made = wanted_streams(settings, Subjects())
    assert {kind: stream.replicas for kind, stream in made.items()} == dict.fromkeys(
        (METRICS, EVENTS, ROLLUPS, CONTROL), 3
    )
    assert wanted_streams(AggregatorConfig(replicas=3, create_streams=False), Subjects()) == {}


async def test_the_stream_of_metrics_has_the_size_that_the_options_say(fog_nats: NatsServer) -> None:
    """On a real server."""
    async with serving(config(fog_nats, max_bytes=2**26)) as aggregator:
        sizes = {stream.name: stream.max_bytes for stream in aggregator.status.streams()}
    assert sizes["FOG_V1_METRICS"] == 2**26
    assert sizes["FOG_V1_EVENTS"] == 2**28
