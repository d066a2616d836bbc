"""A stream that is too small for its rate is told once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.report import StreamRoom
from fog_bus.ports import StreamInfo

BUSY = StreamInfo(
    created="",
    first_seq=1,
    last_seq=1000,
    messages=1000,
    bytes=500_000,
    first_timestamp=1000.0,
    max_bytes=1_000_000,
    max_age=3 * 86400.0,
    now=1600.0,
    tail=1000,
)
"""Half full after ten minutes: it lasts for twenty."""


def room_of(infos: dict[str, StreamInfo | None]) -> StreamRoom:
    """Return a look at streams that the server describes so."""
    cursors = {name: SimpleNamespace(info=info) for name, info in infos.items()}
    return StreamRoom(cast("Engine", SimpleNamespace(cursors=cursors)))


def test_a_stream_that_lasts_for_minutes_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """With its name, how long, and what makes it larger."""
    room = room_of({"FOG_METRICS": BUSY, "FOG_EVENTS": None})
    for _ in range(2):
        room.look()
    assert caplog.text.count("FOG_METRICS keeps its messages for 20 min") == 1
    assert "--max-bytes" in caplog.text


@pytest.mark.parametrize(
    "info",
    [
        replace(BUSY, bytes=100_000),  # a hundred minutes
        replace(BUSY, max_bytes=None),
        replace(BUSY, messages=0, bytes=0),
        replace(BUSY, now=1059.0, bytes=999_000),  # a burst whose rate nobody knows
    ],
)
def test_others_are_not(info: StreamInfo, caplog: pytest.LogCaptureFixture) -> None:
    """An hour or more, no limit, nothing in it, or too young."""
    room_of({"FOG_METRICS": info}).look()
    assert not caplog.text
