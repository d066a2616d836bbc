"""Many deliveries that are read at once are what they are when each is read alone, wherever the bytes are cut."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from fog_bus.nats.arrivals import Arrivals, Deliveries, DeliveryRun
from fog_bus.nats.client import Client
from fog_bus.nats.consumer import PullConsumer
from fog_bus.ports import Message

BEGINNING = b"$JS.ACK.S.reader.1."
SUBJECTS = (b"fog.v1.metrics.fog.0.1", b"a\x0cb", b"a\xffb", b"a\xe2\x82", b"a\rb", b"a\nb", "ä".encode())
DATAS = (b"", b"x" * 384, b"\r\n", b"MSG a 7 $JS.ACK.S.reader.1.9.9.9.0 3\r\nabc\r\n", b"\xff" * 3, b"y" * 2_000)


def message(subject: bytes, sid: bytes, reply: bytes, data: bytes, headers: bytes = b"") -> bytes:
    """Return a message as a server writes it."""
    parts = [subject, sid, *([reply] if reply else [])]
    if headers:
        parts += [b"%d" % len(headers)]
    head = b" ".join([b"HMSG" if headers else b"MSG", *parts, b"%d" % (len(headers) + len(data))])
    return head + b"\r\n" + headers + data + b"\r\n"


def delivery(number: int, subject: bytes = SUBJECTS[0], data: bytes = b"x", beginning: bytes = BEGINNING) -> bytes:
    """Return what the server delivers to the consumer as its message of a number."""
    return message(subject, b"7", beginning + b"%d.%d.1795415689000000001.3" % (number + 100, number), data)


HEADERS = b"NATS/1.0 100 Idle Heartbeat\r\n\r\n"
OTHERS = (
    message(b"inbox", b"7", b"", b"", HEADERS),
    message(b"other", b"8", b"", b"z" * 40),
    message(b"other", b"77", BEGINNING + b"1.1.1.1", b"z"),
    message(b"stranger", b"7", b"", b"z"),
    message(b"stranger", b"7", BEGINNING + b"1.one.1.1", b"z"),
    message(b"stranger", b"7", b"$JS.ACK.S.other.1.1.1.1.1", b"z"),
    message(b"domain", b"7", b"$JS.ACK.d.h.S.reader.1.5.5.1.0.x", b"z"),
    message(b"far", b"7", BEGINNING + b"99999999999999999999999.1.1.1", b"z"),
    b"PING\r\n",
    b"PONG\r\n",
    b"+OK\r\n",
    b"-ERR 'Permissions Violation for Publish to \"x\"'\r\n",
)


class Connection:
    """A connection whose server says what a test has it say."""

    def __init__(self, *, at_once: bool) -> None:
        self.client = Client()
        self.heard: list[Any] = []
        self.arrivals = Arrivals(BEGINNING, lambda: None)
        for name in ("ping", "pong", "err", "msg"):
            setattr(self.client, f"_process_{name}", self._hearing(name))
        assert self.client.deliver(type("Subscription", (), {"_id": 7})(), self.arrivals)
        if not at_once:
            self.arrivals.deliveries = None

    def _hearing(self, name: str) -> Any:
        async def heard(*given: Any) -> None:
            self.heard.append((name, *given))

        return heard

    async def read(self, pieces: list[bytes], *, offered: bool = False) -> None:
        """Let bytes arrive piece by piece; nats-py's task has what is left where they are offered as they come."""
        parser = self.client._ps  # noqa: SLF001 - nats-py's loop does
        for piece in pieces:
            if rest := parser.take(piece) if offered else piece:
                await parser.parse(rest)

    @property
    def arrived(self) -> list[Any]:
        """All that has arrived, each alone."""
        found: list[Any] = []
        for one in self.arrivals.messages:
            if isinstance(one, DeliveryRun):
                for each, number in zip(one.messages, one.consumer_seqs, strict=True):
                    reply = BEGINNING + b"%d.%d.%d.3" % (each.seq, number, each.timestamp_ns)
                    found.append((each.subject, reply, each.data, None))
            else:
                found.append(one)
        return found


def cut_at(words: list[bytes], cuts: list[int]) -> list[bytes]:
    """Return what was said in the pieces that a socket may give."""
    said = b"".join(words)
    edges = sorted({0, len(said), *(cut for cut in cuts if cut < len(said))})
    return [said[begin:end] for begin, end in pairwise(edges)]


WORDS = st.lists(
    st.one_of(
        st.builds(delivery, st.integers(1, 10**6), st.sampled_from(SUBJECTS), st.sampled_from(DATAS)),
        st.sampled_from(OTHERS),
    ),
    max_size=12,
)


@given(WORDS, st.lists(st.integers(0, 6_000), max_size=8))
@example([delivery(1), delivery(2, data=DATAS[3]), OTHERS[-1], delivery(3), OTHERS[0]], [1, 60, 62, 64, 65, 66, 130])
def test_runs_are_what_each_message_is(words: list[bytes], cuts: list[int]) -> None:
    """Other subscriptions, strangers, errors and what the protocol knows besides may stand in between."""
    pieces = cut_at(words, cuts)

    async def both() -> tuple[Connection, Connection]:
        alone, together = Connection(at_once=False), Connection(at_once=True)
        await alone.read(pieces)
        await together.read(pieces)
        return alone, together

    alone, together = asyncio.run(both())
    assert together.arrived == alone.arrived
    assert together.heard == alone.heard
    assert together.client._ps.buf == alone.client._ps.buf == b""  # noqa: SLF001 - what was not understood yet


@given(WORDS, st.lists(st.integers(0, 6_000), max_size=8))
@example([delivery(1), OTHERS[0], delivery(2), OTHERS[8], delivery(3)], [60, 200])
def test_what_is_offered_as_it_comes_is_the_same(words: list[bytes], cuts: list[int]) -> None:
    """Deliveries overtake nothing, and nothing overtakes them."""
    pieces = cut_at(words, cuts)

    async def both() -> tuple[Connection, Connection]:
        later, at_once = Connection(at_once=True), Connection(at_once=True)
        await later.read(pieces)
        await at_once.read(pieces, offered=True)
        return later, at_once

    later, at_once = asyncio.run(both())
    assert at_once.arrived == later.arrived
    assert at_once.heard == later.heard
    assert at_once.client._ps.buf == later.client._ps.buf == b""  # noqa: SLF001 - as above


def test_deliveries_are_taken_as_they_come() -> None:
    """They wait for no turn of nats-py's task, up to the first thing that is none."""
    connection = Connection(at_once=True)
    rest = connection.client._ps.take(delivery(1) + delivery(2) + OTHERS[8] + delivery(3))  # noqa: SLF001 - as above
    assert rest == OTHERS[8] + delivery(3)
    assert [data for _, _, data, _ in connection.arrived] == [b"x", b"x"]


def test_a_run_ends_before_what_is_not_complete() -> None:
    """In its line, its data, or before the end of both."""
    deliveries, whole = Deliveries(b"7", BEGINNING), delivery(1) + delivery(2)
    for cut in range(len(delivery(1)), len(whole)):
        at, run = deliveries.read(whole[:cut], 0)
        assert (at, run) == (
            len(delivery(1)),
            DeliveryRun([Message(SUBJECTS[0].decode(), b"x", 101, 1795415689000000001)], [1], 3),
        )
    assert deliveries.read(whole, 0)[0] == len(whole)
    assert deliveries.read(OTHERS[0], 0) == (0, None)


@pytest.mark.parametrize(
    "line",
    [b"MSG a 7\r\n", b"MSG a 7 x y\r\n", b"HMSG a 7 x 1\r\n", b"MSG a 7 -11\r\n", b"HMSG a 7 3 2\r\n", b"NONE\r\n"],
)
async def test_lines_that_are_no_protocol_end_the_connection(line: bytes) -> None:
    """All that came before them has arrived."""
    connection = Connection(at_once=True)
    with pytest.raises(ProtocolError):
        await connection.read([delivery(1) + line])
    assert len(connection.arrived) == 1


async def test_a_message_of_a_mebibyte_arrives_in_pieces() -> None:
    """It is looked at when it begins and when it is there, whatever the size of the pieces."""
    connection, said = Connection(at_once=True), delivery(1) + delivery(2, data=b"\r\n" * 524_288) + delivery(3)
    await connection.read([said[at : at + 32_768] for at in range(0, len(said), 32_768)])
    assert [len(data) for _, _, data, _ in connection.arrived] == [1, 1_048_576, 1]
    assert len(connection.arrivals.messages) == 2, "the second run begins with it"


@pytest.mark.parametrize("numbers", [[1, 2, 4, 5], [2, 3], [1, 1, 2], [1, 3, 2]])
async def test_a_number_that_is_missing_in_a_run_is_a_hole(numbers: list[int]) -> None:
    """The messages before it count, none after it."""
    consumer = PullConsumer.__new__(PullConsumer)
    consumer._received, consumer._asked, consumer._end, consumer.pending = 0, 10, None, 0  # noqa: SLF001
    at, run = Deliveries(b"7", BEGINNING).read(b"".join(map(delivery, numbers)), 0)
    assert at
    assert run is not None
    messages = consumer._sort([run])  # noqa: SLF001 - a server leaves none out
    good = 0
    while numbers[good] == good + 1:
        good += 1
    assert [one.seq for one in messages] == [101 + one for one in range(good)]
    assert (consumer._received, consumer._asked) == (good, 10 - good)  # noqa: SLF001
    assert str(consumer._end).endswith(f"delivery {good + 1} is missing")  # noqa: SLF001
