"""Events on the wire."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given

from fog_schema.errors import FrameError
from fog_schema.events import is_plain, pack_event, unpack_event
from fog_schema.frames import Event
from fog_schema.limits import MAX_EVENT_BYTES, MAX_EVENT_DEPTH, MAX_TIMESTAMP
from tests import strategies


@given(strategies.events())
def test_events_survive(event: Event) -> None:
    """pack_event and unpack_event are inverse."""
    assert unpack_event(pack_event(event)) == event


def nested(depth: int) -> Any:
    """Return a value of that many lists in each other."""
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (["", None, {}, {}, 1.0], "event"),
        (["n" * 257, None, {}, {}, 1.0], "event"),
        ([b"name", None, {}, {}, 1.0], "event"),
        (["name", b"bytes", {}, {}, 1.0], "event"),
        (["name", msgpack.ExtType(5, b""), {}, {}, 1.0], "event"),
        (["name", {1: "key"}, {}, {}, 1.0], "event"),
        (["name", {b"key": 1}, {}, {}, 1.0], "event"),
        (["name", nested(MAX_EVENT_DEPTH + 1), {}, {}, 1.0], "event"),
        (["name", [0] * 257, {}, {}, 1.0], "event"),
        (["name", None, {"label": 1}, {}, 1.0], "event"),
        (["name", None, {str(number): "" for number in range(33)}, {}, 1.0], "event"),
        (["name", None, [], {}, 1.0], "event"),
        (["name", None, {}, None, 1.0], "event"),
        (["name", None, {}, {"key": nested(MAX_EVENT_DEPTH + 1)}, 1.0], "event"),
        (["name", None, {}, {}, 1], "event"),
        (["name", None, {}, {}, float("nan")], "event"),
        (["name", None, {}, {}, -1.0], "event"),
        (["name", None, {}, {}, MAX_TIMESTAMP + 1.0], "event"),
        (["name", None, {}, {}], "event"),
        (["name", "v" * MAX_EVENT_BYTES, {}, {}, 1.0], "limit"),
    ],
)
def test_refusals_name_their_reason(fields: list[Any], reason: str) -> None:
    """Values that JSON or a calendar cannot show, and data over a limit, are refused."""
    with pytest.raises(FrameError) as refused:
        unpack_event(msgpack.packb(fields))
    assert refused.value.reason == reason


def test_the_deepest_value_is_not_refused() -> None:
    """MAX_EVENT_DEPTH lists in each other, as a value and in metadata."""
    event = Event("name", nested(MAX_EVENT_DEPTH), {}, {"key": nested(MAX_EVENT_DEPTH)}, 0.0)
    assert unpack_event(pack_event(event)) == event


def test_plain_is_what_json_has() -> None:
    """Tuples, sets and bytes are not."""
    assert is_plain({"a": [None, True, 1, 1.5, "x"]}, 2)
    for value in ((), set(), b"", {1: 1}, object()):
        assert not is_plain(value, 2)
