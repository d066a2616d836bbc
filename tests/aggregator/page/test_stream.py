"""A follower of the stream hears all that changes in its part of the tree, once, and learns what it has missed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice
from typing import Any

import aiohttp
import pytest

from fog_aggregator.components.http.page import feed as feeding
from fog_aggregator.components.http.page import stream as streaming
from fog_aggregator.components.http.page.messages import MOST_AT_ONCE, Skipped
from fog_aggregator.components.http.page.ring import Ring
from fog_aggregator.promql.labels import Labels
from tests.aggregator.api.asking import asking
from tests.aggregator.api.test_rules import GROUP
from tests.aggregator.serving import Served, sample_fleet, serving
from tests.promql.asking import load

DEADLINE = 60.0


@dataclass
class Told:
    """One message of a stream."""

    id: str
    kind: str
    data: Any


class Stream:
    """An open stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, kind: str = "") -> Told:
        """Return the next message, or the next one of a kind."""
        async with asyncio.timeout(DEADLINE):
            while True:
                fields: dict[str, str] = {}
                while (line := (await self.response.content.readline()).decode()) not in {"\n", ""}:
                    name, _, value = line.rstrip("\n").partition(": ")
                    fields[name] = value
                if "event" in fields and kind in {"", fields["event"]}:
                    return Told(fields["id"], fields["event"], json.loads(fields["data"]))
                if not line:
                    raise EOFError


@contextlib.asynccontextmanager
async def following(url: str, query: str = "", last: str = "") -> AsyncIterator[Stream]:
    """Open a stream for as long as the body runs."""
    headers = {"Last-Event-ID": last} if last else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/stream{query}", headers=headers) as response,
    ):
        assert response.status == 200, await response.text()
        yield Stream(response)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "BEAT", 0.02)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Serve a small fleet."""
    async with serving(sample_fleet()) as found:
        yield found


async def test_a_follower_hears_what_changes(served: Served) -> None:
    """The state of the service first; then nodes that fall silent, come and go, and events; nothing twice."""
    fleet = served.fleet
    async with following(served.url) as stream:
        first = await stream.next()
        assert (first.kind, first.data["ready"], first.data["coverage"]["nodes"]["live"]) == ("status", True, 7)
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        assert "Content-Encoding" not in stream.response.headers, "a compressor would hold messages back"
        fleet.now += 45
        silent = await stream.next("states")
        assert silent.data == {"nodes": dict.fromkeys(map("/".join, _paths(served)), "stale"), "ask": False}
        fleet.join("fog/new")
        for member in fleet.members[1:]:
            member.send()
        live = await stream.next("states")
        found = live.data["nodes"]
        while len(found) < len(fleet.members) - 1:  # a look may have come in between
            found |= (await stream.next("states")).data["nodes"]
        assert found == {"/".join(member.path): "live" for member in fleet.members[1:]}
        fleet.event("fog/1", "deployed")
        event = await stream.next("event")
        assert (event.data["path"], event.data["name"]) == ("fog/1", "deployed")


def _paths(served: Served) -> list[Any]:
    return served.fleet.network.paths()


async def test_a_follower_of_a_part_hears_of_that_part(served: Served) -> None:
    """Of all kinds."""
    async with following(served.url, "?path=fog/0") as stream:
        first = await stream.next("status")
        assert (first.data["path"], first.data["coverage"]["count"]) == ("fog/0", 3)
        served.fleet.event("fog/1", "elsewhere")
        served.fleet.event("fog/0/1", "here", seq=2)
        assert (await stream.next("event")).data["name"] == "here"
        served.fleet.now += 45
        assert set((await stream.next("states")).data["nodes"]) == {"fog/0", "fog/0/1", "fog/0/2"}


async def test_who_comes_back_goes_on(served: Served) -> None:
    """After the last message that it had: what was in between is told, and nothing else again."""
    async with following(served.url) as stream:
        await stream.next("status")
        served.fleet.event("fog/1", "first")
        last = (await stream.next("event")).id
        async with following(served.url) as other:  # while this one sees to it that events are seen
            await other.next("status")
            stream.response.close()
            served.fleet.event("fog/1", "second", seq=2)
            await other.next("event")
    async with following(served.url, last=last) as stream:
        assert (await stream.next("event")).data["name"] == "second"


@pytest.mark.parametrize("last", ["00000000-1", "nonsense", "{name}-999"])
async def test_who_was_away_for_too_long_is_told_so(served: Served, last: str) -> None:
    """With an id of another run, of none, or of later: there is a gap, and it goes on with what is now."""
    async with following(served.url) as stream:
        name = (await stream.next()).id.partition("-")[0]
    async with following(served.url, last=last.format(name=name)) as stream:
        assert (await stream.next()).kind == "gap"
        assert (await stream.next()).kind == "status"


async def test_who_comes_back_after_the_ring_has_turned_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id is one of this run, and what came after it is in part no longer there: a gap, and then what is new."""
    monkeypatch.setattr(feeding, "Ring", partial(Ring, most=3))
    async with serving(sample_fleet()) as served, following(served.url) as other:
        last = (await other.next("status")).id
        for number in range(5):
            served.fleet.event("fog/1", f"event {number}", seq=number + 1)
            await other.next("event")
        async with following(served.url, last=last) as stream:
            assert (await stream.next()).kind == "gap"
            assert (await stream.next()).kind == "status"
            served.fleet.event("fog/1", "new", seq=9)
            assert (await stream.next("event")).data["name"] == "new"


def test_a_ring_is_bounded() -> None:
    """In messages and bytes; it knows from which numbers on it has everything."""
    ring = Ring(most=3, most_bytes=1_000)
    assert ring.reaches(0)
    for _ in range(5):
        ring.add(Skipped("event"))
    assert [one.number for one in ring.after(0)] == [3, 4, 5]
    assert [ring.reaches(number) for number in (1, 2, 4, 5, 6)] == [False, True, True, True, False]
    assert [one.number for one in ring.after(4)] == [5]
    assert ring.after(3, most=1)[0].number == 4
    narrow = Ring(most_bytes=250)
    for _ in range(5):
        narrow.add(Skipped("event"))
    assert (len(narrow.after(0)), narrow.bytes) == (2, 200)
    narrow.clear()
    assert (narrow.after(0), narrow.reaches(5), narrow.reaches(6)) == ([], False, True)


async def test_very_much_at_once_is_a_mark(served: Served) -> None:
    """Of more events than a message has, the newest, after a mark; of more nodes, the advice to ask for the tree."""
    async with following(served.url) as stream:
        await stream.next("status")
        for number in range(MOST_AT_ONCE * 3):
            served.fleet.event("fog/1", f"event {number}", seq=number + 1)
        assert (await stream.next("skipped")).data == {"kind": "event"}
        names = [(await stream.next("event")).data["name"] for _ in range(MOST_AT_ONCE)]
        assert names[-1] == f"event {MOST_AT_ONCE * 3 - 1}"


async def test_who_does_not_read_is_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, and it is counted; what it was to be sent is nowhere kept for it."""
    monkeypatch.setattr(streaming, "PATIENCE", 0.3)
    limit = 1 << 16
    reader, writer = await asyncio.open_connection(*served.server.address, limit=limit)
    writer.write(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(DEADLINE):
        assert b"200" in await reader.readline()
        numbers = count(1)
        while not (cut_off := _cut_off(served)):
            for number in islice(numbers, 50):
                served.fleet.event("fog/1", "large", ["x" * 1000] * 15, seq=number)
            await asyncio.sleep(0.02)
        assert cut_off == 1
    writer.close()
    async with following(served.url) as stream:
        assert (await stream.next()).kind == "status"


def _cut_off(served: Served) -> float:
    return float(served.fleet.samples("fog_aggregator_followers_cut_off_total")[("reason", "slow"),])


async def test_so_many_follow_and_no_more(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is answered 503; when one goes there is room."""
    monkeypatch.setattr(feeding, "MOST_FOLLOWERS", 1)
    async with following(served.url) as stream:
        await stream.next()
        refused = await served.ask("/api/stream")
        assert (refused.status, "as many clients follow as may" in refused.text) == (503, True)
        assert (await served.ask("/api/stream", "HEAD")).status == 200


async def test_a_stream_ends_with_the_server() -> None:
    """At once: a stop does not wait for it."""
    async with serving(sample_fleet()) as served, following(served.url) as stream:
        await stream.next()
        await served.server.stop()
        with pytest.raises((EOFError, aiohttp.ClientError)):
            await stream.next("nothing")


async def test_a_stream_ends_after_a_while(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a login that was taken away ends; the client comes again by itself."""
    monkeypatch.setattr(streaming, "LONGEST", 0.1)
    async with following(served.url) as stream:
        with pytest.raises(EOFError):
            await stream.next("nothing")


async def test_alerts_are_told_when_they_change() -> None:
    """When they begin, fire and are over."""
    async with asking(load("x 1")) as asked:
        asked.rules.groups = ()
        async with following(asked.url) as stream:
            await stream.next("status")
            asked.rules.groups = (GROUP,)
            begun = await stream.next("alert")
            assert begun.data["state"] in {"pending", "firing"}
            alerts = [alert for rule in GROUP.rules for alert in rule.alerts]
            assert begun.data["alert"] == dict(alerts[0].labels)["alertname"]
            asked.rules.groups = (replace(GROUP, rules=()),)
            assert "resolved" in {(await stream.next("alert")).data["state"] for _ in alerts}


async def test_a_silence_is_told_by_its_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that fires is told of when a silence begins, and when the last one has ended."""
    ends = [0.0]

    async def silenced_until(alerts: Sequence[Labels]) -> list[float]:
        return ends * len(alerts)

    async with asking(load("x 1")) as asked:
        monkeypatch.setattr(asked.status, "silenced_until", silenced_until)
        asked.rules.groups = (GROUP,)
        alerts = [alert for rule in GROUP.rules for alert in rule.alerts]
        assert {alert.state for alert in alerts} == {"firing"}
        async with following(asked.url) as stream:
            await stream.next("status")
            for ends[0], told in ((9_000.0, "silenced"), (0.0, "firing")):
                assert {(await stream.next("alert")).data["state"] for _ in alerts} == {told}
