"""Changes of metrics, over HTTP: the largest first, and the way down to where each is."""

from __future__ import annotations

from fog_proving.fuzz.http.schema import Checker
from fog_testing.nats_server import NatsServer
from tests.past.asking import asked
from tests.past.test_blame import STEP, a_step


async def test_the_metric_that_changed_most_comes_first(fog_nats: NatsServer) -> None:
    """A gauge that rose at one node, before one that stayed; the answer is as described."""
    async with asked(fog_nats, history_step=STEP) as fog:
        queues = []
        for number in range(4):
            node = await fog.node(f"fog/{number}")
            node.register_gauge("steady", rollup=("sum",)).set(5)
            queues.append(node.register_gauge("queue", rollup=("sum",)))
            queues[-1].set(1)
        before = await a_step(fog)
        queues[3].set(97)
        after = await a_step(fog)
        status, answer = await fog.get("/api/changes", window=f"{after - before}")
        assert status == 200, answer
        _, document = await fog.get("/api/openapi.json")
        content = document["paths"]["/api/changes"]["get"]["responses"]["200"]["content"]
        Checker(document["components"]["schemas"]).check(answer, content["application/json"]["schema"])
        found = {one["metric"]: one for one in answer["changes"]}
        assert next(iter(found)) == "queue"
        queue, steady = found["queue"], found["steady"]
        assert (queue["before"], queue["now"], queue["where"]) == (4, 100, "under one place")
        assert [(one["path"], one["share"]) for one in queue["way"]] == [("fog", 1), ("fog/3", 1)]
        assert (steady["size"], steady["where"], steady["way"]) == (0, "nothing has changed", [])
