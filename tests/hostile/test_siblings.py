"""A login that is shown a subtree learns nothing of any other place, whatever it asks of all that is documented."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from fog_proving.fuzz.http.fog import OWN, SIBLING, a_fog
from fog_proving.fuzz.http.judge import wrong_with
from fog_proving.fuzz.http.questions import good_questions, question

_QUESTIONS: Final = 300


async def test_no_answer_is_wrong_or_has_a_siblings_name(tmp_path: Path) -> None:
    """Of any route, with any parameters: no fault, as described, nothing of others; most routes have answers."""
    answered: Counter[str] = Counter()
    random = Random(1)
    async with a_fog(tmp_path) as fog:
        document, now = await fog.document(), fog.aggregator.network.now()
        drawn = (question(document, random, now=now) for _ in range(_QUESTIONS))
        for asked in (*good_questions(document, now=now), *drawn):
            answer = await fog.ask("one", asked.path, asked.fields, asked.method)
            assert not wrong_with(document, "one", asked, answer), (asked, answer)
            answered[asked.route] += answer.status == 200
    silent = {path for path in document["paths"] if not answered[path]}
    refused = {"/-/reload", "/api/checkpoint", "/api/retired", "/api/v1/rules"} | {
        f"/api/silences/{what}" for what in ("add", "expire")
    }
    assert silent <= refused, "these are refused, and no others"


async def test_a_siblings_place_is_refused_by_name(tmp_path: Path) -> None:
    """In words that do not depend on whether it is there; so is what is of the whole fleet."""
    async with a_fog(tmp_path) as fog:
        for place in (f"fog/{SIBLING}", "fog/nobody", "fog", "fog/00"):
            for label in ("fog_path", "fog_node"):
                answer = await fog.ask("one", "/api/v1/query", {"query": f'orders_total{{{label}="{place}"}}'})
                assert (answer.status, json.loads(answer.text)["error"]) == (
                    422,
                    f"fog/0 alone is shown to you, and not {place}",
                )
            assert (await fog.ask("one", "/api/at", {"path": place, "time": "1e9"})).status == 403
            blamed = {"path": place, "query": "sum(orders_total)"}
            assert (await fog.ask("one", "/api/blame", blamed)).status == 403
        for name in ("fog_aggregator_frames_total", "fog:orders"):
            answer = await fog.ask("one", "/api/v1/query", {"query": name})
            assert (answer.status, "of the whole fleet" in answer.text) == (422, True)
        above = await fog.ask("one", "/api/v1/query", {"query": 'orders_total{fog_level="0"}'})
        assert (above.status, "ask for level 1 or more" in above.text) == (422, True)


async def test_a_subtree_is_as_the_whole(tmp_path: Path) -> None:
    """The same questions without a place, asked by who is shown everything with one, have the same answers."""
    async with a_fog(tmp_path) as fog:

        async def value(login: str, query: str) -> dict[str, str]:
            answer = await fog.ask(login, "/api/v1/query", {"query": query})
            assert answer.status == 200, answer
            found = json.loads(answer.text)["data"]["result"]
            return {json.dumps(one["metric"]): one["value"][1] for one in found}

        assert await value("one", "sum(orders_total)") == {"{}": "9"}
        assert await value("all", "sum(orders_total)") == {"{}": "21"}
        assert await value("one", "sold_total") == await value("all", 'sold_total{fog_path="fog/0"}')
        by_level = 'sum by (fog_path) (orders_total{fog_level="2"})'
        assert {json.loads(key)["fog_path"] for key in await value("one", by_level)} == set(OWN)
        status = json.loads((await fog.ask("one", "/api/status")).text)
        assert (status["path"], status["coverage"]["nodes"]["live"], status["streams"]) == ("fog/0", 3, [])
        events = json.loads((await fog.ask("one", "/api/events")).text)
        names = [one["name"] for one in events["events"]]
        assert names.count("event") == 3
        assert not any(SIBLING in name for name in names)
        assert (events["total"], events["lost"]) == (None, None)
        alerts = json.loads((await fog.ask("one", "/api/v1/alerts")).text)["data"]["alerts"]
        assert [alert["labels"]["fog_path"] for alert in alerts] == ["fog/0"]
        assert alerts[0]["annotations"] == {"summary": "fog/0 has some"}
        silences = json.loads((await fog.ask("one", "/api/silences")).text)
        assert [one["path"] for one in silences] == ["fog/0/1"]
        everything = await fog.ask("all", "/api/v1/alerts")
        assert SIBLING in everything.text, "the test would see a sibling's name"


async def test_the_document_says_how_to_log_in(tmp_path: Path) -> None:
    """By token or password, but for what is open to all."""
    async with a_fog(tmp_path) as fog:
        document = await fog.document()
    assert {one["scheme"] for one in document["components"]["securitySchemes"].values()} == {"bearer", "basic"}
    assert document["security"] == [{"token": []}, {"password": []}]
    open_to_all = {path for path, found in document["paths"].items() if found.get("get", {}).get("security") == []}
    assert open_to_all == {"/-/healthy", "/-/ready"}
