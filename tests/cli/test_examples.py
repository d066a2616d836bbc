"""The examples do what they say: what they count is in the stream, in a final frame."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
from pathlib import Path

import pytest

from fog_schema.codec import decode_definitions
from fog_schema.frames import FINAL
from fog_testing.nats_server import NatsServer
from tests.cli.bus import last_frame, with_streams

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "place", "amount", "family"),
    [
        ("attach_agent", "async", 3, "example_jobs_total"),
        ("attach_background_agent", "sync", 3, "example_job_duration_seconds"),
        ("host_metrics", "host", 0.3, "node_cpu_seconds_total"),
    ],
)
def test_agent_examples(fog_nats: NatsServer, name: str, place: str, amount: float, family: str) -> None:
    """Each is run with a little less to do."""
    url = with_streams(fog_nats.url)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    ran = example.main(url, amount)
    if inspect.iscoroutine(ran):
        asyncio.run(ran)
    frame = asyncio.run(last_frame(url, ("fog", "examples", place)))
    assert frame.flags & FINAL
    assert family in {definition.name for definition in decode_definitions(frame.definitions)}
