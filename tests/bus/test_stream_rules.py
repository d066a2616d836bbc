"""A reader finds the right start from every state of a stream, and the right numbers in every reply subject."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.engine.stream_rules import (
    Start,
    has_reached,
    is_known,
    picker,
    retention,
    until_gap,
    where_to_start,
)
from fog_bus.nats.api import parse_stream_info, seconds
from fog_bus.nats.consumer import Delivery, parse_delivery
from fog_bus.ports import Discontinuity, Message, Position, StreamInfo

NOW = 1_000_000.0
READ = Position("monday", 50, int((NOW - 600) * 1e9))


def info(created: str = "monday", first: int = 1, last: int = 100, **others: object) -> StreamInfo:
    """Return a stream that has been filling for 1,000 s."""
    messages = last - first + 1
    values = {"bytes": 1000, "max_bytes": None, "max_age": None, "first_timestamp": NOW - 1000}
    return StreamInfo(
        created=created,
        first_seq=first,
        last_seq=last,
        messages=messages,
        now=NOW,
        **({"tail": last if messages else 0} | values | others),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("position", "stream", "start"),
    [
        (None, info(), Start(1)),
        (None, info(first=0, last=0), Start(1)),
        (None, info(first=7), Start(7)),
        (Position("monday", 0, 0), info(), Start(1)),
        (Position("monday", 0, 0), info("tuesday"), Start(1, because=Discontinuity.REPLACED)),
        (READ, info(), Start(50, known=True)),
        (READ, info(last=50), Start(50, known=True)),
        (READ, info(first=50), Start(50, known=True)),
        (READ, info(last=49), Start(1, because=Discontinuity.ROLLED_BACK)),
        (READ, info(first=1, last=0), Start(1, because=Discontinuity.ROLLED_BACK)),
        (READ, info("tuesday"), Start(1, because=Discontinuity.REPLACED)),
        (READ, info("tuesday", last=10), Start(1, because=Discontinuity.REPLACED)),
        (READ, info("tuesday", first=60), Start(60, because=Discontinuity.REPLACED)),
        (READ, info(first=51), Start(51)),
        (READ, info(first=51, last=50), Start(51)),
        (READ, info(first=52), Start(52, because=Discontinuity.TRIMMED)),
        (READ, info(first=101), Start(101, because=Discontinuity.TRIMMED)),
    ],
)
def test_where_to_start(position: Position | None, stream: StreamInfo, start: Start) -> None:
    """Another one, or one that lost its end: from the start. Trimmed: what is left. Else from the known message."""
    assert where_to_start(position, stream) == start


@given(st.integers(0, 200), st.integers(1, 200), st.integers(0, 200), st.sampled_from(["monday", "tuesday"]))
def test_no_unread_message_is_left_out(read: int, first: int, length: int, created: str) -> None:
    """Wherever the stream begins and ends: the start is never behind an unread message that is still there."""
    stream = info(created, first, first + length - 1)
    start = where_to_start(Position("monday", read, 1), stream)
    unread = first if created != "monday" or stream.last_seq < read else max(first, read + 1)
    assert start.seq <= unread
    assert start.known == (start.because is None and start.seq == read > 0)


@pytest.mark.parametrize(
    ("seq", "stream", "reached"),
    [
        (99, info(), False),  # whatever a consumer says of what is pending
        (100, info(), True),
        (100, info(last=500), True),  # it has grown since
        (0, info(first=0, last=0), True),
        (0, info(first=101, last=100), True),  # all of it is gone
        (97, info(tail=97, deletions=3), True),
        (97, info(tail=99, deletions=2), False),
        (97, info(last=200, deletions=3), False),  # what came after it is there
        (98, info(deletions=2), False),  # which they are was not asked
    ],
)
def test_when_a_reader_has_caught_up(seq: int, stream: StreamInfo, *, reached: bool) -> None:
    """At the sequence that the leader told, 100 here, or where the end of the stream is gone."""
    assert has_reached(100, seq, stream) is reached


def test_a_message_is_known_by_its_time() -> None:
    """The same sequence with another time is another message: an older store grew past us."""
    known = Message("s.a", b"x", 50, READ.timestamp_ns)
    assert is_known(known, READ)
    assert not is_known(known._replace(timestamp_ns=READ.timestamp_ns + 1), READ)
    assert not is_known(known._replace(seq=51), READ)
    assert not is_known(known, None)


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.S.fog-1.1.123.45.1795499393503072199.6",
        "$JS.ACK.hub.AHASH.S.fog-1.1.123.45.1795499393503072199.6",
        "$JS.ACK.hub.AHASH.S.fog-1.1.123.45.1795499393503072199.6.random",
    ],
)
def test_what_a_delivery_says(reply: str) -> None:
    """Sequences, time and pending count, in the form of old servers, with a domain, and with a random token behind."""
    assert parse_delivery(reply) == Delivery(123, 45, 1795499393503072199, 6)


@pytest.mark.parametrize("reply", ["", "a.b", "$JS.ACK.S.c.1.x.2.3.4", "$JS.ACK.S.c.1.1.2.3.4.5", ".".join("a" * 13)])
def test_what_is_no_delivery(reply: str) -> None:
    """Anything else is an error, not a guess."""
    with pytest.raises(ValueError, match=r"not the reply|invalid literal"):
        parse_delivery(reply)


def test_times_of_the_server() -> None:
    """RFC 3339 with as many digits as the server likes."""
    assert seconds("1970-01-01T00:01:00Z") == 60.0
    assert seconds("1970-01-01T00:01:00.123456789Z") == pytest.approx(60.123456)
    assert seconds("1970-01-01T02:01:00.5+02:00") == 60.5
    assert seconds("0001-01-01T00:00:00Z") < 0  # of a stream that never held a message


def test_filters() -> None:
    """A place and all under it, and nothing whose name only begins alike; none lets everything pass."""
    subjects = ["s", "s.0", "s.0.3", "s.0.3.1", "s.0.3.1.2", "s.0.30", "s.1.0.3"]
    messages = [Message(subject, b"", seq, 0) for seq, subject in enumerate(subjects, 1)]

    def picked(*filters: str) -> list[str]:
        return [message.subject for message in picker(filters)(messages)]

    assert picked("s.0.3", "s.0.3.>") == ["s.0.3", "s.0.3.1", "s.0.3.1.2"]
    assert picked("s.0.3") == ["s.0.3"]
    assert picked("s.>") == subjects[1:]
    assert picked() == subjects
    for wild in ("s.*", ">", "s.>.a"):
        with pytest.raises(ValueError, match="filters may be subjects"):
            picker([wild])


def test_how_long_a_message_is_kept() -> None:
    """By age; by size at the rate at which the stream was filled; the shorter of both; for ever without limits."""
    assert retention(info()) is None
    assert retention(info(max_age=5000.0)) == 5000
    assert retention(info(max_bytes=2000)) == 2000  # half full after 1,000 s
    assert retention(info(max_bytes=2000, max_age=1500.0)) == 1500
    assert retention(info(first=1, last=0, max_bytes=2000, bytes=0)) is None


def test_time_until_a_gap() -> None:
    """The time left for a reader that stopped at its position 600 s ago; all of it at the stream's end."""
    assert until_gap(READ, info()) is None
    assert until_gap(READ, info(max_age=5000.0)) == 4400
    assert until_gap(READ, info(max_age=500.0)) == 0
    assert until_gap(READ, info(max_age=5000.0, last=50)) == 5000
    assert until_gap(None, info(max_age=5000.0)) == 4000  # everything is unread, the oldest for 1,000 s
    assert until_gap(Position("monday", 0, 0), info(max_age=5000.0)) == 4000


@pytest.mark.parametrize(
    ("span", "size", "max_age", "retained"),
    [
        (59, 500, None, None),
        (59, 500, 5000.0, None),  # by age alone it would be longer than by size
        (60, 500, None, 120),
        (59, 950, None, pytest.approx(59 / 0.95)),  # nearly full: it shows how long it lasts
        (9, 500, 20.0, None),
        (10, 500, 20.0, 20),  # it never holds messages of a minute
        (59, 0, 5000.0, 5000),  # empty
    ],
)
def test_nothing_is_told_of_a_rate_that_nobody_knows(
    span: float, size: int, max_age: float | None, retained: float | None
) -> None:
    """A fleet begins with keyframes of everybody: by the first seconds the stream would last for minutes."""
    young = info(first_timestamp=NOW - span, bytes=size, max_bytes=1000, max_age=max_age)
    assert retention(young) == retained
    at_the_end = Position("monday", 100, int(NOW * 1e9))
    assert until_gap(at_the_end, young) == retained


def test_an_answer_of_the_server_is_read() -> None:
    """Limits that are none become None; the rest comes over as it is."""
    answer: dict[str, Any] = {
        "config": {"max_bytes": -1, "max_age": 0},
        "created": "2026-11-24T05:49:53.5Z",
        "state": {"messages": 5, "bytes": 500, "first_seq": 3, "last_seq": 7, "first_ts": "1970-01-01T00:00:09Z"},
        "ts": "1970-01-01T00:01:00Z",
    }
    parsed = parse_stream_info(answer)
    assert (parsed.first_seq, parsed.last_seq, parsed.messages, parsed.bytes) == (3, 7, 5, 500)
    assert (parsed.max_bytes, parsed.max_age, parsed.first_timestamp, parsed.now) == (None, None, 9, 60)
    assert (parsed.deletions, parsed.tail) == (0, 7)
    state = answer["state"] | {"num_deleted": 2, "deleted": [4, 7]}
    assert parse_stream_info(answer | {"state": state}).tail == 6
    limited = parse_stream_info(answer | {"config": {"max_bytes": 9, "max_age": 10**9}})
    assert (limited.max_bytes, limited.max_age) == (9, 1)
