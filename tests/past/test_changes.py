"""Changes of metrics, over HTTP: the largest first, and the way down to where each is."""

from __future__ import annotations

from typing import Any

import pytest

from fog_proving.fuzz.http.schema import Checker
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.past.asking import Asked, asked
from tests.past.test_blame import STEP, a_step


async def changes(fog: Asked, before: float) -> Any:
    """Ask what has changed since a step, until the answer ends at a step that the history had by then."""
    history, *_ = fog.aggregator.sources

    async def said() -> Any:
        newest = (history.newest or 0) / 1000
        status, answer = await fog.get("/api/changes", window=f"{newest - before}")
        assert status == 200, answer
        return answer if answer["from"] == before else None

    return await eventually(said, what=f"the changes since {before}")


async def test_the_metric_that_changed_most_comes_first(fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gauge that rose most, before one that stayed; the way ends where nobody has 80 % of it; it is as described.

    Where only the first are compared, all are named.
    """
    async with asked(fog_nats, history_step=STEP) as fog:
        queues, loads = [], []
        for number in range(4):
            node = await fog.node(f"fog/{number}")
            node.register_gauge("steady", rollup=("sum",)).set(5)
            queues.append(node.register_gauge("queue", rollup=("sum",)))
            queues[-1].set(1)
            loads.append(node.register_gauge("load", rollup=("sum",)))
            loads[-1].set(10)
        before = await a_step(fog)
        for number, change in ((2, 20), (3, 80)):
            queues[number].set(1 + change)
        for number, change in ((2, 21), (3, 79)):
            loads[number].set(10 + change)
        await a_step(fog)
        answer = await changes(fog, before)
        _, document = await fog.get("/api/openapi.json")
        content = document["paths"]["/api/changes"]["get"]["responses"]["200"]["content"]
        Checker(document["components"]["schemas"]).check(answer, content["application/json"]["schema"])
        found = {one["metric"]: one for one in answer["changes"]}
        assert next(iter(found)) == "queue"
        queue, steady = found["queue"], found["steady"]
        assert answer["since"] <= before  # how far back there is history
        assert (queue["before"], queue["now"], queue["where"]) == (4, 104, "under one place")
        assert [(one["path"], one["share"]) for one in queue["way"]] == [("fog", 1), ("fog/3", 0.8)]
        assert [one["path"] for one in found["load"]["way"]] == ["fog"], "79 % are too few"
        assert (steady["size"], steady["where"], steady["way"]) == (0, "nothing has changed", [])
        monkeypatch.setattr("fog_aggregator.components.http.past.changes.MOST_METRICS", 1)
        answer = await changes(fog, before)
        assert (answer["metrics"], answer["compared"], len(answer["names"])) == (3, 1, 3)


async def test_a_quantile_is_told_by_what_lies_beyond_its_old_value(fog_nats: NatsServer) -> None:
    """Three nodes wait as before, the fourth longer: p99 has a row of its own, and its rise is under that node."""
    async with asked(fog_nats, history_step=STEP) as fog:
        waits = [(await fog.node(f"fog/{number}")).register_histogram("wait", buckets=(1, 2, 4)) for number in range(4)]

        def observe(values: list[float]) -> None:
            for wait, value in zip(waits, values, strict=True):
                wait.observe(value)

        observe([0.5] * 4)
        await a_step(fog)
        observe([0.5] * 4)
        before = await a_step(fog)
        for _ in range(20):
            observe([0.5, 0.5, 0.5, 3])
        await a_step(fog)
        answer = await changes(fog, before)
        rows = {(one["metric"], one["quantile"]): one for one in answer["changes"]}
        assert set(rows) == {("wait", None), ("wait", 0.99)}
        quantile = rows["wait", 0.99]
        assert quantile["type"] == "histogram"
        assert quantile["now"] > 2.0 > quantile["before"]
        assert [one["path"] for one in quantile["way"]][-1:] == ["fog/3"]
        assert (answer["compared"], answer["names"]) == (1, ["wait"])


async def test_rates_are_taken_over_as_long_as_nodes_are_silent(fog_nats: NatsServer) -> None:
    """Of a place over four frames of nine in ten of its nodes; places are compared over what half of them need."""
    async with asked(fog_nats, history_step=STEP) as fog:
        for path, interval in (
            ("fog/0/0", 0.1),
            ("fog/0/1", 120.0),
            *((f"fog/1/{number}", 120.0 if number == 9 else 0.1) for number in range(10)),
        ):
            (await fog.node(path, interval)).register_counter("orders_total").increment()
        await fog.settle()

        async def rows(place: str) -> Any:
            """Ask until the counter is at both moments: a rate needs two steps of it."""
            answer = (await fog.get("/api/changes", path=place, window=STEP))[1]
            return answer if answer["changes"] else None

        seldom, often = await eventually(lambda: rows("fog/0")), await eventually(lambda: rows("fog/1"))
        assert (seldom["least_window"], often["least_window"]) == (481, 60)
        assert seldom["changes"][0]["query"] == "sum(rate(orders_total[481s]))"
        assert often["changes"][0]["query"] == "sum(rate(orders_total[5m]))"
        for question, path, least in (
            ("likeness", "fog/0/1", 481),
            ("likeness", "fog/1", 60),
            ("unlike", "fog/0", 481),
            ("unlike", "fog", 481),
        ):
            assert (await fog.get(f"/api/{question}", path=path))[1]["least_window"] == least, (question, path)
        for path, window in (("fog", "[5m]"), ("fog/0/1", "[481s]")):
            status, layer = await fog.get("/api/tree", format="columns", metric="orders_total", path=path)
            assert status == 200, layer
            assert window in layer["query"]
