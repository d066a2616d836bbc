"""Metrics of a place beside its siblings' and those of all places of its level, over HTTP."""

from __future__ import annotations

from typing import Any

from fog_aggregator.components.http.past.likeness import MOST_VALUES, scopes_of
from fog_aggregator.components.http.past.unlike import places_unlike
from fog_proving.fuzz.http.schema import Checker
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.past.asking import asked
from utilityfog_frontend.telemetry.kinds import MetricType
from utilityfog_frontend.telemetry.model import Family


async def test_a_host_is_like_its_siblings_and_unlike_the_rest(fog_nats: NatsServer) -> None:
    """All nodes of one rack have long queues: each is like the others there, and unlike all nodes. Page by page."""
    async with asked(fog_nats) as fog:
        for rack in range(3):
            for host in range(5):
                node = await fog.node(f"fog/{rack}/{host}")
                node.register_gauge("queue").set(100 if rack == 2 else 1 + host / 10)
                node.register_gauge("steady").set(7)
        await fog.settle()
        status, answer = await fog.get("/api/likeness", path="fog/2/0")
        assert status == 200, answer
        _, document = await fog.get("/api/openapi.json")
        content = document["paths"]["/api/likeness"]["get"]["responses"]["200"]["content"]
        Checker(document["components"]["schemas"]).check(answer, content["application/json"]["schema"])
        assert (answer["siblings"], answer["places"], answer["total"]) == (4, 15, 2)
        queue, steady = answer["metrics"]
        assert (queue["metric"], queue["value"]) == ("queue", 100)
        assert (queue["siblings"]["ratio"], queue["siblings"]["unlike"]) == (1, False)
        assert queue["all"]["ratio"] > 50
        assert queue["all"]["unlike"]
        assert not steady["all"]["unlike"]
        _, second = await fog.get("/api/likeness", path="fog/2", limit=1, offset=1)
        assert [one["metric"] for one in second["metrics"]] == ["steady"]
        assert second["metrics"][0]["siblings"] is None, "two others are too few to be unlike them"
        assert (await fog.get("/api/likeness"))[0] == 400
        assert (await fog.get("/api/likeness", path="fog/9"))[0] == 404


async def test_children_that_are_unlike_their_siblings(fog_nats: NatsServer) -> None:
    """One rack of six has long queues: it is named with how much longer, and no metric that is alike everywhere."""
    async with asked(fog_nats) as fog:
        for rack in range(6):
            node = await fog.node(f"fog/{rack}/0")
            node.register_gauge("queue").set(100 if rack == 2 else 1 + rack / 10)
            node.register_gauge("steady").set(7)
        await fog.settle()

        async def unlike() -> Any:
            """Ask until the racks are compared: a busy machine has some of them later in the past."""
            status, answer = await fog.get("/api/unlike", path="fog")
            assert status == 200, answer
            return answer if answer["metrics"] else None

        answer = await eventually(unlike)
        _, document = await fog.get("/api/openapi.json")
        content = document["paths"]["/api/unlike"]["get"]["responses"]["200"]["content"]
        Checker(document["components"]["schemas"]).check(answer, content["application/json"]["schema"])
        assert (answer["children"], answer["total"], answer["compared"]) == (6, 2, 2)
        [queue] = answer["metrics"]
        assert queue["metric"] == "queue"
        assert [(one["path"], one["value"]) for one in queue["places"]] == [("fog/2", 100)]
        assert queue["places"][0]["ratio"] > 50
        assert (await fog.get("/api/unlike", path="fog/2"))[1]["metrics"] == [], "one child has no siblings"
        assert (await fog.get("/api/unlike", path="fog/9"))[0] == 404


def test_of_many_children_the_extreme_ones_are_compared() -> None:
    """Three at each end, the farthest first; without five values nothing is unlike, and NaN is no value."""
    values = {f"p{number}": 10.0 + number % 3 for number in range(50)} | {
        "low": 0.1,
        "high": 900.0,
        "none": float("nan"),
    }
    assert [one["path"] for one in places_unlike(values)] == ["high", "low"]
    assert places_unlike({"a": 1.0, "b": 1.0, "c": 1.0, "d": 99.0}) == []
    assert places_unlike({}) == []


async def test_a_histogram_is_compared_by_its_99th_percentile(fog_nats: NatsServer) -> None:
    """A node that is slower than its siblings at an equal number of observations is unlike them.

    The values of a node at a shallower path, which a level has too, are none of its places.
    """
    async with asked(fog_nats) as fog:
        waits = [
            (await fog.node(path)).register_histogram("wait_seconds", "Waiting", [0.1, 1.0, 10.0])
            for path in ("fog/0", "fog/0/0", *(f"fog/0/{host}" for host in range(1, 6)))
        ]

        async def compared() -> dict[str, Any] | None:
            """Observe again, and ask: a rate needs several steps of the history with observations in them."""
            for number, wait in enumerate(waits):
                for _ in range(20):
                    wait.observe(9.0 if number == 1 else 0.05)
            await fog.settle()
            _, answer = await fog.get("/api/likeness", path="fog/0/0")
            return dict(answer) if answer["metrics"][0]["siblings"] else None

        answer = await eventually(compared, deadline=60)
        assert answer is not None
        [wait_seconds] = answer["metrics"]
        assert (wait_seconds["quantile"], answer["siblings"], answer["places"]) == (0.99, 5, 6)
        assert wait_seconds["value"] > 1
        assert wait_seconds["siblings"]["unlike"]
        assert wait_seconds["all"] == wait_seconds["siblings"], "the place above is of another level"


def test_an_answer_reads_no_more_than_its_share() -> None:
    """Of many places not all metrics can be compared: the first with all, the next with siblings, others with none."""
    families = [Family(name, MetricType.GAUGE) for name in "abcd"]
    assert [one.name for one in scopes_of(families, MOST_VALUES // 2, 10)] == [
        "EVERYWHERE",
        "EVERYWHERE",
        "ALONE",
        "ALONE",
    ]
    assert [one.name for one in scopes_of(families, MOST_VALUES, MOST_VALUES - 1)] == ["EVERYWHERE", *["ALONE"] * 3]
    assert [one.name for one in scopes_of(families, MOST_VALUES + 1, MOST_VALUES // 2)] == [
        *["BESIDE"] * 2,
        *["ALONE"] * 2,
    ]
    histogram = Family("h", MetricType.HISTOGRAM, bounds=(0.1, 1.0))
    assert [one.name for one in scopes_of([histogram], MOST_VALUES // 2, 10)] == ["BESIDE"]
