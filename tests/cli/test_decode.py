"""`fog decode` of rollups: what a subtree's aggregator says of it, for a person."""

from __future__ import annotations

import asyncio
from math import nan
from pathlib import Path

import msgpack
import pytest
from nats.aio.msg import Msg

from fog_bus.nats.connection import Connection
from fog_bus.nats.options import NatsOptions
from fog_cli.actions.frame_text import FrameText
from fog_schema.codec import decode_request, encode
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.commands import SILENCE, Command, encode_command
from fog_schema.frames import DELTA, Frame, Lasts, Request, ValueCounts
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.processes import fog, run
from tests.schema.annotated import parse_hex

VALID = Path(__file__).parents[2] / "schema" / "vectors" / "valid"
KEYFRAME, CHANGED = (parse_hex((VALID / f"rollup_{kind}.hex").read_text("utf-8")) for kind in ("keyframe", "delta"))


def test_a_rollup_for_a_person() -> None:
    """Merged gauges say of how many nodes, and what else is known of them; the frame, what it stands on."""
    text = FrameText()
    assert list(text.lines(KEYFRAME))[1:] == [
        "  info role=aggregator",
        "  stands on 300 live, 2 stale, 1 departed, oldest frame 14.5s ago",
        '  counter #0 requests_total{method="GET"} = 70000',
        '  counter #1 requests_total{method="PUT"} = 12',
        "  histogram #2 request_duration_seconds = 342, sum = 61.5 ≤0.1:300 ≤1:40 ≤Inf:2",
        '  gauge #3 inlet_celsius{side="left"} of 3 nodes: sum = 40.25, min = -4, max = 31.5',
        "  gauge #4 release of 300 nodes: sum = 700, min = 2, max = 3",
        '  gauge #3 inlet_celsius{side="left"} last = 12.75, heard 2023-11-14T22:13:20.250Z',
        "  gauge #4 release is 2 on 200 nodes, 3 on 100 nodes",
    ]
    assert list(text.lines(CHANGED))[1:] == [
        "  stands on 301 live, 2 departed, oldest frame 9.8s ago",
        '  counter #0 requests_total{method="GET"} +250',
        "  gauge #4 release of 301 nodes: sum = 703, min = 2, max = 3",
        "  gauge #4 release is 2 on 200 nodes, 3 on 101 nodes",
        '  removed #3 inlet_celsius{side="left"}',
    ]


def test_a_command_for_a_person() -> None:
    """Its lines, also those of a later revision."""
    silence = Command(
        SILENCE, "7a", "jo", "new rack", ((2, "site", "zü.*"), (1, "severity", "page")), duration=7_200_000
    )
    assert list(FrameText().lines(encode_command(silence))) == [
        "command silence 7a",
        '  matches site=~"zü.*"',
        '  matches severity!="page"',
        "  from when it is stored for 2h",
        "  author jo",
        "  comment new rack",
    ]
    later = msgpack.packb(("fog", 1, 5, 1, {2: "jo", 9: 1}, "later"))
    assert list(FrameText().lines(later)) == ["command forget", "  author jo", "  2 unknown fields"]


@pytest.mark.parametrize("time", [nan, -1.0, 1e300, float("inf")])
def test_what_cannot_be_is_shown_as_it_is(time: float) -> None:
    """A time that no calendar has, an id without values: the frame is one, so it is printed."""
    one = pack_ids([7])
    frame = Frame(DELTA, 1, 1, lasts=Lasts(one, pack_ints([5]), pack_floats([time])))
    frame.value_counts = ValueCounts(one, pack_ints([0]), pack_ints([]), pack_ints([]))
    assert list(FrameText().lines(encode(frame)))[1:] == [
        f"  gauge #7 last = 5, heard at {time!r}",
        "  gauge #7 is nothing",
    ]


async def test_decode_follows_a_rollup(fog_nats: NatsServer) -> None:
    """It asks the writer that it has heard, by its epoch: asked without one, every node under the path would answer."""
    heard: list[Request] = []
    connection = Connection(NatsOptions.parse(fog_nats.url))
    async with connection:
        assert await connection.connected(10)
        client = connection.client
        assert client is not None

        async def answer(message: Msg) -> None:
            heard.append(decode_request(message.data))
            await client.publish("fog.v1.rollups.fog.0", KEYFRAME)

        async def is_asked() -> bool:
            await client.publish("fog.v1.rollups.fog.0", CHANGED)
            return bool(heard)

        await client.subscribe("fog.v1.resync.fog.0", cb=answer)
        with fog("decode", "--path", "fog/0", "--rollups", "--nats", fog_nats.url) as decode:
            await eventually(is_asked, deadline=30)
            assert decode.stdout is not None
            lines = iter(decode.stdout)
            first = await asyncio.to_thread(next, lines)
            assert first.startswith("fog.v1.rollups.fog.0: delta, 2, epoch 0123456789abcdef, ")
            await asyncio.to_thread(lambda: next(line for line in lines if "gauge #3 inlet_celsius" in line))
            decode.terminate()
            await asyncio.to_thread(decode.communicate, timeout=60)
            assert decode.returncode == 0
    assert heard == [Request(0x0123456789ABCDEF)]


def test_whose_rollups() -> None:
    """Without a path it says what is missing, on one line."""
    done = run("decode", "--rollups")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fog decode: say whose rollups to print: --rollups goes with --path fog/0\n"
