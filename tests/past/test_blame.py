"""Which part of a real fog a change comes from, asked over HTTP and by the command."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fog_proving.fuzz.http.schema import Checker
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.processes import run
from tests.past.asking import Asked, asked

STEP = 0.5


async def a_step(fog: Asked) -> float:
    """Wait until the history has a step that has all that was counted until now; return its time."""
    await fog.settle()
    step = fog.aggregator.network.now() // STEP * STEP + STEP
    history, *_ = fog.aggregator.sources
    await eventually(lambda: (history.newest or 0) >= 1000 * step, what=f"the step of {step}")  # a thread takes it
    return await fog.settle() and step


async def blame(fog: Asked, **parameters: Any) -> Any:
    """Ask; the answer must be as the document says."""
    status, answer = await fog.get("/api/blame", **parameters)
    assert status == 200, answer
    _, document = await fog.get("/api/openapi.json")
    checker = Checker(document["components"]["schemas"])
    checker.check(
        answer, document["paths"]["/api/blame"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    )
    return answer


async def test_the_node_with_the_errors_is_found(fog_nats: NatsServer) -> None:
    """By exact sums of its own past, read from the stream; the command prints it."""
    async with asked(fog_nats, history_step=STEP) as fog:
        errors = {}
        for path in ("fog/0", "fog/0/1", "fog/0/2", "fog/0/3", "fog/1/1"):
            errors[path] = (await fog.node(path)).register_counter("errors_total", "Errors", ["code"])
            errors[path].labels("500").increment(10)
        before = await a_step(fog)
        for path, counter in errors.items():
            counter.labels("502").increment(94 if path == "fog/0/3" else 1)
        after = await a_step(fog)
        question = {"query": "sum(errors_total)", "from": before, "to": after}
        answer = await blame(fog, **question)
        assert answer["found"] == {"path": "fog/0/3", "share": 94 / 98, "reason": "nothing lies below it"}
        assert [(step["path"], step["before"], step["after"], step["rest"]) for step in answer["places"]] == [
            ("", 50, 148, 0),
            ("fog", 50, 148, 0),
            ("fog/0", 40, 137, 0),
        ]
        assert {child["path"]: child["change"] for child in answer["places"][-1]["children"]} == {
            "fog/0": 1,
            "fog/0/1": 1,
            "fog/0/2": 1,
            "fog/0/3": 94,
        }
        recent = await blame(fog, query="sum(errors_total)", window="1m")
        assert recent["to"] <= fog.aggregator.network.now() - STEP  # the step of now may not be there yet
        words = ["blame", "--from", str(before), "--to", str(after), "sum(errors_total)"]
        done = await asyncio.to_thread(run, *words, FOG_API_URL=fog.url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("sum(errors_total) rose by 98, from 50 to 148, between ")
        assert "96% of the rise is under fog/0/3 (nothing lies below it)\n" in done.stdout
        assert " * fog/0/3       +94  (10 -> 104)  contribution 97%  distance " in done.stdout
        done = await asyncio.to_thread(run, *words, "--json", FOG_API_URL=fog.url)
        assert json.loads(done.stdout) == answer


async def test_questions_without_an_answer(fog_nats: NatsServer) -> None:
    """Each says what was wrong, and what to do."""
    async with asked(fog_nats) as fog:
        await fog.node("fog/0")
        now = await fog.settle()
        for parameters, status, text in (
            ({"query": "sum("}, 400, "parse error"),
            ({"query": 'up{fog_path="fog"}'}, 400, "leave the place out of the expression"),
            ({"query": "up", "from": now, "to": now}, 400, "is not before the later one"),
            ({"query": "up", "from": now - 100, "window": "5m"}, 400, "give one of them"),
            ({"query": "up", "enough": 2}, 400, "a share is above 0 and at most 1"),
            ({"query": "up", "enough": "0.6_7"}, 400, "a share is above 0 and at most 1"),
            ({"query": "up", "to": "1_700_000_000"}, 400, "a moment is needed"),
            ({"query": "up", "from": " 1700000000"}, 400, "a moment is needed"),
            ({}, 400, "'query' is missing"),
        ):
            found, answer = await fog.get("/api/blame", **parameters)
            assert (found, text in answer["error"]) == (status, True), answer
