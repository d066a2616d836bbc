"""Nodes are found by text and state, and every one of them is reached page by page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.places.expected import parse_expected
from fog_aggregator.query.listing.finding import Mark, Text, format_cursor, has_pieces, is_like, parse_cursor
from fog_schema.paths import parse_path
from tests.aggregator.fleet import Fleet
from tests.aggregator.serving import Served, serving

PIECES = st.text("ab/", max_size=8)


@given(PIECES, st.text("ab/*", min_size=1, max_size=6))
def test_a_star_is_anything(text: str, word: str) -> None:
    """As a regular expression would say, and in a time that grows with the text alone."""
    expression = ".*".join(map(re.escape, word.split("*")))
    pieces = [piece for piece in word.split("*") if piece] or [""]
    assert has_pieces(text, pieces) == bool(re.search(expression, text))
    assert is_like(text, word.split("*")) == bool(re.fullmatch(expression, text))


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.lists(st.text("ab~1", min_size=1), min_size=1))
def test_a_cursor_is_read_as_it_was_written(first: float, second: float, tokens: list[str]) -> None:
    """Whatever the order and the numbers."""
    mark = Mark(first, second, tuple(tokens))
    assert parse_cursor(format_cursor("worst", mark)) == ("worst", mark)


def test_words_are_few() -> None:
    """So that nobody asks for a thousand passes over all paths."""
    with pytest.raises(ValueError, match="9 words: at most 8"):
        Text.of("a " * 9)


def fleet() -> Fleet:
    """Return a fleet of 24 nodes: two racks; some nodes are silent for different times."""
    made = Fleet()
    made.network.expected = parse_expected(["fog/r1/missing", "fog/r0/a", "fog/r0/b"])
    for number in range(24):
        made.join(f"fog/r{number % 2}/n{number:02d}", version=f"2.{number % 3}", role="core" if number < 4 else "edge")
    made.send()
    for step in range(6):
        made.now += 20
        for member in made.members[2 * step :]:
            member.send()
    return made


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Serve it."""
    async with serving(fleet()) as found:
        yield found


async def pages(served: Served, query: str, limit: int) -> list[dict[str, Any]]:
    """Ask for all pages, one after the other."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await served.json(f"/api/nodes?{query}&limit={limit}" + (f"&cursor={quote(cursor)}" if cursor else ""))
        found += answer["nodes"]
        assert len(answer["nodes"]) <= limit
        if answer["next"] is None:
            assert answer["total"] == len(found)
            return found
        cursor = answer["next"]


@pytest.mark.parametrize("sort", ["path", "worst", "silence", "frames", "cpu_seconds"])
@pytest.mark.parametrize("state", ["", "&state=stale&state=missing&state=live", "&state=missing"])
async def test_every_node_is_reached_once(served: Served, sort: str, state: str) -> None:
    """In any order and with any page, all of them, each once, in the order of the whole."""
    at_once = [node["path"] for node in await pages(served, f"sort={sort}{state}", 100)]
    assert len(set(at_once)) == len(at_once) == (3 if state == "&state=missing" else 24 + 3 * bool(state))
    for limit in (1, 5, 24):
        assert [node["path"] for node in await pages(served, f"sort={sort}{state}", limit)] == at_once


@pytest.mark.parametrize("sort", ["path", "worst", "silence"])
async def test_nodes_that_stay_are_reached_while_others_come_and_go(served: Served, sort: str) -> None:
    """Nodes before, at and after the cursor go, others come: each that stays is listed once."""
    fleet, found, cursor = served.fleet, list[str](), ""
    gone, come = ("fog/r0/n00", "fog/r0/n10", "fog/r1/n11"), ("fog/a/n1", "fog/r0/n05", "fog/r1/n99")
    while True:
        after = f"&cursor={quote(cursor)}" if cursor else ""
        answer = await served.json(f"/api/nodes?sort={sort}&limit=4{after}")
        found += [node["path"] for node in answer["nodes"]]
        if not answer["next"]:
            break
        if not cursor:
            for path in come:
                fleet.join(path).send()
            for path in (*gone, found[-1]):
                with fleet.network.lock:
                    fleet.state.forget(parse_path(path), fleet.now + 4000, 0.0)
        cursor = answer["next"]
    stay = {f"fog/r{number % 2}/n{number:02d}" for number in range(24)} - {*gone, found[3]}
    assert len(found) == len(set(found))
    assert stay <= set(found)
    assert not set(gone) & set(found[4:])


async def test_the_worst_come_first(served: Served) -> None:
    """By state, and then the longest silent; a page goes on where the one before ended, though time has passed."""
    states = "state=stale&state=missing&state=live"
    first = await served.json(f"/api/nodes?sort=worst&{states}&limit=5")
    assert [node["state"] for node in first["nodes"]] == ["missing"] * 3 + ["stale"] * 2
    assert first["nodes"][3]["path"] == "fog/r0/n00"
    served.fleet.now += 1
    second = await served.json(f"/api/nodes?sort=worst&{states}&limit=5&cursor={quote(first['next'])}")
    ages = [node["last_heard_age_seconds"] for node in (*first["nodes"], *second["nodes"]) if node["state"] == "stale"]
    assert [round(age) for age in ages] == sorted((round(age) for age in ages), reverse=True)
    assert not {node["path"] for node in first["nodes"]} & {node["path"] for node in second["nodes"]}
    other = await served.ask(f"/api/nodes?sort=path&cursor={quote(first['next'])}")
    assert (other.status, "the cursor is of sort=worst" in other.text) == (400, True)
    broken = await served.ask("/api/nodes?cursor=x")
    assert (broken.status, "the `next` of an answer is needed" in broken.text) == (400, True)


async def test_words_choose(served: Served) -> None:
    """Parts of paths, with stars, and what a node tells; all of them; the states are counted before one is chosen."""

    async def found(q: str, more: str = "") -> list[str]:
        return [node["path"] for node in (await served.json(f"/api/nodes?q={quote(q)}{more}"))["nodes"]]

    assert await found("r1/n0") == [f"fog/r1/n0{number}" for number in (1, 3, 5, 7, 9)]
    assert await found("r1*3") == ["fog/r1/n03", "fog/r1/n13", "fog/r1/n23"]
    assert await found("role=core") == ["fog/r0/n00", "fog/r0/n02", "fog/r1/n01", "fog/r1/n03"]
    assert await found("r0 role=c* version=*.2") == ["fog/r0/n02"]
    assert await found("nothing") == []
    assert await found("miss", "&state=missing") == ["fog/r1/missing"]
    answer = await served.json("/api/nodes?q=r0&state=stale&limit=0")
    states = answer["states"]
    assert (answer["total"], answer["next"]) == (states["stale"], None)
    assert (states["live"] + states["stale"], states["missing"]) == (12, 2)


async def test_states_count_nodes_that_are_not_listed(served: Served) -> None:
    """All that are expected at and under a path, though they are one row, which stands only where it is asked for."""
    served.fleet.network.expected = parse_expected(["fog/r9=7", "fog/r0/a"])
    answer = await served.json("/api/nodes?limit=1")
    assert (answer["total"], answer["states"]["missing"], sum(answer["states"].values())) == (24, 8, 32)
    assert (await served.json("/api/nodes?state=missing"))["total"] == 2
