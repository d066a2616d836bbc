"""A stream that is too small for its rate is told once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.following.scope import CONTROL, EVENTS, METRICS, ROLLUPS
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


def room_of(infos: dict[str, StreamInfo | None], kind: str = METRICS) -> StreamRoom:
    """Return a look at streams of a kind that the server describes so."""
    cursors = {name: SimpleNamespace(info=info) for name, info in infos.items()}
    streams = SimpleNamespace(kind=lambda _: kind)
    return StreamRoom(cast("Engine", SimpleNamespace(cursors=cursors, streams=streams)))


@pytest.mark.parametrize(
    ("kind", "option"), [(METRICS, "--max-bytes"), (EVENTS, "--max-event-bytes"), (ROLLUPS, "--max-rollup-bytes")]
)
def test_a_stream_that_lasts_for_minutes_is_told_once(kind: str, option: str, caplog: pytest.LogCaptureFixture) -> None:
    """With its name, how long, and what makes it larger."""
    room = room_of({"FOG_METRICS": BUSY, "FOG_EVENTS": None}, kind)
    for _ in range(2):
        room.look()
    assert caplog.text.count("FOG_METRICS keeps its messages for 20 min") == 1
    assert f"`fog streams apply {option} SIZE --update`" in caplog.text


def test_a_stream_that_was_full_at_once_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """It lasts for less than a minute, whatever its rate is from now on."""
    room_of({"FOG_METRICS": replace(BUSY, now=1045.0, bytes=999_000)}).look()
    assert "FOG_METRICS keeps its messages for 45 s" in caplog.text


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        (replace(BUSY, bytes=100_000), METRICS),  # a hundred minutes
        (replace(BUSY, max_bytes=None), METRICS),
        (replace(BUSY, messages=0, bytes=0, max_age=60.0), METRICS),
        (replace(BUSY, now=1059.0, bytes=800_000), METRICS),  # a burst whose rate nobody knows
        (BUSY, CONTROL),  # full, it refuses commands, and says so
    ],
)
def test_others_are_not(info: StreamInfo, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """An hour or more, no limit, nothing in it, too young, or commands."""
    room_of({"FOG_METRICS": info}, kind).look()
    assert not caplog.text
