"""Metrics of a place beside its siblings' and those of all places of its level, over HTTP."""

from __future__ import annotations

from fog_proving.fuzz.http.schema import Checker
from fog_testing.nats_server import NatsServer
from tests.past.asking import asked


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
