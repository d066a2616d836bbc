"""Hostile and heavy questions over HTTP: each is refused, ended or bounded, and others are answered meanwhile."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from fog_aggregator.components.http.prometheus.metrics import RESULTS
from fog_aggregator.components.http.prometheus.parameters import LARGEST_FORM, MOST_FIELDS, MOST_SELECTORS
from fog_aggregator.components.http.prometheus.queries import Budget
from fog_aggregator.promql import MemoryStorage, Selection, UnavailableError
from fog_aggregator.promql.labels import Labels, Matcher, make_labels
from fog_testing.waiting import eventually
from tests.aggregator.api.asking import Asked, asking
from tests.promql.asking import load, repeat

SAMPLES = load(*[f'x_total{{a="{number}"}} {repeat(60)}' for number in range(50)])


class Gate(MemoryStorage):
    """A storage whose answers wait until a test lets them pass; it knows how many wait."""

    def __init__(self) -> None:
        super().__init__({make_labels({"__name__": "x"}): (np.arange(2) * 1000, np.zeros(2))})
        self.open = threading.Event()
        self.waiting = self.asked = 0

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Wait at the gate."""
        self.waiting += 1
        self.asked += 1
        assert self.open.wait(20)
        self.waiting -= 1
        return super().select(matchers, start, end)

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """Do not wait."""
        return super().series(matchers, start, end)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    """Provide the API over fifty series."""
    async with asking(SAMPLES) as asked:
        yield asked


@pytest.mark.parametrize("count", [2_000, 4_090, 30_000])
async def test_endless_expressions_are_refused(asked: Asked, count: int) -> None:
    """These would end a process whose parser is not fenced."""
    for text in ("1" + "+1" * count, "(" * count + "1", "-" * count + "x", "sum(" * count, "a" + " or a" * count):
        status, error_type, _ = await asked.error("query", {"query": text[:60_000]})
        assert (status, error_type) == (400, "bad_data")
    assert (await asked.ask("/api/v1/query?query=" + "1%2B" * 3000)).status == 400


async def test_large_forms_are_refused_unread(asked: Asked) -> None:
    """By what they say, and by what comes."""
    large = b"query=" + b"1" * LARGEST_FORM
    answer = await asked.ask("/api/v1/query", "POST", body=large, Content_Type="application/x-www-form-urlencoded")
    assert (answer.status, "a form may have 65536 bytes" in answer.text) == (400, True)
    host, port = asked.server.address
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n")
    writer.write(b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")
    for _ in range(3):
        writer.write(b"%x\r\n%b\r\n" % (LARGEST_FORM // 2, b"1" * (LARGEST_FORM // 2)))
    async with asyncio.timeout(60):
        assert b" 400 " in await reader.readline()
    writer.close()


async def test_bodies_that_are_no_form_are_refused(asked: Asked) -> None:
    """Each with what was wrong."""
    for body, kind, line in (
        (b'{"query": "1"}', "application/json", "a form is needed, and this is application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x", "a form is needed, and this is multipart/form-data"),
        (b"query=%ff%fe", "application/x-www-form-urlencoded", "the form cannot be read"),
        (b"\xff\xfe", "application/x-www-form-urlencoded", "the form cannot be read"),
        (b"&a=1" * 1000, "application/x-www-form-urlencoded", "the form cannot be read"),
    ):
        answer = await asked.ask("/api/v1/query", "POST", body=body, Content_Type=kind)
        assert answer.status == 400
        assert line in json.loads(answer.body)["error"]


async def test_parameters_are_limited_in_number(asked: Asked) -> None:
    """Selectors, and all together."""
    status, _, text = await asked.error("series", [("match[]", "x_total")] * (MOST_SELECTORS + 1))
    assert (status, text) == (400, f"match[] is given {MOST_SELECTORS + 1} times: give at most {MOST_SELECTORS}")
    status, _, text = await asked.error("series", [("match[]", "x_total")] * (MOST_FIELDS + 1))
    assert status == 400
    query = "&".join(["a=1"] * (MOST_FIELDS + 1))
    status, _, text = await asked.error(f"labels?{query}")
    assert (status, f"may have {MOST_FIELDS} parameters" in text) == (400, True)


@pytest.mark.parametrize(
    "text",
    [
        "1e400",
        "1e300",
        "9" * 100,
        "nan",
        "inf",
        "-",
        "0x10",
        "1_0",
        "2026-13-01T00:00:00Z",
        "2026-01-01",
        "\u0661",
        "1e15",
    ],
)
async def test_times_out_of_bounds_are_refused(asked: Asked, text: str) -> None:
    """As numbers, and as dates."""
    status, error_type, line = await asked.error("query", {"query": "1", "time": text})
    assert (status, error_type, 'invalid parameter "time"' in line) == (400, "bad_data", True)


async def test_samples_and_values_are_limited() -> None:
    """422, with what to do."""
    async with asking(SAMPLES, query_samples=1000) as asked:
        status, error_type, text = await asked.error("query", {"query": "rate(x_total[5m])", "time": 590})
        assert (status, error_type, "ask for fewer series" in text) == (422, "execution", True)
        assert len((await asked.data("query", {"query": 'x_total{a="1"}', "time": 590}))["result"]) == 1


async def test_all_queries_together_are_limited() -> None:
    """Twice as many samples as one may take; a query that has ended gives its own back."""
    async with asking(SAMPLES, query_samples=2_000) as asked:
        for _ in range(5):
            assert len((await asked.data("query", {"query": "rate(x_total[5m])", "time": 590}))["result"]) == 50
    budget = Budget(10)
    budget.take(6)
    with pytest.raises(UnavailableError, match="busy: queries may take 10 samples together"):
        budget.take(6)
    budget.give_back(6)
    budget.take(10)


async def test_requests_are_counted_by_their_result(asked: Asked) -> None:
    """Each result is there from the start, at 0; evaluations are timed."""
    await asked.data("query", {"query": "x_total", "time": 590})
    await asked.error("query", {"query": "x_total +", "time": 590})
    await asked.data("rules")
    shown = (await asked.ask("/metrics")).text.splitlines()
    for result in RESULTS:
        count = {"success": 2, "bad_data": 1}.get(result, 0)
        assert f'fog_aggregator_api_requests_total{{result="{result}"}} {count}' in shown
    assert "fog_aggregator_query_duration_seconds_count 1" in shown


@pytest.mark.parametrize(("patience", "seconds"), [("", 7), ("1h", 7), ("1500ms", 1.5), ("2", 2)])
async def test_time_is_limited(monkeypatch: pytest.MonkeyPatch, patience: str, seconds: float) -> None:
    """By the option; by the client, unless it asks for more than allowed."""
    storage, clock = Gate(), [1000.0]
    monkeypatch.setattr("fog_aggregator.components.http.prometheus.queries.monotonic", lambda: clock[0])
    for over in (0, 0.001):
        async with asking(storage, query_timeout=7.0) as asked:
            storage.open.clear()
            pending = asyncio.create_task(asked.ask("/api/v1/query", form={"query": "x + x", "timeout": patience}))
            await eventually(lambda: storage.waiting == 1)
            clock[0] += seconds + over
            storage.open.set()
            answer = await pending
            assert answer.status == (503 if over else 200)
            assert ("query timed out in expression evaluation" in answer.text) is bool(over)


async def test_others_are_answered_while_queries_are_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop is free, /metrics too; who finds no slot is told after a while."""
    monkeypatch.setattr("fog_aggregator.components.http.response_slots.LONGEST_WAIT", 0.1)
    storage = Gate()
    async with asking(storage, query_concurrency=2) as asked:
        pending = [asyncio.create_task(asked.data("query", {"query": "x"})) for _ in range(2)]
        await eventually(lambda: storage.waiting == 2)
        assert (await asked.ask("/-/healthy")).status == 200
        assert (await asked.ask("/metrics")).status == 200
        assert (await asked.ask("/api/v1/rules")).status == 200
        status, error_type, text = await asked.error("query", {"query": "x"})
        assert (status, error_type) == (503, "unavailable")
        assert text == "busy: 2 answers are being written already; try again"
        storage.open.set()
        await asyncio.gather(*pending)


async def test_who_goes_takes_the_query_along() -> None:
    """The evaluation ends when its client does, and its slot is free."""
    storage = Gate()
    async with asking(storage, query_concurrency=1) as asked:
        pending = asyncio.create_task(asked.ask("/api/v1/query", form={"query": "x + x + x + x"}))
        await eventually(lambda: storage.waiting == 1)
        assert asked.server._runner.server is not None  # noqa: SLF001 - nothing else tells when it is noticed
        (connection,) = asked.server._runner.server.connections  # noqa: SLF001 - nothing else tells when it is noticed
        pending.cancel()
        await eventually(lambda: connection.transport is None)
        storage.open.set()
        assert (await asked.data("query", {"query": "1"}))["result"][1] == "1"
        assert storage.asked == 1


async def test_a_service_that_stops_ends_its_queries() -> None:
    """At once, however long they could go on; the client is told."""
    storage = Gate()
    async with asking(storage) as asked:
        pending = asyncio.create_task(asked.error("query", {"query": "x + x"}))
        await eventually(lambda: storage.waiting == 1)
        await asked.queries.stop(0)
        storage.open.set()
        assert (await pending)[:2] == (503, "canceled")


async def test_a_large_answer_is_made_in_pieces(asked: Asked) -> None:
    """Of several pieces, compressed as they are made, and whole."""
    form = {"query": "x_total", "start": "0", "end": "590", "step": "0.5"}
    plain = await asked.ask("/api/v1/query_range", form=form)
    assert len(plain.body) > 500_000

    packed = await asked.ask("/api/v1/query_range", form=form, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(json.loads(plain.body)["data"]["result"]) == 50


async def test_not_ready_is_told_and_nothing_is_no_zero() -> None:
    """The past is answered with a warning; without one, 503 and no empty answer."""
    async with asking(SAMPLES) as asked:
        asked.status.reason = "the stream is being read"
        answer = json.loads((await asked.ask("/api/v1/query", form={"query": "x_total", "time": 590})).body)
        assert len(answer["data"]["result"]) == 50
        assert answer["warnings"] == ["not ready: the stream is being read; newer numbers may be missing"]
    async with asking(MemoryStorage({})) as asked:
        asked.status.reason = "the stream is being read"
        for path in ("query?query=x", "query_range?query=x&start=0&end=1&step=1", "series?match[]=x", "labels"):
            assert await asked.error(path) == (503, "unavailable", "not ready: the stream is being read")
        assert await asked.data("rules") == {"groups": []}


async def test_the_moment_is_now_when_none_is_named(asked: Asked) -> None:
    """The aggregator's time."""
    assert (await asked.data("query?query=time()"))["result"] == [1_700_000_000, "1700000000"]


async def test_a_refused_method_names_those_that_are_answered() -> None:
    """A question may be posted in some places (RFC 9110, 15.5.6)."""
    async with asking(Gate()) as asked:
        for path, allowed in (("/api/v1/query", {"GET", "HEAD", "POST"}), ("/metrics", {"GET", "HEAD"})):
            answer = await asked.ask(path, "PUT")
            assert (answer.status, set(answer.headers["Allow"].split(","))) == (405, allowed)
            assert answer.text.rstrip().endswith("nothing is changed over HTTP")
